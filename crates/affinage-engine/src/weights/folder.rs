//! A folder in the Hugging Face layout: config.json and one or several safetensors files.
//!
//! Source: transformers `LlamaConfig`, `MistralConfig`, `Qwen2Config`, `Qwen3Config` (defaults, old and new places of the rope settings).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::config::{Family, Llama3Scaling, ModelConfig, Rope};
use super::error::LoadError;
use super::map::{MappedFile, map_file};
use super::matrix::RowOrder;
use super::quant::DType;
use super::stored::StoredTensor;

const ARCHITECTURES: [&str; 4] =
    ["LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM"];

pub(super) struct Folder {
    pub config: ModelConfig,
    pub tensors: BTreeMap<String, StoredTensor>,
    pub files: Vec<MappedFile>,
}

pub(super) fn open(folder: &Path) -> Result<Folder, LoadError> {
    let config = read_config(folder)?;
    let mut tensors = BTreeMap::new();
    let mut files = Vec::new();
    for path in weight_files(folder)? {
        let file = map_file(&path)?;
        let (header_len, header) = SafeTensors::read_metadata(&file.map)
            .map_err(|source| LoadError::Safetensors { path: path.clone(), source })?;
        for (name, info) in header.tensors() {
            if not_a_weight(&name, &config) {
                continue;
            }
            let dtype = dtype(&path, &name, info.dtype)?;
            // 8 bytes of header length, the header, then the data; the reader has checked the offsets.
            let start = 8 + header_len + info.data_offsets.0;
            let order = RowOrder::AsStored;
            let tensor =
                StoredTensor { shape: info.shape.clone(), dtype, start, map: file.map.clone(), order };
            if tensors.insert(name.clone(), tensor).is_some() {
                return Err(LoadError::malformed(
                    &path,
                    format!("tensor `{name}`"),
                    "one in all files",
                    "two",
                ));
            }
        }
        files.push(file);
    }
    Ok(Folder { config, tensors, files })
}

/// Buffers of old checkpoints, and the copy of the embedding that some tied models carry.
fn not_a_weight(name: &str, config: &ModelConfig) -> bool {
    name.ends_with(".rotary_emb.inv_freq") || (name == "lm_head.weight" && config.tie_word_embeddings)
}

fn dtype(path: &Path, tensor: &str, dtype: Dtype) -> Result<DType, LoadError> {
    match dtype {
        Dtype::F32 => Ok(DType::F32),
        Dtype::F16 => Ok(DType::F16),
        Dtype::BF16 => Ok(DType::BF16),
        other => Err(LoadError::UnsupportedType {
            path: path.to_owned(),
            tensor: tensor.to_owned(),
            found: format!("{other:?}"),
            supported: "F32, F16, BF16".to_owned(),
        }),
    }
}

/// The safetensors files, sorted by name.
fn weight_files(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let single = folder.join("model.safetensors");
    if single.is_file() {
        return Ok(vec![single]);
    }
    let index_path = folder.join("model.safetensors.index.json");
    if !index_path.is_file() {
        if folder.join("pytorch_model.bin").is_file() {
            return Err(LoadError::unsupported(
                folder,
                "the weight file",
                "pytorch_model.bin",
                "safetensors",
            ));
        }
        return Err(LoadError::NotAModel { path: folder.to_owned() });
    }
    let index: Index = read_json(&index_path)?;
    let names: BTreeSet<&String> = index.weight_map.values().collect();
    let mut paths = Vec::new();
    for name in names {
        let plain = Path::new(name).file_name().is_some_and(|file_name| file_name == name.as_str());
        if !plain {
            return Err(LoadError::malformed(
                &index_path,
                "a shard",
                "a plain file name",
                format!("{name:?}"),
            ));
        }
        paths.push(folder.join(name));
    }
    Ok(paths)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, LoadError> {
    let bytes = std::fs::read(path).map_err(|source| LoadError::Io { path: path.to_owned(), source })?;
    serde_json::from_slice(&bytes).map_err(|source| LoadError::Json { path: path.to_owned(), source })
}

/// The fields of config.json that are used, or refused unless they are harmless. Others do not change
/// the arithmetic of the supported families.
#[derive(Deserialize)]
struct ConfigJson {
    model_type: String,
    architectures: Option<Vec<String>>,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    rms_norm_eps: Option<f32>,
    rope_theta: Option<f64>,
    rope_scaling: Option<RopeJson>,
    rope_parameters: Option<RopeJson>,
    partial_rotary_factor: Option<f64>,
    tie_word_embeddings: Option<bool>,
    max_position_embeddings: Option<usize>,
    eos_token_id: Option<TokenIds>,
    bos_token_id: Option<TokenIds>,
    hidden_act: Option<String>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    use_sliding_window: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    sliding_window: Option<Option<usize>>,
    max_window_layers: Option<usize>,
    layer_types: Option<Vec<String>>,
    quantization_config: Option<Value>,
}

#[derive(Deserialize)]
struct RopeJson {
    rope_type: Option<String>,
    #[serde(rename = "type")]
    old_type: Option<String>,
    rope_theta: Option<f64>,
    partial_rotary_factor: Option<f64>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<usize>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TokenIds {
    One(u32),
    Several(Vec<u32>),
}

impl TokenIds {
    fn into_vec(self) -> Vec<u32> {
        match self {
            TokenIds::One(id) => vec![id],
            TokenIds::Several(ids) => ids,
        }
    }
}

/// Tells `null`, which has a meaning of its own, from a missing key.
fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<usize>>, D::Error> {
    Option::deserialize(value).map(Some)
}

pub(super) fn read_config(folder: &Path) -> Result<ModelConfig, LoadError> {
    let path = folder.join("config.json");
    if !path.is_file() {
        return Err(LoadError::NotAModel { path: folder.to_owned() });
    }
    let json: ConfigJson = read_json(&path)?;
    let family = match json.model_type.as_str() {
        "llama" => Family::Llama,
        "mistral" => Family::Mistral,
        "qwen2" => Family::Qwen2,
        "qwen3" => Family::Qwen3,
        other => return Err(LoadError::unsupported(&path, "model_type", other, Family::SUPPORTED)),
    };
    refuse_other_arithmetic(&path, &json)?;
    let rope = rope(&path, &json)?;
    let heads = json.num_attention_heads;
    let mut config = ModelConfig {
        family,
        vocab_size: json.vocab_size,
        hidden_size: json.hidden_size,
        intermediate_size: json.intermediate_size,
        layers: json.num_hidden_layers,
        heads,
        kv_heads: json.num_key_value_heads.unwrap_or(heads),
        head_dim: json.head_dim.unwrap_or(match family {
            Family::Qwen3 => 128,
            Family::Llama | Family::Mistral | Family::Qwen2 => json.hidden_size / heads.max(1),
        }),
        rms_norm_eps: json.rms_norm_eps.unwrap_or(1e-6),
        rope,
        tie_word_embeddings: json.tie_word_embeddings.unwrap_or(false),
        qkv_bias: family == Family::Qwen2,
        qk_norm: family == Family::Qwen3,
        max_position_embeddings: json.max_position_embeddings.unwrap_or(match family {
            Family::Llama => 2048,
            Family::Mistral => 131_072,
            Family::Qwen2 | Family::Qwen3 => 32_768,
        }),
        sliding_window: sliding_window(&path, family, &json)?,
        eos_token_ids: json.eos_token_id.map(TokenIds::into_vec).unwrap_or_default(),
        bos_token_id: json.bos_token_id.and_then(|ids| ids.into_vec().first().copied()),
    };
    add_generation_end_tokens(folder, &mut config.eos_token_ids)?;
    config.check(&path)?;
    Ok(config)
}

/// Generation stops at every id of generation_config.json as well as of config.json.
fn add_generation_end_tokens(folder: &Path, ids: &mut Vec<u32>) -> Result<(), LoadError> {
    #[derive(Deserialize)]
    struct GenerationJson {
        eos_token_id: Option<TokenIds>,
    }
    let path = folder.join("generation_config.json");
    if !path.is_file() {
        return Ok(());
    }
    let json: GenerationJson = read_json(&path)?;
    for id in json.eos_token_id.map(TokenIds::into_vec).unwrap_or_default() {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(())
}

fn refuse_other_arithmetic(path: &Path, json: &ConfigJson) -> Result<(), LoadError> {
    let refuse = |what: &str, found: String, supported: &str| {
        Err(LoadError::unsupported(path, what, found, supported))
    };
    if let Some(names) = &json.architectures
        && !names.iter().any(|name| ARCHITECTURES.contains(&name.as_str()))
    {
        return refuse("architectures", names.join(", "), &ARCHITECTURES.join(", "));
    }
    if let Some(activation) = &json.hidden_act
        && activation != "silu"
    {
        return refuse("hidden_act", activation.clone(), "silu");
    }
    if json.attention_bias == Some(true) {
        return refuse("attention_bias", "true".to_owned(), "false");
    }
    if json.mlp_bias == Some(true) {
        return refuse("mlp_bias", "true".to_owned(), "false");
    }
    if json.quantization_config.as_ref().is_some_and(|value| !value.is_null()) {
        return refuse("quantization_config", "present".to_owned(), "F32, F16 and BF16 safetensors, or GGUF");
    }
    let rope = json.rope_parameters.as_ref().and_then(|rope| rope.partial_rotary_factor);
    if let Some(factor) = json.partial_rotary_factor.or(rope)
        && factor != 1.0
    {
        return refuse("partial_rotary_factor", factor.to_string(), "1");
    }
    let mut layer_types = json.layer_types.iter().flatten();
    if let Some(kind) = layer_types.find(|kind| *kind != "full_attention" && *kind != "sliding_attention") {
        return refuse("layer_types", kind.clone(), "full_attention, sliding_attention");
    }
    Ok(())
}

/// The window of the layers that have one.
///
/// Qwen stores one in every file and applies it only with `use_sliding_window`, from layer `max_window_layers` on;
/// Mistral applies what it stores, and 4096 if it stores nothing.
fn sliding_window(path: &Path, family: Family, json: &ConfigJson) -> Result<Option<usize>, LoadError> {
    let sliding_layers = json.layer_types.iter().flatten().any(|kind| kind == "sliding_attention");
    let switched_on = match (family, json.use_sliding_window) {
        (Family::Qwen2 | Family::Qwen3, switch) => {
            switch == Some(true)
                && json.layer_types.is_none()
                && json.max_window_layers.unwrap_or(28) < json.num_hidden_layers
        }
        (Family::Llama | Family::Mistral, switch) => switch != Some(false),
    };
    let stored = match (family, json.sliding_window) {
        (Family::Mistral, None) => Some(4096),
        (_, stored) => stored.flatten(),
    };
    match stored {
        None if sliding_layers => {
            let expected = "a size, as `layer_types` names sliding layers";
            Err(LoadError::malformed(path, "sliding_window", expected, "none"))
        }
        window => Ok(window.filter(|_| sliding_layers || switched_on)),
    }
}

/// The rope settings, in `rope_parameters` since transformers 5, in `rope_theta` and `rope_scaling` before.
fn rope(path: &Path, json: &ConfigJson) -> Result<Rope, LoadError> {
    let new = json.rope_parameters.as_ref();
    let theta = new.and_then(|rope| rope.rope_theta).or(json.rope_theta).unwrap_or(10_000.0);
    let Some(settings) = new.or(json.rope_scaling.as_ref()) else { return Ok(Rope { theta, scaling: None }) };
    let kind = settings.rope_type.as_deref().or(settings.old_type.as_deref());
    let number = |name: &str, value: Option<f64>| match value {
        Some(value) if value.is_finite() && value > 0.0 => Ok(value),
        other => {
            Err(LoadError::malformed(path, format!("rope {name}"), "a positive number", format!("{other:?}")))
        }
    };
    match kind {
        Some("default") => Ok(Rope { theta, scaling: None }),
        Some("llama3") => {
            let positions = settings.original_max_position_embeddings;
            let scaling = Llama3Scaling {
                factor: number("factor", settings.factor)?,
                low_freq_factor: number("low_freq_factor", settings.low_freq_factor)?,
                high_freq_factor: number("high_freq_factor", settings.high_freq_factor)?,
                original_max_position_embeddings: number(
                    "original_max_position_embeddings",
                    positions.map(|n| n as f64),
                )? as usize,
            };
            if scaling.high_freq_factor <= scaling.low_freq_factor {
                let expected = format!("above low_freq_factor {}", scaling.low_freq_factor);
                return Err(LoadError::malformed(
                    path,
                    "rope high_freq_factor",
                    expected,
                    scaling.high_freq_factor,
                ));
            }
            Ok(Rope { theta, scaling: Some(scaling) })
        }
        Some(other) => Err(LoadError::unsupported(path, "the rope type", other, "default, llama3")),
        None => Err(LoadError::malformed(path, "the rope settings", "a `rope_type`", "none")),
    }
}
