//! Run folders: `runs/<UTC time>-<model>/{run.toml, provenance.json, events.jsonl, metrics.jsonl, checkpoints/step-N/}`.
//!
//! Checkpoints are only ever `step-N`. `last` and `best` are questions to the events, never folders, so no name can
//! stand for two adapters. `latest` is a text file with the newest checkpoint's name.

use std::path::{Path, PathBuf};

use affinage_eval::plain::listed;
use anyhow::{Context as _, anyhow, bail, ensure};
use jiff::Timestamp;

use crate::errors::HintExt as _;
use crate::folder::events::{self, Event, EventLog, Record};
use crate::folder::jsonl::replace_file;
use crate::folder::lock::FolderLock;
use crate::folder::project::Project;
use crate::folder::provenance::Provenance;
use crate::next::next;
use crate::observer::Observer;

/// A run folder on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub path: PathBuf,
    /// The folder's name, `2026-11-22T101500Z-qwen2.5-0.5b`.
    pub name: String,
}

/// How far a run came. The later one is the greater.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Progress {
    finished: Option<Timestamp>,
    touched: Option<Timestamp>,
    name: String,
}

/// Other runs that a line names.
const OTHERS_SHOWN: usize = 3;

/// A saved adapter of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub step: usize,
    pub path: PathBuf,
    /// As recorded when it was saved.
    pub adapter_sha256: String,
    /// Of the file with the optimiser's state, where it was recorded; the file may be gone.
    pub optimizer_sha256: Option<String>,
}

impl Checkpoint {
    /// `step-000145`: the folder's name and the arm's name in evaluations.
    pub fn name(&self) -> String {
        checkpoint_name(self.step)
    }
}

/// A checkpoint's name for people, with the word by which it was asked for: `step-000145 (last)`.
pub fn shown_as(name: &str, asked: &str) -> String {
    match asked {
        "last" | "best" => format!("{name} ({asked})"),
        _ => name.to_owned(),
    }
}

/// `step-000145`.
pub fn checkpoint_name(step: usize) -> String {
    format!("step-{step:06}")
}

/// The folder that holds one for every run.
pub const ALL: &str = "runs";
/// The folder of a run's checkpoints.
pub const CHECKPOINTS: &str = "checkpoints";

/// The folder of all runs of a project.
pub fn all(project: &Path) -> PathBuf {
    project.join(ALL)
}

impl Run {
    /// Makes a new run folder with `run.toml` and `provenance.json`, and takes its lock.
    pub fn create(
        project: &Path,
        model: &str,
        run_toml: &str,
        provenance: &Provenance,
    ) -> anyhow::Result<(Self, FolderLock)> {
        let runs = all(project);
        fs_err::create_dir_all(&runs)?;
        let name = new_name(Self::list(project)?.last(), provenance.started_at, model);
        let path = runs.join(&name);
        write_folder_atomically(&path, |dir| {
            fs_err::create_dir(dir.join(CHECKPOINTS))?;
            fs_err::write(dir.join("run.toml"), run_toml)?;
            provenance.write(dir)
        })?;
        let lock = FolderLock::acquire(&path)?;
        Ok((Self { path, name }, lock))
    }

    /// All runs of a project, oldest first.
    pub fn list(project: &Path) -> anyhow::Result<Vec<Self>> {
        let entries = match fs_err::read_dir(all(project)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut runs = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            if path.join("run.toml").is_file() && !name.starts_with('.') {
                runs.push(Self { path, name });
            }
        }
        runs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(runs)
    }

    /// The run called `name` (or the only one whose name contains it).
    pub fn open(project: &Path, name: &str) -> anyhow::Result<Self> {
        let runs = Self::some(project)?;
        if let Some(run) = runs.iter().find(|run| run.name == name) {
            return Ok(run.clone());
        }
        let mut matching = runs.iter().filter(|run| run.name.contains(name));
        match (matching.next(), matching.next()) {
            (Some(run), None) => Ok(run.clone()),
            (None, _) => Err(anyhow!("no run `{name}`")).hint(format!("runs: {}", run_names(&runs))),
            (Some(_), Some(_)) => {
                Err(anyhow!("more than one run matches `{name}`")).hint(format!("runs: {}", run_names(&runs)))
            }
        }
    }

    /// All runs of a project, oldest first. Errors: there is none.
    fn some(project: &Path) -> anyhow::Result<Vec<Self>> {
        let runs = Self::list(project)?;
        match runs.is_empty() {
            true => Err(anyhow!("no runs in {}", project.display()))
                .hint(format!("train first: {}", next("train"))),
            false => Ok(runs),
        }
    }

    /// The run whose training finished last, by its events; where none is finished, the one that was worked on last.
    pub fn newest(project: &Path, ui: &dyn Observer) -> anyhow::Result<Self> {
        let newest = Self::some(project)?.into_iter().max_by_key(|run| run.progress(ui));
        newest.context("at least one run")
    }

    /// All runs, the one that commands mean first; see [`Run::newest`].
    pub fn meant_first(project: &Path, ui: &dyn Observer) -> anyhow::Result<Vec<Self>> {
        let mut runs = Self::list(project)?;
        runs.sort_by_cached_key(|run| std::cmp::Reverse(run.progress(ui)));
        Ok(runs)
    }

    /// The unfinished run that was worked on last; where all are finished, the newest.
    pub fn unfinished(project: &Path, ui: &dyn Observer) -> anyhow::Result<Self> {
        let runs = Self::some(project)?.into_iter();
        let newest = runs.max_by_key(|run| {
            let progress = run.progress(ui);
            (progress.finished.is_none(), progress)
        });
        newest.context("at least one run")
    }

    /// Says which earlier trainings lie unfinished, where a new one begins beside them.
    pub fn say_unfinished(ctx: &Project) -> anyhow::Result<()> {
        for run in Self::list(&ctx.project)? {
            let is_left = run.progress(&ctx.ui).finished.is_none() && !run.is_training();
            let Some(last) = run.checkpoints(&ctx.ui)?.pop().filter(|last| is_left && last.step > 0) else {
                continue;
            };
            ctx.ui.say(format!(
                "this is a new training; run `{}` lies unfinished with {}, and {} goes on with it",
                run.name,
                last.name(),
                next("train").option("--resume", &run.name)
            ));
        }
        Ok(())
    }

    /// The run that a command means: the one it names, else [`Run::newest`]. Where there are others, one line says which it
    /// is.
    pub fn meant(ctx: &Project, name: Option<&str>) -> anyhow::Result<Self> {
        if let Some(name) = name {
            return Self::open(&ctx.project, name);
        }
        let newest = Self::newest(&ctx.project, &ctx.ui)?;
        let others: Vec<String> = Self::list(&ctx.project)?
            .into_iter()
            .rev()
            .filter(|run| *run != newest && run.has_learned(&ctx.ui))
            .map(|run| match run.progress(&ctx.ui).finished {
                Some(_) => format!("`{}`", run.name),
                None => format!("`{}` (not finished)", run.name),
            })
            .collect();
        let how =
            if newest.progress(&ctx.ui).finished.is_some() { "finished last" } else { "was worked on last" };
        if !others.is_empty() {
            ctx.ui.say(format!(
                "run `{}`: its training {how}; `--run` takes another: {}",
                newest.name,
                listed(&others, OTHERS_SHOWN, ", ")
            ));
        }
        Ok(newest)
    }

    /// Whether a checkpoint of a step that was taken is there: without one there is nothing to talk to or to export.
    fn has_learned(&self, ui: &dyn Observer) -> bool {
        self.checkpoints(ui).is_ok_and(|all| all.iter().any(|checkpoint| checkpoint.step > 0))
    }

    /// When it finished, and when anything happened in it; a log that cannot be read tells neither.
    fn progress(&self, ui: &dyn Observer) -> Progress {
        let events = self.events(ui).unwrap_or_default();
        let is_end = |record: &&Record| matches!(record.event, Event::Finished { .. });
        Progress {
            finished: events.iter().rev().find(is_end).map(|record| record.at),
            touched: events.last().map(|record| record.at),
            name: self.name.clone(),
        }
    }

    /// Takes the run's lock; a second process fails and names the first.
    pub fn lock(&self) -> anyhow::Result<FolderLock> {
        FolderLock::acquire(&self.path)
    }

    /// Whether a process trains it now.
    pub fn is_training(&self) -> bool {
        FolderLock::is_held(&self.path)
    }

    /// Opens the event log for writing; hold the lock.
    pub fn event_log(&self, ui: &dyn Observer) -> anyhow::Result<EventLog> {
        EventLog::open(&self.path, ui)
    }

    pub fn events(&self, ui: &dyn Observer) -> anyhow::Result<Vec<Record>> {
        events::read(&self.path, ui)
    }

    /// The dataset version that the run is trained on.
    pub fn dataset(&self, ui: &dyn Observer) -> anyhow::Result<String> {
        let started = self.events(ui)?.into_iter().find_map(|record| match record.event {
            Event::RunStarted(started) => Some(started.dataset),
            _ => None,
        });
        started
            .ok_or_else(|| anyhow!("run `{}` never started: its events.jsonl names no dataset", self.name))
            .hint(format!("start a new run: {}", next("train")))
    }

    /// The configuration that the run was made with.
    pub fn run_toml(&self) -> anyhow::Result<String> {
        Ok(fs_err::read_to_string(self.path.join("run.toml"))?)
    }

    pub fn checkpoint_path(&self, step: usize) -> PathBuf {
        self.path.join(CHECKPOINTS).join(checkpoint_name(step))
    }

    /// Saves a checkpoint folder in one step: `fill` writes into a temporary folder, then it is synced, renamed to
    /// `step-N`, and `latest` names it. A folder left there by an overtaken attempt is replaced.
    pub fn save_checkpoint(
        &self,
        step: usize,
        fill: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<PathBuf> {
        let path = self.checkpoint_path(step);
        replace_folder_atomically(&path, fill)
            .with_context(|| format!("checkpoint {} was not saved", checkpoint_name(step)))
            .hint(format!(
                "the checkpoints before it are whole: free some space, then {}",
                next("train").words("--resume")
            ))?;
        replace_file(&self.path.join("latest"), format!("{}\n", checkpoint_name(step)).as_bytes())?;
        Ok(path)
    }

    /// The checkpoints that the events name and the disk holds, by step.
    pub fn checkpoints(&self, ui: &dyn Observer) -> anyhow::Result<Vec<Checkpoint>> {
        Ok(self.saved(ui)?.into_iter().filter(|checkpoint| checkpoint.path.is_dir()).collect())
    }

    /// The checkpoints that the events name, by step, whether or not their folders are still there.
    pub fn saved(&self, ui: &dyn Observer) -> anyhow::Result<Vec<Checkpoint>> {
        let mut saved = std::collections::BTreeMap::new();
        for record in self.events(ui)? {
            if let Event::CheckpointSaved { step, adapter_sha256, optimizer_sha256 } = record.event {
                saved.insert(step, (adapter_sha256, optimizer_sha256));
            }
        }
        let all = saved.into_iter().map(|(step, (adapter_sha256, optimizer_sha256))| Checkpoint {
            step,
            path: self.checkpoint_path(step),
            adapter_sha256,
            optimizer_sha256,
        });
        Ok(all.collect())
    }

    /// Which of `last` and `best` mean a checkpoint.
    pub fn names(&self, ui: &dyn Observer) -> anyhow::Result<Vec<&'static str>> {
        let saved = self.saved(ui)?;
        let is_evaluated = best(&saved, &self.events(ui)?).is_some();
        Ok([("last", !saved.is_empty()), ("best", is_evaluated)]
            .into_iter()
            .filter_map(|(name, is_meant)| is_meant.then_some(name))
            .collect())
    }

    /// The checkpoint called `best` where it is not the one called `last` and both were evaluated.
    pub fn earlier_best(&self, ui: &dyn Observer) -> anyhow::Result<Option<EarlierBest>> {
        let (saved, records) = (self.saved(ui)?, self.events(ui)?);
        let (Some(last), Some(best)) = (saved.last().cloned(), best(&saved, &records)) else {
            return Ok(None);
        };
        let losses = losses(&records);
        let (Some(&last_loss), Some(&best_loss)) = (losses.get(&last.step), losses.get(&best.step)) else {
            return Ok(None);
        };
        Ok((best.step != last.step).then_some(EarlierBest { best, best_loss, last, last_loss }))
    }

    /// `last` (the highest step that was saved), `best` (the lowest validation loss, the earlier on a tie), `step-145`
    /// or `145`.
    ///
    /// Errors: nothing was saved; the folder of what the name means is not there any more. Another checkpoint never takes
    /// its place.
    pub fn resolve(&self, name: &str, ui: &dyn Observer) -> anyhow::Result<Checkpoint> {
        let saved = self.saved(ui)?;
        let Some(last) = saved.last() else {
            return match self.is_training() {
                true => Err(anyhow!("run `{}` is training now and has no checkpoint yet", self.name))
                    .hint(format!("wait until it has saved one; how far it is: {}", next("plan"))),
                false => Err(anyhow!("run `{}` has no checkpoint yet", self.name))
                    .hint(format!("{} goes on with it", next("train").words("--resume"))),
            };
        };
        let found = match name {
            "last" => Some(last.clone()),
            "best" => Some(best(&saved, &self.events(ui)?).with_context(|| {
                format!("run `{}` has no evaluated checkpoint, so none is best", self.name)
            })?),
            _ => {
                let step: Option<usize> = name.strip_prefix("step-").unwrap_or(name).parse().ok();
                saved.iter().find(|checkpoint| Some(checkpoint.step) == step).cloned()
            }
        };
        let problem = match found {
            Some(checkpoint) if checkpoint.path.is_dir() => return Ok(checkpoint),
            Some(checkpoint) => {
                let (step, path) = (checkpoint.name(), checkpoint.path.display());
                format!("run `{}`: `{name}` is {step}, and its folder {path} is missing", self.name)
            }
            None => format!("run `{}` has no checkpoint `{name}`", self.name),
        };
        let there = saved.iter().filter(|checkpoint| checkpoint.path.is_dir()).map(Checkpoint::name);
        let there: Vec<String> = there.collect();
        Err(anyhow!(problem)).hint(match there.is_empty() {
            true => format!("no checkpoint folder of this run is left; train again: {}", next("train")),
            false => format!(
                "name one that is there in place of `{name}`: {}; or train again: {}",
                there.join(", "),
                next("train")
            ),
        })
    }
}

/// A run whose validation loss was lower before its last checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct EarlierBest {
    pub best: Checkpoint,
    pub best_loss: f64,
    pub last: Checkpoint,
    pub last_loss: f64,
}

/// Validation loss by step. A re-evaluated step counts with its newest figure.
fn losses(records: &[Record]) -> std::collections::BTreeMap<usize, f64> {
    let mut losses = std::collections::BTreeMap::new();
    for record in records {
        if let Event::Evaluated(evaluated) = &record.event {
            losses.insert(evaluated.step, evaluated.loss);
        }
    }
    losses
}

/// The checkpoint with the lowest validation loss.
fn best(checkpoints: &[Checkpoint], records: &[Record]) -> Option<Checkpoint> {
    let losses = losses(records);
    checkpoints
        .iter()
        .filter_map(|checkpoint| Some((*losses.get(&checkpoint.step)?, checkpoint)))
        .min_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, checkpoint)| checkpoint.clone())
}

/// As [`write_folder_atomically`]; a folder that is there is moved aside once the new one is whole, then removed.
fn replace_folder_atomically(
    path: &Path,
    fill: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if !path.exists() {
        return write_folder_atomically(path, fill);
    }
    let beside = |ending: &str| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.with_file_name(format!(".{name}.{ending}"))
    };
    let (fresh, superseded) = (beside("new"), beside("superseded"));
    for leftover in [&fresh, &superseded] {
        if leftover.exists() {
            fs_err::remove_dir_all(leftover)?;
        }
    }
    write_folder_atomically(&fresh, fill)?;
    fs_err::rename(path, &superseded)?;
    fs_err::rename(&fresh, path)?;
    Ok(fs_err::remove_dir_all(&superseded)?)
}

/// Makes the folder `path` appear whole: `fill` writes a temporary folder beside it, every file is synced, then it
/// is renamed. On any failure the temporary folder is removed and `path` does not exist.
///
/// Errors: `path` exists; `fill` fails; the disk is full.
pub fn write_folder_atomically(
    path: &Path,
    fill: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    ensure!(!path.exists(), "`{}` exists already", path.display());
    let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        bail!("`{}` is not a folder name", path.display());
    };
    // The parent of a bare name is written as nothing.
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    fs_err::create_dir_all(parent)?;
    let temporary = parent.join(format!(".{name}.tmp"));
    if temporary.exists() {
        fs_err::remove_dir_all(&temporary)?;
    }
    fs_err::create_dir(&temporary)?;
    let written = fill(&temporary).and_then(|()| {
        sync_folder(&temporary)?;
        Ok(fs_err::rename(&temporary, path)?)
    });
    if written.is_err() {
        // The first error is the one to report; a leftover is removed by the next attempt.
        let _leftover = fs_err::remove_dir_all(&temporary);
    }
    written?;
    sync_entry(parent)
}

fn sync_folder(dir: &Path) -> anyhow::Result<()> {
    for entry in fs_err::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_folder(&path)?;
        } else {
            fs_err::OpenOptions::new().write(true).open(&path)?.sync_all()?;
        }
    }
    sync_entry(dir)
}

/// Syncs the list of names in a folder; only Unix lets a folder be opened for that.
fn sync_entry(dir: &Path) -> anyhow::Result<()> {
    if cfg!(unix) {
        fs_err::File::open(dir)?.sync_all()?;
    }
    Ok(())
}

/// The name of a new run. Runs are ordered by name, so it sorts behind `newest`, even where the clock was set back: then
/// it takes the second after that run's time.
fn new_name(newest: Option<&Run>, started_at: Timestamp, model: &str) -> String {
    let name_at = |at: Timestamp| format!("{}-{}", folder_time(at), folder_part(model));
    let name = name_at(started_at);
    let Some(newest) = newest.map(|run| run.name.as_str()) else { return name };
    if name.as_str() > newest {
        return name;
    }
    let newest_at = newest
        .get(..FOLDER_TIME_LEN)
        .and_then(|time| jiff::fmt::strtime::parse(FOLDER_TIME, time).ok())
        .and_then(|time| time.to_datetime().ok())
        .and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok())
        .map(|time| time.timestamp());
    match newest_at {
        Some(at) => name_at(at + jiff::SignedDuration::from_secs(1)),
        // A folder that a person named: letters sort behind digits, and so does this.
        None => format!("{newest}-{name}"),
    }
}

const FOLDER_TIME: &str = "%Y-%m-%dT%H%M%SZ";
const FOLDER_TIME_LEN: usize = "2026-11-22T101500Z".len();

/// `2026-11-22T101500Z`: sorts by time and has no character that a file system refuses.
pub(super) fn folder_time(at: Timestamp) -> String {
    at.strftime(FOLDER_TIME).to_string()
}

/// The last part of a model's name, lower-case, with only `[a-z0-9._-]`: `Qwen/Qwen2.5-0.5B` -> `qwen2.5-0.5b`.
fn folder_part(model: &str) -> String {
    let trimmed = model.trim_end_matches(['/', '\\']).trim_end_matches(".gguf");
    let last = trimmed.rsplit(['/', '\\', ':']).next().unwrap_or_default();
    let safe: String = last
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' })
        .collect();
    let safe = safe.trim_matches(['.', '-']);
    if safe.is_empty() { "model".to_owned() } else { safe.to_owned() }
}

fn run_names(runs: &[Run]) -> String {
    let names: Vec<String> = runs.iter().map(|run| format!("`{}`", run.name)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests;
