//! What a training step keeps in memory, and what it can compute again instead.

use super::head::rows_at_once;
use crate::kernels::attention::Heads;
use crate::lora::Adapter;
use crate::weights::{BlockNorms, ModelConfig};

/// Bytes of a training step over some tokens at once, the mapped weights not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingMemory {
    pub layers: usize,
    /// What the backward of one layer needs.
    pub layer_bytes: usize,
    /// The input of one layer: what is kept of a layer that is run again.
    pub input_bytes: usize,
    /// Buffers that all layers share, logits, adapter, gradient and moments.
    pub shared_bytes: usize,
}

impl TrainingMemory {
    /// Bytes when the lowest `recomputed` layers are run again in the backward.
    pub fn bytes(&self, recomputed: usize) -> usize {
        let again = if recomputed > 0 { self.layer_bytes } else { 0 };
        self.shared_bytes
            + (self.layers - recomputed) * self.layer_bytes
            + recomputed * self.input_bytes
            + again
    }

    /// The fewest layers to be run again so that a step takes at most `budget` bytes; `None` if all are too few.
    pub fn recomputed_within(&self, budget: usize) -> Option<usize> {
        (0..=self.layers).find(|recomputed| self.bytes(*recomputed) <= budget)
    }
}

impl TrainingMemory {
    /// What a step needs for micro-batches of at most `tokens` tokens, of which `supervised` carry loss.
    pub fn of(config: &ModelConfig, adapter: &Adapter, tokens: usize, supervised: usize) -> TrainingMemory {
        let heads = Heads { heads: config.heads, kv_heads: config.kv_heads, head_dim: config.head_dim };
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let (width, q_width) = (heads.qkv_width(), heads.q_width());
        let all_heads = heads.heads + heads.kv_heads;
        let normed_heads = if config.qk_norm.is_some() { q_width + heads.kv_width() + all_heads } else { 0 };
        let normed_outputs = if config.norms == BlockNorms::Before { 0 } else { 2 * (hidden + 1) };
        let ranks = adapter.layout.pairs.iter().map(|pair| pair.rank).sum::<usize>() / config.layers;
        let kept = 2 * hidden
            + width
            + q_width
            + 2 * inner
            + heads.heads
            + 2
            + normed_heads
            + normed_outputs
            + ranks;
        // x, dx, normed, dnormed, gradient of a block's output; inner, dinner and a packed left side; dqkv; dattention; gradients of attention
        // before they are added up.
        let buffers = 5 * hidden + 3 * inner + width + q_width + 6 * q_width;
        let rows = rows_at_once(config.vocab_size).min(supervised);
        let head = rows * (config.vocab_size + 4 * hidden);
        TrainingMemory {
            layers: config.layers,
            layer_bytes: 4 * tokens * kept,
            input_bytes: 4 * tokens * hidden,
            shared_bytes: 4 * (tokens * buffers + head + 4 * adapter.values.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_layers_within_the_budget_are_run_again() {
        let memory = TrainingMemory { layers: 4, layer_bytes: 100, input_bytes: 10, shared_bytes: 50 };
        assert_eq!(memory.bytes(0), 450);
        assert_eq!(memory.bytes(2), 50 + 200 + 20 + 100); // one layer's room is needed to run layers again
        let chosen: Vec<_> = [450, 449, 370, 190, 189].map(|b| memory.recomputed_within(b)).to_vec();
        assert_eq!(chosen, [Some(0), Some(2), Some(2), Some(4), None]);
    }
}
