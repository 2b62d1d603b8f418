//! Keys, numbers and addresses that look real and belong to nobody.

use crate::seeded::Seeded;

pub const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const DIGITS: &str = "0123456789";
const HEX: &str = "0123456789abcdef";

pub fn characters(seeded: &mut Seeded, count: usize, alphabet: &str) -> String {
    let alphabet: Vec<char> = alphabet.chars().collect();
    (0..count).map(|_| *seeded.one_of(&alphabet)).collect()
}

pub fn secret(seeded: &mut Seeded) -> String {
    let kind = seeded.below(18);
    let mut some = |count, alphabet| characters(seeded, count, alphabet);
    match kind {
        0 => format!("sk-{}", some(48, ALNUM)),
        1 => format!("sk-proj-{}", some(60, ALNUM)),
        2 => format!("sk-ant-api03-{}", some(80, ALNUM)),
        3 => format!("ghp_{}", some(36, ALNUM)),
        4 => format!("github_pat_{}", some(60, ALNUM)),
        5 => format!("AKIA{}", some(16, UPPER)),
        6 => format!("AIza{}", some(35, ALNUM)),
        7 => format!("xoxb-{}-{}", some(12, DIGITS), some(24, ALNUM)),
        8 => format!("hf_{}", some(34, ALNUM)),
        9 => format!("glpat-{}", some(20, ALNUM)),
        10 => format!("eyJhbGciOiJIUzI1NiJ9.eyJ{}.{}", some(30, ALNUM), some(43, ALNUM)),
        11 => format!(
            "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----",
            some(60, BASE64)
        ),
        12 => format!("sk_live_{}", some(24, ALNUM)),
        13 => format!("npm_{}", some(36, ALNUM)),
        14 => format!("SG.{}.{}", some(22, ALNUM), some(43, ALNUM)),
        15 => format!("postgres://admin:{}@db.boats.net:5432/app", some(16, ALNUM)),
        16 => format!("API_KEY={}", some(40, HEX)),
        _ => format!("password: {}", some(20, ALNUM)),
    }
}

pub fn personal(seeded: &mut Seeded) -> String {
    let kind = seeded.below(14);
    let mut some = |count, alphabet| characters(seeded, count, alphabet);
    match kind {
        0 => format!("anna.berg{}@boats.net", some(2, DIGITS)),
        1 => format!("a+list@mail{}.example-boats.de", some(1, DIGITS)),
        2 => format!("+49 171 {}", some(7, "23456789")),
        3 => format!("+1 415-{}-{}", some(3, "2346789"), some(4, "2346789")),
        4 => format!("(415) {}-{}", some(3, "2346789"), some(4, "2346789")),
        5 => format!("415-{}-{}", some(3, "2346789"), some(4, "2346789")),
        6 => format!("0171 {} {}", some(3, "23456789"), some(4, "23456789")),
        7 => iban(&some(18, DIGITS)),
        8 => card(&some(15, DIGITS)),
        9 => format!("{}-{}-{}", some(3, "1234567"), some(2, "123456789"), some(4, "123456789")),
        10 => format!("93.184.{}.{}", 100 + some(2, "12345").parse::<u32>().unwrap_or(0), 34),
        11 => format!("https://chatgpt.com/share/{}", some(32, HEX)),
        12 => format!("{} Maple Street, Springfield", some(2, "123456789")),
        _ => format!("Lindenstraße {}, {} Berlin", some(2, "123456789"), some(5, "123456789")),
    }
}

/// A German IBAN with a right check number, in groups of four.
fn iban(account: &str) -> String {
    // "DE00" moved to the end, letters as numbers: D = 13, E = 14.
    let remainder =
        format!("{account}131400").bytes().fold(0u32, |sum, b| (sum * 10 + u32::from(b - b'0')) % 97);
    let whole = format!("DE{:02}{account}", 98 - remainder);
    whole
        .as_bytes()
        .chunks(4)
        .map(|four| String::from_utf8_lossy(four).into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A card number with a right last digit.
fn card(digits: &str) -> String {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(index, b)| (u32::from(b - b'0'), index % 2 == 0))
        .map(|(digit, doubled)| if doubled { digit * 2 / 10 + digit * 2 % 10 } else { digit })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}
