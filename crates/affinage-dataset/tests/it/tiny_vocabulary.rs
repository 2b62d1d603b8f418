//! A small byte-level vocabulary of our own: all bytes, a few merges, a few special tokens.

use affinage_dataset::tokenizer::{GgufVocabulary, Tokenizer};

pub const SPECIAL: [&str; 5] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>", "</s>"];
pub const USER_DEFINED: &str = "<tool>";
/// In this order; each result is a token.
const MERGES: [&str; 14] =
    ["1 2", "12 3", "Ġ 1", "h e", "l l", "he ll", "Ġ t", "Ġt he", "Ċ Ċ", ": Ġ", "Ġ Ġ", "Ã ©", "c h", "e ese"];
/// Made by no merge.
const WHOLE: [&str; 3] = ["ese", "rind", "Ġrind"];

/// Owned, since the vocabulary borrows.
pub struct TinyVocabulary {
    tokens: Vec<String>,
    token_types: Vec<i64>,
}

impl TinyVocabulary {
    pub fn new() -> TinyVocabulary {
        let mut tokens: Vec<String> = SPECIAL.map(str::to_owned).to_vec();
        let mut token_types = vec![3; SPECIAL.len()];
        tokens.push(USER_DEFINED.to_owned());
        token_types.push(4);
        tokens.extend((0..=255).map(|byte| byte_letter(byte).to_string()));
        tokens.extend(WHOLE.map(str::to_owned));
        tokens.extend(MERGES.map(|merge| merge.replace(' ', "")));
        token_types.resize(tokens.len(), 1);
        TinyVocabulary { tokens, token_types }
    }

    pub fn borrow<'a>(&'a self, pre: &'a str) -> GgufVocabulary<'a> {
        GgufVocabulary {
            model: "gpt2",
            pre: Some(pre),
            tokens: self.tokens.iter().map(String::as_str).collect(),
            merges: MERGES.to_vec(),
            scores: Vec::new(),
            token_types: self.token_types.clone(),
            unknown: None,
            add_space_prefix: false,
        }
    }

    /// The same vocabulary as a `tokenizer.json` with the GPT-2 pipeline.
    pub fn json(&self, settings: serde_json::Value) -> Vec<u8> {
        let vocab: serde_json::Map<String, serde_json::Value> =
            self.tokens.iter().zip(0..).map(|(token, id)| (token.clone(), id.into())).collect();
        let special = |id: usize| {
            serde_json::json!({"id": id, "content": self.tokens[id], "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false, "special": self.token_types[id] == 3})
        };
        let byte_level = serde_json::json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
            "use_regex": true});
        let mut spec = serde_json::json!({"version": "1.0", "truncation": null, "padding": null,
            "added_tokens": (0..6).map(special).collect::<Vec<_>>(), "normalizer": null,
            "pre_tokenizer": byte_level, "post_processor": null, "decoder": byte_level,
            "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab,
                "merges": MERGES}});
        for (key, value) in settings.as_object().expect("an object") {
            spec[key] = value.clone();
        }
        spec.to_string().into_bytes()
    }
}

pub fn tokenizer(pre: &str) -> Tokenizer {
    Tokenizer::from_gguf(&TinyVocabulary::new().borrow(pre)).expect("a right vocabulary")
}

/// The letters GPT-2 writes bytes with: printable ones stand for themselves, the others follow from U+0100.
fn byte_letter(byte: u8) -> char {
    let printable = |byte: u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    if printable(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|&other| !printable(other)).count() as u32;
    char::from_u32(256 + before).expect("a letter")
}
