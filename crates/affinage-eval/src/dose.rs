//! Dose-response: trainings that differ by rows, epochs or data and by nothing else, each under several seeds.

use serde::{Deserialize, Serialize};

use crate::analysis::Estimate;

/// A claim about a recipe needs so many training seeds.
pub const SEEDS_FOR_A_CLAIM: usize = 3;

/// One training of a dose study: a run with its own finished schedule, and the arm that its last step is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DoseCell {
    /// `r125-e2-s1`.
    pub arm: String,
    /// The run's folder.
    pub run: String,
    #[serde(flatten)]
    pub dose: Dose,
    pub seed: u64,
    /// Rows that were drawn; other than the dose's where tokens are what is held equal.
    pub rows_drawn: usize,
    /// Tokens of them that are learnt from, each counted once.
    pub supervised_tokens: u64,
}

/// What is varied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dose {
    pub dataset: String,
    pub epochs: usize,
    pub rows: usize,
}

/// `analysis.json` `.dose`, and `dose.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DoseResult {
    /// By data set, epochs, rows.
    pub doses: Vec<DosePoint>,
    /// More rows, more epochs, other data: the planned steps, win rates before fit.
    pub steps: Vec<DoseStep>,
    /// How to read it.
    pub explanation: String,
    /// What these seeds and prompts cannot say.
    pub limits: Vec<String>,
}

/// What one dose reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DosePoint {
    #[serde(flatten)]
    pub dose: Dose,
    /// Mean over the seeds.
    pub supervised_tokens: f64,
    pub seeds: Vec<DoseSeed>,
    /// Win rate against the base over prompts and seeds.
    pub win_rate: Option<Estimate>,
    /// Fit gained over the base, nats per token.
    pub fit_gain: Option<Estimate>,
}

/// One training of a dose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DoseSeed {
    pub seed: u64,
    pub arm: String,
    pub win_rate: Option<f64>,
    pub fit_gain: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DoseMeasure {
    WinRate,
    Fit,
}

/// From one dose to the next, on the same prompts and seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DoseStep {
    pub from: Dose,
    pub to: Dose,
    pub measure: DoseMeasure,
    /// `to` minus `from`.
    pub difference: Estimate,
    pub p: Option<f64>,
    /// By Holm's method over the steps of this measure.
    pub p_adjusted: Option<f64>,
    pub word: DoseWord,
    pub sentence: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DoseWord {
    Up,
    Down,
    EquivalentWithinMargin,
    NotShown,
}

impl DoseWord {
    /// Fit is never called better.
    pub fn words(self, measure: DoseMeasure) -> &'static str {
        match (self, measure) {
            (DoseWord::Up, DoseMeasure::WinRate) => "better",
            (DoseWord::Down, DoseMeasure::WinRate) => "worse",
            (DoseWord::Up, DoseMeasure::Fit) => "the texts of the data set surprise it less",
            (DoseWord::Down, DoseMeasure::Fit) => "the texts of the data set surprise it more",
            (DoseWord::EquivalentWithinMargin, _) => "equivalent within margin",
            (DoseWord::NotShown, _) => "not shown",
        }
    }
}

impl Dose {
    /// "250 rows, 2 epochs", with the data set where there are several.
    pub fn words(&self, with_dataset: bool) -> String {
        let epochs = if self.epochs == 1 { "1 epoch".to_owned() } else { format!("{} epochs", self.epochs) };
        let dataset = if with_dataset { format!(" of {}", self.dataset) } else { String::new() };
        format!("{} rows{dataset}, {epochs}", self.rows)
    }
}

/// The planned steps among doses: to the next number of rows, to the next number of epochs, and from the first data set
/// to each other one; all else equal.
pub fn planned_steps(doses: &[Dose]) -> Vec<(Dose, Dose)> {
    let mut sorted = doses.to_vec();
    sorted.sort();
    sorted.dedup();
    let mut steps = Vec::new();
    for from in &sorted {
        let next = |key: fn(&Dose) -> usize, rest: fn(&Dose) -> (&str, usize)| {
            let larger = sorted.iter().filter(|to| rest(to) == rest(from) && key(to) > key(from));
            larger.min_by_key(|to| key(to)).cloned()
        };
        steps.extend(next(|d| d.rows, |d| (d.dataset.as_str(), d.epochs)).map(|to| (from.clone(), to)));
        steps.extend(next(|d| d.epochs, |d| (d.dataset.as_str(), d.rows)).map(|to| (from.clone(), to)));
    }
    // The order of the user's list: the first is what the others are held against.
    if let Some(first) = doses.first() {
        let others = doses.iter().filter(|dose| dose.dataset != first.dataset);
        steps.extend(others.filter_map(|to| {
            let same = |from: &&Dose| {
                from.dataset == first.dataset && (from.rows, from.epochs) == (to.rows, to.epochs)
            };
            Some((doses.iter().find(same)?.clone(), to.clone()))
        }));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dose(dataset: &str, rows: usize, epochs: usize) -> Dose {
        Dose { dataset: dataset.to_owned(), epochs, rows }
    }

    #[test]
    fn steps_change_one_thing_at_a_time() {
        let grid: Vec<Dose> = [(125, 1), (125, 2), (250, 1), (250, 2), (500, 1), (500, 2)]
            .map(|(rows, epochs)| dose("v1", rows, epochs))
            .to_vec();
        let steps = planned_steps(&grid);
        assert_eq!(steps.len(), 2 * 2 + 3);
        assert!(steps.iter().all(|(from, to)| (from.rows == to.rows) != (from.epochs == to.epochs)));
        assert!(!steps.contains(&(dose("v1", 125, 1), dose("v1", 500, 1))), "one step at a time");

        let two = [dose("v4", 125, 1), dose("v4", 250, 1), dose("v3", 125, 1), dose("v3", 250, 1)];
        let steps = planned_steps(&two);
        assert_eq!(steps.len(), 4);
        assert!(
            steps.contains(&(dose("v4", 250, 1), dose("v3", 250, 1))),
            "the first data set is the measure"
        );
        assert_eq!(planned_steps(&two[..1]), []);
    }
}
