//! What an evaluation's folder holds, as analysis, audit and report read it.

use affinage_eval::analyze::{Around, Inputs};
use affinage_eval::comparison::{BlindKey, Comparison};
use affinage_eval::completion::Completion;
use affinage_eval::judge::qualification::result::QualificationResult;
use affinage_eval::judge::reread::Reread;
use affinage_eval::judgment::Judgment;
use affinage_eval::likelihood::LikelihoodRow;
use affinage_eval::plan::Plan;
use affinage_eval::suite::Prompt;

use crate::folder::evaluation::Evaluation;
use crate::folder::project::Project;
use crate::stages::judges::verdicts;

/// A plan and the rows beside it.
pub struct Stored {
    pub plan: Plan,
    pub prompts: Vec<Prompt>,
    pub completions: Vec<Completion>,
    pub comparisons: Vec<Comparison>,
    pub blind_keys: Vec<BlindKey>,
    /// Of judges, by today's rules, and of people.
    pub judgments: Vec<Judgment>,
    /// What came of reading replies of earlier versions again.
    pub reread: Option<Reread>,
}

impl Stored {
    /// The rows beside `plan`; `lighten` takes from each verdict what the caller does not need.
    pub fn read(
        ctx: &Project,
        folder: &Evaluation,
        plan: Plan,
        lighten: impl Fn(&mut Judgment),
    ) -> anyhow::Result<Stored> {
        let ui = &ctx.ui;
        let prompts = folder.prompts().read(ui)?;
        let completions = folder.completions().read(ui)?;
        let comparisons = folder.comparisons().read(ui)?;
        let blind_keys = folder.blind_keys().read(ui)?;
        let (judgments, reread) = verdicts(ctx, folder, lighten)?;
        Ok(Stored { plan, prompts, completions, comparisons, blind_keys, judgments, reread })
    }

    /// What is to be analysed.
    pub fn inputs<'a>(
        &'a self,
        fit: &'a [LikelihoodRow],
        exams: &'a [QualificationResult],
        around: Around<'a>,
    ) -> Inputs<'a> {
        Inputs {
            plan: &self.plan,
            prompts: &self.prompts,
            completions: &self.completions,
            comparisons: &self.comparisons,
            blind_keys: &self.blind_keys,
            judgments: &self.judgments,
            fit,
            exams,
            around: Around { reread: self.reread, ..around },
        }
    }
}
