//! Strings of many megabytes: pictures in base64 and the like, which are never text of an example.
//!
//! They are replaced by `null` while they are read, so that the messages around them survive and memory stays bounded.

use std::io::{self, BufRead};

/// A string of this length is looked at: base64 and data URIs are left out from here on ...
pub const LOOKED_AT_BYTES: usize = 256 << 10;
/// ... and texts from here on: longer than anything a person writes or a model answers.
pub const MAX_BYTES: usize = 8 << 20;
/// What stands in the place of a string that was left out.
pub const IN_ITS_PLACE: &[u8] = b"null";

const SAMPLE_BYTES: usize = 4096;
/// Shorter ones may be a word.
const MIN_BASE64_BYTES: usize = 256;

/// True if the beginning of a text is a data URI or base64 without a space in it.
pub fn is_base64(text: &[u8]) -> bool {
    let sample = &text[..text.len().min(SAMPLE_BYTES)];
    sample.starts_with(b"data:")
        || sample.len() >= MIN_BASE64_BYTES
            && sample
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_' | b'\\'))
}

/// True if a string of which this much was read is to be left out. `is_first_look`: its beginning was not looked at yet.
pub fn is_left_out(string: &[u8], is_first_look: bool) -> bool {
    string.len() > MAX_BYTES || is_first_look && string.len() > LOOKED_AT_BYTES && is_base64(string)
}

/// Reads JSON piece by piece into a buffer and leaves its long strings out.
#[derive(Debug, Default)]
pub struct Shortener {
    in_string: bool,
    is_escaped: bool,
    /// Index in the buffer behind the opening quote.
    start: usize,
    was_looked_at: bool,
    is_dropping: bool,
    /// Strings left out so far.
    pub count: usize,
}

impl Shortener {
    /// Appends to `out` what is kept of `chunk`.
    fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let mut at = 0;
        while let Some(rest) = chunk.get(at..).filter(|rest| !rest.is_empty()) {
            if !self.in_string {
                let quote = memchr::memchr(b'"', rest);
                let len = quote.map_or(rest.len(), |quote| quote + 1);
                out.extend_from_slice(&rest[..len]);
                at += len;
                if quote.is_some() {
                    *self = Shortener {
                        in_string: true,
                        start: out.len(),
                        count: self.count,
                        ..Shortener::default()
                    };
                }
                continue;
            }
            let len = if std::mem::take(&mut self.is_escaped) {
                1
            } else {
                // A string never holds a raw line end: a torn line ends with its line.
                let end = memchr::memchr3(b'"', b'\\', b'\n', rest);
                let byte = end.map(|end| rest[end]);
                self.is_escaped = byte == Some(b'\\');
                self.in_string = matches!(byte, None | Some(b'\\'));
                end.map_or(rest.len(), |end| end + 1)
            };
            at += len;
            if !self.is_dropping {
                out.extend_from_slice(&rest[..len]);
                self.look(out);
            }
        }
    }

    fn look(&mut self, out: &mut Vec<u8>) {
        let string = &out[self.start..];
        if string.len() <= LOOKED_AT_BYTES || !self.in_string {
            return;
        }
        self.is_dropping = is_left_out(string, !std::mem::replace(&mut self.was_looked_at, true));
        if self.is_dropping {
            out.truncate(self.start - 1);
            out.extend_from_slice(IN_ITS_PLACE);
            self.count += 1;
        }
    }

    /// The next line begins outside of strings, whatever was torn in this one.
    pub fn begin_line(&mut self) {
        *self = Shortener { count: self.count, ..Shortener::default() };
    }

    /// Like `read_until(b'\n')`, without the long strings; stops when the line is longer than `limit_bytes`. Gives the
    /// number of bytes read, and whether the line's end was reached.
    pub fn read_line(
        &mut self,
        reader: &mut impl BufRead,
        line: &mut Vec<u8>,
        limit_bytes: usize,
    ) -> io::Result<(u64, bool)> {
        self.read(reader, line, limit_bytes, true)
    }

    /// Reads to the end of the stream, without the long strings; stops when there are more than `limit_bytes`.
    pub fn read_rest(
        &mut self,
        reader: &mut impl BufRead,
        out: &mut Vec<u8>,
        limit_bytes: usize,
    ) -> io::Result<u64> {
        Ok(self.read(reader, out, limit_bytes, false)?.0)
    }

    fn read(
        &mut self,
        reader: &mut impl BufRead,
        out: &mut Vec<u8>,
        limit_bytes: usize,
        one_line: bool,
    ) -> io::Result<(u64, bool)> {
        let mut read = 0;
        while out.len() <= limit_bytes {
            let chunk = match reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let end = memchr::memchr(b'\n', chunk).filter(|_| one_line);
            let len = end.map_or(chunk.len(), |end| end + 1);
            if len == 0 {
                break;
            }
            self.push(&chunk[..len], out);
            reader.consume(len);
            read += len as u64;
            if end.is_some() {
                self.begin_line();
                return Ok((read, true));
            }
        }
        Ok((read, false))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn shortened(text: &str, buffer: usize) -> (String, usize) {
        let (mut shortener, mut out) = (Shortener::default(), Vec::new());
        let mut reader = BufReader::with_capacity(buffer, text.as_bytes());
        let read = shortener.read_rest(&mut reader, &mut out, 1 << 30).expect("memory");
        assert_eq!(read, text.len() as u64);
        (String::from_utf8(out).expect("text"), shortener.count)
    }

    #[test]
    fn pictures_go_and_everything_else_stays() {
        let picture = format!("data:image/png;base64,{}", "iVBOR\\/w0K".repeat(60_000));
        let prose = "Rain \\\"fell\\\" on it. ".repeat(30_000);
        let endless = "word ".repeat(MAX_BYTES / 4);
        let with = |a: &str, b: &str| format!("{{\"a\":{a},\"b\":[{b},\"x\\\\\"]}}\n");
        let text = with(&format!("\"{picture}\""), &format!("\"{prose}\"")).repeat(2)
            + &with(&format!("\"{endless}\""), "\"\"");
        let expected = with("null", &format!("\"{prose}\"")).repeat(2) + &with("null", "\"\"");
        for buffer in [7, 4096, 64 << 10] {
            let (found, count) = shortened(&text, buffer);
            assert!(found == expected, "{} bytes instead of {}", found.len(), expected.len());
            assert_eq!(count, 3);
        }
    }

    #[test]
    fn a_line_is_read_like_any_other_and_a_torn_one_ends_with_its_line() {
        let text = "{\"a\":\"torn\n{\"b\":\"whole\"}\nlast";
        let mut reader = BufReader::new(text.as_bytes());
        let (mut shortener, mut lines) = (Shortener::default(), Vec::new());
        loop {
            let mut line = Vec::new();
            if shortener.read_line(&mut reader, &mut line, 1000).expect("memory").0 == 0 {
                break;
            }
            lines.push(String::from_utf8(line).expect("text"));
        }
        assert_eq!(lines.concat(), text);
        assert_eq!(lines.len(), 3);
    }
}
