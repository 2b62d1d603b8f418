//! Where moving lines are drawn: a terminal that seems some columns narrower than it is.
//!
//! A terminal writes `^C` behind the cursor when Ctrl-C is pressed. Behind a line of the full width it would go to the next
//! row, and the line that moves would stay where it was when it is drawn again.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use console::Term;
use indicatif::{MultiProgress, ProgressDrawTarget, TermLike};

/// Room for `^C` twice.
const ROOM: u16 = 5;
/// As often as the library draws to a terminal itself.
const FRAMES_PER_SECOND: u8 = 20;

/// Bars on standard error.
pub(super) fn bars() -> MultiProgress {
    on(Term::stderr())
}

/// Takes the lines off; the threads that move them draw nothing from then on.
pub(super) fn end(bars: &MultiProgress) {
    // A terminal that is gone needs no clearing.
    let _nobody_looks = bars.clear();
    bars.set_draw_target(ProgressDrawTarget::hidden());
}

fn on(term: impl TermLike + 'static) -> MultiProgress {
    let narrow = Narrow { term, column: AtomicUsize::new(0) };
    MultiProgress::with_draw_target(ProgressDrawTarget::term_like_with_hz(
        Box::new(narrow),
        FRAMES_PER_SECOND,
    ))
}

/// The library fills each line up to the width and trusts the terminal to begin the next row by itself; one that is wider
/// than it says does not.
#[derive(Debug)]
struct Narrow<T> {
    term: T,
    /// Columns written in this row.
    column: AtomicUsize,
}

impl<T: TermLike> Narrow<T> {
    fn at(&self, column: usize) {
        self.column.store(column, Ordering::Relaxed);
    }
}

impl<T: TermLike> TermLike for Narrow<T> {
    fn width(&self) -> u16 {
        self.term.width().saturating_sub(ROOM).max(1)
    }

    fn height(&self) -> u16 {
        self.term.height()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.at(0);
        self.term.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        if text.starts_with('\r') {
            self.at(0);
        }
        let (column, columns) = (self.column.load(Ordering::Relaxed), console::measure_text_width(text));
        let is_full = columns > 0 && column >= usize::from(self.width());
        if is_full {
            self.term.write_line("")?;
        }
        self.at(if is_full { columns } else { column + columns });
        self.term.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.at(0);
        self.term.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.term.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use indicatif::{ProgressBar, ProgressStyle};

    use super::*;

    /// A terminal of 40 columns that keeps what is written.
    #[derive(Debug, Default, Clone)]
    struct Paper(Arc<Mutex<String>>);

    impl Paper {
        fn write(&self, text: &str) -> io::Result<()> {
            self.0.lock().expect("nobody panics").push_str(text);
            Ok(())
        }
    }

    impl TermLike for Paper {
        fn width(&self) -> u16 {
            40
        }

        fn height(&self) -> u16 {
            20
        }

        fn move_cursor_up(&self, n: usize) -> io::Result<()> {
            self.write(if n > 0 { "<up>" } else { "" })
        }

        fn move_cursor_down(&self, n: usize) -> io::Result<()> {
            self.write(if n > 0 { "<down>" } else { "" })
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write(&format!("{text}\n"))
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.write(text)
        }

        fn clear_line(&self) -> io::Result<()> {
            self.write("<clear>")
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_move_at_once_stand_below_each_other() {
        let paper = Paper::default();
        let bars = on(paper.clone());
        let style = ProgressStyle::with_template("{prefix} {wide_msg}").expect("a valid template");
        let add = |name: &'static str| {
            let bar = bars.add(ProgressBar::new(9).with_style(style.clone()).with_prefix(name));
            bar.set_message("a text that is much longer than the line in which it has to stand");
            bar
        };
        let (first, second) = (add("training"), add("validation"));
        first.tick();
        second.tick();
        let written = paper.0.lock().expect("nobody panics").clone();
        // Each of these begins a row, or begins one again.
        let marked =
            ["<up>", "<down>", "<clear>"].iter().fold(written.clone(), |text, mark| text.replace(mark, "\n"));
        let rows: Vec<&str> = marked.split(['\n', '\r']).filter(|row| !row.trim().is_empty()).collect();
        assert!(rows.iter().any(|row| row.starts_with("validation")), "{written}");
        assert!(rows.iter().all(|row| row.chars().count() <= 35), "{written}");
    }
    #[test]
    fn nothing_is_drawn_after_the_end() {
        let paper = Paper::default();
        let bars = on(paper.clone());
        let style = ProgressStyle::with_template("{prefix} {wide_msg}").expect("a valid template");
        let bar = bars.add(ProgressBar::new(9).with_style(style).with_prefix("training"));
        let written = || paper.0.lock().expect("nobody panics").clone();
        bar.tick();
        assert!(written().contains("training"), "{}", written());
        end(&bars);
        let (drawn, cleared) = (written().rfind("training"), written().rfind("<clear>"));
        assert!(drawn < cleared, "the line is taken off: {}", written());
        let before = written();
        // A thread that moves it comes later.
        std::thread::sleep(std::time::Duration::from_millis(100));
        bar.inc(1);
        bar.tick();
        assert_eq!(written(), before);
    }
}
