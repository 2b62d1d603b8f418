//! Where the spread of scores comes from, and what the next dollar should buy.

use std::collections::BTreeMap;

use super::mean::mean;

/// One score: who asked, which answer, who judged. Repeats of the same three are further observations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    pub prompt: usize,
    /// 0, 1, ... for several answers to one prompt.
    pub generation: usize,
    pub judge: usize,
    pub value: f64,
}

/// Variances of a score's parts. A part that the design cannot tell apart is `None` and is contained in the next one
/// that is there: without second answers `generation` stands in `prompt`, with one judge `judge` is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Components {
    pub prompt: f64,
    pub generation: Option<f64>,
    pub judge: Option<f64>,
    pub prompt_judge: Option<f64>,
    /// What differs between two verdicts of one judge on one answer (position, label, chance).
    pub residual: f64,
}

/// Random-effects components of scores crossed by prompt and judge, with answers nested in prompts, by the method of
/// moments on products of pairs; negative estimates are 0.
///
/// For two different observations the expected product of residuals is the sum of the variances of what they share.
/// Products are averaged per kind of pair, and those of pairs that share nothing are subtracted, so the design may be
/// unbalanced and the grand mean need not be known. On a balanced table without repeats this equals the analysis of
/// variance. Source: Searle, Casella and McCulloch (1992), ch. 5 (Henderson's method 1 in pair form).
/// `None` below two prompts, or when no score differs from another.
pub fn components(scores: &[Score]) -> Option<Components> {
    let center = mean(&scores.iter().map(|s| s.value).collect::<Vec<f64>>())?;
    let pairs = Pairs::of(scores, center);
    let total = scores.iter().map(|s| (s.value - center).powi(2)).sum::<f64>() / scores.len() as f64;
    if total < 1e-15 {
        return None;
    }
    let nothing = pairs.average(Kind::Nothing);
    let judge_only = pairs.average(Kind::Judge);
    // With one judge every pair shares it: its variance cannot be told from the mean and cancels.
    let floor = nothing.or(judge_only)?;
    let judge = nothing.and(judge_only).map(|product| (product - floor).max(0.0));
    let prompt_alone = pairs.average(Kind::Prompt).map(|product| product - floor);
    let answer_alone = pairs.average(Kind::Answer).map(|product| product - floor);
    let prompt_and_judge = pairs.average(Kind::PromptJudge).map(|product| product - floor);
    let same_cell = pairs.average(Kind::Cell).map(|product| product - floor);
    let variance = total - floor;
    let judge_part = judge.unwrap_or(0.0);
    // Prompt: from pairs of different judges where there are some, else it holds prompt x judge too.
    let prompt = prompt_alone.or(answer_alone).or(prompt_and_judge.map(|p| p - judge_part)).or(same_cell)?;
    let generation = match (prompt_alone, answer_alone, prompt_and_judge, same_cell) {
        (Some(prompt), Some(answer), ..) => Some((answer - prompt).max(0.0)),
        (None, None, Some(across), Some(same)) => Some((same - across).max(0.0)),
        _ => None,
    };
    let known_of_judge = |product: f64, answers: f64| (product - prompt - answers - judge_part).max(0.0);
    let prompt_judge = match (prompt_and_judge, same_cell, judge) {
        (_, _, None) => None,
        (Some(product), ..) => Some(known_of_judge(product, 0.0)),
        (None, Some(product), _) => Some(known_of_judge(product, generation.unwrap_or(0.0))),
        (None, None, _) => None,
    };
    let prompt = prompt.max(0.0);
    let explained = prompt + generation.unwrap_or(0.0) + judge_part + prompt_judge.unwrap_or(0.0);
    Some(Components { prompt, generation, judge, prompt_judge, residual: (variance - explained).max(0.0) })
}

/// What two observations have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Nothing,
    Judge,
    Prompt,
    Answer,
    PromptJudge,
    Cell,
}

/// Sums of products over ordered pairs of observations, by what they share at least.
struct Pairs {
    averages: BTreeMap<Kind, f64>,
}

impl Pairs {
    fn of(scores: &[Score], center: f64) -> Pairs {
        let sums = |key: fn(&Score) -> (usize, usize, usize)| {
            let mut groups: BTreeMap<(usize, usize, usize), (f64, f64)> = BTreeMap::new();
            for score in scores {
                let group = groups.entry(key(score)).or_default();
                group.0 += score.value - center;
                group.1 += 1.0;
            }
            let products: f64 = groups.values().map(|(sum, _)| sum * sum).sum();
            let counts: f64 = groups.values().map(|(_, n)| n * n).sum();
            (products, counts)
        };
        let squares: f64 = scores.iter().map(|s| (s.value - center).powi(2)).sum();
        let all = sums(|_| (0, 0, 0));
        let judge = sums(|s| (0, 0, s.judge));
        let prompt = sums(|s| (s.prompt, 0, 0));
        let answer = sums(|s| (s.prompt, s.generation, 0));
        let prompt_judge = sums(|s| (s.prompt, 0, s.judge));
        let cell = sums(|s| (s.prompt, s.generation, s.judge));
        let minus = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0, a.1 - b.1);
        let itself = (squares, scores.len() as f64);
        // Each kind "and no more": inclusion and exclusion.
        let exact = [
            (Kind::Cell, minus(cell, itself)),
            (Kind::PromptJudge, minus(prompt_judge, cell)),
            (Kind::Answer, minus(answer, cell)),
            (Kind::Prompt, minus(minus(prompt, answer), minus(prompt_judge, cell))),
            (Kind::Judge, minus(judge, prompt_judge)),
            (Kind::Nothing, minus(minus(all, prompt), minus(judge, prompt_judge))),
        ];
        let averages = exact
            .into_iter()
            .filter(|(_, (_, pairs))| *pairs > 0.5)
            .map(|(kind, (products, pairs))| (kind, products / pairs))
            .collect();
        Pairs { averages }
    }

    fn average(&self, kind: Kind) -> Option<f64> {
        self.averages.get(&kind).copied()
    }
}

/// A design: `prompts` with `answers` each, judged by `judges` in `cells` verdicts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sizes {
    pub prompts: f64,
    pub answers: f64,
    pub judges: f64,
    /// Verdicts of one judge on one answer.
    pub cells: f64,
}

/// What one answer and one verdict cost, in any one unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    pub answer: f64,
    pub verdict: f64,
}

impl Components {
    /// Variance of the mean: `P/p + G/(p g) + J/j + PJ/(p j) + E/(p g j c)`.
    pub fn of_mean(&self, n: Sizes) -> f64 {
        let part = |component: Option<f64>| component.unwrap_or(0.0);
        self.prompt / n.prompts
            + part(self.generation) / (n.prompts * n.answers)
            + part(self.judge) / n.judges
            + part(self.prompt_judge) / (n.prompts * n.judges)
            + self.residual / (n.prompts * n.answers * n.judges * n.cells)
    }
}

impl Sizes {
    pub fn cost(&self, costs: Costs) -> f64 {
        self.prompts * self.answers * (costs.answer + self.judges * self.cells * costs.verdict)
    }
}

/// The ways to spend more, each with the standard error that it leaves and what it costs more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Purchase {
    pub what: Buy,
    pub sizes: Sizes,
    pub se: f64,
    pub extra_cost: f64,
    /// Share of the variance taken away, for each tenth of today's cost.
    pub gain_per_tenth: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buy {
    /// A tenth more prompts.
    Prompts,
    /// One more answer per prompt.
    Answers,
    /// One more judge.
    Judges,
    /// Each cell once more.
    Repeats,
}

/// All single purchases, the best one for its price first. A part that is unknown cannot argue for its purchase.
pub fn purchases(components: &Components, now: Sizes, costs: Costs) -> Vec<Purchase> {
    let (variance, price) = (components.of_mean(now), now.cost(costs));
    let options = [
        (Buy::Prompts, Sizes { prompts: 1.1 * now.prompts, ..now }),
        (Buy::Answers, Sizes { answers: now.answers + 1.0, ..now }),
        (Buy::Judges, Sizes { judges: now.judges + 1.0, ..now }),
        (Buy::Repeats, Sizes { cells: 2.0 * now.cells, ..now }),
    ];
    let mut purchases: Vec<Purchase> = options
        .into_iter()
        .map(|(what, sizes)| {
            let left = components.of_mean(sizes);
            let extra_cost = sizes.cost(costs) - price;
            let taken = if variance > 0.0 { (variance - left) / variance } else { 0.0 };
            let tenths = 10.0 * extra_cost / price;
            Purchase { what, sizes, se: left.sqrt(), extra_cost, gain_per_tenth: taken / tenths.max(1e-9) }
        })
        .collect();
    purchases.sort_by(|a, b| b.gain_per_tenth.total_cmp(&a.gain_per_tenth));
    purchases
}

#[cfg(test)]
mod tests {
    use super::super::models::variance_components;
    use super::*;

    #[test]
    fn a_balanced_table_gives_the_analysis_of_variance() {
        let table = [[0.1, 0.5, 0.2], [0.9, 0.8, 1.0], [0.4, 0.6, 0.1], [0.7, 0.9, 0.3], [0.2, 0.4, 0.0]];
        let rows: Vec<Vec<f64>> = table.iter().map(|row| row.to_vec()).collect();
        let anova = variance_components(&rows).expect("5 x 3");
        let mut scores = Vec::new();
        for (prompt, row) in table.iter().enumerate() {
            for (judge, value) in row.iter().enumerate() {
                scores.push(Score { prompt, generation: 0, judge, value: *value });
            }
        }
        let found = components(&scores).expect("they differ");
        assert!((found.prompt - anova.item).abs() < 1e-12, "{found:?} {anova:?}");
        assert!((found.judge.expect("three judges") - anova.judge).abs() < 1e-12);
        // Without repeats prompt x judge stands in the residual, as in the analysis of variance.
        assert_eq!((found.generation, found.prompt_judge), (None, None));
        assert!((found.residual - anova.error).abs() < 1e-12);
    }

    #[test]
    fn planted_variances_are_found_again() {
        let mut rng = crate::rng::Rng::new(5);
        let mut normal = move |sd: f64| sd * ((0..12).map(|_| rng.uniform()).sum::<f64>() - 6.0);
        let judges: Vec<f64> = (0..40).map(|_| normal(0.3)).collect();
        let mut scores = Vec::new();
        for prompt in 0..300 {
            let of_prompt = normal(0.5);
            let with_judge: Vec<f64> = (0..40).map(|_| normal(0.4)).collect();
            for generation in 0..2 {
                let of_answer = normal(0.2);
                for judge in 0..40 {
                    for _ in 0..2 {
                        let value = of_prompt + of_answer + judges[judge] + with_judge[judge] + normal(0.6);
                        scores.push(Score { prompt, generation, judge, value });
                    }
                }
            }
        }
        let found = components(&scores).expect("they differ");
        for (name, found, planted) in [
            ("prompt", Some(found.prompt), 0.25),
            ("generation", found.generation, 0.04),
            ("judge", found.judge, 0.09),
            ("prompt x judge", found.prompt_judge, 0.16),
            ("residual", Some(found.residual), 0.36),
        ] {
            let found = found.expect("the design tells it");
            assert!((found / planted - 1.0).abs() < 0.35, "{name}: {found} {planted}");
        }
    }

    #[test]
    fn the_next_dollar_goes_where_the_variance_is() {
        let costs = Costs { answer: 1.0, verdict: 1.0 };
        let now = Sizes { prompts: 50.0, answers: 1.0, judges: 2.0, cells: 2.0 };
        let best = |components: Components| purchases(&components, now, costs)[0].what;
        let none = Components {
            generation: Some(0.0),
            judge: Some(0.0),
            prompt_judge: Some(0.0),
            ..Components::default()
        };
        assert_eq!(best(Components { prompt: 1.0, ..none }), Buy::Prompts);
        assert_eq!(best(Components { judge: Some(1.0), ..none }), Buy::Judges);
        let equal = Components { prompt: 0.04, ..none };
        assert!((equal.of_mean(now) - 0.04 / 50.0).abs() < 1e-15);
    }
}
