//! Long work that a page begins: the command itself in a process of its own, so that the page goes on answering and what
//! fails takes nothing with it. One works at a time, the others wait.
//!
//! A page names what it wants by its parts, and the command line is made here: no text of a page is ever run. A job is
//! stopped by closing its standard input, which is the command's own Ctrl-C; so it also stops when this process is killed.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use affinage_project::errors::{HintExt as _, in_one_line, usage};
use affinage_project::folder::exports;
use affinage_project::folder::run::Run;
use affinage_project::next::{Next, next, shell_word};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::report::Export;
use crate::context::Context;
use crate::ui::Ui;

/// What can be done as a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// What arrived in a folder of its own, by the names in it; the folder is removed at the end.
    Import { within: PathBuf, names: Vec<String>, notes: bool },
    /// A dataset version.
    Freeze { accept_clean: bool },
    /// What a training would take.
    Plan { version: String },
    /// A training, with the prompt that is answered at every checkpoint.
    Train { version: String, sample: Option<String> },
    /// The rest of a training that was stopped.
    Resume { run: String },
    /// An evaluation: a new one, or the rest of one that was stopped. `may_send`: texts may go to judges on other machines.
    Eval { name: Option<String>, extent: Extent, may_send: bool },
    /// How long an evaluation takes.
    Time { extent: Extent },
    /// The result for another program.
    Export { run: String, checkpoint: String, to: Export },
}

/// How much an evaluation asks for; `None`: as the project says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Extent {
    /// Of each suite at most so many prompts.
    pub prompts: Option<usize>,
    /// The longest answer in tokens.
    pub tokens: Option<usize>,
}

impl Extent {
    /// The settings that it stands for, by their keys.
    pub fn settings(self) -> impl Iterator<Item = (&'static str, usize)> {
        let all = [("eval.prompts-per-suite", self.prompts), ("eval.max-new-tokens", self.tokens)];
        all.into_iter().filter_map(|(key, value)| Some((key, value?)))
    }

    /// The same as options of a command.
    pub fn typed(self) -> Vec<String> {
        self.settings().map(|(key, value)| format!("--set={key}={value}")).collect()
    }
}

impl Work {
    /// Its name on the page.
    fn kind(&self) -> &'static str {
        match self {
            Work::Import { .. } => "import",
            Work::Freeze { .. } => "freeze",
            Work::Plan { .. } => "plan",
            Work::Train { .. } => "train",
            Work::Resume { .. } => "resume",
            Work::Eval { .. } => "eval",
            Work::Time { .. } => "time",
            Work::Export { .. } => "export",
        }
    }

    /// The command's arguments, as a person would type them. Values stand behind `=` or are no options by themselves.
    /// `out`: the folder of an export.
    fn arguments(&self, out: Option<&Path>) -> Vec<String> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match self {
            Work::Import { names, notes, .. } => {
                let mut arguments = words(if *notes { &["import", "--notes"] } else { &["import"] });
                arguments.extend(names.iter().cloned());
                arguments
            }
            Work::Freeze { accept_clean: false } => words(&["dataset"]),
            Work::Freeze { accept_clean: true } => words(&["dataset", "--accept-clean"]),
            Work::Plan { version } => words(&["train", "--dry-run", "--json", &format!("--data={version}")]),
            Work::Train { version, sample } => {
                let mut arguments = words(&["train", &format!("--data={version}")]);
                arguments.extend(sample.iter().map(|prompt| format!("--sample={prompt}")));
                arguments
            }
            Work::Resume { run } => words(&["train", &format!("--resume={run}")]),
            Work::Time { extent } => [extent.typed(), words(&["plan", "--time", "--json"])].concat(),
            Work::Eval { name, extent, may_send } => {
                let mut arguments = extent.typed();
                arguments.push("eval".to_owned());
                arguments.extend(name.iter().map(|name| format!("--name={name}")));
                arguments.extend(may_send.then(|| "--yes".to_owned()));
                arguments
            }
            Work::Export { run, checkpoint, to } => {
                let mut arguments =
                    words(&["export", &format!("--adapter={checkpoint}"), &format!("--run={run}")]);
                arguments.push(format!("--format={}", to.format()));
                arguments.extend(to.precision().map(|precision| format!("--precision={precision}")));
                arguments.extend(out.map(|out| format!("--out={}", out.display())));
                arguments
            }
        }
    }

    /// The folder that an export makes: none that is there, and none of `promised`, which others are about to make.
    fn free_folder(&self, project: &Path, promised: &[PathBuf]) -> Option<PathBuf> {
        let Work::Export { checkpoint, to, .. } = self else { return None };
        Some(exports::free(project, &format!("{checkpoint}-{}", to.name()), promised))
    }
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Waiting,
    Running,
    /// By the person, with what it had saved.
    Stopped,
    Failed,
    Finished,
}

impl State {
    pub fn is_ended(self) -> bool {
        !matches!(self, State::Waiting | State::Running)
    }

    fn of(status: ExitStatus) -> State {
        match status.code() {
            Some(0) => State::Finished,
            Some(130) => State::Stopped,
            _ => State::Failed,
        }
    }
}

/// One piece of work.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: usize,
    pub work: Work,
    /// The command that does the same.
    pub shown: String,
    pub state: State,
    /// It was asked to stop and has not ended yet.
    pub is_stopping: bool,
    /// What it said to people, the last lines.
    pub said: Vec<String>,
    /// What it printed as data.
    pub printed: String,
    /// The newest run before it.
    run_before: Option<String>,
    /// The folder that an export makes, relative to the project.
    out: Option<PathBuf>,
}

impl Job {
    /// The run that a training made or goes on with; `None` before there is one.
    pub fn run(&self, ctx: &Context) -> anyhow::Result<Option<Run>> {
        let runs = Run::list(&ctx.project)?.into_iter();
        Ok(match &self.work {
            Work::Resume { run: name } => runs.into_iter().find(|run| run.name == *name),
            Work::Train { .. } if self.state != State::Waiting => {
                runs.into_iter().find(|run| Some(&run.name) > self.run_before.as_ref())
            }
            _ => None,
        })
    }

    /// As the page gets it, with the last lines that it said.
    pub fn shown(&self, lines: usize) -> Value {
        let said = &self.said[self.said.len().saturating_sub(lines)..];
        json!({
            "id": self.id, "kind": self.work.kind(), "command": self.shown, "state": self.state,
            "stopping": self.is_stopping, "lines": said, "printed": self.printed,
        })
    }
}

/// All jobs of a page; clones share them.
#[derive(Clone, Default)]
pub struct Jobs(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    jobs: Vec<Job>,
    /// A number is given once, also where its job was taken off.
    newest_id: usize,
    /// Command lines of those that wait.
    waiting: BTreeMap<usize, Command>,
    /// Standard input of the one that runs; closed, it tells the process to stop.
    input: Option<ChildStdin>,
    is_closing: bool,
}

/// Lines and bytes that are kept of what a process says and prints.
const KEPT_LINES: usize = 300;
const KEPT_BYTES: u64 = 1 << 20;
/// Lines of each job in the list of all.
const LISTED_LINES: usize = 6;
/// Jobs that are kept after their end.
const KEPT_JOBS: usize = 40;

impl Jobs {
    /// Adds a job, which begins at once where no other works.
    pub fn add(&self, ctx: &Context, work: Work) -> anyhow::Result<usize> {
        if let Work::Train { sample: Some(prompt), .. } = &work
            && prompt.contains('\0')
        {
            return Err(usage("the prompt holds a character that stands for nothing (NUL)"))
                .hint("write the prompt anew, without what was pasted");
        }
        if matches!(work, Work::Freeze { .. } | Work::Plan { .. } | Work::Train { .. } | Work::Resume { .. })
        {
            self.forget_plans();
        }
        let mut queue = self.lock();
        let out = work.free_folder(&ctx.project, &queue.promised());
        let arguments = work.arguments(out.as_deref());
        let mut process = Command::new(std::env::current_exe()?);
        process.arg("-C").arg(&ctx.project);
        // The rest is read from the project when the job begins, as by the command that is shown.
        process.args(ctx.sets.iter().flat_map(|set| ["--set", set.as_str()]));
        process.arg("--while-input").args(&arguments);
        process.current_dir(match &work {
            Work::Import { within, .. } => within,
            _ => &ctx.project,
        });
        // Ctrl-C in the terminal is for the page; the page then asks its jobs to stop.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut process, 0);
        process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        queue.forget_old();
        queue.newest_id += 1;
        let id = queue.newest_id;
        queue.jobs.push(Job {
            id,
            shown: as_typed(ctx, &arguments),
            state: State::Waiting,
            is_stopping: false,
            said: Vec::new(),
            printed: String::new(),
            run_before: Run::list(&ctx.project)?.pop().map(|run| run.name),
            work,
            out,
        });
        queue.waiting.insert(id, process);
        self.start_next(&mut queue);
        Ok(id)
    }

    /// All jobs, oldest first.
    pub fn list(&self) -> Vec<Value> {
        self.lock().jobs.iter().map(|job| job.shown(LISTED_LINES)).collect()
    }

    pub fn get(&self, id: usize) -> Option<Job> {
        self.lock().jobs.iter().find(|job| job.id == id).cloned()
    }

    /// Whether something works or waits.
    pub fn is_busy(&self) -> bool {
        self.lock().jobs.iter().any(|job| !job.state.is_ended())
    }

    /// The newest job whose work is meant.
    pub fn newest(&self, is_meant: impl Fn(&Work) -> bool) -> Option<Job> {
        self.lock().jobs.iter().rev().find(|job| is_meant(&job.work)).cloned()
    }

    /// Takes a job that has ended off the list.
    pub fn dismiss(&self, id: usize) {
        self.lock().jobs.retain(|job| job.id != id || !job.state.is_ended());
    }

    /// Takes the figures of plans off the list and stops what measures them: they are about other data or settings from now on.
    pub fn forget_plans(&self) {
        let is_plan = |job: &Job| matches!(job.work, Work::Plan { .. });
        let mut queue = self.lock();
        queue.jobs.retain(|job| !(is_plan(job) && job.state.is_ended()));
        let at_work: Vec<usize> = queue.jobs.iter().filter(|job| is_plan(job)).map(|job| job.id).collect();
        drop(queue);
        at_work.into_iter().for_each(|id| self.stop(id));
    }

    /// Asks a job to stop: one that waits never begins, one that runs ends as with Ctrl-C.
    pub fn stop(&self, id: usize) {
        let mut queue = self.lock();
        let Some(job) = queue.jobs.iter_mut().find(|job| job.id == id && !job.state.is_ended()) else {
            return;
        };
        if job.state == State::Running {
            job.is_stopping = true;
            queue.input = None;
        } else {
            job.state = State::Stopped;
            clean_up(&job.work);
            queue.waiting.remove(&id);
        }
    }

    /// Stops the job that works and waits until it has saved what it does; called when the page closes.
    pub fn end(&self, ui: &Ui) {
        let mut queue = self.lock();
        queue.is_closing = true;
        queue.waiting.clear();
        for job in queue.jobs.iter_mut().filter(|job| job.state == State::Waiting) {
            job.state = State::Stopped;
            clean_up(&job.work);
        }
        let Some(running) = queue.jobs.iter().find(|job| job.state == State::Running) else { return };
        let (id, shown) = (running.id, running.shown.clone());
        ui.say(match &running.work {
            Work::Train { .. } | Work::Resume { .. } => {
                let resume = next("train").words("--resume");
                format!("the training saves a checkpoint and stops; {resume} goes on with it")
            }
            _ => format!("stopping `{shown}`"),
        });
        queue.input = None;
        drop(queue);
        ui.during("finishing the step and saving it", || {
            while self.get(id).is_some_and(|job| !job.state.is_ended()) {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
    }

    /// Begins the next of those that wait, unless one works.
    fn start_next(&self, queue: &mut Queue) {
        while !queue.is_closing && queue.jobs.iter().all(|job| job.state != State::Running) {
            let Some((id, mut process)) = queue.waiting.pop_first() else { return };
            let started = process.spawn();
            let Some(job) = queue.jobs.iter_mut().find(|job| job.id == id) else { continue };
            match started {
                Ok(mut child) => {
                    job.state = State::Running;
                    queue.input = child.stdin.take();
                    let jobs = self.clone();
                    std::thread::spawn(move || jobs.attend(id, child));
                }
                Err(error) => {
                    job.state = State::Failed;
                    job.said.push(format!("error: cannot start a second process of affinage: {error}"));
                    clean_up(&job.work);
                }
            }
        }
    }

    /// Keeps what a process says and prints until it ends, then begins the next.
    fn attend(&self, id: usize, mut child: Child) {
        let (errors, output) = (child.stderr.take(), child.stdout.take());
        let printed = std::thread::scope(|scope| {
            let printing = scope.spawn(move || {
                let mut text = Vec::new();
                if let Some(mut output) = output {
                    // A process that prints more must not wait for a reader; what cannot be read has ended.
                    drop(output.by_ref().take(KEPT_BYTES).read_to_end(&mut text));
                    drop(std::io::copy(&mut output, &mut std::io::sink()));
                }
                String::from_utf8_lossy(&text).into_owned()
            });
            for line in
                errors.into_iter().flat_map(|errors| BufReader::new(errors).lines().map_while(Result::ok))
            {
                if !line.trim().is_empty() {
                    self.hear(id, line);
                }
            }
            printing.join().unwrap_or_default()
        });
        let ended = child.wait();
        let mut queue = self.lock();
        queue.input = None;
        if let Some(job) = queue.jobs.iter_mut().find(|job| job.id == id) {
            job.printed = printed;
            job.is_stopping = false;
            // How far it was is told by its state.
            job.said.retain(|line| task_of(line).is_none());
            job.state = match ended {
                Ok(status) => {
                    job.said.extend(killed(status));
                    State::of(status)
                }
                Err(error) => {
                    job.said.push(format!("error: {}", in_one_line(&error.into())));
                    State::Failed
                }
            };
            clean_up(&job.work);
        }
        self.start_next(&mut queue);
    }

    fn hear(&self, id: usize, line: String) {
        let mut queue = self.lock();
        let Some(job) = queue.jobs.iter_mut().find(|job| job.id == id) else { return };
        let task = task_of(&line);
        if task.is_some() {
            job.said.retain(|said| task_of(said) != task);
        }
        job.said.push(line);
        let more = job.said.len().saturating_sub(KEPT_LINES);
        job.said.drain(..more);
    }

    /// A request that panicked must not end the jobs.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Folders that jobs which wait or run are to make.
    fn promised(&self) -> Vec<PathBuf> {
        self.jobs.iter().filter(|job| !job.state.is_ended()).filter_map(|job| job.out.clone()).collect()
    }

    fn forget_old(&mut self) {
        while self.jobs.len() > KEPT_JOBS {
            // What failed stays as long as there is something else to forget.
            let old = self.jobs.iter().position(|job| job.state.is_ended() && job.state != State::Failed);
            let old = old.or_else(|| self.jobs.iter().position(|job| job.state.is_ended()));
            let Some(old) = old else { return };
            self.jobs.remove(old);
        }
    }
}

/// The task of a line that only says how far it is: `training` of `training 12% (3 of 25 steps)`, and `computing the figures` of
/// `computing the figures, 40s`. `None` for a line that stays true.
fn task_of(line: &str) -> Option<&str> {
    if let Some((before, _)) = line.split_once("% (").filter(|_| line.ends_with(')')) {
        let (task, percent) = before.rsplit_once(' ')?;
        return (!percent.is_empty() && percent.bytes().all(|c| c.is_ascii_digit())).then_some(task);
    }
    let (task, time) = line.rsplit_once(", ")?;
    let is_time = |part: &str| {
        let unit = part.trim_start_matches(|c: char| c.is_ascii_digit());
        unit.len() < part.len() && ["s", "m", "h"].contains(&unit)
    };
    time.split(' ').all(is_time).then_some(task)
}

/// Why a process that a signal ended says nothing itself, and the way on; empty where it ended by itself.
#[cfg(unix)]
fn killed(status: ExitStatus) -> Vec<String> {
    /// What the system sends to free memory, and what no program can answer.
    const KILL: i32 = 9;
    let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) else { return Vec::new() };
    let (cause, way) = match signal {
        KILL => (
            ": most often the system had no memory left",
            "close other programs, or choose a smaller model; then begin it again, and what was saved is kept",
        ),
        _ => ("", "begin it again: what was saved is kept"),
    };
    vec![format!("error: ended by signal {signal}{cause}"), format!("hint: {way}")]
}

#[cfg(not(unix))]
fn killed(_: ExitStatus) -> Vec<String> {
    Vec::new()
}

/// Removes what only the job needed.
fn clean_up(work: &Work) {
    if let Work::Import { within, .. } = work {
        // What cannot be removed is found at a later start.
        let _stays = fs_err::remove_dir_all(within);
    }
}

/// A command as it is typed into a terminal that stands where the studio was started.
pub fn as_typed(ctx: &Context, arguments: &[String]) -> String {
    let mut words = vec![program(ctx)];
    // What a page reads, a person need not.
    words.extend(arguments.iter().filter(|word| *word != "--json").map(|word| shell_word(word)));
    words.join(" ")
}

/// A command as it is typed there.
pub fn next_as_typed(ctx: &Context, command: &Next) -> String {
    format!("{} {}", program(ctx), command.call())
}

/// This program on this project, up to its command.
pub fn program(ctx: &Context) -> String {
    let mut words = vec!["affinage".to_owned()];
    let here = std::env::current_dir().and_then(fs_err::canonicalize).ok();
    if here.as_ref() != Some(&ctx.project) {
        words.extend(["-C".to_owned(), shell_word(&ctx.project.display().to_string())]);
    }
    words.extend(ctx.sets.iter().flat_map(|set| ["--set".to_owned(), shell_word(set)]));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_word_whatever_it_holds() {
        let work = Work::Train { version: "v1".to_owned(), sample: Some("--yes; it's $HOME".to_owned()) };
        let arguments = work.arguments(None);
        assert_eq!(arguments, ["train", "--data=v1", "--sample=--yes; it's $HOME"]);
    }

    /// Jobs of which one does `work` by a process of its own.
    fn with_one(work: Work, out: Option<PathBuf>) -> Jobs {
        let jobs = Jobs::default();
        jobs.lock().jobs.push(Job {
            id: 1,
            work,
            shown: String::new(),
            state: State::Running,
            is_stopping: false,
            said: Vec::new(),
            printed: String::new(),
            run_before: None,
            out,
        });
        jobs
    }

    #[test]
    fn what_only_says_how_far_it_is_is_replaced_and_goes_with_the_end() {
        for (line, task) in [
            ("training 12% (3 of 25 steps, 20s)", Some("training")),
            ("computing the figures, 1m 40s", Some("computing the figures")),
            ("v1: 12% (of them) stay", None),
            ("12 cards accepted, 3 left out", None),
            ("  step-000004  validation loss 2.1", None),
        ] {
            assert_eq!(task_of(line), task, "{line}");
        }
        let jobs = with_one(Work::Freeze { accept_clean: false }, None);
        for line in ["reading 1% (1 of 100)", "a fact", "reading 2% (2 of 100)"] {
            jobs.hear(1, line.to_owned());
        }
        assert_eq!(jobs.get(1).expect("it").said, ["a fact", "reading 2% (2 of 100)"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_process_that_a_signal_ended_has_a_reason() {
        for (script, expected) in [
            ("kill -9 $$", Some("error: ended by signal 9: most often the system had no memory left")),
            ("kill -15 $$", Some("error: ended by signal 15")),
            ("exit 1", None),
        ] {
            let jobs = with_one(Work::Freeze { accept_clean: false }, None);
            jobs.attend(1, Command::new("sh").args(["-c", script]).spawn().expect("it starts"));
            let job = jobs.get(1).expect("the job");
            assert_eq!(job.state, State::Failed, "{script}");
            assert_eq!(job.said.first().map(String::as_str), expected, "{script}");
            assert_eq!(
                job.said.iter().filter(|line| line.starts_with("hint: ")).count(),
                usize::from(expected.is_some())
            );
        }
    }

    #[test]
    fn two_exports_that_wait_have_two_folders() {
        let project = tempfile::tempdir().expect("a temporary folder");
        let export = Work::Export { run: "r".to_owned(), checkpoint: "last".to_owned(), to: Export::Peft };
        let first = export.free_folder(project.path(), &[]);
        assert_eq!(first.as_deref(), Some(Path::new("exports/last-peft")));
        let jobs = with_one(export.clone(), first.clone());
        let second = export.free_folder(project.path(), &jobs.lock().promised());
        assert_eq!(second.as_deref(), Some(Path::new("exports/last-peft-2")));
        assert!(export.arguments(second.as_deref()).contains(&"--out=exports/last-peft-2".to_owned()));
        // One that has ended without a folder promises none.
        jobs.lock().jobs[0].state = State::Failed;
        assert_eq!(export.free_folder(project.path(), &jobs.lock().promised()), first);
    }
}
