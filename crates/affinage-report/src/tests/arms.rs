//! Which arms the head of the page names.

use super::*;

#[test]
fn arms_without_answers_are_named_apart() {
    let mut evidence = fixed();
    let whole = crate::summary::scope_line(&evidence);
    assert!(!whole.contains("without"), "{whole}");
    let against = evidence.plan.headline.against.clone();
    for rates in &mut evidence.analysis.rates {
        rates.answers = if rates.arm == against { 5 } else { 0 };
    }
    let said = crate::summary::scope_line(&evidence);
    assert!(
        said.contains(", answered by base (planned and without an answer: 5 models and checkpoints)"),
        "{said}"
    );
    let methods = crate::checks::methods_section(&evidence, &Arms::new(&evidence.plan));
    let without = format!("({} of them without answers of both sides)", evidence.plan.comparisons.len());
    assert!(methods.body.0.contains(&without), "{without}");
    // Of a version with rows that are too long both numbers are named.
    let record = affinage_dataset::version::FileRecord { examples: 1104, sha256: String::new() };
    let manifest = evidence.manifest.as_mut().expect("a manifest");
    manifest.files.insert("train.jsonl".to_owned(), record);
    let said = crate::summary::scope_line(&evidence);
    assert!(said.contains("trained on the 1,004 examples that fit, of 1,104 of v3-1f2e9c"), "{said}");
    let section = crate::data::certificate_section(&evidence);
    let both = "1,004 of the 1,104 of the version; 100 are longer than the training takes";
    assert!(section.body.0.contains(both), "{}", section.body.0);
    evidence.analysis.rates.clear();
    assert!(crate::summary::scope_line(&evidence).contains(", not answered yet"));
}
