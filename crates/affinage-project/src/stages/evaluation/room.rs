//! How many tokens an answer may have, where affinage.toml does not say it: enough for most of the user's own answers.

use affinage_dataset::example::DatasetRow;
use affinage_dataset::message::Role;
use affinage_dataset::tokenizer::Tokenizer;
use affinage_eval::plain::count;

use super::{series, settings};
use crate::folder::config::{Config, Generate};
use crate::folder::datasets::DatasetVersion;
use crate::folder::evaluation::Evaluation;
use crate::folder::project::Project;
use crate::folder::run::Run;
use crate::model::LoadedModel;

/// The share of the user's own answers that are to be whole.
const WHOLE_SHARE: f64 = 0.9;
/// Longer answers cost the base, which writes to the limit, more time than they tell.
const MOST: usize = 1024;
/// Of the model's context at most this part: a prompt, and examples before it, need room as well.
const PART_OF_CONTEXT: usize = 4;
/// Lengths are multiples of this, so that one answer more or less changes nothing.
const STEP: usize = 64;

/// `config` with the limit of new tokens of an evaluation of `run`, and what to say about it. A limit that is set stays, and so
/// does that of an evaluation of this training that is planned already.
pub fn decided(
    ctx: &Project,
    model: &LoadedModel,
    (run, version): (Option<&Run>, &DatasetVersion),
) -> anyhow::Result<(Config, Option<String>)> {
    let mut config = ctx.config.clone();
    if is_set(&config) {
        return Ok((config, None));
    }
    if let Some(planned) = run.map(|run| planned(ctx, run, version)).transpose()?.flatten() {
        config.eval.max_new_tokens = Some(planned);
        return Ok((config, None));
    }
    let least = config.generate.max_new_tokens;
    let rows = version.rows("train", &ctx.ui)?;
    let measure = || answer_lengths(&model.tokenizer, &rows);
    let lengths = ctx.ui.during("measuring the answers that are learnt", measure)?;
    let tokens = proposed(lengths, least, model.weights.config().max_positions());
    config.eval.max_new_tokens = Some(tokens);
    let said = format!(
        "answers may have up to {} tokens, because many of your own have more than {least}; `eval.max-new-tokens` in \
         affinage.toml sets another length",
        count(tokens as u64)
    );
    Ok((config, (tokens > least).then_some(said)))
}

/// affinage.toml as `init` writes it holds the default of `[generate]`, so only another number there was meant.
fn is_set(config: &Config) -> bool {
    config.eval.max_new_tokens.is_some()
        || config.generate.max_new_tokens != Generate::default().max_new_tokens
}

/// The limit in the first plan of the series for this training that was made without a limit in affinage.toml.
fn planned(ctx: &Project, run: &Run, version: &DatasetVersion) -> anyhow::Result<Option<usize>> {
    for member in series::members(&ctx.project, &ctx.config.eval.name)? {
        let evaluation = Evaluation::named(&ctx.project, &member);
        let Ok(plan) = evaluation.plan() else { continue };
        let is_of_this = plan.run.as_ref() == Some(&run.name)
            && plan.dataset.as_ref().is_some_and(|dataset| dataset.version == version.name);
        if is_of_this && !settings::had(&evaluation, "eval.max-new-tokens")? {
            return Ok(Some(plan.sampling.max_new_tokens as usize));
        }
    }
    Ok(None)
}

/// Tokens of the answers that are learnt.
fn answer_lengths(tokenizer: &Tokenizer, rows: &[DatasetRow]) -> anyhow::Result<Vec<usize>> {
    let answers = rows.iter().filter_map(|row| row.messages.last()).filter(|m| m.role == Role::Assistant);
    answers.map(|answer| Ok(tokenizer.encode(&answer.content)?.len())).collect()
}

/// At least `least`; more where that keeps more of the answers whole and the model has the room.
fn proposed(mut lengths: Vec<usize>, least: usize, positions: usize) -> usize {
    lengths.sort_unstable();
    let kept = (WHOLE_SHARE * lengths.len() as f64).ceil() as usize;
    // The token that ends an answer is one more.
    let needed = kept.checked_sub(1).map_or(0, |last| lengths[last] + 1);
    let most = MOST.min(positions / PART_OF_CONTEXT / STEP * STEP);
    needed.next_multiple_of(STEP).min(most).max(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_of_ten_answers_are_whole_where_the_model_has_the_room() {
        let lengths: Vec<usize> = (1..=10).map(|n| 60 * n).collect();
        assert_eq!(proposed(lengths.clone(), 256, 8192), 576, "540 tokens and the one that ends them");
        assert_eq!(proposed(lengths.clone(), 256, 2048), 512, "a quarter of the context");
        assert_eq!(proposed(lengths, 256, 512), 256, "never less than without");
        assert_eq!(proposed(vec![9000; 10], 256, 100_000), 1024);
        assert_eq!(proposed(vec![20; 10], 256, 8192), 256, "short answers need no more");
        assert_eq!(proposed(Vec::new(), 256, 8192), 256);
    }

    #[test]
    fn a_limit_that_somebody_set_is_kept() {
        let of = |set: &str| Config::parse("", &[set.to_owned()]).expect("valid");
        assert!(is_set(&of("eval.max-new-tokens=256")) && is_set(&of("generate.max-new-tokens=100")));
        assert!(!is_set(&of("generate.max-new-tokens=256")), "as `init` writes it");
    }
}
