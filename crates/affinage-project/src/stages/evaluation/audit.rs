//! Reads the folder of an evaluation of ours for `audit`, and for the check that `analyze` makes before it computes.

use std::path::{Path, PathBuf};

use affinage_eval::analysis::Analysis;
use affinage_eval::analyze::{Around, Inputs, analyze};
use affinage_eval::audit::evaluation::{EvaluationAudit, Rows, check};
use affinage_eval::comparison::{BlindKey, Comparison};
use affinage_eval::completion::Completion;
use affinage_eval::fit::FitRow;
use affinage_eval::judge::ledger::{LedgerRow, RawRow};
use affinage_eval::judge::reread::Reread;
use affinage_eval::judgment::Judgment;
use affinage_eval::plan::Plan;
use affinage_eval::planted::GoldVote;
use affinage_eval::suite::Prompt;
use anyhow::anyhow;

use crate::errors::HintExt as _;
use crate::folder::evaluation as files;
use crate::folder::jsonl;
use crate::folder::project::Project;
use crate::stages::evidence::FILES;
use crate::stages::judges::{exam_results, judgments, raw, read_plan};

/// Packed bytes of raw.jsonl.zst up to which `analyze` holds verdicts against it unasked.
const RAW_UNASKED_BYTES: u64 = 16 << 20;

pub fn is_evaluation(dir: &Path) -> bool {
    [files::PLAN, files::COMPARISONS].iter().all(|name| dir.join(name).is_file())
}

struct Folder {
    plan: Plan,
    prompts: Vec<Prompt>,
    completions: Vec<Completion>,
    comparisons: Vec<Comparison>,
    blind_keys: Vec<BlindKey>,
    judgments: Vec<Judgment>,
    reread: Option<Reread>,
    ledger: Vec<LedgerRow>,
    raw: Option<Vec<RawRow>>,
}

impl Folder {
    fn read(ctx: &Project, dir: &Path) -> anyhow::Result<Folder> {
        let path = |name: &str| dir.join(name);
        let (mut judgments, reread) = judgments(ctx, dir, |_| {})?;
        judgments.extend(jsonl::read::<Judgment>(&path(files::VOTES), &ctx.ui)?);
        Ok(Folder {
            plan: read_plan(dir)?,
            prompts: jsonl::read(&path(files::PROMPTS), &ctx.ui)?,
            completions: jsonl::read(&path(files::COMPLETIONS), &ctx.ui)?,
            comparisons: jsonl::read(&path(files::COMPARISONS), &ctx.ui)?,
            blind_keys: jsonl::read(&path(files::BLIND_KEY), &ctx.ui)?,
            judgments,
            reread,
            ledger: jsonl::read(&path(files::LEDGER), &ctx.ui)?,
            raw: path(files::RAW).is_file().then(|| raw::read(&path(files::RAW))).transpose()?,
        })
    }

    fn rows(&self) -> Rows<'_> {
        Rows {
            plan: &self.plan,
            prompts: &self.prompts,
            completions: &self.completions,
            comparisons: &self.comparisons,
            blind_keys: &self.blind_keys,
            judgments: &self.judgments,
            reread: self.reread.as_ref(),
            ledger: &self.ledger,
            raw: self.raw.as_deref(),
        }
    }
}

/// Holds the files of an evaluation against each other.
pub fn audit(ctx: &Project, dir: &Path) -> anyhow::Result<EvaluationAudit> {
    let folder = Folder::read(ctx, dir)?;
    let mut audit = check(&folder.rows());
    audit.folder = dir.display().to_string();
    analysis(ctx, dir, &folder, &mut audit)?;
    page(dir, &mut audit)?;
    audit.findings.sort_by_key(|finding| (finding.severity, finding.code));
    Ok(audit)
}

/// Faults in which a row contradicts its own id, request or reply.
const CONTRADICTIONS: [&str; 4] = ["E02", "E03", "E04", "E05"];

/// What contradicts the stored requests and replies, for `analyze`: nothing is computed from such rows. A large raw file
/// is left to `--verify` and `audit`, and a damaged one is no fault of the rows.
pub fn contradictions(ctx: &Project, dir: &Path) -> anyhow::Result<()> {
    let path = dir.join(files::RAW);
    if !path.is_file() || fs_err::metadata(&path)?.len() > RAW_UNASKED_BYTES {
        return Ok(());
    }
    if let Err(damage) = raw::read(&path) {
        ctx.ui.warn(format!("verdicts were not held against the replies: {damage:#}"));
        return Ok(());
    }
    let found = check(&Folder::read(ctx, dir)?.rows()).findings;
    let Some(first) = found.iter().find(|finding| CONTRADICTIONS.contains(&finding.code)) else {
        return Ok(());
    };
    let place = ctx.shown(dir);
    let evidence = first.evidence.first().map_or(String::new(), |line| format!(" ({line})"));
    Err(anyhow!(
        "the rows of {place} do not match the stored requests and replies: {}{evidence}",
        first.sentence
    ))
    .hint(format!(
        "no figure was computed; `affinage audit {}` lists what contradicts what",
        from_here(ctx, dir)
    ))
}

/// How a folder of the project is named on the command line: from where the user stands, which `-C` does not change.
fn from_here(ctx: &Project, dir: &Path) -> String {
    let shown = ctx.shown(dir).to_string();
    if Path::new(&shown).is_dir() { shown } else { dir.display().to_string() }
}

/// The rows among each other, and analysis.json against what they give.
fn analysis(ctx: &Project, dir: &Path, folder: &Folder, audit: &mut EvaluationAudit) -> anyhow::Result<()> {
    let fit: Vec<FitRow> = jsonl::read(&dir.join(files::FIT), &ctx.ui)?;
    let exams = exam_results(ctx, dir)?;
    let planted: Vec<GoldVote> = jsonl::read(&dir.join(files::PLANTED_VOTES), &ctx.ui)?;
    let inputs = Inputs {
        plan: &folder.plan,
        prompts: &folder.prompts,
        completions: &folder.completions,
        comparisons: &folder.comparisons,
        blind_keys: &folder.blind_keys,
        judgments: &folder.judgments,
        fit: &fit,
        exams: &exams,
        around: Around { planted: &planted, reread: folder.reread, ..Around::default() },
    };
    let anew = match analyze(&inputs) {
        Ok(anew) => anew,
        Err(contradiction) => {
            audit.fault("E01", "The rows contradict each other.".to_owned(), vec![contradiction.to_string()]);
            return Ok(());
        }
    };
    audit.checked.push("plan, answers, comparisons, key and judgments among each other".to_owned());
    let Ok(text) = fs_err::read(dir.join(files::ANALYSIS)) else {
        audit.cannot("analysis.json against the rows", "it is not there");
        return Ok(());
    };
    let Ok(stored) = serde_json::from_slice::<Analysis>(&text) else {
        audit.cannot("analysis.json against the rows", "it was not written by this version");
        return Ok(());
    };
    let differs: Vec<&str> = [
        ("the counts of rows", stored.evaluation != anew.evaluation),
        ("comparisons", stored.comparisons != anew.comparisons),
        ("claims", stored.claims != anew.claims),
        ("judges", stored.judges != anew.judges),
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
fn page(dir: &Path, audit: &mut EvaluationAudit) -> anyhow::Result<()> {
    let path: PathBuf = dir.join(files::REPORT);
    if !path.is_file() {
        audit.cannot("report.html against the files", "it is not there");
        return Ok(());
    }
    let html = fs_err::read_to_string(&path)?;
    let mut other = Vec::new();
    for name in FILES {
        let file = dir.join(name);
        if file.is_file() && !html.contains(&affinage_eval::id::sha256_hex(&fs_err::read(&file)?)) {
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
