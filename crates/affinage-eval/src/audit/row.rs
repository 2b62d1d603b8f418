//! A pairwise judgment of somebody else's log, with whatever it recorded.
//!
//! An *arm* is one of the two things compared, a *label* is what the judge called an answer. They are two types,
//! because taking one for the other is the fault that the audit looks for first.

use serde::Serialize;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    pub finish_reasons: [Option<String>; 2],
    /// The arm that was shown first, as the log says.
    pub first: Option<Arm>,
    pub stored: Stored,
    pub judge_text: Option<String>,
    /// The judge's request as it was sent.
    pub rendered: Option<String>,
    /// Scores that the log keeps by arm.
    pub arm_scores: Option<[f64; 2]>,
    pub labels: Option<Labels>,
}

impl PairRow {
    pub fn arm(&self, arm: Arm) -> &str {
        &self.arms[arm.index()]
    }

    pub fn text(&self, arm: Arm) -> Option<&str> {
        self.texts[arm.index()].as_deref()
    }

    /// The prompt for counting: case, punctuation and spaces do not tell prompts apart.
    pub fn prompt_key(&self) -> Option<String> {
        self.prompt.as_deref().map(crate::text::words_only).filter(|key| !key.is_empty())
    }
}
