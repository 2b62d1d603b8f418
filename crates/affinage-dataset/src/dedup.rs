//! Near-duplicates: which texts say the same, and the groups they form.
//!
//! Candidates of pairs come from two sides, and each pair is then verified by its exact Jaccard similarity and
//! containment: MinHash with bands ([`crate::minhash`]) proposes texts that are alike as a whole, however common their
//! phrases are; an index of shingles that few texts hold proposes weaker relatives and texts that are a part of a longer
//! one. A pair can be missed only if it is less alike than MinHash finds *and* every phrase it shares stands in more
//! than [`RARE_TEXTS`] texts. Neither side compares all pairs, and the groups do not depend on the order of the texts.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::import::heading_of;
use crate::minhash::{self, Signature};
use crate::shingle::{SHINGLE_WORDS, Shingles, words};

/// Shorter texts ("Certainly.", "Go on.") never tie anything together.
pub const MIN_KEY_WORDS: usize = 8;
/// From this Jaccard similarity on, one text is the other with small changes.
pub const DUPLICATE_JACCARD: f64 = 0.8;
/// From this Jaccard similarity on, texts are related and stay on one side of a split.
pub const RELATED_JACCARD: f64 = 0.4;
/// A text that stands to this share in another is a part of it.
pub const PART_CONTAINMENT: f64 = 0.9;
/// A shingle of at most this many texts is followed to all of them.
pub const RARE_TEXTS: usize = 64;

/// How near two texts must be to stand in one cluster. A part of a text belongs to it in both senses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nearness {
    Duplicate,
    Related,
}

impl Nearness {
    /// Whether two texts of `a` and `b` shingles that share `shared` of them are that near.
    pub fn holds(self, shared: usize, a: usize, b: usize) -> bool {
        let min_jaccard = match self {
            Nearness::Duplicate => DUPLICATE_JACCARD,
            Nearness::Related => RELATED_JACCARD,
        };
        let jaccard = shared as f64 / (a + b - shared).max(1) as f64;
        let containment = shared as f64 / a.min(b).max(1) as f64;
        jaccard >= min_jaccard
            || (containment >= PART_CONTAINMENT && a.min(b) > MIN_KEY_WORDS - SHINGLE_WORDS)
    }
}

/// Clusters of texts that are near each other. `None` for a text too short to be a key.
///
/// The number of a cluster is the index of its first text.
pub fn clusters(texts: &[&str], nearness: Nearness) -> Vec<Option<usize>> {
    let mut is_key = Vec::with_capacity(texts.len());
    let mut same: HashMap<String, usize> = HashMap::new();
    let mut sets = UnionFind::new(texts.len());
    // Exact copies are in one set from the start: only their first text looks for relatives.
    let (mut distinct, mut shingles) = (Vec::new(), Vec::new());
    for (index, text) in texts.iter().enumerate() {
        let words = words(text);
        is_key.push(words.len() >= MIN_KEY_WORDS);
        if !is_key[index] {
            continue;
        }
        let normalised = words.join(" ");
        let first = *same.entry(normalised).or_insert_with_key(|normalised| {
            distinct.push(index);
            shingles.push(Shingles::of(&[normalised]));
            index
        });
        sets.union(first, index);
    }
    let mut verify = |a: usize, b: usize| {
        let joined = sets.find(distinct[a]) == sets.find(distinct[b]);
        if !joined && nearness.holds(shingles[a].shared(&shingles[b]), shingles[a].len(), shingles[b].len()) {
            sets.union(distinct[a], distinct[b]);
        }
    };
    let signatures: Vec<Signature> = shingles.iter().map(minhash::signature).collect();
    minhash::propose(&signatures, &mut verify);
    propose_by_rare_shingles(&shingles, nearness, &mut verify);
    (0..texts.len()).map(|i| is_key[i].then(|| sets.find(i))).collect()
}

/// A text that stands in one cluster with others.
#[derive(Debug, Clone)]
pub struct Clustered {
    cluster: usize,
    shingles: Arc<Shingles>,
    nearness: Nearness,
}

impl Clustered {
    /// Whether the two texts are near each other by themselves, not only through texts between them.
    pub fn is_near(&self, other: &Clustered) -> bool {
        let (a, b) = (&self.shingles, &other.shingles);
        self.cluster == other.cluster && (a == b || self.nearness.holds(a.shared(b), a.len(), b.len()))
    }
}

/// What tells which of the texts are near each other by themselves; `None` for a text that is near no other.
pub fn neighbours(texts: &[&str], nearness: Nearness) -> Vec<Option<Clustered>> {
    let clusters = clusters(texts, nearness);
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    clusters.iter().flatten().for_each(|cluster| *sizes.entry(*cluster).or_default() += 1);
    // Copies share their shingles.
    let mut known: HashMap<&str, Arc<Shingles>> = HashMap::new();
    let mut found = Vec::with_capacity(texts.len());
    for (text, cluster) in texts.iter().zip(clusters) {
        let cluster = cluster.filter(|cluster| sizes.get(cluster).is_some_and(|size| *size > 1));
        found.push(cluster.map(|cluster| {
            let shingles = known.entry(text).or_insert_with(|| Arc::new(Shingles::of(&[text])));
            Clustered { cluster, shingles: Arc::clone(shingles), nearness }
        }));
    }
    found
}

/// Calls `propose(a, b)`, `a < b`, for every pair that shares a rare shingle and could be near: if all shingles of the
/// smaller text that are not rare were shared too.
fn propose_by_rare_shingles(
    shingles: &[Shingles],
    nearness: Nearness,
    propose: &mut dyn FnMut(usize, usize),
) {
    let mut holders: Vec<(u64, u32)> = Vec::with_capacity(shingles.iter().map(Shingles::len).sum());
    for (text, shingles) in shingles.iter().enumerate() {
        let text = u32::try_from(text).expect("fewer than 2^32 texts fit in memory");
        holders.extend(shingles.iter().map(|shingle| (shingle, text)));
    }
    holders.sort_unstable();
    let mut common = vec![0; shingles.len()];
    // Of each text, the runs of `holders` before it: earlier texts with one of its rare shingles.
    let mut earlier: Vec<Vec<Range<u32>>> = vec![Vec::new(); shingles.len()];
    let mut start = 0;
    for run in holders.chunk_by(|a, b| a.0 == b.0) {
        for (at, (_, text)) in run.iter().enumerate() {
            if run.len() > RARE_TEXTS {
                common[*text as usize] += 1;
            } else if at > 0 {
                earlier[*text as usize].push(start as u32..(start + at) as u32);
            }
        }
        start += run.len();
    }
    let mut shared: HashMap<u32, usize> = HashMap::new();
    for (text, runs) in earlier.iter().enumerate() {
        shared.clear();
        for (_, other) in runs.iter().flat_map(|run| &holders[run.start as usize..run.end as usize]) {
            *shared.entry(*other).or_default() += 1;
        }
        for (&other, &rare) in &shared {
            let other = other as usize;
            let at_most = rare + common[text].min(common[other]);
            if nearness.holds(at_most, shingles[text].len(), shingles[other].len()) {
                propose(other, text);
            }
        }
    }
}

/// An example that may be asked beside others.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The document or conversation that it is a part of.
    pub whole_text: &'a str,
    /// What is asked; `None` where turns before it say what is meant.
    pub prompt: Option<&'a str>,
    pub answer: &'a str,
}

/// From so many words on, a prompt that another one ends with is the same question with words put before it.
const SAME_END_WORDS: usize = 3;

/// Which examples are not independent of each other: of one text, with near-duplicate prompts or answers, or with the same
/// question, however short, in another wording ("Write about: Old weirs" and "Old weirs"). A group is named by the index
/// of its first example.
pub fn together(examples: &[Asked<'_>]) -> Vec<usize> {
    let mut sets = UnionFind::new(examples.len());
    let mut first_of: HashMap<&str, usize> = HashMap::new();
    let mut first_asked: HashMap<String, usize> = HashMap::new();
    let questions: Vec<Vec<String>> = examples
        .iter()
        .map(|one| one.prompt.map(|prompt| words(heading_of(prompt))).unwrap_or_default())
        .collect();
    for (index, one) in examples.iter().enumerate() {
        sets.union(index, *first_of.entry(one.whole_text).or_insert(index));
        if !questions[index].is_empty() {
            sets.union(index, *first_asked.entry(questions[index].join(" ")).or_insert(index));
        }
    }
    for (index, question) in questions.iter().enumerate() {
        for start in 1..(question.len() + 1).saturating_sub(SAME_END_WORDS) {
            if let Some(other) = first_asked.get(&question[start..].join(" ")) {
                sets.union(index, *other);
            }
        }
    }
    let prompts: Vec<&str> = examples.iter().map(|one| one.prompt.unwrap_or_default()).collect();
    let answers: Vec<&str> = examples.iter().map(|one| one.answer).collect();
    for texts in [prompts, answers] {
        for (index, cluster) in clusters(&texts, Nearness::Related).into_iter().enumerate() {
            sets.union(index, cluster.unwrap_or(index));
        }
    }
    (0..examples.len()).map(|index| sets.find(index)).collect()
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
        assert_eq!(clusters(&texts, Nearness::Related), [Some(0), Some(0), Some(0), Some(3), None, None]);
        assert_eq!(clusters(&texts, Nearness::Duplicate), [Some(0), Some(0), Some(0), Some(3), None, None]);
    }

    #[test]
    fn a_part_belongs_to_the_whole_although_the_whole_is_much_longer() {
        let whole: Vec<String> = (0..300).map(|i| format!("word{}", "x".repeat(i))).collect();
        let part = whole[100..120].join(" ");
        let whole = whole.join(" ");
        let unlike = "A text that has nothing at all to do with either of the two others here.";
        assert_eq!(clusters(&[unlike, &whole, &part], Nearness::Duplicate), [Some(0), Some(1), Some(1)]);
    }

    #[test]
    fn the_ends_of_a_chain_are_in_one_cluster_and_not_near_each_other() {
        let words: Vec<String> = (0..30).map(|i| format!("word{}", "x".repeat(i))).collect();
        let texts = [0, 6, 12].map(|start| words[start..start + 18].join(" "));
        let texts: Vec<&str> = texts.iter().map(String::as_str).chain(["Go on."]).collect();
        assert_eq!(clusters(&texts, Nearness::Related), [Some(0), Some(0), Some(0), None]);
        let near = neighbours(&texts, Nearness::Related);
        let is_near =
            |a: usize, b: usize| near[a].as_ref().zip(near[b].as_ref()).is_some_and(|(a, b)| a.is_near(b));
        assert!(is_near(0, 1) && is_near(1, 2) && is_near(0, 0) && !is_near(0, 2));
        assert!(near[3].is_none());
    }

    #[test]
    fn one_question_in_several_wordings_is_one_question() {
        let asked = |whole_text, prompt, answer| Asked { whole_text, prompt: Some(prompt), answer };
        let examples = [
            asked("a.md", "Write about: Old weirs", "They lean into the river."),
            asked("b.md", "Old weirs", "Nobody built them to stay."),
            asked("c.md", "Schreibe über: Alte Wehre", "Sie stehen schief."),
            asked("d.md", "Write about: A day at the sea", "It was cold."),
            asked("e.md", "Journal – A day at the sea", "It was warm there."),
            asked("f.md", "Write about: The sea", "Salt."),
            asked("a.md", "Why does it fall?", "It is old."),
            asked("g.md", "Old mills", "Loud."),
        ];
        assert_eq!(together(&examples), [0, 0, 2, 3, 3, 5, 0, 7]);
        // What goes on where a conversation stands is no question of its own.
        let goes_on = |whole_text| Asked { whole_text, prompt: None, answer: "Yes." };
        assert_eq!(together(&[goes_on("x"), goes_on("y")]), [0, 1]);
    }

    /// Groups by comparing all pairs.
    fn by_all_pairs(texts: &[&str], nearness: Nearness) -> Vec<Option<usize>> {
        let mut sets = UnionFind::new(texts.len());
        for i in 0..texts.len() {
            for j in 0..i {
                let (a, b) = (Shingles::of(&[texts[i]]), Shingles::of(&[texts[j]]));
                let shared = a.iter().filter(|x| b.iter().any(|y| y == *x)).count();
                if nearness.holds(shared, a.len(), b.len()) {
                    sets.union(i, j);
                }
            }
        }
        (0..texts.len()).map(|i| Some(sets.find(i))).collect()
    }

    proptest! {
        /// The same texts in another order give the same groups, and every group is what comparing all pairs gives.
        #[test]
        fn agrees_with_all_pairs_in_any_order(texts in prop::collection::vec("([a-d]{1,2} ){8,20}", 1..12), turn in 0usize..12) {
            let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let turn = turn % texts.len();
            texts.rotate_left(turn);
            for nearness in [Nearness::Related, Nearness::Duplicate] {
                prop_assert_eq!(clusters(&texts, nearness), by_all_pairs(&texts, nearness));
            }
        }
    }
}
