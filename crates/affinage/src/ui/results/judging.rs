//! Judging in words: what it would take and send, the question before anything leaves this machine, and what came back.

use affinage_project::errors::{HintExt as _, usage};
use affinage_project::next::next;
use affinage_project::stages::judges::find::{Found, block};
use affinage_project::stages::judges::preview::Costs;
use affinage_project::stages::judges::{Estimate, JudgeSummary, Leaving, SourceLine, total};

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

/// What one judge was asked and answered, in one line.
pub fn line(summary: &JudgeSummary) -> String {
    let mut parts = vec![format!(
        "{}{}: {} of {} judged",
        summary.judge_id,
        if summary.phase == "exam" { ", exam" } else { "" },
        summary.already_answered + summary.made,
        summary.planned
    )];
    if summary.exam_lost && summary.already_answered + summary.made < summary.planned {
        parts.push("stopped there: it could not pass any more".to_owned());
    }
    if summary.already_answered > 0 {
        parts.push(format!("{} were there", summary.already_answered));
    }
    if summary.missing > 0 {
        parts.push(format!("{} without a verdict", summary.missing));
    }
    if summary.failed > 0 {
        parts.push(format!("{} failed", summary.failed));
    }
    if summary.in_batch > 0 {
        parts.push(format!("{} wait in a batch", summary.in_batch));
    }
    if !summary.not_sent.is_empty() {
        parts.push(format!("the server takes no {}", summary.not_sent.join(", no ")));
    }
    if let Some(lowest) = summary.lowest_concurrency {
        parts.push(format!("slowed down to {lowest} at once"));
    }
    if summary.input_tokens > 0 {
        parts.push(format!("{} tokens in, {} out", summary.input_tokens, summary.output_tokens));
    }
    match summary.cost_usd {
        Some(0.0) => {}
        Some(cost) => parts.push(format!("${cost:.4}")),
        None => parts.push("cost unknown".to_owned()),
    }
    parts.join(", ")
}

/// Says of how many prompts nothing was sent.
pub fn say_left_out(ui: &Ui, sources: &[SourceLine]) {
    let left_out: usize = sources.iter().map(|line| line.left_out).sum();
    if left_out > 0 {
        ui.say(format!(
            "not sent: {} from conversations that are or may be held private; `--send-private NAME` sends them all the same",
            counted(left_out, "prompt", "prompts")
        ));
    }
}

/// Shows which servers of this machine answer, with a judge to paste for each.
pub fn local_servers(ui: &Ui, servers: &[Found]) -> anyhow::Result<()> {
    for server in servers {
        let program = server.usual_program.map_or(String::new(), |name| format!(" (usually {name})"));
        let models = match server.models.as_slice() {
            [] => "has no model yet".to_owned(),
            names => format!("has {}", names.join(", ")),
        };
        ui.say(format!("{}{program} answers and {models}", server.base_url));
        ui.data(&block(server))?;
    }
    match servers {
        [] => {
            ui.say("no model server answers on this machine");
            ui.hint(format!(
                "start one, for example `ollama serve`, or name its port: {}",
                next("judge").words("--find-local PORT")
            ));
        }
        _ => ui.hint(format!(
            "append one to affinage.toml, then {}: an exam shows whether it can judge",
            next("judge").words("--qualify")
        )),
    }
    Ok(())
}
