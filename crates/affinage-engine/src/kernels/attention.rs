//! Causal grouped-query attention over packed documents; each document attends only to itself.
//!
//! `S = scale * Q K^T`, `P = softmax(S)` over the keys up to the query, of which a window may leave only the last ones,
//! `O = P V`. Queries go through in blocks, so that no `T x T` matrix is stored; the backward recomputes `P` from the saved log-sum-exp of each row, as in
//! FlashAttention-2 (arXiv:2307.08691). Blocks and slices of queries are counted from the start of a document and their
//! sums are added in a fixed order, so neither threads nor neighbours in the batch change a result.

use super::arch::gemm::{KC, Left, Output, Packed, Right, View};
use super::arch::simd;
use super::arch::thread_team;
use super::math::{dot, exp, max, sum_by};
use rayon::prelude::*;
use std::cell::Cell;
use std::ops::Range;

/// Queries of one block: whole tiles on every instruction set.
const BLOCK: usize = 96;

/// Queries whose key and value gradients one task sums up. Part of the arithmetic: another value gives other roundings.
const SLICE: usize = 3 * BLOCK;

/// Values of key and value gradients that wait to be added up: 8 MB.
const WAVE_VALUES: usize = 1 << 21;

thread_local! {
    /// Scores of one block of queries, kept between blocks.
    static SCORES: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// How the columns of a `qkv` row are divided: `heads` queries, then `kv_heads` keys, then `kv_heads` values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
}

impl Heads {
    /// Columns of the queries, and of the attention's output.
    pub fn q_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Columns of the keys (and of the values).
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Columns of a `qkv` row.
    pub fn qkv_width(&self) -> usize {
        self.q_width() + 2 * self.kv_width()
    }

    /// Query heads that share one kv head.
    fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// First column of the keys of `kv_head`.
    fn k_at(&self, kv_head: usize) -> usize {
        self.q_width() + kv_head * self.head_dim
    }

    /// First column of the values of `kv_head`.
    fn v_at(&self, kv_head: usize) -> usize {
        self.q_width() + self.kv_width() + kv_head * self.head_dim
    }
}

/// How a layer attends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attention {
    pub heads: Heads,
    /// The factor of the scores.
    pub scale: f32,
    /// Keys that a query sees at most: its own and those right before it. `usize::MAX`: all.
    pub window: usize,
}

impl Attention {
    /// The first key that `query` sees.
    fn first_seen(&self, query: usize) -> usize {
        (query + 1).saturating_sub(self.window)
    }

    /// The first key of the products of a block of queries that begins with `query`: where a chain of the multiply
    /// begins. The keys between it and the first that is seen have weight zero and change no sum, so that the result
    /// of a query does not depend on the block that it is in.
    fn first_key(&self, query: usize) -> usize {
        self.first_seen(query) / KC * KC
    }
}

/// Attention over documents.
///
/// Shapes: `qkv` `[tokens, qkv_width]`, already rotated; `documents` are disjoint row ranges; `out` `[tokens, q_width]`;
/// `lse` `[tokens, heads]`, saved for [`attention_backward`]. Panics if the lengths disagree.
pub fn attention(how: Attention, qkv: &[f32], documents: &[Range<usize>], out: &mut [f32], lse: &mut [f32]) {
    let heads = how.heads;
    let width = heads.qkv_width();
    assert_eq!(out.len() * width, qkv.len() * heads.q_width());
    assert_eq!(lse.len() * width, qkv.len() * heads.heads);
    let groups = groups(heads, documents);
    let packed: Vec<(Packed, Packed)> = groups
        .par_iter()
        .map(|(rows, kv_head)| {
            let (k, v) = keys_and_values(heads, qkv, rows, *kv_head);
            (Packed::new(Right::Dense(k.transposed())), Packed::new(Right::Dense(v)))
        })
        .collect();
    let blocks: Vec<_> = cut(&groups, BLOCK);
    let results: Vec<_> = blocks
        .par_iter()
        .with_max_len(1)
        .map(|(group, queries)| {
            let ((rows, kv_head), (keys, values)) = (&groups[*group], &packed[*group]);
            let qkv = &qkv[(rows.start + queries.start) * width..(rows.start + queries.end) * width];
            attend_group(how, qkv, queries.len(), *kv_head, keys, values, queries.start)
        })
        .collect();
    let (mut outs, mut lses) = (Vec::new(), Vec::new());
    for ((group, queries), (block_out, block_lse)) in blocks.iter().zip(&results) {
        let ((document, kv_head), group) = (&groups[*group], heads.group());
        let rows = document.start + queries.start..document.start + queries.end;
        let column = kv_head * group * heads.head_dim;
        outs.push(Part { rows: rows.clone(), column, values: block_out, output: Output::Overwrite });
        lses.push(Part { rows, column: kv_head * group, values: block_lse, output: Output::Overwrite });
    }
    put_parts(out, heads.q_width(), &outs);
    put_parts(lse, heads.heads, &lses);
}

/// The gradient of [`attention`]: fills `dqkv` `[tokens, qkv_width]` from `dout` `[tokens, q_width]`.
///
/// With `D = rowsum(dO * O)`: `dS = P * (dO V^T - D)`, `dQ = scale * dS K`, `dK = scale * dS^T Q`, `dV = P^T dO`.
pub fn attention_backward(
    how: Attention,
    dqkv: &mut [f32],
    dout: &[f32],
    qkv: &[f32],
    out: &[f32],
    lse: &[f32],
    documents: &[Range<usize>],
) {
    assert_eq!(dqkv.len(), qkv.len());
    assert_eq!(dout.len(), out.len());
    let heads = how.heads;
    let saved = Saved { qkv, out, lse };
    let groups = groups(heads, documents);
    let packed: Vec<PackedGroup> = groups
        .par_iter()
        .map(|(rows, kv_head)| {
            let (k, v) = keys_and_values(heads, qkv, rows, *kv_head);
            PackedGroup {
                k: Packed::new(Right::Dense(k)),
                k_transposed: Packed::new(Right::Dense(k.transposed())),
                v_transposed: Packed::new(Right::Dense(v.transposed())),
            }
        })
        .collect();
    // One task is one slice of queries of one query head; the largest slices come first.
    let mut tasks: Vec<_> = cut(&groups, SLICE)
        .into_iter()
        .flat_map(|(group, queries)| (0..heads.group()).map(move |head| (group, queries.clone(), head)))
        .collect();
    tasks.sort_by_key(|(group, queries, head)| (std::cmp::Reverse(queries.start), *group, *head));
    dqkv.fill(0.0);
    // Each task returns gradients of all keys that it sees; a wave of them is added up before the next one begins.
    let keys = |queries: &Range<usize>| how.first_key(queries.start)..queries.end;
    let seen = tasks.iter().map(|(_, queries, _)| keys(queries).len()).max().unwrap_or(1);
    for wave in
        tasks.chunks((WAVE_VALUES / (2 * seen * heads.head_dim)).max(2 * rayon::current_num_threads()))
    {
        let results: Vec<_> = wave
            .par_iter()
            .with_max_len(1)
            .map(|(group, queries, head)| {
                let (rows, kv_head) = &groups[*group];
                let q_head = kv_head * heads.group() + head;
                slice_backward(how, dout, &saved, rows, &packed[*group], queries.clone(), q_head)
            })
            .collect();
        let mut parts = Vec::new();
        for ((group, queries, head), (dq, dk, dv)) in wave.iter().zip(&results) {
            let (document, kv_head) = &groups[*group];
            let rows = |range: Range<usize>| document.start + range.start..document.start + range.end;
            let q_column = (kv_head * heads.group() + head) * heads.head_dim;
            let (k_column, v_column) = (heads.k_at(*kv_head), heads.v_at(*kv_head));
            let seen = rows(keys(queries));
            parts.push(Part {
                rows: rows(queries.clone()),
                column: q_column,
                values: dq,
                output: Output::Overwrite,
            });
            parts.push(Part { rows: seen.clone(), column: k_column, values: dk, output: Output::Accumulate });
            parts.push(Part { rows: seen, column: v_column, values: dv, output: Output::Accumulate });
        }
        put_parts(dqkv, heads.qkv_width(), &parts);
    }
}

/// Keys and values of one layer and one sequence, kept in the layout that the products read.
pub struct LayerCache {
    keys: Vec<Packed>,
    values: Vec<Packed>,
}

impl LayerCache {
    /// Room for `capacity` tokens.
    pub fn new(heads: Heads, capacity: usize) -> LayerCache {
        let each = |k, n| (0..heads.kv_heads).map(|_| Packed::zeros(k, n)).collect();
        LayerCache { keys: each(heads.head_dim, capacity), values: each(capacity, heads.head_dim) }
    }

    /// Takes over the first `tokens` tokens of another cache of the same shape. Panics if either has no room for them.
    pub fn copy(&mut self, from: &LayerCache, tokens: usize) {
        for (keys, from) in self.keys.iter_mut().zip(&from.keys) {
            keys.copy_part(from, from.k(), tokens);
        }
        for (values, from) in self.values.iter_mut().zip(&from.values) {
            values.copy_part(from, tokens, from.n());
        }
    }

    /// Stores the keys and values of `qkv` `[rows, qkv_width]` from token `start` on.
    pub fn append(&mut self, heads: Heads, qkv: &[f32], start: usize) {
        for (i, row) in qkv.chunks_exact(heads.qkv_width()).enumerate() {
            for kv_head in 0..heads.kv_heads {
                self.keys[kv_head].set_column(start + i, &row[heads.k_at(kv_head)..][..heads.head_dim]);
                self.values[kv_head].set_row(start + i, &row[heads.v_at(kv_head)..][..heads.head_dim]);
            }
        }
    }
}

/// Attention of new rows of several sequences over their caches, which already hold those rows.
///
/// Each sequence is `(rows of qkv, its cache, tokens before the first row)`. Shapes as in [`attention`]; bit-identical
/// to it on the same tokens.
pub fn attention_cached(
    how: Attention,
    qkv: &[f32],
    sequences: &[(Range<usize>, &LayerCache, usize)],
    out: &mut [f32],
) {
    let heads = how.heads;
    let width = heads.qkv_width();
    let tasks: Vec<_> = (0..sequences.len()).flat_map(|s| (0..heads.kv_heads).map(move |h| (s, h))).collect();
    let results = thread_team::map(tasks.len(), |task| {
        let (sequence, kv_head) = tasks[task];
        let (rows, cache, start) = &sequences[sequence];
        let qkv = &qkv[rows.start * width..rows.end * width];
        let (keys, values) = (&cache.keys[kv_head], &cache.values[kv_head]);
        attend_group(how, qkv, rows.len(), kv_head, keys, values, *start).0
    });
    let parts: Vec<_> = tasks
        .iter()
        .zip(&results)
        .map(|((sequence, kv_head), values)| {
            let column = kv_head * heads.group() * heads.head_dim;
            Part { rows: sequences[*sequence].0.clone(), column, values, output: Output::Overwrite }
        })
        .collect();
    put_parts(out, heads.q_width(), &parts);
}

/// Each document with each kv head.
fn groups(heads: Heads, documents: &[Range<usize>]) -> Vec<(Range<usize>, usize)> {
    documents.iter().flat_map(|rows| (0..heads.kv_heads).map(move |head| (rows.clone(), head))).collect()
}

/// The queries of each group in ranges of at most `len`, counted from the start of the document.
fn cut(groups: &[(Range<usize>, usize)], len: usize) -> Vec<(usize, Range<usize>)> {
    let ranges = |rows: usize| (0..rows).step_by(len).map(move |first| first..rows.min(first + len));
    groups
        .iter()
        .enumerate()
        .flat_map(|(group, (rows, _))| ranges(rows.len()).map(move |queries| (group, queries)))
        .collect()
}

/// The keys and values of one kv head in one document, `[rows, head_dim]` each.
fn keys_and_values<'a>(
    heads: Heads,
    qkv: &'a [f32],
    rows: &Range<usize>,
    kv_head: usize,
) -> (View<'a>, View<'a>) {
    let width = heads.qkv_width();
    let qkv = &qkv[rows.start * width..rows.end * width];
    let part = |column| columns(qkv, rows.len(), width, column, heads);
    (part(heads.k_at(kv_head)), part(heads.v_at(kv_head)))
}

/// One head's columns of `rows` rows.
fn columns(x: &[f32], rows: usize, width: usize, column: usize, heads: Heads) -> View<'_> {
    View::rows(&x[column..], rows, heads.head_dim, width)
}

/// Some columns of some rows, `[rows, any]`, that replace what is there or are added to it.
struct Part<'a> {
    rows: Range<usize>,
    column: usize,
    values: &'a [f32],
    output: Output,
}

/// Puts `parts` into `x` `[_, width]`, for each value in their order.
fn put_parts(x: &mut [f32], width: usize, parts: &[Part]) {
    x.par_chunks_mut(BLOCK * width).enumerate().for_each(|(chunk, x)| {
        let here = chunk * BLOCK..chunk * BLOCK + x.len() / width;
        for part in parts {
            let (first, end) = (part.rows.start.max(here.start), part.rows.end.min(here.end));
            if first >= end {
                continue;
            }
            let columns = part.values.len() / part.rows.len();
            let values = &part.values[(first - part.rows.start) * columns..(end - part.rows.start) * columns];
            let targets = x[(first - here.start) * width..(end - here.start) * width].chunks_exact_mut(width);
            for (target, values) in targets.zip(values.chunks_exact(columns)) {
                let target = &mut target[part.column..part.column + columns];
                match part.output {
                    Output::Overwrite => target.copy_from_slice(values),
                    Output::Accumulate => {
                        target.iter_mut().zip(values).for_each(|(target, value)| *target += value)
                    }
                }
            }
        }
    });
}

/// Output `[rows, group * head_dim]` and log-sum-exp `[rows, group]` of the query heads of one kv head.
fn attend_group(
    how: Attention,
    qkv: &[f32],
    rows: usize,
    kv_head: usize,
    keys: &Packed,
    values: &Packed,
    start: usize,
) -> (Vec<f32>, Vec<f32>) {
    let heads = how.heads;
    let (group, dim, width) = (heads.group(), heads.head_dim, heads.qkv_width());
    let (mut out, mut lse) = (vec![0.0; rows * group * dim], vec![0.0; rows * group]);
    let mut space = SCORES.take();
    // In decoding there is one row, whose heads lie one after the other: they go through the keys together.
    let stacked = if rows == 1 { group } else { 1 };
    for head in (0..group).step_by(stacked) {
        let column = (kv_head * group + head) * dim;
        for first in (0..rows).step_by(BLOCK) {
            let (count, stride) = if stacked > 1 { (stacked, dim) } else { (BLOCK.min(rows - first), width) };
            let keys_seen = how.first_key(start + first)..start + rows.min(first + BLOCK);
            let visible = keys_seen.len();
            let q = View::rows(&qkv[first * width + column..], count, dim, stride);
            space.resize(space.len().max(count * visible), 0.0);
            let scores = &mut space[..count * visible];
            let keys = keys.part(0..dim, keys_seen.clone());
            Left::pack_alone(q, how.scale).multiply(keys, scores, visible, Output::Overwrite);
            for (i, row) in scores.chunks_exact_mut(visible).enumerate() {
                let (query, head) = if stacked > 1 { (0, i) } else { (first + i, head) };
                let position = start + query;
                let seen = how.first_seen(position) - keys_seen.start..position + 1 - keys_seen.start;
                lse[query * group + head] = softmax_row(row, seen);
            }
            let weights = View::rows(scores, count, visible, visible);
            let target = &mut out[first * group * dim + head * dim..];
            let stride = if stacked > 1 { dim } else { group * dim };
            let values = values.part(keys_seen, 0..dim);
            Left::pack_alone(weights, 1.0).multiply(values, target, stride, Output::Overwrite);
        }
    }
    SCORES.set(space);
    (out, lse)
}

/// What the forward keeps for the backward.
struct Saved<'a> {
    qkv: &'a [f32],
    out: &'a [f32],
    lse: &'a [f32],
}

/// Keys and values of one document and kv head, packed for the products of the backward.
struct PackedGroup {
    k: Packed,
    k_transposed: Packed,
    v_transposed: Packed,
}

/// Gradients from one slice of queries of one query head: `dq` `[queries, head_dim]`, and what the slice adds to the
/// keys and values from [`Attention::first_key`] on, `dk` and `dv` `[keys, head_dim]`.
fn slice_backward(
    how: Attention,
    dout: &[f32],
    saved: &Saved,
    rows: &Range<usize>,
    packed: &PackedGroup,
    queries: Range<usize>,
    q_head: usize,
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let heads = how.heads;
    let (dim, width, q_width) = (heads.head_dim, heads.qkv_width(), heads.q_width());
    let first_key = how.first_key(queries.start);
    let seen = queries.end - first_key;
    let (mut dq, mut dk, mut dv) =
        (vec![0.0; queries.len() * dim], vec![0.0; seen * dim], vec![0.0; seen * dim]);
    let mut space = SCORES.take();
    space.resize(space.len().max(2 * BLOCK * seen), 0.0);
    let (p, ds) = space.split_at_mut(BLOCK * seen);
    for first in queries.clone().step_by(BLOCK) {
        let block = BLOCK.min(queries.end - first);
        let keys_seen = how.first_key(first)..first + block;
        let visible = keys_seen.len();
        let q = View::rows(&saved.qkv[(rows.start + first) * width + q_head * dim..], block, dim, width);
        let at = (rows.start + first) * q_width + q_head * dim;
        let d_out = View::rows(&dout[at..], block, dim, q_width);
        let (p, ds) = (&mut p[..block * visible], &mut ds[..block * visible]);
        let keys = packed.k_transposed.part(0..dim, keys_seen.clone());
        let values = packed.v_transposed.part(0..dim, keys_seen.clone());
        Left::pack_alone(q, how.scale).multiply(keys, p, visible, Output::Overwrite);
        Left::pack_alone(d_out, 1.0).multiply(values, ds, visible, Output::Overwrite);
        for i in 0..block {
            let row = at + i * q_width;
            let delta = dot(&dout[row..row + dim], &saved.out[row..row + dim]);
            let lse = saved.lse[(rows.start + first + i) * heads.heads + q_head];
            let line = i * visible..(i + 1) * visible;
            let seen = how.first_seen(first + i) - keys_seen.start..first + i + 1 - keys_seen.start;
            score_gradient_row(&mut p[line.clone()], &mut ds[line], lse, delta, seen);
        }
        let (p, ds) = (View::rows(p, block, visible, visible), View::rows(ds, block, visible, visible));
        let target = &mut dq[(first - queries.start) * dim..];
        let keys = packed.k.part(keys_seen.clone(), 0..dim);
        Left::pack_alone(ds, how.scale).multiply(keys, target, dim, Output::Overwrite);
        let at = (keys_seen.start - first_key) * dim;
        Left::pack_alone(p.transposed(), 1.0).multiply(
            Right::Dense(d_out),
            &mut dv[at..],
            dim,
            Output::Accumulate,
        );
        Left::pack_alone(ds.transposed(), how.scale).multiply(
            Right::Dense(q),
            &mut dk[at..],
            dim,
            Output::Accumulate,
        );
    }
    SCORES.set(space);
    (dq, dk, dv)
}

simd! {
    /// Softmax over the scores `seen` in place, zeros before and after them; returns the log-sum-exp.
    fn softmax_row(row: &mut [f32], seen: Range<usize>) -> f32 {
        let (row, later) = row.split_at_mut(seen.end);
        later.fill(0.0);
        let (earlier, scores) = row.split_at_mut(seen.start);
        earlier.fill(0.0);
        let top = max(scores);
        for score in scores.iter_mut() {
            *score = exp(*score - top);
        }
        // The lanes of the sum are counted from the first key of the products.
        let total = sum_by(row.len(), |i| row[i]);
        let inverse = total.recip();
        for weight in row[seen.start..].iter_mut() {
            *weight *= inverse;
        }
        top + total.ln()
    }
}

simd! {
    /// Turns scores `p` into probabilities and their gradients `dp` into those of the scores, `p * (dp - delta)`.
    fn score_gradient_row(p: &mut [f32], dp: &mut [f32], lse: f32, delta: f32, seen: Range<usize>) {
        for row in [&mut *p, &mut *dp] {
            row[..seen.start].fill(0.0);
            row[seen.end..].fill(0.0);
        }
        for (p, dp) in p[seen.clone()].iter_mut().zip(&mut dp[seen]) {
            *p = exp(*p - lse);
            *dp = *p * (*dp - delta);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::random::Random;
    use crate::testing::check_gradient;

    const HEADS: Heads = Heads { heads: 6, kv_heads: 2, head_dim: 5 };

    fn sliding(window: usize) -> Attention {
        Attention { heads: HEADS, scale: 0.3, window }
    }

    /// Attention of one document in f64, each score under a mask: `[rows, q_width]`.
    fn reference(qkv: &[f64], rows: usize, window: usize) -> Vec<f64> {
        let (width, dim) = (HEADS.qkv_width(), HEADS.head_dim);
        let mut out = vec![0.0; rows * HEADS.q_width()];
        for (row, head) in (0..rows).flat_map(|row| (0..HEADS.heads).map(move |head| (row, head))) {
            let (k_at, v_at) = (HEADS.k_at(head / 3), HEADS.v_at(head / 3));
            let score = |key: usize| {
                (0..dim).map(|d| qkv[row * width + head * dim + d] * qkv[key * width + k_at + d]).sum::<f64>()
                    * 0.3
            };
            let hidden = |key: usize| row - key >= window;
            let weights: Vec<f64> =
                (0..=row).map(|key| if hidden(key) { 0.0 } else { score(key).exp() }).collect();
            let total: f64 = weights.iter().sum();
            for d in 0..dim {
                let sum: f64 = (0..=row).map(|key| weights[key] * qkv[key * width + v_at + d]).sum();
                out[row * HEADS.q_width() + head * dim + d] = sum / total;
            }
        }
        out
    }

    fn random(len: usize, seed: u64) -> Vec<f32> {
        let mut random = Random::new(seed, 9);
        (0..len).map(|_| random.normal()).collect()
    }

    #[test]
    fn forward_and_backward_match_the_definition_over_documents() {
        for window in [usize::MAX, 70, 13, 1] {
            require_definition(&[0..70, 70..71, 71..150], window);
        }
        // More than a slice of queries, and windows that begin in a later chain of the multiply.
        for window in [usize::MAX, 300, 97, 20] {
            require_definition(std::slice::from_ref(&(0..610)), window);
        }
    }

    fn require_definition(documents: &[Range<usize>], window: usize) {
        let tokens = documents.last().map_or(0, |last| last.end);
        let (width, q_width) = (HEADS.qkv_width(), HEADS.q_width());
        let (qkv, dout, direction) =
            (random(tokens * width, 1), random(tokens * q_width, 2), random(tokens * width, 3));
        let loss = |x: &[f64]| {
            let outs =
                documents.iter().flat_map(|d| reference(&x[d.start * width..d.end * width], d.len(), window));
            outs.zip(&dout).map(|(o, d)| o * *d as f64).sum::<f64>()
        };
        let (mut out, mut lse) = (vec![0.0; tokens * q_width], vec![0.0; tokens * HEADS.heads]);
        attention(sliding(window), &qkv, documents, &mut out, &mut lse);
        let ours: f64 = out.iter().zip(&dout).map(|(o, d)| *o as f64 * *d as f64).sum();
        let wide: Vec<f64> = qkv.iter().map(|x| *x as f64).collect();
        assert!((ours - loss(&wide)).abs() < 1e-3, "{ours} {}", loss(&wide));
        let mut dqkv = vec![f32::NAN; qkv.len()];
        attention_backward(sliding(window), &mut dqkv, &dout, &qkv, &out, &lse, documents);
        check_gradient(loss, &dqkv, &qkv, &direction);
    }

    #[test]
    fn cached_steps_equal_the_whole_bit_for_bit() {
        for window in [usize::MAX, 400, 255, 40, 1] {
            let counts = [37, 1, 1, 240, 1, 100, 131, 1, 97, 1, 90];
            let (tokens, width, q_width) = (counts.iter().sum(), HEADS.qkv_width(), HEADS.q_width());
            let qkv = random(tokens * width, 4);
            let (mut whole, mut lse) = (vec![0.0; tokens * q_width], vec![0.0; tokens * HEADS.heads]);
            let how = sliding(window);
            attention(how, &qkv, std::slice::from_ref(&(0..tokens)), &mut whole, &mut lse);
            let mut cache = LayerCache::new(HEADS, tokens);
            let mut start = 0;
            for count in counts {
                let rows = &qkv[start * width..(start + count) * width];
                let mut out = vec![0.0; count * q_width];
                cache.append(HEADS, rows, start);
                attention_cached(how, rows, &[(0..count, &cache, start)], &mut out);
                let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<u32>>();
                let want = &whole[start * q_width..(start + count) * q_width];
                assert_eq!(bits(&out), bits(want), "window {window}, token {start}");
                start += count;
            }
        }
    }
}
