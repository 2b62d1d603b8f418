//! What a judge said about two positions, and the one place where a position becomes an arm.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::comparison::{BlindKey, Comparison};
use crate::id::row_id;

/// The file of an evaluation in which votes of people stand.
pub const VOTES_FILE: &str = "votes.jsonl";

/// One line of `judgments.jsonl` (and of `votes.jsonl`, where people judged). It names no arm as a winner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgment {
    pub v: u32,
    pub judgment_id: String,
    pub comparison_id: String,
    pub judge_id: String,
    /// 0 for the first time that this judge sees this comparison.
    pub repeat: u32,
    pub outcome: Outcome,
    /// The winner's label exactly as said; `None` for a tie and where nothing was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_said: Option<String>,
    /// Probability of the first position's label against the second's; where label probabilities are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_first: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<PositionScores>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rationale: Option<String>,
    /// How the verdict was read.
    pub parse_path: ParsePath,
    /// The number of the rules that read the reply ([`crate::judge::reply::RULES`]). `None` where there is no reply, and in rows
    /// of versions whose rules had no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_by: Option<u32>,
    /// The one more call after a reply that could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<Repair>,
    /// How long a person looked before deciding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms_to_vote: Option<u64>,
    /// Of a vote: the probability in (0, 1] with which its pair was drawn for voting. Pairs on which judges split are
    /// drawn more often, and count less in turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw_probability: Option<f64>,
    pub request_sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_sha256: Option<String>,
    pub template_sha256: String,
    pub model_requested: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_returned: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// `None` where the price is unknown: never 0 instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    pub attempts: u32,
    /// What was asked of the server beside the texts, after it refused some of it.
    pub params_effective: BTreeMap<String, serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
}

/// The call that asked a judge to put its reply right. Its tokens and cost are part of the judgment's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    pub request_sha256: String,
    pub response_sha256: String,
    /// What was wrong with the first reply.
    pub reason: MissingReason,
}

/// What was said, in the order in which the answers were shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    First,
    Second,
    Tie,
    /// Counted and reported, never scored.
    Missing {
        reason: MissingReason,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissingReason {
    /// No verdict line and no winner field.
    Unparsed,
    /// A winner that is neither of the two labels nor a tie.
    UnknownLabel,
    /// More than one winner.
    BothLabels,
    /// The judge declined, or its server withheld the reply.
    Refusal,
    /// The reply was cut at its token limit.
    Truncated,
    /// The server counted fewer tokens than the request has words: it read a part of it.
    RequestCut,
    /// The label that was written is not the one that the probabilities of the tokens favour.
    ScoredOtherwise,
    /// The five scores of the reply favour another answer than its winner.
    ScoresOtherwise,
    /// The server sent a thought and no answer.
    OnlyThought,
    /// A person passed.
    Skipped,
    /// One of the two answers ended while its model was thinking.
    NoAnswer,
    /// A foreign log's transport failure. Our own are retried and never become rows.
    Error,
}

impl MissingReason {
    pub fn name(self) -> &'static str {
        match self {
            MissingReason::Unparsed => "no verdict found",
            MissingReason::UnknownLabel => "unknown label",
            MissingReason::BothLabels => "more than one winner",
            MissingReason::Refusal => "refusal",
            MissingReason::Truncated => "cut at the token limit",
            MissingReason::RequestCut => "the server cut the request",
            MissingReason::ScoredOtherwise => "written label against its probabilities",
            MissingReason::ScoresOtherwise => "winner against the sum of its own scores",
            MissingReason::OnlyThought => "a thought without an answer",
            MissingReason::Skipped => "skipped",
            MissingReason::NoAnswer => "an answer ended while thinking",
            MissingReason::Error => "transport error",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParsePath {
    /// The `winner` field of a JSON object.
    Json,
    /// The last line, `VERDICT: label`.
    VerdictLine,
    /// Probabilities of the two labels.
    Probability,
    /// A person's key or click.
    Vote,
    /// No verdict was found.
    None,
}

/// What an arm gets from an outcome once the key is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preference {
    For(String),
    Tie,
}

impl Outcome {
    /// Position to arm. `None` for missing outcomes, which no arm gains from.
    pub fn unblind(&self, key: &BlindKey) -> Option<Preference> {
        match self {
            Outcome::First => Some(Preference::For(key.first_arm.clone())),
            Outcome::Second => Some(Preference::For(key.second_arm.clone())),
            Outcome::Tie => Some(Preference::Tie),
            Outcome::Missing { .. } => None,
        }
    }
}

/// Scores of 1 to 10 for both positions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PositionScores {
    pub first: CriterionScores,
    pub second: CriterionScores,
}

/// The five criteria.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CriterionScores {
    pub creativity: f64,
    pub coherence: f64,
    pub depth: f64,
    pub engagement: f64,
    pub writing_quality: f64,
}

/// Names of the five criteria, in the order of [`CriterionScores::values`].
pub const CRITERIA: [&str; 5] = ["creativity", "coherence", "depth", "engagement", "writing_quality"];

impl CriterionScores {
    pub fn values(&self) -> [f64; 5] {
        [self.creativity, self.coherence, self.depth, self.engagement, self.writing_quality]
    }
}

impl MissingReason {
    /// Whether asking once more for the form alone can help.
    pub fn is_repairable(self) -> bool {
        use MissingReason::{BothLabels, OnlyThought, UnknownLabel, Unparsed};
        matches!(self, Unparsed | UnknownLabel | BothLabels | OnlyThought)
    }
}

impl Usage {
    /// All tokens of the request, cached or not.
    pub fn total_input(&self) -> u64 {
        self.input_tokens + self.cached_input_tokens + self.cache_write_tokens
    }

    pub fn plus(self, other: Usage) -> Usage {
        Usage {
            input_tokens: self.input_tokens + other.input_tokens,
            output_tokens: self.output_tokens + other.output_tokens,
            cached_input_tokens: self.cached_input_tokens + other.cached_input_tokens,
            cache_write_tokens: self.cache_write_tokens + other.cache_write_tokens,
        }
    }
}

/// Tokens as the server counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub input_tokens: u64,
    pub output_tokens: u64,
    #[serde(default)]
    pub cached_input_tokens: u64,
    #[serde(default)]
    pub cache_write_tokens: u64,
}

/// Judge ids of people begin with one of these: voters, and the author of the training texts, whose votes are shown
/// apart because they know the voice.
pub const VOTER: &str = "human:";
pub const AUTHOR: &str = "author:";

pub fn is_author(judge_id: &str) -> bool {
    judge_id.starts_with(AUTHOR)
}

/// Whether a voter may be called so: the name is part of an id.
pub fn is_voter_name(name: &str) -> bool {
    const MOST: usize = 40;
    let is_sign = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    (1..=MOST).contains(&name.chars().count()) && name.chars().all(is_sign)
}

/// What is said where it may not.
pub const VOTER_NAMES: &str = "up to 40 letters, digits, `-`, `_` and `.`";

pub fn is_person(judge_id: &str) -> bool {
    judge_id.starts_with(VOTER) || is_author(judge_id)
}

/// A judge as people say it: a voter's name without what it begins with, and "you" for who votes as "me", who is also who
/// reads.
pub fn spoken(judge_id: &str) -> &str {
    match judge_id.strip_prefix(VOTER).or_else(|| judge_id.strip_prefix(AUTHOR)) {
        Some("me") if is_author(judge_id) => "the author",
        Some("me") => "the maker of the model",
        Some(name) => name,
        None => judge_id,
    }
}

/// True if whoever has the project votes, `--as me`.
pub fn is_me(judge_id: &str) -> bool {
    [VOTER, AUTHOR].iter().any(|kind| judge_id.strip_prefix(kind) == Some("me"))
}

/// [`spoken`] for a sentence of the analysis, where names of machines stand in backticks.
pub fn called(judge_id: &str) -> String {
    if is_person(judge_id) { spoken(judge_id).to_owned() } else { format!("`{judge_id}`") }
}

/// The id of one judge's answer to one comparison.
pub fn judgment_id(comparison_id: &str, judge_id: &str, repeat: u32) -> String {
    row_id("jdg", &[comparison_id, judge_id, &repeat.to_string()])
}

/// A judgment and the texts it was made from disagree.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerdictMismatch {
    #[error("judgment {judgment_id} belongs to comparison {found}, expected {expected}")]
    Comparison { judgment_id: String, found: String, expected: String },
    #[error("judgment {judgment_id}: the request has no answer under the label `{label}`")]
    NoAnswer { judgment_id: String, label: String },
    #[error(
        "judgment {judgment_id}: the text under `{label}` in the request is not the text of completion {completion_id}"
    )]
    Text { judgment_id: String, label: String, completion_id: String },
    #[error("judgment {judgment_id} says `{label}` but its outcome is the position of `{position_label}`")]
    Label { judgment_id: String, label: String, position_label: String },
}

/// Proves that the winner was not swapped on the way: the label that was said is the label of the position that won,
/// and both texts in `user_text` (the rendered request) hash to the completions in those positions.
///
/// `text_of` gives a completion's text. Checked before a judgment is written and when it is read with raw bytes.
pub fn verify_verdict<'t>(
    judgment: &Judgment,
    comparison: &Comparison,
    user_text: &str,
    text_of: impl Fn(&str) -> Option<&'t str>,
) -> Result<(), VerdictMismatch> {
    let judgment_id = judgment.judgment_id.clone();
    if judgment.comparison_id != comparison.comparison_id {
        let (found, expected) = (judgment.comparison_id.clone(), comparison.comparison_id.clone());
        return Err(VerdictMismatch::Comparison { judgment_id, found, expected });
    }
    for position in [&comparison.first, &comparison.second] {
        let Some(shown) = crate::judge::request::answer_under_label(user_text, &position.label) else {
            return Err(VerdictMismatch::NoAnswer { judgment_id, label: position.label.clone() });
        };
        let stored = text_of(&position.completion_id).map(|text| crate::id::sha256_hex(text.as_bytes()));
        if stored != Some(crate::id::sha256_hex(shown.as_bytes())) {
            let (label, completion_id) = (position.label.clone(), position.completion_id.clone());
            return Err(VerdictMismatch::Text { judgment_id, label, completion_id });
        }
    }
    let position_label = match judgment.outcome {
        Outcome::First => &comparison.first.label,
        Outcome::Second => &comparison.second.label,
        Outcome::Tie | Outcome::Missing { .. } => return Ok(()),
    };
    match &judgment.label_said {
        Some(label) if label != position_label => Err(VerdictMismatch::Label {
            judgment_id,
            label: label.clone(),
            position_label: position_label.clone(),
        }),
        _ => Ok(()),
    }
}
