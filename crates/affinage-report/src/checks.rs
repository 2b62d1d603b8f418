//! The end of the page: numbered checks, the method in plain lines, provenance.

use std::collections::BTreeSet;

use affinage_eval::analysis::{CheckState, MethodCheck};
use affinage_eval::judgment::spoken;
use affinage_eval::plain::{count, counted};
use affinage_eval::plan::{Arm, ArmKind, PlannedJudge};
use serde::Serialize;

use super::arms::Arms;
use super::evidence::{Evidence, RunProvenance};
use super::html::{Section, time};
use super::numbers::percent;
use super::summary::has_answered;
use super::view::{Fact, Inline, Piece, Table, sentence};

#[derive(Serialize)]
struct ChecksView {
    tally: String,
    /// Issues and what is worth knowing.
    loud: Vec<Check>,
    quiet: Vec<Check>,
}

#[derive(Serialize)]
struct Check {
    class: &'static str,
    sign: &'static str,
    state: &'static str,
    code: String,
    title: String,
    sentence: Inline,
    advice: Option<Inline>,
}

fn state_words(state: CheckState) -> (&'static str, &'static str, &'static str) {
    match state {
        CheckState::Passed => ("passed", "\u{2713}", "passed"),
        CheckState::Tip => ("tip", "i", "worth knowing"),
        CheckState::Issue => ("issue", "!", "issue"),
        CheckState::NotApplicable => ("na", "\u{2013}", "not applicable"),
        CheckState::Skipped => ("skipped", "?", "no data"),
    }
}

pub fn checks_section(evidence: &Evidence, arms: &Arms) -> Section {
    let checks = &evidence.analysis.checks;
    let with = |state: CheckState| checks.iter().filter(|check| check.state == state).count();
    let tally = format!(
        "{}: {} passed, {}, {} worth knowing, {} not applicable, {} without data.",
        counted(checks.len(), "check", "checks"),
        with(CheckState::Passed),
        counted(with(CheckState::Issue), "issue", "issues"),
        with(CheckState::Tip),
        with(CheckState::NotApplicable),
        with(CheckState::Skipped)
    );
    let (loud, quiet): (Vec<_>, Vec<_>) =
        checks.iter().partition(|check| matches!(check.state, CheckState::Issue | CheckState::Tip));
    let all = |checks: Vec<&MethodCheck>| checks.into_iter().map(|check| self::check(check, arms)).collect();
    Section::drawn(
        "checks.html",
        "checks",
        "Checks of the method",
        &ChecksView { tally, loud: all(loud), quiet: all(quiet) },
    )
}

fn check(check: &MethodCheck, arms: &Arms) -> Check {
    let (class, sign, state) = state_words(check.state);
    Check {
        class,
        sign,
        state,
        code: check.code.clone(),
        title: check.title.clone(),
        sentence: arms.prose(&check.sentence),
        advice: check.advice.as_deref().map(|advice| arms.prose(advice)),
    }
}

#[derive(Serialize)]
struct MethodsView {
    prompts: String,
    groups: String,
    answers: String,
    temperature: String,
    top_p: String,
    most_tokens: String,
    alpha: String,
    comparisons: String,
    categories: Table,
    /// Arms that neither the base nor the run made.
    elsewhere: Vec<Text>,
    /// What prompted arms get, in full.
    instructions: Vec<Text>,
    glossary: Vec<Fact>,
}

/// An arm and a text about it.
#[derive(Serialize)]
struct Text {
    arm: Piece,
    text: String,
}

pub fn methods_section(evidence: &Evidence, arms: &Arms) -> Section {
    let facts = &evidence.analysis.evaluation;
    let sampling = &facts.sampling;
    let elsewhere = evidence.plan.arms.iter().filter(|arm| !arm.is_of_plan());
    let elsewhere = elsewhere
        .map(|arm| Text { arm: arms.name(&arm.name), text: arms.meaning(&arm.name).unwrap_or_default() });
    let categories = facts.prompts_by_category.iter();
    let categories = categories
        .map(|c| vec![c.category.as_str().into(), c.domain.name().into(), count(c.prompts as u64).into()])
        .collect();
    let notes = evidence.analysis.method_notes.iter();
    let view = MethodsView {
        prompts: counted(facts.prompts, "prompt", "prompts"),
        groups: counted(facts.clusters, "group", "groups"),
        answers: counted(facts.samples_per_prompt as usize, "answer", "answers"),
        temperature: sampling.temperature.to_string(),
        top_p: sampling.top_p.to_string(),
        most_tokens: sampling.max_new_tokens.to_string(),
        alpha: percent(facts.alpha),
        comparisons: planned_comparisons(evidence),
        categories: Table::new(&["category", "domain", "prompts"], &[2], categories),
        elsewhere: elsewhere.collect(),
        instructions: evidence.plan.arms.iter().filter_map(|arm| instruction(arm, arms)).collect(),
        glossary: notes.map(|note| Fact::new(note.term.as_str(), arms.prose(&note.plain))).collect(),
    };
    Section::drawn("methods.html", "methods", "Methods and limits", &view)
}

/// "3 planned comparisons (2 of them have no answers on one side)"
fn planned_comparisons(evidence: &Evidence) -> String {
    let planned = &evidence.plan.comparisons;
    let all = counted(planned.len(), "planned comparison", "planned comparisons");
    let lacks = |arm: &str, against: &str| ![arm, against].iter().all(|arm| has_answered(evidence, arm));
    match planned.iter().filter(|planned| lacks(&planned.arm, &planned.against)).count() {
        0 => all,
        without => format!("{all} ({without} of them without answers of both sides)"),
    }
}

fn instruction(arm: &Arm, arms: &Arms) -> Option<Text> {
    let text = match &arm.kind {
        ArmKind::Prompted { system_prompt } => system_prompt.clone(),
        ArmKind::Examples { example_ids, messages } => {
            let turns: Vec<String> =
                messages.iter().map(|m| format!("{}: {}", m.role.as_str(), m.content)).collect();
            format!(
                "Accepted examples {} as earlier turns:\n\n{}",
                example_ids.join(", "),
                turns.join("\n\n")
            )
        }
        _ => return None,
    };
    Some(Text { arm: arms.name(&arm.name), text })
}

#[derive(Serialize)]
struct ProvenanceView {
    weights: Table,
    files: Table,
    /// By what, and how to do it again.
    drawn: Vec<Inline>,
    judges: Option<Table>,
    run: Option<Vec<Fact>>,
}

pub fn provenance_section(evidence: &Evidence, arms: &Arms) -> Section {
    let plan = &evidence.plan;
    let weights = plan.arms.iter().map(|arm| weights_row(arm, evidence, arms)).collect();
    let files = evidence.files.iter().map(|file| {
        vec![
            Piece::code(&file.name).into(),
            file.rows.map_or_else(|| "\u{2013}".to_owned(), |rows| count(rows as u64)).into(),
            count(file.size_bytes).into(),
            Piece::hash(&file.sha256).into(),
        ]
    });
    let drawn = format!(
        "Seed {}. Drawn by affinage {} from these files alone; {} and {} make this page again, offline.",
        plan.seed,
        evidence.version,
        plan.command("analyze", ""),
        plan.command("report", "")
    );
    let view = ProvenanceView {
        weights: Table::new(&["arm", "sha256", "where"], &[], weights),
        files: Table::new(&["file", "rows", "bytes", "sha256"], &[1, 2], files.collect()),
        drawn: vec![sentence(&drawn)],
        judges: judges(evidence).filled(),
        run: evidence.evaluated_run().and_then(|run| run.provenance.as_ref()).map(run),
    };
    Section::drawn("provenance.html", "provenance", "Where everything comes from", &view)
}

fn weights_row(arm: &Arm, evidence: &Evidence, arms: &Arms) -> Vec<Inline> {
    let code = |text: &str| Inline::from(Piece::code(text));
    let (sha256, place): (Inline, Inline) = match &arm.kind {
        ArmKind::Base | ArmKind::Prompted { .. } | ArmKind::Examples { .. } => {
            (Piece::hash(&evidence.plan.base_sha256).into(), code(&evidence.plan.base_model))
        }
        ArmKind::Checkpoint { adapter_sha256, path, .. } | ArmKind::Adapter { adapter_sha256, path, .. } => {
            let place = match arm.other_model() {
                Some(on) => {
                    code(path).and(" on ").then(Piece::code(&on.model)).and(" ").then(Piece::hash(&on.sha256))
                }
                None => code(path),
            };
            (Piece::hash(adapter_sha256).into(), place)
        }
        ArmKind::Model(other) => (Piece::hash(&other.sha256).into(), code(&other.model)),
        ArmKind::Remote { model, base_url } => {
            ("unknown".into(), code(model).and(" behind ").then(Piece::code(base_url)))
        }
    };
    vec![arms.name(&arm.name).into(), sha256, place]
}

/// What every judge was asked with, when, and which model said that it answered.
fn judges(evidence: &Evidence) -> Table {
    let row = |judge: &PlannedJudge| {
        let rows = || evidence.judgments.iter().filter(|row| row.judge_id == judge.judge_id);
        let templates: BTreeSet<&str> = rows().map(|row| row.template_sha256.as_str()).collect();
        let models: BTreeSet<&str> = rows().filter_map(|row| row.model_returned.as_deref()).collect();
        let times: BTreeSet<&str> = rows().filter_map(|row| row.started_at.as_deref()).collect();
        let period = match (times.first(), times.last()) {
            (Some(first), Some(last)) if time(first) != time(last) => {
                format!("{} to {}", time(first), time(last))
            }
            (Some(only), _) => time(only),
            _ => "\u{2013}".to_owned(),
        };
        vec![
            spoken(&judge.judge_id).into(),
            judge.model.as_str().into(),
            models.into_iter().collect::<Vec<_>>().join(", ").into(),
            separated(templates.into_iter().map(|sha256| Piece::hash(sha256).into()), Piece::text(" ")),
            period.into(),
        ]
    };
    let head = ["judge", "asked for", "answered as", "instructions", "when"];
    Table::new(&head, &[], evidence.plan.judges.iter().map(row).collect())
}

fn separated(parts: impl Iterator<Item = Inline>, by: Piece) -> Inline {
    parts.enumerate().fold(Inline::default(), |line, (i, part)| match i {
        0 => line.join(part),
        _ => line.then(by.clone()).join(part),
    })
}

fn run(provenance: &RunProvenance) -> Vec<Fact> {
    let machine = format!(
        "{}, {}, {} {}",
        provenance.cpu.as_deref().unwrap_or("unknown"),
        counted(provenance.cores, "core", "cores"),
        provenance.os,
        provenance.arch
    );
    let inputs = provenance
        .sha256
        .iter()
        .map(|(name, sha256)| Inline::from(name.as_str()).and(" ").then(Piece::hash(sha256)));
    vec![
        Fact::new("started", time(&provenance.started_at)),
        Fact::new("program", format!("affinage {}, {} build", provenance.affinage_version, provenance.build)),
        Fact::new("command", Piece::code(&provenance.command_line.join(" "))),
        Fact::new("machine", machine),
        Fact::new("inputs", separated(inputs, Piece::Break)),
    ]
}
