//! `affinage doctor`: what this machine, this model and these keys can do.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use affinage_engine::checkpoint::AdapterFiles;
use clap::Args;
use serde::Serialize;

use crate::config;
use crate::context::{CONFIG_FILE, Context, cache_dir};
use crate::machine::{self, Machine};
use crate::model::{self, Sources};
use crate::ui::{Paint, bytes, counted};

/// Check this machine, the model and the judges' keys
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  affinage doctor\n  affinage doctor --json | jq .machine")]
pub struct DoctorArgs {}

/// Keys are told as set or not set; values are never read further than that.
#[derive(Serialize)]
struct Findings {
    version: &'static str,
    machine: Machine,
    /// The instruction set that the kernels use.
    kernels: &'static str,
    cpu_features: Vec<&'static str>,
    memory_available_bytes: Option<u64>,
    disk_free_bytes: Option<u64>,
    project: bool,
    cache_dir: Option<String>,
    python: Option<String>,
    pip: Option<String>,
    model: ModelFinding,
    arms: Vec<ArmFinding>,
    keys: Vec<Key>,
}

/// What an `[[arm]]` is and whether it is there; a server is not asked.
#[derive(Serialize)]
struct ArmFinding {
    name: String,
    is: String,
    problem: Option<String>,
}

#[derive(Serialize)]
struct ModelFinding {
    spec: String,
    /// Where it lies; absent if it must be fetched first or cannot be named.
    path: Option<PathBuf>,
    /// Why it cannot be used.
    problem: Option<String>,
}

#[derive(Serialize)]
struct Key {
    variable: String,
    set: bool,
}

pub fn run(ctx: &Context, _args: DoctorArgs) -> anyhow::Result<()> {
    let findings = Findings {
        version: env!("CARGO_PKG_VERSION"),
        machine: Machine::here(),
        kernels: affinage_engine::kernels::arch::isa().name(),
        cpu_features: cpu_features(),
        memory_available_bytes: machine::available_memory_bytes(),
        disk_free_bytes: machine::free_disk_bytes(&ctx.project),
        project: ctx.project.join(CONFIG_FILE).is_file(),
        cache_dir: cache_dir().ok().map(|dir| dir.display().to_string()),
        python: first_line("python3", &["--version"]),
        pip: first_line("python3", &["-m", "pip", "--version"]),
        model: model_finding(ctx, &ctx.config.model),
        arms: ctx.config.arms.iter().map(|arm| arm_finding(ctx, arm)).collect(),
        keys: keys(ctx),
    };
    if ctx.json {
        return ctx.ui.json(&findings);
    }
    ctx.ui.data(&shown(ctx, &findings))
}

fn shown(ctx: &Context, f: &Findings) -> String {
    let ui = &ctx.ui;
    let mut out = String::new();
    let mut line = |label: &str, text: String| {
        out.push_str(&format!("{}  {text}\n", ui.paint_data(Paint::Accent, &format!("{label:<8}"))));
    };
    let size = |n: Option<u64>| n.map_or_else(|| "unknown".to_owned(), bytes);
    line("affinage", f.version.to_owned());
    let cpu = f.machine.cpu.as_deref().unwrap_or("unknown");
    line(
        "cpu",
        format!("{cpu}, {}, {} {}", counted(f.machine.cores, "core", "cores"), f.machine.os, f.machine.arch),
    );
    line("kernels", kernels(f.kernels, &f.cpu_features));
    line("memory", format!("{}, {} free", size(f.machine.memory_bytes), size(f.memory_available_bytes)));
    line("disk", format!("{} free in {}", size(f.disk_free_bytes), ctx.project.display()));
    line("cache", f.cache_dir.clone().unwrap_or_else(|| "none".to_owned()));
    line("python", f.python.clone().unwrap_or_else(|| "not found (only pip: models need it)".to_owned()));
    line("pip", f.pip.clone().unwrap_or_else(|| "not found (only pip: models need it)".to_owned()));
    let project = if f.project { "" } else { " (no affinage.toml here: defaults)" };
    let state = match (&f.model.path, &f.model.problem) {
        (Some(path), _) => format!("on this machine: {}", path.display()),
        (None, Some(problem)) => problem.clone(),
        (None, None) => "not on this machine yet; fetched at the first use".to_owned(),
    };
    line("model", format!("{}{project}", f.model.spec));
    line("", state);
    for arm in &f.arms {
        let problem = arm.problem.as_ref().map_or_else(String::new, |problem| format!("; {problem}"));
        line("arm", format!("{}: {}{problem}", arm.name, arm.is));
    }
    for key in &f.keys {
        line("key", format!("{} {}", key.variable, if key.set { "is set" } else { "is not set" }));
    }
    out
}

fn arm_finding(ctx: &Context, arm: &config::Arm) -> ArmFinding {
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

fn model_finding(ctx: &Context, spec: &str) -> ModelFinding {
    let spec = spec.to_owned();
    let found = Sources::from_environment().and_then(|s| model::on_this_machine(&spec, &ctx.project, &s));
    match found {
        Ok(path) => ModelFinding { spec, path, problem: None },
        Err(error) => ModelFinding { spec, path: None, problem: Some(format!("{error:#}")) },
    }
}

fn kernels(used: &str, features: &[&str]) -> String {
    let path = if used == "scalar" { "scalar (portable, slower)" } else { used };
    if features.is_empty() { path.to_owned() } else { format!("{path}; cpu has {}", features.join(" ")) }
}

#[cfg(target_arch = "x86_64")]
fn cpu_features() -> Vec<&'static str> {
    let found = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("f16c", is_x86_feature_detected!("f16c")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ];
    found.into_iter().filter_map(|(name, has)| has.then_some(name)).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_features() -> Vec<&'static str> {
    Vec::new()
}

/// The first line that a program prints; `None` if it is missing or fails.
fn first_line(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then(|| text.lines().next().unwrap_or_default().trim().to_owned())
}

/// The usual variables, and those that the project's judges and arms name.
fn keys(ctx: &Context) -> Vec<Key> {
    let mut variables = vec!["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "HF_TOKEN"];
    variables.extend(ctx.config.judges.iter().filter_map(|judge| judge.api_key_env()));
    variables.extend(ctx.config.arms.iter().filter_map(|arm| arm.api_key_env.as_deref()));
    let mut seen = std::collections::BTreeSet::new();
    variables.retain(|variable| seen.insert(*variable));
    let is_set = |variable: &str| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
    variables.into_iter().map(|v| Key { variable: v.to_owned(), set: is_set(v) }).collect()
}
