//! Whether a text says of itself that it is private, a draft or somebody else's: in its front matter, in tags, in lines of
//! fields at its head, and in comments.
//!
//! In doubt it is private: it then waits for a decision, and is not lost. A word about privacy in a title or a sentence is
//! no mark.

use super::front_matter::{self, FrontMatter};
use crate::conversation::Declared;
use crate::import::fences::{self, Unclosed};

/// Fields that make a text private, unless their value is a no. Without spaces, `-` and `_`, and without `is` before them.
#[rustfmt::skip]
const PRIVATE_KEYS: [&str; 21] = [
    "private", "confidential", "secret", "hidden", "privat", "vertraulich", "geheim", "privé", "prive", "privée", "confidentiel", "confidentielle",
    "privado", "privada", "confidencial", "secreto", "privato", "privata", "riservato", "confidenziale", "segreto",
];
/// Fields that keep a text from being published if their value is a no.
const PUBLIC_KEYS: [&str; 11] = [
    "publish",
    "published",
    "public",
    "dgpublish",
    "share",
    "shared",
    "öffentlich",
    "veröffentlicht",
    "publié",
    "público",
    "pubblico",
];
/// Fields whose value is a state.
#[rustfmt::skip]
const STATE_KEYS: [&str; 16] = [
    "visibility", "access", "accesslevel", "status", "state", "type", "share", "sharing", "scope", "permission", "permissions", "sensitivity",
    "privacy", "confidentiality", "classification", "sichtbarkeit",
];
/// What the state of a draft is called.
const DRAFT: [&str; 5] = ["draft", "entwurf", "brouillon", "borrador", "bozza"];
/// Fields whose values are tags.
#[rustfmt::skip]
const TAG_KEYS: [&str; 18] = [
    "tags", "tag", "keywords", "keyword", "categories", "category", "labels", "label", "class", "classes", "cssclass", "cssclasses", "schlagworte",
    "schlagwörter", "kategorien", "motsclés", "etiquetas", "filetags",
];
/// Tags that make a text private.
#[rustfmt::skip]
const PRIVATE_TAGS: [&str; 17] = [
    "private", "confidential", "privat", "vertraulich", "geheim", "privé", "prive", "privée", "confidentiel", "confidentielle", "privado", "privada",
    "confidencial", "privato", "privata", "riservato", "confidenziale",
];
/// States beside these tags that say the same.
const PRIVATE_STATES: [&str; 3] = ["restricted", "hidden", "secret"];
const NO: [&str; 15] =
    ["false", "no", "off", "0", "n", "f", "none", "null", "never", "nein", "nie", "non", "nej", "nee", "não"];
const YES: [&str; 12] = ["true", "yes", "on", "1", "y", "t", "ja", "oui", "sí", "si", "sì", "sim"];
/// Lines with words at the head of a text that may be fields.
const HEAD_LINES: usize = 10;

/// What a text says of itself. `is_other` says of an author's name that it is not the usual one of the texts beside it.
pub(super) fn of(
    member: &str,
    fields: &FrontMatter,
    body: &str,
    is_other: impl Fn(&str) -> bool,
) -> Option<Declared> {
    mark(fields, body).or_else(|| by(member, fields, is_other))
}

/// Private or a draft, if the text says so.
pub(super) fn mark(fields: &FrontMatter, body: &str) -> Option<Declared> {
    let of_fields = fields.paths_and_values().find_map(|(path, value)| {
        let key = path.rsplit('.').next().unwrap_or(path);
        of_field(key, value).filter(|found| *found == Declared::Private)
    });
    let is_private = of_fields.is_some() || fields.unread.iter().any(|line| has_private_word(line));
    if is_private || is_private_body(body) {
        return Some(Declared::Private);
    }
    fields
        .paths_and_values()
        .find_map(|(path, value)| of_field(path.rsplit('.').next().unwrap_or(path), value))
}

/// By somebody else where the text is a saved page (a file of HTML, or with a source on the web) that names its author, or a
/// note that names another author than the notes beside it. The author of an office document is mostly the user.
fn by(member: &str, fields: &FrontMatter, is_other: impl Fn(&str) -> bool) -> Option<Declared> {
    let member = member.to_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| member.ends_with(ending));
    let is_page = ends(&[".html", ".htm", ".xhtml", ".mhtml"])
        || fields
            .values(&["source", "url", "original", "original_url"])
            .any(|value| value.starts_with("http"));
    let is_document = ends(&[".docx", ".odt", ".epub", ".pdf", ".rtf"]);
    let name = author(fields)?;
    (is_page || (!is_document && is_other(&name))).then_some(Declared::By { name })
}

/// The author whom a front matter names.
pub(super) fn author(fields: &FrontMatter) -> Option<String> {
    let author = fields.values(&["author", "authors", "by", "byline"]).next()?;
    let name = author.trim_matches(['[', ']']).split('|').next().unwrap_or_default().trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// What one field says.
fn of_field(key: &str, value: &str) -> Option<Declared> {
    let key: String = key.to_lowercase().chars().filter(|c| !matches!(c, ' ' | '-' | '_')).collect();
    let has = |keys: &[&str]| keys.contains(&key.as_str());
    let is_mark = PRIVATE_KEYS.contains(&key.strip_prefix("is").unwrap_or(&key));
    let is_private = (is_mark && !is_no(value))
        || (has(&STATE_KEYS) && is_private_state(value))
        || (has(&TAG_KEYS) && tags(&key, value).any(is_private_tag));
    if is_private {
        return Some(Declared::Private);
    }
    let is_draft = (key == "draft" && words(value).any(|word| YES.contains(&word.as_str())))
        || (has(&STATE_KEYS) && words(value).any(|word| DRAFT.contains(&word.as_str())));
    let is_kept = PUBLIC_KEYS.contains(&key.strip_prefix("is").unwrap_or(&key)) && is_no(value);
    (is_draft || is_kept).then_some(Declared::Draft)
}

/// The words of a value in lower case, without the types and anchors of YAML before it.
fn words(value: &str) -> impl Iterator<Item = String> + '_ {
    let parts = value.split_whitespace().filter(|word| !word.starts_with(['!', '&']));
    let bare = parts.map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase());
    bare.filter(|word| !word.is_empty())
}

fn is_no(value: &str) -> bool {
    words(value).count() > 0 && words(value).all(|word| NO.contains(&word.as_str()))
}

/// One word that says so, or two: `strictly private`.
fn is_private_state(value: &str) -> bool {
    let is_state = |word: &String| [&PRIVATE_TAGS[..], &PRIVATE_STATES].concat().contains(&word.as_str());
    words(value).count() <= 2 && words(value).any(|word| is_state(&word))
}

/// The tags in a value. Only those of `tags` are parted by spaces: `private property` may be a keyword.
fn tags<'a>(key: &str, value: &'a str) -> impl Iterator<Item = &'a str> {
    let by_spaces = !matches!(key, "keywords" | "keyword" | "categories" | "category") || value.contains('#');
    value.split(move |c: char| matches!(c, ',' | ';') || (by_spaces && c.is_whitespace())).map(str::trim)
}

/// `private`, `#private`, `private/diary`, `diary/private`
fn is_private_tag(tag: &str) -> bool {
    let tag = tag.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    tag.split('/').any(|part| PRIVATE_TAGS.contains(&part))
}

/// Whether a line that is no field holds a word that could hide the text.
fn has_private_word(line: &str) -> bool {
    let is_mark = |word: &str| {
        let word = word.to_lowercase();
        PRIVATE_KEYS.contains(&word.strip_prefix("is_").unwrap_or(&word))
            || PRIVATE_TAGS.contains(&word.as_str())
    };
    line.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').any(is_mark)
}

fn is_private_body(body: &str) -> bool {
    let lines: Vec<&str> = body.lines().collect();
    let in_code = fences::inside(&lines, Unclosed::ToTheEnd);
    let bare = || lines.iter().zip(&in_code).filter(|(line, is_code)| !**is_code && !line.trim().is_empty());
    bare().take(HEAD_LINES).any(|(line, _)| is_private_field(line))
        || bare().any(|(line, _)| has_private_tag(line) || is_private_property(line))
        || comments(body).any(is_private_comment)
}

/// A field on a line of its own: `Tags: private`, `**Private:** yes`.
fn is_private_field(line: &str) -> bool {
    let line = line.replace("**", "");
    let line = line.trim_matches([' ', '\t', '-', '*', '_', '>', ',']);
    let Some((key, value)) = front_matter::key_and_value(line, ':') else { return false };
    let key = key.to_lowercase();
    let is_short = words(value).count() == 1;
    let is_yes = || words(value).all(|word| YES.contains(&word.as_str()));
    let is_tags = TAG_KEYS.contains(&key.as_str());
    of_field(&key, value) == Some(Declared::Private)
        && (is_tags || (is_short && (is_yes() || STATE_KEYS.contains(&key.as_str()))))
}

/// `private:: true` of Logseq and Dataview, `#+FILETAGS: :private:` and `* Heading :private:` of Org.
fn is_private_property(line: &str) -> bool {
    if let Some((key, value)) = line.split_once(":: ") {
        let key = key.trim_matches([' ', '\t', '-', '*', '[', '(']);
        return of_field(key, value.trim_end_matches([']', ')'])) == Some(Declared::Private);
    }
    let is_heading = line.starts_with("* ") || line.starts_with("**");
    let of_org =
        line.to_lowercase().starts_with("#+filetags:") || (is_heading && line.trim_end().ends_with(':'));
    let last = line.split_whitespace().next_back().filter(|_| of_org);
    last.is_some_and(|tags| tags.starts_with(':') && tags.split(':').any(is_private_tag))
}

/// A tag at the end of a line, or in a line of tags.
fn has_private_tag(line: &str) -> bool {
    let tags = line.split([' ', '\t', ',']).rev().filter(|word| !word.is_empty());
    tags.take_while(|word| word.starts_with('#'))
        .any(|word| word.len() > 1 && !word.starts_with("##") && is_private_tag(word))
}

/// What stands in `%%` or `<!-- -->`.
fn comments(body: &str) -> impl Iterator<Item = &str> {
    let between = |open: &'static str, close: &'static str| {
        let mut rest = body;
        std::iter::from_fn(move || {
            let (_, after) = rest.split_once(open)?;
            let (inside, after) = after.split_once(close)?;
            rest = after;
            Some(inside)
        })
    };
    between("%%", "%%").chain(between("<!--", "-->"))
}

/// A comment with a line that says nothing else than that the text is private.
fn is_private_comment(comment: &str) -> bool {
    comment.lines().any(|line| is_private_tag(line.trim()) || is_private_field(line) || has_private_tag(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(member: &str, text: &str) -> Option<Declared> {
        let (front, body) = front_matter::split(text);
        of(member, &FrontMatter::of(front), body, |name| name == "Otto Mill")
    }

    const BODY: &str = "# Weirs\n\nThey lean over the water.\n";

    #[test]
    fn a_front_matter_hides_a_text_in_all_its_forms() {
        for front in [
            "---\nprivate: true\n---\n",
            "---   \nprivate: true\n---\t\n",
            "---\nprivate: true\n...\n",
            "---\ntitle: Weirs\nprivate: true\n\n",
            "---\ntitle: Weirs\n\nprivate: true\n\n",
            "\n\n---\nprivate: true\n---\n",
            "----\nprivate: true\n----\n",
            "\u{feff}---\r\nvisibility: Private\r\n---\r\n",
            "+++\ntitle = \"Weirs\"\nabout = \"\"\"\nLeaning: old\n\"\"\"\n[params]\nprivate = true\n+++\n",
            "{\n  \"title\": \"Weirs\",\n  \"private\": true\n}\n\n",
            "---\n{title: Weirs, private: true}\n---\n",
        ] {
            assert_eq!(declared("a.md", &format!("{front}{BODY}")), Some(Declared::Private), "{front}");
        }
    }

    #[test]
    fn a_field_hides_a_text_however_it_is_written() {
        for line in [
            "private: Yes # mine",
            "private: On",
            "private: \"on\"",
            "private: y",
            "private: Y",
            "private: 1",
            "private: !!bool true",
            "private: &mine true",
            "private: true,",
            "private: |\n  true",
            "private: >-\n  true",
            "private: > # folded\n  true",
            "private:\n  true",
            "private: [true]",
            "private : true",
            "private:true",
            "\"private\": true",
            "'private': true",
            "? private\n: true",
            "  private: true",
            "site:\n  private: on",
            "private true",
            "is_private: true",
            "isPrivate: true",
            "confidential: true",
            "secret: yes",
            "hidden: true",
            "privat: ja",
            "vertraulich: ja",
            "Geheim: ja",
            "privé: oui",
            "confidentiel: oui",
            "privado: sí",
            "privato: sì",
            "visibility: private # x",
            "visibility: hidden",
            "access: restricted",
            "status: Private",
            "type: private",
            "share: private",
            "scope: private",
            "permission: private",
            "sensitivity: private",
            "classification: strictly confidential",
            "tags: [mill, private] # x",
            "tags: [a,\n  private,\n  b]",
            "tags:\n- mill\n-   private   ",
            "tags:\n    - \"#private\"",
            "tags: '#mill #private'",
            "tags: #private",
            "tags: mill private",
            "tags: mill, private, old",
            "tags: private/health",
            "tags: [health/private]",
            "tags: {private: true}",
            "tag: vertraulich",
            "categories:\n  - Private",
            "keywords: private; mill",
            "cssclass: private",
        ] {
            let text = format!("---\ntitle: Weirs\n{line}\n---\n{BODY}");
            assert_eq!(declared("a.md", &text), Some(Declared::Private), "{line}");
        }
        for line in [
            "draft: true",
            "status: draft",
            "Status: Entwurf # still",
            "publish: No",
            "published: \"false\"",
            "public: false",
            "dg-publish: no",
            "dg-publish: off # yet",
        ] {
            let text = format!("---\ntitle: Weirs\n{line}\n---\n{BODY}");
            assert_eq!(declared("a.md", &text), Some(Declared::Draft), "{line}");
        }
    }

    #[test]
    fn marks_in_the_text_hide_it() {
        for text in [
            "They lean.\n\n#private\n",
            "#private #mill\n\nThey lean.\n",
            "They lean over the water. #old #private/diary\n",
            "# Weirs\n\nTags: private\n\nThey lean.\n",
            "# Weirs\n\n**Private:** yes\n\nThey lean.\n",
            "They lean.\n%%private%%\n",
            "<!-- private -->\nThey lean.\n",
            "<!--\nprivate: true\n-->\nThey lean.\n",
            "%%\nstatus: private\n%%\nThey lean.\n",
            "private:: true\n\n- They lean.\n",
            "#+FILETAGS: :mill:private:\n* Weirs\nThey lean.\n",
            "* Weirs :private:\nThey lean.\n",
        ] {
            assert_eq!(declared("a.md", text), Some(Declared::Private), "{text}");
        }
    }

    #[test]
    fn a_text_about_privacy_is_not_hidden() {
        for text in [
            "---\ntitle: On private property\nsubtitle: private\n---\n# Private\n\nThis is private.\n",
            "---\ntags: [private-law, privateering]\nkeywords: private property, mills\n---\nThey lean.\n",
            "---\nprivate: false\nhidden: 'no'\nsecret: !!bool false\nis_private: 0\nprivat: nein\n---\nThey lean.\n",
            "---\nprivate:\ntitle: Weirs\n---\nThey lean.\n",
            "---\nstatus: public\npublish: true\npublished: 2020-03-04\ndraft: false\n---\nThey lean.\n",
            "---\nsummary: |\n  All fields:\n  private: true\ntitle: Weirs\n---\nThey lean.\n",
            "Private: keep out, said the sign at the mill.\n\nThey lean.\n",
            "Write `#private` or #private before a name to hide it.\n",
            "```yaml\nprivate: true\n#private\n```\nThey lean.\n",
            "They lean. #private-law #public\n",
            "They lean. <!-- a private joke --> %%to do: say what is private%%\n",
            "## private\n\nThey lean.\n",
            "The rooms are these:: private ones.\n",
        ] {
            assert_eq!(declared("a.md", text), None, "{text}");
        }
    }

    #[test]
    fn somebody_elses_text_is_told_by_its_author() {
        let by = |name: &str| Some(Declared::By { name: name.to_owned() });
        let feld = "---\nauthor: Ida Feld\ndate: 2020-05-03\n---\nThey lean.\n";
        let mill = "---\ntags: [a]\nauthor:\n  - \"[[Otto Mill]]\"\n---\nThey lean.\n";
        let clipping = "---\nauthor: Ida Feld\nsource: \"https://example.org/weirs\"\n---\nThey lean.\n";
        assert_eq!(declared("page.HTML", feld), by("Ida Feld"));
        assert_eq!(declared("weirs.md", clipping), by("Ida Feld"));
        assert_eq!(declared("weirs.md", mill), by("Otto Mill"));
        assert_eq!(declared("weirs.md", feld), None);
        assert_eq!(declared("letter.docx", mill), None);
    }
}
