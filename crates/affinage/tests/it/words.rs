//! What commands say in places that are easily reached and easily forgotten: nothing there yet, or something gone.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use crate::data::{chat, export};
use crate::{affinage, temp_dir, tiny, transcript};

#[test]
fn an_empty_project_says_how_to_fill_it() {
    let dir = temp_dir();
    transcript(dir.path(), &["init"]);
    fs_err::write(dir.path().join("empty.md"), "").expect("written");
    // A library without a source.
    transcript(dir.path(), &["import", "empty.md"]);
    for args in [&["import"][..], &["dataset"], &["dataset", "--accept-clean"], &["run", "--accept-clean"]] {
        let said = transcript(dir.path(), args);
        let hint = "\n\nhint: bring your conversations and notes: `affinage import FILE...`\n";
        assert!(said.ends_with(hint), "{args:?}: {said}");
    }
    let mut pasting = affinage(dir.path())
        .args(["import", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    pasting.stdin.take().expect("a pipe").write_all(b" \n").expect("pasted");
    let output = pasting.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("error: nothing was pasted"), "{said}");
}

#[test]
fn what_is_found_is_shown_with_its_speaker_its_day_and_a_count() {
    let dir = temp_dir();
    transcript(dir.path(), &["init"]);
    let mut chats: Vec<Value> = (0..60).map(|number| chat(number, 1)).collect();
    for (number, chat) in chats.iter_mut().enumerate() {
        let message = &mut chat["mapping"][format!("{number}-0-1")]["message"];
        message["create_time"] = 1.7e9.into();
        message["content"]["parts"][0] = format!("The weir of day {number} waits.").into();
    }
    export(dir.path(), "chats.json", &chats);
    transcript(dir.path(), &["import", "chats.json"]);
    let said = transcript(dir.path(), &["import", "--find", "weir"]);
    assert!(said.contains("t · assistant · 2023-11-14\n"), "{said}");
    assert!(said.ends_with("60 messages, the best 50 are shown\n"), "{said}");
    let said = transcript(dir.path(), &["import", "--find", "\"day 7 waits\""]);
    assert!(said.ends_with("1 message\n"), "{said}");
    assert_eq!(
        transcript(dir.path(), &["import", "--find", "zzqqx"]),
        "exit: 0\n--- stdout\n--- stderr\nno message holds zzqqx\n"
    );
}

#[test]
fn the_base_does_not_pass_for_a_model_whose_folder_is_gone() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let ask =
        |args: &[&str]| transcript(dir.path(), &[&["chat"], args, &["--prompt", "What is kalo?"]].concat());
    let before = ask(&[]);
    assert!(before.starts_with("exit: 0") && before.contains("base · no adapter"), "{before}");
    fs_err::create_dir(dir.path().join("runs")).expect("made");
    let gone = ask(&[]);
    assert!(gone.starts_with("exit: 1") && gone.contains("its folder in runs/ is missing"), "{gone}");
    assert!(gone.contains("`affinage chat base`"), "{gone}");
    assert!(ask(&["base"]).starts_with("exit: 0"), "who asks for the base gets it");
}

#[test]
fn lint_says_that_a_version_is_not_what_was_frozen() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let warning = "warning: these are not the texts that were frozen: ";
    assert!(!transcript(dir.path(), &["lint", "v1"]).contains(warning));
    let datasets = fs_err::read_dir(dir.path().join("datasets")).expect("a folder");
    let version = datasets.last().expect("a version").expect("readable").path();
    let train = version.join("train.jsonl");
    let text = fs_err::read_to_string(&train).expect("rows");
    fs_err::write(&train, text.replacen("It is", "It was", 1)).expect("edited");
    let said = transcript(dir.path(), &["lint", "v1"]);
    assert!(said.contains(warning), "{said}");
}

/// One word for each thing on every screen, those of the README: a topic (of conversations), a card (a prompt with its answers),
/// a prompt, an answer, a section (of a note). These are the words of the code for the same things.
const ONLY_IN_CODE: [&str; 5] = ["shelf", "shelves", "candidate", "candidates", "territory"];

/// The word of [`ONLY_IN_CODE`] that a text has, if any.
fn word_of_code(text: &str) -> Option<&str> {
    let marks = |sign: char| !sign.is_alphanumeric() && !"-_.`'\"[]/".contains(sign);
    text.split(marks).find(|word| ONLY_IN_CODE.contains(&word.to_lowercase().as_str()))
}

/// The quoted texts of a script that have several words, without what is put into them.
fn said_by(script: &str) -> Vec<String> {
    let mut said = Vec::new();
    for line in script.lines() {
        for sign in ['"', '`'] {
            for text in line.split(sign).skip(1).step_by(2) {
                let plain: String = text
                    .split("${")
                    .enumerate()
                    .map(
                        |(i, part)| {
                            if i == 0 { part } else { part.rsplit_once('}').map_or("", |(_, rest)| rest) }
                        },
                    )
                    .collect();
                if plain.trim().contains(' ') {
                    said.push(plain);
                }
            }
        }
    }
    said
}

#[test]
fn screens_call_a_thing_by_one_word() {
    assert_eq!(word_of_code("no shelf is called so"), Some("shelf"), "the test sees them");
    assert_eq!(said_by("x(\"Go back to the shelves, or\", `${a.shelf} topics of`)").len(), 2);
    let mut looked_at = 0;
    for folder in ["src/desk/page", "src/human_votes/page", "src/studio/page"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in fs_err::read_dir(folder).expect("a folder") {
            let path = entry.expect("readable").path();
            if path.extension().is_some_and(|ending| ending == "js") {
                for text in said_by(&fs_err::read_to_string(&path).expect("a script")) {
                    looked_at += 1;
                    assert_eq!(word_of_code(&text), None, "{}: {text}", path.display());
                }
            }
        }
    }
    assert!(looked_at > 200, "{looked_at} texts are too few");
    for command in
        ["import", "review", "lint", "dataset", "run", "train", "eval", "vote", "analyze", "plan", "models"]
    {
        let help = transcript(temp_dir().path(), &["help", command]);
        assert_eq!(word_of_code(&help.replace("--shelf", "")), None, "{command}: {help}");
    }
}
