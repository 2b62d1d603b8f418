//! Properties of the analysis that catch whole classes of bugs.

use affinage_eval::analysis::{CheckState, Composite, VerdictWord, WinRate};
use affinage_eval::analyze::{AnalyzeError, analyze};
use affinage_eval::judgment::{MissingReason, Outcome};
use affinage_eval::likelihood::{LikelihoodControl, LikelihoodRow, ScoredReference};
use affinage_eval::plan::{PlanError, Scope};
use affinage_eval::rng::Rng;
use affinage_eval::suite::{Check, Domain};
use proptest::prelude::*;

use crate::world::{World, relabelled, swapped};

const TUNED: &str = "step-000010";

fn overall(world: &World) -> WinRate {
    world.analyze().comparisons[0].overall.clone().expect("the pairs were judged")
}

/// A world whose one judge says what a seed draws, missing included.
fn random_world(n: usize, seed: u64) -> World {
    let mut world = World::new(n, &[10]);
    let mut rng = Rng::new(seed);
    world.judge("judge", |_, _, _| match rng.below(20) {
        0..=8 => Outcome::First,
        9..=15 => Outcome::Second,
        16..=18 => Outcome::Tie,
        _ => Outcome::Missing { reason: MissingReason::Unparsed },
    });
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn exchanging_the_arms_turns_w_into_one_minus_w(seed in 0u64..1000, n in 4usize..40) {
        let world = random_world(n, seed);
        let mut exchanged = world.clone();
        for planned in exchanged.plan.comparisons.iter_mut().chain([&mut exchanged.plan.headline]) {
            std::mem::swap(&mut planned.arm, &mut planned.against);
        }
        let (one, other) = (world.analyze(), exchanged.analyze());
        prop_assert_eq!(one.comparisons[0].p, other.comparisons[0].p);
        match (&one.comparisons[0].overall, &other.comparisons[0].overall) {
            (Some(one), Some(other)) => {
                prop_assert!((one.estimate.value - (1.0 - other.estimate.value)).abs() < 1e-12);
                prop_assert_eq!((one.wins, one.losses, one.ties), (other.losses, other.wins, other.ties));
                let (a, b) = (one.estimate.interval.expect("two clusters"), other.estimate.interval.expect("same"));
                prop_assert!((a.low - (1.0 - b.high)).abs() < 1e-12);
            }
            (one, other) => prop_assert_eq!(one.is_some(), other.is_some()),
        }
    }

    #[test]
    fn exchanging_positions_or_labels_with_their_metadata_changes_no_result(seed in 0u64..1000) {
        let world = random_world(24, seed);
        let mut permuted = world.clone();
        let mut rng = Rng::new(seed);
        for i in 0..permuted.comparisons.len() {
            if rng.below(2) == 0 {
                let (comparison, key) = swapped(&permuted.comparisons[i], &permuted.blind_keys[i]);
                permuted.comparisons[i] = comparison;
                permuted.blind_keys[i] = key;
                permuted.judgments[i].outcome = match permuted.judgments[i].outcome {
                    Outcome::First => Outcome::Second,
                    Outcome::Second => Outcome::First,
                    other => other,
                };
            }
        }
        // A pair must keep one presentation per position; where the exchange broke that, both worlds count it as missing.
        let both_positions = |world: &World, i: usize| {
            let pair = &world.comparisons[i].pair_id;
            let firsts = world.blind_keys.iter().zip(&world.comparisons)
                .filter(|(key, comparison)| comparison.pair_id == *pair && key.first_arm == TUNED);
            firsts.count() == 1
        };
        let kept: Vec<usize> = (0..world.comparisons.len()).filter(|&i| both_positions(&permuted, i)).collect();
        let keep = |world: &World| {
            let mut kept_world = world.clone();
            kept_world.comparisons = kept.iter().map(|&i| world.comparisons[i].clone()).collect();
            kept_world.blind_keys = kept.iter().map(|&i| world.blind_keys[i].clone()).collect();
            kept_world.judgments = kept.iter().map(|&i| world.judgments[i].clone()).collect();
            let ids: Vec<String> = kept_world.comparisons.iter().map(|c| c.prompt_id.clone()).collect();
            kept_world.prompts.retain(|p| ids.contains(&p.prompt_id));
            kept_world.completions.retain(|c| ids.contains(&c.prompt_id));
            kept_world
        };
        prop_assert_eq!(keep(&world).analyze().comparisons, keep(&permuted).analyze().comparisons);

        let mut labels = world.clone();
        labels.comparisons = world.comparisons.iter().map(relabelled).collect();
        prop_assert_eq!(world.analyze().comparisons, labels.analyze().comparisons);
    }

    #[test]
    fn the_order_of_rows_changes_nothing(seed in 0u64..1000) {
        let world = random_world(20, seed);
        let mut shuffled = world.clone();
        let mut rng = Rng::new(seed);
        rng.shuffle(&mut shuffled.judgments);
        rng.shuffle(&mut shuffled.comparisons);
        rng.shuffle(&mut shuffled.blind_keys);
        rng.shuffle(&mut shuffled.completions);
        rng.shuffle(&mut shuffled.prompts);
        shuffled.judgments.extend(world.judgments.clone());
        prop_assert_eq!(world.analyze(), shuffled.analyze(), "rows that stand twice count once");
    }
}

#[test]
fn all_ties_are_one_half_with_an_interval_around_it() {
    let mut world = World::new(40, &[10]);
    world.judge_by_arm("judge", |_| None);
    let rate = overall(&world);
    assert_eq!((rate.estimate.value, rate.ties, rate.wins), (0.5, 40, 0));
    let interval = rate.estimate.interval.expect("40 clusters");
    assert!(interval.low < 0.4 && interval.high > 0.6, "40 ties do not prove equality: {interval:?}");
    assert_eq!(rate.word, VerdictWord::NotShown);
}

#[test]
fn a_judge_equal_to_another_changes_no_headline() {
    let mut one = World::new(40, &[10]);
    let winner = |i: usize| if i.is_multiple_of(4) { Some("base") } else { Some(TUNED) };
    one.judge_by_arm("one", winner);
    let mut two = one.clone();
    two.judge_by_arm("two", winner);
    assert_eq!(overall(&one).estimate, overall(&two).estimate);
    let agreement = two.analyze().agreement;
    assert_eq!(agreement.alpha.expect("two judges").value, 1.0);
}

#[test]
fn a_clear_winner_is_better_and_a_position_judge_shows_nothing() {
    let mut world = World::new(60, &[10]);
    world.judge_by_arm("fair", |i| if i % 5 == 0 { Some("base") } else { Some(TUNED) });
    let analysis = world.analyze();
    assert_eq!(analysis.claims[0].word, VerdictWord::Better, "{}", analysis.claims[0].sentence);
    assert_eq!(analysis.headline.composite, Composite::BroadlyBetter);
    insta::assert_snapshot!(analysis.claims[0].sentence, @"`step-000010` against `base`: win rate 80 % [70, 90] of 60 prompts (48 won, 0 tied, 12 lost), p < .001: better.");

    let mut world = World::new(60, &[10]);
    world.judge("seat", |_, _, _| Outcome::First);
    let analysis = world.analyze();
    let judge = &analysis.judges[0];
    assert_eq!(overall(&world).estimate.value, 0.5);
    assert_eq!(judge.slot_effect.as_ref().expect("60 pairs").value, 0.5);
    assert_eq!(
        judge.label_effect.as_ref().expect("120 calls").value,
        0.0,
        "labels are balanced over positions"
    );
    assert_eq!(judge.better_than_coin, Some(false));
    insta::assert_snapshot!(judge.consistency_sentence, @"`seat` changed its winner with the order in 60 of 60 pairs (100 % [94, 100]): it follows the position, not the answer, and is no better than a coin.");
    let states: Vec<(&str, CheckState)> =
        analysis.checks.iter().map(|check| (check.code.as_str(), check.state)).collect();
    assert!(states.contains(&("A002", CheckState::Issue)) && states.contains(&("A008", CheckState::Issue)));
    assert!(states.contains(&("A003", CheckState::Passed)), "{states:?}");
}

#[test]
fn a_label_judge_has_a_label_effect_and_no_position_effect() {
    let mut world = World::new(60, &[10]);
    world.judge("label", |comparison, _, _| {
        if comparison.first_position_has_label_x() { Outcome::First } else { Outcome::Second }
    });
    let judge = world.analyze().judges.remove(0);
    assert_eq!(judge.label_effect.expect("120 calls").value, 0.5);
    assert_eq!(judge.slot_effect.expect("60 pairs").value, 0.0);
    assert_eq!(overall(&world).estimate.value, 0.5);
}

#[test]
fn few_prompts_give_no_comparative_word() {
    let mut world = World::new(29, &[10]);
    world.judge_by_arm("judge", |_| Some(TUNED));
    let claim = world.analyze().claims.remove(0);
    assert_eq!(claim.word, VerdictWord::NotShown, "29 wins of 29");
    insta::assert_snapshot!(claim.sentence, @"`step-000010` against `base`: win rate 100 % [88, 100] of 29 prompts (29 won, 0 tied, 0 lost), p < .001: not shown (fewer than 30 prompts, the least for any word); to show a win rate of 100 %, the one found here, takes about 30 prompts.");

    let mut world = World::new(60, &[10]);
    for (i, prompt) in world.prompts.iter_mut().enumerate() {
        prompt.cluster_id = format!("dialogue-{}", i / 6);
    }
    world.judge_by_arm("judge", |i| if i / 6 == 0 { Some("base") } else { Some(TUNED) });
    let claim = world.analyze().claims.remove(0);
    assert_eq!(claim.word, VerdictWord::NotShown, "60 prompts in 10 clusters: {}", claim.sentence);
}

#[test]
fn missing_votes_are_counted_bounded_and_leave_the_panel() {
    let mut world = World::new(40, &[10]);
    world.judge("judge", |_, key, i| match i {
        0..10 => Outcome::Missing { reason: MissingReason::Refusal },
        _ if key.first_arm == TUNED => Outcome::First,
        _ => Outcome::Second,
    });
    let analysis = world.analyze();
    let missing = &analysis.comparisons[0].missing;
    assert_eq!((missing.planned, missing.valid, missing.missing), (40, 30, 10));
    assert_eq!(missing.by_reason[&MissingReason::Refusal], 20);
    let bounds = missing.bounds.expect("40 planned");
    assert_eq!((bounds.low, bounds.high), (0.75, 1.0));
    assert_eq!(analysis.comparisons[0].overall, None, "valid on 75 % of prompts: not in the mean");
    assert!(!analysis.judges[0].in_panel);
    let apart = analysis.comparisons[0].by_judge[0].win_rate.clone().expect("shown apart");
    assert_eq!(apart.estimate.n, 30);

    // One of two positions missing is missing, too.
    let mut world = World::new(40, &[10]);
    world.judge("judge", |_, key, i| match i {
        0..2 if key.first_arm == TUNED => Outcome::Missing { reason: MissingReason::Truncated },
        _ => Outcome::First,
    });
    assert_eq!(overall(&world).estimate.n, 38);
}

#[test]
fn identical_answers_tie_without_a_judge() {
    let mut world = World::new(40, &[10]);
    world.answer(|arm, i| if i < 10 { format!("Same  text {i}") } else { format!("{arm} {i}") });
    world.judge_by_arm("judge", |_| Some(TUNED));
    assert_eq!(world.judgments.len(), 60, "two presentations for each of the 30 pairs that differ");
    let rate = overall(&world);
    assert_eq!((rate.wins, rate.ties, rate.identical), (30, 10, 10));
    assert_eq!(rate.estimate.value, 35.0 / 40.0);
}

#[test]
fn holm_raises_the_bar_with_the_number_of_planned_comparisons() {
    let weak = |i: usize| if i % 40 < 14 { Some("base") } else { Some("tuned") };
    let judge = |world: &mut World| {
        world.judge("judge", |_, key, i| match (weak(i), key.first_arm == "base") {
            (Some("base"), true) | (Some("tuned"), false) => Outcome::First,
            _ => Outcome::Second,
        });
    };
    let mut alone = World::new(40, &[10]);
    judge(&mut alone);
    let mut many = World::new(40, &[10, 20, 30]);
    judge(&mut many);
    let (alone, many) = (alone.analyze(), many.analyze());
    assert_eq!(many.comparisons.len(), 3, "any number of arms");
    let p = alone.comparisons[0].p.expect("tested");
    assert_eq!(alone.comparisons[0].p_adjusted, Some(p));
    let adjusted = many.comparisons[0].p_adjusted.expect("tested");
    assert!((adjusted - (3.0 * many.comparisons[0].p.expect("tested")).min(1.0)).abs() < 1e-12);
    assert_eq!(many.checkpoints.points.iter().map(|p| p.step).collect::<Vec<_>>(), [10, 20, 30]);
}

#[test]
fn one_adapter_under_two_names_stops_the_analysis() {
    let mut world = World::new(4, &[10, 20]);
    let twin = world.plan.arms[1].clone();
    let (name, kind) = ("step-000020".to_owned(), twin.kind);
    world.plan.arms[2].name = name;
    if let (
        affinage_eval::plan::ArmKind::Checkpoint { adapter_sha256, .. },
        affinage_eval::plan::ArmKind::Checkpoint { adapter_sha256: target, .. },
    ) = (kind, &mut world.plan.arms[2].kind)
    {
        *target = adapter_sha256;
    }
    let error = analyze(&world.inputs()).expect_err("two names, one adapter");
    assert!(matches!(error, AnalyzeError::Plan(PlanError::SameAdapter { .. })), "{error}");

    let mut world = World::new(4, &[10]);
    world.completions.last_mut().expect("answers").adapter_sha256 = Some("another".to_owned());
    let error = analyze(&world.inputs()).expect_err("the weights changed under the name");
    assert!(matches!(error, AnalyzeError::WrongAdapter { .. }), "{error}");
}

#[test]
fn an_inverted_key_stops_the_analysis() {
    let mut world = World::new(4, &[10]);
    world.judge_by_arm("judge", |_| Some(TUNED));
    let key = &mut world.blind_keys[0];
    std::mem::swap(&mut key.first_arm, &mut key.second_arm);
    let error = analyze(&world.inputs()).expect_err("the key contradicts the completions");
    assert!(matches!(error, AnalyzeError::WrongKey { .. }), "{error}");
}

#[test]
fn in_domain_comparisons_see_only_in_domain_prompts() {
    let mut world = World::new(40, &[10]);
    world.plan.comparisons[0].scope = Scope::InDomain;
    world.plan.headline.scope = Scope::InDomain;
    world.judge_by_arm("judge", |_| Some(TUNED));
    let analysis = world.analyze();
    assert_eq!(analysis.comparisons[0].overall.as_ref().expect("judged").estimate.n, 20);
    assert_eq!(analysis.headline.out_of_domain, None);
}

#[test]
fn a_trade_is_called_a_trade() {
    let mut world = World::new(80, &[10]);
    world.judge_by_arm("judge", |i| if i < 40 { Some(TUNED) } else { Some("base") });
    let headline = world.analyze().headline;
    assert_eq!(headline.composite, Composite::TradedOff);
    let contrast = headline.contrast.expect("both domains were judged");
    assert_eq!(contrast.value, 1.0);
}

#[test]
fn checked_prompts_are_paired_and_never_judged() {
    let mut world = World::new(60, &[10]);
    for prompt in world.prompts.iter_mut().filter(|prompt| prompt.domain == Domain::Out) {
        prompt.check = Some(Check::Number);
        prompt.reference = Some("4".to_owned());
        prompt.category = "maths".to_owned();
    }
    world.answer(|arm, i| match arm {
        "base" if i % 3 != 0 => "It is 4.".to_owned(),
        "base" => "It is 5.".to_owned(),
        _ if i % 3 == 1 => "So 4".to_owned(),
        _ => "So 6".to_owned(),
    });
    world.judge_by_arm("judge", |_| Some(TUNED));
    assert_eq!(world.judgments.len(), 60, "30 in-domain pairs, two positions");
    let analysis = world.analyze();
    let all = &analysis.objective[0];
    assert_eq!((all.only_arm, all.only_base), (0, 10));
    assert_eq!(all.word, VerdictWord::Worse);
    insta::assert_snapshot!(all.sentence, @"`step-000010` gets 33 % [15, 51] of 30 checked prompts right, the base 67 % [49, 85]: -33 points, rounded [-51, -15], worse.");
}

#[test]
fn fit_is_paired_has_its_controls_and_is_never_called_better() {
    let mut world = World::new(40, &[10]);
    for (i, prompt) in world.prompts.iter().take(30).enumerate() {
        for (arm, adapter) in [("base", None), (TUNED, Some("adapter-10"))] {
            for control in
                [LikelihoodControl::Own, LikelihoodControl::OtherWriter, LikelihoodControl::Shuffled]
            {
                let gain = match control {
                    _ if arm == "base" => 0.0,
                    LikelihoodControl::Own => 5.0 + i as f64 / 10.0,
                    LikelihoodControl::OtherWriter => 0.5,
                    LikelihoodControl::Shuffled => 3.0,
                };
                let scored = ScoredReference { control, nll_sum: 30.0 - gain, tokens: 10, chars: 50 };
                world.fit.push(LikelihoodRow::new(&prompt.prompt_id, arm, adapter, scored));
            }
        }
    }
    let fit = world.analyze().fit.expect("the base was scored");
    let own = &fit.arms[0].controls[0];
    assert_eq!((own.control, own.gain.n, own.lower_on), (LikelihoodControl::Own, 30, 30));
    assert!((own.gain.value - 0.645).abs() < 1e-12);
    insta::assert_snapshot!(fit.arms[0].sentence, @"`step-000010`: 30 held-out answers of the examples are less surprising to it than to the base, by 0.65 nats per token [0.61, 0.68] (lower on 30); beside it 0.05 on answers of other writers and 0.30 on shuffled answers. This is fit, not quality.");
    assert!(!fit.arms[0].sentence.contains("better"));

    for row in &mut world.fit {
        row.nll_sum = 30.0;
    }
    let fit = world.analyze().fit.expect("the base was scored");
    assert_eq!(fit.arms[0].controls[0].gain.value, 0.0, "an arm equal to the base gains exactly nothing");
}

#[test]
fn local_probabilities_are_averaged_over_the_positions_before_the_vote() {
    let mut world = World::new(40, &[10]);
    world.judge("local", |_, _, _| Outcome::First);
    let keys = world.blind_keys.clone();
    for (judgment, key) in world.judgments.iter_mut().zip(&keys) {
        // First in both positions by label, but more clearly so when the tuned answer is there.
        judgment.p_first = Some(if key.first_arm == TUNED { 0.9 } else { 0.6 });
    }
    let rate = overall(&world);
    assert_eq!((rate.wins, rate.estimate.value), (40, 1.0), "(.9 + .4) / 2 is above the band");
    for judgment in &mut world.judgments {
        judgment.p_first = Some(0.6);
    }
    assert_eq!(overall(&world).ties, 40, "(.6 + .4) / 2 is a tie");
}

#[test]
fn without_judgments_there_is_a_report_and_it_says_so() {
    let analysis = World::new(40, &[10]).analyze();
    assert_eq!(analysis.comparisons[0].overall, None);
    assert_eq!(analysis.headline.composite, Composite::NothingShown);
    assert!(
        analysis.next_steps.iter().any(|step| step.contains("affinage judge")),
        "{:?}",
        analysis.next_steps
    );
    let json = serde_json::to_string(&analysis).expect("serialises");
    let back: affinage_eval::analysis::Analysis = serde_json::from_str(&json).expect("reads back");
    assert_eq!(back, analysis);
}
