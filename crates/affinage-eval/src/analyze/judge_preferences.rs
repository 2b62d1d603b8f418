//! What each judge rewards, what is left of the win rate at equal length, and what readers with their own weights get.

use std::collections::BTreeMap;

use super::Rows;
use super::collinearity::Collinearity;
use super::comparisons::{panel, rules};
use super::estimate::{LEVEL, figure};
use super::votes::{PairVotes, Votes};
use super::win_rate::{PromptScore, win_rate};
use crate::findings::{Finding, FindingGroup, FindingMeasure};
use crate::rng::Rng;
use crate::stats::bootstrap::{covariance, draw, positions};
use crate::stats::logit::{Design, Logit, clustered_covariance, fit};
use crate::stats::special::{beta_cdf, t_quantile};
use crate::text::words;
use crate::wording::judge_preferences as wording;

/// Differences (arm minus against) that a profile looks at, each divided by its standard deviation.
pub const FEATURES: [&str; 7] =
    ["length", "list items", "headings", "varied words", "hedges", "questions", "first person"];
const RESAMPLES: usize = 200;
/// Fewer prompts separate nothing: a profile is not fitted.
const FEWEST_PROMPTS: usize = 40;
/// Beyond so many pairs a profile is fitted on a random choice of them: its intervals are narrow enough by then.
const MOST_PAIRS: usize = 2000;

/// One judge's profile of the headline comparison.
pub struct JudgePreferences {
    pub judge_id: String,
    pub prompts: usize,
    /// Log odds per standard deviation, in the order of [`FEATURES`]; a feature that never differs is `None`.
    pub coefficients: Vec<Option<(f64, f64)>>,
    /// Estimates over resamples, by kept feature, for the test between judges.
    resampled: Vec<Vec<f64>>,
    /// Win rate at equal length with its standard error, over clusters and with the slope's own uncertainty.
    pub equal_length: Option<(f64, f64)>,
    /// Said when length is shown to be rewarded.
    pub length_sentence: Option<String>,
    is_penalised: bool,
}

/// The features of one text.
fn features(text: &str) -> [f64; FEATURES.len()] {
    let words = words(text);
    let count = |known: &[&str]| words.iter().filter(|word| known.contains(&word.as_str())).count() as f64;
    let lines =
        |starts: fn(&str) -> bool| text.lines().filter(|line| starts(line.trim_start())).count() as f64;
    let distinct: std::collections::BTreeSet<&String> = words.iter().collect();
    [
        words.len() as f64,
        lines(|l| l.starts_with("- ") || l.starts_with("* ") || l.starts_with(|c: char| c.is_ascii_digit())),
        lines(|l| l.starts_with('#')),
        if words.is_empty() { 0.0 } else { distinct.len() as f64 / words.len() as f64 },
        count(&["perhaps", "maybe", "might", "may", "could", "seems", "possibly", "likely", "probably"]),
        text.matches('?').count() as f64,
        count(&["i", "me", "my", "mine", "we", "our"]),
    ]
}

/// The profiles of the headline's judges.
#[derive(Default)]
pub struct Profiles {
    pub judges: Vec<JudgePreferences>,
    /// Which features the answers allow to tell apart.
    pub features: Collinearity,
}

/// A profile for every judge with enough prompts, people among them.
pub fn results(rows: &Rows, votes: &Votes) -> Profiles {
    let pairs = profiled(rows, votes);
    let clusters: Vec<&str> = pairs.iter().map(|pair| pair.pair.prompt.cluster_id.as_str()).collect();
    let (cluster_of, count) = positions(&clusters);
    let texts: Vec<[f64; FEATURES.len()]> = pairs
        .iter()
        .map(|pair| {
            let (arm, against) = (features(pair.pair.arm.answer()), features(pair.pair.against.answer()));
            std::array::from_fn(|f| arm[f] - against[f])
        })
        .collect();
    let scale: [f64; FEATURES.len()] = std::array::from_fn(|f| {
        let column: Vec<f64> = texts.iter().map(|d| d[f]).collect();
        crate::stats::mean::variance(&column).unwrap_or(0.0).sqrt()
    });
    let values: Vec<Vec<f64>> = texts
        .iter()
        .map(|d| {
            // Length saturates: a text twice as long is not twice as much better for being long.
            let value = |f: usize| if scale[f] > 1e-9 { d[f] / scale[f] } else { 0.0 };
            (0..FEATURES.len()).map(|f| if f == 0 { value(f).tanh() } else { value(f) }).collect()
        })
        .collect();
    let features = Collinearity::of(&values);
    let judges = rows.judge_ids();
    let judges = judges
        .into_iter()
        .filter_map(|judge| profile(rows, judge, &pairs, &values, &features.kept, (&cluster_of, count)))
        .collect();
    Profiles { judges, features }
}

/// The pairs of the headline that profiles are fitted on.
fn profiled<'v, 'r>(rows: &'v Rows, votes: &'v Votes<'r>) -> Vec<&'v PairVotes<'r>> {
    let mut pairs: Vec<&PairVotes> =
        votes.of(&rows.plan.headline).filter(|pair| pair.needs_judge()).collect();
    if pairs.len() > MOST_PAIRS {
        Rng::for_purpose(rows.plan.seed, &["profiled"]).shuffle(&mut pairs);
        pairs.truncate(MOST_PAIRS);
    }
    pairs
}

/// The win rate of the headline at equal length, by all judges of the panel together.
fn panel_at_equal_length(rows: &Rows, votes: &Votes) -> Option<(f64, f64, usize)> {
    let pairs = profiled(rows, votes);
    let panel = panel(&pairs);
    let length = |votes: &PairVotes| {
        words(votes.pair.arm.answer()).len() as f64 - words(votes.pair.against.answer()).len() as f64
    };
    let lengths: Vec<f64> = pairs.iter().map(|votes| length(votes)).collect();
    let scale = crate::stats::mean::variance(&lengths).unwrap_or(0.0).sqrt();
    let names: Vec<&str> = pairs.iter().map(|votes| votes.pair.prompt.cluster_id.as_str()).collect();
    let (cluster_of, _) = positions(&names);
    let mut design = Design::new(2);
    let (mut outcomes, mut clusters) = (Vec::new(), Vec::new());
    let mut prompts = 0;
    for ((votes, length), cluster) in pairs.iter().zip(&lengths).zip(cluster_of) {
        let scores: Vec<f64> = panel.iter().filter_map(|judge| votes.judges.get(judge)?.score()).collect();
        prompts += usize::from(!scores.is_empty());
        for score in scores {
            design.push(&[1.0, if scale > 1e-9 { (length / scale).tanh() } else { 0.0 }]);
            outcomes.push(score);
            clusters.push(cluster);
        }
    }
    if prompts < FEWEST_PROMPTS {
        return None;
    }
    let (rate, se) = equal_length(&design, &outcomes, &clusters, scale > 1e-9)?;
    Some((rate, se, prompts))
}

fn at_equal_length(who: &str, rate: f64, se: f64, prompts: usize, source: &str) -> Finding {
    let half = t_quantile(0.5 + LEVEL / 2.0, (prompts - 1) as f64) * se;
    let bounds = ((rate - half).max(0.0), (rate + half).min(1.0));
    let estimate =
        figure(rate, bounds, prompts, "prompts", "length-controlled logit, clustered delta method");
    Finding {
        label: format!("{who}, at equal length"),
        sentence: wording::at_equal_length(who, &estimate),
        estimate: Some(estimate),
        measure: FindingMeasure::Share,
        p: None,
        rows: source.to_owned(),
    }
}

fn profile(
    rows: &Rows,
    judge: &str,
    pairs: &[&PairVotes],
    values: &[Vec<f64>],
    kept: &[usize],
    (cluster_of, count): (&[usize], usize),
) -> Option<JudgePreferences> {
    let has_length = kept.contains(&0);
    let mut design = Design::new(3 + kept.len());
    let mut length_only = Design::new(2);
    let (mut outcomes, mut clusters) = (Vec::new(), Vec::new());
    let mut prompts = 0;
    for ((votes, values), cluster) in pairs.iter().zip(values).zip(cluster_of) {
        let Some(presentations) =
            votes.judges.get(judge).filter(|presentations| presentations.score().is_some())
        else {
            continue;
        };
        prompts += 1;
        for presentation in &presentations.presentations {
            let Some(score) = presentation.score else { continue };
            let side = |yes: bool| if yes { 0.5 } else { -0.5 };
            let mut row = vec![1.0, side(presentation.arm_is_first), side(presentation.arm_has_label_x)];
            row.extend(kept.iter().map(|&f| values[f]));
            design.push(&row);
            length_only.push(&[1.0, values[0]]);
            outcomes.push(score);
            clusters.push(*cluster);
        }
    }
    if prompts < FEWEST_PROMPTS {
        return None;
    }
    let center = fit(&design, &outcomes, &vec![1.0; outcomes.len()])?;
    let mut rng = Rng::for_purpose(rows.plan.seed, &["profile"]);
    let resampled: Vec<Vec<f64>> = (0..RESAMPLES)
        .filter_map(|_| {
            let drawn = draw(count, &mut rng);
            let weights: Vec<f64> = clusters.iter().map(|c| drawn[*c]).collect();
            Some(fit(&design, &outcomes, &weights)?.coefficients[3..].to_vec())
        })
        .collect();
    let spread = covariance(&resampled)?;
    let mut coefficients = vec![None; FEATURES.len()];
    for (position, &f) in kept.iter().enumerate() {
        coefficients[f] = Some((center.coefficients[3 + position], spread[position][position].sqrt()));
    }
    let equal_length = equal_length(&length_only, &outcomes, &clusters, has_length);
    let mut found = JudgePreferences {
        judge_id: judge.to_owned(),
        prompts,
        coefficients,
        resampled,
        equal_length,
        length_sentence: None,
        is_penalised: center.is_penalised,
    };
    found.length_sentence = found.rewards_length();
    Some(found)
}

/// Win rate at equal length by the delta method on the clustered covariance, which holds the slope's uncertainty.
/// Source: Dubois et al. (2024), arXiv:2404.04475; the error is ours.
fn equal_length(design: &Design, outcomes: &[f64], clusters: &[usize], differs: bool) -> Option<(f64, f64)> {
    if !differs {
        return None;
    }
    let found: Logit = fit(design, outcomes, &vec![1.0; outcomes.len()])?;
    let covariance = clustered_covariance(&found, design, outcomes, clusters)?;
    let rate = 1.0 / (1.0 + (-found.coefficients[0]).exp());
    Some((rate, rate * (1.0 - rate) * covariance[0][0].max(0.0).sqrt()))
}

impl JudgePreferences {
    fn t(&self) -> f64 {
        t_quantile(0.5 + LEVEL / 2.0, (self.prompts - 1) as f64)
    }

    fn rewards_length(&self) -> Option<String> {
        let (b, se) = self.coefficients[0]?;
        // Seven features are looked at, so the bar is higher than for one.
        let bar = t_quantile(1.0 - 0.025 / FEATURES.len() as f64, (self.prompts - 1) as f64);
        if b - bar * se <= 0.0 {
            return None;
        }
        let equal_length = self.equal_length.map(|(rate, se)| {
            let half = self.t() * se;
            (rate, ((rate - half).max(0.0), (rate + half).min(1.0)))
        });
        Some(wording::rewards_length(&self.judge_id, b, equal_length))
    }
}

pub fn group(rows: &Rows, votes: &Votes, profiles: &Profiles) -> FindingGroup {
    let values = profiles.judges.as_slice();
    let mut findings = Vec::new();
    if values.len() > 1
        && let Some((rate, se, prompts)) = panel_at_equal_length(rows, votes)
    {
        let source = "judgments.jsonl of the panel, texts in completions.jsonl";
        findings.push(at_equal_length("the whole panel", rate, se, prompts, source));
    }
    for judge in values {
        let source = format!("judgments.jsonl judge_id = {}, texts in completions.jsonl", judge.judge_id);
        findings.extend(judge.length_sentence.clone().map(|s| Finding::said("length", s, &source)));
        findings.extend(judge.equal_length.map(|(rate, se)| {
            // The plot tells these; a sentence stands for the panel alone.
            let who = judge.judge_id.as_str();
            Finding { sentence: String::new(), ..at_equal_length(who, rate, se, judge.prompts, &source) }
        }));
        for (name, coefficient) in FEATURES.iter().zip(&judge.coefficients) {
            let Some((b, se)) = coefficient else { continue };
            let half = judge.t() * se;
            findings.push(Finding {
                label: format!("{}: {name}", judge.judge_id),
                estimate: Some(figure(
                    *b,
                    (b - half, b + half),
                    judge.prompts,
                    "prompts",
                    "logit, cluster bootstrap",
                )),
                measure: FindingMeasure::Coefficient,
                p: None,
                sentence: String::new(),
                rows: source.clone(),
            });
        }
    }
    findings.extend(power(values));
    if !values.is_empty() {
        findings.extend(profiles.features.findings());
    }
    findings.extend(interactions(values, &profiles.features.kept));
    if findings.is_empty() {
        let planned = &rows.plan.headline;
        let sentence = wording::not_fitted(FEWEST_PROMPTS, &planned.arm, &planned.against);
        findings.push(Finding::said("profiles", sentence, "judgments.jsonl"));
    }
    FindingGroup::new("values", findings)
}

/// What so many prompts can show of a preference at all: 2.8 standard errors are seen with 80 % power.
fn power(values: &[JudgePreferences]) -> Option<Finding> {
    let least = |judge: &JudgePreferences| {
        judge.coefficients.iter().flatten().map(|(_, se)| 2.8 * se).fold(0.0, f64::max)
    };
    let prompts = values.first()?.prompts;
    let seen = values.iter().map(least);
    let range = seen.fold((f64::INFINITY, 0.0_f64), |(low, high), b| (low.min(b), high.max(b)));
    let penalised = values.iter().filter(|judge| judge.is_penalised);
    let penalised: Vec<&str> = penalised.map(|judge| judge.judge_id.as_str()).collect();
    let sentence = wording::power(prompts, range, &penalised);
    Some(Finding::said("power", sentence, "judgments.jsonl, texts in completions.jsonl"))
}

/// Do judges value a feature differently? A Wald test on the differences over shared resamples, Holm over features.
fn interactions(values: &[JudgePreferences], kept: &[usize]) -> Vec<Finding> {
    let [first, rest @ ..] = values else { return Vec::new() };
    let same = rest.iter().all(|j| j.resampled.len() == first.resampled.len());
    if rest.is_empty() || !same {
        return Vec::new();
    }
    let mut tested = Vec::new();
    for (position, &f) in kept.iter().enumerate() {
        let difference = |judge: &JudgePreferences| Some(judge.coefficients[f]?.0 - first.coefficients[f]?.0);
        let center: Option<Vec<f64>> = rest.iter().map(difference).collect();
        let resampled: Vec<Vec<f64>> = (0..first.resampled.len())
            .map(|b| rest.iter().map(|j| j.resampled[b][position] - first.resampled[b][position]).collect())
            .collect();
        if let Some(p) = center.zip(covariance(&resampled)).and_then(|(c, v)| wald(c, v, first.prompts)) {
            tested.push((f, p));
        }
    }
    let adjusted = crate::stats::multiple::holm(&tested.iter().map(|(_, p)| *p).collect::<Vec<f64>>());
    tested
        .iter()
        .zip(adjusted)
        .map(|((f, _), p)| Finding {
            p: Some(p),
            ..Finding::said(
                FEATURES[*f],
                wording::interaction(FEATURES[*f], p <= 0.05),
                "judgments.jsonl, all judges",
            )
        })
        .collect()
}

/// F test of "all differences are zero".
fn wald(center: Vec<f64>, covariance: Vec<Vec<f64>>, prompts: usize) -> Option<f64> {
    let k = center.len() as f64;
    let solved = crate::stats::solve(covariance, center.clone())?;
    let f = center.iter().zip(solved).map(|(a, b)| a * b).sum::<f64>() / k;
    let df = (prompts - 1) as f64;
    Some(beta_cdf(df / (df + k * f.max(0.0)), df / 2.0, k / 2.0))
}

/// Each reader's win rate: on a prompt the arm wins that scores higher on their weighted criteria.
pub fn readers(rows: &Rows, votes: &Votes) -> FindingGroup {
    let planned = &rows.plan.headline;
    let pairs: Vec<&PairVotes> = votes.of(planned).collect();
    let panel = panel(&pairs);
    let mut findings = Vec::new();
    for audience in &rows.plan.design.audiences {
        let mut by_prompt: BTreeMap<&str, (&str, Vec<f64>)> = BTreeMap::new();
        for votes in &pairs {
            let presentations = panel
                .iter()
                .filter_map(|judge| votes.judges.get(judge))
                .flat_map(|judge| &judge.presentations);
            for (arm, against) in presentations.filter_map(|presentation| presentation.criteria()) {
                let gap: f64 = (0..arm.len()).map(|i| audience.weights[i] * (arm[i] - against[i])).sum();
                let score = if gap.abs() < 1e-9 { 0.5 } else { f64::from(u8::from(gap > 0.0)) };
                let prompt = votes.pair.prompt;
                let entry = by_prompt.entry(&prompt.prompt_id).or_insert((&prompt.cluster_id, Vec::new()));
                entry.1.push(score);
            }
        }
        let scores: Vec<PromptScore> = by_prompt
            .into_iter()
            .map(|(prompt_id, (cluster, presentations))| PromptScore {
                prompt_id,
                cluster,
                score: presentations.iter().sum::<f64>() / presentations.len() as f64,
                identical: false,
            })
            .collect();
        let Some(rate) = win_rate(&scores, (&planned.arm, &planned.against), rules(rows)) else { continue };
        findings.push(Finding {
            label: audience.name.clone(),
            sentence: wording::reader(&audience.name, &rate.estimate),
            estimate: Some(rate.estimate),
            measure: FindingMeasure::Share,
            p: None,
            rows: "judgments.jsonl scores, weights in plan.json".to_owned(),
        });
    }
    if findings.is_empty() {
        findings.push(Finding::said("readers", wording::NO_CRITERIA.to_owned(), "judgments.jsonl scores"));
    }
    FindingGroup::new("readers", findings)
}
