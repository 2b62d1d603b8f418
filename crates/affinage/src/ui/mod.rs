//! The only place that prints.
//!
//! Standard output carries data and nothing else; everything said to people goes to standard error. Colour is
//! decoration: no text needs it, and `NO_COLOR`, `TERM=dumb` or a pipe switch it off. Control characters of other people's
//! texts are taken out on the way ([`printable::printable`]).

#![expect(clippy::disallowed_methods, reason = "the only place that prints")]

mod bars;
mod columns;
mod observer;
mod paint;
mod printable;
mod progress;
pub mod results;
mod table;
mod wrap;

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use affinage_project::errors::{self, ExitStatus, HintExt as _};
use indicatif::MultiProgress;
use serde::Serialize;

pub use affinage_eval::plain::{bytes, count, counted, duration};
pub use columns::{Growing, columns};
pub use paint::Paint;
pub use progress::Progress;
pub use table::Table;
pub use wrap::labelled;

use crate::ctrl_c;
use printable::printable;
use progress::{Running, Start};

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors and warnings only (`-q`).
    Quiet,
    Normal,
    /// Also what happens inside (`-v`).
    Verbose,
}

/// Whether a command speaks for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Whole,
    /// Its data is said, not printed, and what to do next is for the whole to tell.
    Stage,
}

/// The way to print. Cheap to clone; clones share the terminal.
#[derive(Clone)]
pub struct Ui {
    verbosity: Verbosity,
    role: Role,
    /// Progress bars are drawn only when standard error is a terminal.
    bars: Option<MultiProgress>,
    running: Arc<Running>,
    colour_out: bool,
    colour_err: bool,
    /// Keeps what is said, for a page that shows it too.
    heard: Option<Heard>,
}

/// Lines that a command said to people, without colour.
pub type Heard = Arc<Mutex<Vec<String>>>;

impl Ui {
    /// Looks at the terminal and the environment once.
    pub fn new(verbosity: Verbosity) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = std::io::stderr().is_terminal();
        Self {
            verbosity,
            role: Role::Whole,
            running: Arc::default(),
            bars: (terminal && verbosity > Verbosity::Quiet).then(bars::bars),
            colour_out: std::io::stdout().is_terminal() && !plain,
            colour_err: terminal && !plain,
            heard: None,
        }
    }

    /// Whether `-v` asks for everything.
    pub fn is_verbose(&self) -> bool {
        self.verbosity >= Verbosity::Verbose
    }

    /// Whether somebody sits before a terminal: nothing of this command goes into a pipe or a file.
    pub fn is_watched(&self) -> bool {
        self.can_ask() && std::io::stdout().is_terminal() && self.verbosity >= Verbosity::Normal
    }

    /// For a command that is one stage of another one: standard output stays free, and there are no hints.
    pub fn as_stage(&self) -> Self {
        Self { role: Role::Stage, ..self.clone() }
    }

    /// Whether the command is one stage of another one.
    pub fn is_stage(&self) -> bool {
        self.role == Role::Stage
    }

    /// The same way to print, which also keeps every line of [`Ui::say`] and [`Ui::warn`].
    pub fn overheard(&self) -> (Self, Heard) {
        let heard = Heard::default();
        (Self { heard: Some(Arc::clone(&heard)), ..self.clone() }, heard)
    }

    fn keep(&self, line: &str) {
        if let Some(heard) = &self.heard {
            heard.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
        }
    }

    /// One line for people (standard error); silent under `-q`.
    pub fn say(&self, line: impl AsRef<str>) {
        self.keep(line.as_ref());
        if self.verbosity >= Verbosity::Normal {
            self.write_err(line.as_ref());
        }
    }

    /// One line about the inside, shown under `-v`.
    pub fn detail(&self, line: impl AsRef<str>) {
        if self.verbosity >= Verbosity::Verbose {
            self.write_err(&self.paint(Paint::Dim, line.as_ref()));
        }
    }

    /// Something the user should know although the work goes on.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.keep(text.as_ref());
        self.write_err(&format!("{} {}", self.paint(Paint::Warning, "warning:"), text.as_ref()));
    }

    /// What to do next, after a blank line.
    pub fn hint(&self, text: impl AsRef<str>) {
        if self.role == Role::Whole {
            self.say(format!("\n{} {}", self.paint(Paint::Accent, "hint:"), text.as_ref()));
        }
    }

    /// Takes moving lines off the terminal before the process ends; none is drawn from then on.
    pub fn clear_bars(&self) {
        self.bars.iter().for_each(bars::end);
    }

    /// The last words of a failed command: the chain in one line, then its hints.
    pub fn error(&self, error: &anyhow::Error) {
        let label = match errors::exit_status(error) {
            ExitStatus::Interrupted => self.paint(Paint::Warning, "interrupted:"),
            _ => self.paint(Paint::Error, "error:"),
        };
        self.write_err(&format!("{label} {}", errors::in_one_line(error)));
        for (i, hint) in errors::hints(error).into_iter().enumerate() {
            let gap = if i == 0 { "\n" } else { "" };
            self.write_err(&format!("{gap}{} {hint}", self.paint(Paint::Accent, "hint:")));
        }
    }

    /// Data, to standard output; a missing final newline is added.
    ///
    /// Errors when standard output is closed or full; pass them on, `main` treats a closed pipe as success.
    pub fn data(&self, text: &str) -> anyhow::Result<()> {
        if self.role == Role::Stage {
            if self.verbosity >= Verbosity::Normal {
                self.write_err(text.trim_end());
            }
            return Ok(());
        }
        self.print(&wrap::fitted(text, columns_of(&console::Term::stdout())))
    }

    fn print(&self, text: &str) -> anyhow::Result<()> {
        let text = printable(text, self.colour_out);
        self.suspended(|| {
            let mut out = std::io::stdout().lock();
            out.write_all(text.as_bytes())?;
            if !text.ends_with('\n') {
                out.write_all(b"\n")?;
            }
            Ok(out.flush()?)
        })
    }

    /// A piece of streamed data, as it is (generated text as it appears).
    pub fn data_piece(&self, text: &str) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(printable(text, self.colour_out).as_bytes())?;
        Ok(out.flush()?)
    }

    /// One JSON document on standard output (`--json`); its lines are never broken.
    pub fn json<T: Serialize>(&self, value: &T) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        if self.role == Role::Stage { self.data(&text) } else { self.print(&text) }
    }

    /// Work without countable units that may take long: mentioned after a second, with the time it takes.
    pub fn during<R>(&self, label: impl Into<String>, work: impl FnOnce() -> R) -> R {
        let progress = Progress::start(self, label.into(), None, "", Start::Late);
        let done = work();
        progress.finish("");
        done
    }

    /// Whether data is read by a person as it appears.
    pub fn shows_data(&self) -> bool {
        std::io::stdout().is_terminal()
    }

    /// Whether somebody can be asked: standard input and standard error are terminals.
    pub fn can_ask(&self) -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Asks a yes/no question; an empty answer is no.
    ///
    /// Errors (exit code 2) without a terminal: the caller's `--yes` is then needed.
    pub fn confirm(&self, question: &str) -> anyhow::Result<bool> {
        if !self.can_ask() {
            return Err(errors::usage(format!("cannot ask \"{question}\": not a terminal")))
                .hint("pass `--yes` to go ahead without a question");
        }
        Ok(matches!(self.ask(&format!("{question} [y/N]"))?.to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Shows `prompt` on standard error and reads one line of standard input, trimmed; empty at its end.
    pub fn ask(&self, prompt: &str) -> anyhow::Result<String> {
        Ok(self.read_line(prompt)?.unwrap_or_default())
    }

    /// As [`Ui::ask`]; `None` once standard input has ended (Ctrl-D).
    pub fn read_line(&self, prompt: &str) -> anyhow::Result<Option<String>> {
        self.suspended(|| {
            let mut err = std::io::stderr().lock();
            let prompt = self.paint(Paint::Bold, prompt);
            let prompt = wrap::fitted(&prompt, columns_of(&console::Term::stderr()));
            write!(err, "{} ", printable(&prompt, self.colour_err))?;
            err.flush()?;
            let mut line = String::new();
            let read = ctrl_c::while_asking(|| std::io::stdin().read_line(&mut line))?;
            Ok((read > 0).then(|| line.trim().to_owned()))
        })
    }

    /// `text` painted for standard error.
    pub fn paint(&self, paint: Paint, text: &str) -> String {
        paint::apply(paint, text, self.colour_err)
    }

    /// `text` painted for standard output.
    pub fn paint_data(&self, paint: Paint, text: &str) -> String {
        paint::apply(paint, text, self.colour_out)
    }

    /// Writes to standard error without tearing a bar. A closed standard error is nobody's failure.
    fn write_err(&self, line: &str) {
        let line = printable(line, self.colour_err);
        let line = wrap::fitted(&line, columns_of(&console::Term::stderr()));
        self.suspended(|| {
            let _nobody_listens = writeln!(std::io::stderr().lock(), "{line}");
        });
    }

    fn suspended<R>(&self, print: impl FnOnce() -> R) -> R {
        match &self.bars {
            Some(bars) => bars.suspend(print),
            None => print(),
        }
    }
}

/// `text` with its lines broken at the width of standard output, for what is not printed here.
pub fn fitted(text: &str) -> String {
    wrap::fitted(text, columns_of(&console::Term::stdout())).into_owned()
}

/// The width of a terminal; `None` where output goes elsewhere.
fn columns_of(term: &console::Term) -> Option<usize> {
    term.size_checked().map(|(_, columns)| columns as usize)
}
