//! Training steps. The caller owns the loop: which rows form a step is data, evaluation and checkpoints are visible
//! there. Beyond the adapter and the moments the step number is the only state, so a resumed run repeats an
//! uninterrupted one bit for bit.

use crate::kernels::random::{Random, combine};
use crate::lora::{Adapter, Dropout};
use crate::model::{Batch, Document, Model, Nll, Pass, Workspace};
use crate::optim::{AdamW, Moments, Schedule, clip_factor, norm};
use crate::profile::Profile;

/// How an adapter is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainConfig {
    pub optimizer: AdamW,
    pub schedule: Schedule,
    pub learning_rate: f64,
    /// LoRA+ (arXiv:2402.12354): learning rate of `lora_B` over that of `lora_A`; 1 is plain LoRA.
    pub lora_plus_ratio: f64,
    pub warmup_steps: u64,
    pub total_steps: u64,
    /// Largest gradient norm; larger gradients are scaled down to it.
    pub clip_norm: f64,
    /// Documents go through the model in groups of at most this many tokens (a longer one goes alone).
    pub micro_batch_tokens: usize,
    /// The lowest layers are run again in the backward instead of being kept: less memory, more time, the same bits.
    pub recompute_layers: usize,
    /// Key of the dropout masks.
    pub seed: u64,
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Number of the step, from 1.
    pub step: u64,
    /// NLL per supervised token before the update.
    pub loss: f64,
    pub learning_rate: f64,
    /// Gradient norm before clipping.
    pub grad_norm: f64,
    /// Input tokens, prompts included.
    pub tokens: usize,
    pub supervised_tokens: usize,
}

/// Why a step was not taken. The adapter is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error("step {step}: none of its {rows} rows has a token to learn from")]
    NothingSupervised { step: u64, rows: usize },
    #[error("step {step}: the {what} is {value}, not a finite number")]
    NotFinite { step: u64, what: &'static str, value: f64 },
}

/// A training run in memory.
pub struct Trainer<'m> {
    model: &'m Model,
    config: TrainConfig,
    pub adapter: Adapter,
    pub moments: Moments,
    /// Steps taken.
    pub step: u64,
    grad: Vec<f32>,
    space: Workspace,
}

impl<'m> Trainer<'m> {
    /// Starts from `adapter` with zero moments.
    pub fn new(model: &'m Model, adapter: Adapter, config: TrainConfig) -> Trainer<'m> {
        let moments = Moments::zeros(adapter.values.len());
        Trainer::resume(model, adapter, moments, 0, config)
    }

    /// Continues after `step` steps. Panics if the moments belong to another adapter.
    pub fn resume(
        model: &'m Model,
        adapter: Adapter,
        moments: Moments,
        step: u64,
        config: TrainConfig,
    ) -> Trainer<'m> {
        assert_eq!(moments.first.len(), adapter.values.len());
        let grad = vec![0.0; adapter.values.len()];
        let mut space = Workspace::default();
        space.recompute_layers = config.recompute_layers;
        Trainer { model, config, adapter, moments, step, grad, space }
    }

    /// One optimiser step over `documents`: gradients of sum of NLL / number of supervised tokens, clip, update.
    pub fn step(&mut self, documents: &[Document]) -> Result<StepReport, TrainError> {
        let step = self.step + 1;
        let nll = self.gradient(documents)?;
        let (loss, grad_norm) = (nll.mean(), norm(&self.grad));
        for (what, value) in [("loss", loss), ("gradient norm", grad_norm)] {
            if !value.is_finite() {
                return Err(TrainError::NotFinite { step, what, value });
            }
        }
        let config = &self.config;
        let rate = config.schedule.rate(config.learning_rate, step, config.total_steps, config.warmup_steps);
        let scale = clip_factor(grad_norm, config.clip_norm);
        for pair in &self.adapter.layout.pairs {
            for (range, rate) in [(&pair.a, rate), (&pair.b, rate * config.lora_plus_ratio)] {
                let moments =
                    (&mut self.moments.first[range.clone()], &mut self.moments.second[range.clone()]);
                let (values, grad) = (&mut self.adapter.values[range.clone()], &self.grad[range.clone()]);
                config.optimizer.update(values, grad, scale, moments, rate, step);
            }
        }
        self.step = step;
        let tokens = documents.iter().map(|document| document.ids.len()).sum();
        Ok(StepReport { step, loss, learning_rate: rate, grad_norm, tokens, supervised_tokens: nll.tokens })
    }

    /// Fills [`Trainer::last_gradient`] with the gradient at the next step, without an update.
    pub fn gradient(&mut self, documents: &[Document]) -> Result<Nll, TrainError> {
        let step = self.step + 1;
        let supervised: usize = documents.iter().map(Document::supervised).sum();
        if supervised == 0 {
            return Err(TrainError::NothingSupervised { step, rows: documents.len() });
        }
        let rate = self.adapter.config.dropout;
        let dropout = (rate > 0.0).then_some(Dropout { seed: self.config.seed, step, rate });
        self.grad.fill(0.0);
        let mut total = Nll::default();
        for group in micro_batches(documents, self.config.micro_batch_tokens) {
            let batch = Batch::pack(group);
            let scale = 1.0 / supervised as f32;
            let (space, grad) = (&mut self.space, &mut self.grad);
            let nll = self.model.loss_and_gradient(&batch, &self.adapter, dropout, scale, space, grad);
            total = Nll { sum: total.sum + nll.sum, tokens: total.tokens + nll.tokens };
        }
        Ok(total)
    }

    /// Where the time of the passes goes; [`Profile::start`] begins to measure.
    pub fn profile(&mut self) -> &mut Profile {
        &mut self.space.profile
    }

    /// The gradient of the last step before clipping, flat as the adapter's values.
    pub fn last_gradient(&self) -> &[f32] {
        &self.grad
    }
}

/// Negative log-likelihood of each document under an optional adapter.
pub fn document_nll(
    model: &Model,
    adapter: Option<&Adapter>,
    documents: &[Document],
    micro_batch_tokens: usize,
    mut progress: impl FnMut(usize),
) -> Vec<Nll> {
    let mut space = Workspace::default();
    let mut all = Vec::with_capacity(documents.len());
    for group in micro_batches(documents, micro_batch_tokens) {
        let batch = Batch::pack(group);
        all.extend(model.document_nll(&batch, Pass { adapter, dropout: None }, &mut space));
        progress(batch.tokens());
    }
    all
}

/// Consecutive groups of at most `limit` tokens; a longer document forms its own group.
pub fn micro_batches<'a, 'd>(documents: &'a [Document<'d>], limit: usize) -> Vec<&'a [Document<'d>]> {
    let lens: Vec<usize> = documents.iter().map(|document| document.ids.len()).collect();
    micro_batch_ranges(&lens, limit).into_iter().map(|group| &documents[group]).collect()
}

/// [`micro_batches`] of documents of these lengths.
pub fn micro_batch_ranges(lens: &[usize], limit: usize) -> Vec<std::ops::Range<usize>> {
    let (mut groups, mut first, mut tokens) = (Vec::new(), 0, 0);
    for (i, len) in lens.iter().enumerate() {
        if i > first && tokens + len > limit {
            groups.push(first..i);
            (first, tokens) = (i, 0);
        }
        tokens += len;
    }
    if first < lens.len() {
        groups.push(first..lens.len());
    }
    groups
}

/// Steps of one epoch over `rows` rows; the last one may be short.
pub fn steps_per_epoch(rows: usize, rows_per_step: usize) -> u64 {
    rows.div_ceil(rows_per_step) as u64
}

/// The rows of update `step` (from 1): each epoch is a fresh random order, a pure function of `(seed, epoch)`.
pub fn rows_of_step(seed: u64, rows: usize, rows_per_step: usize, step: u64) -> Vec<usize> {
    let per_epoch = steps_per_epoch(rows, rows_per_step);
    let (epoch, within) = ((step - 1) / per_epoch, ((step - 1) % per_epoch) as usize);
    let order = Random::new(combine(seed, 0x006f_7264_6572), epoch).permutation(rows);
    order.into_iter().skip(within * rows_per_step).take(rows_per_step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_comes_once_an_epoch_in_an_order_of_its_own() {
        let epoch = |epoch: u64| -> Vec<usize> {
            (1..=4).flat_map(|step| rows_of_step(42, 10, 3, epoch * 4 + step)).collect()
        };
        assert_eq!(steps_per_epoch(10, 3), 4);
        let (first, second) = (epoch(0), epoch(1));
        assert_ne!(first, second);
        for mut rows in [first, second] {
            rows.sort_unstable();
            assert_eq!(rows, (0..10).collect::<Vec<_>>());
        }
    }

    #[test]
    fn micro_batches_keep_order_and_limit() {
        let (ids, mask) = (vec![0u32; 50], vec![false; 50]);
        let lens = [10, 20, 30, 50, 5, 5];
        let documents: Vec<Document> = lens
            .iter()
            .enumerate()
            .map(|(i, len)| Document { row_id: i as u64, ids: &ids[..*len], loss_mask: &mask[..*len] })
            .collect();
        let groups: Vec<Vec<u64>> =
            micro_batches(&documents, 40).iter().map(|g| g.iter().map(|d| d.row_id).collect()).collect();
        assert_eq!(groups, [vec![0, 1], vec![2], vec![3], vec![4, 5]]);
    }
}
