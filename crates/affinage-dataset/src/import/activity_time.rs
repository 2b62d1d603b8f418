//! The line of a page of My Activity that is a date, in the language of the account.

use std::sync::LazyLock;

use regex::Regex;

use super::json::rfc3339_s;

const MAX_CHARS: usize = 70;

/// `10:02:00`, in Indonesian and Finnish `10.02.00`; no part of a longer number.
static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:^|[^\d.:])(\d{1,2})([:.])(\d{2})[:.](\d{2})(?:$|[^\d.:])").expect("a valid pattern")
});
static NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\d+").expect("a valid pattern"));
static OFFSET: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:GMT|UTC)([+−-])(\d{1,2})(?::?(\d{2}))?").expect("a valid pattern"));

/// Beginnings of the months' names, without case.
const MONTHS: [&[&str]; 12] = [
    &["jan", "ene", "gen", "oca", "sty", "янв", "січ", "जन", "জানু", "يناير", "جنوری", "ม.ค", "led"],
    &["feb", "fév", "fev", "şub", "lut", "фев", "лют", "फ़र", "फर", "ফেব", "فبراير", "فروری", "ก.พ", "úno"],
    &["mar", "mär", "mrt", "mac", "мар", "бер", "मार्च", "মার্চ", "مارس", "مارچ", "มี.ค", "bře"],
    &[
        "apr",
        "avr",
        "abr",
        "nis",
        "kwi",
        "апр",
        "кві",
        "अप्रै",
        "এপ্রি",
        "أبريل",
        "ابريل",
        "اپریل",
        "เม.ย",
        "dub",
    ],
    &["may", "mai", "maj", "mei", "mag", "мая", "май", "тра", "मई", "মে", "مايو", "مئی", "พ.ค", "kvě"],
    &["jun", "juin", "giu", "haz", "cze", "июн", "чер", "जून", "জুন", "يونيو", "جون", "มิ.ย", "čvn"],
    &["jul", "juil", "lug", "tem", "lip", "июл", "лип", "जुल", "জুলা", "يوليو", "جولائی", "ก.ค", "čvc"],
    &[
        "aug",
        "aoû",
        "ago",
        "agu",
        "ağu",
        "sie",
        "ogo",
        "авг",
        "сер",
        "अग",
        "আগ",
        "أغسطس",
        "اگست",
        "ส.ค",
        "srp",
    ],
    &["sep", "set", "eyl", "wrz", "сен", "вер", "सित", "সেপ", "سبتمبر", "ستمبر", "ก.ย", "zář"],
    &["oct", "okt", "out", "ott", "eki", "paź", "окт", "жов", "अक्", "অক্টো", "أكتوبر", "اکتوبر", "ต.ค", "říj"],
    &["nov", "kas", "lis", "ноя", "лис", "नव", "নভে", "نوفمبر", "نومبر", "พ.ย"],
    &[
        "dec",
        "déc",
        "dez",
        "dic",
        "des",
        "ara",
        "gru",
        "дек",
        "гру",
        "दिस",
        "ডিসে",
        "ديسمبر",
        "دسمبر",
        "ธ.ค",
        "pro",
    ],
];

const ZONES: [(&str, f64); 38] = [
    ("UTC", 0.0),
    ("GMT", 0.0),
    ("WET", 0.0),
    ("WEZ", 0.0),
    ("BST", 1.0),
    ("CET", 1.0),
    ("MEZ", 1.0),
    ("WEST", 1.0),
    ("CEST", 2.0),
    ("MESZ", 2.0),
    ("EET", 2.0),
    ("OEZ", 2.0),
    ("SAST", 2.0),
    ("EEST", 3.0),
    ("OESZ", 3.0),
    ("MSK", 3.0),
    ("TRT", 3.0),
    ("PKT", 5.0),
    ("IST", 5.5),
    ("WIB", 7.0),
    ("ICT", 7.0),
    ("SGT", 8.0),
    ("HKT", 8.0),
    ("PHT", 8.0),
    ("JST", 9.0),
    ("KST", 9.0),
    ("AEST", 10.0),
    ("AEDT", 11.0),
    ("NZST", 12.0),
    ("NZDT", 13.0),
    ("BRT", -3.0),
    ("ART", -3.0),
    ("EST", -5.0),
    ("EDT", -4.0),
    ("CST", -6.0),
    ("CDT", -5.0),
    ("PST", -8.0),
    ("PDT", -7.0),
];

/// Marks of the second half of the day.
const AFTERNOON: [&str; 7] = ["pm", "p.m", "p. m", "오후", "下午", "午後", "अपराह्न"];
const MORNING: [&str; 6] = ["am", "a.m", "a. m", "오전", "上午", "午前"];

/// `Feb 2, 2026, 8:24:02 AM CET`, `02.02.2026, 08:24:02 MEZ`, `2026年2月2日 8:24:02 JST`. Outer `None`: not a date. Inner
/// `None`: a date in words this does not know.
pub fn page_time(line: &str) -> Option<Option<f64>> {
    if line.chars().count() > MAX_CHARS {
        return None;
    }
    let line: String = line.chars().map(plain).collect();
    let clock = CLOCK.captures(&line)?;
    let span = clock.get(1)?.start()..clock.get(4)?.end();
    let offset = OFFSET.captures(&line);
    let before_offset =
        offset.as_ref().and_then(|found| found.get(0)).map_or(line.len(), |found| found.start());
    let date = format!(
        "{} {}",
        &line[..span.start.min(before_offset)],
        line.get(span.end..before_offset).unwrap_or("")
    );
    let numbers: Vec<&str> = NUMBER.find_iter(&date).map(|found| found.as_str()).collect();
    let year_at = numbers.iter().position(|n| n.len() == 4 && matches!(&n[..2], "19" | "20" | "25"))?;
    if numbers.len() > 3 {
        return None;
    }
    let part = |index: usize| clock.get(index).and_then(|found| found.as_str().parse::<i64>().ok());
    let (hour, minute, second) = (part(1)?, part(3)?, part(4)?);
    let number = |index: usize| numbers.get(index).and_then(|n| n.parse::<i64>().ok());
    let year = number(year_at)?;
    // The Thai calendar counts from the Buddha.
    let year = if year >= 2400 { year - 543 } else { year };
    let lower = line.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| holds_word(&lower, word));
    let day_and_month = match (numbers.len(), year_at) {
        (3, 0) => number(1).zip(number(2)).map(|(month, day)| (day, month)),
        (3, 2) => number(0).zip(number(1)).map(|(first, second)| {
            // Only American dates have the month first.
            let american = date.contains('/') && has(&["am", "pm"]) && first <= 12;
            if american || second > 12 { (second, first) } else { (first, second) }
        }),
        (2, _) => number(1 - year_at).zip(month(&date)),
        _ => None,
    };
    let Some((day, month)) = day_and_month else { return Some(None) };
    let hour = match hour {
        12 if has(&MORNING) => 0,
        1..=11
            if has(&AFTERNOON) || line.contains('م') && !line.contains('ص') && !holds_month_only(&line) =>
        {
            hour + 12
        }
        hour => hour,
    };
    let utc = rfc3339_s(&format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"));
    Some(utc.map(|utc| utc - 3600.0 * zone_hours(&line, offset.as_ref())))
}

/// Arabic marks the afternoon by the single letter `م`.
fn holds_month_only(line: &str) -> bool {
    !line.split(|c: char| !c.is_alphabetic()).any(|word| word == "م")
}

fn holds_word(line: &str, word: &str) -> bool {
    let is_ascii = word.is_ascii();
    line.match_indices(word).any(|(at, _)| {
        let letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
        !is_ascii
            || !letter(line[..at].chars().next_back()) && !letter(line[at + word.len()..].chars().next())
    })
}

fn month(date: &str) -> Option<i64> {
    let lower = date.to_lowercase();
    let words = lower.split(|c: char| c.is_whitespace() || c.is_ascii_digit() || matches!(c, ',' | '،'));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let named = |word: &&str| MONTHS.iter().position(|names| names.iter().any(|name| word.starts_with(name)));
    words.iter().find_map(named).map(|index| index as i64 + 1)
}

fn zone_hours(line: &str, offset: Option<&regex::Captures<'_>>) -> f64 {
    if let Some(offset) = offset {
        let part = |index: usize| {
            offset.get(index).and_then(|found| found.as_str().parse::<f64>().ok()).unwrap_or(0.0)
        };
        let hours = part(2) + part(3) / 60.0;
        return if &offset[1] == "+" { hours } else { -hours };
    }
    let last = line.split([' ', ',']).rfind(|word| !word.is_empty()).unwrap_or_default();
    match last {
        "CST" if line.contains('年') => 8.0,
        last => ZONES.iter().find(|(name, _)| *name == last).map_or(0.0, |zone| zone.1),
    }
}

/// Digits of any script as ASCII, spaces of any width as one.
fn plain(c: char) -> char {
    const ZEROS: [u32; 6] = [0x0660, 0x06f0, 0x0966, 0x09e6, 0x0e50, 0xff10];
    let code = u32::from(c);
    let digit = ZEROS.iter().find_map(|zero| code.checked_sub(*zero).filter(|digit| *digit < 10));
    match digit.and_then(|digit| char::from_digit(digit, 10)) {
        Some(digit) => digit,
        None if c.is_whitespace() || c == '\u{202f}' => ' ',
        None => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_many_languages_are_the_same_time() {
        // 2026-02-05 14:24:02 in the zone's own time.
        let utc = 1_770_301_442.0;
        for (line, hours) in [
            ("Feb 5, 2026, 2:24:02\u{202f}PM UTC", 0.0),
            ("5 Feb 2026, 14:24:02 UTC", 0.0),
            ("2/5/2026, 2:24:02 PM PST", -8.0),
            ("05.02.2026, 14:24:02 MEZ", 1.0),
            ("5 févr. 2026, 14:24:02 CET", 1.0),
            ("5 feb 2026, 14:24:02 CET", 1.0),
            ("5 de fev. de 2026, 14:24:02 BRT", -3.0),
            ("5 февр. 2026 г., 14:24:02 MSK", 3.0),
            ("2026/02/05 14:24:02 JST", 9.0),
            ("2026年2月5日 14:24:02 CST", 8.0),
            ("2026年2月5日 下午2:24:02 GMT+08:00", 8.0),
            ("2026. 2. 5. 오후 2:24:02 KST", 9.0),
            ("5 फ़र॰ 2026, 2:24:02 pm IST", 5.5),
            ("٥ فبراير ٢٠٢٦، ٢:٢٤:٠٢ م GMT+3", 3.0),
            ("৫ ফেব, ২০২৬, ১৪:২৪:০২ UTC", 0.0),
            ("5 Şub 2026 14:24:02 GMT+03:00", 3.0),
            ("5 Feb 2026 14.24.02 WIB", 7.0),
            ("5 lut 2026, 14:24:02 CET", 1.0),
            ("5 thg 2, 2026, 14:24:02 ICT", 7.0),
            ("5 ก.พ. 2569 14:24:02 UTC", 0.0),
        ] {
            assert_eq!(page_time(line), Some(Some(utc - 3600.0 * hours)), "{line}");
        }
        assert_eq!(page_time("5 Xyz 2026, 14:24:02 UTC"), Some(None), "a date in unknown words is still one");
    }

    #[test]
    fn prompts_that_speak_of_times_are_no_dates() {
        for line in [
            "Wake me at 10:02:00",
            "In 2026 it was",
            "1 file attached.",
            "Ratio 1:2:3 in 2026?",
            "10:02 on 5 Feb 2026",
        ] {
            assert_eq!(page_time(line), None, "{line}");
        }
    }
}
