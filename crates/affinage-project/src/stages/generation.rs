//! Answers of arms to prompts: batches of sequences through the engine, rows in `completions.jsonl`.

use std::collections::VecDeque;

use affinage_dataset::tokenizer::Tokenizer;
use affinage_engine::checkpoint::{adapter_sha256, load_adapter};
use affinage_engine::generate::{Finish, Generator, Request, Sampling};
use affinage_engine::lora::Adapter;
use affinage_engine::model::Model;
use anyhow::{anyhow, bail};

use crate::errors::{HintExt as _, usage};
use crate::folder::config::Generate;
use crate::folder::project::Project;
use crate::folder::provenance::Provenance;
use crate::folder::run::Run;
use crate::interrupt;
use crate::model::LoadedModel;

/// The engine's form of `[generate]`.
pub fn sampling(config: &Generate) -> Sampling {
    Sampling { temperature: config.temperature as f32, top_p: config.top_p as f32, top_k: config.top_k }
}

/// Refuses what has more bytes than tokens of these positions can have, before it is encoded: that takes a hundred times
/// the memory of a text.
pub fn refuse_unencoded(tokenizer: &Tokenizer, bytes: usize, positions: usize) -> anyhow::Result<()> {
    let most = tokenizer.most_bytes(positions);
    if bytes <= most {
        return Ok(());
    }
    Err(usage(format!(
        "the text has {bytes} bytes, and at most {most} can fit into the model's {positions} positions"
    )))
    .hint("ask with a shorter text")
}

/// The adapter that an arm names (`base` has none), with its SHA-256, and the arm's full name: `last` is `step-N`.
///
/// Errors: the run was trained on another base; the adapter is not the one that was saved.
pub fn named_adapter(
    ctx: &Project,
    engine: &Model,
    model: &LoadedModel,
    name: &str,
    run: Option<&str>,
) -> anyhow::Result<(String, Option<(Adapter, String)>)> {
    if name == "base" {
        return Ok((name.to_owned(), None));
    }
    let run = match run {
        Some(run) => Run::open(&ctx.project, run)?,
        None => Run::newest(&ctx.project, &ctx.ui)?,
    };
    let trained_on = Provenance::read(&run.path)?.sha256.remove("base");
    if trained_on.as_ref().is_some_and(|sha256| *sha256 != model.sha256) {
        bail!("run `{}` was trained on another base than {} (SHA-256 differs)", run.name, model.name);
    }
    let checkpoint = run.resolve(name, &ctx.ui)?;
    let adapter = load_adapter(&checkpoint.path, engine.config())?;
    let sha256 = adapter_sha256(&adapter);
    if sha256 != checkpoint.adapter_sha256 {
        bail!(
            "{}: the adapter is not the one that was saved there (SHA-256 {sha256})",
            ctx.shown(&checkpoint.path)
        );
    }
    Ok((checkpoint.name(), Some((adapter, sha256))))
}

/// A generated sequence.
pub struct Answer {
    pub ids: Vec<u32>,
    pub finish: Finish,
}

/// Generates all `requests`, each of an arm (an index into `adapters`), at most `batch` at once; a finished sequence
/// makes room for the next, of whatever arm.
///
/// `answered(index, answer)` is called as each one ends. Returns early, without error, after Ctrl-C: what was answered
/// is with the caller.
pub fn generate(
    engine: &Model,
    adapters: &[Option<&Adapter>],
    end_tokens: &[u32],
    requests: Vec<(usize, Request)>,
    batch: usize,
    answered: impl FnMut(usize, Answer) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    generate_in_sight(engine, adapters, end_tokens, requests, batch, |_, _| Ok(()), answered)
}

/// As [`generate`]; `grown(index, ids)` is called with what a sequence has so far whenever it has grown.
pub fn generate_in_sight(
    engine: &Model,
    adapters: &[Option<&Adapter>],
    end_tokens: &[u32],
    requests: Vec<(usize, Request)>,
    batch: usize,
    mut grown: impl FnMut(usize, &[u32]) -> anyhow::Result<()>,
    mut answered: impl FnMut(usize, Answer) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let limit = engine.max_positions();
    for (_, request) in &requests {
        let needed = request.prompt.len() + request.max_new_tokens;
        if request.prompt.is_empty() {
            bail!("a prompt without tokens");
        }
        if needed > limit {
            return Err(anyhow!(
                "a prompt of {} tokens and {} new ones exceed the model's {limit} positions",
                request.prompt.len(),
                request.max_new_tokens
            ))
            .hint("shorten the prompt or lower generate.max-new-tokens");
        }
    }
    let mut generator = Generator::with_arms(engine, adapters, end_tokens);
    let mut texts: Vec<Vec<u32>> = vec![Vec::new(); requests.len()];
    let mut beginnings = Beginnings::of(adapters.len(), &requests);
    let mut waiting: VecDeque<(usize, Request)> = requests.into();
    loop {
        while generator.active() < batch {
            let Some((arm, request)) = waiting.pop_front() else { break };
            beginnings.cache_prefix(&mut generator, arm, &request, waiting.front());
            generator.start_in(arm, request);
        }
        if generator.active() == 0 || interrupt::requested() {
            return Ok(());
        }
        for emitted in generator.step() {
            texts[emitted.sequence].extend(emitted.token);
            grown(emitted.sequence, &texts[emitted.sequence])?;
            if let Some(finish) = emitted.finish {
                let ids = std::mem::take(&mut texts[emitted.sequence]);
                answered(emitted.sequence, Answer { ids, finish })?;
            }
        }
    }
}

/// A shared beginning of fewer tokens is not worth its copies.
const SHARED_FROM: usize = 16;

/// What prompts have in common, computed once: a system message or examples of an arm, and the whole prompt where
/// several samples of it follow each other.
struct Beginnings {
    /// The tokens with which all prompts of an arm begin; empty where they are few.
    of_arm: Vec<Vec<u32>>,
    held: Vec<(usize, Vec<u32>)>,
}

impl Beginnings {
    fn of(arms: usize, requests: &[(usize, Request)]) -> Beginnings {
        let common = |arm: usize| {
            let mut prompts =
                requests.iter().filter(|(of, _)| *of == arm).map(|(_, request)| &request.prompt);
            let Some(first) = prompts.next() else { return Vec::new() };
            let shared = prompts.map(|prompt| first.iter().zip(prompt).take_while(|(a, b)| a == b).count());
            // A prompt's last token is computed by its own sequence.
            let len = shared.min().map_or(0, |len| len.min(first.len() - 1));
            if len < SHARED_FROM { Vec::new() } else { first[..len].to_vec() }
        };
        Beginnings { of_arm: (0..arms).map(common).collect(), held: Vec::new() }
    }

    /// Holds what `request` shares with its arm and with `next`, and lets go of what nobody needs any more.
    fn cache_prefix(
        &mut self,
        generator: &mut Generator,
        arm: usize,
        request: &Request,
        next: Option<&(usize, Request)>,
    ) {
        let prompt = &request.prompt;
        self.held.retain(|(of, ids)| {
            let wanted = *of == arm && prompt.starts_with(ids);
            if !wanted {
                generator.evict_prefix(*of, ids);
            }
            wanted
        });
        let is_repeated = next.is_some_and(|(of, next)| *of == arm && next.prompt == *prompt);
        let whole = if is_repeated { &prompt[..prompt.len() - 1] } else { &[] };
        for ids in [&self.of_arm[arm][..], whole] {
            if ids.len() >= SHARED_FROM && !self.held.iter().any(|(_, held)| held == ids) {
                generator.cache_prefix(arm, ids);
                self.held.push((arm, ids.to_vec()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(prompt: Vec<u32>) -> Request {
        Request {
            prompt,
            sampling: Sampling { temperature: 0.0, top_p: 1.0, top_k: 0 },
            seed: 0,
            max_new_tokens: 1,
        }
    }

    #[test]
    fn a_beginning_is_what_all_prompts_of_an_arm_share() {
        let long: Vec<u32> = (0..40).collect();
        let with = |end: &[u32]| request([&long[..], end].concat());
        let requests = [
            (0, with(&[7, 8])),
            (0, with(&[7, 9, 9])),
            (1, with(&[1])),
            (2, request(vec![1, 2])),
            (2, request(vec![1, 2])),
        ];
        let beginnings = Beginnings::of(4, &requests);
        assert_eq!(beginnings.of_arm[0], [&long[..], &[7]].concat());
        assert!(beginnings.of_arm[1..].iter().all(Vec::is_empty), "one prompt, short ones, none");
        let same = Beginnings::of(1, &[(0, with(&[])), (0, with(&[]))]);
        assert_eq!(same.of_arm[0], long[..39]);
    }
}
