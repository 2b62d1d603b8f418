//! MinHash, bands and verification on 5,000 generated texts, against the comparison of all pairs.

use std::collections::HashSet;

use affinage_dataset::dedup::{DUPLICATE_JACCARD, Nearness, UnionFind, clusters};
use affinage_dataset::minhash::{propose, signature};
use affinage_dataset::shingle::Shingles;

use crate::seeded::Seeded;

const TEXTS: usize = 5000;

fn word(seeded: &mut Seeded) -> String {
    let syllables = ["ba", "ne", "ri", "to", "lu", "mar", "sel", "kin", "dor", "vas"];
    (0..2 + seeded.below(3)).map(|_| *seeded.one_of(&syllables)).collect()
}

/// Families of one original and copies with every n-th word changed, parts of it, and a passage that hundreds share.
fn corpus(seeded: &mut Seeded) -> Vec<String> {
    let boilerplate: Vec<String> = (0..30).map(|_| word(seeded)).collect();
    let mut texts: Vec<String> = Vec::new();
    while texts.len() < TEXTS {
        let mut original: Vec<String> = (0..40 + seeded.below(160)).map(|_| word(seeded)).collect();
        if seeded.below(8) == 0 {
            original.extend(boilerplate.iter().cloned());
        }
        texts.push(original.join(" "));
        for _ in 0..seeded.below(4) {
            let mut copy = original.clone();
            match seeded.below(4) {
                0 => copy.truncate(copy.len() / 2),
                _ => {
                    let changes = 1 + seeded.below(copy.len() / 20);
                    for _ in 0..changes {
                        let at = seeded.below(copy.len());
                        copy[at] = word(seeded);
                    }
                }
            }
            texts.push(copy.join(" "));
        }
    }
    texts.truncate(TEXTS);
    seeded.shuffle(&mut texts);
    texts
}

#[test]
fn five_thousand_texts_against_all_pairs() {
    let texts = corpus(&mut Seeded::new(41));
    let shingles: Vec<Shingles> = texts.iter().map(|text| Shingles::of(&[text])).collect();
    let signatures: Vec<_> = shingles.iter().map(signature).collect();
    let mut proposed = HashSet::new();
    propose(&signatures, &mut |a, b| {
        proposed.insert((a, b));
    });
    let (mut alike, mut found) = (0, 0);
    let mut near = [UnionFind::new(TEXTS), UnionFind::new(TEXTS)];
    for b in 0..TEXTS {
        for a in 0..b {
            let shared = shingles[a].shared(&shingles[b]);
            if shared == 0 {
                continue;
            }
            if shingles[a].jaccard(&shingles[b]) >= DUPLICATE_JACCARD {
                alike += 1;
                found += usize::from(proposed.contains(&(a, b)));
            }
            for (sets, nearness) in near.iter_mut().zip([Nearness::Duplicate, Nearness::Related]) {
                if nearness.holds(shared, shingles[a].len(), shingles[b].len()) {
                    sets.union(a, b);
                }
            }
        }
    }
    println!("pairs with J >= {DUPLICATE_JACCARD}: {alike}, proposed {found}; proposals {}", proposed.len());
    assert!(alike > 1000 && found as f64 >= 0.999 * alike as f64, "{found} of {alike}");
    assert!(proposed.len() < TEXTS * 10, "all pairs would be {}", TEXTS * (TEXTS - 1) / 2);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for (mut sets, nearness) in near.into_iter().zip([Nearness::Duplicate, Nearness::Related]) {
        let expected: Vec<Option<usize>> = (0..TEXTS).map(|i| Some(sets.find(i))).collect();
        assert_eq!(clusters(&texts, nearness), expected, "{nearness:?}: no pair missed, none invented");
    }
}

#[test]
fn the_groups_do_not_depend_on_the_order() {
    let mut seeded = Seeded::new(7);
    let texts = corpus(&mut seeded);
    let mut order: Vec<usize> = (0..TEXTS).collect();
    seeded.shuffle(&mut order);
    let straight: Vec<&str> = texts.iter().map(String::as_str).collect();
    let shuffled: Vec<&str> = order.iter().map(|&i| texts[i].as_str()).collect();
    for nearness in [Nearness::Duplicate, Nearness::Related] {
        let (a, b) = (clusters(&straight, nearness), clusters(&shuffled, nearness));
        // Same partition: members of one cluster there are members of one cluster here, and as many.
        let pairs: HashSet<_> = order.iter().zip(&b).map(|(&i, cluster)| (a[i], *cluster)).collect();
        let count = |clusters: &[Option<usize>]| clusters.iter().collect::<HashSet<_>>().len();
        assert_eq!((pairs.len(), pairs.len()), (count(&a), count(&b)), "{nearness:?}");
        assert!(count(&a) < TEXTS - 500, "there are near-duplicates to find");
    }
}
