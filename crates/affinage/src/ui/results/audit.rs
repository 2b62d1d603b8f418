//! What an audit found, in words.

use affinage_eval::audit::claims::{CheckedClaim, ClaimVerdict};
use affinage_eval::audit::row::RowRef;
use affinage_eval::audit::{Finding, ResultsAudit, Severity};
use affinage_project::stages::audit::{Audited, plain};

use crate::ui::{Paint, Table, Ui, counted};

/// What an audit found, file by file, then its claims and what could not be checked.
pub fn audited(ui: &Ui, document: &Audited) -> String {
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
        out.push_str(&heading(ui, &format!("What was trained in {}", training.folder)));
        training.trained.iter().for_each(|line| out.push_str(&format!("{}\n", plain(line))));
        out.push_str(&findings_text(ui, &training.findings, document));
    }
    for evaluation in &document.evaluations {
        out.push_str(&heading(ui, &format!("What the files of {} say of each other", evaluation.folder)));
        evaluation.checked.iter().for_each(|line| out.push_str(&format!("{}\n", plain(line))));
        out.push_str(&findings_text(ui, &evaluation.findings, document));
    }
    if let Some(results) = &document.results {
        out.push_str(&heading(ui, "What the files say"));
        out.push_str(&findings_text(ui, &results.findings, document));
        out.push_str(&heading(ui, "Outcomes, as stored and re-derived"));
        out.push_str(&outcome_table(results));
        if !results.effects.is_empty() {
            out.push_str(&heading(ui, "Effects measured"));
            for effect in &results.effects {
                out.push_str(&format!("{}: {}\n", effect.name, plain(&effect.measured)));
            }
        }
    }
    if !document.claims.is_empty() {
        out.push_str(&heading(ui, "Claims"));
        document.claims.iter().for_each(|claim| out.push_str(&claim_text(ui, claim)));
    }
    if let Some(unread) = document.claims_unread.filter(|unread| *unread > 0) {
        out.push_str(&format!(
            "not checked: {} of the write-up without a word that names a statistic\n",
            counted(unread, "number", "numbers")
        ));
    }
    let mut unchecked = document.unchecked().peekable();
    if unchecked.peek().is_some() {
        out.push_str(&heading(ui, "Could not be checked"));
        unchecked.for_each(|u| out.push_str(&format!("- {}: {}\n", u.check, plain(&u.because))));
    }
    out
}

fn findings_text(ui: &Ui, findings: &[Finding], document: &Audited) -> String {
    if findings.is_empty() {
        return "No fault was found by the checks that these files allow.\n".to_owned();
    }
    findings.iter().map(|finding| finding_text(ui, finding, document)).collect()
}

fn heading(ui: &Ui, title: &str) -> String {
    format!("\n{}\n", ui.paint_data(Paint::Bold, title))
}

fn finding_text(ui: &Ui, finding: &Finding, document: &Audited) -> String {
    let (paint, word) = match finding.severity {
        Severity::Fault => (Paint::Error, "fault"),
        Severity::Suspicion => (Paint::Warning, "suspicion"),
        Severity::Limit => (Paint::Accent, "limit"),
    };
    let label = ui.paint_data(paint, &format!("{} {word}", finding.code));
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

fn claim_text(ui: &Ui, claim: &CheckedClaim) -> String {
    let (paint, word) = match claim.verdict {
        ClaimVerdict::Confirmed => (Paint::Accent, "confirmed"),
        ClaimVerdict::Contradicted => (Paint::Error, "contradicted"),
        ClaimVerdict::CannotBeChecked => (Paint::Warning, "cannot be checked"),
    };
    let what = match claim.text.as_str() {
        "" => format!("{} = {}", claim.statistic, claim.claimed),
        text => plain(text),
    };
    format!("{}: {what}: {}\n", ui.paint_data(paint, word), plain(&claim.because))
}
