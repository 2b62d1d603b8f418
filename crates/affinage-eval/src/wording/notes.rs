//! Plain lines beside the method words, and what to do next.

use super::win_rate::needs;
use crate::analysis::{Estimate, MethodNote};
use crate::human_votes::PAIRS;
use crate::judge::qualification::result::Counted;
use crate::judgment::{VOTER, called};
use crate::plain::counted;
use crate::plan::Plan;
use crate::text::capitalised;

/// A plain line for each method word of a report on so many planned comparisons.
pub fn method_notes(planned: usize, margin: f64) -> Vec<MethodNote> {
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
        format!("A difference larger than {:.0} points in either direction is excluded.", 100.0 * margin),
    ));
    notes
}

/// Prompts of the headline that have to be compared: those that are asked, and those that the suites hold.
#[derive(Clone, Copy, Debug)]
pub struct PromptCounts {
    pub asked: usize,
    /// `None` where it is not known.
    pub there: Option<usize>,
}

/// What would help most next.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// Answers were cut; the advice of the check that found it.
    MoreRoom(Option<&'a str>),
    /// Nobody compared, and the plan has no judge.
    FirstJudge,
    AskJudges,
    /// The judges failed their exams.
    StrongerJudge,
    NotOnlyAuthor,
    /// A person gave `voted` of `needed` votes on `pairs` pairs.
    MissingVotes {
        voter: &'a str,
        voted: usize,
        needed: usize,
        pairs: usize,
    },
    /// A person's votes do not count for what the planted pairs say.
    OtherVoter {
        voter: &'a str,
        planted: Counted,
    },
    /// What a check of this title advises.
    Check {
        title: &'a str,
        advice: &'a str,
    },
    /// More prompts than those of the win rate are needed.
    MorePrompts {
        rate: &'a Estimate,
        needed: usize,
        margin: f64,
        prompts: PromptCounts,
    },
    ReadLost,
    /// One person's votes count, and no others.
    SecondVoter,
    /// One judge's votes count, and no others.
    SecondJudge,
    /// The validation loss was lowest at this step.
    BestValidation(u64),
}

/// The sentences of a step, with the commands that take it.
pub fn step(plan: &Plan, step: &Step) -> String {
    let to_judge = |rest: &str| plan.command("judge", rest);
    let to_vote = |rest: &str| plan.command("vote", rest);
    match *step {
        Step::MoreRoom(advice) => {
            let advice = advice.unwrap_or(
                "raise `eval.max-new-tokens`; `affinage eval` makes another evaluation beside this one, without the votes on it",
            );
            format!("Give the answers more room: {advice}.")
        }
        Step::FirstJudge => {
            format!("Let a model compare: {} shows what to write into affinage.toml.", to_judge(""))
        }
        Step::AskJudges => format!("Let the judges compare: {}.", to_judge("")),
        Step::StrongerJudge => {
            format!("Take a stronger judge: {} shows whether it can judge.", to_judge("--qualify"))
        }
        Step::NotOnlyAuthor => format!(
            "Only the author has voted, who knows the voice. Let somebody else vote, {} or {}, or a model compare, {}.",
            to_vote("--as NAME"),
            to_vote("--as NAME --pack FILE.html"),
            to_judge("")
        ),
        Step::MissingVotes { voter, voted, needed, pairs } => {
            let name = voter.strip_prefix(VOTER).unwrap_or("NAME");
            // A ballot shows some pairs unless told otherwise.
            let all = if needed > PAIRS { format!(" --pairs {pairs}") } else { String::new() };
            format!(
                "Give the missing votes: {} goes on where it was left and asks again about what was \
                 skipped. A win rate needs votes on {needed} of the {}, {} missing. Whoever has seen who wrote what cannot \
                 vote any more: then let somebody else, {}.",
                to_vote(&format!("--as {name}{all}")),
                counted(pairs, "pair", "pairs"),
                match needed.saturating_sub(voted) {
                    1 => "1 is".to_owned(),
                    missing => format!("{missing} are"),
                },
                to_vote("--as NAME")
            )
        }
        Step::OtherVoter { voter, planted } => format!(
            "The votes of {} do not count: of the pairs in which one answer was damaged on purpose, the undamaged one was \
             preferred in {} of {}. Let somebody vote who reads both answers, {}, or a model compare, {}.",
            called(voter),
            planted.count,
            planted.of,
            to_vote("--as NAME"),
            to_judge("")
        ),
        Step::Check { title, advice } => format!("{title}: {advice}."),
        Step::MorePrompts { rate, needed, margin, prompts } => format!(
            "{}; this evaluation has {}: {}, and `affinage eval` makes another evaluation beside this one, without the votes \
             on it.",
            capitalised(&needs(rate, needed, margin)),
            rate.n,
            more(prompts, needed)
        ),
        Step::ReadLost => "Read the answers that lost; then change the data before the settings.".to_owned(),
        Step::SecondVoter => format!(
            "The votes of one person count: let another vote, {}, or a model compare, {}.",
            to_vote("--as NAME"),
            to_judge("")
        ),
        Step::SecondJudge => format!(
            "Add a judge of another family: a second `[[judge]]` in affinage.toml, then {}.",
            to_judge("")
        ),
        Step::BestValidation(step) => {
            format!("Validation was best at step {step}: talk to both, `affinage chat --compare best,last`.")
        }
    }
}

/// How to come by more prompts, of which `needed` are wanted; a setting is named only as far as it helps.
fn more(prompts: PromptCounts, needed: usize) -> String {
    const ADD: &str = "with a `[[suite]]` or more held-out examples";
    match prompts.there {
        None => format!("add prompts, {ADD}"),
        Some(there) if there <= prompts.asked => {
            format!("the suites hold {there} to compare and no more, so add prompts, {ADD}")
        }
        Some(there) if there < needed => format!(
            "the suites hold {there} to compare, so leave out `eval.prompts-per-suite` to have them all, and add others, {ADD}"
        ),
        Some(there) => {
            format!("the suites hold {there} to compare, so raise `eval.prompts-per-suite` or leave it out")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_prompts_are_advised_as_far_as_the_suites_hold_them() {
        let said = |asked, there| more(PromptCounts { asked, there }, 451);
        let add = "with a `[[suite]]` or more held-out examples";
        assert_eq!(
            said(60, Some(60)),
            format!("the suites hold 60 to compare and no more, so add prompts, {add}")
        );
        assert_eq!(said(60, None), format!("add prompts, {add}"));
        assert_eq!(
            said(60, Some(500)),
            "the suites hold 500 to compare, so raise `eval.prompts-per-suite` or leave it out"
        );
        let some = said(20, Some(60));
        assert!(
            some.contains("hold 60")
                && some.contains("leave out `eval.prompts-per-suite`")
                && some.contains(add)
        );
    }
}
