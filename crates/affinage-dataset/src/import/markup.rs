//! What a model's text holds besides its words: reasoning, calls of tools, artifacts, marks of citations.
//!
//! Only what has a beginning and an end is lifted, and nothing in code: neither in a fenced block nor between
//! backticks. What cannot be parted safely from the words stays in them, for lint to find.

mod span;

use std::sync::LazyLock;

use memchr::memmem::Finder;

use self::span::{Found, Span, What, attribute, behind_code, citation, span_at};
use super::documents;
use crate::conversation::{Block, BlockKind};

/// Ends of reasoning that templates begin for the model, so that its text holds only the end.
const ENDS: [(&str, &str); 4] = [
    ("</think>", "<think>"),
    ("</thinking>", "<thinking>"),
    ("[/THINK]", "[THINK]"),
    ("◁/think▷", "◁think▷"),
];

/// Names of an element around the whole answer, behind its reasoning.
const ANSWERS: [&str; 3] = ["answer", "final_answer", "response"];

/// A model's text in parts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lifted {
    pub spoken: String,
    /// Reasoning and tool traffic, in their order.
    pub blocks: Vec<Block>,
    /// How many of the blocks stand behind the last words.
    pub behind: usize,
}

/// The parts of a model's text; `None` if it is nothing but words.
pub fn lifted(text: &str) -> Option<Lifted> {
    if !may_hold_markup(text) {
        return None;
    }
    if let Some(lifted) = channels(text) {
        return Some(lifted);
    }
    let mut scanner = Scanner { lifted: Lifted::default(), fence: None, found: false };
    let body = match reasoning_end(text).or_else(|| quoted_reasoning(text)) {
        Some((reasoning, rest)) => {
            scanner.keep(BlockKind::Reasoning, reasoning, None);
            rest
        }
        None => text,
    };
    scanner.scan(body);
    let mut lifted = scanner.lifted;
    let has_reasoning = lifted.blocks.iter().any(|block| block.kind == BlockKind::Reasoning);
    if let Some(answer) = whole_answer(&lifted.spoken).filter(|_| has_reasoning) {
        lifted.spoken = answer.to_owned();
    }
    scanner.found.then_some(lifted)
}

/// A cheap look before the scan: most texts hold none of these.
fn may_hold_markup(text: &str) -> bool {
    static NEEDLES: LazyLock<[Finder<'static>; 4]> =
        LazyLock::new(|| ["[T", ":::", "\\ue20", "◁"].map(Finder::new));
    let bytes = text.as_bytes();
    let begins = |at: usize| {
        let rest = &text[at..];
        rest.starts_with("<|") || rest.starts_with("</t") || span::begins_mark(rest)
    };
    memchr::memchr_iter(b'<', bytes).any(begins)
        || NEEDLES.iter().any(|needle| needle.find(bytes).is_some())
        || text.trim_start().starts_with("analysis")
        || quoted_reasoning(text).is_some()
}

/// Reasoning in a block quote below a line such as `*Thinking...*`, or one that begins with such a line, and what
/// follows the quote.
fn quoted_reasoning(text: &str) -> Option<(&str, &str)> {
    let begin = text.trim_start();
    if !begin.starts_with(['*', '_', '>']) {
        return None;
    }
    let (label, behind) = begin.split_once('\n')?;
    let label = label.trim_start_matches(['>', ' ']).trim().trim_matches(['*', '_']);
    let quote = if begin.starts_with('>') { begin } else { behind.trim_start() };
    if !quote.starts_with('>') {
        return None;
    }
    if !span::is_thought_label(label) && !span::callout(label).is_some_and(span::is_thought_label) {
        return timed_quote(begin);
    }
    let (mut end, mut at) = (0, 0);
    for line in quote.split_inclusive('\n') {
        at += line.len();
        match line.trim_start() {
            quoted if quoted.starts_with('>') => end = at,
            "" | "\n" => {}
            _ => break,
        }
    }
    Some((&begin[..begin.len() - quote.len() + end], &quote[end..]))
}

/// A block quote at the beginning whose last line says how long the model thought (`> Worked for 1m 12s`), and what follows
/// it.
fn timed_quote(text: &str) -> Option<(&str, &str)> {
    let (mut at, mut last) = (0, "");
    for line in text.split_inclusive('\n') {
        match line.trim_start().strip_prefix('>') {
            Some(inside) => last = if inside.trim().is_empty() { last } else { inside.trim() },
            None if line.trim().is_empty() && !span::is_time_of_thought(last) => {}
            None => break,
        }
        at += line.len();
    }
    span::is_time_of_thought(last).then(|| text.split_at(at))
}

/// Reasoning whose beginning is not in the text, and what follows its end. The end must stand at the end of a line.
fn reasoning_end(text: &str) -> Option<(&str, &str)> {
    ENDS.iter().find_map(|(end, begin)| {
        let at = text.find(end)?;
        let (before, rest) = (&text[..at], &text[at + end.len()..]);
        let quoted = before.ends_with('`') || rest.starts_with('`');
        let in_code = before.lines().filter(|line| line.trim_start().starts_with("```")).count() % 2 == 1;
        let ends_line = rest.trim_start_matches([' ', '\t']).starts_with('\n');
        let fits = !quoted && !in_code && ends_line && !before.contains(begin) && !rest.trim().is_empty();
        fits.then_some((before, rest))
    })
}

/// `<answer>...</answer>` around everything.
fn whole_answer(spoken: &str) -> Option<&str> {
    let spoken = spoken.trim();
    ANSWERS.iter().find_map(|name| {
        let inside = spoken.strip_prefix(&format!("<{name}>"))?.strip_suffix(&format!("</{name}>"))?;
        (!inside.contains(&format!("<{name}>"))).then_some(inside.trim())
    })
}

/// A text in channels, as gpt-oss writes it: `<|channel|>analysis<|message|>...<|end|>`, or with its marks lost as
/// `analysis...assistantfinal...`.
fn channels(text: &str) -> Option<Lifted> {
    let trimmed = text.trim_start();
    let mut lifted = Lifted::default();
    if let Some(rest) = trimmed.strip_prefix("analysis").filter(|rest| rest.starts_with(char::is_uppercase)) {
        let (reasoning, answer) = rest.rsplit_once("assistantfinal")?;
        lifted.blocks.push(Block::new(BlockKind::Reasoning, reasoning.trim()));
        lifted.spoken = answer.trim().to_owned();
        return Some(lifted);
    }
    if !trimmed.starts_with("<|channel|>") && !trimmed.starts_with("<|start|>") {
        return None;
    }
    const MARKS: [&str; 5] = ["<|end|>", "<|return|>", "<|call|>", "<|start|>", "<|channel|>"];
    for piece in trimmed.split("<|channel|>").skip(1) {
        let (head, body) = piece.split_once("<|message|>")?;
        let end = MARKS.iter().filter_map(|mark| body.find(mark)).min().unwrap_or(body.len());
        let body = body[..end].trim();
        let kind = match head.split_whitespace().next() {
            Some("final") => BlockKind::Text,
            Some("analysis") => BlockKind::Reasoning,
            _ if head.contains("to=") => BlockKind::ToolCall,
            _ => BlockKind::Commentary,
        };
        match kind {
            BlockKind::Text if lifted.spoken.is_empty() => lifted.spoken.push_str(body),
            BlockKind::Text => lifted.spoken.extend(["\n\n", body]),
            other => lifted.blocks.push(Block::new(other, body)),
        }
    }
    Some(lifted)
}

/// Marks without a safe end that are looked at in one text: each costs a search to the end.
const MAX_MISSES: usize = 100;

struct Scanner {
    lifted: Lifted,
    /// Character and length of the fence that is open.
    fence: Option<(u8, usize)>,
    found: bool,
}

impl Scanner {
    fn scan(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let (mut from, mut at, mut misses) = (0, 0, 0);
        while at < bytes.len() {
            if at == 0 || bytes[at - 1] == b'\n' {
                let line_end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |len| at + len + 1);
                if self.is_fence(&text[at..line_end]) || self.fence.is_some() {
                    at = line_end;
                    continue;
                }
            }
            match bytes[at] {
                b'`' => at = behind_code(text, at),
                b'\\' => match citation(&text[at..]) {
                    Some((len, points_somewhere)) => {
                        self.speak(&text[from..at]);
                        if points_somewhere {
                            let kept = self.lifted.spoken.trim_end_matches([' ', '\t']).len();
                            self.lifted.spoken.truncate(kept);
                        }
                        self.found = true;
                        at += len;
                        from = at;
                    }
                    None => at += 1,
                },
                // `◁` begins with 0xe2.
                b'<' | b'[' | b':' | 0xe2 => match span_at(text, at, from) {
                    Found::Span(span) => {
                        self.speak(&text[from..at]);
                        at = self.lift(&span, text);
                        from = at;
                    }
                    Found::Open if misses == MAX_MISSES => break,
                    Found::Open => {
                        misses += 1;
                        at += 1;
                    }
                    Found::Words => at += 1,
                },
                _ => at += 1,
            }
        }
        self.speak(&text[from..]);
    }

    fn speak(&mut self, words: &str) {
        if !words.trim().is_empty() {
            self.lifted.behind = 0;
        }
        self.lifted.spoken.push_str(words);
    }

    fn keep(&mut self, kind: BlockKind, text: &str, name: Option<&str>) {
        self.found = true;
        let block = Block::new(kind, text.trim());
        self.lifted.blocks.push(Block { name: name.map(str::to_owned), ..block });
        self.lifted.behind += 1;
    }

    /// Takes a span out of the words; the place where the text goes on.
    fn lift(&mut self, span: &Span<'_>, text: &str) -> usize {
        self.found = true;
        let words = match span.what {
            What::Reasoning => {
                self.keep(BlockKind::Reasoning, span.inside, None);
                None
            }
            What::Tool | What::Details => {
                let name = attribute(span.attributes, "type").or_else(|| attribute(span.attributes, "name"));
                let name = name.or_else(|| attribute(span.inside, "name")).or(Some(span.name));
                self.keep(BlockKind::ToolCall, span.inside, name.filter(|name| !name.is_empty()));
                None
            }
            What::Wrapper => Some(span.inside.trim_matches('\n').to_owned()),
            What::Document | What::FencedDocument => {
                let of = |name| attribute(span.attributes, name).unwrap_or_default();
                let shown = match span.what {
                    What::FencedDocument => documents::shown_from_fence,
                    _ => documents::shown,
                };
                Some(shown(of("type"), of("language"), span.inside))
            }
        };
        self.close_gap(words, text, span.end)
    }

    /// Puts `words`, or nothing, where a span stood, so that paragraphs stay paragraphs and lines stay lines.
    fn close_gap(&mut self, words: Option<String>, text: &str, end: usize) -> usize {
        let spoken = &mut self.lifted.spoken;
        let kept = spoken.trim_end_matches([' ', '\t', '\n']).len();
        let breaks_before = spoken[kept..].matches('\n').count();
        let rest = &text[end..];
        let skipped = rest.len() - rest.trim_start_matches([' ', '\t', '\n']).len();
        // The indentation of the next line is its own.
        let next = end + rest[..skipped].rfind('\n').map_or(0, |at| at + 1);
        let breaks_behind = rest[..skipped].matches('\n').count();
        let in_line = breaks_before == 0 && breaks_behind == 0 && words.is_none();
        if kept == 0 {
            spoken.clear();
        } else if !in_line {
            spoken.truncate(kept);
            let is_paragraph = words.is_some() || breaks_before > 1 || breaks_behind > 1;
            spoken.push_str(if is_paragraph { "\n\n" } else { "\n" });
        }
        if let Some(words) = words {
            self.lifted.behind = 0;
            spoken.push_str(&words);
            spoken.push_str("\n\n");
        }
        if in_line && kept > 0 { end } else { next.max(if breaks_behind == 0 { end + skipped } else { 0 }) }
    }

    /// Follows fences; true if the line opens or closes one.
    fn is_fence(&mut self, line: &str) -> bool {
        let line = line.trim();
        let Some(mark) = line.bytes().next().filter(|mark| matches!(mark, b'`' | b'~')) else { return false };
        let len = line.bytes().take_while(|byte| *byte == mark).count();
        let rest = &line[len..];
        match self.fence {
            Some((open, open_len)) if open == mark && len >= open_len && rest.is_empty() => self.fence = None,
            None if len >= 3 && !(mark == b'`' && rest.contains('`')) => self.fence = Some((mark, len)),
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(text: &str) -> (String, Vec<(BlockKind, String)>) {
        let lifted =
            lifted(text).unwrap_or_else(|| Lifted { spoken: text.to_owned(), blocks: Vec::new(), behind: 0 });
        (lifted.spoken.trim().to_owned(), lifted.blocks.into_iter().map(|b| (b.kind, b.text)).collect())
    }

    #[test]
    fn reasoning_of_every_spelling_is_lifted() {
        for text in [
            "<think>\nSECRET\n</think>\n\nBoats float.",
            "<THINK>SECRET</THINK>Boats float.",
            "<thinking>SECRET</thinking>\nBoats float.",
            "<thought>SECRET</thought>\n<answer>\nBoats float.\n</answer>",
            "<seed:think>SECRET</seed:think>Boats float.",
            "<antThinking>SECRET</antThinking>Boats float.",
            "[THINK]SECRET[/THINK]Boats float.",
            "◁think▷SECRET◁/think▷Boats float.",
            "SECRET of a template\n</think>\n\nBoats float.",
            "<|begin_of_thought|>SECRET<|end_of_thought|>\n\n<|begin_of_solution|>\nBoats float.\n<|end_of_solution|>",
            "<|channel|>analysis<|message|>SECRET<|end|><|start|>assistant<|channel|>final<|message|>Boats float.<|return|>",
            "analysisThe SECRET plan.assistantfinalBoats float.",
            ":::thinking\nSECRET\n:::\n\nBoats float.",
            "<details type=\"reasoning\" done=\"true\">\n<summary>Done</summary>\nSECRET\n</details>\nBoats float.",
            "<details>\n<summary>Thought for 3 seconds</summary>\nSECRET\n</details>\nBoats float.",
            "<details>\n<summary>思考过程</summary>\nSECRET\n</details>\nBoats float.",
            "<think>```python\nSECRET\n</think>\n\nBoats float.",
            "<div style=\"border: 1px\">\n  <details style=\"a\">\n<summary>Reasoning</summary>\nSECRET\n</details>\n</div>\nBoats float.",
            "<div>\n<span><think>SECRET</think></span>\n</div>\n\nBoats float.",
        ] {
            let (spoken, blocks) = parts(text);
            assert_eq!(spoken, "Boats float.", "{text}");
            assert!(
                blocks.iter().any(|(kind, text)| *kind == BlockKind::Reasoning && text.contains("SECRET")),
                "{text}"
            );
        }
        assert_eq!(parts("<think>\n\n</think>\n\nBoats float.").0, "Boats float.", "an empty one goes, too");
    }

    #[test]
    fn calls_of_tools_in_a_text_are_lifted() {
        for text in [
            "Look.\n\n<tool_call>\n{\"name\": \"SECRET\"}\n</tool_call>\n\nBoats float.",
            "Look.\n\n<execute_bash>\nls SECRET\n</execute_bash>\n\nBoats float.",
            "Look.\n\n<function=run>\n<parameter=command>SECRET</parameter>\n</function>\n\nBoats float.",
            "Look.\n\n[TOOL_REQUEST]{\"name\": \"SECRET\"}[END_TOOL_REQUEST]\n\nBoats float.",
            "Look.\n\n<details type=\"tool_calls\" result=\"a > b\"><summary>x</summary>\n<details><summary>y</summary>SECRET</details> SECRET\n</details>\nBoats float.",
        ] {
            let (spoken, blocks) = parts(text);
            assert_eq!(spoken, "Look.\n\nBoats float.", "{text}");
            assert_eq!(
                blocks.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(),
                [BlockKind::ToolCall],
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_said_about_tags_stays_as_it_is() {
        for text in [
            "Write `<think>` before and `</think>` behind it.",
            "```xml\n<think>\nkept\n</think>\n```\n\nThat is all.",
            "Between <think> and </think> stands what it thinks.",
            "<think>\nnever closed",
            "The end is </think> in most templates.",
            "A list:\n\n:::note\nOf a page.\n:::",
            ":::thinking\nThey say <think>\nof it, </thinking> and go.",
            "<details>\n<summary>More on masts</summary>\nThey are tall.\n</details>",
            "<details>\n<summary>Reasons to sail</summary>\nWind.\n</details>",
            "<div>\n<p>Sails</p>\n</div>",
            "<div>\n<p>Sails</p>\n",
            "Compare a < b and `\\ue202turn0search1` in code.",
            "An array [TODO] of ::: colons.",
        ] {
            assert_eq!(lifted(text), None, "{text}");
        }
    }

    #[test]
    fn artifacts_lose_their_marks_and_keep_their_words() {
        for (text, expected) in [
            (
                "Here:\n\n<antArtifact identifier=\"a\" type=\"text/markdown\" title=\"A\">\nTall masts\nbend first.\n</antArtifact>\n\nMore?",
                "Here:\n\nTall masts\nbend first.\n\nMore?",
            ),
            (
                "Here:\n\n<antArtifact type=\"application/vnd.ant.code\" language=\"python\">\nprint(1)\n</antArtifact>",
                "Here:\n\n```python\nprint(1)\n```",
            ),
            (
                "Here:\n\n:::artifact{identifier=\"a\" type=\"text/markdown\" title=\"A\"}\n```\nTall masts\n```\n:::\n\nMore?",
                "Here:\n\nTall masts\n\nMore?",
            ),
            (":::writing{variant=\"email\" id=\"1\"}\nDear mast,\n:::\n\nBetter?", "Dear mast,\n\nBetter?"),
            (":::artifact{type=\"text/html\"}\n```html\n<p>:::</p>\n```\n:::", "```html\n<p>:::</p>\n```"),
        ] {
            assert_eq!(parts(text).0, expected);
        }
    }

    #[test]
    fn written_out_citations_go_with_the_space_before_them() {
        for (text, expected) in [
            (
                "Masts bend \\ue202turn0search0. They break \\ue200\\ue202turn0search1\\ue202turn0news2\\ue201.",
                "Masts bend. They break.",
            ),
            (
                "Masts \\ue203bend first\\ue204 \\ue202turn1search3, then break.",
                "Masts bend first, then break.",
            ),
        ] {
            assert_eq!(parts(text).0, expected);
        }
    }

    #[test]
    fn a_span_within_a_line_leaves_the_line() {
        assert_eq!(parts("Sure. <antThinking>SECRET</antThinking>Here it is.").0, "Sure. Here it is.");
        assert_eq!(parts("One.\n<think>\nSECRET\n</think>\n    two").0, "One.\n    two");
    }

    /// Marks, fences and line ends between numbered words.
    fn any_markup() -> impl Strategy<Value = Vec<&'static str>> {
        let pieces = prop::sample::select(vec![
            "\n",
            "\n\n",
            " ",
            "`",
            "```",
            "~~~",
            "\n```rust\n",
            "\n:::\n",
            "\n:::artifact{type=\"text/html\"}\n",
            "\n:::thinking\n",
            "<think>",
            "</think>",
            "<THINKING a=\"b\">",
            "</thinking>",
            "<details>",
            "<details type=\"reasoning\">",
            "</details>",
            "<summary>Thinking</summary>",
            "<antArtifact type=\"text/markdown\">",
            "</antArtifact>",
            "[THINK]",
            "[/THINK]",
            "◁think▷",
            "◁/think▷",
            "◁",
            "<|channel|>",
            "<|message|>",
            "<|end|>",
            "\\ue202turn0search1",
            "\\ue203",
            "\\",
            "<answer>",
            "</answer>",
            "<",
            "analysisA",
            "assistantfinal",
            "é",
            "w",
        ]);
        prop::collection::vec(pieces, 0..24)
    }

    proptest! {
        #[test]
        fn every_word_is_said_or_kept_once(pieces in any_markup()) {
            let text: String = pieces.iter().enumerate().map(|(number, piece)| format!("{piece}w{number}.")).collect();
            let Some(lifted) = lifted(&text) else { return Ok(()) };
            let kept = lifted.blocks.iter().map(|block| block.text.as_str());
            let all: String = kept.chain([lifted.spoken.as_str()]).collect::<Vec<_>>().join(" ");
            for number in 0..pieces.len() {
                let count = all.matches(&format!("w{number}.")).count();
                // What stands before the first channel, and in its head, are names of the protocol.
                prop_assert!(count == 1 || (count == 0 && text.contains("<|channel|>")), "w{number} of {text:?}: {lifted:?}");
            }
        }
    }
}
