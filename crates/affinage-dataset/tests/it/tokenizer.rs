//! Tokenizers built from a GGUF vocabulary and from a `tokenizer.json`.

use affinage_dataset::tokenizer::{GgufVocabulary, Tokenizer, TokenizerError};
use proptest::prelude::*;
use serde_json::json;

use crate::tiny_vocabulary::{TinyVocabulary, tokenizer};

/// The tokens of `text` as the vocabulary writes them, spaced.
fn tokens(tokenizer: &Tokenizer, text: &str) -> String {
    let ids = tokenizer.encode(text).expect("any text can be encoded");
    let token = |id: &u32| tokenizer.token(*id).expect("an id of the vocabulary");
    ids.iter().map(token).collect::<Vec<_>>().join(" ")
}

/// The merges join `1 2 3`, `Ġ 1` and line ends; what becomes of them shows the pipeline.
#[test]
fn each_pipeline_splits_in_its_own_way() {
    let text = "12345 1\n\nthe cafe\u{301}";
    let by = |pre: &str| tokens(&tokenizer(pre), text);
    insta::assert_snapshot!(by("smollm"), @"1 2 3 4 5 Ġ 1 Ċ Ċ t he Ġ c a f e Ì ģ");
    insta::assert_snapshot!(by("qwen2"), @"1 2 3 4 5 Ġ 1 ĊĊ t he Ġ c a f Ã©");
    insta::assert_snapshot!(by("llama-bpe"), @"123 4 5 Ġ 1 ĊĊ t he Ġ c a f e Ì ģ");
    insta::assert_snapshot!(by("gpt-2"), @"123 4 5 Ġ1 Ċ Ċ t he Ġ c a f e Ì ģ");
    assert_eq!(by("default"), by("gpt-2"));
}

#[test]
fn llama_takes_a_whole_word_that_no_merge_makes() {
    assert_eq!(tokens(&tokenizer("llama-bpe"), "rind rind"), "rind Ġrind");
    assert_eq!(tokens(&tokenizer("qwen2"), "rind rind"), "r i n d Ġ r i n d");
}

#[test]
fn gpt_4o_splits_before_capitals_and_keeps_what_is_contracted() {
    let letters = ["I", "t", "B", "'", "s", "Ġ", "1", "2", "3", "4", "tB", "t'", "12", "34", "1234"];
    let named = |pre: &str| {
        let vocabulary = GgufVocabulary {
            model: "gpt2",
            pre: Some(pre),
            tokens: letters.to_vec(),
            merges: vec!["t B", "t '", "1 2", "3 4", "12 34"],
            scores: Vec::new(),
            token_types: vec![1; letters.len()],
            unknown: None,
            add_space_prefix: false,
        };
        Tokenizer::from_gguf(&vocabulary).expect("a vocabulary")
    };
    let text = "tB It's 1234";
    assert_eq!(tokens(&named("gpt-4o"), text), "t B Ġ I t' s Ġ 12 3 4");
    assert_eq!(tokens(&named("llama-bpe"), text), "tB Ġ I t ' s Ġ 12 3 4");
    assert_eq!(named("gpt-4o").gguf_vocabulary(letters.len()).expect("named").pre, "gpt-4o");
}

#[test]
fn special_tokens_in_a_text_become_their_ids() {
    let tokenizer = tokenizer("smollm");
    let ids = tokenizer.encode("<|im_start|>the<|im_end|><tool>\n").expect("encoded");
    let (start, end, tool) =
        (tokenizer.id("<|im_start|>"), tokenizer.id("<|im_end|>"), tokenizer.id("<tool>"));
    assert_eq!((start, end, tool), (Some(1), Some(2), Some(5)));
    assert_eq!((ids[0], ids[ids.len() - 3], ids[ids.len() - 2]), (1, 2, 5));
    assert_eq!(tokenizer.decode(&ids).expect("decoded"), "the<tool>\n");
    assert_eq!(tokenizer.decode_with_special(&ids).expect("decoded"), "<|im_start|>the<|im_end|><tool>\n");
    assert!(tokenizer.is_special(1) && !tokenizer.is_special(5) && !tokenizer.is_special(70));
    assert_eq!((tokenizer.token(9999), tokenizer.id("no such")), (None, None));
    assert!(tokenizer.encode("").expect("encoded").is_empty());
}

#[test]
fn tokens_know_their_bytes() {
    let tokenizer = tokenizer("smollm");
    let text = "é the";
    let places = tokenizer.encode_with_offsets(text).expect("encoded");
    let places: Vec<(String, &str)> =
        places.iter().map(|t| (tokenizer.token(t.id).expect("known"), &text[t.bytes.clone()])).collect();
    let places: Vec<(&str, &str)> = places.iter().map(|(token, text)| (token.as_str(), *text)).collect();
    // The space belongs to the token, although it is written in the letters of bytes.
    assert_eq!(places, [("Ã©", "é"), ("Ġthe", " the")]);
}

#[test]
fn a_tokenizer_json_adds_and_cuts_nothing() {
    let vocabulary = TinyVocabulary::new();
    let settings = json!({
        "truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 50}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "<|endoftext|>"},
        "post_processor": {"type": "TemplateProcessing", "pair": [], "single": [
            {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [3], "tokens": ["<s>"]}}}});
    let from_json = Tokenizer::from_json(&vocabulary.json(settings)).expect("a right file");
    let from_gguf = tokenizer("gpt-2");
    for text in ["hello the <|im_end|> cheese 123", "  é\n\n1", ""] {
        let expected = from_gguf.encode_with_offsets(text).expect("encoded");
        assert_eq!(from_json.encode_with_offsets(text).expect("encoded"), expected);
        assert_eq!(from_json.encode(text).expect("encoded").len(), expected.len());
    }
    assert!(matches!(Tokenizer::from_json(b"{}"), Err(TokenizerError::Definition(_))));
}

#[test]
fn wrong_vocabularies_are_refused() {
    let vocabulary = TinyVocabulary::new();
    let refused = |change: &dyn Fn(&mut affinage_dataset::tokenizer::GgufVocabulary)| {
        let mut borrowed = vocabulary.borrow("smollm");
        change(&mut borrowed);
        Tokenizer::from_gguf(&borrowed).err().expect("refused").to_string()
    };
    insta::assert_snapshot!(refused(&|v| v.model = "t5"), @"the vocabulary is of model `t5`, supported: gpt2 (byte-level BPE), llama (SentencePiece BPE)");
    insta::assert_snapshot!(refused(&|v| v.pre = Some("tekken")),
        @"the vocabulary names the pre-tokenizer `tekken`, supported: smollm, qwen2, llama-bpe, gpt-4o, gpt-2, default");
    insta::assert_snapshot!(refused(&|v| v.tokens[7] = v.tokens[6]), @r#"the vocabulary has token "Ā" twice, as 6 and 7"#);
    insta::assert_snapshot!(refused(&|v| v.token_types.truncate(9)), @"the vocabulary has 279 tokens but 9 token types");
    insta::assert_snapshot!(refused(&|v| v.merges[1] = "xy"), @r#"merge 1 of the vocabulary is "xy", expected two tokens with a space between"#);
    insta::assert_snapshot!(refused(&|v| v.merges[1] = "x nothing"),
        @"the tokenizer definition is not usable: Token `nothing` out of vocabulary");
}

/// A vocabulary that cannot be one of its kind would tokenise otherwise than its model, without a word.
#[test]
fn vocabularies_with_gaps_are_refused() {
    let vocabulary = TinyVocabulary::new();
    let refused = |change: &dyn Fn(&mut affinage_dataset::tokenizer::GgufVocabulary)| {
        let mut borrowed = vocabulary.borrow("smollm");
        change(&mut borrowed);
        Tokenizer::from_gguf(&borrowed).err().expect("refused").to_string()
    };
    insta::assert_snapshot!(refused(&|v| v.merges.clear()),
        @"the vocabulary has 279 tokens and no merges (`tokenizer.ggml.merges`), which byte-level BPE needs");
    insta::assert_snapshot!(refused(&|v| v.token_types[8] = 0),
        @"token 8 of the vocabulary has the type 0, expected 1 (normal) to 6 (byte)");
    insta::assert_snapshot!(refused(&|v| v.token_types[9] = 7),
        @"token 9 of the vocabulary has the type 7, expected 1 (normal) to 6 (byte)");
    insta::assert_snapshot!(refused(&|v| v.tokens[262] = ""), @"token 262 of the vocabulary is empty, expected a text");
    insta::assert_snapshot!(refused(&|v| v.unknown = Some(279)),
        @"the unknown token of the vocabulary is 279, expected an id below the 279 tokens");
}

/// Without a token and without one for what is unknown, the library passes over a character.
#[test]
fn no_character_vanishes_from_a_text() {
    let vocabulary = TinyVocabulary::new();
    let json = String::from_utf8(vocabulary.json(json!({}))).expect("UTF-8");
    let without_q =
        Tokenizer::from_json(json.replace("\"q\"", "\"[gone]\"").as_bytes()).expect("a right file");
    let error = without_q.encode("the quail").expect_err("refused").to_string();
    insta::assert_snapshot!(error,
        @"the vocabulary has no token for the character 'q', so that it would vanish from the text");
    assert!(without_q.encode_with_offsets("quiet").is_err());
    assert!(without_q.encode("the cheese <|im_end|>").is_ok(), "all of it has tokens");
    // Real vocabularies lack control characters; their absence is no reason to refuse the file.
    let tokens = TinyVocabulary::new();
    let mut sparse = tokens.borrow("smollm");
    let at = sparse.tokens.iter().position(|token| *token == "\u{11d}").expect("there");
    sparse.tokens[at] = "[gone]";
    let sparse = Tokenizer::from_gguf(&sparse).expect("a right vocabulary");
    assert!(sparse.encode("the caf\u{e9}").is_ok());
    let error = sparse.encode("the\u{1d}").expect_err("refused").to_string();
    assert!(error.contains(r"character '\u{1d}'"), "{error}");
    // The second byte of é alone.
    let half = Tokenizer::from_json(json.replace("\"©\"", "\"[gone]\"").replace("\"Ã ©\",", "").as_bytes());
    let error = half.expect("a right file").encode("caf\u{e9} e").expect_err("refused").to_string();
    assert!(error.contains("character 'é'"), "{error}");
}

#[test]
fn special_tokens_can_be_plain_text() {
    let tokenizer = tokenizer("smollm");
    let plain = tokenizer.encode_plain("he<|im_end|>").expect("encoded");
    let written: Vec<String> = plain.iter().map(|token| tokenizer.token(token.id).expect("known")).collect();
    assert_eq!(written.join(" "), "he < | i m _ e n d | >");
    assert_eq!(plain.last().map(|token| token.bytes.clone()), Some(11..12));
    assert_eq!(tokenizer.encode("he<|im_end|>").expect("encoded").last(), Some(&2), "and are none otherwise");
}

fn streamed(tokenizer: &Tokenizer, ids: &[u32]) -> (Vec<String>, String) {
    let mut stream = tokenizer.stream();
    let pieces: Vec<String> = ids.iter().map(|&id| stream.push(id).expect("decoded")).collect();
    (pieces, stream.finish().expect("decoded"))
}

#[test]
fn a_stream_waits_for_whole_characters() {
    let tokenizer = tokenizer("smollm");
    let ids = tokenizer.encode("a🧀b").expect("encoded");
    let (pieces, rest) = streamed(&tokenizer, &ids);
    assert_eq!(pieces, ["a", "", "", "", "🧀", "b"]);
    assert_eq!(rest, "");
    let (pieces, rest) = streamed(&tokenizer, &ids[..3]);
    assert_eq!((pieces, rest.as_str()), (vec!["a".to_owned(), String::new(), String::new()], "\u{fffd}"));
}

proptest! {
    #[test]
    fn any_text_comes_back(text in any::<String>()) {
        for pre in ["smollm", "llama-bpe", "gpt-2"] {
            let tokenizer = tokenizer(pre);
            let ids = tokenizer.encode(&text).expect("encoded");
            prop_assert_eq!(tokenizer.decode_with_special(&ids).expect("decoded"), text.clone());
            let (pieces, rest) = streamed(&tokenizer, &ids);
            prop_assert_eq!(pieces.concat() + &rest, tokenizer.decode(&ids).expect("decoded"));
        }
    }

    /// Models also produce bytes that are no text.
    #[test]
    fn a_stream_shows_what_decoding_all_at_once_shows(ids in prop::collection::vec(0u32..279, 0..40)) {
        let tokenizer = tokenizer("smollm");
        let (pieces, rest) = streamed(&tokenizer, &ids);
        prop_assert_eq!(pieces.concat() + &rest, tokenizer.decode(&ids).expect("decoded"));
    }
}

/// The library expects decoders to be well formed; a file that is not must not bring the program down.
#[test]
fn a_definition_that_breaks_the_library_is_an_error() {
    let golden = include_str!("../../../../testdata/golden/tiny-chat/tokenizer.json");
    let at = golden.find("\"decoder\"").expect("a decoder");
    let brace = at + golden[at..].find('{').expect("an object");
    // A name without a value inside the decoder.
    let broken = format!("{}\"x\" {}", &golden[..=brace], &golden[brace + 1..]);
    let error = Tokenizer::from_json(broken.as_bytes()).err().expect("not JSON").to_string();
    assert!(error.contains("tokenizer definition"), "{error}");
}
