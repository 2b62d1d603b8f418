//! Sentences about arms that the plan's run did not make.

use crate::analyze::LEAK_FROM;

/// What to do where texts of a training are too near the prompts, or several models answered.
pub const DOUBTFUL: &str = "its figures may be recitation, or of several models: do not compare with it";
/// What to do where something is not known.
pub const SAY_SO: &str = "say so with every figure of theirs";

/// That arms were trained on a data set, and how near its texts come to a prompt: a share of five-word sequences.
pub fn trained_on(version: &str, arms: &[&str], most: f64) -> String {
    format!(
        "{} trained on {version}; the nearest prompt shares {:.0} % of its five-word sequences with a text of it (limit \
         {:.0} %).",
        were(arms),
        100.0 * most,
        100.0 * LEAK_FROM
    )
}

/// That nobody knows what arms were trained on.
pub fn training_unknown(arms: &[&str]) -> String {
    format!("What {} trained on is not known: these prompts may have been among it.", were(arms))
}

/// That a judge is of the family of an arm.
pub fn related(judge: &str, arm: &str) -> String {
    format!("`{judge}` is of the family of `{arm}`: judges favour their relatives.")
}

/// What the server of an arm said of itself: the models that it named and the settings that it refused.
pub fn served(arm: &str, model: &str, base_url: &str, named: &[&str], refused: &[&str]) -> String {
    let answered_as = match named {
        [] => String::new(),
        names => format!("; it answered as {}", names.join(" and ")),
    };
    let refused = match refused {
        [] => String::new(),
        names => format!("; it refused {}, so its answers are drawn in its own way", names.join(", ")),
    };
    format!(
        "`{arm}` is {model} behind {base_url}: its weights are unknown and can change under the name{answered_as}{refused}."
    )
}

/// "`a` was", "`a`, `b` and `c` were", "24 arms were".
fn were(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [one] => format!("{one} was"),
        [first @ .., last] if names.len() <= 4 => format!("{} and {last} were", first.join(", ")),
        many => format!("{} arms were", many.len()),
    }
}
