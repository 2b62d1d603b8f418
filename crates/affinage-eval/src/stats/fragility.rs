//! How few observations a decision hangs on: the smallest set whose removal changes what a rule says of a clustered mean.
//!
//! Source of the question: Broderick, Giordano and Meager (2020), arXiv:2011.14999. They approximate the influence of each
//! observation once and add it up; here every removal is computed and the rule itself is asked at the end, so a set that is
//! named does turn the decision. Whether no smaller set does is another question, answered by [`Turn::is_least`].

use super::mean;
use super::special::t_sf;

/// Sums over what is left that the rules look at. Values are differences from one half.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Observations.
    pub n: f64,
    pub clusters: f64,
    /// Sum of values.
    pub sum: f64,
    /// Over clusters: of the square of the cluster's sum, of its sum times its size, of the square of its size.
    pub squares: f64,
    pub cross: f64,
    pub sizes: f64,
}

/// Sum and size of one cluster.
type Cluster = (f64, f64);

impl Totals {
    fn count(&mut self, (sum, n): Cluster, sign: f64) {
        self.n += sign * n;
        self.sum += sign * sum;
        self.squares += sign * sum * sum;
        self.cross += sign * sum * n;
        self.sizes += sign * n * n;
        self.clusters += sign * f64::from(u8::from(n > 0.5));
    }

    fn of(clusters: &[Cluster]) -> Totals {
        let mut totals = Totals::default();
        clusters.iter().for_each(|cluster| totals.count(*cluster, 1.0));
        totals
    }

    /// Of values with their clusters.
    pub fn of_values(values: &[f64], clusters: &[usize]) -> Totals {
        Totals::of(&clusters_of(values, clusters))
    }

    /// With `cluster` changed by `effect`.
    fn after(mut self, cluster: Cluster, effect: Effect) -> Totals {
        self.count(cluster, -1.0);
        self.count((cluster.0 + effect.sum, cluster.1 + effect.n), 1.0);
        self
    }

    pub fn mean(&self) -> f64 {
        self.sum / self.n
    }

    /// The standard error of [`mean::clustered_mean`], from the sums alone.
    pub fn se(&self) -> f64 {
        let m = self.mean();
        let residuals = (self.squares - 2.0 * m * self.cross + m * m * self.sizes).max(0.0);
        (residuals * self.clusters / (self.clusters - 1.0)).sqrt() / self.n
    }

    /// The flipped sum over its standard deviation: what the sign-flip test comes to in the limit.
    pub fn z(&self) -> f64 {
        self.sum / self.squares.max(f64::MIN_POSITIVE).sqrt()
    }

    /// Two-sided p of Student's test of the mean against `center`, over clusters.
    pub fn p_of_t(&self, center: f64) -> f64 {
        (2.0 * t_sf((self.mean() - center).abs() / self.se(), self.clusters - 1.0)).min(1.0)
    }

    /// The larger p of two one-sided tests against `-margin` and `margin`.
    pub fn p_inside(&self, margin: f64) -> f64 {
        let test = mean::equivalence(self.mean(), self.se(), self.clusters - 1.0, -margin, margin);
        test.map_or(1.0, |test| test.p)
    }
}

/// What the removal of an item does to its cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    pub cluster: usize,
    pub n: f64,
    pub sum: f64,
}

/// Items that can be removed one by one: prompts, or verdicts on them.
pub trait Removable: Clone {
    fn items(&self) -> usize;
    /// What the removal of an item that is still there would change now.
    fn effect(&self, item: usize) -> Effect;
    fn remove(&mut self, item: usize);
    /// Every observation that is left, as a difference from one half, with its cluster.
    fn rest(&self) -> (Vec<f64>, Vec<usize>);
}

/// Observations that are removed whole: a value and a number of observations each.
#[derive(Clone, Debug)]
pub struct Wholes {
    items: Vec<Effect>,
    values: Vec<Vec<f64>>,
    is_gone: Vec<bool>,
}

impl Wholes {
    /// Items of a cluster and its observations' differences from one half.
    pub fn new(items: impl IntoIterator<Item = (usize, Vec<f64>)>) -> Wholes {
        let (clusters, values): (Vec<usize>, Vec<Vec<f64>>) = items.into_iter().unzip();
        let effect = |(&cluster, values): (&usize, &Vec<f64>)| Effect {
            cluster,
            n: -(values.len() as f64),
            sum: -values.iter().sum::<f64>(),
        };
        let items: Vec<Effect> = clusters.iter().zip(&values).map(effect).collect();
        Wholes { is_gone: vec![false; items.len()], items, values }
    }

    /// The smallest number of items without which the mean is no longer on its side of one half; `None` where it is on none, or
    /// where no number of removals that leaves one item does it.
    ///
    /// Exact: the mean lies on the side of its sum of differences, and of all sets of k items the k with the largest sums leave
    /// the smallest sum.
    pub fn to_half(&self) -> Option<usize> {
        let mut sums: Vec<f64> = self.items.iter().map(|item| -item.sum).collect();
        let mut left: f64 = sums.iter().sum();
        if left.abs() < 1e-9 {
            return None;
        }
        let side = left.signum();
        sums.sort_by(|a, b| (side * b).total_cmp(&(side * a)));
        let most = sums.len() - 1;
        let taken = sums.into_iter().take(most).position(|sum| {
            left -= sum;
            side * left < 1e-9
        });
        taken.map(|position| position + 1)
    }

    /// Whether each item is one observation in a cluster of its own, won, tied or lost.
    pub fn is_won_or_lost(&self) -> bool {
        let mut seen: Vec<usize> = self.items.iter().map(|item| item.cluster).collect();
        seen.sort_unstable();
        seen.dedup();
        let is_plain =
            |values: &Vec<f64>| matches!(values.as_slice(), [value] if *value == 0.0 || value.abs() == 0.5);
        seen.len() == self.items.len() && self.values.iter().all(is_plain)
    }
}

impl Removable for Wholes {
    fn items(&self) -> usize {
        self.items.len()
    }

    fn effect(&self, item: usize) -> Effect {
        self.items[item]
    }

    fn remove(&mut self, item: usize) {
        self.is_gone[item] = true;
    }

    fn rest(&self) -> (Vec<f64>, Vec<usize>) {
        let left = (0..self.items.len()).filter(|&item| !self.is_gone[item]);
        left.flat_map(|item| self.values[item].iter().map(move |value| (*value, self.items[item].cluster)))
            .unzip()
    }
}

/// Where removals shall push the figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// The flipped sum over its deviation, up (1) or down (-1).
    Flips(f64),
    /// The distance of the mean from a center in standard errors, up (1) or down (-1).
    Student { center: f64, side: f64 },
    /// The nearer distance to the two ends of `-margin..margin` in standard errors, up.
    Inside { margin: f64 },
}

impl Goal {
    fn reached(self, totals: &Totals) -> f64 {
        let reached = match self {
            Goal::Flips(side) => side * totals.z(),
            Goal::Student { center, side } => side * (totals.mean() - center) / totals.se().max(1e-12),
            Goal::Inside { margin } => (margin - totals.mean().abs()) / totals.se().max(1e-12),
        };
        if reached.is_nan() { f64::NEG_INFINITY } else { reached }
    }
}

/// What is decided from the observations.
pub trait Rule {
    type Word: Copy + PartialEq;
    /// The rule itself; values are differences from one half.
    fn word(&self, values: &[f64], clusters: &[usize]) -> Self::Word;
    /// About the same from sums alone: it says where to look.
    fn about(&self, totals: &Totals) -> Self::Word;
}

/// A set of items whose removal changes the word.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn<W> {
    pub items: Vec<usize>,
    pub becomes: W,
    /// Whether no smaller set does it. True of one item; of two where every single item was tried; else where the caller
    /// knows that the order is the best one.
    pub is_least: bool,
}

/// More scans of all items than this are not made; then several items go at a time.
const MOST_SCANS: usize = 1000;
/// Different single removals that are tried to show that two items are the least.
const MOST_SINGLES: usize = 24;

/// The smallest set that was found of at most `most` items whose removal changes the word, by removing at each step the item that
/// pushes furthest towards one of `goals`. The set turns the word by the rule itself.
///
/// `is_best_order` says that of all sets of one size those of this order turn first.
pub fn turn<R: Removable, L: Rule>(
    items: &R,
    goals: &[Goal],
    rule: &L,
    most: usize,
    is_best_order: bool,
) -> Option<Turn<L::Word>> {
    let (values, clusters) = items.rest();
    let before = rule.word(&values, &clusters);
    let found = goals.iter().filter_map(|goal| along(items, *goal, rule, before, most));
    let (items_of, becomes) = found.min_by_key(|(items, _)| items.len())?;
    let is_least = match items_of.len() {
        1 => true,
        2 if !is_best_order => no_single_turns(items, rule, before),
        _ => is_best_order,
    };
    Some(Turn { items: items_of, becomes, is_least })
}

fn clusters_of(values: &[f64], clusters: &[usize]) -> Vec<Cluster> {
    let mut found = vec![(0.0, 0.0); clusters.iter().max().map_or(0, |last| last + 1)];
    for (value, &cluster) in values.iter().zip(clusters) {
        found[cluster].0 += value;
        found[cluster].1 += 1.0;
    }
    found
}

/// The shortest beginning of one greedy order that turns the word, and the word then.
fn along<R: Removable, L: Rule>(
    items: &R,
    goal: Goal,
    rule: &L,
    before: L::Word,
    most: usize,
) -> Option<(Vec<usize>, L::Word)> {
    let (shorter, about) = order(items, goal, rule, before, most, false);
    let is_short = shorter.len() < most.min(items.items());
    let found = first_turn(items, &shorter, about, rule, before);
    // Where the sums were wrong by more than a little.
    found.or_else(|| {
        let (whole, _) = is_short.then(|| order(items, goal, rule, before, most, true))?;
        first_turn(items, &whole, None, rule, before)
    })
}

/// The shortest beginning of `order` that turns the word, looked for near `about`, else from the end.
fn first_turn<R: Removable, L: Rule>(
    items: &R,
    order: &[usize],
    about: Option<usize>,
    rule: &L,
    before: L::Word,
) -> Option<(Vec<usize>, L::Word)> {
    let word_without = |k: usize| {
        let mut left = items.clone();
        order[..k].iter().for_each(|item| left.remove(*item));
        let (values, clusters) = left.rest();
        rule.word(&values, &clusters)
    };
    let turns = |k: usize| word_without(k) != before;
    // From where the sums say that it turns, or the end, outwards in doubling steps, then halving.
    let start = about.unwrap_or(order.len());
    if start == 0 {
        return None;
    }
    let (mut low, mut high) = match turns(start) {
        true => {
            let (mut high, mut step) = (start, 1);
            loop {
                let Some(next) = high.checked_sub(step).filter(|next| *next > 0) else { break (0, high) };
                if !turns(next) {
                    break (next, high);
                }
                (high, step) = (next, 2 * step);
            }
        }
        false => {
            let (mut low, mut step) = (start, 1);
            loop {
                if low == order.len() {
                    return None;
                }
                let next = (low + step).min(order.len());
                if turns(next) {
                    break (low, next);
                }
                (low, step) = (next, 2 * step);
            }
        }
    };
    while low + 1 < high {
        let middle = low.midpoint(high);
        if turns(middle) { high = middle } else { low = middle }
    }
    Some((order[..high].to_vec(), word_without(high)))
}

/// Items in the order in which they go, and after how many the sums say that the word has turned; some more follow, or with
/// `is_whole` all up to `most`.
fn order<R: Removable, L: Rule>(
    items: &R,
    goal: Goal,
    rule: &L,
    before: L::Word,
    most: usize,
    is_whole: bool,
) -> (Vec<usize>, Option<usize>) {
    let (values, of) = items.rest();
    let mut clusters = clusters_of(&values, &of);
    let mut totals = Totals::of(&clusters);
    let mut left = items.clone();
    let mut alive: Vec<usize> = (0..items.items()).collect();
    let at_once = alive.len().div_ceil(MOST_SCANS);
    let (mut order, mut about, mut end) = (Vec::new(), None, most);
    while order.len() < end && !alive.is_empty() {
        let mut scored: Vec<(f64, usize)> = alive
            .iter()
            .map(|&item| {
                let effect = left.effect(item);
                (goal.reached(&totals.after(clusters[effect.cluster], effect)), item)
            })
            .collect();
        let at_once = at_once.min(scored.len());
        let furthest = |a: &(f64, usize), b: &(f64, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        scored.select_nth_unstable_by(at_once - 1, furthest);
        scored.truncate(at_once);
        scored.sort_unstable_by(furthest);
        for (_, item) in scored {
            let effect = left.effect(item);
            let cluster = &mut clusters[effect.cluster];
            totals = totals.after(*cluster, effect);
            *cluster = (cluster.0 + effect.sum, cluster.1 + effect.n);
            left.remove(item);
            order.push(item);
            alive.retain(|other| *other != item);
            if about.is_none() && !is_whole && rule.about(&totals) != before {
                about = Some(order.len());
                end = most.min(order.len() + order.len() / 8 + 4);
            }
        }
    }
    order.truncate(end.max(about.unwrap_or(0)).min(most));
    (order, about.filter(|about| *about <= most))
}

fn no_single_turns<R: Removable, L: Rule>(items: &R, rule: &L, before: L::Word) -> bool {
    let (values, of) = items.rest();
    let clusters = clusters_of(&values, &of);
    let mut kinds: Vec<[u64; 4]> = Vec::new();
    for item in 0..items.items() {
        let effect = items.effect(item);
        let (sum, n) = clusters[effect.cluster];
        let kind = [effect.n, effect.sum, sum, n].map(f64::to_bits);
        if kinds.contains(&kind) {
            continue;
        }
        if kinds.len() == MOST_SINGLES {
            return false;
        }
        kinds.push(kind);
        let mut left = items.clone();
        left.remove(item);
        let (values, clusters) = left.rest();
        if rule.word(&values, &clusters) != before {
            return false;
        }
    }
    true
}
