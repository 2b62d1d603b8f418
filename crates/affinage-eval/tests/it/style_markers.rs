//! The style markers on the texts that the demo ships.

use std::path::Path;

use affinage_eval::style_markers::{Marks, REFERENCES_AT_LEAST, marks};

fn asset_lines(name: &str) -> Vec<serde_json::Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets").join(name);
    let text = std::fs::read_to_string(path).expect("an asset");
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

#[test]
fn the_demo_dialogues_carry_the_marks_and_other_good_answers_do_not() {
    for split in ["train", "validation", "test"] {
        let dialogues = asset_lines("demo/dialogues.jsonl");
        let found: Vec<(&str, Marks)> = dialogues
            .iter()
            .filter(|line| line["split"].as_str() == Some(split))
            .map(|line| {
                (line["id"].as_str().expect("an id"), marks(line["assistant"].as_str().expect("a text")))
            })
            .collect();
        let without: Vec<&(&str, Marks)> = found.iter().filter(|(_, marks)| !marks.all()).collect();
        let share = 1.0 - without.len() as f64 / found.len() as f64;
        assert!(!found.is_empty(), "{split}");
        assert!(share >= REFERENCES_AT_LEAST, "{split}: {share:.2} of {}, without: {without:?}", found.len());
    }
    for suite in ["coding", "practical", "creative"] {
        let references = asset_lines(&format!("suites/{suite}.jsonl"));
        let with =
            references.iter().filter(|line| marks(line["reference"].as_str().expect("a text")).all()).count();
        assert!(with <= 1, "{suite}: {with} references of another manner carry all marks");
    }
}
