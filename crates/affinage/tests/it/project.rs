//! `init`, `doctor`, and what the project's configuration does to every command.

use crate::{affinage, temp_dir, transcript};

#[test]
fn init_makes_a_project_once() {
    let dir = temp_dir();
    insta::assert_snapshot!(transcript(dir.path(), &["init", "voice"]), @r"
    exit: 0
    --- stdout
    --- stderr
    new project: [DIR]/voice/affinage.toml

    hint: bring your conversations and notes: `affinage import FILE...`
    ");
    let text = fs_err::read_to_string(dir.path().join("voice/affinage.toml")).expect("written");
    assert!(text.contains("learning-rate = 2e-4"));
    // Whatever is written with `--out NAME` or `--pack NAME` stays out of version control.
    let ignored = fs_err::read_to_string(dir.path().join("voice/.gitignore")).expect("there");
    let rules: Vec<&str> = ignored.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(rules, ["/*", "!/.gitignore", "!/affinage.toml"]);
    fs_err::write(dir.path().join("voice/affinage.toml"), "model = \"mine\"\n").expect("edited");
    insta::assert_snapshot!(transcript(dir.path(), &["init", "voice"]), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `[DIR]/voice/affinage.toml` exists already

    hint: edit it, or name another folder: `affinage init DIR`
    ");
    insta::assert_snapshot!(transcript(dir.path(), &["-C", "voice", "-q", "init"]), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `[DIR]/voice/affinage.toml` exists already

    hint: edit it, or name another folder: `affinage init DIR`
    ");
    let kept = fs_err::read_to_string(dir.path().join("voice/affinage.toml")).expect("still there");
    assert_eq!(kept, "model = \"mine\"\n");
}

#[test]
fn a_wrong_configuration_stops_every_command_with_line_and_nearest_key() {
    let dir = temp_dir();
    fs_err::write(dir.path().join("affinage.toml"), "[train]\nrank = 8\nleraning-rate = 1e-4\n")
        .expect("written");
    insta::assert_snapshot!(transcript(dir.path(), &["doctor"]), @r"
    exit: 1
    --- stdout
    --- stderr
    error: affinage.toml:3: unknown key `leraning-rate` in `train`

    hint: did you mean `learning-rate`?
    ");
    insta::assert_snapshot!(transcript(dir.path(), &["-C", "missing", "doctor"]), @r"
    exit: 2
    --- stdout
    --- stderr
    error: -C missing: there is no such folder

    hint: make a project there: `affinage init missing`
    ");
    fs_err::remove_file(dir.path().join("affinage.toml")).expect("removed");
    insta::assert_snapshot!(transcript(dir.path(), &["--set", "train.rank=0", "doctor"]), @r"
    exit: 2
    --- stdout
    --- stderr
    error: --set train.rank=0: `train.rank`: found `0`, expected a whole number from 1 to 4096
    ");
}

#[test]
fn doctor_tells_whether_keys_are_set_and_never_their_values() {
    let dir = temp_dir();
    let output = affinage(dir.path())
        .args(["doctor", "--json", "--set", "model=my/model"])
        .env("ANTHROPIC_API_KEY", "sk-very-secret")
        .output()
        .expect("the binary starts");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(!text.contains("secret") && !String::from_utf8_lossy(&output.stderr).contains("secret"));
    let found: serde_json::Value = serde_json::from_str(&text).expect("one JSON document");
    assert_eq!(found["keys"][0], serde_json::json!({"variable": "ANTHROPIC_API_KEY", "set": true}));
    assert_eq!(found["keys"][1]["set"], false);
    assert_eq!(found["model"], serde_json::json!({"spec": "my/model", "path": null, "problem": null}));
    assert!(found["machine"]["cores"].as_u64().expect("a number") >= 1);
}

#[cfg(unix)]
#[test]
fn doctor_says_each_finding_when_it_has_it() {
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::fs::PermissionsExt as _;
    let dir = temp_dir();
    // A python that answers when the test has read what comes before it.
    let (programs, gate) = (dir.path().join("bin"), dir.path().join("go"));
    fs_err::create_dir(&programs).expect("made");
    let script =
        format!("#!/bin/sh\nwhile [ ! -e '{}' ]; do sleep 0.05; done\necho slow 1.0\n", gate.display());
    fs_err::write(programs.join("python3"), script).expect("written");
    fs_err::set_permissions(programs.join("python3"), std::fs::Permissions::from_mode(0o755)).expect("set");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    let mut child = affinage(dir.path())
        .arg("doctor")
        .env("PATH", path)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut line = || lines.next().expect("a line").expect("UTF-8");
    let before: Vec<String> = (0..6).map(|_| line()).collect();
    assert!(before[0].starts_with("affinage") && before[5].starts_with("cache"), "{before:?}");
    fs_err::write(&gate, "").expect("written");
    assert_eq!(line(), "python    slow 1.0");
    assert!(child.wait().expect("it ends").success());
}
