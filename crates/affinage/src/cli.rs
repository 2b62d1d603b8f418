//! The command line: one variant per command, each command's arguments beside its code.

mod meant;

use std::ffi::OsString;
use std::path::PathBuf;

use affinage_project::errors::{HintExt as _, usage};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::commands;
use crate::ui::fitted;

/// From your own conversations to a small model that writes in your domain, and honest proof of whether it got
/// better.
#[derive(Debug, Parser)]
#[command(name = "affinage", version, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Project folder
    #[arg(short = 'C', value_name = "DIR", default_value = ".", hide_default_value = true, global = true)]
    pub directory: PathBuf,
    /// Print one JSON document on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// Say only warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Change a key of affinage.toml for this command (repeatable), e.g. train.learning-rate=1e-4
    #[arg(long, value_name = "KEY=VALUE", action = ArgAction::Append, global = true)]
    pub set: Vec<String>,
    /// Stop as with Ctrl-C when standard input ends: how a page that began a command stops it
    #[arg(long, hide = true, global = true)]
    pub while_input: bool,
}

/// The commands. Adding one: its file, its `pub mod`, its line here, in [`Command::run`] and in `GROUPS`.
#[derive(Debug, Subcommand)]
pub enum Command {
    Studio(commands::studio::StudioArgs),
    Init(commands::init::InitArgs),
    Import(commands::import::ImportArgs),
    Lint(commands::lint::LintArgs),
    Review(commands::review::ReviewArgs),
    Dataset(commands::dataset::DatasetArgs),
    Train(commands::train::TrainArgs),
    Chat(commands::chat::ChatArgs),
    Models(commands::models::ModelsArgs),
    Generate(commands::generate::GenerateArgs),
    Judge(commands::judge::JudgeArgs),
    Vote(commands::vote::VoteArgs),
    Analyze(commands::analyze::AnalyzeArgs),
    Plan(commands::plan::PlanArgs),
    Audit(commands::audit::AuditArgs),
    Report(commands::report::ReportArgs),
    Inspect(commands::inspect::InspectArgs),
    Bench(crate::bench::BenchArgs),
    Export(commands::export::ExportArgs),
    Serve(commands::serve::ServeArgs),
    Verify(commands::verify::VerifyArgs),
    Eval(commands::eval::EvalArgs),
    Dose(commands::dose::DoseArgs),
    Run(commands::run::RunArgs),
    Demo(commands::demo::DemoArgs),
    Doctor(commands::doctor::DoctorArgs),
}

impl Command {
    /// Threads that the command line asks for, above the configuration.
    pub fn threads(&self) -> Option<std::num::NonZeroUsize> {
        match self {
            Self::Bench(args) => args.threads(),
            _ => None,
        }
    }

    pub fn run(self, ctx: &crate::context::Context) -> anyhow::Result<()> {
        match self {
            Self::Studio(args) => commands::studio::run(ctx, args),
            Self::Init(args) => commands::init::run(ctx, args),
            Self::Import(args) => commands::import::run(ctx, args),
            Self::Lint(args) => commands::lint::run(ctx, args),
            Self::Review(args) => commands::review::run(ctx, args),
            Self::Dataset(args) => commands::dataset::run(ctx, args),
            Self::Train(args) => commands::train::run(ctx, args),
            Self::Chat(args) => commands::chat::run(ctx, args),
            Self::Models(args) => commands::models::run(ctx, args),
            Self::Generate(args) => commands::generate::run(ctx, args).map(drop),
            Self::Judge(args) => commands::judge::run(ctx, args),
            Self::Vote(args) => commands::vote::run(ctx, args),
            Self::Analyze(args) => commands::analyze::run(ctx, args),
            Self::Plan(args) => commands::plan::run(ctx, args),
            Self::Audit(args) => commands::audit::run(ctx, args),
            Self::Report(args) => commands::report::run(ctx, args),
            Self::Inspect(args) => commands::inspect::run(ctx, args),
            Self::Bench(args) => crate::bench::run(ctx, args),
            Self::Export(args) => commands::export::run(ctx, args),
            Self::Serve(args) => commands::serve::run(ctx, args),
            Self::Verify(args) => commands::verify::run(ctx, args),
            Self::Eval(args) => commands::eval::run(ctx, args),
            Self::Dose(args) => commands::dose::run(ctx, args),
            Self::Run(args) => commands::run::run(ctx, args),
            Self::Demo(args) => commands::demo::run(ctx, args),
            Self::Doctor(args) => commands::doctor::run(ctx, args),
        }
    }
}

/// The order of `affinage --help`; commands that do not exist (yet) are left out.
const GROUPS: [(&str, &[&str]); 6] = [
    ("A first day", &["studio", "init", "import", "review", "dataset", "train", "chat", "eval"]),
    ("Data", &["lint"]),
    ("Model", &["models", "generate", "serve", "export", "verify", "inspect", "bench"]),
    ("Evaluation", &["judge", "vote", "analyze", "report", "plan", "audit", "dose"]),
    ("The whole story", &["run", "demo"]),
    ("Project and machine", &["doctor"]),
];

/// Parses the process's arguments. Without any, who sits before a terminal gets the studio. Help and what clap finds wrong are printed here and end the process (exit code 2 for
/// wrong usage).
///
/// Errors: there is no such command; the hint names the one that was meant.
pub fn parse(is_watched: bool) -> anyhow::Result<Cli> {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.len() == 1 && is_watched {
        arguments.push("studio".into());
    }
    match command().try_get_matches_from(arguments) {
        Ok(matches) => Ok(Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())),
        Err(mut error) => {
            if let Some(typed) = unknown_command(&error) {
                return Err(no_such_command(typed));
            }
            if let Some(tip) = tip(&error) {
                error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
            }
            error.exit()
        }
    }
}

/// What to say to a wrong value beside the list of right ones.
fn tip(error: &clap::Error) -> Option<String> {
    let argument = text_of(error, ContextKind::InvalidArg)?;
    let is_of_export = ["--format", "--precision"].iter().any(|name| argument.starts_with(name));
    commands::export::tip_for(text_of(error, ContextKind::InvalidValue)?).filter(|_| is_of_export)
}

/// The word that should have been a command.
fn unknown_command(error: &clap::Error) -> Option<&str> {
    text_of(error, ContextKind::InvalidSubcommand).filter(|_| error.kind() == ErrorKind::InvalidSubcommand)
}

fn text_of(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    }
}

fn no_such_command(typed: &str) -> anyhow::Error {
    let command = Cli::command();
    let known: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    let lines: Vec<String> =
        meant::meant(typed, &known).iter().map(|line| format!("`affinage {line}`")).collect();
    let error = Err::<(), _>(usage(format!("there is no command `{typed}`")));
    let hint = match lines.is_empty() {
        true => "`affinage help` lists the commands".to_owned(),
        false => format!("did you mean {}?", lines.join(" or ")),
    };
    error.hint(hint).expect_err("built as an error")
}

/// The clap command with the grouped list of subcommands in its help.
fn command() -> clap::Command {
    let command = Cli::command();
    let list = command_list(&command);
    let styles = clap::builder::Styles::default();
    let (on, off) = (styles.get_header().render(), styles.get_header().render_reset());
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{list}{on}Options:{off}\n{{options}}\n\n{EXIT_CODES}\n"
    ))
}

const EXIT_CODES: &str = "`affinage help COMMAND` has examples. Exit codes: 0 done, 1 failed, 2 wrong \
usage, 130 interrupted\n(work so far is saved). Standard output is data; everything else goes to standard error.";

fn command_list(command: &clap::Command) -> String {
    let styles = clap::builder::Styles::default();
    let (on, off) = (styles.get_header().render(), styles.get_header().render_reset());
    let (name_on, name_off) = (styles.get_literal().render(), styles.get_literal().render_reset());
    let mut out = String::new();
    for (title, names) in GROUPS {
        let present: Vec<_> = names.iter().filter_map(|name| command.find_subcommand(name)).collect();
        if present.is_empty() {
            continue;
        }
        out.push_str(&format!("{on}{title}:{off}\n"));
        for subcommand in present {
            let about = subcommand.get_about().map(ToString::to_string).unwrap_or_default();
            let line = format!("  {name_on}{:<10}{name_off}{about}", subcommand.get_name());
            out.push_str(&fitted(&line));
            out.push('\n');
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_command_is_in_one_group_has_a_sentence_and_an_example() {
        for subcommand in Cli::command().get_subcommands() {
            let name = subcommand.get_name();
            let groups = GROUPS.iter().filter(|(_, names)| names.contains(&name)).count();
            assert_eq!(groups, 1, "`{name}` must be in one help group");
            assert!(subcommand.get_about().is_some(), "`{name}` needs a doc comment on its arguments");
            let after = subcommand.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains(&format!("affinage {name}")), "`{name}` needs an example in after_help");
        }
    }
}
