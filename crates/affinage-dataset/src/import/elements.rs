//! Splits a huge JSON array into its elements without parsing it: bounded memory, and a byte range for each element.
//!
//! A state machine over bytes follows strings, escapes and depth; `serde_json` then parses one element at a time, so
//! a corrupt element loses only itself. An element with a missing quote or bracket would swallow everything after
//! it: when one does not end (end of file, or longer than the limit), splitting goes on at the next place that looks
//! like the start of an element, `}, {"KEY":` with the first key of the array's first element. Strings of many megabytes
//! are replaced by `null` on the way.

use std::io::{self, Read};

use super::long_strings;

const CHUNK_BYTES: usize = 256 * 1024;
/// Bytes read at least between two compactions of the buffer.
const COMPACT_BYTES: usize = 1024 * 1024;

/// What the splitter cut out.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Byte offset in the stream.
    pub offset: u64,
    pub bytes: &'a [u8],
    /// Bytes the element has in the stream.
    pub len_bytes: u64,
    /// Long strings that were left out of `bytes`.
    pub long_strings: usize,
    pub end: End,
    /// Splitting went on here after a break, and nothing since was accepted: pieces that are not conversations are
    /// the insides of the broken element.
    pub after_break: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// A separator followed.
    Whole,
    /// The stream ended inside the element.
    CutOff,
    /// The element is longer than the limit.
    TooLong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    BeforeArray,
    Inside,
    Done,
}

/// Iterates over the elements of the array that `source` holds.
pub struct Elements<R> {
    source: R,
    buffer: Vec<u8>,
    /// Start of the unread part of `buffer`.
    at: usize,
    /// Stream offset of `buffer[0]`.
    base: u64,
    max_bytes: usize,
    state: State,
    after_break: bool,
    first_key: Option<Vec<u8>>,
    closed: bool,
    /// Of the element that is being read.
    long_strings: usize,
}

impl<R: Read> Elements<R> {
    /// Elements longer than `max_bytes` are reported as [`End::TooLong`] and cut there.
    pub fn new(source: R, max_bytes: usize) -> Elements<R> {
        Elements {
            source,
            buffer: Vec::new(),
            at: 0,
            base: 0,
            max_bytes,
            state: State::BeforeArray,
            after_break: false,
            first_key: None,
            closed: false,
            long_strings: 0,
        }
    }

    /// The next element, without the white space around it; `None` after the last one.
    pub fn next_piece(&mut self) -> io::Result<Option<Piece<'_>>> {
        if self.state == State::BeforeArray {
            self.state = State::Inside;
            self.skip_byte_order_mark()?;
            if self.skip_space()? != Some(b'[') {
                self.state = State::Done;
                return Ok(None);
            }
            self.at += 1;
        }
        loop {
            if self.state == State::Done {
                return Ok(None);
            }
            match self.skip_space()? {
                None => {
                    self.state = State::Done;
                    return Ok(None);
                }
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    self.end_array()?;
                }
                Some(_) => break,
            }
        }
        // Before the element is read: what is left out of it moves everything behind it.
        let offset = self.base + self.at as u64;
        self.long_strings = 0;
        let (len, end) = self.scan_element()?;
        let start = self.at;
        let after_break = self.after_break;
        if self.first_key.is_none() {
            self.first_key = first_key(&self.buffer[start..start + len]);
        }
        if end == End::Whole {
            self.at += len;
            let bytes = self.buffer[start..start + len].trim_ascii_end();
            let len_bytes = self.base + (start + bytes.len()) as u64 - offset;
            let long_strings = self.long_strings;
            return Ok(Some(Piece { offset, bytes, len_bytes, long_strings, end, after_break }));
        }
        self.after_break = true;
        match self.find_start(start + 1) {
            Some(next) => self.at = next,
            None => {
                // At least one byte on, or the broken element would be found again.
                self.at = start + len.saturating_sub(self.overlap()).max(1);
                self.skip_to_start()?;
            }
        }
        let long_strings = self.long_strings;
        Ok(Some(Piece { offset, bytes: &[], len_bytes: 0, long_strings, end, after_break }))
    }

    /// Tells the splitter that the last piece was a real element: from here on `]` ends the array again.
    pub fn accept(&mut self) {
        self.after_break = false;
    }

    /// Bytes of the stream that were given out or passed over.
    pub fn position(&self) -> u64 {
        self.base + self.at as u64
    }

    /// True if the closing bracket of the array was read.
    pub fn closed(&self) -> bool {
        self.closed
    }

    fn end_array(&mut self) -> io::Result<()> {
        if self.after_break {
            // Inside a broken element this may be the end of an inner array.
            self.skip_to_start()?;
        } else {
            self.closed = true;
            self.state = State::Done;
        }
        Ok(())
    }

    /// Reads on until the start of an element, or to the end of the stream.
    fn skip_to_start(&mut self) -> io::Result<()> {
        loop {
            if let Some(next) = self.find_start(self.at) {
                self.at = next;
                return Ok(());
            }
            let keep = self.overlap().min(self.buffer.len() - self.at);
            self.at = self.buffer.len() - keep;
            self.compact();
            if !self.fill()? {
                self.state = State::Done;
                return Ok(());
            }
        }
    }

    /// Index in `buffer` of the `{` of the next element, `min_at` or later.
    fn find_start(&self, min_at: usize) -> Option<usize> {
        let key = self.first_key.as_ref()?;
        let mut from = min_at;
        while let Some(found) = memchr::memmem::find(self.buffer.get(from..)?, key) {
            from += found + 1;
            let before_key = self.buffer[..from - 1].trim_ascii_end();
            let Some(before_brace) = before_key.strip_suffix(b"{").map(<[u8]>::trim_ascii_end) else {
                continue;
            };
            let Some(before_comma) = before_brace.strip_suffix(b",").map(<[u8]>::trim_ascii_end) else {
                continue;
            };
            if before_comma.ends_with(b"}") && before_key.len() > min_at {
                return Some(before_key.len() - 1);
            }
        }
        None
    }

    /// Bytes that may hold the beginning of a start mark whose end is not read yet.
    fn overlap(&self) -> usize {
        self.first_key.as_ref().map_or(0, |key| key.len() + 256)
    }

    /// Length of the element at `at` and how it ended.
    fn scan_element(&mut self) -> io::Result<(usize, End)> {
        self.compact();
        let start = self.at;
        let mut at = start;
        let mut depth = 0usize;
        let mut in_string = false;
        // Where the string that is being read begins, and whether its beginning was looked at.
        let (mut string, mut was_looked_at) = (at, false);
        loop {
            while at >= self.buffer.len() {
                let len = self.buffer.len().saturating_sub(string + 1);
                if in_string && len > long_strings::LOOKED_AT_BYTES {
                    let is_first_look = !std::mem::replace(&mut was_looked_at, true);
                    if long_strings::is_left_out(&self.buffer[string + 1..], is_first_look) {
                        let ended = self.leave_out(string, at > self.buffer.len())?;
                        at = self.buffer.len().min(string + long_strings::IN_ITS_PLACE.len());
                        in_string = !ended;
                        continue;
                    }
                }
                if self.buffer.len() - start > self.max_bytes {
                    return Ok((self.buffer.len() - start, End::TooLong));
                }
                if !self.fill()? {
                    return Ok((self.buffer.len() - start, End::CutOff));
                }
            }
            if in_string {
                match memchr::memchr2(b'"', b'\\', &self.buffer[at..]) {
                    None => at = self.buffer.len(),
                    Some(found) if self.buffer[at + found] == b'\\' => at += found + 2,
                    Some(found) => {
                        in_string = false;
                        at += found + 1;
                    }
                }
                continue;
            }
            match self.buffer[at] {
                b'"' => (in_string, string, was_looked_at) = (true, at, false),
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth > 0 => depth -= 1,
                b',' | b']' if depth == 0 => return Ok((at - start, End::Whole)),
                _ => {}
            }
            at += 1;
        }
    }

    /// Puts `null` in the place of the string whose opening quote stands at `start` and reads on behind its end; false if
    /// the stream ends before it. `is_escaped`: the next byte belongs to an escape.
    fn leave_out(&mut self, start: usize, mut is_escaped: bool) -> io::Result<bool> {
        let mut cut = self.buffer.len() - start;
        self.buffer.truncate(start);
        self.buffer.extend_from_slice(long_strings::IN_ITS_PLACE);
        self.long_strings += 1;
        let kept = self.buffer.len();
        let mut ended = false;
        while !ended && self.fill()? {
            let chunk = &self.buffer[kept..];
            let mut at = usize::from(is_escaped);
            while let Some(found) = chunk.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
                ended = chunk[at + found] == b'"';
                at += if ended { found + 1 } else { found + 2 };
                if ended {
                    break;
                }
            }
            is_escaped = at > chunk.len();
            let gone = if ended { at } else { chunk.len() };
            cut += gone;
            self.buffer.drain(kept..kept + gone);
        }
        self.base += (cut - long_strings::IN_ITS_PLACE.len()) as u64;
        Ok(ended)
    }

    fn skip_byte_order_mark(&mut self) -> io::Result<()> {
        while self.buffer.len() < 3 && self.fill()? {}
        if self.buffer.starts_with(b"\xef\xbb\xbf") {
            self.at = 3;
        }
        Ok(())
    }

    /// The next byte that is not white space, not consumed.
    fn skip_space(&mut self) -> io::Result<Option<u8>> {
        loop {
            while let Some(&byte) = self.buffer.get(self.at) {
                if !byte.is_ascii_whitespace() {
                    return Ok(Some(byte));
                }
                self.at += 1;
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    fn compact(&mut self) {
        if self.at >= COMPACT_BYTES {
            self.buffer.drain(..self.at);
            self.base += self.at as u64;
            self.at = 0;
        }
    }

    /// Appends a chunk to the buffer; false at the end of the stream.
    fn fill(&mut self) -> io::Result<bool> {
        let old = self.buffer.len();
        self.buffer.resize(old + CHUNK_BYTES, 0);
        loop {
            match self.source.read(&mut self.buffer[old..]) {
                Ok(read) => {
                    self.buffer.truncate(old + read);
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.buffer.truncate(old);
                    return Err(error);
                }
            }
        }
    }
}

/// `"KEY"` with its quotes, if the element is an object that starts with a short plain key.
fn first_key(element: &[u8]) -> Option<Vec<u8>> {
    let inside = element.strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"")?;
    let len = inside.iter().take(64).position(|&b| b == b'"')?;
    let mut key = vec![b'"'];
    key.extend_from_slice(&inside[..=len]);
    Some(key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// Gives at most `step` bytes per read, so that every state meets a chunk border.
    struct Dripping<'a> {
        bytes: &'a [u8],
        step: usize,
    }

    impl Read for Dripping<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = self.step.min(out.len()).min(self.bytes.len());
            out[..count].copy_from_slice(&self.bytes[..count]);
            self.bytes = &self.bytes[count..];
            Ok(count)
        }
    }

    fn pieces(json: &[u8], step: usize, max_bytes: usize) -> Vec<(String, End)> {
        let mut elements = Elements::new(Dripping { bytes: json, step }, max_bytes);
        let mut found = Vec::new();
        while let Some(piece) = elements.next_piece().expect("no I/O error") {
            let at = piece.offset as usize;
            assert_eq!(&json[at..at + piece.bytes.len()], piece.bytes, "offsets point at the bytes");
            found.push((String::from_utf8_lossy(piece.bytes).into_owned(), piece.end));
        }
        found
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            r#"[\x00-\x7f"\\\[\]{},:äß🤖]{0,12}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec(("[a-z\"\\\\]{0,4}", inner), 0..4)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(array in prop::collection::vec(any_json(), 0..8), step in 1usize..40, pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_vec_pretty(&array) } else { serde_json::to_vec(&array) }.expect("json");
            let found: Vec<Value> = pieces(&text, step, 1 << 20)
                .iter()
                .map(|(piece, _)| serde_json::from_str(piece).expect("an element is JSON"))
                .collect();
            prop_assert_eq!(found, array);
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..300), step in 1usize..20, limit in 1usize..64) {
            let mut json = b"[{\"id\":1},".to_vec();
            json.extend(bytes);
            pieces(&json, step, limit);
        }
    }

    #[test]
    fn an_element_without_its_closing_bracket_does_not_swallow_the_next() {
        let json = br#"[{"id":1,"a":[{"id":"x"}, {"id":"y"}]}, {"id":2,"a":[{"id":"z"}, {"id":"w"]}, {"id":3}, {"id":4}]"#;
        for step in [1, 7, 1000] {
            let found = pieces(json, step, 1 << 20);
            let whole: Vec<&str> = found.iter().filter(|p| p.1 == End::Whole).map(|p| p.0.as_str()).collect();
            assert!(whole.contains(&r#"{"id":3}"#) && whole.contains(&r#"{"id":4}"#), "{found:?}");
            assert_eq!(found.iter().filter(|p| p.1 == End::CutOff).count(), 1, "{found:?}");
        }
    }

    #[test]
    fn an_element_without_its_closing_quote_does_not_swallow_the_next() {
        let json = br#"[{"id":"1"}, {"id":"2, "b":"c"}, {"id":"3"}, {"id":"4"}]"#;
        let found = pieces(json, 5, 1 << 20);
        let whole: Vec<&str> = found.iter().filter(|p| p.1 == End::Whole).map(|p| p.0.as_str()).collect();
        assert!(whole.ends_with(&[r#"{"id":"3"}"#, r#"{"id":"4"}"#]), "{found:?}");
    }

    #[test]
    fn a_broken_last_element_is_given_once() {
        let found = pieces(br#"[{"id":1}, {"id":2"#, 3, 1 << 20);
        assert_eq!(found.iter().map(|p| p.1).collect::<Vec<_>>(), [End::Whole, End::CutOff]);
    }

    #[test]
    fn a_picture_of_megabytes_is_left_out_and_the_words_around_it_stay() {
        let picture = "iVBOR/w0".repeat(400_000) + "\\\"" + &"Kx0=".repeat(100_000);
        let element = |id: u32, text: &str| format!(r#"{{"id":{id},"t":{text},"u":"wör\\\"ds"}}"#);
        let json = format!("[{},\n {}]", element(1, &format!("\"{picture}\"")), element(2, "\"x\""));
        for step in [1000, 99_991, 1 << 20] {
            let mut elements = Elements::new(Dripping { bytes: json.as_bytes(), step }, 1 << 20);
            for (id, text, long) in [(1, "null", 1), (2, "\"x\"", 0)] {
                let piece = elements.next_piece().expect("no I/O error").expect("a piece");
                assert_eq!(String::from_utf8_lossy(piece.bytes), element(id, text), "step {step}");
                assert_eq!((piece.long_strings, piece.end), (long, End::Whole));
                let at = piece.offset as usize;
                let source = &json.as_bytes()[at..at + piece.len_bytes as usize];
                assert!(
                    source.starts_with(format!("{{\"id\":{id}").as_bytes()) && source.ends_with(b"ds\"}")
                );
            }
            assert_eq!(elements.next_piece().expect("no I/O error"), None);
            assert!(elements.closed());
        }
    }

    #[test]
    fn an_element_over_the_limit_is_cut_and_the_next_is_found() {
        let long = "\"x y\",".repeat(1 << 20);
        let json = format!(r#"[{{"id":1}}, {{"id":2,"t":[{long}0]}}, {{"id":3}}]"#);
        let found = pieces(json.as_bytes(), 100_000, 1 << 20);
        let ends: Vec<End> = found.iter().map(|p| p.1).collect();
        assert_eq!(ends, [End::Whole, End::TooLong, End::Whole]);
        assert_eq!(found[2].0, r#"{"id":3}"#);
    }
}
