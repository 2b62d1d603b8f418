//! Answers of arms to prompts: batches of sequences through the engine, rows in `completions.jsonl`.

use std::collections::VecDeque;

use affinage_engine::generate::{Finish, Generator, Request, Sampling};
use affinage_engine::lora::Adapter;
use affinage_engine::model::Model;
use anyhow::{anyhow, bail};

use crate::config::Generate;
use crate::errors::HintExt as _;
use crate::interrupt;

/// The engine's form of `[generate]`.
pub fn sampling(config: &Generate) -> Sampling {
    Sampling { temperature: config.temperature as f32, top_p: config.top_p as f32, top_k: config.top_k }
}

/// A generated sequence.
pub struct Answer {
    pub ids: Vec<u32>,
    pub finish: Finish,
}

/// Generates all `requests`, at most `batch` at once; a finished sequence makes room for the next.
///
/// `answered(index, answer)` is called as each one ends. Returns early, without error, after Ctrl-C: what was answered
/// is with the caller.
pub fn generate(
    engine: &Model,
    adapter: Option<&Adapter>,
    end_tokens: &[u32],
    requests: Vec<Request>,
    batch: usize,
    mut answered: impl FnMut(usize, Answer) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let limit = engine.max_positions();
    for request in &requests {
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
    let mut generator = Generator::new(engine, adapter, end_tokens);
    let mut texts: Vec<Vec<u32>> = vec![Vec::new(); requests.len()];
    let mut waiting: VecDeque<Request> = requests.into();
    loop {
        while generator.active() < batch {
            let Some(request) = waiting.pop_front() else { break };
            generator.start(request);
        }
        if generator.active() == 0 || interrupt::requested() {
            return Ok(());
        }
        for emitted in generator.step() {
            texts[emitted.sequence].extend(emitted.token);
            if let Some(finish) = emitted.finish {
                let ids = std::mem::take(&mut texts[emitted.sequence]);
                answered(emitted.sequence, Answer { ids, finish })?;
            }
        }
    }
}
