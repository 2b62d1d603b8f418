//! `affinage doctor`: what this machine, this model and these keys can do.

use affinage_engine::kernels::arch::isa;
use affinage_project::folder::config::EngineName;
use affinage_project::folder::project::{CONFIG_FILE, cache_dir};
use affinage_project::machine::{self, Machine};
use affinage_project::stages::doctor::{
    EngineFinding, Findings, Key, ModelFinding, arm_finding, cpu_features, engine_finding, first_line, keys,
    model_finding,
};
use affinage_project::stages::external;
use clap::Args;

use crate::context::Context;
use crate::ui::{self, Paint, counted};

/// Check this machine, the model and the judges' keys
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  affinage doctor\n  affinage doctor --json | jq .machine")]
pub struct DoctorArgs {}

pub fn run(ctx: &Context, _args: DoctorArgs) -> anyhow::Result<()> {
    let lines = Lines { ctx };
    let (machine, cpu_features) = (Machine::here(), cpu_features());
    let memory_available_bytes = machine::available_memory_bytes();
    let disk_free_bytes = machine::free_disk_bytes(&ctx.project);
    let cache_dir = cache_dir().ok().map(|dir| dir.display().to_string());
    lines.of_machine(&machine, &cpu_features, memory_available_bytes)?;
    lines.say("disk", &format!("{} free in {}", size(disk_free_bytes), ctx.project.display()))?;
    lines.say("cache", cache_dir.as_deref().unwrap_or("none"))?;
    // Programs and folders that may take seconds: each is told as soon as it is known.
    let program = |label: &str, args: &[&str]| -> anyhow::Result<Option<String>> {
        let found = ctx.ui.during(format!("asking {label}"), || first_line("python3", args));
        lines.say(label, found.as_deref().unwrap_or("not found (only pip: models need it)"))?;
        Ok(found)
    };
    let python = program("python", &["--version"])?;
    let pip = program("pip", &["-m", "pip", "--version"])?;
    let gpu = ctx.ui.during("asking for a GPU", external::nvidia);
    let gpu =
        gpu.or_else(|| cfg!(all(target_os = "macos", target_arch = "aarch64")).then(|| "Apple".to_owned()));
    lines.say("gpu", gpu.as_deref().unwrap_or("none that another engine could use"))?;
    let engines =
        ctx.ui.during("asking for engines", || [EngineName::Torch, EngineName::Mlx].map(engine_finding));
    lines.say("engines", &engines_in_words(&engines))?;
    let project = ctx.project.join(CONFIG_FILE).is_file();
    let model = ctx.ui.during("looking for the model", || model_finding(ctx, &ctx.config.model.name));
    lines.of_model(&model, project)?;
    let mut arms = Vec::new();
    for arm in &ctx.config.arms {
        let found = ctx.ui.during(format!("looking for the arm {}", arm.name), || arm_finding(ctx, arm));
        let problem = found.problem.as_ref().map_or_else(String::new, |problem| format!("; {problem}"));
        lines.say("arm", &format!("{}: {}{problem}", found.name, found.is))?;
        arms.push(found);
    }
    let keys = keys(ctx);
    lines.say("keys", &keys_in_words(&keys))?;
    if !ctx.json {
        return Ok(());
    }
    ctx.ui.json(&Findings {
        version: env!("CARGO_PKG_VERSION"),
        machine,
        kernels: isa().name(),
        cpu_features,
        memory_available_bytes,
        disk_free_bytes,
        project,
        cache_dir,
        python,
        pip,
        gpu,
        engines: engines.into(),
        model,
        arms,
        keys,
    })
}

/// Prints a line for each finding as it is found; none where one document is asked for.
struct Lines<'a> {
    ctx: &'a Context,
}

impl Lines<'_> {
    fn say(&self, label: &str, text: &str) -> anyhow::Result<()> {
        let ui = &self.ctx.ui;
        match self.ctx.json {
            true => Ok(()),
            false => ui.data(&format!("{}  {text}", ui.paint_data(Paint::Accent, &format!("{label:<8}")))),
        }
    }

    fn of_machine(&self, machine: &Machine, features: &[&str], free: Option<u64>) -> anyhow::Result<()> {
        self.say("affinage", env!("CARGO_PKG_VERSION"))?;
        let cpu = machine.cpu.as_deref().unwrap_or("unknown");
        let cores = counted(machine.cores, "core", "cores");
        self.say("cpu", &format!("{cpu}, {cores}, {} {}", machine.os, machine.arch))?;
        self.say("kernels", &kernels(isa().name(), features))?;
        self.say("memory", &format!("{}, {} free", size(machine.memory_bytes), size(free)))
    }

    fn of_model(&self, model: &ModelFinding, is_project: bool) -> anyhow::Result<()> {
        let project = if is_project { "" } else { " (no affinage.toml here: defaults)" };
        self.say("model", &format!("{}{project}", model.spec))?;
        let state = match (&model.path, &model.problem) {
            (Some(path), _) => format!("on this machine: {}", path.display()),
            (None, Some(problem)) => problem.clone(),
            (None, None) => "not on this machine yet; fetched at the first use".to_owned(),
        };
        self.say("", &state)
    }
}

fn size(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "unknown".to_owned(), ui::bytes)
}

fn kernels(used: &str, features: &[&str]) -> String {
    let path = if used == "scalar" { "scalar (portable, slower)" } else { used };
    if features.is_empty() { path.to_owned() } else { format!("{path}; cpu has {}", features.join(" ")) }
}

/// `HF_TOKEN is set; not set: ANTHROPIC_API_KEY, OPENAI_API_KEY (needed only by judges and models that ask for one)`
fn keys_in_words(keys: &[Key]) -> String {
    let named = |set: bool| -> Vec<&str> {
        keys.iter().filter(|key| key.set == set).map(|key| key.variable.as_str()).collect()
    };
    let (set, missing) = (named(true), named(false));
    let mut said = Vec::new();
    if !set.is_empty() {
        said.push(format!("{} {} set", set.join(", "), if set.len() == 1 { "is" } else { "are" }));
    }
    if !missing.is_empty() {
        said.push(format!(
            "not set: {} (needed only for judges and models that ask for one)",
            missing.join(", ")
        ));
    }
    said.join("; ")
}

/// `this program; torch (torch 2.15.0, transformers 5.24.0); mlx is not installed: ...`
fn engines_in_words(engines: &[EngineFinding]) -> String {
    let one = |engine: &EngineFinding| match (&engine.python, &engine.problem) {
        (Some(_), _) => {
            let versions = engine.versions.iter().map(|(name, version)| format!("{name} {version}"));
            format!("{} ({})", engine.name, versions.collect::<Vec<_>>().join(", "))
        }
        (None, Some(problem)) => format!("{}: {problem}", engine.name),
        (None, None) => {
            format!("{} is not installed (`affinage train --engine {}` offers to)", engine.name, engine.name)
        }
    };
    format!("this program; {}", engines.iter().map(one).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_stand_in_one_line() {
        let key = |variable: &str, set| Key { variable: variable.to_owned(), set };
        let needed = "(needed only for judges and models that ask for one)";
        let said = keys_in_words(&[key("ANTHROPIC_API_KEY", false), key("HF_TOKEN", false)]);
        assert_eq!(said, format!("not set: ANTHROPIC_API_KEY, HF_TOKEN {needed}"));
        let said = keys_in_words(&[key("ANTHROPIC_API_KEY", true), key("HF_TOKEN", false)]);
        assert_eq!(said, format!("ANTHROPIC_API_KEY is set; not set: HF_TOKEN {needed}"));
        assert_eq!(keys_in_words(&[key("A", true), key("B", true)]), "A, B are set");
    }
}
