//! The open connections, bounded so that silent ones cannot take the place of a person.

use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// More connections than any browser opens.
const MAX_CONNECTIONS: usize = 64;

/// All open connections of a server.
#[derive(Default)]
pub struct Connections {
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next_id: u64,
    by_id: BTreeMap<u64, Connection>,
}

struct Connection {
    /// To end it from outside.
    stream: TcpStream,
    /// Since when nothing is being answered on it: it is silent, or its request is not whole yet.
    waits_since: Option<Instant>,
}

impl Connections {
    /// A place for a new connection. Where all are taken, the one that waits for longest is ended; `None` if none
    /// waits, or the socket is broken.
    pub fn admit(&self, stream: &TcpStream) -> Option<Seat<'_>> {
        let stream = stream.try_clone().ok()?;
        let mut open = self.lock();
        if open.by_id.len() >= MAX_CONNECTIONS {
            let waiting = open.by_id.iter().filter_map(|(id, c)| Some((c.waits_since?, *id)));
            let (_, longest) = waiting.min()?;
            let ended = open.by_id.remove(&longest)?;
            // A socket that cannot be shut down is closed already.
            drop(ended.stream.shutdown(Shutdown::Both));
        }
        let id = open.next_id;
        open.next_id += 1;
        open.by_id.insert(id, Connection { stream, waits_since: Some(Instant::now()) });
        drop(open);
        Some(Seat { connections: self, id })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // The map is whole after every statement, whatever panicked.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, given back when it is dropped.
pub struct Seat<'a> {
    connections: &'a Connections,
    id: u64,
}

impl Seat<'_> {
    /// The connection waits for a request.
    pub fn waits(&self) {
        self.set(Some(Instant::now()));
    }

    /// A request was read and is being answered: the connection is not ended for another.
    pub fn is_answered(&self) {
        self.set(None);
    }

    fn set(&self, waits_since: Option<Instant>) {
        if let Some(connection) = self.connections.lock().by_id.get_mut(&self.id) {
            connection.waits_since = waits_since;
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.connections.lock().by_id.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::net::TcpListener;

    #[test]
    fn the_longest_waiting_connection_makes_way_and_an_answered_one_stays() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let connect = || {
            let client = TcpStream::connect(address).expect("connected");
            (client, listener.accept().expect("accepted").0)
        };
        let connections = Connections::default();
        let mut held = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            let (client, server) = connect();
            let seat = connections.admit(&server).expect("a free place");
            held.push((client, server, seat));
        }
        held[0].2.is_answered();
        let (_client, server) = connect();
        let newest = connections.admit(&server).expect("one makes way");
        assert_eq!(held[1].0.read(&mut [0]).expect("ended"), 0, "the second waited for longest");
        held.iter().for_each(|(_, _, seat)| seat.is_answered());
        newest.is_answered();
        let (_client, server) = connect();
        assert!(connections.admit(&server).is_none(), "all are being answered");
        drop(held);
        assert!(connections.admit(&server).is_some());
    }
}
