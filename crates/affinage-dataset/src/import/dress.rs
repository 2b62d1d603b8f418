//! How exporters set the lines apart that say who speaks: rules, brackets, tags; and the parts beside what is said.

use std::collections::{BTreeMap, BTreeSet};

use super::role_words::{
    Side, is_certain_assistant, is_joined, is_programs_user, is_remark, obvious_role, side,
};
use super::speakers::{Label, Speaker, Style};
use crate::conversation::NodeRole;

/// A horizontal rule of Markdown or HTML, or of equals signs.
pub fn is_rule(line: &str) -> bool {
    let line = line.trim();
    let is_of = |sign: char| line.len() >= 3 && line.chars().all(|c| c == sign);
    ['-', '*', '_', '='].into_iter().any(is_of) || is_tag_of_rule(line)
}

/// `<hr>` with whatever attributes.
pub fn is_tag_of_rule(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("<hr") && line.ends_with('>') && !line[3..].starts_with(|c: char| c.is_alphanumeric())
}

/// The text of a heading without tags around or behind it: `assistant<span> (gpt-4o)</span>`.
pub fn untagged(title: &str) -> &str {
    const TAGS: [&str; 7] = ["<span", "<small", "<sub", "<sup", "<font", "<b>", "<strong"];
    if let Some(inside) = title.strip_prefix('<') {
        return inside
            .split_once('>')
            .map_or(title, |(_, inside)| inside.split('<').next().unwrap_or(inside));
    }
    TAGS.iter().filter_map(|tag| title.find(tag)).min().map_or(title, |at| &title[..at])
}

/// The role word of a line that is nothing else, between signs: `=== USER ===`, `[Assistant]`, `<b>User</b>`, `@user`.
pub fn dressed(line: &str) -> Option<&str> {
    const LONGEST: usize = 80;
    let line = line.trim();
    let begins_list = line.starts_with("- ");
    if line.len() > LONGEST
        || begins_list
        || !line.starts_with(['[', '(', '{', '<', '=', '-', '~', '@', '#', '【', '«'])
    {
        return None;
    }
    let is_sign = |c: char| !c.is_alphanumeric() && !is_joined(c);
    let open = untagged(line).trim_start_matches(is_sign);
    // What the name itself opens, it closes.
    let name = open.trim_end_matches(|c: char| is_sign(c) && !(c == ')' && open.contains('(')));
    (is_programs_user(name) || (is_certain_assistant(name) && name.chars().count() > 2)).then_some(name)
}

/// Styles in which a label is a line of its own.
fn is_of_lines(style: Style) -> bool {
    matches!(style, Style::Line | Style::Heading | Style::Callout)
}

/// Who answers a user whom only programs call so, on lines of their own: twice, or behind a rule. One name for each style:
/// among several nobody knows who answers.
pub fn answering<'l>(lines: &[&str], labels: &[&'l Label<'_>]) -> BTreeSet<(Style, &'l str)> {
    let mut last: BTreeMap<Style, &str> = BTreeMap::new();
    let mut behind_user: BTreeMap<Style, BTreeMap<&str, (usize, bool)>> = BTreeMap::new();
    for label in labels.iter().filter(|label| is_of_lines(label.style)) {
        let name = label.name.as_ref();
        let before = last.insert(label.style, name);
        if before.is_some_and(is_programs_user)
            && obvious_role(name).is_none()
            && side(name).is_none()
            && !is_remark(name)
        {
            let counted = behind_user.entry(label.style).or_default().entry(name).or_default();
            counted.0 += 1;
            counted.1 |= is_behind_rule(lines, label.line);
        }
    }
    let one = |(style, names): (Style, BTreeMap<&'l str, (usize, bool)>)| {
        let mut names = names.into_iter();
        let (name, (count, is_ruled)) = names.next()?;
        (names.next().is_none() && (count > 1 || is_ruled)).then_some((style, name))
    };
    behind_user.into_iter().filter_map(one).collect()
}

fn is_behind_rule(lines: &[&str], line: usize) -> bool {
    lines[..line].iter().rev().find(|line| !line.trim().is_empty()).is_some_and(|line| is_rule(line))
}

/// Names of parts beside what a user and an assistant say, marked as their turns are: a system prompt, reasoning, calls of
/// tools, numbers. A name that may also be a heading in an answer counts only where it always stands before the answer.
pub fn sides(lines: &[&str], labels: &[&Label<'_>], speakers: &[Speaker]) -> Vec<Speaker> {
    let Some(style) = speakers.first().map(|speaker| speaker.style) else { return Vec::new() };
    let role = |name: &str| {
        speakers.iter().any(|speaker| speaker.name == name).then(|| obvious_role(name)).flatten()
    };
    let has = |wanted| speakers.iter().any(|speaker| role(&speaker.name) == Some(wanted));
    if !has(NodeRole::User) || style == Style::Field {
        return Vec::new();
    }
    let is_empty = |from: &Label<'_>, to: &Label<'_>| {
        from.rest.trim().is_empty()
            && lines[from.line + 1..to.line].iter().all(|line| line.trim().is_empty() || is_rule(line))
    };
    // Number of labels, and whether all of them stand where such a part may.
    let mut found: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
    let mut before: Option<&Label<'_>> = None;
    for label in labels.iter().filter(|label| label.style == style) {
        let name = label.name.as_ref();
        let is_speaker = speakers.iter().any(|speaker| speaker.name == name);
        let Some((_, is_certain)) = side(name).filter(|_| !is_speaker) else {
            if is_speaker {
                before = Some(label);
            }
            continue;
        };
        let precedes_answer = before.is_none_or(|before| {
            role(&before.name) == Some(NodeRole::User)
                || side(&before.name).is_some()
                || is_empty(before, label)
        });
        let fits = (is_certain && is_of_lines(style)) || precedes_answer;
        let counted = found.entry(name).or_insert((0, true));
        counted.0 += 1;
        counted.1 &= fits;
        if fits {
            before = Some(label);
        }
    }
    let part = |(name, (count, _)): (&str, (usize, bool))| Speaker { name: name.to_owned(), style, count };
    found.into_iter().filter(|(_, (_, fits))| *fits).map(part).collect()
}

/// True for a part of numbers, which is no turn.
pub fn is_statistics(name: &str) -> bool {
    side(name).is_some_and(|(side, _)| side == Side::Statistics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_only_say_who_speaks() {
        for (line, name) in [
            ("=== USER ===", "USER"),
            ("[Assistant]", "Assistant"),
            ("<b>User</b>", "User"),
            ("<h3 class=\"x\">ChatGPT</h3>", "ChatGPT"),
            ("@user", "user"),
            ("--- Assistant (gpt-4o) ---", "Assistant (gpt-4o)"),
        ] {
            assert_eq!(dressed(line), Some(name), "{line}");
        }
        for line in ["- User", "> Assistant", "User", "(a)", "[Me]", "<b>Mara</b>", "* ChatGPT"] {
            assert_eq!(dressed(line), None, "{line}");
        }
        assert_eq!(untagged("role::assistant<span style=\"a\"> (m)</span>"), "role::assistant");
        assert!(is_rule("<hr class=\"a\">") && is_rule("====") && !is_rule("--") && !is_rule("<hrx>"));
    }
}
