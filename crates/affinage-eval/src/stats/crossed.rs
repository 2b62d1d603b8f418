//! The mean of scores that are crossed by prompt and training seed, where both are a sample of what might have been.

use super::Bounds;
use super::mean::{equivalence, mean, mean_t};
use super::models::variance_components;
use super::special::{t_quantile, t_sf};

/// A mean over prompts and seeds with a t interval that counts both as random.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossedMean {
    pub mean: f64,
    /// Square root of s2_seed / S + s2_prompt / P + s2_rest / (S P).
    pub se: f64,
    /// S - 1, the fewer of the two samples; P - 1 where there is one seed.
    pub df: f64,
    pub interval: Bounds,
    pub prompts: usize,
    pub seeds: usize,
    /// Variances of the parts; of one seed everything stands in `prompt`.
    pub prompt: f64,
    pub seed: f64,
    pub rest: f64,
}

/// Scores are shares and nats: what differs by less than this differs by rounding.
const ROUNDING: f64 = 1e-12;

/// Equal scores leave a rest of rounding, which is no variance.
fn beyond_rounding(se: f64) -> f64 {
    if se > ROUNDING { se } else { 0.0 }
}

/// Mean of `[prompt][seed]` (a full table) with its interval at level `1 - alpha`.
///
/// Components by the method of moments, see [`variance_components`]. Satterthwaite's degrees of freedom cover 92 to 96 %
/// with three seeds, because a seed component that is estimated as 0 is taken for none; S - 1 covers at least 96 %, at
/// the price of width. With one seed nothing is known of other seeds: the interval is over prompts alone.
/// `None` below two prompts, or when the rows differ in length.
pub fn crossed_mean(table: &[Vec<f64>], alpha: f64) -> Option<CrossedMean> {
    let (prompts, seeds) = (table.len(), table.first()?.len());
    if prompts < 2 || seeds == 0 || table.iter().any(|row| row.len() != seeds) {
        return None;
    }
    if seeds == 1 {
        let values: Vec<f64> = table.iter().map(|row| row[0]).collect();
        let found = mean_t(&values, alpha)?;
        let (df, prompt) = ((prompts - 1) as f64, found.se.powi(2) * prompts as f64);
        let (mean, se, interval) = (found.mean, beyond_rounding(found.se), found.interval);
        return Some(CrossedMean { mean, se, df, interval, prompts, seeds, prompt, seed: 0.0, rest: 0.0 });
    }
    let parts = variance_components(table)?;
    let all: Vec<f64> = table.iter().flatten().copied().collect();
    let se = beyond_rounding(parts.of_mean.sqrt());
    let (mean, df) = (mean(&all)?, (seeds - 1) as f64);
    let half = t_quantile(1.0 - alpha / 2.0, df) * se;
    let interval = (mean - half, mean + half);
    let (prompt, seed, rest) = (parts.item, parts.judge, parts.error);
    Some(CrossedMean { mean, se, df, interval, prompts, seeds, prompt, seed, rest })
}

/// The most seeds or prompts that [`CrossedMean::seeds_needed`] and its kin propose.
const MOST: usize = 10_000;

impl CrossedMean {
    /// Two-sided p of a mean of `null`. `None` when nothing varies.
    pub fn p(&self, null: f64) -> Option<f64> {
        (self.se > 0.0).then(|| 2.0 * t_sf((self.mean - null).abs() / self.se, self.df))
    }

    /// Two one-sided tests: is the mean within `null` +- `margin`? The larger p; `None` when nothing varies.
    pub fn p_equivalent(&self, null: f64, margin: f64) -> Option<f64> {
        equivalence(self.mean, self.se, self.df, null - margin, null + margin).map(|test| test.p)
    }

    /// The fewest seeds with which an effect of this size would lie outside its interval, on as many prompts as now.
    /// `None` where no number of seeds does: the prompts are too few.
    pub fn seeds_needed(&self, effect: f64, alpha: f64) -> Option<usize> {
        let p = self.prompts as f64;
        (2..=64).chain([96, 128, 192, 256, 512, 1024, MOST]).find(|&seeds| {
            let s = seeds as f64;
            let variance = self.seed / s + self.prompt / p + self.rest / (s * p);
            t_quantile(1.0 - alpha / 2.0, s - 1.0) * variance.sqrt() < effect
        })
    }

    /// The fewest prompts with which it would, with as many seeds as now; in steps of a tenth.
    pub fn prompts_needed(&self, effect: f64, alpha: f64) -> Option<usize> {
        let s = self.seeds as f64;
        let factor = t_quantile(1.0 - alpha / 2.0, self.df.max(1.0));
        let mut prompts = self.prompts;
        while prompts <= MOST {
            let p = prompts as f64;
            let variance = self.seed / s + self.prompt / p + self.rest / (s * p);
            if factor * variance.sqrt() < effect {
                return Some(prompts);
            }
            prompts += (prompts / 10).max(1);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn equal_scores_vary_by_nothing_and_test_nothing() {
        // 0.1 + 0.2 is not 0.3: each row sums to another rounding.
        let found = crossed_mean(&vec![vec![0.1 + 0.2, 0.3, 0.3]; 7], 0.05).expect("a table");
        assert_eq!((found.se, found.p(0.0), found.p_equivalent(0.3, 0.1)), (0.0, None, None));
    }

    /// Two prompts, two seeds: means 2 and 6 by prompt, 3 and 5 by seed, no rest.
    /// MS prompt = 2 * (2^2 + 2^2) = 16, MS seed = 2 * (1 + 1) = 4, MS rest = 0, so the components are 8, 2 and 0 and the
    /// variance of the mean is 8 / 2 + 2 / 2 = 5.
    #[test]
    fn a_table_by_hand() {
        let found = crossed_mean(&[vec![1.0, 3.0], vec![5.0, 7.0]], 0.05).expect("a table");
        assert_eq!((found.mean, found.prompt, found.seed, found.rest), (4.0, 8.0, 2.0, 0.0));
        assert!((found.se.powi(2) - 5.0).abs() < 1e-12 && found.df == 1.0);
        // t(.975, 1) = 12.7062.
        assert!((found.interval.1 - 4.0 - 12.7062 * 5f64.sqrt()).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn one_seed_is_a_mean_over_prompts() {
        let found = crossed_mean(&[vec![1.0], vec![2.0], vec![6.0]], 0.05).expect("a table");
        assert_eq!((found.mean, found.df, found.seed), (3.0, 2.0, 0.0));
        assert!((found.se.powi(2) - 7.0 / 3.0).abs() < 1e-12);
        assert_eq!(crossed_mean(&[vec![1.0, 2.0]], 0.05), None);
        assert_eq!(crossed_mean(&[vec![1.0, 2.0], vec![1.0]], 0.05), None);
    }

    #[test]
    fn what_is_needed_falls_with_the_effect_and_can_be_out_of_reach() {
        let found = CrossedMean {
            mean: 0.05,
            se: 0.05,
            df: 2.0,
            interval: (0.0, 0.0),
            prompts: 30,
            seeds: 3,
            prompt: 0.1,
            seed: 0.001,
            rest: 0.1,
        };
        let (few, many) = (found.prompts_needed(0.2, 0.05), found.prompts_needed(0.1, 0.05));
        assert!(few.is_some() && few < many, "{few:?} {many:?}");
        assert_eq!(found.prompts_needed(0.05, 0.05), None, "three seeds never narrow it that far");
        assert_eq!(found.seeds_needed(0.05, 0.05), None, "thirty prompts never do");
        assert!(found.seeds_needed(0.3, 0.05).is_some_and(|seeds| seeds <= 4));
    }

    /// Whatever the share of the seeds in the variance, the interval holds the truth in at least 93.5 of 100 tables.
    #[test]
    fn three_seeds_cover_the_truth_whatever_they_add() {
        for seed_variance in [0.0, 0.03, 0.3, 3.0] {
            let mut rng = Rng::for_purpose(5, &["crossed", &seed_variance.to_string()]);
            let mut normal = |variance: f64| {
                // The sum of twelve uniforms.
                variance.sqrt() * ((0..12).map(|_| rng.uniform()).sum::<f64>() - 6.0)
            };
            let (runs, prompts, seeds) = (400, 30, 3);
            let covered = (0..runs)
                .filter(|_| {
                    let of_seed: Vec<f64> = (0..seeds).map(|_| normal(seed_variance)).collect();
                    let table: Vec<Vec<f64>> = (0..prompts)
                        .map(|_| {
                            let of_prompt = normal(1.0);
                            of_seed.iter().map(|of_seed| of_prompt + of_seed + normal(1.0)).collect()
                        })
                        .collect();
                    let (low, high) = crossed_mean(&table, 0.05).expect("a table").interval;
                    low <= 0.0 && high >= 0.0
                })
                .count();
            assert!(covered as f64 >= 0.935 * f64::from(runs), "{seed_variance}: {covered} of {runs}");
        }
    }
}
