//! Answers that are right or wrong by rule, without a judge.
//!
//! - *Number*: the last number of the answer equals the reference's. A number is digits with optional sign,
//!   decimal point and thousands commas; "1,234" is 1234, "3/4" holds 3 and 4, words such as "seven" are not
//!   numbers. A closing full stop does not belong to the number.
//! - *Short*: one of the accepted answers stands as whole words in the first sentence, where the first sentence
//!   ends at the first line break after text or the first `.`, `!`, `?` that white space follows. A place right behind
//!   `not`, `never` or `isn't` and its like (with `a`, `an`, `the` or `in` between) does not count. What else the sentence says is not read.
//! - *Code*: the first fenced block of the answer (the whole answer without a fence) equals an accepted program.
//!   Compared are lines without comments (`#`, `//`, `--` outside of quotes), without blank lines, without a closing
//!   semicolon, with runs of spaces as one, single quotes as double ones, and indentation as its depth. Nothing is run:
//!   a right program that is written in another way counts as wrong, so the accepted ones must cover the usual ways.

use std::sync::LazyLock;

use regex::Regex;

use crate::suite::{Check, Prompt};
use crate::text::words_only;

static NUMBER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?").expect("the expression is valid"));

/// Whether `answer` passes the prompt's check; `None` when the prompt has no check.
pub fn is_correct(prompt: &Prompt, answer: &str) -> Option<bool> {
    match prompt.check.as_ref()? {
        Check::Number => {
            let expected = prompt.reference.as_deref().and_then(parse_number)?;
            Some(last_number(answer) == Some(expected))
        }
        Check::Short { accepted } => {
            Some(accepted.iter().any(|short| stands_in_first_sentence(short, answer)))
        }
        Check::Code { accepted } => {
            let written = normalised_code(code_block(answer));
            Some(!written.is_empty() && accepted.iter().any(|code| normalised_code(code) == written))
        }
    }
}

/// What counts as right for the checks of these prompts, in sentences for who reads the figures; empty without any.
pub fn rules<'p>(prompts: impl IntoIterator<Item = &'p Prompt>) -> String {
    let mut kinds = [false; 3];
    for check in prompts.into_iter().filter_map(|prompt| prompt.check.as_ref()) {
        kinds[match check {
            Check::Number => 0,
            Check::Short { .. } => 1,
            Check::Code { .. } => 2,
        }] = true;
    }
    let said = [
        "the last number of an answer is the expected one",
        "the first sentence holds an expected answer as whole words, without \u{201c}not\u{201d} before it, whatever else it says",
        "a program is written as an expected one (nothing is run)",
    ];
    let said: Vec<&str> =
        kinds.into_iter().zip(said).filter_map(|(is_there, said)| is_there.then_some(said)).collect();
    match said.is_empty() {
        true => String::new(),
        false => {
            format!("Right is told by rule, and nobody reads the rest of an answer: {}.", said.join("; or "))
        }
    }
}

/// The number that `text` ends with, if it holds any.
pub fn parse_number(text: &str) -> Option<f64> {
    last_number(text)
}

/// The last number of `text`.
///
/// A minus counts as a sign only where no letter or digit stands before it, so that "12-5" ends with 5.
pub fn last_number(text: &str) -> Option<f64> {
    let found = NUMBER.find_iter(text).last()?;
    let mut digits = found.as_str();
    let before = text[..found.start()].chars().next_back();
    if before.is_some_and(char::is_alphanumeric) {
        digits = digits.trim_start_matches('-');
    }
    digits.replace(',', "").parse().ok()
}

/// Whether `short` stands as whole words in the first sentence of `answer`, case and punctuation aside, and at one of these
/// places is not denied.
pub fn stands_in_first_sentence(short: &str, answer: &str) -> bool {
    let (short, sentence) = (words_only(short), words_only(first_sentence(answer)));
    let sentence = format!(" {sentence} ");
    let at = |(place, _): (usize, &str)| &sentence[..place];
    !short.is_empty() && sentence.match_indices(&format!(" {short} ")).map(at).any(|before| !denies(before))
}

/// Whether words, as [`words_only`] writes them, end with a denial of what follows: `it is not`, `isnt in the`.
fn denies(before: &str) -> bool {
    const DENIALS: [&str; 8] = ["not", "never", "isnt", "arent", "wasnt", "werent", "doesnt", "didnt"];
    const BETWEEN: [&str; 4] = ["a", "an", "the", "in"];
    let last = before.split_whitespace().rev().find(|word| !BETWEEN.contains(word));
    last.is_some_and(|word| DENIALS.contains(&word))
}

/// Up to the first line break after text, or the first `.`, `!` or `?` before white space.
pub fn first_sentence(answer: &str) -> &str {
    let answer = answer.trim_start();
    let line = answer.lines().next().unwrap_or("");
    let mut characters = line.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if matches!(character, '.' | '!' | '?')
            && characters.peek().is_some_and(|(_, next)| next.is_whitespace())
        {
            return &line[..at];
        }
    }
    line
}

/// What stands in the first fence, or everything.
pub fn code_block(answer: &str) -> &str {
    let Some((_, after)) = answer.split_once("```") else { return answer };
    // The rest of the opening line names the language.
    let body = after.split_once('\n').map_or("", |(_, body)| body);
    body.split_once("```").map_or(body, |(code, _)| code)
}

/// Lines of code as (depth, text): see the module's rules.
pub fn normalised_code(code: &str) -> Vec<(usize, String)> {
    let mut indents: Vec<usize> = vec![0];
    let mut lines = Vec::new();
    for line in code.lines() {
        let bare = without_comment(line);
        let text = bare.trim().trim_end_matches(';').trim_end();
        if text.is_empty() {
            continue;
        }
        let indent = bare.len() - bare.trim_start().len();
        // A first line that is indented itself is the margin of the block.
        if lines.is_empty() {
            indents = vec![indent];
        }
        while indents.len() > 1 && indents.last().is_some_and(|outer| *outer > indent) {
            indents.pop();
        }
        if indents.last().is_some_and(|outer| *outer < indent) {
            indents.push(indent);
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        lines.push((indents.len() - 1, words.join(" ").replace('\'', "\"")));
    }
    lines
}

/// Up to a comment sign that stands outside of quotes.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (at, character) in line.char_indices() {
        match (quote, character) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '#') => return &line[..at],
            (None, '/') if line[at..].starts_with("//") => return &line[..at],
            (None, '-') if line[at..].starts_with("-- ") => return &line[..at],
            (None, _) => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_equal_by_the_stated_rules_and_by_no_others() {
        let accepted = "def double(x):\n    return 2 * x";
        let same = [
            "Here you go:\n```python\ndef double(x):\n  # twice\n\n  return  2 * x\n```\nIt doubles.",
            "def double(x):\n\treturn 2 * x;",
            "```\n    def double(x):\n        return 2 * x\n```",
        ];
        for answer in same {
            assert_eq!(normalised_code(code_block(answer)), normalised_code(accepted), "{answer}");
        }
        let other = [
            "def double(x):\nreturn 2 * x",
            "def double(x):\n    return x * 2",
            "def double(y):\n    return 2 * y",
            "It is twice the number.",
        ];
        for answer in other {
            assert_ne!(normalised_code(code_block(answer)), normalised_code(accepted), "{answer}");
        }
        let quoted = normalised_code("print('a # b')  # said");
        assert_eq!(quoted, [(0, "print(\"a # b\")".to_owned())]);
    }

    #[test]
    fn the_last_number_decides() {
        for (text, number) in [
            ("17 + 25 = 42.", Some(42.0)),
            ("The answer is 1,234 apples", Some(1234.0)),
            ("It is -7", Some(-7.0)),
            ("12-5", Some(5.0)),
            ("3.5 kg", Some(3.5)),
            ("I think 41, no, 42!", Some(42.0)),
            ("seven", None),
            ("", None),
        ] {
            assert_eq!(last_number(text), number, "{text}");
        }
    }

    #[test]
    fn a_short_answer_stands_as_whole_words_at_the_start() {
        assert!(stands_in_first_sentence("Paris", "The capital is Paris. London is not."));
        assert!(stands_in_first_sentence("New Delhi", "\n**New  Delhi**"));
        assert!(!stands_in_first_sentence("London", "The capital is Paris. London is not."));
        assert!(!stands_in_first_sentence("Rome", "The capital is Romeo"));
        assert!(!stands_in_first_sentence("", "anything"));
        assert!(stands_in_first_sentence("Washington", "Washington, D.C."));
        for denied in
            ["It is not Paris.", "It isn't in Paris", "Never Paris", "The capital is not the Paris of songs"]
        {
            assert!(!stands_in_first_sentence("Paris", denied), "{denied}");
        }
        for held in ["It is not Rome but Paris.", "Cannot say, perhaps Paris", "No, Paris"] {
            assert!(stands_in_first_sentence("Paris", held), "{held}");
        }
    }

    #[test]
    fn the_rules_are_said_of_the_checks_that_are_there() {
        let suite = crate::suite::SuiteDefaults {
            name: "own".to_owned(),
            category: "own".to_owned(),
            domain: crate::suite::Domain::Out,
            split: crate::suite::Split::Report,
        };
        let rules_of = |jsonl: &str| rules(&crate::suite::parse_suite(jsonl, &suite).expect("a suite"));
        assert_eq!(rules_of("{\"prompt\": \"Why?\"}"), "");
        let number = "{\"prompt\": \"2 + 2?\", \"reference\": \"4\", \"check\": \"number\"}";
        let said = rules_of(number);
        assert!(said.contains("last number") && !said.contains("whole words"), "{said}");
    }
}
