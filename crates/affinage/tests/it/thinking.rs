//! The switch `model.thinking`, from the training rows to the answers, under a template that thinks unless told otherwise.

use std::path::Path;

use serde_json::{Value, json};

use crate::rows::{done, rows};
use crate::{affinage, temp_dir, tiny};

const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n\
    {% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>assistant\n\
    {% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}";

fn project(dir: &Path) {
    tiny::project(dir);
    fs_err::write(dir.join("model/chat_template.jinja"), TEMPLATE).expect("written");
}

/// What is learned of one answer, as `inspect tokens` lists it, and what was said of it.
fn learned(dir: &Path, thinking: &str) -> (String, Value) {
    let messages = json!([{ "role": "user", "content": "why?" }, { "role": "assistant", "content": "so." }]);
    fs_err::write(dir.join("messages.json"), messages.to_string()).expect("written");
    let set = format!("model.thinking={thinking}");
    let (listing, _) = done(dir, &["--set", &set, "inspect", "tokens", "--messages", "messages.json"]);
    let tokens = listing["tokens"].as_array().expect("tokens");
    let pieces = tokens.iter().filter(|token| token["learned"] == true);
    (pieces.filter_map(|token| token["piece"].as_str()).collect(), listing["thinking"].clone())
}

#[test]
fn one_switch_decides_what_is_learned_and_how_every_arm_is_asked() {
    let dir = temp_dir();
    let dir = dir.path();
    project(dir);
    assert_eq!(learned(dir, "off"), ("so.<|im_end|>".to_owned(), json!("off")));
    assert_eq!(learned(dir, "on"), ("<think>\n\n</think>\n\nso.<|im_end|>".to_owned(), json!("on")));
    let few = ["--set", "train.max-steps=1", "--set", "train.rank=2", "--set", "generate.max-new-tokens=4"];
    let all = ["--set", "eval.suites=[\"in-domain\"]", "--set", "eval.examples=0"];
    done(dir, &[&few[..], &["train"]].concat());
    let (_, said) = done(dir, &[&few[..], &all, &["generate"]].concat());
    assert!(!said.contains("thought"), "nobody thinks: {said}");
    let plan = fs_err::read_to_string(dir.join("evals/first-look/plan.json")).expect("a plan");
    assert!(plan.contains("\"thinking\": \"off\""), "{plan}");
    let answers = rows(&dir.join("evals/first-look/completions.jsonl"));
    assert!(!answers.is_empty() && answers.iter().all(|answer| answer["thinking"] == "off"));
    // A server is told the same.
    let batch = ["--set", "eval.name=batch", "generate", "--batch-out", "batch.jsonl"];
    done(dir, &[&few[..], &all, &batch].concat());
    let requests = rows(&dir.join("batch.jsonl"));
    let told = json!({ "enable_thinking": false, "thinking": false });
    assert!(!requests.is_empty());
    assert!(
        requests.iter().all(|request| request["body"]["chat_template_kwargs"] == told),
        "{:?}",
        requests[0]
    );
    // The other position of the switch is another evaluation, and says before an answer is made what it will be worth.
    let on = ["--set", "model.thinking=on"];
    let output =
        affinage(dir).args([&on[..], &few, &all, &["generate", "--name", "first-look"]].concat()).output();
    let refused = String::from_utf8_lossy(&output.expect("it runs").stderr).into_owned();
    assert!(refused.contains("`model.thinking`"), "{refused}");
    let (_, said) = done(dir, &[&on[..], &few, &all, &["generate", "--name", "aloud"]].concat());
    for part in ["`model.thinking` is on", "missing, not lost", "there is no headline"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let answers = rows(&dir.join("evals/aloud/completions.jsonl"));
    assert!(!answers.is_empty() && answers.iter().all(|answer| answer["thinking"] == "on"));
}

#[test]
fn the_day_of_the_first_training_is_that_of_every_answer() {
    let dir = temp_dir();
    let dir = dir.path();
    tiny::project(dir);
    let template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
        {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    let dated = format!("{{{{ strftime_now('%Y-%m-%d') }}}}\n{template}");
    fs_err::write(dir.join("model/chat_template.jinja"), dated).expect("written");
    let few = ["--set", "train.max-steps=1", "--set", "train.rank=2"];
    let (_, said) = done(dir, &[&few[..], &["train"]].concat());
    assert!(said.contains("the chat template writes the date: it is 20"), "{said}");
    let run = tiny::runs(dir).pop().expect("a run").join("run.toml");
    let text = fs_err::read_to_string(&run).expect("a file");
    let date = text.lines().find(|line| line.starts_with("date = ")).expect("the day is written down");
    // Another day does not change what the model is asked: the run's own is taken.
    fs_err::write(&run, text.replace(date, "date = \"2024-02-29\"")).expect("written");
    let messages = json!([{ "role": "user", "content": "why?" }, { "role": "assistant", "content": "so." }]);
    fs_err::write(dir.join("messages.json"), messages.to_string()).expect("written");
    let (listing, _) = done(dir, &["inspect", "tokens", "--messages", "messages.json"]);
    let tokens = listing["tokens"].as_array().expect("tokens").iter();
    let text: String = tokens.filter_map(|token| token["piece"].as_str()).collect();
    assert!(text.starts_with("2024-02-29"), "{text}");
}

#[test]
fn an_export_is_checked_as_it_was_trained_and_its_card_says_how() {
    let dir = temp_dir();
    let dir = dir.path();
    project(dir);
    let few = ["--set", "train.max-steps=1", "--set", "train.rank=2"];
    done(dir, &[&few[..], &["train"]].concat());
    done(dir, &["export", "--adapter", "last", "--bundle", "--out", "out"]);
    done(dir, &["export", "--adapter", "last", "--format", "merged", "--out", "merged"]);
    let card = fs_err::read_to_string(dir.join("out/README.md")).expect("a card");
    assert!(
        card.contains("| thinking | answers at once: give the chat template `enable_thinking=false`"),
        "{card}"
    );
}
