//! Decoding: characters that nobody sees, and characters that were read in the wrong encoding.

use std::ops::{Range, RangeInclusive};

use super::rules::Where;
use super::{Code, Hit, Subject, fenced};

/// What becomes of a character that cannot be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Removed,
    LineEnd,
    /// It stands for what is lost.
    Unknown,
}

/// Scripts without spaces, which mark the ends of their words by U+200B: Thai, Lao, Tibetan, Myanmar, Khmer, Tai and
/// the scripts of Java, Bali and Cham.
const UNSPACED: &[RangeInclusive<char>] = &[
    '\u{e00}'..='\u{fff}',
    '\u{1000}'..='\u{109f}',
    '\u{1780}'..='\u{17ff}',
    '\u{1950}'..='\u{1aaf}',
    '\u{1b00}'..='\u{1b7f}',
    '\u{a980}'..='\u{a9ff}',
    '\u{aa00}'..='\u{aadf}',
];
/// Scripts from right to left, whose texts steer the direction of names and numbers in them.
const RIGHT_TO_LEFT: &[RangeInclusive<char>] = &[
    '\u{590}'..='\u{8ff}',
    '\u{fb1d}'..='\u{fdff}',
    '\u{fe70}'..='\u{fefc}',
    '\u{10800}'..='\u{10fff}',
    '\u{1e800}'..='\u{1efff}',
];

fn is_in(scripts: &[RangeInclusive<char>], c: char) -> bool {
    scripts.iter().any(|script| script.contains(&c))
}

/// Joiners, direction marks and variation selectors have none: emoji and many scripts need them.
fn fate(c: char) -> Option<Fate> {
    match c {
        '\u{fffd}' => Some(Fate::Unknown),
        '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(Fate::LineEnd),
        '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => Some(Fate::Removed),
        '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' => Some(Fate::Removed),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some(Fate::Removed),
        _ => None,
    }
}

/// L18. What the script of the text needs is no fault. A replacement character cannot be fixed, the text is lost.
pub fn invisible(subject: &Subject) -> Vec<Hit> {
    let mut hits = Vec::new();
    for field in subject.fields(Where::Row) {
        let text = subject.text(field);
        if !text.chars().any(|c| fate(c).is_some()) {
            continue;
        }
        let has = |scripts| text.chars().any(|c| is_in(scripts, c));
        let (is_unspaced, is_right_to_left) = (has(UNSPACED), has(RIGHT_TO_LEFT));
        let fate = |c| match c {
            '\u{200b}' | '\u{2060}' if is_unspaced => None,
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' if is_right_to_left => None,
            c => fate(c),
        };
        let mut runs: Vec<(Range<usize>, Fate)> = Vec::new();
        for (at, c) in text.char_indices() {
            let Some(fate) = fate(c) else { continue };
            match runs.last_mut() {
                Some((run, same)) if run.end == at && *same == fate => run.end += c.len_utf8(),
                _ => runs.push((at..at + c.len_utf8(), fate)),
            }
        }
        hits.extend(runs.into_iter().map(|(run, fate)| {
            let fix = match fate {
                Fate::Removed => Some(String::new()),
                Fate::LineEnd => Some("\n".to_owned()),
                Fate::Unknown => None,
            };
            Hit::new(field, run).fix(fix)
        }));
    }
    hits
}

/// Nothing in it can be seen.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || fate(c).is_some())
}

/// L19. Characters that are UTF-8 read as Windows-1252, such as `â€™`; the fix decodes them, twice where they were
/// encoded twice. In a code block they may be what it is about: they are shown and not changed.
pub fn mojibake(subject: &Subject) -> Vec<Hit> {
    let mut hits = Vec::new();
    for field in subject.fields(Where::Row) {
        let text = subject.text(field);
        let broken = if text.is_ascii() { Vec::new() } else { mended_runs(text) };
        if broken.is_empty() {
            continue;
        }
        let (code, blocks) = (Code::of(text), fenced(text));
        for (span, decoded) in broken {
            let in_block = blocks.iter().any(|block| block.contains(&span.start));
            if in_block || !code.holds(span.start) {
                let decoded = Some(decoded).filter(|_| !in_block);
                hits.push(Hit::new(field, span).fix(decoded));
            }
        }
    }
    hits
}

/// A text was seldom encoded wrongly more often.
const MAX_DECODINGS: usize = 3;

/// The broken runs of a text with what they stand for, however often they were encoded.
fn mended_runs(text: &str) -> Vec<(Range<usize>, String)> {
    let mut runs = broken_runs(text);
    for _ in 1..MAX_DECODINGS {
        let mut mended = String::new();
        let mut places = Vec::new();
        let mut at = 0;
        for (span, decoded) in &runs {
            mended.push_str(&text[at..span.start]);
            places.push(mended.len()..mended.len() + decoded.len());
            mended.push_str(decoded);
            at = span.end;
        }
        mended.push_str(&text[at..]);
        let still_broken = broken_runs(&mended);
        for ((_, decoded), place) in runs.iter_mut().zip(&places) {
            let inside = |span: &Range<usize>| place.start <= span.start && span.end <= place.end;
            for (span, again) in still_broken.iter().rev().filter(|(span, _)| inside(span)) {
                decoded.replace_range(span.start - place.start..span.end - place.start, again);
            }
        }
    }
    runs
}

/// Two to four characters that are one in UTF-8.
struct Sequence {
    span: Range<usize>,
    lead: char,
    rest: Vec<char>,
    decoded: char,
}

/// Runs of sequences that cannot be what the author wrote, with what they decode to.
///
/// Letters with a closing quote, an ellipsis or a dash behind them decode too (`ß“`, `é…»`). So a sequence counts if no
/// language writes its characters side by side, if it touches one that counts, or if all of the text outside ASCII is
/// sequences and one of them counts.
fn broken_runs(text: &str) -> Vec<(Range<usize>, String)> {
    let (sequences, has_others) = sequences(text);
    let mut is_broken: Vec<bool> =
        (0..sequences.len()).map(|at| cannot_be_meant(text, &sequences, at)).collect();
    if !has_others && is_broken.contains(&true) {
        is_broken.fill(true);
    }
    let touch = |at: usize| sequences[at - 1].span.end == sequences[at].span.start;
    for at in 1..sequences.len() {
        is_broken[at] |= touch(at) && is_broken[at - 1];
    }
    for at in (1..sequences.len()).rev() {
        is_broken[at - 1] |= touch(at) && is_broken[at];
    }
    let mut runs: Vec<(Range<usize>, String)> = Vec::new();
    for (sequence, _) in sequences.iter().zip(&is_broken).filter(|(_, broken)| **broken) {
        match runs.last_mut() {
            Some((run, decoded)) if run.end == sequence.span.start => {
                run.end = sequence.span.end;
                decoded.push(sequence.decoded);
            }
            _ => runs.push((sequence.span.clone(), sequence.decoded.to_string())),
        }
    }
    runs
}

/// All sequences that decode to a character of use, and whether the text has other characters outside ASCII.
fn sequences(text: &str) -> (Vec<Sequence>, bool) {
    let mut found = Vec::new();
    let mut has_others = false;
    let mut at = 0;
    while let Some(lead) = text[at..].chars().next() {
        let sequence = (!lead.is_ascii()).then(|| sequence(text, at)).flatten();
        has_others |= !lead.is_ascii() && sequence.is_none();
        at = sequence.as_ref().map_or(at + lead.len_utf8(), |found| found.span.end);
        found.extend(sequence);
    }
    (found, has_others)
}

fn sequence(text: &str, start: usize) -> Option<Sequence> {
    let mut chars = text[start..].chars();
    let lead = chars.next()?;
    let mut bytes = vec![cp1252_byte(lead)?];
    let rest_len = match bytes[0] {
        0xc2..=0xdf => 1,
        0xe0..=0xef => 2,
        0xf0..=0xf4 => 3,
        _ => return None,
    };
    let rest: Vec<char> = chars.take(rest_len).collect();
    for c in &rest {
        bytes.push(cp1252_byte(*c)?);
    }
    let decoded = std::str::from_utf8(&bytes).ok()?.chars().next()?;
    let end = start + lead.len_utf8() + rest.iter().map(|c| c.len_utf8()).sum::<usize>();
    // Bytes without a character in Windows-1252 stand for themselves, so that a text encoded twice decodes twice.
    let is_of_use = is_in(DECODED, decoded) || rest == [decoded];
    is_of_use.then_some(Sequence { span: start..end, lead, rest, decoded })
}

/// What wrongly decoded texts hold. Phonetic letters, Syriac and N'Ko are left out: `É”`, `Ü“` and `ß“` would be theirs.
const DECODED: &[RangeInclusive<char>] = &[
    '\u{a0}'..='\u{17f}',
    '\u{1a0}'..='\u{1b0}',
    '\u{218}'..='\u{21b}',
    '\u{300}'..='\u{6ff}',
    '\u{900}'..='\u{eff}',
    '\u{1000}'..='\u{10ff}',
    '\u{1780}'..='\u{17ff}',
    '\u{1e00}'..='\u{1fff}',
    '\u{2009}'..='\u{2bff}',
    '\u{3000}'..='\u{30ff}',
    '\u{3400}'..='\u{9fff}',
    '\u{ac00}'..='\u{d7a3}',
    '\u{fe0e}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ff00}'..='\u{ffef}',
    '\u{1d400}'..='\u{1d7ff}',
    '\u{1f000}'..='\u{1faff}',
];

/// Signs that part words: behind one of them anything may stand.
const PARTING: &str = "‘’“”«»‹›…–—•\u{a0}\u{ad}";
/// Signs that stand behind a letter.
const BEHIND: &str = "™©®ªº°²³¹·´§†‡";

/// True if no language writes the characters of a sequence side by side where it stands.
fn cannot_be_meant(text: &str, sequences: &[Sequence], at: usize) -> bool {
    let sequence = &sequences[at];
    let before = at.checked_sub(1).map(|b| &sequences[b]).filter(|b| b.span.end == sequence.span.start);
    let behind = sequences.get(at + 1).filter(|b| b.span.start == sequence.span.end);
    match sequence.rest.as_slice() {
        [sign] if ('\u{370}'..='\u{6ff}').contains(&sequence.decoded) => {
            // One letter of another alphabet is an accident; its neighbours are of its own.
            let is_near = |other: &Sequence| (other.lead as u32).abs_diff(sequence.lead as u32) <= 3;
            !is_after_letter(*sign) && (before.is_some_and(is_near) || behind.is_some_and(is_near))
        }
        [sign] => {
            let previous =
                before.map(|b| b.decoded).or_else(|| text[..sequence.span.start].chars().next_back());
            let next = behind.map(|b| b.decoded).or_else(|| text[sequence.span.end..].chars().next());
            is_no_latin_pair(sequence, *sign, previous, next)
        }
        [sign, last] => is_no_triple(sequence, *sign, *last),
        _ => true,
    }
}

fn is_after_letter(sign: char) -> bool {
    PARTING.contains(sign) || BEHIND.contains(sign)
}

/// No word goes from a small letter to `Å` or `Ã`; in capitals, or quoted alone, they may stand before a sign.
fn is_no_latin_pair(sequence: &Sequence, sign: char, previous: Option<char>, next: Option<char>) -> bool {
    let is = |c: Option<char>, class: fn(char) -> bool| c.is_some_and(class);
    let Sequence { lead, decoded, .. } = *sequence;
    let is_natural = is_after_letter(sign);
    let parts_words = PARTING.contains(sign) && !['\u{a0}', '\u{ad}'].contains(&sign);
    match lead {
        _ if ('\u{300}'..='\u{36f}').contains(&decoded) => !is_natural,
        _ if is(previous, char::is_uppercase) && is_natural => false,
        'Ã' if !parts_words => !is(previous, |c| "\u{a0}«“‘".contains(c)),
        'Ã' if decoded == '×' => is(previous, |c| c.is_whitespace() || c.is_numeric()),
        'Ã' if decoded.is_uppercase() => !is(previous, char::is_alphabetic) && is(next, char::is_lowercase),
        'Ã' => is(previous, char::is_lowercase) || is(next, char::is_lowercase),
        'Â' => !is(previous, |c| "«“‘‹„‚".contains(c)),
        _ if is_natural => is(previous, char::is_lowercase) && !decoded.is_uppercase(),
        // `Å±` with nothing beside it is a length with its error.
        _ => is(previous, char::is_alphabetic) || is(next, char::is_alphabetic),
    }
}

/// A letter with two signs behind it is natural; so is one of the Czech and Slovak ends `éš` and `íž` with a sign.
fn is_no_triple(sequence: &Sequence, sign: char, last: char) -> bool {
    let is_natural = PARTING.contains(sign)
        || (BEHIND.contains(sign) || ['š', 'ž'].contains(&sign)) && is_after_letter(last);
    match sequence.lead {
        'â' => !PARTING.contains(sign),
        _ => sequence.decoded == '\u{feff}' || !is_natural,
    }
}

/// The byte of a non-ASCII character in Windows-1252; bytes without a character stand for themselves.
fn cp1252_byte(c: char) -> Option<u8> {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match HIGH.iter().position(|high| *high == c) {
        Some(index) => Some(0x80 + index as u8),
        None => u8::try_from(u32::from(c)).ok().filter(|byte| *byte >= 0x80),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text` as a program shows it that takes UTF-8 for Windows-1252.
    fn misread(text: &str) -> String {
        let char_of = |byte: u8| match byte {
            0x80..=0x9f => (0..=0x2122)
                .filter_map(char::from_u32)
                .find(|c| !c.is_ascii() && cp1252_byte(*c) == Some(byte)),
            byte => Some(char::from(byte)),
        };
        text.bytes().map(|byte| char_of(byte).expect("every byte has a character")).collect()
    }

    fn mended(text: &str) -> String {
        let mut mended = text.to_owned();
        for (span, decoded) in mended_runs(text).into_iter().rev() {
            mended.replace_range(span, &decoded);
        }
        mended
    }

    #[test]
    fn misread_texts_are_decoded() {
        let texts = [
            "don’t",
            "café",
            "“yes”",
            "naïve",
            "a — b",
            "wait…",
            "François",
            "fun 😀",
            "Grüße",
            "£5",
            "20 °C",
            "Noël",
            "Über",
            "Österreich",
            "Ñandú",
            "à la carte",
            "Œuvre, cœur",
            "5 × 3",
            "żółw śpi",
            "příliš žluťoučký",
            "Ağaç ve şişe",
            "привет",
            "καλημέρα",
            "日本語",
            "한국어",
            "→ ✓ ✅ ★",
            "tiếng Việt",
            "«oui»",
            "¿Qué?",
            "São Tomé",
            "Île d’Oléron",
            "smörgås",
            "București și țară",
            "1½ cups",
            "€20",
            "100 %™",
            "שלום",
            "مرحبا",
        ];
        for text in texts {
            assert_eq!(mended(&misread(text)), text);
            assert_eq!(mended(&misread(&misread(text))), text, "encoded twice");
            let inside = format!("He wrote {} there.", misread(text));
            assert_eq!(mended(&inside), format!("He wrote {text} there."));
        }
    }

    #[test]
    fn letters_beside_quotes_ellipses_and_dashes_are_what_they_are() {
        let texts = [
            "„Viel Spaß“, rief er",
            "Spaß… naß’ „ß“ ‚ß‘",
            "der Buchstabe „Ä“ und „Ö“, „Ü…“",
            "Ä…h, Ö…Ö… also",
            "« Où est le café\u{a0}» ?",
            "«\u{a0}l’été\u{a0}»",
            "l’été…», «\u{a0}à\u{a0}»",
            "« LIBERTÉ… »",
            "CAFÉ” CAFÉ™ CAFÉ®",
            "¿José…¿vienes?",
            "té—¡no!",
            "«AMANH\u{c3}\u{bb}, “IRM\u{c3}\u{201d}, MANH\u{c3}\u{2026}",
            "»på Å«",
            "lengde 2,1 Å±0,3 og Ø½",
            "„Co víš…“ „éž“",
            "“já víš”",
            "Él dijo «olé»… «sí»",
            "“É”, disse",
            "„Łódź”, „żółć”…",
            "„Árvíztűrő”",
            "ЕЩЁ… «ещё»",
            "„Înăuntru”…",
            "‘Â’ și „Â”",
            "«Â» «Ă»",
            "café\u{a0}½ l",
            "à\u{a0}£5",
            "çà–là",
            "déjà—vu",
            "naïveté° ¹",
            "«Ð» «ð»",
            "það…”",
            "göğüs™",
            "„Ünlü“",
            "N° 5, 3ª, 2º",
        ];
        for text in texts {
            assert_eq!(broken_runs(text), [], "{text}");
        }
    }
}
