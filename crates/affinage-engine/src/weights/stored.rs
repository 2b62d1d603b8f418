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
}

impl StoredTensor {
    pub fn size_bytes(&self) -> usize {
        self.dtype.bytes_for(self.shape.iter().product())
    }
}
