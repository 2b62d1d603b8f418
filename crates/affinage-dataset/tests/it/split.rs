//! The split: no leak on any corpus, the same for the same seed, and never a silent move.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use affinage_dataset::message::{Message, Role};
use affinage_dataset::shingle::words;
use affinage_dataset::split::{
    BORDER_LEN, Drop, DropReason, Item, Policy, Previous, SECTION_LEN, Side, Split, SplitError, split,
};
use proptest::prelude::*;

const POLICY: Policy = Policy { validation_share: 0.1, test_share: 0.2, seed: 7 };

/// An example with owned texts.
#[derive(Debug, Clone)]
struct Owned {
    id: String,
    conversation: String,
    /// Where it is another text than the conversation.
    document: Option<String>,
    position: usize,
    prompt: String,
    response: String,
    before: Vec<Message>,
}

impl Owned {
    fn document(&self) -> &str {
        self.document.as_ref().unwrap_or(&self.conversation)
    }
}

fn items(owned: &[Owned]) -> Vec<Item<'_>> {
    owned
        .iter()
        .map(|o| Item {
            example_id: &o.id,
            conversation: &o.conversation,
            document: o.document(),
            position: o.position,
            prompt: &o.prompt,
            response: &o.response,
            before: &o.before,
        })
        .collect()
}

/// Words that no two numbers share.
fn text(number: usize, len: usize) -> String {
    let letters = |mut n: usize| {
        let mut word = String::new();
        for _ in 0..5 {
            word.push(char::from(b'a' + (n % 26) as u8));
            n /= 26;
        }
        word
    };
    (0..len).map(|i| letters(number * 1000 + i * 7 + 3)).collect::<Vec<_>>().join(" ")
}

/// `count` examples, `per` in each conversation, all different.
fn corpus(count: usize, per: usize) -> Vec<Owned> {
    (0..count)
        .map(|i| Owned {
            id: format!("e{i:04}"),
            conversation: format!("c{:03}", i / per),
            document: None,
            position: i % per,
            prompt: text(2 * i, 12),
            response: text(2 * i + 1, 30),
            before: Vec::new(),
        })
        .collect()
}

fn run(owned: &[Owned], previous: &Previous) -> Split {
    split(&items(owned), &POLICY, previous, &[]).expect("a split")
}

fn previous(split: &Split) -> Previous {
    Previous { sides: split.sides.clone(), sectioned: split.certificate.sectioned.clone() }
}

/// The leak measure, written again without index and hashes.
fn containment(asked: &[&str], other: &[&str]) -> f64 {
    let shingles = |texts: &[&str]| -> HashSet<Vec<String>> {
        let all: Vec<String> = texts.iter().flat_map(|text| words(text)).collect();
        all.windows(5).map(<[String]>::to_vec).collect()
    };
    let (asked, other) = (shingles(asked), shingles(other));
    if asked.len() < 8 {
        return 0.0;
    }
    asked.intersection(&other).count() as f64 / asked.len() as f64
}

/// What stands before the prompt of an example.
fn before(owned: &Owned) -> Vec<&str> {
    owned.before.iter().map(|turn| turn.content.as_str()).collect()
}

/// All that is read of a training example.
fn row(owned: &Owned) -> Vec<&str> {
    before(owned).into_iter().chain([owned.prompt.as_str(), &owned.response]).collect()
}

/// A question with its answer, as it stands before another prompt.
fn exchange(question: &str, answer: &str) -> Vec<Message> {
    vec![Message::new(Role::User, question), Message::new(Role::Assistant, answer)]
}

fn on(owned: &[Owned], split: &Split, wanted: impl Fn(Side) -> bool) -> Vec<usize> {
    (0..owned.len()).filter(|&i| split.placed[i].is_some_and(&wanted)).collect()
}

#[test]
fn shares_are_met_and_conversations_stay_together() {
    let owned = corpus(300, 3);
    let split = run(&owned, &Previous::default());
    let count = |side: Side| on(&owned, &split, |s| s == side).len();
    assert!((25..=35).contains(&count(Side::Validation)), "{}", count(Side::Validation));
    let test = count(Side::Test) + count(Side::Reserve);
    assert!((54..=66).contains(&test), "{test}");
    assert_eq!(count(Side::Reserve), 0, "60 held-out prompts are too few to seal any");
    let mut sides: BTreeMap<&str, BTreeSet<Option<Side>>> = BTreeMap::new();
    for (owned, side) in owned.iter().zip(&split.placed) {
        sides.entry(&owned.conversation).or_default().insert(*side);
    }
    assert!(sides.values().all(|sides| sides.len() == 1));
    assert_eq!(split, run(&owned, &Previous::default()), "the same for the same seed");
    let mut reversed = owned.clone();
    reversed.reverse();
    assert_eq!(
        split.sides,
        run(&reversed, &Previous::default()).sides,
        "the order of the examples does not matter"
    );
}

/// Sections of notes: one conversation each, `per` in each document.
fn sections(count: usize, per: usize) -> Vec<Owned> {
    let mut owned = corpus(count, 1);
    owned.iter_mut().enumerate().for_each(|(i, o)| o.document = Some(format!("document:{}", i / per)));
    owned
}

#[test]
fn a_large_conversation_is_learnt_where_small_ones_fill_the_held_out_sides() {
    let mut owned = corpus(400, 2);
    for one in owned.iter_mut().take(60) {
        one.conversation = "long".to_owned();
    }
    for seed in 0..20 {
        let policy = Policy { seed, ..POLICY };
        let split = split(&items(&owned), &policy, &Previous::default(), &[]).expect("a split");
        assert!(split.placed[..60].iter().all(|side| *side == Some(Side::Train)), "seed {seed}");
        let of = |side: Side| split.placed.iter().filter(|placed| **placed == Some(side)).count();
        assert_eq!((of(Side::Test) + of(Side::Reserve), of(Side::Validation)), (80, 40), "seed {seed}");
    }
}

fn sides_of_documents(owned: &[Owned], split: &Split) -> BTreeMap<String, BTreeSet<Option<Side>>> {
    let mut sides: BTreeMap<String, BTreeSet<Option<Side>>> = BTreeMap::new();
    for (owned, side) in owned.iter().zip(&split.placed) {
        sides.entry(owned.document().to_owned()).or_default().insert(*side);
    }
    sides
}

#[test]
fn sections_of_one_document_stand_on_one_side() {
    let owned = sections(300, 10);
    let split = run(&owned, &Previous::default());
    assert!(sides_of_documents(&owned, &split).values().all(|sides| sides.len() == 1));
    assert!((50..=70).contains(&on(&owned, &split, |s| s == Side::Test).len()));
    assert_eq!(split.certificate.sectioned, BTreeSet::new());
}

#[test]
fn a_document_that_is_most_of_the_data_is_cut_and_named() {
    let mut owned = sections(40, 1);
    owned.iter_mut().take(20).for_each(|o| o.document = Some("document:book".to_owned()));
    let split = run(&owned, &Previous::default());
    assert_eq!(split.certificate.sectioned, BTreeSet::from(["document:book".to_owned()]));
    assert!(sides_of_documents(&owned, &split)["document:book"].len() > 1);
    assert!(split.placed.iter().all(Option::is_some), "sections have no context that a border could cut");
    // One book alone is better than nothing to train on, as long as it is said.
    let alone = sections(12, 12);
    let split = run(&alone, &Previous::default());
    assert_eq!(split.certificate.sectioned.len(), 1);
    assert!(!on(&alone, &split, |s| s == Side::Test).is_empty());
}

#[test]
fn sections_that_an_older_version_placed_one_by_one_keep_their_sides() {
    let mut owned = corpus(60, 1);
    let before = run(&owned, &Previous::default());
    owned.iter_mut().enumerate().for_each(|(i, o)| o.document = Some(format!("document:{}", i / 6)));
    let after = run(&owned, &previous(&before));
    assert_eq!((&after.sides, after.certificate.dropped.len()), (&before.sides, 0));
    let cut = &after.certificate.sectioned;
    let sides = sides_of_documents(&owned, &after);
    assert!(
        sides.iter().all(|(document, sides)| cut.contains(document) == (sides.len() > 1)),
        "{cut:?} {sides:?}"
    );
    assert!(!cut.is_empty());
}

#[test]
fn from_ninety_held_out_prompts_on_a_third_is_sealed() {
    let owned = corpus(600, 2);
    let split = run(&owned, &Previous::default());
    let reserve = on(&owned, &split, |s| s == Side::Reserve).len();
    let test = on(&owned, &split, |s| s == Side::Test).len();
    assert!((36..=44).contains(&reserve) && (72..=86).contains(&test), "{reserve} {test}");
}

#[test]
fn growth_keeps_every_side_and_what_joins_two_sides_leaves_the_held_out_one() {
    let owned = corpus(100, 2);
    let first = run(&owned, &Previous::default());
    let mut grown = owned.clone();
    grown.extend(corpus(140, 2).split_off(100));
    let second = run(&grown, &previous(&first));
    for (id, side) in &first.sides {
        assert_eq!(second.sides[id], *side);
    }
    let train = on(&owned, &first, |s| s == Side::Train)[0];
    let held_out = on(&owned, &first, |s| s == Side::Test)[0];
    let mut bridge = owned[train].clone();
    bridge.id = "bridge".into();
    bridge.prompt = owned[held_out].prompt.clone();
    grown.push(bridge);
    let third = run(&grown, &previous(&second));
    assert_eq!(third.sides["bridge"], Side::Train);
    let group: Vec<&Owned> =
        owned.iter().filter(|o| o.conversation == owned[held_out].conversation).collect();
    for member in &group {
        assert_eq!(third.sides[&member.id], Side::Retired);
        let dropped = third.certificate.dropped.iter().find(|d| d.example_id == member.id).expect("listed");
        assert_eq!(dropped.reason, DropReason::Joined { side: Side::Train });
    }
    grown.pop();
    let fourth = run(&grown, &previous(&third));
    assert!(group.iter().all(|member| fourth.sides[&member.id] == Side::Retired), "retired for good");
    let reason = |id: &str| fourth.certificate.dropped.iter().find(|d| d.example_id == id).map(|d| &d.reason);
    assert!(
        group.iter().all(|member| reason(&member.id) == Some(&DropReason::Retired)),
        "and listed each time"
    );
}

#[test]
fn a_long_conversation_is_cut_with_gaps_at_the_borders() {
    let mut owned = corpus(50, 1);
    let long = (0..400).map(|i| Owned {
        id: format!("l{i:03}"),
        conversation: "long".into(),
        document: None,
        position: i,
        prompt: text(5000 + 2 * i, 12),
        response: text(5001 + 2 * i, 20),
        before: Vec::new(),
    });
    owned.extend(long);
    let split = run(&owned, &Previous::default());
    assert_eq!(split.certificate.sectioned, BTreeSet::from(["long".to_owned()]));
    let side_at = |position: usize| split.placed[50 + position];
    let mut borders = 0;
    for position in (SECTION_LEN..400).step_by(SECTION_LEN) {
        let (before, after) = (side_at(position - 1), side_at(position + BORDER_LEN));
        if before != after {
            borders += 1;
            assert!((position..position + BORDER_LEN).all(|p| side_at(p).is_none()), "no gap at {position}");
        } else {
            assert!(side_at(position).is_some(), "a gap at {position} that no border needs");
        }
    }
    assert!(borders > 0);
    let dropped = split.certificate.dropped.iter().filter(|d| d.reason == DropReason::Border).count();
    assert_eq!(dropped, borders * BORDER_LEN);
}

#[test]
fn what_still_overlaps_is_dropped_and_listed() {
    let mut owned = corpus(60, 1);
    let first = run(&owned, &Previous::default());
    let train = on(&owned, &first, |s| s == Side::Train)[0];
    let held_out = on(&owned, &first, |s| s == Side::Test)[0];
    // A quarter of the words of a training answer: too little to join the groups, too much for the certificate.
    let quoted: Vec<String> = owned[train].response.split(' ').take(16).map(str::to_owned).collect();
    owned[held_out].response = format!("{} {}", quoted.join(" "), text(9999, 20));
    let second = run(&owned, &previous(&first));
    let dropped =
        second.certificate.dropped.iter().find(|d| d.example_id == owned[held_out].id).expect("listed");
    assert!(
        matches!(&dropped.reason, DropReason::Leak { containment, train_example } if *containment >= 0.2 && *train_example == owned[train].id)
    );
    assert_eq!(second.sides[&owned[held_out].id], Side::Test, "dropped, but never moved to train");
    // Both are known by their words.
    for index in [held_out, train] {
        let begin = &second.certificate.begin[&owned[index].id];
        assert!(!begin.is_empty() && owned[index].prompt.starts_with(begin.as_str()));
    }
    assert!(second.certificate.max_containment < 0.2);
    // Without the training example it is tested with again.
    let id = owned[held_out].id.clone();
    owned.remove(train);
    let third = run(&owned, &previous(&second));
    assert!(third.certificate.dropped.is_empty());
    let held_out = owned.iter().position(|example| example.id == id).expect("there");
    assert_eq!(third.placed[held_out], Some(Side::Test));
}

#[test]
fn what_repeats_training_examples_is_trained_on_and_others_are_tested_with() {
    // Two of three carry the same form around words of their own: too little to be one group, too much to be tested with.
    let mut owned = corpus(120, 1);
    let form = text(9998, 16);
    for example in &mut owned {
        let number: usize = example.id[1..].parse().expect("a number");
        if !number.is_multiple_of(3) {
            example.response = format!("{form} {}", example.response);
        }
    }
    let split = run(&owned, &Previous::default());
    assert_eq!(split.certificate.dropped, [], "nothing is in no file");
    assert!(split.certificate.max_containment < 0.2);
    let test = on(&owned, &split, |side| side == Side::Test);
    assert_eq!(
        test.len(),
        (POLICY.test_share * owned.len() as f64).round() as usize,
        "the share is met by others"
    );
    assert!(test.iter().all(|&index| !owned[index].response.starts_with(&form)));
    let grown = [owned.clone(), corpus(130, 1).split_off(120)].concat();
    let again = run(&grown, &previous(&split));
    assert!(owned.iter().all(|example| again.sides[&example.id] == split.sides[&example.id]));
}

#[test]
fn a_conversation_that_was_forked_stands_where_its_first_answers_do() {
    let plain = corpus(60, 1);
    let mut forked = plain.clone();
    // The copy went on with another question; of its first exchange nothing was accepted.
    forked[1].before = exchange(&plain[0].prompt, &plain[0].response);
    let sides = |owned: &[Owned], seed| {
        let policy = Policy { seed, ..POLICY };
        let split = split(&items(owned), &policy, &Previous::default(), &[]).expect("a split");
        assert!(split.certificate.max_in_context.is_some_and(|share| share < 0.2));
        assert_eq!(split.certificate.dropped, [], "nothing has to be dropped");
        (split.sides["e0000"], split.sides["e0001"])
    };
    assert!((0..30).all(|seed| sides(&forked, seed).0 == sides(&forked, seed).1));
    assert!((0..30).any(|seed| sides(&plain, seed).0 != sides(&plain, seed).1), "chance parts them");
}

#[test]
fn a_held_out_answer_before_a_training_prompt_is_dropped_and_listed() {
    let mut owned = corpus(60, 1);
    let first = run(&owned, &Previous::default());
    let train = on(&owned, &first, |s| s == Side::Train)[0];
    let held_out = on(&owned, &first, |s| s == Side::Test)[0];
    let begin = |example: &Owned, count: usize| {
        let words: Vec<&str> = example.response.split(' ').take(count).collect();
        format!("{} {}", words.join(" "), text(9999, 20))
    };
    let dropped = |owned: &[Owned]| {
        let split = run(owned, &previous(&first));
        let reason = split.certificate.dropped.iter().find(|d| d.example_id == owned[held_out].id);
        (reason.map(|found| found.reason.clone()), split.certificate)
    };
    // Six of its 26 sequences, and six of the 38 of question and answer.
    owned[train].before = exchange("And who said this?", &begin(&owned[held_out], 10));
    let (reason, certificate) = dropped(&owned);
    let expected = DropReason::InContext { containment: 6.0 / 26.0, train_example: owned[train].id.clone() };
    assert_eq!(reason, Some(expected));
    assert!(certificate.max_in_context.is_some_and(|share| share < 0.2));
    // Less than the limit is stated.
    owned[train].before = exchange("And who said this?", &begin(&owned[held_out], 9));
    let (reason, certificate) = dropped(&owned);
    assert_eq!((reason, certificate.max_in_context), (None, Some(5.0 / 26.0)));
    assert_eq!(certificate.max_containment, 5.0 / 38.0, "the turns before a prompt are part of the row");
    // The same question with the same short answer.
    (owned[held_out].prompt, owned[held_out].response) =
        ("And the weir?".to_owned(), "It stands.".to_owned());
    owned[train].before = exchange("And the weir?", "It stands!");
    assert!(matches!(dropped(&owned).0, Some(DropReason::Leak { containment: 1.0, .. })));
}

#[test]
fn a_greeting_before_most_prompts_ties_nothing() {
    let mut owned = corpus(60, 1);
    let greeting = "Good evening, and welcome to the keeper of the weir, what may it be";
    owned[0].response = greeting.to_owned();
    for one in owned.iter_mut().skip(1) {
        one.before = exchange("Good evening", greeting);
    }
    let split = run(&owned, &Previous::default());
    assert!(split.certificate.max_in_context.is_some_and(|share| share < 0.2));
    assert!(on(&owned, &split, |side| side == Side::Test).len() > 5);
}

#[test]
fn training_examples_with_an_evaluation_prompt_are_dropped() {
    let mut owned = corpus(60, 1);
    let split_with = |owned: &[Owned], prompts: &[&str]| {
        let prompts: Vec<String> = prompts.iter().map(|p| (*p).to_owned()).collect();
        split(&items(owned), &POLICY, &Previous::default(), &prompts).expect("a split")
    };
    let first = split_with(&owned, &[]);
    let train = on(&owned, &first, |s| s == Side::Train);
    owned[train[0]].prompt = "Name the capital of France.".into();
    let long = owned[train[1]].prompt.clone();
    let second = split_with(&owned, &["name the capital of france", &long, "Name another capital."]);
    let dropped: BTreeSet<&str> = second.certificate.dropped.iter().map(|d| d.example_id.as_str()).collect();
    assert_eq!(dropped, BTreeSet::from([owned[train[0]].id.as_str(), owned[train[1]].id.as_str()]));
    assert_eq!(second.certificate.evaluation_prompts, 3);
}

#[test]
fn what_many_conversations_say_alike_is_kept_once_and_ties_nothing() {
    const WELCOME: &str = "You are very welcome! If anything else comes up, just ask me.";
    let mut owned = corpus(240, 8);
    for o in owned.iter_mut().filter(|o| o.position == 7) {
        o.response = WELCOME.into();
    }
    let split = run(&owned, &Previous::default());
    let said = |index: &usize| owned[*index].response == WELCOME;
    let placed: Vec<usize> = (0..owned.len()).filter(|i| split.placed[*i].is_some()).filter(said).collect();
    assert_eq!(placed.len(), 1, "one of thirty is kept");
    let kept = &owned[placed[0]].id;
    let dropped = &split.certificate.dropped;
    assert_eq!(dropped.len(), 29, "{dropped:?}");
    assert!(
        dropped.iter().all(|d| matches!(&d.reason, DropReason::Repeated { kept: other } if other == kept)),
        "{dropped:?}"
    );
    assert!(on(&owned, &split, |side| side == Side::Test).len() > 20);
    // What five conversations share belongs together as before.
    for (number, o) in owned.iter_mut().filter(|o| o.position == 7).enumerate().skip(5) {
        o.response = text(5000 + number, 20);
    }
    let split = run(&owned, &Previous::default());
    assert_eq!(split.certificate.dropped, [], "nothing is dropped where the ties are few");
}

#[test]
fn all_texts_that_tie_a_corpus_are_named_at_once() {
    // Sixteen chats of two cards; eight texts tie two or three of them each into a chain, by half of the cards.
    let mut owned = corpus(32, 2);
    for (number, o) in owned.iter_mut().enumerate().filter(|(_, o)| o.position == 1) {
        o.response = text(7000 + number / 6, 20);
    }
    for (number, o) in owned.iter_mut().enumerate().filter(|(_, o)| o.position == 0) {
        o.prompt = text(8000 + (number + 3) / 6, 12);
    }
    let Err(SplitError::OneComponent { ties, is_enough, .. }) =
        split(&items(&owned), &POLICY, &Previous::default(), &[])
    else {
        panic!("a chain");
    };
    assert!(is_enough && ties.len() > 1, "{ties:?}");
    owned.retain(|o| !ties.iter().any(|tie| o.prompt == tie.text || o.response.starts_with(&tie.text)));
    assert!(split(&items(&owned), &POLICY, &Previous::default(), &[]).is_ok(), "{ties:?}");
}

#[test]
fn of_texts_that_are_alike_each_is_named() {
    // Fifteen chats ask the same in three ways that no search for one of them finds.
    let mut owned = corpus(20, 1);
    let asked = "rewrite the following text in my own voice so that it reads as if I had written it myself, thank you";
    for (number, o) in owned.iter_mut().take(15).enumerate() {
        o.prompt = format!("{} {asked}", ["Please", "Kindly", "Now"][number % 3]);
    }
    let Err(SplitError::OneComponent { ties, is_enough, .. }) =
        split(&items(&owned), &POLICY, &Previous::default(), &[])
    else {
        panic!("one component");
    };
    assert!(is_enough && ties.len() >= 2, "{ties:?}");
    owned.retain(|o| !ties.iter().any(|tie| o.prompt.contains(&tie.text)));
    assert!(split(&items(&owned), &POLICY, &Previous::default(), &[]).is_ok(), "{ties:?}");
}

#[test]
fn a_corpus_that_hangs_together_is_refused_with_the_reason() {
    let mut owned = corpus(20, 1);
    for o in owned.iter_mut().take(15) {
        o.prompt = "Please rewrite the following text in my own voice, thank you".into();
    }
    let error = split(&items(&owned), &POLICY, &Previous::default(), &[]).expect_err("one component");
    insta::assert_snapshot!(error, @r#"75 % of the examples hang together in one group, so no clean split exists; it is tied by the prompt "Please rewrite the following text in my own voice, thank you" (15 groups)"#);
    for o in owned.iter_mut().take(15) {
        o.prompt.push_str(", and then tell me in a few sentences whether it reads well\nNow.");
    }
    let error = split(&items(&owned), &POLICY, &Previous::default(), &[]).expect_err("one component");
    let whole = "\"Please rewrite the following text in my own voice, thank you, and then tell me\"";
    assert!(error.to_string().contains(whole), "whole words, to be searched for: {error}");
    assert!(matches!(
        split(&items(&owned[..2]), &POLICY, &Previous::default(), &[]),
        Err(SplitError::TooFew { examples: 2 })
    ));
}

/// Random corpora with planted groups: several answers to one prompt, copied answers, quotations, short turns.
fn random_corpus() -> impl Strategy<Value = Vec<Owned>> {
    let example = (0usize..25, 0usize..4, 0usize..60, 0usize..60, 0usize..3);
    prop::collection::vec(example, 10..80).prop_map(|examples| {
        let build = |(i, (conversation, kind, prompt, response, quote)): (
            usize,
            (usize, usize, usize, usize, usize),
        )| {
            let fresh = text(1000 + i, 14);
            let shared = text(response, 25);
            let words: Vec<&str> = shared.split(' ').collect();
            let response = match kind {
                0 => shared.clone(),
                1 => format!("{} {fresh}", words[..8 + 4 * quote].join(" ")),
                2 => "Yes.".to_owned(),
                _ => fresh.clone(),
            };
            let prompt = if prompt < 20 { text(500 + prompt, 10) } else { format!("{fresh} {prompt}") };
            Owned {
                id: format!("e{i:03}"),
                conversation: format!("c{conversation}"),
                document: (conversation % 2 == 0).then(|| format!("document:{}", conversation / 4)),
                position: i,
                prompt,
                response,
                before: if kind == 3 { exchange(&text(2000 + i, 9), &text(quote, 25)) } else { Vec::new() },
            }
        };
        examples.into_iter().enumerate().map(build).collect()
    })
}

/// Examples are those on a side and those that were dropped for a reason.
fn placed_or_listed_once(owned: &[Owned], split: &Split) -> Result<(), TestCaseError> {
    for (owned, placed) in owned.iter().zip(&split.placed) {
        let listed = split.certificate.dropped.iter().filter(|drop| drop.example_id == owned.id).count();
        prop_assert_eq!(listed, usize::from(placed.is_none()), "{} stands on {:?}", owned.id, placed);
    }
    let listed: usize = split.certificate.drops_by_reason().values().sum();
    prop_assert_eq!(split.placed.iter().flatten().count() + listed, owned.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn nothing_held_out_is_found_in_train(owned in random_corpus(), seed in 0u64..5) {
        let policy = Policy { seed, ..POLICY };
        let Ok(split) = split(&items(&owned), &policy, &Previous::default(), &[]) else { return Ok(()) };
        placed_or_listed_once(&owned, &split)?;
        let train = on(&owned, &split, |s| s == Side::Train);
        let held_out = on(&owned, &split, |s| s != Side::Train);
        let (mut largest, mut in_context): (f64, f64) = (0.0, 0.0);
        for &h in &held_out {
            for &t in &train {
                largest = largest.max(containment(&[&owned[h].prompt, &owned[h].response], &row(&owned[t])));
                in_context = in_context.max(containment(&[&owned[h].response], &before(&owned[t])));
                let sectioned = split.certificate.sectioned.contains(owned[h].document());
                prop_assert!(sectioned || owned[h].document() != owned[t].document());
            }
        }
        prop_assert!(largest < 0.2 && in_context < 0.2, "{} {}", largest, in_context);
        prop_assert_eq!(split.certificate.max_containment, largest);
        prop_assert_eq!(split.certificate.max_in_context, Some(in_context));
    }

    #[test]
    fn adding_data_never_moves_an_example_silently(owned in random_corpus(), cut in 5usize..40) {
        let cut = cut.min(owned.len());
        let Ok(first) = split(&items(&owned[..cut]), &POLICY, &Previous::default(), &[]) else { return Ok(()) };
        let Ok(second) = split(&items(&owned), &POLICY, &previous(&first), &[]) else { return Ok(()) };
        placed_or_listed_once(&owned, &second)?;
        for (id, side) in &first.sides {
            let now = second.sides[id];
            let reported = second.certificate.dropped.iter().any(|d| d.example_id == *id);
            prop_assert!(now == *side || (now == Side::Retired && reported), "{} was {:?}, is {:?}", id, side, now);
        }
        let asked: Vec<String> = owned.iter().step_by(3).map(|example| example.prompt.clone()).collect();
        let Ok(third) = split(&items(&owned), &POLICY, &previous(&second), &asked) else { return Ok(()) };
        placed_or_listed_once(&owned, &third)?;
    }
}

#[test]
fn what_was_dropped_is_read_as_it_was_written() {
    let (containment, other) = (0.5, "p".to_owned());
    for reason in [
        DropReason::Border,
        DropReason::Leak { containment, train_example: other.clone() },
        DropReason::InContext { containment, train_example: other.clone() },
        DropReason::Joined { side: Side::Train },
        DropReason::EvaluationPrompt { containment, prompt: other },
        DropReason::Retired,
    ] {
        let dropped = Drop { example_id: "e".to_owned(), side: Side::Validation, reason };
        let text = serde_json::to_string(&dropped).expect("plain data");
        assert_eq!(serde_json::from_str::<Drop>(&text).ok(), Some(dropped), "{text}");
    }
}
