//! PDFs are read by a process of their own: a hostile one makes its reader loop, take all memory or fall over, and then only
//! that process ends. It is this program begun again ([`read_if_asked`]), gets the bytes on standard input and answers with
//! one line of JSON.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use affinage_dataset::import::{Limits, PdfError, PdfText, pdf_text};

/// The only argument of the process that reads; it stands for no command.
const READER: &str = "read-pdf-from-standard-input";
/// Time and memory of the reader. A book of a thousand pages takes some seconds and some hundred megabytes.
const LIMIT: Duration = Duration::from_secs(25);
const LIMIT_BYTES: u64 = 1 << 30;
const POLL: Duration = Duration::from_millis(5);

/// Whether this program, begun again, would read a PDF and not begin its own work a second time.
static IS_READER: AtomicBool = AtomicBool::new(false);

/// The bounds of every import here.
pub fn limits() -> Limits {
    Limits { pdf: text, ..Limits::default() }
}

/// The text of a PDF, read elsewhere.
///
/// Errors: it cannot be read within the bounds; the program has never called [`read_if_asked`].
fn text(bytes: &[u8]) -> Result<PdfText, PdfError> {
    if !IS_READER.load(Ordering::Relaxed) {
        return Err(PdfError::Broken("this program reads no PDFs".to_owned()));
    }
    let broken = |error: std::io::Error| PdfError::Broken(error.to_string());
    let mut command = Command::new(std::env::current_exe().map_err(broken)?);
    command.arg(READER).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut reader = command.spawn().map_err(broken)?;
    let (given, answer) = (reader.stdin.take(), reader.stdout.take());
    std::thread::scope(|scope| {
        // A reader that has given up takes no more bytes; its answer says so.
        scope.spawn(|| given.map(|mut pipe| pipe.write_all(bytes)));
        let answer = scope.spawn(|| {
            let mut text = Vec::new();
            answer.map(|mut pipe| pipe.read_to_end(&mut text));
            text
        });
        let in_time = wait(&mut reader).map_err(broken)?;
        let answer = answer.join().unwrap_or_default();
        match serde_json::from_slice(&answer) {
            Ok(read) => read,
            Err(_) if in_time => Err(PdfError::Broken("its reader gave up".to_owned())),
            Err(_) => Err(PdfError::TooMuch),
        }
    })
}

/// Waits for the reader, and ends it when its time is over; false if it did not end by itself.
fn wait(reader: &mut Child) -> std::io::Result<bool> {
    let begun = Instant::now();
    loop {
        match reader.try_wait()? {
            // Who gets no memory, or no room on the stack, is ended by a signal.
            Some(status) => return Ok(status.code().is_some()),
            None if begun.elapsed() < LIMIT => std::thread::sleep(POLL),
            None => {
                reader.kill()?;
                reader.wait()?;
                return Ok(false);
            }
        }
    }
}

/// Reads a PDF if this process was begun for it, and returns the code to exit with. A program that imports PDFs calls this
/// first in `main`; one that does not cannot read any.
#[expect(clippy::disallowed_methods, reason = "the streams of the process that reads a PDF are its channel")]
pub fn read_if_asked() -> Option<ExitCode> {
    IS_READER.store(true, Ordering::Relaxed);
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != READER || arguments.next().is_some() {
        return None;
    }
    #[cfg(unix)]
    bound();
    let mut bytes = Vec::new();
    let read = match std::io::stdin().lock().read_to_end(&mut bytes) {
        Ok(_) => pdf_text(&bytes),
        Err(error) => Err(PdfError::Broken(error.to_string())),
    };
    let answer = serde_json::to_vec(&read).unwrap_or_default();
    let is_told = std::io::stdout().lock().write_all(&answer).is_ok();
    Some(if is_told { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Bounds what this process may take. Where the system does not allow that, the time is bounded all the same.
#[cfg(unix)]
fn bound() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let bounds = [(Resource::As, LIMIT_BYTES), (Resource::Cpu, LIMIT.as_secs()), (Resource::Core, 0)];
    for (resource, bound) in bounds {
        let _ = setrlimit(resource, Rlimit { current: Some(bound), maximum: Some(bound) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_read_pdfs_is_not_begun_a_second_time() {
        // The tests' own binary never asks: begun again it would run every test.
        let refused = (limits().pdf)(b"%PDF-1.4");
        assert!(matches!(refused, Err(PdfError::Broken(why)) if why.contains("reads no PDFs")));
    }
}
