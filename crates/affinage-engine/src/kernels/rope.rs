//! Rotary position embedding (arXiv:2104.09864), half-split layout as in transformers `apply_rotary_pos_emb`.

use super::arch::simd;
use rayon::prelude::*;
use std::sync::{Arc, PoisonError, RwLock};

/// Which way to turn: the backward of a rotation is the rotation back, with the same factor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    Forward,
    Back,
}

/// Cosine and sine of every position and frequency, computed up to the longest sequence that was used: a file's word for
/// how long sequences may be costs no memory.
pub struct RopeTable {
    inv_freq: Vec<f32>,
    head_dim: usize,
    factor: f32,
    positions: usize,
    turns: RwLock<Arc<Turns>>,
}

/// `[positions so far, inv_freq.len()]` each, times the factor.
#[derive(Default)]
struct Turns {
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl RopeTable {
    /// `inv_freq`, one for each two values that turn: the angle of position `p` and frequency `j` is `p * inv_freq[j]`,
    /// rounded to f32 as the reference does. The first `2 * inv_freq.len()` values of a head turn and are multiplied by
    /// `factor`, the others stay. Panics if a head has fewer.
    pub fn new(inv_freq: &[f32], head_dim: usize, factor: f32, positions: usize) -> RopeTable {
        assert!(2 * inv_freq.len() <= head_dim);
        RopeTable { inv_freq: inv_freq.to_vec(), head_dim, factor, positions, turns: RwLock::default() }
    }

    /// Number of positions that the table covers.
    pub fn positions(&self) -> usize {
        self.positions
    }

    /// The turns of at least the first `positions` positions.
    fn turns(&self, positions: usize) -> Arc<Turns> {
        let half = self.inv_freq.len();
        let so_far = self.turns.read().unwrap_or_else(PoisonError::into_inner).clone();
        if so_far.cos.len() >= positions * half {
            return so_far;
        }
        // A power of two, so that a sequence that grows by single tokens seldom comes here.
        let positions = positions.next_power_of_two().min(self.positions);
        let angle = |i: usize| ((i / half) as f32 * self.inv_freq[i % half]) as f64;
        let longer = Arc::new(Turns {
            cos: (0..positions * half).map(|i| angle(i).cos() as f32 * self.factor).collect(),
            sin: (0..positions * half).map(|i| angle(i).sin() as f32 * self.factor).collect(),
        });
        *self.turns.write().unwrap_or_else(PoisonError::into_inner) = longer.clone();
        longer
    }

    /// Rotates the first `heads` heads of every row of `x` in place.
    ///
    /// Shapes: `x` `[rows, row_stride]`, heads side by side from column 0; `positions` `[rows]`.
    /// Panics if the shapes disagree or a position lies beyond the table.
    pub fn rotate(&self, x: &mut [f32], row_stride: usize, heads: usize, positions: &[u32], turn: Turn) {
        let half = self.inv_freq.len();
        let width = heads * self.head_dim;
        assert!(width <= row_stride);
        assert_eq!(x.len(), positions.len() * row_stride);
        let used = positions.iter().max().map_or(0, |last| *last as usize + 1);
        assert!(used <= self.positions, "position {used} lies beyond the {} of the table", self.positions);
        let turns = self.turns(used);
        let sign = if turn == Turn::Forward { 1.0 } else { -1.0 };
        x.par_chunks_mut(row_stride * 32).zip(positions.par_chunks(32)).for_each(|(x, positions)| {
            for (row, position) in x.chunks_exact_mut(row_stride).zip(positions) {
                let at = *position as usize * half;
                let (cos, sin) = (&turns.cos[at..at + half], &turns.sin[at..at + half]);
                for head in row[..width].chunks_exact_mut(self.head_dim) {
                    rotate_head(&mut head[..2 * half], cos, sin, sign);
                }
            }
        });
    }
}

simd! {
    fn rotate_head(head: &mut [f32], cos: &[f32], sin: &[f32], sign: f32) {
        let (low, high) = head.split_at_mut(cos.len());
        for (((low, high), cos), sin) in low.iter_mut().zip(high).zip(cos).zip(sin) {
            let (a, b, s) = (*low, *high, sign * sin);
            *low = a * cos - b * s;
            *high = b * cos + a * s;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_context_costs_nothing_until_it_is_used() {
        let table = RopeTable::new(&[1.0, 0.1], 4, 1.0, usize::MAX);
        assert_eq!(table.positions(), usize::MAX);
        let mut x = vec![1.0; 4];
        table.rotate(&mut x, 4, 1, &[100], Turn::Forward);
        assert_eq!(table.turns(1).cos.len(), 2 * 128);
        let short = RopeTable::new(&[1.0, 0.1], 4, 1.0, 101);
        let mut y = vec![1.0; 4];
        short.rotate(&mut y, 4, 1, &[100], Turn::Forward);
        assert_eq!((x, short.turns(1).cos.len()), (y, 2 * 101));
    }

    #[test]
    fn turns_by_position_and_back() {
        let table = RopeTable::new(&[1.0, 0.1], 4, 1.0, 10);
        assert_eq!(table.positions(), 10);
        let x = vec![1.0, 2.0, 3.0, 4.0, 9.0, 5.0, 6.0, 7.0, 8.0, 9.0]; // one head of 4, one value beyond it, two rows
        let mut y = x.clone();
        table.rotate(&mut y, 5, 1, &[0, 3], Turn::Forward);
        assert_eq!(y[..5], x[..5], "position 0 does not turn, and values beyond the heads stay");
        let (angle0, angle1) = (3.0f64, 0.3f64);
        let want = [
            5.0 * angle0.cos() - 7.0 * angle0.sin(),
            6.0 * angle1.cos() - 8.0 * angle1.sin(),
            7.0 * angle0.cos() + 5.0 * angle0.sin(),
            8.0 * angle1.cos() + 6.0 * angle1.sin(),
        ];
        for (got, want) in y[5..9].iter().zip(want) {
            assert!((*got as f64 - want).abs() < 1e-5);
        }
        table.rotate(&mut y, 5, 1, &[0, 3], Turn::Back);
        x.iter().zip(&y).for_each(|(x, y)| assert!((x - y).abs() < 1e-5));
    }

    #[test]
    fn the_rest_of_a_head_stays_and_the_way_back_has_the_same_factor() {
        let table = RopeTable::new(&[0.5], 5, 1.25, 10);
        let x = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]; // two heads of 5, of which 2 turn
        let mut y = x.clone();
        table.rotate(&mut y, 10, 2, &[3], Turn::Forward);
        let (cos, sin) = (1.25 * 1.5f64.cos(), 1.25 * 1.5f64.sin());
        let want = [cos - 2.0 * sin, 2.0 * cos + sin, 6.0 * cos - 7.0 * sin, 7.0 * cos + 6.0 * sin];
        for (got, want) in [y[0], y[1], y[5], y[6]].into_iter().zip(want) {
            assert!((f64::from(got) - want).abs() < 1e-5);
        }
        assert_eq!((&y[2..5], &y[7..]), (&x[2..5], &x[7..]));
        table.rotate(&mut y, 10, 2, &[3], Turn::Back);
        assert!((y[0] - 1.25 * 1.25 * x[0]).abs() < 1e-5, "as the transposed matrix, not the inverse");
    }
}
