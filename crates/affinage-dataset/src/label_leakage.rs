//! Label leakage: features that tell chosen from rejected answers without reading them.
//!
//! If the longer answer, or the one that begins with "Certainly", is the chosen one nine times of ten, a model learns
//! that and not the taste behind the choice. Each feature is measured by its AUC, the probability that a random
//! chosen answer has more of it than a random rejected one (ties count half; Mann-Whitney U / (n m)).

use std::collections::{BTreeMap, BTreeSet};

use crate::shingle::words;

/// An AUC at least this far from chance is an artefact, in either direction.
pub const LEAKAGE_AUC: f64 = 0.9;
/// With fewer answers on a side, chance alone can separate them.
pub const MIN_ANSWERS: usize = 20;
/// Longest sequence of words that is looked for.
const MAX_NGRAM_WORDS: usize = 3;

#[derive(Debug, Clone, PartialEq)]
pub struct LeakingFeature {
    /// In words, e.g. ``begins with `certainly` ``.
    pub feature: String,
    /// Probability that a chosen answer has more of it than a rejected one.
    pub auc: f64,
}

type Measure = fn(&str) -> f64;

/// All features that separate the two sides, strongest first; `None` if a side has fewer than [`MIN_ANSWERS`].
pub fn leaking_features(chosen: &[String], rejected: &[String]) -> Option<Vec<LeakingFeature>> {
    if chosen.len().min(rejected.len()) < MIN_ANSWERS {
        return None;
    }
    let mut found = Vec::new();
    let counted: [(&str, Measure); 3] = [
        ("more characters", |text| text.chars().count() as f64),
        ("more paragraphs", |text| text.split("\n\n").count() as f64),
        ("more characters in a word", mean_word_chars),
    ];
    for (feature, measure) in counted {
        let values = |texts: &[String]| texts.iter().map(|text| measure(text)).collect::<Vec<f64>>();
        found.push(LeakingFeature {
            feature: feature.to_owned(),
            auc: auc(&values(chosen), &values(rejected)),
        });
    }
    let (yes, no) = (shares(chosen), shares(rejected));
    for feature in yes.keys().chain(no.keys()).collect::<BTreeSet<_>>() {
        let share = |of: &BTreeMap<String, f64>| of.get(feature).copied().unwrap_or(0.0);
        // The AUC of a feature that is there or not.
        found.push(LeakingFeature { feature: feature.clone(), auc: 0.5 + 0.5 * (share(&yes) - share(&no)) });
    }
    found.retain(|leaking| distance(leaking) >= LEAKAGE_AUC - 0.5 - 1e-12);
    found.sort_by(|a, b| distance(b).total_cmp(&distance(a)).then_with(|| a.feature.cmp(&b.feature)));
    Some(found)
}

fn distance(leaking: &LeakingFeature) -> f64 {
    (leaking.auc - 0.5).abs()
}

fn mean_word_chars(text: &str) -> f64 {
    let words = words(text);
    words.iter().map(|word| word.chars().count()).sum::<usize>() as f64 / words.len().max(1) as f64
}

/// Mann-Whitney: the share of pairs in which the value of `a` is larger, ties half.
fn auc(a: &[f64], b: &[f64]) -> f64 {
    let mut sorted = b.to_vec();
    sorted.sort_by(f64::total_cmp);
    let wins: f64 = a
        .iter()
        .map(|value| {
            let below = sorted.partition_point(|other| other < value);
            let not_above = sorted.partition_point(|other| other <= value);
            (below + not_above) as f64 / 2.0
        })
        .sum();
    wins / (a.len() * b.len()) as f64
}

/// Share of the texts with each feature that is there or not.
fn shares(texts: &[String]) -> BTreeMap<String, f64> {
    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
    for text in texts {
        for feature in features(text) {
            *counts.entry(feature).or_default() += 1.0 / texts.len() as f64;
        }
    }
    counts
}

/// Words that it holds, begins and ends with, its last character, and its marks of Markdown.
fn features(text: &str) -> BTreeSet<String> {
    let words = words(text);
    let mut features = BTreeSet::new();
    for len in 1..=MAX_NGRAM_WORDS.min(words.len()) {
        features.extend(words.windows(len).map(|gram| format!("holds `{}`", gram.join(" "))));
        features.insert(format!("begins with `{}`", words[..len].join(" ")));
        features.insert(format!("ends with `{}`", words[words.len() - len..].join(" ")));
    }
    features.extend(text.trim_end().chars().next_back().map(|c| format!("ends with the character `{c}`")));
    let marks = [("- ", "has a list"), ("#", "has a heading"), ("```", "has a code block")];
    let at_line = |mark: &str| text.lines().any(|line| line.trim_start().starts_with(mark));
    features.extend(marks.iter().filter(|(mark, _)| at_line(mark)).map(|(_, name)| (*name).to_owned()));
    features.extend(text.contains("**").then(|| "has bold text".to_owned()));
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOUNS: [&str; 8] = ["stone", "river", "lamp", "garden", "letter", "harbour", "winter", "mirror"];

    fn answers(seed: usize, opening: &str) -> Vec<String> {
        let noun = |i: usize| NOUNS[(i * 5 + seed * 3 + i / 7) % NOUNS.len()];
        (0..40)
            .map(|i| format!("{opening}the {} near a {} is {}.", noun(i), noun(i + 3), noun(i + seed)))
            .collect()
    }

    #[test]
    fn a_planted_opening_is_named() {
        let mut chosen = answers(1, "Certainly: ");
        chosen[0] = "No lamp is near a river.".to_owned();
        let found = leaking_features(&chosen, &answers(2, "")).expect("enough answers");
        assert!(
            found.iter().any(|a| a.feature == "begins with `certainly`" && (a.auc - 0.9875).abs() < 1e-9)
        );
    }

    #[test]
    fn length_that_decides_is_named_in_both_directions() {
        let longer: Vec<String> = answers(1, "").iter().map(|text| text.repeat(3)).collect();
        let lengths = |a: &[String], b: &[String]| {
            leaking_features(a, b)
                .expect("enough")
                .into_iter()
                .find(|a| a.feature == "more characters")
                .map(|a| a.auc)
        };
        assert_eq!(lengths(&longer, &answers(2, "")), Some(1.0));
        assert_eq!(lengths(&answers(2, ""), &longer), Some(0.0));
    }

    #[test]
    fn answers_of_one_kind_have_no_artefact_and_few_are_not_measured() {
        assert_eq!(leaking_features(&answers(1, ""), &answers(2, "")), Some(Vec::new()));
        assert_eq!(leaking_features(&answers(1, "")[..19], &answers(2, "")), None);
    }

    #[test]
    fn ties_count_half() {
        assert_eq!(auc(&[1.0, 2.0], &[1.0, 0.0]), 0.875);
    }
}
