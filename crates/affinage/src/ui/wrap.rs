//! Lines broken between words at the width of a terminal.

use std::borrow::Cow;

use console::measure_text_width;

/// Narrower columns are hard to read.
pub(super) const NARROWEST: usize = 34;
/// Further lines of a broken line stand so much deeper than its first.
const DEEPER: usize = 2;
/// Room of the labels of [`labelled`], with the gap behind them.
const LABEL_COLUMNS: usize = 28;

/// `text` beside its label; [`fitted`] keeps further lines below the text.
pub fn labelled(label: &str, text: &str) -> String {
    format!("  {label:<0$}{text}", LABEL_COLUMNS - 2)
}

/// `text` with lines of at most `width` columns: longer ones are broken at spaces. Further lines stand below the last
/// column of a table or a label, else a little deeper than the line. A word, a path or an address that has no room in a
/// line stays whole, and so does a command between backticks that has room in one.
///
/// `None` is no terminal: nothing is broken, because other programs read lines.
pub(super) fn fitted(text: &str, width: Option<usize>) -> Cow<'_, str> {
    let Some(width) = width.filter(|width| *width > NARROWEST) else { return Cow::Borrowed(text) };
    if text.split('\n').all(|line| measure_text_width(line) <= width) {
        return Cow::Borrowed(text);
    }
    let lines: Vec<Cow<'_, str>> = text
        .split('\n')
        .map(|line| match measure_text_width(line) <= width {
            true => Cow::Borrowed(line),
            false => Cow::Owned(hung(line, width)),
        })
        .collect();
    Cow::Owned(lines.join("\n"))
}

/// One line that is too long, with its further lines below the column that [`fitted`] names.
fn hung(line: &str, width: usize) -> String {
    let column = text_column(line, width);
    let mut lines = vec![String::new()];
    for word in words(line, width - column) {
        let current = lines.last_mut().expect("there is always a line");
        let room = width.saturating_sub(measure_text_width(current));
        if measure_text_width(&word) <= room || current.trim().is_empty() {
            current.push_str(&word);
        } else {
            current.truncate(current.trim_end().len());
            lines.push(" ".repeat(column) + &word);
        }
        lines.last_mut().expect("there is always a line").push(' ');
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

/// Where further lines of `line` begin: behind the last gap of two spaces or more that leaves room for words.
fn text_column(line: &str, width: usize) -> usize {
    let lead = line.len() - line.trim_start_matches(' ').len();
    let most = width - NARROWEST;
    let (mut column, mut spaces, mut found) = (0, 0, None);
    for word in line.split(' ') {
        if spaces > 1 && column > lead && column <= most && !word.is_empty() {
            found = Some(column);
        }
        spaces = if word.is_empty() { spaces + 1 } else { 1 };
        column += measure_text_width(word) + 1;
    }
    found.unwrap_or((lead + DEEPER).min(most))
}

/// The words of a line, empty ones between several spaces; a command between backticks of at most `room` columns is one.
fn words(line: &str, room: usize) -> Vec<String> {
    let plain: Vec<&str> = line.split(' ').collect();
    let opens = |word: &str| word.matches('`').count() % 2 == 1;
    let (mut words, mut at) = (Vec::new(), 0);
    while at < plain.len() {
        let end = match opens(plain[at]) {
            true => plain[at + 1..].iter().position(|word| opens(word)).map(|more| at + 1 + more),
            false => None,
        };
        let whole = end.map(|end| (end, plain[at..=end].join(" ")));
        match whole.filter(|(_, whole)| measure_text_width(whole) <= room) {
            Some((end, whole)) => {
                words.push(whole);
                at = end + 1;
            }
            None => {
                words.push(plain[at].to_owned());
                at += 1;
            }
        }
    }
    words
}

/// Breaks `text` at spaces into lines of at most `width` columns, for a column; longer words are cut.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let needed = measure_text_width(word) + usize::from(!line.is_empty());
            if !line.is_empty() && measure_text_width(&line) + needed > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            for character in word.chars() {
                if measure_text_width(&line) >= width {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(character);
            }
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_column_break_at_spaces_and_long_words_are_cut() {
        assert_eq!(
            wrapped("a quiet room at noon\n\nabcdefghijkl", 8),
            ["a quiet", "room at", "noon", "", "abcdefgh", "ijkl"]
        );
    }

    #[test]
    fn what_is_printed_breaks_between_words_and_is_left_whole_in_a_pipe() {
        let text =
            "short\n  Buy next: one more judge (about 1.20 US dollars more) lowers the standard error.";
        assert_eq!(
            fitted(text, Some(50)),
            "short\n  Buy next: one more judge (about 1.20 US dollars\n    more) lowers the standard error."
        );
        assert_eq!(fitted(text, None), text);
        assert_eq!(fitted("short\n", Some(50)), "short\n");
    }

    #[test]
    fn further_lines_stand_below_the_last_column() {
        let text = "Cannot tell yet: the only judge failed its exam.";
        let line = labelled("Is it better?", text);
        assert_eq!(
            fitted(&line, Some(64)),
            "  Is it better?             Cannot tell yet: the only judge\n                            failed its exam."
        );
        assert_eq!(
            fitted(&line, Some(50)),
            "  Is it better?             Cannot tell yet: the\n    only judge failed its exam."
        );
        assert_eq!(labelled("", "once more"), format!("{}once more", " ".repeat(28)));
    }

    #[test]
    fn commands_and_paths_stay_whole() {
        let line =
            "hint: look at what was frozen: `affinage lint v1-c343c5`; then go on with `affinage train`";
        assert_eq!(
            fitted(line, Some(50)),
            "hint: look at what was frozen:\n  `affinage lint v1-c343c5`; then go on with\n  `affinage train`"
        );
        let path = "/home/somebody/documents/a-long-name-of-a-folder/and-another-one";
        assert_eq!(
            fitted(&format!("frozen: {path} and more"), Some(40)),
            format!("frozen:\n  {path}\n  and more")
        );
        let odd = "a lone ` among words that go on and on until the line is full";
        assert_eq!(fitted(odd, Some(40)), "a lone ` among words that go on and on\n  until the line is full");
    }

    #[test]
    fn colour_takes_no_room() {
        let line = format!("\x1b[33mwarning:\x1b[0m {}", "word ".repeat(9).trim_end());
        assert_eq!(fitted(&line, Some(53)), line);
        assert_eq!(fitted(&line, Some(52)).lines().count(), 2);
    }
}
