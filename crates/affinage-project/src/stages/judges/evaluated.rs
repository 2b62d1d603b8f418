//! The folder of an evaluation that is to be judged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use affinage_eval::analyze::{Around, Inputs};
use affinage_eval::comparison::{BlindKey, Comparison, missing_answers};
use affinage_eval::completion::Completion;
use affinage_eval::plan::Plan;
use affinage_eval::suite::Prompt;
use anyhow::{Context as _, anyhow};

use super::{exam_results, judgments};
use crate::errors::HintExt as _;
use crate::folder::evaluation as files;
use crate::folder::jsonl;
use crate::folder::project::Project;

/// An evaluation folder, as far as a judge needs it.
pub struct Evaluated {
    pub dir: PathBuf,
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
        let dir = files::dir(&ctx.project, name);
        let plan = read_plan(&dir)?;
        let prompts: Vec<Prompt> = jsonl::read(&dir.join(files::PROMPTS), &ctx.ui)?;
        let completions: Vec<Completion> = jsonl::read(&dir.join(files::COMPLETIONS), &ctx.ui)?;
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
        Ok(Evaluated { dir, plan, prompts, completions, positions, due: None })
    }

    /// What the judges have said so far, without votes of people, for a question of the analysis.
    pub fn judged<T>(
        &self,
        ctx: &Project,
        question: impl FnOnce(&Inputs) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let read = |name: &str| self.dir.join(name);
        let comparisons: Vec<Comparison> = jsonl::read(&read(files::COMPARISONS), &ctx.ui)?;
        let blind_keys: Vec<BlindKey> = jsonl::read(&read(files::BLIND_KEY), &ctx.ui)?;
        let (judgments, reread) = judgments(ctx, &self.dir, |_| {})?;
        let exams = exam_results(ctx, &self.dir)?;
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

/// The plan of an evaluation folder. Errors name the evaluations that exist.
pub fn read_plan(dir: &Path) -> anyhow::Result<Plan> {
    let path = dir.join(files::PLAN);
    let text = match fs_err::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let hint = match evaluations_beside(dir).as_slice() {
                [] => "make one with `affinage eval`".to_owned(),
                names => format!("there is {}; name one with `--eval`", names.join(", ")),
            };
            return Err(anyhow!("no evaluation in {}", dir.display())).hint(hint);
        }
        Err(error) => return Err(error.into()),
    };
    let plan: Plan = serde_json::from_slice(&text).with_context(|| format!("{}", path.display()))?;
    plan.validate().with_context(|| format!("{}", path.display()))?;
    Ok(plan)
}

fn evaluations_beside(dir: &Path) -> Vec<String> {
    let Some(entries) = dir.parent().and_then(|evals| fs_err::read_dir(evals).ok()) else {
        return Vec::new();
    };
    let has_plan = |entry: &fs_err::DirEntry| entry.path().join(files::PLAN).is_file();
    let mut names: Vec<String> = entries
        .flatten()
        .filter(has_plan)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
