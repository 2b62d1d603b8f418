//! The strip: how far the story is, a row for each room, read from the project folder.

use std::path::Path;
use std::time::SystemTime;

use affinage_dataset::counts::Way;
use affinage_eval::human_votes::{SessionEvent, votes_on_pairs};
use affinage_project::errors::in_one_line;
use affinage_project::folder::datasets::{DatasetVersion, version_number};
use affinage_project::folder::evaluation::Evaluation;
use affinage_project::folder::library::{LIBRARY_FILE, Library};
use affinage_project::folder::project::CONFIG_FILE;
use affinage_project::folder::run::Run;
use affinage_project::stages::evaluation::series;
use affinage_project::stages::freeze::{FIRST_MODEL_EXAMPLES, changes, held_out_lack, sides_in_words};
use affinage_project::stages::training::{Trained, trained_before};
use jiff::Timestamp;
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
    /// Done, and too little for what comes later.
    Lacking,
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
/// its own room alone, whose sentence says which file and where. `is_training`: a training was begun here and has not ended.
/// `accepted`: cards, as the open desk counts them.
pub fn rooms(ctx: &Context, is_training: bool, accepted: Option<usize>) -> Vec<Row> {
    let said =
        |found: anyhow::Result<Found>| found.unwrap_or_else(|error| (Stand::Empty, in_one_line(&error)));
    // Their order needs every event log: read once for the rooms that ask for it.
    let runs = Run::meant_first(&ctx.project, &ctx.ui);
    let with_runs = |room: fn(&Context, &[Run]) -> anyhow::Result<Found>| match &runs {
        Ok(runs) => said(room(ctx, runs)),
        Err(error) => (Stand::Empty, in_one_line(error)),
    };
    let found = [
        ("start", start(ctx), "init"),
        ("bring", said(bring(ctx)), "import FILE"),
        ("choose", said(choose(ctx, accepted)), "review"),
        ("train", said(train(ctx, is_training)), "train"),
        ("talk", with_runs(talk), "chat --compare base,last"),
        ("compare", with_runs(compare), "eval"),
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
    let is_needed = |row: &&mut Row| {
        !matches!(row.state, Stand::Done | Stand::Lacking) && !["talk", "vote"].contains(&row.name)
    };
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
    let conversations = library.conversations()?;
    if conversations == 0 {
        return Ok((Stand::Empty, "nothing of what was brought is here any more".to_owned()));
    }
    let texts = counted(conversations, "conversation or section", "conversations and sections");
    Ok((Stand::Done, format!("{texts} from {}", counted(library.sources()?.len(), "file", "files"))))
}

fn choose(ctx: &Context, accepted: Option<usize>) -> anyhow::Result<Found> {
    let Some(library) = library(ctx)? else {
        return Ok((Stand::Empty, "there is nothing to choose from yet".to_owned()));
    };
    let Some(version) = DatasetVersion::list(&ctx.project)?.pop() else {
        let accepted = accepted.map_or_else(|| library.accepted(), Ok)?;
        let accepted = counted(accepted, "card is accepted", "cards are accepted");
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
    let unread = version.manifest.counts.decided.get(&Way::Unread).copied().unwrap_or_default();
    let unread = match unread {
        0 => String::new(),
        number => format!(" ({} of them taken undecided)", count(number as u64)),
    };
    let frozen = format!("frozen: {}, with {}{unread}", version.name, sides_in_words(&version.manifest));
    Ok(match held_out_lack(&version.manifest) {
        Some(lack) => (Stand::Lacking, format!("{lack}; {frozen}")),
        None => (Stand::Done, frozen),
    })
}

fn train(ctx: &Context, is_training: bool) -> anyhow::Result<Found> {
    let runs = Run::list(&ctx.project)?;
    // Its figures stand in one place, which is drawn again every second: the room.
    if is_training || runs.iter().any(Run::is_training) {
        return Ok((Stand::Next, "a training is running".to_owned()));
    }
    let Some(version) = DatasetVersion::list(&ctx.project)?.pop() else {
        return Ok((Stand::Empty, "freeze a data set first".to_owned()));
    };
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

fn talk(ctx: &Context, runs: &[Run]) -> anyhow::Result<Found> {
    for run in runs {
        // Step 0 is the base.
        let saved = run.checkpoints(&ctx.ui).ok();
        if let Some(last) = saved.as_ref().and_then(|saved| saved.last()).filter(|last| last.step > 0) {
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

fn compare(ctx: &Context, runs: &[Run]) -> anyhow::Result<Found> {
    let Some(evaluation) = newest_evaluation(ctx)? else {
        let words =
            if !runs.is_empty() { "find out whether it got better" } else { "nothing is trained yet" };
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
            let newest = runs.first().map(|run| &run.name);
            match of.is_some() && of.as_ref() != newest {
                true => (Stand::Stale, format!("the evaluation {name} is about an earlier training")),
                false => (Stand::Done, format!("every answer of {name} is there")),
            }
        }
    })
}

/// Votes of people on pairs of the evaluation, as every other place counts them ([`votes_on_pairs`]).
pub fn votes(ctx: &Context, evaluation: &Evaluation) -> anyhow::Result<usize> {
    Ok(votes_on_pairs(&evaluation.votes().read(&ctx.ui)?))
}

fn vote(ctx: &Context) -> anyhow::Result<Found> {
    let Some(evaluation) = newest_evaluation(ctx)? else {
        return Ok((Stand::Empty, "there is nothing to vote on yet".to_owned()));
    };
    Ok(match votes(ctx, &evaluation)? {
        0 => (Stand::Empty, format!("nobody has voted on {} yet", evaluation.name)),
        given => {
            (Stand::Done, format!("{} of people on {}", counted(given, "vote", "votes"), evaluation.name))
        }
    })
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|found| found.modified()).ok()
}

/// Whether somebody has voted, taken a vote back or judged since the page was drawn. A file that was only opened or put in order is
/// no vote: the times of the rows count.
///
/// Errors: the rows cannot be read.
pub fn is_outdated(ctx: &Context, evaluation: &Evaluation) -> anyhow::Result<bool> {
    let Some(drawn) = changed_at(&evaluation.report()).and_then(|at| Timestamp::try_from(at).ok()) else {
        return Ok(false);
    };
    let is_later = |at: &str| at.parse::<Timestamp>().is_ok_and(|at| at > drawn);
    let verdicts = [evaluation.votes(), evaluation.judgments()];
    for rows in verdicts {
        let rows = rows.read(&ctx.ui)?;
        if rows.iter().filter_map(|row| row.finished_at.as_deref()).any(is_later) {
            return Ok(true);
        }
    }
    let planted = evaluation.planted_votes().read(&ctx.ui)?;
    let sessions = evaluation.vote_sessions().read(&ctx.ui)?;
    let undone = sessions.iter().filter(|row| matches!(row.event, SessionEvent::Undone { .. }));
    Ok(planted
        .iter()
        .map(|row| row.finished_at.as_str())
        .chain(undone.map(|row| row.at.as_str()))
        .any(is_later))
}

fn report(ctx: &Context) -> anyhow::Result<Found> {
    let Some(evaluation) = newest_evaluation(ctx)? else {
        return Ok((Stand::Empty, "there is nothing to report yet".to_owned()));
    };
    let drawn = Evaluation::list(&ctx.project)?.iter().filter(|one| one.report().is_file()).count();
    Ok(match (evaluation.report().is_file(), is_outdated(ctx, &evaluation)?) {
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
