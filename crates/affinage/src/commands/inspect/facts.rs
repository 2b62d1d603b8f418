//! `affinage inspect model`: the facts of a model.

use affinage_engine::weights::{ModelConfig, RopeScaling};
use affinage_project::model::open_model;
use affinage_project::stages::inspect::Facts;

use super::ModelArgs;
use crate::context::Context;
use crate::ui::{Paint, bytes, count};

/// Lines of the chat template that are shown.
const TEMPLATE_LINES: usize = 6;

pub fn run(ctx: &Context, args: ModelArgs) -> anyhow::Result<()> {
    let model = open_model(ctx, args.spec(ctx))?;
    let facts = Facts::of(&model);
    if ctx.json { ctx.ui.json(&facts) } else { ctx.ui.data(&shown(ctx, &facts)) }
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
    if let Some(left_out) = facts.left_out {
        line("", format!("{} more tensors are for pictures and not read", count(left_out as u64)));
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
        Some(RopeScaling::LongRope(scaling)) => {
            let known = count(config.max_position_embeddings as u64);
            let own = count(scaling.original_max_position_embeddings as u64);
            format!(", longrope: up to the {own} before it was made longer to {known}")
        }
        None => String::new(),
    };
    format!("theta {}{scaling}", config.rope.theta)
}
