//! Folders of a training run: what was really trained, which checkpoint was shipped, and what the card says of it.
//!
//! A function of facts that the binary has read: hashes and tensor shapes, the trainer's log, settings, the card, and
//! the rows of the data set where they lie beside it.

mod numbers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use affinage_dataset::shingle::{ContainmentIndex, Shingles};
use regex::Regex;
use serde::Serialize;

use numbers::{card_numbers, peak_rate};

use super::row::RowRef;
use super::{Finding, Severity, Unchecked};
use crate::plain::counted;
use crate::text::words_only;

/// What a folder holds.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    pub name: String,
    /// The adapter at the root, and those of checkpoints by step.
    pub shipped: Option<AdapterFile>,
    pub checkpoints: BTreeMap<u64, AdapterFile>,
    /// Settings of the adapter: `adapter_config.json`.
    pub adapter: Option<AdapterSettings>,
    pub log: Option<TrainingLog>,
    /// Flat settings of the trainer, by name, from whichever file holds them.
    pub settings: BTreeMap<String, String>,
    /// The text of README.md.
    pub card: Option<String>,
    pub train: Vec<TextRow>,
    pub validation: Vec<TextRow>,
    /// Files that were not read, each with the reason: pointers of large-file storage, files beyond a bound.
    pub unread: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AdapterFile {
    pub sha256: String,
    /// Names and shapes of its tensors.
    pub tensors: Vec<(String, Vec<u64>)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AdapterSettings {
    pub rank: u64,
    pub alpha: f64,
    pub dropout: Option<f64>,
    pub targets: Vec<String>,
}

/// The trainer's own record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainingLog {
    pub step: u64,
    /// Steps that were planned; 0 where the log does not say.
    pub planned_steps: u64,
    pub epochs: f64,
    /// (step, loss) of training and of evaluations.
    pub train: Vec<(u64, f64)>,
    pub evaluations: Vec<(u64, f64)>,
    /// The highest rate that was logged, and all of them by step.
    pub learning_rate: Option<f64>,
    pub rates: Vec<(u64, f64)>,
    pub tokens: Option<u64>,
}

/// A row of a data set as one text.
#[derive(Clone, Debug, PartialEq)]
pub struct TextRow {
    pub source: RowRef,
    pub text: String,
}

/// What the audit of a folder says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainingAudit {
    pub folder: String,
    /// Plain lines of what was trained.
    pub trained: Vec<String>,
    /// The same as numbers, for claims.
    pub facts: Vec<(String, f64)>,
    pub findings: Vec<Finding>,
    pub unchecked: Vec<Unchecked>,
}

pub fn audit_training(folder: &Folder) -> TrainingAudit {
    let facts = facts(folder);
    let mut findings = Vec::new();
    let mut unchecked = Vec::new();
    findings.extend(shipped(folder, &mut unchecked));
    findings.extend(one_adapter_twice(folder));
    findings.extend(never_saved(folder, &mut unchecked));
    findings.extend(unfinished(folder));
    findings.extend(other_targets(folder));
    findings.extend(loss_on_questions(folder, &mut unchecked));
    findings.extend(doubled_ends(folder, &mut unchecked));
    findings.extend(leaks(folder, &mut unchecked));
    findings.extend(card_numbers(folder, &mut unchecked));
    unread(folder, &mut unchecked);
    findings.sort_by(|a, b| (a.severity, a.code).cmp(&(b.severity, b.code)));
    TrainingAudit {
        folder: folder.name.clone(),
        trained: trained(folder, &facts),
        facts,
        findings,
        unchecked,
    }
}

fn finding(code: &'static str, severity: Severity, sentence: String, evidence: Vec<String>) -> Finding {
    Finding { code, severity, sentence, evidence, rows: Vec::new() }
}

fn cannot(unchecked: &mut Vec<Unchecked>, check: &'static str, because: &str) {
    unchecked.push(Unchecked { check, because: because.to_owned() });
}

/// Parameters of an adapter's tensors.
fn parameters(file: &AdapterFile) -> u64 {
    file.tensors.iter().map(|(_, shape)| shape.iter().product::<u64>()).sum()
}

fn unread(folder: &Folder, unchecked: &mut Vec<Unchecked>) {
    if !folder.unread.is_empty() {
        unchecked.push(Unchecked { check: "what some files hold", because: folder.unread.join("; ") });
    }
}

fn facts(folder: &Folder) -> Vec<(String, f64)> {
    let mut facts = Vec::new();
    let mut fact = |name: &str, value: Option<f64>| facts.extend(value.map(|value| (name.to_owned(), value)));
    fact("rank", folder.adapter.as_ref().map(|a| a.rank as f64));
    fact("alpha", folder.adapter.as_ref().map(|a| a.alpha));
    fact("targets", folder.adapter.as_ref().map(|a| a.targets.len() as f64));
    let any_adapter = folder.shipped.as_ref().or_else(|| folder.checkpoints.values().next_back());
    fact("trainable-parameters", any_adapter.map(|file| parameters(file) as f64).filter(|n| *n > 0.0));
    if let Some(log) = &folder.log {
        let lowest = |losses: &[(u64, f64)]| losses.iter().map(|(_, loss)| *loss).reduce(f64::min);
        fact("steps", Some(log.step as f64));
        fact("planned-steps", (log.planned_steps > 0).then_some(log.planned_steps as f64));
        fact("epochs", Some(log.epochs));
        fact("final-loss", log.train.last().map(|(_, loss)| *loss));
        fact("eval-loss", log.evaluations.last().map(|(_, loss)| *loss));
        fact("best-eval-loss", lowest(&log.evaluations));
        peak_rate(folder).into_iter().for_each(|(low, high)| {
            fact("learning-rate", Some(low));
            fact("learning-rate", Some(high).filter(|high| *high > low));
        });
        fact("tokens", log.tokens.map(|tokens| tokens as f64));
    }
    fact("train-rows", (!folder.train.is_empty()).then_some(folder.train.len() as f64));
    fact("validation-rows", (!folder.validation.is_empty()).then_some(folder.validation.len() as f64));
    facts
}

fn trained(folder: &Folder, facts: &[(String, f64)]) -> Vec<String> {
    let of = |name: &str| facts.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
    let mut lines = Vec::new();
    if let Some(adapter) = &folder.adapter {
        let parameters = of("trainable-parameters")
            .map_or(String::new(), |n| format!(", {n:.0} parameters in its tensors"));
        lines.push(format!(
            "LoRA of rank {}, alpha {}, on {}{parameters}.",
            adapter.rank,
            adapter.alpha,
            adapter.targets.join(", ")
        ));
    }
    if let Some(log) = &folder.log {
        let planned =
            if log.planned_steps > 0 { format!(" of {}", log.planned_steps) } else { String::new() };
        let tokens = log.tokens.map_or(String::new(), |tokens| format!(", {tokens} tokens"));
        lines.push(format!("{} steps{planned}, {:.2} epochs{tokens}.", log.step, log.epochs));
        if let (Some((step, loss)), Some(best)) = (log.evaluations.last(), of("best-eval-loss")) {
            lines.push(format!("Validation loss {loss:.3} at step {step}, lowest {best:.3}."));
        }
    }
    lines
}

/// Which checkpoint the shipped adapter is, by its bytes.
fn shipped(folder: &Folder, unchecked: &mut Vec<Unchecked>) -> Option<Finding> {
    let check = "which checkpoint the shipped adapter is";
    let (Some(shipped), false) = (&folder.shipped, folder.checkpoints.is_empty()) else {
        cannot(unchecked, check, "there is no adapter at the root beside checkpoints");
        return None;
    };
    let same: Vec<u64> = folder
        .checkpoints
        .iter()
        .filter(|(_, file)| file.sha256 == shipped.sha256)
        .map(|(step, _)| *step)
        .collect();
    let last = *folder.checkpoints.keys().next_back()?;
    let evidence = vec![format!("sha256 {}", shipped.sha256)];
    match same.as_slice() {
        [] => Some(finding(
            "T01",
            Severity::Limit,
            format!(
                "The adapter at the root is none of the saved checkpoints; the last saved is step {last}."
            ),
            evidence,
        )),
        steps if steps.contains(&last) => None,
        [step, ..] => Some(finding(
            "T01",
            Severity::Suspicion,
            format!(
                "The adapter at the root is byte for byte step {step}, not the last saved step {last}: a \"final\" result is that of step {step}."
            ),
            evidence,
        )),
    }
}

fn one_adapter_twice(folder: &Folder) -> Vec<Finding> {
    let mut steps_of: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (step, file) in &folder.checkpoints {
        steps_of.entry(&file.sha256).or_default().push(format!("step {step}"));
    }
    let twice = steps_of.into_iter().filter(|(_, steps)| steps.len() > 1);
    twice
        .map(|(sha256, steps)| {
            let sentence =
                format!("{} have the same bytes: one adapter under two names.", steps.join(" and "));
            finding("T02", Severity::Fault, sentence, vec![format!("sha256 {sha256}")])
        })
        .collect()
}

fn never_saved(folder: &Folder, unchecked: &mut Vec<Unchecked>) -> Option<Finding> {
    let check = "evaluated steps that were never saved";
    let Some(log) = folder.log.as_ref().filter(|log| !log.evaluations.is_empty()) else {
        cannot(unchecked, check, "no log of evaluations");
        return None;
    };
    if folder.checkpoints.is_empty() {
        cannot(unchecked, check, "the folder keeps no checkpoints");
        return None;
    }
    let saved = |step: u64| folder.checkpoints.contains_key(&step);
    let lost: Vec<u64> = log.evaluations.iter().map(|(step, _)| *step).filter(|step| !saved(*step)).collect();
    let best = log.evaluations.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
    if lost.is_empty() {
        return None;
    }
    let evidence = vec![
        format!("evaluated and not saved: {}", joined(&lost)),
        format!("saved: {}", joined(&folder.checkpoints.keys().copied().collect::<Vec<_>>())),
    ];
    let (severity, sentence) = match saved(best.0) {
        false => (
            Severity::Fault,
            format!(
                "The lowest validation loss, {:.3} at step {}, belongs to weights that were never saved.",
                best.1, best.0
            ),
        ),
        true => (
            Severity::Limit,
            format!("{} were evaluated and never saved.", counted(lost.len(), "step", "steps")),
        ),
    };
    Some(finding("T03", severity, sentence, evidence))
}

fn joined(steps: &[u64]) -> String {
    steps.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

fn unfinished(folder: &Folder) -> Option<Finding> {
    let log = folder.log.as_ref().filter(|log| log.planned_steps > log.step)?;
    Some(finding(
        "T04",
        Severity::Limit,
        format!(
            "The schedule was not finished: step {} of {}. This is no {:.1}-epoch training of its own.",
            log.step, log.planned_steps, log.epochs
        ),
        Vec::new(),
    ))
}

/// Settings against tensors: the modules that really carry LoRA weights.
fn other_targets(folder: &Folder) -> Option<Finding> {
    static MODULE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"([a-z_0-9]+)\.lora_[ABab]").expect("the expression is valid"));
    let settings = folder.adapter.as_ref()?;
    let file = folder.shipped.as_ref().or_else(|| folder.checkpoints.values().next_back())?;
    let found: BTreeSet<&str> =
        file.tensors.iter().filter_map(|(name, _)| Some(MODULE.captures(name)?.get(1)?.as_str())).collect();
    let named: BTreeSet<&str> = settings.targets.iter().map(String::as_str).collect();
    let ranks: BTreeSet<u64> = file
        .tensors
        .iter()
        .filter(|(name, _)| name.contains("lora_A") || name.contains("lora_a"))
        .filter_map(|(_, shape)| shape.iter().min().copied())
        .collect();
    let (modules_differ, rank_differs) = (found != named, ranks.iter().any(|rank| *rank != settings.rank));
    if found.is_empty() || !(modules_differ || rank_differs) {
        return None;
    }
    let list = |names: &BTreeSet<&str>| names.iter().copied().collect::<Vec<_>>().join(", ");
    Some(finding(
        "T05",
        Severity::Fault,
        "The adapter's settings and its tensors disagree about what was trained.".to_owned(),
        vec![
            format!("adapter_config.json: rank {} on {}", settings.rank, list(&named)),
            format!(
                "tensors: rank {} on {}",
                ranks.iter().map(u64::to_string).collect::<Vec<_>>().join(", "),
                list(&found)
            ),
        ],
    ))
}

/// Settings that make the loss run over questions, too: of Axolotl, TRL and affinage.
fn loss_on_questions(folder: &Folder, unchecked: &mut Vec<Unchecked>) -> Option<Finding> {
    let says = |name: &str, value: &str| folder.settings.get(name).is_some_and(|found| found == value);
    let known = ["train_on_inputs", "assistant_only_loss", "completion_only_loss", "loss"];
    let named: Vec<String> =
        known.iter().filter_map(|name| Some(format!("{name} = {}", folder.settings.get(*name)?))).collect();
    if named.is_empty() {
        cannot(unchecked, "whether the loss ran over the user's text", "no settings file names it");
        return None;
    }
    let only_answers = says("assistant_only_loss", "true") || says("completion_only_loss", "true");
    let on_questions = says("train_on_inputs", "true")
        || says("loss", "full")
        || (says("assistant_only_loss", "false") && !only_answers);
    on_questions.then(|| {
        let sentence =
            "The loss ran over the user's text as well: the model was taught to ask, too.".to_owned();
        finding("T06", Severity::Suspicion, sentence, named)
    })
}

const ENDS: [&str; 6] = ["<|im_end|>", "<|eot_id|>", "</s>", "<|endoftext|>", "<end_of_turn>", "<|end|>"];

fn doubled_ends(folder: &Folder, unchecked: &mut Vec<Unchecked>) -> Option<Finding> {
    if folder.train.is_empty() {
        cannot(unchecked, "doubled end tokens", "no training rows lie in the folder");
        return None;
    }
    let is_doubled = |text: &str| {
        ENDS.iter().any(|end| {
            let mut pieces = text.split(end).skip(1).peekable();
            let mut doubled = false;
            while let Some(piece) = pieces.next() {
                doubled |= piece.trim().is_empty() && pieces.peek().is_some();
            }
            doubled
        })
    };
    let rows: Vec<RowRef> =
        folder.train.iter().filter(|row| is_doubled(&row.text)).map(|row| row.source).collect();
    (!rows.is_empty()).then(|| Finding {
        rows: rows.clone(),
        ..finding(
            "T07",
            Severity::Fault,
            format!(
                "{} of {} end twice: the model learns to say its end token again.",
                rows.len(),
                counted(folder.train.len(), "training row", "training rows")
            ),
            Vec::new(),
        )
    })
}

/// From this share of its five-word shingles in one training row on a validation row counts as leaked.
const LEAK_FROM: f64 = 0.5;

fn leaks(folder: &Folder, unchecked: &mut Vec<Unchecked>) -> Option<Finding> {
    if folder.train.is_empty() || folder.validation.is_empty() {
        cannot(
            unchecked,
            "validation rows in the training set",
            "the folder does not hold both sides of the data",
        );
        return None;
    }
    let known: BTreeSet<String> = folder.train.iter().map(|row| words_only(&row.text)).collect();
    let shingles: Vec<Shingles> = folder.train.iter().map(|row| Shingles::of(&[&row.text])).collect();
    let index = ContainmentIndex::new(&shingles);
    let (mut exact, mut near, mut rows) = (0, 0, Vec::new());
    for row in &folder.validation {
        let is_exact = known.contains(&words_only(&row.text));
        let share = index.max_containment(&Shingles::of(&[&row.text])).map_or(0.0, |found| found.share);
        exact += usize::from(is_exact);
        near += usize::from(!is_exact && share >= LEAK_FROM);
        if is_exact || share >= LEAK_FROM {
            rows.push(row.source);
        }
    }
    (!rows.is_empty()).then(|| Finding {
        rows: rows.clone(),
        ..finding(
            "T08",
            Severity::Fault,
            format!(
                "{} of {} stand in the training set: the validation loss is too good.",
                rows.len(),
                counted(folder.validation.len(), "validation row", "validation rows")
            ),
            vec![format!("{exact} word for word, {near} for half of their five-word sequences or more")],
        )
    })
}
