//! The room Talk: base and checkpoints side by side, their answers sent as the words come.
//!
//! A thread of its own owns the model, which is loaded with the first question and let go when nobody asks any more. What is
//! said stays in memory as long as the studio is open: a page that is loaded again shows it, and several pages show the same.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use affinage_project::errors::{in_one_line, usage};
use affinage_project::folder::blind_pairs::{BlindAnswer, BlindPair, Choice, VERSION, blind_pairs};
use affinage_project::folder::config::{Config, Generate};
use affinage_project::folder::project::Project;
use affinage_project::folder::run::Run;
use affinage_project::interrupt;
use affinage_project::stages::chat::{Chat, Options, Piece, Speaker};
use anyhow::anyhow;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::jobs::as_typed;
use super::notes::Notes;
use super::{Studio, train};
use crate::context::Context;
use crate::serve::random_seed;
use crate::web::{Method, Reply, Request};

/// How long a model that nobody asks stays in memory.
const KEPT: Duration = Duration::from_secs(15 * 60);
/// How soon Ctrl-C is seen.
const POLL: Duration = Duration::from_millis(200);
/// The number of no conversation.
const NOTHING: u64 = u64::MAX;
/// More answers side by side than a page has room for.
const MOST: usize = 4;

/// What the page asks.
#[derive(Clone, Debug, Deserialize)]
pub struct Question {
    #[serde(default)]
    prompt: String,
    #[serde(flatten)]
    party: Party,
    /// Keys of `[generate]`, for this answer and the next ones.
    #[serde(default)]
    settings: serde_json::Map<String, Value>,
    /// Two answer in an order that nobody knows, and who they are is told when the person has chosen.
    #[serde(default)]
    blind: bool,
}

/// What the person says of a blind pair.
#[derive(Deserialize)]
struct Chosen {
    /// The conversation.
    number: u64,
    choice: Choice,
}

/// Who answers; another party begins another conversation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
struct Party {
    /// `base`, `last`, `best` or `step-N`.
    arms: Vec<String>,
    /// `None`: the run that finished last.
    run: Option<String>,
    /// The instruction before the first question.
    system: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Stage {
    #[default]
    Idle,
    Loading,
    Answering,
}

/// What was said so far.
#[derive(Clone, Default, PartialEq, Serialize)]
struct Conversation {
    stage: Stage,
    party: Option<Party>,
    /// Names and adapters of those who answer.
    titles: Vec<String>,
    turns: Vec<Turn>,
    /// Why the last question has no answer.
    error: Option<String>,
    /// What the person should know of the last answer.
    notes: Vec<String>,
    /// Grows with every conversation that begins.
    number: u64,
    /// It is a blind pair.
    is_blind: bool,
    /// The training of the checkpoints, where it was named.
    #[serde(skip)]
    run: Option<String>,
    /// What the person said of it; until then nothing that is sent tells who wrote which answer.
    choice: Option<Choice>,
}

/// What the writers of a blind pair are called.
const HIDDEN: [&str; 2] = ["A", "B"];

impl Conversation {
    /// As it may be sent: without what tells who wrote the answers of a pair that is not decided.
    fn shown(&self) -> Conversation {
        let mut shown = self.clone();
        if shown.is_blind && shown.choice.is_none() {
            shown.titles = HIDDEN.map(str::to_owned).to_vec();
            shown.notes.clear();
            for answer in shown.turns.iter_mut().flat_map(|turn| &mut turn.answers) {
                (answer.arm, answer.model) = (String::new(), String::new());
            }
        }
        shown
    }
}

#[derive(Clone, Default, PartialEq, Serialize)]
struct Turn {
    prompt: String,
    answers: Vec<Answer>,
}

#[derive(Clone, Default, PartialEq, Serialize)]
struct Answer {
    arm: String,
    /// The model that says it, for an example that is made of it.
    model: String,
    #[serde(skip)]
    adapter_sha256: Option<String>,
    text: String,
    is_whole: bool,
    /// It met the limit of new tokens.
    is_cut: bool,
}

#[derive(Default)]
struct Shared {
    said: Conversation,
    waiting: Option<(Question, Generate)>,
    /// Counts the threads; the newest one takes questions.
    session: u64,
    /// The configuration that it was begun with; `None`: there is no thread.
    config: Option<Config>,
}

#[derive(Default)]
pub struct Talk {
    shared: Mutex<Shared>,
    changed: Condvar,
    stop: Arc<AtomicBool>,
}

/// What the page asks; see [`super::ROOMS`].
pub fn answer(studio: &Studio, ctx: &Context, request: &Request, below: &str) -> anyhow::Result<Reply> {
    let talk = &studio.talk;
    match (request.method, below) {
        (Method::Get, "") => talk.state(ctx),
        (Method::Get, "answers") => Ok(talk.answers()),
        (Method::Post, "ask") => talk.ask(ctx, request.json()?),
        (Method::Post, "stop") => talk.stop(),
        (Method::Post, "choose") => talk.choose(ctx, &request.json()?),
        (Method::Post, "forget") => talk.forget(),
        (Method::Post, "command") => command(ctx, &request.json()?),
        _ => Ok(Reply::not_found()),
    }
}

/// The command that begins the same conversation in a terminal.
fn command(ctx: &Context, Question { party, settings, .. }: &Question) -> anyhow::Result<Reply> {
    let of_project = serde_json::to_value(&ctx.config.generate)?;
    let chosen = serde_json::to_value(settled(&ctx.config.generate, settings)?)?;
    let changed = settings.keys().filter(|key| chosen[key.as_str()] != of_project[key.as_str()]);
    let mut arguments: Vec<String> =
        changed.map(|key| format!("--set=generate.{key}={}", chosen[key.as_str()])).collect();
    arguments.push("chat".to_owned());
    arguments.push(format!("--compare={}", party.arms.join(",")));
    arguments.extend(party.run.iter().map(|run| format!("--run={run}")));
    arguments.extend(party.system.iter().map(|system| format!("--system={system}")));
    Reply::json(&json!({ "command": as_typed(ctx, &arguments) }))
}

impl Talk {
    /// Who can be asked, how they are asked, and what was said.
    fn state(&self, ctx: &Context) -> anyhow::Result<Reply> {
        let mut runs = Vec::new();
        for run in &Run::meant_first(&ctx.project, &ctx.ui)? {
            let learned =
                train::learned(ctx, run).and_then(|saved| Ok((saved, train::learned_names(ctx, run)?)));
            match learned {
                Ok((saved, _)) if saved.is_empty() => {}
                Ok((saved, names)) => {
                    let arms: Vec<String> = saved.into_iter().rev().collect();
                    runs.push(json!({ "name": run.name, "arms": arms, "names": names }));
                }
                Err(error) => runs.push(
                    json!({ "name": run.name, "arms": [], "names": [], "problem": in_one_line(&error) }),
                ),
            }
        }
        let Generate { temperature, max_new_tokens, .. } = &ctx.config.generate;
        Reply::json(&json!({
            "runs": runs, "model": ctx.config.model.name, "most": MOST,
            "settings": { "temperature": temperature, "max-new-tokens": max_new_tokens },
            "said": self.lock().said.shown(), "tally": tally(ctx),
        }))
    }

    /// Takes a question; the answers come with [`Talk::answers`].
    ///
    /// Errors: nobody or too many are asked, a setting is impossible, or the answer before is not whole.
    fn ask(self: &Arc<Self>, ctx: &Context, mut question: Question) -> anyhow::Result<Reply> {
        if question.prompt.trim().is_empty() {
            return Err(usage("write what you ask"));
        }
        if !(1..=MOST).contains(&question.party.arms.len()) {
            return Err(usage(format!("choose 1 to {MOST} who answer")));
        }
        let mut settings = settled(&ctx.config.generate, &question.settings)?;
        let asked = question.party.clone();
        if question.blind {
            let arms = &mut question.party.arms;
            if arms.len() != 2 || arms[0] == arms[1] {
                return Err(usage("a blind pair is of two who answer: tick exactly two"));
            }
            // Which run is meant is settled with the question, as the pair is kept by its name.
            let run = Run::meant(ctx, question.party.run.as_deref())?;
            question.party.run = Some(run.name);
            // The order, and words that no answer with names shows.
            settings.seed = random_seed()?;
            if settings.seed & 1 == 1 {
                arms.reverse();
            }
            settings.seed >>= 1;
        }
        let mut shared = self.lock();
        if shared.said.stage != Stage::Idle || shared.waiting.is_some() {
            return Err(usage("the answer before is not whole yet: wait for it, or stop it"));
        }
        self.stop.store(false, Ordering::Relaxed);
        let said = &mut shared.said;
        // Each blind pair is a conversation of its own.
        if said.party.as_ref() != Some(&asked) || said.is_blind || question.blind {
            let number = said.number + 1;
            *said = Conversation { number, is_blind: question.blind, ..Conversation::default() };
        }
        (said.error, said.notes) = (None, Vec::new());
        said.stage = Stage::Loading;
        said.party = Some(asked);
        said.turns.push(Turn { prompt: question.prompt.trim().to_owned(), answers: Vec::new() });
        shared.waiting = Some((question, settings));
        if shared.config.as_ref() != Some(&ctx.config) {
            shared.session += 1;
            shared.config = Some(ctx.config.clone());
            let (talk, project, session) = (Arc::clone(self), Project::clone(ctx), shared.session);
            std::thread::spawn(move || talk.work(&project, session));
        }
        self.changed.notify_all();
        Reply::json(&json!({}))
    }

    /// Keeps what the person says of the blind pair, and tells from then on who wrote which answer.
    ///
    /// Errors: there is no such pair, it is decided, or its answers are not whole.
    fn choose(&self, ctx: &Context, Chosen { number, choice }: &Chosen) -> anyhow::Result<Reply> {
        let mut shared = self.lock();
        let said = &mut shared.said;
        let is_open = said.number == *number && said.is_blind && said.choice.is_none();
        let Some((party, turn)) = said.party.as_ref().zip(said.turns.last()).filter(|_| is_open) else {
            return Err(usage("there is no blind pair to decide on: ask one"));
        };
        let answers = <&[Answer; 2]>::try_from(turn.answers.as_slice()).ok();
        let is_whole = said.stage == Stage::Idle;
        let answers =
            answers.filter(|_| is_whole).ok_or_else(|| usage("wait until both answers are whole"))?;
        let pair = BlindPair {
            v: VERSION,
            at: jiff::Timestamp::now().to_string(),
            model: ctx.config.model.name.clone(),
            run: said.run.clone().unwrap_or_default(),
            system: party.system.clone(),
            prompt: turn.prompt.clone(),
            answers: answers.each_ref().map(|answer| BlindAnswer {
                arm: answer.arm.clone(),
                adapter_sha256: answer.adapter_sha256.clone(),
                text: answer.text.clone(),
                is_cut: answer.is_cut,
            }),
            choice: *choice,
        };
        blind_pairs(&ctx.project).append(&pair, &ctx.ui)?;
        said.choice = Some(*choice);
        drop(shared);
        self.changed.notify_all();
        self.state(ctx)
    }

    /// Ends the answers where they are.
    fn stop(&self) -> anyhow::Result<Reply> {
        self.stop.store(true, Ordering::Relaxed);
        Reply::json(&json!({}))
    }

    /// Begins again: what was said is forgotten.
    ///
    /// Errors: an answer is being written.
    pub fn forget(&self) -> anyhow::Result<Reply> {
        let mut shared = self.lock();
        if shared.said.stage != Stage::Idle {
            return Err(usage("an answer is being written: stop it first"));
        }
        shared.said = Conversation { number: shared.said.number + 1, ..Conversation::default() };
        Reply::json(&json!({}))
    }

    /// The last turn as it grows: each event has what every answer gained since the one before; the first has all of it.
    fn answers(self: &Arc<Self>) -> Reply {
        let talk = Arc::clone(self);
        Reply::events(move |send| {
            let mut known: Option<Conversation> = None;
            loop {
                let said = talk.next_change(known.as_ref());
                send(&format!("data: {}\n\n", gained(known.as_ref(), &said.shown())))?;
                if said.stage == Stage::Idle || interrupt::requested() {
                    return send("event: end\ndata: {}\n\n");
                }
                known = Some(said);
            }
        })
    }

    /// Waits until something differs from `known`, but not for long: whoever left is noticed by sending.
    fn next_change(&self, known: Option<&Conversation>) -> Conversation {
        let shared = self.lock();
        let is_same = |shared: &mut Shared| known.is_some_and(|known| *known == shared.said);
        let waited = self.changed.wait_timeout_while(shared, POLL, is_same);
        waited.unwrap_or_else(PoisonError::into_inner).0.said.clone()
    }

    /// Answers questions about one project until nobody asks for long, another one is asked about, or the studio closes.
    fn work(&self, ctx: &Project, session: u64) {
        let notes = Notes::default();
        let ctx = &Project { ui: Arc::new(notes.clone()), ..ctx.clone() };
        let mut chat = None;
        while let Some((question, settings)) = self.next_question(session) {
            let answered =
                catch_unwind(AssertUnwindSafe(|| self.answer(ctx, &mut chat, &question, settings)));
            let done = answered.unwrap_or_else(|_| {
                chat = None;
                Err(anyhow!("the model failed inside the studio"))
            });
            self.update(|shared| {
                shared.said.stage = Stage::Idle;
                shared.said.notes = notes.take();
                let answers = shared.said.turns.last_mut().map(|turn| &mut turn.answers);
                answers.into_iter().flatten().for_each(|answer| answer.is_whole = true);
                if let Err(error) = &done {
                    shared.said.error = Some(in_one_line(error));
                    // A question without an answer is no part of the conversation.
                    shared.said.turns.pop();
                }
            });
        }
    }

    fn next_question(&self, session: u64) -> Option<(Question, Generate)> {
        let began = Instant::now();
        let mut shared = self.lock();
        loop {
            if shared.session != session {
                return None;
            }
            if began.elapsed() > KEPT || interrupt::requested() {
                shared.config = None;
                return None;
            }
            if let Some(asked) = shared.waiting.take() {
                return Some(asked);
            }
            shared = self.changed.wait_timeout(shared, POLL).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Answers the newest turn. `kept` is the model with the number of the conversation that its speakers remember.
    fn answer<'a>(
        &self,
        ctx: &'a Project,
        kept: &mut Option<(Chat<'a>, u64)>,
        question: &Question,
        settings: Generate,
    ) -> anyhow::Result<()> {
        let Party { arms, run, system } = &question.party;
        let options = Options { arms, run: run.as_deref(), system: system.as_deref() };
        let (number, turns) = {
            let said = &self.lock().said;
            (said.number, said.turns.clone())
        };
        let is_loaded = kept.is_some();
        let (chat, remembered) = match kept {
            Some(kept) => kept,
            None => {
                let mut chat = Chat::open(ctx, &options)?;
                chat.stop = Arc::clone(&self.stop);
                kept.insert((chat, NOTHING))
            }
        };
        if *remembered != number {
            *remembered = NOTHING;
            if is_loaded {
                chat.begin(&options)?;
            }
            for turn in turns.iter().rev().skip(1).rev() {
                let texts: Vec<&str> = turn.answers.iter().map(|answer| answer.text.as_str()).collect();
                chat.recall(&turn.prompt, &texts);
            }
            *remembered = number;
        }
        chat.settings = settings;
        if question.blind && chat.speakers[0].adapter_sha256() == chat.speakers[1].adapter_sha256() {
            return Err(usage("both names mean the same checkpoint: choose two that differ"));
        }
        let titles = chat.speakers.iter().map(Speaker::title).collect();
        let blank = |speaker: &Speaker| Answer {
            arm: speaker.name.clone(),
            model: match speaker.adapter_sha256() {
                Some(_) => format!("{} {}", chat.model.name, speaker.name),
                None => chat.model.name.clone(),
            },
            adapter_sha256: speaker.adapter_sha256().map(str::to_owned),
            ..Answer::default()
        };
        let blanks = chat.speakers.iter().map(blank).collect();
        self.update(|shared| {
            shared.said.stage = Stage::Answering;
            shared.said.run = run.clone();
            shared.said.titles = titles;
            if let Some(turn) = shared.said.turns.last_mut() {
                turn.answers = blanks;
            }
        });
        chat.reply(question.prompt.trim(), true, |speaker, piece| {
            self.update(|shared| {
                let turn = shared.said.turns.last_mut();
                let Some(answer) = turn.and_then(|turn| turn.answers.get_mut(speaker)) else { return };
                match piece {
                    Piece::Text(text) => answer.text.push_str(text),
                    Piece::End { is_cut } => (answer.is_whole, answer.is_cut) = (true, is_cut),
                }
            });
            Ok(())
        })
    }

    fn update(&self, change: impl FnOnce(&mut Shared)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// What was said is whole after every change.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was chosen in blind pairs: for each two who answered, how often each was better, and ties. A file that cannot be read says why.
fn tally(ctx: &Context) -> Value {
    let pairs = match blind_pairs(&ctx.project).read(&ctx.ui) {
        Ok(pairs) => pairs,
        Err(error) => return json!({ "problem": in_one_line(&error), "rows": [] }),
    };
    let mut rows: BTreeMap<(String, [String; 2]), [usize; 3]> = BTreeMap::new();
    for BlindPair { run, answers: [first, second], choice, .. } in pairs {
        let is_turned = first.arm > second.arm;
        let arms = if is_turned { [second.arm, first.arm] } else { [first.arm, second.arm] };
        let better = match choice {
            Choice::First => usize::from(is_turned),
            Choice::Second => usize::from(!is_turned),
            Choice::Tie => 2,
        };
        rows.entry((run, arms)).or_default()[better] += 1;
    }
    let rows = rows.into_iter().map(|((run, arms), [first, second, ties])| {
        json!({ "run": run, "arms": arms, "better": [first, second], "ties": ties })
    });
    json!({ "problem": null, "rows": rows.collect::<Vec<Value>>() })
}

/// What the last turn gained since `known`; all of it where that was another turn.
fn gained(known: Option<&Conversation>, said: &Conversation) -> Value {
    let turn = said.turns.last();
    let is_of_turn = |known: &&Conversation| {
        let answers = |said: &Conversation| said.turns.last().map(|turn| turn.answers.len());
        (known.number, known.turns.len(), answers(known)) == (said.number, said.turns.len(), answers(said))
    };
    let known = known.filter(is_of_turn).and_then(|known| known.turns.last());
    let answer = |(index, answer): (usize, &Answer)| {
        let from = known.map_or(0, |known| known.answers[index].text.len());
        json!({ "text": &answer.text[from..], "is_whole": answer.is_whole, "is_cut": answer.is_cut })
    };
    let answers: Vec<Value> =
        turn.into_iter().flat_map(|turn| turn.answers.iter().enumerate()).map(answer).collect();
    json!({
        "stage": said.stage, "titles": said.titles, "is_start": known.is_none(),
        "prompt": turn.map(|turn| &turn.prompt), "answers": answers,
    })
}

/// The project's settings of generation with those of the page in their places.
fn settled(config: &Generate, changed: &serde_json::Map<String, Value>) -> anyhow::Result<Generate> {
    let mut settings = serde_json::to_value(config)?;
    for (key, value) in changed {
        settings[key] = value.clone();
    }
    serde_json::from_value(settings).map_err(|error| usage(format!("this setting is not possible: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(texts: &[&str]) -> Conversation {
        let answers =
            texts.iter().map(|text| Answer { text: (*text).to_owned(), ..Answer::default() }).collect();
        let turns = vec![Turn { prompt: "Why?".to_owned(), answers }];
        Conversation { turns, ..Conversation::default() }
    }

    #[test]
    fn an_event_has_what_each_answer_gained_and_the_first_all_of_it() {
        let (before, after) = (said(&["So", ""]), said(&["So it is", "No"]));
        let texts = |value: &Value| {
            value["answers"]
                .as_array()
                .expect("answers")
                .iter()
                .map(|it| it["text"].clone())
                .collect::<Vec<_>>()
        };
        let event = gained(Some(&before), &after);
        assert_eq!((texts(&event), &event["is_start"]), (vec![json!(" it is"), json!("No")], &json!(false)));
        for other in [None, Some(&Conversation { number: 1, ..before.clone() }), Some(&said(&[]))] {
            let event = gained(other, &after);
            assert_eq!(
                (texts(&event), &event["is_start"]),
                (vec![json!("So it is"), json!("No")], &json!(true))
            );
        }
    }

    #[test]
    fn nothing_that_is_sent_before_the_choice_depends_on_who_wrote_which_answer() {
        let answer = |arm: &str, sha256: Option<&str>, text: &str| Answer {
            arm: arm.to_owned(),
            model: format!("model {arm}"),
            adapter_sha256: sha256.map(str::to_owned),
            text: text.to_owned(),
            ..Answer::default()
        };
        let pair = |[first, second]: [(&str, Option<&str>); 2]| Conversation {
            is_blind: true,
            party: Some(Party { arms: vec!["base".to_owned(), "last".to_owned()], run: None, system: None }),
            titles: [first, second].map(|(arm, _)| format!("{arm} · adapter")).to_vec(),
            notes: vec![format!("{} forgot", first.0)],
            turns: vec![Turn {
                prompt: "Why?".to_owned(),
                answers: vec![answer(first.0, first.1, "So"), answer(second.0, second.1, "No")],
            }],
            ..Conversation::default()
        };
        let (base, last) = (("base", None), ("step-000008", Some("1f2e")));
        let sent = |said: &Conversation| {
            let shown = said.shown();
            (serde_json::to_string(&shown).expect("JSON"), gained(None, &shown).to_string())
        };
        let [one, other] = [pair([base, last]), pair([last, base])];
        assert_eq!(sent(&one), sent(&other));
        assert!(!sent(&one).0.contains("step-000008"), "{:?}", sent(&one));
        let decided = Conversation { choice: Some(Choice::Tie), ..one };
        assert!(sent(&decided).0.contains("model step-000008"), "{:?}", sent(&decided));
    }

    #[test]
    fn a_setting_of_the_page_is_checked_as_one_of_the_file() {
        let set = |key: &str, value: Value| {
            settled(&Generate::default(), &[(key.to_owned(), value)].into_iter().collect())
        };
        let cold = set("temperature", json!(0)).expect("possible");
        assert_eq!((cold.temperature, cold.max_new_tokens), (0.0, Generate::default().max_new_tokens));
        for (key, value) in [("temperature", json!(-1)), ("max-new-tokens", json!(0)), ("colour", json!(1))] {
            assert!(set(key, value).is_err(), "{key}");
        }
    }
}
