//! `affinage audit`: other people's results and training folders, read again from their files.

mod training;

use std::path::{Path, PathBuf};

use affinage_eval::audit::claims::{self, CheckedClaim, ClaimVerdict, ClaimsFile};
use affinage_eval::audit::mapping::Mapping;
use affinage_eval::audit::row::{PairRow, RowRef};
use affinage_eval::audit::shapes;
use affinage_eval::audit::training::{TrainingAudit, audit_training};
use affinage_eval::audit::{Finding, ResultsAudit, Severity, audit_results};
use anyhow::{Context as _, anyhow};
use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::context::Context;
use crate::errors::HintExt as _;
use crate::ui::{Paint, Table, count};

/// Audit other people's results or training folders: what do the files really say?
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage audit judgments.jsonl\n  affinage audit results/ --claims claims.toml --strict\n  affinage audit log.csv --mapping mapping.toml --json\n  affinage audit outputs/my-lora\n\nKnown shapes: pair rows with two *_response fields, AlpacaEval annotations, FastChat pairwise judgments\nand reviews, and model_a, model_b, winner. Anything else needs --mapping. A folder with adapter_config.json,\ntrainer_state.json, checkpoints or events.jsonl is read as a training run."
)]
pub struct AuditArgs {
    /// Logs of pairwise judgments (.jsonl, .json, .csv), folders with them, or folders of a training run
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// How the fields of an unknown log are named (TOML)
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// Numbers and names of a write-up to hold against the files (TOML)
    #[arg(long, value_name = "FILE")]
    pub claims: Option<PathBuf>,
    /// Exit with 1 if there is any finding or contradicted claim
    #[arg(long)]
    pub strict: bool,
}

#[derive(Serialize)]
struct Document {
    v: u32,
    files: Vec<FileFacts>,
    /// `null` where only training folders were named.
    results: Option<ResultsAudit>,
    training: Vec<TrainingAudit>,
    claims: Vec<CheckedClaim>,
}

#[derive(Serialize)]
struct FileFacts {
    path: String,
    shape: &'static str,
    rows: usize,
    /// Records that could not be read, with the reason of the first.
    skipped: usize,
    first_skipped: Option<String>,
}

impl FileFacts {
    /// A file of training or validation rows.
    fn of_rows(path: String, folder: &affinage_eval::audit::training::Folder) -> FileFacts {
        let is_train = path.ends_with("train.jsonl");
        let rows = if is_train { folder.train.len() } else { folder.validation.len() };
        let shape = if is_train { "training rows" } else { "validation rows" };
        FileFacts { path, shape, rows, skipped: 0, first_skipped: None }
    }
}

pub fn run(ctx: &Context, args: AuditArgs) -> anyhow::Result<()> {
    let mapping: Option<Mapping> = args.mapping.as_deref().map(read_toml).transpose()?;
    let claims: Option<ClaimsFile> = args.claims.as_deref().map(read_toml).transpose()?;
    let (folders, paths): (Vec<PathBuf>, Vec<PathBuf>) =
        args.paths.iter().cloned().partition(|path| path.is_dir() && training::is_training(path));
    let (mut files, mut rows) = (Vec::new(), Vec::new());
    for path in log_files(&paths)? {
        files.push(read_log(&path, files.len(), mapping.as_ref(), &mut rows)?);
    }
    if rows.is_empty() && folders.is_empty() {
        let reason = files.iter().find_map(|file| file.first_skipped.clone());
        return Err(anyhow!("no pairwise judgments found: {}", reason.unwrap_or("no rows".to_owned())))
            .hint("`affinage audit --help` lists the known shapes; name other fields with `--mapping FILE`");
    }
    let results = (!rows.is_empty()).then(|| audit_results(&rows));
    let mut training = Vec::new();
    for folder in &folders {
        let mut named: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
        let read = training::read(folder, &mut named)?;
        let row_files = named.split_off(files.len());
        files.extend(row_files.into_iter().map(|path| FileFacts::of_rows(path, &read)));
        training.push(audit_training(&read));
    }
    let facts: Vec<(String, f64)> = training.iter().flat_map(|audit| audit.facts.clone()).collect();
    let claims = claims.map_or(Vec::new(), |file| claims::check(&file.claim, results.as_ref(), &facts));
    let contradicted = claims.iter().filter(|claim| claim.verdict == ClaimVerdict::Contradicted).count();
    let found = results
        .iter()
        .map(|r| r.findings.len())
        .chain(training.iter().map(|t| t.findings.len()))
        .sum::<usize>();
    let document = Document { v: 1, files, results, training, claims };
    match ctx.json {
        true => ctx.ui.json(&document)?,
        false => ctx.ui.data(&text(ctx, &document))?,
    }
    if args.strict && found + contradicted > 0 {
        return Err(anyhow!("{found} findings and {contradicted} contradicted claims"))
            .hint("without `--strict` findings do not fail");
    }
    Ok(())
}

fn read_toml<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    toml::from_str(&fs_err::read_to_string(path)?).with_context(|| format!("cannot read {}", path.display()))
}

/// The files that were named, and those of the folders that were named.
fn log_files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let is_log = |path: &PathBuf| {
            path.extension().and_then(|e| e.to_str()).is_some_and(|e| matches!(e, "jsonl" | "json" | "csv"))
        };
        let mut found = Vec::new();
        for entry in fs_err::read_dir(path)? {
            found.push(entry?.path());
        }
        found.retain(is_log);
        found.sort();
        if found.is_empty() {
            return Err(anyhow!("no .jsonl, .json or .csv file in {}", path.display()))
                .hint("name the log itself");
        }
        files.extend(found);
    }
    Ok(files)
}

fn read_log(
    path: &Path,
    file: usize,
    mapping: Option<&Mapping>,
    rows: &mut Vec<PairRow>,
) -> anyhow::Result<FileFacts> {
    let text = fs_err::read_to_string(path)?;
    let is_csv = path.extension().is_some_and(|extension| extension == "csv");
    let records = if is_csv { csv_records(&text) } else { json_records(&text, path)? };
    let before = rows.len();
    let mut facts = FileFacts {
        path: path.display().to_string(),
        shape: "none",
        rows: 0,
        skipped: 0,
        first_skipped: None,
    };
    for (line, record) in records {
        let read = record.and_then(|record| {
            shapes::rows(&record, RowRef { file, line }, mapping).map_err(|error| error.to_string())
        });
        match read {
            Ok((shape, found)) => {
                facts.shape = shape.name();
                rows.extend(found);
            }
            Err(reason) => {
                facts.skipped += 1;
                facts.first_skipped.get_or_insert(format!("{}:{line}: {reason}", path.display()));
            }
        }
    }
    facts.rows = rows.len() - before;
    Ok(facts)
}

type Record = Result<Map<String, Value>, String>;

/// One JSON array (or object with one), or one object a line.
fn json_records(text: &str, path: &Path) -> anyhow::Result<Vec<(usize, Record)>> {
    let object = |value: Value| match value {
        Value::Object(map) => Ok(map),
        _ => Err("not a JSON object".to_owned()),
    };
    if text.trim_start().starts_with('[') {
        let list: Vec<Value> = serde_json::from_str(text)
            .with_context(|| format!("{} is not a complete JSON array", path.display()))?;
        return Ok(list.into_iter().enumerate().map(|(i, value)| (i + 1, object(value))).collect());
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    Ok(lines
        .map(|(i, line)| {
            (i + 1, serde_json::from_str(line).map_err(|error| error.to_string()).and_then(object))
        })
        .collect())
}

/// Records of RFC 4180: quoted fields may hold commas, quotes (doubled) and line ends. The number is the line on
/// which the record begins.
fn csv_records(text: &str) -> Vec<(usize, Record)> {
    let mut records: Vec<(usize, Vec<String>)> = Vec::new();
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let (mut line, mut begins) = (1, 1);
    let mut characters = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(character) = characters.next() {
        line += usize::from(character == '\n');
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => field.extend(characters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                fields.push(std::mem::take(&mut field));
                records.push((begins, std::mem::take(&mut fields)));
                begins = line;
            }
            '\r' if !quoted => {}
            other => field.push(other),
        }
    }
    if !field.is_empty() || !fields.is_empty() {
        fields.push(field);
        records.push((begins, fields));
    }
    let mut records = records.into_iter().filter(|(_, fields)| fields.iter().any(|field| !field.is_empty()));
    let Some((_, header)) = records.next() else { return Vec::new() };
    let record = |fields: Vec<String>| {
        if fields.len() != header.len() {
            return Err(format!("{} fields, the header has {}", fields.len(), header.len()));
        }
        Ok(header.iter().cloned().zip(fields.into_iter().map(Value::String)).collect())
    };
    records.map(|(line, fields)| (line, record(fields))).collect()
}

fn text(ctx: &Context, document: &Document) -> String {
    let mut out = String::new();
    for file in &document.files {
        out.push_str(&format!("{}: {} rows ({})\n", file.path, count(file.rows as u64), file.shape));
        if let Some(first) = &file.first_skipped {
            out.push_str(&format!("  {} records were left out; the first: {first}\n", file.skipped));
        }
    }
    for training in &document.training {
        out.push_str(&heading(ctx, &format!("What was trained in {}", training.folder)));
        training.trained.iter().for_each(|line| out.push_str(&format!("{line}\n")));
        out.push_str(&findings_text(ctx, &training.findings, document));
    }
    if let Some(results) = &document.results {
        out.push_str(&heading(ctx, "What the files say"));
        out.push_str(&findings_text(ctx, &results.findings, document));
        out.push_str(&heading(ctx, "Outcomes, as stored and re-derived"));
        out.push_str(&outcome_table(results));
        if !results.effects.is_empty() {
            out.push_str(&heading(ctx, "Effects measured"));
            for effect in &results.effects {
                out.push_str(&format!("{}: {}\n", effect.name, effect.measured));
            }
        }
    }
    if !document.claims.is_empty() {
        out.push_str(&heading(ctx, "Claims"));
        document.claims.iter().for_each(|claim| out.push_str(&claim_text(ctx, claim)));
    }
    let of_results = document.results.iter().flat_map(|results| &results.unchecked);
    let mut unchecked = of_results.chain(document.training.iter().flat_map(|t| &t.unchecked)).peekable();
    if unchecked.peek().is_some() {
        out.push_str(&heading(ctx, "Could not be checked"));
        unchecked.for_each(|u| out.push_str(&format!("- {}: {}\n", u.check, u.because)));
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
    let mut out = format!("{label}: {}\n", finding.sentence);
    for line in &finding.evidence {
        out.push_str(&format!("    {line}\n"));
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
        _ => format!("{}:{}", document.files[row.file].path, row.line),
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
            row.group.clone(),
            format!("{} : {}", row.arm, row.against),
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
        text => text.to_owned(),
    };
    format!("{}: {what}: {}\n", ctx.ui.paint_data(paint, word), claim.because)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_fields_may_hold_commas_quotes_and_lines() {
        let records = csv_records("model_a,winner\r\n\"a, \"\"b\"\"\nc\",tie\nx\ny,z\n");
        let shown: Vec<String> = records.iter().map(|(line, record)| format!("{line} {record:?}")).collect();
        assert_eq!(records[0].1.as_ref().expect("two fields")["model_a"], "a, \"b\"\nc", "{shown:?}");
        assert_eq!(records[0].0, 2);
        assert_eq!(records[1].1, Err("1 fields, the header has 2".to_owned()));
        assert_eq!((records[2].0, records[2].1.is_ok()), (5, true));
    }
}
