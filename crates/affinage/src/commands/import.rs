//! `affinage import`: chat exports, dataset rows and transcripts into the library.

use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use affinage_dataset::candidate::Learn;
use affinage_dataset::import::Roles;
use affinage_dataset::message::Role;
use affinage_project::errors::HintExt as _;
use affinage_project::folder::library::{Choice, Library, Overview};
use affinage_project::stages::freeze::next_step;
use affinage_project::stages::import::{self, Document, FileSummary, Speakers, check_all_read};
use anyhow::anyhow;
use clap::Args;

use crate::context::Context;
use crate::ctrl_c;
use crate::ui::results::library as results;

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
        let removed = import::forget(ctx, source)?;
        results::forgotten(&ctx.ui, source, &removed);
        return if ctx.json { ctx.ui.json(&removed) } else { Ok(()) };
    }
    let mut library = if args.files.is_empty() {
        Library::open(&ctx.project)?
    } else {
        Library::open_or_create(&ctx.project)?
    };
    if let Some(words) = &args.find {
        let found = import::find(&mut library, words)?;
        return match ctx.json {
            true => ctx.ui.json(&found),
            false => results::found(&ctx.ui, words, &found),
        };
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
        results::say_left_out(&ctx.ui, &library.left_out()?);
    }
    let mut overview = import::sorted(ctx, &library)?;
    if !args.topic.is_empty() {
        import::choose(&mut library, &overview, &args.topic)?;
        overview = import::sorted(ctx, &library)?;
    }
    show(ctx, &overview, &files, failed.is_empty())?;
    if ctx.json {
        ctx.ui.json(&Document::new(&files, &library.left_out()?, &overview))?;
    }
    check_all_read(&failed, args.files.len())
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
    show(ctx, &import::sorted(ctx, library)?, &files, failed.is_empty())?;
    check_all_read(&failed, paths.len())
}

/// Says what the library holds, and what to do next where every file was read.
fn show(ctx: &Context, overview: &Overview, files: &[FileSummary], is_whole: bool) -> anyhow::Result<()> {
    results::say_topics(&ctx.ui, overview);
    if overview.conversations == 0 || is_whole {
        let step = if overview.conversations == 0 { None } else { next_step(ctx)? };
        results::say_how_to_go_on(&ctx.ui, overview, files, step);
    }
    Ok(())
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
    results::brought(&ctx.ui, &summary);
    Ok(summary)
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
