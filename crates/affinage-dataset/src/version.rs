//! A frozen dataset version: its hash, manifest and card.
//!
//! The hash covers the lines of all files, the rules that chose and split them, and the version of the tool; the
//! manifest adds the certificate and the sides to remember. The card is written from the manifest alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::authorship::{Written, shares};
use crate::counts::Counts;
use crate::import::{LeftOut, LeftOutCount};
use crate::split::{Certificate, Previous, Side};

pub const MANIFEST_VERSION: u32 = 1;

/// How examples were chosen and placed: everything besides the examples that decides the result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// `signed` (decisions only), `accept-clean` (also what lint finds nothing against, without dated notes) or
    /// `accept-clean-dated` (with them).
    pub selection: String,
    /// Whose words: `assistant`, `mine` or `edited`.
    #[serde(default = "assistant", skip_serializing_if = "is_assistant")]
    pub learn: String,
    pub validation_share: f64,
    pub test_share: f64,
    pub seed: u64,
    /// The turns right before a prompt, which lint reads with it: at most so many exchanges and characters. Where
    /// [`Lengths::holds_context`], a row has as much of them and of what was said earlier as fits.
    pub context_exchanges: usize,
    pub context_chars: usize,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn assistant() -> String {
    "assistant".to_owned()
}

/// Older versions had no choice; their hashes must stay what they are.
fn is_assistant(learn: &str) -> bool {
    learn == "assistant"
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    pub examples: usize,
    pub sha256: String,
}

/// How long the rows of a version are in tokens of the model they are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lengths {
    pub model: String,
    /// The most tokens that its training takes of a row.
    pub limit: usize,
    /// Rows carry as many of the turns before their prompts as `limit` holds, not a fixed number of them.
    #[serde(default, skip_serializing_if = "is_false")]
    pub holds_context: bool,
    /// Accepted examples that are in no file because their rows have more, with their tokens.
    pub left_out: BTreeMap<String, usize>,
    /// What the prompts of these begin with: people know an example by its words.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub begin: BTreeMap<String, String>,
    /// So many tokens take 99 % of all rows, those left out counted in ...
    pub keeps_most: usize,
    /// ... and so many all.
    pub longest: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub v: u32,
    /// Folder name, e.g. `v3-1f2e9c`.
    pub name: String,
    pub hash: String,
    pub tool: String,
    pub rules: Rules,
    pub counts: Counts,
    /// By file name.
    pub files: BTreeMap<String, FileRecord>,
    /// As how many independent ones the examples of each file count: those of one conversation or document, or that ask nearly
    /// the same, count once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub independent: BTreeMap<String, usize>,
    /// Examples that were taken without a decision although lint notes something in them, by rule.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub noted: BTreeMap<String, usize>,
    /// `None`: nobody measured them, as the model was not on the machine.
    #[serde(default)]
    pub lengths: Option<Lengths>,
    /// SHA-256 of every imported file that examples come from.
    pub sources: BTreeSet<String>,
    /// Examples by writer.
    pub writers: BTreeMap<String, usize>,
    /// Characters of all answers by person and model family.
    #[serde(default)]
    pub written: Written,
    /// What the imports of these files left out, without names of a person's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOutCount>,
    pub certificate: Certificate,
    /// Side of every example, dropped ones too: later versions keep it.
    pub sides: BTreeMap<String, Side>,
}

impl Manifest {
    /// What a later version must respect.
    pub fn as_previous(&self) -> Previous {
        Previous { sides: self.sides.clone(), sectioned: self.certificate.sectioned.clone() }
    }
}

/// Adds an older version's sides, where newer ones have none.
pub fn remember(newest_first: impl IntoIterator<Item = Previous>) -> Previous {
    let mut all = Previous::default();
    for previous in newest_first {
        for (id, side) in previous.sides {
            all.sides.entry(id).or_insert(side);
        }
        all.sectioned.extend(previous.sectioned);
    }
    all
}

/// SHA-256 of a version: of the rules, the tool and the files' own hashes.
pub fn version_hash(rules: &Rules, tool: &str, files: &BTreeMap<String, FileRecord>) -> String {
    let stated = serde_json::json!({ "rules": rules, "tool": tool, "files": files });
    format!("{:x}", Sha256::digest(stated.to_string().as_bytes()))
}

/// The dataset card, in Markdown.
pub fn card(manifest: &Manifest) -> String {
    let mut text =
        format!("# Dataset {}\n\nMade by {}. Hash `{}`.\n", manifest.name, manifest.tool, manifest.hash);
    text += "\n| file | examples | SHA-256 |\n|---|---:|---|\n";
    for (name, file) in &manifest.files {
        text +=
            &format!("| {name} | {} | `{}` |\n", file.examples, &file.sha256[..12.min(file.sha256.len())]);
    }
    for (name, texts) in &manifest.independent {
        let of_file = manifest.files.get(name).map_or(0, |file| file.examples);
        if *texts < of_file {
            text += &format!(
                "\nThe {of_file} examples of {name} count as about {texts} independent ones: those of one conversation or \
                 text, or that ask nearly the same, count once.\n"
            );
        }
    }
    text += &origin_text(manifest);
    if manifest.counts.drafted > 0 {
        text += &format!(
            "\nPrompts drafted by rule: {}. Their answers are notes in which nobody speaks; the prompt was made of the \
             heading or the first words, and no person wrote or changed it.\n",
            manifest.counts.drafted
        );
    }
    if !manifest.noted.is_empty() {
        let noted: Vec<String> =
            manifest.noted.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
        text += &format!(
            "\nTaken without a decision, with a remark of lint that is no fault: {} (`affinage lint` says what).\n",
            noted.join(", ")
        );
    }
    text += &lengths_text(manifest.lengths.as_ref());
    text += "\nThe answers to train on were written by:\n\n";
    for (writer, count) in &manifest.writers {
        text += &format!("- {writer}: {count}\n");
    }
    let shares: Vec<String> = shares(&manifest.written)
        .into_iter()
        .map(|(who, share)| format!("{who} {:.1} %", 100.0 * share))
        .collect();
    if !shares.is_empty() {
        text +=
            &format!("\nOf their characters, an edit counted by what it changed: {}.\n", shares.join(", "));
    }
    text + &left_out_text(&manifest.left_out) + &certificate_text(&manifest.certificate)
}

/// What became of every candidate. The numbers add up: candidates are the accepted and the left out, and the accepted are
/// the examples in the files and those that the certificate lists as dropped.
fn origin_text(manifest: &Manifest) -> String {
    let counts = &manifest.counts;
    let dropped = manifest.certificate.dropped.len();
    let mut text = format!(
        "\n## Where the examples come from\n\n{} cards from {} imported file(s): {} accepted ({}{} of them edited), \
         {} left out. Of the accepted ones, {} are in the files and {dropped} were dropped by the split; those in the files \
         come from {} imported file(s).\n\nSelection: {}.\n",
        counts.candidates(),
        counts.imported_files.max(manifest.sources.len()),
        counts.accepted(),
        match counts.undecided() {
            0 => String::new(),
            some => format!("{some} of them taken undecided, "),
        },
        counts.edited(),
        counts.left_out_total(),
        counts.accepted().saturating_sub(dropped),
        manifest.sources.len(),
        selection_text(&manifest.rules.selection),
    );
    let ways: Vec<String> =
        counts.decided.iter().map(|(way, count)| format!("- {count} {}\n", way.words())).collect();
    if !ways.is_empty() {
        text += &format!("\nHow the accepted ones were decided on:\n\n{}", ways.concat());
    }
    let reasons: Vec<String> =
        counts.left_out().map(|(why, count)| format!("- {count} {}\n", why.words(count))).collect();
    if !reasons.is_empty() {
        text += &format!("\nLeft out:\n\n{}", reasons.concat());
    }
    text
}

fn lengths_text(lengths: Option<&Lengths>) -> String {
    let Some(Lengths { model, limit, left_out, begin, keeps_most, longest, .. }) = lengths else {
        return "\nNobody measured how long the rows are: the model was not on the machine.\n".to_owned();
    };
    let mut text = format!(
        "\nRows in tokens of {model}: 99 % have at most {keeps_most}, the longest {longest}; the training takes {limit}.\n"
    );
    if !left_out.is_empty() {
        text += "\nLeft out because they are longer:\n\n";
        for (id, tokens) in left_out {
            let first = begin.get(id).map(|words| format!("{words} ")).unwrap_or_default();
            text += &format!("- {first}(`{id}`): {tokens} tokens\n");
        }
    }
    text
}

fn left_out_text(rows: &[LeftOutCount]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut text =
        "\n## What the imports left out\n\nIn the imported files, and in none of the texts:\n\n".to_owned();
    for line in LeftOut::from_rows(rows.to_vec()).lines() {
        let detail = if line.detail.is_empty() { String::new() } else { format!(" ({})", line.detail) };
        text += &format!("- {} {}{detail}\n", line.count, line.what);
    }
    text
}

fn selection_text(selection: &str) -> &str {
    match selection {
        "accept-clean" => {
            "a person's decisions, and otherwise every answer that lint finds no error or warning in; nobody read those"
        }
        "accept-clean-dated" => {
            "a person's decisions, and otherwise every answer that lint finds no error or warning in, daily notes and \
             journals among them; nobody read those"
        }
        _ => "only what a person decided on",
    }
}

fn certificate_text(certificate: &Certificate) -> String {
    let measured_in = match certificate.max_in_context {
        Some(_) => "training example, the turns before its prompt included",
        None => "training example without the turns before its prompt",
    };
    let mut text = format!(
        "\n## Leak certificate\n\nLargest share of the 5-word sequences of a held-out example (prompt and answer) found in \
         any one {measured_in}: **{:.3}** (limit {}). {} held-out examples were measured, {} are too short to measure and \
         were compared as whole texts. Training examples were compared with {} prompts of the evaluation.\n",
        certificate.max_containment,
        certificate.threshold,
        certificate.measured,
        certificate.too_short,
        certificate.evaluation_prompts,
    );
    if let Some(share) = certificate.max_in_context {
        text += &format!(
            "\nOf the 5-word sequences of a held-out answer alone, at most **{share:.3}** stand in the turns before the prompt \
             of any one training example.\n"
        );
    }
    if !certificate.sectioned.is_empty() {
        let named: Vec<&str> = certificate.sectioned.iter().map(String::as_str).collect();
        text += &format!(
            "\nThese conversations are so long that they were cut into sections, which stand on several sides: {}. \
             Held-out examples from them share their topic and speakers with the training examples.\n",
            named.join(", ")
        );
    }
    let reasons = certificate.drops_by_reason();
    if !reasons.is_empty() {
        text += "\nDropped:\n\n";
        reasons.iter().for_each(|(reason, count)| text += &format!("- {count}: {reason}\n"));
    }
    text
}
