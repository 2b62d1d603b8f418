//! Google's My Activity of Gemini, as JSON or as a page.
//!
//! A record is one prompt with its answers as HTML, newest first, without the conversation it belongs to: records less
//! than half an hour apart are taken for one conversation, and the import says so. Several answers are regenerations.
//! Records that say "good response" or "bad response" rate the answer before them. The verb around the prompt is in the
//! language of the account.

use serde_json::Value;

use super::activity_label::Labels;
use super::activity_time::page_time;
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
    /// The conversation, where its address is next to the record.
    thread: Option<String>,
    origin: Origin,
}

/// The id in `https://gemini.google.com/app/ID`.
fn thread_of(element: &Value) -> Option<String> {
    let details = element.get("details").and_then(Value::as_array).into_iter().flatten();
    let places = [string(element, "titleUrl")]
        .into_iter()
        .chain(details.map(|item| string(item, "url").or(string(item, "name"))));
    places.flatten().find_map(|url| {
        let (_, id) = url.split_once("gemini.google.com/")?.1.split_once("app/")?;
        let id: String = id.chars().take_while(char::is_ascii_alphanumeric).collect();
        (id.len() >= 8).then_some(id)
    })
}

/// `{"header", "title", "time", "products", "safeHtmlItem": [{"html"}]}`; `None` if it is something else.
pub fn record(element: &Value, origin: &Origin) -> Option<Record> {
    let title = string(element, "title")?;
    string(element, "header")?;
    element.get("products")?.as_array()?;
    let list = |key: &str| element.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let answers = list("safeHtmlItem").iter().filter_map(|item| string(item, "html")).map(html::markdown);
    let is_file = |name: &str| name.trim_start().starts_with('-');
    let named = list("subtitles").iter().filter(|s| string(s, "name").is_some_and(is_file)).count();
    let attachments = named.max(list("attachedFiles").len());
    Some(Record {
        title: title.to_owned(),
        answers: answers.filter(|answer| !answer.is_empty()).collect(),
        time_s: string(element, "time").and_then(rfc3339_s),
        attachments: attachments.max(usize::from(element.get("imageFile").is_some())),
        thread: thread_of(element),
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

/// `VERB PROMPT<br>Attached 1 file.<br>-  NAME<br>DATE<br>ANSWER`, in the account's language.
fn page_record(cell: &str, origin: Origin) -> Option<Record> {
    let mut lines: Vec<(&str, String)> = Vec::new();
    let mut rest = cell;
    loop {
        let (line, after) = rest.split_once("<br>").unwrap_or((rest, ""));
        let shown = html::markdown(line);
        if let Some(time_s) = page_time(&shown) {
            let answer = html::markdown(after);
            let attachments = attachments(&lines);
            let asked = lines.len() - attachments - usize::from(attachments > 0 && lines.len() > attachments);
            let title: Vec<String> = lines.drain(..asked).enumerate().map(title_line).collect();
            return Some(Record {
                title: title.join("\n"),
                answers: Some(answer).filter(|answer| !answer.is_empty()).into_iter().collect(),
                time_s,
                attachments,
                thread: None,
                origin,
            });
        }
        lines.push((line, shown));
        if after.is_empty() {
            return None;
        }
        rest = after;
    }
}

/// The first line keeps the no-break space that the page puts between verb and prompt.
fn title_line((index, (raw, shown)): (usize, (&str, String))) -> String {
    let parts =
        raw.split_once("&nbsp;").or_else(|| raw.split_once('\u{a0}')).filter(|(verb, _)| !verb.contains('<'));
    match parts.filter(|_| index == 0) {
        Some((verb, prompt)) => format!("{}\u{a0}{}", html::markdown(verb), html::markdown(prompt)),
        None => shown,
    }
}

/// Files named at the end of a prompt, a line each, below a short line that gives their number.
fn attachments(lines: &[(&str, String)]) -> usize {
    const MAX_CHARS: usize = 80;
    let is_file = |line: &&(&str, String)| line.1.starts_with("- ") || line.1 == "-";
    let count = lines.iter().rev().take_while(is_file).count();
    let Some((_, above)) = lines.len().checked_sub(count + 1).map(|index| &lines[index]) else { return 0 };
    let numbers = above.split(|c: char| c.to_digit(10).is_none() && !c.is_numeric());
    let says_number = numbers.filter(|n| !n.is_empty()).any(|n| n == count.to_string() || !n.is_ascii());
    let are_links = lines[lines.len() - count..].iter().all(|(raw, _)| raw.contains("<a "));
    if count > 0 && above.chars().count() <= MAX_CHARS && (says_number || are_links) { count } else { 0 }
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

/// Conversations of records, oldest first, and what the user should know about them.
pub fn conversations(mut records: Vec<Record>) -> (Vec<Conversation>, Vec<String>) {
    // The files have the newest first; records without a time keep that order.
    records.reverse();
    records.sort_by(|a, b| a.time_s.unwrap_or(0.0).total_cmp(&b.time_s.unwrap_or(0.0)));
    let titles: Vec<&str> =
        records.iter().filter(|r| !r.answers.is_empty()).map(|r| r.title.as_str()).collect();
    let labels = Labels::learn(&titles);
    let mut found: Vec<Vec<Exchange>> = Vec::new();
    let (mut passed_over, mut inferred) = (0, false);
    for record in records {
        let (Some(prompt), false) = (labels.prompt(&record.title), record.answers.is_empty()) else {
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
            thread: record.thread,
            origin: record.origin,
        };
        if exchange.thread.is_some() {
            let own = found.iter_mut().find(|session| session[0].thread == exchange.thread);
            match own {
                Some(session) => session.push(exchange),
                None => found.push(vec![exchange]),
            }
            continue;
        }
        inferred = true;
        let last = found.last().and_then(|session| session.last()).and_then(|exchange| exchange.time_s);
        match (last, exchange.time_s, found.last_mut()) {
            (Some(before), Some(now), Some(session)) if now - before < GAP_S => session.push(exchange),
            _ => found.push(vec![exchange]),
        }
    }
    let mut notes = Vec::new();
    if inferred {
        notes.push(format!(
            "conversations inferred: {}; My Activity does not say which prompts belong together, so a pause of half an hour \
             begins another one",
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

struct Exchange {
    prompt: String,
    answers: Vec<String>,
    feedback: Option<Feedback>,
    /// Index of the answer the user chose among drafts.
    preferred: Option<usize>,
    time_s: Option<f64>,
    attachments: usize,
    thread: Option<String>,
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
