//! Other people's results and training folders, and our own evaluations, read again from their files.

mod logs;
mod training;

use std::path::{Path, PathBuf};

use affinage_eval::audit::claims::{self, CheckedClaim, Claim, ClaimsFile};
use affinage_eval::audit::evaluation::EvaluationAudit;
use affinage_eval::audit::mapping::Mapping;
use affinage_eval::audit::mentions;
use affinage_eval::audit::training::{Folder, TrainingAudit, audit_training};
use affinage_eval::audit::write_up::{self, Names};
use affinage_eval::audit::{Asked, Finding, ResultsAudit, Unchecked, audit_results};
use anyhow::{Context as _, anyhow};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::errors::HintExt as _;
use crate::folder::project::Project;
use crate::nearest::{read_text, require_path};
use crate::stages::evaluation::audit as evaluation;
pub use logs::FileFacts;

/// What the files say, and whether they support the claims.
#[derive(Serialize)]
pub struct Audited {
    pub v: u32,
    pub files: Vec<FileFacts>,
    /// `null` where only folders were named.
    pub results: Option<ResultsAudit>,
    pub training: Vec<TrainingAudit>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evaluations: Vec<EvaluationAudit>,
    pub claims: Vec<CheckedClaim>,
    /// Numbers of the write-up that are next to no word that names a statistic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims_unread: Option<usize>,
}

impl Audited {
    /// Of logs, trainings and evaluations.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        let results = self.results.iter().flat_map(|results| &results.findings);
        let training = self.training.iter().flat_map(|training| &training.findings);
        results.chain(training).chain(self.evaluations.iter().flat_map(|evaluation| &evaluation.findings))
    }

    /// What could not be checked, with the reason.
    pub fn unchecked(&self) -> impl Iterator<Item = &Unchecked> {
        let results = self.results.iter().flat_map(|results| &results.unchecked);
        let training = self.training.iter().flat_map(|training| &training.unchecked);
        results.chain(training).chain(self.evaluations.iter().flat_map(|evaluation| &evaluation.unchecked))
    }
}

/// A file of training or validation rows.
fn row_file(path: String, folder: &Folder) -> FileFacts {
    let is_train = path.ends_with("train.jsonl");
    let rows = if is_train { folder.train.len() } else { folder.validation.len() };
    let shape = if is_train { "training rows" } else { "validation rows" };
    FileFacts { path, shape, rows, skipped: 0, first_skipped: None }
}

/// What is audited, and against what.
#[derive(Debug)]
pub struct Options<'a> {
    /// Logs of pairwise judgments, folders with them, folders of a training run, or evaluations.
    pub paths: &'a [PathBuf],
    /// How the fields of an unknown log are named (TOML).
    pub mapping: Option<&'a Path>,
    /// A write-up to hold against the files.
    pub claims: Option<&'a Path>,
    /// Count files of different judges together.
    pub pool: bool,
}

/// Reads the files and checks them, and the claims against them.
///
/// Errors: a file cannot be read; there is nothing to audit; the write-up holds no claim.
pub fn audit(ctx: &Project, options: &Options) -> anyhow::Result<Audited> {
    options.paths.iter().try_for_each(|path| require_path(path))?;
    let mapping: Option<Mapping> = options.mapping.map(read_toml).transpose()?;
    let (evaluations, paths): (Vec<PathBuf>, Vec<PathBuf>) =
        options.paths.iter().cloned().partition(|path| evaluation::is_evaluation(path));
    let (folders, paths): (Vec<PathBuf>, Vec<PathBuf>) =
        paths.into_iter().partition(|path| path.is_dir() && training::is_training(path));
    let logs::Logs { mut files, rows } = logs::read(&paths, mapping.as_ref())?;
    if rows.is_empty() && folders.is_empty() && evaluations.is_empty() {
        let reason = files.iter().find_map(|file| file.first_skipped.clone());
        let reason = plain(&reason.unwrap_or("no rows".to_owned()));
        return Err(anyhow!("no pairwise judgments found: {reason}"))
            .hint("`affinage audit --help` lists the known shapes; name other fields with `--mapping FILE`");
    }
    let names: Vec<String> = files.iter().map(|file| file_name(&file.path)).collect();
    let asked = Asked { files: &names, pool: options.pool };
    let results = (!rows.is_empty()).then(|| audit_results(&rows, asked));
    let mut training = Vec::new();
    for folder in &folders {
        let mut named: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
        let read = training::read(folder, &mut named)?;
        let row_files = named.split_off(files.len());
        files.extend(row_files.into_iter().map(|path| row_file(path, &read)));
        training.push(audit_training(&read));
    }
    let evaluations =
        evaluations.iter().map(|dir| evaluation::audit(ctx, dir)).collect::<anyhow::Result<Vec<_>>>()?;
    let facts: Vec<(String, f64)> = training.iter().flat_map(|audit| audit.facts.clone()).collect();
    let mut audited =
        Audited { v: 1, files, results, training, evaluations, claims: Vec::new(), claims_unread: None };
    if let Some(path) = options.claims {
        let (claims, unread) = read_claims(path, &Names::of(audited.results.as_ref()))?;
        audited.claims = claims::check(&claims, audited.results.as_ref(), &facts);
        audited.claims_unread = unread;
    }
    Ok(audited)
}

fn read_toml<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    toml::from_str(&read_text(path)?).with_context(|| format!("cannot read {}", path.display()))
}

/// The claims of a file, by its ending: TOML, a table, or a text; and how many numbers of a text were not read.
fn read_claims(path: &Path, names: &Names) -> anyhow::Result<(Vec<Claim>, Option<usize>)> {
    let (claims, unread) = match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => (toml_claims(path)?, None),
        Some(ending @ ("csv" | "tsv")) => {
            let separator = if ending == "csv" { ',' } else { '\t' };
            let table: mentions::Table = logs::table(&read_text(path)?, separator)?;
            (write_up::of_table(&table, names), None)
        }
        _ => {
            let found = write_up::read(&read_text(path)?, names);
            (found.claims, Some(found.unread))
        }
    };
    if claims.is_empty() {
        return Err(anyhow!("no claim found in {}", path.display())).hint(
            "a claim is a number next to the word that names it (`tuned wins 77 % of 57 comparisons`), a table column \
             with such a name, or a `[[claim]]` of a .toml file; `affinage audit --help` has examples",
        );
    }
    Ok((claims, unread))
}

/// The claims of a TOML file, with each value held at the digits that it is written with (`60.0` is no `60`).
fn toml_claims(path: &Path) -> anyhow::Result<Vec<Claim>> {
    #[derive(serde::Deserialize)]
    struct Written {
        #[serde(default)]
        claim: Vec<WrittenClaim>,
    }
    #[derive(serde::Deserialize)]
    struct WrittenClaim {
        value: toml::Spanned<toml::Value>,
    }
    let text = read_text(path)?;
    let context = || format!("cannot read {}", path.display());
    let mut claims = toml::from_str::<ClaimsFile>(&text).with_context(context)?.claim;
    let written: Written = toml::from_str(&text).with_context(context)?;
    for (claim, written) in claims.iter_mut().zip(written.claim) {
        let half_unit =
            mentions::read(&text[written.value.span()].replace('_', "")).map(|(_, half_unit)| half_unit);
        claim.tolerance = claim.tolerance.or(half_unit);
    }
    Ok(claims)
}

/// How a file is called in lines and sentences.
fn file_name(path: &str) -> String {
    Path::new(path).file_name().map_or_else(|| path.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Whether `content` is a pointer of git's large-file storage.
fn is_pointer(content: &[u8]) -> bool {
    content.starts_with(b"version https://git-lfs.github.com/spec/")
}

/// Other people's text for a terminal: control characters are shown as dots.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{b7}' } else { c }).collect()
}
