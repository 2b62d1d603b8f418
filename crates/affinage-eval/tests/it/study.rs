//! A study whose truth is known: better in its domain, worse at coding, one judge that loves length, one inverted log.

use affinage_eval::analysis::{CardQuestion, CardWord, Composite};
use affinage_eval::judgment::{CriterionScores, Outcome, PositionScores};
use affinage_eval::rng::Rng;
use affinage_eval::suite::Domain;

use crate::world::World;

const TUNED: &str = "step-000010";

fn scores(value: f64) -> CriterionScores {
    CriterionScores {
        creativity: value,
        coherence: value,
        depth: value,
        engagement: value,
        writing_quality: value,
    }
}

/// 140 prompts, half of them in the domain, half coding; lengths of answers have nothing to do with arms, and no word
/// comes twice in an answer: with repetition tied to length nobody could tell which of the two a judge rewards.
fn study() -> World {
    let mut world = World::new(140, &[10]);
    for prompt in world.prompts.iter_mut().filter(|prompt| prompt.domain == Domain::Out) {
        prompt.category = "coding".to_owned();
    }
    let words = |arm: &str, i: usize| 5 + Rng::for_purpose(3, &["length", arm, &i.to_string()]).below(60);
    world.answer(|arm, i| (0..words(arm, i)).map(|w| format!("{arm}{w}")).collect::<Vec<_>>().join(" "));
    let steady = |i: usize| Rng::for_purpose(5, &["truth", &i.to_string()]).uniform() < 0.85;
    // Whether the tuned answer is the better one: in the domain mostly, at coding seldom.
    let truth = move |i: usize| (i < 70) == steady(i);
    let mut rng = Rng::new(9);
    let mut say = move |first_is_better: bool| match rng.uniform() < 0.92 {
        true if first_is_better => Outcome::First,
        false if !first_is_better => Outcome::First,
        _ => Outcome::Second,
    };
    world.judge("fair", |_, key, i| say((key.first_arm == TUNED) == truth(i)));
    world.judge("long", |_, key, i| say(words(&key.first_arm, i) > words(&key.second_arm, i)));
    let before = world.judgments.len();
    world.judge("inverted", |_, key, i| say((key.first_arm == TUNED) == truth(i)));
    for judgment in &mut world.judgments[before..] {
        let (first, second) = match judgment.outcome {
            Outcome::First => (8.0, 5.0),
            _ => (5.0, 8.0),
        };
        judgment.scores = Some(PositionScores { first: scores(first), second: scores(second) });
        judgment.outcome = match judgment.outcome {
            Outcome::First => Outcome::Second,
            _ => Outcome::First,
        };
    }
    world
}

#[test]
fn the_first_screen_tells_a_known_truth() {
    let analysis = study().analyze();
    let said = &analysis.headline.sentence;
    assert_eq!(analysis.headline.composite, Composite::TradedOff, "{said}");
    assert!(said.contains("is better in its domain and worse outside it"), "{said}");
    let better = analysis.card.row(CardQuestion::Better).expect("it is asked");
    assert_eq!(better.word, CardWord::Mixed, "{}", better.answer);
    let watch_out = analysis.card.watch_out.join("\n");
    assert!(watch_out.contains("Worse in coding: "), "{watch_out}");
    assert!(watch_out.contains("`inverted`") && watch_out.contains("its log is inverted"), "{watch_out}");
    let values = analysis.findings.iter().find(|group| group.id == "values").expect("a group");
    let rewards = |judge: &str| {
        values.findings.iter().any(|finding| finding.sentence.contains(&format!("`{judge}` rewards length")))
    };
    assert!(rewards("long") && !rewards("fair"), "{values:?}");
    let inverted = analysis.judges.iter().find(|judge| judge.judge_id == "inverted").expect("a judge");
    assert!(inverted.is_inverted && !inverted.in_panel);
    assert_eq!(analysis.judges.iter().filter(|judge| judge.is_inverted).count(), 1);
}

#[test]
fn a_judge_like_a_coin_gets_no_word_and_comes_first() {
    // Follows the position in two of three pairs; where it does not, it always prefers the tuned answer.
    let mut world = World::new(120, &[10]);
    world.judge("coin", |_, key, i| match i % 3 {
        0 if key.first_arm != TUNED => Outcome::Second,
        _ => Outcome::First,
    });
    let analysis = world.analyze();
    let rate = analysis.comparisons[0].overall.as_ref().expect("judged");
    assert!(rate.permutation_p.expect("tested") < 0.001 && rate.estimate.value > 0.6, "{}", rate.sentence);
    assert_eq!(rate.word, affinage_eval::analysis::VerdictWord::NotShown, "{}", rate.sentence);
    let by_judge = analysis.comparisons[0].by_judge[0].win_rate.as_ref().expect("judged");
    assert!(!by_judge.sentence.contains("better"), "{}", by_judge.sentence);
    let better = analysis.card.row(CardQuestion::Better).expect("it is asked");
    assert_eq!(better.word, CardWord::CannotTell, "{}", better.answer);
    assert!(better.evidence.contains("as often as a coin's"), "{}", better.evidence);
    assert!(analysis.card.watch_out[0].starts_with("`coin`"), "{:?}", analysis.card.watch_out);
}

#[test]
fn words_under_stopping_come_from_e_values() {
    let winner = |i: usize| if i % 40 < 12 { Some("base") } else { Some(TUNED) };
    let mut world = World::new(40, &[10]);
    world.judge_by_arm("judge", winner);
    let fixed = world.analyze().comparisons[0].clone();
    assert_eq!(fixed.overall.as_ref().map(|r| r.word.words()), Some("better"));
    world.plan.design.stops_early = true;
    let stopping = world.analyze().comparisons[0].clone();
    let e = stopping.overall.as_ref().and_then(|rate| rate.e_value).expect("decided");
    assert!(e < 20.0, "28 of 40 are E = {e}");
    assert_eq!(stopping.overall.map(|r| r.word.words()), Some("not shown"));
}

/// Answers of `perhaps I` said some times over: hedges are the first person, and length moves with both.
#[test]
fn features_that_move_together_are_named_and_none_is_credited_alone() {
    let mut world = World::new(80, &[10]);
    let times = |arm: &str, i: usize| 1 + Rng::for_purpose(3, &["times", arm, &i.to_string()]).below(9);
    world.answer(|arm, i| format!("{} {arm} {i}.", "perhaps I ".repeat(times(arm, i))));
    let mut rng = Rng::new(4);
    let mut say =
        move |first: bool| if first == (rng.uniform() < 0.8) { Outcome::First } else { Outcome::Second };
    world.judge("long", |_, key, i| say(times(&key.first_arm, i) > times(&key.second_arm, i)));
    let analysis = world.analyze();
    let values = analysis.findings.iter().find(|group| group.id == "values").expect("a profile");
    let said: Vec<&str> = values.findings.iter().map(|f| f.sentence.as_str()).collect();
    let said = said.join("\n");
    assert!(
        said.contains("first person follows from the other features, hedges most of all")
            && said.contains("left out"),
        "{said}"
    );
    assert!(
        said.contains("length and hedges move together") && said.contains("can hardly be told"),
        "{said}"
    );
    assert!(
        values.findings.iter().any(|f| f.label == "long: hedges" && f.estimate.is_some()),
        "it is fitted"
    );
    assert!(!values.findings.iter().any(|f| f.label == "long: first person"), "and not on a copy");

    let apart = study().analyze();
    let values = apart.findings.iter().find(|group| group.id == "values").expect("profiles");
    assert!(!values.findings.iter().any(|f| f.sentence.contains("be told")));
}

#[test]
fn the_example_of_the_method_is_computed_as_it_is_told() {
    let mut world = World::new(40, &[10]);
    world.prompts.iter_mut().for_each(|prompt| {
        prompt.domain = Domain::In;
        prompt.category = Domain::In.name().to_owned();
    });
    world.judge("judge", |_, key, i| match (i, key.first_arm == TUNED) {
        (28..32, _) | (..28, true) | (32.., false) => Outcome::First,
        _ => Outcome::Second,
    });
    let analysis = world.analyze();
    let rate = analysis.comparisons[0].overall.as_ref().expect("judged");
    let p = rate.permutation_p.expect("tested");
    assert!((0.0005..0.0025).contains(&p), "{p}");
    let interval = rate.estimate.interval.expect("enough prompts");
    assert_eq!([interval.low, interval.high].map(|share| (100.0 * share).round()), [62.0, 88.0]);
    let document =
        include_str!("../../../../docs/METHOD.md").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(document.contains(&analysis.headline.sentence), "{}", analysis.headline.sentence);
}
