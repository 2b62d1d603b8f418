//! How few prompts, verdicts, judges or people the words of the headline hang on.
//!
//! A word is decided again without them by the rule of the report: the sign-flip test, Holm's adjustment with the p of all other
//! comparisons as they are, and the two one-sided tests. Two things are held: who belongs to the panel, and that there are enough
//! prompts for a word. A word that is lost only because fewer than 30 prompts are left does not count as turned.

use std::collections::{BTreeMap, BTreeSet};

use super::Rows;
use super::comparisons::{is_judged_by_coins, panel, prompt_scores, rules};
use super::votes::{PairVotes, Votes};
use super::win_rate::{PromptScore, Rules, is_enough, is_equivalent, word};
use crate::analysis::{
    ComparisonResult, Fragility, JudgeResult, Left, Part, PartFragility, Removal, VerdictWord, WinRate,
};
use crate::judgment::is_person;
use crate::stats::evalue;
use crate::stats::fragility::{Effect, Goal, Removable, Rule, Totals, Wholes, turn};
use crate::stats::multiple::holm;
use crate::stats::permutation::sign_flip_clustered;
use crate::stats::special::normal_cdf;
use crate::suite::Domain;
use crate::wording::fragility as wording;

/// From so many clusters on p of the normal limit is within a factor of two of that of the draws near the error rate.
const SURE: f64 = 100.0;

/// Of the headline; `None` where no word could be used.
pub fn result(
    rows: &Rows,
    votes: &Votes,
    comparisons: &[ComparisonResult],
    judges: &[JudgeResult],
) -> Option<Fragility> {
    let index = comparisons.iter().position(|result| result.is_headline)?;
    let headline = &comparisons[index];
    if headline.not_comparable.is_some() || is_judged_by_coins(headline, judges) {
        return None;
    }
    let pairs: Vec<&PairVotes> = votes.of(&rows.plan.headline).collect();
    let panel = panel(&pairs);
    let of_whole: Vec<Option<f64>> = comparisons.iter().map(|result| result.p).collect();
    let p_of = |rate: &Option<WinRate>| rate.as_ref().and_then(|rate| rate.permutation_p);
    let of_domains: Vec<Option<f64>> = comparisons
        .iter()
        .flat_map(|result| [p_of(&result.in_domain), p_of(&result.out_of_domain)])
        .collect();
    // Where one domain is the whole, its word is that of the whole.
    let has_both = headline.in_domain.is_some() && headline.out_of_domain.is_some();
    let has_parts = has_both && !rows.plan.design.stops_early;
    let parts = [
        (Part::InDomain, has_parts.then_some(headline.in_domain.as_ref()).flatten(), &of_domains, 2 * index),
        (
            Part::OutOfDomain,
            has_parts.then_some(headline.out_of_domain.as_ref()).flatten(),
            &of_domains,
            2 * index + 1,
        ),
        (Part::All, headline.overall.as_ref(), &of_whole, index),
    ];
    let parts: Vec<PartFragility> = parts
        .into_iter()
        .filter_map(|(part, rate, family, place)| {
            let rate = rate.filter(|rate| is_enough(rate.estimate.n, rate.estimate.n_effective))?;
            // What would have stopped judging is another question than what would have been a word.
            let is_open = rows.plan.design.stops_early && rate.word == VerdictWord::NotShown;
            let rate = Some(rate).filter(|_| !is_open)?;
            let is_in = |votes: &&PairVotes| match part {
                Part::InDomain => votes.pair.prompt.domain == Domain::In,
                Part::OutOfDomain => votes.pair.prompt.domain == Domain::Out,
                Part::All => true,
            };
            let pairs: Vec<&PairVotes> = pairs.iter().copied().filter(is_in).collect();
            let decision = Decision { rules: rules(rows), family, place };
            Some(of_part(part, rate.word, &pairs, &panel, &decision))
        })
        .collect();
    let sentence = wording::sentence(&parts, rows.plan.margin);
    (!parts.is_empty()).then_some(Fragility { sentence, parts })
}

/// The rule of the report for one word.
struct Decision<'a> {
    rules: Rules,
    /// The p of every word of its kind; that at `place` is decided again.
    family: &'a [Option<f64>],
    place: usize,
}

impl Decision<'_> {
    fn adjusted(&self, p: f64) -> f64 {
        let before = self.family[..self.place].iter().flatten().count();
        let p_of = |(i, other): (usize, &Option<f64>)| if i == self.place { Some(p) } else { *other };
        let family: Vec<f64> = self.family.iter().enumerate().filter_map(p_of).collect();
        holm(&family)[before]
    }
}

impl Decision<'_> {
    /// The word where the normal limit over many clusters leaves no doubt of it: draws are spared.
    fn clear(&self, values: &[f64], clusters: &[usize]) -> Option<VerdictWord> {
        let totals = Totals::of_values(values, clusters);
        // Of equal values the interval is another one.
        if self.rules.family.is_some() || totals.clusters < SURE || totals.se() < 1e-9 {
            return None;
        }
        let p = self.adjusted(2.0 * (1.0 - normal_cdf(totals.z().abs())));
        let doubt = self.rules.alpha / 2.0..=2.0 * self.rules.alpha;
        (!doubt.contains(&p)).then(|| self.about(&totals))
    }
}

impl Rule for Decision<'_> {
    type Word = VerdictWord;

    fn word(&self, values: &[f64], clusters: &[usize]) -> VerdictWord {
        if let Some(word) = self.clear(values, clusters) {
            return word;
        }
        let rate = 0.5 + values.iter().sum::<f64>() / values.len() as f64;
        let p = match self.rules.family {
            Some(family) => {
                let wins = values.iter().filter(|value| **value > 0.0).count() as u64;
                let decided = values.iter().filter(|value| **value != 0.0).count() as u64;
                let e = if decided == 0 { 0.0 } else { evalue::mixture(wins, decided, 0.5, (1.0, 1.0)) };
                Some((family as f64 / e).min(1.0))
            }
            None => {
                let p = sign_flip_clustered(values, clusters, 0.0, self.rules.seed);
                p.map(|p| self.adjusted(p))
            }
        };
        let scores = || values.iter().map(|value| value + 0.5).collect::<Vec<f64>>();
        word(rate, p, self.rules.alpha, || is_equivalent(&scores(), clusters, self.rules))
    }

    fn about(&self, totals: &Totals) -> VerdictWord {
        let p = self.adjusted(2.0 * (1.0 - normal_cdf(totals.z().abs())));
        let is_equivalent = || totals.p_inside(self.rules.margin) <= self.rules.alpha;
        word(0.5 + totals.mean(), Some(p), self.rules.alpha, is_equivalent)
    }
}

fn of_part(
    part: Part,
    word: VerdictWord,
    pairs: &[&PairVotes],
    panel: &BTreeSet<&str>,
    decision: &Decision,
) -> PartFragility {
    let scores = prompt_scores(pairs, panel);
    let clusters = numbered(&scores);
    let prompts =
        Wholes::new(scores.iter().zip(&clusters).map(|(s, &cluster)| (cluster, vec![s.score - 0.5])));
    let ballots = Ballots::new(pairs, panel, &scores, &clusters);
    let margin = decision.rules.margin;
    let (up, down) = (Goal::Flips(1.0), Goal::Flips(-1.0));
    let goals = match word {
        VerdictWord::Better => vec![down],
        VerdictWord::Worse => vec![up],
        VerdictWord::EquivalentWithinMargin => vec![
            Goal::Student { center: -margin, side: -1.0 },
            Goal::Student { center: margin, side: 1.0 },
            up,
            down,
        ],
        VerdictWord::NotShown => vec![up, down, Goal::Inside { margin }],
    };
    // Of prompts won, tied or lost, each a cluster of its own, the sign test depends on the numbers won and lost alone, and
    // its p grows with every win (loss) less.
    let is_sign_test = prompts.is_won_or_lost()
        && decision.rules.family.is_none()
        && matches!(word, VerdictWord::Better | VerdictWord::Worse);
    let of = scores.len();
    let found = turn(&prompts, &goals, decision, of / 2, is_sign_test);
    let id = |item: usize| scores[item].prompt_id.to_owned();
    let mut removals = vec![Removal::of_items(Left::Prompts, of, found, is_sign_test, id)];
    let of = ballots.items();
    // Of one vote on each prompt, verdicts are prompts.
    let is_exact = is_sign_test && of <= scores.len() && ballots.is_one_a_prompt();
    let found = turn(&ballots, &goals, decision, of / 2, is_exact);
    let id = |item: usize| ballots.prompt_of(item).to_owned();
    removals.push(Removal::of_items(Left::Verdicts, of, found, is_exact, id));
    for (left_out, are_people) in [(Left::Judges, false), (Left::Annotators, true)] {
        let voters: Vec<&str> = panel.iter().copied().filter(|id| is_person(id) == are_people).collect();
        if !voters.is_empty() {
            let word_without = |set: &[&str]| {
                let others: BTreeSet<&str> = panel.iter().copied().filter(|id| !set.contains(id)).collect();
                let scores = prompt_scores(pairs, &others);
                let values: Vec<f64> = scores.iter().map(|score| score.score - 0.5).collect();
                (!values.is_empty()).then(|| decision.word(&values, &numbered(&scores)))
            };
            // Somebody must be left.
            let most = voters.len().min(panel.len() - 1);
            removals.push(Removal::of_voters(left_out, &voters, most, word, word_without));
        }
    }
    PartFragility { part, word, prompts_to_half: prompts.to_half(), removals }
}

/// Clusters by the order of their names, as the test of the report has them.
fn numbered(scores: &[PromptScore]) -> Vec<usize> {
    let names: BTreeSet<&str> = scores.iter().map(|score| score.cluster).collect();
    let numbers: BTreeMap<&str, usize> = names.into_iter().zip(0..).collect();
    scores.iter().map(|score| numbers[score.cluster]).collect()
}

/// The votes behind prompts: a prompt has samples, a sample the votes of the panel.
#[derive(Clone)]
struct Ballots<'r> {
    prompts: Vec<Ballot<'r>>,
    /// Prompt, sample, score.
    votes: Vec<(usize, usize, f64)>,
}

#[derive(Clone)]
struct Ballot<'r> {
    prompt_id: &'r str,
    cluster: usize,
    /// Sum and number of votes; pairs with one text on both sides are ties that nobody can take back.
    samples: Vec<(f64, usize)>,
}

impl Ballot<'_> {
    /// Difference of the prompt's score from one half, with a vote of `without` (sample, score) less.
    fn value(&self, without: Option<(usize, f64)>) -> Option<f64> {
        let (mut sum, mut samples) = (0.0, 0);
        for (i, &(total, n)) in self.samples.iter().enumerate() {
            let (total, n) = match without {
                Some((sample, score)) if sample == i => (total - score, n - 1),
                _ => (total, n),
            };
            if n > 0 {
                sum += total / n as f64;
                samples += 1;
            }
        }
        (samples > 0).then(|| sum / f64::from(samples) - 0.5)
    }
}

impl<'r> Ballots<'r> {
    fn new(
        pairs: &[&PairVotes<'r>],
        panel: &BTreeSet<&str>,
        scores: &[PromptScore<'r>],
        clusters: &[usize],
    ) -> Ballots<'r> {
        let place: BTreeMap<&str, usize> = scores.iter().map(|score| score.prompt_id).zip(0..).collect();
        let ballot = |(score, &cluster): (&PromptScore<'r>, &usize)| Ballot {
            prompt_id: score.prompt_id,
            cluster,
            samples: Vec::new(),
        };
        let mut ballots =
            Ballots { prompts: scores.iter().zip(clusters).map(ballot).collect(), votes: Vec::new() };
        for votes in pairs.iter().filter(|votes| !votes.unanswered) {
            let Some(&prompt) = place.get(votes.pair.prompt.prompt_id.as_str()) else { continue };
            let samples = &mut ballots.prompts[prompt].samples;
            if votes.identical {
                samples.push((0.5, 1));
                continue;
            }
            let of_panel = panel.iter().filter_map(|judge| votes.judges.get(judge)?.score());
            let of_panel: Vec<f64> = of_panel.collect();
            if !of_panel.is_empty() {
                ballots.votes.extend(of_panel.iter().map(|score| (prompt, samples.len(), *score)));
                samples.push((of_panel.iter().sum(), of_panel.len()));
            }
        }
        ballots
    }

    fn is_one_a_prompt(&self) -> bool {
        self.prompts.iter().all(|prompt| matches!(prompt.samples.as_slice(), [(_, 1)]))
    }

    fn prompt_of(&self, vote: usize) -> &str {
        self.prompts[self.votes[vote].0].prompt_id
    }
}

impl Removable for Ballots<'_> {
    fn items(&self) -> usize {
        self.votes.len()
    }

    fn effect(&self, vote: usize) -> Effect {
        let (prompt, sample, score) = self.votes[vote];
        let ballot = &self.prompts[prompt];
        let before = ballot.value(None).unwrap_or(0.0);
        match ballot.value(Some((sample, score))) {
            Some(after) => Effect { cluster: ballot.cluster, n: 0.0, sum: after - before },
            None => Effect { cluster: ballot.cluster, n: -1.0, sum: -before },
        }
    }

    fn remove(&mut self, vote: usize) {
        let (prompt, sample, score) = self.votes[vote];
        let (total, n) = &mut self.prompts[prompt].samples[sample];
        *total -= score;
        *n -= 1;
    }

    fn rest(&self) -> (Vec<f64>, Vec<usize>) {
        self.prompts.iter().filter_map(|prompt| Some((prompt.value(None)?, prompt.cluster))).unzip()
    }
}
