//! `affinage inspect model`: the facts of a model.

use std::collections::BTreeMap;

use affinage_engine::weights::{ModelConfig, RopeScaling};
use affinage_project::model::{LoadedModel, open_model};
use serde::Serialize;

use super::ModelArgs;
use crate::context::Context;
use crate::ui::{Paint, bytes, count};

/// Lines of the chat template that are shown.
const TEMPLATE_LINES: usize = 6;

#[derive(Serialize)]
struct Facts<'a> {
    name: &'a str,
    hub_id: Option<&'a str>,
    revision: Option<&'a str>,
    path: String,
    sha256: &'a str,
    parameters: usize,
    stored_bytes: usize,
    config: &'a ModelConfig,
    /// By number format.
    storage: BTreeMap<String, Storage>,
    tokenizer_tokens: usize,
    end_tokens: Vec<NamedToken>,
    chat_template: Option<&'a str>,
}

#[derive(Default, Serialize)]
struct Storage {
    tensors: usize,
    parameters: usize,
    bytes: usize,
}

#[derive(Serialize)]
struct NamedToken {
    id: u32,
    token: String,
}

pub fn run(ctx: &Context, args: ModelArgs) -> anyhow::Result<()> {
    let model = open_model(ctx, args.spec(ctx))?;
    let facts = Facts::of(&model);
    if ctx.json { ctx.ui.json(&facts) } else { ctx.ui.data(&shown(ctx, &facts)) }
}

impl<'a> Facts<'a> {
    fn of(model: &'a LoadedModel) -> Facts<'a> {
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
            config: model.weights.config(),
            storage,
            tokenizer_tokens: model.tokenizer.vocab_size(),
            end_tokens: model.end_tokens.iter().map(named).collect(),
            chat_template: model.template().ok().map(|template| template.source()),
        }
    }
}

fn shown(ctx: &Context, facts: &Facts) -> String {
    let config = facts.config;
    let mut out = String::new();
    let mut line = |label: &str, text: String| {
        let label = ctx.ui.paint_data(Paint::Accent, &format!("{label:<10}"));
        out.push_str(&format!("{label}  {text}\n"));
    };
    let origin = facts.hub_id.filter(|id| *id != facts.name).map(|id| format!(" ({id})")).unwrap_or_default();
    line("model", format!("{}{origin}", facts.name));
    line("path", facts.path.clone());
    line("sha256", facts.sha256.to_owned());
    if let Some(revision) = facts.revision {
        line("revision", revision.to_owned());
    }
    line("family", config.family.name().to_owned());
    let parameters = count(facts.parameters as u64);
    line("size", format!("{parameters} parameters in {}", bytes(facts.stored_bytes as u64)));
    for (dtype, sum) in &facts.storage {
        let size = bytes(sum.bytes as u64);
        line(
            "",
            format!(
                "{dtype}: {} parameters in {} tensors, {size}",
                count(sum.parameters as u64),
                sum.tensors
            ),
        );
    }
    line(
        "layers",
        format!(
            "{} of width {}, feed-forward {}",
            config.layers, config.hidden_size, config.intermediate_size
        ),
    );
    line(
        "heads",
        format!("{} of size {}, {} for keys and values", config.heads, config.head_dim, config.kv_heads),
    );
    let window = match config.sliding_window {
        Some(window) => format!(
            " (in {} of {} layers a token sees the last {})",
            config.sliding_layers.len(),
            config.layers,
            count(window as u64)
        ),
        None => String::new(),
    };
    line("positions", format!("{}{window}, rope {}", count(config.max_positions() as u64), rope(config)));
    let head = if config.tie_word_embeddings { "tied to the embedding" } else { "of its own" };
    let (used, known) = (count(facts.tokenizer_tokens as u64), count(config.vocab_size as u64));
    line("vocabulary", format!("{used} tokens ({known} in the model), output head {head}"));
    let ends: Vec<String> = facts.end_tokens.iter().map(|end| format!("{} {}", end.id, end.token)).collect();
    line("ends with", ends.join(", "));
    match facts.chat_template {
        None => line("template", "none: this model was not taught to chat".to_owned()),
        Some(source) => {
            let lines: Vec<&str> = source.lines().collect();
            for (i, text) in lines.iter().take(TEMPLATE_LINES).enumerate() {
                line(if i == 0 { "template" } else { "" }, (*text).to_owned());
            }
            if let Some(more @ 1..) = lines.len().checked_sub(TEMPLATE_LINES) {
                line("", format!("... {more} more lines (--json has all)"));
            }
        }
    }
    out
}

fn rope(config: &ModelConfig) -> String {
    let scaling = match &config.rope.scaling {
        Some(RopeScaling::Llama3(scaling)) => format!(", llama3 scaling by {}", scaling.factor),
        Some(RopeScaling::Linear { factor }) => format!(", linear scaling by {factor}"),
        None => String::new(),
    };
    format!("theta {}{scaling}", config.rope.theta)
}
