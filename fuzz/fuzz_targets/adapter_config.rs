#![no_main]
//! The configuration of a peft adapter whose weights are in order.

use affinage_engine::checkpoint::load_adapter;
use affinage_engine::weights::ModelConfig;
use std::sync::LazyLock;

static MODEL: LazyLock<ModelConfig> = LazyLock::new(affinage_fuzz::tiny_llama);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let folder = affinage_fuzz::scratch();
    if !folder.join("adapter_model.safetensors").exists() {
        let weights = affinage_fuzz::golden("tiny-llama/adapter/adapter_model.safetensors");
        std::fs::copy(weights, folder.join("adapter_model.safetensors")).expect("the committed adapter");
    }
    std::fs::write(folder.join("adapter_config.json"), bytes).expect("the scratch folder takes files");
    let _ = load_adapter(&folder, &MODEL);
});
