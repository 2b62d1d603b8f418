//! Train: what a training would take, its curves while it runs, and runs side by side.

use affinage_eval::plain;
use affinage_project::errors::{ExitStatus, exit_status, in_one_line, usage};
use affinage_project::folder::config::{self, Config};
use affinage_project::folder::datasets::DatasetVersion;
use affinage_project::folder::events::{Event, Record};
use affinage_project::folder::run::Run;
use affinage_project::stages::freeze::{changes, held_out_lack};
use affinage_project::stages::training::{Trained, time_left, trained_before};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Studio;
use super::jobs::Work;
use crate::context::Context;
use crate::web::{Method, Reply, Request};

#[derive(Deserialize)]
struct Wanted {
    version: String,
    /// A prompt that is answered at every checkpoint; may be empty.
    #[serde(default)]
    sample: String,
}

/// The settings that the room changes.
#[derive(Deserialize)]
struct Length {
    epochs: usize,
    /// `None`: as many as the epochs need.
    max_steps: Option<usize>,
}

#[derive(Deserialize)]
struct Resumed {
    run: String,
}

#[derive(Deserialize)]
struct Frozen {
    #[serde(default)]
    accept_clean: bool,
}

pub fn answer(studio: &Studio, ctx: &Context, request: &Request, below: &str) -> anyhow::Result<Reply> {
    let work = match (request.method, below) {
        (Method::Get, "") => return overview(studio, ctx),
        (Method::Get, "run") => {
            let name = request.query("name").ok_or_else(|| usage("`name` is missing"))?;
            return Reply::json(&curves(ctx, &named(ctx, name)?));
        }
        (Method::Post, "settings") => return change_settings(studio, ctx, request.json()?),
        (Method::Post, "freeze") => Work::Freeze { accept_clean: request.json::<Frozen>()?.accept_clean },
        (Method::Post, "plan") => Work::Plan { version: version(ctx, request.json()?)?.0 },
        (Method::Post, "begin") => {
            let (version, sample) = version(ctx, request.json()?)?;
            Work::Train { version, sample }
        }
        (Method::Post, "resume") => Work::Resume { run: named(ctx, &request.json::<Resumed>()?.run)?.name },
        _ => return Ok(Reply::not_found()),
    };
    if studio.is_training() && matches!(work, Work::Train { .. } | Work::Resume { .. }) {
        return Err(usage("a training is running already"));
    }
    Reply::json(&json!({ "job": studio.jobs.add(ctx, work)? }))
}

/// Writes how long a training is into the project's settings, where the commands read it too.
///
/// Errors: a number that no training can have; a setting that holds as long as the studio is open.
fn change_settings(
    studio: &Studio,
    ctx: &Context,
    Length { epochs, max_steps }: Length,
) -> anyhow::Result<Reply> {
    let number = |value: usize| i64::try_from(value).map(toml::Value::Integer);
    let mut changes = Vec::new();
    if epochs != ctx.config.train.epochs {
        changes.push(("train.epochs", Some(number(epochs)?)));
    }
    if max_steps != ctx.config.train.max_steps {
        changes.push(("train.max-steps", max_steps.map(number).transpose()?));
    }
    for (key, _) in &changes {
        if ctx.sets.iter().any(|set| set.split('=').next() == Some(key)) {
            return Err(usage(format!(
                "the studio was started with `--set {key}`, which holds as long as it is open"
            )));
        }
    }
    if !changes.is_empty() {
        config::change(&ctx.project, &changes).map_err(|error| match exit_status(&error) {
            ExitStatus::Usage => error,
            // A value out of its range was asked for here.
            _ => usage(in_one_line(&error)),
        })?;
        studio.jobs.forget_plans();
    }
    Reply::json(&json!({}))
}

/// The version and the prompt that are meant.
fn version(ctx: &Context, wanted: Wanted) -> anyhow::Result<(String, Option<String>)> {
    let version = known_version(ctx, &wanted.version)?;
    let sample = wanted.sample.trim();
    Ok((version.name, (!sample.is_empty()).then(|| sample.to_owned())))
}

/// The dataset version with exactly this name.
pub fn known_version(ctx: &Context, name: &str) -> anyhow::Result<DatasetVersion> {
    let known = DatasetVersion::list(&ctx.project)?.into_iter().find(|version| version.name == name);
    known.ok_or_else(|| usage(format!("there is no version `{name}` of the data set")))
}

/// The run with exactly this name.
pub fn named(ctx: &Context, name: &str) -> anyhow::Result<Run> {
    let run = Run::list(&ctx.project)?.into_iter().find(|run| run.name == name);
    run.ok_or_else(|| usage(format!("there is no run `{name}`")))
}

/// The checkpoints of a run that have learned something, oldest first: step 0 is the base.
pub fn learned(ctx: &Context, run: &Run) -> anyhow::Result<Vec<String>> {
    let saved = run.checkpoints(&ctx.ui)?;
    Ok(saved.iter().filter(|one| one.step > 0).map(|one| one.name()).collect())
}

/// Of `last` and `best` those that mean such a checkpoint, as far as it is there.
pub fn learned_names(ctx: &Context, run: &Run) -> anyhow::Result<Vec<&'static str>> {
    let mut names = run.names(&ctx.ui)?;
    names.retain(|name| run.resolve(name, &ctx.ui).is_ok_and(|meant| meant.step > 0));
    Ok(names)
}

fn overview(studio: &Studio, ctx: &Context) -> anyhow::Result<Reply> {
    let versions = DatasetVersion::list(&ctx.project)?;
    let newest = versions.last();
    let changed = newest.map(|version| changes(ctx, version)).transpose()?.flatten();
    let runs = Run::list(&ctx.project)?;
    // Whatever was trained before, and with whichever settings: what works now is told first.
    let at_work = runs.iter().rev().find(|run| run.is_training());
    // A run that cannot be read has a row that says so.
    let before = newest.and_then(|version| trained_before(ctx, version).ok().flatten());
    let (standing, run) = match &before {
        _ if at_work.is_some() || studio.is_training() => ("running", at_work.map(|run| &run.name)),
        None => ("none", None),
        Some(Trained::Finished(run)) => ("finished", Some(&run.name)),
        Some(Trained::Stopped(run)) => ("stopped", Some(&run.name)),
    };
    let runs: Vec<Value> = runs.iter().rev().map(|run| summary(ctx, run).0).collect();
    let names: Vec<&str> = versions.iter().rev().map(|version| version.name.as_str()).collect();
    Reply::json(&json!({
        "versions": names,
        "changes": changed.map(|changes| changes.words),
        "standing": standing, "standing_run": run,
        "model": ctx.config.model.name, "epochs": ctx.config.train.epochs, "max_steps": ctx.config.train.max_steps,
        "lacks": newest.and_then(|version| held_out_lack(&version.manifest)),
        "runs": runs,
    }))
}

/// What is said of a run in the list, and its events; of one that cannot be read, which file and where.
fn summary(ctx: &Context, run: &Run) -> (Value, Vec<Record>) {
    read_summary(ctx, run).unwrap_or_else(|error| {
        let problem = in_one_line(&error);
        (json!({ "name": run.name, "step": 0, "state": "unreadable", "problem": problem }), Vec::new())
    })
}

fn read_summary(ctx: &Context, run: &Run) -> anyhow::Result<(Value, Vec<Record>)> {
    let records = run.events(&ctx.ui)?;
    let is_training = run.is_training();
    let mut summary = json!({ "name": run.name, "step": 0 });
    let mut is_finished = false;
    for Record { event, .. } in &records {
        match event {
            Event::RunStarted(started) => {
                summary["version"] = json!(started.dataset);
                summary["model"] = json!(started.model);
                summary["steps"] = json!(started.steps);
                summary["rows"] = json!(started.examples);
            }
            Event::TrainStep(step) => {
                (summary["step"], summary["loss"]) = (json!(step.step), json!(step.loss));
                summary["tokens_per_s"] = json!(step.tokens_per_s);
            }
            Event::Evaluated(evaluated) => {
                summary["validation_loss"] = json!(evaluated.loss);
                summary["validation_step"] = json!(evaluated.step);
            }
            Event::Finished { seconds, .. } => {
                is_finished = true;
                summary["seconds"] = json!(seconds);
            }
            _ => {}
        }
    }
    summary["state"] = json!(match (is_training, is_finished) {
        (true, _) => "running",
        (false, true) => "finished",
        (false, false) => "stopped",
    });
    if is_training {
        let config = Config::parse(&run.run_toml()?, &[]).map_err(|error| error.located("run.toml"))?;
        let left = time_left(&records, config.train.eval_every);
        summary["left"] = json!(left.map(plain::duration));
    }
    Ok((summary, records))
}

/// `step 3 of 18` of a run that was stopped before its end; `None` of one that works, has finished or cannot be read.
pub fn stopped_at(ctx: &Context, run: &Run) -> Option<String> {
    let (summary, _) = read_summary(ctx, run).ok()?;
    let steps = summary["steps"].as_u64().filter(|_| summary["state"] == "stopped")?;
    Some(format!("step {} of {steps}", summary["step"]))
}

/// Points of a curve that a page can show.
const MOST_POINTS: usize = 600;

/// A run with its losses by step and the answers to its pinned prompt.
fn curves(ctx: &Context, run: &Run) -> Value {
    let (mut shown, records) = summary(ctx, run);
    let (mut loss, mut validation, mut samples, mut warnings) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for Record { event, .. } in records {
        match event {
            Event::TrainStep(step) => loss.push((step.step, step.loss)),
            Event::Evaluated(evaluated) => {
                // A step that is evaluated again counts with its newest figure.
                validation.retain(|(step, _)| *step != evaluated.step);
                validation.push((evaluated.step, evaluated.loss));
            }
            Event::Sample { step, prompt, text } => {
                samples.push(json!({ "step": step, "prompt": prompt, "text": text }));
            }
            Event::Warning { text } => warnings.push(text),
            _ => {}
        }
    }
    validation.sort_by_key(|(step, _)| *step);
    let names = run.names(&ctx.ui).unwrap_or_default();
    let meant = names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), json!(run.resolve(name, &ctx.ui).ok()?.step))));
    shown["checkpoints"] = Value::Object(meant.collect());
    shown["loss_by_step"] = json!(thinned(&loss));
    shown["validation_by_step"] = json!(validation);
    (shown["samples"], shown["warnings"]) = (json!(samples), json!(warnings));
    shown
}

/// A curve with at most [`MOST_POINTS`] points, each the mean of as many neighbours.
fn thinned(points: &[(usize, f64)]) -> Vec<(usize, f64)> {
    let each = points.len().div_ceil(MOST_POINTS).max(1);
    let mean = |part: &[(usize, f64)]| {
        let sum: f64 = part.iter().map(|(_, loss)| loss).sum();
        (part.last().map_or(0, |(step, _)| *step), sum / part.len() as f64)
    };
    points.chunks(each).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_curve_keeps_its_end_and_its_mean() {
        let points: Vec<(usize, f64)> = (1..=1500).map(|step| (step, step as f64)).collect();
        let thin = thinned(&points);
        assert_eq!((thin.len(), thin[0], thin[499]), (500, (3, 2.0), (1500, 1499.0)));
        assert_eq!(thinned(&points[..3]), points[..3]);
        assert!(thinned(&[]).is_empty());
    }
}
