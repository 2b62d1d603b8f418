//! Numbered checks of the method itself: what could make every figure above them wrong.

use std::collections::{BTreeMap, BTreeSet};

use super::judges::{TESTABLE_PAIRS, is_shown};
use super::votes::Votes;
use super::win_rate::ENOUGH;
use super::{Around, Rows};
use crate::analysis::{CheckState, ComparisonResult, Estimate, JudgeResult, MethodCheck};
use crate::completion::FinishReason;
use crate::judge::deprecation::is_same_model;
use crate::judge::qualification::result::QualificationResult;
use crate::judgment::MissingReason;
use crate::plan::{JudgeKind, Plan};
use crate::stats::proportion::fisher_exact;
use crate::wording::checks::{self as wording, NotPassed};

/// All checks in the order of their codes.
pub fn run(
    rows: &Rows,
    votes: &Votes,
    judges: &[JudgeResult],
    comparisons: &[ComparisonResult],
    around: Around,
) -> Vec<MethodCheck> {
    vec![
        overlap(rows),
        effects("A002", "Position effect", judges, |judge| {
            (judge.slot_effect.as_ref(), &judge.slot_sentence)
        }),
        effects("A003", "Label effect", judges, |judge| (judge.label_effect.as_ref(), &judge.label_sentence)),
        missing(rows.plan, comparisons),
        identical_hashes(rows),
        order_independence(votes, judges),
        truncated(rows),
        coins(judges),
        panel_size(judges),
        clusters(rows),
        substituted_models(judges),
        small_categories(comparisons),
        seen_before(around),
        memorized(rows, around),
        examined(rows.plan, judges),
    ]
}

fn check(code: &str, title: &str, state: CheckState, sentence: String) -> MethodCheck {
    MethodCheck { code: code.to_owned(), title: title.to_owned(), state, sentence, advice: None }
}

fn advised(check: MethodCheck, advice: &str) -> MethodCheck {
    MethodCheck { advice: Some(advice.to_owned()), ..check }
}

/// The check of answers that end at the limit of tokens.
pub const CUT: &str = "A007";

/// A held-out prompt counts as leaked from this share of its 5-word shingles on.
pub const LEAK_FROM: f64 = 0.2;

fn overlap(rows: &Rows) -> MethodCheck {
    let (code, title) = ("A001", "Overlap of training texts and prompts");
    let Some(dataset) = &rows.plan.dataset else {
        return check(code, title, CheckState::Skipped, wording::NO_DATA_SET.to_owned());
    };
    let Some(most) = dataset.max_prompt_containment.or(dataset.max_containment) else {
        let sentence = wording::no_certificate(&dataset.version);
        return advised(check(code, title, CheckState::Skipped, sentence), wording::FREEZE_AGAIN);
    };
    let sentence = wording::overlap(&dataset.version, most);
    if most < LEAK_FROM {
        return check(code, title, CheckState::Passed, sentence);
    }
    advised(check(code, title, CheckState::Issue, sentence), &wording::overlap_advice(rows.plan))
}

/// Whether any judge that is no person was asked to compare.
fn is_one_asked(judges: &[JudgeResult]) -> bool {
    judges.iter().any(|judge| judge.kind != JudgeKind::Human && judge.cells_judged > 0)
}

/// How many of them are judges, and how many people.
fn of_kinds(judges: &[&JudgeResult]) -> wording::Asked {
    let voters = judges.iter().filter(|judge| judge.kind == JudgeKind::Human).count();
    wording::Asked { judges: judges.len() - voters, voters }
}

fn effects<'j>(
    code: &str,
    title: &str,
    judges: &'j [JudgeResult],
    effect: impl Fn(&'j JudgeResult) -> (Option<&'j Estimate>, &'j String),
) -> MethodCheck {
    let judged: Vec<&JudgeResult> = judges.iter().filter(|judge| effect(judge).0.is_some()).collect();
    if judged.is_empty() && !is_one_asked(judges) {
        return check(code, title, CheckState::NotApplicable, wording::NO_JUDGE.to_owned());
    }
    if judged.is_empty() {
        return check(code, title, CheckState::Skipped, wording::NOT_IN_BOTH_ORDERS.to_owned());
    }
    let shown: Vec<&&JudgeResult> = judged.iter().filter(|judge| is_shown(effect(judge).0)).collect();
    if shown.is_empty() {
        let sentence = wording::no_effect(of_kinds(&judged));
        return check(code, title, CheckState::Passed, sentence);
    }
    let sentences: Vec<&str> = shown.iter().map(|judge| effect(judge).1.as_str()).collect();
    let is_large = |e: &Estimate| e.value.abs() >= 0.25 && e.n >= TESTABLE_PAIRS;
    let large = shown.iter().any(|judge| effect(judge).0.is_some_and(is_large));
    let state = if large { CheckState::Issue } else { CheckState::Tip };
    advised(check(code, title, state, sentences.join(" ")), wording::EFFECT_ADVICE)
}

fn missing(plan: &Plan, comparisons: &[ComparisonResult]) -> MethodCheck {
    let (code, title) = ("A004", "Missing verdicts");
    let planned: usize = comparisons.iter().map(|result| result.missing.planned).sum();
    let missing: usize = comparisons.iter().map(|result| result.missing.missing).sum();
    if planned == 0 {
        return check(code, title, CheckState::NotApplicable, wording::NOT_PLANNED.to_owned());
    }
    if !comparisons.iter().any(|result| result.missing.was_asked()) {
        return check(code, title, CheckState::Skipped, wording::NOT_ASKED.to_owned());
    }
    let share = missing as f64 / planned as f64;
    let sentence = wording::missing(missing, planned, share);
    match missing {
        0 => check(code, title, CheckState::Passed, sentence),
        _ if share <= 0.05 => check(code, title, CheckState::Tip, sentence),
        _ => advised(check(code, title, CheckState::Issue, sentence), &missing_advice(plan, comparisons)),
    }
}

/// What is not there yet can be asked for; a reply without a verdict is stored, and asking again brings nothing.
fn missing_advice(plan: &Plan, comparisons: &[ComparisonResult]) -> String {
    let not_asked: usize = comparisons.iter().map(|result| result.missing.not_asked).sum();
    let mut by_reason: BTreeMap<MissingReason, usize> = BTreeMap::new();
    for (reason, calls) in comparisons.iter().flat_map(|result| &result.missing.by_reason) {
        *by_reason.entry(*reason).or_default() += calls;
    }
    let most = by_reason.iter().max_by_key(|(_, calls)| **calls);
    let most = most.filter(|(_, calls)| **calls > not_asked).map(|(reason, calls)| (*reason, *calls));
    wording::missing_advice(plan, most)
}

/// A hash under two names, or another hash than planned, stops the analysis; here it is said that it was looked.
fn identical_hashes(rows: &Rows) -> MethodCheck {
    let hashes: BTreeSet<&str> = rows.plan.arms.iter().filter_map(|arm| arm.adapter_sha256()).collect();
    let of_servers = rows.completions.values().filter(|c| c.base_sha256.is_none()).count();
    let sentence = wording::hashes(hashes.len(), rows.completions.len() - of_servers, of_servers);
    check("A005", "Identical adapters", CheckState::Passed, sentence)
}

/// Does the winner depend on the order? In our own data this is the position effect once more; a strong dependence
/// with swapped labels is how inverted winners look.
fn order_independence(votes: &Votes, judges: &[JudgeResult]) -> MethodCheck {
    let (code, title) = ("A006", "Order and winner");
    let mut sentences = Vec::new();
    let mut suspicious = false;
    for judge in judges {
        let presentations = votes.pairs.iter().filter_map(|pair| pair.judges.get(judge.judge_id.as_str()));
        let mut table = [[0u64; 2]; 2];
        for presentation in presentations.flat_map(|judge| &judge.presentations) {
            if let Some(score) = presentation.score.filter(|score| *score != 0.5) {
                table[usize::from(presentation.arm_is_first)][usize::from(score > 0.5)] += 1;
            }
        }
        let total: u64 = table.iter().flatten().sum();
        if total < 20 {
            continue;
        }
        let p = fisher_exact(table);
        suspicious |= p < 0.01;
        sentences.push(wording::order(&judge.judge_id, p, total));
    }
    if sentences.is_empty() {
        return check(code, title, CheckState::Skipped, wording::FEW_DECISIVE.to_owned());
    }
    if !suspicious {
        return check(code, title, CheckState::Passed, sentences.join(" "));
    }
    advised(check(code, title, CheckState::Tip, sentences.join(" ")), wording::ORDER_ADVICE)
}

fn truncated(rows: &Rows) -> MethodCheck {
    let (code, title) = (CUT, "Answers cut at the token limit");
    let answers = rows.completions.len();
    let cut = rows.completions.values().filter(|c| c.finish_reason == FinishReason::Length).count();
    let lost = rows.completions.values().filter(|c| c.is_lost_in_thought()).count();
    let sentence = wording::cut(cut, lost, answers);
    match cut.max(lost) {
        _ if answers == 0 => check(code, title, CheckState::NotApplicable, wording::NO_ANSWERS.to_owned()),
        0 => check(code, title, CheckState::Passed, sentence),
        _ if 10 * cut <= answers && 20 * lost <= answers => check(code, title, CheckState::Tip, sentence),
        _ => {
            let room = 2 * rows.plan.sampling.max_new_tokens;
            advised(check(code, title, CheckState::Issue, sentence), &wording::cut_advice(room))
        }
    }
}

fn coins(judges: &[JudgeResult]) -> MethodCheck {
    let (code, title) = ("A008", "Judges no better than a coin");
    let tested: Vec<&JudgeResult> = judges.iter().filter(|judge| judge.better_than_coin.is_some()).collect();
    if tested.is_empty() && !is_one_asked(judges) {
        return check(code, title, CheckState::NotApplicable, wording::NO_JUDGE.to_owned());
    }
    if tested.is_empty() {
        return check(code, title, CheckState::Skipped, wording::FEW_TO_TEST.to_owned());
    }
    let sentences: Vec<&str> = tested.iter().map(|judge| judge.consistency_sentence.as_str()).collect();
    if tested.iter().all(|judge| judge.better_than_coin == Some(true)) {
        return check(code, title, CheckState::Passed, sentences.join(" "));
    }
    advised(check(code, title, CheckState::Issue, sentences.join(" ")), wording::COIN_ADVICE)
}

fn panel_size(judges: &[JudgeResult]) -> MethodCheck {
    let (code, title) = ("A009", "Number of judges and voters");
    let panel = judges.iter().filter(|judge| judge.in_panel).count();
    let all: Vec<&JudgeResult> = judges.iter().filter(|judge| judge.cells_judged > 0).collect();
    let sentence = wording::panel(panel, of_kinds(&all));
    match panel {
        _ if all.is_empty() => check(code, title, CheckState::Skipped, wording::NOBODY_COMPARED.to_owned()),
        0 => check(code, title, CheckState::Skipped, sentence),
        1 => advised(check(code, title, CheckState::Tip, sentence), wording::PANEL_ADVICE),
        _ => check(code, title, CheckState::Passed, sentence),
    }
}

fn clusters(rows: &Rows) -> MethodCheck {
    let (code, title) = ("A010", "Repeated prompts");
    let clusters: BTreeSet<&str> = rows.prompts.values().map(|p| p.cluster_id.as_str()).collect();
    let samples = rows.plan.samples_per_prompt as usize;
    let sentence = wording::clusters(rows.prompts.len(), clusters.len(), samples);
    let state = if clusters.len() == rows.prompts.len() { CheckState::Passed } else { CheckState::Tip };
    check(code, title, state, sentence)
}

/// Between judges of one name several models may have answered, or throughout another one than was asked.
fn substituted_models(judges: &[JudgeResult]) -> MethodCheck {
    let (code, title) = ("A011", "The judge that answered");
    let is_other =
        |judge: &JudgeResult| judge.models_returned.iter().any(|name| !is_same_model(&judge.model, name));
    let sentence = |judge: &JudgeResult| match judge.models_returned.as_slice() {
        [only] => is_other(judge).then(|| wording::substituted(&judge.judge_id, &judge.model, only)),
        names @ [_, _, ..] => Some(wording::several_models(&judge.judge_id, names)),
        [] => None,
    };
    let changed: Vec<String> = judges.iter().filter_map(sentence).collect();
    let is_silent = |judge: &&JudgeResult| {
        judge.kind.is_served() && judge.cells_judged > 0 && judge.models_returned.is_empty()
    };
    let silent: Vec<&str> = judges.iter().filter(is_silent).map(|judge| judge.judge_id.as_str()).collect();
    if !is_one_asked(judges) {
        return check(code, title, CheckState::NotApplicable, wording::NO_JUDGE.to_owned());
    }
    if changed.is_empty() && !silent.is_empty() {
        let sentence = wording::silent_servers(&silent);
        return check(code, title, CheckState::Skipped, sentence);
    }
    if changed.is_empty() {
        return check(code, title, CheckState::Passed, wording::ONE_MODEL.to_owned());
    }
    advised(check(code, title, CheckState::Issue, changed.join(" ")), wording::MODEL_ADVICE)
}

fn small_categories(comparisons: &[ComparisonResult]) -> MethodCheck {
    let (code, title) = ("A013", "Prompts per category");
    let cuts = comparisons.iter().filter(|result| result.is_headline).flat_map(|result| &result.by_category);
    let judged: Vec<(&str, usize)> =
        cuts.filter_map(|cut| Some((cut.category.as_str(), cut.win_rate.as_ref()?.estimate.n))).collect();
    if judged.is_empty() {
        return check(code, title, CheckState::Skipped, wording::NO_CATEGORY.to_owned());
    }
    let small: Vec<(&str, usize)> = judged.iter().copied().filter(|(_, n)| *n < ENOUGH).collect();
    if small.is_empty() {
        let sentence = wording::categories_are_enough(judged.len());
        return check(code, title, CheckState::Passed, sentence);
    }
    advised(check(code, title, CheckState::Tip, wording::small_categories(&small)), wording::CATEGORY_ADVICE)
}

fn seen_before(around: Around) -> MethodCheck {
    let (code, title) = ("A014", "Prompts seen before");
    let Some(looks) = around.looks else {
        return check(code, title, CheckState::Skipped, wording::NO_HISTORY.to_owned());
    };
    let sentence = wording::looks(looks.earlier.len(), looks.is_adapted);
    match (looks.is_adapted, looks.earlier.is_empty()) {
        (true, _) => advised(check(code, title, CheckState::Issue, sentence), wording::ADAPTED_ADVICE),
        (false, false) => check(code, title, CheckState::Tip, sentence),
        (false, true) => check(code, title, CheckState::Passed, sentence),
    }
}

/// From this share of recited answers on a win may be recitation.
const MEMORIZED_ISSUE: f64 = 0.1;

fn memorized(rows: &Rows, around: Around) -> MethodCheck {
    let (code, title) = ("A015", "Recited answers");
    let of_arm = |completion_id: &str| {
        rows.completions.get(completion_id).is_some_and(|c| c.arm == rows.plan.headline.arm)
    };
    let measured: Vec<bool> = around
        .overlap
        .iter()
        .filter(|row| of_arm(&row.completion_id))
        .map(|row| row.is_memorized())
        .collect();
    if measured.is_empty() {
        return check(code, title, CheckState::Skipped, wording::OVERLAP_NOT_MEASURED.to_owned());
    }
    let memorized = measured.iter().filter(|memorized| **memorized).count();
    let sentence = wording::recited(&rows.plan.headline.arm, memorized, measured.len());
    match memorized as f64 / measured.len() as f64 {
        0.0 => check(code, title, CheckState::Passed, sentence),
        share if share < MEMORIZED_ISSUE => check(code, title, CheckState::Tip, sentence),
        _ => advised(check(code, title, CheckState::Issue, sentence), wording::RECITED_ADVICE),
    }
}

fn examined(plan: &Plan, judges: &[JudgeResult]) -> MethodCheck {
    let (code, title) = ("A016", "Exams of judges and voters");
    let ids = |is_of: &dyn Fn(&JudgeResult) -> bool| -> Vec<&str> {
        judges.iter().filter(|judge| is_of(judge)).map(|judge| judge.judge_id.as_str()).collect()
    };
    let has_judged = |judge: &JudgeResult| judge.cells_judged > 0 && judge.kind != JudgeKind::Human;
    let exam_is =
        |judge: &JudgeResult, is: fn(&QualificationResult) -> bool| judge.exam.as_ref().is_some_and(is);
    let found = NotPassed {
        without_exam: ids(&|judge| has_judged(judge) && judge.exam.is_none()),
        failed: ids(&|judge| has_judged(judge) && exam_is(judge, |exam| !exam.is_qualified())),
        unfit: ids(&|judge| judge.cells_judged == 0 && exam_is(judge, |exam| exam.is_unfit())),
        missed: ids(&|judge| judge.planted.as_ref().is_some_and(|planted| planted.is_missed())),
    };
    let NotPassed { without_exam, failed, unfit, missed } = &found;
    if !judges.iter().any(has_judged) && unfit.is_empty() && missed.is_empty() {
        return check(code, title, CheckState::NotApplicable, wording::NO_JUDGE.to_owned());
    }
    if [without_exam, failed, unfit, missed].iter().all(|found| found.is_empty()) {
        return check(code, title, CheckState::Passed, wording::ALL_PASSED.to_owned());
    }
    let tip = check(code, title, CheckState::Tip, wording::not_passed(&found));
    match without_exam.is_empty() && failed.is_empty() {
        true => tip,
        false => advised(tip, &wording::exam_advice(plan)),
    }
}
