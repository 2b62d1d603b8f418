//! Decisions as a JSONL file, out and back in.
//!
//! One line is one candidate with all its answers and what lint says about each. The user fills in `decision` (`accept`,
//! `reject` or `edit`), `variant` if it is not the proposed one, and `text` for an edit.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use affinage_dataset::candidate::Candidate;
use affinage_dataset::lint::{Finding, Subject, lint_known};
use affinage_dataset::message::Message;
use affinage_eval::plain::counted;
use anyhow::anyhow;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::errors::HintExt as _;
use crate::folder::jsonl;
use crate::folder::library::{Action, Decision, Library};
use crate::folder::project::Project;

/// One line of the file. Read back are `id` and everything from `decision` on.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
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
    variants: Vec<LineVariant>,
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
struct LineVariant {
    variant: String,
    text: String,
    model: Option<String>,
    /// `RULE message` of every finding.
    flags: Vec<String>,
}

/// The cards that were written, as `--json` prints them.
#[derive(Serialize)]
pub struct Written<'a> {
    pub v: u32,
    pub file: &'a Path,
    pub candidates: usize,
    pub left_to_decide: usize,
    /// Without a decision, in conversations that are skipped or set aside.
    pub held_back: usize,
    /// Held private, and not written.
    pub private: usize,
}

/// The decisions that were read, as `--json` prints them.
#[derive(Serialize)]
pub struct Taken {
    pub v: u32,
    pub decisions: usize,
    pub new: usize,
    pub undecided: usize,
}

/// Writes all cards with their answers, findings and decisions; private ones are left out.
pub fn write<'a>(ctx: &Project, file: &'a Path) -> anyhow::Result<Written<'a>> {
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
    let lines: Vec<Line> = all.iter().map(|candidate| line(candidate, &flags, &decisions)).collect();
    jsonl::write_all(file, &lines)?;
    let held_back = lines.iter().filter(|line| line.decision.is_null()).count() - left;
    Ok(Written { v: 1, file, candidates: lines.len(), left_to_decide: left, held_back, private })
}

fn line(
    candidate: &Candidate,
    flags: &BTreeMap<String, Vec<String>>,
    decisions: &HashMap<String, Decision>,
) -> Line {
    let decision = decisions.get(&candidate.candidate_id);
    let mut variants: Vec<_> = candidate.variants.iter().collect();
    variants.sort_by_key(|variant| !variant.active);
    let shown = variants.into_iter().map(|variant| {
        let subject_id = format!("{}/{}", candidate.candidate_id, variant.variant_id);
        LineVariant {
            variant: variant.variant_id.clone(),
            text: variant.text.clone(),
            model: variant.model.clone(),
            flags: flags.get(&subject_id).cloned().unwrap_or_default(),
        }
    });
    Line {
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

/// Takes the decisions of such a file into the library, all or none.
///
/// Errors: there is no such file; a decision cannot be used, by its row.
pub fn read(ctx: &Project, file: &Path) -> anyhow::Result<Taken> {
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
    let lines: Vec<Line> = jsonl::read(file, &ctx.ui)?;
    for (index, line) in lines.iter().enumerate() {
        match decision(line, &known) {
            Ok(found) => decisions.extend(found),
            Err(problem) => problems.push(format!("{}: row {}: {problem}", file.display(), index + 1)),
        }
    }
    if !problems.is_empty() {
        let shown = problems.iter().take(5).cloned().collect::<Vec<_>>().join("; ");
        let problems = counted(problems.len(), "decision", "decisions");
        return Err(anyhow!("{problems} cannot be used, so none was taken: {shown}"))
            .hint("correct these lines and import the file again");
    }
    let undecided = lines.len() - decisions.len();
    let added = library.decide(&decisions, &jiff::Timestamp::now().to_string())?;
    Ok(Taken { v: 1, decisions: decisions.len(), new: added, undecided })
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
fn decision(line: &Line, known: &HashMap<String, Candidate>) -> Result<Option<Decision>, String> {
    let Some(action) = action(&line.decision)? else { return Ok(None) };
    let candidate = known.get(&line.id).ok_or_else(|| format!("no card `{}` in the library", line.id))?;
    let variant = match (&line.variant, action) {
        (Some(id), _) if candidate.variants.iter().any(|v| v.variant_id == *id) => Some(id.clone()),
        (Some(id), _) => return Err(format!("card `{}` has no answer `{id}`", line.id)),
        (None, Action::Reject) => None,
        (None, _) => candidate.proposed().map(|variant| variant.variant_id.clone()),
    };
    let is_edit = action == Action::Edit;
    let words = |text: &Option<String>| {
        text.as_deref().map(str::trim).filter(|text| is_edit && !text.is_empty()).map(str::to_owned)
    };
    let (text, prompt) = (words(&line.text), words(&line.new_prompt));
    let context = line.new_context.clone().filter(|_| is_edit);
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
        original: line.original.clone().filter(|_| is_edit),
        tags: line.tags.clone(),
        domain: line.domain.clone(),
    }))
}
