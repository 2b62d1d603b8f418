//! What must not leave with a data set: names, and the made-up values that stand for personal data.

use affinage_dataset::lint::Known;
use affinage_dataset::pseudonym::Pseudonyms;
use anyhow::Context as _;

use super::Library;

const NAMES: &str = "names";
const PSEUDONYMS: &str = "pseudonyms";

impl Library {
    /// What lint should know besides the texts.
    pub fn known(&self) -> anyhow::Result<Known> {
        let names = self.setting(NAMES)?.unwrap_or_default();
        Ok(Known { names: names.lines().map(str::to_owned).collect() })
    }

    /// Adds names that are to be found from now on; those that are there stay.
    pub fn keep_names(&mut self, names: &[String]) -> anyhow::Result<()> {
        let mut all = self.known()?.names;
        for name in names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
            if !all.iter().any(|known| known == name) {
                all.push(name.to_owned());
            }
        }
        match all.is_empty() {
            true => Ok(()),
            false => self.set_setting(NAMES, &all.join("\n")),
        }
    }

    /// The table of made-up values: the only way back to the real ones.
    pub fn pseudonyms(&self) -> anyhow::Result<Pseudonyms> {
        match self.setting(PSEUDONYMS)? {
            Some(table) => {
                serde_json::from_str(&table).context("the table of pseudonyms in library.db is damaged")
            }
            None => Ok(Pseudonyms::default()),
        }
    }

    pub fn keep_pseudonyms(&mut self, table: &Pseudonyms) -> anyhow::Result<()> {
        self.set_setting(PSEUDONYMS, &serde_json::to_string(table)?)
    }
}
