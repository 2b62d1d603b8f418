//! Whether the newest version still is what would be frozen now, and what to do next.

use std::fmt;

use affinage_eval::plain::counted;
use anyhow::anyhow;

use super::{Undecided, taken_undecided};
use crate::errors::HintExt as _;
use crate::folder::datasets::DatasetVersion;
use crate::folder::evaluation::Evaluation;
use crate::folder::library::{LIBRARY_FILE, Library, Since};
use crate::folder::project::Project;
use crate::next::{Next, next};
use crate::stages::evaluation::series;
use crate::stages::training::{Trained, standing, trained_before};

/// What is taken undecided by the version to freeze before a training; `None`: `version`, the newest, is the one to train on.
/// Another is frozen where something that it follows from was changed since, by the same rules, and where what is asked for
/// takes more than it has: undecided answers, dated notes, or those imported since. A training that was stopped goes on with
/// the data that it began with, unless something of them is private now. Where something is asked for, it is said why the
/// newest is or is not the one.
pub fn again(ctx: &Project, version: &DatasetVersion, asked: Undecided) -> anyhow::Result<Option<Undecided>> {
    let is_asked = asked != Undecided::LeaveOut;
    let name = &version.name;
    let as_it_is = |why: &str| {
        if is_asked {
            ctx.ui.say(format!("{name} is trained on as it is, `--accept-clean` adds nothing: {why}"));
        }
        Ok(None)
    };
    if !ctx.project.join(LIBRARY_FILE).is_file() {
        return as_it_is("nothing is imported in this project");
    }
    let library = Library::open(&ctx.project)?;
    let Some(since) = library.changed_since(version.sha256())? else {
        return as_it_is(&format!(
            "it was not frozen from what is imported here ({} freezes that)",
            next("dataset").words("--accept-clean")
        ));
    };
    let before = taken_undecided(&version.manifest);
    let imported = if is_asked { library.imported_since(version.sha256())? } else { 0 };
    let more = match (before, asked) {
        (_, Undecided::LeaveOut) => None,
        (Undecided::LeaveOut, _) => Some("undecided answers"),
        (Undecided::AcceptClean { dated: false }, Undecided::AcceptClean { dated: true }) => {
            Some("dated notes")
        }
        (Undecided::AcceptClean { .. }, _) => None,
    };
    let other = other_words(&library, version)?;
    if since.is_nothing() && imported == 0 && more.is_none() && other.is_none() {
        return as_it_is("it was frozen so, and nothing was imported or decided since");
    }
    let changes = (!since.is_nothing() || imported > 0).then(|| changes_in_words(&since, imported, name));
    let missing = more.map(|more| format!("{name} has no {more}, and they are asked for now"));
    let is_other = other.is_some();
    let said = changes.into_iter().chain(missing).chain(other).collect::<Vec<String>>().join("; ");
    if let Some(Trained::Stopped(run)) = trained_before(ctx, version)?
        && since.private == 0
        && !is_other
    {
        let freeze = freeze_command(if is_asked { asked } else { before });
        ctx.ui.say(format!(
            "{said}: {} goes on without; {freeze} freezes them too, and {} then trains anew",
            run.name,
            next("run")
        ));
        return Ok(None);
    }
    ctx.ui.say(format!("{said}: freezing another version"));
    Ok(Some(match (asked, before) {
        (Undecided::LeaveOut, before) => before,
        (_, Undecided::AcceptClean { dated: true }) => before,
        (asked, _) => asked,
    }))
}

/// That a version was frozen from the words of others than are learnt now, if so.
fn other_words(library: &Library, version: &DatasetVersion) -> anyhow::Result<Option<String>> {
    let (frozen, now) = (version.manifest.rules.learn.as_str(), library.derivation()?.learn.as_str());
    let whose = |learn: &str| match learn {
        "mine" => "your own words",
        "edited" => "the answers that you edited",
        _ => "the answers that you accept, whoever wrote them",
    };
    let name = &version.name;
    Ok((frozen != now).then(|| {
        format!("{name} was frozen to learn {}, and now {} are to be learnt", whose(frozen), whose(now))
    }))
}

/// Refuses a version with texts that are held private now, before it is trained on or handed to another program.
/// `conversations`: those of its rows.
///
/// Errors: examples of conversations that became private after the version was frozen.
pub fn refuse_private<'a>(
    ctx: &Project,
    version: &DatasetVersion,
    conversations: impl IntoIterator<Item = &'a str>,
) -> anyhow::Result<()> {
    if !ctx.project.join(LIBRARY_FILE).is_file() {
        return Ok(());
    }
    let held = Library::open(&ctx.project)?.held_private()?;
    let private = conversations.into_iter().filter(|conversation| held.contains(*conversation)).count();
    if private == 0 {
        return Ok(());
    }
    let freeze = freeze_command(taken_undecided(&version.manifest));
    let examples = counted(private, "example", "examples");
    Err(anyhow!("{} holds {examples} of texts that were made private after it was frozen", version.name))
        .hint(format!("freeze another version without them, {freeze}"))
}

/// What freezes a version that takes this undecided.
pub fn freeze_command(undecided: Undecided) -> Next {
    next("dataset").words(match undecided {
        Undecided::LeaveOut => "",
        Undecided::AcceptClean { dated: false } => "--accept-clean",
        Undecided::AcceptClean { dated: true } => "--accept-clean --dated-notes",
    })
}

/// What a person changed since a version was frozen, in words; `None`: nothing that another version would hold.
pub fn changes(ctx: &Project, version: &DatasetVersion) -> anyhow::Result<Option<Changes>> {
    if !ctx.project.join(LIBRARY_FILE).is_file() {
        return Ok(None);
    }
    let library = Library::open(&ctx.project)?;
    let imported = library.imported_since(version.sha256())?;
    let changed = library.changed_since(version.sha256())?;
    let since = changed.unwrap_or(Since { cards: 0, private: 0, chosen: 0 });
    let mut words = Vec::new();
    words.extend(other_words(&library, version)?);
    if imported > 0 || !since.is_nothing() {
        words.push(changes_in_words(&since, imported, &version.name));
    }
    Ok((!words.is_empty()).then(|| Changes { imported, decided: since.cards, words: words.join("; ") }))
}

/// See [`changes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Conversations and sections that came.
    pub imported: usize,
    /// Cards that were decided.
    pub decided: usize,
    /// `2 cards were decided since v1-3fa2b1`
    pub words: String,
}

/// What to do next in a project that has a version. Shown it is a hint with the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// Something that the version follows from was changed.
    Freeze {
        changes: Changes,
        command: Next,
    },
    Train {
        version: String,
        command: Next,
    },
    /// A training is running: how far it is.
    Wait {
        version: String,
        run: String,
        at: String,
    },
    /// A training was stopped.
    Resume {
        version: String,
        command: Next,
    },
    /// The training is not evaluated yet.
    Evaluate {
        version: String,
        command: Next,
    },
    Read {
        version: String,
        command: Next,
    },
}

impl fmt::Display for NextStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Freeze { changes: Changes { imported, words, .. }, command } => {
                let choose = match imported {
                    0 => String::new(),
                    _ => format!("choose from what is new, {}, and ", next("review")),
                };
                write!(f, "{words}: {choose}freeze another version, {command}")
            }
            Self::Train { version, command } => write!(f, "train on {version}: {command}"),
            Self::Wait { version, run, at } => write!(f, "{run} is training on {version} now: {at}"),
            Self::Resume { version, command } => {
                write!(f, "go on with the training on {version}: {command}")
            }
            Self::Evaluate { version, command } => {
                write!(f, "find out whether the training on {version} made it better: {command}")
            }
            Self::Read { version, command } => write!(f, "what came of {version}: {command}"),
        }
    }
}

/// Freeze another version where something changed since the newest, else the step behind what is there. `None`: nothing is
/// frozen yet.
pub fn next_step(ctx: &Project) -> anyhow::Result<Option<NextStep>> {
    let Some(newest) = DatasetVersion::list(&ctx.project)?.pop() else { return Ok(None) };
    let version = newest.name.clone();
    if let Some(changes) = changes(ctx, &newest)? {
        // Where everything is decided, there is nothing to take undecided.
        let before = taken_undecided(&newest.manifest);
        let is_decided = before != Undecided::LeaveOut
            && changes.imported == 0
            && Library::open(&ctx.project)?.overview()?.left_to_decide == 0;
        let command = freeze_command(if is_decided { Undecided::LeaveOut } else { before });
        return Ok(Some(NextStep::Freeze { changes, command }));
    }
    Ok(Some(match trained_before(ctx, &newest)? {
        None => NextStep::Train { version, command: next("train") },
        Some(Trained::Stopped(run)) => match standing(&run)? {
            Some(at) => NextStep::Wait { version, run: run.name, at },
            None => NextStep::Resume { version, command: next("train").option("--resume", &run.name) },
        },
        Some(Trained::Finished(run)) => {
            let eval = series::newest(&ctx.project, &ctx.config.eval.name, &ctx.ui)?;
            let evaluation = Evaluation::named(&ctx.project, &eval);
            let is_of_run = evaluation.plan().is_ok_and(|plan| plan.run.as_ref() == Some(&run.name));
            match is_of_run && series::state(&evaluation, &ctx.ui) == series::State::Whole {
                true => NextStep::Read { version, command: ctx.command_on(&eval, "report", "--open") },
                false => NextStep::Evaluate { version, command: next("eval") },
            }
        }
    }))
}

/// `2 cards were decided and 1 conversation was made private since v1-3fa2b1`
fn changes_in_words(since: &Since, imported: usize, version: &str) -> String {
    let parts = [
        (imported, "conversation or section was imported", "conversations or sections were imported"),
        (since.cards, "card was decided", "cards were decided"),
        (since.private, "conversation was made private", "conversations were made private"),
        (
            since.chosen,
            "conversation was kept, skipped or opened",
            "conversations were kept, skipped or opened",
        ),
    ];
    let said: Vec<String> = parts
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, one, several)| counted(number, one, several))
        .collect();
    format!("{} since {version}", said.join(" and "))
}
