//! What a model thinks before it answers, and what it says. Servers without a reasoning parser, and our own engine, leave the
//! thought in front of the answer, in the marks of the model's maker.

use std::ops::Range;

/// A text that a model wrote, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitThought<'t> {
    /// What stands in the thought, without its marks; `None` where there is none.
    pub thought: Option<&'t str>,
    /// What follows the thought; the whole text where there is none; nothing where the thought has no end.
    pub answer: &'t str,
    /// Whether the thought has an end. True where there is none.
    pub closed: bool,
}

/// How a thought begins and ends. Compared without regard to ASCII case.
const MARKS: &[(&str, &str)] = &[
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<thoughts>", "</thoughts>"),
    ("<reasoning>", "</reasoning>"),
    ("<reflection>", "</reflection>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<seed:think>", "</seed:think>"),
    ("[think]", "[/think]"),
    ("\u{25c1}think\u{25b7}", "\u{25c1}/think\u{25b7}"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|start_thinking|>", "<|end_thinking|>"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
];

/// Splits off the thought that a text begins with. Where only its end is there, on a line of its own, the prompt began it.
pub fn split_thought(text: &str) -> SplitThought<'_> {
    let lower = text.to_ascii_lowercase();
    let start = text.len() - text.trim_start().len();
    let begun = MARKS.iter().find(|(begin, _)| lower[start..].starts_with(begin));
    let found = match begun {
        Some((begin, end)) => {
            let inside = start + begin.len();
            let end_at = lower[inside..].find(end).map(|at| (inside + at, end.len()));
            (inside, end_at)
        }
        None => {
            match MARKS.iter().filter_map(|(_, end)| Some((alone_on_a_line(&lower, end)?, end.len()))).min() {
                Some(end_at) => (0, Some(end_at)),
                None => return SplitThought { thought: None, answer: text, closed: true },
            }
        }
    };
    match found {
        (inside, Some((at, len))) => SplitThought {
            thought: Some(text[inside..at].trim()),
            answer: text[at + len..].trim_start(),
            closed: true,
        },
        (inside, None) => SplitThought { thought: Some(text[inside..].trim()), answer: "", closed: false },
    }
}

/// The begin of a thought that a prompt ends with, so that the answer's text lacks it.
pub fn begun_by_prompt(prompt: &str) -> Option<&'static str> {
    let prompt = prompt.trim_end().to_ascii_lowercase();
    MARKS.iter().map(|(begin, _)| *begin).find(|begin| prompt.ends_with(begin))
}

/// The first line that is this mark and nothing else.
fn alone_on_a_line(text: &str, mark: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim() == mark {
            return Some(at + line.len() - line.trim_start().len());
        }
        at += line.len();
    }
    None
}

/// Where the text behind the last thought begins: 0 without a thought. `None` when a thought has no end.
///
/// A model whose template opens the thought sends only its end. Marks inside `masked` (objects that were read as JSON), and
/// marks directly behind a quotation mark, are talked about and mark nothing. A thought that opens another one and ends once
/// has no end.
pub(crate) fn end_of_thoughts(text: &str, masked: &[Range<usize>]) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let is_mark = |at: usize| {
        !masked.iter().any(|range| range.contains(&at))
            && !lower[..at].ends_with(['"', '\'', '`', '\u{201c}', '\u{2018}', '\u{201e}', '\u{ab}'])
    };
    let find = |mark: &'static str| lower.match_indices(mark).filter(|(at, _)| is_mark(*at));
    let opens = MARKS.iter().flat_map(|(open, _)| find(open)).map(|(at, _)| (at, None));
    let closes =
        MARKS.iter().flat_map(|(_, close)| find(close)).map(|(at, mark)| (at, Some(at + mark.len())));
    let mut marks: Vec<(usize, Option<usize>)> = opens.chain(closes).collect();
    marks.sort_unstable();
    let (mut open, mut end) = (0usize, 0);
    for (_, closed) in marks {
        match closed {
            None => open += 1,
            Some(at) => {
                open = open.saturating_sub(1);
                end = at;
            }
        }
    }
    (open == 0).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_thought_and_an_answer() {
        for (text, thought, answer, closed) in [
            ("Plain.", None, "Plain.", true),
            ("", None, "", true),
            ("<think>\nA sum.\n</think>\n\nFour.", Some("A sum."), "Four.", true),
            ("<think>\n\n</think>\n\nFour.", Some(""), "Four.", true),
            ("  <think>A sum.</think>Four. </think>", Some("A sum."), "Four. </think>", true),
            ("<think>A sum, and then", Some("A sum, and then"), "", false),
            ("<think>", Some(""), "", false),
            ("<think>done</think>", Some("done"), "", true),
            ("[THINK]A sum.[/THINK]Four.", Some("A sum."), "Four.", true),
            ("<THINKING>one</Thinking>two", Some("one"), "two", true),
            ("<|begin_of_thought|>one<|end_of_thought|>two", Some("one"), "two", true),
            ("<thinking>one</think>two", Some("one</think>two"), "", false),
            // The prompt began it.
            ("A sum.\n</think>\n\nFour.", Some("A sum."), "Four.", true),
            ("\n</think>\nFour.", Some(""), "Four.", true),
            // Said, not thought.
            ("Write </think> where it ends.", None, "Write </think> where it ends.", true),
            ("It is <think> that begins it.", None, "It is <think> that begins it.", true),
        ] {
            assert_eq!(split_thought(text), SplitThought { thought, answer, closed }, "{text:?}");
        }
    }

    #[test]
    fn a_prompt_may_begin_the_thought() {
        assert_eq!(begun_by_prompt("<|im_start|>assistant\n<think>\n"), Some("<think>"));
        assert_eq!(begun_by_prompt("<think>\n\n</think>\n\n"), None);
        assert_eq!(begun_by_prompt("<|im_start|>assistant\n"), None);
    }
}
