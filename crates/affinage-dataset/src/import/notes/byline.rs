//! The lines at the head of a text that say who wrote it and when. They are no words of the text.

use std::sync::LazyLock;

use regex::Regex;

use crate::import::stamp;

/// A name that stands at the head of this many texts is their author's.
pub const MIN_TEXTS: usize = 3;
/// Lines with words that are looked at: a title, names and a day.
const HEAD_LINES: usize = 4;
/// A longer line is text.
const MAX_CHARS: usize = 80;
const MAX_NAME_WORDS: usize = 4;

/// `by G. Aubry`: the word before a name, in several languages.
static BY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(?:[Bb]y|von|par|por|di|door|af|av)\s+").expect("a valid pattern"));
/// Letters with full stops, then a family name.
static INITIALS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:\p{Lu}\p{Ll}?\.[ -]?)+(?:\p{Lu}[\p{L}’'-]+ ?){1,2}$").expect("a valid pattern")
});

/// Takes bylines off the head of a text and gives their words. `known` are author and day as the document says them;
/// `recurs` says of a name that it stands at the head of other texts too.
pub fn take_off(lines: &mut [String], known: &[String], recurs: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut taken = Vec::new();
    for (number, line) in lines.iter_mut().filter(|line| !line.trim().is_empty()).take(HEAD_LINES).enumerate()
    {
        let words = bare(line);
        let is_heading = line.starts_with('#');
        if !is_heading && words.chars().count() > MAX_CHARS {
            break;
        }
        let is_known = || is_made_of(&words, known);
        // A title may begin so too.
        let may_say_by = || number > 0 || words.starts_with(char::is_lowercase);
        let is_by_somebody =
            || may_say_by() && without_by(&words) != words && is_name(without_day(without_by(&words)));
        if !is_heading && (is_known() || is_by_somebody() || INITIALS.is_match(&words) || recurs(&words)) {
            taken.push(words);
            line.clear();
        }
    }
    taken
}

/// Lines at the head of a text that could be names of people, each once.
pub fn names(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(HEAD_LINES);
    let mut names: Vec<String> = lines.map(bare).filter(|words| is_name(words)).collect();
    names.sort();
    names.dedup();
    names
}

/// A line without its emphasis.
fn bare(line: &str) -> String {
    line.trim().trim_matches(['*', '_']).trim().to_owned()
}

fn without_by(words: &str) -> &str {
    BY.find(words).map_or(words, |by| &words[by.end()..])
}

/// A name without the day behind it: `Jane Doe, 3 May`.
fn without_day(words: &str) -> &str {
    let parts = [", ", " | ", " · ", " – ", " — ", " on ", " - "]
        .into_iter()
        .filter_map(|sign| words.split_once(sign));
    parts.filter(|(_, day)| stamp::is_day(day)).map(|(name, _)| name.trim()).next().unwrap_or(words)
}

/// Whether a line says nothing but what is known of a text, with what stands between: `By Jane Doe, 3 May` of a page that names
/// both.
fn is_made_of(words: &str, known: &[String]) -> bool {
    let mut rest = without_by(words).to_lowercase();
    let whole = rest.len();
    // A longer name first: it may hold a shorter one.
    let mut known: Vec<String> = known.iter().map(|known| without_by(known).to_lowercase()).collect();
    known.sort_by_key(|known| std::cmp::Reverse(known.len()));
    for known in known.iter().filter(|known| !known.is_empty()) {
        if let Some(at) = rest.find(known.as_str()) {
            rest.replace_range(at..at + known.len(), " ");
        }
    }
    let is_between = |word: &str| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        bare.is_empty() || ["by", "on", "von", "am", "par", "le", "por", "el", "di", "il"].contains(&bare)
    };
    rest.len() < whole && rest.split_whitespace().all(is_between)
}

/// Two to four words in capitals as names of people are, with what may stand between them.
fn is_name(words: &str) -> bool {
    const BETWEEN: [&str; 14] =
        ["de", "du", "des", "di", "da", "del", "la", "le", "van", "von", "der", "den", "zu", "y"];
    let is_part = |word: &str| {
        let is_spelt = word.chars().all(|c| c.is_alphabetic() || matches!(c, '.' | '-' | '\'' | '’'));
        is_spelt && (word.starts_with(char::is_uppercase) || BETWEEN.contains(&word))
    };
    let count = words.split_whitespace().count();
    (2..=MAX_NAME_WORDS).contains(&count)
        && words.split_whitespace().all(is_part)
        && words.starts_with(char::is_uppercase)
        && words.split_whitespace().next_back().is_some_and(|last| last.starts_with(char::is_uppercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str, known: &[&str]) -> (Vec<String>, String) {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let known: Vec<String> = known.iter().map(|name| (*name).to_owned()).collect();
        let found = take_off(&mut lines, &known, &|name| name == "Ida Feld");
        (found, lines.join("|"))
    }

    #[test]
    fn names_and_days_at_the_head_are_taken_off() {
        let cases: [(&str, &[&str], &[&str], &str); 12] = [
            (
                "Weirs\n\nBy Jane Doe, 3 May\n\nThey lean.",
                &[],
                &["By Jane Doe, 3 May"],
                "Weirs||||They lean.",
            ),
            (
                "Weirs\n\nJane Doe · May 3, 2020\n\nThey lean.",
                &["Jane Doe", "May 3, 2020"],
                &["Jane Doe · May 3, 2020"],
                "Weirs||||They lean.",
            ),
            (
                "Weirs\n\nJane Doe, who built them\n\nThey lean.",
                &["Jane Doe"],
                &[],
                "Weirs||Jane Doe, who built them||They lean.",
            ),
            (
                "Weirs\n\nBy Mill Lane, in May\n\nThey lean.",
                &[],
                &[],
                "Weirs||By Mill Lane, in May||They lean.",
            ),
            (
                "# Weirs\n\nida FELD\n3 May 2020\n\nThey lean.",
                &["Ida Feld", "3 May 2020"],
                &["ida FELD", "3 May 2020"],
                "# Weirs|||||They lean.",
            ),
            (
                "WEIRS\n\n*by Otto van der Mill*\n\nThey lean.",
                &[],
                &["by Otto van der Mill"],
                "WEIRS||||They lean.",
            ),
            ("J. R. Feld\n\nThey lean.", &[], &["J. R. Feld"], "||They lean."),
            ("Ida Feld\n\nThey lean.", &[], &["Ida Feld"], "||They lean."),
            ("Otto Mill\n\nThey lean.", &[], &[], "Otto Mill||They lean."),
            ("By the river they lean.\n\nI. e. slowly.", &[], &[], "By the river they lean.||I. e. slowly."),
            ("By Mill Lane\n\nThey lean.", &[], &[], "By Mill Lane||They lean."),
            ("# Ida Feld\n\nShe built it.", &[], &[], "# Ida Feld||She built it."),
        ];
        for (text, known, expected, rest) in cases {
            let (found, left) = taken(text, known);
            assert_eq!(
                (found, left.as_str()),
                (expected.iter().map(|w| (*w).to_owned()).collect(), rest),
                "{text}"
            );
        }
    }

    #[test]
    fn a_name_below_the_head_stays() {
        let text = "One.\nTwo.\nThree.\nFour.\nIda Feld";
        assert_eq!(taken(text, &[]).0, Vec::<String>::new());
        let long = format!("{}\nIda Feld", "word ".repeat(30));
        assert_eq!(taken(&long, &[]).0, Vec::<String>::new());
    }

    #[test]
    fn names_are_told_from_other_short_lines() {
        let text = "Jean-Luc Mill\n\nvon Feld\nshopping list\nTotal: 4 Marks";
        assert_eq!(names(text), ["Jean-Luc Mill"]);
        assert_eq!(names("Maria de la Cruz\nThey lean."), ["Maria de la Cruz"]);
    }
}
