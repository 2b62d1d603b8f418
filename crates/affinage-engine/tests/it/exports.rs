//! What is written equals, tensor for tensor, what llama.cpp's own converters write; what is read back behaves.

use std::path::{Path, PathBuf};

use affinage_engine::checkpoint::load_adapter;
use affinage_engine::export::parity::{Parity, Side, compare, logits, probes};
use affinage_engine::export::{Field, Merged, config_json, save_folder, save_gguf, save_gguf_lora, save_mlx};
use affinage_engine::lora::Adapter;
use affinage_engine::model::Model;
use affinage_engine::weights::{DType, GgufLora, ModelConfig, Precision, RopeScaling, Weights};

const MODELS: [&str; 9] = [
    "tiny-chat",
    "tiny-llama3",
    "tiny-qwen2",
    "tiny-qwen3",
    "tiny-gemma3",
    "tiny-smollm3",
    "tiny-granite",
    "tiny-olmo2",
    "tiny-phi3",
];

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden")
}

/// The base of `exports/NAME`: the Llama 3 one with the positions of every released model, the Gemma 3 one with what the
/// converter's files imply: the scale of attention, and windows in all of the first five layers. As in the script.
fn base(name: &str, scratch: &Path) -> Weights {
    let dir = scratch.join(name);
    std::fs::create_dir(&dir).expect("made");
    for entry in std::fs::read_dir(golden().join(name)).expect("there") {
        let path = entry.expect("readable").path();
        if path.is_file() {
            std::fs::copy(&path, dir.join(path.file_name().expect("a name"))).expect("copied");
        }
    }
    let config = std::fs::read_to_string(dir.join("config.json")).expect("there");
    let (small, real) =
        ("\"original_max_position_embeddings\": 64", "\"original_max_position_embeddings\": 8192");
    let config = config.replace(small, real);
    let (own, implied) = ("\"query_pre_attn_scalar\": 24", "\"query_pre_attn_scalar\": 16");
    let config = match config.contains(own) {
        true => config.replace(own, implied).replace("\"full_attention\",", "\"sliding_attention\","),
        false => config,
    };
    std::fs::write(dir.join("config.json"), config).expect("written");
    Weights::open(&dir).expect("a model")
}

fn adapter(name: &str, weights: &Weights) -> Adapter {
    load_adapter(&golden().join("exports").join(name).join("adapter"), weights.config()).expect("an adapter")
}

/// Every tensor of both files: name, shape, format and stored bytes.
fn assert_same_model(ours: &Path, theirs: &Path) {
    let (ours, theirs) = (Weights::open(ours).expect("ours"), Weights::open(theirs).expect("theirs"));
    let facts = |weights: &Weights| -> Vec<_> {
        weights.tensors().map(|t| (t.name.to_owned(), t.shape.to_vec(), t.dtype)).collect()
    };
    assert_eq!(facts(&ours), facts(&theirs));
    // Which tokens end a text is the tokenizer's matter.
    let decoder = |weights: &Weights| {
        let config = weights.config().clone();
        ModelConfig { eos_token_ids: Vec::new(), bos_token_id: None, ..config }
    };
    assert_eq!(decoder(&ours), decoder(&theirs));
    for tensor in theirs.tensors() {
        if let [rows, _] = tensor.shape {
            let (a, b) =
                (ours.matrix(tensor.name).expect("ours"), theirs.matrix(tensor.name).expect("theirs"));
            for row in 0..*rows {
                assert_eq!(a.row_bytes(row), b.row_bytes(row), "{} row {row}", tensor.name);
            }
        } else {
            assert_eq!(ours.vector(tensor.name).expect("ours"), theirs.vector(tensor.name).expect("theirs"));
        }
    }
    // Every number that describes the decoder.
    let (ours, theirs) = (ours.gguf().expect("a GGUF"), theirs.gguf().expect("a GGUF"));
    let architecture = theirs.string("general.architecture").expect("a text").expect("there").to_owned();
    let numbers = theirs.keys().into_iter().filter(|key| key.starts_with(&architecture));
    let mut compared = 0;
    for key in numbers.chain(["general.architecture", "general.type", "general.file_type"]) {
        assert_eq!(ours.get(key), theirs.get(key), "{key}");
        compared += 1;
    }
    assert!(compared >= 10, "{compared} keys");
}

#[test]
fn merged_models_equal_those_of_llama_cpps_converter() {
    let scratch = tempfile::tempdir().expect("a folder");
    for name in MODELS {
        let weights = base(name, scratch.path());
        let adapter = adapter(name, &weights);
        let merged = Merged { weights: &weights, adapter: Some(&adapter) };
        let precisions = [(Precision::F16, "f16"), (Precision::Q8_0, "q8_0")];
        for (precision, label) in precisions {
            let theirs = golden().join("exports").join(name).join(format!("merged-{label}.gguf"));
            if !theirs.is_file() {
                assert_ne!(name, "tiny-chat");
                continue;
            }
            let ours = scratch.path().join(format!("{name}-{label}.gguf"));
            save_gguf(merged, precision, Vec::new(), &ours).expect("written");
            assert_same_model(&ours, &theirs);
        }
    }
}

#[test]
fn four_bits_equal_those_of_llama_cpps_quantiser() {
    let scratch = tempfile::tempdir().expect("a folder");
    let dir = golden().join("exports/tiny-chat");
    let half = Weights::open(&dir.join("merged-f16.gguf")).expect("a model");
    let ours = scratch.path().join("q4_0.gguf");
    save_gguf(Merged { weights: &half, adapter: None }, Precision::Q4_0, Vec::new(), &ours).expect("written");
    assert_same_model(&ours, &dir.join("merged-q4_0.gguf"));
}

#[test]
fn a_mixture_names_its_formats() {
    let scratch = tempfile::tempdir().expect("a folder");
    let weights = Weights::open(&golden().join("tiny-chat.gguf")).expect("a model");
    for (precision, number) in [(Precision::Q4_K_M, 15), (Precision::Q5_K_M, 17)] {
        let path = scratch.path().join("model.gguf");
        let formats = save_gguf(Merged { weights: &weights, adapter: None }, precision, Vec::new(), &path)
            .expect("written");
        let back = Weights::open(&path).expect("a model");
        let metadata = back.gguf().expect("a GGUF");
        assert_eq!(metadata.unsigned("general.file_type").expect("a number"), Some(number));
        // Its rows are 32 and 64 long, so that none has a block of 256; its one layer is both first and last.
        let of = |name: &str| back.matrix(name).expect("a matrix").dtype();
        let most = if precision == Precision::Q4_K_M { DType::Q5_0 } else { DType::Q5_1 };
        assert_eq!(of("model.layers.0.self_attn.q_proj.weight"), most);
        assert_eq!(of("model.layers.0.mlp.up_proj.weight"), most);
        assert_eq!(of("model.layers.0.mlp.down_proj.weight"), DType::Q8_0);
        assert_eq!(of("model.layers.0.self_attn.v_proj.weight"), DType::Q8_0);
        assert_eq!(of("model.embed_tokens.weight"), DType::Q8_0, "it is the head as well");
        let expected = [(most.to_string(), 5), ("Q8_0".to_owned(), 3)];
        assert_eq!(formats.matrices, expected.into_iter().collect(), "as the file has them");
        assert_eq!((formats.replaced, formats.kept_f16), (8, 0), "none is as the mixture means");
    }
}

#[test]
fn adapters_equal_those_of_llama_cpps_converter() {
    let scratch = tempfile::tempdir().expect("a folder");
    for name in MODELS {
        let weights = base(name, scratch.path());
        let path = scratch.path().join(format!("{name}.gguf"));
        save_gguf_lora(&adapter(name, &weights), weights.config(), name, &path).expect("written");
        let ours = GgufLora::open(&path).expect("ours");
        let theirs = GgufLora::open(&golden().join("exports").join(name).join("lora.gguf")).expect("theirs");
        assert_eq!((&ours.architecture, ours.alpha), (&theirs.architecture, theirs.alpha));
        assert_eq!(ours.parts.len(), theirs.parts.len());
        for part in &theirs.parts {
            let same = ours.parts.iter().find(|p| p.weight == part.weight && p.matrix == part.matrix);
            let same = same.unwrap_or_else(|| panic!("{} {} is missing", part.weight, part.matrix));
            assert_eq!(
                (same.shape, &same.values),
                (part.shape, &part.values),
                "{} {}",
                part.weight,
                part.matrix
            );
        }
    }
}

/// Parity of a candidate with the base and the unmerged adapter, and that of the bare base.
fn parities(base: &Model, adapter: &Adapter, candidate: Side) -> (Parity, Parity) {
    let tuned = Side { model: base, adapter: Some(adapter) };
    let prompts = (0..4).map(|i| vec![5 + i, 7, 11]).collect();
    let probes = probes(tuned, prompts, 16);
    let reference = logits(tuned, &probes);
    let vocab = base.config().vocab_size;
    let bare = logits(Side { model: base, adapter: None }, &probes);
    (compare(&reference, &logits(candidate, &probes), vocab), compare(&reference, &bare, vocab))
}

#[test]
fn what_is_read_back_behaves_and_the_bare_base_does_not() {
    let scratch = tempfile::tempdir().expect("a folder");
    for name in MODELS {
        let weights = base(name, scratch.path());
        let (model, adapter) = (Model::load(&weights).expect("a model"), adapter(name, &weights));
        let merged = Merged { weights: &weights, adapter: Some(&adapter) };
        let check = |candidate: Side, tolerance: f64, what: &str| {
            let (export, bare) = parities(&model, &adapter, candidate);
            assert!(export.kl <= tolerance, "{name} {what}: {export:?}");
            assert!(bare.kl >= 100.0 * tolerance, "{name} {what}: the bare base {bare:?}");
        };
        for (precision, tolerance) in
            [(Precision::F32, 1e-6), (Precision::F16, 1e-4), (Precision::BF16, 3e-3)]
        {
            let dir = scratch.path().join(format!("{name}-{precision:?}"));
            std::fs::create_dir(&dir).expect("made");
            save_folder(merged, precision, &dir).expect("written");
            let config = config_json(weights.config(), precision).to_string();
            std::fs::write(dir.join("config.json"), config).expect("written");
            let back = Weights::open(&dir).expect("a folder");
            assert_eq!(back.config(), weights.config());
            let back = Model::load(&back).expect("a model");
            check(Side { model: &back, adapter: None }, tolerance, "folder");
            let path = dir.join("model.gguf");
            save_gguf(merged, precision, Vec::new(), &path).expect("written");
            let back = Model::load(&Weights::open(&path).expect("a GGUF")).expect("a model");
            check(Side { model: &back, adapter: None }, tolerance, "GGUF");
        }
        let path = scratch.path().join(format!("{name}-lora.gguf"));
        save_gguf_lora(&adapter, weights.config(), name, &path).expect("written");
        let back = load_adapter(&path, weights.config()).expect("an adapter");
        check(Side { model: &model, adapter: Some(&back) }, 1e-6, "GGUF adapter");
        save_mlx(&adapter, name, scratch.path()).expect("written");
        let back = load_adapter(scratch.path(), weights.config()).expect("an adapter");
        check(Side { model: &model, adapter: Some(&back) }, 1e-6, "MLX adapter");
    }
}

#[test]
fn what_a_form_cannot_hold_is_refused_by_name() {
    let scratch = tempfile::tempdir().expect("a folder");
    let weights = Weights::open(&golden().join("tiny-qwen3")).expect("a model");
    let load =
        |name: &str| load_adapter(&golden().join("adapters").join(name), weights.config()).expect("one");
    let path = scratch.path().join("lora.gguf");
    let error = save_gguf_lora(&load("patterns"), weights.config(), "x", &path).expect_err("ranks differ");
    assert!(error.to_string().contains("differ in rank or alpha"), "{error}");
    assert!(!path.exists());
    assert!(save_mlx(&load("patterns"), "x", scratch.path()).is_err());
    // One layer of two: the last for `layers`, which MLX has a number for, in both files.
    let layers = load("layers");
    save_mlx(&layers, "x", scratch.path()).expect("the last layer");
    let back = load_adapter(scratch.path(), weights.config()).expect("an adapter");
    assert_eq!(back.values, layers.values);
    // rsLoRA's factor becomes another alpha.
    let weights = Weights::open(&golden().join("tiny-qwen2")).expect("a model");
    let dir = golden().join("tiny-qwen2/adapter-rslora");
    let rslora = load_adapter(&dir, weights.config()).expect("one");
    save_gguf_lora(&rslora, weights.config(), "x", &path).expect("written");
    let back = load_adapter(&path, weights.config()).expect("an adapter");
    assert_eq!(back.values, rslora.values);
    let scale = |adapter: &Adapter| adapter.layout.pairs[0].scale;
    assert!((scale(&back) / scale(&rslora) - 1.0).abs() < 1e-6);
    let other = Weights::open(&golden().join("tiny-llama")).expect("a model");
    assert!(load_adapter(&path, other.config()).is_err(), "of another architecture");
}

/// transformers 4 takes three keys for the rotation, and both versions a padding token of their own where none is written.
#[test]
fn the_settings_of_phi3_are_what_transformers_takes() {
    let config = ModelConfig::read(&golden().join("tiny-phi3")).expect("a model");
    let json = config_json(&config, Precision::F32);
    let keys = |json: &serde_json::Value| {
        let keys = json["rope_scaling"].as_object().expect("an object").keys().cloned();
        keys.collect::<std::collections::BTreeSet<String>>().into_iter().collect::<Vec<String>>()
    };
    assert_eq!(keys(&json), ["long_factor", "short_factor", "type"]);
    assert_eq!(json.get("pad_token_id"), Some(&serde_json::Value::Null));
    assert_eq!((&json["partial_rotary_factor"], &json["sliding_window"]), (&0.75.into(), &6.into()));
    assert_eq!(
        (json["original_max_position_embeddings"].as_u64(), json.get("layer_types")),
        (Some(128), None)
    );
    let mut other = config;
    let Some(RopeScaling::LongRope(scaling)) = &mut other.rope.scaling else { panic!("{:?}", other.rope) };
    scaling.attention_factor = 1.5;
    let json = config_json(&other, Precision::F32);
    assert_eq!(keys(&json), ["attention_factor", "long_factor", "short_factor", "type"]);
}

/// A window in two of three layers, which only a key that llama.cpp reads but its converter does not write can say.
#[test]
fn a_pattern_of_windows_survives_the_file() {
    let scratch = tempfile::tempdir().expect("a folder");
    let source = golden().join("tiny-gemma3");
    std::fs::copy(source.join("model.safetensors"), scratch.path().join("model.safetensors"))
        .expect("copied");
    let config = std::fs::read_to_string(source.join("config.json")).expect("there");
    let config = config.replace("\"query_pre_attn_scalar\": 24", "\"query_pre_attn_scalar\": 16");
    std::fs::write(scratch.path().join("config.json"), config).expect("written");
    let weights = Weights::open(scratch.path()).expect("a model");
    let path = scratch.path().join("model.gguf");
    save_gguf(Merged { weights: &weights, adapter: None }, Precision::F32, Vec::new(), &path)
        .expect("written");
    let back = Weights::open(&path).expect("a GGUF");
    assert_eq!(back.config().sliding_layers, [0, 2]);
    let logits = |weights: &Weights| {
        let ids: Vec<u32> = (4..20).collect();
        Model::load(weights).expect("a model").logits(&ids, Default::default())
    };
    assert_eq!(logits(&back), logits(&weights));
}

/// What llama.cpp takes as given of an architecture and a model does otherwise.
#[test]
fn models_that_a_gguf_file_cannot_hold_are_refused_by_name() {
    let refused = |name: &str, changes: &[(&str, &str)]| {
        let scratch = tempfile::tempdir().expect("a folder");
        for file in ["config.json", "model.safetensors"] {
            std::fs::copy(golden().join(name).join(file), scratch.path().join(file)).expect("copied");
        }
        let path = scratch.path().join("config.json");
        let mut config = std::fs::read_to_string(&path).expect("there");
        for (from, to) in changes {
            assert!(config.contains(from), "{from}");
            config = config.replace(from, to);
        }
        std::fs::write(&path, config).expect("written");
        let weights = Weights::open(scratch.path()).expect("a model");
        let out = scratch.path().join("model.gguf");
        let merged = Merged { weights: &weights, adapter: None };
        let error = save_gguf(merged, Precision::F32, Vec::new(), &out).expect_err("refused").to_string();
        assert!(!out.exists());
        error
    };
    assert_eq!(
        refused("tiny-gemma3", &[]),
        "a GGUF file cannot hold this model: its attention is scaled by 0.20412414, llama.cpp takes 0.25"
    );
    let sixteen = ("\"query_pre_attn_scalar\": 24", "\"query_pre_attn_scalar\": 16");
    let swapped = [
        sixteen,
        ("\"full_attention\",", "\"sliding_attention_\","),
        ("\"sliding_attention\",\n", "\"full_attention\",\n"),
        ("\"sliding_attention_\",", "\"sliding_attention\","),
    ];
    assert!(refused("tiny-gemma3", &swapped).ends_with("do not come at equal distances"));
    let window = [
        ("\"full_attention\",", "\"sliding_attention\","),
        ("\"sliding_window\": null", "\"sliding_window\": 5"),
    ];
    assert!(refused("tiny-smollm3", &window).contains("attention slides in 3 of 4 layers"));
    let rotated = [("    1,\n    1,\n    1,\n    0\n", "    1,\n    1,\n    0,\n    1\n")];
    assert!(
        refused("tiny-smollm3", &rotated).ends_with("other layers than every fourth are without rotation")
    );
}

#[test]
fn fields_survive_the_file() {
    let scratch = tempfile::tempdir().expect("a folder");
    let weights = Weights::open(&golden().join("tiny-llama")).expect("a model");
    let path = scratch.path().join("model.gguf");
    let about = vec![
        ("tokenizer.ggml.tokens".to_owned(), Field::Texts(vec!["a".to_owned(), "Ġß".to_owned()])),
        ("tokenizer.ggml.token_type".to_owned(), Field::I32s(vec![3, -1])),
        ("tokenizer.ggml.scores".to_owned(), Field::F32s(vec![-0.5, -1e3])),
        ("tokenizer.ggml.add_bos_token".to_owned(), Field::Bool(false)),
        ("x.signed".to_owned(), Field::I32(-7)),
    ];
    let merged = Merged { weights: &weights, adapter: None };
    save_gguf(merged, Precision::F32, about, &path).expect("written");
    let back = Weights::open(&path).expect("a model");
    let metadata = back.gguf().expect("a GGUF");
    assert_eq!(metadata.strings("tokenizer.ggml.tokens").expect("texts"), Some(vec!["a", "Ġß"]));
    assert_eq!(metadata.integers("tokenizer.ggml.token_type").expect("numbers"), Some(vec![3, -1]));
    assert_eq!(metadata.floats("tokenizer.ggml.scores").expect("numbers"), Some(vec![-0.5, -1e3]));
    assert!(
        metadata.floats("tokenizer.ggml.token_type").is_err()
            && metadata.integers("tokenizer.ggml.scores").is_err()
    );
    assert_eq!(metadata.bool("tokenizer.ggml.add_bos_token").expect("a bool"), Some(false));
    assert_eq!(metadata.get("x.signed"), Some(&affinage_engine::weights::GgufValue::Signed(-7)));
}
