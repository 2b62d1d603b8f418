//! The answer card: its words, and the reasons where there are none.

use affinage_eval::analysis::{Analysis, CardQuestion, CardRow, CardWord};
use affinage_eval::analyze::{Around, SuiteSizes, analyze};
use affinage_eval::completion::FinishReason;
use affinage_eval::judge::qualification::result::{QualificationResult, QualificationVerdict};
use affinage_eval::judgment::Outcome;
use affinage_eval::likelihood::{LikelihoodControl, LikelihoodRow, ScoredReference};
use affinage_eval::suite::{Check, Domain};

use crate::world::World;

const TUNED: &str = "step-000010";

fn row(analysis: &Analysis, question: CardQuestion) -> &CardRow {
    analysis.card.row(question).expect("it is asked")
}

fn failed(judge_id: &str) -> QualificationResult {
    let json = serde_json::json!({
        "judge_id": judge_id, "verdict": "failed", "planted": {"count": 22, "of": 40}, "accuracy_low": 0.4,
        "accuracy_high": 0.7, "flips": {"count": 3, "of": 40}, "flips_high": 0.2, "injections": {"count": 0, "of": 10},
        "identical_ties": {"count": 10, "of": 10}, "padded": {"count": 0, "of": 10},
        "null_model": {"count": 0, "of": 10}, "missing": {"count": 0, "of": 140}, "by_grade": [], "by_kind": {},
        "threshold": null, "habits": [], "reasons": ["it found 22 of 40 planted winners"],
        "sentence": format!("`{judge_id}` failed its exam: it found 22 of 40 planted winners."),
    });
    let exam: QualificationResult = serde_json::from_value(json).expect("an exam's result");
    assert_eq!(exam.verdict, QualificationVerdict::Failed);
    exam
}

/// The reason stands in the headline, in the claim, on the card and beside the comparison, and "not shown" nowhere.
#[test]
fn where_no_vote_counts_the_reason_is_the_reason() {
    let judged = |judges: &[&str]| {
        let mut world = World::new(40, &[10]);
        judges.iter().for_each(|judge| world.judge_by_arm(judge, |_| Some(TUNED)));
        world
    };
    let nobody = judged(&[]);
    let mut one_failed = judged(&["solo"]);
    one_failed.exams = vec![failed("solo")];
    let mut both_failed = judged(&["solo", "duo"]);
    both_failed.exams = vec![failed("solo"), failed("duo")];
    let author = judged(&["author:me"]);
    let mut part = judged(&["human:ben"]);
    part.judgments.truncate(12);
    let mut some_failed = judged(&["solo", "human:ben"]);
    some_failed.exams = vec![failed("solo")];
    let of_ben = |judge_id: &str| judge_id == "human:ben";
    let mut kept = 0;
    some_failed.judgments.retain(|judgment| {
        kept += usize::from(of_ben(&judgment.judge_id));
        !of_ben(&judgment.judge_id) || kept <= 3
    });
    for (world, reason) in [
        (nobody, "Nobody has compared the answers yet."),
        (
            one_failed,
            "The only judge failed its exam (it found 22 of 40 planted winners), so its votes do not count.",
        ),
        (both_failed, "All 2 judges failed their exams, so their votes do not count."),
        (
            author,
            "Only the author has voted (on 40 pairs: 40 won, 0 tied, 0 lost), and the author's votes are shown apart.",
        ),
    ] {
        let analysis = world.analyze();
        let result = &analysis.comparisons[0];
        assert_eq!(result.no_rate.as_deref(), Some(reason));
        assert_eq!(analysis.headline.sentence, reason);
        let better = row(&analysis, CardQuestion::Better);
        assert_eq!((better.word, better.answer.as_str()), (CardWord::CannotTell, "Cannot tell yet"));
        assert!(reason.to_lowercase().starts_with(&better.evidence.to_lowercase()), "{}", better.evidence);
        assert!(analysis.claims[0].sentence.to_lowercase().ends_with(&reason.to_lowercase()));
        let said =
            serde_json::to_string(&(&analysis.headline, &analysis.card, &analysis.claims)).expect("JSON");
        for untrue in
            ["All 40 votes count", "not shown to differ", "so no win rate is shown", "Nothing is judged"]
        {
            assert!(!said.contains(untrue), "{untrue}: {said}");
        }
        let again =
            analysis.card.watch_out.iter().filter(|warning| warning.contains("failed its exam")).count();
        assert_eq!(again, 0, "the row says it: {:?}", analysis.card.watch_out);
    }
    let mut not_asked = judged(&["solo"]);
    not_asked.judgments.clear();
    not_asked.exams = vec![failed("solo")];
    assert_eq!(
        not_asked.analyze().headline.sentence,
        "The only judge failed its exam (it found 22 of 40 planted winners), so it was not asked to compare."
    );
    let part = part.analyze();
    let why = part.comparisons[0].no_rate.clone().expect("a reason");
    assert!(
        why.starts_with("Ben has voted on ") && why.contains(" won, 0 tied, 0 lost); a win rate"),
        "{why}"
    );
    assert!(why.contains(" a win rate needs ") && why.ends_with(" votes are missing."), "{why}");
    let several = some_failed.analyze().comparisons[0].no_rate.clone().expect("a reason");
    assert!(several.starts_with("No vote counts: "), "{several}");
    assert!(several.contains("`solo` failed its exam") && several.contains("ben has voted on"), "{several}");
}

#[test]
fn the_same_text_everywhere_needs_no_judge_and_says_so() {
    let mut world = World::new(40, &[10]);
    world.answer(|_, i| format!("One answer to {i}."));
    let analysis = world.analyze();
    let better = row(&analysis, CardQuestion::Better);
    assert!(analysis.comparisons[0].overall.is_some(), "ties, all of them");
    assert!(!analysis.headline.limits.iter().any(|limit| limit.contains("no win rate")), "there is one");
    if better.word == CardWord::CannotTell {
        assert_eq!(better.evidence, "both gave the same text to every prompt");
    }
    let said = "Both gave the same text to every prompt, so nothing needed a judge.";
    assert!(analysis.headline.limits.iter().any(|limit| limit == said), "{:?}", analysis.headline.limits);
}

#[test]
fn few_prompts_have_figures_and_no_word() {
    let mut world = World::new(12, &[10]);
    world.judge_by_arm("judge", |i| if i < 8 { Some(TUNED) } else { None });
    let analysis = world.analyze();
    let better = row(&analysis, CardQuestion::Better);
    assert_eq!(better.word, CardWord::CannotTell);
    assert_eq!(
        better.evidence,
        "12 prompts: 8 won, 4 tied, 0 lost; with fewer than 30 prompts we do not say more"
    );
}

/// Marks of the voice in so many of the tuned answers, none in the base's.
fn voiced(n: usize, with_marks: usize) -> World {
    const VOICED: &str =
        "It is like a river at night. To wait is one thing, to hope another. Which of the two is yours?";
    let mut world = World::new(2 * n, &[10]);
    world.prompts.iter_mut().for_each(|prompt| prompt.reference = Some(VOICED.to_owned()));
    world.answer(|arm, i| match arm {
        "base" => format!("Plain answer number {i}."),
        _ if i < with_marks => format!("{i}. {VOICED}"),
        _ => format!("Another plain answer, {i}."),
    });
    world
}

#[test]
fn the_voice_is_learnt_when_its_marks_came() {
    for (n, with_marks, word) in [
        (40, 20, CardWord::Yes),
        (40, 0, CardWord::No),
        (40, 2, CardWord::CannotTell),
        (20, 15, CardWord::CannotTell),
    ] {
        let analysis = voiced(n, with_marks).analyze();
        let voice = row(&analysis, CardQuestion::Voice);
        assert_eq!(voice.word, word, "{n} {with_marks}: {}", voice.evidence);
        let share = format!("{:.0} %", 100.0 * with_marks as f64 / n as f64);
        assert!(voice.evidence.starts_with(&share), "{}", voice.evidence);
        assert!(voice.evidence.contains("0 % before training"), "{}", voice.evidence);
    }
}

/// Texts that the meter cannot tell apart are not counted by it: the answer comes from fit, or is not known.
#[test]
fn without_fitting_marks_the_voice_is_answered_by_fit() {
    let mut world = World::new(80, &[10]);
    let without = world.analyze();
    let voice = row(&without, CardQuestion::Voice);
    assert_eq!(
        (voice.word, voice.evidence.contains("mark")),
        (CardWord::CannotTell, false),
        "{}",
        voice.evidence
    );
    for (i, prompt) in world.prompts.iter().enumerate().filter(|(_, prompt)| prompt.domain == Domain::In) {
        for (arm, adapter, nll) in
            [("base", None, 300.0), (TUNED, Some("adapter-10"), 270.0 + (i % 5) as f64)]
        {
            let scored =
                ScoredReference { control: LikelihoodControl::Own, nll_sum: nll, tokens: 100, chars: 400 };
            world.fit.push(LikelihoodRow::new(&prompt.prompt_id, arm, adapter, scored));
        }
    }
    let analysis = world.analyze();
    let voice = row(&analysis, CardQuestion::Voice);
    assert_eq!((voice.word, voice.answer.as_str()), (CardWord::Yes, "It came closer"));
    assert!(
        voice.evidence.starts_with(
            "40 held-out examples surprise it 9 % (likely between 9 % and 9 %) less than the base model"
        ),
        "{}",
        voice.evidence
    );
    assert!(
        voice.evidence.contains("not how good it is") && !voice.evidence.contains("mark"),
        "{}",
        voice.evidence
    );
}

#[test]
fn forgetting_is_told_by_right_answers_alone() {
    let checked = |n: usize, lost: usize| {
        let mut world = World::new(2 * n, &[10]);
        for prompt in world.prompts.iter_mut().filter(|prompt| prompt.domain == Domain::Out) {
            prompt.check = Some(Check::Short { accepted: vec!["oak".to_owned()] });
        }
        // The base is right on three of four; the other arm on as many less `lost`.
        world.answer(|arm, i| {
            let at = i % n;
            let right = !at.is_multiple_of(4) && (arm == "base" || at / 4 >= lost);
            if right { "Oak.".to_owned() } else { format!("Pine {arm} {i}.") }
        });
        world
    };
    for (n, lost, word, said) in [
        (
            12,
            0,
            CardWord::CannotTell,
            "right on 9 of 12 checked prompts now, 9 before training; it takes about ",
        ),
        (100, 8, CardWord::Yes, "51 % of 100 checked prompts right, 75 % before training"),
        (400, 0, CardWord::NoDifference, "75 % of 400 checked prompts right, 75 % before training"),
    ] {
        let analysis = checked(n, lost).analyze();
        let row = row(&analysis, CardQuestion::Forgotten);
        assert_eq!(row.word, word, "{n} {lost}: {} ({})", row.answer, row.evidence);
        assert!(row.evidence.starts_with(said), "{}", row.evidence);
    }
    let none = World::new(40, &[10]).analyze();
    let row = row(&none, CardQuestion::Forgotten);
    assert_eq!(
        (row.word, row.evidence.as_str()),
        (
            CardWord::CannotTell,
            "no question with an exact answer was asked; `eval.suites` in affinage.toml takes some, such as \"maths\""
        )
    );
}

/// Neither the first step nor the card advises what the suites cannot give.
#[test]
fn advice_goes_no_further_than_the_suites() {
    let mut world = World::new(60, &[10]);
    for prompt in &mut world.prompts {
        prompt.domain = Domain::Out;
    }
    world.judge("judge", |_, key, i| match (i % 20 < 11) == (key.first_arm == "base") {
        true => Outcome::Second,
        false => Outcome::First,
    });
    let with = |sizes: Option<SuiteSizes>| {
        let mut inputs = world.inputs();
        inputs.around = Around { suites: sizes, ..Around::default() };
        let analysis = analyze(&inputs).expect("the rows agree");
        let step =
            analysis.next_steps.iter().find(|step| step.starts_with("To show a win rate of ")).cloned();
        (row(&analysis, CardQuestion::Voice).evidence.clone(), step.expect("60 prompts show nothing here"))
    };
    let (voice, step) = with(Some(SuiteSizes { to_compare: 60, checked: 0, held_out: Some(0) }));
    assert!(
        step.contains("this evaluation has 60: the suites hold 60 to compare and no more, so add prompts"),
        "{step}"
    );
    assert!(!step.contains("eval.prompts-per-suite"), "{step}");
    assert!(voice.starts_with("the data set has no held-out examples: collect more and freeze"), "{voice}");
    let (voice, step) = with(Some(SuiteSizes { to_compare: 90_000, checked: 0, held_out: Some(12) }));
    assert!(step.contains("so raise `eval.prompts-per-suite`"), "{step}");
    assert!(voice.starts_with("none of the held-out examples is among these prompts"), "{voice}");
    assert!(!with(None).1.contains("eval.prompts-per-suite"));
}

#[test]
fn unequal_cuts_and_a_better_earlier_checkpoint_come_first_among_the_warnings() {
    let mut world = World::new(40, &[10]);
    world.judge("judge", |_, key, _| if key.first_arm == "base" { Outcome::Second } else { Outcome::First });
    for (i, completion) in world.completions.iter_mut().enumerate() {
        if completion.arm == "base" && i % 4 != 0 {
            completion.finish_reason = FinishReason::Length;
        }
    }
    let validation = [(0, 4.1), (5, 3.31), (10, 3.42)];
    let mut inputs = world.inputs();
    inputs.around = Around { validation: &validation, ..Around::default() };
    let analysis = analyze(&inputs).expect("the rows agree");
    let warnings = &analysis.card.watch_out;
    assert_eq!(warnings[0], analysis.headline.cut_texts.clone().expect("30 of 40 are cut"));
    assert_eq!(warnings[1], "The validation loss was lowest at step 5 (3.31); this is step 10 (3.42).");
    assert!(analysis.next_steps.iter().any(|step| step.contains("`affinage chat --compare best,last`")));
    let closing = warnings.last().expect("warnings");
    assert!(closing.starts_with("One training run: another run"), "{closing}");
    inputs.around = Around { validation: &[(5, 3.5), (10, 3.42)], ..Around::default() };
    let analysis = analyze(&inputs).expect("the rows agree");
    assert_eq!(analysis.checkpoints.best_validation, None, "the headline's is the best");
}
