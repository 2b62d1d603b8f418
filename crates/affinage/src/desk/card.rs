//! One card as the page shows it: texts, the spans lint points at, and where the words come from.

use std::collections::HashMap;

use affinage_dataset::candidate::{Candidate, Variant};
use affinage_dataset::conversation::{Conversation, Feedback};
use affinage_dataset::lint::{Field, Finding, Severity, Subject, lint};
use affinage_dataset::message::Message;
use anyhow::anyhow;
use serde::Serialize;

use super::catalogue::Catalogue;
use crate::library::{Decision, Library};

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
    decision: Option<Decision>,
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
        index: usize,
        decisions: &HashMap<String, Decision>,
    ) -> anyhow::Result<Card> {
        let (id, entry) = (&catalogue.entries[index].id, catalogue.conversation(index));
        let gone = || anyhow!("the words of candidate `{id}` are no longer in the library");
        let (source, conversation) = library.conversation(&entry.key)?.ok_or_else(gone)?;
        let mut found = library.derivation()?.candidates(&conversation);
        let place = found.iter().position(|candidate| candidate.candidate_id == *id).ok_or_else(gone)?;
        let candidate = found.swap_remove(place);
        Ok(Card::of(&conversation, source, candidate, entry.candidates, decisions.get(id).cloned()))
    }

    fn of(
        conversation: &Conversation,
        source: String,
        candidate: Candidate,
        of: usize,
        decision: Option<Decision>,
    ) -> Card {
        // The answer on the branch the user ended on stands first.
        let mut variants: Vec<&Variant> = candidate.variants.iter().collect();
        variants.sort_by_key(|variant| !variant.active);
        let mut prompt_flags: Vec<Flag> = Vec::new();
        let shown = variants.iter().map(|variant| {
            let mut flags = Vec::new();
            for finding in lint(&[Subject::of_variant(&candidate, variant)]) {
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
            decision,
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

/// The day of a time in seconds since 1970, UTC.
pub fn date(time_s: f64) -> Option<String> {
    let time = jiff::Timestamp::from_second(time_s as i64).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}
