//! The adapter as `mlx_lm` loads it: `adapters.safetensors` with `lora_a` `[in, rank]` and `lora_b` `[rank, out]` (peft's
//! matrices transposed), and `adapter_config.json`. mlx puts the same modules on the last `num_layers` layers.
//!
//! Source: mlx-lm `tuner/utils.py` (`load_adapters`, `linear_to_lora_layers`), `tuner/lora.py` (`LoRALinear`).

use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::{Value, json};

use super::{ExportError, common_scale};
use crate::lora::{Adapter, LoraConfig, Module, Pair, Target};
use crate::weights::ModelConfig;

const FORM: &str = "an MLX adapter";
const WEIGHTS: &str = "adapters.safetensors";
const CONFIG: &str = "adapter_config.json";

/// Writes `adapter` into the existing folder `dir`. Errors if its modules differ from layer to layer.
pub fn save_mlx(adapter: &Adapter, base_model: &str, dir: &Path) -> Result<(), ExportError> {
    let (rank, scale) = common_scale(adapter, FORM)?;
    let layers = adapter.layout.layers();
    let targets_of = |layer: usize| -> Vec<Target> {
        Target::ALL.into_iter().filter(|target| adapter.layout.pair(layer, *target).is_some()).collect()
    };
    let last = targets_of(layers - 1);
    let adapted = (0..layers).rev().take_while(|layer| targets_of(*layer) == last).count();
    if last.is_empty() || (0..layers - adapted).any(|layer| !targets_of(layer).is_empty()) {
        let reason = "its modules are not the same on all of the last layers".to_owned();
        return Err(ExportError::NotRepresentable { form: FORM, reason });
    }
    let keys: Vec<&str> = last.iter().map(|target| target.path()).collect();
    let config = json!({
        "fine_tune_type": "lora", "model": base_model, "num_layers": adapted,
        "lora_parameters": {"rank": rank, "scale": scale, "dropout": adapter.config.dropout, "keys": keys},
    });
    let parts: Vec<(String, [usize; 2], Vec<u8>)> = adapter
        .layout
        .pairs
        .iter()
        .flat_map(|pair| {
            let part = |matrix, [rows, cols]: [usize; 2], range: &std::ops::Range<usize>| {
                let values = transposed(&adapter.values[range.clone()], rows, cols);
                let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                (tensor_name(pair.layer, pair.target, matrix), [cols, rows], bytes)
            };
            [
                part("lora_a", [pair.rank, pair.input], &pair.a),
                part("lora_b", [pair.output, pair.rank], &pair.b),
            ]
        })
        .collect();
    let views = parts.iter().map(|(name, shape, bytes)| {
        (name, TensorView::new(Dtype::F32, shape.to_vec(), bytes).expect("the shape of the pair"))
    });
    let note = std::collections::HashMap::from([("format".to_owned(), "mlx".to_owned())]);
    let bytes = safetensors::serialize(views, Some(note)).expect("names are distinct");
    let path = dir.join(WEIGHTS);
    std::fs::write(&path, bytes).map_err(ExportError::io(&path))?;
    let path = dir.join(CONFIG);
    let mut text = serde_json::to_string_pretty(&config).expect("plain JSON");
    text.push('\n');
    std::fs::write(&path, text).map_err(ExportError::io(&path))
}

/// Reads an adapter that mlx wrote for a base of the given shape.
pub fn load_mlx(dir: &Path, model: &ModelConfig) -> Result<Adapter, ExportError> {
    let path = dir.join(CONFIG);
    let damaged = |problem: String| ExportError::Damaged { path: path.clone(), problem };
    let config: Value = serde_json::from_slice(&std::fs::read(&path).map_err(ExportError::io(&path))?)
        .map_err(|error| damaged(error.to_string()))?;
    if config["fine_tune_type"] != "lora" {
        return Err(damaged(format!("fine_tune_type is {}, expected \"lora\"", config["fine_tune_type"])));
    }
    let parameters = &config["lora_parameters"];
    let rank = parameters["rank"].as_u64().ok_or_else(|| damaged("no rank".to_owned()))? as usize;
    let scale = parameters["scale"].as_f64().ok_or_else(|| damaged("no scale".to_owned()))? as f32;
    let path = dir.join(WEIGHTS);
    let damaged = |problem: String| ExportError::Damaged { path: path.clone(), problem };
    let bytes = std::fs::read(&path).map_err(ExportError::io(&path))?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| damaged(error.to_string()))?;
    let alpha = scale * rank as f32;
    let mut modules = Vec::new();
    for layer in 0..model.layers {
        for target in Target::ALL {
            if tensors.tensor(&tensor_name(layer, target, "lora_a")).is_ok() {
                modules.push(Module { layer, target, rank, alpha });
            }
        }
    }
    if tensors.len() != 2 * modules.len() {
        return Err(damaged(format!("{} tensors, {} belong to modules", tensors.len(), 2 * modules.len())));
    }
    let on = |target: &Target| modules.iter().any(|module| module.target == *target);
    let targets = Target::ALL.into_iter().filter(on).collect();
    let config = LoraConfig { rank, alpha, use_rslora: false, dropout: 0.0, targets };
    let mut adapter = Adapter::zeros_on(config, &modules, model);
    let layout = adapter.layout.clone();
    for Pair { layer, target, rank, input, output, a, b, .. } in &layout.pairs {
        for (matrix, [rows, cols], range) in [("lora_a", [*rank, *input], a), ("lora_b", [*output, *rank], b)]
        {
            let name = tensor_name(*layer, *target, matrix);
            let tensor = tensors.tensor(&name).map_err(|error| damaged(error.to_string()))?;
            if tensor.shape() != [cols, rows] || tensor.dtype() != Dtype::F32 {
                return Err(damaged(format!("`{name}` is no f32 matrix of shape {:?}", [cols, rows])));
            }
            let values: Vec<f32> =
                tensor.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            adapter.values[range.clone()].copy_from_slice(&transposed(&values, cols, rows));
        }
    }
    Ok(adapter)
}

fn tensor_name(layer: usize, target: Target, matrix: &str) -> String {
    format!("model.layers.{layer}.{}.{matrix}", target.path())
}

/// `[rows, cols]` to `[cols, rows]`.
fn transposed(values: &[f32], rows: usize, cols: usize) -> Vec<f32> {
    (0..cols).flat_map(|col| (0..rows).map(move |row| values[row * cols + col])).collect()
}
