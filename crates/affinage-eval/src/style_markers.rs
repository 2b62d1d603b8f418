//! The style markers: does an answer carry three marks of one way of writing?
//!
//! The marks are an *image* (something is likened to something), a *distinction* (two things are held apart)
//! and a *closing question* (the answer ends by asking). Each is found by a stated rule, so that anyone can
//! check a figure by hand. It measures manner, not quality; it is shown only where it tells the two kinds of
//! text apart, see [`MarkerFitness`].
//!
//! Rules, on the answer with curly quotes made straight and letters lower-cased:
//! - image: one of the phrases in [`IMAGE`], such as "like a ...", "as if", "as ... as a", "imagine", "picture".
//! - distinction: one of the phrases in [`DISTINCTION`], such as "not ..., but ...", "rather than", "is one
//!   thing", "the difference between", "distinguish".
//! - closing question: the last sentence ends with a question mark; quotes, brackets and emphasis after it are
//!   ignored, and the question has at least three words.

use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::text::words;

/// Which marks an answer carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    pub image: bool,
    pub distinction: bool,
    pub closing_question: bool,
}

impl Marks {
    pub fn all(self) -> bool {
        self.image && self.distinction && self.closing_question
    }
}

/// Phrases that liken one thing to another; alternatives of one regular expression.
///
/// "like" needs an article, a possessive or a gerund behind it ("like a river", "like watching"), so that
/// "things like sugar" and "I like a walk" do not count: no pronoun or "would" may stand before it.
pub const IMAGE: &[&str] = &[
    r"like (?:an?|the|one|someone|somebody|something|two|three|those|my|your|his|her|its|our|their|\w+ing) \w+",
    r"as (?:if|though) \w+",
    r"as \w+ as (?:an?|the|one|two) \w+",
    r"(?:the (?:same )?way|just as|much as) (?:an?|the|one) \w+",
    r"(?:imagine|picture|think of) (?:an?|the|two|three|it|yourself|someone|somebody|that) ?\w*",
    r"(?:is|are|was|were|becomes?) (?:a kind|a sort|the kind|the sort) of \w+",
    r"(?:resembles?|reminds (?:me|us|you|one) of|comparable to|akin to|an image of) \w+",
    r"in the manner of \w+",
];

/// What may not stand right before "like": there it is a verb or introduces a list.
const NOT_BEFORE_LIKE: &[&str] =
    &["i", "you", "we", "they", "would", "d", "id", "youd", "wed", "theyd", "to", "things", "such", "people"];

/// Phrases that hold two things apart; alternatives of one regular expression.
pub const DISTINCTION: &[&str] = &[
    r"not (?:\S+ ){1,12}?but (?:\S+)",
    r"(?:is|are|was|were) not (?:[^.!?]{1,80})[.;:,] (?:it|they|this|that|he|she) (?:is|are|was|were)\b",
    r"(?:isn't|aren't|wasn't|weren't) (?:[^.!?]{1,80})[.;:,] (?:it's|they're|it is|they are|that's)\b",
    r"rather than\b",
    r"\binstead of\b",
    r"(?:is|are) (?:not|never|hardly) (?:quite )?the same\b",
    r"(?:isn't|aren't) (?:quite )?the same\b",
    r"(?:is|are) one thing\b",
    r"(?:quite |altogether )?another (?:thing|matter)\b",
    r"\b(?:differs?|different|distinct|separate|apart) from\b",
    r"\b(?:the|a) (?:\w+ )?(?:difference|distinction|line|gap) between\b",
    r"\b(?:difference|distinction) (?:is|lies|matters|here|worth)\b",
    r"\bdistinguish(?:es|ed|ing)?\b",
    r"\b(?:two|three) (?:different |distinct )?(?:kinds|sorts|senses|meanings|questions|things|ways) (?:of|in|to|that|which|here|hide|hidden|are|stand)\b",
    r"\bon (?:the )?one (?:hand|side)\b",
    r"\b(?:confuse|mistake|mistook|confuses|mistakes|confusing|mistaking)\b(?:[^.!?]{1,60})\b(?:with|for)\b",
];

static IMAGE_RULE: LazyLock<Regex> = LazyLock::new(|| alternatives(IMAGE));
static DISTINCTION_RULE: LazyLock<Regex> = LazyLock::new(|| alternatives(DISTINCTION));

fn alternatives(phrases: &[&str]) -> Regex {
    Regex::new(&format!(r"\b(?:{})", phrases.join("|"))).expect("the phrases are valid expressions")
}

/// Finds the marks of one answer.
pub fn marks(answer: &str) -> Marks {
    let plain = plain(answer);
    Marks {
        image: has_image(&plain),
        distinction: DISTINCTION_RULE.is_match(&plain),
        closing_question: ends_with_question(&plain),
    }
}

/// Lower case, straight quotes, one space between words, so that a rule need not know of line breaks.
fn plain(answer: &str) -> String {
    let straight: String = answer
        .chars()
        .map(|c| match c {
            '\u{2018}' | '\u{2019}' => '\'',
            '\u{201c}' | '\u{201d}' => '"',
            c => c,
        })
        .collect();
    crate::text::squeeze(&straight.to_lowercase())
}

fn has_image(plain: &str) -> bool {
    let mut from = 0;
    while let Some(found) = IMAGE_RULE.find_at(plain, from) {
        let before = words(&plain[..found.start()]).pop().unwrap_or_default();
        if !found.as_str().starts_with("like") || !NOT_BEFORE_LIKE.contains(&before.as_str()) {
            return true;
        }
        from = found.end();
    }
    false
}

fn ends_with_question(plain: &str) -> bool {
    let end = plain
        .trim_end_matches(|c: char| matches!(c, '"' | '\'' | ')' | ']' | '*' | '_') || c.is_whitespace());
    let Some(question) = end.strip_suffix('?') else {
        return false;
    };
    let start = question.rfind(['.', '!', '?', '\n']).map_or(0, |at| at + 1);
    words(&question[start..]).len() >= 3
}

/// Whether the meter can tell the voice from other writing here; otherwise its figures are not shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarkerFitness {
    /// Share of the base model's answers with all marks; must be at most [`BASE_AT_MOST`].
    pub base_share: f64,
    pub base_n: usize,
    /// Share of held-out references with all marks; must be at least [`REFERENCES_AT_LEAST`].
    pub reference_share: f64,
    pub reference_n: usize,
    pub fit_to_show: bool,
    pub sentence: String,
}

pub const BASE_AT_MOST: f64 = 0.2;
pub const REFERENCES_AT_LEAST: f64 = 0.8;

/// Judges the meter by the base model's answers and the held-out references.
pub fn marker_fitness(base: &[Marks], references: &[Marks]) -> MarkerFitness {
    let share = |marks: &[Marks]| marks.iter().filter(|m| m.all()).count() as f64 / marks.len().max(1) as f64;
    let (base_share, reference_share) = (share(base), share(references));
    let fit_to_show = !base.is_empty()
        && !references.is_empty()
        && base_share <= BASE_AT_MOST
        && reference_share >= REFERENCES_AT_LEAST;
    let figures = format!(
        "all three marks are in {:.0} % of {} base answers and in {:.0} % of {} of your held-out examples",
        100.0 * base_share,
        base.len(),
        100.0 * reference_share,
        references.len()
    );
    let sentence = if fit_to_show {
        format!("The marks tell these texts apart: {figures}.")
    } else {
        format!(
            "The marks of the voice are not shown: {figures}; they need at most {:.0} % and at least {:.0} %.",
            100.0 * BASE_AT_MOST,
            100.0 * REFERENCES_AT_LEAST
        )
    };
    MarkerFitness {
        base_share,
        base_n: base.len(),
        reference_share,
        reference_n: references.len(),
        fit_to_show,
        sentence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(text: &str) -> bool {
        marks(text).image
    }

    fn distinction(text: &str) -> bool {
        marks(text).distinction
    }

    fn question(text: &str) -> bool {
        marks(text).closing_question
    }

    #[test]
    fn an_image_likens_and_a_list_or_a_liking_does_not() {
        assert!(image("Memory is like a river that\nforgets its source."));
        assert!(image("It was as if the room had turned to look."));
        assert!(image("Habit is as quiet as a cat."));
        assert!(image("Picture a harbour at night."));
        assert!(!image("I like the summer."));
        assert!(!image("You would like a walk."));
        assert!(!image("Eat things like the apple."));
        assert!(!image("Water boils at 100 degrees."));
    }

    #[test]
    fn a_distinction_holds_two_things_apart() {
        assert!(distinction("Courage is not the absence of fear but its government."));
        assert!(distinction("To be alone isn\u{2019}t the same as to be lonely."));
        assert!(distinction("Patience is not waiting; it is attention."));
        assert!(distinction("Choose the question rather than the answer."));
        assert!(!distinction("Courage is good and fear is bad."));
        assert!(!distinction("It is not far."));
    }

    #[test]
    fn a_closing_question_is_the_last_sentence_with_three_words() {
        assert!(question("We keep what we repeat. What do you repeat?"));
        assert!(question("He asked: \"and what would you keep?\""));
        assert!(question("*Which of the two is yours?*  \n"));
        assert!(!question("What do you repeat? We keep what we repeat."));
        assert!(!question("It is done. Right?"));
        assert!(!question(""));
    }

    #[test]
    fn the_meter_is_shown_only_where_it_tells_the_texts_apart() {
        let with = Marks { image: true, distinction: true, closing_question: true };
        let without = Marks::default();
        let fit = marker_fitness(&[without; 10], &[with; 10]);
        assert!(fit.fit_to_show, "{}", fit.sentence);
        let unfit = marker_fitness(&[with; 10], &[with; 10]);
        assert!(!unfit.fit_to_show);
        assert_eq!(
            unfit.sentence,
            "The marks of the voice are not shown: all three marks are in 100 % of 10 base answers and in 100 % of 10 of your \
             held-out examples; they need at most 20 % and at least 80 %."
        );
        assert!(!marker_fitness(&[], &[with; 10]).fit_to_show, "no base answers, no meter");
    }
}
