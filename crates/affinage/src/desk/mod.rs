//! The review desk: cards, decisions and what surrounds them, as answers to the browser's requests.
//!
//! The page holds no truth: each key is one request, which is answered after the library has stored what it does.
//! So a closed browser or a killed process loses nothing, and a reload shows the same card.

mod card;
mod catalogue;
mod conversation;
mod group;
mod queue;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::errors::usage;
use crate::library::{Action, Change, Library, Mark, SecondLook};
use crate::web::{Method, Reply, Request};
use card::Card;
use catalogue::Catalogue;
use group::Group;
use queue::{Queue, Shown};

/// The desk of one project; shared by the connections of its page.
pub struct Desk {
    state: Mutex<State>,
}

struct State {
    library: Library,
    catalogue: Catalogue,
    queue: Queue,
    marks: HashMap<String, Mark>,
}

/// Cards shown of a group before a bulk step, and hits of a search.
const SHOWN_OF_GROUP: usize = 30;
const SEARCH_LIMIT: usize = 400;

impl Desk {
    /// Opens the library; [`Desk::read_library`] fills the desk.
    pub fn open(project: &Path) -> anyhow::Result<Desk> {
        let library = Library::open(project)?;
        library.prepare_desk()?;
        let marks = library.marks()?;
        let looked_twice = library.second_looks()?.into_iter().map(|look| look.candidate).collect();
        let queue = Queue::new(library.decided_in_order()?, looked_twice);
        let state = State { library, catalogue: Catalogue::default(), queue, marks };
        Ok(Desk { state: Mutex::new(state) })
    }

    /// Reads all candidates; the desk answers meanwhile.
    pub fn read_library(&self, project: &Path) -> anyhow::Result<()> {
        catalogue::read(project, |conversations| self.lock().catalogue.add(conversations))?;
        self.lock().catalogue.is_whole = true;
        Ok(())
    }

    /// How many candidates have a decision.
    pub fn decided(&self) -> usize {
        self.lock().marks.values().filter(|mark| mark.action.is_some()).count()
    }

    pub fn answer(&self, request: &Request) -> anyhow::Result<Reply> {
        match (request.method, request.path.as_str()) {
            (Method::Get, "") => Ok(Reply::html(include_str!("page/desk.html"))),
            (Method::Get, "desk.css") => Ok(Reply::css(include_str!("page/desk.css"))),
            (Method::Get, "desk.js") => Ok(Reply::script(include_str!("page/desk.js"))),
            (Method::Get, "card.js") => Ok(Reply::script(include_str!("page/card.js"))),
            (Method::Get, "panels.js") => Ok(Reply::script(include_str!("page/panels.js"))),
            (Method::Get, "api/summary") => Reply::json(&self.lock().summary()),
            (Method::Get, "api/card") => self.lock().card(request.query("id")),
            (Method::Get, "api/next") => self.lock().next(asked(request, "of")?),
            (Method::Get, "api/previous") => self.lock().previous(asked(request, "of")?),
            (Method::Get, "api/conversation") => self.lock().conversation(asked(request, "key")?),
            (Method::Get, "api/search") => self.lock().search(asked(request, "words")?),
            (Method::Get, "api/dashboard") => self.lock().dashboard(),
            (Method::Post, "api/place") => self.lock().set_place(&request.json::<Place>()?.id),
            (Method::Post, "api/mark") => self.lock().mark(request.json()?),
            (Method::Post, "api/second-look") => self.lock().second_look(request.json()?),
            (Method::Post, "api/undo") => self.lock().undo(),
            (Method::Post, "api/group") => self.lock().preview(&request.json()?),
            (Method::Post, "api/bulk") => self.lock().bulk(&request.json()?),
            _ => Ok(Reply::not_found()),
        }
    }

    /// A request that panicked must not end the desk: every change is one transaction of the library.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn asked<'a>(request: &'a Request, key: &str) -> anyhow::Result<&'a str> {
    request.query(key).ok_or_else(|| usage(format!("`{key}` is missing")))
}

#[derive(Deserialize)]
struct Place {
    id: String,
}

#[derive(Deserialize)]
struct Marked {
    id: String,
    mark: Mark,
    /// What the person did, for undo.
    label: String,
}

#[derive(Deserialize)]
struct LookedAgain {
    id: String,
    accepts: bool,
}

#[derive(Deserialize)]
struct Bulk {
    group: Group,
    action: Action,
    /// How many cards the preview promised; another number is refused.
    count: usize,
}

impl State {
    fn summary(&self) -> Value {
        let is = |action: Action| self.marks.values().filter(|mark| mark.action == Some(action)).count();
        json!({
            "candidates": self.catalogue.entries.len(),
            "is_whole": self.catalogue.is_whole,
            "accepted": is(Action::Accept) + is(Action::Edit),
            "rejected": is(Action::Reject),
            "goal": GOAL,
        })
    }

    /// The card with this id, or the one on the desk; `null` if nothing is left.
    fn card(&mut self, id: Option<&str>) -> anyhow::Result<Reply> {
        let shown = match id {
            Some(id) => Some(Shown { index: self.index(id)?, second_look: false }),
            None => {
                let place = self.library.desk_place()?.and_then(|id| self.catalogue.index(&id));
                self.queue.begin(place, &self.catalogue, &self.marks)
            }
        };
        self.reply_with(shown)
    }

    fn next(&mut self, of: &str) -> anyhow::Result<Reply> {
        let index = self.index(of)?;
        let shown = self.queue.after(index, &self.catalogue, &self.marks);
        self.reply_with(shown)
    }

    fn previous(&mut self, of: &str) -> anyhow::Result<Reply> {
        let index = self.index(of)?;
        let shown = self.queue.before(index);
        self.reply_with(shown)
    }

    fn index(&self, id: &str) -> anyhow::Result<usize> {
        self.catalogue.index(id).ok_or_else(|| usage(format!("no candidate `{id}` in the library")))
    }

    fn reply_with(&self, shown: Option<Shown>) -> anyhow::Result<Reply> {
        let card = match shown {
            Some(shown) => {
                let why = match shown.second_look {
                    true => {
                        "a second look: you decided on it before; decide again as if it were new".to_owned()
                    }
                    false => self.queue.why(shown.index, &self.catalogue),
                };
                Some(Card::read(&self.library, &self.catalogue, shown, &self.marks, why)?)
            }
            None => None,
        };
        Reply::json(&card)
    }

    fn set_place(&mut self, id: &str) -> anyhow::Result<Reply> {
        self.index(id)?;
        self.library.set_desk_place(id)?;
        Reply::json(&json!({}))
    }

    fn change(&self, index: usize, after: Mark) -> Change {
        let id = &self.catalogue.entries[index].id;
        Change {
            candidate: id.clone(),
            conversation: self.catalogue.conversation(index).key.clone(),
            before: self.marks.get(id).cloned().unwrap_or_default(),
            after,
        }
    }

    /// Stores a step, then remembers it.
    fn take(&mut self, label: &str, changes: Vec<Change>) -> anyhow::Result<()> {
        self.library.take_step(label, &changes, &now())?;
        for change in changes {
            self.remember(change.candidate, change.after);
        }
        Ok(())
    }

    fn remember(&mut self, id: String, mark: Mark) {
        let decided = &mut self.queue.decided;
        match (mark.action, decided.iter().rposition(|known| *known == id)) {
            (Some(_), None) => decided.push(id.clone()),
            (None, Some(place)) => {
                decided.remove(place);
            }
            _ => {}
        }
        self.marks.insert(id, mark);
    }

    fn mark(&mut self, Marked { id, mut mark, label }: Marked) -> anyhow::Result<Reply> {
        let index = self.index(&id)?;
        if mark.text.as_deref().is_some_and(|text| text.trim().is_empty()) {
            return Err(usage("an edited answer cannot be empty; reject the card instead"));
        }
        if matches!(mark.action, Some(Action::Accept | Action::Edit)) && mark.variant.is_none() {
            mark.variant = Some(self.catalogue.entries[index].proposed.clone());
        }
        let change = self.change(index, mark);
        self.take(&label, vec![change])?;
        Reply::json(&self.summary())
    }

    fn second_look(&mut self, LookedAgain { id, accepts }: LookedAgain) -> anyhow::Result<Reply> {
        let first = self.marks.get(&id).and_then(|mark| mark.action);
        let first = first.ok_or_else(|| usage(format!("candidate `{id}` was not decided on before")))?;
        let first_accepts = first != Action::Reject;
        let look = SecondLook { candidate: id, first_accepts, second_accepts: accepts };
        self.library.add_second_look(&look, &now())?;
        Reply::json(&json!({ "same": first_accepts == accepts }))
    }

    fn undo(&mut self) -> anyhow::Result<Reply> {
        let Some((label, restored)) = self.library.undo_step(&now())? else {
            return Reply::json(&json!({ "label": null }));
        };
        let first = restored.first().map(|(id, _)| id.clone());
        let count = restored.len();
        for (id, mark) in restored {
            self.remember(id, mark);
        }
        Reply::json(&json!({ "label": label, "id": first, "count": count, "summary": self.summary() }))
    }

    fn conversation(&self, key: &str) -> anyhow::Result<Reply> {
        let found = self.library.conversation(key)?;
        let (_, found) = found.ok_or_else(|| usage(format!("no conversation `{key}` in the library")))?;
        Reply::json(&conversation::view(&found))
    }

    /// Cards whose prompt or an answer holds the words, with a line around them.
    fn search(&self, words: &str) -> anyhow::Result<Reply> {
        let mut nodes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, node) in self.library.find_words(words.trim(), SEARCH_LIMIT)? {
            nodes.entry(key).or_default().push(node);
        }
        let derivation = self.library.derivation()?;
        let mut hits = Vec::new();
        for (key, nodes) in nodes {
            let Some((_, conversation)) = self.library.conversation(&key)? else { continue };
            for candidate in derivation.candidates(&conversation) {
                let answers = candidate.variants.iter().map(|v| (&v.node_ids, &v.text));
                let texts = std::iter::once((&candidate.prompt_node_ids, &candidate.prompt)).chain(answers);
                let line = texts
                    .filter(|(ids, _)| ids.iter().any(|id| nodes.contains(id)))
                    .find_map(|(_, text)| line_around(text, words.trim()));
                if let Some(line) = line {
                    hits.push(
                        json!({ "id": candidate.candidate_id, "title": conversation.title, "line": line }),
                    );
                }
            }
        }
        hits.truncate(SHOWN_OF_GROUP);
        Reply::json(&hits)
    }

    fn dashboard(&self) -> anyhow::Result<Reply> {
        let mut figures = group::dashboard(&self.catalogue, &self.marks, &self.library.second_looks()?);
        figures["summary"] = self.summary();
        Reply::json(&figures)
    }

    fn preview(&self, group: &Group) -> anyhow::Result<Reply> {
        let found = group.undecided(&self.catalogue, &self.marks);
        let shown = found.iter().take(SHOWN_OF_GROUP).map(|&index| {
            json!({ "id": self.catalogue.entries[index].id, "title": self.catalogue.conversation(index).title })
        });
        let shown: Vec<Value> = shown.collect();
        Reply::json(&json!({ "rule": group.words(), "count": found.len(), "shown": shown }))
    }

    /// One action for a whole group, as one step.
    fn bulk(&mut self, Bulk { group, action, count }: &Bulk) -> anyhow::Result<Reply> {
        let found = group.undecided(&self.catalogue, &self.marks);
        if found.len() != *count {
            return Err(usage(format!("the group has {} cards now, not {count}; look again", found.len())));
        }
        let changes = found.into_iter().map(|index| {
            let entry = &self.catalogue.entries[index];
            let before = self.marks.get(&entry.id).cloned().unwrap_or_default();
            let variant = before.variant.clone().unwrap_or_else(|| entry.proposed.clone());
            self.change(index, Mark { action: Some(*action), variant: Some(variant), ..before })
        });
        let changes: Vec<Change> = changes.collect();
        let verb = if *action == Action::Reject { "rejected" } else { "accepted" };
        self.take(&format!("{verb} {} {}", changes.len(), group.words()), changes)?;
        Reply::json(&self.summary())
    }
}

/// The size a first data set aims at.
const GOAL: usize = 1000;

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// About 120 characters around the first place of `words` in a text, on one line.
fn line_around(text: &str, words: &str) -> Option<String> {
    let place = text.to_ascii_lowercase().find(&words.to_ascii_lowercase())?;
    let start = text[..place].char_indices().rev().nth(40).map_or(0, |(at, _)| at);
    Some(text[start..].chars().take(120).map(|c| if c.is_control() { ' ' } else { c }).collect())
}
