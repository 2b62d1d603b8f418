//! Dates and times as chat logs and exporters write them beside a name, in any language and bracket.
//!
//! They are only recognised, never understood: `1/5/2026` is a day in January or in May, and nothing here needs to
//! know.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::role_words::is_invisible;

/// The class of a character: one byte for each, so that small patterns fit all scripts.
fn class(c: char) -> u8 {
    match c {
        '年' | '년' => 1,
        '月' | '월' => 2,
        '日' | '일' => 3,
        '（' => b'(',
        '）' => b')',
        '【' => b'[',
        '】' => b']',
        '：' => b':',
        '،' => b',',
        '–' | '—' | '·' | '•' | '|' => b'|',
        _ if c.is_numeric() => b'0',
        _ if c.is_whitespace() => b' ',
        _ if c.is_ascii() => c as u8,
        '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => b'K',
        _ if c.is_alphabetic() => b'x',
        _ => b'?',
    }
}

/// Patterns of the parts, over classes.
mod part {
    /// Hours and minutes with a colon or `h`, with the words of a 12-hour clock before or behind.
    pub const CLOCK: &str = r"(?:KK ?)?00?[:h]00(?::00)?(?:[.,]0{1,6})?(?: ?(?:[AaPp]\.? ?[Mm]\.?|Uhr|x))?(?: ?(?:Z|(?:UTC|GMT)?[+-]00?:?00|UTC|GMT|[A-Z]{2,4}T))?";
    /// Beside a date or in brackets a full stop is no doubt.
    pub const DOTTED_CLOCK: &str = r"00?\.00(?:\.00)?";
    pub const DATE: &str = r"(?:[A-Za-z]{2,10}\.?, )?(?:0{1,4}[./-]00?[./-]0{1,4}\.?(?:\(K\))?|0000 ?\x01 ?00? ?\x02 ?00? ?\x03|00?-[A-Za-z]{3,4}-0{2,4}|00?\.? (?:de )?[A-Za-z]{3,12}\.?,? (?:de )?0000|[A-Za-z]{3,12}\.? 00?(?:st|nd|rd|th)?,? 0000)";
    /// Days of a chat that is being read: only beside a time.
    pub const NEAR_DATE: &str =
        r"(?:00?[./-]00?\.?|(?i:today|yesterday|heute|gestern|hoy|ayer|oggi|ieri|hier))";
    /// Between a date and a time.
    pub const AND: &str = r"(?: ?,? +(?:[|-] |(?:at|um|om|x|xs|alle|a las|o) )?|T|,)";
}

static STAMP: LazyLock<String> = LazyLock::new(|| {
    use part::*;
    let clock = format!("(?:{CLOCK}|{DOTTED_CLOCK})");
    format!("(?:{DATE}(?:{AND}{clock})?|{NEAR_DATE}{AND}{clock}|{CLOCK}(?:{AND}{DATE})?)")
});

/// A stamp in brackets; there it may be a dotted time alone.
static BRACKETED: LazyLock<String> = LazyLock::new(|| {
    let inside = format!(r" ?(?:{}|{}) ?", *STAMP, part::DOTTED_CLOCK);
    format!(r"(?:\[{inside}\]|\({inside}\)|<{inside}>)")
});

fn compiled(pattern: &str) -> Regex {
    Regex::new(&format!("(?-u){pattern}")).expect("the pattern is part of the program")
}

static LEADING: LazyLock<Regex> =
    LazyLock::new(|| compiled(&format!(r"^(?:({})|{})(?: ?[|-] | +|[:,] )", *BRACKETED, *STAMP)));
static TRAILING: LazyLock<Regex> =
    LazyLock::new(|| compiled(&format!(r"(?:,? *{}|(?: ?[,|-] ?| ) *{}) *$", *BRACKETED, *STAMP)));
static ALONE: LazyLock<Regex> = LazyLock::new(|| compiled(&format!(r"^(?:{}|{})$", *BRACKETED, *STAMP)));

/// No stamp is longer.
const MAX_CHARS: usize = 64;

/// The classes of the first characters, and the byte at which each begins; marks without width count for nothing.
fn classes(text: &str, max_chars: usize) -> (Vec<u8>, Vec<usize>) {
    let visible = text.char_indices().filter(|(_, c)| !is_invisible(*c)).take(max_chars);
    visible.map(|(at, c)| (class(c), at)).unzip()
}

/// Splits a stamp off the beginning of a line: is it in brackets, and what follows.
pub(super) fn leading(line: &str) -> Option<(bool, &str)> {
    // Most lines of a long text are prose.
    const NEAR: usize = 24;
    if !line.chars().take(NEAR).any(char::is_numeric) {
        return None;
    }
    let (start, at) = classes(line, MAX_CHARS);
    let found = LEADING.captures(&start)?;
    let rest = at.get(found.get(0)?.end()).map_or("", |at| &line[*at..]);
    Some((found.get(1).is_some(), rest.trim_start()))
}

/// The text before a stamp that ends it.
pub(super) fn trailing(text: &str) -> Option<&str> {
    if text.len() > 8 * MAX_CHARS || !text.chars().any(char::is_numeric) {
        return None;
    }
    let (all, at) = classes(text, usize::MAX);
    let found = TRAILING.find(&all)?.start();
    Some(text[..*at.get(found)?].trim_end()).filter(|before| !before.is_empty())
}

/// A line that holds nothing but a date or a time.
pub(super) fn is_only(line: &str) -> bool {
    let line = line.trim().trim_matches(['*', '_', '`']).trim();
    line.len() <= 8 * MAX_CHARS && ALONE.is_match(&classes(line, usize::MAX).0)
}

/// Words for days of the week and around them, as they are next to a date; three letters of a name may stand for it.
const DAY_WORDS: [&str; 50] = [
    "mon",
    "monday",
    "tue",
    "tues",
    "tuesday",
    "wed",
    "wednesday",
    "thu",
    "thur",
    "thurs",
    "thursday",
    "fri",
    "friday",
    "sat",
    "saturday",
    "sun",
    "sunday",
    "mo",
    "montag",
    "di",
    "dienstag",
    "mi",
    "mittwoch",
    "do",
    "donnerstag",
    "fr",
    "freitag",
    "sa",
    "samstag",
    "so",
    "sonntag",
    "lundi",
    "mardi",
    "mercredi",
    "jeudi",
    "vendredi",
    "samedi",
    "dimanche",
    "lunes",
    "martes",
    "miércoles",
    "jueves",
    "viernes",
    "sábado",
    "domingo",
    "lunedì",
    "martedì",
    "mercoledì",
    "giovedì",
    "venerdì",
];
const MONTH_WORDS: [&str; 69] = [
    "jan",
    "january",
    "feb",
    "february",
    "mar",
    "march",
    "apr",
    "april",
    "may",
    "jun",
    "june",
    "jul",
    "july",
    "aug",
    "august",
    "sep",
    "sept",
    "september",
    "oct",
    "october",
    "nov",
    "november",
    "dec",
    "december",
    "januar",
    "jänner",
    "februar",
    "märz",
    "mai",
    "juni",
    "juli",
    "okt",
    "oktober",
    "dez",
    "dezember",
    "janvier",
    "février",
    "mars",
    "avril",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
    "gennaio",
    "febbraio",
    "aprile",
    "maggio",
    "giugno",
    "luglio",
    "settembre",
    "ottobre",
    "dicembre",
    "januari",
    "maart",
];
/// Words between the parts of a date.
const BETWEEN_DAYS: [&str; 7] = ["of", "the", "de", "den", "der", "le", "am"];

/// A heading or a name that says nothing but a day or a time: `2023-11-02`, `20231102`, `Thursday, 2 November`, `2. Mai 2020`,
/// `Nov 2nd, 2023`. A number alone, a year or a month says no day.
pub(super) fn is_day(text: &str) -> bool {
    let text = text.replace('_', "-");
    let around = |c: char| {
        c.is_whitespace() || matches!(c, '*' | '`' | '-' | '#' | '[' | ']' | '(' | ')' | ':' | ',' | '–')
    };
    let text = text.trim_matches(around);
    if text.is_empty() || text.len() > MAX_CHARS || !text.chars().any(char::is_numeric) {
        return false;
    }
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let is_apart = |word: &str| DAY_WORDS.contains(&bare(word).as_str()) || bare(word).is_empty();
    let rest: Vec<&str> = text.split_whitespace().filter(|word| !is_apart(word)).collect();
    let is_compact = |word: &str| {
        word.len() == 8
            && word.bytes().all(|b| b.is_ascii_digit())
            && (word.starts_with("19") || word.starts_with("20"))
    };
    match rest.as_slice() {
        [] => false,
        [one] if is_compact(one) => true,
        // A name beside numbers is a date only if it is a month's.
        words if words.iter().any(|word| is_name(word)) => is_day_of_month(words),
        words => is_only(words.join(" ").trim_matches(around)),
    }
}

/// Three letters and more.
fn is_name(word: &str) -> bool {
    word.split(|c: char| !c.is_alphabetic()).any(|letters| letters.chars().count() >= 3)
}

/// A day and the name of a month, in any order, with or without a year.
fn is_day_of_month(words: &[&str]) -> bool {
    let (mut days, mut months) = (0, 0);
    for word in words {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
        match &word[digits.len()..] {
            "" if digits.len() == 4 => {}
            "" | "st" | "nd" | "rd" | "th" | "er" if matches!(digits.parse(), Ok(1..=31)) => days += 1,
            name if digits.is_empty() && MONTH_WORDS.contains(&name) => months += 1,
            name if digits.is_empty() && BETWEEN_DAYS.contains(&name) => {}
            _ => return false,
        }
    }
    (days, months) == (1, 1)
}

/// The day that a heading or a name says ([`is_day`]), where it is certain which: `2023-11-02`, `20231102`, `2. Mai 2020`,
/// `31/5/2020`. Without a year, and of `1/5/2020`, which is a day in January or in May, it is not.
pub(super) fn day_of(text: &str) -> Option<jiff::civil::Date> {
    if !is_day(text) {
        return None;
    }
    let parts: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|part| !part.is_empty())
        .map(|part| part.to_lowercase())
        .collect();
    let digits = |part: &String| -> String { part.chars().take_while(char::is_ascii_digit).collect() };
    let numbers: Vec<String> = parts.iter().map(digits).filter(|digits| !digits.is_empty()).collect();
    let number = |at: usize| numbers.get(at)?.parse::<i16>().ok();
    let month = parts.iter().find_map(|part| month_number(part));
    let (year, month, day) = match (month, numbers.first().map(String::len)?) {
        (None, 8) => {
            let part = |range: std::ops::Range<usize>| numbers[0][range].parse::<i16>().ok();
            (part(0..4)?, part(4..6)?, part(6..8)?)
        }
        (None, 4) => (number(0)?, number(1)?, number(2)?),
        (None, _) => match (number(0)?, number(1)?, number(2)?) {
            (day, month, year) if day > 12 || text.contains('.') => (year, month, day),
            (month, day, year) if day > 12 => (year, month, day),
            _ => return None,
        },
        (Some(month), _) => {
            let year = numbers.iter().find(|number| number.len() == 4)?.parse().ok()?;
            let day = numbers.iter().find(|number| number.len() <= 2)?.parse().ok()?;
            (year, month, day)
        }
    };
    if year < 1000 {
        return None;
    }
    jiff::civil::Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()
}

/// The number of a month by its name in one of the languages of [`MONTH_WORDS`].
fn month_number(word: &str) -> Option<i16> {
    const BEGINNINGS: [&[&str]; 12] = [
        &["jan", "jän", "gen", "ene"],
        &["feb", "fév"],
        &["mar", "mär", "maa"],
        &["apr", "avr", "abr"],
        &["may", "mai", "mag"],
        &["jun", "juin", "giu"],
        &["jul", "juil", "lug"],
        &["aug", "aoû", "ago"],
        &["sep", "set"],
        &["oct", "okt", "ott"],
        &["nov"],
        &["dec", "dez", "déc", "dic"],
    ];
    let is_month = MONTH_WORDS.contains(&word);
    let of = BEGINNINGS.iter().position(|months| months.iter().any(|month| word.starts_with(month)));
    of.filter(|_| is_month).map(|at| at as i16 + 1)
}

/// A line that an exporter set apart to say when something was said: a stamp behind a sign, or in brackets or emphasis
/// with a label or a time of day (`⏰ 2026-01-05 10:00`, `[Timestamp: 2026/01/05]`, `*10:00*`).
pub(super) fn is_marked(line: &str) -> bool {
    const AROUND: [(&str, &str); 6] =
        [("[", "]"), ("(", ")"), ("*", "*"), ("_", "_"), ("<sub>", "</sub>"), ("<small>", "</small>")];
    /// Longer labels are words.
    const MAX_LABEL_CHARS: usize = 24;
    let line = line.trim();
    if line.len() > 8 * MAX_CHARS {
        return false;
    }
    let is_sign = |c: char| !c.is_ascii() && !c.is_alphanumeric() && !c.is_whitespace();
    let behind_sign = line.trim_start_matches(is_sign).trim_start();
    let inside = AROUND.iter().find_map(|(open, close)| behind_sign.strip_prefix(open)?.strip_suffix(close));
    let words = inside.unwrap_or(behind_sign).trim();
    let is_label = |label: &str| {
        label.chars().count() <= MAX_LABEL_CHARS && label.chars().all(|c| c.is_alphabetic() || c == ' ')
    };
    let behind_label = words.split_once(": ").filter(|(label, _)| is_label(label)).map(|(_, stamp)| stamp);
    let has_clock = || words.contains([':', '：']);
    let is_set_apart = behind_sign.len() < line.len() || inside.is_some();
    is_set_apart && (behind_label.is_some_and(is_only) || (has_clock() && is_only(words)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_that_is_certain_has_a_date() {
        let said = |text: &str| day_of(text).map(|day| day.to_string());
        for (text, day) in [
            ("2023-11-02", Some("2023-11-02")),
            ("20231102", Some("2023-11-02")),
            ("Thursday, 2 November 2023", Some("2023-11-02")),
            ("2. Mai 2020", Some("2020-05-02")),
            ("Nov 2nd, 2023", Some("2023-11-02")),
            ("1er août 2019", Some("2019-08-01")),
            ("31/5/2020", Some("2020-05-31")),
            ("1.5.2020", Some("2020-05-01")),
            ("1/5/2020", None),
            ("Thursday, 2 November", None),
            ("Old weirs of 2020-05-01", None),
            ("2023-13-41", None),
        ] {
            assert_eq!(said(text).as_deref(), day, "{text}");
        }
        assert!(MONTH_WORDS.iter().all(|word| month_number(word).is_some()), "each name has a number");
    }

    #[test]
    fn stamps_are_told_from_text() {
        let only = [
            "10:00",
            "[10:00]",
            "(10.30)",
            "10:00:05 AM",
            "10:00\u{202f}p.m.",
            "10h30",
            "2025/03/13(木)",
            "12-Mar-25 09:15 AM",
            "Mar 12, 2025  9:15:02 AM",
            "2026-01-05",
            "2026-01-05T10:00:00Z",
            "2026-01-05 10:00:00+01:00",
            "1/5/2026, 10:00:00 AM",
            "05.01.26, 10:00",
            "5. Januar 2026 um 10:00 Uhr",
            "5 de enero de 2026, 10:00",
            "January 5th, 2026 at 10:00 PM",
            "Mon, 5 Jan 2026 10:00",
            "2026年1月5日 下午3:05",
            "2026년 1월 5일 오후 3:05",
            "Today at 10:00 AM",
            "Yesterday at 10:00 PM",
            "*10:00 · 05.01.2026*",
            "٠٥/٠١/٢٠٢٦, ١٠:٠٠ م",
        ];
        for line in only {
            assert!(is_only(line), "{line}");
        }
        for line in
            ["10.30", "3:1 won", "2026", "at 10:00 we met", "1/2", "v1.2.3 is out", "", "Mara", "Today"]
        {
            assert!(!is_only(line), "{line}");
        }
    }

    #[test]
    fn headings_that_say_only_a_day_are_told_from_others() {
        let days = [
            "2023-11-02",
            "2023_11_02",
            "20231102",
            "2023-11-02 Thursday",
            "2023-11-02 (Thu)",
            "Thursday, 2 November 2023",
            "Donnerstag, 2. November 2023",
            "Nov 2nd, 2023",
            "[[November 2nd, 2023]]",
            "2. November",
            "November 2",
            "the 2nd of May",
            "1er mai 2020",
            "02.11.2023",
            "2/11/23",
            "**2023-11-02**:",
            "10:30",
        ];
        for text in days {
            assert!(is_day(text), "{text}");
        }
        let others = [
            "2023-11-02 A mill",
            "November",
            "1984",
            "Chapter 2",
            "3",
            "",
            "Monday",
            "2 May be late",
            "3 marks",
            "May 1968 in Paris",
            "12 Monkeys",
            "Apollo 11 1969",
            "12 Marbles",
        ];
        for text in others {
            assert!(!is_day(text), "{text}");
        }
    }

    #[test]
    fn stamps_are_split_off_at_both_ends() {
        let cases = [
            ("[10:00] Mara: hi", Some((true, "Mara: hi"))),
            ("1/5/26, 10:00\u{202f}AM - Mara: hi", Some((false, "Mara: hi"))),
            ("[05.01.26, 10:00:07] Mara: hi", Some((true, "Mara: hi"))),
            ("2026-01-05 10:00 | Mara | hi", Some((false, "Mara | hi"))),
            ("٠٥\u{200f}/٠١\u{200f}/٢٠٢٦، ١٠:٠٠ ص - Mara: hi", Some((false, "Mara: hi"))),
            ("2026년 1월 5일 오전 10:00, Mara : hi", Some((false, "Mara : hi"))),
            ("10:00 <mara> hi", Some((false, "<mara> hi"))),
            ("10 apples: 3", None),
            ("Mara: at 10:00", None),
        ];
        for (line, expected) in cases {
            assert_eq!(leading(line), expected, "{line}");
        }
        let cases = [
            ("Mara (10:00)", Some("Mara")),
            ("Mara, [05.01.2026 10:00]", Some("Mara")),
            ("Mara Feld  10:00 AM", Some("Mara Feld")),
            ("Mara — Today at 10:00 AM", Some("Mara")),
            ("Mara - 2026-01-05", Some("Mara")),
            ("Mara", None),
            ("10:00", None),
            ("Chapter 3", None),
        ];
        for (text, expected) in cases {
            assert_eq!(trailing(text), expected, "{text}");
        }
    }
}
