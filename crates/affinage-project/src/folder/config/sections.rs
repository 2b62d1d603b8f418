//! The sections of `affinage.toml` and their defaults.

use std::collections::BTreeMap;

use affinage_dataset::message::Role;
use affinage_dataset::tokenize::LossMode;
use affinage_engine::lora::Target;
use affinage_engine::optim::Schedule;
use affinage_eval::suite::Domain;
use serde::{Deserialize, Serialize};

use super::checks;

/// `[dataset]`: how a version is split and who speaks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Dataset {
    /// Share of the examples in `validation.jsonl`, in [0, 1).
    #[serde(deserialize_with = "checks::share")]
    pub validation_share: f64,
    /// Share of the examples in `test.jsonl`, in [0, 1).
    #[serde(deserialize_with = "checks::share")]
    pub test_share: f64,
    /// Seed of the split.
    pub seed: u64,
    /// Speaker names of plain transcripts and what they are.
    pub roles: BTreeMap<String, Role>,
}

impl Default for Dataset {
    fn default() -> Self {
        Self { validation_share: 0.1, test_share: 0.15, seed: 42, roles: BTreeMap::new() }
    }
}

/// `[train]`: LoRA fine-tuning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Train {
    /// LoRA rank r, 1 to 4096.
    #[serde(deserialize_with = "checks::rank")]
    pub rank: usize,
    /// LoRA alpha; updates are scaled by alpha / rank.
    #[serde(deserialize_with = "checks::positive")]
    pub alpha: f64,
    /// Scale by alpha / sqrt(rank) instead (rsLoRA).
    pub use_rslora: bool,
    /// The projections that get an adapter, at least one, in the order of the model. A model that has several as one matrix
    /// gets one for them together: see [`Target::meant`].
    #[serde(deserialize_with = "checks::targets")]
    pub targets: Vec<Target>,
    /// Dropout on the adapter's input, in [0, 1).
    #[serde(deserialize_with = "checks::share")]
    pub dropout: f64,
    /// Peak learning rate of AdamW (betas .9 and .999, eps 1e-8).
    #[serde(deserialize_with = "checks::positive")]
    pub learning_rate: f64,
    pub schedule: Schedule,
    /// Share of the steps that warm up, in [0, 1).
    #[serde(deserialize_with = "checks::share")]
    pub warmup_ratio: f64,
    #[serde(deserialize_with = "checks::at_least_1")]
    pub epochs: usize,
    /// Stops earlier than `epochs` would; the schedule ends there too.
    #[serde(deserialize_with = "checks::some_at_least_1", skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<usize>,
    /// Only so many rows, drawn in an order of the seed: fewer of one seed are the beginning of more. `None`: all.
    #[serde(deserialize_with = "checks::some_at_least_1", skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    /// Only so many tokens to learn from: rows are drawn in that order until they hold as many. `None`: all.
    #[serde(deserialize_with = "checks::some_at_least_1", skip_serializing_if = "Option::is_none")]
    pub supervised_tokens: Option<u64>,
    /// Examples per optimizer step.
    #[serde(deserialize_with = "checks::at_least_1")]
    pub rows_per_step: usize,
    /// What becomes of a longer row says `long_rows`.
    #[serde(deserialize_with = "checks::at_least_1")]
    pub max_seq_tokens: usize,
    pub long_rows: LongRows,
    /// Tokens computed at once; bounds the memory, changes no result beyond rounding.
    #[serde(deserialize_with = "checks::at_least_1")]
    pub micro_batch_tokens: usize,
    /// Gigabytes (10^9 bytes) that the process may take while it trains; layers are run again to stay within.
    #[serde(deserialize_with = "checks::some_positive", skip_serializing_if = "Option::is_none")]
    pub memory_budget_gb: Option<f64>,
    /// Which tokens are learnt.
    pub loss: LossMode,
    /// Largest norm of the gradient over all trainable tensors.
    #[serde(deserialize_with = "checks::positive")]
    pub clip_norm: f64,
    #[serde(deserialize_with = "checks::not_negative")]
    pub weight_decay: f64,
    /// Learning rate of B over that of A; 1 is plain LoRA.
    #[serde(deserialize_with = "checks::positive")]
    pub lora_plus_ratio: f64,
    /// Steps between evaluations, each with a checkpoint; `None`: five, evenly spaced, the last at the end.
    #[serde(deserialize_with = "checks::some_at_least_1", skip_serializing_if = "Option::is_none")]
    pub eval_every: Option<usize>,
    pub seed: u64,
}

/// An engine that trains in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineName {
    /// PyTorch and transformers
    Torch,
    /// MLX and the models of mlx-lm
    Mlx,
}

impl EngineName {
    /// As it is written on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Torch => "torch",
            Self::Mlx => "mlx",
        }
    }
}

/// `[engine]` of a run.toml: what computed the steps where it was not this program. affinage.toml has no such section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EngineRecord {
    pub name: EngineName,
    pub device: String,
    /// Of the base: `f32`, `tf32` (f32 with rounded products) or `bf16`; the adapter is always in f32.
    pub precision: String,
    pub versions: BTreeMap<String, String>,
}

/// What becomes of rows that are longer than `max-seq-tokens`. None is ever cut: an answer without its end teaches the
/// model not to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LongRows {
    /// They are left out, counted and named in the run's events.
    LeaveOut,
    /// The training does not begin.
    Refuse,
}

impl Default for Train {
    fn default() -> Self {
        Self {
            rank: 16,
            alpha: 32.0,
            use_rslora: false,
            targets: Target::SEPARATE.to_vec(),
            dropout: 0.0,
            learning_rate: 2e-4,
            schedule: Schedule::Cosine,
            warmup_ratio: 0.03,
            epochs: 2,
            max_steps: None,
            rows: None,
            supervised_tokens: None,
            rows_per_step: 8,
            max_seq_tokens: 1024,
            long_rows: LongRows::LeaveOut,
            micro_batch_tokens: 1024,
            memory_budget_gb: None,
            loss: LossMode::LastAnswer,
            clip_norm: 1.0,
            weight_decay: 0.0,
            lora_plus_ratio: 1.0,
            eval_every: None,
            seed: 42,
        }
    }
}

/// `[generate]`: how completions are sampled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Generate {
    /// 0 is greedy.
    #[serde(deserialize_with = "checks::not_negative")]
    pub temperature: f64,
    /// In (0, 1]; 1 keeps every token.
    #[serde(deserialize_with = "checks::top_p")]
    pub top_p: f64,
    /// 0 keeps every token.
    pub top_k: usize,
    #[serde(deserialize_with = "checks::at_least_1")]
    pub max_new_tokens: usize,
    /// Answers per prompt and arm.
    #[serde(deserialize_with = "checks::at_least_1")]
    pub samples: usize,
    pub seed: u64,
    /// Prompts decoded at once; changes no answer.
    #[serde(deserialize_with = "checks::at_least_1")]
    pub batch: usize,
}

impl Default for Generate {
    fn default() -> Self {
        Self { temperature: 0.7, top_p: 0.95, top_k: 0, max_new_tokens: 256, samples: 1, seed: 1, batch: 16 }
    }
}

/// `[eval]`: what is compared on which prompts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Eval {
    /// The folder below `evals/`.
    #[serde(deserialize_with = "checks::folder_name")]
    pub name: String,
    /// `last`, `best` or `step-N`.
    pub checkpoints: Vec<String>,
    /// The best prompt you can write, for the arm `base+prompt`; without it a plain one stands in, and the report says
    /// so. An empty one leaves the arm out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    /// The arm `base+N-examples` has so many accepted examples in front; 0 leaves it out.
    pub examples: usize,
    /// Answers per prompt and arm, in place of `generate.samples`.
    #[serde(deserialize_with = "checks::some_at_least_1", skip_serializing_if = "Option::is_none")]
    pub repeats: Option<usize>,
    /// Further temperatures at which every arm answers, beside `generate.temperature`.
    pub temperatures: Vec<f64>,
    /// Further limits of new tokens at which every arm answers.
    pub lengths: Vec<u32>,
    /// Built-in suites, and `in-domain` for the held-out prompts of the dataset.
    pub suites: Vec<String>,
    /// At most so many prompts of each suite; without it all held-out ones and those of files, and of each built-in suite
    /// the first thirty.
    #[serde(deserialize_with = "checks::some_at_least_1", skip_serializing_if = "Option::is_none")]
    pub prompts_per_suite: Option<usize>,
    /// In place of `generate.max-new-tokens`.
    #[serde(deserialize_with = "checks::some_at_least_1", skip_serializing_if = "Option::is_none")]
    pub max_new_tokens: Option<usize>,
    /// Readers with their own weights; without any, three stand in.
    #[serde(rename = "audience", skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<Audience>,
}

impl Default for Eval {
    fn default() -> Self {
        // Enough for both questions, in its domain and outside, in a time that a laptop has.
        let suites = ["in-domain", "practical", "maths", "factual"];
        Self {
            name: "first-look".to_owned(),
            checkpoints: vec!["last".to_owned()],
            system_prompt: None,
            examples: 3,
            repeats: None,
            temperatures: Vec::new(),
            lengths: Vec::new(),
            suites: suites.map(str::to_owned).to_vec(),
            prompts_per_suite: None,
            max_new_tokens: None,
            audiences: Vec::new(),
        }
    }
}

/// `[judging]`: how judges are asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Judging {
    /// `two`: both orders of a pair. `four`: each order under both labels.
    pub cells: affinage_eval::comparison::Presentations,
    /// Ask 40 calls (or a tenth) again, to see how far a judge agrees with itself.
    pub repeats: bool,
    /// `eval` examines every judge before its votes count; `judge --qualify` does so by hand.
    pub qualify: bool,
    /// Judge ten prompts at a time in a random order and stop once the evidence is enough. Part of the plan.
    pub stop_early: bool,
    /// A file with rubrics of your own, relative to the project folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rubric_file: Option<std::path::PathBuf>,
    /// No call is made that could lift the cost of an evaluation above this.
    #[serde(deserialize_with = "checks::some_not_negative", skip_serializing_if = "Option::is_none")]
    pub budget_usd: Option<f64>,
}

impl Default for Judging {
    fn default() -> Self {
        let cells = affinage_eval::comparison::Presentations::Two;
        Self { cells, repeats: true, qualify: true, stop_early: false, rubric_file: None, budget_usd: None }
    }
}

/// `[[eval.audience]]`: what a reader values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Audience {
    pub name: String,
    #[serde(deserialize_with = "checks::not_negative")]
    pub creativity: f64,
    #[serde(deserialize_with = "checks::not_negative")]
    pub coherence: f64,
    #[serde(deserialize_with = "checks::not_negative")]
    pub depth: f64,
    #[serde(deserialize_with = "checks::not_negative")]
    pub engagement: f64,
    #[serde(deserialize_with = "checks::not_negative")]
    pub writing_quality: f64,
}

impl Default for Audience {
    fn default() -> Self {
        let name = "a reader".to_owned();
        Self { name, creativity: 0.0, coherence: 0.0, depth: 0.0, engagement: 0.0, writing_quality: 0.0 }
    }
}

/// `[[suite]]`: prompts of the user's own, one JSON object a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Suite {
    #[serde(deserialize_with = "checks::folder_name")]
    pub name: String,
    /// Relative to the project folder.
    pub file: std::path::PathBuf,
    /// Whether it asks for what the adapter was trained on.
    pub domain: Domain,
    pub category: String,
}

/// `[[judge]]`: who compares answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Judge {
    /// Names the judge in files and reports.
    #[serde(deserialize_with = "checks::folder_name")]
    pub id: String,
    pub kind: JudgeKind,
    /// The provider's model name; for `local` as the top-level `model`.
    pub model: String,
    /// Default: the provider's own address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The environment variable that holds the key; see [`Judge::api_key_env`].
    #[serde(skip_serializing_if = "Option::is_none", rename = "api-key-env")]
    pub api_key_variable: Option<String>,
    /// The maker's family (claude, gpt, google, qwen, ...), where the model's name does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    #[serde(default = "Judge::default_max_tokens", deserialize_with = "checks::at_least_1")]
    pub max_tokens: usize,
    /// Calls in flight at once.
    #[serde(default = "Judge::default_concurrency", deserialize_with = "checks::at_least_1")]
    pub concurrency: usize,
    /// How long a reply may take.
    #[serde(default = "Judge::default_timeout_s", deserialize_with = "checks::at_least_1")]
    pub timeout_s: usize,
    /// Calls a minute, for all judges of this address together; `None`: as fast as the server takes them.
    #[serde(default, deserialize_with = "checks::some_at_least_1", skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<usize>,
    /// Sent only if set: newer models refuse it, and some servers have a default of their own.
    #[serde(
        default,
        deserialize_with = "checks::some_not_negative",
        skip_serializing_if = "Option::is_none"
    )]
    pub temperature: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Read the probabilities of the two labels in place of a written verdict, where the server gives them.
    #[serde(default)]
    pub logprobs: bool,
    #[serde(default)]
    pub mode: JudgeMode,
    /// US dollars per million input tokens, for cost lines.
    #[serde(
        default,
        deserialize_with = "checks::some_not_negative",
        skip_serializing_if = "Option::is_none"
    )]
    pub price_in: Option<f64>,
    /// US dollars per million output tokens.
    #[serde(
        default,
        deserialize_with = "checks::some_not_negative",
        skip_serializing_if = "Option::is_none"
    )]
    pub price_out: Option<f64>,
}

impl Judge {
    /// The environment variable with the key: the configured one, else the provider's usual one. None for `local`.
    pub fn api_key_env(&self) -> Option<&str> {
        let usual = match self.kind {
            JudgeKind::Local => return None,
            JudgeKind::Anthropic => "ANTHROPIC_API_KEY",
            JudgeKind::Openai => "OPENAI_API_KEY",
        };
        Some(self.api_key_variable.as_deref().unwrap_or(usual))
    }

    fn default_max_tokens() -> usize {
        2048
    }

    fn default_concurrency() -> usize {
        4
    }

    fn default_timeout_s() -> usize {
        180
    }
}

/// When a judge answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JudgeMode {
    /// Call by call.
    #[default]
    Now,
    /// In a batch of the provider: submitted, and collected by the same command later, at half the price.
    Batch,
}

/// How a judge is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JudgeKind {
    /// A model in this process, through the engine.
    Local,
    /// The Anthropic messages format.
    Anthropic,
    /// The OpenAI chat-completions format, which most local servers speak too.
    Openai,
}
