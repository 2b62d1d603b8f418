//! Plain lines beside the method words, and what to do next.

use super::checks::CUT;
use super::no_rate::votes_needed;
use super::win_rate::needs_in_words;
use crate::analysis::{
    CheckState, ComparisonResult, Composite, Headline, JudgeResult, MethodCheck, MethodNote,
};
use crate::comparison::Pair;
use crate::human_votes::{PAIRS, invitation};
use crate::judgment::{VOTER, called, is_author};
use crate::plain::counted;
use crate::plan::{JudgeKind, Plan};
use crate::text::capitalised;

/// A plain line for each method word of the report.
pub fn method_notes(plan: &Plan) -> Vec<MethodNote> {
    let planned = plan.comparisons.len();
    let higher = match planned {
        1 => "One comparison was planned, so its p needs no adjustment.".to_owned(),
        n => format!("We looked at {n} comparisons, so the bar for each is higher."),
    };
    let note = |term: &str, plain: String| MethodNote { term: term.to_owned(), plain };
    let fixed = [
        (
            "win rate",
            "The share of prompts on which the arm was preferred, by judges or by people who voted; a tie counts half. 50 % means \
             no difference.",
        ),
        (
            "interval",
            "The values that the data do not exclude at 95 %. It is not adjusted for looking at several figures.",
        ),
        ("cluster", "Prompts that resemble each other count as less than their number."),
        (
            "n_effective",
            "How many independent prompts the prompts count as; with fewer than 30 we do not say better or worse.",
        ),
        (
            "p",
            "How often chance alone would give a difference at least this large, by flipping the sign of every \
             cluster.",
        ),
        ("not shown", "The data cannot tell. It does not mean that there is no difference."),
        (
            "position effect",
            "How much a judge favours the answer that it sees first. A judge is asked about every pair in both orders, a person \
             once.",
        ),
        (
            "alpha, kappa",
            "Agreement beyond what two judges would reach by chance: 0 is chance, 1 is full agreement.",
        ),
        ("fit", "How little the held-out answers of the examples surprise the model. It is not quality."),
        (
            "loss",
            "How much texts surprise the model, on average for each token, in nats; lower is less. The validation loss is \
             that of texts which were kept out of the training.",
        ),
        ("token", "A piece of a word: models read and write tokens."),
        ("epoch", "One pass over all texts that are trained on."),
        ("checkpoint", "The model as it was saved at one step of the training."),
        ("e-value", "Evidence that may be read while it grows; 20 against one half is strong."),
    ];
    let mut notes: Vec<MethodNote> =
        fixed.into_iter().map(|(term, plain)| note(term, plain.to_owned())).collect();
    notes.push(note("Holm", higher));
    notes.push(note(
        "equivalent within margin",
        format!(
            "A difference larger than {:.0} points in either direction is excluded.",
            100.0 * plan.margin
        ),
    ));
    notes
}

/// A person, not the author, whose votes would count if there were more of them.
fn may_go_on(judge: &JudgeResult) -> bool {
    let has_missed = judge.planted.as_ref().is_some_and(|planted| planted.is_missed());
    judge.kind == JudgeKind::Human && !is_author(&judge.judge_id) && !judge.in_panel && !has_missed
}

/// Prompts of the headline that have to be compared: those that are asked, and those that the suites hold.
#[derive(Clone, Copy, Debug)]
pub struct PromptCounts {
    pub asked: usize,
    /// `None` where it is not known.
    pub there: Option<usize>,
}

impl PromptCounts {
    /// How to come by more prompts, of which `needed` are wanted; a setting is named only as far as it helps.
    fn more(self, needed: usize) -> String {
        const ADD: &str = "with a `[[suite]]` or more held-out examples";
        match self.there {
            None => format!("add prompts, {ADD}"),
            Some(there) if there <= self.asked => {
                format!("the suites hold {there} to compare and no more, so add prompts, {ADD}")
            }
            Some(there) if there < needed => format!(
                "the suites hold {there} to compare, so leave out `eval.prompts-per-suite` to have them all, and add others, {ADD}"
            ),
            Some(there) => {
                format!(
                    "the suites hold {there} to compare, so raise `eval.prompts-per-suite` or leave it out"
                )
            }
        }
    }
}

/// What would help most, in order.
pub fn next_steps(
    plan: &Plan,
    headline: &Headline,
    comparisons: &[ComparisonResult],
    judges: &[JudgeResult],
    checks: &[MethodCheck],
    to_vote_on: &[&Pair],
    prompts: PromptCounts,
) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    let to_judge = |rest: &str| plan.command("judge", rest);
    let to_vote = |rest: &str| plan.command("vote", rest);
    // Before anybody judges texts that break off.
    let is_of_cuts = |check: &&MethodCheck| headline.cut_texts.is_some() && check.code == CUT;
    if headline.cut_texts.is_some() {
        let advice = checks.iter().find(is_of_cuts).and_then(|check| check.advice.as_deref());
        let advice = advice.unwrap_or(
            "raise `eval.max-new-tokens`; `affinage eval` makes another evaluation beside this one, without the votes on it",
        );
        steps.push(format!("Give the answers more room: {advice}."));
    }
    let nobody = judges.iter().all(|judge| judge.cells_judged == 0);
    let only_failed = !nobody && judges.iter().all(|judge| !judge.in_panel && judge.kind != JudgeKind::Human);
    if nobody || only_failed {
        // What costs no key and no money comes first.
        steps.extend(invitation(plan, to_vote_on));
        let fit = judges.iter().any(|judge| judge.exam.as_ref().is_none_or(|exam| !exam.is_unfit()));
        steps.push(match (judges.is_empty(), nobody && fit) {
            (true, _) => {
                format!("Let a model compare: {} shows what to write into affinage.toml.", to_judge(""))
            }
            (false, true) => format!("Let the judges compare: {}.", to_judge("")),
            (false, false) => {
                format!("Take a stronger judge: {} shows whether it can judge.", to_judge("--qualify"))
            }
        });
    }
    let voted = || judges.iter().filter(|judge| judge.cells_judged > 0);
    if !nobody && voted().all(|judge| is_author(&judge.judge_id)) {
        steps.push(format!(
            "Only the author has voted, who knows the voice. Let somebody else vote, {} or {}, or a model compare, {}.",
            to_vote("--as NAME"),
            to_vote("--as NAME --pack FILE.html"),
            to_judge("")
        ));
    }
    let has_rate = comparisons.iter().any(|result| result.is_headline && result.overall.is_some());
    if let Some(voter) = judges.iter().find(|judge| !has_rate && may_go_on(judge)) {
        let name = voter.judge_id.strip_prefix(VOTER).unwrap_or("NAME");
        let needed = votes_needed(to_vote_on.len());
        let voted = voter.cells_judged - voter.missing.values().sum::<usize>().min(voter.cells_judged);
        // A ballot shows some pairs unless told otherwise.
        let pairs = if needed > PAIRS { format!(" --pairs {}", to_vote_on.len()) } else { String::new() };
        steps.push(format!(
            "Give the missing votes: {} goes on where it was left and asks again about what was \
             skipped. A win rate needs votes on {needed} of the {}, {} missing. Whoever has seen who wrote what cannot \
             vote any more: then let somebody else, {}.",
            to_vote(&format!("--as {name}{pairs}")),
            counted(to_vote_on.len(), "pair", "pairs"),
            match needed.saturating_sub(voted) {
                1 => "1 is".to_owned(),
                missing => format!("{missing} are"),
            },
            to_vote("--as NAME")
        ));
    }
    let left_out = judges.iter().find_map(|judge| {
        let planted = judge.planted.as_ref().filter(|planted| planted.is_missed())?;
        Some((judge, planted))
    });
    if let Some((judge, planted)) = left_out.filter(|_| !has_rate) {
        steps.push(format!(
            "The votes of {} do not count: of the pairs in which one answer was damaged on purpose, the undamaged one was \
             preferred in {} of {}. Let somebody vote who reads both answers, {}, or a model compare, {}.",
            called(&judge.judge_id),
            planted.found.count,
            planted.found.of,
            to_vote("--as NAME"),
            to_judge("")
        ));
    }
    for check in checks.iter().filter(|check| check.state == CheckState::Issue && !is_of_cuts(check)) {
        if let Some(advice) = &check.advice {
            steps.push(format!("{}: {advice}.", check.title));
        }
    }
    let headline_result = comparisons.iter().find(|result| result.is_headline);
    let rate = headline_result.and_then(|result| result.overall.as_ref());
    if let Some((rate, needed)) = rate.and_then(|rate| Some((rate, rate.needs_about_n?)))
        && needed > rate.estimate.n
    {
        steps.push(format!(
            "{}; this evaluation has {}: {}, and `affinage eval` makes another evaluation beside this one, without the votes \
             on it.",
            capitalised(&needs_in_words(&rate.estimate, needed, plan.margin)),
            rate.estimate.n,
            prompts.more(needed)
        ));
    }
    let is_worse_somewhere = matches!(
        headline.composite,
        Composite::WorseInDomain
            | Composite::BroadlyWorse
            | Composite::TradedOff
            | Composite::BetterElsewhere
            | Composite::WorseOutside
            | Composite::WorseOverall
    );
    if is_worse_somewhere {
        steps.push("Read the answers that lost; then change the data before the settings.".to_owned());
    }
    let panel: Vec<&JudgeResult> = judges.iter().filter(|judge| judge.in_panel).collect();
    if let [only] = panel[..] {
        steps.push(match only.kind {
            JudgeKind::Human => format!(
                "The votes of one person count: let another vote, {}, or a model compare, {}.",
                to_vote("--as NAME"),
                to_judge("")
            ),
            _ => format!(
                "Add a judge of another family: a second `[[judge]]` in affinage.toml, then {}.",
                to_judge("")
            ),
        });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_prompts_are_advised_as_far_as_the_suites_hold_them() {
        let more = |asked, there| PromptCounts { asked, there }.more(451);
        let add = "with a `[[suite]]` or more held-out examples";
        assert_eq!(
            more(60, Some(60)),
            format!("the suites hold 60 to compare and no more, so add prompts, {add}")
        );
        assert_eq!(more(60, None), format!("add prompts, {add}"));
        assert_eq!(
            more(60, Some(500)),
            "the suites hold 500 to compare, so raise `eval.prompts-per-suite` or leave it out"
        );
        let some = more(20, Some(60));
        assert!(
            some.contains("hold 60")
                && some.contains("leave out `eval.prompts-per-suite`")
                && some.contains(add)
        );
    }
}
