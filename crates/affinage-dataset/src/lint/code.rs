//! Where code stands in a text: what is quoted there is shown, not said.

use std::cell::OnceCell;
use std::ops::Range;

use super::line_spans;

/// Code of a text in Markdown, fenced or between backticks; looked for when it is first asked for.
pub struct Code<'a> {
    text: &'a str,
    spans: OnceCell<Vec<Range<usize>>>,
}

impl<'a> Code<'a> {
    pub fn of(text: &'a str) -> Code<'a> {
        Code { text, spans: OnceCell::new() }
    }

    /// True if the byte at `at` belongs to code.
    pub fn holds(&self, at: usize) -> bool {
        let spans = self.spans.get_or_init(|| {
            let mut spans = fenced(self.text);
            spans.extend(inline(self.text, &spans));
            spans
        });
        spans.iter().any(|span| span.contains(&at))
    }
}

/// Byte ranges of fenced code blocks; an open one reaches to the end.
pub fn fenced(text: &str) -> Vec<Range<usize>> {
    let (mut ranges, open) = fences(text);
    ranges.extend(open.map(|first| first.start..text.len()));
    ranges
}

/// Closed code blocks, and the first line of one that is not closed.
pub fn fences(text: &str) -> (Vec<Range<usize>>, Option<Range<usize>>) {
    let mut closed = Vec::new();
    let mut open: Option<(&str, Range<usize>)> = None;
    for span in line_spans(text) {
        let line = text[span.clone()].trim_start();
        let Some(mark) = ["```", "~~~"].into_iter().find(|mark| line.starts_with(mark)) else { continue };
        match &open {
            None => open = Some((mark, span)),
            Some((begun, first)) if *begun == mark => {
                closed.push(first.start..(span.end + 1).min(text.len()));
                open = None;
            }
            // Another mark inside a block is code.
            Some(_) => {}
        }
    }
    (closed, open.map(|(_, first)| first))
}

/// Byte ranges between backticks outside the `blocks`, which are in order. As in CommonMark a span ends at a run of as
/// many backticks as it began with, in the same paragraph; a run that nothing closes is text.
fn inline(text: &str, blocks: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let starts = std::iter::once(0).chain(blocks.iter().map(|block| block.end));
    let ends = blocks.iter().map(|block| block.start).chain(std::iter::once(text.len()));
    for (start, end) in starts.zip(ends) {
        let mut paragraph_start = start;
        for paragraph in text[start..end].split_inclusive("\n\n") {
            let runs = backtick_runs(paragraph);
            let mut at = 0;
            while let Some(open) = runs.get(at) {
                let close = runs[at + 1..].iter().position(|run| run.len() == open.len());
                if let Some(close) = close.map(|offset| at + 1 + offset) {
                    spans.push(paragraph_start + open.start..paragraph_start + runs[close].end);
                    at = close;
                }
                at += 1;
            }
            paragraph_start += paragraph.len();
        }
    }
    spans
}

fn backtick_runs(text: &str) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices('`') {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end += 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_what_a_reader_sees_as_code() {
        // Each capital letter stands in code, each small one does not.
        let texts = [
            "a `B` c",
            "a ``B ` C`` d",
            "a `b\n\nc` d",
            "a `b c",
            "a\n```\nB\n```\nc",
            "a\n~~~py\nB\n```\nC\n~~~\nd `E` f",
            "a\n```\nB `C",
            "a `B\nC` d ` e",
        ];
        for text in texts {
            let code = Code::of(text);
            for (at, c) in text.char_indices().filter(|(_, c)| c.is_alphabetic()) {
                let is_mark = text[..at].rsplit('\n').next().is_some_and(|line| line.starts_with("~~~"));
                assert_eq!(code.holds(at), c.is_uppercase() || is_mark, "{c} in {text:?}");
            }
        }
    }
}
