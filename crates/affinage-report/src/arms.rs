//! An arm has one colour, one shape and one short name on the whole page.

use affinage_eval::plan::{Arm, ArmKind, Plan};

use super::charts::{Look, Shape};
use super::view::{Inline, Piece, prose};

/// The looks and names of a plan's arms.
pub struct Arms<'a> {
    plan: &'a Plan,
    last_step: Option<u64>,
}

impl<'a> Arms<'a> {
    pub fn new(plan: &'a Plan) -> Self {
        Self { plan, last_step: plan.arms.iter().filter_map(Arm::step).max() }
    }

    /// The headline arm is a diamond; other checkpoints are triangles, prompts squares, the base a circle,
    /// arms from elsewhere pentagons.
    pub fn look(&self, name: &str) -> Look {
        if name == self.plan.headline.arm {
            return Look { class: "arm-head", shape: Shape::Diamond };
        }
        match self.plan.arm(name).map(|arm| &arm.kind) {
            Some(ArmKind::Checkpoint { .. }) => Look { class: "arm-step", shape: Shape::Triangle },
            Some(ArmKind::Prompted { .. } | ArmKind::Examples { .. }) => {
                Look { class: "arm-prompt", shape: Shape::Square }
            }
            Some(ArmKind::Adapter { .. } | ArmKind::Model(_) | ArmKind::Remote { .. }) => {
                Look { class: "arm-other", shape: Shape::Pentagon }
            }
            Some(ArmKind::Base) | None => Look { class: "arm-base", shape: Shape::Circle },
        }
    }

    /// "step 290 (last)", "base + prompt", "base".
    pub fn short(&self, name: &str) -> String {
        match self.plan.arm(name).map(|arm| &arm.kind) {
            Some(ArmKind::Checkpoint { step, .. }) if self.last_step == Some(*step) => {
                format!("step {step} (last)")
            }
            Some(ArmKind::Checkpoint { step, .. }) => format!("step {step}"),
            _ => name.replace('+', " + "),
        }
    }

    /// "the tuned model (step 290)": for who has not learnt the short names yet. Others have no longer one.
    fn long(&self, name: &str) -> String {
        match self.plan.arm(name).map(|arm| &arm.kind) {
            Some(ArmKind::Checkpoint { .. } | ArmKind::Base) => self.plan.called(name),
            _ => self.short(name),
        }
    }

    /// Sign and short name; what the name stands for on hover.
    pub fn name(&self, name: &str) -> Piece {
        self.named(name, self.short(name))
    }

    fn named(&self, name: &str, text: String) -> Piece {
        let tip = match self.meaning(name) {
            Some(meaning) => format!("{name}: {meaning}"),
            None => name.to_owned(),
        };
        Piece::Arm { tip, glyph: self.look(name).glyph(), text }
    }

    /// What the name stands for, in words; `None` of an arm that is not planned.
    pub fn meaning(&self, name: &str) -> Option<String> {
        Some(match &self.plan.arm(name)?.kind {
            ArmKind::Base => "the base model, asked plainly".to_owned(),
            ArmKind::Prompted { system_prompt } => {
                format!("the base model with this instruction in front:\n{system_prompt}")
            }
            ArmKind::Examples { example_ids, .. } => {
                format!("the base model with {} accepted examples as earlier turns", example_ids.len())
            }
            ArmKind::Checkpoint { step, adapter_sha256, .. } => {
                format!("the adapter saved after step {step}\nsha256 {adapter_sha256}")
            }
            ArmKind::Adapter { adapter_sha256, path, on, .. } => {
                let on = on.as_ref().map_or("the base", |on| on.model.as_str());
                format!("the adapter {path} on {on}\nsha256 {adapter_sha256}")
            }
            ArmKind::Model(other) => {
                format!("the model {} in place of the base\nsha256 {}", other.model, other.sha256)
            }
            ArmKind::Remote { model, base_url } => {
                format!("{model} behind {base_url}; its weights are unknown")
            }
        })
    }

    /// A sentence of the analysis: arms named in backticks get their sign, other words in backticks become code.
    pub fn prose(&self, text: &str) -> Inline {
        prose(text, &|word| if self.plan.arm(word).is_some() { self.name(word) } else { Piece::quoted(word) })
    }

    /// A paragraph for every sentence that says something.
    pub fn paragraphs<'t>(&self, sentences: impl IntoIterator<Item = &'t str>) -> Vec<Inline> {
        sentences.into_iter().filter(|text| !text.trim().is_empty()).map(|text| self.prose(text)).collect()
    }

    /// "the tuned model (step 290) against the base model"
    pub fn versus_in_full(&self, arm: &str, against: &str) -> Inline {
        against_each_other([arm, against].map(|name| self.named(name, self.long(name))))
    }

    /// "step 290 (last) against base"
    pub fn versus(&self, arm: &str, against: &str) -> Inline {
        against_each_other([arm, against].map(|name| self.name(name)))
    }

    /// As [`Arms::versus`], as plain text.
    pub fn versus_plain(&self, arm: &str, against: &str) -> String {
        format!("{} against {}", self.short(arm), self.short(against))
    }
}

fn against_each_other([arm, against]: [Piece; 2]) -> Inline {
    Inline::from(arm).and(" ").then(Piece::Against).and(" ").then(against)
}
