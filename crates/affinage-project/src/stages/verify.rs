//! A finished training, executed again in parts: do its checkpoints follow from its data?
//!
//! A step is a function of base weights, rows, settings, adapter and optimiser state, with the same bits on every instruction set
//! and number of threads. The steps between two checkpoints (a *segment*) can therefore be executed again and must end in
//! the same adapter. Where the optimiser's state of a checkpoint is not kept, execution begins at the one before that has it, or at
//! the untrained adapter, which the settings give.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use affinage_engine::checkpoint::{self, ADAPTER_FILE, OPTIMIZER_FILE};
use affinage_engine::model::Document;
use affinage_engine::train::{StepReport, Trainer};
use affinage_eval::id::sha256_hex;
use affinage_eval::plain::counted;
use affinage_eval::rng::Rng;
use anyhow::{Context as _, anyhow, ensure};
use jiff::Timestamp;

use crate::errors::{HintExt as _, interrupted};
use crate::folder::config::Config;
use crate::folder::datasets::DatasetVersion;
use crate::folder::events::{Event, RunStarted, TrainStep};
use crate::folder::project::Project;
use crate::folder::provenance::Provenance;
use crate::folder::receipt::{MachineClass, Outcome, Receipt, Segment};
use crate::folder::run::{Run, checkpoint_name};
use crate::interrupt;
use crate::stages::training::{Plan, Prepared, prepare};

/// How much is executed again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    All,
    /// Of the segments, above 0 and at most 1.
    Share(f64),
    /// As many segments as have about so many steps together.
    Steps(usize),
}

/// What is to be checked.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Default: the run that finished last.
    pub run: Option<&'a str>,
    /// A receipt of somebody else, against the data here.
    pub receipt: Option<&'a Path>,
    pub amount: Amount,
    /// Of the draw.
    pub seed: u64,
}

/// What came of it.
pub struct Verified {
    pub receipt: Receipt,
    /// Where it was written; `None` where no run here is the one of the receipt that was checked.
    pub written: Option<PathBuf>,
}

/// Executes parts of a training again, and writes the receipt into the folder of the run.
///
/// Errors: another engine computed the run; base weights or data are not those that it was trained on; it is training now; a stop
/// was requested. A difference is no error but [`Outcome::Differs`].
pub fn verify(ctx: &Project, options: Options) -> anyhow::Result<Verified> {
    match options.receipt {
        Some(path) => of_receipt(ctx, path, options),
        None => of_run(ctx, options),
    }
}

/// What is claimed: by a run's folder, or by a receipt.
struct Claim {
    run: String,
    config: Config,
    version: DatasetVersion,
    base_sha256: String,
    steps: usize,
    /// Hashes of saved checkpoints by step, 0 among them.
    adapters: BTreeMap<usize, String>,
    optimizers: BTreeMap<usize, String>,
    /// What the log says of each step.
    logged: BTreeMap<usize, TrainStep>,
    /// Checkpoint folders with adapter and optimiser state.
    states: BTreeMap<usize, PathBuf>,
    rows_sha256: Option<String>,
    order_sha256: Option<String>,
    trained_on: Option<MachineClass>,
}

fn of_run(ctx: &Project, options: Options) -> anyhow::Result<Verified> {
    let run = Run::meant(ctx, options.run)?;
    if run.is_training() {
        return Err(anyhow!("run `{}` is training now", run.name)).hint("check it when it has ended");
    }
    let provenance = Provenance::read(&run.path)?;
    let config = Config::parse(&run.run_toml()?, &[]).map_err(|error| error.located("run.toml"))?;
    refuse_other_engines(&run.name, &config, &provenance)?;
    let events: Vec<Event> = run.events(&ctx.ui)?.into_iter().map(|record| record.event).collect();
    let started: &RunStarted = events
        .iter()
        .find_map(|event| match event {
            Event::RunStarted(started) => Some(started),
            _ => None,
        })
        .ok_or_else(|| anyhow!("run `{}` never started: its events.jsonl names no dataset", run.name))?;
    let saved = run.saved(&ctx.ui)?;
    let mut differences = Vec::new();
    let (mut adapters, mut states) = (BTreeMap::new(), BTreeMap::new());
    let mut optimizers = BTreeMap::new();
    for checkpoint in saved {
        let adapter = checkpoint.path.join(ADAPTER_FILE);
        if checkpoint.path.is_dir() && file_sha256(&adapter)? != Some(checkpoint.adapter_sha256.clone()) {
            differences.push(format!(
                "{} of {} is not the adapter that the run saved: its SHA-256 is another than in events.jsonl",
                ADAPTER_FILE,
                checkpoint.name()
            ));
        }
        let state = file_sha256(&checkpoint.path.join(OPTIMIZER_FILE))?;
        match (&state, &checkpoint.optimizer_sha256) {
            (Some(found), Some(recorded)) if found != recorded => differences.push(format!(
                "{} of {} is not the optimiser state that the run saved: its SHA-256 is another than in events.jsonl",
                OPTIMIZER_FILE,
                checkpoint.name()
            )),
            _ => {}
        }
        // The newest states of earlier versions are on the disk and not in the log.
        optimizers.extend(
            checkpoint.optimizer_sha256.clone().or(state.clone()).map(|hash| (checkpoint.step, hash)),
        );
        if state.is_some() && checkpoint.step > 0 {
            states.insert(checkpoint.step, checkpoint.path.clone());
        }
        adapters.insert(checkpoint.step, checkpoint.adapter_sha256);
    }
    let logged = events.iter().filter_map(|event| match event {
        Event::TrainStep(step) => Some((step.step, step.clone())),
        _ => None,
    });
    let claim = Claim {
        version: DatasetVersion::open(&ctx.project, Some(&started.dataset))?,
        base_sha256: started.base_sha256.clone(),
        steps: started.steps,
        run: run.name.clone(),
        config,
        adapters,
        optimizers,
        logged: logged.collect(),
        states,
        rows_sha256: None,
        order_sha256: None,
        trained_on: Some(MachineClass::of(&provenance.machine)),
    };
    ensure_same("data", &started.dataset_sha256, claim.version.sha256(), &run.name)?;
    let receipt = execute(ctx, claim, options, differences)?;
    let written = Some(receipt.write(&run)?);
    Ok(Verified { receipt, written })
}

fn of_receipt(ctx: &Project, path: &Path, options: Options) -> anyhow::Result<Verified> {
    let theirs = Receipt::read(path)?;
    let name = path.display().to_string();
    let first = theirs.segments.first().ok_or_else(|| anyhow!("{name} has no segments"))?;
    ensure!(first.from == 0, "{name}: its first segment begins after step {}, expected 0", first.from);
    let mut differences = Vec::new();
    let mut adapters = BTreeMap::from([(0, first.before_sha256.clone())]);
    for segment in &theirs.segments {
        ensure!(
            segment.from < segment.to && segment.to <= theirs.steps,
            "{name}: a segment goes from step {} to {} of {}",
            segment.from,
            segment.to,
            theirs.steps
        );
        if adapters.get(&segment.from) != Some(&segment.before_sha256) {
            differences.push(format!(
                "the segment after step {} does not begin with the adapter in which the one before ends",
                segment.from
            ));
        }
        adapters.insert(segment.to, segment.after_sha256.clone());
    }
    let version =
        DatasetVersion::list(&ctx.project)?.into_iter().rev().find(|v| v.sha256() == theirs.dataset_sha256);
    let version = version
        .ok_or_else(|| {
            anyhow!("{name} is about the data {} with SHA-256 {}, which no version here has", theirs.dataset, theirs.dataset_sha256)
        })
        .hint("copy the folder of that version into datasets/; a version that differs in one row is another one")?;
    // Its optimiser states, where the run is here too.
    let is_theirs = |run: &Run| {
        let saved = run.saved(&ctx.ui).unwrap_or_default();
        !saved.is_empty()
            && saved.iter().all(|c| adapters.get(&c.step).is_none_or(|hash| *hash == c.adapter_sha256))
    };
    let run = Run::list(&ctx.project)?.into_iter().find(is_theirs);
    let optimizers: BTreeMap<usize, String> =
        theirs.segments.iter().filter_map(|s| Some((s.to, s.optimizer_sha256.clone()?))).collect();
    let mut states = BTreeMap::new();
    for checkpoint in run.iter().flat_map(|run| run.saved(&ctx.ui).unwrap_or_default()) {
        let adapter = file_sha256(&checkpoint.path.join(ADAPTER_FILE))?;
        let state = file_sha256(&checkpoint.path.join(OPTIMIZER_FILE))?;
        if adapter.as_ref() == adapters.get(&checkpoint.step)
            && state.is_some()
            && state.as_ref() == optimizers.get(&checkpoint.step)
        {
            states.insert(checkpoint.step, checkpoint.path);
        }
    }
    let mut config = ctx.config.clone();
    config.train = theirs.train.clone();
    config.date = theirs.date.or(config.date);
    config.model.thinking = theirs.thinking;
    let claim = Claim {
        run: theirs.run.clone(),
        config,
        version,
        base_sha256: theirs.base_sha256.clone(),
        steps: theirs.steps,
        adapters,
        optimizers,
        logged: BTreeMap::new(),
        states,
        rows_sha256: Some(theirs.rows_sha256.clone()),
        order_sha256: Some(theirs.order_sha256.clone()),
        trained_on: theirs.trained_on.clone(),
    };
    let mut receipt = execute(ctx, claim, options, differences)?;
    if !receipt.is_good() && theirs.affinage_version != receipt.affinage_version {
        receipt.differences.push(format!(
            "the receipt was made by affinage {}, this is {}: the arithmetic may have changed between them",
            theirs.affinage_version, receipt.affinage_version
        ));
    }
    receipt.checked_receipt_sha256 = file_sha256(path)?;
    let written = run.map(|run| receipt.write(&run)).transpose()?;
    Ok(Verified { receipt, written })
}

/// Errors: another program or device computed the steps, whose bits cannot be made again.
fn refuse_other_engines(run: &str, config: &Config, provenance: &Provenance) -> anyhow::Result<()> {
    let by = match &config.engine {
        Some(engine) => format!("by {} on {} in {}", engine.name.word(), engine.device, engine.precision),
        None if provenance.sha256.contains_key("handover/job.json") => {
            "by another program on another machine (`train --handover`)".to_owned()
        }
        None => return Ok(()),
    };
    Err(anyhow!("the steps of run `{run}` were computed {by}: they cannot be made again to the bit, so nothing can be checked"))
        .hint("only trainings that affinage computed itself (`train --engine cpu`) can be checked")
}

fn ensure_same(what: &str, then: &str, now: &str, run: &str) -> anyhow::Result<()> {
    match then == now {
        true => Ok(()),
        false => Err(anyhow!("run `{run}` was trained with another {what}: SHA-256 {then}, here {now}"))
            .hint("only with the same bytes can its steps be executed again"),
    }
}

fn file_sha256(path: &Path) -> anyhow::Result<Option<String>> {
    Ok(if path.is_file() { Some(sha256_hex(&fs_err::read(path)?)) } else { None })
}

/// Executes what is drawn and makes the receipt. `differences` were found before.
fn execute(
    ctx: &Project,
    claim: Claim,
    options: Options,
    mut differences: Vec<String>,
) -> anyhow::Result<Receipt> {
    let steps: Vec<usize> = claim.adapters.keys().copied().collect();
    ensure!(
        steps.len() > 1 && steps[0] == 0,
        "run `{}` has saved no checkpoint of a step that was taken: there is nothing to check",
        claim.run
    );
    let ctx = &Project { config: claim.config.clone(), ..ctx.clone() };
    let prepared = prepare(ctx, &claim.config, &claim.version, None)?;
    ensure_same("base model", &claim.base_sha256, &prepared.model.sha256, &claim.run)?;
    let plan = &prepared.plan;
    ensure!(
        plan.steps == claim.steps,
        "run `{}` has {} steps, its settings and data give {}",
        claim.run,
        claim.steps,
        plan.steps
    );
    let (rows_sha256, order_sha256) = (rows_sha256(plan), order_sha256(plan));
    for (what, claimed, found) in [
        (
            "training rows have other tokens: another tokenizer, chat template or text",
            &claim.rows_sha256,
            &rows_sha256,
        ),
        ("rows come in another order: another seed or number of rows", &claim.order_sha256, &order_sha256),
    ] {
        if claimed.as_ref().is_some_and(|claimed| claimed != found) {
            differences.push(format!("the {what}"));
        }
    }
    let mut segments: Vec<Segment> = steps
        .windows(2)
        .map(|pair| Segment {
            from: pair[0],
            to: pair[1],
            before_sha256: claim.adapters[&pair[0]].clone(),
            after_sha256: claim.adapters[&pair[1]].clone(),
            optimizer_sha256: claim.optimizers.get(&pair[1]).cloned(),
            executed: false,
        })
        .collect();
    let drawn = drawn(&segments, options.amount, options.seed);
    let stretches = stretches(&segments, &claim.states, &drawn);
    let tokens_of = |range: &std::ops::Range<usize>| {
        let steps = range.start + 1..=range.end;
        steps.flat_map(|step| plan.rows_of(step)).map(|row| plan.train[row].ids.len() as u64).sum::<u64>()
    };
    let total = stretches.iter().map(tokens_of).sum();
    let progress = ctx.ui.progress("executing steps again", total, "tokens");
    let mut steps_executed = 0;
    // What is no longer the saved adapter need not be executed to be known as wrong.
    'stretches: for stretch in stretches.iter().filter(|_| differences.is_empty()) {
        let mut at = Execution::begin(&prepared, &claim, stretch.start)?;
        if let Some(found) = at.differs(&claim, stretch.start) {
            differences.push(found);
            break;
        }
        for step in stretch.start + 1..=stretch.end {
            if interrupt::requested() {
                return Err(interrupted("stopped; no receipt was written"));
            }
            let report = at.step(plan, step)?;
            steps_executed += 1;
            progress.advance(report.tokens as u64);
            progress.note(format!("step {step}"));
            if let Some(found) = claim.logged.get(&step).and_then(|logged| logs_differ(logged, &report)) {
                differences.push(found);
                break 'stretches;
            }
            if claim.adapters.contains_key(&step) {
                if let Some(segment) = segments.iter_mut().find(|segment| segment.to == step) {
                    segment.executed = true;
                }
                if let Some(found) = at.differs(&claim, step) {
                    differences.push(found);
                    break 'stretches;
                }
            }
        }
    }
    progress.finish("");
    let outcome = if differences.is_empty() { Outcome::SameBits } else { Outcome::Differs };
    let escapes = 1.0 - drawn.len() as f64 / segments.len() as f64;
    let is_all = segments.iter().all(|segment| segment.executed);
    Ok(Receipt {
        v: 1,
        affinage_version: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: Timestamp::now(),
        machine: MachineClass::here(),
        trained_on: claim.trained_on,
        run: claim.run,
        model: prepared.model.name.clone(),
        base_sha256: prepared.model.sha256.clone(),
        dataset: plan.dataset.clone(),
        dataset_sha256: plan.dataset_sha256.clone(),
        rows_sha256,
        order_sha256,
        train: claim.config.train,
        date: claim.config.date,
        thinking: claim.config.model.thinking,
        steps: claim.steps,
        steps_executed,
        steps_saved: steps[steps.len() - 1],
        draw_seed: options.seed,
        drawn: drawn.len(),
        one_forged_segment_escapes: if is_all { 0.0 } else { escapes },
        segments,
        outcome,
        differences,
        checked_receipt_sha256: None,
    })
}

/// The segments to execute again, each with the same chance.
fn drawn(segments: &[Segment], amount: Amount, seed: u64) -> BTreeSet<usize> {
    let all = segments.len();
    let steps: usize = segments.iter().map(|segment| segment.to - segment.from).sum();
    let number = match amount {
        Amount::All => all,
        Amount::Share(share) => (share * all as f64).ceil() as usize,
        Amount::Steps(some) => (some as f64 * all as f64 / steps as f64).floor() as usize,
    };
    let mut order: Vec<usize> = (0..all).collect();
    Rng::for_purpose(seed, &["segments to execute again"]).shuffle(&mut order);
    order.into_iter().take(number.clamp(1, all)).collect()
}

/// The steps that are executed: each from a known state to the end of the last drawn segment before the next one.
fn stretches(
    segments: &[Segment],
    states: &BTreeMap<usize, PathBuf>,
    drawn: &BTreeSet<usize>,
) -> Vec<std::ops::Range<usize>> {
    let mut found: BTreeMap<usize, usize> = BTreeMap::new();
    for &i in drawn {
        let Segment { from, to, .. } = segments[i];
        let start = states.range(..=from).next_back().map_or(0, |(step, _)| *step);
        found.entry(start).and_modify(|end| *end = to.max(*end)).or_insert(to);
    }
    found.into_iter().map(|(start, end)| start..end).collect()
}

/// A training that is executed again.
struct Execution<'m>(Trainer<'m>);

impl<'m> Execution<'m> {
    /// At the stored state of `step`, or at the untrained adapter.
    fn begin(prepared: &'m Prepared, claim: &Claim, step: usize) -> anyhow::Result<Execution<'m>> {
        let Prepared { engine, plan, .. } = prepared;
        let Some(path) = claim.states.get(&step).filter(|_| step > 0) else {
            return Ok(Execution(Trainer::new(engine, plan.new_adapter(engine), plan.engine_config())));
        };
        let mut adapter = checkpoint::load_adapter(path, engine.config())?;
        let moments = checkpoint::load_moments(path, adapter.values.len())?;
        adapter.config.dropout = plan.config.dropout as f32;
        Ok(Execution(Trainer::resume(engine, adapter, moments, step as u64, plan.engine_config())))
    }

    fn step(&mut self, plan: &Plan, step: usize) -> anyhow::Result<StepReport> {
        let rows = plan.rows_of(step);
        let documents: Vec<Document> = rows.iter().map(|row| plan.document(*row)).collect();
        self.0.step(&documents).with_context(|| format!("step {step}, executed again"))
    }

    /// Why this is not the checkpoint of `step`.
    fn differs(&self, claim: &Claim, step: usize) -> Option<String> {
        let Execution(trainer) = self;
        let name = checkpoint_name(step);
        if claim.adapters.get(&step) != Some(&checkpoint::adapter_sha256(&trainer.adapter)) {
            return Some(match step {
                0 => format!(
                    "{name}: these settings begin with another adapter: another seed, rank or list of modules"
                ),
                _ => format!("{name}: the steps up to it, executed again, end in another adapter"),
            });
        }
        let optimizer = claim.optimizers.get(&step)?;
        (*optimizer != checkpoint::moments_sha256(&trainer.moments)).then(|| {
            format!("{name}: the steps up to it, executed again, end in another state of the optimiser")
        })
    }
}

/// Which figure of the log is another than that of the executed step.
fn logs_differ(logged: &TrainStep, report: &StepReport) -> Option<String> {
    let step = logged.step;
    if (logged.tokens, logged.supervised_tokens) != (report.tokens as u64, report.supervised_tokens as u64) {
        return Some(format!(
            "step {step} was taken on other rows or in another order: {} in the log, {} when executed again",
            counted(logged.tokens as usize, "token", "tokens"),
            report.tokens
        ));
    }
    // What a reader of JSON may round.
    let is_other = |a: f64, b: f64| (a - b).abs() > 1e-9 * a.abs().max(b.abs());
    let figures = [
        ("learning rate", Some(logged.learning_rate), report.learning_rate),
        ("loss", Some(logged.loss), report.loss),
        ("gradient norm", logged.grad_norm, report.grad_norm),
    ];
    figures.into_iter().find_map(|(name, logged, found)| {
        let logged = logged.filter(|logged| is_other(*logged, found))?;
        Some(format!("step {step}: the log has the {name} {logged}, executed again it is {found}"))
    })
}

/// Of every training row's tokens with what is learnt of them.
fn rows_sha256(plan: &Plan) -> String {
    let mut bytes = Vec::new();
    for row in &plan.train {
        bytes.extend((row.ids.len() as u64).to_le_bytes());
        row.ids.iter().for_each(|id| bytes.extend(id.to_le_bytes()));
        bytes.extend(row.loss_mask.iter().map(|on| u8::from(*on)));
    }
    sha256_hex(&bytes)
}

/// Of the rows of every step.
fn order_sha256(plan: &Plan) -> String {
    let mut bytes = Vec::new();
    for step in 1..=plan.steps {
        let rows = plan.rows_of(step);
        bytes.extend((rows.len() as u64).to_le_bytes());
        rows.iter().for_each(|row| bytes.extend((*row as u64).to_le_bytes()));
    }
    sha256_hex(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(ends: &[usize]) -> Vec<Segment> {
        let from = std::iter::once(0).chain(ends.iter().copied());
        from.zip(ends)
            .map(|(from, &to)| Segment {
                from,
                to,
                before_sha256: format!("{from}"),
                after_sha256: format!("{to}"),
                optimizer_sha256: None,
                executed: false,
            })
            .collect()
    }

    #[test]
    fn every_segment_is_drawn_as_often_as_another() {
        let segments = segments(&[10, 20, 30, 40, 50]);
        let mut counts = [0; 5];
        for seed in 0..2000 {
            let drawn = drawn(&segments, Amount::Share(0.4), seed);
            assert_eq!(drawn.len(), 2);
            drawn.into_iter().for_each(|i| counts[i] += 1);
        }
        // 2 of 5: 800 of 2,000, with a standard deviation of 22.
        assert!(counts.iter().all(|count| (700..900).contains(count)), "{counts:?}");
        assert_eq!(drawn(&segments, Amount::Steps(25), 1).len(), 2);
        assert_eq!(drawn(&segments, Amount::Steps(1), 1).len(), 1, "one at least");
        assert_eq!(drawn(&segments, Amount::All, 1).len(), 5);
    }

    #[test]
    fn execution_begins_at_the_nearest_state_that_is_kept() {
        let segments = segments(&[10, 20, 30, 40]);
        let kept: BTreeMap<usize, PathBuf> = [30, 40].map(|step| (step, PathBuf::new())).into();
        let of = |drawn: &[usize]| -> Vec<(usize, usize)> {
            let found = stretches(&segments, &kept, &drawn.iter().copied().collect());
            found.into_iter().map(|stretch| (stretch.start, stretch.end)).collect()
        };
        assert_eq!(of(&[3]), [(30, 40)]);
        assert_eq!(of(&[1]), [(0, 20)], "from the untrained adapter, over the segment before");
        assert_eq!(of(&[0, 2, 3]), [(0, 30), (30, 40)]);
    }
}
