//! The adapter alone as a GGUF file, for `llama.cpp --lora`.
//!
//! llama.cpp computes `alpha / rank` with one alpha for the file, so rsLoRA's factor is stored as `alpha' = scale * rank`.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use super::gguf_model::{architecture, gguf_name, logical_row, write_values};
use super::gguf_write::{Entry, Field, write_head, write_padding};
use super::{ExportError, common_scale};
use crate::lora::{Adapter, LoraConfig, Module, Pair, Target};
use crate::weights::{DType, GgufLora, ModelConfig};

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
        text("general.architecture", architecture(model.family)),
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
        let stored = gguf_name(&weight).expect("every target has a name");
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

/// Reads an adapter file for a base of the given shape.
///
/// Errors: it belongs to another architecture; a matrix is missing, has another shape, or is on something that carries
/// no adapter here.
pub fn load_gguf_lora(path: &Path, model: &ModelConfig) -> Result<Adapter, ExportError> {
    let file = GgufLora::open(path)?;
    let damaged = |problem: String| ExportError::Damaged { path: path.to_owned(), problem };
    if file.architecture != architecture(model.family) {
        return Err(damaged(format!(
            "it is for a {} model, not for {}",
            file.architecture,
            model.family.name()
        )));
    }
    let find = |weight: &str, matrix: &str| {
        file.parts.iter().find(|part| part.weight == weight && part.matrix == matrix)
    };
    let mut modules = Vec::new();
    for layer in 0..model.layers {
        for target in Target::ALL {
            if let Some(a) = find(&weight_name(layer, target), "lora_a") {
                modules.push(Module { layer, target, rank: a.shape[0], alpha: file.alpha });
            }
        }
    }
    if file.parts.len() != 2 * modules.len() {
        return Err(damaged(format!(
            "{} matrices, {} belong to modules",
            file.parts.len(),
            2 * modules.len()
        )));
    }
    let on = |target: &Target| modules.iter().any(|module| module.target == *target);
    let rank = modules.first().map_or(0, |module| module.rank);
    let targets = Target::ALL.into_iter().filter(on).collect();
    let config = LoraConfig { rank, alpha: file.alpha, use_rslora: false, dropout: 0.0, targets };
    let mut adapter = Adapter::zeros_on(config, &modules, model);
    let layout = adapter.layout.clone();
    for Pair { layer, target, rank, input, output, a, b, .. } in &layout.pairs {
        let weight = weight_name(*layer, *target);
        for (matrix, shape, range) in [("lora_a", [*rank, *input], a), ("lora_b", [*output, *rank], b)] {
            let part = find(&weight, matrix).filter(|part| part.shape == shape);
            let part =
                part.ok_or_else(|| damaged(format!("`{weight}` has no {matrix} of shape {shape:?}")))?;
            let out = &mut adapter.values[range.clone()];
            for (stored, values) in part.values.chunks_exact(shape[1]).enumerate() {
                let row = if matrix == "lora_b" { logical_row(&weight, model, stored) } else { stored };
                out[row * shape[1]..(row + 1) * shape[1]].copy_from_slice(values);
            }
        }
    }
    Ok(adapter)
}

fn weight_name(layer: usize, target: Target) -> String {
    format!("model.layers.{layer}.{}.weight", target.path())
}
