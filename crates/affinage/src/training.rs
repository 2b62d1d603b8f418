//! A training run from rows to checkpoints: the loop that `train` and `demo` share.
//!
//! Every evaluation, checkpoint and interruption is a visible line of [`TrainingRun::go`].

mod memory;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use affinage_dataset::example::DatasetRow;
use affinage_dataset::message::{Message, Role};
use affinage_dataset::template::TemplateError;
use affinage_dataset::tokenize::{LossMode, TokenizedExample, tokenize_example, tokenize_prompt};
use affinage_engine::checkpoint::{self, OPTIMIZER_FILE};
use affinage_engine::generate::{Generator, Request};
use affinage_engine::lora::{Adapter, LoraConfig};
use affinage_engine::model::{Document, Model, Nll};
use affinage_engine::optim::AdamW;
use affinage_engine::train::{TrainConfig, Trainer, document_nll, rows_of_step, steps_per_epoch};
use anyhow::{Context as _, anyhow, bail};
use serde::{Deserialize, Serialize};

use crate::config::{Config, Train};
use crate::context::Context;
use crate::datasets::DatasetVersion;
use crate::errors::{HintExt as _, interrupted};
use crate::events::{self, Evaluated, Event, EventLog, RunStarted, TrainStep};
use crate::model::LoadedModel;
use crate::provenance::Provenance;
use crate::run::{Run, checkpoint_name};
use crate::ui::{self, Ui};
use crate::{interrupt, machine};

pub use memory::MemoryPlan;

/// Steps of a part, and the tokens to which its rows are cut.
pub const PART_STEPS: usize = 4;
pub const PART_ROW_TOKENS: usize = 128;
/// The file by which a halted part says so.
pub const HALTED: &str = "halted";

/// A process of `train --verify-resume`.
pub struct Part {
    /// In place of the project folder for runs.
    pub project: PathBuf,
    /// Stops moving in this step, before its checkpoint, until it is killed.
    pub halt_in: Option<usize>,
}

/// Everything that is fixed before the first step.
pub struct Plan {
    pub train: Vec<TokenizedExample>,
    pub validation: Vec<TokenizedExample>,
    pub config: Train,
    pub steps: usize,
    pub dataset: String,
    pub dataset_sha256: String,
    recompute_layers: usize,
    part: Option<Part>,
}

impl Plan {
    /// Tokenises the splits of `version`.
    ///
    /// Errors: no training rows; a row that the template or the token limit does not carry (all of them are named).
    pub fn new(
        model: &LoadedModel,
        version: &DatasetVersion,
        config: &Train,
        ui: &Ui,
    ) -> anyhow::Result<Plan> {
        let tokenize = |split: &str| tokenize_rows(model, &version.rows(split, ui)?, config, split);
        let (train, validation) = (tokenize("train")?, tokenize("validation")?);
        if train.is_empty() {
            return Err(anyhow!("dataset {} has no training rows", version.name))
                .hint("accept more examples, then freeze a new version with `affinage dataset`");
        }
        let epochs = steps_per_epoch(train.len(), config.rows_per_step) as usize * config.epochs;
        let steps = config.max_steps.map_or(epochs, |limit| limit.min(epochs));
        let (dataset, dataset_sha256) = (version.name.clone(), version.sha256().to_owned());
        Ok(Plan {
            train,
            validation,
            config: config.clone(),
            steps,
            dataset,
            dataset_sha256,
            recompute_layers: 0,
            part: None,
        })
    }

    /// The same on the beginnings of the rows, four steps with a checkpoint each.
    pub fn part(mut self, part: Part) -> anyhow::Result<Plan> {
        for rows in [&mut self.train, &mut self.validation] {
            for row in rows.iter_mut() {
                row.ids.truncate(PART_ROW_TOKENS);
                row.loss_mask.truncate(PART_ROW_TOKENS);
            }
            rows.retain(|row| row.loss_mask.contains(&true));
        }
        self.validation.truncate(self.config.rows_per_step);
        if self.train.is_empty() {
            bail!("no row has a token to learn among its first {PART_ROW_TOKENS}");
        }
        self.steps = PART_STEPS;
        self.config.eval_every = Some(1);
        Ok(Plan { part: Some(part), ..self })
    }

    /// Input tokens of all steps.
    pub fn tokens(&self) -> u64 {
        (1..=self.steps).flat_map(|step| self.rows_of(step)).map(|row| self.train[row].ids.len() as u64).sum()
    }

    /// Passes over the data after `step` steps.
    pub fn epoch(&self, step: usize) -> f64 {
        step as f64 / steps_per_epoch(self.train.len(), self.config.rows_per_step) as f64
    }

    /// Steps after which the run is evaluated and saved: the start, every `eval-every`, and the end.
    pub fn evaluated_after(&self, step: usize) -> bool {
        step == 0
            || step == self.steps
            || match self.config.eval_every {
                Some(every) => step.is_multiple_of(every),
                None => (1..4).any(|quarter| step == (self.steps * quarter).div_ceil(4)),
            }
    }

    /// The rows of one step, from 1.
    pub fn rows_of(&self, step: usize) -> Vec<usize> {
        rows_of_step(self.config.seed, self.train.len(), self.config.rows_per_step, step as u64)
    }

    /// What the engine needs to know.
    pub fn engine_config(&self) -> TrainConfig {
        let config = &self.config;
        TrainConfig {
            optimizer: AdamW { weight_decay: config.weight_decay, ..AdamW::default() },
            schedule: config.schedule,
            learning_rate: config.learning_rate,
            lora_plus_ratio: config.lora_plus_ratio,
            warmup_steps: (config.warmup_ratio * self.steps as f64).ceil() as u64,
            total_steps: self.steps as u64,
            clip_norm: config.clip_norm,
            micro_batch_tokens: config.micro_batch_tokens,
            recompute_layers: self.recompute_layers,
            seed: config.seed,
        }
    }

    /// A fresh adapter for `model`.
    pub fn new_adapter(&self, model: &Model) -> Adapter {
        let config = &self.config;
        let lora = LoraConfig {
            rank: config.rank,
            alpha: config.alpha as f32,
            use_rslora: config.use_rslora,
            dropout: config.dropout as f32,
            targets: config.targets.clone(),
        };
        Adapter::new(lora, model.config(), config.seed)
    }
}

/// Tokenises rows; every row that cannot be trained on is named in one error.
fn tokenize_rows(
    model: &LoadedModel,
    rows: &[DatasetRow],
    config: &Train,
    split: &str,
) -> anyhow::Result<Vec<TokenizedExample>> {
    let (template, tokenizer, ends) = (model.template()?, &model.tokenizer, &model.end_tokens);
    let limit = config.max_seq_tokens.min(model.weights.config().max_positions());
    let mut tokenized = Vec::with_capacity(rows.len());
    let mut failed = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let (id, messages) = (&row.example_id, &row.messages);
        // A text of which every token is learned would be cut: whole here, refused below.
        let cut = if config.loss == LossMode::Full { usize::MAX } else { limit };
        let example = tokenize_example(tokenizer, template, id, messages, config.loss, ends, cut);
        let whole = example.and_then(|example| match example.ids.len() {
            tokens if tokens > limit => Err(TemplateError::TooLong { tokens, limit }),
            _ => Ok(example),
        });
        match whole {
            Ok(example) => tokenized.push(example),
            Err(error) => failed.push(format!("{split}.jsonl:{} ({id}): {error}", number + 1)),
        }
    }
    if failed.is_empty() {
        return Ok(tokenized);
    }
    let shown = failed.iter().take(5).cloned().collect::<Vec<_>>().join("\n  ");
    let more = failed.len().saturating_sub(5);
    let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    Err(anyhow!("{} of {} rows cannot be trained on:\n  {shown}{more}", failed.len(), rows.len()))
        .hint("raise train.max-seq-tokens, or shorten these rows and freeze a new version")
}

/// The prompt that is answered at every checkpoint.
#[derive(Clone, Debug)]
pub struct PinnedPrompt {
    pub text: String,
    pub max_new_tokens: usize,
}

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
    ctx: &'a Context,
    model: &'a LoadedModel,
    engine: &'a Model,
    plan: &'a Plan,
    pub run: Run,
    log: EventLog,
    trainer: Trainer<'a>,
    pinned: Option<PinnedPrompt>,
    started: Instant,
    _lock: crate::lock::FolderLock,
}

impl<'a> TrainingRun<'a> {
    /// Makes a new run folder and starts from an untrained adapter.
    pub fn create(
        ctx: &'a Context,
        model: &'a LoadedModel,
        engine: &'a Model,
        plan: &'a Plan,
        pinned: Option<PinnedPrompt>,
    ) -> anyhow::Result<Self> {
        let hashes = [("base", &model.sha256), ("dataset", &plan.dataset_sha256)];
        let hashes: BTreeMap<String, String> =
            hashes.map(|(name, hash)| (name.to_owned(), hash.clone())).into();
        let config = Config { train: plan.config.clone(), ..ctx.config.clone() };
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
            steps: plan.steps,
            epochs: plan.config.epochs,
            trainable_parameters: trainer.adapter.values.len() as u64,
            total_parameters: model.weights.parameter_count() as u64,
        }))?;
        let started = Instant::now();
        Ok(Self { ctx, model, engine, plan, run, log, trainer, pinned, started, _lock: lock })
    }

    /// Continues `run` from its newest checkpoint.
    ///
    /// Errors: the base weights or the data differ from those of the run; the run is finished.
    pub fn resume(
        ctx: &'a Context,
        model: &'a LoadedModel,
        engine: &'a Model,
        plan: &'a Plan,
        run: Run,
        pinned: Option<PinnedPrompt>,
    ) -> anyhow::Result<Self> {
        let lock = run.lock()?;
        let provenance = Provenance::read(&run.path)?;
        for (name, now) in [("base", &model.sha256), ("dataset", &plan.dataset_sha256)] {
            let then = provenance.sha256.get(name).map_or("none", String::as_str);
            if then != now {
                return Err(anyhow!(
                    "run `{}` was made with another {name}: SHA-256 {then}, now {now}",
                    run.name
                ))
                .hint("a resumed run must see the same bytes; start a new run with `affinage train`");
            }
        }
        let Some(last) = resumable(&run, &ctx.ui)? else {
            bail!("run `{}` has no checkpoint to resume from", run.name);
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
        if last == plan.steps {
            return Err(anyhow!("run `{}` is finished: all {} steps are done", run.name, plan.steps))
                .hint("look at it with `affinage chat` or compare it with `affinage eval`");
        }
        let adapter = checkpoint::load_adapter(&path, engine.config())?;
        let moments = checkpoint::load_moments(&path, adapter.values.len())?;
        events::rewind(&run.path, last, &ctx.ui)?;
        let mut log = run.event_log(&ctx.ui)?;
        log.emit(Event::Resumed { step: last })?;
        let mut adapter = adapter;
        adapter.config.dropout = plan.config.dropout as f32;
        let trainer = Trainer::resume(engine, adapter, moments, last as u64, plan.engine_config());
        let started = Instant::now();
        ctx.ui.say(format!("resuming {} after step {last} of {}", run.name, plan.steps));
        Ok(Self { ctx, model, engine, plan, run, log, trainer, pinned, started, _lock: lock })
    }

    /// Trains to the end, or to a checkpoint after Ctrl-C (exit code 130).
    pub fn go(mut self) -> anyhow::Result<Run> {
        let plan = self.plan;
        if self.trainer.step == 0 {
            self.evaluate_and_save()?;
        }
        let progress = self.ctx.ui.progress("training", plan.tokens(), "tokens");
        let done = (1..=self.trainer.step as usize).flat_map(|step| plan.rows_of(step));
        progress.skip(done.map(|row| plan.train[row].ids.len() as u64).sum());
        for step in self.trainer.step as usize + 1..=plan.steps {
            let rows = plan.rows_of(step);
            let documents: Vec<Document> = rows.iter().map(|row| document(*row, &plan.train[*row])).collect();
            let began = Instant::now();
            let report = match self.trainer.step(&documents) {
                Ok(report) => report,
                Err(error) => return self.not_finite(error.into(), &rows),
            };
            let seconds = began.elapsed().as_secs_f64();
            progress.advance(report.tokens as u64);
            let epoch = plan.epoch(step);
            progress.note(format!("step {step}/{} = epoch {epoch:.2}, loss {:.3}", plan.steps, report.loss));
            self.log.emit(Event::TrainStep(TrainStep {
                step,
                epoch,
                loss: report.loss,
                learning_rate: report.learning_rate,
                grad_norm: report.grad_norm,
                tokens: report.tokens as u64,
                supervised_tokens: report.supervised_tokens as u64,
                tokens_per_s: report.tokens as f64 / seconds,
                peak_rss_bytes: machine::peak_rss_bytes(),
                seconds,
            }))?;
            if let Some(part) = plan.part.as_ref().filter(|part| part.halt_in == Some(step)) {
                halt(part)?;
            }
            if plan.evaluated_after(step) {
                self.evaluate_and_save()?;
            } else if interrupt::requested() {
                self.save()?;
            }
            if interrupt::requested() && step < plan.steps {
                self.log.emit(Event::Interrupted { step })?;
                progress.finish("");
                return Err(interrupted(format!(
                    "stopped after step {step}; checkpoint {} is saved",
                    checkpoint_name(step)
                )))
                .hint("`affinage train --resume` goes on from there");
            }
        }
        let seconds = self.started.elapsed().as_secs_f64();
        self.log.emit(Event::Finished {
            step: plan.steps,
            seconds,
            peak_rss_bytes: machine::peak_rss_bytes(),
        })?;
        self.log.sync()?;
        progress.finish(format!("trained {} steps on {} rows", plan.steps, plan.train.len()));
        Ok(self.run)
    }

    /// Stops the run: says which rows the step had and what is left.
    fn not_finite<T>(&self, error: anyhow::Error, rows: &[usize]) -> anyhow::Result<T> {
        self.log.sync()?;
        let names: Vec<&str> = rows.iter().map(|row| self.plan.train[*row].example_id.as_str()).collect();
        let rows = if names.is_empty() { String::new() } else { format!(", rows {}", names.join(", ")) };
        let checkpoints = self.run.checkpoints(&self.ctx.ui)?;
        let good = checkpoints.last().map_or_else(|| "none".to_owned(), |checkpoint| checkpoint.name());
        let context = format!("run {}{rows}; the last good checkpoint is {good}", self.run.name);
        Err(error.context(context))
            .hint("a smaller train.learning-rate or train.clip-norm usually helps; look at these rows with `affinage inspect tokens`")
    }

    /// Loss on the validation rows, the pinned prompt's answer, and a checkpoint.
    fn evaluate_and_save(&mut self) -> anyhow::Result<()> {
        let (step, ui) = (self.trainer.step as usize, &self.ctx.ui);
        if !self.plan.validation.is_empty() {
            let began = Instant::now();
            let rows = self.plan.validation.iter().enumerate();
            let documents: Vec<Document> = rows.map(|(row, example)| document(row, example)).collect();
            let limit = self.plan.config.micro_batch_tokens;
            let adapter = Some(&self.trainer.adapter);
            let nll = document_nll(self.engine, adapter, &documents, limit, |_| {});
            let total = nll
                .iter()
                .fold(Nll::default(), |a, b| Nll { sum: a.sum + b.sum, tokens: a.tokens + b.tokens });
            if !total.mean().is_finite() {
                let error =
                    anyhow!("step {step}: the validation loss is {}, not a finite number", total.mean());
                return self.not_finite(error, &[]);
            }
            let seconds = began.elapsed().as_secs_f64();
            ui.say(format!("  {}  validation loss {:.4}", checkpoint_name(step), total.mean()));
            self.log.emit(Event::Evaluated(Evaluated {
                step,
                loss: total.mean(),
                tokens: total.tokens as u64,
                seconds,
            }))?;
        }
        if let Some(pinned) = &self.pinned {
            let text = self.answer(pinned)?;
            ui.say(format!("  {}  {}", checkpoint_name(step), ui.paint(ui::Paint::Dim, &one_line(&text))));
            self.log.emit(Event::Sample { step, prompt: pinned.text.clone(), text })?;
        }
        self.save()
    }

    /// Saves adapter, moments and state; then drops the moments of all but the two newest checkpoints.
    fn save(&mut self) -> anyhow::Result<()> {
        let (step, trainer) = (self.trainer.step as usize, &self.trainer);
        if !trainer.adapter.values.iter().all(|value| value.is_finite()) {
            return self
                .not_finite(anyhow!("step {step}: the adapter holds values that are not finite"), &[]);
        }
        let state = State { v: 1, step, steps: self.plan.steps };
        self.run.save_checkpoint(step, |dir| {
            let base = self.model.hub_id.as_deref().unwrap_or(&self.model.name);
            checkpoint::save_adapter(&trainer.adapter, base, dir)?;
            checkpoint::save_moments(&trainer.moments, dir)?;
            fs_err::write(dir.join("state.json"), serde_json::to_vec_pretty(&state)?)?;
            Ok(fs_err::write(dir.join("README.md"), self.readme(step))?)
        })?;
        let adapter_sha256 = checkpoint::adapter_sha256(&trainer.adapter);
        self.log.emit(Event::CheckpointSaved { step, adapter_sha256 })?;
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

    fn answer(&self, pinned: &PinnedPrompt) -> anyhow::Result<String> {
        let messages = [Message { role: Role::User, content: pinned.text.clone() }];
        let prompt = tokenize_prompt(&self.model.tokenizer, self.model.template()?, &messages)?;
        let mut generator = Generator::new(self.engine, Some(&self.trainer.adapter), &self.model.end_tokens);
        let config = &self.ctx.config.generate;
        let sampling = crate::generation::sampling(config);
        generator.start(Request {
            prompt,
            sampling,
            seed: config.seed,
            max_new_tokens: pinned.max_new_tokens,
        });
        let mut ids = Vec::new();
        while generator.active() > 0 {
            ids.extend(generator.step().into_iter().filter_map(|emitted| emitted.token));
        }
        Ok(self.model.tokenizer.decode(&ids)?)
    }
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
fn resumable(run: &Run, ui: &Ui) -> anyhow::Result<Option<usize>> {
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
