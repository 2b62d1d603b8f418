//! The room Compare: what an evaluation can show and would cost, before anything is spent, and the evaluation itself.

use std::sync::Arc;

use affinage_eval::comparison::missing_answers;
use affinage_project::client::key_in;
use affinage_project::errors::{in_one_line, usage};
use affinage_project::folder::config::Judge;
use affinage_project::folder::evaluation::Evaluation;
use affinage_project::folder::project::Project;
use affinage_project::folder::run::Run;
use affinage_project::stages::evaluation::reach::{EFFECT, Options, TIES, reach};
use affinage_project::stages::evaluation::series::{self, State};
use affinage_project::stages::evaluation::settings;
use affinage_project::stages::judges::server::remote_host;
use serde::Deserialize;
use serde_json::{Value, json};

use super::jobs::{Extent, Work, as_typed};
use super::notes::Notes;
use super::{Studio, report, train};
use crate::context::Context;
use crate::ui::counted;
use crate::web::{Method, Reply, Request};

/// What the page asks for.
#[derive(Deserialize)]
struct Begun {
    #[serde(flatten)]
    extent: Extent,
    /// Texts may be sent to the judges on other machines.
    #[serde(default)]
    may_send: bool,
}

#[derive(Deserialize)]
struct Resumed {
    eval: String,
    #[serde(default)]
    may_send: bool,
}

/// See [`super::ROOMS`].
pub fn answer(studio: &Studio, ctx: &Context, request: &Request, below: &str) -> anyhow::Result<Reply> {
    let work = match (request.method, below) {
        (Method::Get, "") => return overview(ctx),
        (Method::Get, "plan") => return plan(ctx, request),
        (Method::Post, "time") => Work::Time { extent: request.json()? },
        (Method::Post, "begin") => {
            let Begun { extent, may_send } = request.json()?;
            Work::Eval { name: None, extent, may_send }
        }
        (Method::Post, "resume") => {
            let Resumed { eval, may_send } = request.json()?;
            let evaluation = report::known(ctx, &eval)?;
            Work::Eval { extent: extent_of(&evaluation)?, name: Some(evaluation.name), may_send }
        }
        _ => return Ok(Reply::not_found()),
    };
    let before = studio.jobs.newest(|work| matches!(work, Work::Eval { .. }));
    let is_eval = matches!(work, Work::Eval { .. });
    if is_eval && before.is_some_and(|job| !job.state.is_ended()) {
        return Err(usage("an evaluation is at work already"));
    }
    Reply::json(&json!({ "job": studio.jobs.add(ctx, work)? }))
}

/// Who is compared, on what, by whom, and the evaluations so far, the newest first.
fn overview(ctx: &Context) -> anyhow::Result<Reply> {
    let config = &ctx.config.eval;
    let mut arms = vec!["base".to_owned()];
    if config.system_prompt.as_deref() != Some("") {
        arms.push("base+prompt".to_owned());
    }
    if config.examples > 0 {
        arms.push(format!("base+{}-examples", config.examples));
    }
    arms.extend(config.checkpoints.iter().cloned());
    let meant = Run::meant_first(&ctx.project, &ctx.ui)?.into_iter().next();
    let stopped_at = meant.as_ref().and_then(|run| train::stopped_at(ctx, run));
    let run = meant.map(|run| run.name);
    let mut evaluations = Evaluation::list(&ctx.project)?;
    evaluations.reverse();
    let rows: Vec<Value> = evaluations.iter().map(|evaluation| row(ctx, evaluation)).collect();
    Reply::json(&json!({
        "run": run, "stopped_at": stopped_at, "arms": arms, "suites": config.suites,
        "prompts": config.prompts_per_suite, "tokens": config.max_new_tokens,
        "judges": ctx.config.judges.iter().map(judge).collect::<Vec<_>>(),
        "evaluations": rows,
    }))
}

/// A judge with the name of the variable that holds its key, never the key.
fn judge(judge: &Judge) -> Value {
    let variable = judge.api_key_env();
    json!({
        "id": judge.id, "model": judge.model, "host": remote_host(judge),
        "variable": variable, "has_key": variable.is_some_and(|variable| key_in(variable).is_some()),
    })
}

/// What the evaluation can show and what its judges would take, with what the stage has to say of it.
fn plan(ctx: &Context, request: &Request) -> anyhow::Result<Reply> {
    let notes = Notes::default();
    let mut config = ctx.config.clone();
    let asked = |name| request.query(name).and_then(|number| number.parse().ok());
    let extent = Extent { prompts: asked("prompts"), tokens: asked("tokens") };
    config.eval.prompts_per_suite = extent.prompts.or(config.eval.prompts_per_suite);
    config.eval.max_new_tokens = extent.tokens.or(config.eval.max_new_tokens);
    let project = Project { ui: Arc::new(notes.clone()), ..Project::clone(&ctx.with_config(config)) };
    let newest = series::newest(&ctx.project, &project.config.eval.name, &ctx.ui)?;
    let evaluation = Evaluation::named(&ctx.project, &newest);
    let changes = match evaluation.is_planned() {
        true => settings::changed(&evaluation, &project.config)?,
        false => Vec::new(),
    };
    // What the button of the page would do, so that no note has to name an option of the command.
    let name = if changes.is_empty() { newest.clone() } else { series::next(&ctx.project, &newest)? };
    let planned = reach(&project, &Options { eval: Some(&name), effect: EFFECT, ties: TIES })?;
    let mut planned = serde_json::to_value(&planned)?;
    let mut said = notes.take();
    if !changes.is_empty() {
        let begins = format!("the button Compare begins another evaluation, {name}: {}", changes.join("; "));
        said.insert(0, format!("{begins}; votes on {newest} stay with it"));
    }
    planned["notes"] = json!(said);
    let typed = |words: &[&str]| {
        let words = words.iter().map(|word| (*word).to_owned());
        as_typed(ctx, &extent.typed().into_iter().chain(words).collect::<Vec<String>>())
    };
    planned["command"] = json!(typed(&["eval"]));
    planned["plan_command"] = json!(typed(&["plan"]));
    planned["time_command"] = json!(typed(&["plan", "--time"]));
    Reply::json(&planned)
}

/// How many answers there are, of how many, and how many judgments.
fn counts(ctx: &Context, evaluation: &Evaluation) -> anyhow::Result<(usize, usize, usize)> {
    let (plan, prompts) = (evaluation.plan()?, evaluation.prompts().read(&ctx.ui)?);
    let all = missing_answers(&plan, &prompts, &[]);
    let missing = missing_answers(&plan, &prompts, &evaluation.completions().read(&ctx.ui)?);
    Ok((all - missing, all, evaluation.judgments().read(&ctx.ui)?.len()))
}

/// How far an evaluation is, with its answer card where there is one; where a file of it cannot be read, which one and where.
fn row(ctx: &Context, evaluation: &Evaluation) -> Value {
    let (counted_in, state) = match counts(ctx, evaluation) {
        Ok(counts) => (counts, series::state(evaluation, &ctx.ui)),
        Err(error) => ((0, 0, 0), State::Unreadable(in_one_line(&error))),
    };
    let (answers, all, judgments) = counted_in;
    let words = match &state {
        State::Whole => "every answer is there".to_owned(),
        State::LacksAnswers(missing) => format!("{} to go", counted(*missing, "answer", "answers")),
        State::Stopped => "stopped before its report".to_owned(),
        State::Unreadable(why) => format!("it cannot be read: {why}"),
    };
    json!({
        "name": evaluation.name, "state": words, "is_whole": state == State::Whole,
        "can_go_on": matches!(state, State::LacksAnswers(_) | State::Stopped),
        "answers": answers, "of_answers": all, "judgments": judgments,
        "card": report::card(ctx, evaluation),
    })
}

/// How much an evaluation was planned to ask for, as far as that was set.
fn extent_of(evaluation: &Evaluation) -> anyhow::Result<Extent> {
    let Some(settings) = evaluation.settings()? else { return Ok(Extent::default()) };
    let settings: toml::Table = settings
        .parse()
        .map_err(|error: toml::de::Error| usage(format!("the settings of {}: {error}", evaluation.name)))?;
    let number = |key| settings.get("eval")?.get(key)?.as_integer()?.try_into().ok();
    Ok(Extent { prompts: number("prompts-per-suite"), tokens: number("max-new-tokens") })
}
