//! Texts side by side, for comparing answers.

use std::io::Write as _;

use super::printable::printable;
use super::wrap::{NARROWEST, wrapped};
use super::{Paint, Ui};

/// Longer lines are hard to follow.
const WIDEST: usize = 100;
const GAP: &str = "   ";

/// `(title, text)` cells side by side if standard output is wide enough, else stacked.
pub fn columns(ui: &Ui, cells: &[(String, &str)]) -> String {
    let width = console::Term::stdout().size_checked().map_or(100, |(_, columns)| columns as usize);
    let Some(each) = column_width(width, cells.len()) else {
        let blocks: Vec<String> = cells
            .iter()
            .map(|(title, text)| {
                format!("{}\n{}\n", ui.paint_data(Paint::Accent, title), wrapped(text, width).join("\n"))
            })
            .collect();
        return blocks.join("\n");
    };
    let titles: Vec<&str> = cells.iter().map(|(title, _)| title.as_str()).collect();
    let mut rows = title_rows(ui, &titles, each);
    let columns: Vec<Vec<String>> = cells.iter().map(|(_, text)| wrapped(text, each)).collect();
    let height = columns.iter().map(Vec::len).max().unwrap_or(0);
    rows.extend((0..height).map(|row| text_row(&columns, row, each)));
    rows.join("\n") + "\n"
}

/// Texts that grow side by side on a terminal. Rows that cannot change any more are printed for good; the others, below
/// them, are drawn again whenever a text has grown.
pub struct Growing {
    each: usize,
    /// Rows of the terminal that may be drawn again.
    room: usize,
    texts: Vec<String>,
    is_ended: Vec<bool>,
    /// Printed for good.
    fixed: usize,
    /// Below them, to be drawn again.
    drawn: usize,
}

impl Growing {
    /// Prints the titles. `None` where standard output is no terminal that has the width and can move its cursor.
    pub fn start(ui: &Ui, titles: &[&str]) -> anyhow::Result<Option<Growing>> {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let size = console::Term::stdout().size_checked().filter(|_| !is_dumb);
        let Some((height, width)) = size else { return Ok(None) };
        let Some(each) = column_width(width as usize, titles.len()) else { return Ok(None) };
        write_out(&(title_rows(ui, titles, each).join("\n") + "\n"))?;
        Ok(Some(Growing::of(titles.len(), each, height as usize)))
    }

    fn of(columns: usize, each: usize, height: usize) -> Growing {
        let (texts, is_ended) = (vec![String::new(); columns], vec![false; columns]);
        Growing { each, room: height.saturating_sub(1).max(1), texts, is_ended, fixed: 0, drawn: 0 }
    }

    /// Adds to the text of a column and draws it.
    pub fn push(&mut self, column: usize, piece: &str) -> anyhow::Result<()> {
        self.texts[column].push_str(&printable(piece, false));
        write_out(&self.frame())
    }

    /// The text of a column is whole.
    pub fn end(&mut self, column: usize) -> anyhow::Result<()> {
        self.is_ended[column] = true;
        write_out(&self.frame())
    }

    /// What takes the terminal from the last frame to this one.
    fn frame(&mut self) -> String {
        let columns: Vec<Vec<String>> = self.texts.iter().map(|text| wrapped(text, self.each)).collect();
        let height = columns.iter().map(Vec::len).max().unwrap_or(0);
        // The last line of a text may still change: a word that grows moves to the next line.
        let writing = columns.iter().zip(&self.is_ended).filter(|(_, is_ended)| !**is_ended);
        let sure = writing.map(|(lines, _)| lines.len().saturating_sub(1)).min().unwrap_or(height);
        let sure = sure.min(height).max(self.fixed);
        let live = height.saturating_sub(self.room).max(sure);
        let mut out = if self.drawn > 0 { format!("\x1b[{}A\r\x1b[J", self.drawn) } else { String::new() };
        for row in (self.fixed..sure).chain(live..height) {
            out.push_str(&text_row(&columns, row, self.each));
            out.push('\n');
        }
        (self.fixed, self.drawn) = (sure, height - live);
        out
    }
}

fn write_out(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// The width of one of several columns; `None` where they would be too narrow to read.
fn column_width(width: usize, columns: usize) -> Option<usize> {
    let each = width.saturating_sub(GAP.len() * (columns - 1)) / columns;
    (each >= NARROWEST).then_some(each.min(WIDEST))
}

/// Painted titles and a line below them.
fn title_rows(ui: &Ui, titles: &[&str], each: usize) -> Vec<String> {
    let titles: Vec<Vec<String>> = titles.iter().map(|title| wrapped(title, each)).collect();
    let height = titles.iter().map(Vec::len).max().unwrap_or(0);
    let painted = |text: &str| ui.paint_data(Paint::Accent, text);
    let mut rows: Vec<String> = (0..height).map(|row| painted_row(&titles, row, each, painted)).collect();
    rows.push(vec!["─".repeat(each); titles.len()].join(GAP));
    rows
}

fn text_row(columns: &[Vec<String>], row: usize, each: usize) -> String {
    painted_row(columns, row, each, str::to_owned)
}

fn painted_row(columns: &[Vec<String>], row: usize, each: usize, paint: impl Fn(&str) -> String) -> String {
    let cells: Vec<String> = columns
        .iter()
        .map(|column| {
            let text = column.get(row).map_or("", String::as_str);
            let padding = " ".repeat(each.saturating_sub(console::measure_text_width(text)));
            format!("{}{padding}", paint(text))
        })
        .collect();
    cells.join(GAP).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a terminal shows that knows the three movements of a frame.
    fn shown(frames: &[String]) -> Vec<String> {
        let mut lines: Vec<String> = vec![String::new()];
        for frame in frames {
            let mut rest = frame.as_str();
            if let Some(moved) = rest.strip_prefix("\x1b[") {
                let (up, after) = moved.split_once("A\r\x1b[J").expect("a movement");
                lines.truncate(lines.len() - up.parse::<usize>().expect("a number"));
                lines.pop();
                lines.push(String::new());
                rest = after;
            }
            assert!(!rest.contains('\x1b'), "{rest:?}");
            for line in rest.split_inclusive('\n') {
                lines.last_mut().expect("a line").push_str(line.trim_end_matches('\n'));
                lines.push(String::new());
            }
        }
        lines.pop();
        lines
    }

    #[test]
    fn texts_that_grow_end_as_if_they_had_been_printed_whole() {
        let texts = [
            "The tide pool keeps\na small weather of its own, and nobody measures it.\n\nThat is all.",
            "No.",
            "An unusuallylongwordthatmustbecut stands here, then a few more words follow it for a while",
        ];
        for height in [3, 6, 40] {
            let mut growing = Growing::of(texts.len(), 14, height);
            let mut frames = Vec::new();
            let longest = texts.iter().map(|text| text.chars().count()).max().expect("three");
            for at in (0..longest).step_by(3) {
                for (column, text) in texts.iter().enumerate() {
                    let piece: String = text.chars().skip(at).take(3).collect();
                    growing.texts[column].push_str(&piece);
                    growing.is_ended[column] = at + 3 >= text.chars().count();
                    frames.push(growing.frame());
                    assert!(growing.drawn < height, "{} rows are drawn again", growing.drawn);
                }
            }
            let columns: Vec<Vec<String>> = texts.iter().map(|text| wrapped(text, 14)).collect();
            let rows = columns.iter().map(Vec::len).max().expect("three");
            let whole: Vec<String> = (0..rows).map(|row| text_row(&columns, row, 14)).collect();
            assert_eq!(shown(&frames), whole, "in {height} rows");
            assert!(frames[..6].iter().any(|frame| frame.contains("The")), "words appear as they come");
        }
    }
}
