//! Items as Joplin keeps them, one a file: a title, the text, and at the end a block of fields, the last of which says what
//! the item is. Only notes are text; a block like it stands in no other file.

use std::borrow::Cow;

/// What one file of Joplin holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item<'t> {
    /// Nothing of Joplin: the text as it is.
    Text(&'t str),
    /// A note as Markdown.
    Note(Cow<'t, str>),
    /// No note, or one that was thrown away.
    Other(&'static str),
}

/// The item that a text is.
pub(super) fn item(text: &str) -> Item<'_> {
    let trimmed = text.trim_end();
    let block = trimmed.rsplit_once("\n\n").map_or(trimmed, |(_, block)| block);
    let fields: Option<Vec<(&str, &str)>> = block.lines().map(field).collect();
    let Some(fields) = fields.filter(|fields| fields.last().is_some_and(|(key, _)| *key == "type_")) else {
        return Item::Text(text);
    };
    let of = |name: &str| fields.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let is_id = |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !of("id").is_some_and(is_id) {
        return Item::Text(text);
    }
    match of("type_") {
        Some("1") => {}
        Some("2") => return Item::Other("a notebook of Joplin, and no note"),
        Some("4") => return Item::Other("what Joplin says of a file in a note"),
        _ => return Item::Other("an item of Joplin that is no note: a tag or a setting"),
    }
    if of("deleted_time").is_some_and(|time| !matches!(time, "" | "0")) {
        return Item::Other("a note in the trash of Joplin");
    }
    if of("encryption_applied") == Some("1") {
        return Item::Other("an encrypted note of Joplin: export it decrypted, as Markdown");
    }
    let body = trimmed[..trimmed.len() - block.len()].trim();
    let (title, body) = body.split_once('\n').unwrap_or((body, ""));
    let day = of("user_created_time").or(of("created_time")).and_then(|time| time.get(..10));
    let front = super::notes::front_matter(Some(title.trim()).filter(|title| !title.is_empty()), &[], day);
    Item::Note(Cow::Owned(format!("{front}{}\n", body.trim())))
}

/// `parent_id: aaaa`; no field of it has an upper letter.
fn field(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_key.then(|| (key, value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn only_notes_are_text_and_their_fields_are_not() {
        let note = format!(
            "Weirs\n\nThey lean.\n\nSome wait.\n\nid: {ID}\ncreated_time: 2026-03-04T10:00:00Z\nlatitude: 54.1\nsource_url: \ntype_: 1"
        );
        let expected = "---\ntitle: Weirs\ndate: 2026-03-04\n---\n\nThey lean.\n\nSome wait.\n";
        assert_eq!(item(&note), Item::Note(expected.into()));
        for (text, what) in [
            (format!("Water\n\nid: {ID}\nicon: \ntype_: 2"), "a notebook"),
            (format!("weir.jpg\n\nid: {ID}\nmime: image/jpeg\ntype_: 4\n"), "what Joplin says of a file"),
            (format!("id: {ID}\nnote_id: {ID}\ntype_: 6"), "an item of Joplin that is no note"),
            (note.replace("type_: 1", "deleted_time: 1741770000000\ntype_: 1"), "a note in the trash"),
        ] {
            let Item::Other(found) = item(&text) else { panic!("{text}") };
            assert!(found.starts_with(what), "{found}");
        }
        for text in ["They lean.\n\nid: 12\ntype_: 1", "A wall.\n\nNote: it leans.", "", "type_: 1"] {
            assert_eq!(item(text), Item::Text(text));
        }
    }
}
