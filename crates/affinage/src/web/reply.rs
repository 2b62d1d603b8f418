//! Replies: what every one of them forbids the browser, and JSON for errors.

use std::io::{self, Write};

use affinage_project::errors::{self, ExitStatus};
use serde::Serialize;

/// What goes back.
pub struct Reply {
    pub status: u16,
    content_type: &'static str,
    body: Body,
}

enum Body {
    Whole(Vec<u8>),
    Events(Box<Events>),
}

/// Sends a stream of events piece by piece through the function it is given.
type Events = dyn FnOnce(&mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()>;

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

    /// Server-sent events, written as they come; the connection ends with them.
    pub fn events(
        events: impl FnOnce(&mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()> + 'static,
    ) -> Reply {
        Reply { status: 200, content_type: "text/event-stream", body: Body::Events(Box::new(events)) }
    }

    /// An error as clients of the OpenAI format read it.
    pub fn api_error(error: &anyhow::Error) -> Reply {
        let status = if errors::exit_status(error) == ExitStatus::Usage { 400 } else { 500 };
        Reply::api_refusal(status, &errors::in_one_line(error))
    }

    /// A status and a sentence as clients of the OpenAI format read them.
    pub fn api_refusal(status: u16, message: &str) -> Reply {
        let kind = if status < 500 { "invalid_request_error" } else { "server_error" };
        let error = serde_json::json!({"message": message, "type": kind, "param": null, "code": null});
        let body = serde_json::json!({"error": error}).to_string();
        Reply { status, ..Reply::ok("application/json", body.into_bytes()) }
    }

    /// `{"error": ..., "hint": ...}`.
    pub fn error(status: u16, message: &str, hint: Option<&str>) -> Reply {
        let body = serde_json::json!({ "error": message, "hint": hint }).to_string();
        Reply { status, ..Reply::ok("application/json", body.into_bytes()) }
    }

    /// A failed answer: 400 if the request asked for something impossible, else 500.
    pub fn from_error(error: &anyhow::Error) -> Reply {
        let status = if errors::exit_status(error) == ExitStatus::Usage { 400 } else { 500 };
        Reply::error(status, &errors::in_one_line(error), errors::hints(error).first().copied())
    }

    fn ok(content_type: &'static str, body: Vec<u8>) -> Reply {
        Reply { status: 200, content_type, body: Body::Whole(body) }
    }

    /// Writes the reply; true if the connection can go on.
    pub(super) fn send(self, out: &mut impl Write, stays_open: bool) -> io::Result<bool> {
        let stays_open = stays_open && matches!(self.body, Body::Whole(_));
        let connection = if stays_open { "keep-alive" } else { "close" };
        let length = match &self.body {
            Body::Whole(bytes) => format!("Content-Length: {}\r\n", bytes.len()),
            Body::Events(_) => String::new(),
        };
        let head = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\n{length}Connection: {connection}\r\n\
             Content-Security-Policy: {}\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n\
             Referrer-Policy: no-referrer\r\nCross-Origin-Opener-Policy: same-origin\r\n\
             Cross-Origin-Resource-Policy: same-origin\r\nCache-Control: no-store\r\n\r\n",
            self.status,
            reason(self.status),
            self.content_type,
            POLICY,
        );
        match self.body {
            Body::Whole(body) => out.write_all(&[head.into_bytes(), body].concat())?,
            Body::Events(events) => {
                out.write_all(head.as_bytes())?;
                events(&mut |piece| out.write_all(piece.as_bytes()))?;
            }
        }
        Ok(stays_open)
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
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
