//! SentencePiece BPE from a GGUF vocabulary against the sentencepiece library (`make_sentencepiece.py`).

use affinage_dataset::tokenizer::{GgufVocabulary, Tokenizer, TokenizerError};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    add_space_prefix: bool,
    tokens: Vec<String>,
    scores: Vec<f32>,
    token_types: Vec<i64>,
    texts: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
}

impl Golden {
    fn vocabulary(&self) -> GgufVocabulary<'_> {
        GgufVocabulary {
            model: "llama",
            pre: Some("default"),
            tokens: self.tokens.iter().map(String::as_str).collect(),
            merges: Vec::new(),
            scores: self.scores.clone(),
            token_types: self.token_types.clone(),
            unknown: None,
            add_space_prefix: self.add_space_prefix,
        }
    }
}

fn golden() -> Vec<Golden> {
    let json = include_str!("../../../../testdata/golden/sentencepiece.json");
    serde_json::from_str(json).expect("the golden file")
}

/// `AFFINAGE_SENTENCEPIECE` names another file of the same form, of a vocabulary too large to keep here.
#[test]
fn ids_are_those_of_the_library() {
    let other = std::env::var("AFFINAGE_SENTENCEPIECE").ok().map(|path| {
        let json = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        serde_json::from_str(&json).expect("a file as make_sentencepiece.py writes it")
    });
    for golden in other.unwrap_or_else(golden) {
        let tokenizer = Tokenizer::from_gguf(&golden.vocabulary()).expect("a right vocabulary");
        for Case { text, ids } in &golden.texts {
            assert_eq!(&tokenizer.encode(text).expect("encoded"), ids, "{text:?}");
            // U+2581 is the sign for a space, so it comes back as one.
            let shown = text.replace("<end>", "").replace('\u{2581}', " ");
            assert_eq!(tokenizer.decode(ids).expect("decoded"), shown, "{text:?}");
            let mut stream = tokenizer.stream();
            let pieces: String = ids.iter().map(|&id| stream.push(id).expect("decoded")).collect();
            assert_eq!(pieces + &stream.finish().expect("decoded"), shown, "{text:?}");
        }
    }
}

#[test]
fn tokens_know_their_bytes() {
    let golden = &golden()[0];
    let tokenizer = Tokenizer::from_gguf(&golden.vocabulary()).expect("a right vocabulary");
    let text = "The cheese\n\n🧀 the";
    let places = tokenizer.encode_with_offsets(text).expect("encoded");
    let texts: Vec<&str> = places.iter().map(|token| &text[token.bytes.clone()]).collect();
    assert_eq!(texts, ["The", " cheese", "\n\n", "🧀", "🧀", "🧀", "🧀", " the"]);
}

/// Written as `tokenizer.json`, read again, and turned into a vocabulary with scores of our own.
#[test]
fn a_tokenizer_json_becomes_a_vocabulary_again() {
    for golden in golden() {
        let tokenizer = Tokenizer::from_gguf(&golden.vocabulary()).expect("a right vocabulary");
        let json = tokenizer.to_json().expect("written");
        let read = Tokenizer::from_json(json.as_bytes()).expect("a right file");
        let parts = read.gguf_vocabulary(golden.tokens.len() + 2).expect("a vocabulary");
        assert_eq!((parts.model, parts.add_space_prefix), ("llama", golden.add_space_prefix));
        assert_eq!(parts.token_types[..golden.tokens.len()], golden.token_types);
        assert_eq!(parts.tokens[golden.tokens.len()..], ["[PAD480]", "[PAD481]"]);
        let again = Tokenizer::from_gguf(&parts.borrowed()).expect("a right vocabulary");
        for Case { text, ids } in &golden.texts {
            assert_eq!(&read.encode(text).expect("encoded"), ids, "{text:?}");
            assert_eq!(&again.encode(text).expect("encoded"), ids, "{text:?}");
        }
    }
}

#[test]
fn a_vocabulary_without_scores_or_types_is_refused() {
    let golden = &golden()[0];
    let mut vocabulary = golden.vocabulary();
    vocabulary.scores.truncate(3);
    let found = Tokenizer::from_gguf(&vocabulary).err().expect("refused");
    assert!(matches!(found, TokenizerError::ScoreCount { tokens: 480, scores: 3 }), "{found}");
    let mut vocabulary = golden.vocabulary();
    vocabulary.token_types.clear();
    assert!(matches!(Tokenizer::from_gguf(&vocabulary), Err(TokenizerError::TypeCount { types: 0, .. })));
}

/// As in the library: all 256 bytes or none, and a character without a piece is the unknown token.
#[test]
fn pieces_of_bytes_and_scores_are_checked() {
    let golden = &golden()[0];
    let refused = |change: &dyn Fn(&mut GgufVocabulary)| {
        let mut vocabulary = golden.vocabulary();
        change(&mut vocabulary);
        Tokenizer::from_gguf(&vocabulary).err().expect("refused").to_string()
    };
    let byte = golden.token_types.iter().position(|kind| *kind == 6).expect("a byte") + 0x41;
    insta::assert_snapshot!(refused(&|v| v.token_types[byte] = 1),
        @"the vocabulary has no token `<0x41>` for the byte 0x41, expected one for each byte");
    let named = refused(&|v| v.tokens[byte] = "<0x4G>");
    assert!(
        named.ends_with("is \"<0x4G>\" and has the type of a byte, expected a name like `<0x0A>`"),
        "{named}"
    );
    insta::assert_snapshot!(refused(&|v| v.scores[77] = f32::NAN), @"the score of token 77 of the vocabulary is not a number");
}

/// Of a file whose types say nothing, the id of the unknown token still does; without one, what has no token is refused.
#[test]
fn a_character_without_a_piece_is_unknown_or_an_error() {
    let golden = &golden()[0];
    let mut vocabulary = golden.vocabulary();
    vocabulary.token_types.fill(1);
    vocabulary.unknown = Some(0);
    let known = Tokenizer::from_gguf(&vocabulary).expect("a right vocabulary");
    assert!(known.encode("the \u{16a0}").expect("encoded").ends_with(&[0]));
    vocabulary.unknown = None;
    let error = Tokenizer::from_gguf(&vocabulary).expect("a right vocabulary").encode("the \u{16a0}");
    insta::assert_snapshot!(error.expect_err("refused"),
        @"the vocabulary has no token for the character 'ᚠ', so that it would vanish from the text");
}
