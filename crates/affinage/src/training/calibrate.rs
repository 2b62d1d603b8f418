//! Speed and memory of a training, measured on a few of its rows before it begins.

use std::time::{Duration, Instant};

use affinage_engine::model::{Document, Model};
use affinage_engine::train::{Trainer, document_nll, micro_batch_ranges};

use super::document;
use super::pace::{Ahead, Pace};
use super::plan::Plan;
use crate::machine;
use crate::ui::Ui;

/// Steps whose micro-batches stand for all.
const LOOKED_AT: usize = 64;

/// What was measured.
pub struct Calibration {
    pub tokens_per_s: f64,
    /// On how many tokens.
    pub tokens: usize,
    /// One evaluation of all validation rows; zero without any.
    pub evaluation_s: f64,
}

impl Calibration {
    /// Nothing is updated or written. A step over the largest micro-batch shows the memory, a gradient over one of middle
    /// size the speed of training, and the loss of some validation rows the speed of an evaluation.
    pub fn measure(engine: &Model, plan: &Plan, ui: &Ui) -> anyhow::Result<Calibration> {
        let mut trainer = Trainer::new(engine, plan.new_adapter(engine), plan.engine_config());
        let documents = |rows: &[usize]| -> Vec<Document> {
            rows.iter().map(|row| document(*row, &plan.train[*row])).collect()
        };
        machine::reset_peak_rss();
        // The step touches the moments too; its adapter is thrown away.
        let largest = plan.largest_micro_batch();
        ui.during("measuring memory on the longest rows", || trainer.step(&documents(&largest)))?;
        let middle = plan.middle_micro_batch();
        let documents = documents(&middle);
        let tokens: usize = documents.iter().map(|document| document.ids.len()).sum();
        let began = Instant::now();
        ui.during("measuring speed", || trainer.gradient(&documents))?;
        let tokens_per_s = tokens as f64 / began.elapsed().as_secs_f64();
        let evaluation_s = ui.during("measuring an evaluation", || evaluation_s(engine, &trainer, plan));
        Ok(Calibration { tokens_per_s, tokens, evaluation_s })
    }

    /// How long `ahead` takes at this speed.
    pub fn time(&self, ahead: Ahead) -> Duration {
        let mut pace = Pace::default();
        pace.step(self.tokens as u64, self.tokens as f64 / self.tokens_per_s);
        pace.evaluated(self.evaluation_s);
        pace.left(ahead).unwrap_or_default()
    }
}

/// Seconds of a pass over all validation rows, from a group of middle size.
fn evaluation_s(engine: &Model, trainer: &Trainer, plan: &Plan) -> f64 {
    let lens: Vec<usize> = plan.validation.iter().map(|row| row.ids.len()).collect();
    let limit = plan.config.micro_batch_tokens;
    let mut groups = micro_batch_ranges(&lens, limit);
    groups.sort_by_key(|group| lens[group.clone()].iter().sum::<usize>());
    let Some(middle) = groups.get(groups.len() / 2) else { return 0.0 };
    let rows = middle.clone().map(|row| document(row, &plan.validation[row]));
    let documents: Vec<Document> = rows.collect();
    let began = Instant::now();
    document_nll(engine, Some(&trainer.adapter), &documents, limit, |_| {});
    let tokens: usize = lens[middle.clone()].iter().sum();
    began.elapsed().as_secs_f64() * lens.iter().sum::<usize>() as f64 / tokens as f64
}

impl Plan {
    /// Rows of a micro-batch of middle size among those of the first steps.
    fn middle_micro_batch(&self) -> Vec<usize> {
        let len = |row: &usize| self.train[*row].ids.len();
        let mut batches: Vec<Vec<usize>> = Vec::new();
        for step in 1..=self.steps.min(LOOKED_AT) {
            let rows = self.rows_of(step);
            let lens: Vec<usize> = rows.iter().map(len).collect();
            let groups = micro_batch_ranges(&lens, self.config.micro_batch_tokens);
            batches.extend(groups.into_iter().map(|group| rows[group].to_vec()));
        }
        batches.sort_by_cached_key(|rows| rows.iter().map(len).sum::<usize>());
        let middle = batches.len() / 2;
        batches.into_iter().nth(middle).unwrap_or_default()
    }
}
