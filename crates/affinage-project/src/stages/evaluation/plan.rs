//! What an evaluation will compare: from the configuration and a run to the plan that is fixed before the first answer.

use std::collections::HashSet;

use affinage_dataset::example::DatasetRow;
use affinage_dataset::message::{Message, Role};
use affinage_dataset::shingle::{ContainmentIndex, Shingles};
use affinage_dataset::template::{ChatTemplate, TemplateError};
use affinage_eval::analyze::LEAK_FROM;
use affinage_eval::completion::Sampling;
use affinage_eval::design::{Audience, Design, LeftOut, TrainingSchedule, default_audiences};
use affinage_eval::plain::{counted, first_words, listed};
use affinage_eval::plan::{
    Arm, ArmKind, BASE_AGAIN, DatasetFacts, JudgeKind as PlannedKind, Plan, PlannedComparison, PlannedJudge,
    Scope,
};
use affinage_eval::suite::{Domain, Prompt};

use crate::errors::{HintExt as _, usage};
use crate::folder::config::{Config, Judge, JudgeKind};
use crate::folder::datasets::DatasetVersion;
use crate::folder::events::{self, Event};
use crate::folder::library::{LIBRARY_FILE, Library};
use crate::folder::project::Project;
use crate::folder::run::{Checkpoint, Run};
use crate::model::LoadedModel;
use crate::next::next;
use crate::observer::Observer;
use crate::stages::arms;

/// A plan, and what is to be said where an evaluation is made of it.
pub struct Planned {
    pub plan: Plan,
    /// Prompts whose answers may be recited; too few examples that stand alone.
    pub warnings: Vec<String>,
}

/// The plan that `[eval]`, `[[arm]]` and `[[judge]]` describe: every chosen checkpoint against base on all prompts, the
/// last one also against base with a system prompt and against base with examples on the in-domain ones, then what the
/// user's own arms ask for. The headline is the planned last step, never the best of many.
pub fn plan(
    ctx: &Project,
    model: &LoadedModel,
    run: &Run,
    version: &DatasetVersion,
    prompts: &[Prompt],
) -> anyhow::Result<Planned> {
    let last = run.resolve("last", &ctx.ui)?;
    let (asked_well, few_examples) = asked_well(ctx, version)?;
    let instructed = asked_well.iter().find(|arm| matches!(arm.kind, ArmKind::Prompted { .. }));
    if let Some(arm) = instructed.filter(|_| model.template().is_ok_and(|template| !template.writes_system()))
    {
        ctx.ui.say(format!(
            "the chat template of {} has no system role: the instruction of `{}` opens the first question",
            model.name, arm.name
        ));
    }
    let (asked_well, mut left_out) = with_room(ctx, model, asked_well, prompts)?;
    let mut arms = vec![Arm { name: "base".to_owned(), kind: ArmKind::Base }];
    arms.extend(asked_well.iter().cloned());
    let steps = checkpoints(ctx, run)?;
    arms.extend(steps.iter().map(|checkpoint| {
        let path = checkpoint.path.strip_prefix(&ctx.project).unwrap_or(&checkpoint.path);
        let kind = ArmKind::Checkpoint {
            step: checkpoint.step as u64,
            adapter_sha256: checkpoint.adapter_sha256.clone(),
            path: path.to_string_lossy().into_owned(),
        };
        Arm { name: checkpoint.name(), kind }
    }));
    let (mut facts, memorized) = TrainingSide::read(version, &ctx.ui)?.facts(version, prompts);
    let configured = arms::configured(ctx, model, prompts, &facts)?;
    arms.extend(configured.arms);
    left_out.extend(configured.left_out);
    let against = |arm: &str, against: &str, scope| PlannedComparison {
        arm: arm.to_owned(),
        against: against.to_owned(),
        scope,
    };
    let headline = against(&last.name(), "base", Scope::All);
    let mut comparisons = vec![headline.clone()];
    comparisons.extend(asked_well.iter().map(|arm| against(&last.name(), &arm.name, Scope::InDomain)));
    let earlier = steps.iter().filter(|checkpoint| checkpoint.step != last.step);
    comparisons.extend(earlier.map(|checkpoint| against(&checkpoint.name(), "base", Scope::All)));
    comparisons.extend(arms::comparisons(ctx, &arms, &left_out, &last.name())?);
    let design = Design { left_out, schedule: schedule(ctx, run)?, ..design(ctx) };
    facts.train_examples -= too_long_to_train(ctx, run)?.min(facts.train_examples);
    let plan = Plan {
        run: Some(run.name.clone()),
        dataset: Some(facts),
        ..frame(ctx, model, arms, (comparisons, headline), design)
    };
    Ok(Planned { plan, warnings: few_examples.into_iter().chain(memorized).collect() })
}

/// Training rows of the version that the run left out because they are too long.
fn too_long_to_train(ctx: &Project, run: &Run) -> anyhow::Result<usize> {
    let records = run.events(&ctx.ui)?;
    let started = records.iter().find_map(|record| match &record.event {
        Event::RunStarted(started) => Some(started),
        _ => None,
    });
    Ok(started.map_or(0, |started| started.left_out.iter().filter(|row| row.split == "train").count()))
}

/// A plan of these arms and comparisons, of no run and no data set; everything else stands in the configuration.
pub fn frame(
    ctx: &Project,
    model: &LoadedModel,
    arms: Vec<Arm>,
    (comparisons, headline): (Vec<PlannedComparison>, PlannedComparison),
    design: Design,
) -> Plan {
    let config = &ctx.config;
    Plan {
        v: 1,
        name: config.eval.name.clone(),
        base_model: config.model.name.clone(),
        base_sha256: model.sha256.clone(),
        run: None,
        dataset: None,
        arms,
        comparisons,
        headline,
        sampling: sampling(ctx),
        thinking: model.template().ok().and_then(ChatTemplate::thinking),
        samples_per_prompt: config.eval.repeats.unwrap_or(config.generate.samples) as u32,
        seed: config.generate.seed,
        judges: config.judges.iter().map(planned_judge).collect(),
        alpha: 0.05,
        margin: 0.1,
        design,
    }
}

/// Makes an A/A test of a plan: the base model against itself under other seeds, on all prompts.
pub fn against_itself(plan: &mut Plan) -> anyhow::Result<()> {
    if plan.sampling.temperature == 0.0 {
        return Err(usage("an A/A test needs answers that differ: generate.temperature is 0")).hint(format!(
            "set it above 0: {}",
            next("eval").set("generate.temperature", 0.7).words("--null-test")
        ));
    }
    plan.arms.retain(|arm| arm.kind == ArmKind::Base);
    plan.arms.push(Arm { name: BASE_AGAIN.to_owned(), kind: ArmKind::Base });
    plan.headline =
        PlannedComparison { arm: BASE_AGAIN.to_owned(), against: "base".to_owned(), scope: Scope::All };
    plan.comparisons = vec![plan.headline.clone()];
    Ok(())
}

/// The arms whose prompts, answers and references fit into the model's context, and those that were left out.
fn with_room(
    ctx: &Project,
    model: &LoadedModel,
    arms: Vec<Arm>,
    prompts: &[Prompt],
) -> anyhow::Result<(Vec<Arm>, Vec<LeftOut>)> {
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    for arm in arms {
        let in_domain = prompts.iter().filter(|prompt| prompt.domain == Domain::In);
        let left = match arms::no_room(ctx, model, &arm, in_domain) {
            // The template refuses what is put around the questions, such as an earlier turn.
            Err(error) if error.chain().any(|cause| cause.is::<TemplateError>()) => {
                Some(LeftOut { arm: arm.name.clone(), because: format!("{error:#}") })
            }
            found => found?,
        };
        match left {
            None => kept.push(arm),
            Some(left) => {
                ctx.ui.warn(format!("`{}` is left out: {}", arm.name, left.because));
                left_out.push(left);
            }
        }
    }
    Ok((kept, left_out))
}

/// The chosen checkpoints and the last one, by step.
fn checkpoints(ctx: &Project, run: &Run) -> anyhow::Result<Vec<Checkpoint>> {
    let mut steps: Vec<Checkpoint> =
        asked_for(ctx, run)?.into_iter().map(|(_, checkpoint)| checkpoint).collect();
    steps.sort_by_key(|checkpoint| checkpoint.step);
    steps.dedup_by_key(|checkpoint| checkpoint.step);
    Ok(steps)
}

/// What `eval.checkpoints` and `last` mean in a run.
fn asked_for<'c>(ctx: &'c Project, run: &Run) -> anyhow::Result<Vec<(&'c str, Checkpoint)>> {
    let names = ctx.config.eval.checkpoints.iter().map(String::as_str).chain(["last"]);
    names.map(|name| Ok((name, run.resolve(name, &ctx.ui)?))).collect()
}

/// `run R: last is step-000044, best is step-000033`: an evaluation takes these checkpoints.
pub fn steps_in_words(ctx: &Project, run: &Run) -> anyhow::Result<String> {
    let mut said: Vec<String> = Vec::new();
    for (name, checkpoint) in asked_for(ctx, run)? {
        let words = match name {
            "last" | "best" => format!("{name} is {}", checkpoint.name()),
            _ => checkpoint.name(),
        };
        if !said.contains(&words) {
            said.push(words);
        }
    }
    Ok(format!("run {}: {}", run.name, said.join(", ")))
}

/// What stands in for the user's own best prompt, until they write one.
pub const PLAIN_INSTRUCTION: &str = "Answer the question directly and with care. Think it through, say something of your own, \
and write in clear, complete sentences.";

/// The base model asked well: with a written instruction, and with accepted examples in front. Says where there are fewer
/// examples than are asked for.
fn asked_well(ctx: &Project, version: &DatasetVersion) -> anyhow::Result<(Vec<Arm>, Option<String>)> {
    let config = &ctx.config.eval;
    let mut arms = Vec::new();
    let system_prompt = config.system_prompt.as_deref().unwrap_or(PLAIN_INSTRUCTION).trim();
    if !system_prompt.is_empty() {
        let kind = ArmKind::Prompted { system_prompt: system_prompt.to_owned() };
        arms.push(Arm { name: "base+prompt".to_owned(), kind });
    }
    // The plan is shown and published: examples are not taken from what is held private.
    let private = match ctx.project.join(LIBRARY_FILE).is_file() {
        true => Library::open(&ctx.project)?.held_private()?,
        false => HashSet::new(),
    };
    let mut rows = version.rows("train", &ctx.ui)?;
    rows.retain(|row| !private.contains(&row.conversation));
    let examples = examples(&rows, config.examples, ctx.config.generate.seed);
    let few = (examples.len() < config.examples).then(|| {
        format!(
            "`eval.examples` asks for {} before the questions, and {} of the {} training rows stand alone in at most \
             {EXAMPLE_WORDS} words with nothing said before: {}",
            counted(config.examples, "example", "examples"),
            examples.len(),
            rows.len(),
            match examples.len() {
                0 => "no arm is asked with examples".to_owned(),
                found => format!("{found} will stand there"),
            }
        )
    });
    if !examples.is_empty() {
        let name = format!("base+{}-examples", examples.len());
        let exchanges = examples.iter().filter_map(|row| lone_exchange(&row.messages));
        let messages = exchanges.flatten().cloned().collect();
        let example_ids = examples.iter().map(|row| row.example_id.clone()).collect();
        arms.push(Arm { name, kind: ArmKind::Examples { example_ids, messages } });
    }
    Ok((arms, few))
}

/// Longer exchanges would leave small models no room for the question.
const EXAMPLE_WORDS: usize = 220;

/// `count` training rows in a seeded order, of those that stand alone and are short: one question and its answer, with
/// nothing said before. A follow-up torn from its conversation shows no one what was asked.
fn examples(rows: &[DatasetRow], count: usize, seed: u64) -> Vec<&DatasetRow> {
    let mut fit: Vec<&DatasetRow> =
        rows.iter().filter(|row| lone_exchange(&row.messages).is_some()).collect();
    fit.sort_by_key(|row| affinage_eval::id::row_id("example", &[&seed.to_string(), &row.example_id]));
    fit.truncate(count);
    fit
}

/// Words of the examples that stand before a prompt; 0 where none of these rows can.
pub fn example_words(rows: &[DatasetRow], config: &Config) -> usize {
    let examples = examples(rows, config.eval.examples, config.generate.seed);
    let turns = examples.iter().filter_map(|row| lone_exchange(&row.messages)).flatten();
    turns.map(|turn| turn.content.split_whitespace().count()).sum()
}

/// The only question of a row and its answer, where both together are short; a system message before them is left away.
fn lone_exchange(messages: &[Message]) -> Option<[&Message; 2]> {
    let mut turns = messages.iter().filter(|message| message.role != Role::System);
    let (asked, answer) = (turns.next()?, turns.next()?);
    let words = asked.content.split_whitespace().count() + answer.content.split_whitespace().count();
    let is_one = turns.next().is_none() && (asked.role, answer.role) == (Role::User, Role::Assistant);
    (is_one && (1..=EXAMPLE_WORDS).contains(&words)).then_some([asked, answer])
}

/// Sweeps and readers, as they stand before the first answer.
pub fn design(ctx: &Project) -> Design {
    let config = &ctx.config.eval;
    let own = sampling(ctx);
    let mut settings: Vec<Sampling> = Vec::new();
    settings.extend(config.temperatures.iter().map(|&temperature| Sampling { temperature, ..own.clone() }));
    settings.extend(config.lengths.iter().map(|&max_new_tokens| Sampling { max_new_tokens, ..own.clone() }));
    settings.retain(|setting| *setting != own);
    let audience = |a: &crate::folder::config::Audience| Audience {
        name: a.name.clone(),
        weights: [a.creativity, a.coherence, a.depth, a.engagement, a.writing_quality],
    };
    let audiences: Vec<Audience> = config.audiences.iter().map(audience).collect();
    Design {
        settings,
        audiences: if audiences.is_empty() { default_audiences() } else { audiences },
        stops_early: ctx.config.judging.stop_early,
        instruction_is_default: config.system_prompt.is_none(),
        ..Design::default()
    }
}

/// The schedule of the run from its events and settings; `None` where it did not begin.
fn schedule(ctx: &Project, run: &Run) -> anyhow::Result<Option<TrainingSchedule>> {
    let records = events::read(&run.path, &ctx.ui)?;
    let started = records.iter().find_map(|record| match &record.event {
        Event::RunStarted(started) => Some(started),
        _ => None,
    });
    let Some(started) = started else { return Ok(None) };
    let epochs = records.iter().rev().find_map(|record| match &record.event {
        Event::TrainStep(step) => Some(step.epoch),
        _ => None,
    });
    let settings = Config::parse(&run.run_toml()?, &[]).map_err(|error| error.located("run.toml"))?;
    // The seed is no part of a recipe: three seeds of one recipe are three tries of it.
    let recipe = serde_json::to_string(&crate::folder::config::Train { seed: 0, ..settings.train.clone() })?;
    // What is the default now was the only way of runs that do not name it.
    let recipe = recipe.replace(",\"long-rows\":\"leave-out\"", "");
    let recipe = format!("{recipe}\n{}\n{}", started.base_sha256, started.dataset_sha256);
    Ok(Some(TrainingSchedule {
        steps: started.steps as u64,
        epochs: epochs.unwrap_or(0.0),
        is_finished: records.iter().any(|record| matches!(record.event, Event::Finished { .. })),
        recipe_sha256: affinage_eval::id::sha256_hex(recipe.as_bytes()),
        seed: settings.train.seed,
    }))
}

/// `[generate]`, with the evaluation's own limit of new tokens.
pub fn sampling(ctx: &Project) -> Sampling {
    let config = &ctx.config.generate;
    Sampling {
        temperature: config.temperature,
        top_p: config.top_p,
        top_k: config.top_k as u32,
        max_new_tokens: ctx.config.eval.max_new_tokens.unwrap_or(config.max_new_tokens) as u32,
    }
}

/// The training rows of a version as the leak measure sees them.
pub struct TrainingSide {
    examples: usize,
    index: ContainmentIndex,
}

impl TrainingSide {
    /// Errors: the version was changed, or its rows cannot be read.
    pub fn read(version: &DatasetVersion, ui: &dyn Observer) -> anyhow::Result<TrainingSide> {
        version.check()?;
        let rows = version.rows("train", ui)?;
        let text = |row: &DatasetRow| {
            Shingles::of(&row.messages.iter().map(|message| message.content.as_str()).collect::<Vec<_>>())
        };
        let index = ContainmentIndex::new(&rows.iter().map(text).collect::<Vec<_>>());
        Ok(TrainingSide { examples: rows.len(), index })
    }

    /// The largest share of a prompt, its reference included, that stands in one training row.
    pub fn overlap(&self, prompt: &Prompt) -> f64 {
        let asked = Shingles::of(&[prompt.question(), prompt.reference.as_deref().unwrap_or_default()]);
        self.index.max_containment(&asked).map_or(0.0, |found| found.share)
    }

    /// What the manifest says about leaks, and the same measure for the prompts of an evaluation, with the warning of those
    /// that may be recited.
    pub fn facts(&self, version: &DatasetVersion, prompts: &[Prompt]) -> (DatasetFacts, Option<String>) {
        let mut shares: Vec<(f64, &Prompt)> =
            prompts.iter().map(|prompt| (self.overlap(prompt), prompt)).collect();
        shares.sort_by(|a, b| b.0.total_cmp(&a.0));
        let facts = DatasetFacts {
            version: version.name.clone(),
            train_examples: self.examples,
            max_containment: Some(version.manifest.certificate.max_containment),
            writers: version.manifest.writers.clone(),
            max_prompt_containment: shares.first().map(|(share, _)| *share),
        };
        (facts, memorized(&shares))
    }
}

/// Names the prompts, the nearest first, that share as much with a training row as a held-out example may not.
fn memorized(shares: &[(f64, &Prompt)]) -> Option<String> {
    let near: Vec<String> = shares
        .iter()
        .take_while(|(share, _)| *share >= LEAK_FROM)
        .map(|(share, prompt)| format!("\"{}\" ({:.0} %)", first_words(prompt.question(), 60), 100.0 * share))
        .collect();
    (!near.is_empty()).then(|| {
        format!(
            "{} {:.0} % or more of the five-word sequences of question and reference answer with one training example, the \
             turns before its prompt included, so that a good answer may be recited: {}",
            counted(near.len(), "prompt shares", "prompts share"),
            100.0 * LEAK_FROM,
            listed(&near, 3, ", ")
        )
    })
}

fn planned_judge(judge: &Judge) -> PlannedJudge {
    let kind = match judge.kind {
        JudgeKind::Local => PlannedKind::Local,
        JudgeKind::Anthropic => PlannedKind::Anthropic,
        JudgeKind::Openai => PlannedKind::Openai,
    };
    PlannedJudge {
        judge_id: judge.id.clone(),
        model: judge.model.clone(),
        kind,
        family: judge.family.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, turns: &[(&str, &str)]) -> DatasetRow {
        let message =
            |(role, content): &(&str, &str)| serde_json::json!({ "role": role, "content": content });
        let messages: Vec<_> = turns.iter().map(message).collect();
        serde_json::from_value(serde_json::json!({
            "v": 1, "example_id": id, "messages": messages, "conversation": id, "prompt_cluster": id, "writer": "person",
        }))
        .expect("a row")
    }

    #[test]
    fn an_example_is_a_first_question_with_nothing_said_before() {
        let (asked, answer) = (("user", "Why do bells crack?"), ("assistant", "Frost, and a hand in haste."));
        let long = "word ".repeat(EXAMPLE_WORDS);
        let rows = [
            row("alone", &[asked, answer]),
            row("instructed", &[("system", "Be brief."), asked, answer]),
            row("follow-up", &[asked, answer, ("user", "And iron?"), ("assistant", "It rusts first.")]),
            row("long", &[asked, ("assistant", long.as_str())]),
            row("unanswered", &[asked]),
        ];
        let mut found: Vec<&str> =
            examples(&rows, 9, 1).into_iter().map(|row| row.example_id.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, ["alone", "instructed"]);
        assert_eq!(examples(&rows, 1, 1).len(), 1);
        let mut config = Config::default();
        config.eval.examples = 2;
        assert_eq!(example_words(&rows, &config), 2 * (4 + 6));
        assert_eq!(example_words(&rows[2..], &config), 0);
        let messages = lone_exchange(&rows[1].messages).expect("it stands alone").map(|turn| turn.role);
        assert_eq!(messages, [Role::User, Role::Assistant], "without the system message");
    }
}
