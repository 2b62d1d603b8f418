//! Google's My Activity, as JSON and as a page: Markdown becomes HTML on the way out.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::corpus::Chat;
use crate::exports::array;

/// Time of a turn: the turns of a chat are a minute apart, the chats two hours.
fn time(chat: usize, turn: usize) -> Timestamp {
    Timestamp::from_second(1_770_000_000 + 7200 * chat as i64 + 60 * turn as i64).expect("a time")
}

pub fn as_json(chats: &[Chat]) -> Vec<u8> {
    let mut records: Vec<Value> = Vec::new();
    for (number, chat) in chats.iter().enumerate() {
        for (index, turn) in chat.turns.iter().enumerate() {
            let items: Vec<Value> = turn.answers.iter().map(|a| json!({ "html": html(&a.text) })).collect();
            records.push(json!({ "header": "Gemini Apps", "title": format!("Prompted {}", turn.prompt), "products": ["Gemini Apps"],
                "time": time(number, index).to_string(), "activityControls": ["Gemini Apps Activity"], "safeHtmlItem": items }));
        }
    }
    records.push(json!({ "header": "Gemini Apps", "title": "Created Gemini Canvas titled HIDDEN", "products": ["Gemini Apps"],
        "time": "2025-01-01T00:00:00.000Z" }));
    records.reverse();
    array(&records)
}

pub fn as_page(chats: &[Chat]) -> Vec<u8> {
    let mut records = Vec::new();
    for (number, chat) in chats.iter().enumerate() {
        for (index, turn) in chat.turns.iter().enumerate() {
            let answer = html(&turn.answers.last().expect("an answer").text);
            let date = time(number, index).strftime("%b %-d, %Y, %-I:%M:%S %p UTC").to_string();
            let title = "<div class=\"header-cell mdl-cell mdl-cell--12-col\"><p class=\"mdl-typography--title\">Gemini Apps<br></p></div>";
            let cell = "content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1";
            let caption = "content-cell mdl-cell mdl-cell--12-col mdl-typography--caption";
            records.push(format!(
                "<div class=\"outer-cell mdl-cell mdl-cell--12-col mdl-shadow--2dp\"><div class=\"mdl-grid\">{title}<div \
                 class=\"{cell}\">Prompted&nbsp;{}<br>{date}<br>{answer}<br></div><div class=\"{cell} mdl-typography--text-right\"></div>\
                 <div class=\"{caption}\"><b>Products:</b><br>&emsp;Gemini Apps<br></div></div></div>",
                escaped(&turn.prompt)
            ));
        }
    }
    records.reverse();
    let style = "<style>.outer { color: red }</style>";
    format!("<html><head><title>My Activity History</title>{style}</head><body><div class=\"mdl-grid\">{}</div></body></html>", records.concat())
        .into_bytes()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// The HTML of the generator's Markdown.
fn html(text: &str) -> String {
    text.split("\n\n").map(block).collect()
}

fn block(block: &str) -> String {
    let lines: Vec<&str> = block.lines().collect();
    let items = |strip: fn(&str) -> &str| -> String {
        lines.iter().map(|line| format!("<li>{}</li>", escaped(strip(line)))).collect()
    };
    let first = lines.first().copied().unwrap_or_default();
    if let Some(code) = block.strip_prefix("```").and_then(|code| code.strip_suffix("\n```")) {
        let (language, code) = code.split_once('\n').unwrap_or(("", code));
        format!("<pre><code class=\"language-{language}\">{}\n</code></pre>", escaped(code))
    } else if first.starts_with("1. ") {
        format!("<ol>{}</ol>", items(|line| line.split_once(". ").map_or(line, |(_, item)| item)))
    } else if first.starts_with("- ") {
        format!("<ul>{}</ul>", items(|line| line.trim_start_matches("- ")))
    } else if first.starts_with('|') {
        let rows = lines.iter().filter(|line| !line.starts_with("|--")).map(|line| {
            let cells =
                line.trim_matches('|').split('|').map(|cell| format!("<td>{}</td>", escaped(cell.trim())));
            format!("<tr>{}</tr>", cells.collect::<String>())
        });
        format!("<table>{}</table>", rows.collect::<String>())
    } else if let Some(quote) = block.strip_prefix("> ") {
        format!("<blockquote><p>{}</p></blockquote>", escaped(quote))
    } else if let Some(heading) = block.strip_prefix("## ") {
        format!("<h2>{}</h2>", escaped(heading))
    } else {
        format!("<p>{}</p>", escaped(block).replace('\n', "<br>\n"))
    }
}
