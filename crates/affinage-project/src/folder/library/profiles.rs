//! Named speaker profiles: who is who in transcripts, said once and kept.

use affinage_dataset::import::Roles;
use serde::{Deserialize, Serialize};

use super::Library;

/// The roles under a name, e.g. `plato`: SOCRATES is the assistant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub name: String,
    pub assistants: Vec<String>,
    pub users: Vec<String>,
}

impl Profile {
    pub fn roles(&self) -> Roles {
        Roles { assistants: self.assistants.clone(), users: self.users.clone(), ..Roles::default() }
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    assistants: Vec<String>,
    users: Vec<String>,
}

impl Library {
    /// All profiles, by name.
    pub fn profiles(&self) -> anyhow::Result<Vec<Profile>> {
        let mut statement = self.db.prepare("SELECT name, roles FROM speaker_profile ORDER BY name")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let mut profiles = Vec::new();
        for row in rows {
            let (name, roles) = row?;
            let Stored { assistants, users } = serde_json::from_str(&roles)?;
            profiles.push(Profile { name, assistants, users });
        }
        Ok(profiles)
    }

    /// Saves a profile; one of the same name is replaced.
    pub fn save_profile(&mut self, profile: &Profile) -> anyhow::Result<()> {
        let stored = Stored { assistants: profile.assistants.clone(), users: profile.users.clone() };
        self.db.execute(
            "INSERT INTO speaker_profile VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET roles = ?2",
            (&profile.name, serde_json::to_string(&stored)?),
        )?;
        Ok(())
    }
}
