//! An export that does not behave is an error: what was written is loaded again and compared with the training graph
//! (the base's own weights with the unmerged adapter) on 8 x 64 tokens that this graph drew.

use std::path::Path;

use affinage_dataset::message::{Message, Role};
use affinage_dataset::tokenize::tokenize_prompt;
use affinage_engine::export::parity::{self, Parity, Probe, Side};
use affinage_engine::export::{Merged, save_gguf};
use affinage_engine::lora::Adapter;
use affinage_engine::model::Model;
use affinage_engine::weights::{Precision, Weights};
use anyhow::{anyhow, ensure};
use serde::Serialize;

use super::Source;
use crate::errors::HintExt as _;
use crate::model::LoadedModel;

const POSITIONS: usize = 64;

/// A format of fewer than 8 bits may cost this share of the divergence that training made: 22 % of the distance.
const SHARE_OF_TRAINING: f64 = 0.05;
/// Where a format costs the base less than this share of what it costs the sum, the base is on its grid.
const ON_ITS_GRID: f64 = 0.1;

/// What the probes are asked.
const QUESTIONS: [&str; 8] = [
    "Why do people keep diaries?",
    "Explain how a bridge carries its weight.",
    "Write two lines about the first cold morning of the year.",
    "What should I check before I buy an old bicycle?",
    "How would you explain zero to a child?",
    "Name three reasons to learn a second language.",
    "Is a promise still a promise when nobody remembers it?",
    "Describe the smell of a workshop.",
];

/// What was measured.
#[derive(Debug, Serialize)]
pub struct Behaviour {
    /// The export against the training graph.
    pub parity: Parity,
    /// The largest `parity.kl` that passes.
    pub tolerance_kl: f64,
    /// The base without the adapter against the training graph: how much there is to get wrong.
    pub bare_base: Parity,
    /// What the same number format does to the base alone; quantised formats only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_in_format: Option<Parity>,
    /// Whether the bare base fails the same check. Where it does not, the check says nothing about the adapter.
    pub bare_base_fails: bool,
}

/// The training graph's logits on the probes.
pub struct Checker<'a> {
    source: &'a Source<'a>,
    probes: Vec<Probe>,
    tuned: Vec<Vec<f32>>,
    base: Vec<Vec<f32>>,
}

impl<'a> Checker<'a> {
    pub fn new(source: &'a Source<'a>) -> anyhow::Result<Self> {
        let tuned = Side { model: source.engine, adapter: Some(source.adapter) };
        let base = Side { adapter: None, ..tuned };
        let prompts = prompts(source)?;
        let probes = parity::probes(tuned, prompts, POSITIONS);
        let (tuned, base) = (parity::logits(tuned, &probes), parity::logits(base, &probes));
        Ok(Self { source, probes, tuned, base })
    }

    /// An adapter that was read back.
    pub fn adapter(&self, adapter: &Adapter) -> anyhow::Result<Behaviour> {
        let side = Side { model: self.source.engine, adapter: Some(adapter) };
        self.passed(&parity::logits(side, &self.probes), tolerance(Precision::F32), None)
    }

    /// A whole model that was read back: its numbers, its tokenizer and its template. `dir` has room for a scratch file.
    pub fn model(&self, export: &LoadedModel, precision: Precision, dir: &Path) -> anyhow::Result<Behaviour> {
        self.same_text(export)?;
        let engine = Model::load(&export.weights)?;
        let found = parity::logits(Side { model: &engine, adapter: None }, &self.probes);
        if !precision.is_quantised() {
            return self.passed(&found, tolerance(precision), None);
        }
        let in_format = self.base_in_format(precision, dir)?;
        let to_tuned = self.compare(&self.tuned, &found).kl;
        let to_base = self.compare(&self.base, &found).kl;
        // A base that is already stored in the format loses nothing by it, the sum with an adapter does.
        let of_training = SHARE_OF_TRAINING * self.compare(&self.tuned, &self.base).kl;
        let of_format = if precision == Precision::Q8_0 { 0.0 } else { of_training };
        let allowed = (1.5 * in_format.kl).max(of_format).max(tolerance(Precision::BF16));
        let is_rounded_away = in_format.kl < ON_ITS_GRID * to_tuned;
        let mut passed = self.passed(&found, allowed, Some(in_format));
        if is_rounded_away {
            passed = passed.hint(
                "the base is stored in steps of this format already, and much of what training changed is smaller than a step, \
                 so it is rounded away; a format with more bits keeps it (`--precision q8_0`, or `f16`)",
            );
        }
        let behaviour = passed?;
        ensure!(
            to_tuned <= to_base || !behaviour.bare_base_fails,
            "the quantised export is nearer to the base ({to_base:.2e} nats a token) than to the tuned model ({to_tuned:.2e})"
        );
        Ok(behaviour)
    }

    fn compare(&self, reference: &[Vec<f32>], candidate: &[Vec<f32>]) -> Parity {
        parity::compare(reference, candidate, self.source.engine.config().vocab_size)
    }

    fn passed(
        &self,
        found: &[Vec<f32>],
        tolerance_kl: f64,
        base_in_format: Option<Parity>,
    ) -> anyhow::Result<Behaviour> {
        let parity = self.compare(&self.tuned, found);
        let bare_base = self.compare(&self.tuned, &self.base);
        // NaN must fail too.
        let within = |kl: f64| kl <= tolerance_kl;
        if !within(parity.kl) {
            return Err(anyhow!(
                "the export does not behave: {:.2e} nats a token from the training graph, allowed {tolerance_kl:.2e} \
                 (the bare base: {:.2e})",
                parity.kl,
                bare_base.kl
            ))
            .hint("nothing was left on the disk; a higher precision (`--precision f16`) may do");
        }
        let bare_base_fails = !within(bare_base.kl);
        Ok(Behaviour { parity, tolerance_kl, bare_base, base_in_format, bare_base_fails })
    }

    /// The base alone in a quantised format, measured against itself.
    fn base_in_format(&self, precision: Precision, dir: &Path) -> anyhow::Result<Parity> {
        let scratch = dir.join("base.scratch.gguf");
        let merged = Merged { weights: &self.source.model.weights, adapter: None };
        save_gguf(merged, precision, Vec::new(), &scratch)?;
        let engine = Model::load(&Weights::open(&scratch)?)?;
        let found = parity::logits(Side { model: &engine, adapter: None }, &self.probes);
        drop(engine);
        fs_err::remove_file(&scratch)?;
        Ok(self.compare(&self.base, &found))
    }

    /// The export's own tokenizer and template give the tokens that the adapter was trained on.
    fn same_text(&self, export: &LoadedModel) -> anyhow::Result<()> {
        let model = self.source.model;
        for (number, question) in QUESTIONS.iter().enumerate() {
            let text = format!("{question} 2026, 12345.67 euros;\n\n\tnaïve café 東京🙂 {number}");
            let text = if knows(model, &text) { text } else { (*question).to_owned() };
            ensure!(
                model.tokenizer.encode(&text)? == export.tokenizer.encode(&text)?,
                "the export's tokenizer splits {text:?} differently"
            );
            let Ok(template) = model.template() else { continue };
            let messages = [Message::new(Role::User, text)];
            ensure!(
                tokenize_prompt(&model.tokenizer, template, &messages)?
                    == tokenize_prompt(&export.tokenizer, export.template()?, &messages)?,
                "the export's chat template gives other tokens"
            );
        }
        let ends = |model: &LoadedModel| {
            let mut ids = model.end_tokens.clone();
            ids.sort_unstable();
            ids
        };
        ensure!(
            ends(model) == ends(export),
            "the export ends at the tokens {:?}, the model at {:?}",
            ends(export),
            ends(model)
        );
        Ok(())
    }
}

/// Small vocabularies of tests lack characters.
fn knows(model: &LoadedModel, text: &str) -> bool {
    let ids = model.tokenizer.encode(text).unwrap_or_default();
    model.tokenizer.decode(&ids).is_ok_and(|decoded| decoded == text)
}

/// Start values of the design; docs/LOG.md has what was measured.
fn tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-6,
        Precision::F16 => 1e-4,
        _ => 3e-3,
    }
}

/// The questions as the model is asked them; a model without a template, or without room, begins from an end token.
fn prompts(source: &Source) -> anyhow::Result<Vec<Vec<u32>>> {
    let room = source.engine.max_positions().saturating_sub(POSITIONS);
    ensure!(room > 0, "the model has {} positions, the check needs more", source.engine.max_positions());
    let model = source.model;
    let ask = |question: &str| {
        let messages = [Message::new(Role::User, question)];
        let asked = tokenize_prompt(&model.tokenizer, model.template().ok()?, &messages).ok()?;
        (asked.len() <= room && !asked.is_empty()).then_some(asked)
    };
    let begin = || model.end_tokens[..1].to_vec();
    Ok(QUESTIONS.iter().map(|question| ask(question).unwrap_or_else(begin)).collect())
}
