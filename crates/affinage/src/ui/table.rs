//! Plain text tables.

use std::fmt::Write as _;

/// A table of text cells: left-aligned columns, `right` ones right-aligned, two spaces between.
pub struct Table {
    header: Vec<String>,
    right: Vec<usize>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<S: Into<String>>(header: impl IntoIterator<Item = S>) -> Self {
        Self { header: header.into_iter().map(Into::into).collect(), right: Vec::new(), rows: Vec::new() }
    }

    /// Right-aligns these columns (numbers).
    pub fn right(mut self, columns: &[usize]) -> Self {
        self.right = columns.to_vec();
        self
    }

    /// Adds a row. Panics if it has more cells than the header.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) -> &mut Self {
        let cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        assert!(cells.len() <= self.header.len(), "a row may not be wider than its header");
        self.rows.push(cells);
        self
    }

    /// The table as lines, each ended by a newline, without trailing spaces.
    pub fn render(&self) -> String {
        let lines = || std::iter::once(&self.header).chain(&self.rows);
        let width = |column: usize| {
            lines().filter_map(|line| line.get(column)).map(|cell| console::measure_text_width(cell)).max()
        };
        let widths: Vec<usize> = (0..self.header.len()).map(|column| width(column).unwrap_or(0)).collect();
        let mut out = String::new();
        for line in lines() {
            let mut text = String::new();
            for (column, cell) in line.iter().enumerate() {
                let pad = " ".repeat(widths[column] - console::measure_text_width(cell));
                let gap = if column == 0 { "" } else { "  " };
                let (before, after) = if self.right.contains(&column) { (&*pad, "") } else { ("", &*pad) };
                write!(text, "{gap}{before}{cell}{after}").expect("writing to a String cannot fail");
            }
            out.push_str(text.trim_end());
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_displayed_width() {
        let mut table = Table::new(["arm", "wins", "note"]).right(&[1]);
        table.row(["base", "3", "ok"]).row(["步骤", "120", ""]);
        insta::assert_snapshot!(table.render(), @r"
        arm   wins  note
        base     3  ok
        步骤   120
        ");
    }
}
