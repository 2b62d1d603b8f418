//! Lint: what is wrong with an example, with the exact span and, where it is safe, a fix.
//!
//! A finding is a fact about the text, never a judgement of its worth: there are no keyword lists of "bad" topics.
//! Errors keep an example out of a dataset, warnings ask, information informs. The rules are one table,
//! [`rules::RULES`].

mod asks;
mod borrowed;
mod code;
mod completeness;
mod content;
mod corpus;
mod decoding;
mod html;
mod language;
mod markup;
mod passwords;
mod privacy;
mod residue;
pub mod rules;
mod shown;
mod structure;

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;

use crate::candidate::{Candidate, Variant};
use crate::conversation::Feedback;
use crate::message::{Message, Role};
pub use asks::asks_nothing;
use code::{Code, fenced, fences};
pub use privacy::{name_spans, others_chars, personal_count, personal_spans, secret_count, secret_spans};
use rules::{Check, Pattern, RULES, Rule, Where};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Severity {
    #[serde(rename = "E")]
    Error,
    #[serde(rename = "W")]
    Warning,
    #[serde(rename = "I")]
    Information,
}

impl Severity {
    pub fn letter(self) -> char {
        match self {
            Severity::Error => 'E',
            Severity::Warning => 'W',
            Severity::Information => 'I',
        }
    }
}

/// Which text of an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    System,
    /// Message of the context, by index.
    Context(usize),
    Prompt,
    Response,
}

/// What lint looks at: an example, or a candidate with one of its variants.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    pub id: String,
    pub conversation: String,
    /// The system message, which is learnt from like the turns.
    pub system: Option<String>,
    pub context: Vec<Message>,
    pub prompt: String,
    pub response: String,
    /// The provider's word for a cut answer.
    pub truncated: Option<String>,
    /// What the reader saw as the answer and the export does not hold.
    pub missing: Option<String>,
    /// Media and parts of unknown types that the reader saw beside the answer's words.
    pub beside: Vec<String>,
    pub feedback: Option<Feedback>,
    /// Images and files that belong to the prompt but not to its text.
    pub prompt_media_count: usize,
    /// Attached files whose words stand in the prompt.
    pub prompt_attachment_count: usize,
    /// Nobody wrote the prompt.
    pub prompt_drafted: bool,
    /// Something about the order of roles that splitting into context, prompt and response would hide.
    pub role_fault: Option<String>,
}

impl Subject {
    pub fn of_variant(candidate: &Candidate, variant: &Variant) -> Subject {
        Subject {
            id: format!("{}/{}", candidate.candidate_id, variant.variant_id),
            conversation: candidate.conversation.clone(),
            system: candidate.system.clone(),
            context: candidate.context.clone(),
            prompt: candidate.prompt.clone(),
            response: variant.text.clone(),
            truncated: variant.truncated.clone(),
            missing: variant.missing.clone(),
            beside: variant.beside.clone(),
            feedback: variant.feedback,
            prompt_media_count: candidate.prompt_media_count,
            prompt_attachment_count: candidate.prompt_attachment_count,
            prompt_drafted: candidate.prompt_drafted,
            role_fault: None,
        }
    }

    /// A row of a dataset: the last user and assistant messages are prompt and response. A system message that is not
    /// the first stays among the context, where it is out of order.
    pub fn of_messages(id: &str, conversation: &str, messages: &[Message]) -> Subject {
        let first = messages.first().filter(|message| message.role == Role::System);
        let mut turns = messages[usize::from(first.is_some())..].to_vec();
        let mut take = |role: Role| {
            let last = turns.last().is_some_and(|m| m.role == role);
            if last { turns.pop().map(|m| m.content) } else { None }
        };
        let response = take(Role::Assistant).unwrap_or_default();
        let prompt = take(Role::User).unwrap_or_default();
        Subject {
            id: id.to_owned(),
            conversation: conversation.to_owned(),
            system: first.map(|message| message.content.clone()),
            context: turns,
            prompt,
            response,
            truncated: None,
            missing: None,
            beside: Vec::new(),
            feedback: None,
            prompt_media_count: 0,
            prompt_attachment_count: 0,
            prompt_drafted: false,
            role_fault: structure::role_fault(messages),
        }
    }

    pub fn text(&self, field: Field) -> &str {
        match field {
            Field::System => self.system.as_deref().unwrap_or_default(),
            Field::Context(index) => self.context.get(index).map_or("", |m| &m.content),
            Field::Prompt => &self.prompt,
            Field::Response => &self.response,
        }
    }

    /// The texts of a place, in the order of the row.
    fn fields(&self, place: Where) -> Vec<Field> {
        let mut fields = Vec::new();
        if place == Where::Row && self.system.is_some() {
            fields.push(Field::System);
        }
        if place != Where::Response {
            let turns = self.context.iter().enumerate();
            let learnt = |role: Role| place != Where::Assistant || role == Role::Assistant;
            fields
                .extend(turns.filter(|(_, turn)| learnt(turn.role)).map(|(index, _)| Field::Context(index)));
        }
        if matches!(place, Where::Turns | Where::Row) {
            fields.push(Field::Prompt);
        }
        fields.push(Field::Response);
        fields
    }

    /// True if the assistant says the text of a field.
    fn is_assistant(&self, field: Field) -> bool {
        match field {
            Field::Context(index) => self.context.get(index).is_some_and(|m| m.role == Role::Assistant),
            Field::Response => true,
            Field::System | Field::Prompt => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    pub rule: &'static str,
    pub severity: Severity,
    pub id: String,
    pub field: Field,
    /// Bytes in the field's text.
    pub span: Range<usize>,
    pub message: String,
    /// Replaces the span without changing what the author meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// What a rule's function found; the table adds the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    field: Field,
    span: Range<usize>,
    detail: Option<String>,
    severity: Option<Severity>,
    fix: Option<String>,
}

impl Hit {
    fn new(field: Field, span: Range<usize>) -> Hit {
        Hit { field, span, detail: None, severity: None, fix: None }
    }

    fn fix(mut self, fix: Option<String>) -> Hit {
        self.fix = fix;
        self
    }

    fn detail(mut self, detail: impl Into<String>) -> Hit {
        self.detail = Some(detail.into());
        self
    }
}

/// What a project knows that no text says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Names of people that must not be in a data set: those of the account, and others the user keeps.
    pub names: Vec<String>,
}

/// All findings, ordered by subject, rule, field and span.
pub fn lint(subjects: &[Subject]) -> Vec<Finding> {
    lint_known(subjects, &Known::default())
}

/// As [`lint`], with what the project knows.
pub fn lint_known(subjects: &[Subject], known: &Known) -> Vec<Finding> {
    let mut numbered: Vec<(usize, Finding)> = Vec::new();
    for compiled in COMPILED.iter() {
        let rule = compiled.rule;
        match &rule.check {
            Check::Patterns(patterns) => {
                for (index, subject) in subjects.iter().enumerate() {
                    let hits = patterns.iter().zip(&compiled.regexes);
                    let hits = hits.flat_map(|(pattern, regex)| pattern_hits(subject, pattern, regex));
                    numbered.extend(hits.map(|hit| (index, finding(rule, subject, hit))));
                }
            }
            Check::Example(check) => {
                for (index, subject) in subjects.iter().enumerate() {
                    numbered
                        .extend(check(subject).into_iter().map(|hit| (index, finding(rule, subject, hit))));
                }
            }
            Check::Known(check) => {
                for (index, subject) in subjects.iter().enumerate() {
                    let hits = check(subject, known).into_iter();
                    numbered.extend(hits.map(|hit| (index, finding(rule, subject, hit))));
                }
            }
            Check::Corpus(check) => {
                let hits = check(subjects).into_iter();
                numbered.extend(hits.map(|(index, hit)| (index, finding(rule, &subjects[index], hit))));
            }
        }
    }
    let key = |f: &Finding| (f.rule, f.field, f.span.start, f.span.end);
    numbered.sort_by(|(a_index, a), (b_index, b)| a_index.cmp(b_index).then_with(|| key(a).cmp(&key(b))));
    numbered.into_iter().map(|(_, finding)| finding).collect()
}

/// Findings of the rules that need more than the example itself: the others, or what the project knows. [`lint`] of one
/// example never has them. Of the context they need only whether there is one.
pub fn lint_across(subjects: &[Subject], known: &Known) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in RULES {
        let hits: Vec<(usize, Hit)> = match &rule.check {
            Check::Corpus(check) => check(subjects),
            Check::Known(check) => {
                let hits = |(index, subject)| check(subject, known).into_iter().map(move |hit| (index, hit));
                subjects.iter().enumerate().flat_map(hits).collect()
            }
            Check::Patterns(_) | Check::Example(_) => continue,
        };
        findings.extend(hits.into_iter().map(|(index, hit)| finding(rule, &subjects[index], hit)));
    }
    findings.sort_by(|a, b| {
        let key = |f: &Finding| (f.rule, f.field, f.span.start, f.span.end);
        a.id.cmp(&b.id).then_with(|| key(a).cmp(&key(b)))
    });
    findings
}

fn finding(rule: &Rule, subject: &Subject, hit: Hit) -> Finding {
    let message = match hit.detail {
        Some(detail) => format!("{}: {detail}", rule.title),
        None => rule.title.to_owned(),
    };
    Finding {
        rule: rule.id,
        severity: hit.severity.unwrap_or(rule.severity),
        id: subject.id.clone(),
        field: hit.field,
        span: hit.span,
        message,
        fix: hit.fix,
    }
}

struct Compiled {
    rule: &'static Rule,
    regexes: Vec<Regex>,
}

static COMPILED: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    let compile = |rule: &'static Rule| {
        let patterns = match &rule.check {
            Check::Patterns(patterns) => patterns,
            _ => &[][..],
        };
        let regex = |pattern: &Pattern| Regex::new(pattern.regex).expect("the table's patterns are valid");
        Compiled { rule, regexes: patterns.iter().map(regex).collect() }
    };
    RULES.iter().map(compile).collect()
});

fn pattern_hits(subject: &Subject, pattern: &Pattern, regex: &Regex) -> Vec<Hit> {
    let mut hits = Vec::new();
    for field in subject.fields(pattern.place) {
        let text = subject.text(field);
        let code = Code::of(text);
        for found in regex.find_iter(text).filter(|found| !found.is_empty()) {
            if !(pattern.prose_only && code.holds(found.start())) {
                hits.push(Hit::new(field, found.range()));
            }
        }
    }
    hits
}

/// Byte range of each line without its line end.
fn line_spans(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        start..start + line.trim_end_matches(['\n', '\r']).len()
    })
}

/// The first `chars` characters of a text.
fn head(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).map_or(text, |(end, _)| &text[..end])
}
