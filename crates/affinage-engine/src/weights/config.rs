//! What a decoder looks like: the numbers of `config.json`, or of the metadata of a GGUF file.
//!
//! Everything that would change the arithmetic and is not implemented is refused by name here, so that
//! no model can load and then be computed wrongly.

use std::path::Path;

use super::error::LoadError;

/// The most positions that sequences have; far beyond any training row on a laptop.
const MAX_POSITIONS: usize = 32_768;
/// Four times that of any known model. The rotation table grows with it.
const MAX_HEAD_DIM: usize = 1024;
/// Dimensions above this are nonsense; below it no product of two of them overflows.
const MAX_DIMENSION: usize = 1 << 30;

/// The model families whose arithmetic is implemented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    Llama,
    Mistral,
    Qwen2,
    Qwen3,
}

/// The shape and the constants of one decoder.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ModelConfig {
    pub family: Family,
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub rms_norm_eps: f32,
    pub rope: Rope,
    pub tie_word_embeddings: bool,
    /// Biases on the q, k and v projections; no other projection has one.
    pub qkv_bias: bool,
    /// An RMS norm over each head of q and k, before the rotation.
    pub qk_norm: bool,
    pub max_position_embeddings: usize,
    /// Tokens that some layer attends to at most. Up to that length attention is full, and no longer sequence is taken.
    pub sliding_window: Option<usize>,
    /// Every id that ends generation; may be empty for a model that names none.
    pub eos_token_ids: Vec<u32>,
    pub bos_token_id: Option<u32>,
}

/// Rotary position embedding over the whole head, half-split layout (`x[j]` pairs with `x[j + head_dim / 2]`).
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Rope {
    pub theta: f64,
    pub scaling: Option<Llama3Scaling>,
}

/// The frequency scaling of Llama 3.1 and later (`rope_type: llama3`).
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Llama3Scaling {
    pub factor: f64,
    pub low_freq_factor: f64,
    pub high_freq_factor: f64,
    pub original_max_position_embeddings: usize,
}

impl Family {
    pub(super) const SUPPORTED: &str = "llama, mistral, qwen2, qwen3";

    pub fn name(self) -> &'static str {
        match self {
            Family::Llama => "llama",
            Family::Mistral => "mistral",
            Family::Qwen2 => "qwen2",
            Family::Qwen3 => "qwen3",
        }
    }
}

impl ModelConfig {
    /// Reads and checks the config.json (and generation_config.json) of a folder, without any weights.
    pub fn read(folder: &Path) -> Result<ModelConfig, LoadError> {
        super::folder::read_config(folder)
    }

    /// The longest sequence that is computed exactly.
    pub fn max_positions(&self) -> usize {
        self.max_position_embeddings.min(self.sliding_window.unwrap_or(MAX_POSITIONS)).min(MAX_POSITIONS)
    }

    /// Every tensor a decoder of this shape has, with its row-major shape. Lazy, because a hostile file
    /// may claim any number of layers.
    pub(super) fn expected_tensors(&self) -> impl Iterator<Item = (String, Vec<usize>)> + '_ {
        let (hidden, q, kv) = (self.hidden_size, self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let ends = [
            ("model.embed_tokens.weight", Some(vec![self.vocab_size, hidden])),
            ("model.norm.weight", Some(vec![hidden])),
            ("lm_head.weight", (!self.tie_word_embeddings).then(|| vec![self.vocab_size, hidden])),
        ];
        let ends = ends.into_iter().filter_map(|(name, shape)| Some((name.to_owned(), shape?)));
        ends.chain((0..self.layers).flat_map(move |layer| {
            let parts = [
                ("input_layernorm.weight", Some(vec![hidden])),
                ("self_attn.q_proj.weight", Some(vec![q, hidden])),
                ("self_attn.k_proj.weight", Some(vec![kv, hidden])),
                ("self_attn.v_proj.weight", Some(vec![kv, hidden])),
                ("self_attn.o_proj.weight", Some(vec![hidden, q])),
                ("self_attn.q_proj.bias", self.qkv_bias.then(|| vec![q])),
                ("self_attn.k_proj.bias", self.qkv_bias.then(|| vec![kv])),
                ("self_attn.v_proj.bias", self.qkv_bias.then(|| vec![kv])),
                ("self_attn.q_norm.weight", self.qk_norm.then(|| vec![self.head_dim])),
                ("self_attn.k_norm.weight", self.qk_norm.then(|| vec![self.head_dim])),
                ("post_attention_layernorm.weight", Some(vec![hidden])),
                ("mlp.gate_proj.weight", Some(vec![self.intermediate_size, hidden])),
                ("mlp.up_proj.weight", Some(vec![self.intermediate_size, hidden])),
                ("mlp.down_proj.weight", Some(vec![hidden, self.intermediate_size])),
            ];
            parts
                .into_iter()
                .filter_map(move |(part, shape)| Some((format!("model.layers.{layer}.{part}"), shape?)))
        }))
    }

    /// The numbers must make sense together before anything is computed from them.
    pub(super) fn check(&self, path: &Path) -> Result<(), LoadError> {
        let dimensions = [
            ("vocabulary size", self.vocab_size),
            ("hidden size", self.hidden_size),
            ("feed-forward size", self.intermediate_size),
            ("number of layers", self.layers),
            ("number of heads", self.heads),
            ("number of key-value heads", self.kv_heads),
            ("head size", self.head_dim),
            ("number of positions", self.max_position_embeddings),
            ("sliding window", self.sliding_window.unwrap_or(1)),
        ];
        for (what, value) in dimensions {
            if !(1..=MAX_DIMENSION).contains(&value) {
                let expected = format!("1 to {MAX_DIMENSION}");
                return Err(LoadError::malformed(path, what, expected, value));
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            let expected = format!("a divisor of the {} heads", self.heads);
            return Err(LoadError::malformed(path, "number of key-value heads", expected, self.kv_heads));
        }
        if !self.head_dim.is_multiple_of(2) || self.head_dim > MAX_HEAD_DIM {
            let expected = format!("an even number up to {MAX_HEAD_DIM}");
            return Err(LoadError::malformed(path, "head size", expected, self.head_dim));
        }
        if !(self.rms_norm_eps.is_finite() && self.rms_norm_eps > 0.0) {
            return Err(LoadError::malformed(
                path,
                "RMS norm epsilon",
                "a positive number",
                self.rms_norm_eps,
            ));
        }
        if !(self.rope.theta.is_finite() && self.rope.theta > 1.0) {
            return Err(LoadError::malformed(path, "rope theta", "a number above 1", self.rope.theta));
        }
        let ids = self.eos_token_ids.iter().chain(&self.bos_token_id);
        if let Some(id) = ids.into_iter().find(|&&id| id as usize >= self.vocab_size) {
            let expected = format!("below the vocabulary size {}", self.vocab_size);
            return Err(LoadError::malformed(path, "an end or begin token", expected, id));
        }
        Ok(())
    }
}

impl Rope {
    /// The angle per position of each of the `head_dim / 2` rotations, in radians.
    ///
    /// Rounded to f32 where the reference rounds: at position 1000 one unit in the last place of a frequency turns a
    /// head by 6e-5, which gradients show.
    ///
    /// Source: transformers `ROPE_INIT_FUNCTIONS["default"]` and `["llama3"]`.
    pub fn inverse_frequencies(&self, head_dim: usize) -> Vec<f64> {
        (0..head_dim / 2)
            .map(|j| {
                let exponent = (2 * j) as f32 / head_dim as f32;
                let frequency = f64::from((self.theta.powf(f64::from(exponent)) as f32).recip());
                match &self.scaling {
                    Some(scaling) => scaling.scale(frequency),
                    None => frequency,
                }
            })
            .collect()
    }
}

impl Llama3Scaling {
    /// Long waves are slowed down by `factor`, short ones are kept, those between are blended.
    fn scale(&self, frequency: f64) -> f64 {
        let turns = self.original_max_position_embeddings as f64 * frequency / (2.0 * std::f64::consts::PI);
        let kept = (turns - self.low_freq_factor) / (self.high_freq_factor - self.low_freq_factor);
        let kept = kept.clamp(0.0, 1.0);
        frequency * (kept + (1.0 - kept) / self.factor)
    }
}
