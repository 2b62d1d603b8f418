//! A merged model as a GGUF file.
//!
//! Source: llama.cpp `convert_hf_to_gguf.py`: keys, names, f32 for norms and biases, the interleaved rows of q and k for
//! the llama architecture, `rope_freqs` for the scaling of Llama 3; `src/models`: what a file of an architecture cannot
//! say, because llama.cpp takes it as given. A model that differs there is refused. Which matrix gets which number format
//! follows `llama_tensor_get_type` of llama.cpp's quantiser, see [`wanted`] and [`stored_as`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::gguf_write::{Entry, Field, write_head, write_padding};
use super::{ExportError, Merged};
use crate::weights::{
    DType, Family, LONG_ROPE_FACTORS, ModelConfig, Precision, RopeScaling, gguf_name, inverse_root,
};

/// How the matrices of a file are stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Formats {
    /// Matrices by the name of their number format.
    pub matrices: BTreeMap<String, usize>,
    /// Those stored in another format than their precision means, because their rows are no whole number of its blocks.
    pub replaced: usize,
    /// Those of `replaced` that are F16, because their rows are no whole number of any blocks.
    pub kept_f16: usize,
}

/// Writes `merged` to `path`. `about` are fields that the engine knows nothing of: name, tokenizer, chat template.
pub fn save_gguf(
    merged: Merged,
    precision: Precision,
    about: Vec<(String, Field)>,
    path: &Path,
) -> Result<Formats, ExportError> {
    let config = merged.weights.config();
    if let Some(reason) = not_representable(config) {
        return Err(ExportError::ModelNotRepresentable { form: "a GGUF file", reason });
    }
    let mut fields = vec![
        ("general.architecture".to_owned(), Field::Text(config.family.gguf_architecture().to_owned())),
        ("general.type".to_owned(), Field::Text("model".to_owned())),
    ];
    fields.extend(decoder_fields(config));
    fields.push(("general.file_type".to_owned(), Field::U32(file_type(precision))));
    fields.push(("general.quantization_version".to_owned(), Field::U32(2)));
    fields.extend(about);
    let mut formats = Formats::default();
    let tensors: Vec<(String, Entry)> = merged
        .weights
        .tensors()
        .map(|tensor| {
            let wanted = wanted(tensor.name, config, precision);
            let dtype = stored_as(wanted, tensor.shape);
            if tensor.shape.len() == 2 {
                *formats.matrices.entry(dtype.to_string()).or_default() += 1;
                formats.replaced += usize::from(dtype != wanted);
                formats.kept_f16 += usize::from(dtype != wanted && dtype == DType::F16);
            }
            let name =
                gguf_name(tensor.name, config.family).expect("a tensor of the configuration has a name");
            (tensor.name.to_owned(), Entry { name, shape: tensor.shape.to_vec(), dtype })
        })
        .collect();
    let factors = rope_factors(config);
    let of_factors = factors.iter().map(|(name, factors)| Entry {
        name: (*name).to_owned(),
        shape: vec![factors.len()],
        dtype: DType::F32,
    });
    let (names, of_weights): (Vec<_>, Vec<_>) = tensors.into_iter().unzip();
    let entries: Vec<Entry> = of_factors.chain(of_weights).collect();

    let file = File::create(path).map_err(ExportError::io(path))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let io = || ExportError::io(path);
    write_head(&mut out, &fields, &entries).map_err(io())?;
    let mut entries = entries.iter();
    for ((_, factors), entry) in factors.iter().zip(entries.by_ref()) {
        write_values(&mut out, factors).and_then(|()| write_padding(&mut out, entry)).map_err(io())?;
    }
    for (name, entry) in names.iter().zip(entries) {
        if entry.shape.len() == 1 {
            write_values(&mut out, &merged.weights.vector(name)?).map_err(io())?;
        } else {
            merged
                .write_matrix(name, entry.dtype, |row| logical_row(name, config, row), &mut out)?
                .map_err(io())?;
        }
        write_padding(&mut out, entry).map_err(io())?;
    }
    let file = out.into_inner().map_err(|error| ExportError::io(path)(error.into_error()))?;
    file.sync_all().map_err(io())?;
    Ok(formats)
}

/// What llama.cpp would compute otherwise, if there is something.
fn not_representable(config: &ModelConfig) -> Option<String> {
    let (family, layers) = (config.family, config.layers);
    let implied = match family {
        Family::Gemma3 if layers == 62 => inverse_root((config.hidden_size / config.heads) as f32),
        Family::Granite => config.attention_scale,
        _ => inverse_root(config.head_dim as f32),
    };
    let slides = match family {
        Family::Gemma3 => false,
        // llama.cpp computes no window for them, as its converter accepts.
        Family::Llama | Family::Mistral | Family::Qwen2 | Family::Qwen3 | Family::Phi3 => {
            !config.sliding_layers.is_empty() && config.sliding_layers.len() < layers
        }
        _ => !config.sliding_layers.is_empty(),
    };
    let reason = if config.attention_scale != implied {
        format!("its attention is scaled by {}, llama.cpp takes {implied}", config.attention_scale)
    } else if config.layers_without_rope != family.layers_without_rope(layers, 4) {
        "other layers than every fourth are without rotation".to_owned()
    } else if family == Family::Gemma3 && sliding_pattern(config).is_none() {
        "its layers with full attention do not come at equal distances".to_owned()
    } else if slides {
        let sliding = config.sliding_layers.len();
        format!("attention slides in {sliding} of {layers} layers, which no file of the architecture can say")
    } else if config.sliding_rope.as_ref().is_some_and(|rope| rope.scaling.is_some()) {
        "the rotation of its sliding layers is scaled".to_owned()
    } else if matches!(family, Family::Olmo2 | Family::Phi3)
        && config.heads * config.head_dim != config.hidden_size
    {
        "its heads together are not as wide as the model".to_owned()
    } else if family == Family::Olmo2 && config.tie_word_embeddings {
        "its head is the embedding".to_owned()
    } else {
        return None;
    };
    Some(reason)
}

/// After how many layers of Gemma 3 one with full attention comes.
fn sliding_pattern(config: &ModelConfig) -> Option<usize> {
    let is = |pattern: &usize| {
        config.sliding_layers == config.family.sliding_layers(config.layers, Some(*pattern))
    };
    // Six first: a model with fewer layers than that has no layer that tells.
    std::iter::once(6).chain(1..=config.layers + 1).find(is)
}

/// Which row of the model lies at row `stored` of the file.
pub(crate) fn logical_row(name: &str, config: &ModelConfig, stored: usize) -> usize {
    let of_rotation = name.ends_with("q_proj.weight") || name.ends_with("k_proj.weight");
    if !of_rotation || !config.family.gguf_interleaves() {
        return stored;
    }
    let (head, within) = (stored / config.head_dim, stored % config.head_dim);
    head * config.head_dim + (within % 2) * (config.head_dim / 2) + within / 2
}

/// The number format of a matrix.
///
/// Q4_0 keeps embedding and head in Q8_0; Q4_K_M and Q5_K_M keep the head, and `v_proj` (or `qkv_proj`) and `down_proj` of
/// some layers, in Q6_K.
fn wanted(name: &str, config: &ModelConfig, precision: Precision) -> DType {
    let head = if config.tie_word_embeddings { "model.embed_tokens.weight" } else { "lm_head.weight" };
    let is_mixture = matches!(precision, Precision::Q4_K_M | Precision::Q5_K_M);
    let sensitive = || {
        let (layer, part) = name.strip_prefix("model.layers.")?.split_once('.')?;
        let is_sensitive =
            matches!(part, "self_attn.v_proj.weight" | "self_attn.qkv_proj.weight" | "mlp.down_proj.weight");
        Some(is_sensitive && has_more_bits(layer.parse().ok()?, config.layers))
    };
    match precision {
        Precision::Q4_0 if matches!(name, "model.embed_tokens.weight" | "lm_head.weight") => DType::Q8_0,
        _ if is_mixture && (name == head || sensitive() == Some(true)) => DType::Q6_K,
        _ => precision.dtype(),
    }
}

/// The format that a tensor can have. Vectors stay F32. Where rows are no whole number of 256, the next format with blocks
/// of 32 takes the place of `wanted`; where they are no whole number of 32 either, F16.
fn stored_as(wanted: DType, shape: &[usize]) -> DType {
    let &[_, cols] = shape else { return DType::F32 };
    let by_32 = match wanted {
        DType::Q4_K => DType::Q5_0,
        DType::Q5_K => DType::Q5_1,
        DType::Q6_K => DType::Q8_0,
        other => other,
    };
    let fits = |dtype: &DType| cols.is_multiple_of(dtype.block_len());
    [wanted, by_32].into_iter().find(fits).unwrap_or(DType::F16)
}

/// The first and the last eighth of the layers, and every third between (`use_more_bits` of llama.cpp).
fn has_more_bits(layer: usize, layers: usize) -> bool {
    let eighth = layers / 8;
    layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2
}

/// llama.cpp's `enum llama_ftype`.
fn file_type(precision: Precision) -> u32 {
    match precision {
        Precision::F32 => 0,
        Precision::F16 => 1,
        Precision::Q4_0 => 2,
        Precision::Q8_0 => 7,
        Precision::Q4_K_M => 15,
        Precision::Q5_K_M => 17,
        Precision::BF16 => 32,
    }
}

fn decoder_fields(config: &ModelConfig) -> Vec<(String, Field)> {
    let name = config.family.gguf_architecture();
    let count = |key: &str, n: usize| (format!("{name}.{key}"), Field::U32(n as u32));
    let number = |key: &str, x: f32| (format!("{name}.{key}"), Field::F32(x));
    let mut fields = vec![
        count("block_count", config.layers),
        count("context_length", config.max_position_embeddings),
        count("embedding_length", config.hidden_size),
        count("feed_forward_length", config.intermediate_size),
        count("attention.head_count", config.heads),
        count("attention.head_count_kv", config.kv_heads),
        count("attention.key_length", config.head_dim),
        count("attention.value_length", config.head_dim),
        count("rope.dimension_count", config.rotary_dim),
        count("vocab_size", config.vocab_size),
        number("rope.freq_base", config.rope.theta as f32),
        number("attention.layer_norm_rms_epsilon", config.rms_norm_eps),
    ];
    fields.extend(config.sliding_window.map(|window| count("attention.sliding_window", window)));
    let pattern = config.sliding_window.and_then(|_| sliding_pattern(config)).filter(|pattern| *pattern != 6);
    fields.extend(pattern.map(|pattern| count("attention.sliding_window_pattern", pattern)));
    fields.extend(config.sliding_rope.as_ref().map(|rope| number("rope.freq_base_swa", rope.theta as f32)));
    if let Some(RopeScaling::Linear { factor }) = config.rope.scaling {
        fields.push((format!("{name}.rope.scaling.type"), Field::Text("linear".to_owned())));
        fields.push(number("rope.scaling.factor", factor as f32));
    }
    if config.family == Family::Phi3 {
        if let Some(RopeScaling::LongRope(scaling)) = &config.rope.scaling {
            fields.push(number("rope.scaling.attn_factor", scaling.attention_factor));
        }
        fields.push(count("rope.scaling.original_context_length", config.original_positions()));
        // As in the files of Phi-4, by which llama.cpp tells it from Phi-3.
        fields.extend(config.sliding_window.is_none().then(|| count("attention.sliding_window", 0)));
    }
    if config.family == Family::Granite {
        fields.push(number("attention.scale", config.attention_scale));
        fields.push(number("embedding_scale", config.embedding_scale));
        fields.push(number("residual_scale", config.residual_scale));
        fields.push(number("logit_scale", config.logits_divisor));
    }
    fields
}

/// By how much each rotation of Llama 3.1 and later, or of Phi-3, is slower than without scaling; with the tensor's name.
fn rope_factors(config: &ModelConfig) -> Vec<(&'static str, Vec<f32>)> {
    match &config.rope.scaling {
        Some(RopeScaling::Llama3(_)) => {
            let plain = crate::weights::Rope { scaling: None, ..config.rope.clone() };
            let plain = plain.inverse_frequencies(config.rotary_dim);
            let scaled = config.rope.inverse_frequencies(config.rotary_dim);
            let factors = plain.iter().zip(&scaled).map(|(plain, scaled)| (plain / scaled) as f32).collect();
            vec![("rope_freqs.weight", factors)]
        }
        Some(RopeScaling::LongRope(scaling)) => {
            let [short, long] = LONG_ROPE_FACTORS;
            vec![(short, scaling.short_factor.clone()), (long, scaling.long_factor.clone())]
        }
        _ => Vec::new(),
    }
}

pub(super) fn write_values(out: &mut impl Write, values: &[f32]) -> std::io::Result<()> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    out.write_all(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in the Q4_K_M file of Gemma 3 270M.
    #[test]
    fn some_layers_have_more_bits() {
        let found: Vec<usize> = (0..18).filter(|&layer| has_more_bits(layer, 18)).collect();
        assert_eq!(found, [0, 1, 4, 7, 10, 13, 15, 16, 17]);
    }
}
