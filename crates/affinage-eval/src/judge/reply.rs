//! Reading a verdict.
//!
//! What a judge thinks or quotes is not read (`outline.rs`). The verdict is what the rest ends with: the `winner` of a JSON
//! object that begins a line, or a last line `VERDICT: label`, where the label is exactly one of the two or `tie`, apart from
//! Markdown, signs and the word `Response` around it. Missing is a reply that ends with anything else; that is not whole,
//! because a thought, a quotation, a fence or a brace is still open; that names different verdicts, wherever; and one whose
//! written label is not the one that its probabilities favour.
//!
//! Behind a verdict may stand words of courtesy and nothing else; an object with text before it must hold a rationale or
//! scores too, or be announced as the verdict, because a bare `{"winner": ...}` may be quoted; and what leads to the verdict
//! must not make it part of a sentence or of a quotation (`lead_in.rs`), nor stand in a thought (`heading.rs`). So a label in
//! a thought, a quotation or an order is no vote.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::heading::{is_bare_channel, is_in_thought};
use super::layout::{pieces, with_markdown};
use super::lead_in::{LeadIn, has_open_quotation, is_item};
use super::local::{TIE_BAND, verdict_of_p};
use super::object::{Objects, Stated};
use super::outline::{Open, outline};
use super::wire::TokenChoice;
use super::words::{announces, is_courtesy};
use crate::judgment::{MissingReason, Outcome, ParsePath, SeatScores};

/// The number of the rules by which replies are read: of this module, of what it uses, and of what a server's reply says beside
/// its text. It rises with every change by which a stored reply may read otherwise, and every judgment keeps it, so that older
/// ones are read again (`reread.rs`).
pub const RULES: u32 = 1;

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
    let Some(said) = last.outcome(&stated, labels) else { return missing(MissingReason::Unparsed) };
    if before.iter().any(|line| line.names_other(said, &stated, labels)) {
        return missing(MissingReason::BothLabels);
    }
    let is_quoted = lead_in(text, last, before, &stated).is_some_and(|lead_in| lead_in.quotes());
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

/// The text right before the last line, if it is a text.
fn lead_in<'t>(text: &str, last: &Line, before: &[Line<'t>], stated: &[Stated]) -> Option<LeadIn<'t>> {
    let begin = |line: &Line| match line {
        Line::Object { index, .. } => stated[*index].range.start,
        Line::Text { at, .. } => *at,
    };
    let own = match last {
        Line::Text { line, .. } => line,
        Line::Object { .. } => "",
    };
    // A list is introduced by the line before its first item.
    let mut before = before;
    let mut place = begin(last);
    while is_item(own)
        && let Some((item @ Line::Text { line, .. }, rest)) = before.split_last()
        && is_item(line)
    {
        (place, before) = (begin(item), rest);
    }
    let (Line::Text { at, line, is_fenced: false, .. }, rest) = before.split_last()? else { return None };
    // A verdict that is said twice.
    if after_keyword(line).is_some() {
        return None;
    }
    let is_next = text[at + line.len()..place].matches('\n').count() < 2;
    Some(LeadIn {
        line: with_markdown(line),
        before: rest.last().map(|line| line.prose().unwrap_or_default()),
        is_next,
    })
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

impl<'t> Line<'t> {
    /// What it says, if it is a text outside a fence.
    fn prose(&self) -> Option<Cow<'t, str>> {
        match self {
            Line::Text { line, is_fenced: false, .. } => Some(with_markdown(line)),
            _ => None,
        }
    }

    fn outcome(&self, stated: &[Stated], labels: [&str; 2]) -> Option<Outcome> {
        match self {
            Line::Object { index, .. } => Some(&stated[*index])
                .filter(|object| object.names_winner)
                .map(|object| object.verdict.outcome),
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

/// The lines of what is read that are not empty, without signs alone, without tags that only lay out, and without the courtesies
/// at the end. A fence around all of it is none.
struct Lines<'t> {
    read: Vec<Line<'t>>,
    /// A tag that lays out has no end, or an end no begin.
    is_unbalanced: bool,
}

impl<'t> Lines<'t> {
    /// `None` where a fence is still open, or nothing stands behind the last part that is not read.
    fn of(text: &'t str, parts: &[Range<usize>], stated: &[Stated]) -> Option<Lines<'t>> {
        let mut lines = Vec::new();
        // Before how many of the lines each fence stands.
        let mut fences = Vec::new();
        let mut is_plain = true;
        let mut objects = stated.iter().enumerate().peekable();
        let mut open_tags: BTreeMap<&str, i32> = BTreeMap::new();
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
                    is_plain &= is_plain_fence(line);
                    fences.push(lines.len());
                    at = end;
                    continue;
                }
                let (pieces, tags) =
                    if is_fenced { (vec![(0, &text[at..end])], Vec::new()) } else { pieces(&text[at..end]) };
                for tag in tags.iter().filter(|tag| !tag.is_single()) {
                    *open_tags.entry(tag.name).or_default() += if tag.is_end { -1 } else { 1 };
                }
                for (place, piece) in pieces {
                    let line = piece.trim_matches(is_blank);
                    if line.chars().all(|c| "-*_=#~".contains(c)) {
                        continue;
                    }
                    let space = &piece[..piece.find(line).unwrap_or(0)];
                    let is_indented =
                        tags.is_empty() && (space.contains('\t') || space.matches(' ').count() >= 4);
                    lines.push(Line::Text { at: at + place + space.len(), line, is_fenced, is_indented });
                }
                at = end;
            }
        }
        if fences.len() % 2 == 1 {
            return None;
        }
        if fences == [0, lines.len()] && is_plain {
            for line in &mut lines {
                let (Line::Object { is_fenced, .. } | Line::Text { is_fenced, .. }) = line;
                *is_fenced = false;
            }
        }
        while let Some(Line::Text { line, is_fenced: false, .. }) = lines.last()
            && after_keyword(line).is_none()
            // Below a heading something else was to come.
            && !line.starts_with('#')
            && is_courtesy(line)
        {
            lines.pop();
        }
        let is_unbalanced = open_tags.values().any(|count| *count != 0);
        (lines.len() > in_last_part).then_some(Lines { read: lines, is_unbalanced })
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

/// Whether a fence is named after a form of text, if at all, and not after what the text is (`draft`, `quote`, `thinking`).
fn is_plain_fence(line: &str) -> bool {
    let name = line.trim_start_matches(['`', '~']).to_ascii_lowercase();
    matches!(
        name.as_str(),
        "" | "json" | "json5" | "jsonc" | "text" | "txt" | "plaintext" | "markdown" | "md" | "output"
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
        let named =
            inner.or_else(|| bare.get("Response ".len()..).filter(|_| begins_with(bare, "Response ")));
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
