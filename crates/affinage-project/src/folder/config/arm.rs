//! `[[arm]]`: what else answers, beside the base and its checkpoints.

use std::path::PathBuf;

use affinage_eval::plan::Scope;
use serde::{Deserialize, Serialize};

use super::checks;

/// Something else that answers the prompts: an adapter, a whole model, or a model behind a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Arm {
    #[serde(deserialize_with = "checks::arm_name")]
    pub name: String,
    /// A peft folder, relative to the project folder; on the project's model, or on the `model` beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<PathBuf>,
    /// As the top-level `model`; with `base-url` the model's name there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// A server that speaks the OpenAI format, up to `/v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The environment variable that holds the server's key; without one no key is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// Calls in flight at once.
    #[serde(default = "Arm::default_concurrency", deserialize_with = "checks::at_least_1")]
    pub concurrency: usize,
    /// Whom it meets: `last`, `base`, a checkpoint of `eval.checkpoints`, another arm; nobody: only its fit is measured.
    #[serde(default = "Arm::default_against")]
    pub against: Vec<String>,
    /// On which prompts.
    #[serde(default = "Arm::default_scope")]
    pub scope: Scope,
}

impl Arm {
    fn default_concurrency() -> usize {
        4
    }

    fn default_against() -> Vec<String> {
        vec!["last".to_owned()]
    }

    fn default_scope() -> Scope {
        Scope::All
    }

    /// What no single key can show: what is wrong, and what to do.
    pub(super) fn contradiction(&self) -> Option<(String, &'static str)> {
        let name = &self.name;
        let (is_served, has_adapter) = (self.base_url.is_some(), self.adapter.is_some());
        match &self.model {
            None if is_served => Some((
                format!("[[arm]] `{name}` has a `base-url` and no `model`"),
                "name the model as the server does: `model = \"gpt-5.4-mini\"`",
            )),
            None if !has_adapter => Some((
                format!("[[arm]] `{name}` is nothing yet: it has neither `adapter` nor `model`"),
                "an arm is an `adapter` folder, a `model`, or a `model` behind a `base-url`",
            )),
            Some(_) if is_served && has_adapter => Some((
                format!("[[arm]] `{name}` has an `adapter` and a `base-url`"),
                "a server loads its adapters itself: give the adapter's name there as `model`",
            )),
            Some(_) if self.base_url.as_deref().is_some_and(has_credentials) => Some((
                format!("[[arm]] `{name}` has a password in its `base-url`, which is written into the plan"),
                "keys come from the environment: `api-key-env`",
            )),
            _ if self.api_key_env.is_some() && !is_served => Some((
                format!("[[arm]] `{name}` has an `api-key-env` and no `base-url`"),
                "only a server needs a key",
            )),
            _ => None,
        }
    }
}

fn has_credentials(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().is_some_and(|authority| authority.contains('@'))
}
