//! Do judges differ about an item by more than they differ from themselves?

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use crate::rng::Rng;

/// Shannon's entropy of counts, in bits: 0 when all agree, 1 when two camps are equal. Source: Shannon (1948).
pub fn entropy_bits(counts: &[f64]) -> f64 {
    let total: f64 = counts.iter().sum();
    counts.iter().filter(|count| **count > 0.0).map(|count| -(count / total) * (count / total).log2()).sum()
}

/// One item's verdicts: `cells[judge][k]` is the score that the judge gave in its k-th kind of cell (position). Every
/// judge has the same kinds; a verdict that is missing leaves the judge out.
pub type ItemCells = Vec<Vec<f64>>;

/// Mean score of every judge on an item.
fn means(cells: &ItemCells) -> Vec<f64> {
    cells.iter().map(|c| c.iter().sum::<f64>() / c.len() as f64).collect()
}

/// Variance of the judges' mean scores on an item, population form. 0 with fewer than two judges.
fn between_judges(means: &[f64]) -> f64 {
    if means.len() < 2 {
        return 0.0;
    }
    let center = means.iter().sum::<f64>() / means.len() as f64;
    means.iter().map(|m| (m - center).powi(2)).sum::<f64>() / means.len() as f64
}

/// Entropy of the judges' votes on an item in bits, a vote being the sign of the judge's mean score against one half.
fn vote_entropy_bits(means: &[f64]) -> f64 {
    let mut counts = [0.0; 3];
    for mean in means {
        let vote = if *mean > 0.5 { 2 } else { usize::from(*mean == 0.5) };
        counts[vote] += 1.0;
    }
    entropy_bits(&counts)
}

/// Disagreement of a set of items against its null.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Division {
    /// Mean over items of the variance between judges.
    pub observed: f64,
    /// The same when verdicts are dealt among the judges of an item at random, kind by kind: what the judges' own
    /// unsteadiness produces.
    pub by_noise: f64,
    /// Mean over items of the entropy of the judges' votes, and the same after dealing.
    pub entropy_bits: f64,
    pub entropy_by_noise_bits: f64,
    /// `(b + 1) / (m + 1)`, one-sided: as much division by noise alone.
    pub p: f64,
    pub items: usize,
}

/// Permutation test: if judges do not differ on an item beyond their noise, it does not matter which judge said what
/// in a given position. Items with fewer than two judges are left out. `None` without an item.
pub fn division(items: &[ItemCells], draws: usize, rng: &mut Rng) -> Option<Division> {
    let items: Vec<&ItemCells> = items.iter().filter(|cells| cells.len() >= 2).collect();
    if items.is_empty() {
        return None;
    }
    let n = items.len() as f64;
    let observed = items.iter().map(|cells| between_judges(&means(cells))).sum::<f64>() / n;
    let entropy = items.iter().map(|cells| vote_entropy_bits(&means(cells))).sum::<f64>() / n;
    // Every draw takes as many random numbers, so each begins where the one before will end and threads share the draws.
    let numbers: u64 = items.iter().map(|cells| (cells[0].len() * (cells.len() - 1)) as u64).sum();
    let draw = |number: u64| {
        let (mut rng, mut hand) = (rng.ahead(number * numbers), Hand::default());
        let (mut dealt, mut dealt_entropy) = (0.0, 0.0);
        for cells in &items {
            hand.deal(cells, &mut rng);
            dealt += between_judges(&hand.means) / n;
            dealt_entropy += vote_entropy_bits(&hand.means) / n;
        }
        (dealt, dealt_entropy)
    };
    let drawn: Vec<(f64, f64)> = (0..draws as u64).into_par_iter().map(draw).collect();
    *rng = rng.ahead(draws as u64 * numbers);
    let (mut reached, mut total, mut total_entropy) = (0, 0.0, 0.0);
    for (dealt, dealt_entropy) in drawn {
        total += dealt;
        total_entropy += dealt_entropy;
        reached += usize::from(dealt >= observed - 1e-12);
    }
    Some(Division {
        observed,
        by_noise: total / draws as f64,
        entropy_bits: entropy,
        entropy_by_noise_bits: total_entropy / draws as f64,
        p: (reached + 1) as f64 / (draws + 1) as f64,
        items: items.len(),
    })
}

/// One item's verdicts after dealing. Kept from item to item: there are millions.
#[derive(Default)]
struct Hand {
    /// One kind after the other, each judge by judge.
    verdicts: Vec<f64>,
    means: Vec<f64>,
}

impl Hand {
    /// Deals the verdicts of every kind among the judges again.
    fn deal(&mut self, cells: &ItemCells, rng: &mut Rng) {
        let (judges, kinds) = (cells.len(), cells[0].len());
        self.verdicts.clear();
        for kind in 0..kinds {
            self.verdicts.extend(cells.iter().map(|judge| judge[kind]));
        }
        for verdicts in self.verdicts.chunks_exact_mut(judges) {
            rng.shuffle(verdicts);
        }
        let of_judge =
            |judge: usize| (0..kinds).map(|kind| self.verdicts[kind * judges + judge]).sum::<f64>();
        let means = (0..judges).map(|judge| of_judge(judge) / kinds as f64);
        self.means.clear();
        self.means.extend(means);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_equal_camps_are_one_bit() {
        assert_eq!(entropy_bits(&[3.0, 3.0]), 1.0);
        assert_eq!(entropy_bits(&[4.0, 0.0]), 0.0);
        assert_eq!(entropy_bits(&[]), 0.0);
        assert_eq!(vote_entropy_bits(&means(&vec![vec![1.0, 1.0], vec![0.0, 0.0]])), 1.0);
        assert_eq!(vote_entropy_bits(&means(&vec![vec![1.0, 0.0], vec![0.5, 0.5]])), 0.0, "two ties");
    }

    #[test]
    fn steady_opposites_are_found_and_random_votes_are_not() {
        let opposed: Vec<ItemCells> = (0..12).map(|_| vec![vec![1.0, 1.0], vec![0.0, 0.0]]).collect();
        let found = division(&opposed, 999, &mut Rng::new(1)).expect("items");
        assert!(found.p < 0.01 && found.observed > 2.0 * found.by_noise - 1e-9, "{found:?}");
        assert!(found.entropy_bits == 1.0 && found.entropy_by_noise_bits < 0.6, "{found:?}");
        let mut alarms = 0;
        let mut rng = Rng::new(2);
        for _ in 0..100 {
            let coin = |rng: &mut Rng| f64::from(u8::from(rng.uniform() < 0.5));
            let random: Vec<ItemCells> =
                (0..20).map(|_| (0..3).map(|_| vec![coin(&mut rng), coin(&mut rng)]).collect()).collect();
            alarms += usize::from(division(&random, 199, &mut rng).expect("items").p <= 0.05);
        }
        assert!(alarms <= 12, "{alarms} alarms in 100 random studies");
    }
}
