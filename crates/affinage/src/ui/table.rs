//! Plain text tables and the way numbers are written in them.

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

/// `1234567` as `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 message`, `1,200 messages`.
pub fn counted(n: usize, one: &str, several: &str) -> String {
    format!("{} {}", count(n as u64), if n == 1 { one } else { several })
}

/// The first `most` of `items` and how many more there are: `a, b, and 3 more`.
pub fn listed(items: &[String], most: usize, separator: &str) -> String {
    let mut shown: Vec<String> = items.iter().take(most).cloned().collect();
    if items.len() > most {
        shown.push(format!("and {} more", count((items.len() - most) as u64)));
    }
    shown.join(separator)
}

/// `1_500_000` as `1.5 MB`: decimal units, three digits.
pub fn bytes(n: u64) -> String {
    let mut value = n as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 {
            let digits = if unit == "B" || value >= 99.95 { 0 } else { 1 };
            return format!("{value:.digits$} {unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([count(0), count(999), count(1000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [bytes(0), bytes(999), bytes(1500), bytes(999_960), bytes(138_000_000), bytes(5_000_000_000_000)],
            ["0 B", "999 B", "1.5 kB", "1.0 MB", "138 MB", "5.0 TB"]
        );
    }

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
