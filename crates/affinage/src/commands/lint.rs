//! `affinage lint`: what is wrong in the library or in a dataset, with spans and fixes.

use std::collections::{BTreeMap, BTreeSet};

use affinage_dataset::lint::rules::{RULES, title};
use affinage_dataset::lint::{Field, Finding, Severity, Subject};
use affinage_project::errors::HintExt as _;
use affinage_project::folder::library::Library;
use affinage_project::stages::freeze::{begins_with, next_step};
use affinage_project::stages::lint::{
    LIBRARY, Left, Linted, LookedAt, Tally, fix, lint, pseudonyms, taken_in_words, tally_in_words,
    without_secrets,
};
use anyhow::anyhow;
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::ui::{Paint, Table, count, counted};

/// Show what is wrong in the library or a dataset, with the exact place
#[derive(Debug, Default, Args)]
#[command(
    after_help = "Examples:\n  affinage lint\n  affinage lint --rule L42\n  affinage lint --fix\n  affinage lint --pseudonyms --private-name 'Anna Berg'\n  affinage lint v1-1f2e9c --strict\n  affinage lint rows.jsonl --json"
)]
pub struct LintArgs {
    /// `library`, a dataset version, a folder, or a JSONL file with `messages`
    #[arg(value_name = "DATASET", default_value = "library")]
    pub target: String,
    /// Show the findings of this rule alone, as L42 (repeatable)
    #[arg(long, value_name = "RULE", value_parser = rule_id)]
    pub rule: Vec<String>,
    /// Exit with 1 if there is any error or warning
    #[arg(long)]
    pub strict: bool,
    /// Apply the safe fixes to the library; the imported words are kept too
    #[arg(long, conflicts_with = "unfix")]
    pub fix: bool,
    /// Show which personal data would become which made-up values; with `--fix`, replace it
    #[arg(long, conflicts_with = "unfix")]
    pub pseudonyms: bool,
    /// A name to find from now on (P03); remembered in the library (repeatable)
    #[arg(long, value_name = "NAME")]
    pub private_name: Vec<String>,
    /// Take back the newest run of fixes
    #[arg(long)]
    pub unfix: bool,
}

/// The id of a rule, in the table's own letters.
fn rule_id(text: &str) -> Result<String, String> {
    let found = RULES.iter().find(|rule| rule.id.eq_ignore_ascii_case(text));
    found.map(|rule| rule.id.to_owned()).ok_or_else(|| {
        let (first, last) = (RULES[0].id, RULES[RULES.len() - 1].id);
        format!("no rule is called so; they go from {first} to {last}, and `affinage lint` shows those that found something")
    })
}

pub fn run(ctx: &Context, args: LintArgs) -> anyhow::Result<()> {
    let is_library = args.target == LIBRARY;
    if (args.fix || args.unfix) && !is_library {
        return Err(anyhow!("`{}` is frozen, its texts are not changed", args.target)).hint(
            "fix the library and freeze a new version: `affinage lint --fix`, then `affinage dataset`",
        );
    }
    if is_library || args.pseudonyms || !args.private_name.is_empty() {
        ctx.require_project()?;
    }
    if !args.private_name.is_empty() {
        Library::open(&ctx.project)?.keep_names(&args.private_name)?;
    }
    if args.pseudonyms && !args.fix {
        return show_pseudonyms(ctx, &pseudonyms::preview(ctx)?);
    }
    if args.fix {
        fix::apply(ctx, args.pseudonyms)?;
    } else if args.unfix {
        fix::undo(ctx)?;
    }
    let Linted { looked_at, tally, left, clean_dated, unread, findings } =
        lint(ctx, &args.target, &args.rule)?;
    let taken = unread.as_ref().map(|(taken, _)| *taken);
    let shows_all = !args.rule.is_empty();
    if ctx.json {
        ctx.ui.json(&document(&looked_at.subjects, (&tally, clean_dated, taken), &findings))?;
    } else {
        ctx.ui.data(&summary(ctx, &looked_at, (&tally, clean_dated), &findings, shows_all))?;
        if let Some((taken, counts)) = &unread
            && let Some(line) = taken_in_words(tally.clean() - clean_dated, *taken, counts)
        {
            ctx.ui.say(line);
        }
        if looked_at.private > 0 {
            ctx.ui.say(format!(
                "not looked at: {} that you hold private",
                counted(looked_at.private, "card", "cards")
            ));
        }
        if !shows_all && looked_at.private_names == 0 {
            ctx.ui.say(
                "lint cannot see names of people (pupils, patients, friends) or what else is private beside them; name those \
                 that it should find: `affinage lint --private-name NAME`",
            );
        }
        see_more(ctx, is_library.then_some(left), &findings, shows_all)?;
    }
    let serious = findings.iter().filter(|f| f.severity != Severity::Information).count();
    if args.strict && serious > 0 {
        return Err(anyhow!(
            "{} in {}",
            counted(serious, "error or warning", "errors and warnings"),
            args.target
        ))
        .hint("without `--strict` findings do not fail");
    }
    Ok(())
}

/// How many findings each rule has in the library, without the places.
pub fn tally(ctx: &Context) -> anyhow::Result<()> {
    let Linted { tally, clean_dated, findings, .. } = lint(ctx, LIBRARY, &[])?;
    ctx.ui.data(&by_rule((&tally, clean_dated), &findings))
}

/// Replacements shown before "and N more".
const SHOWN_REPLACEMENTS: usize = 40;

fn show_pseudonyms(ctx: &Context, preview: &pseudonyms::Preview) -> anyhow::Result<()> {
    if ctx.json {
        return ctx.ui.json(preview);
    }
    let mut table = Table::new(["found", "becomes", "places"]).right(&[2]);
    for replacement in preview.replacements.iter().take(SHOWN_REPLACEMENTS) {
        let (before, after) = (replacement.before.clone(), replacement.after.clone());
        table.row([before, after, count(replacement.places as u64)]);
    }
    ctx.ui.data(&table.render())?;
    let values = preview.replacements.len();
    if values > SHOWN_REPLACEMENTS {
        ctx.ui.say(format!("and {} more; `--json` lists all", values - SHOWN_REPLACEMENTS));
    }
    let texts = counted(preview.texts, "text", "texts");
    ctx.ui.say(format!("{} in {texts}", counted(values, "value", "values")));
    ctx.ui
        .hint("nothing is changed yet: `affinage lint --fix --pseudonyms` does it, `--unfix` takes it back");
    Ok(())
}

#[derive(Serialize)]
struct Document<'a> {
    v: u32,
    examples: usize,
    /// Those without errors and warnings, with errors, and with warnings only.
    clean: usize,
    /// Undecided ones among the clean that belong to dated notes: a freeze takes them with `--dated-notes` alone.
    clean_dated: usize,
    /// Of the library: cards that nobody decided on and `--accept-clean` takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    accept_clean: Option<usize>,
    with_errors: usize,
    with_warnings: usize,
    examples_without_findings: usize,
    by_rule: BTreeMap<&'static str, usize>,
    findings: Vec<FindingRow<'a>>,
}

#[derive(Serialize)]
struct FindingRow<'a> {
    rule: &'static str,
    severity: Severity,
    id: &'a str,
    field: Field,
    /// Start and end, in bytes and in characters.
    bytes: [usize; 2],
    chars: [usize; 2],
    /// Without keys and passwords, as in the text form: this is copied to other programs.
    text: String,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'a str>,
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

fn document<'a>(
    subjects: &'a [Subject],
    (tally, clean_dated, accept_clean): (&Tally, usize, Option<usize>),
    findings: &'a [Finding],
) -> Document<'a> {
    let by_id = by_id(subjects);
    let rows = findings.iter().map(|finding| {
        let text = by_id[finding.id.as_str()].text(finding.field);
        let chars = |byte: usize| text[..byte].chars().count();
        FindingRow {
            rule: finding.rule,
            severity: finding.severity,
            id: &finding.id,
            field: finding.field,
            bytes: [finding.span.start, finding.span.end],
            chars: [chars(finding.span.start), chars(finding.span.end)],
            text: without_secrets(text)[finding.span.clone()].to_owned(),
            message: &finding.message,
            fix: finding.fix.as_deref(),
        }
    });
    Document {
        v: 1,
        examples: subjects.len(),
        clean: tally.clean(),
        clean_dated,
        accept_clean,
        with_errors: tally.with_errors,
        with_warnings: tally.with_warnings,
        examples_without_findings: tally.without_findings,
        by_rule: counts(findings).into_iter().map(|((_, rule), count)| (rule, count)).collect(),
        findings: rows.collect(),
    }
}

fn by_id(subjects: &[Subject]) -> BTreeMap<&str, &Subject> {
    subjects.iter().map(|subject| (subject.id.as_str(), subject)).collect()
}

fn counts(findings: &[Finding]) -> BTreeMap<(Severity, &'static str), usize> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry((finding.severity, finding.rule)).or_default() += 1;
    }
    counts
}

/// Examples shown for each rule.
const SHOWN_PER_RULE: usize = 2;

/// How many examples are clean, and how many findings each rule has.
fn by_rule((tally, clean_dated): (&Tally, usize), findings: &[Finding]) -> String {
    let text = format!("{}\n{}", tally_in_words(tally), dated_in_words(clean_dated));
    if findings.is_empty() {
        return text;
    }
    let mut table = Table::new(["", "rule", "found", "what"]).right(&[2]);
    for ((severity, rule), found) in counts(findings) {
        table.row([
            severity.letter().to_string(),
            rule.to_owned(),
            count(found as u64),
            title(rule).to_owned(),
        ]);
    }
    format!("{text}\n{}", table.render())
}

fn summary(
    ctx: &Context,
    looked_at: &LookedAt,
    tally: (&Tally, usize),
    findings: &[Finding],
    shows_all: bool,
) -> String {
    let mut text = by_rule(tally, findings);
    let by_id = by_id(&looked_at.subjects);
    let shown = if shows_all { usize::MAX } else { SHOWN_PER_RULE };
    for (severity, rule) in counts(findings).into_keys() {
        let heading = format!("{} {rule} {}", severity.letter(), title(rule));
        text += &format!("\n{}\n", ctx.ui.paint_data(Paint::Bold, &heading));
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
            text += &shown_finding(ctx, subject, &name, finding);
        }
    }
    text
}

/// How to see more, and what to do then.
fn see_more(ctx: &Context, left: Option<Left>, findings: &[Finding], shows_all: bool) -> anyhow::Result<()> {
    let serious: BTreeMap<(Severity, &str), usize> = counts(findings)
        .into_iter()
        .filter(|((severity, _), _)| *severity != Severity::Information)
        .collect();
    let most = serious.iter().max_by_key(|(_, found)| **found);
    if let Some(((_, rule), found)) = most
        && !shows_all
        && *found > SHOWN_PER_RULE
    {
        ctx.ui.hint(format!("all findings of a rule: `affinage lint --rule {rule}`"));
    }
    if let Some(left) = left.filter(|_| !serious.is_empty()) {
        let or = match (next_step(ctx)?, left) {
            (Some(next), _) => format!(". Next: {next}"),
            (None, Left::CleanDated) => {
                "; or freeze what is clean, dated notes too: `affinage dataset --accept-clean \
                                         --dated-notes`"
                    .to_owned()
            }
            (None, Left::Clean) => "; or freeze what is clean: `affinage dataset --accept-clean`".to_owned(),
            (None, Left::Decided) => "; or freeze what you accepted: `affinage dataset`".to_owned(),
            (None, Left::Nothing) => String::new(),
        };
        ctx.ui.hint(format!("decide on them: `affinage review`{or}"));
    }
    Ok(())
}

fn shown_finding(ctx: &Context, subject: &Subject, name: &str, finding: &Finding) -> String {
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
    let name = match (name.is_empty(), ctx.ui.is_verbose()) {
        (true, _) => finding.id.clone(),
        (false, true) => format!("{}, {name}", finding.id),
        (false, false) => name.to_owned(),
    };
    format!(
        "  {name}, {field}{detail}\n    {before}{marked}{after}\n    {indent}{}\n",
        ctx.ui.paint_data(Paint::Error, &underline)
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

#[cfg(test)]
mod tests {
    use super::*;
    use affinage_dataset::lint::{Known, lint_known};
    use affinage_dataset::message::{Message, Role};

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
        let text = by_rule((&Tally::of(subjects.len(), &findings), 0), &findings);
        assert!(text.starts_with("3 examples: 1 clean, 2 with errors\n"), "{text}");
        assert!(text.contains("L03") && text.contains("L02") && !text.contains("row 1"), "{text}");
        let rules = counts(&findings).len();
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
