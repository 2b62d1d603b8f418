//! The head: logits only where they are needed, in chunks of rows, never all at once.

use super::{Batch, KvCache, Model, Pass, Sequences, Workspace};
use crate::kernels::arch::gemm::{Left, Output, View};
use crate::kernels::arch::thread_team;
use crate::kernels::loss::{cross_entropy_backward, log_sum_exp};
use crate::kernels::norm::{rms_norm, rms_norm_backward};
use crate::lora::{PackedAdapter, Place};
use rayon::prelude::*;
use std::ops::Range;

/// Bytes of logits that exist at the same time: 176 rows of a vocabulary of 49152.
const LOGITS_BYTES: usize = 176 * 49152 * 4;
/// Columns of logits that meet the head's weights at once on the way back: their packed copy stays in cache.
const COLUMNS: usize = 4096;

/// Up to so many new rows, the sections of a forward are so short that the threads stay awake between them.
const TEAM_ROWS: usize = 32;

/// A sequence with tokens that its cache does not hold yet.
pub struct Continued<'a> {
    pub ids: &'a [u32],
    pub cache: &'a mut KvCache,
    pub adapter: Option<&'a PackedAdapter>,
}

/// Negative log-likelihood over some supervised tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Nll {
    /// Sum over the tokens, in nats.
    pub sum: f64,
    pub tokens: usize,
}

impl Nll {
    /// Mean for each token; NaN without tokens.
    pub fn mean(self) -> f64 {
        self.sum / self.tokens as f64
    }
}

impl Model {
    /// Forward and backward over `batch`: adds the gradient of `scale * sum of NLL` to `grad` and returns the NLL.
    pub fn loss_and_gradient(
        &self,
        batch: &Batch,
        adapter: &crate::lora::Adapter,
        dropout: Option<crate::lora::Dropout>,
        scale: f32,
        space: &mut Workspace,
        grad: &mut [f32],
    ) -> Nll {
        assert_eq!(grad.len(), adapter.values.len());
        let pass = Pass { adapter: Some(adapter), dropout };
        space.profile.skip();
        self.forward_saving(batch, pass, space);
        let mut dx = vec![0.0; space.x.len()];
        let sum = self.head_backward(batch, scale, &mut dx, space);
        self.backward(batch, adapter, dropout, space, &mut dx, grad);
        Nll { sum, tokens: batch.supervised_tokens() }
    }

    /// Negative log-likelihood of each document's supervised tokens.
    pub fn document_nll(&self, batch: &Batch, pass: Pass, space: &mut Workspace) -> Vec<Nll> {
        let documents = Sequences::Documents(&batch.documents);
        self.forward_only(&batch.ids, &batch.places, pass, documents, space);
        let rows: Vec<usize> = batch.targets.iter().map(|(row, _)| *row).collect();
        let mut token_nll = Vec::with_capacity(rows.len());
        self.for_logits(&space.x, &rows, |first, logits| {
            let targets = &batch.targets[first..];
            let vocab = self.config.vocab_size;
            token_nll.par_extend(
                logits
                    .par_chunks(vocab)
                    .zip(targets)
                    .map(|(row, (_, id))| log_sum_exp(row) - row[*id as usize] as f64),
            );
        });
        let sum = |range: &std::ops::Range<usize>| Nll {
            sum: token_nll[range.clone()].iter().sum(),
            tokens: range.len(),
        };
        batch.target_ranges.iter().map(sum).collect()
    }

    /// Logits after every token of `ids`, `[ids, vocab]`: for tests and for looking at a model.
    pub fn logits(&self, ids: &[u32], pass: Pass) -> Vec<f32> {
        let batch = Batch::pack(&[super::Document { row_id: 0, ids, loss_mask: &vec![false; ids.len()] }]);
        let mut space = Workspace::default();
        let documents = Sequences::Documents(&batch.documents);
        self.forward_only(&batch.ids, &batch.places, pass, documents, &mut space);
        let mut all = Vec::with_capacity(ids.len() * self.config.vocab_size);
        let rows: Vec<usize> = (0..ids.len()).collect();
        self.for_logits(&space.x, &rows, |_, logits| all.extend_from_slice(logits));
        all
    }

    /// Continues sequences by new tokens and returns the logits after the last new token of each, `[sequences, vocab]`.
    ///
    /// All rows meet the frozen weights in one product; neighbours with the same adapter share its branch. Panics if a
    /// sequence has no new token or outgrows its cache.
    pub fn forward_cached(&self, sequences: &mut [Continued], space: &mut Workspace) -> Vec<f32> {
        let rows: usize = sequences.iter().map(|sequence| sequence.ids.len()).sum();
        if rows <= TEAM_ROWS {
            thread_team::gather(|| self.continue_sequences(sequences, space))
        } else {
            // Inside the pool the hundreds of products need not put the calling thread to sleep and wake it.
            rayon::scope(|_| self.continue_sequences(sequences, space))
        }
    }

    fn continue_sequences(&self, sequences: &mut [Continued], space: &mut Workspace) -> Vec<f32> {
        space.profile.skip();
        let (mut ids, mut places, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        let mut adapters: Vec<(Range<usize>, &PackedAdapter)> = Vec::new();
        for Continued { ids: new, cache, adapter } in sequences.iter_mut() {
            assert!(!new.is_empty(), "a sequence without new tokens");
            let rows = ids.len()..ids.len() + new.len();
            ids.extend_from_slice(new);
            let start = cache.len as u32;
            places.extend((0..new.len() as u32).map(|i| Place { row_id: 0, position: start + i }));
            match (adapters.last_mut(), *adapter) {
                (_, None) => {}
                (Some((last, same)), Some(adapter))
                    if last.end == rows.start && std::ptr::eq(*same, adapter) =>
                {
                    last.end = rows.end;
                }
                (_, Some(adapter)) => adapters.push((rows.clone(), adapter)),
            }
            parts.push((rows, &mut **cache));
        }
        let rows: Vec<usize> = parts.iter().map(|(rows, _)| rows.end - 1).collect();
        self.forward_only(&ids, &places, Pass::default(), Sequences::Cached(&mut parts, &adapters), space);
        let mut all = Vec::with_capacity(rows.len() * self.config.vocab_size);
        self.for_logits(&space.x, &rows, |_, logits| all.extend_from_slice(logits));
        space.profile.lap("head forward");
        all
    }

    /// Calls `use_logits(index of the first row, logits [rows, vocab])` for chunks of `rows` of `x`.
    fn for_logits(&self, x: &[f32], rows: &[usize], mut use_logits: impl FnMut(usize, &[f32])) {
        let (hidden, vocab) = (self.config.hidden_size, self.config.vocab_size);
        let mut logits = Vec::new();
        let rows_at_once = rows_at_once(vocab);
        for (chunk, rows) in rows.chunks(rows_at_once).enumerate() {
            let (normed, _, _) = self.final_norm(x, rows);
            logits.resize(rows.len() * vocab, 0.0);
            let left = Left::pack(View::rows(&normed, rows.len(), hidden, hidden), self.logits_scale());
            self.head.forward(&left, &mut logits, vocab, Output::Overwrite);
            use_logits(chunk * rows_at_once, &logits);
        }
    }

    /// The factor of all logits; 1 changes no bit.
    fn logits_scale(&self) -> f32 {
        self.config.logits_divisor.recip()
    }

    /// The final norm of some rows of `x`: `(normed, gathered, inv_rms)`.
    fn final_norm(&self, x: &[f32], rows: &[usize]) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let hidden = self.config.hidden_size;
        let gathered: Vec<f32> =
            rows.iter().flat_map(|row| &x[row * hidden..(row + 1) * hidden]).copied().collect();
        let (mut normed, mut inv_rms) = (vec![0.0; gathered.len()], vec![0.0; rows.len()]);
        rms_norm(&mut normed, &mut inv_rms, &gathered, &self.norm, self.config.rms_norm_eps);
        (normed, gathered, inv_rms)
    }

    /// Writes the gradient of `scale * sum of NLL` at the last layer's output to `dx` and returns the sum.
    fn head_backward(&self, batch: &Batch, scale: f32, dx: &mut [f32], space: &mut Workspace) -> f64 {
        let (hidden, vocab) = (self.config.hidden_size, self.config.vocab_size);
        let Workspace { x, logits, profile, .. } = space;
        let mut total = 0.0;
        for targets in batch.targets.chunks(rows_at_once(vocab)) {
            let rows: Vec<usize> = targets.iter().map(|(row, _)| *row).collect();
            let (normed, gathered, inv_rms) = self.final_norm(x, &rows);
            logits.resize(logits.len().max(rows.len() * vocab), 0.0);
            let logits = &mut logits[..rows.len() * vocab];
            let left = Left::pack(View::rows(&normed, rows.len(), hidden, hidden), self.logits_scale());
            self.head.forward(&left, logits, vocab, Output::Overwrite);
            drop(left);
            profile.lap("head forward");
            let nll: Vec<f64> = logits
                .par_chunks_mut(vocab)
                .zip(targets)
                .map(|(row, (_, id))| cross_entropy_backward(row, *id as usize, scale))
                .collect();
            total += nll.iter().sum::<f64>();
            profile.lap("loss");
            let mut dnormed = normed;
            dnormed.fill(0.0);
            for first in (0..vocab).step_by(COLUMNS) {
                let columns = first..vocab.min(first + COLUMNS);
                let part = View::rows(&logits[first..], rows.len(), columns.len(), vocab);
                let left = Left::pack(part, self.logits_scale());
                self.head.backward_part(columns, &left, &mut dnormed);
            }
            profile.lap("head backward");
            let mut dgathered = vec![0.0; gathered.len()];
            rms_norm_backward(&mut dgathered, &dnormed, &gathered, &self.norm, &inv_rms);
            for (row, values) in rows.iter().zip(dgathered.chunks_exact(hidden)) {
                dx[row * hidden..(row + 1) * hidden].copy_from_slice(values);
            }
        }
        total
    }
}

/// Rows whose logits are computed at once.
pub(super) fn rows_at_once(vocab: usize) -> usize {
    (LOGITS_BYTES / (4 * vocab)).max(16)
}
