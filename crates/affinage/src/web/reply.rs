//! Replies: what every one of them forbids the browser, and JSON for errors.

use serde::Serialize;

use crate::errors::{self, ExitStatus};

/// A whole reply in memory.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    content_type: &'static str,
    body: Vec<u8>,
}

/// Nothing is loaded from anywhere but this server, and nothing inline is run.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
impl Reply {
    pub fn html(body: impl Into<Vec<u8>>) -> Reply {
        Reply::ok("text/html; charset=utf-8", body.into())
    }

    pub fn css(body: impl Into<Vec<u8>>) -> Reply {
        Reply::ok("text/css; charset=utf-8", body.into())
    }

    pub fn script(body: impl Into<Vec<u8>>) -> Reply {
        Reply::ok("text/javascript; charset=utf-8", body.into())
    }

    pub fn json(value: &impl Serialize) -> anyhow::Result<Reply> {
        Ok(Reply::ok("application/json", serde_json::to_vec(value)?))
    }

    pub fn not_found() -> Reply {
        Reply::error(404, "there is nothing at this address", None)
    }

    /// `{"error": ..., "hint": ...}`.
    pub fn error(status: u16, message: &str, hint: Option<&str>) -> Reply {
        let body = serde_json::json!({ "error": message, "hint": hint }).to_string();
        Reply { status, ..Reply::ok("application/json", body.into_bytes()) }
    }

    /// A failed answer: 400 if the request asked for something impossible, else 500.
    pub fn from_error(error: &anyhow::Error) -> Reply {
        let status = if errors::exit_status(error) == ExitStatus::Usage { 400 } else { 500 };
        Reply::error(status, &format!("{error:#}"), errors::hints(error).first().copied())
    }

    fn ok(content_type: &'static str, body: Vec<u8>) -> Reply {
        Reply { status: 200, content_type, body }
    }

    /// The reply as it goes over the wire.
    pub(super) fn bytes(&self, stays_open: bool) -> Vec<u8> {
        let connection = if stays_open { "keep-alive" } else { "close" };
        let head = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: {connection}\r\n\
             Content-Security-Policy: {}\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n\
             Referrer-Policy: no-referrer\r\nCross-Origin-Opener-Policy: same-origin\r\n\
             Cross-Origin-Resource-Policy: same-origin\r\nCache-Control: no-store\r\n\r\n",
            self.status,
            reason(self.status),
            self.content_type,
            self.body.len(),
            POLICY,
        );
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        _ => "Internal Server Error",
    }
}
