//! `[[arm]]`: adapters, merged models, GGUF files and servers beside the base and its checkpoints.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::serve::Server;
use crate::{affinage, temp_dir, tiny};

const SETS: [&str; 6] = [
    "train.max-steps=8",
    "train.learning-rate=0.1",
    "generate.temperature=1",
    "eval.suites=[\"in-domain\"]",
    "eval.examples=0",
    "eval.system-prompt=",
];

fn command(dir: &Path, args: &[&str]) -> Output {
    let mut command = affinage(dir);
    for set in SETS {
        command.args(["--set", set]);
    }
    command.args(args).output().expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn done(dir: &Path, args: &[&str]) -> String {
    let output = command(dir, args);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stderr)
}

fn refused(dir: &Path, args: &[&str], code: i32) -> String {
    let output = command(dir, args);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", text(&output.stderr));
    text(&output.stderr)
}

/// Appends `arms` to the configuration of `project`.
fn configure(dir: &Path, project: &str, arms: &str) {
    fs_err::write(dir.join("affinage.toml"), format!("{project}\n{arms}")).expect("written");
}

/// Answers by prompt of one arm.
fn answers<'r>(rows: &'r [Value], arm: &str) -> Vec<&'r str> {
    let mut of_arm: Vec<&Value> = rows.iter().filter(|row| row["arm"] == arm).collect();
    of_arm.sort_by_key(|row| row["prompt_id"].as_str());
    of_arm.into_iter().map(|row| row["text"].as_str().expect("a text")).collect()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs_err::read(path).expect("there")).expect("JSON")
}

#[test]
fn an_adapter_a_merged_folder_a_gguf_file_and_a_server_are_arms_like_any_other() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let project = fs_err::read_to_string(dir.join("affinage.toml")).expect("there");
    done(dir, &["--set", "train.seed=1", "train"]);
    let earlier = tiny::runs(dir)[0].join("checkpoints/step-000008");
    let earlier = earlier.strip_prefix(dir).expect("in the project").display().to_string();
    done(dir, &["--set", "train.seed=2", "train"]);
    for (format, precision, out) in [("merged", "f32", "merged"), ("gguf", "f16", "file")] {
        done(
            dir,
            &["export", "--adapter", "last", "--format", format, "--precision", precision, "--out", out],
        );
    }
    let server = Server::start(dir);
    let arms = format!(
        "[[arm]]\nname = \"earlier-me\"\nadapter = \"{earlier}\"\nagainst = [\"last\", \"base\"]\n\
         [[arm]]\nname = \"merged\"\nmodel = \"merged\"\n\
         [[arm]]\nname = \"on-merged\"\nadapter = \"peft\"\nmodel = \"merged\"\nagainst = []\n\
         [[arm]]\nname = \"file\"\nmodel = \"file/model.gguf\"\nagainst = [\"merged\"]\nscope = \"in-domain\"\n\
         [[arm]]\nname = \"asked\"\nmodel = \"step-000002\"\nbase-url = \"http://127.0.0.1:{}/v1\"\n",
        server.port
    );
    done(dir, &["export", "--adapter", "last", "--format", "peft", "--out", "peft"]);
    configure(dir, &project, &arms);
    let doctor = text(&command(dir, &["doctor"]).stdout);
    assert!(doctor.contains("on-merged: the adapter peft on merged\n"), "{doctor}");
    assert!(doctor.contains("asked: step-000002 behind http://127.0.0.1:"), "{doctor}");

    done(dir, &["generate"]);
    let folder = dir.join("evals/first-look");
    let rows = || -> Vec<Value> {
        let text = fs_err::read_to_string(folder.join("completions.jsonl")).expect("there");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let found = rows();
    assert_eq!(answers(&found, "merged"), answers(&found, "step-000008"), "the same weights, put together");
    assert_ne!(answers(&found, "earlier-me"), answers(&found, "step-000008"));
    assert_ne!(answers(&found, "on-merged"), answers(&found, "merged"));
    let first = |arm: &str| found.iter().find(|row| row["arm"] == arm).expect("answered").clone();
    let plan = json(&folder.join("plan.json"));
    let base = plan["base_sha256"].as_str().expect("a hash");
    assert!(first("earlier-me")["base_sha256"] == base && first("earlier-me")["adapter_sha256"].is_string());
    assert!(first("file")["base_sha256"].is_string() && first("file")["base_sha256"] != base);
    assert_eq!(first("on-merged")["base_sha256"], first("merged")["base_sha256"]);
    assert!(first("asked").get("base_sha256").is_none(), "nobody knows the weights behind a server");
    assert_eq!(first("asked")["served"]["model"], "step-000002");
    let planned: Vec<(&str, &str)> = plan["comparisons"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|c| (c["arm"].as_str().expect("a name"), c["against"].as_str().expect("a name")))
        .collect();
    let last = "step-000008";
    let wanted = [
        (last, "base"),
        (last, "earlier-me"),
        ("earlier-me", "base"),
        (last, "merged"),
        ("file", "merged"),
        (last, "asked"),
    ];
    assert_eq!(planned, wanted);
    let trained_on = &plan["arms"].as_array().expect("a list")[2]["kind"]["trained_on"]["version"];
    assert!(trained_on.as_str().is_some_and(|version| version.starts_with("v1-")), "{plan}");

    // Everything is there: nothing is loaded or asked again, and the server may be gone.
    drop(server);
    done(dir, &["generate"]);
    assert_eq!(rows().len(), found.len());

    done(dir, &["analyze"]);
    done(dir, &["report"]);
    let analysis = json(&folder.join("analysis.json"));
    let fitted: Vec<&str> = analysis["fit"]["arms"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|arm| arm["arm"].as_str())
        .collect();
    assert_eq!(fitted, [last, "earlier-me", "merged", "on-merged", "file"]);
    assert_eq!(analysis["fit"]["not_scored"], serde_json::json!(["asked"]));
    let page = fs_err::read_to_string(folder.join("report.html")).expect("there");
    for part in [
        "Arms from elsewhere",
        "step-000002 behind http://127.0.0.1:",
        "the model file/model.gguf in place of the base",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn what_cannot_be_an_arm_is_refused_before_anything_is_generated() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let project = fs_err::read_to_string(dir.join("affinage.toml")).expect("there");
    done(dir, &["train"]);
    let path = tiny::runs(dir)[0].join("checkpoints/step-000008");
    let checkpoint = path.strip_prefix(dir).expect("in the project").display().to_string();
    let arm = |keys: &str, code: i32| {
        configure(dir, &project, &format!("[[arm]]\nname = \"x\"\n{keys}\n"));
        refused(dir, &["generate"], code)
    };
    let said = arm(&format!("adapter = \"{checkpoint}\""), 1);
    assert!(said.contains("arms `step-000008` and `x` have the same adapter"), "{said}");
    let said = arm("model = \"model\"", 1);
    assert!(said.contains("arms `base` and `x` have the same weights"), "{said}");
    let said = arm("adapter = \"nowhere\"", 1);
    assert!(said.contains("[[arm]] `x`") && said.contains("adapter_config.json"), "{said}");
    let said = arm("model = \"no-such-model\"", 1);
    assert!(said.contains("[[arm]] `x`: no model `no-such-model`"), "{said}");
    let said = arm("model = \"m\"\nbase-url = \"http://127.0.0.1:9/v1\"\nagainst = [\"first\"]", 1);
    assert!(said.contains("is to meet `first`") && said.contains("`step-000008`, `x`"), "{said}");
    let said = arm("model = \"m\"\nbase-url = \"https://models.example.org/v1\"", 2);
    assert!(said.contains("your prompts would go to `models.example.org`"), "{said}");
    assert!(!dir.join("evals/first-look/completions.jsonl").exists(), "refused before the first answer");
    fs_err::remove_dir_all(dir.join("evals")).expect("removed");
    let keyed = "model = \"m\"\nbase-url = \"http://127.0.0.1:9/v1\"\napi-key-env = \"AFFINAGE_NO_SUCH_KEY\"";
    let said = arm(keyed, 1);
    assert!(said.contains("AFFINAGE_NO_SUCH_KEY is not set"), "{said}");
}

/// A template that raises on a system message, whose turns end with `<|im_end|>`.
const NO_SYSTEM: &str = "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}\
    {{ raise_exception('roles must alternate') }}{% endif %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

#[test]
fn without_a_system_role_the_instruction_opens_the_first_question() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    fs_err::write(dir.join("model/chat_template.jinja"), NO_SYSTEM).expect("written");
    done(dir, &["train"]);
    let said = done(dir, &["--set", "eval.system-prompt=\"Be brief.\"", "generate"]);
    assert!(
        said.contains("has no system role: the instruction of `base+prompt` opens the first question"),
        "{said}"
    );
    let rows = fs_err::read_to_string(dir.join("evals/first-look/completions.jsonl")).expect("there");
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (plain, prompted) = (answers(&rows, "base"), answers(&rows, "base+prompt"));
    assert!(!plain.is_empty() && plain.len() == prompted.len());
    assert_ne!(plain, prompted, "the instruction was read");
}

#[test]
fn exports_of_ours_come_back_as_arms_and_another_base_is_named() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    done(dir, &["train"]);
    for format in ["peft", "mlx", "gguf-lora"] {
        done(dir, &["export", "--adapter", "last", "--format", format, "--out", format]);
        let said = done(
            dir,
            &["export", "--adapter", format, "--format", "peft", "--out", &format!("{format}-again")],
        );
        assert!(!said.contains("says that it was trained on"), "{format}: {said}");
        let adapter =
            |folder: &str| fs_err::read(dir.join(folder).join("adapter_model.safetensors")).expect("there");
        assert_eq!(adapter("peft"), adapter(&format!("{format}-again")), "{format}");
    }
    let path = dir.join("mlx/adapter_config.json");
    let config = fs_err::read_to_string(&path)
        .expect("there")
        .replace("\"model\": \"model\"", "\"model\": \"someone/other-4bit\"");
    fs_err::write(&path, config).expect("written");
    let said = done(dir, &["export", "--adapter", "mlx", "--format", "peft", "--out", "warned"]);
    assert!(
        said.contains("mlx says that it was trained on `someone/other-4bit`, and is put on `model`"),
        "{said}"
    );
}
