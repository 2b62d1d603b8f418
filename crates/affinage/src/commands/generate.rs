//! `affinage generate`: what base, checkpoints and the user's own arms answer to the prompts of the suites.

use std::path::PathBuf;

use affinage_project::client::Leave;
use affinage_project::errors::usage;
use affinage_project::next::next;
use affinage_project::stages::evaluation::answers::{By, Generated, Kind, Options, Outcome, generate};
use clap::{Args, ValueEnum};

use crate::context::Context;
use crate::ui::counted;

/// Generate answers of base and checkpoints to the prompt suites
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage generate\n  affinage --set eval.checkpoints='[\"step-40\",\"last\"]' generate\n  \
    affinage --set eval.prompts-per-suite=5 generate --name quick\n  \
    affinage generate --engine openai --base-url http://127.0.0.1:8000/v1 --base-name Qwen/Qwen2.5-0.5B-Instruct"
)]
pub struct GenerateArgs {
    /// Name the evaluation, a folder below evals/ [default: eval.name of affinage.toml, numbered for every other plan]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Training run [default: that of --name, else the one that finished last]
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Send texts to the servers that are configured or named here, without asking
    #[arg(long)]
    yes: bool,
    /// Also ask other machines what is held private: a conversation by its key or title, or a file (repeatable)
    #[arg(long, value_name = "NAME")]
    send_private: Vec<String>,
    // Last: its heading goes on to what follows.
    #[command(flatten)]
    elsewhere: Elsewhere,
}

/// Who answers in place of this program's engine.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Answers from elsewhere")]
struct Elsewhere {
    /// Who answers
    #[arg(long, value_enum, default_value_t)]
    engine: Engine,
    /// Ask this OpenAI-compatible server, up to /v1; it must offer each checkpoint under its name (step-000145)
    #[arg(long, value_name = "URL", required_if_eq("engine", "openai"), conflicts_with_all = ["batch_out", "batch_in"])]
    base_url: Option<String>,
    /// The base model's name there
    #[arg(long, value_name = "NAME", default_value = "base")]
    base_name: String,
    /// Calls in flight at once
    #[arg(long, value_name = "N", default_value_t = 16)]
    concurrency: usize,
    /// The environment variable with the server's key
    #[arg(long, value_name = "NAME", requires = "base_url")]
    api_key_env: Option<String>,
    /// Write what is missing as a batch file for OpenAI or `vllm run-batch`, and generate nothing
    #[arg(long, value_name = "FILE", conflicts_with = "batch_in")]
    batch_out: Option<PathBuf>,
    /// Take the results of such a batch
    #[arg(long, value_name = "FILE")]
    batch_in: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// This program
    #[default]
    Own,
    /// A server that speaks the OpenAI format
    Openai,
}

impl Elsewhere {
    /// Errors: a server without the engine that asks it.
    fn by(&self) -> anyhow::Result<By<'_>> {
        let base_name = self.base_name.as_str();
        Ok(match (&self.batch_out, &self.batch_in, &self.base_url) {
            (Some(path), ..) => By::BatchOut { path, base_name },
            (_, Some(path), _) => By::BatchIn(path),
            (.., Some(_)) if self.engine != Engine::Openai => {
                return Err(usage("--base-url needs `--engine openai`"));
            }
            (.., Some(base_url)) => {
                let (concurrency, api_key_env) = (self.concurrency, self.api_key_env.as_deref());
                By::Server { base_url, base_name, concurrency, api_key_env }
            }
            (None, None, None) => By::Engine,
        })
    }
}

impl GenerateArgs {
    pub(super) fn options(&self, kind: Kind) -> anyhow::Result<Options<'_>> {
        Ok(Options {
            name: self.name.as_deref(),
            run: self.run.as_deref(),
            kind,
            to_report: false,
            is_few_said: false,
            by: self.elsewhere.by()?,
            leave: self.leave(),
        })
    }

    /// What may leave this machine.
    pub(super) fn leave(&self) -> Leave<'_> {
        Leave { yes: self.yes, send_private: &self.send_private }
    }
}

pub fn run(ctx: &Context, args: GenerateArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    let options = args.options(Kind::Test)?;
    let generated = generate(ctx, &options)?;
    show(ctx, &options, &generated)
}

/// Says what came of it; with `--json` as a document.
pub(super) fn show(ctx: &Context, options: &Options, generated: &Generated) -> anyhow::Result<()> {
    match &generated.outcome {
        Outcome::Answered => {}
        Outcome::Requested(requests) => {
            if let By::BatchOut { path, .. } = options.by {
                ctx.ui.say(format!("{}: {}", path.display(), counted(*requests, "request", "requests")));
            }
            ctx.ui.hint(format!("run them, then {}", next("generate").words("--batch-in RESULTS")));
        }
        Outcome::Taken(taken) => ctx.ui.say(format!(
            "{} taken, {} failed, {} not asked for",
            counted(taken.answers, "answer", "answers"),
            taken.failed,
            taken.unknown
        )),
    }
    if ctx.json { ctx.ui.json(&generated.document()) } else { Ok(()) }
}
