//! Google's My Activity of Gemini, as JSON or as a page.
//!
//! A record is one prompt with its answers as HTML, newest first, without the conversation it belongs to: records less
//! than half an hour apart are taken for one conversation, and the import says so. Several answers are regenerations.
//! Records that say "good response" or "bad response" rate the answer before them. The verb before the prompt is in the
//! language of the account.

use std::collections::HashMap;

use serde_json::Value;

use super::html;
use super::json::{rfc3339_s, string};
use crate::conversation::{Block, BlockKind, Conversation, Feedback, Link, Node, NodeRole, Origin, Provider};
use crate::hash::short_hash;

/// Records further apart are two conversations.
const GAP_S: f64 = 30.0 * 60.0;

#[derive(Debug)]
pub struct Record {
    /// Verb and prompt, or what was done.
    title: String,
    answers: Vec<String>,
    time_s: Option<f64>,
    attachments: usize,
    origin: Origin,
}

/// `{"header", "title", "time", "products", "safeHtmlItem": [{"html"}]}`; `None` if it is something else.
pub fn record(element: &Value, origin: &Origin) -> Option<Record> {
    let title = string(element, "title")?;
    string(element, "header")?;
    element.get("products")?.as_array()?;
    let list = |key: &str| element.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let answers = list("safeHtmlItem").iter().filter_map(|item| string(item, "html")).map(html::markdown);
    let is_file = |name: &str| name.trim_start().starts_with('-');
    let attachments = list("subtitles").iter().filter(|s| string(s, "name").is_some_and(is_file)).count();
    Some(Record {
        title: title.to_owned(),
        answers: answers.filter(|answer| !answer.is_empty()).collect(),
        time_s: string(element, "time").and_then(rfc3339_s),
        attachments: attachments.max(usize::from(element.get("imageFile").is_some())),
        origin: origin.clone(),
    })
}

/// The records of a page `MyActivity.html`; `None` if it is another page.
pub fn page(text: &str, origin: &Origin) -> Option<Vec<Record>> {
    const CELL: &str = "content-cell";
    if !text.contains("outer-cell") || !text.contains(CELL) {
        return None;
    }
    let mut records = Vec::new();
    for (number, chunk) in text.split("outer-cell").skip(1).enumerate() {
        // The first cell holds the record, the others its date and product again.
        let Some(cell) = chunk.split_once(CELL).and_then(|(_, rest)| rest.split_once('>')) else { continue };
        let cell = cell.1;
        let inside = &cell[..end_of_div(cell)];
        let origin = Origin { element: number, ..origin.clone() };
        records.extend(page_record(inside, origin));
    }
    Some(records)
}

/// `VERB PROMPT<br>Attached 1 file.<br>-  NAME<br>DATE<br>ANSWER`.
fn page_record(cell: &str, origin: Origin) -> Option<Record> {
    let mut title = Vec::new();
    let mut attachments = 0;
    let mut rest = cell;
    loop {
        let (line, after) = rest.split_once("<br>").unwrap_or((rest, ""));
        let shown = html::markdown(line);
        if let Some(time_s) = page_time(&shown) {
            let answer = html::markdown(after);
            return Some(Record {
                title: title.join("\n"),
                answers: Some(answer).filter(|answer| !answer.is_empty()).into_iter().collect(),
                time_s,
                attachments,
                origin,
            });
        }
        if shown.starts_with("- ") && attachments > 0 || is_attachment_line(&shown) {
            attachments += usize::from(shown.starts_with("- "))
                + usize::from(attachments == 0 && !shown.starts_with("- "));
        } else {
            title.push(shown);
        }
        if after.is_empty() {
            return None;
        }
        rest = after;
    }
}

/// `Attached 1 file.` in the account's language: a word, a number, a word and a full stop.
fn is_attachment_line(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.len() == 3
        && words[1].parse::<usize>().is_ok()
        && line.ends_with('.')
        && words[0].starts_with("Attach")
}

/// Bytes of `html` before the `</div>` that closes what was open before it.
fn end_of_div(html: &str) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(open) = html[at..].find('<').map(|found| at + found) {
        if html[open..].starts_with("</div") {
            if depth == 0 {
                return open;
            }
            depth -= 1;
        } else if html[open..].starts_with("<div") {
            depth += 1;
        }
        at = open + 1;
    }
    html.len()
}

/// `Feb 2, 2026, 8:24:02 AM CET`, `2 Feb 2026, 08:24:02 UTC`, `02.02.2026, 08:24:02 MEZ`. Outer `None`: not a date.
/// Inner `None`: a date in words this does not know.
fn page_time(line: &str) -> Option<Option<f64>> {
    const MAX_CHARS: usize = 60;
    if line.chars().count() > MAX_CHARS {
        return None;
    }
    let words: Vec<&str> =
        line.split([' ', ',', '\u{a0}', '\u{202f}']).filter(|word| !word.is_empty()).collect();
    let clock = words.iter().position(|word| {
        let parts: Vec<&str> = word.split(':').collect();
        parts.len() == 3
            && parts.iter().all(|p| (1..=2).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()))
    })?;
    let year =
        |word: &&&str| word.len() == 4 && word.starts_with("20") && word.bytes().all(|b| b.is_ascii_digit());
    let dotted: Option<Vec<i64>> = words.iter().find_map(|word| {
        let parts: Vec<i64> = word.split(['.', '/', '-']).map(|p| p.parse().ok()).collect::<Option<_>>()?;
        (parts.len() == 3).then_some(parts)
    });
    if dotted.is_none() && words.iter().find(year).is_none() {
        return None;
    }
    Some(seconds(&words, clock, dotted.as_deref()))
}

fn seconds(words: &[&str], clock: usize, dotted: Option<&[i64]>) -> Option<f64> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const ZONES: [(&str, f64); 16] = [
        ("UTC", 0.0),
        ("GMT", 0.0),
        ("WET", 0.0),
        ("BST", 1.0),
        ("CET", 1.0),
        ("MEZ", 1.0),
        ("CEST", 2.0),
        ("MESZ", 2.0),
        ("IST", 5.5),
        ("JST", 9.0),
        ("EST", -5.0),
        ("EDT", -4.0),
        ("CST", -6.0),
        ("CDT", -5.0),
        ("PST", -8.0),
        ("PDT", -7.0),
    ];
    let (year, month, day) = match dotted {
        Some([year, month, day]) if *year > 31 => (*year, *month, *day),
        Some([day, month, year]) => (*year, *month, *day),
        _ => {
            let number = |len: std::ops::RangeInclusive<usize>| {
                words[..clock].iter().filter(|w| len.contains(&w.len())).find_map(|w| w.parse::<i64>().ok())
            };
            let month = words.iter().find_map(|word| {
                let start = word.get(..3)?.to_ascii_lowercase();
                MONTHS.iter().position(|known| *known == start).map(|index| index as i64 + 1)
            })?;
            (number(4..=4)?, month, number(1..=2)?)
        }
    };
    let mut parts = words[clock].split(':').map(str::parse::<i64>);
    let (mut hour, minute, second) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    match words.get(clock + 1).map(|word| word.to_ascii_uppercase()).as_deref() {
        Some("PM") if hour < 12 => hour += 12,
        Some("AM") if hour == 12 => hour = 0,
        _ => {}
    }
    let zone =
        words.last().and_then(|word| ZONES.iter().find(|(name, _)| name == word)).map_or(0.0, |zone| zone.1);
    let utc = rfc3339_s(&format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))?;
    Some(utc - 3600.0 * zone)
}

/// Conversations of records, oldest first, and what the user should know about them.
pub fn conversations(mut records: Vec<Record>) -> (Vec<Conversation>, Vec<String>) {
    // The files have the newest first; records without a time keep that order.
    records.reverse();
    records.sort_by(|a, b| a.time_s.unwrap_or(0.0).total_cmp(&b.time_s.unwrap_or(0.0)));
    let verb = verb(&records);
    let mut found: Vec<Vec<Exchange>> = Vec::new();
    let mut passed_over = 0;
    for record in records {
        let prompt = verb.as_deref().and_then(|verb| record.title.strip_prefix(verb)).map(str::trim);
        let (Some(prompt), false) = (prompt, record.answers.is_empty()) else {
            let last = found.last_mut().and_then(|session| session.last_mut());
            passed_over += usize::from(!last.is_some_and(|exchange| exchange.rate(&record)));
            continue;
        };
        let exchange = Exchange {
            prompt: prompt.to_owned(),
            answers: record.answers,
            feedback: None,
            preferred: None,
            time_s: record.time_s,
            attachments: record.attachments,
            origin: record.origin,
        };
        let last = found.last().and_then(|session| session.last()).and_then(|exchange| exchange.time_s);
        match (last, exchange.time_s, found.last_mut()) {
            (Some(before), Some(now), Some(session)) if now - before < GAP_S => session.push(exchange),
            _ => found.push(vec![exchange]),
        }
    }
    let mut notes = Vec::new();
    if !found.is_empty() {
        notes.push(format!(
            "{} conversations are inferred: My Activity does not say which prompts belong together, so pauses of half an hour \
             part them",
            found.len()
        ));
    }
    if passed_over > 0 {
        notes.push(format!(
            "{passed_over} records of My Activity hold no prompt with an answer and were passed over"
        ));
    }
    (found.into_iter().map(conversation).collect(), notes)
}

/// What stands before the prompts: `Prompted `, or the beginning most titles with an answer share.
fn verb(records: &[Record]) -> Option<String> {
    const KNOWN: [&str; 3] = ["Prompted", "Asked", "Said"];
    const MIN_SHARE: f64 = 0.6;
    let titles: Vec<&str> =
        records.iter().filter(|r| !r.answers.is_empty()).map(|r| r.title.as_str()).collect();
    if let Some(known) = KNOWN.iter().find(|known| titles.iter().any(|title| title.starts_with(**known))) {
        return Some((*known).to_owned());
    }
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for title in &titles {
        // `Eingegebener Prompt: ...` as well as `Pregunta ...`.
        let first = title.find(' ').map(|end| &title[..end]);
        let labelled = title.find(": ").filter(|end| *end < 40).map(|end| &title[..=end]);
        for start in first.into_iter().chain(labelled).collect::<std::collections::HashSet<_>>() {
            *counts.entry(start).or_default() += 1;
        }
    }
    counts
        .into_iter()
        .filter(|(_, count)| *count as f64 >= MIN_SHARE * titles.len() as f64)
        .max_by_key(|(start, count)| (start.len(), *count))
        .map(|(start, _)| start.to_owned())
}

struct Exchange {
    prompt: String,
    answers: Vec<String>,
    feedback: Option<Feedback>,
    /// Index of the answer the user chose among drafts.
    preferred: Option<usize>,
    time_s: Option<f64>,
    attachments: usize,
    origin: Origin,
}

impl Exchange {
    /// Takes a record that says something about this answer; false if it says nothing.
    fn rate(&mut self, record: &Record) -> bool {
        let is_near = match (self.time_s, record.time_s) {
            (Some(then), Some(now)) => now - then < GAP_S,
            _ => true,
        };
        let said = record.title.to_lowercase();
        if !is_near {
            return false;
        }
        if said.contains("good response") {
            self.feedback = Some(Feedback::Up);
        } else if said.contains("bad response") {
            self.feedback = Some(Feedback::Down);
        } else if said.contains("preferred draft") {
            let chosen = record.answers.first();
            let index = chosen.and_then(|chosen| self.answers.iter().position(|answer| answer == chosen));
            self.preferred = Some(index.unwrap_or(0));
            self.feedback = Some(Feedback::Up);
        } else {
            return false;
        }
        true
    }
}

fn conversation(session: Vec<Exchange>) -> Conversation {
    let mut links = Vec::new();
    let mut above: Option<String> = None;
    let mut named: Option<(String, String, Option<f64>, Origin)> = None;
    for exchange in session {
        let time = exchange.time_s.map_or_else(String::new, |time_s| format!("{time_s:.0}"));
        let asked = short_hash(&[&time, &exchange.prompt]);
        let title: String = exchange.prompt.chars().take(60).collect();
        named.get_or_insert((asked.clone(), title, exchange.time_s, exchange.origin));
        let mut blocks = vec![Block::new(BlockKind::Text, exchange.prompt)];
        blocks.extend((0..exchange.attachments).map(|_| Block::named(BlockKind::Media, "", "file")));
        let mut node = Node::new(&asked, NodeRole::User, blocks);
        node.time_s = exchange.time_s;
        links.push(Link::to(node, above.take()));
        let active = exchange.preferred.unwrap_or(exchange.answers.len() - 1);
        for (index, answer) in exchange.answers.into_iter().enumerate() {
            let id = format!("{asked}-{index}");
            let mut node = Node::new(&id, NodeRole::Assistant, vec![Block::new(BlockKind::Text, answer)]);
            node.model = Some("gemini".to_owned());
            node.time_s = exchange.time_s;
            node.feedback = exchange.feedback.filter(|_| index == active);
            links.push(Link::to(node, Some(asked.clone())));
            if index == active {
                above = Some(id);
            }
        }
    }
    let (id, title, time_s, origin) = named.expect("a session has an exchange");
    let mut conversation = Conversation::new(Provider::Gemini, id, origin);
    conversation.title = title;
    conversation.time_s = time_s;
    unique(&mut links);
    conversation.arrange(links, above.as_deref()).expect("a line of distinct ids is a tree");
    conversation
}

/// The same prompt in the same second stands twice: the second is the first again.
fn unique(links: &mut Vec<Link>) {
    let mut seen = std::collections::HashSet::new();
    links.retain(|link| seen.insert(link.id.clone()));
}
