//! Undoes hard wrapping: prose that an editor broke at about 72 columns becomes one line per paragraph.

use super::fences::{self, Unclosed};

/// How a text breaks its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrap {
    /// Line ends are meant.
    None,
    /// Paragraphs are broken near this many characters.
    At(usize),
}

impl Wrap {
    /// What was done about it, for people.
    pub(super) fn said(self) -> Option<String> {
        match self {
            Wrap::None => None,
            Wrap::At(width) => {
                Some(format!("lines wrapped at {width} characters were joined into paragraphs"))
            }
        }
    }
}

/// A break is forced if the next word would not have fitted; this share of forced breaks makes a text wrapped.
const FORCED_SHARE: f64 = 0.8;
/// Fewer inner line breaks than this say nothing.
const MIN_BREAKS: usize = 8;
/// Narrowest and widest column at which editors and mail programs wrap.
const WIDTHS: std::ops::RangeInclusive<usize> = 60..=100;
/// A line shorter than this share of the width was broken on purpose (verse, addresses).
const SHORT_SHARE: f64 = 0.6;

/// Looks at the line breaks inside paragraphs of plain prose.
pub fn detect(lines: &[&str]) -> Wrap {
    let mut width = 0;
    let mut breaks: Vec<(usize, usize)> = Vec::new();
    let in_code = fences::inside(lines, Unclosed::ToTheEnd);
    for (pair, in_fence) in lines.windows(2).zip(&in_code) {
        if *in_fence || !is_prose(pair[0]) || !is_prose(pair[1]) {
            continue;
        }
        let len = pair[0].trim_end().chars().count();
        let next_word = pair[1].split_whitespace().next().map_or(0, |word| word.chars().count());
        breaks.push((len, len + 1 + next_word));
        width = width.max(len);
    }
    let forced = breaks.iter().filter(|(_, with_next)| *with_next > width).count();
    if !WIDTHS.contains(&width)
        || breaks.len() < MIN_BREAKS
        || (forced as f64) < FORCED_SHARE * breaks.len() as f64
    {
        return Wrap::None;
    }
    Wrap::At(width)
}

/// Joins the lines of a turn: wrapped lines by a space, all others by a line end. Between paragraphs there is one blank
/// line; fenced code stays as it is.
pub fn join(lines: &[&str], wrap: Wrap) -> String {
    let in_code = fences::inside(lines, Unclosed::ToTheEnd);
    let mut text = String::new();
    let mut blank_lines = 0;
    for (index, &line) in lines.iter().enumerate() {
        let line = if in_code[index] { line } else { line.trim_end() };
        blank_lines = if line.is_empty() && !in_code[index] { blank_lines + 1 } else { 0 };
        if blank_lines > 1 {
            continue;
        }
        if index > 0 {
            let previous = lines[index - 1].trim_end();
            let joined = match wrap {
                Wrap::None => false,
                Wrap::At(width) => {
                    !in_code[index]
                        && is_prose(line)
                        && is_prose(previous)
                        // The first line of a turn lost its label, so its length says nothing.
                        && (index == 1 || previous.chars().count() as f64 >= SHORT_SHARE * width as f64)
                }
            };
            text.push(if joined { ' ' } else { '\n' });
        }
        text.push_str(line);
    }
    text.trim().to_owned()
}

/// Part of a paragraph: not blank, indented, a list item, a heading, a quote or a table row.
fn is_prose(line: &str) -> bool {
    let Some(first) = line.chars().next() else { return false };
    let numbered = line.split_once(['.', ')']).is_some_and(|(number, rest)| {
        !number.is_empty()
            && number.len() <= 3
            && number.bytes().all(|b| b.is_ascii_digit())
            && rest.starts_with(' ')
    });
    let bulleted = ["- ", "* ", "+ ", "• "].iter().any(|bullet| line.starts_with(bullet));
    !first.is_whitespace()
        && !matches!(first, '#' | '>' | '|')
        && !bulleted
        && !numbered
        && !line.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRAPPED: &str = "\
The house stood on the hill above the river, and from its windows the
whole valley could be seen, with the mill at the bend of the water and
the long road that led away to the towns. Nobody had lived there since
the winter of the great storm, when the roof was carried off in one
night and the family moved down to the village, where they were taken
in by an uncle who kept the ferry and who had no children of his own;
he gave them the two rooms above the boats, and there they remained.
In spring they began to talk of going back, but the talk was never
followed by anything that could be called a plan or a beginning.";

    #[test]
    fn wrapped_prose_becomes_one_line() {
        let lines: Vec<&str> = WRAPPED.lines().collect();
        let wrap = detect(&lines);
        assert_eq!(wrap, Wrap::At(70));
        let joined = join(&lines, wrap);
        assert!(!joined.contains('\n'), "{joined}");
        assert_eq!(joined.split_whitespace().count(), WRAPPED.split_whitespace().count());
    }

    #[test]
    fn lists_code_and_short_lines_keep_their_breaks() {
        let text = "one\n- two\n- three\n\n```\nlet a = 1;\nlet b = 2;\n```\n\nroses are red\nviolets are blue\nsugar";
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(join(&lines, Wrap::At(70)), text);
    }

    #[test]
    fn blank_lines_are_one_between_paragraphs_and_as_they_are_in_code() {
        let text = "one\n\n\n\ntwo\n\n```py\na = 1  \n\n\nb = 2\n```\n\n\nthree\n";
        let lines: Vec<&str> = text.lines().collect();
        let expected = "one\n\ntwo\n\n```py\na = 1  \n\n\nb = 2\n```\n\nthree";
        assert_eq!(join(&lines, Wrap::None), expected);
        assert_eq!(join(&lines, Wrap::At(70)), expected);
    }

    #[test]
    fn text_with_one_line_per_paragraph_is_not_wrapped() {
        let line = "word ".repeat(60);
        assert_eq!(detect(&vec![line.as_str(); 20]), Wrap::None);
    }
}
