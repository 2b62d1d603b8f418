//! What an arm answered, with everything needed to answer the same again.

use affinage_dataset::template::Thinking;
use serde::{Deserialize, Serialize};

use crate::ROW_VERSION;
use crate::id::row_id;
use crate::thought::{SplitThought, split_thought};

/// One line of `completions.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    pub v: u32,
    /// Hash of what was asked for (prompt, arm, weights, sample, seed, sampling), not of the answer: a resumed
    /// run knows which answers exist.
    pub completion_id: String,
    pub prompt_id: String,
    pub arm: String,
    /// Hash of the adapter that wrote the answer; `None` for the base model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter_sha256: Option<String>,
    /// Hash of the model that answered, without the adapter; `None` for a model behind a server, whose weights are unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_sha256: Option<String>,
    /// What such a server said of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<Served>,
    /// 0, 1, ... for several answers to one prompt. Arms meet on equal sample numbers.
    pub sample: u32,
    pub seed: u64,
    pub sampling: Sampling,
    /// What the template was told of thinking; `None` where a server applies its own, and in rows of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Thinking>,
    /// Whole, with the thought before the answer; see [`Completion::answer`].
    pub text: String,
    /// Length of the text in tokens of the arm's own tokeniser; 0 where a server did not count them.
    pub tokens: usize,
    /// How many of them are the thought and its marks; `None` where there is no thought or nobody counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thought_tokens: Option<usize>,
    pub finish_reason: FinishReason,
}

impl Completion {
    /// What was said, without the thought before it: what is judged, checked and counted.
    pub fn answer(&self) -> &str {
        split_thought(&self.text).answer
    }

    /// Whether the model thought before it answered; empty marks are no thought.
    pub fn has_thought(&self) -> bool {
        split_thought(&self.text).thought.is_some_and(|thought| !thought.is_empty())
    }

    /// Tokens of the answer alone; `None` where they are not known.
    pub fn answer_tokens(&self) -> Option<usize> {
        let counted = self.tokens > 0 || self.text.is_empty();
        match (counted, split_thought(&self.text).thought) {
            (false, _) => None,
            (true, None) => Some(self.tokens),
            (true, Some(_)) => Some(self.tokens.saturating_sub(self.thought_tokens?)),
        }
    }

    /// Whether the tokens ended within the thought, or the thought has no end: there is no answer, good or bad.
    pub fn is_lost_in_thought(&self) -> bool {
        let SplitThought { thought, answer, closed } = split_thought(&self.text);
        let is_cut = self.finish_reason == FinishReason::Length && answer.trim().is_empty();
        thought.is_some() && (!closed || is_cut)
    }
}

/// Who answered, where only a server can tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Served {
    /// The model that the reply names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What was left out of the request because the server refuses it: the answer was not drawn as `sampling` says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
}

/// How tokens are drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0 is greedy.
    pub temperature: f64,
    pub top_p: f64,
    /// 0 keeps every token.
    pub top_k: u32,
    pub max_new_tokens: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FinishReason {
    /// The model ended its answer.
    Stop,
    /// The answer was cut at the token limit.
    Length,
    /// A remote server withheld the answer.
    Filtered,
}

/// What makes one planned answer differ from another.
#[derive(Clone, Debug)]
pub struct CompletionKey<'a> {
    pub prompt_id: &'a str,
    pub arm: &'a str,
    pub adapter_sha256: Option<&'a str>,
    /// `None` for a model behind a server.
    pub base_sha256: Option<&'a str>,
    pub sample: u32,
    pub seed: u64,
    pub sampling: &'a Sampling,
}

impl CompletionKey<'_> {
    pub fn completion_id(&self) -> String {
        let sampling = serde_json::to_string(self.sampling).expect("numbers serialise");
        row_id(
            "cpl",
            &[
                self.prompt_id,
                self.arm,
                self.adapter_sha256.unwrap_or("-"),
                self.base_sha256.unwrap_or("-"),
                &self.sample.to_string(),
                &self.seed.to_string(),
                &sampling,
            ],
        )
    }

    /// The row of the answer to this key.
    pub fn answered(&self, text: String, tokens: usize, finish_reason: FinishReason) -> Completion {
        Completion {
            v: ROW_VERSION,
            completion_id: self.completion_id(),
            prompt_id: self.prompt_id.to_owned(),
            arm: self.arm.to_owned(),
            adapter_sha256: self.adapter_sha256.map(str::to_owned),
            base_sha256: self.base_sha256.map(str::to_owned),
            served: None,
            sample: self.sample,
            seed: self.seed,
            sampling: self.sampling.clone(),
            thinking: None,
            text,
            tokens,
            thought_tokens: None,
            finish_reason,
        }
    }
}
