//! Text to token ids and back.
//!
//! The work is done by the `tokenizers` crate. A `tokenizer.json` describes its own pipeline; a GGUF file
//! only names one (`tokenizer.ggml.pre`), which is rebuilt here. A wrong pipeline changes ids in silence,
//! so an unknown name is refused.
//!
//! Source: llama.cpp `llama-vocab.cpp` (names), and the `tokenizer.json` of SmolLM2, Qwen2.5, Llama 3, GPT-2 and
//! Gemma 3 (pipelines).

mod complete;
mod sentencepiece;
mod vocabulary;

use std::ops::Range;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, PostProcessorWrapper, PreTokenizerWrapper, SplitDelimiterBehavior};

pub use vocabulary::VocabularyParts;

/// Single digits.
const QWEN2_WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Groups of up to three digits.
const LLAMA3_WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Capitals begin a word; what is contracted stays with its word. Of Phi-4-mini and others.
const O200K_WORDS: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|",
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);

/// Token types of a GGUF vocabulary.
const NORMAL: i64 = 1;
/// These three are matched as a whole before anything is split.
const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;
const UNUSED: i64 = 5;
/// One byte, written `<0xNN>`.
const BYTE: i64 = 6;

/// Why a tokenizer could not be built or used.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    #[error("the tokenizer definition is not usable: {0}")]
    Definition(#[source] tokenizers::Error),
    #[error(
        "the vocabulary is of model `{found}`, supported: gpt2 (byte-level BPE), llama (SentencePiece BPE)"
    )]
    Model { found: String },
    #[error("the vocabulary names the pre-tokenizer `{found}`, supported: {}", PRE_TOKENIZERS.join(", "))]
    PreTokenizer { found: String },
    #[error("text is split in a way that no pre-tokenizer of GGUF files does ({} are known)", PRE_TOKENIZERS.join(", "))]
    Unnamed,
    #[error("the vocabulary has {tokens} tokens but {types} token types")]
    TypeCount { tokens: usize, types: usize },
    #[error("the vocabulary has {tokens} tokens but {scores} scores")]
    ScoreCount { tokens: usize, scores: usize },
    #[error("the vocabulary has token {token:?} twice, as {first} and {second}")]
    DuplicateToken { token: String, first: u32, second: u32 },
    #[error("merge {index} of the vocabulary is {merge:?}, expected two tokens with a space between")]
    Merge { index: usize, merge: String },
    #[error(
        "the vocabulary has {tokens} tokens and no merges (`tokenizer.ggml.merges`), which byte-level BPE needs"
    )]
    NoMerges { tokens: usize },
    #[error("the vocabulary has no token `{written}` for the byte 0x{byte:02X}, expected one for each byte")]
    MissingByte { byte: u8, written: String },
    #[error(
        "token {id} of the vocabulary is {token:?} and has the type of a byte, expected a name like `<0x0A>`"
    )]
    ByteName { id: u32, token: String },
    #[error("token {id} of the vocabulary has the type {found}, expected 1 (normal) to 6 (byte)")]
    TokenType { id: u32, found: i64 },
    #[error("token {id} of the vocabulary is empty, expected a text")]
    EmptyToken { id: u32 },
    #[error("the score of token {id} of the vocabulary is not a number")]
    Score { id: u32 },
    #[error("the unknown token of the vocabulary is {id}, expected an id below the {tokens} tokens")]
    UnknownId { id: u32, tokens: usize },
    #[error(
        "the vocabulary has no token for the character {character:?}, so that it would vanish from the text"
    )]
    Lost { character: char },
    #[error("the tokenizer definition breaks the library that runs it: {0}")]
    Broken(String),
    #[error(
        "the replacements of the tokenizer lengthen a text up to {factor:.0} times, expected at most {limit} times"
    )]
    Growth { factor: f64, limit: f64 },
    #[error("text could not be turned into tokens: {0}")]
    Encode(#[source] tokenizers::Error),
    #[error("tokens could not be turned into text: {0}")]
    Decode(#[source] tokenizers::Error),
}

/// The library has `expect`s that a wrong `tokenizer.json` reaches (fuzzing found one in its decoders).
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, TokenizerError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        TokenizerError::Broken(text.unwrap_or("it stopped without a word").to_owned())
    })
}

/// The tokenizer part of a GGUF file, borrowed from it.
#[derive(Debug, Clone, PartialEq)]
pub struct GgufVocabulary<'a> {
    /// `tokenizer.ggml.model`.
    pub model: &'a str,
    /// `tokenizer.ggml.pre`; old files have none.
    pub pre: Option<&'a str>,
    pub tokens: Vec<&'a str>,
    /// `left right`, best first. Only of model `gpt2`.
    pub merges: Vec<&'a str>,
    /// One per token, the highest is merged first. Only of model `llama`.
    pub scores: Vec<f32>,
    /// One per token, or empty.
    pub token_types: Vec<i64>,
    /// `tokenizer.ggml.unknown_token_id`: what stands for a character without a token where no token has the type of it.
    /// Only of model `llama`.
    pub unknown: Option<u32>,
    /// `tokenizer.ggml.add_space_prefix`: a text begins as if a space stood before it. Only of model `llama`, whose
    /// files mean `true` where they say nothing.
    pub add_space_prefix: bool,
}

/// A token and its place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub id: u32,
    pub bytes: Range<usize>,
}

/// Text to ids and back. Nothing is added to a text; special tokens inside it become their ids.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    gaps: complete::Gaps,
    /// The same, to which special tokens are plain text. Made where a text holds one that is not to be taken as such.
    plain: OnceLock<Box<tokenizers::Tokenizer>>,
    /// Bytes of the longest token as the vocabulary writes it.
    longest: OnceLock<usize>,
}

/// Times by which the replacements of a tokenizer may lengthen a text. Real ones turn a space into a sign of three bytes.
const MAX_GROWTH: f64 = 64.0;

/// The parts of a `tokenizer.json` that rewrite text; the vocabulary is passed over.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Steps {
    normalizer: Value,
    pre_tokenizer: Value,
    decoder: Value,
}

/// At most how many times longer the replacements of a `tokenizer.json` make a text, one after the other: a file from
/// elsewhere must not turn a letter into gigabytes. 1 for what is not JSON.
fn growth(bytes: &[u8]) -> f64 {
    let steps: Steps = serde_json::from_slice(bytes).unwrap_or_default();
    [steps.normalizer, steps.pre_tokenizer, steps.decoder].iter().map(growth_of).product()
}

fn growth_of(step: &Value) -> f64 {
    let inner = ["normalizers", "pretokenizers", "decoders"].iter().filter_map(|key| step[key].as_array());
    let inner: f64 = inner.flatten().map(growth_of).product();
    let own = step["content"].as_str().map_or(1.0, |content| {
        let replaced = step["pattern"]["String"].as_str().map_or(1, str::len).max(1);
        (content.len() as f64 / replaced as f64).max(1.0)
    });
    own * inner
}

impl Tokenizer {
    /// From the bytes of a `tokenizer.json`.
    pub fn from_json(bytes: &[u8]) -> Result<Tokenizer, TokenizerError> {
        let factor = growth(bytes);
        if factor > MAX_GROWTH {
            return Err(TokenizerError::Growth { factor, limit: MAX_GROWTH });
        }
        let mut inner =
            guarded(|| tokenizers::Tokenizer::from_bytes(bytes))?.map_err(TokenizerError::Definition)?;
        // Settings of whoever saved the file; they would cut or lengthen rows.
        inner.with_truncation(None).map_err(TokenizerError::Definition)?;
        inner.with_padding(None);
        // It would add tokens, which templates do, and shorten the offsets of tokens that begin with a space.
        inner.with_post_processor(None::<PostProcessorWrapper>);
        Ok(Tokenizer::of(inner))
    }

    /// From the vocabulary of a GGUF file.
    pub fn from_gguf(vocabulary: &GgufVocabulary) -> Result<Tokenizer, TokenizerError> {
        let (tokens, types) = (vocabulary.tokens.len(), vocabulary.token_types.len());
        if types != 0 && types != tokens {
            return Err(TokenizerError::TypeCount { tokens, types });
        }
        complete::check(vocabulary)?;
        let mut inner = match vocabulary.model {
            "gpt2" => byte_level(vocabulary)?,
            "llama" => sentencepiece::tokenizer(vocabulary)?,
            other => return Err(TokenizerError::Model { found: other.to_owned() }),
        };
        add_whole_tokens(&mut inner, vocabulary);
        Ok(Tokenizer::of(inner))
    }

    fn of(inner: tokenizers::Tokenizer) -> Tokenizer {
        Tokenizer {
            gaps: complete::Gaps::of(&inner),
            inner,
            plain: OnceLock::new(),
            longest: OnceLock::new(),
        }
    }

    /// A character that has neither a token nor an unknown token in its place would vanish.
    fn refuse_lost(&self, inner: &tokenizers::Tokenizer, text: &str) -> Result<(), TokenizerError> {
        if self.gaps.spare(inner, text) {
            return Ok(());
        }
        match guarded(|| complete::lost(inner, text))?.map_err(TokenizerError::Encode)? {
            Some(character) => Err(TokenizerError::Lost { character }),
            None => Ok(()),
        }
    }

    /// Bytes that a text of this many tokens has at most: as if each were the longest. A text of more need not be encoded
    /// to know that it has more tokens.
    pub fn most_bytes(&self, tokens: usize) -> usize {
        let longest = self
            .longest
            .get_or_init(|| self.inner.get_vocab(true).keys().map(String::len).max().unwrap_or_default());
        longest.saturating_mul(tokens)
    }

    /// Errors: a character has no token, and there is no unknown token.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        self.refuse_lost(&self.inner, text)?;
        self.encode_known(text)
    }

    /// As [`Tokenizer::encode`], without what has no token.
    fn encode_known(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let encoding = guarded(|| self.inner.encode_fast(text, false))?.map_err(TokenizerError::Encode)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// As [`Tokenizer::encode`], with the bytes of `text` that each token stands for. The tokens of one
    /// character that needs several share its bytes.
    pub fn encode_with_offsets(&self, text: &str) -> Result<Vec<Token>, TokenizerError> {
        self.refuse_lost(&self.inner, text)?;
        tokens_of(&self.inner, text)
    }

    /// As [`Tokenizer::encode_with_offsets`], but special tokens in the text are letters and signs as all others.
    pub fn encode_plain(&self, text: &str) -> Result<Vec<Token>, TokenizerError> {
        let plain = self.plain.get_or_init(|| {
            let mut plain = Box::new(self.inner.clone());
            plain.set_encode_special_tokens(true);
            plain
        });
        self.refuse_lost(plain, text)?;
        tokens_of(plain, text)
    }

    /// The text of `ids`, special tokens left out.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        guarded(|| self.inner.decode(ids, true))?.map_err(TokenizerError::Decode)
    }

    /// The text of `ids`, special tokens written out.
    pub fn decode_with_special(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        guarded(|| self.inner.decode(ids, false))?.map_err(TokenizerError::Decode)
    }

    /// Decoding id by id, for text that is shown while it is generated.
    pub fn stream(&self) -> TokenStream<'_> {
        TokenStream { tokenizer: self, ids: Vec::new(), shown: 0, context: 0 }
    }

    /// A token as the vocabulary writes it (`Ġthe` for " the").
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// The id of a token as the vocabulary writes it.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Whether a token is matched as a whole and left out by [`Tokenizer::decode`].
    pub fn is_special(&self, id: u32) -> bool {
        self.inner
            .get_added_vocabulary()
            .get_added_tokens_decoder()
            .get(&id)
            .is_some_and(|token| token.special)
    }

    /// Tokens with an id of their own, special ones included.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }
}

fn tokens_of(inner: &tokenizers::Tokenizer, text: &str) -> Result<Vec<Token>, TokenizerError> {
    let encoding = guarded(|| inner.encode(text, false))?.map_err(TokenizerError::Encode)?;
    let tokens = encoding.get_ids().iter().zip(encoding.get_offsets());
    Ok(tokens.map(|(&id, &(start, end))| Token { id, bytes: start..end }).collect())
}

const PRE_TOKENIZERS: [&str; 6] = ["smollm", "qwen2", "llama-bpe", "gpt-4o", "gpt-2", "default"];

/// What stands between a text and the byte-pair merges.
struct Pipeline {
    pre_tokenizer: PreTokenizerWrapper,
    /// Unicode composition first.
    compose: bool,
    /// A word that is a token as a whole is that token, whatever the merges say.
    ignore_merges: bool,
}

impl Pipeline {
    fn named(name: &str) -> Result<Pipeline, TokenizerError> {
        let words = |pattern: &str| -> Result<PreTokenizerWrapper, TokenizerError> {
            let pattern = SplitPattern::Regex(pattern.to_owned());
            let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false)
                .map_err(TokenizerError::Definition)?;
            Ok(Sequence::new(vec![split.into(), ByteLevel::new(false, true, false).into()]).into())
        };
        let gpt2 = ByteLevel::new(false, true, true);
        Ok(match name {
            "smollm" => Pipeline {
                pre_tokenizer: Sequence::new(vec![Digits::new(true).into(), gpt2.into()]).into(),
                compose: false,
                ignore_merges: false,
            },
            "qwen2" => Pipeline { pre_tokenizer: words(QWEN2_WORDS)?, compose: true, ignore_merges: false },
            "llama-bpe" => {
                Pipeline { pre_tokenizer: words(LLAMA3_WORDS)?, compose: false, ignore_merges: true }
            }
            "gpt-4o" => Pipeline { pre_tokenizer: words(O200K_WORDS)?, compose: false, ignore_merges: false },
            "gpt-2" | "default" => {
                Pipeline { pre_tokenizer: gpt2.into(), compose: false, ignore_merges: false }
            }
            other => return Err(TokenizerError::PreTokenizer { found: other.to_owned() }),
        })
    }
}

/// Byte-level BPE without the tokens that are matched as a whole.
fn byte_level(vocabulary: &GgufVocabulary) -> Result<tokenizers::Tokenizer, TokenizerError> {
    let pipeline = Pipeline::named(vocabulary.pre.unwrap_or("default"))?;
    let bpe = BPE::builder()
        .vocab_and_merges(ids_by_token(&vocabulary.tokens)?, merges(&vocabulary.merges)?)
        .ignore_merges(pipeline.ignore_merges)
        .build()
        .map_err(TokenizerError::Definition)?;
    let mut inner = tokenizers::Tokenizer::new(bpe);
    inner.with_normalizer(pipeline.compose.then_some(NFC));
    inner.with_pre_tokenizer(Some(pipeline.pre_tokenizer));
    inner.with_decoder(Some(ByteLevel::new(false, true, true)));
    Ok(inner)
}

fn ids_by_token(tokens: &[&str]) -> Result<Vocab, TokenizerError> {
    let mut ids = Vocab::default();
    for (id, &token) in (0u32..).zip(tokens) {
        if let Some(first) = ids.insert(token.to_owned(), id) {
            return Err(TokenizerError::DuplicateToken { token: token.to_owned(), first, second: id });
        }
    }
    Ok(ids)
}

fn merges(merges: &[&str]) -> Result<Vec<(String, String)>, TokenizerError> {
    let pair = |(index, merge): (usize, &&str)| match merge.split_once(' ') {
        Some((left, right)) => Ok((left.to_owned(), right.to_owned())),
        None => Err(TokenizerError::Merge { index, merge: (*merge).to_owned() }),
    };
    merges.iter().enumerate().map(pair).collect()
}

fn add_whole_tokens(inner: &mut tokenizers::Tokenizer, vocabulary: &GgufVocabulary) {
    let (tokens, types) = (&vocabulary.tokens, &vocabulary.token_types);
    let of_types = |wanted: &[i64], special: bool| -> Vec<AddedToken> {
        let whole = tokens.iter().zip(types).filter(|(_, kind)| wanted.contains(kind));
        whole.map(|(&token, _)| AddedToken::from(token, special).normalized(false)).collect()
    };
    inner.add_special_tokens(&of_types(&[CONTROL, UNKNOWN], true));
    inner.add_tokens(&of_types(&[USER_DEFINED], false));
}

/// Decodes id by id and never shows half a character.
///
/// The pieces and the rest together are the text that [`Tokenizer::decode`] gives for all ids.
pub struct TokenStream<'a> {
    tokenizer: &'a Tokenizer,
    /// Only the ids from the last shown piece on: earlier text cannot change any more.
    ids: Vec<u32>,
    /// How many of them are shown; they stay as context, because some decoders treat a first token apart.
    context: usize,
    /// Bytes of the context's text.
    shown: usize,
}

impl TokenStream<'_> {
    /// The text that `id` completes, empty while a character is unfinished.
    pub fn push(&mut self, id: u32) -> Result<String, TokenizerError> {
        self.ids.push(id);
        let text = self.tokenizer.decode(&self.ids)?;
        if text.ends_with(char::REPLACEMENT_CHARACTER) {
            return Ok(String::new());
        }
        let piece = text.get(self.shown..).unwrap_or_default().to_owned();
        if !piece.is_empty() {
            self.ids.drain(..self.context);
            self.context = self.ids.len();
            self.shown = self.tokenizer.decode(&self.ids)?.len();
        }
        Ok(piece)
    }

    /// What is left at the end: an unfinished character as U+FFFD.
    pub fn finish(self) -> Result<String, TokenizerError> {
        Ok(self.tokenizer.decode(&self.ids)?.get(self.shown..).unwrap_or_default().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn replacements_that_would_lengthen_a_text_without_bound_are_counted() {
        let replace = |pattern: &str, content: &str| json!({"type": "Replace", "pattern": {"String": pattern}, "content": content});
        let of = |normalizer: Value| growth(json!({ "normalizer": normalizer }).to_string().as_bytes());
        assert_eq!(of(Value::Null), 1.0);
        assert_eq!(of(replace(" ", "\u{2581}")), 3.0);
        let ten = replace("a", &"a".repeat(10));
        assert_eq!(of(json!({"type": "Sequence", "normalizers": [ten, ten, replace("ab", "c")]})), 100.0);
        assert!(matches!(
            Tokenizer::from_json(
                json!({"normalizer": {"type": "Sequence", "normalizers": vec![ten; 12]}})
                    .to_string()
                    .as_bytes()
            ),
            Err(TokenizerError::Growth { .. })
        ));
    }
}
