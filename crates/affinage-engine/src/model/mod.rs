//! The decoder: embedding, layers, final norm, head. Families differ in data, not in code.
//!
//! Tensor names equal checkpoint names. [`Model::forward`] keeps what [`Model::backward`] needs in a [`Workspace`];
//! [`Model::forward_cached`] continues sequences over their caches, bit-identical to a whole forward.

mod batch;
mod head;
mod layer;
mod memory;
mod residual;

pub use batch::{Batch, Document};
pub use head::{Continued, Nll};
use layer::Sequences;
pub use layer::{Pass, Workspace};
pub use memory::TrainingMemory;
use residual::Residual;

use crate::kernels::arch::gemm::{Left, Output, Packed, Right};
use crate::kernels::arch::narrow::Narrow;
use crate::kernels::attention::{Attention, Heads, LayerCache};
use crate::kernels::rope::RopeTable;
use crate::weights::{LoadError, Matrix, ModelConfig, QkNorm, Rope, Weights};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// A weight packed once for the forward direction.
enum Panels {
    Narrow(Narrow),
    Full(Packed),
}

/// A frozen linear layer.
pub struct Linear {
    matrix: Matrix,
    packed: Option<Panels>,
    bias: Option<Vec<f32>>,
}

impl Linear {
    fn load(weights: &Weights, name: &str) -> Result<Linear, LoadError> {
        let bias = format!("{name}.bias");
        let bias = if weights.has(&bias) { Some(weights.vector(&bias)?) } else { None };
        Ok(Linear { matrix: weights.matrix(&format!("{name}.weight"))?, packed: None, bias })
    }

    /// Some rows of the matrix `name`, which has no bias.
    fn load_rows(weights: &Weights, name: &str, rows: Range<usize>) -> Result<Linear, LoadError> {
        let matrix = weights.matrix(&format!("{name}.weight"))?.part(rows);
        Ok(Linear { matrix, packed: None, bias: None })
    }

    /// `out (+)= x W^T (+ bias)`; rows of `out` are `stride` apart.
    fn forward(&self, x: &Left, out: &mut [f32], stride: usize, output: Output) {
        let right = match &self.packed {
            Some(Panels::Narrow(panels)) => Right::Narrow(panels),
            Some(Panels::Full(panels)) => panels.whole(),
            None => Right::Transposed(&self.matrix),
        };
        x.multiply(right, out, stride, output);
        if let Some(bias) = &self.bias {
            for row in out.chunks_mut(stride) {
                row.iter_mut().zip(bias).for_each(|(out, bias)| *out += bias);
            }
        }
    }

    /// `dx += dout W`, or `dx = dout W` with [`Output::Overwrite`].
    fn backward(&self, dout: &Left, dx: &mut [f32], output: Output) {
        dout.multiply(Right::Plain(&self.matrix), dx, self.matrix.cols(), output);
    }

    /// `dx += dout W` for some rows of `W`, which are the columns of `dout`.
    fn backward_part(&self, rows: Range<usize>, dout: &Left, dx: &mut [f32]) {
        dout.multiply(Right::Plain(&self.matrix.part(rows)), dx, self.matrix.cols(), Output::Accumulate);
    }

    fn pack(&mut self) {
        self.packed.get_or_insert_with(|| match Narrow::new(&self.matrix) {
            Some(panels) => Panels::Narrow(panels),
            None => Panels::Full(Packed::new(Right::Transposed(&self.matrix))),
        });
    }
}

/// One decoder layer: its weights, and how it attends.
struct Layer {
    attention: Attention,
    rope: Option<Arc<RopeTable>>,
    /// How attention and MLP read the residual stream and add to it.
    attention_ends: Residual,
    mlp_ends: Residual,
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    /// Norms of q and of k: groups of columns that are normed each by itself, and the weight of a group.
    qk_norms: Option<[(usize, Vec<f32>); 2]>,
    o_proj: Linear,
    gate_proj: Linear,
    up_proj: Linear,
    down_proj: Linear,
}

impl Layer {
    fn load(weights: &Weights, layer: usize, rope: Option<Arc<RopeTable>>) -> Result<Layer, LoadError> {
        let config = weights.config();
        let heads = Heads { heads: config.heads, kv_heads: config.kv_heads, head_dim: config.head_dim };
        let window = config.window(layer).unwrap_or(usize::MAX);
        let at = |part: &str| format!("model.layers.{layer}.{part}");
        let linear = |part: &str| Linear::load(weights, &at(part));
        // Of a projection that is rows of another matrix in some models.
        let rows = |part: &str, whole: &str, first: usize, len: usize| match config.fused_projections {
            true => Linear::load_rows(weights, &at(whole), first..first + len),
            false => linear(part),
        };
        let (q, kv, inner) = (heads.q_width(), heads.kv_width(), config.intermediate_size);
        let norm = |name: &str| weights.vector(&at(&format!("{name}.weight")));
        let ends = |[before, after]: [Option<&str>; 2]| {
            let (before, after) = (before.map(norm).transpose()?, after.map(norm).transpose()?);
            Ok(Residual { before, after, scale: config.residual_scale, eps: config.rms_norm_eps })
        };
        let [attention_norms, mlp_norms] = config.norms.names();
        let qk_groups = config.qk_norm.map(|over| match over {
            QkNorm::Head => [config.heads, config.kv_heads],
            QkNorm::Projection => [1, 1],
        });
        Ok(Layer {
            attention: Attention { heads, scale: config.attention_scale, window },
            rope,
            attention_ends: ends(attention_norms)?,
            mlp_ends: ends(mlp_norms)?,
            q_proj: rows("self_attn.q_proj", "self_attn.qkv_proj", 0, q)?,
            k_proj: rows("self_attn.k_proj", "self_attn.qkv_proj", q, kv)?,
            v_proj: rows("self_attn.v_proj", "self_attn.qkv_proj", q + kv, kv)?,
            qk_norms: match qk_groups {
                Some([q, k]) => Some([(q, norm("self_attn.q_norm")?), (k, norm("self_attn.k_norm")?)]),
                None => None,
            },
            o_proj: linear("self_attn.o_proj")?,
            gate_proj: rows("mlp.gate_proj", "mlp.gate_up_proj", 0, inner)?,
            up_proj: rows("mlp.up_proj", "mlp.gate_up_proj", inner, inner)?,
            down_proj: linear("mlp.down_proj")?,
        })
    }
}

/// A frozen decoder.
pub struct Model {
    config: ModelConfig,
    heads: Heads,
    embed: Matrix,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    head: Linear,
}

/// Keys and values of one sequence in every layer.
pub struct KvCache {
    layers: Vec<LayerCache>,
    len: usize,
    capacity: usize,
}

impl KvCache {
    /// Tokens in the cache.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the sequence has not begun.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Tokens that fit.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Forgets all tokens from `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Takes over the tokens of another cache of the same model. Panics if they do not fit or this one has begun.
    fn take_over(&mut self, from: &KvCache) {
        assert!(self.is_empty() && from.len <= self.capacity);
        for (layer, from_layer) in self.layers.iter_mut().zip(&from.layers) {
            layer.copy(from_layer, from.len);
        }
        self.len = from.len;
    }
}

impl Model {
    /// Opens the decoder in `weights`. Nothing is copied but norms and biases. Errors if a weight is not finite.
    pub fn load(weights: &Weights) -> Result<Model, LoadError> {
        weights.check_finite()?;
        let config = weights.config().clone();
        let table = |rope: &Rope| {
            let inv_freq = rope.inverse_frequencies(config.rotary_dim).into_iter().map(|f| f as f32);
            let (inv_freq, factor) = (inv_freq.collect::<Vec<f32>>(), rope.attention_factor());
            Arc::new(RopeTable::new(&inv_freq, config.head_dim, factor, config.max_positions()))
        };
        let tables: Vec<(&Rope, Arc<RopeTable>)> = std::iter::once(&config.rope)
            .chain(&config.sliding_rope)
            .map(|rope| (rope, table(rope)))
            .collect();
        let rope_of = |layer: usize| {
            let rope = config.rope_of(layer)?;
            tables.iter().find(|(known, _)| *known == rope).map(|(_, table)| table.clone())
        };
        let load = |layer: usize| Layer::load(weights, layer, rope_of(layer));
        let head = if config.tie_word_embeddings { "model.embed_tokens" } else { "lm_head" };
        Ok(Model {
            heads: Heads { heads: config.heads, kv_heads: config.kv_heads, head_dim: config.head_dim },
            embed: weights.matrix("model.embed_tokens.weight")?,
            layers: (0..config.layers).map(load).collect::<Result<_, _>>()?,
            norm: weights.vector("model.norm.weight")?,
            head: Linear::load(weights, head)?,
            config,
        })
    }

    /// The shape of the decoder.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The longest document or sequence.
    pub fn max_positions(&self) -> usize {
        self.config.max_positions()
    }

    /// Lays all weights out once for the many small products of generation, in about the width they are stored in.
    pub fn pack(&mut self) {
        self.layers.par_iter_mut().for_each(|layer| {
            let Layer { q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, .. } = layer;
            [q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj]
                .into_iter()
                .for_each(Linear::pack);
        });
        self.head.pack();
    }

    /// An empty cache for a sequence of at most `capacity` tokens.
    pub fn new_cache(&self, capacity: usize) -> KvCache {
        let layers = self.layers.iter().map(|_| LayerCache::new(self.heads, capacity)).collect();
        KvCache { layers, len: 0, capacity }
    }

    /// A cache of `capacity` tokens that begins with the tokens of `prefix`. Panics if they do not fit.
    pub fn continue_cache(&self, prefix: &KvCache, capacity: usize) -> KvCache {
        let mut cache = self.new_cache(capacity);
        cache.take_over(prefix);
        cache
    }

    /// Embeddings of `ids` into `out` `[ids, hidden]`. Panics if an id is outside the vocabulary.
    fn embed(&self, ids: &[u32], out: &mut Vec<f32>) {
        let hidden = self.config.hidden_size;
        out.resize(ids.len() * hidden, 0.0);
        for (row, id) in out.chunks_exact_mut(hidden).zip(ids) {
            self.embed.read_row(*id as usize, 0..hidden, row);
        }
        if self.config.embedding_scale != 1.0 {
            out.iter_mut().for_each(|value| *value *= self.config.embedding_scale);
        }
    }
}
