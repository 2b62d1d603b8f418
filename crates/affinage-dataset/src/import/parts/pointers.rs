//! Parts whose words stand elsewhere, or among what points elsewhere: ids, places, pieces with their sources.

use serde_json::Value;

use super::super::json::string;

/// A string such as `prt_07` or a UUID: it names something that stands elsewhere.
pub fn is_reference(item: &Value) -> bool {
    let Some(id) = item.as_str().filter(|id| id.bytes().any(|byte| byte.is_ascii_digit())) else {
        return false;
    };
    let letters = || id.chars().filter(char::is_ascii_alphabetic);
    let is_plain = id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':'));
    let is_hex = letters().all(|c| c.is_ascii_hexdigit());
    // `prt_07`, but not `gpt-4`; a long number in hexadecimal digits; or letters and digits without a word.
    let has_prefix = id.split_once(['_', '-', ':']).is_some_and(|(prefix, rest)| {
        let is_long = id[prefix.len()..].starts_with('_') || rest.len() >= 6;
        let has_digit = rest.bytes().any(|byte| byte.is_ascii_digit());
        !prefix.is_empty() && prefix.chars().all(|c| c.is_ascii_lowercase()) && has_digit && is_long
    });
    let has_letters = letters().next().is_some();
    is_plain && (has_prefix || (has_letters && (is_hex && id.len() >= 12 || id.len() >= 16)))
}

/// The name that the reader saw of a place: its own, that of what it points to, or the end of a path.
pub fn place_name(item: &Value, target: &Value) -> Option<String> {
    let names = ["name", "label", "title"];
    let name = names.iter().find_map(|key| string(item, key).or_else(|| string(target, key)));
    name.map(str::to_owned).or_else(|| {
        let places = [Some(target), target.get("uri"), target.pointer("/location/uri"), Some(item)];
        let path = places.into_iter().flatten().find_map(|at| {
            at.as_str()
                .or_else(|| ["path", "fsPath", "external", "uri"].iter().find_map(|key| string(at, key)))
        })?;
        path.rsplit(['/', '\\']).find(|piece| !piece.is_empty()).map(str::to_owned)
    })
}

/// The pieces of a text beside the sources that they come from: one list of texts, and another one of sources.
pub fn cited(value: &Value) -> Option<Vec<&str>> {
    const SOURCES: [&str; 5] = ["citations", "sources", "references", "annotations", "groundings"];
    let fields = value.as_object()?;
    if !SOURCES.iter().any(|name| fields.get(*name).is_some_and(Value::is_array)) {
        return None;
    }
    let others = fields.iter().filter(|(name, _)| !SOURCES.contains(&name.as_str()));
    let mut lists = others.filter_map(|(_, list)| list.as_array().filter(|list| !list.is_empty()));
    let list = lists.next().filter(|_| lists.next().is_none())?;
    list.iter().map(|piece| string(piece, "text")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_are_told_from_words() {
        for id in ["prt_07", "blk-4f07a1", "0d9c1f7e-52aa-4c41-9f1b-7d2f33a1c0de", "01HZX5W0Q3ZK9M7T2R4V"] {
            assert!(is_reference(&json!(id)), "{id}");
        }
        for word in
            ["Yes.", "Clay", "B2", "In 1874", "prt_", "covid-19", "gpt-4", "0172-555-0199", "A4: 210", "2026"]
        {
            assert!(!is_reference(&json!(word)), "{word}");
        }
    }

    #[test]
    fn a_place_has_the_name_that_stood_in_the_sentence() {
        for (item, target, expected) in [
            (json!({ "name": "moor.txt" }), json!({ "path": "/a/b" }), Some("moor.txt")),
            (json!({}), json!({ "name": "peat" }), Some("peat")),
            (json!({}), json!({ "fsPath": "c:\\land\\bog.txt" }), Some("bog.txt")),
            (json!({}), json!({ "uri": { "path": "/land/fen/" } }), Some("fen")),
            (json!({}), json!({ "location": { "uri": { "path": "/land/fen.md" } } }), Some("fen.md")),
            (json!({}), json!({}), None),
        ] {
            assert_eq!(place_name(&item, &target).as_deref(), expected, "{item} {target}");
        }
    }

    #[test]
    fn pieces_with_their_sources_are_a_text_and_others_are_not() {
        let cited_text = json!({ "pieces": [{ "text": "Peat is" }, { "text": " wet." }], "sources": [{ "title": "Bog" }] });
        assert_eq!(cited(&cited_text), Some(vec!["Peat is", " wet."]));
        for other in [
            json!({ "steps": [{ "text": "First I weigh." }] }),
            json!({ "a": [{ "text": "x" }], "b": [{ "text": "y" }], "sources": [] }),
            json!({ "pieces": [{ "step": "x" }], "sources": [] }),
        ] {
            assert_eq!(cited(&other), None, "{other}");
        }
    }
}
