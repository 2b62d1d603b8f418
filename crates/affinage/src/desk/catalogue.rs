//! What the desk knows of every candidate without holding its text: the text is read when its card is.

use std::collections::HashMap;
use std::path::Path;

use affinage_dataset::candidate::Candidate;
use affinage_dataset::conversation::Feedback;
use affinage_dataset::lint::{Severity, Subject, lint};

use crate::library::{Access, Library, access};

#[derive(Default)]
pub struct Catalogue {
    pub entries: Vec<Entry>,
    pub conversations: Vec<ConversationEntry>,
    /// Everything was read.
    pub is_whole: bool,
    by_id: HashMap<String, usize>,
}

pub struct Entry {
    pub id: String,
    /// Index in [`Catalogue::conversations`].
    pub conversation: usize,
    /// The answer the user ended on, else the first.
    pub proposed: String,
    pub model: Option<String>,
    pub answers: usize,
    pub answer_chars: usize,
    /// Rules that found an error or a warning in the proposed answer or the prompt.
    pub rules: Vec<&'static str>,
    pub features: Vec<f64>,
}

pub struct ConversationEntry {
    pub key: String,
    pub title: String,
    pub candidates: usize,
    /// Not set aside.
    pub is_queued: bool,
}

/// What each feature means when it is high and when it is low.
pub const FEATURES: [(&str, &str); 9] = [
    ("a long answer", "a short answer"),
    ("a long question", "a short question"),
    ("you asked for other answers", "there is one answer only"),
    ("lint found errors", "lint found no error"),
    ("lint found warnings", "lint found no warning"),
    ("you rated it up", "you did not rate it up"),
    ("you rated it down", "you did not rate it down"),
    ("varied words", "few different words"),
    ("you went on after it", "you stopped after it"),
];

/// Log-odds before the person's own decisions speak: their signals in the chat first, then faults and length.
const PRIOR: [f64; FEATURES.len()] = [0.2, 0.1, 0.6, -2.0, -0.5, 2.0, -2.0, 0.5, 0.4];

impl Entry {
    pub fn prior(&self) -> f64 {
        self.features.iter().zip(PRIOR).map(|(feature, weight)| feature * weight).sum()
    }
}

impl Catalogue {
    pub fn index(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    pub fn conversation(&self, index: usize) -> &ConversationEntry {
        &self.conversations[self.entries[index].conversation]
    }

    /// Adds conversations with their candidates.
    pub fn add(&mut self, read: Vec<(ConversationEntry, Vec<Entry>)>) {
        for (conversation, entries) in read {
            for entry in entries {
                self.by_id.insert(entry.id.clone(), self.entries.len());
                self.entries.push(Entry { conversation: self.conversations.len(), ..entry });
            }
            self.conversations.push(conversation);
        }
    }
}

/// Conversations handed over at once: the desk answers in between.
const BATCH: usize = 100;

/// Goes through the library with a connection of its own.
pub fn read(project: &Path, mut add: impl FnMut(Vec<(ConversationEntry, Vec<Entry>)>)) -> anyhow::Result<()> {
    let mut batch = Vec::new();
    let library = Library::open(project)?;
    let derivation = library.derivation()?;
    let choices = library.choices()?;
    library.for_each_conversation(|_, conversation| {
        if crate::interrupt::requested() {
            return Ok(());
        }
        // Private conversations are not shown at all; those set aside only by search.
        let access = access(&conversation, &choices);
        if matches!(access, Access::Never) {
            return Ok(());
        }
        let found = derivation.candidates(&conversation);
        let count = found.len();
        let entries = found.iter().map(|candidate| entry(candidate, count)).collect();
        let conversation = ConversationEntry {
            key: conversation.key(),
            title: conversation.title,
            candidates: count,
            is_queued: matches!(access, Access::Open),
        };
        batch.push((conversation, entries));
        if batch.len() == BATCH {
            add(std::mem::take(&mut batch));
        }
        Ok(())
    })?;
    add(batch);
    Ok(())
}

fn entry(candidate: &Candidate, of: usize) -> Entry {
    let proposed = candidate.variants.iter().find(|v| v.active).unwrap_or(&candidate.variants[0]);
    let mut found = lint(&[Subject::of_variant(candidate, proposed)]);
    found.retain(|finding| finding.severity != Severity::Information);
    let is = |condition: bool| f64::from(u8::from(condition));
    let has = |severity: Severity| is(found.iter().any(|finding| finding.severity == severity));
    let answer_chars = proposed.text.chars().count();
    let features = vec![
        (1.0 + answer_chars as f64).ln(),
        (1.0 + candidate.prompt.chars().count() as f64).ln(),
        is(candidate.variants.len() > 1),
        has(Severity::Error),
        has(Severity::Warning),
        is(proposed.feedback == Some(Feedback::Up)),
        is(proposed.feedback == Some(Feedback::Down)),
        variety(&proposed.text),
        is(candidate.position + 1 < of),
    ];
    let mut rules: Vec<&'static str> = found.iter().map(|finding| finding.rule).collect();
    rules.dedup();
    Entry {
        id: candidate.candidate_id.clone(),
        conversation: 0,
        proposed: proposed.variant_id.clone(),
        model: proposed.model.clone(),
        answers: candidate.variants.len(),
        answer_chars,
        rules,
        features,
    }
}

/// Share of different words among the first 200, so that long texts do not lose by their length.
fn variety(text: &str) -> f64 {
    let words: Vec<&str> = text.split_whitespace().take(200).collect();
    let different: std::collections::HashSet<&str> = words.iter().copied().collect();
    different.len() as f64 / words.len().max(1) as f64
}
