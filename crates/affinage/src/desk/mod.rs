//! The review desk: cards, decisions and what surrounds them, as answers to the browser's requests.
//!
//! The page holds no truth: each key is one request, which is answered after the library has stored what it does.
//! So a closed browser or a killed process loses nothing, and a reload shows the same card.

mod card;
mod catalogue;
mod queue;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::json;

use crate::errors::usage;
use crate::library::{Action, Decision, Library};
use crate::web::{Method, Reply, Request};
use card::Card;
use catalogue::Catalogue;
use queue::Queue;

/// The desk of one project; shared by the connections of its page.
pub struct Desk {
    state: Mutex<State>,
}

struct State {
    library: Library,
    catalogue: Catalogue,
    queue: Queue,
    decisions: HashMap<String, Decision>,
}

impl Desk {
    /// Opens the library; [`Desk::read_library`] fills the desk.
    pub fn open(project: &Path) -> anyhow::Result<Desk> {
        let library = Library::open(project)?;
        let decisions = library.decisions()?;
        let state = State { library, catalogue: Catalogue::default(), queue: Queue::default(), decisions };
        Ok(Desk { state: Mutex::new(state) })
    }

    /// Reads all candidates; cards are served from the first on.
    pub fn read_library(&self, project: &Path) -> anyhow::Result<()> {
        catalogue::read(project, |conversations| self.lock().catalogue.add(conversations))?;
        self.lock().catalogue.is_whole = true;
        Ok(())
    }

    /// How many candidates have a decision.
    pub fn decided(&self) -> usize {
        self.lock().decisions.len()
    }

    pub fn answer(&self, request: &Request) -> anyhow::Result<Reply> {
        match (request.method, request.path.as_str()) {
            (Method::Get, "") => Ok(Reply::html(include_str!("page/desk.html"))),
            (Method::Get, "desk.css") => Ok(Reply::css(include_str!("page/desk.css"))),
            (Method::Get, "desk.js") => Ok(Reply::script(include_str!("page/desk.js"))),
            (Method::Get, "card.js") => Ok(Reply::script(include_str!("page/card.js"))),
            (Method::Get, "api/summary") => Reply::json(&self.lock().summary()),
            (Method::Get, "api/card") => self.lock().card(request.query("id")),
            (Method::Get, "api/next") => self.lock().neighbour(request.query("of"), 1),
            (Method::Get, "api/previous") => self.lock().neighbour(request.query("of"), -1),
            (Method::Post, "api/decide") => self.lock().decide(request.json()?),
            _ => Ok(Reply::not_found()),
        }
    }

    /// A request that panicked must not end the desk: every change is one transaction of the library.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of `api/decide`.
#[derive(Deserialize)]
struct Asked {
    id: String,
    action: Action,
    variant: Option<String>,
    text: Option<String>,
}

impl State {
    fn summary(&self) -> serde_json::Value {
        let is = |action: Action| self.decisions.values().filter(|d| d.action == action).count();
        json!({
            "candidates": self.catalogue.entries.len(),
            "is_whole": self.catalogue.is_whole,
            "accepted": is(Action::Accept) + is(Action::Edit),
            "rejected": is(Action::Reject),
        })
    }

    /// The card with this id, or the first one nobody decided on; `null` if there is none.
    fn card(&mut self, id: Option<&str>) -> anyhow::Result<Reply> {
        let index = match id {
            Some(id) => Some(self.catalogue.index(id).ok_or_else(|| unknown(id))?),
            None => self.queue.first(&self.catalogue, &self.decisions),
        };
        self.reply_with(index)
    }

    fn neighbour(&mut self, of: Option<&str>, step: isize) -> anyhow::Result<Reply> {
        let of = of.ok_or_else(|| usage("`of` is missing"))?;
        let of = self.catalogue.index(of).ok_or_else(|| unknown(of))?;
        let index = match step {
            -1 => self.queue.before(of),
            _ => self.queue.after(of, &self.catalogue, &self.decisions),
        };
        self.reply_with(index)
    }

    fn reply_with(&self, index: Option<usize>) -> anyhow::Result<Reply> {
        let card = match index {
            Some(index) => Some(Card::read(&self.library, &self.catalogue, index, &self.decisions)?),
            None => None,
        };
        Reply::json(&card)
    }

    fn decide(&mut self, asked: Asked) -> anyhow::Result<Reply> {
        let index = self.catalogue.index(&asked.id).ok_or_else(|| unknown(&asked.id))?;
        let decision = Decision {
            candidate: asked.id.clone(),
            conversation: self.catalogue.conversation(index).key.clone(),
            variant: asked.variant,
            action: asked.action,
            text: asked.text,
        };
        self.library.decide(std::slice::from_ref(&decision), &jiff::Timestamp::now().to_string())?;
        self.decisions.insert(asked.id, decision);
        Reply::json(&self.summary())
    }
}

fn unknown(id: &str) -> anyhow::Error {
    usage(format!("no candidate `{id}` in the library"))
}
