//! The figures beside the cards: how far, of what, by whom, and what is missing.

use std::collections::{BTreeMap, HashMap, HashSet};

use affinage_dataset::authorship::{self, Written};
use affinage_dataset::candidate::Learn;
use affinage_dataset::lint::rules::titled;
use affinage_project::folder::library::{Access, Action, Choice, Mark, SecondLook};
use serde::Serialize;
use serde_json::{Value, json};

use super::catalogue::{Catalogue, Entry};
use super::choice::chosen_for;
use super::group::Group;
use crate::ui::counted;

/// Candidates, accepted, rejected.
type Counts = [usize; 3];

/// What the accepted examples lack.
#[derive(Serialize)]
struct Gap {
    words: String,
    /// Cards that would fill it.
    group: Option<Group>,
}

/// From this many accepted on, what is missing says something.
const GAPS_FROM: usize = 20;
/// Fewer candidates than this are no topic, year or length to miss.
const MIN_MISSED: usize = 4;
const SHOWN_GAPS: usize = 6;
/// One writer of this share of the accepted words is all the model will hear.
const ONE_VOICE: f64 = 0.9;

pub fn dashboard(
    catalogue: &Catalogue,
    marks: &HashMap<String, Mark>,
    looks: &[SecondLook],
    learn: Learn,
) -> Value {
    let mut models: BTreeMap<String, Counts> = BTreeMap::new();
    let mut topics: Vec<Counts> = vec![[0; 3]; catalogue.topics.len()];
    let mut years: BTreeMap<(usize, i16), Counts> = BTreeMap::new();
    let mut lengths: [Counts; LENGTHS.len()] = [[0; 3]; LENGTHS.len()];
    let mut flags: BTreeMap<String, usize> = BTreeMap::new();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut tags: BTreeMap<&str, usize> = BTreeMap::new();
    let mut domains: BTreeMap<&str, usize> = BTreeMap::new();
    let mut answers: BTreeMap<usize, usize> = BTreeMap::new();
    let (mut conversations, mut texts) = (HashSet::new(), HashSet::new());
    let mut written = Written::new();
    let (mut accepted_count, mut edited, mut typed) = (0, 0, 0);
    let mut on_topic = vec![0; catalogue.topics.len()];
    let mut private = on_topic.clone();
    for (index, entry) in catalogue.entries.iter().enumerate() {
        let conversation = catalogue.conversation(index);
        conversation.topic.iter().for_each(|topic| on_topic[*topic] += 1);
        if conversation.access() == Access::Never {
            conversation.topic.iter().for_each(|topic| private[*topic] += 1);
            continue;
        }
        let mark = marks.get(&entry.id);
        let action = mark.and_then(|mark| mark.action);
        let is_accepted = matches!(action, Some(Action::Accept | Action::Edit));
        let count = |counts: &mut Counts| {
            counts[0] += 1;
            counts[1] += usize::from(is_accepted);
            counts[2] += usize::from(action == Some(Action::Reject));
        };
        count(models.entry(entry.model.clone().unwrap_or_else(|| "not named".to_owned())).or_default());
        count(&mut lengths[length(entry)]);
        // What was skipped is not missed.
        let is_meant = conversation.access() == Access::Open || action.is_some();
        if let Some(topic) = conversation.topic.filter(|_| is_meant) {
            count(&mut topics[topic]);
            conversation.year.iter().for_each(|year| count(years.entry((topic, *year)).or_default()));
        }
        match action {
            // As the list counts them: of what comes up for a decision.
            None if conversation.access() == Access::Open => {
                entry.findings().for_each(|rule| *flags.entry(titled(rule)).or_default() += 1);
            }
            None => {}
            Some(Action::Reject) => {
                let reason = mark.and_then(|mark| mark.reason.as_deref()).unwrap_or("no reason given");
                *reasons.entry(reason).or_default() += 1;
            }
            Some(Action::Accept | Action::Edit) => {
                accepted_count += 1;
                edited += usize::from(mark.is_some_and(Mark::is_edited));
                mark.iter().flat_map(|mark| &mark.tags).for_each(|tag| *tags.entry(tag).or_default() += 1);
                let domain = mark.and_then(|mark| mark.domain.as_deref());
                domain.iter().for_each(|domain| *domains.entry(domain).or_default() += 1);
                *answers.entry(entry.answers).or_default() += 1;
                conversations.insert(entry.conversation);
                texts.insert(conversation.whole_text());
                typed += entry.measure.typed;
                for (who, chars) in &entry.measure.written {
                    *written.entry(who.clone()).or_default() += chars;
                }
            }
        }
    }
    let gaps = if accepted_count < GAPS_FROM {
        Vec::new()
    } else {
        gaps(catalogue, &topics, &years, &lengths, voice_of(&written, learn))
    };
    let choices = choice_by_topic(catalogue);
    // The first of the figures is the sum of the others.
    let named = |(topic, [_, accepted, rejected]): (usize, Counts)| {
        let [all, private] = [on_topic[topic], private[topic]];
        let undecided = all - accepted - rejected - private;
        json!({ "name": catalogue.topics[topic].name, "counts": [all, accepted, rejected, undecided, private],
            "choice": choices[topic] })
    };
    let topics: Vec<Value> = topics.into_iter().enumerate().map(named).collect();
    let lengths: Vec<Value> = LENGTHS
        .iter()
        .zip(lengths)
        .map(|((_, name), counts)| json!({ "name": name, "count": counts[1] }))
        .collect();
    json!({
        "models": models, "topics": topics, "flags": flags, "reasons": reasons, "tags": tags,
        "domains": domains, "lengths": lengths, "answers": answers, "edited": edited,
        "shares": authorship::shares(&written), "written": written, "typed": typed,
        "conversations": conversations.len(),
        "is_notes_only": super::topics::is_notes_only(catalogue),
        "has_notes": super::topics::has_notes(catalogue),
        "effective_n": texts.len(),
        "gaps": gaps,
        "second_looks": self_agreement(looks),
    })
}

/// What was chosen for all of a topic.
fn choice_by_topic(catalogue: &Catalogue) -> Vec<Option<Choice>> {
    let of = |topic: usize| catalogue.conversations.iter().filter(move |c| c.topic == Some(topic));
    (0..catalogue.topics.len()).map(|topic| chosen_for(of(topic))).collect()
}

fn gaps(
    catalogue: &Catalogue,
    topics: &[Counts],
    years: &BTreeMap<(usize, i16), Counts>,
    lengths: &[Counts],
    one_voice: Option<Gap>,
) -> Vec<Gap> {
    let is_missed =
        |[candidates, accepted, rejected]: &Counts| *accepted == 0 && candidates - rejected >= MIN_MISSED;
    let name = |topic: usize| &catalogue.topics[topic].name;
    let cards = |number: usize| counted(number, "card", "cards");
    let mut gaps = Vec::new();
    for (topic, counts) in topics.iter().enumerate().filter(|(_, counts)| is_missed(counts)) {
        let words = format!("nothing yet from {} ({})", name(topic), cards(counts[0]));
        gaps.push(Gap { words, group: Some(Group::Topic(topic)) });
    }
    for ((topic, year), counts) in years.iter().rev().filter(|(_, counts)| is_missed(counts)) {
        if topics[*topic][1] > 0 {
            let words = format!("nothing on {} of {year} ({})", name(*topic), cards(counts[0]));
            gaps.push(Gap { words, group: Some(Group::Topic(*topic)) });
        }
    }
    gaps.truncate(SHOWN_GAPS);
    let all: usize = lengths.iter().map(|counts| counts[0]).sum();
    for ((_, range), counts) in LENGTHS.iter().zip(lengths) {
        if is_missed(counts) && counts[0] * 20 >= all {
            gaps.push(Gap { words: format!("no answer of {range} yet"), group: None });
        }
    }
    gaps.extend(one_voice);
    gaps
}

/// Who has written nearly all, where that is not the assistant whose words are to be learnt.
fn voice_of(written: &Written, learn: Learn) -> Option<Gap> {
    let shares = authorship::shares(written).into_iter();
    let (who, share) =
        shares.filter(|(who, _)| *who != authorship::PERSON).find(|(_, share)| *share >= ONE_VOICE)?;
    let model = who.strip_prefix("model:");
    if learn == Learn::Assistant && model.is_some() {
        return None;
    }
    let who = model.unwrap_or(&who);
    let words =
        format!("{:.0} % of the accepted words are those of {who}: edit, or write your own", share * 100.0);
    Some(Gap { words, group: None })
}

const LENGTHS: [(usize, &str); 5] = [
    (0, "under 200 characters"),
    (200, "200 to 600 characters"),
    (600, "600 to 1,200 characters"),
    (1200, "1,200 to 4,000 characters"),
    (4000, "4,000 characters and more"),
];

fn length(entry: &Entry) -> usize {
    let chars = entry.answer_chars();
    LENGTHS.iter().rposition(|(from, _)| chars >= *from).unwrap_or(0)
}

fn self_agreement(looks: &[SecondLook]) -> Value {
    let same = looks.iter().filter(|look| look.first_accepts == look.second_accepts).count();
    json!({ "count": looks.len(), "same": same, "kappa": kappa(looks) })
}

/// Cohen's kappa of first and second look: `(p_o - p_e) / (1 - p_e)`. `None` where one of the two never differed.
fn kappa(looks: &[SecondLook]) -> Option<f64> {
    let count = looks.len() as f64;
    let share = |f: &dyn Fn(&SecondLook) -> bool| looks.iter().filter(|look| f(look)).count() as f64 / count;
    let observed = share(&|look| look.first_accepts == look.second_accepts);
    let (first, second) = (share(&|look| look.first_accepts), share(&|look| look.second_accepts));
    let by_chance = first * second + (1.0 - first) * (1.0 - second);
    (by_chance < 1.0 && count > 0.0).then(|| (observed - by_chance) / (1.0 - by_chance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_assistant_are_missed_by_nobody_who_chose_them() {
        let written = Written::from([("model:gpt".to_owned(), 990), (authorship::PERSON.to_owned(), 10)]);
        assert!(voice_of(&written, Learn::Assistant).is_none());
        let gap = voice_of(&written, Learn::Edited).expect("little was edited");
        assert_eq!(gap.words, "99 % of the accepted words are those of gpt: edit, or write your own");
    }

    #[test]
    fn self_agreement_is_corrected_for_chance() {
        let look = |first_accepts, second_accepts| SecondLook {
            candidate: String::new(),
            first_accepts,
            second_accepts,
        };
        // 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: Cohen's textbook table, kappa 0.4.
        let mut looks = vec![look(true, true); 20];
        looks.extend(vec![look(true, false); 5]);
        looks.extend(vec![look(false, true); 10]);
        looks.extend(vec![look(false, false); 15]);
        assert!((kappa(&looks).expect("both kinds") - 0.4).abs() < 1e-12);
        assert_eq!(kappa(&[]), None);
        assert_eq!(kappa(&looks[..20]), None);
    }
}
