//! The disagreement map: what each judge says about each category and topic, and where judges of one mind part.

use affinage_eval::findings::MapRow;
use affinage_eval::plain::{count, counted};
use serde::Serialize;

use super::arms::Arms;
use super::charts::shade;
use super::evidence::Evidence;
use super::numbers::{p_value, percent, unsigned};

/// The table and what its colours mean.
#[derive(Serialize)]
pub struct Map {
    judges: Vec<String>,
    columns: usize,
    rows: Vec<Row>,
    versus: String,
}

#[derive(Serialize)]
struct Row {
    label: String,
    /// The first row of a topic, over which a heading stands.
    begins_topics: bool,
    rates: Vec<Option<Rate>>,
    pairs: String,
    conflicts: String,
    conflict: ConflictCell,
    flips: String,
    entropy: String,
    by_noise: String,
    beyond_noise: String,
}

#[derive(Serialize)]
struct Rate {
    shade: &'static str,
    tip: String,
    value: String,
}

/// How the pairs of a row's conflicts are reached.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum ConflictCell {
    None,
    /// Topics are no filter of the browser: their pairs are named on hover.
    Named {
        tip: String,
    },
    /// Opens the browser with this category; empty for all.
    Opens {
        category: String,
    },
}

/// `None` with fewer than two judges.
pub fn map(evidence: &Evidence, arms: &Arms) -> Option<Map> {
    let map = evidence.analysis.disagreement_map.as_ref()?;
    let first_topic = map.rows.iter().position(|row| row.is_topic);
    let row = |(i, row)| self::row(row, i, first_topic == Some(i), &map.judges);
    let headline = &evidence.analysis.headline;
    Some(Map {
        judges: map.judges.clone(),
        columns: map.judges.len() + 7,
        rows: map.rows.iter().enumerate().map(row).collect(),
        versus: arms.versus_plain(&headline.arm, &headline.against),
    })
}

fn row(row: &MapRow, index: usize, begins_topics: bool, judges: &[String]) -> Row {
    let rate = |(rate, judge): (&Option<f64>, &String)| {
        rate.map(|rate| Rate {
            shade: shade(rate),
            tip: format!(
                "{judge} on {}: {}\nn = {}\nrows: judgments.jsonl judge_id = {judge}, headline\nanalysis.json: \
                 .disagreement_map.rows[{index}].by_judge",
                row.label,
                percent(rate),
                counted(row.pairs, "pair", "pairs")
            ),
            value: percent(rate),
        })
    };
    let conflict = match (row.conflicts.len(), row.is_topic) {
        (0, _) => ConflictCell::None,
        (_, true) => ConflictCell::Named { tip: named(&row.conflicts) },
        (_, false) => {
            ConflictCell::Opens { category: if index == 0 { String::new() } else { row.label.clone() } }
        }
    };
    Row {
        label: row.label.clone(),
        begins_topics,
        rates: row.by_judge.iter().zip(judges).map(rate).collect(),
        pairs: count(row.pairs as u64),
        conflicts: count(row.conflicts.len() as u64),
        conflict,
        flips: count(row.flips as u64),
        entropy: unsigned(row.entropy_bits, 2),
        by_noise: unsigned(row.entropy_by_noise_bits, 2),
        beyond_noise: p_value(row.p_adjusted),
    }
}

/// The first ids, and how many more there are.
fn named(ids: &[String]) -> String {
    const SHOWN: usize = 12;
    let more = ids.len().saturating_sub(SHOWN);
    let shown = ids.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n");
    if more == 0 { shown } else { format!("{shown}\nand {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_conflicts_are_all_named() {
        assert_eq!(named(&["a".to_owned()]), "a");
        let many: Vec<String> = (0..14).map(|i| i.to_string()).collect();
        assert!(named(&many).ends_with("11\nand 2 more"), "{}", named(&many));
    }
}
