use std::path::{Path, PathBuf};

/// Why a model could not be opened. Every variant names the file and what was expected of it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot read `{}`", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "`{}` is not a model: expected a .gguf file, or a folder with config.json and model.safetensors",
        path.display()
    )]
    NotAModel { path: PathBuf },
    #[error("`{}` is not valid JSON of the expected form", path.display())]
    Json {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error(
        "`{}` is a Git LFS pointer, expected the file itself: run `git lfs pull` where it was cloned",
        path.display()
    )]
    LfsPointer { path: PathBuf },
    #[error("`{}` is not a complete safetensors file", path.display())]
    Safetensors {
        path: PathBuf,
        #[source]
        source: safetensors::SafeTensorError,
    },
    #[error("`{}`: {what}: expected {expected}, found {found}", path.display())]
    Malformed { path: PathBuf, what: String, expected: String, found: String },
    #[error("`{}`: {what} is {found}, supported: {supported}", path.display())]
    Unsupported { path: PathBuf, what: String, found: String, supported: String },
    #[error("`{}`: tensor `{tensor}` is missing", path.display())]
    MissingTensor { path: PathBuf, tensor: String },
    #[error("`{}`: tensor `{tensor}` is not part of the {family} decoder as implemented here", path.display())]
    UnknownTensor { path: PathBuf, tensor: String, family: &'static str },
    #[error(
        "`{}`: tensor `lm_head.weight` differs from `model.embed_tokens.weight`, expected a copy, as the word embeddings \
        are tied: set tie_word_embeddings to false in config.json if `lm_head.weight` is the head, or remove it",
        path.display()
    )]
    OtherHead { path: PathBuf },
    #[error("`{}`: tensor `{tensor}` has shape {found:?}, the configuration implies {expected:?}", path.display())]
    Shape { path: PathBuf, tensor: String, found: Vec<usize>, expected: Vec<usize> },
    #[error("`{}`: tensor `{tensor}` ends at byte {end}, the file has {file_bytes} bytes", path.display())]
    OutOfFile { path: PathBuf, tensor: String, end: u128, file_bytes: u64 },
    #[error("`{}`: tensor `{tensor}` holds {value} at position {at}, expected finite numbers", path.display())]
    NotFinite { path: PathBuf, tensor: String, at: usize, value: f32 },
    #[error("`{}`: tensor `{tensor}` is stored as {found}, supported: {supported}", path.display())]
    UnsupportedType { path: PathBuf, tensor: String, found: String, supported: String },
}

impl LoadError {
    pub(super) fn malformed(
        path: &Path,
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl ToString,
    ) -> LoadError {
        LoadError::Malformed {
            path: path.to_owned(),
            what: what.into(),
            expected: expected.into(),
            found: found.to_string(),
        }
    }

    pub(super) fn unsupported(
        path: &Path,
        what: impl Into<String>,
        found: impl ToString,
        supported: impl Into<String>,
    ) -> LoadError {
        LoadError::Unsupported {
            path: path.to_owned(),
            what: what.into(),
            found: found.to_string(),
            supported: supported.into(),
        }
    }
}
