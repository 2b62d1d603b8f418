//! About what a training takes in memory and time on a model that need not be here: from its shape, the multiply rate of
//! this machine and the rows that are frozen.

use std::time::{Duration, Instant};

use affinage_dataset::example::DatasetRow;
use affinage_dataset::tokenize::TokenizedExample;
use affinage_engine::kernels::arch::peak::Square;
use affinage_engine::train::steps_per_epoch;
use affinage_engine::weights::ModelConfig;

use super::memory::peak_bytes;
use super::plan::{MAX_STEPS, Plan, is_evaluated_after, steps_of};
use crate::folder::config::Train;
use crate::folder::datasets::DatasetVersion;
use crate::folder::project::Project;
use crate::machine;
use crate::model::known::{KnownModel, block_weights};
use crate::stages::lengths::{Length, Ruler};

/// The share of the multiply rate that trainings reached: .73 with SmolLM2-135M, about as much with the shape of
/// Qwen2.5-0.5B, somewhat less on short rows (docs/BENCHMARKS.md).
pub const SHARE_OF_RATE: f64 = 0.7;
/// Where no tokenizer is here to count with: UTF-8 bytes of a token, and tokens that a template writes around a message.
const BYTES_PER_TOKEN: usize = 4;
const TOKENS_AROUND: usize = 5;
/// What is trained on where nothing is frozen: rows, a tenth of them for validation, and tokens of each.
const ROWS: usize = 1000;
const ROW_TOKENS: usize = 300;
/// Side and seconds of the products that are measured.
const SIDE: usize = 1024;
const MEASURED_S: f64 = 1.0;

/// The rows of a training by their tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// The version that was frozen last; `None`: an assumed one.
    pub dataset: Option<String>,
    /// The model whose tokenizer counted; `None`: estimated from the bytes of the texts.
    pub counted_by: Option<String>,
    pub train: Vec<usize>,
    pub validation: Vec<usize>,
    /// Rows that are longer than the training takes.
    pub left_out: usize,
}

impl Workload {
    /// The newest dataset version of the project, counted with the project's model where that is on this machine.
    ///
    /// Errors: a version that cannot be read.
    pub fn of(ctx: &Project) -> anyhow::Result<Workload> {
        let Some(version) = DatasetVersion::list(&ctx.project)?.pop() else { return Ok(Workload::assumed()) };
        let ruler = Ruler::open(ctx).ok();
        let limit = ruler.as_ref().map_or(ctx.config.train.max_seq_tokens, |ruler| ruler.limit);
        let mut left_out = 0;
        let mut lengths = |split: &str| -> anyhow::Result<Vec<usize>> {
            let rows = version.rows(split, &ctx.ui)?;
            let measured = rows.iter().map(|row| length_of(row, ruler.as_ref(), limit));
            let taken: Vec<usize> =
                measured.filter(|length| !length.is_too_long).map(|length| length.tokens).collect();
            left_out += rows.len() - taken.len();
            Ok(taken)
        };
        let (train, validation) = (lengths("train")?, lengths("validation")?);
        let counted_by = ruler.map(|ruler| ruler.model().to_owned());
        Ok(Workload { dataset: Some(version.name), counted_by, train, validation, left_out })
    }

    /// The rows that `plan` takes, and of those that it leaves out the ones of at most `limit` tokens.
    pub fn within(plan: &Plan, limit: usize) -> Workload {
        let rows = |split: &str, taken: &[TokenizedExample]| -> Vec<usize> {
            let long = plan.left_out.iter().filter(|row| row.split == split && row.tokens <= limit);
            taken.iter().map(|row| row.ids.len()).chain(long.map(|row| row.tokens)).collect()
        };
        let (train, validation) = (rows("train", &plan.train), rows("validation", &plan.validation));
        let left_out = plan.left_out.iter().filter(|row| row.tokens > limit).count();
        Workload { dataset: Some(plan.dataset.clone()), counted_by: None, train, validation, left_out }
    }

    fn assumed() -> Workload {
        let held_out = ROWS / 10;
        Workload {
            dataset: None,
            counted_by: None,
            train: vec![ROW_TOKENS; ROWS - held_out],
            validation: vec![ROW_TOKENS; held_out],
            left_out: 0,
        }
    }

    /// The steps that `config` takes on these rows, and those that `train.epochs` alone would be.
    pub fn steps(&self, config: &Train) -> (usize, usize) {
        steps_of(config, self.rows(config))
    }

    fn rows(&self, config: &Train) -> usize {
        config.rows.map_or(self.train.len(), |rows| rows.min(self.train.len()))
    }

    /// About how long the training that `config` asks for takes, at `flop_per_s` of the multiply. A `train.supervised-tokens`
    /// is not looked at.
    ///
    /// A token costs two operations for each weight of the blocks and of the head forward, and as many backward: what
    /// is frozen needs no gradient of its own. Attention costs two for each value of its queries and each token that it sees,
    /// and twice as many backward; windows are not looked at. Evaluations go only forward.
    pub fn seconds(&self, config: &Train, model: &ModelConfig, flop_per_s: f64) -> f64 {
        let all = self.train.len();
        if all == 0 {
            return 0.0;
        }
        let rows = self.rows(config);
        let steps = self.steps(config).0.min(MAX_STEPS);
        let epochs = steps as f64 / steps_per_epoch(rows, config.rows_per_step) as f64;
        let evaluations =
            (0..=steps).filter(|step| is_evaluated_after(config.eval_every, steps, *step)).count() as f64;
        let weights = (block_weights(model) + model.vocab_size * model.hidden_size) as f64;
        let queries = (model.layers * model.heads * model.head_dim) as f64;
        // Of a row of n tokens, n (n + 1) / 2 pairs, a product of scores and one of values each.
        let flop = |rows: &[usize], per_weight: f64, per_query: f64| -> f64 {
            let of_row = |tokens: f64| tokens * (per_weight * weights + per_query * queries * (tokens + 1.0));
            rows.iter().map(|tokens| of_row(*tokens as f64)).sum()
        };
        let trained = flop(&self.train, 4.0, 6.0) * (rows as f64 * epochs / all as f64);
        (trained + evaluations * flop(&self.validation, 2.0, 2.0)) / (flop_per_s * SHARE_OF_RATE)
    }

    /// About the memory of that training, in a process that holds what this one does and the weights.
    pub fn memory_bytes(&self, config: &Train, model: &KnownModel) -> u64 {
        self.memory_beside(machine::resident_bytes().unwrap_or(0), config, model)
    }

    /// The same in a process that holds `held` bytes before the model is read.
    fn memory_beside(&self, held: u64, config: &Train, model: &KnownModel) -> u64 {
        let longest = self.train.iter().copied().max().unwrap_or(0);
        peak_bytes(config, &model.config(), longest, held + model.disk_bytes)
    }
}

/// About how long the training of `plan` would take where rows of at most so many tokens were taken, if the one as it is takes
/// `now`.
pub fn time_within(plan: &Plan, model: &ModelConfig, now: Duration) -> impl Fn(usize) -> Duration {
    let work = |limit: usize| Workload::within(plan, limit).seconds(&plan.config, model, 1.0);
    let as_it_is = work(0).max(f64::MIN_POSITIVE);
    move |limit| {
        Duration::try_from_secs_f64(now.as_secs_f64() * (work(limit) / as_it_is)).unwrap_or(Duration::MAX)
    }
}

/// As the ruler measures it; without one, or where it cannot, estimated from the bytes of the texts.
fn length_of(row: &DatasetRow, ruler: Option<&Ruler>, limit: usize) -> Length {
    ruler.and_then(|ruler| ruler.measure(&row.example_id, &row.messages)).unwrap_or_else(|| {
        let tokens = row.messages.iter().map(|m| m.content.len() / BYTES_PER_TOKEN + TOKENS_AROUND).sum();
        Length { tokens, is_too_long: tokens > limit }
    })
}

/// Floating-point operations a second of the matrix multiply on all threads, measured for about a second: the middle of
/// its products.
pub fn multiply_rate() -> f64 {
    let mut square = Square::new(SIDE);
    square.multiply();
    let began = Instant::now();
    let mut seconds = Vec::new();
    while seconds.is_empty() || began.elapsed().as_secs_f64() < MEASURED_S {
        let began = Instant::now();
        square.multiply();
        seconds.push(began.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    square.flop() / seconds[seconds.len() / 2].max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::known::KNOWN_MODELS;

    fn workload(train: &[usize], validation: &[usize]) -> Workload {
        let (train, validation) = (train.to_vec(), validation.to_vec());
        Workload { dataset: None, counted_by: None, train, validation, left_out: 0 }
    }

    #[test]
    fn time_is_that_of_the_steps_and_evaluations_that_are_asked_for() {
        // Without a layer nothing attends.
        let model = ModelConfig { layers: 0, ..KNOWN_MODELS[0].config() };
        let weights = (block_weights(&model) + 49_152 * 576) as f64;
        // One operation for each weight takes a second.
        let seconds = |work: &Workload, config: &Train| work.seconds(config, &model, weights / SHARE_OF_RATE);
        let work = workload(&[30; 8], &[]);
        let one = Train { epochs: 1, rows_per_step: 2, ..Train::default() };
        assert!((seconds(&work, &one) - 4.0 * 240.0).abs() < 1e-6);
        assert!((seconds(&work, &Train { epochs: 3, ..one.clone() }) - 4.0 * 720.0).abs() < 1e-6);
        assert!((seconds(&work, &Train { rows: Some(4), ..one.clone() }) - 4.0 * 120.0).abs() < 1e-6);
        assert!((seconds(&work, &Train { max_steps: Some(1), ..one.clone() }) - 4.0 * 60.0).abs() < 1e-6);
        // Before the first of four steps, and after each.
        let validated = workload(&[30; 8], &[10]);
        assert!((seconds(&validated, &one) - (4.0 * 240.0 + 2.0 * 5.0 * 10.0)).abs() < 1e-6);
        assert_eq!(seconds(&workload(&[], &[10]), &one), 0.0);
    }

    #[test]
    fn a_token_of_a_long_row_takes_longer_by_what_it_attends_to() {
        let model = KNOWN_MODELS[0].config();
        let weights = (block_weights(&model) + 49_152 * 576) as f64;
        let queries = (30 * 9 * 64) as f64;
        let config = Train { epochs: 1, rows_per_step: 1, ..Train::default() };
        let seconds = |train: &[usize], validation: &[usize]| {
            workload(train, validation).seconds(&config, &model, 1.0 / SHARE_OF_RATE)
        };
        let wanted = 4096.0 * (4.0 * weights + 6.0 * queries * 4097.0);
        assert!((seconds(&[4096], &[]) / wanted - 1.0).abs() < 1e-12);
        // Two evaluations, before and after the only step.
        let scored = 2.0 * 100.0 * (2.0 * weights + 2.0 * queries * 101.0);
        assert!((seconds(&[4096], &[100]) / (wanted + scored) - 1.0).abs() < 1e-12);
        assert!(seconds(&[4096], &[]) > 1.5 * seconds(&[256; 16], &[]));
    }

    #[test]
    fn longer_rows_and_larger_models_take_more_memory_and_a_budget_less() {
        let memory = |row: usize, config: &Train, model: &KnownModel| {
            workload(&[row], &[]).memory_beside(50_000_000, config, model) as f64
        };
        let plain = Train::default();
        let (small, large) = (&KNOWN_MODELS[1], &KNOWN_MODELS[4]);
        assert!(memory(4096, &plain, small) > 2.0 * memory(300, &plain, small));
        assert!(memory(300, &plain, large) > 2.0 * memory(300, &plain, small));
        let within = Train { memory_budget_gb: Some(0.8), ..Train::default() };
        assert!(memory(300, &within, small) <= 0.81e9);
        assert!(memory(300, &plain, small) > 0.81e9);
    }

    #[test]
    fn the_multiply_has_a_rate() {
        let rate = multiply_rate();
        assert!(rate.is_finite() && rate > 1e6, "{rate}");
    }
}
