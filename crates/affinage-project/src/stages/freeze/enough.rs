//! How many more accepted cards give the report as many test examples as it needs to say anything.

use affinage_dataset::split::{RESERVE_FROM_PROMPTS, Side};
use affinage_dataset::version::Manifest;
use affinage_eval::analyze::ENOUGH;
use affinage_eval::plain::count;

use super::{freeze_command, taken_undecided};
use crate::folder::datasets::{RESERVE, TEST};

/// About how many examples have, at this share of test examples, as many of these as the report needs to say anything; `None`
/// where none are held out. More where examples belong together.
pub fn examples_for_report(test_share: f64) -> Option<usize> {
    (test_share > 0.0).then(|| (ENOUGH as f64 / test_share).round() as usize)
}

/// The test examples of a version as the report counts them: those that ask something, and of those that are not independent
/// one. `unasked` of them ask nothing.
pub(super) fn tested(manifest: &Manifest, unasked: usize) -> usize {
    let examples = manifest.files.get(TEST).map_or(0, |file| file.examples);
    let asked = examples - unasked.min(examples);
    manifest.independent.get(TEST).map_or(asked, |independent| asked.min(*independent))
}

/// A way to enough test examples. Earlier examples keep their side, so the missing ones come out of new ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct MoreCards {
    /// So many more are accepted, each of a conversation or text of its own ...
    pub cards: usize,
    /// ... and `dataset.test-share` is this ...
    pub test_share: f64,
    /// ... then so many of them come to the test side or the sealed reserve ...
    pub tested: usize,
    /// ... and so many to the validation side; the others are trained on.
    pub watched: usize,
}

impl MoreCards {
    /// What the sides of `manifest` take until `missing` more test examples are there.
    fn of(manifest: &Manifest, missing: usize) -> MoreCards {
        let number = |wanted: Side| manifest.sides.values().filter(|side| **side == wanted).count();
        // As the split counts: dropped examples hold their place on a side.
        let all = manifest.sides.len();
        let (reserve, validation) = (number(Side::Reserve), number(Side::Validation));
        let before = number(Side::Test) + reserve;
        let sealed_before = manifest.independent.get(RESERVE).copied().unwrap_or_default();
        let is_enough = |new: &usize| {
            let pool = before + new;
            let is_sealed = pool >= RESERVE_FROM_PROMPTS;
            let sealed = if is_sealed { (pool / 3).saturating_sub(sealed_before) } else { 0 };
            new.saturating_sub(sealed) >= missing
        };
        let wanted = (missing..).find(is_enough).unwrap_or(missing);
        let validation_share = manifest.rules.validation_share;
        let mut cards = 2 * wanted;
        loop {
            let len = (all + cards) as f64;
            let places = if len < 100.0 { 100.0 } else { 1000.0 };
            let test_share = ((before + wanted) as f64 / len * places).ceil() / places;
            let filled = |share: f64, has: usize| ((share * len).round() as usize).saturating_sub(has);
            let (tested, watched) = (filled(test_share, before), filled(validation_share, validation));
            // As many are trained on as are tested with, and the shares leave something to train on.
            if cards >= wanted + tested + watched && test_share + validation_share < 1.0 {
                return MoreCards { cards, test_share, tested, watched };
            }
            cards += 1;
        }
    }
}

/// What to do for as many test examples as the report needs where a version has `tested`, and what then becomes of the new ones.
pub(super) fn way_to_enough(manifest: &Manifest, tested: usize) -> String {
    let way = MoreCards::of(manifest, ENOUGH - tested.min(ENOUGH));
    let watched = match way.watched {
        0 => String::new(),
        1 => ", 1 watches the training".to_owned(),
        some => format!(", {} watch the training", count(some as u64)),
    };
    format!(
        "accept {} more cards, each of another conversation or text (`affinage review`, List has a filter), and freeze \
         again ({}): {} of them then test the model{watched}",
        count(way.cards as u64),
        freeze_command(taken_undecided(manifest)).set("dataset.test-share", way.test_share),
        count(way.tested as u64),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use affinage_dataset::split::{Item, Policy, Previous, Split, split};

    use super::super::said::tests::manifest;
    use super::*;

    /// Texts of invented words that share nothing.
    fn texts(conversations: &[usize]) -> Vec<[String; 4]> {
        // Digits do not tell texts apart.
        let word = |mut number: usize| {
            let mut word = String::new();
            for _ in 0..6 {
                word.push(char::from(b'a' + (number % 26) as u8));
                number /= 26;
            }
            word
        };
        let mut made = Vec::new();
        for (conversation, cards) in conversations.iter().enumerate() {
            for card in 0..*cards {
                let first = 100 * (1000 * conversation + card);
                let words = |from: usize, number: usize| {
                    (from..from + number).map(|i| word(first + i)).collect::<Vec<_>>().join(" ")
                };
                made.push([
                    format!("id{conversation}x{card}"),
                    format!("c{conversation}"),
                    words(0, 8),
                    words(8, 20),
                ]);
            }
        }
        made
    }

    fn frozen(conversations: &[usize], policy: &Policy, previous: &Previous) -> Split {
        let texts = texts(conversations);
        let items: Vec<Item<'_>> = texts
            .iter()
            .enumerate()
            .map(|(position, [id, conversation, prompt, response])| Item {
                example_id: id,
                conversation,
                document: conversation,
                position,
                prompt,
                response,
                before: &[],
            })
            .collect();
        split(&items, policy, previous, &[]).expect("a split")
    }

    fn on(split: &Split, side: Side) -> usize {
        split.placed.iter().flatten().filter(|placed| **placed == side).count()
    }

    /// Conversations of a test side, which count once each.
    fn independent(split: &Split, conversations: &[usize], side: Side) -> usize {
        let (mut at, mut found) = (0, 0);
        for cards in conversations {
            found += usize::from(split.placed[at..at + cards].contains(&Some(side)));
            at += cards;
        }
        found
    }

    #[test]
    fn who_does_what_is_advised_has_the_test_examples_that_were_promised() {
        let begun = [
            vec![1; 3],
            vec![1; 20],
            vec![1; 126],
            vec![1; 200],
            vec![9; 40],
            [vec![250; 2], vec![40; 3]].concat(),
        ];
        let mut advised = 0;
        for (conversations, test_share, validation_share) in begun
            .iter()
            .flat_map(|begun| [(0.15, 0.1), (0.02, 0.1), (0.0, 0.0), (0.1, 0.3)].map(|(t, v)| (begun, t, v)))
        {
            let policy = Policy { validation_share, test_share, seed: 7 };
            let first = frozen(conversations, &policy, &Previous::default());
            let count = independent(&first, conversations, Side::Test);
            if count >= ENOUGH {
                continue;
            }
            advised += 1;
            let mut version = manifest([
                (TEST, on(&first, Side::Test), count),
                (RESERVE, 0, independent(&first, conversations, Side::Reserve)),
            ]);
            version.rules.validation_share = validation_share;
            version.sides = first.sides.clone();
            let way = MoreCards::of(&version, ENOUGH - tested(&version, 0));
            let more = [conversations.clone(), vec![1; way.cards]].concat();
            let policy = Policy { test_share: way.test_share, ..policy };
            let previous =
                Previous { sides: first.sides.clone(), sectioned: first.certificate.sectioned.clone() };
            let second = frozen(&more, &policy, &previous);
            let what = format!("{conversations:?} {test_share} {validation_share}: {way:?}");
            assert!(independent(&second, &more, Side::Test) >= ENOUGH, "{what}");
            let new = |side: Side| {
                second.placed[first.placed.len()..].iter().flatten().filter(|placed| **placed == side).count()
            };
            assert_eq!(new(Side::Test) + new(Side::Reserve), way.tested, "{what}");
            assert_eq!(new(Side::Validation), way.watched, "{what}");
            assert!(new(Side::Train) >= ENOUGH - count, "{what}");
            let mut version = manifest([
                (TEST, on(&second, Side::Test), independent(&second, &more, Side::Test)),
                (RESERVE, 0, 0),
            ]);
            version.sides = second.sides.clone();
            assert!(tested(&version, 0) >= ENOUGH, "the next freeze asks for nothing more: {what}");
        }
        assert!(advised >= 15, "{advised}");
    }

    #[test]
    fn what_asks_nothing_and_what_is_asked_twice_does_not_count() {
        let version = manifest([(TEST, 12, 9), (RESERVE, 0, 0)]);
        assert_eq!([0, 2, 5, 40].map(|unasked| tested(&version, unasked)), [9, 9, 7, 0]);
        let older = super::super::said::tests::manifest([(TEST, 12, 9), (RESERVE, 0, 0)]);
        let older = Manifest { independent: BTreeMap::new(), ..older };
        assert_eq!(tested(&older, 2), 10, "an older version did not count them");
    }

    #[test]
    fn the_desk_names_what_a_share_gives() {
        assert_eq!([0.1, 0.2, 0.0].map(examples_for_report), [Some(300), Some(150), None]);
        let policy = Policy { validation_share: 0.1, test_share: 0.15, seed: 7 };
        let enough = examples_for_report(policy.test_share).expect("a number");
        assert_eq!(on(&frozen(&vec![1; enough], &policy, &Previous::default()), Side::Test), ENOUGH);
    }
}
