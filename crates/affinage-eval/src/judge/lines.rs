//! The lines of a reply, what each of them says, and what stands before the last one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::about::names_label;
use super::layout::{pieces, with_markdown};
use super::lead_in::{LeadIn, is_heading, is_item};
use super::object::Stated;
use super::reply::{TIE, after_keyword, is_blank, is_fence, is_plain_fence, outcome_of};
use super::shapes::{named_by_key, outcome_behind_keyword, set_apart};
use super::words::{Announces, announces, is_courtesy};
use crate::judgment::Outcome;

/// Whether an object stands indented as code is.
pub(super) fn is_indented(text: &str, line: &Line, stated: &[Stated]) -> bool {
    let Line::Object { index, is_fenced: false } = line else { return false };
    let above = &text[..stated[*index].range.start];
    let space = &above[above.rfind('\n').map_or(0, |at| at + 1)..];
    space.starts_with('\t') || space.len() >= 4
}

/// The text right before the last line, if it is a text.
pub(super) fn lead_in<'t>(
    text: &str,
    (last, said): (&Line, Outcome),
    before: &[Line<'t>],
    stated: &[Stated],
    labels: [&'t str; 2],
) -> Option<LeadIn<'t>> {
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
    let above = &text[..*at];
    let is_repeated = || before.iter().any(|line| line.outcome(stated, labels) == Some(said));
    Some(LeadIn {
        line: with_markdown(line),
        before: rest.last().map(|line| line.prose().unwrap_or_default()),
        is_next,
        is_lone: above[above.trim_end().len()..].matches('\n').count() > 1
            || above.trim_end().is_empty()
            || [">", "]", "---", "===", "***"].iter().any(|end| above.trim_end().ends_with(end)),
        is_bare: !is_repeated(),
        heading: heading(rest),
        list: list(before, labels),
        labels,
        winner: match said {
            Outcome::First => Some(labels[0]),
            Outcome::Second => Some(labels[1]),
            _ => None,
        },
    })
}

/// The last heading of these lines. A line that an object or a fence goes on with is none.
fn heading<'t>(lines: &[Line<'t>]) -> Option<Cow<'t, str>> {
    let mut next = None;
    for line in lines.iter().rev() {
        let goes_on = next.is_some_and(|next: &Line| next.prose().is_none());
        next = Some(line);
        match line.prose().filter(|line| !goes_on && is_heading(line)) {
            Some(heading) if after_keyword(&heading).is_none() => return Some(heading),
            _ => {}
        }
    }
    None
}

/// What introduces the list that these lines end with, if its items name no label.
fn list<'t>(lines: &[Line<'t>], labels: [&str; 2]) -> Option<Cow<'t, str>> {
    let mut is_list = false;
    for line in lines.iter().rev() {
        let line = line.prose()?;
        match is_item(&line) && !line.starts_with("**") {
            true if names_label(&line, labels) => return None,
            true => is_list = true,
            false => return is_list.then_some(line),
        }
    }
    None
}

/// A line that says something, or an object in its place.
pub(super) enum Line<'t> {
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
    pub fn prose(&self) -> Option<Cow<'t, str>> {
        match self {
            Line::Text { line, is_fenced: false, .. } => Some(with_markdown(line)),
            _ => None,
        }
    }

    pub fn outcome(&self, stated: &[Stated], labels: [&str; 2]) -> Option<Outcome> {
        match self {
            Line::Object { index, .. } => Some(&stated[*index])
                .filter(|object| object.names_winner)
                .map(|object| object.verdict.outcome),
            Line::Text { is_fenced: true, .. } | Line::Text { is_indented: true, .. } => None,
            Line::Text { line, .. } => Some(outcome_behind_keyword(&after_keyword(line)?, labels)),
        }
    }

    /// The verdict of a last line that is a label set apart, if no line of `before` sets the other one apart.
    pub fn set_apart(&self, before: &[Line], labels: [&str; 2]) -> Option<Outcome> {
        let Line::Text { line, is_fenced: false, is_indented: false, .. } = self else { return None };
        let announced = before.last().and_then(Line::prose);
        let is_announced = announced.is_some_and(|line| announces(&line) == Some(Announces::Decision));
        let said = set_apart(line, labels, before.is_empty() || is_announced)?;
        let is_other = |line: &Line| {
            line.prose()
                .and_then(|line| set_apart(&line, labels, false))
                .is_some_and(|outcome| outcome != said)
        };
        (!before.iter().any(is_other)).then_some(said)
    }

    /// Whether it states a verdict, or a part of one, that is not `said`.
    pub fn names_other(&self, said: Outcome, stated: &[Stated], labels: [&str; 2]) -> bool {
        match self {
            Line::Object { index, is_fenced } => {
                let object = &stated[*index];
                (object.is_whole || !is_fenced) && object.verdict.outcome != said
            }
            Line::Text { is_fenced: true, .. } | Line::Text { is_indented: true, .. } => false,
            Line::Text { line, .. } if after_keyword(line).is_none() => {
                named_by_key(line, labels).is_some_and(|outcome| outcome != said)
            }
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
pub(super) struct Lines<'t> {
    pub read: Vec<Line<'t>>,
    /// A tag that lays out has no end, or an end no begin.
    pub is_unbalanced: bool,
}

impl<'t> Lines<'t> {
    /// `None` where a fence is still open, or nothing stands behind the last part that is not read.
    pub fn of(text: &'t str, parts: &[Range<usize>], stated: &[Stated]) -> Option<Lines<'t>> {
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
            && line.len() > 2
        {
            lines.pop();
        }
        let is_unbalanced = open_tags.values().any(|count| *count != 0);
        (lines.len() > in_last_part).then_some(Lines { read: lines, is_unbalanced })
    }
}
