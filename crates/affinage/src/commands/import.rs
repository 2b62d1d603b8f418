//! `affinage import`: chat exports, dataset rows and transcripts into the library.

use std::path::{Path, PathBuf};

use affinage_dataset::candidate::{ContextPolicy, candidates};
use affinage_dataset::import::{ImportError, Roles};
use affinage_dataset::message::Role;
use anyhow::anyhow;
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::errors::HintExt as _;
use crate::library::{Imported, Library};
use crate::ui::count;

/// Bring conversations: exports of ChatGPT and Claude, JSONL, Markdown, plain text
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  affinage import chatgpt-export.zip claude-export.zip\n  \
    affinage import notes.md --role Anna=user --role Socrates=assistant\n  \
    affinage import --forget chatgpt-export.zip")]
pub struct ImportArgs {
    /// Zip, JSON, JSONL, Markdown or text; the format is told by its content
    #[arg(value_name = "FILE", required_unless_present = "forget")]
    pub files: Vec<PathBuf>,
    /// Who a speaker of a transcript is (repeatable); with an assistant given, everyone else is the user
    #[arg(long, value_name = "NAME=assistant|user", value_parser = parse_role)]
    pub role: Vec<(String, Role)>,
    /// Remove an imported file: its bytes, conversations and decisions
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

pub fn run(ctx: &Context, args: ImportArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    if let Some(source) = &args.forget {
        return forget(ctx, source);
    }
    let roles = roles(ctx, &args.role);
    let mut library = Library::open_or_create(&ctx.project)?;
    let mut files = Vec::new();
    let mut failed = None;
    for path in &args.files {
        match import_file(ctx, &mut library, path, &roles) {
            Ok(summary) => files.push(summary),
            Err(error) if args.files.len() > 1 => {
                ctx.ui.error(&error);
                failed = Some(anyhow!("{} could not be imported", path.display()));
            }
            Err(error) => return Err(error),
        }
    }
    let candidates = count_candidates(&library)?;
    ctx.ui.say(format!(
        "library: {} candidates ({} answers) in {} conversations",
        count(candidates.candidates),
        count(candidates.answers),
        count(candidates.conversations)
    ));
    if failed.is_none() {
        ctx.ui.hint(
            "see what is wrong in them: `affinage lint`; then choose: `affinage review --export cards.jsonl`",
        );
    }
    if ctx.json {
        ctx.ui.json(&serde_json::json!({ "v": 1, "files": files, "library": candidates }))?;
    }
    failed.map_or(Ok(()), Err)
}

/// Roles of the command line, else those of `[dataset.roles]`.
fn roles(ctx: &Context, given: &[(String, Role)]) -> Roles {
    let configured = ctx.config.dataset.roles.iter().map(|(name, role)| (name.clone(), *role));
    let pairs: Vec<(String, Role)> = if given.is_empty() { configured.collect() } else { given.to_vec() };
    let of = |wanted: Role| {
        pairs.iter().filter(|(_, role)| *role == wanted).map(|(name, _)| name.clone()).collect()
    };
    Roles { assistants: of(Role::Assistant), users: of(Role::User) }
}

/// What one file brought, as `--json` shows it.
#[derive(Debug, Serialize)]
struct FileSummary {
    path: PathBuf,
    sha256: String,
    formats: std::collections::BTreeMap<&'static str, usize>,
    conversations: usize,
    conversations_new: usize,
    conversations_grown: usize,
    nodes_new: usize,
    speakers: Vec<SpeakerSummary>,
    rejects: Vec<RejectSummary>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct SpeakerSummary {
    member: String,
    name: String,
    turns: usize,
}

#[derive(Debug, Serialize)]
struct RejectSummary {
    member: String,
    element: usize,
    offset: u64,
    reason: String,
}

fn import_file(
    ctx: &Context,
    library: &mut Library,
    path: &Path,
    roles: &Roles,
) -> anyhow::Result<FileSummary> {
    let shown = path.display().to_string();
    let progress = ctx.ui.spinner(format!("importing {shown}"), "conversations");
    let now = jiff::Timestamp::now().to_string();
    let imported = library.import(path, roles, &now, &mut || progress.advance(1));
    let imported = match imported {
        Ok(imported) => imported,
        Err(error) => return Err(with_role_hint(error, &shown)),
    };
    if let Some(reason) = &imported.found.reason_for_none {
        let error = anyhow!("{shown}: found 0 conversations because {reason}");
        return Err(error).hint(
            "affinage reads exports of ChatGPT and Claude (zip or conversations.json), JSONL with `messages`, \
             ShareGPT, Alpaca, and transcripts whose speakers recur (`NAME: ...`, `## NAME`)",
        );
    }
    let summary = summarise(path, imported);
    progress.finish(format!(
        "{shown}: {} conversations ({} new, {} grown), {} new messages",
        count(summary.conversations as u64),
        count(summary.conversations_new as u64),
        count(summary.conversations_grown as u64),
        count(summary.nodes_new as u64)
    ));
    say_details(ctx, &summary);
    Ok(summary)
}

fn summarise(path: &Path, imported: Imported) -> FileSummary {
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
    FileSummary {
        path: path.to_owned(),
        sha256: imported.sha256,
        formats: imported.found.formats,
        conversations: imported.found.conversations,
        conversations_new: imported.conversations_new,
        conversations_grown: imported.conversations_grown,
        nodes_new: imported.nodes_new,
        speakers: speakers.collect(),
        rejects: rejects.collect(),
        notes: imported.found.notes,
    }
}

/// Rejects shown before "and N more".
const SHOWN_REJECTS: usize = 10;

fn say_details(ctx: &Context, summary: &FileSummary) {
    let speakers: Vec<String> = summary.speakers.iter().map(|s| format!("{} {}", s.name, s.turns)).collect();
    if !speakers.is_empty() {
        ctx.ui.say(format!("  turns by speaker: {}", speakers.join(", ")));
    }
    for note in &summary.notes {
        ctx.ui.say(format!("  {note}"));
    }
    if !summary.rejects.is_empty() {
        ctx.ui.warn(format!("{} elements were refused, the others are imported:", summary.rejects.len()));
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
}

/// Speakers without roles: says which flag to give, with a real name in it.
fn with_role_hint(error: anyhow::Error, file: &str) -> anyhow::Error {
    let speakers = match error.downcast_ref::<ImportError>() {
        Some(ImportError::RolesNeeded { speakers, .. } | ImportError::UnknownSpeaker { speakers, .. }) => {
            speakers
        }
        _ => return error,
    };
    let Some(first) = speakers.iter().find(|s| !s.is_obvious_user()).or(speakers.first()) else {
        return error;
    };
    let name = if first.name.contains(' ') {
        format!("'{}=assistant'", first.name)
    } else {
        format!("{}=assistant", first.name)
    };
    let hint = format!(
        "say who the model should learn to be, everyone else is the user: `affinage import {file} --role {name}`"
    );
    Err::<(), _>(error).hint(hint).expect_err("an error stays one")
}

#[derive(Debug, Default, Serialize)]
struct CandidateCount {
    conversations: u64,
    candidates: u64,
    answers: u64,
}

fn count_candidates(library: &Library) -> anyhow::Result<CandidateCount> {
    let mut counted = CandidateCount::default();
    library.for_each_conversation(|_, conversation| {
        let found = candidates(&conversation, &ContextPolicy::default());
        counted.conversations += 1;
        counted.candidates += found.len() as u64;
        counted.answers += found.iter().map(|c| c.variants.len() as u64).sum::<u64>();
        Ok(())
    })?;
    Ok(counted)
}

fn forget(ctx: &Context, source: &str) -> anyhow::Result<()> {
    let forgotten = Library::open(&ctx.project)?.forget(source)?;
    ctx.ui.say(format!(
        "forgot {}: {} conversations, {} messages, {} decisions and the stored bytes",
        forgotten.source.path, forgotten.conversations, forgotten.nodes, forgotten.decisions
    ));
    let runs = runs_on(&ctx.project, &forgotten.versions)?;
    if !forgotten.versions.is_empty() {
        ctx.ui.warn(format!("still holding text of it: dataset versions {}", forgotten.versions.join(", ")));
    }
    if !runs.is_empty() {
        ctx.ui.warn(format!("trained on it: runs {}", runs.join(", ")));
    }
    if ctx.json {
        ctx.ui.json(&serde_json::json!({ "v": 1, "forgotten": forgotten, "runs": runs }))?;
    }
    Ok(())
}

/// Runs whose provenance names the training file of one of the versions.
fn runs_on(project: &Path, versions: &[String]) -> anyhow::Result<Vec<String>> {
    let mut hashes = Vec::new();
    for version in versions {
        let manifest = project.join("datasets").join(version).join("manifest.json");
        if manifest.is_file() {
            let manifest: affinage_dataset::version::Manifest =
                serde_json::from_slice(&fs_err::read(manifest)?)?;
            hashes.push(manifest.hash);
            hashes.extend(manifest.files.into_values().map(|file| file.sha256));
        }
    }
    let mut runs = Vec::new();
    for run in crate::run::Run::list(project)? {
        let provenance = project.join("runs").join(&run.name).join("provenance.json");
        let text = if provenance.is_file() { fs_err::read_to_string(provenance)? } else { String::new() };
        if hashes.iter().any(|hash| text.contains(hash)) {
            runs.push(run.name);
        }
    }
    Ok(runs)
}
