//! Tokenizer and chat template beside exported weights: copied where the form is that of the base, rebuilt where not.

use std::path::Path;

use affinage_engine::export::{Field, config_json};
use affinage_engine::weights::{GgufMetadata, GgufValue, Precision};
use anyhow::Context as _;
use serde_json::{Value, json};

use crate::model::LoadedModel;

/// What a Hugging Face folder holds beside the weights; weights and readme are not copied.
const TEXT_FILES: [&str; 10] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "LICENSE",
];

/// Writes configuration, tokenizer, template and generation settings into the folder `dir` with merged weights. Of a model
/// that also sees pictures it is the text model alone.
pub fn write_folder(model: &LoadedModel, precision: Precision, dir: &Path) -> anyhow::Result<()> {
    let from = model.weights.path();
    if model.weights.gguf().is_none() {
        for name in TEXT_FILES {
            if from.join(name).is_file() {
                fs_err::copy(from.join(name), dir.join(name))?;
            }
        }
        if model.weights.left_out().is_some() {
            let config = config_json(model.weights.config(), precision);
            return write_json(&dir.join("config.json"), &config);
        }
        let mut config: Value = serde_json::from_slice(&fs_err::read(from.join("config.json"))?)?;
        let entries = config.as_object_mut().context("config.json is no object")?;
        entries.remove("dtype");
        let ours = config_json(model.weights.config(), precision);
        entries.insert("torch_dtype".to_owned(), ours["torch_dtype"].clone());
        return write_json(&dir.join("config.json"), &config);
    }
    write_json(&dir.join("config.json"), &config_json(model.weights.config(), precision))?;
    fs_err::write(dir.join("tokenizer.json"), model.tokenizer.to_json()?)?;
    let mut config = json!({
        "clean_up_tokenization_spaces": false,
        "model_max_length": model.weights.config().max_position_embeddings,
        "tokenizer_class": "PreTrainedTokenizerFast",
    });
    if let Ok(template) = model.template() {
        let special = template.special_tokens();
        let named =
            [("bos", &special.bos), ("eos", &special.eos), ("pad", &special.pad), ("unk", &special.unk)];
        for (role, token) in named {
            if let Some(token) = token {
                config[format!("{role}_token")] = json!(token);
            }
        }
        fs_err::write(dir.join("chat_template.jinja"), template.source())?;
    }
    write_json(&dir.join("tokenizer_config.json"), &config)?;
    let ends = json!(model.end_tokens);
    let generation = json!({"bos_token_id": model.weights.config().bos_token_id, "eos_token_id": ends});
    write_json(&dir.join("generation_config.json"), &generation)
}

const CHAT_TEMPLATE: &str = "tokenizer.chat_template";

/// Name, tokenizer and template as fields of a GGUF file.
pub fn gguf_fields(model: &LoadedModel) -> anyhow::Result<Vec<(String, Field)>> {
    let name = model.hub_id.as_deref().unwrap_or(&model.name);
    let mut fields = vec![("general.name".to_owned(), Field::Text(format!("{name} tuned")))];
    match model.weights.gguf() {
        Some(metadata) => fields.extend(copied(metadata)?),
        None => fields.extend(rebuilt(model)?),
    }
    // A base without one takes it from a file beside its weights.
    if let (Ok(template), false) = (model.template(), fields.iter().any(|(key, _)| key == CHAT_TEMPLATE)) {
        fields.push((CHAT_TEMPLATE.to_owned(), Field::Text(template.source().to_owned())));
    }
    Ok(fields)
}

/// Every field of the base's own tokenizer.
fn copied(metadata: &GgufMetadata) -> anyhow::Result<Vec<(String, Field)>> {
    let mut fields = Vec::new();
    for key in metadata.keys().into_iter().filter(|key| key.starts_with("tokenizer.")) {
        let field = match metadata.get(key).expect("a listed key") {
            GgufValue::Unsigned(n) => Field::U32(u32::try_from(*n).with_context(|| key.to_owned())?),
            GgufValue::Signed(n) => Field::I32(i32::try_from(*n).with_context(|| key.to_owned())?),
            GgufValue::Float(x) => Field::F32(*x as f32),
            GgufValue::Bool(x) => Field::Bool(*x),
            GgufValue::String(text) => Field::Text(text.clone()),
            GgufValue::Array(_) => match (metadata.strings(key), metadata.floats(key)) {
                (Ok(texts), _) => Field::Texts(texts.into_iter().flatten().map(str::to_owned).collect()),
                (_, Ok(numbers)) => Field::F32s(numbers.unwrap_or_default()),
                _ => {
                    let numbers = metadata.integers(key)?.unwrap_or_default();
                    Field::I32s(numbers.into_iter().map(i32::try_from).collect::<Result<_, _>>()?)
                }
            },
        };
        fields.push((key.to_owned(), field));
    }
    Ok(fields)
}

fn rebuilt(model: &LoadedModel) -> anyhow::Result<Vec<(String, Field)>> {
    let parts = model.tokenizer.gguf_vocabulary(model.weights.config().vocab_size)?;
    let text = |text: &str| Field::Text(text.to_owned());
    let types = parts.token_types.iter().map(|kind| i32::try_from(*kind)).collect::<Result<_, _>>()?;
    let mut fields = vec![
        ("model", text(parts.model)),
        ("pre", text(parts.pre)),
        ("tokens", Field::Texts(parts.tokens)),
        ("token_type", Field::I32s(types)),
        ("add_bos_token", Field::Bool(adds_begin(model.weights.path())?)),
    ];
    if parts.model == "llama" {
        fields.push(("scores", Field::F32s(parts.scores)));
        fields.push(("add_space_prefix", Field::Bool(parts.add_space_prefix)));
    } else {
        fields.push(("merges", Field::Texts(parts.merges)));
    }
    let special = model.template().map(|template| template.special_tokens().clone()).unwrap_or_default();
    let id = |token: &Option<String>| token.as_deref().and_then(|token| model.tokenizer.id(token));
    let begin = id(&special.bos).or(model.weights.config().bos_token_id);
    // One end token by role, further ones as end of turn and of message.
    let first = id(&special.eos).filter(|id| model.end_tokens.contains(id)).unwrap_or(model.end_tokens[0]);
    let mut others = model.end_tokens.iter().copied().filter(|id| *id != first);
    let roles = [
        ("bos_token_id", begin),
        ("eos_token_id", Some(first)),
        ("eot_token_id", others.next()),
        ("eom_token_id", others.next()),
        ("padding_token_id", id(&special.pad)),
        ("unknown_token_id", id(&special.unk)),
    ];
    fields.extend(roles.into_iter().filter_map(|(role, id)| Some((role, Field::U32(id?)))));
    Ok(fields.into_iter().map(|(key, field)| (format!("tokenizer.ggml.{key}"), field)).collect())
}

/// Whether the base's tokenizer puts a begin token before a plain text.
fn adds_begin(folder: &Path) -> anyhow::Result<bool> {
    let read = |name: &str| -> anyhow::Result<Value> {
        let path = folder.join(name);
        Ok(if path.is_file() { serde_json::from_slice(&fs_err::read(path)?)? } else { Value::Null })
    };
    if let Some(said) = read("tokenizer_config.json")?["add_bos_token"].as_bool() {
        return Ok(said);
    }
    let processor = read("tokenizer.json")?["post_processor"].take();
    let steps = processor["processors"].as_array().cloned().unwrap_or_else(|| vec![processor]);
    Ok(steps.iter().any(|step| step["single"][0].get("SpecialToken").is_some()))
}

fn write_json(path: &Path, value: &Value) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(fs_err::write(path, text)?)
}
