//! Zip archives: which members are read, and what an archive may not do.

use std::io::{self, BufReader, Read, Seek};

use serde_json::Value;
use zip::ZipArchive;

use super::error::ImportError;
use super::json::string;
use super::{Import, chatgpt, member};

/// Bounds that protect memory and patience against broken or hostile files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest single conversation, line or transcript.
    pub element_bytes: usize,
    /// A member may always unpack to this many bytes ...
    pub unpacked_floor_bytes: u64,
    /// ... and beyond that to this many times its packed size. Chat JSON packs 5 to 20 times.
    pub unpacked_ratio: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { element_bytes: 128 << 20, unpacked_floor_bytes: 256 << 20, unpacked_ratio: 100 }
    }
}

const FEEDBACK_MEMBER: &str = "message_feedback.json";
const FEEDBACK_LIMIT_BYTES: u64 = 64 << 20;
/// Who the account belongs to.
const ACCOUNT_MEMBERS: [&str; 2] = ["user.json", "users.json"];
const ACCOUNT_LIMIT_BYTES: u64 = 1 << 20;

pub(super) fn read<E: From<ImportError>>(
    import: &mut Import<'_, E>,
    reader: impl Read + Seek,
) -> Result<(), E> {
    let mut archive = ZipArchive::new(BufReader::new(reader)).map_err(ImportError::from)?;
    let names = member_names(&mut archive)?;
    if let Some((index, name)) = names.iter().find(|(_, name)| base_name(name) == FEEDBACK_MEMBER) {
        let packed = archive.by_index(*index).map_err(ImportError::from)?;
        let mut bytes = Vec::new();
        packed
            .take(FEEDBACK_LIMIT_BYTES)
            .read_to_end(&mut bytes)
            .map_err(|source| read_error(name, source))?;
        match serde_json::from_slice(&bytes) {
            Ok(rows) => import.ratings = chatgpt::ratings(&rows),
            Err(error) => import.note(format!("{name} is not valid JSON, ratings are missing: {error}")),
        }
    }
    for (index, name) in names.iter().filter(|(_, name)| ACCOUNT_MEMBERS.contains(&base_name(name))) {
        let packed = archive.by_index(*index).map_err(ImportError::from)?;
        let mut bytes = Vec::new();
        packed
            .take(ACCOUNT_LIMIT_BYTES)
            .read_to_end(&mut bytes)
            .map_err(|source| read_error(name, source))?;
        // Whatever else the file holds is nobody's business here.
        import
            .found
            .names
            .extend(serde_json::from_slice(&bytes).map(|value| account_names(&value)).unwrap_or_default());
    }
    let chosen = choose(&names);
    let is_closed =
        |name: &str| [".zip", ".parquet", ".db", ".sqlite"].iter().any(|ending| name.ends_with(ending));
    for (_, name) in names.iter().filter(|(_, name)| is_closed(&name.to_ascii_lowercase())) {
        import.note(format!("{name} was not opened: take it out of the archive and import it by itself"));
    }
    if chosen.is_empty() {
        let listed: Vec<&str> = names.iter().take(8).map(|(_, name)| name.as_str()).collect();
        let reason = format!(
            "the archive has no conversations*.json, JSONL, Markdown, page or text; it holds {}",
            listed.join(", ")
        );
        import.found.reason_for_none = Some(reason);
    }
    for (index, name) in chosen {
        let packed = archive.by_index(index).map_err(ImportError::from)?;
        let packed_bytes = packed.compressed_size();
        let limit_bytes =
            import.limits.unpacked_floor_bytes.max(packed_bytes.saturating_mul(import.limits.unpacked_ratio));
        let mut over = false;
        let capped = Capped { source: packed, left: limit_bytes, over: &mut over };
        let result = member::read(import, BufReader::with_capacity(64 * 1024, capped), &name);
        if over {
            return Err(ImportError::Bomb { member: name, packed_bytes, limit_bytes }.into());
        }
        result?;
    }
    Ok(())
}

/// Index and name of every file, system folders left out. Paths that lead out of the archive are refused, although
/// nothing is ever unpacked to disk: such an archive is not an export.
fn member_names<R: Read + Seek>(archive: &mut ZipArchive<R>) -> Result<Vec<(usize, String)>, ImportError> {
    let mut names = Vec::new();
    for index in 0..archive.len() {
        let file = archive.by_index_raw(index)?;
        let name = file.name().to_owned();
        if file.enclosed_name().is_none() || name.split(['/', '\\']).any(|part| part == "..") {
            return Err(ImportError::UnsafePath { path: name });
        }
        if !file.is_dir() && !name.split('/').any(|part| part == "__MACOSX" || part.starts_with("._")) {
            names.push((index, name));
        }
    }
    names.sort_by(|a, b| a.1.cmp(&b.1));
    Ok(names)
}

/// Conversation files if there are any; else everything that may hold rows or transcripts.
fn choose(names: &[(usize, String)]) -> Vec<(usize, String)> {
    let is_conversations = |name: &str| {
        let base = base_name(name);
        let in_folder = name.rsplit('/').nth(1) == Some("conversations");
        base.ends_with(".json") && (base.starts_with("conversations") || in_folder)
    };
    let is_text = |name: &str| {
        let base = base_name(name);
        let known = [".json", ".jsonl", ".md", ".markdown", ".txt", ".html", ".htm"]
            .iter()
            .any(|ending| base.ends_with(ending));
        known && base != FEEDBACK_MEMBER && !ACCOUNT_MEMBERS.contains(&base)
    };
    let pick =
        |wanted: &dyn Fn(&str) -> bool| names.iter().filter(|(_, name)| wanted(name)).cloned().collect();
    let conversations: Vec<(usize, String)> = pick(&is_conversations);
    if conversations.is_empty() { pick(&is_text) } else { conversations }
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

fn read_error(member: &str, source: io::Error) -> ImportError {
    ImportError::Read { member: member.to_owned(), source }
}

/// A reader that fails when more comes out than an honest archive holds.
struct Capped<'a, R> {
    source: R,
    left: u64,
    over: &'a mut bool,
}

impl<R: Read> Read for Capped<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(out)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => {
                *self.over = true;
                return Err(io::Error::other("the member unpacks to too many bytes"));
            }
        }
        Ok(read)
    }
}
