//! What this machine, this model and these keys can do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use affinage_engine::checkpoint::AdapterFiles;
use serde::Serialize;

use crate::errors::in_one_line;
use crate::folder::config::{self, EngineName};
use crate::folder::project::Project;
use crate::machine::Machine;
use crate::model::{self, ModelSources};
use crate::stages::external;

/// Everything that was found. Keys are told as set or not set; values are never read further than that.
#[derive(Serialize)]
pub struct Findings {
    pub version: &'static str,
    pub machine: Machine,
    /// The instruction set that the kernels use.
    pub kernels: &'static str,
    pub cpu_features: Vec<&'static str>,
    pub memory_available_bytes: Option<u64>,
    pub disk_free_bytes: Option<u64>,
    pub project: bool,
    pub cache_dir: Option<String>,
    pub python: Option<String>,
    pub pip: Option<String>,
    pub gpu: Option<String>,
    /// What `train --engine` can take.
    pub engines: Vec<EngineFinding>,
    pub model: ModelFinding,
    pub arms: Vec<ArmFinding>,
    pub keys: Vec<Key>,
}

/// An engine beside this program. Whether its device computes rightly, `train` finds out.
#[derive(Serialize)]
pub struct EngineFinding {
    pub name: &'static str,
    /// Its Python; absent if it is not installed.
    pub python: Option<PathBuf>,
    pub versions: BTreeMap<String, String>,
    pub problem: Option<String>,
}

/// What an `[[arm]]` is and whether it is there; a server is not asked.
#[derive(Serialize)]
pub struct ArmFinding {
    pub name: String,
    pub is: String,
    pub problem: Option<String>,
}

/// Where a model is.
#[derive(Serialize)]
pub struct ModelFinding {
    pub spec: String,
    /// Where it lies; absent if it must be fetched first or cannot be named.
    pub path: Option<PathBuf>,
    /// Why it cannot be used.
    pub problem: Option<String>,
}

/// An environment variable with a key.
#[derive(Serialize)]
pub struct Key {
    pub variable: String,
    pub set: bool,
}

/// Looks for an `[[arm]]`.
pub fn arm_finding(ctx: &Project, arm: &config::Arm) -> ArmFinding {
    let named = arm.model.as_deref();
    let local = named.filter(|_| arm.base_url.is_none()).map(|spec| model_finding(ctx, spec));
    let adapter = arm.adapter.as_ref().map(|path| format!("the adapter {}", path.display()));
    let is = match (&adapter, named, &arm.base_url) {
        (_, Some(model), Some(base_url)) => format!("{model} behind {base_url}"),
        (Some(adapter), Some(model), None) => format!("{adapter} on {model}"),
        (Some(adapter), None, _) => format!("{adapter} on the model"),
        (None, model, _) => format!("the model {}", model.unwrap_or_default()),
    };
    let found = arm.adapter.as_ref().map(|path| AdapterFiles::find(&ctx.project.join(path)));
    let problem = match (found, local) {
        (Some(Err(error)), _) => Some(error.to_string()),
        (_, Some(ModelFinding { path: None, problem, .. })) => {
            Some(problem.unwrap_or_else(|| "not on this machine yet; fetched at the first use".to_owned()))
        }
        _ => None,
    };
    ArmFinding { name: arm.name.clone(), is, problem }
}

/// Looks for an engine.
pub fn engine_finding(name: EngineName) -> EngineFinding {
    let (python, versions, problem) = match external::find(name) {
        Ok(Some(python)) => (Some(python.program), python.versions, None),
        Ok(None) => (None, BTreeMap::new(), None),
        Err(error) => (None, BTreeMap::new(), Some(in_one_line(&error))),
    };
    EngineFinding { name: name.word(), python, versions, problem }
}

/// Looks for a model by how it is named.
pub fn model_finding(ctx: &Project, spec: &str) -> ModelFinding {
    let spec = spec.to_owned();
    let found =
        ModelSources::from_environment().and_then(|s| model::on_this_machine(&spec, &ctx.project, &s));
    match found {
        Ok(path) => ModelFinding { spec, path, problem: None },
        Err(error) => ModelFinding { spec, path: None, problem: Some(format!("{error:#}")) },
    }
}

/// What of the instruction sets that matter here the CPU has.
#[cfg(target_arch = "x86_64")]
pub fn cpu_features() -> Vec<&'static str> {
    let found = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("f16c", is_x86_feature_detected!("f16c")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ];
    found.into_iter().filter_map(|(name, has)| has.then_some(name)).collect()
}

/// What of the instruction sets that matter here the CPU has.
#[cfg(not(target_arch = "x86_64"))]
pub fn cpu_features() -> Vec<&'static str> {
    Vec::new()
}

/// The first line that a program prints; `None` if it is missing or fails.
pub fn first_line(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then(|| text.lines().next().unwrap_or_default().trim().to_owned())
}

/// The usual variables, and those that the project's judges and arms name.
pub fn keys(ctx: &Project) -> Vec<Key> {
    let mut variables = vec!["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "HF_TOKEN"];
    variables.extend(ctx.config.judges.iter().filter_map(|judge| judge.api_key_env()));
    variables.extend(ctx.config.arms.iter().filter_map(|arm| arm.api_key_env.as_deref()));
    let mut seen = BTreeSet::new();
    variables.retain(|variable| seen.insert(*variable));
    let is_set = |variable: &str| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
    variables.into_iter().map(|v| Key { variable: v.to_owned(), set: is_set(v) }).collect()
}
