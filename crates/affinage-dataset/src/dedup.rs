//! Near-duplicates: which texts say the same, and the groups they form.
//!
//! For the tens of thousands of texts one person has, an inverted index over shingles finds every pair exactly; no
//! sketch has to propose them. The groups do not depend on the order of the texts.

use std::collections::HashMap;

use crate::shingle::{ContainmentIndex, SHINGLE_WORDS, Shingles, words};

/// Shorter texts ("Certainly.", "Go on.") never tie anything together.
pub const MIN_KEY_WORDS: usize = 8;
/// From this Jaccard similarity on, texts are related and stay on one side of a split.
pub const RELATED_JACCARD: f64 = 0.4;
/// A text that stands to this share in another is a part of it.
pub const PART_CONTAINMENT: f64 = 0.9;

/// Clusters of related texts. `None` for a text too short to be a key.
///
/// The number of a cluster is the index of its first text.
pub fn clusters(texts: &[&str]) -> Vec<Option<usize>> {
    let mut shingles: Vec<Shingles> = Vec::with_capacity(texts.len());
    let mut is_key = Vec::with_capacity(texts.len());
    let mut same: HashMap<String, usize> = HashMap::new();
    let mut sets = UnionFind::new(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let words = words(text);
        is_key.push(words.len() >= MIN_KEY_WORDS);
        let normalised = words.join(" ");
        shingles.push(if is_key[index] { Shingles::of(&[&normalised]) } else { Shingles::default() });
        if is_key[index] {
            let first = *same.entry(normalised).or_insert(index);
            sets.union(first, index);
        }
    }
    // Exact copies are in one set already: only their first text looks for relatives.
    let distinct: Vec<usize> = (0..texts.len()).filter(|&i| is_key[i] && sets.find(i) == i).collect();
    let mut index = ContainmentIndex::default();
    for (number, &text) in distinct.iter().enumerate() {
        for (earlier, shared) in index.overlaps(&shingles[text]) {
            if related(shared, shingles[text].len(), shingles[distinct[earlier]].len()) {
                sets.union(distinct[earlier], distinct[number]);
            }
        }
        index.add(&shingles[text]);
    }
    (0..texts.len()).map(|i| is_key[i].then(|| sets.find(i))).collect()
}

fn related(shared: usize, a: usize, b: usize) -> bool {
    let jaccard = shared as f64 / (a + b - shared) as f64;
    let containment = shared as f64 / a.min(b) as f64;
    jaccard >= RELATED_JACCARD
        || (containment >= PART_CONTAINMENT && a.min(b) > MIN_KEY_WORDS - SHINGLE_WORDS)
}

/// Disjoint sets of `0..n`; the representative of a set is its smallest member.
#[derive(Debug, Clone)]
pub struct UnionFind {
    parent: Vec<usize>,
}

impl UnionFind {
    pub fn new(len: usize) -> UnionFind {
        UnionFind { parent: (0..len).collect() }
    }

    pub fn find(&mut self, member: usize) -> usize {
        let mut root = member;
        while self.parent[root] != root {
            self.parent[root] = self.parent[self.parent[root]];
            root = self.parent[root];
        }
        root
    }

    pub fn union(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        self.parent[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_changes_stay_together_and_short_texts_alone() {
        let texts = [
            "Why do ruins move us more than the buildings that once stood there?",
            "why do ruins move us more than the buildings that once stood there",
            "Tell me: why do ruins move us more than the buildings that once stood there?",
            "How do I bake bread without any yeast in an ordinary kitchen oven?",
            "Go on.",
            "Go on.",
        ];
        assert_eq!(clusters(&texts), [Some(0), Some(0), Some(0), Some(3), None, None]);
    }

    proptest! {
        /// The same texts in another order give the same groups, and every group is what comparing all pairs gives.
        #[test]
        fn agrees_with_all_pairs_in_any_order(texts in prop::collection::vec("([a-d]{1,2} ){8,20}", 1..12), turn in 0usize..12) {
            let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let turn = turn % texts.len();
            texts.rotate_left(turn);
            let found = clusters(&texts);
            let mut expected = UnionFind::new(texts.len());
            for i in 0..texts.len() {
                for j in 0..i {
                    let (a, b) = (Shingles::of(&[texts[i]]), Shingles::of(&[texts[j]]));
                    let shared = a.iter().filter(|x| b.iter().any(|y| y == *x)).count();
                    if related(shared, a.len(), b.len()) {
                        expected.union(i, j);
                    }
                }
            }
            for (i, cluster) in found.iter().enumerate() {
                prop_assert_eq!(*cluster, Some(expected.find(i)));
            }
        }
    }
}
