//! Rotary position embedding (arXiv:2104.09864), half-split layout as in transformers `apply_rotary_pos_emb`.

use super::arch::simd;
use rayon::prelude::*;

/// Which way to turn: the backward of a rotation is the rotation back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    Forward,
    Back,
}

/// Cosine and sine of every position and frequency, `[positions, head_dim / 2]` each.
pub struct RopeTable {
    half: usize,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl RopeTable {
    /// `inv_freq` `[head_dim / 2]`: the angle of position `p` and frequency `j` is `p * inv_freq[j]`, rounded to f32 as
    /// the reference does.
    pub fn new(inv_freq: &[f32], positions: usize) -> RopeTable {
        let angles = || (0..positions).flat_map(|p| inv_freq.iter().map(move |f| (p as f32 * f) as f64));
        RopeTable {
            half: inv_freq.len(),
            cos: angles().map(|angle| angle.cos() as f32).collect(),
            sin: angles().map(|angle| angle.sin() as f32).collect(),
        }
    }

    /// Number of positions that the table covers.
    pub fn positions(&self) -> usize {
        self.cos.len() / self.half
    }

    /// Rotates the first `heads` heads of every row of `x` in place.
    ///
    /// Shapes: `x` `[rows, row_stride]`, heads side by side from column 0; `positions` `[rows]`.
    /// Panics if the shapes disagree or a position lies beyond the table.
    pub fn rotate(&self, x: &mut [f32], row_stride: usize, heads: usize, positions: &[u32], turn: Turn) {
        let width = heads * 2 * self.half;
        assert!(width <= row_stride);
        assert_eq!(x.len(), positions.len() * row_stride);
        let sign = if turn == Turn::Forward { 1.0 } else { -1.0 };
        x.par_chunks_mut(row_stride * 32).zip(positions.par_chunks(32)).for_each(|(x, positions)| {
            for (row, position) in x.chunks_exact_mut(row_stride).zip(positions) {
                let at = *position as usize * self.half;
                let (cos, sin) = (&self.cos[at..at + self.half], &self.sin[at..at + self.half]);
                for head in row[..width].chunks_exact_mut(2 * self.half) {
                    rotate_head(head, cos, sin, sign);
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
    fn turns_by_position_and_back() {
        let table = RopeTable::new(&[1.0, 0.1], 10);
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
}
