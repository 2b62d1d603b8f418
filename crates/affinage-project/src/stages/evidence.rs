//! Reads an evaluation's folder and what belongs to it. The only input of the report.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, anyhow, ensure};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use affinage_dataset::version::Manifest;
use affinage_eval::analysis::Analysis;
use affinage_eval::analyze::rows_sha256;
use affinage_eval::comparison::BlindKey;
use affinage_eval::completion::Completion;
use affinage_eval::judgment::Judgment;
use affinage_eval::plain::counted;
use affinage_eval::plan::Plan;
use affinage_eval::planted::GoldVote;
use affinage_eval::suite::Prompt;

use affinage_report::card::project_name;
use affinage_report::evidence::{
    Evidence, FileFacts, RunFacts, RunProvenance, RunState, Sample, TrainingFacts,
};

use crate::errors::HintExt as _;
use crate::folder::datasets;
use crate::folder::evaluation::{Evaluation, all};
use crate::folder::events;
use crate::folder::events::{Event, Record};
use crate::folder::project::Project;
use crate::folder::provenance::Provenance;
use crate::folder::registry;
use crate::folder::run::Run;
use crate::next::next;
use crate::stages::evaluation::analysis::analyze_folder;
use crate::stages::evaluation::stored::Stored;

/// What to do with a file of another version.
const MAKE_AGAIN: &str =
    "everything derived can be made again: delete analysis.json and run `affinage analyze`";

/// Reads `evals/NAME` of the project.
///
/// Where rows came after the analysis, such as votes, it is made again from all of them, and a line says so.
///
/// Errors: the folder, its plan or its analysis is missing; the analysis was made from other rows; a row is broken.
pub fn read(ctx: &Project, name: &str) -> anyhow::Result<Evidence> {
    let evaluation = Evaluation::named(&ctx.project, name);
    if !evaluation.is_planned() {
        let hint = match evaluation.beside().as_slice() {
            [] => format!("make one with {}", next("eval")),
            names => format!("there is {}; name one with `--eval NAME`", names.join(", ")),
        };
        return Err(anyhow!("no evaluation `{name}` in {}", ctx.shown(&all(&ctx.project)))).hint(hint);
    }
    if !evaluation.analysis().is_there() {
        return Err(anyhow!("{} has no analysis.json", ctx.shown(&evaluation.path)))
            .hint(format!("{} makes it, offline, from the rows", next("analyze").on(Some(name))));
    }
    let plan = evaluation.plan_file().read().hint(MAKE_AGAIN)?;
    let mut analysis = evaluation.analysis().read().hint(MAKE_AGAIN)?;
    let Stored { plan, prompts, completions, comparisons, blind_keys, judgments, .. } =
        Stored::read(ctx, &evaluation, plan, |_| {})?;
    let counts =
        Counts { analysed: &analysis, prompts: &prompts, completions: &completions, judgments: &judgments };
    if let Some(new) = counts.only_more() {
        ctx.ui.say(format!("{new} came after the figures: they are computed anew"));
        analysis = ctx.ui.during("computing the figures", || analyze_folder(ctx, &evaluation))?;
    }
    let registry = registry::read(ctx)?;
    let evidence = Evidence {
        project: project_name(&ctx.project),
        prompts,
        completions,
        comparisons,
        judgments,
        runs: read_runs(ctx)?,
        evaluations: registry::evaluations(ctx, &registry),
        changes: registry::changes_in_words(&registry),
        manifest: manifest(&ctx.project, &plan)?,
        files: file_facts(&evaluation)?,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        plan,
        analysis,
    };
    let hint = format!("{} brings it up to date", next("analyze").on(Some(name)));
    check_age(&evidence).hint(&hint)?;
    let planted = evaluation.planted_votes().read(&ctx.ui)?;
    check_rows(&evidence, &blind_keys, &planted).hint(&hint)?;
    Ok(evidence)
}

/// An analysis, and the rows that lie beside it. A row that stands twice counts once.
struct Counts<'a> {
    analysed: &'a Analysis,
    prompts: &'a [Prompt],
    completions: &'a [Completion],
    judgments: &'a [Judgment],
}

impl Counts<'_> {
    /// What the files call the rows and what people call one and several; how many the analysis has, and the folder.
    fn by_kind(&self) -> [([&'static str; 3], usize, usize); 3] {
        let facts = &self.analysed.evaluation;
        let prompts: BTreeSet<&str> = self.prompts.iter().map(|row| row.prompt_id.as_str()).collect();
        let completions: BTreeSet<&str> =
            self.completions.iter().map(|row| row.completion_id.as_str()).collect();
        let judgments: BTreeSet<&str> = self.judgments.iter().map(|row| row.judgment_id.as_str()).collect();
        [
            (["prompts", "prompt", "prompts"], facts.prompts, prompts.len()),
            (["completions", "answer", "answers"], facts.completions, completions.len()),
            (["judgments", "vote or verdict", "votes or verdicts"], facts.judgments, judgments.len()),
        ]
    }

    /// "24 votes or verdicts", where rows came to those of the analysis and of no kind there are fewer.
    fn only_more(&self) -> Option<String> {
        let kinds = self.by_kind();
        let new = kinds.iter().filter(|(_, analysed, found)| found > analysed);
        let new: Vec<String> =
            new.map(|([_, one, many], analysed, found)| counted(found - analysed, one, many)).collect();
        let has_fewer = kinds.iter().any(|(_, analysed, found)| found < analysed);
        (!new.is_empty() && !has_fewer).then(|| new.join(" and "))
    }
}

/// An analysis of other rows must not be next to these.
fn check_age(evidence: &Evidence) -> anyhow::Result<()> {
    let Evidence { prompts, completions, judgments, analysis, .. } = evidence;
    for ([what, ..], analysed, found) in
        (Counts { analysed: analysis, prompts, completions, judgments }).by_kind()
    {
        ensure!(analysed == found, "analysis.json was made from {analysed} {what}, the folder holds {found}");
    }
    Ok(())
}

/// As many rows may be other rows: some that changed after the analysis.
fn check_rows(evidence: &Evidence, blind_keys: &[BlindKey], planted: &[GoldVote]) -> anyhow::Result<()> {
    let Evidence { prompts, completions, comparisons, judgments, analysis, .. } = evidence;
    let is_same = analysis.rows_sha256.is_empty()
        || analysis.rows_sha256
            == rows_sha256(prompts, completions, comparisons, blind_keys, judgments, planted);
    ensure!(is_same, "analysis.json was made from other rows: some were changed after it");
    Ok(())
}

fn json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    serde_json::from_slice(&fs_err::read(path)?)
        .with_context(|| format!("{} was not written by this version", path.display()))
        .hint(MAKE_AGAIN)
}

fn read_runs(ctx: &Project) -> anyhow::Result<Vec<RunFacts>> {
    let mut facts = Vec::new();
    for run in Run::list(&ctx.project)? {
        let records = events::read(&run.path, &ctx.ui)?;
        facts.push(run_facts(&run.name, &records, Provenance::read(&run.path).ok()));
    }
    Ok(facts)
}

/// `datasets/VERSION/manifest.json`, where that folder still exists.
fn manifest(project: &Path, plan: &Plan) -> anyhow::Result<Option<Manifest>> {
    let Some(dataset) = &plan.dataset else { return Ok(None) };
    let path = datasets::all(project).join(&dataset.version).join(datasets::MANIFEST);
    if path.is_file() { json(&path).map(Some) } else { Ok(None) }
}

fn file_facts(evaluation: &Evaluation) -> anyhow::Result<Vec<FileFacts>> {
    let mut facts = Vec::new();
    for (name, path) in evaluation.hashed() {
        let bytes = fs_err::read(&path)?;
        let lines = || bytes.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        facts.push(FileFacts {
            name: name.to_owned(),
            rows: name.ends_with(".jsonl").then(lines),
            size_bytes: bytes.len() as u64,
            sha256: affinage_eval::id::hex(&Sha256::digest(&bytes)),
        });
    }
    Ok(facts)
}

/// A run as its events tell it.
fn run_facts(name: &str, records: &[Record], provenance: Option<Provenance>) -> RunFacts {
    let mut run = RunFacts {
        name: name.to_owned(),
        state: if records.is_empty() { RunState::NeverStarted } else { RunState::Unfinished },
        started: None,
        last_step: 0,
        train: Vec::new(),
        validation: Vec::new(),
        samples: Vec::new(),
        resumed: 0,
        warnings: Vec::new(),
        seconds: None,
        provenance: provenance.map(run_provenance),
    };
    let (mut train, mut validation, mut samples) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for record in records {
        match &record.event {
            Event::RunStarted(started) => {
                run.started = Some(TrainingFacts {
                    dataset: started.dataset.clone(),
                    dataset_sha256: started.dataset_sha256.clone(),
                    steps: started.steps,
                });
            }
            Event::TrainStep(t) => {
                run.last_step = t.step;
                run.state = RunState::Unfinished;
                train.insert(t.step, (t.epoch, t.loss));
            }
            Event::Evaluated(e) => {
                validation.insert(e.step, e.loss);
            }
            Event::Sample { step, prompt, text } => {
                let (step, prompt, text) = (*step, prompt.clone(), text.clone());
                samples.insert((step, prompt.clone()), Sample { step, prompt, text });
            }
            Event::Interrupted { .. } => run.state = RunState::Interrupted,
            Event::Resumed { .. } => {
                run.resumed += 1;
                run.state = RunState::Unfinished;
            }
            Event::Finished { seconds, .. } => {
                run.state = RunState::Finished;
                run.seconds = Some(*seconds);
            }
            Event::Warning { text } => run.warnings.push(text.clone()),
            Event::CheckpointSaved { .. } => {}
        }
    }
    run.train = train.into_iter().map(|(step, (epoch, loss))| (step, epoch, loss)).collect();
    run.validation = validation.into_iter().collect();
    run.samples = samples.into_values().collect();
    run
}

fn run_provenance(of: Provenance) -> RunProvenance {
    RunProvenance {
        started_at: of.started_at.to_string(),
        affinage_version: of.affinage_version,
        build: of.build,
        command_line: of.command_line,
        cpu: of.machine.cpu,
        cores: of.machine.cores,
        os: of.machine.os,
        arch: of.machine.arch,
        sha256: of.sha256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_what_its_events_say() {
        let at = "2026-11-22T10:15:00Z".parse().expect("a time");
        let state = |events: &[Event]| {
            let records: Vec<Record> =
                events.iter().map(|event| Record { v: 1, at, event: event.clone() }).collect();
            run_facts("run", &records, None).state
        };
        let interrupted = Event::Interrupted { step: 3 };
        let finished = Event::Finished { step: 9, seconds: 1.0, peak_rss_bytes: None };
        assert_eq!(state(&[]), RunState::NeverStarted);
        assert_eq!(state(&[Event::Warning { text: "w".to_owned() }]), RunState::Unfinished);
        assert_eq!(state(std::slice::from_ref(&interrupted)), RunState::Interrupted);
        assert_eq!(state(&[interrupted.clone(), Event::Resumed { step: 3 }]), RunState::Unfinished);
        assert_eq!(state(&[interrupted, Event::Resumed { step: 3 }, finished]), RunState::Finished);
    }
}
