//! Chat exports, dataset rows, transcripts and notes into the library.

mod choices;
mod find;
mod folder;
mod forget;
mod problems;
mod speakers;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use affinage_dataset::import::{Cut, LeftOut, LeftOutCount, Roles, Together};
use affinage_eval::plain::{count, counted};
use anyhow::anyhow;
use serde::{Serialize, Serializer};

use crate::errors::HintExt as _;
use crate::folder::library::{Imported, Library, Overview, Recognised};
use crate::folder::project::Project;
pub use choices::choose;
pub use find::{Found, find};
pub use forget::{Removed, forget};
pub use speakers::{Speakers, roles};

/// What to do while nothing is imported.
pub const FIRST: &str = "bring your conversations and notes: `affinage import FILE...`";

/// The path that stands for standard input.
pub const PASTED: &str = "-";

/// Imports a file or a folder, and commits what it brought. Words are searched once [`index_words`] has run.
///
/// Errors: there is no such file; its format is not known, or nothing in it became a conversation; speakers have no role.
pub fn file(ctx: &Project, library: &mut Library, path: &Path, roles: &Roles) -> anyhow::Result<FileSummary> {
    let kind = problems::file_type(path)?;
    if kind.is_dir() {
        return folder::import(ctx, library, path, roles);
    }
    if !kind.is_file() {
        return Err(anyhow!("{} is a device, a pipe or a socket, which is not waited for", path.display()))
            .hint("save what it gives into a file, or read it as text: `affinage import - < PATH`");
    }
    finished(ctx, path, |now, advance| library.import(path, roles, now, advance))
}

/// What the library holds, by topic.
pub fn sorted(ctx: &Project, library: &Library) -> anyhow::Result<Overview> {
    ctx.ui.during("sorting conversations by topic", || library.overview())
}

/// Fails where some of `given` files failed; each said why when it did.
pub fn check_all_read(failed: &[String], given: usize) -> anyhow::Result<()> {
    match failed {
        [] => Ok(()),
        all if all.len() == given => Err(anyhow!("none of the {given} files could be imported; see above")),
        several => {
            let of = several.len();
            Err(anyhow!("{of} of {given} files could not be imported; see above: {}", several.join(", ")))
        }
    }
}

/// Imports a text that was pasted or typed.
pub fn pasted(
    ctx: &Project,
    library: &mut Library,
    text: &[u8],
    roles: &Roles,
) -> anyhow::Result<FileSummary> {
    finished(ctx, Path::new(PASTED), |now, advance| library.import_pasted(text, roles, now, advance))
}

/// Runs `import`, and tells how far it is and what it brought.
fn finished(
    ctx: &Project,
    path: &Path,
    import: impl FnOnce(&str, &mut dyn FnMut()) -> anyhow::Result<Imported>,
) -> anyhow::Result<FileSummary> {
    let shown = path.display().to_string();
    let progress = ctx.ui.spinner(format!("importing {shown}"), "conversations");
    let now = jiff::Timestamp::now().to_string();
    let imported = match import(&now, &mut || progress.advance(1)) {
        Ok(imported) => imported,
        Err(error) => return Err(problems::with_way_out(problems::with_role_hint(error, &shown))),
    };
    if let Some(reason) = &imported.found.reason_for_none {
        return Err(problems::nothing_found(&shown, reason, &imported.found));
    }
    let name = path.file_name().map(Path::new).unwrap_or(path);
    let summary = summarise(path, name, imported);
    progress.finish(format!(
        "{shown}: {} ({} new, {} grown since){}",
        counted_texts(summary.drafted, summary.conversations),
        count(summary.conversations_new as u64),
        count(summary.conversations_grown as u64),
        new_messages(summary.drafted, summary.conversations, summary.nodes_new)
    ));
    Ok(summary)
}

/// `3 conversations`, or `3 sections of notes` where nobody speaks in any of them.
fn counted_texts(drafted: usize, conversations: usize) -> String {
    match drafted == conversations && drafted > 0 {
        true => counted(drafted, "section of notes", "sections of notes"),
        false => counted(conversations, "conversation", "conversations"),
    }
}

/// `, 83 new messages`; of notes alone nothing, because nobody speaks in them.
fn new_messages(drafted: usize, conversations: usize, nodes_new: usize) -> String {
    match drafted == conversations && drafted > 0 {
        true => String::new(),
        false => format!(", {}", counted(nodes_new, "new message", "new messages")),
    }
}

/// Adds what was imported to the full-text index. The rows are committed already, so a stop here loses nothing.
pub fn index_words(ctx: &Project, library: &mut Library) -> anyhow::Result<()> {
    /// Fewer are done before a bar could be read.
    const SHOWN_FROM: u64 = 5000;
    let waiting = library.unindexed_nodes()? as u64;
    if waiting < SHOWN_FROM {
        library.index_words(&mut |_| {})?;
        return Ok(());
    }
    let progress = ctx.ui.progress("indexing words", waiting, "messages");
    let mut shown = 0;
    library.index_words(&mut |done| {
        progress.advance(done as u64 - shown);
        shown = done as u64;
    })?;
    progress.finish(format!("full-text index: {}", counted(waiting as usize, "message", "messages")));
    Ok(())
}

/// What was imported, and what the library holds then; the document of `--json`.
#[derive(Serialize)]
pub struct Document<'a> {
    v: u32,
    files: &'a [FileSummary],
    library: Counts,
    left_out: Vec<LeftOutCount>,
    overview: &'a Overview,
}

#[derive(Serialize)]
struct Counts {
    conversations: usize,
    candidates: usize,
    answers: usize,
}

impl<'a> Document<'a> {
    pub fn new(files: &'a [FileSummary], left_out: &LeftOut, overview: &'a Overview) -> Self {
        let Overview { conversations, candidates, answers, .. } = *overview;
        let library = Counts { conversations, candidates, answers };
        Self { v: 1, files, library, left_out: left_out.rows(), overview }
    }
}

/// What a file or a folder brought, as `--json` shows it.
#[derive(Debug, Serialize)]
pub struct FileSummary {
    pub path: PathBuf,
    /// None for a folder: each of its files has its own.
    pub sha256: Option<String>,
    pub formats: BTreeMap<&'static str, usize>,
    pub conversations: usize,
    /// Those of them that are sections of notes.
    pub drafted: usize,
    /// Words of those that stand in block quotes.
    pub quoted_words: usize,
    /// Sections that were too long for one answer, and into how many parts they were cut.
    #[serde(skip)]
    pub cut: Cut,
    pub conversations_new: usize,
    pub conversations_grown: usize,
    pub nodes_new: usize,
    pub recognised: Recognised,
    pub speakers: Vec<SpeakerSummary>,
    pub rejects: Vec<RejectSummary>,
    #[serde(serialize_with = "rows")]
    pub left_out: LeftOut,
    pub notes: Vec<String>,
    /// Files that programs bring along or publish (`README.md`, `LICENSE`), whose words were taken as the user's.
    pub brought_along: Vec<String>,
    /// Files of the folder that were imported before and are no longer in it.
    #[serde(skip)]
    pub gone: Vec<String>,
}

impl FileSummary {
    fn of_folder(path: &Path) -> FileSummary {
        FileSummary {
            path: path.to_owned(),
            sha256: None,
            formats: BTreeMap::new(),
            conversations: 0,
            drafted: 0,
            quoted_words: 0,
            cut: Cut::default(),
            conversations_new: 0,
            conversations_grown: 0,
            nodes_new: 0,
            recognised: Recognised::default(),
            speakers: Vec::new(),
            rejects: Vec::new(),
            left_out: LeftOut::default(),
            notes: Vec::new(),
            brought_along: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// Adds what one file of the folder brought.
    fn add(&mut self, file: FileSummary) {
        for (format, count) in file.formats {
            *self.formats.entry(format).or_default() += count;
        }
        self.conversations += file.conversations;
        self.drafted += file.drafted;
        self.quoted_words += file.quoted_words;
        self.cut.add(file.cut);
        self.conversations_new += file.conversations_new;
        self.conversations_grown += file.conversations_grown;
        self.nodes_new += file.nodes_new;
        self.recognised.merge(file.recognised);
        self.left_out.merge(&file.left_out);
        self.speakers.extend(file.speakers);
        self.rejects.extend(file.rejects);
        self.notes.extend(file.notes);
        self.brought_along.extend(file.brought_along);
    }

    /// Adds what the folder holds and nobody read.
    fn add_unread(&mut self, together: &Together) {
        let left_out = together.left_out();
        self.left_out.merge(&left_out);
        let rows = left_out.rows();
        self.notes.extend(rows.iter().map(|row| format!("not read: {} ({})", row.name, row.first)));
    }
}

#[derive(Debug, Serialize)]
pub struct SpeakerSummary {
    pub member: String,
    pub name: String,
    pub turns: usize,
}

#[derive(Debug, Serialize)]
pub struct RejectSummary {
    pub member: String,
    pub element: usize,
    pub offset: u64,
    pub reason: String,
}

/// `name` is the path in the folder that is imported, or the name of a file alone.
fn summarise(path: &Path, name: &Path, imported: Imported) -> FileSummary {
    let speakers = imported.found.speakers.into_iter().flat_map(|(member, speakers)| {
        speakers.into_iter().map(move |s| SpeakerSummary {
            member: member.clone(),
            name: s.name,
            turns: s.count,
        })
    });
    let rejects = imported.rejects.into_iter().map(|reject| RejectSummary {
        member: reject.origin.member,
        element: reject.origin.element,
        offset: reject.origin.offset,
        reason: reject.reason.to_string(),
    });
    let is_taken = imported.found.drafted > 0 && is_brought_along(name);
    let brought_along = is_taken.then(|| path.display().to_string()).into_iter().collect();
    FileSummary {
        path: path.to_owned(),
        sha256: Some(imported.sha256),
        formats: imported.found.formats,
        conversations: imported.found.conversations,
        drafted: imported.found.drafted,
        quoted_words: imported.found.quoted_words,
        cut: imported.found.cut,
        conversations_new: imported.conversations_new,
        conversations_grown: imported.conversations_grown,
        nodes_new: imported.nodes_new,
        recognised: imported.recognised,
        left_out: imported.found.left_out,
        speakers: speakers.collect(),
        rejects: rejects.collect(),
        notes: imported.found.notes,
        brought_along,
        gone: Vec::new(),
    }
}

/// True for a file that programs bring along or publish, as its name or a folder above it says: its words are hardly the user's.
fn is_brought_along(path: &Path) -> bool {
    const NAMES: [&str; 16] = [
        "readme",
        "license",
        "licence",
        "copying",
        "notice",
        "changelog",
        "changes",
        "history",
        "contributing",
        "code_of_conduct",
        "security",
        "authors",
        "maintainers",
        "unlicense",
        "third_party_notices",
        "release_notes",
    ];
    const FOLDERS: [&str; 10] = [
        "node_modules",
        "vendor",
        "site-packages",
        "third_party",
        "bower_components",
        "target",
        "dist",
        "docs",
        "man",
        "dist-info",
    ];
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().to_lowercase().replace(['-', ' '], "_"));
    let is_named = |stem: &str| {
        // `LICENSE-MIT`, `README_de`
        NAMES
            .iter()
            .any(|name| stem.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')))
    };
    let mut above = path.parent().into_iter().flat_map(Path::components);
    stem.is_some_and(|stem| is_named(&stem))
        || above.any(|part| FOLDERS.iter().any(|folder| part.as_os_str().eq_ignore_ascii_case(folder)))
}

fn rows<S: Serializer>(left_out: &LeftOut, serializer: S) -> Result<S::Ok, S::Error> {
    left_out.rows().serialize(serializer)
}
