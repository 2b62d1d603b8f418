//! The cells of a dose study, and the evaluation that compares them.

use affinage_dataset::shingle::LEAK_THRESHOLD;
use affinage_eval::design::Design;
use affinage_eval::dose::{Dose, DoseCell};
use affinage_eval::plan::{Arm, ArmKind, DatasetFacts, Plan as EvaluationPlan, PlannedComparison, Scope};
use affinage_eval::suite::Prompt;
use anyhow::{Context as _, anyhow};

use crate::errors::HintExt as _;
use crate::folder::config::{self, Config};
use crate::folder::datasets::{self, DatasetVersion, version_number};
use crate::folder::project::Project;
use crate::folder::run::Run;
use crate::model::LoadedModel;
use crate::next::next;
use crate::stages::evaluation::plan;
use crate::stages::suites;
use crate::stages::training::Plan;

/// Everything that is fixed before the first training.
pub struct Study {
    config: config::Dose,
    train: config::Train,
    versions: Vec<DatasetVersion>,
    /// The whole training side of each version, tokenised.
    whole: Vec<Plan>,
    /// Of each version the conversations of its rows.
    conversations: Vec<Vec<String>>,
}

/// One training.
pub struct Cell {
    /// `r125-e2-s1`, with several datasets `v3-r125-e2-s1`.
    pub arm: String,
    pub dose: Dose,
    pub seed: u64,
    pub train: config::Train,
    version: usize,
}

impl Study {
    /// Errors: `[dose]` names no rows, epochs or seeds, or more rows than there are; a row cannot be trained on.
    pub fn new(ctx: &Project, model: &LoadedModel) -> anyhow::Result<Study> {
        let config = ctx.config.dose.clone();
        let names: Vec<Option<&str>> = match config.datasets.as_slice() {
            [] => vec![None],
            names => names.iter().map(|name| Some(name.as_str())).collect(),
        };
        let open = |name: Option<&str>| DatasetVersion::open(&ctx.project, name);
        let versions = names.into_iter().map(open).collect::<anyhow::Result<Vec<_>>>()?;
        let train = config::Train {
            rows: None,
            supervised_tokens: None,
            max_steps: None,
            ..ctx.config.train.clone()
        };
        let (mut whole, mut conversations) = (Vec::new(), Vec::new());
        for version in &versions {
            let sides = version.sides(&ctx.ui)?;
            whole.push(Plan::new(model, (version, &sides), &train, &ctx.ui)?);
            conversations.push(datasets::conversations(&sides).map(str::to_owned).collect());
        }
        let study = Study { config, train, versions, whole, conversations };
        let first = study.whole[0].train.len();
        if let Some(most) = study.config.rows.iter().copied().find(|rows| *rows > first) {
            return Err(anyhow!(
                "dose.rows: {most} rows, {} has {first} to train on",
                study.versions[0].name
            ))
            .hint(format!(
                "lower it, or accept more examples and freeze another version with {}",
                next("dataset")
            ));
        }
        for cell in study.cells() {
            study.plan(&cell).with_context(|| format!("the cell {}", cell.arm))?;
        }
        Ok(study)
    }

    /// All cells, the small ones first: rows, epochs, dataset, seed.
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for &rows in &self.config.rows {
            for &epochs in &self.config.epochs {
                for version in 0..self.versions.len() {
                    cells
                        .extend(self.config.seeds.iter().map(|&seed| self.cell(rows, epochs, version, seed)));
                }
            }
        }
        cells
    }

    fn cell(&self, rows: usize, epochs: usize, version: usize, seed: u64) -> Cell {
        let dataset = self.versions[version].name.clone();
        let is_compared = self.versions.len() > 1;
        let prefix = version_number(&dataset).filter(|_| is_compared).map(|n| format!("v{n}-"));
        let (rows_limit, supervised_tokens) =
            if is_compared { (None, Some(self.token_budget(rows))) } else { (Some(rows), None) };
        Cell {
            arm: format!("{}r{rows}-e{epochs}-s{seed}", prefix.unwrap_or_default()),
            dose: Dose { dataset, epochs, rows },
            seed,
            train: config::Train { rows: rows_limit, supervised_tokens, epochs, seed, ..self.train.clone() },
            version,
        }
    }

    /// What so many rows of the first dataset hold on average: equal for all datasets and seeds.
    fn token_budget(&self, rows: usize) -> u64 {
        let first = &self.whole[0];
        (first.supervised_tokens() as f64 * rows as f64 / first.train.len() as f64).round() as u64
    }

    /// "125 and 250 rows, 1 epoch, 3 seeds, v3-1f2e9c".
    pub fn described(&self) -> String {
        let list = |numbers: &[usize]| numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let names: Vec<&str> = self.versions.iter().map(|version| version.name.as_str()).collect();
        format!(
            "rows {}; epochs {}; {} seeds; {}",
            list(&self.config.rows),
            list(&self.config.epochs),
            self.config.seeds.len(),
            names.join(" and ")
        )
    }

    pub fn version(&self, cell: &Cell) -> &DatasetVersion {
        &self.versions[cell.version]
    }

    /// The conversations of the rows of that version, a row each.
    pub fn conversations(&self, cell: &Cell) -> impl Iterator<Item = &str> {
        self.conversations[cell.version].iter().map(String::as_str)
    }

    /// The rows and steps of a cell.
    pub fn plan(&self, cell: &Cell) -> anyhow::Result<Plan> {
        self.whole[cell.version].drawn(&cell.train)
    }

    /// The configuration under which the study is evaluated.
    pub fn eval_config(&self, ctx: &Project) -> Config {
        let mut config = ctx.config.clone();
        config.eval.name = self.config.name.clone();
        config
    }

    /// Base and the last step of every cell, each against the base on the same prompts; the headline is the largest dose.
    pub fn evaluation(
        &self,
        ctx: &Project,
        model: &LoadedModel,
        cells: &[Cell],
        runs: &[Run],
    ) -> anyhow::Result<(EvaluationPlan, Vec<Prompt>)> {
        let config = self.eval_config(ctx);
        let (prompts, facts) = self.prompts(ctx)?;
        let mut arms = vec![Arm { name: "base".to_owned(), kind: ArmKind::Base }];
        let (mut comparisons, mut dose) = (Vec::new(), Vec::new());
        for (cell, run) in cells.iter().zip(runs) {
            let last = run.resolve("last", &ctx.ui)?;
            let path = last.path.strip_prefix(&ctx.project).unwrap_or(&last.path);
            let kind = ArmKind::Adapter {
                adapter_sha256: last.adapter_sha256.clone(),
                path: path.to_string_lossy().into_owned(),
                on: None,
                trained_on: Some(Box::new(facts[cell.version].clone())),
            };
            let arm = cell.arm.clone();
            arms.push(Arm { name: arm.clone(), kind });
            comparisons.push(PlannedComparison { arm, against: "base".to_owned(), scope: Scope::All });
            let plan = self.plan(cell)?;
            dose.push(DoseCell {
                arm: cell.arm.clone(),
                run: run.name.clone(),
                dose: cell.dose.clone(),
                seed: cell.seed,
                rows_drawn: plan.train.len(),
                supervised_tokens: plan.supervised_tokens(),
            });
        }
        let largest = self.cell(
            *self.config.rows.last().context("dose.rows is empty")?,
            *self.config.epochs.last().context("dose.epochs is empty")?,
            0,
            self.config.seeds[0],
        );
        let headline = comparisons.iter().find(|planned| planned.arm == largest.arm);
        let headline = headline.context("the largest dose is a cell")?.clone();
        let of_eval = ctx.with_config(config);
        let design = Design { dose, ..plan::design(&of_eval) };
        let plan = plan::frame(&of_eval, model, arms, (comparisons, headline), design);
        Ok((EvaluationPlan { dataset: Some(facts[0].clone()), ..plan }, prompts))
    }

    /// The held-out prompts of the first version and those of the suites, without any that a version has in its training
    /// side; and the facts of every version.
    fn prompts(&self, ctx: &Project) -> anyhow::Result<(Vec<Prompt>, Vec<DatasetFacts>)> {
        let held_out = suites::test_prompts(&self.versions[0], &ctx.ui)?;
        let chosen = suites::chosen(ctx, &ctx.config, held_out)?;
        let sides = self.versions.iter().map(|version| plan::TrainingSide::read(version, &ctx.ui));
        let sides = sides.collect::<anyhow::Result<Vec<_>>>()?;
        let total = chosen.len();
        let leaks = |prompt: &Prompt| sides.iter().any(|side| side.overlap(prompt) >= LEAK_THRESHOLD);
        let prompts: Vec<Prompt> = chosen.into_iter().filter(|prompt| !leaks(prompt)).collect();
        if prompts.len() < total {
            ctx.ui.warn(format!(
                "{} of {total} prompts are left out: a dataset of the study has them in its training side",
                total - prompts.len()
            ));
        }
        anyhow::ensure!(
            !prompts.is_empty(),
            "every prompt was trained on in one of the datasets: none is left to ask"
        );
        // None of the prompts that are left may be recited.
        let facts = sides.iter().zip(&self.versions).map(|(side, version)| side.facts(version, &prompts).0);
        let facts = facts.collect();
        Ok((prompts, facts))
    }
}
