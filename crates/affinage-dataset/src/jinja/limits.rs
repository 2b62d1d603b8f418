//! Bounds on what a template may use. Far above what any conversation needs, and soon reached by one that loops or doubles.

use std::cell::Cell;

use super::{Error, ErrorKind, Result};

const STEPS: u64 = 20_000_000;
/// Of one text.
const TEXT: usize = 64 << 20;
/// Of all texts and lists that are made while rendering.
const BYTES: u64 = 1 << 30;
/// Of calls, blocks and expressions within each other.
const DEPTH: u32 = 400;
/// Of lists within lists.
pub(super) const NESTING: u32 = 100;

/// What one rendering has used so far.
#[derive(Default)]
pub(crate) struct Limits {
    steps: Cell<u64>,
    bytes: Cell<u64>,
    depth: Cell<u32>,
}

fn reached(what: String) -> Error {
    Error::new(ErrorKind::Limit, format!("the chat template {what}, which is more than is allowed"))
}

impl Limits {
    pub(super) fn step(&self) -> Result<()> {
        self.steps(1)
    }

    pub(super) fn steps(&self, count: usize) -> Result<()> {
        self.steps.set(self.steps.get().saturating_add(count as u64));
        match self.steps.get() > STEPS {
            true => Err(reached(format!("takes more than {} million steps", STEPS / 1_000_000))),
            false => Ok(()),
        }
    }

    /// To be asked before a text of `len` bytes is made.
    pub(super) fn text(&self, len: usize) -> Result<()> {
        if len > TEXT {
            return Err(reached(format!("makes a text of more than {} MiB", TEXT >> 20)));
        }
        self.bytes(len)
    }

    /// To be asked before `more` bytes are added to a text in place.
    pub(super) fn growth(&self, len: usize, more: usize) -> Result<()> {
        match len.saturating_add(more) > TEXT {
            true => self.text(usize::MAX),
            false => self.bytes(more),
        }
    }

    /// To be asked before a list of `len` values is made.
    pub(super) fn list(&self, len: usize) -> Result<()> {
        self.bytes(len.saturating_mul(size_of::<super::Value>()))
    }

    fn bytes(&self, count: usize) -> Result<()> {
        self.bytes.set(self.bytes.get().saturating_add(count as u64));
        match self.bytes.get() > BYTES {
            true => Err(reached(format!("makes texts and lists of more than {} MiB", BYTES >> 20))),
            false => Ok(()),
        }
    }

    /// One level deeper, until [`Limits::ascend`].
    pub(super) fn descend(&self) -> Result<()> {
        self.depth.set(self.depth.get() + 1);
        match self.depth.get() > DEPTH {
            true => Err(reached(format!("goes more than {DEPTH} levels deep"))),
            false => Ok(()),
        }
    }

    pub(super) fn ascend(&self) {
        self.depth.set(self.depth.get().saturating_sub(1));
    }
}
