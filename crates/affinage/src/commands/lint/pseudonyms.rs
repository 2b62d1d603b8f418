//! `lint --pseudonyms`: personal data replaced by made-up values, the same for the same, and shown first.

use std::collections::BTreeMap;

use affinage_dataset::edit::Edit;
use affinage_dataset::lint::Known;
use affinage_dataset::pseudonym::Pseudonyms;
use affinage_project::folder::library::{Library, TextFix};

use crate::context::Context;
use crate::ui::{Table, count, counted};

/// Shown before "and N more".
const SHOWN: usize = 40;

/// Replacements for every text of the library that is not held private, and the table they come from.
fn planned(library: &Library, known: &Known) -> anyhow::Result<(Vec<TextFix>, Pseudonyms)> {
    let mut table = library.pseudonyms()?;
    let derivation = library.derivation()?;
    let mut fixes: BTreeMap<(String, String), Vec<Edit>> = BTreeMap::new();
    library.for_each_conversation(|_, conversation| {
        for candidate in derivation.candidates(&conversation) {
            for (field, text) in TextFix::texts(&candidate) {
                let edits = table.edits(text, &known.names);
                if !edits.is_empty() {
                    fixes.insert((candidate.candidate_id.clone(), field), edits);
                }
            }
        }
        Ok(())
    })?;
    let fixes = fixes.into_iter().map(|((candidate, field), edits)| TextFix { candidate, field, edits });
    Ok((fixes.collect(), table))
}

/// What would be replaced by what, and how often.
pub fn preview(ctx: &Context, library: &Library, known: &Known) -> anyhow::Result<()> {
    let (fixes, _) = planned(library, known)?;
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for edit in fixes.iter().flat_map(|fix| &fix.edits) {
        *counts.entry((&edit.before, &edit.after)).or_default() += 1;
    }
    if ctx.json {
        let rows: Vec<_> = counts
            .iter()
            .map(|((before, after), count)| serde_json::json!({ "before": before, "after": after, "places": count }))
            .collect();
        return ctx.ui.json(&serde_json::json!({ "v": 1, "texts": fixes.len(), "replacements": rows }));
    }
    let mut table = Table::new(["found", "becomes", "places"]).right(&[2]);
    for ((before, after), places) in counts.iter().take(SHOWN) {
        table.row([(*before).to_owned(), (*after).to_owned(), count(*places as u64)]);
    }
    ctx.ui.data(&table.render())?;
    if counts.len() > SHOWN {
        ctx.ui.say(format!("and {} more; `--json` lists all", counts.len() - SHOWN));
    }
    ctx.ui.say(format!(
        "{} in {}",
        counted(counts.len(), "value", "values"),
        counted(fixes.len(), "text", "texts")
    ));
    ctx.ui
        .hint("nothing is changed yet: `affinage lint --fix --pseudonyms` does it, `--unfix` takes it back");
    Ok(())
}

/// Replaces and records; the table stays in the library, so that later runs agree with this one.
pub fn apply(ctx: &Context, library: &mut Library, known: &Known, made_at: &str) -> anyhow::Result<()> {
    let (fixes, table) = planned(library, known)?;
    let places: usize = fixes.iter().map(|fix| fix.edits.len()).sum();
    library.keep_pseudonyms(&table)?;
    library.fix(&fixes, made_at)?;
    ctx.ui.say(format!(
        "personal data replaced: {} in {}",
        counted(places, "place", "places"),
        counted(fixes.len(), "text", "texts")
    ));
    Ok(())
}
