//! A folder in the Hugging Face layout: config.json and one or several safetensors files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::config::ModelConfig;
use super::config_json::read_config;
use super::error::LoadError;
use super::map::{MappedFile, map_file, refuse_pointer};
use super::matrix::RowOrder;
use super::quant::DType;
use super::stored::StoredTensor;

pub(super) struct Folder {
    pub config: ModelConfig,
    pub tensors: BTreeMap<String, StoredTensor>,
    /// Tensors of the parts for pictures, where the model has such parts.
    pub left_out: Option<usize>,
    pub files: Vec<MappedFile>,
}

pub(super) fn open(folder: &Path) -> Result<Folder, LoadError> {
    let (config, is_part) = read_config(folder)?;
    let mut left_out = is_part.then_some(0);
    let mut tensors = BTreeMap::new();
    let mut files = Vec::new();
    for path in weight_files(folder)? {
        let file = map_file(&path)?;
        let (header_len, header) = SafeTensors::read_metadata(&file.map)
            .map_err(|source| LoadError::Safetensors { path: path.clone(), source })?;
        for (name, info) in header.tensors() {
            // A buffer of old checkpoints.
            if name.ends_with(".rotary_emb.inv_freq") {
                continue;
            }
            let name = match (&mut left_out, name) {
                (None, name) => name,
                (Some(_), name) if !of_pictures(&name) => name_of_part(name),
                (Some(count), _) => {
                    *count += 1;
                    continue;
                }
            };
            let dtype = dtype(&path, &name, info.dtype)?;
            // 8 bytes of header length, the header, then the data; the reader has checked the offsets.
            let start = 8 + header_len + info.data_offsets.0;
            let order = RowOrder::AsStored;
            let shift = if name.ends_with("norm.weight") { config.family.norm_shift() } else { 0.0 };
            let (shape, map) = (info.shape.clone(), file.map.clone());
            let tensor = StoredTensor { shape, dtype, start, map, order, shift };
            if tensors.insert(name.clone(), tensor).is_some() {
                return Err(LoadError::malformed(
                    &path,
                    format!("tensor `{name}`"),
                    "one in all files",
                    "two",
                ));
            }
        }
        files.push(file);
    }
    if config.tie_word_embeddings {
        remove_copied_head(folder, &mut tensors)?;
    }
    Ok(Folder { config, tensors, left_out, files })
}

/// Whether a tensor belongs to the parts for pictures of a model whose decoder is one part.
fn of_pictures(name: &str) -> bool {
    let name = name.strip_prefix("model.").unwrap_or(name);
    ["vision_tower.", "multi_modal_projector."].iter().any(|part| name.starts_with(part))
}

/// `language_model.model.X`, as on the Hub, and `model.language_model.X` of transformers 5 -> `model.X`.
fn name_of_part(name: String) -> String {
    if let Some(rest) = name.strip_prefix("model.language_model.") {
        return format!("model.{rest}");
    }
    name.strip_prefix("language_model.").map(str::to_owned).unwrap_or(name)
}

/// Some tied models carry a copy of the embedding as their head. Of another head transformers 4 has taken the embedding
/// and transformers 5 takes the head.
fn remove_copied_head(folder: &Path, tensors: &mut BTreeMap<String, StoredTensor>) -> Result<(), LoadError> {
    let Some(head) = tensors.remove("lm_head.weight") else { return Ok(()) };
    match tensors.get("model.embed_tokens.weight") {
        Some(embedding) if !head.same_numbers(embedding) => {
            Err(LoadError::OtherHead { path: folder.to_owned() })
        }
        _ => Ok(()),
    }
}

fn dtype(path: &Path, tensor: &str, dtype: Dtype) -> Result<DType, LoadError> {
    match dtype {
        Dtype::F32 => Ok(DType::F32),
        Dtype::F16 => Ok(DType::F16),
        Dtype::BF16 => Ok(DType::BF16),
        other => Err(LoadError::UnsupportedType {
            path: path.to_owned(),
            tensor: tensor.to_owned(),
            found: format!("{other:?}"),
            supported: "F32, F16, BF16".to_owned(),
        }),
    }
}

/// The safetensors files, sorted by name.
fn weight_files(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let single = folder.join("model.safetensors");
    if single.is_file() {
        return Ok(vec![single]);
    }
    let index_path = folder.join("model.safetensors.index.json");
    if !index_path.is_file() {
        if folder.join("pytorch_model.bin").is_file() {
            return Err(LoadError::unsupported(
                folder,
                "the weight file",
                "pytorch_model.bin",
                "safetensors",
            ));
        }
        return Err(LoadError::NotAModel { path: folder.to_owned() });
    }
    let index: Index = read_json(&index_path)?;
    let names: BTreeSet<&String> = index.weight_map.values().collect();
    let mut paths = Vec::new();
    for name in names {
        let plain = Path::new(name).file_name().is_some_and(|file_name| file_name == name.as_str());
        if !plain {
            return Err(LoadError::malformed(
                &index_path,
                "a shard",
                "a plain file name",
                format!("{name:?}"),
            ));
        }
        paths.push(folder.join(name));
    }
    Ok(paths)
}

pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, LoadError> {
    let bytes = std::fs::read(path).map_err(|source| LoadError::Io { path: path.to_owned(), source })?;
    refuse_pointer(path, &bytes)?;
    serde_json::from_slice(&bytes).map_err(|source| LoadError::Json { path: path.to_owned(), source })
}
