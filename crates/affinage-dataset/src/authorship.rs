//! Who wrote an answer: persons and model families, counted in characters.

use std::collections::BTreeMap;

/// Characters by writer, e.g. `{"model:gpt": 812, "person": 96}`.
pub type Written = BTreeMap<String, usize>;

/// The part of a person in [`Written`].
pub const PERSON: &str = "person";
/// The part of which nobody said whether a person or a model wrote it.
pub const UNKNOWN: &str = "unknown";

/// Who wrote the words that an edit began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'a> {
    Model(&'a str),
    Person,
    Unknown,
}

/// Family of a model, from the name an export gives it: `gpt-4o` and `o3` are `gpt`, `claude-opus-4-1` is `claude`.
/// An unknown name stands for itself, up to its first digit or separator.
pub fn model_family(model: &str) -> String {
    const FAMILIES: [(&str, &str); 16] = [
        ("chatgpt", "gpt"),
        ("text-davinci", "gpt"),
        ("gpt", "gpt"),
        ("claude", "claude"),
        ("gemini", "gemini"),
        ("gemma", "gemma"),
        ("llama", "llama"),
        ("qwen", "qwen"),
        ("qwq", "qwen"),
        ("mixtral", "mistral"),
        ("mistral", "mistral"),
        ("deepseek", "deepseek"),
        ("grok", "grok"),
        ("phi", "phi"),
        ("smollm", "smollm"),
        ("command-r", "command"),
    ];
    let name = model.to_lowercase();
    // A provider may stand before the name: `anthropic/claude-3`.
    let name = name.rsplit('/').next().unwrap_or(&name);
    if let Some((_, family)) = FAMILIES.iter().find(|(prefix, _)| name.contains(prefix)) {
        return (*family).to_owned();
    }
    if name.strip_prefix('o').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        return "gpt".to_owned();
    }
    let end = name.find(|c: char| !c.is_alphabetic()).unwrap_or(name.len());
    if end == 0 { name.to_owned() } else { name[..end].to_owned() }
}

/// Characters of `text` by writer. What `text` took over word for word of `original` is its writer's, the rest a
/// person's.
pub fn written(text: &str, original: Option<&str>, by: By<'_>) -> Written {
    let total = text.chars().count();
    let writer = match by {
        By::Person => return Written::from([(PERSON.to_owned(), total)]),
        By::Model(model) => format!("model:{}", model_family(model)),
        By::Unknown => UNKNOWN.to_owned(),
    };
    let kept = match original {
        Some(original) if original != text => kept_chars(original, text),
        _ => total,
    };
    let parts = [(writer, kept), (PERSON.to_owned(), total - kept)];
    parts.into_iter().filter(|(_, chars)| *chars > 0).collect()
}

/// Characters of `text` that an edit of `original` brought in: those of words that do not stand in `original` in the
/// same order. Who wrote `original` does not matter here.
pub fn new_chars(text: &str, original: &str) -> usize {
    text.chars().count() - kept_chars(original, text)
}

/// Share of each writer, 0 to 1; empty if nothing was written.
pub fn shares(written: &Written) -> BTreeMap<String, f64> {
    let total: usize = written.values().sum();
    written.iter().map(|(who, chars)| (who.clone(), *chars as f64 / total.max(1) as f64)).collect()
}

/// Characters of `edited` that stand in its longest common subsequence of words with `original`.
fn kept_chars(original: &str, edited: &str) -> usize {
    let (old, new) = (tokens(original), tokens(edited));
    let mut above = vec![0usize; new.len() + 1];
    for word in old {
        let mut diagonal = 0;
        for (index, other) in new.iter().enumerate() {
            let here = above[index + 1];
            let taken = if *other == word { diagonal + other.chars().count() } else { 0 };
            above[index + 1] = here.max(above[index]).max(taken);
            diagonal = here;
        }
    }
    above[new.len()]
}

/// Words, each with the space and punctuation after it.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut in_word = false;
    for (at, c) in text.char_indices() {
        if c.is_alphanumeric() && !in_word && at > start {
            tokens.push(&text[start..at]);
            start = at;
        }
        in_word = c.is_alphanumeric();
    }
    if start < text.len() {
        tokens.push(&text[start..]);
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families() {
        let cases = [
            ("gpt-4o", "gpt"),
            ("o3-mini", "gpt"),
            ("claude-opus-4-1", "claude"),
            ("models/gemini-2.5-pro", "gemini"),
            ("meta-llama/Llama-3.2-1B", "llama"),
            ("nova-lite", "nova"),
        ];
        for (name, family) in cases {
            assert_eq!(model_family(name), family, "{name}");
        }
    }

    #[test]
    fn what_an_edit_brought_in_does_not_depend_on_the_writer() {
        let original = "The gate was open, and the dog had gone out to the road.";
        assert_eq!(new_chars(original, original), 0);
        let edited = original.replace("the dog", "the old grey dog");
        assert_eq!(new_chars(&edited, original), "old grey ".len());
        assert_eq!(new_chars("The gate was open", original), 0, "a cut brings nothing in");
        assert_eq!(written(&edited, Some(original), By::Person), Written::from([(PERSON.into(), 65)]));
    }

    #[test]
    fn an_edit_is_shared_between_model_and_person() {
        let model = By::Model("gpt-4o");
        assert_eq!(written("Sell it.", None, model), Written::from([("model:gpt".into(), 8)]));
        assert_eq!(written("Sell it.", None, By::Person), Written::from([("person".into(), 8)]));
        assert_eq!(written("Sell it.", None, By::Unknown), Written::from([("unknown".into(), 8)]));
        let edited = written("Sell it now.", Some("Sell it."), By::Unknown);
        assert_eq!(edited, Written::from([("unknown".into(), 5), ("person".into(), 7)]));
        // `Sell the ` and `now.` are kept, `old boat ` is new.
        let edited = written("Sell the old boat now.", Some("Sell the ship now."), model);
        assert_eq!(edited, Written::from([("model:gpt".into(), 13), ("person".into(), 9)]));
        assert_eq!(shares(&edited)["person"], 9.0 / 22.0);
        let rewritten = written("Keep.", Some("Sell it."), model);
        assert_eq!(rewritten, Written::from([("person".into(), 5)]));
    }
}
