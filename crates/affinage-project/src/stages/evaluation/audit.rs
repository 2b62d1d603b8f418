//! Reads the folder of an evaluation of ours for `audit`, and for the check that `analyze` makes before it computes.

use std::path::Path;

use affinage_eval::analyze::{Around, analyze};
use affinage_eval::audit::evaluation::{EvaluationAudit, Rows, check};
use affinage_eval::judge::ledger::{LedgerRow, RawRow};
use anyhow::anyhow;

use super::stored::Stored;
use crate::errors::HintExt as _;
use crate::folder::evaluation::Evaluation;
use crate::folder::project::Project;
use crate::stages::judges::qualification_results;

/// Packed bytes of raw.jsonl.zst up to which `analyze` holds verdicts against it unasked.
const RAW_UNASKED_BYTES: u64 = 16 << 20;

/// Whether a folder is one of ours: it has a plan, and judges or people were shown pairs.
pub fn is_evaluation(dir: &Path) -> bool {
    let evaluation = Evaluation::at(dir);
    evaluation.is_planned() && evaluation.comparisons().is_there()
}

struct Folder {
    stored: Stored,
    ledger: Vec<LedgerRow>,
    raw: Option<Vec<RawRow>>,
}

impl Folder {
    fn read(ctx: &Project, evaluation: &Evaluation) -> anyhow::Result<Folder> {
        let raw = evaluation.raw();
        Ok(Folder {
            stored: Stored::read(ctx, evaluation, evaluation.plan()?, |_| {})?,
            ledger: evaluation.ledger().read(&ctx.ui)?,
            raw: raw.is_there().then(|| raw.read()).transpose()?,
        })
    }

    fn rows(&self) -> Rows<'_> {
        let stored = &self.stored;
        Rows {
            plan: &stored.plan,
            prompts: &stored.prompts,
            completions: &stored.completions,
            comparisons: &stored.comparisons,
            blind_keys: &stored.blind_keys,
            judgments: &stored.judgments,
            reread: stored.reread.as_ref(),
            ledger: &self.ledger,
            raw: self.raw.as_deref(),
        }
    }
}

/// Holds the files of an evaluation against each other.
pub fn audit(ctx: &Project, dir: &Path) -> anyhow::Result<EvaluationAudit> {
    let evaluation = &Evaluation::at(dir);
    let folder = Folder::read(ctx, evaluation)?;
    let mut audit = check(&folder.rows());
    audit.folder = dir.display().to_string();
    analysis(ctx, evaluation, &folder.stored, &mut audit)?;
    page(evaluation, &mut audit)?;
    audit.findings.sort_by_key(|finding| (finding.severity, finding.code));
    Ok(audit)
}

/// Faults in which a row contradicts its own id, request or reply.
const CONTRADICTIONS: [&str; 4] = ["E02", "E03", "E04", "E05"];

/// What contradicts the stored requests and replies, for `analyze`: nothing is computed from such rows. A large raw file
/// is left to `--verify` and `audit`, and a damaged one is no fault of the rows.
pub fn contradictions(ctx: &Project, evaluation: &Evaluation) -> anyhow::Result<()> {
    let raw = evaluation.raw();
    if !raw.is_there() || raw.size_bytes()? > RAW_UNASKED_BYTES {
        return Ok(());
    }
    if let Err(damage) = raw.read() {
        ctx.ui.warn(format!("verdicts were not held against the replies: {damage:#}"));
        return Ok(());
    }
    let found = check(&Folder::read(ctx, evaluation)?.rows()).findings;
    let Some(first) = found.iter().find(|finding| CONTRADICTIONS.contains(&finding.code)) else {
        return Ok(());
    };
    let place = ctx.shown(&evaluation.path);
    let evidence = first.evidence.first().map_or(String::new(), |line| format!(" ({line})"));
    Err(anyhow!(
        "the rows of {place} do not match the stored requests and replies: {}{evidence}",
        first.sentence
    ))
    .hint(format!(
        "no figure was computed; `affinage audit {}` lists what contradicts what",
        from_here(ctx, &evaluation.path)
    ))
}

/// How a folder of the project is named on the command line: from where the user stands, which `-C` does not change.
fn from_here(ctx: &Project, dir: &Path) -> String {
    let shown = ctx.shown(dir).to_string();
    if Path::new(&shown).is_dir() { shown } else { dir.display().to_string() }
}

/// The rows among each other, and analysis.json against what they give.
fn analysis(
    ctx: &Project,
    evaluation: &Evaluation,
    stored: &Stored,
    audit: &mut EvaluationAudit,
) -> anyhow::Result<()> {
    let fit = evaluation.fit().read(&ctx.ui)?;
    let exams = qualification_results(ctx, evaluation)?;
    let planted = evaluation.planted_votes().read(&ctx.ui)?;
    let around = Around { planted: &planted, ..Around::default() };
    let anew = match analyze(&stored.inputs(&fit, &exams, around)) {
        Ok(anew) => anew,
        Err(contradiction) => {
            audit.fault("E01", "The rows contradict each other.".to_owned(), vec![contradiction.to_string()]);
            return Ok(());
        }
    };
    audit.checked.push("plan, answers, comparisons, key and judgments among each other".to_owned());
    if !evaluation.analysis().is_there() {
        audit.cannot("analysis.json against the rows", "it is not there");
        return Ok(());
    }
    let Ok(kept) = evaluation.analysis().read() else {
        audit.cannot("analysis.json against the rows", "it was not written by this version");
        return Ok(());
    };
    let differs: Vec<&str> = [
        ("the counts of rows", kept.evaluation != anew.evaluation),
        ("comparisons", kept.comparisons != anew.comparisons),
        ("claims", kept.claims != anew.claims),
        ("judges", kept.judges != anew.judges),
    ]
    .into_iter()
    .filter_map(|(what, differs)| differs.then_some(what))
    .collect();
    audit.checked.push("analysis.json by computing it again".to_owned());
    if !differs.is_empty() {
        audit.fault(
            "E08",
            "analysis.json is not what the rows give: rows or figures were changed after it was made."
                .to_owned(),
            vec![format!("differs in {}; `affinage analyze` makes it again", differs.join(", "))],
        );
    }
    Ok(())
}

/// The hashes of files that report.html names against the files.
fn page(evaluation: &Evaluation, audit: &mut EvaluationAudit) -> anyhow::Result<()> {
    let path = evaluation.report();
    if !path.is_file() {
        audit.cannot("report.html against the files", "it is not there");
        return Ok(());
    }
    let html = fs_err::read_to_string(&path)?;
    let mut other = Vec::new();
    for (name, file) in evaluation.hashed() {
        if !html.contains(&affinage_eval::id::sha256_hex(&fs_err::read(&file)?)) {
            other.push(name);
        }
    }
    audit.checked.push("report.html by the hashes of files that it names".to_owned());
    if !other.is_empty() {
        audit.fault(
            "E09",
            "report.html was made from other files than those of the folder.".to_owned(),
            vec![format!("changed since: {}; `affinage report` draws it again", other.join(", "))],
        );
    }
    Ok(())
}
