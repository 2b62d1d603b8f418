//! Chats of messengers whose messages stand in several files, and rooms with topics.

use std::io::Cursor;

use affinage_dataset::import::{ImportError, Item, Limits, Roles, Together, import_from_folder};
use serde_json::{Value, json};

use crate::exports::{Outcome, import_bytes, zip_of};

const ASK: &str = "Why does the peat stay wet?";
const ANSWER: &str = "The moss holds it like a sponge.";
const MORE: &str = "How deep is it here?";
const MORE_ANSWER: &str = "Four metres, and older than the village.";

fn ida() -> Roles {
    Roles { assistants: vec!["Ida".to_owned()], ..Roles::default() }
}

fn archive(members: &[(&str, String)]) -> Outcome {
    let members: Vec<(&str, &[u8])> = members.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    import_bytes(&zip_of(&members), &ida()).expect("an archive")
}

/// Keys of the conversations, and prompts with their answers.
type Shown = (Vec<String>, Vec<(String, String)>);

fn shown(outcome: &Outcome) -> Shown {
    let mut keys: Vec<String> = outcome.conversations.iter().map(|c| c.key()).collect();
    let cards = outcome.candidates().into_iter();
    let mut pairs: Vec<_> =
        cards.flat_map(|c| c.variants.into_iter().map(move |v| (c.prompt.clone(), v.text))).collect();
    keys.sort();
    pairs.sort();
    (keys, pairs)
}

fn both() -> Vec<(String, String)> {
    vec![(MORE.to_owned(), MORE_ANSWER.to_owned()), (ASK.to_owned(), ANSWER.to_owned())]
}

fn meta(minute: u64, from: &str, text: &str) -> Value {
    json!({ "sender_name": from, "timestamp_ms": 1_767_600_000_000_u64 + 60_000 * minute, "content": text })
}

fn meta_file(newest_first: &[Value]) -> String {
    json!({ "participants": [{ "name": "Ida" }, { "name": "Ole" }], "messages": newest_first, "title": "Ida", "thread_path": "inbox/ida_7" })
        .to_string()
}

#[test]
fn parts_of_a_thread_are_one_conversation_however_many_files_there_are() {
    let all =
        [meta(9, "Ida", MORE_ANSWER), meta(8, "Ole", MORE), meta(1, "Ida", ANSWER), meta(0, "Ole", ASK)];
    let at = |number: u8| format!("messages/inbox/ida_7/message_{number}.json");
    let in_files = |cuts: &[&[Value]]| {
        let files: Vec<(String, String)> =
            cuts.iter().enumerate().map(|(n, cut)| (at(n as u8 + 1), meta_file(cut))).collect();
        let named: Vec<(&str, String)> =
            files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
        shown(&archive(&named))
    };
    let one = in_files(&[&all]);
    assert_eq!(one.1, both());
    assert_eq!(one.0.len(), 1);
    for cuts in [vec![&all[..1], &all[1..]], vec![&all[..2], &all[2..3], &all[3..]]] {
        assert_eq!(in_files(&cuts), one, "the same conversation with the same key");
    }
    let other =
        json!({ "messages": [meta(0, "Ole", ASK), meta(1, "Ida", ANSWER)], "thread_path": "inbox/ida_8" });
    let two = archive(&[(&at(1), meta_file(&all)), (&at(2), other.to_string())]);
    assert_eq!(two.conversations.len(), 2, "another thread is another conversation");
}

#[test]
fn parts_of_other_messengers() {
    let discord = |from: u64, list: &[(&str, &str)]| {
        let message = |(n, (name, text)): (usize, &(&str, &str))| {
            let time = format!("2026-01-05T10:{:02}:00+00:00", from + n as u64);
            json!({ "id": (from + n as u64).to_string(), "type": "Default", "timestamp": time, "content": text, "author": { "id": name, "name": name } })
        };
        let messages: Vec<Value> = list.iter().enumerate().map(message).collect();
        json!({ "guild": { "id": "1", "name": "Bog" }, "channel": { "id": "2", "name": "peat" }, "messages": messages }).to_string()
    };
    let outcome = archive(&[
        ("Bog - peat [2] [part 1].json", discord(0, &[("ole", ASK), ("Ida", ANSWER), ("ole", MORE)])),
        ("Bog - peat [2] [part 2].json", discord(3, &[("Ida", MORE_ANSWER)])),
    ]);
    assert_eq!((outcome.conversations.len(), shown(&outcome).1), (1, both()));
    let page = |messages: &[(u8, &str, &str)]| {
        let of = |(minute, name, text): &(u8, &str, &str)| {
            format!(
                "<div class=\"message default clearfix\" id=\"message{minute}\"><div class=\"body\"><div class=\"pull_right date details\" title=\"05.01.2026 10:{minute:02}:00\">x</div><div class=\"from_name\">{name}</div><div class=\"text\">{text}</div></div></div>"
            )
        };
        let said: String = messages.iter().map(of).collect();
        format!(
            "<!DOCTYPE html><html><body><div class=\"page_header\"><div class=\"text bold\">Ida</div></div><div class=\"history\">{said}</div></body></html>"
        )
    };
    let outcome = archive(&[
        ("ChatExport/messages.html", page(&[(1, "Ole", ASK), (2, "Ida", ANSWER), (3, "Ole", MORE)])),
        ("ChatExport/messages2.html", page(&[(4, "Ida", MORE_ANSWER)])),
    ]);
    assert_eq!((outcome.conversations.len(), shown(&outcome).1), (1, both()));
}

fn slack(ts: &str, user: &str, text: &str, topic: Option<&str>) -> Value {
    let mut message = json!({ "type": "message", "user": user, "text": text, "ts": ts });
    if let Some(topic) = topic {
        message["thread_ts"] = topic.into();
    }
    message
}

#[test]
fn days_of_a_channel_are_one_conversation_and_topics_wait_for_their_answer() {
    let users = json!([{ "id": "U1", "name": "ole", "profile": { "real_name": "Ole" } }, { "id": "U2", "name": "ida", "profile": { "real_name": "Ida" } }]);
    let topic = "1767610000.000100";
    let first = json!([
        slack(topic, "U1", ASK, Some(topic)),
        slack("1767610100.000100", "U1", "Thanks all.", Some("1767610100.000100")),
        slack("1767657590.000100", "U1", MORE, None)
    ]);
    let second = json!([
        slack("1767657610.000100", "U2", MORE_ANSWER, None),
        slack("1767690000.000100", "U2", ANSWER, Some(topic))
    ]);
    let days = [
        ("users.json", users.to_string()),
        ("peat/2026-01-05.json", first.to_string()),
        ("peat/2026-01-06.json", second.to_string()),
    ];
    let outcome = archive(&days);
    assert_eq!(shown(&outcome).1, both());
    // A folder is read file by file.
    let mut together = Together::default();
    together.read_companion(days[0].0, days[0].1.as_bytes());
    together.expect(days[1..].iter().map(|(name, _)| *name));
    let mut conversations = Vec::new();
    for (name, text) in &days[1..] {
        import_from_folder::<ImportError>(
            Cursor::new(text.as_bytes()),
            name,
            &ida(),
            &Limits::default(),
            &mut together,
            &mut |item| {
                if let Item::Conversation(conversation) = item {
                    conversations.push(conversation);
                }
                Ok(())
            },
        )
        .expect("a day");
    }
    assert_eq!(
        conversations.iter().map(|c| c.key()).collect::<Vec<_>>(),
        outcome.conversations.iter().map(|c| c.key()).collect::<Vec<_>>()
    );
    assert!(together.left_out().rows().is_empty());
}

#[test]
fn days_of_chats_with_a_model_stay_apart() {
    let day = |text: &str| {
        json!([{ "role": "user", "content": text }, { "role": "assistant", "content": ANSWER }]).to_string()
    };
    let outcome = archive(&[("log/2026-01-05.json", day(ASK)), ("log/2026-01-06.json", day(MORE))]);
    assert_eq!(outcome.conversations.len(), 2);
}

#[test]
fn a_room_in_which_every_message_opens_a_topic_is_one_conversation() {
    let message = |minute: u64, name: &str, topic: &str, text: &str| {
        json!({
            "creator": { "name": name, "user_type": "Human" }, "created_date": format!("Monday, January 5, 2026 at 10:{minute:02}:00\u{202f}AM UTC"),
            "text": text, "topic_id": topic, "message_id": format!("s/{topic}/{minute}"),
        })
    };
    let read = |messages: Value| {
        archive(&[(
            "Takeout/Google Chat/Groups/DM x/messages.json",
            json!({ "messages": messages }).to_string(),
        )])
    };
    let alone = read(json!([
        message(0, "Ole", "a", ASK),
        message(1, "Ida", "b", ANSWER),
        message(2, "Ole", "c", MORE),
        message(3, "Ida", "d", MORE_ANSWER)
    ]));
    assert_eq!((alone.conversations.len(), shown(&alone).1), (1, both()));
    let crossed = read(json!([
        message(0, "Ole", "a", ASK),
        message(1, "Ole", "b", MORE),
        message(2, "Ida", "a", ANSWER),
        message(3, "Ida", "b", MORE_ANSWER)
    ]));
    assert_eq!((crossed.conversations.len(), shown(&crossed).1), (2, both()));
    let mut with_file = message(1, "Ole", "b", "");
    with_file["attached_files"] = json!([{ "original_name": "peat.jpg", "export_name": "File-peat.jpg" }]);
    let mut deleted = message(4, "Ida", "e", "");
    deleted["message_state"] = "DELETED".into();
    let pictured =
        read(json!([message(0, "Ole", "a", ASK), with_file, message(2, "Ida", "c", ANSWER), deleted]));
    let media: usize =
        pictured.conversations.iter().flat_map(|c| &c.nodes).map(|node| node.media_count()).sum();
    assert_eq!(media, 1);
    assert_eq!(pictured.candidates().len(), 1);
}

#[test]
fn reactions_of_messengers_are_nobodys_words() {
    let messages = [
        meta(9, "Ida", MORE_ANSWER),
        meta(8, "Ole", MORE),
        meta(3, "Ole", "Reacted \u{e2}\u{9d}\u{a4} to your message "),
        meta(1, "Ida", ANSWER),
        meta(0, "Ole", ASK),
    ];
    let outcome = import_bytes(meta_file(&messages).as_bytes(), &ida()).expect("a thread");
    assert_eq!(shown(&outcome).1, both());
    assert!(outcome.found.left_out.rows().iter().any(|row| row.name == "reaction" && row.count == 1));
}

#[test]
fn what_an_exporter_of_telephones_adds_is_no_text() {
    let log = format!(
        "Mar 05, 2026  9:58:00 AM (Read by them after 1 minute)\nMe\n{ASK}\n\nMar 05, 2026 10:02:10 AM\nIda\n{ANSWER}\nTapbacks:\n    Loved by Me\n\n\
         Mar 05, 2026 10:03:00 AM You named the conversation Bog\n\nMar 05, 2026 10:05:00 AM\nMe\nattachments/8f/15/IMG 12.heic\n\n\
         Mar 05, 2026 10:05:30 AM\nMe\n{MORE}\n    Mar 05, 2026 10:09:00 AM\n    Ida\n    {MORE_ANSWER}\n\n    It is black.\n\n\n\
         Mar 05, 2026 10:09:00 AM\nIda\n{MORE_ANSWER}\n\nIt is black.\nThis message responded to an earlier message.\n"
    );
    let outcome = import_bytes(log.as_bytes(), &ida()).expect("a log");
    let answer = format!("{MORE_ANSWER}\n\nIt is black.");
    assert_eq!(shown(&outcome).1, [(MORE.to_owned(), answer), (ASK.to_owned(), ANSWER.to_owned())]);
    let media: usize =
        outcome.conversations.iter().flat_map(|c| &c.nodes).map(|node| node.media_count()).sum();
    assert_eq!(media, 1, "the picture is named, so that the question about it is flagged");
}
