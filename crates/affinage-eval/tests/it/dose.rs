//! A dose study made of rows: known means and intervals, words that hold to their rules.

use affinage_eval::analysis::Analysis;
use affinage_eval::dose::{Dose, DoseCell, DoseMeasure, DoseWord};
use affinage_eval::judgment::Outcome;
use affinage_eval::likelihood::{LikelihoodControl, LikelihoodRow, ScoredReference};
use affinage_eval::plan::{Arm, ArmKind, PlannedComparison, Scope};
use affinage_eval::rng::Rng;

use crate::world::World;

/// `rows` x seeds, each training an adapter that meets the base.
fn world(prompts: usize, rows: &[usize], seeds: u64) -> World {
    let mut world = World::new(prompts, &[10]);
    world.plan.arms.truncate(1);
    world.plan.comparisons.clear();
    for &rows in rows {
        for seed in 1..=seeds {
            let name = format!("r{rows}-e1-s{seed}");
            let kind = ArmKind::Adapter {
                adapter_sha256: format!("adapter {name}"),
                path: format!("runs/{name}"),
                on: None,
                trained_on: None,
            };
            world.plan.arms.push(Arm { name: name.clone(), kind });
            let (arm, against) = (name.clone(), "base".to_owned());
            world.plan.comparisons.push(PlannedComparison { arm, against, scope: Scope::All });
            world.plan.design.dose.push(DoseCell {
                arm: name.clone(),
                run: name,
                dose: Dose { dataset: "v1-abc".to_owned(), epochs: 1, rows },
                seed,
                rows_drawn: rows,
                supervised_tokens: 10 * rows as u64 + seed,
            });
        }
    }
    world.plan.headline = world.plan.comparisons.last().expect("a cell").clone();
    world.answer(|arm, i| format!("Answer of {arm} to {i}."));
    world
}

/// Fit gained per token: `gain(rows, seed, prompt)`.
fn fit(world: &mut World, gain: impl Fn(usize, u64, usize) -> f64) {
    let cells = world.plan.design.dose.clone();
    let mut row = |arm: &str, i: usize, nll_per_token: f64| {
        let scored = ScoredReference {
            control: LikelihoodControl::Own,
            nll_sum: 10.0 * nll_per_token,
            tokens: 10,
            chars: 40,
        };
        let sha256 = world.plan.arm(arm).expect("planned").adapter_sha256().map(str::to_owned);
        world.fit.push(LikelihoodRow::new(&world.prompts[i].prompt_id, arm, sha256.as_deref(), scored));
    };
    for i in 0..world.prompts.len() {
        row("base", i, 3.0);
        for cell in &cells {
            row(&cell.arm, i, 3.0 - gain(cell.dose.rows, cell.seed, i));
        }
    }
}

fn step(analysis: &Analysis, measure: DoseMeasure) -> (DoseWord, String) {
    let dose = analysis.dose.as_ref().expect("a study");
    let mut steps = dose.steps.iter().filter(|step| step.measure == measure);
    let step = steps.next().expect("a step");
    (step.word, step.sentence.clone())
}

/// Two prompts and two seeds with gains 1, 3, 5, 7: the table that the statistics have by hand. Mean 4, variance of the
/// mean 5, one degree of freedom.
#[test]
fn a_dose_has_the_mean_and_interval_that_hands_compute() {
    let mut world = world(2, &[8], 2);
    fit(&mut world, |_, seed, i| [[1.0, 3.0], [5.0, 7.0]][i][seed as usize - 1]);
    let dose = world.analyze().dose.expect("a study");
    let [point] = &dose.doses[..] else { panic!("{:?}", dose.doses) };
    let estimate = point.fit_gain.as_ref().expect("scored");
    assert!((estimate.value - 4.0).abs() < 1e-12, "{estimate:?}");
    let interval = estimate.interval.expect("two seeds");
    assert!((interval.high - 4.0 - 12.7062 * 5f64.sqrt()).abs() < 1e-3, "{interval:?}");
    assert_eq!(point.seeds.iter().map(|seed| seed.fit_gain).collect::<Vec<_>>(), [Some(3.0), Some(5.0)]);
    assert_eq!((point.win_rate.as_ref(), point.supervised_tokens), (None, 81.5));
    assert!(dose.steps.is_empty() && dose.limits.len() == 2, "{:?}", dose.limits);
}

#[test]
fn a_step_that_every_seed_shows_has_a_word_and_fit_is_never_called_better() {
    let mut shown = world(40, &[125, 250], 3);
    let gain = |rows: usize, seed: u64, i: usize| {
        rows as f64 / 500.0 + 0.01 * seed as f64 + 0.0001 * rows as f64 * ((i + seed as usize) % 5) as f64
    };
    fit(&mut shown, gain);
    let (word, sentence) = step(&shown.analyze(), DoseMeasure::Fit);
    assert_eq!(word, DoseWord::Up);
    assert!(
        sentence.contains("the texts of the data set surprise it less") && !sentence.contains("better"),
        "{sentence}"
    );
    insta::assert_snapshot!(sentence, @"From 125 rows, 1 epoch to 250 rows, 1 epoch: fit +0.275 [+0.267, +0.283] nats per token, p < .001: the texts of the data set surprise it less.");

    // The same in two seeds is no claim about a recipe.
    let mut few = world(40, &[125, 250], 2);
    fit(&mut few, gain);
    let (word, sentence) = step(&few.analyze(), DoseMeasure::Fit);
    assert_eq!(word, DoseWord::NotShown);
    insta::assert_snapshot!(sentence, @"From 125 rows, 1 epoch to 250 rows, 1 epoch: fit +0.275 [+0.250, +0.300] nats per token, p = .005: not shown; a recipe needs 3 training seeds, here are 2.");
    insta::assert_snapshot!(few.analyze().dose.expect("a study").limits.join("\n"), @r"
    2 training seeds: 3 are needed to say that another seed would turn out alike.
    Nothing was judged: the curve is of fit alone, which is no quality.
    ");
}

#[test]
fn win_rates_of_doses_come_from_the_judges_and_not_shown_says_what_is_needed() {
    let mut world = world(40, &[125, 250], 3);
    let cells = world.plan.design.dose.clone();
    // The adapter wins on a share of the prompts that the dose does not change, other prompts by seed.
    world.judge("judge", |_, key, i| {
        let arm = if key.first_arm == "base" { &key.second_arm } else { &key.first_arm };
        let cell = cells.iter().find(|cell| cell.arm == *arm).expect("a cell");
        let mut rng = Rng::for_purpose(cell.seed, &["wins", arm, &i.to_string()]);
        match (rng.uniform() < 0.6, key.first_arm == *arm) {
            (true, true) | (false, false) => Outcome::First,
            _ => Outcome::Second,
        }
    });
    let analysis = world.analyze();
    let dose = analysis.dose.as_ref().expect("a study");
    for point in &dose.doses {
        let estimate = point.win_rate.as_ref().expect("judged");
        assert!((0.45..0.75).contains(&estimate.value) && estimate.n == 40, "{estimate:?}");
        let by_seed: f64 = point.seeds.iter().filter_map(|seed| seed.win_rate).sum();
        assert!((by_seed / 3.0 - estimate.value).abs() < 1e-12, "the point is the mean of its seeds");
    }
    let (word, sentence) = step(&analysis, DoseMeasure::WinRate);
    assert_eq!(word, DoseWord::NotShown);
    assert!(sentence.contains("not shown; needs about"), "{sentence}");
    assert_eq!(dose.limits, Vec::<String>::new());
    assert!(analyze_is_silent_without_a_study());
}

fn analyze_is_silent_without_a_study() -> bool {
    World::new(4, &[10]).analyze().dose.is_none()
}
