//! `affinage bench families`: one decoder of each family, of one shape and with drawn weights.

use std::num::NonZeroUsize;
use std::time::Instant;

use affinage_engine::generate::{Generator, Request, Sampling};
use affinage_engine::kernels::random::Random;
use affinage_engine::lora::{Adapter, LoraConfig, Target};
use affinage_engine::model::{Document, Model};
use affinage_engine::train::Trainer;
use affinage_engine::weights::{Family, ModelConfig, Shape, Weights};
use clap::Args;
use serde::Serialize;

use super::train::train_config;
use super::{MemoryMeter, Setting};
use crate::context::Context;
use crate::ui::{bytes, count};

#[derive(Debug, Args)]
pub struct FamiliesBench {
    /// Timed training steps of each family, after one warm-up
    #[arg(long, value_name = "N", default_value = "2")]
    steps: NonZeroUsize,
    /// Rows of one step, of 256 tokens each
    #[arg(long, value_name = "N", default_value = "8")]
    rows_per_step: NonZeroUsize,
    /// New tokens of each answer
    #[arg(long, value_name = "N", default_value = "64")]
    max_new_tokens: NonZeroUsize,
    /// Layers, for a shorter look; 30 is the shape of SmolLM2-135M
    #[arg(long, value_name = "N", default_value = "30")]
    layers: NonZeroUsize,
    /// Threads (default: one for each core)
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}

/// The shape of SmolLM2-135M, in which every family is measured: what differs between the rows is what the families compute
/// beside their matrices, and the head of OLMo 2, which is not tied.
const SHAPE: Shape = Shape {
    layers: 30,
    hidden: 576,
    inner: 1536,
    heads: 9,
    kv_heads: 3,
    head_dim: 64,
    vocab: 49_152,
    positions: 8192,
};
const ROW_TOKENS: usize = 256;
const PROMPT_TOKENS: usize = 16;
const RANK: usize = 16;
const MICRO_BATCH_TOKENS: usize = 1024;
/// Answers decoded at once.
const TOGETHER: usize = 16;

/// What `--json` prints.
#[derive(Serialize)]
struct Measured {
    v: u32,
    /// Of a training row; the second half of each is learnt, by adapters of rank 16 on every projection.
    row_tokens: usize,
    families: Vec<Row>,
    #[serde(flatten)]
    setting: Setting,
}

#[derive(Serialize)]
struct Row {
    family: Family,
    parameters: usize,
    train_tokens_per_s: f64,
    /// Of one answer by itself, and of 16 at once together.
    decode_tokens_per_s: f64,
    batch_decode_tokens_per_s: f64,
    /// While it trained.
    peak_rss_bytes: Option<u64>,
}

pub fn run(ctx: &Context, args: &FamiliesBench) -> anyhow::Result<()> {
    let shape = Shape { layers: args.layers.get(), ..SHAPE };
    let measure = |family: Family| {
        ctx.ui.during(format!("measuring {}", family.name()), || measure(family, shape, args))
    };
    let families = Family::ALL.into_iter().map(measure).collect::<anyhow::Result<Vec<Row>>>()?;
    let setting = Setting::here(args.threads);
    let measured = Measured { v: 1, row_tokens: ROW_TOKENS, families, setting };
    if ctx.json {
        return ctx.ui.json(&measured);
    }
    ctx.ui.data(&table(&measured))
}

fn measure(family: Family, shape: Shape, args: &FamiliesBench) -> anyhow::Result<Row> {
    let weights = Weights::drawn(ModelConfig::of_family(family, shape), 1)?;
    let mut model = Model::load(&weights)?;
    let mut memory = MemoryMeter::default();
    let train_tokens_per_s = train(&model, args, &mut memory)?;
    model.pack();
    Ok(Row {
        family,
        parameters: weights.parameter_count(),
        train_tokens_per_s,
        decode_tokens_per_s: decode(&model, 1, args.max_new_tokens.get()),
        batch_decode_tokens_per_s: decode(&model, TOGETHER, args.max_new_tokens.get()),
        peak_rss_bytes: memory.peak_bytes,
    })
}

/// Tokens a second of optimiser steps.
fn train(model: &Model, args: &FamiliesBench, memory: &mut MemoryMeter) -> anyhow::Result<f64> {
    let (steps, rows) = (args.steps.get(), args.rows_per_step.get());
    let tokens = ROW_TOKENS.min(model.max_positions());
    let ids: Vec<Vec<u32>> = (0..rows).map(|row| drawn(model, row as u64, tokens)).collect();
    let loss_mask: Vec<bool> = (0..tokens).map(|at| at >= tokens / 2).collect();
    let documents: Vec<Document> =
        (0..).zip(&ids).map(|(row_id, ids)| Document { row_id, ids, loss_mask: &loss_mask }).collect();
    let targets = Target::of(model.config()).to_vec();
    let lora = LoraConfig { rank: RANK, alpha: 2.0 * RANK as f32, use_rslora: false, dropout: 0.0, targets };
    let adapter = Adapter::new(lora, model.config(), 1);
    let mut trainer = Trainer::new(model, adapter, train_config(steps, MICRO_BATCH_TOKENS, 0));
    memory.restart();
    trainer.gradient(&documents[..1])?;
    let began = Instant::now();
    for _ in 0..steps {
        trainer.step(&documents)?;
    }
    let seconds = began.elapsed().as_secs_f64();
    memory.record();
    Ok((steps * rows * tokens) as f64 / seconds)
}

/// New tokens a second of so many answers at once, the prompts read before.
fn decode(model: &Model, answers: usize, max_new_tokens: usize) -> f64 {
    let mut generator = Generator::new(model, None, &[]);
    for answer in 0..answers {
        generator.start(Request {
            prompt: drawn(model, answer as u64, PROMPT_TOKENS),
            sampling: Sampling { temperature: 0.0, top_p: 1.0, top_k: 1 },
            seed: 0,
            max_new_tokens: max_new_tokens + 1,
        });
    }
    generator.step();
    let (began, mut tokens) = (Instant::now(), 0);
    while generator.active() > 0 {
        tokens += generator.step().len();
    }
    tokens as f64 / began.elapsed().as_secs_f64()
}

fn drawn(model: &Model, stream: u64, tokens: usize) -> Vec<u32> {
    let mut random = Random::new(2, stream);
    (0..tokens).map(|_| random.below(model.config().vocab_size) as u32).collect()
}

/// A table in Markdown, a row for each family.
fn table(m: &Measured) -> String {
    let mut text = "| family | weights | training, tokens/s | one answer, tokens/s | 16 answers, tokens/s | memory of training |\n\
                    |---|---:|---:|---:|---:|---:|\n"
        .to_owned();
    for row in &m.families {
        text.push_str(&format!(
            "| {} | {:.1}M | {} | {:.1} | {} | {} |\n",
            row.family.name(),
            row.parameters as f64 / 1e6,
            count(row.train_tokens_per_s.round() as u64),
            row.decode_tokens_per_s,
            count(row.batch_decode_tokens_per_s.round() as u64),
            row.peak_rss_bytes.map_or_else(|| "unknown".to_owned(), bytes),
        ));
    }
    text.push_str(&format!(
        "\nOne shape, drawn weights in bf16; rows of {} tokens, half of each learnt, rank {RANK} on every projection; {} threads ({}), \
         affinage {}\n",
        m.row_tokens, m.setting.threads, m.setting.kernels, m.setting.version
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_a_row_and_takes_a_step() {
        let one = NonZeroUsize::MIN;
        let args =
            FamiliesBench { steps: one, rows_per_step: one, max_new_tokens: one, layers: one, threads: None };
        let shape = Shape {
            layers: 4,
            hidden: 32,
            inner: 64,
            heads: 4,
            kv_heads: 2,
            head_dim: 8,
            vocab: 60,
            positions: 512,
        };
        let families: Vec<Row> =
            Family::ALL.iter().map(|family| measure(*family, shape, &args).expect("a row")).collect();
        for row in &families {
            let speeds = [row.train_tokens_per_s, row.decode_tokens_per_s, row.batch_decode_tokens_per_s];
            assert!(
                speeds.iter().all(|speed| speed.is_finite() && *speed > 0.0),
                "{:?} {speeds:?}",
                row.family
            );
        }
        let table = table(&Measured { v: 1, row_tokens: ROW_TOKENS, families, setting: Setting::here(None) });
        for family in Family::ALL {
            let begins = format!("| {} | 0.0M | ", family.name());
            let row = table.lines().find(|line| line.starts_with(&begins)).expect("a row");
            assert_eq!(row.matches('|').count(), 7, "{row}");
        }
    }
}
