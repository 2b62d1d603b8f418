//! Reading a verdict.
//!
//! What a judge thinks or quotes is not read (`outline.rs`). The verdict is what the rest ends with: the `winner` of a JSON
//! object that begins a line, or a last line `VERDICT: label`, where the label is exactly one of the two or `tie`, apart from
//! Markdown, signs and the word `Response` around it. Missing is a reply that ends with anything else; that is not whole,
//! because a thought, a quotation, a fence or a brace is still open; that names different verdicts, wherever; and one whose
//! written label is not the one that its probabilities favour.
//!
//! Behind a verdict may stand words of courtesy and nothing else; an object with text before it must hold a rationale or
//! scores too, because a bare `{"winner": ...}` may be quoted; and what leads to the verdict must not make it part of a
//! sentence or of a quotation (`lead_in.rs`). So a label in a thought, a quotation or an order is no vote.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use serde_json::Value;

use super::lead_in::{has_open_quotation, is_announcement, is_quoted_by, is_thought_in_words};
use super::local::{TIE_BAND, verdict_of_p};
use super::loose_json::{self, object_end};
use super::outline::{Open, outline};
use super::wire::TokenChoice;
use crate::judgment::{CriterionScores, MissingReason, Outcome, ParsePath, SeatScores};

/// What a reply says.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub outcome: Outcome,
    /// The winner's label as said.
    pub label_said: Option<String>,
    pub scores: Option<SeatScores>,
    pub rationale: Option<String>,
    pub parse_path: ParsePath,
}

impl Verdict {
    pub fn missing(reason: MissingReason) -> Verdict {
        Verdict {
            outcome: Outcome::Missing { reason },
            label_said: None,
            scores: None,
            rationale: None,
            parse_path: ParsePath::None,
        }
    }

    fn of_line(outcome: Outcome, labels: [&str; 2]) -> Verdict {
        let parse_path = match outcome {
            Outcome::Missing { .. } => ParsePath::None,
            _ => ParsePath::VerdictLine,
        };
        Verdict {
            outcome,
            label_said: said_label(outcome, labels),
            scores: None,
            rationale: None,
            parse_path,
        }
    }
}

/// Reads the text of a reply; `labels` are those of the first and second seat.
pub fn parse_verdict(text: &str, labels: [&str; 2]) -> Verdict {
    written(text, labels).0
}

/// [`parse_verdict`] where the server gave the probabilities of the tokens: the verdict of the label probability at the place
/// of the written label, and that probability of the first seat. Without a place or alternatives there, the written verdict.
pub fn scored_verdict(text: &str, tokens: &[TokenChoice], labels: [&str; 2]) -> (Verdict, Option<f64>) {
    let (written, place) = written(text, labels);
    let masses = place.and_then(|place| masses(text, &place, tokens, labels));
    let own = match written.outcome {
        Outcome::First => 0,
        Outcome::Second => 1,
        Outcome::Tie => 2,
        Outcome::Missing { .. } => return (written, None),
    };
    let Some(masses) = masses else { return (written, None) };
    let p = masses[0] / (masses[0] + masses[1]);
    let p = Some(p).filter(|p| p.is_finite() && own < 2);
    let favours_tie = own < 2 && masses[2] > masses[own];
    let favours_label = own == 2 && masses[0].max(masses[1]) > masses[2];
    let favours_other = p.is_some_and(|p| 0.5 - [p, 1.0 - p][own] >= TIE_BAND);
    if favours_tie || favours_label || favours_other {
        return (Verdict::missing(MissingReason::ScoredOtherwise), p);
    }
    (p.map_or(written, |p| verdict_of_p(p, labels)), p)
}

/// Where the verdict (its line or object) and its label begin in the reply, and where the judge's turn ends.
struct Place {
    line: usize,
    label: usize,
    end: usize,
}

/// Probabilities of the first seat's label, the second's, and of a tie at `place`. `None` when `tokens` do not hold the text.
///
/// A token counts for a label that it begins; the two labels of a request begin with different letters. The tokens may hold
/// more than the text (a thought in front, a mark of the end behind), so its last occurrence among them is taken.
fn masses(text: &str, place: &Place, tokens: &[TokenChoice], labels: [&str; 2]) -> Option<[f64; 3]> {
    let written: String = tokens.iter().map(|choice| choice.token.as_str()).collect();
    let at = written.rfind(text[place.line..place.end].trim_end())? + place.label - place.line;
    let mut end = 0;
    let at_label = tokens.iter().find(|choice| {
        end += choice.token.len();
        end > at
    })?;
    let mut masses = [0.0; 3];
    for (token, logprob) in &at_label.likeliest {
        let bare = token.trim_matches(|c: char| !c.is_alphanumeric());
        let is_tie = || TIE.starts_with(&bare.to_ascii_lowercase());
        let meant = labels.iter().position(|label| label.starts_with(bare)).or(is_tie().then_some(2));
        if let Some(i) = meant.filter(|_| !bare.is_empty()) {
            masses[i] += logprob.exp();
        }
    }
    Some(masses)
}

const TIE: &str = "tie";

/// The written verdict, and where it stands if it names a label or a tie.
fn written(text: &str, labels: [&str; 2]) -> (Verdict, Option<Place>) {
    let missing = |reason| (Verdict::missing(reason), None);
    let read = |range: Range<usize>| Objects::of(text, range);
    let masked: Vec<Range<usize>> = read(0..text.len()).read.into_iter().map(|(range, _)| range).collect();
    let outline = outline(text, &masked, labels);
    match outline.open {
        Some(Open::Thought) => return missing(MissingReason::Truncated),
        Some(Open::Quotation) => return missing(MissingReason::Unparsed),
        None => {}
    }
    let parts = outline.answer.as_ref().map_or_else(|| outline.parts(), |inside| vec![inside.clone()]);
    // Read anew: behind a thought an object need not begin a line of its own.
    let objects: Vec<Objects> = parts.iter().cloned().map(read).collect();
    let is_doubtful = objects.iter().any(|objects| objects.is_open || objects.is_unclear);
    let stated: Vec<Stated> = objects
        .into_iter()
        .flat_map(|objects| objects.read)
        .filter_map(|(range, object)| object?.stated(range, labels))
        .collect();
    let Some(lines) = Lines::of(text, &parts, &stated) else { return missing(MissingReason::Unparsed) };
    let is_filled = |part: &&Range<usize>| !text[(*part).clone()].chars().all(is_blank);
    let first = parts.iter().find(is_filled).map_or("", |part| &text[part.clone()]);
    if is_doubtful || is_thought_in_words(first) {
        return missing(MissingReason::Unparsed);
    }
    let lines = lines.read;
    let Some((last, before)) = lines.split_last() else { return missing(MissingReason::Unparsed) };
    if outline.answer.is_some() && !before.is_empty() {
        return missing(MissingReason::Unparsed);
    }
    let Some(said) = last.outcome(&stated, labels) else { return missing(MissingReason::Unparsed) };
    if before.iter().any(|line| line.names_other(said, &stated, labels)) {
        return missing(MissingReason::BothLabels);
    }
    if is_led_in(text, last, before, &stated) {
        return missing(MissingReason::Unparsed);
    }
    let object = stated.into_iter().rev().find(|stated| stated.is_whole || lines.len() == 1);
    let end = outline.end;
    match (last, object) {
        (Line::Object { .. }, None) => missing(MissingReason::Unparsed),
        (Line::Object { .. }, Some(object)) => {
            let place = place_in_object(text, &object.range, labels, said, end);
            (object.verdict, place)
        }
        (Line::Text { at, line, .. }, object) => {
            let verdict = object.map_or_else(|| Verdict::of_line(said, labels), |object| object.verdict);
            (verdict, place_of(*at, line, labels, said, end))
        }
    }
}

/// Whether what stands before the last line makes it doubtful that it is the judge's own word.
fn is_led_in(text: &str, last: &Line, before: &[Line], stated: &[Stated]) -> bool {
    let begin = |line: &Line| match line {
        Line::Object { index, .. } => stated[*index].range.start,
        Line::Text { at, .. } => *at,
    };
    let prose = before.iter().filter_map(|line| match line {
        Line::Text { line, is_fenced: false, .. } => Some(*line),
        _ => None,
    });
    if has_open_quotation(prose) {
        return true;
    }
    let own = match last {
        Line::Text { line, .. } => line,
        Line::Object { .. } => "",
    };
    // A list is introduced by the line before its first item.
    let is_item = |line: &str| ["- ", "* ", "+ ", "\u{2022} "].iter().any(|bullet| line.starts_with(bullet));
    let mut before = before;
    let mut place = begin(last);
    while is_item(own)
        && let Some((item @ Line::Text { line, .. }, rest)) = before.split_last()
        && is_item(line)
    {
        (place, before) = (begin(item), rest);
    }
    match before.last() {
        Some(Line::Text { at, line, is_fenced: false, .. }) => {
            let between = &text[at + line.len()..place];
            is_quoted_by(line, between.matches('\n').count() < 2)
        }
        _ => false,
    }
}

/// An object that names a winner.
struct Stated {
    range: Range<usize>,
    verdict: Verdict,
    /// It holds a rationale or scores too, so it is no mere quotation of `{"winner": ...}`.
    is_whole: bool,
}

/// A line that says something, or an object in its place.
enum Line<'t> {
    Object {
        /// The position in the list of objects that name a winner.
        index: usize,
        is_fenced: bool,
    },
    Text {
        at: usize,
        line: &'t str,
        /// It stands in a code fence, which shows what others wrote.
        is_fenced: bool,
        /// It is indented as code is.
        is_indented: bool,
    },
}

impl Line<'_> {
    fn outcome(&self, stated: &[Stated], labels: [&str; 2]) -> Option<Outcome> {
        match self {
            Line::Object { index, .. } => Some(stated[*index].verdict.outcome),
            Line::Text { is_fenced: true, .. } | Line::Text { is_indented: true, .. } => None,
            Line::Text { line, .. } => Some(outcome_of(&after_keyword(line)?, labels)),
        }
    }

    /// Whether it states a verdict, or a part of one, that is not `said`.
    fn names_other(&self, said: Outcome, stated: &[Stated], labels: [&str; 2]) -> bool {
        match self {
            Line::Object { index, is_fenced } => {
                let object = &stated[*index];
                (object.is_whole || !is_fenced) && object.verdict.outcome != said
            }
            Line::Text { is_fenced: true, .. } | Line::Text { is_indented: true, .. } => false,
            Line::Text { line, .. } => after_keyword(line).is_some_and(|named| {
                let is_word =
                    |wanted: &str| named.split(|c: char| !c.is_alphanumeric()).any(|word| word == wanted);
                let is_tie = || is_word(TIE) || outcome_of(&named, labels) == Outcome::Tie;
                let names = [is_word(labels[0]), is_word(labels[1]), is_tie()];
                let outcomes = [Outcome::First, Outcome::Second, Outcome::Tie];
                names.iter().zip(outcomes).any(|(is_named, outcome)| *is_named && outcome != said)
            }),
        }
    }
}

/// The lines of what is read that are not empty, without signs alone, and without the courtesies at the end. A fence around all
/// of it is none.
struct Lines<'t> {
    read: Vec<Line<'t>>,
}

impl<'t> Lines<'t> {
    /// `None` where a fence is still open, or nothing stands behind the last part that is not read.
    fn of(text: &'t str, parts: &[Range<usize>], stated: &[Stated]) -> Option<Lines<'t>> {
        let mut lines = Vec::new();
        // Before how many of the lines each fence stands.
        let mut fences = Vec::new();
        let mut objects = stated.iter().enumerate().peekable();
        let mut in_last_part = 0;
        for part in parts {
            in_last_part = lines.len();
            let mut at = part.start;
            while at < part.end {
                let end = text[at..part.end].find('\n').map_or(part.end, |length| at + length + 1);
                let is_fenced = fences.len() % 2 == 1;
                if let Some((index, object)) = objects.next_if(|(_, object)| object.range.start < end) {
                    lines.push(Line::Object { index, is_fenced });
                    at = object.range.end;
                    continue;
                }
                let line = text[at..end].trim_matches(is_blank);
                if is_fence(line) {
                    fences.push(lines.len());
                } else if !line.chars().all(|c| "-*_=#~".contains(c)) {
                    let begin = at + text[at..end].find(line).unwrap_or(0);
                    let before = &text[at..begin];
                    let is_indented = before.contains('\t') || before.matches(' ').count() >= 4;
                    lines.push(Line::Text { at: begin, line, is_fenced, is_indented });
                }
                at = end;
            }
        }
        if fences.len() % 2 == 1 {
            return None;
        }
        if fences == [0, lines.len()] {
            for line in &mut lines {
                let (Line::Object { is_fenced, .. } | Line::Text { is_fenced, .. }) = line;
                *is_fenced = false;
            }
        }
        while let Some(Line::Text { line, is_fenced: false, .. }) = lines.last()
            && after_keyword(line).is_none()
            && is_courtesy(line)
        {
            lines.pop();
        }
        (lines.len() > in_last_part).then_some(Lines { read: lines })
    }
}

fn place_of(at: usize, line: &str, labels: [&str; 2], outcome: Outcome, end: usize) -> Option<Place> {
    let label = word_of(outcome, labels)?;
    Some(Place { line: at, label: at + line.to_ascii_lowercase().rfind(&label)?, end })
}

/// The place of the winner's label in the object that states it.
fn place_in_object(
    text: &str,
    range: &Range<usize>,
    labels: [&str; 2],
    outcome: Outcome,
    end: usize,
) -> Option<Place> {
    const KEY: &str = "\"winner\"";
    let label = word_of(outcome, labels)?;
    let object = &text[range.clone()];
    let behind = &object[object.rfind(KEY)? + KEY.len()..];
    let value = behind.trim_start_matches(|c| is_decoration(c) || c == ':' || c == '"');
    let value = value.get("Response ".len()..).filter(|_| begins_with(value, "Response ")).unwrap_or(value);
    begins_with(value, &label).then(|| Place { line: range.start, label: range.end - value.len(), end })
}

/// The word of a verdict in small letters.
fn word_of(outcome: Outcome, labels: [&str; 2]) -> Option<String> {
    match outcome {
        Outcome::Tie => Some(TIE.to_owned()),
        _ => said_label(outcome, labels).map(|label| label.to_ascii_lowercase()),
    }
}

/// What stands behind `VERDICT:`, which may have Markdown and a word before it. `None` for any other line. Quoted lines
/// (`>`), lines in quotation marks, and lines with half a pair of Markdown marks (the other half stands elsewhere, as around
/// a longer quotation) are none.
fn after_keyword(line: &str) -> Option<String> {
    const LEADS: [&str; 4] = ["", "final ", "my ", "overall "];
    let item =
        ["- ", "* ", "+ ", "\u{2022} "].iter().find_map(|bullet| line.strip_prefix(bullet)).unwrap_or(line);
    let mut plain = item.trim_start_matches(|c| is_blank(c) || c == '#').to_owned();
    for mark in ["**", "*", "__", "_", "`"] {
        if plain.matches(mark).count() % 2 == 1 {
            return None;
        }
        plain = plain.replace(mark, "");
    }
    let keyword = super::request::VERDICT.trim_end_matches(':');
    LEADS.iter().find_map(|lead| {
        let beginning = format!("{lead}{keyword}");
        let rest = plain.get(beginning.len()..).filter(|_| begins_with(&plain, &beginning))?;
        Some(rest.trim_start().strip_prefix([':', '\u{ff1a}'])?.to_owned())
    })
}

fn begins_with(text: &str, beginning: &str) -> bool {
    text.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning))
}

fn is_decoration(c: char) -> bool {
    is_blank(c) || "*_`#".contains(c)
}

/// White space, and what has no width.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}' | '\u{200e}' | '\u{2060}' | '\u{feff}')
}

pub(super) fn is_fence(line: &str) -> bool {
    ["```", "~~~"].iter().any(|fence| {
        line.strip_prefix(fence).is_some_and(|name| name.chars().all(|c| c.is_ascii_alphanumeric()))
    })
}

/// Whether a line behind a verdict takes nothing of it back, because it is made of words of courtesy alone.
fn is_courtesy(line: &str) -> bool {
    is_announcement(line, false)
}

/// A key that stands twice is an error of this form, so that no object can name two winners.
#[derive(Deserialize)]
struct JsonReply {
    rationale: Option<Value>,
    #[serde(default, deserialize_with = "scores_or_none")]
    scores: Option<BTreeMap<String, CriterionScores>>,
    winner: Option<Value>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// Scores of another form must not hide a winner that is stated well.
fn scores_or_none<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, CriterionScores>>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

impl JsonReply {
    /// `None` where the object names no winner.
    fn stated(self, range: Range<usize>, labels: [&str; 2]) -> Option<Stated> {
        const DECIDES: [&str; 8] =
            ["winner", "better", "best", "verdict", "prefer", "choice", "decision", "final"];
        let is_whole = self.rationale.is_some() || self.scores.is_some();
        let outcome = match self.winner?.as_str() {
            Some(said) => outcome_of(said, labels),
            None => Outcome::Missing { reason: MissingReason::UnknownLabel },
        };
        let decides = |key: &str| DECIDES.iter().any(|word| key.to_lowercase().contains(word));
        let said_beside = self.others.iter().filter(|(key, _)| decides(key));
        let says_other = said_beside.filter_map(|(_, value)| value.as_str()).any(|said| {
            let other = outcome_of(said, labels);
            !matches!(other, Outcome::Missing { reason: MissingReason::UnknownLabel }) && other != outcome
        });
        let outcome = match says_other {
            true => Outcome::Missing { reason: MissingReason::BothLabels },
            false => outcome,
        };
        let scores = self.scores.and_then(|scores| {
            Some(SeatScores { first: *scores.get(labels[0])?, second: *scores.get(labels[1])? })
        });
        let verdict = Verdict {
            outcome,
            label_said: said_label(outcome, labels),
            scores: scores.filter(are_in_range),
            rationale: self.rationale.and_then(|value| value.as_str().map(str::to_owned)),
            parse_path: if matches!(outcome, Outcome::Missing { .. }) {
                ParsePath::None
            } else {
                ParsePath::Json
            },
        };
        Some(Stated { range, verdict, is_whole })
    }
}

/// The objects of a part of a reply.
struct Objects {
    /// Those that begin a line; `None` in place of one that is JSON of another form.
    read: Vec<(Range<usize>, Option<JsonReply>)>,
    /// One of them is still open where the part ends.
    is_open: bool,
    /// One of them speaks of a winner and cannot be read.
    is_unclear: bool,
}

impl Objects {
    fn of(text: &str, part: Range<usize>) -> Objects {
        let mut found = Objects { read: Vec::new(), is_open: false, is_unclear: false };
        let (mut at, mut end) = (part.start, part.start);
        for line in text[part.clone()].split_inclusive('\n') {
            let start = at + line.len() - line.trim_start_matches(is_blank).len();
            at += line.len();
            if start < end || found.is_open || !text[start..part.end].starts_with('{') {
                continue;
            }
            let Some(length) = object_end(&text[start..part.end]) else {
                found.is_open = true;
                continue;
            };
            let object = &text.as_bytes()[start..start + length];
            let read: Option<JsonReply> = loose_json::parse(object);
            let names_winner = read.as_ref().is_some_and(|object| object.winner.is_some());
            found.is_unclear |= !names_winner && text[start..start + length].contains("winner");
            if loose_json::parse::<serde::de::IgnoredAny>(object).is_some() {
                end = start + length;
                found.read.push((start..end, read));
            }
        }
        found
    }
}

fn outcome_of(said: &str, labels: [&str; 2]) -> Outcome {
    let bare = bare(said);
    if bare == labels[0] {
        return Outcome::First;
    }
    if bare == labels[1] {
        return Outcome::Second;
    }
    if bare.eq_ignore_ascii_case("tie") {
        return Outcome::Tie;
    }
    let words: Vec<&str> = said.split(|c: char| !c.is_alphanumeric()).collect();
    let both = labels.iter().all(|label| words.contains(label));
    Outcome::Missing { reason: if both { MissingReason::BothLabels } else { MissingReason::UnknownLabel } }
}

/// What is said without Markdown, pairs of signs, an end mark and the word `Response` around it.
fn bare(said: &str) -> String {
    const PAIRS: [(&str, &str); 14] = [
        ("\"", "\""),
        ("'", "'"),
        ("`", "`"),
        ("\u{201c}", "\u{201d}"),
        ("\u{2018}", "\u{2019}"),
        ("\u{201e}", "\u{201c}"),
        ("\u{ab}", "\u{bb}"),
        ("(", ")"),
        ("[", "]"),
        ("<", ">"),
        ("{", "}"),
        ("$", "$"),
        ("\\boxed{", "}"),
        ("\\text{", "}"),
    ];
    let mut bare = said.trim_matches(|c| is_blank(c) || c == '*' || c == '_');
    loop {
        // Dots trail off: what would follow is not known.
        if bare.ends_with("..") || bare.ends_with('\u{2026}') {
            return bare.to_owned();
        }
        let inner = PAIRS.iter().find_map(|(open, close)| bare.strip_prefix(open)?.strip_suffix(close));
        let inner = inner.or_else(|| bare.strip_suffix(['.', '!']));
        let named =
            inner.or_else(|| bare.get("Response ".len()..).filter(|_| begins_with(bare, "Response ")));
        match named {
            Some(shorter) => bare = shorter.trim_matches(|c| is_blank(c) || c == '*' || c == '_'),
            None => return bare.to_owned(),
        }
    }
}

fn said_label(outcome: Outcome, labels: [&str; 2]) -> Option<String> {
    match outcome {
        Outcome::First => Some(labels[0].to_owned()),
        Outcome::Second => Some(labels[1].to_owned()),
        Outcome::Tie | Outcome::Missing { .. } => None,
    }
}

fn are_in_range(scores: &SeatScores) -> bool {
    [scores.first, scores.second].iter().flat_map(|s| s.values()).all(|score| (1.0..=10.0).contains(&score))
}
