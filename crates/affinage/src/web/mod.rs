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
//! Connections are held by `hyper` and answered through a router of `axum` on one thread; each request that was let in is
//! answered by a page's synchronous function on a thread of its own, which may borrow what the command holds. What is no
//! HTTP at all, is HTTP/2, or has a head of more than 64 KiB, is refused with a bare status; every other reply has the
//! policy and says what is wrong.

#![expect(clippy::disallowed_methods, reason = "the only place that listens")]

mod connections;
mod conversation;
mod guard;
mod launch;
mod reply;
mod request;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use affinage_project::errors::HintExt as _;
use affinage_project::interrupt;
use anyhow::Context as _;
use clap::Args;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use launch::{OPENER, has_desktop, show};
pub use reply::Reply;
pub use request::{Method, Request};

use crate::context::Context;
use crate::ctrl_c;
use connections::Connections;
use conversation::{Asked, Visit};
use guard::{Audience, Guard};

/// Options of every command that opens a page.
#[derive(Debug, Clone, Default, Args)]
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

/// How soon Ctrl-C is seen.
const POLL: Duration = Duration::from_millis(100);
/// A client may leave its reply untaken for this long while something waits for it: the maker of a stream, or Ctrl-C.
const MAX_SILENCE: Duration = if cfg!(test) { Duration::from_secs(1) } else { Duration::from_secs(5) };

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
        listener.set_nonblocking(true)?;
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
        ctrl_c::while_serving(|| self.serve_until(answer, &interrupt::requested))
    }

    fn serve_until(&self, answer: &Answer<'_>, is_over: &dyn Fn() -> bool) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let (ask, asked) = mpsc::channel::<Asked>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for asked in asked {
                    // Where the system has no thread left the request is dropped, which is a failed answer.
                    drop(std::thread::Builder::new().spawn_scoped(scope, move || reply_to(asked, answer)));
                }
            });
            let served = runtime.block_on(self.converse(ask, is_over));
            // Whatever is left of it could still ask.
            drop(runtime);
            served
        })
    }

    /// Lets connections in until `is_over`.
    async fn converse(&self, asked: mpsc::Sender<Asked>, is_over: &dyn Fn() -> bool) -> anyhow::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener.try_clone()?)?;
        let guard = Arc::new(self.guard.clone());
        let connections = Arc::<Connections>::default();
        let (close, closing) = watch::channel(());
        let mut open = JoinSet::new();
        let mut ticks = tokio::time::interval(POLL);
        while !is_over() {
            let accepted = tokio::select! {
                _ = ticks.tick() => {
                    while open.try_join_next().is_some() {}
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            // No place or no handle left for a socket: some end soon.
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(POLL).await;
                continue;
            };
            let Some(seat) = connections.admit() else { continue };
            let visit = Visit { guard: guard.clone(), asked: asked.clone(), seat };
            open.spawn(visit.converse(stream, closing.clone()));
        }
        drop(close);
        while open.join_next().await.is_some() {}
        Ok(())
    }
}

/// Answers a request; a panic costs this request only.
fn reply_to(asked: Asked, answer: &Answer<'_>) {
    let Asked { request, reply: to, work } = asked;
    let reply = || match (request.method, request.path.as_str()) {
        (Method::Get, "room.css") => Reply::css(include_str!("room.css")),
        (Method::Get, "room.js") => Reply::script(include_str!("room.js")),
        _ => answer(&request).unwrap_or_else(|error| Reply::from_error(&error)),
    };
    // Without a reply the connection says that the request failed.
    drop(catch_unwind(AssertUnwindSafe(|| reply().hand_over(to))));
    drop(work);
}
