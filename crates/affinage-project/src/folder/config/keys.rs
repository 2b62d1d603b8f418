//! The keys of affinage.toml by their whole names, and which of them was meant by a name that is none.

use super::TEMPLATE;
use crate::nearest::{nearest, plain};

/// Names of other tools, and short ones, with the key they mean here. [`plain`] names.
const ALIASES: [(&str, &str); 61] = [
    ("lr", "train.learning-rate"),
    ("peak-lr", "train.learning-rate"),
    ("batch-size", "train.rows-per-step"),
    ("bs", "train.rows-per-step"),
    ("train-batch-size", "train.rows-per-step"),
    ("per-device-train-batch-size", "train.rows-per-step"),
    ("micro-batch-size", "train.micro-batch-tokens"),
    ("epoch", "train.epochs"),
    ("num-epochs", "train.epochs"),
    ("num-train-epochs", "train.epochs"),
    ("steps", "train.max-steps"),
    ("r", "train.rank"),
    ("lora-r", "train.rank"),
    ("lora-rank", "train.rank"),
    ("lora-alpha", "train.alpha"),
    ("lora-dropout", "train.dropout"),
    ("target-modules", "train.targets"),
    ("lora-target-modules", "train.targets"),
    ("seq-len", "train.max-seq-tokens"),
    ("seq-length", "train.max-seq-tokens"),
    ("max-seq-len", "train.max-seq-tokens"),
    ("max-seq-length", "train.max-seq-tokens"),
    ("max-length", "train.max-seq-tokens"),
    ("max-len", "train.max-seq-tokens"),
    ("context-length", "train.max-seq-tokens"),
    ("cutoff-len", "train.max-seq-tokens"),
    ("lr-scheduler", "train.schedule"),
    ("lr-scheduler-type", "train.schedule"),
    ("scheduler", "train.schedule"),
    ("warmup", "train.warmup-ratio"),
    ("wd", "train.weight-decay"),
    ("grad-clip", "train.clip-norm"),
    ("max-grad-norm", "train.clip-norm"),
    ("eval-steps", "train.eval-every"),
    ("save-steps", "train.eval-every"),
    ("checkpoint-every", "train.eval-every"),
    ("memory", "train.memory-budget-gb"),
    ("max-rows", "train.rows"),
    ("max-samples", "train.rows"),
    ("temp", "generate.temperature"),
    ("n", "generate.samples"),
    ("num-samples", "generate.samples"),
    ("max-tokens", "generate.max-new-tokens"),
    ("gen-length", "generate.max-new-tokens"),
    ("base-model", "model"),
    ("model-name", "model"),
    ("model-name-or-path", "model"),
    ("thinking", "model.thinking"),
    ("enable-thinking", "model.thinking"),
    ("reasoning", "model.thinking"),
    ("num-threads", "threads"),
    ("cores", "threads"),
    ("cpus", "threads"),
    ("val-split", "dataset.validation-share"),
    ("validation-split", "dataset.validation-share"),
    ("test-split", "dataset.test-share"),
    ("test-size", "dataset.test-share"),
    ("limit", "eval.prompts-per-suite"),
    ("prompts", "eval.prompts-per-suite"),
    ("system", "eval.system-prompt"),
    ("budget", "judging.budget-usd"),
];

/// The keys of `model` where it is a section: the template has the short form, the name alone.
const OF_MODEL: [&str; 2] = ["model.name", "model.thinking"];

/// The key that was meant by `name`, written in `section` ("" at the top of the file), where the keys `here` are known.
///
/// First a key of that section, then one that other tools call so, then the same or nearly the same name elsewhere.
pub fn meant(section: &str, name: &str, here: &[&str]) -> Option<String> {
    let name = plain(name);
    if let Some(near) = nearest(&name, here) {
        return Some(whole(section, near));
    }
    if let Some((_, key)) = ALIASES.iter().find(|(alias, _)| *alias == name) {
        return Some((*key).to_owned());
    }
    let keys = all();
    let last_parts: Vec<&str> = keys.iter().map(|key| split(key).1).collect();
    let near = nearest(&name, &last_parts)?;
    keys.iter().find(|key| split(key).1 == near).cloned()
}

/// `train.rank` of `train` and `rank`.
pub fn whole(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// Section and name of a key: `train` and `rank` of `train.rank`.
pub fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('.').unwrap_or(("", key))
}

/// Whether a section is a list of tables: `[[judge]]`.
pub fn is_list(section: &str) -> bool {
    TEMPLATE.contains(&format!("[[{section}]]"))
}

/// Every key and section of the template, those in comments too, in its order: `model`, `train`, `train.rank`.
pub fn all() -> Vec<String> {
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in TEMPLATE.lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        let is_name = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b == b'.');
        if let Some((name, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            section = name.trim_start_matches('[').to_owned();
            keys.push(section.clone());
        } else if let Some((name, _)) = line.split_once(" = ").filter(|(name, _)| is_name(name)) {
            keys.push(whole(&section, name));
        }
    }
    keys.dedup();
    keys.extend(OF_MODEL.map(str::to_owned));
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_means_a_key() {
        for (section, name, key) in [
            ("judge", "modle", Some("judge.model")),
            ("", "modle", Some("model")),
            ("train", "lr", Some("train.learning-rate")),
            ("", "lr", Some("train.learning-rate")),
            ("generate", "lr", Some("train.learning-rate")),
            ("", "learning-rate", Some("train.learning-rate")),
            ("", "learning_rate", Some("train.learning-rate")),
            ("train", "batch-size", Some("train.rows-per-step")),
            ("", "batch-size", Some("train.rows-per-step")),
            ("", "epochs", Some("train.epochs")),
            ("", "num_train_epochs", Some("train.epochs")),
            ("", "rank", Some("train.rank")),
            ("", "alpha", Some("train.alpha")),
            ("train", "seq_len", Some("train.max-seq-tokens")),
            ("", "max_length", Some("train.max-seq-tokens")),
            ("train", "temperature", Some("generate.temperature")),
            ("", "trian", Some("train")),
            ("eval.audience", "coherance", Some("eval.audience.coherence")),
            ("generate", "beams", None),
        ] {
            let keys = all();
            let here: Vec<&str> =
                keys.iter().map(|key| split(key)).filter(|key| key.0 == section).map(|key| key.1).collect();
            assert_eq!(meant(section, name, &here).as_deref(), key, "{name} in [{section}]");
        }
    }

    #[test]
    fn every_other_name_is_plain_means_a_key_and_is_none_itself() {
        let keys = all();
        for (alias, key) in ALIASES {
            assert_eq!(plain(alias), alias);
            assert!(keys.iter().any(|known| known == key), "{alias}: there is no key `{key}`");
            assert!(!keys.iter().any(|known| known == alias), "`{alias}` is a key of its own");
            assert_eq!(ALIASES.iter().filter(|(other, _)| *other == alias).count(), 1, "{alias} twice");
        }
    }

    #[test]
    fn the_keys_are_those_of_the_configuration() {
        let keys = all();
        for key in
            ["model", "threads", "train.rank", "train.max-steps", "eval.audience.name", "judge.api-key-env"]
        {
            assert!(keys.iter().any(|known| known == key), "{key}");
        }
        let mut section = String::new();
        for line in super::super::Config::default().effective_toml().lines() {
            if let Some((key, _)) = line.split_once(" = ") {
                assert!(keys.contains(&whole(&section, key)), "{key} in [{section}]");
            } else if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name.to_owned();
            }
        }
    }
}
