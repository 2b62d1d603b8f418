//! A pairwise judgment of somebody else's log, with whatever it recorded.
//!
//! An *arm* is one of the two things compared, a *label* is what the judge called an answer. They are two types,
//! because taking one for the other is the fault that the audit looks for first.

use serde::Serialize;

use crate::text::squeeze;

/// Where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RowRef {
    /// Position of the file among those that were read.
    pub file: usize,
    /// Line of a text file, or position in an array; from 1.
    pub line: usize,
}

/// One of the two arms of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arm {
    One,
    Two,
}

impl Arm {
    pub const BOTH: [Arm; 2] = [Arm::One, Arm::Two];

    pub fn index(self) -> usize {
        match self {
            Arm::One => 0,
            Arm::Two => 1,
        }
    }

    pub fn other(self) -> Arm {
        match self {
            Arm::One => Arm::Two,
            Arm::Two => Arm::One,
        }
    }
}

/// What the judge called an answer: A (or 1), and B (or 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    A,
    B,
}

impl Label {
    pub const BOTH: [Label; 2] = [Label::A, Label::B];

    pub fn index(self) -> usize {
        match self {
            Label::A => 0,
            Label::B => 1,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Label::A => "A",
            Label::B => "B",
        }
    }

    /// The arm under this label when `under_a` is the arm under A.
    pub fn arm(self, under_a: Arm) -> Arm {
        match self {
            Label::A => under_a,
            Label::B => under_a.other(),
        }
    }
}

/// The outcome that the log holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    Winner(Arm),
    Tie,
    /// A label (`A`), which is an arm only where it is known what stood under it.
    Label(Label),
    /// A word that is no outcome (`unknown`, `error`), or nothing.
    Missing(String),
}

/// What labels mean where the log's author says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Labels {
    /// A is the answer shown first.
    Position,
    /// A is the first arm, wherever it was shown.
    Arm,
}

/// How the arm in the first position is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PositionSource {
    /// A field says so.
    Field,
    /// The first of two columns of models. It is a position only where pairs stand in both orders.
    Column,
}

/// One judgment of one pair.
#[derive(Clone, Debug, PartialEq)]
pub struct PairRow {
    pub source: RowRef,
    pub prompt: Option<String>,
    pub category: Option<String>,
    pub judge: Option<String>,
    /// The model that answered according to the server.
    pub judge_returned: Option<String>,
    pub arms: [String; 2],
    pub texts: [Option<String>; 2],
    /// Ids of the answers where the log keeps them instead of the texts.
    pub answer_ids: [Option<String>; 2],
    pub finish_reasons: [Option<String>; 2],
    /// The arm that was shown first, as the log says.
    pub first: Option<Arm>,
    pub position_source: PositionSource,
    pub stored: Stored,
    /// The share of a vote that the second arm gets, 0 to 1, where the log stores it finer than an outcome.
    pub preference: Option<f64>,
    pub judge_text: Option<String>,
    /// The judge's request as it was sent.
    pub rendered: Option<String>,
    /// Scores that the log keeps by arm.
    pub arm_scores: Option<[f64; 2]>,
    pub labels: Option<Labels>,
    /// When it was judged, as the log writes it.
    pub stamp: Option<String>,
}

impl PairRow {
    pub fn arm(&self, arm: Arm) -> &str {
        &self.arms[arm.index()]
    }

    pub fn text(&self, arm: Arm) -> Option<&str> {
        self.texts[arm.index()].as_deref()
    }

    /// Both answers are one: the same text, white space aside, or the same id.
    pub fn is_identical(&self) -> bool {
        let same_text = match (self.text(Arm::One), self.text(Arm::Two)) {
            (Some(one), Some(two)) => !one.trim().is_empty() && squeeze(one) == squeeze(two),
            _ => false,
        };
        same_text || self.answer_ids[0].is_some() && self.answer_ids[0] == self.answer_ids[1]
    }

    /// When it was judged, `YYYY-MM-DD`.
    pub fn day(&self) -> Option<String> {
        day(self.stamp.as_deref()?)
    }

    /// The prompt for counting: case, punctuation and spaces do not tell prompts apart.
    pub fn prompt_key(&self) -> Option<String> {
        self.prompt.as_deref().map(crate::text::words_only).filter(|key| !key.is_empty())
    }
}

/// The day of a time stamp: of text that begins with `YYYY-MM-DD`, or of seconds or milliseconds since 1970.
pub fn day(stamp: &str) -> Option<String> {
    let is_digit = |(i, c): (usize, char)| if i == 4 || i == 7 { c == '-' } else { c.is_ascii_digit() };
    if let Some(begins) = stamp.get(..10).filter(|begins| begins.chars().enumerate().all(is_digit)) {
        return Some(begins.to_owned());
    }
    let number: f64 = stamp.parse().ok().filter(|number: &f64| (1e8..1e13).contains(number))?;
    let seconds = if number >= 1e11 { number / 1000.0 } else { number };
    // Days since 1970 to a civil date, in eras of 400 years that begin in March.
    let days = (seconds / 86_400.0).floor() as u64 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    Some(format!("{year}-{month:02}-{:02}", of_year - (153 * shifted + 2) / 5 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_from_text_and_from_seconds() {
        for (stamp, expected) in [
            ("2023-05-03T10:00:00Z", Some("2023-05-03")),
            ("951782400", Some("2000-02-29")),
            ("1682351591.1322", Some("2023-04-24")),
            ("1703980800000", Some("2023-12-31")),
            ("1709164800", Some("2024-02-29")),
            ("yesterday at noon", None),
            ("12", None),
        ] {
            assert_eq!(day(stamp).as_deref(), expected, "{stamp}");
        }
    }
}
