//! How little decides a headline: cases whose answer is known, and every subset of small ones.

use std::collections::BTreeSet;

use affinage_eval::analysis::{Fragility, Left, Part, Removal, VerdictWord};
use affinage_eval::audit::row::{Arm, PairRow, PositionSource, RowRef, Stored};
use affinage_eval::audit::{Asked, audit_results};
use affinage_eval::rng::Rng;
use affinage_eval::stats::fragility::{Goal, Rule, Totals, Wholes, turn};
use affinage_eval::stats::permutation::sign_flip_clustered;
use affinage_eval::stats::proportion::sign_test;
use affinage_eval::suite::Domain;

use crate::world::World;

const TUNED: &str = "step-000010";

/// Judged by one judge, all in the domain; the first `wins` prompts won, then `ties` tied, the others lost.
fn decided(n: usize, wins: usize, ties: usize) -> World {
    let mut world = World::new(n, &[10]);
    world.prompts.iter_mut().for_each(|prompt| prompt.domain = Domain::In);
    world.judge_by_arm("judge", |i| match i {
        i if i < wins => Some(TUNED),
        i if i < wins + ties => None,
        _ => Some("base"),
    });
    world
}

fn fragility(world: &World) -> Fragility {
    world.analyze().headline.fragility.expect("enough prompts for a word")
}

fn removal(found: &Fragility, part: Part, left_out: Left) -> Removal {
    let part = found.parts.iter().find(|found| found.part == part).expect("the part is decided");
    part.removals.iter().find(|removal| removal.left_out == left_out).expect("the kind is looked at").clone()
}

/// The win rate falls below the error rate with the first win less that the exact sign test does not forgive.
#[test]
fn so_many_prompts_as_the_sign_test_says_turn_the_word() {
    let (wins, losses) = (28, 12);
    let found = fragility(&decided(40, wins as usize, 0));
    let k = (1..).find(|k| sign_test(wins - k, losses).is_some_and(|p| p > 0.05)).expect("some");
    let prompts = removal(&found, Part::All, Left::Prompts);
    assert_eq!((prompts.turn, prompts.of), (Some(k as usize), 40), "{}", found.sentence);
    assert!(prompts.is_least, "of prompts won or lost the number is exact");
    assert_eq!(prompts.becomes, Some(VerdictWord::NotShown));
    assert!(prompts.ids.iter().all(|id| id.as_str() < "prm-0028"), "won ones: {:?}", prompts.ids);
    // 28 wins against 12 losses: level without 16.
    assert_eq!(found.parts[0].prompts_to_half, Some(16));
    let verdicts = removal(&found, Part::All, Left::Verdicts);
    assert_eq!(verdicts.turn, prompts.turn, "one judge: a verdict is a prompt");
    assert_eq!(
        found.sentence,
        format!(
            "{k} of 40 prompts decide \"better\": without them it is \"not shown\"; the win rate leaves its side of one half \
             without 16."
        )
    );
}

#[test]
fn sixty_wins_of_sixty_hang_on_no_half_of_them() {
    let found = fragility(&decided(60, 60, 0));
    let prompts = removal(&found, Part::All, Left::Prompts);
    assert_eq!((prompts.turn, prompts.is_least, prompts.searched), (None, true, 30));
    assert_eq!(found.sentence, "No 30 of 60 prompts turn \"better\".");
}

#[test]
fn one_judge_of_three_decides_and_is_named() {
    let mut world = World::new(60, &[10]);
    let lean = |wins: usize| move |i: usize| Some(if (7 * i) % 60 < wins { TUNED } else { "base" });
    world.judge_by_arm("even-one", lean(32));
    world.judge_by_arm("even-two", lean(32));
    world.judge_by_arm("keen", |_| Some(TUNED));
    let found = fragility(&world);
    let judges = removal(&found, Part::All, Left::Judges);
    assert_eq!(
        (judges.turn, judges.ids.as_slice()),
        (Some(1), ["keen".to_owned()].as_slice()),
        "{}",
        found.sentence
    );
    assert!(
        found.sentence.contains("It hangs on one of 3 judges: without `keen` it is \"not shown\"."),
        "{}",
        found.sentence
    );
    let verdicts = removal(&found, Part::All, Left::Verdicts);
    assert!(verdicts.turn.is_some_and(|k| k >= 1) && !verdicts.is_least && verdicts.of == 180);

    let mut alike = World::new(60, &[10]);
    ["one", "two", "three"].into_iter().for_each(|judge| alike.judge_by_arm(judge, lean(50)));
    let found = fragility(&alike);
    let judges = removal(&found, Part::All, Left::Judges);
    assert_eq!((judges.turn, judges.searched), (None, 2), "{}", found.sentence);
}

/// The same rows without some prompts.
fn without(world: &World, gone: &[String]) -> World {
    let mut left = world.clone();
    left.prompts.retain(|prompt| !gone.contains(&prompt.prompt_id));
    left.completions.retain(|row| !gone.contains(&row.prompt_id));
    left.comparisons.retain(|row| !gone.contains(&row.prompt_id));
    let there: BTreeSet<String> = left.comparisons.iter().map(|row| row.comparison_id.clone()).collect();
    left.judgments.retain(|row| there.contains(&row.comparison_id));
    left.blind_keys.retain(|row| there.contains(&row.comparison_id));
    left
}

/// Removing what is named, and analysing what is left, gives what was said.
#[test]
fn the_named_prompts_turn_the_sentence_when_they_are_left_out() {
    let mut world = World::new(100, &[10]);
    let lean = |seed: u64, share: f64| {
        move |i: usize| {
            let drawn = Rng::for_purpose(seed, &["vote", &i.to_string()]).uniform();
            Some(if drawn < share { TUNED } else { "base" })
        }
    };
    world.judge_by_arm("a", lean(1, 0.66));
    world.judge_by_arm("b", lean(2, 0.62));
    let whole = world.analyze();
    let found = whole.headline.fragility.clone().expect("decided");
    let prompts = removal(&found, Part::All, Left::Prompts);
    let k = prompts.turn.expect("it turns");
    assert!(k <= 20, "all are named: {k}");
    let word = |world: &World| world.analyze().comparisons[0].overall.as_ref().map(|rate| rate.word);
    assert_eq!(word(&world), Some(VerdictWord::Better));
    assert_eq!(word(&without(&world, &prompts.ids)), prompts.becomes, "{}", found.sentence);
    // With one of them back the word is as before: the set has none too many.
    let one_back = without(&world, &prompts.ids[..k - 1]);
    assert_eq!(word(&one_back), Some(VerdictWord::Better));
}

#[test]
fn too_few_prompts_and_judges_like_coins_have_nothing_to_turn() {
    assert_eq!(decided(20, 20, 0).analyze().headline.fragility, None);
    let mut coin = World::new(120, &[10]);
    coin.judge("coin", |_, key, i| match i % 3 {
        0 if key.first_arm != TUNED => affinage_eval::judgment::Outcome::Second,
        _ => affinage_eval::judgment::Outcome::First,
    });
    assert_eq!(coin.analyze().headline.fragility, None);
}

/// Better where the sign-flip test reaches .1.
struct SignFlips;

impl Rule for SignFlips {
    type Word = bool;

    fn word(&self, values: &[f64], clusters: &[usize]) -> bool {
        sign_flip_clustered(values, clusters, 0.0, 1).is_some_and(|p| p <= 0.1)
    }

    fn about(&self, totals: &Totals) -> bool {
        totals.z() > 1.645
    }
}

/// Removals are compared with those of every subset: never fewer, seldom more, and the same where they are called the least.
#[test]
fn no_smaller_set_exists_where_it_is_said_and_hardly_elsewhere() {
    let (mut more, mut cases) = (0, 0);
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let is_plain = seed % 2 == 0;
        let n = 12;
        let values: Vec<f64> = (0..n)
            .map(|_| match is_plain {
                true => [0.5, 0.5, 0.5, 0.0, -0.5][rng.below(5)],
                false => [0.5, 0.375, 0.25, 0.25, 0.125, -0.25][rng.below(6)],
            })
            .collect();
        let clusters: Vec<usize> = (0..n).map(|i| if is_plain { i } else { i * 3 / 4 }).collect();
        if !SignFlips.word(&values, &clusters) {
            continue;
        }
        let items = Wholes::new(clusters.iter().zip(&values).map(|(c, v)| (*c, vec![*v])));
        let left = |gone: u32| -> (Vec<f64>, Vec<usize>) {
            (0..n).filter(|i| gone >> i & 1 == 0).map(|i| (values[i], clusters[i])).unzip()
        };
        let word = |gone: u32| {
            let (values, clusters) = left(gone);
            SignFlips.word(&values, &clusters)
        };
        let sets = || (1..1u32 << n).filter(|gone| gone.count_ones() as usize <= n / 2);
        let least = sets().filter(|gone| !word(*gone)).map(u32::count_ones).min();
        let found = turn(&items, &[Goal::Flips(-1.0)], &SignFlips, n / 2, items.is_won_or_lost());
        match (found, least) {
            (Some(found), Some(least)) => {
                let gone = found.items.iter().fold(0, |gone, item| gone | 1 << item);
                assert!(!word(gone), "seed {seed}: the set turns the word");
                let k = found.items.len() as u32;
                assert!(k >= least && (!found.is_least || k == least), "seed {seed}: {k} for {least}");
                more += u32::from(k > least);
                cases += 1;
            }
            (None, least) => assert!(!is_plain || least.is_none(), "seed {seed}: {least:?}"),
            (Some(_), None) => panic!("seed {seed}: a set that does not exist"),
        }
        let half = sets().filter(|gone| left(*gone).0.iter().sum::<f64>() < 1e-9).map(u32::count_ones).min();
        let exact = items.to_half().filter(|k| *k <= n / 2);
        assert_eq!(exact, half.map(|half| half as usize), "seed {seed}");
    }
    assert!(cases > 20 && 10 * more <= cases, "{more} of {cases} are not the least");
}

fn row(arms: [&str; 2], prompt: usize, winner: Arm) -> PairRow {
    PairRow {
        arms: arms.map(str::to_owned),
        judge: Some("judge-a".to_owned()),
        stored: Stored::Winner(winner),
        prompt: Some(format!("question {prompt}")),
        source: RowRef { file: 0, line: prompt + 1 },
        category: None,
        judge_returned: None,
        texts: [None, None],
        answer_ids: [None, None],
        finish_reasons: [None, None],
        first: None,
        position_source: PositionSource::Field,
        preference: None,
        judge_text: None,
        rendered: None,
        arm_scores: None,
        labels: None,
        stamp: None,
    }
}

/// Six models, four verdicts a pair: the first wins 15 of 20, the second 14 of 20. Of both only the four between them are
/// verdicts on both, and without one that the first won it is 14 of 19 for each.
#[test]
fn one_verdict_decides_who_leads_a_board() {
    let models = ["m0", "m1", "m2", "m3", "m4", "m5"];
    let (mut rows, mut won) = (Vec::new(), [0; 2]);
    for (i, one) in models.iter().enumerate() {
        for (j, two) in models.iter().enumerate().skip(i + 1) {
            for prompt in 0..4 {
                let wins = match (i, j) {
                    (0, 1) => prompt < 2,
                    // Of 16 against the rest.
                    (0 | 1, _) => {
                        won[i] += 1;
                        won[i] <= 13 - i
                    }
                    _ => prompt < 2,
                };
                rows.push(row([one, two], rows.len(), if wins { Arm::One } else { Arm::Two }));
            }
        }
    }
    let audit = audit_results(&rows, Asked::default());
    let leader = audit.leader.expect("a board");
    assert_eq!((leader.leader.as_str(), leader.next.as_str()), ("m0", "m1"));
    assert_eq!((leader.verdicts, leader.of), (Some(1), 36), "{}", leader.sentence);
    assert!(
        leader.sentence.starts_with("1 of the 36 verdicts on m0 or m1 decides who leads"),
        "{}",
        leader.sentence
    );
}

/// Of a log of another program, by Student's test over prompts.
#[test]
fn an_audited_log_says_how_many_prompts_decide_it() {
    let won = |i: usize| if i < 38 { Arm::Two } else { Arm::One };
    let rows: Vec<PairRow> = (0..57).map(|i| row(["base", "tuned"], i, won(i))).collect();
    let audit = audit_results(&rows, Asked::default());
    let [line] = audit.fragility.as_slice() else { panic!("{:?}", audit.fragility) };
    let prompts = line.found.removals.iter().find(|r| r.left_out == Left::Prompts).expect("prompts");
    // t of a share: p of 38 of 57 is .011, without k wins 38 - k of 57 - k.
    let reaches = |k: usize| {
        let (n, wins) = ((57 - k) as f64, (38 - k) as f64);
        let rate = wins / n;
        let t = (rate - 0.5) / (rate * (1.0 - rate) / (n - 1.0)).sqrt();
        2.0 * affinage_eval::stats::special::t_sf(t, n - 1.0) <= 0.05
    };
    let k = (1..).find(|k| !reaches(*k)).expect("some");
    assert_eq!(prompts.turn, Some(k), "{}", line.sentence);
    assert!(
        line.sentence.starts_with("tuned against base: ") && line.sentence.contains("of 57 prompts decide"),
        "{}",
        line.sentence
    );
}
