//! Commands that a text names, with the `--set` of the call that prints it: who copies such a command means the same settings.

use std::borrow::Cow;

/// Commands whose result follows from the settings, where none is kept beside what they work on, with the sections and keys that
/// they follow from beside those of no section; `*` is all.
const FOLLOWS: [(&str, &[&str]); 9] = [
    ("run", &["*"]),
    ("dose", &["*"]),
    ("train", &["train"]),
    ("models", &["train"]),
    ("dataset", &["dataset", "train.max-seq-tokens"]),
    ("eval", EVALUATION),
    ("generate", EVALUATION),
    ("judge", EVALUATION),
    ("plan", EVALUATION),
];
const EVALUATION: &[&str] = &["eval", "generate", "judging", "judge", "suite", "arm"];
const COMMAND: &str = "`affinage ";

/// `text` with `sets` (`KEY=VALUE`) in every command between backticks whose result follows from them. A key that the command
/// sets itself keeps its value; a training that is resumed has settings of its own.
pub(super) fn with_sets<'t>(text: &'t str, sets: &[String]) -> Cow<'t, str> {
    if sets.is_empty() || !text.contains(COMMAND) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(COMMAND) {
        let (before, from) = rest.split_at(at + COMMAND.len());
        out.push_str(before);
        let command = &from[..from.find('`').unwrap_or(from.len())];
        let follows = follows(command);
        for set in sets.iter().filter(|set| is_followed(set, follows) && !is_set(command, set)) {
            out.push_str(&format!("--set {} ", quoted(set)));
        }
        rest = from;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// What a command follows from; nothing where it has settings of its own.
fn follows(command: &str) -> Option<&'static [&'static str]> {
    let mut words = command.split_whitespace();
    let mut name = words.next();
    while name == Some("--set") {
        words.next();
        name = words.next();
    }
    let (_, follows) = FOLLOWS.iter().find(|(follower, _)| Some(*follower) == name)?;
    (!words.any(|word| word == "--resume")).then_some(*follows)
}

fn is_followed(set: &str, follows: Option<&[&str]>) -> bool {
    let key = key(set);
    let section = key.split_once('.').map(|(section, _)| section);
    follows.is_some_and(|follows| {
        let is_named = |name: &&str| *name == "*" || *name == key || Some(*name) == section;
        section.is_none() || follows.iter().any(is_named)
    })
}

/// Whether the command sets the key of `set`.
fn is_set(command: &str, set: &str) -> bool {
    let mut words = command.split_whitespace();
    std::iter::from_fn(|| words.find(|word| *word == "--set").and_then(|_| words.next()))
        .any(|own| key(own) == key(set))
}

fn key(set: &str) -> &str {
    set.split('=').next().unwrap_or_default().trim()
}

/// As a shell reads it.
fn quoted(set: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._=/:,+-@%".contains(c);
    if set.chars().all(is_plain) { set.to_owned() } else { format!("'{}'", set.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_follow_from_settings_have_them() {
        let sets = ["train.max-steps=20".to_owned(), "eval.suites=[\"in-domain\"]".to_owned()];
        let said = |text: &str| with_sets(text, &sets).into_owned();
        assert_eq!(said("then `affinage train`"), "then `affinage --set train.max-steps=20 train`");
        assert_eq!(
            said("`affinage lint v1`; then `affinage eval --name short`."),
            "`affinage lint v1`; then `affinage --set 'eval.suites=[\"in-domain\"]' eval --name short`."
        );
        // What a command sets itself is not said twice.
        assert_eq!(
            said("`affinage --set train.max-steps=10 run`"),
            "`affinage --set 'eval.suites=[\"in-domain\"]' --set train.max-steps=10 run`"
        );
        for as_it_is in
            ["`affinage train --resume r1`", "`affinage dataset`", "`affinage report --open`", "affinage run"]
        {
            assert_eq!(said(as_it_is), as_it_is);
        }
        assert_eq!(with_sets("`affinage run`", &[]), "`affinage run`");
    }
}
