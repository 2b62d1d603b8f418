#![no_main]
//! The weight file of a peft adapter whose configuration is in order.

use affinage_engine::checkpoint::load_adapter;
use affinage_engine::weights::ModelConfig;
use std::sync::LazyLock;

static MODEL: LazyLock<ModelConfig> = LazyLock::new(affinage_fuzz::tiny_llama);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let folder = affinage_fuzz::scratch();
    if !folder.join("adapter_config.json").exists() {
        let config = affinage_fuzz::golden("tiny-llama/adapter/adapter_config.json");
        std::fs::copy(config, folder.join("adapter_config.json")).expect("the committed adapter");
    }
    std::fs::write(folder.join("adapter_model.safetensors"), bytes).expect("the scratch folder takes files");
    let _ = load_adapter(&folder, &MODEL);
});
