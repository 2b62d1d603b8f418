//! Notes and documents: sections of texts in which nobody speaks, with drafted prompts.

use std::path::PathBuf;

use affinage_dataset::candidate::{ContextPolicy, Learn, candidates_of};
use affinage_dataset::conversation::{Conversation, Provider};
use affinage_dataset::import::{
    AsNotes, ImportError, Item, LeftOutKind, Limits, Roles, Together, import_from_folder, is_dated,
};
use affinage_dataset::lint::{Subject, lint};

use crate::exports::{Outcome, import_bytes, import_within, zip_of};

/// Prompts and answers.
fn pairs(outcome: &Outcome) -> Vec<(String, String)> {
    outcome.candidates().into_iter().map(|c| (c.prompt, c.variants[0].text.clone())).collect()
}

fn prompts(outcome: &Outcome) -> Vec<String> {
    outcome.candidates().into_iter().map(|candidate| candidate.prompt).collect()
}

fn read(text: &str) -> Outcome {
    import_bytes(text.as_bytes(), &Roles::default()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn unread(outcome: &Outcome) -> Vec<String> {
    outcome.found.left_out.rows().iter().map(|row| format!("{}: {}", row.name, row.first)).collect()
}

const WEIR: &str =
    "The water falls over the old wall all day, and at night one hears it from the house on the hill.";

#[test]
fn notes_are_answers_whose_prompts_are_drafts() {
    let text = format!(
        "---\ntags: x\n---\n\n# Weirs\n\n## Old ones\n\n{WEIR}\n\n```sh\n\n# no heading\n```\n\n## Why do they stand?\nThey stand because nobody took them down after the war.\n"
    );
    let outcome = read(&text);
    assert_eq!(
        pairs(&outcome),
        [
            ("Write about: Weirs – Old ones".to_owned(), format!("{WEIR}\n\n```sh\n\n# no heading\n```")),
            (
                "Why do they stand?".to_owned(),
                "They stand because nobody took them down after the war.".to_owned()
            ),
        ]
    );
    assert_eq!((outcome.found.drafted, outcome.found.formats["note"]), (2, 2));
    for conversation in &outcome.conversations {
        assert_eq!(conversation.provider, Provider::Note);
        let mine = candidates_of(conversation, &ContextPolicy::default(), Learn::Mine);
        assert!(mine[0].prompt_drafted && mine[0].variants[0].by_person);
        assert_eq!(
            mine[0].variants[0].author.as_deref(),
            Some("me"),
            "a note is an answer, whoever is learnt"
        );
        let findings = lint(&[Subject::of_variant(&mine[0], &mine[0].variants[0])]);
        assert!(findings.iter().any(|finding| finding.rule == "L09"), "{findings:?}");
    }
}

#[test]
fn one_paragraph_is_a_note_and_long_text_is_several() {
    assert_eq!(
        pairs(&read(WEIR)),
        [(
            // Too short to be sure of the language: no words around the first ones.
            "“The water falls over the old wall all day, and at night …”".to_owned(),
            WEIR.to_owned(),
        )]
    );
    let long = (0..60).map(|n| format!("Wall {n} is old. {WEIR}")).collect::<Vec<_>>().join("\n\n");
    let outcome = read(&long);
    let found = pairs(&outcome);
    assert!(
        found.len() >= 4 && found.iter().all(|(_, text)| text.chars().count() <= 3000),
        "{}",
        found.len()
    );
    assert_eq!(
        found.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n\n"),
        long,
        "no word is lost"
    );
    assert_eq!(found[0].0, "Begin with the words: “Wall 0 is old.”");
    let mut different = prompts(&outcome);
    different.dedup();
    assert_eq!(different.len(), found.len());
}

#[test]
fn equal_headings_get_different_prompts() {
    let text = format!(
        "# On the old weir by the river\n\n{WEIR}\n\n# On the old weir by the river\n\nIt leans. It waits for the flood of spring.\n"
    );
    let about = "Write about: On the old weir by the river";
    assert_eq!(
        prompts(&read(&text)),
        [about.to_owned(), format!("{about}\nBegin with the words: “It leans.”")]
    );
}

#[test]
fn prompts_name_the_document_and_the_heading_each_once() {
    let mill = "The mill is loud in spring, and those who live beside it wake at night whenever it stops.";
    let visit = format!(
        "# Old weir, a visit\n\n{WEIR}\n\n## What I heard of it\n\n{mill}\n\n## Why a weir?\n\n{WEIR} So.\n"
    );
    let days = format!("# Days in May\n\n## Monday\n\n### Morning\n\n{WEIR}\n");
    let several = format!("## What I did there\n\n{WEIR}\n\n## The end of it all\n\n{mill}\n");
    let zip = zip_of(&[
        ("a/visit.md", visit.as_bytes()),
        ("b/days.md", days.as_bytes()),
        ("c/My father's shop.md", several.as_bytes()),
    ]);
    let outcome = import_bytes(&zip, &Roles::default()).expect("an archive");
    assert_eq!(
        prompts(&outcome),
        [
            "Write about: Old weir, a visit",
            "Write about: Old weir, a visit – What I heard of it",
            "Why a weir?",
            "Write about: Days in May – Monday – Morning",
            "Write about: My father's shop – What I did there",
            "Write about: My father's shop – The end of it all",
        ]
    );
}

#[test]
fn an_original_is_read_before_its_copies() {
    let zip = zip_of(&[
        ("a (copy).md", WEIR.as_bytes()),
        ("b/a 1.md", WEIR.as_bytes()),
        ("b/a.md", WEIR.as_bytes()),
    ]);
    let outcome = import_bytes(&zip, &Roles::default()).expect("an archive");
    let members: Vec<&str> = outcome.conversations.iter().map(|c| c.origin.member.as_str()).collect();
    assert_eq!(members, ["b/a.md", "b/a 1.md", "a (copy).md"]);
}

#[test]
fn names_given_are_obeyed_and_notes_can_be_asked_for() {
    let dialogue = "Anna: Why?\n\nVoice: Because.\n\nAnna: And?\n\nVoice: So.\n";
    let roles = |notes| Roles { assistants: vec!["Ida".to_owned()], notes, ..Roles::default() };
    let error = import_bytes(WEIR.as_bytes(), &roles(AsNotes::Unnamed)).expect_err("nobody is called Ida");
    assert!(
        matches!(&error, ImportError::NoSpeakers { .. })
            && error.way_out().is_some_and(|way| way.contains("--notes")),
        "{error}"
    );
    assert_eq!(import_bytes(WEIR.as_bytes(), &roles(AsNotes::Silent)).expect("a note").found.drafted, 1);
    let outcome = import_bytes(dialogue.as_bytes(), &roles(AsNotes::All)).expect("a note");
    assert_eq!(outcome.found.drafted, 1);
    assert_eq!(pairs(&outcome)[0].1, dialogue.trim());
}

#[test]
fn a_vault_is_read_as_it_is_seen() {
    let page = format!(
        "---\ncreated: 2026-03-04\n---\n#water\n\n{WEIR} See [[Mills|the mill]]. ^a1\n\n![[weir.png]]\n"
    );
    let zip = zip_of(&[
        ("vault/.obsidian/app.json", b"{}"),
        ("vault/walls/Old weirs.md", page.as_bytes()),
        ("vault/Untitled.md", b"Short."),
        ("vault/Mills.md", b"# Mills\n\n![[mill.png]]\n\nLoud.\n\n# Weirs\n\nThey lean over the water and wait for the spring.\n\n# See also\n\n- [[Old weirs]]\n- [[Mills|the mill]]\n"),
        ("vault/weir.png", b"\x89PNG\r\n\x1a\n"),
    ]);
    let outcome = import_bytes(&zip, &Roles::default()).expect("a vault");
    assert_eq!(
        pairs(&outcome),
        [
            ("Mills – Weirs".to_owned(), "They lean over the water and wait for the spring.".to_owned()),
            ("Write about: Old weirs".to_owned(), format!("{WEIR} See the mill.")),
        ]
    );
    let weirs = &outcome.conversations[1];
    assert_eq!((weirs.project.as_deref(), weirs.time_s), (Some("vault/walls"), Some(1_772_582_400.0)));
    // A picture is no part of the words, and no reason to leave them out.
    assert!(outcome.candidates().iter().all(|candidate| candidate.variants[0].beside.is_empty()));
    let left_out: Vec<String> =
        outcome.found.left_out.lines().iter().map(|l| format!("{} {}", l.count, l.what)).collect();
    assert_eq!(
        left_out,
        [
            "3 files of the archive or folder",
            "2 images, sounds and files",
            "1 section too short to be an answer",
            "1 part of a note that is not shown",
            "1 section of links only"
        ]
    );
    let short = "vault/Untitled.md: no note: no section of it has 8 words";
    assert!(unread(&outcome).contains(&short.to_owned()), "{:?}", unread(&outcome));
}

/// What an import left out, by kind and name.
fn bylines(outcome: &Outcome) -> Vec<(String, usize)> {
    let rows = outcome.found.left_out.rows().into_iter();
    rows.filter(|row| row.kind == LeftOutKind::Byline).map(|row| (row.name, row.count)).collect()
}

#[test]
fn who_wrote_a_text_and_when_is_no_text_of_it() {
    let page = format!(
        "<html><head><title>Old weirs</title></head><body><header><h1>Old weirs</h1><p class=author>I. Feld</p><p class=date>3 May 2020</p></header><p>{WEIR}</p><footer>© Mill Press</footer></body></html>"
    );
    let outcome = read(&page);
    assert_eq!(pairs(&outcome), [("Write about: Old weirs".to_owned(), WEIR.to_owned())]);
    assert_eq!(bylines(&outcome), [("3 May 2020".to_owned(), 1), ("I. Feld".to_owned(), 1)]);
    let note = format!("---\nauthor: Ida Feld\n---\n\n# Old weirs\n\n*Ida Feld*\n\n{WEIR}\n");
    assert_eq!(pairs(&read(&note)), [("Write about: Old weirs".to_owned(), WEIR.to_owned())]);
    // Nobody says that this is a name.
    let note = format!("# Old weirs\n\nIda Feld\n\n{WEIR}\n");
    assert_eq!(pairs(&read(&note))[0].1, format!("Ida Feld\n\n{WEIR}"));
}

#[test]
fn a_page_names_its_author_and_its_day_in_several_ways() {
    let heads = [
        "<p>By Jane Doe, 3 May</p>",
        "<address>By <a rel=\"author\" href=\"/jane\">Jane Doe</a>, <time datetime=2020-05-03>3 May 2020</time></address>",
        "<div class=\"post-byline\"><span class=\"post-author\">Jane Doe</span> | <span class=\"entry-date\">May 3rd, 2020</span></div>",
        "<p>Jane Doe</p><p><a rel=author href=/jane>Jane Doe</a></p>",
    ];
    for head in heads {
        let outcome = read(&format!(
            "<html><head><title>Old weirs</title></head><body><h1>Old weirs</h1>{head}<p>{WEIR}</p>\
             <p>We met at <time>10:30</time> and left before the rain came down on the mill.</p></body></html>"
        ));
        let answer = &pairs(&outcome)[0].1;
        assert!(answer.starts_with(WEIR) && answer.contains("We met at 10:30 and"), "{head}: {answer}");
        assert!(!bylines(&outcome).is_empty(), "{head}");
    }
    // Nobody says that these words name somebody.
    let outcome = read(&format!(
        "<html><body><h1>Old weirs</h1><p>By Mill Lane, in May</p><p>{WEIR}</p></body></html>"
    ));
    assert!(pairs(&outcome)[0].1.starts_with("By Mill Lane"), "{:?}", pairs(&outcome));
}

#[test]
fn a_heading_that_is_only_a_day_is_no_prompt() {
    let text = format!(
        "# 2023-11-02\n\n{WEIR}\n\n## Morning\n\nThe mill is loud in spring, and those who live beside it wake at night \
         whenever it stops.\n\n# What I think of mills\n\nThey are the only houses that work while their owners sleep upstairs.\n"
    );
    let outcome = read(&text);
    assert_eq!(
        prompts(&outcome),
        [
            "Begin with the words: “The water falls over the old wall all day, and at night …”",
            "Write about: 2023-11-02 – Morning",
            "Write about: What I think of mills",
        ]
    );
    let dated: Vec<bool> = outcome.conversations.iter().map(is_dated).collect();
    assert_eq!(dated, [true, true, false], "both stand under a day");
    // What is dated for a freeze has the same day among topics and years.
    let times: Vec<Option<f64>> = outcome.conversations.iter().map(|found| found.time_s).collect();
    assert_eq!(times, [Some(1_698_883_200.0), Some(1_698_883_200.0), None]);
    let zip = zip_of(&[
        ("Daily/2023-11-02.md", format!("## Weather of the week\n\n{WEIR}\n").as_bytes()),
        ("Daily/2023-11-02 Mills.md", WEIR.as_bytes()),
    ]);
    let outcome = import_bytes(&zip, &Roles::default()).expect("an archive");
    let dated: Vec<bool> = outcome.conversations.iter().map(is_dated).collect();
    assert_eq!(dated, [true, false], "a name of words is no day");
}

/// The notes of the texts of a folder, one each.
fn of_folder(texts: &[String]) -> Vec<Conversation> {
    let mut together = Together::default();
    texts.iter().for_each(|text| together.look_at_head("note.md", text.as_bytes()));
    let mut notes = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let name = format!("{number}.txt");
        let bytes = std::io::Cursor::new(text.as_bytes());
        let found = import_from_folder::<ImportError>(
            bytes,
            &name,
            &Roles::default(),
            &Limits::default(),
            &mut together,
            &mut |item| {
                if let Item::Conversation(conversation) = item {
                    notes.push(conversation);
                }
                Ok(())
            },
        );
        assert_eq!(found.expect("a note").conversations, 1);
    }
    notes
}

#[test]
fn of_a_few_words_the_language_is_that_of_the_texts_beside_them() {
    let list = "# For the weir\n\n- nails, two pounds\n- lamp oil\n- hide glue, one tin\n".to_owned();
    let german = "Das Rad steht still, wenn kein Wasser im Tal ist, und niemand im Dorf weiß, warum man es so hoch über dem Fluss gebaut hat.";
    let asked = |beside: &[&str]| {
        let texts = beside.iter().map(|text| (*text).to_owned()).chain([list.clone()]).collect::<Vec<_>>();
        of_folder(&texts).pop().expect("the list").nodes[0].visible_text()
    };
    let english = format!("{WEIR} Nobody knows who built it, or why it was built so high above the river.");
    assert_eq!(asked(&[]), "For the weir");
    assert_eq!(asked(&[&english]), "Write about: For the weir");
    assert_eq!(asked(&[german]), "Schreibe über: For the weir");
    assert_eq!(asked(&[&english, german]), "For the weir", "no language is that of nearly all");
}

#[test]
fn a_name_at_the_head_of_several_texts_of_a_folder_is_their_byline() {
    let texts = |count: usize| {
        (0..count).map(|n| format!("Old weir {n}\n\nIda Feld\n\n{n} {WEIR}\n")).collect::<Vec<_>>()
    };
    let answers = |texts: &[String]| {
        let found = of_folder(texts);
        found.iter().map(|note| note.nodes[1].visible_text()).collect::<Vec<String>>()
    };
    let expected: Vec<String> = (0..3).map(|n| format!("{n} {WEIR}")).collect();
    assert_eq!(answers(&texts(3)), expected);
    assert!(answers(&texts(2))[0].contains("Ida Feld"), "two are no pattern");
}

#[test]
fn a_short_first_line_is_the_title_of_a_plain_text() {
    let text =
        format!("TWO KINDS OF WEIR\n\n{WEIR}\n\n---\n\nThe other kind is made of wood and does not last.\n");
    let about = "Write about: TWO KINDS OF WEIR";
    assert_eq!(
        pairs(&read(&text)),
        [
            (about.to_owned(), WEIR.to_owned()),
            (
                format!("{about}\nBegin with the words: “The other kind is made of wood and does not last.”"),
                "The other kind is made of wood and does not last.".to_owned()
            )
        ]
    );
}

#[test]
fn sections_that_are_cut_are_counted_with_their_parts() {
    use affinage_dataset::import::Cut;
    let long: Vec<String> = (0..30).map(|i| format!("{WEIR} This is paragraph {i}.")).collect();
    let outcome = read(&format!("# Short\n\n{WEIR}\n\n# Long\n\n{}\n", long.join("\n\n")));
    let parts = outcome.found.drafted - 1;
    assert!(parts > 1, "{parts}");
    assert_eq!(outcome.found.cut, Cut { sections: 1, parts });
    assert_eq!(read(&format!("# Short\n\n{WEIR}\n")).found.cut, Cut::default());
}

#[test]
fn footnotes_are_taken_out_and_quotes_are_counted() {
    let text =
        format!("# Weirs\n\n> A weir is\n> a low wall.\n\n{WEIR}[^1]\n\n[^1]: So says the guide of 1801.\n");
    let outcome = read(&text);
    assert_eq!(pairs(&outcome)[0].1, format!("> A weir is\n> a low wall.\n\n{WEIR}"));
    assert_eq!(outcome.found.quoted_words, 6);
    let rows = outcome.found.left_out.rows();
    assert_eq!((rows[0].kind, rows[0].count), (LeftOutKind::FootnoteOfNote, 1));
}

#[test]
fn an_export_of_notion_has_its_titles_and_no_tables_of_pages() {
    let hash = "0123456789abcdef0123456789abcdef";
    let page = format!(
        "# Weirs\n\nCreated: March 4, 2026\nTags: water\n\n{WEIR}\n\nSee [Mills](Mills%20{hash}.md).\n"
    );
    let names = [
        format!("Garden {hash}/Weirs {hash}.md"),
        format!("Garden {hash}.csv"),
        format!("Garden {hash}_all.csv"),
    ];
    let zip = zip_of(&[
        (&names[0], page.as_bytes()),
        (&names[1], b"Name,Tags\nWeirs,water\n"),
        (&names[2], b"Name,Tags\nWeirs,water\n"),
    ]);
    let outcome = import_bytes(&zip, &Roles::default()).expect("an export");
    assert_eq!(pairs(&outcome), [("Write about: Weirs".to_owned(), format!("{WEIR}\n\nSee Mills."))]);
    assert_eq!(outcome.conversations[0].project.as_deref(), Some("Garden"));
    let why = "a table of the pages in the folder next to it";
    let tables = [1, 2].map(|table| format!("{}: {why}", names[table]));
    assert_eq!(unread(&outcome), [&tables[..], &["property: ".to_owned()]].concat());
}

#[test]
fn tables_are_rows_or_notes_or_named() {
    let rows = zip_of(&[("rows.csv", "Question,Answer\nWhy?,\"Because, so.\"\n".as_bytes())]);
    let outcome = import_bytes(&rows, &Roles::default()).expect("rows");
    assert_eq!(pairs(&outcome), [("Why?".to_owned(), "Because, so.".to_owned())]);
    assert_eq!(outcome.found.drafted, 0);
    let notes = format!("Name,Text\nOn the weir and its water,\"{WEIR}\"\n");
    let outcome =
        import_bytes(&zip_of(&[("notes.csv", notes.as_bytes())]), &Roles::default()).expect("notes");
    assert_eq!(prompts(&outcome), ["Write about: On the weir and its water"]);
    let outcome =
        import_bytes(&zip_of(&[("sums.csv", b"a,b\n1,2\n")]), &Roles::default()).expect("an archive");
    assert_eq!(
        unread(&outcome),
        ["sums.csv: a table without a column of texts, or of prompts and answers (its columns: a, b)"]
    );
}

#[test]
fn pages_are_notes_unless_somebody_speaks_in_them() {
    let page = format!(
        "<!DOCTYPE html><html><head><title>Old weirs</title></head><body><nav>Home</nav><p>{WEIR}</p><p>They l&auml;an.</p></body></html>"
    );
    assert_eq!(pairs(&read(&page)), [("Write about: Old weirs".to_owned(), format!("{WEIR}\n\nThey läan."))]);
    let folder = zip_of(&[("notes/weirs.html", page.as_bytes()), ("notes/mud.md", WEIR.as_bytes())]);
    let of_folder = import_bytes(&folder, &Roles::default()).expect("an archive");
    assert_eq!(of_folder.conversations.len(), 2, "{:?}", of_folder.found.notes);
    let chat = "<html><body><h5>You said:</h5><p>Why?</p><h5>ChatGPT said:</h5><p>So.</p><h5>You said:</h5><p>And?</p><h5>ChatGPT said:</h5><p>No.</p></body></html>";
    let outcome = read(chat);
    assert_eq!(
        (pairs(&outcome)[0].clone(), outcome.found.drafted),
        (("Why?".to_owned(), "So.".to_owned()), 0)
    );
}

/// A document of `testdata/notes`.
fn document(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/notes");
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn documents_of_every_kind_are_the_same_sections() {
    let weir = "The water falls over the old wall all day, and at night one hears it from the house on the hill. Nobody knows who built it, or why it was built so high above the river.";
    let mill = "The mill is loud. It stands below the wall, and its wheel is never still, neither in spring nor in autumn, so that those who live beside it wake when it stops.";
    for name in ["weirs.docx", "weirs.odt", "weirs.epub", "weirs.pdf"] {
        let outcome = import_bytes(&document(name), &Roles::default())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = pairs(&outcome);
        assert_eq!(found[0], ("Write about: Of weirs".to_owned(), weir.to_owned()), "{name}");
        assert_eq!(found[1], ("Write about: Of mills".to_owned(), mill.to_owned()), "{name}");
        assert!(outcome.rejects.is_empty(), "{name}");
    }
    let zip = zip_of(&[("a.docx", &document("weirs.docx")), ("b/c.pdf", &document("weirs.pdf"))]);
    let outcome = import_bytes(&zip, &Roles::default()).expect("an archive");
    // The third section of the PDF has six words.
    let short = outcome.found.left_out.rows().into_iter().filter(|row| row.kind == LeftOutKind::ShortSection);
    assert_eq!((outcome.found.drafted, short.map(|row| row.count).sum::<usize>()), (4, 1));
}

#[test]
fn what_cannot_be_read_is_named_with_a_way_out() {
    let says = |name: &str| {
        let error = import_bytes(&document(name), &Roles::default()).expect_err(name);
        format!("{error}: {}", error.way_out().expect("a way out"))
    };
    insta::assert_snapshot!(["locked.odt", "locked.pdf", "scan.pdf"].map(says).join("\n"), @r"
    export is a document with a password, which affinage does not read: open it and save it as .docx or .odt without a password, and import that file
    export is a PDF document with a password, which affinage does not read: open it and save or print it as a PDF without a password, and import that file
    export is a PDF document without a text layer (a scan, or pictures), which affinage does not read: let a program recognise its text first (for instance `ocrmypdf scan.pdf text.pdf`), and import what it makes
    ");
}

#[test]
fn a_document_that_unpacks_to_too_much_is_refused() {
    let text = format!("<w:document><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:document>", " ".repeat(4 << 20));
    let bomb = zip_of(&[("word/document.xml", text.as_bytes())]);
    for limits in [
        Limits { unpacked_floor_bytes: 1 << 20, ..Limits::default() },
        Limits { text_bytes: 1 << 20, ..Limits::default() },
    ] {
        let refused = import_within(&bomb, &Roles::default(), &limits);
        assert!(matches!(refused, Err(ImportError::Bomb { .. })), "{refused:?}");
    }
}
