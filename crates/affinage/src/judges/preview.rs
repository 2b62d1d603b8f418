//! Before anything is sent: how many calls, about how many tokens and dollars, and what the first requests look
//! like.

use affinage_eval::judge::record::{Call, Prices};
use serde::Serialize;

use crate::config;
use crate::context::Context;
use crate::errors::{HintExt as _, usage};
use crate::ui::{Paint, Table, count};

/// About what a JSON verdict takes.
const REPLY_TOKENS: u64 = 300;
/// English text in the usual vocabularies.
const CHARACTERS_PER_TOKEN: u64 = 4;

/// What a judge's open calls will take.
#[derive(Clone, Debug, Serialize)]
pub struct Estimate {
    pub judge: String,
    pub model: String,
    pub calls: usize,
    pub already_answered: usize,
    /// About, from the number of characters.
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// `null`: a price is not known.
    pub cost_usd: Option<f64>,
}

pub fn estimate(judge: &config::Judge, calls: &[Call], already_answered: usize) -> Estimate {
    let characters: usize = calls
        .iter()
        .map(|call| call.request.system.chars().count() + call.request.user_text().chars().count())
        .sum();
    let is_local = judge.kind == config::JudgeKind::Local;
    let input_tokens = characters as u64 / CHARACTERS_PER_TOKEN;
    let output_tokens = if is_local { 0 } else { REPLY_TOKENS * calls.len() as u64 };
    let prices = prices(judge);
    let cost =
        |(input, output): (f64, f64)| (input_tokens as f64 * input + output_tokens as f64 * output) / 1e6;
    Estimate {
        judge: judge.id.clone(),
        model: judge.model.clone(),
        calls: calls.len(),
        already_answered,
        input_tokens,
        output_tokens,
        cost_usd: if is_local { Some(0.0) } else { prices.input.zip(prices.output).map(cost) },
    }
}

pub fn prices(judge: &config::Judge) -> Prices {
    Prices { input: judge.price_in, output: judge.price_out }
}

/// The estimates as a table.
pub fn table(estimates: &[Estimate]) -> String {
    let mut table = Table::new(["judge", "model", "calls", "answered", "tokens in", "tokens out", "cost"])
        .right(&[2, 3, 4, 5, 6]);
    for row in estimates {
        table.row([
            row.judge.clone(),
            row.model.clone(),
            count(row.calls as u64),
            count(row.already_answered as u64),
            format!("~{}", count(row.input_tokens)),
            format!("~{}", count(row.output_tokens)),
            row.cost_usd.map_or("unknown".to_owned(), |cost| format!("~${cost:.2}")),
        ]);
    }
    table.render()
}

/// Shows the first three requests and asks whether to send them all. `Ok(false)`: the user said no.
pub fn confirm(ctx: &Context, judge: &config::Judge, calls: &[Call], host: &str) -> anyhow::Result<bool> {
    if !ctx.ui.can_ask() {
        let requests = calls.len();
        return Err(usage(format!(
            "judge `{}` would send {requests} requests to {host}; nobody can be asked here",
            judge.id
        )))
        .hint("pass `--yes` to send them, `--dry-run` to see what they would take");
    }
    for (number, call) in calls.iter().take(3).enumerate() {
        ctx.ui.say(ctx.ui.paint(Paint::Bold, &format!("\nrequest {} of {}", number + 1, calls.len())));
        ctx.ui.say(format!("{}\n\n{}", call.request.system, call.request.user_text()));
    }
    ctx.ui.confirm(&format!("\nSend {} requests like these to {host}?", calls.len()))
}
