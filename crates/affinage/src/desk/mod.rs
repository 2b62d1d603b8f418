//! The review desk: cards, decisions and what surrounds them, as answers to the browser's requests.
//!
//! The page holds no truth: each key is one request, which is answered after the library has stored what it does.
//! So a closed browser or a killed process loses nothing, and a reload shows the same card. Everything a key does is one
//! [`Step`], so one undo takes all of it back.

mod author;
mod card;
mod catalogue;
mod choice;
mod conversation;
mod dashboard;
mod draft;
mod filter;
mod find;
mod freeze;
mod group;
mod lengths;
mod many;
mod queue;
mod reading;
mod topics;
mod training;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use affinage_dataset::candidate::Learn;
use affinage_dataset::counts::Omission;
use affinage_project::errors::{HintExt as _, usage};
use affinage_project::folder::library::{
    Access, Action, Change, Derivation, Library, Mark, SecondLook, Step,
};
use affinage_project::next::{Next, next};
use affinage_project::stages::freeze::{FIRST_MODEL_EXAMPLES, GOAL, examples_for_report};
use affinage_project::stages::lengths::Ruler;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::context::Context;
use crate::studio::jobs::Jobs;
use crate::web::{Method, Reply, Request};
use card::{Card, Found};
use catalogue::Catalogue;
use draft::Drafts;
use filter::Filter;
use freeze::Freezes;
use lengths::{Lengths, too_long};
use queue::{Queue, Shown};
use training::Trainings;

/// The page of the desk, whose addresses are relative.
pub const PAGE: &str = include_str!("page/desk.html");

/// The desk of one project; shared by the connections of its page.
pub struct Desk {
    state: Mutex<State>,
    drafts: Drafts,
    freezes: Freezes,
    trainings: Trainings,
    /// The example that is being written, as the page last said: a reload goes on with it.
    authoring: Mutex<Value>,
}

struct State {
    library: Library,
    derivation: Derivation,
    catalogue: Catalogue,
    queue: Queue,
    marks: HashMap<String, Mark>,
    /// [`Library::outside_changes`] when marks and derivation were read.
    seen_outside: i64,
    /// Goes up whenever the candidates have to be read again.
    reading: u64,
    /// Tells rows that are too long, once it is known whether it can.
    ruler: Option<Arc<Ruler>>,
    lengths: Lengths,
    /// The selection that the person goes through.
    only: Option<Filter>,
    /// See [`examples_for_report`].
    report_from: Option<usize>,
}

impl Desk {
    /// Opens the library; [`Desk::read_library`] fills the desk. Trainings are `jobs`.
    pub fn open(ctx: &Context, jobs: Jobs) -> anyhow::Result<Desk> {
        let library = Library::open(&ctx.project)?;
        let marks = library.marks()?;
        let state = State {
            derivation: library.derivation()?,
            catalogue: Catalogue::default(),
            queue: queue(&library)?,
            marks,
            seen_outside: library.outside_changes()?,
            reading: 0,
            library,
            ruler: None,
            lengths: Lengths::default(),
            only: None,
            report_from: examples_for_report(ctx.config.dataset.test_share),
        };
        Ok(Desk {
            state: Mutex::new(state),
            drafts: Drafts::default(),
            freezes: Freezes::default(),
            trainings: Trainings::new(jobs),
            authoring: Mutex::new(Value::Null),
        })
    }

    /// Writes drafts with the local model as they are asked for, until Ctrl-C.
    pub fn write_drafts(&self, ctx: &Context) {
        self.drafts.write(ctx);
    }

    /// Reads the library again: something was imported.
    pub fn read_again(&self) -> anyhow::Result<()> {
        self.lock().start_over()
    }

    /// How many candidates have a decision.
    pub fn decided(&self) -> usize {
        self.lock().marks.values().filter(|mark| mark.action.is_some()).count()
    }

    /// How many are accepted.
    pub fn accepted(&self) -> usize {
        self.lock().accepted()
    }

    /// Answers a request for what lies at `path` below the desk's own address.
    pub fn answer(&self, ctx: &Context, request: &Request, path: &str) -> anyhow::Result<Reply> {
        match (request.method, path) {
            (Method::Get, "") => {
                self.lock().take_replaced()?;
                Ok(Reply::html(PAGE))
            }
            (Method::Get, "desk.css") => Ok(Reply::css(include_str!("page/desk.css"))),
            (Method::Get, "desk.js") => Ok(Reply::script(include_str!("page/desk.js"))),
            (Method::Get, "card.js") => Ok(Reply::script(include_str!("page/card.js"))),
            (Method::Get, "panels.js") => Ok(Reply::script(include_str!("page/panels.js"))),
            (Method::Get, "topics.js") => Ok(Reply::script(include_str!("page/topics.js"))),
            (Method::Get, "author.js") => Ok(Reply::script(include_str!("page/author.js"))),
            (Method::Get, "freeze.js") => Ok(Reply::script(include_str!("page/freeze.js"))),
            (Method::Get, "dashboard.js") => Ok(Reply::script(include_str!("page/dashboard.js"))),
            (Method::Get, "list.js") => Ok(Reply::script(include_str!("page/list.js"))),
            (Method::Get, "api/arms") => Reply::json(&draft::arms(ctx)?),
            (Method::Get, "api/drafts") => self.drafts.reply(asked(request, "job")?),
            (Method::Post, "api/draft") => self.drafts.ask(request.json()?),
            (Method::Get, "api/authoring") => Reply::json(&*self.authoring()),
            (Method::Post, "api/authoring") => {
                *self.authoring() = request.json()?;
                Reply::json(&json!({}))
            }
            // The lock of the library's state is not held meanwhile.
            (Method::Post, "api/freeze") => self.freezes.freeze(ctx, &request.json()?),
            (Method::Get, "api/training") => self.trainings.status(ctx),
            (Method::Post, "api/training") => self.trainings.start(ctx, &request.json()?),
            (Method::Post, "api/training/stop") => self.trainings.stop(ctx),
            (Method::Get, path) => self.lock().get(path, request),
            (Method::Post, path) => self.lock().post(path, request),
        }
    }

    fn authoring(&self) -> MutexGuard<'_, Value> {
        self.authoring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request that panicked must not end the desk: every change is one transaction of the library.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn queue(library: &Library) -> anyhow::Result<Queue> {
    let looked_twice = library.second_looks()?.into_iter().map(|look| look.candidate).collect();
    Ok(Queue::new(library.decided_in_order()?, library.decided_alone()?, looked_twice))
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
struct Fixed {
    id: String,
    variant: String,
}

impl State {
    fn get(&mut self, path: &str, request: &Request) -> anyhow::Result<Reply> {
        self.look_outside()?;
        match path {
            "api/summary" => Reply::json(&self.summary()?),
            "api/topics" => self.overview(request.query("held").is_some()),
            "api/card" => self.card(request.query("id")),
            "api/next" => self.next(asked(request, "of")?),
            "api/previous" => self.previous(asked(request, "of")?),
            "api/following" => self.following(asked(request, "id")?, asked(request, "variant")?),
            "api/conversation" => self.conversation(asked(request, "key")?),
            "api/search" => self.search(asked(request, "words")?),
            "api/words" => self.words(),
            "api/dashboard" => self.dashboard(),
            "api/filters" => self.filters(),
            "api/topic" => self.topic(asked(request, "number")?, request.query("held").is_some()),
            _ => Ok(Reply::not_found()),
        }
    }

    fn post(&mut self, path: &str, request: &Request) -> anyhow::Result<Reply> {
        if self.library.is_replaced() {
            let message = "the library was replaced while the desk was open (by a backup or a sync?); this was not stored";
            return Err(usage(message)).hint("reload the page: it then shows the library that is there now");
        }
        self.look_outside()?;
        match path {
            "api/place" => self.set_place(&request.json::<Place>()?.id),
            "api/mark" => self.mark(request.json()?),
            "api/second-look" => self.second_look(request.json()?),
            "api/fix" => self.fix(&request.json()?),
            "api/undo" => self.undo(),
            "api/group" => self.preview(&request.json()?),
            "api/bulk" => self.bulk(&request.json()?),
            "api/only" => self.go_through(request.json()?),
            "api/choice" => self.choose(&request.json()?),
            "api/learn" => self.learn(&request.json()?),
            "api/begin" => self.begin(),
            "api/waiting/read" => self.read_pending(&request.json()?),
            "api/waiting/assign" => self.assign(&request.json()?),
            "api/waiting/leave" => self.leave_pending(&request.json()?),
            "api/author" => self.author(request.json()?),
            "api/written" => author::written(&request.json()?),
            _ => Ok(Reply::not_found()),
        }
    }

    fn summary(&self) -> anyhow::Result<Value> {
        let left_out = |why: Omission| {
            self.catalogue.open(&self.marks).filter(|entry| entry.omission() == Some(why)).count()
        };
        Ok(json!({
            "candidates": self.catalogue.shown(),
            "is_whole": self.catalogue.is_whole,
            "reading": self.reading,
            "accepted": self.accepted(),
            "rejected": self.count(|_, mark| mark.action == Some(Action::Reject)),
            "open": self.catalogue.open(&self.marks).count(),
            "open_clean": self.catalogue.open(&self.marks).filter(|entry| entry.is_clean()).count(),
            "open_dated": left_out(Omission::Dated), "open_off_branch": left_out(Omission::OffBranch),
            "goal": GOAL,
            "taste": FIRST_MODEL_EXAMPLES,
            "report_from": self.report_from,
            "effective_n": self.effective_n(),
            "learn": self.derivation.learn,
            "begins_with_topics": self.begins_with_topics()?,
            "only": self.only.as_ref().map(|filter| json!({
                "words": filter.in_words(&self.catalogue),
                "left": self.queue.left(&self.catalogue, &self.marks),
            })),
        }))
    }

    /// About how many independent examples the accepted ones are worth: those of one conversation or document share its
    /// matter.
    fn effective_n(&self) -> usize {
        let accepted =
            self.marks.iter().filter(|(_, mark)| matches!(mark.action, Some(Action::Accept | Action::Edit)));
        let indices = accepted.filter_map(|(id, _)| self.catalogue.index(id));
        let conversations = indices.map(|index| self.catalogue.conversation(index));
        let shown = conversations.filter(|conversation| conversation.access() != Access::Never);
        shown.map(|conversation| conversation.whole_text()).collect::<HashSet<&str>>().len()
    }

    /// Marks of candidates that are read, or of any while they are being read.
    fn count(&self, holds: impl Fn(Option<&catalogue::Entry>, &Mark) -> bool) -> usize {
        let counted = self.marks.iter().filter(|(id, mark)| match self.catalogue.index(id) {
            Some(index) => {
                self.catalogue.conversation(index).access() != Access::Never
                    && holds(Some(&self.catalogue.entries[index]), mark)
            }
            None => !self.catalogue.is_whole && holds(None, mark),
        });
        counted.count()
    }

    /// Accepted candidates that are to be learnt.
    fn accepted(&self) -> usize {
        let only_edited = self.derivation.learn == Learn::Edited;
        self.count(|entry, mark| {
            let is_edited = mark.is_edited() || entry.is_some_and(|entry| entry.is_edited);
            matches!(mark.action, Some(Action::Accept | Action::Edit)) && (is_edited || !only_edited)
        })
    }

    /// The card with this id, or the one on the desk; `null` if nothing is left.
    fn card(&mut self, id: Option<&str>) -> anyhow::Result<Reply> {
        let shown = match id {
            Some(id) => Some(Shown { index: self.shown_index(id)?, second_look: false }),
            None => {
                let place = self.library.desk_place()?.and_then(|id| self.catalogue.index(&id));
                let is_shown = |index: &usize| self.catalogue.is_met(*index, &self.marks);
                self.queue.begin(place.filter(is_shown), &self.catalogue, &self.marks)
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
        self.catalogue.index(id).ok_or_else(|| usage(format!("no card `{id}` in the library")))
    }

    /// As [`State::index`], for what shows or decides.
    ///
    /// Errors: the card is of a conversation that is held private.
    fn shown_index(&self, id: &str) -> anyhow::Result<usize> {
        let index = self.index(id)?;
        match self.catalogue.conversation(index).access() {
            Access::Never => Err(held_private("this card is of a conversation that")),
            Access::Open | Access::ByHand => Ok(index),
        }
    }

    /// What is held private may have changed.
    fn stand_anew(&mut self) -> anyhow::Result<()> {
        self.catalogue.stand(&self.library.standings()?);
        let (catalogue, marks) = (&self.catalogue, &self.marks);
        self.queue.retain(|index| catalogue.is_met(index, marks));
        Ok(())
    }

    /// Opens the library that lies in the place of the one on the desk; where none does, what is shown stays.
    fn take_replaced(&mut self) -> anyhow::Result<()> {
        if !self.library.is_replaced() || self.library.reopen().is_err() {
            return Ok(());
        }
        self.marks = self.library.marks()?;
        self.derivation = self.library.derivation()?;
        self.seen_outside = self.library.outside_changes()?;
        self.start_over()
    }

    /// Another command may have decided, chosen or fixed something meanwhile.
    fn look_outside(&mut self) -> anyhow::Result<()> {
        let outside = self.library.outside_changes()?;
        if outside != self.seen_outside {
            self.seen_outside = outside;
            self.marks = self.library.marks()?;
            self.derivation = self.library.derivation()?;
            self.stand_anew()?;
        }
        Ok(())
    }

    fn found(&self, index: usize) -> anyhow::Result<Found> {
        Found::read(&self.library, &self.derivation, &self.catalogue, index)
    }

    fn reply_with(&self, shown: Option<Shown>) -> anyhow::Result<Reply> {
        let Some(shown) = shown else { return Reply::json(&Value::Null) };
        let why = match shown.second_look {
            true => SECOND_LOOK.to_owned(),
            false => self.queue.why(shown.index, &self.catalogue),
        };
        let mark = self.marks.get(&self.catalogue.entries[shown.index].id);
        let mark = mark.filter(|_| !shown.second_look).cloned().unwrap_or_default();
        Reply::json(&Card::of(self.found(shown.index)?, mark).placed(&self.catalogue, shown, why))
    }

    fn set_place(&mut self, id: &str) -> anyhow::Result<Reply> {
        self.shown_index(id)?;
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

    /// Stores a step, then remembers its marks.
    fn take(&mut self, label: &str, step: Step) -> anyhow::Result<()> {
        self.library.take_step(label, &step, &now())?;
        let is_marked = |change: &Change| {
            let of = self.catalogue.index(&change.candidate).map(|index| self.catalogue.conversation(index));
            of.is_some_and(|conversation| conversation.standing.is_marked_private)
        };
        let stands_anew = !step.choices.is_empty() || step.changes.iter().any(is_marked);
        for change in step.changes {
            self.remember(change.candidate, change.after)?;
        }
        if stands_anew { self.stand_anew() } else { Ok(()) }
    }

    fn remember(&mut self, id: String, mark: Mark) -> anyhow::Result<()> {
        let decided = &mut self.queue.decided;
        match (mark.action, decided.iter().rposition(|known| *known == id)) {
            (Some(_), None) => decided.push(id.clone()),
            (None, Some(place)) => {
                decided.remove(place);
            }
            _ => {}
        }
        let before = self.marks.insert(id.clone(), mark);
        let (Some(index), mark) = (self.catalogue.index(&id), &self.marks[&id]) else { return Ok(()) };
        let entry = &self.catalogue.entries[index];
        let is_plain = |mark: &Mark| {
            !mark.is_edited() && mark.variant.as_ref().is_none_or(|variant| *variant == entry.proposed)
        };
        // What the proposed answer measures is known; another one has to be read.
        if !(is_plain(mark) && before.as_ref().is_none_or(is_plain)) {
            let found = self.found(index)?;
            let measure = catalogue::measure(found.candidate(), Some(mark));
            let too_long =
                self.ruler.as_ref().and_then(|ruler| too_long(ruler, found.candidate(), Some(mark)));
            let entry = &mut self.catalogue.entries[index];
            (entry.measure, entry.too_long) = (measure, too_long);
        }
        Ok(())
    }

    fn mark(&mut self, Marked { id, mut mark, label }: Marked) -> anyhow::Result<Reply> {
        let index = self.shown_index(&id)?;
        let is_blank = |text: &Option<String>| text.as_deref().is_some_and(|text| text.trim().is_empty());
        if is_blank(&mark.text) || is_blank(&mark.prompt) {
            return Err(usage("an edited text cannot be empty; reject the card instead"));
        }
        mark.domain = mark.domain.map(|domain| domain.trim().to_owned()).filter(|domain| !domain.is_empty());
        if matches!(mark.action, Some(Action::Accept | Action::Edit)) && mark.variant.is_none() {
            mark.variant = Some(self.catalogue.entries[index].proposed.clone());
        }
        self.queue.seen.insert(id);
        let changes = vec![self.change(index, mark)];
        self.take(&label, Step { changes, ..Step::default() })?;
        Reply::json(&self.summary()?)
    }

    fn second_look(&mut self, LookedAgain { id, accepts }: LookedAgain) -> anyhow::Result<Reply> {
        self.shown_index(&id)?;
        let first = self.marks.get(&id).and_then(|mark| mark.action);
        let first = first.ok_or_else(|| usage(format!("card `{id}` was not decided on before")))?;
        let first_accepts = first != Action::Reject;
        let look = SecondLook { candidate: id, first_accepts, second_accepts: accepts };
        self.library.add_second_look(&look, &now())?;
        Reply::json(&json!({ "same": first_accepts == accepts }))
    }

    /// Makes the safe fixes of an answer, its prompt and its context; gives the card as it is then.
    fn fix(&mut self, Fixed { id, variant }: &Fixed) -> anyhow::Result<Reply> {
        let index = self.shown_index(id)?;
        let fixes = self.found(index)?.safe_fixes(variant);
        let fixes = fixes.ok_or_else(|| usage(format!("card `{id}` has no answer `{variant}`")))?;
        if !fixes.is_empty() {
            self.take("made the safe fixes", Step { fixes, ..Step::default() })?;
            self.read_anew(&[index])?;
        }
        self.reply_with(Some(Shown { index, second_look: false }))
    }

    /// Looks again at candidates whose fixes have changed.
    fn read_anew(&mut self, indices: &[usize]) -> anyhow::Result<()> {
        self.derivation = self.library.derivation()?;
        for &index in indices {
            let found = self.found(index)?;
            let mark = self.marks.get(&found.candidate().candidate_id);
            let anew = catalogue::entry(&found.conversation, found.candidate(), found.candidates.len(), mark);
            let too_long = self.ruler.as_ref().and_then(|ruler| too_long(ruler, found.candidate(), mark));
            let entry = &mut self.catalogue.entries[index];
            *entry = catalogue::Entry {
                conversation: entry.conversation,
                asked: entry.asked.take(),
                too_long,
                ..anew
            };
            self.catalogue.note_comparison(index);
        }
        Ok(())
    }

    fn undo(&mut self) -> anyhow::Result<Reply> {
        let Some(undone) = self.library.undo_step(&now())? else {
            return Reply::json(&json!({ "label": null }));
        };
        let mut first = undone.marks.first().map(|(id, _)| id).or(undone.unfixed.first()).cloned();
        let count = undone.marks.len().max(undone.choices.len()).max(1);
        let is_of_topics = !undone.choices.is_empty();
        for (id, mark) in undone.marks {
            self.remember(id, mark)?;
        }
        let unfixed: Vec<usize> = undone.unfixed.iter().filter_map(|id| self.catalogue.index(id)).collect();
        self.read_anew(&unfixed)?;
        self.stand_anew()?;
        if undone.label == author::WROTE {
            self.unwrite(first.take().as_deref())?;
        }
        Reply::json(&json!({
            "label": undone.label, "id": first, "count": count, "is_of_topics": is_of_topics, "summary": self.summary()?,
        }))
    }

    fn conversation(&self, key: &str) -> anyhow::Result<Reply> {
        let found = self.library.conversation(key)?;
        let (_, found) = found.ok_or_else(|| usage(format!("no conversation `{key}` in the library")))?;
        if self.library.standings()?.of(&found).is_private() {
            return Err(held_private("this conversation"));
        }
        Reply::json(&conversation::view(&found))
    }

    /// The exchange after an answer, to be merged with it; `null` where nothing follows.
    fn following(&self, id: &str, variant: &str) -> anyhow::Result<Reply> {
        let found = self.found(self.shown_index(id)?)?;
        let next = found.following(variant);
        Reply::json(&next.map(|(next, answer)| json!({ "prompt": next.prompt, "text": answer.text })))
    }

    fn dashboard(&self) -> anyhow::Result<Reply> {
        let mut figures = dashboard::dashboard(
            &self.catalogue,
            &self.marks,
            &self.library.second_looks()?,
            self.derivation.learn,
        );
        figures["summary"] = self.summary()?;
        figures["taste_command"] = json!(first_model_command().typed());
        Reply::json(&figures)
    }
}

/// The answer to whoever asks for what is held private.
fn held_private(what: &str) -> anyhow::Error {
    usage(format!("{what} is held private: nothing of it is shown, unless you keep it among the topics"))
}

/// Freezes what is accepted and trains on it.
pub fn first_model_command() -> Next {
    next("run")
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// Why a card is asked again.
const SECOND_LOOK: &str = "you decided on this card before and are asked again without seeing what you said. One in twenty \
    comes back once: the dashboard shows how far your decisions agree. Your first decision stays, whatever you say now";
