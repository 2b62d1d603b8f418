//! Which engine computes the steps, its environment, and its check before the first step.

use std::time::Duration;

use affinage_eval::plain::{bytes, duration};
use anyhow::anyhow;
use serde::Serialize;

use super::{Check, Python, Start, Worker, find, install, likely, offer, start_checked};
use crate::errors::{HintExt as _, in_one_line};
use crate::folder::config::{Config, EngineName, EngineRecord};
use crate::folder::project::Project;
use crate::folder::run::Run;
use crate::next::next;
use crate::stages::training::{Ahead, Plan};

/// Who is asked to compute the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The fastest of those that are here.
    Auto,
    /// This program.
    Cpu,
    Engine(EngineName),
}

impl Asked {
    /// As it is written on the command line.
    fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Engine(name) => name.word(),
        }
    }
}

/// Asks the user whether an engine may be installed; it is given what that takes.
pub type Agrees<'a> = &'a dyn Fn(&str) -> anyhow::Result<bool>;

/// The worker of a run; none where this program computes.
///
/// Errors: a resumed run was begun by another engine; the engine is not here and was refused; its device computes something
/// else.
pub fn worker(
    ctx: &Project,
    (asked, agrees): (Option<Asked>, Agrees),
    start: &Start,
    resumed: Option<(&Run, &Config)>,
) -> anyhow::Result<Option<Worker>> {
    if let Some((run, config)) = resumed {
        return of_resumed(ctx, (asked, agrees), start, run, config.engine.as_ref());
    }
    match asked.unwrap_or(Asked::Cpu) {
        Asked::Cpu => Ok(None),
        Asked::Engine(name) => named(ctx, name, agrees, start).map(Some),
        Asked::Auto => fastest(ctx, agrees, start),
    }
}

/// A run goes on with the engine that began it.
fn of_resumed(
    ctx: &Project,
    (asked, agrees): (Option<Asked>, Agrees),
    start: &Start,
    run: &Run,
    recorded: Option<&EngineRecord>,
) -> anyhow::Result<Option<Worker>> {
    let begun = recorded.map_or(Asked::Cpu, |record| Asked::Engine(record.name));
    if let Some(asked) = asked.filter(|asked| ![begun, Asked::Auto].contains(asked)) {
        let (begun, asked) = (begun.word(), asked.word());
        return Err(anyhow!(
            "run `{}` was begun by engine {begun}; {asked} rounds in another way and would make another run",
            run.name
        ))
        .hint(format!(
            "{} goes on with {begun}; {} begins a new run",
            next("train").option("--resume", &run.name),
            next("train").option("--engine", asked)
        ));
    }
    let Some(recorded) = recorded else { return Ok(None) };
    let start = Start { precision: Some(&recorded.precision), ..*start };
    let worker = named(ctx, recorded.name, agrees, &start)?;
    if worker.record != *recorded {
        ctx.ui.warn(format!(
            "the run was begun on {}; it goes on on {}: the last digits of its numbers may differ",
            in_words(recorded),
            in_words(&worker.record)
        ));
    }
    Ok(Some(worker))
}

fn named(ctx: &Project, name: EngineName, agrees: Agrees, start: &Start) -> anyhow::Result<Worker> {
    let Some(python) = python(ctx, name, agrees)? else {
        return Err(anyhow!("engine {} is not installed", name.word()))
            .hint("train with this program: leave `--engine` out");
    };
    let (worker, check) = start_checked(start, name, &python)?;
    ctx.ui.say(agreement(&worker.record, &check));
    Ok(worker)
}

/// The Python of an engine, made first where the user agrees; `None` where they do not.
fn python(ctx: &Project, name: EngineName, agrees: Agrees) -> anyhow::Result<Option<Python>> {
    if let Some(python) = find(name)? {
        return Ok(Some(python));
    }
    if !agrees(&offer(name)?)? {
        return Ok(None);
    }
    install(name, &ctx.ui).map(Some)
}

fn fastest(ctx: &Project, agrees: Agrees, start: &Start) -> anyhow::Result<Option<Worker>> {
    let candidates = likely();
    if candidates.is_empty() {
        ctx.ui.say("engine: this program, for the machine has no GPU that another one could use");
    }
    for name in candidates {
        let checked = python(ctx, name, agrees)
            .and_then(|python| python.map(|python| start_checked(start, name, &python)).transpose());
        match checked {
            Ok(Some((worker, check))) if check.speedup() > 1.0 => {
                ctx.ui.say(agreement(&worker.record, &check));
                ctx.ui.say(format!("engine: {}, {}", name.word(), speeds(&worker.record, &check)));
                return Ok(Some(worker));
            }
            Ok(Some((worker, check))) => {
                ctx.ui.say(format!("not {}: {}", name.word(), speeds(&worker.record, &check)));
            }
            Ok(None) => {}
            Err(error) => ctx.ui.warn(format!("not {}: {}", name.word(), in_one_line(&error))),
        }
    }
    Ok(None)
}

fn speeds(record: &EngineRecord, check: &Check) -> String {
    let (theirs, ours) = (check.device_tokens_per_s, check.cpu_tokens_per_s);
    format!("{theirs:.0} tokens/s on {}, {ours:.0} by this program", record.device)
}

fn agreement(record: &EngineRecord, check: &Check) -> String {
    format!("{}: on {} tokens of your rows {}", in_words(record), check.tokens, check.in_words())
}

/// `torch on NVIDIA H200 in bf16 (torch 2.15.0, transformers 5.24.0)`
fn in_words(record: &EngineRecord) -> String {
    let versions: Vec<String> = record.versions.iter().map(|(name, v)| format!("{name} {v}")).collect();
    format!("{} on {} in {} ({})", record.name.word(), record.device, record.precision, versions.join(", "))
}

/// What a training would take on one engine.
#[derive(Serialize)]
pub struct Offer {
    pub name: &'static str,
    pub seconds: Option<f64>,
    pub memory_bytes: Option<u64>,
    #[serde(flatten)]
    pub record: Option<EngineRecordShown>,
    pub check: Option<Check>,
    /// Why it cannot be told or used.
    pub problem: Option<String>,
}

/// Where it computes, and how.
#[derive(Serialize)]
pub struct EngineRecordShown {
    pub device: String,
    pub precision: String,
}

/// One line for each other engine that is here or fits the machine; measured where it is installed.
pub fn offers(start: &Start) -> Vec<Offer> {
    let none = |name: EngineName, problem: String| Offer {
        name: name.word(),
        seconds: None,
        memory_bytes: None,
        record: None,
        check: None,
        problem: Some(problem),
    };
    let measured = |name: EngineName| -> anyhow::Result<Offer> {
        let Some(python) = find(name)? else {
            let how =
                format!("not installed; {} offers to do it", next("train").option("--engine", name.word()));
            return Ok(none(name, how));
        };
        let (worker, check) = start_checked(start, name, &python)?;
        Ok(Offer {
            name: name.word(),
            seconds: Some(seconds(start.plan, check.device_tokens_per_s)),
            memory_bytes: check.device_peak_bytes,
            record: Some(EngineRecordShown {
                device: worker.record.device.clone(),
                precision: worker.record.precision.clone(),
            }),
            check: Some(check),
            problem: None,
        })
    };
    likely()
        .into_iter()
        .map(|name| measured(name).unwrap_or_else(|error| none(name, in_one_line(&error))))
        .collect()
}

/// Steps at the measured rate, and evaluations, which have no backward, at three times of it.
fn seconds(plan: &Plan, tokens_per_s: f64) -> f64 {
    let ahead = Ahead::all(plan);
    let scored: usize = plan.validation.iter().map(|row| row.ids.len()).sum();
    ahead.tokens as f64 / tokens_per_s + (ahead.evaluations * scored) as f64 / (3.0 * tokens_per_s)
}

impl Offer {
    /// `torch on NVIDIA H200: about 3m, 2.1 GB, gradient within 4.1e-3 of this program's (bf16)`
    pub fn in_words(&self) -> String {
        let (Some(seconds), Some(record), Some(check)) = (self.seconds, &self.record, &self.check) else {
            return format!("{}: {}", self.name, self.problem.as_deref().unwrap_or("not here"));
        };
        let memory = self.memory_bytes.map_or_else(|| "memory not told".to_owned(), bytes);
        format!(
            "{} on {}: about {}, {memory}, gradient within {:.1e} of this program's ({})",
            self.name,
            record.device,
            duration(Duration::from_secs_f64(seconds)),
            check.difference,
            record.precision
        )
    }
}
