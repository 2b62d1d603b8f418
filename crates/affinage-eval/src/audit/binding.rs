//! Which answer stood under which label: from the request as it was sent, from the mapping that the log's author
//! states, or from the judge's own words about the answers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;

use super::row::{Arm, Label, Labels, PairRow};
use crate::stats::proportion::sign_test;
use crate::text::{squeeze, words};

/// How the arm under label A is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// The judge's request holds both answers under their labels.
    Request,
    /// The mapping file says what labels mean.
    Stated,
    /// The judge's reasons use words that only one of the answers has.
    Words,
}

/// The arm under label A in a group of rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    pub under_a: Arm,
    pub evidence: Evidence,
    /// Rows that speak for it, and rows that speak at all.
    pub agreeing: usize,
    pub rows: usize,
}

/// What is known of labels, row by row and order by order.
pub struct Bindings {
    /// From the row's own request.
    by_row: Vec<Option<Arm>>,
    /// From all rows with the same arm in the first seat (`None` where the log has no order).
    by_order: BTreeMap<Option<Arm>, Bound>,
    /// Rows whose request shows another order than the log records.
    pub misrecorded: Vec<usize>,
}

impl Bindings {
    pub fn find(rows: &[PairRow]) -> Bindings {
        let shown: Vec<Option<Shown>> = rows.iter().map(in_request).collect();
        let by_row = shown.iter().map(|shown| shown.and_then(|shown| shown.under_a)).collect();
        let misrecorded = rows
            .iter()
            .zip(&shown)
            .enumerate()
            .filter(|(_, (row, shown))| {
                matches!((row.first, shown), (Some(said), Some(shown)) if said != shown.first)
            })
            .map(|(i, _)| i)
            .collect();
        let mut by_order = by_words(rows);
        for row in rows {
            if let Some(under_a) = stated(row) {
                by_order
                    .insert(row.first, Bound { under_a, evidence: Evidence::Stated, agreeing: 0, rows: 0 });
            }
        }
        Bindings { by_row, by_order, misrecorded }
    }

    /// The arm that stood under A in row `i`.
    pub fn under_a(&self, rows: &[PairRow], i: usize) -> Option<(Arm, Evidence)> {
        if let Some(arm) = self.by_row[i] {
            return Some((arm, Evidence::Request));
        }
        self.by_order.get(&rows[i].first).map(|bound| (bound.under_a, bound.evidence))
    }

    pub fn of_order(&self, first: Option<Arm>) -> Option<&Bound> {
        self.by_order.get(&first)
    }
}

fn stated(row: &PairRow) -> Option<Arm> {
    match row.labels? {
        Labels::Arm => Some(Arm::One),
        Labels::Position => row.first,
    }
}

/// What a request shows.
#[derive(Clone, Copy)]
struct Shown {
    first: Arm,
    under_a: Option<Arm>,
}

static MARKER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:response|assistant|answer|model|output|completion|option)\W{0,4}([ab12])\b")
        .expect("a valid pattern")
});

/// Characters of an answer that are looked for: prompts may cut or indent long ones.
const PROBE_CHARS: usize = 80;

/// Finds both answers in the request, and the label that stands last before each. `None` unless both are found
/// and differ.
fn in_request(row: &PairRow) -> Option<Shown> {
    let request = squeeze(row.rendered.as_deref()?);
    let probe = |arm: Arm| -> Option<String> {
        let text = squeeze(row.text(arm)?);
        (!text.is_empty()).then(|| text.chars().take(PROBE_CHARS).collect())
    };
    let (one, two) = (probe(Arm::One)?, probe(Arm::Two)?);
    let at = |probe: &str| request.rfind(probe);
    let (at_one, at_two) = (at(&one)?, at(&two)?);
    if at_one == at_two {
        return None;
    }
    let label_before = |at: usize| {
        let label = MARKER.captures_iter(&request[..at]).last()?;
        Some(if matches!(&label[1], "a" | "A" | "1") { Label::A } else { Label::B })
    };
    let under_a = match (label_before(at_one), label_before(at_two)) {
        (Some(Label::A), Some(Label::B)) => Some(Arm::One),
        (Some(Label::B), Some(Label::A)) => Some(Arm::Two),
        _ => None,
    };
    Some(Shown { first: if at_one < at_two { Arm::One } else { Arm::Two }, under_a })
}

/// Rows that must speak, the share that must agree, and the p of the sign test, before words decide an order.
const LEAST_ROWS: usize = 8;
const LEAST_SHARE: f64 = 0.75;
const LARGEST_P: f64 = 0.01;

/// Content anchoring: within each order, do the reasons about A use the words of one arm's answers?
fn by_words(rows: &[PairRow]) -> BTreeMap<Option<Arm>, Bound> {
    let rarity = Rarity::of(rows);
    let mut votes: BTreeMap<Option<Arm>, [usize; 2]> = BTreeMap::new();
    for row in rows {
        if let Some(under_a) = anchored(row, &rarity) {
            votes.entry(row.first).or_default()[under_a.index()] += 1;
        }
    }
    let mut bound = BTreeMap::new();
    for (order, [one, two]) in votes {
        let (under_a, agreeing) = if one >= two { (Arm::One, one) } else { (Arm::Two, two) };
        let speaking = one + two;
        let p = sign_test(one as u64, two as u64).unwrap_or(1.0);
        if speaking >= LEAST_ROWS && agreeing as f64 >= LEAST_SHARE * speaking as f64 && p <= LARGEST_P {
            bound.insert(order, Bound { under_a, evidence: Evidence::Words, agreeing, rows: speaking });
        }
    }
    bound
}

/// log(texts / texts with the word), over answers and reasons.
struct Rarity {
    texts: f64,
    with_word: HashMap<String, usize>,
}

impl Rarity {
    fn of(rows: &[PairRow]) -> Rarity {
        let mut with_word: HashMap<String, usize> = HashMap::new();
        let mut texts = 0usize;
        for row in rows {
            for text in row.texts.iter().chain([&row.judge_text]).flatten() {
                texts += 1;
                for word in words(text).into_iter().collect::<BTreeSet<_>>() {
                    *with_word.entry(word).or_default() += 1;
                }
            }
        }
        Rarity { texts: texts as f64, with_word }
    }

    fn weight(&self, word: &str) -> f64 {
        self.with_word.get(word).map_or(0.0, |&count| (self.texts / count as f64).ln())
    }
}

static MENTION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(?i:response|assistant|answer|model|output|option)\W{0,2}([ABab12])\b|\b([AB])(?:'s|’s| is| has| uses| offers| gives| speaks| shows|:)")
        .expect("a valid pattern")
});

/// The arm that this row's reasons place under A; `None` when they do not tell.
fn anchored(row: &PairRow, rarity: &Rarity) -> Option<Arm> {
    let own = |arm: Arm| -> Option<BTreeSet<String>> { Some(words(row.text(arm)?).into_iter().collect()) };
    let (one, two) = (own(Arm::One)?, own(Arm::Two)?);
    let mut for_one = 0.0;
    for sentence in row.judge_text.as_deref()?.split(['.', '!', '?', ';', '\n']) {
        let Some(label) = only_label(sentence) else { continue };
        for word in words(sentence).into_iter().collect::<BTreeSet<_>>() {
            let side = match (one.contains(&word), two.contains(&word)) {
                (true, false) => 1.0,
                (false, true) => -1.0,
                _ => continue,
            };
            for_one += if label == Label::A { side } else { -side } * rarity.weight(&word);
        }
    }
    match for_one {
        score if score > 0.0 => Some(Arm::One),
        score if score < 0.0 => Some(Arm::Two),
        _ => None,
    }
}

/// The label that a sentence speaks of, if it speaks of one only.
fn only_label(sentence: &str) -> Option<Label> {
    let labels: BTreeSet<Label> = MENTION
        .captures_iter(sentence)
        .filter_map(|found| found.get(1).or(found.get(2)))
        .map(|label| if matches!(label.as_str(), "A" | "a" | "1") { Label::A } else { Label::B })
        .collect();
    match labels.len() {
        1 => labels.into_iter().next(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::row::{RowRef, Stored};
    use crate::audit::shapes::bare;

    fn row(rendered: Option<&str>, judge_text: &str) -> PairRow {
        PairRow {
            prompt: Some("Describe a harbour.".to_owned()),
            texts: [
                Some("Gulls wheel over rusty cranes.".to_owned()),
                Some("Lanterns drown in tar.".to_owned()),
            ],
            first: Some(Arm::One),
            stored: Stored::Tie,
            judge_text: Some(judge_text.to_owned()),
            rendered: rendered.map(str::to_owned),
            ..bare(["base".to_owned(), "tuned".to_owned()], RowRef { file: 0, line: 1 })
        }
    }

    #[test]
    fn the_request_shows_label_and_order() {
        let request =
            "Question\nResponse B:\nLanterns drown in\n tar.\n\nResponse A:\nGulls wheel over rusty cranes.";
        let bindings = Bindings::find(&[row(Some(request), "")]);
        let rows = [row(Some(request), "")];
        assert_eq!(bindings.under_a(&rows, 0), Some((Arm::One, Evidence::Request)));
        assert_eq!(bindings.misrecorded, [0], "the log says that the first arm was shown first");
    }

    #[test]
    fn reasons_name_the_answer_by_its_words() {
        let rows: Vec<PairRow> = (0..9)
            .map(|_| row(None, "Response A speaks of lanterns in tar. Response B has its gulls."))
            .collect();
        let bindings = Bindings::find(&rows);
        let bound = bindings.of_order(Some(Arm::One)).expect("nine rows agree");
        assert_eq!((bound.under_a, bound.agreeing, bound.rows), (Arm::Two, 9, 9));
        assert!(Bindings::find(&rows[..4]).of_order(Some(Arm::One)).is_none(), "four rows are too few");
    }
}
