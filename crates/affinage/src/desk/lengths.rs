//! Which rows are longer than the training takes, told by the tokenizer and the rule that training itself uses.

use affinage_dataset::candidate::Candidate;
use affinage_dataset::message::{Message, Role};
use affinage_dataset::template::{GenerationPrompt, TemplateError};
use affinage_dataset::tokenize::{LossMode, tokenize_example};
use serde::Serialize;

use super::catalogue;
use crate::context::Context;
use crate::library::Mark;
use crate::model::{ModelText, open_text};

/// Measures rows in tokens of the project's model.
pub struct Ruler {
    text: ModelText,
    loss: LossMode,
    limit: usize,
}

/// What is known of lengths in tokens.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "kebab-case", tag = "stage")]
pub enum Lengths {
    /// Not looked at yet.
    #[default]
    Waiting,
    /// They are all known.
    Known { limit: usize, model: String },
    /// They cannot be told, and why.
    Unknown { why: String },
}

impl Ruler {
    /// `Err` says why lengths cannot be told; nothing is fetched for them.
    pub fn open(ctx: &Context) -> Result<Ruler, String> {
        let model = &ctx.config.model;
        let text = open_text(ctx).map_err(|error| format!("{error:#}"))?;
        let text = text.ok_or_else(|| format!("the model `{model}` is not on this machine yet"))?;
        let limit = ctx.config.train.max_seq_tokens.min(text.max_positions);
        Ok(Ruler { text, loss: ctx.config.train.loss, limit })
    }

    pub fn known(&self) -> Lengths {
        Lengths::Known { limit: self.limit, model: self.text.name.clone() }
    }

    /// Tokens of the row that a candidate makes as it is marked, where they are more than the training takes.
    pub fn too_long(&self, candidate: &Candidate, mark: Option<&Mark>) -> Option<usize> {
        let messages = row(candidate, mark);
        let ModelText { tokenizer, end_tokens, template, .. } = &self.text;
        // A token has a byte at least.
        if template.render(&messages, GenerationPrompt::Omit).is_ok_and(|text| text.len() <= self.limit) {
            return None;
        }
        // As in training: a text of which every token is learnt is measured whole.
        let cut = if self.loss == LossMode::Full { usize::MAX } else { self.limit };
        let id = &candidate.candidate_id;
        match tokenize_example(tokenizer, template, id, &messages, self.loss, end_tokens, cut) {
            Ok(example) => Some(example.ids.len()).filter(|tokens| *tokens > self.limit),
            Err(TemplateError::TooLong { tokens, .. }) => Some(tokens),
            // What cannot be told here is told by lint or by the training.
            Err(_) => None,
        }
    }
}

/// The messages of the row, as a data set holds them.
fn row(candidate: &Candidate, mark: Option<&Mark>) -> Vec<Message> {
    let text = |of: fn(&Mark) -> Option<&String>| mark.and_then(of).map(String::as_str);
    let chosen = mark.and_then(|mark| mark.variant.as_ref());
    let variant = candidate.variants.iter().find(|v| Some(&v.variant_id) == chosen);
    let variant = variant.unwrap_or(catalogue::proposed(candidate));
    let context = mark.and_then(|mark| mark.context.as_ref()).unwrap_or(&candidate.context);
    let mut messages: Vec<Message> =
        candidate.system.iter().map(|system| Message::new(Role::System, system.as_str())).collect();
    messages.extend(context.iter().cloned());
    messages.push(Message::new(Role::User, text(|mark| mark.prompt.as_ref()).unwrap_or(&candidate.prompt)));
    messages.push(Message::new(Role::Assistant, text(|mark| mark.text.as_ref()).unwrap_or(&variant.text)));
    messages
}
