//! The folder of an evaluation that is to be judged.

use std::collections::{BTreeMap, BTreeSet};

use affinage_eval::analyze::{Around, Inputs};
use affinage_eval::comparison::missing_answers;
use affinage_eval::completion::Completion;
use affinage_eval::plan::Plan;
use affinage_eval::suite::Prompt;
use anyhow::anyhow;

use super::{judgments, qualification_results};
use crate::errors::HintExt as _;
use crate::folder::evaluation::Evaluation;
use crate::folder::project::Project;

/// An evaluation folder, as far as a judge needs it.
pub struct Evaluated {
    pub folder: Evaluation,
    pub plan: Plan,
    pub prompts: Vec<Prompt>,
    pub completions: Vec<Completion>,
    /// Position in `completions` by id.
    positions: BTreeMap<String, usize>,
    /// The prompts that judging has come to; `None` for all.
    pub due: Option<BTreeSet<String>>,
}

impl Evaluated {
    /// Opens `evals/NAME`. Errors when it does not exist or lacks answers that the plan compares.
    pub fn open(ctx: &Project, name: &str) -> anyhow::Result<Evaluated> {
        let folder = Evaluation::named(&ctx.project, name);
        let plan = folder.plan()?;
        let prompts = folder.prompts().read(&ctx.ui)?;
        let completions = folder.completions().read(&ctx.ui)?;
        let missing = missing_answers(&plan, &prompts, &completions);
        if missing > 0 {
            return Err(anyhow!(
                "evals/{name}: {missing} of the answers that are to be compared are missing"
            ))
            .hint(format!(
                "run {} to the end first, or name another evaluation with `--eval`",
                ctx.command_on(name, "generate", "")
            ));
        }
        let positions =
            completions.iter().enumerate().map(|(i, row)| (row.completion_id.clone(), i)).collect();
        Ok(Evaluated { folder, plan, prompts, completions, positions, due: None })
    }

    /// What the judges have said so far, without votes of people, for a question of the analysis.
    pub fn judged<T>(
        &self,
        ctx: &Project,
        question: impl FnOnce(&Inputs) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let comparisons = self.folder.comparisons().read(&ctx.ui)?;
        let blind_keys = self.folder.blind_keys().read(&ctx.ui)?;
        let (judgments, reread) = judgments(ctx, &self.folder, |_| {})?;
        let exams = qualification_results(ctx, &self.folder)?;
        question(&Inputs {
            plan: &self.plan,
            prompts: &self.prompts,
            completions: &self.completions,
            comparisons: &comparisons,
            blind_keys: &blind_keys,
            judgments: &judgments,
            fit: &[],
            exams: &exams,
            around: Around { reread, ..Around::default() },
        })
    }

    /// What a completion says, without the thought before it.
    pub fn text_of(&self, completion_id: &str) -> Option<&str> {
        Some(self.completions[*self.positions.get(completion_id)?].answer())
    }
}
