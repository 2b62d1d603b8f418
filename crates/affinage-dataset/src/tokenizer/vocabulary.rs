//! A tokenizer in the forms that other programs read: a `tokenizer.json`, and the vocabulary of a GGUF file.

use serde_json::Value;

use super::sentencepiece;
use super::{
    BYTE, CONTROL, GgufVocabulary, NORMAL, PRE_TOKENIZERS, Tokenizer, TokenizerError, UNKNOWN, UNUSED,
    USER_DEFINED,
};

/// Letters, digits, signs, spaces, line ends and scripts in which pre-tokenizers differ.
const MIXED_TEXT: &str = "It's 2026, and WE'LL have 12345.678 (or 9) euros...\r\n\n  for (i = 0; i < 10; ++i) {\n\t\
    return x_y[i];\n}\n\n\n Grüße, naïve café — cafe\u{301}! 東京は3月 🙂👍🏽 l'eau  \t d'été;   ½ ٣٤ end  \n \n";

/// What [`GgufVocabulary`] borrows, owned.
#[derive(Debug, Clone, PartialEq)]
pub struct VocabularyParts {
    /// `gpt2` or `llama`.
    pub model: &'static str,
    /// The pre-tokenizer's name in GGUF files.
    pub pre: &'static str,
    pub tokens: Vec<String>,
    /// Of `gpt2`, else empty.
    pub merges: Vec<String>,
    /// Of `llama`, else empty.
    pub scores: Vec<f32>,
    pub token_types: Vec<i64>,
    pub add_space_prefix: bool,
}

impl Tokenizer {
    /// The whole pipeline as a `tokenizer.json`.
    pub fn to_json(&self) -> Result<String, TokenizerError> {
        self.inner.to_string(true).map_err(TokenizerError::Definition)
    }

    /// The vocabulary for a model of `vocab_size` tokens; ids without a token get a name nobody writes.
    ///
    /// Errors: it is neither byte-level BPE nor SentencePiece BPE; no pipeline with a name in GGUF files splits text as
    /// this one does.
    pub fn gguf_vocabulary(&self, vocab_size: usize) -> Result<VocabularyParts, TokenizerError> {
        let json: Value = serde_json::from_str(&self.to_json()?).expect("the tokenizer writes JSON");
        if json["model"]["type"] != "BPE" {
            return Err(TokenizerError::Model { found: json["model"]["type"].to_string() });
        }
        let mut tokens: Vec<String> = (0..vocab_size).map(|id| format!("[PAD{id}]")).collect();
        let mut token_types = vec![UNUSED; vocab_size];
        for (token, id) in self.inner.get_vocab(true) {
            let id = id as usize;
            if id < vocab_size {
                (tokens[id], token_types[id]) = (token, NORMAL);
            }
        }
        for (id, added) in self.inner.get_added_vocabulary().get_added_tokens_decoder() {
            if let Some(kind) = token_types.get_mut(*id as usize) {
                *kind = if added.special { CONTROL } else { USER_DEFINED };
            }
        }
        let merges: Vec<(String, String)> =
            json["model"]["merges"].as_array().into_iter().flatten().filter_map(merge).collect();
        let mut parts = VocabularyParts {
            model: "gpt2",
            pre: PRE_TOKENIZERS[0],
            tokens,
            merges: Vec::new(),
            scores: Vec::new(),
            token_types,
            add_space_prefix: false,
        };
        let ours = self.encode_known(MIXED_TEXT)?;
        if let Some(prefix) = sentencepiece::described(&json) {
            parts.scores = sentencepiece::scores(&parts.tokens, &merges);
            (parts.model, parts.pre, parts.add_space_prefix) = ("llama", "default", prefix);
            let unknown = json["model"]["unk_token"].as_str();
            for (token, kind) in parts.tokens.iter().zip(&mut parts.token_types) {
                if json["model"]["byte_fallback"] == true && is_byte(token) {
                    *kind = BYTE;
                } else if Some(token.as_str()) == unknown {
                    *kind = UNKNOWN;
                }
            }
            let same = Tokenizer::from_gguf(&parts.borrowed())?.encode_known(MIXED_TEXT)? == ours;
            return if same { Ok(parts) } else { Err(TokenizerError::Unnamed) };
        }
        parts.merges = merges.iter().map(|(left, right)| format!("{left} {right}")).collect();
        for name in PRE_TOKENIZERS {
            parts.pre = name;
            if Tokenizer::from_gguf(&parts.borrowed())?.encode_known(MIXED_TEXT)? == ours {
                return Ok(parts);
            }
        }
        Err(TokenizerError::Unnamed)
    }
}

impl VocabularyParts {
    pub fn borrowed(&self) -> GgufVocabulary<'_> {
        GgufVocabulary {
            model: self.model,
            pre: Some(self.pre),
            tokens: self.tokens.iter().map(String::as_str).collect(),
            merges: self.merges.iter().map(String::as_str).collect(),
            scores: self.scores.clone(),
            token_types: self.token_types.clone(),
            unknown: None,
            add_space_prefix: self.add_space_prefix,
        }
    }
}

/// `["a", "b"]` or `"a b"`.
fn merge(merge: &Value) -> Option<(String, String)> {
    let (left, right) = match merge {
        Value::Array(pair) => (pair.first()?.as_str()?, pair.get(1)?.as_str()?),
        other => other.as_str()?.split_once(' ')?,
    };
    Some((left.to_owned(), right.to_owned()))
}

/// `<0xNN>`
fn is_byte(token: &str) -> bool {
    let digits = token.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
    digits.is_some_and(|digits| digits.len() == 2 && u8::from_str_radix(digits, 16).is_ok())
}
