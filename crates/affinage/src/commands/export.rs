//! `affinage export`: the adapter, or the model with it, for other programs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use affinage_engine::weights::Precision;
use affinage_project::errors::{HintExt as _, usage};
use affinage_project::stages::export::bundle::Bundle;
use affinage_project::stages::export::{Behaviour, Format, Ready, Record};
use clap::{Args, ValueEnum};

use super::demo::shell_word;
use crate::context::Context;
use crate::ui::counted;

/// Write the adapter, or the model with it, for other programs, and measure that it behaves
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage export --adapter last --format gguf --precision q8_0 --out my-voice-gguf\n  \
    affinage export --adapter runs/RUN/checkpoints/step-000145 --format merged --out my-voice\n  \
    affinage export --adapter best --format ollama --out my-voice-ollama\n  \
    affinage export --adapter last --bundle --out to-publish"
)]
pub struct ExportArgs {
    /// An adapter (a folder of PEFT or MLX, a GGUF file), or last, best or step-N of a run
    #[arg(long, value_name = "DIR")]
    adapter: String,
    /// Run of last, best or step-N [default: the one that finished last]
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// What to write
    #[arg(long, value_enum, ignore_case = true, required_unless_present = "bundle")]
    format: Option<FormatArg>,
    /// Make a folder to publish instead: adapter, model card, evaluations, data card, and what it would give away
    #[arg(long, conflicts_with_all = ["format", "precision"])]
    bundle: bool,
    /// A finding of the bundle's scan that may go out, as the scan names it (repeatable)
    #[arg(long, value_name = "FINDING", requires = "bundle")]
    accept: Vec<String>,
    /// Folder to make
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Numbers of a merged model
    #[arg(long, value_enum, ignore_case = true, default_value_t = PrecisionArg::F16)]
    precision: PrecisionArg,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "kebab-case")]
enum FormatArg {
    /// The adapter as a PEFT folder
    Peft,
    /// Base and adapter merged, as a Hugging Face folder
    Merged,
    /// Base and adapter merged, as a GGUF file
    Gguf,
    /// The adapter as a GGUF file, for `llama.cpp --lora`
    GgufLora,
    /// The adapter as an MLX folder
    Mlx,
    /// A merged GGUF file with a Modelfile for Ollama
    Ollama,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Peft => Self::Peft,
            FormatArg::Merged => Self::Merged,
            FormatArg::Gguf => Self::Gguf,
            FormatArg::GgufLora => Self::GgufLora,
            FormatArg::Mlx => Self::Mlx,
            FormatArg::Ollama => Self::Ollama,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum PrecisionArg {
    F32,
    F16,
    Bf16,
    #[value(name = "q8_0")]
    Q8,
    #[value(name = "q5_k_m")]
    Q5KM,
    #[value(name = "q4_k_m")]
    Q4KM,
    #[value(name = "q4_0")]
    Q4,
}

impl From<PrecisionArg> for Precision {
    fn from(precision: PrecisionArg) -> Self {
        match precision {
            PrecisionArg::F32 => Self::F32,
            PrecisionArg::F16 => Self::F16,
            PrecisionArg::Bf16 => Self::BF16,
            PrecisionArg::Q8 => Self::Q8_0,
            PrecisionArg::Q5KM => Self::Q5_K_M,
            PrecisionArg::Q4KM => Self::Q4_K_M,
            PrecisionArg::Q4 => Self::Q4_0,
        }
    }
}

/// What to say to a value of `--format` or `--precision` that is none.
pub fn tip_for(value: &str) -> Option<String> {
    let value = value.to_lowercase();
    match value.as_str() {
        _ if PrecisionArg::from_str(&value, true).is_ok() => {
            Some(format!("this is a precision: `--format gguf --precision {value}`"))
        }
        _ if value.starts_with('q') && value.contains("_k") || value.starts_with("iq") => Some(
            "of these formats affinage writes q4_k_m and q5_k_m (`--format gguf --precision q4_k_m`); `llama-quantize` of \
             llama.cpp makes the others from an export in f16"
                .to_owned(),
        ),
        _ => None,
    }
}

pub fn run(ctx: &Context, args: ExportArgs) -> anyhow::Result<()> {
    let out = ctx.project.join(&args.out);
    if out.exists() {
        return Err(usage(format!("--out {}: it exists already", args.out.display())))
            .hint("name a folder that is not there yet; exports are not overwritten, so move or delete the old one to use its name");
    }
    let ready = Ready::open(ctx, &args.adapter, args.run.as_deref())?;
    let Some(format) = args.format.map(Format::from) else {
        return show_published(ctx, &ready.publish(&args.accept, &out)?, &out);
    };
    let record = ready.write(format, args.precision.into(), &out)?;
    if record.kept_f16 > 0 {
        ctx.ui.warn(format!(
            "kept as f16: {} whose rows cannot be cut into blocks of {} numbers",
            counted(record.kept_f16, "matrix", "matrices"),
            record.precision.dtype().block_len().min(32)
        ));
    }
    if record.other_format > record.kept_f16 {
        ctx.ui.warn(format!(
            "not as {:?} means it: {} whose rows are no whole number of 256 numbers; the file has {}",
            record.precision,
            counted(record.other_format - record.kept_f16, "matrix", "matrices"),
            by_format(&record.matrices)
        ));
    }
    if ctx.json {
        return ctx.ui.json(&record);
    }
    show(ctx, &out, &record);
    Ok(())
}

/// "12 matrices in Q4_K, 3 in Q6_K"
fn by_format(matrices: &BTreeMap<String, usize>) -> String {
    let counts: Vec<String> = matrices.iter().map(|(format, count)| format!("{count} in {format}")).collect();
    format!("matrices: {}", counts.join(", "))
}

fn show_published(ctx: &Context, made: &Bundle, out: &Path) -> anyhow::Result<()> {
    if ctx.json {
        return ctx.ui.json(&made.document());
    }
    show(ctx, out, &made.record);
    let rows: BTreeSet<&str> = made.exposed.iter().map(|row| row.example_id.as_str()).collect();
    ctx.ui.say(format!(
        "publishing it shows words of {} of your data: exposed_rows.jsonl names them",
        counted(rows.len(), "row", "rows")
    ));
    for longest in &made.memorisation.longest {
        ctx.ui.say(format!(
            "longest run of words recited, {}: {} (base: {}); asked about {}",
            longest.kind.name(),
            longest.tuned_words,
            longest.base_words,
            counted(longest.rows, "row", "rows")
        ));
    }
    match &made.licence {
        Some(licence) => ctx.ui.say(format!("licence of the base: {licence}")),
        None => ctx.ui.warn("the files of the base name no licence; look it up before you publish"),
    }
    Ok(())
}

/// Whether the export is the trained model again: how far it is from that, as a share of how far the base is. Distances are
/// square roots of the divergence, which grows with the square of a small change.
fn equals_in_words(b: &Behaviour) -> String {
    /// Up to here an export is called equal.
    const EQUAL: f64 = 0.05;
    if b.bare_base.kl <= 0.0 || !b.bare_base.kl.is_finite() {
        return "the trained model writes as the base does, so there is no change that an export could lose"
            .to_owned();
    }
    let share = (b.parity.kl.max(0.0) / b.bare_base.kl).sqrt();
    match share {
        equal if equal <= EQUAL => format!(
            "the export equals the trained model within what its number format can hold: what differs is rounding, less than {:.0} % of what training changed",
            100.0 * EQUAL
        ),
        more if more >= 1.0 => {
            "the export is farther from the trained model than the base is: in this number format hardly \
             anything of the training is left; a higher one keeps it (`--precision f16`)"
                .to_owned()
        }
        share => format!(
            "the export differs from the trained model by about {:.0} % of what training changed; this is what its number \
             format costs",
            100.0 * share
        ),
    }
}

fn show(ctx: &Context, out: &Path, record: &Record) {
    let b = &record.behaviour;
    ctx.ui.say(format!(
        "{}: {}",
        ctx.shown(out),
        record.files.keys().cloned().collect::<Vec<_>>().join(", ")
    ));
    ctx.ui.say(format!(
        "checked: the exported files pick the same next word as the trained model at {} of {} places",
        b.parity.greedy_equal, b.parity.positions
    ));
    ctx.ui.say(equals_in_words(b));
    ctx.ui.detail(format!(
        "distance from the trained model: {:.2e} nats a token (allowed {:.2e}), logits within {:.2e}; the base without the \
         adapter: {:.2e} nats a token",
        b.parity.kl, b.tolerance_kl, b.parity.max_abs_logit_diff, b.bare_base.kl
    ));
    if !b.bare_base_fails {
        ctx.ui.warn("the base without the adapter passes this check too: the adapter changes too little to tell them apart");
    }
    if !record.matrices.is_empty() {
        ctx.ui.say(by_format(&record.matrices));
    }
    // With the folder that was asked for, so that it can be pasted.
    let shown = ctx.shown(out).to_string();
    let typed = |rest: &str| shell_word(Path::new(&format!("{shown}{rest}")));
    // Without it llama.cpp makes room for the longest text, and rotates as for that.
    let room = record.most_context.map_or(String::new(), |tokens| format!(" -c {tokens}"));
    ctx.ui.hint(match record.format {
        Format::Peft => format!("peft: `PeftModel.from_pretrained(base, {shown:?})`"),
        Format::Merged => format!("transformers: `AutoModelForCausalLM.from_pretrained({shown:?})`"),
        Format::Gguf => format!("llama.cpp: `llama-cli -m {}{room}`", typed("/model.gguf")),
        Format::GgufLora => {
            format!("llama.cpp: `llama-cli -m BASE.gguf --lora {}{room}`", typed("/adapter.gguf"))
        }
        Format::Mlx => format!("mlx-lm: `mlx_lm.generate --model BASE --adapter-path {}`", typed("")),
        Format::Ollama => format!(
            "Ollama: `ollama create my-voice -f {}` (checked by grammar only, not by Ollama)",
            typed("/Modelfile")
        ),
    });
}

#[cfg(test)]
mod tests {
    use affinage_engine::export::parity::Parity;

    use super::*;

    #[test]
    fn an_export_is_equal_or_differs_by_a_share_of_what_was_trained() {
        let parity = |kl| Parity { positions: 512, kl, max_abs_logit_diff: 0.1, greedy_equal: 500 };
        let said = |kl, base| {
            let (parity, bare_base) = (parity(kl), parity(base));
            equals_in_words(&Behaviour {
                parity,
                tolerance_kl: 3e-3,
                bare_base,
                base_in_format: None,
                bare_base_fails: true,
            })
        };
        assert!(said(1e-9, 0.4).starts_with("the export equals the trained model"), "{}", said(1e-9, 0.4));
        assert!(said(0.0025, 0.04).contains("differs from the trained model by about 25 %"));
        assert!(said(0.08, 0.04).contains("hardly anything of the training is left"));
        assert!(said(0.0, 0.0).contains("no change that an export could lose"));
    }
}
