//! Answers from a server that speaks the OpenAI format (vLLM, SGLang, TGI, Ollama, `affinage serve`): the same arms, the
//! same questions, seeds and rows. An arm is a model name there, so adapters are loaded under the names of their arms.
//!
//! `--engine openai` asks one server for every arm on the plan's base; an `[[arm]]` behind a server is asked there.
//! A call that fails is repeated, and missing after that: the next start of the command asks again for what is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use affinage_dataset::template::Thinking;
use affinage_eval::completion::{Completion, CompletionKey, FinishReason, Served};
use affinage_eval::judge::wire::{WireFormat, WireReply, chat};
use affinage_eval::judge::wire_params::{MaxTokensKey, TEMPLATE_VALUES, WireLimits, WireParams};
use affinage_eval::judgment::MissingReason;
use affinage_eval::plain::counted;
use affinage_eval::plan::{Arm, ArmKind};
use affinage_eval::rng::Rng;
use affinage_eval::suite::Prompt;
use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};

use super::{FixedEvaluation, asked};
use crate::client::http::leaves_machine;
use crate::client::{Called, Client, Endpoint, Exchange, Leave, consented, lock, server_key};
use crate::errors::{HintExt as _, interrupted};
use crate::folder::jsonl;
use crate::folder::project::Project;
use crate::interrupt;
use crate::stages::judges::PromptSources;

/// What became of a batch file.
#[derive(Debug, serde::Serialize)]
pub struct Taken {
    pub answers: usize,
    /// Rows of the file that hold an error.
    pub failed: usize,
    /// Rows that answer nothing that is missing here.
    pub unknown: usize,
}

impl FixedEvaluation {
    /// Asks a server for what the arms on the plan's base lack in `completions.jsonl`.
    pub fn generate_remotely(
        &self,
        ctx: &Project,
        remote: &Remote,
        leave: &Leave,
        meets: impl Fn(&Arm, &Prompt) -> bool,
    ) -> anyhow::Result<()> {
        let missing = self.missing_on_base(ctx, meets)?;
        if missing.is_empty() {
            ctx.ui.say("all answers are there");
            return Ok(());
        }
        if leaves_machine(&remote.endpoint.base_url) {
            self.refuse_private(ctx, leave, &remote.endpoint.base_url)?;
        }
        self.ask(ctx, remote, &missing)
    }

    /// Asks for the arms behind servers.
    pub fn ask_servers(
        &self,
        ctx: &Project,
        leave: &Leave,
        meets: impl Fn(&Arm, &Prompt) -> bool,
    ) -> anyhow::Result<()> {
        for (remote, arm) in self.servers(ctx, leave, &meets)? {
            self.ask(ctx, &remote, &self.missing(ctx, &[arm], &meets)?)?;
        }
        Ok(())
    }

    /// The servers that must be asked, each with its arm.
    ///
    /// Errors: a text would go to another machine without consent; a key is not set.
    pub fn servers<'a>(
        &'a self,
        ctx: &Project,
        leave: &Leave,
        meets: impl Fn(&Arm, &Prompt) -> bool,
    ) -> anyhow::Result<Vec<(Remote, &'a Arm)>> {
        let mut servers = Vec::new();
        for arm in &self.plan.arms {
            let ArmKind::Remote { model, base_url } = &arm.kind else { continue };
            if self.missing(ctx, &[arm], &meets)?.is_empty() {
                continue;
            }
            let of_arm = || format!("[[arm]] `{}`", arm.name);
            let configured = ctx.config.arms.iter().find(|configured| configured.name == arm.name);
            let configured = configured.with_context(|| format!("{} is not configured", of_arm()))?;
            consented(base_url, leave.yes).with_context(of_arm)?;
            if leaves_machine(base_url) {
                self.refuse_private(ctx, leave, base_url)?;
            }
            let key = server_key(configured.api_key_env.as_deref()).with_context(of_arm)?;
            servers.push((Remote::new(base_url, key, configured.concurrency, model, true), arm));
        }
        Ok(servers)
    }

    /// Errors if a prompt of this evaluation is held private and would go to `to`.
    fn refuse_private(&self, ctx: &Project, leave: &Leave, to: &str) -> anyhow::Result<()> {
        let version = self.plan.dataset.as_ref().map(|facts| facts.version.as_str());
        let sources = PromptSources::of_prompts(ctx, version, &self.prompts, leave.send_private)?;
        let private = self.prompts.iter().filter(|prompt| sources.is_private(&prompt.prompt_id)).count();
        if private == 0 {
            return Ok(());
        }
        let why = sources.unknown().map_or_else(
            || "held private".to_owned(),
            |why| format!("that may be private, which is not known because {why}"),
        );
        let prompts = counted(private, "prompt", "prompts");
        Err(anyhow!("{prompts} of evals/{} would go to {to} and come from conversations {why}", self.plan.name)).hint(
            "start another evaluation without them (`--set eval.name=NAME`), or pass `--send-private NAME` for a \
             conversation or file that may go",
        )
    }

    fn ask(&self, ctx: &Project, remote: &Remote, missing: &[Wanted]) -> anyhow::Result<()> {
        let writer = Mutex::new(self.folder.completions().appender(&ctx.ui)?);
        let progress = ctx.ui.progress("generating", missing.len() as u64, "answers");
        let failed: Mutex<Option<anyhow::Error>> = Mutex::new(None);
        let client = Client::new(&remote.endpoint, "the server", remote.adapts);
        client.each(
            missing.len(),
            || false,
            |index| {
                let asking = Asking { wanted: &missing[index], base_name: &remote.base_name };
                let row = match client.call(&asking)? {
                    Called::Answered(answered) => {
                        asking.wanted.answered(&answered.reply, asking.params().left_out(&answered.params))
                    }
                    Called::Failed(error) | Called::Refused(error) => Err(error),
                    Called::Stopping => return Ok(false),
                };
                let is_answered = row.is_ok();
                match row {
                    Ok(row) => lock(&writer).append(&row)?,
                    Err(error) => {
                        lock(&failed).get_or_insert(error);
                    }
                }
                progress.advance(1);
                Ok(is_answered)
            },
        );
        let (_, _, stopped) = client.end();
        lock(&writer).sync()?;
        progress.finish("");
        if interrupt::requested() {
            return Err(interrupted("stopped; the answers so far are saved"))
                .hint("run the same command again to continue");
        }
        let failed = lock(&failed).take();
        match stopped.or(failed) {
            None => Ok(()),
            Some(error) => Err(error.context("some answers are missing, the others are saved"))
                .hint("the same command asks again for what is missing"),
        }
    }

    /// Writes what is missing as the batch format of OpenAI, which `vllm run-batch` reads too. Returns the number of rows.
    pub fn write_batch(
        &self,
        ctx: &Project,
        base_name: &str,
        path: &Path,
        leave: &Leave,
        meets: impl Fn(&Arm, &Prompt) -> bool,
    ) -> anyhow::Result<usize> {
        self.refuse_private(ctx, leave, "whoever runs the batch")?;
        let rows: Vec<Value> = self
            .missing_on_base(ctx, meets)?
            .iter()
            .map(|wanted| {
                json!({"custom_id": wanted.key.completion_id(), "method": "POST", "url": "/v1/chat/completions",
                    "body": Asking { wanted, base_name }.request()})
            })
            .collect();
        jsonl::write_all(path, &rows)?;
        Ok(rows.len())
    }

    /// Takes the results of a batch.
    pub fn read_batch(
        &self,
        ctx: &Project,
        path: &Path,
        meets: impl Fn(&Arm, &Prompt) -> bool,
    ) -> anyhow::Result<Taken> {
        let missing = self.missing_on_base(ctx, meets)?;
        let by_id: BTreeMap<String, &Wanted> =
            missing.iter().map(|wanted| (wanted.key.completion_id(), wanted)).collect();
        let mut writer = self.folder.completions().appender(&ctx.ui)?;
        let mut taken = Taken { answers: 0, failed: 0, unknown: 0 };
        let mut seen = BTreeSet::new();
        for row in jsonl::read::<Value>(path, &ctx.ui)? {
            let id = row["custom_id"].as_str().unwrap_or_default();
            let Some(wanted) = by_id.get(id).filter(|_| seen.insert(id.to_owned())) else {
                taken.unknown += 1;
                continue;
            };
            let body = serde_json::to_vec(&row["response"]["body"])?;
            let read = WireFormat::Openai.read(200, |_| None, &body).ok();
            match read.and_then(|read| wanted.answered(&read, Vec::new()).ok()) {
                Some(answer) => {
                    writer.append(&answer)?;
                    taken.answers += 1;
                }
                None => taken.failed += 1,
            }
        }
        writer.sync()?;
        Ok(taken)
    }

    fn missing_on_base(
        &self,
        ctx: &Project,
        meets: impl Fn(&Arm, &Prompt) -> bool,
    ) -> anyhow::Result<Vec<Wanted<'_>>> {
        let arms: Vec<&Arm> = self.arms_on(&self.plan.base_sha256).collect();
        self.missing(ctx, &arms, meets)
    }

    /// What `completions.jsonl` lacks of some arms.
    pub(super) fn missing<'a>(
        &'a self,
        ctx: &Project,
        arms: &[&'a Arm],
        meets: impl Fn(&Arm, &Prompt) -> bool,
    ) -> anyhow::Result<Vec<Wanted<'a>>> {
        let rows = self.folder.completions().read(&ctx.ui)?;
        let present: BTreeSet<String> = rows.into_iter().map(|row| row.completion_id).collect();
        let mut missing = Vec::new();
        for &arm in arms {
            let thinking = self.plan.thinking;
            let keys = self.keys(arm, &meets).into_iter();
            let wanted = keys.map(|(key, prompt)| Wanted { arm, key, prompt, thinking });
            missing.extend(wanted.filter(|wanted| !present.contains(&wanted.key.completion_id())));
        }
        Ok(missing)
    }
}

/// A server of an arm, and how it is asked.
pub struct Remote {
    pub endpoint: Endpoint,
    /// The base model's name there.
    pub base_name: String,
    /// Settings that the server turns out to refuse are left out from then on; else a refusal is an error, because the answers
    /// must be drawn as the plan says.
    pub adapts: bool,
}

impl Remote {
    /// `base_url`: up to `/v1`.
    pub fn new(
        base_url: &str,
        key: Option<String>,
        concurrency: usize,
        base_name: &str,
        adapts: bool,
    ) -> Self {
        const TIMEOUT: Duration = Duration::from_secs(300);
        let endpoint = Endpoint {
            wire: WireFormat::Openai,
            base_url: base_url.to_owned(),
            key,
            concurrency,
            timeout: TIMEOUT,
            limits: WireLimits::default(),
            rate_limit: None,
        };
        Self { endpoint, base_name: base_name.to_owned(), adapts }
    }
}

/// A question to a server.
struct Asking<'a> {
    wanted: &'a Wanted<'a>,
    base_name: &'a str,
}

impl Asking<'_> {
    fn request(&self) -> Value {
        chat(&asked(self.wanted.arm, &self.wanted.prompt.messages), &self.params())
    }
}

impl Exchange for Asking<'_> {
    fn params(&self) -> WireParams {
        let (arm, key) = (self.wanted.arm, &self.wanted.key);
        let sampling = key.sampling;
        // The server has adapters under the names of their arms.
        let model = if arm.adapter_sha256().is_some() { arm.name.as_str() } else { self.base_name };
        WireParams {
            model: model.to_owned(),
            max_tokens: sampling.max_new_tokens,
            structured: false,
            logprobs: false,
            temperature: Some(sampling.temperature),
            top_p: Some(sampling.top_p),
            // Not in the format of OpenAI itself, but in that of every local server.
            top_k: (sampling.top_k > 0).then_some(sampling.top_k),
            seed: Some(key.seed),
            thinking: self.wanted.thinking.map(|thinking| thinking == Thinking::On),
            max_tokens_key: MaxTokensKey::MaxTokens,
        }
    }

    fn body(&self, params: &WireParams) -> Vec<u8> {
        chat(&asked(self.wanted.arm, &self.wanted.prompt.messages), params).to_string().into_bytes()
    }

    fn jitter(&self, attempt: u32) -> f64 {
        Rng::for_purpose(u64::from(attempt), &[&self.wanted.key.completion_id()]).uniform()
    }
}

/// An answer that is not there yet.
pub(super) struct Wanted<'a> {
    arm: &'a Arm,
    key: CompletionKey<'a>,
    prompt: &'a Prompt,
    /// What the server is to tell its chat template, where the base model's own asks for it.
    thinking: Option<Thinking>,
}

impl Wanted<'_> {
    /// The row of a reply; `refused`: what was not asked for, because the server refuses it. Errors if it ended in a way that nobody knows.
    fn answered(&self, read: &WireReply, refused: Vec<String>) -> anyhow::Result<Completion> {
        let finish = match read.missing {
            None | Some(MissingReason::OnlyThought) => FinishReason::Stop,
            Some(MissingReason::Truncated) => FinishReason::Length,
            Some(MissingReason::Refusal) => FinishReason::Filtered,
            Some(_) => bail!(
                "the reply ended in a way that is not known, expected such as stop, length or content_filter"
            ),
        };
        // As a model writes it that does not come to its answer: such an answer is missing, and never loses.
        let text = match &read.lost_thought {
            Some(thought) => format!("<think>\n{thought}"),
            None => read.text.clone(),
        };
        // A server that counts no tokens still says that it reached the limit.
        let at_limit =
            if finish == FinishReason::Length { self.key.sampling.max_new_tokens as usize } else { 0 };
        let tokens = read.usage.map_or(at_limit, |usage| usage.output_tokens as usize);
        let mut row = self.key.answered(text, tokens, finish);
        row.thinking = self.thinking.filter(|_| !refused.iter().any(|name| name == TEMPLATE_VALUES));
        // Of known weights the plan says more than a server could.
        row.served = self.key.base_sha256.is_none().then(|| Served { model: read.model.clone(), refused });
        Ok(row)
    }
}
