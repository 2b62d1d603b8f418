//! Where the two answers of a row stand in the judge's stored request, and under which labels.

use std::sync::LazyLock;

use regex::Regex;

use super::row::{Arm, Label, PairRow};
use crate::text::squeeze;

/// What a request shows.
#[derive(Clone, Copy)]
pub struct Shown {
    pub first: Arm,
    pub under_a: Option<Arm>,
}

/// What was found in a request: `held` says for each answer whether it stands there; `None` without a request or text.
#[derive(Clone, Copy, Default)]
pub struct Request {
    pub shown: Option<Shown>,
    pub held: Option<[bool; 2]>,
}

static MARKER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:response|assistant|answer|model|output|completion|option)\W{0,4}([ab12])\b")
        .expect("a valid pattern")
});

/// Characters of an answer that are looked for where the whole is not found: prompts may cut long ones.
const PROBE_CHARS: usize = 80;
/// An answer shorter than this is found only right behind a label.
const LEAST_CHARS: usize = 20;
/// Characters between a label and its answer: `'s Answer]`.
const MOST_BETWEEN: usize = 32;
/// Places of one answer that are looked at: its last ones.
const MOST_PLACES: usize = 8;

/// Where an answer stands in a request, and the label right before it.
#[derive(Clone, Copy, PartialEq)]
struct Place {
    start: usize,
    end: usize,
    label: Option<Label>,
}

/// Finds both answers in the request. They stand in different places, neither inside the other, behind their labels
/// where there are any; answers that could be either way round are not told apart.
pub fn in_request(row: &PairRow) -> Request {
    let (Some(request), Some(one), Some(two)) = (&row.rendered, row.text(Arm::One), row.text(Arm::Two))
    else {
        return Request::default();
    };
    let (request, one, two) = (squeeze(request), squeeze(one), squeeze(two));
    if one.is_empty() || two.is_empty() || one == two {
        return Request::default();
    }
    let labels: Vec<(usize, Label)> = MARKER
        .captures_iter(&request)
        .filter_map(|found| Some((found.get(0)?.end(), label_of(&found[1]))))
        .collect();
    let (ones, twos) = (places(&request, &one, &labels), places(&request, &two, &labels));
    let held = Some([!ones.is_empty(), !twos.is_empty()]);
    Request { shown: told_apart(&ones, &twos, &labels), held }
}

fn told_apart(ones: &[Place], twos: &[Place], labels: &[(usize, Label)]) -> Option<Shown> {
    let are_apart = |one: &Place, two: &Place| one.end <= two.start || two.end <= one.start;
    let mut best: Option<((bool, usize), Place, Place)> = None;
    for one in ones {
        for two in twos.iter().filter(|two| are_apart(one, two)) {
            let labelled = one.label.is_some() && two.label.is_some() && one.label != two.label;
            let rank = (labelled, one.start.min(two.start));
            if best.is_none_or(|(known, ..)| rank > known) {
                best = Some((rank, *one, *two));
            }
        }
    }
    let ((labelled, _), one, two) = best?;
    if ones == twos {
        return None;
    }
    let before = |at: usize| labels.iter().rfind(|(end, _)| *end <= at).map(|(_, label)| *label);
    let named = if labelled { (one.label, two.label) } else { (before(one.start), before(two.start)) };
    let under_a = match named {
        (Some(Label::A), Some(Label::B)) => Some(Arm::One),
        (Some(Label::B), Some(Label::A)) => Some(Arm::Two),
        _ => None,
    };
    Some(Shown { first: if one.start < two.start { Arm::One } else { Arm::Two }, under_a })
}

/// Where `text` stands in `request`, the whole of it or else its beginning.
fn places(request: &str, text: &str, labels: &[(usize, Label)]) -> Vec<Place> {
    let whole = occurrences(request, text, labels);
    if !whole.is_empty() || text.chars().count() <= PROBE_CHARS {
        return whole;
    }
    let probe: String = text.chars().take(PROBE_CHARS).collect();
    occurrences(request, &probe, labels)
}

fn occurrences(request: &str, text: &str, labels: &[(usize, Label)]) -> Vec<Place> {
    let is_short = text.chars().count() < LEAST_CHARS;
    let ends_word = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
    let mut places: Vec<Place> = Vec::new();
    for (start, _) in request.match_indices(text) {
        let end = start + text.len();
        let next = labels.partition_point(|(end, _)| *end <= start);
        let label = next.checked_sub(1).map(|at| labels[at]).filter(|(end, _)| start - end <= MOST_BETWEEN);
        let is_bounded =
            ends_word(request[..start].chars().next_back()) && ends_word(request[end..].chars().next());
        if is_bounded && (label.is_some() || !is_short) {
            places.push(Place { start, end, label: label.map(|(_, label)| label) });
        }
    }
    places.split_off(places.len().saturating_sub(MOST_PLACES))
}

pub fn label_of(said: &str) -> Label {
    if matches!(said, "a" | "A" | "1") { Label::A } else { Label::B }
}

/// Share of requests that hold both answers, from which on one that lacks an answer is an exception.
const USUALLY: f64 = 0.8;

/// Rows whose request lacks an answer, where most hold both.
pub fn not_shown(requests: &[Request]) -> Vec<usize> {
    let looked: Vec<(usize, [bool; 2])> =
        requests.iter().enumerate().filter_map(|(i, request)| Some((i, request.held?))).collect();
    let lacking: Vec<usize> = looked.iter().filter(|(_, held)| *held != [true; 2]).map(|(i, _)| *i).collect();
    if (looked.len() - lacking.len()) as f64 >= USUALLY * looked.len() as f64 { lacking } else { Vec::new() }
}
