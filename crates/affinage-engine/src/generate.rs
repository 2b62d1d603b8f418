//! Sampling and batched decoding. Each sequence has its own seed, and its draws depend on nothing else, so a
//! completion is the same alone and in a batch.

use crate::kernels::arch::simd;
use crate::kernels::math::max;
use crate::kernels::random::Random;
use crate::lora::{Adapter, PackedAdapter};
use crate::model::{Continued, KvCache, Model, Workspace};
use crate::profile::Profile;
use rayon::prelude::*;

/// How the next token is chosen.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Sampling {
    /// 0 = always the most likely token.
    pub temperature: f32,
    /// Keep the smallest set of tokens whose probability reaches this share; 1 = all.
    pub top_p: f32,
    /// Keep the most likely tokens; 0 = all.
    pub top_k: usize,
}

/// Why a sequence ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// An end token, which is not part of the text.
    Stop,
    /// The limit of new tokens.
    Length,
}

/// One sequence to generate.
#[derive(Clone, Debug)]
pub struct Request {
    /// The prompt; not empty.
    pub prompt: Vec<u32>,
    pub sampling: Sampling,
    pub seed: u64,
    pub max_new_tokens: usize,
}

/// A token that a sequence gained, or its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Emitted {
    /// What [`Generator::start`] returned.
    pub sequence: usize,
    /// `None` where an end token came.
    pub token: Option<u32>,
    pub finish: Option<Finish>,
}

/// Sequences that are decoded together, one token each a step. Start new ones whenever there is room.
///
/// Sequences of several arms (the base and adapters) share every product with the frozen weights.
pub struct Generator<'m> {
    model: &'m Model,
    arms: Vec<Option<PackedAdapter>>,
    end_tokens: &'m [u32],
    active: Vec<Active>,
    prefixes: Vec<Prefix>,
    started: usize,
    space: Workspace,
}

struct Active {
    sequence: usize,
    arm: usize,
    request: Request,
    cache: KvCache,
    /// Tokens of the sequence that are not in the cache yet.
    pending: Vec<u32>,
    new_tokens: usize,
}

/// The beginning of prompts to come, computed once.
struct Prefix {
    arm: usize,
    ids: Vec<u32>,
    cache: KvCache,
}

impl<'m> Generator<'m> {
    /// No sequences yet, and one arm. `end_tokens` end a sequence wherever they come.
    pub fn new(model: &'m Model, adapter: Option<&Adapter>, end_tokens: &'m [u32]) -> Generator<'m> {
        Generator::with_arms(model, &[adapter], end_tokens)
    }

    /// As [`Generator::new`], with an arm for each of `adapters`.
    pub fn with_arms(
        model: &'m Model,
        adapters: &[Option<&Adapter>],
        end_tokens: &'m [u32],
    ) -> Generator<'m> {
        let arms = adapters.iter().map(|adapter| adapter.map(PackedAdapter::new)).collect();
        let space = Workspace::default();
        Generator { model, arms, end_tokens, active: Vec::new(), prefixes: Vec::new(), started: 0, space }
    }

    /// Number of sequences in progress.
    pub fn active(&self) -> usize {
        self.active.len()
    }

    /// Where the time of the steps goes; [`Profile::start`] begins to measure.
    pub fn profile(&mut self) -> &mut Profile {
        &mut self.space.profile
    }

    /// Adds a sequence of the first arm and returns its number, counted from 0. Panics on an empty prompt.
    pub fn start(&mut self, request: Request) -> usize {
        self.start_in(0, request)
    }

    /// Adds a sequence of an arm and returns its number, counted from 0 over all arms. Panics on an empty prompt.
    pub fn start_in(&mut self, arm: usize, request: Request) -> usize {
        assert!(!request.prompt.is_empty(), "a sequence starts from at least one token");
        // The last token of the prompt is always computed: its logits are the first to be drawn from.
        let capacity = request.prompt.len() + request.max_new_tokens;
        let cache = self.cache_for(arm, &request.prompt[..request.prompt.len() - 1], capacity);
        let sequence = self.started;
        self.started += 1;
        let pending = request.prompt[cache.len()..].to_vec();
        self.active.push(Active { sequence, arm, request, cache, pending, new_tokens: 0 });
        sequence
    }

    /// Computes the beginning `ids` of prompts of an arm, so that sequences started from now on take it over.
    pub fn cache_prefix(&mut self, arm: usize, ids: &[u32]) {
        let mut cache = self.cache_for(arm, ids, ids.len());
        if cache.len() < ids.len() {
            let rest = &ids[cache.len()..];
            let adapter = self.arms[arm].as_ref();
            let mut rows = [Continued { ids: rest, cache: &mut cache, adapter }];
            self.model.forward_cached(&mut rows, &mut self.space);
        }
        self.prefixes.push(Prefix { arm, ids: ids.to_vec(), cache });
    }

    /// Forgets a beginning that [`Generator::cache_prefix`] computed; sequences that took it over keep it.
    pub fn evict_prefix(&mut self, arm: usize, ids: &[u32]) {
        self.prefixes.retain(|prefix| prefix.arm != arm || prefix.ids != ids);
    }

    /// A cache that holds as much of the beginning of `ids` as is known.
    fn cache_for(&self, arm: usize, ids: &[u32], capacity: usize) -> KvCache {
        let known = self.prefixes.iter().filter(|prefix| prefix.arm == arm && ids.starts_with(&prefix.ids));
        match known.max_by_key(|prefix| prefix.ids.len()) {
            Some(prefix) => self.model.continue_cache(&prefix.cache, capacity),
            None => self.model.new_cache(capacity),
        }
    }

    /// Gives every sequence its next token; ended sequences leave.
    pub fn step(&mut self) -> Vec<Emitted> {
        if self.active.is_empty() {
            return Vec::new();
        }
        // Rows of one arm stand together, so that its branch is one product.
        self.active.sort_by_key(|active| (active.arm, active.sequence));
        let arms = &self.arms;
        let with_adapter = self.active.iter_mut().map(|active| {
            let Active { pending, cache, arm, .. } = active;
            Continued { ids: pending, cache, adapter: arms[*arm].as_ref() }
        });
        let mut rows: Vec<Continued> = with_adapter.collect();
        let logits = self.model.forward_cached(&mut rows, &mut self.space);
        drop(rows);
        let logits = logits.par_chunks_exact(self.model.config().vocab_size);
        let draw = |(active, logits): (&Active, &[f32])| {
            sample(logits, active.request.sampling, active.request.seed, active.new_tokens as u64)
        };
        let tokens: Vec<u32> = self.active.par_iter().zip(logits).map(draw).collect();
        self.space.profile.lap("sampling");
        let mut emitted = Vec::with_capacity(self.active.len());
        for (active, token) in self.active.iter_mut().zip(tokens) {
            active.new_tokens += 1;
            active.pending = vec![token];
            let stop = self.end_tokens.contains(&token);
            let full = active.new_tokens == active.request.max_new_tokens;
            let finish = if stop { Some(Finish::Stop) } else { full.then_some(Finish::Length) };
            emitted.push(Emitted { sequence: active.sequence, token: (!stop).then_some(token), finish });
        }
        let mut ended = emitted.iter().map(|emitted| emitted.finish.is_some());
        self.active.retain(|_| !ended.next().expect("one emission for each sequence"));
        emitted
    }
}

/// Draws token number `index` of the sequence with `seed`.
pub fn sample(logits: &[f32], sampling: Sampling, seed: u64, index: u64) -> u32 {
    let top = largest(logits);
    let best = logits.iter().position(|logit| *logit == top).unwrap_or(0);
    if sampling.temperature <= 0.0 || sampling.top_k == 1 {
        return best as u32;
    }
    let weight = |logit: f32| ((logit - top) as f64 / sampling.temperature as f64).exp();
    let mut candidates: Vec<(u32, f64)> =
        logits.iter().enumerate().map(|(id, logit)| (id as u32, weight(*logit))).collect();
    if sampling.top_k > 0 && sampling.top_k < candidates.len() {
        // Equal weights go by id, so that the set does not depend on the order of a partial sort.
        candidates.select_nth_unstable_by(sampling.top_k - 1, heavier);
        candidates.truncate(sampling.top_k);
    }
    if sampling.top_p < 1.0 {
        keep_nucleus(&mut candidates, sampling.top_p as f64);
    } else {
        candidates.sort_unstable_by_key(|(id, _)| *id);
    }
    let total: f64 = candidates.iter().map(|(_, weight)| weight).sum();
    let mut left = Random::new(seed, index).uniform() * total;
    for (id, weight) in &candidates {
        left -= weight;
        if left < 0.0 {
            return *id;
        }
    }
    best as u32
}

simd! {
    fn largest(logits: &[f32]) -> f32 {
        max(logits)
    }
}

fn heavier(a: &(u32, f64), b: &(u32, f64)) -> std::cmp::Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

/// Keeps the heaviest candidates, in order, until they hold `share` of the weight.
fn keep_nucleus(candidates: &mut Vec<(u32, f64)>, share: f64) {
    let total: f64 = candidates.iter().map(|(_, weight)| weight).sum();
    // The tail below a millionth of the heaviest weight is sorted only if the rest does not reach the share.
    let mut sorted: Vec<(u32, f64)> =
        candidates.iter().copied().filter(|(_, weight)| *weight > 1e-6).collect();
    if sorted.iter().map(|(_, weight)| weight).sum::<f64>() < share * total {
        sorted.clone_from(candidates);
    }
    sorted.sort_unstable_by(heavier);
    let mut held = 0.0;
    let kept = sorted.iter().take_while(|(_, weight)| {
        let wanted = held < share * total;
        held += weight;
        wanted
    });
    let kept = kept.count().max(1);
    sorted.truncate(kept);
    *candidates = sorted;
}

/// Summed log-probability of each continuation after one prefix, which is computed once.
///
/// Panics if the prefix or a continuation is empty.
pub fn score_continuations(
    model: &Model,
    adapter: Option<&Adapter>,
    prefix: &[u32],
    continuations: &[&[u32]],
) -> Vec<f64> {
    let adapter = adapter.map(PackedAdapter::new);
    let adapter = adapter.as_ref();
    let longest = continuations.iter().map(|c| c.len()).max().unwrap_or(0);
    let mut cache = model.new_cache(prefix.len() + longest);
    let mut space = Workspace::default();
    let rows = Continued { ids: prefix, cache: &mut cache, adapter };
    let after_prefix = model.forward_cached(&mut [rows], &mut space);
    let log_probability =
        |logits: &[f32], id: u32| logits[id as usize] as f64 - crate::kernels::loss::log_sum_exp(logits);
    let score = |continuation: &&[u32]| {
        cache.truncate(prefix.len());
        let mut total = log_probability(&after_prefix, continuation[0]);
        for pair in continuation.windows(2) {
            let rows = Continued { ids: &pair[..1], cache: &mut cache, adapter };
            let logits = model.forward_cached(&mut [rows], &mut space);
            total += log_probability(&logits, pair[1]);
        }
        total
    };
    continuations.iter().map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Sampling = Sampling { temperature: 1.0, top_p: 1.0, top_k: 0 };

    fn shares(sampling: Sampling) -> Vec<f64> {
        let logits: Vec<f32> = [0.5f32, 0.25, 0.15, 0.1].iter().map(|p| p.ln()).collect();
        let mut counts = vec![0.0; 4];
        (0..40_000).for_each(|seed| counts[sample(&logits, sampling, seed, 3) as usize] += 1.0 / 40_000.0);
        counts
    }

    fn close(got: Vec<f64>, want: [f64; 4]) {
        got.iter().zip(want).for_each(|(got, want)| assert!((got - want).abs() < 0.01, "{got} {want}"));
    }

    #[test]
    fn draws_follow_the_distribution() {
        close(shares(PLAIN), [0.5, 0.25, 0.15, 0.1]);
        close(shares(Sampling { top_k: 2, ..PLAIN }), [2.0 / 3.0, 1.0 / 3.0, 0.0, 0.0]);
        close(shares(Sampling { top_p: 0.7, ..PLAIN }), [2.0 / 3.0, 1.0 / 3.0, 0.0, 0.0]);
        close(shares(Sampling { top_p: 0.8, ..PLAIN }), [0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0.0]);
        close(
            shares(Sampling { temperature: 0.5, ..PLAIN }),
            [0.25 / 0.345, 0.0625 / 0.345, 0.0225 / 0.345, 0.01 / 0.345],
        );
        close(shares(Sampling { temperature: 0.0, ..PLAIN }), [1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_seed_repeats_its_draw() {
        let logits: Vec<f32> = (0..50).map(|i| (i as f32 * 0.37).sin()).collect();
        let draws = |seed| (0..20).map(|i| sample(&logits, PLAIN, seed, i)).collect::<Vec<_>>();
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
    }
}
