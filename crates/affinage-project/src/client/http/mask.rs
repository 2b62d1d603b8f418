//! Keys that servers send back. Everything that comes in over HTTP goes through here before anybody reads it, so that no row,
//! log, error or terminal has to take care.
//!
//! A run of a key's characters as long as [`RUN`] (the whole key, if it is shorter) becomes `[key]`, however it is written:
//! as it is, with JSON, percent or HTML escapes, or in base64. Less of it, such as `sk-...wxyz`, stays.

use std::collections::HashSet;
use std::ops::Range;

/// So many characters of a key in a row give it away.
const RUN: usize = 12;
/// Shorter ones are names for "no key" (`none`, `ollama`), and words of any answer.
const SHORTEST: usize = 8;

/// What must not be seen.
pub struct Secrets {
    /// Runs of bytes with their length. Keys shorter than [`RUN`] have a length of their own.
    runs: Vec<(usize, HashSet<Vec<u8>>)>,
}

impl Secrets {
    /// The keys of a request: of headers and of the address's parameters that carry one the last word (`Bearer KEY`), and
    /// the password in the address.
    pub fn of_request(url: &str, headers: &[(&str, &str)]) -> Secrets {
        let carries = |name: &str| {
            let name = name.to_ascii_lowercase();
            ["authorization", "key", "token", "secret"].iter().any(|part| name.contains(part))
        };
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let parameters = query.split('&').filter_map(|pair| pair.split_once('='));
        let named = headers.iter().copied().chain(parameters).filter(|(name, _)| carries(name));
        let authority = address.split("://").nth(1).unwrap_or(address).split('/').next().unwrap_or_default();
        let password = authority.rsplit_once('@').and_then(|(user, _)| Some(user.split_once(':')?.1));
        Secrets::of_keys(named.filter_map(|(_, value)| value.split_whitespace().next_back()).chain(password))
    }

    pub fn of_keys<'k>(keys: impl Iterator<Item = &'k str>) -> Secrets {
        let mut runs: Vec<(usize, HashSet<Vec<u8>>)> = Vec::new();
        for form in keys.filter(|key| key.len() >= SHORTEST).flat_map(forms) {
            let length = form.len().min(RUN);
            let of_length = match runs.iter_mut().find(|(known, _)| *known == length) {
                Some((_, set)) => set,
                None => {
                    runs.push((length, HashSet::new()));
                    &mut runs.last_mut().expect("one was just added").1
                }
            };
            of_length.extend(form.windows(length).map(<[u8]>::to_vec));
        }
        Secrets { runs }
    }

    /// `bytes` with `[key]` in place of every secret.
    pub fn mask(&self, bytes: &[u8]) -> Vec<u8> {
        let mut found: Vec<Range<usize>> =
            self.runs.iter().flat_map(|(length, set)| ranges(bytes, *length, set)).collect();
        found.sort_unstable_by_key(|range| range.start);
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        for range in found {
            if range.start >= at {
                out.extend_from_slice(&bytes[at..range.start]);
                out.extend_from_slice(b"[key]");
            }
            at = at.max(range.end);
        }
        out.extend_from_slice(&bytes[at..]);
        out
    }

    pub fn mask_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.mask(text.as_bytes())).into_owned()
    }
}

/// The key, and what of it shows in base64 (both alphabets) behind none, one or two other bytes of a group of three: so
/// `user:key` and `Bearer key` are found too. Characters that hold bits of neighbours are left away.
fn forms(key: &str) -> Vec<Vec<u8>> {
    const ALPHABETS: [(u8, u8); 2] = [(b'+', b'/'), (b'-', b'_')];
    let mut forms = vec![key.as_bytes().to_vec()];
    for (plus, slash) in ALPHABETS {
        for before in 0..3 {
            let bits: Vec<bool> =
                key.bytes().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect();
            // The first character that holds bits of the key alone.
            let skipped = (6 - 8 * before % 6) % 6;
            let characters = bits[skipped..].chunks_exact(6).map(|six| {
                match six.iter().fold(0u8, |sum, bit| 2 * sum + u8::from(*bit)) {
                    n @ 0..=25 => b'A' + n,
                    n @ 26..=51 => b'a' + n - 26,
                    n @ 52..=61 => b'0' + n - 52,
                    62 => plus,
                    _ => slash,
                }
            });
            forms.push(characters.collect());
        }
    }
    forms
}

/// The places of `bytes` that say one of `runs`, each `length` long. Runs that overlap give ranges that do.
fn ranges(bytes: &[u8], length: usize, runs: &HashSet<Vec<u8>>) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    // What the last places say, and where each begins.
    let (mut said, mut starts) = (Vec::with_capacity(length), Vec::with_capacity(length));
    let mut at = 0;
    while at < bytes.len() {
        let (byte, used) = unescaped(&bytes[at..]);
        if said.len() == length {
            said.remove(0);
            starts.remove(0);
        }
        said.push(byte);
        starts.push(at);
        at += used;
        if said.len() == length && runs.contains(&said) {
            match found.last_mut().filter(|last| last.end >= starts[0]) {
                Some(last) => last.end = at,
                None => found.push(starts[0]..at),
            }
        }
    }
    found
}

/// The character that `bytes` begin with, and how many bytes it is written in. Escapes of JSON (also twice), URLs and HTML
/// are resolved; what is no ASCII is itself.
fn unescaped(bytes: &[u8]) -> (u8, usize) {
    const ENTITIES: [(&[u8], u8); 6] = [
        (b"&amp;", b'&'),
        (b"&lt;", b'<'),
        (b"&gt;", b'>'),
        (b"&quot;", b'"'),
        (b"&apos;", b'\''),
        (b"&sol;", b'/'),
    ];
    let number = |digits: &[u8], radix: u32| {
        let digits = std::str::from_utf8(digits).ok()?;
        u32::from_str_radix(digits, radix).ok().and_then(|n| u8::try_from(n).ok()).filter(u8::is_ascii)
    };
    let found = match bytes[0] {
        b'\\' => {
            let slashes = bytes.iter().take_while(|byte| **byte == b'\\').count();
            match bytes.get(slashes) {
                Some(b'u') => {
                    bytes.get(slashes + 1..slashes + 5).and_then(|hex| Some((number(hex, 16)?, slashes + 5)))
                }
                Some(c @ (b'/' | b'"')) => Some((*c, slashes + 1)),
                _ if slashes > 1 => Some((b'\\', slashes)),
                _ => None,
            }
        }
        b'%' => bytes.get(1..3).and_then(|hex| Some((number(hex, 16)?, 3))),
        b'&' if bytes.get(1) == Some(&b'#') => {
            let end = bytes.iter().take(10).position(|byte| *byte == b';');
            end.and_then(|end| {
                let code = match bytes[2] {
                    b'x' | b'X' => number(bytes.get(3..end)?, 16),
                    _ => number(bytes.get(2..end)?, 10),
                };
                Some((code?, end + 1))
            })
        }
        b'&' => ENTITIES.iter().find(|(name, _)| bytes.starts_with(name)).map(|(name, c)| (*c, name.len())),
        _ => None,
    };
    found.unwrap_or((bytes[0], 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-Zq7/t+Yp_0Wd-11xR~Ab";

    fn masked(text: &str) -> String {
        Secrets::of_keys([KEY].into_iter()).mask_text(text)
    }

    #[test]
    fn a_key_is_masked_in_every_dress() {
        let escaped = |write: fn(char) -> String| KEY.chars().map(write).collect::<String>();
        for (text, expected) in [
            (format!("no: {KEY}."), "no: [key]."),
            (format!("{KEY}{KEY}"), "[key]"),
            (format!("{{\"a\": \"{}\"}}", KEY.replace('/', "\\/")), "{\"a\": \"[key]\"}"),
            (format!("a {} b", escaped(|c| format!("\\u{:04x}", c as u32))), "a [key] b"),
            (format!("a {} b", escaped(|c| format!("\\\\u{:04X}", c as u32))), "a [key] b"),
            (format!("?k={}&b", escaped(|c| format!("%{:02X}", c as u32))), "?k=[key]&b"),
            (format!("<p>{}</p>", escaped(|c| format!("&#{};", c as u32))), "<p>[key]</p>"),
            (format!("<p>{}</p>", escaped(|c| format!("&#x{:x};", c as u32))), "<p>[key]</p>"),
            // "user:KEY" in base64.
            ("Basic dXNlcjpzay1acTcvdCtZcF8wV2QtMTF4Un5BYg==".to_owned(), "Basic dXNlcjp[key]g=="),
            (format!("it begins {} and", &KEY[..14]), "it begins [key] and"),
            (format!("it ends {}", &KEY[9..]), "it ends [key]"),
        ] {
            assert_eq!(masked(&text), expected, "{text}");
        }
    }

    #[test]
    fn what_gives_no_key_away_stays() {
        for text in [
            "Incorrect API key provided: sk-Zq...R~Ab",
            "a & b &amp; %41 \\n \\\\ &#; &",
            "\u{fc}ber 100 %",
            "",
        ] {
            assert_eq!(masked(text), text);
        }
        let headers = [("authorization", "Bearer ollama"), ("content-type", "application/json")];
        let short = Secrets::of_request("http://localhost/v1", &headers);
        assert_eq!(short.mask_text("ollama application/json"), "ollama application/json");
        let headers = [("Authorization", "Bearer abcdefgh"), ("x-api-key", "other-secret-key")];
        let all =
            Secrets::of_request("http://me:my-password@host/v1?key=of-the-query&q=of-a-question", &headers);
        let text = "abcdefgh abcdefg other-secret-key my-password of-the-query of-a-question";
        assert_eq!(all.mask_text(text), "[key] abcdefg [key] [key] [key] of-a-question");
    }

    #[test]
    fn bytes_that_are_no_text_are_kept() {
        let secrets = Secrets::of_keys([KEY].into_iter());
        let bytes = [b"\xff\xfe".as_slice(), KEY.as_bytes(), b"\x00\xff"].concat();
        assert_eq!(secrets.mask(&bytes), b"\xff\xfe[key]\x00\xff");
    }
}
