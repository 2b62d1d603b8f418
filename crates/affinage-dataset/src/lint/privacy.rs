//! Privacy: secrets and personal data, by pattern and check sum; nothing is ever verified online.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::{Field, Hit, Known, Subject, rules::Where};

static SECRET: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"\b(?:sk-[A-Za-z0-9_-]{20,}|[sr]k_live_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22,}",
        r"|glpat-[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{40,}|AKIA[0-9A-Z]{16}",
        r"|AIza[0-9A-Za-z_-]{35}|xox[baprs]-[A-Za-z0-9-]{10,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
        r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})",
        r"|-----BEGIN [A-Z ]*PRIVATE KEY-----",
        // A password in an address, or behind its name.
        r"|\b[a-z][a-z0-9+.-]{2,20}://[^\s:/@]{1,60}:[^\s:/@]{8,}@[\w.-]+",
        r#"|(?i)\b(?:[a-z0-9]+[_-])*(?:api[_-]?key|secret|token|passw(?:or)?d|passwort)\s*[:=]\s*["']?[A-Za-z0-9+/_=-]{16,}"#,
    );
    Regex::new(pattern).expect("a valid pattern")
});

/// Bits per character: keys are random, placeholders such as `sk-xxxxxxxx` are not.
const MIN_ENTROPY_BITS: f64 = 3.5;

fn is_secret(found: &str) -> bool {
    found.starts_with("-----") || entropy_bits(found) >= MIN_ENTROPY_BITS
}

/// P01
pub fn secrets(subject: &Subject) -> Vec<Hit> {
    let mut hits = Vec::new();
    for field in subject.fields(Where::Row) {
        hits.extend(secret_spans(subject.text(field)).into_iter().map(|span| Hit::new(field, span)));
    }
    hits
}

/// Places of secrets in a text, in its order.
pub fn secret_spans(text: &str) -> Vec<Range<usize>> {
    SECRET.find_iter(text).filter(|found| is_secret(found.as_str())).map(|found| found.range()).collect()
}

/// Secrets in a text.
pub fn secret_count(text: &str) -> usize {
    secret_spans(text).len()
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
    // Where two overlap, the first counts: parts of an account number look like telephone numbers.
    vec![
        kind(
            "e-mail address",
            r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b",
            real_email,
        ),
        kind(
            "bank account (IBAN)",
            r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
            real_iban,
        ),
        kind("card number", r"\b\d(?:[ -]?\d){12,18}\b", real_card),
        kind("social security number", r"\b\d{3}-\d{2}-\d{4}\b", |_| true),
        kind(
            "phone number",
            r"(?:\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,5}\d{2,4}|\(\d{3}\) ?\d{3}-\d{4}|\b\d{3}-\d{3}-\d{4}|\b0\d{2,4}[ /-]\d{3,4}[ -]?\d{3,5})\b",
            real_phone,
        ),
        kind("IP address", r"\b(?:\d{1,3}\.){3}\d{1,3}\b", real_ip),
        kind(
            "private link",
            r"https?://(?:chatgpt\.com/(?:share|c)/|claude\.ai/(?:chat|share)/|docs\.google\.com/\w+/d/|drive\.google\.com/file/)\S+",
            |_| true,
        ),
        kind(
            "street address",
            r"\b\d{1,5} (?:\p{Lu}\p{Ll}+ ){1,3}(?:Street|Avenue|Road|Lane|Drive|Boulevard)\b|\b\p{Lu}\p{Ll}+(?:straße|strasse|gasse|allee|platz) \d{1,4}[a-z]?\b",
            |_| true,
        ),
    ]
});

/// P02
pub fn personal_data(subject: &Subject) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    for field in subject.fields(Where::Row) {
        let found = personal_spans(subject.text(field)).into_iter();
        hits.extend(found.map(|(span, kind)| Hit::new(field, span).detail(kind)));
    }
    hits
}

/// Places of personal data in a text with their kind, in no order; they do not overlap.
pub fn personal_spans(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let mut spans: Vec<(Range<usize>, &'static str)> = Vec::new();
    // Every kind holds a digit, an address sign or a slash: most texts end here.
    if !text.bytes().any(|b| b.is_ascii_digit() || b == b'@' || b == b'/') {
        return spans;
    }
    for kind in PERSONAL.iter() {
        for found in kind.regex.find_iter(text).filter(|f| (kind.is_real)(f.as_str())) {
            if !spans.iter().any(|(known, _)| known.start < found.end() && found.start() < known.end) {
                spans.push((found.range(), kind.name));
            }
        }
    }
    spans
}

/// P03. Names as they are written, and each of their parts of three letters or more.
pub fn names(subject: &Subject, known: &Known) -> Vec<Hit> {
    let mut hits = Vec::new();
    for field in subject.fields(Where::Row) {
        hits.extend(
            name_spans(subject.text(field), &known.names).into_iter().map(|span| Hit::new(field, span)),
        );
    }
    hits
}

/// Where one of the names stands as words of its own; the longest at each place.
pub fn name_spans(text: &str, names: &[String]) -> Vec<Range<usize>> {
    const MIN_PART_CHARS: usize = 3;
    let parts = names.iter().flat_map(|name| name.split_whitespace());
    let parts = parts.filter(|part| part.chars().count() >= MIN_PART_CHARS);
    let wanted: BTreeSet<&str> =
        names.iter().map(|name| name.trim()).chain(parts).filter(|n| !n.is_empty()).collect();
    let mut found: Vec<Range<usize>> = Vec::new();
    for name in wanted {
        for (start, _) in text.match_indices(name) {
            let end = start + name.len();
            let joins = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            if !joins(text[..start].chars().next_back()) && !joins(text[end..].chars().next()) {
                found.push(start..end);
            }
        }
    }
    found.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let mut end = 0;
    found.retain(|span| {
        let is_free = span.start >= end;
        if is_free {
            end = span.end;
        }
        is_free
    });
    found
}

/// Pieces of personal data in a text.
pub fn personal_count(text: &str) -> usize {
    personal_spans(text).len()
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
fn others_start(text: &str) -> Option<Range<usize>> {
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
