//! Whose texts would leave this machine, and which of them stay: the one gate for judges, arms behind servers, batch files,
//! packs for voters and what is published.

use std::collections::{BTreeMap, BTreeSet};

use affinage_dataset::example::DatasetRow;
use affinage_eval::plain::counted;
use affinage_eval::suite::{Domain, Prompt, Split, prompt_from_example};
use serde::Serialize;

use super::Evaluated;
use crate::folder::datasets::DatasetVersion;
use crate::folder::library::{LIBRARY_FILE, Library};
use crate::folder::project::Project;

/// A file of the user's, or a suite, with the number of its prompts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceLine {
    pub source: String,
    pub prompts: usize,
    /// Held private: these prompts are shown to no judge on another machine.
    pub left_out: usize,
}

#[derive(Clone, Debug, Default)]
pub struct PromptSources {
    pub lines: Vec<SourceLine>,
    /// The source of each prompt.
    by_prompt: BTreeMap<String, String>,
    private: BTreeSet<String>,
    /// Why it cannot be known who is private; then every prompt of the user's own texts stays.
    unknown: Option<String>,
}

impl PromptSources {
    /// Every source behind the prompts of an evaluation; see [`PromptSources::of_prompts`].
    pub fn of(ctx: &Project, evaluated: &Evaluated, named: &[String]) -> anyhow::Result<PromptSources> {
        let version = evaluated.plan.dataset.as_ref().map(|facts| facts.version.as_str());
        PromptSources::of_prompts(ctx, version, &evaluated.prompts, named)
    }

    /// Every source behind `prompts`, the in-domain ones of which were made from the data set `version`.
    ///
    /// Conversations that the library holds private stay here, unless `named` has their key, their title or their file.
    /// Where the library or the data set is not there, nobody knows who is private, and all of the user's texts stay.
    pub fn of_prompts(
        ctx: &Project,
        version: Option<&str>,
        prompts: &[Prompt],
        named: &[String],
    ) -> anyhow::Result<PromptSources> {
        let mut sources = PromptSources::default();
        let library = match ctx.project.join(LIBRARY_FILE).is_file() {
            true => Some(Library::open(&ctx.project)?),
            false => None,
        };
        let conversations = match version.map(|version| (version, conversations(ctx, version))) {
            None => BTreeMap::new(),
            Some((_, Ok(found))) => {
                if library.is_none() {
                    sources.unknown = Some(format!("{LIBRARY_FILE} is not in the project"));
                }
                found
            }
            Some((version, Err(error))) => {
                sources.unknown = Some(format!("the data set {version} cannot be read ({error:#})"));
                BTreeMap::new()
            }
        };
        let held = library.as_ref().map(Library::held_private).transpose()?.unwrap_or_default();
        let mut lines: BTreeMap<String, SourceLine> = BTreeMap::new();
        for prompt in prompts.iter().filter(|prompt| prompt.check.is_none()) {
            let key = conversations.get(&prompt.prompt_id);
            let (source, title) = match (key, &library) {
                (Some(key), Some(library)) => match library.conversation(key)? {
                    Some((path, conversation)) => (path, conversation.title),
                    None => (key.clone(), String::new()),
                },
                (Some(key), None) => (key.clone(), String::new()),
                (None, _) => (format!("suite {}", prompt.category), String::new()),
            };
            let is_named = named.iter().any(|name| *name == source || *name == title || Some(name) == key);
            let may_be_private = sources.unknown.is_some() && prompt.domain == Domain::In;
            let is_private = key.is_some_and(|key| held.contains(key));
            sources.by_prompt.insert(prompt.prompt_id.clone(), source.clone());
            let line = lines.entry(source.clone()).or_insert(SourceLine { source, prompts: 0, left_out: 0 });
            line.prompts += 1;
            if (is_private || may_be_private) && !is_named {
                line.left_out += 1;
                sources.private.insert(prompt.prompt_id.clone());
            }
        }
        sources.lines = lines.into_values().collect();
        Ok(sources)
    }

    /// Why all of the user's own texts are taken for private, if that is so.
    pub fn unknown(&self) -> Option<&str> {
        self.unknown.as_deref()
    }

    pub fn is_private(&self, prompt_id: &str) -> bool {
        self.private.contains(prompt_id)
    }

    /// The file or suite that a prompt is from.
    pub fn of_prompt(&self, prompt_id: &str) -> Option<&str> {
        self.by_prompt.get(prompt_id).map(String::as_str)
    }

    /// One line each, for people.
    pub fn shown(&self) -> Vec<String> {
        let line = |line: &SourceLine| {
            let left_out = match line.left_out {
                0 => String::new(),
                all if all == line.prompts => "; private, not sent".to_owned(),
                some => format!("; {some} of them private, not sent"),
            };
            format!("{}: {}{left_out}", line.source, counted(line.prompts, "prompt", "prompts"))
        };
        self.lines.iter().map(line).collect()
    }
}

/// The conversation behind each held-out prompt.
fn conversations(ctx: &Project, version: &str) -> anyhow::Result<BTreeMap<String, String>> {
    Ok(held_out(ctx, version)?.into_iter().map(|(id, row)| (id, row.conversation)).collect())
}

/// The held-out prompts to which a person wrote the answer that the data set holds.
pub fn answered_by_a_person(ctx: &Project, version: &str) -> anyhow::Result<BTreeSet<String>> {
    let held_out = held_out(ctx, version)?.into_iter();
    Ok(held_out.filter(|(_, row)| row.writer.starts_with("person:")).map(|(id, _)| id).collect())
}

/// The data set's row behind each held-out prompt.
fn held_out(ctx: &Project, version: &str) -> anyhow::Result<BTreeMap<String, DatasetRow>> {
    let version = DatasetVersion::open(&ctx.project, Some(version))?;
    let mut found = BTreeMap::new();
    for (name, split) in [("test", Split::Report), ("reserve", Split::Reserve)] {
        let prompt_id = |row: &DatasetRow| {
            prompt_from_example(&row.example_id, &row.conversation, split, &row.messages).map(|p| p.prompt_id)
        };
        for row in version.rows(name, &ctx.ui)? {
            found.extend(prompt_id(&row).map(|id| (id, row)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use affinage_dataset::import::Roles;

    use super::*;
    use crate::observer::Silent;
    use crate::stages::freeze::{Options, Undecided, freeze};

    #[test]
    fn held_out_prompts_are_told_apart_by_who_wrote_their_answer() {
        let dir = tempfile::tempdir().expect("a folder");
        let ctx = Project::open(dir.path(), &[], Arc::new(Silent)).expect("a project");
        let mut library = Library::open_or_create(dir.path()).expect("a library");
        let mut import = |name: &str, text: &str| {
            let file = dir.path().join(name);
            fs_err::write(&file, text).expect("written");
            library.import(&file, &Roles::default(), "2026-01-01T00:00:00Z", &mut || {}).expect("imported");
        };
        // Texts that share nothing, so that none is tied to another by the split.
        let word = |number: usize, of: usize| -> String {
            let mut rest = (31 * number + of) * 7919;
            let letter = |_| {
                let letter = char::from(b"abcdefghijklmnopqrstuvwxyz"[rest % 26]);
                rest /= 5;
                letter
            };
            (0..6).map(letter).collect()
        };
        let words = |number: usize| (0..9).map(|of| word(number, of)).collect::<Vec<String>>().join(" ");
        for number in 0..60 {
            let heading = format!("{} {}", word(number, 11), word(number, 12));
            let note = format!("# {heading}\n\n{} {}.\n", words(number), words(number + 1000));
            import(&format!("note{number}.md"), &note);
            let (prompt, answer) = (words(number + 2000), words(number + 3000));
            let row = format!("{{\"prompt\":\"{prompt}?\",\"completion\":\"{answer}.\"}}\n");
            import(&format!("row{number}.jsonl"), &row);
        }
        drop(library);
        let undecided = Undecided::AcceptClean { dated: false };
        let frozen = freeze(&ctx, &Options { undecided, ..Options::default() }).expect("frozen");
        let version = frozen.folder.file_name().expect("a name").to_string_lossy().into_owned();
        let found = answered_by_a_person(&ctx, &version).expect("read");
        let all = held_out(&ctx, &version).expect("read");
        let is_note = |row: &DatasetRow| row.conversation.starts_with("note:");
        assert!(all.values().any(is_note) && !all.values().all(is_note), "{}", all.len());
        for (id, row) in &all {
            assert_eq!(found.contains(id), is_note(row), "{}", row.conversation);
        }
    }
}
