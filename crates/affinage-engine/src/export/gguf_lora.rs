//! The adapter alone as a GGUF file, for `llama.cpp --lora`.
//!
//! llama.cpp computes `alpha / rank` with one alpha for the file, so rsLoRA's factor is stored as `alpha' = scale * rank`.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use super::gguf_model::{logical_row, write_values};
use super::gguf_write::{Entry, Field, write_head, write_padding};
use super::{ExportError, common_scale};
use crate::lora::{Adapter, Target};
use crate::weights::{DType, ModelConfig, gguf_name};

const FORM: &str = "a GGUF adapter";

/// Writes `adapter` to `path`. Errors if its modules differ in rank or scale.
pub fn save_gguf_lora(
    adapter: &Adapter,
    model: &ModelConfig,
    name: &str,
    path: &Path,
) -> Result<(), ExportError> {
    let (rank, scale) = common_scale(adapter, FORM)?;
    let text = |key: &str, value: &str| (key.to_owned(), Field::Text(value.to_owned()));
    let fields = [
        text("general.architecture", model.family.gguf_architecture()),
        text("general.type", "adapter"),
        text("general.name", name),
        text("adapter.type", "lora"),
        ("adapter.lora.alpha".to_owned(), Field::F32(scale * rank as f32)),
        ("general.file_type".to_owned(), Field::U32(0)),
        ("general.quantization_version".to_owned(), Field::U32(2)),
    ];
    let mut tensors = Vec::new();
    for pair in &adapter.layout.pairs {
        let weight = weight_name(pair.layer, pair.target);
        let stored = gguf_name(&weight, model.family).expect("every target has a name");
        let (a, b) = (&adapter.values[pair.a.clone()], &adapter.values[pair.b.clone()]);
        let rows = (0..pair.output).map(|row| logical_row(&weight, model, row));
        let b: Vec<f32> = rows.flat_map(|row| &b[row * rank..(row + 1) * rank]).copied().collect();
        let entry = |matrix, shape: [usize; 2]| Entry {
            name: format!("{stored}.{matrix}"),
            shape: shape.to_vec(),
            dtype: DType::F32,
        };
        tensors.push((entry("lora_a", [rank, pair.input]), a.to_vec()));
        tensors.push((entry("lora_b", [pair.output, rank]), b));
    }
    let (entries, values): (Vec<Entry>, Vec<Vec<f32>>) = tensors.into_iter().unzip();
    let write = || {
        let mut out = BufWriter::new(File::create(path)?);
        write_head(&mut out, &fields, &entries)?;
        for (entry, values) in entries.iter().zip(&values) {
            write_values(&mut out, values)?;
            write_padding(&mut out, entry)?;
        }
        out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
    };
    write().map_err(ExportError::io(path))
}

/// The canonical name of the frozen weight of a module.
pub(crate) fn weight_name(layer: usize, target: Target) -> String {
    format!("model.layers.{layer}.{}.weight", target.path())
}
