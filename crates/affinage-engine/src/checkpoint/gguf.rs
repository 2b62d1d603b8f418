//! Adapters in a GGUF file, as llama.cpp loads them.

use std::path::Path;

use super::peft::MAX_RANK;
use super::{CheckpointError, Matrix, targets_of};
use crate::export::{logical_row, weight_name};
use crate::lora::{Adapter, LoraConfig, Module, Target};
use crate::weights::{GgufLora, LoraPart, ModelConfig};

/// Reads an adapter file. The modules are those whose matrices the file holds.
pub(super) fn load(path: &Path, model: &ModelConfig) -> Result<Adapter, CheckpointError> {
    let file = GgufLora::open(path)?;
    if file.architecture != model.family.gguf_architecture() {
        let (key, found) = ("general.architecture".to_owned(), file.architecture);
        let expected = format!("{}, the base's", model.family.gguf_architecture());
        return Err(CheckpointError::Config { path: path.to_owned(), key, found, expected });
    }
    let wrong = |weight: &str, matrix: &str, problem: String| {
        let tensor = format!("{weight}.{matrix}");
        CheckpointError::Tensor { path: path.to_owned(), tensor, problem }
    };
    let find = |weight: &str, matrix: Matrix| {
        file.parts.iter().find(|part| part.weight == weight && part.matrix == name(matrix))
    };
    let mut modules = Vec::new();
    for layer in 0..model.layers {
        for &target in Target::of(model) {
            if let Some(a) = find(&weight_name(layer, target), Matrix::A) {
                modules.push(Module { layer, target, rank: a.shape[0], alpha: file.alpha });
            }
        }
    }
    let on_module = |part: &&LoraPart| {
        modules.iter().any(|module| part.weight == weight_name(module.layer, module.target))
    };
    if let Some(other) = file.parts.iter().find(|part| !on_module(part)) {
        let problem = "is no matrix of a projection of this model's layers".to_owned();
        return Err(wrong(&other.weight, &other.matrix, problem));
    }
    // Shapes first: nothing larger than the file is allocated.
    for module in &modules {
        let weight = weight_name(module.layer, module.target);
        for matrix in Matrix::BOTH {
            let shape = matrix.shape(module, model);
            let found = find(&weight, matrix).map(|part| part.shape);
            if found != Some(shape) || !(1..=MAX_RANK).contains(&(module.rank as u64)) {
                let found =
                    found.map_or_else(|| "is missing".to_owned(), |found| format!("has shape {found:?}"));
                return Err(wrong(&weight, name(matrix), format!("{found}, expected {shape:?}")));
            }
        }
    }
    let rank = modules.first().map_or(0, |module| module.rank);
    let targets = targets_of(&modules);
    let config = LoraConfig { rank, alpha: file.alpha, use_rslora: false, dropout: 0.0, targets };
    let mut adapter = Adapter::zeros_on(config, &modules, model);
    let layout = adapter.layout.clone();
    for pair in &layout.pairs {
        let weight = weight_name(pair.layer, pair.target);
        for matrix in Matrix::BOTH {
            let part = find(&weight, matrix).expect("its shape was looked at");
            if part.values.iter().any(|value| !value.is_finite()) {
                return Err(wrong(&weight, name(matrix), "holds values that are not finite".to_owned()));
            }
            let cols = part.shape[1];
            let out = &mut adapter.values[matrix.range(pair)];
            for (stored, values) in part.values.chunks_exact(cols).enumerate() {
                let row = match matrix {
                    Matrix::A => stored,
                    Matrix::B => logical_row(&weight, model, stored),
                };
                out[row * cols..(row + 1) * cols].copy_from_slice(values);
            }
        }
    }
    Ok(adapter)
}

fn name(matrix: Matrix) -> &'static str {
    match matrix {
        Matrix::A => "lora_a",
        Matrix::B => "lora_b",
    }
}
