//! What is said of notes: texts in which nobody speaks.

use affinage_dataset::import::Cut;
use affinage_eval::plain::listed;

use crate::ui::{Ui, count, counted};

/// What to do about prompts that nobody wrote.
pub const HINT: &str =
    "the prompts of notes are drafts: leave them, or write at the desk what you would have asked";

/// Says how many of the conversations of a file are sections of notes, and how much of them is quoted.
pub fn say(ui: &Ui, drafted: usize, conversations: usize, quoted_words: usize, cut: Cut) {
    if drafted == 0 {
        return;
    }
    let which = match drafted == conversations {
        true => "no dialogue: ".to_owned(),
        false => "partly no dialogue: ".to_owned(),
    };
    let (sections, become_, their) = match drafted {
        1 => ("1 section".to_owned(), "is an answer", "its prompt is"),
        _ => (counted(drafted, "section", "sections"), "are answers", "their prompts are"),
    };
    ui.say(format!(
        "  {which}{sections} {become_} in your own words; {their} drafted by rule, from the heading or the first words"
    ));
    if cut.sections > 0 {
        ui.say(format!(
            "  cut: {} into {} parts, each counted as a section and an answer by itself",
            match cut.sections {
                1 => "1 section is so long that it was cut".to_owned(),
                many => format!("{} are so long that they were cut", counted(many, "section", "sections")),
            },
            count(cut.parts as u64)
        ));
    }
    if quoted_words > 0 {
        let stand = if quoted_words == 1 { "stands" } else { "stand" };
        ui.say(format!(
            "  quoted: {} of them {stand} in block quotes (`>`) and would be learnt as yours; cut what is not: `affinage review`",
            counted(quoted_words, "word", "words")
        ));
    }
}

/// Names files whose words were taken as the user's, and hardly are.
pub fn say_brought_along(ui: &Ui, files: &[String]) {
    const SHOWN: usize = 4;
    if files.is_empty() {
        return;
    }
    ui.say(format!(
        "  taken as yours, and perhaps a program's or a copy: {}: {}; hold them private or skip them at the desk, or \
         `affinage import --forget FILE`",
        counted(files.len(), "file", "files"),
        listed(files, SHOWN, ", ")
    ));
}
