//! Reads the folder of a training run: TRL and PEFT (`trainer_state.json`, `checkpoint-N`), Axolotl (its YAML), our own.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use affinage_eval::audit::row::RowRef;
use affinage_eval::audit::training::{AdapterFile, AdapterSettings, Folder, TextRow, TrainingLog};
use affinage_eval::plain::bytes;
use anyhow::Context as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::is_pointer;

/// Whether a folder is one of a training run.
pub fn is_training(dir: &Path) -> bool {
    let has = |name: &str| dir.join(name).is_file();
    has("adapter_config.json")
        || has("trainer_state.json")
        || has("events.jsonl")
        || !checkpoint_folders(dir).is_empty()
}

/// Bytes of a settings file, log or card, and of a file of rows, up to which they are read.
const MOST_OF_SETTINGS: u64 = 16 << 20;
const MOST_OF_ROWS: u64 = 48 << 20;

/// Everything that the audit wants, as far as it is there. `files` grows by the row files that were read.
pub fn read(dir: &Path, files: &mut Vec<String>) -> anyhow::Result<Folder> {
    let checkpoints = checkpoint_folders(dir);
    let newest = checkpoints.values().next_back();
    let mut unread = Unread::default();
    let mut first_of = |name: &str| {
        let places = [Some(dir), newest.map(PathBuf::as_path)];
        places.into_iter().flatten().find_map(|dir| json(&dir.join(name), &mut unread))
    };
    let adapter = first_of("adapter_config.json");
    let state = first_of("trainer_state.json");
    let mut folder = Folder {
        name: dir.display().to_string(),
        shipped: adapter_file(dir, &mut unread)?,
        adapter: adapter.as_ref().and_then(adapter_settings),
        log: match state {
            Some(state) => Some(trainer_state(&state)),
            None => own_log(&dir.join("events.jsonl"), &mut unread),
        },
        settings: settings(dir, &mut unread)?,
        card: unread.text(&dir.join("README.md"), MOST_OF_SETTINGS),
        ..Folder::default()
    };
    for (step, path) in &checkpoints {
        folder.checkpoints.extend(adapter_file(path, &mut unread)?.map(|file| (*step, file)));
    }
    folder.train = rows(dir, &["train.jsonl"], files, &mut unread);
    let validation = ["validation.jsonl", "valid.jsonl", "val.jsonl", "eval.jsonl"];
    folder.validation = rows(dir, &validation, files, &mut unread);
    folder.unread = unread.reasons;
    Ok(folder)
}

/// Files that are there and were not read, each with the reason.
#[derive(Default)]
struct Unread {
    reasons: Vec<String>,
}

impl Unread {
    /// The text of a file that is there, no longer than `most` and no pointer.
    fn text(&mut self, path: &Path, most: u64) -> Option<String> {
        let metadata = fs_err::metadata(path).ok().filter(|metadata| metadata.is_file())?;
        let (name, size) = (path.display(), metadata.len());
        if size > most {
            self.reasons.push(format!(
                "{name} holds {}, at most {} of it are read",
                bytes(size),
                bytes(most)
            ));
            return None;
        }
        let content = fs_err::read(path).ok()?;
        if is_pointer(&content) {
            self.pointer(path);
            return None;
        }
        Some(String::from_utf8_lossy(&content).into_owned())
    }

    fn pointer(&mut self, path: &Path) {
        self.reasons.push(format!(
            "{}: only the pointer of large-file storage is here (`git lfs pull` fetches the file)",
            path.display()
        ));
    }
}

/// `checkpoint-N` of the Hugging Face trainers, `checkpoints/step-N` of ours, by step.
fn checkpoint_folders(dir: &Path) -> BTreeMap<u64, PathBuf> {
    let mut found = BTreeMap::new();
    for parent in [dir.to_owned(), dir.join("checkpoints")] {
        for entry in fs_err::read_dir(&parent).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let step = name.strip_prefix("checkpoint-").or_else(|| name.strip_prefix("step-"));
            if let Some(step) = step.and_then(|digits| digits.parse().ok()).filter(|_| entry.path().is_dir())
            {
                found.insert(step, entry.path());
            }
        }
    }
    found
}

fn json(path: &Path, unread: &mut Unread) -> Option<Value> {
    serde_json::from_str(&unread.text(path, MOST_OF_SETTINGS)?).ok()
}

/// Hash and tensors of `adapter_model.safetensors`, or of `.bin` without its tensors; `None` where neither is there. Of a
/// pointer of large-file storage only the hash is known, which it names.
fn adapter_file(dir: &Path, unread: &mut Unread) -> anyhow::Result<Option<AdapterFile>> {
    let tensors_file = dir.join("adapter_model.safetensors");
    let binary = dir.join("adapter_model.bin");
    for path in [&tensors_file, &binary] {
        if let Some(sha256) = pointed_sha256(path)? {
            unread.pointer(path);
            return Ok(Some(AdapterFile { sha256, tensors: Vec::new() }));
        }
    }
    if tensors_file.is_file() {
        let tensors = tensors(&tensors_file).with_context(|| format!("{}", tensors_file.display()))?;
        return Ok(Some(AdapterFile { sha256: sha256(&tensors_file)?, tensors }));
    }
    if binary.is_file() {
        return Ok(Some(AdapterFile { sha256: sha256(&binary)?, tensors: Vec::new() }));
    }
    Ok(None)
}

/// The hash that a pointer of git's large-file storage names; `None` for other files.
fn pointed_sha256(path: &Path) -> anyhow::Result<Option<String>> {
    const LONGEST_POINTER_BYTES: u64 = 1024;
    if !path.is_file() || fs_err::metadata(path)?.len() > LONGEST_POINTER_BYTES {
        return Ok(None);
    }
    let content = fs_err::read(path)?;
    let text = String::from_utf8_lossy(&content);
    let named = text.lines().find_map(|line| line.strip_prefix("oid sha256:"));
    Ok(named.filter(|_| is_pointer(&content)).map(|oid| oid.trim().to_owned()))
}

fn sha256(path: &Path) -> anyhow::Result<String> {
    let mut file = fs_err::File::open(path)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok(affinage_eval::id::hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..n]);
    }
}

/// Names and shapes from the header of a safetensors file; the weights are not read.
fn tensors(path: &Path) -> anyhow::Result<Vec<(String, Vec<u64>)>> {
    const LONGEST_HEADER_BYTES: u64 = MOST_OF_SETTINGS;
    let mut file = fs_err::File::open(path)?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    anyhow::ensure!(
        length <= LONGEST_HEADER_BYTES,
        "its header would have {length} bytes: no safetensors file"
    );
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header)?;
    let header: serde_json::Map<String, Value> = serde_json::from_slice(&header)?;
    let shape = |value: &Value| -> Option<Vec<u64>> {
        value.get("shape")?.as_array()?.iter().map(Value::as_u64).collect()
    };
    Ok(header.iter().filter_map(|(name, value)| Some((name.clone(), shape(value)?))).collect())
}

fn adapter_settings(config: &Value) -> Option<AdapterSettings> {
    let targets = match config.get("target_modules") {
        Some(Value::Array(names)) => names.iter().filter_map(|n| Some(n.as_str()?.to_owned())).collect(),
        Some(Value::String(one)) => vec![one.clone()],
        _ => Vec::new(),
    };
    let mut targets: Vec<String> = targets;
    targets.sort();
    Some(AdapterSettings {
        rank: config.get("r")?.as_u64()?,
        alpha: config.get("lora_alpha").and_then(Value::as_f64).unwrap_or(0.0),
        dropout: config.get("lora_dropout").and_then(Value::as_f64),
        targets,
    })
}

fn trainer_state(state: &Value) -> TrainingLog {
    let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_f64);
    let mut log = TrainingLog {
        step: number(state, "global_step").unwrap_or(0.0) as u64,
        planned_steps: number(state, "max_steps").unwrap_or(0.0).max(0.0) as u64,
        epochs: number(state, "epoch").unwrap_or(0.0),
        tokens: number(state, "num_input_tokens_seen").filter(|n| *n > 0.0).map(|n| n as u64),
        ..TrainingLog::default()
    };
    for entry in state.get("log_history").and_then(Value::as_array).into_iter().flatten() {
        let Some(step) = number(entry, "step") else { continue };
        log.train.extend(number(entry, "loss").map(|loss| (step as u64, loss)));
        log.train.extend(number(entry, "train_loss").map(|loss| (step as u64, loss)));
        log.evaluations.extend(number(entry, "eval_loss").map(|loss| (step as u64, loss)));
        // The schedule's height is what a card calls its learning rate.
        let rate = number(entry, "learning_rate");
        log.rates.extend(rate.map(|rate| (step as u64, rate)));
        log.learning_rate = log.learning_rate.into_iter().chain(rate).reduce(f64::max);
    }
    log
}

/// The log of a run of ours, from its events.
fn own_log(path: &Path, unread: &mut Unread) -> Option<TrainingLog> {
    let text = unread.text(path, MOST_OF_ROWS)?;
    let mut log = TrainingLog::default();
    let mut tokens = 0;
    for event in text.lines().filter_map(|line| serde_json::from_str::<Value>(short(line)?).ok()) {
        let number = |key: &str| event.get(key).and_then(Value::as_f64);
        match event.get("event").or_else(|| event.get("type")).and_then(Value::as_str) {
            Some("run-started") => log.planned_steps = number("steps").unwrap_or(0.0) as u64,
            Some("train-step") => {
                log.step = number("step").unwrap_or(0.0) as u64;
                log.epochs = number("epoch").unwrap_or(log.epochs);
                log.train.extend(number("loss").map(|loss| (log.step, loss)));
                tokens += number("tokens").unwrap_or(0.0) as u64;
                log.rates.extend(number("learning_rate").map(|rate| (log.step, rate)));
                log.learning_rate =
                    log.learning_rate.into_iter().chain(number("learning_rate")).reduce(f64::max);
            }
            Some("evaluated") => {
                let step = number("step").unwrap_or(0.0) as u64;
                log.evaluations.extend(number("loss").map(|loss| (step, loss)));
            }
            _ => {}
        }
    }
    log.tokens = (tokens > 0).then_some(tokens);
    (log.step > 0 || !log.evaluations.is_empty()).then_some(log)
}

/// `name: value` and `name = value` of settings files, flat: enough for the switches that the audit asks about.
fn settings(dir: &Path, unread: &mut Unread) -> anyhow::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for entry in fs_err::read_dir(dir)? {
        let path = entry?.path();
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if !matches!(extension, "yml" | "yaml" | "toml") {
            continue;
        }
        let Some(text) = unread.text(&path, MOST_OF_SETTINGS) else { continue };
        for line in text.lines() {
            let line = line.split(" #").next().unwrap_or_default();
            let Some((name, value)) = line.split_once([':', '=']) else { continue };
            let bare = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
            found.insert(bare(name), bare(value).to_lowercase());
        }
    }
    if let Some(Value::Object(arguments)) = json(&dir.join("training_args.json"), unread) {
        found.extend(arguments.into_iter().filter(|(_, v)| !v.is_object() && !v.is_array()).map(
            |(name, value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_lowercase)),
        ));
    }
    Ok(found)
}

/// The rows of the first of `names` that is there, each as one text.
fn rows(dir: &Path, names: &[&str], files: &mut Vec<String>, unread: &mut Unread) -> Vec<TextRow> {
    let Some(path) = names.iter().map(|name| dir.join(name)).find(|path| path.is_file()) else {
        return Vec::new();
    };
    let Some(text) = unread.text(&path, MOST_OF_ROWS) else { return Vec::new() };
    let file = files.len();
    files.push(path.display().to_string());
    text.lines()
        .enumerate()
        .filter_map(|(i, line)| {
            let text = row_text(&serde_json::from_str(short(line)?).ok()?);
            Some(TextRow { source: RowRef { file, line: i + 1 }, text })
        })
        .collect()
}

/// A line that may be parsed: numbers take many times their bytes.
fn short(line: &str) -> Option<&str> {
    const MOST_OF_LINE: usize = 4 << 20;
    (line.len() <= MOST_OF_LINE).then_some(line)
}

/// Messages joined in order, or all strings of the row.
fn row_text(row: &Value) -> String {
    let messages = row.get("messages").or_else(|| row.get("conversations")).and_then(Value::as_array);
    let content = |message: &Value| {
        message.get("content").or_else(|| message.get("value")).and_then(Value::as_str).map(str::to_owned)
    };
    match (messages, row) {
        (Some(messages), _) => messages.iter().filter_map(content).collect::<Vec<_>>().join("\n"),
        (None, Value::Object(fields)) => {
            fields.values().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}
