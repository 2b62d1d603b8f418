//! What an evaluation will compare, fixed before any answer is seen.

use std::collections::{BTreeMap, BTreeSet};

use affinage_dataset::template::Thinking;
use serde::{Deserialize, Serialize};

pub use crate::arm::{Arm, ArmKind, OtherModel};
use crate::completion::Sampling;
use crate::design::Design;
use crate::next::Next;
use crate::suite::{Domain, Prompt};

/// `plan.json`. Words in the report come from the comparisons listed here and from no others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub v: u32,
    pub name: String,
    /// The base model as the user named it.
    pub base_model: String,
    pub base_sha256: String,
    /// Folder name of the training run that made the checkpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The data set that the run was trained on, with its leak certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetFacts>,
    pub arms: Vec<Arm>,
    /// The family of comparisons: one error rate is shared among them.
    pub comparisons: Vec<PlannedComparison>,
    /// The comparison that the first sentence of the report is about; one of `comparisons`.
    pub headline: PlannedComparison,
    pub sampling: Sampling,
    /// What the templates of all arms are told of thinking; `None` where that changes nothing for the base model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Thinking>,
    /// Answers per prompt and arm.
    pub samples_per_prompt: u32,
    pub seed: u64,
    pub judges: Vec<PlannedJudge>,
    /// Error rate of the whole family of comparisons.
    pub alpha: f64,
    /// Half-width of "equivalent": win rates within .5 +- margin.
    pub margin: f64,
    #[serde(default)]
    pub design: Design,
}

/// Two arms that meet on the prompts of a scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlannedComparison {
    pub arm: String,
    pub against: String,
    pub scope: Scope,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    All,
    InDomain,
}

impl Scope {
    pub fn covers(self, prompt: &Prompt) -> bool {
        self == Scope::All || prompt.domain == Domain::In
    }
}

/// A judge as planned; its key is never part of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedJudge {
    pub judge_id: String,
    pub model: String,
    pub kind: JudgeKind,
    /// The maker's family, where its name does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JudgeKind {
    /// A model that this program runs itself.
    Local,
    /// The messages format of Anthropic.
    Anthropic,
    /// The chat-completions format of OpenAI, spoken by many servers.
    Openai,
    /// People.
    Human,
}

impl JudgeKind {
    /// Whether a server answers, which tells the name of its model.
    pub fn is_served(self) -> bool {
        !matches!(self, JudgeKind::Local | JudgeKind::Human)
    }
}

/// What the data set's manifest says about leaks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetFacts {
    pub version: String,
    pub train_examples: usize,
    /// Largest share of a held-out example's 5-word shingles found in one training example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_containment: Option<f64>,
    /// The same measure for the prompts of this evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_prompt_containment: Option<f64>,
    /// Training examples by who wrote their answer: `person:NAME`, `model:NAME`, `edited:NAME`, `speaker:NAME`, `unknown`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub writers: BTreeMap<String, usize>,
}

impl DatasetFacts {
    /// Whether people wrote most of the training texts themselves: notes, messages, answers written at the desk.
    pub fn is_own_words(&self) -> bool {
        let own = self.writers.iter().filter(|(writer, _)| writer.starts_with("person:"));
        let (own, all): (usize, usize) = (own.map(|(_, n)| n).sum(), self.writers.values().sum());
        all > 0 && 2 * own > all
    }
}

/// A plan that contradicts itself.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    #[error("two arms are named `{0}`")]
    DuplicateArm(String),
    #[error("arm `{name}` is a checkpoint of step {step}; its name must be `{expected}`")]
    CheckpointName { name: String, step: u64, expected: String },
    #[error("arms `{first}` and `{second}` have the same adapter ({sha256}): they are one thing, not two")]
    SameAdapter { first: String, second: String, sha256: String },
    #[error("arms `{first}` and `{second}` have the same weights ({sha256}): they are one model, not two")]
    SameModel { first: String, second: String, sha256: String },
    #[error(
        "arms `{first}` and `{second}` are both `{model}` behind {base_url}: they are one model, not two"
    )]
    SameServed { first: String, second: String, model: String, base_url: String },
    #[error(
        "an arm cannot be named `{0}`: that name belongs to the base model or to the checkpoints of the run"
    )]
    ReservedName(String),
    #[error("a comparison names the arm `{0}`, which the plan does not have")]
    UnknownArm(String),
    #[error("arm `{0}` is compared with itself")]
    ArmAgainstItself(String),
    #[error("`{arm}` against `{against}` is planned twice")]
    DuplicateComparison { arm: String, against: String },
    #[error("the headline `{arm}` against `{against}` is not one of the planned comparisons")]
    HeadlineNotPlanned { arm: String, against: String },
    #[error("`{name}` is {found}, expected a number between 0 and {below}")]
    OutOfRange { name: &'static str, found: f64, below: f64 },
}

/// The base model under other seeds, for an A/A test.
pub const BASE_AGAIN: &str = "base-again";

/// Whether a name says what only the base and the plan's run can be: `base`, `base+prompt`, `base-again`, `last`, `best`,
/// `step-000145`.
pub fn is_reserved(name: &str) -> bool {
    let number = name.strip_prefix("step-");
    matches!(name, "base" | BASE_AGAIN | "last" | "best")
        || name.starts_with("base+")
        || number.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// The only name that a checkpoint of `step` can have.
pub fn checkpoint_name(step: u64) -> String {
    format!("step-{step:06}")
}

impl Plan {
    /// An arm in a sentence for somebody who gave it no name: "your tuned model (step 6)", "the base model"; other names in
    /// backticks.
    pub fn called(&self, name: &str) -> String {
        match self.arm(name).map(|arm| &arm.kind) {
            Some(ArmKind::Checkpoint { step, .. }) => format!("the tuned model (step {step})"),
            Some(ArmKind::Base) => "the base model".to_owned(),
            _ => format!("`{name}`"),
        }
    }

    /// A command on this evaluation for a sentence that is kept: it names the evaluation, because what a command means without
    /// that changes with every later one.
    pub fn command(&self, command: &'static str, rest: &str) -> Next {
        Next::new(command).on(Some(&self.name)).words(rest)
    }

    /// Answers per prompt and arm over all settings.
    pub fn samples(&self) -> u32 {
        self.samples_per_prompt * (1 + self.design.settings.len() as u32)
    }

    /// How the answer with this sample number is drawn. Panics on a number that the plan does not have.
    pub fn sampling_of(&self, sample: u32) -> &Sampling {
        match self.setting_of(sample).checked_sub(1) {
            None => &self.sampling,
            Some(further) => &self.design.settings[further],
        }
    }

    /// 0 for the plan's own setting, 1.. for those of the sweep.
    pub fn setting_of(&self, sample: u32) -> usize {
        (sample / self.samples_per_prompt.max(1)) as usize
    }

    pub fn arm(&self, name: &str) -> Option<&Arm> {
        self.arms.iter().find(|arm| arm.name == name)
    }

    /// The weights under an arm; `None` where they are behind a server and unknown.
    pub fn base_sha256_of<'a>(&'a self, arm: &'a Arm) -> Option<&'a str> {
        match &arm.kind {
            ArmKind::Remote { .. } => None,
            _ => Some(arm.other_model().map_or(&self.base_sha256, |model| &model.sha256)),
        }
    }

    /// Models that must be loaded beside the base, each once, in the order of the arms.
    pub fn other_models(&self) -> Vec<&OtherModel> {
        let mut models: Vec<&OtherModel> = Vec::new();
        for model in self.arms.iter().filter_map(Arm::other_model) {
            if model.sha256 != self.base_sha256 && models.iter().all(|known| known.sha256 != model.sha256) {
                models.push(model);
            }
        }
        models
    }

    /// Whether the headline compares the base model with itself (A/A): the true win rate is one half.
    pub fn is_null_test(&self) -> bool {
        let is_base = |name: &str| self.arm(name).is_some_and(|arm| arm.kind == ArmKind::Base);
        is_base(&self.headline.arm) && is_base(&self.headline.against)
    }

    /// Finds what would make two names mean one thing, or one name nothing.
    pub fn validate(&self) -> Result<(), PlanError> {
        self.validate_arms()?;
        self.validate_comparisons()?;
        for (name, found, below) in [("alpha", self.alpha, 0.5), ("margin", self.margin, 0.5)] {
            if !(found > 0.0 && found < below) {
                return Err(PlanError::OutOfRange { name, found, below });
            }
        }
        Ok(())
    }

    fn validate_arms(&self) -> Result<(), PlanError> {
        let mut names = BTreeSet::new();
        for (at, arm) in self.arms.iter().enumerate() {
            if !names.insert(arm.name.as_str()) {
                return Err(PlanError::DuplicateArm(arm.name.clone()));
            }
            if let Some(step) = arm.step() {
                let expected = checkpoint_name(step);
                if arm.name != expected {
                    return Err(PlanError::CheckpointName { name: arm.name.clone(), step, expected });
                }
            }
            if !arm.is_of_plan() && is_reserved(&arm.name) {
                return Err(PlanError::ReservedName(arm.name.clone()));
            }
            self.arms[..at].iter().try_for_each(|first| self.validate_pair(first, arm))?;
        }
        Ok(())
    }

    /// One thing under two names. The base asked in another way, or under other seeds, is another arm.
    fn validate_pair(&self, first: &Arm, arm: &Arm) -> Result<(), PlanError> {
        let names = || (first.name.clone(), arm.name.clone());
        let weights = |arm: &Arm| self.base_sha256_of(arm).map(str::to_owned);
        match (&first.kind, &arm.kind) {
            (
                ArmKind::Remote { model, base_url },
                ArmKind::Remote { model: other_model, base_url: other_url },
            ) if (model, base_url) == (other_model, other_url) => {
                let (first, second) = names();
                let (model, base_url) = (model.clone(), base_url.clone());
                Err(PlanError::SameServed { first, second, model, base_url })
            }
            (ArmKind::Base | ArmKind::Model(_), ArmKind::Model(OtherModel { sha256, .. }))
            | (ArmKind::Model(OtherModel { sha256, .. }), ArmKind::Base)
                if weights(first) == weights(arm) =>
            {
                let (first, second) = names();
                Err(PlanError::SameModel { first, second, sha256: sha256.clone() })
            }
            _ => match (first.adapter_sha256(), arm.adapter_sha256()) {
                (Some(sha256), Some(other)) if sha256 == other && weights(first) == weights(arm) => {
                    let (first, second) = names();
                    Err(PlanError::SameAdapter { first, second, sha256: sha256.to_owned() })
                }
                _ => Ok(()),
            },
        }
    }

    fn validate_comparisons(&self) -> Result<(), PlanError> {
        let mut seen = BTreeSet::new();
        for planned in &self.comparisons {
            for name in [&planned.arm, &planned.against] {
                if self.arm(name).is_none() {
                    return Err(PlanError::UnknownArm(name.clone()));
                }
            }
            if planned.arm == planned.against {
                return Err(PlanError::ArmAgainstItself(planned.arm.clone()));
            }
            let mut pair = [planned.arm.as_str(), planned.against.as_str()];
            pair.sort_unstable();
            if !seen.insert(pair) {
                let (arm, against) = (planned.arm.clone(), planned.against.clone());
                return Err(PlanError::DuplicateComparison { arm, against });
            }
        }
        if !self.comparisons.contains(&self.headline) {
            let (arm, against) = (self.headline.arm.clone(), self.headline.against.clone());
            return Err(PlanError::HeadlineNotPlanned { arm, against });
        }
        Ok(())
    }
}
