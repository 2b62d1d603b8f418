//! What the adapter was trained on: the leak certificate, and every run on that data, failed ones too.

use std::time::Duration;

use affinage_dataset::split::{Certificate, DropReason};
use affinage_dataset::version::Manifest;

use super::evidence::{Evidence, RunFacts};
use super::html::{Section, details, esc, hash, p, table, time};
use super::numbers::{count, counted, percent};
use super::plain::duration;

pub fn certificate_section(evidence: &Evidence) -> Section {
    let mut body = String::new();
    let unknown = "The plan names no data set, so nothing is known about leaks into these prompts.";
    match &evidence.analysis.evaluation.dataset {
        None if evidence.manifest.is_none() => {
            return Section::missing("data", "Was the test in the training?", unknown);
        }
        None => body.push_str(&p(unknown)),
        Some(dataset) => {
            let share = |measured: Option<f64>| measured.map_or_else(|| "not measured".to_owned(), percent);
            let facts = [
                ("data set", esc(&dataset.version)),
                ("training examples", count(dataset.train_examples)),
                ("largest overlap of a held-out example", share(dataset.max_containment)),
                ("largest overlap of a prompt of this evaluation", share(dataset.max_prompt_containment)),
            ];
            body.push_str(&fact_list(&facts));
            body.push_str(&p(
                "Overlap is the share of a text's five-word sequences that are also in one training example.",
            ));
        }
    }
    if let Some(manifest) = &evidence.manifest {
        body.push_str(&certificate_html(&manifest.certificate));
        body.push_str(&writers(manifest));
    }
    Section::new("data", "Was the test in the training?", body)
}

fn certificate_html(certificate: &Certificate) -> String {
    let mut html = p(&format!(
        "The certificate of the split: {} {} measured, {} {} too short for it and compared as whole texts; the largest \
         overlap left is {}, the limit is {}. {} {} dropped.",
        counted(certificate.measured, "held-out example"),
        were(certificate.measured),
        count(certificate.too_short),
        were(certificate.too_short),
        percent(certificate.max_containment),
        percent(certificate.threshold),
        counted(certificate.dropped.len(), "example"),
        were(certificate.dropped.len()),
    ));
    if !certificate.sectioned.is_empty() {
        html.push_str(&p(&format!(
            "{} held too large a share: some parts of it train, others test, with a gap between them.",
            match certificate.sectioned.len() {
                1 => "1 conversation or document".to_owned(),
                n => format!("Each of {n} conversations or documents"),
            }
        )));
    }
    if !certificate.dropped.is_empty() {
        let rows: Vec<Vec<String>> = certificate
            .dropped
            .iter()
            .map(|drop| vec![format!("<code>{}</code>", esc(&drop.example_id)), esc(&reason(&drop.reason))])
            .collect();
        html.push_str(&details(
            "What was dropped, and why",
            &table("plain", &["example", "reason"], &[], &rows),
        ));
    }
    html
}

fn were(n: usize) -> &'static str {
    if n == 1 { "was" } else { "were" }
}

/// Who wrote what the adapter learnt, to be held against who judges it.
fn writers(manifest: &Manifest) -> String {
    let writers: Vec<String> =
        manifest.writers.iter().map(|(writer, n)| format!("{writer} {}", count(*n))).collect();
    let counts = &manifest.counts;
    let mut chosen = format!(
        "Of {}, {} were accepted ({} of them edited)",
        counted(counts.candidates(), "card"),
        count(counts.accepted()),
        count(counts.edited()),
    );
    let left_out: Vec<String> =
        counts.left_out().map(|(why, n)| format!("{} {}", count(n), why.words(n))).collect();
    if !left_out.is_empty() {
        chosen += &format!("; left out: {}", left_out.join("; "));
    }
    chosen.push('.');
    format!("{}{}", p(&format!("The training answers were written by: {}.", writers.join(", "))), p(&chosen))
}

fn reason(reason: &DropReason) -> String {
    match reason {
        DropReason::Border => "its context reaches into a section on another side".to_owned(),
        DropReason::Leak { containment, train_example } => {
            format!("{} of it is in training example {train_example}", percent(*containment))
        }
        DropReason::Joined { side } => format!("new examples tie it to the side {side:?}").to_lowercase(),
        DropReason::EvaluationPrompt { containment, prompt } => {
            format!("{} of it is in evaluation prompt {prompt}", percent(*containment))
        }
        DropReason::Retired => reason.words().to_owned(),
    }
}

fn fact_list(facts: &[(&str, String)]) -> String {
    let rows: String = facts.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>")).collect();
    format!("<dl class=\"facts\">{rows}</dl>\n")
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
    let unfinished = same.iter().filter(|run| run.state != super::evidence::RunState::Finished).count();
    let sentence = match same.len() {
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
    let mut body = format!("{}{}", p(&sentence), run_table(&same, evaluated));
    if !other.is_empty() {
        body.push_str(&details(
            &format!("On other data: {}", counted(other.len(), "run")),
            &run_table(&other, evaluated),
        ));
    }
    Section::new("runs", "Every run", body)
}

/// Every evaluation that was ever planned, and every change of what measures.
pub fn evaluations_section(evidence: &Evidence) -> Section {
    let rows: Vec<Vec<String>> = evidence
        .evaluations
        .iter()
        .map(|facts| {
            let is_this = facts.name == evidence.analysis.evaluation.name;
            let tag = if is_this { " <b class=\"tag\">this page</b>" } else { "" };
            let last = if facts.is_final { "yes" } else { "" };
            vec![
                format!("<code>{}</code>{tag}", esc(&facts.name)),
                facts.state.words().to_owned(),
                esc(&time(&facts.planned_at)),
                esc(facts.run.as_deref().unwrap_or("\u{2013}")),
                count(facts.prompts),
                count(facts.looks),
                last.to_owned(),
            ]
        })
        .collect();
    if rows.is_empty() && evidence.changes.is_empty() {
        let why = "The project keeps no history of evaluations yet.";
        return Section::missing("evaluations", "Every evaluation", why);
    }
    let head = ["evaluation", "state", "planned", "run", "prompts", "looks", "sealed reserve"];
    let mut body = table("plain", &head, &[4, 5], &rows);
    for change in &evidence.changes {
        body.push_str(&p(change));
    }
    Section::new("evaluations", "Every evaluation", body)
}

fn run_table(runs: &[&RunFacts], evaluated: Option<&RunFacts>) -> String {
    let rows: Vec<Vec<String>> = runs.iter().map(|run| run_row(run, evaluated)).collect();
    let head = ["run", "state", "data", "steps", "last validation loss", "lowest", "time", "notes"];
    table("plain", &head, &[3, 4, 5, 6], &rows)
}

fn run_row(run: &RunFacts, evaluated: Option<&RunFacts>) -> Vec<String> {
    let is_evaluated = evaluated.is_some_and(|evaluated| evaluated.name == run.name);
    let name = format!("<code>{}</code>", esc(&run.name));
    let dash = || "\u{2013}".to_owned();
    let steps = run.started.as_ref().map_or_else(
        || count(run.last_step),
        |started| format!("{} of {}", count(run.last_step), count(started.steps)),
    );
    let lowest = run.validation.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1));
    let mut notes: Vec<String> = Vec::new();
    if run.resumed > 0 {
        notes.push(match run.resumed {
            1 => "resumed once".to_owned(),
            n => format!("resumed {n} times"),
        });
    }
    notes.extend(run.warnings.iter().cloned());
    vec![
        if is_evaluated { format!("{name} <b class=\"tag\">evaluated here</b>") } else { name },
        run.state.words().to_owned(),
        run.started
            .as_ref()
            .map_or_else(dash, |s| format!("{} {}", esc(&s.dataset), hash(&s.dataset_sha256))),
        steps,
        run.validation.last().map_or_else(dash, |(_, loss)| format!("{loss:.3}")),
        lowest.map_or_else(dash, |(step, loss)| format!("{loss:.3} at {step}")),
        run.seconds.map_or_else(dash, |s| duration(Duration::from_secs_f64(s.max(0.0)))),
        esc(&notes.join("; ")),
    ]
}
