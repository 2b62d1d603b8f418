//! Learns who speaks in a transcript from line patterns that recur.
//!
//! A label is: a mark (`-`, `>`, a callout), a time, a name, a time, a colon, in this order; all but the name may be
//! missing, and the name may stand in emphasis or brackets. How a text marks its speakers is its style, and each text
//! has one: lines in another style belong to the turn they stand in.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::dress;
use super::fences::{self, Unclosed};
use super::mail;
use super::role_words::{self, is_invisible, is_joined, obvious_role};
use super::stamp;
use crate::conversation::NodeRole;

/// How a speaker's turns are marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// `NAME: text`, also with Markdown emphasis (`**NAME:** text`).
    Prefix,
    /// `- NAME: text`
    Bullet,
    /// `> NAME: text`; the text is quoted too.
    Quote,
    /// `> [!NOTE] NAME` of Obsidian; the text is quoted too.
    Callout,
    /// `<NAME> text`
    Angle,
    /// A line of a chat log: a name with a time before or behind it.
    Timed,
    /// `## NAME`
    Heading,
    /// A paragraph that is only `NAME`.
    Line,
    /// A field of a message.
    Field,
}

impl Style {
    /// Lines of this style begin turns wherever they stand; others only at the start of a paragraph.
    fn needs_no_paragraph(self) -> bool {
        !matches!(self, Style::Prefix | Style::Line)
    }

    /// The words of a turn have a `>` before them.
    pub fn is_quoted(self) -> bool {
        matches!(self, Style::Quote | Style::Callout)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Speaker {
    pub name: String,
    pub style: Style,
    pub count: usize,
}

impl Speaker {
    /// The name itself says that this is the user (`User`, `Me`).
    pub fn is_obvious_user(&self) -> bool {
        obvious_role(&self.name) == Some(NodeRole::User)
    }
}

/// A line that begins a turn if its name turns out to be a speaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label<'a> {
    pub line: usize,
    pub name: Cow<'a, str>,
    pub style: Style,
    /// What follows the label on its line.
    pub rest: &'a str,
}

#[derive(Debug)]
pub struct Learnt<'a> {
    /// Most frequent first.
    pub speakers: Vec<Speaker>,
    /// All labels of these speakers, in order of lines.
    pub labels: Vec<Label<'a>>,
    pub inner_label_lines: usize,
    /// The most frequent name that was no speaker because nobody answers it.
    pub lone: Option<Speaker>,
    /// If there is no speaker: names that answer each other too seldom to be sure, in a text that is hardly more than that.
    pub likely: Vec<Speaker>,
}

/// A name is a speaker from this many turns on ...
const MIN_COUNT: usize = 3;
/// ... or from this many if the user named somebody it talks with.
const MIN_COUNT_BESIDE_GIVEN: usize = 2;
const MAX_NAME_CHARS: usize = 30;
const MAX_NAME_WORDS: usize = 3;
/// Contacts of a chat log are longer (`Dr. Anna Maria von der Heide`, telephone numbers).
const MAX_CONTACT_CHARS: usize = 60;
const MAX_CONTACT_WORDS: usize = 6;
/// From this share on, labels at line starts inside paragraphs are turns too (logs without blank lines).
const INNER_SHARE: f64 = 0.5;

/// Finds speakers. `given` are names the user assigned; one occurrence is enough for them.
pub fn learn<'a>(lines: &[&'a str], given: &[&str]) -> Learnt<'a> {
    let all = labels(lines);
    let is_code = fences::inside(lines, Unclosed::Nothing);
    let outside: Vec<&Label<'a>> = all.iter().filter(|l| !is_code[l.line]).collect();
    let starts: Vec<&Label<'a>> = outside.iter().filter(|l| at_paragraph_start(lines, l)).copied().collect();
    let from_starts = count(lines, &starts, given);
    let from_all = count(lines, &outside, given);
    let total = |speakers: &[Speaker]| speakers.iter().map(|s| s.count).sum::<usize>();
    let inner = total(&from_all).saturating_sub(total(&from_starts));
    let use_all = inner as f64 >= INNER_SHARE * total(&from_all).max(1) as f64;
    let mut speakers = if use_all { from_all } else { from_starts };
    let begun: &[&Label<'a>] = if use_all { &outside } else { &starts };
    speakers.extend(dress::sides(lines, begun, &speakers));
    let lone = if speakers.is_empty() { most_frequent(&outside) } else { None };
    let likely = if speakers.is_empty() { likely(lines, &outside) } else { Vec::new() };

    let is_speaker = |l: &Label| speakers.iter().any(|s| s.style == l.style && s.name == l.name);
    let begins = |l: &Label| use_all || at_paragraph_start(lines, l);
    let spoken: Vec<Label<'a>> = all.into_iter().filter(is_speaker).collect();
    let at: Vec<usize> = spoken.iter().filter(|l| begins(l)).map(|l| l.line).collect();
    let is_code = fences::inside_turns(lines, &at);
    let (kept, inner): (Vec<Label>, Vec<Label>) =
        spoken.into_iter().filter(|l| !is_code[l.line]).partition(begins);
    Learnt { speakers, labels: kept, inner_label_lines: inner.len(), lone, likely }
}

/// Names are compared without case, invisible marks and what stands around them.
pub fn same_name(a: &str, b: &str) -> bool {
    role_words::plain(a) == role_words::plain(b)
}

/// Numbers of the turns that begin with a name.
#[derive(Default)]
struct Counted {
    turns: usize,
    /// One of the given names speaks next.
    is_answered: bool,
}

fn count(lines: &[&str], labels: &[&Label<'_>], given: &[&str]) -> Vec<Speaker> {
    let is_given = |name: &str| given.iter().any(|g| same_name(g, name));
    let mut counts: BTreeMap<(Style, &str), Counted> = BTreeMap::new();
    let mut last_of: BTreeMap<Style, &str> = BTreeMap::new();
    // Whoever is sure to speak; those they answer need no third turn.
    let given_names: Vec<&str> = {
        let mut names: Vec<&str> = labels.iter().map(|l| l.name.as_ref()).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().filter(|name| is_given(name) || role_words::is_certain_assistant(name)).collect()
    };
    for label in labels {
        let name = label.name.as_ref();
        counts.entry((label.style, name)).or_default().turns += 1;
        if let Some(before) = last_of.insert(label.style, name)
            && before != name
            && given_names.contains(&name)
            && let Some(counted) = counts.get_mut(&(label.style, before))
        {
            counted.is_answered = true;
        }
    }
    let styles: Vec<Style> = {
        let mut styles: Vec<Style> = counts.keys().map(|(style, _)| *style).collect();
        styles.dedup();
        styles
    };
    let answering = dress::answering(lines, labels);
    let of_style = |style: Style, beside_given: usize| -> Vec<Speaker> {
        let is_speaker = |name: &str, counted: &Counted| {
            given_names.contains(&name)
                || answering.contains(&(style, name))
                || (!role_words::is_remark(name)
                    && (counted.turns >= MIN_COUNT
                        || obvious_role(name).is_some()
                        || (counted.is_answered && counted.turns >= beside_given)))
        };
        let of = counts.range((style, "")..).take_while(|((s, _), _)| *s == style);
        of.filter(|((_, name), counted)| is_speaker(name, counted))
            .map(|((_, name), counted)| Speaker { name: (*name).to_owned(), style, count: counted.turns })
            .collect()
    };
    // A single repeated pattern is no dialogue; neither is one style's noise beside another style's speakers.
    let is_dialogue = |speakers: &Vec<Speaker>| speakers.len() >= 2;
    let weight = |speakers: &Vec<Speaker>| {
        let is = |wanted: &dyn Fn(&Speaker) -> bool| speakers.iter().filter(|s| wanted(s)).count();
        let turns: usize = speakers.iter().map(|s| s.count).sum();
        (is(&|s| is_given(&s.name)).min(1), is(&|s| obvious_role(&s.name).is_some()).min(2), turns)
    };
    let best = |beside_given: usize| {
        styles.iter().map(|&style| of_style(style, beside_given)).filter(is_dialogue).max_by_key(weight)
    };
    // Whoever talks with a given name once is a speaker if nobody else is.
    let mut speakers = best(MIN_COUNT_BESIDE_GIVEN).or_else(|| best(1)).unwrap_or_default();
    speakers.extend(seldom(lines, labels, &speakers));
    speakers.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    speakers
}

/// Names of a log that come too seldom to be learnt alone, on lines of the very form of those that begin the speakers' turns.
fn seldom(lines: &[&str], labels: &[&Label<'_>], speakers: &[Speaker]) -> Vec<Speaker> {
    if speakers.first().is_none_or(|speaker| speaker.style != Style::Timed) {
        return Vec::new();
    }
    let is_speaker = |l: &Label| speakers.iter().any(|s| s.style == l.style && s.name == l.name);
    let forms: BTreeSet<String> =
        labels.iter().filter(|l| is_speaker(l)).filter_map(|l| form(lines[l.line], l)).collect();
    // What a program says of a speaker begins with the name: `Mara changed the subject to: boats`.
    let is_of_speaker = |name: &str| speakers.iter().any(|s| name.starts_with(&format!("{} ", s.name)));
    let is_blank = |line: Option<&&str>| line.is_none_or(|line| line.trim().is_empty());
    let begins = |l: &Label| {
        let is_apart = l.line == 0 || is_blank(lines.get(l.line - 1));
        let has_form = form(lines[l.line], l)
            .is_some_and(|form| forms.contains(&form) && (form.ends_with(':') || is_apart));
        has_form && (!l.rest.is_empty() || !is_blank(lines.get(l.line + 1)))
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for label in labels.iter().filter(|l| l.style == Style::Timed && !is_speaker(l) && begins(l)) {
        if !is_of_speaker(&label.name) && !role_words::is_remark(&label.name) {
            *counts.entry(&label.name).or_default() += 1;
        }
    }
    let found = counts.into_iter();
    found.map(|(name, count)| Speaker { name: name.to_owned(), style: Style::Timed, count }).collect()
}

/// A label as written, with a sign for its name and one for each number: `[0/0/0, 0:0:0] N:`.
fn form(line: &str, label: &Label<'_>) -> Option<String> {
    let written = line.strip_suffix(label.rest)?;
    let at = written.find(label.name.as_ref())?;
    let before = written[..at].trim_end_matches(|c: char| matches!(c, '~' | ' ') || is_invisible(c));
    let written = format!("{before} N{}", &written[at + label.name.len()..]);
    let mut form = String::new();
    for c in written.trim_end().chars().filter(|c| !is_invisible(*c)) {
        let c = if c.is_numeric() { '0' } else { c };
        if c != '0' || !form.ends_with('0') {
            form.push(c);
        }
    }
    Some(form)
}

/// Names of one style that come twice each, in turn, if half of the paragraphs begin with one of them.
fn likely(lines: &[&str], labels: &[&Label<'_>]) -> Vec<Speaker> {
    let mut counts: BTreeMap<(Style, &str), usize> = BTreeMap::new();
    let named = labels.iter().filter(|l| l.style != Style::Line && !role_words::is_remark(&l.name));
    named.clone().for_each(|label| *counts.entry((label.style, &label.name)).or_default() += 1);
    counts.retain(|_, count| *count >= MIN_COUNT_BESIDE_GIVEN);
    let Some(style) = counts.keys().map(|(style, _)| *style).max_by_key(|style| {
        counts.iter().filter(|((of, _), _)| of == style).map(|(_, count)| count).sum::<usize>()
    }) else {
        return Vec::new();
    };
    counts.retain(|(of, _), _| *of == style);
    let turns: Vec<&str> =
        named.filter(|l| counts.contains_key(&(l.style, l.name.as_ref()))).map(|l| l.name.as_ref()).collect();
    let changes = turns.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let is_blank = |line: &&str| line.trim().is_empty();
    let paragraphs = lines.split(is_blank).filter(|paragraph| !paragraph.is_empty()).count();
    if counts.len() < 2 || changes < 3 || 2 * turns.len() < paragraphs {
        return Vec::new();
    }
    let mut found: Vec<Speaker> = counts
        .into_iter()
        .map(|((style, name), count)| Speaker { name: name.to_owned(), style, count })
        .collect();
    found.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    found
}

/// The name that recurs most, whoever it is.
fn most_frequent(labels: &[&Label<'_>]) -> Option<Speaker> {
    let mut counts: BTreeMap<(&str, Style), usize> = BTreeMap::new();
    for label in labels.iter().filter(|l| l.style != Style::Line && !role_words::is_remark(&l.name)) {
        *counts.entry((&label.name, label.style)).or_default() += 1;
    }
    let ((name, style), count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    (count >= MIN_COUNT_BESIDE_GIVEN).then(|| Speaker { name: name.to_owned(), style, count })
}

fn at_paragraph_start(lines: &[&str], label: &Label<'_>) -> bool {
    label.style.needs_no_paragraph() || label.line == 0 || {
        // Blank, a rule, or a picture of the speaker.
        let before = lines[label.line - 1].trim();
        !before.chars().any(char::is_alphanumeric) && !before.starts_with(['`', '~'])
    }
}

/// Every line that looks like a label, code or not.
fn labels<'a>(lines: &[&'a str]) -> Vec<Label<'a>> {
    let is_blank = |line: Option<&&str>| line.is_none_or(|line| line.trim().is_empty());
    // The line below a heading that is underlined.
    let ends = |line: Option<&&str>| is_blank(line) || line.is_some_and(|line| dress::is_rule(line));
    let mut found = Vec::new();
    let is_head = mail::heads(lines);
    for (line, &text) in lines.iter().enumerate().filter(|(line, _)| !is_head[*line]) {
        let is_first = line == 0 || is_blank(lines.get(line - 1));
        // What a page says over a message needs no line of its own behind it.
        let alone = is_first && (ends(lines.get(line + 1)) || role_words::is_said_by(text));
        found.extend(label(text, alone).map(|(style, name, rest)| Label {
            line,
            name: clean(name),
            style,
            rest,
        }));
    }
    found
}

/// Style, name and rest of a line; `alone` if the lines around it are blank.
fn label(line: &str, alone: bool) -> Option<(Style, &str, &str)> {
    let line = line.trim_start_matches(is_invisible);
    if let Some(quoted) = line.strip_prefix('>') {
        let quoted = quoted.trim_start();
        return callout(quoted).or_else(|| prefix(quoted).map(|(_, name, rest)| (Style::Quote, name, rest)));
    }
    if line.starts_with('#') {
        return heading(line);
    }
    if let Some(item) = ["- ", "* ", "+ ", "• "].iter().find_map(|bullet| line.strip_prefix(bullet)) {
        return prefix(item).map(|(style, name, rest)| match style {
            Style::Prefix => (Style::Bullet, name, rest),
            timed => (timed, name, rest),
        });
    }
    angle(line)
        .or_else(|| prefix(line))
        .or_else(|| dress::dressed(line).map(|name| (Style::Heading, name, "")))
        .or_else(|| if alone { bare_line(line) } else { None })
}

/// `[!NOTE] NAME`, `[!user]`, `[!user]- A title`, without the `>`.
fn callout(line: &str) -> Option<(Style, &str, &str)> {
    let (kind, title) = line.strip_prefix("[!")?.split_once(']')?;
    // Marks of folding, and what some themes put behind a bar.
    let kind = kind.split('|').next().unwrap_or(kind);
    let title = without_marks(title.trim_start_matches(['+', '-']));
    let title = stamp::trailing(title).unwrap_or(title);
    let title = without_marks(title.trim_end_matches(is_colon));
    let name = if title.is_empty() || (obvious_role(kind).is_some() && obvious_role(title).is_none()) {
        kind
    } else {
        title
    };
    (is_name(name) || obvious_role(name).is_some()).then_some((Style::Callout, name, ""))
}

fn heading(line: &str) -> Option<(Style, &str, &str)> {
    let title = line.trim_start_matches('#');
    let level = line.len() - title.len();
    let title = without_marks(dress::untagged(title.strip_prefix(' ')?));
    let title = title.strip_prefix("role::").unwrap_or(title);
    let title = stamp::leading(title).map_or(title, |(_, rest)| rest);
    let title = stamp::trailing(title.trim_end_matches(is_colon)).unwrap_or(title);
    let name = without_marks(without_marks(title).trim_end_matches(is_colon));
    let is_speaker = is_name(name) || obvious_role(name).is_some();
    ((1..=6).contains(&level) && is_speaker).then_some((Style::Heading, name, ""))
}

/// `[10:00] NAME: rest`, `10:00 <NAME> rest`, `NAME (10:00): rest`, `NAME, [10:00]`, `[10:00] NAME`,
/// `[NAME] [10:00] rest`, and fields parted by tabs.
fn timed(line: &str) -> Option<(Style, &str, &str)> {
    if let Some((name, behind)) = line.strip_prefix('[').and_then(|inside| inside.split_once("] ["))
        && let Some((time, rest)) = behind.split_once("] ")
        && stamp::is_only(time)
        && is_contact(name)
    {
        return Some((Style::Timed, name, rest));
    }
    let open = line.trim_start_matches(['*', '_']);
    if let Some((bracketed, behind)) = stamp::leading(open) {
        let behind = behind.trim_start_matches(is_invisible);
        if let Some((_, name, rest)) = angle(behind) {
            return Some((Style::Timed, name, rest));
        }
        let by_tab = line.contains('\t').then(|| behind.split_once('\t')).flatten();
        return match by_tab.filter(|(name, _)| is_name(name)).or_else(|| split_at_colon(behind)) {
            Some((name, rest)) if is_contact(sender(name)) => {
                Some((Style::Timed, sender(name), without_end_of_emphasis(line, open, rest)))
            }
            // A day and a time before a name alone need no brackets.
            _ => {
                let has_day = line.len() - behind.len() > "10:00:00 AM ".len();
                let name = without_marks(behind);
                let is_speaker = if bracketed { is_contact(name) } else { has_day && is_name(name) };
                is_speaker.then_some((Style::Timed, name, ""))
            }
        };
    }
    let (before, rest) = match split_at_colon(open) {
        Some(split) => split,
        None if open.len() <= 4 * MAX_LABEL_CHARS => (open.trim_end(), ""),
        None => return None,
    };
    let before = without_marks(before);
    let name = stamp::trailing(before).or_else(|| stamp::trailing(without_model(before)?))?;
    let name = without_marks(name);
    is_name(name).then(|| (Style::Timed, name, without_end_of_emphasis(line, open, rest)))
}

/// A label without the name of a model behind its time: `Assistant (10:00) · gpt-5`.
fn without_model(label: &str) -> Option<&str> {
    let (before, model) = [" · ", " | ", " • "].iter().find_map(|sign| label.rsplit_once(sign))?;
    (model.split_whitespace().count() <= 3 && model.chars().count() <= MAX_NAME_CHARS).then_some(before)
}

/// The name in `From NAME to Everyone`, or all of it.
fn sender(text: &str) -> &str {
    let name = without_marks(text);
    match name.strip_prefix("From ") {
        Some(from) => from.split(" to ").next().unwrap_or(from).trim(),
        None => name,
    }
}

/// What closes the emphasis in which a label stands is no text.
fn without_end_of_emphasis<'a>(line: &str, open: &str, rest: &'a str) -> &'a str {
    if open.len() == line.len() { rest } else { rest.trim_start_matches(['*', '_']).trim_start() }
}

/// `<NAME> text`; `@` and `+` mark rights on a channel.
fn angle(line: &str) -> Option<(Style, &str, &str)> {
    let (name, rest) = line.strip_prefix('<')?.split_once('>')?;
    let name = name.trim().trim_start_matches(['@', '+', '%', '&']);
    let is_separated = rest.is_empty() || rest.starts_with(char::is_whitespace);
    (is_separated && is_name(name)).then(|| (Style::Angle, name, rest.trim_start()))
}

/// `NAME: rest`, `**NAME:** rest`, `**NAME**: rest`, `NAME:`, `NAME：rest`.
fn prefix(line: &str) -> Option<(Style, &str, &str)> {
    if let Some(found) = timed(line) {
        return Some(found);
    }
    let (before, after) = split_at_any_colon(line)?;
    let marks: &[char] = &['*', '_'];
    let opened = before.len() - before.trim_start_matches(marks).len();
    let closed = before.trim_start_matches(marks).len()
        - before.trim_start_matches(marks).trim_end_matches(marks).len();
    let colon_is_wide = !line[before.len()..].starts_with(':');
    let rest = if opened > closed { after.strip_prefix(&before[..opened - closed])? } else { after };
    let separated = colon_is_wide || rest.is_empty() || rest.starts_with(char::is_whitespace);
    let name = without_marks(before);
    let is_speaker = is_name(name) || obvious_role(name).is_some();
    (separated && is_speaker).then(|| (Style::Prefix, name, rest.trim_start()))
}

fn bare_line(line: &str) -> Option<(Style, &str, &str)> {
    // `**assistant** (a model)`
    let emphasised = line.trim().strip_prefix("**").and_then(|inside| inside.split_once("**"));
    let is_model = |rest: &str| rest.trim().starts_with('(') && rest.trim().ends_with(')');
    let name = match emphasised {
        Some((name, rest)) if is_model(rest) => name,
        _ => without_marks(line),
    };
    let ends_like_a_name =
        name.chars().last().is_some_and(|c| c.is_alphanumeric() || c == ')' || is_joined(c));
    (ends_like_a_name && is_name(name)).then_some((Style::Line, name, ""))
}

/// Colons of all scripts.
fn is_colon(c: char) -> bool {
    matches!(c, ':' | '：' | '﹕' | '︰' | '꞉' | '∶' | '៖' | '։' | '፡' | '፦')
}

/// Names are short: a colon farther on is one of the text.
const MAX_LABEL_CHARS: usize = 100;

/// What stands before the first colon that is not part of a time, and what stands after it.
fn split_at_any_colon(line: &str) -> Option<(&str, &str)> {
    let mut before = ' ';
    let mut chars = line.char_indices().take(MAX_LABEL_CHARS).peekable();
    while let Some((at, c)) = chars.next() {
        let in_time = before.is_numeric() && chars.peek().is_some_and(|(_, next)| next.is_numeric());
        if is_colon(c) && !in_time {
            return Some((&line[..at], &line[at + c.len_utf8()..]));
        }
        before = c;
    }
    None
}

/// As [`split_at_any_colon`] where white space, emphasis or nothing follows; without it behind a wide colon.
fn split_at_colon(line: &str) -> Option<(&str, &str)> {
    let (before, after) = split_at_any_colon(line)?;
    let is_wide = !line[before.len()..].starts_with(':');
    let is_separated =
        is_wide || after.is_empty() || after.starts_with(|c: char| c.is_whitespace() || c == '*');
    is_separated.then(|| (before.trim_end(), after.trim_start()))
}

/// Without white space, emphasis, invisible marks and one pair of brackets around it.
fn without_marks(text: &str) -> &str {
    let is_mark = |c: char| c.is_whitespace() || matches!(c, '*' | '_' | '`') || is_invisible(c);
    let bare = text.trim_matches(is_mark);
    let pairs = [("[", "]"), ("【", "】"), ("<", ">"), ("「", "」")];
    let inside = pairs.iter().find_map(|(open, close)| bare.strip_prefix(open)?.strip_suffix(close));
    inside.map_or(bare, |inside| inside.trim_matches(is_mark))
}

/// A name as it is shown: without invisible marks, with plain spaces.
fn clean(name: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !is_invisible(c) && (c == ' ' || !c.is_whitespace());
    if name.chars().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let visible = name.chars().filter(|c| !is_invisible(*c));
    Cow::Owned(visible.map(|c| if c.is_whitespace() { ' ' } else { c }).collect())
}

/// Could `text` be the name of a speaker in a text that is mostly prose?
fn is_name(text: &str) -> bool {
    let allowed = |c: char| {
        c.is_alphanumeric()
            || c.is_whitespace()
            || matches!(c, '\'' | '’' | '-' | '.' | '(' | ')' | '_')
            || is_invisible(c)
            || is_joined(c)
            || (!c.is_ascii() && !is_sign_of_prose(c))
    };
    (1..=MAX_NAME_WORDS).contains(&text.split_whitespace().count())
        && text.chars().count() <= MAX_NAME_CHARS
        && text.chars().all(allowed)
        && text.chars().any(|c| c.is_alphabetic() || !c.is_ascii())
        && !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.'))
}

/// Could `text` be the name of a contact in a chat log? Telephone numbers are.
fn is_contact(text: &str) -> bool {
    (1..=MAX_CONTACT_WORDS).contains(&text.split_whitespace().count())
        && text.chars().count() <= MAX_CONTACT_CHARS
        && text.chars().any(char::is_alphanumeric)
        && !text.contains(['"', '“', '”', '„', '<', '>', '/'])
}

fn is_sign_of_prose(c: char) -> bool {
    matches!(
        c,
        '。' | '，'
            | '、'
            | '？'
            | '！'
            | '；'
            | '…'
            | '“'
            | '”'
            | '„'
            | '‘'
            | '«'
            | '»'
            | '「'
            | '」'
            | '『'
            | '』'
            | '《'
            | '》'
            | '—'
            | '،'
            | '؛'
            | '؟'
            | '।'
    )
}
