#![no_main]
//! A tokenizer.json, used on mixed text.

use affinage_dataset::tokenizer::Tokenizer;

/// Panics of the library beneath become errors; only what gets past that is a finding.
static QUIET: std::sync::Once = std::sync::Once::new();

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    let Ok(tokenizer) = Tokenizer::from_json(bytes) else { return };
    if let Ok(ids) = tokenizer.encode("Two words, 1984 and \u{e9}\u{301} <|im_start|>\n\n\tend") {
        let _ = tokenizer.decode(&ids);
    }
    let _ = tokenizer.encode_with_offsets("a b");
});
