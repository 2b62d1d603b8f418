//! Sentences about where judges disagree.

use crate::plain::counted;
use crate::stats::disagreement::Division;

/// Where no pair was judged by two judges in both orders.
pub const NOT_KNOWN: &str = "Not known: no pair was judged by two judges in both orders.";

/// On how many shared pairs two judges name different winners, and on how many a verdict changed with the order.
pub fn conflicts(conflicts: usize, flips: usize, of: usize) -> String {
    format!(
        "On {conflicts} of {} two judges name different winners, each the same in both orders: a conflict of values. On {flips} \
         others some verdict changed with the order: a coin flip.",
        counted(of, "shared pair", "shared pairs")
    )
}

/// How far the votes on all pairs divide the judges, beside their own noise.
pub fn division(found: &Division, is_beyond_noise: bool) -> String {
    let word = match is_beyond_noise {
        true => "judges differ beyond their own noise",
        false => "no more than the judges' own noise",
    };
    format!(
        "Over all pairs: entropy of the judges' votes {:.2} bits on {}, {:.2} by noise alone; variance between judges {:.3}, \
         {:.3} by noise alone: {word}.",
        found.entropy_bits,
        counted(found.items, "pair", "pairs"),
        found.entropy_by_noise_bits,
        found.observed,
        found.by_noise
    )
}

/// That none of so many topics is shown to divide the judges.
pub fn no_topic(tried: usize) -> String {
    format!(
        "No topic is shown to divide the judges in another way than the rest: {} by the words of the prompts were tried.",
        counted(tried, "topic", "topics")
    )
}

/// A judge's mean score on the prompts of a topic and on all others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Says<'a> {
    pub judge: &'a str,
    pub here: f64,
    pub there: f64,
}

/// That judges hold different values on a topic of so many prompts: the two that part most.
pub fn topic(terms: &[String], prompts: usize, most: Option<&Says>, least: Option<&Says>) -> String {
    let says = |Says { judge, here, there }: &Says| {
        format!("`{judge}` gives {:.0} % there and {:.0} % elsewhere", 100.0 * here, 100.0 * there)
    };
    format!(
        "Judges hold different values on prompts about {} ({}): {}, {}.",
        terms.join(", "),
        counted(prompts, "prompt", "prompts"),
        most.map_or(String::new(), says),
        least.map_or(String::new(), says)
    )
}
