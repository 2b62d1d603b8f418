//! What texts say of themselves: front matter in all its forms, private chats, notes of other authors.

use std::io::Cursor;

use affinage_dataset::candidate::{ContextPolicy, candidates};
use affinage_dataset::conversation::{Conversation, Declared};
use affinage_dataset::import::{ImportError, Item, Limits, Roles, Together, import_from_folder};
use affinage_dataset::topics::{SetAside, set_aside};

const KILN: &str =
    "The kiln is cold in the morning, and one warms the hands at the second pot of tea instead.";

/// The conversations of the texts of a folder.
fn folder(texts: &[(&str, &str)]) -> Vec<Conversation> {
    let mut together = Together::default();
    texts.iter().for_each(|(name, text)| together.look_at_head(name, text.as_bytes()));
    let mut found = Vec::new();
    for (name, text) in texts {
        let read = import_from_folder::<ImportError>(
            Cursor::new(text.as_bytes()),
            name,
            &Roles::default(),
            &Limits::default(),
            &mut together,
            &mut |item| {
                match item {
                    Item::Conversation(conversation) => found.push(conversation),
                    Item::Reject(reject) => panic!("{name}: {}", reject.reason),
                }
                Ok(())
            },
        );
        read.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    found
}

/// All prompts and answers that could be learnt, with what stands before them.
fn learnable(found: &[Conversation]) -> String {
    let all: Vec<_> = found.iter().flat_map(|c| candidates(c, &ContextPolicy::default())).collect();
    format!("{all:?}")
}

#[test]
fn front_matter_of_any_form_becomes_no_text_and_the_text_below_it_is_whole() {
    let about = "GLAZEFIELD is a long description of the kiln and of everything that was ever fired in it";
    for front in [
        format!("---\ntitle: Kilns\ndescription: {about}\n---\n"),
        format!("---   \ntitle: Kilns\ndescription: {about}\n---\t\n"),
        format!("---\ntitle: Kilns\ndescription: {about}\n...\n"),
        format!("---\ntitle: Kilns\ndescription: {about}\n\n"),
        format!("\n\n---\ntitle: Kilns\ndescription: {about}\n---\n"),
        format!("+++\ntitle = \"Kilns\"\ndescription = \"\"\"\n{about}\n\"\"\"\n+++\n"),
        format!("{{\n  \"title\": \"Kilns\",\n  \"description\": \"{about}\"\n}}\n\n"),
    ] {
        let found = folder(&[("kilns.md", &format!("{front}{KILN}\n"))]);
        let learnt = learnable(&found);
        assert!(learnt.contains(KILN) && !learnt.contains("GLAZEFIELD"), "{front}: {learnt}");
    }
}

#[test]
fn prose_between_two_rules_is_text() {
    for prose in [
        "The clay came late this year, and the boat that brought it has not been seen since.",
        "Dear Berit: the clay came late this year, and we fired nothing until the summer.",
        "1911: the clay came late this year.\n1912: nothing was fired until the summer came.",
        "Clay: it came late this year, and we fired nothing until the summer.",
    ] {
        let found = folder(&[("clay.md", &format!("---\n{prose}\n---\n{KILN}\n"))]);
        let learnt = learnable(&found);
        let last = prose.lines().last().unwrap_or_default();
        assert!(learnt.contains(last) && learnt.contains(KILN), "{prose}: {learnt}");
    }
    let braces = format!("{{{{date}}}} at the kiln.\n\n{KILN}\n");
    assert!(learnable(&folder(&[("day.md", &braces)])).contains(KILN));
}

#[test]
fn a_chat_in_a_private_note_is_held_and_its_front_matter_is_not_learnt() {
    let chat = "**User:** What is a saggar?\n\n**Assistant:** A box of clay that shields the pots.\n\n**User:** Why?\n\n**Assistant:** So that no ash falls on them.\n";
    let hidden = folder(&[("a.md", &format!("---\ntitle: GLAZEFIELD\nprivate: true\n---\n{chat}"))]);
    assert_eq!(hidden.len(), 1);
    assert_eq!(set_aside(&hidden[0]), Some(SetAside::Declared { declared: Declared::Private }));
    assert!(!learnable(&hidden).contains("GLAZEFIELD"), "{}", learnable(&hidden));
    let open = folder(&[("a.md", &format!("---\ntitle: Saggars\n---\n{chat}"))]);
    assert_eq!(set_aside(&open[0]), None);
    let templated =
        "<|im_start|>user\nWhat is a saggar?<|im_end|>\n<|im_start|>assistant\nA box of clay.<|im_end|>\n";
    let hidden = folder(&[("b.txt", &format!("---\nprivate: true\n---\n{templated}"))]);
    assert!(hidden.iter().all(|c| set_aside(c).is_some()));
}

#[test]
fn every_section_of_a_private_note_is_held() {
    let text = format!("# Kilns\n\n{KILN}\n\n## Tea\n\n{KILN} Sometimes a third.\n\n#private\n");
    let found = folder(&[("kilns.md", &text)]);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|c| c.origin.declared == Some(Declared::Private)));
}

#[test]
fn a_note_of_another_author_than_most_notes_waits() {
    let note = |author: &str, number: usize| format!("---\nauthor: {author}\n---\n{number} {KILN}\n");
    let declared = |texts: &[String]| {
        let named: Vec<(String, &String)> =
            texts.iter().enumerate().map(|(n, text)| (format!("{n}.md"), text)).collect();
        let named: Vec<(&str, &str)> =
            named.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        folder(&named).into_iter().map(|c| c.origin.declared).collect::<Vec<_>>()
    };
    let other = Some(Declared::By { name: "Jorunn Vik".to_owned() });
    let plain = |number: usize| format!("{number} {KILN}\n");
    assert_eq!(declared(&[note("Jorunn Vik", 0)]), [None]);
    assert_eq!(
        declared(&[note("Berit Aas", 0), note("Berit Aas", 1), note("Jorunn Vik", 2)]),
        [None, None, other.clone()]
    );
    assert_eq!(declared(&[plain(0), plain(1), note("Jorunn Vik", 2)]), [None, None, other]);
}
