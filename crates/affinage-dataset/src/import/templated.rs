//! Texts in the templates of models: `<|im_start|>user`, `<|start|>assistant<|channel|>final<|message|>`, `[INST]`.
//!
//! Only a whole text is read so: it begins with a turn, nothing stands between its turns, and both sides speak. A text
//! that shows a template among other words is none.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Value, json};

use super::chat::names;
use super::json::string;
use crate::conversation::{BlockKind, NodeRole};

/// How one family of templates begins and ends a turn.
struct Family {
    /// The groups that took part are the role, and the channel.
    open: Regex,
    end: Regex,
    /// Words before the first turn are the system message.
    may_lead: bool,
    /// Labels that people write, too: read only where a row of a data set has nothing but a text.
    only_in_rows: bool,
}

static FAMILIES: LazyLock<Vec<Family>> = LazyLock::new(|| {
    let family = |open: &str, end: &str, may_lead: bool, only_in_rows: bool| Family {
        open: Regex::new(open).expect("a valid pattern"),
        end: Regex::new(end).expect("a valid pattern"),
        may_lead,
        only_in_rows,
    };
    vec![
        family(r"<\|im_start\|>[ \t]*([^\n<|]{1,40})\n?", r"<\|im_end\|>", false, false),
        family(
            r"<\|im_(user|assistant|system|tool)\|>[^\n<|]{0,40}<\|im_middle\|>",
            r"<\|im_end\|>",
            false,
            false,
        ),
        family(
            r"(?:<\|start\|>([^\n<|]{1,80}))?<\|channel\|>([^\n<|]{0,80})(?:<\|constrain\|>[^\n<|]{0,40})?<\|message\|>|<\|start\|>([^\n<|]{1,80})<\|message\|>",
            r"<\|(?:end|return|call)\|>",
            false,
            false,
        ),
        family(
            r"<\|start_header_id\|>([^\n<|]{1,40})<\|end_header_id\|>\n*",
            r"<\|e(?:ot|om)_id\|>|<\|end_of_text\|>",
            false,
            false,
        ),
        family(r"<start_of_turn>(\w{1,20})[ \t]*\n?", r"<end_of_turn>", false, false),
        family(r"<\|turn>(\w{1,20})[ \t]*\n?", r"<turn\|>", false, false),
        family(
            r"<\|(system|user|assistant|observation|tool|developer)\|>",
            r"<\|end\|>|</s>|<\|endofturn\|>|<\|endoftext\|>",
            false,
            false,
        ),
        family(r"<｜(User|Assistant|System)｜>", r"<｜end▁of▁sentence｜>", true, false),
        family(
            r"<\|START_OF_TURN_TOKEN\|><\|(USER|CHATBOT|SYSTEM)_TOKEN\|>",
            r"<\|END_OF_TURN_TOKEN\|>",
            false,
            false,
        ),
        family(r"<\|start_of_role\|>(\w{1,20})<\|end_of_role\|>", r"<\|end_of_text\|>", false, false),
        family(r"\[(/?INST|SYSTEM_PROMPT)\]", r"</s>|\[/SYSTEM_PROMPT\]", false, false),
        family(
            r"###[ \t]*(Human|User|Assistant|System|Instruction|Response):",
            r"</s>|<\|endoftext\|>",
            true,
            true,
        ),
        family(
            r"(?m)^[ \t]*(Human|User|Assistant|System|HUMAN|USER|ASSISTANT|SYSTEM):",
            r"</s>|<\|endoftext\|>",
            true,
            true,
        ),
        family(r"\b(USER|ASSISTANT):", r"</s>", true, true),
    ]
});
/// What stands before a text, or between two.
static BETWEEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^(?:\s|<\|begin_of_text\|>|<s>|</s>|<bos>|<eos>|<BOS_TOKEN>|<\|startoftext\|>|<\|endoftext\|>|\[gMASK\]|<sop>|<｜begin▁of▁sentence｜>)+",
    )
    .expect("a valid pattern")
});
static SYSTEM: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?s)^\s*<<SYS>>(.*?)<</SYS>>").expect("a valid pattern"));

/// The messages of each conversation of a text that is wholly in a template; `None` if it is anything else.
pub fn conversations(text: &str) -> Option<Vec<Vec<Value>>> {
    read(text, false)
}

/// The messages of a row whose one text is in a template, or whose prompt and completion together are.
pub fn of_row(row: &Value) -> Option<Vec<Vec<Value>>> {
    const TEXTS: [&str; 8] =
        ["text", "conversation", "chat", "content", "dialog", "dialogue", "formatted_text", "formatted_chat"];
    let fields = row.as_object()?;
    if ["role", "messages", "conversations", "sender", "author", "from"]
        .iter()
        .any(|key| fields.contains_key(*key))
    {
        return None;
    }
    if let Some(text) = TEXTS.iter().find_map(|key| string(row, key)) {
        return read(text, true);
    }
    let (prompt, answer) =
        (string(row, "prompt")?, string(row, "completion").or_else(|| string(row, "response"))?);
    if !prompt.trim_start().starts_with(['<', '[']) {
        return None;
    }
    read(&format!("{prompt}{answer}"), false)
}

fn read(text: &str, in_row: bool) -> Option<Vec<Vec<Value>>> {
    // Most texts are none.
    if !in_row && !text.trim_start().starts_with(['<', '[']) {
        return None;
    }
    let start = BETWEEN.find(text).map_or(0, |found| found.end());
    let body = &text[start..];
    let family = FAMILIES.iter().filter(|family| in_row || !family.only_in_rows).find(|family| {
        let first = family.open.find(body).map(|found| found.start());
        first == Some(0) || (first.is_some() && family.may_lead && (in_row || start > 0))
    })?;
    let mut read = Read::default();
    let mut at = start;
    if let Some(first) = family.open.find(body).filter(|found| found.start() > 0) {
        read.push("system", "", &body[..first.start()])?;
        at += first.start();
    }
    while at < text.len() {
        let found = family
            .open
            .captures_at(text, at)
            .filter(|found| found.get(0).is_some_and(|m| m.start() == at))?;
        let (role, channel) = groups(&found);
        let begin = at + found[0].len();
        let next = family.open.find_at(text, begin).map_or(text.len(), |found| found.start());
        let (end, behind) = match family.end.find_at(text, begin).filter(|found| found.start() <= next) {
            Some(found) => (found.start(), found.end()),
            None => (next, next),
        };
        read.push(role, channel, &text[begin..end])?;
        at = behind + BETWEEN.find(&text[behind..]).map_or(0, |found| found.end());
        // Another text begins.
        if text[behind..at].contains("begin") || text[behind..at].contains("endoftext") {
            read.conversations.push(Vec::new());
        }
    }
    read.finish()
}

/// Role and channel of the opening of a turn.
fn groups<'a>(found: &Captures<'a>) -> (&'a str, &'a str) {
    let group = |number: usize| found.get(number).map(|group| group.as_str().trim());
    let role = group(1).or_else(|| group(3)).unwrap_or("assistant");
    (role, group(2).unwrap_or_default())
}

#[derive(Default)]
struct Read {
    conversations: Vec<Vec<Value>>,
    user: bool,
    assistant: bool,
}

impl Read {
    /// Adds a turn; `None` if its role is not known.
    fn push(&mut self, role: &str, channel: &str, words: &str) -> Option<()> {
        if let Some(found) = SYSTEM.captures(words) {
            self.push("system", "", &found[1])?;
            return self.push(role, channel, &words[found[0].len()..]);
        }
        let words = words.trim();
        let called =
            [channel, role].into_iter().find_map(|part| part.split_once("to=")).map(|(_, name)| name.trim());
        let (said_by, kind) = match role {
            "INST" | "Instruction" => (NodeRole::User, BlockKind::Text),
            "/INST" | "Response" => (NodeRole::Assistant, BlockKind::Text),
            "SYSTEM_PROMPT" => (NodeRole::System, BlockKind::Text),
            _ if role.contains('.') && called.is_some() => (NodeRole::Tool, BlockKind::ToolResult),
            _ => names::role(role.split_whitespace().next().unwrap_or_default())?,
        };
        if words.is_empty() {
            return Some(());
        }
        let is_text = kind == BlockKind::Text && matches!(channel, "" | "final");
        self.user |= said_by == NodeRole::User && is_text;
        self.assistant |= said_by == NodeRole::Assistant && is_text;
        let message = match said_by {
            NodeRole::Tool => json!({ "role": "tool", "content": words }),
            NodeRole::User => json!({ "role": "user", "content": words }),
            NodeRole::System => json!({ "role": "system", "content": words }),
            NodeRole::Assistant => match called {
                Some(name) => {
                    json!({ "role": "assistant", "tool_calls": [{ "name": name, "arguments": words }] })
                }
                None => json!({ "role": "assistant", "channel": channel, "content": words }),
            },
        };
        match self.conversations.last_mut() {
            // A system message behind an answer begins another conversation.
            Some(last) if said_by != NodeRole::System || last.iter().all(|m| m["role"] == "system") => {
                last.push(message)
            }
            _ => self.conversations.push(vec![message]),
        }
        Some(())
    }

    fn finish(mut self) -> Option<Vec<Vec<Value>>> {
        self.conversations.retain(|messages| !messages.is_empty());
        (self.user && self.assistant).then_some(self.conversations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<Vec<Vec<(String, String)>>> {
        let pair = |message: &Value| {
            let of = |key: &str| string(message, key).unwrap_or_default().to_owned();
            (of("role") + &of("channel"), of("content"))
        };
        Some(conversations(text)?.iter().map(|messages| messages.iter().map(pair).collect()).collect())
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(who, what)| ((*who).to_owned(), (*what).to_owned())).collect()
    }

    #[test]
    fn a_whole_text_in_a_template_is_a_conversation() {
        let expected = Some(vec![pairs(&[
            ("system", "Be brief."),
            ("user", "Why dikes?"),
            ("assistant", "The sea is\n\nhigher."),
        ])]);
        for text in [
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhy dikes?<|im_end|>\n<|im_start|>assistant\nThe sea is\n\nhigher.<|im_end|>\n<|im_start|>assistant\n",
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nWhy dikes?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nThe sea is\n\nhigher.<|eot_id|>",
            "<bos><start_of_turn>system\nBe brief.<end_of_turn>\n<start_of_turn>user\nWhy dikes?<end_of_turn>\n<start_of_turn>model\nThe sea is\n\nhigher.<end_of_turn>\n",
            "<|system|>\nBe brief.</s>\n<|user|>\nWhy dikes?</s>\n<|assistant|>\nThe sea is\n\nhigher.</s>",
            "<｜begin▁of▁sentence｜>Be brief.<｜User｜>Why dikes?<｜Assistant｜>The sea is\n\nhigher.<｜end▁of▁sentence｜>",
            "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nWhy dikes? [/INST] The sea is\n\nhigher. </s>",
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }

    #[test]
    fn channels_are_told_apart() {
        let text = "<|start|>user<|message|>Why dikes?<|end|><|start|>assistant<|channel|>analysis<|message|>Hm.<|end|>\
            <|start|>assistant<|channel|>commentary to=functions.sea<|constrain|>json<|message|>{}<|call|>\
            <|start|>functions.sea to=assistant<|channel|>commentary<|message|>high<|end|><|start|>assistant<|channel|>final<|message|>The sea.<|return|>";
        let expected = pairs(&[
            ("user", "Why dikes?"),
            ("assistantanalysis", "Hm."),
            ("assistant", ""),
            ("tool", "high"),
            ("assistantfinal", "The sea."),
        ]);
        assert_eq!(said(text), Some(vec![expected]));
    }

    #[test]
    fn rows_with_one_text_are_read_and_other_texts_are_not() {
        let count = |row: Value| {
            of_row(&row).map(|conversations| conversations.iter().map(Vec::len).collect::<Vec<_>>())
        };
        assert_eq!(count(json!({ "text": "### Human: Why dikes?### Assistant: The sea." })), Some(vec![2]));
        assert_eq!(
            count(
                json!({ "text": "A chat. USER: Why dikes? ASSISTANT: The sea.</s>USER: And? ASSISTANT: Wind.</s>" })
            ),
            Some(vec![5])
        );
        let asked = "<|im_start|>user\nWhy dikes?<|im_end|>\n<|im_start|>assistant\n";
        assert_eq!(count(json!({ "prompt": asked, "completion": "The sea.<|im_end|>" })), Some(vec![2]));
        for row in [
            json!({ "text": "Dikes keep the sea out." }),
            json!({ "text": "Write it as: <|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\nSo.<|im_end|>" }),
            json!({ "prompt": "Why dikes?", "completion": "The sea." }),
            json!({ "role": "user", "content": asked }),
        ] {
            assert_eq!(count(row.clone()), None, "{row}");
        }
        for text in [
            "Templates:\n<|im_start|>user\nWhy?<|im_end|>",
            "<|im_start|>user\nOnly one side.<|im_end|>",
            "Human: Why?\n\nAssistant: So.",
        ] {
            assert_eq!(said(text), None, "{text}");
        }
    }
}
