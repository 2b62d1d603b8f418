//! What the adapter was trained on: the leak certificate, and every run on that data, failed ones too.

use std::time::Duration;

use affinage_dataset::split::{Certificate, Drop, DropReason};
use affinage_dataset::version::Manifest;
use affinage_eval::plain::{count, counted, duration};
use affinage_eval::plan::DatasetFacts;
use serde::Serialize;

use super::evidence::{EvaluationFacts, Evidence, RunFacts, RunState};
use super::html::{Section, time};
use super::numbers::percent;
use super::view::{Fact, Inline, Piece, Table, sentence};

#[derive(Serialize)]
struct DataView {
    /// `None` where the plan names no data set.
    facts: Option<Vec<Fact>>,
    certificate: Option<CertificateView>,
    writers: Vec<Inline>,
}

#[derive(Serialize)]
struct CertificateView {
    sentences: Vec<Inline>,
    dropped: Option<Table>,
}

pub fn certificate_section(evidence: &Evidence) -> Section {
    let title = "Was the test in the training?";
    let dataset = evidence.analysis.evaluation.dataset.as_ref();
    if dataset.is_none() && evidence.manifest.is_none() {
        let unknown = "The plan names no data set, so nothing is known about leaks into these prompts.";
        return Section::missing("data", title, unknown);
    }
    let share = |measured: Option<f64>| measured.map_or_else(|| "not measured".to_owned(), percent);
    let facts = dataset.map(|dataset| {
        vec![
            Fact::new("data set", dataset.version.as_str()),
            Fact::new("training examples", trained_on(evidence, dataset)),
            Fact::new("largest overlap of a held-out example", share(dataset.max_containment)),
            Fact::new(
                "largest overlap of a prompt of this evaluation",
                share(dataset.max_prompt_containment),
            ),
        ]
    });
    let manifest = evidence.manifest.as_ref();
    let view = DataView {
        facts,
        certificate: manifest.map(|manifest| certificate(&manifest.certificate)),
        writers: manifest.map_or_else(Vec::new, writers),
    };
    Section::drawn("data.html", "data", title, &view)
}

/// Training examples of the version that the training left out because they are too long; 0 where that is not known.
pub fn too_long_to_train(evidence: &Evidence, dataset: &DatasetFacts) -> usize {
    let manifest = evidence.manifest.as_ref().filter(|manifest| manifest.name == dataset.version);
    let all = manifest.and_then(|manifest| manifest.files.get("train.jsonl")).map_or(0, |file| file.examples);
    all.saturating_sub(dataset.train_examples)
}

/// `77`, or `77 of the 209 of the version; 132 are longer than the training takes`
fn trained_on(evidence: &Evidence, dataset: &DatasetFacts) -> String {
    let (taken, too_long) = (dataset.train_examples, too_long_to_train(evidence, dataset));
    match too_long {
        0 => count(taken as u64),
        _ => format!(
            "{} of the {} of the version; {} longer than the training takes",
            count(taken as u64),
            count((taken + too_long) as u64),
            if too_long == 1 { "1 is".to_owned() } else { format!("{} are", count(too_long as u64)) },
        ),
    }
}

fn certificate(certificate: &Certificate) -> CertificateView {
    let measured = format!(
        "The certificate of the split: {} {} measured, {} {} too short for it and compared as whole texts; the largest \
         overlap left is {}, the limit is {}. {} {} dropped. {}",
        counted(certificate.measured, "held-out example", "held-out examples"),
        were(certificate.measured),
        count(certificate.too_short as u64),
        were(certificate.too_short),
        percent(certificate.max_containment),
        percent(certificate.threshold),
        counted(certificate.dropped.len(), "example", "examples"),
        were(certificate.dropped.len()),
        match certificate.max_in_context {
            Some(share) => format!(
                "The turns before a training prompt are part of the training example; of a held-out answer alone, at most \
                 {} stands in them.",
                percent(share)
            ),
            None =>
                "It was not measured in the turns before training prompts; the overlap of a prompt above is."
                    .to_owned(),
        },
    );
    let sectioned = match certificate.sectioned.len() {
        0 => None,
        1 => Some("1 conversation or document".to_owned()),
        n => Some(format!("Each of {n} conversations or documents")),
    };
    let sectioned = sectioned.map(|which| {
        format!(
            "{which} held too large a share: some parts of it train, others test, with a gap between them."
        )
    });
    let row = |drop: &Drop| {
        vec![certificate.called(&drop.example_id).into(), reason(certificate, &drop.reason).into()]
    };
    let dropped = Table::new(&["example", "reason"], &[], certificate.dropped.iter().map(row).collect());
    CertificateView {
        sentences: [measured].iter().chain(&sectioned).map(|said| sentence(said)).collect(),
        dropped: dropped.filled(),
    }
}

fn were(n: usize) -> &'static str {
    if n == 1 { "was" } else { "were" }
}

/// Who wrote what the adapter learnt, to be held against who judges it, and what was chosen.
fn writers(manifest: &Manifest) -> Vec<Inline> {
    let writers: Vec<String> =
        manifest.writers.iter().map(|(writer, n)| format!("{writer} {}", count(*n as u64))).collect();
    let counts = &manifest.counts;
    let mut chosen = format!(
        "Of {}, {} were accepted ({}{} of them edited)",
        counted(counts.candidates(), "card", "cards"),
        count(counts.accepted() as u64),
        match counts.undecided() {
            0 => String::new(),
            some => format!("{} of them taken undecided, ", count(some as u64)),
        },
        count(counts.edited() as u64),
    );
    let left_out: Vec<String> =
        counts.left_out().map(|(why, n)| format!("{} {}", count(n as u64), why.words(n))).collect();
    if !left_out.is_empty() {
        chosen += &format!("; left out: {}", left_out.join("; "));
    }
    chosen.push('.');
    let written = format!("The training answers were written by: {}.", writers.join(", "));
    [written, chosen].iter().map(|said| sentence(said)).collect()
}

fn reason(certificate: &Certificate, reason: &DropReason) -> String {
    match reason {
        DropReason::Border => "its context reaches into a section on another side".to_owned(),
        DropReason::Leak { containment, train_example } => {
            format!(
                "{} of it is in training example {}",
                percent(*containment),
                certificate.called(train_example)
            )
        }
        DropReason::InContext { containment, train_example } => format!(
            "{} of its answer is in the turns before the prompt of training example {}",
            percent(*containment),
            certificate.called(train_example)
        ),
        DropReason::Joined { side } => format!("new examples tie it to the side {side:?}").to_lowercase(),
        DropReason::Repeated { kept } => {
            format!(
                "its prompt or answer is one that many conversations share, as in {}, which is kept",
                certificate.called(kept)
            )
        }
        DropReason::EvaluationPrompt { containment, prompt } => {
            format!("it holds {} of the evaluation prompt {prompt}", percent(*containment))
        }
        DropReason::Retired => reason.words().to_owned(),
    }
}

#[derive(Serialize)]
struct RunsView {
    sentence: Inline,
    same: Table,
    other: Option<Table>,
    /// "1 run"
    others: String,
}

/// Every run on the evaluated run's data first; runs on other data one click below.
pub fn registry_section(evidence: &Evidence) -> Section {
    if evidence.runs.is_empty() {
        return Section::missing("runs", "Every run", "The project's folder holds no run.");
    }
    let evaluated = evidence.evaluated_run();
    let data_of = |run: &RunFacts| run.started.as_ref().map(|started| started.dataset_sha256.clone());
    let data = evaluated.and_then(data_of);
    // A run that failed before saying what it trains on may have been on this data: it is listed here.
    let (same, other): (Vec<&RunFacts>, Vec<&RunFacts>) = evidence
        .runs
        .iter()
        .partition(|run| data.is_none() || data_of(run).is_none() || data_of(run) == data);
    let unfinished = same.iter().filter(|run| run.state != RunState::Finished).count();
    let said = match same.len() {
        1 => "One run on this data, and no other.".to_owned(),
        n => format!(
            "{n} runs on this data{}. One is evaluated here; choosing it after seeing the others would make its figures \
             too good.",
            match unfinished {
                0 => String::new(),
                some => format!(", {some} of them not finished"),
            }
        ),
    };
    let view = RunsView {
        sentence: sentence(&said),
        same: run_table(&same, evaluated),
        others: counted(other.len(), "run", "runs"),
        other: run_table(&other, evaluated).filled(),
    };
    Section::drawn("runs.html", "runs", "Every run", &view)
}

#[derive(Serialize)]
struct EvaluationsView {
    table: Table,
    changes: Vec<Inline>,
}

/// Every evaluation that was ever planned, and every change of what measures.
pub fn evaluations_section(evidence: &Evidence) -> Section {
    if evidence.evaluations.is_empty() && evidence.changes.is_empty() {
        let why = "The project keeps no history of evaluations yet.";
        return Section::missing("evaluations", "Every evaluation", why);
    }
    let row = |facts: &EvaluationFacts| {
        let is_this = facts.name == evidence.analysis.evaluation.name;
        vec![
            tagged(&facts.name, is_this.then_some("this page")),
            facts.state.words().into(),
            time(&facts.planned_at).into(),
            facts.run.as_deref().unwrap_or("\u{2013}").into(),
            count(facts.prompts as u64).into(),
            count(facts.looks as u64).into(),
            if facts.is_final { "yes" } else { "" }.into(),
        ]
    };
    let head = ["evaluation", "state", "planned", "run", "prompts", "looks", "sealed reserve"];
    let view = EvaluationsView {
        table: Table::new(&head, &[4, 5], evidence.evaluations.iter().map(row).collect()),
        changes: evidence.changes.iter().map(|change| sentence(change)).collect(),
    };
    Section::drawn("evaluations.html", "evaluations", "Every evaluation", &view)
}

/// A name, and a remark on it.
fn tagged(name: &str, tag: Option<&str>) -> Inline {
    let name = Inline::from(Piece::code(name));
    match tag {
        Some(tag) => name.and(" ").then(Piece::Tag { text: tag.to_owned() }),
        None => name,
    }
}

fn run_table(runs: &[&RunFacts], evaluated: Option<&RunFacts>) -> Table {
    let rows = runs.iter().map(|run| run_row(run, evaluated)).collect();
    let head = ["run", "state", "data", "steps", "last validation loss", "lowest", "time", "notes"];
    Table::new(&head, &[3, 4, 5, 6], rows)
}

fn run_row(run: &RunFacts, evaluated: Option<&RunFacts>) -> Vec<Inline> {
    let is_evaluated = evaluated.is_some_and(|evaluated| evaluated.name == run.name);
    let dash = || "\u{2013}".to_owned();
    let steps = run.started.as_ref().map_or_else(
        || count(run.last_step as u64),
        |started| format!("{} of {}", count(run.last_step as u64), count(started.steps as u64)),
    );
    let lowest = run.validation.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1));
    let resumed = match run.resumed {
        0 => None,
        1 => Some("resumed once".to_owned()),
        n => Some(format!("resumed {n} times")),
    };
    let notes: Vec<String> = resumed.into_iter().chain(run.warnings.iter().cloned()).collect();
    vec![
        tagged(&run.name, is_evaluated.then_some("evaluated here")),
        run.state.words().into(),
        run.started.as_ref().map_or_else(
            || dash().into(),
            |s| Inline::from(s.dataset.as_str()).and(" ").then(Piece::hash(&s.dataset_sha256)),
        ),
        steps.into(),
        run.validation.last().map_or_else(dash, |(_, loss)| format!("{loss:.3}")).into(),
        lowest.map_or_else(dash, |(step, loss)| format!("{loss:.3} at {step}")).into(),
        run.seconds.map_or_else(dash, |s| duration(Duration::from_secs_f64(s.max(0.0)))).into(),
        notes.join("; ").into(),
    ]
}
