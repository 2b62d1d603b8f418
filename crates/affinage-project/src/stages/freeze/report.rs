//! What a freeze tells while it chooses: what was taken and what was left out, and why.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use affinage_dataset::counts::{Omission, Way};
use affinage_dataset::lint::rules::titled;
use affinage_dataset::message::Role;
use affinage_dataset::topics::Topic;
use affinage_dataset::version::Lengths;
use affinage_eval::plain::{count, counted, listed};

use super::select::{Selected, Selection};
use crate::folder::library::Library;
use crate::folder::project::Project;
use crate::stages::lengths::{Needs, Ruler, Spread};

pub(super) fn report_selection(ctx: &Project, selection: &Selection) {
    let counts = &selection.counts;
    ctx.ui.say(format!(
        "{}: {} accepted ({} edited), {} left out",
        counted(counts.candidates(), "card", "cards"),
        count(counts.accepted() as u64),
        count(counts.edited() as u64),
        count(counts.left_out_total() as u64)
    ));
    // Below what they are parts of.
    for (why, number) in counts.left_out() {
        ctx.ui.say(format!("  {} {}", count(number as u64), why.words(number)));
    }
    if counts.decided.contains_key(&Way::Together) {
        let ways: Vec<String> = counts
            .decided
            .iter()
            .map(|(way, number)| format!("{} {}", count(*number as u64), way.words()))
            .collect();
        ctx.ui.say(format!("the accepted were decided on: {}", ways.join(", ")));
    }
    if counts.left_out().any(|(why, _)| why == Omission::Dated) {
        ctx.ui.say(
            "dated notes are taken only where you ask for it: add `--dated-notes`, or accept them at the desk \
             (`affinage review`)",
        );
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
            "of those taken undecided, with a remark of lint that is no fault: {}; to leave some out: `affinage review`, List, by \
             finding",
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

/// Lines about what is taken undecided.
const TAKEN_LINES: usize = 6;

/// Says what is taken although nobody decided on it, by document, folder or topic, the largest first.
pub(super) fn report_taken(ctx: &Project, library: &Library, selection: &Selection) -> anyhow::Result<()> {
    let undecided: Vec<&Selected> = selection.selected.iter().filter(|one| one.is_undecided).collect();
    if undecided.is_empty() {
        return Ok(());
    }
    let topics: HashMap<String, String> = match undecided.iter().all(|one| one.document.is_some()) {
        true => HashMap::new(),
        false => {
            let topics = library.overview()?.topics.into_iter().map(|view| view.topic);
            let topic = |topic: Topic| {
                let Topic { name, conversations, .. } = topic;
                conversations.into_iter().map(move |conversation| (conversation, name.clone()))
            };
            topics.flat_map(topic).collect()
        }
    };
    ctx.ui.say(
        "taken although you have not looked at it, because lint finds no error or warning in it (nothing of it leaves this \
         machine):",
    );
    taken(&undecided, &topics).iter().for_each(|line| ctx.ui.say(format!("  {line}")));
    ctx.ui.say(
        "lint finds keys, passwords, account numbers, addresses and telephone numbers by their form; it cannot know what \
         else is private (health, family, names of pupils, patients or friends): look for such words with `affinage import --find WORD`",
    );
    ctx.ui.say(
        "to leave something of it out: `affinage review`, hold the topic, folder or card private or reject it, and run \
         this again",
    );
    Ok(())
}

/// `40 of notes in journal/2023`, `312 of conversations on garden · roses · soil`. Many documents are named by their folders.
fn taken(undecided: &[&Selected], topics: &HashMap<String, String>) -> Vec<String> {
    let documents: BTreeSet<&str> =
        undecided.iter().filter(|one| one.document.is_some()).map(|one| one.member.as_str()).collect();
    let of = |one: &Selected| match &one.document {
        Some(_) => match one.member.rsplit_once('/').filter(|_| documents.len() > TAKEN_LINES) {
            Some((folder, _)) => format!("in the notes of {folder}/"),
            None => format!("in {}", one.member),
        },
        None => match topics.get(&one.example.provenance.conversation) {
            Some(topic) => format!("in conversations: {topic}"),
            None => "in conversations".to_owned(),
        },
    };
    let mut groups: BTreeMap<String, usize> = BTreeMap::new();
    undecided.iter().for_each(|one| *groups.entry(of(one)).or_default() += 1);
    let mut groups: Vec<(String, usize)> = groups.into_iter().collect();
    groups.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let shown = if groups.len() > TAKEN_LINES + 1 { TAKEN_LINES } else { groups.len() };
    let rest: usize = groups[shown..].iter().map(|(_, number)| number).sum();
    let mut lines: Vec<String> = groups[..shown]
        .iter()
        .map(|(what, number)| format!("{:>5}  {what}", count(*number as u64)))
        .collect();
    if rest > 0 {
        lines.push(format!("{:>5}  in {} other places", count(rest as u64), groups.len() - shown));
    }
    lines
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
    ctx.ui.hint(format!(
        "see them: `affinage lint --rule {most}`; to take those with a warning all the same: `affinage review`, List, choose the \
         finding, “Accept all”"
    ));
}

/// Says how much of the conversations stands before the prompts.
pub(super) fn report_context(ctx: &Project, ruler: &Ruler, selected: &[Selected]) {
    let turns = |one: &&Selected| one.example.messages.iter().filter(|m| m.role != Role::System).count() - 2;
    let with: Vec<usize> = selected.iter().map(|one| turns(&one)).filter(|turns| *turns > 0).collect();
    if let Some(most) = with.iter().max() {
        ctx.ui.say(format!(
            "{} what was said before, up to {}: as many turns as {} tokens of {} hold, the oldest dropped first \
             (`train.max-seq-tokens`)",
            counted(with.len(), "row carries", "rows carry"),
            counted(*most, "turn", "turns"),
            count(ruler.limit as u64),
            ruler.model()
        ));
    }
}

/// Which rows were too long, and which lengths would take more.
pub(super) fn report_lengths(ctx: &Project, ruler: &Ruler, lengths: &Lengths, spread: Spread) {
    let Lengths { model, limit, left_out, begin, longest, .. } = lengths;
    let tokens = |n: usize| count(n as u64);
    if left_out.is_empty() {
        return ctx.ui.say(format!(
            "all rows fit: the longest has {} tokens, the training takes {}",
            tokens(*longest),
            tokens(*limit)
        ));
    }
    let name = |id: &String| begin.get(id).cloned().unwrap_or_else(|| id.clone());
    let named: Vec<String> =
        left_out.iter().map(|(id, length)| format!("{} ({} tokens)", name(id), tokens(*length))).collect();
    ctx.ui.warn(format!(
        "{} longer than the {} tokens of {model} that the training takes, and left out: {}; at the desk: `affinage review`, \
         List, \"too long for the training\"",
        counted(left_out.len(), "row is", "rows are"),
        tokens(*limit),
        listed(&named, 5, ", ")
    ));
    let needs = |tokens| Needs { peak_bytes: ruler.peak_bytes(tokens), time: None };
    if let Some(proposal) = spread.proposal(*limit, ruler.max_positions(), needs) {
        ctx.ui.say(format!("  {proposal}"));
    }
}
