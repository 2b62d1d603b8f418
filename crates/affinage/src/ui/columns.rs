//! Texts side by side, for comparing answers, and texts broken at the terminal's width.

use super::{Paint, Ui};

/// Narrower columns are hard to read; the texts then stand one below the other.
const NARROWEST: usize = 34;
const GAP: &str = "   ";

/// `(title, text)` cells side by side if standard output is wide enough, else stacked.
pub fn columns(ui: &Ui, cells: &[(String, &str)]) -> String {
    let width = console::Term::stdout().size_checked().map_or(100, |(_, columns)| columns as usize);
    let each = (width.saturating_sub(GAP.len() * (cells.len() - 1))) / cells.len();
    let painted = |title: &str| ui.paint_data(Paint::Accent, title);
    if each < NARROWEST {
        let blocks: Vec<String> = cells
            .iter()
            .map(|(title, text)| format!("{}\n{}\n", painted(title), wrapped(text, width).join("\n")))
            .collect();
        return blocks.join("\n");
    }
    let columns: Vec<Vec<String>> = cells
        .iter()
        .map(|(title, text)| {
            let mut lines = wrapped(title, each);
            lines.push("─".repeat(each));
            lines.extend(wrapped(text, each));
            lines
        })
        .collect();
    let titles = cells.iter().map(|(title, _)| wrapped(title, each).len()).max().unwrap_or(0);
    let height = columns.iter().map(Vec::len).max().unwrap_or(0);
    let mut out = String::new();
    for row in 0..height {
        let line: Vec<String> = columns
            .iter()
            .map(|column| {
                let text = column.get(row).map_or("", String::as_str);
                let padding = " ".repeat(each.saturating_sub(console::measure_text_width(text)));
                if row < titles { format!("{}{padding}", painted(text)) } else { format!("{text}{padding}") }
            })
            .collect();
        out.push_str(line.join(GAP).trim_end());
        out.push('\n');
    }
    out
}

/// `text` after `indent`, broken at the width of the terminal with further lines two columns deeper. Where standard output
/// is no terminal nothing is broken: other programs read lines.
pub fn hanging(text: &str, indent: &str) -> String {
    let width = console::Term::stdout().size_checked().map(|(_, columns)| columns as usize);
    hung(text, indent, width)
}

fn hung(text: &str, indent: &str, width: Option<usize>) -> String {
    let deeper = format!("\n{indent}  ");
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(indent.len() + 2).max(NARROWEST));
    format!("{indent}{}", wrapped(text, room).join(&deeper))
}

/// Room of the labels of [`labelled`], with the gap behind them.
const LABEL_COLUMNS: usize = 28;

/// `text` beside its label, broken at the width of the terminal with further lines below the text. Where standard output
/// is no terminal nothing is broken.
pub fn labelled(label: &str, text: &str) -> String {
    let width = console::Term::stdout().size_checked().map(|(_, columns)| columns as usize);
    beside(label, text, width)
}

fn beside(label: &str, text: &str, width: Option<usize>) -> String {
    let head = format!("  {label:<0$}", LABEL_COLUMNS - 2);
    match width {
        None => format!("{head}{text}"),
        Some(width) if width < LABEL_COLUMNS + NARROWEST => {
            let label = if label.is_empty() { String::new() } else { format!("  {label}\n") };
            format!("{label}{}", hung(text, "    ", Some(width)))
        }
        Some(width) => {
            let lines = wrapped(text, width - LABEL_COLUMNS);
            format!("{head}{}", lines.join(&format!("\n{}", " ".repeat(LABEL_COLUMNS))))
        }
    }
}

/// Breaks `text` at spaces into lines of at most `width` columns; longer words are cut.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let needed = console::measure_text_width(word) + usize::from(!line.is_empty());
            if !line.is_empty() && console::measure_text_width(&line) + needed > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            for character in word.chars() {
                if console::measure_text_width(&line) >= width {
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
    fn lines_break_at_spaces_and_long_words_are_cut() {
        assert_eq!(
            wrapped("a quiet room at noon\n\nabcdefghijkl", 8),
            ["a quiet", "room at", "noon", "", "abcdefgh", "ijkl"]
        );
    }

    #[test]
    fn a_label_stands_beside_its_text_or_above_it_where_there_is_no_room() {
        let text = "Cannot tell yet: the only judge failed its exam.";
        assert_eq!(
            beside("Is it better?", text, Some(64)),
            "  Is it better?             Cannot tell yet: the only judge\n                            failed its exam."
        );
        assert_eq!(
            beside("Is it better?", text, Some(40)),
            "  Is it better?\n    Cannot tell yet: the only judge\n      failed its exam."
        );
        assert_eq!(beside("Is it better?", text, None), format!("  Is it better?             {text}"));
        assert_eq!(beside("", "once more", None), format!("{}once more", " ".repeat(28)));
    }

    #[test]
    fn an_item_hangs_below_its_first_line_and_is_left_whole_in_a_pipe() {
        let text = "Buy next: one more judge (about 1.20 US dollars more) lowers the standard error.";
        assert_eq!(
            hung(text, "  ", Some(50)),
            "  Buy next: one more judge (about 1.20 US\n    dollars more) lowers the standard error."
        );
        assert_eq!(hung(text, "  ", None), format!("  {text}"));
    }
}
