//! What a model thinks before it answers, and what it says.

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

/// Begin and end of a thought, as models write them.
pub(crate) const MARKS: [(&str, &str); 13] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("<thoughts>", "</thoughts>"),
    ("<reflection>", "</reflection>"),
    ("<scratchpad>", "</scratchpad>"),
    ("\u{25c1}think\u{25b7}", "\u{25c1}/think\u{25b7}"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
];

/// Splits off the thought that a text begins with. Where only its end is there, on a line of its own, the prompt began it.
pub fn split_thought(text: &str) -> SplitThought<'_> {
    let begun = text.trim_start();
    let marks = MARKS.iter().find(|(begin, _)| begun.starts_with(begin));
    let (inside, end) = match marks {
        Some((begin, end)) => (&begun[begin.len()..], *end),
        None => match MARKS.iter().find_map(|(_, end)| Some((ends_a_line(text, end)?, *end))) {
            Some((at, end)) => {
                let answer = text[at + end.len()..].trim_start();
                return SplitThought { thought: Some(text[..at].trim()), answer, closed: true };
            }
            None => return SplitThought { thought: None, answer: text, closed: true },
        },
    };
    match inside.split_once(end) {
        Some((thought, answer)) => {
            SplitThought { thought: Some(thought.trim()), answer: answer.trim_start(), closed: true }
        }
        None => SplitThought { thought: Some(inside.trim()), answer: "", closed: false },
    }
}

/// The begin of a thought that a prompt ends with, so that the answer's text lacks it.
pub fn begun_by_prompt(prompt: &str) -> Option<&'static str> {
    let prompt = prompt.trim_end();
    MARKS.iter().map(|(begin, _)| *begin).find(|begin| prompt.ends_with(begin))
}

fn ends_a_line(text: &str, end: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim() == end {
            return Some(at + line.len() - line.trim_start().len());
        }
        at += line.len();
    }
    None
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
