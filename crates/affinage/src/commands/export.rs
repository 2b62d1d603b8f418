//! `affinage export`: the adapter, or the model with it, for other programs.

use std::path::PathBuf;

use affinage_engine::weights::Precision;
use affinage_project::errors::{HintExt as _, usage};
use affinage_project::stages::export::{Format, Ready};
use clap::{Args, ValueEnum};

use crate::context::Context;
use crate::ui::results::export as results;

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
    let shown = ctx.shown(&out).to_string();
    let Some(format) = args.format.map(Format::from) else {
        let made = ready.publish(&args.accept, &out)?;
        if ctx.json {
            return ctx.ui.json(&made.document());
        }
        results::say_published(&ctx.ui, &made, &shown);
        return Ok(());
    };
    let record = ready.write(format, args.precision.into(), &out)?;
    results::say_other_formats(&ctx.ui, &record);
    if ctx.json {
        return ctx.ui.json(&record);
    }
    results::say_written(&ctx.ui, &record, &shown);
    Ok(())
}
