//! `adapter_config.json`: on which modules of the decoder an adapter is, with which rank and scale.
//!
//! Whatever peft can write is computed as peft computes it or refused by name; nothing is skipped in silence.
//! Source: peft 0.21 `tuners/lora/config.py`, `check_target_module_exists`, `get_pattern_key`.

use std::path::Path;

use regex::Regex;
use serde_json::{Map, Value, json};

use super::{
    ADAPTER_CONFIG, ADAPTER_FILE, CheckpointError, DECODERS, Form, Matrix, TensorFile, read, read_json,
    targets_of,
};
use crate::lora::{Adapter, LoraConfig, Module, Target};
use crate::weights::ModelConfig;

/// Largest rank of an adapter that is read or trained: far above what any trainer uses.
pub const MAX_RANK: u64 = 4096;

/// Read here. What is on and in neither of the two lists is refused.
const COMPUTED: [&str; 12] = [
    "peft_type",
    "r",
    "lora_alpha",
    "lora_dropout",
    "use_rslora",
    "target_modules",
    "exclude_modules",
    "rank_pattern",
    "alpha_pattern",
    "layers_to_transform",
    "layers_pattern",
    "init_lora_weights",
];
/// Says where an adapter comes from or how it was started, and changes no number of a finished one.
const WITHOUT_EFFECT: [&str; 16] = [
    "auto_mapping",
    "base_model_name_or_path",
    "ensure_weight_tying",
    "eva_config",
    // peft takes it back on the linear layers of these models.
    "fan_in_fan_out",
    "inference_mode",
    "lora_dtype",
    "lorap_emb_lr",
    "lorap_lr_ratio",
    "megatron_core",
    "merge_weights",
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
    "task_type",
];
/// Trainers that leave notes of their own in the file, under keys that begin with their name; peft does not read them.
const NOTES_OF: [&str; 4] = ["unsloth_", "axolotl_", "llamafactory_", "swift_"];
/// Starting values that leave the base alone. Others (PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA) subtract something from it.
const PLAIN_STARTS: [&str; 3] = ["gaussian", "eva", "orthogonal"];

/// Reads a folder that peft wrote, or could have written.
pub(super) fn load(dir: &Path, model: &ModelConfig) -> Result<Adapter, CheckpointError> {
    let config_path = dir.join(ADAPTER_CONFIG);
    let config = read_json(&config_path)?;
    let path = dir.join(ADAPTER_FILE);
    let bytes = read(&path)?;
    let file = TensorFile::open(&path, &bytes)?;
    let decoder = file.decoder(BEFORE);
    let (config, modules) = parse(&config, &config_path, (model, decoder))?;
    let infix = adapter_name(&file)?;
    let name = |layer, target: Target, matrix: Matrix| {
        let matrix = if matches!(matrix, Matrix::A) { "lora_A" } else { "lora_B" };
        format!("{BEFORE}{}.{matrix}{infix}.weight", name_in(decoder, layer, target))
    };
    file.adapter(config, &modules, model, &Form { name: &name, transposed: false })
}

/// The name that a state dict of a model in training has between matrix and `weight`: `.default`, or nothing. peft leaves
/// it away when it saves.
fn adapter_name(file: &TensorFile) -> Result<String, CheckpointError> {
    let within = |tensor: &str| {
        let (_, rest) = tensor.split_once(".lora_A").or_else(|| tensor.split_once(".lora_B"))?;
        rest.strip_suffix(".weight").map(str::to_owned)
    };
    let mut tensors = file.tensors.names();
    tensors.sort_unstable();
    let mut named = tensors.into_iter().filter_map(|tensor| Some((tensor, within(tensor)?)));
    let Some((_, first)) = named.next() else { return Ok(String::new()) };
    match named.find(|(_, name)| *name != first) {
        None => Ok(first),
        Some((tensor, name)) => {
            let shown = |name: &str| format!("`{}`", name.trim_start_matches('.'));
            let problem =
                format!("belongs to the adapter {}, others to {}; expected one", shown(&name), shown(&first));
            Err(file.error(tensor, problem))
        }
    }
}

/// What peft writes before the name of a module.
const BEFORE: &str = "base_model.model.";

/// The name of `lora_A` or `lora_B` in a file.
pub(super) fn matrix_name(decoder: &str, layer: usize, target: Target, matrix: &str) -> String {
    format!("{BEFORE}{}.{matrix}.weight", name_in(decoder, layer, target))
}

/// What peft would do with this configuration on a decoder of this shape.
fn parse(
    config: &Value,
    path: &Path,
    (model, decoder): (&ModelConfig, &str),
) -> Result<(LoraConfig, Vec<Module>), CheckpointError> {
    let file = File { path, config };
    file.refuse_what_is_not_computed()?;
    let rank = file.rank("r", &config["r"])?;
    let alpha = file.number("lora_alpha", &config["lora_alpha"])?;
    let (ranks, alphas) = (file.patterns("rank_pattern")?, file.patterns("alpha_pattern")?);
    let targets =
        file.names("target_modules")?.ok_or_else(|| file.refuse("target_modules", "a list of names"))?;
    let (excluded, layers) = (file.names("exclude_modules")?, file.layers()?);
    let linears = Target::of(model);
    let selection = Selection { targets, excluded, layers, file: &file, decoder, linears };
    let mut modules = Vec::new();
    for layer in 0..model.layers {
        for &target in linears {
            let key = name_in(decoder, layer, target);
            if !selection.holds(&key, layer) {
                continue;
            }
            let of = |patterns: &[(Regex, Value)]| {
                patterns.iter().find(|(pattern, _)| pattern.is_match(&key)).map(|(_, value)| value.clone())
            };
            modules.push(Module {
                layer,
                target,
                rank: of(&ranks).map_or(Ok(rank), |value| file.rank("rank_pattern", &value))?,
                alpha: of(&alphas).map_or(Ok(alpha), |value| file.number("alpha_pattern", &value))?,
            });
        }
    }
    selection.refuse_other_modules(&modules)?;
    let lora = LoraConfig {
        rank,
        alpha,
        use_rslora: config["use_rslora"] == true,
        dropout: config["lora_dropout"].as_f64().unwrap_or(0.0) as f32,
        targets: targets_of(&modules),
    };
    Ok((lora, modules))
}

/// The key set of peft 0.17, which later versions read too. Where the decoder is a part, its modules have whole names: other
/// parts have some of the same last names.
pub(super) fn write(decoder: &str, adapter: &Adapter, base_model: &str) -> Value {
    let (config, layout) = (&adapter.config, &adapter.layout);
    let mut targets = Vec::new();
    for target in &config.targets {
        let mut of_target = layout.pairs.iter().filter(|pair| pair.target == *target);
        if of_target.clone().count() == layout.layers() && decoder == DECODERS[0] {
            targets.push(target.name().to_owned());
        } else {
            targets.extend(of_target.by_ref().map(|pair| name_in(decoder, pair.layer, pair.target)));
        }
    }
    let (mut ranks, mut alphas) = (Map::new(), Map::new());
    for pair in &layout.pairs {
        let key = || regex::escape(&name_in(decoder, pair.layer, pair.target));
        if pair.rank != config.rank {
            ranks.insert(key(), json!(pair.rank));
        }
        if pair.alpha != config.alpha {
            alphas.insert(key(), number(pair.alpha));
        }
    }
    json!({
        "alpha_pattern": alphas, "auto_mapping": null, "base_model_name_or_path": base_model, "bias": "none",
        "corda_config": null, "eva_config": null, "exclude_modules": null, "fan_in_fan_out": false,
        "inference_mode": true, "init_lora_weights": true, "layer_replication": null, "layers_pattern": null,
        "layers_to_transform": null, "loftq_config": {}, "lora_alpha": number(config.alpha), "lora_bias": false,
        "lora_dropout": config.dropout, "megatron_config": null, "megatron_core": "megatron.core",
        "modules_to_save": null, "peft_type": "LORA", "qalora_group_size": 16, "r": config.rank,
        "rank_pattern": ranks, "revision": null, "target_modules": targets, "target_parameters": null,
        "task_type": "CAUSAL_LM", "trainable_token_indices": null, "use_dora": false, "use_qalora": false,
        "use_rslora": config.use_rslora,
    })
}

/// The name by which peft knows a module: `model.layers.3.self_attn.q_proj`, or
/// `model.language_model.layers.3.self_attn.q_proj` where the decoder is a part of the model.
fn name_in(decoder: &str, layer: usize, target: Target) -> String {
    format!("{decoder}.layers.{layer}.{}", target.path())
}

/// A whole number stays one: peft writes `32`, not `32.0`.
fn number(value: f32) -> Value {
    if value.fract() == 0.0 { json!(value as i64) } else { json!(value) }
}

/// Which modules a configuration names.
struct Selection<'a> {
    targets: Names,
    excluded: Option<Names>,
    /// Only with a list of names, as in peft.
    layers: Option<Vec<usize>>,
    file: &'a File<'a>,
    decoder: &'a str,
    /// Those of the model.
    linears: &'static [Target],
}

enum Names {
    AllLinear,
    /// A module's name, or the end of it from a dot on.
    List(Vec<String>),
    /// Matches the whole name.
    Pattern(Regex),
}

impl Names {
    fn hold(&self, key: &str) -> bool {
        match self {
            Names::AllLinear => key != "lm_head" && !key.ends_with("embed_tokens"),
            Names::List(names) => names.iter().any(|name| is_named(key, name)),
            Names::Pattern(pattern) => pattern.is_match(key),
        }
    }
}

fn is_named(key: &str, name: &str) -> bool {
    key.strip_suffix(name).is_some_and(|head| head.is_empty() || head.ends_with('.'))
}

impl Selection<'_> {
    fn named(&self, key: &str) -> bool {
        self.targets.hold(key) && !self.excluded.as_ref().is_some_and(|names| names.hold(key))
    }

    fn holds(&self, key: &str, layer: usize) -> bool {
        let by_list = matches!(self.targets, Names::List(_));
        let in_layers = !by_list || self.layers.as_ref().is_none_or(|layers| layers.contains(&layer));
        in_layers && self.named(key)
    }

    /// An adapter on something else than the projections would be computed without that part.
    fn refuse_other_modules(&self, modules: &[Module]) -> Result<(), CheckpointError> {
        let names: Vec<&str> = self.linears.iter().map(|target| target.name()).collect();
        let expected = format!("some of {}", names.join(", "));
        let embeddings = format!("{}.embed_tokens", self.decoder);
        let outside = ["lm_head", &embeddings].into_iter().any(|key| self.named(key));
        if modules.is_empty() || outside {
            return Err(self.file.not_computed("target_modules", &expected));
        }
        let Names::List(names) = &self.targets else { return Ok(()) };
        // A list may name what is excluded: peft writes the names that it found, and takes the exclusion from them.
        let excluded = |name: &str| self.excluded.as_ref().is_some_and(|excluded| excluded.hold(name));
        let known = |name: &&String| {
            self.linears.iter().any(|target| is_named(target.path(), name))
                || modules
                    .iter()
                    .any(|module| is_named(&name_in(self.decoder, module.layer, module.target), name))
                || excluded(name)
        };
        match names.iter().find(|name| !known(name)) {
            Some(name) => {
                Err(self.file.not_computed_as("target_modules", format!("{name:?} among others"), &expected))
            }
            None => Ok(()),
        }
    }
}

struct File<'a> {
    path: &'a Path,
    config: &'a Value,
}

impl File<'_> {
    fn error(&self, key: &str, found: String, expected: &str) -> CheckpointError {
        let (path, key, expected) = (self.path.to_owned(), key.to_owned(), expected.to_owned());
        CheckpointError::Config { path, key, found, expected }
    }

    fn refuse(&self, key: &str, expected: &str) -> CheckpointError {
        self.error(key, self.config[key].to_string(), expected)
    }

    fn not_computed_as(&self, key: &str, found: String, expected: &str) -> CheckpointError {
        let (path, key, expected) = (self.path.to_owned(), key.to_owned(), expected.to_owned());
        CheckpointError::NotComputed { path, key, found, expected }
    }

    fn not_computed(&self, key: &str, expected: &str) -> CheckpointError {
        self.not_computed_as(key, self.config[key].to_string(), expected)
    }

    fn refuse_what_is_not_computed(&self) -> Result<(), CheckpointError> {
        let Some(keys) = self.config.as_object() else {
            return Err(self.error("the file", self.config.to_string(), "a JSON object"));
        };
        if self.config["peft_type"] != "LORA" {
            return Err(self.not_computed("peft_type", "\"LORA\""));
        }
        if !matches!(self.config["bias"].as_str(), None | Some("none")) {
            return Err(self.not_computed("bias", "\"none\""));
        }
        let plain_start = match &self.config["init_lora_weights"] {
            Value::Null | Value::Bool(_) => true,
            Value::String(start) => PLAIN_STARTS.contains(&start.to_lowercase().as_str()),
            _ => false,
        };
        if !plain_start {
            let expected = "true, false, gaussian, eva or orthogonal: others change the base model's weights";
            return Err(self.not_computed("init_lora_weights", expected));
        }
        for (key, value) in keys {
            let off = match value {
                Value::Null | Value::Bool(false) => true,
                Value::Object(map) => map.is_empty(),
                Value::Array(list) => list.is_empty(),
                _ => false,
            };
            let known = key == "bias"
                || COMPUTED.contains(&&**key)
                || WITHOUT_EFFECT.contains(&&**key)
                || NOTES_OF.iter().any(|trainer| key.starts_with(trainer));
            if !off && !known {
                return Err(self.not_computed(key, "nothing: this is not computed here"));
            }
        }
        Ok(())
    }

    fn rank(&self, key: &str, value: &Value) -> Result<usize, CheckpointError> {
        let rank = value.as_u64().filter(|rank| (1..=MAX_RANK).contains(rank));
        rank.map(|rank| rank as usize)
            .ok_or_else(|| self.error(key, value.to_string(), &format!("1 to {MAX_RANK}")))
    }

    fn number(&self, key: &str, value: &Value) -> Result<f32, CheckpointError> {
        let number = value.as_f64().map(|number| number as f32).filter(|number| number.is_finite());
        number.ok_or_else(|| self.error(key, value.to_string(), "a number"))
    }

    /// `{pattern: value}` in the order of the file; a pattern matches a whole name, or its end from a dot on.
    fn patterns(&self, key: &str) -> Result<Vec<(Regex, Value)>, CheckpointError> {
        let map = match &self.config[key] {
            Value::Null => return Ok(Vec::new()),
            Value::Object(map) => map,
            _ => return Err(self.refuse(key, "names with values")),
        };
        let pattern = |(name, value): (&String, &Value)| {
            Ok((self.regex(key, &format!("^(?:.*\\.)?(?:{name})$"), name)?, value.clone()))
        };
        map.iter().map(pattern).collect()
    }

    fn names(&self, key: &str) -> Result<Option<Names>, CheckpointError> {
        match &self.config[key] {
            Value::Null => Ok(None),
            Value::String(all) if all.eq_ignore_ascii_case("all-linear") => Ok(Some(Names::AllLinear)),
            Value::String(pattern) => {
                let regex = self.regex(key, &format!("^(?:{pattern})$"), pattern)?;
                Ok(Some(Names::Pattern(regex)))
            }
            Value::Array(names) => {
                let texts = names.iter().map(|name| name.as_str().map(str::to_owned)).collect();
                let texts: Option<Vec<String>> = texts;
                texts
                    .map(|names| (!names.is_empty()).then_some(Names::List(names)))
                    .ok_or_else(|| self.refuse(key, "a list of names"))
            }
            _ => Err(self.refuse(key, "a list of names")),
        }
    }

    fn regex(&self, key: &str, anchored: &str, written: &str) -> Result<Regex, CheckpointError> {
        let expected = "a regular expression without look-around and back-references";
        Regex::new(anchored).map_err(|_| self.error(key, format!("{written:?}"), expected))
    }

    fn layers(&self) -> Result<Option<Vec<usize>>, CheckpointError> {
        let layers = match &self.config["layers_to_transform"] {
            Value::Null => return Ok(None),
            Value::Array(layers) if layers.is_empty() => return Ok(None),
            Value::Array(layers) => layers.iter().map(Value::as_u64).collect(),
            one => one.as_u64().map(|layer| vec![layer]),
        };
        let layers: Vec<u64> =
            layers.ok_or_else(|| self.refuse("layers_to_transform", "a layer number or a list of them"))?;
        let pattern = match &self.config["layers_pattern"] {
            Value::Null => true,
            Value::String(pattern) => matches!(pattern.as_str(), "" | "layers"),
            Value::Array(patterns) => patterns.is_empty() || patterns.iter().any(|p| p == "layers"),
            _ => false,
        };
        match pattern {
            true => Ok(Some(layers.into_iter().map(|layer| layer as usize).collect())),
            false => Err(self.refuse("layers_pattern", "\"layers\"")),
        }
    }
}
