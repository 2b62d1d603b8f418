//! Texts of chats whose speakers cannot be told. They are no notes: taken as such, the words of a program would be learnt
//! as a person's own.

use std::sync::LazyLock;

use regex::Regex;

use super::fences::{self, Unclosed};
use super::mail;

/// Elements by which a page shows messages.
const MESSAGES: [&str; 4] =
    ["class=\"message", "class=\"from_name", "data-message-author-role", "data-message-id"];

/// Why a page without a conversation that can be read is no page of notes.
pub(super) fn of_page(page: &str, name: &str) -> Option<&'static str> {
    if MESSAGES.iter().any(|mark| page.contains(mark)) {
        return Some(
            "a page that shows messages, of which it cannot be told who wrote them: take the export as JSON",
        );
    }
    let is_takeout = name.split('/').any(|folder| folder == "Takeout");
    is_takeout.then_some("a page of a Takeout that is no record of activity").or_else(|| of_name(name))
}

/// Why a text without speakers is no note.
pub(super) fn of_text(text: &str, name: &str) -> Option<&'static str> {
    // The signs that Claude Code puts before a turn, and the properties of a chat in Org mode.
    let is_sign = |line: &str| line.starts_with('\u{23fa}') || line.trim_start().starts_with(":GPTEL_");
    let is_talk = text.lines().any(is_sign);
    if mail::is_thread(text) {
        return Some(
            "a thread of mails, which several people wrote: copy your own words into a .md file, or write who speaks before \
             each part (`Mara: ...`), without the lines of the mail's head, and give their roles",
        );
    }
    (is_talk || has_marks(text))
        .then_some(
            "a log of a chat, of which it cannot be told who wrote what: take the product's own session file",
        )
        .or_else(|| of_name(name))
}

/// Marks with which templates and exporters part the turns of a chat, and what they say of themselves.
static MARKS: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?im)^[^\w\n`]*(?:CHAT: \[\d{4}-|role::\w+|<\|(?:im_start|start|start_header_id|user|assistant|system|begin_of_text)\|>",
        r"|<start_of_turn>|\[INST\]|<s>\s*\[INST\])|__chatgpt_plugin|src=.[^\n>]*pplx|class=.chat-message|data-message-author-role",
    );
    Regex::new(pattern).expect("the pattern is part of the program")
});
/// A line of an exporter that names an assistant, or says that this is a chat.
static EXPORTED: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?im)^[\s*_>#-]{0,8}(?:this (?:chat|conversation) was )?(?:exported|saved|downloaded|generated|exportiert|exporté|exportado|esportato)\b[^\n]{0,100}",
        r"\b(?:chatgpt|openai|claude|anthropic|gemini|bard|copilot|deepseek|grok|perplexity|mistral|le chat|kimi|qwen|doubao|poe|cursor|windsurf",
        r"|chat export(?:er)?|ai chat|chat with)\b",
    );
    Regex::new(pattern).expect("the pattern is part of the program")
});

/// True if lines outside of code show that a program parted the text into turns, or exported it from a chat.
fn has_marks(text: &str) -> bool {
    if !MARKS.is_match(text) && !EXPORTED.is_match(text) {
        return false;
    }
    let lines: Vec<&str> = text.lines().collect();
    let is_code = fences::inside(&lines, Unclosed::ToTheEnd);
    let outside = lines.iter().zip(is_code).filter(|(_, is_code)| !is_code).map(|(line, _)| line);
    outside.into_iter().any(|line| MARKS.is_match(line) || EXPORTED.is_match(line))
}

/// A file that is called data and holds a text: most often the page of an error or of a sign-in.
fn of_name(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let is_data = [".json", ".jsonl", ".ndjson"].iter().any(|ending| name.ends_with(ending));
    is_data.then_some(
        "a text or a page (HTML) and no JSON, as its name says: download the export again, signed in",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chats_without_speakers_are_no_notes() {
        let log = "> Who digs the canal?\n\n\u{23fa} The village does.\n";
        assert!(of_text(log, "canal.txt").is_some());
        assert!(of_text(":PROPERTIES:\n:GPTEL_MODEL: x\n:END:\n\n* Canal\n\nDug.", "canal.org").is_some());
        for text in [
            "<|im_start|>user\nWho digs?<|im_end|>",
            "[INST] Who digs? [/INST] The village.",
            "> _Exported on 3 May from Cursor (1.2)_\n\nThe village digs.",
            "### role::reader\n\n<hr class=\"__chatgpt_plugin\">\n\nThe village.",
        ] {
            assert!(of_text(text, "canal.md").is_some(), "{text}");
        }
        let told = "Templates part turns:\n\n```\n<|im_start|>user\n```\n\nand write `[INST]` in others.";
        assert_eq!(of_text(told, "templates.md"), None);
        assert!(of_text("Sign in to go on", "export/conversations.json").is_some());
        assert!(of_page("<div class=\"message service\">July</div>", "a/log.html").is_some());
        assert!(of_page("<h1>Archive</h1>", "Takeout/index.html").is_some());
        for (text, name) in [("> Who digs?\n\nThe village.", "canal.md"), ("A message.", "notes.txt")] {
            assert_eq!(of_text(text, name), None, "{text}");
        }
        assert_eq!(of_page("<p class=\"note\">Canal</p>", "notes/canal.html"), None);
    }
}
