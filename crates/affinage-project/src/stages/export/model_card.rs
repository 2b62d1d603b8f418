//! The model card: the Hub's front matter and a page, rendered from recorded facts. Nothing in it is typed by anyone; what
//! was not recorded is said to be missing.

use affinage_dataset::template::Thinking;
use affinage_eval::analysis::{Estimate, WinRate};
use affinage_eval::plain::count;
use serde_json::{Value, json};

use super::facts::{EvaluationOf, Facts};

/// README.md of an adapter folder.
pub fn model_card(facts: &Facts) -> String {
    let name = format!("{} step {}", facts.run, facts.step);
    format!(
        "{}\n# {name}\n\n{}{}{}{}",
        front_matter(facts, &name),
        adapter(facts),
        data(facts),
        found(facts),
        limits(facts)
    )
}

/// YAML whose values are written as JSON, which YAML contains.
fn front_matter(facts: &Facts, name: &str) -> String {
    let mut fields = vec![("base_model", json!(facts.base)), ("library_name", json!("peft"))];
    fields.extend(facts.base_licence.as_ref().map(|licence| ("license", json!(licence))));
    fields.push(("pipeline_tag", json!("text-generation")));
    fields.push(("tags", json!(["lora", "peft", "affinage"])));
    fields.push(("datasets", json!([facts.dataset.name])));
    let results = results(facts);
    if !results.is_empty() {
        fields.push(("model-index", json!([{"name": name, "results": results}])));
    }
    let lines: Vec<String> = fields.into_iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
    format!("---\n{}---\n", lines.concat())
}

/// Every measured figure with its interval.
fn results(facts: &Facts) -> Vec<Value> {
    let task = json!({"type": "text-generation"});
    let mut results = Vec::new();
    if let Some(loss) = facts.validation_loss {
        results.push(json!({
            "task": task, "dataset": {"name": format!("{}, validation", facts.dataset.name), "type": facts.dataset.name},
            "metrics": [{"type": "loss", "name": "validation loss in nats a token", "value": loss}],
        }));
    }
    for evaluation in &facts.evaluations {
        let metrics: Vec<Value> = win_rates(evaluation)
            .map(|Rate { against, scope, rate }| {
                let name = format!("win rate against {against}, {scope} prompts, judged blind");
                let Estimate { value, interval, n, n_effective, .. } = &rate.estimate;
                let [low, high, level] = [
                    interval.map(|interval| interval.low),
                    interval.map(|interval| interval.high),
                    interval.map(|interval| interval.level),
                ];
                json!({"type": "win_rate", "name": name, "value": value, "args": {
                    "interval_low": low, "interval_high": high, "level": level, "n": n,
                    "n_effective": n_effective}})
            })
            .collect();
        if !metrics.is_empty() {
            let dataset = json!({"name": evaluation.folder.name, "type": evaluation.folder.name});
            results.push(json!({"task": task, "dataset": dataset, "metrics": metrics}));
        }
    }
    results
}

struct Rate<'a> {
    against: &'a str,
    scope: &'static str,
    rate: &'a WinRate,
}

/// The planned comparisons of this adapter, in- and out-of-domain.
fn win_rates(evaluation: &EvaluationOf) -> impl Iterator<Item = Rate<'_>> {
    let comparisons = evaluation.analysis.comparisons.iter();
    let ours = comparisons.filter(|comparison| comparison.planned.arm == evaluation.arm);
    ours.flat_map(|comparison| {
        let against = &comparison.planned.against;
        [(&comparison.in_domain, "in-domain"), (&comparison.out_of_domain, "out-of-domain")]
            .into_iter()
            .filter_map(move |(rate, scope)| Some(Rate { against, scope, rate: rate.as_ref()? }))
    })
}

fn adapter(facts: &Facts) -> String {
    let settings = &facts.settings;
    let targets: Vec<&str> = settings.targets.iter().map(|target| target.name()).collect();
    let mut rows = vec![
        ("base", format!("{}, SHA-256 `{}`", facts.base, facts.base_sha256)),
        ("adapter", format!("SHA-256 `{}`", facts.adapter_sha256)),
    ];
    rows.extend(facts.base_revision.as_ref().map(|revision| ("base commit", format!("`{revision}`"))));
    let factor = if settings.use_rslora { "alpha / sqrt(rank)" } else { "alpha / rank" };
    rows.push((
        "LoRA",
        format!("rank {}, alpha {} ({factor}), dropout {}", settings.rank, settings.alpha, settings.dropout),
    ));
    rows.push(("modules", targets.join(", ")));
    rows.push((
        "trained",
        format!(
            "{} of {} parameters, step {} of {}, epoch {}",
            count(facts.started.trainable_parameters),
            count(facts.started.total_parameters),
            facts.step,
            facts.started.steps,
            facts.epoch.map_or("0".to_owned(), |epoch| format!("{epoch:.2}")),
        ),
    ));
    rows.push((
        "optimiser",
        format!(
            "AdamW, learning rate {} ({:?}, warm-up {}), {} rows a step, weight decay {}, clip {}, seed {}",
            settings.learning_rate,
            settings.schedule,
            settings.warmup_ratio,
            settings.rows_per_step,
            settings.weight_decay,
            settings.clip_norm,
            settings.seed
        ),
    ));
    if let Some(thinking) = facts.thinking {
        let (what, value) = match thinking {
            Thinking::Off => ("answers at once", "false"),
            Thinking::On => ("may think first", "true"),
        };
        let how = format!("{what}: give the chat template `enable_thinking={value}`, as in the training");
        rows.push(("thinking", how));
    }
    if let (Some(first), Some(now)) = (facts.initial_loss, facts.validation_loss) {
        rows.push(("validation loss", format!("{now:.3} nats a token, {first:.3} before training")));
    }
    rows.push((
        "made by",
        format!(
            "affinage {} on {}",
            facts.provenance.affinage_version,
            facts.provenance.started_at.strftime("%Y-%m-%d")
        ),
    ));
    let table: String = rows.iter().map(|(what, value)| format!("| {what} | {value} |\n")).collect();
    format!("## The adapter\n\n| | |\n|---|---|\n{table}\n")
}

fn data(facts: &Facts) -> String {
    let manifest = facts.manifest();
    let writers: Vec<String> = manifest.writers.iter().map(|(writer, n)| format!("{writer} {n}")).collect();
    let drafted = match manifest.counts.drafted {
        0 => String::new(),
        count => format!(" Prompts drafted by rule for notes: {count}."),
    };
    format!(
        "## The data\n\n`{}` (SHA-256 `{}`): {} training rows. Answers were written by: {}.{drafted} Largest overlap of a held-out example \
         with a training example{}: {:.3} of the 5-word shingles of its prompt and answer. The data are private and not part of this repository.\n\n",
        manifest.name,
        manifest.hash,
        facts.started.examples,
        if writers.is_empty() { "not recorded".to_owned() } else { writers.join(", ") },
        if manifest.certificate.max_in_context.is_some() {
            " (with the turns before its prompt)"
        } else {
            ""
        },
        manifest.certificate.max_containment,
    )
}

fn found(facts: &Facts) -> String {
    let mut text = "## What was measured\n\n".to_owned();
    if facts.evaluations.is_empty() {
        return text
            + "No evaluation of this adapter is recorded. Nothing is known about whether it is better than its base.\n\n";
    }
    for evaluation in &facts.evaluations {
        let headline = &evaluation.analysis.headline;
        text += &format!("**{}**: {}\n\n", evaluation.folder.name, headline.sentence);
        text +=
            "| against | prompts | win rate | 95 % interval | n | in words |\n|---|---|---:|---|---:|---|\n";
        for Rate { against, scope, rate } in win_rates(evaluation) {
            let interval = rate.estimate.interval.map_or("none".to_owned(), |interval| {
                format!("{:.0} to {:.0} %", 100.0 * interval.low, 100.0 * interval.high)
            });
            text += &format!(
                "| {against} | {scope} | {:.0} % | {interval} | {} | {} |\n",
                100.0 * rate.estimate.value,
                rate.estimate.n,
                rate.sentence.replace('|', "/"),
            );
        }
        text.push('\n');
    }
    text
}

fn limits(facts: &Facts) -> String {
    let mut limits =
        vec!["One training run says something about this adapter, not about the recipe.".to_owned()];
    if !facts.is_finished || facts.step < facts.started.steps {
        limits.push(format!(
            "This is step {} of a schedule of {}: not what a run of that length would give.",
            facts.step, facts.started.steps
        ));
    }
    for evaluation in &facts.evaluations {
        limits.extend(evaluation.analysis.headline.limits.iter().cloned());
    }
    if facts.base_licence.is_none() {
        limits.push("The files of the base name no licence; look it up before you publish.".to_owned());
    }
    limits.dedup();
    format!("## Limits\n\n{}", limits.iter().map(|limit| format!("- {limit}\n")).collect::<String>())
}
