//! Why a worker ended, in words, and what to do about it.

use std::process::ExitStatus;

/// Last lines of its standard error that are shown.
const SHOWN_LINES: usize = 6;

/// What happened, and what to do.
pub(super) fn explained(status: Option<ExitStatus>, stderr: &str) -> (String, &'static str) {
    let said = stderr.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| said.contains(part));
    let lines: Vec<&str> = stderr.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let shown = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n  ");
    let shown = if shown.is_empty() { String::new() } else { format!("; its last lines:\n  {shown}") };
    let killed = signal(status) == Some(9);
    if has(&["out of memory", "outofmemory", "insufficient memory", "memoryerror", "unable to allocate"]) {
        return (format!("the engine has no memory left{shown}"), LESS_MEMORY);
    }
    if has(&[
        "device lost",
        "devicelost",
        "launch failure",
        "device-side assert",
        "cuda error",
        "impactinginteractivity",
        "iogpucommandbuffer",
        "command buffer execution failed",
    ]) {
        return (format!("the device was lost{shown}"), LOST);
    }
    if has(&["modulenotfounderror", "importerror", "packagenotfounderror"]) {
        return (format!("Python lacks a package{shown}"), PACKAGES);
    }
    if killed {
        let what = "the engine's process was killed (signal 9), as systems do that run out of memory";
        return (format!("{what}{shown}"), LESS_MEMORY);
    }
    let how = match (signal(status), status.and_then(|status| status.code())) {
        (Some(signal), _) => format!("was ended by signal {signal}"),
        (None, Some(code)) => format!("ended with exit code {code}"),
        (None, None) => "ended".to_owned(),
    };
    (format!("the engine's process {how}{shown}"), ELSE)
}

const LESS_MEMORY: &str = "close other programs, or lower `train.micro-batch-tokens` or `train.max-seq-tokens` for a new run; `--engine cpu` needs least";
const LOST: &str =
    "let the display sleep or restart the machine if it happens again; `--engine cpu` needs no device";
const PACKAGES: &str = "take AFFINAGE_PYTHON away, so that affinage makes an environment of its own, or install what is missing there";
const ELSE: &str = "if it happens again, train with `--engine cpu`";

#[cfg(unix)]
fn signal(status: Option<ExitStatus>) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status?)
}

#[cfg(not(unix))]
fn signal(_: Option<ExitStatus>) -> Option<i32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_engines_print_is_told_by_its_kind() {
        let cases = [
            ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "no memory left"),
            ("RuntimeError: [metal::malloc] Attempting to allocate: Insufficient Memory", "no memory left"),
            ("RuntimeError: CUDA error: unspecified launch failure", "device was lost"),
            (
                "[METAL] Command buffer execution failed: kIOGPUCommandBufferCallbackErrorImpactingInteractivity",
                "device was lost",
            ),
            ("ModuleNotFoundError: No module named 'torch'", "lacks a package"),
            ("ValueError: odd", "ended"),
        ];
        for (stderr, part) in cases {
            let (what, _) = explained(None, stderr);
            assert!(what.contains(part) && what.contains(stderr), "{what}");
        }
        let long: String = (0..20).map(|line| format!("line {line}\n")).collect();
        let (what, _) = explained(None, &long);
        assert!(what.ends_with("line 19") && !what.contains("line 13\n"), "{what}");
    }
}
