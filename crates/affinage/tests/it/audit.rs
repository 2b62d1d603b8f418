//! `audit`: foreign logs, claims and `--strict`.

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
        mapped.contains("1 rows (by the mapping file)")
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
