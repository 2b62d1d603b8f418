//! The adapter as `mlx_lm` loads it: `adapters.safetensors` with `lora_a` `[in, rank]` and `lora_b` `[rank, out]` (peft's
//! matrices transposed), and `adapter_config.json`. mlx puts the same modules on the last `num_layers` layers.
//!
//! Source: mlx-lm `tuner/utils.py` (`load_adapters`, `linear_to_lora_layers`), `tuner/lora.py` (`LoRALinear`).

use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;

use super::{ExportError, common_scale};
use crate::checkpoint::{ADAPTER_CONFIG, MLX_ADAPTER_FILE, mlx_tensor_name, transposed};
use crate::lora::{Adapter, Target};

const FORM: &str = "an MLX adapter";

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
                (mlx_tensor_name(pair.layer, pair.target, matrix), [cols, rows], bytes)
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
    let path = dir.join(MLX_ADAPTER_FILE);
    std::fs::write(&path, bytes).map_err(ExportError::io(&path))?;
    let path = dir.join(ADAPTER_CONFIG);
    let mut text = serde_json::to_string_pretty(&config).expect("plain JSON");
    text.push('\n');
    std::fs::write(&path, text).map_err(ExportError::io(&path))
}
