//! The local server: pages of this program for the browser of the person at this machine.
//!
//! A command opens a [`Room`] and serves it with one function from [`Request`] to [`Reply`]; everything that keeps
//! strangers out is done here, before that function is called:
//!
//! - the server listens on 127.0.0.1 only;
//! - every address begins with a random token, `http://127.0.0.1:PORT/TOKEN/`, so pages link to each other by relative
//!   addresses and no cookie is needed (cookies of 127.0.0.1 would be shared by all its ports);
//! - `Host` must be this server (a foreign name that resolves to 127.0.0.1 is refused), `Origin` must be it too where
//!   a browser sends one, and a POST without it is refused;
//! - every reply forbids scripts, styles, frames and connections from anywhere else, and caching.
//!
//! Blocking sockets and a thread for each connection: one person has a handful of them. Requests are parsed by
//! `httparse`, which the HTTP client brings along anyway.

#![expect(clippy::disallowed_methods, reason = "the only place that listens")]

mod connections;
mod guard;
mod launch;
mod reply;
mod request;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use affinage_project::errors::HintExt as _;
use affinage_project::interrupt;
use anyhow::{Context as _, anyhow};
use clap::Args;

pub use reply::Reply;
pub use request::{Method, Request};

use crate::context::Context;
use crate::ctrl_c;
use connections::{Connections, Seat};
use guard::{Audience, Guard};
use request::{Next, RequestReader};

/// Options of every command that opens a page.
#[derive(Debug, Clone, Args)]
pub struct RoomArgs {
    /// Only print the address, open no browser
    #[arg(long)]
    pub no_open: bool,
    /// Port on 127.0.0.1; by default a free one
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    pub port: u16,
}

/// A page's function: may be called from several threads at once.
pub type Answer<'a> = dyn Fn(&Request) -> anyhow::Result<Reply> + Sync + 'a;

/// An open server that nobody was let into yet.
pub struct Room {
    listener: TcpListener,
    address: SocketAddr,
    guard: Guard,
}

/// How soon an idle connection and the main thread see Ctrl-C.
const POLL: Duration = Duration::from_millis(100);
/// Requests that are being answered when Ctrl-C comes may take this long.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

impl Room {
    /// Binds the port and makes the token.
    pub fn open(port: u16) -> anyhow::Result<Room> {
        Room::for_audience(port, Audience::Person)
    }

    /// Binds the port for programs: plain addresses, `http://127.0.0.1:PORT/`, to those that send `key` if there is one.
    pub fn for_programs(port: u16, key: Option<String>) -> anyhow::Result<Room> {
        let room = Room::for_audience(port, Audience::Programs)?;
        Ok(Room { guard: room.guard.with_key(key), ..room })
    }

    fn for_audience(port: u16, audience: Audience) -> anyhow::Result<Room> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("cannot listen on 127.0.0.1:{port}"))
            .hint("another program may hold the port: leave `--port` out, and a free one is taken")?;
        let address = listener.local_addr()?;
        Ok(Room { listener, address, guard: Guard::new(address.port(), audience)? })
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the first page, with the token.
    pub fn url(&self) -> String {
        format!("http://{}/{}/", self.address, self.guard.token())
    }

    /// Says the address on standard output (it is what a script needs) and opens the browser, unless told not to.
    pub fn announce(&self, ctx: &Context, args: &RoomArgs, what: &str) -> anyhow::Result<()> {
        let url = self.url();
        if ctx.json {
            ctx.ui.json(&serde_json::json!({ "v": 1, "url": url }))?;
        } else {
            ctx.ui.data(&url)?;
        }
        ctx.ui.say(format!("{what} is open at this address, for this machine only; Ctrl-C closes it"));
        if !args.no_open && !launch::open_browser(&ctx.project, &url) {
            ctx.ui.say("open it in a browser");
        }
        Ok(())
    }

    /// Answers requests until Ctrl-C; requests in work are answered to the end.
    pub fn serve(&self, answer: &Answer<'_>) -> anyhow::Result<()> {
        ctrl_c::while_serving(|| self.serve_until_closed(answer))
    }

    fn serve_until_closed(&self, answer: &Answer<'_>) -> anyhow::Result<()> {
        let closing = AtomicBool::new(false);
        let connections = Connections::default();
        std::thread::scope(|scope| {
            let accepting = scope.spawn(|| {
                for stream in self.listener.incoming() {
                    if closing.load(Ordering::Relaxed) {
                        break;
                    }
                    let Ok(stream) = stream else { continue };
                    let Some(seat) = connections.admit(&stream) else { continue };
                    let closing = &closing;
                    scope.spawn(move || {
                        // A connection that breaks is the browser's business: it asks again.
                        drop(self.converse(stream, &seat, closing, answer));
                    });
                }
            });
            while !interrupt::requested() && !accepting.is_finished() {
                std::thread::sleep(POLL);
            }
            closing.store(true, Ordering::Relaxed);
            // The accepting thread sleeps in the system call: this wakes it.
            drop(TcpStream::connect_timeout(&self.address, POLL));
        });
        if interrupt::requested() { Ok(()) } else { Err(anyhow!("the server's socket failed")) }
    }

    /// Answers the requests of one connection in turn.
    fn converse(
        &self,
        stream: TcpStream,
        seat: &Seat<'_>,
        closing: &AtomicBool,
        answer: &Answer<'_>,
    ) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(POLL))?;
        stream.set_write_timeout(Some(LAST_ANSWERS))?;
        let mut reader = RequestReader::new(&stream, closing);
        loop {
            seat.waits();
            let head = match reader.head()? {
                Next::Closed => return Ok(()),
                Next::Refused { status, message } => {
                    Reply::error(status, message, None).send(&mut &stream, false)?;
                    return Ok(());
                }
                Next::Head(head) => head,
            };
            let path = match self.guard.admit(&head) {
                Ok(path) => path,
                Err(refusal) => {
                    let stays_open = refusal.send(&mut &stream, head.keep_alive)?;
                    if !stays_open || !reader.discard_body(head.body_len)? {
                        return Ok(());
                    }
                    continue;
                }
            };
            let Some(body) = reader.body(head.body_len)? else { return Ok(()) };
            let request = Request::new(head.method, path, &head.target, body);
            seat.is_answered();
            let reply = self.reply_to(&request, answer);
            if !reply.send(&mut &stream, head.keep_alive && !closing.load(Ordering::Relaxed))? {
                return Ok(());
            }
        }
    }

    /// The reply; a panic costs this request, not the connection's place.
    fn reply_to(&self, request: &Request, answer: &Answer<'_>) -> Reply {
        let reply = || match (request.method, request.path.as_str()) {
            (Method::Get, "room.css") => Reply::css(include_str!("room.css")),
            (Method::Get, "room.js") => Reply::script(include_str!("room.js")),
            _ => answer(request).unwrap_or_else(|error| Reply::from_error(&error)),
        };
        catch_unwind(AssertUnwindSafe(reply))
            .unwrap_or_else(|_| Reply::error(500, "this request failed inside the server", None))
    }
}
