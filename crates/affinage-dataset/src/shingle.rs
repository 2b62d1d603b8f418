//! The one leak measure: containment of 5-word shingles, computed exactly with an inverted index.
//!
//! Words are compared lower-case, without punctuation and diacritics, and with digits folded to 0, so that
//! `Chapter 12: Café` and `chapter 34 cafe` are the same. Shingles are 64-bit hashes (xxh3): "exact" is meant up to a
//! collision, about one in 10^9 for a million shingles.

use std::cmp::Ordering;
use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Words of one shingle.
pub const SHINGLE_WORDS: usize = 5;
/// Texts with fewer shingles are not measured: a common phrase would fill them.
pub const MIN_SHINGLES: usize = 8;
/// A held-out example with this containment in one training example leaks.
pub const LEAK_THRESHOLD: f64 = 0.2;

/// Normalised words: see the module's text. A character of Chinese, Japanese or Korean is a word of its own.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.nfkd().filter(|c| !is_combining_mark(*c) && !matches!(c, '\'' | '’' | 'ʼ')) {
        if is_cjk(c) {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            words.push(c.to_string());
        } else if c.is_numeric() {
            word.push('0');
        } else if c.is_alphabetic() {
            word.extend(c.to_lowercase());
        } else if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// Normalised words joined by spaces: two texts are "exactly the same" if this is.
pub fn normalise(text: &str) -> String {
    words(text).join(" ")
}

fn is_cjk(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

/// The distinct shingles of a text, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shingles(Vec<u64>);

impl Shingles {
    /// Shingles of several texts read one after the other, as in prompt + answer.
    pub fn of(texts: &[&str]) -> Shingles {
        let hashes: Vec<u64> =
            texts.iter().flat_map(|text| words(text)).map(|word| xxh3_64(word.as_bytes())).collect();
        let mut shingles: Vec<u64> = hashes
            .windows(SHINGLE_WORDS)
            .map(|window| window.iter().fold(0, |seed, hash| xxh3_64_with_seed(&hash.to_le_bytes(), seed)))
            .collect();
        shingles.sort_unstable();
        shingles.dedup();
        Shingles(shingles)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().copied()
    }

    /// How many shingles two texts share.
    pub fn shared(&self, other: &Shingles) -> usize {
        let (mut a, mut b, mut shared) = (self.0.iter().peekable(), other.0.iter().peekable(), 0);
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            match x.cmp(y) {
                Ordering::Less => a.next(),
                Ordering::Greater => b.next(),
                Ordering::Equal => {
                    shared += 1;
                    a.next();
                    b.next()
                }
            };
        }
        shared
    }

    /// Shared shingles over all of both; 0 if there are none.
    pub fn jaccard(&self, other: &Shingles) -> f64 {
        let shared = self.shared(other);
        shared as f64 / (self.len() + other.len() - shared).max(1) as f64
    }
}

/// Which texts hold a shingle.
#[derive(Debug, Default)]
pub struct ContainmentIndex {
    postings: HashMap<u64, Vec<u32>>,
    texts: usize,
}

/// The text that holds the largest share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Containment {
    /// Share of the asked shingles found in the text, 0 to 1.
    pub share: f64,
    /// Index of the text in the order they were added.
    pub text: usize,
}

impl ContainmentIndex {
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a Shingles>) -> ContainmentIndex {
        let mut index = ContainmentIndex::default();
        for shingles in texts {
            index.add(shingles);
        }
        index
    }

    pub fn add(&mut self, shingles: &Shingles) {
        let text = u32::try_from(self.texts).expect("fewer than 2^32 texts fit in memory");
        for shingle in shingles.iter() {
            self.postings.entry(shingle).or_default().push(text);
        }
        self.texts += 1;
    }

    /// How many of the asked shingles each text holds; texts with none are left out.
    pub fn overlaps(&self, asked: &Shingles) -> HashMap<usize, usize> {
        let mut overlaps = HashMap::new();
        for text in asked.iter().filter_map(|shingle| self.postings.get(&shingle)).flatten() {
            *overlaps.entry(*text as usize).or_default() += 1;
        }
        overlaps
    }

    /// The largest share of `asked` found in any single text; `None` below [`MIN_SHINGLES`] or without overlap.
    pub fn max_containment(&self, asked: &Shingles) -> Option<Containment> {
        if asked.len() < MIN_SHINGLES {
            return None;
        }
        let (text, count) =
            self.overlaps(asked).into_iter().max_by_key(|&(text, count)| (count, usize::MAX - text))?;
        Some(Containment { share: count as f64 / asked.len() as f64, text })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_punctuation_digits_and_diacritics_do_not_count() {
        assert_eq!(normalise("Chapter 12: Café -- don't!"), "chapter 00 cafe dont");
        assert_eq!(normalise("ﬁne Straße"), "fine straße");
        assert_eq!(normalise("美しい a"), "美 し い a");
    }

    #[test]
    fn containment_is_of_the_asked_text_in_one_text() {
        let words: Vec<String> = (0..40)
            .map(|i| format!("w{}", char::from(b'a' + (i % 26) as u8).to_string().repeat(i / 26 + 1)))
            .collect();
        let first = Shingles::of(&[&words[..20].join(" ")]);
        let second = Shingles::of(&[&words[10..40].join(" ")]);
        let asked = Shingles::of(&[&words[0..18].join(" ")]);
        let found = ContainmentIndex::new([&second, &first]).max_containment(&asked).expect("overlap");
        assert_eq!((found.text, found.share), (1, 1.0));
        let found = ContainmentIndex::new([&second]).max_containment(&asked).expect("overlap");
        assert_eq!(found.share, 4.0 / 14.0, "shingles of words 10..18 among those of 0..18");
        assert_eq!(ContainmentIndex::new([&first]).max_containment(&Shingles::of(&["too short"])), None);
    }

    proptest! {
        #[test]
        fn index_agrees_with_counting(texts in prop::collection::vec("([abc] ){0,40}", 1..6), asked in "([abc] ){12,40}") {
            let sets: Vec<Shingles> = texts.iter().map(|t| Shingles::of(&[t])).collect();
            let asked = Shingles::of(&[&asked]);
            let share = |s: &Shingles| asked.iter().filter(|x| s.0.contains(x)).count() as f64 / asked.len() as f64;
            let expected = sets.iter().map(share).fold(0.0, f64::max);
            let found = ContainmentIndex::new(&sets).max_containment(&asked);
            if asked.len() >= MIN_SHINGLES {
                prop_assert_eq!(found.map_or(0.0, |c| c.share), expected);
            }
        }
    }
}
