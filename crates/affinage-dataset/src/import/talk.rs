//! Texts of chats whose speakers cannot be told. They are no notes: taken as such, the words of a program would be learnt
//! as a person's own.

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
    is_talk
        .then_some(
            "a log of a chat, of which it cannot be told who wrote what: take the product's own session file",
        )
        .or_else(|| of_name(name))
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
        assert!(of_text("Sign in to go on", "export/conversations.json").is_some());
        assert!(of_page("<div class=\"message service\">July</div>", "a/log.html").is_some());
        assert!(of_page("<h1>Archive</h1>", "Takeout/index.html").is_some());
        for (text, name) in [("> Who digs?\n\nThe village.", "canal.md"), ("A message.", "notes.txt")] {
            assert_eq!(of_text(text, name), None, "{text}");
        }
        assert_eq!(of_page("<p class=\"note\">Canal</p>", "notes/canal.html"), None);
    }
}
