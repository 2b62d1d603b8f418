//! Report and share: the reports of all evaluations, and the result in the forms that other programs load.

use affinage_project::errors::{HintExt as _, usage};
use affinage_project::folder::evaluation::Evaluation;
use affinage_project::folder::run::Run;
use affinage_project::stages::evaluation::analysis::analyze_folder;
use affinage_project::stages::evaluation::series;
use affinage_project::stages::report;
use affinage_report::Apart;
use affinage_report::card::{plain, project_name};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::jobs::{Work, next_as_typed};
use super::{Studio, state, train};
use crate::context::Context;
use crate::web::{Method, Reply, Request};

/// A program that loads the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Export {
    Ollama,
    LmStudio,
    LlamaCpp,
    Vllm,
    Mlx,
    Peft,
}

impl Export {
    const ALL: [Export; 6] =
        [Export::Ollama, Export::LmStudio, Export::LlamaCpp, Export::Vllm, Export::Mlx, Export::Peft];

    /// In the name of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Export::Ollama => "ollama",
            Export::LmStudio => "lm-studio",
            Export::LlamaCpp => "llama-cpp",
            Export::Vllm => "vllm",
            Export::Mlx => "mlx",
            Export::Peft => "peft",
        }
    }

    /// `--format` of `affinage export`.
    pub fn format(self) -> &'static str {
        match self {
            Export::Ollama => "ollama",
            Export::LmStudio | Export::LlamaCpp => "gguf",
            Export::Vllm => "merged",
            Export::Mlx => "mlx",
            Export::Peft => "peft",
        }
    }

    /// `--precision` of `affinage export`, where it is not its default.
    pub fn precision(self) -> Option<&'static str> {
        matches!(self, Export::Ollama | Export::LmStudio | Export::LlamaCpp).then_some("q8_0")
    }

    fn title(self) -> &'static str {
        match self {
            Export::Ollama => "Ollama",
            Export::LmStudio => "LM Studio",
            Export::LlamaCpp => "llama.cpp",
            Export::Vllm => "vLLM",
            Export::Mlx => "MLX",
            Export::Peft => "transformers with PEFT",
        }
    }

    /// What to do with the files.
    fn use_it(self) -> &'static str {
        match self {
            Export::Ollama => {
                "In the folder: `ollama create my-voice -f Modelfile`, then `ollama run my-voice`."
            }
            Export::LmStudio => {
                "Put the folder with model.gguf below a folder of yours in LM Studio's folder of models; it then lists the model."
            }
            Export::LlamaCpp => "In the folder: `llama-cli -m model.gguf`.",
            Export::Vllm => "`vllm serve FOLDER` loads it as it is, and so does transformers.",
            Export::Mlx => "On a Mac: `mlx_lm.generate --model BASE --adapter-path FOLDER`.",
            Export::Peft => "The adapter alone, small: `PeftModel.from_pretrained(base, FOLDER)`.",
        }
    }
}

#[derive(Deserialize)]
struct Drawn {
    eval: String,
}

#[derive(Deserialize)]
struct Exported {
    run: String,
    /// `last`, `best` or `step-N`.
    checkpoint: String,
    to: Export,
}

pub fn answer(studio: &Studio, ctx: &Context, request: &Request, below: &str) -> anyhow::Result<Reply> {
    match (request.method, below) {
        (Method::Get, "") => overview(ctx),
        (Method::Post, "draw") => {
            let eval = known(ctx, &request.json::<Drawn>()?.eval)?;
            let stage = ctx.as_stage();
            // Votes that came since are counted first.
            analyze_folder(&stage, &eval)?;
            let (written, _) = report::write(&stage, &eval.name)?;
            Reply::json(&json!({ "report": ctx.shown(&written.report).to_string() }))
        }
        (Method::Post, "export") => {
            let Exported { run, checkpoint, to } = request.json()?;
            let run = train::named(ctx, &run)?;
            let saved = run.checkpoints(&ctx.ui)?;
            let is_there = match checkpoint.as_str() {
                name @ ("last" | "best") => run.names(&ctx.ui)?.contains(&name),
                step => saved.iter().any(|saved| saved.name() == step),
            };
            if !is_there {
                return Err(usage(format!("the training {} has no checkpoint `{checkpoint}`", run.name)));
            }
            let job = studio.jobs.add(ctx, Work::Export { run: run.name, checkpoint, to })?;
            Reply::json(&json!({ "job": job }))
        }
        _ => Ok(Reply::not_found()),
    }
}

/// An evaluation by its exact name.
pub fn known(ctx: &Context, name: &str) -> anyhow::Result<Evaluation> {
    let known = Evaluation::list(&ctx.project)?.into_iter().find(|evaluation| evaluation.name == name);
    known.ok_or_else(|| usage(format!("there is no evaluation `{name}`")))
}

fn overview(ctx: &Context) -> anyhow::Result<Reply> {
    let meant = state::newest_evaluation(ctx)?.map(|evaluation| evaluation.name);
    let evaluations = Evaluation::list(&ctx.project)?;
    let rows: Vec<Value> = evaluations.iter().rev().map(|evaluation| row(ctx, evaluation)).collect();
    let mut runs = Vec::new();
    for run in Run::meant_first(&ctx.project, &ctx.ui)? {
        // Of a run that cannot be read nothing can be exported; the room Train says why.
        let (Ok(saved), Ok(names)) = (train::learned(ctx, &run), train::learned_names(ctx, &run)) else {
            continue;
        };
        if !saved.is_empty() {
            runs.push(json!({ "name": run.name, "names": names, "checkpoints": saved }));
        }
    }
    let exports = Export::ALL.map(|to| json!({ "to": to, "title": to.title(), "use": to.use_it() }));
    Reply::json(&json!({ "meant": meant, "evaluations": rows, "runs": runs, "exports": exports }))
}

/// An evaluation with its answer card; where it cannot be read, why.
fn row(ctx: &Context, evaluation: &Evaluation) -> Value {
    let name = &evaluation.name;
    let state = series::state(evaluation, &ctx.ui);
    let problem = match &state {
        series::State::Unreadable(why) => Some(why),
        _ => None,
    };
    let card = card(ctx, evaluation);
    let typed = |command, rest| next_as_typed(ctx, &ctx.command_on(name, command, rest));
    json!({
        "name": name, "is_whole": state == series::State::Whole, "problem": problem, "has_report": evaluation.report().is_file(),
        "is_outdated": state::is_outdated(ctx, evaluation).unwrap_or_default(), "card": card,
        "command": format!("{} && {}", typed("analyze", ""), typed("report", "--open")),
    })
}

/// The answer card, with the lines that the terminal prints; `None` before there are figures.
pub fn card(ctx: &Context, evaluation: &Evaluation) -> Option<Value> {
    evaluation.plan().ok().zip(evaluation.analysis().read().ok()).map(|(plan, analysis)| {
        let card = plain(&project_name(&ctx.project), &plan, &analysis, false);
        let line = |label: &str, text: &str| match label {
            "" => text.to_owned(),
            question if question.ends_with('?') => format!("{question} {text}"),
            _ => format!("{label}: {text}"),
        };
        let lines: Vec<String> = card.rows.iter().map(|(label, text)| line(label, text)).collect();
        json!({ "title": card.title, "compared": card.compared, "first": lines.first(), "lines": lines })
    })
}

/// The page of an evaluation: `NAME/` the page itself, `NAME/style.css` and `NAME/script.js` what it is drawn with. The page is one
/// file with its style and script inside, which no page of this server may have: they are answered as files of their own.
///
/// Errors: there is no such evaluation, or its report is not drawn.
pub fn page(ctx: &Context, path: &str) -> anyhow::Result<Reply> {
    let (name, file) = path.split_once('/').unwrap_or((path, "."));
    let evaluation = known(ctx, name)?;
    if !evaluation.report().is_file() {
        return Err(usage(format!("the report of {name} is not drawn"))).hint("draw the report first");
    }
    let text = fs_err::read_to_string(evaluation.report())?;
    let apart = Apart::of(&text).ok_or_else(|| usage("this report is of another version"));
    let apart = apart.hint("draw it again")?;
    Ok(match file {
        "" => Reply::html(apart.page(
            "<link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"style.css\">",
            "<script src=\"script.js\"></script>",
        )),
        "style.css" => Reply::css(apart.style),
        "script.js" => Reply::script(apart.script),
        _ => Reply::not_found(),
    })
}
