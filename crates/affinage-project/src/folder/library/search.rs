//! Full-text search over everything a reader of the chats saw.
//!
//! The index (SQLite FTS5) is filled after an import's rows are committed, and again before a search if something
//! waits. It stores no text: excerpts are cut from the nodes, so forgetting a source leaves no words behind.

use std::ops::Range;

use affinage_dataset::conversation::{Node, NodeRole};
use rusqlite::OptionalExtension as _;
use serde::Serialize;

use super::Library;
use super::topics::is_private_sql;

/// Nodes put into the index in one transaction.
const BATCH_NODES: usize = 20_000;
/// Characters of an excerpt around the first match.
const EXCERPT_CHARS: usize = 160;

/// A message that holds the words asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hit {
    /// `provider:id` of the conversation.
    pub conversation: String,
    pub title: String,
    /// Names the message in [`affinage_dataset::candidate::Candidate::prompt_node_ids`] or in a variant's `node_ids`.
    pub node_id: String,
    pub role: NodeRole,
    /// A prompt that nobody wrote.
    pub drafted: bool,
    pub time_s: Option<f64>,
    /// Text around the first match, on one line.
    pub excerpt: String,
    /// Byte ranges of the words in `excerpt`.
    pub marks: Vec<Range<usize>>,
}

/// All messages that hold the words asked for.
#[derive(Debug, Default)]
pub struct Holding {
    /// The key of the conversation and the message's own id, in no order.
    pub nodes: Vec<(String, String)>,
    /// How many more stand in what is held private.
    pub private: usize,
}

impl Library {
    /// Messages that hold all words of `query`, best first. A part in quotes is a phrase; the last word may be the
    /// beginning of one. Case and accents do not count. A query without words finds nothing, and nothing is found in what is
    /// held private.
    pub fn search(&mut self, query: &str, limit: usize) -> anyhow::Result<Vec<Hit>> {
        self.index_words(&mut |_| {})?;
        let terms = Terms::parse(query);
        if terms.0.is_empty() {
            return Ok(Vec::new());
        }
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT conversation.key, conversation.title, node.data FROM words \
             JOIN node ON node.id = words.rowid JOIN conversation ON conversation.id = node.conversation \
             LEFT JOIN shelving ON shelving.conversation = conversation.key WHERE words MATCH ?1 \
             AND NOT {} ORDER BY words.rank, node.id LIMIT ?2",
            is_private_sql()
        ))?;
        let mut rows = statement.query((terms.expression(), i64::try_from(limit).unwrap_or(i64::MAX)))?;
        let mut hits = Vec::new();
        while let Some(row) = rows.next()? {
            let node: Node = serde_json::from_str(row.get_ref(2)?.as_str()?)?;
            let (excerpt, marks) = excerpt(&node.visible_text(), &terms);
            hits.push(Hit {
                conversation: row.get(0)?,
                title: row.get(1)?,
                node_id: node.id.clone(),
                role: node.role,
                drafted: node.is_drafted(),
                time_s: node.time_s,
                excerpt,
                marks,
            });
        }
        Ok(hits)
    }

    /// Every message that holds all words of `query`.
    pub fn nodes_that_hold(&mut self, query: &str) -> anyhow::Result<Holding> {
        self.index_words(&mut |_| {})?;
        let terms = Terms::parse(query);
        if terms.0.is_empty() {
            return Ok(Holding::default());
        }
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT conversation.key, node.node_id, {} FROM words JOIN node ON node.id = words.rowid \
             JOIN conversation ON conversation.id = node.conversation \
             LEFT JOIN shelving ON shelving.conversation = conversation.key WHERE words MATCH ?1",
            is_private_sql()
        ))?;
        let mut rows = statement.query([terms.expression()])?;
        let mut holding = Holding::default();
        while let Some(row) = rows.next()? {
            match row.get(2)? {
                true => holding.private += 1,
                false => holding.nodes.push((row.get(0)?, row.get(1)?)),
            }
        }
        Ok(holding)
    }

    /// Messages that are not in the index yet.
    pub fn unindexed_nodes(&self) -> anyhow::Result<usize> {
        let count: i64 = self.db.query_row("SELECT count(*) FROM unindexed", [], |row| row.get(0))?;
        Ok(usize::try_from(count)?)
    }

    /// Puts what waits into the index; `on_progress` gets the number of messages done. Returns how many there were.
    pub fn index_words(&mut self, on_progress: &mut dyn FnMut(usize)) -> anyhow::Result<usize> {
        let mut done = 0;
        loop {
            let waiting: Option<i64> = self
                .db
                .prepare_cached("SELECT node FROM unindexed LIMIT 1")?
                .query_row([], |row| row.get(0))
                .optional()?;
            if waiting.is_none() {
                return Ok(done);
            }
            done += self.index_batch()?;
            on_progress(done);
        }
    }

    fn index_batch(&mut self) -> anyhow::Result<usize> {
        let transaction = self.db.transaction()?;
        let mut last = 0;
        let mut count = 0;
        {
            let mut select = transaction.prepare_cached(
                "SELECT unindexed.node, node.data FROM unindexed JOIN node ON node.id = unindexed.node \
                 ORDER BY unindexed.node LIMIT ?1",
            )?;
            let mut remove = transaction.prepare_cached("DELETE FROM words WHERE rowid = ?1")?;
            let mut insert = transaction.prepare_cached("INSERT INTO words (rowid, text) VALUES (?1, ?2)")?;
            let newest: Option<i64> = transaction
                .query_row("SELECT rowid FROM words ORDER BY rowid DESC LIMIT 1", [], |row| row.get(0))
                .optional()?;
            let mut rows = select.query([i64::try_from(BATCH_NODES)?])?;
            while let Some(row) = rows.next()? {
                last = row.get(0)?;
                count += 1;
                let node: Node = serde_json::from_str(row.get_ref(1)?.as_str()?)?;
                if newest.is_some_and(|newest| last <= newest) {
                    remove.execute([last])?;
                }
                let text = node.visible_text();
                if !text.is_empty() {
                    insert.execute((last, text))?;
                }
            }
        }
        transaction.execute("DELETE FROM unindexed WHERE node <= ?1", [last])?;
        // A row without a node cannot be indexed; nothing may wait for ever.
        transaction.execute("DELETE FROM unindexed WHERE node NOT IN (SELECT id FROM node)", [])?;
        transaction.commit()?;
        Ok(count)
    }
}

/// What is asked for: each term is one word or the words of a phrase, in lower case.
struct Terms(Vec<Vec<String>>);

impl Terms {
    fn parse(query: &str) -> Terms {
        let mut terms = Vec::new();
        for (index, part) in query.split(['"', '“', '”']).enumerate() {
            let words: Vec<String> = words(part).map(|range| part[range].to_lowercase()).collect();
            if index % 2 == 1 {
                terms.push(words);
            } else {
                terms.extend(words.into_iter().map(|word| vec![word]));
            }
        }
        terms.retain(|words| !words.is_empty());
        Terms(terms)
    }

    /// In the language of FTS5: every term is quoted, so nothing a user types is an operator.
    fn expression(&self) -> String {
        let quoted: Vec<String> = self.0.iter().map(|words| format!("\"{}\"", words.join(" "))).collect();
        quoted.join(" ") + "*"
    }

    fn asks_for(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        let last = self.0.last().and_then(|words| words.last());
        self.0.iter().flatten().any(|asked| *asked == word)
            || last.is_some_and(|prefix| word.starts_with(prefix))
    }
}

/// Byte ranges of the words of a text: runs of letters and digits.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + text[rest..].find(char::is_alphanumeric)?;
        let end = text[start..].find(|c: char| !c.is_alphanumeric()).map_or(text.len(), |len| start + len);
        rest = end;
        Some(start..end)
    })
}

fn excerpt(text: &str, terms: &Terms) -> (String, Vec<Range<usize>>) {
    let first = words(text).find(|range| terms.asks_for(&text[range.clone()])).map_or(0, |range| range.start);
    let start = text[..first].char_indices().rev().nth(EXCERPT_CHARS / 3).map_or(0, |(at, _)| at);
    let end = text[start..].char_indices().nth(EXCERPT_CHARS).map_or(text.len(), |(at, _)| start + at);
    let line: String = text[start..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let marks = words(&line).filter(|range| terms.asks_for(&line[range.clone()])).collect();
    (line, marks)
}
