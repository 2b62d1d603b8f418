//! One tensor in a mapped file, whatever kind of file that is.

use std::sync::Arc;

use memmap2::Mmap;

use super::matrix::RowOrder;
use super::quant::DType;

/// Its bytes lie inside `map`; rows are whole blocks.
pub(super) struct StoredTensor {
    /// Row-major: `[rows, cols]` or `[len]`.
    pub shape: Vec<usize>,
    pub dtype: DType,
    pub start: usize,
    pub map: Arc<Mmap>,
    pub order: RowOrder,
    /// What is added to each number of a vector. The rest is as stored.
    pub shift: f32,
}

impl StoredTensor {
    pub fn size_bytes(&self) -> usize {
        self.dtype.bytes_for(self.shape.iter().product())
    }

    /// Whether shape and numbers are the same, in whatever format they are stored.
    pub fn same_numbers(&self, other: &StoredTensor) -> bool {
        const VALUES: usize = 4096; // a whole number of blocks of every format
        let bytes = |of: &StoredTensor| of.start..of.start + of.size_bytes();
        let (ours, theirs) = (&self.map[bytes(self)], &other.map[bytes(other)]);
        if self.shape != other.shape {
            return false;
        }
        if self.dtype == other.dtype {
            return ours == theirs;
        }
        let [mut left, mut right] = [[0.0; VALUES]; 2];
        let len = self.shape.iter().product::<usize>();
        (0..len).step_by(VALUES).all(|at| {
            let values = VALUES.min(len - at);
            let part = |dtype: DType| dtype.bytes_for(at)..dtype.bytes_for(at + values);
            self.dtype.unpack(&ours[part(self.dtype)], &mut left[..values]);
            other.dtype.unpack(&theirs[part(other.dtype)], &mut right[..values]);
            left[..values] == right[..values]
        })
    }

    /// Position as stored and value of the first number that is NaN or infinite.
    pub fn first_not_finite(&self) -> Option<(usize, f32)> {
        const VALUES: usize = 4096; // a whole number of blocks of every format
        let mut values = [0.0; VALUES];
        let bytes = &self.map[self.start..self.start + self.size_bytes()];
        for (chunk, bytes) in bytes.chunks(self.dtype.bytes_for(VALUES)).enumerate() {
            let values = &mut values[..bytes.len() / self.dtype.block_bytes() * self.dtype.block_len()];
            self.dtype.unpack(bytes, values);
            // A sum is not finite if a number is not, and is quick; two large numbers may overflow it too.
            if values.iter().map(|value| value * 0.0).sum::<f32>() != 0.0
                && let Some(at) = values.iter().position(|value| !value.is_finite())
            {
                return Some((chunk * VALUES + at, values[at]));
            }
        }
        None
    }
}
