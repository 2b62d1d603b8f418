//! A dose-response study: every cell is a training of its own with a finished schedule, registered like any other; one
//! evaluation compares their last steps on the same prompts.
//!
//! Nothing is done twice: a cell whose run is finished is kept, a stopped one goes on.

mod study;

use std::collections::BTreeMap;

use affinage_engine::model::Model;
use serde::Serialize;

use crate::client::Leave;
use crate::folder::config::Config;
use crate::folder::project::Project;
use crate::folder::run::Run;
use crate::model::LoadedModel;
use crate::stages::evaluation::{FixedEvaluation, answers};
use crate::stages::freeze::refuse_private;
use crate::stages::training::{Ahead, Calibration, Trained, TrainingRun, trained_before};
pub use study::{Cell, Study};

/// Trains every cell that is not trained yet. Returns the runs in the order of the cells.
pub fn train(ctx: &Project, model: &LoadedModel, engine: &Model, study: &Study) -> anyhow::Result<Vec<Run>> {
    let cells = study.cells();
    let mut trained = Vec::new();
    for (number, cell) in cells.iter().enumerate() {
        ctx.ui.say(format!("{}/{}  {}", number + 1, cells.len(), cell.arm));
        trained.push(train_cell(ctx, model, engine, study, cell)?);
    }
    Ok(trained)
}

/// Plans the evaluation of the study and fills it: the fit to the held-out texts and, where `leave` says what may leave this
/// machine, the answers that judges will compare. `ctx` has the study's own evaluation ([`Study::eval_config`]).
pub fn answer(
    ctx: &Project,
    (model, mut engine): (&LoadedModel, Model),
    study: &Study,
    trained: &[Run],
    leave: Option<&Leave>,
) -> anyhow::Result<()> {
    let (plan, prompts) = study.evaluation(ctx, model, &study.cells(), trained)?;
    ctx.ui.during("preparing the model", || engine.pack());
    let evaluation = FixedEvaluation::fix(ctx, plan, prompts)?;
    let nobody_else = BTreeMap::new();
    match leave {
        Some(leave) => answers::fill(ctx, model, engine, &evaluation, &nobody_else, leave),
        None => evaluation.score_likelihood(ctx, model, &engine, &nobody_else),
    }
}

/// The finished run of a cell: an earlier one, the rest of a stopped one, or a new one.
fn train_cell(
    ctx: &Project,
    model: &LoadedModel,
    engine: &Model,
    study: &Study,
    cell: &Cell,
) -> anyhow::Result<Run> {
    let config = Config { train: cell.train.clone(), ..ctx.config.clone() };
    let ctx = &ctx.with_config(config);
    let before = trained_before(ctx, study.version(cell))?;
    if let Some(Trained::Finished(run)) = before {
        ctx.ui.say(format!("{} is finished", run.name));
        return Ok(run);
    }
    refuse_private(ctx, study.version(cell), study.conversations(cell))?;
    let mut plan = study.plan(cell)?;
    plan.fit_memory(engine)?;
    let training = match before {
        Some(Trained::Stopped(run)) => TrainingRun::resume(ctx, model, engine, &plan, run, None)?,
        _ => TrainingRun::create(ctx, model, engine, &plan, None)?,
    };
    training.go()
}

/// What the trainings of a study take, from a short calibration.
#[derive(Serialize)]
pub struct Estimate {
    pub v: u32,
    pub cells: Vec<EstimatedCell>,
    /// Input tokens of the trainings that are not finished.
    pub tokens: u64,
    pub tokens_per_s: f64,
    pub seconds: f64,
    /// Passes over the validation rows.
    #[serde(skip)]
    pub evaluations: usize,
}

/// One training of it.
#[derive(Serialize)]
pub struct EstimatedCell {
    pub arm: String,
    pub rows: usize,
    pub supervised_tokens: u64,
    pub steps: usize,
    pub tokens: u64,
    pub is_finished: bool,
}

/// Measures how long the trainings that are not finished take.
pub fn estimate(ctx: &Project, engine: &Model, study: &Study) -> anyhow::Result<Estimate> {
    let mut estimated = Vec::new();
    let (mut largest, mut evaluations) = (None, 0);
    for cell in &study.cells() {
        let config = Config { train: cell.train.clone(), ..ctx.config.clone() };
        let of_cell = ctx.with_config(config);
        let is_finished =
            matches!(trained_before(&of_cell, study.version(cell))?, Some(Trained::Finished(_)));
        let plan = study.plan(cell)?;
        if !is_finished {
            evaluations += Ahead::all(&plan).evaluations;
        }
        estimated.push(EstimatedCell {
            arm: cell.arm.clone(),
            rows: plan.train.len(),
            supervised_tokens: plan.supervised_tokens(),
            steps: plan.steps,
            tokens: plan.tokens(),
            is_finished,
        });
        largest = Some(plan);
    }
    let mut plan = largest.expect("a study has cells");
    plan.fit_memory(engine)?;
    let tokens = estimated.iter().filter(|cell| !cell.is_finished).map(|cell| cell.tokens).sum();
    let calibration = Calibration::of(ctx, engine, &plan)?;
    let tokens_per_s = calibration.tokens_per_s;
    let seconds = calibration.time(Ahead { tokens, evaluations }).as_secs_f64();
    Ok(Estimate { v: 1, cells: estimated, tokens, tokens_per_s, seconds, evaluations })
}
