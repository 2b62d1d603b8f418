//! The turns before a prompt: as many as a row has room for, the newest first. Those right before it come with the candidate, where
//! lint and the desk see them; what was said earlier is read here.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use affinage_dataset::candidate::Candidate;
use affinage_dataset::lint::{Field, Known, Severity, Subject, lint_known};
use affinage_dataset::message::{Message, Role};

use super::select::Selected;
use crate::stages::lengths::{Length, Ruler};

/// A token has seldom more characters: what is read beyond it would not fit.
pub const CHARS_PER_TOKEN: usize = 6;

/// What the user said and the answer to it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Candidate and variant.
    key: Arc<str>,
    turns: Arc<[Message; 2]>,
}

/// For each candidate of a conversation what was said above its context, newest first, in at most so many characters.
pub fn earlier(candidates: &[Candidate], max_chars: usize) -> Vec<Vec<Exchange>> {
    let mut known: HashMap<String, Exchange> = HashMap::new();
    let mut of = |candidate: &Candidate| {
        let mut chars = 0;
        let mut found = Vec::new();
        for (above, variant) in candidate.before(candidates).skip(candidate.context.len() / 2) {
            chars += above.prompt.chars().count() + variant.text.chars().count();
            if chars > max_chars {
                break;
            }
            let key = format!("{}/{}", above.candidate_id, variant.variant_id);
            let exchange = known.entry(key).or_insert_with_key(|key| {
                let said = Message::new(Role::User, above.prompt.as_str());
                let answered = Message::new(Role::Assistant, variant.text.as_str());
                Exchange { key: key.as_str().into(), turns: Arc::new([said, answered]) }
            });
            found.push(exchange.clone());
        }
        found
    };
    candidates.iter().map(|candidate| if max_chars == 0 { Vec::new() } else { of(candidate) }).collect()
}

/// The exchanges that lint has an error or a warning about, by key.
pub fn faulty<'a>(exchanges: impl Iterator<Item = &'a Exchange>, known: &Known) -> HashSet<Arc<str>> {
    let mut seen: HashSet<&str> = HashSet::new();
    let fresh: Vec<&Exchange> = exchanges.filter(|exchange| seen.insert(&exchange.key)).collect();
    // Read as lint reads turns before a prompt, whatever prompt that is.
    let asked = [Message::new(Role::User, "And then?"), Message::new(Role::Assistant, "Then it ends.")];
    let subject = |(at, exchange): (usize, &&Exchange)| {
        let messages: Vec<Message> = exchange.turns.iter().chain(&asked).cloned().collect();
        Subject::of_messages(&at.to_string(), "", &messages)
    };
    let subjects: Vec<Subject> = fresh.iter().enumerate().map(subject).collect();
    let is_fault = |field, severity| matches!(field, Field::Context(_)) && severity != Severity::Information;
    let found = lint_known(&subjects, known).into_iter().filter(|hit| is_fault(hit.field, hit.severity));
    found.filter_map(|hit| Some(fresh.get(hit.id.parse::<usize>().ok()?)?.key.clone())).collect()
}

/// A fault ends the context there: a row is not left out for words that it can do without.
pub fn end_at(faulty: &HashSet<Arc<str>>, exchanges: &mut Vec<Exchange>) {
    if let Some(end) = exchanges.iter().position(|exchange| faulty.contains(&exchange.key)) {
        exchanges.truncate(end);
    }
}

/// Gives a row as many of the turns before its prompt as fit, the newest first, and its length. Turns that a person chose stay.
/// Returns how long the row is with none of them: its prompt and answer, or with those that were chosen.
pub fn fit(ruler: &Ruler, selected: &mut Selected) -> Option<Length> {
    let id = &selected.example.example_id;
    let own = selected.example.messages.len();
    let start = usize::from(selected.example.messages.first().is_some_and(|m| m.role == Role::System));
    if selected.is_context_chosen || own < start + 2 {
        selected.length = ruler.measure(id, &selected.example.messages);
        return selected.length;
    }
    let (system, turns) = selected.example.messages.split_at(start);
    let (near, asked) = turns.split_at(turns.len() - 2);
    let far: Vec<&Message> =
        selected.earlier.iter().rev().flat_map(|exchange| exchange.turns.iter()).collect();
    let all: Vec<&Message> = far.iter().copied().chain(near).collect();
    let row = |exchanges: usize| -> Vec<Message> {
        let kept = &all[all.len() - (2 * exchanges).min(all.len())..];
        system.iter().chain(kept.iter().copied()).chain(asked).cloned().collect()
    };
    let bare = ruler.measure(id, &row(0))?;
    let mut lengths = HashMap::from([(0, Some(bare))]);
    let mut fits = |exchanges: usize| {
        let length = lengths.entry(exchanges).or_insert_with(|| ruler.measure(id, &row(exchanges)));
        length.is_some_and(|length| !length.is_too_long)
    };
    let most = all.len() / 2;
    let kept = if most == 0 || fits(most) {
        most
    } else {
        let exchanges: Vec<usize> = (1..most).collect();
        exchanges.partition_point(|&exchanges| fits(exchanges))
    };
    let messages = row(kept);
    let length = lengths.remove(&kept).flatten();
    selected.extended = 2 * kept.saturating_sub(near.len() / 2);
    selected.example.messages = messages;
    selected.length = length;
    Some(bare)
}

/// Takes earlier turns out of the rows of texts that are cut into sections: they would reach into another section.
pub fn within_sections(selected: &mut [Selected], sectioned: &BTreeSet<String>) {
    for one in selected.iter_mut().filter(|one| sectioned.contains(one.source_text())) {
        let start = usize::from(one.example.messages.first().is_some_and(|m| m.role == Role::System));
        let extended = std::mem::take(&mut one.extended);
        if extended > 0 {
            one.example.messages.drain(start..start + extended);
            one.length = None;
        }
    }
}
