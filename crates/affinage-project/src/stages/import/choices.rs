//! What the user keeps, skips or holds private.

use anyhow::anyhow;

use crate::errors::HintExt as _;
use crate::folder::library::{Choice, Library, Territory};

/// The conversations with this title.
fn titled(library: &Library, title: &str) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    library.for_each_conversation_private_too(|_, conversation| {
        if conversation.title == title {
            found.push(conversation.key());
        }
        Ok(())
    })?;
    Ok(found)
}

/// Sets what the user said about shelves, projects or single conversations, by key or title.
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
                let titled = titled(library, name)?;
                if !titled.is_empty() {
                    library.choose(&titled, Some(*choice), &now)?;
                    continue;
                }
                let names: Vec<&str> = territory.shelves.iter().map(|v| v.shelf.name.as_str()).collect();
                return Err(anyhow!("no topic, project or conversation is called `{name}`"))
                    .hint(format!("topics: {}", names.join("; ")));
            }
        };
        library.choose(&conversations, Some(*choice), &now)?;
    }
    Ok(())
}
