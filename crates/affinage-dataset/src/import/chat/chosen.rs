//! Which of several answers was chosen, where the export names it by an id or marks it.

use serde_json::Value;

use super::layers::{self, Layers};

/// Words for the answer that was chosen.
const CHOSEN: [&str; 14] = [
    "primary",
    "selected",
    "chosen",
    "active",
    "current",
    "preferred",
    "accepted",
    "picked",
    "best",
    "final",
    "default",
    "winner",
    "winning",
    "shown",
];

/// The variant that the message names by its id (`primary_candidate_id`), or that alone says of itself that it was chosen.
pub fn variant(fields: Layers<'_>, variants: &[Value]) -> Option<usize> {
    let named = fields.values().filter_map(Value::as_object).flatten().find_map(|(name, id)| {
        let id = layers::scalar(id).filter(|_| names_chosen(name))?;
        variants.iter().position(|variant| {
            let own = variant.as_object().into_iter().flatten();
            own.filter(|(name, _)| name.to_lowercase().ends_with("id"))
                .any(|(_, own)| layers::scalar(own) == Some(id.clone()))
        })
    });
    let says_so = |variant: &Value| {
        let flags = variant.as_object().into_iter().flatten();
        flags.filter(|(_, flag)| flag.as_bool() == Some(true)).any(|(name, _)| is_chosen_flag(name))
    };
    named.or_else(|| match variants.iter().filter(|variant| says_so(variant)).count() {
        1 => variants.iter().position(says_so),
        _ => None,
    })
}

/// True if a field of this name holds the id of the variant that was chosen: `primary_candidate_id`, `selectedVariantId`.
fn names_chosen(name: &str) -> bool {
    let name = name.to_lowercase();
    name.ends_with("id") && CHOSEN.iter().any(|word| name.starts_with(word))
}

/// True if a field of this name says of a variant that it was chosen.
fn is_chosen_flag(name: &str) -> bool {
    let name = name.to_lowercase();
    let word = name.strip_prefix("is").map_or(name.as_str(), |rest| rest.trim_start_matches('_'));
    CHOSEN.contains(&word)
}
