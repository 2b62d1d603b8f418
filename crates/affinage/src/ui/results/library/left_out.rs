//! What an import left out of the texts, for people.

use affinage_dataset::import::{LeftOut, LeftOutKind, LeftOutLine};

use crate::ui::{Table, Ui, count};

/// A table after an import; nothing if everything became text. `with_members`: with the files that nobody read.
pub fn say(ui: &Ui, left_out: &LeftOut, with_members: bool) {
    let lines: Vec<LeftOutLine> = left_out
        .lines()
        .into_iter()
        .filter(|line| with_members || line.kind != LeftOutKind::Member)
        .collect();
    if lines.is_empty() {
        return;
    }
    let mut table = Table::new(["  left out of the texts", "number", ""]).right(&[1]);
    for line in lines {
        // Refused elements were listed one by one.
        let detail = if line.kind == LeftOutKind::Element { String::new() } else { line.detail };
        table.row([format!("  {}", line.what), count(line.count as u64), detail]);
    }
    ui.say(table.render().trim_end());
}

/// One line for the whole library.
pub fn say_short(ui: &Ui, left_out: &LeftOut) {
    let lines: Vec<String> =
        left_out.lines().iter().map(|line| format!("{} {}", count(line.count as u64), line.what)).collect();
    if !lines.is_empty() {
        ui.say(format!("left out of the texts: {}", lines.join(", ")));
    }
}
