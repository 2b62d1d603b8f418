//! Buffers of f32 that begin at a cache line, so that no vector of a packed panel crosses one.

use std::ops::{Deref, DerefMut};

const LINE: usize = 16;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct CacheLine([f32; LINE]);

/// A growing buffer of f32 in whole cache lines; new values are zeros.
#[derive(Clone, Default)]
pub struct AlignedBuffer {
    data: Vec<CacheLine>,
}

impl AlignedBuffer {
    /// Without a value.
    pub const fn new() -> AlignedBuffer {
        AlignedBuffer { data: Vec::new() }
    }

    /// `len` zeros, rounded up to whole lines.
    pub fn zeros(len: usize) -> AlignedBuffer {
        AlignedBuffer { data: vec![CacheLine([0.0; LINE]); len.div_ceil(LINE)] }
    }

    /// Makes room for at least `len` values.
    pub fn reserve(&mut self, len: usize) {
        if self.data.len() * LINE < len {
            self.data.resize(len.div_ceil(LINE), CacheLine([0.0; LINE]));
        }
    }
}

impl Deref for AlignedBuffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: a `CacheLine` is exactly `LINE` f32 without padding, and the vector holds `len` of them.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr().cast(), self.data.len() * LINE) }
    }
}

impl DerefMut for AlignedBuffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.data.as_mut_ptr().cast(), self.data.len() * LINE) }
    }
}
