//! One chat in several files of an export: a file a day, a page for every thousand messages, numbered parts.
//!
//! Files whose names differ only in a number or a day are a series. What the files of a series say of one chat among people
//! is held until the last of them was read, and is one list of messages then.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use regex::Regex;

use super::chat::message::{Line, Speaker};
use super::chat::thread::{self, Holder, newest_last};
use super::transcript::Roles;
use super::{Import, ImportError};
use crate::conversation::{NodeRole, Origin};

/// What one file says of a chat.
#[derive(Debug)]
pub struct Part {
    /// By what the other parts are recognised.
    pub chat: String,
    pub holder: Holder,
    pub lines: Vec<Line>,
}

#[derive(Debug, Default)]
pub struct Series {
    /// Files of each series that are not read yet, and all.
    files: HashMap<String, (usize, usize)>,
    /// Parts by series and chat.
    held: BTreeMap<(String, String), Vec<Part>>,
}

/// A day as the whole name of a file.
static DAY: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\d{4}-\d{2}-\d{2}$").expect("a valid pattern"));
/// A number at the end of a name: `messages2`, `message_1`, `mill [part 3]`, `mill (2 of 5)`.
static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)[\s_.\-]*[\[(]?(?:(?:part|page|teil|seite|partie|parte)[\s_.\-]*)?\d+(?:\s*(?:of|von|/)\s*\d+)?[\])]?$")
        .expect("a valid pattern")
});

/// Folder, name and ending of a file that may be one of a series.
fn parted(name: &str) -> Option<(&str, &str, &str)> {
    let (folder, base) = name.rsplit_once('/').unwrap_or(("", name));
    let base = base.strip_suffix(".gz").unwrap_or(base);
    let (stem, ending) = base.rsplit_once('.')?;
    let is_read = ["json", "jsonl", "ndjson", "html", "htm"].contains(&ending.to_ascii_lowercase().as_str());
    is_read.then_some((folder, stem, ending))
}

/// What the files of a series have in common.
fn series_of(name: &str) -> Option<String> {
    let (folder, stem, ending) = parted(name)?;
    let common = if DAY.is_match(stem) { "<day>".into() } else { NUMBER.replace(stem, "") };
    Some(format!("{folder}/{common}.{ending}"))
}

/// The folder of a file that is called by its day: as Slack writes them, it is the channel.
fn channel(name: &str) -> Option<&str> {
    let (folder, stem, _) = parted(name)?;
    DAY.is_match(stem)
        .then(|| folder.rsplit('/').next().unwrap_or(folder))
        .filter(|channel| !channel.is_empty())
}

impl Series {
    /// Tells which files will be read.
    pub fn expect<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        for series in names.filter_map(series_of) {
            let (left, all) = self.files.entry(series).or_default();
            *left += 1;
            *all += 1;
        }
    }

    /// True if what the file says of a chat may have more in another.
    pub fn has(&self, name: &str) -> bool {
        // A channel is called alike whether one of its days is there or many.
        let is_series = |all: usize| all > 1 || channel(name).is_some();
        series_of(name).and_then(|series| self.files.get(&series)).is_some_and(|(_, all)| is_series(*all))
    }

    pub fn hold(&mut self, name: &str, part: Part) {
        let series = series_of(name).unwrap_or_default();
        self.held.entry((series, part.chat.clone())).or_default().push(part);
    }

    /// Notes that a file was read; the chats of its series if it was the last.
    fn ended(&mut self, name: &str) -> Vec<Vec<Part>> {
        let Some(series) = series_of(name) else { return Vec::new() };
        let Some((left, _)) = self.files.get_mut(&series) else { return Vec::new() };
        *left = left.saturating_sub(1);
        if *left > 0 { Vec::new() } else { self.taken(|held| held == series) }
    }

    fn taken(&mut self, is_meant: impl Fn(&str) -> bool) -> Vec<Vec<Part>> {
        let (taken, kept) =
            std::mem::take(&mut self.held).into_iter().partition(|((series, _), _)| is_meant(series));
        self.held = kept;
        let taken: BTreeMap<(String, String), Vec<Part>> = taken;
        taken.into_values().collect()
    }

    /// Chats of which a file could not be read.
    pub fn unfinished(&self) -> impl Iterator<Item = &str> {
        self.held.keys().map(|(series, _)| series.as_str())
    }
}

/// By what the parts of a chat among people are recognised: its own id, the one conversation that all messages name, or the
/// channel that is its folder. `None` for chats with a model, and where nobody is known to be the assistant: each file then
/// waits for its roles.
pub fn chat_of(lines: &[Line], holder: &Holder, roles: &Roles, origin: &Origin) -> Option<String> {
    let is_said = |line: &Line| matches!(&line.speaker, Speaker::Name(_)) && !line.is_service;
    let has_role = |line: &Line| matches!(line.speaker, Speaker::Role(NodeRole::User | NodeRole::Assistant));
    if lines.iter().any(has_role) || !lines.iter().any(is_said) {
        return None;
    }
    let thread = || {
        let first = lines.first().filter(|line| !line.is_topic)?.thread.as_ref()?;
        lines.iter().all(|line| line.thread.as_ref() == Some(first)).then(|| first.clone())
    };
    let page = || holder.title.clone().filter(|_| super::members::is_page(&origin.member));
    let chat = holder
        .id
        .clone()
        .or_else(thread)
        .or_else(|| channel(&origin.member).map(str::to_owned))
        .or_else(page)?;
    let waits = !roles.are_given()
        && !thread::conversations(lines.to_vec(), holder, roles, origin).without_roles.is_empty();
    (!waits).then_some(chat)
}

/// What the folder of a channel says of the messages in it.
pub fn name_channel(holder: &mut Holder, member: &str) {
    if let Some(channel) = channel(member) {
        holder.id.get_or_insert_with(|| channel.to_owned());
        holder.title.get_or_insert_with(|| channel.to_owned());
    }
}

/// The messages of all parts, the oldest first.
fn joined(mut parts: Vec<Part>) -> (Vec<Line>, Holder) {
    for part in &mut parts {
        newest_last(&mut part.lines, |line| line);
    }
    let first_s = |part: &Part| part.lines.iter().find_map(|line| line.node.time_s).unwrap_or(f64::INFINITY);
    parts.sort_by(|a, b| first_s(a).total_cmp(&first_s(b)));
    let holder = parts.first().map(|part| part.holder.clone()).unwrap_or_default();
    let mut lines: Vec<Line> = parts.into_iter().flat_map(|part| part.lines).collect();
    if lines.iter().all(|line| line.node.time_s.is_some()) {
        let time_s = |line: &Line| line.node.time_s.unwrap_or_default();
        lines.sort_by(|a, b| time_s(a).total_cmp(&time_s(b)));
    }
    (lines, holder)
}

impl<E: From<ImportError>> Import<'_, E> {
    /// A file was read, or passed over: makes the chats of its series if it was the last.
    pub(super) fn end_part(&mut self, name: &str) -> Result<(), E> {
        let chats = self.together.series.ended(name);
        self.chats(chats, name)
    }

    /// Makes the chats of an archive of which not all files were read.
    pub(super) fn end_series(&mut self, folder: &str) -> Result<(), E> {
        let chats = self.together.series.taken(|series| series.starts_with(folder));
        self.chats(chats, folder)
    }

    fn chats(&mut self, chats: Vec<Vec<Part>>, member: &str) -> Result<(), E> {
        if chats.is_empty() {
            return Ok(());
        }
        let origin = Origin::at(member, 0, 0, 0);
        for parts in chats {
            let (lines, holder) = joined(parts);
            let threads = thread::conversations(lines, &holder, self.roles, &origin);
            self.threads(threads, &origin)?;
        }
        self.finish_gathered(member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_days_make_a_series() {
        for (one, other) in [
            ("a/message_1.json", "a/message_12.json"),
            ("messages.html", "messages2.html"),
            ("mill/2026-01-05.json", "mill/2026-01-06.json"),
            ("Mill - wheel [part 1].json", "Mill - wheel [part 2].json"),
            ("wheel (1 of 3).json", "wheel (2 of 3).json"),
        ] {
            assert_eq!(series_of(one), series_of(other), "{one}");
        }
        for (one, other) in [("a/message_1.json", "b/message_1.json"), ("mill.json", "weir.json")] {
            assert_ne!(series_of(one), series_of(other), "{one}");
        }
        assert_eq!(
            (series_of("notes/2026-01-05.md"), channel("x/mill/2026-01-05.json")),
            (None, Some("mill"))
        );
    }
}
