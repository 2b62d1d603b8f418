//! What a freeze tells while it chooses: what was taken and what was left out, and why.

use std::collections::BTreeMap;

use affinage_dataset::lint::rules::titled;
use affinage_dataset::version::Lengths;
use affinage_report::plain::{count, counted, listed};

use super::select::Selection;
use crate::folder::project::Project;
use crate::stages::lengths::{Ruler, Spread};

pub(super) fn report_selection(ctx: &Project, selection: &Selection) {
    let counts = &selection.counts;
    ctx.ui.say(format!(
        "{}: {} accepted ({} edited), {} left out",
        counted(counts.candidates(), "candidate", "candidates"),
        count(counts.accepted() as u64),
        count(counts.edited() as u64),
        count(counts.left_out_total() as u64)
    ));
    for (why, number) in counts.left_out() {
        ctx.ui.say(format!("  {} {}", count(number as u64), why.words(number)));
    }
    let flagged: Vec<String> =
        selection.flagged.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
    if !flagged.is_empty() {
        ctx.ui.detail(format!("flags of undecided ones: {}", flagged.join(", ")));
    }
    if !selection.noted.is_empty() {
        let noted: Vec<String> = selection
            .noted
            .iter()
            .map(|(rule, examples)| format!("{} {}", titled(rule), count(*examples as u64)))
            .collect();
        ctx.ui.say(format!(
            "taken undecided although lint notes something: {}; to leave some out: `affinage review`, List, by finding",
            noted.join("; ")
        ));
    }
    if !selection.blocked.is_empty() {
        ctx.ui.warn(format!(
            "{} errors and left out; at the desk: List, \"accepted\", by finding, to edit:",
            counted(selection.blocked.len(), "accepted example has", "accepted examples have")
        ));
        for (id, (name, rules)) in selection.blocked.iter().take(5) {
            let rules: Vec<String> = rules.iter().map(|rule| titled(rule)).collect();
            ctx.ui.say(format!("  {name}: {}", rules.join(", ")));
            ctx.ui.detail(format!("    {id}"));
        }
    }
}

/// Says which rules kept undecided examples out, the most frequent first; an example may have several.
pub(super) fn report_rules(ctx: &Project, flagged: &BTreeMap<&'static str, usize>) {
    let mut rules: Vec<(&str, usize)> = flagged.iter().map(|(rule, examples)| (*rule, *examples)).collect();
    rules.sort_by_key(|(rule, examples)| (std::cmp::Reverse(*examples), *rule));
    let Some((most, _)) = rules.first() else { return };
    ctx.ui.say("left out because lint found something in them:");
    for (rule, examples) in &rules {
        ctx.ui.say(format!("  {:>5}  {}", count(*examples as u64), titled(rule)));
    }
    ctx.ui.hint(format!("see them: `affinage lint --rule {most}`; decide on them: `affinage review`"));
}

/// Which rows were too long, and which lengths would take more. `names` say what each of those left out begins with.
pub(super) fn report_lengths(
    ctx: &Project,
    ruler: &Ruler,
    lengths: &Lengths,
    spread: Spread,
    names: &BTreeMap<String, String>,
) {
    let Lengths { model, limit, left_out, longest, .. } = lengths;
    let tokens = |n: usize| count(n as u64);
    if left_out.is_empty() {
        return ctx.ui.say(format!(
            "all rows fit: the longest has {} tokens, the training takes {}",
            tokens(*longest),
            tokens(*limit)
        ));
    }
    let name = |id: &String| names.get(id).cloned().unwrap_or_else(|| id.clone());
    let named: Vec<String> =
        left_out.iter().map(|(id, length)| format!("{} ({} tokens)", name(id), tokens(*length))).collect();
    ctx.ui.warn(format!(
        "{} longer than the {} tokens of {model} that the training takes, and left out: {}; at the desk: `affinage review`, \
         List, \"too long for the training\"",
        counted(left_out.len(), "row is", "rows are"),
        tokens(*limit),
        listed(&named, 5, ", ")
    ));
    if let Some(proposal) = spread.proposal(*limit, ruler.max_positions(), |tokens| ruler.peak_bytes(tokens))
    {
        ctx.ui.say(format!("  {proposal}"));
    }
}
