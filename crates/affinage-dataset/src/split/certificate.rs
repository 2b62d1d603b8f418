//! What is measured between training and held-out examples, and the certificate that states it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Item, Side};
use crate::message::Message;
use crate::shingle::{Containment, ContainmentIndex, LEAK_THRESHOLD, MIN_SHINGLES, Shingles};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum DropReason {
    /// Its context reaches into a section on another side.
    Border,
    /// Too much of it stands in one training example, the turns before its prompt included.
    Leak { containment: f64, train_example: String },
    /// Too much of its answer stands in the turns before the prompt of one training example.
    InContext { containment: f64, train_example: String },
    /// It was held out, and new examples tie it to examples on `side`. Stored beside the `side` of [`Drop`], hence the name.
    Joined {
        #[serde(rename = "tied_to")]
        side: Side,
    },
    /// Its prompt or answer is one that many conversations share, as in `kept`, the example that stays for all of them.
    Repeated { kept: String },
    /// A training example that overlaps a prompt of the evaluation.
    EvaluationPrompt { containment: f64, prompt: String },
    /// It was held out and then tied to another side, in an earlier version: it is on no side any more.
    Retired,
}

impl DropReason {
    /// What is said of all examples that were dropped for it.
    pub fn words(&self) -> &'static str {
        match self {
            DropReason::Border => "at the border of a section on another side",
            DropReason::Leak { .. } => "held out, but too similar to a training example",
            DropReason::InContext { .. } => {
                "held out, but its answer stands in the turns before the prompt of a training example"
            }
            DropReason::Joined { .. } => "held out before, and tied to another side by new examples",
            DropReason::Repeated { .. } => {
                "with a prompt or answer that many conversations share, of which one is kept"
            }
            DropReason::EvaluationPrompt { .. } => "overlaps a prompt of the evaluation",
            DropReason::Retired => "on no side since an earlier version",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drop {
    pub example_id: String,
    /// The side it would have been on.
    pub side: Side,
    #[serde(flatten)]
    pub reason: DropReason,
}

/// Proof of the split, stored in the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// Largest share of a held-out example's shingles (prompt and answer) found in one training example: in the whole row
    /// with the turns before its prompt where `max_in_context` is there, else in its prompt and answer.
    pub max_containment: f64,
    /// Largest share of a held-out answer's shingles found in the turns before the prompt of one training example. `None`:
    /// an older version, which did not look there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_in_context: Option<f64>,
    pub threshold: f64,
    /// Held-out examples measured, and those too short to measure (compared as whole texts only).
    pub measured: usize,
    pub too_short: usize,
    /// Conversations and documents cut into sections: their examples stand on several sides.
    pub sectioned: BTreeSet<String>,
    pub evaluation_prompts: usize,
    /// Every example that is on no side, once.
    pub dropped: Vec<Drop>,
    /// What the prompts begin with of those that were dropped and of those that they were dropped for, by id: people know an
    /// example by its words. Empty in older versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub begin: BTreeMap<String, String>,
}

impl Certificate {
    /// An example by the beginning of its prompt, in quotes; by its id where that is not known.
    pub fn called(&self, example_id: &str) -> String {
        match self.begin.get(example_id) {
            Some(begin) => format!("\u{201c}{begin}\u{201d}"),
            None => example_id.to_owned(),
        }
    }

    /// Number of dropped examples by [`DropReason::words`].
    pub fn drops_by_reason(&self) -> BTreeMap<&'static str, usize> {
        let mut reasons = BTreeMap::new();
        self.dropped.iter().for_each(|dropped| *reasons.entry(dropped.reason.words()).or_default() += 1);
        reasons
    }
}

/// What the leak measure compares of an example.
#[derive(Debug)]
pub struct Measured {
    /// Prompt and answer: what is asked for where it is held out.
    pub(super) asked: Shingles,
    answer: Shingles,
    /// The turns before the prompt; empty where there are none.
    before: Shingles,
    /// All that is read where it is trained on; `None` where that is prompt and answer.
    row: Option<Shingles>,
}

impl Measured {
    pub(super) fn of(item: &Item<'_>) -> Measured {
        Measured::new(item.before, item.prompt, item.response)
    }

    /// Of a row: the turns before its prompt, the prompt and the answer.
    pub fn new(before: &[Message], prompt: &str, answer: &str) -> Measured {
        let mut turns: Vec<&str> = before.iter().map(|turn| turn.content.as_str()).collect();
        let of_before = Shingles::of(&turns);
        turns.extend([prompt, answer]);
        Measured {
            asked: Shingles::of(&[prompt, answer]),
            answer: Shingles::of(&[answer]),
            before: of_before,
            row: (!before.is_empty()).then(|| Shingles::of(&turns)),
        }
    }

    pub(super) fn row(&self) -> &Shingles {
        self.row.as_ref().unwrap_or(&self.asked)
    }
}

/// Training examples as held-out ones are measured against them.
#[derive(Debug)]
pub struct Trained {
    rows: ContainmentIndex,
    /// `None` where the turns before prompts are not read.
    before: Option<ContainmentIndex>,
}

impl Trained {
    /// Without `is_context_read` as older versions measured, which looked at no turns before a prompt.
    pub fn new<'a>(train: impl Iterator<Item = &'a Measured> + Clone, is_context_read: bool) -> Trained {
        let row = |one: &'a Measured| if is_context_read { one.row() } else { &one.asked };
        Trained {
            rows: ContainmentIndex::new(train.clone().map(row)),
            before: is_context_read.then(|| ContainmentIndex::new(train.map(|one| &one.before))),
        }
    }

    /// Where most of the prompt and answer of a held-out example stands.
    pub(super) fn nearest(&self, held_out: &Measured) -> Option<Containment> {
        self.rows.max_containment(&held_out.asked)
    }

    /// Before which prompt most of the answer of a held-out example stands.
    pub(super) fn nearest_before(&self, held_out: &Measured) -> Option<Containment> {
        self.before.as_ref()?.max_containment(&held_out.answer)
    }

    /// [`Certificate::max_containment`] and [`Certificate::max_in_context`] of these held-out examples.
    pub fn largest<'a>(&self, held_out: impl Iterator<Item = &'a Measured> + Clone) -> (f64, Option<f64>) {
        let most = |found: Vec<Containment>| found.iter().map(|found| found.share).fold(0.0, f64::max);
        let whole = most(held_out.clone().filter_map(|one| self.nearest(one)).collect());
        let before = || most(held_out.filter_map(|one| self.nearest_before(one)).collect());
        (whole, self.before.is_some().then(before))
    }
}

impl Drop {
    /// The example for which this one was dropped, where there is one.
    pub fn other(&self) -> Option<&str> {
        match &self.reason {
            DropReason::Leak { train_example, .. } | DropReason::InContext { train_example, .. } => {
                Some(train_example)
            }
            DropReason::Repeated { kept } => Some(kept),
            _ => None,
        }
    }
}

/// Measures what is left, independently of how it was made.
pub(super) fn certify(
    measured: &[Measured],
    placed: &[Option<Side>],
    sectioned: BTreeSet<String>,
    evaluation_prompts: usize,
    dropped: Vec<Drop>,
) -> Certificate {
    let is_trained = |i: &usize| placed[*i] == Some(Side::Train);
    let train = (0..placed.len()).filter(is_trained).map(|i| &measured[i]);
    let held_out = (0..placed.len()).filter(|i| placed[*i].is_some() && !is_trained(i)).map(|i| &measured[i]);
    let (max_containment, max_in_context) = Trained::new(train, true).largest(held_out.clone());
    let long = held_out.clone().filter(|one| one.asked.len() >= MIN_SHINGLES).count();
    Certificate {
        max_containment,
        max_in_context,
        threshold: LEAK_THRESHOLD,
        measured: long,
        too_short: held_out.count() - long,
        sectioned,
        evaluation_prompts,
        dropped,
        begin: BTreeMap::new(),
    }
}
