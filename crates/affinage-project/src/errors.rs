//! Errors of stages and commands: `anyhow` chains that may carry hints and an exit code.
//!
//! Library crates return one enum per thing that can fail; here they gain context at each file boundary.
//! What the user sees is one line `error: what: where: found`, a blank line, and `hint: ...`.

use std::fmt;

use affinage_dataset::template::TemplateError;
use affinage_engine::checkpoint::CheckpointError;

use crate::interrupt::LastWords;

/// Exit codes, as promised in `affinage --help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    Done,
    Failed,
    Usage,
    Interrupted,
}

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(match status {
            ExitStatus::Done => 0,
            ExitStatus::Failed => 1,
            ExitStatus::Usage => 2,
            ExitStatus::Interrupted => 130,
        })
    }
}

/// Adds `hint: ...` to an error: what the user can do next.
pub trait HintExt<T> {
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> HintExt<T> for Result<T, E> {
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| anyhow::Error::new(Hinted { error: error.into(), hint: hint.into() }))
    }
}

/// The command line asks for something that cannot be done as written (exit code 2).
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Stopped { status: ExitStatus::Usage, message: message.into() })
}

/// Ctrl-C was obeyed at a safe point (exit code 130). `message` says what is on disk.
pub fn interrupted(message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Stopped { status: ExitStatus::Interrupted, message: message.into() })
}

/// The same for work that Ctrl-C ended at once.
pub fn ended(words: &LastWords) -> anyhow::Error {
    Err::<(), _>(interrupted(words.stopped.clone())).hint(words.hint.clone()).expect_err("an error stays one")
}

/// The exit code of an error: 1 unless something in the chain says otherwise.
pub fn exit_status(error: &anyhow::Error) -> ExitStatus {
    causes(error)
        .find_map(|cause| cause.downcast_ref::<Stopped>())
        .map_or(ExitStatus::Failed, |stopped| stopped.status)
}

/// What helps wherever a template asks for the day.
const PIN_DATE: &str =
    "set `date = \"YYYY-MM-DD\"` in affinage.toml: what is trained must not depend on the day";

/// What helps with an adapter that is more than low-rank matrices beside projections.
const MERGE_IT: &str = "merge it where it was made (peft: `model.merge_and_unload().save_pretrained(DIR)`, mlx-lm: \
    `mlx_lm.fuse`) and use DIR as a model: in an [[arm]], `model = \"DIR\"` without `adapter`";
const UNPICKLE_IT: &str = "convert it where you trust it: python -c \"import torch; from safetensors.torch import \
    save_file; save_file({k: v.contiguous() for k, v in torch.load('adapter_model.bin', map_location='cpu', \
    weights_only=True).items()}, 'adapter_model.safetensors')\"";
const NAME_AN_ADAPTER: &str =
    "a checkpoint of a run is runs/RUN/checkpoints/step-N; a whole model is named by `model`";

fn hint_for_adapter(error: &CheckpointError) -> Option<&'static str> {
    match error {
        CheckpointError::NotComputed { .. } => Some(MERGE_IT),
        CheckpointError::Pickle { .. } => Some(UNPICKLE_IT),
        CheckpointError::NotFound { .. } => Some(NAME_AN_ADAPTER),
        _ => None,
    }
}

/// All hints of the chain, outermost first.
pub fn hints(error: &anyhow::Error) -> Vec<&str> {
    let hint = |cause: &'_ (dyn std::error::Error + 'static)| match cause.downcast_ref::<TemplateError>() {
        Some(TemplateError::DateNotPinned) => Some(PIN_DATE),
        _ => cause.downcast_ref::<CheckpointError>().and_then(hint_for_adapter),
    };
    causes(error)
        .filter_map(|cause| hint(cause).or_else(|| cause.downcast_ref::<Hinted>().map(|h| h.hint.as_str())))
        .collect()
}

/// The chain in one line, without the numbers of the operating system's errors, which tell nobody anything.
pub fn in_one_line(error: &anyhow::Error) -> String {
    let mut line = format!("{error:#}");
    while let Some(start) = line.find(" (os error ") {
        let Some(length) = line[start..].find(')') else { break };
        line.replace_range(start..=start + length, "");
    }
    line
}

/// Whether the reader of our standard output went away (`affinage ... | head`).
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    is_io(error, std::io::ErrorKind::BrokenPipe)
}

/// Whether an error of this kind of the system is among the causes.
pub fn is_io(error: &anyhow::Error, kind: std::io::ErrorKind) -> bool {
    let mut found = causes(error).filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    found.any(|io| io.kind() == kind)
}

/// Every error of the chain. A `Hinted` stands in for the error it wraps, so that one is visited too.
fn causes(error: &anyhow::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error.as_ref());
    std::iter::from_fn(move || {
        let current = next?;
        next = match current.downcast_ref::<Hinted>() {
            Some(hinted) => Some(hinted.error.as_ref()),
            None => current.source(),
        };
        Some(current)
    })
}

/// Displays as the error it wraps; the hint is fetched by [`hints`].
#[derive(Debug)]
struct Hinted {
    error: anyhow::Error,
    hint: String,
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl std::error::Error for Hinted {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

#[derive(Debug)]
struct Stopped {
    status: ExitStatus,
    message: String,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Stopped {}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn hints_do_not_disturb_the_chain() {
        let error = Err::<(), _>(std::io::Error::other("disk full"))
            .context("cannot write `x`")
            .hint("free some space")
            .context("checkpoint not saved")
            .hint("the last checkpoint is intact")
            .expect_err("built as an error");
        assert_eq!(format!("{error:#}"), "checkpoint not saved: cannot write `x`: disk full");
        assert_eq!(hints(&error), ["the last checkpoint is intact", "free some space"]);
        assert_eq!(exit_status(&error), ExitStatus::Failed);
    }

    #[test]
    fn numbers_of_the_system_are_not_said() {
        let error = Err::<(), _>(std::io::Error::from_raw_os_error(2)).context("cannot read `x`");
        let said = in_one_line(&error.expect_err("built as an error"));
        assert!(said.starts_with("cannot read `x`: ") && !said.contains("os error"), "{said}");
    }

    #[test]
    fn the_exit_code_survives_context_and_hints() {
        let error = Err::<(), _>(interrupted("stopped at step 3")).hint("--resume").context("train");
        assert_eq!(exit_status(&error.expect_err("built as an error")), ExitStatus::Interrupted);
        let error = Err::<(), _>(usage("pass --yes")).hint("or use a terminal");
        assert_eq!(exit_status(&error.expect_err("built as an error")), ExitStatus::Usage);
    }
}
