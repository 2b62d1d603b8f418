//! A training in a process of its own, with the configuration of this one.

use std::process::Command;

use crate::context::Context;

/// This program on this project, up to its command.
pub fn command(ctx: &Context) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("-C").arg(&ctx.project);
    for set in settings(&ctx.config.effective_toml())? {
        command.args(["--set", &set]);
    }
    Ok(command)
}

/// What training reads of a configuration, as `key=value`.
fn settings(toml: &str) -> anyhow::Result<Vec<String>> {
    let table: toml::Table = toml.parse()?;
    let mut sets = Vec::new();
    for (key, value) in &table {
        match value {
            toml::Value::Table(section) if key == "train" => {
                sets.extend(section.iter().map(|(key, value)| format!("train.{key}={value}")));
            }
            toml::Value::Table(_) | toml::Value::Array(_) => {}
            value => sets.push(format!("{key}={value}")),
        }
    }
    Ok(sets)
}
