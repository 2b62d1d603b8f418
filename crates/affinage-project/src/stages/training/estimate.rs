//! What a training will take, before it is begun.

use std::time::Duration;

use affinage_engine::model::Model;
use serde::Serialize;

use super::{Ahead, Calibration, MemoryPlan, Plan, Workload, multiply_rate, time_within};
use crate::folder::events::LongRow;
use crate::folder::project::Project;
use crate::stages::external::{Offer, Start, offers};
use crate::stages::lengths::{Needs, Spread, limit};

/// What a training will do and take, told by the speed of this machine.
#[derive(Serialize)]
pub struct Estimate<'a> {
    pub v: u32,
    pub rows: usize,
    pub steps: usize,
    pub tokens: u64,
    pub supervised_share: f64,
    pub longest_row_tokens: usize,
    /// Rows that are longer than the training takes.
    pub left_out: &'a [LongRow],
    /// So many tokens would keep 99 % of all rows whole, and so many all.
    pub keeps_most_tokens: usize,
    pub keeps_all_tokens: usize,
    /// About what a training of each would take, where the model has so many positions; `seconds` where nothing is left out.
    pub keeps_most_seconds: f64,
    pub keeps_all_seconds: f64,
    pub tokens_per_s: f64,
    /// Passes over the validation rows, the one before the first step included.
    pub evaluations: usize,
    /// Each of them.
    pub evaluation_s: f64,
    /// Training and evaluations.
    pub seconds: f64,
    #[serde(flatten)]
    pub memory: MemoryPlan,
    /// Other engines that are here or fit the machine.
    pub engines: Vec<Offer>,
    /// Tokens on which the speed was measured.
    #[serde(skip)]
    pub measured_tokens: usize,
}

impl<'a> Estimate<'a> {
    /// The speed of the plan as [`Calibration::of`] tells it for this program, measured for some seconds and on each other engine that is here.
    pub fn measure(start: &Start<'a>, memory: &MemoryPlan) -> anyhow::Result<Self> {
        let Start { ctx, engine, plan, .. } = *start;
        let calibration = Calibration::of(ctx, engine, plan)?;
        let Calibration { tokens_per_s, tokens, evaluation_s, .. } = calibration;
        let ahead = Ahead::all(plan);
        let longest = plan.train.iter().map(|row| row.ids.len()).max().unwrap_or(0);
        let spread = plan.spread().unwrap_or(Spread { keeps_most: longest, longest });
        let all: usize = plan.train.iter().map(|row| row.ids.len()).sum();
        let time = calibration.time(ahead);
        let within = time_within(plan, engine.config(), time);
        Ok(Estimate {
            v: 1,
            rows: plan.train.len(),
            steps: plan.steps,
            tokens: plan.tokens(),
            supervised_share: plan.supervised_tokens() as f64 / all as f64,
            longest_row_tokens: longest,
            left_out: &plan.left_out,
            keeps_most_tokens: spread.keeps_most,
            keeps_all_tokens: spread.longest,
            keeps_most_seconds: within(spread.keeps_most).as_secs_f64(),
            keeps_all_seconds: within(spread.longest).as_secs_f64(),
            tokens_per_s,
            evaluations: ahead.evaluations,
            evaluation_s,
            seconds: time.as_secs_f64(),
            memory: *memory,
            engines: offers(start),
            measured_tokens: tokens,
        })
    }
}

/// Tells which length would take the rows that are left out, and what memory and time it needs;
/// nothing where none is left out. `measured` is how long the training
/// takes as it is; without it that is told from this machine's multiply, in about a second.
pub fn propose_length(
    ctx: &Project,
    engine: &Model,
    (plan, memory): (&Plan, &MemoryPlan),
    measured: Option<Duration>,
) {
    let Some(spread) = plan.spread().filter(|_| !plan.left_out.is_empty()) else { return };
    let model = engine.config();
    let now = measured.unwrap_or_else(|| {
        let rate = ctx.ui.during("measuring this machine", multiply_rate);
        let seconds = Workload::within(plan, 0).seconds(&plan.config, model, rate);
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    });
    let time = time_within(plan, model, now);
    let needs = |tokens| Needs { peak_bytes: plan.peak_within(model, tokens, memory), time: time(tokens) };
    let limit = limit(&plan.config, model);
    if let Some(proposal) = spread.proposal(limit, engine.max_positions(), Some(&needs)) {
        ctx.ui.say(proposal);
    }
}
