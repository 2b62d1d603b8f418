//! Encodings: bytes of a file as UTF-8, whatever they were written in.
//!
//! UTF-16 is told by its mark or by its zero bytes, Western 8-bit text (Windows-1252, of which Latin-1 is a part) by
//! where its bytes above 127 stand. Everything else is taken as UTF-8, in which a wrong byte costs its character.

use std::io::{self, BufRead, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
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

/// What of a text is not ASCII.
#[derive(Default)]
struct Beyond {
    /// Bytes that are not UTF-8, and those of them that stand where Western letters and signs stand.
    wrong: usize,
    plausible: usize,
    /// Characters of UTF-8, and surrogates written as if they were characters.
    longer: usize,
}

impl Beyond {
    fn of(bytes: &[u8]) -> Beyond {
        let mut found = Beyond::default();
        let mut before = 0u8;
        let mut at = 0;
        for chunk in bytes.utf8_chunks() {
            found.longer += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
            at += chunk.valid().len();
            before = chunk.valid().bytes().last().unwrap_or(before);
            if let [0xed, 0xa0..=0xbf, ..] = bytes[at..] {
                found.longer += 1;
            }
            for &byte in chunk.invalid() {
                let after = bytes.get(at + 1).copied().unwrap_or(b' ');
                found.wrong += 1;
                found.plausible += usize::from(is_plausible(before, byte, after));
                before = byte;
                at += 1;
            }
        }
        found
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || western_letter(byte)
}

/// True if Windows-1252 explains a byte between its neighbours: no capital behind a small letter, no sign inside a word.
fn is_plausible(before: u8, byte: u8, after: u8) -> bool {
    let is_small = |byte: u8| {
        byte.is_ascii_lowercase() || matches!(byte, 0x9a | 0x9c | 0x9e | 0xdf..=0xf6 | 0xf8..=0xfe)
    };
    let is_capital = |byte: u8| matches!(byte, 0x8a | 0x8c | 0x8e | 0x9f | 0xc0..=0xd6 | 0xd8..=0xde);
    if western_letter(byte) {
        return (is_letter(before) || is_letter(after)) && !(is_capital(byte) && is_small(before));
    }
    let stands_in_word = is_letter(before) && is_letter(after);
    // `± ¹ ¼ ´` and the like stand at numbers, not before words.
    let needs_no_word = matches!(byte, 0xac | 0xae..=0xb6 | 0xb8 | 0xb9 | 0xbc..=0xbe);
    if !western_sign(byte) || (stands_in_word && !joins_words(byte)) {
        return false;
    }
    let is_out_of_place =
        (needs_no_word && is_letter(after)) || (matches!(byte, 0xa1 | 0xbf) && is_letter(before));
    !is_out_of_place
}

/// Apostrophes, quotation marks, dashes, the ellipsis, the soft hyphen and the middle dot.
fn joins_words(byte: u8) -> bool {
    matches!(byte, 0x84 | 0x85 | 0x91..=0x94 | 0x96 | 0x97 | 0xab | 0xad | 0xb7 | 0xbb)
}

/// True if `bytes` are not UTF-8, all that is not ASCII stands where Western letters and signs stand, and no other
/// encoding explains it better: Czech or Hungarian text differs from Western text only in which letters it has.
fn is_western(bytes: &[u8]) -> bool {
    let Beyond { wrong, plausible, longer } = Beyond::of(bytes);
    let share = wrong as f64 / bytes.len().max(1) as f64;
    wrong > 0
        && longer == 0
        && share < FOREIGN_SHARE
        && plausible as f64 >= PLAUSIBLE_SHARE * wrong as f64
        && (likely(bytes) == WINDOWS_1252 || is_english(bytes))
        && !is_hungarian(bytes)
}

/// True for English words with nothing but typographic signs of Windows-1252 between them: no other encoding has quotation
/// marks, dashes and the ellipsis at all these places.
fn is_english(bytes: &[u8]) -> bool {
    const WORDS: [&[u8]; 20] = [
        b"the", b"and", b"of", b"to", b"a", b"in", b"is", b"it", b"that", b"you", b"for", b"on", b"was",
        b"with", b"i", b"not", b"he", b"she", b"they", b"we",
    ];
    const SHARE: f64 = 0.15;
    let is_sign = |byte: &u8| byte.is_ascii() || matches!(byte, 0x85 | 0x91..=0x97 | 0x99 | 0xa0);
    let words = bytes.split(|byte| !byte.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    let (mut count, mut known) = (0_usize, 0_usize);
    for word in words {
        count += 1;
        known += usize::from(WORDS.iter().any(|other| word.eq_ignore_ascii_case(other)));
    }
    bytes.iter().all(is_sign) && count > 3 && known as f64 >= SHARE * count as f64
}

/// Hungarian in its own encoding has `ő` and `ű` where Western text has `õ` and `û`, and is Western else. `õ` stands before
/// `e` in Portuguese, and no other language with `û` has `á`, `í`, `ó` or `ú`.
fn is_hungarian(bytes: &[u8]) -> bool {
    let is_tilde = |pair: &[u8]| pair[0] == 0xf5 && !pair[1].eq_ignore_ascii_case(&b'e');
    let has = |byte: u8| memchr::memchr(byte, bytes).is_some();
    [0xe1, 0xed, 0xf3, 0xfa].into_iter().any(has) && (has(0xfb) || bytes.windows(2).any(is_tilde))
}

/// The 8-bit or East Asian encoding whose languages fit best.
fn likely(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Deny)
}

/// True if a text in which hardly anything is UTF-8 is in an encoding that cannot be told: letters of words are wrong, and
/// not single bytes. Two bytes of another encoding are UTF-8 by chance now and then.
pub(super) fn is_foreign(head: &[u8]) -> bool {
    /// Fewer are damage.
    const FEW: usize = 3;
    const MANY: usize = 100;
    const SHARE: f64 = 0.01;
    let head = &head[..head.len().min(SAMPLE_BYTES)];
    let Beyond { wrong, longer, .. } = Beyond::of(head);
    const BY_CHANCE: usize = 5;
    BY_CHANCE * longer <= wrong
        && wrong >= FEW
        && (wrong >= MANY || wrong as f64 >= SHARE * head.len() as f64)
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
    fn texts_in_western_languages_are_read() {
        for western in [
            "¿Qué haces mañana? ¡Nada! Mañana es el día más largo del año, y 5±1 días después…",
            "L’été, les garçons pêchent à la rivière où naît le brouillard : «ça suffit», dit-elle.",
            "Die Größe der Säge, ½ Elle, übertrifft das Maß: „schön“ – sagte Änne – für 3 m².",
            "Smörgåsbord på ön; ånga över älven. Blåbær og rødgrød på engen i går.",
            "A avó não põe açúcar no pão; são só três cães à porta da sé.",
            "Perché la città è già più giù? Così si può andare: virtù e lunedì.",
            "User: Is it so?\n\nAssistant: “It is not,” he said… and that was that – for a week.",
            "The café’s résumé — naïve, à la carte — cost £3 (or 4¢) in the Zürich of §5.",
        ] {
            let (bytes, _, _) = WINDOWS_1252.encode(western);
            assert_eq!(decoded(&bytes).as_deref(), Some(western));
        }
    }

    #[test]
    fn texts_of_other_encodings_are_never_taken_for_western_ones() {
        use encoding_rs::{
            ISO_8859_2, KOI8_R, MACINTOSH, WINDOWS_1250, WINDOWS_1251, WINDOWS_1254, WINDOWS_1257,
        };
        for (encoding, text) in [
            (ISO_8859_2, "Zażółć gęślą jaźń: żuraw śpi w źdźbłach trawy, a łódź płynie."),
            (WINDOWS_1250, "Příliš žluťoučký kůň úpěl ďábelské ódy; jeřáb spí ve vodě."),
            (WINDOWS_1250, "Árvíztűrő tükörfúrógép: a gólya őrzi a fészkét, és a tűz mellett ül."),
            (
                WINDOWS_1250,
                "Ţara şi oraşul: cocorul doarme în stuf, iar barca pluteşte încet spre mal, fără vâsle.",
            ),
            (WINDOWS_1254, "Leylek yuvasında uyuyor; kayık kıyıya doğru ağır ağır süzülüyor, çığlık yok."),
            (WINDOWS_1257, "Gandras miega lizde, valtis plaukia į krantą; žuvys šoka, ąžuolas ošia."),
            (KOI8_R, "{\"messages\": [{\"role\": \"user\", \"content\": \"Почему журавль спит стоя?\"}]}"),
            (WINDOWS_1251, "Почему журавль спит стоя? Так ему теплее."),
            (MACINTOSH, "Der Störch träumt über dem Fluß; später hält er für die Gäste Äpfel hoch."),
            (MACINTOSH, "La cigogne rêve là-haut ; l’été, elle pêche près du château, ça suffit."),
        ] {
            let (bytes, _, _) = encoding.encode(text);
            assert_eq!(decoded(&bytes), None, "{text}");
            assert!(is_foreign(&bytes), "{text}");
        }
        for damaged in [
            &b"a t\xfcr here"[..],
            b"one \xff\xfe pair",
            "schön \u{1f600}".as_bytes(),
            b"emoji \xed\xa0\xbd\xed\xb8\x80 and \xed\xa0\xbd\xed\xb8\x80",
        ] {
            assert!(!is_foreign(damaged), "{damaged:?}");
        }
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
