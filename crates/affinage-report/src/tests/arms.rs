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
    evidence.analysis.rates.clear();
    assert!(crate::summary::scope_line(&evidence).contains(", not answered yet"));
}
