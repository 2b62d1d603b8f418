//! One connection: its requests are read, let in and given to the threads that answer.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request as Incoming, State};
use axum::http::{HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::MAX_SILENCE;
use super::connections::{Seat, Work};
use super::guard::Guard;
use super::reply::{Reply, with_policy};
use super::request::{Head, MAX_BODY_BYTES, Pieces, Request};

/// From the beginning of a head to its end, and of a body to its end.
const MAX_TRANSFER: Duration = if cfg!(test) { Duration::from_secs(1) } else { Duration::from_secs(20) };
/// Longer heads are cut off without a word: [`Head::read`] says of shorter ones what is wrong.
const MAX_BUFFER: usize = 64 << 10;
const MAX_BUFFERED_HEADERS: usize = 512;

/// A request that was let in, for a thread that answers it.
pub struct Asked {
    pub request: Request,
    pub reply: oneshot::Sender<Response>,
    /// Held until the answer is there.
    pub work: Work,
}

/// A connection and what its requests need.
#[derive(Clone)]
pub struct Visit {
    pub guard: Arc<Guard>,
    pub asked: mpsc::Sender<Asked>,
    pub seat: Arc<Seat>,
}

impl Visit {
    /// Answers the requests of the connection in turn, until it ends, has to make way, or `closing` has lost its sender:
    /// then what is in work is answered.
    pub async fn converse(self, stream: TcpStream, mut closing: watch::Receiver<()>) {
        // Without it replies come a little later.
        drop(stream.set_nodelay(true));
        let seat = self.seat.clone();
        let begun = tokio::select! {
            begun = timeout(MAX_TRANSFER, begins_as_http_2(&stream)) => begun,
            () = seat.ended() => return,
            _ = closing.changed() => return,
        };
        match begun {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => return refuse_http_2(stream).await,
            _ => return,
        }
        let router = Router::new().fallback(answer).layer(map_response(with_policy)).with_state(self);
        let service = TowerToHyperService::new(router);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(MAX_TRANSFER)
            .max_buf_size(MAX_BUFFER)
            .max_headers(MAX_BUFFERED_HEADERS)
            .title_case_headers(true)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        // A connection that breaks is the browser's business: it asks again.
        tokio::select! {
            _ = connection.as_mut() => return,
            () = seat.ended() => return,
            _ = closing.changed() => connection.as_mut().graceful_shutdown(),
        }
        while timeout(MAX_SILENCE, connection.as_mut()).await.is_err() && seat.is_in_work() {}
    }
}

/// What a client of HTTP/2 begins with; `hyper` closes such a connection without a word.
const HTTP_2: &[u8] = b"PRI ";

/// Looks at the first bytes and leaves them where they are. A beginning that comes in pieces is not known.
async fn begins_as_http_2(stream: &TcpStream) -> std::io::Result<bool> {
    let mut start = [0; HTTP_2.len()];
    let length = stream.peek(&mut start).await?;
    Ok(&start[..length] == HTTP_2)
}

async fn refuse_http_2(stream: TcpStream) {
    // With bytes unread the connection would be reset, and the refusal lost.
    drop(stream.try_read(&mut [0; 1024]));
    let refusal = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    // Whoever is gone needs no answer, and a new connection has room for one.
    if matches!(timeout(MAX_SILENCE, stream.writable()).await, Ok(Ok(()))) {
        drop(stream.try_write(refusal));
    }
}

/// The answer to a request, or why it is not let in.
async fn answer(State(visit): State<Visit>, incoming: Incoming) -> Response {
    visit.answered(incoming).await.unwrap_or_else(|mut refusal| {
        // What is left of these was not read.
        if matches!(refusal.status().as_u16(), 408 | 413 | 431) {
            refusal.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        refusal
    })
}

impl Visit {
    /// Errors: the refusal.
    async fn answered(&self, incoming: Incoming) -> Result<Response, Response> {
        self.seat.waits();
        let (parts, body) = incoming.into_parts();
        let head = Head::read(&parts).map_err(Reply::into_response)?;
        let admitted = self.guard.admit(&head).map_err(Reply::into_response);
        let mut bytes = Vec::new();
        // Of a request that is refused too: a client that is still sending would not see the reply.
        let is_kept = admitted.is_ok();
        let keep = |piece: &[u8]| {
            if is_kept {
                bytes.extend_from_slice(piece);
            }
        };
        whole(body, keep).await.map_err(Reply::into_response)?;
        let request = Request::new(head.method, admitted?, &head.target, bytes);
        let (reply, answered) = oneshot::channel();
        let asked = Asked { request, reply, work: self.seat.work() };
        let failed = || Reply::error(500, "this request failed inside the server", None).into_response();
        self.asked.send(asked).map_err(|_| failed())?;
        answered.await.map_err(|_| failed())
    }
}

/// Reads a body within the time for one, and gives its pieces to `keep`.
async fn whole(body: Body, mut keep: impl FnMut(&[u8])) -> Result<(), Reply> {
    let mut pieces = Pieces::of(body, MAX_BODY_BYTES)?;
    let reading = async {
        while let Some(piece) = pieces.next().await? {
            keep(&piece);
        }
        Ok(())
    };
    timeout(MAX_TRANSFER, reading).await.unwrap_or_else(|_| Err(late()))
}

fn late() -> Reply {
    Reply::error(408, "the request does not come in time", None)
}
