//! `affinage review`: the desk in the browser, or decisions as a JSONL file, out and back in.
//!
//! One line of the file is one candidate with all its answers and what lint says about each. The user fills in `decision`
//! (`accept`, `reject` or `edit`), `variant` if it is not the proposed one, and `text` for an edit.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use affinage_dataset::candidate::Candidate;
use affinage_dataset::lint::{Finding, Subject, lint_known};
use affinage_dataset::message::Message;
use affinage_project::errors::HintExt as _;
use affinage_project::folder::jsonl;
use affinage_project::folder::library::{Action, Decision, Library};
use affinage_project::folder::lock::FolderLock;
use affinage_project::stages::freeze::{FIRST_MODEL_EXAMPLES, next_step};
use anyhow::anyhow;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::context::Context;
use crate::desk::{Desk, FIRST_MODEL_COMMAND};
use crate::studio::jobs::Jobs;
use crate::ui::{count, counted};
use crate::web::{Room, RoomArgs};

/// Decide what to learn from: accept, reject or edit each answer
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  affinage review                          the desk, in your browser\n  \
    affinage review --export cards.jsonl     then fill in \"decision\" in each line\n  \
    affinage review --import cards.jsonl")]
pub struct ReviewArgs {
    /// Write all cards with their answers, flags and decisions
    #[arg(long, value_name = "FILE", conflicts_with = "import")]
    pub export: Option<PathBuf>,
    /// Read decisions: lines with `decision` set to accept, reject or edit
    #[arg(long, value_name = "FILE")]
    pub import: Option<PathBuf>,
    #[command(flatten)]
    pub room: RoomArgs,
}

pub fn run(ctx: &Context, args: ReviewArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    match (args.export, args.import) {
        (Some(file), _) => export(ctx, &file),
        (None, Some(file)) => import(ctx, &file),
        (None, None) => open_desk(ctx, &args.room),
    }
}

/// Serves the desk until Ctrl-C. Candidates are read beside it, so the first card is there at once.
fn open_desk(ctx: &Context, args: &RoomArgs) -> anyhow::Result<()> {
    let _lock = FolderLock::acquire(&ctx.project)?;
    let jobs = Jobs::default();
    let desk = Desk::open(ctx, jobs.clone())?;
    let before = desk.decided();
    let room = Room::open(args.port)?;
    room.announce(ctx, args, "the review desk")?;
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| desk.read_library(ctx));
        scope.spawn(|| desk.write_drafts(ctx));
        room.serve(&|request| desk.answer(ctx, request, &request.path))?;
        reading.join().expect("reading the library does not panic")
    })?;
    jobs.end(&ctx.ui);
    let decided = desk.decided();
    ctx.ui.say(format!(
        "{} decided, {} of them now; everything is saved",
        counted(decided, "card", "cards"),
        count(decided.saturating_sub(before) as u64)
    ));
    if let Some(next) = next_step(ctx)? {
        ctx.ui.hint(next);
    } else if desk.accepted() >= FIRST_MODEL_EXAMPLES {
        ctx.ui.hint(format!(
            "enough for a first model to talk to: `{FIRST_MODEL_COMMAND}` freezes, trains, answers and reports"
        ));
    } else if decided > 0 {
        ctx.ui.hint("go on with `affinage review`; or freeze what you accepted: `affinage dataset`");
    }
    Ok(())
}

/// One line of the file. Read back are `id` and everything from `decision` on.
#[derive(Debug, Serialize, Deserialize)]
struct Card {
    v: u32,
    id: String,
    #[serde(default)]
    conversation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    #[serde(default)]
    context: Vec<Message>,
    #[serde(default)]
    prompt: String,
    /// Nobody wrote the prompt: it was drafted by rule for a note.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    prompt_drafted: bool,
    #[serde(default)]
    variants: Vec<CardVariant>,
    /// `accept`, `reject` or `edit`; whatever else a person wrote is named by [`action`].
    #[serde(default)]
    decision: Value,
    /// The answer meant by accept or edit; by default the proposed one, which stands first.
    #[serde(default)]
    variant: Option<String>,
    #[serde(default)]
    text: Option<String>,
    /// Instead of `prompt`, in an edit.
    #[serde(default)]
    new_prompt: Option<String>,
    /// Instead of `context`, in an edit.
    #[serde(default)]
    new_context: Option<Vec<Message>>,
    /// The words that `text` was made from, where they are more than the variant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    original: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    domain: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct CardVariant {
    variant: String,
    text: String,
    model: Option<String>,
    /// `RULE message` of every finding.
    flags: Vec<String>,
}

/// What `--json` prints of cards that were written.
#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    file: &'a std::path::Path,
    candidates: usize,
    left_to_decide: usize,
    /// Without a decision, in conversations that are skipped or set aside.
    held_back: usize,
    /// Held private, and not written.
    private: usize,
}

/// What `--json` prints of decisions that were read.
#[derive(Serialize)]
struct Taken {
    v: u32,
    decisions: usize,
    new: usize,
    undecided: usize,
}

fn export(ctx: &Context, file: &std::path::Path) -> anyhow::Result<()> {
    let library = Library::open(&ctx.project)?;
    let decisions = library.decisions()?;
    let mut all: Vec<Candidate> = Vec::new();
    let mut left = 0;
    let (derivation, standings) = (library.derivation()?, library.standings()?);
    let private = library.for_each_conversation(|_, conversation| {
        let access = standings.access(&conversation);
        for candidate in derivation.candidates(&conversation) {
            let action = decisions.get(&candidate.candidate_id).map(|decision| decision.action);
            left += usize::from(access.is_left_to_decide(action));
            all.push(candidate);
        }
        Ok(())
    })?;
    let subjects: Vec<Subject> =
        all.iter().flat_map(|c| c.variants.iter().map(move |v| Subject::of_variant(c, v))).collect();
    let mut flags: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Finding { id, rule, message, .. } in lint_known(&subjects, &library.known()?) {
        flags.entry(id).or_default().push(format!("{rule} {message}"));
    }
    let cards: Vec<Card> = all.iter().map(|candidate| card(candidate, &flags, &decisions)).collect();
    jsonl::write_all(file, &cards)?;
    let held_back = cards.iter().filter(|card| card.decision.is_null()).count() - left;
    ctx.ui.say(format!(
        "{}: {}, {} left to decide",
        file.display(),
        counted(cards.len(), "card", "cards"),
        count(left as u64)
    ));
    if held_back > 0 {
        ctx.ui.say(format!(
            "{} without a decision in conversations that are skipped or set aside: also written",
            counted(held_back, "card", "cards")
        ));
    }
    if private > 0 {
        ctx.ui.say(format!("{} that you hold private: not written", counted(private, "card", "cards")));
    }
    ctx.ui.hint(format!(
        "set \"decision\" to accept, reject or edit (with \"text\"), then `affinage review --import {}`",
        file.display()
    ));
    if ctx.json {
        ctx.ui.json(&Written {
            v: 1,
            file,
            candidates: cards.len(),
            left_to_decide: left,
            held_back,
            private,
        })?;
    }
    Ok(())
}

fn card(
    candidate: &Candidate,
    flags: &BTreeMap<String, Vec<String>>,
    decisions: &HashMap<String, Decision>,
) -> Card {
    let decision = decisions.get(&candidate.candidate_id);
    let mut variants: Vec<_> = candidate.variants.iter().collect();
    variants.sort_by_key(|variant| !variant.active);
    let shown = variants.into_iter().map(|variant| {
        let subject_id = format!("{}/{}", candidate.candidate_id, variant.variant_id);
        CardVariant {
            variant: variant.variant_id.clone(),
            text: variant.text.clone(),
            model: variant.model.clone(),
            flags: flags.get(&subject_id).cloned().unwrap_or_default(),
        }
    });
    Card {
        v: 1,
        id: candidate.candidate_id.clone(),
        conversation: candidate.conversation.clone(),
        system: candidate.system.clone(),
        context: candidate.context.clone(),
        prompt: candidate.prompt.clone(),
        prompt_drafted: candidate.prompt_drafted,
        variants: shown.collect(),
        decision: serde_json::to_value(decision.map(|decision| decision.action)).unwrap_or_default(),
        variant: decision.and_then(|d| d.variant.clone()),
        text: decision.and_then(|d| d.text.clone()),
        new_prompt: decision.and_then(|d| d.prompt.clone()),
        new_context: decision.and_then(|d| d.context.clone()),
        original: decision.and_then(|d| d.original.clone()),
        tags: decision.map(|d| d.tags.clone()).unwrap_or_default(),
        domain: decision.and_then(|d| d.domain.clone()),
    }
}

fn import(ctx: &Context, file: &std::path::Path) -> anyhow::Result<()> {
    if !file.is_file() {
        return Err(anyhow!("no file {}", file.display()))
            .hint(format!("make one: `affinage review --export {}`", file.display()));
    }
    let mut library = Library::open(&ctx.project)?;
    let mut known: HashMap<String, Candidate> = HashMap::new();
    let derivation = library.derivation()?;
    library.for_each_conversation_private_too(|_, conversation| {
        let found = derivation.candidates(&conversation);
        known.extend(found.into_iter().map(|candidate| (candidate.candidate_id.clone(), candidate)));
        Ok(())
    })?;
    let mut decisions = Vec::new();
    let mut problems = Vec::new();
    let cards: Vec<Card> = jsonl::read(file, &ctx.ui)?;
    for (line, card) in cards.iter().enumerate() {
        match decision(card, &known) {
            Ok(found) => decisions.extend(found),
            Err(problem) => problems.push(format!("{}: row {}: {problem}", file.display(), line + 1)),
        }
    }
    if !problems.is_empty() {
        let shown = problems.iter().take(5).cloned().collect::<Vec<_>>().join("; ");
        let problems = counted(problems.len(), "decision", "decisions");
        return Err(anyhow!("{problems} cannot be used, so none was taken: {shown}"))
            .hint("correct these lines and import the file again");
    }
    let undecided = cards.len() - decisions.len();
    let added = library.decide(&decisions, &jiff::Timestamp::now().to_string())?;
    ctx.ui.say(format!(
        "{}, {} of them new; {} without one",
        counted(decisions.len(), "decision", "decisions"),
        count(added as u64),
        counted(undecided, "line", "lines")
    ));
    if added > 0 {
        ctx.ui.hint("freeze what you accepted: `affinage dataset`");
    }
    if ctx.json {
        ctx.ui.json(&Taken { v: 1, decisions: decisions.len(), new: added, undecided })?;
    }
    Ok(())
}

/// What a person wrote as the decision, in any case; nothing and `null` are none.
fn action(written: &Value) -> Result<Option<Action>, String> {
    let word = match written {
        Value::Null => return Ok(None),
        Value::String(word) => word.trim().to_lowercase(),
        other => other.to_string(),
    };
    match word.as_str() {
        "" => Ok(None),
        "accept" => Ok(Some(Action::Accept)),
        "reject" => Ok(Some(Action::Reject)),
        "edit" => Ok(Some(Action::Edit)),
        _ => Err(format!("\"decision\" is {written}; write \"accept\", \"reject\" or \"edit\"")),
    }
}

/// The decision of a line; `None` if none was made.
fn decision(card: &Card, known: &HashMap<String, Candidate>) -> Result<Option<Decision>, String> {
    let Some(action) = action(&card.decision)? else { return Ok(None) };
    let candidate = known.get(&card.id).ok_or_else(|| format!("no card `{}` in the library", card.id))?;
    let variant = match (&card.variant, action) {
        (Some(id), _) if candidate.variants.iter().any(|v| v.variant_id == *id) => Some(id.clone()),
        (Some(id), _) => return Err(format!("card `{}` has no answer `{id}`", card.id)),
        (None, Action::Reject) => None,
        (None, _) => proposed(candidate).map(|variant| variant.variant_id.clone()),
    };
    let is_edit = action == Action::Edit;
    let words = |text: &Option<String>| {
        text.as_deref().map(str::trim).filter(|text| is_edit && !text.is_empty()).map(str::to_owned)
    };
    let (text, prompt) = (words(&card.text), words(&card.new_prompt));
    let context = card.new_context.clone().filter(|_| is_edit);
    if is_edit && text.is_none() && prompt.is_none() && context.is_none() {
        return Err("`edit` needs the new answer in `text`, or `new_prompt` or `new_context`".to_owned());
    }
    Ok(Some(Decision {
        candidate: candidate.candidate_id.clone(),
        conversation: candidate.conversation.clone(),
        variant,
        action,
        text,
        prompt,
        context,
        original: card.original.clone().filter(|_| is_edit),
        tags: card.tags.clone(),
        domain: card.domain.clone(),
    }))
}

/// The answer on the branch the user ended on, else the first.
pub fn proposed(candidate: &Candidate) -> Option<&affinage_dataset::candidate::Variant> {
    candidate.variants.iter().find(|variant| variant.active).or(candidate.variants.first())
}
