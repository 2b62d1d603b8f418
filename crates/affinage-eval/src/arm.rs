//! What answers prompts: the base model, asked in some way, its checkpoints, and anything else that can answer.

use affinage_dataset::message::Message;
use serde::{Deserialize, Serialize};

use crate::plan::DatasetFacts;

/// One thing that answers prompts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// `base`, `base+prompt`, `step-000145`, or the name of an `[[arm]]`.
    pub name: String,
    pub kind: ArmKind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum ArmKind {
    /// The base model, asked plainly.
    Base,
    /// The base model with a written instruction in front.
    Prompted { system_prompt: String },
    /// The base model with accepted examples of the user's in front, as earlier turns.
    Examples { example_ids: Vec<String>, messages: Vec<Message> },
    /// An adapter that the plan's run saved. `path` is relative to the project folder.
    Checkpoint { step: u64, adapter_sha256: String, path: String },
    /// An adapter from elsewhere: another run, another person, another program. `path` is relative to the project folder.
    Adapter {
        adapter_sha256: String,
        path: String,
        /// The model under it, where that is not the plan's base.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on: Option<OtherModel>,
        /// What it was trained on, where a run of this project tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trained_on: Option<Box<DatasetFacts>>,
    },
    /// A whole model in place of the base: a folder, a GGUF file, a Hub id.
    Model(OtherModel),
    /// A model behind a server. Nobody here knows its weights: the name is all there is.
    Remote { model: String, base_url: String },
}

/// Weights that are not the plan's base.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OtherModel {
    /// As the user named it.
    pub model: String,
    pub sha256: String,
}

impl Arm {
    pub fn adapter_sha256(&self) -> Option<&str> {
        match &self.kind {
            ArmKind::Checkpoint { adapter_sha256, .. } | ArmKind::Adapter { adapter_sha256, .. } => {
                Some(adapter_sha256)
            }
            _ => None,
        }
    }

    /// Where its adapter lies, relative to the project folder.
    pub fn adapter_path(&self) -> Option<&str> {
        match &self.kind {
            ArmKind::Checkpoint { path, .. } | ArmKind::Adapter { path, .. } => Some(path),
            _ => None,
        }
    }

    /// The step of a checkpoint of the plan's run.
    pub fn step(&self) -> Option<u64> {
        match self.kind {
            ArmKind::Checkpoint { step, .. } => Some(step),
            _ => None,
        }
    }

    /// The weights under it, where they are here and not the plan's base.
    pub fn other_model(&self) -> Option<&OtherModel> {
        match &self.kind {
            ArmKind::Adapter { on, .. } => on.as_ref(),
            ArmKind::Model(model) => Some(model),
            _ => None,
        }
    }

    /// The base with nothing learnt, or what the plan's run made of it.
    pub fn is_of_plan(&self) -> bool {
        match self.kind {
            ArmKind::Base
            | ArmKind::Prompted { .. }
            | ArmKind::Examples { .. }
            | ArmKind::Checkpoint { .. } => true,
            ArmKind::Adapter { .. } | ArmKind::Model(_) | ArmKind::Remote { .. } => false,
        }
    }
}
