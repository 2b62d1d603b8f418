//! How many tokens rows have, told by the tokenizer, the template and the rule that training itself uses, and which of them
//! are longer than the training takes.

use std::time::Duration;

use affinage_dataset::message::Message;
use affinage_dataset::template::{ChatTemplate, TemplateError};
use affinage_dataset::tokenize::{LossMode, TokenizedExample, row_text, row_tokens, tokenize_example};
use affinage_dataset::tokenizer::Tokenizer;
use affinage_engine::weights::ModelConfig;
use affinage_eval::plain::{bytes, count, duration};

use crate::folder::config::Train;
use crate::folder::project::Project;
use crate::model::{ModelText, open_text};
use crate::next::next;

/// The share of all rows that a proposed length keeps whole.
const KEPT_SHARE: f64 = 0.99;

/// The most tokens that the training takes of a row.
pub fn limit(config: &Train, model: &ModelConfig) -> usize {
    config.max_seq_tokens.min(model.max_positions())
}

/// A row as it is trained on, whole.
///
/// Errors: [`TemplateError::TooLong`] where `limit` tokens do not hold it; those of [`tokenize_example`].
pub fn tokenize_whole(
    (tokenizer, template, end_tokens): (&Tokenizer, &ChatTemplate, &[u32]),
    example_id: &str,
    messages: &[Message],
    loss: LossMode,
    limit: usize,
) -> Result<TokenizedExample, TemplateError> {
    // A text of which every token is learnt would be cut: it is measured whole.
    let cut = if loss == LossMode::Full { usize::MAX } else { limit };
    let example = tokenize_example(tokenizer, template, example_id, messages, loss, end_tokens, cut)?;
    match example.ids.len() {
        tokens if tokens > limit => Err(TemplateError::TooLong { tokens, limit }),
        _ => Ok(example),
    }
}

/// Measures rows in tokens of the project's model.
pub struct Ruler {
    text: ModelText,
    train: Train,
    pub limit: usize,
}

impl Ruler {
    /// `Err` says why lengths cannot be told; nothing is fetched for them.
    pub fn open(ctx: &Project) -> Result<Ruler, String> {
        let model = &ctx.config.model.name;
        let text = open_text(ctx).map_err(|error| format!("{error:#}"))?;
        let text = text.ok_or_else(|| format!("the model `{model}` is not on this machine yet"))?;
        let limit = limit(&ctx.config.train, &text.config);
        Ok(Ruler { text, train: ctx.config.train.clone(), limit })
    }

    pub fn model(&self) -> &str {
        &self.text.name
    }

    /// Tokens of a row, where they are more than the training takes.
    pub fn too_long(&self, example_id: &str, messages: &[Message]) -> Option<usize> {
        let text = row_text(&self.text.template, messages).ok()?;
        // A token has a byte at least.
        if text.len() <= self.limit {
            return None;
        }
        let length = self.measure(example_id, messages)?;
        length.is_too_long.then_some(length.tokens)
    }

    /// `None` where a row cannot be tokenised: lint or the training says why.
    pub fn measure(&self, example_id: &str, messages: &[Message]) -> Option<Length> {
        let ModelText { tokenizer, end_tokens, template, .. } = &self.text;
        let tokens = row_tokens(tokenizer, template, messages).ok()?;
        if tokens <= self.limit {
            return Some(Length { tokens, is_too_long: false });
        }
        // What a template writes behind the answer may be cut.
        let parts = (tokenizer, template, end_tokens.as_slice());
        match tokenize_whole(parts, example_id, messages, self.train.loss, self.limit) {
            Err(TemplateError::TooLong { .. }) => Some(Length { tokens, is_too_long: true }),
            Ok(example) => Some(Length { tokens: example.ids.len(), is_too_long: false }),
            Err(_) => Some(Length { tokens, is_too_long: false }),
        }
    }

    pub fn max_positions(&self) -> usize {
        self.text.config.max_positions()
    }
}

/// How long a row is: of one that is not too long, the tokens that the training takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    pub tokens: usize,
    pub is_too_long: bool,
}

/// What a training needs whose longest row has so many tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    pub peak_bytes: u64,
    pub time: Duration,
}

impl Needs {
    /// `1.2 GB of memory and 12m 30s`
    fn in_words(self) -> String {
        format!("{} of memory and {}", bytes(self.peak_bytes), duration(self.time))
    }

    /// Whether memory and time are those of another training within a tenth.
    fn is_about(self, other: Needs) -> bool {
        let is_near = |a: f64, b: f64| a.max(b) <= 1.1 * a.min(b);
        is_near(self.peak_bytes as f64, other.peak_bytes as f64)
            && is_near(self.time.as_secs_f64(), other.time.as_secs_f64())
    }
}

/// What of all rows a length would keep whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// So many tokens keep 99 of 100 rows whole ...
    pub keeps_most: usize,
    /// ... and so many all.
    pub longest: usize,
}

impl Spread {
    /// `None` without rows.
    pub fn of(mut tokens: Vec<usize>) -> Option<Spread> {
        tokens.sort_unstable();
        let longest = *tokens.last()?;
        let kept = (KEPT_SHARE * tokens.len() as f64).ceil() as usize;
        Some(Spread { keeps_most: tokens[kept.max(1) - 1], longest })
    }

    /// Which settings would take more of the rows than `limit` tokens do, and what a training with each needs, or where
    /// that is told; `None` where `limit` takes all. `positions` is the most that the model can take.
    pub fn proposal(
        &self,
        limit: usize,
        positions: usize,
        needs: Option<&dyn Fn(usize) -> Needs>,
    ) -> Option<String> {
        if self.longest <= limit {
            return None;
        }
        let about = |tokens: usize| {
            needs.map_or_else(String::new, |needs| format!(" (about {})", needs(tokens).in_words()))
        };
        let costs_the_same =
            |one: usize, other: usize| needs.is_some_and(|needs| needs(one).is_about(needs(other)));
        let most = (self.keeps_most > limit && self.keeps_most < self.longest)
            .then_some(("99 % of the rows", self.keeps_most));
        let ways = most.into_iter().chain([("all rows", self.longest)]);
        let (mut possible, beyond): (Vec<_>, Vec<_>) = ways.partition(|(_, tokens)| *tokens <= positions);
        // What costs no more than the most is no way of its own.
        if let [(_, fewer), (_, all)] = possible[..]
            && costs_the_same(fewer, all)
        {
            possible.remove(0);
        }
        if possible.iter().all(|(_, tokens)| costs_the_same(*tokens, limit)) && beyond.is_empty() {
            let said = possible
                .iter()
                .map(|(which, tokens)| format!("`train.max-seq-tokens` {tokens} takes {which}"));
            let said: Vec<String> = said.collect();
            return Some(format!("{} at about the same cost{}", said.join("; "), about(limit)));
        }
        let mut parts: Vec<String> = possible
            .into_iter()
            .map(|(which, tokens)| format!("`train.max-seq-tokens` {tokens} takes {which}{}", about(tokens)))
            .collect();
        parts.push(format!("now {}{}", count(limit as u64), about(limit)));
        if let Some((_, tokens)) = beyond.last() {
            parts.push(format!(
                "the longest has {} tokens, and the model takes at most {}",
                count(*tokens as u64),
                count(positions as u64)
            ));
        }
        if needs.is_none() {
            parts.push(format!("what a training takes with each: {}", next("train").words("--dry-run")));
        }
        Some(parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use affinage_dataset::message::Role;

    use super::*;
    use crate::model::{Located, Told, text_of};

    /// A special token that somebody typed is several tokens of text, as in training.
    #[test]
    fn a_row_is_as_long_as_training_makes_it() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/tiny-chat.gguf");
        let located =
            Located { path, name: "tiny-chat".to_owned(), hub_id: None, revision: None, sha256: None };
        let text = text_of(located, Told::default()).expect("a model").expect("a template");
        let end = text.tokenizer.token(text.end_tokens[0]).expect("an end token");
        let typed = format!("why does {end} end it?");
        let messages = [Message::new(Role::User, typed), Message::new(Role::Assistant, "It ends.")];
        let mut ruler = Ruler { text, train: Train::default(), limit: 500 };
        let trained = |ruler: &Ruler, limit: usize| {
            let ModelText { tokenizer, end_tokens, template, .. } = &ruler.text;
            let parts = (tokenizer, template, end_tokens.as_slice());
            tokenize_whole(parts, "e", &messages, LossMode::LastAnswer, limit)
        };
        let tokens = trained(&ruler, 500).expect("a row").ids.len();
        assert_eq!(ruler.measure("e", &messages), Some(Length { tokens, is_too_long: false }));
        let as_markers = row_text(&ruler.text.template, &messages).expect("a text");
        let as_markers = ruler.text.tokenizer.encode(&as_markers).expect("tokens").len();
        assert!(as_markers < tokens, "{as_markers} {tokens}");
        // What training refuses is too long.
        ruler.limit = as_markers;
        assert!(trained(&ruler, as_markers).is_err());
        assert_eq!(ruler.too_long("e", &messages), Some(tokens));
    }

    #[test]
    fn a_length_is_proposed_where_rows_are_too_long_and_the_model_can_take_it() {
        let spread = Spread::of((1..=200).collect()).expect("rows");
        assert_eq!(spread, Spread { keeps_most: 198, longest: 200 });
        assert_eq!(Spread::of(vec![7]), Some(Spread { keeps_most: 7, longest: 7 }));
        assert_eq!(Spread::of(Vec::new()), None);
        let needs = |tokens: usize| Needs {
            peak_bytes: tokens as u64 * 1_000_000,
            time: Duration::from_secs(tokens as u64),
        };
        assert_eq!(spread.proposal(200, 1000, Some(&needs)), None);
        // 99 % cost about what all cost, and that is more than now.
        assert_eq!(
            spread.proposal(150, 1000, Some(&needs)).as_deref(),
            Some(
                "`train.max-seq-tokens` 200 takes all rows (about 200 MB of memory and 3m 20s); now 150 (about 150 MB of \
                 memory and 2m 30s)"
            )
        );
        assert_eq!(
            spread.proposal(190, 1000, Some(&needs)).as_deref(),
            Some(
                "`train.max-seq-tokens` 200 takes all rows at about the same cost (about 190 MB of memory and 3m 10s)"
            )
        );
        // The same memory is not the same cost where it takes three times as long.
        let longer = |tokens: usize| Needs {
            peak_bytes: 821_000_000,
            time: Duration::from_secs(if tokens > 150 { 300 } else { 100 }),
        };
        assert_eq!(
            spread.proposal(150, 1000, Some(&longer)).as_deref(),
            Some(
                "`train.max-seq-tokens` 200 takes all rows (about 821 MB of memory and 5m 00s); now 150 (about 821 MB of memory \
                 and 1m 40s)"
            )
        );
        assert_eq!(
            spread.proposal(150, 199, Some(&needs)).as_deref(),
            Some(
                "`train.max-seq-tokens` 198 takes 99 % of the rows (about 198 MB of memory and 3m 18s); now 150 (about 150 MB \
                 of memory and 2m 30s); the longest has 200 tokens, and the model takes at most 199"
            )
        );
        // Where nothing is measured no cost is named, and none is called the same.
        assert_eq!(
            spread.proposal(150, 1000, None).as_deref(),
            Some(
                "`train.max-seq-tokens` 198 takes 99 % of the rows; `train.max-seq-tokens` 200 takes all rows; now 150; what a \
                 training takes with each: `affinage train --dry-run`"
            )
        );
    }
}
