#![no_main]
//! A whole GGUF file.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = affinage_fuzz::scratch().join("model.gguf");
    std::fs::write(&path, bytes).expect("the scratch folder takes files");
    affinage_fuzz::use_model(&path);
});
