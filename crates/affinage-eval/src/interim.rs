//! Interim looks at a judging that may stop at any of them:
//! in which order prompts are judged, where the looks are, and when the evidence is
//! enough.
//!
//! A judge that stops when it likes the result finds one too often. An e-value may be looked at after every prompt:
//! under "no difference" it ever reaches `K / alpha` with probability at most `alpha / K`, so that the error rate over all
//! `K` planned comparisons stays `alpha`. See [`crate::stats::evalue`].

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::{AnalyzeError, Inputs, evidence};
use crate::plan::Plan;
use crate::rng::Rng;
use crate::stats::evalue::threshold;
use crate::suite::{Domain, Prompt};

/// Prompts that are judged between two looks.
pub const LOOK: usize = 10;

/// The judged prompts in the order in which they are asked: random within each category, categories mixed in proportion,
/// so that stopping does not change what the figure is about.
pub fn order(seed: u64, prompts: &[Prompt]) -> Vec<&str> {
    let mut strata: BTreeMap<(Domain, &str), Vec<&str>> = BTreeMap::new();
    for prompt in prompts.iter().filter(|prompt| prompt.check.is_none()) {
        strata.entry((prompt.domain, &prompt.category)).or_default().push(&prompt.prompt_id);
    }
    let mut placed: Vec<(f64, &str)> = Vec::new();
    for ((domain, category), mut stratum) in strata {
        stratum.sort_unstable();
        Rng::for_purpose(seed, &["stopping", domain.name(), category]).shuffle(&mut stratum);
        let size = stratum.len() as f64;
        placed.extend(stratum.into_iter().enumerate().map(|(i, id)| ((i as f64 + 0.5) / size, id)));
    }
    placed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(b.1)));
    placed.into_iter().map(|(_, id)| id).collect()
}

/// The numbers of prompts after which the evidence is looked at; the last is all of them.
pub fn looks(prompts: usize) -> impl Iterator<Item = usize> {
    (1..).map(move |look| (look * LOOK).min(prompts)).take(prompts.div_ceil(LOOK))
}

/// The prompts that judging has come to: those up to the last judged one. Without stopping all of them.
pub fn looked_at<'p>(plan: &Plan, prompts: &'p [Prompt], judged: &BTreeSet<&str>) -> BTreeSet<&'p str> {
    if !plan.design.stops_early {
        return prompts.iter().map(|prompt| prompt.prompt_id.as_str()).collect();
    }
    let order = order(plan.seed, prompts);
    let reached = order.iter().rposition(|id| judged.contains(id)).map_or(0, |last| last + 1);
    order.into_iter().take(reached).collect()
}

/// What a look found.
#[derive(Clone, Debug, PartialEq)]
pub struct InterimLook {
    /// By planned comparison; 0 without a decided prompt.
    pub e_values: Vec<f64>,
    pub needed: f64,
}

impl InterimLook {
    /// Every planned comparison has enough evidence.
    pub fn is_enough(&self) -> bool {
        self.e_values.iter().all(|e| *e >= self.needed)
    }
}

/// The evidence of the rows so far. Errors as [`crate::analyze::analyze`].
pub fn look(inputs: &Inputs) -> Result<InterimLook, AnalyzeError> {
    let needed = threshold(inputs.plan.comparisons.len(), inputs.plan.alpha);
    Ok(InterimLook { e_values: evidence(inputs)?, needed })
}
