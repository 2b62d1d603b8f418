//! Simulated judges: how often intervals hold the truth, and how often "no difference" raises an alarm.

use affinage_eval::rng::Rng;
use affinage_eval::stats::{evalue, mean, permutation, proportion, special};

const RUNS: usize = 1000;

/// Prompt scores of a judge that wins with `p` and ties with `tie`, in clusters of `size` equal prompts.
fn scores(rng: &mut Rng, clusters: usize, size: usize, p: f64, tie: f64) -> (Vec<f64>, Vec<usize>) {
    let (mut values, mut keys) = (Vec::new(), Vec::new());
    for cluster in 0..clusters {
        let drawn = rng.uniform();
        let score = if drawn < tie {
            0.5
        } else if drawn < tie + (1.0 - tie) * p {
            1.0
        } else {
            0.0
        };
        for _ in 0..size {
            values.push(score);
            keys.push(cluster);
        }
    }
    (values, keys)
}

#[test]
fn the_clustered_interval_holds_the_truth_in_95_of_100_runs_and_the_naive_one_does_not() {
    for seed in 1..=3 {
        let mut rng = Rng::new(seed);
        let (mut clustered, mut naive) = (0, 0);
        for _ in 0..RUNS {
            let (values, keys) = scores(&mut rng, 100, 3, 0.6, 0.2);
            let truth = 0.2 * 0.5 + 0.8 * 0.6;
            let found = mean::clustered_mean(&values, &keys, 0.05).expect("100 clusters");
            clustered += usize::from(found.interval.0 <= truth && truth <= found.interval.1);
            let half = 1.96 * found.se_independent;
            naive += usize::from((found.mean - truth).abs() <= half);
        }
        let share = |held: usize| held as f64 / RUNS as f64;
        assert!((0.93..=0.97).contains(&share(clustered)), "seed {seed}: {}", share(clustered));
        assert!(share(naive) < 0.85, "seed {seed}: rows in threes fool the naive interval: {}", share(naive));
    }
}

#[test]
fn proportions_hold_the_truth_at_their_rates() {
    // Exact: the probability of all counts whose interval holds p, no simulation needed.
    for n in [100u64, 200] {
        for p in [0.3, 0.4, 0.5, 0.6, 0.7] {
            let (mut wilson, mut exact) = (0.0, 0.0);
            for k in 0..=n {
                let holds = |bounds: (f64, f64)| if bounds.0 <= p && p <= bounds.1 { 1.0 } else { 0.0 };
                let probability = special::binomial_pmf(k, n, p);
                wilson += probability * holds(proportion::wilson(k as f64, n as f64, 0.05).expect("n > 0"));
                exact += probability * holds(proportion::clopper_pearson(k, n, 0.05).expect("n > 0"));
            }
            assert!((0.93..=0.97).contains(&wilson), "n {n}, p {p}: Wilson {wilson}");
            assert!(exact >= 0.95, "n {n}, p {p}: Clopper-Pearson {exact}");
        }
    }
}

#[test]
fn no_difference_raises_few_alarms_even_when_looked_at_after_every_prompt() {
    let mut rng = Rng::new(1);
    let (mut peeking, mut permuted) = (0, 0);
    for run in 0..400 {
        let mut wins = 0;
        let mut alarm = false;
        let mut d = Vec::new();
        for n in 1..=200u64 {
            let won = rng.uniform() < 0.5;
            wins += u64::from(won);
            d.push(if won { 0.5 } else { -0.5 });
            alarm |= evalue::mixture(wins, n, 0.5, (1.0, 1.0)) >= 20.0;
        }
        peeking += usize::from(alarm);
        if run < 100 {
            permuted += usize::from(permutation::sign_flip(&d[..40], run).expect("40 values") <= 0.05);
        }
    }
    assert!(peeking <= 20, "{peeking} of 400 looks at no difference reached E = 20");
    assert!(permuted <= 12, "{permuted} of 100 permutation tests at .05");
}

/// 200 simulations in every test run; `AFFINAGE_SLOW=1` makes it 1,000 and prints the shares.
fn simulations() -> usize {
    if std::env::var_os("AFFINAGE_SLOW").is_some() { 1000 } else { 200 }
}

/// Fails below `at_least`, less what 200 simulations scatter.
fn check_share(what: &str, held: usize, runs: usize, at_least: f64) {
    let share = held as f64 / runs as f64;
    println!("{what}: {share:.3} of {runs}");
    let slack = 2.0 * (at_least * (1.0 - at_least) / runs as f64).sqrt();
    assert!(share >= at_least - slack, "{what}: {share} of {runs}");
}

#[test]
fn a_flat_curve_lies_inside_its_band_as_a_whole() {
    use affinage_eval::stats::strengths::{Meeting, strengths};
    let (runs, mut held) = (simulations(), 0);
    let mut rng = Rng::new(11);
    for _ in 0..runs {
        let mut meetings = Vec::new();
        for cluster in 0..100 {
            for one in 1..=4 {
                let drawn = rng.uniform();
                let (wins, ties) =
                    if drawn < 0.4 { (1.0, 0.0) } else { (0.0, f64::from(u8::from(drawn < 0.6))) };
                meetings.push(Meeting { cluster, one, other: 0, wins, ties, losses: 1.0 - wins - ties });
            }
        }
        let found = strengths(&meetings, 5, 100, 0.05, 150, &mut rng).expect("all met the base");
        held += usize::from(found.iter().all(|s| s.band.0 <= 0.0 && 0.0 <= s.band.1));
    }
    check_share("simultaneous band over four flat checkpoints", held, runs, 0.935);
}

#[test]
fn votes_of_people_take_the_bias_of_judges_away() {
    use affinage_eval::stats::models::{prediction_powered_weighted, tuned_lambda};
    let (runs, mut held, mut total) = (simulations(), 0, 0.0);
    let mut rng = Rng::new(12);
    for _ in 0..runs {
        let (mut people, mut judges) = (Vec::new(), Vec::new());
        for _ in 0..300 {
            let liked = rng.uniform() < 0.5;
            people.push(f64::from(u8::from(liked)));
            // The judge agrees, but turns four in ten losses into wins: 20 points too many.
            judges.push(f64::from(u8::from(liked || rng.uniform() < 0.4)));
        }
        let lambda = tuned_lambda(&people[..60], &judges[..60], &judges).expect("they differ");
        let found =
            prediction_powered_weighted(&people[..60], &judges[..60], &[1.0; 60], &judges, lambda, 0.05)
                .expect("60 votes");
        held += usize::from(found.interval.0 <= 0.5 && 0.5 <= found.interval.1);
        total += found.estimate;
    }
    assert!((total / runs as f64 - 0.5).abs() < 0.02, "{}", total / runs as f64);
    check_share("prediction-powered interval, judge 20 points too kind", held, runs, 0.93);
}

#[test]
fn a_planted_preference_is_covered_and_others_are_not_flagged() {
    use affinage_eval::stats::bootstrap::{covariance, draw};
    use affinage_eval::stats::logit::{Design, fit, probability};
    let (runs, mut covered, mut flagged) = (simulations(), 0, 0);
    let mut rng = Rng::new(13);
    for _ in 0..runs {
        let mut design = Design::new(4);
        let (mut outcomes, mut clusters) = (Vec::new(), Vec::new());
        for prompt in 0..150 {
            let mut normal = || (0..12).map(|_| rng.uniform()).sum::<f64>() - 6.0;
            let row = [1.0, normal().tanh(), normal(), normal()];
            for _ in 0..2 {
                design.push(&row);
                let wins = rng.uniform() < probability(&row, &[0.2, 1.0, 0.0, 0.0]);
                outcomes.push(f64::from(u8::from(wins)));
                clusters.push(prompt);
            }
        }
        let center = fit(&design, &outcomes, &vec![1.0; outcomes.len()]).expect("independent columns");
        let resampled: Vec<Vec<f64>> = (0..100)
            .filter_map(|_| {
                let drawn = draw(150, &mut rng);
                let weights: Vec<f64> = clusters.iter().map(|c| drawn[*c]).collect();
                Some(fit(&design, &outcomes, &weights)?.coefficients)
            })
            .collect();
        let spread = covariance(&resampled).expect("100 resamples");
        let half = |i: usize| special::t_quantile(0.975, 149.0) * spread[i][i].sqrt();
        covered += usize::from((center.coefficients[1] - 1.0).abs() <= half(1));
        flagged += usize::from(center.coefficients[2].abs() > half(2));
    }
    check_share("planted preference of 1.0 covered", covered, runs, 0.93);
    check_share("preference of zero not flagged", runs - flagged, runs, 0.93);
}
