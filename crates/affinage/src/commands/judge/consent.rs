//! What judging would take and send, as a table, and the question before anything leaves this machine.

use affinage_project::errors::{HintExt as _, usage};
use affinage_project::stages::judges::preview::Costs;
use affinage_project::stages::judges::{Estimate, Leaving, total};

use crate::ui::{Paint, Table, Ui, count, counted};

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

/// Shows whose texts, what it takes and three whole requests, and asks. `Ok(false)`: the user said no.
///
/// Errors (exit code 2): there is no terminal to ask at.
pub fn ask(ui: &Ui, leaving: &Leaving) -> anyhow::Result<bool> {
    let (hosts, requests) = (&leaving.hosts, counted(leaving.requests, "request", "requests"));
    if !ui.can_ask() {
        return Err(usage(format!(
            "{requests} would be sent to {hosts}; this is not a terminal, so I cannot ask"
        )))
        .hint("pass `--yes` to send them, `--dry-run` to see what they would take");
    }
    leaving.lines().iter().for_each(|line| ui.say(line));
    for (number, call) in leaving.first.iter().enumerate() {
        ui.say(ui.paint(Paint::Bold, &format!("\nrequest {} of {}", number + 1, leaving.requests)));
        ui.say(format!("{}\n\n{}", call.request.system, call.request.user_text()));
    }
    ui.say(format!("\n{}", table(leaving.estimates)));
    let agreed = ui.confirm(&format!("\nSend {requests} like these to {hosts}?"))?;
    if !agreed {
        ui.say(format!("nothing was sent to {hosts}"));
    }
    Ok(agreed)
}
