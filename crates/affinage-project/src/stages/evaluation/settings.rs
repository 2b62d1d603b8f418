//! In which words an evaluation differs from what is asked for now: keys of affinage.toml, the run, the data.

use std::collections::{BTreeMap, BTreeSet};

use affinage_eval::plain::counted;
use affinage_eval::plan::{Arm, Plan};
use affinage_eval::suite::Prompt;
use anyhow::Context as _;

use crate::folder::config::Config;
use crate::folder::evaluation::Evaluation;

/// The keys that a plan follows from; of a section all keys.
const OF_PLAN: [&str; 7] = ["model", "generate", "eval", "judging.stop-early", "dose", "arm", "suite"];
/// Keys among them that change no plan.
const NOT_OF_PLAN: [&str; 2] = ["eval.name", "generate.batch"];
/// Longer values are shown by their beginning.
const SHOWN_CHARACTERS: usize = 60;

/// Values of affinage.toml by key, as TOML writes them; an `[[arm]]` or `[[suite]]` is one value.
type Values = BTreeMap<String, String>;

/// The settings for which the plan was fixed; `None` where an earlier version fixed it.
fn kept(evaluation: &Evaluation) -> anyhow::Result<Option<Values>> {
    let Some(text) = evaluation.settings()? else { return Ok(None) };
    let path = evaluation.settings_path();
    Ok(Some(values(&text).with_context(|| format!("{}", path.display()))?))
}

/// Whether affinage.toml named `key` when the plan was fixed; that of a plan of an earlier version is not known.
pub fn had(evaluation: &Evaluation, key: &str) -> anyhow::Result<bool> {
    Ok(kept(evaluation)?.is_some_and(|values| values.contains_key(key)))
}

/// Whether affinage.toml says of this plan what it said when the plan was fixed.
pub fn are_the_same(evaluation: &Evaluation, config: &Config) -> anyhow::Result<bool> {
    Ok(kept(evaluation)? == Some(values(&config.effective_toml())?))
}

/// The keys of affinage.toml that differ from those for which the plan was fixed, in the words of [`changes`]; none where an
/// earlier version fixed it.
pub fn changed(evaluation: &Evaluation, config: &Config) -> anyhow::Result<Vec<String>> {
    let Some(then) = kept(evaluation)? else { return Ok(Vec::new()) };
    Ok(changed_keys(&then, &values(&config.effective_toml())?))
}

/// What differs, each as the end of a sentence: "`eval.prompts-per-suite` was 3, now it is 30".
///
/// Keys of affinage.toml come first; what they do not explain follows.
pub fn changes(
    evaluation: &Evaluation,
    config: &Config,
    (fixed, fixed_prompts): (&Plan, &[Prompt]),
    (now, prompts): (&Plan, &[Prompt]),
) -> anyhow::Result<Vec<String>> {
    let mut found = match kept(evaluation)? {
        Some(then) => changed_keys(&then, &values(&config.effective_toml())?),
        None => changed_sampling(fixed, now),
    };
    found.extend(changed_sources(fixed, now));
    if found.is_empty() {
        found.extend(changed_suites(fixed_prompts, prompts));
        found.extend(changed_arms(&fixed.arms, &now.arms));
    }
    if found.is_empty() {
        found.push("it was planned by another version of affinage".to_owned());
    }
    Ok(found)
}

/// The keys that decide what a training is and differ between two configurations, in the words of [`changes`].
pub fn of_training(then: &Config, now: &Config) -> anyhow::Result<Vec<String>> {
    let of = |config: &Config| -> anyhow::Result<Values> {
        let mut values = all_values(&config.effective_toml())?;
        values.retain(|key, _| key == "model" || key.starts_with("model.") || key.starts_with("train."));
        Ok(values)
    };
    Ok(changed_keys(&of(then)?, &of(now)?))
}

/// The values that a plan follows from.
fn values(toml: &str) -> anyhow::Result<Values> {
    let mut values = all_values(toml)?;
    values.retain(|key, _| is_of_plan(key));
    Ok(values)
}

fn all_values(toml: &str) -> anyhow::Result<Values> {
    let mut values = Values::new();
    for (key, value) in &toml.parse::<toml::Table>()? {
        match value {
            // The section beside the name alone: both are told by the same keys.
            toml::Value::Table(section) if key == "model" => {
                let key = |name: &str| if name == "name" { key.clone() } else { format!("{key}.{name}") };
                values.extend(section.iter().map(|(name, value)| (key(name), value.to_string())));
            }
            toml::Value::Table(section) => {
                values
                    .extend(section.iter().map(|(name, value)| (format!("{key}.{name}"), value.to_string())));
            }
            toml::Value::Array(tables) if tables.iter().all(toml::Value::is_table) => {
                let name = |table: &toml::Value| table["name"].as_str().unwrap_or_default().to_owned();
                let named = |table: &toml::Value| (format!("[[{key}]] {}", name(table)), table.to_string());
                values.extend(tables.iter().filter(|table| table.get("name").is_some()).map(named));
            }
            value => {
                values.insert(key.clone(), value.to_string());
            }
        }
    }
    Ok(values)
}

fn is_of_plan(key: &str) -> bool {
    let table = |name: &str| key.starts_with(&format!("[[{name}]]")) || key.starts_with(&format!("{name}."));
    OF_PLAN.iter().any(|name| key == *name || table(name)) && !NOT_OF_PLAN.contains(&key)
}

fn changed_keys(then: &Values, now: &Values) -> Vec<String> {
    let keys: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    let change = |key: &String| match (then.get(key), now.get(key)) {
        (Some(then), Some(now)) if then == now => None,
        (Some(_), Some(_)) if key.starts_with("[[") => Some(format!("`{key}` was changed")),
        (Some(then), Some(now)) => Some(was(key, &short(then), &short(now))),
        (None, Some(_)) if key.starts_with("[[") => Some(format!("`{key}` is new")),
        (Some(_), None) if key.starts_with("[[") => Some(format!("`{key}` is not there any more")),
        (None, Some(now)) => Some(format!("`{key}` was not set, now it is {}", short(now))),
        (Some(then), None) => Some(format!("`{key}` was {}, now it is not set", short(then))),
        (None, None) => None,
    };
    keys.into_iter().filter_map(change).collect()
}

fn was(key: &str, then: &str, now: &str) -> String {
    format!("`{key}` was {then}, now it is {now}")
}

fn short(value: &str) -> String {
    match value.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// The keys of affinage.toml that a plan itself shows, for plans without settings beside them.
fn changed_sampling(fixed: &Plan, now: &Plan) -> Vec<String> {
    let values = |plan: &Plan| {
        let sampling = &plan.sampling;
        [
            ("generate.temperature", sampling.temperature.to_string()),
            ("generate.top-p", sampling.top_p.to_string()),
            ("generate.top-k", sampling.top_k.to_string()),
            ("max-new-tokens", sampling.max_new_tokens.to_string()),
            ("generate.samples", plan.samples_per_prompt.to_string()),
            ("generate.seed", plan.seed.to_string()),
        ]
    };
    let pairs = values(fixed).into_iter().zip(values(now));
    pairs.filter(|(then, now)| then != now).map(|((key, then), (_, now))| was(key, &then, &now)).collect()
}

/// Model, run and data: what the keys do not show.
fn changed_sources(fixed: &Plan, now: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    if fixed.base_model == now.base_model && fixed.base_sha256 != now.base_sha256 {
        found.push(format!("`{}` has other weights now", now.base_model));
    }
    for judge in &fixed.judges {
        let other = now.judges.iter().find(|other| other.judge_id == judge.judge_id && *other != judge);
        found.extend(other.map(|other| match other.model == judge.model {
            true => format!("the judge `{}` is another one now", judge.judge_id),
            false => format!("the judge `{}` was {}, now it is {}", judge.judge_id, judge.model, other.model),
        }));
    }
    let none = || "none".to_owned();
    let run = |plan: &Plan| plan.run.clone().unwrap_or_else(none);
    if fixed.run != now.run {
        found.push(format!("the run was {}, now it is {}", run(fixed), run(now)));
    }
    let version = |plan: &Plan| plan.dataset.as_ref().map_or_else(none, |dataset| dataset.version.clone());
    if version(fixed) != version(now) {
        found.push(format!("the data set was {}, now it is {}", version(fixed), version(now)));
    }
    found
}

/// By category: how many prompts there are, or that they are others.
fn changed_suites(fixed: &[Prompt], now: &[Prompt]) -> Vec<String> {
    let of = |prompts: &[Prompt], category: &str| {
        prompts.iter().filter(|prompt| prompt.category == category).cloned().collect::<Vec<Prompt>>()
    };
    let all: BTreeSet<&str> = fixed.iter().chain(now).map(|prompt| prompt.category.as_str()).collect();
    let change = |category: &str| {
        let (then, now) = (of(fixed, category), of(now, category));
        match then.len() == now.len() {
            true => (then != now).then(|| format!("the prompts of `{category}` are others now")),
            false => Some(format!(
                "`{category}` had {}, now it has {}",
                counted(then.len(), "prompt", "prompts"),
                now.len()
            )),
        }
    };
    all.into_iter().filter_map(change).collect()
}

fn changed_arms(fixed: &[Arm], now: &[Arm]) -> Vec<String> {
    let names = |arms: &[Arm]| arms.iter().map(|arm| arm.name.as_str()).collect::<Vec<_>>().join(", ");
    if names(fixed) != names(now) {
        return vec![format!("who answers was {}, now it is {}", names(fixed), names(now))];
    }
    let others = now.iter().zip(fixed).filter(|(now, then)| now != then);
    others.map(|(arm, _)| format!("`{}` is another one now", arm.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, sets: &[&str]) -> Values {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let config = Config::parse(text, &sets).expect("valid");
        values(&config.effective_toml()).expect("TOML")
    }

    #[test]
    fn a_change_is_said_in_the_words_of_the_configuration() {
        let change = |then: &[&str], now: &[&str]| changed_keys(&of("", then), &of("", now));
        assert_eq!(
            change(&["eval.prompts-per-suite=3"], &["eval.prompts-per-suite=30"]),
            ["`eval.prompts-per-suite` was 3, now it is 30"]
        );
        assert_eq!(
            change(&["eval.prompts-per-suite=3", "generate.top-k=4"], &[]),
            ["`eval.prompts-per-suite` was 3, now it is not set", "`generate.top-k` was 4, now it is 0"]
        );
        assert_eq!(
            change(&[], &["eval.system-prompt=\"Write briefly.\""]),
            ["`eval.system-prompt` was not set, now it is \"Write briefly.\""]
        );
        let apart = ["eval.name=\"other\"", "generate.batch=3", "train.epochs=7", "threads=1"];
        assert_eq!(change(&[], &apart), [""; 0], "none of these shapes a plan");
    }

    #[test]
    fn a_suite_of_the_users_own_is_named() {
        let suite = |file: &str| {
            format!(
                "[[suite]]\nname = \"letters\"\nfile = \"{file}\"\ndomain = \"in\"\ncategory = \"letters\"\n"
            )
        };
        let (none, one, other) = (of("", &[]), of(&suite("a.jsonl"), &[]), of(&suite("b.jsonl"), &[]));
        assert_eq!(changed_keys(&none, &one), ["`[[suite]] letters` is new"]);
        assert_eq!(changed_keys(&one, &none), ["`[[suite]] letters` is not there any more"]);
        assert_eq!(changed_keys(&one, &other), ["`[[suite]] letters` was changed"]);
    }
}
