//! Stored verdicts against the raw bytes of their requests.

use std::collections::BTreeMap;

use affinage_eval::comparison::Comparison;
use affinage_eval::judge::ledger::RawRow;
use affinage_eval::judge::reread::shown_text;
use affinage_eval::judgment::verify_verdict;
use anyhow::{Context as _, anyhow};

use crate::errors::HintExt as _;
use crate::folder::evaluation::Evaluation;
use crate::folder::project::Project;

/// Proves for every judgment with raw bytes that the text under the winner's label is the winner's. Returns how
/// many were proved and how many have no raw request.
pub fn verify(ctx: &Project, folder: &Evaluation) -> anyhow::Result<(usize, usize)> {
    let requests: BTreeMap<String, RawRow> =
        folder.raw().read()?.into_iter().map(|row| (row.sha256.clone(), row)).collect();
    let comparisons = folder.comparisons().read(&ctx.ui)?;
    let comparisons: BTreeMap<&str, &Comparison> =
        comparisons.iter().map(|row| (row.comparison_id.as_str(), row)).collect();
    let completions = folder.completions().read(&ctx.ui)?;
    let texts: BTreeMap<&str, &str> =
        completions.iter().map(|row| (row.completion_id.as_str(), row.answer())).collect();
    let (mut verified, mut without) = (0, 0);
    for judgment in folder.judgments().read(&ctx.ui)? {
        let comparison = comparisons.get(judgment.comparison_id.as_str());
        let comparison = comparison.with_context(|| format!("{} has no comparison", judgment.judgment_id))?;
        let Some(request) = requests.get(&judgment.request_sha256) else {
            without += 1;
            continue;
        };
        if affinage_eval::id::sha256_hex(request.text.as_bytes()) != request.sha256 {
            return Err(anyhow!("the raw request of {} was changed", judgment.judgment_id))
                .hint("restore raw.jsonl.zst from a copy");
        }
        let shown = shown_text(&request.text);
        verify_verdict(&judgment, comparison, &shown, |id| texts.get(id).copied())?;
        verified += 1;
    }
    Ok((verified, without))
}
