//! What became of every candidate when a version was frozen: it was accepted, or left out for one reason of a fixed list.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Why a candidate is not among the accepted examples.
///
/// What was accepted and is in no file of the version has a [`DropReason`](crate::split::DropReason) in the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Omission {
    /// A person decided against it.
    Rejected,
    /// Its conversation is private.
    Private,
    /// Its conversation is skipped or set aside, and nobody accepted it by hand.
    SetAside,
    /// Only edited answers are learnt, and this one was not edited.
    NotEdited,
    /// Nobody decided on it, and none of its answers is on the branch that the conversation shows.
    OffBranch,
    /// The library no longer holds the answer that was accepted.
    AnswerGone,
    Undecided,
    /// Nobody decided on it, and it is a section of a daily note or a journal.
    Dated,
    /// Nobody decided on it, and lint has an error or a warning about it.
    Flagged,
    /// Accepted, but with an error of lint.
    Blocked,
    /// Its words are those of another accepted example.
    ExactDuplicates,
    /// Accepted, but longer than the training takes.
    TooLong,
}

impl Omission {
    pub const ALL: [Omission; 12] = [
        Omission::Rejected,
        Omission::Private,
        Omission::SetAside,
        Omission::NotEdited,
        Omission::OffBranch,
        Omission::AnswerGone,
        Omission::Undecided,
        Omission::Dated,
        Omission::Flagged,
        Omission::Blocked,
        Omission::ExactDuplicates,
        Omission::TooLong,
    ];

    /// What stands behind the number of candidates that were left out for it: `1 on a branch that ...`.
    pub fn words(self, count: usize) -> &'static str {
        let [one, several] = match self {
            Omission::Rejected => ["rejected"; 2],
            Omission::Private => ["held private", "held private"],
            Omission::SetAside => [
                "in a conversation that is skipped or set aside",
                "in conversations that are skipped or set aside",
            ],
            Omission::NotEdited => ["not edited, and only edited answers are learnt"; 2],
            Omission::OffBranch => [
                "on a branch that its conversation does not show",
                "on branches that their conversations do not show",
            ],
            Omission::AnswerGone => [
                "accepted, but its answer is no longer there",
                "accepted, but their answers are no longer there",
            ],
            Omission::Undecided => ["not decided on"; 2],
            Omission::Dated => [
                "dated note (daily notes, journals: its heading or its file's name is only a date)",
                "dated notes (daily notes, journals: the heading or the file's name is only a date)",
            ],
            Omission::Flagged => ["not decided on, and flagged by lint"; 2],
            Omission::Blocked => ["accepted, but with an error", "accepted, but with errors"],
            Omission::ExactDuplicates => {
                ["repeats another example word for word", "repeat another example word for word"]
            }
            Omission::TooLong => ["accepted, but longer than the training takes"; 2],
        };
        if count == 1 { one } else { several }
    }
}

/// What became of one candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Accepted { edited: bool },
    LeftOut(Omission),
}

/// Numbers of candidates by what became of them. [`Counts::add`] and [`Counts::withdraw`] are the only ways to change them, so
/// they add up: candidates are the accepted and those left out for each reason.
///
/// As JSON each reason is a field beside the others. In older files candidates off the shown branch have none, and
/// duplicates are among the accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    candidates: usize,
    accepted: usize,
    edited: usize,
    /// Examples in the files whose prompt nobody wrote.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub drafted: usize,
    /// Files that were imported, whether anything of them was accepted or not; 0 in older files.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub imported_files: usize,
    /// The accepted by the way in which they were decided on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub decided: BTreeMap<Way, usize>,
    #[serde(flatten)]
    left_out: BTreeMap<Omission, usize>,
}

/// How it was decided that an example is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// At the desk, one card at a time.
    Alone,
    /// At the desk, many cards with one click.
    Together,
    /// In a file that was exported and read back.
    InFile,
    /// Nobody decided on it, and lint finds nothing against it.
    Unread,
}

impl Way {
    /// What stands behind the number of examples.
    pub fn words(self) -> &'static str {
        match self {
            Way::Alone => "one card at a time",
            Way::Together => "many at once, by one click",
            Way::InFile => "in a file of decisions",
            Way::Unread => "by nobody: lint finds no error or warning in them, and nobody read them",
        }
    }
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Default for Counts {
    fn default() -> Counts {
        let left_out = Omission::ALL.into_iter().map(|why| (why, 0)).collect();
        Counts {
            candidates: 0,
            accepted: 0,
            edited: 0,
            drafted: 0,
            imported_files: 0,
            decided: BTreeMap::new(),
            left_out,
        }
    }
}

impl Counts {
    pub fn add(&mut self, fate: Fate) {
        self.candidates += 1;
        match fate {
            Fate::Accepted { edited } => {
                self.accepted += 1;
                self.edited += usize::from(edited);
            }
            Fate::LeftOut(why) => *self.left_out.entry(why).or_default() += 1,
        }
    }

    /// Leaves out a candidate that was accepted before.
    pub fn withdraw(&mut self, edited: bool, why: Omission) {
        self.candidates -= 1;
        self.accepted -= 1;
        self.edited -= usize::from(edited);
        self.add(Fate::LeftOut(why));
    }

    pub fn candidates(&self) -> usize {
        self.candidates
    }

    pub fn accepted(&self) -> usize {
        self.accepted
    }

    /// Those of the accepted whose answer or prompt a person edited.
    pub fn edited(&self) -> usize {
        self.edited
    }

    /// Those of the accepted that nobody decided on.
    pub fn undecided(&self) -> usize {
        self.decided.get(&Way::Unread).copied().unwrap_or(0).min(self.accepted)
    }

    /// The reasons that occurred, with their numbers.
    pub fn left_out(&self) -> impl Iterator<Item = (Omission, usize)> {
        self.left_out.iter().map(|(why, count)| (*why, *count)).filter(|(_, count)| *count > 0)
    }

    pub fn left_out_total(&self) -> usize {
        self.left_out.values().sum()
    }
}

impl FromIterator<Fate> for Counts {
    fn from_iter<I: IntoIterator<Item = Fate>>(fates: I) -> Counts {
        let mut counts = Counts::default();
        fates.into_iter().for_each(|fate| counts.add(fate));
        counts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fate() -> impl Strategy<Value = Fate> {
        let left_out = prop::sample::select(Omission::ALL.to_vec()).prop_map(Fate::LeftOut);
        prop_oneof![any::<bool>().prop_map(|edited| Fate::Accepted { edited }), left_out]
    }

    proptest! {
        #[test]
        fn the_figures_add_up_and_come_back_from_json(fates in prop::collection::vec(fate(), 0..60)) {
            let counts: Counts = fates.iter().copied().collect();
            prop_assert_eq!(counts.candidates(), fates.len());
            prop_assert_eq!(counts.accepted() + counts.left_out().map(|(_, count)| count).sum::<usize>(), fates.len());
            prop_assert_eq!(counts.left_out_total() + counts.accepted(), fates.len());
            let json = serde_json::to_value(&counts).expect("JSON");
            let fields = json.as_object().expect("an object");
            prop_assert_eq!(fields.len(), 3 + Omission::ALL.len(), "every reason is a field, also where it is 0");
            prop_assert_eq!(serde_json::from_value::<Counts>(json.clone()).expect("read"), counts.clone());
            let accepted = |fate: &&Fate| matches!(fate, Fate::Accepted { .. });
            let (mut fewer, withdrawn) = (counts, fates.iter().filter(accepted).count().min(2));
            for fate in fates.iter().filter(accepted).take(withdrawn) {
                fewer.withdraw(*fate == Fate::Accepted { edited: true }, Omission::TooLong);
            }
            prop_assert_eq!(fewer.candidates(), fates.len());
            prop_assert_eq!(fewer.accepted() + fewer.left_out_total(), fates.len());
        }
    }

    #[test]
    fn counts_of_an_older_manifest_are_read() {
        let older = r#"{"candidates": 9, "accepted": 4, "edited": 1, "rejected": 2, "set_aside": 0, "undecided": 1,
            "blocked": 1, "exact_duplicates": 1}"#;
        let counts: Counts = serde_json::from_str(older).expect("read");
        let reasons: Vec<(Omission, usize)> = counts.left_out().collect();
        assert_eq!((counts.candidates(), counts.accepted(), counts.edited()), (9, 4, 1));
        assert_eq!(
            reasons,
            [
                (Omission::Rejected, 2),
                (Omission::Undecided, 1),
                (Omission::Blocked, 1),
                (Omission::ExactDuplicates, 1)
            ]
        );
    }
}
