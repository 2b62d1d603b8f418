//! Two versions of a dataset compared, in words.

use std::collections::{BTreeMap, BTreeSet};

use affinage_dataset::diff::{Difference, Sides};
use affinage_dataset::split::Side;
use affinage_project::folder::datasets::side_name;

use crate::ui::{Table, Ui, count};

/// How many examples of each side are new, gone, reworded and moved, and which rules were changed.
pub fn difference(ui: &Ui, old: &Sides, new: &Sides, difference: &Difference) -> anyhow::Result<()> {
    ui.data(&table(old, new, difference))?;
    for rule in &difference.rules {
        ui.say(format!("rule {}: {} became {}", rule.rule, rule.before, rule.after));
    }
    for moved in &difference.moved {
        let (from, to) = (side_name(moved.from), side_name(moved.to));
        ui.warn(format!("{} moved from {from} to {to}", moved.example_id));
    }
    Ok(())
}

fn table(old: &Sides, new: &Sides, difference: &Difference) -> String {
    let reworded: BTreeSet<&str> = difference.reworded.iter().map(String::as_str).collect();
    let mut table = Table::new(["side", "before", "after", "new", "gone", "reworded", "moved here"])
        .right(&[1, 2, 3, 4, 5, 6]);
    for side in [Side::Train, Side::Validation, Side::Test, Side::Reserve] {
        let rows = |of: &Sides| of.get(&side).map_or(0, Vec::len);
        if rows(old) + rows(new) == 0 {
            continue;
        }
        let listed = |of: &BTreeMap<Side, Vec<String>>| of.get(&side).map_or(0, Vec::len);
        let here = new.get(&side).into_iter().flatten();
        let counts = [
            rows(old),
            rows(new),
            listed(&difference.added),
            listed(&difference.removed),
            here.filter(|row| reworded.contains(row.example_id.as_str())).count(),
            difference.moved.iter().filter(|moved| moved.to == side).count(),
        ];
        let cells = counts.map(|number| count(number as u64));
        table.row(std::iter::once(side_name(side).to_owned()).chain(cells));
    }
    table.render()
}
