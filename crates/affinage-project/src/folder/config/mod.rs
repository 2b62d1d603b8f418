//! `affinage.toml`: every knob of a project.
//!
//! Defaults < file < `--set key=value`. Values are checked while they are read, so an error names file, line and
//! key, and only a valid [`Config`] exists afterwards. The defaults stand in the `Default` impls and nowhere else;
//! `template.toml` repeats them for people, and a test holds the two together.

mod arm;
mod checks;
mod dose;
mod edit;
mod error;
mod keys;
mod model;
mod sections;

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

pub use arm::Arm;
pub use checks::{FOLDER_NAME, is_folder_name};
pub use dose::Dose;
pub use edit::change;
pub use error::ConfigError;
pub use model::Model;
pub use sections::{
    Audience, Dataset, EngineName, EngineRecord, Eval, Generate, Judge, JudgeKind, JudgeMode, Judging,
    LongRows, Suite, Train,
};

/// The commented file that `affinage init` writes: every knob with its default.
pub const TEMPLATE: &str = include_str!("template.toml");

/// A valid configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    pub model: Model,
    /// Worker threads; `None` is one per core.
    #[serde(deserialize_with = "checks::threads", skip_serializing_if = "Option::is_none")]
    pub threads: Option<NonZeroUsize>,
    /// What a chat template takes for today; see [`crate::model::pinned_date`] for where it is not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<jiff::civil::Date>,
    pub dataset: Dataset,
    pub train: Train,
    /// Only in run.toml.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineRecord>,
    pub generate: Generate,
    pub eval: Eval,
    pub judging: Judging,
    pub dose: Dose,
    /// What else answers, beside the base and its checkpoints.
    #[serde(rename = "arm", skip_serializing_if = "Vec::is_empty")]
    pub arms: Vec<Arm>,
    /// The user's own prompt suites.
    #[serde(rename = "suite", skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<Suite>,
    #[serde(rename = "judge", skip_serializing_if = "Vec::is_empty")]
    pub judges: Vec<Judge>,
}

impl Config {
    /// Reads the text of an `affinage.toml`, then applies `--set key=value` in order.
    ///
    /// Errors: not TOML, an unknown key (the nearest known one is named), a value of the wrong type or out of its
    /// range, or values that contradict each other.
    pub fn parse(text: &str, sets: &[String]) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| ConfigError::in_file(error, text))?;
        if sets.is_empty() {
            return config.checked(None);
        }
        let mut table: toml::Table =
            toml::from_str(text).map_err(|error| ConfigError::in_file(error, text))?;
        let mut config = config;
        for set in sets {
            apply_set(&mut table, set)?;
            config = table.clone().try_into().map_err(|error| ConfigError::in_set(error, set))?;
        }
        config.checked(sets.last())
    }

    /// The whole configuration as TOML, defaults included: what `run.toml` records.
    pub fn effective_toml(&self) -> String {
        toml::to_string(self).expect("a Config holds only tables, strings, numbers and lists")
    }

    /// What no single value can show.
    fn checked(self, set: Option<&String>) -> Result<Self, ConfigError> {
        let contradiction = |message: String, hint: &str| Err(ConfigError::across_keys(message, hint, set));
        let held_out = self.dataset.validation_share + self.dataset.test_share;
        if held_out >= 1.0 {
            return contradiction(
                format!(
                    "`dataset.validation-share` + `dataset.test-share` = {held_out}, nothing is left to train on"
                ),
                "the two shares together must be below 1",
            );
        }
        if let Some(name) = first_repeated(self.suites.iter().map(|suite| suite.name.as_str())) {
            return contradiction(
                format!("two [[suite]] are named `{name}`"),
                "give each suite its own name",
            );
        }
        if let Some(id) = first_repeated(self.judges.iter().map(|judge| judge.id.as_str())) {
            return contradiction(format!("two [[judge]] have the id `{id}`"), "give each judge its own id");
        }
        if let Some(name) = first_repeated(self.dose.datasets.iter().map(String::as_str)) {
            return contradiction(format!("dose.datasets names `{name}` twice"), "name each version once");
        }
        if let Some(name) = first_repeated(self.arms.iter().map(|arm| arm.name.as_str())) {
            return contradiction(format!("two [[arm]] are named `{name}`"), "give each arm its own name");
        }
        if let Some((message, hint)) = self.arms.iter().find_map(Arm::contradiction) {
            return contradiction(message, hint);
        }
        Ok(self)
    }
}

/// Writes the value of `key.path=value` into `table`. The value is TOML where it can be read as such, else a string.
fn apply_set(table: &mut toml::Table, set: &str) -> Result<(), ConfigError> {
    let Some((path, value)) = set.split_once('=') else {
        let hint = "write `--set KEY=VALUE`, such as `--set train.learning-rate=1e-4`";
        return Err(ConfigError::bad_set(set, "there is no `=` in it", hint));
    };
    let (path, value) = (path.trim(), value.trim());
    let value = toml::from_str::<toml::Table>(&format!("value = {value}"))
        .ok()
        .and_then(|mut parsed| parsed.remove("value"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let mut parts = path.split('.');
    let last = parts.next_back().expect("split yields at least one part");
    let (mut inner, mut section) = (table, String::new());
    for part in parts {
        section = keys::whole(&section, part);
        if keys::is_list(&section) {
            let (message, hint) = (
                format!("`{section}` is a list, which --set cannot change"),
                format!("change its `[[{section}]]` in affinage.toml"),
            );
            return Err(ConfigError::bad_set(set, &message, &hint));
        }
        let entry = inner.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        if section == "model" && entry.is_str() {
            *entry = toml::Value::Table(toml::Table::from_iter([("name".to_owned(), entry.clone())]));
        }
        inner = match entry {
            toml::Value::Table(table) => table,
            _ => {
                let (message, hint) =
                    (format!("`{part}` is a value, not a section"), format!("write `{part}=VALUE`"));
                return Err(ConfigError::bad_set(set, &message, &hint));
            }
        };
    }
    // The name alone leaves the other keys of `[model]` as they are.
    match (inner.get_mut(last), &value) {
        (Some(toml::Value::Table(model)), toml::Value::String(_)) if path == "model" => {
            model.insert("name".to_owned(), value);
        }
        _ => {
            inner.insert(last.to_owned(), value);
        }
    }
    Ok(())
}

fn first_repeated<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = std::collections::BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

#[cfg(test)]
mod tests;
