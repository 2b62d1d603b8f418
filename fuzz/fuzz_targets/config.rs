#![no_main]
//! The config.json of a folder whose weights are in order.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let folder = affinage_fuzz::scratch();
    if !folder.join("model.safetensors").exists() {
        std::fs::copy(affinage_fuzz::golden("tiny-llama/model.safetensors"), folder.join("model.safetensors"))
            .expect("the committed model");
    }
    std::fs::write(folder.join("config.json"), bytes).expect("the scratch folder takes files");
    affinage_fuzz::use_model(&folder);
});
