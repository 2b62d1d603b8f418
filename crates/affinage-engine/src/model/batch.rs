//! Documents packed into one batch without padding.

use crate::lora::Place;
use std::ops::Range;

/// One tokenised row: `loss_mask[i]` says that token `i` is predicted with loss. The first token never is.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    /// Names the row in the data set, whatever batch it is in.
    pub row_id: u64,
    pub ids: &'a [u32],
    pub loss_mask: &'a [bool],
}

impl Document<'_> {
    /// Tokens predicted with loss.
    pub fn supervised(&self) -> usize {
        self.loss_mask.iter().skip(1).filter(|supervised| **supervised).count()
    }
}

/// Several documents side by side; each attends only to itself.
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) ids: Vec<u32>,
    pub(crate) places: Vec<Place>,
    pub(crate) documents: Vec<Range<usize>>,
    /// `(row that predicts, id to be predicted)`, document by document.
    pub(crate) targets: Vec<(usize, u32)>,
    /// Targets of each document.
    pub(crate) target_ranges: Vec<Range<usize>>,
}

impl Batch {
    /// Packs `documents` in order. Panics if a mask has another length than its ids.
    pub fn pack(documents: &[Document]) -> Batch {
        let mut batch = Batch::default();
        for document in documents {
            assert_eq!(
                document.ids.len(),
                document.loss_mask.len(),
                "a loss mask has one value for each token"
            );
            let first = batch.ids.len();
            batch.ids.extend_from_slice(document.ids);
            let places =
                (0..document.ids.len() as u32).map(|position| Place { row_id: document.row_id, position });
            batch.places.extend(places);
            batch.documents.push(first..batch.ids.len());
            let first_target = batch.targets.len();
            for i in (1..document.ids.len()).filter(|i| document.loss_mask[*i]) {
                batch.targets.push((first + i - 1, document.ids[i]));
            }
            batch.target_ranges.push(first_target..batch.targets.len());
        }
        batch
    }

    /// Tokens in the batch.
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// Tokens predicted with loss.
    pub fn supervised_tokens(&self) -> usize {
        self.targets.len()
    }
}
