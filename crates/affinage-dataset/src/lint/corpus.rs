//! Rules that compare examples with each other.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::shown::CLOSING;
use super::{Field, Hit, Severity, Subject, head, line_spans};
use crate::conversation::Feedback;
use crate::dedup::{Nearness, clusters};
use crate::identity::note_document;
use crate::import::is_copy_name;
use crate::label_leakage::leaking_features;
use crate::shingle::{Shingles, normalise, words};

const MINED_LINE_MAX_CHARS: usize = 80;
const MINED_MIN_EXAMPLES: usize = 3;
const MINED_MIN_CONVERSATIONS: usize = 2;

/// What stands at an edge of a text.
#[derive(PartialEq, Eq, Hash)]
enum Edge<'a> {
    /// The first or the last line.
    Line { field: Field, is_first: bool, line: &'a str },
    /// A closing formula with a name, by [`Signature::key`].
    Signature { field: Field, key: String },
}

/// L11. A text of one line is an answer of its own ("Certainly."), not a line left at an edge, and the name below a letter is
/// the writer's. A closing formula with a name is one thing, however it is broken into lines; in notes it is told and is no fault.
pub fn mined_lines(subjects: &[Subject]) -> Vec<(usize, Hit)> {
    let mut places: HashMap<Edge<'_>, Vec<(usize, Hit)>> = HashMap::new();
    for (index, subject) in subjects.iter().enumerate() {
        for field in [Field::Prompt, Field::Response] {
            let text = subject.text(field);
            // Prompts are not learnt: what they have in common spoils no example.
            let severity = (field == Field::Prompt).then_some(Severity::Information);
            let lines: Vec<_> =
                line_spans(text).filter(|span| !text[span.clone()].trim().is_empty()).collect();
            let [first, .., last] = lines.as_slice() else { continue };
            let signature = Signature::of(text, &lines);
            let is_signed = signature.is_some();
            if let Some(Signature { span, key }) = signature {
                let severity = severity.or(subject.prompt_drafted.then_some(Severity::Information));
                let hit = Hit { severity, ..Hit::new(field, span) };
                places.entry(Edge::Signature { field, key }).or_default().push((index, hit));
            }
            for (is_first, span) in [(true, first), (false, last)] {
                if is_signed && !is_first {
                    continue;
                }
                let line = text[span.clone()].trim();
                // Fence and rule lines are Markdown, not words.
                if line.chars().count() <= MINED_LINE_MAX_CHARS
                    && line.chars().any(char::is_alphanumeric)
                    && !line.starts_with("```")
                    && !(subject.prompt_drafted
                        && field == Field::Response
                        && !is_first
                        && is_signature(line))
                {
                    places
                        .entry(Edge::Line { field, is_first, line })
                        .or_default()
                        .push((index, Hit { severity, ..Hit::new(field, span.clone()) }));
                }
            }
        }
    }
    let mut hits = Vec::new();
    for found in places.into_values() {
        // Variants of one prompt share their prompt: they count once.
        let prompts: HashSet<(&str, &str)> = found
            .iter()
            .map(|(i, _)| (subjects[*i].conversation.as_str(), subjects[*i].prompt.as_str()))
            .collect();
        let conversations: HashSet<&str> = prompts.iter().map(|(conversation, _)| *conversation).collect();
        // Sections of one note are one work: what recurs in them is the note's own, and no machine has left it.
        let works: HashSet<&str> =
            conversations.iter().map(|key| note_document(key).unwrap_or(key)).collect();
        if prompts.len() >= MINED_MIN_EXAMPLES && conversations.len() >= MINED_MIN_CONVERSATIONS {
            let mut found = found;
            let detail = match works.len() {
                1 => format!("{} sections of one note", prompts.len()),
                texts if conversations.iter().all(|key| note_document(key).is_some()) => {
                    format!("{} examples, {texts} texts", prompts.len())
                }
                _ => format!("{} examples, {} conversations", prompts.len(), conversations.len()),
            };
            if works.len() == 1 {
                found.iter_mut().for_each(|(_, hit)| hit.severity = Some(Severity::Information));
            }
            hits.extend(found.into_iter().map(|(index, hit)| (index, hit.detail(detail.clone()))));
        }
    }
    hits
}

/// A closing formula with the name below or behind it, at the end of a text: `Yours ever,` and `M. Ahrens`.
struct Signature {
    span: Range<usize>,
    /// The words of the formula and the initials of the name, so that commas, line breaks and shortened names make no difference.
    key: String,
}

impl Signature {
    /// `lines` are those of `text` that are not empty. What follows a `P.S.` comes after the signature.
    fn of(text: &str, lines: &[Range<usize>]) -> Option<Signature> {
        /// Lines of a name and of what is below it, such as a place.
        const MOST_LINES: usize = 3;
        const LONGEST_CHARS: usize = 60;
        let is_postscript = |span: &Range<usize>| {
            let line = text[span.clone()].trim_start_matches([' ', '*', '_', '(']).to_lowercase();
            ["p.s", "ps:", "ps.", "ps ", "p. s"].iter().any(|begin| line.starts_with(begin))
        };
        let end = lines.iter().position(is_postscript).filter(|at| *at > 0).unwrap_or(lines.len());
        let lines = &lines[..end];
        let begin = lines.len().saturating_sub(1 + MOST_LINES);
        // A text that is nothing but a greeting is no letter.
        let at = (begin.max(1)..lines.len()).find(|at| {
            let line = bare(&text[lines[*at].clone()]);
            line.chars().count() <= LONGEST_CHARS && CLOSING.is_match(line)
        })?;
        let (formula, behind) = divided(bare(&text[lines[at].clone()]));
        let below: Vec<&str> = lines[at + 1..].iter().map(|span| bare(&text[span.clone()])).collect();
        let names: Vec<&str> = behind.into_iter().chain(below).collect();
        let (name, rest) = names.split_first()?;
        (is_signature(name) && rest.iter().all(|line| line.chars().count() <= LONGEST_CHARS)).then(|| {
            let initials: String = words_of(name).filter_map(|word| word.chars().next()).collect();
            let formula: Vec<String> = words_of(formula).map(str::to_lowercase).collect();
            Signature {
                span: lines[at].start..lines[lines.len() - 1].end,
                key: format!("{} {}", formula.join(" "), initials.to_lowercase()),
            }
        })
    }
}

/// A line without spaces and marks of emphasis around it.
fn bare(line: &str) -> &str {
    line.trim().trim_matches(['*', '_']).trim()
}

fn words_of(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_whitespace() || ",.–—-".contains(c)).filter(|word| !word.is_empty())
}

/// `Yours ever, M. Ahrens` and `Yours ever M. Ahrens` as a formula and the name behind it.
fn divided(line: &str) -> (&str, Option<&str>) {
    if let Some((formula, name)) = line.split_once([',', '–', '—']) {
        return (formula, Some(name.trim()).filter(|name| !name.is_empty()));
    }
    // From the second word with a capital letter on.
    let mut starts =
        line.char_indices().filter(|(at, c)| *at > 0 && c.is_uppercase() && line[..*at].ends_with(' '));
    match starts.next() {
        Some((at, _)) if CLOSING.is_match(line[..at].trim()) => (line[..at].trim(), Some(&line[at..])),
        _ => (line, None),
    }
}

/// A name at the end of a letter, alone or behind a closing formula: `M. Ahrens`, `Yours, M.`
fn is_signature(line: &str) -> bool {
    const MAX_WORDS: usize = 4;
    const BEFORE_NAMES: [&str; 12] =
        ["von", "van", "der", "den", "zu", "de", "di", "da", "du", "la", "le", "y"];
    let words: Vec<&str> = words_of(line).collect();
    let is_name = |word: &&str| {
        word.starts_with(char::is_uppercase)
            && word.chars().all(|c| c.is_alphabetic() || c == '’' || c == '\'')
    };
    let is_name_alone = words.len() <= MAX_WORDS
        && !line.ends_with(['!', '?', ':', ';'])
        && words.iter().all(|word| is_name(word) || BEFORE_NAMES.contains(word));
    is_name_alone || CLOSING.is_match(line)
}

/// With fewer examples a rank says nothing.
const PAIR_MIN_SUBJECTS: usize = 30;
const PAIR_MIN_CONTENT_WORDS: usize = 8;
const PAIR_MAX_COVERAGE: f64 = 0.10;
const PAIR_MIN_RANK: usize = 10;
const PAIR_MIN_RANK_SHARE: f64 = 0.20;
/// A word in more than this share of the responses is not content.
const COMMON_SHARE: f64 = 0.10;

/// L38. Coverage = share of the prompt's content words, weighted by rarity, that its response uses. A pair is
/// suspect if the coverage is low and many other responses would cover the prompt better. Follow-ups are left out:
/// their words refer to the context.
pub fn wrong_pairs(subjects: &[Subject]) -> Vec<(usize, Hit)> {
    if subjects.len() < PAIR_MIN_SUBJECTS {
        return Vec::new();
    }
    let mut holders: HashMap<String, Vec<u32>> = HashMap::new();
    for (index, subject) in subjects.iter().enumerate() {
        let distinct = stems(&subject.response);
        distinct.into_iter().for_each(|word| holders.entry(word).or_default().push(index as u32));
    }
    let count = subjects.len() as f64;
    let mut hits = Vec::new();
    for (index, subject) in subjects.iter().enumerate().filter(|(_, s)| s.context.is_empty()) {
        let asked: HashSet<String> =
            words(&subject.prompt).into_iter().filter(|w| w.chars().count() > 2).collect();
        let mut total = 0.0;
        let mut content_words = 0;
        let mut scores: HashMap<u32, f64> = HashMap::new();
        for word in &asked {
            let found = holders.get(word).map(Vec::as_slice).unwrap_or_default();
            if found.len() as f64 > COMMON_SHARE * count {
                continue;
            }
            let idf = (count / (1.0 + found.len() as f64)).ln();
            total += idf;
            content_words += 1;
            found.iter().for_each(|holder| *scores.entry(*holder).or_default() += idf);
        }
        let own = scores.get(&(index as u32)).copied().unwrap_or(0.0);
        let better = scores.values().filter(|score| **score > own).count();
        let min_rank = PAIR_MIN_RANK.max((PAIR_MIN_RANK_SHARE * count) as usize);
        if content_words >= PAIR_MIN_CONTENT_WORDS && own < PAIR_MAX_COVERAGE * total && better > min_rank {
            let detail =
                format!("{better} of {} other answers share more words with the prompt", subjects.len() - 1);
            hits.push((index, Hit::new(Field::Response, 0..subject.response.len()).detail(detail)));
        }
    }
    hits
}

/// Short answers are alike for good reasons, and digits do not tell texts apart.
const DUPLICATE_MIN_WORDS: usize = 20;
/// By which the text that is kept is told.
const SHOWN_CHARS: usize = 40;

/// L41. Of answers that are near-duplicates of each other one is left alone, the best by [`preference`]; the others name
/// it.
pub fn near_duplicates(subjects: &[Subject]) -> Vec<(usize, Hit)> {
    let long = |text: &&str| text.split_whitespace().nth(DUPLICATE_MIN_WORDS - 1).is_some();
    let responses: Vec<&str> = subjects
        .iter()
        .map(|subject| Some(subject.response.as_str()).filter(long).unwrap_or_default())
        .collect();
    let mut together: HashMap<usize, Vec<usize>> = HashMap::new();
    for (index, cluster) in clusters(&responses, Nearness::Duplicate).into_iter().enumerate() {
        together.entry(cluster.unwrap_or(index)).or_default().push(index);
    }
    together.retain(|_, members| members.len() > 1);
    let mut pieces: HashMap<&str, usize> = HashMap::new();
    for document in subjects.iter().filter_map(|subject| note_document(&subject.conversation)) {
        *pieces.entry(document).or_default() += 1;
    }
    let mut hits = Vec::new();
    for mut members in together.into_values() {
        members.sort_by_cached_key(|&index| (preference(&subjects[index], &pieces), index));
        // Members of a cluster need not be near each other: what is near to nothing that is kept is kept too.
        let mut kept: Vec<(usize, Shingles)> = Vec::new();
        for index in members {
            let shingles = Shingles::of(&[responses[index]]);
            let is_near = |(_, other): &&(usize, Shingles)| {
                Nearness::Duplicate.holds(shingles.shared(other), shingles.len(), other.len())
            };
            let best = kept.iter().find(is_near).map(|(best, _)| *best);
            match best {
                Some(best) => {
                    let hit = Hit::new(Field::Response, 0..responses[index].len());
                    let first = head(&subjects[best].response, SHOWN_CHARS).replace('\n', " ");
                    hits.push((index, hit.detail(format!("“{first}…” (`{}`)", subjects[best].id))));
                }
                None => kept.push((index, shingles)),
            }
        }
    }
    hits
}

/// What of near-duplicates is kept, the smallest first: an original before a file named as a copy, a note of its own before
/// a piece of a collection, a text with a heading before one whose prompt repeats its first words, a long one before a
/// short one.
fn preference(subject: &Subject, pieces: &HashMap<&str, usize>) -> (bool, usize, bool, Reverse<usize>) {
    const FIRST_WORDS: usize = 3;
    let pieces = note_document(&subject.conversation).and_then(|document| pieces.get(document)).copied();
    let first: Vec<String> = words(&subject.response).into_iter().take(FIRST_WORDS).collect();
    let repeats = subject.prompt_drafted && normalise(&subject.prompt).contains(&first.join(" "));
    let is_copy = note_document(&subject.conversation).is_some_and(is_copy_name);
    (is_copy, pieces.unwrap_or(1), repeats, Reverse(subject.response.len()))
}

/// L40. At most one finding, of the strongest feature, at the first liked answer: it is a fact about all rated ones.
pub fn label_artefacts(subjects: &[Subject]) -> Vec<(usize, Hit)> {
    let rated = |wanted: Feedback| -> Vec<String> {
        let answers = subjects.iter().filter(|subject| subject.feedback == Some(wanted));
        answers.map(|subject| subject.response.clone()).collect()
    };
    let (liked, rejected) = (rated(Feedback::Up), rated(Feedback::Down));
    let found = leaking_features(&liked, &rejected).unwrap_or_default();
    let (Some(strongest), Some(first)) =
        (found.first(), subjects.iter().position(|subject| subject.feedback == Some(Feedback::Up)))
    else {
        return Vec::new();
    };
    let detail = format!(
        "`{}` tells {} liked from {} rejected answers, AUC {:.2}",
        strongest.feature,
        liked.len(),
        rejected.len(),
        strongest.auc
    );
    vec![(first, Hit::new(Field::Response, 0..subjects[first].response.len()).detail(detail))]
}

/// Words cut to five letters, so that `whistling` finds `whistle`; words of one or two letters say nothing.
fn stems(text: &str) -> HashSet<String> {
    const STEM_CHARS: usize = 5;
    let words = words(text).into_iter().filter(|word| word.chars().count() > 2);
    words.map(|word| word.chars().take(STEM_CHARS).collect()).collect()
}
