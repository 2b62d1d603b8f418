//! "Which of the two did the author write?": the opening of a held-out answer beside the opening of a model's answer to the same
//! prompt, for people who know the author. It is a game with a figure: whoever guesses is right in half of the cases.

use std::collections::{BTreeMap, BTreeSet};

use crate::completion::Completion;
use crate::id::row_id;
use crate::rng::Rng;
use crate::suite::{Domain, Prompt};

/// Screens of a page, unless there are fewer.
pub const SCREENS: usize = 10;
/// Words of an opening: as many as a telephone shows, and not so few that nobody could tell.
const WORDS: std::ops::RangeInclusive<usize> = 15..=80;

/// One screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Screen<'a> {
    pub id: String,
    pub prompt: &'a Prompt,
    /// Both with as many words, so that length tells nothing, and neither whole.
    pub openings: [String; 2],
    /// Which of them the author wrote.
    pub real: usize,
}

/// All screens that the answers of `arm` allow, one a conversation, in an order and with places drawn by `seed`.
///
/// `by_person`: the prompts whose reference a person wrote. Left out are pairs of which one side is too short, and those that
/// begin alike.
pub fn screens<'a>(
    prompts: &'a [Prompt],
    completions: &[Completion],
    arm: &str,
    by_person: &BTreeSet<String>,
    seed: u64,
) -> Vec<Screen<'a>> {
    let answers: BTreeMap<&str, &Completion> = completions
        .iter()
        .filter(|answer| answer.arm == arm && answer.sample == 0)
        .map(|answer| (answer.prompt_id.as_str(), answer))
        .collect();
    let mut rng = Rng::for_purpose(seed, &["recognition"]);
    let mut order: Vec<&Prompt> = prompts
        .iter()
        .filter(|prompt| prompt.domain == Domain::In && by_person.contains(&prompt.prompt_id))
        .collect();
    rng.shuffle(&mut order);
    let mut conversations = BTreeSet::new();
    let mut screens = Vec::new();
    for prompt in order {
        let (Some(real), Some(answer)) = (&prompt.reference, answers.get(prompt.prompt_id.as_str())) else {
            continue;
        };
        let Some([real, answered]) = openings(real, answer.answer()) else { continue };
        if real == answered || !conversations.insert(prompt.cluster_id.as_str()) {
            continue;
        }
        let place = rng.below(2);
        let openings = if place == 0 { [real, answered] } else { [answered, real] };
        let id = row_id("rec", &[&prompt.prompt_id, &openings[0], &openings[1]]);
        screens.push(Screen { id, prompt, openings, real: place });
    }
    screens
}

/// The beginnings of two texts with as many words, each shorter than its text; `None` where one is too short.
fn openings(one: &str, other: &str) -> Option<[String; 2]> {
    let [words, more] = [one, other].map(|text| text.split_whitespace().count());
    // Nine tenths: how a text ends would tell.
    let kept = (words.min(more) * 9 / 10).min(*WORDS.end());
    WORDS.contains(&kept).then(|| [one, other].map(|text| opening(text, kept)))
}

/// The first `words` words with the white space between them.
fn opening(text: &str, words: usize) -> String {
    let text = text.trim_start();
    let mut left = words;
    let mut is_in_word = false;
    for (at, c) in text.char_indices() {
        if is_in_word && c.is_whitespace() {
            left -= 1;
            if left == 0 {
                return format!("{} …", &text[..at]);
            }
        }
        is_in_word = !c.is_whitespace();
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use affinage_dataset::message::{Message, Role};

    use super::*;
    use crate::completion::{CompletionKey, FinishReason, Sampling};
    use crate::suite::Split;

    fn words(word: &str, count: usize) -> String {
        (0..count).map(|i| format!("{word}{i}")).collect::<Vec<String>>().join(" ")
    }

    fn prompt(id: &str, cluster: &str, reference: Option<String>) -> Prompt {
        Prompt {
            v: 1,
            prompt_id: id.to_owned(),
            cluster_id: cluster.to_owned(),
            split: Split::Report,
            domain: Domain::In,
            category: "in-domain".to_owned(),
            messages: vec![Message::new(Role::User, "Why?")],
            reference,
            check: None,
            source_hash: String::new(),
        }
    }

    fn answer(prompt_id: &str, arm: &str, text: String) -> Completion {
        let sampling = Sampling { temperature: 0.7, top_p: 0.95, top_k: 0, max_new_tokens: 99 };
        let key = CompletionKey {
            prompt_id,
            arm,
            adapter_sha256: None,
            base_sha256: None,
            sample: 0,
            seed: 1,
            sampling: &sampling,
        };
        key.answered(text, 0, FinishReason::Stop)
    }

    #[test]
    fn both_openings_have_as_many_words_and_neither_is_whole() {
        let long = format!("{}\n\n{}", words("a", 20), words("b", 200));
        let [real, answered] = openings(&long, &words("c", 40)).expect("long enough");
        let count = |text: &str| text.split_whitespace().filter(|word| *word != "…").count();
        assert_eq!((count(&real), count(&answered)), (36, 36));
        assert!(
            real.contains("a19\n\nb0") && real.ends_with("b15 …") && answered.ends_with("c35 …"),
            "{real}"
        );
        assert_eq!(count(&openings(&long, &long).expect("long enough")[0]), 80);
        assert_eq!(openings(&long, &words("c", 16)), None, "too short to tell");
    }

    #[test]
    fn one_screen_a_conversation_of_what_a_person_wrote() {
        let mut prompts: Vec<Prompt> = (0..40)
            .map(|i| prompt(&format!("p{i}"), &format!("c{i}"), Some(words("real", 30 + i))))
            .collect();
        prompts[1].cluster_id = "c0".to_owned();
        prompts[2].reference = None;
        prompts[3].domain = Domain::Out;
        let mut answers: Vec<Completion> =
            prompts.iter().map(|one| answer(&one.prompt_id, "last", words("model", 50))).collect();
        answers.extend(prompts.iter().map(|one| answer(&one.prompt_id, "base", words("base", 50))));
        answers[4] = answer("p4", "last", words("model", 3));
        let by_person: BTreeSet<String> =
            prompts.iter().map(|one| one.prompt_id.clone()).filter(|id| id != "p5").collect();
        let made = screens(&prompts, &answers, "last", &by_person, 7);
        assert_eq!(made.len(), 40 - 5);
        for screen in &made {
            assert!(screen.openings[screen.real].starts_with("real0 real1"));
            assert!(screen.openings[1 - screen.real].starts_with("model0 model1"));
        }
        let first = made.iter().filter(|screen| screen.real == 0).count();
        assert!((8..=27).contains(&first), "{first} of 35 stand first");
        assert_eq!(made, screens(&prompts, &answers, "last", &by_person, 7));
        assert_ne!(made[0].id, screens(&prompts, &answers, "last", &by_person, 8)[0].id);
    }
}
