//! A merged model as a folder in the Hugging Face layout.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::gguf_model::write_values;
use super::{ExportError, Merged};
use crate::weights::{Family, ModelConfig, Precision};

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
            let values = merged.weights.vector(tensor.name)?;
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
    let (kind, class) = match config.family {
        Family::Llama => ("llama", "LlamaForCausalLM"),
        Family::Mistral => ("mistral", "MistralForCausalLM"),
        Family::Qwen2 => ("qwen2", "Qwen2ForCausalLM"),
        Family::Qwen3 => ("qwen3", "Qwen3ForCausalLM"),
    };
    let scaling = config.rope.scaling.as_ref().map(|scaling| {
        json!({
            "rope_type": "llama3", "factor": scaling.factor, "low_freq_factor": scaling.low_freq_factor,
            "high_freq_factor": scaling.high_freq_factor,
            "original_max_position_embeddings": scaling.original_max_position_embeddings,
        })
    });
    let mut json = json!({
        "architectures": [class], "attention_bias": false, "bos_token_id": config.bos_token_id,
        "eos_token_id": end_tokens(config), "head_dim": config.head_dim, "hidden_act": "silu",
        "hidden_size": config.hidden_size, "intermediate_size": config.intermediate_size,
        "max_position_embeddings": config.max_position_embeddings, "model_type": kind,
        "num_attention_heads": config.heads, "num_hidden_layers": config.layers,
        "num_key_value_heads": config.kv_heads,
        // The shortest decimal that is the same f32, not its digits as f64.
        "rms_norm_eps": config.rms_norm_eps.to_string().parse::<f64>().expect("a number"),
        "rope_scaling": scaling, "rope_theta": config.rope.theta, "tie_word_embeddings": config.tie_word_embeddings,
        "torch_dtype": torch_name(precision), "use_cache": true, "vocab_size": config.vocab_size,
    });
    let entries = json.as_object_mut().expect("an object");
    match config.family {
        Family::Mistral => {
            entries.insert("sliding_window".to_owned(), json!(config.sliding_window));
        }
        Family::Qwen2 | Family::Qwen3 => {
            entries.insert("use_sliding_window".to_owned(), json!(false));
        }
        Family::Llama => {}
    }
    if config.family == Family::Qwen2 {
        entries.remove("attention_bias");
    }
    json
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
