//! Notes and documents, from a folder to a frozen version, and what happens to files that cannot be read.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::data::json_of;
use crate::{affinage, desk, temp_dir, transcript};

fn project() -> tempfile::TempDir {
    let dir = temp_dir();
    let made = affinage(dir.path()).arg("init").output().expect("the binary starts");
    assert!(made.status.success());
    dir
}

/// A paragraph of words that no two numbers share.
fn paragraph(number: usize) -> String {
    let word = |mut n: usize| -> String {
        let letter = |n: &mut usize| {
            let letter = char::from(b'a' + (*n % 26) as u8);
            *n /= 26;
            letter
        };
        (0..5).map(|_| letter(&mut n)).collect()
    };
    let words: Vec<String> = (0..30).map(|i| word(number * 7919 + i * 97)).collect();
    format!("{}.", words.join(" "))
}

fn write(path: PathBuf, text: impl AsRef<[u8]>) {
    fs_err::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs_err::write(path, text).expect("written");
}

fn document(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/notes");
    fs_err::read(folder.join(name)).expect("a document")
}

/// Forty notes, one a file.
fn forty(dir: &Path) {
    for number in 0..40 {
        write(
            dir.join(format!("vault/part {}/Weir {}.md", number % 3, paragraph(number))),
            paragraph(100 + number),
        );
    }
}

#[test]
fn forty_notes_are_a_frozen_data_set_that_says_which_prompts_are_drafts() {
    let dir = project();
    let dir = dir.path();
    forty(dir);
    let said = transcript(dir, &["import", "vault"]);
    for part in [
        "vault: 40 sections of notes in 40 files (40 new, 0 grown since)",
        "no dialogue: 40 sections are answers in your own words; their prompts are drafted by rule",
        "hint: the prompts of notes are drafts",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("new message"), "nobody speaks in notes: {said}");
    assert_eq!(said.matches("`affinage review`").count(), 1, "one way to the desk: {said}");
    let again = json_of(dir, &["import", "vault"]);
    assert_eq!(
        (&again["files"][0]["drafted"], &again["files"][0]["conversations_new"]),
        (&json!(40), &json!(0))
    );
    assert_eq!(again["overview"]["shares"], json!({ "person": 1.0 }));

    let frozen = json_of(dir, &["dataset", "--accept-clean"]);
    assert_eq!(frozen["manifest"]["counts"]["drafted"], 40);
    let folder = PathBuf::from(frozen["folder"].as_str().expect("a path"));
    let card = fs_err::read_to_string(folder.join("card.md")).expect("a card");
    assert!(card.contains("Prompts drafted by rule: 40."), "{card}");
    let lineage = fs_err::read_to_string(folder.join("lineage.jsonl")).expect("lineage");
    assert_eq!(lineage.lines().filter(|line| line.contains("\"prompt_drafted\":true")).count(), 40);

    // One prompt is written by hand, one is accepted as it is.
    transcript(dir, &["review", "--export", "cards.jsonl"]);
    let text = fs_err::read_to_string(dir.join("cards.jsonl")).expect("cards");
    let mut cards: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a card")).collect();
    assert!(cards.iter().all(|card| card["prompt_drafted"] == true), "{}", cards[0]);
    cards[0]["decision"] = json!("edit");
    cards[0]["new_prompt"] = json!("What was the last thing the river said to you?");
    cards[1]["decision"] = json!("accept");
    let lines: Vec<String> = cards.iter().map(Value::to_string).collect();
    fs_err::write(dir.join("cards.jsonl"), lines.join("\n") + "\n").expect("written");
    json_of(dir, &["review", "--import", "cards.jsonl"]);
    let said = transcript(dir, &["dataset", "--accept-clean"]);
    assert!(said.contains("notes: 39 examples have prompts drafted by rule"), "{said}");
}

#[test]
fn a_diary_is_not_taken_unasked_and_what_is_taken_is_named_first() {
    let dir = project();
    let dir = dir.path();
    forty(dir);
    for day in 1..=9 {
        write(dir.join(format!("vault/Daily/2023-11-0{day}.md")), paragraph(500 + day));
    }
    write(dir.join("vault/journal.md"), format!("# 3 May 2023\n\n{}\n", paragraph(600)));
    let said = transcript(dir, &["import", "vault"]);
    assert!(
        said.contains("10 sections are dated (diaries, journals): `--accept-clean` leaves them out"),
        "{said}"
    );
    let said = transcript(dir, &["lint"]);
    assert!(said.contains("10 of the clean ones are dated: `--accept-clean` leaves dated notes"), "{said}");
    assert_eq!(json_of(dir, &["lint"])["clean_dated"], 10);
    let said = transcript(dir, &["dataset", "--accept-clean"]);
    assert!(said.contains("10 dated notes (daily notes, journals"), "{said}");
    assert!(said.contains("add `--dated-notes`"), "{said}");
    let named = said.find("taken although you have not looked at it");
    assert!(named.is_some() && named < said.find("frozen: "), "{said}");
    assert!(said.contains("   14  in the notes of part 0/"), "{said}");
    assert!(!said.contains("Daily"), "{said}");
    let version = json_of(dir, &["dataset", "--accept-clean"])["manifest"].clone();
    assert_eq!(
        (&version["counts"]["dated"], &version["counts"]["accepted"], &version["rules"]["selection"]),
        (&json!(10), &json!(40), &json!("accept-clean"))
    );
    let version = json_of(dir, &["dataset", "--accept-clean", "--dated-notes"])["manifest"].clone();
    assert_eq!(
        (&version["counts"]["dated"], &version["counts"]["accepted"], &version["rules"]["selection"]),
        (&json!(0), &json!(50), &json!("accept-clean-dated"))
    );
    // One that a person accepts is taken like any other.
    transcript(dir, &["review", "--export", "cards.jsonl"]);
    let text = fs_err::read_to_string(dir.join("cards.jsonl")).expect("cards");
    let own = text.lines().find(|line| line.contains(&paragraph(600))).expect("the card of the journal");
    let mut card: Value = serde_json::from_str(own).expect("a card");
    card["decision"] = json!("accept");
    fs_err::write(dir.join("cards.jsonl"), format!("{card}\n")).expect("written");
    json_of(dir, &["review", "--import", "cards.jsonl"]);
    let version = json_of(dir, &["dataset", "--accept-clean"])["manifest"].clone();
    assert_eq!((&version["counts"]["dated"], &version["counts"]["accepted"]), (&json!(9), &json!(41)));
}

#[test]
fn a_pasted_paragraph_is_a_note_also_where_roles_are_configured() {
    let dir = project();
    let dir = dir.path();
    let config = dir.join("affinage.toml");
    let text = fs_err::read_to_string(&config).expect("a configuration");
    fs_err::write(&config, text.replace("[dataset.roles]", "[dataset.roles]\nIda = \"assistant\"\n"))
        .expect("written");
    let paste = |text: &str, args: &[&str]| {
        let mut command = affinage(dir);
        command
            .args(["import", "-"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
        let output = child.wait_with_output().expect("an end");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (done, said) = paste(&paragraph(1), &[]);
    assert!(
        done && said.contains("1 section is an answer in your own words; its prompt is drafted"),
        "{said}"
    );
    let dialogue = "Anna: Why a weir?\n\nBob: To slow the river.\n\nAnna: And after?\n\nBob: It hurries.\n";
    let (done, said) = paste(dialogue, &["--role", "Bob=assistant"]);
    assert!(done && said.contains("turns by speaker: Anna 2, Bob 2"), "{said}");
    let (done, said) = paste("Cass: Why?\n\nBob: So.\n\nCass: When?\n\nBob: Now.\n", &["--notes"]);
    assert!(done && said.contains("1 section is an answer"), "{said}");
    let (done, said) = paste("Eve: Why?\n\nTom: So.\n\nEve: When?\n\nTom: Now.\n", &[]);
    assert!(
        !done && said.contains("found speakers `Eve` (2), `Tom` (2)") && said.contains("--notes"),
        "{said}"
    );
}

#[test]
fn documents_become_notes_and_the_others_are_named() {
    let dir = project();
    let dir = dir.path();
    for name in ["weirs.docx", "weirs.odt", "weirs.pdf", "locked.odt", "locked.pdf", "scan.pdf", "loop.pdf"] {
        write(dir.join("papers").join(name), document(name));
    }
    let found = json_of(dir, &["import", "papers"]);
    assert_eq!(
        found["files"][0]["drafted"], 6,
        "two documents are the same, and six words are no section: {found}"
    );
    let rows = found["files"][0]["left_out"].as_array().expect("rows");
    let shown: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "{}: {}",
                row["name"].as_str().unwrap_or_default(),
                row["first"].as_str().unwrap_or_default()
            )
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    locked.odt: a document with a password: open it and save it as .docx or .odt without a password, and import that file
    locked.pdf: a PDF document with a password: open it and save or print it as a PDF without a password, and import that file
    loop.pdf: a PDF document that takes too much time or memory to read: copy the text you want into a .txt or .md file, and import that
    scan.pdf: a PDF document without a text layer (a scan, or pictures): let a program recognise its text first (for instance `ocrmypdf scan.pdf text.pdf`), and import what it makes
    : weirs.pdf
    ");
}

#[test]
fn a_pdf_that_unpacks_to_gigabytes_costs_a_message() {
    let dir = project();
    let dir = dir.path();
    // Spaces, packed some hundred times.
    let packed = {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        let zeros = vec![b' '; 1 << 20];
        (0..1600).for_each(|_| encoder.write_all(&zeros).expect("memory"));
        encoder.finish().expect("memory")
    };
    let mut pdf = b"%PDF-1.5\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>\nendobj\n".to_vec();
    let stream = pdf.len();
    pdf.extend(format!("4 0 obj\n<< /Filter /FlateDecode /Length {} >>\nstream\n", packed.len()).bytes());
    pdf.extend(packed);
    let table = pdf.len() + "\nendstream\nendobj\n".len();
    pdf.extend(
        format!("\nendstream\nendobj\nxref\n4 1\n{stream:010} 00000 n \ntrailer << /Size 5 /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n")
            .bytes(),
    );
    fs_err::write(dir.join("bomb.pdf"), pdf).expect("written");
    let said = transcript(dir, &["import", "bomb.pdf"]);
    assert!(
        said.starts_with("exit: 1\n") && said.contains("bomb.pdf is a") && said.contains("PDF document"),
        "{said}"
    );
}

#[test]
fn the_last_line_says_how_many_files_failed_and_a_wrong_name_the_right_one() {
    let dir = project();
    let dir = dir.path();
    fs_err::write(dir.join("Letters 2026.md"), paragraph(1)).expect("written");
    fs_err::write(dir.join("empty.txt"), "").expect("written");
    let last = |args: &[&str]| {
        let said = transcript(dir, args);
        assert!(said.starts_with("exit: 1\n"), "{said}");
        said.lines().rfind(|line| line.starts_with("error:")).expect("an error").to_owned()
    };
    assert_eq!(
        last(&["import", "Letters 2026.md", "empty.txt", "none.txt"]),
        "error: 2 of 3 files could not be imported; see above: empty.txt, none.txt"
    );
    assert_eq!(
        last(&["import", "empty.txt", "none.txt"]),
        "error: none of the 2 files could be imported; see above"
    );
    for wrong in ["letters 2026", "Leters 2026.md"] {
        let said = transcript(dir, &["import", wrong]);
        assert!(said.contains(&format!("error: there is no file or folder {wrong}")), "{said}");
        assert!(said.contains("hint: did you mean Letters 2026.md?"), "{said}");
    }
}

/// Four notes; three begin with the same line.
fn with_one_first_line(dir: &Path) {
    for number in 0..4 {
        let first = if number < 3 { "It rained again all morning.\n\n" } else { "" };
        write(
            dir.join(format!("vault/Day {}.md", paragraph(number))),
            format!("{first}{}", paragraph(50 + number)),
        );
    }
}

#[test]
fn what_keeps_a_note_out_is_said_by_the_freeze_by_lint_and_at_the_desk() {
    let dir = project();
    let dir = dir.path();
    with_one_first_line(dir);
    transcript(dir, &["import", "vault"]);

    let said = transcript(dir, &["lint"]);
    for part in [
        "4 examples: 1 clean, 3 with warnings",
        ".md, answer: 3 examples, 3 texts",
        "hint: all findings of a rule: `affinage lint --rule L11`",
        "hint: decide on them: `affinage review`; or freeze what is clean: `affinage dataset --accept-clean`",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = transcript(dir, &["lint", "--rule", "l11"]);
    assert_eq!((said.matches("3 examples, 3 texts").count(), said.contains("L09")), (3, false), "{said}");
    assert!(transcript(dir, &["lint", "--rule", "L99"]).contains("no rule is called so"));
    let found = json_of(dir, &["lint"]);
    assert_eq!(
        (&found["clean"], &found["with_warnings"], &found["with_errors"]),
        (&json!(1), &json!(3), &json!(0))
    );

    let page = desk::open(dir);
    let filters = page.wait("api/filters", |filters| filters["rules"].to_string().contains("L11"));
    let rule = filters["rules"].as_array().expect("rules").iter().find(|rule| rule["id"] == "L11");
    assert_eq!(rule.expect("compared")["count"], 3);
    assert_eq!(page.get("api/dashboard")["flags"]["L11 the same first or last line in several texts"], 3);
    let group = json!({ "by": "flag", "value": "L11" });
    let flagged = page.post("api/group", &group);
    assert_eq!(flagged["count"], 3);
    let id = flagged["shown"][0]["id"].as_str().expect("a card");
    let card = page.get(&format!("api/card?id={id}"));
    let flags = card["variants"][0]["flags"].as_array().expect("flags");
    let flag = flags.iter().find(|flag| flag["rule"] == "L11").unwrap_or_else(|| panic!("{card}"));
    assert_eq!((&flag["start"], &flag["end"]), (&json!(0), &json!(28)));
    assert_eq!(page.get("api/topics")["is_notes_only"], true);
    assert_eq!(page.get("api/topics")["has_notes"], true);
    assert_eq!(page.get("api/dashboard")["has_notes"], true);
    drop(page);

    // One of them is decided on, so there is enough to split.
    forty(dir);
    transcript(dir, &["import", "vault"]);
    let said = transcript(dir, &["dataset", "--accept-clean"]);
    for part in [
        "left out because lint found something in them:",
        "    3  L11 the same first or last line in several texts",
        "hint: see them: `affinage lint --rule L11`; to take those with a warning all the same: `affinage review`, List",
        "41 examples: about 60 are enough for a first small model to talk to",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_note_that_calls_itself_private_and_a_page_by_somebody_are_not_taken_unasked() {
    let dir = project();
    let dir = dir.path();
    forty(dir);
    write(
        dir.join("vault/own.md"),
        format!("---\ntags: [daily, private]\n---\n# Fears\n\n{}", paragraph(71)),
    );
    let page = format!(
        "<html><head><title>On drains</title><meta name=\"author\" content=\"Otto Mill\"></head><body><article>\
         <h1>On drains</h1><p>By Otto Mill</p><p>{}</p></article></body></html>",
        paragraph(72)
    );
    write(dir.join("vault/drains.html"), page);
    write(
        dir.join("vault/draft.md"),
        format!("+++\ntitle = 'Of gutters'\ndraft = true\n+++\n\n{}", paragraph(73)),
    );
    write(
        dir.join("vault/clipped.md"),
        format!(
            "---\r\nauthor:\r\n  - name: Tove Berg\r\nsource: https://a.test/gutters\r\n---\r\n\r\n{}",
            paragraph(74)
        ),
    );
    let said = transcript(dir, &["import", "vault"]);
    for part in [
        "1 section whose front matter or tags say that it is private",
        "1 section whose front matter says that it is a draft or not to be published",
        "2 sections of a saved page or a note that names another author (keep it at the desk if that is you)",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = transcript(dir, &["dataset", "--accept-clean"]);
    for part in ["40 examples:", "  1 held private\n", "  3 in conversations that are skipped or set aside\n"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(said.contains("it cannot know what else is private"), "{said}");
}

#[test]
fn a_name_at_the_head_of_every_note_keeps_none_out_and_a_note_that_is_gone_is_named() {
    let dir = project();
    let dir = dir.path();
    for number in 0..4 {
        let text = format!(
            "# {}\n\nIda Feld\n\n> {}\n\n{}",
            paragraph(number),
            paragraph(20 + number),
            paragraph(50 + number)
        );
        write(dir.join(format!("vault/{number}.md")), text);
    }
    let said = transcript(dir, &["import", "vault"]);
    assert!(said.contains("bylines taken off") && said.contains("4  Ida Feld 4"), "{said}");
    assert!(said.contains("quoted: 120 words of them stand in block quotes"), "{said}");
    assert!(transcript(dir, &["lint"]).contains("4 examples: 4 clean"));

    fs_err::remove_file(dir.join("vault/2.md")).expect("there");
    fs_err::rename(dir.join("vault/3.md"), dir.join("vault/4.md")).expect("there");
    let said = transcript(dir, &["import", "vault"]);
    assert!(said.contains("no longer in the folder, but still in the library: 1 file: vault/2.md"), "{said}");
    assert!(
        said.contains("hint: take it out of the library too: `affinage import --forget vault/2.md`"),
        "{said}"
    );
    assert!(!said.contains("vault/3.md"), "it has another name now: {said}");
}

#[test]
fn files_that_programs_bring_along_are_named_by_the_import() {
    let dir = project();
    let dir = dir.path();
    for (number, name) in
        ["own.md", "README.md", "code/LICENSE-MIT.txt", "readings.md", "code/node/changelog.md"]
            .iter()
            .enumerate()
    {
        write(dir.join("vault").join(name), paragraph(800 + number));
    }
    let said = transcript(dir, &["import", "vault"]);
    let line =
        said.lines().find(|line| line.contains("perhaps a program's or a copy: 3 files")).expect("the line");
    for name in ["README.md", "LICENSE-MIT.txt", "changelog.md"] {
        assert!(line.contains(name), "{said}");
    }
    assert!(!line.contains("readings.md") && !line.contains("own.md"), "{said}");
    write(dir.join("plain/own.md"), paragraph(900));
    assert!(!transcript(dir, &["import", "plain"]).contains("perhaps a program's"));
}
