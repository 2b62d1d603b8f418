//! The registry of a project's evaluations: what was planned, looked at, changed and thrown away.
//!
//! `evals/history.jsonl` is append-only and outlives the folders, so that a stopped or deleted evaluation stays listed
//! and every look at a test prompt is counted.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ROW_VERSION;
use crate::id::sha256_hex;
use crate::judge::rubric::Rubrics;
use crate::suite::Prompt;

/// Raise it whenever replies are read in another way: evaluations before and after must not be mixed unseen.
pub const PARSER_VERSION: u32 = 2;

/// One line of `evals/history.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegistryRow {
    pub v: u32,
    /// RFC 3339, UTC.
    pub at: String,
    pub evaluation: String,
    pub event: RegistryEvent,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum RegistryEvent {
    /// The plan was fixed, before any answer existed.
    Planned {
        plan_sha256: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dataset: Option<String>,
        prompt_ids: Vec<String>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_final: bool,
        instruments: Instruments,
    },
    /// Figures were computed from answers to these prompts.
    Looked { completions: usize, judgments: usize },
    /// A measuring instrument is not what it was in the evaluations named.
    Changed { what: String, before: String, after: String, invalidated: Vec<String> },
    /// The sealed prompts of a data set were opened.
    ReserveOpened { dataset: String, sha256: String },
}

/// Hashes of what measures: the reader of replies, the rubrics, the suites.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Instruments {
    pub parser: String,
    pub rubric: String,
    /// By category: hash of the sources of its prompts.
    pub suites: BTreeMap<String, String>,
}

impl Instruments {
    pub fn of(prompts: &[Prompt], rubrics: &Rubrics) -> Instruments {
        let categories: BTreeSet<&str> = prompts.iter().map(|prompt| prompt.category.as_str()).collect();
        let rubrics: Vec<String> = categories.iter().map(|c| format!("{:?}", rubrics.of(c))).collect();
        let suite = |category: &str| {
            let of = prompts.iter().filter(|prompt| prompt.category == category);
            let mut sources: Vec<&str> = of.map(|prompt| prompt.source_hash.as_str()).collect();
            sources.sort_unstable();
            sha256_hex(sources.join("\n").as_bytes())
        };
        Instruments {
            parser: PARSER_VERSION.to_string(),
            rubric: sha256_hex(rubrics.join("\n\n").as_bytes()),
            suites: categories.iter().map(|c| ((*c).to_owned(), suite(c))).collect(),
        }
    }

    /// (what, before, after) of every instrument that both have and that differs.
    fn differences(&self, before: &Instruments) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        let mut differ = |what: String, old: &String, new: &String| {
            if old != new {
                found.push((what, old.clone(), new.clone()));
            }
        };
        differ("parser".to_owned(), &before.parser, &self.parser);
        if before.suites.keys().eq(self.suites.keys()) {
            differ("rubric".to_owned(), &before.rubric, &self.rubric);
        }
        for (category, new) in &self.suites {
            if let Some(old) = before.suites.get(category) {
                differ(format!("suite {category}"), old, new);
            }
        }
        found
    }
}

impl RegistryRow {
    pub fn new(at: String, evaluation: &str, event: RegistryEvent) -> RegistryRow {
        RegistryRow { v: ROW_VERSION, at, evaluation: evaluation.to_owned(), event }
    }
}

/// The changes to record before an evaluation with these instruments is planned: each with the evaluations that were
/// measured the old way since the last change of the same kind.
pub fn changes(registry: &[RegistryRow], now: &Instruments) -> Vec<RegistryEvent> {
    let mut latest: BTreeMap<String, (String, String, BTreeSet<String>)> = BTreeMap::new();
    for row in registry {
        if let RegistryEvent::Planned { instruments, .. } = &row.event {
            for (what, before, after) in now.differences(instruments) {
                let entry = latest.entry(what).or_insert_with(|| (before.clone(), after, BTreeSet::new()));
                entry.0 = before;
                entry.2.insert(row.evaluation.clone());
            }
        }
    }
    let known = |what: &str, before: &str, after: &str| {
        registry.iter().any(|row| {
            matches!(&row.event, RegistryEvent::Changed { what: w, before: b, after: a, .. }
                if w == what && b == before && a == after)
        })
    };
    latest
        .into_iter()
        .filter(|(what, (before, after, _))| !known(what, before, after))
        .map(|(what, (before, after, evaluations))| RegistryEvent::Changed {
            what,
            before,
            after,
            invalidated: evaluations.into_iter().collect(),
        })
        .collect()
}

/// How often the prompts of an evaluation were looked at before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Looks {
    /// Earlier evaluations, planned before this one, that share prompts with it and whose figures were computed.
    pub earlier: Vec<EarlierLook>,
    /// Times that this evaluation's own figures were computed.
    pub own: usize,
    /// Prompts were seen before, and run or data changed since: choices may have been fitted to them.
    pub is_adapted: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EarlierLook {
    pub evaluation: String,
    /// Of this evaluation's prompts, those that the earlier one has, too.
    pub shared_prompts: usize,
    pub looks: usize,
    pub other_run: bool,
    pub other_dataset: bool,
}

/// Looks at the prompts of `evaluation`, from the rows before and after its plan.
pub fn looks(registry: &[RegistryRow], evaluation: &str, prompts: &BTreeSet<&str>) -> Looks {
    let planned = registry
        .iter()
        .position(|row| row.evaluation == evaluation && matches!(row.event, RegistryEvent::Planned { .. }));
    let before = &registry[..planned.unwrap_or(registry.len())];
    let (mut own_run, mut own_dataset) = (None, None);
    if let Some(RegistryEvent::Planned { run, dataset, .. }) = planned.map(|at| &registry[at].event) {
        (own_run, own_dataset) = (run.as_deref(), dataset.as_deref());
    }
    let counted = |rows: &[RegistryRow], name: &str| {
        rows.iter()
            .filter(|r| r.evaluation == name && matches!(r.event, RegistryEvent::Looked { .. }))
            .count()
    };
    let mut earlier = Vec::new();
    for row in before {
        let RegistryEvent::Planned { run, dataset, prompt_ids, .. } = &row.event else { continue };
        let shared_prompts = prompt_ids.iter().filter(|id| prompts.contains(id.as_str())).count();
        let looks = counted(before, &row.evaluation);
        if shared_prompts > 0 && looks > 0 {
            earlier.push(EarlierLook {
                evaluation: row.evaluation.clone(),
                shared_prompts,
                looks,
                other_run: run.as_deref() != own_run,
                other_dataset: dataset.as_deref() != own_dataset,
            });
        }
    }
    let is_adapted = earlier.iter().any(|look| look.other_run || look.other_dataset);
    Looks { earlier, own: counted(registry, evaluation), is_adapted }
}

/// The evaluation that opened the reserve of `dataset` first, if any did.
pub fn reserve_opened_by<'h>(registry: &'h [RegistryRow], dataset: &str) -> Option<&'h str> {
    registry.iter().find_map(|row| match &row.event {
        RegistryEvent::ReserveOpened { dataset: opened, .. } if opened == dataset => {
            Some(row.evaluation.as_str())
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(name: &str, run: &str, prompts: &[&str], instruments: &Instruments) -> RegistryRow {
        let event = RegistryEvent::Planned {
            plan_sha256: String::new(),
            run: Some(run.to_owned()),
            dataset: Some("v1".to_owned()),
            prompt_ids: prompts.iter().map(|p| (*p).to_owned()).collect(),
            is_final: false,
            instruments: instruments.clone(),
        };
        RegistryRow::new(String::new(), name, event)
    }

    fn looked(name: &str) -> RegistryRow {
        RegistryRow::new(String::new(), name, RegistryEvent::Looked { completions: 1, judgments: 1 })
    }

    #[test]
    fn every_look_is_counted_and_reuse_after_a_change_is_adapted() {
        let same = Instruments::default();
        let mut registry = vec![planned("one", "r1", &["a", "b"], &same), looked("one"), looked("one")];
        registry.push(planned("unseen", "r1", &["a"], &same));
        registry.push(planned("two", "r1", &["b", "c"], &same));
        registry.push(looked("two"));
        let prompts = BTreeSet::from(["b", "c"]);
        let found = looks(&registry, "two", &prompts);
        assert_eq!((found.earlier.len(), found.own, found.is_adapted), (1, 1, false));
        assert_eq!((found.earlier[0].shared_prompts, found.earlier[0].looks), (1, 2));
        registry.push(planned("three", "r2", &["c"], &same));
        assert!(
            looks(&registry, "three", &BTreeSet::from(["c"])).is_adapted,
            "another run, the same prompts"
        );
        assert!(!looks(&registry, "three", &BTreeSet::from(["z"])).is_adapted);
    }

    #[test]
    fn a_changed_instrument_names_what_it_invalidates_once() {
        let old = Instruments { parser: "1".to_owned(), ..Instruments::default() };
        let new = Instruments { parser: "2".to_owned(), ..old.clone() };
        let mut registry = vec![planned("one", "r1", &[], &old), planned("two", "r1", &[], &old)];
        let found = changes(&registry, &new);
        let invalidated = vec!["one".to_owned(), "two".to_owned()];
        let (what, before, after) = ("parser".to_owned(), "1".to_owned(), "2".to_owned());
        assert_eq!(found, [RegistryEvent::Changed { what, before, after, invalidated }]);
        registry.push(RegistryRow::new(String::new(), "three", found[0].clone()));
        registry.push(planned("three", "r1", &[], &new));
        assert_eq!(changes(&registry, &new), [], "said once");
    }
}
