//! Other people's results and training folders: what do the files really say?
//!
//! Everything here is a function of rows and facts that the binary has read. `row.rs` is the shape that all logs
//! are brought to, `shapes.rs` and `mapping.rs` bring them there. `verdict.rs` reads a judge's text, `binding.rs` (with
//! `request.rs`) finds which answer stood under which label, `votes.rs` derives outcomes again. Checks return [`Finding`]s with
//! evidence and rows; what a log cannot tell is an [`Unchecked`], never silence. `claims.rs` holds a write-up
//! against the rows. `training.rs` does the same for folders of a training run.

mod agreement;
mod binding;
pub mod claims;
mod effects;
pub mod evaluation;
mod integrity;
mod inversion;
pub mod mapping;
pub mod mentions;
mod repeats;
mod request;
pub mod row;
mod scope;
pub mod shapes;
mod table;
pub mod training;
mod verdict;
mod votes;
pub mod write_up;

use std::collections::BTreeSet;

use rayon::prelude::*;
use row::Arm;
use serde::Serialize;

pub use agreement::JudgeAgreement;
pub use effects::Effect;
pub use row::{PairRow, RowRef};
pub use table::{Counts, TableRow};

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The files contradict themselves or each other.
    Fault,
    /// Something that a fault would produce, and that has other explanations too.
    Suspicion,
    /// A limit of what the files can show.
    Limit,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// `R..` for results, `T..` for training folders; stable between versions.
    pub code: &'static str,
    pub severity: Severity,
    /// One plain sentence.
    pub sentence: String,
    pub evidence: Vec<String>,
    /// Rows that it rests on.
    pub rows: Vec<RowRef>,
}

/// A check that these files do not allow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unchecked {
    pub check: &'static str,
    pub because: String,
}

/// Family-wise error rate of the tests of one log: position, label and length effects share it (Holm).
pub const ALPHA: f64 = 0.01;

/// What the audit of a log says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResultsAudit {
    pub rows: usize,
    pub distinct_prompts: Option<usize>,
    pub judges: Vec<String>,
    pub arms: Vec<String>,
    /// First and last day, `YYYY-MM-DD`, where the log keeps times.
    pub days: Option<[String; 2]>,
    /// Every two judges that share pairs enough.
    pub agreements: Vec<JudgeAgreement>,
    pub findings: Vec<Finding>,
    pub effects: Vec<Effect>,
    pub unchecked: Vec<Unchecked>,
    /// Stored outcomes beside re-derived ones.
    pub table: Vec<TableRow>,
}

/// What the caller knows and wants beside the rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// Names of the files, by [`RowRef::file`].
    pub files: &'a [String],
    /// Whether files of different judges may be counted together.
    pub pool: bool,
}

impl Asked<'_> {
    fn file(&self, file: usize) -> String {
        self.files.get(file).cloned().unwrap_or_else(|| format!("file {}", file + 1))
    }
}

/// The rows of a log with everything that is derived from them once.
pub struct Log<'r> {
    rows: &'r [PairRow],
    asked: Asked<'r>,
    readings: Vec<votes::Reading>,
    bindings: binding::Bindings,
    votes: Vec<votes::Vote>,
    /// Number of each row's prompt; `None` where the row keeps none.
    prompts: Vec<Option<usize>>,
}

impl<'r> Log<'r> {
    pub fn read(rows: &'r [PairRow], asked: Asked<'r>) -> Log<'r> {
        let mut readings: Vec<votes::Reading> = rows.par_iter().map(votes::Reading::of).collect();
        integrity::mark_duplicates(rows, &mut readings);
        let bindings = binding::Bindings::find(rows, &readings);
        let votes = votes::votes(rows, &readings, &bindings);
        Log { rows, asked, readings, bindings, votes, prompts: scope::number_prompts(rows) }
    }

    fn refs(&self, rows: impl IntoIterator<Item = usize>) -> Vec<RowRef> {
        rows.into_iter().map(|i| self.rows[i].source).collect()
    }

    /// Rows that are not repetitions of earlier ones.
    fn counted(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.rows.len()).filter(|&i| self.readings[i].duplicate_of.is_none())
    }

    /// What `arm` gets in row `i`: by the judge's words where they differ from the stored outcome, else as stored.
    fn score(&self, i: usize, arm: Arm) -> Option<f64> {
        match self.votes[i] == votes::stored(&self.rows[i].stored) {
            true => votes::stored_score(&self.rows[i], arm),
            false => self.votes[i].score(arm),
        }
    }

    /// What a test clusters by: the prompt, or the row itself where none is kept.
    fn cluster(&self, i: usize) -> usize {
        self.prompts[i].unwrap_or(self.rows.len() + i)
    }

    /// Distinct prompts of rows that keep theirs.
    fn prompt_count(&self) -> usize {
        self.prompts.iter().flatten().max().map_or(0, |last| last + 1)
    }

    fn files(&self) -> BTreeSet<usize> {
        self.rows.iter().map(|row| row.source.file).collect()
    }

    /// `line 3`, with the file where there are several.
    fn line(&self, i: usize) -> String {
        let RowRef { file, line } = self.rows[i].source;
        let several = self.rows.first().is_some_and(|first| first.source.file != file)
            || self.rows.last().is_some_and(|last| last.source.file != file);
        if several { format!("{} line {line}", self.asked.file(file)) } else { format!("line {line}") }
    }
}

/// Audits the rows of one or more logs of the same comparison.
pub fn audit_results(rows: &[PairRow], asked: Asked) -> ResultsAudit {
    let log = Log::read(rows, asked);
    let mut findings = Vec::new();
    let mut unchecked = Vec::new();
    inversion::check(&log, &mut findings, &mut unchecked);
    integrity::check(&log, &mut findings, &mut unchecked);
    repeats::check(&log, &mut findings, &mut unchecked);
    let effects = effects::check(&log, &mut findings, &mut unchecked);
    let agreements = agreement::check(&log, &mut findings, &mut unchecked);
    scope::check(&log, &mut findings, &mut unchecked);
    findings.sort_by(|a, b| (a.severity, a.code).cmp(&(b.severity, b.code)));
    ResultsAudit {
        rows: rows.len(),
        distinct_prompts: Some(log.prompt_count()).filter(|count| *count > 0),
        judges: scope::names(rows.iter().filter_map(|row| row.judge.as_deref())),
        arms: scope::names(rows.iter().flat_map(|row| row.arms.iter().map(String::as_str))),
        days: scope::days(rows),
        agreements,
        findings,
        effects,
        table: table::table(&log, &mut unchecked),
        unchecked,
    }
}

/// `12 %` of a share.
fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}
