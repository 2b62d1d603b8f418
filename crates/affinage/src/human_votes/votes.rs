//! The files of votes: `votes.jsonl` (rows like those of judges), `gold_votes.jsonl` (votes on planted pairs) and
//! `vote_sessions.jsonl` (what was taken back, and when who wrote what was shown).

use affinage_eval::ROW_VERSION;
use affinage_eval::human_votes::{AUTHOR_QUESTION, BallotItem, ItemKind, Said, SessionEvent, SessionRow};
use affinage_eval::judgment::{Judgment, MissingReason, Outcome, is_author, is_me, spoken};
use affinage_eval::planted::{GoldVote, LEFT_OUT, haste, planted_results};
use affinage_eval::text::capitalised;
use affinage_project::folder::evaluation::Evaluation;
use jiff::{Timestamp, ToSpan as _};
use serde_json::json;

use crate::ui::Ui;

/// How many screens of an evaluation each of these voters has answered.
pub fn votes_of(folder: &Evaluation, judge_ids: [&String; 2], ui: &Ui) -> anyhow::Result<[usize; 2]> {
    let votes = folder.votes().read(ui)?;
    let gold = folder.planted_votes().read(ui)?;
    let voters = || votes.iter().map(|row| &row.judge_id).chain(gold.iter().map(|row| &row.judge_id));
    Ok(judge_ids.map(|id| voters().filter(|voter| *voter == id).count()))
}

fn is_missing(said: Outcome) -> bool {
    matches!(said, Outcome::Missing { .. })
}

/// The files of one evaluation, for one voter. Several sessions may be open at once: each change is made under a lock,
/// on the files as they are then.
pub struct VoteFiles {
    folder: Evaluation,
    judge_id: String,
    ui: Ui,
    /// Of all voters.
    votes: Vec<Judgment>,
    gold: Vec<GoldVote>,
    /// This voter's items in the order of the votes.
    done: Vec<String>,
    pub is_revealed: bool,
}

impl VoteFiles {
    pub fn open(
        folder: &Evaluation,
        judge_id: &str,
        items: &[BallotItem],
        ui: &Ui,
    ) -> anyhow::Result<VoteFiles> {
        let votes = folder.votes().read(ui)?;
        let gold = folder.planted_votes().read(ui)?;
        let sessions = folder.vote_sessions().read(ui)?;
        let is_revealed =
            sessions.iter().any(|row| row.judge_id == judge_id && row.event == SessionEvent::Revealed);
        let voted_at = |item: &BallotItem| match item.kind {
            ItemKind::Pair(_) => {
                let row = votes.iter().find(|row| row.judgment_id == item.call.judgment_id())?;
                row.finished_at.clone()
            }
            ItemKind::Gold(_) => Some(gold.iter().find(|row| row.item_id == item.id)?.finished_at.clone()),
        };
        let mut done: Vec<(String, String)> =
            items.iter().filter_map(|item| Some((voted_at(item)?, item.id.clone()))).collect();
        done.sort();
        let done = done.into_iter().map(|(_, id)| id).collect();
        let (folder, judge_id, ui) = (folder.clone(), judge_id.to_owned(), ui.clone());
        Ok(VoteFiles { folder, judge_id, ui, votes, gold, done, is_revealed })
    }

    /// Makes one change while other sessions wait, after reading what they have stored meanwhile.
    pub fn change<T>(
        &mut self,
        items: &[BallotItem],
        change: impl FnOnce(&mut VoteFiles) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let _turn = self.folder.turn_to_vote()?;
        *self = VoteFiles::open(&self.folder, &self.judge_id, items, &self.ui)?;
        change(self)
    }

    pub fn is_done(&self, item_id: &str) -> bool {
        self.done.iter().any(|id| id == item_id)
    }

    pub fn count(&self) -> usize {
        self.done.len()
    }

    /// Stores a vote, within [`VoteFiles::change`]; on the disk when this returns. The text under the label is proved to be the winner's first.
    pub fn add(
        &mut self,
        item: &BallotItem,
        said: &Said,
        ms_to_vote: u64,
        at: Timestamp,
    ) -> anyhow::Result<()> {
        let started = at.checked_sub((ms_to_vote.min(86_400_000) as i64).milliseconds()).unwrap_or(at);
        let asked = is_author(&self.judge_id).then(|| ("question".to_owned(), json!(AUTHOR_QUESTION)));
        let row = Judgment {
            draw_probability: item.draw_probability,
            params_effective: asked.into_iter().collect(),
            ..item.call.voted(said, ms_to_vote, (started.to_string(), at.to_string()))
        };
        let comparison = &item.call.comparison;
        item.call.verify(&row, |id| {
            let positions = [&comparison.first, &comparison.second];
            let position = positions.iter().position(|position| position.completion_id == id)?;
            Some(item.texts[position].as_str())
        })?;
        match &item.kind {
            ItemKind::Pair(_) => {
                self.folder.votes().append(&row, &self.ui)?;
                self.votes.push(row);
            }
            ItemKind::Gold(planted) => {
                let is_right = match row.outcome {
                    Outcome::First => item.reference_first(),
                    Outcome::Second => item.reference_first().map(|first| !first),
                    // The author is asked what sounds like them, and of their own words a damaged copy may do so too.
                    Outcome::Tie => (!is_author(&self.judge_id)).then_some(false),
                    Outcome::Missing { .. } => None,
                };
                let vote = GoldVote {
                    v: ROW_VERSION,
                    item_id: item.id.clone(),
                    judge_id: self.judge_id.clone(),
                    damage: planted.kind.name().to_owned(),
                    outcome: row.outcome,
                    is_right,
                    ms_to_vote,
                    finished_at: at.to_string(),
                };
                self.folder.planted_votes().append(&vote, &self.ui)?;
                self.gold.push(vote);
            }
        }
        self.done.push(item.id.clone());
        Ok(())
    }

    /// Takes this voter's last vote out of its file and notes it, within [`VoteFiles::change`]; `None` when there is none.
    pub fn undo(&mut self, items: &[BallotItem]) -> anyhow::Result<Option<String>> {
        let Some(item_id) = self.done.last().cloned() else { return Ok(None) };
        self.take_back(items, &item_id)?;
        Ok(Some(item_id))
    }

    /// Takes back what this voter skipped, so that it is asked again, within [`VoteFiles::change`].
    pub fn take_skipped_back(&mut self, items: &[BallotItem]) -> anyhow::Result<()> {
        let skipped: Vec<String> = self.skipped_items(items).map(|item| item.id.clone()).collect();
        skipped.iter().try_for_each(|item_id| self.take_back(items, item_id))
    }

    /// On how many screens this voter passed.
    pub fn skipped(&self, items: &[BallotItem]) -> usize {
        self.skipped_items(items).count()
    }

    /// How many pairs of the evaluation this voter has compared.
    pub fn compared(&self, items: &[BallotItem]) -> usize {
        let first_looks = items.iter().filter(|item| !item.is_gold() && item.call.repeat == 0);
        first_looks.filter(|item| matches!(self.outcome(item), Some(said) if !is_missing(said))).count()
    }

    fn skipped_items<'i>(&self, items: &'i [BallotItem]) -> impl Iterator<Item = &'i BallotItem> {
        items.iter().filter(|item| self.outcome(item).is_some_and(is_missing))
    }

    fn outcome(&self, item: &BallotItem) -> Option<Outcome> {
        match &item.kind {
            ItemKind::Gold(_) => Some(self.gold.iter().find(|row| row.item_id == item.id)?.outcome),
            ItemKind::Pair(_) => {
                let id = item.call.judgment_id();
                Some(self.votes.iter().find(|row| row.judgment_id == id)?.outcome)
            }
        }
    }

    fn take_back(&mut self, items: &[BallotItem], item_id: &str) -> anyhow::Result<()> {
        let item = items.iter().find(|item| item.id == item_id);
        let judgment_id = item.map(|item| item.call.judgment_id()).unwrap_or_default();
        let outcome = match item.is_some_and(BallotItem::is_gold) {
            true => {
                let at = self.gold.iter().rposition(|row| row.item_id == item_id);
                at.map(|at| self.gold.remove(at).outcome)
            }
            false => {
                let at = self.votes.iter().rposition(|row| row.judgment_id == judgment_id);
                at.map(|at| self.votes.remove(at).outcome)
            }
        };
        let outcome = outcome.unwrap_or(Outcome::Missing { reason: MissingReason::Skipped });
        self.note(SessionEvent::Undone { item_id: item_id.to_owned(), outcome })?;
        self.folder.votes().replace(&self.votes)?;
        if item.is_some_and(BallotItem::is_gold) {
            self.folder.planted_votes().replace(&self.gold)?;
        }
        self.done.retain(|done| done != item_id);
        Ok(())
    }

    pub fn note(&mut self, event: SessionEvent) -> anyhow::Result<()> {
        self.is_revealed |= event == SessionEvent::Revealed;
        let (judge_id, at) = (self.judge_id.clone(), Timestamp::now().to_string());
        let row = SessionRow { v: ROW_VERSION, judge_id, event, at };
        self.folder.vote_sessions().append(&row, &self.ui)
    }

    /// What the planted pairs say of this voter, in the report's words, whether the votes were given too fast to have read, and
    /// whether what came twice was answered alike: one line each.
    pub fn checks(&self, items: &[BallotItem]) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(planted) = planted_results(&self.gold).remove(self.judge_id.as_str()) {
            lines.push(match planted.is_missed() {
                true => format!("{} {LEFT_OUT}", planted.sentence),
                false => planted.sentence,
            });
        }
        let own = self.votes.iter().filter(|row| row.judge_id == self.judge_id);
        lines.extend(haste(&self.judge_id, own.filter_map(|row| row.ms_to_vote).collect()));
        let outcome = |id: &str| self.votes.iter().find(|row| row.judgment_id == id).map(|row| row.outcome);
        let again = items.iter().filter(|item| item.call.repeat > 0 && !item.is_gold());
        let both: Vec<(Outcome, Outcome)> = again
            .filter_map(|item| {
                let first = affinage_eval::judgment::judgment_id(
                    &item.call.comparison.comparison_id,
                    &self.judge_id,
                    0,
                );
                Some((outcome(&first)?, outcome(&item.call.judgment_id())?))
            })
            .collect();
        if !both.is_empty() {
            let same = both.iter().filter(|(first, second)| first == second).count();
            lines.push(format!("Answered alike when shown twice: {same} of {}.", both.len()));
        }
        if is_me(&self.judge_id) {
            // Who reads this is the voter; a report is read by others too.
            let named = capitalised(spoken(&self.judge_id));
            for line in &mut lines {
                if let Some(rest) = line.strip_prefix(&named) {
                    *line = format!("You{rest}");
                }
            }
        }
        lines
    }

    /// On how many pairs of the evaluation this voter passed.
    pub fn passed(&self, items: &[BallotItem]) -> usize {
        self.skipped_items(items).filter(|item| !item.is_gold() && item.call.repeat == 0).count()
    }
}
