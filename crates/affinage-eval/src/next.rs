//! Commands of this program that a text names for what to do next.

use std::fmt;

/// Commands whose result follows from the settings, where none is kept beside what they work on, with the sections and keys that
/// they follow from beside those of no section; `*` is all.
pub const FOLLOWS: [(&str, &[&str]); 9] = [
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

/// A command, with its options as they are typed into a shell. Shown it stands between backticks: `` `affinage train --resume r1` ``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    command: &'static str,
    /// The project folder, where the shell is not in it.
    folder: Option<String>,
    /// `KEY=VALUE` of the call that the command repeats.
    repeated: Vec<String>,
    /// `KEY=VALUE` of the command itself.
    sets: Vec<String>,
    /// What follows the command, as it is typed.
    words: Vec<String>,
}

impl Next {
    /// `command` without options.
    pub fn new(command: &'static str) -> Self {
        Self { command, folder: None, repeated: Vec::new(), sets: Vec::new(), words: Vec::new() }
    }

    /// Adds words as they stand: options and what a person puts in their place, `--as NAME`.
    pub fn words(mut self, words: &str) -> Self {
        self.words.extend((!words.is_empty()).then(|| words.to_owned()));
        self
    }

    /// Adds one word, quoted where a shell would read more than it says.
    pub fn word(mut self, word: &str) -> Self {
        self.words.push(shell_word(word));
        self
    }

    /// Adds an option with its value: `--resume r1`.
    pub fn option(self, name: &str, value: &str) -> Self {
        self.words(name).word(value)
    }

    /// On an evaluation that the command would not mean by itself.
    pub fn on(self, evaluation: Option<&str>) -> Self {
        let option = if self.command == "generate" { "--name" } else { "--eval" };
        match evaluation {
            Some(name) => self.option(option, name),
            None => self,
        }
    }

    /// With this `--set`, also where the call had another value of the key.
    pub fn set(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.sets.push(format!("{key}={value}"));
        self
    }

    /// With those of the call's `--set` that its result follows from: who copies the command means the same settings. A
    /// training that is resumed has settings of its own.
    pub fn repeating(mut self, sets: &[String]) -> Self {
        let follows =
            FOLLOWS.iter().find(|(follower, _)| *follower == self.command).map(|(_, follows)| *follows);
        self.repeated.extend(sets.iter().filter(|set| is_followed(set, follows)).cloned());
        self
    }

    /// For a shell that is not in the project's folder.
    pub fn in_folder(self, folder: &str) -> Self {
        Self { folder: Some(folder.to_owned()), ..self }
    }

    /// As it is typed, without backticks.
    pub fn typed(&self) -> String {
        let folder = self.folder.iter().map(|folder| format!("-C {}", shell_word(folder)));
        let is_own = |set: &&String| self.sets.iter().any(|own| key(own) == key(set));
        let is_resumed = self.words.iter().any(|word| word.split(' ').any(|word| word == "--resume"));
        let repeated =
            self.repeated.iter().filter(|set| !is_own(set) && !is_resumed).map(|set| set_option(set));
        let words = std::iter::once("affinage".to_owned()).chain(folder).chain(repeated);
        words.chain([self.call()]).collect::<Vec<_>>().join(" ")
    }

    /// As it is typed behind the program and the settings of the call.
    pub fn call(&self) -> String {
        let command = [self.command.to_owned()];
        let words =
            self.sets.iter().map(|set| set_option(set)).chain(command).chain(self.words.iter().cloned());
        words.collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.typed())
    }
}

fn set_option(set: &str) -> String {
    format!("--set {}", shell_word(set))
}

/// A key of no section is one of the model or the machine, which every result follows from.
fn is_followed(set: &str, follows: Option<&[&str]>) -> bool {
    let key = key(set);
    let section = key.split_once('.').map(|(section, _)| section);
    follows.is_some_and(|follows| {
        let is_named = |name: &&str| *name == "*" || *name == key || Some(*name) == section;
        section.is_none() || follows.iter().any(is_named)
    })
}

fn key(set: &str) -> &str {
    set.split('=').next().unwrap_or_default().trim()
}

/// `word` as a shell reads it: in quotes where it has more than letters, digits and signs that mean nothing there.
pub fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "._=/:,+-@%".contains(c);
    let is_plain = !word.is_empty() && word.chars().all(is_plain);
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_more() {
        assert_eq!(shell_word("it's"), "'it'\\''s'");
        assert_eq!(["a b", "", "Grüße.md"].map(shell_word), ["'a b'", "''", "Grüße.md"]);
    }

    #[test]
    fn commands_that_follow_from_settings_repeat_those_of_the_call() {
        let sets = ["train.max-steps=20".to_owned(), "eval.suites=[\"in-domain\"]".to_owned()];
        let next = |command| Next::new(command).repeating(&sets);
        assert_eq!(next("train").to_string(), "`affinage --set train.max-steps=20 train`");
        assert_eq!(
            next("eval").option("--name", "my look").to_string(),
            "`affinage --set 'eval.suites=[\"in-domain\"]' eval --name 'my look'`"
        );
        // What a command sets itself is not said twice.
        assert_eq!(
            next("run").set("train.max-steps", 10).typed(),
            "affinage --set 'eval.suites=[\"in-domain\"]' --set train.max-steps=10 run"
        );
        assert_eq!(next("train").option("--resume", "r1").typed(), "affinage train --resume r1");
        assert_eq!(next("dataset").typed(), "affinage dataset");
        assert_eq!(
            next("report").on(Some("look-2")).words("--open").typed(),
            "affinage report --eval look-2 --open"
        );
        assert_eq!(Next::new("generate").on(Some("look-2")).typed(), "affinage generate --name look-2");
        assert_eq!(
            next("train").in_folder("/a b").typed(),
            "affinage -C '/a b' --set train.max-steps=20 train"
        );
        assert_eq!(next("train").set("train.epochs", 2).call(), "--set train.epochs=2 train");
    }
}
