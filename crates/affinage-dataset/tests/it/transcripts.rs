//! Transcripts: learnt speakers, roles, unwrapping, several conversations in one file.

use affinage_dataset::import::Roles;

use crate::exports::{Outcome, import_bytes, zip_of};

fn assistant(name: &str) -> Roles {
    Roles { assistants: vec![name.to_owned()], users: Vec::new(), ..Roles::default() }
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
    assert_eq!(
        counts,
        [("MILLER", 4), ("ANNA", 3), ("BERT", 2)],
        "Bert is answered, so he needs no third turn"
    );
    let pairs = pairs(&outcome);
    assert_eq!(pairs.len(), 4);
    assert!(
        pairs[0].1.starts_with("It waits, as a wheel must, and it listens for the rain that we have been")
    );
    assert!(!pairs[0].1.contains('\n'), "wrapped lines are joined: {}", pairs[0].1);
    assert!(pairs[1].0.starts_with("ANNA: And if the rain does not come?\n\nBERT: Yes"));
}

#[test]
fn a_speaker_named_by_the_user_needs_no_recurrence_and_merged_voices_are_told_apart() {
    let roles = Roles {
        assistants: vec!["MILLER".into()],
        users: vec!["ANNA".into(), "BERT".into()],
        ..Roles::default()
    };
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
        (
            "notes/c.md",
            b"No one speaks here, and the river goes by all the same, as it did before there was a mill.",
        ),
        (
            "notes/d.txt",
            b"The mill \xff stands by the weir and turns all day, and nobody in the village has ever seen it stand still.",
        ),
    ]);
    let outcome = import_bytes(&zip, &assistant("Voice")).expect("an archive");
    assert_eq!(
        (outcome.conversations.len(), outcome.found.drafted),
        (4, 2),
        "what has no speakers is a note"
    );
    let rejected: Vec<&str> = outcome.rejects.iter().map(|r| r.origin.member.as_str()).collect();
    assert_eq!(rejected, ["notes/b.md"]);
}

#[test]
fn text_in_other_encodings_is_read_and_said() {
    let text = "Anna: Wo ist die Tür?\n\nVoice: Dort.\n";
    let utf16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let western: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin-1")).collect();
    let mac = text.replace('\n', "\r");
    let damaged = [text.as_bytes(), b"\nAnna: a\xff\xc3\n\nVoice: b\n"].concat();
    let cases: [(&[u8], &[&str]); 4] = [
        (&utf16, &["export: read as UTF-16"]),
        (&western, &["export: read as Windows-1252"]),
        (mac.as_bytes(), &[]),
        (&damaged, &["export: 2 characters were not UTF-8 and became \u{fffd}, the first at byte 45"]),
    ];
    for (bytes, notes) in cases {
        let outcome = import_bytes(bytes, &assistant("Voice")).expect("a transcript");
        assert_eq!(pairs(&outcome)[0], ("Wo ist die Tür?".to_owned(), "Dort.".to_owned()), "{notes:?}");
        assert_eq!(outcome.found.notes, notes);
    }
    let greek = b"\xc1\xed\xed\xe1: \xd0\xef\xfd;\n\n\xd6\xf9\xed\xde: \xc5\xe4\xfe.\n";
    let error = import_bytes(greek, &Roles::default()).expect_err("an older encoding");
    insta::assert_snapshot!(error, @"export is text in an older encoding, not in UTF-8, which affinage does not read");
    assert!(error.way_out().is_some_and(|way| way.contains("UTF-8")));
}

/// Two exchanges in which `Voice` is the assistant, as different programs write them.
#[test]
fn labels_of_many_programs_are_one_grammar() {
    let styles = [
        "- Anna: Why a weir?\n- Voice: To slow the river.\n- Anna: And after?\n- Voice: It hurries.\n",
        "> **Anna:** Why a weir?\n\n> **Voice:** To slow the river.\n\n> **Anna:** And after?\n\n> **Voice:** It hurries.\n",
        "> [!quote] Anna\n> Why a weir?\n\n> [!info]- **Voice**\n> To slow the river.\n\n> [!quote] Anna\n> And after?\n\n> [!info]- **Voice**\n> It hurries.\n",
        "Anna\u{a0}: Why a weir?\n\nVoice\u{a0}: To slow the river.\n\nAnna\u{a0}: And after?\n\nVoice\u{a0}: It hurries.\n",
        "Anna：Why a weir?\nVoice：To slow the river.\nAnna：And after?\nVoice：It hurries.\n",
        "\u{200e}Anna: Why a weir?\n\n\u{200e}Voice: To slow the river.\n\n\u{200e}Anna: And after?\n\n\u{200e}Voice: It hurries.\n",
        "[09:15] Anna: Why a weir?\n[09:16] Voice: To slow the river.\n[09:17] Anna: And after?\n[09:18] Voice: It hurries.\n",
        "2026-03-04 09:15:01 Anna: Why a weir?\n2026-03-04 09:16:00 Voice: To slow the river.\n2026-03-04 09:17:00 Anna: And after?\n2026-03-04 09:18:00 Voice: It hurries.\n",
        "09:15 <@Anna> Why a weir?\n09:16 <Voice> To slow the river.\n09:17 <@Anna> And after?\n09:18 <Voice> It hurries.\n",
        "<Anna> Why a weir?\n<Voice> To slow the river.\n<Anna> And after?\n<Voice> It hurries.\n",
        "**Anna (09:15):** Why a weir?\n\n**Voice (09:16):** To slow the river.\n\n**Anna (09:17):** And after?\n\n**Voice (09:18):** It hurries.\n",
        "Anna, [04.03.2026 09:15]\nWhy a weir?\n\nVoice, [04.03.2026 09:16]\nTo slow the river.\n\nAnna, [04.03.2026 09:17]\nAnd after?\n\nVoice, [04.03.2026 09:18]\nIt hurries.\n",
        "Anna  9:15 AM\nWhy a weir?\nVoice  9:16 AM\nTo slow the river.\nAnna  9:17 AM\nAnd after?\nVoice  9:18 AM\nIt hurries.\n",
        "[3/4 9:15 AM] Anna\nWhy a weir?\n[3/4 9:16 AM] Voice\nTo slow the river.\n[3/4 9:17 AM] Anna\nAnd after?\n[3/4 9:18 AM] Voice\nIt hurries.\n",
        "## Anna (2026-03-04)\n*09:15*\n\nWhy a weir?\n\n## Voice\n09:16\n\nTo slow the river.\n\n## Anna\n\nAnd after?\n\n## Voice\n\nIt hurries.\n",
        "1\n00:00:01,000 --> 00:00:02,000\nAnna: Why\n\n2\n00:00:02,000 --> 00:00:03,000\na weir?\n\n3\n00:00:03,000 --> 00:00:04,000\nVoice: To slow the river.\n\n4\n00:00:04,000 --> 00:00:05,000\nAnna: And after?\n\n5\n00:00:06,000 --> 00:00:07,000\nVoice: It hurries.\n",
        "👩\nAnna:\nWhy a weir?\n\n🤖\nVoice:\nTo slow the river.\n\n👩\nAnna:\nAnd after?\n\n🤖\nVoice:\nIt hurries.\n",
    ];
    let expected = [("Why a weir?", "To slow the river."), ("And after?", "It hurries.")]
        .map(|(a, b)| (a.to_owned(), b.to_owned()));
    for text in styles {
        let outcome =
            import_bytes(text.as_bytes(), &assistant("voice")).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(pairs(&outcome), expected, "{text}");
    }
}

#[test]
fn labels_of_pages_in_other_languages_need_no_roles() {
    let labels = [
        ("Sie haben gesagt:", "ChatGPT hat gesagt:"),
        ("Vous avez dit :", "ChatGPT a dit :"),
        ("Tú dijiste:", "ChatGPT dijo:"),
        ("Hai detto:", "ChatGPT ha detto:"),
        ("Você disse:", "O ChatGPT disse:"),
        ("Вы сказали:", "ChatGPT сказал:"),
        ("あなた：", "ChatGPT："),
        ("你说：", "ChatGPT 说："),
        ("나의 말:", "ChatGPT의 말:"),
        ("\u{200f}لقد قلت:", "قال ChatGPT:"),
        ("Benutzer:", "Assistent:"),
    ];
    for (user, assistant) in labels {
        let text = format!("{user}\nEins?\n\n{assistant}\nZwei.\n\n{user}\nDrei?\n\n{assistant}\nVier.\n");
        let outcome =
            import_bytes(text.as_bytes(), &Roles::default()).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let expected = [("Eins?", "Zwei."), ("Drei?", "Vier.")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(pairs(&outcome), expected, "{text}");
    }
}

#[test]
fn remarks_are_nobody_and_one_turn_is_enough_beside_a_name() {
    let text = "Anna: Why?\n\nVoice: See below.\n\nNote: it rains.\n\nNote: it snows.\n\nNote: it thaws.\n\nAnna: And?\n\nVoice: So.\n";
    let outcome = import_bytes(text.as_bytes(), &assistant("Voice")).expect("a transcript");
    assert_eq!(pairs(&outcome)[0].1, "See below.\n\nNote: it rains.\n\nNote: it snows.\n\nNote: it thaws.");
    let lists = "Anna: Why?\n\nVoice: Two sides.\n\nPros: dry.\n\nCons: dear.\n\nAnna: And?\n\nVoice: Again.\n\nPros: wet.\n\nCons: cold.\n";
    let outcome = import_bytes(lists.as_bytes(), &assistant("Voice")).expect("a transcript");
    assert_eq!(pairs(&outcome)[1].1, "Again.\n\nPros: wet.\n\nCons: cold.", "nobody answers a list");
    let once = "Anna: Why?\n\nVoice: Because.\n";
    assert_eq!(pairs(&import_bytes(once.as_bytes(), &assistant("Voice")).expect("a transcript")).len(), 1);
    let only_user = Roles { assistants: Vec::new(), users: vec!["Anna".to_owned()], ..Roles::default() };
    let twice = format!("{once}\n{once}\n{once}");
    assert_eq!(pairs(&import_bytes(twice.as_bytes(), &only_user).expect("a transcript")).len(), 3);
}

#[test]
fn a_chat_log_loses_its_program_lines_and_keeps_its_places_of_pictures() {
    let log = "04.03.26, 09:14 - Messages here are encrypted.\n04.03.26, 09:15 - Anna Feld: Look\n04.03.26, 09:15 - Anna Feld: <Medien ausgeschlossen>\n04.03.26, 09:16 - +49 170 1: A weir\nwith a gate, seen at\n09:30 sharp\n04.03.26, 09:17 - Anna Feld added Tom\n04.03.26, 09:18 - Anna Feld: And after?\u{200e}<This was edited>\n04.03.26, 09:19 - +49 170 1: It hurries\n";
    let outcome = import_bytes(log.as_bytes(), &assistant("+49 170 1")).expect("a log");
    let found = outcome.candidates();
    assert_eq!(found[0].prompt, "Look");
    assert_eq!(found[0].prompt_media_count, 1);
    assert_eq!(found[0].variants[0].text, "A weir\nwith a gate, seen at\n09:30 sharp");
    assert_eq!(found[1].prompt, "And after?");
    assert_eq!(outcome.found.notes, ["export: 2 lines of the chat program itself are left out"]);
}

#[test]
fn an_open_fence_ends_with_its_turn_and_code_is_left_alone() {
    let text = "## User\n\nShow me.\n\n## Assistant\n\n```rust\nfn cut() {\n\n## User\n\nAgain.\n\n## Assistant\n\n```rust\nfn whole() {\n\n\n    // User: no turn\n}\n```\n\nDone.\n";
    let outcome = import_bytes(text.as_bytes(), &Roles::default()).expect("a transcript");
    assert_eq!(
        pairs(&outcome),
        [
            ("Show me.", "```rust\nfn cut() {"),
            ("Again.", "```rust\nfn whole() {\n\n\n    // User: no turn\n}\n```\n\nDone."),
        ]
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
}

#[test]
fn two_names_in_turn_are_a_dialogue_from_two_turns_each() {
    let text = "Anna: Why a weir?\n\nVoice: To slow the river.\n\nAnna: And after?\n\nVoice: It hurries.\n";
    let error = import_bytes(text.as_bytes(), &Roles::default()).expect_err("roles are needed");
    insta::assert_snapshot!(error, @"cannot tell who is the assistant in export; found speakers `Anna` (2), `Voice` (2)");
    for roles in [assistant("Voice"), Roles { users: vec!["anna".to_owned()], ..Roles::default() }] {
        assert_eq!(pairs(&import_bytes(text.as_bytes(), &roles).expect("a dialogue")).len(), 2);
    }
    let prose = "Pros: dry.\n\nCons: dear.\n\n".to_owned() + &"The wall stands and leans.\n\n".repeat(6);
    let outcome = import_bytes((prose.clone() + &prose).as_bytes(), &Roles::default()).expect("notes");
    assert_eq!((outcome.conversations.len(), outcome.found.drafted), (1, 1));
}

#[test]
fn text_without_speakers_is_called_what_it_is() {
    let says = |text: &str, roles: &Roles| {
        import_bytes(text.as_bytes(), roles).expect_err("no speakers").to_string()
    };
    let cases = [
        says("# Weirs\n\nProse.\n\n## Mills\n\nMore.\n", &assistant("Voice")),
        says("Anna: One.\n\nAnna: Two.\n\nAnna: Three.\n", &assistant("Voice")),
        says("Prose.\n", &assistant("Voice")),
    ];
    insta::assert_snapshot!(cases.join("\n"), @r"
    export is text in 2 sections (`Weirs` to `Mills`), without speakers; no line begins with `Voice` as a name
    export is text in which only `Anna` speaks, 3 times; no line begins with `Voice` as a name
    export is text without speakers; no line begins with `Voice` as a name
    ");
}

#[test]
fn who_speaks_once_in_a_log_ends_the_turn_before() {
    let chats = [
        "[3/2/26, 9:00:00] Tove: Why reeds?\n[3/2/26, 9:01:00] Heron: They hide me.\n[3/2/26, 9:02:00] ~ Ida: And frogs?\n[3/2/26, 9:03:00] Heron: They leap.\n[3/2/26, 9:04:00] Tove: And mud?\n[3/2/26, 9:05:00] Heron: It is soft.\n[3/2/26, 9:06:00] Tove: Good.\n",
        "03/02/2026, 09:00 - Tove: Why reeds?\n03/02/2026, 09:01 - Heron: They hide me.\n03/02/2026, 09:02 - Ida: And frogs?\n03/02/2026, 09:03 - Heron: They leap.\n03/02/2026, 09:04 - Tove: And mud?\n03/02/2026, 09:05 - Heron: It is soft.\n03/02/2026, 09:06 - Tove changed the subject to: boats\n",
        "Tove  00:01\nWhy reeds?\n\nHeron  00:07\nThey hide me.\n\nIda  00:31\nAnd frogs?\n\nHeron  00:40\nThey leap.\n\nTove  00:52\nAnd mud?\n\nHeron  00:59\nIt is soft.\n\nTove  01:03\nGood.\n",
    ];
    for chat in chats {
        let outcome = import_bytes(chat.as_bytes(), &assistant("Heron")).expect("a log");
        let expected =
            [("Why reeds?", "They hide me."), ("And frogs?", "They leap."), ("And mud?", "It is soft.")];
        assert_eq!(pairs(&outcome), expected.map(|(a, b)| (a.to_owned(), b.to_owned())), "{chat}");
    }
}

#[test]
fn a_file_beside_the_log_is_noticed_with_and_without_words() {
    for file in [
        "<attached: 00000005-PHOTO-2026-02-03.jpg>",
        "<adjunto: 00000005-PHOTO.jpg>",
        "<Anhang: 5-PHOTO.jpg>",
    ] {
        for words in ["", "See. "] {
            let log = format!(
                "[3/2/26, 9:00:00] Tove: {words}\u{200e}{file}\n[3/2/26, 9:00:09] Tove: What is it?\n[3/2/26, 9:01:00] Heron: A weir.\n[3/2/26, 9:04:00] Tove: And mud?\n[3/2/26, 9:05:00] Heron: It is soft.\n"
            );
            let outcome = import_bytes(log.as_bytes(), &assistant("Heron")).expect("a log");
            let found = outcome.candidates();
            assert_eq!(found[0].prompt_media_count, 1, "{log}");
            assert!(
                !found[0].prompt.contains("PHOTO") && found[0].prompt.starts_with(words.trim()),
                "{}",
                found[0].prompt
            );
        }
    }
}
