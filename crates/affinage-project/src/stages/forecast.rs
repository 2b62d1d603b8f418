//! How long a run will take, measured for some seconds on this machine and said before the time is spent.

use std::time::{Duration, Instant};

use affinage_engine::generate::{Generator, Request};
use affinage_engine::model::Model;
use affinage_eval::analyze::ENOUGH;
use affinage_eval::suite::{Domain, Prompt};
use affinage_report::plain::{count, counted, duration};

use crate::folder::config::Config;
use crate::folder::datasets::DatasetVersion;
use crate::folder::project::Project;
use crate::model::{LoadedModel, packed_engine};
use crate::stages::evaluation::plan::has_example;
use crate::stages::evaluation::room;
use crate::stages::generation::sampling;
use crate::stages::suites::{self, BUILT_IN_PROMPTS};
use crate::stages::training::{Ahead, Calibration, Plan};

/// Tokens of the beginnings that are read to measure how fast prompts are, and steps of writing after them.
const READ: usize = 24;
const STEPS: usize = 8;
/// Built-in prompts that the shorter evaluation asks of each suite.
const FEW: usize = 10;

/// What an evaluation will ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Asked {
    /// Answers of the base, and of checkpoints and other models here.
    base: usize,
    tuned: usize,
    /// Words of all prompts, each as often as it is asked.
    prompt_words: usize,
    /// Held-out texts to score, each as often as it is scored.
    scored: usize,
}

impl Asked {
    fn answers(&self) -> usize {
        self.base + self.tuned
    }

    /// What `config` asks of these prompts; `has_example` says whether a training row is short enough to stand before one.
    fn of(config: &Config, prompts: &[Prompt], has_example: bool) -> Asked {
        let eval = &config.eval;
        let named = eval.checkpoints.iter().filter(|name| *name != "last").count();
        let here = config.arms.iter().filter(|arm| arm.base_url.is_none()).count();
        let tuned = 1 + named + here;
        let asked_well =
            usize::from(eval.system_prompt.as_deref().is_none_or(|text| !text.trim().is_empty()))
                + usize::from(eval.examples > 0 && has_example);
        let each = eval.repeats.unwrap_or(config.generate.samples)
            * (1 + eval.temperatures.len() + eval.lengths.len());
        let mut asked = Asked::default();
        for prompt in prompts {
            let is_own = prompt.domain == Domain::In;
            let base = if is_own { 1 + asked_well } else { 1 };
            asked.base += each * base;
            asked.tuned += each * tuned;
            let words: usize = prompt.messages.iter().map(|m| m.content.split_whitespace().count()).sum();
            asked.prompt_words += words * each * (base + tuned);
            // Every arm reads the user's own answer, two of them also one under a wrong prompt.
            asked.scored += if is_own { base + tuned + 2 } else { 0 };
        }
        asked
    }
}

/// Tokens a second of all sequences of a batch together.
#[derive(Clone, Copy, Debug)]
struct Speed {
    read: f64,
    written: f64,
}

/// How long each part takes.
struct Parts {
    steps: Duration,
    /// All passes over the validation rows.
    validation: Duration,
    answers: Duration,
    scoring: Duration,
}

/// How much each part has to do.
struct Counts {
    steps: String,
    looks: usize,
    validation_rows: usize,
    answers: usize,
    is_judged: bool,
}

impl Parts {
    fn in_words(&self, counts: &Counts) -> String {
        let Parts { steps, validation, answers, scoring } = *self;
        let looks = match counts.validation_rows {
            0 => String::new(),
            rows => format!(
                ", measuring {} on {} validation rows {}",
                counted(counts.looks, "time", "times"),
                count(rows as u64),
                duration(validation)
            ),
        };
        format!(
            "from here about {} on this machine: training {} ({}){looks}, {} {}, measuring how likely your own answers are to \
             the models {}{}",
            duration(steps + validation + answers + scoring),
            duration(steps),
            counts.steps,
            counted(counts.answers, "answer", "answers"),
            duration(answers),
            duration(scoring),
            if counts.is_judged { "; judging comes on top" } else { "" },
        )
    }
}

/// Says how long training, answers and scores take, and what makes it shorter. `done` is the step that a resumed training
/// goes on from.
pub fn say(
    ctx: &Project,
    model: &LoadedModel,
    engine: &Model,
    (plan, done): (&Plan, Option<usize>),
    version: &DatasetVersion,
) -> anyhow::Result<()> {
    let calibration = Calibration::measure(engine, plan, &ctx.ui)?;
    let speed = decoding(ctx, model, plan)?;
    let held_out = suites::test_prompts(version, &ctx.ui)?;
    let prompts = |config: &Config| suites::chosen(ctx, config, held_out.clone());
    // Answers are as long as the evaluation will let them be.
    let (config, _) = room::decided(ctx, model, (None, version))?;
    let has_example = has_example(&version.rows("train", &ctx.ui)?);
    let asked = Asked::of(&config, &prompts(&config)?, has_example);
    let ahead = done.map_or(Ahead::all(plan), |step| Ahead::after(plan, step));
    let row = plan.train.iter().map(|row| row.ids.len()).sum::<usize>() as f64 / plan.train.len() as f64;
    let parts = Parts {
        steps: calibration.time(Ahead { evaluations: 0, ..ahead }),
        validation: calibration.time(Ahead { tokens: 0, ..ahead }),
        answers: answering(&config, plan, asked, speed),
        scoring: Duration::from_secs_f64(asked.scored as f64 * row / calibration.scored_per_s),
    };
    ctx.ui.say(parts.in_words(&Counts {
        steps: match done {
            Some(step) => format!("{} of {} left", plan.steps - step, counted(plan.steps, "step", "steps")),
            None => counted(plan.steps, "step", "steps"),
        },
        looks: ahead.evaluations,
        validation_rows: plan.validation.len(),
        answers: asked.answers(),
        is_judged: !config.judges.is_empty(),
    }));
    ctx.ui.say("Ctrl-C stops it at any time; the same command, run again, goes on from there");
    say_shorter(ctx, &config, &prompts, (asked, has_example))?;
    // A resumed training has its steps.
    if done.is_none() && plan.steps > 1 {
        ctx.ui.say(format!(
            "to train half as long (the model then learns less): `affinage --set train.max-steps={} run`",
            plan.steps.div_ceil(2)
        ));
    }
    Ok(())
}

/// Names the number of prompts that asks for fewer answers, and what it costs: a number that leaves enough questions with
/// one right answer for a word on forgetting, where there is one.
fn say_shorter(
    ctx: &Project,
    config: &Config,
    prompts: &impl Fn(&Config) -> anyhow::Result<Vec<Prompt>>,
    (asked, has_example): (Asked, bool),
) -> anyhow::Result<()> {
    let checked = |prompts: &[Prompt]| prompts.iter().filter(|prompt| prompt.check.is_some()).count();
    let has_enough = checked(&prompts(config)?) >= ENOUGH;
    let mut least = None;
    for number in FEW..BUILT_IN_PROMPTS {
        let mut short = config.clone();
        short.eval.prompts_per_suite = Some(number);
        let fewer = prompts(&short)?;
        let is_enough = checked(&fewer) >= ENOUGH;
        let answers = Asked::of(&short, &fewer, has_example).answers();
        if answers < asked.answers() && (least.is_none() || is_enough) {
            least = Some((number, answers, is_enough));
        }
        if is_enough || !has_enough {
            break;
        }
    }
    let Some((number, answers, is_enough)) = least else { return Ok(()) };
    let cost = match is_enough || !has_enough {
        true => "wider intervals".to_owned(),
        false => format!("too few for a word on forgetting, which needs {ENOUGH} checked questions"),
    };
    ctx.ui.say(format!(
        "shorter: `affinage --set eval.prompts-per-suite={number} run` asks for {}; its price: {cost}",
        counted(answers, "answer", "answers"),
    ));
    Ok(())
}

/// The base writes to the limit of new tokens, a tuned model about as much as the answers that it learned.
fn answering(config: &Config, plan: &Plan, asked: Asked, speed: Speed) -> Duration {
    /// Tokens of a word, and of what a template writes around a prompt.
    const TOKENS_A_WORD: f64 = 1.4;
    const AROUND: usize = 20;
    let limit = config.eval.max_new_tokens.unwrap_or(config.generate.max_new_tokens) as f64;
    let learned = (plan.supervised_tokens() as f64 / plan.train.len() as f64).min(limit);
    let written = asked.base as f64 * limit + asked.tuned as f64 * learned;
    let read = asked.prompt_words as f64 * TOKENS_A_WORD + (AROUND * asked.answers()) as f64;
    Duration::from_secs_f64(written / speed.written + read / speed.read)
}

/// Measures reading and writing in batches, as the evaluation does it.
fn decoding(ctx: &Project, model: &LoadedModel, plan: &Plan) -> anyhow::Result<Speed> {
    let engine = packed_engine(&ctx.ui, model)?;
    let config = &ctx.config.generate;
    let progress = ctx.ui.progress("measuring answers", 1 + STEPS as u64, "parts");
    let mut generator = Generator::new(&engine, None, &[]);
    let (mut tokens, began) = (0, Instant::now());
    for row in plan.train.iter().cycle().take(config.batch) {
        let prompt = row.ids[..READ.min(row.ids.len())].to_vec();
        tokens += prompt.len();
        generator.start(Request { prompt, sampling: sampling(config), seed: 1, max_new_tokens: 1 + STEPS });
    }
    generator.step();
    let read = tokens as f64 / began.elapsed().as_secs_f64();
    progress.advance(1);
    let began = Instant::now();
    for _ in 0..STEPS {
        generator.step();
        progress.advance(1);
    }
    let written = (STEPS * config.batch) as f64 / began.elapsed().as_secs_f64();
    progress.finish("");
    Ok(Speed { read, written })
}

#[cfg(test)]
mod tests {
    use affinage_dataset::message::{Message, Role};
    use affinage_eval::suite::Split;

    use super::*;

    fn prompt(domain: Domain) -> Prompt {
        Prompt {
            v: 1,
            prompt_id: String::new(),
            cluster_id: String::new(),
            split: Split::Report,
            domain,
            category: String::new(),
            messages: vec![Message::new(Role::User, "Why does the tide return?")],
            reference: None,
            check: None,
            source_hash: String::new(),
        }
    }

    #[test]
    fn every_part_of_the_time_is_named_and_they_add_up() {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        let (steps, validation, answers, scoring) = (minutes(10), minutes(3), minutes(20), minutes(2));
        let parts = Parts { steps, validation, answers, scoring };
        let counts = |validation_rows| Counts {
            steps: "44 steps".to_owned(),
            looks: 5,
            validation_rows,
            answers: 120,
            is_judged: true,
        };
        let said = parts.in_words(&counts(36));
        assert_eq!(
            said,
            format!(
                "from here about {} on this machine: training {} (44 steps), measuring 5 times on 36 validation rows {}, \
                 120 answers {}, measuring how likely your own answers are to the models {}; judging comes on top",
                duration(minutes(35)),
                duration(steps),
                duration(validation),
                duration(answers),
                duration(scoring)
            )
        );
        assert!(!parts.in_words(&counts(0)).contains("validation"), "nothing is said of what is not there");
    }

    #[test]
    fn every_arm_answers_what_is_its_own_and_two_answer_the_rest() {
        let prompts = [prompt(Domain::In), prompt(Domain::Out), prompt(Domain::Out)];
        let mut config = Config::default();
        let asked = Asked::of(&config, &prompts, true);
        // base, base+prompt, base+examples and the checkpoint; then base and the checkpoint twice.
        assert_eq!(asked, Asked { base: 5, tuned: 3, prompt_words: 8 * 5, scored: 6 });
        let without = Asked::of(&config, &prompts, false);
        assert_eq!((without.base, without.tuned), (4, 3), "no row is short enough to be an example");
        config.eval.examples = 0;
        config.eval.system_prompt = Some(String::new());
        config.eval.repeats = Some(2);
        assert_eq!(Asked::of(&config, &prompts, true).answers(), 12);
    }
}
