//! Consistent pseudonyms: the same value becomes the same made-up one, everywhere in a project and in every later run.
//!
//! The made-up values name nobody: addresses of example.org, numbers reserved for fiction and documentation, names
//! from a short list, and `[secret key 1]` for a key. The table from real to made-up values is the only way back, and it stays in the project.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::edit::Edit;
use crate::lint::{name_spans, personal_spans, secret_spans};

const GIVEN: [&str; 16] = [
    "Robin", "Kim", "Alex", "Sam", "Noor", "Toni", "Sascha", "Jules", "Charlie", "Dana", "Eden", "Frankie",
    "Luca", "Mika", "Quinn", "Remy",
];
const FAMILY: [&str; 16] = [
    "Vale", "Hollow", "Marsh", "Ridge", "Brook", "Field", "Stone", "Wood", "Lake", "Moor", "Glen", "Heath",
    "Shore", "Grove", "Dale", "Fen",
];
/// The kinds of names and of keys in the table.
const NAME: &str = "name";
const SECRET: &str = "secret key";

/// What was replaced by what, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pseudonyms {
    table: BTreeMap<String, BTreeMap<String, String>>,
}

impl Pseudonyms {
    /// The replacements for a text, in its order; values that are new get the next made-up one of their kind.
    pub fn edits(&mut self, text: &str, names: &[String]) -> Vec<Edit> {
        let secrets = secret_spans(text).into_iter().map(|span| ("P01", span, SECRET));
        let mut personal = personal_spans(text);
        personal.sort_by_key(|(span, _)| span.start);
        let personal = personal.into_iter().map(|(span, kind)| ("P02", span, kind));
        let names_found = name_spans(text, names).into_iter().map(|span| ("P03", span, NAME));
        let mut edits: Vec<Edit> = Vec::new();
        for (rule, span, kind) in secrets.chain(personal).chain(names_found) {
            let overlaps = |edit: &Edit| edit.start < span.end && span.start < edit.start + edit.before.len();
            if edits.iter().any(overlaps) {
                continue;
            }
            let before = text[span.clone()].to_owned();
            let after =
                if kind == NAME { self.of_name(&before, names) } else { self.of_value(kind, &before) };
            edits.push(Edit { rule: rule.to_owned(), start: span.start, before, after });
        }
        edits.sort_by_key(|edit| edit.start);
        edits
    }

    /// Kind, value and what stands for it, in the order of the table.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.table.iter().flat_map(|(kind, values)| {
            values.iter().map(move |(v, fake)| (kind.as_str(), v.as_str(), fake.as_str()))
        })
    }

    fn of_value(&mut self, kind: &'static str, value: &str) -> String {
        let known = self.table.entry(kind.to_owned()).or_default();
        let number = known.len() + 1;
        known.entry(same(kind, value)).or_insert_with(|| made_up(kind, number)).clone()
    }

    /// Word by word, so that a given name alone is the given name of the whole.
    fn of_name(&mut self, found: &str, names: &[String]) -> String {
        let known = self.table.entry(NAME.to_owned()).or_default();
        let is_family = |word: &str| {
            names.iter().any(|name| {
                name.split_whitespace().count() > 1 && name.split_whitespace().last() == Some(word)
            })
        };
        let mut replaced = Vec::new();
        for word in found.split_whitespace() {
            let fake = known.get(word).cloned().unwrap_or_else(|| {
                let list = if is_family(word) { FAMILY } else { GIVEN };
                // A made-up name that somebody has, here or already in the table, is passed over.
                let is_free = |fake: &&&str| {
                    !names.iter().any(|name| name.contains(**fake))
                        && !known.values().any(|used| used == **fake)
                };
                list.iter()
                    .find(is_free)
                    .map_or_else(|| format!("Person{}", known.len() + 1), |fake| (*fake).to_owned())
            });
            known.insert(word.to_owned(), fake.clone());
            replaced.push(fake);
        }
        replaced.join(" ")
    }
}

/// What two spellings of one value have in common.
fn same(kind: &str, value: &str) -> String {
    match kind {
        "e-mail address" => value.to_lowercase(),
        "phone number" | "card number" => value.chars().filter(char::is_ascii_digit).collect(),
        _ => value.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

fn made_up(kind: &'static str, number: usize) -> String {
    match (kind, number) {
        ("e-mail address", _) => format!("person{number}@example.org"),
        // Reserved for fiction, and for documentation (RFC 5737).
        ("phone number", 1..=99) => format!("202-555-01{number:02}"),
        ("IP address", 1..=254) => format!("203.0.113.{number}"),
        ("private link", _) => format!("https://example.org/private/{number}"),
        _ => format!("[{kind} {number}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit;

    #[test]
    fn the_same_value_gets_the_same_name_in_every_text_and_nothing_personal_is_left() {
        let names = vec!["Anna Maria Berg".to_owned(), "Jo Kim".to_owned()];
        let texts = [
            "Write to anna@boats.net or +49 171 2345678. Anna Maria Berg and Jo know.",
            "ANNA@boats.net, again: +49-171-2345678! Mrs Berg (Anna) lives at 12 Maple Street, near 93.184.216.34.",
            "Jo Kim pays from DE89 3704 0044 0532 0130 00, see https://claude.ai/share/abc",
        ];
        let mut table = Pseudonyms::default();
        let replaced: Vec<String> = texts
            .iter()
            .map(|text| edit::apply(text, &table.edits(text, &names)).expect("made for this text"))
            .collect();
        assert_eq!(
            replaced,
            [
                "Write to person1@example.org or 202-555-0101. Robin Alex Vale and Jo know.",
                "person1@example.org, again: 202-555-0101! Mrs Vale (Robin) lives at [street address 1], near 203.0.113.1.",
                "Sam Hollow pays from [bank account (IBAN) 1], see https://example.org/private/1",
            ]
        );
        let key = "sk-EXAMPLEt7Gq1Zw9Lx4Vc8Bn2Mk5Rj3";
        let keyed = format!("Call it with {key}, then {key} again.");
        let edits = Pseudonyms::default().edits(&keyed, &names);
        assert_eq!(
            edit::apply(&keyed, &edits).as_deref(),
            Some("Call it with [secret key 1], then [secret key 1] again.")
        );
        for text in &replaced {
            assert_eq!((personal_spans(text), name_spans(text, &names)), (Vec::new(), Vec::new()), "{text}");
        }
        let stored = serde_json::to_string(&table).expect("JSON");
        let mut again: Pseudonyms = serde_json::from_str(&stored).expect("ours");
        assert_eq!(again.edits(texts[1], &names)[0].after, "person1@example.org", "a later run knows it");
        assert_eq!(again, table);
        assert_eq!(table.entries().filter(|(kind, ..)| *kind == "e-mail address").count(), 1);
    }
}
