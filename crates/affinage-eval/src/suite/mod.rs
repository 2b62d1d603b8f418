//! Prompts and where they come from: built-in suites, templates with exact answers, the user's own files and
//! held-out examples.

pub mod factual;
pub mod maths;

use std::collections::BTreeMap;

use affinage_dataset::message::{Message, Role};
use serde::{Deserialize, Serialize};

use crate::ROW_VERSION;
use crate::id::{row_id, sha256_hex};
use crate::text::words_only;

/// One line of `prompts.jsonl`: what every arm is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prompt {
    pub v: u32,
    pub prompt_id: String,
    /// Prompts that are not independent (near-duplicates, turns of one conversation) share a cluster; every
    /// interval is computed over clusters.
    pub cluster_id: String,
    pub split: Split,
    pub domain: Domain,
    pub category: String,
    /// The conversation up to the point where the model answers; the last message is the user's.
    pub messages: Vec<Message>,
    /// A good answer, where there is one: the user's own text in-domain, the exact answer of a check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// SHA-256 of the line, template or example that the prompt was made from.
    pub source_hash: String,
}

impl Prompt {
    /// What the user says last: the question that a judge is shown.
    pub fn question(&self) -> &str {
        self.messages.iter().rev().find(|m| m.role == Role::User).map_or("", |m| m.content.as_str())
    }
}

/// What a prompt may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Choosing a checkpoint or a setting.
    Select,
    /// The figures of the report.
    Report,
    /// Sealed; opened once.
    Reserve,
}

/// Whether the prompt is of the kind that the training texts are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    In,
    Out,
}

impl Domain {
    pub fn name(self) -> &'static str {
        match self {
            Domain::In => "in-domain",
            Domain::Out => "out-of-domain",
        }
    }
}

/// How an answer is checked without a judge. The rules are in [`crate::objective`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// The last number of the answer equals the number in `reference`.
    Number,
    /// One of the accepted answers stands as whole words in the first sentence.
    Short { accepted: Vec<String> },
    /// The first code block of the answer equals one of these programs, after normalising.
    Code { accepted: Vec<String> },
}

/// What a suite file leaves unsaid.
#[derive(Clone, Debug)]
pub struct SuiteDefaults {
    /// Name of the suite; part of every prompt id.
    pub name: String,
    /// Category of lines that name none.
    pub category: String,
    pub domain: Domain,
    pub split: Split,
}

/// A line of a suite that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    #[error("suite `{suite}` line {line}: not a JSON object with the keys of a suite line")]
    Line { suite: String, line: usize, source: serde_json::Error },
    #[error("suite `{suite}` line {line}: expected exactly one of `prompt` and `messages`")]
    PromptOrMessages { suite: String, line: usize },
    #[error("suite `{suite}` line {line}: the last message is not the user's")]
    LastNotUser { suite: String, line: usize },
    #[error("suite `{suite}` line {line}: the prompt has no text")]
    Empty { suite: String, line: usize },
    #[error("suite `{suite}` line {line}: id `{id}` was already used on line {first_line}")]
    DuplicateId { suite: String, line: usize, id: String, first_line: usize },
    #[error("suite `{suite}` line {line}: `check` is `number` but `reference` holds no number")]
    NoNumber { suite: String, line: usize },
}

/// The form of a suite file's line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SuiteLine {
    id: Option<String>,
    category: Option<String>,
    prompt: Option<String>,
    messages: Option<Vec<Message>>,
    reference: Option<String>,
    check: Option<Check>,
    cluster: Option<String>,
}

/// Reads a suite in JSONL: `{"id"?,"category"?,"prompt"|"messages","reference"?,"check"?,"cluster"?}` per line.
/// Empty lines are skipped; a line without an id is known by its text.
pub fn parse_suite(jsonl: &str, defaults: &SuiteDefaults) -> Result<Vec<Prompt>, SuiteError> {
    let mut prompts = Vec::new();
    let mut line_of_id = BTreeMap::new();
    for (index, text) in jsonl.lines().enumerate() {
        if text.trim().is_empty() {
            continue;
        }
        let (suite, line) = (defaults.name.clone(), index + 1);
        let parsed: SuiteLine = serde_json::from_str(text).map_err(|source| SuiteError::Line {
            suite: suite.clone(),
            line,
            source,
        })?;
        let id = parsed.id.clone().unwrap_or_else(|| sha256_hex(text.trim().as_bytes()));
        if let Some(first_line) = line_of_id.insert(id.clone(), line) {
            return Err(SuiteError::DuplicateId { suite, line, id, first_line });
        }
        prompts.push(prompt_from_line(parsed, &id, text, defaults, line)?);
    }
    Ok(prompts)
}

fn prompt_from_line(
    parsed: SuiteLine,
    id: &str,
    text: &str,
    defaults: &SuiteDefaults,
    line: usize,
) -> Result<Prompt, SuiteError> {
    let suite = defaults.name.clone();
    let messages = match (parsed.prompt, parsed.messages) {
        (Some(prompt), None) => vec![Message { role: Role::User, content: prompt }],
        (None, Some(messages)) => messages,
        _ => return Err(SuiteError::PromptOrMessages { suite, line }),
    };
    match messages.last() {
        Some(last) if last.role != Role::User => return Err(SuiteError::LastNotUser { suite, line }),
        Some(last) if !last.content.trim().is_empty() => {}
        _ => return Err(SuiteError::Empty { suite, line }),
    }
    let number = parsed.reference.as_deref().and_then(crate::objective::parse_number);
    if parsed.check == Some(Check::Number) && number.is_none() {
        return Err(SuiteError::NoNumber { suite, line });
    }
    let prompt_id = row_id("prm", &[&suite, id]);
    Ok(Prompt {
        v: ROW_VERSION,
        cluster_id: parsed.cluster.map_or_else(|| prompt_id.clone(), |c| row_id("cls", &[&suite, &c])),
        prompt_id,
        split: defaults.split,
        domain: defaults.domain,
        category: parsed.category.unwrap_or_else(|| defaults.category.clone()),
        messages,
        reference: parsed.reference,
        check: parsed.check,
        source_hash: sha256_hex(text.as_bytes()),
    })
}

/// A held-out example as a prompt: everything before the last answer is asked, that answer is the reference.
/// `None` when the messages do not end with a user's turn and its answer.
pub fn prompt_from_example(
    example_id: &str,
    cluster: &str,
    split: Split,
    messages: &[Message],
) -> Option<Prompt> {
    let (answer, asked) = messages.split_last()?;
    if answer.role != Role::Assistant || asked.last()?.role != Role::User {
        return None;
    }
    let whole = serde_json::to_vec(messages).expect("messages are plain strings");
    Some(Prompt {
        v: ROW_VERSION,
        prompt_id: row_id("prm", &["held-out", example_id]),
        cluster_id: row_id("cls", &["held-out", cluster]),
        split,
        domain: Domain::In,
        category: "in-domain".to_owned(),
        messages: asked.to_vec(),
        reference: Some(answer.content.clone()),
        check: None,
        source_hash: sha256_hex(&whole),
    })
}

/// A prompt with an exact answer, made from a template of the built-in suite `suite`.
fn checked_prompt(suite: &str, question: String, reference: String, check: Check) -> Prompt {
    let said = words_only(&question);
    let prompt_id = row_id("prm", &[suite, &said]);
    Prompt {
        v: ROW_VERSION,
        cluster_id: prompt_id.clone(),
        prompt_id,
        split: Split::Report,
        domain: Domain::Out,
        category: suite.to_owned(),
        source_hash: sha256_hex(question.as_bytes()),
        messages: vec![Message { role: Role::User, content: question }],
        reference: Some(reference),
        check: Some(check),
    }
}

/// Pairs of prompts (positions) that say the same words; a suite must have none.
pub fn repeated_prompts(prompts: &[Prompt]) -> Vec<(usize, usize)> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut repeated = Vec::new();
    for (position, prompt) in prompts.iter().enumerate() {
        let said: Vec<String> = prompt.messages.iter().map(|m| words_only(&m.content)).collect();
        match seen.entry(said.join("\n")) {
            std::collections::btree_map::Entry::Occupied(first) => repeated.push((*first.get(), position)),
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(position);
            }
        }
    }
    repeated
}
