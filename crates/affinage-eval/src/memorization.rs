//! Memorisation: how much of an answer stands in a training text word for word.

use std::collections::HashMap;

use affinage_dataset::shingle::{SHINGLE_WORDS, words};
use serde::{Deserialize, Serialize};

use crate::ROW_VERSION;

/// An answer with so long a run of training words may be memorised.
pub const MEMORIZED_FROM_WORDS: usize = 12;
/// So may a shorter one of whose words this share lies in such runs, if one run has [`MEMORIZED_AT_LEAST_WORDS`]: of an answer
/// of thirty words a turn of phrase of six is a fifth, and anybody may use it. Eight words is what the leak measure, too,
/// takes for more than a phrase.
pub const MEMORIZED_FROM_SHARE: f64 = 0.2;
pub const MEMORIZED_AT_LEAST_WORDS: usize = 8;

/// One line of `overlap.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemorizationRow {
    pub v: u32,
    pub completion_id: String,
    /// Longest run of words that stands in one training text.
    pub longest_words: usize,
    /// Share of the answer's words that lie in runs of five words and more of that same text.
    pub share: f64,
    /// The training example that holds the run; none without a run of five words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example_id: Option<String>,
}

impl MemorizationRow {
    pub fn is_memorized(&self) -> bool {
        self.longest_words >= MEMORIZED_FROM_WORDS
            || (self.share >= MEMORIZED_FROM_SHARE && self.longest_words >= MEMORIZED_AT_LEAST_WORDS)
    }
}

/// Training texts by their runs of five words.
#[derive(Default)]
pub struct TrainingIndex {
    names: Vec<String>,
    /// Words of all texts as numbers, one text after the other.
    texts: Vec<Vec<u32>>,
    numbers: HashMap<String, u32>,
    places: HashMap<[u32; SHINGLE_WORDS], Vec<(u32, u32)>>,
}

impl TrainingIndex {
    /// Words are compared as the leak measure compares them: lower-case, without punctuation, digits folded.
    pub fn add(&mut self, example_id: &str, text: &str) {
        let text_number = self.names.len() as u32;
        let mut ids = Vec::new();
        for word in words(text) {
            let next = self.numbers.len() as u32;
            ids.push(*self.numbers.entry(word).or_insert(next));
        }
        for (at, window) in ids.windows(SHINGLE_WORDS).enumerate() {
            let key: [u32; SHINGLE_WORDS] = window.try_into().expect("a window has its length");
            self.places.entry(key).or_default().push((text_number, at as u32));
        }
        self.names.push(example_id.to_owned());
        self.texts.push(ids);
    }

    /// The training text in which the answer's longest run stands.
    pub fn overlap(&self, completion_id: &str, answer: &str) -> MemorizationRow {
        let ids: Vec<Option<u32>> =
            words(answer).iter().map(|word| self.numbers.get(word).copied()).collect();
        let known: Vec<u32> = ids.iter().map(|id| id.unwrap_or(u32::MAX)).collect();
        let mut longest: Option<(usize, u32)> = None;
        // Length of the run that ends with the shingle at (text, place); one map per position of the answer.
        let mut runs: HashMap<(u32, u32), usize> = HashMap::new();
        let mut covered: HashMap<u32, Vec<bool>> = HashMap::new();
        for (at, window) in known.windows(SHINGLE_WORDS).enumerate() {
            let key: [u32; SHINGLE_WORDS] = window.try_into().expect("a window has its length");
            let mut next = HashMap::new();
            for &(text, place) in self.places.get(&key).into_iter().flatten() {
                let before = place.checked_sub(1).and_then(|p| runs.get(&(text, p))).copied().unwrap_or(0);
                let run = if before == 0 { SHINGLE_WORDS } else { before + 1 };
                next.insert((text, place), run);
                let marks = covered.entry(text).or_insert_with(|| vec![false; known.len()]);
                marks[at..at + SHINGLE_WORDS].fill(true);
                if longest.is_none_or(|(best, best_text)| run > best || (run == best && text < best_text)) {
                    longest = Some((run, text));
                }
            }
            runs = next;
        }
        let share = longest.map_or(0.0, |(_, text)| {
            covered[&text].iter().filter(|mark| **mark).count() as f64 / known.len() as f64
        });
        MemorizationRow {
            v: ROW_VERSION,
            completion_id: completion_id.to_owned(),
            longest_words: longest.map_or(0, |(run, _)| run),
            share,
            example_id: longest.map(|(_, text)| self.names[text as usize].clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_run_is_found_in_the_text_that_holds_it() {
        let mut index = TrainingIndex::default();
        index.add("one", "The sea is wide and deep and nobody has seen its end, said the old man.");
        index.add("two", "A river is never the same river, and you are never the same person.");
        let found = index.overlap("c", "I think: a river is NEVER the same river and you are tired of it.");
        assert_eq!((found.longest_words, found.example_id.as_deref()), (10, Some("two")));
        assert!((found.share - 10.0 / 15.0).abs() < 1e-12, "{found:?}");
        assert!(found.is_memorized());
        let phrase = index.overlap("p", "She said that the sea is wide and deep, nothing else mattered now.");
        assert_eq!((phrase.longest_words, phrase.share >= MEMORIZED_FROM_SHARE), (6, true));
        assert!(!phrase.is_memorized(), "six words of a short answer are a turn of phrase");
        let eight = index.overlap("q", "Well, the sea is wide and deep and nobody knows.");
        assert_eq!((eight.longest_words, eight.is_memorized()), (8, true));
        let fresh = index.overlap("d", "Nothing of this was ever written before by anyone at all.");
        assert_eq!((fresh.longest_words, fresh.share, fresh.example_id.is_none()), (0, 0.0, true));
        assert!(!index.overlap("e", "").is_memorized());
    }
}
