//! Who speaks in what is imported.

use affinage_dataset::import::{AsNotes, Roles};
use affinage_dataset::message::Role;
use anyhow::anyhow;

use crate::errors::HintExt as _;
use crate::folder::library::{Library, Profile};
use crate::folder::project::Project;

/// What was said about speakers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Speakers<'a> {
    /// Roles by name.
    pub roles: &'a [(String, Role)],
    /// Every text is notes.
    pub notes: bool,
    /// Roles as saved under this name, in place of `roles`.
    pub profile: Option<&'a str>,
    /// Save `roles` under this name.
    pub save_profile: Option<&'a str>,
}

/// Roles of the command line or a profile, else those of `[dataset.roles]`.
///
/// Errors: no such profile.
pub fn roles(ctx: &Project, library: &mut Library, asked: &Speakers) -> anyhow::Result<Roles> {
    if let Some(name) = asked.profile {
        let profiles = library.profiles()?;
        let names: Vec<String> = profiles.iter().map(|profile| profile.name.clone()).collect();
        let profile = profiles.into_iter().find(|profile| profile.name == name);
        return profile
            .map(|profile| profile.roles())
            .ok_or_else(|| anyhow!("no speaker profile is called `{name}`"))
            .hint(if names.is_empty() {
                "save one: `affinage import FILE --role NAME=assistant --save-profile NAME`".to_owned()
            } else {
                format!("there are {}", names.join(", "))
            });
    }
    let configured = ctx.config.dataset.roles.iter().map(|(name, role)| (name.clone(), *role));
    let pairs: Vec<(String, Role)> =
        if asked.roles.is_empty() { configured.collect() } else { asked.roles.to_vec() };
    let of = |wanted: Role| {
        pairs.iter().filter(|(_, role)| *role == wanted).map(|(name, _)| name.clone()).collect()
    };
    let notes = match (asked.notes, asked.roles.is_empty()) {
        (true, _) => AsNotes::All,
        // Names in the configuration are not about this file.
        (false, true) => AsNotes::Silent,
        (false, false) => AsNotes::Unnamed,
    };
    let roles = Roles { assistants: of(Role::Assistant), users: of(Role::User), notes };
    if let Some(name) = asked.save_profile {
        let profile = Profile {
            name: name.to_owned(),
            assistants: roles.assistants.clone(),
            users: roles.users.clone(),
        };
        library.save_profile(&profile)?;
    }
    Ok(roles)
}
