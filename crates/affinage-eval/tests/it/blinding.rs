//! Blinding: balanced, invertible, and without a trace of who wrote what.

use std::collections::BTreeMap;

use affinage_eval::comparison::{LABELS, Presentations, label_pairs, pairs, presentations_for_judge};
use affinage_eval::judgment::{Outcome, Preference};

use crate::world::World;

#[test]
fn every_pair_is_judged_in_both_orders_with_labels_balanced_over_positions() {
    let world = World::new(40, &[10, 20]);
    let pairs = pairs(&world.plan, &world.prompts, &world.completions);
    let presentations = presentations_for_judge(&pairs, "judge", 1, &label_pairs(|_| 1), Presentations::Two);
    assert_eq!(presentations.len(), 2 * 80);
    let mut positions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut cell_counts: BTreeMap<(bool, bool), usize> = BTreeMap::new();
    for (comparison, key) in &presentations {
        positions.entry(&comparison.pair_id).or_default().push(&key.first_arm);
        let base_first = key.first_arm == "base";
        let base_has_x = comparison.first_position_has_label_x() == base_first;
        *cell_counts.entry((base_first, base_has_x)).or_default() += 1;
    }
    assert!(positions.values().all(|firsts| firsts.len() == 2 && firsts[0] != firsts[1]));
    for (presentation, count) in cell_counts {
        assert!((36..=44).contains(&count), "{presentation:?}: {count} of 160, expected about 40");
    }
}

#[test]
fn comparisons_name_no_arm_and_judges_have_their_own_draws() {
    let world = World::new(20, &[10]);
    let pairs = pairs(&world.plan, &world.prompts, &world.completions);
    let one = presentations_for_judge(&pairs, "one", 1, &label_pairs(|_| 1), Presentations::Two);
    let other = presentations_for_judge(&pairs, "other", 1, &label_pairs(|_| 1), Presentations::Two);
    assert_eq!(
        one,
        presentations_for_judge(&pairs, "one", 1, &label_pairs(|_| 1), Presentations::Two),
        "the same draw again"
    );
    assert_ne!(one, other);
    for (comparison, _) in &one {
        let json = serde_json::to_string(comparison).expect("serialises");
        assert!(!json.contains("base") && !json.contains("step-"), "{json}");
        assert!(LABELS.contains(&comparison.first.label.as_str()));
    }
}

#[test]
fn unblinding_follows_the_key_and_gives_nobody_a_missing_vote() {
    let world = World::new(4, &[10]);
    let pairs = pairs(&world.plan, &world.prompts, &world.completions);
    for (_, key) in presentations_for_judge(&pairs, "judge", 1, &label_pairs(|_| 1), Presentations::Two) {
        assert_eq!(Outcome::First.unblind(&key), Some(Preference::For(key.first_arm.clone())));
        assert_eq!(Outcome::Second.unblind(&key), Some(Preference::For(key.second_arm.clone())));
        assert_eq!(Outcome::Tie.unblind(&key), Some(Preference::Tie));
        let reason = affinage_eval::judgment::MissingReason::Unparsed;
        assert_eq!(Outcome::Missing { reason }.unblind(&key), None);
    }
}

#[test]
fn labels_of_unequal_length_are_left_out() {
    let pairs = label_pairs(|label| if label == "M2" { 3 } else { 2 });
    assert_eq!(pairs.len(), LABELS.len() / 2 - 1);
    assert!(pairs.iter().all(|pair| pair.x != "M2" && pair.y != "M2"));
}

#[test]
fn outcomes_are_written_by_position() {
    let json = |outcome: Outcome| serde_json::to_string(&outcome).expect("serialises");
    let reason = affinage_eval::judgment::MissingReason::UnknownLabel;
    insta::assert_snapshot!(
        [json(Outcome::First), json(Outcome::Tie), json(Outcome::Missing { reason })].join(" "),
        @r#""first" "tie" {"missing":{"reason":"unknown-label"}}"#
    );
}
