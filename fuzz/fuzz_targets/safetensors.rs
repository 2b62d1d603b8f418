#![no_main]
//! The weight file of a folder whose config.json is in order.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let folder = affinage_fuzz::scratch();
    if !folder.join("config.json").exists() {
        std::fs::copy(affinage_fuzz::golden("tiny-llama/config.json"), folder.join("config.json"))
            .expect("the committed model");
    }
    std::fs::write(folder.join("model.safetensors"), bytes).expect("the scratch folder takes files");
    affinage_fuzz::use_model(&folder);
});
