//! Blind votes of people: what is shown, in a page of the room or in a file for a friend, and what is stored.
//!
//! Neither page nor pack knows which arm wrote what, which pairs are planted and which come twice: an item is an id, a
//! question, two labels and two texts. The key is looked up after the last vote.

mod pack;
mod recognition;
mod voter;
mod votes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use affinage_dataset::message::Message;
use affinage_eval::ROW_VERSION;
use affinage_eval::analysis::{Analysis, TOO_FEW};
use affinage_eval::analyze::{ENOUGH, likely, split_pairs, votes_needed};
use affinage_eval::comparison::{Position, pairs};
use affinage_eval::completion::{Completion, FinishReason};
use affinage_eval::human_votes::{
    self, BallotItem, Draw, Drawing, ItemKind, Preferred, Said, Screens, SessionEvent, ballot, is_even,
};
use affinage_eval::judge::qualification::usable;
use affinage_eval::judgment::{Outcome, is_author, is_me, spoken};
use affinage_eval::suite::Prompt;
use affinage_project::errors::usage;
use affinage_project::folder::evaluation::Evaluation;
use affinage_project::stages::evaluation::analysis::analyze_folder;
use affinage_project::stages::judges::{self, Evaluated, Presentation, PromptSources, Store};
use affinage_project::stages::suites;
use anyhow::anyhow;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use pack::{Brought, Packed, bring, write_pack};
pub use recognition::{Recognition, write_recognition};
pub use voter::{ME, judge_id};
use votes::{VoteFiles, votes_of};

use crate::context::Context;
use crate::ui::counted;
use crate::web::{Method, Reply, Request};

/// What one voter is shown.
pub struct Ballot {
    pub judge_id: String,
    pub items: Vec<BallotItem>,
    pub pairs_wanted: usize,
    /// How many pairs are drawn from the preferred ones, and from the others.
    pub draw: Draw,
    /// Whether those on the author's own prompts are preferred, and not those on which judges split.
    pub own_first: bool,
    questions: BTreeMap<String, Question>,
    /// Its two arms in words.
    arms: [String; 2],
    /// Pairs of the headline that somebody has to compare.
    to_compare: usize,
    /// Answers that a limit of new tokens cut, with the limit.
    cut: BTreeMap<String, u32>,
    folder: Evaluation,
}

/// A prompt as it is shown.
struct Question {
    messages: Vec<Message>,
    /// What counts in its category.
    criterion: String,
    origin: String,
}

/// One screen as the page gets it.
#[derive(Serialize)]
pub struct Screen<'a> {
    id: &'a str,
    messages: &'a [Message],
    /// Where the prompt comes from.
    origin: &'a str,
    /// What counts in this category.
    criterion: &'a str,
    first: Side<'a>,
    second: Side<'a>,
}

#[derive(Serialize)]
struct Side<'a> {
    label: &'a str,
    text: &'a str,
    /// The limit of new tokens that cut it.
    cut_at: Option<u32>,
}

impl Ballot {
    pub fn new(
        ctx: &Context,
        evaluated: &Evaluated,
        judge_id: &str,
        pairs_wanted: Option<usize>,
    ) -> anyhow::Result<Ballot> {
        let plan = &evaluated.plan;
        let rubrics = judges::rubrics(ctx)?;
        let references = judges::references(ctx, evaluated)?;
        let usable = usable(&references);
        let mut headline = pairs(plan, &evaluated.prompts, &evaluated.completions);
        let pairs_wanted = pairs_wanted.unwrap_or(human_votes::PAIRS);
        let drawing = drawn_once(ctx, evaluated)?;
        headline.retain(|pair| *pair.planned == plan.headline && pair.needs_judge());
        let own_first = is_author(judge_id) && drawing.author_own_first;
        let preferred = match own_first {
            true => Preferred::OwnPrompts,
            false => Preferred::Split(&drawing.split_pairs),
        };
        let draw = preferred.draw(&headline, pairs_wanted);
        let (rubrics, seed) = (&rubrics, plan.seed);
        let sources = human_votes::BallotSources {
            pairs: &headline,
            preferred,
            draw,
            references: &usable,
            rubrics,
            seed,
        };
        let mut items = ballot(&sources, judge_id);
        leave_out_answered(ctx, &evaluated.folder, judge_id, &mut items)?;
        let version = plan.dataset.as_ref().map(|facts| facts.version.as_str());
        // Where the data set is not there, nobody is said to have written anything.
        let by_person =
            version.and_then(|version| judges::answered_by_a_person(ctx, version).ok()).unwrap_or_default();
        let question = |prompt: &Prompt| {
            let question = Question {
                messages: prompt.messages.clone(),
                criterion: human_votes::for_people(&rubrics.of(&prompt.category).question),
                origin: suites::origin(prompt, is_author(judge_id), by_person.contains(&prompt.prompt_id)),
            };
            (prompt.prompt_id.clone(), question)
        };
        let is_cut = |answer: &&Completion| answer.finish_reason == FinishReason::Length;
        let limit = |answer: &Completion| (answer.completion_id.clone(), answer.sampling.max_new_tokens);
        Ok(Ballot {
            judge_id: judge_id.to_owned(),
            items,
            pairs_wanted,
            draw,
            own_first,
            questions: references.iter().chain(&evaluated.prompts).map(question).collect(),
            arms: [&plan.headline.arm, &plan.headline.against].map(|name| plan.called(name)),
            to_compare: headline.len(),
            cut: evaluated.completions.iter().filter(is_cut).map(limit).collect(),
            folder: evaluated.folder.clone(),
        })
    }

    /// Leaves out what may not leave this machine.
    pub fn without_private(&mut self, sources: &PromptSources) {
        self.items.retain(|item| !sources.is_private(&item.call.comparison.prompt_id));
    }

    /// Writes the comparisons and keys of the pairs, so that votes on them can be analysed.
    pub fn keep_comparisons(&self, ctx: &Context) -> anyhow::Result<()> {
        let presentation = |item: &BallotItem| match &item.kind {
            ItemKind::Pair(key) => Some((item.call.comparison.clone(), key.clone())),
            ItemKind::Gold(_) => None,
        };
        let presentations: Vec<Presentation> = self.items.iter().filter_map(presentation).collect();
        Store::open(&self.folder, &ctx.ui)?.add_comparisons(&presentations)
    }

    pub fn screen<'a>(&'a self, item: &'a BallotItem) -> Screen<'a> {
        let comparison = &item.call.comparison;
        let Question { messages, criterion, origin } = &self.questions[&comparison.prompt_id];
        let criterion = if self.is_authors() { human_votes::AUTHOR_QUESTION } else { criterion.as_str() };
        let [first, second] = &item.texts;
        let side = |position: &'a Position, text: &'a str| Side {
            label: &position.label,
            text,
            cut_at: self.cut.get(&position.completion_id).copied(),
        };
        Screen {
            id: &item.id,
            messages,
            origin,
            criterion,
            first: side(&comparison.first, first),
            second: side(&comparison.second, second),
        }
    }

    /// True if who votes wrote the training texts.
    pub fn is_authors(&self) -> bool {
        is_author(&self.judge_id)
    }

    /// True if pairs on the author's own prompts were drawn before others.
    pub fn has_own_first(&self) -> bool {
        self.own_first && self.draw.preferred.0 > 0
    }

    /// How many pairs of the evaluation are voted on: those that come twice are one, and planted ones are none of it.
    pub fn pairs(&self) -> usize {
        Screens::of(&self.items).pairs
    }

    /// Pairs whose answers differ.
    pub fn to_compare(&self) -> usize {
        self.to_compare
    }

    pub fn folder(&self) -> &Evaluation {
        &self.folder
    }
}

/// Takes out the pairs that this voter has answered in a ballot of another size, which shows them in another order: such votes
/// are kept, and nobody is asked for them again.
fn leave_out_answered(
    ctx: &Context,
    folder: &Evaluation,
    judge_id: &str,
    items: &mut Vec<BallotItem>,
) -> anyhow::Result<()> {
    let mut votes = folder.votes().read(&ctx.ui)?;
    votes.retain(|vote| vote.judge_id == judge_id && !matches!(vote.outcome, Outcome::Missing { .. }));
    let here: BTreeSet<&str> = items.iter().map(|item| item.call.comparison.comparison_id.as_str()).collect();
    let elsewhere: BTreeSet<&str> =
        votes.iter().map(|vote| vote.comparison_id.as_str()).filter(|id| !here.contains(id)).collect();
    if elsewhere.is_empty() {
        return Ok(());
    }
    let comparisons = folder.comparisons().read(&ctx.ui)?;
    let answered = comparisons.into_iter().filter(|row| elsewhere.contains(row.comparison_id.as_str()));
    let answered: BTreeSet<String> = answered.map(|row| row.pair_id).collect();
    let given: BTreeSet<&str> = votes.iter().map(|vote| vote.judgment_id.as_str()).collect();
    items.retain(|item| {
        item.is_gold()
            || !answered.contains(&item.call.comparison.pair_id)
            || given.contains(item.call.judgment_id().as_str())
    });
    Ok(())
}

/// How the pairs of an evaluation are drawn, which is decided once.
fn drawn_once(ctx: &Context, evaluated: &Evaluated) -> anyhow::Result<Drawing> {
    let file = evaluated.folder.ballot();
    if file.is_there() {
        return file.read();
    }
    let split_pairs = evaluated.judged(ctx, |inputs| Ok(split_pairs(inputs)?))?;
    let drawn_at = Timestamp::now().to_string();
    let drawing = Drawing { v: ROW_VERSION, drawn_at, split_pairs, author_own_first: true };
    file.write(&drawing)?;
    Ok(drawing)
}

/// Nothing can be changed by who has seen who wrote what.
fn blind_still(files: &VoteFiles) -> anyhow::Result<()> {
    match files.is_revealed {
        true => Err(usage("who wrote what was shown: votes can no longer be given or taken back")),
        false => Ok(()),
    }
}

/// An open session; shared by the connections of its page.
pub struct Poll {
    ctx: Context,
    ballot: Ballot,
    files: Mutex<VoteFiles>,
}

#[derive(Deserialize)]
struct Voted {
    id: String,
    said: String,
    ms: u64,
}

/// The page of a session, whose addresses are relative.
pub const PAGE: &str = include_str!("page/vote.html");

impl Poll {
    pub fn open(ctx: &Context, ballot: Ballot) -> anyhow::Result<Poll> {
        let files = VoteFiles::open(&ballot.folder, &ballot.judge_id, &ballot.items, &ctx.ui)?;
        Ok(Poll { ctx: ctx.with_ui(ctx.ui.clone()), ballot, files: Mutex::new(files) })
    }

    /// A session of `name` on an evaluation, drawn as `affinage vote --as NAME` draws it.
    ///
    /// Errors: the evaluation lacks answers; no two of its answers differ; another process works on it.
    pub fn of(ctx: &Context, eval: &str, name: &str, author: bool) -> anyhow::Result<Poll> {
        let evaluated = Evaluated::open(ctx, eval)?;
        let judge_id = judge_id(ctx, &evaluated, name, author)?;
        let _lock = evaluated.folder.lock()?;
        let ballot = Ballot::new(ctx, &evaluated, &judge_id, None)?;
        if ballot.items.is_empty() {
            return Err(anyhow!("evals/{eval}: no pair of different answers to vote on"));
        }
        ballot.keep_comparisons(ctx)?;
        Poll::open(ctx, ballot)
    }

    /// How many of how many have a vote.
    pub fn progress(&self) -> (usize, usize) {
        (self.lock().count(), self.ballot.items.len())
    }

    /// What is on the screens.
    pub fn screens(&self) -> Screens {
        Screens::of(&self.ballot.items)
    }

    /// What the planted pairs and those shown twice say of this voter.
    pub fn checks(&self) -> Vec<String> {
        self.lock().checks(&self.ballot.items)
    }

    /// Answers a request for what lies at `path` below the session's own address.
    pub fn answer(&self, request: &Request, path: &str) -> anyhow::Result<Reply> {
        match (request.method, path) {
            (Method::Get, "") => Ok(Reply::html(PAGE)),
            (Method::Get, "vote.css") => Ok(Reply::css(include_str!("page/vote.css"))),
            (Method::Get, "vote.js") => Ok(Reply::script(include_str!("page/vote.js"))),
            (Method::Get, "live.js") => Ok(Reply::script(include_str!("page/live.js"))),
            (Method::Get, "api/state") => self.state(&self.lock()),
            (Method::Post, "api/vote") => self.vote(&request.json()?),
            (Method::Post, "api/undo") => self.undo(),
            (Method::Post, "api/again") => self.again(),
            (Method::Post, "api/reveal") => self.reveal(),
            _ => Ok(Reply::not_found()),
        }
    }

    fn state(&self, files: &VoteFiles) -> anyhow::Result<Reply> {
        let next = self.ballot.items.iter().find(|item| !files.is_done(&item.id));
        Reply::json(&json!({
            "total": self.ballot.items.len(),
            "pairs": self.ballot.pairs(),
            "is_author": self.ballot.is_authors(),
            "own_first": self.ballot.has_own_first(),
            "done": files.count(),
            "skipped": files.skipped(&self.ballot.items),
            "missing": self.missing(files),
            "item": next.map(|item| self.ballot.screen(item)),
            "can_undo": files.count() > 0 && !files.is_revealed,
            "is_revealed": files.is_revealed,
        }))
    }

    fn vote(&self, voted: &Voted) -> anyhow::Result<Reply> {
        let mut files = self.lock();
        let item = self.ballot.items.iter().find(|item| item.id == voted.id);
        let item = item.ok_or_else(|| usage("this page is of another session; reload it"))?;
        let said = Said::parse(&voted.said, &item.call).ok_or_else(|| {
            usage(format!("`{}` is neither of the two labels, nor tie, nor skip", voted.said))
        })?;
        files.change(&self.ballot.items, |files| match files.is_done(&item.id) {
            // A key that was sent twice is one vote.
            true => Ok(()),
            false => files.add(item, &said, voted.ms, Timestamp::now()),
        })?;
        self.state(&files)
    }

    /// How many votes are missing for a win rate of this voter's own; 0 where a ballot is too small for one anyway.
    fn missing(&self, files: &VoteFiles) -> usize {
        let needed = votes_needed(self.ballot.to_compare);
        if needed > self.ballot.pairs() {
            0
        } else {
            needed.saturating_sub(files.compared(&self.ballot.items))
        }
    }

    /// Asks again about what was skipped.
    fn again(&self) -> anyhow::Result<Reply> {
        let mut files = self.lock();
        blind_still(&files)?;
        let items = &self.ballot.items;
        files.change(items, |files| files.take_skipped_back(items))?;
        self.state(&files)
    }

    fn undo(&self) -> anyhow::Result<Reply> {
        let mut files = self.lock();
        blind_still(&files)?;
        let items = &self.ballot.items;
        if files.change(items, |files| files.undo(items))?.is_none() {
            return Err(usage("there is no vote to take back"));
        }
        self.state(&files)
    }

    fn reveal(&self) -> anyhow::Result<Reply> {
        let mut files = self.lock();
        if files.count() < self.ballot.items.len() {
            return Err(usage("who wrote what is shown after the last vote"));
        }
        if !files.is_revealed {
            files.change(&self.ballot.items, |files| files.note(SessionEvent::Revealed))?;
        }
        let analysis = analyze_folder(&self.ctx, &self.ballot.folder)?;
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        let me = &self.ballot.judge_id;
        let with_me = analysis.agreement.by_pair.iter().filter(|pair| pair.one == *me || pair.other == *me);
        let agreement: Vec<_> = with_me
            .map(|pair| {
                let other = if pair.one == *me { &pair.other } else { &pair.one };
                let interval = pair.raw.shown();
                json!({
                    "judge": if is_me(other) { "me" } else { spoken(other) },
                    "share": percent(pair.raw.value),
                    "interval": interval.map_or(TOO_FEW.to_owned(), |i| format!("{} to {}", percent(i.low), percent(i.high))),
                    "pairs": pair.raw.n,
                })
            })
            .collect();
        Reply::json(&json!({
            "sentence": self.verdict(&analysis, files.passed(&self.ballot.items)),
            "checks": files.checks(&self.ballot.items),
            "agreement": agreement,
            "report": format!(
                "Each pair, with who wrote what: {} in a terminal.",
                self.ctx.command_on(&analysis.evaluation.name, "report", "--open")
            ),
        }))
    }

    /// What this voter said, by the count of the analysis: the same figures as on the card and in the report.
    fn verdict(&self, analysis: &Analysis, skipped: usize) -> String {
        let [arm, against] = &self.ballot.arms;
        let screens = Screens::of(&self.ballot.items).in_words();
        let headline = analysis.comparisons.iter().find(|comparison| comparison.is_headline);
        let own = headline.iter().flat_map(|comparison| &comparison.by_judge);
        let rate =
            own.filter(|own| own.judge_id == self.ballot.judge_id).find_map(|own| own.win_rate.as_ref());
        let Some(rate) = rate else {
            return format!(
                "You chose neither {arm} nor {against} on any pair. Skipped: {skipped}. You saw {screens}."
            );
        };
        let chances = self.ballot.items.iter().filter_map(|item| item.draw_probability);
        let share = match is_even(chances) {
            is_plain if rate.estimate.n < ENOUGH && (is_plain || self.ballot.own_first) => format!(" With fewer than {ENOUGH} prompts no win rate is given."),
            true => format!(" A tie counts half: a win rate of {}.", likely(&rate.estimate)),
            false if self.ballot.own_first => format!(
                " A tie counts half: a win rate of {}. Pairs on prompts of the data set were chosen before others.",
                likely(&rate.estimate)
            ),
            false => " Many of these pairs were drawn because judges split on them, so a plain share would mislead: the \
                      analysis weighs each pair by its chance."
                .to_owned(),
        };
        let identical = rate.identical_words().map_or(String::new(), |words| format!(" ({words})"));
        format!(
            "Of {} you chose {arm} on {} and {against} on {}. Ties: {}{identical}. Skipped: {skipped}.{share} You saw {screens}.",
            counted(rate.estimate.n, "prompt", "prompts"),
            rate.wins,
            rate.losses,
            rate.ties
        )
    }

    /// Every vote is one write, so a request that panicked leaves the files whole.
    fn lock(&self) -> MutexGuard<'_, VoteFiles> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
