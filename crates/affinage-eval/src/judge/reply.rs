//! Reading a verdict.
//!
//! What a judge thinks is not read, and a thought without an end makes the reply cut. The verdict is what the rest ends with:
//! the `winner` of a JSON object that begins a line, or a last line `VERDICT: label`, where the label is exactly one of
//! the two or `tie`, apart from Markdown, signs and the word `Response` around it. A reply that ends with anything else, that
//! states two verdicts beside each other, or whose written label is not the one that its probabilities favour, is missing.
//!
//! Behind a verdict may stand words of courtesy and nothing else; an object with text before it must hold a rationale or
//! scores too, because a bare `{"winner": ...}` may be quoted. So a label in a thought, a quotation or an order is no vote.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use serde_json::Value;

use super::local::{TIE_BAND, verdict_of_p};
use super::loose_json::{self, object_end};
use super::wire::TokenChoice;
use crate::judgment::{CriterionScores, MissingReason, Outcome, ParsePath, SeatScores};
use crate::thought::end_of_thoughts;

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
    let (verdict, place) = written(text, labels);
    let p = place.and_then(|place| label_probability(text, &place, tokens, labels));
    held_against(verdict, p, labels)
}

/// The verdict of a reply that was cut, where only the label is asked for: what was cut behind it says nothing. The answer
/// must begin with a whole verdict line that no label follows, or be cut inside its label, and have alternatives there; else
/// `None`.
pub fn cut_verdict(text: &str, tokens: &[TokenChoice], labels: [&str; 2]) -> Option<(Verdict, Option<f64>)> {
    let start = end_of_thoughts(text, &[])?;
    let answer = text[start..].trim_start();
    let line = text.len() - answer.len();
    let (first, rest) = answer.split_once('\n').map_or((answer, ""), |(first, rest)| (first, rest));
    let colon = first.find([':', '\u{ff1a}'])?;
    let said =
        first[colon..].trim_start_matches(|c| is_decoration(c) || ":\u{ff1a}\"'([<\u{201c}".contains(c));
    let place = Place { line, label: line + first.len() - said.len() };
    let begun = |label: &&str| !said.is_empty() && rest.is_empty() && label.starts_with(said.trim_end());
    let outcome =
        match (outcome_of(&after_keyword(first)?, labels), labels.iter().filter(|l| begun(l)).count()) {
            (outcome @ (Outcome::First | Outcome::Second), _) => outcome,
            (_, 1) if begun(&labels[0]) => Outcome::First,
            (_, 1) => Outcome::Second,
            _ => return None,
        };
    if labels.iter().any(|label| rest.contains(label)) {
        return None;
    }
    let p = label_probability(text, &place, tokens, labels)?;
    Some(held_against(Verdict::of_line(outcome, labels), Some(p), labels))
}

/// The written verdict held against the label probability `p` of the first seat.
fn held_against(written: Verdict, p: Option<f64>, labels: [&str; 2]) -> (Verdict, Option<f64>) {
    let favoured = match (written.outcome, p) {
        (Outcome::First, Some(p)) => p,
        (Outcome::Second, Some(p)) => 1.0 - p,
        _ => return (written, None),
    };
    if 0.5 - favoured >= TIE_BAND {
        return (Verdict::missing(MissingReason::ScoredOtherwise), p);
    }
    (p.map_or(written, |p| verdict_of_p(p, labels)), p)
}

/// Where the verdict (its line or object) and its label begin in the reply.
struct Place {
    line: usize,
    label: usize,
}

/// Probability of the first seat's label against the second's at `place`. `None` when `tokens` do not hold the text, or
/// neither label is among the likeliest tokens there.
///
/// A token counts for a label that it begins; the two labels of a request begin with different letters. The tokens may hold
/// more than the text (a thought in front, a mark of the end behind), so its last occurrence among them is taken.
fn label_probability(text: &str, place: &Place, tokens: &[TokenChoice], labels: [&str; 2]) -> Option<f64> {
    let written: String = tokens.iter().map(|choice| choice.token.as_str()).collect();
    let at = written.rfind(text[place.line..].trim_end())? + place.label - place.line;
    let mut end = 0;
    let at_label = tokens.iter().find(|choice| {
        end += choice.token.len();
        end > at
    })?;
    let mass = |label: &str| -> f64 {
        let bare = |token: &str| token.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
        let begins = |token: &str| !bare(token).is_empty() && label.starts_with(&bare(token));
        at_label.likeliest.iter().filter(|(token, _)| begins(token)).map(|(_, logprob)| logprob.exp()).sum()
    };
    let (first, second) = (mass(labels[0]), mass(labels[1]));
    let p = first / (first + second);
    p.is_finite().then_some(p)
}

/// The written verdict, and where it stands if it names a label.
fn written(text: &str, labels: [&str; 2]) -> (Verdict, Option<Place>) {
    let missing = |reason| (Verdict::missing(reason), None);
    let masked: Vec<Range<usize>> = objects(text).into_iter().map(|(range, _)| range).collect();
    let Some(start) = end_of_thoughts(text, &masked) else {
        return missing(MissingReason::Truncated);
    };
    // Read anew: behind a thought an object need not begin a line of its own.
    let stated: Vec<Stated> = objects(&text[start..])
        .into_iter()
        .filter_map(|(range, object)| object?.stated(start + range.start..start + range.end, labels))
        .collect();
    let lines = lines(text, start, &stated);
    let Some((last, before)) = lines.split_last() else { return missing(MissingReason::Unparsed) };
    let Some(said) = last.outcome(&stated, labels) else { return missing(MissingReason::Unparsed) };
    let is_vote = |outcome: &Outcome| !matches!(outcome, Outcome::Missing { .. });
    let beside = before.last().and_then(|line| line.outcome(&stated, labels)).filter(is_vote);
    let whole = stated.iter().filter(|stated| stated.is_whole).map(|stated| stated.verdict.outcome);
    if beside.into_iter().chain(whole).any(|other| other != said) {
        return missing(MissingReason::BothLabels);
    }
    let object = stated.into_iter().rev().find(|stated| stated.is_whole || lines.len() == 1);
    match (last, object) {
        (Line::Object(_), None) => missing(MissingReason::Unparsed),
        (Line::Object(_), Some(object)) => {
            let place = place_in_object(text, &object.range, labels, said);
            (object.verdict, place)
        }
        (Line::Text { at, line, .. }, object) => {
            let verdict = object.map_or_else(|| Verdict::of_line(said, labels), |object| object.verdict);
            (verdict, place_of(*at, line, labels, said))
        }
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
    /// The position in the list of objects that name a winner.
    Object(usize),
    Text {
        at: usize,
        line: &'t str,
        /// It stands in a code fence, which shows what others wrote.
        is_fenced: bool,
    },
}

impl Line<'_> {
    fn outcome(&self, stated: &[Stated], labels: [&str; 2]) -> Option<Outcome> {
        match self {
            Line::Object(i) => Some(stated[*i].verdict.outcome),
            Line::Text { is_fenced: true, .. } => None,
            Line::Text { line, .. } => Some(outcome_of(&after_keyword(line)?, labels)),
        }
    }
}

/// The lines from `start` on that are not empty, without signs alone, and without the courtesies at the end. A fence around all
/// of it is none.
fn lines<'t>(text: &'t str, start: usize, stated: &[Stated]) -> Vec<Line<'t>> {
    let mut lines = Vec::new();
    // Before how many of the lines each fence stands.
    let mut fences = Vec::new();
    let mut objects = stated.iter().enumerate().peekable();
    let mut at = start;
    while at < text.len() {
        let end = text[at..].find('\n').map_or(text.len(), |length| at + length + 1);
        if let Some((i, object)) = objects.next_if(|(_, object)| object.range.start < end) {
            lines.push(Line::Object(i));
            at = object.range.end;
            continue;
        }
        let line = without_end_tokens(text[at..end].trim_matches(is_blank));
        if is_fence(line) {
            fences.push(lines.len());
        } else if !line.chars().all(|c| "-*_=#~".contains(c)) {
            let at = at + text[at..end].find(line).unwrap_or(0);
            lines.push(Line::Text { at, line, is_fenced: fences.len() % 2 == 1 });
        }
        at = end;
    }
    if fences == [0, lines.len()] {
        lines.iter_mut().for_each(|line| {
            if let Line::Text { is_fenced, .. } = line {
                *is_fenced = false;
            }
        });
    }
    while let Some(Line::Text { line, is_fenced: false, .. }) = lines.last()
        && after_keyword(line).is_none()
        && is_courtesy(line)
    {
        lines.pop();
    }
    lines
}

fn place_of(at: usize, line: &str, labels: [&str; 2], outcome: Outcome) -> Option<Place> {
    let label = said_label(outcome, labels)?;
    Some(Place { line: at, label: at + line.rfind(label.as_str())? })
}

/// The place of the winner's label in the object that states it.
fn place_in_object(text: &str, range: &Range<usize>, labels: [&str; 2], outcome: Outcome) -> Option<Place> {
    const KEY: &str = "\"winner\"";
    let label = said_label(outcome, labels)?;
    let object = &text[range.clone()];
    let behind = &object[object.rfind(KEY)? + KEY.len()..];
    let value = behind.trim_start_matches(|c| is_decoration(c) || c == ':' || c == '"');
    let value = value.get("Response ".len()..).filter(|_| begins_with(value, "Response ")).unwrap_or(value);
    value.starts_with(&label).then(|| Place { line: range.start, label: range.end - value.len() })
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
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}' | '\u{200e}' | '\u{2060}' | '\u{feff}')
}

fn is_fence(line: &str) -> bool {
    ["```", "~~~"].iter().any(|fence| {
        line.strip_prefix(fence).is_some_and(|name| name.chars().all(|c| c.is_ascii_alphanumeric()))
    })
}

/// Marks of the end that servers leave in the text.
fn without_end_tokens(line: &str) -> &str {
    const ENDS: [&str; 10] = [
        "<|im_end|>",
        "<|eot_id|>",
        "<|end|>",
        "<|return|>",
        "<|endoftext|>",
        "<|end_of_text|>",
        "<end_of_turn>",
        "<eos>",
        "</s>",
        "<|end_of_turn|>",
    ];
    match ENDS.iter().find_map(|end| line.strip_suffix(end)) {
        Some(rest) => without_end_tokens(rest.trim_end()),
        None => line,
    }
}

/// Whether a line behind a verdict takes nothing of it back, because it is made of these words alone.
fn is_courtesy(line: &str) -> bool {
    const WORDS: &str = " a above all always and any anything are as asked ask assist assistance been both can carefully clarification \
        compare compared comparing criteria detail details done elaborate else end evaluate evaluated evaluation explain explanation \
        feel final for free further given glad happy have help helpful helps here hope i if in information is it json judged \
        judgement judgment know let me more my need object of on output please provide provided questions rationale read \
        reading reasoning requested rubric scores thank thanks that the this to twice verdict very want was were with you your ";
    let words = crate::text::words(line);
    !words.is_empty() && words.iter().all(|word| WORDS.contains(&format!(" {word} ")))
}

/// A key that stands twice is an error of this form, so that no object can name two winners.
#[derive(Deserialize)]
struct JsonReply {
    rationale: Option<Value>,
    #[serde(default, deserialize_with = "scores_or_none")]
    scores: Option<BTreeMap<String, CriterionScores>>,
    winner: Option<Value>,
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
        let is_whole = self.rationale.is_some() || self.scores.is_some();
        let outcome = match self.winner?.as_str() {
            Some(said) => outcome_of(said, labels),
            None => Outcome::Missing { reason: MissingReason::UnknownLabel },
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

/// The objects that begin a line; `None` in place of one that is JSON of another form.
fn objects(text: &str) -> Vec<(Range<usize>, Option<JsonReply>)> {
    let mut found: Vec<(Range<usize>, Option<JsonReply>)> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at + line.len() - line.trim_start_matches(is_blank).len();
        at += line.len();
        let is_inside = found.last().is_some_and(|(range, _)| range.contains(&start));
        if is_inside || !text[start..].starts_with('{') {
            continue;
        }
        let Some(length) = object_end(&text[start..]) else { continue };
        let object = &text.as_bytes()[start..start + length];
        if loose_json::parse::<serde::de::IgnoredAny>(object).is_some() {
            found.push((start..start + length, loose_json::parse(object)));
        }
    }
    found
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
