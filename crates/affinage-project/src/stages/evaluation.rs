//! An evaluation folder `evals/NAME/`: the plan, the prompts, what every arm answered, and the fit to the held-out
//! texts. Judging, analysis and the report read these files.

pub mod analysis;
pub mod answers;
pub mod audit;
mod likelihood;
pub mod plan;
pub mod reach;
mod remote;
pub mod room;
pub mod series;
pub mod settings;
pub mod stored;
pub mod thinking;

use std::collections::{BTreeMap, BTreeSet};

use affinage_dataset::message::{Message, Role};
use affinage_dataset::tokenize::{LossMode, tokenize_example, tokenize_prompt};
use affinage_dataset::tokenizer::Tokenizer;
use affinage_engine::checkpoint::{adapter_sha256, load_adapter};
use affinage_engine::generate::{Finish, Request};
use affinage_engine::lora::Adapter;
use affinage_engine::model::Model;
use affinage_eval::analyze::unequal_cuts;
use affinage_eval::completion::{Completion, CompletionKey, FinishReason, Sampling};
use affinage_eval::id::row_id;
use affinage_eval::plain::{counted, listed};
use affinage_eval::plan::{Arm, ArmKind, BASE_AGAIN, Plan, PlannedJudge};
use affinage_eval::registry::Instruments;
use affinage_eval::suite::{Domain, Prompt};
use affinage_eval::thought::{begun_by_prompt, is_mark, split_thought};
use anyhow::{Context as _, anyhow};

use crate::errors::{HintExt as _, interrupted};
use crate::folder::evaluation::{Document, Evaluation};
use crate::folder::lock::FolderLock;
use crate::folder::project::Project;
use crate::folder::registry;
use crate::folder::run::Run;
use crate::interrupt;
use crate::model::LoadedModel;
use crate::next::{Next, next};
use crate::stages::generation::{Answer, generate};
use crate::stages::judges::rubrics;
use crate::stages::suites::IN_DOMAIN;
pub use remote::{Remote, Taken};

/// An evaluation folder whose plan is fixed.
pub struct FixedEvaluation {
    pub folder: Evaluation,
    pub plan: Plan,
    pub prompts: Vec<Prompt>,
    /// Whether it was made just now.
    pub is_new: bool,
    _lock: FolderLock,
}

impl FixedEvaluation {
    /// Writes the plan and the prompts of a new evaluation, or opens an existing one with the same plan.
    ///
    /// Errors: the plan contradicts itself; the folder holds another plan (answers to one plan are no answers to
    /// another).
    pub fn fix(ctx: &Project, plan: Plan, prompts: Vec<Prompt>) -> anyhow::Result<FixedEvaluation> {
        plan.validate()?;
        let folder = Evaluation::named(&ctx.project, &plan.name);
        folder.create()?;
        let lock = folder.lock()?;
        let instruments =
            |prompts: &[Prompt]| Ok::<_, anyhow::Error>(Instruments::of(prompts, &rubrics(ctx)?));
        match kept_in(ctx, &folder, &plan, &prompts)? {
            Kept::Other { changes } => Err(other_plan(ctx, &plan, &changes)),
            Kept::Same { plan: fixed, text, prompts } => {
                for judge in plan.judges.iter().filter(|judge| !fixed.judges.contains(judge)) {
                    ctx.ui
                        .say(format!("`{}` is beyond the plan, and the report will say so", judge.judge_id));
                }
                registry::planned(ctx, &fixed, &text, &prompts, instruments(&prompts)?)?;
                Ok(FixedEvaluation { folder, plan: *fixed, prompts, is_new: false, _lock: lock })
            }
            Kept::Nothing => {
                folder.prompts().replace(&prompts)?;
                folder.keep_settings(&ctx.config.effective_toml())?;
                folder.plan_file().write(&plan)?;
                registry::planned(ctx, &plan, &Document::text(&plan)?, &prompts, instruments(&prompts)?)?;
                if !plan.is_null_test() {
                    series::say_votes_stay(ctx, &plan.name)?;
                }
                Ok(FixedEvaluation { folder, plan, prompts, is_new: true, _lock: lock })
            }
        }
    }

    /// As [`FixedEvaluation::fix`] in the series that the plan's name begins: opens the one of the same plan, or makes the next
    /// with the answers that the others have for it already.
    pub fn fix_in_series(
        ctx: &Project,
        mut plan: Plan,
        prompts: Vec<Prompt>,
    ) -> anyhow::Result<FixedEvaluation> {
        let first = plan.name.clone();
        let members = series::members(&ctx.project, &first)?;
        let mut other = None;
        for name in &members {
            plan.name.clone_from(name);
            let folder = Evaluation::named(&ctx.project, name);
            match kept_in(ctx, &folder, &plan, &prompts)? {
                Kept::Other { changes } => other = Some((name, changes)),
                Kept::Same { .. } if members.len() > 1 => {
                    ctx.ui.say(format!(
                        "evaluation `{name}`: it was planned for this training and these settings"
                    ));
                    return Self::fix(ctx, plan, prompts);
                }
                Kept::Same { .. } | Kept::Nothing => return Self::fix(ctx, plan, prompts),
            }
        }
        plan.name = series::next(&ctx.project, &first)?;
        let Some((before, changes)) = other else { return Self::fix(ctx, plan, prompts) };
        ctx.ui.say(format!(
            "evaluation `{}`, because `{before}` was planned for something else: {}",
            plan.name,
            in_short(&changes)
        ));
        let evaluation = Self::fix(ctx, plan, prompts)?;
        evaluation.take_over(ctx, &members)?;
        Ok(evaluation)
    }

    /// Copies the answers that other evaluations hold to the same prompts by the same weights, seeds and sampling.
    fn take_over(&self, ctx: &Project, others: &[String]) -> anyhow::Result<()> {
        let everything = |_: &Arm, _: &Prompt| true;
        let keys = self.plan.arms.iter().flat_map(|arm| self.keys(arm, everything));
        let mut wanted: BTreeSet<String> = keys.map(|(key, _)| key.completion_id()).collect();
        let mut taken: Vec<Completion> = Vec::new();
        for other in others.iter().rev() {
            let rows = Evaluation::named(&ctx.project, other).completions().read(&ctx.ui)?;
            taken.extend(rows.into_iter().filter(|row| wanted.remove(&row.completion_id)));
        }
        if !taken.is_empty() {
            self.folder.completions().replace(&taken)?;
            let answers = counted(taken.len(), "answer is", "answers are");
            ctx.ui.say(format!(
                "{answers} taken over from the evaluations before: the same models and settings"
            ));
        }
        Ok(())
    }

    /// The adapter of an arm, checked against the hash in the plan.
    fn adapter(&self, ctx: &Project, engine: &Model, arm: &Arm) -> anyhow::Result<Option<Adapter>> {
        let Some((planned, path)) = arm.adapter_sha256().zip(arm.adapter_path()) else { return Ok(None) };
        let path = ctx.project.join(path);
        let adapter = load_adapter(&path, engine.config())?;
        let found = adapter_sha256(&adapter);
        if found != planned {
            return Err(anyhow!(
                "{}: the adapter's SHA-256 is {found}, the plan has {planned}",
                path.display()
            ))
            .hint("the adapter was replaced after the plan was fixed; make a new evaluation");
        }
        Ok(Some(adapter))
    }

    /// Generates what the arms on `model` lack in `completions.jsonl`. `asked` says which arms meet which prompts.
    pub fn generate(
        &self,
        ctx: &Project,
        model: &LoadedModel,
        engine: &Model,
        asked: impl Fn(&Arm, &Prompt) -> bool,
    ) -> anyhow::Result<()> {
        let rows = self.folder.completions().read(&ctx.ui)?;
        let present: BTreeSet<&str> = rows.iter().map(|row| row.completion_id.as_str()).collect();
        let mut writer = self.folder.completions().appender(&ctx.ui)?;
        let keys = |arm| self.keys(arm, &asked);
        let arms: Vec<&Arm> = self.arms_on(&model.sha256).collect();
        let total: usize = arms.iter().map(|arm| keys(arm).len()).sum();
        let missing = |arm| -> Vec<(CompletionKey<'_>, &Prompt)> {
            keys(arm).into_iter().filter(|(key, _)| !present.contains(key.completion_id().as_str())).collect()
        };
        let planned: usize = arms.iter().map(|arm| missing(arm).len()).sum();
        if planned == 0 {
            ctx.ui.say(match total {
                0 => "no answers were asked for".to_owned(),
                1 => "the one answer is there".to_owned(),
                _ => format!("all {total} answers are there"),
            });
            return Ok(());
        }
        let progress = ctx.ui.progress("generating", planned as u64, "answers");
        // One queue over all arms: the last answers of one arm share their batch with the first of the next.
        let (mut adapters, mut asked_for, mut requests) = (Vec::new(), Vec::new(), Vec::new());
        let mut begun = Vec::new();
        for arm in arms.into_iter().filter(|arm| !missing(arm).is_empty()) {
            for (key, prompt) in missing(arm) {
                let request = self.request(model, arm, &key, prompt)?;
                begun.push(thought_begun(model, &request.prompt)?);
                requests.push((adapters.len(), request));
                asked_for.push(key);
            }
            adapters.push(self.adapter(ctx, engine, arm)?);
        }
        let adapters: Vec<Option<&Adapter>> = adapters.iter().map(Option::as_ref).collect();
        let batch = ctx.config.generate.batch;
        let mut tokens = 0;
        generate(engine, &adapters, &model.end_tokens, requests, batch, |index, answer| {
            tokens += answer.ids.len();
            progress.note(asked_for[index].arm.to_owned());
            progress.advance(1);
            writer.append(&completion(model, &asked_for[index], &answer, begun[index].as_deref())?)
        })?;
        if interrupt::requested() {
            progress.finish("");
            return Err(interrupted("stopped; the answers so far are saved"))
                .hint("run the same command again to continue");
        }
        writer.sync()?;
        progress.finish(format!(
            "generated {}, {}",
            counted(planned, "answer", "answers"),
            counted(tokens, "token", "tokens")
        ));
        Ok(())
    }

    /// Says before anybody judges that what will be compared are cut texts.
    pub fn warn_of_cuts(&self, ctx: &Project) -> anyhow::Result<()> {
        let rows = self.folder.completions().read(&ctx.ui)?;
        if let Some(cuts) = unequal_cuts(&self.plan, &self.prompts, &rows) {
            let room = 2 * self.plan.sampling.max_new_tokens;
            ctx.ui.warn(format!(
                "{cuts} To give them more room, in another evaluation beside this one: {}",
                of_run(ctx, &self.plan, next("eval").set("eval.max-new-tokens", room))
            ));
        }
        Ok(())
    }

    /// The arms whose weights, without an adapter, are these.
    fn arms_on<'a>(&'a self, base_sha256: &'a str) -> impl Iterator<Item = &'a Arm> {
        self.plan.arms.iter().filter(move |arm| self.plan.base_sha256_of(arm) == Some(base_sha256))
    }

    /// Whether the arms on a model lack an answer or a score.
    pub fn lacks(
        &self,
        ctx: &Project,
        base_sha256: &str,
        other_writer: &BTreeMap<String, String>,
        asked: impl Fn(&Arm, &Prompt) -> bool,
    ) -> anyhow::Result<bool> {
        let arms: Vec<&Arm> = self.arms_on(base_sha256).collect();
        Ok(!self.missing(ctx, &arms, asked)?.is_empty()
            || self.has_unscored(ctx, base_sha256, other_writer)?)
    }

    fn keys<'a>(
        &'a self,
        arm: &'a Arm,
        asked: impl Fn(&Arm, &Prompt) -> bool,
    ) -> Vec<(CompletionKey<'a>, &'a Prompt)> {
        let prompts = self.prompts.iter().filter(|prompt| asked(arm, prompt));
        prompts
            .flat_map(|prompt| {
                (0..self.plan.samples()).map(move |sample| {
                    let key = CompletionKey {
                        prompt_id: &prompt.prompt_id,
                        arm: &arm.name,
                        adapter_sha256: arm.adapter_sha256(),
                        base_sha256: self.plan.base_sha256_of(arm),
                        sample,
                        seed: seed(self.plan.seed, arm, &prompt.prompt_id, sample),
                        sampling: self.plan.sampling_of(sample),
                    };
                    (key, prompt)
                })
            })
            .collect()
    }

    fn request(
        &self,
        model: &LoadedModel,
        arm: &Arm,
        key: &CompletionKey,
        prompt: &Prompt,
    ) -> anyhow::Result<Request> {
        let messages = written(model, asked(arm, &prompt.messages))?;
        let sampling = engine_sampling(key.sampling);
        Ok(Request {
            prompt: tokenize_prompt(&model.tokenizer, model.template()?, &messages)
                .with_context(|| format!("prompt {}", prompt.prompt_id))?,
            sampling,
            seed: key.seed,
            max_new_tokens: key.sampling.max_new_tokens as usize,
        })
    }
}

/// The planned judges, each as it is configured now where it still is.
fn judges_of(fixed: &Plan, now: &Plan) -> Vec<PlannedJudge> {
    let current = |planned: &PlannedJudge| now.judges.iter().find(|judge| judge.judge_id == planned.judge_id);
    fixed.judges.iter().map(|planned| current(planned).unwrap_or(planned).clone()).collect()
}

/// Tokens of the longest text that an arm meets: a prompt with `max_new_tokens` behind it, or with its reference.
pub fn tokens_needed<'p>(
    model: &LoadedModel,
    arm: &Arm,
    prompts: impl Iterator<Item = &'p Prompt>,
    max_new_tokens: usize,
) -> anyhow::Result<usize> {
    let template = model.template()?;
    let mut most = 0;
    for prompt in prompts {
        let messages = template.with_system_written(&asked(arm, &prompt.messages));
        let asked = tokenize_prompt(&model.tokenizer, template, &messages)
            .with_context(|| format!("prompt {}", prompt.prompt_id))?;
        most = most.max(asked.len() + max_new_tokens);
        if let Some(reference) = prompt.reference.as_ref() {
            let answered = [messages, vec![Message::new(Role::Assistant, reference.clone())]].concat();
            let (ends, loss) = (&model.end_tokens, LossMode::LastAnswer);
            let id = &prompt.prompt_id;
            let row = tokenize_example(&model.tokenizer, template, id, &answered, loss, ends, usize::MAX)
                .with_context(|| format!("reference of prompt {id}"))?;
            most = most.max(row.ids.len());
        }
    }
    Ok(most)
}

/// The begin of a thought that the prompt ends with: templates of models that always think write it there.
fn thought_begun(model: &LoadedModel, prompt: &[u32]) -> anyhow::Result<Option<String>> {
    const TAIL: usize = 16;
    let tail = &prompt[prompt.len().saturating_sub(TAIL)..];
    Ok(begun_by_prompt(&model.tokenizer.decode_with_special(tail)?).map(str::to_owned))
}

/// The text of an answer, with the marks of its thought, which some models have among their special tokens.
fn decoded(tokenizer: &Tokenizer, ids: &[u32]) -> anyhow::Result<String> {
    let mark = |id: &u32| tokenizer.token(*id).filter(|token| tokenizer.is_special(*id) && is_mark(token));
    let mut text = String::new();
    for piece in ids.split_inclusive(|id| mark(id).is_some()) {
        text.push_str(&tokenizer.decode(piece)?);
        text.push_str(&piece.last().and_then(mark).unwrap_or_default());
    }
    Ok(text)
}

/// The row of an answer. The begin of a thought that stands in the prompt is put back before the text.
fn completion(
    model: &LoadedModel,
    key: &CompletionKey,
    answer: &Answer,
    begun: Option<&str>,
) -> anyhow::Result<Completion> {
    let finish = match answer.finish {
        Finish::Stop => FinishReason::Stop,
        Finish::Length => FinishReason::Length,
    };
    let text = decoded(&model.tokenizer, &answer.ids)?;
    let text = begun.map_or_else(|| text.clone(), |begun| format!("{begun}\n{text}"));
    let split = split_thought(&text);
    let said = split.thought.map(|_| model.tokenizer.encode(split.answer)).transpose()?;
    let thought_tokens = said.map(|said| answer.ids.len().saturating_sub(said.len()));
    let row = key.answered(text, answer.ids.len(), finish);
    Ok(Completion { thinking: model.template()?.told_thinking(), thought_tokens, ..row })
}

/// The messages that an arm is asked: a written instruction replaces the conversation's own system message, examples
/// stand as earlier turns between that message and the conversation.
fn asked(arm: &Arm, messages: &[Message]) -> Vec<Message> {
    let (system, turns): (Vec<Message>, Vec<Message>) =
        messages.iter().cloned().partition(|message| message.role == Role::System);
    match &arm.kind {
        ArmKind::Prompted { system_prompt } => {
            std::iter::once(Message::new(Role::System, system_prompt.clone())).chain(turns).collect()
        }
        ArmKind::Examples { messages: examples, .. } => {
            system.into_iter().chain(examples.iter().cloned()).chain(turns).collect()
        }
        ArmKind::Base
        | ArmKind::Checkpoint { .. }
        | ArmKind::Adapter { .. }
        | ArmKind::Model(_)
        | ArmKind::Remote { .. } => messages.to_vec(),
    }
}

/// The messages as the template of a model can write them: the same for every arm on it.
fn written(model: &LoadedModel, messages: Vec<Message>) -> anyhow::Result<Vec<Message>> {
    Ok(model.template()?.with_system_written(&messages))
}

/// The seed of one answer: the same for every arm, so that arms differ by their weights and not by their luck; only the
/// second half of an A/A test differs by nothing else.
fn seed(plan_seed: u64, arm: &Arm, prompt_id: &str, sample: u32) -> u64 {
    let purpose = if arm.name == BASE_AGAIN { "seed again" } else { "seed" };
    let hash = row_id(purpose, &[&plan_seed.to_string(), prompt_id, &sample.to_string()]);
    let digits: String = hash.chars().filter(char::is_ascii_hexdigit).rev().take(13).collect();
    u64::from_str_radix(&digits, 16).expect("hexadecimal digits")
}

fn engine_sampling(sampling: &Sampling) -> affinage_engine::generate::Sampling {
    affinage_engine::generate::Sampling {
        temperature: sampling.temperature as f32,
        top_p: sampling.top_p as f32,
        top_k: sampling.top_k as usize,
    }
}

/// Whether a plan is the demo's own and stays what it is: prompts and comparisons that no setting describes. Where the
/// settings, the run or the data are others, it is not what is asked for.
fn keeps_demo(ctx: &Project, folder: &Evaluation, fixed: &Plan, now: &Plan) -> anyhow::Result<bool> {
    let version = |plan: &Plan| plan.dataset.as_ref().map(|dataset| dataset.version.clone());
    let same_sources = (&fixed.run, &fixed.base_sha256, version(fixed), fixed.design.is_final)
        == (&now.run, &now.base_sha256, version(now), now.design.is_final);
    let keeps = fixed.design.is_demo
        && same_sources
        && !now.is_null_test()
        && settings::are_the_same(folder, &ctx.config)?;
    if keeps && !now.design.is_demo {
        ctx.ui.say(format!(
            "`{}` is the evaluation of the demo: it goes on with the demo's own choice of prompts; \
             {} makes one of all prompts",
            fixed.name,
            next("eval").words("--name NAME")
        ));
    }
    Ok(keeps)
}

/// What an evaluation's folder holds, beside a plan that is wanted.
enum Kept {
    Nothing,
    Same { plan: Box<Plan>, text: Vec<u8>, prompts: Vec<Prompt> },
    Other { changes: Vec<String> },
}

fn kept_in(ctx: &Project, folder: &Evaluation, plan: &Plan, prompts: &[Prompt]) -> anyhow::Result<Kept> {
    let Some(text) = folder.plan_file().bytes()? else { return Ok(Kept::Nothing) };
    let fixed = folder.plan_file().read()?;
    let fixed_prompts = folder.prompts().read(&ctx.ui)?;
    // A judge that is added later does not change the plan: its votes are listed too, and the report says so.
    let wanted = Document::text(&Plan { judges: judges_of(&fixed, plan), ..plan.clone() })?;
    if (text == wanted && are_the_same(&fixed_prompts, prompts)) || keeps_demo(ctx, folder, &fixed, plan)? {
        return Ok(Kept::Same { plan: Box::new(fixed), text, prompts: fixed_prompts });
    }
    let (then, now) = ((&fixed, &fixed_prompts[..]), (plan, prompts));
    Ok(Kept::Other { changes: settings::changes(folder, &ctx.config, then, now)? })
}

/// Whether prompts are those of a plan. Which of one's own texts belong together may be seen otherwise by a later version: the
/// plan keeps what it says.
fn are_the_same(fixed: &[Prompt], now: &[Prompt]) -> bool {
    let is_own = |prompt: &Prompt| prompt.domain == Domain::In && prompt.category == IN_DOMAIN;
    fixed.len() == now.len()
        && fixed.iter().zip(now).all(|(fixed, now)| match is_own(fixed) {
            true => *fixed == Prompt { cluster_id: fixed.cluster_id.clone(), ..now.clone() },
            false => fixed == now,
        })
}

/// The first changes and how many more there are.
fn in_short(changes: &[String]) -> String {
    const SHOWN: usize = 4;
    listed(changes, SHOWN, "; ")
}

/// A command that means the run of a plan: it names that, where there are others.
fn of_run(ctx: &Project, plan: &Plan, command: Next) -> Next {
    let is_one_of_many = Run::list(&ctx.project).is_ok_and(|runs| runs.len() > 1);
    match plan.run.as_ref().filter(|_| is_one_of_many) {
        Some(run) => command.option("--run", run),
        None => command,
    }
}

/// A plan is not changed once it is fixed: what is different now, and the way to another evaluation of the same run.
fn other_plan(ctx: &Project, plan: &Plan, changes: &[String]) -> anyhow::Error {
    let name = &plan.name;
    let changes = in_short(changes);
    let error = anyhow!("the evaluation `{name}` was planned for something else: {changes}");
    let new = series::next(&ctx.project, name).unwrap_or_default();
    let hinted: anyhow::Result<()> = Err(error).hint(format!(
        "{} makes another one beside it, {} takes the one of the series that fits. Or take the change back to go on with \
         `{name}`",
        of_run(ctx, plan, next("eval").option("--name", &new)),
        of_run(ctx, plan, next("eval"))
    ));
    hinted.expect_err("made of an error")
}
