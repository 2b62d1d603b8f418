//! `affinage bench generate`: greedy decoding of many prompts at once.

use std::path::PathBuf;
use std::time::Instant;

use affinage_dataset::message::Message;
use affinage_dataset::tokenize::tokenize_prompt;
use affinage_engine::checkpoint;
use affinage_engine::generate::{Generator, Request, Sampling};
use affinage_engine::lora::Adapter;
use affinage_engine::model::Model;
use affinage_project::model::open_model;
use affinage_project::stages::suites;
use clap::Args;
use serde::Serialize;

use super::{Common, MemoryMeter, Setting, read_conversations};
use crate::context::Context;
use crate::ui::{bytes, count};

#[derive(Debug, Args)]
pub struct GenerateBench {
    #[command(flatten)]
    pub common: Common,
    /// JSONL rows with `messages`, the last one the user's (default: 16 creative prompts of the built-in suite)
    #[arg(long, value_name = "FILE")]
    prompts: Option<PathBuf>,
    /// New tokens of each prompt; end tokens do not stop it, so that the work is the same everywhere
    #[arg(long, default_value_t = 128)]
    max_new_tokens: usize,
    /// Prompts decoded at once
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// With this adapter (PEFT folder), or `base`; several share every batch, prompts go to them in turn
    #[arg(long, value_name = "DIR")]
    adapter: Vec<PathBuf>,
    /// Also say where the time goes, by kernel
    #[arg(long)]
    profile: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Measured {
    v: u32,
    model: String,
    base_sha256: String,
    prompts: usize,
    batch: usize,
    /// Base and adapters among which the prompts are divided.
    arms: usize,
    prompt_tokens: usize,
    /// New tokens.
    tokens: usize,
    seconds: f64,
    /// New tokens for each second, prompts included.
    tokens_per_s: f64,
    /// Time in which prompts were read; each such step also gave its sequences their first token.
    prefill_seconds: f64,
    decode_seconds: f64,
    decode_tokens: usize,
    decode_tokens_per_s: f64,
    peak_rss_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    profile: Vec<(&'static str, f64)>,
    #[serde(flatten)]
    setting: Setting,
}

/// Prompts of the built-in suite that are taken without `--prompts`.
const DEFAULT_PROMPTS: usize = 16;

pub fn run(ctx: &Context, args: GenerateBench) -> anyhow::Result<()> {
    let model = open_model(ctx, args.common.spec(ctx))?;
    let mut engine = Model::load(&model.weights)?;
    engine.pack();
    let load = |path: &PathBuf| match path.as_os_str() == "base" {
        true => Ok(None),
        false => checkpoint::load_adapter(&ctx.project.join(path), engine.config()).map(Some),
    };
    let adapters = args.adapter.iter().map(load).collect::<Result<Vec<_>, _>>()?;
    let mut arms: Vec<Option<&Adapter>> = adapters.iter().map(Option::as_ref).collect();
    if arms.is_empty() {
        arms.push(None);
    }
    let template = model.template()?;
    let prompts = conversations(ctx, &args)?
        .iter()
        .map(|messages| tokenize_prompt(&model.tokenizer, template, messages))
        .collect::<Result<Vec<_>, _>>()?;
    let prompt_tokens = prompts.iter().map(Vec::len).sum();
    let greedy = Sampling { temperature: 0.0, top_p: 1.0, top_k: 1 };
    let request = |prompt: &Vec<u32>, new: usize| Request {
        prompt: prompt.clone(),
        sampling: greedy,
        seed: 0,
        max_new_tokens: new,
    };

    let mut warm_up = Generator::with_arms(&engine, &arms, &[]);
    (0..arms.len()).for_each(|arm| {
        warm_up.start_in(arm, request(&prompts[0], 4));
    });
    while warm_up.active() > 0 {
        warm_up.step();
    }

    let mut generator = Generator::with_arms(&engine, &arms, &[]);
    if args.profile {
        generator.profile().start();
    }
    let mut waiting = prompts.iter().zip((0..arms.len()).cycle());
    let (mut prefill, mut decode, mut tokens, mut decoded) = (0.0, 0.0, 0, 0);
    loop {
        let mut reads_prompts = false;
        while generator.active() < args.batch.max(1) {
            let Some((prompt, arm)) = waiting.next() else { break };
            generator.start_in(arm, request(prompt, args.max_new_tokens.max(1)));
            reads_prompts = true;
        }
        if generator.active() == 0 {
            break;
        }
        let began = Instant::now();
        let emitted = generator.step().len();
        let seconds = began.elapsed().as_secs_f64();
        tokens += emitted;
        if reads_prompts {
            prefill += seconds;
        } else {
            decode += seconds;
            decoded += emitted;
        }
    }
    let mut memory = MemoryMeter::default();
    memory.record();
    let measured = Measured {
        v: 1,
        model: model.name.clone(),
        base_sha256: model.sha256.clone(),
        prompts: prompts.len(),
        batch: args.batch,
        arms: arms.len(),
        prompt_tokens,
        tokens,
        seconds: prefill + decode,
        tokens_per_s: tokens as f64 / (prefill + decode),
        prefill_seconds: prefill,
        decode_seconds: decode,
        decode_tokens: decoded,
        decode_tokens_per_s: decoded as f64 / decode,
        peak_rss_bytes: memory.peak_bytes,
        profile: generator.profile().seconds(),
        setting: Setting::here(args.common.threads),
    };
    if ctx.json {
        return ctx.ui.json(&measured);
    }
    ctx.ui.data(&for_people(&measured))
}

fn conversations(ctx: &Context, args: &GenerateBench) -> anyhow::Result<Vec<Vec<Message>>> {
    match &args.prompts {
        Some(path) => read_conversations(&ctx.project.join(path)),
        None => {
            let suite = suites::built_in("creative", 0)?.unwrap_or_default();
            Ok(suite.into_iter().take(DEFAULT_PROMPTS).map(|prompt| prompt.messages).collect())
        }
    }
}

fn for_people(m: &Measured) -> String {
    let mut text = format!(
        "{}: {:.0} new tokens/s; {} tokens for {} prompts, {} at once, in {:.2} s on {} threads ({})\n\
         decoding alone {:.0} tokens/s; reading {} prompt tokens took {:.2} s\n\
         memory at its highest {}\n",
        m.model,
        m.tokens_per_s,
        count(m.tokens as u64),
        m.prompts,
        m.batch,
        m.seconds,
        m.setting.threads,
        m.setting.kernels,
        m.decode_tokens_per_s,
        count(m.prompt_tokens as u64),
        m.prefill_seconds,
        m.peak_rss_bytes.map_or_else(|| "unknown".to_owned(), bytes),
    );
    for (kernel, seconds) in &m.profile {
        text.push_str(&format!("{kernel:<20} {seconds:.3} s\n"));
    }
    text
}
