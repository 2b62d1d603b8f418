//! The library in words: what an import brought and left out, what is there by topic, what was found and forgotten.

mod left_out;
mod notes;
mod topics;

use affinage_dataset::conversation::NodeRole;
use affinage_dataset::identity;
use affinage_project::folder::library::{Hit, Named, Overview, Recognised};
use affinage_project::next::next;
use affinage_project::stages::freeze::NextStep;
use affinage_project::stages::import::{FIRST, FileSummary, Found, Removed};

use crate::ui::{Ui, count, counted};

pub use left_out::say_short as say_left_out;
pub use topics::say as say_topics;

/// Says what to do next where every file was read. `step`: what to do in a project that has a version.
pub fn say_how_to_go_on(ui: &Ui, overview: &Overview, files: &[FileSummary], step: Option<NextStep>) {
    let drafted: usize = files.iter().map(|file| file.drafted).sum();
    if overview.conversations == 0 {
        ui.hint(FIRST);
    } else {
        if drafted > 0 && overview.left_to_decide > 0 {
            ui.hint(notes::HINT);
        }
        match (step, overview.left_to_decide) {
            (Some(step), _) => ui.hint(step.to_string()),
            (None, 0) if overview.candidates > 0 => {
                ui.hint(format!("make a data set of them: {}", next("dataset")));
            }
            _ => ui.hint("see what is wrong in them: `affinage lint`; then choose: `affinage review`"),
        }
    }
}

/// The messages that hold `words`.
pub fn found(ui: &Ui, words: &str, found: &Found) -> anyhow::Result<()> {
    let Found { hits, private, open, .. } = found;
    let mut text = String::new();
    for Hit { title, conversation, role, drafted, time_s, excerpt, .. } in hits {
        let name = if title.is_empty() { conversation } else { title };
        let who = match role {
            NodeRole::User if *drafted => "drafted prompt",
            NodeRole::User => "user",
            NodeRole::Assistant if identity::note_document(conversation).is_some() => "your text",
            NodeRole::Assistant => "assistant",
            NodeRole::System => "system",
            NodeRole::Tool => "tool",
        };
        let facts = [Some(name.clone()), Some(who.to_owned()), day(*time_s)];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        text += &format!("{}\n  {}\n", facts.join(" · "), excerpt.trim());
    }
    let held_back = match *private {
        0 => String::new(),
        1 => "; 1 more is private and not shown".to_owned(),
        more => format!("; {} more are private and not shown", count(more as u64)),
    };
    if hits.is_empty() {
        ui.say(format!("no message holds {words}{held_back}"));
        return Ok(());
    }
    ui.data(&text)?;
    let shown =
        if *open > hits.len() { format!(", the best {} are shown", hits.len()) } else { String::new() };
    ui.say(format!("{}{shown}{held_back}", counted(*open, "message", "messages")));
    Ok(())
}

/// `2025-03-31`.
fn day(time_s: Option<f64>) -> Option<String> {
    let time = jiff::Timestamp::from_second(time_s? as i64).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}

/// Rejects shown before "and N more", and notes.
const SHOWN_REJECTS: usize = 10;

/// Says what one file or folder brought, and what was in it that is not there now.
pub fn brought(ui: &Ui, summary: &FileSummary) {
    notes::say(ui, summary.drafted, summary.conversations, summary.quoted_words, summary.cut);
    notes::say_brought_along(ui, &summary.brought_along);
    for line in recognised(&summary.recognised) {
        ui.say(format!("  {line}"));
    }
    let speakers: Vec<String> = summary.speakers.iter().map(|s| format!("{} {}", s.name, s.turns)).collect();
    if !speakers.is_empty() {
        ui.say(format!("  turns by speaker: {}", speakers.join(", ")));
    }
    for note in summary.notes.iter().take(SHOWN_REJECTS) {
        ui.say(format!("  {note}"));
    }
    if summary.notes.len() > SHOWN_REJECTS {
        ui.say(format!("  and {} more notes; `--json` lists all", summary.notes.len() - SHOWN_REJECTS));
    }
    if !summary.rejects.is_empty() {
        ui.warn(format!(
            "{} refused, the others are imported:",
            counted(summary.rejects.len(), "element", "elements")
        ));
    }
    for reject in summary.rejects.iter().take(SHOWN_REJECTS) {
        ui.say(format!(
            "  {} element {} (byte {}): {}",
            reject.member, reject.element, reject.offset, reject.reason
        ));
    }
    if summary.rejects.len() > SHOWN_REJECTS {
        ui.say(format!("  and {} more; `--json` lists all", summary.rejects.len() - SHOWN_REJECTS));
    }
    // What of a folder nobody read is listed above.
    left_out::say(ui, &summary.left_out, summary.sha256.is_some());
    say_gone(ui, &summary.gone);
}

/// One line for each way in which conversations were recognised.
fn recognised(found: &Recognised) -> Vec<String> {
    let Recognised { unchanged, renamed, older, reworded, versions, edited, resembling } = found;
    let named = |named: &Named, one: &str, several: &str| {
        let name = if named.first.is_empty() { "untitled" } else { &named.first };
        match named.count {
            1 => format!("1 {one} `{name}`"),
            count => format!("{count} {several}, the first of `{name}`"),
        }
    };
    let copies = |of: &Named| named(of, "looks like an edited copy of", "look like edited copies");
    let there = named(renamed, "is already there under another name:", "are already there under other names");
    let messages = |number: usize| counted(number, "message", "messages");
    let have = |number: usize| if number == 1 { "has" } else { "have" };
    let older_copies = counted(*older, "older copy", "older copies");
    let lines = [
        (*unchanged, format!("{} already there", count(*unchanged as u64))),
        (renamed.count, there),
        (*older, format!("{older_copies} of what is there: nothing was taken away")),
        (
            *reworded,
            format!("{} {} other words now: the newer ones count", messages(*reworded), have(*reworded)),
        ),
        (
            *versions,
            format!(
                "{} {} the id of an earlier one and other words: both are kept",
                messages(*versions),
                have(*versions)
            ),
        ),
        (edited.count, format!("{}: united", copies(edited))),
        (resembling.count, format!("{}: kept apart", copies(resembling))),
    ];
    lines.into_iter().filter(|(count, _)| *count > 0).map(|(_, line)| line).collect()
}

/// Names what was imported from a folder before and is no longer in it.
fn say_gone(ui: &Ui, gone: &[String]) {
    const SHOWN: usize = 3;
    let Some(first) = gone.first() else { return };
    let more = if gone.len() > SHOWN {
        format!(" and {} more", count((gone.len() - SHOWN) as u64))
    } else {
        String::new()
    };
    ui.say(format!(
        "  no longer in the folder, but still in the library: {}: {}{more}",
        counted(gone.len(), "file", "files"),
        gone[..gone.len().min(SHOWN)].join(", ")
    ));
    let forget = next("import").option("--forget", first);
    ui.hint(format!("take it out of the library too: {forget}"));
}

/// Says what was taken out of the library under the name `source`, and where text of it still is.
pub fn forgotten(ui: &Ui, source: &str, Removed { forgotten, runs, .. }: &Removed) {
    let what = match forgotten.sources.as_slice() {
        [source] => source.path.clone(),
        sources => format!("{} of {source}", counted(sources.len(), "file", "files")),
    };
    ui.say(format!(
        "forgot {what}: {}, {}, {} and the stored bytes",
        counted(forgotten.conversations, "conversation", "conversations"),
        counted(forgotten.nodes, "message", "messages"),
        counted(forgotten.decisions, "decision", "decisions")
    ));
    if !forgotten.versions.is_empty() {
        ui.warn(format!("text of it is still in datasets/: {}", forgotten.versions.join(", ")));
    }
    if !runs.is_empty() {
        ui.warn(format!("models trained on it are still in runs/: {}", runs.join(", ")));
    }
}
