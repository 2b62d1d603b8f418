//! Which arms the head of the page names.

use super::*;

#[test]
fn arms_without_answers_are_named_apart() {
    let mut evidence = fixed();
    let whole = crate::summary::scope_line(&evidence);
    assert!(!whole.contains("without"), "{whole}");
    let against = evidence.plan.headline.against.clone();
    let all = evidence.analysis.evaluation.prompts;
    for rates in &mut evidence.analysis.rates {
        rates.answers = if rates.arm == against { all } else { 0 };
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

#[test]
fn an_arm_that_answered_some_of_the_prompts_is_named_with_how_many() {
    let mut evidence = fixed();
    for rates in &mut evidence.analysis.rates {
        rates.answers = evidence.analysis.evaluation.prompts;
    }
    assert!(!crate::summary::scope_line(&evidence).contains(" only "));
    let against = evidence.plan.headline.against.clone();
    for rates in evidence.analysis.rates.iter_mut().filter(|rates| rates.arm == against) {
        rates.answers = 8;
    }
    let said = crate::summary::scope_line(&evidence);
    let all = evidence.analysis.evaluation.prompts;
    assert!(said.contains(&format!("models and checkpoints (base only 8 of {all})")), "{said}");
}

#[test]
fn a_training_within_its_first_pass_names_the_examples_that_it_saw() {
    let mut evidence = fixed();
    let schedule = |epochs| affinage_eval::design::TrainingSchedule {
        steps: 5,
        epochs,
        is_finished: true,
        recipe_sha256: String::new(),
        seed: 7,
    };
    evidence.analysis.evaluation.dataset.as_mut().expect("a data set").train_examples = 41;
    evidence.plan.design.schedule = Some(schedule(20.0 / 41.0));
    let said = crate::summary::scope_line(&evidence);
    assert!(said.contains("trained on 20 of 41 examples"), "{said}");
    // An engine that counts tokens knows no whole examples.
    evidence.plan.design.schedule = Some(schedule(0.5));
    let said = crate::summary::scope_line(&evidence);
    assert!(said.contains("trained on about 21 of 41 examples"), "{said}");
}

/// What `affinage report` says of the page: prompts and the models' answers, and not the answers of the data set.
#[test]
fn the_page_holds_no_answer_of_the_data_set() {
    let mut evidence = evidence();
    let own = "These are the words of the person and no model gave them";
    let mut asked = 0;
    for prompt in evidence.prompts.iter_mut().filter(|p| p.domain == affinage_eval::suite::Domain::In) {
        prompt.reference = Some(format!("{own}."));
        asked += 1;
    }
    assert!(asked > 0);
    let prompt = evidence.prompts.iter().find(|p| p.reference.as_deref() == Some(&format!("{own}.")));
    let question = prompt.expect("one of them").question().to_owned();
    let page = render(&evidence).html;
    assert!(page.contains(&question), "the prompts are there");
    assert!(!page.contains(own));
}
