//! Sentences about answers that stand in the training texts.

use crate::memorization::{MEMORIZED_AT_LEAST_WORDS, MEMORIZED_FROM_SHARE, MEMORIZED_FROM_WORDS};
use crate::plain::counted;

/// Where the answers were not compared with the training texts.
pub const NOT_MEASURED: &str =
    "Overlap of the answers with the training texts was not measured: the data set's folder was not there.";

/// How many judged answers of an arm are recited, and the longest run of words of any.
pub fn recited(arm: &str, recited: usize, of: usize, longest: usize) -> String {
    format!(
        "{recited} of {} of `{arm}` {} {MEMORIZED_FROM_WORDS} words in a row of one training text, or {:.0} % of their words with \
         {MEMORIZED_AT_LEAST_WORDS} in a row; the longest run is {}.",
        counted(of, "judged answer", "judged answers"),
        if recited == 1 { "repeats" } else { "repeat" },
        100.0 * MEMORIZED_FROM_SHARE,
        counted(longest, "word", "words")
    )
}
