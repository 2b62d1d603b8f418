//! Privacy: secrets and personal data, by pattern and check sum; nothing is ever verified online.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::{Code, Field, Hit, Known, Subject, passwords, rules::Where};

/// Beginnings and shapes that issuers give their keys.
const KEY_FORMS: [&str; 33] = [
    r"sk-[A-Za-z0-9_-]{20,}",
    r"[sr]k_live_[A-Za-z0-9]{20,}",
    r"gh[pousr]_[A-Za-z0-9]{36}",
    r"github_pat_[A-Za-z0-9_]{22,}",
    r"gl(?:pat|dt|rt|cbt|ptt)-[A-Za-z0-9_-]{20,}",
    r"hf_[A-Za-z0-9]{30,}",
    r"gsk_[A-Za-z0-9]{40,}",
    r"xai-[A-Za-z0-9]{60,}",
    r"pplx-[A-Za-z0-9]{40,}",
    r"r8_[A-Za-z0-9]{36,}",
    r"npm_[A-Za-z0-9]{36}",
    r"pypi-[A-Za-z0-9_-]{40,}",
    r"(?:AKIA|ASIA)[0-9A-Z]{16}",
    r"AIza[0-9A-Za-z_-]{35}",
    r"GOCSPX-[A-Za-z0-9_-]{28}",
    r"ya29\.[A-Za-z0-9_-]{40,}",
    r"xox[abeprs]-[A-Za-z0-9-]{10,}",
    r"xapp-\d-[A-Za-z0-9-]{20,}",
    r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,}",
    r"https://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/\d+/[A-Za-z0-9_-]{20,}",
    r"\d{8,10}:AA[A-Za-z0-9_-]{32,35}",
    r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"(?:shpat|shpss|shpca|shppa)_[a-fA-F0-9]{32}",
    r"do[opr]_v1_[a-f0-9]{64}",
    r"dapi[a-f0-9]{32}",
    r"lin_api_[A-Za-z0-9]{40}",
    r"ntn_[A-Za-z0-9]{40,}",
    r"figd_[A-Za-z0-9_-]{40,}",
    r"sq0[a-z]{3}-[A-Za-z0-9_-]{22,}",
    r"tskey-[a-z]+-[A-Za-z0-9-]{16,}",
    r"AGE-SECRET-KEY-1[A-Z0-9]{58}",
    r"EAA[A-Za-z0-9]{80,}",
    r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
];

/// Whether what a pattern found is what it looks for.
type IsReal = fn(&str) -> bool;

/// Kinds of secrets: a pattern, and whether what it found is one. Where the pattern has a group, the group is looked at.
static SECRETS: LazyLock<Vec<(Regex, IsReal)>> = LazyLock::new(|| {
    let name = r"(?:[a-z0-9]+[_-])*(?:api[_-]?key|access[_-]?key(?:[_-]?id)?|account[_-]?key|secret(?:[_-]?key)?|token|passw(?:or)?d|passwort)";
    let kinds: [(String, IsReal); 6] = [
        (format!(r"\b(?:{})", KEY_FORMS.join("|")), is_random),
        (r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----".to_owned(), |_| true),
        // A password in an address, behind its name, in a header, in a sentence.
        (r"\b[a-z][a-z0-9+.-]{2,20}://[^\s:/@]{1,60}:[^\s:/@]{8,}@[\w.-]+".to_owned(), is_random),
        (format!(r#"(?i)\b{name}["']?\s*[:=]\s*["']?([A-Za-z0-9+/_=-]{{16,}})"#), is_random),
        (r"(?i)\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{20,})".to_owned(), is_random),
        (
            r#"(?i)\b(?:password|passwort|passcode|kennwort|mot de passe|contraseña|senha)\s+(?:is|ist|lautet|est|es|é)\s*:?\s+["'`„“]?([^\s"'`“”]{8,})"#
                .to_owned(),
            is_mixed,
        ),
    ];
    kinds
        .into_iter()
        .map(|(pattern, is_real)| (Regex::new(&pattern).expect("a valid pattern"), is_real))
        .collect()
});

/// Bits per character: keys are random, placeholders such as `sk-xxxxxxxx` are not.
const MIN_ENTROPY_BITS: f64 = 3.5;

/// Not made of words for a place where a key belongs (`YOUR_API_KEY_HERE`).
fn is_random(found: &str) -> bool {
    const PLACE_HOLDERS: [&str; 6] = ["your", "example", "placeholder", "changeme", "change_me", "insert"];
    let lower = found.to_lowercase();
    let has_digit = found.bytes().any(|b| b.is_ascii_digit());
    let is_place_holder = !has_digit && PLACE_HOLDERS.iter().any(|word| lower.contains(word));
    entropy_bits(found) >= MIN_ENTROPY_BITS && !is_place_holder
}

/// Digits, or capitals within a word, as a word of a language has not.
fn is_mixed(found: &str) -> bool {
    let has_letter = found.chars().any(char::is_alphabetic);
    let pairs = found.chars().zip(found.chars().skip(1));
    let capital_within = pairs.into_iter().any(|(a, b)| a.is_lowercase() && b.is_uppercase());
    has_letter && (capital_within || found.chars().any(|c| c.is_ascii_digit()))
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
    let mut spans: Vec<Range<usize>> = Vec::new();
    for (regex, is_real) in SECRETS.iter() {
        for found in regex.captures_iter(text) {
            let Some(whole) = found.get(0) else { continue };
            let overlaps = |known: &Range<usize>| known.start < whole.end() && whole.start() < known.end;
            if is_real(found.get(1).unwrap_or(whole).as_str()) && !spans.iter().any(overlaps) {
                spans.push(whole.range());
            }
        }
    }
    let said = passwords::spans(text);
    if !said.is_empty() {
        // In code a password is most often an example.
        let code = Code::of(text);
        let overlaps = |span: &Range<usize>| spans.iter().any(|k| k.start < span.end && span.start < k.end);
        let said: Vec<Range<usize>> =
            said.into_iter().filter(|span| !code.holds(span.start) && !overlaps(span)).collect();
        spans.extend(said);
    }
    spans.sort_by_key(|span| span.start);
    spans
}

/// Secrets in a text.
pub fn secret_count(text: &str) -> usize {
    secret_spans(text).len()
}

/// A kind of personal data: its name, pattern and check. Where the pattern has a group, the group is what was found.
struct Kind {
    name: &'static str,
    regex: Regex,
    is_real: IsReal,
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
            // Any domain that names can have: in any script, or written with `xn--`.
            r"[\p{L}\p{N}_][\p{L}\p{M}\p{N}._%+'’&~-]*@(?:[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])?\.)+(?i:xn--[a-z0-9-]+[a-z0-9]|\p{L}[\p{L}\p{M}]+)",
            real_email,
        ),
        kind(
            "bank account (IBAN)",
            r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
            real_iban,
        ),
        // Grouped as an account is: it may be mistyped, and it is no card.
        kind(
            "number like a bank account (IBAN)",
            r"\b[A-Z]{2}\d{2}(?:[ -][A-Z0-9]{4}){2,7}(?:[ -][A-Z0-9]{1,3})?\b",
            like_iban,
        ),
        kind("card number", r"\b\d(?:[ -]?\d){12,18}\b", real_card),
        kind("social security number", r"\b\d{3}-\d{2}-\d{4}\b", |_| true),
        kind("phone number", &phone_pattern(), real_phone),
        Kind { name: "phone number", regex: NAMED_PHONE.clone(), is_real: real_named_phone },
        kind("social insurance number (AHV)", r"\b756\.\d{4}\.\d{4}\.\d{2}\b", |_| true),
        kind("IP address", r"\b(?:\d{1,3}\.){3}\d{1,3}\b", real_ip),
        kind("IP address", r"(?i)\b[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7}\b", real_ip6),
        kind(
            "private link",
            r"https?://(?:chatgpt\.com/(?:share|c)/|claude\.ai/(?:chat|share)/|docs\.google\.com/\w+/d/|drive\.google\.com/file/)\S+",
            |_| true,
        ),
        kind(
            "street address",
            concat!(
                r"\b\d{1,5} (?:\p{Lu}\p{Ll}+ ){1,3}(?:Street|Avenue|Road|Lane|Boulevard|St\.|Ave\b|Rd\b|Blvd\b)",
                // Words of other meanings too: "12 Angry Men Drive".
                r"|\b\d{3,5} (?:\p{Lu}\p{Ll}+ ){1,3}(?:Drive|Court|Place|Square|Terrace|Parkway|Highway|Dr\.|Ln\b|Ct\b|Pl\.|Pkwy\b|Hwy\b)",
                r"|\b\p{Lu}\p{Ll}+(?:straße|strasse|gasse|allee|platz) \d{1,4}[a-z]?\b",
            ),
            |_| true,
        ),
    ]
});

/// Telephone numbers as countries group them: behind a plus sign, of North America, with a leading zero.
fn phone_pattern() -> String {
    [
        r"(?:\+\d{1,3}[ ./-]?(?:\(?\d{1,4}\)?[ ./-]?){2,5}\d{2,4}",
        r"|\(\d{3}\) ?\d{3}-\d{4}|\b\d{3}-\d{3}-\d{4}|\b[2-9]\d{2}\.\d{3}\.\d{4}",
        // The area in brackets, before a stroke, or apart.
        r"|\(0[1-9]\d{0,4}\) ?(?:[/-] ?)?\d{2,8}(?:[ -]\d{2,4}){0,4}",
        r"|\b0[1-9]\d{1,4}(?: ?/ ?| ?- ?| )\d{2,8}(?:[ -]\d{2,4}){0,4}",
        r"|\b00[1-9]\d{0,2}(?:[ /-]\d{2,4}){2,5}",
        r"|\b0[1-9][ /]\d{3,4} \d{2,4}(?: \d{2})?|\b0[1-9](?:[ .-]\d{2}){4})\b",
    ]
    .concat()
}

static NAMED_PHONE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&named_phone_pattern()).expect("a valid pattern"));

/// Whether what stands before a place makes it a telephone number, whatever check sum its digits have.
fn is_called(text: &str, place: &Range<usize>) -> bool {
    let overlaps = |found: &regex::Match| found.start() < place.end && place.start < found.end();
    let mut named = NAMED_PHONE.captures_iter(text).filter_map(|found| found.get(1)).filter(overlaps);
    text[..place.start].ends_with('+') || named.any(|found| real_named_phone(found.as_str()))
}

/// A number of any grouping behind a word that says it is one to call.
fn named_phone_pattern() -> String {
    let nouns = concat!(
        r"tel(?:ephone|efon|efono|éfono|efone|éphone|efoon)?|phone|fon|mobile?|mobilnummer|handy(?:nummer)?|natel|cell|whatsapp",
        r"|portable|móvil|celular|telemóvel|cellulare|rufnummer|telefonnummer|телефон|téléphone",
    );
    let number = r"(?:(?:phone|telephone|mobile|cell) )?(?:number|nummer|numéro|número|numero|nr|no|номер)";
    let verbs = r"call(?: (?:me|us|him|her|them))?(?: (?:on|at|back (?:on|at)))?|ring (?:me|us|him|her|them)(?: (?:on|at))?|dial|reach(?: (?:me|us|him|her|them))? (?:on|at)|ruf(?:t|en sie)? (?:mich|uns) an(?: unter)?|erreichbar unter|appelle[zr]?(?:-moi)?(?: au)?|llám(?:a|e)me al";
    let owners =
        r"my|our|his|her|their|your|meine|unsere|seine|ihre|deine|mon|notre|son|mi|su|mio|minha|meu|mijn|мой";
    format!(
        r"(?i)(?:\b(?:{nouns})\b\.?(?: {number})?|\b(?:{owners}) (?:new |neue |private )?{number}|\b(?:{verbs}))\.?(?: (?:is|ist|est|es|è|é|war|was|lautet|unter|at|on|al|au))?[ :]{{1,3}}(\+?\(?\d[\d ()./-]{{4,18}}\d)\b"
    )
}

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
        let places = kind.regex.captures_iter(text).filter_map(|found| found.get(1).or(found.get(0)));
        let is_other = |found: &regex::Match| kind.name == "card number" && is_called(text, &found.range());
        for found in places.filter(|found| (kind.is_real)(found.as_str()) && !is_other(found)) {
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
    !["example.com", "example.org", "example.net"].contains(&domain.as_str())
}

/// 555-0100 to 555-0199 of North America, with or without area code, are reserved for fiction.
fn is_fiction(text: &str) -> bool {
    let is_american = !text.starts_with('0')
        && !text.starts_with("(0")
        && (!text.starts_with('+') || text.starts_with("+1"));
    is_american && text.contains("555-01")
}

fn real_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    // A row of numbers, each written with zeros before it, is a table.
    let groups: Vec<&str> =
        text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty()).collect();
    let is_table = groups.len() > 1 && groups.iter().all(|group| group.starts_with('0'));
    // Times of day are written so too: `0900 1730`.
    let least = if text.starts_with('0') { 9 } else { 8 };
    // `02110-1301` is a place in North America.
    let is_place = groups.len() == 2 && groups[0].len() == 5 && groups[1].len() == 4 && text.contains('-');
    (least..=15).contains(&digits) && !is_fiction(text) && !is_table && !is_place && !is_date(&groups)
}

/// `01-02-2024`, `2024-01-02`, `1914-1918`.
fn is_date(groups: &[&str]) -> bool {
    let is_year =
        |group: &str| group.len() == 4 && ["17", "18", "19", "20"].iter().any(|c| group.starts_with(c));
    match groups {
        [first, last] => is_year(first) && is_year(last),
        [first, _, last] => (is_year(first) && last.len() <= 2) || (is_year(last) && first.len() <= 2),
        _ => false,
    }
}

/// A local number may be short where a word names it: `555-2142`.
fn real_named_phone(text: &str) -> bool {
    let is_local = text.len() == 8 && text.as_bytes()[3] == b'-';
    let groups: Vec<&str> =
        text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty()).collect();
    let digits: usize = groups.iter().map(|group| group.len()).sum();
    // `10 000 000` is an amount.
    let is_amount = groups.len() > 1
        && !text.starts_with(['0', '+', '('])
        && groups[1..].iter().all(|group| group.len() == 3)
        && groups.contains(&"000");
    let is_real = is_local
        || ((7..=15).contains(&digits)
            && !is_amount
            && !is_date(&groups)
            && (digits == 7 || real_phone(text)));
    is_real && !is_fiction(text)
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

/// The length of account numbers by country; longer or shorter ones are none.
const IBAN_CHARS: &str = concat!(
    "AD24 AE23 AT20 BA20 BE16 BG22 CH21 CY28 CZ24 DE22 DK18 EE20 ES24 FI18 FR27 GB22 GR27 HR21 HU28 IE22 IL23 IS26",
    " IT27 LI21 LT20 LU20 LV21 MC27 ME22 MK19 MT31 NL18 NO15 PL28 PT25 RO24 RS22 SA24 SE24 SI19 SK24 SM27 TR26 UA29",
);

/// As long as account numbers of its country, whatever its check sum.
fn like_iban(text: &str) -> bool {
    let compact: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let letters = compact[4..].chars().filter(char::is_ascii_alphabetic).count();
    // Words in capitals are none.
    2 * letters < compact.len()
        && IBAN_CHARS.split(' ').any(|known| known == format!("{}{}", &compact[..2], compact.len()))
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
    // Issuers' numbers begin with 2 to 6.
    let is_issued = digits.first().is_some_and(|first| (2..=6).contains(first));
    (13..=19).contains(&digits.len())
        && is_issued
        && sum.is_multiple_of(10)
        && digits.iter().any(|d| *d != digits[0])
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

/// Global addresses (2000::/3) but those for documentation: times and hashes of colons are none.
fn real_ip6(text: &str) -> bool {
    text.parse::<std::net::Ipv6Addr>().is_ok_and(|address| {
        let [first, second, ..] = address.segments();
        first & 0xe000 == 0x2000 && (first, second) != (0x2001, 0x0db8)
    })
}

fn entropy_bits(text: &str) -> f64 {
    let mut counts: HashMap<char, usize> = HashMap::new();
    text.chars().for_each(|c| *counts.entry(c).or_default() += 1);
    let len = text.chars().count() as f64;
    counts.values().map(|count| *count as f64 / len).map(|p| -p * p.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of so many letters and digits, the same at every run.
    fn random(len: usize) -> String {
        let alphabet: Vec<char> = ('a'..='z').chain('A'..='Z').chain('0'..='9').collect();
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            alphabet[(state >> 33) as usize % alphabet.len()]
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn secrets_of_many_issuers_are_found_and_placeholders_are_not() {
        let secrets = [
            format!("gsk_{}", random(52)),
            format!("xai-{}", random(80)),
            format!("https://hooks.slack.com/services/T{}", random(30)),
            format!("https://discord.com/api/webhooks/1234567890/{}", random(60)),
            format!("4917263548:AA{}", random(33)),
            format!("AWS_SECRET_ACCESS_KEY={}", random(40)),
            format!("{{\"access_key\": \"{}\"}}", random(24)),
            format!("AccountKey={}==", random(80)),
            format!("Authorization: Bearer {}", random(32)),
            "-----BEGIN PGP PRIVATE KEY BLOCK-----".to_owned(),
            "Das Passwort lautet Regen7tonne, sag es keinem.".to_owned(),
        ];
        for text in &secrets {
            assert_eq!(secret_count(&format!("Keep it: {text} please")), 1, "{text}");
        }
        let clean = [
            "set api_key = \"YOUR_SECRET_TOKEN_HERE\" first",
            "export KEY=sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "The password is something simple, and the token is yours.",
            "a bearer of extraordinarily-good-news came",
            "token_count = maximum_number_of_tokens",
        ];
        for text in clean {
            assert_eq!(secret_count(text), 0, "{text}");
        }
    }

    #[test]
    fn personal_data_of_several_countries_is_found_and_numbers_are_not() {
        let found = [
            ("call 312.555.7788 today", "phone number"),
            ("le 07 45 12 88 31", "phone number"),
            ("from 2a02:8109:9a40:1f00:8c2e:4ff:fe12:9b01 again", "IP address"),
            ("AHV 756.1234.5678.97", "social insurance number (AHV)"),
            ("ring 0761 555 01 88 tonight", "phone number"),
            ("or 0761/5550188", "phone number"),
            ("ein Anruf, 0171-2345678, genügt", "phone number"),
            ("+41 44 123 45 67", "phone number"),
            ("+49 761/555 01 88", "phone number"),
            ("044 123 45 67 in Zürich", "phone number"),
            ("02 123 45 67", "phone number"),
            ("(030) 901820 is Berlin", "phone number"),
            ("020 7946 0958", "phone number"),
            ("you can call me at 555-2142.", "phone number"),
            // Their digits have the check sum of a card.
            ("on the phone 49 151 23450103", "phone number"),
            ("at +49 151 23450103", "phone number"),
            ("call me: 4111 1111 1111 1111", "card number"),
            ("My number is 555-2142", "phone number"),
            ("Tel.: 761 55 50 18", "phone number"),
            ("meine Nummer ist 5550188", "phone number"),
            ("DE89 3704 0044 0532 0130 00", "bank account (IBAN)"),
            // Wrong check sums; the digits of the second are those of a card by chance.
            ("DE89 3704 0044 0532 0130 01", "number like a bank account (IBAN)"),
            ("DE12 4111 1111 1111 1111 00", "number like a bank account (IBAN)"),
            ("CH93-0076-2011-6238-5295-8", "number like a bank account (IBAN)"),
            ("1204 Quiet Harbor Rd. it was", "street address"),
            ("880 Walnut Drive, Salem", "street address"),
        ];
        for (text, kind) in found {
            let kinds: Vec<&str> = personal_spans(text).into_iter().map(|(_, kind)| kind).collect();
            assert_eq!(kinds, [kind], "{text}");
        }
        let clean = [
            "7 Brave Hounds Drive",
            "at 12:30:45 sharp",
            "fe80::1 and 2001:db8::7 are no one's",
            "1000-2000-3000-4000 sheets",
            "on 01-02-2024 and 2024-01-02",
            "rows 001 002 003 004 and 012 034 056 078",
            "0.1234 0.5678 0.9012",
            "open 0900 1730",
            "Boston, MA 02110-1301, USA",
            "a call of 1914-1918, and a mobile war",
            "call 10 000 000 people, or dial 2 000 000",
            "the telephone was made in 1876, and 1234567 of them since",
            "call 202-555-0142 or (202) 555-0142",
            "pages 555-0142",
            "Call 555-0123 in the film.",
            "My number is 555-0199",
            "MY20 VERY LONG AND LOUD WORD",
            "the part DE89 3704 0044 only",
        ];
        for text in clean {
            assert_eq!(personal_spans(text), [], "{text}");
        }
    }

    #[test]
    fn addresses_at_any_domain_are_found_whole() {
        for address in [
            "mara@weir.museum",
            "mara.feld+weir@mail.gemeinde.bayern",
            "o'brien@lock.ie",
            "mara@a1.co",
            "info@1und1.io",
            "мара@почта.рф",
            "mara@xn--80akhbyknj4f.xn--p1ai",
            "mara@भारत.संगठन",
            "mara@weir-and-mill.photography",
        ] {
            let text = format!("Write to {address}, she said.");
            let found: Vec<&str> = personal_spans(&text).into_iter().map(|(span, _)| &text[span]).collect();
            assert_eq!(found, [address], "{text}");
        }
        for none in
            ["at 7@ the gate", "@mara said so", "mara@home", "mara@example.org", "a @ b.de", "x@-.com"]
        {
            assert_eq!(personal_spans(none), [], "{none}");
        }
    }
}
