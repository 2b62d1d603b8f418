//! The judges of a project asked about one evaluation: the exam, the judging, or both.

use std::collections::BTreeSet;

use affinage_eval::judge::qualification::result::QualificationResult;
use affinage_eval::plain::counted;
use anyhow::anyhow;
use serde::Serialize;

use super::{
    Consent, Done, Estimate, Evaluated, JudgeSummary, Leaving, Request, SourceLine, SpentRow, Stages,
    ask_in_looks, find, ledger,
};
use crate::errors::{HintExt as _, usage};
use crate::folder::config::Judge;
use crate::folder::project::Project;
use crate::stages::evaluation::series;

/// Who is asked what about which evaluation.
pub struct Options<'a> {
    /// `None`: the evaluation that the configured series means.
    pub eval: Option<&'a str>,
    /// Ids of judges; empty: all that are configured.
    pub judges: &'a [String],
    pub stages: Stages,
    pub consent: Consent,
    /// Shows what would leave this machine and asks, once.
    pub ask: &'a dyn Fn(&Leaving<'_>) -> anyhow::Result<bool>,
    /// Private conversations, by key, title or file, that may be sent all the same.
    pub named_private: &'a [String],
    /// Judges that failed their exam are asked all the same; their votes do not count.
    pub unfit_too: bool,
}

/// What the judges of an evaluation were asked and said; the document of `--json`.
#[derive(Serialize)]
pub struct Judged {
    pub evaluation: String,
    pub estimates: Vec<Estimate>,
    pub sources: Vec<SourceLine>,
    pub judges: Vec<JudgeSummary>,
    pub ledger: Vec<SpentRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exams: Vec<QualificationResult>,
    /// Failed their exam and were not asked to judge.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub unfit: BTreeSet<String>,
    /// Why no verdict comes of it: no judge is left whose votes count, and what to do then.
    #[serde(skip)]
    pub vote_instead: Option<String>,
}

/// Asks the judges for what they have not answered yet, see [`super::ask`].
///
/// Errors: no judge is configured; no evaluation is there, or it lacks answers. A judge that stopped early is an error of
/// [`Judged::check`], which is for the caller to raise once it has shown what came back.
pub fn judge(ctx: &Project, options: &Options) -> anyhow::Result<Judged> {
    let name = series::meant(ctx, options.eval)?;
    if ctx.config.judges.is_empty() {
        let evaluated = Evaluated::open(ctx, &name).ok();
        return Err(anyhow!("affinage.toml has no judge")).hint(find::ways(evaluated.as_ref()));
    }
    let chosen = chosen(ctx, options.judges)?;
    let mut evaluated = Evaluated::open(ctx, &name)?;
    let _lock = evaluated.folder.lock()?;
    let request = Request {
        judges: &chosen,
        stages: options.stages,
        consent: options.consent,
        ask: options.ask,
        open: None,
        named_private: options.named_private,
        unfit_too: options.unfit_too,
    };
    let Done { estimates, sources, summaries, exams, unfit } = ask_in_looks(ctx, &mut evaluated, &request)?;
    let is_fit = |judge: &&Judge| !exams.iter().any(|exam| exam.judge_id == judge.id && exam.is_unfit());
    let nobody_is_fit = !options.unfit_too && !chosen.iter().any(is_fit);
    Ok(Judged {
        vote_instead: find::vote_first(&evaluated).filter(|_| nobody_is_fit),
        ledger: ledger(ctx, &evaluated.folder)?,
        evaluation: name,
        estimates,
        sources,
        judges: summaries,
        exams,
        unfit,
    })
}

impl Judged {
    /// Errors when a judge was stopped or calls got no reply.
    pub fn check(&self) -> anyhow::Result<()> {
        let stopped: Vec<String> = self
            .judges
            .iter()
            .filter_map(|summary| {
                Some(format!("judge `{}` stopped: {}", summary.judge_id, summary.stopped.as_ref()?))
            })
            .collect();
        if !stopped.is_empty() {
            return Err(anyhow!("{}", stopped.join("\n")));
        }
        let failed: usize = self.judges.iter().map(|summary| summary.failed).sum();
        if failed > 0 {
            let refusal = self.judges.iter().find_map(|summary| summary.last_refusal.as_ref());
            let said = refusal.map_or(String::new(), |refusal| format!("; one of them: {refusal}"));
            return Err(anyhow!(
                "no usable reply to {}; ledger.jsonl says why{said}",
                counted(failed, "call", "calls")
            ))
            .hint("the same command asks only for what is missing");
        }
        Ok(())
    }
}

/// The configured judges, or those that `--judge` names.
fn chosen<'a>(ctx: &'a Project, ids: &[String]) -> anyhow::Result<Vec<&'a Judge>> {
    let known = || ctx.config.judges.iter().map(|judge| judge.id.as_str()).collect::<Vec<_>>().join(", ");
    if ids.is_empty() {
        return Ok(ctx.config.judges.iter().collect());
    }
    let find = |id: &String| {
        let found = ctx.config.judges.iter().find(|judge| judge.id == *id);
        found
            .ok_or_else(|| usage(format!("no [[judge]] has the id `{id}`")))
            .hint(format!("configured judges: {}", known()))
    };
    ids.iter().map(find).collect()
}
