//! Messages that hold given words.

use serde::Serialize;

use crate::folder::library::{Hit, Holding, Library};

/// Messages shown of a search.
const FOUND_LIMIT: usize = 50;

/// What a search found; the document of `--json`.
#[derive(Serialize)]
pub struct Found {
    pub v: u32,
    /// The best of them.
    pub hits: Vec<Hit>,
    /// Messages that hold the words and are held private: none of them is among `hits`.
    pub private: usize,
    /// Messages that hold the words and are not.
    #[serde(skip)]
    pub open: usize,
}

/// The messages that hold all of `words`; a part in quotes is a phrase.
pub fn find(library: &mut Library, words: &str) -> anyhow::Result<Found> {
    let Holding { nodes, private } = library.nodes_that_hold(words)?;
    let hits = library.search(words, FOUND_LIMIT)?;
    Ok(Found { v: 1, hits, private, open: nodes.len() })
}
