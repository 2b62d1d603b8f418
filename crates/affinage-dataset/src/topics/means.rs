//! Spherical k-means over weighted words.

use std::collections::HashMap;

use super::{MAX_TOPICS, Place};

const ROUNDS: usize = 12;

/// Words by number with weights, in the order of the numbers.
pub(super) type Vector = Vec<(u32, f32)>;

/// The weight of every word, by number. A table of the words that are there would be smaller and many times slower: every word
/// of every conversation is looked up for every centre in every round.
pub(super) type Centre = Vec<f32>;

/// All words of the places in order, and the words of each place: a word's number is its index.
pub(super) fn numbered<'a>(places: &[&'a Place]) -> (Vec<&'a str>, Vec<Vector>) {
    let mut seen: HashMap<&str, u32> = HashMap::new();
    let mut number = |word: &'a str| {
        let next = seen.len() as u32;
        *seen.entry(word).or_insert(next)
    };
    let mut vectors: Vec<Vector> = places
        .iter()
        .map(|place| place.words.iter().map(|(word, count)| (number(word), count)).collect())
        .collect();
    let mut words: Vec<(&str, u32)> = seen.into_iter().collect();
    words.sort_unstable();
    let mut ranks = vec![0; words.len()];
    words.iter().zip(0..).for_each(|((_, seen), rank)| ranks[*seen as usize] = rank);
    vectors.iter_mut().flatten().for_each(|(word, _)| *word = ranks[*word as usize]);
    (words.into_iter().map(|(word, _)| word).collect(), vectors)
}

/// Weight = sqrt(count) x idf, unit length; words of one conversation alone or of most of them say no topic.
pub(super) fn weigh(vectors: &mut [Vector], words: usize) {
    const COMMON_SHARE: f64 = 0.4;
    let mut holders = vec![0usize; words];
    vectors.iter().flatten().for_each(|(word, _)| holders[*word as usize] += 1);
    let all = vectors.len();
    let common = (COMMON_SHARE * all as f64).max(3.0) as usize;
    for vector in vectors {
        vector.retain(|(word, _)| (2..=common).contains(&holders[*word as usize]));
        for (word, weight) in vector.iter_mut() {
            *weight = weight.sqrt() * (all as f32 / holders[*word as usize] as f32).ln();
        }
        let norm = vector.iter().map(|(_, w)| w * w).sum::<f32>().sqrt();
        vector.retain(|_| norm > 0.0);
        vector.iter_mut().for_each(|(_, w)| *w /= norm);
        vector.shrink_to_fit();
    }
}

pub(super) fn nearness(vector: &Vector, centre: &[f32]) -> f32 {
    vector.iter().map(|(word, weight)| weight * centre.get(*word as usize).unwrap_or(&0.0)).sum()
}

/// Members and centre of each group that has members; the first seed is the longest vector, each next the one farthest from all.
pub(super) fn k_means(vectors: &[&Vector], words: usize, count: usize) -> Vec<(Vec<usize>, Centre)> {
    if vectors.is_empty() {
        return Vec::new();
    }
    let longest = (0..vectors.len()).max_by_key(|&i| (vectors[i].len(), vectors.len() - i)).unwrap_or(0);
    let mut centres: Vec<Centre> = vec![dense(vectors[longest], words)];
    let mut nearest: Vec<f32> = vec![f32::NEG_INFINITY; vectors.len()];
    while centres.len() < count {
        let newest = &centres[centres.len() - 1];
        for (best, vector) in nearest.iter_mut().zip(vectors) {
            *best = best.max(nearness(vector, newest));
        }
        // Among the far ones, a place with many words is a better seed than an odd one with a single word.
        let score = |i: usize| (1.0 - nearest[i]) * (vectors[i].len() as f32).sqrt();
        let next = (0..vectors.len()).max_by(|&a, &b| score(a).total_cmp(&score(b)).then(b.cmp(&a)));
        centres.extend(next.map(|i| dense(vectors[i], words)));
    }
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for _ in 0..ROUNDS {
        let before = std::mem::replace(&mut groups, vec![Vec::new(); centres.len()]);
        // Side by side, so that a word is looked up once for all centres.
        let abreast: Vec<[f32; MAX_TOPICS]> = (0..words)
            .map(|word| std::array::from_fn(|c| centres.get(c).map_or(0.0, |centre| centre[word])))
            .collect();
        for (index, vector) in vectors.iter().enumerate() {
            let mut near = [0.0f32; MAX_TOPICS];
            for (word, weight) in vector.iter() {
                near.iter_mut().zip(&abreast[*word as usize]).for_each(|(sum, here)| *sum += weight * here);
            }
            let best = (0..centres.len()).max_by(|&a, &b| near[a].total_cmp(&near[b]).then(b.cmp(&a)));
            groups[best.unwrap_or(0)].push(index);
        }
        if groups == before {
            break;
        }
        for (centre, members) in centres.iter_mut().zip(&groups) {
            *centre = mean(members.iter().map(|&i| vectors[i]), words);
        }
    }
    groups.into_iter().zip(centres).filter(|(members, _)| !members.is_empty()).collect()
}

fn dense(vector: &Vector, words: usize) -> Centre {
    let mut centre = vec![0.0; words];
    vector.iter().for_each(|(word, weight)| centre[*word as usize] = *weight);
    centre
}

fn mean<'a>(vectors: impl Iterator<Item = &'a Vector>, words: usize) -> Centre {
    let mut sum = vec![0.0; words];
    vectors.flatten().for_each(|(word, weight)| sum[*word as usize] += *weight);
    let norm = sum.iter().map(|w: &f32| w * w).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    sum.iter_mut().for_each(|w| *w /= norm);
    sum
}
