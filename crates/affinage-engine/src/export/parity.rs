//! Whether an export behaves: its next-token distributions beside those of the training graph, on the same tokens.

use crate::generate::{Generator, Request, Sampling};
use crate::kernels::loss::log_sum_exp;
use crate::lora::Adapter;
use crate::model::{Model, Pass};

/// How two models differ on some positions.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Parity {
    pub positions: usize,
    /// Mean of `KL(reference || candidate)` in nats per position.
    pub kl: f64,
    pub max_abs_logit_diff: f32,
    /// Positions at which both prefer the same token.
    pub greedy_equal: usize,
}

/// A text for the comparison: after the prompt come the positions that count.
#[derive(Debug, Clone)]
pub struct Probe {
    pub ids: Vec<u32>,
    pub prompt_tokens: usize,
}

/// A model with or without an adapter beside it.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub model: &'a Model,
    pub adapter: Option<&'a Adapter>,
}

/// Continues each prompt by `positions` tokens that `side` draws at temperature 1: texts as the adapter writes them,
/// where it moves the model most. End tokens are ordinary tokens here.
pub fn probes(side: Side, prompts: Vec<Vec<u32>>, positions: usize) -> Vec<Probe> {
    let sampling = Sampling { temperature: 1.0, top_p: 1.0, top_k: 0 };
    let mut generator = Generator::new(side.model, side.adapter, &[]);
    let mut probes: Vec<Probe> = Vec::with_capacity(prompts.len());
    for (seed, prompt) in (0..).zip(prompts) {
        probes.push(Probe { prompt_tokens: prompt.len(), ids: prompt.clone() });
        generator.start(Request { prompt, sampling, seed, max_new_tokens: positions });
    }
    while generator.active() > 0 {
        for emitted in generator.step() {
            probes[emitted.sequence].ids.extend(emitted.token);
        }
    }
    probes
}

/// The logits of `side` at the positions that predict what follows each prompt, probe by probe.
pub fn logits(side: Side, probes: &[Probe]) -> Vec<Vec<f32>> {
    let vocab = side.model.config().vocab_size;
    let pass = Pass { adapter: side.adapter, dropout: None };
    let of_probe = |probe: &Probe| {
        let all = side.model.logits(&probe.ids[..probe.ids.len() - 1], pass);
        all[(probe.prompt_tokens - 1) * vocab..].to_vec()
    };
    probes.iter().map(of_probe).collect()
}

/// Compares two results of [`logits`] on the same probes. Panics if their shapes differ.
pub fn compare(reference: &[Vec<f32>], candidate: &[Vec<f32>], vocab: usize) -> Parity {
    assert_eq!(reference.len(), candidate.len());
    let (mut kl, mut positions, mut most, mut equal) = (0.0, 0, 0.0f32, 0);
    for (reference, candidate) in reference.iter().zip(candidate) {
        assert_eq!(reference.len(), candidate.len());
        for (p, q) in reference.chunks_exact(vocab).zip(candidate.chunks_exact(vocab)) {
            kl += divergence(p, q);
            most = p.iter().zip(q).fold(most, |most, (p, q)| most.max((p - q).abs()));
            equal += usize::from(greedy(p) == greedy(q));
            positions += 1;
        }
    }
    Parity { positions, kl: kl / positions as f64, max_abs_logit_diff: most, greedy_equal: equal }
}

/// `sum p (ln p - ln q)` of two rows of logits.
fn divergence(p: &[f32], q: &[f32]) -> f64 {
    let (norm_p, norm_q) = (log_sum_exp(p), log_sum_exp(q));
    let term = |(p, q): (&f32, &f32)| {
        let (log_p, log_q) = (f64::from(*p) - norm_p, f64::from(*q) - norm_q);
        log_p.exp() * (log_p - log_q)
    };
    p.iter().zip(q).map(term).sum()
}

fn greedy(logits: &[f32]) -> usize {
    let best = logits.iter().enumerate().max_by(|(i, a), (j, b)| a.total_cmp(b).then(j.cmp(i)));
    best.map_or(0, |(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_divergence_is_that_of_the_formula() {
        let logs = |p: [f32; 3]| p.map(f32::ln).to_vec();
        let (p, q) = ([0.5, 0.25, 0.25], [0.25, 0.25, 0.5]);
        // .5 ln 2 + .25 ln .5, and a shift of all logits changes nothing.
        let expected = 0.25 * 2.0f64.ln();
        let shifted: Vec<f32> = logs(q).iter().map(|x| x + 3.0).collect();
        let parity = compare(&[logs(p)], &[shifted], 3);
        assert!((parity.kl - expected).abs() < 1e-6, "{parity:?}");
        assert_eq!((parity.positions, parity.greedy_equal), (1, 0));
        let same = compare(&[logs(p)], &[logs(p)], 3);
        assert_eq!((same.kl, same.max_abs_logit_diff, same.greedy_equal), (0.0, 0.0, 1));
    }
}
