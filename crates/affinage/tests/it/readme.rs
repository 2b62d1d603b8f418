//! README.md word for word: each command line of its code blocks is run by a shell in a fresh home, as its reader would.
//!
//! The lines come out of README.md itself. The reader's only own act is to name a tiny model and few steps in affinage.toml.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::data::words;
use crate::room::Page;
use crate::{affinage, temp_dir, tiny};

/// Lines that are not run here, and why. Those of affinage are still parsed, so that an unknown option fails.
const NOT_RUN: [(&str, &str); 5] = [
    ("cargo install --locked --path crates/affinage", "compiles this repository for minutes"),
    ("affinage demo --quick", "fetches a model from the network and trains for minutes; .ci/run runs it"),
    ("affinage demo", "the same, for longer"),
    ("affinage -C affinage-demo chat --compare base,last", "needs the folder of the demo"),
    ("cargo test --workspace", "this test is a part of it"),
];
/// The headings whose blocks are run, each by one of the tests below.
const RUN: [&str; 4] =
    ["Your own model, from notes", "Your own model, from a ChatGPT export", "Step by step", "In one window"];

fn readme() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs_err::read_to_string(root.join("README.md")).expect("a README")
}

/// The lines of the code blocks without a language, with the heading above them.
fn lines(readme: &str) -> Vec<(String, String)> {
    let (mut heading, mut fence, mut found) = (String::new(), None, Vec::new());
    for line in readme.lines() {
        match (line.strip_prefix("```"), fence) {
            (Some(language), None) => fence = Some(language),
            (Some(_), Some(_)) => fence = None,
            (None, Some("")) if !line.trim().is_empty() => found.push((heading.clone(), line.to_owned())),
            (None, Some(_)) => {}
            (None, None) => {
                if let Some(title) =
                    line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#'))
                {
                    heading = title.to_owned();
                }
            }
        }
    }
    found
}

fn under(heading: &str) -> Vec<String> {
    let found: Vec<String> =
        lines(&readme()).into_iter().filter(|(above, _)| above == heading).map(|(_, line)| line).collect();
    assert!(!found.is_empty(), "README.md has no commands under `{heading}`");
    found
}

/// A line without its comment.
fn command_of(line: &str) -> &str {
    line.split(" # ").next().unwrap_or(line).trim()
}

/// Fails if affinage does not know the command or an option of `line`.
fn parse(line: &str) {
    let dir = temp_dir();
    let arguments = line.split_whitespace().skip(1);
    let output = affinage(dir.path()).args(arguments).arg("--help").output().expect("the binary starts");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_command_line_is_run_or_is_parsed_and_has_a_reason() {
    let readme = readme();
    let lines = lines(&readme);
    assert!(lines.len() > 25, "the code blocks of README.md are found");
    for (heading, line) in &lines {
        let command = command_of(line);
        let is_listed = NOT_RUN.iter().any(|(listed, _)| *listed == command);
        assert!(is_listed != RUN.contains(&heading.as_str()), "under `{heading}`: {line}");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (line, _) in NOT_RUN {
        assert!(lines.iter().any(|(_, there)| command_of(there) == line), "README.md has no line `{line}`");
        if line.starts_with("affinage ") {
            parse(line);
        }
    }
    assert!(root.join("crates/affinage/Cargo.toml").is_file());
    // Commands, scripts and pictures of the running text.
    let mut parsed = 0;
    for span in readme.split('`').skip(1).step_by(2) {
        // `help` takes no options.
        if span.starts_with("affinage ") && !span.starts_with("affinage help") {
            parse(span);
            parsed += 1;
        }
        if span.starts_with("scripts/") {
            assert!(root.join(span).is_file(), "{span}");
        }
    }
    assert!(parsed >= 3, "commands in the running text are found");
    for target in readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(target.starts_with("http") || root.join(target).is_file(), "{target}");
    }
}

#[test]
fn the_path_from_notes_leads_to_a_report() {
    let mut reader = Reader::new();
    reader.run_all(&under(RUN[0]));
    assert!(reader.here.join("evals/first-look/report.html").is_file());
}

#[test]
fn the_path_from_an_export_leads_to_a_report_and_to_votes() {
    let mut reader = Reader::new();
    reader.run_all(&under(RUN[1]));
    // The browser is a process of its own, which nobody waits for.
    let opened = (0..100).find_map(|_| {
        let text = fs_err::read_to_string(reader.home.path().join("opened")).unwrap_or_default();
        std::thread::sleep(std::time::Duration::from_millis(if text.is_empty() { 100 } else { 0 }));
        Some(text).filter(|text| !text.is_empty())
    });
    let opened = opened.expect("a browser was asked");
    assert!(opened.trim().ends_with("report.html"), "{opened}");
    let votes = fs_err::read_to_string(reader.here.join("evals/first-look/votes.jsonl")).expect("votes");
    assert!(!votes.is_empty());
}

#[test]
fn step_by_step_works_after_an_import() {
    let mut reader = Reader::new();
    let before = under(RUN[1]).into_iter().take_while(|line| !line.starts_with("affinage review"));
    reader.run_all(&before.collect::<Vec<_>>());
    reader.run_all(&under(RUN[2]));
    for made in ["shared", "my-voice-gguf/model.gguf", "my-voice-ollama/Modelfile"] {
        assert!(reader.here.join(made).exists(), "{made}");
    }
}

#[test]
fn the_studio_opens_in_an_empty_folder() {
    Reader::new().run_all(&under(RUN[3]));
}

/// Somebody who has a home with notes and an export, a terminal in a new folder, and no network.
struct Reader {
    home: tempfile::TempDir,
    /// Where the terminal is.
    here: PathBuf,
}

impl Reader {
    fn new() -> Reader {
        let home = temp_dir();
        let here = home.path().join("work");
        fs_err::create_dir_all(&here).expect("made");
        write_notes(&home.path().join("notes"));
        write_export(&home.path().join("Downloads"));
        let model = home.path().join("tiny-model");
        tiny::write_model(&model);
        // A token is a letter to it, and the rows have more of them than its 128 positions.
        let config = fs_err::read_to_string(model.join("config.json")).expect("a config");
        let longer = config.replace("\"max_position_embeddings\": 128", "\"max_position_embeddings\": 1024");
        assert_ne!(config, longer);
        fs_err::write(model.join("config.json"), longer).expect("written");
        let programs = home.path().join("programs");
        fs_err::create_dir_all(&programs).expect("made");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_affinage"), programs.join("affinage"))
            .expect("linked");
        for browser in ["xdg-open", "open"] {
            let script = programs.join(browser);
            fs_err::write(&script, format!("#!/bin/sh\necho \"$1\" >> '{}/opened'\n", home.path().display()))
                .expect("written");
            fs_err::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("executable");
        }
        Reader { home, here }
    }

    fn run_all(&mut self, lines: &[String]) {
        for line in lines {
            match command_of(line).split_whitespace().nth(1) {
                Some("review") => self.review(line),
                Some("vote") => self.vote(line),
                Some("serve") => self.serve(line),
                Some("studio") => self.open(line, |page| {
                    let state = page.get("api/state");
                    assert_eq!(state["rooms"].as_array().map(Vec::len), Some(8), "{state}");
                }),
                _ => self.run(line),
            }
        }
    }

    /// `sh -c SCRIPT` where the terminal is.
    fn shell(&self, script: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = affinage(&self.here);
        let inherited: Vec<(std::ffi::OsString, Option<std::ffi::OsString>)> =
            shell.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
        shell = Command::new("sh");
        shell.args(["-c", script]).current_dir(&self.here).stderr(Stdio::piped()).stdout(Stdio::piped());
        for (name, value) in inherited {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell
            .env("HOME", self.home.path())
            .env("PATH", format!("{}:{path}", self.home.path().join("programs").display()))
            .env("HF_ENDPOINT", "http://127.0.0.1:9")
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY");
        shell
    }

    /// Runs a line to its end; it must succeed. Who is asked something says one sentence.
    fn run(&mut self, line: &str) {
        let place = self.home.path().join("place");
        let script = format!("set -e\n{line}\npwd > '{}'", place.display());
        let mut child = self.shell(&script).stdin(Stdio::piped()).spawn().expect("a shell");
        // A command that reads nothing closes the pipe.
        drop(child.stdin.take().expect("a pipe").write_all(b"Why do ruins move us?\n"));
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{line}\n{}{}", text(&output.stdout), text(&output.stderr));
        self.here = fs_err::read_to_string(&place).expect("a place").trim().into();
        self.name_a_tiny_model();
    }

    fn name_a_tiny_model(&self) {
        let path = self.here.join("affinage.toml");
        let Ok(text) = fs_err::read_to_string(&path) else { return };
        if text.contains("model = \"Qwen/") {
            let model = self.home.path().join("tiny-model");
            let text = format!(
                "model = \"{}\"\n[train]\nepochs = 1\nrank = 4\nlearning-rate = 0.1\nmax-steps = 6\n[generate]\n\
                 max-new-tokens = 8\n[eval]\nsuites = [\"in-domain\"]\nexamples = 0\n",
                model.display()
            );
            fs_err::write(path, text).expect("written");
        }
    }

    /// Opens the page of `line`, lets `act` use it, and ends it by Ctrl-C.
    fn open(&self, line: &str, act: impl FnOnce(&Page)) {
        let mut command = self.shell(&format!("exec {line}"));
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let mut page = Page::start(command);
        act(&page);
        let pid = rustix::process::Pid::from_child(&page.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("still running");
        assert!(page.child.wait().expect("it ends").success(), "{line}");
    }

    /// Accepts every answer at the desk.
    fn review(&self, line: &str) {
        self.open(line, |page| {
            page.wait("api/summary", |summary| summary["is_whole"] == json!(true));
            let all = json!({ "by": "filter", "value": {} });
            let found = page.post("api/group", &all);
            let accepted =
                page.post("api/bulk", &json!({ "group": all, "action": "accept", "count": found["count"] }));
            assert!(accepted["accepted"].as_u64().is_some_and(|count| count >= 20), "{accepted}");
        });
    }

    /// Votes on every pair for the answer that stands first.
    fn vote(&self, line: &str) {
        self.open(line, |page| {
            let mut state = page.get("api/state");
            while let Some(label) = state["item"]["first"]["label"].as_str() {
                let vote = json!({ "id": state["item"]["id"], "said": label, "ms": 900 });
                state = page.post("api/vote", &vote);
            }
            assert!(state["done"].as_u64().is_some_and(|done| done > 0), "{state}");
            page.post("api/reveal", &json!({}));
        });
    }

    /// Asks for the models.
    fn serve(&self, line: &str) {
        self.open(line, |page| {
            let host = format!("Host: 127.0.0.1:{}", page.port);
            let (status, _, body) =
                page.send(&format!("GET /v1/models HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n"));
            let models: Value = serde_json::from_str(&body).expect("JSON");
            assert!(status == 200 && models.to_string().contains("\"last\""), "{models}");
        });
    }
}

const THINGS: [&str; 24] = [
    "weir", "bread", "fog", "bridge", "salt", "train", "moss", "ladder", "rain", "key", "ruins", "chalk",
    "boat", "soup", "owl", "stairs", "letter", "clock", "oak", "lamp", "ferry", "tide", "orchard", "wall",
];
/// Words that no other text has: what is held out must not resemble what is trained on.
fn saying(number: usize) -> String {
    format!("The {} {}.", THINGS[number], words(2 * number + 1, 12))
}

fn write_notes(dir: &Path) {
    fs_err::create_dir_all(dir).expect("made");
    for (number, thing) in THINGS.iter().enumerate() {
        let note = format!("# {}\n\n{}\n", words(200 + number, 3), saying(number));
        fs_err::write(dir.join(format!("{thing}.md")), note).expect("written");
    }
}

/// `chatgpt-export.zip` with a conversation for each thing.
fn write_export(dir: &Path) {
    fs_err::create_dir_all(dir).expect("made");
    let message = |id: &str, role: &str, text: &str| {
        json!({ "id": id, "author": { "role": role }, "create_time": 1.7e9, "recipient": "all",
            "content": { "content_type": "text", "parts": [text] }, "metadata": { "model_slug": "gpt-4o" } })
    };
    let chat = |(number, thing): (usize, &&str)| {
        let (root, asked, said) = (format!("r{number}"), format!("u{number}"), format!("a{number}"));
        let question = format!("What of the {thing} {}?", words(2 * number, 6));
        json!({ "id": format!("chat-{number}"), "title": format!("About the {thing}"), "create_time": 1.7e9,
            "current_node": said, "mapping": {
                &root: { "id": root, "parent": null, "message": null },
                &asked: { "id": asked, "parent": root, "message": message(&asked, "user", &question) },
                &said: { "id": said, "parent": asked, "message": message(&said, "assistant", &saying(number)) },
            } })
    };
    let chats: Vec<Value> = THINGS.iter().enumerate().map(chat).collect();
    let file = fs_err::File::create(dir.join("chatgpt-export.zip")).expect("made");
    let mut zip = zip::ZipWriter::new(file);
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file("conversations.json", options).expect("started");
    zip.write_all(&serde_json::to_vec(&chats).expect("JSON")).expect("written");
    zip.finish().expect("finished");
}
