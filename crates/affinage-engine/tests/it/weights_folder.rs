//! Reading folders in the Hugging Face layout.

use std::path::{Path, PathBuf};

use affinage_engine::model::{Model, Pass};
use affinage_engine::weights::{
    DType, Family, Llama3Scaling, LongRopeScaling, ModelConfig, QkNorm, RopeScaling, Weights,
};
use serde_json::{Value, json};

fn golden(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden").join(model)
}

/// A copy of the tiny Llama with another config.json.
fn with_config(changes: Value) -> tempfile::TempDir {
    with_config_of("tiny-llama", changes)
}

fn with_config_of(model: &str, changes: Value) -> tempfile::TempDir {
    let source = golden(model);
    let dir = tempfile::tempdir().expect("a temporary folder");
    std::fs::copy(source.join("model.safetensors"), dir.path().join("model.safetensors")).expect("copied");
    let text = std::fs::read_to_string(source.join("config.json")).expect("readable");
    let mut config: Value = serde_json::from_str(&text).expect("valid JSON");
    for (key, value) in changes.as_object().expect("an object") {
        config[key] = value.clone();
    }
    std::fs::write(dir.path().join("config.json"), config.to_string()).expect("written");
    dir
}

fn llama3(scaling: &RopeScaling) -> &Llama3Scaling {
    let RopeScaling::Llama3(scaling) = scaling else { panic!("{scaling:?}") };
    scaling
}

fn message(dir: &Path) -> String {
    let error = Weights::open(dir).err().expect("the folder is wrong").to_string();
    error.replace(&format!("{}/", dir.display()), "").replace(&dir.display().to_string(), "[DIR]")
}

fn changed(changes: Value) -> String {
    message(with_config(changes).path())
}

#[test]
fn a_single_file_with_a_tied_head() {
    let weights = Weights::open(&golden("tiny-llama")).expect("a right folder");
    assert!(weights.config().tie_word_embeddings && !weights.has("lm_head.weight"));
    assert_eq!(weights.config().family, Family::Llama);
    assert!(weights.gguf().is_none());
    let embedding = weights.matrix("model.embed_tokens.weight").expect("there");
    assert_eq!((embedding.rows(), embedding.dtype()), (weights.config().vocab_size, DType::F32));
    // One file: the hash is the file's own, as the Hub shows it.
    let digest = <sha2::Sha256 as sha2::Digest>::digest(
        std::fs::read(golden("tiny-llama").join("model.safetensors")).expect("readable"),
    );
    assert_eq!(weights.sha256(), digest.iter().map(|b| format!("{b:02x}")).collect::<String>());
}

#[test]
fn a_weight_that_is_not_finite_is_refused_by_name() {
    for (model, exponent) in [("tiny-llama", [0x80, 0x7f]), ("tiny-qwen2", [0x80, 0x7f])] {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::copy(golden(model).join("config.json"), dir.path().join("config.json")).expect("copied");
        let mut bytes = std::fs::read(golden(model).join("model.safetensors")).expect("readable");
        let last = bytes.len() - 2;
        bytes[last..].copy_from_slice(&exponent); // the high half of an f32, or a bf16: infinity
        std::fs::write(dir.path().join("model.safetensors"), bytes).expect("written");
        let weights = Weights::open(dir.path()).expect("shapes are right");
        let error = affinage_engine::model::Model::load(&weights).err().expect("infinite").to_string();
        assert!(error.contains("model.safetensors`: tensor `model."), "{error}");
        assert!(error.contains("expected finite numbers"), "{error}");
    }
}

#[test]
fn shards_rope_scaling_and_several_end_tokens() {
    let weights = Weights::open(&golden("tiny-llama3")).expect("a right folder");
    let config = weights.config();
    assert!(!config.tie_word_embeddings && weights.has("lm_head.weight"));
    assert_eq!(config.eos_token_ids, [2, 3]);
    let scaling = llama3(config.rope.scaling.as_ref().expect("scaled"));
    assert_eq!((scaling.factor, scaling.original_max_position_embeddings), (8.0, 64));
    assert_eq!(config.head_dim * config.heads, 64);
    assert_ne!(weights.sha256(), Weights::open(&golden("tiny-llama")).expect("right").sha256());
}

#[test]
fn bf16_with_biases() {
    let weights = Weights::open(&golden("tiny-qwen2")).expect("a right folder");
    assert!(weights.config().qkv_bias);
    let bias = weights.vector("model.layers.0.self_attn.k_proj.bias").expect("there");
    assert_eq!(bias.len(), weights.config().kv_heads * weights.config().head_dim);
    assert_eq!(weights.matrix("model.layers.0.mlp.up_proj.weight").expect("there").dtype(), DType::BF16);
}

#[test]
fn old_and_new_places_of_the_rope_settings() {
    let read = |changes| ModelConfig::read(with_config(changes).path()).expect("right").rope;
    let old = read(
        json!({"rope_parameters": null, "rope_theta": 7e5, "rope_scaling": {"rope_type": "llama3",
        "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}}),
    );
    let new = read(json!({"rope_parameters": {"rope_theta": 7e5, "rope_type": "llama3", "factor": 32.0,
        "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}}));
    assert_eq!(old, new);
    assert_eq!((old.theta, old.scaling.map(|s| llama3(&s).factor)), (7e5, Some(32.0)));
    let plain = read(json!({"rope_parameters": null, "rope_scaling": {"type": "default"}}));
    assert_eq!((plain.theta, plain.scaling), (1e4, None));
}

#[test]
fn generation_config_adds_end_tokens() {
    let dir = with_config(json!({"eos_token_id": 2}));
    std::fs::write(dir.path().join("generation_config.json"), r#"{"eos_token_id": [5, 2]}"#)
        .expect("written");
    assert_eq!(ModelConfig::read(dir.path()).expect("right").eos_token_ids, [2, 5]);
}

#[test]
fn what_is_not_implemented_is_refused_by_name() {
    insta::assert_snapshot!(changed(json!({"model_type": "gemma"})),
        @"`config.json`: model_type is gemma, supported: llama, mistral, qwen2, qwen3, gemma3, smollm3, granite, olmo2, phi3; the nearest that works is Gemma 3, such as google/gemma-3-1b-it");
    for (kind, nearest) in [
        ("qwen3_5_text", "Qwen/Qwen3-0.6B"),
        ("gemma4", "google/gemma-3-1b-it"),
        ("lfm2", "Qwen/Qwen3-0.6B"),
        ("phimoe", "microsoft/Phi-4-mini-instruct"),
    ] {
        let refused = changed(json!({"model_type": kind, "vocab_size": null}));
        assert!(refused.contains(&format!("model_type is {kind}, supported: llama")), "{refused}");
        assert!(refused.contains(nearest), "{refused}");
    }
    assert!(changed(json!({"model_type": "mamba"})).ends_with("granite, olmo2, phi3"));
    insta::assert_snapshot!(changed(json!({"architectures": ["LlamaForSequenceClassification"]})),
        @"`config.json`: architectures is LlamaForSequenceClassification, supported: LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM, Gemma3ForCausalLM, SmolLM3ForCausalLM, GraniteForCausalLM, Olmo2ForCausalLM, Phi3ForCausalLM");
    insta::assert_snapshot!(changed(json!({"hidden_act": "gelu"})),
        @"`config.json`: hidden_act is gelu, supported: silu");
    insta::assert_snapshot!(changed(json!({"attention_bias": true})),
        @"`config.json`: attention_bias is true, supported: false");
    insta::assert_snapshot!(changed(json!({"mlp_bias": true})), @"`config.json`: mlp_bias is true, supported: false");
    insta::assert_snapshot!(changed(json!({"quantization_config": {"bits": 4}})),
        @"`config.json`: quantization_config is present, supported: F32, F16 and BF16 safetensors, or GGUF");
    insta::assert_snapshot!(changed(json!({"rope_parameters": {"rope_type": "yarn", "factor": 4.0}})),
        @"`config.json`: the rope type is yarn, supported: default, linear, llama3");
    insta::assert_snapshot!(changed(json!({"rope_parameters": {"factor": 4.0}})),
        @"`config.json`: the rope settings: expected a `rope_type`, found none");
    insta::assert_snapshot!(changed(json!({"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}})),
        @"`config.json`: partial_rotary_factor is 0.5, supported: 1");
    insta::assert_snapshot!(changed(json!({"layer_types": ["full_attention", "chunked_attention"]})),
        @"`config.json`: layer_types is chunked_attention, supported: full_attention, sliding_attention");
    let slides = json!({"model_type": "qwen3", "layer_types": ["full_attention", "sliding_attention"]});
    insta::assert_snapshot!(changed(slides),
        @"`config.json`: sliding_window: expected a size, as there are sliding layers, found none");
    insta::assert_snapshot!(changed(json!({"layer_types": ["full_attention"]})),
        @"`config.json`: layer_types: expected one for each of the 2 layers, found 1");
    insta::assert_snapshot!(changed(json!({"attn_logit_softcapping": 50.0})),
        @"`config.json`: attn_logit_softcapping is 50, supported: null");
    insta::assert_snapshot!(changed(json!({"final_logit_softcapping": 30.0})),
        @"`config.json`: final_logit_softcapping is 30, supported: null");
    insta::assert_snapshot!(changed(json!({"use_bidirectional_attention": true})),
        @"`config.json`: use_bidirectional_attention is true, supported: false");
    insta::assert_snapshot!(changed(json!({"is_causal": false})), @"`config.json`: is_causal is false, supported: true");
    insta::assert_snapshot!(changed(json!({"rope_parameters": {"full_attention": {"rope_type": "default"},
        "sliding_attention": {"rope_type": "default"}}})),
        @"`config.json`: rope_parameters.sliding_attention is present, supported: none, as only gemma3 has it");
    insta::assert_snapshot!(changed(json!({"model_type": "gemma3_text", "hidden_activation": "gelu"})),
        @"`config.json`: hidden_activation is gelu, supported: gelu_pytorch_tanh");
    insta::assert_snapshot!(changed(json!({"model_type": "granite", "residual_multiplier": 0.0})),
        @"`config.json`: residual scale: expected a positive number, found 0");
    insta::assert_snapshot!(changed(json!({"model_type": "smollm3", "no_rope_layers": [1]})),
        @"`config.json`: no_rope_layers: expected one for each of the 2 layers, found 1");
}

/// Which layers have a window, by the rules of each family; none limits the length of a sequence.
#[test]
fn a_sliding_window_holds_in_the_layers_that_have_it() {
    let read = |model: &str, changes: Value| {
        let mut changes = changes;
        changes["model_type"] = json!(model);
        changes["head_dim"] = json!(8);
        ModelConfig::read(with_config(changes).path()).expect("right")
    };
    let window = |model, changes| read(model, changes).sliding_window;
    let layers = |model, changes| read(model, changes).sliding_layers;
    assert_eq!(read("mistral", json!({"sliding_window": 100})).max_positions(), 128);
    assert_eq!(layers("mistral", json!({"sliding_window": 100})), [0, 1]);
    assert_eq!(window("llama", json!({"sliding_window": 100})), None, "transformers' Llama has no window");
    assert_eq!(window("mistral", json!({"sliding_window": null})), None);
    assert_eq!(window("mistral", json!({})), Some(4096), "what transformers takes when nothing is stored");
    // Present in every Qwen2 file, and off.
    let off = json!({"use_sliding_window": false, "sliding_window": 64, "max_window_layers": 1});
    assert_eq!(window("qwen2", off), None);
    assert_eq!(window("qwen2", json!({"sliding_window": 64})), None);
    let on = json!({"use_sliding_window": true, "sliding_window": 64, "max_window_layers": 1});
    assert_eq!(window("qwen2", on.clone()), Some(64));
    assert_eq!((window("qwen3", on.clone()), layers("qwen3", on)), (Some(64), vec![1]));
    let beyond = json!({"use_sliding_window": true, "sliding_window": 64, "max_window_layers": 2});
    assert_eq!(window("qwen3", beyond), None, "no layer has it");
    let types = json!({"layer_types": ["full_attention", "sliding_attention"], "sliding_window": 64});
    assert_eq!((window("qwen3", types.clone()), layers("qwen3", types.clone())), (Some(64), vec![1]));
    for family in ["llama", "granite", "olmo2"] {
        assert_eq!(window(family, types.clone()), None, "transformers passes over the types of {family}");
    }
    let mut mixed = types;
    mixed["model_type"] = json!("mistral");
    assert_eq!(
        changed(mixed),
        "`config.json`: layer_types is full_attention, sliding_attention, supported: sliding_attention in all layers, \
        as sliding_window is a number"
    );
    let all = json!({"layer_types": ["sliding_attention", "sliding_attention"], "sliding_window": 7,
        "use_sliding_window": false});
    assert_eq!((window("mistral", all.clone()), layers("mistral", all)), (Some(7), vec![0, 1]));
}

/// A wrong type names its key, in words that need no knowledge of the reader.
#[test]
fn a_value_of_another_type_is_refused_by_its_key() {
    insta::assert_snapshot!(changed(json!({"rms_norm_eps": "1e-6"})),
        @r#"`config.json`: rms_norm_eps: expected a number, found the text "1e-6""#);
    insta::assert_snapshot!(changed(json!({"num_hidden_layers": 2.5})),
        @"`config.json`: num_hidden_layers: expected a whole number, not negative, found 2.5");
    insta::assert_snapshot!(changed(json!({"tie_word_embeddings": "yes"})),
        @r#"`config.json`: tie_word_embeddings: expected true or false, found the text "yes""#);
    insta::assert_snapshot!(changed(json!({"layer_types": {"full": 1}})),
        @"`config.json`: layer_types: expected a list, found an object");
    insta::assert_snapshot!(changed(json!({"layer_types": ["full_attention", 3]})),
        @"`config.json`: layer_types: expected a text, found integer 3 in the list");
    insta::assert_snapshot!(changed(json!({"model_type": ["llama"]})),
        @"`config.json`: model_type: expected a text, found a list");
    insta::assert_snapshot!(changed(json!({"eos_token_id": "</s>"})),
        @r#"`config.json`: eos_token_id: expected a token id or a list of them, found the text "</s>""#);
    let dir = with_config(json!({}));
    std::fs::write(dir.path().join("config.json"), r#"{"model_type": "llama", "vocab_size": 97}"#)
        .expect("written");
    insta::assert_snapshot!(message(dir.path()),
        @"`config.json`: hidden_size: expected a whole number, not negative, found nothing");
}

/// What transformers does not take for a default either.
#[test]
fn nulls_zeros_and_settings_that_are_read_in_two_ways_are_refused() {
    insta::assert_snapshot!(changed(json!({"hidden_act": null})),
        @"`config.json`: hidden_act: expected a text, found null");
    insta::assert_snapshot!(changed(json!({"rope_parameters": null, "rope_theta": null})),
        @"`config.json`: rope_theta: expected a number, found null");
    insta::assert_snapshot!(changed(json!({"model_type": "granite", "logits_scaling": null})),
        @"`config.json`: logits_scaling: expected a number, found null");
    insta::assert_snapshot!(changed(json!({"rms_norm_eps": null})),
        @"`config.json`: rms_norm_eps: expected a number, found null");
    insta::assert_snapshot!(changed(json!({"model_type": "gemma3_text", "query_pre_attn_scalar": null})),
        @"`config.json`: query_pre_attn_scalar: expected a number, found null");
    insta::assert_snapshot!(changed(json!({"tie_word_embeddings": null})),
        @"`config.json`: tie_word_embeddings: expected true or false, found null");
    insta::assert_snapshot!(changed(json!({"model_type": "smollm3", "no_rope_layer_interval": 0})),
        @"`config.json`: no_rope_layer_interval: expected at least 1, found 0");
    insta::assert_snapshot!(changed(json!({"model_type": "gemma3_text", "sliding_window_pattern": 0})),
        @"`config.json`: sliding_window_pattern: expected at least 1, found 0");
    let scaling = json!({"model_type": "gemma3_text", "rope_parameters": null,
        "rope_scaling": {"type": "linear", "factor": 2.0}});
    insta::assert_snapshot!(changed(scaling),
        @"`config.json`: `type` in the rope settings of gemma3 is linear, supported: `rope_type` in its place");
    let both = json!({"rope_parameters": {"rope_type": "default", "rope_theta": 1e4},
        "rope_scaling": {"rope_type": "linear", "factor": 2.0}});
    insta::assert_snapshot!(changed(both),
        @"`config.json`: rope_scaling is another than rope_parameters, supported: one of the two, or the same in both");
    let older = with_config(json!({"hidden_act": "swish"}));
    assert!(Weights::open(older.path()).is_ok(), "the older name of silu");
}

/// The tiny Llama, whose head is tied, with a head beside its embedding.
fn with_head(
    change: impl Fn(&mut [u8]),
    dtype: &str,
    copied: impl Fn(&[u8]) -> Vec<u8>,
) -> tempfile::TempDir {
    let dir = with_config(json!({}));
    let path = dir.path().join("model.safetensors");
    let bytes = std::fs::read(&path).expect("readable");
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().expect("eight")) as usize;
    let mut names: Value = serde_json::from_slice(&bytes[8..header]).expect("a header");
    let place: Vec<usize> =
        serde_json::from_value(names["model.embed_tokens.weight"]["data_offsets"].clone())
            .expect("two offsets");
    let mut head = copied(&bytes[header + place[0]..header + place[1]]);
    change(&mut head);
    let end = bytes.len() - header;
    names["lm_head.weight"] = json!({"dtype": dtype, "data_offsets": [end, end + head.len()],
        "shape": names["model.embed_tokens.weight"]["shape"]});
    let names = serde_json::to_vec(&names).expect("JSON");
    let whole = [&(names.len() as u64).to_le_bytes(), &names[..], &bytes[header..], &head].concat();
    std::fs::write(path, whole).expect("written");
    dir
}

/// Programs disagree which of two different heads a tied model has.
#[test]
fn a_head_beside_a_tied_embedding_is_its_copy_or_refused() {
    let same = with_head(|_| {}, "F32", <[u8]>::to_vec);
    let weights = Weights::open(same.path()).expect("a copy");
    assert!(weights.config().tie_word_embeddings && !weights.has("lm_head.weight"));
    let other = with_head(|head| *head.last_mut().expect("a byte") ^= 0x40, "F32", <[u8]>::to_vec);
    insta::assert_snapshot!(message(other.path()), @"`[DIR]`: tensor `lm_head.weight` differs from `model.embed_tokens.weight`, expected a copy, as the word embeddings are tied: set tie_word_embeddings to false in config.json if `lm_head.weight` is the head, or remove it");
    // As it says.
    let config = std::fs::read_to_string(other.path().join("config.json")).expect("readable");
    let mut config: Value = serde_json::from_str(&config).expect("JSON");
    config["tie_word_embeddings"] = json!(false);
    std::fs::write(other.path().join("config.json"), config.to_string()).expect("written");
    assert!(Weights::open(other.path()).expect("untied").has("lm_head.weight"));
    let upper_halves =
        |bytes: &[u8]| bytes.chunks(4).flat_map(|value| [value[2], value[3]]).collect::<Vec<u8>>();
    let rounded = with_head(|_| {}, "BF16", upper_halves);
    assert!(message(rounded.path()).contains("differs"), "rounded to another format");
}

#[test]
fn a_pointer_of_git_lfs_is_told_from_a_file() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:77\nsize 4\n";
    for name in ["model.safetensors", "config.json"] {
        let dir = with_config(json!({}));
        std::fs::write(dir.path().join(name), pointer).expect("written");
        let expected = format!(
            "`{name}` is a Git LFS pointer, expected the file itself: run `git lfs pull` where it was cloned"
        );
        assert_eq!(message(dir.path()), expected);
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("model.gguf");
    std::fs::write(&path, pointer).expect("written");
    assert!(message(&path).contains("is a Git LFS pointer"));
}

#[test]
fn norms_of_heads_and_heads_wider_than_the_hidden_size() {
    let weights = Weights::open(&golden("tiny-qwen3")).expect("a right folder");
    let config = weights.config();
    assert!(config.qk_norm == Some(QkNorm::Head) && !config.qkv_bias && config.tie_word_embeddings);
    assert_eq!((config.head_dim, config.heads * config.head_dim, config.hidden_size), (16, 64, 32));
    assert_eq!(weights.vector("model.layers.1.self_attn.k_norm.weight").expect("there").len(), 16);
    let mistral = Weights::open(&golden("tiny-mistral")).expect("a right folder");
    assert_eq!((mistral.config().family, mistral.config().sliding_window), (Family::Mistral, Some(6)));
    assert!(mistral.has("lm_head.weight"));
}

/// Gemma 3 in the words of transformers 4 and 5, and what a file need not say.
#[test]
fn gemma3_in_old_and_new_words() {
    let read = |changes: Value| {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let text = std::fs::read_to_string(golden("tiny-gemma3").join("config.json")).expect("readable");
        let mut config: Value = serde_json::from_str(&text).expect("valid JSON");
        for (key, value) in changes.as_object().expect("an object") {
            match value {
                Value::Null => drop(config.as_object_mut().expect("an object").remove(key)),
                value => config[key] = value.clone(),
            }
        }
        std::fs::write(dir.path().join("config.json"), config.to_string()).expect("written");
        ModelConfig::read(dir.path()).expect("right")
    };
    let new = read(json!({}));
    assert_eq!((new.rope.theta, new.rope.scaling.clone()), (1e6, Some(RopeScaling::Linear { factor: 8.0 })));
    assert_eq!(new.sliding_rope.as_ref().map(|rope| (rope.theta, rope.scaling.is_none())), Some((1e2, true)));
    assert_eq!((new.sliding_layers.clone(), new.sliding_window), (vec![0, 2], Some(4)));
    assert_eq!(new.attention_scale, 24f32.sqrt().recip());
    assert_eq!(new.embedding_scale, 32f32.sqrt());
    assert!([0, 2].iter().all(|layer| new.rope_of(*layer) == new.sliding_rope.as_ref()));
    assert_eq!((new.rope_of(1), new.window(0), new.window(1)), (Some(&new.rope), Some(4), None));
    let old = json!({"rope_parameters": null, "rope_theta": 1e6, "rope_local_base_freq": 1e2,
        "rope_scaling": {"rope_type": "linear", "factor": 8.0}, "layer_types": null, "sliding_window_pattern": 2});
    assert_eq!(read(old), new);
    let silent = read(json!({"rope_parameters": null, "layer_types": null, "query_pre_attn_scalar": null,
        "num_hidden_layers": 12, "sliding_window": null}));
    assert_eq!(silent.sliding_layers, [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]);
    let thetas = silent.sliding_rope.as_ref().map(|rope| (silent.rope.theta, rope.theta));
    assert_eq!((thetas, silent.sliding_window), (Some((1e6, 1e4)), Some(4096)));
    assert_eq!(silent.attention_scale, 1.0 / 16.0);
    // The weight of a norm is one more than stored; bf16 has no more than two digits.
    let norm = Weights::open(&golden("tiny-gemma3")).expect("a right folder").vector("model.norm.weight");
    let mean = norm.expect("there").iter().sum::<f32>() / 32.0;
    assert!((mean - 1.0).abs() < 0.1, "{mean}");
}

#[test]
fn shapes_are_compared_with_the_configuration() {
    insta::assert_snapshot!(changed(json!({"hidden_size": 64})),
        @"`[DIR]`: tensor `model.embed_tokens.weight` has shape [97, 32], the configuration implies [97, 64]");
    insta::assert_snapshot!(changed(json!({"num_hidden_layers": 3})),
        @"`[DIR]`: tensor `model.layers.2.input_layernorm.weight` is missing");
    insta::assert_snapshot!(changed(json!({"num_hidden_layers": 1})),
        @"`[DIR]`: tensor `model.layers.1.input_layernorm.weight` is not part of the llama decoder as implemented here");
    insta::assert_snapshot!(changed(json!({"tie_word_embeddings": false})),
        @"`[DIR]`: tensor `lm_head.weight` is missing");
    insta::assert_snapshot!(changed(json!({"num_hidden_layers": 1u64 << 40})),
        @"`config.json`: number of layers: expected 1 to 4096, found 1099511627776");
}

#[test]
fn damaged_folders() {
    let dir = with_config(json!({}));
    let path = dir.path().join("model.safetensors");
    let whole = std::fs::read(&path).expect("readable");
    for len in [0, 7, 8, 100, whole.len() - 1] {
        std::fs::write(&path, &whole[..len]).expect("written");
        assert_eq!(
            message(dir.path()),
            "`model.safetensors` is not a complete safetensors file",
            "{len} bytes"
        );
    }
    std::fs::remove_file(&path).expect("removed");
    insta::assert_snapshot!(message(dir.path()), @"`[DIR]` is not a model: expected a .gguf file, or a folder with config.json and model.safetensors");
    std::fs::write(dir.path().join("pytorch_model.bin"), "").expect("written");
    insta::assert_snapshot!(message(dir.path()), @"`[DIR]`: the weight file is pytorch_model.bin, supported: safetensors");
    let index = json!({"weight_map": {"a": "../secret.safetensors"}}).to_string();
    std::fs::write(dir.path().join("model.safetensors.index.json"), index).expect("written");
    insta::assert_snapshot!(message(dir.path()), @r#"`model.safetensors.index.json`: a shard: expected a plain file name, found "../secret.safetensors""#);
    std::fs::write(dir.path().join("config.json"), "{").expect("written");
    insta::assert_snapshot!(message(dir.path()), @"`config.json` is not valid JSON of the expected form");
    std::fs::remove_file(dir.path().join("config.json")).expect("removed");
    insta::assert_snapshot!(message(dir.path()), @"`[DIR]` is not a model: expected a .gguf file, or a folder with config.json and model.safetensors");
}

fn long_rope(config: &ModelConfig) -> &LongRopeScaling {
    let Some(RopeScaling::LongRope(scaling)) = &config.rope.scaling else { panic!("{:?}", config.rope) };
    scaling
}

/// The settings of Phi-3 in the places of transformers 5, and in those of the files on the Hub.
#[test]
fn phi3_is_read_in_both_layouts_of_its_settings() {
    let config = ModelConfig::read(&golden("tiny-phi3")).expect("a model");
    assert_eq!((config.family, config.fused_projections, config.rotary_dim), (Family::Phi3, true, 6));
    assert_eq!((config.sliding_window, &config.sliding_layers[..]), (Some(6), &[0, 1][..]));
    let scaling = long_rope(&config);
    assert_eq!(scaling.short_factor, [1.0, 1.25, 1.75]);
    assert_eq!(scaling.attention_factor, (1.0 + 4f64.ln() / 128f64.ln()).sqrt() as f32);
    assert_eq!(config.max_position_embeddings, 512);
    assert_eq!(config.max_positions(), 128, "a longer sequence has other frequencies");
    let hub = |kind: &str| {
        json!({"rope_parameters": null, "rope_theta": 1e4, "partial_rotary_factor": 0.75, "rope_scaling":
            {"type": kind, "short_factor": [1.0, 1.25, 1.75], "long_factor": [1.5, 4.0, 11.0]}})
    };
    let read =
        |changes: Value| ModelConfig::read(with_config_of("tiny-phi3", changes).path()).expect("right");
    assert_eq!(read(hub("longrope")), config);
    assert_eq!(read(hub("su")), config, "the older name");
    let plain = json!({"rope_parameters": null, "rope_theta": 1e4, "sliding_window": null});
    let plain = read(plain);
    assert_eq!((plain.rotary_dim, plain.rope.scaling.is_none(), plain.max_positions()), (8, true, 512));
    assert_eq!(plain.sliding_window, None);
    let given = read(json!({"rope_parameters": {"rope_type": "longrope", "partial_rotary_factor": 0.75,
        "short_factor": [1.0, 1.0, 1.0], "long_factor": [1.0, 1.0, 1.0], "attention_factor": 1.5}}));
    assert_eq!(long_rope(&given).attention_factor, 1.5);
    // The ratio of lengths, which `factor` overrules.
    let ratio = read(json!({"rope_parameters": {"rope_type": "longrope", "partial_rotary_factor": 0.75,
        "short_factor": [1.0, 1.0, 1.0], "long_factor": [1.0, 1.0, 1.0], "factor": 1.0}}));
    assert_eq!(long_rope(&ratio).attention_factor, 1.0);
}

#[test]
fn what_is_nearly_phi3_is_refused_by_name() {
    let changed = |changes: Value| message(with_config_of("tiny-phi3", changes).path());
    let rope = |changes: Value| {
        let mut rope = json!({"rope_type": "longrope", "rope_theta": 1e4, "partial_rotary_factor": 0.75,
            "short_factor": [1.0, 1.25, 1.75], "long_factor": [1.5, 4.0, 11.0]});
        for (key, value) in changes.as_object().expect("an object") {
            rope[key] = value.clone();
        }
        changed(json!({"rope_parameters": rope}))
    };
    insta::assert_snapshot!(rope(json!({"rope_type": "yarn"})), @"`config.json`: the rope type is yarn, supported: default, longrope");
    insta::assert_snapshot!(rope(json!({"short_factor": [1.0, 1.0]})), @"`config.json`: rope short_factor: expected 3 positive numbers, found 2 numbers");
    insta::assert_snapshot!(rope(json!({"long_factor": [1.0, -1.0, 1.0]})), @"`config.json`: rope long_factor: expected 3 positive numbers, found -1");
    insta::assert_snapshot!(rope(json!({"long_factor": null})), @"`config.json`: rope long_factor: expected a list of numbers, found nothing");
    insta::assert_snapshot!(rope(json!({"original_max_position_embeddings": 64})), @"`config.json`: original_max_position_embeddings in the rope settings is 64, supported: 128, as beside them");
    insta::assert_snapshot!(rope(json!({"partial_rotary_factor": 0.4})), @"`config.json`: rotated part of a head: expected an even number from 2 to the 8 of a head, found 3");
    insta::assert_snapshot!(changed(json!({"lm_head_bias": true})), @"`config.json`: lm_head_bias is true, supported: false");
    insta::assert_snapshot!(changed(json!({"layer_types": ["full_attention", "sliding_attention"]})), @"`config.json`: layer_types is full_attention, sliding_attention, supported: sliding_attention in all layers, as sliding_window is a number");
    insta::assert_snapshot!(changed(json!({"model_type": "llama", "architectures": null, "rope_parameters": null})), @"`[DIR]`: tensor `model.layers.0.self_attn.q_proj.weight` is missing");
    // Projections that are not fused, which transformers would leave random.
    insta::assert_snapshot!(message(with_config(json!({"model_type": "phi3"})).path()), @"`[DIR]`: tensor `model.layers.0.self_attn.qkv_proj.weight` is missing");
}

/// A file with the tensors of another one under other names.
fn renamed(from: &Path, to: &Path, name: impl Fn(&str) -> String) {
    let bytes = std::fs::read(from).expect("readable");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("whole");
    let views: Vec<_> = tensors.tensors().into_iter().map(|(old, view)| (name(&old), view)).collect();
    std::fs::write(to, safetensors::serialize(views, None).expect("distinct names")).expect("written");
}

/// Gemma 3 from 4B on: the decoder is a part of what also sees pictures.
#[test]
fn the_text_part_of_a_model_that_sees_pictures_is_the_text_model() {
    let (text, folder) =
        (Weights::open(&golden("tiny-gemma3")).expect("a model"), golden("tiny-gemma3-vision"));
    let newer = tempfile::tempdir().expect("a folder");
    std::fs::copy(folder.join("config.json"), newer.path().join("config.json")).expect("copied");
    renamed(&folder.join("model.safetensors"), &newer.path().join("model.safetensors"), |name| {
        match name.strip_prefix("language_model.model.") {
            Some(rest) => format!("model.language_model.{rest}"),
            None => format!("model.{name}"),
        }
    });
    assert_eq!(text.left_out(), None);
    for folder in [&folder, newer.path()] {
        let part = Weights::open(folder).expect("a model");
        assert_eq!(part.config(), text.config());
        assert_eq!(part.left_out(), Some(23));
        assert_eq!(part.parameter_count(), text.parameter_count());
        let ids = [5, 17, 42, 8, 90, 33, 61];
        let logits = |weights: &Weights| Model::load(weights).expect("loads").logits(&ids, Pass::default());
        assert_eq!(logits(&part), logits(&text));
    }
    let with = |changes: Value| message(with_config_of("tiny-gemma3-vision", changes).path());
    insta::assert_snapshot!(with(json!({"text_config": null})), @"`config.json`: text_config: expected the settings of the text model, found null");
    insta::assert_snapshot!(with(json!({"architectures": ["Gemma3ForSequenceClassification"]})), @"`config.json`: architectures is Gemma3ForSequenceClassification, supported: Gemma3ForConditionalGeneration");
    insta::assert_snapshot!(with(json!({"quantization_config": {"bits": 4}})), @"`config.json`: quantization_config is present, supported: F32, F16 and BF16 safetensors, or GGUF");
    // What is neither of the decoder nor of the parts for pictures is not left out in silence.
    renamed(&folder.join("model.safetensors"), &newer.path().join("model.safetensors"), |name| {
        name.replace("vision_tower.", "audio_tower.")
    });
    insta::assert_snapshot!(message(newer.path()), @"`[DIR]`: tensor `audio_tower.embeddings.patch_embedding.bias` is not part of the gemma3 decoder as implemented here");
}

/// As the files on the Hub leave out what is as in the class.
#[test]
fn settings_of_a_text_part_that_are_missing_are_those_of_the_class() {
    let text = json!({"hidden_size": 2560, "intermediate_size": 10_240, "num_hidden_layers": 34,
        "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024});
    let changes = json!({"text_config": text, "eos_token_id": [1, 106]});
    let config = ModelConfig::read(with_config_of("tiny-gemma3-vision", changes).path()).expect("a model");
    assert_eq!((config.vocab_size, config.heads, config.kv_heads, config.head_dim), (262_208, 8, 4, 256));
    assert_eq!((config.layers, config.sliding_layers.len(), config.sliding_window), (34, 29, Some(1024)));
    assert_eq!((config.rope.theta, config.eos_token_ids), (1e6, vec![1, 106]));
}
