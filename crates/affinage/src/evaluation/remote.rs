//! Answers from a server that speaks the OpenAI format (vLLM, SGLang, TGI, Ollama, `affinage serve`): the same arms, the
//! same questions, seeds and rows. An arm is a model name there, so adapters are loaded under the names of their arms.
//!
//! A call that fails is repeated, and missing after that: the next start of the command asks again for what is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use affinage_eval::completion::{Completion, CompletionKey, FinishReason};
use affinage_eval::plan::{Arm, ArmKind};
use affinage_eval::suite::Prompt;
use anyhow::{Context as _, anyhow, bail, ensure};
use serde_json::{Value, json};

use super::{Evaluation, asked};
use crate::context::Context;
use crate::errors::{HintExt as _, interrupted};
use crate::http::post_json;
use crate::interrupt;
use crate::jsonl;

const TIMEOUT: Duration = Duration::from_secs(300);
const ATTEMPTS: u32 = 4;

/// A server and how it is asked.
pub struct Remote {
    /// Up to `/v1`.
    pub base_url: String,
    pub key: Option<String>,
    /// The base model's name there.
    pub base_name: String,
    pub concurrency: usize,
}

/// What became of a batch file.
#[derive(Debug, serde::Serialize)]
pub struct Taken {
    pub answers: usize,
    /// Rows of the file that hold an error.
    pub failed: usize,
    /// Rows that answer nothing that is missing here.
    pub unknown: usize,
}

impl Evaluation {
    /// Asks for what is missing in `completions.jsonl`.
    pub fn generate_remotely(
        &self,
        ctx: &Context,
        remote: &Remote,
        meets: impl Fn(&Arm, &Prompt) -> bool,
    ) -> anyhow::Result<()> {
        let missing = self.missing(ctx, meets)?;
        if missing.is_empty() {
            ctx.ui.say("all answers are there");
            return Ok(());
        }
        let mut writer = jsonl::Writer::open(&self.dir.join("completions.jsonl"), &ctx.ui)?;
        let progress = ctx.ui.progress("generating", missing.len() as u64, "answers");
        let next = AtomicUsize::new(0);
        let (answers, received) = channel();
        let mut failed = Vec::new();
        std::thread::scope(|scope| -> anyhow::Result<()> {
            for _ in 0..remote.concurrency.min(missing.len()) {
                let (answers, next, missing) = (answers.clone(), &next, &missing);
                scope.spawn(move || {
                    while !interrupt::requested() {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(wanted) = missing.get(index) else { break };
                        if answers.send((index, remote.ask(&self.body(wanted, &remote.base_name)))).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(answers);
            for (index, answer) in received {
                match answer.and_then(|reply| missing[index].answered(&reply)) {
                    Ok(row) => writer.append(&row)?,
                    Err(error) => failed.push(error),
                }
                progress.advance(1);
            }
            Ok(())
        })?;
        writer.sync()?;
        progress.finish("");
        if interrupt::requested() {
            return Err(interrupted("stopped; the answers so far are saved"))
                .hint("the same command goes on from there");
        }
        match failed.into_iter().next() {
            None => Ok(()),
            Some(error) => Err(error.context("some answers are missing, the others are saved"))
                .hint("the same command asks again for what is missing"),
        }
    }

    /// Writes what is missing as the batch format of OpenAI, which `vllm run-batch` reads too. Returns the number of rows.
    pub fn write_batch(
        &self,
        ctx: &Context,
        base_name: &str,
        path: &Path,
        meets: impl Fn(&Arm, &Prompt) -> bool,
    ) -> anyhow::Result<usize> {
        let rows: Vec<Value> = self
            .missing(ctx, meets)?
            .iter()
            .map(|wanted| {
                json!({"custom_id": wanted.key.completion_id(), "method": "POST", "url": "/v1/chat/completions",
                    "body": self.body(wanted, base_name)})
            })
            .collect();
        jsonl::write_all(path, &rows)?;
        Ok(rows.len())
    }

    /// Takes the results of a batch.
    pub fn read_batch(
        &self,
        ctx: &Context,
        path: &Path,
        meets: impl Fn(&Arm, &Prompt) -> bool,
    ) -> anyhow::Result<Taken> {
        let missing = self.missing(ctx, meets)?;
        let by_id: BTreeMap<String, &Wanted> =
            missing.iter().map(|wanted| (wanted.key.completion_id(), wanted)).collect();
        let mut writer = jsonl::Writer::open(&self.dir.join("completions.jsonl"), &ctx.ui)?;
        let mut taken = Taken { answers: 0, failed: 0, unknown: 0 };
        let mut seen = BTreeSet::new();
        for row in jsonl::read::<Value>(path, &ctx.ui)? {
            let id = row["custom_id"].as_str().unwrap_or_default();
            let Some(wanted) = by_id.get(id).filter(|_| seen.insert(id.to_owned())) else {
                taken.unknown += 1;
                continue;
            };
            match wanted.answered(&row["response"]["body"]) {
                Ok(answer) => {
                    writer.append(&answer)?;
                    taken.answers += 1;
                }
                Err(_) => taken.failed += 1,
            }
        }
        writer.sync()?;
        Ok(taken)
    }

    fn missing<'a>(
        &'a self,
        ctx: &Context,
        meets: impl Fn(&Arm, &Prompt) -> bool,
    ) -> anyhow::Result<Vec<Wanted<'a>>> {
        let rows: Vec<Completion> = jsonl::read(&self.dir.join("completions.jsonl"), &ctx.ui)?;
        let present: BTreeSet<String> = rows.into_iter().map(|row| row.completion_id).collect();
        let mut missing = Vec::new();
        for arm in &self.plan.arms {
            let wanted = self.keys(arm, &meets).into_iter().map(|(key, prompt)| Wanted { arm, key, prompt });
            missing.extend(wanted.filter(|wanted| !present.contains(&wanted.key.completion_id())));
        }
        Ok(missing)
    }

    /// The request for one answer.
    fn body(&self, wanted: &Wanted, base_name: &str) -> Value {
        let sampling = wanted.key.sampling;
        let model = match &wanted.arm.kind {
            ArmKind::Checkpoint { .. } => &wanted.arm.name,
            _ => base_name,
        };
        let mut body = json!({
            "model": model, "messages": asked(wanted.arm, &wanted.prompt.messages), "temperature": sampling.temperature,
            "top_p": sampling.top_p, "max_tokens": sampling.max_new_tokens, "seed": wanted.key.seed,
        });
        // Not in the format of OpenAI itself, but in that of every local server.
        if sampling.top_k > 0 {
            body["top_k"] = json!(sampling.top_k);
        }
        body
    }
}

/// An answer that is not there yet.
struct Wanted<'a> {
    arm: &'a Arm,
    key: CompletionKey<'a>,
    prompt: &'a Prompt,
}

impl Wanted<'_> {
    /// The row of a reply. Errors if the reply has no text, or the server counted no tokens.
    fn answered(&self, reply: &Value) -> anyhow::Result<Completion> {
        let choice = &reply["choices"][0];
        let text = choice["message"]["content"].as_str().context("the reply has no text")?;
        let finish = match choice["finish_reason"].as_str() {
            Some("stop") => FinishReason::Stop,
            Some("length") => FinishReason::Length,
            Some("content_filter") => FinishReason::Filtered,
            other => bail!("the reply ended with {other:?}, expected stop, length or content_filter"),
        };
        let tokens =
            reply["usage"]["completion_tokens"].as_u64().context("the reply does not count its tokens")?;
        Ok(self.key.answered(text.to_owned(), tokens as usize, finish))
    }
}

impl Remote {
    fn ask(&self, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}/chat/completions", self.base_url.trim_end_matches('/'));
        let bytes = serde_json::to_vec(body)?;
        let bearer = self.key.as_ref().map(|key| format!("Bearer {key}"));
        let headers: Vec<(&str, &str)> =
            bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        let mut attempt = 1;
        loop {
            let problem = match post_json(&url, &headers, &bytes, TIMEOUT) {
                Ok(reply) if reply.status == 200 => return Ok(serde_json::from_slice(&reply.body)?),
                Ok(reply) => {
                    let said = String::from_utf8_lossy(&reply.body).chars().take(300).collect::<String>();
                    let problem = anyhow!("{url}: status {}: {said}", reply.status);
                    ensure!(reply.status == 429 || reply.status >= 500, problem);
                    problem
                }
                Err(no_reply) => anyhow::Error::new(no_reply),
            };
            if attempt == ATTEMPTS || interrupt::requested() {
                return Err(problem);
            }
            std::thread::sleep(Duration::from_millis(500) * 2u32.pow(attempt));
            attempt += 1;
        }
    }
}
