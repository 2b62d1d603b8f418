//! What the imports left out of the texts, kept with each file.

use std::collections::BTreeSet;

use affinage_dataset::import::{LeftOut, LeftOutCount};
use rusqlite::Connection;

use super::Library;

/// Remembers what the import of a file left out, instead of what an earlier import of the same bytes did.
pub(super) fn put(db: &Connection, source: i64, left_out: &LeftOut) -> anyhow::Result<()> {
    let rows = serde_json::to_string(&left_out.rows())?;
    db.execute("UPDATE source SET left_out = ?2 WHERE id = ?1", (source, rows))?;
    Ok(())
}

impl Library {
    /// What was left out of the files that conversations come from now: a file that a newer export has replaced does not
    /// count twice.
    pub fn left_out(&self) -> anyhow::Result<LeftOut> {
        self.left_out_where("id IN (SELECT DISTINCT source FROM conversation)", |_| true)
    }

    /// What was left out of the files with these SHA-256.
    pub fn left_out_of(&self, sources: &BTreeSet<String>) -> anyhow::Result<LeftOut> {
        self.left_out_where("TRUE", |sha256| sources.contains(sha256))
    }

    /// Adds to what was left out of an imported file.
    pub fn add_left_out(&self, sha256: &str, more: &LeftOut) -> anyhow::Result<()> {
        let mut all = self.left_out_where("TRUE", |source| source == sha256)?;
        all.merge(more);
        let rows = serde_json::to_string(&all.rows())?;
        self.db.execute("UPDATE source SET left_out = ?2 WHERE sha256 = ?1", (sha256, rows))?;
        Ok(())
    }

    fn left_out_where(&self, rows: &str, is_meant: impl Fn(&str) -> bool) -> anyhow::Result<LeftOut> {
        let mut statement =
            self.db.prepare(&format!("SELECT sha256, left_out FROM source WHERE {rows} ORDER BY id"))?;
        let mut rows = statement.query([])?;
        let mut all = LeftOut::default();
        while let Some(row) = rows.next()? {
            let counts: Vec<LeftOutCount> = serde_json::from_str(row.get_ref(1)?.as_str()?)?;
            if is_meant(row.get_ref(0)?.as_str()?) {
                all.merge(&LeftOut::from_rows(counts));
            }
        }
        Ok(all)
    }
}
