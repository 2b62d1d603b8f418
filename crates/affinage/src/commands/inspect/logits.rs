//! `affinage inspect logits`: the likeliest next tokens.

use affinage_dataset::tokenize::tokenize_prompt;
use affinage_engine::model::{Continued, Model, Workspace};
use affinage_project::model::open_model;
use serde::Serialize;

use super::tokens::piece;
use super::{LogitsArgs, Subject};
use crate::context::Context;
use crate::ui::Table;

#[derive(Serialize)]
struct Next {
    id: u32,
    piece: String,
    logit: f32,
    probability: f64,
}

pub fn run(ctx: &Context, args: LogitsArgs) -> anyhow::Result<()> {
    let spec = args.model.spec(ctx).to_owned();
    let subject = args.input.read(ctx)?;
    let loaded = open_model(ctx, &spec)?;
    let ids = match subject {
        Subject::Text(text) => loaded.tokenizer.encode(&text)?,
        Subject::Conversation(messages) => tokenize_prompt(&loaded.tokenizer, loaded.template()?, &messages)?,
    };
    anyhow::ensure!(!ids.is_empty(), "an empty text has no next token");
    let model = Model::load(&loaded.weights)?;
    let most = model.max_positions();
    anyhow::ensure!(ids.len() <= most, "the text has {} tokens, the model reads at most {most}", ids.len());
    let mut cache = model.new_cache(ids.len());
    let rows = Continued { ids: &ids, cache: &mut cache, adapter: None };
    let logits = model.forward_cached(&mut [rows], &mut Workspace::default());
    let next: Vec<Next> = likeliest(&logits, args.top)
        .into_iter()
        .map(|(id, probability)| Next {
            id,
            piece: piece(&loaded, id),
            logit: logits[id as usize],
            probability,
        })
        .collect();
    if ctx.json {
        return ctx.ui.json(&next);
    }
    let mut table = Table::new(["id", "logit", "share", "token"]).right(&[0, 1, 2]);
    for next in &next {
        let share = format!("{:.2} %", 100.0 * next.probability);
        table.row([next.id.to_string(), format!("{:.2}", next.logit), share, format!("{:?}", next.piece)]);
    }
    ctx.ui.data(&table.render())
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
    fn the_largest_logits_first_and_shares_of_all() {
        let half = 2f32.ln();
        let found = likeliest(&[0.0, half, f32::NEG_INFINITY, half], 3);
        assert_eq!(found.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 3, 0]);
        assert!((found[0].1 - 0.4).abs() < 1e-6 && (found[2].1 - 0.2).abs() < 1e-6, "{found:?}");
    }
}
