//! Before anything is sent: how many calls, about how many tokens and dollars, whose texts, and what the first
//! requests look like.

use affinage_eval::judge::batch::BATCH_PRICE;
use affinage_eval::judge::ledger::Phase;
use affinage_eval::judge::record::{Call, Prices};
use serde::Serialize;

use super::server::remote_host;
use super::sources::PromptSources;
use super::work::Work;
use super::{Consent, Request};
use crate::client::worst_usd;
use crate::folder::config::{self, JudgeMode};
use crate::folder::project::Project;

/// What the open calls of a judge will take.
#[derive(Clone, Debug, Serialize)]
pub struct Estimate {
    pub judge: String,
    pub model: String,
    pub phase: &'static str,
    pub calls: usize,
    pub already_answered: usize,
    /// About, from the number of characters.
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// `null`: a price is not known.
    pub cost_usd: Option<Costs>,
}

/// US dollars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Costs {
    /// Short replies, and the shared beginning of the two orders read from a cache where the provider has one.
    pub low: f64,
    pub expected: f64,
    /// Two bytes a token, replies as long as they may be, and every reply asked for once more.
    pub worst: f64,
}

/// Tokens of a verdict: a label alone, a short one, an ordinary one.
const LABEL_TOKENS: f64 = 8.0;
const SHORT_TOKENS: f64 = 120.0;
const REPLY_TOKENS: f64 = 300.0;
/// English text in the usual vocabularies.
const CHARACTERS_PER_TOKEN: f64 = 4.0;
/// Providers read cached tokens at about this share of the price.
const CACHED_PRICE: f64 = 0.1;

/// The length of one request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Length {
    /// Rubric and question.
    pub shared_characters: usize,
    pub characters: usize,
    pub bytes: usize,
}

impl Length {
    fn of(call: &Call) -> Length {
        let request = &call.request;
        let shared = request.system.chars().count() + request.shared.chars().count();
        Length {
            shared_characters: shared,
            characters: shared + request.user.chars().count(),
            bytes: request.system.len() + request.shared.len() + request.user.len(),
        }
    }
}

pub fn estimate(work: &Work) -> Estimate {
    let lengths: Vec<Length> = work.to_send().map(Length::of).collect();
    estimate_of(work.judge, work.phase, &lengths, work.answered)
}

/// The estimate of calls of these lengths.
pub fn estimate_of(
    judge: &config::Judge,
    phase: Phase,
    lengths: &[Length],
    already_answered: usize,
) -> Estimate {
    let calls = lengths.len() as f64;
    let is_local = judge.kind == config::JudgeKind::Local;
    let (short, usual) =
        if judge.logprobs { (LABEL_TOKENS, LABEL_TOKENS) } else { (SHORT_TOKENS, REPLY_TOKENS) };
    let input = lengths.iter().map(|l| l.characters as f64).sum::<f64>() / CHARACTERS_PER_TOKEN;
    let output = if is_local { 0.0 } else { usual * calls };
    let prices = prices(judge);
    let costs = prices.input.zip(prices.output).map(|(per_input, per_output)| {
        // Each question is read twice or more; all but its first reading may come from a cache.
        let shared = lengths.iter().map(|l| l.shared_characters as f64).sum::<f64>() / CHARACTERS_PER_TOKEN;
        let cached = shared / 2.0 * (1.0 - CACHED_PRICE);
        let max_tokens = u32::try_from(judge.max_tokens).unwrap_or(u32::MAX);
        let worst = |l: &Length| worst_usd(l.bytes, max_tokens, prices).unwrap_or(0.0);
        Costs {
            low: ((input - cached) * per_input + short * calls * per_output) / 1e6,
            expected: (input * per_input + output * per_output) / 1e6,
            worst: 2.0 * lengths.iter().map(worst).sum::<f64>(),
        }
    });
    let nothing = Costs { low: 0.0, expected: 0.0, worst: 0.0 };
    Estimate {
        judge: judge.id.clone(),
        model: judge.model.clone(),
        phase: phase.name(),
        calls: lengths.len(),
        already_answered,
        input_tokens: input.round() as u64,
        output_tokens: output.round() as u64,
        cost_usd: if is_local { Some(nothing) } else { costs },
    }
}

/// The judge's prices, as its mode has them.
pub fn prices(judge: &config::Judge) -> Prices {
    let factor = if judge.mode == JudgeMode::Batch { BATCH_PRICE } else { 1.0 };
    Prices { input: judge.price_in.map(|p| factor * p), output: judge.price_out.map(|p| factor * p) }
}

/// The sum; unknown as soon as one of them is.
pub fn total(estimates: &[Estimate]) -> Option<Costs> {
    estimates.iter().map(|estimate| estimate.cost_usd).try_fold(
        Costs { low: 0.0, expected: 0.0, worst: 0.0 },
        |sum, costs| {
            let costs = costs?;
            Some(Costs {
                low: sum.low + costs.low,
                expected: sum.expected + costs.expected,
                worst: sum.worst + costs.worst,
            })
        },
    )
}

/// What would leave this machine, for the person who decides.
pub struct Leaving<'a> {
    /// Who would read it, each once.
    pub hosts: String,
    pub requests: usize,
    /// Whose texts, a line each.
    pub sources: Vec<String>,
    /// The first three requests.
    pub first: Vec<&'a Call>,
    pub estimates: &'a [Estimate],
}

/// Decides about everything that would leave this machine, once. `Ok(false)`: the user said no.
pub fn agreed(
    ctx: &Project,
    works: &[Work],
    estimates: &[Estimate],
    sources: &PromptSources,
    request: &Request,
) -> anyhow::Result<bool> {
    let leaving: Vec<(&Work, String)> = works
        .iter()
        .filter(|work| work.to_send().next().is_some())
        .filter_map(|work| Some((work, remote_host(work.judge)?)))
        .collect();
    if leaving.is_empty() {
        return Ok(true);
    }
    let mut hosts: Vec<&str> = leaving.iter().map(|(_, host)| host.as_str()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let leaving = Leaving {
        hosts: hosts.join(", "),
        requests: leaving.iter().map(|(work, _)| work.to_send().count()).sum(),
        sources: sources.shown(),
        first: leaving.iter().flat_map(|(work, _)| work.to_send()).take(3).collect(),
        estimates,
    };
    if request.consent == Consent::Ask {
        return (request.ask)(&leaving);
    }
    leaving.lines().iter().for_each(|line| ctx.ui.say(line));
    Ok(true)
}

impl Leaving<'_> {
    /// Whose texts are sent where.
    pub fn lines(&self) -> Vec<String> {
        let heading = format!("texts of these sources are sent to {}:", self.hosts);
        std::iter::once(heading).chain(self.sources.iter().map(|line| format!("  {line}"))).collect()
    }
}
