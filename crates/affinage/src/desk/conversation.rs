//! The whole conversation around a card, as the reader of the chat saw it.

use affinage_dataset::conversation::{Conversation, NodeRole};
use serde::Serialize;

#[derive(Serialize)]
pub struct View {
    title: String,
    turns: Vec<Turn>,
}

#[derive(Serialize)]
struct Turn {
    node: String,
    role: NodeRole,
    author: Option<String>,
    model: Option<String>,
    text: String,
    /// On the branch the user ended on.
    is_active: bool,
}

/// All visible messages in the order of the tree; other branches stand where they begin.
pub fn view(conversation: &Conversation) -> View {
    let active = conversation.active_leaf.map(|leaf| conversation.path_to(leaf)).unwrap_or_default();
    let turns = conversation.nodes.iter().enumerate().filter_map(|(index, node)| {
        let text = node.visible_text();
        let is_shown = matches!(node.role, NodeRole::User | NodeRole::Assistant) && !text.is_empty();
        is_shown.then(|| Turn {
            node: node.id.clone(),
            role: node.role,
            author: node.author.clone(),
            model: node.model.clone(),
            text,
            is_active: active.contains(&index),
        })
    });
    View { title: conversation.title.clone(), turns: turns.collect() }
}
