//! Headings that name a thought or a draft. A model that has lost the signs of its thoughts sets such a heading in their place,
//! and only a later one of the same form says where the thought ends. A draft ends at any later heading of its form.

use std::borrow::Cow;

use super::words::{Announces, announces, ends_thought, names_draft, names_thought};

/// How a heading is set apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `【...】` and its like; a text may follow on the same line.
    Bracketed,
    /// `# ...` and `**...**`.
    Marked,
    /// `...:` with or without a text behind it, and bare words where the reply begins. It has no end: a text that is set in
    /// no form shows none.
    Plain,
}

/// Whether what follows these lines stands in a thought or a draft that is named by a heading and that no later heading ends.
pub(super) fn is_in_thought<'t>(lines: impl Iterator<Item = Cow<'t, str>>) -> bool {
    let mut thought = None;
    let mut draft = None;
    for (i, line) in lines.enumerate() {
        for (form, name) in headings(&line) {
            // Within a text a line such as "I think:" is no heading; a name in a line of its own is.
            let stands_alone = || line.trim_end().ends_with([':', '\u{ff1a}']);
            let may_begin = form != Form::Plain || i == 0 || stands_alone();
            if form != Form::Plain && (draft.is_none() || draft == Some(form)) {
                draft = names_draft(name).then_some(form);
            }
            match thought {
                None if may_begin && names_thought(without_remark(name), form == Form::Bracketed) => {
                    thought = Some(form);
                }
                Some(begun) if form == begun && form != Form::Plain && ends(name) => thought = None,
                _ => {}
            }
        }
    }
    thought.is_some() || draft.is_some()
}

/// A name without a remark in parentheses at its end (`Thinking (internal)`).
fn without_remark(name: &str) -> &str {
    let name = name.trim_end_matches([':', '\u{ff1a}', ' ', '*', '_']);
    let is_closed = name.ends_with([')', '\u{ff09}']);
    let open = name.rfind(['(', '\u{ff08}']).filter(|at| is_closed && *at > 0);
    open.map_or(name, |at| &name[..at])
}

/// Whether a text begins with the bare name of a channel, which has lost its signs. Nothing then says where it ends.
pub(super) fn is_bare_channel(text: &str) -> bool {
    let text = text.trim_start();
    let first = text.lines().next().unwrap_or_default();
    let text = text.strip_prefix("assistant").unwrap_or(text);
    let glued = text.strip_prefix("analysis").and_then(|rest| rest.chars().next());
    matches!(first.trim(), "thought" | "thinking" | "analysis" | "commentary" | "/think")
        || glued.is_some_and(char::is_uppercase)
}

/// Whether a heading ends a thought: it says that it is over, or names the decision.
fn ends(name: &str) -> bool {
    says_over(name) || announces(name) == Some(Announces::Decision)
}

/// Whether `line` is a heading that says that a thought is over.
pub(super) fn is_end_of_thought(line: &str) -> bool {
    headings(line).any(|(form, name)| form != Form::Plain && says_over(name))
}

fn says_over(name: &str) -> bool {
    ends_thought(name) || name.trim_start().strip_prefix('/').is_some_and(|name| names_thought(name, true))
}

/// What of `line` may be a heading.
fn headings(line: &str) -> impl Iterator<Item = (Form, &str)> {
    let core = line.trim_matches(|c: char| c.is_whitespace() || "#*_`".contains(c));
    let is_marked =
        line.starts_with('#') || line.starts_with(['*', '_']) && line.ends_with(['*', '_', ':', '\u{ff1a}']);
    let bracketed = BRACKETS.iter().find_map(|(open, close)| {
        let inside = core.strip_prefix(*open)?;
        let (name, behind) = inside.split_at(inside.find(*close)?);
        // A link.
        (!behind.starts_with("](")).then_some(name)
    });
    let is_sentence = core.ends_with(['.', '\u{3002}', '!', '\u{ff01}']) && !core.ends_with("..");
    let plain = core
        .split([':', '\u{ff1a}'])
        .next()
        .filter(|name| !(is_marked || is_sentence && name.len() == core.len()));
    let marked = is_marked.then(|| core.trim_end_matches([':', '\u{ff1a}']));
    let forms = [(Form::Bracketed, bracketed), (Form::Marked, marked), (Form::Plain, plain)];
    forms.into_iter().filter_map(|(form, name)| Some((form, name?)))
}

const BRACKETS: [(char, char); 11] = [
    ('\u{3010}', '\u{3011}'),
    ('\u{3008}', '\u{3009}'),
    ('\u{300a}', '\u{300b}'),
    ('\u{ff3b}', '\u{ff3d}'),
    ('\u{300c}', '\u{300d}'),
    ('\u{300e}', '\u{300f}'),
    ('\u{3014}', '\u{3015}'),
    ('\u{3016}', '\u{3017}'),
    ('\u{ff08}', '\u{ff09}'),
    ('[', ']'),
    ('(', ')'),
];
