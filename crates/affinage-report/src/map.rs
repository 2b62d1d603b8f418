//! The disagreement map: what each judge says about each category and topic, and where judges of one mind part.

use affinage_eval::findings::MapRow;

use super::arms::Arms;
use super::charts::shade;
use super::evidence::Evidence;
use super::html::{caption, esc};
use super::numbers::{count, p_value, percent, unsigned};

/// The table; empty with fewer than two judges.
pub fn html(evidence: &Evidence, arms: &Arms) -> String {
    let Some(map) = &evidence.analysis.disagreement_map else { return String::new() };
    let judges: String = map
        .judges
        .iter()
        .map(|judge| format!("<th scope=\"col\" class=\"num\">{}</th>", esc(judge)))
        .collect();
    let mut body = String::new();
    let mut topics_began = false;
    for (i, row) in map.rows.iter().enumerate() {
        if row.is_topic && !topics_began {
            topics_began = true;
            let columns = map.judges.len() + 7;
            body.push_str(&format!(
                "<tr class=\"group\"><th scope=\"rowgroup\" colspan=\"{columns}\">by the words of the prompts</th></tr>\n"
            ));
        }
        body.push_str(&line(row, i, &map.judges));
    }
    let headline = &evidence.analysis.headline;
    format!(
        "<h3>The map</h3>\n<div class=\"scroll\"><table class=\"plain map\"><thead><tr><th scope=\"col\">prompts</th>{judges}\
         <th scope=\"col\" class=\"num\">pairs</th><th scope=\"col\" class=\"num\">conflicts of values</th>\
         <th scope=\"col\" class=\"num\">coin flips</th><th scope=\"col\" class=\"num\">entropy</th>\
         <th scope=\"col\" class=\"num\">by noise</th><th scope=\"col\" class=\"num\">beyond noise</th></tr></thead>\n<tbody>{body}</tbody></table></div>\n{}",
        caption(&format!(
            "Win rate of {} against {} by each judge: warm where it prefers the first, cool where the second. Entropy of \
             the judges' votes in bits, beside what noise alone would give; p of a difference beyond noise, after Holm. A number of conflicts opens those pairs below.",
            arms.short(&headline.arm),
            arms.short(&headline.against)
        ))
    )
}

fn line(row: &MapRow, index: usize, judges: &[String]) -> String {
    let cell = |(rate, judge): (&Option<f64>, &String)| match rate {
        None => format!("<td class=\"num\" data-label=\"{}\">\u{2013}</td>", esc(judge)),
        Some(rate) => format!(
            "<td class=\"num heat {}\" data-label=\"{}\" data-tip=\"{}\">{}</td>",
            shade(*rate),
            esc(judge),
            esc(&format!(
                "{judge} on {}: {}\nn = {}\nrows: judgments.jsonl judge_id = {judge}, headline\nanalysis.json: \
                 .disagreement_map.rows[{index}].by_judge",
                row.label,
                percent(*rate),
                counted_pairs(row.pairs)
            )),
            percent(*rate)
        ),
    };
    let cells: String = row.by_judge.iter().zip(judges).map(cell).collect();
    let conflicts = match (row.conflicts.len(), row.is_topic) {
        (0, _) => "0".to_owned(),
        // Topics are no filter of the browser: their pairs are named on hover.
        (n, true) => format!("<span data-tip=\"{}\">{}</span>", esc(&named(&row.conflicts)), count(n)),
        (n, false) => {
            let category = if index == 0 { "" } else { &row.label };
            format!(
                "<button type=\"button\" class=\"open-pairs\" data-category=\"{}\" data-conflict=\"split\">{}</button>",
                esc(category),
                count(n)
            )
        }
    };
    format!(
        "<tr><th scope=\"row\">{}</th>{cells}<td class=\"num\" data-label=\"pairs\">{}</td>\
         <td class=\"num\" data-label=\"conflicts of values\">{conflicts}</td><td class=\"num\" data-label=\"coin flips\">{}</td>\
         <td class=\"num\" data-label=\"entropy\">{}</td><td class=\"num\" data-label=\"by noise\">{}</td>\
         <td class=\"num\" data-label=\"beyond noise\">{}</td></tr>\n",
        esc(&row.label),
        count(row.pairs),
        count(row.flips),
        unsigned(row.entropy_bits, 2),
        unsigned(row.entropy_by_noise_bits, 2),
        p_value(row.p_adjusted)
    )
}

fn counted_pairs(n: usize) -> String {
    super::numbers::counted(n, "pair")
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
    }
}
