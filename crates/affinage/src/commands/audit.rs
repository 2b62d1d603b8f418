//! `affinage audit`: other people's results and training folders, and our own evaluations, read again from their files.

use std::path::PathBuf;

use affinage_eval::audit::claims::{CheckedClaim, ClaimVerdict};
use affinage_eval::audit::row::RowRef;
use affinage_eval::audit::{Finding, ResultsAudit, Severity};
use affinage_project::errors::HintExt as _;
use affinage_project::stages::audit::{Audited, Options, audit, plain};
use anyhow::anyhow;
use clap::Args;

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

pub fn run(ctx: &Context, args: AuditArgs) -> anyhow::Result<()> {
    let AuditArgs { paths, mapping, claims, pool, strict } = args;
    let (mapping, claims) = (mapping.as_deref(), claims.as_deref());
    let document = audit(ctx, &Options { paths: &paths, mapping, claims, pool })?;
    match ctx.json {
        true => ctx.ui.json(&document)?,
        false => ctx.ui.data(&text(ctx, &document))?,
    }
    let contradicted =
        document.claims.iter().filter(|claim| claim.verdict == ClaimVerdict::Contradicted).count();
    let found = document.findings().count();
    if strict && found + contradicted > 0 {
        return Err(anyhow!(
            "{} and {}",
            counted(found, "finding", "findings"),
            counted(contradicted, "contradicted claim", "contradicted claims")
        ))
        .hint("without `--strict` findings do not fail");
    }
    Ok(())
}

fn text(ctx: &Context, document: &Audited) -> String {
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
        let decided = results.fragility.iter().map(|found| &found.sentence);
        let decided: Vec<&String> =
            decided.chain(results.leader.iter().map(|found| &found.sentence)).collect();
        if !decided.is_empty() {
            out.push_str(&heading(ctx, "How little decides it"));
            decided.iter().for_each(|sentence| out.push_str(&format!("{}\n", plain(sentence))));
        }
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

fn findings_text(ctx: &Context, findings: &[Finding], document: &Audited) -> String {
    if findings.is_empty() {
        return "No fault was found by the checks that these files allow.\n".to_owned();
    }
    findings.iter().map(|finding| finding_text(ctx, finding, document)).collect()
}

fn heading(ctx: &Context, title: &str) -> String {
    format!("\n{}\n", ctx.ui.paint_data(Paint::Bold, title))
}

fn finding_text(ctx: &Context, finding: &Finding, document: &Audited) -> String {
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
fn row_name(row: RowRef, document: &Audited) -> String {
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
