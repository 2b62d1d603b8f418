//! Personal data replaced by made-up values, the same for the same, and shown first.

use std::collections::BTreeMap;

use affinage_dataset::edit::Edit;
use affinage_dataset::lint::Known;
use affinage_dataset::pseudonym::Pseudonyms;
use affinage_eval::plain::counted;
use serde::Serialize;

use crate::folder::library::{Library, TextFix};
use crate::folder::project::Project;

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

/// What would be replaced; nothing is changed.
#[derive(Debug, Serialize)]
pub struct Preview {
    pub v: u32,
    /// In so many texts.
    pub texts: usize,
    pub replacements: Vec<Replacement>,
}

/// A value and what it becomes.
#[derive(Debug, Serialize)]
pub struct Replacement {
    pub before: String,
    pub after: String,
    pub places: usize,
}

/// What would be replaced by what, and how often.
pub fn preview(ctx: &Project) -> anyhow::Result<Preview> {
    let library = Library::open(&ctx.project)?;
    let (fixes, _) = planned(&library, &library.known()?)?;
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let texts = fixes.len();
    for edit in fixes.into_iter().flat_map(|fix| fix.edits) {
        *counts.entry((edit.before, edit.after)).or_default() += 1;
    }
    let replacement = |((before, after), places)| Replacement { before, after, places };
    Ok(Preview { v: 1, texts, replacements: counts.into_iter().map(replacement).collect() })
}

/// Replaces and records; the table stays in the library, so that later runs agree with this one.
pub fn apply(ctx: &Project, library: &mut Library, known: &Known, made_at: &str) -> anyhow::Result<()> {
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
