//! Right and wrong answers, by rule: what was kept and what was forgotten.

use std::collections::BTreeMap;

use affinage_eval::analysis::{Estimate, ObjectiveResult};
use affinage_eval::completion::Completion;
use affinage_eval::objective::{is_correct, rules};
use affinage_eval::suite::Prompt;

use super::arms::Arms;
use super::evidence::Evidence;
use super::html::{Section, details, esc, p};
use super::numbers::{Measure, Source, counted};
use super::plot::{Axis, Forest, Mark};

/// Changed answers that are shown in full, each way.
const MOST_EXAMPLES: usize = 12;

pub fn section(evidence: &Evidence, arms: &Arms) -> Section {
    let results = &evidence.analysis.objective;
    if results.is_empty() {
        let why = "Not measured: the evaluation has no prompt with an exact answer.";
        return Section::missing("objective", "Right answers, by rule", why);
    }
    let headline = &evidence.analysis.headline.arm;
    let totals = || results.iter().filter(|result| result.category.is_none());
    // The sentence about the headline's arm stands above, in what was forgotten.
    let mut body = p(&rules(&evidence.prompts));
    body.push_str(&forest(results, arms));
    let others: String = totals().filter(|r| r.arm != *headline).map(|r| arms.p(&r.sentence)).collect();
    if !others.is_empty() {
        body.push_str(&details("The other arms in words", &others));
    }
    body.push_str(&differences(results, arms));
    body.push_str(&changed_answers(evidence, arms));
    Section::new("objective", "Right answers, by rule", body)
}

/// A group of rows for each category: the base, then every arm. One category alone is its own total.
fn forest(results: &[ObjectiveResult], arms: &Arms) -> String {
    let mut categories: Vec<Option<&str>> = Vec::new();
    for result in results {
        if !categories.contains(&result.category.as_deref()) {
            categories.push(result.category.as_deref());
        }
    }
    if categories.len() == 2 {
        categories.retain(Option::is_some);
    }
    let mut forest = Forest::new(Axis::shares(), "right answers");
    for category in categories {
        let name = category.unwrap_or("all checked prompts");
        forest.heading(&esc(name));
        let of_category =
            || results.iter().enumerate().filter(|(_, result)| result.category.as_deref() == category);
        for (i, result) in of_category().take(1) {
            arm_row(
                &mut forest,
                arms,
                ("base", &result.base_correct),
                name,
                (format!(".objective[{i}].base_correct"), ""),
            );
        }
        for (i, result) in of_category() {
            let word = super::summary::word(result.word);
            arm_row(
                &mut forest,
                arms,
                (&result.arm, &result.correct),
                name,
                (format!(".objective[{i}].correct"), &word),
            );
        }
    }
    format!("<figure class=\"wide\">{}</figure>\n", forest.finish())
}

fn arm_row(
    forest: &mut Forest,
    arms: &Arms,
    (arm, correct): (&str, &Estimate),
    category: &str,
    (pointer, word): (String, &str),
) {
    let mark = Mark {
        estimate: correct,
        look: arms.look(arm),
        what: format!("{}, {category}: right answers", arms.short(arm)),
        source: Source::new(format!("completions.jsonl arm = {arm}, checks in prompts.jsonl"), pointer),
    };
    forest.estimate_row(&arms.label(arm), &mark, word);
}

fn differences(results: &[ObjectiveResult], arms: &Arms) -> String {
    let rows: Vec<Vec<String>> = results
        .iter()
        .enumerate()
        .map(|(i, result)| {
            let source =
                Source::new("completions.jsonl, paired by prompt", format!(".objective[{i}].difference"));
            vec![
                format!("{} {}", arms.label(&result.arm), esc(result.category.as_deref().unwrap_or("all"))),
                super::numbers::figure("arm minus base", &result.difference, Measure::SharePoints, &source),
                format!("{} / {}", result.only_arm, result.only_base),
                result.mcnemar_p.map_or_else(|| "\u{2013}".to_owned(), super::numbers::p_value),
            ]
        })
        .collect();
    let head = ["arm and category", "arm minus base", "only arm / only base right", "McNemar"];
    details("The paired differences", &super::html::table("plain", &head, &[1, 2, 3], &rows))
}

/// Prompts of the headline arm whose verdict changed against the base, with both answers.
fn changed_answers(evidence: &Evidence, arms: &Arms) -> String {
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
            (Some(true), Some(false)) => lost.push((prompt, base, tuned)),
            (Some(false), Some(true)) => won.push((prompt, base, tuned)),
            _ => {}
        }
    }
    let list = |title: &str, changed: &[(&Prompt, &Completion, &Completion)]| {
        if changed.is_empty() {
            return String::new();
        }
        let items: String = changed
            .iter()
            .take(MOST_EXAMPLES)
            .map(|(prompt, base, tuned)| changed_item(prompt, [base, tuned], arms))
            .collect();
        let more = changed.len().saturating_sub(MOST_EXAMPLES);
        let more = if more == 0 { String::new() } else { p(&format!("{more} more in completions.jsonl.")) };
        details(&format!("{title}: {}", counted(changed.len(), "prompt")), &format!("{items}{more}"))
    };
    format!(
        "{}{}",
        list("Right before, wrong now (first answer of each)", &lost),
        list("Wrong before, right now (first answer of each)", &won)
    )
}

fn changed_item(prompt: &Prompt, answers: [&Completion; 2], arms: &Arms) -> String {
    let answers: String = answers
        .iter()
        .map(|c| {
            format!(
                "<dt>{}</dt><dd class=\"text\" dir=\"auto\">{}</dd>",
                arms.label(&c.arm),
                esc(c.text.trim())
            )
        })
        .collect();
    format!(
        "<dl class=\"changed\"><dt>asked</dt><dd dir=\"auto\">{}</dd><dt>expected</dt><dd>{}</dd>{answers}</dl>\n",
        esc(prompt.question()),
        esc(prompt.reference.as_deref().unwrap_or("see the accepted answers in prompts.jsonl"))
    )
}
