//! Model weights on disk: a GGUF file, or a folder in the Hugging Face layout.
//!
//! Files are mapped into memory and kept as stored; a matrix is unpacked where it is used. All tensor
//! names are the canonical ones of Hugging Face (`model.layers.0.self_attn.q_proj.weight`), whatever the
//! file calls them, and every shape is checked against the configuration when the model is opened.

mod config;
mod config_json;
mod drawn;
mod error;
mod folder;
mod gguf;
mod map;
mod matrix;
mod quant;
mod rope_json;
mod stored;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

pub(crate) use config::inverse_root;
pub use config::{
    Activation, BlockNorms, Family, Llama3Scaling, LongRopeScaling, ModelConfig, QkNorm, Rope, RopeScaling,
};
pub use drawn::Shape;
pub use error::LoadError;
pub use gguf::lora::{GgufLora, LoraPart};
pub(crate) use gguf::model::{LONG_ROPE_FACTORS, gguf_name};
pub use gguf::{GgufArray, GgufMetadata, GgufValue};
pub use matrix::Matrix;
pub(crate) use quant::CodeFormat;
pub use quant::{DType, Precision};

use map::{MappedFile, map_file};
use stored::StoredTensor;

/// An opened model: its configuration and its tensors, still on disk.
pub struct Weights {
    path: PathBuf,
    config: ModelConfig,
    tensors: BTreeMap<String, StoredTensor>,
    gguf: Option<GgufMetadata>,
    left_out: Option<usize>,
    files: Vec<MappedFile>,
    sha256: OnceLock<String>,
}

/// What is stored for one tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorFacts<'a> {
    pub name: &'a str,
    /// Row-major: `[rows, cols]` or `[len]`.
    pub shape: &'a [usize],
    pub dtype: DType,
    pub size_bytes: usize,
}

impl Weights {
    /// Opens a `.gguf` file or a folder with config.json and safetensors.
    ///
    /// All headers, names, types and shapes are checked here, so that [`Weights::matrix`] and
    /// [`Weights::vector`] cannot fail for the tensors of the configuration.
    pub fn open(path: &Path) -> Result<Weights, LoadError> {
        let weights = if path.is_dir() {
            let folder::Folder { config, tensors, left_out, files } = folder::open(path)?;
            let path = path.to_owned();
            Weights { path, config, tensors, gguf: None, left_out, files, sha256: OnceLock::new() }
        } else {
            if path.is_file() && path.extension().is_none_or(|extension| extension != "gguf") {
                return Err(LoadError::NotAModel { path: path.to_owned() });
            }
            let file = map_file(path)?;
            let gguf::model::GgufModel { config, metadata, tensors } = gguf::model::open(path, &file.map)?;
            let path = path.to_owned();
            Weights {
                path,
                config,
                tensors,
                gguf: Some(metadata),
                left_out: None,
                files: vec![file],
                sha256: OnceLock::new(),
            }
        };
        weights.check_tensors()?;
        Ok(weights)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A two-dimensional tensor by its canonical name.
    pub fn matrix(&self, name: &str) -> Result<Matrix, LoadError> {
        let tensor = self.find(name)?;
        let &[rows, cols] = tensor.shape.as_slice() else {
            let found = format!("{:?}", tensor.shape);
            return Err(LoadError::malformed(&self.path, format!("tensor `{name}`"), "a matrix", found));
        };
        Ok(Matrix::mapped([rows, cols], tensor.dtype, tensor.map.clone(), tensor.start, tensor.order))
    }

    /// A one-dimensional tensor (norm or bias) by its canonical name, as f32. Norms are what is multiplied by, also where
    /// a file stores one less.
    pub fn vector(&self, name: &str) -> Result<Vec<f32>, LoadError> {
        let tensor = self.find(name)?;
        let &[len] = tensor.shape.as_slice() else {
            let found = format!("{:?}", tensor.shape);
            return Err(LoadError::malformed(&self.path, format!("tensor `{name}`"), "a vector", found));
        };
        let mut values = vec![0.0; len];
        tensor.dtype.unpack(&tensor.map[tensor.start..tensor.start + tensor.size_bytes()], &mut values);
        if tensor.shift != 0.0 {
            values.iter_mut().for_each(|value| *value += tensor.shift);
        }
        Ok(values)
    }

    /// The SHA-256 of the weight file as 64 hex digits; for several files that of their sorted lines
    /// `name sha256\n`. Computed at the first call (about a second per gigabyte).
    pub fn sha256(&self) -> &str {
        self.sha256.get_or_init(|| map::sha256(&self.files))
    }

    /// The metadata of a GGUF file: tokenizer and chat template live there.
    pub fn gguf(&self) -> Option<&GgufMetadata> {
        self.gguf.as_ref()
    }

    /// Of a folder whose decoder is a part of a model that also sees pictures: tensors of the other parts, which are not
    /// read. Names, configuration and exports are those of the text model alone.
    pub fn left_out(&self) -> Option<usize> {
        self.left_out
    }

    /// Every tensor, sorted by name.
    pub fn tensors(&self) -> impl Iterator<Item = TensorFacts<'_>> {
        self.tensors.iter().map(|(name, tensor)| TensorFacts {
            name,
            shape: &tensor.shape,
            dtype: tensor.dtype,
            size_bytes: tensor.size_bytes(),
        })
    }

    /// Bytes of all tensors as stored.
    pub fn stored_bytes(&self) -> usize {
        self.tensors.values().map(StoredTensor::size_bytes).sum()
    }

    /// Numbers in all tensors; a tied output head counts once.
    pub fn parameter_count(&self) -> usize {
        self.tensors.values().map(|tensor| tensor.shape.iter().product::<usize>()).sum()
    }

    /// Reads every weight once: after one that is NaN or infinite all results would be, without a word why.
    pub fn check_finite(&self) -> Result<(), LoadError> {
        let tensors: Vec<_> = self.tensors.iter().collect();
        let broken = tensors.par_iter().find_map_first(|(name, tensor)| {
            tensor.first_not_finite().map(|(at, value)| (name, tensor, at, value))
        });
        let Some((name, tensor, at, value)) = broken else { return Ok(()) };
        let file = self.files.iter().find(|file| Arc::ptr_eq(&file.map, &tensor.map));
        let path = file.map_or(&self.path, |file| &file.path).clone();
        Err(LoadError::NotFinite { path, tensor: self.name_in_file(name), at, value })
    }

    fn find(&self, name: &str) -> Result<&StoredTensor, LoadError> {
        self.tensors.get(name).ok_or_else(|| LoadError::MissingTensor {
            path: self.path.clone(),
            tensor: self.name_in_file(name),
        })
    }

    /// What the file calls a tensor, for messages.
    fn name_in_file(&self, name: &str) -> String {
        let of_gguf = self.gguf.as_ref().and_then(|_| gguf_name(name, self.config.family));
        of_gguf.unwrap_or_else(|| name.to_owned())
    }

    /// Each tensor of the configuration is there with its shape, and there is no other: an unknown one
    /// (a norm, a bias) would belong to arithmetic that is not implemented.
    fn check_tensors(&self) -> Result<(), LoadError> {
        let mut known = HashSet::new();
        for (name, expected) in self.config.expected_tensors() {
            let tensor = self.find(&name)?;
            if tensor.shape != expected {
                let (path, found) = (self.path.clone(), tensor.shape.clone());
                return Err(LoadError::Shape { path, tensor: self.name_in_file(&name), found, expected });
            }
            known.insert(name);
        }
        match self.tensors.keys().find(|name| !known.contains(*name)) {
            Some(name) => Err(LoadError::UnknownTensor {
                path: self.path.clone(),
                tensor: self.name_in_file(name),
                family: self.config.family.name(),
            }),
            None => Ok(()),
        }
    }
}
