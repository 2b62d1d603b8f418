//! Vote: which evaluation, and who votes. The vote itself is the page of `affinage vote`, below `vote/`.

use std::sync::Arc;

use affinage_project::errors::{HintExt as _, in_one_line, usage};
use affinage_project::folder::evaluation::Evaluation;
use affinage_project::folder::lock::FolderLock;
use affinage_project::next::next;
use affinage_project::stages::evaluation::series;
use serde::Deserialize;
use serde_json::{Value, json};

use super::jobs::next_as_typed;
use super::{Studio, lock, report, state};
use crate::context::Context;
use crate::human_votes::{ME, Poll};
use crate::ui::counted;
use crate::web::{Method, Reply, Request};

#[derive(Deserialize)]
struct Wanted {
    eval: String,
    name: String,
    #[serde(default)]
    author: bool,
}

pub fn answer(studio: &Studio, ctx: &Context, request: &Request, below: &str) -> anyhow::Result<Reply> {
    match (request.method, below) {
        (Method::Get, "") => {
            let meant = state::newest_evaluation(ctx)?.map(|evaluation| evaluation.name);
            let evaluations = Evaluation::list(&ctx.project)?;
            let shown: Vec<Value> = evaluations.iter().rev().map(|evaluation| row(ctx, evaluation)).collect();
            Reply::json(&json!({ "meant": meant, "evaluations": shown }))
        }
        (Method::Post, "open") => {
            let Wanted { eval, name, author } = request.json()?;
            let is_name = !name.is_empty()
                && name.chars().count() <= 40
                && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
            if !is_name {
                return Err(usage("the name of a voter has up to 40 letters, digits, `-`, `_` and `.`"));
            }
            let eval = report::known(ctx, &eval)?;
            let poll = Arc::new(Poll::of(ctx, &eval.name, &name, author)?);
            let (done, total) = poll.progress();
            *lock(&studio.poll) = Some(poll);
            Reply::json(&json!({ "done": done, "total": total }))
        }
        _ => Ok(Reply::not_found()),
    }
}

/// The session of whoever has the project on the evaluation that is meant; it is the open one from then on.
pub fn open_newest(studio: &Studio, ctx: &Context) -> anyhow::Result<Arc<Poll>> {
    let newest = state::newest_evaluation(ctx)?.ok_or_else(|| usage("there is no evaluation to vote on"));
    let newest = newest.hint(format!("make one with {}", next("eval")))?;
    let poll = Arc::new(Poll::of(ctx, &newest.name, ME, false)?);
    Ok(Arc::clone(lock(&studio.poll).get_or_insert(poll)))
}

/// An evaluation with the votes of people on it; one that cannot be read takes none and says why.
fn row(ctx: &Context, evaluation: &Evaluation) -> Value {
    let state = series::state(evaluation, &ctx.ui);
    let (votes, problem) = match (state::votes(ctx, evaluation), &state) {
        (_, series::State::Unreadable(why)) => (0, Some(why.clone())),
        (Ok(votes), _) => (votes, None),
        (Err(error), _) => (0, Some(in_one_line(&error))),
    };
    let is_whole = state == series::State::Whole && problem.is_none();
    let waits_for = match state {
        series::State::Whole | series::State::Unreadable(_) => None,
        _ if FolderLock::is_held(&evaluation.path) => Some("it is at work".to_owned()),
        series::State::LacksAnswers(missing) => {
            Some(format!("it lacks {}", counted(missing, "answer", "answers")))
        }
        series::State::Stopped => {
            Some("every answer is there, and it was stopped before its report".to_owned())
        }
    };
    let is_own_words =
        evaluation.plan().is_ok_and(|plan| plan.dataset.is_some_and(|facts| facts.is_own_words()));
    let name = &evaluation.name;
    let typed = |rest: &str| next_as_typed(ctx, &ctx.command_on(name, "vote", rest));
    json!({
        "name": name, "is_whole": is_whole, "waits_for": waits_for, "is_own_words": is_own_words,
        "votes": votes, "problem": problem,
        "command": typed("--as me"),
        "pack": typed("--as NAME --pack NAME.html"),
    })
}
