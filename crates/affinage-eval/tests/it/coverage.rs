//! Simulated judges: how often intervals hold the truth, and how often "no difference" raises an alarm.
//!
//! Seeds 1 to 3, each shown; 200 simulations a seed in every test run. `just slow` (`AFFINAGE_SLOW=1`) makes it 1,000 and
//! its figures are those of docs/LOG.md.

use affinage_eval::rng::Rng;
use affinage_eval::stats::bootstrap::{covariance, draw, positions, quantile};
use affinage_eval::stats::logit::{Design, fit, probability};
use affinage_eval::stats::models::{prediction_powered_weighted, tuned_lambda};
use affinage_eval::stats::strengths::{Meeting, strengths};
use affinage_eval::stats::{evalue, mean, permutation, proportion, special};

const SEEDS: [u64; 3] = [1, 2, 3];

fn is_slow() -> bool {
    std::env::var_os("AFFINAGE_SLOW").is_some()
}

fn simulations() -> usize {
    if is_slow() { 1000 } else { 200 }
}

/// How often something held, and what is asked of it.
struct Rate {
    what: String,
    held: usize,
    runs: usize,
}

impl Rate {
    fn of(what: String, runs: usize, mut held: impl FnMut() -> bool) -> Rate {
        Rate { what, held: (0..runs).filter(|_| held()).count(), runs }
    }

    fn share(&self) -> f64 {
        let share = self.held as f64 / self.runs as f64;
        println!("{}: {share:.3} of {}", self.what, self.runs);
        share
    }

    /// Twice the standard error of a share near `at`, where the runs are few; nothing is forgiven to a thousand.
    fn slack(&self, at: f64) -> f64 {
        if self.runs >= 1000 { 0.0 } else { 2.0 * (at * (1.0 - at) / self.runs as f64).sqrt() }
    }

    fn is_95_of_100(&self) {
        let (share, slack) = (self.share(), self.slack(0.95));
        assert!((0.93 - slack..=0.97 + slack).contains(&share), "{}: {share}", self.what);
    }

    fn is_at_least(&self, least: f64) {
        let share = self.share();
        assert!(share >= least - self.slack(least), "{}: {share} below {least}", self.what);
    }

    fn is_at_most(&self, most: f64) {
        let share = self.share();
        assert!(share <= most + self.slack(most), "{}: {share} above {most}", self.what);
    }

    /// Shown and not bounded: 30 clusters are too few for the asymptotics.
    fn is_shown(&self) {
        self.share();
    }
}

/// A judge that wins with `p` and ties with a fifth, in clusters of three prompts of which each copies its cluster's
/// outcome in two of three cases.
fn scores(rng: &mut Rng, clusters: usize, p: f64) -> (Vec<f64>, Vec<usize>) {
    let outcome = |rng: &mut Rng| {
        let drawn = rng.uniform();
        if drawn < 0.2 { 0.5 } else { f64::from(u8::from(drawn < 0.2 + 0.8 * p)) }
    };
    let (mut values, mut keys) = (Vec::new(), Vec::new());
    for cluster in 0..clusters {
        let shared = outcome(rng);
        for _ in 0..3 {
            values.push(if rng.below(3) < 2 { shared } else { outcome(rng) });
            keys.push(cluster);
        }
    }
    (values, keys)
}

fn holds(bounds: (f64, f64), truth: f64) -> bool {
    bounds.0 <= truth && truth <= bounds.1
}

#[test]
fn intervals_over_clusters_hold_the_truth_in_95_of_100_runs_and_naive_ones_do_not() {
    for seed in SEEDS {
        for p in [0.3, 0.5, 0.7] {
            for clusters in [30, 100] {
                let truth = 0.2 * 0.5 + 0.8 * p;
                let mut rng = Rng::new(1000 * seed + clusters as u64);
                let runs = simulations();
                let (mut naive, mut resampled) = (0, 0);
                let t = Rate::of(format!("t, seed {seed}, p {p}, {clusters} clusters"), runs, || {
                    let (values, keys) = scores(&mut rng, clusters, p);
                    let found = mean::clustered_mean(&values, &keys, 0.05).expect("clusters");
                    naive += usize::from((found.mean - truth).abs() <= 1.96 * found.se_independent);
                    resampled += usize::from(holds(percentiles(&values, &keys, &mut rng), truth));
                    holds(found.interval, truth)
                });
                let what = format!("cluster bootstrap, seed {seed}, p {p}, {clusters} clusters");
                let bootstrap = Rate { what, held: resampled, runs };
                let what = format!("naive, seed {seed}, p {p}, {clusters} clusters");
                let naive = Rate { what, held: naive, runs };
                if clusters >= 100 {
                    t.is_95_of_100();
                    bootstrap.is_95_of_100();
                    naive.is_at_most(0.9);
                } else {
                    [t, bootstrap, naive].iter().for_each(Rate::is_shown);
                }
            }
        }
    }
}

/// Percentile interval of the mean over resampled clusters.
fn percentiles(values: &[f64], keys: &[usize], rng: &mut Rng) -> (f64, f64) {
    let (cluster_of, count) = positions(keys);
    let mut sums = vec![(0.0, 0.0); count];
    for (value, cluster) in values.iter().zip(cluster_of) {
        sums[cluster].0 += value;
        sums[cluster].1 += 1.0;
    }
    let means: Vec<f64> = (0..300)
        .map(|_| {
            let drawn = draw(count, rng);
            let weigh = |part: fn(&(f64, f64)) -> f64| -> f64 {
                sums.iter().zip(&drawn).map(|(sum, times)| times * part(sum)).sum()
            };
            weigh(|sum| sum.0) / weigh(|sum| sum.1)
        })
        .collect();
    (quantile(&means, 0.025).expect("means"), quantile(&means, 0.975).expect("means"))
}

#[test]
fn proportions_hold_the_truth_at_their_rates() {
    // Exact: the probability of all counts whose interval holds p, no simulation needed.
    for n in [100u64, 200] {
        for p in [0.3, 0.4, 0.5, 0.6, 0.7] {
            let (mut wilson, mut exact) = (0.0, 0.0);
            for k in 0..=n {
                let held = |bounds: (f64, f64)| f64::from(u8::from(holds(bounds, p)));
                let probability = special::binomial_pmf(k, n, p);
                wilson += probability * held(proportion::wilson(k as f64, n as f64, 0.05).expect("n > 0"));
                exact += probability * held(proportion::clopper_pearson(k, n, 0.05).expect("n > 0"));
            }
            println!("Wilson, n {n}, p {p}: {wilson:.3}; Clopper-Pearson: {exact:.3} (exact, no simulation)");
            assert!((0.93..=0.97).contains(&wilson), "n {n}, p {p}: Wilson {wilson}");
            assert!(exact >= 0.95, "n {n}, p {p}: Clopper-Pearson {exact}");
        }
    }
}

#[test]
fn no_difference_raises_few_alarms_even_when_looked_at_after_every_prompt() {
    for seed in SEEDS {
        let mut rng = Rng::new(seed);
        let mut permuted = 0;
        let runs = simulations();
        let peeking =
            Rate::of(format!("A/A, looked at after each of 200 prompts, seed {seed}"), runs, || {
                let (mut wins, mut alarm) = (0, false);
                let mut d = Vec::new();
                for n in 1..=200u64 {
                    let won = rng.below(2) == 0;
                    wins += u64::from(won);
                    d.push(if won { 0.5 } else { -0.5 });
                    alarm |= evalue::mixture(wins, n, 0.5, (1.0, 1.0)) >= 20.0;
                }
                permuted += usize::from(permutation::sign_flip(&d[..40], seed).expect("40 values") <= 0.05);
                alarm
            });
        peeking.is_at_most(0.05);
        let what = format!("A/A, permutation test on 40 prompts, seed {seed}");
        Rate { what, held: permuted, runs }.is_at_most(0.05);
    }
}

#[test]
fn a_confidence_sequence_holds_at_every_look_together() {
    for seed in SEEDS {
        for p in [0.3, 0.5, 0.7] {
            let mut rng = Rng::new(100 + seed);
            let rate = Rate::of(
                format!("confidence sequence, 100 looks, seed {seed}, p {p}"),
                simulations(),
                || {
                    let mut wins = 0;
                    (1..=200u64).all(|n| {
                        wins += u64::from(rng.uniform() < p);
                        n % 2 == 1 || holds(evalue::confidence_sequence(wins, n, (1.0, 1.0), 0.05), p)
                    })
                },
            );
            rate.is_at_least(0.935);
        }
    }
}

#[test]
fn a_flat_curve_lies_inside_its_band_as_a_whole() {
    for seed in SEEDS {
        let mut rng = Rng::new(10 + seed);
        let rate = Rate::of(
            format!("simultaneous band over four flat checkpoints, seed {seed}"),
            simulations(),
            || {
                let mut meetings = Vec::new();
                for cluster in 0..100 {
                    for one in 1..=4 {
                        let drawn = rng.uniform();
                        let (wins, ties) =
                            if drawn < 0.4 { (1.0, 0.0) } else { (0.0, f64::from(u8::from(drawn < 0.6))) };
                        meetings.push(Meeting {
                            cluster,
                            one,
                            other: 0,
                            wins,
                            ties,
                            losses: 1.0 - wins - ties,
                        });
                    }
                }
                let found = strengths(&meetings, 5, 100, 0.05, 150, &mut rng).expect("all met the base");
                found.iter().all(|s| holds(s.band, 0.0))
            },
        );
        rate.is_at_least(0.935);
    }
}

#[test]
fn votes_of_people_take_the_bias_of_judges_away() {
    for seed in SEEDS {
        let mut rng = Rng::new(20 + seed);
        let (mut total, runs) = (0.0, simulations());
        let rate =
            Rate::of(format!("prediction-powered, judge 20 points too kind, seed {seed}"), runs, || {
                let (mut people, mut judges) = (Vec::new(), Vec::new());
                for _ in 0..300 {
                    let liked = rng.below(2) == 0;
                    people.push(f64::from(u8::from(liked)));
                    // The judge agrees, but turns four in ten losses into wins: 20 points too many.
                    judges.push(f64::from(u8::from(liked || rng.uniform() < 0.4)));
                }
                let (people, labelled) = (&people[..60], &judges[..60]);
                let evenly = [1.0; 60];
                let lambda = tuned_lambda(people, labelled, &evenly, &judges).expect("they differ");
                let found = prediction_powered_weighted(people, labelled, &evenly, &judges, lambda, 0.05)
                    .expect("60 votes");
                total += found.estimate;
                holds(found.interval, 0.5)
            });
        rate.is_95_of_100();
        assert!((total / runs as f64 - 0.5).abs() < 0.02, "{}", total / runs as f64);
    }
}

/// 300 pairs: what people say, what three judges say who turn losses into wins (20 points too many; more often, and each
/// for itself, on the three in ten that are hard), and 60 drawn for people, half at random, half where the judges split.
fn uneven_draw(rng: &mut Rng) -> (Vec<f64>, Vec<f64>, Vec<(usize, f64)>) {
    let (mut people, mut judges) = (Vec::new(), Vec::new());
    for _ in 0..300 {
        let liked = rng.below(2) == 0;
        let kindness = if rng.uniform() < 0.3 { 0.6 } else { 0.3143 };
        let votes = (0..3).map(|_| f64::from(u8::from(liked || rng.uniform() < kindness)));
        judges.push(votes.sum::<f64>() / 3.0);
        people.push(f64::from(u8::from(liked)));
    }
    let split: Vec<usize> = (0..300).filter(|&i| judges[i] > 0.0 && judges[i] < 1.0).collect();
    let [mut all, mut divided] = [(0..300).collect::<Vec<usize>>(), split.clone()];
    rng.shuffle(&mut all);
    rng.shuffle(&mut divided);
    let chosen: std::collections::BTreeSet<usize> =
        all.iter().take(30).chain(divided.iter().take(30)).copied().collect();
    let (by_chance, by_split) = (30.0 / 300.0, (30.0 / split.len() as f64).min(1.0));
    let probability = |i: usize| match split.contains(&i) {
        true => 1.0 - (1.0 - by_chance) * (1.0 - by_split),
        false => by_chance,
    };
    let drawn = chosen.into_iter().map(|i| (i, probability(i))).collect();
    (people, judges, drawn)
}

#[test]
fn pairs_drawn_where_judges_split_are_weighed_back() {
    let what = "prediction-powered, pairs drawn unevenly, all seeds".to_owned();
    let mut all = Rate { what, held: 0, runs: 0 };
    for seed in SEEDS {
        let mut rng = Rng::new(60 + seed);
        let (mut weighed, mut unweighed, runs) = (0.0, 0.0, simulations());
        let what = format!("prediction-powered, pairs drawn unevenly, seed {seed}");
        let rate = Rate::of(what, runs, || {
            let (people, judges, drawn) = uneven_draw(&mut rng);
            let of = |scores: &[f64]| drawn.iter().map(|(i, _)| scores[*i]).collect::<Vec<f64>>();
            let (human, labelled) = (of(&people), of(&judges));
            let estimate = |weights: &[f64]| {
                let lambda = tuned_lambda(&human, &labelled, weights, &judges).expect("they differ");
                prediction_powered_weighted(&human, &labelled, weights, &judges, lambda, 0.05)
                    .expect("over 20 votes")
            };
            let found = estimate(&drawn.iter().map(|(_, p)| 1.0 / p).collect::<Vec<f64>>());
            weighed += found.estimate;
            unweighed += estimate(&vec![1.0; drawn.len()]).estimate;
            holds(found.interval, 0.5)
        });
        // One seed of 1,000 may lie below .93, so the three are held together.
        rate.share();
        all.held += rate.held;
        all.runs += rate.runs;
        let [weighed, unweighed] = [weighed, unweighed].map(|total| total / runs as f64);
        assert!((weighed - 0.5).abs() < 0.015, "{weighed}");
        assert!(unweighed < 0.45, "without the weights the draw itself is a bias: {unweighed}");
    }
    all.is_95_of_100();
}

#[test]
fn a_planted_preference_is_covered_and_others_are_not_flagged() {
    for seed in SEEDS {
        let mut rng = Rng::new(30 + seed);
        let runs = simulations().min(500);
        let mut flagged = [0, 0];
        let covered = Rate::of(format!("planted preference of 1.0, seed {seed}"), runs, || {
            let (value, half) = planted(&mut rng);
            for (i, flagged) in flagged.iter_mut().enumerate() {
                *flagged += usize::from(value[i + 2].abs() > half[i + 2]);
            }
            (value[1] - 1.0).abs() <= half[1]
        });
        let least = 0.93;
        assert!(
            covered.share() >= least - 2.0 * (least * (1.0 - least) / runs as f64).sqrt(),
            "{}",
            covered.what
        );
        for (i, held) in flagged.into_iter().enumerate() {
            let what = format!("preference {i} of zero flagged, seed {seed}");
            let rate = Rate { what, held, runs };
            let share = rate.share();
            assert!(share <= 0.07 + 2.0 * (0.07 * 0.93 / runs as f64).sqrt(), "{}: {share}", rate.what);
        }
    }
}

/// One judge on 150 prompts in both orders that rewards the first feature by 1.0 and two others not at all: the fitted
/// coefficients and half the width of their intervals over resampled prompts, as the profile makes them.
fn planted(rng: &mut Rng) -> (Vec<f64>, Vec<f64>) {
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
            let drawn = draw(150, rng);
            let weights: Vec<f64> = clusters.iter().map(|c| drawn[*c]).collect();
            Some(fit(&design, &outcomes, &weights)?.coefficients)
        })
        .collect();
    let spread = covariance(&resampled).expect("100 resamples");
    let t = special::t_quantile(0.975, 149.0);
    (center.coefficients, (0..4).map(|i| t * spread[i][i].sqrt()).collect())
}
