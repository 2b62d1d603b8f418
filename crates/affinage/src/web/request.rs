//! Requests: HTTP/1.1 from a blocking socket, with bounds on everything.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use affinage_project::errors::usage;
use serde::de::DeserializeOwned;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

/// A request that was let in.
#[derive(Debug)]
pub struct Request {
    pub method: Method,
    /// Below the token, without a leading slash: empty for the first page, else as in `api/card`.
    pub path: String,
    query: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Request {
    pub(super) fn new(method: Method, path: &str, target: &str, body: Vec<u8>) -> Request {
        let pairs = target.split_once('?').map_or("", |(_, query)| query).split('&');
        let query = pairs
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(key, value)| (decoded(key), decoded(value)))
            .collect();
        Request { method, path: decoded(path), query, body }
    }

    /// A value of the query string.
    pub fn query(&self, key: &str) -> Option<&str> {
        self.query.get(key).map(String::as_str)
    }

    /// The body of a POST as it came.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body of a POST.
    ///
    /// Errors: it is not the expected JSON.
    pub fn json<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_slice(&self.body)
            .map_err(|error| usage(format!("the request's body is not what was expected: {error}")))
    }
}

/// `%41` and `+` undone; what is not UTF-8 is replaced.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = |range: &[u8]| u8::from_str_radix(std::str::from_utf8(range).ok()?, 16).ok();
        rest = after;
        match (first, after.get(..2).and_then(hex)) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (b'+', _) => bytes.push(b' '),
            (&byte, _) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The head of a request that was not let in yet; its body was not read.
#[derive(Debug)]
pub struct Head {
    pub method: Method,
    pub target: String,
    pub host: Option<String>,
    pub origin: Option<String>,
    /// `Sec-Fetch-Site`: browsers say with every request which page it comes from.
    pub fetch_site: Option<String>,
    /// What stands behind `Authorization: Bearer`.
    pub bearer: Option<String>,
    /// At most [`MAX_BODY_BYTES`].
    pub body_len: usize,
    pub keep_alive: bool,
}

pub enum Next {
    Head(Head),
    /// Something this server does not read; the connection ends.
    Refused {
        status: u16,
        message: &'static str,
    },
    Closed,
}

const MAX_HEAD_BYTES: usize = 16 << 10;
const MAX_HEADERS: usize = 64;
/// A pasted book fits.
const MAX_BODY_BYTES: usize = 16 << 20;
/// From the first byte of a request to its last.
const MAX_TRANSFER: Duration = Duration::from_secs(20);

/// Reads one request after the other from a connection whose read timeout is short.
///
/// A head is read first; the caller decides by it whether the body is worth the memory.
pub struct RequestReader<'a> {
    stream: &'a TcpStream,
    closing: &'a AtomicBool,
    /// Bytes that were read and not used yet.
    buffer: Vec<u8>,
    /// When the first byte of the current request came.
    began: Option<Instant>,
}

impl<'a> RequestReader<'a> {
    pub fn new(stream: &'a TcpStream, closing: &'a AtomicBool) -> RequestReader<'a> {
        RequestReader { stream, closing, buffer: Vec::new(), began: None }
    }

    pub fn head(&mut self) -> io::Result<Next> {
        let refused = |status, message| Ok(Next::Refused { status, message });
        self.began = None;
        loop {
            match parse_head(&self.buffer) {
                Parsed::Whole(head, _) if head.body_len > MAX_BODY_BYTES => {
                    return refused(413, "the request's body is too long");
                }
                Parsed::Whole(head, len) => {
                    self.buffer.drain(..len);
                    return Ok(Next::Head(head));
                }
                Parsed::Refused(status, message) => return refused(status, message),
                Parsed::Partial if self.buffer.len() > MAX_HEAD_BYTES => {
                    return refused(431, "the request's headers are too long");
                }
                Parsed::Partial => {}
            }
            if !self.fill()? {
                return Ok(Next::Closed);
            }
        }
    }

    /// The body of the head that was read last; `None` if the connection ended or took too long.
    pub fn body(&mut self, len: usize) -> io::Result<Option<Vec<u8>>> {
        while self.buffer.len() < len {
            if !self.fill()? {
                return Ok(None);
            }
        }
        let rest = self.buffer.split_off(len);
        Ok(Some(std::mem::replace(&mut self.buffer, rest)))
    }

    /// Reads a body without keeping it: a client that is still sending would not see the reply. False as in `fill`.
    pub fn discard_body(&mut self, len: usize) -> io::Result<bool> {
        let mut left = len;
        loop {
            let known = left.min(self.buffer.len());
            self.buffer.drain(..known);
            left -= known;
            if left == 0 || !self.fill()? {
                return Ok(left == 0);
            }
        }
    }

    /// Waits for more bytes; false if the connection ended, was idle when the server closes, or took too long.
    fn fill(&mut self) -> io::Result<bool> {
        let mut chunk = [0; 16 << 10];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(false),
                Ok(read) => {
                    self.began.get_or_insert_with(Instant::now);
                    self.buffer.extend_from_slice(&chunk[..read]);
                    return Ok(!self.is_late());
                }
                Err(error) if is_timeout(&error) => {
                    if self.is_late() || self.closing.load(Ordering::Relaxed) {
                        return Ok(false);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn is_late(&self) -> bool {
        self.began.is_some_and(|began| began.elapsed() > MAX_TRANSFER)
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

enum Parsed {
    /// With its length in bytes.
    Whole(Head, usize),
    Partial,
    Refused(u16, &'static str),
}

fn parse_head(bytes: &[u8]) -> Parsed {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let len = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Parsed::Partial,
        Err(_) => return Parsed::Refused(400, "not an HTTP request"),
    };
    let method = match parsed.method {
        Some("GET") => Method::Get,
        Some("POST") => Method::Post,
        _ => return Parsed::Refused(405, "only GET and POST are answered"),
    };
    // A header that stands twice could mean one thing here and another elsewhere.
    let find = |name: &str| {
        let mut found = parsed.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        let value = found.next().map(|header| String::from_utf8_lossy(header.value).into_owned());
        if found.next().is_some() { Err(()) } else { Ok(value) }
    };
    let (Ok(host), Ok(origin), Ok(fetch_site), Ok(authorization)) =
        (find("host"), find("origin"), find("sec-fetch-site"), find("authorization"))
    else {
        return Parsed::Refused(400, "a header is repeated");
    };
    let (Ok(length), Ok(encoding), Ok(connection)) =
        (find("content-length"), find("transfer-encoding"), find("connection"))
    else {
        return Parsed::Refused(400, "a header is repeated");
    };
    let body_len = match (encoding, length.as_deref()) {
        (Some(_), _) => return Parsed::Refused(411, "the body must come with a length"),
        (None, None) => 0,
        (None, Some(length)) if !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit()) => {
            length.parse().unwrap_or(usize::MAX)
        }
        (None, Some(_)) => return Parsed::Refused(411, "the body's length is not a number"),
    };
    let keep_alive =
        parsed.version == Some(1) && !connection.is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let target = parsed.path.unwrap_or_default().to_owned();
    let bearer = authorization.and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
    });
    Parsed::Whole(Head { method, target, host, origin, fetch_site, bearer, body_len, keep_alive }, len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_once() {
        assert_eq!(decoded("a%20b+c%2525%zz%"), "a b c%25%zz%");
        assert_eq!(decoded("Stra%C3%9Fe"), "Straße");
        let request =
            Request::new(Method::Get, "api/search", "/t/api/search?q=why+%26%20how&all", Vec::new());
        assert_eq!(request.query("q"), Some("why & how"));
        assert_eq!((request.query("all"), request.query("none")), (Some(""), None));
    }

    #[test]
    fn a_head_is_read_whole_or_refused() {
        let status = |text: &str| match parse_head(text.as_bytes()) {
            Parsed::Whole(..) => 200,
            Parsed::Partial => 0,
            Parsed::Refused(status, _) => status,
        };
        assert_eq!(status("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
        assert_eq!(status("GET / HTTP/1.1\r\nHost: a\r\n"), 0);
        assert_eq!(status("PUT / HTTP/1.1\r\nHost: a\r\n\r\n"), 405);
        assert_eq!(status("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), 411);
        assert_eq!(status("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n"), 411);
        assert_eq!(status("\x16\x03\x01\x02"), 400);
    }
}
