//! Everything about a training run that is fixed before its first step.

use std::path::PathBuf;

use affinage_dataset::diff::Sides;
use affinage_dataset::example::DatasetRow;
use affinage_dataset::split::Side;
use affinage_dataset::template::TemplateError;
use affinage_dataset::tokenize::TokenizedExample;
use affinage_engine::lora::{Adapter, LoraConfig, Target};
use affinage_engine::model::Model;
use affinage_engine::optim::AdamW;
use affinage_engine::train::{TrainConfig, rows_of_step, steps_per_epoch};
use affinage_engine::weights::ModelConfig;
use affinage_eval::id::row_id;
use affinage_eval::plain::{self, count, counted};
use anyhow::{Context as _, anyhow, bail};

use crate::errors::HintExt as _;
use crate::folder::config::{LongRows, Train};
use crate::folder::datasets::{DatasetVersion, rows_of, side_name};
use crate::folder::events::LongRow;
use crate::model::LoadedModel;
use crate::next::next;
use crate::observer::Observer;
use crate::stages::lengths::{Spread, limit, tokenize_whole};

/// Most steps of a run: years on the machines this is for.
pub(super) const MAX_STEPS: usize = 1_000_000;
/// Steps of a part, and the tokens to which its rows are cut.
pub const PART_STEPS: usize = 4;
pub const PART_ROW_TOKENS: usize = 128;
/// A process of `train --verify-resume`.
pub struct Part {
    /// In place of the project folder for runs.
    pub project: PathBuf,
    /// Stops moving in this step, before its checkpoint, until it is killed.
    pub halt_in: Option<usize>,
}

/// Everything that is fixed before the first step.
pub struct Plan {
    pub train: Vec<TokenizedExample>,
    pub validation: Vec<TokenizedExample>,
    /// Rows of the version that are longer than the training takes.
    pub left_out: Vec<LongRow>,
    pub config: Train,
    pub steps: usize,
    pub dataset: String,
    pub dataset_sha256: String,
    pub(super) recompute_layers: usize,
    pub(super) part: Option<Part>,
}

impl Plan {
    /// Tokenises the splits of `version`, whose rows are `sides`; rows that are too long are left out, which `ui` says.
    ///
    /// Errors: the version is not as it was frozen, or leaks; no training rows; a row that the template does not carry, or
    /// that is too long where `train.long-rows` is `refuse` (all of them are named).
    pub fn new(
        model: &LoadedModel,
        (version, sides): (&DatasetVersion, &Sides),
        config: &Train,
        ui: &dyn Observer,
    ) -> anyhow::Result<Plan> {
        version.check()?;
        let adapted = Target::meant(&config.targets, model.weights.config());
        let targets = adapted.map_err(anyhow::Error::new).with_context(|| "`train.targets`").hint(
            "name the whole matrix, or leave `train.targets` as it was: then every projection has an adapter",
        )?;
        let config = &Train { targets, ..config.clone() };
        let mut left_out = Vec::new();
        let mut tokenize =
            |side: Side| tokenize_rows(model, rows_of(sides, side), config, side_name(side), &mut left_out);
        let (train, validation) = (tokenize(Side::Train)?, tokenize(Side::Validation)?);
        let limit = limit(config, model.weights.config());
        say_left_out(ui, &left_out, limit);
        if let Some(longest) = left_out
            .iter()
            .filter(|row| row.split == "train")
            .map(|row| row.tokens)
            .max()
            .filter(|_| train.is_empty())
        {
            return Err(anyhow!(
                "all training rows of {} have more than {} tokens",
                version.name,
                count(limit as u64)
            ))
            .hint(format!(
                "`train.max-seq-tokens` {longest} takes them all; {} says what memory that needs",
                next("train").words("--dry-run")
            ));
        }
        if train.is_empty() {
            return Err(anyhow!("dataset {} has no training rows", version.name))
                .hint(format!("accept more examples, then freeze a new version with {}", next("dataset")));
        }
        let (dataset, dataset_sha256) = (version.name.clone(), version.sha256().to_owned());
        let whole = Plan {
            train,
            validation,
            left_out,
            config: config.clone(),
            steps: 0,
            dataset,
            dataset_sha256,
            recompute_layers: 0,
            part: None,
        };
        whole.drawn(config)
    }

    /// The training of `config` on the rows that it asks for, out of those that are here.
    ///
    /// Rows are drawn in an order of the seed, so that fewer of one seed are the beginning of more.
    /// Errors: it asks for more rows or tokens than there are.
    pub fn drawn(&self, config: &Train) -> anyhow::Result<Plan> {
        let train: Vec<TokenizedExample> =
            self.chosen(config)?.into_iter().map(|row| self.train[row].clone()).collect();
        let (steps, _) = steps_of(config, train.len());
        if steps > MAX_STEPS {
            return Err(anyhow!(
                "train.epochs {} over {} rows is {steps} steps, expected at most {MAX_STEPS}",
                config.epochs,
                train.len()
            ))
            .hint("lower train.epochs; most runs need 1 to 5");
        }
        Ok(Plan {
            train,
            validation: self.validation.clone(),
            left_out: self.left_out.clone(),
            config: config.clone(),
            steps,
            dataset: self.dataset.clone(),
            dataset_sha256: self.dataset_sha256.clone(),
            recompute_layers: 0,
            part: None,
        })
    }

    /// Positions of the rows that `config` asks for, rising.
    fn chosen(&self, config: &Train) -> anyhow::Result<Vec<usize>> {
        let all = self.train.len();
        let mut order: Vec<usize> = (0..all).collect();
        if config.rows.is_none() && config.supervised_tokens.is_none() {
            return Ok(order);
        }
        let rank = |row: &usize| row_id("drawn", &[&config.seed.to_string(), &self.train[*row].example_id]);
        order.sort_by_cached_key(rank);
        if let Some(rows) = config.rows {
            if rows > all {
                return Err(anyhow!("train.rows is {rows}, {} has {all} training rows", self.dataset))
                    .hint("lower it, or leave it out to take all");
            }
            order.truncate(rows);
        }
        if let Some(wanted) = config.supervised_tokens {
            let mut tokens = 0;
            let needed = order.iter().position(|row| {
                tokens += supervised(&self.train[*row]);
                tokens >= wanted
            });
            let Some(last) = needed else {
                let problem = format!("{} has {tokens} to learn from", self.dataset);
                return Err(anyhow!("train.supervised-tokens is {wanted}, {problem}"))
                    .hint("lower it, or leave it out to take all");
            };
            order.truncate(last + 1);
        }
        order.sort_unstable();
        Ok(order)
    }

    /// Tokens of all rows that are learnt from, each counted once.
    pub fn supervised_tokens(&self) -> u64 {
        self.train.iter().map(supervised).sum()
    }

    /// How long the rows of the version are, those that are left out counted in; `train` and `validation` hold some.
    pub fn spread(&self) -> Option<Spread> {
        let taken = self.train.iter().chain(&self.validation).map(|row| row.ids.len());
        Spread::of(taken.chain(self.left_out.iter().map(|row| row.tokens)).collect())
    }

    /// The same on the beginnings of the rows, four steps with a checkpoint each.
    pub fn part(mut self, part: Part) -> anyhow::Result<Plan> {
        for rows in [&mut self.train, &mut self.validation] {
            for row in rows.iter_mut() {
                row.ids.truncate(PART_ROW_TOKENS);
                row.loss_mask.truncate(PART_ROW_TOKENS);
            }
            rows.retain(|row| row.loss_mask.contains(&true));
        }
        self.validation.truncate(self.config.rows_per_step);
        if self.train.is_empty() {
            bail!("no row has a token to learn among its first {PART_ROW_TOKENS}");
        }
        self.steps = PART_STEPS;
        self.config.eval_every = Some(1);
        Ok(Plan { part: Some(part), ..self })
    }

    /// Input tokens of all steps.
    pub fn tokens(&self) -> u64 {
        let of_rows = |rows: &[usize]| rows.iter().map(|row| self.train[*row].ids.len() as u64).sum::<u64>();
        // A whole epoch has every row once; only the rest depends on the order.
        let per_epoch = steps_per_epoch(self.train.len(), self.config.rows_per_step) as usize;
        let (epochs, rest) = (self.steps / per_epoch, self.steps % per_epoch);
        let all: u64 = self.train.iter().map(|row| row.ids.len() as u64).sum();
        let begun = (self.steps - rest + 1..=self.steps).map(|step| of_rows(&self.rows_of(step)));
        all * epochs as u64 + begun.sum::<u64>()
    }

    /// Passes over the data after `step` steps: of a pass that is not at its end the share of the rows that it has seen.
    pub fn epoch(&self, step: usize) -> f64 {
        let (rows, rows_per_step) = (self.train.len(), self.config.rows_per_step);
        let steps = steps_per_epoch(rows, rows_per_step) as usize;
        (step / steps) as f64 + (step % steps * rows_per_step) as f64 / rows as f64
    }

    /// Steps after which the run is evaluated and saved: the start, every `eval-every`, and the end.
    pub fn evaluated_after(&self, step: usize) -> bool {
        is_evaluated_after(self.config.eval_every, self.steps, step)
    }

    /// The rows of one step, from 1.
    pub fn rows_of(&self, step: usize) -> Vec<usize> {
        rows_of_step(self.config.seed, self.train.len(), self.config.rows_per_step, step as u64)
    }

    /// What the engine needs to know.
    pub fn engine_config(&self) -> TrainConfig {
        let config = &self.config;
        TrainConfig {
            optimizer: AdamW { weight_decay: config.weight_decay, ..AdamW::default() },
            schedule: config.schedule,
            learning_rate: config.learning_rate,
            lora_plus_ratio: config.lora_plus_ratio,
            warmup_steps: (config.warmup_ratio * self.steps as f64).ceil() as u64,
            total_steps: self.steps as u64,
            clip_norm: config.clip_norm,
            micro_batch_tokens: config.micro_batch_tokens,
            recompute_layers: self.recompute_layers,
            seed: config.seed,
        }
    }

    /// A fresh adapter for `model`.
    pub fn new_adapter(&self, model: &Model) -> Adapter {
        Adapter::new(lora(&self.config, model.config()), model.config(), self.config.seed)
    }
}

/// How many steps `config` takes on so many rows, and how many `train.epochs` alone would be.
pub(super) fn steps_of(config: &Train, rows: usize) -> (usize, usize) {
    let epochs = (steps_per_epoch(rows, config.rows_per_step) as usize).saturating_mul(config.epochs);
    (config.max_steps.map_or(epochs, |limit| limit.min(epochs)), epochs)
}

/// See [`Plan::evaluated_after`].
pub(super) fn is_evaluated_after(eval_every: Option<usize>, steps: usize, step: usize) -> bool {
    step == 0
        || step == steps
        || match eval_every {
            Some(every) => step.is_multiple_of(every),
            None => (1..4).any(|quarter| step == (steps * quarter).div_ceil(4)),
        }
}

/// The adapter that `config` asks for on a model.
pub(super) fn lora(config: &Train, model: &ModelConfig) -> LoraConfig {
    LoraConfig {
        rank: config.rank,
        alpha: config.alpha as f32,
        use_rslora: config.use_rslora,
        dropout: config.dropout as f32,
        // A plan refuses what means nothing in its model.
        targets: Target::meant(&config.targets, model).unwrap_or_else(|_| config.targets.clone()),
    }
}

fn supervised(row: &TokenizedExample) -> u64 {
    row.loss_mask.iter().filter(|on| **on).count() as u64
}

/// Tokenises rows. Those that are too long go to `left_out`, unless they are to be refused; every row that cannot be
/// trained on otherwise is named in one error.
fn tokenize_rows(
    model: &LoadedModel,
    rows: &[DatasetRow],
    config: &Train,
    split: &str,
    left_out: &mut Vec<LongRow>,
) -> anyhow::Result<Vec<TokenizedExample>> {
    let parts = (&model.tokenizer, model.template()?, model.end_tokens.as_slice());
    let limit = limit(config, model.weights.config());
    let mut tokenized = Vec::with_capacity(rows.len());
    let (mut failed, mut longest, mut within_tokens) = (Vec::new(), None, 0);
    for (number, row) in rows.iter().enumerate() {
        let id = &row.example_id;
        match tokenize_whole(parts, id, &row.messages, config.loss, limit) {
            Ok(example) => tokenized.push(example),
            Err(TemplateError::TooLong { tokens, .. }) if config.long_rows == LongRows::LeaveOut => {
                left_out.push(LongRow { split: split.to_owned(), example_id: id.clone(), tokens });
            }
            Err(error) => {
                if let TemplateError::TooLong { tokens, .. } = &error {
                    longest = longest.max(Some(*tokens));
                }
                within_tokens += usize::from(matches!(error, TemplateError::SplitToken { .. }));
                failed.push(format!("{split}.jsonl:{} ({id}): {error}", number + 1));
            }
        }
    }
    if failed.is_empty() {
        return Ok(tokenized);
    }
    let listed = plain::listed(&failed, 5, "\n  ");
    let error = anyhow!("{} of {} rows cannot be trained on:\n  {listed}", failed.len(), rows.len());
    match longest {
        Some(tokens) => Err(error).hint(format!(
            "`train.max-seq-tokens` {tokens} takes all of {split}.jsonl; or leave long rows out: `train.long-rows = \"leave-out\"`"
        )),
        None if within_tokens == failed.len() => Err(error).hint(
            "the tokenizer joins what the chat template writes with the answer: take a template that ends the opening of a \
             turn with a special token or a line break, or learn all of each row (`train.loss = \"full\"`)",
        ),
        None => Err(error).hint("mend these rows at the desk (`affinage review`) and freeze a new version"),
    }
}

fn say_left_out(ui: &dyn Observer, left_out: &[LongRow], limit: usize) {
    if left_out.is_empty() {
        return;
    }
    let of = |split: &str| left_out.iter().filter(|row| row.split == split).count();
    let named: Vec<String> = left_out
        .iter()
        .map(|row| format!("{} ({} tokens)", row.example_id, count(row.tokens as u64)))
        .collect();
    ui.warn(format!(
        "{} of more than {} tokens left out, {} of train and {} of validation: {}",
        counted(left_out.len(), "row", "rows"),
        count(limit as u64),
        of("train"),
        of("validation"),
        plain::listed(&named, 5, ", ")
    ));
}
