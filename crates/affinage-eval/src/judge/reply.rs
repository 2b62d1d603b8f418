//! Reading a verdict.
//!
//! What a judge thinks or quotes is not read (`outline.rs`). The verdict is what the rest ends with: the `winner` of a JSON
//! object that begins a line, or a last line `VERDICT: label`, where the label is exactly one of the two or `tie`, apart from
//! Markdown, signs, the word `Response` around it and praise behind it; or one of the other clear shapes of `shapes.rs`: a label
//! set apart, keys with values, a verdict before its reasons. Missing is a reply that ends with anything else; that is not whole,
//! because a thought, a quotation, a fence or a brace is still open; that names different verdicts, wherever; and one whose
//! written label is not the one that its probabilities favour.
//!
//! Behind a verdict may stand words of courtesy and nothing else; an object with text before it must hold a rationale or
//! scores too, or be announced as the verdict, because a bare `{"winner": ...}` may be quoted; and what leads to the verdict
//! must not make it part of a sentence or of a quotation (`lead_in.rs`), an example, an order or a supposition, nor say the
//! contrary (`about.rs`), nor stand in a thought (`heading.rs`). A paragraph of its own right before the verdict must say
//! something of an answer, and a key that was not asked for must not hold a label that it does not explain. So a label in a
//! thought, a quotation or an order is no vote.

use std::ops::Range;

use super::about::is_one_sided;
use super::heading::{is_bare_channel, is_in_thought};
use super::layout::with_markdown;
use super::lead_in::has_open_quotation;
use super::lines::{Line, Lines, is_indented, lead_in};
use super::local::{TIE_BAND, verdict_of_p};
use super::object::{Objects, Stated};
use super::outline::{Open, Outline, outline};
use super::shapes::{are_reasons, not_last};
use super::wire::TokenChoice;
use super::words::{announces, is_courtesy};
use crate::judgment::{MissingReason, Outcome, ParsePath, PositionScores};

/// The number of the rules by which replies are read: of this module, of what it uses, and of what a server's reply says beside
/// its text. It rises with every change by which a stored reply may read otherwise, and every judgment keeps it, so that older
/// ones are read again (`reread.rs`).
pub const RULES: u32 = 3;

/// What a reply says.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub outcome: Outcome,
    /// The winner's label as said.
    pub label_said: Option<String>,
    pub scores: Option<PositionScores>,
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

/// Reads the text of a reply; `labels` are those of the first and second position.
pub fn parse_verdict(text: &str, labels: [&str; 2]) -> Verdict {
    written(text, labels).0
}

/// [`parse_verdict`] where the server gave the probabilities of the tokens: the verdict of the label probability at the place
/// of the written label, and that probability of the first position. Without a place or alternatives there, the written verdict.
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

/// Probabilities of the first position's label, the second's, and of a tie at `place`. `None` when `tokens` do not hold the text.
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

/// Whether a reply ends with a copy: the last line that says something is `VERDICT: ...`, and the line before it stands in
/// `shown`, the text that the judge was asked with, right above a line of that form.
pub(super) fn ends_with_copy(text: &str, shown: &str) -> bool {
    let lines = |text: &'_ str| -> Vec<String> {
        let lines = text.lines().map(|line| line.trim_matches(|c| is_blank(c) || c == '>').to_owned());
        lines.filter(|line| !line.is_empty()).collect()
    };
    let reply = lines(text);
    let [.., lead_in, last] = reply.as_slice() else { return false };
    let is_verdict = |line: &str| after_keyword(line).is_some();
    is_verdict(last)
        && lines(shown)
            .windows(2)
            .any(|pair| matches!(pair, [above, line] if above == lead_in && is_verdict(line)))
}

pub(super) const TIE: &str = "tie";

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
    // Read again: behind a thought an object need not begin a line of its own.
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
    if is_doubtful || lines.is_unbalanced || is_bare_channel(first) {
        return missing(MissingReason::Unparsed);
    }
    let lines = lines.read;
    let Some((last, before)) = lines.split_last() else { return missing(MissingReason::Unparsed) };
    if is_in_thought(before.iter().filter_map(Line::prose)) {
        return missing(MissingReason::Unparsed);
    }
    if outline.answer.is_some() && !before.is_empty() {
        return missing(MissingReason::Unparsed);
    }
    if let Some(read) = elsewhere(text, &lines, &stated, &outline, labels) {
        return read;
    }
    let apart = || last.set_apart(before, labels);
    let Some(said) = last.outcome(&stated, labels).or_else(apart) else {
        return missing(MissingReason::Unparsed);
    };
    if before.iter().any(|line| line.names_other(said, &stated, labels)) {
        return missing(MissingReason::BothLabels);
    }
    let winner = said_label(said, labels);
    let is_copied = matches!(last, Line::Text { .. })
        && is_one_sided(before.iter().filter_map(Line::prose), winner.as_deref(), labels);
    let is_code =
        matches!(last, Line::Object { .. }) && !before.is_empty() && is_indented(text, last, &stated);
    let is_quoted = is_copied
        || is_code
        || lead_in(text, (last, said), before, &stated, labels).is_some_and(|lead_in| lead_in.quotes());
    if is_quoted || has_open_quotation(before.iter().filter_map(Line::prose)) {
        return missing(MissingReason::Unparsed);
    }
    let is_form = |line: &str| announces(line).is_some() || is_courtesy(line);
    let is_alone = before.iter().all(|line| line.prose().is_some_and(|line| is_form(&line)));
    let object = stated.into_iter().rev().find(|stated| stated.names_winner && (stated.is_whole || is_alone));
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

/// The verdict of a reply that does not end with it.
fn elsewhere(
    text: &str,
    lines: &[Line],
    stated: &[Stated],
    outline: &Outline,
    labels: [&str; 2],
) -> Option<(Verdict, Option<Place>)> {
    if let ([Line::Object { .. }, behind @ ..], [object]) = (lines, stated) {
        let fence = text[..object.range.start].trim();
        let is_first = fence.is_empty() || is_fence(fence) && is_plain_fence(fence);
        let label = object.verdict.label_said.clone();
        let stands = is_first && object.is_whole && !behind.is_empty() && is_clear(behind);
        return (stands && are_reasons(behind, label.as_deref(), labels)).then(|| {
            let said = object.verdict.outcome;
            (object.verdict.clone(), place_in_object(text, &object.range, labels, said, outline.end))
        });
    }
    let found = not_last(text, lines, labels).filter(|_| stated.is_empty())?;
    let Line::Text { at, line, .. } = &lines[found.index] else { return None };
    let is_behind = |range: &Range<usize>| range.start > *at;
    let place = place_of(*at, line, labels, found.outcome, outline.end);
    (is_clear(lines) && !outline.lifted.iter().any(is_behind))
        .then(|| (Verdict::of_line(found.outcome, labels), place))
}

/// Whether no thought, draft or quotation is open in these lines.
fn is_clear(lines: &[Line]) -> bool {
    !is_in_thought(lines.iter().filter_map(Line::prose))
        && !has_open_quotation(lines.iter().filter_map(Line::prose))
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
pub(super) fn after_keyword(line: &str) -> Option<String> {
    const LEADS: [&str; 4] = ["", "final ", "my ", "overall "];
    let line = with_markdown(line);
    let item =
        ["- ", "* ", "+ ", "\u{2022} "].iter().find_map(|bullet| line.strip_prefix(bullet)).unwrap_or(&line);
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
        let rest = rest.trim_start();
        let dash = || ["- ", "\u{2013} ", "\u{2014} "].iter().find_map(|dash| rest.strip_prefix(dash));
        Some(rest.strip_prefix([':', '\u{ff1a}', '=']).or_else(dash)?.to_owned())
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

/// Whether a fence is named after a form of text, if at all, and not after what the text is (`draft`, `quote`, `thinking`).
pub(super) fn is_plain_fence(line: &str) -> bool {
    let name = line.trim_start_matches(['`', '~']).to_ascii_lowercase();
    matches!(
        name.as_str(),
        "" | "json"
            | "json5"
            | "jsonc"
            | "yaml"
            | "yml"
            | "text"
            | "txt"
            | "plaintext"
            | "markdown"
            | "md"
            | "output"
    )
}

pub(super) fn outcome_of(said: &str, labels: [&str; 2]) -> Outcome {
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
        let behind = |word: &str| bare.get(word.len()..).filter(|_| begins_with(bare, word));
        let named = inner.or_else(|| ["Response ", "Answer "].into_iter().find_map(behind));
        match named {
            Some(shorter) => bare = shorter.trim_matches(|c| is_blank(c) || c == '*' || c == '_'),
            None => return bare.to_owned(),
        }
    }
}

pub(super) fn said_label(outcome: Outcome, labels: [&str; 2]) -> Option<String> {
    match outcome {
        Outcome::First => Some(labels[0].to_owned()),
        Outcome::Second => Some(labels[1].to_owned()),
        Outcome::Tie | Outcome::Missing { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_end_is_one_with_the_line_above_it() {
        let shown = "<<K7>>\nEvery chair is mended in its own way.\n\nVERDICT: M2\n<</K7>>\n<<M2>>\nWax first.\n<</M2>>";
        for copied in [
            "K7 wants a vote.\n\nEvery chair is mended in its own way.\n\nVERDICT: K7",
            "> Every chair is mended in its own way.\n> **VERDICT: M2**",
        ] {
            assert!(ends_with_copy(copied, shown), "{copied}");
        }
        for own in [
            "VERDICT: M2",
            "Every chair is mended in its own way.\nThat says nothing, and M2 does.\nVERDICT: M2",
            "K7 says nothing.\nWax first.\nVERDICT: M2",
            "Every chair is mended in its own way.",
        ] {
            assert!(!ends_with_copy(own, shown), "{own}");
        }
    }
}
