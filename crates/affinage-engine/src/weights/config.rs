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
/// Far above that of any known model. Lists of layers grow with it.
const MAX_LAYERS: usize = 4096;
/// Dimensions above this are nonsense; below it no product of two of them overflows.
const MAX_DIMENSION: usize = 1 << 30;

/// The model families whose arithmetic is implemented. A family is data: what it computes stands in [`ModelConfig`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    Llama,
    Mistral,
    Qwen2,
    Qwen3,
    Gemma3,
    SmolLm3,
    Granite,
    Olmo2,
    Phi3,
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
    pub norms: BlockNorms,
    pub activation: Activation,
    /// Whether q, k and v are rows of one matrix, and gate and up of another.
    pub fused_projections: bool,
    pub rope: Rope,
    /// Values of each head of q and k that are rotated: the first ones.
    pub rotary_dim: usize,
    /// The rotation of the layers whose attention slides, where it is another one than `rope`.
    pub sliding_rope: Option<Rope>,
    /// Layers whose queries and keys are not rotated, in rising order.
    pub layers_without_rope: Vec<usize>,
    pub tie_word_embeddings: bool,
    /// Biases on the q, k and v projections; no other projection has one.
    pub qkv_bias: bool,
    /// RMS norms of q and k, before the rotation.
    pub qk_norm: Option<QkNorm>,
    /// The factor of the scores of attention.
    pub attention_scale: f32,
    /// The factor of the embeddings.
    pub embedding_scale: f32,
    /// The factor of what attention and MLP add to the residual stream.
    pub residual_scale: f32,
    /// What logits are divided by.
    pub logits_divisor: f32,
    pub max_position_embeddings: usize,
    /// Tokens that a layer of `sliding_layers` attends to: the last one and those right before it.
    pub sliding_window: Option<usize>,
    /// Layers whose attention slides, in rising order; empty exactly where there is no window.
    pub sliding_layers: Vec<usize>,
    /// Every id that ends generation; may be empty for a model that names none.
    pub eos_token_ids: Vec<u32>,
    pub bos_token_id: Option<u32>,
}

/// Where the RMS norms of a layer stand: at the inputs of attention and MLP, at their outputs, or at both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockNorms {
    Before,
    After,
    Around,
}

/// What an RMS norm of q and k is taken over: each head, or the whole projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum QkNorm {
    Head,
    Projection,
}

/// The function of the gate in the MLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Activation {
    #[serde(rename = "silu")]
    Silu,
    #[serde(rename = "gelu_pytorch_tanh")]
    GeluTanh,
}

/// Rotary position embedding over the first `rotary_dim` values of a head, half-split layout (`x[j]` pairs with
/// `x[j + rotary_dim / 2]`).
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Rope {
    pub theta: f64,
    pub scaling: Option<RopeScaling>,
}

/// How frequencies are changed for longer contexts.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(tag = "rope_type", rename_all = "lowercase")]
pub enum RopeScaling {
    /// All divided by `factor`.
    Linear {
        factor: f64,
    },
    Llama3(Llama3Scaling),
    LongRope(LongRopeScaling),
}

/// The frequency scaling of Llama 3.1 and later (`rope_type: llama3`).
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Llama3Scaling {
    pub factor: f64,
    pub low_freq_factor: f64,
    pub high_freq_factor: f64,
    pub original_max_position_embeddings: usize,
}

/// The frequency scaling of Phi-3 (`rope_type: longrope`, arXiv:2402.13753).
///
/// A sequence longer than `original_max_position_embeddings` has other frequencies from its first token on, so what was
/// computed of a shorter one does not hold for it. Such sequences are not computed here: see [`ModelConfig::max_positions`].
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct LongRopeScaling {
    /// What each frequency is divided by.
    pub short_factor: Vec<f32>,
    /// The same for longer sequences; kept for exports.
    pub long_factor: Vec<f32>,
    /// What rotated values are multiplied by.
    pub attention_factor: f32,
    pub original_max_position_embeddings: usize,
}

impl LongRopeScaling {
    /// What transformers multiplies by where a file does not say, for a context that is `factor` times the original one.
    pub(crate) fn default_attention_factor(factor: f64, original: usize) -> f32 {
        if factor > 1.0 { (1.0 + factor.ln() / (original as f64).ln()).sqrt() as f32 } else { 1.0 }
    }
}

impl Family {
    pub const ALL: [Family; 9] = [
        Family::Llama,
        Family::Mistral,
        Family::Qwen2,
        Family::Qwen3,
        Family::Gemma3,
        Family::SmolLm3,
        Family::Granite,
        Family::Olmo2,
        Family::Phi3,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Family::Llama => "llama",
            Family::Mistral => "mistral",
            Family::Qwen2 => "qwen2",
            Family::Qwen3 => "qwen3",
            Family::Gemma3 => "gemma3",
            Family::SmolLm3 => "smollm3",
            Family::Granite => "granite",
            Family::Olmo2 => "olmo2",
            Family::Phi3 => "phi3",
        }
    }

    /// `model_type` and class in config.json.
    pub(crate) fn transformers_names(self) -> (&'static str, &'static str) {
        match self {
            Family::Llama => ("llama", "LlamaForCausalLM"),
            Family::Mistral => ("mistral", "MistralForCausalLM"),
            Family::Qwen2 => ("qwen2", "Qwen2ForCausalLM"),
            Family::Qwen3 => ("qwen3", "Qwen3ForCausalLM"),
            Family::Gemma3 => ("gemma3_text", "Gemma3ForCausalLM"),
            Family::SmolLm3 => ("smollm3", "SmolLM3ForCausalLM"),
            Family::Granite => ("granite", "GraniteForCausalLM"),
            Family::Olmo2 => ("olmo2", "Olmo2ForCausalLM"),
            Family::Phi3 => ("phi3", "Phi3ForCausalLM"),
        }
    }

    /// `general.architecture` of GGUF files: the arithmetic of Mistral is that of Llama.
    pub(crate) fn gguf_architecture(self) -> &'static str {
        match self {
            Family::Llama | Family::Mistral => "llama",
            other => other.name(),
        }
    }

    /// Whether GGUF files interleave the two halves of each head of q and k.
    pub(crate) fn gguf_interleaves(self) -> bool {
        matches!(self, Family::Llama | Family::Mistral | Family::SmolLm3 | Family::Granite)
    }

    /// `llama, mistral, ...`
    pub(super) fn supported() -> String {
        Family::ALL.map(Family::name).join(", ")
    }

    /// What to say of a model of another kind: what is supported, and the relative that works.
    pub(super) fn supported_beside(kind: &str) -> String {
        const MISTRAL: &str = "Mistral 7B, such as mistralai/Mistral-7B-Instruct-v0.3";
        const LLAMA: &str = "Llama 3.2, such as meta-llama/Llama-3.2-1B-Instruct";
        let relatives = [
            ("gemma", "Gemma 3, such as google/gemma-3-1b-it"),
            ("qwen", "Qwen3, such as Qwen/Qwen3-0.6B"),
            ("llama", LLAMA),
            ("mllama", LLAMA),
            ("smol", "SmolLM3, HuggingFaceTB/SmolLM3-3B"),
            ("granite", "Granite 3.3, such as ibm-granite/granite-3.3-2b-instruct"),
            ("olmo", "OLMo 2, such as allenai/OLMo-2-0425-1B-Instruct"),
            ("phi", "Phi-4-mini, microsoft/Phi-4-mini-instruct"),
            ("lfm2", "Qwen3, such as Qwen/Qwen3-0.6B"),
            ("mistral", MISTRAL),
            ("ministral", MISTRAL),
            ("mixtral", MISTRAL),
        ];
        let relative = relatives.iter().find(|(prefix, _)| kind.starts_with(prefix)).map(|(_, model)| *model);
        let supported = Family::supported();
        match relative {
            Some(relative) => format!("{supported}; the nearest that works is {relative}"),
            None => supported,
        }
    }

    /// What the layout of Hugging Face stores of the weight of an RMS norm is this much less than what it multiplies by.
    pub(crate) fn norm_shift(self) -> f32 {
        match self {
            Family::Gemma3 => 1.0,
            _ => 0.0,
        }
    }

    /// Where the norms of its layers stand.
    pub(super) fn norms(self) -> BlockNorms {
        match self {
            Family::Gemma3 => BlockNorms::Around,
            Family::Olmo2 => BlockNorms::After,
            _ => BlockNorms::Before,
        }
    }

    pub(super) fn qk_norm(self) -> Option<QkNorm> {
        match self {
            Family::Qwen3 | Family::Gemma3 => Some(QkNorm::Head),
            Family::Olmo2 => Some(QkNorm::Projection),
            _ => None,
        }
    }

    /// Whether its files have q, k and v in one matrix, and gate and up in another.
    pub(crate) fn has_fused_projections(self) -> bool {
        self == Family::Phi3
    }

    pub(super) fn activation(self) -> Activation {
        match self {
            Family::Gemma3 => Activation::GeluTanh,
            _ => Activation::Silu,
        }
    }

    /// The layers that are not rotated: the last of every `interval` of SmolLM3.
    pub(crate) fn layers_without_rope(self, layers: usize, interval: usize) -> Vec<usize> {
        match self {
            Family::SmolLm3 => (0..layers).filter(|layer| (layer + 1).is_multiple_of(interval)).collect(),
            _ => Vec::new(),
        }
    }

    /// The layers of Gemma 3 whose attention slides: all but the last of every `pattern`, 6 where a file does not say.
    pub(crate) fn sliding_layers(self, layers: usize, pattern: Option<usize>) -> Vec<usize> {
        match self {
            Family::Gemma3 => {
                (0..layers).filter(|layer| !(layer + 1).is_multiple_of(pattern.unwrap_or(6))).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Activation {
    /// As config.json names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Activation::Silu => "silu",
            Activation::GeluTanh => "gelu_pytorch_tanh",
        }
    }
}

impl BlockNorms {
    /// The names of the norms in a layer: `[at the input, at the output]` of attention and of the MLP.
    pub(crate) fn names(self) -> [[Option<&'static str>; 2]; 2] {
        let (input, attention) = (Some("input_layernorm"), Some("post_attention_layernorm"));
        let feedforward = Some("post_feedforward_layernorm");
        match self {
            BlockNorms::Before => [[input, None], [attention, None]],
            BlockNorms::After => [[None, attention], [None, feedforward]],
            BlockNorms::Around => [[input, attention], [Some("pre_feedforward_layernorm"), feedforward]],
        }
    }
}

/// The square root of the width, rounded as the embeddings are that it multiplies: to f32 here.
pub(crate) fn gemma_embedding_scale(hidden_size: usize) -> f32 {
    (hidden_size as f64).sqrt() as f32
}

/// `1 / sqrt(n)`, the scale of attention over heads of `n` values.
pub(crate) fn inverse_root(n: f32) -> f32 {
    n.sqrt().recip()
}

impl ModelConfig {
    /// Reads and checks the config.json (and generation_config.json) of a folder, without any weights.
    pub fn read(folder: &Path) -> Result<ModelConfig, LoadError> {
        super::config_json::read_config(folder).map(|(config, _)| config)
    }

    /// The longest sequence that is computed exactly.
    pub fn max_positions(&self) -> usize {
        self.max_position_embeddings.min(self.original_positions()).min(MAX_POSITIONS)
    }

    /// The longest sequence before the context was made longer by other frequencies.
    pub(crate) fn original_positions(&self) -> usize {
        match &self.rope.scaling {
            Some(RopeScaling::LongRope(scaling)) => scaling.original_max_position_embeddings,
            _ => self.max_position_embeddings,
        }
    }

    /// The window of a layer whose attention slides.
    pub fn window(&self, layer: usize) -> Option<usize> {
        self.sliding_window.filter(|_| self.sliding_layers.contains(&layer))
    }

    /// The rotation of a layer, if it has one.
    pub fn rope_of(&self, layer: usize) -> Option<&Rope> {
        if self.layers_without_rope.contains(&layer) {
            return None;
        }
        let sliding = self.sliding_rope.as_ref().filter(|_| self.sliding_layers.contains(&layer));
        Some(sliding.unwrap_or(&self.rope))
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
        let norms = self.norms.names().into_iter().flatten().flatten();
        let qk = self.qk_norm.map(|over| match over {
            QkNorm::Head => [self.head_dim; 2],
            QkNorm::Projection => [q, kv],
        });
        ends.chain((0..self.layers).flat_map(move |layer| {
            let at = move |part: &str| format!("model.layers.{layer}.{part}");
            let norms = norms.clone().map(move |name| (at(&format!("{name}.weight")), vec![hidden]));
            let (one, fused) = (!self.fused_projections, self.fused_projections);
            let parts = [
                ("self_attn.q_proj.weight", one.then(|| vec![q, hidden])),
                ("self_attn.k_proj.weight", one.then(|| vec![kv, hidden])),
                ("self_attn.v_proj.weight", one.then(|| vec![kv, hidden])),
                ("self_attn.qkv_proj.weight", fused.then(|| vec![q + 2 * kv, hidden])),
                ("self_attn.o_proj.weight", Some(vec![hidden, q])),
                ("self_attn.q_proj.bias", self.qkv_bias.then(|| vec![q])),
                ("self_attn.k_proj.bias", self.qkv_bias.then(|| vec![kv])),
                ("self_attn.v_proj.bias", self.qkv_bias.then(|| vec![kv])),
                ("self_attn.q_norm.weight", qk.map(|[q, _]| vec![q])),
                ("self_attn.k_norm.weight", qk.map(|[_, k]| vec![k])),
                ("mlp.gate_proj.weight", one.then(|| vec![self.intermediate_size, hidden])),
                ("mlp.up_proj.weight", one.then(|| vec![self.intermediate_size, hidden])),
                ("mlp.gate_up_proj.weight", fused.then(|| vec![2 * self.intermediate_size, hidden])),
                ("mlp.down_proj.weight", Some(vec![hidden, self.intermediate_size])),
            ];
            norms.chain(parts.into_iter().filter_map(move |(part, shape)| Some((at(part), shape?))))
        }))
    }

    /// Lists of layers are made only of so many.
    pub(super) fn check_layers(path: &Path, layers: usize) -> Result<(), LoadError> {
        if !(1..=MAX_LAYERS).contains(&layers) {
            let expected = format!("1 to {MAX_LAYERS}");
            return Err(LoadError::malformed(path, "number of layers", expected, layers));
        }
        Ok(())
    }

    /// The numbers must make sense together before anything is computed from them.
    pub(super) fn check(&self, path: &Path) -> Result<(), LoadError> {
        let dimensions = [
            ("vocabulary size", self.vocab_size),
            ("hidden size", self.hidden_size),
            ("feed-forward size", self.intermediate_size),
            ("number of heads", self.heads),
            ("number of key-value heads", self.kv_heads),
            ("head size", self.head_dim),
            ("number of positions", self.max_position_embeddings),
            ("sliding window", self.sliding_window.unwrap_or(1)),
        ];
        Self::check_layers(path, self.layers)?;
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
        if !self.rotary_dim.is_multiple_of(2) || !(2..=self.head_dim).contains(&self.rotary_dim) {
            let expected = format!("an even number from 2 to the {} of a head", self.head_dim);
            return Err(LoadError::malformed(path, "rotated part of a head", expected, self.rotary_dim));
        }
        if let Some(RopeScaling::LongRope(scaling)) = &self.rope.scaling {
            scaling.check(path, self.rotary_dim)?;
        }
        if !(self.rms_norm_eps.is_finite() && self.rms_norm_eps > 0.0) {
            return Err(LoadError::malformed(
                path,
                "RMS norm epsilon",
                "a positive number",
                self.rms_norm_eps,
            ));
        }
        for rope in std::iter::once(&self.rope).chain(&self.sliding_rope) {
            if !(rope.theta.is_finite() && rope.theta > 1.0) {
                return Err(LoadError::malformed(path, "rope theta", "a number above 1", rope.theta));
            }
        }
        let factors = [
            ("attention scale", self.attention_scale),
            ("embedding scale", self.embedding_scale),
            ("residual scale", self.residual_scale),
            ("logits divisor", self.logits_divisor),
        ];
        if let Some((what, value)) = factors.into_iter().find(|(_, x)| !(x.is_finite() && *x > 0.0)) {
            return Err(LoadError::malformed(path, what, "a positive number", value));
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
    /// The angle per position of each of the `rotary_dim / 2` rotations, in radians.
    ///
    /// Rounded to f32 where the reference rounds: at position 1000 one unit in the last place of a frequency turns a
    /// head by 6e-5, which gradients show.
    ///
    /// Source: transformers `ROPE_INIT_FUNCTIONS["default"]`, `["linear"]`, `["llama3"]` and `["longrope"]`.
    pub fn inverse_frequencies(&self, rotary_dim: usize) -> Vec<f64> {
        (0..rotary_dim / 2)
            .map(|j| {
                let exponent = (2 * j) as f32 / rotary_dim as f32;
                let wavelength = self.theta.powf(f64::from(exponent)) as f32;
                let frequency = f64::from(wavelength.recip());
                match &self.scaling {
                    Some(RopeScaling::Linear { factor }) => f64::from(frequency as f32 / *factor as f32),
                    Some(RopeScaling::Llama3(scaling)) => scaling.scale(frequency),
                    Some(RopeScaling::LongRope(scaling)) => {
                        f64::from((scaling.short_factor[j] * wavelength).recip())
                    }
                    None => frequency,
                }
            })
            .collect()
    }

    /// What rotated values are multiplied by.
    pub fn attention_factor(&self) -> f32 {
        match &self.scaling {
            Some(RopeScaling::LongRope(scaling)) => scaling.attention_factor,
            _ => 1.0,
        }
    }
}

impl LongRopeScaling {
    fn check(&self, path: &Path, rotary_dim: usize) -> Result<(), LoadError> {
        let positive = |factor: &f32| factor.is_finite() && *factor > 0.0;
        for (what, factors) in
            [("rope short_factor", &self.short_factor), ("rope long_factor", &self.long_factor)]
        {
            if factors.len() != rotary_dim / 2 || !factors.iter().all(positive) {
                let expected = format!("{} positive numbers", rotary_dim / 2);
                let found = match factors.iter().find(|factor| !positive(factor)) {
                    Some(factor) => factor.to_string(),
                    None => format!("{} numbers", factors.len()),
                };
                return Err(LoadError::malformed(path, what, expected, found));
            }
        }
        if !positive(&self.attention_factor) {
            let expected = "a positive number";
            return Err(LoadError::malformed(path, "rope attention factor", expected, self.attention_factor));
        }
        if self.original_max_position_embeddings < 2 {
            let (what, found) =
                ("rope original_max_position_embeddings", self.original_max_position_embeddings);
            return Err(LoadError::malformed(path, what, "at least 2", found));
        }
        Ok(())
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
