//! Answers and evidence of the answer card: clauses without a full stop, and the sentences below them.

use super::comparisons::{NotComparable, why_not_comparable};
use super::estimate::{likely, likely_points_between};
use super::objective::{OutsideOfScale, scale};
use super::win_rate::needs;
use crate::analysis::{
    BestValidation, CardWord, CategoryWinRate, Composite, Estimate, Interval, ObjectiveResult, WinRate,
};
use crate::analyze::win_rate::ENOUGH;
use crate::plain::counted;
use crate::text::{capitalised, uncapitalised};

const CANNOT_TELL: &str = "Cannot tell yet";

/// Why no word is used of so few prompts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TooFew {
    Prompts,
    /// Enough of them, which count as so many independent ones.
    Independent(f64),
}

fn too_few(few: TooFew) -> String {
    match few {
        TooFew::Prompts => format!("with fewer than {ENOUGH} prompts we do not say more"),
        TooFew::Independent(n_effective) => {
            format!("they count as about {n_effective:.0} independent ones, and {ENOUGH} are needed")
        }
    }
}

/// Why no held-out example says anything about the voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotScored {
    ByBothModels,
    /// The data set has none.
    NoneThere,
    NoneAsked,
}

/// Why no held-out example says anything about the voice, and what to do.
pub fn not_scored(why: NotScored) -> &'static str {
    match why {
        NotScored::ByBothModels => "none of the held-out examples was scored by both models",
        NotScored::NoneThere => {
            "the data set has no held-out examples: collect more and freeze them, and a share of them is kept out of the \
             training (`dataset.test-share`)"
        }
        NotScored::NoneAsked => {
            "none of the held-out examples is among these prompts: `in-domain` in `eval.suites` takes those that the data \
             set has"
        }
    }
}

/// "Yes", "No", and that it cannot be told for every other word.
pub fn yes_or_no(word: CardWord) -> &'static str {
    match word {
        CardWord::Yes => "Yes",
        CardWord::No => "No",
        _ => CANNOT_TELL,
    }
}

/// Whether the model came closer to the held-out texts.
pub fn closer(word: CardWord) -> &'static str {
    match word {
        CardWord::Yes => "It came closer",
        CardWord::No => "No, it moved away",
        _ => CANNOT_TELL,
    }
}

/// The voice by its marks: their share after the training and before it, and the prompts of their difference.
pub fn marks(all_marks: &Estimate, base_share: f64, difference: &Estimate, few: Option<TooFew>) -> String {
    let figures = format!(
        "{} of its answers carry all three marks of the voice (an image, a distinction, a closing question), {:.0} % before \
         training",
        likely(all_marks),
        100.0 * base_share
    );
    let n = counted(difference.n, "prompt", "prompts");
    match few.map(too_few) {
        Some(few) => format!("{figures} ({n}: {few})"),
        None => format!("{figures} ({n})"),
    }
}

/// How much less a text surprises the model than the base, in nats, and how much it surprises the base.
#[derive(Clone, Copy, Debug)]
pub struct Surprise<'a> {
    pub gain: &'a Estimate,
    pub base: f64,
}

/// The voice by fit to the author's held-out texts, beside other writers'.
pub fn fit(own: Surprise, others: Option<Surprise>, few: Option<TooFew>) -> String {
    let n = own.gain.n;
    let examples = counted(n, "held-out example", "held-out examples");
    let verb = if n == 1 { "surprises" } else { "surprise" };
    let others = others.map_or(String::new(), |others| format!(", other writers' {}", surprise(others)));
    let few = few.map_or(String::new(), |few| format!("; {}", too_few(few)));
    format!(
        "{examples} {verb} it {} than the base model{others}; this says how close it came, not how good it is{few}",
        surprise(own)
    )
}

/// "8 % (likely between 7 % and 9 %) less": a gain in nats as a share of the base's own surprise, for readers who know no nats.
fn surprise(Surprise { gain, base }: Surprise) -> String {
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

/// The composite as an answer.
pub fn composite(composite: Composite, margin: f64) -> String {
    capitalised(&composite.words(margin))
}

/// What stands behind the answer to "is it better".
#[derive(Clone, Copy, Debug)]
pub enum BetterEvidence<'a> {
    NotPlanned,
    NotComparable(NotComparable<'a>),
    /// The sentence that says why there is no win rate.
    NoRate(Option<&'a str>),
    Domains {
        inside: &'a WinRate,
        outside: &'a WinRate,
    },
    Whole(&'a WinRate),
    /// Both gave the same text to every prompt.
    SameTexts,
    Coins(&'a WinRate),
    Few(&'a WinRate, TooFew),
    /// Nothing is shown; more prompts than there are would probably show it.
    Unshown {
        rate: &'a WinRate,
        needed: Option<usize>,
        margin: f64,
    },
}

/// The evidence of the answer to "is it better".
pub fn better(evidence: BetterEvidence) -> String {
    let clause = |sentence: &str| uncapitalised(sentence.trim_end_matches('.'));
    let figures = |rate: &WinRate| format!("{} ({})", of_prompts(&rate.estimate), rate.outcomes());
    let score =
        |rate: &WinRate| format!("{}: {}", counted(rate.estimate.n, "prompt", "prompts"), rate.outcomes());
    match evidence {
        BetterEvidence::NotPlanned => "no comparison was planned".to_owned(),
        BetterEvidence::NotComparable(found) => why_not_comparable(found),
        BetterEvidence::NoRate(why) => clause(why.unwrap_or("nobody has compared the answers yet")),
        BetterEvidence::Domains { inside, outside } => {
            format!("win rate in its domain {}, outside it {}", figures(inside), figures(outside))
        }
        BetterEvidence::Whole(rate) => format!("win rate {}", figures(rate)),
        BetterEvidence::SameTexts => "both gave the same text to every prompt".to_owned(),
        BetterEvidence::Coins(rate) => {
            format!("{}, by judges whose winner changes with the order as often as a coin's", score(rate))
        }
        BetterEvidence::Few(rate, few) => format!("{}; {}", score(rate), too_few(few)),
        BetterEvidence::Unshown { rate, needed, margin } => {
            let in_words = |needed| format!("; {}", needs(&rate.estimate, needed, margin));
            let needed = needed.map_or_else(String::new, in_words);
            format!("win rate {} of {}{needed}", likely(&rate.estimate), score(rate))
        }
    }
}

/// That nothing with an exact answer was asked, and what to do.
pub const NO_CHECKED_QUESTION: &str = "no question with an exact answer was asked; `eval.suites` in affinage.toml takes some, such as \"maths\"";

/// The answer where something was forgotten in some categories.
pub fn forgotten_in(categories: &[&str]) -> String {
    format!("Yes, in {}", categories.join(", "))
}

/// "No loss larger than 10 points"
pub fn no_loss_within(margin: f64) -> String {
    format!("No loss larger than {:.0} points", 100.0 * margin)
}

/// Right answers after the training and before it, of each result.
pub fn right_answers(results: &[&ObjectiveResult]) -> String {
    results.iter().map(|result| right(result)).collect::<Vec<String>>().join("; ")
}

fn right(result: &ObjectiveResult) -> String {
    format!(
        "{:.0} % of {} right, {:.0} % before training ({})",
        100.0 * result.correct.value,
        counted(result.correct.n, "checked prompt", "checked prompts"),
        100.0 * result.base_correct.value,
        likely_points_between(&result.difference, (result.correct.value, result.base_correct.value))
    )
}

/// Where more questions with an exact answer come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoreChecked {
    /// The suites hold enough of them.
    Prompts,
    /// All that the suites hold were asked.
    Suites,
    /// The suites hold more, and not enough.
    Both,
}

/// Why right answers show nothing yet.
#[derive(Clone, Copy, Debug)]
pub enum Unshown {
    /// Too few questions; about how many are enough, and where more come from.
    Few {
        enough: usize,
        more: MoreChecked,
    },
    Scale(OutsideOfScale),
    /// About so many questions would show a difference of this size.
    Needed(usize),
    Wide,
}

/// Why right answers show nothing yet, with their figures.
pub fn right_answers_unshown(total: &ObjectiveResult, why: Unshown) -> String {
    let figures = right(total);
    match why {
        Unshown::Few { enough, more } => few_checked(total, enough, more),
        Unshown::Scale(why) => format!("{figures}; {}", scale(why)),
        Unshown::Needed(needed) => {
            format!("{figures}; to show a difference this size takes about {needed} checked questions")
        }
        Unshown::Wide => figures,
    }
}

fn few_checked(total: &ObjectiveResult, enough: usize, more: MoreChecked) -> String {
    let n = total.correct.n;
    let right = |estimate: &Estimate| {
        let right = estimate.value * n as f64;
        // Several answers to a prompt are their mean.
        if (right - right.round()).abs() < 1e-6 { format!("{right:.0}") } else { format!("{right:.1}") }
    };
    let suites = "add \"maths\" or \"factual\" to `eval.suites`, or a `[[suite]]` with answers to check";
    let prompts = "raise `eval.prompts-per-suite`";
    let way = match more {
        MoreChecked::Prompts => prompts.to_owned(),
        MoreChecked::Suites => suites.to_owned(),
        MoreChecked::Both => format!("{prompts}, and {suites}"),
    };
    format!(
        "right on {} of {} now, {} before training; it takes about {enough} checked prompts: {way}",
        right(&total.correct),
        counted(n, "checked prompt", "checked prompts"),
        right(&total.base_correct),
    )
}

/// That another step had a lower validation loss.
pub fn best_validation(best: BestValidation) -> String {
    format!(
        "The validation loss was lowest at step {} ({:.2}); this is step {} ({:.2}).",
        best.best_step, best.best_loss, best.step, best.loss
    )
}

/// That the model is worse in a category.
pub fn worse_in(cut: &CategoryWinRate, rate: &WinRate) -> String {
    format!("Worse in {}: win rate {}.", cut.category, of_prompts(&rate.estimate))
}

fn of_prompts(estimate: &Estimate) -> String {
    format!("{} of {}", likely(estimate), counted(estimate.n, "prompt", "prompts"))
}
