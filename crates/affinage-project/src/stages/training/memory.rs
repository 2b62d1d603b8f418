//! How much memory a training step takes, and what is run again to stay within `train.memory-budget-gb`.

use affinage_engine::lora::Adapter;
use affinage_engine::model::{Model, TrainingMemory};
use affinage_engine::train::micro_batch_ranges;
use affinage_engine::weights::ModelConfig;
use anyhow::anyhow;
use serde::Serialize;

use super::plan::{Plan, lora};
use crate::errors::HintExt as _;
use crate::folder::config::Train;
use crate::machine;

const GB: f64 = 1e9;

/// What a run keeps in memory.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MemoryPlan {
    pub layers: usize,
    /// The lowest layers are run again in the backward instead of being kept.
    pub recompute_layers: usize,
    /// Tokens of the largest micro-batch.
    pub largest_micro_batch_tokens: usize,
    /// Resident memory of the process at its highest: what is resident now and what a step adds.
    pub expected_peak_bytes: u64,
    /// Of it what is there before a step.
    #[serde(skip)]
    resident: u64,
    /// Tokens that carry loss in the largest micro-batch.
    #[serde(skip)]
    supervised: usize,
}

/// About what a training takes whose longest row has so many tokens, in a process that holds `resident` bytes with the
/// weights.
pub fn peak_bytes(config: &Train, model: &ModelConfig, longest_row: usize, resident: u64) -> u64 {
    let tokens = longest_row.max(config.micro_batch_tokens);
    peak_of(config, model, (tokens, tokens), resident)
}

/// What a training takes at its highest whose largest micro-batch has so many tokens and of them so many with loss.
fn peak_of(config: &Train, model: &ModelConfig, (tokens, supervised): (usize, usize), resident: u64) -> u64 {
    let memory = TrainingMemory::of(model, &Adapter::zeros(lora(config, model), model), tokens, supervised);
    let again = config.memory_budget_gb.map_or(0, |budget| {
        let free = ((budget * GB) as u64).saturating_sub(resident);
        memory.recomputed_within(free as usize).unwrap_or(memory.layers)
    });
    resident + memory.bytes(again) as u64
}

impl Plan {
    /// Rows of the micro-batch with the most tokens among all steps.
    pub fn largest_micro_batch(&self) -> Vec<usize> {
        let tokens = |rows: &[usize]| rows.iter().map(|row| self.train[*row].ids.len()).sum::<usize>();
        (1..=self.steps)
            .flat_map(|step| {
                let rows = self.rows_of(step);
                let lens: Vec<usize> = rows.iter().map(|row| self.train[*row].ids.len()).collect();
                let groups = micro_batch_ranges(&lens, self.config.micro_batch_tokens);
                groups.into_iter().map(move |group| rows[group].to_vec())
            })
            .max_by_key(|rows| tokens(rows))
            .unwrap_or_default()
    }

    /// About what the training takes at its highest where rows of at most `limit` tokens are taken; `now` is what it takes
    /// as it is, and stays so where no row comes to it.
    pub fn peak_within(&self, model: &ModelConfig, limit: usize, now: &MemoryPlan) -> u64 {
        let coming = self.left_out.iter().filter(|row| row.split == "train" && row.tokens <= limit);
        let Some(longest) = coming.map(|row| row.tokens).max() else { return now.expected_peak_bytes };
        // Longer rows fill a micro-batch up to what it holds, or are one of their own.
        let filled = self.config.micro_batch_tokens.min(longest * self.config.rows_per_step);
        let tokens = longest.max(filled).max(now.largest_micro_batch_tokens);
        let share = now.supervised as f64 / now.largest_micro_batch_tokens.max(1) as f64;
        let supervised = (share * tokens as f64).ceil() as usize;
        peak_of(&self.config, model, (tokens, supervised), now.resident)
    }

    /// Chooses what is kept, so that the process stays within the budget, and remembers it for the run.
    ///
    /// Errors if the budget is too small even when every layer is run again.
    pub fn fit_memory(&mut self, engine: &Model) -> anyhow::Result<MemoryPlan> {
        let rows = self.largest_micro_batch();
        let tokens = rows.iter().map(|row| self.train[*row].ids.len()).sum();
        let supervised =
            rows.iter().map(|row| self.train[*row].loss_mask.iter().filter(|on| **on).count()).sum();
        let memory = TrainingMemory::of(engine.config(), &self.new_adapter(engine), tokens, supervised);
        let resident = machine::resident_bytes().unwrap_or(0);
        let layers = memory.layers;
        self.recompute_layers = match self.config.memory_budget_gb {
            None => 0,
            Some(budget) => {
                let free = (budget * GB) as u64;
                memory.recomputed_within(free.saturating_sub(resident) as usize).ok_or_else(|| {
                    let least = (resident as f64 + memory.bytes(layers) as f64) / GB;
                    anyhow!(
                        "`train.memory-budget-gb` is {budget}, but a step over {tokens} tokens takes {least:.2} GB \
                         even when every layer is run again"
                    )
                })
                .hint(format!(
                    "raise the budget, or lower `train.micro-batch-tokens` (now {}; the longest row has {} tokens)",
                    self.config.micro_batch_tokens,
                    self.train.iter().map(|row| row.ids.len()).max().unwrap_or(0),
                ))?
            }
        };
        Ok(MemoryPlan {
            layers,
            recompute_layers: self.recompute_layers,
            largest_micro_batch_tokens: tokens,
            expected_peak_bytes: resident + memory.bytes(self.recompute_layers) as u64,
            resident,
            supervised,
        })
    }
}
