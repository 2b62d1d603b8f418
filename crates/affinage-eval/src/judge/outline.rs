//! Which parts of a reply are read: what a judge thinks, what it quotes between signs or markers, and what stands behind the
//! end of its turn are not.

use std::ops::Range;

use super::layout::layout_at;
use super::reply::{is_blank, is_fence};
use crate::signs::{Sign, SignKind, sign_at, signs};

/// What of a reply is read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Outline {
    /// Where the judge's turn ends.
    pub end: usize,
    /// What is not read before that, in order: thoughts, and what stands between an opening and a closing sign.
    pub lifted: Vec<Range<usize>>,
    /// The inside of an `<answer>` or `<final>` that is all of the reply apart from thoughts.
    pub answer: Option<Range<usize>>,
    /// What is opened and never closed, if anything is.
    pub open: Option<Open>,
}

impl Outline {
    /// What is read: one part more than there are lifted ranges, some of them empty.
    pub fn parts(&self) -> Vec<Range<usize>> {
        let starts = std::iter::once(0).chain(self.lifted.iter().map(|range| range.end));
        let ends = self.lifted.iter().map(|range| range.start).chain([self.end]);
        starts.zip(ends).map(|(start, end)| start..end).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    /// Nothing more came.
    Thought,
    /// It may be a quotation or a heading.
    Quotation,
}

const QUOTATION_MARKS: [char; 7] = ['"', '\'', '`', '\u{201c}', '\u{2018}', '\u{201e}', '\u{ab}'];
const COMMENT: &str = "!--";

/// The outline of `text`; objects that were read as JSON are `masked`, in order, and signs in them mark nothing.
///
/// A sign counts where it is not directly behind a quotation mark, and names a thought, or stands alone on its line, or where
/// the reply begins; so `<b>` and `<K7>` within a sentence are words. An end without a begin ends a thought that the prompt
/// began. A thought that opens another one and ends once has no end.
pub(super) fn outline(text: &str, masked: &[Range<usize>], labels: [&str; 2]) -> Outline {
    let mut scan = Scan { text, at: 0, is_first: true, is_fenced: false, seen: 0, line: 0, labels };
    let mut outline = Outline { end: text.len(), ..Outline::default() };
    let mut open: Vec<(Sign, usize, bool)> = Vec::new();
    let mut answer = None;
    let mut has_answer = false;
    let mut masked = masked.iter().peekable();
    for (place, sign) in signs(text) {
        while masked.next_if(|range| range.end <= place).is_some() {}
        let is_masked = masked.peek().is_some_and(|range| range.contains(&place));
        let is_layout = || layout_at(&text[place..]).is_some();
        if place < scan.at || is_masked || text[..place].ends_with(QUOTATION_MARKS) || is_layout() {
            continue;
        }
        let behind = place + sign.len;
        if let Some((outer, begin, was_first)) = open.last() {
            if sign.name == outer.name && sign.kind == SignKind::Open {
                open.push((sign, place, false));
            } else if sign.name == outer.name && sign.kind == SignKind::Close {
                answer = (*was_first && is_answer(outer)).then(|| begin + outer.len..place);
                has_answer |= sign.name == "channel";
                let begin = *begin;
                open.pop();
                if open.is_empty() {
                    outline.lifted.push(begin..behind);
                    scan.skip_to(behind);
                }
            }
            scan.at = behind;
            continue;
        }
        scan.read_to(place);
        let is_first = scan.is_first;
        match sign.kind {
            SignKind::Answer if is_first => scan.lift(&mut outline, place..behind),
            SignKind::EndOfTurn if is_first => scan.lift(&mut outline, place..behind),
            SignKind::EndOfTurn if !has_answer && channel_behind(&text[behind..]).is_some() => {
                scan.at = behind + channel_behind(&text[behind..]).unwrap_or_default();
            }
            SignKind::StartOfTurn if is_first => match role_behind(&sign, &text[behind..]) {
                Some(length) => scan.lift(&mut outline, place..behind + length),
                None => outline.open = Some(Open::Thought),
            },
            SignKind::EndOfTurn | SignKind::StartOfTurn => {
                outline.end = place;
                break;
            }
            SignKind::Close if sign.is_thought || scan.begins_line(place) => {
                has_answer |= sign.name == "channel";
                outline.lifted.clear();
                scan.lift(&mut outline, 0..behind);
            }
            SignKind::Open if sign.name == COMMENT && scan.begins_line(place) => {
                match text[behind..].find("-->") {
                    Some(length) => scan.lift(&mut outline, place..behind + length + "-->".len()),
                    None => open.push((sign, place, false)),
                }
            }
            SignKind::Open => {
                if !scan.counts(&sign, place) {
                    continue;
                }
                let is_block = sign.is_thought || is_first && is_answer(&sign);
                match scan.end_on_line(&sign, behind).filter(|_| !is_block) {
                    Some(end) => scan.at = end,
                    None => open.push((sign, place, is_first)),
                }
            }
            SignKind::Close | SignKind::Answer => {}
        }
        scan.at = scan.at.max(behind);
    }
    if let Some((sign, place, _)) = open.first() {
        let is_heading = text[*place..].starts_with('[') && !sign.is_thought;
        let left = if is_marker(sign) || is_heading { Open::Quotation } else { Open::Thought };
        outline.open = outline.open.or(Some(left));
    }
    let last = outline.lifted.last().map_or(0, |range| range.end);
    outline.answer = answer.filter(|_| text[last..outline.end].chars().all(is_blank));
    outline
}

/// Where a text has been read to. Every character is looked at a bounded number of times.
struct Scan<'t> {
    text: &'t str,
    /// Signs before this place are done with.
    at: usize,
    /// Nothing but blanks and what is lifted stands before `seen`.
    is_first: bool,
    is_fenced: bool,
    seen: usize,
    /// Where the line of `seen` begins.
    line: usize,
    labels: [&'t str; 2],
}

impl Scan<'_> {
    fn read_to(&mut self, place: usize) {
        for (at, c) in self.text[self.seen..place].char_indices() {
            self.is_first &= is_blank(c);
            if c == '\n' {
                let end = self.seen + at;
                let line = self.text[self.line.min(end)..end].trim_matches(is_blank);
                self.is_fenced ^= is_fence(line);
                self.line = end + 1;
            }
        }
        self.seen = self.seen.max(place);
    }

    /// Goes on behind what is not read, which changes nothing.
    fn skip_to(&mut self, place: usize) {
        self.seen = place;
        self.line = place;
        self.at = place;
    }

    fn lift(&mut self, outline: &mut Outline, range: Range<usize>) {
        self.is_first |= range.start == 0;
        self.skip_to(range.end);
        outline.lifted.push(range);
    }

    fn begins_line(&self, place: usize) -> bool {
        self.text[self.line..place].chars().all(is_blank)
    }

    /// Whether an opening sign opens something.
    fn counts(&self, sign: &Sign, place: usize) -> bool {
        let behind = &self.text[place + sign.len..];
        let ends_line = || behind.split('\n').next().is_some_and(|rest| rest.chars().all(is_blank));
        let is_alone = || self.begins_line(place) && ends_line();
        match () {
            () if sign.is_thought => true,
            () if self.is_fenced || sign.name == COMMENT => false,
            () if self.labels.iter().any(|label| sign.name.eq_ignore_ascii_case(label)) => false,
            () if is_marker(sign) => is_alone(),
            () => self.is_first || is_alone(),
        }
    }

    /// Behind the closing sign that stands on the same line.
    fn end_on_line(&self, open: &Sign, behind: usize) -> Option<usize> {
        let line = self.text[behind..].split('\n').next().unwrap_or_default();
        let closes = |sign: &Sign| sign.kind == SignKind::Close && sign.name == open.name;
        // In HTML `</s>` ends `<s>`.
        let ends = |sign: &Sign| sign.kind == SignKind::EndOfTurn && sign.name == open.name;
        let (at, sign) = signs(line).find(|(_, sign)| closes(sign) || ends(sign))?;
        Some(behind + at + sign.len)
    }
}

fn is_answer(sign: &Sign) -> bool {
    matches!(sign.name.as_str(), "answer" | "final" | "final_answer")
}

/// Between such markers the answers stand in the request.
fn is_marker(sign: &Sign) -> bool {
    sign.name.starts_with("<<")
}

/// How much stands before the sign of a further channel of the same turn.
fn channel_behind(text: &str) -> Option<usize> {
    let next = sign_at(text).filter(|sign| sign.name == "start")?;
    let rest = text[next.len..].strip_prefix("assistant")?;
    let is_channel = sign_at(rest).is_some_and(|sign| sign.name == "channel");
    is_channel.then(|| text.len() - rest.len())
}

/// How much of `text` belongs to the beginning of the judge's own turn; `None` where it is the turn of somebody else.
fn role_behind(start: &Sign, text: &str) -> Option<usize> {
    let is_own = |role: &str| matches!(role, "assistant" | "model");
    if is_own(&start.name) || start.name == "bos" {
        return Some(0);
    }
    let role = &text[..text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len())];
    if !matches!(start.name.as_str(), "im_start" | "start" | "start_header_id" | "start_of_turn" | "turn")
        || !(role.is_empty() || is_own(&role.to_ascii_lowercase()))
    {
        return None;
    }
    let header = sign_at(&text[role.len()..]).filter(|sign| sign.name == "end_header_id");
    Some(role.len() + header.map_or(0, |sign| sign.len))
}
