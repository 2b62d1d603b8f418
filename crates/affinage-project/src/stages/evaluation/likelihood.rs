//! Likelihood of the held-out texts: what the references cost every arm whose weights are here.

use std::collections::{BTreeMap, BTreeSet};

use affinage_dataset::message::{Message, Role};
use affinage_dataset::tokenize::{LossMode, TokenizedExample, tokenize_example};
use affinage_engine::model::{Document, Model};
use affinage_engine::train::document_nll;
use affinage_eval::likelihood::{LikelihoodControl, LikelihoodRow, ScoredReference, shuffled_references};
use affinage_eval::plain::counted;
use affinage_eval::plan::Arm;
use affinage_eval::suite::{Domain, Prompt};
use anyhow::Context as _;

use super::{FixedEvaluation, asked, written};
use crate::folder::project::Project;
use crate::model::LoadedModel;

/// A text to be scored under a prompt.
struct LikelihoodText<'a> {
    prompt: &'a Prompt,
    control: LikelihoodControl,
    answer: String,
}

impl FixedEvaluation {
    /// Scores the held-out references under every arm on `model`: the user's own, those of other writers where
    /// `other_writer` knows one, and each under a wrong prompt. The controls are scored for the arms of the headline.
    pub fn score_likelihood(
        &self,
        ctx: &Project,
        model: &LoadedModel,
        engine: &Model,
        other_writer: &BTreeMap<String, String>,
    ) -> anyhow::Result<()> {
        let texts = self.likelihood_texts(other_writer);
        let jobs = self.unscored(ctx, &model.sha256, &texts)?;
        if jobs.is_empty() {
            return Ok(());
        }
        let mut writer = self.folder.fit().appender(&ctx.ui)?;
        let prepared = jobs
            .into_iter()
            .map(|(arm, texts)| Ok((arm, tokenize_texts(model, arm, texts)?)))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let total: usize = prepared.iter().flat_map(|(_, texts)| texts).map(|(_, row)| row.ids.len()).sum();
        let progress = ctx.ui.progress("scoring the held-out texts", total as u64, "tokens");
        for (arm, texts) in prepared {
            let adapter = self.adapter(ctx, engine, arm)?;
            progress.note(arm.name.clone());
            let documents: Vec<Document> = texts
                .iter()
                .map(|(_, row)| Document { row_id: 0, ids: &row.ids, loss_mask: &row.loss_mask })
                .collect();
            let nll = document_nll(engine, adapter.as_ref(), &documents, 1024, |tokens| {
                progress.advance(tokens as u64)
            });
            for ((text, _), nll) in texts.iter().zip(nll) {
                let scored = ScoredReference {
                    control: text.control,
                    nll_sum: nll.sum,
                    tokens: nll.tokens,
                    chars: text.answer.chars().count(),
                };
                writer.append(&LikelihoodRow::new(
                    &text.prompt.prompt_id,
                    &arm.name,
                    arm.adapter_sha256(),
                    scored,
                ))?;
            }
        }
        writer.sync()?;
        progress.finish(format!("scored {} of the held-out texts", counted(total, "token", "tokens")));
        Ok(())
    }

    /// Whether an arm on these weights has texts that `fit.jsonl` does not hold yet.
    pub(super) fn has_unscored(
        &self,
        ctx: &Project,
        base_sha256: &str,
        other_writer: &BTreeMap<String, String>,
    ) -> anyhow::Result<bool> {
        Ok(!self.unscored(ctx, base_sha256, &self.likelihood_texts(other_writer))?.is_empty())
    }

    /// What is missing in `fit.jsonl` of the arms on these weights.
    fn unscored<'a>(
        &'a self,
        ctx: &Project,
        base_sha256: &str,
        texts: &'a [LikelihoodText<'a>],
    ) -> anyhow::Result<Vec<(&'a Arm, Vec<&'a LikelihoodText<'a>>)>> {
        let rows = self.folder.fit().read(&ctx.ui)?;
        let present: BTreeSet<(String, String, LikelihoodControl)> =
            rows.into_iter().map(|row| (row.prompt_id, row.arm, row.control)).collect();
        let headline = &self.plan.headline;
        let mut jobs = Vec::new();
        for arm in self.plan.arms.iter().filter(|arm| self.plan.base_sha256_of(arm) == Some(base_sha256)) {
            let is_controlled = arm.name == headline.arm || arm.name == headline.against;
            let wanted = texts.iter().filter(|text| text.control == LikelihoodControl::Own || is_controlled);
            let missing: Vec<&LikelihoodText> = wanted
                .filter(|text| {
                    !present.contains(&(text.prompt.prompt_id.clone(), arm.name.clone(), text.control))
                })
                .collect();
            if !missing.is_empty() {
                jobs.push((arm, missing));
            }
        }
        Ok(jobs)
    }

    fn likelihood_texts(&self, other_writer: &BTreeMap<String, String>) -> Vec<LikelihoodText<'_>> {
        let held_out: Vec<(&Prompt, &str)> = self
            .prompts
            .iter()
            .filter(|prompt| prompt.domain == Domain::In)
            .filter_map(|prompt| Some((prompt, prompt.reference.as_deref()?)))
            .collect();
        let shuffled = shuffled_references(held_out.len(), self.plan.seed);
        let mut texts = Vec::new();
        for (index, (prompt, reference)) in held_out.iter().enumerate() {
            let mut add = |control, answer: &str| {
                texts.push(LikelihoodText { prompt, control, answer: answer.to_owned() })
            };
            add(LikelihoodControl::Own, reference);
            if let Some(other) = other_writer.get(prompt.question()) {
                add(LikelihoodControl::OtherWriter, other);
            }
            if let Some(wrong) = shuffled.get(index) {
                add(LikelihoodControl::Shuffled, held_out[*wrong].1);
            }
        }
        texts
    }
}

fn tokenize_texts<'a>(
    model: &LoadedModel,
    arm: &Arm,
    texts: Vec<&'a LikelihoodText<'a>>,
) -> anyhow::Result<Vec<(&'a LikelihoodText<'a>, TokenizedExample)>> {
    let tokenize = |text: &'a LikelihoodText<'a>| {
        let mut messages = written(model, asked(arm, &text.prompt.messages))?;
        messages.push(Message::new(Role::Assistant, text.answer.clone()));
        let (tokenizer, template, ends) = (&model.tokenizer, model.template()?, &model.end_tokens);
        let limit = model.weights.config().max_positions();
        let id = &text.prompt.prompt_id;
        let row = tokenize_example(tokenizer, template, id, &messages, LossMode::LastAnswer, ends, limit)
            .with_context(|| format!("reference of prompt {id}"))?;
        Ok((text, row))
    };
    texts.into_iter().map(tokenize).collect()
}
