//! Before anything is sent: how many calls, about how many tokens and dollars, whose texts, and what the first
//! requests look like.

use affinage_eval::judge::batch::BATCH_PRICE;
use affinage_eval::judge::ledger::Phase;
use affinage_eval::judge::record::{Call, Prices};
use serde::Serialize;

use super::Consent;
use super::budget::worst_usd;
use super::server::remote_host;
use super::sources::Sources;
use super::work::Work;
use crate::config::{self, JudgeMode};
use crate::context::Context;
use crate::errors::{HintExt as _, usage};
use crate::ui::{Paint, Table, count, counted};

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

/// The estimates as a table.
pub fn table(estimates: &[Estimate]) -> String {
    let head = ["judge", "phase", "calls", "answered", "tokens in", "tokens out", "low", "expected", "worst"];
    let mut table = Table::new(head).right(&[2, 3, 4, 5, 6, 7, 8]);
    // A sum over no calls is a negative zero.
    let dollars = |value: Option<f64>| value.map_or("unknown".to_owned(), |usd| format!("${:.2}", usd.abs()));
    let mut add = |judge: &str, phase: &str, counts: [u64; 4], costs: Option<Costs>| {
        let [calls, answered, input, output] = counts;
        table.row([
            judge.to_owned(),
            phase.to_owned(),
            count(calls),
            count(answered),
            format!("~{}", count(input)),
            format!("~{}", count(output)),
            dollars(costs.map(|c| c.low)),
            dollars(costs.map(|c| c.expected)),
            dollars(costs.map(|c| c.worst)),
        ]);
    };
    for row in estimates {
        let counts = [row.calls as u64, row.already_answered as u64, row.input_tokens, row.output_tokens];
        add(&row.judge, row.phase, counts, row.cost_usd);
    }
    if estimates.len() > 1 {
        let sum = |part: fn(&Estimate) -> u64| estimates.iter().map(part).sum::<u64>();
        let counts = [
            sum(|e| e.calls as u64),
            sum(|e| e.already_answered as u64),
            sum(|e| e.input_tokens),
            sum(|e| e.output_tokens),
        ];
        add("all", "", counts, total(estimates));
    }
    table.render()
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

/// Shows whose texts, what it takes and three whole requests, and asks once for everything that would leave this
/// machine. `Ok(false)`: the user said no.
pub fn agreed(
    ctx: &Context,
    works: &[Work],
    estimates: &[Estimate],
    sources: &Sources,
    consent: Consent,
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
    let (hosts, requests) =
        (hosts.join(", "), leaving.iter().map(|(work, _)| work.to_send().count()).sum::<usize>());
    if consent == Consent::Ask && !ctx.ui.can_ask() {
        return Err(usage(format!(
            "{} would be sent to {hosts}; this is not a terminal, so I cannot ask",
            counted(requests, "request", "requests")
        )))
        .hint("pass `--yes` to send them, `--dry-run` to see what they would take");
    }
    ctx.ui.say(format!("texts of these sources are sent to {hosts}:"));
    sources.shown().iter().for_each(|line| ctx.ui.say(format!("  {line}")));
    if consent == Consent::Given {
        return Ok(true);
    }
    let calls = leaving.iter().flat_map(|(work, _)| work.to_send());
    for (number, call) in calls.take(3).enumerate() {
        ctx.ui.say(ctx.ui.paint(Paint::Bold, &format!("\nrequest {} of {requests}", number + 1)));
        ctx.ui.say(format!("{}\n\n{}", call.request.system, call.request.user_text()));
    }
    ctx.ui.say(format!("\n{}", table(estimates)));
    let agreed = ctx
        .ui
        .confirm(&format!("\nSend {} like these to {hosts}?", counted(requests, "request", "requests")))?;
    if !agreed {
        ctx.ui.say(format!("nothing was sent to {hosts}"));
    }
    Ok(agreed)
}
