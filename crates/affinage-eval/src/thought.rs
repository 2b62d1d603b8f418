//! What a model thinks before it answers, and what it says. Servers without a reasoning parser, and our own engine, leave the
//! thought in front of the answer, in the marks of the model's maker.

use crate::signs::{Sign, SignKind, sign_at, signs};

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

/// Splits off the thought that a text begins with. Where only its end is there, on a line of its own, the prompt began it.
pub fn split_thought(text: &str) -> SplitThought<'_> {
    let start = text.len() - text.trim_start().len();
    let begun = sign_at(&text[start..]).filter(|sign| sign.is_thought && sign.kind == SignKind::Open);
    let found = match begun {
        Some(sign) => {
            let inside = start + sign.len;
            let closes = |end: &Sign| end.kind == SignKind::Close && end.name == sign.name;
            let end = signs(&text[inside..]).find(|(_, end)| closes(end));
            (inside, end.map(|(at, end)| (inside + at, end.len)))
        }
        None => match alone_on_a_line(text) {
            Some(end) => (0, Some(end)),
            None => return SplitThought { thought: None, answer: text, closed: true },
        },
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

/// Whether a token is the mark at which a thought begins or ends: it stays in a text, although other tokens of its kind do not.
pub fn is_mark(token: &str) -> bool {
    sign_at(token).is_some_and(|sign| sign.is_thought && sign.len == token.len())
}

/// The begin of a thought that a prompt ends with, so that the answer's text lacks it.
pub fn begun_by_prompt(prompt: &str) -> Option<&str> {
    let prompt = prompt.trim_end();
    let is_last = |at: usize, sign: &Sign| sign.is_thought && at + sign.len == prompt.len();
    let last = signs(prompt).find(|(at, sign)| sign.kind == SignKind::Open && is_last(*at, sign));
    last.map(|(at, _)| &prompt[at..])
}

/// The first line that is the end of a thought and nothing else.
fn alone_on_a_line(text: &str) -> Option<(usize, usize)> {
    let is_alone = |at: usize, sign: &Sign| {
        let before = text[..at].rsplit('\n').next().unwrap_or_default();
        let behind = text[at + sign.len..].split('\n').next().unwrap_or_default();
        before.trim().is_empty() && behind.trim().is_empty()
    };
    let ends = |at: usize, sign: &Sign| sign.is_thought && sign.kind == SignKind::Close && is_alone(at, sign);
    signs(text).find(|(at, sign)| ends(*at, sign)).map(|(at, sign)| (at, sign.len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_thought_and_an_answer() {
        for (text, thought, answer, closed) in [
            ("Plain.", None, "Plain.", true),
            ("<p>Plain.</p>", None, "<p>Plain.</p>", true),
            ("[Thinking aloud] Plain.", None, "[Thinking aloud] Plain.", true),
            ("<think effort=\"low\">A sum.</think>Four.", Some("A sum."), "Four.", true),
            ("<|channel>thought\nA sum.\n<channel|>Four.", Some("thought\nA sum."), "Four.", true),
            ("<longcat_think>A sum, and", Some("A sum, and"), "", false),
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
    fn the_marks_of_thoughts_are_known_among_tokens() {
        for (token, is) in [("<think>", true), ("</think>", true), ("<|im_end|>", false), ("think", false)] {
            assert_eq!(is_mark(token), is, "{token}");
        }
    }

    #[test]
    fn a_prompt_may_begin_the_thought() {
        assert_eq!(begun_by_prompt("<|im_start|>assistant\n<think>\n"), Some("<think>"));
        assert_eq!(begun_by_prompt("<think>\n\n</think>\n\n"), None);
        assert_eq!(begun_by_prompt("<|im_start|>assistant\n"), None);
    }
}
