//! Splits examples so that nothing held out was seen in training.
//!
//! What belongs together stays together: examples of one conversation or document, examples whose prompts or answers
//! are near-duplicates, and an answer with the examples of other conversations that carry it among the turns before their
//! prompts. Whole components go to one side, by a seeded order; a side once given is kept in later versions.
//! One very long conversation is cut into sections, with a gap at the borders, and one very long document into its own
//! sections, which have no context. What still overlaps is trained on with all that belongs to it, if no version held it out
//! yet, and else dropped from the held-out side and listed; so are repeats of what many conversations say alike, where these would tie most of them; the certificate states the largest overlap that is left.

mod certificate;
mod groups;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::message::{Message, Role};
use crate::shingle::{Containment, ContainmentIndex, LEAK_THRESHOLD, MIN_SHINGLES, Shingles, normalise};
use certificate::certify;
pub use certificate::{Certificate, Drop, DropReason, Measured, Trained};
use groups::Groups;

/// A conversation or document with more than this share of the examples is cut into sections.
pub const SECTION_SHARE: f64 = 0.2;
/// Consecutive candidates of one section.
pub const SECTION_LEN: usize = 30;
/// Candidates dropped at a border between two sides: no context reaches further back.
pub const BORDER_LEN: usize = 3;
/// A component with more than this share of the examples stops the split.
pub const MAX_COMPONENT_SHARE: f64 = 0.5;
/// What belongs together is at most this share of a held-out side, where the side can be filled so.
pub const MAX_HELD_OUT_PART: f64 = 0.2;
/// A prompt or answer in more conversations than these is a formula ("You're welcome! If anything else comes up, just ask."):
/// where it would tie too much together, one example with it is kept and the others are dropped ...
pub const FORMULA_CONVERSATIONS: usize = 5;
/// ... unless these would be more than this share of the examples.
pub const MAX_REPEATED_SHARE: f64 = 0.2;
/// So often the sides are filled again without what was too similar to a training example; what still is, is dropped.
const MAX_ROUNDS: usize = 12;
/// From this many held-out prompts on, a third of them is sealed.
pub const RESERVE_FROM_PROMPTS: usize = 90;

/// One example to place.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    pub example_id: &'a str,
    pub conversation: &'a str,
    /// The text that the conversation is a part of, where it is a section of a note or book; else the conversation again.
    /// Examples of one document belong together like those of one conversation.
    pub document: &'a str,
    /// Number of the candidate in its conversation.
    pub position: usize,
    pub prompt: &'a str,
    pub response: &'a str,
    /// What its row carries before the prompt: earlier turns, and a system message.
    pub before: &'a [Message],
}

impl Item<'_> {
    /// Answers among the turns before the prompt.
    fn answers_before(&self) -> impl Iterator<Item = &str> {
        self.before.iter().filter(|turn| turn.role == Role::Assistant).map(|turn| turn.content.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Share of the examples, 0 to 1.
    pub validation_share: f64,
    pub test_share: f64,
    pub seed: u64,
}

/// Where an example stands. In this order the side that was seen first wins when two meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Train,
    Validation,
    Test,
    Reserve,
    /// Was held out once and can be on no side any more.
    Retired,
}

/// What earlier versions decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Previous {
    pub sides: BTreeMap<String, Side>,
    pub sectioned: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// Side of each item in the files; `None` if it was dropped.
    pub placed: Vec<Option<Side>>,
    /// Side to remember for each item, dropped or not.
    pub sides: BTreeMap<String, Side>,
    /// Name of each item's cluster of near-duplicate prompts.
    pub prompt_clusters: Vec<String>,
    pub certificate: Certificate,
}

/// A near-duplicate text that ties groups together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tie {
    pub what: &'static str,
    pub text: String,
    pub groups: usize,
}

#[derive(Debug, Clone, PartialEq, Error)]
pub enum SplitError {
    #[error("{examples} examples cannot be split; at least 3 are needed")]
    TooFew { examples: usize },
    #[error("{} of the examples hang together in one group, so no clean split exists; it is tied by {}", percent(*.share), ties_text(ties, conversation))]
    OneComponent {
        share: f64,
        conversation: String,
        ties: Vec<Tie>,
        /// Without the examples that hold the texts of `ties` the others can be split.
        is_enough: bool,
    },
}

/// Places all items. `evaluation_prompts` are texts that training examples must not overlap.
pub fn split(
    items: &[Item<'_>],
    policy: &Policy,
    previous: &Previous,
    evaluation_prompts: &[String],
) -> Result<Split, SplitError> {
    if items.len() < 3 {
        return Err(SplitError::TooFew { examples: items.len() });
    }
    let sectioned = sectioned(items, previous);
    let groups = Groups::of(items, &sectioned)?;
    let measured: Vec<Measured> = items.iter().map(Measured::of).collect();
    let position: HashMap<&str, usize> =
        items.iter().enumerate().map(|(index, item)| (item.example_id, index)).collect();
    let mut trained = HashSet::new();
    let (mut sides, mut drops);
    let mut rounds = 0;
    loop {
        drops = Vec::new();
        sides = place(items, &groups, policy, (previous, &trained), &mut drops);
        groups.drop_repeats(items, &sides, &mut drops);
        seal_reserve(items, &groups, policy, previous, &mut sides);
        drop_borders(items, &sectioned, &sides, &mut drops);
        drop_evaluation_overlap(items, &measured, &sides, evaluation_prompts, &mut drops);
        drop_leaks(items, &measured, &sides, &mut drops);
        // What no version had on a side yet is trained on where it cannot be tested with, and others are tested with.
        let leaking = drops.iter().filter(|drop| {
            matches!(drop.reason, DropReason::Leak { .. } | DropReason::InContext { .. })
                && !previous.sides.contains_key(&drop.example_id)
        });
        let before = trained.len();
        trained.extend(leaking.map(|drop| position[drop.example_id.as_str()]));
        rounds += 1;
        if trained.len() == before || rounds == MAX_ROUNDS {
            break;
        }
    }
    let dropped: HashSet<&str> = drops.iter().map(|d| d.example_id.as_str()).collect();
    let placed: Vec<Option<Side>> = items
        .iter()
        .zip(&sides)
        .map(|(item, side)| (*side != Side::Retired && !dropped.contains(item.example_id)).then_some(*side))
        .collect();
    let mut certificate = certify(&measured, &placed, sectioned, evaluation_prompts.len(), drops);
    let named =
        certificate.dropped.iter().flat_map(|drop| [Some(drop.example_id.as_str()), drop.other()]).flatten();
    let begins = |id: &str| Some((id.to_owned(), beginning(items[*position.get(id)?].prompt).to_owned()));
    certificate.begin = named.filter_map(begins).collect();
    let sides = items.iter().zip(sides).map(|(item, side)| (item.example_id.to_owned(), side)).collect();
    Ok(Split { placed, sides, prompt_clusters: groups.prompt_names(items), certificate })
}

/// Conversations and documents to cut: too large now, or cut before. Sections of a document that were placed each by
/// itself, or under another name of it, are known by their sides.
pub fn sectioned(items: &[Item<'_>], previous: &Previous) -> BTreeSet<String> {
    let mut found: HashMap<&str, (usize, BTreeSet<Side>)> = HashMap::new();
    for item in items {
        let (count, sides) = found.entry(item.document).or_default();
        *count += 1;
        let before = previous.sides.get(item.example_id).filter(|side| **side != Side::Retired);
        sides.extend(before.filter(|_| item.document != item.conversation));
    }
    let large = |count: usize| count as f64 > SECTION_SHARE * items.len() as f64;
    let is_cut = |document: &str, count: usize, sides: usize| {
        large(count) || sides > 1 || previous.sectioned.contains(document)
    };
    let cut = found.into_iter().filter(|(document, (count, sides))| is_cut(document, *count, sides.len()));
    cut.map(|(document, _)| document.to_owned()).collect()
}

/// Side of every item: earlier sides first, then whole components until the shares are reached; those with an item of
/// `trained` are trained on.
fn place(
    items: &[Item<'_>],
    groups: &Groups,
    policy: &Policy,
    (previous, trained): (&Previous, &HashSet<usize>),
    drops: &mut Vec<Drop>,
) -> Vec<Side> {
    let before: Vec<Option<Side>> = items.iter().map(|i| previous.sides.get(i.example_id).copied()).collect();
    for (item, _) in items.iter().zip(&before).filter(|(_, side)| **side == Some(Side::Retired)) {
        let example_id = item.example_id.to_owned();
        drops.push(Drop { example_id, side: Side::Retired, reason: DropReason::Retired });
    }
    let mut sides: Vec<Option<Side>> = before.clone();
    let mut fresh: Vec<Vec<usize>> = Vec::new();
    for members in groups.in_seeded_order(items, policy.seed) {
        let active = members.iter().filter_map(|&i| before[i]).filter(|side| *side != Side::Retired).min();
        let Some(winner) = active else {
            fresh.push(members.into_iter().filter(|&i| before[i].is_none()).collect());
            continue;
        };
        for index in members {
            match before[index] {
                Some(Side::Retired) => {}
                Some(side) if side != winner => {
                    sides[index] = Some(Side::Retired);
                    let example_id = items[index].example_id.to_owned();
                    drops.push(Drop { example_id, side, reason: DropReason::Joined { side: winner } });
                }
                _ => sides[index] = Some(winner),
            }
        }
    }
    fresh.retain(|members| !members.is_empty());
    let (to_train, fresh): (Vec<_>, Vec<_>) =
        fresh.into_iter().partition(|members| members.iter().any(|index| trained.contains(index)));
    to_train.into_iter().flatten().for_each(|index| sides[index] = Some(Side::Train));
    fill(&mut sides, &fresh, policy);
    sides.into_iter().map(|side| side.unwrap_or(Side::Train)).collect()
}

/// Gives fresh components to test and validation until their shares are reached, the rest to train. First those that are at most
/// [`MAX_HELD_OUT_PART`] of the share: a side of one large component measures one thing, and what belongs together would be
/// missing in the training as a whole.
fn fill(sides: &mut [Option<Side>], fresh: &[Vec<usize>], policy: &Policy) {
    let held_out = [(Side::Test, policy.test_share), (Side::Validation, policy.validation_share)];
    let count = |sides: &[Option<Side>], side: Side| {
        let same = |s: Side| s == side || (side == Side::Test && s == Side::Reserve);
        sides.iter().flatten().filter(|s| same(**s)).count() as f64
    };
    let len = sides.len() as f64;
    let give = |members: &[usize], side: Side, sides: &mut [Option<Side>]| {
        members.iter().for_each(|&i| sides[i] = Some(side));
    };
    for most in [MAX_HELD_OUT_PART, f64::MAX] {
        for members in fresh.iter().filter(|members| sides[members[0]].is_none()).collect::<Vec<_>>() {
            let size = members.len() as f64;
            let fits = |&(side, share): &(Side, f64)| {
                size <= most * share * len && share * len - count(sides, side) >= size / 2.0
            };
            if let Some((side, _)) = held_out.iter().find(|wanted| fits(wanted)) {
                give(members, *side, sides);
            }
        }
    }
    for members in fresh.iter().filter(|members| sides[members[0]].is_none()).collect::<Vec<_>>() {
        give(members, Side::Train, sides);
    }
    // A side the user asked for must not stay empty only because every component was too large for its share.
    for (side, share) in held_out {
        let in_train = |members: &&Vec<usize>| sides[members[0]] == Some(Side::Train);
        let train: Vec<&Vec<usize>> = fresh.iter().filter(in_train).collect();
        let is_wanted = share > 0.0 && count(sides, side) == 0.0 && train.len() >= 2;
        if let Some(smallest) = train.into_iter().min_by_key(|members| members.len()).filter(|_| is_wanted) {
            give(smallest, side, sides);
        }
    }
}

/// Seals a third of the held-out prompts, from components no earlier version has shown.
fn seal_reserve(
    items: &[Item<'_>],
    groups: &Groups,
    policy: &Policy,
    previous: &Previous,
    sides: &mut [Side],
) {
    let prompts = |sides: &[Side], wanted: &[Side]| {
        let held_out = (0..items.len()).filter(|&i| wanted.contains(&sides[i]));
        held_out.map(|i| groups.prompt[i].unwrap_or(i)).collect::<HashSet<usize>>().len()
    };
    let pool = prompts(sides, &[Side::Test, Side::Reserve]);
    if pool < RESERVE_FROM_PROMPTS {
        return;
    }
    for members in groups.in_seeded_order(items, policy.seed) {
        let missing = (pool / 3).saturating_sub(prompts(sides, &[Side::Reserve]));
        let unseen = members.iter().all(|&i| !previous.sides.contains_key(items[i].example_id));
        if sides[members[0]] == Side::Test && unseen && members.len() <= 2 * missing {
            members.iter().for_each(|&i| sides[i] = Side::Reserve);
        }
    }
}

/// Drops the first candidates of a section whose predecessor is on another side: their context stands there.
fn drop_borders(items: &[Item<'_>], sectioned: &BTreeSet<String>, sides: &[Side], drops: &mut Vec<Drop>) {
    let dropped: HashSet<String> = drops.iter().map(|d| d.example_id.clone()).collect();
    let mut side_of: HashMap<(&str, usize), HashSet<Side>> = HashMap::new();
    for (item, side) in items.iter().zip(sides) {
        side_of.entry((item.conversation, item.position / SECTION_LEN)).or_default().insert(*side);
    }
    for (item, side) in items.iter().zip(sides) {
        let section = item.position / SECTION_LEN;
        if !sectioned.contains(item.document) || section == 0 || item.position % SECTION_LEN >= BORDER_LEN {
            continue;
        }
        let before = side_of.get(&(item.conversation, section - 1));
        if *side != Side::Retired
            && !dropped.contains(item.example_id)
            && before.is_some_and(|sides| sides.iter().any(|other| other != side))
        {
            drops.push(Drop {
                example_id: item.example_id.to_owned(),
                side: *side,
                reason: DropReason::Border,
            });
        }
    }
}

fn drop_evaluation_overlap(
    items: &[Item<'_>],
    measured: &[Measured],
    sides: &[Side],
    evaluation_prompts: &[String],
    drops: &mut Vec<Drop>,
) {
    let dropped: HashSet<&str> = drops.iter().map(|d| d.example_id.as_str()).collect();
    let stays = |i: &usize| sides[*i] == Side::Train && !dropped.contains(items[*i].example_id);
    let train: Vec<usize> = (0..items.len()).filter(stays).collect();
    let index = ContainmentIndex::new(train.iter().map(|&i| measured[i].row()));
    let mut by_prompt: HashMap<String, Vec<usize>> = HashMap::new();
    for (number, &i) in train.iter().enumerate() {
        by_prompt.entry(normalise(items[i].prompt)).or_default().push(number);
    }
    let mut found: BTreeMap<usize, (f64, &String)> = BTreeMap::new();
    for prompt in evaluation_prompts {
        let asked = Shingles::of(&[prompt]);
        let mut hits: Vec<(usize, f64)> = Vec::new();
        if asked.len() >= MIN_SHINGLES {
            let share = |count: usize| count as f64 / asked.len() as f64;
            hits.extend(index.overlaps(&asked).into_iter().map(|(n, count)| (n, share(count))));
            hits.retain(|(_, share)| *share >= LEAK_THRESHOLD);
        } else {
            hits.extend(by_prompt.get(&normalise(prompt)).into_iter().flatten().map(|&number| (number, 1.0)));
        }
        for (number, share) in hits {
            let worst = found.entry(train[number]).or_insert((share, prompt));
            if share > worst.0 {
                *worst = (share, prompt);
            }
        }
    }
    for (i, (containment, prompt)) in found {
        let reason = DropReason::EvaluationPrompt { containment, prompt: prompt.clone() };
        drops.push(Drop { example_id: items[i].example_id.to_owned(), side: Side::Train, reason });
    }
}

fn drop_leaks(items: &[Item<'_>], measured: &[Measured], sides: &[Side], drops: &mut Vec<Drop>) {
    let dropped: HashSet<String> = drops.iter().map(|d| d.example_id.clone()).collect();
    let stays = |i: &usize| !dropped.contains(items[*i].example_id);
    let train: Vec<usize> = (0..items.len()).filter(|&i| sides[i] == Side::Train).filter(stays).collect();
    let trained = Trained::new(train.iter().map(|&i| &measured[i]), true);
    let whole = |prompt: &str, response: &str| normalise(&format!("{prompt} {response}"));
    // Too short to measure: the same question with the same answer.
    let mut whole_texts: HashMap<String, usize> = HashMap::new();
    for &i in &train {
        whole_texts.entry(whole(items[i].prompt, items[i].response)).or_insert(i);
        for (said, answered) in items[i].before.iter().zip(&items[i].before[1.min(items[i].before.len())..]) {
            if (said.role, answered.role) == (Role::User, Role::Assistant) {
                whole_texts.entry(whole(&said.content, &answered.content)).or_insert(i);
            }
        }
    }
    let held_out =
        (0..items.len()).filter(|&i| !matches!(sides[i], Side::Train | Side::Retired)).filter(stays);
    let leaks = |share: f64| share >= LEAK_THRESHOLD;
    for i in held_out.collect::<Vec<usize>>() {
        let found = |containment: Containment| (containment.share, train[containment.text]);
        let leak = if measured[i].asked.len() >= MIN_SHINGLES {
            trained.nearest(&measured[i]).map(found)
        } else {
            whole_texts.get(&whole(items[i].prompt, items[i].response)).map(|&same| (1.0, same))
        };
        let example = |same: usize| items[same].example_id.to_owned();
        let in_context = || trained.nearest_before(&measured[i]).map(found);
        let reason = match leak.filter(|(share, _)| leaks(*share)) {
            Some((containment, same)) => Some(DropReason::Leak { containment, train_example: example(same) }),
            None => in_context().filter(|(share, _)| leaks(*share)).map(|(containment, same)| {
                DropReason::InContext { containment, train_example: example(same) }
            }),
        };
        if let Some(reason) = reason {
            drops.push(Drop { example_id: items[i].example_id.to_owned(), side: sides[i], reason });
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// As much of a text as tells it, in whole words of its first line: so it can be searched for as a phrase.
fn beginning(text: &str) -> &str {
    const CHARS: usize = 80;
    let line = text.trim().lines().next().unwrap_or_default();
    let Some((end, next)) = line.char_indices().nth(CHARS) else { return line };
    let cut = &line[..end];
    let is_whole = next.is_whitespace();
    cut.rsplit_once(char::is_whitespace).filter(|_| !is_whole).map_or(cut, |(words, _)| words)
}

fn ties_text(ties: &[Tie], conversation: &str) -> String {
    if ties.is_empty() {
        return format!("the conversation `{conversation}`, too short to be cut into sections");
    }
    let listed: Vec<String> = ties
        .iter()
        .map(|t| format!("the {} \"{}\" ({} groups)", t.what, t.text.replace('\n', " "), t.groups))
        .collect();
    listed.join("; ")
}
