//! Decisions that were written to a file and read from one, in words.

use affinage_project::next::next;
use affinage_project::stages::cards::{Taken, Written};

use crate::ui::{Ui, count, counted};

/// Says what was written, what of it is left to decide, and what to do with the file.
pub fn say_written(ui: &Ui, written: &Written<'_>) {
    let Written { file, candidates, left_to_decide, held_back, private, .. } = *written;
    ui.say(format!(
        "{}: {}, {} left to decide",
        file.display(),
        counted(candidates, "card", "cards"),
        count(left_to_decide as u64)
    ));
    if held_back > 0 {
        ui.say(format!(
            "{} without a decision in conversations that are skipped or set aside: also written",
            counted(held_back, "card", "cards")
        ));
    }
    if private > 0 {
        ui.say(format!("{} that you hold private: not written", counted(private, "card", "cards")));
    }
    ui.hint(format!(
        "set \"decision\" to accept, reject or edit (with \"text\"), then {}",
        next("review").option("--import", &file.display().to_string())
    ));
}

/// Says how many decisions were read and what to do with them.
pub fn say_taken(ui: &Ui, taken: &Taken) {
    ui.say(format!(
        "{}, {} of them new; {} without one",
        counted(taken.decisions, "decision", "decisions"),
        count(taken.new as u64),
        counted(taken.undecided, "line", "lines")
    ));
    if taken.new > 0 {
        ui.hint(format!("freeze what you accepted: {}", next("dataset")));
    }
}
