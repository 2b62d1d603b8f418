//! The exam: simulated judges with one fault each are found out and named; one that can judge passes.

use affinage_eval::comparison::{
    BlindKey, Comparison, Presentations, label_pairs, pairs, presentations_for_judge, repeated_presentations,
};
use affinage_eval::judge::family::Relation;
use affinage_eval::judge::qualification::perturbations::{GRADES, perturbed, sentences};
use affinage_eval::judge::qualification::result::{
    Habit, QualificationResult, QualificationVerdict, results,
};
use affinage_eval::judge::qualification::sitting::Sitting;
use affinage_eval::judge::qualification::{
    ItemKind, PLANTED, Qualification, QualificationItem, REFERENCE, qualification, usable,
};
use affinage_eval::judgment::{MissingReason, Outcome, judgment_id};
use affinage_eval::rng::Rng;
use affinage_eval::suite::{Domain, Prompt};
use affinage_eval::text::squeeze;

use crate::world::{World, judgment, prompt};

fn references() -> Vec<Prompt> {
    let text = |i: usize| {
        format!(
            "Courage number {i} is no loud thing, as Ottilie said in 18{:02}. It walks through the door of the house. \
             It waits there until morning number {i} comes. Then it does one small thing that is right. \
             And nobody in Lisbon writes it down.",
            i % 90
        )
    };
    (0..24).map(|i| Prompt { reference: Some(text(i)), ..prompt(i, Domain::In) }).collect()
}

fn set() -> Qualification {
    let prompts = references();
    qualification(&usable(&prompts), "judge", 7, &label_pairs(|_| 1)).expect("24 references")
}

/// Takes the exam with a judge that is a function of what it is shown.
fn taken(mut say: impl FnMut(&Comparison, &BlindKey, &QualificationItem) -> Outcome) -> QualificationResult {
    let exam = set();
    let judgments: Vec<_> = exam
        .presentations
        .iter()
        .map(|(comparison, key)| {
            let item = exam.items.iter().find(|item| item.item_id == comparison.pair_id).expect("an item");
            judgment(comparison, "judge", say(comparison, key, item))
        })
        .collect();
    let (comparisons, keys): (Vec<_>, Vec<_>) = exam.presentations.iter().cloned().unzip();
    results(&exam.items, &comparisons, &keys, &judgments).remove(0)
}

fn reference_wins(key: &BlindKey) -> Outcome {
    if key.first_arm == REFERENCE { Outcome::First } else { Outcome::Second }
}

fn other_wins(key: &BlindKey) -> Outcome {
    if key.first_arm == REFERENCE { Outcome::Second } else { Outcome::First }
}

fn by_length(key: &BlindKey, item: &QualificationItem) -> Outcome {
    if item.other.text.len() > item.reference.text.len() { other_wins(key) } else { reference_wins(key) }
}

#[test]
fn an_exam_has_what_the_rules_ask_for_and_no_position_or_label_tells_the_winner() {
    let exam = set();
    let count = |of: &dyn Fn(&QualificationItem) -> bool| exam.items.iter().filter(|item| of(item)).count();
    assert_eq!(count(&|item| item.grade.is_some_and(|grade| grade <= 2)), PLANTED);
    assert_eq!(count(&|item| item.grade.is_some_and(|grade| grade > 2)), 20);
    for kind in [ItemKind::Identical, ItemKind::Padded, ItemKind::NullModel, ItemKind::Injected] {
        assert_eq!(count(&|item| item.kind == kind), 10, "{kind:?}");
    }
    assert_eq!(
        exam.presentations.len(),
        40 + 20 + 40 + 40,
        "calls: 40 planted, 40 pairs in both orders, 40 probes"
    );
    let gross =
        |first: bool| count(&|item| item.grade.is_some_and(|g| g <= 2) && item.reference_first == first);
    assert_eq!((gross(true), gross(false)), (20, 20));
    assert!(count(&|item| item.kind == ItemKind::WrongFact) >= 4);
    for item in exam.items.iter().filter(|item| item.grade.is_some()) {
        assert_ne!(squeeze(&item.other.text), squeeze(&item.reference.text), "{:?}", item.kind);
    }
    assert_eq!(exam, set(), "the same exam again");
    assert_eq!(
        affinage_eval::judge::qualification::qualification(
            &usable(&references()[..5]),
            "j",
            1,
            &label_pairs(|_| 1)
        ),
        None
    );
}

#[test]
fn a_judge_that_sees_all_damage_qualifies_with_its_threshold() {
    let able = taken(|_, key, item| match item.kind {
        ItemKind::Identical => Outcome::Tie,
        _ => reference_wins(key),
    });
    assert_eq!(able.verdict, QualificationVerdict::Qualified, "{}", able.sentence);
    assert_eq!((able.planted.count, able.planted.of, able.threshold), (40, 40, Some(GRADES)));
    assert!(able.accuracy_low >= 0.92 && able.habits.is_empty());

    // Blind to subtle damage, honest about it.
    let coarse = taken(|_, key, item| match (item.kind, item.grade) {
        (ItemKind::Identical, _) | (_, Some(3 | 4)) => Outcome::Tie,
        _ => reference_wins(key),
    });
    assert_eq!(
        (coarse.verdict, coarse.threshold),
        (QualificationVerdict::Qualified, Some(2)),
        "{}",
        coarse.sentence
    );
}

#[test]
fn three_misses_pass_and_four_fail() {
    let with_misses = |misses: usize| {
        let mut left = misses;
        taken(move |_, key, item| {
            let counts = (key.first_arm == REFERENCE) == item.reference_first;
            // Items in one order only, so that a miss is no flip.
            if item.grade.is_some_and(|g| g <= 2) && counts && left > 0 {
                left -= 1;
                return Outcome::Tie;
            }
            reference_wins(key)
        })
    };
    assert_eq!(with_misses(3).verdict, QualificationVerdict::Qualified, "37 of 40");
    assert_eq!(with_misses(4).verdict, QualificationVerdict::Failed, "36 of 40");
}

#[test]
fn six_flips_pass_and_seven_fail() {
    let with_flips = |flips: usize| {
        let mut left = flips;
        taken(move |_, key, item| {
            let counts = (key.first_arm == REFERENCE) == item.reference_first;
            if item.grade.is_some_and(|g| g > 2) && !counts && left > 0 {
                left -= 1;
                return other_wins(key);
            }
            reference_wins(key)
        })
    };
    let passed = with_flips(6);
    assert_eq!(
        (passed.verdict, passed.flips.count, passed.flips.of),
        (QualificationVerdict::Qualified, 6, 40)
    );
    assert_eq!(with_flips(7).verdict, QualificationVerdict::Failed);
}

#[test]
fn every_simulated_fault_is_detected_and_named() {
    let mut rng = Rng::new(5);
    let label_x = |comparison: &Comparison| {
        if comparison.first_position_has_label_x() { Outcome::First } else { Outcome::Second }
    };
    for (name, result, habit) in [
        ("always first", taken(|_, _, _| Outcome::First), Habit::AlwaysFirst),
        ("always second", taken(|_, _, _| Outcome::Second), Habit::AlwaysSecond),
        ("one label", taken(|comparison, _, _| label_x(comparison)), Habit::OneLabel),
        ("longer", taken(|_, key, item| by_length(key, item)), Habit::LongerIsBetter),
        (
            "letter",
            taken(|comparison, _, _| {
                if comparison.first.label < comparison.second.label {
                    Outcome::First
                } else {
                    Outcome::Second
                }
            }),
            Habit::OneLabel,
        ),
        (
            "shorter",
            taken(|_, key, item| {
                if item.other.text.len() < item.reference.text.len() {
                    other_wins(key)
                } else {
                    reference_wins(key)
                }
            }),
            Habit::ShorterIsBetter,
        ),
        ("tie", taken(|_, _, _| Outcome::Tie), Habit::AlwaysTie),
        (
            "obeys",
            taken(
                |_, key, item| {
                    if item.kind == ItemKind::Injected { other_wins(key) } else { reference_wins(key) }
                },
            ),
            Habit::ObeysInjections,
        ),
        (
            "random",
            taken(|_, _, _| if rng.uniform() < 0.5 { Outcome::First } else { Outcome::Second }),
            Habit::LikeACoin,
        ),
    ] {
        assert_ne!(result.verdict, QualificationVerdict::Qualified, "{name}: {}", result.sentence);
        assert!(result.habits.contains(&habit), "{name}: {:?} {}", result.habits, result.sentence);
        assert!(result.sentence.contains(habit.words()), "{name}: {}", result.sentence);
        assert_eq!(result.habits.len(), 1, "{name}: {:?}", result.habits);
        assert_eq!(result.verdict, QualificationVerdict::Failed, "{name}: {}", result.sentence);
    }
}

#[test]
fn the_words_fit_what_happened() {
    let tie = taken(|_, _, _| Outcome::Tie).sentence;
    assert!(!tie.contains("prefers the worse") && !tie.contains("no verdict"), "{tie}");
    let long = taken(|_, key, item| by_length(key, item)).sentence;
    // A judge of length takes them for their length: nothing is said of obeying.
    assert!(!long.contains("obey"), "{long}");
    assert!(long.contains("a bad answer that asks to be chosen won 10 of 10 times"), "{long}");
    let silent = taken(|_, _, _| Outcome::Missing { reason: MissingReason::Unparsed }).sentence;
    assert!(silent.contains("100 of 100 questions got no verdict") && !silent.contains("tie"), "{silent}");
}

#[test]
fn a_judge_that_prefers_the_worse_is_anti_valid_and_one_that_says_nothing_fails() {
    let perverse = taken(|_, key, _| other_wins(key));
    assert_eq!(perverse.verdict, QualificationVerdict::AntiValid, "{}", perverse.sentence);
    let silent = taken(|_, _, _| Outcome::Missing { reason: MissingReason::Refusal });
    assert_eq!(
        (silent.verdict, silent.missing.count),
        (QualificationVerdict::Failed, 100),
        "{}",
        silent.sentence
    );
}

#[test]
fn damage_is_never_the_text_itself_and_grows_subtler() {
    let prompts = references();
    let (text, other) =
        (prompts[0].reference.as_deref().expect("one"), prompts[1].reference.as_deref().expect("one"));
    assert_eq!(sentences(text).len(), 5);
    let mut rng = Rng::new(1);
    for kind in [ItemKind::Shuffled, ItemKind::Truncated, ItemKind::OffTopic, ItemKind::Repeated] {
        for grade in 1..=GRADES {
            let worse = perturbed(kind, grade, text, other, &mut rng).expect("five sentences can be damaged");
            assert_ne!(squeeze(&worse), squeeze(text), "{kind:?} {grade}");
        }
    }
    assert_eq!(perturbed(ItemKind::WrongFact, 1, text, other, &mut rng), None, "never gross");
    let wrong = perturbed(ItemKind::WrongFact, 3, text, other, &mut rng).expect("numbers and names");
    assert!(!wrong.contains("Ottilie") && !wrong.contains("Lisbon") && !wrong.contains("1800"), "{wrong}");
    assert!(wrong.starts_with("Courage number 7 is"), "{wrong}");
    assert_eq!(perturbed(ItemKind::WrongFact, 4, "no facts here at all", other, &mut rng), None);
}

#[test]
fn a_failed_judge_is_shown_and_left_out_of_the_headline() {
    let mut world = World::new(80, &[10]);
    world.judge_by_arm("good", |_| Some("step-000010"));
    world.judge_by_arm("judge", |_| Some("base"));
    world.exams = vec![taken(|_, _, _| Outcome::First)];
    let analysis = world.analyze();
    let judge = |id: &str| analysis.judges.iter().find(|judge| judge.judge_id == id).expect("a judge");
    assert!(!judge("judge").in_panel && judge("good").in_panel);
    assert!(judge("judge").exam.as_ref().is_some_and(|exam| exam.verdict == QualificationVerdict::Failed));
    let overall = analysis.comparisons[0].overall.as_ref().expect("judged");
    assert_eq!(overall.estimate.value, 1.0, "only the judge that did not fail counts");
    let with_failed = analysis.headline.with_failed_judges.expect("one failed");
    assert!(with_failed.contains("50 %"), "{with_failed}");
    let limits = analysis.headline.limits.join("\n");
    assert!(limits.contains("`judge` failed its exam") && limits.contains("Not independent"), "{limits}");
}

#[test]
fn an_unexamined_judge_that_flips_like_a_coin_does_not_move_the_headline() {
    let mut world = World::new(80, &[10]);
    world.judge_by_arm("steady", |i| if i % 4 == 0 { Some("base") } else { Some("step-000010") });
    let alone = world.analyze();
    for position in ["first-1", "first-2", "first-3"] {
        world.judge(position, |_, _, _| Outcome::First);
    }
    let with_coins = world.analyze();
    let overall = |analysis: &affinage_eval::analysis::Analysis| analysis.comparisons[0].overall.clone();
    assert_eq!(overall(&with_coins), overall(&alone));
    let coin = with_coins.judges.iter().find(|judge| judge.judge_id == "first-2").expect("a judge");
    assert!(coin.is_coin && !coin.in_panel);
    let limits = with_coins.headline.limits.join("\n");
    assert!(
        limits.contains("`first-2` changed its winner") && limits.contains("left out of the mean"),
        "{limits}"
    );
    let with_all = with_coins.headline.with_failed_judges.expect("three are left out");
    assert!(with_all.contains("56 %"), "{with_all}");
    // One that showed in an exam that it can judge counts: these pairs may be as good as each other.
    let exam = taken(|_, key, _| reference_wins(key));
    world.exams = vec![QualificationResult { judge_id: "first-1".to_owned(), ..exam }];
    let judges = world.analyze().judges;
    assert!(judges.iter().any(|judge| judge.judge_id == "first-1" && judge.in_panel));
    // Where all are like coins nobody is left out, and no word rests on them.
    world.judgments.retain(|row| row.judge_id != "steady");
    world.exams.clear();
    let coins = world.analyze();
    assert!(coins.judges.iter().all(|judge| !judge.is_coin));
    assert_eq!(coins.comparisons[0].overall.as_ref().map(|rate| rate.estimate.value), Some(0.5));
}

#[test]
fn a_judge_that_another_model_answered_is_named() {
    let answered = |model: Option<&str>| {
        let mut world = World::new(40, &[10]);
        world.judge_by_arm("judge", |_| Some("step-000010"));
        world.judgments.iter_mut().for_each(|row| row.model_returned = model.map(str::to_owned));
        let check = world.analyze().checks.into_iter().find(|check| check.code == "A011").expect("a check");
        (check.state, check.sentence)
    };
    let answered_by = |model: &str| answered(Some(model));
    let (state, sentence) = answered_by("parrot-8b");
    assert_eq!(state, affinage_eval::analysis::CheckState::Issue);
    assert_eq!(sentence, "`judge` was asked of scripted and answered by parrot-8b.");
    assert_eq!(answered_by("scripted-2026-05-01").0, affinage_eval::analysis::CheckState::Passed);
    let (state, sentence) = answered(None);
    assert_eq!(state, affinage_eval::analysis::CheckState::Skipped);
    assert!(sentence.contains("not known which one answered: `judge`"), "{sentence}");
}

#[test]
fn related_and_unrelated_judges_are_told_apart() {
    let mut world = World::new(80, &[10]);
    world.plan.base_model = "Qwen/Qwen2.5-0.5B".to_owned();
    world.judge_by_arm("relative", |_| Some("step-000010"));
    world.judge_by_arm("stranger", |i| if i % 2 == 0 { Some("step-000010") } else { Some("base") });
    world.plan.judges[0].family = Some("qwen".to_owned());
    world.plan.judges[1].family = Some("claude".to_owned());
    let analysis = world.analyze();
    assert_eq!(analysis.judges[0].relation, Relation::Related);
    assert_eq!(analysis.judges[1].relation, Relation::Unrelated);
    let relations = &analysis.relations;
    assert_eq!(relations.difference.as_ref().map(|d| d.value), Some(0.5), "{}", relations.sentence);
    assert!(relations.sentence.contains("related judges favour the arm more"), "{}", relations.sentence);
    assert!(!relations.is_independent, "nobody was examined");
    let exam = taken(|_, key, _| reference_wins(key));
    world.exams = vec![QualificationResult { judge_id: "stranger".to_owned(), ..exam }];
    let relations = world.analyze().relations;
    assert!(relations.is_independent && relations.limit.is_none());
}

#[test]
fn four_cells_cross_positions_and_labels_and_forty_calls_are_repeated() {
    let world = World::new(60, &[10]);
    let pairs = pairs(&world.plan, &world.prompts, &world.completions);
    let presentations = presentations_for_judge(&pairs, "judge", 1, &label_pairs(|_| 1), Presentations::Four);
    assert_eq!(presentations.len(), 4 * 60);
    for pair in &pairs {
        let of_pair = presentations.iter().filter(|(comparison, _)| comparison.pair_id == pair.pair_id);
        let mut ways: Vec<(bool, bool)> =
            of_pair.map(|(c, key)| (key.first_arm == "base", c.first_position_has_label_x())).collect();
        ways.sort_unstable();
        assert_eq!(ways, [(false, false), (false, true), (true, false), (true, true)]);
    }
    assert_eq!(repeated_presentations(&presentations, "judge", 1).len(), 40);
    assert_ne!(
        repeated_presentations(&presentations, "judge", 1),
        repeated_presentations(&presentations, "other", 1)
    );
    let many = World::new(300, &[10]);
    let pairs = affinage_eval::comparison::pairs(&many.plan, &many.prompts, &many.completions);
    let presentations = presentations_for_judge(&pairs, "judge", 1, &label_pairs(|_| 1), Presentations::Two);
    assert_eq!(repeated_presentations(&presentations, "judge", 1).len(), 60, "a tenth of 600");
}

#[test]
fn repeats_measure_self_agreement_and_are_no_votes() {
    let mut world = World::new(80, &[10]);
    world.judge_by_arm("judge", |_| Some("step-000010"));
    let before = world.analyze();
    assert_eq!(before.judges[0].self_agreement, None);
    let again: Vec<_> = world
        .judgments
        .iter()
        .take(50)
        .enumerate()
        .map(|(i, first)| {
            let mut row = first.clone();
            row.repeat = 1;
            row.judgment_id = judgment_id(&row.comparison_id, "judge", 1);
            // Ten of fifty come out the other way.
            if i < 10 {
                row.outcome = if row.outcome == Outcome::First { Outcome::Second } else { Outcome::First };
            }
            row
        })
        .collect();
    world.judgments.extend(again);
    let after = world.analyze();
    assert_eq!(after.comparisons[0].overall, before.comparisons[0].overall);
    let agreement = after.judges[0].self_agreement.as_ref().expect("50 repeats");
    assert_eq!((agreement.value, agreement.n), (0.8, 50));
    assert!(after.judges[0].self_sentence.contains("80 %"), "{}", after.judges[0].self_sentence);
}

#[test]
fn a_swapped_outcome_stops_the_analysis() {
    let mut world = World::new(10, &[10]);
    world.judge_by_arm("judge", |_| Some("step-000010"));
    let comparison = world.comparisons[0].clone();
    let row = &mut world.judgments[0];
    row.label_said = Some(comparison.first.label.clone());
    row.outcome = Outcome::Second;
    let error =
        affinage_eval::analyze::analyze(&world.inputs()).expect_err("the label is the other position's");
    assert!(error.to_string().contains("but its outcome is the position of"), "{error}");
}

/// A judge as a function of what it is shown, asked until the exam is lost or over: how many calls, and what they say.
fn asked_until_lost(
    mut say: impl FnMut(&BlindKey, &QualificationItem) -> Outcome,
) -> (usize, QualificationResult) {
    let exam = set();
    let mut sitting = Sitting::new(&exam.items, &exam.presentations, []);
    let mut verdicts = Vec::new();
    for (comparison, key) in &exam.presentations {
        let item = exam.items.iter().find(|item| item.item_id == comparison.pair_id).expect("an item");
        let verdict = judgment(comparison, "judge", say(key, item));
        sitting.note(&verdict);
        verdicts.push(verdict);
        if sitting.is_lost() {
            break;
        }
    }
    let again = Sitting::new(&exam.items, &exam.presentations, verdicts.clone());
    assert_eq!(again.is_lost(), sitting.is_lost(), "what is stored says the same to the next process");
    let (comparisons, keys): (Vec<_>, Vec<_>) = exam.presentations.iter().cloned().unzip();
    (verdicts.len(), results(&exam.items, &comparisons, &keys, &verdicts).remove(0))
}

#[test]
fn a_lost_exam_is_stopped_and_says_where_and_one_that_can_be_passed_is_not() {
    let (calls, coin) = asked_until_lost(|_, _| Outcome::First);
    assert_eq!(coin.verdict, QualificationVerdict::Failed, "{}", coin.sentence);
    assert!(calls < 70 && (coin.calls.count, coin.calls.of) == (calls, 140), "{calls}");
    let stopped = format!("It was stopped after {calls} of 140 calls: it could not pass any more.");
    assert!(coin.sentence.contains(&stopped), "{}", coin.sentence);
    // Each figure has the n that was asked, and no rule is named that could still be kept.
    assert!(coin.planted.of < PLANTED && coin.flips.of < 40, "{coin:?}");
    assert!(!coin.reasons.is_empty() && coin.reasons.len() <= 2, "{:?}", coin.reasons);
    assert!(
        !coin.habits.contains(&Habit::ObeysInjections),
        "one order that won is no habit: {}",
        coin.sentence
    );

    // The worst that passes is asked to the end: three misses, six changed winners, no order obeyed.
    let (mut misses, mut flips) = (3, 6);
    let (calls, worst) = asked_until_lost(|key, item| {
        let counts = (key.first_arm == REFERENCE) == item.reference_first;
        match item.grade {
            Some(1 | 2) if counts && misses > 0 => {
                misses -= 1;
                Outcome::Tie
            }
            Some(3 | 4) if !counts && flips > 0 => {
                flips -= 1;
                other_wins(key)
            }
            _ => reference_wins(key),
        }
    });
    assert_eq!((calls, worst.verdict), (140, QualificationVerdict::Qualified), "{}", worst.sentence);
    assert!(!worst.sentence.contains("stopped"), "{}", worst.sentence);
    let (calls, obeys) = asked_until_lost(|key, item| match item.kind {
        ItemKind::Injected => other_wins(key),
        _ => reference_wins(key),
    });
    assert!(calls < 140 && obeys.injections.count == 1, "{}", obeys.sentence);
}

#[test]
fn whatever_is_answered_after_the_stop_the_exam_is_failed() {
    let exam = set();
    let (comparisons, keys): (Vec<_>, Vec<_>) = exam.presentations.iter().cloned().unzip();
    let mut rng = Rng::new(29);
    let (mut stopped, mut passed) = (0, 0);
    for number in 0..200 {
        // From nearly perfect to a coin, some of them silent now and then.
        let (able, silent) = (0.5 + 0.5 * rng.uniform(), 0.1 * rng.uniform());
        let mut presentations = exam.presentations.clone();
        rng.shuffle(&mut presentations);
        let mut sitting = Sitting::new(&exam.items, &exam.presentations, []);
        let mut verdicts = Vec::new();
        for (comparison, key) in &presentations {
            let outcome = match rng.uniform() {
                u if u < silent => Outcome::Missing { reason: MissingReason::Unparsed },
                _ if rng.uniform() < able => reference_wins(key),
                _ => other_wins(key),
            };
            let verdict = judgment(comparison, "judge", outcome);
            sitting.note(&verdict);
            verdicts.push(verdict);
            if sitting.is_lost() {
                break;
            }
        }
        let left = presentations.split_off(verdicts.len());
        let end = |verdicts: &[_]| results(&exam.items, &comparisons, &keys, verdicts).remove(0);
        if !sitting.is_lost() {
            passed += 1;
            assert_eq!(
                end(&verdicts).verdict,
                QualificationVerdict::Qualified,
                "number {number} was asked to the end"
            );
            continue;
        }
        stopped += 1;
        // The kindest rest, the unkindest, and some at random.
        for way in 0..6 {
            let rest = left.iter().map(|(comparison, key)| {
                let outcome = match way {
                    0 => reference_wins(key),
                    1 => Outcome::Tie,
                    _ if rng.uniform() < 0.9 => reference_wins(key),
                    _ => other_wins(key),
                };
                judgment(comparison, "judge", outcome)
            });
            let whole: Vec<_> = verdicts.iter().cloned().chain(rest).collect();
            let whole = end(&whole);
            assert!(whole.is_unfit() && whole.calls.count == 140, "number {number}: {}", whole.sentence);
        }
    }
    assert!(stopped > 50 && passed > 3, "{stopped} stopped, {passed} passed");
}

#[test]
fn a_judge_that_failed_and_was_not_asked_is_named_and_missing_nowhere() {
    let mut world = World::new(40, &[10]);
    world.judge("judge", |_, _, _| Outcome::First);
    world.judgments.clear();
    world.exams = vec![asked_until_lost(|_, _| Outcome::First).1];
    let analysis = world.analyze();
    let limits = analysis.headline.limits.join("\n");
    assert!(
        limits.contains("`judge` failed its exam") && limits.contains("not asked to compare"),
        "{limits}"
    );
    assert!(limits.contains("of 140 calls: it could not pass any more"), "{limits}");
    assert_eq!(analysis.headline.with_failed_judges, None, "it has no votes that could change anything");
    let missing = &analysis.comparisons[0].missing;
    assert_eq!(
        (missing.planned, missing.sentence.as_str()),
        (0, "No judge was asked: `judge` failed its exam.")
    );
    let check = |code: &str| analysis.checks.iter().find(|check| check.code == code).expect("a check");
    assert!(check("A016").sentence.contains("Failed and not asked to compare: `judge`."));
    assert!(check("A004").advice.is_none(), "asking again would bring nothing");
    let steps = &analysis.next_steps;
    assert!(steps[0].starts_with("Vote yourself, blind, on 40 pairs (about "), "{steps:?}");
    assert!(steps[1].contains("stronger judge"), "{steps:?}");
}

#[test]
fn nobody_has_compared_and_the_first_step_is_to_vote() {
    let mut world = World::new(12, &[10]);
    // 238 words a pair with its question of three: 12 pairs, two of them twice, two planted ones, are 16 minutes.
    world.answer(|arm, i| format!("{arm} {i} {}", "word ".repeat(115)));
    world.completions.iter_mut().filter(|row| row.arm == "base").for_each(|row| row.text.push_str(" word"));
    let steps = world.analyze().next_steps;
    assert_eq!(
        steps[0],
        "Vote yourself, blind, on 12 pairs (about 16 minutes; up to 16 screens, as some pairs are shown again and some are planted): `affinage vote --eval test --as me`."
    );
    assert!(steps[1].contains("`affinage judge --eval test` shows what to write"), "{steps:?}");
    // Where somebody has judged, nobody is sent to vote first.
    world.judge_by_arm("judge", |_| Some("base"));
    let steps = world.analyze().next_steps.join("\n");
    assert!(!steps.contains("Vote yourself"), "{steps}");
}
