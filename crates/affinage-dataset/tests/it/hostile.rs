//! Files made to break an importer: each is an error or a listed loss, and nothing else is lost.

use std::fmt::Write as _;

use affinage_dataset::import::{ImportError, Limits, Roles};
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

#[test]
fn an_archive_in_an_archive_is_named_and_the_rest_is_read() {
    let export = array(&[chatgpt("c", 1)]);
    let inner = zip_of(&[("conversations.json", &export)]);
    let outcome = read(&zip_of(&[("batch-001.zip", &inner), ("conversations.json", &export)]));
    assert_eq!(ids(&outcome), ["c"]);
    assert_eq!(
        outcome.found.notes,
        ["batch-001.zip was not opened: take it out of the archive and import it by itself"]
    );
    let alone = read(&zip_of(&[("batch-001.zip", &inner)]));
    assert!(
        alone.conversations.is_empty()
            && alone.found.reason_for_none.is_some_and(|why| why.contains("batch-001.zip"))
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
    assert!(matches!(refused, Err(ImportError::Bomb { member, .. }) if member == "conversations-001.json"));
}

#[test]
fn invalid_utf_8_costs_its_character_or_its_member() {
    let element = read(&between(b"{\"mapping\":{},\"id\":\"\xff\xfe\"}"));
    assert_eq!(
        (ids(&element).as_slice(), element.rejects.len()),
        (&["first", "\u{fffd}\u{fffd}", "last"][..], 0)
    );
    let line = read(b"{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"prompt\":\"\xc3\",\"completion\":\"b\"}\n{\"prompt\":\"c\",\"completion\":\"d\"}\n");
    assert_eq!((line.conversations.len(), line.rejects.len()), (3, 0));
    let notes = b"User: Why?\n\nAssistant: Because.\n";
    let member = read(&zip_of(&[("a.md", b"User: \xff\xfe\n\nAssistant: x\n"), ("b.md", notes)]));
    assert_eq!((member.conversations.len(), member.rejects.len()), (1, 1));
    assert_eq!(
        member.rejects[0].reason.to_string(),
        "a.md is not UTF-8 text: the byte at offset 6 is not valid"
    );
    let whole = import_bytes(b"User: \xff\xfe\n\nAssistant: x\n", &Roles::default());
    assert!(matches!(whole, Err(ImportError::NotUtf8 { offset: 6, .. })));
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
