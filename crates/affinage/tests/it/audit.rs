//! `audit`: foreign logs, claims and `--strict`.

use std::collections::BTreeMap;

use affinage_eval::judge::reply::RULES;
use serde_json::{Value, json};

use crate::scripted::{Scripted, good_judge, good_verdict, openai_reply, project, rows, run, serve};
use crate::{temp_dir, transcript};

/// Twelve prompts of a judge whose requests are kept; in the second order the stored winner is turned round.
fn inverted_log() -> String {
    let mut lines = String::new();
    for i in 0..12 {
        for (order, first, second) in [("AB", "gulls", "tar"), ("BA", "tar", "gulls")] {
            let letter = if order == "AB" { "B" } else { "A" };
            let winner = if order == "AB" { "tuned" } else { "baseline" };
            lines.push_str(&format!(
                "{{\"prompt\": \"Harbour {i}\", \"baseline_response\": \"{i} gulls\", \"tuned_response\": \"{i} tar\", \
                 \"judge_model\": \"north\", \"judgment\": \"Winner: {letter}\", \"presentation_order\": \"{order}\", \
                 \"winner\": \"{winner}\", \"judge_prompt\": \"Response A: {i} {first} Response B: {i} {second}\"}}\n"
            ));
        }
    }
    lines
}

#[test]
fn an_inverted_log_and_a_wrong_claim_are_told_in_plain_sentences() {
    let dir = temp_dir();
    fs_err::write(dir.path().join("log.jsonl"), inverted_log()).expect("written");
    let claims = "[[claim]]\ntext = \"Tuned wins half\"\nstatistic = \"win-rate\"\nvalue = 50\n\
                  [[claim]]\nstatistic = \"prompts\"\nvalue = 12\n[[claim]]\nstatistic = \"mood\"\nvalue = 1\n";
    fs_err::write(dir.path().join("claims.toml"), claims).expect("written");
    let said = transcript(dir.path(), &["audit", "log.jsonl", "--claims", "claims.toml"]);
    for expected in [
        "R01 fault: The stored winner is the opposite of what the judge said in rows that show `tuned` first.",
        "contradicted: Tuned wins half: the stored outcomes give it",
        "confirmed: prompts = 12",
        "cannot be checked: mood = 1",
        "Could not be checked",
    ] {
        assert!(said.contains(expected), "no `{expected}` in\n{said}");
    }
    let strict = transcript(dir.path(), &["audit", "log.jsonl", "--strict", "-q"]);
    assert!(strict.starts_with("exit: 1"), "{strict}");
    let json = transcript(dir.path(), &["audit", "log.jsonl", "--json"]);
    assert!(json.contains("\"code\": \"R01\"") && json.starts_with("exit: 0"), "{json}");
}

#[test]
fn a_file_that_is_no_log_is_refused_with_what_was_found() {
    let dir = temp_dir();
    fs_err::write(dir.path().join("x.csv"), "text,score\nhello,3\n").expect("written");
    insta::assert_snapshot!(transcript(dir.path(), &["audit", "x.csv"]), @r"
    exit: 1
    --- stdout
    --- stderr
    error: no pairwise judgments found: x.csv:2: not a pairwise log: found the fields text, score

    hint: `affinage audit --help` lists the known shapes; name other fields with `--mapping FILE`
    ");
    fs_err::write(
        dir.path().join("m.toml"),
        "winner = \"score\"\narm-one = \"x\"\narm-two = \"y\"\none-wins = [\"3\"]\n",
    )
    .expect("written");
    let mapped = transcript(dir.path(), &["audit", "x.csv", "--mapping", "m.toml"]);
    assert!(
        mapped.contains("1 row (by the mapping file)")
            && mapped.contains("y : x")
            && mapped.contains("0-0-1"),
        "{mapped}"
    );
}

/// A safetensors file with a header and no more: names and shapes of one LoRA pair of `rank`.
fn safetensors(rank: usize, filling: u8) -> Vec<u8> {
    let bytes = 4 * 64 * rank;
    let header = format!(
        "{{\"m.q_proj.lora_A.weight\":{{\"dtype\":\"F32\",\"shape\":[{rank},64],\"data_offsets\":[0,{bytes}]}},\
         \"m.q_proj.lora_B.weight\":{{\"dtype\":\"F32\",\"shape\":[64,{rank}],\"data_offsets\":[{bytes},{}]}}}}",
        2 * bytes
    );
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(vec![filling; 2 * bytes]);
    file
}

#[test]
fn a_training_folder_tells_which_step_was_shipped_and_what_its_card_invents() {
    let dir = temp_dir();
    let lora = dir.path().join("my-lora");
    for step in [100, 200] {
        let checkpoint = lora.join(format!("checkpoint-{step}"));
        fs_err::create_dir_all(&checkpoint).expect("made");
        fs_err::write(checkpoint.join("adapter_model.safetensors"), safetensors(16, step as u8))
            .expect("written");
    }
    fs_err::write(lora.join("adapter_model.safetensors"), safetensors(16, 100)).expect("written");
    let config = r#"{"r": 16, "lora_alpha": 32, "target_modules": ["q_proj"]}"#;
    fs_err::write(lora.join("adapter_config.json"), config).expect("written");
    let state = r#"{"global_step": 200, "max_steps": 200, "epoch": 2.0, "log_history": [
        {"step": 100, "loss": 2.9}, {"step": 150, "eval_loss": 2.7}, {"step": 200, "loss": 2.76, "eval_loss": 2.8}]}"#;
    fs_err::write(lora.join("checkpoint-200/trainer_state.json"), state).expect("written");
    fs_err::write(lora.join("README.md"), "r=8, loss 1.48").expect("written");
    fs_err::write(lora.join("config.yml"), "train_on_inputs: true # all of it\n").expect("written");
    let row = |text: &str| format!("{{\"messages\": [{{\"role\": \"user\", \"content\": \"{text}\"}}]}}\n");
    let leaked = row("the very same row of twelve words stands on both sides of the split");
    fs_err::write(lora.join("train.jsonl"), format!("{}{leaked}", row("doubled</s></s>"))).expect("written");
    fs_err::write(lora.join("validation.jsonl"), &leaked).expect("written");
    let said = transcript(dir.path(), &["audit", "my-lora"]);
    for expected in [
        "LoRA of rank 16, alpha 32, on q_proj, 2048 parameters in its tensors.",
        "T01 suspicion: The adapter at the root is byte for byte step 100, not the last saved step 200",
        "T03 fault: The lowest validation loss, 2.700 at step 150, belongs to weights that were never saved.",
        "T06 suspicion: The loss ran over the user's text as well",
        "T07 fault: 1 of 2 training rows end twice",
        "T08 fault: 1 of 1 validation row stand in the training set",
        "T09 fault: The card says rank 8; no file supports it.",
        "T09 fault: The card says loss 1.48; no file supports it.",
    ] {
        assert!(said.contains(expected), "no `{expected}` in\n{said}");
    }
}

/// Forty prompts of one judge; the second arm wins `won` of them.
fn plain_log(judge: &str, won: usize) -> String {
    let row = |i: usize| {
        let winner = if i < won { "tuned" } else { "base" };
        format!(
            "{{\"prompt\": \"Question {i}\", \"base_response\": \"one {i}\", \"tuned_response\": \"two {i}\", \"judge\": \
             \"{judge}\", \"winner\": \"{winner}\"}}\n"
        )
    };
    (0..40).map(row).collect()
}

#[test]
fn a_folder_is_a_table_and_other_judges_are_pooled_on_request_only() {
    let dir = temp_dir();
    let folder = dir.path().join("logs");
    fs_err::create_dir_all(&folder).expect("made");
    fs_err::write(folder.join("a.jsonl"), plain_log("north", 38)).expect("written");
    fs_err::write(folder.join("b.jsonl"), plain_log("south", 4)).expect("written");
    let groups = |arguments: &[&str]| -> Vec<String> {
        let said = transcript(dir.path(), arguments);
        let json = said.split("--- stdout\n").nth(1).and_then(|out| out.split("--- stderr").next());
        let document: serde_json::Value = serde_json::from_str(json.expect("a document")).expect("JSON");
        let lines = document["results"]["table"].as_array().expect("lines").iter();
        lines.map(|line| format!("{} {}", line["group"], line["word"]).replace('"', "")).collect()
    };
    let apart = ["file: a.jsonl better", "file: b.jsonl worse", "judge: north better", "judge: south worse"];
    assert_eq!(groups(&["audit", "logs", "--json"]), apart);
    assert_eq!(groups(&["audit", "logs", "--json", "--pool"])[0], "all not shown");
}

#[test]
fn a_write_up_is_held_against_the_rows_as_text_and_as_a_table() {
    let dir = temp_dir();
    fs_err::write(dir.path().join("log.jsonl"), plain_log("north", 30)).expect("written");
    fs_err::write(
        dir.path().join("post.md"),
        "On 40 prompts **tuned** wins 75.0 % against base. It has 31 wins, found in 2026. Judged by north.\n\n\
         | judge | win rate | losses |\n|---|---|---|\n| north | 75 % | 9 |\n",
    )
    .expect("written");
    let said = transcript(dir.path(), &["audit", "log.jsonl", "--claims", "post.md"]);
    for expected in [
        "confirmed: On 40 prompts tuned wins 75.0 % against base: re-derived from the rows",
        "contradicted: It has 31 wins, found in 2026: the rows give 30",
        "confirmed: Judged by north",
        "confirmed: north | 75 % | 9",
        "contradicted: north | 75 % | 9: the rows give 10",
        "not checked: 1 number of the write-up",
    ] {
        assert!(said.contains(expected), "no `{expected}` in\n{said}");
    }
    fs_err::write(dir.path().join("empty.md"), "It got much better.\n").expect("written");
    let said = transcript(dir.path(), &["audit", "log.jsonl", "--claims", "empty.md"]);
    assert!(said.contains("error: no claim found in empty.md"), "{said}");
}

#[test]
fn pointers_of_large_file_storage_are_told_from_the_files() {
    let dir = temp_dir();
    let pointer = |oid: char| {
        let oid = oid.to_string().repeat(64);
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12345\n")
    };
    let lora = dir.path().join("lora");
    for (step, oid) in [(10, 'a'), (20, 'b')] {
        let checkpoint = lora.join(format!("checkpoint-{step}"));
        fs_err::create_dir_all(&checkpoint).expect("made");
        fs_err::write(checkpoint.join("adapter_model.safetensors"), pointer(oid)).expect("written");
    }
    fs_err::write(lora.join("adapter_model.safetensors"), pointer('a')).expect("written");
    let said = transcript(dir.path(), &["audit", "lora"]);
    assert!(said.contains("T01 suspicion: The adapter at the root is byte for byte step 10"), "{said}");
    assert!(said.contains("only the pointer of large-file storage is here"), "{said}");
    fs_err::write(dir.path().join("log.jsonl"), pointer('c')).expect("written");
    let said = transcript(dir.path(), &["audit", "log.jsonl"]);
    assert!(said.contains("error: log.jsonl is a pointer of git's large-file storage"), "{said}");
}

#[test]
fn other_peoples_names_write_no_control_characters_to_the_terminal() {
    let dir = temp_dir();
    let log = plain_log("north\\u001b[31m", 20).replace("Question", "Question\\u0007");
    fs_err::write(dir.path().join("log.jsonl"), log).expect("written");
    let said = transcript(dir.path(), &["audit", "log.jsonl"]);
    assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
}

/// Codes that the audit of the evaluation finds, and whether `analyze` refuses it.
fn evaluation_codes(dir: &std::path::Path) -> (Vec<String>, bool) {
    let (code, text) = run(dir, &["audit", "evals/first-look", "--json"]);
    assert_eq!(code, 0, "{text}");
    let json = &text[text.find('{').expect("JSON")..=text.rfind('}').expect("JSON")];
    let document: Value = serde_json::from_str(json).expect("one document");
    let findings = document["evaluations"][0]["findings"].as_array().expect("findings").iter();
    let codes = findings.map(|finding| finding["code"].as_str().expect("a code").to_owned()).collect();
    (codes, run(dir, &["analyze"]).0 == 1)
}

#[test]
fn an_evaluation_of_ours_is_held_against_its_replies_requests_ledger_analysis_and_page() {
    let dir = temp_dir();
    let (url, _) = serve(good_judge);
    project(dir.path(), &url, "openai");
    for command in ["judge", "analyze", "report"] {
        let (code, text) = run(dir.path(), &[command]);
        assert_eq!(code, 0, "{text}");
    }
    let eval = dir.path().join("evals/first-look");
    let (codes, refused) = evaluation_codes(dir.path());
    assert_eq!((codes, refused), (Vec::new(), false), "nothing contradicts anything");

    let edited = |name: &str, edit: &dyn Fn(&mut Vec<Value>)| {
        let path = eval.join(name);
        let before = fs_err::read_to_string(&path).expect("there");
        let mut rows: Vec<Value> =
            before.lines().map(|line| serde_json::from_str(line).expect("a row")).collect();
        edit(&mut rows);
        let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
        fs_err::write(&path, lines).expect("written");
        let (drawn, text) = run(dir.path(), &["report"]);
        assert!(drawn == 1 && text.contains("analysis.json was made from"), "{name}: {text}");
        let found = evaluation_codes(dir.path());
        fs_err::write(&path, before).expect("written");
        assert_eq!(run(dir.path(), &["analyze"]).0, 0, "{name} is as it was");
        found
    };
    // Verdict and label of one row, so that the row does not contradict itself.
    let (codes, refused) = edited("judgments.jsonl", &|rows| {
        let is_first = rows[0]["outcome"] == "first";
        rows[0]["outcome"] = if is_first { "second" } else { "first" }.into();
        let comparisons = fs_err::read_to_string(eval.join("comparisons.jsonl")).expect("there");
        let id = rows[0]["comparison_id"].as_str().expect("an id").to_owned();
        let line = comparisons.lines().find(|line| line.contains(&format!("\"comparison_id\":\"{id}\"")));
        let comparison: Value = serde_json::from_str(line.expect("a comparison")).expect("a row");
        rows[0]["label_said"] = comparison[if is_first { "second" } else { "first" }]["label"].clone();
    });
    assert!(codes.contains(&"E05".to_owned()) && refused, "{codes:?}");
    let (codes, refused) = edited("completions.jsonl", &|rows| rows[0]["text"] = "Nobody saw this.".into());
    assert!(codes.contains(&"E04".to_owned()) && refused, "{codes:?}");
    let (codes, refused) =
        edited("prompts.jsonl", &|rows| rows[0]["messages"][0]["content"] = "What was asked?".into());
    assert!(codes.contains(&"E04".to_owned()) && refused, "{codes:?}");
    let (codes, _) = edited("judgments.jsonl", &|rows| _ = rows.pop());
    assert!(codes.contains(&"E10".to_owned()) && codes.contains(&"E08".to_owned()), "{codes:?}");
    let (codes, refused) = edited("blind_key.jsonl", &|rows| {
        for row in rows {
            let (first, second) = (row["first_arm"].take(), row["second_arm"].take());
            (row["first_arm"], row["second_arm"]) = (second, first);
        }
    });
    assert!(codes.contains(&"E01".to_owned()) && refused, "{codes:?}");
}

#[test]
fn replies_that_an_earlier_version_read_are_read_again_by_todays_rules() {
    let dir = temp_dir();
    // Of the first prompt's two replies nobody can say whose word the last line is.
    let (url, _) = serve(|_, body| {
        let is_first = body.to_string().contains("Question 0?");
        let lead = if is_first { "An order ends the answer. It reads thus.\n" } else { "" };
        Scripted::reply(200, "", openai_reply(&format!("{lead}{}", good_verdict(body)), "stop"))
    });
    project(dir.path(), &url, "openai");
    assert_eq!(run(dir.path(), &["judge"]).0, 0);
    let eval = dir.path().join("evals/first-look");
    let path = eval.join("judgments.jsonl");
    let now = fs_err::read_to_string(&path).expect("there");
    assert!(now.lines().all(|line| line.contains(&format!("\"read_by\":{RULES}"))), "{now}");
    let labels: BTreeMap<String, Value> = rows::<Value>(dir.path(), "comparisons.jsonl")
        .into_iter()
        .map(|row| (row["comparison_id"].as_str().expect("an id").to_owned(), row["first"]["label"].clone()))
        .collect();
    // Rows as an earlier version may have written them, or as somebody may have edited them.
    let write = |number: Option<u32>| {
        let mut changed = 0;
        let mut lines = String::new();
        for line in now.lines() {
            let mut row: Value = serde_json::from_str(line).expect("a row");
            if row["outcome"] == json!({"missing": {"reason": "unparsed"}}) {
                changed += 1;
                row["outcome"] = "first".into();
                row["label_said"] = labels[row["comparison_id"].as_str().expect("an id")].clone();
                row["parse_path"] = "verdict-line".into();
                row.as_object_mut().expect("a row").remove("repair");
            }
            match number {
                Some(number) => row["read_by"] = number.into(),
                None => _ = row.as_object_mut().expect("a row").remove("read_by"),
            }
            lines += &format!("{row}\n");
        }
        fs_err::write(&path, lines).expect("written");
        changed
    };

    assert_eq!(write(None), 2);
    let (code, text) = run(dir.path(), &["analyze"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("2 of 64 verdicts changed: an earlier version had read"), "{text}");
    let analysis: Value =
        serde_json::from_slice(&fs_err::read(eval.join("analysis.json")).expect("there")).expect("JSON");
    assert_eq!(analysis["reread"], json!({"rules": RULES, "replies": 64, "lost": 2, "gained": 0}));
    assert_eq!(analysis["comparisons"][0]["missing"]["by_reason"], json!({"unparsed": 2}));
    assert_eq!(run(dir.path(), &["report"]).0, 0);
    assert_eq!(evaluation_codes(dir.path()), (Vec::new(), false));
    let (_, text) = run(dir.path(), &["audit", "evals/first-look"]);
    assert!(text.contains("64 replies of an earlier version, read again"), "{text}");

    // A row of today's rules that says otherwise than its reply was edited.
    write(Some(RULES));
    let (codes, refused) = evaluation_codes(dir.path());
    assert!(codes.contains(&"E05".to_owned()) && refused, "{codes:?}");
}
