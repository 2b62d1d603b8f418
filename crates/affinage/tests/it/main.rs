//! The real binary, run as a user runs it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test says what it skips, and speaks to servers as a client"
)]

mod arms;
mod audit;
mod bundle;
mod cli;
mod contrast;
mod conversations;
mod data;
mod desk;
mod desk_clean;
mod desk_lists;
mod desk_private;
mod desk_words;
mod dose;
mod engines;
mod export;
mod external_trainer;
mod faults;
mod foreign;
mod freeze;
mod inspect;
mod interim;
mod judge;
mod keys;
mod map;
mod models;
mod notes;
mod pace;
mod private;
mod project;
#[cfg(unix)]
mod readme;
mod remote;
mod report;
mod room;
mod rows;
mod run;
mod scripted;
mod series;
mod serve;
mod sources;
mod studio;
mod studio_newcomer;
mod studio_rooms;
mod thinking;
mod tidy;
mod tiny;
mod topics;
mod train;
mod unfit;
mod verify;
mod vote;
mod words;

use std::path::Path;
use std::process::{Command, Output};

/// `affinage` in `dir`, without colour and with nothing inherited that changes what it says.
pub fn affinage(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_affinage"));
    command
        .current_dir(dir)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .env("AFFINAGE_CACHE", dir.join(".cache"));
    for variable in ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "HF_TOKEN", "AFFINAGE_PYTHON"] {
        command.env_remove(variable);
    }
    command
}

/// Runs and shows exit code, standard output and standard error as one text; `dir` reads `[DIR]`.
pub fn transcript(dir: &Path, args: &[&str]) -> String {
    let output = affinage(dir).args(args).output().expect("the binary starts");
    let dir = fs_err::canonicalize(dir).expect("the folder exists");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&dir.display().to_string(), "[DIR]");
    let Output { status, stdout, stderr } = output;
    let code = status.code().expect("not killed by a signal");
    format!("exit: {code}\n--- stdout\n{}--- stderr\n{}", text(&stdout), text(&stderr))
}

pub fn temp_dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}
