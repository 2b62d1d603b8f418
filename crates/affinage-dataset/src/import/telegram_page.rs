//! The pages of Telegram's export in HTML: its messages as the export in JSON has them.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value, json};

use super::html;
use super::pages::{CLASS, TAG, element_end};

/// `05.01.2026 10:00:00 UTC+01:00`, the time of a message.
static TIME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"title="(\d{2})\.(\d{2})\.(\d{4}) (\d{2}:\d{2}:\d{2})(?: UTC([+-]\d{2}:\d{2}))?"#)
        .expect("a valid pattern")
});
/// `5 January 2026`, the line between two days.
static DAY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\d{1,2}\.? \p{L}+\.? \d{4}$").expect("a valid pattern"));

/// The messages of a page; `None` if it is none of Telegram's.
pub fn messages(page: &str) -> Option<Vec<Value>> {
    if !page.contains(r#"class="from_name""#) || !page.contains(r#"class="history""#) {
        return None;
    }
    let mut messages = Vec::new();
    let mut speaker = String::new();
    let mut at = 0;
    while let Some(found) = TAG.captures_at(page, at) {
        let whole = found.get(0)?;
        at = whole.end();
        let classes = classes_of(whole.as_str());
        if !classes.iter().any(|class| class == "message") {
            continue;
        }
        let end = element_end(page, whole.end(), &found[1]);
        let inside = &page[whole.end()..end];
        at = end;
        messages.extend(match classes.iter().any(|class| class == "service") {
            true => service(inside),
            false => Some(message(inside, whole.as_str(), &mut speaker)),
        });
    }
    (!messages.is_empty()).then_some(messages)
}

/// The name of the chat, which stands above the messages of every page.
pub fn title(page: &str) -> Option<String> {
    let header = element(page, "page_header")?;
    Some(html::shown(element(header, "text")?).trim().to_owned()).filter(|title| !title.is_empty())
}

fn service(inside: &str) -> Option<Value> {
    let words = html::shown(inside).trim().to_owned();
    (!words.is_empty() && !DAY.is_match(&words))
        .then(|| json!({ "type": "service", "action": words, "from": "" }))
}

fn message(inside: &str, tag: &str, speaker: &mut String) -> Value {
    let forwarded = element(inside, "forwarded");
    let own = forwarded
        .map_or(inside, |forwarded| &inside[..forwarded.as_ptr() as usize - inside.as_ptr() as usize]);
    // What the same person says next has no name.
    if let Some(name) = element(own, "from_name") {
        *speaker = html::shown(name).trim().to_owned();
    }
    let mut fields = Map::new();
    fields.insert("type".to_owned(), Value::from("message"));
    fields.insert("from".to_owned(), Value::from(speaker.as_str()));
    if let Some((_, id)) = tag.split_once("id=\"") {
        fields.insert("id".to_owned(), Value::from(id.split('"').next().unwrap_or_default()));
    }
    if let Some(time) = TIME.captures(inside) {
        let zone = time.get(5).map_or("Z", |zone| zone.as_str());
        let text = format!("{}-{}-{}T{}{zone}", &time[3], &time[2], &time[1], &time[4]);
        fields.insert("date".to_owned(), Value::from(text));
    }
    if let Some(name) = forwarded.and_then(|forwarded| element(forwarded, "from_name")) {
        // The time of the other message stands behind the name.
        let name = html::shown(name.split("<span").next().unwrap_or(name)).trim().to_owned();
        fields.insert("forwarded_from".to_owned(), Value::from(name));
    }
    let text = element(inside, "text").map(|text| html::shown(text).trim().to_owned()).unwrap_or_default();
    fields.insert("text".to_owned(), Value::from(text));
    if let Some(poll) = element(inside, "media_poll") {
        fields.insert("poll".to_owned(), json!({ "question": html::shown(poll).trim() }));
    } else if element(inside, "media_call").is_some() {
        fields.insert("type".to_owned(), Value::from("service"));
        fields.insert("action".to_owned(), Value::from("phone_call"));
    } else if let Some(media) = element(inside, "media_wrap") {
        let name = element(media, "title").map(|title| html::shown(title).trim().to_owned());
        fields.insert("file".to_owned(), Value::from(name.unwrap_or_else(|| "photo".to_owned())));
    }
    Value::Object(fields)
}

fn classes_of(tag: &str) -> Vec<String> {
    let found = CLASS.captures(tag);
    found.map(|found| found[1].split_whitespace().map(str::to_owned).collect()).unwrap_or_default()
}

/// What stands inside of the first element of this class.
fn element<'a>(within: &'a str, class: &str) -> Option<&'a str> {
    TAG.captures_iter(within).find_map(|found| {
        let whole = found.get(0)?;
        let is_it = classes_of(whole.as_str()).iter().any(|own| own == class);
        is_it.then(|| &within[whole.end()..element_end(within, whole.end(), &found[1])])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_a_page_have_names_and_times() {
        let page = r#"<div class="history">
 <div class="message service" id="message-1"><div class="body details">5 January 2026</div></div>
 <div class="message default clearfix" id="message1"><div class="pull_left userpic_wrap"><div class="userpic"><div class="initials">T</div></div></div>
  <div class="body"><div class="pull_right date details" title="05.01.2026 10:00:00 UTC+01:00">10:00</div><div class="from_name">Tove </div><div class="text">Why <strong>reeds</strong>?<br>Tell me.</div></div></div>
 <div class="message default clearfix joined" id="message2"><div class="body"><div class="pull_right date details" title="05.01.2026 10:01:00 UTC+01:00">10:01</div><div class="media_wrap clearfix"><div class="media clearfix pull_left media_voice_message"><div class="body"><div class="title bold">Voice message</div></div></div></div></div></div>
 <div class="message service" id="message3"><div class="body details">Ole pinned this message</div></div>
 <div class="message default clearfix" id="message4"><div class="body"><div class="from_name">Ole</div><div class="forwarded body"><div class="from_name">Reed News <span class="date details" title="01.01.2026 09:00:00">1</span></div><div class="text">Buy reeds.</div></div></div></div>
</div>"#;
        let expected = json!([
            { "type": "message", "from": "Tove", "id": "message1", "date": "2026-01-05T10:00:00+01:00", "text": "Why **reeds**?\nTell me." },
            { "type": "message", "from": "Tove", "id": "message2", "date": "2026-01-05T10:01:00+01:00", "text": "", "file": "Voice message" },
            { "type": "service", "action": "Ole pinned this message", "from": "" },
            { "type": "message", "from": "Ole", "id": "message4", "date": "2026-01-01T09:00:00Z", "forwarded_from": "Reed News", "text": "Buy reeds." },
        ]);
        assert_eq!(messages(page).map(Value::from), Some(expected));
        assert_eq!(messages("<div class=\"history\">A mill</div>"), None);
    }
}
