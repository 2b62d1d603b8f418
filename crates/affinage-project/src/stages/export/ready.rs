//! From the name of an adapter to an export of it.

use std::path::{Path, PathBuf};

use affinage_engine::checkpoint::{adapter_sha256, load_adapter};
use affinage_engine::lora::Adapter;
use affinage_engine::model::Model;
use affinage_engine::weights::Precision;
use anyhow::bail;

use super::bundle::{self, Bundle};
use super::{Facts, Format, Record, Source};
use crate::folder::project::Project;
use crate::folder::provenance::{self, Provenance};
use crate::folder::run::{Run, shown_as, write_folder_atomically};
use crate::model::{LoadedModel, engine, open_model};
use crate::stages::arms;

/// An adapter with its base, both in memory.
pub struct Ready<'a> {
    ctx: &'a Project,
    model: LoadedModel,
    engine: Model,
    adapter: Adapter,
    dir: PathBuf,
}

impl<'a> Ready<'a> {
    /// Opens a folder or file with an adapter, or `last`, `best` or `step-N` of `run` (the one that finished last).
    ///
    /// Errors: no such adapter; it was trained on another base.
    pub fn open(ctx: &'a Project, adapter: &str, run: Option<&str>) -> anyhow::Result<Self> {
        let (dir, name) = adapter_dir(ctx, adapter, run)?;
        ctx.ui.say(format!("adapter: {name}"));
        let model = open_model(ctx, &ctx.config.model.name)?;
        same_base(ctx, &dir, &model)?;
        let engine = engine(&ctx.ui, &model)?;
        let adapter = load_adapter(&dir, engine.config())?;
        Ok(Self { ctx, model, engine, adapter, dir })
    }

    /// Writes the folder `out` for another program, and measures that what was written behaves. `precision` is of merged
    /// models; adapters are written as they are.
    pub fn write(&self, format: Format, precision: Precision, out: &Path) -> anyhow::Result<Record> {
        let precision = match format {
            Format::Peft | Format::GgufLora | Format::Mlx => Precision::F32,
            Format::Merged | Format::Gguf | Format::Ollama => precision,
        };
        let mut record = None;
        write_folder_atomically(out, |dir| {
            record = Some(self.source().write(format, precision, dir)?);
            Ok(())
        })?;
        Ok(record.expect("the folder was filled"))
    }

    /// Writes the folder `out` to publish. `accept`: findings of its scan that may go out.
    pub fn publish(&self, accept: &[String], out: &Path) -> anyhow::Result<Bundle> {
        self.ctx.require_project()?;
        let facts = Facts::gather(self.ctx, &self.model, &self.dir, &adapter_sha256(&self.adapter))?;
        let mut made = None;
        write_folder_atomically(out, |dir| {
            made = Some(bundle::write(self.ctx, &self.source(), &facts, accept, dir)?);
            Ok(())
        })?;
        Ok(made.expect("the folder was filled"))
    }

    fn source(&self) -> Source<'_> {
        Source { model: &self.model, engine: &self.engine, adapter: &self.adapter, ui: &self.ctx.ui }
    }
}

/// A folder or a file with an adapter, or a checkpoint by its name; and what it is called in words.
fn adapter_dir(ctx: &Project, name: &str, run: Option<&str>) -> anyhow::Result<(PathBuf, String)> {
    let dir = ctx.project.join(name);
    if dir.exists() {
        let name = ctx.shown(&dir).to_string();
        return Ok((dir, name));
    }
    let run = Run::meant(ctx, run)?;
    let checkpoint = run.resolve(name, &ctx.ui)?;
    let name = format!("{} of run {}", shown_as(&checkpoint.name(), name), run.name);
    Ok((checkpoint.path, name))
}

/// An adapter of a run of ours knows its base by hash; others name theirs, and another name is said.
fn same_base(ctx: &Project, adapter_dir: &Path, model: &LoadedModel) -> anyhow::Result<()> {
    let run = adapter_dir.parent().and_then(Path::parent);
    let Some(run) = run.filter(|run| run.join(provenance::FILE).is_file()) else {
        arms::warn_of_another_base(ctx, adapter_dir, model);
        return Ok(());
    };
    match Provenance::read(run)?.sha256.get("base") {
        Some(trained_on) if *trained_on != model.sha256 => {
            bail!(
                "the adapter was trained on another base than {}: SHA-256 {trained_on}, this is {}",
                model.name,
                model.sha256
            )
        }
        _ => Ok(()),
    }
}
