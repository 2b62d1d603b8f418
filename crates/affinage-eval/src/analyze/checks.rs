//! Numbered checks of the method itself: what could make every figure above them wrong.

use std::collections::{BTreeMap, BTreeSet};

use super::judges::{TESTABLE_PAIRS, is_shown};
use super::votes::Votes;
use super::win_rate::ENOUGH;
use super::{Around, Rows};
use crate::analysis::{CheckState, ComparisonResult, Estimate, JudgeResult, MethodCheck};
use crate::completion::FinishReason;
use crate::judge::deprecation::is_same_model;
use crate::judgment::MissingReason;
use crate::plain::counted;
use crate::plan::{JudgeKind, Plan};
use crate::stats::proportion::fisher_exact;
use crate::text::p_value;

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
        let sentence = "The plan names no data set, so overlap with the training texts was not measured.";
        return check(code, title, CheckState::Skipped, sentence.to_owned());
    };
    let Some(most) = dataset.max_prompt_containment.or(dataset.max_containment) else {
        let sentence = format!("Data set {} has no leak certificate.", dataset.version);
        return advised(
            check(code, title, CheckState::Skipped, sentence),
            "freeze the data set again with `affinage dataset`",
        );
    };
    let sentence = format!(
        "The question nearest to a training example of {} shares with it {:.0} % of the five-word sequences of question and \
         reference answer (limit {:.0} %).",
        dataset.version,
        100.0 * most,
        100.0 * LEAK_FROM
    );
    if most < LEAK_FROM {
        return check(code, title, CheckState::Passed, sentence);
    }
    advised(
        check(code, title, CheckState::Issue, sentence),
        &format!(
            "a win there may be recitation; {} names the prompts, and one of each two can be rejected or edited at the desk \
             (`affinage review`, search) before the next freeze",
            rows.plan.command("generate", "")
        ),
    )
}

/// What a check about judges says where only people voted, or nobody did.
const NO_JUDGE: &str = "No judge was asked.";

/// Whether any judge that is no person was asked to compare.
fn is_one_asked(judges: &[JudgeResult]) -> bool {
    judges.iter().any(|judge| judge.kind != JudgeKind::Human && judge.cells_judged > 0)
}

/// `2 judges and 1 voter`: people are no judges.
fn judges_and_voters(judges: &[&JudgeResult]) -> String {
    let voters = judges.iter().filter(|judge| judge.kind == JudgeKind::Human).count();
    let (models, people) =
        (counted(judges.len() - voters, "judge", "judges"), counted(voters, "voter", "voters"));
    match voters {
        0 => models,
        all if all == judges.len() => people,
        _ => format!("{models} and {people}"),
    }
}

fn effects<'j>(
    code: &str,
    title: &str,
    judges: &'j [JudgeResult],
    effect: impl Fn(&'j JudgeResult) -> (Option<&'j Estimate>, &'j String),
) -> MethodCheck {
    let judged: Vec<&JudgeResult> = judges.iter().filter(|judge| effect(judge).0.is_some()).collect();
    if judged.is_empty() && !is_one_asked(judges) {
        return check(code, title, CheckState::NotApplicable, NO_JUDGE.to_owned());
    }
    if judged.is_empty() {
        return check(
            code,
            title,
            CheckState::Skipped,
            "No judge has judged a pair in both orders.".to_owned(),
        );
    }
    let shown: Vec<&&JudgeResult> = judged.iter().filter(|judge| is_shown(effect(judge).0)).collect();
    if shown.is_empty() {
        let any = if judged.len() == 1 { "" } else { "any of " };
        let sentence = format!("No effect is shown for {any}{}.", judges_and_voters(&judged));
        return check(code, title, CheckState::Passed, sentence);
    }
    let sentences: Vec<&str> = shown.iter().map(|judge| effect(judge).1.as_str()).collect();
    let is_large = |e: &Estimate| e.value.abs() >= 0.25 && e.n >= TESTABLE_PAIRS;
    let large = shown.iter().any(|judge| effect(judge).0.is_some_and(is_large));
    let state = if large { CheckState::Issue } else { CheckState::Tip };
    advised(
        check(code, title, state, sentences.join(" ")),
        "both orders are judged and labels are balanced, so this costs power rather than truth; prefer judges \
         without it",
    )
}

fn missing(plan: &Plan, comparisons: &[ComparisonResult]) -> MethodCheck {
    let (code, title) = ("A004", "Missing verdicts");
    let planned: usize = comparisons.iter().map(|result| result.missing.planned).sum();
    let missing: usize = comparisons.iter().map(|result| result.missing.missing).sum();
    if planned == 0 {
        return check(
            code,
            title,
            CheckState::NotApplicable,
            "No verdict of a judge was planned.".to_owned(),
        );
    }
    if !comparisons.iter().any(|result| result.missing.was_asked()) {
        return check(code, title, CheckState::Skipped, "No verdict was asked for yet.".to_owned());
    }
    let share = missing as f64 / planned as f64;
    let are = if missing == 1 { "is" } else { "are" };
    let sentence = format!(
        "{missing} of {} {are} missing ({:.1} %).",
        counted(planned, "verdict", "verdicts"),
        100.0 * share
    );
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
    let Some((reason, calls)) = most.filter(|(_, calls)| **calls > not_asked) else {
        return format!("run {} again: it asks only for what is missing", plan.command("judge", ""));
    };
    let remedy = match reason {
        MissingReason::Truncated => "raise `max-tokens` of the judge and judge under another `eval.name`",
        MissingReason::RequestCut => "raise the context length of the judge's server",
        MissingReason::OnlyThought => "turn the model's thinking, or its server's reasoning parser, off",
        MissingReason::ScoredOtherwise => "set the judge's `temperature = 0`, or judge without `logprobs`",
        MissingReason::ScoresOtherwise => {
            "take another judge: this one may name the worse answer as the winner"
        }
        MissingReason::NoAnswer => {
            "raise `eval.max-new-tokens`; `affinage eval` makes another evaluation beside this one, without the votes on it"
        }
        MissingReason::Refusal => "take another judge for these texts",
        _ => "take a judge that can follow the form, or set `logprobs = true` where its server offers them",
    };
    format!(
        "{} brought no verdict that counts ({}): {remedy}",
        counted(*calls, "call", "calls"),
        reason.name()
    )
}

/// A hash under two names, or another hash than planned, stops the analysis; here it is said that it was looked.
fn identical_hashes(rows: &Rows) -> MethodCheck {
    let hashes: BTreeSet<&str> = rows.plan.arms.iter().filter_map(|arm| arm.adapter_sha256()).collect();
    let of_servers = rows.completions.values().filter(|c| c.base_sha256.is_none()).count();
    let mut sentence = format!(
        "{} under {}, each with its own hash; every one of {} carries the hash of the plan.",
        counted(hashes.len(), "adapter", "adapters"),
        counted(hashes.len(), "name", "names"),
        counted(rows.completions.len() - of_servers, "answer", "answers")
    );
    if of_servers > 0 {
        sentence.push_str(&format!(
            " {} of servers have no hash.",
            counted(of_servers, "further answer", "further answers")
        ));
    }
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
        sentences.push(format!("`{}`: Fisher's {} over {total} decisive calls.", judge.judge_id, p_value(p)));
    }
    if sentences.is_empty() {
        return check(code, title, CheckState::Skipped, "Too few decisive calls to test.".to_owned());
    }
    if !suspicious {
        return check(code, title, CheckState::Passed, sentences.join(" "));
    }
    let advice = "the winner moves with the order; the key was checked against the answers' own rows, so this is \
                  the judge's position bias, not an inverted key";
    advised(check(code, title, CheckState::Tip, sentences.join(" ")), advice)
}

fn truncated(rows: &Rows) -> MethodCheck {
    let (code, title) = (CUT, "Answers cut at the token limit");
    let answers = rows.completions.len();
    let cut = rows.completions.values().filter(|c| c.finish_reason == FinishReason::Length).count();
    let lost = rows.completions.values().filter(|c| c.is_lost_in_thought()).count();
    let thinking = if lost > 0 { format!(" {lost} ended while thinking.") } else { String::new() };
    let were = if cut == 1 { "was" } else { "were" };
    let sentence = format!("{cut} of {} {were} cut.{thinking}", counted(answers, "answer", "answers"));
    match cut.max(lost) {
        _ if answers == 0 => {
            check(code, title, CheckState::NotApplicable, "There are no answers.".to_owned())
        }
        0 => check(code, title, CheckState::Passed, sentence),
        _ if 10 * cut <= answers && 20 * lost <= answers => check(code, title, CheckState::Tip, sentence),
        _ => {
            let room = 2 * rows.plan.sampling.max_new_tokens;
            let advice = format!(
                "`affinage --set eval.max-new-tokens={room} eval` makes another evaluation beside this one, in which they have \
                 twice the room; votes on this one stay with it"
            );
            advised(check(code, title, CheckState::Issue, sentence), &advice)
        }
    }
}

fn coins(judges: &[JudgeResult]) -> MethodCheck {
    let (code, title) = ("A008", "Judges no better than a coin");
    let tested: Vec<&JudgeResult> = judges.iter().filter(|judge| judge.better_than_coin.is_some()).collect();
    if tested.is_empty() && !is_one_asked(judges) {
        return check(code, title, CheckState::NotApplicable, NO_JUDGE.to_owned());
    }
    if tested.is_empty() {
        let sentence = "No judge has enough decisive pairs to test its consistency.";
        return check(code, title, CheckState::Skipped, sentence.to_owned());
    }
    let sentences: Vec<&str> = tested.iter().map(|judge| judge.consistency_sentence.as_str()).collect();
    if tested.iter().all(|judge| judge.better_than_coin == Some(true)) {
        return check(code, title, CheckState::Passed, sentences.join(" "));
    }
    advised(
        check(code, title, CheckState::Issue, sentences.join(" ")),
        "use a stronger judge, or read the fit, voice and objective figures, which need none",
    )
}

fn panel_size(judges: &[JudgeResult]) -> MethodCheck {
    let (code, title) = ("A009", "Number of judges and voters");
    let panel = judges.iter().filter(|judge| judge.in_panel).count();
    let are = if panel == 1 { "is" } else { "are" };
    let all: Vec<&JudgeResult> = judges.iter().filter(|judge| judge.cells_judged > 0).collect();
    let sentence = format!("{panel} of {} {are} in the mean.", judges_and_voters(&all));
    match panel {
        _ if all.is_empty() => check(code, title, CheckState::Skipped, "Nobody has compared.".to_owned()),
        0 => check(code, title, CheckState::Skipped, sentence),
        1 => advised(
            check(code, title, CheckState::Tip, sentence),
            "add a judge of another family, or the votes of one more person",
        ),
        _ => check(code, title, CheckState::Passed, sentence),
    }
}

fn clusters(rows: &Rows) -> MethodCheck {
    let (code, title) = ("A010", "Repeated prompts");
    let clusters: BTreeSet<&str> = rows.prompts.values().map(|p| p.cluster_id.as_str()).collect();
    let sentence = format!(
        "{} in {}, {} per prompt and arm; intervals run over clusters.",
        counted(rows.prompts.len(), "prompt", "prompts"),
        counted(clusters.len(), "independent cluster", "independent clusters"),
        counted(rows.plan.samples_per_prompt as usize, "answer", "answers")
    );
    let state = if clusters.len() == rows.prompts.len() { CheckState::Passed } else { CheckState::Tip };
    check(code, title, state, sentence)
}

/// Between judges of one name several models may have answered, or throughout another one than was asked.
fn substituted_models(judges: &[JudgeResult]) -> MethodCheck {
    let (code, title) = ("A011", "The judge that answered");
    let is_other =
        |judge: &JudgeResult| judge.models_returned.iter().any(|name| !is_same_model(&judge.model, name));
    let sentence = |judge: &&JudgeResult| match judge.models_returned.as_slice() {
        [only] if is_other(judge) => {
            format!("`{}` was asked of {} and answered by {only}.", judge.judge_id, judge.model)
        }
        names @ [_, _, ..] => format!("`{}` was answered by {}.", judge.judge_id, names.join(" and ")),
        _ => String::new(),
    };
    let changed: Vec<String> =
        judges.iter().map(|judge| sentence(&judge)).filter(|sentence| !sentence.is_empty()).collect();
    let is_silent = |judge: &&JudgeResult| {
        let is_served = matches!(judge.kind, JudgeKind::Openai | JudgeKind::Anthropic);
        is_served && judge.cells_judged > 0 && judge.models_returned.is_empty()
    };
    let silent: Vec<String> =
        judges.iter().filter(is_silent).map(|judge| format!("`{}`", judge.judge_id)).collect();
    if !is_one_asked(judges) {
        return check(code, title, CheckState::NotApplicable, NO_JUDGE.to_owned());
    }
    if changed.is_empty() && !silent.is_empty() {
        let sentence = format!(
            "The replies name no model, so it is not known which one answered: {}.",
            silent.join(", ")
        );
        return check(code, title, CheckState::Skipped, sentence);
    }
    if changed.is_empty() {
        let sentence = "Each judge was answered by one model throughout.".to_owned();
        return check(code, title, CheckState::Passed, sentence);
    }
    advised(
        check(code, title, CheckState::Issue, changed.join(" ")),
        "name the model that answers as the judge's `model`, or ask its provider for a fixed version",
    )
}

fn small_categories(comparisons: &[ComparisonResult]) -> MethodCheck {
    let (code, title) = ("A013", "Prompts per category");
    let cuts = comparisons.iter().filter(|result| result.is_headline).flat_map(|result| &result.by_category);
    let judged: Vec<(&str, usize)> =
        cuts.filter_map(|cut| Some((cut.category.as_str(), cut.win_rate.as_ref()?.estimate.n))).collect();
    if judged.is_empty() {
        return check(code, title, CheckState::Skipped, "No category was judged.".to_owned());
    }
    let small: Vec<String> =
        judged.iter().filter(|(_, n)| *n < ENOUGH).map(|(category, n)| format!("{category} ({n})")).collect();
    if small.is_empty() {
        let sentence = match judged.len() {
            1 => format!("The judged category has {ENOUGH} prompts or more."),
            n => format!("Each of {n} judged categories has {ENOUGH} prompts or more."),
        };
        return check(code, title, CheckState::Passed, sentence);
    }
    let sentence = format!("Below {ENOUGH} prompts, so without a word of their own: {}.", small.join(", "));
    advised(check(code, title, CheckState::Tip, sentence), "add prompts where you want to know more")
}

fn seen_before(around: Around) -> MethodCheck {
    let (code, title) = ("A014", "Prompts seen before");
    let Some(looks) = around.looks else {
        let sentence = "The project keeps no history of looks.".to_owned();
        return check(code, title, CheckState::Skipped, sentence);
    };
    let sentence = match looks.earlier.len() {
        0 => "No earlier evaluation looked at these prompts.".to_owned(),
        n => format!(
            "{} looked at some of these prompts.",
            counted(n, "earlier evaluation", "earlier evaluations")
        ),
    };
    match (looks.is_adapted, looks.earlier.is_empty()) {
        (true, _) => advised(
            check(code, title, CheckState::Issue, format!("{sentence} Run or data changed since: adapted.")),
            "choices may have been fitted to these prompts; `affinage eval --final` opens the sealed reserve once",
        ),
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
        let sentence = "Overlap of the answers with the training texts was not measured.".to_owned();
        return check(code, title, CheckState::Skipped, sentence);
    }
    let memorized = measured.iter().filter(|memorized| **memorized).count();
    let arm = &rows.plan.headline.arm;
    let repeat = if memorized == 1 { "repeats" } else { "repeat" };
    let answers = counted(measured.len(), "answer", "answers");
    let sentence = format!("{memorized} of {answers} of `{arm}` {repeat} a training text.");
    match memorized as f64 / measured.len() as f64 {
        0.0 => check(code, title, CheckState::Passed, sentence),
        share if share < MEMORIZED_ISSUE => check(code, title, CheckState::Tip, sentence),
        _ => advised(
            check(code, title, CheckState::Issue, sentence),
            "read the headline without them; train fewer epochs or on more texts",
        ),
    }
}

fn examined(plan: &Plan, judges: &[JudgeResult]) -> MethodCheck {
    let (code, title) = ("A016", "Exams of judges and voters");
    let judged = judges.iter().filter(|j| j.cells_judged > 0 && j.kind != JudgeKind::Human);
    let unexamined: Vec<String> =
        judged.clone().filter(|j| j.exam.is_none()).map(|j| format!("`{}`", j.judge_id)).collect();
    let failed: Vec<String> = judged
        .clone()
        .filter(|j| j.exam.as_ref().is_some_and(|exam| !exam.is_qualified()))
        .map(|j| format!("`{}`", j.judge_id))
        .collect();
    let unfit: Vec<String> = judges
        .iter()
        .filter(|j| j.cells_judged == 0 && j.exam.as_ref().is_some_and(|exam| exam.is_unfit()))
        .map(|j| format!("`{}`", j.judge_id))
        .collect();
    let missed: Vec<String> = judges
        .iter()
        .filter(|j| j.planted.as_ref().is_some_and(|planted| planted.is_missed()))
        .map(|j| format!("`{}`", j.judge_id))
        .collect();
    if judged.clone().next().is_none() && unfit.is_empty() && missed.is_empty() {
        return check(code, title, CheckState::NotApplicable, NO_JUDGE.to_owned());
    }
    if [&unexamined, &failed, &unfit, &missed].iter().all(|found| found.is_empty()) {
        let sentence = "Every judge found the planted winners and held to its verdicts.".to_owned();
        return check(code, title, CheckState::Passed, sentence);
    }
    let mut said = Vec::new();
    if !unexamined.is_empty() {
        said.push(format!("Without an exam: {}.", unexamined.join(", ")));
    }
    if !failed.is_empty() {
        said.push(format!("Failed and left out of the mean: {}.", failed.join(", ")));
    }
    if !unfit.is_empty() {
        said.push(format!("Failed and not asked to compare: {}.", unfit.join(", ")));
    }
    if !missed.is_empty() {
        said.push(format!("Missed the planted pairs and left out of the mean: {}.", missed.join(", ")));
    }
    if unexamined.is_empty() && failed.is_empty() {
        return check(code, title, CheckState::Tip, said.join(" "));
    }
    advised(
        check(code, title, CheckState::Tip, said.join(" ")),
        &format!(
            "{} shows whether a judge can judge before its votes count",
            plan.command("judge", "--qualify")
        ),
    )
}
