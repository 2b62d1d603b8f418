//! A tokenizer in the forms that other programs read: a `tokenizer.json`, and the vocabulary of a GGUF file.

use serde_json::Value;

use super::{CONTROL, GgufVocabulary, PRE_TOKENIZERS, Tokenizer, TokenizerError, USER_DEFINED};

const NORMAL: i64 = 1;
const UNUSED: i64 = 5;

/// Letters, digits, signs, spaces, line ends and scripts in which pre-tokenizers differ.
const MIXED_TEXT: &str = "It's 2026, and WE'LL have 12345.678 (or 9) euros...\r\n\n  for (i = 0; i < 10; ++i) {\n\t\
    return x_y[i];\n}\n\n\n Grüße, naïve café — cafe\u{301}! 東京は3月 🙂👍🏽 l'eau  \t d'été;   ½ ٣٤ end  \n \n";

/// What [`GgufVocabulary`] borrows, owned.
#[derive(Debug, Clone, PartialEq)]
pub struct VocabularyParts {
    /// The pre-tokenizer's name in GGUF files.
    pub pre: &'static str,
    pub tokens: Vec<String>,
    pub merges: Vec<String>,
    pub token_types: Vec<i64>,
}

impl Tokenizer {
    /// The whole pipeline as a `tokenizer.json`.
    pub fn to_json(&self) -> Result<String, TokenizerError> {
        self.inner.to_string(true).map_err(TokenizerError::Definition)
    }

    /// The vocabulary for a model of `vocab_size` tokens; ids without a token get a name nobody writes.
    ///
    /// Errors: it is no byte-level BPE; no pre-tokenizer with a name in GGUF files splits text as this one does.
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
        let merges = json["model"]["merges"].as_array().into_iter().flatten().map(merge).collect();
        let mut parts = VocabularyParts { pre: PRE_TOKENIZERS[0], tokens, merges, token_types };
        let ours = self.encode(MIXED_TEXT)?;
        for name in PRE_TOKENIZERS {
            parts.pre = name;
            if Tokenizer::from_gguf(&parts.borrowed())?.encode(MIXED_TEXT)? == ours {
                return Ok(parts);
            }
        }
        Err(TokenizerError::Unnamed)
    }
}

impl VocabularyParts {
    pub fn borrowed(&self) -> GgufVocabulary<'_> {
        GgufVocabulary {
            model: "gpt2",
            pre: Some(self.pre),
            tokens: self.tokens.iter().map(String::as_str).collect(),
            merges: self.merges.iter().map(String::as_str).collect(),
            token_types: self.token_types.clone(),
        }
    }
}

/// `["a", "b"]` or `"a b"`.
fn merge(merge: &Value) -> String {
    match merge {
        Value::Array(pair) => pair.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}
