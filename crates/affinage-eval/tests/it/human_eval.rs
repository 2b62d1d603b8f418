//! Votes of people beside the judges: the author's apart, others as a correction, drawn evenly or not.

use affinage_eval::analysis::{Analysis, CardQuestion, CheckState};
use affinage_eval::analyze::{AnalyzeError, analyze, split_pairs};
use affinage_eval::judgment::Outcome;
use affinage_eval::planted::GoldVote;
use affinage_eval::suite::Domain;

use crate::rules::{findings, judged, sentences};
use crate::world::{World, judgment};

const TUNED: &str = "step-000010";

/// Votes of a person on the first `n` prompts, one order each; `wins(i)` says whether the tuned answer is preferred.
fn vote(world: &mut World, who: &str, n: usize, wins: impl Fn(usize) -> bool) {
    let presentations: Vec<_> = world.comparisons.iter().cloned().zip(world.blind_keys.clone()).collect();
    for (i, prompt) in world.prompts.iter().take(n).enumerate() {
        let (comparison, key) = presentations
            .iter()
            .find(|(c, _)| c.prompt_id == prompt.prompt_id)
            .expect("every prompt was judged");
        let outcome = if (key.first_arm == TUNED) == wins(i) { Outcome::First } else { Outcome::Second };
        world.judgments.push(judgment(comparison, who, outcome));
    }
}

/// One figure on the card and here: whoever voted on a part of the pairs does not move it.
#[test]
fn who_voted_on_a_part_of_the_pairs_is_not_in_the_mean_of_people() {
    let mut world = judged(60, &[10], 0.8);
    vote(&mut world, "human:anna", 60, |i| i % 4 == 0);
    let alone = world.analyze();
    let figure = |said: &str| {
        said.split("By ").nth(1).and_then(|rest| rest.split("win rate").nth(1)).map(str::to_owned)
    };
    let before = figure(&sentences(&alone, "people")).expect("a figure");
    vote(&mut world, "human:friend", 5, |_| true);
    let both = sentences(&world.analyze(), "people");
    assert_eq!(figure(&both).expect("a figure"), before, "{both}");
}

#[test]
fn votes_of_the_author_stand_apart_and_those_of_others_correct_the_judges() {
    let mut world = judged(60, &[10], 0.8);
    let before = world.analyze().comparisons[0].overall.clone();
    vote(&mut world, "author:me", 60, |_| true);
    let analysis = world.analyze();
    assert_eq!(analysis.comparisons[0].overall, before, "the author's votes are in no mean");
    let said = sentences(&analysis, "people");
    assert!(
        said.contains("By the author the win rate is 100 %") && said.contains("reported apart"),
        "{said}"
    );
    assert!(!said.contains("corrected"), "nobody else has voted: {said}");

    let mut few = world.clone();
    vote(&mut few, "human:a", 12, |i| i % 2 == 0);
    assert!(sentences(&few.analyze(), "people").contains("12 pairs voted on"), "too few to correct");
    vote(&mut world, "human:a", 40, |i| i % 2 == 0);
    let analysis = world.analyze();
    let joined = findings(&analysis, "people").iter().find(|f| f.label == "judges corrected by people");
    let joined = joined.and_then(|f| f.estimate.as_ref()).expect("40 votes correct the judges");
    let judges = before.expect("judged").estimate.value;
    assert!(joined.value < judges - 0.1, "people say 50 %, judges {judges}: {}", joined.value);
}

#[test]
fn votes_are_counted_once_and_ties_of_equal_texts_are_named() {
    let mut world = World::new(40, &[10]);
    let who = |arm: &str, i: usize| if i >= 36 { "both".to_owned() } else { arm.to_owned() };
    world.answer(|arm, i| format!("Answer of {} to {i}.", who(arm, i)));
    world.judge_by_arm("judge", |_| Some("base"));
    let presentations = world.clone();
    world.judgments.clear();
    let mut part = world.clone();
    let vote_on = |world: &mut World, n: usize| {
        let judged = World { comparisons: presentations.comparisons.clone(), ..world.clone() };
        *world = judged;
        vote(world, "human:a", n, |i| i % 3 != 0);
    };
    vote_on(&mut world, 36);
    let analysis = world.analyze();
    let result = &analysis.comparisons[0];
    let overall = result.overall.as_ref().expect("one voter is the panel");
    assert_eq!((overall.wins, overall.ties, overall.losses, overall.identical), (24, 4, 12, 4));
    assert!((overall.estimate.value - 26.0 / 40.0).abs() < 1e-12, "not 24 of 36: {}", overall.estimate.value);
    let own = result.by_judge.iter().find(|own| own.judge_id == "human:a").expect("voted");
    assert_eq!(own.win_rate.as_ref().map(|rate| &rate.estimate), Some(&overall.estimate));
    let words = "24 won, 4 tied, 12 lost; 4 ties because both gave the same text";
    assert!(sentences(&analysis, "people").contains(&format!("of 40 prompts ({words})")), "{analysis:#?}");
    assert!(overall.sentence.contains(words), "{}", overall.sentence);
    let card = serde_json::to_string(&analysis.card).expect("JSON");
    assert!(card.contains("win rate 65 % (likely between ") && card.contains(words), "{card}");
    assert!(!serde_json::to_string(&analysis).expect("JSON").contains("67 %"), "no share without ties");
    // Of a part of the pairs, the equal texts of all prompts are no vote.
    vote_on(&mut part, 9);
    let analysis = part.analyze();
    let own = analysis.comparisons[0].by_judge.iter().find(|own| own.judge_id == "human:a").expect("voted");
    let rate = own.win_rate.as_ref().expect("nine votes");
    assert_eq!((rate.estimate.n, rate.wins, rate.ties, rate.losses), (9, 6, 0, 3));
    let why = analysis.comparisons[0].no_rate.as_deref().expect("too few votes");
    assert!(why.contains("9 of 36 pairs (6 won, 0 tied, 3 lost)"), "{why}");
}

#[test]
fn judges_conflict_on_a_pair_by_one_rule_for_the_ballot_and_for_the_findings() {
    let mut world = World::new(40, &[10]);
    let for_arm = |key: &affinage_eval::comparison::BlindKey, arm: &str| {
        if key.first_arm == arm { Outcome::First } else { Outcome::Second }
    };
    // On the first prompt one judge prefers the tuned answer where it stands first, and else says tie: no steady vote.
    world.judge("one", |_, key, i| match (i, key.first_arm == TUNED) {
        (0, false) => Outcome::Tie,
        _ => for_arm(key, TUNED),
    });
    world.judge("two", |_, key, i| for_arm(key, if i < 2 { "base" } else { TUNED }));
    let split = split_pairs(&world.inputs()).expect("the rows agree");
    let pair = |i: usize| {
        let of_prompt = world.comparisons.iter().find(|c| c.prompt_id == world.prompts[i].prompt_id);
        of_prompt.expect("judged").pair_id.clone()
    };
    assert_eq!(split.into_iter().collect::<Vec<_>>(), [pair(1)]);
    let said = sentences(&world.analyze(), "disagreement");
    assert!(said.contains("On 1 of 40 shared pairs two judges name different winners"), "{said}");
    assert!(said.contains("On 1 others some verdict changed"), "{said}");
}

/// Of the card, what the author's votes say about the voice.
fn on_the_card(world: &World) -> String {
    let analysis = world.analyze();
    analysis.card.row(CardQuestion::Voice).expect("it is asked").votes.join("\n")
}

#[test]
fn the_authors_own_votes_stand_beside_the_measured_voice() {
    // The first 30 of 60 prompts are in-domain.
    let mut world = judged(60, &[10], 0.8);
    let nobody = world.analyze();
    assert_eq!(on_the_card(&world), "", "nobody has voted");
    let judged = world.judgments.len();
    vote(&mut world, "author:me", 6, |_| true);
    assert_eq!(
        on_the_card(&world),
        "The author chose the tuned answer as more like their own voice on 6 of 6 prompts (tied on 0, not chosen on 0): votes \
         on 24 more prompts are needed for a figure, `affinage vote --eval test --as me`. All of these prompts are from the author's texts."
    );
    world.judgments.truncate(judged);
    vote(&mut world, "author:me", 20, |i| i < 14);
    // Below 30 prompts the card has counts and no percentage.
    assert_eq!(
        on_the_card(&world),
        "The author chose the tuned answer as more like their own voice on 14 of 20 prompts (tied on 0, not chosen on 6): votes \
         on 10 more prompts are needed for a figure, `affinage vote --eval test --as me`. All of these prompts are from the \
         author's texts."
    );
    let said = sentences(&world.analyze(), "people");
    assert!(said.contains("By the author: 14 won, 0 tied, 6 lost of 20 prompts."), "{said}");
    let voice = |analysis: &Analysis| analysis.card.row(CardQuestion::Voice).map(|row| row.word);
    assert_eq!(voice(&world.analyze()), voice(&nobody), "votes decide no word");
    // A tie counts half; of both kinds of prompts there is one figure, from 30 prompts together on.
    world.judgments.truncate(judged);
    vote(&mut world, "author:me", 36, |i| i < 15 || i % 2 == 0);
    world.judgments[judged].outcome = Outcome::Tie;
    let said = on_the_card(&world);
    assert!(
        said.contains(" on 24 of 36 prompts (tied on 1, not chosen on 11): 68 % (likely between ")
            && said.ends_with(
                " Of these prompts 30 are from the author's texts (chosen on 21, tied on 1, not chosen on 8), the other 6 \
                 are on other subjects."
            ),
        "{said}"
    );
    // The same figure stands wherever these votes do.
    let analysis = world.analyze();
    let own = analysis.comparisons[0].by_judge.iter().find(|own| own.judge_id == "author:me").expect("voted");
    let estimate = &own.win_rate.as_ref().expect("36 votes").estimate;
    assert_eq!((estimate.n, (100.0 * estimate.value).round()), (36, 68.0));
    assert!(sentences(&analysis, "people").contains("By the author the win rate is 68 % ["), "{analysis:#?}");
    // Of whoever did not read there is no figure.
    planted(&mut world, "author:me", 0, 3);
    let said = on_the_card(&world);
    assert!(
        said.starts_with("The author voted on 36 prompts") && said.contains("missed the planted pairs"),
        "{said}"
    );
    assert!(!said.contains('%'), "{said}");
}

#[test]
fn the_card_says_where_most_prompts_are_not_from_the_authors_texts() {
    // The first 4 of 40 prompts are in-domain.
    let mut world = judged(40, &[10], 0.8);
    for prompt in &mut world.prompts[4..] {
        prompt.domain = Domain::Out;
    }
    vote(&mut world, "author:me", 40, |i| i >= 4);
    let said = on_the_card(&world);
    assert!(
        said.ends_with(
            " Of these prompts 4 are from the author's texts (chosen on 0, tied on 0, not chosen on 4), the other 36 are \
             on other subjects, so these votes say little about the voice."
        ),
        "{said}"
    );
    for prompt in &mut world.prompts {
        prompt.domain = Domain::Out;
    }
    let said = on_the_card(&world);
    assert!(
        said.ends_with(
            "None of these prompts is from the author's texts, so these votes say little about the voice."
        ),
        "{said}"
    );
}

#[test]
fn few_pairs_and_other_authors_are_named() {
    let mut world = judged(40, &[10], 0.8);
    vote(&mut world, "author:anna", 40, |i| i != 0);
    let said = on_the_card(&world);
    let begin = "The author anna chose the tuned answer as more like their own voice on 39 of 40 prompts (tied on 0, not chosen \
                 on 1): 98 % (likely between ";
    assert!(said.starts_with(begin), "{said}");
    let mut world = judged(12, &[10], 0.8);
    vote(&mut world, "author:anna", 12, |i| i != 0);
    let said = on_the_card(&world);
    assert!(
        said.contains(
            " on 11 of 12 prompts (tied on 0, not chosen on 1): a figure needs votes on 30 prompts, and this \
                       evaluation has fewer."
        ),
        "{said}"
    );
    assert!(!said.contains('%'), "{said}");
}

#[test]
fn votes_without_reading_are_told_where_they_count() {
    for who in ["human:anna", "author:me"] {
        let mut world = judged(40, &[10], 0.8);
        world.judgments.clear();
        vote(&mut world, who, 40, |i| i % 4 != 0);
        world.judgments.iter_mut().for_each(|vote| vote.ms_to_vote = Some(2_500));
        let told = |world: &World| {
            let analysis = world.analyze();
            let is_told = |lines: &[String]| {
                lines.iter().any(|line| line.contains("less than 1.0 seconds for half of the votes"))
            };
            (is_told(&analysis.card.watch_out), is_told(&analysis.headline.limits))
        };
        assert_eq!(told(&world), (false, false), "{who}");
        world.judgments.iter_mut().for_each(|vote| vote.ms_to_vote = Some(950));
        assert_eq!(told(&world), (true, true), "{who}");
        // Votes that are left out need no other reason.
        planted(&mut world, who, 0, 3);
        assert_eq!(told(&world), (false, false), "{who}");
    }
}

#[test]
fn where_only_people_voted_no_check_speaks_of_judges() {
    let mut world = judged(40, &[10], 0.8);
    world.judgments.clear();
    vote(&mut world, "human:anna", 40, |i| i % 4 != 0);
    let checks = world.analyze().checks;
    let found = |code: &str| checks.iter().find(|check| check.code == code).expect("a check");
    for code in ["A008", "A011", "A016"] {
        let check = found(code);
        assert_eq!(
            (check.state, check.sentence.as_str()),
            (CheckState::NotApplicable, "No judge was asked."),
            "{code}"
        );
    }
    assert!(found("A009").sentence.ends_with("1 voter is in the mean."), "{}", found("A009").sentence);
    let labels = &found("A003").sentence;
    assert!(!labels.contains("of 1 judge"), "{labels}");
}

#[test]
fn after_votes_of_the_author_alone_somebody_else_is_asked() {
    let mut world = judged(40, &[10], 0.8);
    world.judgments.clear();
    vote(&mut world, "author:me", 40, |_| true);
    let asks =
        |world: &World, words: &str| world.analyze().next_steps.iter().any(|step| step.contains(words));
    assert!(
        asks(&world, "Let somebody else vote, `affinage vote --eval test --as NAME`"),
        "{:?}",
        world.analyze().next_steps
    );
    vote(&mut world, "human:a", 40, |_| true);
    assert!(!asks(&world, "Let somebody else vote"), "{:?}", world.analyze().next_steps);
    assert!(asks(&world, "The votes of one person count"), "{:?}", world.analyze().next_steps);
}

#[test]
fn votes_that_do_not_count_leave_a_next_step() {
    let mut world = judged(40, &[10], 0.8);
    world.judgments.clear();
    vote(&mut world, "human:mira", 12, |_| true);
    let steps = world.analyze().next_steps.join("\n");
    assert!(steps.contains("Give the missing votes: `affinage vote --eval test --as mira`"), "{steps}");
    assert!(steps.contains("A win rate needs votes on 36 of the 40 pairs, 24 are missing."), "{steps}");
    // Whoever did not see the damage is not asked for more.
    planted(&mut world, "human:mira", 0, 3);
    let steps = world.analyze().next_steps.join("\n");
    assert!(!steps.contains("Give the missing votes"), "{steps}");
    assert!(steps.contains("The votes of mira do not count") && steps.contains("in 0 of 3"), "{steps}");
    assert!(
        steps.contains("Let somebody vote who reads both answers, `affinage vote --eval test --as NAME`"),
        "{steps}"
    );
}

#[test]
fn pairs_that_people_were_given_more_often_count_less_in_turn() {
    let mut world = judged(80, &[10], 1.0);
    // On the first 20 of 80 pairs the person contradicts the judge; all of these were drawn, and a quarter of the rest.
    let judged = world.judgments.len();
    vote(&mut world, "human:a", 35, |i| i >= 20);
    for (i, vote) in world.judgments[judged..].iter_mut().enumerate() {
        vote.draw_probability = Some(if i < 20 { 1.0 } else { 0.25 });
    }
    let agreement = world.analyze().agreement;
    let pair = agreement.by_pair.iter().find(|pair| pair.one == "human:a").expect("both voted");
    assert!((pair.raw.value - 60.0 / 80.0).abs() < 1e-12, "15 of 35 were alike: {}", pair.raw.value);
    assert_eq!(pair.raw.n, 35);
    assert!(pair.raw.method.contains("weighted by the chance"), "{}", pair.raw.method);
    assert!(agreement.alpha.is_none(), "one judge is no panel, and the person saw divided pairs more often");
    // Drawn with one chance, they count as they come.
    world.judgments[judged..].iter_mut().for_each(|vote| vote.draw_probability = Some(0.5));
    let agreement = world.analyze().agreement;
    let pair = agreement.by_pair.iter().find(|pair| pair.one == "human:a").expect("both voted");
    assert!((pair.raw.value - 15.0 / 35.0).abs() < 1e-12 && agreement.alpha.is_some());
}

/// 200 prompts. On the first hundred both judges and people prefer the tuned answer; on the others the judges split and
/// people prefer the base: over all, people say one half. People see a fifth of the first and three fifths of the others.
fn drawn_where_judges_split() -> World {
    let mut world = World::new(200, &[10]);
    world.judge_by_arm("north", |_| Some(TUNED));
    world.judge_by_arm("south", |i| Some(if i < 100 { TUNED } else { "base" }));
    let is_drawn = |i: usize| if i < 100 { i.is_multiple_of(5) } else { i % 5 < 3 };
    let before = world.judgments.len();
    vote(&mut world, "human:a", 200, |i| i < 100);
    let mut number = 0;
    world.judgments = std::mem::take(&mut world.judgments)
        .into_iter()
        .enumerate()
        .filter_map(|(at, mut judgment)| {
            if at >= before {
                let i = number;
                number += 1;
                judgment.draw_probability = Some(if i < 100 { 0.2 } else { 0.6 });
                return is_drawn(i).then_some(judgment);
            }
            Some(judgment)
        })
        .collect();
    world
}

#[test]
fn votes_drawn_where_judges_split_are_weighed_back() {
    let corrected = |world: &World| {
        let analysis = world.analyze();
        let finding = findings(&analysis, "people").iter().find(|f| f.label == "judges corrected by people");
        finding.and_then(|f| f.estimate.clone()).expect("80 votes correct the judges")
    };
    let mut world = drawn_where_judges_split();
    let weighed = corrected(&world);
    let interval = weighed.interval.expect("with an interval");
    assert!((weighed.value - 0.5).abs() < 0.05, "{}", weighed.value);
    assert!(interval.low < 0.5 && interval.high > 0.5, "{interval:?}");
    let said = sentences(&world.analyze(), "people");
    assert!(said.contains("the weights take that back") && said.contains("not drawn evenly"), "{said}");

    // The author is given other pairs with other chances, which say nothing about those of other people.
    let others = world.judgments.len();
    vote(&mut world, "author:me", 200, |_| true);
    world.judgments[others..].iter_mut().for_each(|vote| vote.draw_probability = Some(1.0));
    assert_eq!(corrected(&world), weighed);
    world.judgments.truncate(others);

    for judgment in &mut world.judgments {
        judgment.draw_probability = None;
    }
    let unweighed = corrected(&world);
    assert!(
        unweighed.value < 0.45,
        "taken as an even draw the split pairs count too much: {}",
        unweighed.value
    );
}

#[test]
fn a_probability_that_is_none_stops_the_analysis() {
    for wrong in [0.0, -0.5, 1.5, f64::NAN] {
        let mut world = drawn_where_judges_split();
        let last = world.judgments.last_mut().expect("votes");
        last.draw_probability = Some(wrong);
        let error = analyze(&world.inputs()).expect_err("no probability");
        assert!(matches!(error, AnalyzeError::BadProbability { .. }), "{wrong}: {error}");
        assert!(error.to_string().contains("above 0 and at most 1"), "{error}");
    }
}

/// Planted pairs of a voter, of which `found` were seen through.
fn planted(world: &mut World, who: &str, found: usize, shown: usize) {
    world.planted.extend((0..shown).map(|i| GoldVote {
        v: affinage_eval::ROW_VERSION,
        item_id: format!("vot-{who}-{i}"),
        judge_id: who.to_owned(),
        damage: "repeated".to_owned(),
        outcome: Outcome::First,
        is_right: Some(i < found),
        ms_to_vote: 1200,
        finished_at: "2026-11-30T08:00:00Z".to_owned(),
    }));
}

#[test]
fn an_analysis_knows_the_votes_on_planted_pairs_that_it_was_made_from() {
    let mut world = judged(40, &[10], 0.8);
    planted(&mut world, "human:ben", 2, 2);
    let hash = |world: &World| world.analyze().rows_sha256;
    let before = hash(&world);
    world.planted[1].is_right = Some(false);
    assert_ne!(hash(&world), before, "another vote");
    world.planted[1].is_right = Some(true);
    world.planted.reverse();
    assert_eq!(hash(&world), before, "in another order");
}

#[test]
fn a_voter_who_missed_the_planted_pairs_is_named_and_carries_nothing() {
    let mut world = judged(60, &[10], 0.8);
    let before = world.analyze();
    vote(&mut world, "human:ben", 60, |_| false);
    let with_ben = world.analyze();
    assert_ne!(
        with_ben.comparisons[0].overall, before.comparisons[0].overall,
        "he counts while nothing is known"
    );
    planted(&mut world, "human:ben", 0, 2);
    let analysis = world.analyze();
    assert_eq!(analysis.comparisons[0].overall, before.comparisons[0].overall, "left out of the mean");
    let ben = analysis.judges.iter().find(|judge| judge.judge_id == "human:ben").expect("he voted");
    let sentence = &ben.planted.as_ref().expect("two planted pairs").sentence;
    assert!(!ben.in_panel && sentence.contains("0 of 2 planted pairs"), "{sentence}");
    let limits = analysis.headline.limits.join("\n");
    assert!(
        limits.contains(&format!("{sentence} These votes are shown and left out of the mean.")),
        "{limits}"
    );
    assert!(
        limits.contains("Not independent"),
        "a voter who does not read makes nothing independent: {limits}"
    );
    let check = analysis.checks.iter().find(|check| check.code == "A016").expect("a check");
    assert!(check.sentence.contains("Missed the planted pairs and left out of the mean: `human:ben`."));
    let with_all = analysis.headline.with_failed_judges.as_deref().expect("as it would read with him");
    assert_eq!(with_all, with_ben.headline.sentence);
    let said = sentences(&analysis, "people");
    assert!(said.contains(sentence) && !said.contains("By ben the"), "{said}");

    // One who read is taken as before, and few planted pairs are called few.
    planted(&mut world, "human:cleo", 2, 2);
    vote(&mut world, "human:cleo", 60, |_| true);
    let analysis = world.analyze();
    let limits = analysis.headline.limits.join("\n");
    assert!(limits.contains("Cleo found the undamaged text in 2 of 2 planted pairs."), "{limits}");
    assert!(sentences(&analysis, "people").contains("By cleo the win rate is 100 %"));
    assert!(!limits.contains("Not independent"), "{limits}");
}
