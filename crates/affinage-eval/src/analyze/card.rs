//! The answer card: did it learn the voice, is it better, did it forget anything, and what to know before believing it.
//!
//! Every word repeats a decision that was made elsewhere: of the voice by the interval of the paired difference, of better
//! by the composite, of forgetting by the paired difference of right answers. Below [`ENOUGH`] prompts no word is used.

use super::comparisons::is_judged_by_coins;
use super::estimate::{likely, likely_points_between};
use super::headline::{LimitKind, limits};
use super::objective::{needed, why_unshown};
use super::win_rate::{ENOUGH, is_enough, needs_in_words};
use super::{Rows, SuiteSizes};
use crate::analysis::{
    AnswerCard, BestValidation, CardQuestion, CardRow, CardWord, ComparisonResult, Composite, Estimate,
    Headline, Interval, JudgeResult, LikelihoodResult, ObjectiveResult, StyleMarkersResult, VerdictWord,
    WinRate,
};
use crate::likelihood::LikelihoodControl;
use crate::plain::counted;
use crate::plan::ArmKind;
use crate::suite::{Domain, Prompt};
use crate::text::{capitalised, uncapitalised};

/// What the card is made of.
pub struct Measured<'a> {
    pub rows: &'a Rows<'a>,
    pub headline: &'a Headline,
    pub comparisons: &'a [ComparisonResult],
    pub judges: &'a [JudgeResult],
    pub fit: Option<&'a LikelihoodResult>,
    pub voice: Option<&'a StyleMarkersResult>,
    /// What the authors' own votes say about the voice.
    pub of_authors: &'a [String],
    pub objective: &'a [ObjectiveResult],
    pub not_independent: Option<&'a str>,
    pub best_validation: Option<BestValidation>,
    pub suites: Option<SuiteSizes>,
}

pub fn card(measured: &Measured) -> AnswerCard {
    let plan = measured.rows.plan;
    let result = measured.comparisons.iter().find(|result| result.is_headline);
    // The base against itself learned and forgot nothing.
    let is_changed = plan.arm(&plan.headline.arm).is_some_and(|arm| arm.kind != ArmKind::Base);
    let mut rows = Vec::new();
    rows.extend(is_changed.then(|| CardRow { votes: measured.of_authors.to_vec(), ..voice(measured) }));
    rows.push(better(measured, result));
    rows.extend(is_changed.then(|| forgotten(measured)));
    AnswerCard { rows, watch_out: watch_out(measured, result) }
}

/// "No difference larger than 10 points"
fn within(margin: f64, what: &str) -> String {
    format!("No {what} larger than {:.0} points", 100.0 * margin)
}

/// Why no word is used of so few prompts; `None` where there are enough.
fn too_few(n: usize, n_effective: f64) -> Option<String> {
    if n < ENOUGH {
        return Some(format!("with fewer than {ENOUGH} prompts we do not say more"));
    }
    (!is_enough(n, n_effective))
        .then(|| format!("they count as about {n_effective:.0} independent ones, and {ENOUGH} are needed"))
}

/// By the voice's marks where they tell the texts apart, else by fit to the user's held-out texts.
fn voice(measured: &Measured) -> CardRow {
    by_marks(measured).or_else(|| by_likelihood(measured)).unwrap_or_else(|| CardRow {
        question: CardQuestion::Voice,
        word: CardWord::CannotTell,
        answer: CANNOT_TELL.to_owned(),
        evidence: why_not_scored(measured).to_owned(),
        votes: Vec::new(),
    })
}

/// Why no held-out example says anything about the voice, and what to do.
fn why_not_scored(measured: &Measured) -> &'static str {
    let is_asked = |prompt: &&Prompt| prompt.domain == Domain::In && prompt.reference.is_some();
    let is_one_asked = measured.rows.prompts.values().any(is_asked);
    match measured.suites.and_then(|suites| suites.held_out) {
        _ if is_one_asked => "none of the held-out examples was scored by both models",
        Some(0) => {
            "the data set has no held-out examples: collect more and freeze them, and a share of them is kept out of the \
             training (`dataset.test-share`)"
        }
        _ => {
            "none of the held-out examples is among these prompts: `in-domain` in `eval.suites` takes those that the data \
             set has"
        }
    }
}

const CANNOT_TELL: &str = "Cannot tell yet";

fn by_marks(measured: &Measured) -> Option<CardRow> {
    let voice = measured.voice.filter(|voice| voice.fitness.fit_to_show)?;
    let arm = voice.arms.iter().find(|arm| arm.arm == measured.headline.arm)?;
    let difference = arm.difference_to_base.as_ref()?;
    let few = too_few(difference.n, difference.n_effective);
    let margin = measured.rows.plan.margin;
    let (word, answer) = match difference.interval {
        Some(interval) if few.is_none() && interval.low > 0.0 => (CardWord::Yes, "Yes"),
        Some(interval) if few.is_none() && interval.high < margin => (CardWord::No, "No"),
        _ => (CardWord::CannotTell, CANNOT_TELL),
    };
    let figures = format!(
        "{} of its answers carry all three marks of the voice (an image, a distinction, a closing question), {:.0} % before \
         training",
        likely(&arm.all_marks),
        100.0 * voice.fitness.base_share
    );
    let n = counted(difference.n, "prompt", "prompts");
    let evidence = match few {
        Some(few) => format!("{figures} ({n}: {few})"),
        None => format!("{figures} ({n})"),
    };
    Some(CardRow {
        question: CardQuestion::Voice,
        word,
        answer: answer.to_owned(),
        evidence,
        votes: Vec::new(),
    })
}

fn by_likelihood(measured: &Measured) -> Option<CardRow> {
    let arm = measured.fit?.arms.iter().find(|arm| arm.arm == measured.headline.arm)?;
    let gain = |control: LikelihoodControl| arm.controls.iter().find(|gain| gain.control == control);
    let own = &gain(LikelihoodControl::Own)?.gain;
    let few = too_few(own.n, own.n_effective);
    let (word, answer) = match own.interval {
        Some(interval) if few.is_none() && interval.low > 0.0 => (CardWord::Yes, "It came closer"),
        Some(interval) if few.is_none() && interval.high < 0.0 => (CardWord::No, "No, it moved away"),
        _ => (CardWord::CannotTell, CANNOT_TELL),
    };
    let base = |control: LikelihoodControl| measured.fit?.base_nll_per_token.get(&control).copied();
    let others = gain(LikelihoodControl::OtherWriter)
        .and_then(|gain| Some(format!(", other writers' {}", surprise(&gain.gain, base(gain.control)?))));
    let examples = counted(own.n, "held-out example", "held-out examples");
    let surprise = surprise(own, base(LikelihoodControl::Own)?);
    let verb = if own.n == 1 { "surprises" } else { "surprise" };
    let few = few.map_or(String::new(), |few| format!("; {few}"));
    let evidence = format!(
        "{examples} {verb} it {surprise} than the base model{}; this says how close it came, not how good it is{few}",
        others.unwrap_or_default()
    );
    Some(CardRow {
        question: CardQuestion::Voice,
        word,
        answer: answer.to_owned(),
        evidence,
        votes: Vec::new(),
    })
}

/// "8 % (likely between 7 % and 9 %) less": a gain in nats as a share of the base's own surprise, for readers who know no nats.
fn surprise(gain: &Estimate, base: f64) -> String {
    let (sign, word) = if gain.value < 0.0 { (-1.0, "more") } else { (1.0, "less") };
    let percent = |nats: f64| 100.0 * sign * nats / base;
    let value = percent(gain.value);
    let interval = gain.shown().map_or(String::new(), |Interval { low, high, .. }| {
        let (one, other) = (percent(low), percent(high));
        format!(" (likely between {:.0} % and {:.0} %)", one.min(other), one.max(other))
    });
    match value.round() as i64 {
        0 if interval.is_empty() => format!("under 1 % {word}"),
        whole => format!("{whole} %{interval} {word}"),
    }
}

fn better(measured: &Measured, result: Option<&ComparisonResult>) -> CardRow {
    let composite = measured.headline.composite;
    let word = match composite {
        Composite::BroadlyBetter
        | Composite::Specialised
        | Composite::BetterInDomain
        | Composite::BetterOutside
        | Composite::BetterOverall => CardWord::Better,
        Composite::BroadlyWorse
        | Composite::WorseInDomain
        | Composite::WorseOutside
        | Composite::WorseOverall => CardWord::Worse,
        Composite::TradedOff | Composite::BetterElsewhere => CardWord::Mixed,
        Composite::Equivalent
        | Composite::EquivalentInDomain
        | Composite::EquivalentOutside
        | Composite::EquivalentOverall => CardWord::NoDifference,
        Composite::NothingShown | Composite::NotComparable => CardWord::CannotTell,
    };
    CardRow {
        question: CardQuestion::Better,
        word,
        answer: capitalised(&composite.words(measured.rows.plan.margin)),
        evidence: better_evidence(measured, result, word),
        votes: Vec::new(),
    }
}

fn better_evidence(measured: &Measured, result: Option<&ComparisonResult>, word: CardWord) -> String {
    let clause = |sentence: &str| uncapitalised(sentence.trim_end_matches('.'));
    let Some(result) = result else { return "no comparison was planned".to_owned() };
    if let Some(why) = &result.not_comparable {
        let why = why.strip_prefix("No headline: ").unwrap_or(why);
        return clause(why);
    }
    let Some(overall) = &result.overall else {
        return clause(result.no_rate.as_deref().unwrap_or("nobody has compared the answers yet"));
    };
    if word != CardWord::CannotTell {
        let figures = |rate: &WinRate| format!("{} ({})", of_prompts(&rate.estimate), rate.outcomes());
        return match (&result.in_domain, &result.out_of_domain) {
            (Some(inside), Some(outside)) => {
                format!("win rate in its domain {}, outside it {}", figures(inside), figures(outside))
            }
            _ => format!("win rate {}", figures(overall)),
        };
    }
    let prompts = counted(overall.estimate.n, "prompt", "prompts");
    let score = format!("{prompts}: {}", overall.outcomes());
    if overall.identical == overall.estimate.n {
        return "both gave the same text to every prompt".to_owned();
    }
    if is_judged_by_coins(result, measured.judges) {
        return format!("{score}, by judges whose winner changes with the order as often as a coin's");
    }
    if let Some(few) = too_few(overall.estimate.n, overall.estimate.n_effective) {
        return format!("{score}; {few}");
    }
    let needs = overall.needs_about_n.filter(|needed| *needed > overall.estimate.n);
    let margin = measured.rows.plan.margin;
    let in_words = |needed| format!("; {}", needs_in_words(&overall.estimate, needed, margin));
    let needs = needs.map_or_else(String::new, in_words);
    format!("win rate {} of {score}{needs}", likely(&overall.estimate))
}

fn forgotten(measured: &Measured) -> CardRow {
    let planned = &measured.rows.plan.headline;
    let margin = measured.rows.plan.margin;
    let of_arm = || measured.objective.iter().filter(|result| result.arm == planned.arm);
    let row = |word: CardWord, answer: String, evidence: String| CardRow {
        question: CardQuestion::Forgotten,
        word,
        answer,
        evidence,
        votes: Vec::new(),
    };
    let Some(total) = of_arm().find(|result| result.category.is_none()) else {
        let why = "no question with an exact answer was asked; `eval.suites` in affinage.toml takes some, such as \"maths\"";
        return row(CardWord::CannotTell, CANNOT_TELL.to_owned(), why.to_owned());
    };
    let figures = |result: &ObjectiveResult| {
        format!(
            "{:.0} % of {} right, {:.0} % before training ({})",
            100.0 * result.correct.value,
            counted(result.correct.n, "checked prompt", "checked prompts"),
            100.0 * result.base_correct.value,
            likely_points_between(&result.difference, (result.correct.value, result.base_correct.value))
        )
    };
    if total.word == VerdictWord::Worse {
        return row(CardWord::Yes, "Yes".to_owned(), figures(total));
    }
    let worse: Vec<&ObjectiveResult> =
        of_arm().filter(|result| result.category.is_some() && result.word == VerdictWord::Worse).collect();
    if !worse.is_empty() {
        let named: Vec<&str> = worse.iter().filter_map(|result| result.category.as_deref()).collect();
        let each: Vec<String> = worse.iter().map(|result| figures(result)).collect();
        return row(CardWord::Yes, format!("Yes, in {}", named.join(", ")), each.join("; "));
    }
    match total.word {
        VerdictWord::Better => row(CardWord::No, "No".to_owned(), figures(total)),
        VerdictWord::EquivalentWithinMargin => {
            row(CardWord::NoDifference, within(margin, "loss"), figures(total))
        }
        VerdictWord::NotShown | VerdictWord::Worse => {
            let why = match total.correct.n {
                n if n < ENOUGH => too_few_checked(total, measured.suites),
                n => match why_unshown(total) {
                    Some(why) => format!("{}; {why}", figures(total)),
                    None => match needed(total).filter(|needed| *needed > n) {
                        Some(needed) => {
                            format!(
                                "{}; to show a difference this size takes about {needed} checked questions",
                                figures(total)
                            )
                        }
                        None => figures(total),
                    },
                },
            };
            row(CardWord::CannotTell, CANNOT_TELL.to_owned(), why)
        }
    }
}

/// What is known of so few checked prompts that no word is used, how many would be enough, and the way to them.
fn too_few_checked(total: &ObjectiveResult, suites: Option<SuiteSizes>) -> String {
    let n = total.correct.n;
    let right = |estimate: &Estimate| {
        let right = estimate.value * n as f64;
        // Several answers to a prompt are their mean.
        if (right - right.round()).abs() < 1e-6 { format!("{right:.0}") } else { format!("{right:.1}") }
    };
    let enough = needed(total).unwrap_or(ENOUGH);
    let more = "add \"maths\" or \"factual\" to `eval.suites`, or a `[[suite]]` with answers to check";
    let way = match suites {
        Some(suites) if suites.checked <= n => more.to_owned(),
        Some(suites) if suites.checked < enough => format!("raise `eval.prompts-per-suite`, and {more}"),
        _ => "raise `eval.prompts-per-suite`".to_owned(),
    };
    format!(
        "right on {} of {} now, {} before training; it takes about {enough} checked prompts: {way}",
        right(&total.correct),
        counted(n, "checked prompt", "checked prompts"),
        right(&total.base_correct),
    )
}

fn watch_out(measured: &Measured, result: Option<&ComparisonResult>) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(measured.headline.cut_texts.clone());
    found.extend(measured.best_validation.map(|best| {
        format!(
            "The validation loss was lowest at step {} ({:.2}); this is step {} ({:.2}).",
            best.best_step, best.best_loss, best.step, best.loss
        )
    }));
    let outside = result.into_iter().flat_map(|result| &result.by_category);
    for cut in outside.filter(|cut| cut.domain == Domain::Out) {
        if let Some(rate) = cut.win_rate.as_ref().filter(|rate| rate.word == VerdictWord::Worse) {
            found.push(format!("Worse in {}: win rate {}.", cut.category, of_prompts(&rate.estimate)));
        }
    }
    let has_rate = result.is_some_and(|result| result.overall.is_some());
    let (last, serious): (Vec<_>, Vec<_>) = limits(measured.rows, result, measured.judges)
        .into_iter()
        .filter(|limit| match limit.kind {
            // The row says it.
            LimitKind::FewPrompts => false,
            LimitKind::Uncounted | LimitKind::Missing => has_rate,
            _ => true,
        })
        .partition(|limit| limit.kind == LimitKind::OneTraining);
    found.extend(serious.into_iter().map(|limit| limit.sentence));
    found.extend(measured.not_independent.map(str::to_owned).filter(|_| has_rate));
    found.extend(last.into_iter().map(|limit| limit.sentence));
    found
}

fn of_prompts(estimate: &Estimate) -> String {
    format!("{} of {}", likely(estimate), counted(estimate.n, "prompt", "prompts"))
}
