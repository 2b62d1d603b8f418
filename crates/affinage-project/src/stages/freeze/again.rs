//! Whether the newest version still is what would be frozen now.

use affinage_report::plain::counted;

use super::{Undecided, taken_undecided};
use crate::folder::datasets::DatasetVersion;
use crate::folder::library::{LIBRARY_FILE, Library, Since};
use crate::folder::project::Project;
use crate::stages::training::{Trained, trained_before};

/// What is taken undecided by the version to freeze before a training; `None`: `version`, the newest, is the one to train on.
/// Another is frozen where something that it follows from was changed since, by the same rules. A training that was stopped
/// goes on with the data that it began with, unless something of them is private now.
pub fn again(ctx: &Project, version: &DatasetVersion, asked: Undecided) -> anyhow::Result<Option<Undecided>> {
    if !ctx.project.join(LIBRARY_FILE).is_file() {
        return Ok(None);
    }
    let library = Library::open(&ctx.project)?;
    let Some(since) = library.changed_since(version.sha256())? else { return Ok(None) };
    let before = taken_undecided(&version.manifest);
    let takes_more = asked == Undecided::AcceptClean { dated: true } && before != asked;
    if since.is_nothing() && !takes_more {
        return Ok(None);
    }
    let said = match since.is_nothing() {
        true => format!("{} has no dated notes, and they are asked for now", version.name),
        false => changes_in_words(&since, &version.name),
    };
    if let Some(Trained::Stopped(run)) = trained_before(ctx, version)?
        && since.private == 0
    {
        ctx.ui.say(format!(
            "{said}: {} goes on without; `affinage dataset` freezes them too, and `affinage run` then trains anew",
            run.name
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

/// `2 cards were decided and 1 conversation was made private since v1-3fa2b1`
fn changes_in_words(since: &Since, version: &str) -> String {
    let parts = [
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
