//! Which answer stood under which label: from the request as it was sent, from the mapping that the log's author
//! states, or from the judge's own words about the answers.
//!
//! A request speaks for its own row. Words speak for all rows of a file with one arm in the first position, and only where
//! enough of them fit their own row better than other rows with the same verdict: so neither words that a judge uses
//! anyway, nor one arm's manner or length, can pass for evidence. What two orders say must have one meaning.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;

use super::request::{Request, in_request, label_of, not_shown};
use super::row::{Arm, Label, Labels, PairRow, PositionSource};
use super::verdict::Said;
use super::votes::Reading;
use crate::stats::proportion::sign_test;
use crate::text::words;

/// How the arm under label A is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// The judge's request holds both answers under their labels.
    Request,
    /// The mapping file or the log's format says what labels mean.
    Stated,
    /// The judge's reasons use words that only one of the answers has.
    Words,
}

/// Rows of one file with the same arm in the first position (`None` where the log has no order).
pub type Group = (usize, Option<Arm>);

pub fn group(row: &PairRow) -> Group {
    (row.source.file, row.first)
}

/// The arm under label A in a group of rows, from the judge's words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    pub under_a: Arm,
    /// Rows that speak for it, and rows that speak at all, over the orders that were heard.
    pub agreeing: usize,
    pub rows: usize,
}

/// What is known of labels, row by row and group by group.
pub struct Bindings {
    /// From the row's own request, or stated.
    by_row: Vec<Option<(Arm, Evidence)>>,
    by_group: BTreeMap<Group, Bound>,
    /// Files whose orders contradict each other: label A would be the answer shown second.
    pub without_meaning: BTreeSet<usize>,
    /// Rows whose request shows another order than the log records.
    pub misrecorded: Vec<usize>,
    /// Rows whose request does not hold an answer that the log holds.
    pub not_shown: Vec<usize>,
}

impl Bindings {
    pub fn find(rows: &[PairRow], readings: &[Reading]) -> Bindings {
        let requests: Vec<Request> = rows.iter().map(in_request).collect();
        let by_row = rows.iter().zip(&requests).map(|(row, request)| {
            let shown = request.shown.and_then(|shown| shown.under_a).map(|arm| (arm, Evidence::Request));
            shown.or_else(|| stated(row).map(|arm| (arm, Evidence::Stated)))
        });
        let misrecorded = (0..rows.len()).filter(|&i| {
            let shown = requests[i].shown.map(|shown| shown.first);
            rows[i].position_source == PositionSource::Field
                && rows[i].first.is_some()
                && shown.is_some()
                && shown != rows[i].first
        });
        let (by_group, without_meaning) = by_words(rows, readings);
        Bindings {
            by_row: by_row.collect(),
            by_group,
            without_meaning,
            misrecorded: misrecorded.collect(),
            not_shown: not_shown(&requests),
        }
    }

    /// The arm that stood under A in row `i`.
    pub fn under_a(&self, rows: &[PairRow], i: usize) -> Option<(Arm, Evidence)> {
        self.by_row[i]
            .or_else(|| self.by_group.get(&group(&rows[i])).map(|bound| (bound.under_a, Evidence::Words)))
    }

    pub fn of_group(&self, group: Group) -> Option<&Bound> {
        self.by_group.get(&group)
    }
}

fn stated(row: &PairRow) -> Option<Arm> {
    match row.labels? {
        Labels::Arm => Some(Arm::One),
        Labels::Position => row.first,
    }
}

/// What label A can mean.
#[derive(Clone, Copy)]
enum Meaning {
    ShownFirst,
    Always(Arm),
}

impl Meaning {
    const ALL: [Meaning; 3] = [Meaning::ShownFirst, Meaning::Always(Arm::One), Meaning::Always(Arm::Two)];

    fn under_a(self, first: Arm) -> Arm {
        match self {
            Meaning::ShownFirst => first,
            Meaning::Always(arm) => arm,
        }
    }
}

/// What the judge's words say, for every file by itself. Where one meaning alone fits what the orders say it holds in
/// both, where two fit only the order that was heard is bound, and where none fits nothing is.
fn by_words(rows: &[PairRow], readings: &[Reading]) -> (BTreeMap<Group, Bound>, BTreeSet<usize>) {
    let mut by_group: BTreeMap<Group, Vec<usize>> = BTreeMap::new();
    for (i, row) in rows.iter().enumerate() {
        if row.judge_text.is_some()
            && row.texts.iter().all(Option::is_some)
            && readings[i].duplicate_of.is_none()
        {
            by_group.entry(group(row)).or_default().push(i);
        }
    }
    let heard: BTreeMap<Group, Bound> = by_group
        .iter()
        .filter_map(|(group, members)| Some((*group, heard(rows, readings, members)?)))
        .collect();
    let mut bound: BTreeMap<Group, Bound> = heard
        .iter()
        .filter(|((_, first), _)| first.is_none())
        .map(|(group, found)| (*group, *found))
        .collect();
    let mut without_meaning = BTreeSet::new();
    let files: BTreeSet<usize> = heard.keys().map(|(file, _)| *file).collect();
    for file in files {
        let said: Vec<(Arm, Bound)> =
            Arm::BOTH.iter().filter_map(|arm| Some((*arm, *heard.get(&(file, Some(*arm)))?))).collect();
        let fits =
            |meaning: &Meaning| said.iter().all(|(first, bound)| meaning.under_a(*first) == bound.under_a);
        let possible: Vec<Meaning> = Meaning::ALL.into_iter().filter(fits).collect();
        let rows = said.iter().map(|(_, bound)| bound.rows).sum();
        let agreeing = said.iter().map(|(_, bound)| bound.agreeing).sum();
        match possible.as_slice() {
            [] if !said.is_empty() => _ = without_meaning.insert(file),
            [meaning] => bound.extend(Arm::BOTH.map(|first| {
                ((file, Some(first)), Bound { under_a: meaning.under_a(first), agreeing, rows })
            })),
            _ => bound.extend(said.iter().map(|(first, found)| ((file, Some(*first)), *found))),
        }
    }
    (bound, without_meaning)
}

/// Rows that must speak, the share that must agree, and the p of the sign test, before words decide an order.
const LEAST_ROWS: usize = 8;
const LEAST_SHARE: f64 = 0.75;
const LARGEST_P: f64 = 0.01;
/// Rows of a group that are heard at most: more cannot change what is plain.
const MOST_ROWS: usize = 240;
/// A row speaks where its words fit it better, or worse, than this share of the other rows.
const SPEAKS_FROM: f64 = 0.8;

/// The words of one row: of each answer, and of the sentences about each label.
struct Words {
    own: [BTreeSet<u32>; 2],
    about: [BTreeSet<u32>; 2],
}

/// Content anchoring: do the reasons about A use the words of one arm's answer, more than they fit other rows?
fn heard(rows: &[PairRow], readings: &[Reading], members: &[usize]) -> Option<Bound> {
    let mut numbers: HashMap<String, u32> = HashMap::new();
    let members = &members[..members.len().min(MOST_ROWS)];
    let found: Vec<Words> = members.iter().map(|&i| words_of(&rows[i], &mut numbers)).collect();
    let mut in_rows = vec![0usize; numbers.len()];
    for words in &found {
        words.own[0].union(&words.own[1]).for_each(|&word| in_rows[word as usize] += 1);
    }
    let rarity = |word: &u32| match in_rows[*word as usize] {
        0 => 0.0,
        n => (members.len() as f64 / n as f64).ln(),
    };
    // How much the reasons of row `i` place the first arm's answer of row `j` under A.
    let score = |i: usize, j: usize| -> f64 {
        let [one, two] = &found[j].own;
        let side =
            |word: &u32| f64::from(u8::from(one.contains(word))) - f64::from(u8::from(two.contains(word)));
        let of = |about: &BTreeSet<u32>| about.iter().map(|word| side(word) * rarity(word)).sum::<f64>();
        of(&found[i].about[0]) - of(&found[i].about[1])
    };
    let mut alike: HashMap<Option<Said>, Vec<usize>> = HashMap::new();
    members.iter().enumerate().for_each(|(k, &i)| alike.entry(readings[i].said).or_default().push(k));
    let mut votes = [0usize; 2];
    for stratum in alike.values() {
        for &i in stratum {
            let own = score(i, i);
            let below = |j: &usize| match score(i, *j) {
                other if other < own => 1.0,
                other if other == own => 0.5,
                _ => 0.0,
            };
            let rank = stratum.iter().map(below).sum::<f64>() / stratum.len() as f64;
            votes[0] += usize::from(rank >= SPEAKS_FROM && own > 0.0);
            votes[1] += usize::from(rank <= 1.0 - SPEAKS_FROM && own < 0.0);
        }
    }
    let [one, two] = votes;
    let (under_a, agreeing) = if one >= two { (Arm::One, one) } else { (Arm::Two, two) };
    let speaking = one + two;
    let p = sign_test(one as u64, two as u64)?;
    let is_plain =
        speaking >= LEAST_ROWS && agreeing as f64 >= LEAST_SHARE * speaking as f64 && p <= LARGEST_P;
    is_plain.then_some(Bound { under_a, agreeing, rows: speaking })
}

fn words_of(row: &PairRow, numbers: &mut HashMap<String, u32>) -> Words {
    let mut telling = |text: &str| -> BTreeSet<u32> {
        let mut number = |word: String| {
            let next = numbers.len() as u32;
            *numbers.entry(word).or_insert(next)
        };
        words(text).into_iter().filter(|word| is_telling(word)).map(&mut number).collect()
    };
    let own = [0, 1].map(|arm| row.texts[arm].as_deref().map_or(BTreeSet::new(), &mut telling));
    let mut about = [BTreeSet::new(), BTreeSet::new()];
    for sentence in row.judge_text.as_deref().unwrap_or_default().split(['.', '!', '?', ';', '\n']) {
        if let Some(label) = only_label(sentence) {
            about[label.index()].extend(telling(sentence));
        }
    }
    Words { own, about }
}

/// Words that can tell one answer from another: neither labels, short words, nor what judges say anyway.
fn is_telling(word: &str) -> bool {
    const COMMON: [&str; 60] = [
        "the",
        "and",
        "for",
        "are",
        "was",
        "has",
        "had",
        "have",
        "not",
        "but",
        "its",
        "this",
        "that",
        "with",
        "from",
        "than",
        "more",
        "most",
        "less",
        "very",
        "too",
        "also",
        "both",
        "only",
        "which",
        "what",
        "when",
        "where",
        "who",
        "why",
        "how",
        "all",
        "any",
        "one",
        "two",
        "other",
        "they",
        "their",
        "them",
        "while",
        "into",
        "about",
        "better",
        "worse",
        "winner",
        "verdict",
        "response",
        "assistant",
        "answer",
        "answers",
        "model",
        "output",
        "option",
        "clear",
        "helpful",
        "detail",
        "offers",
        "gives",
        "uses",
        "shows",
    ];
    word.chars().count() >= 3 && !COMMON.contains(&word)
}

static MENTION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(?i:response|assistant|answer|model|output|option)\W{0,2}([ABab12])\b|\b([AB])(?:'s|’s| is| has| uses| offers| gives| speaks| shows|:)")
        .expect("a valid pattern")
});

/// The label that a sentence speaks of, if it speaks of one only.
fn only_label(sentence: &str) -> Option<Label> {
    let labels: BTreeSet<Label> = MENTION
        .captures_iter(sentence)
        .filter_map(|found| found.get(1).or(found.get(2)))
        .map(|label| label_of(label.as_str()))
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

    fn row(texts: [&str; 2], rendered: Option<&str>, judge_text: &str) -> PairRow {
        PairRow {
            prompt: Some("Describe a harbour.".to_owned()),
            texts: texts.map(|text| Some(text.to_owned())),
            first: Some(Arm::One),
            stored: Stored::Tie,
            judge_text: Some(judge_text.to_owned()),
            rendered: rendered.map(str::to_owned),
            ..bare(["base".to_owned(), "tuned".to_owned()], RowRef { file: 0, line: 1 })
        }
    }

    fn find(rows: &[PairRow]) -> Bindings {
        let readings: Vec<Reading> = rows.iter().map(Reading::of).collect();
        Bindings::find(rows, &readings)
    }

    const GULLS: &str = "Gulls wheel over rusty cranes.";
    const TAR: &str = "Lanterns drown in tar.";

    #[test]
    fn the_request_shows_label_and_order() {
        let inside = "All night the gulls sang. Lanterns drown in tar. Nobody spoke.";
        for (texts, request, expected, misrecorded) in [
            (
                [GULLS, TAR],
                "Question\nResponse B:\nLanterns drown in\n tar.\n\nResponse A:\nGulls wheel over rusty cranes.",
                Some(Arm::One),
                true,
            ),
            // One answer is a sentence of the other, before it and behind it.
            ([TAR, inside], &format!("Answer A: {TAR} Answer B: {inside}"), Some(Arm::One), false),
            ([inside, TAR], &format!("Answer A: {inside} Answer B: {TAR}"), Some(Arm::One), false),
            ([TAR, inside], &format!("Answer A: {inside} Answer B: {TAR}"), Some(Arm::Two), true),
            // The question quotes an answer.
            (
                [TAR, GULLS],
                &format!("Is \"{TAR}\" good? Answer A: {TAR} Answer B: {GULLS}"),
                Some(Arm::One),
                false,
            ),
            // Short answers stand right behind their labels or are not found.
            (["no", "yes"], "Say yes or no. [Assistant A] yes [Assistant B] no", Some(Arm::Two), true),
            (["no", "yes"], "Say yes or no.", None, false),
        ] {
            let rows = [row(texts, Some(request), "")];
            let bindings = find(&rows);
            assert_eq!(bindings.under_a(&rows, 0).map(|bound| bound.0), expected, "{request}");
            assert_eq!(!bindings.misrecorded.is_empty(), misrecorded, "{request}");
        }
    }

    /// Rows whose answers share their words with no other row.
    fn told(n: usize, judge_text: impl Fn([&str; 2]) -> String) -> Vec<PairRow> {
        let words =
            ["harbour", "lantern", "gravel", "orchard", "violin", "copper", "thistle", "meadow", "anchor"];
        let pair =
            |i: usize| [words[i % 9].to_owned() + &"o".repeat(i / 9), words[(i + 4) % 9].to_owned() + "ing"];
        let one = |i: usize| {
            let [a, b] = pair(i);
            let said = judge_text([a.as_str(), b.as_str()]);
            row([&format!("I saw the {a}"), &format!("We came by {b}")], None, &said)
        };
        (0..n).map(one).collect()
    }

    #[test]
    fn reasons_name_the_answer_by_its_words() {
        let rows = told(9, |[one, two]| format!("Response A speaks of {two}. Response B has its {one}."));
        let bindings = find(&rows);
        let bound = bindings.of_group((0, Some(Arm::One))).expect("nine rows agree");
        assert_eq!((bound.under_a, bound.agreeing, bound.rows), (Arm::Two, 9, 9));
        assert!(find(&rows[..4]).of_group((0, Some(Arm::One))).is_none(), "four rows are too few");
    }

    #[test]
    fn words_that_fit_every_row_bind_nothing() {
        let wordy =
            "It is also clear and pleasant, with further context than one would need, and a remark at last.";
        let mut rows = told(40, |_| "Response A is pleasant and has further context.\nWinner: A".to_owned());
        for row in &mut rows {
            row.texts[1] = Some(wordy.to_owned());
        }
        assert!(
            find(&rows).of_group((0, Some(Arm::One))).is_none(),
            "the manner of one arm is in all its answers"
        );
        let same: Vec<PairRow> = (0..20)
            .map(|_| {
                row([GULLS, TAR], None, "Response A speaks of lanterns in tar. Response B has its gulls.")
            })
            .collect();
        assert!(find(&same).of_group((0, Some(Arm::One))).is_none(), "no other row to compare with");
    }

    #[test]
    fn two_orders_that_have_no_meaning_together_bind_nothing() {
        let mut rows =
            told(18, |[one, two]| format!("Response A speaks of {two}. Response B has its {one}."));
        for (i, row) in rows.iter_mut().enumerate() {
            row.first = Some(Arm::BOTH[i % 2]);
            if i % 2 == 1 {
                row.texts.swap(0, 1);
            }
        }
        // Shown first: arm one, then arm two; label A is the other one each time.
        let bindings = find(&rows);
        assert!(bindings.by_group.is_empty());
        assert!(bindings.without_meaning.contains(&0));
    }
}
