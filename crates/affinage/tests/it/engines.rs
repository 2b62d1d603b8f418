//! `train --engine`: a worker that speaks the protocol and computes with our own engine, and all the ways in which one can fail.

#![cfg(unix)]

use std::io::{BufRead as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use affinage_engine::lora::{Adapter, LoraConfig, Target};
use affinage_engine::model::{Document, Model};
use affinage_engine::optim::{AdamW, Moments, Schedule, clip_factor, norm};
use affinage_engine::train::{TrainConfig, Trainer, document_nll};
use affinage_engine::weights::Weights;
use serde_json::{Value, json};

use crate::external_trainer::{norm as length, tensors};
use crate::{affinage, temp_dir, tiny};

/// A job of four steps with a checkpoint after every second one.
const JOB: [&str; 4] =
    ["train.max-steps=4", "train.eval-every=2", "train.learning-rate=1e-2", "train.lora-plus-ratio=4"];

/// A program in place of Python: asked with `-c` it names its packages, else it starts this test binary as a worker.
fn python(dir: &Path, packages: &str) -> PathBuf {
    let path = dir.join("python");
    let binary = std::env::current_exe().expect("this test");
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = -c ]; then echo '{packages}'; exit; fi\nexport FAKE_JOB=\"$3\" FAKE_PRECISION=\"$5\"\n\
         exec 3>&1 1>&2\nexec '{}' engines::is_started_as_a_worker --exact --ignored --nocapture --quiet\n",
        binary.display()
    );
    fs_err::write(&path, script).expect("written");
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a program");
    path
}

const PACKAGES: &str = r#"{"torch": "9.9.9", "transformers": "8.8.8"}"#;

fn command(dir: &Path, fault: &str, args: &[&str]) -> Command {
    let mut command = affinage(dir);
    command.env("AFFINAGE_PYTHON", python(dir, PACKAGES)).env("FAKE_FAULT", fault);
    for set in JOB {
        command.args(["--set", set]);
    }
    command.args(args);
    command
}

fn run(dir: &Path, fault: &str, args: &[&str]) -> Output {
    command(dir, fault, args).output().expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn succeeds(output: &Output) -> String {
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn refused(output: &Output, parts: &[&str]) {
    let said = text(&output.stderr);
    assert!(!output.status.success(), "{said}");
    let joined = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in parts {
        assert!(joined.contains(part), "{part:?} is missing in {said}");
    }
}

fn events(run: &Path, kind: &str) -> Vec<Value> {
    let text = fs_err::read_to_string(run.join("events.jsonl")).expect("there");
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    rows.filter(|row| row["event"] == kind).collect()
}

fn numbers(rows: &[Value], key: &str) -> Vec<f64> {
    rows.iter().filter_map(|row| row[key].as_f64()).collect()
}

fn hashes(run: &Path) -> Vec<String> {
    events(run, "checkpoint-saved").iter().map(|row| row["adapter_sha256"].to_string()).collect()
}

/// Whether any job folder of a worker is left.
fn is_tidy(dir: &Path) -> bool {
    let entries = fs_err::read_dir(dir.join("runs")).expect("there");
    let names = entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned());
    !names.into_iter().any(|name| name.starts_with(".engine-"))
}

#[test]
fn another_engine_computes_the_same_run_and_it_is_a_run_like_any_other() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    succeeds(&run(dir, "", &["train"]));
    let said = succeeds(&run(dir, "", &["train", "--engine", "trl", "--sample", "What is kalo?"]));
    assert!(said.contains("torch on a fake device in f32 (torch 9.9.9, transformers 8.8.8): on "), "{said}");
    let [ours, theirs] = tiny::runs(dir).try_into().expect("two runs");
    for (kind, keys) in [
        ("train-step", &["loss", "grad_norm", "learning_rate", "tokens", "supervised_tokens", "epoch"][..]),
        ("evaluated", &["loss", "tokens"]),
    ] {
        let (a, b) = (events(&ours, kind), events(&theirs, kind));
        for key in keys {
            let (a, b) = (numbers(&a, key), numbers(&b, key));
            assert!(a.len() >= 3 && a.len() == b.len(), "{kind} {key}: {a:?} {b:?}");
            assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-9 * a.abs()), "{key}: {a:?} {b:?}");
        }
    }
    assert_eq!(hashes(&ours), hashes(&theirs), "the same bits");
    assert_eq!(hashes(&ours).len(), 3);
    assert_eq!(events(&theirs, "sample").len(), 3);
    let run_toml = fs_err::read_to_string(theirs.join("run.toml")).expect("there");
    for part in [
        "[engine]",
        "name = \"torch\"",
        "device = \"a fake device\"",
        "precision = \"f32\"",
        "torch = \"9.9.9\"",
    ] {
        assert!(run_toml.contains(part), "{part} is missing in {run_toml}");
    }
    assert!(!fs_err::read_to_string(ours.join("run.toml")).expect("there").contains("[engine]"));
    assert!(theirs.join("engine.log").is_file() && is_tidy(dir));
    succeeds(&run(dir, "", &["chat", "best", "--prompt", "What is kalo?"]));
    succeeds(&run(dir, "", &["export", "--adapter", "last", "--format", "peft", "--out", "out"]));
}

#[test]
fn a_run_whose_engine_was_killed_goes_on_from_the_last_checkpoint_and_only_there() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    succeeds(&run(dir, "", &["train"]));
    let killed = run(dir, "killed in step 4", &["train", "--engine", "torch"]);
    refused(
        &killed,
        &["its last whole checkpoint is step-000002", "killed (signal 9)", "affinage train --resume"],
    );
    assert!(is_tidy(dir));
    let runs = tiny::runs(dir);
    let log = fs_err::read_to_string(runs[1].join("engine.log")).expect("kept");
    assert!(log.contains("the worker is at step 3"), "{log}");
    refused(
        &run(dir, "", &["train", "--engine", "cpu", "--resume"]),
        &["was begun by engine torch", " train --engine cpu` begins a new run"],
    );
    let said = succeeds(&run(dir, "", &["train", "--resume"]));
    assert!(said.contains("after step 2 of 4"), "{said}");
    assert_eq!(hashes(&runs[0]).last(), hashes(&runs[1]).last(), "as if it had never been killed");
    let own = run(
        dir,
        "",
        &[
            "train",
            "--engine",
            "torch",
            "--resume",
            runs[0].file_name().expect("named").to_str().expect("text"),
        ],
    );
    refused(&own, &["was begun by engine cpu"]);
}

#[test]
fn ctrl_c_stops_with_a_checkpoint_and_the_run_goes_on() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    succeeds(&run(dir, "", &["train"]));
    let mut command = command(dir, "slow", &["train", "--engine", "torch"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let began = Instant::now();
    let theirs = loop {
        let runs = tiny::runs(dir);
        if let Some(run) = runs.get(1).filter(|run| run.join("events.jsonl").is_file())
            && !events(run, "train-step").is_empty()
        {
            break run.clone();
        }
        assert!(began.elapsed() < Duration::from_secs(120), "no step was taken");
        std::thread::sleep(Duration::from_millis(20));
    };
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(killed.success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(hashes(&theirs).len() >= 2 && hashes(&theirs).len() < 4, "the step that was computed is saved");
    succeeds(&run(dir, "", &["train", "--resume"]));
    assert_eq!(hashes(&tiny::runs(dir)[0]).last(), hashes(&theirs).last());
}

#[test]
fn a_device_that_computes_something_else_is_refused_by_name() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let output = run(dir, "wrong gradient", &["train", "--engine", "torch"]);
    refused(
        &output,
        &[
            "device `a fake device` is not used",
            "lora_A of layer 1 mlp.up_proj",
            "allowed is 1e-3",
            "--engine cpu",
        ],
    );
    assert!(tiny::runs(dir).is_empty() && is_tidy(dir));
    let output = run(dir, "gradient is not a number", &["train", "--engine", "torch"]);
    refused(&output, &["device `a fake device` is not used"]);
    // A coarse precision is tried again in f32.
    let said = succeeds(&run(dir, "coarse in bf16", &["train", "--engine", "torch"]));
    assert!(said.contains("1e-1 for one matrix; tf32 is tried"), "{said}");
    let said = succeeds(&run(dir, "wrong gradient", &["train", "--engine", "auto"]));
    assert!(said.contains("not torch: device `a fake device` is not used"), "{said}");
    let run_toml = |run: &Path| fs_err::read_to_string(run.join("run.toml")).expect("there");
    let [coarse, own] = tiny::runs(dir).try_into().expect("two runs");
    assert!(run_toml(&coarse).contains("precision = \"tf32\"") && !run_toml(&own).contains("[engine]"));
}

#[test]
fn the_faster_engine_is_taken_and_a_dry_run_shows_both() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let said = succeeds(&run(dir, "takes 1e-9 s", &["train", "--engine", "auto"]));
    assert!(said.contains("engine: torch, "), "{said}");
    let said = succeeds(&run(dir, "takes 1e9 s", &["train", "--engine", "auto"]));
    assert!(said.contains("not torch: 0 tokens/s on a fake device, "), "{said}");
    let output = run(dir, "takes 1 s", &["train", "--dry-run"]);
    succeeds(&output);
    let said = text(&output.stdout);
    assert!(said.contains("engines  cpu, this program: about "), "{said}");
    assert!(said.contains("torch on a fake device: about ") && said.contains("(f32)"), "{said}");
    let output = run(dir, "takes 1 s", &["--json", "train", "--dry-run"]);
    let estimate: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let [torch] = estimate["engines"].as_array().expect("a list").as_slice() else { panic!("{estimate}") };
    let expected = estimate["tokens"].as_f64().expect("tokens")
        / torch["check"]["device_tokens_per_s"].as_f64().expect("a rate");
    assert!(torch["seconds"].as_f64().expect("seconds") > expected, "evaluations count too: {torch}");
    let output = run(dir, "", &["--json", "doctor"]);
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(found["engines"][0]["versions"]["torch"], "9.9.9", "{found}");
    assert!(
        found["engines"][1]["problem"].as_str().expect("text").contains("has no mlx and no mlx-lm"),
        "{found}"
    );
}

#[test]
fn what_can_be_wrong_with_an_engine_is_said_with_what_to_do() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let train = ["train", "--engine", "torch"];
    refused(
        &run(dir, "garbage in step 1", &train),
        &["engine torch wrote `Epoch 1: 100%` where an answer", "step-000000"],
    );
    refused(
        &run(dir, "no memory in step 1", &train),
        &[
            "the engine has no memory left",
            "torch.OutOfMemoryError: CUDA out of memory",
            "train.micro-batch-tokens",
        ],
    );
    refused(
        &run(dir, "loss is not a number in step 2", &train),
        &["step 2: the loss is NaN", "rows ", "train.learning-rate"],
    );
    refused(
        &run(dir, "does not start", &train),
        &["engine torch does not start", "ended with exit code 3", "odd base"],
    );
    refused(
        &run(dir, "", &["--set", "train.dropout=0.1", "train", "--engine", "torch"]),
        &["train.dropout is 0.1", "--engine cpu"],
    );
    refused(
        &run(dir, "", &["train", "--engine", "mlx"]),
        &["has no mlx and no mlx-lm for `--engine mlx`", "pip install"],
    );
    refused(&run(dir, "", &["train", "--engine", "cpu", "--handover", "job"]), &["--engine trl or mlx"]);
    let output = affinage(dir).args(train).env("PATH", dir).output().expect("the binary starts");
    refused(&output, &["cannot ask", "torch==", "--yes"]);
    let output = affinage(dir).args(train).arg("--yes").env("PATH", dir).output().expect("the binary starts");
    refused(&output, &["environment of engine torch cannot be made", "AFFINAGE_PYTHON=", "torch=="]);
    assert!(is_tidy(dir));
    fs_err::write(dir.join("affinage.toml"), "model = \"model\"\n[engine]\nname = \"mlx\"\ndevice = \"x\"\nprecision = \"f32\"\n[engine.versions]\n").expect("written");
    refused(
        &affinage(dir).arg("train").output().expect("it starts"),
        &["has [engine], which only the run.toml"],
    );
}

/// `AFFINAGE_PYTHON` is a Python with the packages of `AFFINAGE_ENGINE`, torch or mlx.
#[test]
#[ignore = "needs AFFINAGE_PYTHON and AFFINAGE_ENGINE"]
fn a_real_engine_does_the_same_job_and_goes_on_after_it_was_killed() {
    let variable = |name: &str| std::env::var(name).expect(name);
    let (python, engine) = (variable("AFFINAGE_PYTHON"), variable("AFFINAGE_ENGINE"));
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let job = [
        "train.rank=4",
        "train.alpha=8",
        "train.max-steps=20",
        "train.epochs=10",
        "train.learning-rate=1e-2",
        "train.eval-every=5",
        "train.weight-decay=0.1",
        "train.lora-plus-ratio=2",
    ];
    let train = |args: &[&str]| {
        let mut command = affinage(dir);
        command.env("AFFINAGE_PYTHON", &python);
        for set in job {
            command.args(["--set", set]);
        }
        command.arg("train").args(args);
        command
    };
    succeeds(&train(&[]).output().expect("it starts"));
    eprintln!("{}", succeeds(&train(&["--engine", &engine]).output().expect("it starts")));
    let mut child = train(&["--engine", &engine]).stderr(Stdio::piped()).spawn().expect("it starts");
    while tiny::runs(dir).get(2).is_none_or(|run| events(run, "train-step").len() < 8) {
        assert!(child.try_wait().expect("a process").is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(5));
    }
    let worker = Command::new("pgrep").args(["-P", &child.id().to_string()]).output().expect("pgrep");
    Command::new("kill").args(["-9", text(&worker.stdout).trim()]).status().expect("kill");
    let output = child.wait_with_output().expect("it ends");
    refused(&output, &["was killed (signal 9)", "its last whole checkpoint is step-0000"]);
    eprintln!("{}", text(&output.stderr));
    succeeds(&train(&["--resume"]).output().expect("it starts"));

    let [ours, theirs, resumed] = tiny::runs(dir).try_into().expect("three runs");
    let worst = |kind: &str, key: &str, tolerance: f64| {
        let (a, b) = (numbers(&events(&ours, kind), key), numbers(&events(&theirs, kind), key));
        assert!(a.len() >= 5 && a.len() == b.len());
        let worst = a.iter().zip(&b).map(|(a, b)| (a - b).abs() / a.abs()).fold(0.0, f64::max);
        eprintln!("{engine}: {kind} {key} within {worst:.1e}");
        assert!(worst <= tolerance, "{kind} {key}: {worst:.1e}");
    };
    worst("train-step", "loss", 1e-4);
    worst("train-step", "grad_norm", 1e-3);
    worst("evaluated", "loss", 1e-4);
    let file = |run: &Path, step: &str| {
        tensors(&run.join("checkpoints").join(step).join("adapter_model.safetensors"))
    };
    let start = file(&ours, "step-000000");
    for (name, other) in [("uninterrupted", &theirs), ("resumed", &resumed)] {
        let pairs = start.iter().zip(file(&ours, "step-000020")).zip(file(other, "step-000020"));
        let apart = pairs.map(|(((_, start), (_, ours)), (_, theirs))| {
            let way = length(ours.iter().zip(start).map(|(a, b)| a - b));
            length(ours.iter().zip(&theirs).map(|(a, b)| a - b)) / way
        });
        let apart = apart.fold(0.0, f64::max);
        eprintln!("{engine}, {name}: every matrix within {apart:.1e} of the way moved");
        assert!(apart <= 1e-3, "{apart:.1e}");
    }
}

#[test]
#[ignore = "started by the other tests as a worker"]
fn is_started_as_a_worker() {
    let Some(job) = std::env::var_os("FAKE_JOB") else { return };
    let fault = std::env::var("FAKE_FAULT").unwrap_or_default();
    if fault == "does not start" {
        eprintln!("odd base");
        std::process::exit(3);
    }
    Fake::new(Path::new(&job), fault).serve();
}

/// What the program in `assets/engines` does, with our engine.
struct Fake {
    fault: String,
    numbers: Value,
    model: Model,
    rows: Vec<(Vec<u32>, Vec<bool>)>,
    validation: Vec<(Vec<u32>, Vec<bool>)>,
    adapter: Adapter,
    moments: Moments,
}

impl Fake {
    fn new(job: &Path, fault: String) -> Fake {
        let read = |name: &str| fs_err::read_to_string(job.join(name)).expect("a file of the job");
        let rows = |name: &str| -> Vec<(Vec<u32>, Vec<bool>)> {
            let row = |line: &str| {
                let row: Value = serde_json::from_str(line).expect("JSON");
                let list = |key: &str| row[key].as_array().expect("a list").clone();
                let ids = list("input_ids").iter().map(|id| id.as_u64().expect("an id") as u32).collect();
                (ids, list("labels").iter().map(|label| label.as_i64() != Some(-100)).collect())
            };
            read(name).lines().map(row).collect()
        };
        let numbers: Value = serde_json::from_str(&read("worker.json")).expect("JSON");
        let weights = Weights::open(Path::new(numbers["base"].as_str().expect("a path"))).expect("a base");
        let model = Model::load(&weights).expect("a model");
        let first = &numbers["modules"][0];
        let rank = first["rank"].as_u64().expect("a rank") as usize;
        let alpha = (first["scale"].as_f64().expect("a scale") * rank as f64) as f32;
        let targets = Target::ALL.to_vec();
        let config = LoraConfig { rank, alpha, use_rslora: false, dropout: 0.0, targets };
        let adapter = Adapter::zeros(config, weights.config());
        let moments = Moments::zeros(adapter.values.len());
        Fake {
            fault,
            numbers,
            model,
            rows: rows("rows.jsonl"),
            validation: rows("validation.jsonl"),
            adapter,
            moments,
        }
    }

    fn serve(mut self) {
        let mut out = fs_err::OpenOptions::new().write(true).open("/dev/fd/3").expect("the pipe");
        let asked = std::env::var("FAKE_PRECISION").unwrap_or_default();
        let is_coarse = self.fault == "coarse in bf16" && asked == "auto";
        let precision = match asked.as_str() {
            "auto" if is_coarse => "bf16",
            "auto" => "f32",
            asked => asked,
        };
        let versions: Value = serde_json::from_str(PACKAGES).expect("JSON");
        let mut say = |answer: Value| writeln!(out, "{answer}").expect("the pipe");
        say(
            json!({"event": "ready", "device": "a fake device", "precision": precision, "versions": versions}),
        );
        for line in std::io::stdin().lock().lines() {
            let command: Value = serde_json::from_str(&line.expect("text")).expect("a command");
            let path = |key: &str| PathBuf::from(command[key].as_str().expect("a path"));
            let list = || -> Vec<usize> {
                command["rows"]
                    .as_array()
                    .expect("rows")
                    .iter()
                    .map(|row| row.as_u64().expect("a row") as usize)
                    .collect()
            };
            let answer = match command["do"].as_str().expect("a word") {
                "load" => self.load(&path("from")),
                "gradient" => {
                    let (loss, mut gradient) = self.gradient(&list());
                    let pair = self.adapter.layout.pair(1, Target::UpProj).expect("adapted");
                    let factor = match self.fault.as_str() {
                        "wrong gradient" => 1.1,
                        "gradient is not a number" => f32::NAN,
                        _ => 1.0,
                    };
                    gradient[pair.a.clone()].iter_mut().for_each(|value| *value *= factor);
                    if is_coarse {
                        gradient.iter_mut().for_each(|value| *value *= 1.05);
                    }
                    write(&path("to"), &[&gradient]);
                    let seconds = self.fault.strip_prefix("takes ").and_then(|rest| rest.strip_suffix(" s"));
                    let seconds: f64 = seconds.map_or(1.0, |seconds| seconds.parse().expect("a number"));
                    json!({"event": "gradient", "loss": loss, "seconds": seconds, "peak_bytes": 1_000_000})
                }
                "step" => self.step(
                    command["step"].as_u64().expect("a step"),
                    &list(),
                    command["rate"].as_f64().expect("a rate"),
                ),
                "score" => {
                    let documents = documents(&self.validation, &list());
                    let nll =
                        document_nll(&self.model, Some(&self.adapter), &documents, self.limit(), |_| {});
                    json!({"event": "scored", "sum": nll.iter().map(|nll| nll.sum).sum::<f64>()})
                }
                "save" => {
                    write(&path("to"), &[&self.adapter.values, &self.moments.first, &self.moments.second]);
                    json!({"event": "saved"})
                }
                other => panic!("{other}"),
            };
            say(answer);
        }
        std::process::exit(0);
    }

    fn limit(&self) -> usize {
        self.numbers["micro_batch_tokens"].as_u64().expect("a limit") as usize
    }

    fn load(&mut self, path: &Path) -> Value {
        let bytes = fs_err::read(path).expect("there");
        let all: Vec<f32> =
            bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect();
        let len = self.adapter.values.len();
        assert_eq!(all.len(), 3 * len);
        self.adapter.values.copy_from_slice(&all[..len]);
        self.moments = Moments { first: all[len..2 * len].to_vec(), second: all[2 * len..].to_vec() };
        json!({"event": "loaded"})
    }

    fn gradient(&self, rows: &[usize]) -> (f64, Vec<f32>) {
        let config = TrainConfig {
            optimizer: AdamW::default(),
            schedule: Schedule::Constant,
            learning_rate: 0.0,
            lora_plus_ratio: 1.0,
            warmup_steps: 0,
            total_steps: 1,
            clip_norm: 1.0,
            micro_batch_tokens: self.limit(),
            recompute_layers: 0,
            seed: 0,
        };
        let mut trainer = Trainer::new(&self.model, self.adapter.clone(), config);
        let nll = trainer.gradient(&documents(&self.rows, rows)).expect("finite");
        (nll.mean(), trainer.last_gradient().to_vec())
    }

    fn step(&mut self, step: u64, rows: &[usize], rate: f64) -> Value {
        eprintln!("the worker is at step {step}");
        let number = |key: &str| self.numbers[key].as_f64().expect("a number");
        let is_now = |what: &str| self.fault == format!("{what} in step {step}");
        if is_now("killed") {
            let own = std::process::id().to_string();
            Command::new("kill").args(["-9", &own]).status().expect("kill");
        }
        if is_now("no memory") {
            eprintln!("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB");
            std::process::exit(1);
        }
        if is_now("garbage") {
            let mut out = fs_err::OpenOptions::new().write(true).open("/dev/fd/3").expect("the pipe");
            writeln!(out, "Epoch 1: 100%").expect("the pipe");
        }
        if is_now("loss is not a number") {
            return json!({"event": "step", "loss": null, "grad_norm": 1.0, "peak_bytes": null});
        }
        if self.fault == "slow" {
            std::thread::sleep(Duration::from_millis(700));
        }
        let (loss, gradient) = self.gradient(rows);
        let (norm, ratio) = (norm(&gradient), number("lora_plus_ratio"));
        let scale = clip_factor(norm, number("clip_norm"));
        let optimizer = AdamW { weight_decay: number("weight_decay"), ..AdamW::default() };
        let layout = self.adapter.layout.clone();
        for pair in &layout.pairs {
            for (range, rate) in [(&pair.a, rate), (&pair.b, rate * ratio)] {
                let moments =
                    (&mut self.moments.first[range.clone()], &mut self.moments.second[range.clone()]);
                let values = &mut self.adapter.values[range.clone()];
                optimizer.update(values, &gradient[range.clone()], scale, moments, rate, step);
            }
        }
        json!({"event": "step", "loss": loss, "grad_norm": norm, "peak_bytes": 1_000_000})
    }
}

fn documents<'a>(all: &'a [(Vec<u32>, Vec<bool>)], rows: &[usize]) -> Vec<Document<'a>> {
    let document = |row: &usize| Document { row_id: *row as u64, ids: &all[*row].0, loss_mask: &all[*row].1 };
    rows.iter().map(document).collect()
}

fn write(path: &Path, vectors: &[&[f32]]) {
    let bytes: Vec<u8> =
        vectors.iter().flat_map(|vector| vector.iter()).flat_map(|v| v.to_le_bytes()).collect();
    fs_err::write(path, bytes).expect("written");
}
