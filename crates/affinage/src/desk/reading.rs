//! The thread that fills the desk: it reads the library, compares its examples and measures their rows.

use std::sync::Arc;

use affinage_dataset::lint::Subject;
use affinage_project::folder::library::Library;
use affinage_project::interrupt;
use affinage_project::stages::lengths::Ruler;

use super::lengths::{Lengths, too_long};
use super::{Desk, catalogue};
use crate::context::Context;

/// How soon a waiting thread sees that there is something to do.
pub const POLL: std::time::Duration = std::time::Duration::from_millis(50);

/// What `work` gives, on a thread of its own; `None` as soon as `is_over`, whereupon nobody waits for the thread any more.
/// For long work that has no place to stop at and writes nothing.
pub fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
    is_over: &dyn Fn() -> bool,
) -> Option<T> {
    let thread = std::thread::spawn(work);
    while !thread.is_finished() {
        if is_over() {
            return None;
        }
        std::thread::sleep(POLL);
    }
    Some(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
}

impl Desk {
    /// Reads all candidates, and again whenever others are to be learnt, until Ctrl-C. The desk answers meanwhile.
    pub fn read_library(&self, ctx: &Context) -> anyhow::Result<()> {
        let mut read = None;
        while !interrupt::requested() {
            let (reading, marks) = {
                let state = self.lock();
                (state.reading, if read == Some(state.reading) { None } else { Some(state.marks.clone()) })
            };
            let Some(marks) = marks else {
                std::thread::sleep(POLL);
                continue;
            };
            let whole = catalogue::read(&ctx.project, &marks, |conversations| {
                let mut state = self.lock();
                let is_wanted = state.reading == reading;
                if is_wanted {
                    state.catalogue.add(conversations);
                }
                is_wanted
            })?;
            let mut state = self.lock();
            if let Some(mut whole) = whole.filter(|_| state.reading == reading) {
                let subjects = whole.take_subjects();
                state.catalogue.complete(whole);
                // What was chosen while the library was read may be about what was not read yet.
                state.stand_anew()?;
                drop(state);
                self.compare(ctx, subjects, reading)?;
                self.measure_rows(ctx, reading)?;
                read = Some(reading);
            }
        }
        Ok(())
    }

    /// Finds what no example shows alone, after everything was read; gives up when all is read again.
    fn compare(&self, ctx: &Context, subjects: Vec<Subject>, reading: u64) -> anyhow::Result<()> {
        let project = ctx.project.clone();
        let compared = aside(move || catalogue::compare(&project, &subjects), &interrupt::requested);
        let Some(findings) = compared.transpose()? else { return Ok(()) };
        let mut state = self.lock();
        if state.reading == reading {
            state.catalogue.compared(findings);
        }
        Ok(())
    }

    /// Finds the rows that are too long for the training, after everything was read; gives up when all is read again.
    fn measure_rows(&self, ctx: &Context, reading: u64) -> anyhow::Result<()> {
        let known = self.lock().ruler.clone();
        let ruler = match known.map_or_else(|| Ruler::open(ctx).map(Arc::new), Ok) {
            Ok(ruler) => ruler,
            Err(why) => {
                self.lock().lengths = Lengths::Unknown { why };
                return Ok(());
            }
        };
        let library = Library::open(&ctx.project)?;
        let (derivation, marks) = (library.derivation()?, self.lock().marks.clone());
        library.for_each_conversation_private_too(|_, conversation| {
            if interrupt::requested() {
                return Ok(());
            }
            let measured = derivation.candidates(&conversation).into_iter().map(|candidate| {
                let mark = marks.get(&candidate.candidate_id);
                (too_long(&ruler, &candidate, mark), candidate.candidate_id)
            });
            let measured: Vec<(Option<usize>, String)> = measured.collect();
            let mut state = self.lock();
            for (tokens, id) in measured {
                let index = state.catalogue.index(&id).filter(|_| state.reading == reading);
                index.into_iter().for_each(|index| state.catalogue.entries[index].too_long = tokens);
            }
            Ok(())
        })?;
        let mut state = self.lock();
        state.lengths = Lengths::known(&ruler);
        state.ruler = Some(ruler);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_work_is_not_waited_for_once_all_is_over() {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        assert_eq!(aside(move || ended.recv().is_ok(), &|| true), None);
        drop(end);
        assert_eq!(aside(|| 7, &|| false), Some(7));
    }
}
