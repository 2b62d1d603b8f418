//! Folders of training runs: every planted fault is found, and a clean folder raises nothing.

use std::collections::BTreeMap;

use affinage_eval::audit::claims::{Claim, ClaimVerdict, Value, check};
use affinage_eval::audit::row::RowRef;
use affinage_eval::audit::training::{
    AdapterFile, AdapterSettings, Folder, TextRow, TrainingLog, audit_training,
};
use affinage_eval::rng::Rng;

fn adapter(name: &str, rank: u64, modules: &[&str]) -> AdapterFile {
    let tensors = modules.iter().flat_map(|module| {
        let name =
            |side: &str| format!("base_model.model.model.layers.0.self_attn.{module}.lora_{side}.weight");
        [(name("A"), vec![rank, 64]), (name("B"), vec![64, rank])]
    });
    AdapterFile { sha256: format!("hash of {name}"), tensors: tensors.collect() }
}

const WORDS: &str = "harbour lantern gravel orchard violin copper thistle meadow anchor candle marble willow saddle pepper \
velvet hammer window basket ribbon mirror feather button kettle ladder needle pebble cellar garden bridge tunnel";

fn rows(from: usize, to: usize) -> Vec<TextRow> {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let text = |i: usize| {
        let mut rng = Rng::new(i as u64);
        let mut said = |n: usize| (0..n).map(|_| words[rng.below(words.len())]).collect::<Vec<_>>().join(" ");
        let (question, answer) = (said(6), said(14));
        format!("<|im_start|>user\n{question}?<|im_end|>\n<|im_start|>assistant\n{answer}.<|im_end|>\n")
    };
    (from..to).map(|i| TextRow { source: RowRef { file: 0, line: i + 1 }, text: text(i) }).collect()
}

fn clean() -> Folder {
    let modules = ["q_proj", "v_proj"];
    let step = |step: u64| adapter(&format!("step {step}"), 16, &modules);
    Folder {
        name: "my-lora".to_owned(),
        shipped: Some(step(300)),
        checkpoints: BTreeMap::from([(100, step(100)), (200, step(200)), (300, step(300))]),
        adapter: Some(AdapterSettings {
            rank: 16,
            alpha: 32.0,
            dropout: Some(0.05),
            targets: modules.map(str::to_owned).to_vec(),
        }),
        log: Some(TrainingLog {
            step: 300,
            planned_steps: 300,
            epochs: 2.0,
            train: vec![(100, 3.1), (200, 2.9), (300, 2.76)],
            evaluations: vec![(100, 3.2), (200, 3.0), (300, 2.95)],
            learning_rate: Some(2e-4),
            rates: vec![(100, 2e-4), (200, 1e-4), (300, 0.0)],
            tokens: None,
        }),
        settings: BTreeMap::from([("assistant_only_loss".to_owned(), "true".to_owned())]),
        card: Some(
            "LoRA, r=16, alpha 32, trained for 2 epochs, learning rate 2e-4, loss 2.76, 300 steps."
                .to_owned(),
        ),
        train: rows(0, 60),
        validation: rows(100, 110),
        unread: Vec::new(),
    }
}

fn codes(folder: &Folder) -> Vec<&'static str> {
    audit_training(folder).findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn a_clean_folder_raises_nothing_and_tells_what_was_trained() {
    let audit = audit_training(&clean());
    assert!(audit.findings.is_empty(), "{:?}", audit.findings);
    assert_eq!(
        audit.trained[0],
        "LoRA of rank 16, alpha 32, on q_proj, v_proj, 4096 parameters in its tensors."
    );
    assert!(audit.unchecked.is_empty(), "{:?}", audit.unchecked);
    let claim = |statistic: &str, value: f64| Claim {
        text: String::new(),
        statistic: statistic.to_owned(),
        value: Value::Number(value),
        arm: None,
        judge: None,
        other_judge: None,
        category: None,
        tolerance: None,
    };
    let claims = [claim("rank", 16.0), claim("rank", 8.0), claim("best-eval-loss", 2.95), claim("bleu", 1.0)];
    let verdicts: Vec<ClaimVerdict> =
        check(&claims, None, &audit.facts).into_iter().map(|claim| claim.verdict).collect();
    use ClaimVerdict::{CannotBeChecked, Confirmed, Contradicted};
    assert_eq!(verdicts, [Confirmed, Contradicted, Confirmed, CannotBeChecked]);
}

#[test]
fn every_planted_fault_of_a_training_folder_is_found() {
    type Plant = fn(&mut Folder);
    let faults: [(&str, Plant); 12] = [
        ("T01", |f| f.shipped = f.checkpoints.get(&200).cloned()),
        ("T01", |f| f.shipped = Some(adapter("another", 16, &["q_proj", "v_proj"]))),
        ("T02", |f| {
            let twin = f.checkpoints[&100].clone();
            f.checkpoints.insert(200, twin);
        }),
        ("T03", |f| {
            if let Some(log) = &mut f.log {
                log.evaluations.insert(2, (250, 2.80));
            }
        }),
        ("T04", |f| {
            if let Some(log) = &mut f.log {
                log.planned_steps = 600;
            }
        }),
        ("T05", |f| {
            if let Some(settings) = &mut f.adapter {
                settings.targets.push("o_proj".to_owned());
            }
        }),
        ("T06", |f| f.settings = BTreeMap::from([("train_on_inputs".to_owned(), "true".to_owned())])),
        ("T07", |f| f.train[4].text.push_str("<|im_end|>")),
        ("T08", |f| f.validation[2].text = f.train[7].text.clone()),
        ("T09", |f| f.card = Some("LoRA with r=8".to_owned())),
        ("T09", |f| f.card = Some("final loss of 1.48".to_owned())),
        ("T09", |f| f.card = Some("trained for 3 epochs".to_owned())),
    ];
    for (code, plant) in faults {
        let mut folder = clean();
        plant(&mut folder);
        assert_eq!(codes(&folder), [code], "{:?}", audit_training(&folder).findings);
    }
    let mut folder = clean();
    folder.shipped = folder.checkpoints.get(&200).cloned();
    let said = audit_training(&folder).findings[0].sentence.clone();
    assert!(said.contains("byte for byte step 200, not the last saved step 300"), "{said}");
}

#[test]
fn what_a_folder_does_not_hold_is_unchecked_and_no_finding() {
    let audit = audit_training(&Folder { name: "bare".to_owned(), ..Folder::default() });
    assert!(audit.findings.is_empty());
    assert_eq!(audit.unchecked.len(), 6, "{:?}", audit.unchecked);
}
