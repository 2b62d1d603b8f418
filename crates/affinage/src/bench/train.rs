//! `affinage bench train`: optimiser steps over rows in file order.

use std::path::PathBuf;
use std::time::Instant;

use affinage_dataset::message::Message;
use affinage_dataset::tokenize::{LossMode, TokenizedExample, tokenize_example};
use affinage_engine::checkpoint;
use affinage_engine::lora::{Adapter, LoraConfig, Target};
use affinage_engine::model::{Document, Model};
use affinage_engine::optim::{AdamW, Schedule};
use affinage_engine::train::{TrainConfig, Trainer};
use affinage_engine::weights::ModelConfig;
use affinage_project::errors::HintExt as _;
use affinage_project::model::{LoadedModel, open_model};
use anyhow::{anyhow, bail};
use clap::Args;
use serde::Serialize;

use super::{Common, MemoryMeter, Peak, PeakMeter, Setting, read_conversations};
use crate::context::Context;
use crate::ui::{Table, bytes, count};

#[derive(Debug, Args)]
pub struct TrainBench {
    #[command(flatten)]
    pub common: Common,
    /// JSONL rows with `messages`, used in file order and cut to --max-seq-tokens (default: the demo's dialogues)
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// LoRA rank
    #[arg(long, default_value_t = 16)]
    rank: usize,
    /// LoRA alpha
    #[arg(long, default_value_t = 32.0)]
    alpha: f32,
    /// Projections with an adapter, separated by commas (default: all seven)
    #[arg(long, value_delimiter = ',', value_parser = target)]
    targets: Vec<Target>,
    /// Longer rows are cut
    #[arg(long, default_value_t = 1024)]
    max_seq_tokens: usize,
    /// Tokens computed at once (default: `train.micro-batch-tokens`)
    #[arg(long, value_name = "N")]
    micro_batch_tokens: Option<usize>,
    /// The lowest layers that are run again in the backward instead of being kept
    #[arg(long, value_name = "N", default_value_t = 0)]
    recompute_layers: usize,
    /// Rows of one optimiser step
    #[arg(long, default_value_t = 8)]
    rows_per_step: usize,
    /// Timed steps, after one warm-up (default: each row once)
    #[arg(long)]
    steps: Option<usize>,
    /// Which tokens are learnt
    #[arg(long, value_enum, default_value = "assistant")]
    loss: Loss,
    /// Start from this adapter (PEFT folder) instead of a fresh one; its rank, alpha and targets count
    #[arg(long, value_name = "DIR")]
    adapter: Option<PathBuf>,
    /// Also say where the time goes, by kernel
    #[arg(long)]
    profile: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Loss {
    Full,
    Assistant,
}

fn target(name: &str) -> Result<Target, String> {
    Target::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = Target::ALL.iter().map(|target| target.name()).collect();
        format!("no projection of that name; there are {}", known.join(", "))
    })
}

/// What `--json` prints.
#[derive(Serialize)]
struct Measured {
    v: u32,
    model: String,
    base_sha256: String,
    /// Input tokens of the timed steps, templates included.
    tokens: usize,
    supervised_tokens: usize,
    seconds: f64,
    tokens_per_s: f64,
    model_gflop_per_token: f64,
    gflops: f64,
    #[serde(flatten)]
    peak: Peak,
    share_of_peak: f64,
    peak_rss_bytes: Option<u64>,
    trainable_parameters: usize,
    losses: Vec<f64>,
    grad_norms: Vec<f64>,
    step_seconds: Vec<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    profile: Vec<Kernel>,
    #[serde(flatten)]
    setting: Setting,
}

#[derive(Serialize)]
struct Kernel {
    kernel: &'static str,
    seconds: f64,
    share: f64,
}

pub fn run(ctx: &Context, args: TrainBench) -> anyhow::Result<()> {
    let model = open_model(ctx, args.common.spec(ctx))?;
    let engine = Model::load(&model.weights)?;
    let conversations = match &args.data {
        Some(path) => read_conversations(&ctx.project.join(path))?,
        None => affinage_project::stages::demo::conversations()?,
    };
    let rows = rows(&model, &conversations, &args)?;
    let measured = measure(ctx, &args, &model, &engine, &rows)?;
    if measured.share_of_peak > 1.0 {
        return Err(anyhow!("a share of peak of {:.2} cannot be", measured.share_of_peak))
            .hint("another program took the machine while the peak was measured; measure again");
    }
    if ctx.json {
        return ctx.ui.json(&measured);
    }
    ctx.ui.data(&for_people(&measured))
}

fn rows(
    model: &LoadedModel,
    conversations: &[Vec<Message>],
    args: &TrainBench,
) -> anyhow::Result<Vec<TokenizedExample>> {
    let loss = match args.loss {
        Loss::Full => LossMode::Full,
        Loss::Assistant => LossMode::Assistant,
    };
    let template = model.template()?;
    let mut rows = Vec::new();
    for (number, messages) in conversations.iter().enumerate() {
        let id = (number + 1).to_string();
        let whole = usize::MAX;
        let mut row =
            tokenize_example(&model.tokenizer, template, &id, messages, loss, &model.end_tokens, whole)
                .map_err(|error| anyhow!("row {id}: {error}"))?;
        row.ids.truncate(args.max_seq_tokens);
        row.loss_mask.truncate(args.max_seq_tokens);
        rows.push(row);
    }
    Ok(rows)
}

fn measure(
    ctx: &Context,
    args: &TrainBench,
    model: &LoadedModel,
    engine: &Model,
    rows: &[TokenizedExample],
) -> anyhow::Result<Measured> {
    if args.rows_per_step == 0 || args.rank == 0 {
        bail!("--rows-per-step and --rank must be at least 1");
    }
    let adapter = match &args.adapter {
        Some(path) => checkpoint::load_adapter(&ctx.project.join(path), engine.config())?,
        None => Adapter::new(lora_config(args, engine.config())?, engine.config(), 42),
    };
    let parameters = adapter.values.len();
    let steps = args.steps.unwrap_or(rows.len().div_ceil(args.rows_per_step));
    let micro_batch_tokens = args.micro_batch_tokens.unwrap_or(ctx.config.train.micro_batch_tokens);
    let mut trainer =
        Trainer::new(engine, adapter, train_config(steps, micro_batch_tokens, args.recompute_layers));
    let group = |step: usize| -> Vec<Document> {
        let first = step * args.rows_per_step;
        let all = args.steps.is_some();
        let numbers = (first..first + args.rows_per_step).filter(|row| all || *row < rows.len());
        numbers.map(|row| document(row % rows.len(), &rows[row % rows.len()])).collect()
    };
    let (mut peak, mut memory) = (PeakMeter::new(), MemoryMeter::default());
    trainer.gradient(&group(0))?;
    memory.record();
    if args.profile {
        trainer.profile().start();
    }
    let (mut losses, mut grad_norms, mut step_seconds) = (Vec::new(), Vec::new(), Vec::new());
    let (mut tokens, mut supervised, mut keys) = (0, 0, 0.0);
    peak.measure();
    for step in 0..steps {
        let documents = group(step);
        memory.restart();
        let began = Instant::now();
        let report = trainer.step(&documents)?;
        step_seconds.push(began.elapsed().as_secs_f64());
        memory.record();
        peak.measure();
        losses.push(report.loss);
        grad_norms.push(report.grad_norm);
        tokens += report.tokens;
        supervised += report.supervised_tokens;
        keys += documents.iter().map(|d| (d.ids.len() * (d.ids.len() + 1)) as f64).sum::<f64>();
    }
    let seconds: f64 = step_seconds.iter().sum();
    let per_token =
        flop_per_token(engine.config(), parameters, supervised as f64 / tokens as f64, keys / tokens as f64)
            / 1e9;
    let (speed, peak) = (tokens as f64 / seconds, peak.peak());
    let laps = trainer.profile().seconds();
    let total: f64 = laps.iter().map(|(_, seconds)| seconds).sum();
    Ok(Measured {
        v: 1,
        model: model.name.clone(),
        base_sha256: model.sha256.clone(),
        tokens,
        supervised_tokens: supervised,
        seconds,
        tokens_per_s: speed,
        model_gflop_per_token: per_token,
        gflops: speed * per_token,
        share_of_peak: speed * per_token / peak.sgemm_peak_gflops,
        peak,
        peak_rss_bytes: memory.peak_bytes,
        trainable_parameters: parameters,
        losses,
        grad_norms,
        step_seconds,
        profile: laps
            .into_iter()
            .map(|(kernel, s)| Kernel { kernel, seconds: s, share: s / total })
            .collect(),
        setting: Setting::here(args.common.threads),
    })
}

fn lora_config(args: &TrainBench, model: &ModelConfig) -> anyhow::Result<LoraConfig> {
    let targets = match args.targets.is_empty() {
        true => Target::of(model).to_vec(),
        false => Target::meant(&args.targets, model)?,
    };
    Ok(LoraConfig { rank: args.rank, alpha: args.alpha, use_rslora: false, dropout: 0.0, targets })
}

/// AdamW at a constant 2e-4 without decay, clipped at 1: the usual job, so that losses can be compared elsewhere.
pub(super) fn train_config(steps: usize, micro_batch_tokens: usize, recompute_layers: usize) -> TrainConfig {
    TrainConfig {
        optimizer: AdamW::default(),
        schedule: Schedule::Constant,
        learning_rate: 2e-4,
        lora_plus_ratio: 1.0,
        warmup_steps: 0,
        total_steps: steps as u64,
        clip_norm: 1.0,
        micro_batch_tokens,
        recompute_layers,
        seed: 42,
    }
}

fn document(row: usize, example: &TokenizedExample) -> Document<'_> {
    Document { row_id: row as u64, ids: &example.ids, loss_mask: &example.loss_mask }
}

/// Floating-point operations that training needs for one input token, nothing recomputed:
/// `4 N + 4 H s + 6 P + 6 L d_q t`, with `N` weights of the blocks, `H = vocab x hidden`, `s` the supervised share,
/// `P` adapter values, `L` layers, `d_q` the width of the queries and `t` the mean over tokens of (length of its
/// document + 1): attention counts its causal half.
fn flop_per_token(config: &ModelConfig, adapter: usize, supervised_share: f64, mean_keys: f64) -> f64 {
    let size = |target: Target| target.shape(config).iter().product::<usize>();
    let blocks = config.layers * Target::of(config).iter().copied().map(size).sum::<usize>();
    let head = config.vocab_size * config.hidden_size;
    let queries = config.layers * config.heads * config.head_dim;
    4.0 * blocks as f64
        + 4.0 * head as f64 * supervised_share
        + 6.0 * adapter as f64
        + 6.0 * queries as f64 * mean_keys
}

fn for_people(m: &Measured) -> String {
    let p = &m.peak;
    let mut text = format!(
        "{}: {:.0} tokens/s; {} tokens, {} of them learnt, in {:.2} s on {} threads ({})\n\
         {:.0} GFLOP/s of {:.0}, {:.0} % of what this machine's best matrix multiply reaches \
         ({:.3} GFLOP a token)\n\
         peak: own multiply {:.0}, independent one {:.0}, registers alone {:.0} GFLOP/s\n\
         memory at its highest {}; last loss {:.4}\n",
        m.model,
        m.tokens_per_s,
        count(m.tokens as u64),
        count(m.supervised_tokens as u64),
        m.seconds,
        m.setting.threads,
        m.setting.kernels,
        m.gflops,
        p.sgemm_peak_gflops,
        100.0 * m.share_of_peak,
        m.model_gflop_per_token,
        p.own_multiply_gflops,
        p.independent_multiply_gflops,
        p.registers_gflops,
        m.peak_rss_bytes.map_or_else(|| "unknown".to_owned(), bytes),
        m.losses.last().copied().unwrap_or(f64::NAN),
    );
    if !m.profile.is_empty() {
        let mut table = Table::new(["kernel", "seconds", "share"]).right(&[1, 2]);
        for kernel in &m.profile {
            table.row([
                kernel.kernel.to_owned(),
                format!("{:.3}", kernel.seconds),
                format!("{:.1} %", 100.0 * kernel.share),
            ]);
        }
        text.push('\n');
        text.push_str(&table.render());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_of_a_token_is_that_of_the_formula() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/tiny-llama");
        let config = ModelConfig::read(std::path::Path::new(folder)).expect("a model folder");
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let kv = config.kv_heads * config.head_dim;
        let q = config.heads * config.head_dim;
        let block = 2 * hidden * q + 2 * hidden * kv + 3 * hidden * inner;
        let want = 4 * config.layers * block
            + 2 * config.vocab_size * hidden
            + 6 * 1000
            + 6 * config.layers * config.heads * config.head_dim * 33;
        assert_eq!(flop_per_token(&config, 1000, 0.5, 33.0), want as f64);
    }
}
