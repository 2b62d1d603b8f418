//! The same conversations in every export format, and what each format can hold of them.

use affinage_dataset::import::Roles;
use serde_json::{Map, Value, json};

use super::activity;
use super::corpus::{Chat, Turn};
use crate::exports::{ChatGpt, HIDDEN, array, zip_of};

/// What a format can say about branches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Branches {
    /// Regenerations, and branches below an edited prompt.
    All,
    /// Several answers to one prompt.
    Regenerations,
    /// The last answer only.
    Path,
}

pub struct Format {
    pub name: &'static str,
    /// As the import reports it.
    pub provider: &'static str,
    pub branches: Branches,
    /// Text passes through another markup: words are kept, white space is not.
    pub is_converted: bool,
    pub render: fn(&[Chat]) -> Vec<u8>,
}

pub const FORMATS: &[Format] = &[
    Format::new("ChatGPT, one array", "chatgpt", Branches::All, |chats| {
        array(&chats.iter().map(chatgpt).collect::<Vec<_>>())
    }),
    Format::new("ChatGPT, sharded zip", "chatgpt", Branches::All, sharded),
    Format::new("Claude", "claude", Branches::All, |chats| {
        array(&chats.iter().map(claude).collect::<Vec<_>>())
    }),
    Format::new("Open WebUI", "open-webui", Branches::All, |chats| {
        array(&chats.iter().map(open_webui).collect::<Vec<_>>())
    }),
    Format::new("LibreChat", "librechat", Branches::All, |chats| {
        array(&chats.iter().map(libre_chat).collect::<Vec<_>>())
    }),
    Format::new("LibreChat, nested", "librechat", Branches::All, |chats| {
        array(&chats.iter().map(libre_chat_nested).collect::<Vec<_>>())
    }),
    Format::new("LM Studio", "lm-studio", Branches::Regenerations, |chats| {
        zip_each(chats, "conversation.json", |chat| lm_studio(chat).to_string())
    }),
    Format::new("AI Studio", "ai-studio", Branches::Path, |chats| {
        zip_each(chats, "json", |chat| ai_studio(chat).to_string())
    }),
    Format::new("Takeout, Workspace", "gemini", Branches::Regenerations, |chats| {
        zip_each(chats, "txt", |chat| workspace(chat).to_string())
    }),
    Format::new("My Activity, JSON", "gemini", Branches::Regenerations, activity::as_json).converted(),
    Format::new("My Activity, page", "gemini", Branches::Path, activity::as_page).converted(),
    Format::new("messages JSONL", "messages", Branches::Path, |chats| lines(chats, messages)),
    Format::new("ShareGPT JSONL", "sharegpt", Branches::Path, |chats| lines(chats, share_gpt)),
    Format::new("Alpaca JSONL", "alpaca", Branches::Path, |chats| lines(chats, alpaca)),
    Format::new("Markdown", "transcript", Branches::Path, |chats| zip_each(chats, "md", markdown)),
];

impl Format {
    const fn new(
        name: &'static str,
        provider: &'static str,
        branches: Branches,
        render: fn(&[Chat]) -> Vec<u8>,
    ) -> Format {
        Format { name, provider, branches, is_converted: false, render }
    }

    const fn converted(mut self) -> Format {
        self.is_converted = true;
        self
    }

    pub fn roles(&self) -> Roles {
        Roles { assistants: vec!["Assistant".into()], users: vec!["User".into()], ..Roles::default() }
    }

    /// Prompts with the answers that must come out, in the order of the conversation: branches behind.
    pub fn expected(&self, chat: &Chat) -> Vec<(String, Vec<String>)> {
        let mut expected = Vec::new();
        for turn in &chat.turns {
            let texts: Vec<String> = turn.answers.iter().map(|answer| answer.text.clone()).collect();
            let kept = match self.branches {
                Branches::Path => texts[texts.len() - 1..].to_vec(),
                _ => texts,
            };
            expected.push((turn.prompt.clone(), kept));
            if let (Branches::All, Some((prompt, answer))) = (self.branches, &turn.abandoned) {
                expected.push((prompt.clone(), vec![answer.clone()]));
            }
        }
        expected
    }
}

fn zip_each(chats: &[Chat], ending: &str, render: fn(&Chat) -> String) -> Vec<u8> {
    let members: Vec<(String, String)> =
        chats.iter().map(|chat| (format!("{}.{ending}", chat.id), render(chat))).collect();
    let members: Vec<(&str, &[u8])> = members.iter().map(|(n, t)| (n.as_str(), t.as_bytes())).collect();
    zip_of(&members)
}

fn lines(chats: &[Chat], render: fn(&Chat) -> Value) -> Vec<u8> {
    chats.iter().map(|chat| render(chat).to_string() + "\n").collect::<String>().into_bytes()
}

/// One message of a tree: `(id, parent, is_user, text, turn and number of the answer)`.
struct Message<'a> {
    id: String,
    parent: Option<String>,
    is_user: bool,
    text: &'a str,
    /// Turn, and its answer if this is one of those the conversation has.
    turn: &'a Turn,
    answer: Option<usize>,
}

impl Message<'_> {
    fn is_truncated(&self) -> bool {
        self.answer.is_some_and(|number| self.turn.answers[number].truncated)
    }

    fn liked(&self) -> Option<bool> {
        self.answer.and_then(|number| self.turn.answers[number].liked)
    }

    fn has_image(&self) -> bool {
        self.is_user && self.turn.has_image
    }
}

/// All messages, oldest first; the last one is where the conversation stands.
fn tree(chat: &Chat) -> Vec<Message<'_>> {
    let mut messages = Vec::new();
    let mut above: Option<String> = None;
    for (number, turn) in chat.turns.iter().enumerate() {
        let id = |part: String| format!("{}-{number}-{part}", chat.id);
        let mut add = |part: String, parent: Option<String>, is_user: bool, text, answer| {
            let id = id(part);
            messages.push(Message { id: id.clone(), parent, is_user, text, turn, answer });
            id
        };
        if let Some((prompt, answer)) = &turn.abandoned {
            let asked = add("old".into(), above.clone(), true, prompt.as_str(), None);
            add("old-answer".into(), Some(asked), false, answer.as_str(), None);
        }
        let asked = add("asked".into(), above.take(), true, turn.prompt.as_str(), None);
        for (index, answer) in turn.answers.iter().enumerate() {
            above =
                Some(add(format!("answer-{index}"), Some(asked.clone()), false, &answer.text, Some(index)));
        }
    }
    messages
}

fn chatgpt(chat: &Chat) -> Value {
    let mut export = ChatGpt::new(&chat.id);
    for message in tree(chat) {
        export.back_to(message.parent.as_deref().unwrap_or("context"));
        if message.is_user {
            let image =
                json!({ "content_type": "image_asset_pointer", "asset_pointer": "sediment://file_0" });
            match message.has_image() {
                true => export.user_with(&message.id, json!([image, message.text])),
                false => export.user(&message.id, message.text),
            };
            continue;
        }
        export.noise(&format!("{}-noise", message.id));
        let finish = if message.is_truncated() { "max_tokens" } else { "stop" };
        let metadata = json!({ "model_slug": "gpt-5", "finish_details": { "type": finish } });
        export.assistant_with(&message.id, message.text, metadata);
    }
    export.element()
}

fn sharded(chats: &[Chat]) -> Vec<u8> {
    let shards: Vec<Vec<u8>> = chats
        .chunks(chats.len().div_ceil(3))
        .map(|chats| array(&chats.iter().map(chatgpt).collect::<Vec<_>>()))
        .collect();
    let ratings: Vec<Value> = chats
        .iter()
        .flat_map(tree)
        .filter_map(|message| Some((message.id.clone(), message.liked()?)))
        .map(|(id, liked)| json!({ "message_id": id, "rating": if liked { "thumbs_up" } else { "thumbs_down" } }))
        .collect();
    let ratings = array(&ratings);
    let names: Vec<String> = (0..shards.len()).map(|i| format!("conversations-{i:03}.json")).collect();
    let mut members: Vec<(&str, &[u8])> = vec![("user.json", b"{}"), ("message_feedback.json", &ratings)];
    members.extend(names.iter().map(String::as_str).zip(shards.iter().map(Vec::as_slice)));
    zip_of(&members)
}

fn claude(chat: &Chat) -> Value {
    const ROOT: &str = "00000000-0000-4000-8000-000000000000";
    let messages: Vec<Value> = tree(chat)
        .iter()
        .map(|m| {
            let mut content = vec![json!({ "type": "text", "text": m.text })];
            if !m.is_user {
                content.insert(0, json!({ "type": "thinking", "thinking": HIDDEN }));
                content.insert(1, json!({ "type": "tool_use", "name": "search", "input": { "q": HIDDEN } }));
                content.insert(2, json!({ "type": "tool_result", "content": [{ "type": "text", "text": HIDDEN }] }));
            }
            json!({ "uuid": m.id, "sender": if m.is_user { "human" } else { "assistant" }, "text": "",
                "content": content, "attachments": [], "parent_message_uuid": m.parent.as_deref().unwrap_or(ROOT),
                "files": if m.has_image() { json!([{ "file_name": "a.png" }]) } else { json!([]) },
                "stop_reason": m.is_truncated().then_some("max_tokens"),
                "chat_feedback": m.liked().map(|liked| json!({ "type": if liked { "upvote" } else { "downvote" } })) })
        })
        .collect();
    json!({ "uuid": chat.id, "name": chat.title, "created_at": "2026-02-03T10:00:00.000000Z", "chat_messages": messages })
}

fn open_webui(chat: &Chat) -> Value {
    let mut current = String::new();
    let mut messages = Map::new();
    for m in tree(chat) {
        let thought = format!(
            "<details type=\"reasoning\" done=\"true\">\n<summary>Thought</summary>\n{HIDDEN}\n</details>\n"
        );
        let content = if m.is_user { m.text.to_owned() } else { thought + m.text };
        let rating = m.liked().map(|liked| json!({ "rating": if liked { 1 } else { -1 } }));
        let files = if m.has_image() { json!([{ "type": "image", "name": "a.png" }]) } else { json!([]) };
        let message = json!({ "id": m.id, "parentId": m.parent, "role": if m.is_user { "user" } else { "assistant" },
            "content": content, "done": !m.is_truncated(), "annotation": rating, "files": files });
        current = m.id.clone();
        messages.insert(m.id, message);
    }
    json!({ "id": chat.id, "title": chat.title, "created_at": 1_760_000_000,
        "chat": { "history": { "currentId": current, "messages": messages } } })
}

fn libre_chat_message(m: &Message<'_>) -> Value {
    let thought = json!({ "type": "think", "think": HIDDEN });
    let call = json!({ "type": "tool_call", "tool_call": { "name": "search", "output": HIDDEN } });
    let content =
        if m.is_user { Value::Null } else { json!([thought, call, { "type": "text", "text": m.text }]) };
    json!({ "messageId": m.id, "parentMessageId": m.parent, "isCreatedByUser": m.is_user,
        "text": if m.is_user { m.text } else { "" }, "content": content, "unfinished": m.is_truncated(),
        "feedback": m.liked().map(|liked| json!({ "rating": if liked { "thumbsUp" } else { "thumbsDown" } })) })
}

fn libre_chat(chat: &Chat) -> Value {
    let messages: Vec<Value> = tree(chat).iter().map(libre_chat_message).collect();
    json!({ "conversationId": chat.id, "title": chat.title, "messages": messages })
}

fn libre_chat_nested(chat: &Chat) -> Value {
    let tree = tree(chat);
    let mut nested: Vec<(Option<String>, Value)> =
        tree.iter().map(|m| (m.parent.clone(), libre_chat_message(m))).collect();
    let mut roots = Vec::new();
    // Children stand behind their parents, so the last message is always complete.
    while let Some((parent, value)) = nested.pop() {
        let holder = parent.and_then(|p| nested.iter_mut().find(|(_, m)| m["messageId"] == p.as_str()));
        match holder {
            Some((_, holder)) => {
                let mut children = holder["children"].as_array().cloned().unwrap_or_default();
                children.insert(0, value);
                holder["children"] = json!(children);
            }
            None => roots.insert(0, value),
        }
    }
    json!({ "conversationId": chat.id, "title": chat.title, "messagesTree": roots })
}

fn lm_studio(chat: &Chat) -> Value {
    let text = |text: &str| json!([{ "type": "text", "text": text }]);
    let version = |answer: &str| {
        json!({ "type": "multiStep", "role": "assistant", "senderInfo": { "senderName": "qwen" }, "steps": [
            { "type": "contentBlock", "style": { "type": "thinking" }, "content": text(HIDDEN) },
            { "type": "contentBlock", "content": text(answer) } ] })
    };
    let messages: Vec<Value> = chat
        .turns
        .iter()
        .flat_map(|turn| {
            let asked = json!({ "type": "singleStep", "role": "user", "content": text(&turn.prompt) });
            let versions: Vec<Value> = turn.answers.iter().map(|answer| version(&answer.text)).collect();
            [
                json!({ "versions": [asked], "currentlySelected": 0 }),
                json!({ "versions": versions, "currentlySelected": turn.answers.len() - 1 }),
            ]
        })
        .collect();
    json!({ "name": chat.id, "messages": messages })
}

fn ai_studio(chat: &Chat) -> Value {
    let mut chunks = Vec::new();
    for (prompt, answer) in path(chat) {
        chunks.push(json!({ "role": "user", "text": prompt }));
        chunks.push(json!({ "role": "model", "text": HIDDEN, "isThought": true }));
        chunks.push(json!({ "role": "model", "text": answer, "finishReason": "STOP" }));
    }
    json!({ "runSettings": { "model": "models/gemini-2.5-pro" }, "chunkedPrompt": { "chunks": chunks } })
}

fn workspace(chat: &Chat) -> Value {
    let mut turns = Vec::new();
    for (index, turn) in chat.turns.iter().enumerate() {
        turns.push(json!({ "user_turn": { "prompt": turn.prompt, "turn_index": index } }));
        turns.extend(turn.answers.iter().map(|answer| {
            json!({ "system_turn": { "text": [{ "data": answer.text }], "model_thoughts": HIDDEN, "turn_index": index } })
        }));
    }
    json!({ "title": chat.id, "creation_time": "2026-02-02T07:24:02Z", "conversation_turns": turns })
}

/// The exchanges the conversation stands on.
fn path(chat: &Chat) -> Vec<(&str, &str)> {
    let last = |turn: &'_ Turn| turn.answers.len() - 1;
    chat.turns.iter().map(|turn| (turn.prompt.as_str(), turn.answers[last(turn)].text.as_str())).collect()
}

fn messages(chat: &Chat) -> Value {
    let messages: Vec<Value> = path(chat)
        .into_iter()
        .flat_map(|(prompt, answer)| {
            [json!({ "role": "user", "content": prompt }), json!({ "role": "assistant", "content": answer })]
        })
        .collect();
    json!({ "id": chat.id, "messages": messages })
}

fn share_gpt(chat: &Chat) -> Value {
    let turns: Vec<Value> = path(chat)
        .into_iter()
        .flat_map(|(prompt, answer)| {
            [
                json!({ "from": "human", "value": prompt }),
                json!({ "from": "function_call", "value": HIDDEN }),
                json!({ "from": "observation", "value": HIDDEN }),
                json!({ "from": "gpt", "value": answer }),
            ]
        })
        .collect();
    json!({ "id": chat.id, "conversations": turns })
}

fn alpaca(chat: &Chat) -> Value {
    let path = path(chat);
    let (last, earlier) = path.split_last().expect("a conversation has a turn");
    json!({ "id": chat.id, "instruction": last.0, "input": "", "output": last.1, "history": earlier })
}

fn markdown(chat: &Chat) -> String {
    let turns: Vec<String> = path(chat)
        .iter()
        .map(|(prompt, answer)| format!("**User:** {prompt}\n\n**Assistant:** {answer}"))
        .collect();
    format!("---\ntitle: {}\n---\n\n{}\n", chat.title, turns.join("\n\n"))
}
