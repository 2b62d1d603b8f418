//! The rules of inference: what a report may say, and what it must say beside it.

use affinage_eval::ROW_VERSION;
use affinage_eval::analysis::{Analysis, VerdictWord};
use affinage_eval::analyze::{Around, Sibling, analyze};
use affinage_eval::design::{Audience, LeftOut, TrainingSchedule};
use affinage_eval::findings::Finding;
use affinage_eval::interim;
use affinage_eval::judgment::{CriterionScores, MissingReason, Outcome, PositionScores};
use affinage_eval::memorization::MemorizationRow;
use affinage_eval::registry::{EarlierLook, Looks};
use affinage_eval::rng::Rng;
use affinage_eval::suite::{Check, Domain};

use crate::world::{World, judgment};

const TUNED: &str = "step-000010";

pub fn findings<'a>(analysis: &'a Analysis, group: &str) -> &'a [Finding] {
    &analysis.findings.iter().find(|g| g.id == group).expect("the group is there").findings
}

pub fn sentences(analysis: &Analysis, group: &str) -> String {
    findings(analysis, group).iter().map(|f| f.sentence.as_str()).collect::<Vec<_>>().join("\n")
}

/// The tuned answer wins on `share` of the prompts.
pub fn judged(n: usize, steps: &[u64], share: f64) -> World {
    let mut world = World::new(n, steps);
    let mut rng = Rng::new(21);
    let wins: Vec<bool> = (0..n).map(|_| rng.uniform() < share).collect();
    world.judge("judge", |_, key, i| match (key.first_arm == "base") != wins[i] {
        true => Outcome::First,
        false => Outcome::Second,
    });
    world
}

fn schedule(steps: u64, is_finished: bool, seed: u64) -> TrainingSchedule {
    TrainingSchedule { steps, epochs: 2.0, is_finished, recipe_sha256: "recipe".to_owned(), seed }
}

fn with_siblings(world: &World, siblings: &[Sibling]) -> Analysis {
    let mut inputs = world.inputs();
    inputs.around = Around { siblings, ..Around::default() };
    analyze(&inputs).expect("the rows agree")
}

#[test]
fn a_recipe_needs_three_seeds_with_finished_schedules() {
    let sibling = |seed, is_finished, win_rate| Sibling { seed, is_finished, win_rate };
    let mut world = judged(60, &[10], 0.7);
    world.plan.design.schedule = Some(schedule(10, true, 1));
    let two = [sibling(2, true, 0.6), sibling(3, true, 0.8)];
    let recipe = sentences(&with_siblings(&world, &two), "planned");
    assert!(recipe.contains("Over 3 training seeds of this recipe"), "{recipe}");
    assert!(recipe.contains("about the recipe"), "{recipe}");
    for (own_finished, siblings) in [
        (true, vec![sibling(2, true, 0.6), sibling(3, false, 0.8)]),
        (true, vec![sibling(2, true, 0.6), sibling(2, true, 0.8)]),
        (true, vec![sibling(1, true, 0.6), sibling(2, true, 0.8)]),
        (false, two.to_vec()),
    ] {
        world.plan.design.schedule = Some(schedule(10, own_finished, 1));
        let said = sentences(&with_siblings(&world, &siblings), "planned");
        assert!(
            said.contains("another with the same settings may turn out differently"),
            "{siblings:?}: {said}"
        );
        assert!(!said.contains("of this recipe the win rate"), "{said}");
    }
}

#[test]
fn the_headline_is_the_planned_last_step_and_a_part_of_a_schedule_is_no_shorter_training() {
    let mut world = judged(40, &[10, 20], 0.6);
    world.plan.design.schedule = Some(schedule(20, true, 1));
    let planned = |world: &World| sentences(&world.analyze(), "planned");
    assert!(planned(&world).contains("the planned last step, 20 of 20"), "{}", planned(&world));
    world.plan.headline = world.plan.comparisons[0].clone();
    assert!(planned(&world).contains("chosen among many, its figures are too good"), "{}", planned(&world));
    let mut world = judged(40, &[145], 0.6);
    world.plan.design.schedule = Some(schedule(290, false, 1));
    let said = planned(&world);
    assert!(
        said.contains("step 145 of a schedule of 290")
            && said.contains("not what a shorter training would give"),
        "{said}"
    );
}

#[test]
fn every_look_is_counted_and_reuse_after_a_change_is_adapted() {
    let mut world = judged(40, &[10], 0.6);
    let earlier = EarlierLook {
        evaluation: "first".to_owned(),
        shared_prompts: 40,
        looks: 2,
        other_run: true,
        other_dataset: false,
    };
    let looks = Looks { earlier: vec![earlier], own: 1, is_adapted: true };
    let analysed = |world: &World, looks: &Looks| {
        let mut inputs = world.inputs();
        inputs.around = Around { looks: Some(looks), ..Around::default() };
        sentences(&analyze(&inputs).expect("the rows agree"), "planned")
    };
    let said = analysed(&world, &looks);
    assert!(
        said.contains("first (40 prompts shared, looked at 2 times)") && said.contains("adapted"),
        "{said}"
    );
    let fresh = analysed(&world, &Looks::default());
    assert!(fresh.contains("No evaluation looked at these prompts before") && !fresh.contains("adapted"));
    world.plan.design.is_final = true;
    assert!(analysed(&world, &Looks::default()).contains("sealed reserve was opened for it, once"));
}

#[test]
fn the_headline_is_shown_without_recited_answers() {
    let mut world = World::new(60, &[10]);
    // The tuned answer wins exactly where it recites.
    world.judge_by_arm("judge", |i| Some(if i < 40 { TUNED } else { "base" }));
    let row = |completion_id: &str, longest_words| MemorizationRow {
        v: ROW_VERSION,
        completion_id: completion_id.to_owned(),
        longest_words,
        share: 0.0,
        example_id: None,
    };
    let answers: Vec<&str> =
        world.completions.iter().filter(|c| c.arm == TUNED).map(|c| c.completion_id.as_str()).collect();
    let overlap: Vec<MemorizationRow> =
        answers.iter().enumerate().map(|(i, id)| row(id, if i < 30 { 14 } else { 5 })).collect();
    let mut inputs = world.inputs();
    inputs.around = Around { overlap: &overlap, ..Around::default() };
    let analysis = analyze(&inputs).expect("the rows agree");
    let said = sentences(&analysis, "recitation");
    assert!(said.contains("30 of 60 judged answers") && said.contains("longest run is 14 words"), "{said}");
    let without = findings(&analysis, "recitation").last().and_then(|f| f.estimate.clone()).expect("a rate");
    assert_eq!((without.n, without.value), (30, 10.0 / 30.0), "20 of the 30 left are lost");
    assert!(sentences(&world.analyze(), "recitation").contains("was not measured"));
}

/// Gives every judgment scores: `of(i)` are the criteria of the tuned answer, the base has 5 everywhere.
fn score(world: &mut World, of: impl Fn(usize) -> [f64; 5]) {
    let keys = world.blind_keys.clone();
    let position: std::collections::BTreeMap<String, usize> =
        world.prompts.iter().enumerate().map(|(i, p)| (p.prompt_id.clone(), i)).collect();
    let scores = |v: [f64; 5]| CriterionScores {
        creativity: v[0],
        coherence: v[1],
        depth: v[2],
        engagement: v[3],
        writing_quality: v[4],
    };
    for ((judgment, key), comparison) in world.judgments.iter_mut().zip(&keys).zip(&world.comparisons) {
        let tuned = scores(of(position[&comparison.prompt_id]));
        let base = scores([5.0; 5]);
        let (first, second) = if key.first_arm == TUNED { (tuned, base) } else { (base, tuned) };
        judgment.scores = Some(PositionScores { first, second });
    }
}

#[test]
fn readers_with_weights_fixed_before_get_their_own_rate() {
    let mut world = judged(60, &[10], 1.0);
    // Deeper and less coherent than the base.
    score(&mut world, |_| [6.0, 2.0, 9.0, 6.0, 6.0]);
    let reader = |name: &str, weights| Audience { name: name.to_owned(), weights };
    world.plan.design.audiences = vec![
        reader("wants depth", [0.0, 0.0, 1.0, 0.0, 0.0]),
        reader("wants order", [0.0, 1.0, 0.0, 0.0, 0.0]),
    ];
    let analysis = world.analyze();
    let rate = |i: usize| findings(&analysis, "readers")[i].estimate.as_ref().expect("a rate").value;
    assert_eq!((rate(0), rate(1)), (1.0, 0.0));
    let first = &findings(&analysis, "readers")[0].sentence;
    assert!(first.contains("wants depth"), "{first}");
    assert_eq!(&analysis.headline.answers[2], first);
}

#[test]
fn what_to_do_about_missing_votes_depends_on_why_they_are_missing() {
    let advice = |world: &World| {
        let checks = world.analyze().checks;
        checks
            .into_iter()
            .find(|check| check.code == "A004")
            .and_then(|check| check.advice)
            .expect("an issue")
    };
    let mut world = World::new(40, &[10]);
    world.judge("judge", |_, _, _| Outcome::Missing { reason: MissingReason::Unparsed });
    assert!(advice(&world).starts_with("80 calls brought no verdict that counts"), "{}", advice(&world));
    world.judgments.truncate(20);
    assert!(advice(&world).contains("asks only for what is missing"), "{}", advice(&world));
}

#[test]
fn forgetting_is_denied_only_when_its_absence_is_shown() {
    let world = |n: usize, lost: usize| {
        let mut world = World::new(n, &[10]);
        for prompt in world.prompts.iter_mut().filter(|p| p.domain == Domain::Out) {
            prompt.check = Some(Check::Number);
            prompt.reference = Some("4".to_owned());
            prompt.category = "maths".to_owned();
        }
        // The base gets two in three right, the tuned arm the same but for the first `lost`.
        world.answer(|arm, i| match (arm, i % 3) {
            (_, 0) => "5".to_owned(),
            ("base", _) => "4".to_owned(),
            _ if i < n / 2 + lost => "6".to_owned(),
            _ => "4".to_owned(),
        });
        sentences(&world.analyze(), "forgetting")
    };
    assert!(world(400, 0).starts_with("No forgetting by right answers"), "{}", world(400, 0));
    assert!(
        world(40, 0).starts_with("Whether anything was forgotten cannot be told yet"),
        "20 prompts: {}",
        world(40, 0)
    );
    assert!(world(400, 60).starts_with("Something was forgotten"), "{}", world(400, 60));
}

#[test]
fn not_shown_always_says_how_many_prompts_would_be_needed() {
    for seed in 0..30 {
        let mut world = World::new(70, &[10, 20]);
        let mut rng = Rng::new(seed);
        world.judge("judge", |_, _, _| if rng.below(2) == 0 { Outcome::First } else { Outcome::Second });
        let analysis = world.analyze();
        let result = &analysis.comparisons[0];
        let rates = [&result.overall, &result.in_domain, &result.out_of_domain];
        for rate in rates.into_iter().flatten().filter(|rate| rate.word == VerdictWord::NotShown) {
            // More prompts would not help a coin; everything else says how many would.
            let said = match rate.needs_about_n {
                Some(_) => rate.sentence.contains("takes about"),
                None => rate.sentence.contains("no steadier than a coin"),
            };
            assert!(said, "seed {seed}: {}", rate.sentence);
        }
    }
}

#[test]
fn a_prompt_asked_twice_in_one_cluster_is_one_observation() {
    let once = judged(40, &[10], 0.7);
    let mut twice = World::new(40, &[10]);
    let copies: Vec<_> = twice
        .prompts
        .iter()
        .map(|prompt| {
            let mut copy = prompt.clone();
            copy.prompt_id.push_str("-again");
            copy
        })
        .collect();
    twice.prompts.extend(copies);
    twice.answer(|arm, i| format!("Answer of {arm} to {}.", i % 40));
    let mut rng = Rng::new(21);
    let wins: Vec<bool> = (0..40).map(|_| rng.uniform() < 0.7).collect();
    twice.judge("judge", |_, key, i| match (key.first_arm == "base") != wins[i % 40] {
        true => Outcome::First,
        false => Outcome::Second,
    });
    let rate = |world: &World| world.analyze().comparisons[0].overall.clone().expect("judged");
    let (once, twice) = (rate(&once), rate(&twice));
    assert_eq!((once.estimate.n, twice.estimate.n), (40, 80));
    assert!((once.estimate.value - twice.estimate.value).abs() < 1e-12);
    let (a, b) =
        (once.estimate.interval.expect("40 clusters"), twice.estimate.interval.expect("40 clusters"));
    assert!((a.low - b.low).abs() < 1e-9 && (a.high - b.high).abs() < 1e-9, "{a:?} {b:?}");
    assert!((twice.design_effect - 2.0).abs() < 0.1, "{}", twice.design_effect);
}

#[test]
fn an_arm_without_room_is_left_out_and_said() {
    let mut world = judged(40, &[10], 0.6);
    world.plan.design.left_out = vec![LeftOut {
        arm: "base+3-examples".to_owned(),
        because: "its longest prompt takes 900 tokens with the answer, the model has 512".to_owned(),
    }];
    world.plan.design.instruction_is_default = true;
    let said = sentences(&world.analyze(), "planned");
    assert!(said.contains("`base+3-examples` was not asked: its longest prompt takes 900 tokens"), "{said}");
    assert!(!said.contains("write your own best"), "no such arm, no such advice: {said}");
}

/// Keeps the judgments of the first `n` prompts in the order of looks.
fn judged_up_to(world: &World, n: usize) -> World {
    let mut part = world.clone();
    let order = interim::order(world.plan.seed, &world.prompts);
    let kept: std::collections::BTreeSet<&str> = order[..n].iter().copied().collect();
    let keep: Vec<bool> = world.comparisons.iter().map(|c| kept.contains(c.prompt_id.as_str())).collect();
    let mut position = keep.iter();
    part.judgments.retain(|_| *position.next().expect("one judgment for each comparison"));
    part
}

#[test]
fn stopping_looks_in_a_mixed_order_and_says_which_interval_holds() {
    let mut world = judged(120, &[10], 0.85);
    world.plan.design.stops_early = true;
    let order = interim::order(world.plan.seed, &world.prompts);
    let inside = order[..20].iter().filter(|id| **id < "prm-0060").count();
    assert_eq!((order.len(), inside), (120, 10), "both domains in proportion at every look");
    assert_eq!(interim::looks(25).collect::<Vec<_>>(), [10, 20, 25]);

    let enough =
        |n: usize| interim::look(&judged_up_to(&world, n).inputs()).expect("the rows agree").is_enough();
    let stop = interim::looks(120).find(|n| enough(*n)).expect("85 % is plain within 120 prompts");
    assert!((10..100).contains(&stop), "{stop}");
    let analysis = judged_up_to(&world, stop).analyze();
    let rate = analysis.comparisons[0].overall.as_ref().expect("judged");
    assert_eq!(rate.estimate.n, stop);
    assert_eq!(analysis.comparisons[0].missing.missing, 0, "what was not come to is not missing");
    assert!(rate.sentence.contains("where 20 is needed"), "{}", rate.sentence);
    let (fixed, anytime) = (rate.estimate.interval, rate.anytime);
    let (fixed, anytime) = (fixed.expect("decided"), anytime.expect("decided"));
    assert!(anytime.low < fixed.low && anytime.low > 0.5, "{anytime:?} {fixed:?}");
    let said = sentences(&analysis, "planned");
    assert!(said.contains(&format!("{stop} of 120 prompts were judged")), "{said}");
}

#[test]
fn no_difference_seldom_stops_even_when_looked_at_ten_times() {
    let (runs, mut stopped) = (200, 0);
    for seed in 0..runs {
        let mut world = World::new(100, &[10]);
        world.plan.seed = seed;
        world.plan.design.stops_early = true;
        let mut rng = Rng::new(1000 + seed);
        let wins: Vec<bool> = (0..100).map(|_| rng.below(2) == 0).collect();
        world.judge("judge", |_, key, i| match (key.first_arm == "base") != wins[i] {
            true => Outcome::First,
            false => Outcome::Second,
        });
        let enough =
            |n: usize| interim::look(&judged_up_to(&world, n).inputs()).expect("the rows agree").is_enough();
        stopped += usize::from(interim::looks(100).any(enough));
    }
    assert!(stopped <= 10, "{stopped} of {runs} studies without a difference stopped; 5 % are allowed");
}

/// A judge with a will of its own on each prompt, which it follows in `steady` of the presentations; repeats are asked, too.
fn noisy(world: &mut World, judge_id: &str, steady: f64, seed: u64, likes: impl Fn(usize) -> bool) {
    let mut rng = Rng::new(seed);
    let before = world.judgments.len();
    let mut say = move |tuned_is_first: bool, i: usize| {
        let likes = likes(i) == (rng.uniform() < steady);
        if likes == tuned_is_first { Outcome::First } else { Outcome::Second }
    };
    let position: std::collections::BTreeMap<String, usize> =
        world.prompts.iter().enumerate().map(|(i, p)| (p.prompt_id.clone(), i)).collect();
    world.judge(judge_id, |_, key, i| say(key.first_arm == TUNED, i));
    for at in before..world.judgments.len() {
        let (comparison, key) = (world.comparisons[at].clone(), world.blind_keys[at].clone());
        let outcome = say(key.first_arm == TUNED, position[&comparison.prompt_id]);
        let mut again = judgment(&comparison, judge_id, outcome);
        again.repeat = 1;
        again.judgment_id.push_str("-1");
        world.judgments.push(again);
    }
}

#[test]
fn judges_are_held_against_what_each_differs_from_itself() {
    let gap = |other_likes: fn(usize) -> bool| {
        let mut world = World::new(80, &[10]);
        noisy(&mut world, "one", 0.8, 1, |i| i % 3 != 0);
        // `noisy` appends repeats, so the rows of the next judge must find their comparisons: a world of its own.
        let mut second = World::new(80, &[10]);
        noisy(&mut second, "two", 0.8, 2, other_likes);
        world.plan.judges.extend(second.plan.judges);
        world.comparisons.extend(second.comparisons);
        world.blind_keys.extend(second.blind_keys);
        world.judgments.extend(second.judgments);
        let analysis = world.analyze();
        findings(&analysis, "panel").iter().find(|f| f.label == "one and two").expect("both repeat").clone()
    };
    let alike = gap(|i| i % 3 != 0);
    assert!(alike.sentence.ends_with("no more than their own noise."), "{}", alike.sentence);
    let opposed = gap(|i| i % 3 == 0);
    assert!(opposed.sentence.ends_with("they value different things."), "{}", opposed.sentence);
}

const HARBOUR: [&str; 6] = ["harbour", "anchor", "tide", "sail", "keel", "rudder"];
const ORCHARD: [&str; 6] = ["orchard", "pruning", "blossom", "graft", "apple", "harvest"];
const MUSIC: [&str; 6] = ["violin", "quartet", "tempo", "chord", "cello", "rhythm"];

/// 90 prompts about three subjects.
fn subjects() -> World {
    let mut world = World::new(90, &[10]);
    let mut rng = Rng::new(31);
    for (i, prompt) in world.prompts.iter_mut().enumerate() {
        let subject = [HARBOUR, ORCHARD, MUSIC][i % 3];
        let words: Vec<&str> = (0..5).map(|_| subject[rng.below(6)]).collect();
        prompt.messages[0].content = format!("Explain {i}: {}?", words.join(" and the "));
    }
    world
}

#[test]
fn a_topic_that_divides_the_judges_is_found_and_coin_flips_are_none() {
    let mut world = subjects();
    // Both like the tuned answer, but on the harbour they are of opposite minds.
    world.judge_by_arm("north", |_| Some(TUNED));
    world.judge_by_arm("south", |i| Some(if i % 3 == 0 { "base" } else { TUNED }));
    let analysis = world.analyze();
    let said = sentences(&analysis, "disagreement");
    assert!(said.contains("Judges hold different values on prompts about"), "{said}");
    let map = analysis.disagreement_map.as_ref().expect("two judges");
    let most =
        map.rows.iter().filter(|row| row.is_topic).max_by_key(|row| row.conflicts.len()).expect("topics");
    assert!(most.label.split(", ").all(|term| HARBOUR.contains(&term)), "{}", most.label);
    let purity = most.conflicts.len() as f64 / most.pairs as f64;
    assert!(purity >= 0.9 && most.pairs >= 10, "{} of {}", most.conflicts.len(), most.pairs);
    assert_eq!(most.entropy_bits, purity);
    assert_eq!(map.rows[0].conflicts.len(), 30, "all thirty harbour prompts are conflicts of values");
    let south = map.judges.iter().position(|judge| judge == "south").expect("a judge");
    assert!(most.by_judge[south].expect("judged") < 0.1);

    let mut alarms = 0;
    for seed in 0..20 {
        let mut world = subjects();
        let mut rng = Rng::new(seed);
        for judge in ["north", "south"] {
            world.judge(judge, |_, _, _| if rng.below(2) == 0 { Outcome::First } else { Outcome::Second });
        }
        alarms +=
            usize::from(sentences(&world.analyze(), "disagreement").contains("Judges hold different values"));
    }
    assert!(alarms <= 3, "{alarms} of 20 studies with coins for judges");
}

#[test]
fn agreement_where_nearly_all_votes_are_alike_is_told_by_ac1() {
    let mut world = World::new(100, &[10]);
    world.judge_by_arm("one", |i| Some(if i == 0 { "base" } else { TUNED }));
    world.judge_by_arm("two", |i| Some(if i == 1 { "base" } else { TUNED }));
    let agreement = world.analyze().agreement;
    let (alpha, ac1) = (agreement.alpha.expect("two judges"), agreement.ac1.expect("two judges"));
    assert!(
        alpha.value < 0.1 && ac1.value > 0.9,
        "98 of 100 votes agree: alpha {}, AC1 {}",
        alpha.value,
        ac1.value
    );
    assert!(ac1.interval.expect("resampled").low > 0.85);
    assert!(agreement.sentence.contains("Gwet's AC1"), "{}", agreement.sentence);
    let kappa = agreement.by_pair[0].kappa.as_ref().expect("both vary");
    assert!(kappa.method.starts_with("cluster bootstrap"), "{}", kappa.method);
}

#[test]
fn at_equal_length_a_lover_of_length_shows_nothing() {
    let mut world = World::new(120, &[10]);
    let words = |arm: &str, i: usize| {
        let base = 10 + Rng::for_purpose(3, &["length", &i.to_string()]).below(20);
        // The tuned answers are longer in four of five prompts.
        if arm == "base" || i.is_multiple_of(5) { base } else { base + 4 + i % 17 }
    };
    world.answer(|arm, i| {
        (0..words(arm, i)).map(|w| format!("{}{w}", &arm[..1])).collect::<Vec<_>>().join(" ")
    });
    let mut rng = Rng::new(8);
    world.judge("long", |_, key, i| {
        let longer = words(&key.first_arm, i) as f64 - words(&key.second_arm, i) as f64;
        let p = 1.0 / (1.0 + (-0.35 * longer).exp());
        if rng.uniform() < p { Outcome::First } else { Outcome::Second }
    });
    let analysis = world.analyze();
    let raw = analysis.comparisons[0].overall.as_ref().expect("judged");
    assert!(raw.estimate.value > 0.7 && raw.word == VerdictWord::Better, "{}", raw.sentence);
    let controlled = findings(&analysis, "values").iter().find(|f| f.label == "long, at equal length");
    let estimate = controlled.and_then(|f| f.estimate.clone()).expect("lengths differ");
    let interval = estimate.interval.expect("a delta-method interval");
    assert!(interval.low < 0.5 && 0.5 < interval.high, "{interval:?}");
    assert!(interval.high - interval.low > 0.1, "the slope's own error is in it: {interval:?}");
}
