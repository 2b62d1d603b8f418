//! Sentences about a planned comparison.

use super::estimate::percent;
use crate::analysis::{ComparisonResult, Estimate, MissingCounts};
use crate::plain::counted;
use crate::text::uncapitalised;

/// Why the word of a win rate is refused, whatever its p.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Every judge changes its winner with the order as often as a coin.
    Coin,
    /// Judging could stop at any look, and this is a part of the comparison.
    Peeked,
    NotComparable(Apart),
}

/// In what the answers of two arms are too far apart for a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apart {
    /// How often they ended while thinking.
    Lost,
    /// How often there was a thought before them.
    Thinks,
}

/// Two arms whose answers cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotComparable<'a> {
    pub apart: Apart,
    /// The arm with more such answers, and how many.
    pub more: (usize, &'a str),
    pub less: (usize, &'a str),
    /// Answers of each.
    pub of: usize,
}

/// What stands in place of a word that is refused. No full stop.
pub fn refused(why: Refusal) -> String {
    let why = match why {
        Refusal::Coin => "judged by what is no steadier than a coin",
        Refusal::Peeked => "a part of a comparison that could stop at any look",
        Refusal::NotComparable(Apart::Thinks) => "one of the two thinks before it answers",
        Refusal::NotComparable(Apart::Lost) => "more answers of one than of the other ended while thinking",
    };
    format!("not shown ({why})")
}

/// Why two arms cannot be compared, as it stands in place of a headline.
pub fn not_comparable(found: NotComparable) -> String {
    format!("No headline: {}.", why_not_comparable(found))
}

/// Why two arms cannot be compared: a clause.
pub fn why_not_comparable(found: NotComparable) -> String {
    let ((more, thinker), (less, other)) = (found.more, found.less);
    let answers = counted(found.of, "answer", "answers");
    match found.apart {
        Apart::Lost => format!(
            "`{thinker}` was cut while thinking in {more} of {answers}, `{other}` in {less}; who wins would tell who finishes, not \
             who answers better"
        ),
        Apart::Thinks => format!(
            "an unfair comparison. `{thinker}` thought before {more} of {answers}, `{other}` before {less}; who wins would tell \
             what thinking is worth, not what the training is worth"
        ),
    }
}

/// What of the planned verdicts is missing.
pub fn missing(counts: &MissingCounts) -> String {
    if counts.planned == 0 {
        return "No verdict of a judge was planned.".to_owned();
    }
    if !counts.was_asked() {
        return "No verdict was asked for yet.".to_owned();
    }
    if counts.missing == 0 {
        return format!("No verdict of {} is missing.", counts.planned);
    }
    let bounds = counts.bounds.map_or(String::new(), |bounds| {
        format!(
            "; if {} lost the win rate would be {:.0} %, if won {:.0} %",
            if counts.missing == 1 { "it were" } else { "all of them were" },
            100.0 * bounds.low,
            100.0 * bounds.high
        )
    });
    let are = if counts.missing == 1 { "is" } else { "are" };
    format!("{} of {} {are} missing{bounds}.", counts.missing, counted(counts.planned, "verdict", "verdicts"))
}

/// That no judge was asked, because all of these failed their exams.
pub fn all_unfit<'a>(judges: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = judges.into_iter().map(|judge| format!("`{judge}`")).collect();
    let failed = match names.as_slice() {
        [only] => format!("{only} failed its exam"),
        names => format!("{} failed their exams", names.join(" and ")),
    };
    format!("No judge was asked: {failed}.")
}

/// Mean words of the answers of an arm and of the other, and how often the longer one won of `decided` pairs.
pub fn length(words: f64, against: f64, longer_won: Option<&Estimate>, decided: usize) -> String {
    let tail = longer_won.map_or(String::new(), |estimate| {
        format!("; the longer answer won {} of {decided} decisive pairs", percent(estimate))
    });
    format!("Answers have {words:.0} words on average, against {against:.0}{tail}.")
}

/// The claim of a comparison without a win rate.
pub fn not_judged(result: &ComparisonResult) -> String {
    let why = result.no_rate.as_deref().unwrap_or("not judged.");
    format!("`{}` against `{}`: {}", result.planned.arm, result.planned.against, uncapitalised(why))
}
