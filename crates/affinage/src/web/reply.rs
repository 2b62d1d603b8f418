//! Replies: what every one of them forbids the browser, and JSON for errors.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use affinage_project::errors::{self, ExitStatus};
use axum::body::{Bytes, HttpBody};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::body::Frame;
use serde::Serialize;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::MAX_SILENCE;

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

    /// Server-sent events, sent as they come. The function is called after the reply's head is sent; what it is given fails once the client is gone.
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

    /// Hands the reply to the connection that waits for it; events are made here, until they end or the client is gone.
    pub(super) fn hand_over(self, to: oneshot::Sender<Response>) {
        let (body, events) = match self.body {
            Body::Whole(bytes) => (axum::body::Body::from(bytes), None),
            Body::Events(events) => {
                let (pieces, stream) = mpsc::channel(MAX_PIECES);
                (axum::body::Body::new(Stream(stream)), Some((events, pieces)))
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        let is_there = to.send(response).is_ok();
        if let Some((events, pieces)) = events.filter(|_| is_there) {
            // A client that is gone is no error of the program.
            drop(events(&mut |piece| push(&pieces, piece)));
        }
    }

    /// A reply made here, without a page's function.
    pub(super) fn into_response(self) -> Response {
        let (to, mut made) = oneshot::channel();
        self.hand_over(to);
        made.try_recv().unwrap_or_default()
    }
}

/// Pieces of events that may wait for the client.
const MAX_PIECES: usize = 64;

/// Passes a piece on.
///
/// Errors: the client is gone, or takes nothing for [`MAX_SILENCE`].
fn push(pieces: &mpsc::Sender<Bytes>, piece: &str) -> io::Result<()> {
    let began = Instant::now();
    let mut piece = Bytes::copy_from_slice(piece.as_bytes());
    loop {
        piece = match pieces.try_send(piece) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(piece)) if began.elapsed() < MAX_SILENCE => piece,
            Err(TrySendError::Full(_)) => return Err(io::ErrorKind::TimedOut.into()),
            Err(TrySendError::Closed(_)) => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The body of a stream of events.
struct Stream(mpsc::Receiver<Bytes>);

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// What every reply tells the browser.
pub(super) async fn with_policy(mut response: Response) -> Response {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
