//! `affinage audit`: other people's results and training folders, and our own evaluations, read again from their files.

mod logs;
mod training;

use std::path::{Path, PathBuf};

use affinage_eval::audit::card;
use affinage_eval::audit::claims::{self, CheckedClaim, Claim, ClaimVerdict, ClaimsFile};
use affinage_eval::audit::evaluation::EvaluationAudit;
use affinage_eval::audit::mapping::Mapping;
use affinage_eval::audit::row::RowRef;
use affinage_eval::audit::training::{TrainingAudit, audit_training};
use affinage_eval::audit::write_up::{self, Names};
use affinage_eval::audit::{Asked, Finding, ResultsAudit, Severity, Unchecked, audit_results};
use affinage_project::errors::HintExt as _;
use affinage_project::nearest::{read_text, require_path};
use affinage_project::stages::evaluation::audit as evaluation;
use anyhow::{Context as _, anyhow};
use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;

use logs::FileFacts;

use crate::context::Context;
use crate::ui::{Paint, Table, counted};

/// Check results, training folders or an evaluation: do the files support what is claimed?
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage audit judgments.jsonl\n  affinage audit results/ --claims write-up.md --strict\n  affinage audit log.csv --mapping mapping.toml --json\n  affinage audit outputs/my-lora\n  affinage audit evals/first-look\n\nKnown shapes: pair rows with two *_response fields, AlpacaEval annotations, FastChat pairwise judgments\nand reviews, Arena-Hard games, and model_a, model_b with a winner, vote or judgment. Anything else needs\n--mapping. A folder with adapter_config.json, trainer_state.json, checkpoints or events.jsonl is read as a\ntraining run; one with plan.json and comparisons.jsonl as an evaluation of ours.\n\n--claims takes a write-up: sentences (\"On 57 prompts tuned wins 77 %: 40 wins, 5 ties, 12 losses. Judged by\njudge-north.\"), a table (Markdown, .csv or .tsv) whose columns are named win rate, wins, ties, losses, n, prompts,\nagreement, kappa or statistic and value, and whose other cells name a judge, category or arm; or a .toml file:\n  [[claim]]\n  text = \"Tuned wins 77 % of 57 comparisons\"\n  statistic = \"win-rate\"   # docs/METHOD.md lists the names\n  value = 77                # percent for rates, held at the digit it is written with\n  arm = \"tuned\"             # optional, as judge and category"
)]
pub struct AuditArgs {
    /// Logs of pairwise judgments (.jsonl, .json, .csv), folders with them, folders of a training run, or evals/NAME
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// How the fields of an unknown log are named (TOML)
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// A write-up to hold against the files: text, a table, or TOML
    #[arg(long, value_name = "FILE")]
    pub claims: Option<PathBuf>,
    /// Count files of different judges together
    #[arg(long)]
    pub pool: bool,
    /// Exit with 1 if there is any finding or contradicted claim
    #[arg(long)]
    pub strict: bool,
}

#[derive(Serialize)]
struct Document {
    v: u32,
    files: Vec<FileFacts>,
    /// `null` where only folders were named.
    results: Option<ResultsAudit>,
    training: Vec<TrainingAudit>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evaluations: Vec<EvaluationAudit>,
    claims: Vec<CheckedClaim>,
    /// Numbers of the write-up that stand beside no word that names a statistic.
    #[serde(skip_serializing_if = "Option::is_none")]
    claims_unread: Option<usize>,
}

impl Document {
    fn findings(&self) -> impl Iterator<Item = &Finding> {
        let results = self.results.iter().flat_map(|results| &results.findings);
        let training = self.training.iter().flat_map(|training| &training.findings);
        results.chain(training).chain(self.evaluations.iter().flat_map(|evaluation| &evaluation.findings))
    }

    fn unchecked(&self) -> impl Iterator<Item = &Unchecked> {
        let results = self.results.iter().flat_map(|results| &results.unchecked);
        let training = self.training.iter().flat_map(|training| &training.unchecked);
        results.chain(training).chain(self.evaluations.iter().flat_map(|evaluation| &evaluation.unchecked))
    }
}

/// A file of training or validation rows.
fn row_file(path: String, folder: &affinage_eval::audit::training::Folder) -> FileFacts {
    let is_train = path.ends_with("train.jsonl");
    let rows = if is_train { folder.train.len() } else { folder.validation.len() };
    let shape = if is_train { "training rows" } else { "validation rows" };
    FileFacts { path, shape, rows, skipped: 0, first_skipped: None }
}

pub fn run(ctx: &Context, args: AuditArgs) -> anyhow::Result<()> {
    args.paths.iter().try_for_each(|path| require_path(path))?;
    let mapping: Option<Mapping> = args.mapping.as_deref().map(read_toml).transpose()?;
    let (evaluations, paths): (Vec<PathBuf>, Vec<PathBuf>) =
        args.paths.iter().cloned().partition(|path| evaluation::is_evaluation(path));
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
    let asked = Asked { files: &names, pool: args.pool };
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
    let mut document =
        Document { v: 1, files, results, training, evaluations, claims: Vec::new(), claims_unread: None };
    if let Some(path) = &args.claims {
        let (claims, unread) = read_claims(path, &Names::of(document.results.as_ref()))?;
        document.claims = claims::check(&claims, document.results.as_ref(), &facts);
        document.claims_unread = unread;
    }
    match ctx.json {
        true => ctx.ui.json(&document)?,
        false => ctx.ui.data(&text(ctx, &document))?,
    }
    let contradicted =
        document.claims.iter().filter(|claim| claim.verdict == ClaimVerdict::Contradicted).count();
    let found = document.findings().count();
    if args.strict && found + contradicted > 0 {
        return Err(anyhow!(
            "{} and {}",
            counted(found, "finding", "findings"),
            counted(contradicted, "contradicted claim", "contradicted claims")
        ))
        .hint("without `--strict` findings do not fail");
    }
    Ok(())
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
            let table: card::Table = logs::table(&read_text(path)?, separator)?;
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
            card::read(&text[written.value.span()].replace('_', "")).map(|(_, half_unit)| half_unit);
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
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{b7}' } else { c }).collect()
}

fn text(ctx: &Context, document: &Document) -> String {
    let mut out = String::new();
    for file in &document.files {
        out.push_str(&format!(
            "{}: {} ({})\n",
            plain(&file.path),
            counted(file.rows, "row", "rows"),
            file.shape
        ));
        if let Some(first) = &file.first_skipped {
            out.push_str(&format!(
                "  left out: {}; the first: {}\n",
                counted(file.skipped, "record", "records"),
                plain(first)
            ));
        }
    }
    for training in &document.training {
        out.push_str(&heading(ctx, &format!("What was trained in {}", training.folder)));
        training.trained.iter().for_each(|line| out.push_str(&format!("{}\n", plain(line))));
        out.push_str(&findings_text(ctx, &training.findings, document));
    }
    for evaluation in &document.evaluations {
        out.push_str(&heading(ctx, &format!("What the files of {} say of each other", evaluation.folder)));
        evaluation.checked.iter().for_each(|line| out.push_str(&format!("{}\n", plain(line))));
        out.push_str(&findings_text(ctx, &evaluation.findings, document));
    }
    if let Some(results) = &document.results {
        out.push_str(&heading(ctx, "What the files say"));
        out.push_str(&findings_text(ctx, &results.findings, document));
        out.push_str(&heading(ctx, "Outcomes, as stored and re-derived"));
        out.push_str(&outcome_table(results));
        if !results.effects.is_empty() {
            out.push_str(&heading(ctx, "Effects measured"));
            for effect in &results.effects {
                out.push_str(&format!("{}: {}\n", effect.name, plain(&effect.measured)));
            }
        }
    }
    if !document.claims.is_empty() {
        out.push_str(&heading(ctx, "Claims"));
        document.claims.iter().for_each(|claim| out.push_str(&claim_text(ctx, claim)));
    }
    if let Some(unread) = document.claims_unread.filter(|unread| *unread > 0) {
        out.push_str(&format!(
            "not checked: {} of the write-up without a word that names a statistic\n",
            counted(unread, "number", "numbers")
        ));
    }
    let mut unchecked = document.unchecked().peekable();
    if unchecked.peek().is_some() {
        out.push_str(&heading(ctx, "Could not be checked"));
        unchecked.for_each(|u| out.push_str(&format!("- {}: {}\n", u.check, plain(&u.because))));
    }
    out
}

fn findings_text(ctx: &Context, findings: &[Finding], document: &Document) -> String {
    if findings.is_empty() {
        return "No fault was found by the checks that these files allow.\n".to_owned();
    }
    findings.iter().map(|finding| finding_text(ctx, finding, document)).collect()
}

fn heading(ctx: &Context, title: &str) -> String {
    format!("\n{}\n", ctx.ui.paint_data(Paint::Bold, title))
}

fn finding_text(ctx: &Context, finding: &Finding, document: &Document) -> String {
    let (paint, word) = match finding.severity {
        Severity::Fault => (Paint::Error, "fault"),
        Severity::Suspicion => (Paint::Warning, "suspicion"),
        Severity::Limit => (Paint::Accent, "limit"),
    };
    let label = ctx.ui.paint_data(paint, &format!("{} {word}", finding.code));
    let mut out = format!("{label}: {}\n", plain(&finding.sentence));
    for line in &finding.evidence {
        out.push_str(&format!("    {}\n", plain(line)));
    }
    let shown: Vec<String> = finding.rows.iter().take(12).map(|row| row_name(*row, document)).collect();
    if !shown.is_empty() {
        let more = finding.rows.len() - shown.len();
        let rest = if more > 0 { format!(" and {more} more (--json lists all)") } else { String::new() };
        out.push_str(&format!("    rows: {}{rest}\n", shown.join(", ")));
    }
    out
}

/// The line, with the file where there are several.
fn row_name(row: RowRef, document: &Document) -> String {
    match document.files.len() {
        1 => row.line.to_string(),
        _ => format!("{}:{}", plain(&document.files[row.file].path), row.line),
    }
}

fn outcome_table(results: &ResultsAudit) -> String {
    let header = [
        "group",
        "wins of",
        "stored W-T-L",
        "rate",
        "re-derived W-T-L",
        "missing",
        "rate [95 %]",
        "prompts",
        "word",
    ];
    let mut table = Table::new(header).right(&[3, 5, 7]);
    let rate = |rate: Option<f64>| rate.map_or("-".to_owned(), |rate| format!("{:.0} %", 100.0 * rate));
    for row in &results.table {
        let (stored, derived) = (&row.stored, &row.derived);
        let interval = row
            .interval
            .map_or(String::new(), |(low, high)| format!(" [{:.0}, {:.0}]", 100.0 * low, 100.0 * high));
        table.row([
            plain(&row.group),
            plain(&format!("{} : {}", row.arm, row.against)),
            format!("{}-{}-{}", stored.wins, stored.ties, stored.losses),
            rate(row.stored_win_rate),
            format!("{}-{}-{}", derived.wins, derived.ties, derived.losses),
            derived.missing.to_string(),
            format!("{}{interval}", rate(row.derived_win_rate)),
            row.prompts.map_or("-".to_owned(), |n| n.to_string()),
            row.word.to_owned(),
        ]);
    }
    table.render()
}

fn claim_text(ctx: &Context, claim: &CheckedClaim) -> String {
    let (paint, word) = match claim.verdict {
        ClaimVerdict::Confirmed => (Paint::Accent, "confirmed"),
        ClaimVerdict::Contradicted => (Paint::Error, "contradicted"),
        ClaimVerdict::CannotBeChecked => (Paint::Warning, "cannot be checked"),
    };
    let what = match claim.text.as_str() {
        "" => format!("{} = {}", claim.statistic, claim.claimed),
        text => plain(text),
    };
    format!("{}: {what}: {}\n", ctx.ui.paint_data(paint, word), plain(&claim.because))
}
