//! What the name and the front matter of a note say about it: title, day, folder.

use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization as _;

use super::front_matter::FrontMatter;
use crate::import::stamp;

/// What is known of a note beside its text.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Title {
    /// Words that can be a heading.
    pub words: Option<String>,
    /// The same, or the day in whose name the note is kept.
    pub label: Option<String>,
    /// The file's name as it is.
    pub base: String,
    /// The folder in the vault or archive, else the title.
    pub project: Option<String>,
    /// Seconds since 1970 of the day it was written.
    pub time_s: Option<f64>,
    pub of_notion: bool,
    /// Author and day as the front matter says them: a line of these words at the head is no text.
    pub bylines: Vec<String>,
}

/// Notion puts a page's number behind its title.
static NOTION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[ _-]?\b[0-9a-f]{32}$").expect("the pattern is part of the program"));
static DAY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\d{4}-\d{2}-\d{2}").expect("the pattern is part of the program"));

/// What a file manager puts behind the name of a copy.
static COPY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\s*(?:\(\d+\)|[-–_(]\s*(?:copy|kopie|copie|copia)(?:\s*\d+)?\)?(?:\s*\(\d+\))?)\s*$")
        .expect("the pattern is part of the program")
});

/// What some put before it.
static COPY_OF: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:copy of|kopie von|copie de|copia de|copia di)\s+")
        .expect("the pattern is part of the program")
});

/// True for the path of a file that a file manager has named as a copy of another one: `voices (copy).md`, `voices (1).md`.
pub(crate) fn is_copy_name(member: &str) -> bool {
    let base = member.rsplit(['/', '\\']).next().unwrap_or(member);
    let stem = base.rsplit_once('.').map_or(base, |(stem, _)| stem);
    COPY.is_match(stem) || COPY_OF.is_match(stem)
}

/// Names that programs give.
const UNNAMED: [&str; 22] = [
    "untitled",
    "unbenannt",
    "sans titre",
    "sin título",
    "senza titolo",
    "sem título",
    "new note",
    "neue notiz",
    "note",
    "notes",
    "notiz",
    "notizen",
    "document",
    "dokument",
    "text",
    "pasted",
    "export",
    "index",
    "readme",
    "journal",
    "diary",
    "tagebuch",
];

/// What a document says of itself, as [`Title::of`] reads it; empty if it says nothing.
pub(in crate::import) fn front_matter(title: Option<&str>, people: &[String], day: Option<&str>) -> String {
    let people = people.iter().map(|who| ("author", who.as_str()));
    let fields = title.map(|title| ("title", title)).into_iter().chain(people);
    let one_line = |words: &str| words.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: String = fields
        .chain(day.map(|day| ("date", day)))
        .map(|(key, words)| format!("{key}: {}\n", one_line(words)))
        .collect();
    if lines.is_empty() { lines } else { format!("---\n{lines}---\n\n") }
}

impl Title {
    /// `member` is the path of the text in its archive or folder, or its file's name.
    pub(super) fn of(member: &str, fields: &FrontMatter) -> Title {
        // Some systems write the letters of names in parts.
        let member = &member.nfc().collect::<String>();
        let (folder, base) = member.rsplit_once(['/', '\\']).unwrap_or(("", member));
        let stem = match base.rsplit_once('.') {
            Some((stem, ending)) if !stem.is_empty() && ending.len() <= 10 => stem,
            _ => base,
        };
        let name = NOTION.replace(stem, "");
        let of_notion = name.len() < stem.len();
        let field = |names: &[&str]| fields.values(names).next().map(str::to_owned);
        let words = field(&["title"]).or_else(|| words(&name));
        let day = |text: &str| DAY.find(text).map(|found| found.as_str().to_owned());
        let named_day = day(&name);
        let written = field(&["date", "created", "created_at", "creation date"])
            .and_then(|date| day(&date))
            .or_else(|| named_day.clone());
        let bylines =
            fields.values(&["author", "authors", "by", "byline", "date"]).flat_map(|who| who.split(", "));
        let bylines = bylines.map(|who| who.trim_matches(['[', ']']).trim().to_owned());
        let folder: Vec<String> =
            folder.split(['/', '\\']).map(|part| NOTION.replace(part, "").into_owned()).collect();
        let folder = folder.join("/");
        let project = if folder.is_empty() { words.clone() } else { Some(folder) };
        Title {
            label: words.clone().or(named_day),
            words,
            base: base.to_owned(),
            project,
            time_s: written
                .and_then(|day| day.parse().ok())
                .or_else(|| stamp::day_of(&name))
                .and_then(seconds),
            of_notion,
            bylines: bylines.filter(|who| !who.is_empty()).collect(),
        }
    }

    /// The note itself says what it is called.
    pub(super) fn call(&mut self, name: String) {
        self.label = Some(name.clone());
        self.words = Some(name);
    }
}

/// The name of a file as words, without a day; `None` if it says nothing.
fn words(name: &str) -> Option<String> {
    let name = DAY.replace(name, " ");
    let name = COPY.replace(&name, "");
    let name = COPY_OF.replace(name.trim(), "");
    // A name without spaces uses other signs for them.
    let spaced = match name.trim().contains(' ') {
        true => name.replace('_', " "),
        false => name.replace(['_', '-', '+'], " "),
    };
    let joined = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    let joined = joined.trim_matches([' ', '-', '–', '_', ',']);
    let letters = joined.chars().filter(|c| c.is_alphabetic()).count();
    let bare =
        joined.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, ' ' | '(' | ')')).to_lowercase();
    let says_something =
        letters >= 3 && 2 * letters > joined.chars().count() && !UNNAMED.contains(&bare.as_str());
    says_something.then(|| joined.to_owned())
}

/// The beginning of a day in UTC.
pub(super) fn seconds(day: jiff::civil::Date) -> Option<f64> {
    Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(member: &str, text: &str) -> Title {
        Title::of(member, &FrontMatter::of(text))
    }

    #[test]
    fn names_of_files_become_titles_where_they_say_something() {
        let cases = [
            ("Old weirs.md", Some("Old weirs"), Some("Old weirs")),
            ("vault/on-old_weirs.txt", Some("on old weirs"), Some("on old weirs")),
            ("Old weirs 0123456789abcdef0123456789abcdef.md", Some("Old weirs"), Some("Old weirs")),
            ("2026-03-04.md", None, Some("2026-03-04")),
            ("2026-03-04 A mill.md", Some("A mill"), Some("A mill")),
            ("Untitled 3.md", None, None),
            ("IMG_20260304_1.txt", None, None),
            ("export", None, None),
            ("weirs_old (2).txt", Some("weirs old"), Some("weirs old")),
            ("Old weirs - Kopie.docx", Some("Old weirs"), Some("Old weirs")),
            ("Old weirs (copy).md", Some("Old weirs"), Some("Old weirs")),
            ("Copy of Old weirs.docx", Some("Old weirs"), Some("Old weirs")),
            ("On copy.md", Some("On copy"), Some("On copy")),
            (".md", None, None),
            ("U\u{308}ber Mu\u{308}hlen.md", Some("Über Mühlen"), Some("Über Mühlen")),
        ];
        for (member, words, label) in cases {
            let found = title(member, "");
            assert_eq!((found.words.as_deref(), found.label.as_deref()), (words, label), "{member}");
        }
    }

    #[test]
    fn front_matter_that_is_written_is_read() {
        let people = ["Ida Feld".to_owned(), "Otto Mill".to_owned()];
        let found = title("x.docx", &front_matter(Some("Old\nweirs"), &people, Some("3 May 2020")));
        assert_eq!(found.words.as_deref(), Some("Old weirs"));
        assert_eq!(found.bylines, ["Ida Feld", "Otto Mill", "3 May 2020"]);
        assert_eq!(front_matter(None, &[], None), "");
    }

    #[test]
    fn front_matter_and_folders_are_heeded() {
        let found = title(
            "vault/walls 0123456789abcdef0123456789abcdef/x.md",
            "---\ntitle: \"A weir\"\nauthor: [Ida Feld, \"Otto Mill\"]\ndate: 1970-01-02T10:00\ntags: [a]\n---\n",
        );
        assert_eq!(found.bylines, ["Ida Feld", "Otto Mill", "1970-01-02T10:00"]);
        assert_eq!(found.words.as_deref(), Some("A weir"));
        assert_eq!(found.project.as_deref(), Some("vault/walls"));
        assert_eq!(found.time_s, Some(86400.0));
        assert!(!found.of_notion && title("x 0123456789abcdef0123456789abcdef.md", "").of_notion);
        assert_eq!(title("mills.txt", "").project.as_deref(), Some("mills"));
    }
}
