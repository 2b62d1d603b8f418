//! What the targets share: a scratch folder in memory, and everything that opening a model leads to.

use affinage_engine::model::{Model, Pass};
use affinage_engine::weights::{ModelConfig, Weights};
use std::path::{Path, PathBuf};

/// A folder of this process, in memory where there is such a place.
pub fn scratch() -> PathBuf {
    let shared = Path::new("/dev/shm");
    let parent = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
    let folder = parent.join(format!("affinage-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a scratch folder");
    folder
}

/// The committed tiny models.
pub fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/golden").join(path)
}

/// The shape of the tiny model that adapters are put on.
pub fn tiny_llama() -> ModelConfig {
    Weights::open(&golden("tiny-llama")).expect("the committed model").config().clone()
}

/// Opens a model and computes with it: whatever the file says, this ends in numbers or in an error.
pub fn use_model(path: &Path) {
    let Ok(weights) = Weights::open(path) else { return };
    if let Some(metadata) = weights.gguf() {
        let _ = metadata.string("tokenizer.chat_template");
        let _ = metadata.strings("tokenizer.ggml.tokens");
        let _ = metadata.integers("tokenizer.ggml.token_type");
        let _ = metadata.unsigned("tokenizer.ggml.eos_token_id");
    }
    let _ = (weights.stored_bytes(), weights.parameter_count());
    // A model whose weights are all in a small file is small, so that one token is quick.
    let Ok(model) = Model::load(&weights) else { return };
    let last = model.config().vocab_size as u32 - 1;
    let _ = model.logits(&[last, 0][..model.max_positions().min(2)], Pass::default());
}
