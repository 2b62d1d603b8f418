//! The result in the forms that other programs load: a merged model (Hugging Face folder or GGUF), and the adapter
//! alone (GGUF, MLX). peft's own layout is written by [`crate::checkpoint`], which reads all of them back.
//!
//! Whatever a form cannot represent is refused by name. [`parity`] measures whether what was written behaves.

mod folder;
mod gguf_lora;
mod gguf_model;
mod gguf_write;
mod merged;
mod mlx;
pub mod parity;

use std::path::{Path, PathBuf};

pub use folder::{config_json, save_folder};
pub use gguf_lora::save_gguf_lora;
pub(crate) use gguf_lora::weight_name;
pub(crate) use gguf_model::logical_row;
pub use gguf_model::{Formats, save_gguf};
pub use gguf_write::Field;
pub use merged::Merged;
pub use mlx::save_mlx;

use crate::weights::LoadError;

/// Why an export could not be written or read back.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("cannot write `{}`", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{form} cannot hold this adapter: {reason}")]
    NotRepresentable { form: &'static str, reason: String },
    #[error("{form} cannot hold this model: {reason}")]
    ModelNotRepresentable { form: &'static str, reason: String },
    #[error("`{}`: {problem}", path.display())]
    Damaged { path: PathBuf, problem: String },
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl ExportError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> ExportError {
        let path = path.to_owned();
        move |source| ExportError::Io { path, source }
    }
}

/// The one factor `scale` and rank that all modules share, which is all that GGUF and MLX store.
fn common_scale(adapter: &crate::lora::Adapter, form: &'static str) -> Result<(usize, f32), ExportError> {
    let refuse = |reason: &str| ExportError::NotRepresentable { form, reason: reason.to_owned() };
    let pairs = &adapter.layout.pairs;
    let first = pairs.first().ok_or_else(|| refuse("it has no modules"))?;
    if pairs.iter().any(|pair| pair.rank != first.rank || pair.scale != first.scale) {
        return Err(refuse("its modules differ in rank or alpha, and the form has one of each"));
    }
    Ok((first.rank, first.scale))
}
