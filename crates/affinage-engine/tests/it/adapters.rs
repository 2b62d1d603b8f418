//! Adapters of peft (`testdata/golden/make_adapters.py`): every option it writes is computed or refused by name.

use std::path::{Path, PathBuf};

use affinage_engine::checkpoint::{
    ADAPTER_CONFIG, ADAPTER_FILE, AdapterFiles, load_adapter, save_adapter, save_adapter_of_part,
};
use affinage_engine::export::save_mlx;
use affinage_engine::lora::{Adapter, Target};
use affinage_engine::model::{Model, Pass};
use affinage_engine::weights::Weights;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden").join(name)
}

fn numbers(bytes: &[u8], name: &str) -> Vec<f32> {
    let tensors = SafeTensors::deserialize(bytes).unwrap();
    tensors.tensor(name).unwrap().data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn ids(document: usize) -> Vec<u32> {
    let bytes = std::fs::read(golden("tiny-qwen3/golden.safetensors")).unwrap();
    numbers(&bytes, &format!("doc{document}.ids")).into_iter().map(|id| id.to_bits()).collect()
}

fn open() -> (Weights, Model) {
    let weights = Weights::open(&golden("tiny-qwen3")).unwrap();
    let model = Model::load(&weights).unwrap();
    (weights, model)
}

fn load(name: &str, weights: &Weights) -> Adapter {
    load_adapter(&golden("adapters").join(name), weights.config()).unwrap()
}

#[test]
fn patterns_layers_and_expressions_give_the_logits_of_peft() {
    let (weights, model) = open();
    let expected = std::fs::read(golden("adapters/logits.safetensors")).unwrap();
    for (name, written) in
        [("patterns", "patterns"), ("expression", "expression"), ("layers", "layers"), ("ours", "patterns")]
    {
        let adapter = load(name, &weights);
        for document in 0..3 {
            let logits = model.logits(&ids(document), Pass { adapter: Some(&adapter), dropout: None });
            let want = numbers(&expected, &format!("doc{document}.{written}"));
            let worst = logits.iter().zip(&want).map(|(g, w)| (g - w).abs()).fold(0.0, f32::max);
            assert!(worst < 2e-5, "{name} doc{document}: {worst:e}"); // f32 rounding; the adapters move logits by 1.7 or more
            let base = model.logits(&ids(document), Pass::default());
            assert!(base.iter().zip(&want).any(|(g, w)| (g - w).abs() > 0.2), "{name} doc{document}");
        }
    }
}

#[test]
fn ranks_and_alphas_are_those_of_the_first_pattern_that_fits() {
    let (weights, _) = open();
    let patterns = load("patterns", &weights);
    let of = |layer, target| patterns.layout.pair(layer, target).map(|pair| (pair.rank, pair.alpha));
    assert_eq!((of(0, Target::QProj), of(1, Target::QProj)), (Some((4, 8.0)), Some((2, 8.0))));
    assert_eq!((of(0, Target::VProj), of(0, Target::KProj)), (Some((4, 3.0)), None));
    assert_eq!((of(0, Target::DownProj), of(1, Target::DownProj)), (Some((6, 5.0)), Some((6, 8.0))));
    let scale = patterns.layout.pair(0, Target::DownProj).unwrap().scale;
    assert!((scale - 5.0 / 6f32.sqrt()).abs() < 1e-6, "rsLoRA with the rank of the module");
    let modules = |name| -> Vec<_> {
        load(name, &weights).layout.pairs.iter().map(|pair| (pair.layer, pair.target)).collect()
    };
    assert_eq!(modules("expression"), [(1, Target::KProj), (1, Target::UpProj)]);
    assert_eq!(modules("layers"), [(1, Target::OProj), (1, Target::UpProj)]);
}

/// `adapters/ours` is what this writes; `make_adapters.py` holds peft to the same logits from it.
#[test]
fn what_is_written_is_what_peft_was_given() {
    let (weights, _) = open();
    let adapter = load("patterns", &weights);
    let dir = tempfile::tempdir().unwrap();
    save_adapter(&adapter, "tiny-qwen3", dir.path()).unwrap();
    if std::env::var_os("AFFINAGE_BLESS").is_some() {
        std::fs::create_dir_all(golden("adapters/ours")).unwrap();
        save_adapter(&adapter, "tiny-qwen3", &golden("adapters/ours")).unwrap();
    }
    for file in [ADAPTER_CONFIG, ADAPTER_FILE] {
        let written = std::fs::read(dir.path().join(file)).unwrap();
        assert!(written == std::fs::read(golden("adapters/ours").join(file)).unwrap(), "{file}");
    }
    assert_eq!(load_adapter(dir.path(), weights.config()).unwrap(), adapter);
    for name in ["expression", "layers"] {
        let adapter = load(name, &weights);
        save_adapter(&adapter, "tiny-qwen3", dir.path()).unwrap();
        assert_eq!(load_adapter(dir.path(), weights.config()).unwrap(), adapter);
    }
}

/// The adapter `layers` with another configuration and its tensors written in another way; an error as its text.
fn changed(changes: Value, tensors: impl Fn(&[u8]) -> Vec<u8>) -> Result<Adapter, String> {
    let (weights, _) = open();
    let dir = tempfile::tempdir().unwrap();
    let source = golden("adapters/layers");
    let bytes = std::fs::read(source.join(ADAPTER_FILE)).unwrap();
    std::fs::write(dir.path().join(ADAPTER_FILE), tensors(&bytes)).unwrap();
    let mut config: Value =
        serde_json::from_slice(&std::fs::read(source.join(ADAPTER_CONFIG)).unwrap()).unwrap();
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    std::fs::write(dir.path().join(ADAPTER_CONFIG), config.to_string()).unwrap();
    let path = format!("{}/", dir.path().display());
    load_adapter(dir.path(), weights.config()).map_err(|error| error.to_string().replace(&path, ""))
}

/// The message for the adapter `layers` with another configuration.
fn refused(changes: Value) -> String {
    changed(changes, <[u8]>::to_vec).expect_err("another adapter")
}

/// A file with other names, and other numbers of the same values.
fn rewritten(
    bytes: &[u8],
    dtype: Dtype,
    rename: impl Fn(&str) -> String,
    number: impl Fn(f32) -> Vec<u8>,
) -> Vec<u8> {
    let tensors = SafeTensors::deserialize(bytes).unwrap();
    let parts: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, tensor)| {
            let values = numbers(bytes, name).into_iter().flat_map(&number).collect();
            (rename(name), tensor.shape().to_vec(), values)
        })
        .collect();
    let views = parts
        .iter()
        .map(|(name, shape, bytes)| (name, TensorView::new(dtype, shape.clone(), bytes).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

#[test]
fn notes_of_trainers_change_nothing() {
    let plain = changed(json!({}), <[u8]>::to_vec).unwrap();
    for notes in [
        json!({"unsloth_training_method": "qlora", "unsloth_load_in_4bit": true}),
        json!({"lora_dtype": "float32", "lorap_emb_lr": 1e-6, "lorap_lr_ratio": 16.0}),
        json!({"fan_in_fan_out": true, "merge_weights": true}),
        json!({"exclude_modules": ["down_proj", "lm_head"], "target_modules": ["o_proj", "up_proj", "down_proj", "lm_head"]}),
        json!({"exclude_modules": ["gate_proj"], "target_modules":
            ["model.layers.1.self_attn.o_proj", "model.layers.1.mlp.up_proj", "model.layers.1.mlp.gate_proj"]}),
    ] {
        assert_eq!(changed(notes.clone(), <[u8]>::to_vec), Ok(plain.clone()), "{notes}");
    }
}

#[test]
fn names_and_numbers_of_a_training_state_are_read() {
    let plain = changed(json!({}), <[u8]>::to_vec).unwrap();
    let named = |name: &str| name.replace(".weight", ".policy.weight");
    let f64s = |value: f32| f64::from(value).to_le_bytes().to_vec();
    assert_eq!(changed(json!({}), |bytes| rewritten(bytes, Dtype::F64, named, f64s)), Ok(plain));
    let f32s = |value: f32| value.to_le_bytes().to_vec();
    let two = |name: &str| name.replace("A.weight", "A.old.weight").replace("B.weight", "B.new.weight");
    insta::assert_snapshot!(changed(json!({}), |bytes| rewritten(bytes, Dtype::F32, two, f32s)).unwrap_err(), @"`adapter_model.safetensors`: tensor `base_model.model.model.layers.1.mlp.up_proj.lora_B.new.weight` belongs to the adapter `new`, others to `old`; expected one");
    let none = |_: f32| vec![0_u8];
    insta::assert_snapshot!(changed(json!({}), |bytes| rewritten(bytes, Dtype::U8, str::to_owned, none)).unwrap_err(), @"`adapter_model.safetensors`: tensor `base_model.model.model.layers.1.self_attn.o_proj.lora_A.weight` is stored as U8, expected F64, F32, F16 or BF16");
}

#[test]
fn the_decoder_may_be_a_part_of_the_model() {
    let plain = changed(json!({}), <[u8]>::to_vec).unwrap();
    let f32s = |value: f32| value.to_le_bytes().to_vec();
    let within = |decoder: &'static str| {
        move |name: &str| {
            name.replace("base_model.model.model.layers", &format!("base_model.model.{decoder}.layers"))
        }
    };
    // As trainers of such models write it: the decoder's projections by an expression over whole names.
    let expression = r"(?:.*?(?:language|text).*?(?:self_attn|mlp).*?(?:o_proj|up_proj).*?)";
    let by_expression = json!({ "target_modules": expression, "layers_to_transform": null });
    for decoder in ["model.language_model", "language_model.model"] {
        let bytes = |bytes: &[u8]| rewritten(bytes, Dtype::F32, within(decoder), f32s);
        assert_eq!(changed(json!({}), bytes), Ok(plain.clone()), "{decoder}");
        let missing = changed(by_expression.clone(), bytes).unwrap_err();
        let expected =
            format!("tensor `base_model.model.{decoder}.layers.0.self_attn.o_proj.lora_A.weight` is missing");
        assert!(missing.contains(&expected), "the expression names both layers, the file has one: {missing}");
    }
    let eyes = |name: &str| {
        let name = within("model.language_model")(name);
        name.replace("language_model.layers.1.mlp.up_proj", "vision_tower.layers.1.mlp.up_proj")
    };
    let said = changed(json!({}), |bytes| rewritten(bytes, Dtype::F32, eyes, f32s)).unwrap_err();
    assert!(said.contains("up_proj.lora_A.weight` is missing"), "{said}");
    // peft finds no module for such names and runs the bare base without a word.
    let compiled = |name: &str| name.replace("base_model.model.", "base_model.model._orig_mod.");
    let said = changed(json!({}), |bytes| rewritten(bytes, Dtype::F32, compiled, f32s)).unwrap_err();
    assert!(said.contains("is missing"), "{said}");
}

#[test]
fn an_mlx_adapter_of_a_model_with_a_decoder_within() {
    let (weights, _) = open();
    let adapter = load("ours", &weights);
    let mut uniform = Adapter::zeros(
        affinage_engine::lora::LoraConfig { targets: vec![Target::QProj], ..adapter.config.clone() },
        weights.config(),
    );
    (0..).zip(&mut uniform.values).for_each(|(i, value)| *value = i as f32 * 1e-3);
    let dir = tempfile::tempdir().unwrap();
    save_mlx(&uniform, "tiny-qwen3", dir.path()).unwrap();
    let read = load_adapter(dir.path(), weights.config()).unwrap();
    let path = dir.path().join("adapters.safetensors");
    let named = |name: &str| name.replace("model.layers", "language_model.model.layers");
    let bytes = rewritten(&std::fs::read(&path).unwrap(), Dtype::F32, named, |v| v.to_le_bytes().to_vec());
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(load_adapter(dir.path(), weights.config()).unwrap(), read);
}

/// What `load_adapter` says about a folder of empty files.
#[test]
fn what_is_no_adapter_says_what_is_there() {
    let (weights, _) = open();
    let said = |files: &[&str], named: &str| {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let error = load_adapter(&dir.path().join(named), weights.config()).expect_err("no adapter");
        error.to_string().replace(&dir.path().display().to_string(), "DIR")
    };
    insta::assert_snapshot!(said(&[], "nowhere"), @"`DIR/nowhere`: there is no such file or folder; expected a folder with adapter_config.json and adapter_model.safetensors (peft) or adapters.safetensors (MLX), or a GGUF file");
    insta::assert_snapshot!(said(&["notes.txt"], "notes.txt"), @"`DIR/notes.txt`: it is a file; expected a folder with adapter_config.json and adapter_model.safetensors (peft) or adapters.safetensors (MLX), or a GGUF file");
    insta::assert_snapshot!(said(&["adapter_config.json"], ""), @"`DIR/`: it has only adapter_config.json; expected a folder with adapter_config.json and adapter_model.safetensors (peft) or adapters.safetensors (MLX), or a GGUF file");
    insta::assert_snapshot!(said(&["adapter_config.json", "adapter_model.bin"], ""), @"`DIR/adapter_model.bin` is a Python pickle, which can run code when it is opened; expected adapter_model.safetensors");
    insta::assert_snapshot!(said(&["adapter_model.bin"], "adapter_model.bin"), @"`DIR/adapter_model.bin` is a Python pickle, which can run code when it is opened; expected adapter_model.safetensors");
    insta::assert_snapshot!(said(&["adapter_config.json", "adapters.npz"], ""), @"`DIR/`: it has only adapter_config.json, adapters.npz; expected a folder with adapter_config.json and adapter_model.safetensors (peft) or adapters.safetensors (MLX), or a GGUF file");
    insta::assert_snapshot!(said(&["config.json", "model.safetensors"], ""), @"`DIR/`: no adapter is in it, but a model; expected a folder with adapter_config.json and adapter_model.safetensors (peft) or adapters.safetensors (MLX), or a GGUF file");
    insta::assert_snapshot!(said(&["a.gguf", "b.gguf"], ""), @"`DIR/`: name one of a.gguf, b.gguf; expected a folder with adapter_config.json and adapter_model.safetensors (peft) or adapters.safetensors (MLX), or a GGUF file");
    insta::assert_snapshot!(said(&["checkpoint-9/adapter_config.json", "checkpoint-10/adapter_config.json", "log"], ""), @"`DIR/`: no adapter is in it; name one of checkpoint-9, checkpoint-10; expected a folder with adapter_config.json and adapter_model.safetensors (peft) or adapters.safetensors (MLX), or a GGUF file");
    insta::assert_snapshot!(said(&["checkpoints/step-5/adapter_config.json"], ""), @"`DIR/`: no adapter is in it; name one of checkpoints/step-5; expected a folder with adapter_config.json and adapter_model.safetensors (peft) or adapters.safetensors (MLX), or a GGUF file");
}

/// The adapter `layers` as mlx-lm would have it, with another configuration.
#[test]
fn of_mlx_only_plain_lora_is_read() {
    let (weights, _) = open();
    let read = |changes: Value, dtype: Dtype| {
        let dir = tempfile::tempdir().unwrap();
        let adapter = load("layers", &weights);
        save_mlx(&adapter, "some/base", dir.path()).unwrap();
        let path = dir.path().join(ADAPTER_CONFIG);
        let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for (key, value) in changes.as_object().unwrap() {
            config.pointer_mut(key).map(|place| *place = value.clone()).unwrap_or_else(|| {
                config[key.trim_start_matches('/')] = value.clone();
            });
        }
        std::fs::write(path, config.to_string()).unwrap();
        let path = dir.path().join("adapters.safetensors");
        let half = |value: f32| half::bf16::from_f32(value).to_le_bytes().to_vec();
        if dtype == Dtype::BF16 {
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(&path, rewritten(&bytes, dtype, str::to_owned, half)).unwrap();
        }
        assert_eq!(AdapterFiles::find(dir.path()).unwrap().base().as_deref(), Some("some/base"));
        load_adapter(dir.path(), weights.config())
            .map_err(|error| error.to_string().replace(&format!("{}/", dir.path().display()), ""))
    };
    let plain = read(json!({}), Dtype::F32).unwrap();
    assert_eq!(plain.values, load("layers", &weights).values);
    assert_eq!(read(json!({"/fine_tune_type": null}), Dtype::F32), Ok(plain.clone()), "older versions");
    let halved = read(json!({}), Dtype::BF16).unwrap();
    assert!(halved.values.iter().zip(&plain.values).all(|(h, p)| (h - p).abs() <= p.abs() / 128.0));
    assert_ne!(halved.values, plain.values);
    insta::assert_snapshot!(read(json!({"/fine_tune_type": "dora"}), Dtype::F32).unwrap_err(), @r#"`adapter_config.json`: fine_tune_type is "dora", expected "lora": others are not computed here"#);
    insta::assert_snapshot!(read(json!({"/fine_tune_type": "full"}), Dtype::F32).unwrap_err(), @r#"`adapter_config.json`: fine_tune_type is "full", expected "lora": others are not computed here"#);
    insta::assert_snapshot!(read(json!({"/use_dora": true}), Dtype::F32).unwrap_err(), @r#"`adapter_config.json`: use_dora is true, expected "lora": others are not computed here"#);
    insta::assert_snapshot!(read(json!({"/lora_parameters/rank": 0}), Dtype::F32).unwrap_err(), @"`adapter_config.json`: lora_parameters.rank is 0, expected 1 to 4096");
    insta::assert_snapshot!(read(json!({"/lora_parameters/rank": 999}), Dtype::F32).unwrap_err(), @"`adapters.safetensors`: tensor `model.layers.1.self_attn.o_proj.lora_a` has shape [64, 1], expected [64, 999]");
    insta::assert_snapshot!(read(json!({"/lora_parameters/scale": "20"}), Dtype::F32).unwrap_err(), @r#"`adapter_config.json`: lora_parameters.scale is "20", expected a number"#);
    insta::assert_snapshot!(read(json!({"/lora_parameters": {"rank": 1, "scale": 2.0, "alpha": 16}}), Dtype::F32).unwrap_err(), @"`adapter_config.json`: lora_parameters.alpha is 16, expected none: the versions that wrote one do not agree on what it does beside `scale`");
}

#[test]
fn what_is_not_computed_is_refused_by_name() {
    insta::assert_snapshot!(refused(json!({"use_dora": true})), @"`adapter_config.json`: use_dora is true, expected nothing: this is not computed here");
    insta::assert_snapshot!(refused(json!({"modules_to_save": ["lm_head"]})), @r#"`adapter_config.json`: modules_to_save is ["lm_head"], expected nothing: this is not computed here"#);
    insta::assert_snapshot!(refused(json!({"bias": "lora_only"})), @r#"`adapter_config.json`: bias is "lora_only", expected "none""#);
    insta::assert_snapshot!(refused(json!({"lora_bias": true})), @"`adapter_config.json`: lora_bias is true, expected nothing: this is not computed here");
    insta::assert_snapshot!(refused(json!({"init_lora_weights": "pissa_niter_4"})), @r#"`adapter_config.json`: init_lora_weights is "pissa_niter_4", expected true, false, gaussian, eva or orthogonal: others change the base model's weights"#);
    insta::assert_snapshot!(refused(json!({"trainable_token_indices": [1]})), @"`adapter_config.json`: trainable_token_indices is [1], expected nothing: this is not computed here");
    insta::assert_snapshot!(refused(json!({"layer_replication": [[0, 1]]})), @"`adapter_config.json`: layer_replication is [[0,1]], expected nothing: this is not computed here");
    insta::assert_snapshot!(refused(json!({"alora_invocation_tokens": [5]})), @"`adapter_config.json`: alora_invocation_tokens is [5], expected nothing: this is not computed here");
    insta::assert_snapshot!(refused(json!({"loftq_config": {"loftq_bits": 4}})), @r#"`adapter_config.json`: loftq_config is {"loftq_bits":4}, expected nothing: this is not computed here"#);
    insta::assert_snapshot!(refused(json!({"an_option_of_tomorrow": 3})), @"`adapter_config.json`: an_option_of_tomorrow is 3, expected nothing: this is not computed here");
    insta::assert_snapshot!(refused(json!({"peft_type": "LOHA"})), @r#"`adapter_config.json`: peft_type is "LOHA", expected "LORA""#);
    insta::assert_snapshot!(refused(json!({"target_modules": ["q_proj", "lm_head"]})), @r#"`adapter_config.json`: target_modules is ["q_proj","lm_head"], expected some of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj"#);
    insta::assert_snapshot!(refused(json!({"target_modules": ["q_proj", "gate_up_proj"]})), @r#"`adapter_config.json`: target_modules is "gate_up_proj" among others, expected some of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj"#);
    insta::assert_snapshot!(refused(json!({"target_modules": ".*head"})), @r#"`adapter_config.json`: target_modules is ".*head", expected some of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj"#);
    insta::assert_snapshot!(refused(json!({"target_modules": "(?=q).*"})), @r#"`adapter_config.json`: target_modules is "(?=q).*", expected a regular expression without look-around and back-references"#);
    insta::assert_snapshot!(refused(json!({"layers_pattern": "h"})), @r#"`adapter_config.json`: layers_pattern is "h", expected "layers""#);
    insta::assert_snapshot!(refused(json!({"layers_to_transform": "all"})), @r#"`adapter_config.json`: layers_to_transform is "all", expected a layer number or a list of them"#);
    insta::assert_snapshot!(refused(json!({"rank_pattern": {"o_proj": 0}})), @"`adapter_config.json`: rank_pattern is 0, expected 1 to 4096");
    insta::assert_snapshot!(refused(json!({"alpha_pattern": {"(": 1}})), @r#"`adapter_config.json`: alpha_pattern is "(", expected a regular expression without look-around and back-references"#);
    insta::assert_snapshot!(refused(json!({"r": 1_000_000})), @"`adapter_config.json`: r is 1000000, expected 1 to 4096");
}

/// The adapter of a model with fused projections: one pair on each matrix, as peft has it, and back in the same bytes.
#[test]
fn adapters_on_fused_projections_are_those_of_peft() {
    let (source, weights) = (golden("tiny-phi3/adapter"), Weights::open(&golden("tiny-phi3")).unwrap());
    let adapter = load_adapter(&source, weights.config()).unwrap();
    assert_eq!(adapter.config.targets, Target::FUSED);
    let pair = adapter.layout.pair(1, Target::QkvProj).unwrap();
    assert_eq!((pair.rank, pair.output), (4, 64), "32 of q, 16 each of k and v");
    assert_eq!(adapter.layout.pair(1, Target::QProj), None);
    let dir = tempfile::tempdir().unwrap();
    save_adapter(&adapter, "tiny-phi3", dir.path()).unwrap();
    assert_eq!(load_adapter(dir.path(), weights.config()).unwrap(), adapter);
    let [ours, theirs] = [dir.path(), &source].map(|dir| std::fs::read(dir.join(ADAPTER_FILE)).unwrap());
    let tensors = SafeTensors::deserialize(&theirs).unwrap();
    let mut names = tensors.names();
    names.sort_unstable();
    let mut written =
        SafeTensors::deserialize(&ours).unwrap().names().into_iter().map(str::to_owned).collect::<Vec<_>>();
    written.sort_unstable();
    assert_eq!(written, names);
    names.into_iter().for_each(|name| assert_eq!(numbers(&ours, name), numbers(&theirs, name), "{name}"));
    let mut config: Value =
        serde_json::from_slice(&std::fs::read(dir.path().join(ADAPTER_CONFIG)).unwrap()).unwrap();
    assert_eq!(config["target_modules"], json!(["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]));
    config["target_modules"] = json!(["q_proj", "qkv_proj"]);
    std::fs::write(dir.path().join(ADAPTER_CONFIG), config.to_string()).unwrap();
    let error = load_adapter(dir.path(), weights.config()).unwrap_err().to_string();
    insta::assert_snapshot!(error.rsplit('/').next().unwrap(), @r#"adapter_config.json`: target_modules is "q_proj" among others, expected some of qkv_proj, o_proj, gate_up_proj, down_proj"#);
}

/// `tiny-gemma3-vision/adapter` is what this writes; `make_golden.py` holds peft on the whole model to the logits of the text
/// model with its adapter.
#[test]
fn an_adapter_of_a_text_part_names_its_modules_within_the_whole() {
    let weights = Weights::open(&golden("tiny-gemma3-vision")).unwrap();
    let adapter = load_adapter(&golden("tiny-gemma3/adapter"), weights.config()).unwrap();
    let (dir, kept) = (tempfile::tempdir().unwrap(), golden("tiny-gemma3-vision/adapter"));
    save_adapter_of_part(&adapter, "tiny-gemma3-vision", dir.path()).unwrap();
    if std::env::var_os("AFFINAGE_BLESS").is_some() {
        std::fs::create_dir_all(&kept).unwrap();
        save_adapter_of_part(&adapter, "tiny-gemma3-vision", &kept).unwrap();
    }
    for file in [ADAPTER_CONFIG, ADAPTER_FILE] {
        let written = std::fs::read(dir.path().join(file)).unwrap();
        assert!(written == std::fs::read(kept.join(file)).unwrap(), "{file}");
    }
    assert_eq!(load_adapter(dir.path(), weights.config()).unwrap(), adapter);
    // Parts for pictures have a `q_proj` too.
    let config: Value = serde_json::from_slice(&std::fs::read(kept.join(ADAPTER_CONFIG)).unwrap()).unwrap();
    let named = config["target_modules"].as_array().unwrap();
    let within = |name: &Value| name.as_str().unwrap().starts_with("model.language_model.layers.");
    assert!(named.len() == 7 * 3 && named.iter().all(within), "{named:?}");
}

#[test]
fn tensors_that_do_not_fit_the_configuration_are_named() {
    insta::assert_snapshot!(refused(json!({"r": 4096})), @"`adapter_model.safetensors`: tensor `base_model.model.model.layers.1.self_attn.o_proj.lora_A.weight` has shape [1, 64], expected [4096, 64]");
    insta::assert_snapshot!(refused(json!({"exclude_modules": ["o_proj", "gate_proj"]})), @"`adapter_model.safetensors`: tensor `base_model.model.model.layers.1.self_attn.o_proj.lora_A.weight` is not a LoRA matrix of the modules in adapter_config.json");
    insta::assert_snapshot!(refused(json!({"layers_to_transform": [0, 1]})), @"`adapter_model.safetensors`: tensor `base_model.model.model.layers.0.self_attn.o_proj.lora_A.weight` is missing");
}

#[test]
fn damaged_files_are_refused() {
    let (weights, _) = open();
    let dir = tempfile::tempdir().unwrap();
    let source = golden("adapters/patterns");
    let copy = |file: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        std::fs::write(dir.path().join(file), change(std::fs::read(source.join(file)).unwrap())).unwrap();
    };
    let message = || {
        let error = load_adapter(dir.path(), weights.config()).expect_err("damaged").to_string();
        error.replace(&format!("{}/", dir.path().display()), "")
    };
    copy(ADAPTER_CONFIG, &|bytes| bytes);
    let whole = std::fs::read(source.join(ADAPTER_FILE)).unwrap();
    for len in (0..whole.len()).step_by(97) {
        copy(ADAPTER_FILE, &|bytes| bytes[..len].to_vec());
        assert_eq!(
            message(),
            "`adapter_model.safetensors` is not a complete safetensors file",
            "{len} bytes"
        );
    }
    copy(ADAPTER_FILE, &|mut bytes| {
        let at = bytes.len() - 4;
        bytes[at..].copy_from_slice(&f32::NAN.to_le_bytes());
        bytes
    });
    insta::assert_snapshot!(message(), @"`adapter_model.safetensors`: tensor `base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight` holds values that are not finite");
    copy(ADAPTER_CONFIG, &|bytes| bytes[..40].to_vec());
    insta::assert_snapshot!(message(), @"`adapter_config.json` is not valid JSON");
}
