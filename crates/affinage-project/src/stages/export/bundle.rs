//! A folder to publish: adapter, card, evaluation, data card, and what publishing it would give away.
//!
//! Texts are scanned for secrets (P01) and personal data (P02) before anything is left on the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use affinage_dataset::example::DatasetRow;
use affinage_dataset::lint::{name_spans, personal_count, secret_count};
use affinage_dataset::message::Role;
use affinage_dataset::version;
use anyhow::anyhow;
use serde::Serialize;
use serde_json::Value;

use super::facts::Facts;
use super::probe::{Longest, Memorisation, probe};
use super::{Format, Record, Source, model_card};
use crate::errors::HintExt as _;
use crate::folder::evaluation::Evaluation;
use crate::folder::jsonl;
use crate::folder::library::{LIBRARY_FILE, Library};
use crate::folder::project::Project;
use crate::stages::judges::PromptSources;

const SPLITS: [&str; 4] = ["train", "validation", "test", "reserve"];

/// What the bundle came to.
pub struct Bundle {
    pub record: Record,
    pub exposed: Vec<Exposed>,
    pub memorisation: Memorisation,
    pub accepted: Vec<String>,
    pub licence: Option<String>,
}

/// What the bundle came to; the document of `--json`.
#[derive(Serialize)]
pub struct Document<'a> {
    v: u32,
    export: &'a Record,
    exposed_rows: usize,
    accepted_findings: &'a [String],
    memorisation: &'a [Longest],
    base_licence: Option<&'a str>,
}

impl Bundle {
    pub fn document(&self) -> Document<'_> {
        Document {
            v: 1,
            export: &self.record,
            exposed_rows: self.exposed.len(),
            accepted_findings: &self.accepted,
            memorisation: &self.memorisation.longest,
            base_licence: self.licence.as_deref(),
        }
    }
}

/// A row of the data set whose words stand in what would be published.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Exposed {
    pub example_id: String,
    pub split: String,
    pub file: String,
    /// `system`, `prompt` or `answer`.
    pub part: &'static str,
}

/// Fills the existing folder `dir`. `accept` names findings of the scan that a person has looked at.
pub fn write(
    ctx: &Project,
    source: &Source,
    facts: &Facts,
    accept: &[String],
    dir: &Path,
) -> anyhow::Result<Bundle> {
    let record = source.write(Format::Peft, affinage_engine::weights::Precision::F32, dir)?;
    fs_err::write(dir.join("README.md"), model_card(facts))?;
    fs_err::write(dir.join("DATA.md"), version::card(facts.manifest()))?;
    for evaluation in &facts.evaluations {
        evaluation.folder.publish_to(&Evaluation::named(dir, &evaluation.folder.name))?;
    }
    let rows = SPLITS
        .iter()
        .map(|split| Ok((*split, facts.dataset.rows(split, &ctx.ui)?)))
        .collect::<anyhow::Result<BTreeMap<&str, Vec<DatasetRow>>>>()?;
    let exposed = source.ui.during("looking for your rows in it", || exposed(dir, &rows))?;
    jsonl::write_all(&dir.join("exposed_rows.jsonl"), &exposed)?;
    let memorisation = probe(source, &rows["train"], &rows["test"])?;
    fs_err::write(dir.join("memorisation.json"), serde_json::to_string_pretty(&memorisation)? + "\n")?;
    let mut findings = source.ui.during("looking for secrets and names", || scan(ctx, dir))?;
    findings.extend(private_texts(ctx, facts, dir)?);
    let (accepted, open): (Vec<String>, Vec<String>) =
        findings.into_iter().partition(|finding| accept.contains(finding));
    if !open.is_empty() {
        let shown: String = open.iter().take(20).map(|finding| format!("\n  {finding}")).collect();
        return Err(anyhow!("{} open findings in what would be published:{shown}", open.len())).hint(
            "P01 is a secret, P02 personal data, P03 a name that lint knows, `private` a text of a conversation held private; change the texts and evaluate again, or look at the lines in the files of \
             the project and pass `--accept FINDING` for each that may go out",
        );
    }
    Ok(Bundle { record, exposed, memorisation, accepted, licence: facts.base_licence.clone() })
}

/// `private@evals/NAME/prompts.jsonl:3` for every prompt of a conversation that is held private, and the report that shows
/// it.
fn private_texts(ctx: &Project, facts: &Facts, dir: &Path) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for evaluation in &facts.evaluations {
        let plan = evaluation.folder.plan()?;
        let prompts = evaluation.folder.prompts().read(&ctx.ui)?;
        let version = plan.dataset.as_ref().map(|facts| facts.version.as_str());
        let sources = PromptSources::of_prompts(ctx, version, &prompts, &[])?;
        let private: Vec<usize> =
            (0..prompts.len()).filter(|&row| sources.is_private(&prompts[row].prompt_id)).collect();
        let published = Evaluation::named(dir, &evaluation.folder.name);
        let named = |path: &Path| path.strip_prefix(dir).expect("below").display().to_string();
        let prompts = named(published.prompts().path());
        findings.extend(private.iter().map(|row| format!("private@{prompts}:{}", row + 1)));
        let report = published.report();
        if !private.is_empty() && report.is_file() {
            findings.push(format!("private@{}", named(&report)));
        }
    }
    Ok(findings)
}

/// `P01@evals/NAME/prompts.jsonl:12` for every line with a finding. The report is made of the same rows and not read again:
/// its numbers look like card numbers.
fn scan(ctx: &Project, dir: &Path) -> anyhow::Result<Vec<String>> {
    let names = match ctx.project.join(LIBRARY_FILE).is_file() {
        true => Library::open(&ctx.project)?.known()?.names,
        false => Vec::new(),
    };
    let mut findings = BTreeSet::new();
    for path in files_below(dir)? {
        let name = path.strip_prefix(dir).expect("below").display().to_string();
        let is_rows = name.ends_with(".jsonl") || name.ends_with(".json");
        if !is_rows && !name.ends_with(".md") {
            continue;
        }
        let text = fs_err::read_to_string(&path)?;
        let whole: Option<Value> =
            name.ends_with(".json").then(|| serde_json::from_str(&text)).transpose()?;
        if let Some(value) = whole {
            findings.extend(rules_of(&texts_of(&value), &names).map(|rule| format!("{rule}@{name}:1")));
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let texts = match serde_json::from_str::<Value>(line) {
                Ok(value) if is_rows => texts_of(&value),
                _ => vec![line.to_owned()],
            };
            findings.extend(rules_of(&texts, &names).map(|rule| format!("{rule}@{name}:{}", number + 1)));
        }
    }
    Ok(findings.into_iter().collect())
}

fn rules_of(texts: &[String], names: &[String]) -> impl Iterator<Item = &'static str> {
    let named: usize = texts.iter().map(|text| name_spans(text, names).len()).sum();
    let secrets: usize = texts.iter().map(|text| secret_count(text)).sum();
    let personal: usize = texts.iter().map(|text| personal_count(text)).sum();
    [("P01", secrets), ("P02", personal), ("P03", named)]
        .into_iter()
        .filter(|(_, n)| *n > 0)
        .map(|(rule, _)| rule)
}

/// Every text in a document but hashes and ids made of them.
fn texts_of(value: &Value) -> Vec<String> {
    match value {
        Value::String(text)
            if text.contains(char::is_whitespace)
                || text.contains(['@', '-', '_', '/'])
                || text.len() < 32 =>
        {
            vec![text.clone()]
        }
        Value::Array(items) => items.iter().flat_map(texts_of).collect(),
        Value::Object(map) => map
            .iter()
            .filter(|(key, _)| !key.ends_with("sha256") && !key.ends_with("_id"))
            .flat_map(|(_, value)| texts_of(value))
            .collect(),
        _ => Vec::new(),
    }
}

/// The rows of the data set whose system message, last question or answer stands word for word in a published text.
fn exposed(dir: &Path, rows: &BTreeMap<&str, Vec<DatasetRow>>) -> anyhow::Result<Vec<Exposed>> {
    let mut by_text: BTreeMap<String, Vec<(&DatasetRow, &str, &'static str)>> = BTreeMap::new();
    for (split, rows) in rows {
        for row in rows {
            let last = |role| row.messages.iter().rev().find(|message| message.role == role);
            for (role, part) in
                [(Role::System, "system"), (Role::User, "prompt"), (Role::Assistant, "answer")]
            {
                if let Some(message) = last(role) {
                    by_text.entry(normal(&message.content)).or_default().push((row, split, part));
                }
            }
        }
    }
    let mut exposed = BTreeSet::new();
    for path in files_below(dir)? {
        let file = path.strip_prefix(dir).expect("below").display().to_string();
        if !file.ends_with(".jsonl") && !Evaluation::is_plan(&path) {
            continue;
        }
        let text = fs_err::read_to_string(&path)?;
        let documents: Vec<Value> = match file.ends_with(".jsonl") {
            true => text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?,
            false => vec![serde_json::from_str(&text)?],
        };
        for found in
            documents.iter().flat_map(texts_of).filter_map(|text| by_text.get(&normal(&text))).flatten()
        {
            let (row, split, part) = found;
            exposed.insert(Exposed {
                example_id: row.example_id.clone(),
                split: (*split).to_owned(),
                file: file.clone(),
                part,
            });
        }
    }
    Ok(exposed.into_iter().collect())
}

fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn files_below(dir: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for entry in fs_err::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
