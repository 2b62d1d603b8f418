//! Right and wrong answers, by rule: what was kept and what was forgotten.

use std::collections::BTreeMap;

use affinage_eval::analysis::ObjectiveResult;
use affinage_eval::completion::Completion;
use affinage_eval::objective::is_correct;
use affinage_eval::suite::Prompt;

use super::arms::Arms;
use super::evidence::Evidence;
use super::html::{Section, details, esc, p};
use super::numbers::{Measure, Source, count, counted};
use super::plot::{Axis, Forest, Mark, Row};

/// Changed answers that are shown in full, each way.
const MOST_EXAMPLES: usize = 12;

pub fn section(evidence: &Evidence, arms: &Arms) -> Section {
    let results = &evidence.analysis.objective;
    if results.is_empty() {
        let body = p("Not measured: the evaluation has no prompt with an exact answer.");
        return Section::new("objective", "Right answers", body);
    }
    let mut body = String::new();
    for result in results.iter().filter(|result| result.category.is_none()) {
        body.push_str(&arms.p(&result.sentence));
    }
    body.push_str(&forest(results, arms));
    body.push_str(&differences(results, arms));
    body.push_str(&changed_answers(evidence, arms));
    Section::new("objective", "Right answers", body)
}

/// Base and arm on one row: two marks with intervals.
fn forest(results: &[ObjectiveResult], arms: &Arms) -> String {
    let mut forest = Forest::new(Axis::shares(), "right answers");
    let mut heading = None;
    for (i, result) in results.iter().enumerate() {
        if heading != Some(&result.arm) {
            forest.heading(&format!("{} and {}", arms.label(&result.arm), arms.label("base")));
            heading = Some(&result.arm);
        }
        let label = result.category.as_deref().unwrap_or("all checked prompts");
        let what = |arm: &str| format!("{}, {label}: right answers", arms.short(arm));
        let source = |arm: &str, field: &str| {
            Source::new(format!("completions.jsonl arm = {arm}, checks in prompts.jsonl"), format!(".objective[{i}].{field}"))
        };
        let marks = [
            Mark {
                estimate: &result.base_correct,
                look: arms.look("base"),
                what: what("base"),
                source: source("base", "base_correct"),
            },
            Mark {
                estimate: &result.correct,
                look: arms.look(&result.arm),
                what: what(&result.arm),
                source: source(&result.arm, "correct"),
            },
        ];
        let figure = |mark: &Mark| super::numbers::figure(&mark.what, mark.estimate, Measure::Share, &mark.source);
        forest.row(&Row {
            label: esc(label),
            strip: forest.axis().strip(&marks),
            figure: format!("{}<br><span class=\"second\">base {}</span>", figure(&marks[1]), figure(&marks[0])),
            n: count(result.correct.n),
            word: super::summary::word(result.word),
        });
    }
    format!("<figure class=\"wide\">{}</figure>\n", forest.finish())
}

fn differences(results: &[ObjectiveResult], arms: &Arms) -> String {
    let rows: Vec<Vec<String>> = results
        .iter()
        .enumerate()
        .map(|(i, result)| {
            let source = Source::new("completions.jsonl, paired by prompt", format!(".objective[{i}].difference"));
            vec![
                format!("{} {}", arms.label(&result.arm), esc(result.category.as_deref().unwrap_or("all"))),
                super::numbers::figure("arm minus base", &result.difference, Measure::SharePoints, &source),
                format!("{} / {}", result.only_arm, result.only_base),
                result.mcnemar_p.map_or_else(|| "\u{2013}".to_owned(), super::numbers::p_value),
                arms.prose(&result.sentence),
            ]
        })
        .collect();
    let head = ["arm and category", "arm minus base", "only arm / only base right", "McNemar", "in words"];
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
        let items: String =
            changed.iter().take(MOST_EXAMPLES).map(|(prompt, base, tuned)| changed_item(prompt, [base, tuned], arms)).collect();
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
        .map(|c| format!("<dt>{}</dt><dd class=\"text\" dir=\"auto\">{}</dd>", arms.label(&c.arm), esc(c.text.trim())))
        .collect();
    format!(
        "<dl class=\"changed\"><dt>asked</dt><dd dir=\"auto\">{}</dd><dt>expected</dt><dd>{}</dd>{answers}</dl>\n",
        esc(prompt.question()),
        esc(prompt.reference.as_deref().unwrap_or("see the accepted answers in prompts.jsonl"))
    )
}
