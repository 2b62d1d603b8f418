//! A frozen weight matrix, kept as it is stored and unpacked row by row where it is used.
//!
//! A 135M model in Q4_1 is 90 MB; unpacked it would be 540 MB. The multiply packs its operands anyway,
//! so unpacking there costs nothing but the conversion.

use std::ops::Range;
use std::sync::Arc;

use memmap2::Mmap;

use super::quant::DType;

/// A row-major matrix `[rows, cols]`, possibly quantised. Cheap to clone.
#[derive(Clone)]
pub struct Matrix {
    rows: usize,
    cols: usize,
    /// Rows of the stored matrix before the first one of this.
    first: usize,
    dtype: DType,
    storage: Storage,
    order: RowOrder,
}

#[derive(Clone)]
enum Storage {
    Mapped { map: Arc<Mmap>, start: usize },
    Owned(Arc<Vec<f32>>),
}

/// Where logical rows lie in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowOrder {
    AsStored,
    /// GGUF files of the llama architecture interleave the two halves of each head of q and k:
    /// logical row `half * d/2 + j` of a head is stored as row `2 * j + half`.
    InterleavedHalves {
        head_dim: usize,
    },
}

impl Matrix {
    /// A matrix in memory. Panics unless `values` holds `rows * cols` numbers.
    pub fn from_f32(rows: usize, cols: usize, values: Vec<f32>) -> Matrix {
        assert_eq!(values.len(), rows * cols, "a {rows} x {cols} matrix");
        let storage = Storage::Owned(Arc::new(values));
        Matrix { rows, cols, first: 0, dtype: DType::F32, storage, order: RowOrder::AsStored }
    }

    /// The caller has checked that the rows lie inside the map and that `cols` is a whole number of blocks.
    pub(super) fn mapped(
        shape: [usize; 2],
        dtype: DType,
        map: Arc<Mmap>,
        start: usize,
        order: RowOrder,
    ) -> Matrix {
        let [rows, cols] = shape;
        assert_eq!(cols % dtype.block_len(), 0);
        assert!(start + rows * dtype.bytes_for(cols) <= map.len());
        Matrix { rows, cols, first: 0, dtype, storage: Storage::Mapped { map, start }, order }
    }

    /// Rows `rows` as a matrix of their own, without a copy. Panics if there are fewer.
    pub fn part(&self, rows: Range<usize>) -> Matrix {
        assert!(rows.start <= rows.end && rows.end <= self.rows);
        Matrix { rows: rows.len(), first: self.first + rows.start, ..self.clone() }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn cols(&self) -> usize {
        self.cols
    }

    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The bytes the matrix takes as stored.
    pub fn stored_bytes(&self) -> usize {
        self.rows * self.dtype.bytes_for(self.cols)
    }

    /// Writes columns `cols` of row `row` to `out` as f32.
    ///
    /// `cols.start` and `cols.end` are multiples of [`DType::block_len`] (or the row end).
    /// Panics if not, if the range is outside the matrix, or if `out` has another length.
    #[inline]
    pub fn read_row(&self, row: usize, cols: Range<usize>, out: &mut [f32]) {
        assert!(row < self.rows && cols.start <= cols.end && cols.end <= self.cols);
        assert_eq!(out.len(), cols.len());
        match &self.storage {
            Storage::Owned(values) => {
                let start = (self.first + row) * self.cols;
                out.copy_from_slice(&values[start + cols.start..start + cols.end]);
            }
            Storage::Mapped { map, start } => {
                let block = self.dtype.block_len();
                assert!(cols.start.is_multiple_of(block) && cols.end.is_multiple_of(block));
                let row_start = start + self.stored_row(row) * self.dtype.bytes_for(self.cols);
                let first = row_start + self.dtype.bytes_for(cols.start);
                let end = row_start + self.dtype.bytes_for(cols.end);
                self.dtype.unpack(&map[first..end], out);
            }
        }
    }

    /// One whole row as it is stored: `cols / block_len` blocks of [`DType::block_bytes`] each.
    /// `None` for a matrix made by [`Matrix::from_f32`].
    pub fn row_bytes(&self, row: usize) -> Option<&[u8]> {
        assert!(row < self.rows);
        let Storage::Mapped { map, start } = &self.storage else { return None };
        let bytes = self.dtype.bytes_for(self.cols);
        let first = start + self.stored_row(row) * bytes;
        Some(&map[first..first + bytes])
    }

    #[inline]
    fn stored_row(&self, row: usize) -> usize {
        let row = self.first + row;
        match self.order {
            RowOrder::AsStored => row,
            RowOrder::InterleavedHalves { head_dim } => {
                let (head, within) = (row / head_dim, row % head_dim);
                let (half, j) = (within / (head_dim / 2), within % (head_dim / 2));
                head * head_dim + 2 * j + half
            }
        }
    }
}

impl std::fmt::Debug for Matrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Matrix[{}, {}] {}", self.rows, self.cols, self.dtype)
    }
}
