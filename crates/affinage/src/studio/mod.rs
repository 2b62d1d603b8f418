//! The studio: one page with a room for every step of the story, from a folder to a report.
//!
//! The page holds no truth. What a room shows is read from the project folder at every request, by the functions that the
//! commands use; what lasts is the command itself, as a job ([`jobs`]). The review desk and the vote are mounted below
//! `choose/` and `vote/`: they stay pages of their own and get the studio's strip.

mod bring;
mod compare;
pub mod jobs;
mod notes;
mod report;
mod start;
mod state;
mod talk;
pub mod train;
mod vote;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;

use affinage_project::errors::{HintExt as _, in_one_line, usage};
use affinage_project::folder::arriving::{self, Upload};
use affinage_project::folder::library::{LIBRARY_FILE, Library};
use affinage_project::folder::lock::FolderLock;
use affinage_project::folder::project::CONFIG_FILE;
use affinage_project::folder::recent;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::context::Context;
use crate::desk::{self, Desk};
use crate::human_votes::{self, Poll};
use crate::web::{Method, Reply, Request};
use jobs::{Jobs, Work};

/// A room of the studio.
struct Room {
    name: &'static str,
    title: &'static str,
    /// What draws it; a room without is a page of its own at `NAME/`.
    script: Option<&'static str>,
    /// Answers `api/NAME` and what lies below it.
    answer: Option<Answer>,
}

/// The last argument is the path below `api/NAME`, without a leading slash.
type Answer = fn(&Studio, &Context, &Request, &str) -> anyhow::Result<Reply>;

/// In the order of the story.
static ROOMS: [Room; 8] = [
    Room {
        name: "start",
        title: "Start",
        script: Some(include_str!("page/start.js")),
        answer: Some(start::answer),
    },
    Room {
        name: "bring",
        title: "Bring",
        script: Some(include_str!("page/bring.js")),
        answer: Some(bring::answer),
    },
    Room { name: "choose", title: "Choose", script: None, answer: None },
    Room {
        name: "train",
        title: "Train",
        script: Some(include_str!("page/train.js")),
        answer: Some(train::answer),
    },
    Room {
        name: "talk",
        title: "Talk",
        script: Some(include_str!("page/talk.js")),
        answer: Some(talk::answer),
    },
    Room {
        name: "compare",
        title: "Compare",
        script: Some(include_str!("page/compare.js")),
        answer: Some(compare::answer),
    },
    Room {
        name: "vote",
        title: "Vote",
        script: Some(include_str!("page/vote.js")),
        answer: Some(vote::answer),
    },
    Room {
        name: "report",
        title: "Report",
        script: Some(include_str!("page/report.js")),
        answer: Some(report::answer),
    },
];

/// An open studio; shared by the connections of its page.
pub struct Studio {
    /// The project as the command opened it.
    opened: Context,
    jobs: Jobs,
    desk: Mutex<Option<Mounted>>,
    poll: Mutex<Option<Arc<Poll>>>,
    uploads: Mutex<BTreeMap<String, Upload>>,
    talk: Arc<talk::Talk>,
    /// Measured once.
    models: OnceLock<Value>,
}

/// The review desk in the studio.
struct Mounted {
    desk: Arc<Desk>,
    /// When something was imported last, as the desk has read it.
    newest_import: Option<String>,
    threads: Vec<JoinHandle<()>>,
    _lock: FolderLock,
}

/// Locks what a panic leaves whole: every change is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Studio {
    /// The studio of a folder, which need not be a project yet.
    pub fn open(ctx: &Context) -> Studio {
        arriving::remove_left_behind(&ctx.project);
        if ctx.project.join(CONFIG_FILE).is_file() {
            recent::remember(&ctx.project);
        }
        Studio {
            opened: ctx.with_ui(ctx.ui.clone()),
            jobs: Jobs::default(),
            desk: Mutex::default(),
            poll: Mutex::default(),
            uploads: Mutex::default(),
            talk: Arc::default(),
            models: OnceLock::new(),
        }
    }

    /// Ends what works: a job saves what it does, the desk's threads stop, and what was sent and never imported is removed.
    /// Called after the last request.
    pub fn close(&self) {
        self.jobs.end(&self.opened.ui);
        for upload in std::mem::take(&mut *lock(&self.uploads)).into_values() {
            // What cannot be removed is found at a later start.
            let _stays = fs_err::remove_dir_all(upload.folder());
        }
        if let Some(mounted) = lock(&self.desk).take() {
            for thread in mounted.threads {
                // What it panicked with was said.
                drop(thread.join());
            }
        }
    }

    pub fn answer(&self, request: &Request) -> anyhow::Result<Reply> {
        let path = request.path.as_str();
        match (request.method, path) {
            (Method::Get, "") => return Ok(Reply::html(page())),
            (Method::Get, "studio.css") => return Ok(Reply::css(include_str!("page/studio.css"))),
            (Method::Get, "studio.js") => return Ok(Reply::script(include_str!("page/studio.js"))),
            (Method::Get, "strip.js") => return Ok(Reply::script(include_str!("page/strip.js"))),
            (Method::Get, "strip.css") => return Ok(Reply::css(include_str!("page/strip.css"))),
            _ => {}
        }
        let script = path.strip_prefix("rooms/").and_then(|name| name.strip_suffix(".js"));
        if let Some(room) = ROOMS.iter().find(|room| Some(room.name) == script) {
            return Ok(room.script.map_or_else(Reply::not_found, Reply::script));
        }
        let ctx = match self.opened.reopened() {
            Err(error) if is_page(request) => {
                let title = "This project cannot be read now";
                return Ok(message(title, &error, "start", "To the first page", path));
            }
            opened => opened?,
        };
        if let Some(reply) = without_project(&ctx, request) {
            return reply;
        }
        if let Some(below) = path.strip_prefix("choose/") {
            return self.choose(&ctx, request, below);
        }
        if let Some(below) = path.strip_prefix("vote/") {
            return self.vote(&ctx, request, below);
        }
        if let (Method::Get, Some(below)) = (request.method, path.strip_prefix("report/")) {
            return match report::page(&ctx, below) {
                Err(error) => {
                    let title = "There is no report to read";
                    let mut reply = match is_page(request) {
                        true => message(title, &error, "report", "To the reports", path),
                        false => Reply::from_error(&error),
                    };
                    reply.status = 404;
                    Ok(reply)
                }
                reply => reply,
            };
        }
        match (request.method, path) {
            (Method::Get, "api/state") => {
                let rooms = state::rooms(&ctx, self.is_training(), self.accepted());
                Reply::json(
                    &json!({ "project": start::project(&ctx), "rooms": rooms, "jobs": self.jobs.list() }),
                )
            }
            (Method::Get, "api/jobs") => Reply::json(&self.jobs.list()),
            (Method::Get, "api/job") => {
                let id = request.query("id").and_then(|id| id.parse().ok());
                let job = id.and_then(|id| self.jobs.get(id)).ok_or_else(|| usage("there is no such job"))?;
                Reply::json(&job.shown(usize::MAX))
            }
            (Method::Post, "api/jobs/stop") => {
                self.jobs.stop(request.json::<Meant>()?.id);
                Reply::json(&self.jobs.list())
            }
            (Method::Post, "api/jobs/dismiss") => {
                self.jobs.dismiss(request.json::<Meant>()?.id);
                Reply::json(&self.jobs.list())
            }
            _ => {
                let api = path.strip_prefix("api/").unwrap_or_default();
                let (name, below) = api.split_once('/').unwrap_or((api, ""));
                let room = ROOMS.iter().find(|room| room.name == name);
                match room.and_then(|room| room.answer) {
                    Some(answer) => answer(self, &ctx, request, below),
                    None => Ok(Reply::not_found()),
                }
            }
        }
    }

    /// Whether a training of this studio works or waits to begin.
    fn is_training(&self) -> bool {
        let training = self.jobs.newest(|work| matches!(work, Work::Train { .. } | Work::Resume { .. }));
        training.is_some_and(|job| !job.state.is_ended())
    }

    /// Cards that are accepted, as the desk counts them; `None` as long as it is not open.
    fn accepted(&self) -> Option<usize> {
        lock(&self.desk).as_ref().map(|mounted| mounted.desk.accepted())
    }

    /// The review desk, opened at the first request.
    fn choose(&self, ctx: &Context, request: &Request, below: &str) -> anyhow::Result<Reply> {
        let is_page = is_page(request);
        let desk = match self.desk_of(ctx, is_page) {
            Ok(found) => found,
            Err(error) if is_page => {
                let title = match ctx.project.join(LIBRARY_FILE).is_file() {
                    true => "The cards cannot be shown now",
                    false => "Nothing to choose from yet",
                };
                return Ok(message(title, &error, "bring", "Bring something", &request.path));
            }
            Err(error) => return Err(error),
        };
        match is_page {
            true => Ok(Reply::html(with_strip(desk::PAGE, "../"))),
            false => desk.answer(ctx, request, below),
        }
    }

    fn desk_of(&self, ctx: &Context, is_page: bool) -> anyhow::Result<Arc<Desk>> {
        let mut slot = lock(&self.desk);
        if let Some(mounted) = &mut *slot {
            if is_page {
                let newest = Library::open(&ctx.project)?.newest_import()?;
                if newest != mounted.newest_import {
                    mounted.desk.read_again()?;
                    mounted.newest_import = newest;
                }
            }
            return Ok(Arc::clone(&mounted.desk));
        }
        let newest_import = Library::open(&ctx.project)?.newest_import()?;
        let lock = FolderLock::acquire(&ctx.project)?;
        let ctx = Arc::new(ctx.with_ui(ctx.ui.clone()));
        let desk = Arc::new(Desk::open(&ctx, self.jobs.clone())?);
        let (reader, of_reader) = (Arc::clone(&desk), Arc::clone(&ctx));
        let reading = std::thread::spawn(move || {
            if let Err(error) = reader.read_library(&of_reader) {
                of_reader.ui.error(&error);
            }
        });
        let (writer, of_writer) = (Arc::clone(&desk), Arc::clone(&ctx));
        let drafting = std::thread::spawn(move || writer.write_drafts(&of_writer));
        let threads = vec![reading, drafting];
        *slot = Some(Mounted { desk: Arc::clone(&desk), newest_import, threads, _lock: lock });
        Ok(desk)
    }

    /// The vote that was opened in its room; without one, that of whoever has the project on the newest evaluation.
    fn vote(&self, ctx: &Context, request: &Request, below: &str) -> anyhow::Result<Reply> {
        let is_page = is_page(request);
        let open = lock(&self.poll).clone();
        let poll = open.map_or_else(|| vote::open_newest(self, ctx), Ok);
        match poll {
            Ok(_) if is_page => Ok(Reply::html(with_strip(human_votes::PAGE, "../"))),
            Ok(poll) => poll.answer(request, below),
            Err(error) if is_page => {
                Ok(message("Nothing to vote on yet", &error, "compare", "Compare first", &request.path))
            }
            Err(error) => Err(error),
        }
    }
}

#[derive(Deserialize)]
struct Meant {
    id: usize,
}

/// The shell with the scripts of all rooms.
fn page() -> String {
    let scripts = ROOMS.iter().filter(|room| room.script.is_some());
    let scripts = scripts.map(|room| format!("<script src=\"rooms/{}.js\" defer></script>\n", room.name));
    include_str!("page/studio.html").replacen("<!-- rooms -->\n", &scripts.collect::<String>(), 1)
}

/// Whether a browser asks for a page below its own address, not for a part of one.
fn is_page(request: &Request) -> bool {
    let path = request.path.as_str();
    let is_report = || path.strip_prefix("report/").and_then(|rest| rest.strip_suffix('/'));
    request.method == Method::Get
        && (["choose/", "vote/"].contains(&path) || is_report().is_some_and(|name| !name.contains('/')))
}

/// A page that is mounted below: what all pages share lies above it, at `up`, and the strip stands on top.
fn with_strip(page: &str, up: &str) -> String {
    let shared = ["room.css", "room.js"].iter().fold(page.to_owned(), |page, file| {
        page.replacen(&format!("\"{file}\""), &format!("\"{up}{file}\""), 1)
    });
    let strip = format!(
        "<link rel=\"stylesheet\" href=\"{up}strip.css\">\n<script src=\"{up}strip.js\" defer></script>\n</head>"
    );
    shared.replacen("</head>", &strip, 1)
}

/// What every room but Start answers in a folder that is no project yet: a page says so and leads to Start, what would change
/// something is refused. `None` where the room itself answers.
fn without_project(ctx: &Context, request: &Request) -> Option<anyhow::Result<Reply>> {
    let path = request.path.as_str();
    let is_mounted = ["choose/", "vote/", "report/"].iter().any(|room| path.starts_with(room));
    let changes = request.method == Method::Post
        && path.starts_with("api/")
        && !["api/start", "api/jobs"].iter().any(|free| path.starts_with(free));
    if !(is_mounted || changes) || ctx.project.join(CONFIG_FILE).is_file() {
        return None;
    }
    let error = usage(format!("{} is not a project yet", ctx.project.display()));
    let error = Err::<(), _>(error).hint("choose a model in Start, and make the folder a project");
    let error = error.expect_err("an error stays one");
    Some(match is_page(request) {
        true => Ok(message("Begin with a project", &error, "start", "To Start", path)),
        false => Err(error),
    })
}

/// The page at `path` where it cannot be entered: why, and where to go.
fn message(title: &str, error: &anyhow::Error, room: &str, link: &str, path: &str) -> Reply {
    let up = "../".repeat(path.matches('/').count());
    let escaped = in_one_line(error).replace('&', "&amp;").replace('<', "&lt;");
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>affinage · {title}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"room.css\">\n<script src=\"room.js\" defer></script>\n\
         </head>\n<body>\n<main class=\"message\"><h1>{title}</h1>\n<p>{escaped}.</p>\n\
         <p><a class=\"button\" href=\"{up}#{room}\">{link}</a></p></main>\n</body>\n</html>\n"
    );
    Reply::html(with_strip(&page, &up))
}
