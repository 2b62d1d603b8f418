//! Likelihood of the held-out texts ("fit to your texts" on the page): how
//! much less the held-out references surprise an arm than the base model.
//!
//! `nll` is the negative log-likelihood in nats of the reference's tokens after its prompt. It needs no judge
//! and it is no quality: the controls say how much of a gain is manner (answers of other writers) and how much
//! survives when the reference stands under another prompt (shuffled).

use serde::{Deserialize, Serialize};

use crate::ROW_VERSION;

/// One line of `fit.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LikelihoodRow {
    pub v: u32,
    pub prompt_id: String,
    pub arm: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter_sha256: Option<String>,
    pub control: LikelihoodControl,
    /// Sum over the reference's tokens, in nats.
    pub nll_sum: f64,
    pub tokens: usize,
    /// Characters of the reference, so that models with other tokenisers can be compared.
    pub chars: usize,
}

impl LikelihoodRow {
    pub fn new(
        prompt_id: &str,
        arm: &str,
        adapter_sha256: Option<&str>,
        scored: ScoredReference,
    ) -> LikelihoodRow {
        LikelihoodRow {
            v: ROW_VERSION,
            prompt_id: prompt_id.to_owned(),
            arm: arm.to_owned(),
            adapter_sha256: adapter_sha256.map(str::to_owned),
            control: scored.control,
            nll_sum: scored.nll_sum,
            tokens: scored.tokens,
            chars: scored.chars,
        }
    }

    pub fn nll_per_token(&self) -> f64 {
        self.nll_sum / self.tokens as f64
    }

    /// Comparable between models that cut texts into different tokens.
    pub fn nll_per_character(&self) -> f64 {
        self.nll_sum / self.chars.max(1) as f64
    }
}

/// The figures of one scored text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoredReference {
    pub control: LikelihoodControl,
    pub nll_sum: f64,
    pub tokens: usize,
    pub chars: usize,
}

/// Whose text was scored under which prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LikelihoodControl {
    /// The user's own reference under its own prompt.
    Own,
    /// Another writer's answer to the same prompt.
    OtherWriter,
    /// The user's reference of another prompt.
    Shuffled,
}

/// For each of `n` prompts another prompt whose reference it gets: a rotation of a seeded shuffle, so that none
/// keeps its own. Empty when `n < 2`.
pub fn shuffled_references(n: usize, seed: u64) -> Vec<usize> {
    if n < 2 {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..n).collect();
    crate::rng::Rng::for_purpose(seed, &["shuffled references"]).shuffle(&mut order);
    let mut partner = vec![0; n];
    for i in 0..n {
        partner[order[i]] = order[(i + 1) % n];
    }
    partner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_prompt_keeps_its_own_reference() {
        for n in 2..20 {
            let partner = shuffled_references(n, 3);
            let mut sorted = partner.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..n).collect::<Vec<_>>(), "a permutation");
            assert!(partner.iter().enumerate().all(|(i, &other)| i != other));
        }
        assert!(shuffled_references(1, 3).is_empty());
    }
}
