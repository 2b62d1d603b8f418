//! One card as the page shows it: texts, the spans lint points at, and where the words come from.

use affinage_dataset::authorship::{self, Written};
use affinage_dataset::candidate::{Candidate, Variant};
use affinage_dataset::conversation::{Conversation, Feedback};
use affinage_dataset::import::is_dated;
use affinage_dataset::lint::rules::titled;
use affinage_dataset::lint::{Field, Finding, Severity, Subject, lint};
use affinage_dataset::message::Message;
use affinage_project::folder::library::{Derivation, Library, Mark, TextFix};
use affinage_project::stages::freeze::is_off_branch;
use anyhow::anyhow;
use serde::Serialize;

use super::catalogue::Catalogue;
use super::queue::Shown;

#[derive(Serialize)]
pub struct Card {
    pub id: String,
    title: String,
    conversation: String,
    provider: &'static str,
    /// Date of the conversation, as `2025-03-01`.
    date: Option<String>,
    /// Name of the file it came from.
    file: String,
    /// Number and name of its topic.
    topic: Option<(usize, String)>,
    /// Number of the card in its conversation, from 1, and how many it has.
    position: usize,
    of: usize,
    system: Option<String>,
    system_flags: Vec<Flag>,
    context: Vec<Message>,
    /// Those of each message of the context.
    context_flags: Vec<Vec<Flag>>,
    prompt: String,
    /// Nobody wrote the prompt: it was drafted by rule, and is to be written.
    prompt_is_draft: bool,
    prompt_flags: Vec<Flag>,
    variants: Vec<CardVariant>,
    mark: Mark,
    /// Characters of the answer by writer, as it is now.
    written: Written,
    /// What the person's own words make of it.
    edited: Option<Edited>,
    /// Tokens of the row as it is now, where they are more than the training takes.
    too_long: Option<usize>,
    /// It lies on a branch that its conversation does not show.
    off_branch: bool,
    /// A section of a dated note: a freeze takes it undecided only where it is asked for such notes.
    dated: bool,
    /// How many cards ask nearly what it asks, this one included; `None` where it is the only one.
    near: Option<usize>,
    /// Decided on before; the first decision is hidden.
    second_look: bool,
    why: String,
}

/// An answer with words of the person's own, as a data set would take it.
#[derive(Serialize)]
struct Edited {
    flags: Vec<Flag>,
    prompt_flags: Vec<Flag>,
    /// Share of the answer's characters that the edit brought in, 0 to 1.
    new_share: f64,
}

impl Edited {
    fn of(candidate: &Candidate, mark: &Mark) -> Option<Edited> {
        if !mark.is_edited() {
            return None;
        }
        let chosen = candidate.variants.iter().find(|v| Some(&v.variant_id) == mark.variant.as_ref());
        let variant = chosen.unwrap_or(super::catalogue::proposed(candidate));
        let text = mark.text.as_ref().unwrap_or(&variant.text);
        let subject = Subject {
            prompt: mark.prompt.clone().unwrap_or_else(|| candidate.prompt.clone()),
            context: mark.context.clone().unwrap_or_else(|| candidate.context.clone()),
            response: text.clone(),
            // Who edits an answer makes it whole.
            truncated: None,
            missing: None,
            beside: Vec::new(),
            prompt_drafted: candidate.prompt_drafted && mark.prompt.is_none(),
            ..Subject::of_variant(candidate, variant)
        };
        let (mut flags, mut prompt_flags) = (Vec::new(), Vec::new());
        for finding in lint(std::slice::from_ref(&subject)) {
            let list = if finding.field == Field::Response { &mut flags } else { &mut prompt_flags };
            list.push(Flag::of(&finding, subject.text(finding.field)));
        }
        let original = mark.original.as_ref().unwrap_or(&variant.text);
        let new = authorship::new_chars(text, original);
        let new_share = new as f64 / text.chars().count().max(1) as f64;
        Some(Edited { flags, prompt_flags, new_share })
    }
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
    /// Safe fixes that lint has for the answer, the prompt and what stands before.
    fixes: usize,
    /// Names the answer in the whole conversation.
    node_ids: Vec<String>,
}

/// A finding; the span counts UTF-16 units, as the browser does.
#[derive(Serialize, PartialEq, Eq)]
pub struct Flag {
    rule: &'static str,
    /// The rule with what it looks for.
    title: String,
    severity: Severity,
    message: String,
    start: usize,
    end: usize,
    /// Safe replacement of the span.
    fix: Option<String>,
}

/// A candidate with the conversation it stands in.
pub struct Found {
    pub source: String,
    pub conversation: Conversation,
    pub candidates: Vec<Candidate>,
    /// Index of the candidate among them.
    pub place: usize,
}

impl Found {
    /// Reads the words of an entry.
    pub fn read(
        library: &Library,
        derivation: &Derivation,
        catalogue: &Catalogue,
        index: usize,
    ) -> anyhow::Result<Found> {
        let id = &catalogue.entries[index].id;
        let gone = || anyhow!("the words of card `{id}` are no longer in the library");
        let (source, conversation) =
            library.conversation(&catalogue.conversation(index).key)?.ok_or_else(gone)?;
        let candidates = derivation.candidates(&conversation);
        let place = candidates.iter().position(|c| c.candidate_id == *id).ok_or_else(gone)?;
        Ok(Found { source, conversation, candidates, place })
    }

    pub fn candidate(&self) -> &Candidate {
        &self.candidates[self.place]
    }

    /// The exchange that follows an answer: its prompt and the answer proposed to it.
    pub fn following(&self, variant: &str) -> Option<(&Candidate, &Variant)> {
        let nodes = &self.conversation.nodes;
        let variant = self.candidate().variants.iter().find(|v| v.variant_id == variant)?;
        let answers = |candidate: &&Candidate| {
            let first = nodes.iter().position(|node| Some(&node.id) == candidate.prompt_node_ids.first());
            let mut above = first.and_then(|first| nodes[first].parent);
            // Hidden nodes may stand between; a visible one ends the way.
            while let Some(index) = above {
                if variant.node_ids.contains(&nodes[index].id) {
                    return true;
                }
                above = nodes[index].parent.filter(|_| nodes[index].visible_text().is_empty());
            }
            false
        };
        let next = self.candidates.iter().find(answers)?;
        Some((next, next.variants.iter().find(|v| v.active).unwrap_or(&next.variants[0])))
    }

    /// The safe fixes that lint has for an answer, its prompt and what stands before it.
    pub fn safe_fixes(&self, variant: &str) -> Option<Vec<TextFix>> {
        let candidate = self.candidate();
        let variant = candidate.variants.iter().find(|v| v.variant_id == variant)?;
        let subject = Subject::of_variant(candidate, variant);
        let findings = lint(std::slice::from_ref(&subject));
        Some(TextFix::safe(&subject, &candidate.candidate_id, &variant.variant_id, &findings))
    }
}

impl Card {
    /// Makes the card of a candidate.
    pub fn of(found: Found, mark: Mark) -> Card {
        let Found { source, conversation, mut candidates, place } = found;
        let of = candidates.len();
        let candidate = candidates.swap_remove(place);
        // The answer on the branch the user ended on stands first.
        let mut variants: Vec<&Variant> = candidate.variants.iter().collect();
        variants.sort_by_key(|variant| !variant.active);
        let mut system_flags: Vec<Flag> = Vec::new();
        let mut context_flags: Vec<Vec<Flag>> = candidate.context.iter().map(|_| Vec::new()).collect();
        let mut prompt_flags: Vec<Flag> = Vec::new();
        let shown = variants.iter().map(|variant| {
            let mut flags = Vec::new();
            let subject = Subject::of_variant(&candidate, variant);
            let findings = lint(std::slice::from_ref(&subject));
            let fixes = findings.iter().filter(|finding| finding.fix.is_some()).count();
            for finding in findings {
                let flag = Flag::of(&finding, subject.text(finding.field));
                let list = match finding.field {
                    Field::Response => &mut flags,
                    Field::Prompt => &mut prompt_flags,
                    Field::Context(index) => &mut context_flags[index],
                    Field::System => &mut system_flags,
                };
                // Variants share all texts before the answer.
                if !list.contains(&flag) {
                    list.push(flag);
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
                fixes,
                node_ids: variant.node_ids.clone(),
            }
        });
        let variants = shown.collect();
        let file = affinage_project::folder::library::file_name(&source, &conversation);
        Card {
            dated: is_dated(&conversation),
            title: conversation.title,
            provider: conversation.provider.as_str(),
            date: conversation.time_s.and_then(date),
            file,
            topic: None,
            position: candidate.position + 1,
            of,
            written: super::catalogue::measure(&candidate, Some(&mark)).written,
            edited: Edited::of(&candidate, &mark),
            too_long: None,
            off_branch: is_off_branch(&candidate),
            id: candidate.candidate_id,
            conversation: candidate.conversation,
            system: candidate.system,
            system_flags,
            context: candidate.context,
            context_flags,
            prompt_is_draft: candidate.prompt_drafted && mark.prompt.is_none(),
            prompt: candidate.prompt,
            prompt_flags,
            variants,
            mark,
            near: None,
            second_look: false,
            why: String::new(),
        }
    }

    /// The card with what the desk knows of its place and has found by comparing all examples.
    pub fn placed(mut self, catalogue: &Catalogue, shown: Shown, why: String) -> Card {
        let proposed = &catalogue.entries[shown.index].proposed;
        for finding in catalogue.comparison(&self.id) {
            let (text, flags) = match finding.field {
                Field::Prompt => (&self.prompt, &mut self.prompt_flags),
                Field::Response => match self.variants.iter_mut().find(|v| v.variant == *proposed) {
                    Some(CardVariant { text, flags, .. }) => (&*text, flags),
                    None => continue,
                },
                Field::System | Field::Context(_) => continue,
            };
            // A fix may have changed the text since.
            if text.get(finding.span.clone()).is_some() {
                flags.push(Flag::of(finding, text));
            }
        }
        let entry = &catalogue.entries[shown.index];
        let near = catalogue.entries.iter().filter(|other| entry.asks_nearly(other)).count();
        let near = Some(near).filter(|count| *count > 1);
        let topic = catalogue.conversation(shown.index).topic;
        let topic = topic.map(|number| (number, catalogue.topics[number].name.clone()));
        let too_long = entry.too_long;
        Card { topic, near, why, too_long, second_look: shown.second_look, ..self }
    }
}

impl Flag {
    fn of(finding: &Finding, text: &str) -> Flag {
        let units = |byte: usize| text[..byte].encode_utf16().count();
        Flag {
            rule: finding.rule,
            title: titled(finding.rule),
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
