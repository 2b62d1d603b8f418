//! `audit`: foreign logs, claims and `--strict`.

use crate::{temp_dir, transcript};

/// Twelve prompts of a judge whose requests are kept; in the second order the stored winner is turned round.
fn inverted_log() -> String {
    let mut lines = String::new();
    for i in 0..12 {
        for (order, first, second) in [("AB", "gulls", "tar"), ("BA", "tar", "gulls")] {
            let letter = if order == "AB" { "B" } else { "A" };
            let winner = if order == "AB" { "tuned" } else { "baseline" };
            lines.push_str(&format!(
                "{{\"prompt\": \"Harbour {i}\", \"baseline_response\": \"{i} gulls\", \"tuned_response\": \"{i} tar\", \
                 \"judge_model\": \"north\", \"judgment\": \"Winner: {letter}\", \"presentation_order\": \"{order}\", \
                 \"winner\": \"{winner}\", \"judge_prompt\": \"Response A: {i} {first} Response B: {i} {second}\"}}\n"
            ));
        }
    }
    lines
}

#[test]
fn an_inverted_log_and_a_wrong_claim_are_told_in_plain_sentences() {
    let dir = temp_dir();
    fs_err::write(dir.path().join("log.jsonl"), inverted_log()).expect("written");
    let claims = "[[claim]]\ntext = \"Tuned wins half\"\nstatistic = \"win-rate\"\nvalue = 50\n\
                  [[claim]]\nstatistic = \"prompts\"\nvalue = 12\n[[claim]]\nstatistic = \"mood\"\nvalue = 1\n";
    fs_err::write(dir.path().join("claims.toml"), claims).expect("written");
    let said = transcript(dir.path(), &["audit", "log.jsonl", "--claims", "claims.toml"]);
    for expected in [
        "R01 fault: The stored winner is the opposite of what the judge said in rows that show `tuned` first.",
        "contradicted: Tuned wins half: the stored outcomes give it",
        "confirmed: prompts = 12",
        "cannot be checked: mood = 1",
        "Could not be checked",
    ] {
        assert!(said.contains(expected), "no `{expected}` in\n{said}");
    }
    let strict = transcript(dir.path(), &["audit", "log.jsonl", "--strict", "-q"]);
    assert!(strict.starts_with("exit: 1"), "{strict}");
    let json = transcript(dir.path(), &["audit", "log.jsonl", "--json"]);
    assert!(json.contains("\"code\": \"R01\"") && json.starts_with("exit: 0"), "{json}");
}

#[test]
fn a_file_that_is_no_log_is_refused_with_what_was_found() {
    let dir = temp_dir();
    fs_err::write(dir.path().join("x.csv"), "text,score\nhello,3\n").expect("written");
    insta::assert_snapshot!(transcript(dir.path(), &["audit", "x.csv"]), @r"
    exit: 1
    --- stdout
    --- stderr
    error: no pairwise judgments found: x.csv:2: not a pairwise log: found the fields text, score

    hint: `affinage audit --help` lists the known shapes; name other fields with `--mapping FILE`
    ");
    fs_err::write(
        dir.path().join("m.toml"),
        "winner = \"score\"\narm-one = \"x\"\narm-two = \"y\"\none-wins = [\"3\"]\n",
    )
    .expect("written");
    let mapped = transcript(dir.path(), &["audit", "x.csv", "--mapping", "m.toml"]);
    assert!(
        mapped.contains("1 rows (by the mapping file)")
            && mapped.contains("y : x")
            && mapped.contains("0-0-1"),
        "{mapped}"
    );
}
