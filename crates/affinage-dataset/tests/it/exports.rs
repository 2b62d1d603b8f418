//! Generator of synthetic exports with known contents: branches, hidden nodes, reasoning, tools, attachments.

use std::io::{Cursor, Write};

use affinage_dataset::candidate::{Candidate, ContextPolicy, candidates};
use affinage_dataset::conversation::Conversation;
use affinage_dataset::import::{Found, ImportError, Item, Limits, Reject, Roles, import};
use serde_json::{Map, Value, json};

/// Stands in every text that must never become text of an example.
pub const HIDDEN: &str = "HIDDEN";

/// What an import of bytes gave.
#[derive(Debug)]
pub struct Outcome {
    pub conversations: Vec<Conversation>,
    pub rejects: Vec<Reject>,
    pub found: Found,
}

impl Outcome {
    pub fn candidates(&self) -> Vec<Candidate> {
        self.conversations.iter().flat_map(|c| candidates(c, &ContextPolicy::default())).collect()
    }
}

pub fn import_bytes(bytes: &[u8], roles: &Roles) -> Result<Outcome, ImportError> {
    import_within(bytes, roles, &Limits::default())
}

pub fn import_within(bytes: &[u8], roles: &Roles, limits: &Limits) -> Result<Outcome, ImportError> {
    let (mut conversations, mut rejects) = (Vec::new(), Vec::new());
    let found = import::<ImportError>(Cursor::new(bytes), "export", roles, limits, &mut |item| {
        match item {
            Item::Conversation(conversation) => conversations.push(conversation),
            Item::Reject(reject) => rejects.push(reject),
        }
        Ok(())
    })?;
    Ok(Outcome { conversations, rejects, found })
}

pub fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).expect("a member");
        zip.write_all(bytes).expect("memory");
    }
    zip.finish().expect("memory").into_inner()
}

/// A ChatGPT conversation under construction.
pub struct ChatGpt {
    id: String,
    mapping: Map<String, Value>,
    current: String,
}

impl ChatGpt {
    /// Begins with a structural root and hidden custom instructions, whose author is the user.
    pub fn new(id: &str) -> ChatGpt {
        let mut chat = ChatGpt { id: id.to_owned(), mapping: Map::new(), current: "root".to_owned() };
        chat.mapping.insert(
            "root".to_owned(),
            json!({ "id": "root", "parent": null, "children": [], "message": null }),
        );
        let instructions = json!({ "content_type": "user_editable_context", "user_profile": HIDDEN, "user_instructions": HIDDEN });
        let hidden = json!({ "is_visually_hidden_from_conversation": true, "is_user_system_message": true });
        chat.add("context", "user", instructions, json!({}), hidden);
        chat
    }

    pub fn user(&mut self, node: &str, text: &str) -> &mut ChatGpt {
        self.add(node, "user", json!({ "content_type": "text", "parts": [text] }), json!({}), json!({}))
    }

    /// With parts of several kinds, as in an uploaded picture and words.
    pub fn user_with(&mut self, node: &str, parts: Value) -> &mut ChatGpt {
        let content = json!({ "content_type": "multimodal_text", "parts": parts });
        self.add(node, "user", content, json!({}), json!({}))
    }

    pub fn assistant(&mut self, node: &str, text: &str) -> &mut ChatGpt {
        self.assistant_with(
            node,
            text,
            json!({ "model_slug": "gpt-4o", "finish_details": { "type": "stop" } }),
        )
    }

    pub fn assistant_with(&mut self, node: &str, text: &str, metadata: Value) -> &mut ChatGpt {
        self.add(node, "assistant", json!({ "content_type": "text", "parts": [text] }), json!({}), metadata)
    }

    /// Reasoning, a tool call and its result, all below the current node.
    pub fn noise(&mut self, node: &str) -> &mut ChatGpt {
        let thoughts =
            json!({ "content_type": "thoughts", "thoughts": [{ "summary": HIDDEN, "content": HIDDEN }] });
        self.add(&format!("{node}-think"), "assistant", thoughts, json!({}), json!({}));
        let call = json!({ "content_type": "text", "parts": [format!("{{\"query\":\"{HIDDEN}\"}}")] });
        self.add(&format!("{node}-call"), "assistant", call, json!({ "recipient": "web.search" }), json!({}));
        let result = json!({ "content_type": "execution_output", "text": HIDDEN });
        self.add(&format!("{node}-result"), "tool", result, json!({}), json!({}));
        let progress = json!({ "content_type": "text", "parts": [HIDDEN] });
        self.add(
            &format!("{node}-note"),
            "assistant",
            progress,
            json!({ "channel": "commentary" }),
            json!({}),
        )
    }

    /// Goes on below `node` instead of the last one.
    pub fn back_to(&mut self, node: &str) -> &mut ChatGpt {
        self.current = node.to_owned();
        self
    }

    pub fn element(&self) -> Value {
        json!({
            "title": self.id, "create_time": 1_756_000_000.5, "mapping": self.mapping, "current_node": self.current,
            "conversation_id": self.id, "id": self.id, "default_model_slug": "gpt-4o",
        })
    }

    /// A message below the current node, with any fields.
    pub fn add(
        &mut self,
        node: &str,
        role: &str,
        content: Value,
        fields: Value,
        metadata: Value,
    ) -> &mut ChatGpt {
        let number = self.mapping.len() as f64;
        let mut message = json!({
            "id": node, "author": { "role": role }, "create_time": 1_756_000_000.0 + number, "content": content,
            "recipient": "all", "weight": 1.0, "metadata": metadata,
        });
        let extra = fields.as_object().cloned().unwrap_or_default();
        message.as_object_mut().expect("an object").extend(extra);
        let entry = json!({ "id": node, "parent": self.current, "children": [], "message": message });
        self.mapping.insert(node.to_owned(), entry);
        self.current = node.to_owned();
        self
    }
}

/// A linear conversation of `turns` exchanges with noise before every second answer.
pub fn chatgpt(id: &str, turns: usize) -> Value {
    let mut chat = ChatGpt::new(id);
    for turn in 0..turns {
        chat.user(&format!("{id}-u{turn}"), &format!("question {turn} of {id}"));
        if turn % 2 == 1 {
            chat.noise(&format!("{id}-n{turn}"));
        }
        chat.assistant(&format!("{id}-a{turn}"), &format!("answer {turn} of {id}"));
    }
    chat.element()
}

pub fn array(elements: &[Value]) -> Vec<u8> {
    serde_json::to_vec(elements).expect("json")
}
