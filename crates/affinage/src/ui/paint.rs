//! Colours by meaning. The sixteen terminal colours only, so that every theme stays readable.

/// What a piece of text is; the colour follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Bold,
    Dim,
    /// Success, supervised tokens, additions.
    Good,
    Warning,
    Error,
    /// Labels, hints, commands.
    Accent,
}

pub(super) fn apply(paint: Paint, text: &str, colour: bool) -> String {
    if !colour || text.is_empty() {
        return text.to_owned();
    }
    let code = match paint {
        Paint::Bold => "1",
        Paint::Dim => "2",
        Paint::Good => "32",
        Paint::Warning => "1;33",
        Paint::Error => "1;31",
        Paint::Accent => "36",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}
