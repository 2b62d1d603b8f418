//! A project with a model of 30,000 parameters and 48 made-up dialogues: every command runs on it in a second.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::affinage;

/// Makes `dir` a project with a model, imported dialogues and a frozen dataset.
pub fn project(dir: &Path) {
    project_of(dir, "tiny-qwen2");
}

/// The same with another of the committed models.
pub fn project_of(dir: &Path, golden: &str) {
    write_model_of(&dir.join("model"), golden);
    fs_err::write(dir.join("dialogues.jsonl"), dialogues(48)).expect("written");
    let config = "model = \"model\"\n[train]\nmax-seq-tokens = 128\n[generate]\nmax-new-tokens = 24\n";
    fs_err::write(dir.join("affinage.toml"), config).expect("written");
    for args in [&["import", "dialogues.jsonl"][..], &["dataset", "--accept-clean"]] {
        let output = affinage(dir).args(args).output().expect("the binary starts");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The run folders of a project, oldest first.
pub fn runs(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs_err::read_dir(dir.join("runs")) else { return Vec::new() };
    let mut runs: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    runs.retain(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')));
    runs.sort();
    runs
}

/// The committed tiny Qwen2 with a tokenizer of one token a character and a ChatML template.
pub fn write_model(dir: &Path) {
    write_model_of(dir, "tiny-qwen2");
}

/// The same of another of the committed models with 97 tokens.
fn write_model_of(dir: &Path, golden: &str) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden").join(golden);
    fs_err::create_dir_all(dir).expect("made");
    fs_err::copy(golden.join("model.safetensors"), dir.join("model.safetensors")).expect("copied");
    for name in ["config.json", "generation_config.json"] {
        let mut json: Value =
            serde_json::from_slice(&fs_err::read(golden.join(name)).expect("there")).expect("JSON");
        // Some have a second end token, which is a letter here.
        json["eos_token_id"] = json!(2);
        let text = serde_json::to_string_pretty(&json).expect("JSON");
        fs_err::write(dir.join(name), text).expect("written");
    }
    let special = ["<pad>", "<|im_start|>", "<|im_end|>"].map(str::to_owned);
    // The byte-level alphabet writes a space as `Ġ` and a line feed as `Ċ`. Three signs give way: 97 ids are all.
    let signs = ('!'..='~').filter(|c| !"^`~".contains(*c)).chain(['Ġ', 'Ċ']).map(String::from);
    let vocab: Map<String, Value> =
        special.iter().cloned().chain(signs).enumerate().map(|(id, token)| (token, json!(id))).collect();
    let added: Vec<Value> = special
        .iter()
        .enumerate()
        .map(|(id, token)| {
            json!({"id": id, "content": token, "special": true, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false})
        })
        .collect();
    let bytes =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": bytes, "post_processor": null, "decoder": bytes,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab, "merges": []},
    });
    let template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
        {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    let config = json!({"eos_token": "<|im_end|>", "chat_template": template});
    fs_err::write(dir.join("tokenizer.json"), tokenizer.to_string()).expect("written");
    fs_err::write(dir.join("tokenizer_config.json"), config.to_string()).expect("written");
}

/// `count` dialogues of made-up words, unlike each other, as JSON lines.
fn dialogues(count: usize) -> String {
    let mut state = 1u64;
    let mut words = |count: usize| {
        let word = |_| {
            // An xorshift generator: the same dialogues in every run.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let syllable = |shift: u32| SYLLABLES[(state >> shift) as usize % SYLLABLES.len()];
            format!("{}{}", syllable(8), syllable(24))
        };
        (0..count).map(word).collect::<Vec<_>>().join(" ")
    };
    let dialogue = |_| {
        let (question, answer) = (format!("What is {}?", words(4)), format!("It is {}.", words(8)));
        let row = json!({"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]});
        format!("{row}\n")
    };
    (0..count).map(dialogue).collect()
}

const SYLLABLES: [&str; 16] =
    ["ka", "lo", "mi", "ren", "tu", "sa", "vel", "do", "ri", "pan", "es", "um", "tor", "lin", "ga", "be"];
