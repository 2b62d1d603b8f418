//! What is wrong in the library or in a dataset: rules over every example, safe fixes, and personal data replaced.

pub mod fix;
pub mod pseudonyms;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use affinage_dataset::counts::{Counts, Omission};
use affinage_dataset::import::is_dated;
use affinage_dataset::lint::{Field, Finding, Known, Severity, Subject, lint_known, secret_spans};
use affinage_dataset::message::Message;
use affinage_eval::plain::{count, counted};
use anyhow::anyhow;
use serde::{Deserialize, Serialize};

use crate::errors::HintExt as _;
use crate::folder::datasets::{DatasetVersion, TEST, TRAIN, VALIDATION};
use crate::folder::jsonl;
use crate::folder::library::{LIBRARY_FILE, Library, file_name};
use crate::folder::project::Project;
use crate::stages::freeze::{begins_with, taken_unread};

/// The target that is no dataset.
pub const LIBRARY: &str = "library";

/// What was looked at, and what was found in it.
pub struct Linted {
    pub looked_at: LookedAt,
    /// Of all findings.
    pub tally: Tally,
    /// What a freeze can take of the library.
    pub left: Left,
    /// Clean and undecided examples of dated notes: a freeze takes them only where it is asked for them.
    pub clean_dated: usize,
    /// Of the library: how many cards that nobody decided on `--accept-clean` takes, and what becomes of the others.
    pub unread: Option<(usize, Counts)>,
    /// Those of the rules that were asked for.
    pub findings: Vec<Finding>,
}

/// What `--json` prints of the findings.
#[derive(Serialize)]
pub struct Document<'a> {
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

impl Linted {
    /// What `--json` prints: every finding with its place in bytes and in characters.
    pub fn document(&self) -> Document<'_> {
        let by_id = self.looked_at.by_id();
        let rows = self.findings.iter().map(|finding| {
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
            examples: self.looked_at.subjects.len(),
            clean: self.tally.clean(),
            clean_dated: self.clean_dated,
            accept_clean: self.unread.as_ref().map(|(taken, _)| *taken),
            with_errors: self.tally.with_errors,
            with_warnings: self.tally.with_warnings,
            examples_without_findings: self.tally.without_findings,
            by_rule: self.by_rule().into_iter().map(|((_, rule), count)| (rule, count)).collect(),
            findings: rows.collect(),
        }
    }

    /// How many findings each rule has, the gravest first.
    pub fn by_rule(&self) -> BTreeMap<(Severity, &'static str), usize> {
        let mut counts = BTreeMap::new();
        for finding in &self.findings {
            *counts.entry((finding.severity, finding.rule)).or_default() += 1;
        }
        counts
    }

    /// How many findings are errors or warnings.
    pub fn serious(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity != Severity::Information).count()
    }
}

/// Looks at [`LIBRARY`], a dataset version, a folder or a JSONL file with `messages`. `rules`: ids of those whose findings are
/// wanted; empty: all.
///
/// Errors: there is no such target; a row is not one.
pub fn lint(ctx: &Project, target: &str, rules: &[String]) -> anyhow::Result<Linted> {
    let looked_at = ctx.ui.during(format!("reading {target}"), || match target {
        LIBRARY => library_subjects(ctx),
        target => dataset_subjects(ctx, target),
    })?;
    let known = known(ctx)?;
    let mut findings = ctx.ui.during("looking for problems", || lint_known(&looked_at.subjects, &known));
    let tally = Tally::of(looked_at.subjects.len(), &findings);
    let (left, clean_dated) = left_to_accept(&looked_at, &findings);
    let unread = match target == LIBRARY && !looked_at.undecided.is_empty() {
        true => Some(ctx.ui.during("looking for problems", || taken_unread(&Library::open(&ctx.project)?))?),
        false => None,
    };
    findings.retain(|finding| rules.is_empty() || rules.iter().any(|rule| rule == finding.rule));
    Ok(Linted {
        looked_at: LookedAt { private_names: known.names.len(), ..looked_at },
        tally,
        left,
        clean_dated,
        unread,
        findings,
    })
}

/// Names of this project; a file can be looked at without one.
fn known(ctx: &Project) -> anyhow::Result<Known> {
    match ctx.project.join(LIBRARY_FILE).is_file() {
        true => Library::open(&ctx.project)?.known(),
        false => Ok(Known::default()),
    }
}

/// What is looked at.
#[derive(Default)]
pub struct LookedAt {
    pub subjects: Vec<Subject>,
    /// What people know a subject by: of the library, file and title of its conversation by that one's key; of a data set, its
    /// place and the first words of its prompt, by its id.
    pub names: BTreeMap<String, String>,
    /// Candidates that are held private: not looked at, because what is found is shown.
    pub private: usize,
    /// Names of people that are looked for.
    pub private_names: usize,
    /// Subjects of the library that nobody decided on; of each, whether it belongs to a dated note ([`is_dated`]).
    pub undecided: BTreeMap<String, bool>,
}

impl LookedAt {
    /// The subjects by their ids.
    pub fn by_id(&self) -> BTreeMap<&str, &Subject> {
        self.subjects.iter().map(|subject| (subject.id.as_str(), subject)).collect()
    }
}

fn library_subjects(ctx: &Project) -> anyhow::Result<LookedAt> {
    ctx.require_project()?;
    let mut looked_at = LookedAt::default();
    let library = Library::open(&ctx.project)?;
    let derivation = library.derivation()?;
    let paths: BTreeMap<String, String> =
        library.sources()?.into_iter().map(|source| (source.sha256, source.path)).collect();
    let decisions = library.decisions()?;
    looked_at.private = library.for_each_conversation(|source, conversation| {
        let is_dated = is_dated(&conversation);
        for candidate in derivation.candidates(&conversation) {
            let subjects = candidate.variants.iter().map(|variant| Subject::of_variant(&candidate, variant));
            let subjects: Vec<Subject> = subjects.collect();
            if !decisions.contains_key(&candidate.candidate_id) {
                looked_at.undecided.extend(subjects.iter().map(|subject| (subject.id.clone(), is_dated)));
            }
            looked_at.subjects.extend(subjects);
        }
        let file = file_name(paths.get(source).map_or("", String::as_str), &conversation);
        let title = conversation.title.trim();
        let says_more = !title.is_empty() && !file.to_lowercase().contains(&title.to_lowercase());
        let name = if says_more { format!("{file}, “{title}”") } else { file };
        looked_at.names.insert(conversation.key(), name);
        Ok(())
    })?;
    Ok(looked_at)
}

/// A row of any dataset with `messages`; ours have ids too.
#[derive(Deserialize)]
struct Row {
    example_id: Option<String>,
    conversation: Option<String>,
    messages: Vec<Message>,
}

fn dataset_subjects(ctx: &Project, target: &str) -> anyhow::Result<LookedAt> {
    let (mut subjects, mut names) = (Vec::new(), BTreeMap::new());
    for path in dataset_files(ctx, target)? {
        for (index, row) in jsonl::read::<Row>(&path, &ctx.ui)?.into_iter().enumerate() {
            let id = row.example_id.unwrap_or_else(|| format!("row {}", index + 1));
            let conversation = row.conversation.unwrap_or_else(|| id.clone());
            let subject = Subject::of_messages(&id, &conversation, &row.messages);
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            names.insert(id, format!("{file}, line {}, {}", index + 1, begins_with(&subject.prompt)));
            subjects.push(subject);
        }
    }
    Ok(LookedAt { subjects, names, ..LookedAt::default() })
}

/// A file, the files of a folder, or those of a version of this project.
fn dataset_files(ctx: &Project, target: &str) -> anyhow::Result<Vec<PathBuf>> {
    let typed = Path::new(target);
    let is_called = |v: &DatasetVersion| v.name == target || v.name.split('-').next() == Some(target);
    let found = if typed.exists() {
        Some(typed.to_owned())
    } else {
        let version = DatasetVersion::list(&ctx.project)?.into_iter().find(is_called);
        if let Some(Err(changed)) = version.as_ref().map(DatasetVersion::check_files) {
            ctx.ui.warn(format!("these are not the texts that were frozen: {changed:#}"));
        }
        version.map(|version| version.path)
    };
    match found {
        Some(file) if file.is_file() => Ok(vec![file]),
        Some(folder) => {
            let names = [TRAIN, VALIDATION, TEST];
            let files: Vec<PathBuf> =
                names.iter().map(|name| folder.join(name)).filter(|path| path.is_file()).collect();
            if files.is_empty() {
                return Err(anyhow!(
                    "no train.jsonl, validation.jsonl or test.jsonl in {}",
                    folder.display()
                ))
                .hint("name a dataset version, a folder with these files, or one JSONL file");
            }
            Ok(files)
        }
        None => Err(anyhow!("`{target}` is neither a file or folder nor a dataset version of this project"))
            .hint("`affinage lint` alone looks at the library"),
    }
}

/// What a freeze can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Examples that nobody decided on and lint finds nothing serious against.
    Clean,
    /// Such examples, all of them of dated notes.
    CleanDated,
    /// Only what was decided.
    Decided,
    Nothing,
}

/// With it the number of clean and undecided examples of dated notes.
fn left_to_accept(looked_at: &LookedAt, findings: &[Finding]) -> (Left, usize) {
    let serious = findings.iter().filter(|finding| finding.severity != Severity::Information);
    let serious: BTreeSet<&str> = serious.map(|finding| finding.id.as_str()).collect();
    let clean = || looked_at.undecided.iter().filter(|(id, _)| !serious.contains(id.as_str()));
    let dated = clean().filter(|(_, is_dated)| **is_dated).count();
    let left = match () {
        () if clean().count() > dated => Left::Clean,
        () if dated > 0 => Left::CleanDated,
        () if looked_at.undecided.len() < looked_at.subjects.len() => Left::Decided,
        () => Left::Nothing,
    };
    (left, dated)
}

/// Examples by the worst that was found in them. Information (a prompt that is a draft) does not count: such an example is
/// clean.
pub struct Tally {
    pub examples: usize,
    pub with_errors: usize,
    pub with_warnings: usize,
    pub without_findings: usize,
}

impl Tally {
    /// Counts findings of `examples` examples.
    pub fn of(examples: usize, findings: &[Finding]) -> Tally {
        let mut worst: BTreeMap<&str, Severity> = BTreeMap::new();
        for finding in findings {
            let severity = worst.entry(finding.id.as_str()).or_insert(finding.severity);
            *severity = finding.severity.min(*severity);
        }
        let count = |wanted: Severity| worst.values().filter(|severity| **severity == wanted).count();
        Tally {
            examples,
            with_errors: count(Severity::Error),
            with_warnings: count(Severity::Warning),
            without_findings: examples - worst.len(),
        }
    }

    /// Examples without an error or a warning.
    pub fn clean(&self) -> usize {
        self.examples - self.with_errors - self.with_warnings
    }
}

/// `46 examples: 29 clean, 17 with warnings`
pub fn tally_in_words(tally: &Tally) -> String {
    let with = |number: usize, of: [&str; 2]| {
        (number > 0).then(|| format!("{} with {}", count(number as u64), of[usize::from(number > 1)]))
    };
    let parts = [
        Some(format!("{} clean", count(tally.clean() as u64))),
        with(tally.with_errors, ["an error", "errors"]),
        with(tally.with_warnings, ["a warning", "warnings"]),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("{}: {}", counted(tally.examples, "example", "examples"), parts.join(", "))
}

/// How many of the clean ones a freeze takes and what becomes of the others, where they are not the same: `--accept-clean`
/// takes cards, and a card may have several answers. `None`: it takes just these.
pub fn taken_in_words(clean: usize, taken: usize, counts: &Counts) -> Option<String> {
    if clean == taken {
        return None;
    }
    let told = [
        Omission::Rejected,
        Omission::SetAside,
        Omission::NotEdited,
        Omission::OffBranch,
        Omission::ExactDuplicates,
    ];
    let left_out = counts.left_out().filter(|(why, _)| told.contains(why));
    let left_out = left_out.map(|(why, number)| format!("{} {}", count(number as u64), why.words(number)));
    let accepted = counts.accepted() - taken.min(counts.accepted());
    let accepted = (accepted > 0).then(|| format!("{} accepted already", count(accepted as u64)));
    let others: Vec<String> = accepted.into_iter().chain(left_out).collect();
    let others =
        if others.is_empty() { String::new() } else { format!("; not among these: {}", others.join(", ")) };
    Some(format!(
        "`--accept-clean` takes {} that nobody decided on (of several answers to a prompt it takes the one that the chat \
         shows){others}",
        counted(taken, "clean card", "clean cards")
    ))
}

/// The text with its passwords and keys hidden but for their first and last two characters, as a terminal is read by others
/// too; as many bytes long as the text.
pub fn without_secrets(text: &str) -> String {
    const SHOWN: usize = 2;
    let mut hidden = text.to_owned();
    for span in secret_spans(text) {
        let secret = &text[span.clone()];
        let chars = secret.chars().count();
        let is_shown = |at: usize| chars > 4 * SHOWN && (at < SHOWN || at >= chars - SHOWN);
        let masked: String = secret
            .chars()
            .enumerate()
            .map(|(at, c)| if is_shown(at) { c.to_string() } else { "*".repeat(c.len_utf8()) })
            .collect();
        hidden.replace_range(span, &masked);
    }
    hidden
}

#[cfg(test)]
mod tests {
    use affinage_dataset::counts::Fate;

    use super::*;

    #[test]
    fn a_secret_is_shown_by_its_ends_alone() {
        let said = without_secrets("My key: sk-abcdefghijklmnopqrstuvwx1234567890 for the sluice");
        assert!(
            !said.contains("abcdefgh") && said.contains("****") && said.ends_with("90 for the sluice"),
            "{said}"
        );
        assert_eq!(without_secrets("The sluice is shut."), "The sluice is shut.");
    }

    #[test]
    fn what_accept_clean_takes_of_the_clean_ones_is_said_where_it_is_not_all() {
        let mut counts = Counts::default();
        assert_eq!(taken_in_words(3, 3, &counts), None);
        for fate in [
            Fate::Accepted { edited: false },
            Fate::Accepted { edited: false },
            Fate::LeftOut(Omission::OffBranch),
            Fate::LeftOut(Omission::Flagged),
        ] {
            counts.add(fate);
        }
        assert_eq!(
            taken_in_words(3, 1, &counts).as_deref(),
            Some(
                "`--accept-clean` takes 1 clean card that nobody decided on (of several answers to a prompt it takes the one \
                 that the chat shows); not among these: 1 accepted already, 1 on a branch that its conversation does not show"
            )
        );
    }
}
