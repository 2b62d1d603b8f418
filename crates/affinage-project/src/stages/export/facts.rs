//! What the project recorded about an adapter: its run, its data, and the evaluations that met it.

use std::path::Path;

use affinage_dataset::template::Thinking;
use affinage_dataset::version::Manifest;
use affinage_eval::analysis::Analysis;
use anyhow::Context as _;
use serde_json::Value;

use crate::errors::HintExt as _;
use crate::folder::config::{Config, Train};
use crate::folder::datasets::DatasetVersion;
use crate::folder::evaluation::Evaluation;
use crate::folder::events::{Event, RunStarted};
use crate::folder::project::Project;
use crate::folder::provenance::Provenance;
use crate::folder::run::Run;
use crate::model::LoadedModel;
use crate::next::next;

/// Everything that a card may say.
pub struct Facts {
    pub run: String,
    pub step: usize,
    pub adapter_sha256: String,
    pub base: String,
    pub base_sha256: String,
    pub base_revision: Option<String>,
    /// The base's licence where its own files name one.
    pub base_licence: Option<String>,
    pub settings: Train,
    /// What the chat template was told of thinking while the adapter was trained, where that changes what it writes.
    pub thinking: Option<Thinking>,
    pub started: RunStarted,
    pub epoch: Option<f64>,
    /// Validation loss at this step.
    pub validation_loss: Option<f64>,
    /// Validation loss before training.
    pub initial_loss: Option<f64>,
    pub is_finished: bool,
    pub provenance: Provenance,
    pub dataset: DatasetVersion,
    pub evaluations: Vec<EvaluationOf>,
}

/// An evaluation in which this very adapter is an arm.
pub struct EvaluationOf {
    pub folder: Evaluation,
    /// The arm's name there.
    pub arm: String,
    pub analysis: Analysis,
}

impl Facts {
    /// Errors: `adapter_dir` is not a checkpoint of a run of this project, or its data are gone.
    pub fn gather(
        ctx: &Project,
        model: &LoadedModel,
        adapter_dir: &Path,
        adapter_sha256: &str,
    ) -> anyhow::Result<Facts> {
        let run_dir = adapter_dir.parent().and_then(Path::parent).context("the adapter lies in no run")?;
        let name = run_dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let run = Run::list(&ctx.project)?.into_iter().find(|run| run.name == name).with_context(|| {
            format!("{} is not a checkpoint of a run of this project", adapter_dir.display())
        })?;
        let checkpoints = run.checkpoints(&ctx.ui)?;
        let checkpoint = checkpoints
            .iter()
            .find(|checkpoint| checkpoint.adapter_sha256 == adapter_sha256)
            .context("the adapter is not the one that the run saved")?;
        let config = Config::parse(&run.run_toml()?, &[]).map_err(|error| error.located("run.toml"))?;
        let has_switch = model.template().is_ok_and(|template| template.thinking().is_some());
        let events = run.events(&ctx.ui)?;
        let started = events
            .iter()
            .find_map(|record| match &record.event {
                Event::RunStarted(started) => Some(started.clone()),
                _ => None,
            })
            .context("the run never started")?;
        let loss_at = |step: usize| {
            events.iter().rev().find_map(|record| match &record.event {
                Event::Evaluated(evaluated) if evaluated.step == step => Some(evaluated.loss),
                _ => None,
            })
        };
        let epoch = events.iter().rev().find_map(|record| match &record.event {
            Event::TrainStep(at) if at.step == checkpoint.step => Some(at.epoch),
            _ => None,
        });
        Ok(Facts {
            step: checkpoint.step,
            adapter_sha256: adapter_sha256.to_owned(),
            base: model.hub_id.clone().unwrap_or_else(|| model.name.clone()),
            base_sha256: model.sha256.clone(),
            base_revision: model.revision.clone(),
            base_licence: licence(model)?,
            epoch,
            validation_loss: loss_at(checkpoint.step),
            initial_loss: loss_at(0),
            is_finished: events.iter().any(|record| matches!(record.event, Event::Finished { .. })),
            provenance: Provenance::read(&run.path)?,
            dataset: DatasetVersion::open(&ctx.project, Some(&started.dataset))?,
            evaluations: evaluations(ctx, adapter_sha256)?,
            run: run.name,
            settings: config.train,
            thinking: has_switch.then_some(config.model.thinking),
            started,
        })
    }

    pub fn manifest(&self) -> &Manifest {
        &self.dataset.manifest
    }
}

/// `general.license` of a GGUF file, or `license:` at the head of a folder's README.md.
fn licence(model: &LoadedModel) -> anyhow::Result<Option<String>> {
    if let Some(metadata) = model.weights.gguf() {
        return Ok(metadata.string("general.license")?.map(str::to_owned));
    }
    let readme = model.weights.path().join("README.md");
    if !readme.is_file() {
        return Ok(None);
    }
    let text = fs_err::read_to_string(readme)?;
    let front = text.strip_prefix("---\n").and_then(|rest| rest.split("\n---").next()).unwrap_or_default();
    let named = front.lines().find_map(|line| line.strip_prefix("license:"));
    Ok(named.map(|licence| licence.trim().trim_matches(['"', '\'']).to_owned()).filter(|l| !l.is_empty()))
}

fn evaluations(ctx: &Project, adapter_sha256: &str) -> anyhow::Result<Vec<EvaluationOf>> {
    let mut found = Vec::new();
    for folder in Evaluation::list(&ctx.project)? {
        let Some(plan) = folder.plan_file().bytes()?.filter(|_| folder.analysis().is_there()) else {
            continue;
        };
        // Plans of other adapters may be of earlier versions.
        let plan: Value = serde_json::from_slice(&plan)?;
        let arms = plan["arms"].as_array().cloned().unwrap_or_default();
        let is_ours =
            |arm: &&Value| arm.to_string().contains(&format!("\"adapter_sha256\":\"{adapter_sha256}\""));
        let Some(arm) = arms.iter().find(is_ours).and_then(|arm| arm["name"].as_str()) else { continue };
        let analysis = folder.analysis().read().hint(format!(
            "{} makes it again, offline, from the rows",
            next("analyze").on(Some(&folder.name))
        ))?;
        found.push(EvaluationOf { arm: arm.to_owned(), folder, analysis });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::observer::Silent;

    #[test]
    fn figures_of_another_version_are_no_empty_card() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let project = Project::open(dir.path(), &[], Arc::new(Silent)).expect("a project");
        let write = |name: &str, adapter: &str| {
            let evaluation = Evaluation::named(dir.path(), name);
            evaluation.create().expect("made");
            let plan = format!(r#"{{"arms": [{{"name": "tuned", "adapter_sha256": "{adapter}"}}]}}"#);
            fs_err::write(evaluation.plan_file().path(), plan).expect("written");
            fs_err::write(evaluation.analysis().path(), "{}").expect("written");
        };
        write("of-another", "bb");
        assert!(evaluations(&project, "aa").expect("none is of this adapter").is_empty());
        write("of-this", "aa");
        let error = evaluations(&project, "aa").err().expect("its figures cannot be read");
        assert!(error.to_string().ends_with("analysis.json was not written by this version"), "{error}");
        assert_eq!(
            crate::errors::hints(&error),
            ["`affinage analyze --eval of-this` makes it again, offline, from the rows"]
        );
    }
}
