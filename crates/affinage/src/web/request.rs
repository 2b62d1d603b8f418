//! Requests: what the guard and the pages see of them, with bounds on everything.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;

use affinage_project::errors::usage;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::{self, request::Parts};
use serde::de::DeserializeOwned;

use super::reply::Reply;

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

/// What the guard has to know of a request; its body was not read.
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
}

const MAX_HEAD_BYTES: usize = 16 << 10;
const MAX_HEADERS: usize = 64;
/// A pasted book fits.
pub(super) const MAX_BODY_BYTES: u64 = 16 << 20;

impl Head {
    /// Errors: the refusal to send.
    pub fn read(parts: &Parts) -> Result<Head, Reply> {
        let headers = &parts.headers;
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        let target = parts.uri.to_string();
        if headers.len() > MAX_HEADERS || bytes + target.len() > MAX_HEAD_BYTES {
            return Err(Reply::error(431, "the request's headers are too long", None));
        }
        let method = match parts.method {
            http::Method::GET => Method::Get,
            http::Method::POST => Method::Post,
            _ => return Err(Reply::error(405, "only GET and POST are answered", None)),
        };
        // A header that stands twice could mean one thing here and another elsewhere.
        let find = |name: &str| {
            let mut found = headers.get_all(name).iter();
            let value = found.next().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            match found.next() {
                Some(_) => Err(Reply::error(400, "a header is repeated", None)),
                None => Ok(value),
            }
        };
        let bearer = find("authorization")?.and_then(|value| {
            let (scheme, key) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
        });
        let (host, origin, fetch_site) = (find("host")?, find("origin")?, find("sec-fetch-site")?);
        Ok(Head { method, target, host, origin, fetch_site, bearer })
    }
}

/// A body that is read piece by piece.
pub(super) struct Pieces {
    body: Body,
    left: u64,
}

impl Pieces {
    /// Errors: the body says that it is longer than `max_bytes`.
    pub fn of(body: Body, max_bytes: u64) -> Result<Pieces, Reply> {
        match body.size_hint().lower() > max_bytes {
            true => Err(too_long()),
            false => Ok(Pieces { body, left: max_bytes }),
        }
    }

    /// The next piece; `None` at the end.
    ///
    /// Errors: the body is too long or breaks off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Reply> {
        while let Some(frame) = poll_fn(|context| Pin::new(&mut self.body).poll_frame(context)).await {
            let frame = frame.map_err(|_| Reply::error(400, "the request's body breaks off", None))?;
            // Trailers say nothing to this server.
            let Ok(piece) = frame.into_data() else { continue };
            self.left = self.left.checked_sub(piece.len() as u64).ok_or_else(too_long)?;
            return Ok(Some(piece));
        }
        Ok(None)
    }
}

fn too_long() -> Reply {
    Reply::error(413, "the request's body is too long", None)
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
        let status = |method: &str, headers: &[(&str, &str)]| {
            let mut request = http::Request::builder().method(method).uri("/");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let (parts, ()) = request.body(()).expect("a request").into_parts();
            Head::read(&parts).map_or_else(|refusal| refusal.status, |_| 200)
        };
        assert_eq!(status("GET", &[("Host", "a")]), 200);
        assert_eq!(status("PUT", &[("Host", "a")]), 405);
        assert_eq!(status("GET", &[("Host", "a"), ("host", "b")]), 400);
        assert_eq!(status("POST", &[("Origin", "a"), ("Origin", "a")]), 400);
        assert_eq!(status("GET", &[("X", &"x".repeat(MAX_HEAD_BYTES))]), 431);
        assert_eq!(status("GET", &[("X", "x"); MAX_HEADERS + 1]), 431);
    }
}
