//! Privacy: secrets and personal data, by pattern and check sum; nothing is ever verified online.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::{Field, Hit, Severity, Subject, fields, rules::Where};

static SECRET: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"\b(?:sk-[A-Za-z0-9_-]{20,}|ghp_[A-Za-z0-9]{36}|gho_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22,}|glpat-[A-Za-z0-9_-]{20,}",
        r"|hf_[A-Za-z0-9]{30,}|AKIA[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{35}|xox[baprs]-[A-Za-z0-9-]{10,}",
        r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})",
        r"|-----BEGIN [A-Z ]*PRIVATE KEY-----",
    );
    Regex::new(pattern).expect("a valid pattern")
});

/// Bits per character: keys are random, placeholders such as `sk-xxxxxxxx` are not.
const MIN_ENTROPY_BITS: f64 = 3.5;

/// P01
pub fn secrets(subject: &Subject) -> Vec<Hit> {
    let mut hits = Vec::new();
    for field in fields(subject, Where::Both, Severity::Error) {
        let found = SECRET.find_iter(subject.text(field));
        let random =
            found.filter(|f| f.as_str().starts_with("-----") || entropy_bits(f.as_str()) >= MIN_ENTROPY_BITS);
        hits.extend(random.map(|f| Hit::new(field, f.range())));
    }
    hits
}

/// Secrets in a text.
pub fn secret_count(text: &str) -> usize {
    let random = |found: &str| found.starts_with("-----") || entropy_bits(found) >= MIN_ENTROPY_BITS;
    SECRET.find_iter(text).filter(|found| random(found.as_str())).count()
}

/// A kind of personal data: its name, pattern and check.
struct Kind {
    name: &'static str,
    regex: Regex,
    is_real: fn(&str) -> bool,
}

static PERSONAL: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let kind = |name, pattern: &str, is_real| Kind {
        name,
        regex: Regex::new(pattern).expect("a valid pattern"),
        is_real,
    };
    vec![
        kind(
            "e-mail address",
            r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b",
            real_email,
        ),
        kind(
            "phone number",
            r"(?:\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,5}\d{2,4}|\(\d{3}\) ?\d{3}-\d{4}|\b\d{3}-\d{3}-\d{4})\b",
            real_phone,
        ),
        kind(
            "bank account (IBAN)",
            r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
            real_iban,
        ),
        kind("card number", r"\b\d(?:[ -]?\d){12,18}\b", real_card),
        kind("social security number", r"\b\d{3}-\d{2}-\d{4}\b", |_| true),
        kind("IP address", r"\b(?:\d{1,3}\.){3}\d{1,3}\b", real_ip),
        kind(
            "private link",
            r"https?://(?:chatgpt\.com/(?:share|c)/|claude\.ai/(?:chat|share)/|docs\.google\.com/\w+/d/|drive\.google\.com/file/)\S+",
            |_| true,
        ),
    ]
});

/// P02
pub fn personal_data(subject: &Subject) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    for field in [Field::Prompt, Field::Response] {
        let text = subject.text(field);
        for kind in PERSONAL.iter() {
            for found in kind.regex.find_iter(text).filter(|f| (kind.is_real)(f.as_str())) {
                let known = hits
                    .iter()
                    .any(|h| h.field == field && h.span.start < found.end() && found.start() < h.span.end);
                if !known {
                    hits.push(Hit::new(field, found.range()).detail(kind.name));
                }
            }
        }
    }
    hits
}

/// Pieces of personal data in a text.
pub fn personal_count(text: &str) -> usize {
    // Every kind holds a digit, an address sign or a slash: most texts end here.
    if !text.bytes().any(|b| b.is_ascii_digit() || b == b'@' || b == b'/') {
        return 0;
    }
    PERSONAL
        .iter()
        .map(|kind| kind.regex.find_iter(text).filter(|f| (kind.is_real)(f.as_str())).count())
        .sum()
}

static MAIL_HEAD: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?im)^[ \t>]*-{2,} ?(?:forwarded message|original message|weitergeleitete nachricht|ursprüngliche nachricht) ?-{2,}[ \t]*$",
        r"|^[ \t>]*(?:from|von|de): [^\n]{1,80}\n(?:[ \t>]*[\p{L}-]{2,12}: [^\n]*\n){1,}",
        r"|^[ \t>]*(?:on|am) [^\n]{6,80} (?:wrote|schrieb)[^\n]{0,40}:[ \t]*$",
    );
    Regex::new(pattern).expect("a valid pattern")
});
/// A line of a chat saved from a phone: a date or time, a name, a colon.
static CHAT_LINE: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?m)^\[?\d{1,4}[./-]\d{1,2}[./-]\d{1,4},? \d{1,2}:\d{2}(?::\d{2})?(?: ?[AaPp][Mm])?\]?(?: -)? [^:\n]{1,40}: ",
        r"|^\[\d{1,2}:\d{2}(?::\d{2})?\] [^:\n]{1,40}: ",
    );
    Regex::new(pattern).expect("a valid pattern")
});
const CHAT_MIN_LINES: usize = 3;

/// Where the mails and chats of other people begin in a text.
fn others_start(text: &str) -> Option<std::ops::Range<usize>> {
    let mail = MAIL_HEAD.find(text).map(|found| found.range());
    let mut chat = CHAT_LINE.find_iter(text);
    let first = chat.next().map(|found| found.range());
    let chat = first.filter(|_| chat.count() + 1 >= CHAT_MIN_LINES);
    match (mail, chat) {
        (Some(mail), Some(chat)) => Some(if mail.start <= chat.start { mail } else { chat }),
        (mail, chat) => mail.or(chat),
    }
}

/// Characters of a text that are other people's mails or chats: from their first line to the end.
pub fn others_chars(text: &str) -> usize {
    others_start(text).map_or(0, |found| text[found.start..].chars().count())
}

/// P04
pub fn others_texts(subject: &Subject) -> Vec<Hit> {
    others_start(&subject.prompt).map(|found| Hit::new(Field::Prompt, found)).into_iter().collect()
}

fn real_email(text: &str) -> bool {
    let domain = text.rsplit('@').next().unwrap_or("").to_ascii_lowercase();
    !["example.com", "example.org", "example.net"].contains(&domain.as_str()) && !domain.ends_with(".example")
}

fn real_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    // 555-0100 to 555-0199 are reserved for fiction.
    (8..=15).contains(&digits) && !text.contains("555-01")
}

/// ISO 13616: the number with its first four characters moved to the end is 1 modulo 97.
fn real_iban(text: &str) -> bool {
    let compact: Vec<char> = text.chars().filter(|c| *c != ' ').collect();
    if !(15..=34).contains(&compact.len()) {
        return false;
    }
    let moved = compact[4..].iter().chain(&compact[..4]);
    let remainder = moved.fold(0u32, |sum, c| {
        let value = c.to_digit(36).unwrap_or(0);
        (if value < 10 { sum * 10 + value } else { sum * 100 + value }) % 97
    });
    remainder == 1
}

/// Luhn's check sum.
fn real_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let doubled = |(index, digit): (usize, &u32)| match index % 2 {
        0 => *digit,
        _ if *digit > 4 => digit * 2 - 9,
        _ => digit * 2,
    };
    let sum: u32 = digits.iter().rev().enumerate().map(doubled).sum();
    (13..=19).contains(&digits.len()) && sum.is_multiple_of(10) && digits.iter().any(|d| *d != digits[0])
}

/// Public addresses only: private, local and documentation ranges name nobody. Low first numbers are more often
/// versions of a program.
fn real_ip(text: &str) -> bool {
    let octets: Vec<u8> = text.split('.').filter_map(|octet| octet.parse().ok()).collect();
    match octets[..] {
        [127, ..] | [172, 16..=31, ..] | [192, 168, ..] | [169, 254, ..] => false,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => false,
        [first, _, _, _] => (11..224).contains(&first),
        _ => false,
    }
}

fn entropy_bits(text: &str) -> f64 {
    let mut counts: HashMap<char, usize> = HashMap::new();
    text.chars().for_each(|c| *counts.entry(c).or_default() += 1);
    let len = text.chars().count() as f64;
    counts.values().map(|count| *count as f64 / len).map(|p| -p * p.log2()).sum()
}
