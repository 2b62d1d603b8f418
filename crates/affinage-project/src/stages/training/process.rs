//! A training in a process of its own, with the configuration of this one.

use std::process::Command;

use crate::folder::project::Project;

/// This program on this project, up to its command.
pub fn command(ctx: &Project) -> anyhow::Result<Command> {
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
            toml::Value::Table(_) if key != "model" => {}
            toml::Value::Array(_) => {}
            value => sets.push(format!("{key}={value}")),
        }
    }
    Ok(sets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::config::Config;

    #[test]
    fn settings_carry_all_that_training_reads() {
        let own = [
            "model=\"my/model\"",
            "model.thinking=on",
            "threads=2",
            "train.rank=3",
            "train.max-steps=9",
            "train.loss=\"full\"",
        ];
        let config = Config::parse("", &own.map(str::to_owned)).expect("valid");
        let sets = settings(&config.effective_toml()).expect("TOML");
        let again = Config::parse("", &sets).expect("valid");
        assert_eq!((again.train, again.model, again.threads), (config.train, config.model, config.threads));
    }
}
