//! An exam while it is being taken: when its end is certain, nobody need be asked any further.

use super::QualificationItem;
use super::result::results;
use crate::comparison::{BlindKey, Comparison};
use crate::judgment::Judgment;

/// One judge's exam and its verdicts so far.
pub struct Sitting {
    items: Vec<QualificationItem>,
    comparisons: Vec<Comparison>,
    keys: Vec<BlindKey>,
    judgments: Vec<Judgment>,
    is_lost: bool,
}

impl Sitting {
    /// `verdicts` of other judges or of other pairs are passed over.
    pub fn new(
        items: &[QualificationItem],
        presentations: &[(Comparison, BlindKey)],
        verdicts: impl IntoIterator<Item = Judgment>,
    ) -> Sitting {
        let (comparisons, keys) = presentations.iter().cloned().unzip();
        let judge_id = items.first().map(|item| item.judge_id.clone()).unwrap_or_default();
        let judgments = verdicts.into_iter().filter(|verdict| verdict.judge_id == judge_id).collect();
        let mut sitting = Sitting { items: items.to_vec(), comparisons, keys, judgments, is_lost: false };
        sitting.look();
        sitting
    }

    /// Takes in one more verdict.
    pub fn note(&mut self, verdict: &Judgment) {
        self.judgments.push(verdict.clone());
        self.look();
    }

    /// Whether the exam is failed whatever is answered to the open questions. Never true of an exam that could still be
    /// passed, and never taken back by later verdicts.
    pub fn is_lost(&self) -> bool {
        self.is_lost
    }

    fn look(&mut self) {
        let results = results(&self.items, &self.comparisons, &self.keys, &self.judgments);
        self.is_lost = results.iter().any(|result| result.is_unfit());
    }
}
