//! Where moving lines are drawn: a terminal that seems some columns narrower than it is.
//!
//! A terminal writes `^C` behind the cursor when Ctrl-C is pressed. Behind a line of the full width it would go to the next
//! row, and the line that moves would stay where it was when it is drawn again.

use std::io;

use console::Term;
use indicatif::{MultiProgress, ProgressDrawTarget, TermLike};

/// Room for `^C` twice.
const ROOM: u16 = 5;
/// As often as the library draws to a terminal itself.
const FRAMES_PER_SECOND: u8 = 20;

/// Bars on standard error.
pub(super) fn bars() -> MultiProgress {
    let target = ProgressDrawTarget::term_like_with_hz(Box::new(Narrow(Term::stderr())), FRAMES_PER_SECOND);
    MultiProgress::with_draw_target(target)
}

#[derive(Debug)]
struct Narrow(Term);

impl TermLike for Narrow {
    fn width(&self) -> u16 {
        self.0.size().1.saturating_sub(ROOM).max(1)
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}
