//! Sentences about features of answers that move together.

/// That two features move together, and how many times as wide intervals are for it.
pub fn entangled(one: &str, other: &str, correlation: f64, wider: f64) -> String {
    let way = if correlation > 0.0 { "together" } else { "against each other" };
    format!(
        "In these answers {one} and {other} move {way} (correlation {correlation:.2}): which of the two a judge rewards can hardly be \
         told; the intervals are up to {wider:.1} times as wide for it."
    )
}

/// That a feature follows from others, the nearest of which is named.
pub fn follows(feature: &str, nearest: &str) -> String {
    format!(
        "In these answers {feature} follows from the other features, {nearest} most of all: which a judge rewards cannot be told, \
         and {feature} is left out."
    )
}
