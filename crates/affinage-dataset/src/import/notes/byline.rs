//! The lines at the head of a text that say who wrote it and when. They are no words of the text.

use std::sync::LazyLock;

use regex::Regex;

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
        let is_known =
            || known.iter().any(|known| without_by(known).eq_ignore_ascii_case(without_by(&words)));
        // A title may begin so too.
        let may_say_by = || number > 0 || words.starts_with(char::is_lowercase);
        let is_by_somebody = || may_say_by() && without_by(&words) != words && is_name(without_by(&words));
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
        let cases: [(&str, &[&str], &[&str], &str); 8] = [
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
