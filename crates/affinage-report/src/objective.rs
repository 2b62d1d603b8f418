//! Right and wrong answers, by rule: what was kept and what was forgotten.

use std::collections::BTreeMap;

use affinage_eval::analysis::{Estimate, ObjectiveResult};
use affinage_eval::completion::Completion;
use affinage_eval::objective::{is_correct, rules};
use affinage_eval::plain::counted;
use affinage_eval::suite::Prompt;
use serde::Serialize;

use super::arms::Arms;
use super::charts::{Mark, Strip};
use super::evidence::Evidence;
use super::html::Section;
use super::numbers::{Measure, Source};
use super::view::{Forest, Inline, Piece, Table, sentence};

/// Changed answers that are shown in full, each way.
const MOST_EXAMPLES: usize = 12;

#[derive(Serialize)]
struct View {
    /// What counts as right.
    rules: Vec<Inline>,
    forest: Forest,
    /// The other arms in words; the sentence about the headline's arm stands above, in what was forgotten.
    others: Vec<Inline>,
    differences: Table,
    changed: Vec<Changed>,
}

/// Prompts whose verdict changed one way.
#[derive(Serialize)]
struct Changed {
    title: &'static str,
    prompts: String,
    shown: Vec<ChangedPrompt>,
    /// Beyond those that are shown.
    more: usize,
}

#[derive(Serialize)]
struct ChangedPrompt {
    question: String,
    expected: String,
    answers: Vec<Answer>,
}

#[derive(Serialize)]
struct Answer {
    arm: Piece,
    text: String,
}

pub fn section(evidence: &Evidence, arms: &Arms) -> Section {
    let results = &evidence.analysis.objective;
    if results.is_empty() {
        let why = "Not measured: the evaluation has no prompt with an exact answer.";
        return Section::missing("objective", "Right answers, by rule", why);
    }
    let headline = &evidence.analysis.headline.arm;
    let others = results.iter().filter(|result| result.category.is_none() && result.arm != *headline);
    let view = View {
        rules: vec![sentence(&rules(&evidence.prompts))],
        forest: forest(results, arms),
        others: arms.paragraphs(others.map(|result| result.sentence.as_str())),
        differences: differences(results, arms),
        changed: changed(evidence, arms),
    };
    Section::drawn("objective.html", "objective", "Right answers, by rule", &view)
}

/// A group of rows for each category: the base, then every arm. One category alone is its own total.
fn forest(results: &[ObjectiveResult], arms: &Arms) -> Forest {
    let mut categories: Vec<Option<&str>> = Vec::new();
    for result in results {
        if !categories.contains(&result.category.as_deref()) {
            categories.push(result.category.as_deref());
        }
    }
    if categories.len() == 2 {
        categories.retain(Option::is_some);
    }
    let mut forest = Forest::new(Strip::shares(), "right answers");
    for category in categories {
        let name = category.unwrap_or("all checked prompts");
        forest.heading(name);
        let of_category =
            || results.iter().enumerate().filter(|(_, result)| result.category.as_deref() == category);
        for (i, result) in of_category().take(1) {
            arm_row(
                &mut forest,
                arms,
                ("base", &result.base_correct),
                name,
                (format!(".objective[{i}].base_correct"), Inline::default()),
            );
        }
        for (i, result) in of_category() {
            arm_row(
                &mut forest,
                arms,
                (&result.arm, &result.correct),
                name,
                (format!(".objective[{i}].correct"), super::summary::word(result.word).into()),
            );
        }
    }
    forest
}

fn arm_row(
    forest: &mut Forest,
    arms: &Arms,
    (arm, correct): (&str, &Estimate),
    category: &str,
    (pointer, word): (String, Inline),
) {
    let mark = Mark {
        estimate: correct,
        look: arms.look(arm),
        what: format!("{}, {category}: right answers", arms.short(arm)),
        source: Source::new(format!("completions.jsonl arm = {arm}, checks in prompts.jsonl"), pointer),
    };
    forest.estimate(arms.name(arm), &mark, word);
}

fn differences(results: &[ObjectiveResult], arms: &Arms) -> Table {
    let row = |(i, result): (usize, &ObjectiveResult)| {
        let source =
            Source::new("completions.jsonl, paired by prompt", format!(".objective[{i}].difference"));
        vec![
            Inline::from(arms.name(&result.arm))
                .and(format!(" {}", result.category.as_deref().unwrap_or("all"))),
            Piece::figure("arm minus base", &result.difference, Measure::SharePoints, &source).into(),
            format!("{} / {}", result.only_arm, result.only_base).into(),
            result.mcnemar_p.map_or_else(|| "\u{2013}".to_owned(), super::numbers::p_value).into(),
        ]
    };
    let head = ["arm and category", "arm minus base", "only arm / only base right", "McNemar"];
    Table::new(&head, &[1, 2, 3], results.iter().enumerate().map(row).collect())
}

/// Prompts of the headline arm whose verdict changed against the base, with both answers.
fn changed(evidence: &Evidence, arms: &Arms) -> Vec<Changed> {
    let arm = &evidence.analysis.headline.arm;
    let answers: BTreeMap<(&str, &str), &Completion> = evidence
        .completions
        .iter()
        .filter(|c| c.sample == 0)
        .map(|c| ((c.prompt_id.as_str(), c.arm.as_str()), c))
        .collect();
    let (mut lost, mut won) = (Vec::new(), Vec::new());
    for prompt in &evidence.prompts {
        let answer = |arm: &str| answers.get(&(prompt.prompt_id.as_str(), arm)).copied();
        let (Some(base), Some(tuned)) = (answer("base"), answer(arm)) else { continue };
        match (is_correct(prompt, &base.text), is_correct(prompt, &tuned.text)) {
            (Some(true), Some(false)) => lost.push((prompt, [base, tuned])),
            (Some(false), Some(true)) => won.push((prompt, [base, tuned])),
            _ => {}
        }
    }
    [
        ("Right before, wrong now (first answer of each)", lost),
        ("Wrong before, right now (first answer of each)", won),
    ]
    .into_iter()
    .filter(|(_, changed)| !changed.is_empty())
    .map(|(title, changed)| Changed {
        title,
        prompts: counted(changed.len(), "prompt", "prompts"),
        shown: changed
            .iter()
            .take(MOST_EXAMPLES)
            .map(|(prompt, answers)| changed_prompt(prompt, answers, arms))
            .collect(),
        more: changed.len().saturating_sub(MOST_EXAMPLES),
    })
    .collect()
}

fn changed_prompt(prompt: &Prompt, answers: &[&Completion; 2], arms: &Arms) -> ChangedPrompt {
    let expected = prompt.reference.as_deref().unwrap_or("see the accepted answers in prompts.jsonl");
    let answer = |c: &&Completion| Answer { arm: arms.name(&c.arm), text: c.text.trim().to_owned() };
    ChangedPrompt {
        question: prompt.question().to_owned(),
        expected: expected.to_owned(),
        answers: answers.iter().map(answer).collect(),
    }
}
