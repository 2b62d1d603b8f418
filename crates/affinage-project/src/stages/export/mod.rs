//! The result in the forms that other programs load, each read back and measured before it is left on the disk.

pub mod bundle;
mod check;
mod facts;
mod model_card;
mod ollama;
mod probe;
mod ready;
mod text;

use std::collections::BTreeMap;
use std::path::Path;

use affinage_engine::checkpoint::{adapter_sha256, load_adapter, save_adapter, save_adapter_of_part};
use affinage_engine::export::{Formats, Merged, save_folder, save_gguf, save_gguf_lora, save_mlx};
use affinage_engine::lora::Adapter;
use affinage_engine::model::Model;
use affinage_engine::weights::{Precision, RopeScaling};
use anyhow::{Context as _, bail};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::folder::jsonl::replace_file;
use crate::model::{LoadedModel, Located, Told, open_located};
use crate::observer::Observer;
pub use check::{Behaviour, Checker};
pub use facts::Facts;
pub use model_card::model_card;
pub use ready::Ready;
pub use text::{gguf_fields, write_folder as write_folder_text};

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// The adapter as a PEFT folder
    Peft,
    /// Base and adapter merged, as a Hugging Face folder
    Merged,
    /// Base and adapter merged, as a GGUF file
    Gguf,
    /// The adapter as a GGUF file, for `llama.cpp --lora`
    GgufLora,
    /// The adapter as an MLX folder
    Mlx,
    /// A merged GGUF file with a Modelfile for Ollama
    Ollama,
}

/// The GGUF file in an export folder.
pub const GGUF_FILE: &str = "model.gguf";
pub const GGUF_LORA_FILE: &str = "adapter.gguf";

/// What goes into an export.
pub struct Source<'a> {
    pub model: &'a LoadedModel,
    pub engine: &'a Model,
    pub adapter: &'a Adapter,
    pub ui: &'a dyn Observer,
}

/// `export.json`, and what `--json` prints.
#[derive(Debug, Serialize)]
pub struct Record {
    pub v: u32,
    pub affinage_version: &'static str,
    pub format: Format,
    pub precision: Precision,
    pub base: String,
    pub base_sha256: String,
    pub base_revision: Option<String>,
    pub adapter_sha256: String,
    /// Matrices that stay F16 in a quantised file, because their rows are no whole number of blocks.
    #[serde(skip_serializing_if = "is_none")]
    pub kept_f16: usize,
    /// Matrices of a GGUF file by the name of their number format.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub matrices: BTreeMap<String, usize>,
    /// Those of `matrices` in another format than the precision means, because their rows are no whole number of its blocks.
    #[serde(skip_serializing_if = "is_none")]
    pub other_format: usize,
    /// Room for tokens within which llama.cpp and Ollama compute what was checked: with more of it they take the frequencies of
    /// longer texts, from the first token on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most_context: Option<usize>,
    /// SHA-256 by file name.
    pub files: BTreeMap<String, String>,
    #[serde(flatten)]
    pub behaviour: Behaviour,
}

impl Source<'_> {
    /// The name by which others find the base.
    pub fn base_name(&self) -> &str {
        self.model.hub_id.as_deref().unwrap_or(&self.model.name)
    }

    /// Writes the export into the existing folder `dir`, reads it back, and measures it.
    ///
    /// Errors: the form cannot hold the adapter; what was read back does not behave as the training graph.
    pub fn write(&self, format: Format, precision: Precision, dir: &Path) -> anyhow::Result<Record> {
        let ui = self.ui;
        // Before the minutes that the check takes.
        let modelfile = match format {
            Format::Ollama => Some(ollama::modelfile(self.model)?),
            _ => None,
        };
        let checker = ui.during("asking the trained model for the check", || Checker::new(self))?;
        let (writing, checking) = ("writing the export", "reading it back and comparing");
        let config = self.model.weights.config();
        let (told, mut formats) = (self.model.told, Formats::default());
        let behaviour = match format {
            Format::Peft => {
                let save = match self.model.weights.left_out() {
                    Some(_) => save_adapter_of_part,
                    None => save_adapter,
                };
                save(self.adapter, self.base_name(), dir)?;
                ui.during(checking, || checker.adapter(&load_adapter(dir, config)?))?
            }
            Format::GgufLora => {
                let path = dir.join(GGUF_LORA_FILE);
                save_gguf_lora(self.adapter, config, self.base_name(), &path)?;
                ui.during(checking, || checker.adapter(&load_adapter(&path, config)?))?
            }
            Format::Mlx => {
                save_mlx(self.adapter, self.base_name(), dir)?;
                ui.during(checking, || checker.adapter(&load_adapter(dir, config)?))?
            }
            Format::Merged => {
                if precision.is_quantised() {
                    bail!(
                        "a Hugging Face folder holds f32, f16 or bf16; quantised models go as `--format gguf`"
                    );
                }
                ui.during(writing, || save_folder(self.merged(), precision, dir))?;
                text::write_folder(self.model, precision, dir)?;
                ui.during(checking, || checker.model(&reopened(dir, told)?, precision, dir))?
            }
            Format::Gguf | Format::Ollama => {
                let path = dir.join(GGUF_FILE);
                let fields = text::gguf_fields(self.model)?;
                formats = ui.during(writing, || save_gguf(self.merged(), precision, fields, &path))?;
                if let Some(modelfile) = modelfile {
                    fs_err::write(dir.join("Modelfile"), modelfile)?;
                }
                ui.during(checking, || checker.model(&reopened(&path, told)?, precision, dir))?
            }
        };
        let record = Record {
            v: 1,
            affinage_version: env!("CARGO_PKG_VERSION"),
            format,
            precision,
            base: self.base_name().to_owned(),
            base_sha256: self.model.sha256.clone(),
            base_revision: self.model.revision.clone(),
            adapter_sha256: adapter_sha256(self.adapter),
            kept_f16: formats.kept_f16,
            matrices: formats.matrices,
            other_format: formats.replaced,
            most_context: most_context(self.model)
                .filter(|_| matches!(format, Format::Gguf | Format::GgufLora | Format::Ollama)),
            files: ui.during("hashing the files", || hashes(dir))?,
            behaviour,
        };
        let mut text = serde_json::to_vec_pretty(&record)?;
        text.push(b'\n');
        replace_file(&dir.join("export.json"), &text)?;
        Ok(record)
    }

    fn merged(&self) -> Merged<'_> {
        Merged { weights: &self.model.weights, adapter: Some(self.adapter) }
    }
}

/// See [`Record::most_context`]; only Phi-3 has other frequencies for longer texts.
fn most_context(model: &LoadedModel) -> Option<usize> {
    match &model.weights.config().rope.scaling {
        Some(RopeScaling::LongRope(scaling)) => Some(scaling.original_max_position_embeddings),
        _ => None,
    }
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

/// What was written, its template told what that of the model is.
fn reopened(path: &Path, told: Told) -> anyhow::Result<LoadedModel> {
    let name = "the export".to_owned();
    let located = Located { path: path.to_owned(), name, hub_id: None, revision: None, sha256: None };
    open_located(located, told).context("the export cannot be read back")
}

/// SHA-256 of every file directly in `dir`.
pub fn hashes(dir: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut hashes = BTreeMap::new();
    for entry in fs_err::read_dir(dir)? {
        let path = entry?.path();
        if path.is_file() {
            let mut digest = Sha256::new();
            std::io::copy(&mut fs_err::File::open(&path)?, &mut digest)?;
            let hash = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            hashes.insert(name, hash);
        }
    }
    Ok(hashes)
}
