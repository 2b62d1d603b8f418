//! A merged model as a folder in the Hugging Face layout.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::gguf_model::write_values;
use super::{ExportError, Merged};
use crate::weights::{Family, LongRopeScaling, ModelConfig, Precision, RopeScaling, inverse_root};

/// Writes `model.safetensors` into the existing folder `dir`. Panics on a quantised precision, which the layout has not.
pub fn save_folder(merged: Merged, precision: Precision, dir: &Path) -> Result<(), ExportError> {
    assert!(!precision.is_quantised(), "safetensors hold plain numbers");
    let dtype = match precision {
        Precision::F16 => "F16",
        Precision::BF16 => "BF16",
        _ => "F32",
    };
    let size = precision.dtype().block_bytes();
    let (mut header, mut offset) = (Map::new(), 0);
    header.insert("__metadata__".to_owned(), json!({"format": "pt"}));
    for tensor in merged.weights.tensors() {
        let end = offset + size * tensor.shape.iter().product::<usize>();
        let entry = json!({"dtype": dtype, "shape": tensor.shape, "data_offsets": [offset, end]});
        header.insert(tensor.name.to_owned(), entry);
        offset = end;
    }
    let mut header = serde_json::to_vec(&Value::Object(header)).expect("plain JSON");
    header.resize(header.len().next_multiple_of(8), b' ');

    let path = dir.join("model.safetensors");
    let io = || ExportError::io(&path);
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&path).map_err(io())?);
    out.write_all(&(header.len() as u64).to_le_bytes()).and_then(|()| out.write_all(&header)).map_err(io())?;
    for tensor in merged.weights.tensors() {
        if tensor.shape.len() == 1 {
            let mut values = merged.weights.vector(tensor.name)?;
            if tensor.name.ends_with("norm.weight") {
                let shift = merged.weights.config().family.norm_shift();
                values.iter_mut().for_each(|value| *value -= shift);
            }
            if precision == Precision::F32 {
                write_values(&mut out, &values).map_err(io())?;
            } else {
                let mut bytes = Vec::new();
                precision.dtype().pack(&values, &mut bytes);
                out.write_all(&bytes).map_err(io())?;
            }
        } else {
            merged.write_matrix(tensor.name, precision.dtype(), |row| row, &mut out)?.map_err(io())?;
        }
    }
    let file = out.into_inner().map_err(|error| ExportError::io(&path)(error.into_error()))?;
    file.sync_all().map_err(io())
}

/// `config.json` for a model that came from a GGUF file. Keys as transformers 4 writes them, which 5 reads too.
pub fn config_json(config: &ModelConfig, precision: Precision) -> Value {
    let (kind, class) = config.family.transformers_names();
    let mut json = json!({
        "architectures": [class], "attention_bias": false, "bos_token_id": config.bos_token_id,
        "eos_token_id": end_tokens(config), "head_dim": config.head_dim, "hidden_act": config.activation.name(),
        "hidden_size": config.hidden_size, "intermediate_size": config.intermediate_size,
        "max_position_embeddings": config.max_position_embeddings, "model_type": kind,
        "num_attention_heads": config.heads, "num_hidden_layers": config.layers,
        "num_key_value_heads": config.kv_heads,
        "rms_norm_eps": decimal(config.rms_norm_eps),
        "rope_scaling": rope_scaling(config), "rope_theta": config.rope.theta, "tie_word_embeddings": config.tie_word_embeddings,
        "torch_dtype": torch_name(precision), "use_cache": true, "vocab_size": config.vocab_size,
    });
    let entries = json.as_object_mut().expect("an object");
    let more = match config.family {
        Family::Llama | Family::Olmo2 => json!({}),
        Family::Mistral => json!({"sliding_window": config.sliding_window}),
        Family::Qwen2 | Family::Qwen3 => json!({"use_sliding_window": config.sliding_window.is_some()}),
        Family::Gemma3 => json!({
            "hidden_activation": config.activation.name(),
            "query_pre_attn_scalar": query_scalar(config.attention_scale),
            "rope_local_base_freq": config.sliding_rope.as_ref().map_or(1e4, |rope| rope.theta),
            "sliding_window": config.sliding_window, "layer_types": layer_types(config),
            "attn_logit_softcapping": null, "final_logit_softcapping": null,
        }),
        Family::SmolLm3 => json!({
            "no_rope_layers": (0..config.layers)
                .map(|layer| u8::from(!config.layers_without_rope.contains(&layer)))
                .collect::<Vec<u8>>(),
            "use_sliding_window": config.sliding_window.is_some(),
        }),
        Family::Granite => json!({
            "attention_multiplier": decimal(config.attention_scale),
            "embedding_multiplier": decimal(config.embedding_scale),
            "residual_multiplier": decimal(config.residual_scale),
            "logits_scaling": decimal(config.logits_divisor), "mlp_bias": false,
        }),
        Family::Phi3 => json!({
            // The one of the class lies outside of smaller vocabularies.
            "pad_token_id": null,
            "sliding_window": config.sliding_window,
            "partial_rotary_factor": config.rotary_dim as f64 / config.head_dim as f64,
            "original_max_position_embeddings": config.original_positions(),
        }),
    };
    entries.extend(more.as_object().expect("an object").clone());
    if config.sliding_window.is_some() && !matches!(config.family, Family::Mistral | Family::Phi3) {
        entries.insert("sliding_window".to_owned(), json!(config.sliding_window));
        entries.insert("layer_types".to_owned(), json!(layer_types(config)));
    }
    match config.family {
        Family::Qwen2 => entries.remove("attention_bias"),
        Family::Gemma3 => entries.remove("hidden_act"),
        _ => None,
    };
    json
}

/// transformers 4 takes the scaling of Phi-3 with these three keys only.
fn rope_scaling(config: &ModelConfig) -> Value {
    let Some(RopeScaling::LongRope(scaling)) = &config.rope.scaling else {
        return json!(config.rope.scaling);
    };
    let decimals = |factors: &[f32]| factors.iter().map(|factor| decimal(*factor)).collect::<Vec<f64>>();
    let mut json = json!({
        "type": "longrope", "short_factor": decimals(&scaling.short_factor),
        "long_factor": decimals(&scaling.long_factor),
    });
    let original = scaling.original_max_position_embeddings;
    let factor = config.max_position_embeddings as f64 / original as f64;
    if LongRopeScaling::default_attention_factor(factor, original) != scaling.attention_factor {
        json["attention_factor"] = json!(decimal(scaling.attention_factor));
    }
    json
}

fn layer_types(config: &ModelConfig) -> Vec<&'static str> {
    let kind = |layer| if config.window(layer).is_some() { "sliding_attention" } else { "full_attention" };
    (0..config.layers).map(kind).collect()
}

/// The shortest decimal that is the same f32, not its digits as f64.
fn decimal(value: f32) -> f64 {
    value.to_string().parse().expect("a number")
}

/// The number whose inverse root is `scale`: a whole one if there is.
fn query_scalar(scale: f32) -> Value {
    let whole = (f64::from(scale).powi(2)).recip().round();
    if inverse_root(whole as f32) == scale {
        json!(whole as u64)
    } else {
        json!(f64::from(scale).powi(2).recip())
    }
}

/// One id as a number, several as a list, none as null.
fn end_tokens(config: &ModelConfig) -> Value {
    match config.eos_token_ids.as_slice() {
        [] => Value::Null,
        [one] => json!(one),
        several => json!(several),
    }
}

/// `float32`, `float16` or `bfloat16`.
pub(super) fn torch_name(precision: Precision) -> &'static str {
    match precision {
        Precision::F16 => "float16",
        Precision::BF16 => "bfloat16",
        _ => "float32",
    }
}
