//! Speed of a training, measured for some seconds on pieces of its rows before it begins.

use std::time::{Duration, Instant};

use affinage_dataset::tokenize::TokenizedExample;
use affinage_engine::model::{Document, Model};
use affinage_engine::train::{Trainer, document_nll, micro_batch_ranges};

use super::document;
use super::earlier::earlier_pace;
use super::pace::{Ahead, Pace};
use super::plan::Plan;
use crate::folder::project::Project;
use crate::observer::{Observer, Progress};

/// Steps whose micro-batches stand for all.
const LOOKED_AT: usize = 64;
/// Tokens of the piece that brings the weights into memory, and of the first one that is measured.
const WARM_UP: usize = 16;
const SHORT: usize = 64;
/// A longer piece is chosen to take about so long.
const PIECE_S: f64 = 6.0;
/// So many times the short piece is the longer one at least: what lies between them tells what a token takes.
const LONGER: usize = 3;
/// Pieces: warming up, short, longer and again longer, evaluation.
const PIECES: u64 = 5;

/// What was measured.
#[derive(Debug)]
pub struct Calibration {
    pub tokens_per_s: f64,
    /// On how many tokens.
    pub tokens: usize,
    /// One evaluation of all validation rows; zero without any.
    pub evaluation_s: f64,
    /// Tokens a second of an evaluation.
    pub scored_per_s: f64,
}

/// What a micro-batch takes: something for each (the weights are unpacked for it) and something for each token. Two pieces
/// of different lengths tell the two apart, so none of them needs to be as long as a micro-batch.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// Tokens and seconds of the longer piece.
    at: (usize, f64),
    seconds_per_token: f64,
}

impl Cost {
    fn of(short: (usize, f64), long: (usize, f64)) -> Cost {
        let more = long.0.saturating_sub(short.0);
        let slope = if more == 0 { 0.0 } else { (long.1 - short.1) / more as f64 };
        // Whatever the clock says: a token costs time, and no more of it than its share of the whole piece.
        let share = long.1 / long.0.max(1) as f64;
        Cost { at: long, seconds_per_token: if slope > 0.0 { slope.min(share) } else { share } }
    }

    fn seconds(&self, tokens: usize) -> f64 {
        let (measured, seconds) = self.at;
        (seconds + self.seconds_per_token * (tokens as f64 - measured as f64)).max(f64::MIN_POSITIVE)
    }
}

impl Calibration {
    /// The speed that the newest training of this kind in the project had, else one that is measured now: everything that is said
    /// of a training before it begins is told by this.
    pub fn of(ctx: &Project, engine: &Model, plan: &Plan) -> anyhow::Result<Calibration> {
        match Calibration::known(ctx, plan)? {
            Some(known) => Ok(known),
            None => Calibration::measure(engine, plan, &ctx.ui),
        }
    }

    /// The speed of the newest training of this kind in the project, see [`earlier_pace`]; says which it is.
    ///
    /// Errors: the events of a run cannot be read.
    pub fn known(ctx: &Project, plan: &Plan) -> anyhow::Result<Option<Calibration>> {
        let Some(earlier) = earlier_pace(ctx, &plan.config)? else { return Ok(None) };
        let scored: usize = plan.validation.iter().map(|row| row.ids.len()).sum();
        let learned = plan.validation.iter().flat_map(|row| row.loss_mask.iter().skip(1)).filter(|on| **on);
        let (tokens_per_s, tokens) = (earlier.pace.tokens_per_s(), earlier.pace.tokens());
        let (evaluation_s, scored_per_s) = match (scored, earlier.seconds_per_validation_token) {
            (0, _) => (0.0, tokens_per_s),
            (_, None) => return Ok(None),
            (_, Some(each)) => {
                let evaluation_s = each * learned.count() as f64;
                (evaluation_s, scored as f64 / evaluation_s)
            }
        };
        ctx.ui.say(format!("the time is told by how fast the training {} was", earlier.run));
        Ok(Some(Calibration { tokens_per_s, tokens, evaluation_s, scored_per_s }))
    }

    /// Nothing is updated or written. It takes about half a minute at most, however long the rows are.
    fn measure(engine: &Model, plan: &Plan, ui: &dyn Observer) -> anyhow::Result<Calibration> {
        let mut trainer = Trainer::new(engine, plan.new_adapter(engine), plan.engine_config());
        let rows: Vec<&TokenizedExample> =
            plan.middle_micro_batch().into_iter().map(|row| &plan.train[row]).collect();
        let whole: usize = rows.iter().map(|row| row.ids.len()).sum();
        let progress = ui.progress("measuring the speed", PIECES, "parts");
        let mut timed = |tokens: usize| -> anyhow::Result<(usize, f64)> {
            let pieces = pieces(&rows, tokens);
            let documents = documents(&pieces);
            let began = Instant::now();
            trainer.gradient(&documents)?;
            progress.advance(1);
            Ok((pieces.iter().map(|piece| piece.ids.len()).sum(), began.elapsed().as_secs_f64()))
        };
        timed(WARM_UP)?;
        let short = timed(SHORT)?;
        let within = (PIECE_S * short.0 as f64 / short.1) as usize;
        let long = within.max(LONGER * SHORT).min(whole);
        // The longer one twice, and an evaluation of as many tokens without a backward.
        tell_left(&progress, 2.5 * short.1 * long as f64 / short.0 as f64, 3);
        // What another program does meanwhile makes a piece slower and never faster.
        let first = timed(long)?;
        // Once more, and an evaluation without a backward.
        tell_left(&progress, 1.5 * first.1, 2);
        let again = timed(long)?;
        let long = if again.1 < first.1 { again } else { first };
        let cost = Cost::of(short, long);
        let tokens_per_s = whole as f64 / cost.seconds(whole);
        let evaluation_s = evaluation_s(engine, &trainer, plan, cost);
        progress.finish("");
        let scored: usize = plan.validation.iter().map(|row| row.ids.len()).sum();
        let scored_per_s = if scored == 0 { tokens_per_s } else { scored as f64 / evaluation_s };
        Ok(Calibration { tokens_per_s, tokens: short.0 + long.0, evaluation_s, scored_per_s })
    }

    /// How long `ahead` takes at this speed.
    pub fn time(&self, ahead: Ahead) -> Duration {
        let mut pace = Pace::default();
        pace.step(self.tokens as u64, self.tokens as f64 / self.tokens_per_s);
        pace.evaluated(self.evaluation_s);
        pace.left(ahead).unwrap_or_default()
    }
}

/// Says how many seconds the pieces that are left will take.
fn tell_left(progress: &Progress, seconds: f64, pieces: usize) {
    progress.tell(pieces as f64 / seconds.max(1e-3), Duration::from_secs_f64(seconds));
}

/// Seconds of a pass over all validation rows, from as many tokens of a group of middle size as were trained on.
fn evaluation_s(engine: &Model, trainer: &Trainer, plan: &Plan, cost: Cost) -> f64 {
    let lens: Vec<usize> = plan.validation.iter().map(|row| row.ids.len()).collect();
    let limit = plan.config.micro_batch_tokens;
    let mut groups = micro_batch_ranges(&lens, limit);
    groups.sort_by_key(|group| lens[group.clone()].iter().sum::<usize>());
    let Some(middle) = groups.get(groups.len() / 2) else { return 0.0 };
    let rows: Vec<&TokenizedExample> = plan.validation[middle.clone()].iter().collect();
    let whole: usize = lens[middle.clone()].iter().sum();
    let pieces = pieces(&rows, cost.at.0);
    let tokens: usize = pieces.iter().map(|piece| piece.ids.len()).sum();
    let began = Instant::now();
    document_nll(engine, Some(&trainer.adapter), &documents(&pieces), limit, |_| {});
    let group_s = began.elapsed().as_secs_f64() * cost.seconds(whole) / cost.seconds(tokens);
    group_s * lens.iter().sum::<usize>() as f64 / whole as f64
}

fn documents(pieces: &[TokenizedExample]) -> Vec<Document<'_>> {
    pieces.iter().enumerate().map(|(row, piece)| document(row, piece)).collect()
}

/// A piece of each row, `tokens` together where the rows have more.
fn pieces(rows: &[&TokenizedExample], tokens: usize) -> Vec<TokenizedExample> {
    let whole: usize = rows.iter().map(|row| row.ids.len()).sum();
    rows.iter().map(|row| piece(row, (row.ids.len() * tokens).div_ceil(whole.max(1)))).collect()
}

/// `tokens` of a row around the beginning of its answer, with about its share of tokens that are learned: what is learned
/// takes longer.
fn piece(row: &TokenizedExample, tokens: usize) -> TokenizedExample {
    let len = row.ids.len();
    let tokens = tokens.clamp(2.min(len), len);
    let learned = row.loss_mask.iter().filter(|on| **on).count();
    let first = row.loss_mask.iter().position(|on| *on).unwrap_or(0);
    let before = (tokens * (len - learned)).div_ceil(len.max(1)).clamp(1, tokens.saturating_sub(1).max(1));
    let start = first.saturating_sub(before).min(len - tokens);
    TokenizedExample {
        example_id: row.example_id.clone(),
        ids: row.ids[start..start + tokens].to_vec(),
        loss_mask: row.loss_mask[start..start + tokens].to_vec(),
    }
}

impl Plan {
    /// Rows of a micro-batch of middle size among those of the first steps.
    fn middle_micro_batch(&self) -> Vec<usize> {
        let len = |row: &usize| self.train[*row].ids.len();
        let mut batches: Vec<Vec<usize>> = Vec::new();
        for step in 1..=self.steps.min(LOOKED_AT) {
            let rows = self.rows_of(step);
            let lens: Vec<usize> = rows.iter().map(len).collect();
            let groups = micro_batch_ranges(&lens, self.config.micro_batch_tokens);
            batches.extend(groups.into_iter().map(|group| rows[group].to_vec()));
        }
        batches.sort_by_cached_key(|rows| rows.iter().map(len).sum::<usize>());
        let middle = batches.len() / 2;
        batches.into_iter().nth(middle).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(asked: usize, answered: usize) -> TokenizedExample {
        let len = asked + answered;
        TokenizedExample {
            example_id: String::new(),
            ids: (0..len as u32).collect(),
            loss_mask: (0..len).map(|at| at >= asked).collect(),
        }
    }

    fn learned(piece: &TokenizedExample) -> usize {
        piece.loss_mask.iter().skip(1).filter(|on| **on).count()
    }

    #[test]
    fn a_piece_of_a_row_learns_about_the_share_that_the_row_does() {
        for (asked, answered) in [(300, 100), (10, 390), (399, 1), (1, 5)] {
            let row = row(asked, answered);
            for tokens in [2, 64, 200] {
                let piece = piece(&row, tokens);
                let wanted = tokens.min(asked + answered);
                assert_eq!(piece.ids.len(), wanted, "{asked} {answered} {tokens}");
                assert!(learned(&piece) >= 1, "{asked} {answered} {tokens}");
                let share = (wanted * answered) as f64 / (asked + answered) as f64;
                assert!(
                    (learned(&piece) as f64 - share).abs() <= 2.0,
                    "{asked} {answered} {tokens}: {piece:?}"
                );
            }
        }
    }

    #[test]
    fn pieces_of_long_rows_are_as_short_as_asked_for() {
        let (one, other) = (row(2000, 1000), row(50, 950));
        let short = pieces(&[&one, &other], 64);
        let tokens: usize = short.iter().map(|piece| piece.ids.len()).sum();
        assert!((64..=66).contains(&tokens), "{tokens}");
        assert_eq!(pieces(&[&row(3, 3)], 6)[0], row(3, 3), "no more than there is");
    }

    #[test]
    fn two_pieces_tell_what_a_whole_micro_batch_takes() {
        // Two seconds to begin, then 10 ms a token.
        let cost = Cost::of((64, 2.64), (500, 7.0));
        assert!((cost.seconds(1000) - 12.0).abs() < 1e-9);
        // A clock that runs backwards or pieces of one length: the mean of the longer piece.
        assert!((Cost::of((64, 9.0), (500, 5.0)).seconds(1000) - 10.0).abs() < 1e-9);
        assert!((Cost::of((6, 1.0), (6, 3.0)).seconds(12) - 6.0).abs() < 1e-9);
    }
}
