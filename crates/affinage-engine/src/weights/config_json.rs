//! config.json of a folder in the Hugging Face layout.
//!
//! Source: transformers, the configuration class of each family: defaults, old and new places of the rope settings.

use std::path::Path;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::config::{Activation, Family, ModelConfig, gemma_embedding_scale, inverse_root};
use super::error::LoadError;
use super::folder::read_json;
use super::rope_json::{PHI3_POSITIONS, RopeJson, RopeParameters, ropes, rotated_share};

/// The fields that are used, or refused unless they are harmless. Others do not change the arithmetic of the supported
/// families.
#[derive(Deserialize)]
pub(super) struct ConfigJson {
    architectures: Option<Vec<String>>,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    rms_norm_eps: Option<f32>,
    pub rope_theta: Option<f64>,
    pub rope_local_base_freq: Option<f64>,
    pub rope_scaling: Option<RopeJson>,
    pub rope_parameters: Option<RopeParameters>,
    pub partial_rotary_factor: Option<f64>,
    no_rope_layers: Option<Vec<u8>>,
    no_rope_layer_interval: Option<usize>,
    tie_word_embeddings: Option<bool>,
    pub max_position_embeddings: Option<usize>,
    pub original_max_position_embeddings: Option<usize>,
    eos_token_id: Option<TokenIds>,
    bos_token_id: Option<TokenIds>,
    hidden_act: Option<String>,
    hidden_activation: Option<String>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    lm_head_bias: Option<bool>,
    query_pre_attn_scalar: Option<f32>,
    attention_multiplier: Option<f32>,
    embedding_multiplier: Option<f32>,
    residual_multiplier: Option<f32>,
    logits_scaling: Option<f32>,
    attn_logit_softcapping: Option<f64>,
    final_logit_softcapping: Option<f64>,
    use_bidirectional_attention: Option<bool>,
    is_causal: Option<bool>,
    use_sliding_window: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    sliding_window: Option<Option<usize>>,
    sliding_window_pattern: Option<usize>,
    max_window_layers: Option<usize>,
    layer_types: Option<Vec<String>>,
    quantization_config: Option<Value>,
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

/// The fields with their types.
///
/// Errors: the first key whose value has another type, or that is required and missing.
fn typed(path: &Path, fields: Map<String, Value>) -> Result<ConfigJson, LoadError> {
    const REQUIRED: [&str; 5] =
        ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"];
    if let Some(key) = REQUIRED.into_iter().find(|key| !fields.contains_key(*key)) {
        return Err(LoadError::malformed(path, key, "a whole number, not negative", "nothing"));
    }
    // One key at a time, as an error of all together does not name it.
    for (key, value) in &fields {
        let mut one: Map<String, Value> =
            REQUIRED.map(|key| (key.to_owned(), Value::from(1))).into_iter().collect();
        one.insert(key.clone(), value.clone());
        if let Err(error) = ConfigJson::deserialize(Value::Object(one)) {
            let (expected, found) = in_plain_words(&error.to_string(), value);
            return Err(LoadError::malformed(path, key, expected, found));
        }
    }
    ConfigJson::deserialize(Value::Object(fields))
        .map_err(|source| LoadError::Json { path: path.to_owned(), source })
}

/// `expected` and `found` of what the JSON reader says of a wrong type.
fn in_plain_words(error: &str, value: &Value) -> (String, String) {
    let expected = error.rsplit_once("expected ").map_or("", |(_, expected)| expected);
    let expected = match expected {
        "f32" | "f64" => "a number",
        "usize" | "u32" => "a whole number, not negative",
        "u8" => "a whole number up to 255",
        "a boolean" => "true or false",
        "a string" => "a text",
        "a sequence" => "a list",
        _ => match error.starts_with("data did not match") {
            true if error.contains("TokenIds") => "a token id or a list of them",
            _ => "settings in braces with their usual types",
        },
    };
    let found = match value {
        // The reader names an element that is wrong.
        Value::Array(_) => error.split_once(": ").and_then(|(_, rest)| rest.rsplit_once(", expected")),
        _ => None,
    };
    let found = found
        .map_or_else(|| described(value), |(element, _)| format!("{} in the list", element.replace('`', "")));
    (expected.to_owned(), found)
}

fn described(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(_) => format!("the text {value}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// Keys for which a null is no default in transformers, but an error.
fn refuse_null(path: &Path, family: Family, fields: &Map<String, Value>) -> Result<(), LoadError> {
    let is_null = |key: &str| fields.get(key) == Some(&Value::Null);
    let numbers: &[&str] = match family {
        Family::Granite => {
            &["attention_multiplier", "embedding_multiplier", "residual_multiplier", "logits_scaling"]
        }
        Family::Gemma3 => &["query_pre_attn_scalar"],
        _ => &[],
    };
    if let Some(key) = numbers.iter().chain(&["rms_norm_eps"]).find(|key| is_null(key)) {
        return Err(LoadError::malformed(path, *key, "a number", "null"));
    }
    if is_null("tie_word_embeddings") {
        return Err(LoadError::malformed(path, "tie_word_embeddings", "true or false", "null"));
    }
    if is_null("rope_theta") && fields.get("rope_parameters").is_none_or(Value::is_null) {
        return Err(LoadError::malformed(path, "rope_theta", "a number", "null"));
    }
    if is_null(activation_key(family)) {
        return Err(LoadError::malformed(path, activation_key(family), "a text", "null"));
    }
    Ok(())
}

/// Where the function of the gate is named.
fn activation_key(family: Family) -> &'static str {
    match family {
        Family::Gemma3 => "hidden_activation",
        _ => "hidden_act",
    }
}

pub(super) fn read_config(folder: &Path) -> Result<(ModelConfig, bool), LoadError> {
    let path = folder.join("config.json");
    if !path.is_file() {
        return Err(LoadError::NotAModel { path: folder.to_owned() });
    }
    let (fields, is_part) = text_part(&path, read_json(&path)?)?;
    let Some(model_type) = fields.get("model_type").and_then(Value::as_str).map(str::to_owned) else {
        let found = fields.get("model_type").map_or("nothing".to_owned(), described);
        return Err(LoadError::malformed(&path, "model_type", "a text", found));
    };
    let Some(family) = Family::ALL.into_iter().find(|family| family.transformers_names().0 == model_type)
    else {
        let supported = Family::supported_beside(&model_type);
        return Err(LoadError::unsupported(&path, "model_type", model_type, supported));
    };
    refuse_null(&path, family, &fields)?;
    let json = typed(&path, fields)?;
    ModelConfig::check_layers(&path, json.num_hidden_layers)?;
    refuse_other_arithmetic(&path, family, &json)?;
    let layers_without_rope = layers_without_rope(&path, family, &json)?;
    let (sliding_window, sliding_layers) = sliding_layers(&path, family, &json, &layers_without_rope)?;
    let (rope, sliding_rope) = ropes(&path, family, &json)?;
    let heads = json.num_attention_heads;
    let head_dim = json.head_dim.unwrap_or(match family {
        Family::Qwen3 => 128,
        Family::Gemma3 => 256,
        _ => json.hidden_size / heads.max(1),
    });
    let tied = matches!(family, Family::Gemma3 | Family::SmolLm3);
    let of_granite = |value: Option<f32>| value.filter(|_| family == Family::Granite).unwrap_or(1.0);
    let mut config = ModelConfig {
        family,
        vocab_size: json.vocab_size,
        hidden_size: json.hidden_size,
        intermediate_size: json.intermediate_size,
        layers: json.num_hidden_layers,
        heads,
        kv_heads: json.num_key_value_heads.unwrap_or(heads),
        head_dim,
        rms_norm_eps: json.rms_norm_eps.unwrap_or(match family {
            Family::Olmo2 | Family::Phi3 => 1e-5,
            _ => 1e-6,
        }),
        norms: family.norms(),
        activation: family.activation(),
        fused_projections: family.has_fused_projections(),
        rope,
        rotary_dim: match family {
            Family::Phi3 => (head_dim as f64 * rotated_share(&json)) as usize,
            _ => head_dim,
        },
        sliding_rope: sliding_rope.filter(|_| !sliding_layers.is_empty()),
        layers_without_rope,
        tie_word_embeddings: json.tie_word_embeddings.unwrap_or(tied),
        qkv_bias: family == Family::Qwen2,
        qk_norm: family.qk_norm(),
        attention_scale: match family {
            Family::Gemma3 => inverse_root(json.query_pre_attn_scalar.unwrap_or(256.0)),
            Family::Granite => json.attention_multiplier.unwrap_or(1.0),
            _ => inverse_root(head_dim as f32),
        },
        embedding_scale: match family {
            Family::Gemma3 => gemma_embedding_scale(json.hidden_size),
            _ => of_granite(json.embedding_multiplier),
        },
        residual_scale: of_granite(json.residual_multiplier),
        logits_divisor: of_granite(json.logits_scaling),
        max_position_embeddings: json.max_position_embeddings.unwrap_or(match family {
            Family::Llama | Family::Granite | Family::Olmo2 => 2048,
            Family::Phi3 => PHI3_POSITIONS,
            Family::Mistral | Family::Gemma3 => 131_072,
            Family::Qwen2 | Family::Qwen3 | Family::SmolLm3 => 32_768,
        }),
        sliding_window,
        sliding_layers,
        eos_token_ids: json.eos_token_id.map(TokenIds::into_vec).unwrap_or_default(),
        bos_token_id: json.bos_token_id.and_then(|ids| ids.into_vec().first().copied()),
    };
    add_generation_end_tokens(folder, &mut config.eos_token_ids)?;
    config.check(&path)?;
    Ok((config, is_part))
}

/// The fields of the decoder, and whether it is a part of a model that also sees pictures: Gemma 3 from 4B on.
fn text_part(path: &Path, mut fields: Map<String, Value>) -> Result<(Map<String, Value>, bool), LoadError> {
    const CLASS: &str = "Gemma3ForConditionalGeneration";
    if fields.get("model_type").and_then(Value::as_str) != Some("gemma3") {
        return Ok((fields, false));
    }
    let mut text = match fields.remove("text_config") {
        Some(Value::Object(text)) => text,
        other => {
            let found = other.as_ref().map_or("nothing".to_owned(), described);
            return Err(LoadError::malformed(path, "text_config", "the settings of the text model", found));
        }
    };
    let classes = fields.get("architectures").and_then(Value::as_array);
    if let Some(classes) = classes.filter(|classes| !classes.iter().any(|class| class == CLASS)) {
        let found: Vec<&str> = classes.iter().filter_map(Value::as_str).collect();
        return Err(LoadError::unsupported(path, "architectures", found.join(", "), CLASS));
    }
    // The files on the Hub leave out what is as in the class.
    let of_class = json!({
        "model_type": "gemma3_text", "vocab_size": 262_208, "hidden_size": 2304, "intermediate_size": 9216,
        "num_hidden_layers": 26, "num_attention_heads": 8, "num_key_value_heads": 4,
    });
    for (key, value) in of_class.as_object().expect("an object") {
        text.entry(key).or_insert_with(|| value.clone());
    }
    for key in ["eos_token_id", "bos_token_id", "tie_word_embeddings", "quantization_config"] {
        if let Some(value) = fields.remove(key).filter(|value| !value.is_null()) {
            text.insert(key.to_owned(), value);
        }
    }
    text.remove("architectures");
    Ok((text, true))
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

fn refuse_other_arithmetic(path: &Path, family: Family, json: &ConfigJson) -> Result<(), LoadError> {
    let refuse = |what: &str, found: String, supported: &str| {
        Err(LoadError::unsupported(path, what, found, supported))
    };
    if let Some(names) = &json.architectures {
        let classes = Family::ALL.map(|family| family.transformers_names().1);
        if !names.iter().any(|name| classes.contains(&name.as_str())) {
            return refuse("architectures", names.join(", "), &classes.join(", "));
        }
    }
    let found = match family {
        Family::Gemma3 => &json.hidden_activation,
        _ => &json.hidden_act,
    };
    let activation = family.activation();
    // `swish` is the older name of the same function.
    let is_same =
        |found: &str| found == activation.name() || (found == "swish" && activation == Activation::Silu);
    if let Some(found) = found.as_deref().filter(|found| !is_same(found)) {
        return refuse(activation_key(family), found.to_owned(), activation.name());
    }
    let switches = [
        ("attention_bias", json.attention_bias),
        ("mlp_bias", json.mlp_bias),
        ("lm_head_bias", json.lm_head_bias),
        ("use_bidirectional_attention", json.use_bidirectional_attention),
    ];
    if let Some((key, _)) = switches.into_iter().find(|(_, on)| *on == Some(true)) {
        return refuse(key, "true".to_owned(), "false");
    }
    if json.is_causal == Some(false) {
        return refuse("is_causal", "false".to_owned(), "true");
    }
    let caps = [
        ("attn_logit_softcapping", json.attn_logit_softcapping),
        ("final_logit_softcapping", json.final_logit_softcapping),
    ];
    if let Some((key, Some(cap))) = caps.into_iter().find(|(_, cap)| cap.is_some()) {
        return refuse(key, cap.to_string(), "null");
    }
    if json.quantization_config.as_ref().is_some_and(|value| !value.is_null()) {
        return refuse("quantization_config", "present".to_owned(), "F32, F16 and BF16 safetensors, or GGUF");
    }
    let ropes: Vec<&RopeJson> = match &json.rope_parameters {
        Some(RopeParameters::One(rope)) => vec![rope],
        Some(RopeParameters::ByLayer { full_attention, sliding_attention }) => {
            std::iter::once(&**full_attention).chain(sliding_attention.as_deref()).collect()
        }
        None => Vec::new(),
    };
    let partial = ropes.iter().map(|rope| rope.partial_rotary_factor).chain([json.partial_rotary_factor]);
    if let Some(factor) = partial.flatten().find(|factor| *factor != 1.0)
        && family != Family::Phi3
    {
        return refuse("partial_rotary_factor", factor.to_string(), "1");
    }
    let mut layer_types = json.layer_types.iter().flatten();
    if let Some(kind) = layer_types.find(|kind| *kind != "full_attention" && *kind != "sliding_attention") {
        return refuse("layer_types", kind.clone(), "full_attention, sliding_attention");
    }
    Ok(())
}

/// `no_rope_layers` has 1 for a layer that is rotated.
fn layers_without_rope(path: &Path, family: Family, json: &ConfigJson) -> Result<Vec<usize>, LoadError> {
    let layers = json.num_hidden_layers;
    match &json.no_rope_layers {
        Some(rotated) if family == Family::SmolLm3 => {
            one_a_layer(path, "no_rope_layers", rotated.len(), layers)?;
            Ok((0..layers).filter(|layer| rotated[*layer] == 0).collect())
        }
        _ => {
            let interval = at_least_one(path, "no_rope_layer_interval", json.no_rope_layer_interval)?;
            Ok(family.layers_without_rope(layers, interval.unwrap_or(4)))
        }
    }
}

/// Of a number that layers are counted by.
fn at_least_one(path: &Path, key: &str, found: Option<usize>) -> Result<Option<usize>, LoadError> {
    match found {
        Some(0) => Err(LoadError::malformed(path, key, "at least 1", 0)),
        found => Ok(found),
    }
}

fn one_a_layer(path: &Path, key: &str, found: usize, layers: usize) -> Result<(), LoadError> {
    if found != layers {
        let expected = format!("one for each of the {layers} layers");
        return Err(LoadError::malformed(path, key, expected, found));
    }
    Ok(())
}

/// The window, and the layers whose attention slides.
///
/// Qwen and SmolLM3 store a window in every file and apply it only with `use_sliding_window`: Qwen from layer
/// `max_window_layers` on, SmolLM3 in the layers without rotation. Mistral applies what it stores, and 4096 if it stores
/// nothing, in all layers, and Phi-3 what it stores. In Gemma 3 the last of every `sliding_window_pattern` layers has full attention. Llama, Granite
/// and OLMo 2 have no window, whatever `layer_types` says.
fn sliding_layers(
    path: &Path,
    family: Family,
    json: &ConfigJson,
    layers_without_rope: &[usize],
) -> Result<(Option<usize>, Vec<usize>), LoadError> {
    let layers = json.num_hidden_layers;
    let window = match (family, json.sliding_window) {
        (Family::Mistral | Family::Gemma3, None) => Some(4096),
        (_, stored) => stored.flatten(),
    };
    if let Some(types) = &json.layer_types {
        one_a_layer(path, "layer_types", types.len(), layers)?;
    }
    let slides = |kind: &str| kind == "sliding_attention";
    let sliding: Vec<usize> = match (&json.layer_types, family, json.use_sliding_window) {
        (_, Family::Llama | Family::Granite | Family::Olmo2, _) => Vec::new(),
        (Some(types), Family::Mistral | Family::Phi3, _)
            if types.iter().any(|kind| slides(kind) != window.is_some()) =>
        {
            let supported = match window {
                Some(_) => "sliding_attention in all layers, as sliding_window is a number",
                None => "full_attention in all layers, as sliding_window is null",
            };
            return Err(LoadError::unsupported(path, "layer_types", types.join(", "), supported));
        }
        (_, Family::Mistral | Family::Phi3, _) => (0..layers).filter(|_| window.is_some()).collect(),
        (Some(types), ..) => (0..layers).filter(|layer| slides(&types[*layer])).collect(),
        (None, Family::Gemma3, _) => {
            let pattern = at_least_one(path, "sliding_window_pattern", json.sliding_window_pattern)?;
            family.sliding_layers(layers, pattern)
        }
        (None, Family::Qwen2 | Family::Qwen3, Some(true)) if window.is_some() => {
            (json.max_window_layers.unwrap_or(28)..layers).collect()
        }
        (None, Family::SmolLm3, Some(true)) if window.is_some() => layers_without_rope.to_vec(),
        _ => Vec::new(),
    };
    if window.is_none() && !sliding.is_empty() {
        let expected = "a size, as there are sliding layers";
        return Err(LoadError::malformed(path, "sliding_window", expected, "none"));
    }
    Ok((window.filter(|_| !sliding.is_empty()), sliding))
}
