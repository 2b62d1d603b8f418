//! Ways in which an answer can fail without being wrong: refusals, loops and cuts, found by stated rules.
//!
//! - *refusal*: one of [`REFUSAL_PHRASES`] stands in the first 200 characters.
//! - *loop*: the answer has at least 30 words and more than half of its 5-word shingles occurred before, or one
//!   line of four words and more occurs at least four times; or, however short the answer, a phrase of one to six words
//!   occurs at least six times in a row. Phrases are compared without case and punctuation; one of digits alone and
//!   fenced code do not count.
//! - *truncated*: the finish reason is the token limit.
//! - *empty*: no letter and no digit behind the thought, if there is one.
//! - *lost in thought*: cut within a thought, or the thought has no end (see [`crate::thought`]).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::completion::{Completion, FinishReason};
use crate::text::{squeeze, words};

/// Phrases of declining, lower-case, straight apostrophes.
pub const REFUSAL_PHRASES: &[&str] = &[
    "i can't help with",
    "i cannot help with",
    "i can't assist",
    "i cannot assist",
    "i can't provide",
    "i cannot provide",
    "i'm unable to",
    "i am unable to",
    "i'm not able to",
    "i am not able to",
    "i won't be able to",
    "i must decline",
    "i'm sorry, but i can",
    "i am sorry, but i can",
    "i apologize, but i can",
    "as an ai language model, i",
    "as an ai, i can",
];

/// What is wrong with one answer by rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    pub refusal: bool,
    pub looping: bool,
    pub truncated: bool,
    pub empty: bool,
    #[serde(default)]
    pub lost_in_thought: bool,
}

pub fn faults(completion: &Completion) -> Faults {
    Faults {
        refusal: completion.finish_reason == FinishReason::Filtered || is_refusal(completion.answer()),
        looping: is_loop(completion.answer()),
        lost_in_thought: completion.is_lost_in_thought(),
        truncated: completion.finish_reason == FinishReason::Length && !completion.is_lost_in_thought(),
        empty: !completion.is_lost_in_thought() && !completion.answer().chars().any(char::is_alphanumeric),
    }
}

pub fn is_refusal(text: &str) -> bool {
    let start: String = text.chars().take(200).collect::<String>().to_lowercase().replace('\u{2019}', "'");
    let start = squeeze(&start);
    REFUSAL_PHRASES.iter().any(|phrase| start.contains(phrase))
}

/// Whether an answer repeats itself as the head of this module says.
pub fn is_loop(text: &str) -> bool {
    if has_phrase_in_a_row(text) {
        return true;
    }
    let words = words(text);
    if words.len() < 30 {
        return false;
    }
    let shingles = words.len() - 4;
    let distinct: BTreeSet<&[String]> = words.windows(5).collect();
    if 2 * (shingles - distinct.len()) > shingles {
        return true;
    }
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    for line in text.lines().map(squeeze).filter(|line| line.split(' ').count() >= 4) {
        *lines.entry(line).or_default() += 1;
    }
    lines.values().any(|&count| count >= 4)
}

/// Words of the longest phrase that is looked for, and how often one must occur without a break.
const PHRASE_WORDS: usize = 6;
const IN_A_ROW: usize = 6;

/// Whether one phrase stands [`IN_A_ROW`] times in a row outside of fenced code.
fn has_phrase_in_a_row(text: &str) -> bool {
    let mut in_code = false;
    let outside = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !is_fence && !in_code
    });
    let words = words(&outside.collect::<Vec<_>>().join("\n"));
    let is_number = |word: &String| word.chars().all(char::is_numeric);
    (1..=PHRASE_WORDS).any(|length| {
        let mut equal = 0;
        words.iter().zip(words.iter().skip(length)).enumerate().any(|(at, (before, word))| {
            equal = if before == word { equal + 1 } else { 0 };
            equal >= length * (IN_A_ROW - 1) && !words[at..at + length].iter().all(is_number)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declining_at_the_start_is_a_refusal_and_later_is_not() {
        assert!(is_refusal("I\u{2019}m sorry, but I can\u{2019}t do that."));
        assert!(is_refusal("As an AI language model, I have no opinions."));
        assert!(!is_refusal("Sorry seems to be the hardest word."));
        assert!(!is_refusal(&format!("{} I cannot help with that.", "word ".repeat(60))));
    }

    #[test]
    fn repetition_is_a_loop_and_a_short_answer_never() {
        assert!(is_loop(&"the sea is wide and deep and ".repeat(8)));
        let line = "We walk along the shore.\n";
        let other = "Each morning differs from every morning that came before it, and nobody can say exactly why \
                     the light on the water falls so.\n";
        assert!(is_loop(&format!("{line}{other}{line}{line}{line}")));
        assert!(!is_loop(other));
        assert!(!is_loop("no no no no no"));
    }

    #[test]
    fn a_short_phrase_in_a_row_is_a_loop_whatever_its_case_and_punctuation() {
        assert!(is_loop(&"Euclid's intellect, ".repeat(8)));
        assert!(is_loop("A lullaby, a lullaby, A lullaby, a lullaby. A lullaby, a lullaby"));
        assert!(is_loop(&format!("It is said of the sea: {}", "on and on ".repeat(6))));
        assert!(is_loop(&"one two three four five six; ".repeat(6)));
        assert!(is_loop("Why? Why, why, why, why, why"));
    }

    #[test]
    fn refrains_lists_laughter_numbers_and_code_are_no_loops() {
        let refrain = "Row on, row on, the tide is turning,\n";
        let verses = ["a lamp is lit,\n", "the nets are mended,\n", "and somebody sings of home.\n"];
        assert!(!is_loop(&verses.map(|verse| format!("{verse}{refrain}")).concat()));
        let list =
            ["bread", "salt", "oil", "figs", "rope", "tar", "lamp"].map(|what| format!("- the {what}\n"));
        assert!(!is_loop(&list.concat()));
        assert!(!is_loop("He laughed: ha ha ha!"));
        assert!(!is_loop(&"A lullaby, ".repeat(5)));
        assert!(!is_loop("The row is 0, 0, 0, 0, 0, 0, 0, 0."));
        assert!(!is_loop(&format!("Close them:\n```html\n{}\n```\nThat is all.", "</div>".repeat(9))));
    }
}
