//! `affinage doctor`: what this machine, this model and these keys can do.

use affinage_engine::kernels::arch::isa;
use affinage_project::folder::config::EngineName;
use affinage_project::folder::project::{CONFIG_FILE, cache_dir};
use affinage_project::machine::{self, Machine};
use affinage_project::stages::doctor::{
    Findings, arm_finding, cpu_features, engine_finding, first_line, keys, model_finding,
};
use affinage_project::stages::external;
use clap::Args;

use crate::context::Context;
use crate::ui::results::machine::{Lines, engines_in_words, keys_in_words, size};

/// Check this machine, the model and the judges' keys
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  affinage doctor\n  affinage doctor --json | jq .machine")]
pub struct DoctorArgs {}

pub fn run(ctx: &Context, _args: DoctorArgs) -> anyhow::Result<()> {
    let lines = Lines::new(&ctx.ui, ctx.json);
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
