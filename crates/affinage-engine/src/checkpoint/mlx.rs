//! Adapters as `mlx_lm` writes them: `adapters.safetensors` with `lora_a` `[in, rank]` and `lora_b` `[rank, out]`, one rank
//! and one factor for all modules.
//!
//! Source: mlx-lm `tuner/utils.py` (`load_adapters`), `tuner/lora.py` (`LoRALinear`).

use std::path::Path;

use super::peft::MAX_RANK;
use super::{
    ADAPTER_CONFIG, CheckpointError, Form, MLX_ADAPTER_FILE, Matrix, TensorFile, read, read_json, targets_of,
};
use crate::lora::{Adapter, LoraConfig, Module, Target};
use crate::weights::ModelConfig;

/// Reads a folder of mlx-lm. The modules are those whose matrices the file holds.
pub(super) fn load(dir: &Path, model: &ModelConfig) -> Result<Adapter, CheckpointError> {
    let path = dir.join(ADAPTER_CONFIG);
    let config = read_json(&path)?;
    let owned = |key: &str, expected: &str| (path.clone(), key.to_owned(), expected.to_owned());
    // mlx-lm takes a file without it for `lora`.
    if !matches!(config["fine_tune_type"].as_str(), None | Some("lora")) || config["use_dora"] == true {
        let key = if config["use_dora"] == true { "use_dora" } else { "fine_tune_type" };
        let found = config[key].to_string();
        let (path, key, expected) = owned(key, "\"lora\": others are not computed here");
        return Err(CheckpointError::NotComputed { path, key, found, expected });
    }
    let parameters = &config["lora_parameters"];
    let wrong = |key: &str, expected: &str| {
        let found = parameters[key].to_string();
        let (path, key, expected) = owned(&format!("lora_parameters.{key}"), expected);
        CheckpointError::Config { path, key, found, expected }
    };
    if !parameters["alpha"].is_null() {
        return Err(wrong(
            "alpha",
            "none: the versions that wrote one do not agree on what it does beside `scale`",
        ));
    }
    let rank = parameters["rank"].as_u64().filter(|rank| (1..=MAX_RANK).contains(rank));
    let rank = rank.ok_or_else(|| wrong("rank", &format!("1 to {MAX_RANK}")))? as usize;
    let scale = parameters["scale"].as_f64().filter(|scale| scale.is_finite());
    let alpha = scale.ok_or_else(|| wrong("scale", "a number"))? as f32 * rank as f32;
    let path = dir.join(MLX_ADAPTER_FILE);
    let bytes = read(&path)?;
    let file = TensorFile::open(&path, &bytes)?;
    let decoder = file.decoder("");
    let name = |layer, target: Target, matrix: Matrix| {
        let matrix = if matches!(matrix, Matrix::A) { "lora_a" } else { "lora_b" };
        format!("{decoder}.layers.{layer}.{}.{matrix}", target.path())
    };
    let holds =
        |layer, target| Matrix::BOTH.iter().any(|m| file.tensors.tensor(&name(layer, target, *m)).is_ok());
    let modules: Vec<Module> = (0..model.layers)
        .flat_map(|layer| Target::of(model).iter().map(move |&target| Module { layer, target, rank, alpha }))
        .filter(|module| holds(module.layer, module.target))
        .collect();
    let targets = targets_of(&modules);
    let dropout = parameters["dropout"].as_f64().unwrap_or(0.0) as f32;
    let config = LoraConfig { rank, alpha, use_rslora: false, dropout, targets };
    file.adapter(config, &modules, model, &Form { name: &name, transposed: true })
}
