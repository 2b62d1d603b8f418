//! What the user keeps, skips or holds private.

use anyhow::anyhow;

use crate::errors::HintExt as _;
use crate::folder::library::{Choice, Library, Overview, of_whole};

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

/// Sets what the user said about topics, by name or number, about projects or single conversations, by key or title.
pub fn choose(library: &mut Library, overview: &Overview, given: &[(String, Choice)]) -> anyhow::Result<()> {
    let now = jiff::Timestamp::now().to_string();
    let of_project = library.conversations_by_project()?;
    let known = library.conversation_keys()?;
    let private = library.held_private()?;
    for (name, choice) in given {
        let topic = overview
            .topics
            .iter()
            .map(|view| &view.topic)
            .find(|topic| topic.name == *name || topic.number.to_string() == *name);
        let whole = |keys: Vec<String>| of_whole(keys, Some(*choice), |key| private.contains(key));
        let conversations = match (topic, of_project.get(name)) {
            (Some(topic), _) => whole(topic.all().cloned().collect()),
            (None, Some(conversations)) => whole(conversations.clone()),
            (None, None) if known.contains(name) => vec![name.clone()],
            (None, None) => {
                let titled = titled(library, name)?;
                if !titled.is_empty() {
                    library.choose(&titled, Some(*choice), &now)?;
                    continue;
                }
                let topics = overview.topics.iter().map(|view| &view.topic);
                let names: Vec<String> =
                    topics.map(|topic| format!("{} {}", topic.number, topic.name)).collect();
                return Err(anyhow!("no topic, project or conversation is called `{name}`"))
                    .hint(format!("topics: {}", names.join("; ")));
            }
        };
        library.choose(&conversations, Some(*choice), &now)?;
    }
    Ok(())
}
