//! The way back: what the other engine logged and saved becomes a run like any other.

use std::collections::BTreeMap;
use std::path::Path;

use affinage_engine::checkpoint::{adapter_sha256, load_adapter, save_adapter};
use affinage_engine::lora::Adapter;
use anyhow::{Context as _, anyhow, ensure};
use serde::Deserialize;

use super::{IGNORED, Job, Row, file_sha256};
use crate::errors::HintExt as _;
use crate::folder::config::Config;
use crate::folder::datasets::DatasetVersion;
use crate::folder::events::{Evaluated, Event, EventLog, RunStarted, TrainStep};
use crate::folder::jsonl;
use crate::folder::project::Project;
use crate::folder::provenance::Provenance;
use crate::folder::run::Run;
use crate::model::{LoadedModel, open_model};

/// What one step, or the evaluation after one, was.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Logged {
    Evaluation { step: usize, eval_loss: f64, eval_tokens: u64, seconds: f64 },
    Step { step: usize, loss: f64, grad_norm: Option<f64>, learning_rate: f64, seconds: f64 },
}

/// Everything that came back.
struct Results {
    log: Vec<Logged>,
    /// By step, from 0.
    adapters: BTreeMap<usize, Adapter>,
    seconds: f64,
}

/// `out/done.json` as train.py and train_mlx.py write it.
#[derive(Deserialize)]
struct Done {
    seconds: f64,
    job_sha256: String,
}

/// Makes a run of the results in the hand-over folder `dir`.
///
/// Errors: it is unfinished; a file of it was changed; base or dataset are not those of this project.
pub fn import(ctx: &Project, dir: &Path) -> anyhow::Result<Run> {
    let job = checked_job(dir)?;
    let run_toml = fs_err::read_to_string(dir.join("run.toml"))?;
    let config = Config::parse(&run_toml, &[]).map_err(|error| error.located("run.toml"))?;
    let model = open_model(ctx, &config.model.name)?;
    let version = DatasetVersion::open(&ctx.project, Some(&job.dataset))?;
    let pairs = [
        ("base", &job.base.sha256, model.sha256.as_str()),
        ("dataset", &job.dataset_sha256, version.sha256()),
    ];
    for (name, of_job, here) in pairs {
        ensure!(of_job == here, "the job was made with another {name}: SHA-256 {of_job}, here {here}");
    }
    let results = results(&job, &model, dir)?;
    let hashes = [
        ("base".to_owned(), model.sha256.clone()),
        ("dataset".to_owned(), job.dataset_sha256.clone()),
        ("handover/job.json".to_owned(), file_sha256(&dir.join("job.json"))?),
    ];
    let provenance = Provenance::now(hashes.into());
    let (run, _lock) = Run::create(&ctx.project, &model.name, &run_toml, &provenance)?;
    let mut log = run.event_log(&ctx.ui)?;
    if let Err(error) = fill(ctx, &run, &mut log, &job, &model, dir, results) {
        // Half a run would look like an interrupted one.
        fs_err::remove_dir_all(&run.path)?;
        return Err(error);
    }
    Ok(run)
}

fn checked_job(dir: &Path) -> anyhow::Result<Job> {
    let path = dir.join("job.json");
    let job: Job =
        serde_json::from_slice(&fs_err::read(&path).hint("--import takes a folder that --handover made")?)
            .with_context(|| format!("{} is not a job", path.display()))?;
    for (name, expected) in &job.sha256 {
        let found = file_sha256(&dir.join(name))?;
        ensure!(found == *expected, "{}: SHA-256 {found}, job.json has {expected}", dir.join(name).display());
    }
    Ok(job)
}

fn results(job: &Job, model: &LoadedModel, dir: &Path) -> anyhow::Result<Results> {
    let out = dir.join("out");
    let done = out.join("done.json");
    if !done.is_file() {
        return Err(anyhow!("{} does not exist: the job has not come to its end", done.display()))
            .hint("run its program in the folder first; its README.md has the command");
    }
    let done: Done = serde_json::from_slice(&fs_err::read(&done)?)?;
    let sha256 = file_sha256(&dir.join("job.json"))?;
    ensure!(
        done.job_sha256 == sha256,
        "out/ is of another job: SHA-256 {}, job.json has {sha256}",
        done.job_sha256
    );
    let text = fs_err::read_to_string(out.join("log.jsonl"))?;
    let log = text
        .lines()
        .enumerate()
        .map(|(number, line)| {
            serde_json::from_str(line)
                .with_context(|| format!("{}:{}", out.join("log.jsonl").display(), number + 1))
        })
        .collect::<anyhow::Result<_>>()?;
    let mut adapters = BTreeMap::new();
    for step in std::iter::once(0).chain(job.evaluated_after.iter().copied()) {
        let folder =
            out.join(crate::folder::run::CHECKPOINTS).join(crate::folder::run::checkpoint_name(step));
        adapters.insert(step, load_adapter(&folder, model.weights.config())?);
    }
    Ok(Results { log, adapters, seconds: done.seconds })
}

fn fill(
    ctx: &Project,
    run: &Run,
    log: &mut EventLog,
    job: &Job,
    model: &LoadedModel,
    dir: &Path,
    results: Results,
) -> anyhow::Result<()> {
    let order: Vec<Vec<usize>> = serde_json::from_slice(&fs_err::read(dir.join("order.json"))?)?;
    let rows: Vec<Row> = jsonl::read(&dir.join("rows.jsonl"), &ctx.ui)?;
    log.emit(Event::RunStarted(RunStarted {
        sample: None,
        model: model.name.clone(),
        base_sha256: model.sha256.clone(),
        dataset: job.dataset.clone(),
        dataset_sha256: job.dataset_sha256.clone(),
        examples: job.examples,
        left_out: job.left_out.clone(),
        steps: job.steps,
        tokens: 0,
        epochs: job.epochs,
        trainable_parameters: job.trainable_parameters,
        total_parameters: job.total_parameters,
    }))?;
    let steps_per_epoch = job.examples.div_ceil(job.rows_per_step) as f64;
    for step in 0..=job.steps {
        if let Some(found) = results
            .log
            .iter()
            .rev()
            .find(|logged| matches!(logged, Logged::Step { step: at, .. } if *at == step))
            && let Logged::Step { loss, grad_norm, learning_rate, seconds, .. } = *found
        {
            let of_step = || order[step - 1].iter().map(|row| &rows[*row]);
            let tokens: usize = of_step().map(|row| row.input_ids.len()).sum();
            let supervised: usize =
                of_step().flat_map(|row| &row.labels).filter(|label| **label != IGNORED).count();
            log.emit(Event::TrainStep(TrainStep {
                step,
                epoch: step as f64 / steps_per_epoch,
                loss,
                learning_rate,
                grad_norm,
                tokens: tokens as u64,
                supervised_tokens: supervised as u64,
                tokens_per_s: tokens as f64 / seconds,
                peak_rss_bytes: None,
                seconds,
            }))?;
        } else {
            ensure!(step == 0, "the log has no step {step} of {}", job.steps);
        }
        let evaluated = results.log.iter().rev().find_map(|logged| match *logged {
            Logged::Evaluation { step: at, eval_loss, eval_tokens, seconds } if at == step => {
                Some(Evaluated { step, loss: eval_loss, tokens: eval_tokens, seconds })
            }
            _ => None,
        });
        if let Some(evaluated) = evaluated {
            log.emit(Event::Evaluated(evaluated))?;
        }
        if let Some(adapter) = results.adapters.get(&step) {
            let base = job.base.hub_id.as_deref().unwrap_or(&model.name);
            run.save_checkpoint(step, |folder| Ok(save_adapter(adapter, base, folder)?))?;
            log.emit(Event::CheckpointSaved {
                step,
                adapter_sha256: adapter_sha256(adapter),
                optimizer_sha256: None,
            })?;
        }
    }
    log.emit(Event::Finished { step: job.steps, seconds: results.seconds, peak_rss_bytes: None })?;
    log.sync()
}
