//! The `affinage` binary: the command line, the pages and the terminal around `affinage-project`.
//!
//! `cli.rs` reads the command line, `context.rs` opens the project, `commands/` holds one file per command. Sockets are
//! opened only in `web/`, and nothing prints but `ui/`.

mod bench;
mod cli;
mod commands;
mod context;
mod ctrl_c;
mod desk;
mod human_votes;
mod serve;
mod studio;
mod ui;
mod web;

use std::process::ExitCode;

use affinage_project::errors;
use affinage_project::errors::ExitStatus;
use affinage_project::next;
use affinage_project::pdf;

use ui::{Ui, Verbosity};

fn main() -> ExitCode {
    // Projects hold private texts: what this program writes is for its user alone (0600, folders 0700).
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    if let Some(code) = pdf::read_if_asked() {
        return code;
    }
    let cli = match cli::parse(Ui::new(Verbosity::Normal).is_watched()) {
        Ok(cli) => cli,
        Err(error) => {
            Ui::new(Verbosity::Normal).error(&error);
            return errors::exit_status(&error).into();
        }
    };
    let ui = Ui::new(match (cli.global.quiet, cli.global.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, false) => Verbosity::Normal,
        (false, true) => Verbosity::Verbose,
    });
    next::repeat(&cli.global.set);
    let (first, second, last) = (ui.clone(), ui.clone(), ui.clone());
    ctrl_c::listen(
        move |words| first.say(format!("\n{words}")),
        move |hint| {
            hint.into_iter().for_each(|hint| second.hint(hint));
            second.clear_bars();
        },
        move |words| {
            last.error(&errors::ended(words));
            // The lines that moved would stand below the last words.
            last.clear_bars();
        },
    );
    if cli.global.while_input {
        ctrl_c::request_at_end_of_input();
    }
    match execute(cli, &ui) {
        Ok(()) => ExitStatus::Done.into(),
        Err(error) if errors::is_broken_pipe(&error) => ExitStatus::Done.into(),
        Err(error) => {
            ui.error(&error);
            errors::exit_status(&error).into()
        }
    }
}

fn execute(cli: cli::Cli, ui: &Ui) -> anyhow::Result<()> {
    affinage_engine::kernels::arch::check_variable().map_err(errors::usage)?;
    let global = cli.global;
    if let cli::Command::Demo(_) = cli.command {
        fs_err::create_dir_all(&global.directory)?;
    }
    let ctx = context::Context::open(&global.directory, &global.set, global.json, ui.clone())?;
    if let Some(threads) = cli.command.threads().or(ctx.config.threads) {
        affinage_engine::use_threads(threads);
    }
    cli.command.run(&ctx)
}
