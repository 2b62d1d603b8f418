//! What the user keeps, skips or holds private.

use anyhow::anyhow;

use crate::errors::HintExt as _;
use crate::folder::library::{Choice, Library, Territory};

/// Sets what the user said about shelves, projects or single conversations.
pub fn choose(
    library: &mut Library,
    territory: &Territory,
    given: &[(String, Choice)],
) -> anyhow::Result<()> {
    let now = jiff::Timestamp::now().to_string();
    let of_project = library.conversations_by_project()?;
    let known = library.conversation_keys()?;
    for (name, choice) in given {
        let shelf = territory.shelves.iter().find(|view| view.shelf.name == *name);
        let conversations = match (shelf, of_project.get(name)) {
            (Some(view), _) => view.shelf.conversations.clone(),
            (None, Some(conversations)) => conversations.clone(),
            (None, None) if known.contains(name) => vec![name.clone()],
            (None, None) => {
                let names: Vec<&str> = territory.shelves.iter().map(|v| v.shelf.name.as_str()).collect();
                return Err(anyhow!("no shelf, project or conversation is called `{name}`"))
                    .hint(format!("shelves: {}", names.join("; ")));
            }
        };
        library.choose(&conversations, Some(*choice), &now)?;
    }
    Ok(())
}
