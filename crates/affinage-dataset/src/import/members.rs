//! The members of an archive, or the files of a folder, seen together: what they tell about each other, in which order
//! they are read, and which are not.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;

use serde_json::Value;
use whatlang::Lang;

use super::file_kinds::{self, Kind};
use super::json::string;
use super::left_out::{LeftOut, LeftOutKind};
use super::member::{self, Form};
use super::series::Series;
use super::{chatgpt, encoding, halves, notes, transcript};

/// What the members of one export say about each other, and which of them were not read.
#[derive(Debug, Default)]
pub struct Together {
    pub(super) ratings: chatgpt::Ratings,
    /// Names of the people the account belongs to.
    names: Vec<String>,
    /// Names of the people who write under an id, as Slack lists them.
    pub(super) people: HashMap<String, String>,
    /// Folders in which JSON with conversations stands, and its paths without their endings.
    read_as_json: HashSet<String>,
    /// Bundles of notes that were thrown away.
    trashed: HashSet<String>,
    /// Folders of which a text was read.
    read_folders: HashSet<String>,
    unread: Vec<Unread>,
    /// What came back to the calls of a batch, whose other half stands in another file.
    pub(super) answers: halves::Answers,
    /// Names that stand at the head of texts, by how many.
    heads: HashMap<String, usize>,
    /// Chats that go on in another file.
    pub(super) series: Series,
    /// Languages of texts in which they are certain, by how many.
    languages: HashMap<Lang, usize>,
    /// Authors whom front matter names, by how many texts; and how many texts there are.
    authors: HashMap<String, usize>,
    texts: usize,
}

/// A member that was not read.
#[derive(Debug)]
struct Unread {
    name: String,
    why: String,
    /// It is told with others of this name, if there are some.
    group: Option<String>,
}

const FEEDBACK_MEMBER: &str = "message_feedback.json";
/// Who the account belongs to.
const ACCOUNT_MEMBERS: [&str; 2] = ["user.json", "users.json"];
const COMPANION_LIMIT_BYTES: u64 = 64 << 20;
/// Folders in which programs keep what was thrown away.
#[rustfmt::skip]
const TRASH: [&str; 16] = [
    "trash", "recently deleted", "deleted notes", "papierkorb", "zuletzt gelöscht", "corbeille", "papelera", "eliminadas recientemente", "cestino", "lixeira",
    "prullenbak", "kosz", "корзина", "ゴミ箱", "回收站", "휴지통",
];
/// More members than this of one folder and ending are told as one.
const MANY: usize = 12;

/// `[{"id", "real_name", "profile": {"display_name"}}]`
fn people_by_id(account: &Value) -> impl Iterator<Item = (String, String)> {
    let name =
        |person: &Value, key: &str| string(person, key).filter(|name| !name.is_empty()).map(str::to_owned);
    account.as_array().into_iter().flatten().filter_map(move |person| {
        let profile = person.get("profile")?;
        let shown = name(person, "real_name").or_else(|| name(profile, "real_name"));
        let shown = shown.or_else(|| name(profile, "display_name")).or_else(|| name(person, "name"))?;
        Some((name(person, "id")?, shown))
    })
}

impl Together {
    /// True for a member that says something about the others (ratings, the account) and holds no conversations.
    pub fn is_companion(name: &str) -> bool {
        let base = base_name(name);
        base == FEEDBACK_MEMBER || ACCOUNT_MEMBERS.contains(&base) || is_info_of_bundle(name)
    }

    /// Reads a companion; it comes before the conversations.
    pub fn read_companion(&mut self, name: &str, source: impl Read) {
        let mut bytes = Vec::new();
        let read =
            source.take(COMPANION_LIMIT_BYTES).read_to_end(&mut bytes).map_err(|error| error.to_string());
        let value = read.and_then(|_| serde_json::from_slice(&bytes).map_err(|error| error.to_string()));
        match value {
            Ok(info) if is_info_of_bundle(name) => {
                self.trashed.extend(is_trashed(&info).then(|| folder(name).to_owned()));
            }
            Ok(rows) if base_name(name) == FEEDBACK_MEMBER => self.ratings.extend(chatgpt::ratings(&rows)),
            // Whatever else the account says is nobody's business here.
            Ok(account) => {
                self.people.extend(people_by_id(&account));
                self.names.extend(account_names(&account));
            }
            Err(error) => {
                self.unread(name, format!("not valid JSON ({error}): what it says of the others is missing"))
            }
        }
    }

    /// True for a file of rows, which may be half of a batch.
    pub fn may_be_half(name: &str) -> bool {
        matches!(ending(name).as_str(), "jsonl" | "ndjson")
    }

    /// Of the files that begin so those of what came back to the calls of a batch, if what was sent is among the others. They
    /// are read by [`Together::read_answers`] before the others.
    pub fn answers_among<'a>(heads: &[(&'a str, Vec<u8>)]) -> HashSet<&'a str> {
        let halves: Vec<_> = heads.iter().map(|(name, head)| (*name, halves::of_head(head))).collect();
        if !halves.iter().any(|(_, half)| *half == Some(halves::Half::Sent)) {
            return HashSet::new();
        }
        halves
            .into_iter()
            .filter(|(_, half)| *half == Some(halves::Half::CameBack))
            .map(|(name, _)| name)
            .collect()
    }

    /// Reads what came back to the calls of a batch.
    pub fn read_answers(&mut self, name: &str, source: impl Read) {
        if let Err(error) = self.answers.read(source) {
            self.unread(name, error.to_string());
        }
    }

    /// Tells the names of all files that will be read: one chat may stand in several of them.
    pub fn expect<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        self.series.expect(names);
    }

    /// Names of the account's people.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Looks at how a text begins before any is read: a name at the head of several texts is their author's.
    pub fn look_at_head(&mut self, name: &str, head: &[u8]) {
        let text = String::from_utf8_lossy(head);
        if member::form_of(name, head) == Form::Text {
            let text = transcript::plain(&text);
            let (front_matter, body) = notes::split_front_matter(&text);
            let author = notes::author(front_matter);
            author.into_iter().for_each(|name| *self.authors.entry(name).or_default() += 1);
            self.texts += 1;
            let names = notes::names_at_head(body);
            names.into_iter().for_each(|name| *self.heads.entry(name).or_default() += 1);
            let language = notes::language(&text);
            language.into_iter().for_each(|found| *self.languages.entry(found).or_default() += 1);
        }
    }

    /// True for a name that stands at the head of several of the texts.
    pub(super) fn is_byline(&self, line: &str) -> bool {
        self.heads.get(line).is_some_and(|texts| *texts >= notes::BYLINE_MIN_TEXTS)
    }

    /// True for an author of one text who is not the author of most of the others.
    pub(super) fn is_other_author(&self, name: &str) -> bool {
        2 * self.authors.get(name).copied().unwrap_or_default() < self.texts
    }

    /// The language in which nearly all the texts are.
    pub(super) fn language(&self) -> Option<Lang> {
        const NEARLY_ALL: f64 = 0.8;
        let all: usize = self.languages.values().sum();
        let most =
            self.languages.iter().max_by_key(|(language, texts)| (**texts, Reverse(language.code())))?;
        (*most.1 as f64 >= NEARLY_ALL * all as f64).then_some(*most.0)
    }

    /// By this the members of an archive or folder are sorted: an original stands before its copies, whose names are longer.
    pub fn order(name: &str) -> impl Ord + use<> {
        (Self::rank(name), notes::is_copy_name(name), stem(name).to_owned(), name.to_owned())
    }

    /// JSON before text before pages, so that a page which shows the same as a JSON file is known to.
    fn rank(name: &str) -> u8 {
        match ending(name).as_str() {
            "json" | "jsonl" | "ndjson" => 0,
            // Notion keeps a table beside the folder of its pages.
            "html" | "htm" | "xhtml" | "csv" => 2,
            _ => 1,
        }
    }

    /// A folder or file that nobody looks into: what of the path, and why. Hidden and made by tools.
    pub fn passed_over(path: &str) -> Option<(&str, &'static str)> {
        let mut start = 0;
        for part in path.split_inclusive('/') {
            let end = start + part.len();
            let (name, is_folder) = (part.trim_end_matches('/'), part.ends_with('/'));
            let why = match name {
                "bak" if is_folder && path[..start].ends_with("logseq/") => {
                    Some("older states of the notes beside it")
                }
                _ if is_folder && TRASH.contains(&name.to_lowercase().as_str()) => {
                    Some("the trash of a program")
                }
                "__MACOSX" | ".DS_Store" | "Thumbs.db" | "desktop.ini" => Some("kept by the system"),
                "node_modules" | "__pycache__" if is_folder => Some("made by a tool"),
                _ if name.starts_with("._") => Some("kept by the system"),
                _ if name.starts_with('.') && is_folder => Some("a hidden folder"),
                _ if name.starts_with('.') => Some("a hidden file"),
                _ => None,
            };
            if let Some(why) = why {
                return Some((&path[..end], why));
            }
            start = end;
        }
        None
    }

    /// False for a file that begins with `head` and is no text, document, archive or table: it is noted and need not be imported.
    pub fn may_hold_chats(&mut self, name: &str, head: &[u8]) -> bool {
        // Tables and databases that stand in a folder can be read; in an archive they cannot.
        let is_table = head.starts_with(b"SQLite format 3\0") || head.starts_with(b"PAR1");
        let is_packed = [&b"PK"[..], b"\x1f\x8b", file_kinds::PDF].iter().any(|mark| head.starts_with(mark));
        if is_table || is_packed || head.is_empty() {
            return !head.is_empty();
        }
        let kind = file_kinds::of_head(head)
            .or_else(|| file_kinds::binary(head).filter(|_| encoding::of_head(head).is_none()));
        match kind {
            Some(kind) => self.unread_kind(name, kind),
            None => {
                match self.why_not(name, member::form(head)).filter(|_| encoding::of_head(head).is_none()) {
                    Some(why) => self.unread(name, why),
                    None => return true,
                }
            }
        }
        false
    }

    pub(super) fn unread_kind(&mut self, name: &str, kind: &Kind) {
        match kind.is_media {
            true => self.unread_media(name, kind.what),
            false => self.unread(name, format!("{}: {}", kind.what, kind.way_out)),
        }
    }

    /// Why a member in an archive or folder is not read although it may be text, if so.
    pub(super) fn why_not(&self, name: &str, form: Form) -> Option<String> {
        const TEXTS: [&str; 15] = [
            "",
            "md",
            "markdown",
            "mdown",
            "mkd",
            "txt",
            "text",
            "log",
            "org",
            "rst",
            "adoc",
            "srt",
            "vtt",
            "transcript",
            "csv",
        ];
        let (base, ending) = (base_name(name), ending(name));
        let beside = |path: &str| self.read_as_json.contains(path);
        match form {
            _ if self.trashed.contains(folder(name)) => Some("a note in the trash of its program".to_owned()),
            Form::Array | Form::Objects if SETTINGS.contains(&ending.as_str()) => {
                Some(format!("settings of a program (.{ending})"))
            }
            Form::Page if beside(stem(name)) || (base == "chat.html" && beside(folder(name))) => {
                Some("a page of the conversations in the JSON file next to it".to_owned())
            }
            // The same task as its window showed it.
            Form::Array
                if base == "ui_messages.json"
                    && beside(&stem(name).replace("ui_messages", "api_conversation_history")) =>
            {
                Some("what the window showed of the conversation in the JSON file next to it".to_owned())
            }
            Form::Text if ending == "csv" && self.has_pages_of(stem(name).trim_end_matches("_all")) => {
                Some("a table of the pages in the folder next to it".to_owned())
            }
            // ChatGPT keeps what was uploaded beside the conversations.
            Form::Text if base.starts_with("file-") || base.starts_with("file_") => {
                Some("a file that was given to a chat".to_owned())
            }
            Form::Text if !TEXTS.contains(&ending.as_str()) && !is_page(name) => {
                Some(format!("text that ends in .{ending}; import it by itself if it is a conversation"))
            }
            _ => None,
        }
    }

    pub(super) fn read_as_json(&mut self, name: &str) {
        self.read_as_json.insert(folder(name).to_owned());
        self.read_as_json.insert(stem(name).to_owned());
    }

    pub(super) fn read_folder_of(&mut self, name: &str) {
        self.read_folders.insert(folder(name).to_owned());
    }

    /// Notion puts a number behind the name of a table, and not always behind that of the folder of its pages.
    fn has_pages_of(&self, table: &str) -> bool {
        let bare =
            table.rsplit_once(' ').filter(|(_, number)| number.len() == 32).map_or(table, |(bare, _)| bare);
        self.read_folders.contains(table) || self.read_folders.contains(bare)
    }

    pub fn unread(&mut self, name: &str, why: impl Into<String>) {
        self.unread.push(Unread { name: name.to_owned(), why: why.into(), group: None });
    }

    /// A damaged member: that is all there is to say about it.
    pub(super) fn unread_damaged(&mut self, name: &str, why: String) {
        self.unread.retain(|unread| unread.name != name);
        self.unread(name, why);
    }

    /// A picture, a sound, a hidden file: `group` is what is told if there are several.
    pub fn unread_of_group(&mut self, name: &str, why: &str, group: &str) {
        self.unread.push(Unread {
            name: name.to_owned(),
            why: why.to_owned(),
            group: Some(group.to_owned()),
        });
    }

    fn unread_media(&mut self, name: &str, why: &str) {
        let group = match ending(name).as_str() {
            "" => "files without an ending".to_owned(),
            ending => format!("*.{ending}"),
        };
        self.unread_of_group(name, why, &group);
    }

    /// What was not read, by name; many of one folder and ending as one.
    pub fn left_out(&self) -> LeftOut {
        let group_of = |unread: &Unread| {
            unread.group.clone().unwrap_or_else(|| {
                let at = folder(&unread.name);
                let slash = if at.is_empty() { "" } else { "/" };
                format!("{at}{slash}*.{}", ending(&unread.name))
            })
        };
        let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
        for unread in &self.unread {
            *sizes.entry(group_of(unread)).or_default() += 1;
        }
        let mut left_out = LeftOut::default();
        for _ in 0..self.answers.unasked() {
            left_out.add(LeftOutKind::Unasked, "", "what came back of a batch, without what was sent");
        }
        for series in self.series.unfinished() {
            left_out.add(
                LeftOutKind::Member,
                series,
                "parts of a chat of which another part could not be read",
            );
        }
        for _ in 0..self.answers.lost {
            left_out.add(LeftOutKind::Element, "", "a row of a batch that could not be read");
        }
        for unread in &self.unread {
            let group = group_of(unread);
            let size = sizes.get(&group).copied().unwrap_or_default();
            let is_one = size > if unread.group.is_some() { 1 } else { MANY };
            left_out.add(
                LeftOutKind::Member,
                if is_one { group } else { unread.name.clone() },
                unread.why.clone(),
            );
        }
        left_out
    }

    /// Why nothing was found in `what`: the first members that were not read.
    pub fn reason_for_none(&self, what: &str) -> String {
        const SHOWN: usize = 6;
        let rows = self.left_out().rows();
        let listed: Vec<String> =
            rows.iter().take(SHOWN).map(|row| format!("{} ({})", row.name, row.first)).collect();
        match (rows.len(), rows.len().saturating_sub(SHOWN)) {
            (0, _) => format!("{what} holds no conversation"),
            (_, 0) => format!("{what} holds no conversation; not read: {}", listed.join(", ")),
            (_, more) => {
                format!("{what} holds no conversation; not read: {} and {more} more", listed.join(", "))
            }
        }
    }
}

/// Endings of settings that begin as JSON does.
const SETTINGS: [&str; 5] = ["edn", "clj", "css", "scss", "tf"];

/// The name of a note, which may begin with fields in JSON.
pub(super) fn is_note(name: &str) -> bool {
    matches!(ending(name).as_str(), "md" | "markdown" | "mdx" | "qmd" | "txt")
}

/// The name of a page.
pub(super) fn is_page(name: &str) -> bool {
    matches!(ending(name).as_str(), "html" | "htm" | "xhtml")
}

/// `info.json` of a text bundle, which says what its program knows of the note.
fn is_info_of_bundle(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    base_name(&name) == "info.json" && folder(&name).ends_with(".textbundle")
}

/// True if the program says, in whatever object of its own, that the note was thrown away.
fn is_trashed(info: &Value) -> bool {
    let says_so = |at: &Value| {
        ["trashed", "isTrashed", "deleted"].iter().any(|key| match at.get(*key) {
            Some(Value::Bool(flag)) => *flag,
            Some(flag) => flag.as_f64().is_some_and(|number| number != 0.0),
            None => false,
        })
    };
    says_so(info) || info.as_object().is_some_and(|fields| fields.values().any(says_so))
}

/// The names of people in `users.json`: one object or a list of them.
fn account_names(value: &Value) -> Vec<String> {
    let people = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let names = people.iter().flat_map(|person| ["full_name", "name"].map(|key| string(person, key)));
    names.flatten().map(str::to_owned).collect()
}

fn base_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The folder of a member; empty at the top.
fn folder(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The ending of a name in lower case, without its full stop; empty if there is none. A compressed file has that of
/// what is in it.
fn ending(name: &str) -> String {
    let base = base_name(name);
    let base = base.strip_suffix(".gz").filter(|unpacked| unpacked.contains('.')).unwrap_or(base);
    base.rsplit_once('.').map_or(String::new(), |(_, ending)| ending.to_ascii_lowercase())
}

/// The path without its ending.
fn stem(name: &str) -> &str {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    let base = base_name(name);
    base.rsplit_once('.').map_or(name, |(_, ending)| &name[..name.len() - ending.len() - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_and_made_paths_are_passed_over_by_their_folder() {
        let cases = [
            ("vault/.obsidian/plugins/x/data.json", Some("vault/.obsidian/")),
            ("a/node_modules/b/readme.md", Some("a/node_modules/")),
            ("__MACOSX/._chat.md", Some("__MACOSX/")),
            ("notes/._chat.md", Some("notes/._chat.md")),
            (".DS_Store", Some(".DS_Store")),
            ("notes/chat.v2.md", None),
            ("node_modules", None),
            ("graph/logseq/bak/pages/Weir/2025.md", Some("graph/logseq/bak/")),
            ("notes/Trash/old.txt", Some("notes/Trash/")),
            ("notes/trash.txt", None),
            ("notes/bak/weir.md", None),
        ];
        for (path, expected) in cases {
            assert_eq!(Together::passed_over(path).map(|(what, _)| what), expected, "{path}");
        }
    }

    #[test]
    fn bundles_that_were_thrown_away_are_not_read() {
        let mut together = Together::default();
        let info = |trashed| format!(r#"{{"version": 2, "net.notes": {{"id": "A", "trashed": {trashed}}}}}"#);
        for (name, trashed) in [("b/Old.textbundle/info.json", 1), ("b/Weir.textbundle/info.json", 0)] {
            assert!(Together::is_companion(name));
            together.read_companion(name, info(trashed).as_bytes());
        }
        assert!(together.why_not("b/Old.textbundle/text.md", Form::Text).is_some());
        assert_eq!(together.why_not("b/Weir.textbundle/text.md", Form::Text), None);
    }

    #[test]
    fn few_are_named_and_many_are_grouped() {
        let mut together = Together::default();
        together.unread("projects.json", "keys");
        together.unread_media("a/one.PNG", "a picture (PNG)");
        (0..3).for_each(|n| together.unread_media(&format!("a/{n}.jpg"), "a picture (JPEG)"));
        (0..MANY + 1).for_each(|n| together.unread(&format!("design/{n}.json"), "shape"));
        let rows = together.left_out().rows();
        let shown: Vec<String> = rows.iter().map(|row| format!("{} {}", row.count, row.name)).collect();
        assert_eq!(shown, ["3 *.jpg", "1 a/one.PNG", "13 design/*.json", "1 projects.json"]);
        assert!(
            together
                .reason_for_none("the folder")
                .starts_with("the folder holds no conversation; not read: *.jpg (a picture (JPEG))")
        );
    }
}
