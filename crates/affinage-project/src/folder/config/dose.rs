//! `[dose]`: trainings that differ by rows, epochs or data, each under several seeds.

use serde::{Deserialize, Serialize};

use super::checks;

/// Every combination of the lists is a training of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Dose {
    /// The folder below `evals/`.
    #[serde(deserialize_with = "checks::folder_name")]
    pub name: String,
    /// Training rows, rising.
    #[serde(deserialize_with = "checks::rising")]
    pub rows: Vec<usize>,
    /// Passes over them, rising.
    #[serde(deserialize_with = "checks::rising")]
    pub epochs: Vec<usize>,
    /// Seeds of the drawn rows, their order and the adapter's beginning.
    #[serde(deserialize_with = "checks::rising")]
    pub seeds: Vec<u64>,
    /// Dataset versions that are compared at equal supervised tokens, the measure first; none: the newest.
    pub datasets: Vec<String>,
}

impl Default for Dose {
    fn default() -> Self {
        Self {
            name: "dose".to_owned(),
            rows: vec![125, 250, 500, 1000],
            epochs: vec![2],
            seeds: vec![1, 2, 3],
            datasets: Vec::new(),
        }
    }
}
