//! Training from the desk: a job, so that the desk goes on answering and a training that fails takes nothing with it. What
//! the page shows is read from the run's own events.

use affinage_eval::plain;
use affinage_project::errors::usage;
use affinage_project::folder::config::Config;
use affinage_project::folder::datasets::DatasetVersion;
use affinage_project::folder::events::{Event, Record};
use affinage_project::stages::freeze::changes;
use affinage_project::stages::training::time_left;
use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::context::Context;
use crate::studio::jobs::{Job, Jobs, State, Work};
use crate::studio::train::known_version;
use crate::web::Reply;

/// The trainings among the jobs: one at a time.
pub struct Trainings {
    jobs: Jobs,
}

/// Lines that are shown of what the process says: an error with its hints, or what a finished training ends with.
const SHOWN_LINES: usize = 12;

/// What the page asks for.
#[derive(Deserialize)]
pub struct Asked {
    version: String,
    /// Go on with the run that was stopped.
    #[serde(default)]
    resume: bool,
}

impl Trainings {
    pub fn new(jobs: Jobs) -> Trainings {
        Trainings { jobs }
    }

    /// Starts the training of a version, or goes on with the one that was stopped.
    ///
    /// Errors: one is running; there is no such version, or no stopped run of it.
    pub fn start(&self, ctx: &Context, Asked { version, resume }: &Asked) -> anyhow::Result<Reply> {
        let newest = self.newest();
        if newest.as_ref().is_some_and(|job| !job.state.is_ended()) {
            return Err(usage("a training is running already"));
        }
        let version = known_version(ctx, version)?.name;
        let work = match (resume, newest) {
            (false, _) => Work::Train { version, sample: None },
            (true, Some(stopped)) if version_of(ctx, &stopped)?.as_ref() == Some(&version) => {
                let run = stopped.run(ctx)?.context("no checkpoint was saved yet: start a new training")?;
                Work::Resume { run: run.name }
            }
            (true, _) => return Err(usage(format!("no training of {version} was stopped here"))),
        };
        self.jobs.add(ctx, work)?;
        self.status(ctx)
    }

    /// Asks the training to stop: it saves a checkpoint first.
    pub fn stop(&self, ctx: &Context) -> anyhow::Result<Reply> {
        if let Some(job) = self.newest() {
            self.jobs.stop(job.id);
        }
        self.status(ctx)
    }

    /// How far the training is, or what could be trained on.
    pub fn status(&self, ctx: &Context) -> anyhow::Result<Reply> {
        let newest = DatasetVersion::list(&ctx.project)?.pop();
        // Cards that the newest version does not know of.
        let decided_since = match &newest {
            Some(version) => changes(ctx, version)?.map_or(0, |changes| changes.decided),
            None => 0,
        };
        let mut status = match self.newest() {
            None => json!({ "stage": "none" }),
            Some(job) => status(ctx, &job)?,
        };
        status["newest"] = json!(newest.map(|version| version.name));
        status["decided_since"] = json!(decided_since);
        Reply::json(&status)
    }

    fn newest(&self) -> Option<Job> {
        self.jobs.newest(|work| matches!(work, Work::Train { .. } | Work::Resume { .. }))
    }
}

/// The version that a job trains on.
fn version_of(ctx: &Context, job: &Job) -> anyhow::Result<Option<String>> {
    match &job.work {
        Work::Train { version, .. } => Ok(Some(version.clone())),
        _ => job.run(ctx)?.map(|run| run.dataset(&ctx.ui)).transpose(),
    }
}

fn status(ctx: &Context, job: &Job) -> anyhow::Result<Value> {
    let is_running = !job.state.is_ended();
    let stage = if job.state == State::Waiting { State::Running } else { job.state };
    let lines = &job.said[job.said.len().saturating_sub(SHOWN_LINES)..];
    let run = job.run(ctx)?;
    let records = run.as_ref().map(|run| run.events(&ctx.ui)).transpose()?.unwrap_or_default();
    let mut status = json!({
        "stage": stage, "version": version_of(ctx, job)?, "run": run.as_ref().map(|run| &run.name), "lines": lines,
        "stopping": job.is_stopping,
    });
    for Record { event, .. } in &records {
        match event {
            Event::RunStarted(started) => {
                (status["steps"], status["rows"]) = (json!(started.steps), json!(started.examples));
            }
            Event::TrainStep(step) => {
                (status["step"], status["loss"]) = (json!(step.step), json!(step.loss));
            }
            _ => {}
        }
    }
    let evaluated = records.iter().filter_map(|record| match &record.event {
        Event::Evaluated(evaluated) => Some(json!({ "step": evaluated.step, "loss": evaluated.loss })),
        _ => None,
    });
    status["validation"] = evaluated.collect();
    if let Some(run) = run.filter(|_| is_running) {
        let config = Config::parse(&run.run_toml()?, &[]).map_err(|error| error.located("run.toml"))?;
        let left = time_left(&records, config.train.eval_every);
        status["left_s"] = json!(left.map(|left| left.as_secs_f64().round()));
        status["left"] = json!(left.map(plain::duration));
    }
    Ok(status)
}
