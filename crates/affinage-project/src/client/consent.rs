//! What may leave this machine.

use super::http::{host, is_loopback, shown};
use crate::errors::{HintExt as _, usage};

/// What a person allowed to leave this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leave<'a> {
    /// Texts may go to the servers that are configured or named, without a question.
    pub yes: bool,
    /// What is held private and may go all the same: conversations by key or title, or files.
    pub send_private: &'a [String],
}

/// Errors unless `url` is on this machine or texts may go to others.
pub fn consented(url: &str, yes: bool) -> anyhow::Result<()> {
    let host = host(url);
    if is_loopback(host) || yes {
        return Ok(());
    }
    Err(usage(format!("{}: your prompts would go to `{host}`", shown(url)))).hint("pass `--yes` if they may")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_here_without_consent() {
        assert!(
            consented("http://127.0.0.1:8080/v1", false).is_ok()
                && consented("https://a.example/v1", true).is_ok()
        );
        for far in
            ["https://a.example/v1", "http://127.0.0.1@evil.example/v1", "http://localhost.example.com/v1"]
        {
            assert!(consented(far, false).is_err(), "{far}");
        }
    }
}
