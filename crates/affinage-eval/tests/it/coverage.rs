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
