//! HTTP, blocking: POST, GET and downloads. Every socket of the program, apart from servers, is opened here.
//!
//! Headers may hold keys. Redirects of POSTs are not followed, so a key reaches only the host it was meant for, and what
//! comes back (body, headers, errors) is masked before it is returned: no caller sees a key that a server repeats. A proxy of
//! the environment is not asked for hosts on this machine.

#![expect(clippy::disallowed_types, reason = "the only place that sends")]

mod mask;

use std::io::{Read, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use ureq::http::{HeaderMap, HeaderValue};

use crate::interrupt;
use mask::Secrets;

/// A reply of any status; judging it is the caller's work.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    /// A header as text; `None` if absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The same, with a `Retry-After` that is a date as seconds from the server's clock, or from ours.
    pub fn header_for_waiting(&self, name: &str) -> Option<String> {
        let value = self.header(name)?;
        let seconds = (name == "retry-after").then(|| {
            let now = self.header("date").and_then(instant).unwrap_or_else(Timestamp::now);
            Some((instant(value)?.as_second() - now.as_second()).max(0).to_string())
        });
        seconds.flatten().or_else(|| Some(value.to_owned()))
    }
}

/// A date of HTTP, or of RFC 3339.
fn instant(text: &str) -> Option<Timestamp> {
    let of_mail = || Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp());
    text.parse().ok().or_else(of_mail)
}

/// No answer at all: the call may be repeated. Holds the URL's host and the cause, never a header.
#[derive(Debug, thiserror::Error)]
#[error("no reply from {host}: {cause}")]
pub struct NoReply {
    pub host: String,
    pub cause: String,
    pub kind: NoReplyKind,
}

/// Why there was no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoReplyKind {
    /// The request itself cannot be sent (bad URL or header); repeating it is useless.
    Unsendable,
    Timeout,
    /// Could not connect, or the connection broke before the reply was whole.
    Connection,
    /// Longer than a reply may be; it was not read to its end.
    TooLong,
}

/// A download that the server refused.
#[derive(Debug, thiserror::Error)]
#[error("{url}: the server answered {status}")]
pub struct BadStatus {
    pub url: String,
    pub status: u16,
}

/// The longest reply to one question. A chat's reply with the probabilities of all its tokens takes less.
const LONGEST_ANSWER: u64 = 4 << 20;
/// The results of a whole batch fit; a broken server must not fill the memory.
const LONGEST_FILE: u64 = 256 << 20;

/// Sends `body` as JSON and reads the whole reply, of whatever status.
pub fn post_json(
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    timeout: Duration,
) -> Result<Reply, NoReply> {
    post(url, &[&[("content-type", "application/json")], headers].concat(), body, timeout)
}

/// Sends `body`, whose type is among the headers, and reads the whole reply, of whatever status.
///
/// `timeout` covers everything from the name look-up to the last byte.
pub fn post(url: &str, headers: &[(&str, &str)], body: &[u8], timeout: Duration) -> Result<Reply, NoReply> {
    let mut request = agent(url, timeout).post(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    whole(url, headers, request.send(body), LONGEST_ANSWER)
}

/// The whole reply to a GET, of whatever status; redirects are not followed.
pub fn get(url: &str, headers: &[(&str, &str)], timeout: Duration) -> Result<Reply, NoReply> {
    get_up_to(LONGEST_ANSWER, url, headers, timeout)
}

/// The same for a file of results.
pub fn get_file(url: &str, headers: &[(&str, &str)], timeout: Duration) -> Result<Reply, NoReply> {
    get_up_to(LONGEST_FILE, url, headers, timeout)
}

fn get_up_to(longest: u64, url: &str, headers: &[(&str, &str)], timeout: Duration) -> Result<Reply, NoReply> {
    let mut request = agent(url, timeout).get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    whole(url, headers, request.call(), longest)
}

/// For requests with one reply: `timeout` covers all of it, and no redirect is followed.
fn agent(url: &str, timeout: Duration) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(timeout))
        .user_agent(USER_AGENT);
    if is_loopback(host(url)) { config.proxy(None).build() } else { config.build() }.into()
}

/// Reads the reply, and masks what it repeats of the keys in `headers`.
fn whole(
    url: &str,
    headers: &[(&str, &str)],
    response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    longest: u64,
) -> Result<Reply, NoReply> {
    let secrets = Secrets::of_request(url, headers);
    let failed = |error: &ureq::Error| {
        let error = no_reply(url, error, longest);
        NoReply { cause: secrets.mask_text(&error.cause), ..error }
    };
    let (parts, mut body) = response.map_err(|error| failed(&error))?.into_parts();
    let body = body.with_config().limit(longest).read_to_vec().map_err(|error| failed(&error))?;
    let mut headers = parts.headers;
    for value in headers.values_mut() {
        let masked = secrets.mask(value.as_bytes());
        if masked != value.as_bytes() {
            // A header whose value cannot be kept says nothing.
            *value = HeaderValue::from_bytes(&masked).unwrap_or_else(|_| HeaderValue::from_static(""));
        }
    }
    Ok(Reply { status: parts.status.as_u16(), headers, body: secrets.mask(&body) })
}

/// Downloads `url` to `path`: a `.part` file beside it, fsync, rename. `progress(new bytes, total if known)`.
///
/// Redirects are followed; an authorization header is not sent on to another host.
/// Errors: no reply, a status other than 200 ([`BadStatus`]), fewer bytes than announced, Ctrl-C, the disk.
pub fn get_to_file(
    url: &str,
    headers: &[(&str, &str)],
    path: &Path,
    mut progress: impl FnMut(u64, Option<u64>),
) -> anyhow::Result<()> {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .user_agent(USER_AGENT);
    let config = if is_loopback(host(url)) { config.proxy(None).build() } else { config.build() };
    let agent: ureq::Agent = config.into();
    let mut request = agent.get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.call().map_err(|error| no_reply(url, &error, LONGEST_FILE))?;
    if response.status() != 200 {
        return Err(BadStatus { url: url.to_owned(), status: response.status().as_u16() }.into());
    }
    let total = response.body().content_length();
    let mut body = response.into_body().into_reader();
    let name = path.file_name().context("the path of a download ends with a file name")?;
    let part = path.with_file_name(format!("{}.part", name.to_string_lossy()));
    let written = save(&mut body, &part, total, &mut progress).with_context(|| format!("downloading {url}"));
    if written.is_err() {
        // The download error is the one to report.
        let _leftover = fs_err::remove_file(&part);
    }
    written?;
    Ok(fs_err::rename(&part, path)?)
}

const USER_AGENT: &str = concat!("affinage/", env!("CARGO_PKG_VERSION"));

fn save(
    body: &mut impl Read,
    part: &Path,
    total: Option<u64>,
    progress: &mut impl FnMut(u64, Option<u64>),
) -> anyhow::Result<()> {
    let mut file = fs_err::File::create(part)?;
    let mut buffer = vec![0; 1 << 16];
    let mut done = 0u64;
    loop {
        if interrupt::requested() {
            return Err(crate::errors::interrupted("download interrupted"));
        }
        let read = body.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        file.write_all(&buffer[..read])?;
        done += read as u64;
        progress(read as u64, total);
    }
    anyhow::ensure!(total.is_none_or(|total| total == done), "the connection ended after {done} bytes");
    Ok(file.sync_all()?)
}

/// ureq's error without what it may quote: of bad headers and URLs only the kind is told.
fn no_reply(url: &str, error: &ureq::Error, longest: u64) -> NoReply {
    use ureq::Error;
    let (kind, cause) = match error {
        Error::Http(_) | Error::BadUri(_) | Error::InvalidProxyUrl | Error::RequireHttpsOnly(_) => {
            (NoReplyKind::Unsendable, "the address or a header is not valid".to_owned())
        }
        Error::BodyExceedsLimit(_) => {
            (NoReplyKind::TooLong, format!("the reply is longer than {} MB", longest >> 20))
        }
        Error::Timeout(what) => (NoReplyKind::Timeout, format!("timed out ({what})")),
        Error::Io(io) if io.kind() == std::io::ErrorKind::TimedOut => {
            (NoReplyKind::Timeout, "timed out".to_owned())
        }
        other => (NoReplyKind::Connection, other.to_string()),
    };
    NoReply { host: authority(url).to_owned(), cause, kind }
}

/// The host of a URL with its port, without user information, path or query, which may hold secrets.
fn authority(url: &str) -> &str {
    let authority = url.split("://").nth(1).unwrap_or(url).split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

/// The host of a URL with its port cut off.
pub fn host(url: &str) -> &str {
    let authority = authority(url);
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, _)) => inside,
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// Whether what is sent to `url` leaves this machine.
pub fn leaves_machine(url: &str) -> bool {
    !is_loopback(host(url))
}

/// Whether a host is this machine.
pub fn is_loopback(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>().map(|address| address.to_canonical());
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// A URL as errors show it: without user information and query, which may hold secrets.
pub fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let path = rest.split(['?', '#']).next().unwrap_or_default().split_once('/').map_or("", |(_, path)| path);
    format!("{scheme}://{}/{path}", authority(url))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a server to ask")]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader};
    use std::net::TcpListener;

    /// Answers one connection with `reply` and returns the request's head and body.
    fn serve_once(reply: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/v1", listener.local_addr().expect("bound"));
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
            let (mut request, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a header line");
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a number");
                }
                request.push_str(&line);
                if line == "\r\n" {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("the whole body");
            request.push_str(&String::from_utf8_lossy(&body));
            stream.write_all(reply.as_bytes()).expect("the client listens");
            request
        });
        (url, server)
    }

    #[test]
    fn a_reply_of_any_status_comes_back_whole() {
        let (url, server) =
            serve_once("HTTP/1.1 429 Slow Down\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\nwait");
        let reply = post_json(&url, &[("x-api-key", "secret")], b"{\"a\":1}", Duration::from_secs(5))
            .expect("a reply");
        assert_eq!(
            (reply.status, reply.header("retry-after"), &reply.body[..]),
            (429, Some("7"), &b"wait"[..])
        );
        let request = server.join().expect("the server ended");
        assert!(request.contains("x-api-key: secret\r\n") && request.ends_with("{\"a\":1}"), "{request}");
    }

    #[test]
    fn a_redirect_does_not_carry_the_key_on() {
        let (url, server) = serve_once(
            "HTTP/1.1 307 Temporary\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        );
        let reply =
            post_json(&url, &[("x-api-key", "secret")], b"{}", Duration::from_secs(5)).expect("a reply");
        assert_eq!(reply.status, 307);
        server.join().expect("the server ended");
    }

    #[test]
    fn errors_hold_no_secret() {
        let unsendable =
            post_json("http://127.0.0.1:1/", &[("x-api-key", "sec\nret")], b"{}", Duration::from_secs(5))
                .expect_err("a newline cannot be sent");
        assert_eq!(unsendable.kind, NoReplyKind::Unsendable);
        let refused =
            post_json("http://user:secret@127.0.0.1:1/?key=secret", &[], b"{}", Duration::from_secs(5))
                .expect_err("nobody listens on port 1");
        assert_eq!((refused.kind, refused.host.as_str()), (NoReplyKind::Connection, "127.0.0.1:1"));
        for error in [unsendable, refused] {
            assert!(!format!("{error} {error:?}").contains("sec"), "{error:?}");
        }
    }

    #[test]
    fn a_wait_that_is_a_date_is_seconds_from_the_servers_clock() {
        for (date, value, seconds) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:07 GMT", "30"),
            ("Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:47Z", "10"),
            ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:00 GMT", "0"),
            ("no date", "Sun, 06 Nov 1994 08:49:37 GMT", "0"),
            ("no date", "7", "7"),
            ("no date", "soon", "soon"),
        ] {
            let pairs = [("date", date), ("retry-after", value)];
            let headers = pairs.map(|(name, value)| {
                (ureq::http::HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            let reply = Reply { status: 429, headers: headers.into_iter().collect(), body: Vec::new() };
            assert_eq!(reply.header_for_waiting("retry-after").as_deref(), Some(seconds), "{value}");
            assert_eq!(reply.header_for_waiting("date").as_deref(), Some(date));
        }
    }

    #[test]
    fn a_key_that_comes_back_is_masked_in_head_and_body() {
        let (url, server) = serve_once(
            "HTTP/1.1 401 No\r\nx-request-id: a-long-secret-key\r\ncontent-length: 23\r\n\r\nno: a-long-secret-key\"}",
        );
        let headers = [("authorization", "Bearer a-long-secret-key")];
        let reply = post_json(&url, &headers, b"{}", Duration::from_secs(5)).expect("a reply");
        assert_eq!((reply.header("x-request-id"), &reply.body[..]), (Some("[key]"), &b"no: [key]\"}"[..]));
        server.join().expect("the server ended");
    }

    #[test]
    fn a_cut_reply_is_no_reply() {
        let (url, server) = serve_once("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"half\":");
        let error = post_json(&url, &[], b"{}", Duration::from_secs(5)).expect_err("the body is cut");
        assert_eq!(error.kind, NoReplyKind::Connection);
        server.join().expect("the server ended");
    }

    #[test]
    fn a_download_appears_whole_or_not_at_all() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("model.gguf");
        let (url, server) = serve_once("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
        get_to_file(&url, &[], &path, |_, _| {}).expect_err("six bytes are missing");
        server.join().expect("the server ended");
        let (url, server) = serve_once("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
        let error = get_to_file(&url, &[], &path, |_, _| {}).expect_err("not there").to_string();
        assert!(error.contains("the server answered 404"), "{error}");
        server.join().expect("the server ended");
        assert_eq!(fs_err::read_dir(dir.path()).expect("readable").count(), 0);
        let (url, server) = serve_once("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwhole");
        let mut seen = (0, None);
        get_to_file(&url, &[], &path, |n, total| seen = (seen.0 + n, total)).expect("downloaded");
        server.join().expect("the server ended");
        assert_eq!((seen, fs_err::read(&path).expect("a file")), ((5, Some(5)), b"whole".to_vec()));
    }

    #[test]
    fn only_this_machine_is_this_machine() {
        for url in [
            "http://localhost:8080/v1",
            "http://127.0.0.1:11434/v1",
            "http://[::1]:8000",
            "http://[::ffff:127.0.0.1]:8000",
            "127.0.0.2",
        ] {
            assert!(is_loopback(host(url)), "{url}");
        }
        for url in
            ["https://api.openai.com/v1", "http://localhost.example.com", "http://127.0.0.1@evil.example/v1"]
        {
            assert!(!is_loopback(host(url)), "{url}");
        }
    }
}
