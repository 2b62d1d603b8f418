//! A table (CSV) with a message in each row: who said it, what was said, and perhaps when and in which conversation.

use csv::ReaderBuilder;
use serde_json::{Map, Value};

use super::chat::names;
use super::role_words::obvious_role;
use crate::conversation::{BlockKind, NodeRole};

/// Columns that say who spoke.
#[rustfmt::skip]
const WHO: [&str; 27] = [
    "author", "role", "sender", "from", "speaker", "participant", "actor", "sendername", "authorrole", "rolle", "absender", "sprecher", "rôle", "auteur",
    "expéditeur", "autor", "rol", "remitente", "ruolo", "mittente", "papel", "remetente", "afzender", "роль", "автор", "отправитель", "角色",
];
/// Columns that hold the words, and the time, in other languages.
#[rustfmt::skip]
const WORDS: [&str; 16] = [
    "nachricht", "inhalt", "contenu", "mensaje", "contenido", "messaggio", "testo", "contenuto", "mensagem", "conteúdo", "bericht", "wiadomość", "treść",
    "сообщение", "消息", "内容",
];
#[rustfmt::skip]
const WHEN: [&str; 12] = ["datum", "zeit", "uhrzeit", "zeitstempel", "heure", "fecha", "hora", "ora", "tijd", "czas", "дата", "时间"];
/// Columns that name the conversation.
const THREAD: [&str; 8] =
    ["conversation", "chat", "thread", "session", "topic", "title", "conversationname", "conversationtitle"];
const MAX_ROWS: usize = 500_000;

/// The rows of such a table as messages, oldest first; `None` if the text is something else.
pub(super) fn messages(text: &str) -> Option<Vec<Value>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let head = text.lines().next().filter(|head| head.len() <= 1000)?;
    let count = |sign: u8| head.bytes().filter(|byte| *byte == sign).count();
    let delimiter = [b',', b';', b'\t', b'|'].into_iter().max_by_key(|sign| count(*sign))?;
    let mut reader = ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
    let columns: Vec<String> = reader.headers().ok()?.iter().map(plain).collect();
    let column = |known: &[&str]| {
        known.iter().find_map(|name| columns.iter().position(|column| *column == plain(name)))
    };
    let who = column(&WHO)?;
    let words = column(names::TEXTS).or_else(|| column(&WORDS)).filter(|words| *words != who)?;
    let thread = column(names::THREADS).or_else(|| column(&THREAD)).filter(|at| *at != words);
    let (time, model) = (column(names::TIMES).or_else(|| column(&WHEN)), column(names::MODELS));
    let mut rows = Vec::new();
    for row in reader.records().take(MAX_ROWS) {
        // A row with another number of fields: this is no table.
        let row = row.ok()?;
        let cell = |at: Option<usize>| at.and_then(|at| row.get(at)).filter(|cell| !cell.is_empty());
        let mut message = Map::new();
        let speaker = cell(Some(who)).unwrap_or_default();
        let role = names::role(speaker).map(|(role, _)| role).or_else(|| obvious_role(speaker));
        match role {
            _ if names::role(speaker).is_some_and(|(_, kind)| kind != BlockKind::Text) => {
                message.insert("role".to_owned(), Value::from(speaker))
            }
            Some(NodeRole::User) => message.insert("role".to_owned(), Value::from("user")),
            Some(NodeRole::Assistant) => message.insert("role".to_owned(), Value::from("assistant")),
            Some(NodeRole::System) => message.insert("role".to_owned(), Value::from("system")),
            _ => message.insert("sender".to_owned(), Value::from(speaker)),
        };
        for (name, at) in
            [("content", Some(words)), ("thread_id", thread), ("timestamp", time), ("model", model)]
        {
            message.extend(cell(at).map(|cell| (name.to_owned(), Value::from(cell))));
        }
        rows.push(Value::Object(message));
    }
    oldest_first(&mut rows);
    (!rows.is_empty()).then_some(rows)
}

/// A name without case and separators.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Turns over a table that begins with an answer and ends with a prompt, and whose times do not say the order: tables that
/// programs write for people have the newest row first.
fn oldest_first(rows: &mut [Value]) {
    let times: Vec<f64> =
        rows.iter().filter_map(|row| row.get("timestamp").and_then(names::time_s)).collect();
    // One order holds for the whole table, also where two rows have the same time.
    let count = |is: fn(f64, f64) -> bool| times.windows(2).filter(|pair| is(pair[0], pair[1])).count();
    let (rises, falls) = (count(|a, b| a < b), count(|a, b| a > b));
    if falls > 0 && rises == 0 && times.len() == rows.len() {
        return rows.reverse();
    }
    let say_order = rises + falls > 0;
    let is =
        |row: Option<&Value>, role: &str| row.is_some_and(|row| row.get("role").is_some_and(|r| r == role));
    if !say_order && is(rows.first(), "assistant") && is(rows.last(), "user") {
        rows.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<Vec<(String, String)>> {
        let shown =
            |row: &Value, key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let who = |row: &Value| shown(row, "role") + &shown(row, "sender");
        Some(messages(text)?.iter().map(|row| (who(row), shown(row, "content"))).collect())
    }

    #[test]
    fn a_row_is_a_message() {
        let pairs = |list: &[(&str, &str)]| {
            Some(list.iter().map(|(who, what)| ((*who).to_owned(), (*what).to_owned())).collect::<Vec<_>>())
        };
        let expected =
            pairs(&[("user", "Who keeps the ferry,\nand \"why\"?"), ("assistant", "A widow; it was his.")]);
        for text in [
            "\u{feff}Session;Sender;Text\r\n1;Human;\"Who keeps the ferry,\nand \"\"why\"\"?\"\r\n1;AI;\"A widow; it was his.\"\r\n",
            "when\tauthor\tmessage\nx\tChatGPT\tA widow; it was his.\nx\tYou\t\"Who keeps the ferry,\nand \"\"why\"\"?\"\n",
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
        let people = said("from,body\nMara,Here\nTove,There\n");
        assert_eq!(people, pairs(&[("Mara", "Here"), ("Tove", "There")]));
        let newest_first = "Rolle;Datum;Nachricht\nAI;2026-03-02T10:00:00Z;A widow.\nHuman;2026-03-02T10:00:00Z;Who?\nAI;2026-03-01T10:00:00Z;Here.\nHuman;2026-03-01T10:00:00Z;Where?\n";
        assert_eq!(
            said(newest_first),
            pairs(&[("user", "Where?"), ("assistant", "Here."), ("user", "Who?"), ("assistant", "A widow.")])
        );
        for other in [
            "prompt,response\na,b\n",
            "author,title\na,b\n",
            "from,body\nonly one\n",
            "Dear author, from here\nall is well.\n",
        ] {
            assert_eq!(said(other), None, "{other}");
        }
    }
}
