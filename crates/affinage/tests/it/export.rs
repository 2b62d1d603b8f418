//! `export` on the tiny model: every form, read back by the command itself, refused where it cannot be.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::{affinage, temp_dir, tiny};

fn export(dir: &Path, args: &[&str]) -> Output {
    affinage(dir).arg("export").args(args).output().expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A project whose adapter moves the model as far as the checks ask for.
fn trained(dir: &Path) {
    trained_at(dir, "0.5");
}

fn trained_at(dir: &Path, learning_rate: &str) {
    tiny::project(dir);
    train(dir, learning_rate);
}

fn train(dir: &Path, learning_rate: &str) {
    let rate = format!("train.learning-rate={learning_rate}");
    let sets = [&rate, "train.max-steps=8", "train.warmup-ratio=0", "train.schedule=constant"];
    let mut command = affinage(dir);
    for set in sets {
        command.args(["--set", set]);
    }
    let output = command.arg("train").output().expect("the binary starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// The rows of the tiny model are too short for blocks of 256, and a folder may have a space in its name.
#[test]
fn formats_other_than_asked_for_are_counted_and_hints_can_be_pasted() {
    let dir = temp_dir();
    trained(dir.path());
    let args = ["--adapter", "last", "--format", "gguf", "--precision", "q4_k_m", "--out", "my voice"];
    let output = export(dir.path(), &args);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    for part in ["not as Q4_K_M means it: ", "in Q5_0", "`llama-cli -m 'my voice/model.gguf'`"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let record = fs_err::read(dir.path().join("my voice/export.json")).expect("stored");
    let record: Value = serde_json::from_slice(&record).expect("JSON");
    let matrices = record["matrices"].as_object().expect("counts");
    let all: u64 = matrices.values().filter_map(Value::as_u64).sum();
    assert!(!matrices.contains_key("Q4_K") && record["other_format"] == all, "{record}");
}

/// A base in the steps of the format loses nothing by it, and what training changed does, the more the smaller it is.
#[test]
fn a_base_on_the_grid_of_the_format_does_not_make_the_export_an_error_unless_most_is_rounded_away() {
    let dir = temp_dir();
    let dir = dir.path();
    trained_at(dir, "1e-9");
    let q4 = ["--adapter", "last", "--format", "gguf", "--precision", "q4_0", "--out"];
    let output = export(dir, &[&q4[..], &["base"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let config = fs_err::read_to_string(dir.join("affinage.toml")).expect("there");
    fs_err::write(dir.join("affinage.toml"), config.replace("\"model\"", "\"base/model.gguf\""))
        .expect("written");

    train(dir, "0.01");
    let output = export(dir, &[&["--json"][..], &q4, &["most-kept"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let record: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let kl = |part: &str| record[part]["kl"].as_f64().expect("a number");
    assert!(kl("base_in_format") < 1e-3 && kl("parity") > 3e-3, "the format costs the sum more: {record}");
    assert_eq!(record["tolerance_kl"].as_f64(), Some(kl("bare_base") * 0.05), "{record}");

    train(dir, "0.001");
    let output = export(dir, &[&q4[..], &["rounded-away"]].concat());
    let said = text(&output.stderr);
    assert!(!output.status.success() && !dir.join("rounded-away").exists(), "{said}");
    for part in
        ["the export does not behave", "smaller than a step, so it is rounded away", "`--precision q8_0`"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let q8 = ["--adapter", "last", "--format", "gguf", "--precision", "q8_0", "--out", "kept"];
    let output = export(dir, &q8);
    assert!(output.status.success(), "as the hint says: {}", text(&output.stderr));
}

#[test]
fn every_form_behaves_and_the_bare_base_does_not() {
    let dir = temp_dir();
    trained(dir.path());
    for (format, precision, tolerance) in [
        ("peft", "f32", 1e-6),
        ("gguf-lora", "f32", 1e-6),
        ("mlx", "f32", 1e-6),
        ("merged", "f32", 1e-6),
        ("merged", "f16", 1e-4),
        ("merged", "bf16", 3e-3),
        ("gguf", "f16", 1e-4),
        ("gguf", "q8_0", 3e-3),
        ("ollama", "f16", 1e-4),
    ] {
        let out = format!("out-{format}-{precision}");
        let args =
            ["--json", "--adapter", "last", "--format", format, "--precision", precision, "--out", &out];
        let output = export(dir.path(), &args);
        assert!(output.status.success(), "{format} {precision}: {}", text(&output.stderr));
        let record: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        let number = |pointer: &str| record.pointer(pointer).and_then(Value::as_f64).expect("a number");
        let kl = number("/parity/kl");
        assert!(kl <= number("/tolerance_kl") && number("/parity/positions") == 512.0, "{record}");
        assert!(precision.starts_with('q') || number("/tolerance_kl") == tolerance, "{record}");
        assert!(number("/bare_base/kl") >= 100.0 * tolerance, "{format} {precision}: {record}");
        assert_eq!(record["bare_base_fails"], true);
        for key in ["max_abs_logit_diff", "greedy_equal"] {
            assert!(record["parity"][key].is_number(), "{record}");
        }
        // The rows of `down_proj` hold 48 numbers, a block 32.
        let kept = record["kept_f16"].as_u64().unwrap_or(0);
        assert_eq!(
            (kept, text(&output.stderr).contains("kept as f16: ")),
            (3 * u64::from(precision == "q8_0"), kept > 0)
        );
        let stored = fs_err::read(dir.path().join(&out).join("export.json")).expect("stored");
        assert_eq!(serde_json::from_slice::<Value>(&stored).expect("JSON"), record);
        assert!(!dir.path().join(&out).join("base.scratch.gguf").exists());
    }
    let modelfile = fs_err::read_to_string(dir.path().join("out-ollama-f16/Modelfile")).expect("there");
    insta::assert_snapshot!(modelfile, @r#"
    FROM ./model.gguf
    TEMPLATE """{{- range .Messages }}{{- if eq .Role "system" }}{{ "<|im_start|>system\n" }}{{ .Content }}{{ "<|im_end|>\n" }}{{- else if eq .Role "user" }}{{ "<|im_start|>user\n" }}{{ .Content }}{{ "<|im_end|>\n" }}{{- else if eq .Role "assistant" }}{{ "<|im_start|>assistant\n" }}{{ .Content }}{{ "<|im_end|>\n" }}{{- end }}{{- end }}{{ "<|im_start|>assistant\n" }}"""
    PARAMETER stop """<|im_end|>"""
    "#);
    // A merged folder and a merged file are models of their own: they answer like the checkpoint did.
    let ask = |model: &str, arm: &str| {
        let output = affinage(dir.path())
            .args(["--json", "--set", &format!("model={model}"), "--set", "generate.temperature=0"])
            .args(["chat", arm, "--prompt", "What is kalo?"])
            .output()
            .expect("the binary starts");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        said["answers"][0]["text"].as_str().expect("a text").to_owned()
    };
    let tuned = ask("model", "last");
    assert_ne!(tuned, ask("model", "base"));
    assert_eq!(ask("out-merged-f32", "base"), tuned);
    assert_eq!(ask("out-gguf-f16/model.gguf", "base"), tuned);
}

/// q, k and v are one matrix, gate and up another: each has one adapter, in training and in every form.
#[test]
fn a_model_with_fused_projections_is_trained_and_exported() {
    let dir = temp_dir();
    tiny::project_of(dir.path(), "tiny-phi3");
    let mut command = affinage(dir.path());
    let output = command.args(["--set", "train.targets=[\"q_proj\"]", "train"]).output().expect("it starts");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in ["`train.targets`", "in phi3 they are rows of `qkv_proj`", "hint: name the whole matrix"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    train(dir.path(), "0.1");
    let run = tiny::runs(dir.path()).remove(0);
    let settings = fs_err::read_to_string(run.join("run.toml")).expect("there");
    let targets = "targets = [\"qkv_proj\", \"o_proj\", \"gate_up_proj\", \"down_proj\"]";
    assert!(settings.contains(targets), "{settings}");
    for (format, precision) in [
        ("peft", "f32"),
        ("gguf-lora", "f32"),
        ("mlx", "f32"),
        ("merged", "f32"),
        ("gguf", "f16"),
        ("ollama", "f16"),
    ] {
        let out = format!("out-{format}");
        let args =
            ["--json", "--adapter", "last", "--format", format, "--precision", precision, "--out", &out];
        let output = export(dir.path(), &args);
        assert!(output.status.success(), "{format}: {}", text(&output.stderr));
        let record: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        assert_eq!(record["bare_base_fails"], true, "{format}: {record}");
        // With more room llama.cpp rotates as for longer texts from the first token on.
        let is_llama_cpp = matches!(format, "gguf" | "gguf-lora" | "ollama");
        assert_eq!(record["most_context"].as_u64(), is_llama_cpp.then_some(128), "{format}: {record}");
    }
    let modelfile = fs_err::read_to_string(dir.path().join("out-ollama/Modelfile")).expect("there");
    assert!(modelfile.contains("\nPARAMETER num_ctx 128\n"), "{modelfile}");
    let output = export(dir.path(), &["--adapter", "last", "--format", "gguf", "--out", "said"]);
    assert!(
        text(&output.stderr).contains("`llama-cli -m said/model.gguf -c 128`"),
        "{}",
        text(&output.stderr)
    );
    let config = fs_err::read(dir.path().join("out-peft/adapter_config.json")).expect("there");
    let config: Value = serde_json::from_slice(&config).expect("JSON");
    let modules = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"];
    assert_eq!(config["target_modules"], serde_json::json!(modules));
    let config = fs_err::read(dir.path().join("out-merged/config.json")).expect("there");
    let config: Value = serde_json::from_slice(&config).expect("JSON");
    assert_eq!(config["model_type"], "phi3");
}

/// Of a model that also sees pictures the text part is trained, and exports say what they are of.
#[test]
fn the_text_part_of_a_model_that_sees_pictures_is_trained_and_exported() {
    let dir = temp_dir();
    tiny::project_of(dir.path(), "tiny-gemma3-vision");
    let output = affinage(dir.path()).args(["inspect", "model"]).output().expect("it starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = "model also sees pictures: only its text part is used, 23 tables of weights for pictures are left out";
    assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("23 more tensors are for pictures and not read"));
    train(dir.path(), "0.1");
    for format in ["peft", "merged"] {
        let args = ["--adapter", "last", "--format", format, "--precision", "f32", "--out", format];
        let output = export(dir.path(), &args);
        assert!(output.status.success(), "{format}: {}", text(&output.stderr));
    }
    let config = |path: &str| -> Value {
        serde_json::from_slice(&fs_err::read(dir.path().join(path)).expect("there")).expect("JSON")
    };
    let merged = config("merged/config.json");
    assert_eq!((&merged["model_type"], merged.get("vision_config")), (&"gemma3_text".into(), None));
    assert_eq!(merged["architectures"][0], "Gemma3ForCausalLM");
    let first = config("peft/adapter_config.json")["target_modules"][0].clone();
    assert_eq!(first, "model.language_model.layers.0.self_attn.q_proj");
}

/// The programs that the forms are meant for load them and give the tuned model's logits.
#[test]
#[ignore = "needs AFFINAGE_PYTHON, a Python with transformers, peft and llama-cpp-python"]
fn peft_and_llama_cpp_read_what_was_exported() {
    let python = std::env::var("AFFINAGE_PYTHON").expect("AFFINAGE_PYTHON names a Python");
    let dir = temp_dir();
    // llama.cpp rounds what goes into a product to f16: the other test's adapter makes infinities of it.
    trained_at(dir.path(), "0.02");
    for name in ["peft", "merged-f32", "merged-f16", "merged-bf16", "gguf-f16", "gguf-q8_0", "gguf-lora"] {
        let (format, precision) = match name.rsplit_once('-') {
            Some((format, precision)) if precision != "lora" => (format, precision),
            _ => (name, "f32"),
        };
        let out = format!("exports/{name}");
        let args = ["--adapter", "last", "--format", format, "--precision", precision, "--out", &out];
        let output = export(dir.path(), &args);
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/check_exports.py");
    let mut check = std::process::Command::new(python);
    let output =
        check.arg(script).args(["model", "exports"]).current_dir(dir.path()).output().expect("starts");
    println!("{}", text(&output.stdout));
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn what_cannot_be_exported_leaves_nothing_behind() {
    let dir = temp_dir();
    trained(dir.path());
    let refused = |args: &[&str], code: i32, parts: &[&str]| {
        let output = export(dir.path(), args);
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        let said = text(&output.stderr);
        for part in parts {
            assert!(said.contains(part), "{part:?} is missing in {said}");
        }
        assert!(!dir.path().join("out").exists() && !dir.path().join(".out.tmp").exists());
    };
    let merged = ["--adapter", "last", "--format", "merged", "--precision", "q8_0", "--out", "out"];
    refused(&merged, 1, &["f32, f16 or bf16"]);
    refused(
        &["--adapter", "model", "--format", "peft", "--out", "out"],
        1,
        &["adapter_config.json", "hint: "],
    );
    refused(&["--adapter", "step-999", "--format", "peft", "--out", "out"], 1, &["no checkpoint `step-999`"]);
    let run = tiny::runs(dir.path()).remove(0);
    // Another base than the run was trained on.
    let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/tiny-chat");
    let set = format!("model={}", other.display());
    refused(
        &["--set", &set, "--adapter", "last", "--format", "peft", "--out", "out"],
        1,
        &["was trained on another base"],
    );
    // An adapter that does nothing passes, and the command says that this is no proof.
    let output = export(
        dir.path(),
        &[
            "--adapter",
            &format!("{}/checkpoints/step-000000", run.display()),
            "--format",
            "gguf",
            "--out",
            "zero",
        ],
    );
    assert!(
        output.status.success() && text(&output.stderr).contains("changes too little to tell them apart")
    );
    let output = export(dir.path(), &["--adapter", "last", "--format", "peft", "--out", "zero"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}
