//! `affinage import`: chat exports, dataset rows and transcripts into the library.

mod left_out;
mod notes;
mod topics;

use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use affinage_dataset::candidate::Learn;
use affinage_dataset::conversation::NodeRole;
use affinage_dataset::identity;
use affinage_dataset::import::Roles;
use affinage_dataset::message::Role;
use affinage_project::errors::HintExt as _;
use affinage_project::folder::library::{Choice, Hit, Library, Named, Overview, Recognised};
use affinage_project::stages::freeze::next_step;
use affinage_project::stages::import::{self, Document, FileSummary, Found, Removed, Speakers};
use anyhow::anyhow;
use clap::Args;

use crate::context::Context;
use crate::ctrl_c;
use crate::ui::{count, counted};

/// Bring conversations and notes: chat exports, dataset rows, documents, Markdown, plain and pasted text
#[derive(Debug, Default, Args)]
#[command(after_help = "Examples:\n  affinage import chatgpt-export.zip claude-export.zip\n  \
    affinage import notes.md --role Anna=user --role Socrates=assistant --save-profile notes\n  \
    affinage import more-notes.md --profile notes\n  \
    affinage import ~/Downloads/chatgpt-export  an unpacked export, or a folder of notes\n  \
    affinage import ~/Obsidian essay.docx book.epub   notes and documents: each section is an answer\n  \
    affinage import -                          read pasted text\n  \
    affinage import                            what is there, by topic\n  \
    affinage import --learn mine               learn your words instead of the assistant's\n  \
    affinage import --topic 3=skip             leave out a topic, by its number or name\n  \
    affinage import --forget chatgpt-export.zip")]
pub struct ImportArgs {
    /// Zip, JSON, JSONL, CSV, Markdown, text, HTML, docx, odt, epub or PDF, or a folder of them; the format is told by its
    /// content; `-` reads pasted text
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Who a speaker of a transcript is (repeatable); with an assistant given, everyone else is the user
    #[arg(long, value_name = "NAME=assistant|user", value_parser = parse_role)]
    pub role: Vec<(String, Role)>,
    /// Take every text as notes: its sections are answers in your own words, also where speakers recur
    #[arg(long, conflicts_with_all = ["role", "profile"])]
    pub notes: bool,
    /// Speakers as saved under this name
    #[arg(long, value_name = "NAME", conflicts_with = "role")]
    pub profile: Option<String>,
    /// Save the roles under this name
    #[arg(long, value_name = "NAME", requires = "role")]
    pub save_profile: Option<String>,
    /// Whose words the model should learn: the assistant's, yours, or only answers you edited
    #[arg(long, value_name = "assistant|mine|edited", value_parser = parse_learn)]
    pub learn: Option<Learn>,
    /// Keep, skip or hold private a topic, a project or a conversation (repeatable)
    #[arg(long, alias = "shelf", value_name = "NAME=keep|skip|private", value_parser = parse_choice)]
    pub topic: Vec<(String, Choice)>,
    /// Show messages that hold these words; a part in quotes is a phrase
    #[arg(long, value_name = "WORDS", conflicts_with = "files")]
    pub find: Option<String>,
    /// Remove an imported file or folder: its bytes, conversations and decisions
    #[arg(long, value_name = "SOURCE", conflicts_with = "files")]
    pub forget: Option<String>,
}

fn parse_role(text: &str) -> Result<(String, Role), String> {
    let (name, role) = text.rsplit_once('=').ok_or("expected NAME=assistant or NAME=user")?;
    match role.trim() {
        "assistant" => Ok((name.trim().to_owned(), Role::Assistant)),
        "user" => Ok((name.trim().to_owned(), Role::User)),
        other => Err(format!("`{other}` is not a role, expected `assistant` or `user`")),
    }
}

fn parse_learn(text: &str) -> Result<Learn, String> {
    Learn::parse(text).ok_or_else(|| "expected `assistant`, `mine` or `edited`".to_owned())
}

fn parse_choice(text: &str) -> Result<(String, Choice), String> {
    let (name, choice) = text.rsplit_once('=').ok_or("expected NAME=keep, NAME=skip or NAME=private")?;
    let choice = match choice.trim() {
        "keep" => Choice::Keep,
        "skip" => Choice::Skip,
        "private" => Choice::Private,
        other => return Err(format!("`{other}` is not a choice, expected `keep`, `skip` or `private`")),
    };
    Ok((name.trim().to_owned(), choice))
}

pub fn run(ctx: &Context, args: ImportArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    if let Some(source) = &args.forget {
        return forget(ctx, source);
    }
    let mut library = if args.files.is_empty() {
        Library::open(&ctx.project)?
    } else {
        Library::open_or_create(&ctx.project)?
    };
    if let Some(words) = &args.find {
        return show_found(ctx, words, &import::find(&mut library, words)?);
    }
    let speakers = Speakers {
        roles: &args.role,
        notes: args.notes,
        profile: args.profile.as_deref(),
        save_profile: args.save_profile.as_deref(),
    };
    let roles = import::roles(ctx, &mut library, &speakers)?;
    if let Some(learn) = args.learn {
        library.set_learn(learn)?;
    }
    let (files, failed) = import_each(ctx, &mut library, &args.files, &roles)?;
    if args.files.is_empty() {
        left_out::say_short(ctx, &library.left_out()?);
    }
    let mut overview = sorted(ctx, &library)?;
    if !args.topic.is_empty() {
        import::choose(&mut library, &overview, &args.topic)?;
        overview = sorted(ctx, &library)?;
    }
    show(ctx, &overview, &files, failed.is_empty())?;
    if ctx.json {
        ctx.ui.json(&Document::new(&files, &library.left_out()?, &overview))?;
    }
    of_several(&failed, args.files.len())
}

/// Imports each file and indexes its words. Returns what each brought, and those that failed where there are several; why
/// is said.
fn import_each(
    ctx: &Context,
    library: &mut Library,
    paths: &[PathBuf],
    roles: &Roles,
) -> anyhow::Result<(Vec<FileSummary>, Vec<String>)> {
    let (mut files, mut failed) = (Vec::new(), Vec::new());
    for path in paths {
        match import_file(ctx, library, path, roles) {
            Ok(summary) => files.push(summary),
            Err(error) if paths.len() > 1 => {
                ctx.ui.error(&error);
                failed.push(path.display().to_string());
            }
            Err(error) => return Err(error),
        }
    }
    import::index_words(ctx, library)?;
    Ok((files, failed))
}

/// Imports files and says what is there now.
pub(super) fn import_files(
    ctx: &Context,
    library: &mut Library,
    paths: &[PathBuf],
    roles: &Roles,
) -> anyhow::Result<()> {
    let (files, failed) = import_each(ctx, library, paths, roles)?;
    show(ctx, &sorted(ctx, library)?, &files, failed.is_empty())?;
    of_several(&failed, paths.len())
}

fn sorted(ctx: &Context, library: &Library) -> anyhow::Result<Overview> {
    ctx.ui.during("sorting conversations by topic", || library.overview())
}

/// Says what the library holds, and what to do next where every file was read.
fn show(ctx: &Context, overview: &Overview, files: &[FileSummary], is_whole: bool) -> anyhow::Result<()> {
    topics::say(ctx, overview);
    let drafted: usize = files.iter().map(|file| file.drafted).sum();
    if overview.conversations == 0 {
        ctx.ui.hint(import::FIRST);
    } else if is_whole {
        if drafted > 0 && overview.left_to_decide > 0 {
            ctx.ui.hint(notes::HINT);
        }
        match (next_step(ctx)?, overview.left_to_decide) {
            (Some(next), _) => ctx.ui.hint(next),
            (None, 0) if overview.candidates > 0 => {
                ctx.ui.hint("make a data set of them: `affinage dataset`");
            }
            _ => ctx.ui.hint("see what is wrong in them: `affinage lint`; then choose: `affinage review`"),
        }
    }
    Ok(())
}

fn show_found(ctx: &Context, words: &str, found: &Found) -> anyhow::Result<()> {
    if ctx.json {
        return ctx.ui.json(found);
    }
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
        ctx.ui.say(format!("no message holds {words}{held_back}"));
        return Ok(());
    }
    ctx.ui.data(&text)?;
    let shown =
        if *open > hits.len() { format!(", the best {} are shown", hits.len()) } else { String::new() };
    ctx.ui.say(format!("{}{shown}{held_back}", counted(*open, "message", "messages")));
    Ok(())
}

/// `2025-03-31`.
fn day(time_s: Option<f64>) -> Option<String> {
    let time = jiff::Timestamp::from_second(time_s? as i64).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}

/// Longest text on standard input.
const PASTED_BYTES: u64 = 256 << 20;

/// Imports a file, a folder or, for `-`, what is pasted, and says what came of it.
fn import_file(
    ctx: &Context,
    library: &mut Library,
    path: &Path,
    roles: &Roles,
) -> anyhow::Result<FileSummary> {
    let summary = match path.as_os_str() == import::PASTED {
        true => import::pasted(ctx, library, &pasted(ctx)?, roles)?,
        false => import::file(ctx, library, path, roles)?,
    };
    say_details(ctx, &summary);
    say_gone(ctx, &summary.gone);
    Ok(summary)
}

/// Names what was imported from a folder before and is no longer in it.
fn say_gone(ctx: &Context, gone: &[String]) {
    const SHOWN: usize = 3;
    let Some(first) = gone.first() else { return };
    let more = if gone.len() > SHOWN {
        format!(" and {} more", count((gone.len() - SHOWN) as u64))
    } else {
        String::new()
    };
    ctx.ui.say(format!(
        "  no longer in the folder, but still in the library: {}: {}{more}",
        counted(gone.len(), "file", "files"),
        gone[..gone.len().min(SHOWN)].join(", ")
    ));
    ctx.ui.hint(format!("take it out of the library too: `affinage import --forget '{first}'`"));
}

/// The last line where some of several files failed; each said why when it did.
fn of_several(failed: &[String], given: usize) -> anyhow::Result<()> {
    match failed {
        [] => Ok(()),
        all if all.len() == given => Err(anyhow!("none of the {given} files could be imported; see above")),
        several => {
            let of = several.len();
            Err(anyhow!("{of} of {given} files could not be imported; see above: {}", several.join(", ")))
        }
    }
}

/// The text on standard input, to its end; who types it is told how to end it.
#[expect(clippy::disallowed_methods, reason = "what is pasted is data and no answer to a question")]
fn pasted(ctx: &Context) -> anyhow::Result<Vec<u8>> {
    if std::io::stdin().is_terminal() {
        ctx.ui.say("paste or type the text, then press Enter and Ctrl-D (Ctrl-C: import nothing)");
    }
    let mut text = Vec::new();
    ctrl_c::while_asking(|| std::io::stdin().lock().take(PASTED_BYTES + 1).read_to_end(&mut text))?;
    if text.len() as u64 > PASTED_BYTES {
        return Err(anyhow!("more than {PASTED_BYTES} bytes were pasted"))
            .hint("save them as a file and import that");
    }
    if text.trim_ascii().is_empty() {
        return Err(anyhow!("nothing was pasted"))
            .hint("`affinage import -` takes text until Ctrl-D; a file is read so: `affinage import FILE`");
    }
    Ok(text)
}

/// Rejects shown before "and N more", and notes.
const SHOWN_REJECTS: usize = 10;

fn say_details(ctx: &Context, summary: &FileSummary) {
    notes::say(ctx, summary.drafted, summary.conversations, summary.quoted_words);
    notes::say_brought_along(ctx, &summary.brought_along);
    for line in recognised(&summary.recognised) {
        ctx.ui.say(format!("  {line}"));
    }
    let speakers: Vec<String> = summary.speakers.iter().map(|s| format!("{} {}", s.name, s.turns)).collect();
    if !speakers.is_empty() {
        ctx.ui.say(format!("  turns by speaker: {}", speakers.join(", ")));
    }
    for note in summary.notes.iter().take(SHOWN_REJECTS) {
        ctx.ui.say(format!("  {note}"));
    }
    if summary.notes.len() > SHOWN_REJECTS {
        ctx.ui.say(format!("  and {} more notes; `--json` lists all", summary.notes.len() - SHOWN_REJECTS));
    }
    if !summary.rejects.is_empty() {
        ctx.ui.warn(format!(
            "{} refused, the others are imported:",
            counted(summary.rejects.len(), "element", "elements")
        ));
    }
    for reject in summary.rejects.iter().take(SHOWN_REJECTS) {
        ctx.ui.say(format!(
            "  {} element {} (byte {}): {}",
            reject.member, reject.element, reject.offset, reject.reason
        ));
    }
    if summary.rejects.len() > SHOWN_REJECTS {
        ctx.ui.say(format!("  and {} more; `--json` lists all", summary.rejects.len() - SHOWN_REJECTS));
    }
    // What of a folder nobody read is listed above.
    left_out::say(ctx, &summary.left_out, summary.sha256.is_some());
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

fn forget(ctx: &Context, source: &str) -> anyhow::Result<()> {
    let removed = import::forget(ctx, source)?;
    let Removed { forgotten, runs, .. } = &removed;
    let what = match forgotten.sources.as_slice() {
        [source] => source.path.clone(),
        sources => format!("{} of {source}", counted(sources.len(), "file", "files")),
    };
    ctx.ui.say(format!(
        "forgot {what}: {}, {}, {} and the stored bytes",
        counted(forgotten.conversations, "conversation", "conversations"),
        counted(forgotten.nodes, "message", "messages"),
        counted(forgotten.decisions, "decision", "decisions")
    ));
    if !forgotten.versions.is_empty() {
        ctx.ui.warn(format!("text of it is still in datasets/: {}", forgotten.versions.join(", ")));
    }
    if !runs.is_empty() {
        ctx.ui.warn(format!("models trained on it are still in runs/: {}", runs.join(", ")));
    }
    if ctx.json {
        ctx.ui.json(&removed)?;
    }
    Ok(())
}
