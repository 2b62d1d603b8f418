//! The strip: how far the story is, a row for each room, read from the project folder.

use std::path::Path;
use std::time::SystemTime;

use affinage_eval::judgment::Outcome;
use affinage_project::errors::in_one_line;
use affinage_project::folder::datasets::{ALTERNATIVES_FILE, DatasetVersion, version_number};
use affinage_project::folder::evaluation::Evaluation;
use affinage_project::folder::library::{Action, LIBRARY_FILE, Library};
use affinage_project::folder::project::CONFIG_FILE;
use affinage_project::folder::run::Run;
use affinage_project::stages::evaluation::series;
use affinage_project::stages::freeze::{FIRST_MODEL_EXAMPLES, changes};
use affinage_project::stages::training::{Trained, standing, trained_before};
use serde::Serialize;

use super::ROOMS;
use super::jobs::as_typed;
use crate::context::Context;
use crate::ui::{count, counted};

/// How far a room is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Stand {
    Done,
    /// Done, and something before it has changed since.
    Stale,
    /// What to do next.
    Next,
    Empty,
}

/// A room in the strip.
#[derive(Debug, Serialize)]
pub struct Row {
    name: &'static str,
    title: &'static str,
    /// Relative to the studio's first page.
    href: String,
    state: Stand,
    /// How far it is, in one sentence.
    sentence: String,
    /// The command that does the same.
    command: String,
}

/// How far a room is, with its sentence.
type Found = (Stand, String);

/// All rooms in the order of the story. The first that is not done and that the rest waits for is next. What cannot be read closes
/// its own room alone, whose sentence says which file and where.
pub fn rooms(ctx: &Context) -> Vec<Row> {
    let said =
        |found: anyhow::Result<Found>| found.unwrap_or_else(|error| (Stand::Empty, in_one_line(&error)));
    let found = [
        ("start", start(ctx), "init"),
        ("bring", said(bring(ctx)), "import FILE"),
        ("choose", said(choose(ctx)), "review"),
        ("train", said(train(ctx)), "train"),
        ("talk", said(talk(ctx)), "chat --compare base,last"),
        ("compare", said(compare(ctx)), "eval"),
        ("vote", said(vote(ctx)), "vote --as me"),
        ("report", said(report(ctx)), "report --open"),
    ];
    let mut rows: Vec<Row> = found
        .into_iter()
        .zip(&ROOMS)
        .map(|((name, (state, sentence), command), room)| {
            debug_assert_eq!(name, room.name);
            let arguments: Vec<String> = command.split(' ').map(str::to_owned).collect();
            let href = if room.script.is_some() { format!("#{name}") } else { format!("{name}/") };
            let command = as_typed(ctx, &arguments).replace("'FILE'", "FILE");
            Row { name, title: room.title, href, state, sentence, command }
        })
        .collect();
    // Nobody has to talk or to vote before the rest.
    let is_needed = |row: &&mut Row| row.state != Stand::Done && !["talk", "vote"].contains(&row.name);
    if let Some(row) = rows.iter_mut().find(is_needed)
        && row.state == Stand::Empty
    {
        row.state = Stand::Next;
    }
    rows
}

fn start(ctx: &Context) -> Found {
    match ctx.project.join(CONFIG_FILE).is_file() {
        true => (Stand::Done, format!("this project trains {}", ctx.config.model.name)),
        false => (Stand::Empty, "choose a model, and make this folder a project".to_owned()),
    }
}

/// The library, if something was imported.
fn library(ctx: &Context) -> anyhow::Result<Option<Library>> {
    ctx.project.join(LIBRARY_FILE).is_file().then(|| Library::open(&ctx.project)).transpose()
}

fn bring(ctx: &Context) -> anyhow::Result<Found> {
    let Some(library) = library(ctx)? else {
        return Ok((Stand::Empty, "bring your conversations and notes".to_owned()));
    };
    let conversations = library.conversation_keys()?.len();
    if conversations == 0 {
        return Ok((Stand::Empty, "nothing of what was brought is here any more".to_owned()));
    }
    let texts = counted(conversations, "conversation or section", "conversations and sections");
    Ok((Stand::Done, format!("{texts} from {}", counted(library.sources()?.len(), "file", "files"))))
}

fn choose(ctx: &Context) -> anyhow::Result<Found> {
    let Some(library) = library(ctx)? else {
        return Ok((Stand::Empty, "there is nothing to choose from yet".to_owned()));
    };
    let Some(version) = DatasetVersion::list(&ctx.project)?.pop() else {
        let marks = library.marks()?;
        let accepted =
            marks.values().filter(|mark| matches!(mark.action, Some(Action::Accept | Action::Edit))).count();
        let accepted = counted(accepted, "answer is accepted", "answers are accepted");
        return Ok((
            Stand::Empty,
            format!("{accepted}; about {FIRST_MODEL_EXAMPLES} make a first small model"),
        ));
    };
    if let Some(changes) = changes(ctx, &version)? {
        let next = version_number(&version.name)
            .map_or(String::new(), |number| format!(": freeze v{}?", number + 1));
        return Ok((Stand::Stale, format!("{}{next}", changes.words)));
    }
    let files = version.manifest.files.iter().filter(|(name, _)| *name != ALTERNATIVES_FILE);
    let examples: usize = files.map(|(_, file)| file.examples).sum();
    Ok((Stand::Done, format!("frozen: {}, with {}", version.name, counted(examples, "example", "examples"))))
}

fn train(ctx: &Context) -> anyhow::Result<Found> {
    let Some(version) = DatasetVersion::list(&ctx.project)?.pop() else {
        return Ok((Stand::Empty, "freeze a data set first".to_owned()));
    };
    let runs = Run::list(&ctx.project)?;
    for run in runs.iter().rev() {
        // A run that cannot be read has a row that says so, in its room.
        if let Ok(Some(at)) = standing(run) {
            return Ok((Stand::Next, format!("a training is running: {at}")));
        }
    }
    let name = &version.name;
    Ok(match trained_before(ctx, &version)? {
        Some(Trained::Finished(run)) => {
            let step = run.saved(&ctx.ui)?.last().map_or(0, |checkpoint| checkpoint.step);
            (Stand::Done, format!("trained on {name}, {}", counted(step, "step", "steps")))
        }
        Some(Trained::Stopped(_)) => {
            (Stand::Next, format!("the training on {name} was stopped: go on with it"))
        }
        None if runs.is_empty() => (Stand::Empty, format!("train on {name}")),
        None => {
            (Stand::Stale, format!("nothing was trained on {name} with the settings of {CONFIG_FILE} yet"))
        }
    })
}

fn talk(ctx: &Context) -> anyhow::Result<Found> {
    let saved = Run::list(&ctx.project)?.into_iter().rev();
    for run in saved {
        if let Some(last) = run.checkpoints(&ctx.ui).ok().as_ref().and_then(|saved| saved.last()) {
            return Ok((Stand::Done, format!("the base and {} can be talked to", last.name())));
        }
    }
    Ok((Stand::Empty, "nothing is trained yet; the base can be talked to".to_owned()))
}

/// The evaluation that commands mean, if one is planned.
pub fn newest_evaluation(ctx: &Context) -> anyhow::Result<Option<Evaluation>> {
    let name = series::newest(&ctx.project, &ctx.config.eval.name, &ctx.ui)?;
    Ok(Some(Evaluation::named(&ctx.project, &name)).filter(Evaluation::is_planned))
}

fn compare(ctx: &Context) -> anyhow::Result<Found> {
    let Some(evaluation) = newest_evaluation(ctx)? else {
        let has_run = !Run::list(&ctx.project)?.is_empty();
        let words = if has_run { "find out whether it got better" } else { "nothing is trained yet" };
        return Ok((Stand::Empty, words.to_owned()));
    };
    let name = &evaluation.name;
    Ok(match series::state(&evaluation, &ctx.ui) {
        series::State::Unreadable(why) => {
            (Stand::Empty, format!("the evaluation {name} cannot be read: {why}"))
        }
        series::State::LacksAnswers(missing) => (
            Stand::Next,
            format!("the evaluation {name} lacks {}: go on with it", counted(missing, "answer", "answers")),
        ),
        series::State::Stopped => {
            (Stand::Next, format!("the evaluation {name} was stopped before its report: go on with it"))
        }
        series::State::Whole => {
            let of = evaluation.plan()?.run;
            let newest = Run::list(&ctx.project)?.pop().map(|run| run.name);
            match of.is_some() && of != newest {
                true => (Stand::Stale, format!("the evaluation {name} is about an earlier training")),
                false => (Stand::Done, format!("every answer of {name} is there")),
            }
        }
    })
}

/// Votes of people on different pairs.
pub fn votes(ctx: &Context, evaluation: &Evaluation) -> anyhow::Result<usize> {
    let votes = evaluation.votes().read(&ctx.ui)?;
    Ok(votes
        .iter()
        .filter(|vote| vote.repeat == 0 && !matches!(vote.outcome, Outcome::Missing { .. }))
        .count())
}

fn vote(ctx: &Context) -> anyhow::Result<Found> {
    let Some(evaluation) = newest_evaluation(ctx)? else {
        return Ok((Stand::Empty, "there is nothing to vote on yet".to_owned()));
    };
    Ok(match votes(ctx, &evaluation)? {
        0 => (Stand::Empty, "nobody has voted yet".to_owned()),
        given => {
            (Stand::Done, format!("{} of people on {}", counted(given, "vote", "votes"), evaluation.name))
        }
    })
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|found| found.modified()).ok()
}

/// Whether somebody has voted or judged since the page was drawn.
pub fn is_outdated(evaluation: &Evaluation) -> bool {
    let drawn = changed_at(&evaluation.report());
    let verdicts = [changed_at(evaluation.votes().path()), changed_at(evaluation.judgments().path())];
    drawn.is_some() && verdicts.into_iter().flatten().any(|at| Some(at) > drawn)
}

fn report(ctx: &Context) -> anyhow::Result<Found> {
    let Some(evaluation) = newest_evaluation(ctx)? else {
        return Ok((Stand::Empty, "there is nothing to report yet".to_owned()));
    };
    let drawn = Evaluation::list(&ctx.project)?.iter().filter(|one| one.report().is_file()).count();
    Ok(match (evaluation.report().is_file(), is_outdated(&evaluation)) {
        (false, _) => (Stand::Empty, format!("the report of {} is not drawn yet", evaluation.name)),
        (true, true) => (Stand::Stale, "somebody voted since the report was drawn: draw it again".to_owned()),
        (true, false) => {
            let reports = if drawn == 1 {
                "the report is drawn".to_owned()
            } else {
                format!("{} reports are drawn", count(drawn as u64))
            };
            (Stand::Done, reports)
        }
    })
}
