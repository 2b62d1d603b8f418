//! What this machine, this model and these keys can do, in words.

use affinage_engine::kernels::arch::isa;
use affinage_project::machine::Machine;
use affinage_project::next::next;
use affinage_project::stages::doctor::{EngineFinding, Key, ModelFinding};

use crate::ui::{self, Paint, Ui, counted};

/// Prints a line for each finding as it is found; none where one document is asked for.
pub struct Lines<'a> {
    ui: &'a Ui,
    is_silent: bool,
}

impl<'a> Lines<'a> {
    pub fn new(ui: &'a Ui, is_silent: bool) -> Self {
        Self { ui, is_silent }
    }

    pub fn say(&self, label: &str, text: &str) -> anyhow::Result<()> {
        let ui = self.ui;
        match self.is_silent {
            true => Ok(()),
            false => ui.data(&format!("{}  {text}", ui.paint_data(Paint::Accent, &format!("{label:<8}")))),
        }
    }

    pub fn of_machine(&self, machine: &Machine, features: &[&str], free: Option<u64>) -> anyhow::Result<()> {
        self.say("affinage", env!("CARGO_PKG_VERSION"))?;
        let cpu = machine.cpu.as_deref().unwrap_or("unknown");
        let cores = counted(machine.cores, "core", "cores");
        self.say("cpu", &format!("{cpu}, {cores}, {} {}", machine.os, machine.arch))?;
        self.say("kernels", &kernels(isa().name(), features))?;
        self.say("memory", &format!("{}, {} free", size(machine.memory_bytes), size(free)))
    }

    pub fn of_model(&self, model: &ModelFinding, is_project: bool) -> anyhow::Result<()> {
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

/// A size, or that it is not known.
pub fn size(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "unknown".to_owned(), ui::bytes)
}

fn kernels(used: &str, features: &[&str]) -> String {
    let path = if used == "scalar" { "scalar (portable, slower)" } else { used };
    if features.is_empty() { path.to_owned() } else { format!("{path}; cpu has {}", features.join(" ")) }
}

/// `HF_TOKEN is set; not set: ANTHROPIC_API_KEY, OPENAI_API_KEY (needed only by judges and models that ask for one)`
pub fn keys_in_words(keys: &[Key]) -> String {
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
pub fn engines_in_words(engines: &[EngineFinding]) -> String {
    let one = |engine: &EngineFinding| match (&engine.python, &engine.problem) {
        (Some(_), _) => {
            let versions = engine.versions.iter().map(|(name, version)| format!("{name} {version}"));
            format!("{} ({})", engine.name, versions.collect::<Vec<_>>().join(", "))
        }
        (None, Some(problem)) => format!("{}: {problem}", engine.name),
        (None, None) => {
            let install = next("train").option("--engine", engine.name);
            format!("{} is not installed ({install} offers to)", engine.name)
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
