//! Transcripts: learnt speakers, roles, unwrapping, several conversations in one file.

use affinage_dataset::import::{ImportError, Roles};

use crate::exports::{Outcome, import_bytes, zip_of};

fn assistant(name: &str) -> Roles {
    Roles { assistants: vec![name.to_owned()], users: Vec::new() }
}

fn pairs(outcome: &Outcome) -> Vec<(String, String)> {
    outcome.candidates().into_iter().map(|c| (c.prompt, c.variants[0].text.clone())).collect()
}

/// Three speakers; Anna and Bert ask, the Miller answers. Wrapped at 70 characters.
const PLAY: &str = "\
PERSONS: Anna, Bert, The Miller.

ANNA: Good morning to you, and tell us at once what the wheel does on
a day like this, when there is no water left in the whole of the long
valley, and when even the ducks have walked away over the fields.

MILLER: It waits, as a wheel must, and it listens for the rain that we
have been promised since the last harvest; and while it waits the moss
grows on the northern side of it, and the wrens build in the southern,
so that when the water comes at last it will have to ask them to move;
and the wrens, as you may know, are not given to moving for a neighbour
who has stayed away so long without so much as a word to any of us.

ANNA: And if the rain does not come?

BERT: Yes, what then, old man? We have brought our corn a long way and
over those hills, and the cart is heavy and the horse is slow, and the
two of us have eaten nothing since we left the house before the light.

MILLER: Then you will carry it back.

BERT: All of it?

MILLER: All of it, and the sacks too.

ANNA: Thank you for nothing.

MILLER: You are welcome to it.
";

#[test]
fn speakers_are_learnt_and_the_rest_is_the_user() {
    let outcome = import_bytes(PLAY.as_bytes(), &assistant("miller")).expect("a transcript");
    let counts: Vec<(&str, usize)> =
        outcome.found.speakers[0].1.iter().map(|s| (s.name.as_str(), s.count)).collect();
    assert_eq!(counts, [("MILLER", 4), ("ANNA", 3)], "Bert speaks twice: not often enough to be learnt");
    let pairs = pairs(&outcome);
    assert_eq!(pairs.len(), 3);
    assert!(
        pairs[0].1.starts_with("It waits, as a wheel must, and it listens for the rain that we have been")
    );
    assert!(!pairs[0].1.contains('\n'), "wrapped lines are joined: {}", pairs[0].1);
    assert!(pairs[1].0.starts_with("And if the rain does not come?\n\nBERT: Yes"));
}

#[test]
fn a_speaker_named_by_the_user_needs_no_recurrence_and_merged_voices_are_told_apart() {
    let roles = Roles { assistants: vec!["MILLER".into()], users: vec!["ANNA".into(), "BERT".into()] };
    let outcome = import_bytes(PLAY.as_bytes(), &roles).expect("a transcript");
    let pairs = pairs(&outcome);
    assert_eq!(pairs.len(), 4);
    let (prompt, _) = &pairs[1];
    assert!(prompt.starts_with("ANNA: And if the rain does not come?\n\nBERT: Yes, what then"), "{prompt}");
    assert_eq!(pairs[2].0, "All of it?", "a turn of one speaker has no name in it");
    assert!(outcome.candidates()[0].variants[0].author.as_deref() == Some("MILLER"));
}

#[test]
fn without_roles_or_obvious_names_the_speakers_are_proposed() {
    let error = import_bytes(PLAY.as_bytes(), &Roles::default()).expect_err("roles are needed");
    insta::assert_snapshot!(error, @"cannot tell who is the assistant in export; found speakers `MILLER` (4), `ANNA` (3)");
    let error = import_bytes(PLAY.as_bytes(), &assistant("Plato")).expect_err("nobody of that name");
    insta::assert_snapshot!(error, @"no speaker is called `Plato` in export; found speakers `MILLER` (4), `ANNA` (3)");
}

#[test]
fn obvious_names_need_no_roles_in_any_style() {
    let expected = [("What is moss?", "A small forest.\n\n## Uses\n\nMany."), ("And lichen?", "Two in one.")]
        .map(|(a, b)| (a.to_owned(), b.to_owned()));
    let styles = [
        ("## User\n\nWhat is moss?\n\n## Assistant\n\nA small forest.\n\n## Uses\n\nMany.\n\n## User\n\nAnd lichen?\n\n## Assistant\n\nTwo in one.\n"),
        ("**Human:** What is moss?\n\n**Claude:** A small forest.\n\n## Uses\n\nMany.\n\n---\n\n**Human:** And lichen?\n\n**Claude:** Two in one.\n"),
        ("You said:\nWhat is moss?\n\nChatGPT said:\nA small forest.\n\n## Uses\n\nMany.\n\nYou said:\nAnd lichen?\n\nChatGPT said:\nTwo in one.\n"),
        ("Human\n\nWhat is moss?\n\nAssistant\n\nA small forest.\n\n## Uses\n\nMany.\n\nHuman\n\nAnd lichen?\n\nAssistant\n\nTwo in one.\n"),
    ];
    for text in styles {
        let outcome =
            import_bytes(text.as_bytes(), &Roles::default()).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(pairs(&outcome), expected, "{text}");
    }
    let log = "user: one?\nbot: one.\nuser: two?\nbot: two.\n";
    assert_eq!(pairs(&import_bytes(log.as_bytes(), &Roles::default()).expect("a log")).len(), 2);
}

#[test]
fn names_inside_code_and_labels_of_an_answer_are_not_speakers() {
    let text = "User: Show me.\n\nAssistant: Note: two things.\n\n```\nUser: not me\n\nUser: nor me\n```\n\nNote: done.\n\nNote: really.\n\nUser: Thanks.\n\nAssistant: Note: you are welcome.\n";
    let pairs = pairs(&import_bytes(text.as_bytes(), &Roles::default()).expect("a transcript"));
    assert_eq!(pairs.len(), 2);
    assert!(pairs[0].1.contains("User: not me") && pairs[0].1.ends_with("Note: really."));
}

const NOTEBOOK: &str = "---\ntags: [a]\n---\n\nKept by hand.\n\n## Monday, bread\n\n**Me:** Why knead?\n\n**Voice:** For the crumb.\n\n**Me:** And rest?\n\n**Voice:** For you.\n\n## Tuesday, salt\n\n**Me:** How much?\n\n**Voice:** Less.\n";

#[test]
fn a_heading_before_a_users_turn_begins_a_new_conversation() {
    let outcome = import_bytes(NOTEBOOK.as_bytes(), &assistant("Voice")).expect("a notebook");
    let titles: Vec<&str> = outcome.conversations.iter().map(|c| c.title.as_str()).collect();
    assert_eq!(titles, ["Monday, bread", "Tuesday, salt"]);
    assert_eq!(
        pairs(&outcome),
        [("Why knead?", "For the crumb."), ("And rest?", "For you."), ("How much?", "Less.")]
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    let preamble = &outcome.conversations[0].nodes[0];
    assert!(preamble.hidden && preamble.blocks[0].text.contains("Kept by hand."), "nothing is lost");
    assert!(outcome.candidates()[2].context.is_empty(), "another page is no context");
}

#[test]
fn a_grown_transcript_keeps_its_ids() {
    let ids = |text: &str| -> Vec<String> {
        let outcome = import_bytes(text.as_bytes(), &assistant("Voice")).expect("a notebook");
        outcome.candidates().into_iter().map(|c| c.candidate_id).collect()
    };
    let before = ids(NOTEBOOK);
    let after = ids(&format!("{NOTEBOOK}\n**Me:** Even less?\n\n**Voice:** Try.\n"));
    assert_eq!(before[..], after[..3]);
    assert_eq!(after.len(), 4);
}

#[test]
fn in_an_archive_of_notes_a_bad_one_loses_only_itself() {
    let zip = zip_of(&[
        ("notes/a.md", NOTEBOOK.as_bytes()),
        ("notes/b.md", PLAY.as_bytes()),
        ("notes/c.md", b"No one speaks here."),
        ("notes/d.txt", b"User: \xff?"),
    ]);
    let outcome = import_bytes(&zip, &assistant("Voice")).expect("an archive");
    assert_eq!(outcome.conversations.len(), 2);
    let rejected: Vec<&str> = outcome.rejects.iter().map(|r| r.origin.member.as_str()).collect();
    assert_eq!(rejected, ["notes/b.md", "notes/d.txt"]);
    assert_eq!(outcome.found.notes, ["notes/c.md is text in which no speaker recurs"]);
}

#[test]
fn text_that_is_not_utf8_is_an_error_with_its_place() {
    let error = import_bytes(b"User: caf\xe9\n", &Roles::default()).expect_err("Latin-1");
    assert!(matches!(error, ImportError::NotUtf8 { offset: 9, .. }), "{error}");
}
