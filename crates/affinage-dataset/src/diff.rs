//! What changed from one frozen version to another.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::example::DatasetRow;
use crate::split::Side;
use crate::version::Rules;

/// The rows of a version, by the side whose file they are in.
pub type Sides = BTreeMap<Side, Vec<DatasetRow>>;

/// An example that stands on another side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moved {
    pub example_id: String,
    pub from: Side,
    pub to: Side,
}

/// A rule with another value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangedRule {
    pub rule: String,
    pub before: serde_json::Value,
    pub after: serde_json::Value,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Difference {
    /// Ids that only the second version has, and those that only the first has.
    pub added: BTreeMap<Side, Vec<String>>,
    pub removed: BTreeMap<Side, Vec<String>>,
    /// Same id, other words.
    pub reworded: Vec<String>,
    pub moved: Vec<Moved>,
    pub unchanged: usize,
    pub rules: Vec<ChangedRule>,
}

impl Difference {
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.removed.is_empty()
            && self.reworded.is_empty()
            && self.moved.is_empty()
            && self.rules.is_empty()
    }
}

/// Compares two versions example by example.
pub fn difference(before: (&Rules, &Sides), after: (&Rules, &Sides)) -> Difference {
    let mut difference = Difference { rules: changed_rules(before.0, after.0), ..Difference::default() };
    let (old, new) = (by_id(before.1), by_id(after.1));
    for id in old.keys().chain(new.keys()).copied().collect::<BTreeSet<&str>>() {
        let id_owned = id.to_owned();
        match (old.get(id), new.get(id)) {
            (None, Some((side, _))) => difference.added.entry(*side).or_default().push(id_owned),
            (Some((side, _)), None) => difference.removed.entry(*side).or_default().push(id_owned),
            (Some((from, was)), Some((to, is))) => {
                if from != to {
                    difference.moved.push(Moved { example_id: id_owned.clone(), from: *from, to: *to });
                }
                if was.messages != is.messages {
                    difference.reworded.push(id_owned);
                } else if from == to {
                    difference.unchanged += 1;
                }
            }
            (None, None) => {}
        }
    }
    difference
}

fn by_id(sides: &Sides) -> BTreeMap<&str, (Side, &DatasetRow)> {
    let rows = sides.iter().flat_map(|(side, rows)| rows.iter().map(move |row| (*side, row)));
    rows.map(|(side, row)| (row.example_id.as_str(), (side, row))).collect()
}

/// Rules that differ, by their name in the manifest.
fn changed_rules(before: &Rules, after: &Rules) -> Vec<ChangedRule> {
    let fields = |rules: &Rules| match serde_json::to_value(rules) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (old, new) = (fields(before), fields(after));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let value = |of: &serde_json::Map<String, serde_json::Value>, name: &str| {
        of.get(name).cloned().unwrap_or_default()
    };
    names
        .into_iter()
        .map(|name| ChangedRule { rule: name.clone(), before: value(&old, name), after: value(&new, name) })
        .filter(|rule| rule.before != rule.after)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, Role};

    fn row(id: &str, answer: &str) -> DatasetRow {
        DatasetRow {
            v: 1,
            example_id: id.into(),
            messages: vec![Message::new(Role::User, "q"), Message::new(Role::Assistant, answer)],
            conversation: "c".into(),
            document: None,
            prompt_cluster: id.into(),
            writer: "unknown".into(),
            written: Default::default(),
            tags: Vec::new(),
            domain: None,
        }
    }

    fn rules(seed: u64) -> Rules {
        Rules {
            selection: "signed".into(),
            learn: "assistant".into(),
            validation_share: 0.1,
            test_share: 0.1,
            seed,
            context_exchanges: 3,
            context_chars: 2000,
        }
    }

    #[test]
    fn each_kind_of_change_is_named_once() {
        let old = Sides::from([
            (Side::Train, vec![row("same", "a"), row("reworded", "a"), row("gone", "a")]),
            (Side::Test, vec![row("moved", "a")]),
        ]);
        let new = Sides::from([
            (Side::Train, vec![row("same", "a"), row("reworded", "b"), row("moved", "a")]),
            (Side::Test, vec![row("new", "a")]),
        ]);
        let found = difference((&rules(1), &old), (&rules(2), &new));
        assert_eq!(found.added, BTreeMap::from([(Side::Test, vec!["new".to_owned()])]));
        assert_eq!(found.removed, BTreeMap::from([(Side::Train, vec!["gone".to_owned()])]));
        assert_eq!(found.reworded, ["reworded"]);
        assert_eq!(found.moved, [Moved { example_id: "moved".into(), from: Side::Test, to: Side::Train }]);
        assert_eq!(found.unchanged, 1);
        assert_eq!(found.rules.iter().map(|rule| rule.rule.as_str()).collect::<Vec<_>>(), ["seed"]);
        assert!(difference((&rules(1), &old), (&rules(1), &old)).is_empty());
    }
}
