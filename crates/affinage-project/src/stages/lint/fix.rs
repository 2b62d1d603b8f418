//! Safe fixes, recorded so that each run can be taken back.

use std::collections::BTreeMap;

use affinage_dataset::lint::{Finding, Subject, lint_known};
use affinage_eval::plain::{count, counted};

use super::pseudonyms;
use crate::folder::library::{Library, TextFix};
use crate::folder::project::Project;

/// Applies every safe fix to the library. With `replace_personal`, personal data becomes made-up values too, in the same run.
pub fn apply(ctx: &Project, replace_personal: bool) -> anyhow::Result<()> {
    let mut library = Library::open(&ctx.project)?;
    let derivation = library.derivation()?;
    let mut subjects: Vec<Subject> = Vec::new();
    let private = library.for_each_conversation(|_, conversation| {
        for candidate in derivation.candidates(&conversation) {
            subjects.extend(candidate.variants.iter().map(|v| Subject::of_variant(&candidate, v)));
        }
        Ok(())
    })?;
    let known = library.known()?;
    let findings = lint_known(&subjects, &known);
    let mut by_id: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in &findings {
        by_id.entry(finding.id.as_str()).or_default().push(finding);
    }
    // Variants share all texts before the answer: one fix is enough for each text.
    let mut fixes: BTreeMap<(String, String), TextFix> = BTreeMap::new();
    for subject in &subjects {
        let found = by_id.remove(subject.id.as_str()).unwrap_or_default();
        let Some((candidate, variant)) = subject.id.split_once('/') else { continue };
        for fix in TextFix::safe(subject, candidate, variant, found) {
            fixes.entry((fix.candidate.clone(), fix.field.clone())).or_insert(fix);
        }
    }
    let fixes: Vec<TextFix> = fixes.into_values().collect();
    let edits: usize = fixes.iter().map(|fix| fix.edits.len()).sum();
    let made_at = jiff::Timestamp::now().to_string();
    library.fix(&fixes, &made_at)?;
    ctx.ui.say(format!("{} in {}", counted(edits, "fix", "fixes"), counted(fixes.len(), "text", "texts")));
    if private > 0 {
        ctx.ui.say(format!("not changed: {} that you hold private", counted(private, "card", "cards")));
    }
    if replace_personal {
        pseudonyms::apply(ctx, &mut library, &known, &made_at)?;
    }
    if edits > 0 || replace_personal {
        ctx.ui.hint("take them back: `affinage lint --unfix`");
    }
    Ok(())
}

/// Takes back the newest run of fixes.
pub fn undo(ctx: &Project) -> anyhow::Result<()> {
    let mut library = Library::open(&ctx.project)?;
    match library.newest_fixes()? {
        Some((first, made_at)) => {
            let undone = library.undo_fixes(first, &jiff::Timestamp::now().to_string())?;
            ctx.ui.say(format!("took back the fixes of {made_at} in {} texts", count(undone as u64)));
        }
        None => ctx.ui.say("there are no fixes to take back"),
    }
    Ok(())
}
