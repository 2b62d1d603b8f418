//! What a training will do and take, and the proof that resuming is exact, in words.

use std::time::Duration;

use affinage_project::machine;
use affinage_project::stages::dose;
use affinage_project::stages::training::verify::Proof;
use affinage_project::stages::training::{Estimate, MemoryPlan, Plan, Prepared};

use crate::ui::{Paint, Table, Ui, bytes, count, counted, duration};

/// Says what a training will do and the memory that it takes.
pub fn planned(ui: &Ui, prepared: &Prepared) {
    let Prepared { model, engine, plan, memory } = prepared;
    let trainable = plan.new_adapter(engine).values.len();
    let total = model.weights.parameter_count();
    ui.say(format!(
        "{}: {} of {} parameters are trained ({:.2} %)",
        model.name,
        count(trainable as u64),
        count(total as u64),
        100.0 * trainable as f64 / total as f64
    ));
    ui.say(format!(
        "dataset {}: {} to train on, {} to validate; {}, {}",
        plan.dataset,
        counted(plan.train.len(), "row", "rows"),
        plan.validation.len(),
        counted(plan.steps, "step", "steps"),
        counted(plan.tokens() as usize, "token", "tokens")
    ));
    ui.say(format!("memory: about {} at its highest; {}", bytes(memory.expected_peak_bytes), kept(memory)));
    if machine::available_memory_bytes().is_some_and(|free| free < memory.expected_peak_bytes) {
        ui.warn("that is more than is free now");
        ui.hint("`memory-budget-gb` under [train] runs layers again instead of keeping them: slower, the same result");
    }
}

fn kept(memory: &MemoryPlan) -> String {
    match memory.recompute_layers {
        0 => "no memory saving needed".to_owned(),
        again => format!("{again} of {} layers are run again in the backward to save memory", memory.layers),
    }
}

/// What a training will take, for `--dry-run`.
pub fn estimate(plan: &Plan, estimate: &Estimate<'_>) -> String {
    let memory = &estimate.memory;
    let memory = format!("about {} at its highest; {}", bytes(memory.expected_peak_bytes), kept(memory));
    format!(
        "steps    {} (rows a step: {})\ntokens   {} ({:.0} % of the tokens are answers, the part that is learned)\n\
         rows     {}\nspeed    {:.0} tokens/s, measured on {} tokens\ntime     about {}{}\nmemory   {}{}",
        estimate.steps,
        plan.config.rows_per_step,
        count(estimate.tokens),
        100.0 * estimate.supervised_share,
        lengths_in_words(plan, estimate),
        estimate.tokens_per_s,
        estimate.measured_tokens,
        duration(Duration::from_secs_f64(estimate.seconds)),
        evaluations_counted(estimate, plan.validation.len()),
        memory,
        engines_in_words(estimate),
    )
}

/// `99 % of those to train and validate on have at most 812 tokens, the longest 3,221; 1,024 are taken, 4 rows are longer and left out`
fn lengths_in_words(plan: &Plan, estimate: &Estimate<'_>) -> String {
    let left_out = match plan.left_out.len() {
        0 => "none is longer".to_owned(),
        rows => format!("{} longer and left out", counted(rows, "row is", "rows are")),
    };
    format!(
        "99 % of those to train and validate on have at most {} tokens, the longest {}; train.max-seq-tokens is {}, {left_out}",
        count(estimate.keeps_most_tokens as u64),
        count(estimate.keeps_all_tokens as u64),
        count(plan.config.max_seq_tokens as u64),
    )
}

/// `, of it 1m 10s for 5 evaluations of 36 rows`; nothing without validation rows.
fn evaluations_counted(estimate: &Estimate<'_>, rows: usize) -> String {
    if rows == 0 {
        return String::new();
    }
    let all = duration(Duration::from_secs_f64(estimate.evaluation_s * estimate.evaluations as f64));
    let evaluations = counted(estimate.evaluations, "evaluation", "evaluations");
    format!(", of it {all} for {evaluations} of {}", counted(rows, "row", "rows"))
}

/// A line for this program and each other engine; nothing where there is no other.
fn engines_in_words(estimate: &Estimate<'_>) -> String {
    if estimate.engines.is_empty() {
        return String::new();
    }
    let time = duration(Duration::from_secs_f64(estimate.seconds));
    let ours = bytes(estimate.memory.expected_peak_bytes);
    let own = format!("cpu, this program: about {time}, {ours}, exact: the same bits on every machine");
    let others = estimate.engines.iter().map(|engine| format!("\n         {}", engine.in_words()));
    format!("\nengines  {own}{}", others.collect::<String>())
}

/// A run that was killed and resumed beside one that was not.
pub fn proof(ui: &Ui, proof: &Proof) -> String {
    let killed =
        format!("killed in step {}, resumed after {}", proof.killed_in_step, proof.resumed_after_step);
    let mut table = Table::new(["", "in one process", &killed, ""]);
    let mut row = |name: String, whole: String, resumed: String| {
        let (paint, word) = if whole == resumed { (Paint::Good, "same") } else { (Paint::Error, "differs") };
        table.row([name, whole, resumed, ui.paint_data(paint, word)]);
    };
    for (step, (whole, resumed)) in proof.losses.whole.iter().zip(&proof.losses.resumed).enumerate() {
        row(format!("loss of step {}", step + 1), whole.to_string(), resumed.to_string());
    }
    for (step, (whole, resumed)) in proof.grad_norms.whole.iter().zip(&proof.grad_norms.resumed).enumerate() {
        row(format!("gradient norm of step {}", step + 1), whole.to_string(), resumed.to_string());
    }
    for (name, hashes) in [("adapter", &proof.adapter), ("moments", &proof.moments)] {
        row(name.to_owned(), hashes.whole[..16].to_owned(), hashes.resumed[..16].to_owned());
    }
    let word = if proof.identical {
        "resuming is exact on this machine and this data"
    } else {
        "resuming is not exact"
    };
    format!("{}\n{word}\n", table.render())
}

/// The trainings of a dose study and what they will take.
pub fn dose_estimate(estimate: &dose::Estimate) -> String {
    let mut table =
        format!("{:<20}{:>7}{:>12}{:>8}{:>12}\n", "training", "rows", "supervised", "steps", "tokens");
    for cell in &estimate.cells {
        table.push_str(&format!(
            "{:<20}{:>7}{:>12}{:>8}{:>12}{}\n",
            cell.arm,
            count(cell.rows as u64),
            count(cell.supervised_tokens),
            cell.steps,
            count(cell.tokens),
            if cell.is_finished { "  finished" } else { "" }
        ));
    }
    format!(
        "{table}\ntokens   {} to train on\nspeed    {:.0} tokens/s\ntime     about {}, {} counted",
        count(estimate.tokens),
        estimate.tokens_per_s,
        duration(Duration::from_secs_f64(estimate.seconds)),
        counted(estimate.evaluations, "evaluation", "evaluations"),
    )
}
