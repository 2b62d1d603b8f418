//! The texts that a judge is shown: rubric, question, two answers between markers, and how to reply.
//!
//! Answers are data that may contain anything, so each stands between markers that carry a code which occurs in
//! none of the texts. Question and rubric come before the answers: both orders of a pair share that prefix,
//! which servers can cache.

use affinage_dataset::message::Role;

use super::rubric::Rubrics;
use crate::comparison::Comparison;
use crate::id::{row_id, sha256_hex};
use crate::suite::Prompt;

/// How much a judge is told and what it must write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Long rubric; a JSON object with rationale, scores and winner.
    Json,
    /// Short rubric; only the label is read, by its probability.
    Label,
}

/// A rendered request. Equal inputs give equal bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgeRequest {
    pub system: String,
    /// The question block: the part of the user's text that both orders of a pair share.
    pub shared: String,
    /// The rest of the user's text: the two answers and how to reply.
    pub user: String,
    pub form: Form,
    /// A reply in another form than asked for, which the judge is asked to put right.
    pub to_repair: Option<String>,
    /// Labels of the first and second position.
    pub labels: [String; 2],
    /// Hash of the wording, apart from question, answers and labels.
    pub template_sha256: String,
}

/// What the assistant's turn begins with when only the label is read.
pub const VERDICT: &str = "VERDICT:";

/// Renders one comparison; `first` and `second` are the texts in its positions.
pub fn render(
    form: Form,
    rubrics: &Rubrics,
    prompt: &Prompt,
    comparison: &Comparison,
    first: &str,
    second: &str,
) -> JudgeRequest {
    let question = question(prompt);
    let code = marker_code(&comparison.comparison_id, &[&question, first, second]);
    let [label, other] = [&comparison.first.label, &comparison.second.label];
    let block = |name: &str, text: &str| format!("<<{name} {code}>>\n{text}\n<<end {name} {code}>>\n\n");
    let instruction = |label: &str, other: &str| instruction(form, rubrics, &prompt.category, label, other);
    let mut user = block(&format!("Response {label}"), first);
    user.push_str(&block(&format!("Response {other}"), second));
    user.push_str(&instruction(label, other));
    let system = match form {
        Form::Json => rubrics.full(&prompt.category),
        Form::Label => String::new(),
    };
    let wording = format!("{system}\n{}", instruction("LABEL", "OTHER"));
    JudgeRequest {
        system,
        shared: block("question", &question),
        user,
        form,
        to_repair: None,
        labels: [label.clone(), other.clone()],
        template_sha256: sha256_hex(wording.as_bytes()),
    }
}

impl JudgeRequest {
    /// The whole text of the user's turn.
    pub fn user_text(&self) -> String {
        format!("{}{}", self.shared, self.user)
    }

    /// The same request with the reply that could not be read, to be asked for the verdict alone.
    pub fn repairing(&self, reply: &str) -> JudgeRequest {
        // Some servers refuse an empty turn.
        let reply = if reply.trim().is_empty() { "(no text)" } else { reply };
        JudgeRequest { to_repair: Some(reply.to_owned()), ..self.clone() }
    }

    /// What a judge is told after a reply that could not be read.
    pub fn repair_instruction(&self) -> String {
        let [label, other] = &self.labels;
        format!(
            "That reply has no verdict that can be read. Reply with the JSON object that was asked for, or with \
             exactly one line: `{VERDICT} {label}`, `{VERDICT} {other}` or `{VERDICT} tie`."
        )
    }
}

/// The text that stands under `label` in a rendered request, found by its markers.
///
/// The code is read from the first line, before any text of others, so that no answer can plant a block.
pub fn answer_under_label<'a>(user: &'a str, label: &str) -> Option<&'a str> {
    let code = user.lines().next()?.strip_prefix("<<question ")?.strip_suffix(">>")?;
    let start = format!("<<Response {label} {code}>>\n");
    let end = format!("\n<<end Response {label} {code}>>\n");
    let from = user.find(&start)? + start.len();
    let length = user[from..].find(&end)?;
    Some(&user[from..from + length])
}

fn instruction(form: Form, rubrics: &Rubrics, category: &str, label: &str, other: &str) -> String {
    match form {
        Form::Json => format!(
            "Reply with one JSON object and nothing else:\n{{\"rationale\": \"two or three sentences that compare \
             them\", \"scores\": {{\"{label}\": {{\"creativity\": 1-10, \"coherence\": 1-10, \"depth\": 1-10, \
             \"engagement\": 1-10, \"writing_quality\": 1-10}}, \"{other}\": {{the same five}}}}, \"winner\": \
             \"{label}\" or \"{other}\" or \"tie\"}}\nIf you cannot write JSON, end with a last line `{VERDICT} \
             {label}`, `{VERDICT} {other}` or `{VERDICT} tie`."
        ),
        Form::Label => format!(
            "{} Reply with one line: `{VERDICT} {label}` or `{VERDICT} {other}`.",
            rubrics.of(category).question
        ),
    }
}

/// The conversation as the judge reads it: a single question as it is, a longer one with speakers.
fn question(prompt: &Prompt) -> String {
    if let [only] = prompt.messages.as_slice() {
        return only.content.clone();
    }
    let turns = prompt.messages.iter().map(|message| {
        let speaker = match message.role {
            Role::System => "Instruction",
            Role::User => "Person",
            Role::Assistant => "Answer",
        };
        format!("[{speaker}]\n{}", message.content)
    });
    turns.collect::<Vec<_>>().join("\n\n")
}

/// Eight hex digits that occur in none of `texts`.
fn marker_code(comparison_id: &str, texts: &[&str]) -> String {
    let mut attempt = 0u64;
    loop {
        let id = row_id("code", &[comparison_id, &attempt.to_string()]);
        let code = &id["code-".len().."code-".len() + 8];
        if texts.iter().all(|text| !text.contains(code)) {
            return code.to_owned();
        }
        attempt += 1;
    }
}
