//! Which language an answer is in, by the frequency of its trigrams (whatlang).
//!
//! Who asks in German is answered in German: only an answer that is neither in the project's language nor in that of
//! its own prompt is suspect.

use std::collections::HashMap;

use whatlang::Lang;

use super::{Field, Hit, Subject, fenced};

/// Shorter texts could be in many languages.
const MIN_CHARS: usize = 40;
const MIN_CONFIDENCE: f64 = 0.8;
/// Fewer texts have no common language yet.
const MIN_TEXTS: usize = 10;
/// A project has a language if this share of its answers is in it; else it has several, and none is wrong.
const MIN_SHARE: f64 = 0.7;

/// L35
pub fn other_languages(subjects: &[Subject]) -> Vec<(usize, Hit)> {
    let languages: Vec<Option<Lang>> = subjects.iter().map(|subject| language(&subject.response)).collect();
    let mut counts: HashMap<Lang, usize> = HashMap::new();
    languages.iter().flatten().for_each(|language| *counts.entry(*language).or_default() += 1);
    let known = languages.iter().flatten().count();
    let Some((&own, &count)) = counts.iter().max_by_key(|(language, count)| (**count, language.code()))
    else {
        return Vec::new();
    };
    if known < MIN_TEXTS || (count as f64) < MIN_SHARE * known as f64 {
        return Vec::new();
    }
    let others = languages.iter().enumerate().filter_map(|(index, found)| {
        let found = found.filter(|found| *found != own)?;
        let asked = whatlang::detect_lang(&subjects[index].prompt);
        if asked == Some(found) {
            return None;
        }
        let detail = format!("{}; most answers here are {}", found.eng_name(), own.eng_name());
        Some((index, Hit::new(Field::Response, 0..subjects[index].response.len()).detail(detail)))
    });
    others.collect()
}

/// The language of the words outside code blocks; `None` if there are too few or it is not clear.
fn language(text: &str) -> Option<Lang> {
    let mut prose = String::new();
    let mut at = 0;
    for fence in fenced(text) {
        prose.push_str(&text[at..fence.start]);
        at = fence.end;
    }
    prose.push_str(&text[at..]);
    if prose.chars().filter(|c| c.is_alphabetic()).count() < MIN_CHARS {
        return None;
    }
    whatlang::detect(&prose).filter(|found| found.confidence() >= MIN_CONFIDENCE).map(|found| found.lang())
}
