//! `report` without what it needs.

use crate::{temp_dir, transcript};

#[test]
fn report_names_what_is_missing_and_the_command_that_makes_it() {
    let dir = temp_dir();
    fs_err::write(dir.path().join("affinage.toml"), "").expect("written");
    insta::assert_snapshot!(transcript(dir.path(), &["report"]), @r"
    exit: 1
    --- stdout
    --- stderr
    error: no evaluation `first-look` in evals

    hint: make one with `affinage eval`
    ");
    let eval = dir.path().join("evals/mine");
    fs_err::create_dir_all(&eval).expect("made");
    fs_err::write(eval.join("plan.json"), "{}").expect("written");
    insta::assert_snapshot!(transcript(dir.path(), &["report"]), @r"
    exit: 1
    --- stdout
    --- stderr
    error: no evaluation `first-look` in evals

    hint: there is mine; name one with `--eval NAME`
    ");
    insta::assert_snapshot!(transcript(dir.path(), &["report", "--eval", "mine"]), @r"
    exit: 1
    --- stdout
    --- stderr
    error: evals/mine has no analysis.json

    hint: `affinage analyze --eval mine` makes it, offline, from the rows
    ");
}
