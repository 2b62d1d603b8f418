//! Commands that a text names, with the `--set` of the call that prints it: who copies such a command means the same settings.

use std::borrow::Cow;

/// Commands whose result follows from the settings, where none is kept beside what they work on.
const FOLLOWS: [&str; 9] = ["run", "train", "eval", "generate", "judge", "plan", "dataset", "dose", "models"];
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
        if follows(command) {
            for set in sets.iter().filter(|set| !is_set(command, set)) {
                out.push_str(&format!("--set {} ", quoted(set)));
            }
        }
        rest = from;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn follows(command: &str) -> bool {
    let mut words = command.split_whitespace();
    let mut name = words.next();
    while name == Some("--set") {
        words.next();
        name = words.next();
    }
    name.is_some_and(|name| FOLLOWS.contains(&name)) && !words.any(|word| word == "--resume")
}

/// Whether the command sets the key of `set`.
fn is_set(command: &str, set: &str) -> bool {
    let key = |set: &str| set.split('=').next().unwrap_or_default().trim().to_owned();
    let mut words = command.split_whitespace();
    std::iter::from_fn(|| words.find(|word| *word == "--set").and_then(|_| words.next()))
        .any(|own| key(own) == key(set))
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
        let both = "--set train.max-steps=20 --set 'eval.suites=[\"in-domain\"]'";
        assert_eq!(said("then `affinage train`"), format!("then `affinage {both} train`"));
        assert_eq!(
            said("`affinage lint v1`; then `affinage eval --name short`."),
            format!("`affinage lint v1`; then `affinage {both} eval --name short`.")
        );
        // What a command sets itself is not said twice.
        assert_eq!(
            said("`affinage --set train.max-steps=10 run`"),
            "`affinage --set 'eval.suites=[\"in-domain\"]' --set train.max-steps=10 run`"
        );
        for as_it_is in ["`affinage train --resume r1`", "`affinage report --open`", "affinage run"] {
            assert_eq!(said(as_it_is), as_it_is);
        }
        assert_eq!(with_sets("`affinage run`", &[]), "`affinage run`");
    }
}
