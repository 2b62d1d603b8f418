//! One card as the page shows it: texts, the spans lint points at, and where the words come from.

use std::collections::HashMap;

use affinage_dataset::candidate::{Candidate, Variant};
use affinage_dataset::conversation::{Conversation, Feedback};
use affinage_dataset::lint::{Field, Finding, Severity, Subject, lint};
use affinage_dataset::message::Message;
use anyhow::anyhow;
use serde::Serialize;

use super::catalogue::Catalogue;
use super::queue::Shown;
use crate::library::{Library, Mark};

#[derive(Serialize)]
pub struct Card {
    pub id: String,
    title: String,
    conversation: String,
    provider: &'static str,
    /// Date of the conversation, as `2025-03-01`.
    date: Option<String>,
    source: String,
    /// Number of the card in its conversation, from 1, and how many it has.
    position: usize,
    of: usize,
    context: Vec<Message>,
    prompt: String,
    prompt_flags: Vec<Flag>,
    variants: Vec<CardVariant>,
    mark: Mark,
    /// Decided on before; the first decision is hidden.
    second_look: bool,
    why: String,
}

#[derive(Serialize)]
struct CardVariant {
    variant: String,
    text: String,
    model: Option<String>,
    author: Option<String>,
    is_active: bool,
    feedback: Option<Feedback>,
    flags: Vec<Flag>,
    /// The text with all safe fixes made, where there are any.
    fixed: Option<String>,
    /// Names the answer in the whole conversation.
    node_ids: Vec<String>,
}

/// A finding; the span counts UTF-16 units, as the browser does.
#[derive(Serialize, PartialEq, Eq)]
pub struct Flag {
    rule: &'static str,
    severity: Severity,
    message: String,
    start: usize,
    end: usize,
    /// Safe replacement of the span.
    fix: Option<String>,
}

impl Card {
    /// Reads the conversation of an entry and makes its card.
    pub fn read(
        library: &Library,
        catalogue: &Catalogue,
        shown: Shown,
        marks: &HashMap<String, Mark>,
        why: String,
    ) -> anyhow::Result<Card> {
        let (id, entry) = (&catalogue.entries[shown.index].id, catalogue.conversation(shown.index));
        let gone = || anyhow!("the words of candidate `{id}` are no longer in the library");
        let (source, conversation) = library.conversation(&entry.key)?.ok_or_else(gone)?;
        let mut found = library.derivation()?.candidates(&conversation);
        let place = found.iter().position(|candidate| candidate.candidate_id == *id).ok_or_else(gone)?;
        let candidate = found.swap_remove(place);
        let mark = marks.get(id).filter(|_| !shown.second_look).cloned().unwrap_or_default();
        let card = Card::of(&conversation, source, candidate, entry.candidates);
        Ok(Card { mark, why, second_look: shown.second_look, ..card })
    }

    fn of(conversation: &Conversation, source: String, candidate: Candidate, of: usize) -> Card {
        // The answer on the branch the user ended on stands first.
        let mut variants: Vec<&Variant> = candidate.variants.iter().collect();
        variants.sort_by_key(|variant| !variant.active);
        let mut prompt_flags: Vec<Flag> = Vec::new();
        let shown = variants.iter().map(|variant| {
            let mut flags = Vec::new();
            let findings = lint(&[Subject::of_variant(&candidate, variant)]);
            let fixed = with_safe_fixes(&variant.text, &findings);
            for finding in findings {
                match finding.field {
                    Field::Response => flags.push(Flag::of(&finding, &variant.text)),
                    Field::Prompt => {
                        let flag = Flag::of(&finding, &candidate.prompt);
                        if !prompt_flags.contains(&flag) {
                            prompt_flags.push(flag);
                        }
                    }
                    Field::Context(_) => {}
                }
            }
            CardVariant {
                variant: variant.variant_id.clone(),
                text: variant.text.clone(),
                model: variant.model.clone(),
                author: variant.author.clone(),
                is_active: variant.active,
                feedback: variant.feedback,
                flags,
                fixed,
                node_ids: variant.node_ids.clone(),
            }
        });
        let variants = shown.collect();
        Card {
            title: conversation.title.clone(),
            provider: conversation.provider.as_str(),
            date: conversation.time_s.and_then(date),
            source,
            position: candidate.position + 1,
            of,
            id: candidate.candidate_id,
            conversation: candidate.conversation,
            context: candidate.context,
            prompt: candidate.prompt,
            prompt_flags,
            variants,
            mark: Mark::default(),
            second_look: false,
            why: String::new(),
        }
    }
}

impl Flag {
    fn of(finding: &Finding, text: &str) -> Flag {
        let units = |byte: usize| text[..byte].encode_utf16().count();
        Flag {
            rule: finding.rule,
            severity: finding.severity,
            message: finding.message.clone(),
            start: units(finding.span.start),
            end: units(finding.span.end),
            fix: finding.fix.clone(),
        }
    }
}

/// An answer with lint's safe fixes made, from the end so that spans keep their places; `None` if there is none.
fn with_safe_fixes(text: &str, findings: &[Finding]) -> Option<String> {
    let mut fixes: Vec<_> = findings
        .iter()
        .filter(|finding| finding.field == Field::Response)
        .filter_map(|finding| finding.fix.as_ref().map(|fix| (finding.span.clone(), fix)))
        .collect();
    fixes.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    let mut fixed = text.to_owned();
    let mut untouched_from = text.len() + 1;
    for (span, fix) in fixes {
        // Of two fixes that overlap, the later in the text is made.
        if span.end < untouched_from {
            untouched_from = span.start;
            fixed.replace_range(span, fix);
        }
    }
    let fixed = fixed.trim().to_owned();
    (fixed != text && !fixed.is_empty()).then_some(fixed)
}

/// The day of a time in seconds since 1970, UTC.
pub fn date(time_s: f64) -> Option<String> {
    let time = jiff::Timestamp::from_second(time_s as i64).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}
