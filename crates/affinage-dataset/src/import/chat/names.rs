//! The names under which products keep the same facts, in the order in which they are looked for.

use serde_json::Value;

use super::super::json::rfc3339_s;
pub use super::role::role;
use crate::conversation::{BlockKind, Provider};

/// Lists of messages.
pub const LISTS: &[&str] = &[
    "messages",
    "chat_messages",
    "mapping",
    "conversations",
    "MessageList",
    "conversation",
    "history",
    "responses",
    "turns",
    "bubbles",
    "dialog",
    "dialogue",
    "dialogs",
    "entries",
    "requests",
    "exchanges",
    "thread",
    "chat",
    "log",
    "msgs",
    "items",
    "posts",
    "transcript",
    "events",
    "content",
    "contents",
    "steps",
];
/// Objects around one message.
pub const ENVELOPES: &[&str] = &["message", "response", "payload", "data", "info", "msg", "post", "kwargs"];
/// Objects that say what the conversation beside them is.
pub const ABOUT: &[&str] =
    &["conversation", "metadata", "meta", "info", "channel", "thread", "session", "chat"];

/// Who spoke, if the value is one of [`role`]'s words.
pub const ROLES: &[&str] = &[
    "role",
    "sender",
    "from",
    "author",
    "sender_type",
    "senderType",
    "author_type",
    "authorType",
    "user_type",
    "speaker",
    "actor",
    "src",
    "owner",
    "type",
    "kind",
];
/// True if the person spoke.
pub const IS_PERSON: &[&str] =
    &["is_user", "isUser", "isCreatedByUser", "fromUser", "from_user", "is_human", "isHuman"];
/// True if the model spoke.
pub const IS_MODEL: &[&str] = &["isAI", "is_ai", "isAssistant", "is_assistant", "fromBot", "from_bot"];
/// True if a program spoke, whoever it speaks for.
pub const IS_BOT: &[&str] = &["isBot", "is_bot", "bot"];
/// Who spoke, by name.
pub const SPEAKERS: &[&str] = &[
    "sender_name",
    "senderName",
    "from",
    "sender",
    "author",
    "user_profile",
    "creator",
    "user",
    "username",
    "userName",
    "speaker",
    "name",
    "nickname",
    "displayName",
];
/// The name inside an object that stands for a person.
pub const PERSON: &[&str] =
    &["display_name", "displayName", "real_name", "name", "nick", "username", "userName", "title", "id"];

/// What was said.
pub const TEXTS: &[&str] = &[
    "content",
    "parts",
    "contentParts",
    "contentChunks",
    "fragments",
    "text",
    "mes",
    "message",
    "body",
    "msg",
    "value",
    "markdown",
    "rawText",
    "raw_content",
    "contents",
    "response",
    "data",
    "blocks",
    "content_json",
    // Of a step: see `message::says`.
    "output",
];
/// Other ways of saying it.
pub const VARIANTS: &[&str] =
    &["swipes", "candidates", "alternatives", "variants", "versions", "regenerations"];
pub const SELECTED: &[&str] = &["swipe_id", "selected", "selectedIndex", "currentlySelected", "activeIndex"];
/// Documents the model wrote beside its message.
pub const DOCUMENTS: &[&str] = &["canvas", "artifacts"];
pub const TOOLS: &[&str] = &["toolFormerData", "tool_results", "toolRequests", "tools"];
pub const MEDIA: &[&str] = &[
    "image",
    "photo",
    "file",
    "media",
    "sticker",
    "stickers",
    "audio",
    "video",
    "voice",
    "attached_files",
    "file_attachments",
    "fileAttachments",
    "image_attachments",
    "imageAttachments",
    "documents",
    "photos",
    "videos",
    "gifs",
    "audio_files",
    "share",
];
/// What a messenger keeps in a field of its own and shows as no words.
pub const OTHERS: &[&str] = &[
    "poll",
    "location_information",
    "contact_information",
    "shared_contact",
    "invoice_information",
    "giveaway_information",
    "todo_list",
];
/// Pages an answer refers to by their number.
pub const SOURCES: &[&str] =
    &["sources", "citations", "web_results", "search_results", "webResults", "searchResults", "references"];

pub const IDS: &[&str] = &[
    "id",
    "uuid",
    "_id",
    "messageId",
    "message_id",
    "msg_id",
    "msgId",
    "bubbleId",
    "requestId",
    "turn_id",
    "client_msg_id",
    "event_id",
    "ID",
];
pub const PARENTS: &[&str] = &[
    "parentId",
    "parent_id",
    "parentUuid",
    "parent_uuid",
    "parentMessageId",
    "parent_message_id",
    "parent_message_uuid",
    "parent_response_id",
    "parentResponseId",
    "askId",
    "parent",
];
/// The conversation a message belongs to, where messages of several stand in one list.
pub const THREADS: &[&str] = &[
    "topicId",
    "thread_id",
    "threadId",
    "chatId",
    "chat_id",
    "conversation_id",
    "conversationId",
    "message_tree_id",
    "sessionId",
    "session_id",
];
/// The topic of a room that a message belongs to, named by the message that opened it.
pub const TOPICS: &[&str] = &["topic_id", "thread_ts", "root_id", "tmid"];
/// Fields that name the conversation of which this one is a copy that went on.
pub const FORKS: &[&str] = &["forked_from_id", "forkedFromId", "forked_from", "forkedFrom", "parentSession"];
pub const HOLDER_IDS: &[&str] = &[
    "id",
    "uuid",
    "_id",
    "conversation_id",
    "conversationId",
    "chatID",
    "chatId",
    "chat_id",
    "sessionId",
    "session_id",
    "thread_id",
    "threadId",
    "composerId",
    "tabId",
    "topicId",
    "thread_path",
];
pub const TITLES: &[&str] = &[
    "title",
    "chatTitle",
    "thread_title",
    "name",
    "topic",
    "subject",
    "summary",
    "description",
    "displayName",
    "character_name",
    "customTitle",
];
/// What only chats of clients have beside their messages.
pub const CLIENT_FIELDS: &[&str] =
    &["title", "chatTitle", "topic", "chatID", "chatId", "updatedAt", "updated_at"];
/// Where the reader stopped.
pub const LEAVES: &[&str] =
    &["current_node", "currentId", "currentNode", "current_leaf", "leafUuid", "activeLeaf"];
pub const TIMES: &[&str] = &[
    "date_unixtime",
    "timestamp_ms",
    "create_time",
    "createTime",
    "created_at",
    "createdAt",
    "created",
    "created_date",
    "timestamp",
    "inserted_at",
    "sent_at",
    "sentAt",
    "origin_server_ts",
    "originalarrivaltime",
    "created_timestamp",
    "creationDate",
    "startTime",
    "time",
    "date",
    "datetime",
    "datetime_utc",
    "ts",
    "send_date",
];
/// When a conversation was changed last.
pub const UPDATES: &[&str] = &[
    "update_time",
    "updateTime",
    "updated_at",
    "updatedAt",
    "updated",
    "modify_time",
    "modified_at",
    "modifiedAt",
    "lastUpdatedAt",
    "last_updated_at",
    "lastUpdated",
    "lastModified",
];
pub const MODELS: &[&str] = &[
    "model",
    "model_slug",
    "modelSlug",
    "modelId",
    "model_id",
    "modelName",
    "model_name",
    "modelType",
    "modelInfo",
];
/// Not shown to the reader, not said by him, or taken back.
pub const HIDDEN: &[&str] = &[
    "isMeta",
    "isSidechain",
    "isCompactSummary",
    "isVisibleInTranscriptOnly",
    "hidden",
    "is_hidden",
    "isHidden",
    "is_system",
    "is_visually_hidden_from_conversation",
    "synthetic",
    "isSynthetic",
    "is_synthetic",
    "is_demo",
];
/// Taken back by its sender.
pub const DELETED: &[&str] =
    &["isDeleted", "is_deleted", "deleted", "is_unsent", "isUnsent", "isRevoked", "revoked", "redacted"];
pub const EDITED: &[&str] = &["edited", "isEdited", "is_edited"];

/// Questions of a list of questions with their answers, and the answers.
pub const QUESTIONS: &[&str] = &[
    "query",
    "question",
    "prompt",
    "user_input",
    "userInput",
    "userMessage",
    "user_message",
    "request",
    "input",
    "ask",
    "human",
    "user",
    "message",
    "q",
];
pub const ANSWERS: &[&str] = &[
    "answer",
    "response",
    "reply",
    "completion",
    "output",
    "assistant",
    "assistant_message",
    "botMessage",
    "bot",
    "ai",
    "responses",
    "answers",
    "a",
];

/// Parts of a document in which lists of messages are no conversations.
pub const NOT_CHATS: &[&str] = &[
    "prompt",
    "template",
    "preset",
    "mask",
    "setting",
    "config",
    "plugin",
    "example",
    "tool",
    "suggest",
    "context",
    // An annotation tool keeps the answer that was corrected there, and the correction elsewhere.
    "fields",
    // What an agent goes on with after it made its history short.
    "replacement",
];

/// A product that people know by its name: the fields its holder and its messages have.
pub const PRODUCTS: &[(Provider, &[&str], &[&str])] = &[
    (Provider::Grok, &["conversation", "responses"], &["sender", "message"]),
    (Provider::DeepSeek, &["mapping"], &["fragments"]),
    (Provider::LeChat, &[], &["chatId", "contentChunks"]),
    (Provider::Perplexity, &["metadata", "conversations"], &["query", "answer"]),
    (Provider::Jan, &[], &["thread_id", "object"]),
    (Provider::ClaudeCode, &[], &["sessionId", "parentUuid"]),
    (Provider::Codex, &[], &["payload", "type", "timestamp"]),
    (Provider::GeminiCli, &["sessionId", "projectHash"], &["type"]),
    (Provider::Cursor, &["composerId"], &[]),
    (Provider::Cursor, &["tabId"], &[]),
    (Provider::Telegram, &[], &["from_id", "text_entities"]),
    (Provider::Discord, &["guild", "channel"], &["author"]),
    (Provider::SillyTavern, &[], &["mes", "is_user"]),
    (Provider::TypingMind, &["chatID"], &[]),
];

/// What the words of a message of the assistant are, where a field beside its role says so: `"channel": "analysis"`.
pub fn kind_beside(message: &Value) -> Option<BlockKind> {
    const FIELDS: [&str; 9] = [
        "channel",
        "phase",
        "subtype",
        "kind",
        "message_type",
        "messageType",
        "content_type",
        "contentType",
        "say",
    ];
    const FLAGS: [&str; 6] =
        ["is_reasoning", "isReasoning", "is_thinking", "isThinking", "is_thought", "isThought"];
    if FLAGS.iter().any(|flag| message.get(*flag).and_then(Value::as_bool) == Some(true)) {
        return Some(BlockKind::Reasoning);
    }
    let words = FIELDS.iter().filter_map(|field| message.get(*field)?.as_str());
    words.filter_map(role).map(|(_, kind)| kind).find(|kind| *kind != BlockKind::Text)
}

/// Events of a messenger that nobody said: joined, left, pinned, called.
pub fn is_service(word: &str) -> bool {
    const WORDS: [&str; 18] = [
        "service",
        "reaction",
        "tapback",
        "join",
        "leave",
        "pin",
        "call",
        "recipient",
        "system",
        "event/",
        "subscri",
        "channel_",
        "member",
        "topic",
        "boost",
        "encrypt",
        "change",
        "created",
    ];
    let word = word.to_lowercase();
    WORDS.iter().any(|known| word.contains(known))
}

/// True if lists under this name are no conversations.
pub fn is_no_chat(name: &str) -> bool {
    let name = name.to_lowercase();
    NOT_CHATS.iter().any(|word| name.contains(word)) && !LISTS.contains(&name.as_str())
}

/// Seconds since 1970 of a number of seconds, milli-, micro- or nanoseconds, of a text that holds one, of an RFC 3339
/// time, or of an object around one of these.
pub fn time_s(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => seconds(number.as_f64()?),
        Value::String(text) => match text.trim().parse::<f64>() {
            Ok(number) => seconds(number),
            Err(_) => rfc3339_s(text.trim()).or_else(|| written_out_s(text)),
        },
        Value::Object(fields) => ["$date", "$numberLong", "_seconds", "seconds", "created", "start"]
            .iter()
            .find_map(|key| time_s(fields.get(*key)?)),
        _ => None,
    }
}

/// `Monday, January 5, 2026 at 10:00:00 AM UTC`, as Google Chat writes it.
fn written_out_s(text: &str) -> Option<f64> {
    let text = text.trim().strip_suffix(" UTC")?.replace('\u{202f}', " ");
    let (_, day) = text.split_once(", ")?;
    let at = jiff::civil::DateTime::strptime("%B %d, %Y at %I:%M:%S %p", day).ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second() as f64)
}

fn seconds(number: f64) -> Option<f64> {
    /// The year 2286 in seconds; a millisecond later in the nanoseconds' scale is 1970.
    const MAX_S: f64 = 1e10;
    if !number.is_finite() || number <= 0.0 {
        return None;
    }
    let scale = [1.0, 1e3, 1e6, 1e9].into_iter().find(|scale| number / scale < MAX_S)?;
    Some(number / scale)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::conversation::NodeRole;

    #[test]
    fn times_of_every_unit_and_wrapping() {
        let expected = Some(1_767_607_200.0);
        for value in [
            json!(1_767_607_200),
            json!(1_767_607_200_000_u64),
            json!(1_767_607_200_000_000_u64),
            json!("1767607200"),
            json!("1767607200.000000"),
            json!("2026-01-05T10:00:00Z"),
            json!("2026-01-05T12:00:00+02:00"),
            json!("Monday, January 5, 2026 at 10:00:00\u{202f}AM UTC"),
            json!({ "$date": { "$numberLong": "1767607200000" } }),
            json!({ "$date": "2026-01-05T10:00:00.000Z" }),
            json!({ "_seconds": 1_767_607_200, "_nanoseconds": 0 }),
        ] {
            assert_eq!(time_s(&value), expected, "{value}");
        }
        for value in [json!("yesterday"), json!(null), json!(0), json!(-1)] {
            assert_eq!(time_s(&value), None, "{value}");
        }
    }

    #[test]
    fn words_for_roles_in_every_spelling() {
        for (word, expected) in [
            ("user", Some(NodeRole::User)),
            ("HUMAN", Some(NodeRole::User)),
            ("user.message", Some(NodeRole::User)),
            ("Assistant", Some(NodeRole::Assistant)),
            ("tool_result", Some(NodeRole::Tool)),
            ("developer", Some(NodeRole::System)),
            ("info", None),
            ("Mara", None),
        ] {
            assert_eq!(role(word).map(|(role, _)| role), expected, "{word}");
        }
    }
}
