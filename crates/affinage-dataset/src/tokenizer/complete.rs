//! That every text has tokens: a vocabulary with a gap would leave out what falls into it without a word.
//!
//! Source: sentencepiece `model_interface.cc` (256 byte pieces, no empty piece); ggml `docs/gguf.md` (token types).

use std::collections::HashSet;

use tokenizers::{
    Model, ModelWrapper, OffsetReferential, OffsetType, PreTokenizer as _, Tokenizer as Pipeline,
};

use super::{BYTE, GgufVocabulary, NORMAL, TokenizerError};

/// Whether the vocabulary of a GGUF file is one that its kind of model can have.
pub(super) fn check(vocabulary: &GgufVocabulary) -> Result<(), TokenizerError> {
    let (tokens, types) = (&vocabulary.tokens, &vocabulary.token_types);
    let at = |id: usize| u32::try_from(id).unwrap_or(u32::MAX);
    if let Some(id) = types.iter().position(|kind| !(NORMAL..=BYTE).contains(kind)) {
        return Err(TokenizerError::TokenType { id: at(id), found: types[id] });
    }
    if let Some(id) = tokens.iter().position(|token| token.is_empty()) {
        return Err(TokenizerError::EmptyToken { id: at(id) });
    }
    if let Some(id) = vocabulary.scores.iter().position(|score| score.is_nan()) {
        return Err(TokenizerError::Score { id: at(id) });
    }
    if let Some(id) = vocabulary.unknown.filter(|id| *id as usize >= tokens.len()) {
        return Err(TokenizerError::UnknownId { id, tokens: tokens.len() });
    }
    match vocabulary.model {
        // Bytes that it lacks are found where a text has them: vocabularies without all of them are in use.
        "gpt2" if vocabulary.merges.is_empty() && has_longer(vocabulary) => {
            Err(TokenizerError::NoMerges { tokens: tokens.len() })
        }
        "llama" if types.contains(&BYTE) => byte_tokens(vocabulary),
        _ => Ok(()),
    }
}

/// Whether there are tokens that only merges make.
fn has_longer(vocabulary: &GgufVocabulary) -> bool {
    let is_normal = |id: usize| vocabulary.token_types.get(id).is_none_or(|kind| *kind == NORMAL);
    vocabulary.tokens.iter().enumerate().any(|(id, token)| is_normal(id) && token.chars().nth(1).is_some())
}

/// All bytes by their names, as soon as there is one.
fn byte_tokens(vocabulary: &GgufVocabulary) -> Result<(), TokenizerError> {
    let whole = || vocabulary.tokens.iter().zip(&vocabulary.token_types).zip(0u32..);
    let bytes = whole().filter(|((_, kind), _)| **kind == BYTE).map(|((token, _), id)| (*token, id));
    let names: HashSet<String> = (0..=u8::MAX).map(byte_name).collect();
    let mut found = HashSet::new();
    for (token, id) in bytes {
        if !names.contains(token) {
            return Err(TokenizerError::ByteName { id, token: token.to_owned() });
        }
        found.insert(token);
    }
    match (0..=u8::MAX).find(|byte| !found.contains(byte_name(*byte).as_str())) {
        Some(byte) => Err(TokenizerError::MissingByte { byte, written: byte_name(byte) }),
        None => Ok(()),
    }
}

fn byte_name(byte: u8) -> String {
    format!("<0x{byte:02X}>")
}

/// The letter that byte-level BPE writes a byte with: printable ones stand for themselves, the others follow from U+0100.
fn byte_letter(byte: u8) -> char {
    let printable = |byte: &u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let before = (0..byte).filter(|other| !printable(other)).count() as u32;
    let other = || char::from_u32(256 + before).unwrap_or(char::REPLACEMENT_CHARACTER);
    Some(byte).filter(printable).map_or_else(other, char::from)
}

/// What has no token, where the library would pass over it: a BPE without an unknown token.
pub(super) enum Gaps {
    None,
    /// Bytes of UTF-8 whose letters are missing.
    Bytes(Vec<u8>),
    Characters,
}

impl Gaps {
    pub fn of(inner: &Pipeline) -> Gaps {
        let ModelWrapper::BPE(bpe) = inner.get_model() else { return Gaps::None };
        if bpe.unk_token.is_some() {
            return Gaps::None;
        }
        let is_there = |token: String| bpe.token_to_id(&token).is_some();
        let pre_tokenizer = serde_json::to_string(&inner.get_pre_tokenizer()).unwrap_or_default();
        if pre_tokenizer.contains("\"ByteLevel\"") {
            let of_utf8 = (0..=u8::MAX).filter(|byte| !matches!(byte, 0xC0 | 0xC1 | 0xF5..));
            let missing: Vec<u8> = of_utf8.filter(|byte| !is_there(byte_letter(*byte).to_string())).collect();
            return if missing.is_empty() { Gaps::None } else { Gaps::Bytes(missing) };
        }
        let has_bytes = bpe.byte_fallback && (0..=u8::MAX).map(byte_name).all(is_there);
        if has_bytes { Gaps::None } else { Gaps::Characters }
    }

    /// Whether a text cannot fall into them, told without tokenising it.
    pub fn spare(&self, inner: &Pipeline, text: &str) -> bool {
        match self {
            Gaps::None => true,
            // Composing letters changes no ASCII.
            Gaps::Bytes(missing) => {
                (inner.get_normalizer().is_none() || text.is_ascii())
                    && !text.bytes().any(|byte| missing.contains(&byte))
            }
            Gaps::Characters => false,
        }
    }
}

/// The first character of `text`, as it reaches the model, that a vocabulary with gaps would leave out.
pub(super) fn lost(inner: &Pipeline, text: &str) -> Result<Option<char>, tokenizers::Error> {
    let ModelWrapper::BPE(bpe) = inner.get_model() else { return Ok(None) };
    let mut pieces = inner.get_added_vocabulary().extract_and_normalize(inner.get_normalizer(), text);
    if let Some(steps) = inner.get_pre_tokenizer() {
        steps.pre_tokenize(&mut pieces)?;
    }
    let prefix = bpe.continuing_subword_prefix.as_deref().unwrap_or_default();
    let suffix = bpe.end_of_word_suffix.as_deref().unwrap_or_default();
    let has_token = |letter: char| {
        let forms = [("", ""), (prefix, ""), ("", suffix), (prefix, suffix)];
        let by_bytes = || {
            let mut bytes = [0; 4];
            bpe.byte_fallback
                && letter
                    .encode_utf8(&mut bytes)
                    .bytes()
                    .all(|byte| bpe.token_to_id(&byte_name(byte)).is_some())
        };
        forms.iter().any(|(before, after)| bpe.token_to_id(&format!("{before}{letter}{after}")).is_some())
            || by_bytes()
    };
    // Offsets in the text, as letters of bytes say nothing to people.
    for (piece, (start, end), whole) in pieces.get_splits(OffsetReferential::Original, OffsetType::Byte) {
        let is_token = whole.is_some() || (bpe.ignore_merges && bpe.token_to_id(piece).is_some());
        if is_token || piece.chars().all(has_token) {
            continue;
        }
        let shown = text.get(start..end).unwrap_or(piece);
        // A decoder may drop a space, so that one is judged by its tokens alone.
        let vanishes = |letter: &char| {
            inner.encode(letter.to_string(), false).is_ok_and(|single| {
                let comes_back =
                    || inner.decode(single.get_ids(), false).is_ok_and(|back| back.contains(*letter));
                single.is_empty() || !(letter.is_whitespace() || comes_back())
            })
        };
        return Ok(shown.chars().find(vanishes).or_else(|| shown.chars().next()));
    }
    Ok(None)
}
