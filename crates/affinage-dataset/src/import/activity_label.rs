//! What stands around the prompt in a title of My Activity: a verb in the language of the account, before or behind it.
//!
//! The words are not known but for a few languages. Within one file they are what the titles share, and where the page
//! parts them by a no-break space, a colon or quotes, that is where they end. Accounts of several years have several.

use std::collections::HashMap;

const KNOWN: [&str; 5] = ["Prompted", "Asked", "Said", "Eingegebener Prompt:", "Gefragt:"];
const MAX_LABEL_CHARS: usize = 40;
const MAX_WORDS: usize = 4;
/// Share of the titles that a first word must begin, to be the verb.
const MIN_SHARE: f64 = 0.6;
/// Share where nothing parts the verb from the prompt: nearly all.
const MIN_SHARE_UNPARTED: f64 = 0.9;
/// Titles from which a language without upper case can be told to share more than one word.
const MANY: usize = 8;

/// Before and behind a prompt; either may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Label {
    before: String,
    behind: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Labels(Vec<Label>);

impl Labels {
    /// The labels of these titles, all of records with an answer.
    pub fn learn(titles: &[&str]) -> Labels {
        let mut labels = Labels::default();
        for known in KNOWN {
            let label = Label { before: known.to_owned(), behind: String::new() };
            if titles.iter().any(|title| label.prompt(title).is_some()) {
                labels.0.push(label);
            }
        }
        let mut rest: Vec<&str> = titles.to_vec();
        loop {
            rest.retain(|title| labels.prompt(title).is_none());
            let is_first = labels.0.is_empty();
            let found = [nbsp, colon, quoted, first_words, suffix, unparted].iter().find_map(|find| {
                find(&rest, is_first).filter(|label| rest.iter().any(|t| label.prompt(t).is_some()))
            });
            match found {
                Some(label) => labels.0.push(label),
                None => return labels,
            }
        }
    }

    /// The prompt in a title; `None` if no label fits.
    pub fn prompt<'a>(&self, title: &'a str) -> Option<&'a str> {
        // `Eingegebener Prompt:` before `Eingegebener`.
        let fitting = self.0.iter().filter(|label| label.prompt(title).is_some());
        fitting.max_by_key(|label| label.before.len() + label.behind.len())?.prompt(title)
    }
}

impl Label {
    fn prompt<'a>(&self, title: &'a str) -> Option<&'a str> {
        let inside = title.strip_prefix(self.before.as_str())?.strip_suffix(self.behind.as_str())?;
        let is_word = self.before.ends_with(char::is_alphanumeric) && self.before.is_ascii();
        (!is_word || inside.starts_with(is_space)).then(|| inside.trim())
    }

    fn before(text: &str) -> Label {
        Label { before: text.to_owned(), behind: String::new() }
    }
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || c == '\u{a0}' || c == '\u{202f}'
}

/// The most frequent of what `key` finds in the titles, with its count.
fn most<'a>(titles: &[&'a str], key: impl Fn(&'a str) -> Option<&'a str>) -> Option<(&'a str, usize)> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for found in titles.iter().filter_map(|title| key(title)) {
        *counts.entry(found).or_default() += 1;
    }
    counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(a.0)))
}

fn is_short(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= MAX_LABEL_CHARS
}

/// The page puts a no-break space behind the verb.
fn nbsp(titles: &[&str], is_first: bool) -> Option<Label> {
    let (label, count) = most(titles, |title| {
        let end = title.find('\u{a0}')?;
        // French puts one before its colon.
        let rest = title[end..].trim_start_matches(is_space);
        let end = if rest.starts_with(':') { title.len() - rest.len() + 1 } else { end };
        Some(&title[..end]).filter(|label| is_short(label))
    })?;
    (count >= 2 || is_first).then(|| Label::before(label))
}

/// `Eingegebener Prompt: ...`
fn colon(titles: &[&str], is_first: bool) -> Option<Label> {
    let (label, count) = most(titles, |title| {
        let (at, mark) = title.char_indices().find(|(_, c)| matches!(c, ':' | '：'))?;
        let end = at + mark.len_utf8();
        let parts = mark != ':' || title[end..].starts_with(is_space);
        Some(&title[..end]).filter(|label| parts && is_short(label))
    })?;
    let enough = count >= 2 && count as f64 >= 0.3 * titles.len() as f64;
    (enough || is_first && titles.len() == 1).then(|| Label::before(label))
}

/// `「...」と入力しました`
fn quoted(titles: &[&str], _is_first: bool) -> Option<Label> {
    const QUOTES: [(char, char); 7] =
        [('「', '」'), ('『', '』'), ('“', '”'), ('"', '"'), ('«', '»'), ('„', '“'), ('‘', '’')];
    let split = |title: &'_ str| {
        let (start, open) = title.char_indices().find(|(_, c)| QUOTES.iter().any(|(open, _)| open == c))?;
        let close = QUOTES.iter().find(|(known, _)| *known == open)?.1;
        let end = title.rfind(close).filter(|end| *end > start)?;
        Some((start + open.len_utf8(), end))
    };
    let (before, count) = most(titles, |title| split(title).map(|(start, _)| &title[..start]))?;
    let (behind, behind_count) = most(titles, |title| split(title).map(|(_, end)| &title[end..]))?;
    let enough =
        count.min(behind_count) >= 2 && count.min(behind_count) as f64 >= MIN_SHARE * titles.len() as f64;
    (enough && is_short(before) && is_short(behind))
        .then(|| Label { before: before.to_owned(), behind: behind.to_owned() })
}

/// `Has preguntado ...`: the first word that most titles share, and the words behind it that all of them share, up to
/// where a prompt begins.
fn first_words(titles: &[&str], is_first: bool) -> Option<Label> {
    let (word, count) =
        most(titles, |title| title.find(is_space).map(|end| &title[..end]).filter(|w| is_short(w)))?;
    let min = if is_first { 1 } else { 3 };
    if count < min || (count as f64) < MIN_SHARE * titles.len() as f64 {
        return None;
    }
    let with_word: Vec<&str> = titles
        .iter()
        .copied()
        .filter(|title| title.starts_with(word) && title[word.len()..].starts_with(is_space))
        .collect();
    let mut label = word;
    for words in 2..=MAX_WORDS {
        let end = |title: &str| {
            let ends = title.char_indices().filter(|(at, c)| is_space(*c) && *at > 0).map(|(at, _)| at);
            ends.into_iter().nth(words - 1)
        };
        let Some(longer) =
            end(with_word[0]).map(|end| &with_word[0][..end]).filter(|longer| is_short(longer))
        else {
            break;
        };
        if with_word.len() < 3
            || !with_word.iter().all(|title| end(title).map(|end| &title[..end]) == Some(longer))
        {
            break;
        }
        // A prompt begins with upper case, or the script has none and there are many titles.
        let next = |title: &&str| title[longer.len()..].chars().find(|c| !is_space(*c));
        let begins = with_word.iter().filter(|title| next(title).is_some_and(|c| !c.is_lowercase())).count();
        let own = longer[label.len()..].chars().find(|c| !is_space(*c));
        let goes_on = own.is_some_and(|c| c.is_lowercase() || !c.is_uppercase() && with_word.len() >= MANY);
        if goes_on && 2 * begins > with_word.len() {
            label = longer;
        }
    }
    Some(Label::before(label))
}

/// `... 프롬프트 입력함`: what nearly all titles end with, from a space or a quote on.
fn suffix(titles: &[&str], _is_first: bool) -> Option<Label> {
    let reversed = |title: &str| -> Vec<char> { title.chars().rev().collect() };
    let shared: String = shared_start(titles, reversed)?.into_iter().rev().collect();
    let parted = shared.find(|c: char| is_space(c) || matches!(c, '」' | '』' | '”' | '"' | '»'));
    let behind = parted.map_or(shared.as_str(), |start| &shared[start..]);
    let words = behind.chars().filter(|c| c.is_alphabetic()).count();
    (words >= 3 && is_short(behind)).then(|| Label { before: String::new(), behind: behind.to_owned() })
}

/// `询问...`: what nearly all titles of a script without spaces begin with.
fn unparted(titles: &[&str], _is_first: bool) -> Option<Label> {
    let shared: String = shared_start(titles, |title| title.chars().collect())?.into_iter().collect();
    let is_word = shared.chars().count() >= 2 && shared.chars().all(|c| c.is_alphabetic() && !c.is_ascii());
    (is_word && is_short(&shared)).then(|| Label::before(&shared))
}

/// The characters that nearly all titles have in common from their beginning.
fn shared_start(titles: &[&str], chars: impl Fn(&str) -> Vec<char>) -> Option<Vec<char>> {
    let all: Vec<Vec<char>> = titles.iter().map(|title| chars(title)).collect();
    let needed = (MIN_SHARE_UNPARTED * all.len() as f64).ceil() as usize;
    if all.len() < 3 {
        return None;
    }
    let mut shared: Vec<char> = Vec::new();
    loop {
        let mut counts: HashMap<char, usize> = HashMap::new();
        let going_on =
            all.iter().filter(|title| title.starts_with(&shared)).filter_map(|title| title.get(shared.len()));
        for next in going_on {
            *counts.entry(*next).or_default() += 1;
        }
        match counts.into_iter().max_by_key(|(_, count)| *count).filter(|(_, count)| *count >= needed) {
            Some((next, _)) => shared.push(next),
            None => return (!shared.is_empty()).then_some(shared),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prompts of different beginnings and ends.
    const PROMPTS: [&str; 5] = [
        "Why do kites dip?",
        "Name three knots",
        "write about fog",
        "Is salt a spice",
        "Draw the tide table",
    ];

    #[test]
    fn labels_are_learnt_from_what_titles_share() {
        let cases: [(&str, &[&str]); 14] = [
            ("Prompted {}", &PROMPTS),
            ("Eingegebener Prompt: {}", &PROMPTS),
            ("Eingegebener Prompt: {}", &PROMPTS[..1]),
            ("Requête envoyée\u{a0}: {}", &PROMPTS),
            ("Has preguntado {}", &PROMPTS),
            ("Você enviou o comando: {}", &PROMPTS),
            ("Вы спросили {}", &PROMPTS),
            ("Hai chiesto\u{a0}{}", &PROMPTS),
            ("پرامپت {}", &PROMPTS),
            ("「{}」と入力しました", &["凧はなぜ落ちる", "結び目を三つ", "霧について書いて"]),
            ("{} 프롬프트 입력함", &["연은 왜 떨어지나요?", "매듭 세 가지", "안개에 대해 써 줘"]),
            ("已输入提示：{}", &["风筝为什么会掉", "三种绳结", "写一写雾"]),
            ("询问了{}", &["风筝为什么会掉", "三种绳结", "写一写雾"]),
            ("{} पूछा गया", &["पतंग क्यों गिरती है", "तीन गांठें बताओ", "कोहरे पर लिखो"]),
        ];
        for (form, prompts) in cases {
            let titles: Vec<String> = prompts.iter().map(|prompt| form.replace("{}", prompt)).collect();
            let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
            let labels = Labels::learn(&titles);
            let found: Vec<Option<&str>> = titles.iter().map(|title| labels.prompt(title)).collect();
            let expected: Vec<Option<&str>> = prompts.iter().map(|prompt| Some(*prompt)).collect();
            assert_eq!(found, expected, "{form}: {labels:?}");
        }
    }

    #[test]
    fn several_years_have_several_labels_and_other_records_none() {
        let titles = [
            "Said Why do kites dip?",
            "Asked Name three knots",
            "Prompted Write about fog",
            "Used a feature",
        ];
        let labels = Labels::learn(&titles);
        let found: Vec<Option<&str>> = titles.iter().map(|title| labels.prompt(title)).collect();
        assert_eq!(
            found,
            [Some("Why do kites dip?"), Some("Name three knots"), Some("Write about fog"), None]
        );
    }

    #[test]
    fn a_word_that_all_prompts_begin_with_is_not_the_verbs() {
        let titles = [
            "Prompted Write of fog",
            "Prompted Write of salt",
            "Prompted Write of kites",
            "Prompted Write of knots",
        ];
        assert_eq!(Labels::learn(&titles).prompt(titles[0]), Some("Write of fog"));
        let titles = ["Demandé write of fog", "Demandé write of salt", "Demandé write of kites"];
        assert_eq!(Labels::learn(&titles).prompt(titles[0]), Some("write of fog"));
    }
}
