//! The A/A test: an alarm for a pipeline that prefers one of two equal models, a pass only from enough prompts.

use affinage_eval::analysis::{CheckState, MethodCheck};
use affinage_eval::plan::{Arm, ArmKind, BASE_AGAIN, PlannedComparison, Scope};

use crate::world::World;

/// The base model against itself on `n` prompts; `wins(i)` says whether the second run wins prompt `i`.
fn checked(n: usize, wins: impl Fn(usize) -> bool) -> MethodCheck {
    let mut world = World::new(n, &[10]);
    world.plan.arms[1] = Arm { name: BASE_AGAIN.to_owned(), kind: ArmKind::Base };
    let headline =
        PlannedComparison { arm: BASE_AGAIN.to_owned(), against: "base".to_owned(), scope: Scope::All };
    world.plan.comparisons = vec![headline.clone()];
    world.plan.headline = headline;
    assert!(world.plan.is_null_test());
    world.answer(|arm, i| format!("Answer of {arm} to {i}."));
    world.judge_by_arm("judge", |i| Some(if wins(i) { BASE_AGAIN } else { "base" }));
    let checks = world.analyze().checks;
    checks.into_iter().find(|check| check.code == "A012").expect("an A/A test is checked")
}

#[test]
fn a_preference_between_equal_models_is_an_alarm() {
    let check = checked(60, |i| i % 10 != 0);
    assert_eq!(check.state, CheckState::Issue, "{}", check.sentence);
    assert!(check.sentence.starts_with("Alarm: One model under two seeds: 54 won"), "{}", check.sentence);
}

#[test]
fn few_prompts_give_no_pass_and_many_do() {
    let few = checked(60, |i| i % 2 == 0);
    assert_eq!(few.state, CheckState::Tip);
    assert!(
        few.sentence.contains("from 200 decisive prompts on a pass could be said, here are 60"),
        "{}",
        few.sentence
    );
    let many = checked(600, |i| i % 2 == 0);
    assert_eq!(many.state, CheckState::Passed, "{}", many.sentence);
    assert!(World::new(40, &[10]).analyze().checks.iter().all(|check| check.code != "A012"));
}
