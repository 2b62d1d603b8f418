//! Content: habits of assistants that a personal model should not learn by accident.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::{Code, Field, Hit, Severity, Subject, head, markup, shown, structure};
use crate::conversation::Feedback;

/// Characters that count as the beginning of an answer.
const LEAD_CHARS: usize = 200;

static DISCLAIMER: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?i)\b(?:as|being) an? (?:ai|artificial intelligence|(?:large )?language model)\b(?: language)?(?: model| assistant)?",
        r"|\bI(?:(?:'|’)m| am) (?:just |only |merely )?an? (?:AI|artificial intelligence|(?:large )?language model)\b",
    );
    Regex::new(pattern).expect("a valid pattern")
});

/// L30: a warning at the beginning, information elsewhere.
pub fn ai_disclaimer(subject: &Subject) -> Vec<Hit> {
    let lead_end = head(&subject.response, LEAD_CHARS).len();
    let hit = |found: regex::Match<'_>| {
        let mut hit = Hit::new(Field::Response, found.range());
        hit.severity = (found.start() < lead_end).then_some(Severity::Warning);
        hit
    };
    DISCLAIMER.find_iter(&subject.response).map(hit).collect()
}

static REFUSAL: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?i)\bI(?:(?:'|’)m| am) (?:unable to|not able to)\b|\b(?:sorry|apologi[sz]e),? (?:but )?I (?:can(?:'|’)t|cannot|can not|won(?:'|’)t)\b",
        r"|\bI(?:(?:'|’)m| am) sorry,? (?:but|I)\b",
        r"|\bI (?:can(?:'|’)t|cannot|can not|won(?:'|’)t) (?:help (?:you|with)|assist|provide|do that|create|write|generate|comply|access|browse|open|continue|fulfill)\b",
        r"|\bI (?:don(?:'|’)t|do not) have (?:access|the ability|browsing|real-time)\b|\bI (?:must|have to) decline\b",
    );
    Regex::new(pattern).expect("a valid pattern")
});

/// L31. What is quoted, written in a letter or said by somebody of a dialogue refuses nothing.
pub fn refusal(subject: &Subject) -> Vec<Hit> {
    let text = &subject.response;
    let letter = shown::letter(text);
    let is_shown = |at: usize| {
        letter.as_ref().is_some_and(|letter| letter.contains(&at))
            || shown::is_quoted(text, at)
            || Code::of(text).holds(at)
            || structure::is_spoken(text, at)
    };
    let found = REFUSAL.find_iter(head(text, LEAD_CHARS)).find(|found| !is_shown(found.start()));
    found.map(|f| Hit::new(Field::Response, f.range())).into_iter().collect()
}

static MATERIAL: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?i)\[pasted: [^\]]*\]|\b(?:summari[sz]e|read|open|visit|look at|translate|analy[sz]e)\b[^\n]{0,60}https?://\S+",
        r"|\b(?:attached|uploaded) (?:image|picture|photo|screenshot)\b",
        r"|\b(?:image|picture|photo|screenshot) (?:that )?I(?:(?:'|’)ve| have)? (?:just )?(?:attached|uploaded|sent)\b",
        r"|\bin this (?:image|picture|photo|screenshot)\b",
        r"|!\[[^\]\n]*\]\((?:file:|\.{0,2}/)?[^():\s]+\.(?:png|jpe?g|gif|webp|heic|bmp|mp4|mov|m4a|mp3|opus|ogg|pdf)\)",
    );
    Regex::new(pattern).expect("a valid pattern")
});
/// Files, whose words may stand in the prompt.
static FILE: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?i)\b(?:attached|uploaded) (?:file|document|pdf)\b",
        r"|\b(?:file|document|pdf) (?:that )?I(?:(?:'|’)ve| have)? (?:just )?(?:attached|uploaded|sent)\b",
    );
    Regex::new(pattern).expect("a valid pattern")
});
static UPLOAD: LazyLock<Regex> = LazyLock::new(|| Regex::new(markup::UPLOAD).expect("a valid pattern"));

/// L32
pub fn missing_material(subject: &Subject) -> Vec<Hit> {
    let prompt = &subject.prompt;
    let code = Code::of(prompt);
    let of_file = || FILE.find(prompt).filter(|_| subject.prompt_attachment_count == 0);
    let of_list = || UPLOAD.find_iter(prompt).find(|found| !code.holds(found.start()));
    let in_text = MATERIAL.find(prompt).or_else(of_file).or_else(of_list);
    let in_text = in_text.map(|found| Hit::new(Field::Prompt, found.range()));
    let beside = (subject.prompt_media_count > 0).then(|| {
        let detail = format!("{} image(s) or file(s)", subject.prompt_media_count);
        Hit::new(Field::Prompt, 0..prompt.len()).detail(detail)
    });
    in_text.or(beside).into_iter().collect()
}

/// Shorter answers cannot be measured.
const REPETITION_MIN_WORDS: usize = 50;
const DUPLICATE_SHARE: f64 = 0.30;
/// Largest share of the characters that the most frequent n-gram may cover.
const TOP_NGRAM_SHARE: [(usize, f64); 3] = [(2, 0.20), (3, 0.18), (4, 0.16)];

/// L34, with the thresholds of Gopher (arXiv:2112.11446, table A1).
pub fn repetition(subject: &Subject) -> Vec<Hit> {
    let text = &subject.response;
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.len() < REPETITION_MIN_WORDS {
        return Vec::new();
    }
    let hit = |detail: String| vec![Hit::new(Field::Response, 0..text.len()).detail(detail)];
    for (what, separator) in [("paragraphs", "\n\n"), ("lines", "\n")] {
        let share = duplicate_share(text, separator);
        if share > DUPLICATE_SHARE {
            let shown = quoted(first_repeated(text, separator));
            return hit(format!("{:.0} % of it are repeated {what}: {shown}", 100.0 * share));
        }
    }
    let chars: usize = words.iter().map(|word| word.chars().count()).sum();
    for (n, limit) in TOP_NGRAM_SHARE {
        let mut counts: HashMap<&[&str], usize> = HashMap::new();
        for ngram in words.windows(n) {
            *counts.entry(ngram).or_default() += 1;
        }
        let covered =
            |(ngram, count): (&[&str], usize)| ngram.iter().map(|w| w.chars().count()).sum::<usize>() * count;
        let repeated = counts.into_iter().filter(|(_, count)| *count > 2);
        let Some((top, ngram)) = repeated.map(|(ngram, count)| (covered((ngram, count)), ngram)).max() else {
            continue;
        };
        let share = top as f64 / chars as f64;
        if share > limit {
            let shown = quoted(&ngram.join(" "));
            return hit(format!("{:.0} % of it is one sequence of {n} words: {shown}", 100.0 * share));
        }
    }
    Vec::new()
}

/// The beginning of a text, as a finding shows it.
fn quoted(text: &str) -> String {
    const SHOWN_CHARS: usize = 60;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("`{}…`", &line[..end]),
        None => format!("`{line}`"),
    }
}

/// The longest part that stands in the text more than once.
fn first_repeated<'a>(text: &'a str, separator: &str) -> &'a str {
    let mut seen = std::collections::HashSet::new();
    let parts = text.split(separator).map(str::trim).filter(|part| !part.is_empty());
    parts.filter(|part| !seen.insert(*part)).max_by_key(|part| part.len()).unwrap_or_default()
}

/// Share of the characters that stand in repetitions of an earlier part.
fn duplicate_share(text: &str, separator: &str) -> f64 {
    let mut seen = std::collections::HashSet::new();
    let (mut total, mut repeated) = (0, 0);
    for part in text.split(separator).map(str::trim).filter(|part| !part.is_empty()) {
        let len = part.chars().count();
        total += len;
        if !seen.insert(part) {
            repeated += len;
        }
    }
    repeated as f64 / total.max(1) as f64
}

/// L39
pub fn rated_down(subject: &Subject) -> Vec<Hit> {
    let rated_down = subject.feedback == Some(Feedback::Down);
    rated_down.then(|| Hit::new(Field::Response, 0..subject.response.len())).into_iter().collect()
}
