//! Encodings: bytes of a file as UTF-8, whatever they were written in.
//!
//! UTF-16 is told by its mark or by its zero bytes, Western 8-bit text (Windows-1252, of which Latin-1 is a part) by
//! where its bytes above 127 stand. Everything else is taken as UTF-8, in which a wrong byte costs its character.

use std::io::{self, BufRead, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Bytes of a file that are looked at to tell its encoding.
const SAMPLE_BYTES: usize = 64 * 1024;
/// From this share of bytes above 127 on, a text that is not UTF-8 is in no Western language.
const FOREIGN_SHARE: f64 = 0.3;
/// Share of bytes above 127 that must stand where Western letters and signs stand.
const PLAUSIBLE_SHARE: f64 = 0.9;

/// The encoding that a stream has to be decoded from; `None` if it is UTF-8 or cannot be told.
pub(super) fn of_head(head: &[u8]) -> Option<&'static Encoding> {
    let head = &head[..head.len().min(SAMPLE_BYTES)];
    match head {
        // The mark of UTF-32.
        [0xff, 0xfe, 0, 0, ..] => None,
        [0xff, 0xfe, ..] => Some(UTF_16LE),
        [0xfe, 0xff, ..] => Some(UTF_16BE),
        _ => without_mark(head),
    }
}

/// UTF-16 of text that is mostly ASCII has a zero in every second byte; white space and signs are ASCII everywhere.
fn without_mark(head: &[u8]) -> Option<&'static Encoding> {
    const MANY: f64 = 0.4;
    const FEW: f64 = 0.05;
    let pairs = head.len() / 2;
    let share = |parity: usize| {
        let zeros = head.chunks_exact(2).filter(|pair| pair[parity] == 0).count();
        zeros as f64 / pairs.max(1) as f64
    };
    match (share(0), share(1)) {
        (high, low) if low >= MANY && high <= FEW => Some(UTF_16LE),
        (high, low) if high >= MANY && low <= FEW => Some(UTF_16BE),
        _ => is_western(head).then_some(WINDOWS_1252),
    }
}

/// True if `bytes` are not UTF-8 and all that is not ASCII stands where Western letters and signs stand.
fn is_western(bytes: &[u8]) -> bool {
    let (mut wrong, mut plausible, mut longer) = (0usize, 0usize, 0usize);
    let mut before = 0u8;
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || western_letter(byte);
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        longer += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        at += chunk.valid().len();
        before = chunk.valid().bytes().last().unwrap_or(before);
        for &byte in chunk.invalid() {
            let after = bytes.get(at + 1).copied().unwrap_or(b' ');
            wrong += 1;
            let in_word = is_letter(before) || is_letter(after);
            plausible += usize::from(western_sign(byte) || (western_letter(byte) && in_word));
            before = byte;
            at += 1;
        }
    }
    let share = wrong as f64 / bytes.len().max(1) as f64;
    wrong > 0 && longer == 0 && share < FOREIGN_SHARE && plausible as f64 >= PLAUSIBLE_SHARE * wrong as f64
}

/// A letter of Windows-1252. `ÿ` is none: alone it is far more often a byte of something else.
fn western_letter(byte: u8) -> bool {
    matches!(byte, 0x8a | 0x8c | 0x8e | 0x9a | 0x9c | 0x9e | 0x9f | 0xc0..=0xd6 | 0xd8..=0xf6 | 0xf8..=0xfe)
}

/// Quotation marks, dashes, currency and other signs of Windows-1252 that stand in ordinary text.
fn western_sign(byte: u8) -> bool {
    matches!(byte, 0x80 | 0x82 | 0x84 | 0x85 | 0x91..=0x97 | 0x99 | 0xa0..=0xa3 | 0xa7..=0xab | 0xad..=0xb7 | 0xb9..=0xbf)
}

/// Text of a file, and what had to be done to read it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub text: String,
    /// To be told: the encoding if it was not UTF-8, or the characters that were lost.
    pub note: Option<String>,
}

/// The text of a whole file that is UTF-8, or should be; `None` if most of it is not.
pub(super) fn text(bytes: Vec<u8>) -> Option<Text> {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return Some(Text { text, note: None }),
        Err(error) => error.into_bytes(),
    };
    let wrong: usize = bytes.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
    let first = bytes.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
    if wrong as f64 >= FOREIGN_SHARE * bytes.len() as f64 {
        return None;
    }
    let characters =
        if wrong == 1 { "1 character was".to_owned() } else { format!("{wrong} characters were") };
    let note = format!("{characters} not UTF-8 and became \u{fffd}, the first at byte {first}");
    Some(Text { text: String::from_utf8_lossy(&bytes).into_owned(), note: Some(note) })
}

/// How the encoding is called in a note.
pub(super) fn name(encoding: &'static Encoding) -> &'static str {
    match encoding.name() {
        "UTF-16LE" | "UTF-16BE" => "UTF-16",
        "windows-1252" => "Windows-1252",
        other => other,
    }
}

/// A stream in another encoding, read as UTF-8. What cannot be decoded becomes U+FFFD.
pub(super) struct Decoding<R> {
    source: R,
    decoder: Decoder,
    /// Decoded and not yet handed out, from `at` on.
    ready: Vec<u8>,
    at: usize,
    done: bool,
}

impl<R: BufRead> Decoding<R> {
    pub fn new(source: R, encoding: &'static Encoding) -> Decoding<R> {
        let decoder = encoding.new_decoder_with_bom_removal();
        Decoding { source, decoder, ready: Vec::new(), at: 0, done: false }
    }

    fn fill(&mut self) -> io::Result<()> {
        const CHUNK_BYTES: usize = 64 * 1024;
        let input = self.source.fill_buf()?;
        let is_last = input.is_empty();
        let input = &input[..input.len().min(CHUNK_BYTES)];
        // A unit of UTF-16, or a byte of an 8-bit encoding, is at most three bytes of UTF-8.
        self.ready.resize(3 * CHUNK_BYTES + 16, 0);
        let (result, read, written, _) = self.decoder.decode_to_utf8(input, &mut self.ready, is_last);
        self.source.consume(read);
        self.ready.truncate(written);
        self.at = 0;
        self.done = is_last && result == CoderResult::InputEmpty;
        Ok(())
    }
}

impl<R: BufRead> Read for Decoding<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.ready.len() && !self.done {
            self.fill()?;
        }
        let len = out.len().min(self.ready.len() - self.at);
        out[..len].copy_from_slice(&self.ready[self.at..self.at + len]);
        self.at += len;
        Ok(len)
    }
}

/// Line ends of old Macs as `\n`: for a stream whose first lines end in `\r` alone.
pub(super) struct MacLines<R>(pub R);

impl<R: Read> Read for MacLines<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = self.0.read(out)?;
        out[..len].iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
        Ok(len)
    }
}

/// True if the lines of `head` end in `\r` alone.
pub(super) fn has_mac_lines(head: &[u8]) -> bool {
    memchr::memchr(b'\n', head).is_none() && memchr::memchr(b'\r', head).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Option<String> {
        let mut text = String::new();
        let encoding = of_head(bytes)?;
        Decoding::new(bytes, encoding).read_to_string(&mut text).expect("UTF-8 comes out");
        Some(text)
    }

    fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn utf_16_is_read_with_and_without_its_mark() {
        let text = "[{\"title\": \"Über Zäune\"}]";
        let marked = format!("\u{feff}{text}");
        for bytes in [
            utf16(&marked, u16::to_le_bytes),
            utf16(&marked, u16::to_be_bytes),
            utf16(text, u16::to_le_bytes),
            utf16(text, u16::to_be_bytes),
        ] {
            assert_eq!(decoded(&bytes).as_deref(), Some(text));
        }
        let chinese = "\u{feff}用户：你好\n助手：好";
        assert_eq!(decoded(&utf16(chinese, u16::to_le_bytes)).as_deref(), Some(&chinese[3..]));
        let long = format!("\u{feff}{}", "Tür😀".repeat(100_000));
        assert_eq!(decoded(&utf16(&long, u16::to_be_bytes)).as_deref(), Some(&long[3..]));
        let mut odd = utf16("\u{feff}Tor", u16::to_le_bytes);
        odd.push(b'x');
        assert_eq!(decoded(&odd).as_deref(), Some("Tor\u{fffd}"), "half a unit costs a character");
    }

    #[test]
    fn western_text_is_told_from_damaged_utf_8() {
        let western = "Anna: Wo ist die Tür?\rBert: \u{201e}Dort\u{201c}, sagte er \u{2013} für 3 \u{20ac}.";
        let (bytes, _, _) = WINDOWS_1252.encode(western);
        assert_eq!(decoded(&bytes).as_deref(), Some(western));
        for utf8 in ["Wo ist die Tür?".as_bytes(), b"plain", b"T\xc3\xbcr und T\xfcr", b"x \xff\xfe y", b""]
        {
            assert_eq!(decoded(utf8), None, "{utf8:?}");
        }
        let cyrillic = [b"\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0".as_slice(); 3].concat();
        assert_eq!(decoded(&cyrillic), None, "not a Western language");
        assert_eq!(text(cyrillic), None);
    }

    #[test]
    fn a_wrong_byte_costs_its_character_and_is_said() {
        let read = text(b"User: a t\xc3\xbcr \xff here".to_vec()).expect("text");
        assert_eq!(read.text, "User: a tür \u{fffd} here");
        assert_eq!(
            read.note.as_deref(),
            Some("1 character was not UTF-8 and became \u{fffd}, the first at byte 13")
        );
        assert_eq!(text(b"fine".to_vec()), Some(Text { text: "fine".to_owned(), note: None }));
    }
}
