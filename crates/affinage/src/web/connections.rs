//! The open connections, bounded so that silent ones cannot take the place of a person.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

/// More connections than any browser opens.
pub(super) const MAX_CONNECTIONS: usize = 64;

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
    /// Tells the connection that it makes way.
    ended: Arc<Notify>,
    /// Since when nothing is being answered on it: it is silent, its request is not whole yet, or its reply is being
    /// fetched.
    waits_since: Option<Instant>,
}

impl Connections {
    /// A place for a new connection. Where all are taken, the one that waits for longest is ended; `None` if none waits.
    pub fn admit(self: &Arc<Self>) -> Option<Arc<Seat>> {
        let mut open = self.lock();
        if open.by_id.len() >= MAX_CONNECTIONS {
            let waiting = open.by_id.iter().filter_map(|(id, c)| Some((c.waits_since?, *id)));
            let (_, longest) = waiting.min()?;
            open.by_id.remove(&longest)?.ended.notify_one();
        }
        let id = open.next_id;
        open.next_id += 1;
        let ended = Arc::<Notify>::default();
        open.by_id.insert(id, Connection { ended: ended.clone(), waits_since: Some(Instant::now()) });
        drop(open);
        Some(Arc::new(Seat { connections: self.clone(), id, ended }))
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // The map is whole after every statement, whatever panicked.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, given back when it is dropped.
pub struct Seat {
    connections: Arc<Connections>,
    id: u64,
    ended: Arc<Notify>,
}

impl Seat {
    /// Returns when the connection has to make way for another.
    pub async fn ended(&self) {
        self.ended.notified().await;
    }

    /// The connection waits from now on: for a request, for more of a body, or for its reply to be fetched.
    pub fn waits(&self) {
        self.set(Some(Instant::now()));
    }

    /// A request was read and is being answered: the connection is not ended for another until the result is dropped.
    pub fn work(self: &Arc<Self>) -> Work {
        self.set(None);
        Work(self.clone())
    }

    /// Whether a request is being answered.
    pub fn is_in_work(&self) -> bool {
        self.connections.lock().by_id.get(&self.id).is_some_and(|it| it.waits_since.is_none())
    }

    fn set(&self, waits_since: Option<Instant>) {
        if let Some(connection) = self.connections.lock().by_id.get_mut(&self.id) {
            connection.waits_since = waits_since;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connections.lock().by_id.remove(&self.id);
    }
}

/// A request in work; see [`Seat::work`].
pub struct Work(Arc<Seat>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.waits();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_waiting_connection_makes_way_and_an_answered_one_stays() {
        let connections = Arc::<Connections>::default();
        let is_open = |seat: &Seat| connections.lock().by_id.contains_key(&seat.id);
        let seats: Vec<_> =
            (0..MAX_CONNECTIONS).map(|_| connections.admit().expect("a free place")).collect();
        let mut works = vec![seats[0].work()];
        let newest = connections.admit().expect("one makes way");
        assert!(is_open(&seats[0]) && !is_open(&seats[1]), "the second waited for longest");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(seats[1].ended());
        works.extend(seats[2..].iter().map(Seat::work));
        works.push(newest.work());
        assert!(connections.admit().is_none(), "all are being answered");
        works.pop();
        assert!(connections.admit().is_some() && !is_open(&newest), "its answer is there");
    }
}
