//! Fenced code blocks of Markdown: which lines stand in one.

use std::collections::HashMap;

/// A line that can open a fence, and close one if it is bare.
#[derive(Debug, Clone, Copy)]
struct Fence {
    mark: char,
    len: usize,
    /// Nothing follows: only such a line closes.
    bare: bool,
}

fn fence(line: &str) -> Option<Fence> {
    // Fences of list items are indented, those of quotes and callouts have their marks before them.
    let line = line.trim_start_matches(['>', ' ', '\t']);
    let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let info = line.trim_start_matches(mark);
    let len = line.len() - info.len();
    let is_inline_code = mark == '`' && info.contains('`');
    (len >= 3 && !is_inline_code).then(|| Fence { mark, len, bare: info.trim().is_empty() })
}

/// Finds the line that closes a fence; the memory keeps many unclosed fences from being searched again and again.
struct Closers<'a> {
    lines: &'a [&'a str],
    found: HashMap<(char, usize), Option<usize>>,
}

impl<'a> Closers<'a> {
    fn new(lines: &'a [&'a str]) -> Closers<'a> {
        Closers { lines, found: HashMap::new() }
    }

    fn of(&mut self, open: Fence, at: usize) -> Option<usize> {
        let found = self.found.entry((open.mark, open.len)).or_insert(Some(0));
        if found.is_some_and(|line| line <= at) {
            let closes =
                |line: &&str| fence(line).is_some_and(|f| f.mark == open.mark && f.len >= open.len && f.bare);
            *found = self.lines[at + 1..].iter().position(closes).map(|ahead| at + 1 + ahead);
        }
        *found
    }
}

/// What an opening fence without a closing one holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unclosed {
    /// All that follows.
    ToTheEnd,
    Nothing,
}

/// For each line: does it stand in a fenced code block (fence lines included)?
pub(super) fn inside(lines: &[&str], unclosed: Unclosed) -> Vec<bool> {
    let mut inside = vec![false; lines.len()];
    let mut closers = Closers::new(lines);
    let mut at = 0;
    while at < lines.len() {
        let end = fence(lines[at]).and_then(|open| match (closers.of(open, at), unclosed) {
            (Some(close), _) => Some(close),
            (None, Unclosed::ToTheEnd) => Some(lines.len() - 1),
            (None, Unclosed::Nothing) => None,
        });
        if let Some(end) = end {
            inside[at..=end].fill(true);
            at = end;
        }
        at += 1;
    }
    inside
}

/// As [`inside`], for a text of turns: a fence that was not closed when its turn ended holds nothing beyond it.
///
/// `labels` are the lines that begin turns if they are not code, in order. A label between two fence lines is code if
/// the second closes what the first opened, and begins a turn if the second opens a block of a later turn. The later
/// turn tells: with a closing fence it has an odd number of fence lines, with whole blocks an even one.
pub(super) fn inside_turns(lines: &[&str], labels: &[usize]) -> Vec<bool> {
    let mut inside = vec![false; lines.len()];
    let mut closers = Closers::new(lines);
    let next_label = |line: usize| {
        labels.get(labels.partition_point(|label| *label <= line)).copied().unwrap_or(lines.len())
    };
    // Of the closing line that was looked at last: many open fences may have the same.
    let mut last = None;
    let mut at = 0;
    while at < lines.len() {
        let Some(open) = fence(lines[at]) else {
            at += 1;
            continue;
        };
        let label = next_label(at);
        let close = closers.of(open, at).filter(|&close| {
            close < label
                || match last {
                    Some((line, len, ends)) if (line, len) == (close, open.len) => ends,
                    _ => last.insert((close, open.len, ends_earlier_fence(lines, labels, open, close))).2,
                }
        });
        let end = close.map_or(label, |close| close + 1);
        inside[at..end].fill(true);
        at = end;
    }
    inside
}

/// True if `close` ends the fence `open` of an earlier turn: its own turn has no fence line before it, and whole blocks
/// behind.
fn ends_earlier_fence(lines: &[&str], labels: &[usize], open: Fence, close: usize) -> bool {
    let next = labels.partition_point(|label| *label <= close);
    let (start, end) = (next.checked_sub(1).map_or(0, |before| labels[before]), labels.get(next));
    // Shorter fences are the text of a longer one.
    let is_such = |line: &&&str| fence(line).is_some_and(|f| f.mark == open.mark && f.len >= open.len);
    let fences = |lines: &[&str]| lines.iter().filter(is_such).count();
    fences(&lines[start..close]) == 0 && fences(&lines[close..end.copied().unwrap_or(lines.len())]) % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(inside: &[bool]) -> String {
        inside.iter().map(|inside| if *inside { '#' } else { '.' }).collect()
    }

    #[test]
    fn fences_close_as_in_markdown() {
        let cases = [
            ("a|```rust|b|```|c", ".###."),
            ("````|```|b|````|c", "####."),
            ("~~~|```|~~~|c", "###."),
            ("```|b|```py|c|```", "#####"),
            ("- x|  ```|  b|  ```|c", ".###."),
            ("> ```|> b|> ```|c", "###."),
            ("```inline```|c", ".."),
            ("a|```|b", ".##"),
        ];
        for (text, expected) in cases {
            let lines: Vec<&str> = text.split('|').collect();
            assert_eq!(shown(&inside(&lines, Unclosed::ToTheEnd)), expected, "{text}");
        }
        assert_eq!(shown(&inside(&["a", "```", "b"], Unclosed::Nothing)), "...");
    }

    #[test]
    fn an_open_fence_ends_with_its_turn_and_a_closed_one_keeps_its_labels() {
        // `@` begins a turn if it is not code.
        let cases = [
            ("@|```py|b|@|q|@|a", ".##...."),
            ("@|```py|b|@|q|@|```py|c|```|d", ".##...###."),
            ("@|```|b|@|q|@|```|c|```|d", ".##...###."),
            ("@|```|@|b|@|c|```|d|@|e", ".######..."),
            ("@|```|@|```|x|```|y|```|@|e", ".###.###.."),
            ("@|````|```|@|```|````|@|e", ".#####.."),
        ];
        for (text, expected) in cases {
            let lines: Vec<&str> = text.split('|').collect();
            let labels: Vec<usize> = (0..lines.len()).filter(|&line| lines[line] == "@").collect();
            assert_eq!(shown(&inside_turns(&lines, &labels)), expected, "{text}");
        }
    }

    #[test]
    fn a_million_open_fences_are_searched_once() {
        let lines = vec!["```x"; 300_000];
        assert!(inside(&lines, Unclosed::Nothing).iter().all(|inside| !inside));
        let labels: Vec<usize> = (0..lines.len()).step_by(2).collect();
        assert_eq!(inside_turns(&lines, &labels).len(), lines.len());
    }
}
