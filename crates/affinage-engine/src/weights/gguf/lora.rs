//! A LoRA adapter in a GGUF file, as llama.cpp loads it.
//!
//! Source: llama.cpp `llama-adapter.cpp`: `general.type` adapter, `adapter.type` lora, one alpha for all modules, and
//! for each weight of the base `NAME.lora_a` `[rank, in]` and `NAME.lora_b` `[out, rank]`.

use std::path::Path;

use super::model::canonical_name;
use crate::weights::config::Family;
use crate::weights::error::LoadError;
use crate::weights::map::map_file;

/// An adapter file, unpacked.
pub struct GgufLora {
    /// `general.architecture` of the base.
    pub architecture: String,
    /// The base it was trained on, by address or name, where the file says so.
    pub base: Option<String>,
    pub alpha: f32,
    pub parts: Vec<LoraPart>,
}

/// One matrix of the file, with its rows in the order of the file.
pub struct LoraPart {
    /// The canonical name of the weight: `model.layers.0.self_attn.q_proj.weight`.
    pub weight: String,
    /// `lora_a` or `lora_b`.
    pub matrix: String,
    /// `[rows, cols]`.
    pub shape: [usize; 2],
    pub values: Vec<f32>,
}

impl GgufLora {
    /// Errors: the file is no GGUF, no LoRA adapter, or holds a tensor that is no part of one.
    pub fn open(path: &Path) -> Result<GgufLora, LoadError> {
        let map = map_file(path)?.map;
        let (metadata, table) = super::read(path, map.clone())?;
        for (key, expected) in [("general.type", "adapter"), ("adapter.type", "lora")] {
            let found = metadata.string(key)?.unwrap_or("nothing");
            if found != expected {
                return Err(LoadError::malformed(path, format!("metadata `{key}`"), expected, found));
            }
        }
        let needed =
            |key: &str| LoadError::malformed(path, format!("metadata `{key}`"), "a value", "nothing");
        let architecture =
            metadata.string("general.architecture")?.ok_or_else(|| needed("general.architecture"))?;
        let alpha = metadata.float("adapter.lora.alpha")?.ok_or_else(|| needed("adapter.lora.alpha"))?;
        let base = match metadata.string("general.base_model.0.repo_url")? {
            Some(address) => Some(address),
            None => metadata.string("general.base_model.0.name")?,
        };
        let base = base.map(str::to_owned);
        // Of another architecture the reader refuses the file for that.
        let named = |family: &Family| family.gguf_architecture() == architecture;
        let family = Family::ALL.into_iter().find(named).unwrap_or(Family::Llama);
        let part = |tensor: &super::GgufTensor| {
            let named = tensor.name.rsplit_once('.').and_then(|(weight, matrix)| {
                matches!(matrix, "lora_a" | "lora_b")
                    .then(|| Some((canonical_name(weight, family)?, matrix.to_owned())))?
            });
            let (Some((weight, matrix)), &[rows, cols]) = (named, tensor.shape.as_slice()) else {
                let what = format!("tensor `{}`", tensor.name);
                let found = format!("another name, or shape {:?}", tensor.shape);
                return Err(LoadError::malformed(path, what, "a matrix lora_a or lora_b of a weight", found));
            };
            let mut values = vec![0.0; rows * cols];
            let end = tensor.start + tensor.dtype.bytes_for(values.len());
            tensor.dtype.unpack(&map[tensor.start..end], &mut values);
            Ok(LoraPart { weight, matrix, shape: [rows, cols], values })
        };
        let parts = table.iter().map(part).collect::<Result<_, _>>()?;
        Ok(GgufLora { architecture: architecture.to_owned(), base, alpha: alpha as f32, parts })
    }
}
