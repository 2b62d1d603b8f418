//! Training from the desk: the command `affinage train` in a process of its own, so that the desk goes on answering and a
//! training that fails takes nothing with it. What the page shows is read from the run's own events.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, ChildStdin, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use affinage_project::errors::usage;
use affinage_project::folder::config::Config;
use affinage_project::folder::datasets::DatasetVersion;
use affinage_project::folder::events::{Event, Record};
use affinage_project::folder::library::Library;
use affinage_project::folder::run::Run;
use affinage_project::stages::training::{command, time_left};
use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::context::Context;
use crate::ui::Ui;
use crate::web::Reply;

/// The training of this desk: one at a time.
#[derive(Default)]
pub struct Trainings(Mutex<Option<Job>>);

struct Job {
    version: String,
    process: Child,
    /// Closed, it tells the process to save a checkpoint and to end.
    goes_on: Option<ChildStdin>,
    /// What the process said last.
    said: Said,
    /// The run that it goes on with; else the newest one that was there before it.
    run: RunName,
    ended: Option<ExitStatus>,
}

enum RunName {
    Known(String),
    After(Option<String>),
}

type Said = Arc<Mutex<Vec<String>>>;

/// Lines that are kept of what the process says: an error with its hints, or what a finished training ends with.
const KEPT_LINES: usize = 12;

/// What the page asks for.
#[derive(Deserialize)]
pub struct Asked {
    version: String,
    /// Go on with the run that was stopped.
    #[serde(default)]
    resume: bool,
}

impl Trainings {
    /// Starts the training of a version, or goes on with the one that was stopped.
    ///
    /// Errors: one is running; there is no such version, or no stopped run of it.
    pub fn start(&self, ctx: &Context, Asked { version, resume }: &Asked) -> anyhow::Result<Reply> {
        let mut job = self.lock();
        if job.as_mut().is_some_and(Job::is_running) {
            return Err(usage("a training is running already"));
        }
        let version = DatasetVersion::open(&ctx.project, Some(version))?.name;
        let run = match (resume, &*job) {
            (false, _) => RunName::After(Run::list(&ctx.project)?.pop().map(|run| run.name)),
            (true, Some(stopped)) if stopped.version == version => {
                let run = stopped.found(ctx)?.context("no checkpoint was saved yet: start a new training")?;
                RunName::Known(run.name)
            }
            (true, _) => return Err(usage(format!("no training of {version} was stopped here"))),
        };
        let mut command = command(ctx)?;
        command.args(["train", "--while-input"]);
        match &run {
            RunName::Known(name) => command.args(["--resume", name]),
            RunName::After(_) => command.args(["--data", &version]),
        };
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().context("cannot start a second process of affinage")?;
        let said = Said::default();
        if let Some(errors) = process.stderr.take() {
            let said = Arc::clone(&said);
            std::thread::spawn(move || listen(errors, &said));
        }
        let goes_on = process.stdin.take();
        *job = Some(Job { version, process, goes_on, said, run, ended: None });
        drop(job);
        self.status(ctx)
    }

    /// Asks the training to stop: it saves a checkpoint first.
    pub fn stop(&self, ctx: &Context) -> anyhow::Result<Reply> {
        if let Some(job) = self.lock().as_mut() {
            job.goes_on = None;
        }
        self.status(ctx)
    }

    /// How far the training is, or what could be trained on.
    pub fn status(&self, ctx: &Context) -> anyhow::Result<Reply> {
        let mut job = self.lock();
        let newest = DatasetVersion::list(&ctx.project)?.pop();
        // Cards that the newest version does not know of.
        let decided_since = match &newest {
            Some(version) => {
                Library::open(&ctx.project)?.changed_since(version.sha256())?.map_or(0, |since| since.cards)
            }
            None => 0,
        };
        let mut status = match &mut *job {
            None => json!({ "stage": "none" }),
            Some(job) => job.status(ctx)?,
        };
        status["newest"] = json!(newest.map(|version| version.name));
        status["decided_since"] = json!(decided_since);
        Reply::json(&status)
    }

    /// Waits for a training that is still running to save its checkpoint; called when the desk closes.
    pub fn end(&self, ui: &Ui) {
        let mut job = self.lock();
        let Some(job) = job.as_mut() else { return };
        if !job.is_running() {
            return;
        }
        job.goes_on = None;
        ui.say("the training saves a checkpoint and stops; `affinage train --resume` goes on with it");
        // A process that cannot be waited for is not this desk's any more.
        drop(ui.during("finishing the step and saving it", || job.process.wait()));
    }

    fn lock(&self) -> MutexGuard<'_, Option<Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    fn is_running(&mut self) -> bool {
        if self.ended.is_none() {
            self.ended = self.process.try_wait().ok().flatten();
        }
        self.ended.is_none()
    }

    /// The run that the process made or goes on with; `None` before there is one.
    fn found(&self, ctx: &Context) -> anyhow::Result<Option<Run>> {
        let runs = Run::list(&ctx.project)?;
        Ok(match &self.run {
            RunName::Known(name) => runs.into_iter().find(|run| run.name == *name),
            RunName::After(newest) => runs.into_iter().find(|run| Some(&run.name) > newest.as_ref()),
        })
    }

    fn status(&mut self, ctx: &Context) -> anyhow::Result<Value> {
        let is_running = self.is_running();
        let stage = match self.ended {
            None => "running",
            Some(status) if status.success() => "finished",
            Some(status) if status.code() == Some(130) => "stopped",
            Some(_) => "failed",
        };
        let lines = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let run = self.found(ctx)?;
        let records = run.as_ref().map(|run| run.events(&ctx.ui)).transpose()?.unwrap_or_default();
        let mut status = json!({
            "stage": stage, "version": self.version, "run": run.as_ref().map(|run| &run.name), "lines": lines,
            "stopping": is_running && self.goes_on.is_none(),
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
        }
        Ok(status)
    }
}

/// Keeps the last lines of what the process says, until it ends.
fn listen(errors: ChildStderr, said: &Said) {
    for line in BufReader::new(errors).lines().map_while(Result::ok) {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if !line.trim().is_empty() {
            said.push(line);
        }
        let more = said.len().saturating_sub(KEPT_LINES);
        said.drain(..more);
    }
}
