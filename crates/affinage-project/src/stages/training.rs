//! A training run from rows to checkpoints: the loop that `train` and `demo` share.
//!
//! Every evaluation, checkpoint and interruption is a visible line of [`TrainingRun::go`].

mod calibrate;
mod earlier;
mod estimate;
mod hands;
mod memory;
mod outlook;
mod pace;
mod plan;
mod prepare;
mod process;
pub mod verify;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use affinage_dataset::message::{Message, Role};
use affinage_dataset::tokenize::{TokenizedExample, tokenize_prompt};
use affinage_engine::checkpoint::{self, OPTIMIZER_FILE};
use affinage_engine::generate::{Finish, Generator, Request};
use affinage_engine::model::{Document, Model};
use affinage_engine::train::{TrainError, Trainer};
use affinage_eval::plain;
use anyhow::{Context as _, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::errors::{HintExt as _, interrupted};
use crate::folder::config::Config;
use crate::folder::events::{self, Evaluated, Event, EventLog, Record, RunStarted, TrainStep};
use crate::folder::lock::FolderLock;
use crate::folder::project::Project;
use crate::folder::provenance::Provenance;
use crate::folder::run::{Run, checkpoint_name};
use crate::interrupt::{self, Unit};
use crate::model::LoadedModel;
use crate::next::next;
use crate::observer::Observer;
use crate::stages::external::Worker;
use earlier::pinned_before;
use hands::Hands;
use process::command;

pub use calibrate::Calibration;
pub use earlier::{Trained, say_stays_aside, trained_before};
pub use estimate::{Estimate, propose_length};
pub use memory::{MemoryPlan, peak_bytes};
pub use outlook::{SHARE_OF_RATE, Workload, multiply_rate, time_within};
pub use pace::{Ahead, Pace, standing, time_left};
pub use plan::{PART_ROW_TOKENS, PART_STEPS, Part, Plan};
pub use prepare::{Job, Prepared, before_the_first_step, prepare, prepare_run, train};

/// The file by which a halted part says so.
pub const HALTED: &str = "halted";

/// Steps after which an unchanged loss is explained, and what is shown as no change.
const FIRST_STEPS: usize = 2;
const UNCHANGED: f64 = 5e-5;

pub use crate::folder::events::SamplePrompt as PinnedPrompt;

/// The longest answer to a pinned prompt in tokens, where nothing else is said.
pub const PINNED_TOKENS: usize = 96;

/// `state.json` of a checkpoint: where the run stood.
#[derive(Serialize, Deserialize)]
struct State {
    v: u32,
    step: usize,
    /// Steps of the whole run; a resumed run must agree.
    steps: usize,
}

/// A run in progress.
pub struct TrainingRun<'a> {
    ctx: &'a Project,
    model: &'a LoadedModel,
    engine: &'a Model,
    plan: &'a Plan,
    pub run: Run,
    log: EventLog,
    hands: Hands<'a>,
    pinned: Option<PinnedPrompt>,
    /// Validation loss before the first step, where this process measured it.
    start_loss: Option<f64>,
    /// What steps and evaluations took so far.
    pace: Pace,
    /// Seconds of earlier processes that led to this step.
    seconds_before: f64,
    started: Instant,
    _lock: FolderLock,
}

impl<'a> TrainingRun<'a> {
    /// Makes a new run folder and starts from an untrained adapter.
    pub fn create(
        ctx: &'a Project,
        model: &'a LoadedModel,
        engine: &'a Model,
        plan: &'a Plan,
        pinned: Option<PinnedPrompt>,
    ) -> anyhow::Result<Self> {
        let hashes = [("base", &model.sha256), ("dataset", &plan.dataset_sha256)];
        let hashes: BTreeMap<String, String> =
            hashes.map(|(name, hash)| (name.to_owned(), hash.clone())).into();
        // A day that the template writes is the same in everything that is made of this run.
        let date = model.template()?.date().or(ctx.config.date);
        let config = Config { train: plan.config.clone(), date, ..ctx.config.clone() };
        let project = plan.part.as_ref().map_or(&ctx.project, |part| &part.project);
        let (run, lock) =
            Run::create(project, &model.name, &config.effective_toml(), &Provenance::now(hashes))?;
        let mut log = run.event_log(&ctx.ui)?;
        let trainer = Trainer::new(engine, plan.new_adapter(engine), plan.engine_config());
        log.emit(Event::RunStarted(RunStarted {
            model: model.name.clone(),
            base_sha256: model.sha256.clone(),
            dataset: plan.dataset.clone(),
            dataset_sha256: plan.dataset_sha256.clone(),
            examples: plan.train.len(),
            left_out: plan.left_out.clone(),
            steps: plan.steps,
            tokens: plan.tokens(),
            epochs: plan.config.epochs,
            trainable_parameters: trainer.adapter.values.len() as u64,
            total_parameters: model.weights.parameter_count() as u64,
            sample: pinned.clone(),
        }))?;
        Ok(Self::begun(ctx, (model, engine, plan), (run, log, lock), trainer, pinned))
    }

    /// At the step of `trainer`, with nothing known of the speed.
    fn begun(
        ctx: &'a Project,
        (model, engine, plan): (&'a LoadedModel, &'a Model, &'a Plan),
        (run, log, lock): (Run, EventLog, FolderLock),
        trainer: Trainer<'a>,
        pinned: Option<PinnedPrompt>,
    ) -> Self {
        let (pace, seconds_before, started) = (Pace::default(), 0.0, Instant::now());
        Self {
            ctx,
            model,
            engine,
            plan,
            run,
            log,
            hands: Hands::Here(Box::new(trainer)),
            pinned,
            start_loss: None,
            pace,
            seconds_before,
            started,
            _lock: lock,
        }
    }

    /// Continues `run` from its newest checkpoint. Without another one, the prompt that it began with is pinned.
    ///
    /// Errors: the base weights or the data differ from those of the run; the run is finished.
    pub fn resume(
        ctx: &'a Project,
        model: &'a LoadedModel,
        engine: &'a Model,
        plan: &'a Plan,
        run: Run,
        pinned: Option<PinnedPrompt>,
    ) -> anyhow::Result<Self> {
        let lock = run.lock()?;
        let pinned = match pinned {
            None => pinned_before(&run.events(&ctx.ui)?),
            pinned => pinned,
        };
        let provenance = Provenance::read(&run.path)?;
        for (name, now) in [("base", &model.sha256), ("dataset", &plan.dataset_sha256)] {
            let then = provenance.sha256.get(name).map_or("none", String::as_str);
            if then != now {
                return Err(anyhow!(
                    "run `{}` was made with another {name}: SHA-256 {then}, now {now}",
                    run.name
                ))
                .hint(format!(
                    "a resumed run must see the same bytes; start a new run with {}",
                    next("train")
                ));
            }
        }
        let Some(last) = resumable(&run, &ctx.ui)? else {
            if let Some(saved) = run.saved(&ctx.ui)?.last() {
                let (name, step) = (&run.name, saved.name());
                return Err(anyhow!("run `{name}` cannot be resumed: it saved {step}, and no checkpoint with its optimiser state is left"))
                    .hint(format!("start a new run: {}", next("train")));
            }
            return Self::begin_again(ctx, model, engine, plan, run, pinned, lock);
        };
        let path = run.checkpoint_path(last);
        let state: State = serde_json::from_slice(&fs_err::read(path.join("state.json"))?)
            .with_context(|| format!("{} is damaged", path.join("state.json").display()))?;
        if (state.step, state.steps) != (last, plan.steps) {
            bail!(
                "checkpoint {} is of step {} of {}, the plan has {}",
                path.display(),
                state.step,
                state.steps,
                plan.steps
            );
        }
        let is_finished =
            |records: &[Record]| records.iter().any(|record| matches!(record.event, Event::Finished { .. }));
        if last == plan.steps && is_finished(&run.events(&ctx.ui)?) {
            return Err(anyhow!("run `{}` is finished: all {} steps are done", run.name, plan.steps))
                .hint(format!("look at it with {} or compare it with {}", next("chat"), next("eval")));
        }
        let adapter = checkpoint::load_adapter(&path, engine.config())?;
        let moments = checkpoint::load_moments(&path, adapter.values.len())?;
        events::rewind(&run.path, last, &ctx.ui)?;
        let before = run.events(&ctx.ui)?;
        let (pace, seconds_before) = (Pace::of(&before), events::seconds_of(&before));
        let mut log = run.event_log(&ctx.ui)?;
        log.emit(Event::Resumed { step: last })?;
        let mut adapter = adapter;
        adapter.config.dropout = plan.config.dropout as f32;
        let trainer = Trainer::resume(engine, adapter, moments, last as u64, plan.engine_config());
        ctx.ui.say(format!("resuming {} after step {last} of {}", run.name, plan.steps));
        let begun = Self::begun(ctx, (model, engine, plan), (run, log, lock), trainer, pinned);
        Ok(Self { pace, seconds_before, ..begun })
    }

    /// Begins a run that was stopped before its first checkpoint.
    fn begin_again(
        ctx: &'a Project,
        model: &'a LoadedModel,
        engine: &'a Model,
        plan: &'a Plan,
        run: Run,
        pinned: Option<PinnedPrompt>,
        lock: FolderLock,
    ) -> anyhow::Result<Self> {
        events::rewind_to_start(&run.path, &ctx.ui)?;
        let mut log = run.event_log(&ctx.ui)?;
        log.emit(Event::Resumed { step: 0 })?;
        let trainer = Trainer::new(engine, plan.new_adapter(engine), plan.engine_config());
        ctx.ui.say(format!("run {} was stopped before its first checkpoint: it begins again", run.name));
        Ok(Self::begun(ctx, (model, engine, plan), (run, log, lock), trainer, pinned))
    }

    /// The same run, whose steps `worker` computes from here on.
    ///
    /// Errors: the worker has died.
    pub fn on(self, worker: Option<Worker>) -> anyhow::Result<Self> {
        let Some(worker) = worker else { return Ok(self) };
        let hands = self.hands.given_to(worker, &self.run.path)?;
        Ok(Self { hands, ..self })
    }

    /// Trains to the end, or to a checkpoint after Ctrl-C (exit code 130).
    pub fn go(mut self) -> anyhow::Result<Run> {
        let plan = self.plan;
        let first = self.hands.step();
        let mut hint = interrupt::hint_at_once(kept(&self.ctx.ui, resumable(&self.run, &self.ctx.ui)?));
        // A run that is resumed from step 0 has that checkpoint already; one that was stopped in the middle of an
        // evaluation lacks its figure.
        let is_new = first == 0 && self.run.saved(&self.ctx.ui)?.is_empty();
        let is_whole = if is_new {
            self.evaluate_and_save()?
        } else if plan.evaluated_after(first) && self.lacks_evaluation(first)? {
            self.evaluate()?
        } else {
            true
        };
        if interrupt::requested() || !is_whole {
            return self.stopped(first);
        }
        drop(hint);
        hint = interrupt::hint_at_once(kept(&self.ctx.ui, Some(first)));
        let progress = self.ctx.ui.progress("training", plan.tokens(), "tokens");
        let mut ahead = Ahead::after(plan, first);
        progress.skip(plan.tokens() - ahead.tokens);
        // A run that goes on knows its speed from before.
        if let Some(left) = self.pace.left(ahead) {
            progress.tell(self.pace.tokens_per_s(), left);
        }
        let mut saved = first;
        let evaluated = plan.validation.iter().map(|row| row.ids.len() as u64).sum();
        for step in first + 1..=plan.steps {
            let rows = plan.rows_of(step);
            let began = Instant::now();
            let tokens = rows.iter().map(|row| plan.train[*row].ids.len() as u64).sum();
            let takes = self.pace.step_time(tokens).or_else(|| self.pace.first_step_time(tokens, evaluated));
            let unit = interrupt::during(Unit { called: "this step", began, takes, lost: lost(step, saved) });
            let report = match self.hands.take_step(plan, &rows) {
                Ok(report) => report,
                Err(error) => return self.failed(error, &rows),
            };
            drop(unit);
            let seconds = began.elapsed().as_secs_f64();
            self.pace.step(report.tokens as u64, seconds);
            ahead.tokens = ahead.tokens.saturating_sub(report.tokens as u64);
            let epoch = plan.epoch(step);
            progress.note(format!("step {step}/{}, loss {:.3}", plan.steps, report.loss));
            progress.tell(self.pace.tokens_per_s(), self.pace.left(ahead).unwrap_or_default());
            progress.advance(report.tokens as u64);
            self.log.emit(Event::TrainStep(TrainStep {
                step,
                epoch,
                loss: report.loss,
                learning_rate: report.learning_rate,
                grad_norm: Some(report.grad_norm),
                tokens: report.tokens as u64,
                supervised_tokens: report.supervised_tokens as u64,
                tokens_per_s: report.tokens as f64 / seconds,
                peak_rss_bytes: self.hands.peak_bytes(),
                seconds,
            }))?;
            if let Some(part) = plan.part.as_ref().filter(|part| part.halt_in == Some(step)) {
                halt(part)?;
            }
            let mut is_whole = true;
            if plan.evaluated_after(step) {
                is_whole = self.evaluate_and_save()?;
                saved = step;
                // The guard of the hint before takes it back when it is dropped.
                drop(hint);
                hint = interrupt::hint_at_once(kept(&self.ctx.ui, Some(saved)));
                ahead.evaluations = ahead.evaluations.saturating_sub(1);
                progress.tell(self.pace.tokens_per_s(), self.pace.left(ahead).unwrap_or_default());
            } else if interrupt::requested() {
                self.save()?;
            }
            if interrupt::requested() && (step < plan.steps || !is_whole) {
                progress.finish("");
                return self.stopped(step);
            }
        }
        drop(hint);
        let seconds = self.seconds_before + self.started.elapsed().as_secs_f64();
        self.log.emit(Event::Finished {
            step: plan.steps,
            seconds,
            peak_rss_bytes: self.hands.peak_bytes(),
        })?;
        self.log.sync()?;
        progress.finish("");
        let took = plain::duration(Duration::from_secs_f64(seconds));
        let (rows, ui) = (plan.train.len(), &self.ctx.ui);
        let seen = rows.min(plan.steps * plan.config.rows_per_step);
        let seen = if seen < rows { format!("{} of ", plain::count(seen as u64)) } else { String::new() };
        ui.say(format!(
            "trained {} on {seen}{} in {took}",
            plain::counted(plan.steps, "step", "steps"),
            plain::counted(rows, "row", "rows")
        ));
        say_where_best(ui, &self.run)?;
        Ok(self.run)
    }

    /// Ends after Ctrl-C; the checkpoint of `step` is saved.
    fn stopped(mut self, step: usize) -> anyhow::Result<Run> {
        self.log.emit(Event::Interrupted { step })?;
        Err(interrupted(format!("stopped after step {step}; checkpoint {} is saved", checkpoint_name(step))))
            .hint(goes_on(&self.ctx.ui))
    }

    /// Whether there are validation rows whose loss at `step` is not in the log.
    fn lacks_evaluation(&self, step: usize) -> anyhow::Result<bool> {
        let records = self.run.events(&self.ctx.ui)?;
        let is_there = records.iter().any(|r| matches!(&r.event, Event::Evaluated(e) if e.step == step));
        Ok(!self.plan.validation.is_empty() && !is_there)
    }

    /// Stops the run after a step that was not taken.
    fn failed<T>(&self, error: anyhow::Error, rows: &[usize]) -> anyhow::Result<T> {
        if error.downcast_ref::<TrainError>().is_some() {
            return self.not_finite(error, rows);
        }
        self.log.sync()?;
        let at = match self.last_good()?.as_str() {
            "none" => "it has no whole checkpoint yet".to_owned(),
            step => format!("its last whole checkpoint is {step}"),
        };
        Err(error.context(format!("run {} stopped; {at}", self.run.name))).hint(goes_on(&self.ctx.ui))
    }

    fn last_good(&self) -> anyhow::Result<String> {
        let checkpoints = self.run.checkpoints(&self.ctx.ui)?;
        Ok(checkpoints.last().map_or_else(|| "none".to_owned(), |checkpoint| checkpoint.name()))
    }

    /// Stops the run: says which rows the step had and what is left.
    fn not_finite<T>(&self, error: anyhow::Error, rows: &[usize]) -> anyhow::Result<T> {
        self.log.sync()?;
        let names: Vec<&str> = rows.iter().map(|row| self.plan.train[*row].example_id.as_str()).collect();
        let rows = if names.is_empty() { String::new() } else { format!(", rows {}", names.join(", ")) };
        let good = self.last_good()?;
        let context = format!("run {}{rows}; the last good checkpoint is {good}", self.run.name);
        Err(error.context(context))
            .hint("a smaller train.learning-rate or train.clip-norm usually helps; look at these rows with `affinage inspect tokens`")
    }

    /// Loss on the validation rows, the pinned prompt's answer, and a checkpoint. Ctrl-C leaves the first two out: `false`.
    fn evaluate_and_save(&mut self) -> anyhow::Result<bool> {
        let is_whole = self.evaluate()?;
        self.save()?;
        Ok(is_whole)
    }

    /// Loss on the validation rows and the pinned prompt's answer; `false` where Ctrl-C came before the loss was known.
    fn evaluate(&mut self) -> anyhow::Result<bool> {
        let step = self.hands.step();
        let began = Instant::now();
        if let Err(error) = self.hands.bring() {
            return self.failed(error, &[]);
        }
        let ui = &self.ctx.ui;
        if !self.plan.validation.is_empty() {
            let total = match self.hands.score(self.engine, self.plan, ui) {
                Ok(Some(total)) => total,
                Ok(None) => return Ok(false),
                Err(error) => return self.failed(error, &[]),
            };
            if !total.mean().is_finite() {
                let error =
                    anyhow!("step {step}: the validation loss is {}, not a finite number", total.mean());
                return self.not_finite(error, &[]);
            }
            let seconds = began.elapsed().as_secs_f64();
            ui.say(format!("  {}  validation loss {:.4}", checkpoint_name(step), total.mean()));
            if self
                .start_loss
                .is_some_and(|start| (start - total.mean()).abs() < UNCHANGED && step <= FIRST_STEPS)
            {
                ui.say("  as before the first step: an adapter begins at zero and learns slowly at first");
            }
            if step == 0 {
                self.start_loss = Some(total.mean());
            }
            self.log.emit(Event::Evaluated(Evaluated {
                step,
                loss: total.mean(),
                tokens: total.tokens as u64,
                seconds,
            }))?;
        }
        if let Some(pinned) = &self.pinned {
            let (text, is_whole) = self.answer(pinned)?;
            let shown = one_line(&text) + if is_whole { "" } else { " …" };
            ui.say(format!("  {}  {}", checkpoint_name(step), ui.dimmed(&shown)));
            self.log.emit(Event::Sample { step, prompt: pinned.text.clone(), text })?;
        }
        self.pace.evaluated(began.elapsed().as_secs_f64());
        Ok(true)
    }

    /// Saves adapter, moments and state; then drops the moments of all but the two newest checkpoints.
    fn save(&mut self) -> anyhow::Result<()> {
        if let Err(error) = self.hands.bring() {
            return self.failed(error, &[]);
        }
        let step = self.hands.step();
        let (adapter, moments) = self.hands.state();
        if !adapter.values.iter().all(|value| value.is_finite()) {
            return self
                .not_finite(anyhow!("step {step}: the adapter holds values that are not finite"), &[]);
        }
        let state = State { v: 1, step, steps: self.plan.steps };
        self.run.save_checkpoint(step, |dir| {
            let base = self.model.hub_id.as_deref().unwrap_or(&self.model.name);
            checkpoint::save_adapter(adapter, base, dir)?;
            checkpoint::save_moments(moments, dir)?;
            fs_err::write(dir.join("state.json"), serde_json::to_vec_pretty(&state)?)?;
            Ok(fs_err::write(dir.join("README.md"), self.readme(step))?)
        })?;
        let adapter_sha256 = checkpoint::adapter_sha256(adapter);
        let optimizer_sha256 = Some(checkpoint::moments_sha256(moments));
        self.log.emit(Event::CheckpointSaved { step, adapter_sha256, optimizer_sha256 })?;
        self.log.sync()?;
        let checkpoints = self.run.checkpoints(&self.ctx.ui)?;
        for old in checkpoints.iter().rev().skip(2) {
            let moments = old.path.join(OPTIMIZER_FILE);
            if moments.exists() {
                fs_err::remove_file(moments)?;
            }
        }
        Ok(())
    }

    fn readme(&self, step: usize) -> String {
        let (plan, model) = (self.plan, self.model);
        format!(
            "# LoRA adapter, step {step} of {}\n\nTrained by affinage {} against `{}` (SHA-256 {}), dataset {} \
             (SHA-256 {}), epoch {:.2} of {}.\n",
            plan.steps,
            env!("CARGO_PKG_VERSION"),
            model.name,
            model.sha256,
            plan.dataset,
            plan.dataset_sha256,
            plan.epoch(step),
            plan.config.epochs,
        )
    }

    /// The answer to the pinned prompt, and whether it ended by itself.
    fn answer(&self, pinned: &PinnedPrompt) -> anyhow::Result<(String, bool)> {
        let messages = [Message { role: Role::User, content: pinned.text.clone() }];
        let prompt = tokenize_prompt(&self.model.tokenizer, self.model.template()?, &messages)?;
        let positions = self.engine.max_positions();
        let room = positions.saturating_sub(prompt.len());
        ensure!(room > 0, "the pinned prompt has {} tokens, the model takes {positions}", prompt.len());
        let max_new_tokens = pinned.max_new_tokens.min(room);
        let mut generator = Generator::new(self.engine, Some(self.hands.state().0), &self.model.end_tokens);
        let config = &self.ctx.config.generate;
        let sampling = crate::stages::generation::sampling(config);
        generator.start(Request { prompt, sampling, seed: config.seed, max_new_tokens });
        let progress = self.ctx.ui.late_progress("answering the prompt", max_new_tokens as u64, "tokens");
        let (mut ids, mut is_whole) = (Vec::new(), false);
        while generator.active() > 0 {
            for emitted in generator.step() {
                ids.extend(emitted.token);
                is_whole = emitted.finish == Some(Finish::Stop);
            }
            progress.advance(1);
        }
        Ok((self.model.tokenizer.decode(&ids)?, is_whole))
    }
}

/// How a training that was stopped is continued: commands of several stages do it when they are run again.
fn goes_on(ui: &dyn Observer) -> String {
    match ui.is_stage() {
        true => "the same command, run again, goes on from the last checkpoint if the settings and the data set are the same; \
                 with others it begins a new training, and this one lies unfinished in runs/"
            .to_owned(),
        false => format!("{} goes on from the last checkpoint", next("train").words("--resume")),
    }
}

/// What is said where the process is ended in the middle of a step: the checkpoint that is left, and how to go on from it.
fn kept(ui: &dyn Observer, saved: Option<usize>) -> String {
    match saved {
        Some(step) => format!("checkpoint {} is kept; {}", checkpoint_name(step), goes_on(ui)),
        None => format!("no checkpoint is saved yet; {}", goes_on(ui)),
    }
}

/// What of a run is done again where it is ended in `step`, after the checkpoint of `saved`.
fn lost(step: usize, saved: usize) -> String {
    match step - saved {
        1 => "this step".to_owned(),
        steps => format!("the {} steps since {}", plain::count(steps as u64), checkpoint_name(saved)),
    }
}

/// Says so where an earlier checkpoint fits the validation rows better than the last one.
pub fn say_where_best(ui: &dyn Observer, run: &Run) -> anyhow::Result<()> {
    let Some(found) = run.earlier_best(ui)? else { return Ok(()) };
    ui.say(format!(
        "validation loss was lowest at {} ({:.4}); the last checkpoint, {}, has {:.4}. `best` names the first, `last` the \
         second: `affinage chat --compare best,last`, `affinage export --adapter best`",
        checkpoint_name(found.best.step),
        found.best_loss,
        checkpoint_name(found.last.step),
        found.last_loss,
    ));
    Ok(())
}

/// Says that it stands in the middle of a step and waits to be killed.
fn halt(part: &Part) -> anyhow::Result<()> {
    fs_err::write(part.project.join(HALTED), "")?;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) && !interrupt::requested() {
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("nobody killed this process")
}

/// The newest step whose checkpoint holds the moments.
pub fn resumable(run: &Run, ui: &dyn Observer) -> anyhow::Result<Option<usize>> {
    let checkpoints = run.checkpoints(ui)?;
    Ok(checkpoints.iter().rev().find(|c| has_moments(&c.path)).map(|c| c.step))
}

fn has_moments(path: &Path) -> bool {
    path.join(OPTIMIZER_FILE).is_file()
}

fn document(row: usize, example: &TokenizedExample) -> Document<'_> {
    Document { row_id: row as u64, ids: &example.ids, loss_mask: &example.loss_mask }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
