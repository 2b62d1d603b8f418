//! Help, usage errors and exit codes.

use crate::{affinage, temp_dir, transcript};

#[test]
fn help_lists_the_working_commands_in_groups() {
    let dir = temp_dir();
    insta::assert_snapshot!(transcript(dir.path(), &["--help"]), @r"
    exit: 0
    --- stdout
    From your own conversations to a small model that writes in your domain, and honest proof of whether
    it got better

    Usage: affinage [OPTIONS] <COMMAND>

    A first day:
      studio    The whole story in the browser: bring, choose, train, talk, compare, vote, report
      init      Start a project: a folder with a commented affinage.toml
      import    Bring conversations and notes: chat exports, dataset rows, documents, Markdown, plain and pasted text
      review    Decide what to learn from: accept, reject or edit each answer
      dataset   Freeze a dataset version: train, validation and test without leaks, with a certificate
      train     LoRA fine-tune the model on the newest dataset version
      chat      Talk to the base model or a checkpoint; compare them side by side
      eval      Compare base and checkpoints: generate, judge, analyze, report

    Data:
      lint      Show what is wrong in the library or a dataset, with the exact place

    Model:
      models    Choose a model: small ones, with their memory and time on this machine
      generate  Generate answers of base and checkpoints to the prompt suites
      serve     Base and checkpoints behind an OpenAI-compatible endpoint on this machine
      export    Write the adapter, or the model with it, for other programs, and measure that it behaves
      verify    Execute parts of a training again: do its checkpoints follow from its data, to the bit?
      inspect   Look at a model, at a run, at tokens with their loss mask, or at next-token logits
      bench     Measure training, generation, model families or plain matrix products on this machine

    Evaluation:
      judge     Blind comparisons by judges; resumes, and never pays twice
      vote      Blind votes of people, in the browser
      analyze   Statistics of an evaluation, offline, from its files alone
      report    Draw report.html from an evaluation's files, offline
      plan      What an evaluation can show, and what it would cost
      audit     Check results, training folders or an evaluation: do the files support what is claimed?
      dose      A dose-response study: how much better with more rows or more epochs?

    The whole story:
      run       All stages from affinage.toml: dataset, train, eval; run it again and it goes on
      demo      Run the whole story on embedded data and a small real model

    Project and machine:
      doctor    Check this machine, the model and the judges' keys

    Options:
      -C <DIR>               Project folder
          --json             Print one JSON document on standard output
      -q, --quiet            Say only warnings and errors
      -v, --verbose          Say more
          --set <KEY=VALUE>  Change a key of affinage.toml for this command (repeatable), e.g.
                             train.learning-rate=1e-4
      -h, --help             Print help
      -V, --version          Print version

    `affinage help COMMAND` has examples. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted
    (work so far is saved). Standard output is data; everything else goes to standard error.
    --- stderr
    ");
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let dir = temp_dir();
    insta::assert_snapshot!(transcript(dir.path(), &["-q", "-v", "doctor"]), @r"
    exit: 2
    --- stdout
    --- stderr
    error: the argument '--quiet' cannot be used with '--verbose'

    Usage: affinage --quiet <COMMAND>

    For more information, try '--help'.
    ");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let dir = temp_dir();
    let mut child = affinage(dir.path())
        .args(["doctor"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the binary starts");
    drop(child.stdout.take());
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn an_unknown_command_is_told_the_one_that_was_meant() {
    let dir = temp_dir();
    for (typed, hint) in [
        ("finetune", "did you mean `affinage train`?"),
        ("trian", "did you mean `affinage train`?"),
        ("ui", "did you mean `affinage studio`?"),
        ("compare", "did you mean `affinage chat --compare base,last` or `affinage eval`?"),
        ("export-gguf", "did you mean `affinage export --adapter last --format gguf --out DIR`?"),
        ("frobnicate", "`affinage help` lists the commands"),
    ] {
        let expected = format!(
            "exit: 2\n--- stdout\n--- stderr\nerror: there is no command `{typed}`\n\nhint: {hint}\n"
        );
        assert_eq!(transcript(dir.path(), &[typed]), expected);
    }
}

#[test]
fn help_is_a_command_too() {
    let dir = temp_dir();
    let of = |args: &[&str]| transcript(dir.path(), args);
    assert_eq!(of(&["help"]), of(&["--help"]));
    assert!(of(&["help", "train"]).starts_with("exit: 0\n--- stdout\nLoRA fine-tune the model"));
    assert!(of(&["help", "finetune"]).contains("did you mean `affinage train`?"));
}

#[test]
fn options_stand_under_their_own_heading() {
    let dir = temp_dir();
    let help = transcript(dir.path(), &["eval", "--help"]);
    let (own, rest) = help.split_once("Answers from elsewhere:").expect("a heading");
    let elsewhere = rest.split("Global options:").next().expect("a part");
    for option in ["--yes", "--final", "--null-test", "--open", "--send-private"] {
        assert!(own.contains(option) && !elsewhere.contains(option), "{option}: {help}");
    }
}

#[test]
fn a_format_is_taken_in_any_case_and_a_precision_that_is_not_written_is_explained() {
    let dir = temp_dir();
    let of = |args: &[&str]| {
        transcript(dir.path(), &[&["export", "--adapter", "last", "--out", "x"], args].concat())
    };
    assert!(of(&["--format", "GGUF", "--precision", "Q8_0"]).contains("error: no runs in"));
    assert!(of(&["--format", "gguf", "--precision", "Q4_K_M"]).contains("error: no runs in"));
    for wrong in [&["--format", "Q4_K_S"][..], &["--format", "gguf", "--precision", "q3_k_m"]] {
        let said = of(wrong);
        assert!(said.starts_with("exit: 2") && said.contains("llama-quantize"), "{said}");
    }
    let said = of(&["--format", "q8_0"]);
    assert!(said.contains("tip: this is a precision: `--format gguf --precision q8_0`"), "{said}");
    fs_err::create_dir(dir.path().join("x")).expect("made");
    let said = of(&["--format", "gguf"]);
    assert!(
        said.contains("--out x: it exists already") && said.contains("hint: name a folder that is not there"),
        "{said}"
    );
}

#[test]
fn a_file_that_is_not_there_is_named_without_the_systems_numbers() {
    let dir = temp_dir();
    fs_err::write(dir.path().join("judgments.jsonl"), "{}").expect("written");
    let said = transcript(dir.path(), &["audit", "jugdments.jsonl"]);
    assert!(said.contains("there is no file or folder jugdments.jsonl"), "{said}");
    assert!(said.contains("hint: did you mean judgments.jsonl?"), "{said}");
    let said = transcript(dir.path(), &["inspect", "tokens", "--messages", "rows.jsonl"]);
    assert!(!said.contains("os error"), "{said}");
}
