//! Who computes the steps of a run: this process, or a worker with another engine.

use std::path::Path;

use affinage_engine::lora::Adapter;
use affinage_engine::model::{Document, Model, Nll};
use affinage_engine::optim::Moments;
use affinage_engine::train::{StepReport, Trainer, document_nll, micro_batch_ranges};

use super::document;
use super::plan::Plan;
use crate::observer::Observer;
use crate::stages::external::Worker;
use crate::{interrupt, machine};

/// Validation tokens that a worker scores at once: between two pieces a request to stop is seen.
const SCORED_AT_ONCE: usize = 8192;

pub(super) enum Hands<'a> {
    Here(Box<Trainer<'a>>),
    Away(Box<Worker>),
}

impl<'a> Hands<'a> {
    /// `worker` goes on where these are; the run in `run` keeps what it writes to standard error.
    pub(super) fn given_to(self, mut worker: Worker, run: &Path) -> anyhow::Result<Hands<'a>> {
        let Hands::Here(trainer) = self else { return Ok(self) };
        worker.keep_log(run)?;
        let Trainer { adapter, moments, step, .. } = *trainer;
        worker.take_over(adapter, moments, step)?;
        Ok(Hands::Away(Box::new(worker)))
    }

    /// Steps taken.
    pub(super) fn step(&self) -> usize {
        match self {
            Hands::Here(trainer) => trainer.step as usize,
            Hands::Away(worker) => worker.step() as usize,
        }
    }

    /// Errors: a [`TrainError`](affinage_engine::train::TrainError) where the step was not taken; the worker has died.
    pub(super) fn take_step(&mut self, plan: &Plan, rows: &[usize]) -> anyhow::Result<StepReport> {
        let documents: Vec<Document> = rows.iter().map(|row| document(*row, &plan.train[*row])).collect();
        match self {
            Hands::Here(trainer) => Ok(trainer.step(&documents)?),
            Hands::Away(worker) => worker.take_step(&plan.engine_config(), rows, &documents),
        }
    }

    /// Summed loss of the validation rows; `None` after Ctrl-C.
    pub(super) fn score(
        &mut self,
        engine: &Model,
        plan: &Plan,
        ui: &dyn Observer,
    ) -> anyhow::Result<Option<Nll>> {
        let rows = plan.validation.iter().enumerate();
        let documents: Vec<Document> = rows.map(|(row, example)| document(row, example)).collect();
        let lens: Vec<usize> = documents.iter().map(|document| document.ids.len()).collect();
        let progress = ui.late_progress("validation", lens.iter().sum::<usize>() as u64, "tokens");
        let limit = plan.config.micro_batch_tokens;
        let at_once = match self {
            Hands::Here(_) => limit,
            Hands::Away(_) => limit.max(SCORED_AT_ONCE),
        };
        let mut total = Nll::default();
        for group in micro_batch_ranges(&lens, at_once) {
            if interrupt::requested() {
                return Ok(None);
            }
            let scored = match self {
                Hands::Here(trainer) => {
                    let (adapter, rows) = (Some(&trainer.adapter), &documents[group]);
                    let nll = document_nll(engine, adapter, rows, limit, |n| progress.advance(n as u64));
                    nll.iter()
                        .fold(Nll::default(), |a, b| Nll { sum: a.sum + b.sum, tokens: a.tokens + b.tokens })
                }
                Hands::Away(worker) => {
                    let sum = worker.score(group.clone())?;
                    let rows = &documents[group];
                    progress.advance(rows.iter().map(|row| row.ids.len() as u64).sum());
                    Nll { sum, tokens: rows.iter().map(Document::supervised).sum() }
                }
            };
            total = Nll { sum: total.sum + scored.sum, tokens: total.tokens + scored.tokens };
        }
        Ok(Some(total))
    }

    /// Makes [`Self::state`] that of the step.
    pub(super) fn bring(&mut self) -> anyhow::Result<()> {
        match self {
            Hands::Here(_) => Ok(()),
            Hands::Away(worker) => worker.bring(),
        }
    }

    /// The adapter and its moments as they were brought last.
    pub(super) fn state(&self) -> (&Adapter, &Moments) {
        match self {
            Hands::Here(trainer) => (&trainer.adapter, &trainer.moments),
            Hands::Away(worker) => worker.state(),
        }
    }

    /// Memory of whoever computes, at its highest.
    pub(super) fn peak_bytes(&self) -> Option<u64> {
        match self {
            Hands::Here(_) => machine::peak_rss_bytes(),
            Hands::Away(worker) => worker.peak_bytes(),
        }
    }
}
