//! An arm has one colour, one shape and one short name on the whole page.

use affinage_eval::plan::{Arm, ArmKind, Plan};

use super::charts::{Look, Shape};
use super::html::{code, esc, prose};

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

    /// "your tuned model (step 290)": for who has not learnt the short names yet. Others have no longer one.
    pub fn long(&self, name: &str) -> String {
        match self.plan.arm(name).map(|arm| &arm.kind) {
            Some(ArmKind::Checkpoint { .. } | ArmKind::Base) => self.plan.called(name),
            _ => self.short(name),
        }
    }

    /// Shape and short name as HTML; the full name on hover.
    pub fn label(&self, name: &str) -> String {
        self.labelled(name, &self.short(name))
    }

    fn labelled(&self, name: &str, words: &str) -> String {
        format!(
            "<span class=\"arm\" data-tip=\"{}\">{}{}</span>",
            esc(&self.explained(name)),
            self.look(name).glyph(),
            esc(words)
        )
    }

    /// What the name stands for, in words.
    pub fn explained(&self, name: &str) -> String {
        match self.plan.arm(name).map(|arm| &arm.kind) {
            Some(ArmKind::Base) => format!("{name}: the base model, asked plainly"),
            Some(ArmKind::Prompted { system_prompt }) => {
                format!("{name}: the base model with this instruction in front:\n{system_prompt}")
            }
            Some(ArmKind::Examples { example_ids, .. }) => {
                format!(
                    "{name}: the base model with {} accepted examples as earlier turns",
                    example_ids.len()
                )
            }
            Some(ArmKind::Checkpoint { step, adapter_sha256, .. }) => {
                format!("{name}: the adapter saved after step {step}\nsha256 {adapter_sha256}")
            }
            Some(ArmKind::Adapter { adapter_sha256, path, on, .. }) => {
                let on = on.as_ref().map_or_else(|| "the base".to_owned(), |on| on.model.clone());
                format!("{name}: the adapter {path} on {on}\nsha256 {adapter_sha256}")
            }
            Some(ArmKind::Model(other)) => {
                format!("{name}: the model {} in place of the base\nsha256 {}", other.model, other.sha256)
            }
            Some(ArmKind::Remote { model, base_url }) => {
                format!("{name}: {model} behind {base_url}; its weights are unknown")
            }
            None => name.to_owned(),
        }
    }

    /// A sentence of the analysis: arms named in backticks get their sign, other words in backticks become code.
    pub fn prose(&self, text: &str) -> String {
        prose(text, &|word| if self.plan.arm(word).is_some() { self.label(word) } else { code(word) })
    }

    /// [`Arms::prose`] as a paragraph; nothing for an empty one.
    pub fn p(&self, text: &str) -> String {
        if text.trim().is_empty() { String::new() } else { format!("<p>{}</p>\n", self.prose(text)) }
    }

    /// "your tuned model (step 290) against the base model" as HTML.
    pub fn versus_in_full(&self, arm: &str, against: &str) -> String {
        let [arm, against] = [arm, against].map(|name| self.labelled(name, &self.long(name)));
        format!("{arm} <span class=\"against\">against</span> {against}")
    }

    /// "step 290 (last) against base" as HTML.
    pub fn versus(&self, arm: &str, against: &str) -> String {
        format!("{} <span class=\"against\">against</span> {}", self.label(arm), self.label(against))
    }
}
