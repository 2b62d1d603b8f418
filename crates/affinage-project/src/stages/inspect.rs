//! What a model is, what it reads of a text, and what it would say next.

use std::collections::BTreeMap;
use std::path::Path;

use affinage_dataset::message::{Message, Role};
use affinage_dataset::template::Thinking;
use affinage_dataset::tokenize::{LossMode, tokenize_example, tokenize_prompt};
use affinage_engine::checkpoint::OPTIMIZER_FILE;
use affinage_engine::model::{Continued, Model, Workspace};
use affinage_engine::weights::ModelConfig;
use anyhow::anyhow;
use serde::{Deserialize, Serialize};

use crate::folder::events::Event;
use crate::folder::receipt::Receipt;
use crate::folder::run::{Checkpoint, Run};
use crate::model::LoadedModel;
use crate::nearest::read_text;
use crate::observer::Observer;

/// What a model is.
#[derive(Serialize)]
pub struct Facts<'a> {
    pub name: &'a str,
    pub hub_id: Option<&'a str>,
    pub revision: Option<&'a str>,
    pub path: String,
    pub sha256: &'a str,
    pub parameters: usize,
    pub stored_bytes: usize,
    /// Tensors of the parts for pictures, which are not read; absent for a text model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<usize>,
    pub config: &'a ModelConfig,
    /// By number format.
    pub storage: BTreeMap<String, Storage>,
    pub tokenizer_tokens: usize,
    pub end_tokens: Vec<NamedToken>,
    pub chat_template: Option<&'a str>,
}

/// What is stored in one number format.
#[derive(Default, Serialize)]
pub struct Storage {
    pub tensors: usize,
    pub parameters: usize,
    pub bytes: usize,
}

/// A token and its text.
#[derive(Serialize)]
pub struct NamedToken {
    pub id: u32,
    pub token: String,
}

impl<'a> Facts<'a> {
    /// Of an open model.
    pub fn of(model: &'a LoadedModel) -> Facts<'a> {
        let mut storage: BTreeMap<String, Storage> = BTreeMap::new();
        for tensor in model.weights.tensors() {
            let sum = storage.entry(tensor.dtype.to_string()).or_default();
            sum.tensors += 1;
            sum.parameters += tensor.shape.iter().product::<usize>();
            sum.bytes += tensor.size_bytes;
        }
        let named = |&id: &u32| NamedToken { id, token: model.tokenizer.token(id).unwrap_or_default() };
        Facts {
            name: &model.name,
            hub_id: model.hub_id.as_deref(),
            revision: model.revision.as_deref(),
            path: model.weights.path().display().to_string(),
            sha256: &model.sha256,
            parameters: model.weights.parameter_count(),
            stored_bytes: model.weights.stored_bytes(),
            left_out: model.weights.left_out(),
            config: model.weights.config(),
            storage,
            tokenizer_tokens: model.tokenizer.vocab_size(),
            end_tokens: model.end_tokens.iter().map(named).collect(),
            chat_template: model.template().ok().map(|template| template.source()),
        }
    }
}

/// What a run is and how far it came.
#[derive(Serialize)]
pub struct RunFacts {
    pub v: u32,
    pub run: String,
    pub model: String,
    pub dataset: String,
    pub steps: usize,
    pub is_finished: bool,
    pub checkpoints: Vec<CheckpointFacts>,
    /// What `affinage verify` found, oldest first.
    pub receipts: Vec<Receipt>,
}

#[derive(Serialize)]
pub struct CheckpointFacts {
    pub step: usize,
    pub adapter_sha256: String,
    pub validation_loss: Option<f64>,
    /// Whether its folder is there, and whether it keeps the optimiser's state: execution can begin there.
    pub is_there: bool,
    pub has_optimizer_state: bool,
}

impl RunFacts {
    /// Errors: the run never started; a receipt cannot be read.
    pub fn of(run: &Run, ui: &dyn Observer) -> anyhow::Result<RunFacts> {
        let events: Vec<Event> = run.events(ui)?.into_iter().map(|record| record.event).collect();
        let started = events.iter().find_map(|event| match event {
            Event::RunStarted(started) => Some(started),
            _ => None,
        });
        let started = started.ok_or_else(|| anyhow!("run `{}` never started", run.name))?;
        let loss_at = |step: usize| {
            events.iter().rev().find_map(|event| match event {
                Event::Evaluated(evaluated) if evaluated.step == step => Some(evaluated.loss),
                _ => None,
            })
        };
        let checkpoint = |found: Checkpoint| CheckpointFacts {
            step: found.step,
            validation_loss: loss_at(found.step),
            is_there: found.path.is_dir(),
            has_optimizer_state: found.path.join(OPTIMIZER_FILE).is_file(),
            adapter_sha256: found.adapter_sha256,
        };
        Ok(RunFacts {
            v: 1,
            run: run.name.clone(),
            model: started.model.clone(),
            dataset: started.dataset.clone(),
            steps: started.steps,
            is_finished: events.iter().any(|event| matches!(event, Event::Finished { .. })),
            checkpoints: run.saved(ui)?.into_iter().map(checkpoint).collect(),
            receipts: Receipt::list(run)?,
        })
    }
}

/// What is to be looked at.
pub enum Subject {
    Text(String),
    Conversation(Vec<Message>),
}

/// A conversation of a file: a JSON list of messages, or row `row` (from 1) of JSONL rows with `messages`.
pub fn read_conversation(path: &Path, row: usize) -> anyhow::Result<Vec<Message>> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        List(Vec<Message>),
        Row { messages: Vec<Message> },
    }
    let text = read_text(path)?;
    let whole = serde_json::from_str::<Form>(&text);
    let form = match whole {
        Ok(form) if row == 1 => form,
        _ => {
            let mut rows = text.lines().filter(|line| !line.trim().is_empty());
            let line = rows.nth(row.saturating_sub(1)).ok_or_else(|| anyhow!("there is no row {row}"))?;
            serde_json::from_str(line).map_err(|_| anyhow!("row {row} is not a conversation"))?
        }
    };
    match form {
        Form::List(messages) | Form::Row { messages } => Ok(messages),
    }
}

/// The tokens of a text or of a conversation.
#[derive(Serialize)]
pub struct Listing {
    pub tokens: Vec<Listed>,
    /// What counts as learned; absent for a plain text.
    pub loss: Option<LossMode>,
    /// Tokens that are predicted with loss; absent for a plain text.
    pub learned: Option<usize>,
    /// Absent if no assistant turn is there to be generated.
    pub generation_prompt: Option<PromptCheck>,
    /// What the template was told of thinking; absent where that changes nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Thinking>,
}

/// One of them.
#[derive(Serialize)]
pub struct Listed {
    pub id: u32,
    pub piece: String,
    pub learned: bool,
}

/// Whether generating the last answer would start from the very tokens it was trained after.
#[derive(Debug, PartialEq, Serialize)]
pub struct PromptCheck {
    pub tokens: usize,
    /// The first token that differs, from 0.
    pub differs_at: Option<usize>,
}

/// The tokens of a subject; `loss`: what training would learn of a conversation.
pub fn list(model: &LoadedModel, subject: &Subject, loss: LossMode) -> anyhow::Result<Listing> {
    match subject {
        Subject::Text(text) => list_text(model, text),
        Subject::Conversation(messages) => list_conversation(model, messages, loss),
    }
}

fn list_text(model: &LoadedModel, text: &str) -> anyhow::Result<Listing> {
    let ids = model.tokenizer.encode(text)?;
    let tokens = ids.iter().map(|&id| listed(model, id, false)).collect();
    Ok(Listing { tokens, loss: None, learned: None, generation_prompt: None, thinking: None })
}

fn list_conversation(model: &LoadedModel, messages: &[Message], loss: LossMode) -> anyhow::Result<Listing> {
    let template = model.template()?;
    let ends = &model.end_tokens;
    let row = tokenize_example(&model.tokenizer, template, "shown", messages, loss, ends, usize::MAX)?;
    let generation_prompt = match messages.iter().rposition(|message| message.role == Role::Assistant) {
        Some(last) => {
            let prompt = tokenize_prompt(&model.tokenizer, template, &messages[..last])?;
            let differs_at = (0..prompt.len()).find(|&i| row.ids.get(i) != Some(&prompt[i]));
            Some(PromptCheck { tokens: prompt.len(), differs_at })
        }
        None => None,
    };
    let learned = row.loss_mask.iter().filter(|&&learned| learned).count();
    let tokens =
        row.ids.iter().zip(&row.loss_mask).map(|(&id, &learned)| listed(model, id, learned)).collect();
    let thinking = template.thinking();
    Ok(Listing { tokens, loss: Some(loss), learned: Some(learned), generation_prompt, thinking })
}

/// A piece of a character has no text of its own; then the vocabulary's letters for bytes are shown.
fn piece(model: &LoadedModel, id: u32) -> String {
    match model.tokenizer.decode_with_special(&[id]) {
        Ok(text) if !text.is_empty() && !text.contains(char::REPLACEMENT_CHARACTER) => text,
        _ => model.tokenizer.token(id).unwrap_or_default(),
    }
}

fn listed(model: &LoadedModel, id: u32, learned: bool) -> Listed {
    Listed { id, piece: piece(model, id), learned }
}

/// A token that may come next.
#[derive(Serialize)]
pub struct Next {
    pub id: u32,
    pub piece: String,
    pub logit: f32,
    pub probability: f64,
}

/// The `top` likeliest tokens after a text or a conversation.
pub fn next_tokens(model: &LoadedModel, subject: &Subject, top: usize) -> anyhow::Result<Vec<Next>> {
    let ids = match subject {
        Subject::Text(text) => model.tokenizer.encode(text)?,
        Subject::Conversation(messages) => tokenize_prompt(&model.tokenizer, model.template()?, messages)?,
    };
    anyhow::ensure!(!ids.is_empty(), "an empty text has no next token");
    let engine = Model::load(&model.weights)?;
    let most = engine.max_positions();
    anyhow::ensure!(ids.len() <= most, "the text has {} tokens, the model reads at most {most}", ids.len());
    let mut cache = engine.new_cache(ids.len());
    let rows = Continued { ids: &ids, cache: &mut cache, adapter: None };
    let logits = engine.forward_cached(&mut [rows], &mut Workspace::default());
    Ok(likeliest(&logits, top)
        .into_iter()
        .map(|(id, probability)| Next {
            id,
            piece: piece(model, id),
            logit: logits[id as usize],
            probability,
        })
        .collect())
}

/// The `top` largest logits, ties by id, with their share of the softmax over all.
fn likeliest(logits: &[f32], top: usize) -> Vec<(u32, f64)> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |logit: f32| f64::from(logit - most).exp();
    let total: f64 = logits.iter().map(|&logit| weight(logit)).sum();
    let mut order: Vec<u32> = (0..logits.len() as u32).collect();
    order.sort_by(|&a, &b| logits[b as usize].total_cmp(&logits[a as usize]).then(a.cmp(&b)));
    order.truncate(top);
    order.into_iter().map(|id| (id, weight(logits[id as usize]) / total)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_a_list_or_a_row() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("x");
        let read = |text: &str, row: usize| {
            fs_err::write(&path, text).expect("written");
            read_conversation(&path, row)
                .map(|messages| messages[0].content.clone())
                .map_err(|e| e.to_string())
        };
        let list = r#"[{"role": "user", "content": "a"}]"#;
        let rows = "{\"v\": 1, \"messages\": [{\"role\": \"user\", \"content\": \"b\"}]}\n\n[{\"role\": \"user\", \"content\": \"c\"}]\n";
        assert_eq!(read(list, 1), Ok("a".to_owned()));
        assert_eq!((read(rows, 1), read(rows, 2)), (Ok("b".to_owned()), Ok("c".to_owned())));
        assert_eq!(read(rows, 3), Err("there is no row 3".to_owned()));
        assert_eq!(read("{}", 1), Err("row 1 is not a conversation".to_owned()));
    }

    #[test]
    fn the_largest_logits_first_and_shares_of_all() {
        let half = 2f32.ln();
        let found = likeliest(&[0.0, half, f32::NEG_INFINITY, half], 3);
        assert_eq!(found.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 3, 0]);
        assert!((found[0].1 - 0.4).abs() < 1e-6 && (found[2].1 - 0.2).abs() < 1e-6, "{found:?}");
    }
}
