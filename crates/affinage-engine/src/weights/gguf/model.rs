//! What the metadata and tensor names of a GGUF file mean for a decoder.
//!
//! Source: ggml `docs/gguf.md`, llama.cpp `convert_hf_to_gguf.py` (names, the interleaving of q and k
//! rows for the llama architecture, and the `rope_freqs` factors of Llama 3.1 and later) and `src/models` (what files of
//! an architecture do not say: windows and scale of Gemma 3, the layers of SmolLM3 without rotation).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use super::{GgufMetadata, GgufTensor, GgufValue};
use crate::weights::config::{
    Family, Llama3Scaling, LongRopeScaling, ModelConfig, Rope, RopeScaling, gemma_embedding_scale,
    inverse_root,
};
use crate::weights::error::LoadError;
use crate::weights::matrix::RowOrder;
use crate::weights::quant::DType;
use crate::weights::stored::StoredTensor;

/// The factors per rotation that Llama 3.1 and later store instead of the scaling parameters.
const ROPE_FACTORS: &str = "rope_freqs.weight";
/// Those of Phi-3 for sequences up to the original length, and for longer ones.
pub(crate) const LONG_ROPE_FACTORS: [&str; 2] = ["rope_factors_short.weight", "rope_factors_long.weight"];
const ROPE_FACTOR_TOLERANCE: f64 = 1e-4; // they are stored as f32 and computed in f32

pub(in crate::weights) struct GgufModel {
    pub config: ModelConfig,
    pub metadata: GgufMetadata,
    pub tensors: BTreeMap<String, StoredTensor>,
}

pub(in crate::weights) fn open(path: &Path, map: &Arc<Mmap>) -> Result<GgufModel, LoadError> {
    let (metadata, table) = super::read(path, map.clone())?;
    if let Some(kind) = metadata.string("general.type")?
        && kind != "model"
    {
        return Err(LoadError::unsupported(path, "general.type", kind, "model"));
    }
    let config = Reader::new(path, &metadata)?.config(&table, map)?;
    let mut tensors = BTreeMap::new();
    for tensor in table {
        if tensor.name == ROPE_FACTORS || LONG_ROPE_FACTORS.contains(&&*tensor.name) {
            continue;
        }
        let name = canonical_name(&tensor.name, config.family).ok_or_else(|| LoadError::UnknownTensor {
            path: path.to_owned(),
            tensor: tensor.name.clone(),
            family: config.family.name(),
        })?;
        let order = row_order(&name, &config);
        let GgufTensor { shape, dtype, start, .. } = tensor;
        let tensor = StoredTensor { shape, dtype, start, map: map.clone(), order, shift: 0.0 };
        if tensors.insert(name.clone(), tensor).is_some() {
            let name = gguf_name(&name, config.family).unwrap_or(name);
            return Err(LoadError::malformed(path, format!("tensor `{name}`"), "one", "two"));
        }
    }
    Ok(GgufModel { config, metadata, tensors })
}

/// `blk.3.attn_q.weight` -> `model.layers.3.self_attn.q_proj.weight`.
pub(super) fn canonical_name(name: &str, family: Family) -> Option<String> {
    match name {
        "token_embd.weight" => return Some("model.embed_tokens.weight".to_owned()),
        "output_norm.weight" => return Some("model.norm.weight".to_owned()),
        "output.weight" => return Some("lm_head.weight".to_owned()),
        _ => {}
    }
    let (layer, rest) = name.strip_prefix("blk.")?.split_once('.')?;
    let layer: usize = layer.parse().ok()?;
    let (part, kind) = rest.split_once('.')?;
    let [[attention_in, attention_out], [mlp_in, mlp_out]] = family.norms().names();
    let fused = family.has_fused_projections();
    let part = match part {
        "attn_norm" => attention_in?,
        "post_attention_norm" => attention_out?,
        "ffn_norm" => mlp_in?,
        "post_ffw_norm" => mlp_out?,
        "attn_q" => "self_attn.q_proj",
        "attn_k" => "self_attn.k_proj",
        "attn_v" => "self_attn.v_proj",
        "attn_q_norm" => "self_attn.q_norm",
        "attn_k_norm" => "self_attn.k_norm",
        "attn_output" => "self_attn.o_proj",
        "ffn_gate" => "mlp.gate_proj",
        "attn_qkv" if fused => "self_attn.qkv_proj",
        "ffn_up" if fused => "mlp.gate_up_proj",
        "ffn_up" => "mlp.up_proj",
        "ffn_down" => "mlp.down_proj",
        _ => return None,
    };
    matches!(kind, "weight" | "bias").then(|| format!("model.layers.{layer}.{part}.{kind}"))
}

/// `model.layers.3.self_attn.q_proj.weight` -> `blk.3.attn_q.weight`.
pub(crate) fn gguf_name(name: &str, family: Family) -> Option<String> {
    match name {
        "model.embed_tokens.weight" => return Some("token_embd.weight".to_owned()),
        "model.norm.weight" => return Some("output_norm.weight".to_owned()),
        "lm_head.weight" => return Some("output.weight".to_owned()),
        _ => {}
    }
    let (layer, rest) = name.strip_prefix("model.layers.")?.split_once('.')?;
    let (part, kind) = rest.rsplit_once('.')?;
    let names = family.norms().names().into_iter().flatten();
    let norms = names.zip(["attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"]);
    if let Some((_, stored)) = norms.into_iter().find(|(name, _)| *name == Some(part)) {
        return Some(format!("blk.{layer}.{stored}.{kind}"));
    }
    let part = match part {
        "self_attn.q_proj" => "attn_q",
        "self_attn.k_proj" => "attn_k",
        "self_attn.v_proj" => "attn_v",
        "self_attn.q_norm" => "attn_q_norm",
        "self_attn.k_norm" => "attn_k_norm",
        "self_attn.o_proj" => "attn_output",
        "mlp.gate_proj" => "ffn_gate",
        "mlp.up_proj" | "mlp.gate_up_proj" => "ffn_up",
        "self_attn.qkv_proj" => "attn_qkv",
        "mlp.down_proj" => "ffn_down",
        _ => return None,
    };
    Some(format!("blk.{layer}.{part}.{kind}"))
}

fn row_order(name: &str, config: &ModelConfig) -> RowOrder {
    let of_rotation = name.ends_with("q_proj.weight") || name.ends_with("k_proj.weight");
    if of_rotation && config.family.gguf_interleaves() {
        return RowOrder::InterleavedHalves { head_dim: config.head_dim };
    }
    RowOrder::AsStored
}

/// Reads the keys of one architecture (`llama.block_count`, ...).
struct Reader<'a> {
    path: &'a Path,
    metadata: &'a GgufMetadata,
    architecture: &'a str,
    family: Family,
}

impl<'a> Reader<'a> {
    fn new(path: &'a Path, metadata: &'a GgufMetadata) -> Result<Reader<'a>, LoadError> {
        let architecture =
            metadata.string("general.architecture")?.ok_or_else(|| missing(path, "general.architecture"))?;
        // Mistral is `llama` in GGUF files, so the first family of the name is that.
        match Family::ALL.into_iter().find(|family| family.gguf_architecture() == architecture) {
            Some(family) => Ok(Reader { path, metadata, architecture, family }),
            None => {
                let supported = Family::supported_beside(architecture);
                Err(LoadError::unsupported(path, "the architecture", architecture, supported))
            }
        }
    }

    fn config(&self, table: &[GgufTensor], map: &Mmap) -> Result<ModelConfig, LoadError> {
        let find = |name: &str| table.iter().find(|tensor| tensor.name == name);
        let embedding = find("token_embd.weight").ok_or_else(|| LoadError::MissingTensor {
            path: self.path.to_owned(),
            tensor: "token_embd.weight".to_owned(),
        })?;
        let hidden_size = self.required("embedding_length")?;
        let heads = self.required("attention.head_count")?;
        let head_dim = match self.size("attention.key_length")? {
            Some(n) => n,
            None => hidden_size / heads.max(1),
        };
        self.refuse_unless_equal("attention.value_length", head_dim)?;
        let rotary_dim = match (self.size("rope.dimension_count")?, self.family) {
            (Some(some), Family::Phi3) => some,
            _ => head_dim,
        };
        self.refuse_unless_equal("rope.dimension_count", rotary_dim)?;
        self.refuse_unless_equal("expert_count", 0)?;
        // Layers at the end that llama.cpp does not run.
        self.refuse_unless_equal("nextn_predict_layers", 0)?;
        let causal = self.key("attention.causal");
        if self.metadata.bool(&causal)? == Some(false) {
            return Err(LoadError::unsupported(self.path, causal, "false", "true"));
        }
        self.refuse_unless_equal("vocab_size", embedding.shape[0])?;
        self.refuse_factor("attn_logit_softcapping")?;
        self.refuse_factor("final_logit_softcapping")?;
        if let Some(false) = self.metadata.bool(&self.key("rope.scaling.finetuned"))?
            && self.family == Family::Granite
        {
            let key = self.key("rope.scaling.finetuned");
            return Err(LoadError::unsupported(self.path, key, "false (no rotation)", "true"));
        }
        let layers = self.required("block_count")?;
        ModelConfig::check_layers(self.path, layers)?;
        let (sliding_window, sliding_layers) = self.sliding_layers(layers)?;
        let theta = |name: &str| self.metadata.float(&self.key(name));
        let epsilon = self.key("attention.layer_norm_rms_epsilon");
        let config = ModelConfig {
            family: self.family,
            vocab_size: embedding.shape[0],
            hidden_size,
            intermediate_size: self.required("feed_forward_length")?,
            layers,
            heads,
            kv_heads: self.size("attention.head_count_kv")?.unwrap_or(heads),
            head_dim,
            rms_norm_eps: self.metadata.float(&epsilon)?.ok_or_else(|| missing(self.path, &epsilon))? as f32,
            norms: self.family.norms(),
            activation: self.family.activation(),
            fused_projections: self.family.has_fused_projections(),
            rotary_dim,
            rope: Rope { theta: theta("rope.freq_base")?.unwrap_or(1e4), scaling: None },
            sliding_rope: match self.family {
                Family::Gemma3 if !sliding_layers.is_empty() => {
                    Some(Rope { theta: theta("rope.freq_base_swa")?.unwrap_or(1e4), scaling: None })
                }
                _ => None,
            },
            layers_without_rope: self.family.layers_without_rope(layers, 4),
            tie_word_embeddings: find("output.weight").is_none(),
            qkv_bias: self.family == Family::Qwen2,
            qk_norm: self.family.qk_norm(),
            attention_scale: match self.family {
                // Gemma 3 27B, which has as many layers.
                Family::Gemma3 if layers == 62 => inverse_root((hidden_size / heads.max(1)) as f32),
                Family::Granite => {
                    self.factor("attention.scale")?.unwrap_or_else(|| inverse_root(head_dim as f32))
                }
                _ => inverse_root(head_dim as f32),
            },
            embedding_scale: match self.family {
                Family::Gemma3 => gemma_embedding_scale(hidden_size),
                _ => self.factor("embedding_scale")?.unwrap_or(1.0),
            },
            residual_scale: self.factor("residual_scale")?.unwrap_or(1.0),
            logits_divisor: self.factor("logit_scale")?.unwrap_or(1.0),
            max_position_embeddings: self.required("context_length")?,
            sliding_window,
            sliding_layers,
            eos_token_ids: self.end_tokens()?,
            bos_token_id: self.token("tokenizer.ggml.bos_token_id")?,
        };
        config.check(self.path)?;
        let long = LONG_ROPE_FACTORS.map(find);
        let factor = self.key("rope.scaling.attn_factor");
        if let (None, Some(found)) = (long[0], self.metadata.float(&factor)?.filter(|factor| *factor != 1.0))
        {
            let expected = "1, or the tensors rope_factors_short and rope_factors_long";
            return Err(LoadError::unsupported(self.path, factor, found, expected));
        }
        let scaling = match long.iter().any(Option::is_some) {
            true => Some(self.long_rope(long, map, &config)?),
            false => self.rope_scaling(find(ROPE_FACTORS), map, &config)?,
        };
        let config = ModelConfig { rope: Rope { scaling, ..config.rope.clone() }, ..config };
        config.check(self.path)?;
        Ok(config)
    }

    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    fn size(&self, name: &str) -> Result<Option<usize>, LoadError> {
        Ok(self.metadata.unsigned(&self.key(name))?.map(|n| usize::try_from(n).unwrap_or(usize::MAX)))
    }

    /// One of the factors that Granite has.
    fn factor(&self, name: &str) -> Result<Option<f32>, LoadError> {
        let stored = self.metadata.float(&self.key(name))?.map(|factor| factor as f32);
        match stored {
            // As llama.cpp reads it: 0 is none.
            Some(factor) if factor != 0.0 && self.family != Family::Granite => {
                Err(LoadError::unsupported(self.path, self.key(name), factor, "none, as only granite has it"))
            }
            other => Ok(other.filter(|factor| *factor != 0.0)),
        }
    }

    fn refuse_factor(&self, name: &str) -> Result<(), LoadError> {
        match self.metadata.float(&self.key(name))? {
            Some(factor) if factor != 0.0 => {
                Err(LoadError::unsupported(self.path, self.key(name), factor, "none"))
            }
            _ => Ok(()),
        }
    }

    /// The window, and the layers whose attention slides: all of them, and in Gemma 3 all but the last of every so many.
    fn sliding_layers(&self, layers: usize) -> Result<(Option<usize>, Vec<usize>), LoadError> {
        let window = self.size("attention.sliding_window")?.filter(|window| *window > 0);
        if window.is_none() {
            return Ok((None, Vec::new()));
        }
        let key = self.key("attention.sliding_window_pattern");
        let sliding = match (self.metadata.get(&key), self.family) {
            (Some(GgufValue::Array(_)), _) => {
                return Err(LoadError::unsupported(self.path, key, "a list", "a number"));
            }
            (_, Family::Olmo2) => {
                let key = self.key("attention.sliding_window");
                return Err(LoadError::unsupported(
                    self.path,
                    key,
                    "present (OLMo 3)",
                    "OLMo 2, which has none",
                ));
            }
            (_, Family::Gemma3) => {
                let pattern = self.size("attention.sliding_window_pattern")?;
                if pattern == Some(0) {
                    return Err(LoadError::malformed(self.path, key, "at least 1", 0));
                }
                self.family.sliding_layers(layers, pattern)
            }
            (None, _) => (0..layers).collect(),
            (Some(_), _) => {
                return Err(LoadError::unsupported(self.path, key, "present", "none, as only gemma3 has it"));
            }
        };
        Ok((window.filter(|_| !sliding.is_empty()), sliding))
    }

    fn required(&self, name: &str) -> Result<usize, LoadError> {
        self.size(name)?.ok_or_else(|| missing(self.path, &self.key(name)))
    }

    fn refuse_unless_equal(&self, name: &str, expected: usize) -> Result<(), LoadError> {
        match self.size(name)? {
            Some(found) if found != expected => {
                Err(LoadError::unsupported(self.path, self.key(name), found, expected.to_string()))
            }
            _ => Ok(()),
        }
    }

    fn token(&self, key: &str) -> Result<Option<u32>, LoadError> {
        match self.metadata.unsigned(key)? {
            None => Ok(None),
            Some(id) => match u32::try_from(id) {
                Ok(id) => Ok(Some(id)),
                Err(_) => Err(self.metadata.wrong(key, "a token id", &GgufValue::Unsigned(id))),
            },
        }
    }

    fn end_tokens(&self) -> Result<Vec<u32>, LoadError> {
        let mut ids = Vec::new();
        for key in ["eos", "eot", "eom"] {
            if let Some(id) = self.token(&format!("tokenizer.ggml.{key}_token_id"))?
                && !ids.contains(&id)
            {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    /// llama.cpp stores the finished factors of the Llama 3 scaling. The parameters are recovered (only
    /// `factor` ever differs between models) and accepted only if they give the stored factors back.
    fn rope_scaling(
        &self,
        factors: Option<&GgufTensor>,
        map: &Mmap,
        config: &ModelConfig,
    ) -> Result<Option<RopeScaling>, LoadError> {
        let key = self.key("rope.scaling.type");
        // llama.cpp takes a factor without a type, or under its older name, for a linear one.
        let stored = |name: &str| Ok(self.metadata.float(&self.key(name))?.filter(|factor| *factor != 0.0));
        let factor = match stored("rope.scaling.factor")? {
            Some(factor) => Some(factor),
            None => stored("rope.scale_linear")?,
        };
        match self.metadata.string(&key)? {
            None if factor.is_none_or(|factor| factor == 1.0) => {}
            Some("none") => {}
            None | Some("linear") if factors.is_none() => {
                let key = self.key("rope.scaling.factor");
                let factor = factor.ok_or_else(|| missing(self.path, &key))?;
                if !(factor.is_finite() && factor > 0.0) {
                    return Err(LoadError::malformed(self.path, key, "a positive number", factor));
                }
                return Ok(Some(RopeScaling::Linear { factor }));
            }
            kind => {
                let kind = kind.unwrap_or("linear, beside factors of its own");
                return Err(LoadError::unsupported(self.path, key, kind, "none, linear, rope_freqs"));
            }
        }
        let Some(tensor) = factors else { return Ok(None) };
        let stored = self.factors(tensor, map, config)?;
        let scaling = RopeScaling::Llama3(Llama3Scaling {
            factor: stored.iter().fold(1.0, |most: f64, &x| most.max(x.into())),
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 8192,
        });
        let plain = config.rope.inverse_frequencies(config.rotary_dim);
        let scaled = Rope { scaling: Some(scaling.clone()), ..config.rope.clone() };
        let scaled = scaled.inverse_frequencies(config.rotary_dim);
        for ((plain, scaled), &stored) in plain.iter().zip(&scaled).zip(&stored) {
            let difference = (plain / scaled / f64::from(stored) - 1.0).abs();
            // A NaN factor must be refused too, so the comparison is not turned around.
            if !matches!(difference.partial_cmp(&ROPE_FACTOR_TOLERANCE), Some(std::cmp::Ordering::Less)) {
                return Err(LoadError::unsupported(
                    self.path,
                    format!("tensor `{ROPE_FACTORS}`"),
                    "not the Llama 3 scaling",
                    "the factors of Llama 3.1, 3.2 and 3.3",
                ));
            }
        }
        Ok(Some(scaling))
    }

    /// One number for each rotation.
    fn factors(&self, tensor: &GgufTensor, map: &Mmap, config: &ModelConfig) -> Result<Vec<f32>, LoadError> {
        let half = config.rotary_dim / 2;
        if tensor.shape != [half] || tensor.dtype != DType::F32 {
            return Err(LoadError::Shape {
                path: self.path.to_owned(),
                tensor: tensor.name.clone(),
                found: tensor.shape.clone(),
                expected: vec![half],
            });
        }
        let mut stored = vec![0.0; half];
        tensor.dtype.unpack(&map[tensor.start..tensor.start + 4 * half], &mut stored);
        Ok(stored)
    }

    /// The scaling of Phi-3. llama.cpp takes the factors of longer sequences where the room for tokens, not the sequence,
    /// is longer than the original length.
    fn long_rope(
        &self,
        [short, long]: [Option<&GgufTensor>; 2],
        map: &Mmap,
        config: &ModelConfig,
    ) -> Result<RopeScaling, LoadError> {
        let (Some(short), Some(long), Family::Phi3) = (short, long, self.family) else {
            let what = format!("tensor `{}`", short.or(long).map_or("", |tensor| &tensor.name));
            let expected = "both of them, in phi3 only";
            return Err(LoadError::unsupported(self.path, what, "present", expected));
        };
        let key = self.key("rope.scaling.type");
        if let Some(kind) = self.metadata.string(&key)?.filter(|kind| !["none", "longrope"].contains(kind)) {
            return Err(LoadError::unsupported(self.path, key, kind, "none, longrope"));
        }
        Ok(RopeScaling::LongRope(LongRopeScaling {
            short_factor: self.factors(short, map, config)?,
            long_factor: self.factors(long, map, config)?,
            attention_factor: self.metadata.float(&self.key("rope.scaling.attn_factor"))?.unwrap_or(1.0)
                as f32,
            original_max_position_embeddings: self.required("rope.scaling.original_context_length")?,
        }))
    }
}

fn missing(path: &Path, key: &str) -> LoadError {
    LoadError::malformed(path, format!("metadata `{key}`"), "a value", "nothing")
}
