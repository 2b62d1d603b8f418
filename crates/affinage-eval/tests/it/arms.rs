//! Arms from elsewhere: what a plan refuses, and what the analysis says that nobody can know.

use affinage_eval::ROW_VERSION;
use affinage_eval::analysis::CheckState;
use affinage_eval::analyze::{AnalyzeError, analyze};
use affinage_eval::completion::Served;
use affinage_eval::likelihood::{LikelihoodControl, LikelihoodRow, ScoredReference};
use affinage_eval::plan::{
    Arm, ArmKind, DatasetFacts, JudgeKind, OtherModel, Plan, PlanError, PlannedComparison, PlannedJudge,
    Scope,
};

use crate::world::World;

fn other(sha256: &str) -> OtherModel {
    OtherModel { model: "models/other".to_owned(), sha256: sha256.to_owned() }
}

fn adapter(sha256: &str, on: Option<OtherModel>) -> ArmKind {
    ArmKind::Adapter {
        adapter_sha256: sha256.to_owned(),
        path: "runs/old/checkpoints/step-000009".to_owned(),
        on,
        trained_on: None,
    }
}

fn remote() -> ArmKind {
    ArmKind::Remote { model: "gpt-5.4-mini".to_owned(), base_url: "https://api.example.org/v1".to_owned() }
}

/// The base, `step-000010`, and one arm of each kind that meets the checkpoint.
fn world() -> World {
    let mut world = World::new(40, &[10]);
    for (name, kind) in [
        ("earlier", adapter("adapter-9", None)),
        ("bigger", ArmKind::Model(other("other-hash"))),
        ("asked", remote()),
    ] {
        world.plan.arms.push(Arm { name: name.to_owned(), kind });
        let (arm, against) = ("step-000010".to_owned(), name.to_owned());
        world.plan.comparisons.push(PlannedComparison { arm, against, scope: Scope::All });
    }
    world.answer(|arm, i| format!("Answer of {arm} to {i}."));
    world
}

#[test]
fn one_thing_under_two_names_is_refused_and_one_adapter_on_two_models_is_two_things() {
    let check = |name: &str, kinds: &[ArmKind]| {
        let mut plan = world().plan;
        let number = |i: usize| if i == 0 { name.to_owned() } else { format!("{name}-{i}") };
        let arms = kinds.iter().enumerate().map(|(i, kind)| Arm { name: number(i), kind: kind.clone() });
        plan.arms.extend(arms);
        plan.validate().map_err(|error| error.to_string())
    };
    insta::assert_snapshot!(check("again", &[adapter("adapter-10", None)]).expect_err("the checkpoint"), @"arms `step-000010` and `again` have the same adapter (adapter-10): they are one thing, not two");
    insta::assert_snapshot!(check("again", &[adapter("adapter-9", None)]).expect_err("`earlier`"), @"arms `earlier` and `again` have the same adapter (adapter-9): they are one thing, not two");
    insta::assert_snapshot!(check("again", &[ArmKind::Model(other("other-hash"))]).expect_err("`bigger`"), @"arms `bigger` and `again` have the same weights (other-hash): they are one model, not two");
    insta::assert_snapshot!(check("again", &[ArmKind::Model(other("base-hash"))]).expect_err("the base"), @"arms `base` and `again` have the same weights (base-hash): they are one model, not two");
    insta::assert_snapshot!(check("again", &[remote()]).expect_err("`asked`"), @"arms `asked` and `again` are both `gpt-5.4-mini` behind https://api.example.org/v1: they are one model, not two");
    for name in ["base+more", "step-12", "step-000011", "last", "best", "base-again"] {
        let error = check(name, &[remote()]).expect_err("a name of the run");
        assert_eq!(error, PlanError::ReservedName(name.to_owned()).to_string());
    }
    assert_eq!(check("step-by-step", &[adapter("adapter-10", Some(other("other-hash")))]), Ok(()));
}

#[test]
fn every_answer_carries_the_hash_of_its_own_weights() {
    let mut world = world();
    let hash_of = |world: &World, name: &str| {
        world.completions.iter().find(|row| row.arm == name).expect("answered").base_sha256.clone()
    };
    assert_eq!(hash_of(&world, "earlier").as_deref(), Some("base-hash"));
    assert_eq!(hash_of(&world, "bigger").as_deref(), Some("other-hash"));
    assert_eq!(hash_of(&world, "asked"), None);
    assert_eq!(world.plan.other_models(), [&other("other-hash")]);
    let said = world.analyze();
    let identical = said.checks.iter().find(|check| check.code == "A005").expect("always there");
    assert!(
        identical.sentence.contains("160 answers")
            && identical.sentence.contains("40 further answers of servers"),
        "{}",
        identical.sentence
    );

    let answer = world.completions.iter_mut().find(|row| row.arm == "bigger").expect("answered");
    answer.base_sha256 = Some("base-hash".to_owned());
    let error = analyze(&world.inputs()).expect_err("not the planned weights");
    assert!(matches!(error, AnalyzeError::WrongBase { .. }), "{error}");
}

#[test]
fn what_is_not_known_of_an_arm_is_said() {
    let mut world = world();
    world.plan.judges.push(PlannedJudge {
        judge_id: "relative".to_owned(),
        model: "gpt-5.4".to_owned(),
        kind: JudgeKind::Openai,
        family: None,
    });
    let served = |model: &str| Served { model: Some(model.to_owned()), refused: vec!["seed".to_owned()] };
    let mut answers = world.completions.iter_mut().filter(|row| row.arm == "asked");
    answers.by_ref().for_each(|row| row.served = Some(served("gpt-5.4-mini-2026-03")));
    let check = |world: &World| world.analyze().checks.into_iter().find(|check| check.code == "A017");
    let found = check(&world).expect("three arms from elsewhere");
    assert_eq!(found.state, CheckState::Tip);
    insta::assert_snapshot!(found.sentence.replace(". ", ".\n"), @r"
    What `earlier`, `bigger` and `asked` were trained on is not known: these prompts may have been among it.
    `asked` is gpt-5.4-mini behind https://api.example.org/v1: its weights are unknown and can change under the name; it answered as gpt-5.4-mini-2026-03; it refused seed, so its answers are drawn in its own way.
    `relative` is of the family of `asked`: judges favour their relatives.
    ");

    // Another model under the name half way, and an adapter that learnt a prompt.
    world.completions.iter_mut().rfind(|row| row.arm == "asked").expect("answered").served =
        Some(served("gpt-6"));
    let found = check(&world).expect("still there");
    assert!(found.state == CheckState::Issue && found.sentence.contains("gpt-5.4-mini-2026-03 and gpt-6"));
    let mut world = World::new(40, &[10]);
    assert_eq!(check(&world), None);
    let facts = DatasetFacts {
        version: "v1-abc".to_owned(),
        train_examples: 3,
        max_containment: Some(0.0),
        max_prompt_containment: Some(0.6),
        writers: std::collections::BTreeMap::new(),
    };
    let mut kind = adapter("adapter-9", None);
    if let ArmKind::Adapter { trained_on, .. } = &mut kind {
        *trained_on = Some(Box::new(facts));
    }
    world.plan.arms.push(Arm { name: "earlier".to_owned(), kind });
    let found = check(&world).expect("one arm");
    assert!(found.state == CheckState::Issue && found.sentence.contains("shares 60 %"), "{}", found.sentence);
}

#[test]
fn fit_is_compared_per_token_only_where_the_tokens_are_the_same() {
    let mut world = world();
    for (arm, tokens, nll_per_char) in [("base", 10, 1.0), ("earlier", 10, 0.8), ("bigger", 7, 0.9)] {
        let known = world.plan.arm(arm).expect("planned").clone();
        for (i, prompt) in world.prompts.iter().enumerate() {
            let chars = 40 + i;
            let scored = ScoredReference {
                control: LikelihoodControl::Own,
                nll_sum: nll_per_char * chars as f64 * (1.0 + 0.001 * i as f64),
                tokens,
                chars,
            };
            world.fit.push(LikelihoodRow::new(&prompt.prompt_id, arm, known.adapter_sha256(), scored));
        }
    }
    let fit = world.analyze().fit.expect("scored");
    assert_eq!(fit.arms.iter().map(|arm| arm.arm.as_str()).collect::<Vec<_>>(), ["earlier"]);
    assert_eq!(fit.not_scored, ["asked"]);
    let [bigger] = &fit.per_character[..] else { panic!("{:?}", fit.per_character) };
    assert!((bigger.gain.value - 0.1 * (1.0 + 0.001 * 19.5)).abs() < 1e-12, "{:?}", bigger.gain);
    assert!(bigger.sentence.contains("nats per character") && bigger.sentence.contains("less surprising"));
}

#[test]
fn a_plan_and_an_answer_of_before_are_still_read() {
    let old = serde_json::json!({
        "v": ROW_VERSION, "name": "old", "base_model": "m", "base_sha256": "h",
        "arms": [{"name": "base", "kind": {"type": "base"}},
            {"name": "step-000010", "kind": {"type": "checkpoint", "step": 10, "adapter_sha256": "a", "path": "p"}}],
        "comparisons": [{"arm": "step-000010", "against": "base", "scope": "all"}],
        "headline": {"arm": "step-000010", "against": "base", "scope": "all"},
        "sampling": {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "max_new_tokens": 8},
        "samples_per_prompt": 1, "seed": 1, "judges": [], "alpha": 0.05, "margin": 0.1
    });
    let plan: Plan = serde_json::from_value(old.clone()).expect("readable");
    assert_eq!(plan.validate(), Ok(()));
    assert_eq!(serde_json::to_value(&plan).expect("JSON")["arms"], old["arms"]);
    let row = &World::new(2, &[10]).completions[0];
    let text = serde_json::to_string(row).expect("JSON");
    assert!(text.contains("\"base_sha256\":\"base-hash\"") && !text.contains("served"), "{text}");
}
