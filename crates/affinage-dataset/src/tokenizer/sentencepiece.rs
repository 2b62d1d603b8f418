//! SentencePiece BPE, as GGUF files of Gemma, Llama 2 and Mistral keep it: pieces with scores instead of merges.
//!
//! A space is written `▁` and belongs to the word behind it, a character without a piece becomes its UTF-8 bytes, and of
//! all neighbours whose union is a piece the union with the highest score is merged first. The `tokenizers` crate merges by
//! a list; two pieces may be merged if their union is a piece, in the order of its score.
//!
//! Source: sentencepiece `bpe_model.cc`; llama.cpp `llm_tokenizer_spm`; the `tokenizer.json` of Gemma 3 and Llama 2.

use std::collections::HashMap;

use serde_json::Value;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::{Prepend, Replace, Sequence};
use tokenizers::{DecoderWrapper, NormalizerWrapper, Tokenizer, decoders};

use super::{BYTE, GgufVocabulary, NORMAL, TokenizerError, UNKNOWN, ids_by_token};

/// Stands for a space, U+2581.
const SPACE: &str = "\u{2581}";

/// The pipeline without the tokens that are matched as a whole.
///
/// Errors: no score or type for each token; a token twice.
pub(super) fn tokenizer(vocabulary: &GgufVocabulary) -> Result<Tokenizer, TokenizerError> {
    let (tokens, types, scores) = (&vocabulary.tokens, &vocabulary.token_types, &vocabulary.scores);
    if types.is_empty() {
        return Err(TokenizerError::TypeCount { tokens: tokens.len(), types: 0 });
    }
    if scores.len() != tokens.len() {
        return Err(TokenizerError::ScoreCount { tokens: tokens.len(), scores: scores.len() });
    }
    let mut bpe = BPE::builder()
        .vocab_and_merges(ids_by_token(tokens)?, merges(tokens, types, scores))
        .byte_fallback(types.contains(&BYTE))
        .fuse_unk(true);
    let of_type = types.iter().position(|&kind| kind == UNKNOWN);
    if let Some(unknown) = of_type.or(vocabulary.unknown.map(|id| id as usize)) {
        bpe = bpe.unk_token(tokens[unknown].to_owned());
    }
    let mut inner = Tokenizer::new(bpe.build().map_err(TokenizerError::Definition)?);
    let replace = |from: &str, to: &str| Replace::new(from, to).map_err(TokenizerError::Definition);
    let mut normalizers: Vec<NormalizerWrapper> = vec![replace(" ", SPACE)?.into()];
    let mut steps: Vec<DecoderWrapper> = vec![
        replace(SPACE, " ")?.into(),
        decoders::byte_fallback::ByteFallback::new().into(),
        decoders::fuse::Fuse::new().into(),
    ];
    if vocabulary.add_space_prefix {
        normalizers.insert(0, Prepend::new(SPACE.to_owned()).into());
        steps.push(decoders::strip::Strip::new(' ', 1, 0).into());
    }
    inner.with_normalizer(Some(Sequence::new(normalizers)));
    inner.with_decoder(Some(decoders::sequence::Sequence::new(steps)));
    Ok(inner)
}

/// Every pair of pieces whose union is a piece; the union with the highest score first, then by its id, then the longer
/// left piece first.
fn merges(tokens: &[&str], types: &[i64], scores: &[f32]) -> Vec<(String, String)> {
    let pieces = || tokens.iter().enumerate().filter(|&(id, _)| types[id] == NORMAL);
    let ids: HashMap<&str, usize> = pieces().map(|(id, &piece)| (piece, id)).collect();
    let mut results: Vec<(usize, &str)> = pieces().map(|(id, &piece)| (id, piece)).collect();
    results.sort_by(|a, b| scores[b.0].total_cmp(&scores[a.0]).then(a.0.cmp(&b.0)));
    let parts = results.into_iter().flat_map(|(_, piece)| {
        let cuts = piece.char_indices().rev().map(|(at, _)| piece.split_at(at));
        cuts.filter(|(left, right)| ids.contains_key(left) && ids.contains_key(right))
    });
    parts.map(|(left, right)| (left.to_owned(), right.to_owned())).collect()
}

/// Scores that merge in the order of `merges`: what is made by no merge has the lowest.
///
/// `ids` is the vocabulary, `merges` pairs of tokens, best first.
pub(super) fn scores(tokens: &[String], merges: &[(String, String)]) -> Vec<f32> {
    let mut first: HashMap<String, usize> = HashMap::new();
    for (left, right) in merges {
        let rank = first.len();
        first.entry(format!("{left}{right}")).or_insert(rank);
    }
    let last = first.len();
    tokens.iter().map(|token| -(*first.get(token).unwrap_or(&last) as f32)).collect()
}

/// Whether a `tokenizer.json` describes this pipeline, and if so whether it puts a space before a text.
pub(super) fn described(json: &Value) -> Option<bool> {
    let normalizer = &json["normalizer"];
    let steps = match normalizer["normalizers"].as_array() {
        Some(steps) => steps.iter().collect(),
        None => vec![normalizer],
    };
    let is_replace = |step: &Value| {
        step["type"] == "Replace" && step["pattern"]["String"] == " " && step["content"] == SPACE
    };
    let is_prepend = |step: &Value| step["type"] == "Prepend" && step["prepend"] == SPACE;
    match steps[..] {
        [replace] if is_replace(replace) => Some(false),
        [prepend, replace] if is_prepend(prepend) && is_replace(replace) => Some(true),
        _ => None,
    }
}
