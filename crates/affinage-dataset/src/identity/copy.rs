//! Copies without a name in common: a chat that an extension saved beside the product's own export, and a section of a note
//! that was renamed and changed.

use super::{STRONG_WORDS, Turn, lines, main_line, said, share_of_words};
use crate::conversation::{Conversation, NodeRole, Provider};
use crate::hash::hash_number;

/// The turns of a line as every exporter writes them: letters and digits alone, messages of one side joined, without
/// instructions.
fn spoken(line: &[Turn]) -> Vec<(NodeRole, String)> {
    let mut turns: Vec<(NodeRole, String)> = Vec::new();
    for turn in line.iter().filter(|turn| turn.role != NodeRole::System) {
        let letters = turn.text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
        match turns.last_mut().filter(|(role, _)| *role == turn.role) {
            Some((_, text)) => text.extend(letters),
            None => turns.push((turn.role, letters.collect())),
        }
    }
    turns
}

/// By what a copy of a chat is found, whatever it is called: its first exchange.
pub fn copy_landmark(conversation: &Conversation) -> Option<i64> {
    if conversation.provider == Provider::Note {
        return None;
    }
    let path = conversation.path_to(conversation.active_leaf?).into_iter().map(|at| &conversation.nodes[at]);
    let mut first: Vec<Turn> = Vec::new();
    for turn in path.filter_map(|node| Some(Turn { role: node.role, text: said(node)? })) {
        if turn.role == NodeRole::User && first.iter().any(Turn::is_answer) {
            break;
        }
        first.push(turn);
    }
    match spoken(&first).as_slice() {
        [(NodeRole::User, asked), (NodeRole::Assistant, said), ..] => {
            Some(hash_number(&["copy", asked, said]))
        }
        _ => None,
    }
}

/// True if all that is said in `new` is said in one line of `known` from its beginning, turn by turn, by the same sides: more
/// than a greeting and its answer.
pub fn is_copy(known: &Conversation, new: &Conversation) -> bool {
    let is_line = new.children().iter().all(|children| children.len() <= 1);
    let line = main_line(new);
    let words: usize = line.iter().map(Turn::words).sum();
    let new = spoken(&line);
    is_line
        && words >= STRONG_WORDS
        && new.iter().any(|(role, _)| *role == NodeRole::Assistant)
        && lines(known).iter().any(|line| spoken(line).starts_with(&new))
}

/// Words that a section begins with.
const FIRST_WORDS: usize = 8;
/// Share of the words of two sections that are the same.
const MOSTLY: f64 = 0.6;

fn first_words(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split(' ').take(FIRST_WORDS).collect();
    (words.len() == FIRST_WORDS).then(|| words.join(" "))
}

/// The beginning of a section of a note, by which one that was changed is found.
pub(super) fn beginning(conversation: &Conversation) -> Option<i64> {
    let line = Some(main_line(conversation)).filter(|_| conversation.provider == Provider::Note)?;
    let answer = line.iter().find(|turn| turn.is_answer())?;
    Some(hash_number(&["begin", &first_words(&answer.text)?]))
}

/// True for two sections of notes with the same words, whatever their documents and headings are called.
pub fn is_same_note(known: &Conversation, new: &Conversation) -> bool {
    let words = |conversation: &Conversation| {
        let line = Some(main_line(conversation)).filter(|_| conversation.provider == Provider::Note)?;
        let answer = line.into_iter().find(Turn::is_answer)?;
        first_words(&answer.text).is_some().then_some(answer.text)
    };
    words(known).zip(words(new)).is_some_and(|(known, new)| known == new)
}

/// True for two texts of one answer that begin alike and have most of their words in common.
pub(super) fn is_new_version(known: &[Turn], new: &[Turn]) -> bool {
    let only_answer = |line: &[Turn]| match line {
        [asked, answer] if !asked.is_answer() && answer.is_answer() => Some(answer.text.clone()),
        _ => None,
    };
    only_answer(known).zip(only_answer(new)).is_some_and(|(before, now)| {
        first_words(&before).is_some_and(|begin| now.starts_with(&begin))
            && share_of_words(&before, &now) >= MOSTLY
    })
}
