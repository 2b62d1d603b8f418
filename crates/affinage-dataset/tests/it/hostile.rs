//! Files made to break an importer: each is an error or a listed loss, and nothing else is lost.

use std::fmt::Write as _;
use std::io::Write as _;

use affinage_dataset::import::{ImportError, LeftOutKind, Limits, Roles};
use proptest::prelude::*;

use crate::exports::{Outcome, array, chatgpt, import_bytes, import_within, zip_of};

fn read(bytes: &[u8]) -> Outcome {
    import_bytes(bytes, &Roles::default()).expect("the file as a whole is readable")
}

fn ids(outcome: &Outcome) -> Vec<&str> {
    outcome.conversations.iter().map(|c| c.native_id.as_str()).collect()
}

/// Elements between two good conversations.
fn between(bad: &[u8]) -> Vec<u8> {
    let good = |id: &str| chatgpt(id, 1).to_string().into_bytes();
    [b"[".to_vec(), good("first"), b",".to_vec(), bad.to_vec(), b",".to_vec(), good("last"), b"]".to_vec()]
        .concat()
}

#[test]
fn paths_that_lead_out_of_the_archive_are_refused_in_every_spelling() {
    let export = array(&[chatgpt("c", 1)]);
    for path in [
        "../x.json",
        "a/../../x.json",
        "..\\x.json",
        "a\\..\\..\\conversations.json",
        "/etc/conversations.json",
    ] {
        match import_bytes(&zip_of(&[(path, &export)]), &Roles::default()) {
            Err(ImportError::UnsafePath { path: named }) => assert_eq!(named, path),
            // An absolute path is read like a relative one: nothing is ever written.
            Ok(outcome) => assert!(path.starts_with('/') && ids(&outcome) == ["c"], "{path}"),
            Err(other) => panic!("{path}: {other}"),
        }
    }
}

/// Reasons why members were not read, by name.
fn unread(outcome: &Outcome) -> Vec<String> {
    let rows = outcome.found.left_out.rows().into_iter();
    let members = rows.filter(|row| row.kind == LeftOutKind::Member);
    members.map(|row| format!("{} {}: {}", row.count, row.name, row.first)).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).expect("memory");
    packed.finish().expect("memory")
}

#[test]
fn archives_in_archives_and_compressed_files_are_read() {
    let export = array(&[chatgpt("c", 1)]);
    let inner = zip_of(&[("conversations.json", &export)]);
    let outer = zip_of(&[("batch-001.zip", &inner), ("more.json.gz", &gzip(&array(&[chatgpt("d", 1)])))]);
    let outcome = read(&outer);
    assert_eq!(ids(&outcome), ["d", "c"], "JSON comes before what may hold anything");
    assert_eq!(outcome.conversations[1].origin.member, "batch-001.zip/conversations.json");
    assert_eq!(ids(&read(&gzip(&export))), ["c"]);
    assert_eq!(ids(&read(&gzip(&outer))), ["d", "c"]);
}

#[test]
fn every_member_is_read_or_named() {
    let export = array(&[chatgpt("c", 1)]);
    let word = zip_of(&[("[Content_Types].xml", b"<x/>"), ("word/document.xml", b"<w/>")]);
    let damaged = {
        let mut zip = zip_of(&[("conversations.json", &export)]);
        let at = zip.windows(9).position(|w| w == b"answer 0 ").or(Some(60)).expect("a place");
        zip[at] ^= 0x55;
        zip
    };
    let zip = zip_of(&[
        (".obsidian/app.json", b"{}"),
        ("__MACOSX/._conversations.json", b"\0\x05"),
        ("a/one.png", b"\x89PNG\r\n\x1a\n"),
        ("a/two.png", b"\x89PNG\r\n\x1a\n"),
        ("broken.zip", b"PK\x03\x04 nothing"),
        ("chat.html", b"<html><script>var jsonData = []</script></html>"),
        ("conversations.json", &export),
        ("damaged.zip", &damaged),
        ("design_chats/d.json", b"[{\"canvas\": 1}]"),
        ("essay.docx", &word),
        ("file-Abc123-notes.txt", b"User: mine\n\nAssistant: no answer of this chat\n"),
        ("memories.json", b"[{\"memory\": \"likes weirs\"}, {\"memory\": \"owns a mill\"}]"),
        ("notes.md", b"User: Read me too?\n\nAssistant: Yes.\n"),
        ("theme.css", b"color: red\n\ncolor: blue\n\ncolor: green\n"),
        ("user.json", b"{\"name\": \"Anna Feld\"}"),
    ]);
    let outcome = read(&zip);
    assert_eq!(outcome.conversations.len(), 2, "{:?}", ids(&outcome));
    assert_eq!(outcome.found.names, ["Anna Feld"]);
    assert!(outcome.rejects.is_empty(), "{:?}", outcome.rejects);
    insta::assert_snapshot!(unread(&outcome).join("\n"), @r"
    2 *.png: a picture (PNG)
    1 .obsidian/app.json: a hidden folder
    1 __MACOSX/._conversations.json: kept by the system
    1 broken.zip: not a readable zip archive (invalid Zip archive: Could not find EOCD)
    1 chat.html: a page of the conversations in the JSON file next to it
    1 damaged.zip/conversations.json: damaged (corrupt deflate stream), nothing of it is kept: download the export again
    1 design_chats/d.json: no list of messages: looked for `messages`, `chat_messages`, `mapping`, `conversations` and the like; its keys are `canvas`
    1 essay.docx: no text: it holds no words
    1 file-Abc123-notes.txt: a file that was given to a chat
    1 memories.json: 2 elements, no list of messages: looked for `messages`, `chat_messages`, `mapping`, `conversations` and the like; its keys are `memory`
    1 theme.css: text that ends in .css; import it by itself if it is a conversation
    ");
}

#[test]
fn a_member_of_conversations_with_a_wrong_sum_is_named_and_the_next_is_read() {
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, id) in [("conversations-000.json", "first"), ("conversations-001.json", "second")] {
        writer.start_file(name, stored).expect("a member");
        writer.write_all(&array(&[chatgpt(id, 1)])).expect("memory");
    }
    let mut zip = writer.finish().expect("memory").into_inner();
    let at = zip.windows(8).position(|w| w == b"question").expect("the first member's text");
    zip[at] = b'Q';
    let outcome = read(&zip);
    assert_eq!(ids(&outcome), ["first", "second"]);
    let named = unread(&outcome);
    assert!(named.len() == 1 && named[0].contains("conversations-000.json: damaged"), "{named:?}");
}

#[test]
fn overlapping_members_and_endless_archives_are_refused_at_once() {
    // One local file, which two entries of the directory name.
    let zip = zip_of(&[("a.json", &array(&[chatgpt("c", 1)]))]);
    let end = zip.len() - 22;
    let directory = u32::from_le_bytes(zip[end + 16..end + 20].try_into().expect("four bytes")) as usize;
    let mut twice = zip[..end].to_vec();
    twice.extend_from_slice(&zip[directory..end]);
    let last = twice.len() - (end - directory) + 46;
    twice[last] = b'b';
    let mut tail = zip[end..].to_vec();
    tail[8..10].copy_from_slice(&2u16.to_le_bytes());
    tail[10..12].copy_from_slice(&2u16.to_le_bytes());
    tail[12..16].copy_from_slice(&(2 * (end - directory) as u32).to_le_bytes());
    twice.extend(tail);
    let refused = import_bytes(&twice, &Roles::default());
    assert!(matches!(refused, Err(ImportError::Overlapping { .. })), "{refused:?}");

    let mut spaces = vec![b' '; 4 << 20];
    spaces[0] = b'[';
    let limits = Limits { unpacked_floor_bytes: 1 << 20, unpacked_ratio: 10, ..Limits::default() };
    let nested = zip_of(&[("x.zip", &zip_of(&[("y.json.gz", &gzip(&spaces))]))]);
    for bytes in [gzip(&spaces), nested] {
        let refused = import_within(&bytes, &Roles::default(), &limits);
        assert!(
            matches!(refused, Err(ImportError::Bomb { limit_bytes, .. }) if limit_bytes == 1 << 20),
            "{refused:?}"
        );
    }
    let many = zip_of(&[("a.txt", &spaces[..700_000]), ("b.txt", &spaces[..700_000])]);
    let refused = import_within(&many, &Roles::default(), &limits);
    assert!(
        matches!(refused, Err(ImportError::Bomb { member, .. }) if member == "export"),
        "all members count together"
    );
}

#[test]
fn a_bomb_among_honest_members_is_an_error_before_it_is_in_memory() {
    let mut bomb = b"[".to_vec();
    bomb.resize(8 << 20, b' ');
    let zip =
        zip_of(&[("conversations-000.json", &array(&[chatgpt("c", 1)])), ("conversations-001.json", &bomb)]);
    let limits = Limits { unpacked_floor_bytes: 1 << 20, ..Limits::default() };
    let refused = import_within(&zip, &Roles::default(), &limits);
    assert!(matches!(refused, Err(ImportError::Bomb { member, .. }) if member == "export"));
}

#[test]
fn invalid_utf_8_costs_its_character_or_its_member() {
    let text = chatgpt("bad", 1).to_string();
    let (before, after) = text.split_once("answer 0").expect("an answer");
    let element = read(&between(&[before.as_bytes(), b"answer \xff", after.as_bytes()].concat()));
    assert_eq!((ids(&element).as_slice(), element.rejects.len()), (&["first", "bad", "last"][..], 0));
    assert_eq!(element.candidates()[1].variants[0].text, "answer \u{fffd} of bad");
    assert_eq!(element.found.notes, ["export: 1 wrong character was replaced"]);
    let line = read(b"{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"prompt\":\"\xc3\",\"completion\":\"b\"}\n{\"prompt\":\"c\",\"completion\":\"d\"}\n");
    assert_eq!((line.conversations.len(), line.rejects.len()), (3, 0));
    let notes = b"User: Why?\n\nAssistant: Because.\n";
    let member = read(&zip_of(&[("a.md", b"User: \xff\xfe\n\nAssistant: x\n"), ("b.md", notes)]));
    assert_eq!((member.conversations.len(), member.rejects.len()), (2, 0), "only the characters are lost");
}

#[test]
fn a_text_of_endless_lines_or_turns_is_refused() {
    for (text, what) in [
        ("x\n".repeat(2_000_002), "2000000 lines"),
        ("User: a\n".repeat(600_000) + "Bot: b\n", "500000 turns"),
    ] {
        let error = import_bytes(text.as_bytes(), &Roles::default()).expect_err("too many").to_string();
        assert!(error.contains(what), "{error}");
    }
}

/// A `mapping` in which every node hangs under the one before it, and the first under the last.
fn ring(nodes: usize) -> Vec<u8> {
    let mut text = String::with_capacity(nodes * 36);
    text.push_str("{\"id\":\"ring\",\"mapping\":{");
    for node in 0..nodes {
        let above = if node == 0 { nodes - 1 } else { node - 1 };
        let comma = if node == 0 { "" } else { "," };
        write!(text, "{comma}\"n{node}\":{{\"parent\":\"n{above}\"}}").expect("memory");
    }
    text.push_str("}}");
    text.into_bytes()
}

#[test]
fn a_mapping_of_two_million_nodes_in_a_ring_is_listed_and_the_others_are_read() {
    let outcome = read(&between(&ring(2_000_000)));
    assert_eq!(ids(&outcome), ["first", "last"]);
    let reasons: Vec<String> = outcome.rejects.iter().map(|r| r.reason.to_string()).collect();
    assert_eq!(reasons, ["more than 250000 objects, which no conversation holds"]);
    let outcome = read(&between(&ring(200_000)));
    assert_eq!(ids(&outcome), ["first", "last"]);
    assert_eq!(outcome.rejects[0].reason.to_string(), "the parent links of node `n0` form a cycle");
}

#[test]
fn endless_nesting_is_listed() {
    let deep = [b"{\"mapping\":".repeat(200_000), b"1".to_vec(), b"}".repeat(200_000)].concat();
    let outcome = read(&between(&deep));
    assert_eq!((ids(&outcome).as_slice(), outcome.rejects.len()), (&["first", "last"][..], 1));
}

#[test]
fn one_corrupt_element_among_a_thousand_is_the_only_loss() {
    let mut elements: Vec<Vec<u8>> =
        (0..1000).map(|i| chatgpt(&format!("c{i}"), 1).to_string().into_bytes()).collect();
    elements[500] = b"{\"mapping\": {\"a\": nonsense}, \"id\": \"c500\"}".to_vec();
    let export = [b"[".to_vec(), elements.join(&b","[..]), b"]".to_vec()].concat();
    let outcome = read(&export);
    assert_eq!(outcome.conversations.len(), 999);
    assert_eq!(outcome.rejects.iter().map(|r| r.origin.element).collect::<Vec<_>>(), [500]);
}

#[test]
fn the_same_export_grown_has_the_old_ids_and_only_new_ones_beside_them() {
    use crate::generator::corpus::chats;
    use crate::generator::formats::FORMATS;
    use crate::seeded::Seeded;
    let chats = chats(&mut Seeded::new(5), 30);
    for format in FORMATS {
        let keys = |count: usize| -> Vec<String> {
            let outcome =
                import_bytes(&(format.render)(&chats[..count]), &format.roles()).expect("an export");
            let candidates = outcome.candidates();
            let id = |c: &affinage_dataset::candidate::Candidate| {
                let variants: Vec<&str> = c.variants.iter().map(|v| v.variant_id.as_str()).collect();
                format!("{} {} {variants:?}", c.conversation, c.candidate_id)
            };
            candidates.iter().map(id).collect()
        };
        let (before, after) = (keys(20), keys(30));
        assert!(before.iter().all(|key| after.contains(key)), "{}", format.name);
        assert!(after.len() > before.len(), "{}", format.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Pages whose tags are in no order lose no process.
    #[test]
    fn no_page_makes_the_importer_panic(cell in "(<(/?(p|div|ul|ol|li|pre|code|table|tr|td|a href=x|br|b|blockquote|h2)|!--|x)>|<|&(amp|#6|lt);|Feb 2, 2026, 8:24:02 AM CET|é| |\n|Prompted ){0,60}") {
        let page = format!("<html><div class=\"outer-cell\"><div class=\"content-cell\">Prompted&nbsp;{cell}</div></div></html>");
        let _outcome = import_bytes(page.as_bytes(), &Roles::default());
    }
}
