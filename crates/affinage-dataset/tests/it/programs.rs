//! What note programs and pages keep among and beside the words.

use affinage_dataset::import::{LeftOutKind, Roles};
use serde_json::json;

use crate::exports::{Outcome, import_bytes, zip_of};

fn read(bytes: &[u8]) -> Outcome {
    import_bytes(bytes, &Roles::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn pairs(outcome: &Outcome) -> Vec<(String, String)> {
    outcome.candidates().into_iter().map(|c| (c.prompt, c.variants[0].text.clone())).collect()
}

fn counted(outcome: &Outcome, kind: LeftOutKind) -> Vec<(String, usize)> {
    let rows = outcome.found.left_out.rows().into_iter().filter(|row| row.kind == kind);
    rows.map(|row| (row.name, row.count)).collect()
}

const WEIR: &str = "The water falls over the old wall all day and all night.";
const ID: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn items_of_a_note_program_that_are_no_notes_are_named() {
    let note = format!("Weirs\n\n{WEIR}\n\nid: {ID}\nparent_id: \nlatitude: 54.1\ntype_: 1");
    let book =
        format!("Water, and what we have built beside it over the years\n\nid: {ID}\nicon: \ntype_: 2");
    let zip = zip_of(&[("a.md", note.as_bytes()), ("b.md", book.as_bytes())]);
    let outcome = read(&zip);
    let found = pairs(&outcome);
    assert!(found.len() == 1 && found[0].0.contains("Weirs") && found[0].1 == WEIR, "{found:?}");
    assert_eq!(counted(&outcome, LeftOutKind::Member), [("b.md".to_owned(), 1)]);
}

#[test]
fn notes_that_were_thrown_away_are_not_learnt() {
    let info = |trashed: u8| format!(r#"{{"net.notes": {{"trashed": {trashed}}}}}"#);
    let zip = zip_of(&[
        ("Weir.textbundle/info.json", info(0).as_bytes()),
        ("Weir.textbundle/text.md", format!("# Weirs\n#water/old# #wall\n\n{WEIR}").as_bytes()),
        ("Old.textbundle/info.json", info(1).as_bytes()),
        ("Old.textbundle/text.md", WEIR.as_bytes()),
        ("trash/old.md", WEIR.as_bytes()),
        ("graph/logseq/bak/weir.md", WEIR.as_bytes()),
    ]);
    let outcome = read(&zip);
    assert_eq!(outcome.candidates().len(), 1);
    assert_eq!(outcome.candidates()[0].variants[0].text, WEIR);
    assert_eq!(counted(&outcome, LeftOutKind::Member).len(), 3);
}

#[test]
fn properties_of_an_outliner_are_counted_and_not_learnt() {
    let page = format!(
        "title:: Old weirs\n\n- {WEIR}\n  id:: 0a1b2c3d-0000-4000-8000-00000000000f\n  collapsed:: true\n"
    );
    let outcome = read(page.as_bytes());
    assert_eq!(pairs(&outcome)[0].1, format!("- {WEIR}"));
    assert!(outcome.candidates()[0].prompt.contains("Old weirs"));
    assert_eq!(counted(&outcome, LeftOutKind::PartOfNote), [("property".to_owned(), 3)]);
}

#[test]
fn pages_of_an_outliner_as_json_are_notes() {
    let pages = json!([{ "title": "Weirs", "children": [{ "string": WEIR, "uid": "abc123def", "children": [{ "string": "It leans, see ((abc123def))" }] }] }]);
    let outcome = read(pages.to_string().as_bytes());
    let expected = format!("- {WEIR}\n  - It leans, see {WEIR}");
    assert_eq!(outcome.candidates()[0].variants[0].text, expected);
}

#[test]
fn letters_of_names_and_texts_are_composed() {
    let zip = zip_of(&[(
        "U\u{308}ber Mu\u{308}hlen.md",
        "# Über Mühlen\n\nDie Mühle steht am Bach, und ihr Rad steht nie still.".as_bytes(),
    )]);
    let prompt = read(&zip).candidates()[0].prompt.clone();
    assert_eq!(prompt.matches("Mühlen").count(), 1, "{prompt}");
}

#[test]
fn answers_that_are_kept_as_html_are_read_and_told_apart() {
    let talk = "USER: Who built the weir?\n\nMODEL: <p>The <b>villages</b> built it. <sup>[1]</sup></p>\n\n<p>Nobody paid.</p>\n";
    let zip = zip_of(&[
        ("chat/Session.html", talk.as_bytes()),
        ("chat/other.html", b"No page at all, and nobody speaks in it, as one sees."),
    ]);
    let outcome = read(&zip);
    assert_eq!(
        pairs(&outcome),
        [("Who built the weir?".to_owned(), "The **villages** built it.\n\nNobody paid.".to_owned())]
    );
    let asked = talk.replace("Who built the weir?", "Write it in HTML: who built the weir?");
    assert!(pairs(&read(asked.as_bytes()))[0].1.starts_with("<p>The <b>villages</b>"));
}

#[test]
fn heads_of_mails_are_no_speakers() {
    let thread = "From: Tove\nSent: Monday\nTo: Mara\nSubject: Weir\n\nIt leans, and it has leant for longer than I live here.\n\nFrom: Mara\nSent: Sunday\nTo: Tove\nSubject: Weir\n\nWhy does it lean, and who has built it so?\n";
    let outcome = read(thread.as_bytes());
    assert!(outcome.conversations.is_empty());
    assert!(outcome.found.reason_for_none.is_some_and(|why| why.contains("mails")));
}
