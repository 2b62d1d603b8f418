//! What lint found, in words.

use std::collections::{BTreeMap, BTreeSet};

use affinage_dataset::lint::rules::title;
use affinage_dataset::lint::{Field, Finding, Severity, Subject};
use affinage_project::next::next;
use affinage_project::stages::freeze::{NextStep, Undecided, begins_with, freeze_command};
use affinage_project::stages::lint::pseudonyms::Preview;
use affinage_project::stages::lint::{Left, Linted, taken_in_words, tally_in_words, without_secrets};

use crate::ui::{Paint, Table, Ui, count, counted};

/// Examples shown for each rule.
const SHOWN_PER_RULE: usize = 2;

/// How many examples are clean, how many findings each rule has, and where: some of each rule, or all with `shows_all`.
pub fn found(ui: &Ui, linted: &Linted, shows_all: bool) -> String {
    let Linted { looked_at, findings, .. } = linted;
    let mut text = by_rule(linted);
    let by_id = looked_at.by_id();
    let shown = if shows_all { usize::MAX } else { SHOWN_PER_RULE };
    for (severity, rule) in linted.by_rule().into_keys() {
        let heading = format!("{} {rule} {}", severity.letter(), title(rule));
        text += &format!("\n{}\n", ui.paint_data(Paint::Bold, &heading));
        let of_rule: Vec<&Finding> =
            findings.iter().filter(|f| f.rule == rule && f.severity == severity).take(shown).collect();
        let name = |finding: &Finding| {
            let conversation = &by_id[finding.id.as_str()].conversation;
            let name = looked_at.names.get(&finding.id).or(looked_at.names.get(conversation));
            name.map_or("", String::as_str)
        };
        // Cards of one text are told by what is asked of each.
        let mut cards: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for finding in &of_rule {
            cards.entry(name(finding)).or_default().insert(&finding.id);
        }
        for finding in of_rule {
            let (subject, name) = (by_id[finding.id.as_str()], name(finding));
            let asked = begins_with(&subject.prompt);
            let is_told = name.is_empty() || cards[name].len() == 1;
            let name = if is_told { name.to_owned() } else { format!("{name}, {asked}") };
            text += &shown_finding(ui, subject, &name, finding);
        }
    }
    text
}

/// How many examples are clean, and how many findings each rule has.
pub fn by_rule(linted: &Linted) -> String {
    let text = format!("{}\n{}", tally_in_words(&linted.tally), dated_in_words(linted.clean_dated));
    if linted.findings.is_empty() {
        return text;
    }
    let mut table = Table::new(["", "rule", "found", "what"]).right(&[2]);
    for ((severity, rule), found) in linted.by_rule() {
        table.row([
            severity.letter().to_string(),
            rule.to_owned(),
            count(found as u64),
            title(rule).to_owned(),
        ]);
    }
    format!("{text}\n{}", table.render())
}

/// What a freeze leaves out of the clean ones unless it is asked for them, as a line; empty where it leaves out none.
fn dated_in_words(clean_dated: usize) -> String {
    if clean_dated == 0 {
        return String::new();
    }
    format!(
        "{} of the clean ones {}: `--accept-clean` leaves dated notes (diaries, journals) out unless `--dated-notes` is \
         given; at the desk you decide on each\n",
        count(clean_dated as u64),
        if clean_dated == 1 { "is dated" } else { "are dated" },
    )
}

fn shown_finding(ui: &Ui, subject: &Subject, name: &str, finding: &Finding) -> String {
    let field = match finding.field {
        Field::System => "system message".to_owned(),
        Field::Prompt => "prompt".to_owned(),
        Field::Response => "answer".to_owned(),
        Field::Context(index) => format!("context message {index}"),
    };
    let (before, marked, after) = excerpt(&without_secrets(subject.text(finding.field)), &finding.span);
    let underline = "^".repeat(console::measure_text_width(&marked).max(1));
    let indent = " ".repeat(console::measure_text_width(&before));
    let detail = finding.message.split_once(": ").map_or(String::new(), |(_, detail)| format!(": {detail}"));
    // People know a text by its file and title; its id is for other programs.
    let name = match (name.is_empty(), ui.is_verbose()) {
        (true, _) => finding.id.clone(),
        (false, true) => format!("{}, {name}", finding.id),
        (false, false) => name.to_owned(),
    };
    format!(
        "  {name}, {field}{detail}\n    {before}{marked}{after}\n    {indent}{}\n",
        ui.paint_data(Paint::Error, &underline)
    )
}

/// The span with a little text around it, on one line that a terminal of 80 columns has room for.
fn excerpt(text: &str, span: &std::ops::Range<usize>) -> (String, String, String) {
    const LINE_CHARS: usize = 74;
    const BEFORE_CHARS: usize = 20;
    const AFTER_CHARS: usize = 20;
    let one_line = |part: &str| part.replace(['\n', '\r', '\t'], " ");
    let before: Vec<char> = text[..span.start].chars().rev().take(BEFORE_CHARS).collect();
    let before: String = before.into_iter().rev().collect();
    let marked_all = &text[span.clone()];
    // What is marked has all the room that nothing else needs: a prompt is known by more than its first words.
    let room = LINE_CHARS - before.chars().count();
    let mut marked: String = marked_all.chars().take(room).collect();
    let mut after = String::new();
    if marked.len() < marked_all.len() {
        marked.pop();
        marked.push('…');
    } else {
        after = text[span.end..].chars().take(AFTER_CHARS.min(room - marked.chars().count())).collect();
    }
    let printable =
        |part: String| one_line(&part).chars().map(|c| if c.is_control() { '·' } else { c }).collect();
    (printable(before), printable(marked), printable(after))
}

/// Says what `--accept-clean` takes of the clean ones, and what lint did not look at.
pub fn say_limits(ui: &Ui, linted: &Linted, shows_all: bool) {
    let Linted { looked_at, tally, clean_dated, unread, .. } = linted;
    if let Some((taken, counts)) = unread
        && let Some(line) = taken_in_words(tally.clean() - clean_dated, *taken, counts)
    {
        ui.say(line);
    }
    if unread.is_some() && !linted.findings.is_empty() {
        ui.say(
            "found are places in all answers, also of cards that are decided on; the desk counts cards that are open, each by \
             the answer that it proposes",
        );
    }
    if looked_at.private > 0 {
        ui.say(format!(
            "not looked at: {} that you hold private",
            counted(looked_at.private, "card", "cards")
        ));
    }
    if !shows_all && looked_at.private_names == 0 {
        ui.say(
            "lint cannot see names of people (pupils, patients, friends) or what else is private beside them; name those \
             that it should find: `affinage lint --private-name NAME`",
        );
    }
}

/// Says how to see more, and what to do then. `left`: what a freeze can take of the library, where that was looked at; `step`:
/// what to do in a project that has a version.
pub fn say_how_to_go_on(
    ui: &Ui,
    linted: &Linted,
    left: Option<Left>,
    step: Option<NextStep>,
    shows_all: bool,
) {
    let serious: BTreeMap<(Severity, &str), usize> = linted
        .by_rule()
        .into_iter()
        .filter(|((severity, _), _)| *severity != Severity::Information)
        .collect();
    let most = serious.iter().max_by_key(|(_, found)| **found);
    if let Some(((_, rule), found)) = most
        && !shows_all
        && *found > SHOWN_PER_RULE
    {
        ui.hint(format!("all findings of a rule: {}", next("lint").option("--rule", rule)));
    }
    if let Some(left) = left.filter(|_| !serious.is_empty()) {
        let or = match (step, left) {
            (Some(step), _) => format!(". Next: {step}"),
            (None, Left::CleanDated) => format!(
                "; or freeze what is clean, dated notes too: {}",
                freeze_command(Undecided::AcceptClean { dated: true })
            ),
            (None, Left::Clean) => {
                format!(
                    "; or freeze what is clean: {}",
                    freeze_command(Undecided::AcceptClean { dated: false })
                )
            }
            (None, Left::Decided) => {
                format!("; or freeze what you accepted: {}", freeze_command(Undecided::LeaveOut))
            }
            (None, Left::Nothing) => String::new(),
        };
        ui.hint(format!("decide on them: `affinage review`{or}"));
    }
}

/// Replacements shown before "and N more".
const SHOWN_REPLACEMENTS: usize = 40;

/// Says which personal data would become which made-up values.
pub fn pseudonyms(ui: &Ui, preview: &Preview) -> anyhow::Result<()> {
    let mut table = Table::new(["found", "becomes", "places"]).right(&[2]);
    for replacement in preview.replacements.iter().take(SHOWN_REPLACEMENTS) {
        let (before, after) = (replacement.before.clone(), replacement.after.clone());
        table.row([before, after, count(replacement.places as u64)]);
    }
    ui.data(&table.render())?;
    let values = preview.replacements.len();
    if values > SHOWN_REPLACEMENTS {
        ui.say(format!("and {} more; `--json` lists all", values - SHOWN_REPLACEMENTS));
    }
    let texts = counted(preview.texts, "text", "texts");
    ui.say(format!("{} in {texts}", counted(values, "value", "values")));
    ui.hint("nothing is changed yet: `affinage lint --fix --pseudonyms` does it, `--unfix` takes it back");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use affinage_dataset::lint::{Known, lint_known};
    use affinage_dataset::message::{Message, Role};
    use affinage_project::stages::lint::{LookedAt, Tally};

    #[test]
    fn the_tally_has_a_line_for_each_rule_and_no_text() {
        let asked = |answer: &str| {
            vec![Message::new(Role::User, "Is the gate shut?"), Message::new(Role::Assistant, answer)]
        };
        let rows = ["It is shut.", "", "It is.\n\nAssistant: It is shut."];
        let subjects: Vec<Subject> = rows
            .iter()
            .enumerate()
            .map(|(i, answer)| Subject::of_messages(&format!("row {i}"), "c", &asked(answer)))
            .collect();
        let findings = lint_known(&subjects, &Known::default());
        let linted = Linted {
            tally: Tally::of(subjects.len(), &findings),
            looked_at: LookedAt { subjects, ..LookedAt::default() },
            left: Left::Nothing,
            clean_dated: 0,
            unread: None,
            findings,
        };
        let text = by_rule(&linted);
        assert!(text.starts_with("3 examples: 1 clean, 2 with errors\n"), "{text}");
        assert!(text.contains("L03") && text.contains("L02") && !text.contains("row 1"), "{text}");
        let rules = linted.by_rule().len();
        assert_eq!(text.lines().count(), 3 + rules, "{text}");
    }

    #[test]
    fn what_is_marked_has_the_room_that_nothing_else_needs() {
        let prompt = "Write about the weir below the second mill, as it was before the flood of that spring.";
        let (before, marked, after) = excerpt(prompt, &(0..prompt.len()));
        assert_eq!((before.as_str(), after.as_str()), ("", ""));
        assert_eq!(marked, "Write about the weir below the second mill, as it was before the flood of…");
        let at = prompt.find("mill").expect("there");
        let (before, marked, after) = excerpt(prompt, &(at..at + 4));
        assert_eq!((before.as_str(), marked.as_str()), ("ir below the second ", "mill"));
        assert!(after.starts_with(", as it was") && after.chars().count() == 20, "{after}");
    }
}
