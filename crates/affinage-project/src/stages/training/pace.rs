//! How long the rest of a training takes, learnt from what its steps and evaluations took so far.

use std::collections::BTreeMap;
use std::time::Duration;

use affinage_eval::plain;

use super::plan::{Plan, is_evaluated_after};
use crate::folder::config::Config;
use crate::folder::events::{Event, Record};
use crate::folder::run::Run;
use crate::observer::Silent;

/// Seconds of training and of evaluating, each apart: tokens of a step and of a validation row have different speeds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pace {
    train_tokens: u64,
    train_seconds: f64,
    evaluations: usize,
    evaluation_seconds: f64,
}

/// What a training has before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    pub tokens: u64,
    pub evaluations: usize,
}

impl Ahead {
    /// Everything after `step`.
    pub fn after(plan: &Plan, step: usize) -> Ahead {
        let tokens_of = |step| plan.rows_of(step).into_iter().map(|row| plan.train[row].ids.len() as u64);
        let done: u64 = (1..=step).flat_map(tokens_of).sum();
        let evaluations = (step + 1..=plan.steps).filter(|step| plan.evaluated_after(*step)).count();
        Ahead { tokens: plan.tokens() - done, evaluations }
    }

    /// Everything, the evaluation before the first step included.
    pub fn all(plan: &Plan) -> Ahead {
        let after_start = Ahead::after(plan, 0);
        Ahead { evaluations: after_start.evaluations + 1, ..after_start }
    }
}

impl Pace {
    /// What the events of a run that goes on tell of its speed.
    pub fn of(records: &[Record]) -> Pace {
        let mut pace = Pace::default();
        for record in records {
            match &record.event {
                Event::TrainStep(step) => pace.step(step.tokens, step.seconds),
                Event::Evaluated(evaluated) => pace.evaluated(evaluated.seconds),
                _ => {}
            }
        }
        pace
    }

    pub fn step(&mut self, tokens: u64, seconds: f64) {
        self.train_tokens += tokens;
        self.train_seconds += seconds;
    }

    pub fn evaluated(&mut self, seconds: f64) {
        self.evaluations += 1;
        self.evaluation_seconds += seconds;
    }

    /// Of the steps alone; zero before the first.
    pub fn tokens_per_s(&self) -> f64 {
        if self.train_seconds > 0.0 { self.train_tokens as f64 / self.train_seconds } else { 0.0 }
    }

    /// Of the steps so far.
    pub fn tokens(&self) -> usize {
        self.train_tokens as usize
    }

    /// A step of so many tokens; `None` before the first.
    pub fn step_time(&self, tokens: u64) -> Option<Duration> {
        self.left(Ahead { tokens, evaluations: 0 })
    }

    /// The first step of so many tokens, by what an evaluation of `evaluated` tokens took: a step also goes back through the model,
    /// at about twice the price. `None` before the first evaluation.
    pub fn first_step_time(&self, tokens: u64, evaluated: u64) -> Option<Duration> {
        const TIMES: f64 = 3.0;
        let each = self.evaluation_seconds / self.evaluations as f64;
        Duration::try_from_secs_f64(TIMES * each * tokens as f64 / evaluated as f64).ok()
    }

    /// Steps and evaluations together; `None` before the first step.
    pub fn left(&self, ahead: Ahead) -> Option<Duration> {
        let speed = self.tokens_per_s();
        let each = self.evaluation_seconds / self.evaluations.max(1) as f64;
        let seconds = ahead.tokens as f64 / speed + ahead.evaluations as f64 * each;
        (speed > 0.0).then(|| Duration::try_from_secs_f64(seconds).ok()).flatten()
    }
}

/// Where a run stands that a process trains now: "step 12 of 44, about 20 minutes left"; `None` where none does.
///
/// Errors: its events or its configuration cannot be read.
pub fn standing(run: &Run) -> anyhow::Result<Option<String>> {
    if !run.is_training() {
        return Ok(None);
    }
    let records = run.events(&Silent)?;
    let steps = records.iter().find_map(|record| match &record.event {
        Event::RunStarted(started) => Some(started.steps),
        _ => None,
    });
    let done = records.iter().rev().find_map(|record| match &record.event {
        Event::TrainStep(step) => Some(step.step),
        _ => None,
    });
    let (Some(steps), Some(done)) = (steps, done) else {
        return Ok(Some("before its first step".to_owned()));
    };
    let config = Config::parse(&run.run_toml()?, &[]).map_err(|error| error.located("run.toml"))?;
    let left = time_left(&records, config.train.eval_every);
    let left = left.map_or(String::new(), |left| format!(", about {} left", plain::duration(left)));
    Ok(Some(format!("step {} of {}{left}", plain::count(done as u64), plain::count(steps as u64))))
}

/// How long a run has before it, as its events tell and as its own process says it; `None` before its first step. Of a run whose
/// events do not name its tokens, each of the steps to come is taken to be an average one.
pub fn time_left(records: &[Record], eval_every: Option<usize>) -> Option<Duration> {
    let (mut planned, mut planned_tokens, mut done) = (0, 0, 0);
    // A step that is taken again after a stop counts once.
    let mut tokens_of = BTreeMap::new();
    // An evaluation follows its step.
    let mut evaluated = 0;
    for record in records {
        match &record.event {
            Event::RunStarted(started) => (planned, planned_tokens) = (started.steps, started.tokens),
            Event::TrainStep(step) => {
                done = step.step;
                tokens_of.insert(step.step, step.tokens);
            }
            Event::Evaluated(found) => evaluated = found.step,
            _ => {}
        }
    }
    let pace = Pace::of(records);
    let steps = planned.saturating_sub(done) as u64;
    let taken: u64 = tokens_of.range(..=done).map(|(_, tokens)| tokens).sum();
    let tokens = match planned_tokens {
        0 => pace.train_tokens / u64::try_from(tokens_of.len()).ok().filter(|seen| *seen > 0)? * steps,
        all => all.saturating_sub(taken),
    };
    let first = if evaluated < done { done } else { done + 1 };
    let evaluations = (first..=planned).filter(|step| is_evaluated_after(eval_every, planned, *step)).count();
    pace.left(Ahead { tokens, evaluations })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_run_is_told_by_its_own_tokens() {
        let started = |tokens| {
            let run = serde_json::json!({
                "event": "run-started", "model": "m", "base_sha256": "", "dataset": "v1", "dataset_sha256": "", "examples": 4,
                "steps": 4, "tokens": tokens, "epochs": 1, "trainable_parameters": 1, "total_parameters": 1,
            });
            serde_json::from_value::<Event>(run).expect("an event")
        };
        let step = |step: usize| {
            let taken = serde_json::json!({
                "event": "train-step", "step": step, "epoch": 0.25, "loss": 1.0, "learning_rate": 0.1, "tokens": 700,
                "supervised_tokens": 300, "tokens_per_s": 100.0, "peak_rss_bytes": null, "seconds": 7.0,
            });
            serde_json::from_value::<Event>(taken).expect("an event")
        };
        let left = |events: Vec<Event>| {
            let record = |event| Record { v: 1, at: jiff::Timestamp::UNIX_EPOCH, event };
            time_left(&events.into_iter().map(record).collect::<Vec<_>>(), Some(4))
        };
        assert_eq!(left(vec![started(1000)]), None);
        // The first step was the longest by far.
        assert_eq!(left(vec![started(1000), step(1)]), Some(Duration::from_secs(3)));
        // Taken again after a stop it counts once.
        assert_eq!(left(vec![started(1000), step(1), step(1)]), Some(Duration::from_secs(3)));
        // Runs of earlier versions do not say how many tokens they have.
        assert_eq!(left(vec![started(0), step(1)]), Some(Duration::from_secs(21)));
    }

    #[test]
    fn the_rest_counts_steps_and_evaluations_at_their_own_speeds() {
        let mut pace = Pace::default();
        let ahead = Ahead { tokens: 3000, evaluations: 4 };
        pace.evaluated(20.0);
        assert_eq!(pace.left(ahead), None, "no step yet");
        pace.step(500, 5.0);
        pace.step(250, 2.5);
        assert_eq!(pace.tokens_per_s(), 100.0);
        assert_eq!(pace.left(ahead), Some(Duration::from_secs(30 + 80)));
        assert_eq!(pace.step_time(250), Some(Duration::from_millis(2500)));
        pace.evaluated(10.0);
        assert_eq!(pace.left(ahead), Some(Duration::from_secs(30 + 60)));
        assert_eq!(pace.left(Ahead { tokens: 0, evaluations: 0 }), Some(Duration::ZERO));
    }
}
