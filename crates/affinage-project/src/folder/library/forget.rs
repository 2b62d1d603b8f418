//! Forgetting a source: its bytes, the nodes that only it brought, and the decisions about them.

use std::collections::HashSet;
use std::path::Path;

use affinage_dataset::candidate::{ContextPolicy, Learn, candidates_of};
use anyhow::anyhow;
use serde::Serialize;

use super::{Library, Source, raw};
use crate::errors::HintExt as _;

/// What was removed, and what still holds text of it.
#[derive(Debug, Serialize)]
pub struct Forgotten {
    /// One file, or all of a folder.
    pub sources: Vec<Source>,
    pub conversations: usize,
    pub nodes: usize,
    pub decisions: usize,
    /// Names of dataset versions with examples from it: their files are not touched.
    pub versions: Vec<String>,
}

impl Library {
    /// Forgets the source whose SHA-256 begins with `name`, or whose path or file name is `name`; if there is none, all
    /// that lie in the folder `name`, with the transcripts there that wait for roles.
    ///
    /// Errors: no source, or several, are called so.
    pub fn forget(&mut self, name: &str) -> anyhow::Result<Forgotten> {
        let sources = self.find_sources(name)?;
        let (mut conversations, mut nodes) = (0, 0);
        for source in &sources {
            let (of_source, in_them) = self.delete_source(source)?;
            conversations += of_source;
            nodes += in_them;
        }
        for pending in
            self.pending_transcripts()?.iter().filter(|pending| Path::new(&pending.path).starts_with(name))
        {
            self.leave_pending(&pending.sha256, &pending.member)?;
        }
        let decisions = self.drop_orphaned_decisions()?;
        // Deleted text must not survive in free pages or in the write-ahead log.
        self.db.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?;
        let mut versions = Vec::new();
        for source in &sources {
            let bytes = raw::path(&self.project, &source.sha256);
            if bytes.exists() {
                fs_err::remove_file(bytes)?;
            }
            versions.extend(self.versions_from(&source.sha256)?);
        }
        versions.sort();
        versions.dedup();
        Ok(Forgotten { sources, conversations, nodes, decisions, versions })
    }

    /// Takes an example that was written at the desk out of the library again.
    pub fn forget_authored(&mut self, key: &str) -> anyhow::Result<()> {
        let sha256: String = self.db.query_row(
            "SELECT sha256 FROM source WHERE id = (SELECT source FROM conversation WHERE key = ?1)",
            [key],
            |row| row.get(0),
        )?;
        let source = self.sources()?.into_iter().find(|source| source.sha256 == sha256);
        let source = source.ok_or_else(|| anyhow!("no example `{key}` in the library"))?;
        self.delete_source(&source)?;
        let bytes = raw::path(&self.project, &sha256);
        if bytes.exists() { Ok(fs_err::remove_file(bytes)?) } else { Ok(()) }
    }

    /// Numbers of conversations and messages that only this source brought.
    fn delete_source(&mut self, source: &Source) -> anyhow::Result<(usize, usize)> {
        let transaction = self.db.transaction()?;
        let id: i64 =
            transaction
                .query_row("SELECT id FROM source WHERE sha256 = ?1", [&source.sha256], |r| r.get(0))?;
        transaction.execute("DELETE FROM node_source WHERE source = ?1", [id])?;
        let nodes =
            transaction.execute("DELETE FROM node WHERE id NOT IN (SELECT node FROM node_source)", [])?;
        let conversations = transaction.execute(
            "DELETE FROM conversation WHERE id NOT IN (SELECT conversation FROM node) AND source = ?1",
            [id],
        )?;
        transaction
            .execute("DELETE FROM landmark WHERE conversation NOT IN (SELECT id FROM conversation)", [])?;
        // A conversation that other files hold too now belongs to the newest of them.
        transaction.execute(
            "UPDATE conversation SET source = (SELECT max(node_source.source) FROM node_source \
             JOIN node ON node.id = node_source.node WHERE node.conversation = conversation.id) WHERE source = ?1",
            [id],
        )?;
        transaction.execute("DELETE FROM source WHERE id = ?1", [id])?;
        transaction.execute("DELETE FROM waiting WHERE sha256 = ?1", [&source.sha256])?;
        transaction.commit()?;
        Ok((conversations, nodes))
    }

    fn find_sources(&self, name: &str) -> anyhow::Result<Vec<Source>> {
        let in_folder = |source: &Source| Path::new(&source.path).starts_with(name);
        let sources = self.sources()?;
        let is_folder = !sources.iter().any(|source| source.path == name) && sources.iter().any(in_folder);
        if is_folder {
            return Ok(sources.into_iter().filter(in_folder).collect());
        }
        Ok(vec![self.find_source(name)?])
    }

    fn find_source(&self, name: &str) -> anyhow::Result<Source> {
        let is_called = |source: &Source| {
            let file_name = Path::new(&source.path).file_name();
            let by_hash = name.len() >= 6 && source.sha256.starts_with(&name.to_ascii_lowercase());
            by_hash || source.path == name || file_name.is_some_and(|file_name| file_name == name)
        };
        let sources = self.sources()?;
        let listed: Vec<String> =
            sources.iter().map(|s| format!("{} {}", &s.sha256[..12.min(s.sha256.len())], s.path)).collect();
        let mut found: Vec<Source> = sources.iter().filter(|source| is_called(source)).cloned().collect();
        match (found.pop(), found.is_empty()) {
            (Some(source), true) => Ok(source),
            (Some(_), false) => Err(anyhow!("several imported files are called `{name}`"))
                .hint(format!("name one by the first digits of its SHA-256: {}", listed.join("; "))),
            (None, _) => {
                let hint = if listed.is_empty() {
                    "nothing is imported".to_owned()
                } else {
                    format!("imported are: {}", listed.join("; "))
                };
                Err(anyhow!("no imported file is called `{name}`")).hint(hint)
            }
        }
    }

    fn drop_orphaned_decisions(&mut self) -> anyhow::Result<usize> {
        let mut alive: HashSet<String> = HashSet::new();
        self.for_each_conversation_private_too(|_, conversation| {
            for learn in [Learn::Assistant, Learn::Mine] {
                let found = candidates_of(&conversation, &ContextPolicy::default(), learn);
                alive.extend(found.into_iter().map(|c| c.candidate_id));
            }
            Ok(())
        })?;
        self.forget_marks(&alive)?;
        let orphaned: Vec<String> = self.decisions()?.into_keys().filter(|id| !alive.contains(id)).collect();
        let mut dropped = 0;
        for candidate in orphaned {
            dropped += self.db.execute("DELETE FROM decision WHERE candidate = ?1", [candidate])?;
        }
        // Fixes quote the words they change.
        let fixed: Vec<String> = {
            let mut statement = self.db.prepare("SELECT DISTINCT candidate FROM fix")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect::<Result<_, _>>()?
        };
        for candidate in fixed.iter().filter(|id| !alive.contains(*id)) {
            self.db.execute("DELETE FROM fix WHERE candidate = ?1", [candidate])?;
        }
        let keys = self.conversation_keys()?;
        let chosen: Vec<String> = self.choices()?.into_keys().filter(|key| !keys.contains(key)).collect();
        for key in chosen {
            self.db.execute("DELETE FROM shelving WHERE conversation = ?1", [key])?;
        }
        Ok(dropped)
    }

    fn versions_from(&self, sha256: &str) -> anyhow::Result<Vec<String>> {
        let mut statement = self.db.prepare("SELECT name, sources FROM version ORDER BY made_at")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let mut names = Vec::new();
        for row in rows {
            let (name, sources) = row?;
            if serde_json::from_str::<Vec<String>>(&sources)?.iter().any(|source| source == sha256) {
                names.push(name);
            }
        }
        Ok(names)
    }
}
