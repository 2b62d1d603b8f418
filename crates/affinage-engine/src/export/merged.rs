//! `W + scale * B A`, row by row, so that no second copy of the model is ever in memory.

use std::io::{self, Write};

use rayon::prelude::*;

use crate::lora::{Adapter, Pair, Target};
use crate::weights::{DType, LoadError, Matrix, Weights};

/// Rows that are computed before they are written.
const ROWS: usize = 512;

/// A model with an adapter merged into its weights, computed as it is written; without one the model as it is.
#[derive(Clone, Copy)]
pub struct Merged<'a> {
    pub weights: &'a Weights,
    pub adapter: Option<&'a Adapter>,
}

impl Merged<'_> {
    /// Writes the matrix `name`; row `i` of the file is row `row_at(i)` of the model.
    pub fn write_matrix(
        &self,
        name: &str,
        dtype: DType,
        row_at: impl Fn(usize) -> usize + Sync,
        out: &mut impl Write,
    ) -> Result<io::Result<()>, LoadError> {
        let matrix = self.weights.matrix(name)?;
        let delta = self.adapter.and_then(|adapter| Some((adapter, self.pair(adapter, name)?)));
        for first in (0..matrix.rows()).step_by(ROWS) {
            let rows = first..matrix.rows().min(first + ROWS);
            let packed: Vec<Vec<u8>> = rows
                .into_par_iter()
                .map(|row| {
                    let mut bytes = Vec::new();
                    dtype.pack(&merged_row(&matrix, row_at(row), delta), &mut bytes);
                    bytes
                })
                .collect();
            for bytes in packed {
                if let Err(error) = out.write_all(&bytes) {
                    return Ok(Err(error));
                }
            }
        }
        Ok(Ok(()))
    }

    /// The pair on the weight `model.layers.N.PATH.weight`, if it is adapted.
    fn pair<'p>(&self, adapter: &'p Adapter, name: &str) -> Option<&'p Pair> {
        let (layer, path) = name.strip_prefix("model.layers.")?.strip_suffix(".weight")?.split_once('.')?;
        let target = Target::ALL.into_iter().find(|target| target.path() == path)?;
        adapter.layout.pair(layer.parse().ok()?, target)
    }
}

/// As peft merges: the product in f32, scaled, then added.
fn merged_row(matrix: &Matrix, row: usize, delta: Option<(&Adapter, &Pair)>) -> Vec<f32> {
    let mut values = vec![0.0; matrix.cols()];
    matrix.read_row(row, 0..matrix.cols(), &mut values);
    let Some((adapter, pair)) = delta else { return values };
    let (a, b) = (&adapter.values[pair.a.clone()], &adapter.values[pair.b.clone()]);
    let mut product = vec![0.0f32; pair.input];
    for (a, factor) in a.chunks_exact(pair.input).zip(&b[row * pair.rank..(row + 1) * pair.rank]) {
        product.iter_mut().zip(a).for_each(|(product, a)| *product += factor * a);
    }
    values.iter_mut().zip(&product).for_each(|(value, product)| *value += product * pair.scale);
    values
}
