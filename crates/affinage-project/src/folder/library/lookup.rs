//! One conversation by its key.

use affinage_dataset::conversation::Conversation;
use anyhow::Context as _;
use rusqlite::OptionalExtension as _;

use super::{Library, conversation_row, links};

impl Library {
    /// The conversation `provider:id` and the path of the file that brought it last.
    pub fn conversation(&self, key: &str) -> anyhow::Result<Option<(String, Conversation)>> {
        let mut statement = self.db.prepare_cached(
            "SELECT conversation.id, provider, native_id, title, time_s, active_node, \
             (SELECT path FROM source WHERE source.id = conversation.source), origin, project, updated_s \
             FROM conversation WHERE key = ?1",
        )?;
        let found = statement
            .query_row([key], |row| {
                let head: (i64, Option<String>, Option<String>) = (row.get(0)?, row.get(5)?, row.get(6)?);
                Ok((head, conversation_row(row)))
            })
            .optional()?;
        let Some(((id, active, path), conversation)) = found else { return Ok(None) };
        let mut conversation = conversation?;
        conversation.arrange(links(&self.db, id)?, active.as_deref()).with_context(|| key.to_owned())?;
        Ok(Some((path.unwrap_or_default(), conversation)))
    }
}
