//! No sentence of the first screen contradicts a row below it, and no two rows about the same prompts contradict each other.

use affinage_eval::analysis::{
    Analysis, CardQuestion, CardWord, ComparisonResult, Composite, VerdictWord, WinRate,
};
use affinage_eval::analyze::unequal_cuts;
use affinage_eval::completion::FinishReason;
use affinage_eval::judgment::Outcome;
use affinage_eval::rng::Rng;
use affinage_eval::suite::{Check, Domain};

use crate::world::World;

/// An evaluation of random size and truth: two to four checkpoints, one to three judges with noise, one to three categories in
/// each domain, sometimes one domain alone, sometimes a design that stops early.
fn random_world(seed: u64) -> World {
    let mut rng = Rng::for_purpose(seed, &["first screen"]);
    let steps: Vec<u64> = (1..=1 + rng.below(3) as u64).map(|i| 10 * i).collect();
    let n = [40, 64, 90, 130][rng.below(4)];
    let mut world = World::new(n, &steps);
    let shape = rng.below(4);
    let categories = 1 + rng.below(3);
    for (i, prompt) in world.prompts.iter_mut().enumerate() {
        match shape {
            0 => prompt.domain = Domain::In,
            1 => prompt.domain = Domain::Out,
            _ => {}
        }
        prompt.category = format!("{}-{}", prompt.domain.name(), i % categories);
        prompt.cluster_id = format!("cls-{:04}", if shape == 2 { i / 2 } else { i });
    }
    world.answer(|arm, i| format!("Answer of {arm} to {i}."));
    let win: Vec<[f64; 2]> =
        steps.iter().map(|_| [0.2 + 0.6 * rng.uniform(), 0.2 + 0.6 * rng.uniform()]).collect();
    let tie = if rng.below(3) == 0 { 0.6 } else { 0.1 };
    let noise = [0.02, 0.1, 0.4][rng.below(3)];
    let domains: Vec<Domain> = world.prompts.iter().map(|prompt| prompt.domain).collect();
    for judge in ["north", "south", "west"].iter().take(1 + rng.below(3)) {
        let mut said = Rng::for_purpose(seed, &["says", judge]);
        world.judge(judge, |_, key, i| {
            let arm = if key.first_arm == "base" { &key.second_arm } else { &key.first_arm };
            let at = steps.iter().position(|step| arm.ends_with(&format!("{step:06}"))).unwrap_or(0);
            let mut truth = Rng::for_purpose(seed, &["truth", arm, &i.to_string()]);
            if truth.uniform() < tie {
                return Outcome::Tie;
            }
            let chance = win[at][usize::from(domains[i] == Domain::Out)];
            let arm_wins = (truth.uniform() < chance) != (said.uniform() < noise);
            if arm_wins == (key.first_arm == *arm) { Outcome::First } else { Outcome::Second }
        });
    }
    world.plan.design.stops_early = rng.below(6) == 0;
    world
}

fn headline_of(analysis: &Analysis) -> &ComparisonResult {
    analysis.comparisons.iter().find(|result| result.is_headline).expect("the plan has one")
}

fn word(rate: Option<&WinRate>) -> Option<VerdictWord> {
    rate.map(|rate| rate.word).filter(|word| *word != VerdictWord::NotShown)
}

/// What a sentence claims of the domain, of what is outside it, and of all prompts.
fn claimed(sentence: &str) -> [Option<VerdictWord>; 3] {
    const WORDS: [(&str, VerdictWord); 3] = [
        ("better", VerdictWord::Better),
        ("worse", VerdictWord::Worse),
        ("equivalent within 10 points", VerdictWord::EquivalentWithinMargin),
    ];
    let find = |places: &[&str]| {
        let mut found = WORDS
            .iter()
            .filter(|(word, _)| places.iter().any(|place| sentence.contains(&place.replace('W', word))));
        let first = found.next().map(|(_, word)| *word);
        assert_eq!(found.next(), None, "two words for one place: {sentence}");
        first
    };
    [
        find(&["W in its domain"]),
        find(&["W outside it", "is W outside its domain", "is W in its domain and outside it"]),
        find(&["is W over all prompts", "over all prompts it is W"]),
    ]
}

fn check(analysis: &Analysis, seed: u64) {
    let (headline, result) = (&analysis.headline, headline_of(analysis));
    let sentence = &headline.sentence;
    let [inside, outside, overall] = claimed(sentence);
    assert_eq!(inside, word(result.in_domain.as_ref()), "{seed}: {sentence}");
    assert_eq!(outside, word(result.out_of_domain.as_ref()), "{seed}: {sentence}");
    let shown = word(result.overall.as_ref());
    match overall {
        Some(_) => assert_eq!(overall, shown, "{seed}: {sentence}"),
        None => assert!(shown.is_none() || shown == inside || shown == outside, "{seed}: {sentence}"),
    }
    let nothing = inside.is_none() && outside.is_none() && shown.is_none();
    assert_eq!(nothing, sentence.contains("cannot be told from it yet"), "{seed}: {sentence}");
    check_card(analysis, seed);
    assert_eq!(nothing, headline.composite == Composite::NothingShown, "{seed}: {sentence}");
    let claim = analysis
        .claims
        .iter()
        .find(|claim| claim.claim_id == format!("win:{}:{}", headline.arm, headline.against));
    assert_eq!(
        claim.expect("a claim").word,
        result.overall.as_ref().map_or(VerdictWord::NotShown, |rate| rate.word)
    );
    let excluded = |result: &ComparisonResult| {
        let outside: Vec<_> = result.by_category.iter().filter(|cut| cut.domain == Domain::Out).collect();
        (outside.len() == 1).then(|| outside[0].not_worse_than_margin == Some(true))
    };
    if sentence.contains("not worse than the margin") {
        assert_ne!(excluded(result), Some(false), "{seed}: {sentence}");
    }
    for result in &analysis.comparisons {
        one_word_for_one_set_of_prompts(result, seed);
    }
    let watch_out = analysis.card.watch_out.join("\n");
    for cut in result.by_category.iter().filter(|cut| cut.domain == Domain::Out) {
        let is_worse = cut.win_rate.as_ref().is_some_and(|rate| rate.word == VerdictWord::Worse);
        let said = watch_out.contains(&format!("Worse in {}: ", cut.category));
        assert_eq!(is_worse, said, "{seed}: {watch_out}");
    }
    if headline.limits.iter().any(|limit| limit.ends_with("we do not say better or worse.")) {
        assert!(nothing, "{seed}: {:?}", headline.limits);
    }
}

/// The card says no more than the rows below it: "better" and "worse" only of prompts of which that is shown, "no difference"
/// only within the margin, and "cannot tell" only where nothing is shown. Its figures are theirs.
fn check_card(analysis: &Analysis, seed: u64) {
    let result = headline_of(analysis);
    let row = analysis.card.row(CardQuestion::Better).expect("it is asked");
    let said = format!("{seed}: {} ({})", row.answer, row.evidence);
    let shown: Vec<VerdictWord> = [&result.in_domain, &result.out_of_domain, &result.overall]
        .into_iter()
        .filter_map(|rate| word(rate.as_ref()))
        .collect();
    let is_shown = |wanted: VerdictWord| shown.contains(&wanted);
    let [better, worse, equal] =
        [VerdictWord::Better, VerdictWord::Worse, VerdictWord::EquivalentWithinMargin].map(is_shown);
    match row.word {
        CardWord::Better => assert!(better, "{said}"),
        CardWord::Worse => assert!(worse, "{said}"),
        CardWord::Mixed => assert!(better && worse, "{said}"),
        CardWord::NoDifference => assert!(equal && !better && !worse, "{said}"),
        CardWord::CannotTell => assert!(shown.is_empty(), "{said}"),
        CardWord::Yes | CardWord::No => panic!("{said}"),
    }
    let lower = row.answer.to_lowercase();
    assert_eq!(lower.contains("better"), matches!(row.word, CardWord::Better | CardWord::Mixed), "{said}");
    assert_eq!(lower.contains("worse"), matches!(row.word, CardWord::Worse | CardWord::Mixed), "{said}");
    assert_eq!(lower.contains("cannot tell"), row.word == CardWord::CannotTell, "{said}");
    let rates = [&result.in_domain, &result.out_of_domain, &result.overall].into_iter().flatten();
    // Intervals of a card are told in words.
    let figure = |rate: &WinRate| format!("{:.0} % (likely between ", 100.0 * rate.estimate.value);
    let figures: Vec<String> = rates.map(figure).collect();
    let counts = result.overall.as_ref().map_or(String::new(), |rate| {
        format!("{} prompts: {} won, {} tied, {} lost", rate.estimate.n, rate.wins, rate.ties, rate.losses)
    });
    let has_figures = match row.word {
        CardWord::CannotTell => row.evidence.contains(&counts),
        _ => figures.iter().any(|figure| row.evidence.contains(figure)),
    };
    assert!(has_figures, "{said}: its figures are in no row: {figures:?} {counts}");
    for warning in &analysis.card.watch_out {
        let Some((category, _)) = warning.strip_prefix("Worse in ").and_then(|rest| rest.split_once(':'))
        else {
            continue;
        };
        let cut = result.by_category.iter().find(|cut| cut.category == category).expect("a category");
        assert_eq!(word(cut.win_rate.as_ref()), Some(VerdictWord::Worse), "{seed}: {warning}");
    }
    let is_worse = |cut: &&affinage_eval::analysis::CategoryWinRate| {
        cut.domain == Domain::Out && word(cut.win_rate.as_ref()) == Some(VerdictWord::Worse)
    };
    for cut in result.by_category.iter().filter(is_worse) {
        let said =
            analysis.card.watch_out.iter().any(|w| w.starts_with(&format!("Worse in {}:", cut.category)));
        assert!(said, "{seed}: {} is worse and not on the card", cut.category);
    }
}

fn one_word_for_one_set_of_prompts(result: &ComparisonResult, seed: u64) {
    let rates = [&result.overall, &result.in_domain, &result.out_of_domain].into_iter().flatten();
    let categories = result.by_category.iter().filter_map(|cut| cut.win_rate.as_ref());
    let mut panel = result.by_judge.iter().filter(|judge| judge.in_panel);
    let only_judge = match (panel.next(), panel.next()) {
        (Some(only), None) => only.win_rate.as_ref(),
        _ => None,
    };
    let all: Vec<&WinRate> = rates.chain(categories).chain(only_judge).collect();
    for (i, a) in all.iter().enumerate() {
        for b in &all[i + 1..] {
            // The same prompts have the same figures.
            let same = a.estimate == b.estimate && (a.wins, a.ties, a.losses) == (b.wins, b.ties, b.losses);
            assert!(!same || a.word == b.word, "{seed}: {} | {}", a.sentence, b.sentence);
        }
    }
}

#[test]
fn the_first_screen_agrees_with_the_rows_below_it() {
    let mut composites = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let analysis = random_world(seed).analyze();
        check(&analysis, seed);
        composites.insert(format!("{:?}", analysis.headline.composite));
    }
    assert!(composites.len() >= 9, "the worlds differ: {composites:?}");
}

/// `(share of answers lost by base, by the checkpoint) -> is there a headline`
#[test]
fn answers_lost_in_thought_never_lose() {
    for (base, tuned, comparable) in [
        (0, 0, true),
        (2, 0, true),
        (20, 0, false),
        (0, 20, false),
        (20, 20, true),
        (20, 10, false),
        (60, 0, false),
    ] {
        let mut world = World::new(60, &[10]);
        world.judge(
            "judge",
            |_, key, _| if key.first_arm == "base" { Outcome::Second } else { Outcome::First },
        );
        let lost = |arm: &str, i: usize| i < if arm == "base" { base } else { tuned };
        for (i, completion) in world.completions.iter_mut().enumerate() {
            if lost(&completion.arm, i % 60) {
                completion.text = format!("<think>\nWhat was asked is {i}");
                completion.finish_reason = FinishReason::Length;
            }
        }
        let analysis = world.analyze();
        let (headline, result) = (&analysis.headline, headline_of(&analysis));
        let said = headline.sentence.contains("was cut while thinking");
        assert_eq!(
            (said, headline.composite == Composite::NotComparable),
            (!comparable, !comparable),
            "{base} {tuned}"
        );
        let judged = result.overall.as_ref().map_or(0, |rate| rate.estimate.n);
        assert_eq!(judged, 60 - base.max(tuned), "{base} {tuned}: who was lost is not judged");
        assert_eq!(result.missing.missing, base.max(tuned));
        if !comparable {
            let words = [&result.overall, &result.in_domain, &result.out_of_domain]
                .into_iter()
                .flatten()
                .map(|rate| rate.word);
            assert!(words.into_iter().all(|word| word == VerdictWord::NotShown));
            assert!(headline.answers[0].starts_with("No headline:") && headline.answers[2].is_empty());
            let card = analysis.card.row(CardQuestion::Better).expect("it is asked");
            assert_eq!(card.word, CardWord::CannotTell);
            assert!(card.evidence.contains("was cut while thinking"), "{}", card.evidence);
            assert!(
                analysis.next_steps.iter().any(|step| step.contains("eval.max-new-tokens")),
                "{:?}",
                analysis.next_steps
            );
        }
    }
}

#[test]
fn who_thinks_is_not_compared_with_who_does_not() {
    // Of 60 answers each: those of the base and of the checkpoint with a thought before them. A quarter of 60 is 15.
    for (base, tuned, comparable) in
        [(0, 0, true), (15, 0, true), (16, 0, false), (60, 0, false), (60, 50, true), (0, 60, false)]
    {
        let mut world = World::new(60, &[10]);
        world.judge_by_arm("judge", |_| Some("step-000010"));
        let mut seen = std::collections::BTreeMap::<String, usize>::new();
        for completion in &mut world.completions {
            let number = seen.entry(completion.arm.clone()).or_default();
            let thinks = *number < if completion.arm == "base" { base } else { tuned };
            let thought = if thinks { "Which tree was it?" } else { "" };
            completion.text = format!("<think>\n{thought}\n</think>\n\n{}", completion.text);
            *number += 1;
        }
        let analysis = world.analyze();
        let (headline, result) = (&analysis.headline, headline_of(&analysis));
        let is_refused = headline.composite == Composite::NotComparable;
        assert_eq!(is_refused, !comparable, "{base} {tuned}: {}", headline.sentence);
        assert_eq!(result.missing.missing, 0, "every answer was judged");
        if !comparable {
            let thinker = if base > tuned { "base" } else { "step-000010" };
            let named = format!("an unfair comparison. `{thinker}` thought before {}", base.max(tuned));
            assert!(headline.sentence.contains(&named), "{}", headline.sentence);
            assert_eq!(result.overall.as_ref().map(|rate| rate.word), Some(VerdictWord::NotShown));
            let sentence = &result.overall.as_ref().expect("judged").sentence;
            assert!(sentence.contains("one of the two thinks"), "{sentence}");
        }
    }
}

#[test]
fn the_length_of_an_answer_is_that_of_what_is_said() {
    let mut world = World::new(20, &[10]);
    for completion in &mut world.completions {
        let thinks = completion.arm == "base";
        completion.tokens = 40;
        completion.thought_tokens = thinks.then_some(30);
        if thinks {
            completion.text = format!("<think>\n{}</think>\n\nOak.", "so on ".repeat(60));
        }
    }
    let analysis = world.analyze();
    let tokens: Vec<f64> = analysis.rates.iter().map(|rates| rates.mean_tokens).collect();
    assert_eq!(tokens, [10.0, 40.0]);
    assert!(analysis.rates.iter().all(|rates| rates.loops == 0), "a thought may turn in circles");
}

#[test]
fn a_thought_is_neither_judged_nor_checked() {
    let mut world = World::new(40, &[10]);
    for prompt in world.prompts.iter_mut().skip(20) {
        prompt.check = Some(Check::Short { accepted: vec!["Oak".to_owned()] });
    }
    world.answer(|arm, i| match (arm, i % 20) {
        ("base", _) => "<think>\nPine, or is it something else?\n</think>\n\nOak.".to_owned(),
        (_, 0) => "<think>Birch, I".to_owned(),
        (_, _) => "<think>\n\n</think>\n\nOak.".to_owned(),
    });
    world.judge("judge", |_, _, _| Outcome::First);
    assert_eq!(world.judgments.len(), 0, "behind the thoughts the texts are the same, or one is missing");
    let analysis = world.analyze();
    let all = &analysis.objective[0];
    assert_eq!((all.correct.value, all.base_correct.value, all.correct.n), (1.0, 1.0, 19));
    assert!(all.sentence.contains("(1 answer that ended while thinking left out)"), "{}", all.sentence);
    assert!(analysis.rates.iter().any(|rates| rates.sentence.contains(" 2 ended while thinking.")));
}

#[test]
fn the_first_screen_says_first_that_cut_texts_are_compared() {
    // Of 60 answers each: cut ones of the base and of the checkpoint. A tenth of 60 is 6.
    for (base, tuned, says) in
        [(0, 0, false), (6, 0, false), (7, 0, true), (46, 5, true), (3, 20, true), (50, 50, false)]
    {
        let mut world = World::new(60, &[10]);
        world.judge_by_arm("judge", |_| Some("step-000010"));
        let mut seen = std::collections::BTreeMap::<String, usize>::new();
        for completion in &mut world.completions {
            let number = seen.entry(completion.arm.clone()).or_default();
            if *number < if completion.arm == "base" { base } else { tuned } {
                completion.finish_reason = FinishReason::Length;
            }
            *number += 1;
        }
        let analysis = world.analyze();
        let headline = &analysis.headline;
        assert_eq!(headline.cut_texts.is_some(), says, "{base} {tuned}");
        let first = analysis.card.watch_out.first().map_or("", String::as_str);
        assert_eq!(first.starts_with("This compares cut texts:"), says, "{first}");
        let better = &headline.answers[0];
        assert_eq!(better.starts_with("This compares cut texts:"), says, "{better}");
        assert!(better.ends_with(&headline.sentence), "what the votes say is still said: {better}");
        let advice = analysis.next_steps.iter().any(|step| step.starts_with("Give the answers more room: "));
        assert_eq!(advice, says, "{:?}", analysis.next_steps);
        let mut unjudged = world.clone();
        unjudged.judgments.clear();
        let steps = unjudged.analyze().next_steps;
        assert_eq!(
            steps[0].starts_with("Give the answers more room: "),
            says,
            "before anybody votes: {steps:?}"
        );
        assert!(steps[usize::from(says)].starts_with("Vote yourself, blind"), "{steps:?}");
        let found = unequal_cuts(&world.plan, &world.prompts, &world.completions);
        assert_eq!(found, headline.cut_texts, "the command that generates says the same");
        if (base, tuned) == (46, 5) {
            assert_eq!(
                found.expect("46 against 5"),
                "This compares cut texts: 46 of 60 answers of `base` and 5 of `step-000010` were cut at the limit of 64 tokens, \
                 and an answer may lose only because it does not end."
            );
        }
    }
}

#[test]
fn a_thought_that_was_cut_is_no_cut_answer() {
    let mut world = World::new(40, &[10]);
    world.judge_by_arm("judge", |_| Some("step-000010"));
    for completion in world.completions.iter_mut().filter(|row| row.arm == "base") {
        completion.text = "<think>\nOn and on".to_owned();
        completion.finish_reason = FinishReason::Length;
    }
    let headline = world.analyze().headline;
    assert_eq!((headline.composite, headline.cut_texts), (Composite::NotComparable, None));
}
