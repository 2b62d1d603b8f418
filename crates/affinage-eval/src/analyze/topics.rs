//! Topics of prompts by their words: TF-IDF, k-medoids by cosine, names by log-odds.
//!
//! The groups are made without a look at any vote, so that a test of votes between them is a fair one.

use std::collections::{BTreeMap, BTreeSet};

use crate::rng::Rng;
use crate::text::words;

/// Prompts that share words.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    /// The three words that set it apart most.
    pub terms: Vec<String>,
    /// Positions of its prompts.
    pub members: Vec<usize>,
}

/// Fewer prompts make no topics.
const FEWEST: usize = 24;
const MOST_TOPICS: usize = 8;
/// Medoids are sought among so many prompts at most; the others join the nearest.
const SAMPLE: usize = 400;
const ROUNDS: usize = 10;
/// A topic with fewer prompts is not told.
const SMALLEST: usize = 5;

const COMMON: &str = "the a an and or but of to in on at for from with by as is are was were be been being it its this that \
these those i you he she we they me him her us them my your his our their what which who whom how why when where do does \
did done have has had having not no nor so if then than there here can could will would shall should may might must about \
into over under between out up down only just also very more most some any each every other such own same too one two \
write explain describe tell give make say please";

/// Unit vectors of the prompts: weight by number of the word.
type Vector = Vec<(usize, f64)>;

/// Groups of `texts`; none where there are too few.
pub fn topics(texts: &[&str], seed: u64) -> Vec<Topic> {
    if texts.len() < FEWEST {
        return Vec::new();
    }
    let common: BTreeSet<&str> = COMMON.split_whitespace().collect();
    let spoken: Vec<Vec<String>> = texts
        .iter()
        .map(|text| {
            let told = |word: &String| word.chars().count() > 2 && !common.contains(word.as_str());
            words(text).into_iter().filter(told).collect()
        })
        .collect();
    let vectors = vectors(&spoken);
    let count = ((texts.len() as f64 / 2.0).sqrt().round() as usize).clamp(2, MOST_TOPICS);
    let mut sample: Vec<usize> = (0..texts.len()).collect();
    Rng::for_purpose(seed, &["topics"]).shuffle(&mut sample);
    sample.truncate(SAMPLE);
    sample.sort_unstable();
    let medoids = medoids(&vectors, &sample, count);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); medoids.len()];
    for (i, vector) in vectors.iter().enumerate() {
        // A prompt that shares no word with any medoid belongs to none.
        if let Some((topic, _)) = nearest(vector, &medoids, &vectors).filter(|(_, near)| *near > 0.0) {
            members[topic].push(i);
        }
    }
    members.retain(|topic| topic.len() >= SMALLEST);
    members.into_iter().map(|members| Topic { terms: terms(&spoken, &members), members }).collect()
}

/// `tf * ln(n / df)`, scaled to length one. Words of a single prompt say nothing about shared topics.
fn vectors(spoken: &[Vec<String>]) -> Vec<Vector> {
    let mut documents: BTreeMap<&str, usize> = BTreeMap::new();
    for words in spoken {
        for word in words.iter().map(String::as_str).collect::<BTreeSet<&str>>() {
            *documents.entry(word).or_default() += 1;
        }
    }
    let kept = documents.iter().filter(|(_, df)| **df >= 2);
    let known: BTreeMap<&str, (usize, f64)> = kept
        .enumerate()
        .map(|(i, (word, df))| (*word, (i, (spoken.len() as f64 / *df as f64).ln())))
        .collect();
    spoken
        .iter()
        .map(|words| {
            let mut weights: BTreeMap<usize, f64> = BTreeMap::new();
            for (number, idf) in words.iter().filter_map(|word| known.get(word.as_str())) {
                *weights.entry(*number).or_default() += idf;
            }
            let length = weights.values().map(|w| w * w).sum::<f64>().sqrt().max(1e-12);
            weights.into_iter().map(|(number, weight)| (number, weight / length)).collect()
        })
        .collect()
}

fn similarity(a: &Vector, b: &Vector) -> f64 {
    let (mut i, mut j, mut sum) = (0, 0, 0.0);
    while i < a.len() && j < b.len() {
        match a[i].0.cmp(&b[j].0) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                sum += a[i].1 * b[j].1;
                (i, j) = (i + 1, j + 1);
            }
        }
    }
    sum
}

fn nearest(vector: &Vector, medoids: &[usize], vectors: &[Vector]) -> Option<(usize, f64)> {
    let near = |(topic, medoid): (usize, &usize)| (topic, similarity(vector, &vectors[*medoid]));
    // The first of equally near ones, so that the order of medoids decides and no accident.
    medoids.iter().enumerate().map(near).reduce(|best, next| if next.1 > best.1 { next } else { best })
}

/// Greedy choice, then rounds of assigning and choosing each group's most central prompt. Source: Kaufman and
/// Rousseeuw (1990), BUILD; Park and Jun (2009) for the rounds.
fn medoids(vectors: &[Vector], sample: &[usize], count: usize) -> Vec<usize> {
    let mut medoids: Vec<usize> = Vec::new();
    let mut near = vec![0.0_f64; sample.len()];
    while medoids.len() < count {
        let gain = |candidate: usize| -> f64 {
            sample
                .iter()
                .zip(&near)
                .map(|(&i, near)| (similarity(&vectors[i], &vectors[candidate]) - near).max(0.0))
                .sum()
        };
        let open = sample.iter().copied().filter(|i| !medoids.contains(i));
        let best = open.map(|i| (i, gain(i))).reduce(|best, next| if next.1 > best.1 { next } else { best });
        let Some((best, _)) = best.filter(|(_, gain)| *gain > 0.0) else { break };
        medoids.push(best);
        for (&i, near) in sample.iter().zip(&mut near) {
            *near = near.max(similarity(&vectors[i], &vectors[best]));
        }
    }
    for _ in 0..ROUNDS {
        let mut groups: Vec<Vec<usize>> = vec![Vec::new(); medoids.len()];
        for &i in sample {
            if let Some((topic, _)) = nearest(&vectors[i], &medoids, vectors) {
                groups[topic].push(i);
            }
        }
        let central = |group: &Vec<usize>| {
            let sum = |i: usize| -> f64 { group.iter().map(|&j| similarity(&vectors[i], &vectors[j])).sum() };
            group.iter().map(|&i| (i, sum(i))).reduce(|best, next| if next.1 > best.1 { next } else { best })
        };
        let next: Vec<usize> =
            groups.iter().zip(&medoids).map(|(group, old)| central(group).map_or(*old, |(i, _)| i)).collect();
        if next == medoids {
            break;
        }
        medoids = next;
    }
    medoids
}

/// Words by the z of their log-odds against the other prompts, with a Dirichlet prior in proportion to their use.
/// Source: Monroe, Colaresi and Quinn (2008), "Fightin' Words".
fn terms(spoken: &[Vec<String>], members: &[usize]) -> Vec<String> {
    const PRIOR: f64 = 20.0;
    let inside: BTreeSet<usize> = members.iter().copied().collect();
    let mut counts: BTreeMap<&str, [f64; 2]> = BTreeMap::new();
    for (i, words) in spoken.iter().enumerate() {
        let side = usize::from(!inside.contains(&i));
        words.iter().for_each(|word| counts.entry(word).or_default()[side] += 1.0);
    }
    let totals = counts.values().fold([0.0, 0.0], |sum, c| [sum[0] + c[0], sum[1] + c[1]]);
    let z = |here: f64, there: f64| {
        let prior = PRIOR * (here + there) / (totals[0] + totals[1]);
        let log_odds = |y: f64, n: f64| ((y + prior) / (n + PRIOR - y - prior)).ln();
        let spread = 1.0 / (here + prior) + 1.0 / (there + prior);
        (log_odds(here, totals[0]) - log_odds(there, totals[1])) / spread.sqrt()
    };
    let mut ranked: Vec<(f64, &str)> =
        counts.iter().filter(|(_, c)| c[0] >= 2.0).map(|(word, c)| (z(c[0], c[1]), *word)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    ranked.into_iter().take(3).map(|(_, word)| word.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_that_share_words_are_a_topic_and_its_name_is_of_it() {
        let subjects = [
            ["harbour", "anchor", "tide", "sail", "keel", "rudder"],
            ["violin", "quartet", "tempo", "chord", "cello", "rhythm"],
            ["orchard", "pruning", "blossom", "graft", "apple", "harvest"],
        ];
        let mut rng = Rng::new(6);
        let (mut texts, mut truth) = (Vec::new(), Vec::new());
        for i in 0..60 {
            let subject = i % 3;
            let pick = |rng: &mut Rng| subjects[subject][rng.below(6)];
            let words: Vec<&str> = (0..4).map(|_| pick(&mut rng)).collect();
            texts.push(format!("Explain number {i}: {}?", words.join(" and the ")));
            truth.push(subject);
        }
        let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
        let found = topics(&borrowed, 1);
        assert!(found.len() >= 3, "{found:?}");
        for topic in &found {
            let first = truth[topic.members[0]];
            let pure = topic.members.iter().filter(|&&i| truth[i] == first).count();
            assert!(pure as f64 >= 0.9 * topic.members.len() as f64, "{topic:?}");
            assert!(topic.terms.iter().all(|term| subjects[first].contains(&term.as_str())), "{topic:?}");
        }
        assert_eq!(topics(&borrowed, 1), found);
        assert!(topics(&borrowed[..20], 1).is_empty());
    }
}
