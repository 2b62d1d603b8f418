//! How long a run will take, measured for some seconds on this machine and said before the time is spent.

use std::iter::repeat_n;
use std::time::{Duration, Instant};

use affinage_engine::generate::{Generator, Request};
use affinage_engine::model::Model;
use affinage_eval::analysis::FEWEST;
use affinage_eval::analyze::ENOUGH;
use affinage_eval::human_votes;
use affinage_eval::plain::{count, counted, duration};
use affinage_eval::suite::{Domain, Prompt};
use serde::Serialize;

use crate::folder::config::Config;
use crate::folder::datasets::DatasetVersion;
use crate::folder::project::Project;
use crate::model::{LoadedModel, packed_engine};
use crate::next::next;
use crate::stages::evaluation::plan::{PLAIN_INSTRUCTION, example_words};
use crate::stages::evaluation::room;
use crate::stages::generation::sampling;
use crate::stages::suites::{self, BUILT_IN_PROMPTS};
use crate::stages::training::{Ahead, Calibration, Plan, Prepared, prepare};

/// Tokens of the beginnings that are read to measure how fast prompts are, and steps of writing after them.
const READ: usize = 24;
const STEPS: usize = 8;
/// Tokens of a word.
const TOKENS_A_WORD: f64 = 1.4;
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
    /// Words of the instruction and the examples that are scored before them: of these every text has its own.
    words_before: usize,
}

impl Asked {
    fn answers(&self) -> usize {
        self.base + self.tuned
    }

    /// What `config` asks of these prompts; `example_words` are those of the examples before one, 0 without any.
    fn of(config: &Config, prompts: &[Prompt], example_words: usize) -> Asked {
        let eval = &config.eval;
        let named = eval.checkpoints.iter().filter(|name| *name != "last").count();
        let here = config.arms.iter().filter(|arm| arm.base_url.is_none()).count();
        let tuned = 1 + named + here;
        let instruction = instruction(config);
        let asked_well = usize::from(!instruction.is_empty()) + usize::from(example_words > 0);
        let before = instruction.split_whitespace().count() + example_words;
        let each = answers_each(config);
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
            asked.words_before += if is_own { before } else { 0 };
        }
        asked
    }
}

/// The instruction of the base that is asked well; empty: there is none.
fn instruction(config: &Config) -> &str {
    config.eval.system_prompt.as_deref().unwrap_or(PLAIN_INSTRUCTION).trim()
}

/// Answers of an arm to a prompt.
fn answers_each(config: &Config) -> usize {
    let eval = &config.eval;
    eval.repeats.unwrap_or(config.generate.samples) * (1 + eval.temperatures.len() + eval.lengths.len())
}

/// Whose the answers are that [`Asked`] counts: `20 of base, 12 of base+prompt, 20 of your model`.
fn arms_in_words(config: &Config, prompts: &[Prompt], example_words: usize, asked: Asked) -> String {
    let own = answers_each(config) * prompts.iter().filter(|prompt| prompt.domain == Domain::In).count();
    let asked_well = [("base+prompt", !instruction(config).is_empty()), ("base+examples", example_words > 0)];
    let asked_well: Vec<&str> =
        asked_well.iter().filter(|(_, is_asked)| *is_asked && own > 0).map(|(name, _)| *name).collect();
    let of = |number: usize, whose: &str| format!("{} of {whose}", count(number as u64));
    let mut parts = vec![of(asked.base - own * asked_well.len(), "base")];
    parts.extend(asked_well.iter().map(|name| of(own, name)));
    parts.push(of(asked.tuned, "your model and of other models here"));
    if config.eval.checkpoints.iter().all(|name| name == "last") && config.arms.is_empty() {
        parts.pop();
        parts.push(of(asked.tuned, "your model"));
    }
    parts.join(", ")
}

/// How fast the model answers.
#[derive(Clone, Copy, Debug)]
struct Speed {
    /// Tokens of prompts read in a second.
    read: f64,
    /// Seconds of a step of writing by itself, for which the weights are read once, and of each sequence in it.
    step_s: f64,
    sequence_s: f64,
}

impl Speed {
    /// From what a step takes with one sequence and with several.
    fn of(read: f64, alone_s: f64, (sequences, together_s): (usize, f64)) -> Speed {
        let more = sequences.saturating_sub(1).max(1) as f64;
        // Whatever the clock says: a sequence costs time, and no more of it than its share.
        let share = together_s / sequences.max(1) as f64;
        let sequence_s = ((together_s - alone_s) / more).clamp(0.0, share);
        Speed { read, step_s: together_s - sequence_s * sequences as f64, sequence_s }
    }

    /// Seconds to write answers of these lengths, at most `batch` at once; one that ends makes room for the next. The last
    /// ones have the steps to themselves.
    fn writing_s(self, lengths: impl Iterator<Item = usize>, batch: usize) -> f64 {
        let (mut waiting, mut writing, mut seconds) = (lengths, Vec::new(), 0.0);
        loop {
            let free = batch.max(1) - writing.len();
            writing.extend(waiting.by_ref().take(free));
            let Some(&least) = writing.iter().min() else { return seconds };
            seconds += least as f64 * (self.step_s + self.sequence_s * writing.len() as f64);
            writing.retain_mut(|left| {
                *left -= least;
                *left > 0
            });
        }
    }
}

/// How long each part takes.
struct Parts {
    /// The model, which is loaded again to answer.
    loading: Duration,
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
    /// See [`arms_in_words`].
    arms: String,
    is_judged: bool,
}

impl Parts {
    fn in_words(&self, counts: &Counts) -> String {
        let Parts { loading, steps, validation, answers, scoring } = *self;
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
            "from here about {} on this machine: training {} ({}){looks}, loading the model to answer {}, {} ({}) {}, measuring \
             how likely the held-out answers are to the models {}{}",
            duration(loading + steps + validation + answers + scoring),
            duration(steps),
            counts.steps,
            duration(loading),
            counted(counts.answers, "answer", "answers"),
            counts.arms,
            duration(answers),
            duration(scoring),
            if counts.is_judged { "; judging comes on top" } else { "" },
        )
    }
}

/// Says how long training, answers and scores take, and what makes it shorter. `done` is the step that a resumed training
/// goes on from. Returns how long the training takes.
pub fn say(
    ctx: &Project,
    model: &LoadedModel,
    engine: &Model,
    (plan, done): (&Plan, Option<usize>),
    version: &DatasetVersion,
) -> anyhow::Result<Duration> {
    let calibration = Calibration::of(ctx, engine, plan)?;
    let (speed, loading) = decoding(ctx, model, plan)?;
    let held_out = suites::test_prompts(version, &ctx.ui)?;
    let prompts = |config: &Config| suites::chosen(ctx, config, held_out.clone());
    // Answers are as long as the evaluation will let them be.
    let (config, _) = room::decided(ctx, model, (None, version))?;
    let example_words = example_words(&version.rows("train", &ctx.ui)?, &config);
    let asked = Asked::of(&config, &prompts(&config)?, example_words);
    let ahead = done.map_or(Ahead::all(plan), |step| Ahead::after(plan, step));
    let scoring = |asked: Asked| scoring(plan, asked, &calibration);
    let parts = Parts {
        loading,
        steps: calibration.time(Ahead { evaluations: 0, ..ahead }),
        validation: calibration.time(Ahead { tokens: 0, ..ahead }),
        answers: answering(&config, plan, asked, speed),
        scoring: scoring(asked),
    };
    ctx.ui.say(parts.in_words(&Counts {
        steps: match done {
            Some(step) => format!("{} of {} left", plan.steps - step, counted(plan.steps, "step", "steps")),
            None => counted(plan.steps, "step", "steps"),
        },
        looks: ahead.evaluations,
        validation_rows: plan.validation.len(),
        answers: asked.answers(),
        arms: arms_in_words(&config, &prompts(&config)?, example_words, asked),
        is_judged: !config.judges.is_empty(),
    }));
    ctx.ui.say("Ctrl-C stops it at any time; the same command, run again, goes on from there");
    // Hours before the answers that it is about.
    if let Some(few) = suites::too_few(&config, &prompts(&config)?) {
        ctx.ui.warn(few);
    }
    let time = |config: &Config, asked: Asked| answering(config, plan, asked, speed) + scoring(asked);
    say_shorter(ctx, &config, &prompts, (asked, example_words), &time)?;
    // A resumed training has its steps.
    if done.is_none() && plan.steps > 1 {
        let half = plan.steps.div_ceil(2);
        ctx.ui.say(format!(
            "to train half as long, with at most {half} steps (about {} less; the model then learns less): {}",
            duration(parts.steps / 2),
            next("run").set("train.max-steps", half)
        ));
    }
    Ok(parts.steps + parts.validation)
}

/// How long an evaluation takes, without its judges.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EvaluationTime {
    pub seconds: f64,
    /// Answers that are written on this machine.
    pub answers: usize,
}

/// How long an evaluation of what was trained on `version` takes on this machine: loading the model, writing the answers, and
/// measuring how likely the held-out ones are. The model is loaded, and asked for some seconds.
///
/// Errors: those of [`prepare`].
pub fn evaluation(ctx: &Project, version: &DatasetVersion) -> anyhow::Result<EvaluationTime> {
    let Prepared { model, engine, plan, .. } = prepare(ctx, &ctx.config, version, None)?;
    let calibration = Calibration::of(ctx, &engine, &plan)?;
    let (speed, loading) = decoding(ctx, &model, &plan)?;
    let (config, _) = room::decided(ctx, &model, (None, version))?;
    let prompts = suites::chosen(ctx, &config, suites::test_prompts(version, &ctx.ui)?)?;
    let asked = Asked::of(&config, &prompts, example_words(&version.rows("train", &ctx.ui)?, &config));
    let time = loading + answering(&config, &plan, asked, speed) + scoring(&plan, asked, &calibration);
    Ok(EvaluationTime { seconds: time.as_secs_f64(), answers: asked.answers() })
}

/// Measuring how likely the held-out answers are.
fn scoring(plan: &Plan, asked: Asked, calibration: &Calibration) -> Duration {
    let row = plan.train.iter().map(|row| row.ids.len()).sum::<usize>() as f64 / plan.train.len() as f64;
    let tokens = asked.scored as f64 * row + asked.words_before as f64 * TOKENS_A_WORD;
    Duration::from_secs_f64(tokens / calibration.scored_per_s)
}

/// Names the number of prompts that asks for fewer answers, and what it costs: a number that leaves enough for a verdict and
/// for a word on forgetting, where there are enough now; none that leaves too few pairs for a figure.
fn say_shorter(
    ctx: &Project,
    config: &Config,
    prompts: &impl Fn(&Config) -> anyhow::Result<Vec<Prompt>>,
    (asked, example_words): (Asked, usize),
    time: &impl Fn(&Config, Asked) -> Duration,
) -> anyhow::Result<()> {
    let now = prompts(config)?;
    let mut least = None;
    for number in FEW..BUILT_IN_PROMPTS {
        let mut short = config.clone();
        short.eval.prompts_per_suite = Some(number);
        let fewer = prompts(&short)?;
        if has_no_figure(&fewer) && !has_no_figure(&now) {
            continue;
        }
        let lost = lost(&now, &fewer);
        let asks = Asked::of(&short, &fewer, example_words);
        let keeps_all = lost.is_empty();
        if asks.answers() < asked.answers() && (least.is_none() || keeps_all) {
            let saved = time(config, asked).saturating_sub(time(&short, asks));
            least = Some((number, (asks.answers(), saved), price(&lost, suites::to_compare(&now))));
        }
        if keeps_all {
            break;
        }
    }
    let Some((number, (answers, saved), cost)) = least else { return Ok(()) };
    ctx.ui.say(format!(
        "shorter by about {}, answers and measuring together: {} asks for {}; its price: {cost}",
        duration(saved),
        next("run").set("eval.prompts-per-suite", number),
        counted(answers, "answer", "answers"),
    ));
    Ok(())
}

/// What fewer prompts cost; `pairs` are to be compared as it is.
fn price(lost: &[String], pairs: usize) -> String {
    match human_votes::too_few(pairs) {
        _ if !lost.is_empty() => lost.join("; "),
        None => "wider intervals".to_owned(),
        Some(few) => {
            format!("with {} there is no verdict as it is: {few}", counted(pairs, "pair", "pairs"))
        }
    }
}

/// Whether votes on so few pairs give no figure at all.
fn has_no_figure(prompts: &[Prompt]) -> bool {
    suites::to_compare(prompts) < FEWEST
}

/// What can be said about all prompts and cannot be said any more about fewer of them.
fn lost(all: &[Prompt], fewer: &[Prompt]) -> Vec<String> {
    let checked = |prompts: &[Prompt]| prompts.iter().filter(|prompt| prompt.check.is_some()).count();
    let lacks = |prompts: &[Prompt]| human_votes::too_few(suites::to_compare(prompts));
    let forgetting = (checked(all) >= ENOUGH && checked(fewer) < ENOUGH)
        .then(|| format!("too few for a word on forgetting, which needs {ENOUGH} checked prompts"));
    let verdict = lacks(fewer).filter(|_| lacks(all).is_none()).map(|few| {
        let pairs = suites::to_compare(fewer);
        format!("no verdict, as there are at most {} to compare: {few}", counted(pairs, "pair", "pairs"))
    });
    verdict.into_iter().chain(forgetting).collect()
}

/// The base writes to the limit of new tokens, a tuned model about as much as the answers that it learned.
fn answering(config: &Config, plan: &Plan, asked: Asked, speed: Speed) -> Duration {
    /// Tokens of what a template writes around a prompt.
    const AROUND: usize = 20;
    let limit = config.eval.max_new_tokens.unwrap_or(config.generate.max_new_tokens);
    let learned = (plan.supervised_tokens() as usize).div_ceil(plan.train.len()).min(limit);
    let lengths = repeat_n(limit, asked.base).chain(repeat_n(learned, asked.tuned));
    let writing_s = speed.writing_s(lengths, config.generate.batch);
    let read = asked.prompt_words as f64 * TOKENS_A_WORD + (AROUND * asked.answers()) as f64;
    Duration::from_secs_f64(writing_s + read / speed.read)
}

/// Measures reading and writing, in batches as the evaluation does it and one sequence alone; and what it took to load the
/// model, which the evaluation does again.
fn decoding(ctx: &Project, model: &LoadedModel, plan: &Plan) -> anyhow::Result<(Speed, Duration)> {
    let began = Instant::now();
    let engine = packed_engine(&ctx.ui, model)?;
    let loading = began.elapsed();
    let config = &ctx.config.generate;
    let progress = ctx.ui.progress("measuring answers", 2 * (1 + STEPS as u64), "parts");
    // Tokens a second of the prompts, and seconds of a step.
    let measure = |sequences: usize| {
        let mut generator = Generator::new(&engine, None, &[]);
        let (mut tokens, began) = (0, Instant::now());
        for row in plan.train.iter().cycle().take(sequences) {
            let prompt = row.ids[..READ.min(row.ids.len())].to_vec();
            tokens += prompt.len();
            let (sampling, max_new_tokens) = (sampling(config), 1 + STEPS);
            generator.start(Request { prompt, sampling, seed: 1, max_new_tokens });
        }
        generator.step();
        let read = tokens as f64 / began.elapsed().as_secs_f64();
        progress.advance(1);
        let began = Instant::now();
        for _ in 0..STEPS {
            generator.step();
            progress.advance(1);
        }
        (read, began.elapsed().as_secs_f64() / STEPS as f64)
    };
    let (read, together_s) = measure(config.batch);
    let (_, alone_s) = measure(1);
    progress.finish("");
    Ok((Speed::of(read, alone_s, (config.batch, together_s)), loading))
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
        let loading = minutes(1);
        let parts = Parts { loading, steps, validation, answers, scoring };
        let counts = |validation_rows| Counts {
            steps: "44 steps".to_owned(),
            looks: 5,
            validation_rows,
            answers: 120,
            arms: "80 of base, 40 of your model".to_owned(),
            is_judged: true,
        };
        let said = parts.in_words(&counts(36));
        assert_eq!(
            said,
            format!(
                "from here about {} on this machine: training {} (44 steps), measuring 5 times on 36 validation rows {}, \
                 loading the model to answer {}, 120 answers (80 of base, 40 of your model) {}, measuring how likely the \
                 held-out answers are to the models {}; judging comes on top",
                duration(minutes(36)),
                duration(steps),
                duration(validation),
                duration(loading),
                duration(answers),
                duration(scoring)
            )
        );
        assert!(!parts.in_words(&counts(0)).contains("validation"), "nothing is said of what is not there");
    }

    #[test]
    fn a_shorter_evaluation_names_the_verdict_that_it_costs() {
        let prompts = |number| vec![prompt(Domain::In); number];
        assert!(lost(&prompts(ENOUGH), &prompts(ENOUGH)).is_empty());
        let said = lost(&prompts(ENOUGH), &prompts(FEWEST));
        assert_eq!(
            said,
            [
                "no verdict, as there are at most 10 pairs to compare: to say better or worse it takes at least 30, and \
                 more where the difference is small"
            ]
        );
        assert!(lost(&prompts(FEWEST), &prompts(FEWEST)).is_empty(), "there was no verdict before");
        assert!(price(&[], FEWEST).starts_with("with 10 pairs there is no verdict as it is: to say better"));
        assert_eq!(
            (price(&[], ENOUGH), price(&said, ENOUGH)),
            ("wider intervals".to_owned(), said[0].clone())
        );
        assert!(has_no_figure(&prompts(FEWEST - 1)) && !has_no_figure(&prompts(FEWEST)));
    }

    #[test]
    fn the_last_answers_of_a_queue_take_their_steps_alone() {
        // 10 ms a step and 1 ms for each sequence in it.
        let speed = Speed::of(1.0, 0.011, (4, 0.014));
        assert!(
            (speed.step_s - 0.010).abs() < 1e-12 && (speed.sequence_s - 0.001).abs() < 1e-12,
            "{speed:?}"
        );
        let seconds = |lengths: &[usize], batch| speed.writing_s(lengths.iter().copied(), batch);
        assert_eq!(seconds(&[], 4), 0.0);
        // Both for 100 steps, then one for 200 more.
        assert!((seconds(&[100, 300], 4) - (100.0 * 0.012 + 200.0 * 0.011)).abs() < 1e-9);
        // The third begins where the first ends.
        assert!((seconds(&[100, 300, 200], 2) - 300.0 * 0.012).abs() < 1e-9);
        // A clock that finds several faster than one.
        let odd = Speed::of(1.0, 0.02, (4, 0.014));
        assert!(odd.sequence_s == 0.0 && odd.step_s == 0.014, "{odd:?}");
    }

    #[test]
    fn every_arm_answers_what_is_its_own_and_two_answer_the_rest() {
        let prompts = [prompt(Domain::In), prompt(Domain::Out), prompt(Domain::Out)];
        let mut config = Config::default();
        config.eval.system_prompt = Some("Answer in three words.".to_owned());
        let asked = Asked::of(&config, &prompts, 50);
        // base, base+prompt, base+examples and the checkpoint; then base and the checkpoint twice.
        assert_eq!(asked, Asked { base: 5, tuned: 3, prompt_words: 8 * 5, scored: 6, words_before: 54 });
        assert_eq!(
            arms_in_words(&config, &prompts, 50, asked),
            "3 of base, 1 of base+prompt, 1 of base+examples, 3 of your model"
        );
        let without = Asked::of(&config, &prompts, 0);
        assert_eq!((without.base, without.tuned), (4, 3), "no row can be an example");
        config.eval.system_prompt = Some(String::new());
        config.eval.repeats = Some(2);
        assert_eq!(Asked::of(&config, &prompts, 0).answers(), 12);
    }
}
