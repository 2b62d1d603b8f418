//! The first look at a library: about ten groups of conversations on one topic each, and what is set aside unasked.
//!
//! Topics are found by spherical k-means over rarity-weighted words of titles and prompts (of notes, and where a person's side of
//! the chats is learnt: that person's words), seeded farthest-first, so the same library gives the same topics. A topic is named by
//! the words that set it apart, nouns first, behind the folder that most of it lies in; nothing is judged.

mod means;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Serialize;
use whatlang::Lang;

use self::means::{Centre, Vector, k_means, nearness, numbered, weigh};
use self::words::{Words, topic_words};
use crate::authorship::By;
use crate::candidate::Candidate;
use crate::conversation::{BlockKind, Conversation, Declared, NodeRole};
use crate::lint;

pub const MAX_TOPICS: usize = 10;
/// Fewer conversations than this for each topic make no topic.
const MIN_PER_TOPIC: usize = 4;
/// Words of a prompt that say what it is about.
const PROMPT_CHARS: usize = 400;
const PROMPTS: usize = 6;
/// And of a note.
const NOTE_CHARS: usize = 1500;
const TITLE_WEIGHT: f32 = 3.0;

/// The name of a topic of which all is held private, whatever it is about.
const HELD_PRIVATE: &str = "held private";

/// One conversation as the topics see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// `provider:id`.
    pub conversation: String,
    pub title: String,
    pub project: Option<String>,
    pub time_s: Option<f64>,
    pub candidates: usize,
    pub answers: usize,
    /// Characters of the answers by writer (see [`crate::authorship`]).
    pub written: crate::authorship::Written,
    pub set_aside: Option<SetAside>,
    words: Words,
}

/// Why a conversation is left out until the user says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum SetAside {
    /// Secrets, or several pieces of personal data.
    Private { found: usize },
    /// The document says so of itself.
    Declared { declared: Declared },
    /// Most of what the user "said" is text of others: pasted files, forwarded mails and chats.
    Pasted { share: f64 },
}

/// What is told of the conversations on one topic.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Topic {
    /// From 1; a topic keeps its number whatever is decided about it.
    pub number: usize,
    /// The words that set it apart, e.g. `ruins · memory · house`, behind the folder that most of it lies in where there are
    /// several: `letters: handwriting · pity`.
    pub name: String,
    /// Those that may be shown, those nearest to the middle first.
    pub conversations: Vec<String>,
    /// Those that are held private: their keys hold names of files.
    #[serde(skip)]
    pub held_private: Vec<String>,
    /// Titles of the conversations nearest to the middle.
    pub typical: Vec<String>,
    pub candidates: usize,
    pub answers: usize,
    /// Time of the oldest and the newest conversation, seconds since 1970.
    pub first_s: Option<f64>,
    pub last_s: Option<f64>,
    /// Conversations by project.
    pub projects: BTreeMap<String, usize>,
    /// Conversations that are set aside by default.
    pub set_aside: usize,
}

impl Topic {
    /// All conversations, private or not.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.conversations.iter().chain(&self.held_private)
    }

    pub fn len(&self) -> usize {
        self.conversations.len() + self.held_private.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Place {
    pub fn of(conversation: &Conversation, candidates: &[Candidate]) -> Place {
        let mut words: HashMap<String, f32> = HashMap::new();
        let mut nouns: HashSet<String> = HashSet::new();
        // A person's own words tell the topic where they are what is learnt: of notes, and of what a person said in a chat. What
        // stands before them there, and the title, are an assistant's words or the program's.
        let is_own = |candidate: &Candidate| {
            candidate.prompt_drafted
                || candidate.variants.first().is_some_and(|first| first.by() == By::Person)
        };
        if !candidates.iter().any(is_own) {
            topic_words(&conversation.title).for_each(|word| *words.entry(word).or_default() += TITLE_WEIGHT);
        }
        for candidate in candidates.iter().take(PROMPTS) {
            let chars = if candidate.prompt_drafted { NOTE_CHARS } else { PROMPT_CHARS };
            let text = match candidate.variants.first().filter(|_| is_own(candidate)) {
                Some(own) => &own.text,
                None => &candidate.prompt,
            };
            let text = whole_words(text, chars);
            topic_words(text).for_each(|word| *words.entry(word).or_default() += 1.0);
            nouns.extend(words::nouns(text));
        }
        let mut written = crate::authorship::Written::new();
        for variant in candidates.iter().flat_map(|c| &c.variants) {
            for (who, chars) in variant.written() {
                *written.entry(who).or_default() += chars;
            }
        }
        Place {
            conversation: conversation.key(),
            title: conversation.title.clone(),
            project: conversation.project.clone(),
            time_s: conversation
                .time_s
                .or_else(|| conversation.nodes.iter().filter_map(|node| node.time_s).reduce(f64::min)),
            candidates: candidates.len(),
            answers: candidates.iter().map(|c| c.variants.len()).sum(),
            written,
            set_aside: set_aside(conversation),
            words: Words::of(words, &nouns),
        }
    }
}

/// The words within the first `chars` characters: a part of a word would be one that nobody wrote.
fn whole_words(text: &str, chars: usize) -> &str {
    match text.char_indices().nth(chars) {
        None => text,
        Some((end, cut)) if !cut.is_alphanumeric() => &text[..end],
        Some((end, _)) => &text[..text[..end].rfind(|c: char| !c.is_alphanumeric()).unwrap_or(end)],
    }
}

/// From this many pieces of personal data on, a conversation is private; one secret is enough.
const PRIVATE_FINDINGS: usize = 3;
const PASTED_SHARE: f64 = 0.5;
const PASTED_MIN_CHARS: usize = 1500;

/// What a document says of itself, or the user's own side of a conversation, about leaving it out.
pub fn set_aside(conversation: &Conversation) -> Option<SetAside> {
    if let Some(declared) = conversation.origin.declared.clone() {
        return Some(SetAside::Declared { declared });
    }
    let (mut own, mut pasted, mut personal, mut secrets) = (0, 0, 0, 0);
    for node in conversation.nodes.iter().filter(|node| node.role == NodeRole::User && !node.hidden) {
        for block in &node.blocks {
            let chars = block.text.chars().count();
            match block.kind {
                BlockKind::Attachment => pasted += chars,
                BlockKind::Text => {
                    let others = lint::others_chars(&block.text).min(chars);
                    pasted += others;
                    own += chars - others;
                }
                _ => continue,
            }
            secrets += lint::secret_count(&block.text);
            personal += lint::personal_count(&block.text);
        }
    }
    if secrets > 0 || personal >= PRIVATE_FINDINGS {
        return Some(SetAside::Private { found: secrets + personal });
    }
    let share = pasted as f64 / (own + pasted).max(1) as f64;
    (share >= PASTED_SHARE && pasted >= PASTED_MIN_CHARS).then_some(SetAside::Pasted { share })
}

/// Conversations grouped by topic. Groups and their order do not depend on what is held private, so that a topic stays what it
/// was when something is decided about it; what is told of a group does ([`Grouping::told`]).
#[derive(Debug, Default)]
pub struct Grouping(Vec<Group>);

/// The conversations on one topic.
#[derive(Debug)]
struct Group {
    /// Words of which this group has more than every other one, the most telling first; at most [`KEPT_WORDS`]. `None` for what
    /// has no word of its own.
    words: Option<Vec<String>>,
    /// Those nearest to the middle first.
    members: Vec<Member>,
}

#[derive(Debug, Clone)]
struct Member {
    conversation: String,
    title: String,
    project: Option<String>,
    time_s: Option<f64>,
    candidates: usize,
    answers: usize,
    is_set_aside: bool,
    /// Which of the group's words it holds, and which of them as nouns: a bit each.
    words: u64,
    nouns: u64,
    /// Known of the first [`KEPT_LANGUAGES`].
    language: Option<Lang>,
}

/// Words of a group that are remembered: as many as the bits of [`Member::words`].
const KEPT_WORDS: usize = 64;
/// So many words are looked at for a name, in so many conversations.
const RANKED: usize = 24;
const SAMPLE: usize = 60;
/// More than the sample, for the case that some of it is held private.
const KEPT_LANGUAGES: usize = 2 * SAMPLE;

impl Grouping {
    /// Groups places, the largest group first. Conversations without a word of their own stand in the last one.
    pub fn of(places: &[Place]) -> Grouping {
        let with_answers: Vec<&Place> = places.iter().filter(|place| place.candidates > 0).collect();
        let (names, mut vectors) = numbered(&with_answers);
        weigh(&mut vectors, names.len());
        let (told, silent): (Vec<usize>, Vec<usize>) =
            (0..with_answers.len()).partition(|&i| !vectors[i].is_empty());
        let count = (told.len() / MIN_PER_TOPIC).clamp(1, MAX_TOPICS);
        let told_vectors: Vec<&Vector> = told.iter().map(|&i| &vectors[i]).collect();
        let mut groups: Vec<(Vec<usize>, Centre)> = k_means(&told_vectors, names.len(), count)
            .into_iter()
            .map(|(members, centre)| (members.into_iter().map(|m| told[m]).collect(), centre))
            .collect();
        if !silent.is_empty() {
            groups.push((silent, Vec::new()));
        }
        let nearest_other: Vec<Centre> =
            (0..groups.len()).map(|own| highest(&groups, own, names.len())).collect();
        let group = |((members, centre), others): ((Vec<usize>, Centre), Centre)| {
            let mut ranked: Vec<(f32, usize)> =
                members.into_iter().map(|i| (nearness(&vectors[i], &centre), i)).collect();
            ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            let here: Vec<&Place> = ranked.iter().map(|&(_, i)| with_answers[i]).collect();
            let words = (!centre.is_empty()).then(|| telling(&centre, &others, &names));
            Group::of(&here, words)
        };
        let groups: Vec<Group> = groups.into_iter().zip(nearest_other).map(group).collect();
        let mut named: Vec<(usize, String, Group)> = groups
            .into_iter()
            .map(|group| {
                let all: Vec<&Member> = group.members.iter().collect();
                (all.iter().map(|member| member.candidates).sum(), group.name(&all, &[]), group)
            })
            .collect();
        named.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        Grouping(named.into_iter().map(|(_, _, group)| group).collect())
    }

    /// All topics, in an order that stays. Name, titles and projects are told by what is not held private; where all of a topic is,
    /// only its numbers and times are.
    pub fn told(&self, is_private: impl Fn(&str) -> bool) -> Vec<Topic> {
        // Of all of them: what becomes private changes the name of no other topic.
        let all = self.0.iter().flat_map(|group| &group.members);
        let has_folders = all.map(|member| &member.project).collect::<BTreeSet<_>>().len() > 1;
        let told = self.0.iter().zip(1..).map(|(group, number)| group.told(number, &is_private, has_folders));
        told.collect()
    }
}

/// The largest weight that each word has in the other groups.
fn highest(groups: &[(Vec<usize>, Centre)], own: usize, words: usize) -> Centre {
    let mut highest = vec![0.0f32; words];
    for (_, centre) in groups.iter().enumerate().filter(|(at, _)| *at != own).map(|(_, group)| group) {
        highest.iter_mut().zip(centre).for_each(|(most, weight)| *most = most.max(*weight));
    }
    highest
}

/// The words by which a group differs from every other one, the most telling first.
fn telling<'a>(centre: &[f32], others: &[f32], names: &[&'a str]) -> Vec<&'a str> {
    let ahead = |word: usize| centre[word] - others.get(word).unwrap_or(&0.0);
    let mut words: Vec<usize> = (0..centre.len()).filter(|&word| ahead(word) > 0.0).collect();
    words.sort_by(|&a, &b| ahead(b).total_cmp(&ahead(a)).then(a.cmp(&b)));
    words.into_iter().take(KEPT_WORDS).map(|word| names[word]).collect()
}

impl Group {
    fn of(places: &[&Place], words: Option<Vec<&str>>) -> Group {
        let bits: HashMap<&str, u32> = words.iter().flatten().copied().zip(0..).collect();
        let held = |place: &Place, wanted: fn(bool) -> bool| {
            let words = place.words.with_nouns().filter(|(_, is_noun)| wanted(*is_noun));
            words.filter_map(|(word, _)| bits.get(word)).fold(0u64, |held, bit| held | 1 << bit)
        };
        let member = |(at, place): (usize, &&Place)| Member {
            conversation: place.conversation.clone(),
            title: place.title.trim().to_owned(),
            project: place.project.clone(),
            time_s: place.time_s,
            candidates: place.candidates,
            answers: place.answers,
            is_set_aside: place.set_aside.is_some(),
            words: held(place, |_| true),
            nouns: held(place, |is_noun| is_noun),
            language: (at < KEPT_LANGUAGES).then(|| words::language_of_words(&place.words.text)).flatten(),
        };
        Group {
            members: places.iter().enumerate().map(member).collect(),
            words: words.map(|words| words.into_iter().map(str::to_owned).collect()),
        }
    }

    /// The words of these members by which the group differs from every other one; where they are fewer than two, the folder or the
    /// title that most of them have. Nouns of the language that most of them are in come first, first names last. A word that a
    /// text of `private` holds is one only where several of the others hold it, and behind words that are in no such text unless
    /// it is in most of the group.
    fn name(&self, members: &[&Member], private: &[&Member]) -> String {
        const NAME_WORDS: usize = 3;
        const NAMELESS: &str = "everything else";
        /// So many times as many open texts as private ones hold a word that is not thought to be the private ones'.
        const OPEN_TIMES: usize = 4;
        let Some(own) = &self.words else { return NAMELESS.to_owned() };
        let sample = &members[..members.len().min(SAMPLE)];
        let main = words::most_frequent(sample.iter().filter_map(|member| member.language));
        let is_foreign = |bit: u64| {
            let holders = sample.iter().filter(|member| member.words & bit != 0);
            let (mut own, mut foreign) = (0, 0);
            for member in holders {
                let is_own = member.language.is_none() || member.language == main;
                *(if is_own { &mut own } else { &mut foreign }) += 1;
            }
            foreign > own
        };
        let holders = |of: &[&Member], bit: u64| of.iter().filter(|member| member.words & bit != 0).count();
        let is_noun = |bit: u64| {
            let nouns = members.iter().filter(|member| member.nouns & bit != 0).count();
            2 * nouns >= holders(members, bit)
        };
        let bits = (0..).map(|at| 1u64 << at);
        let held = own.iter().zip(bits).filter_map(|(word, bit)| {
            let (open, private) = (holders(members, bit), holders(private, bit));
            let is_told = open > usize::from(private > 0);
            is_told.then_some((word, bit, open < OPEN_TIMES * private))
        });
        // Worst first; equals stay in the order of how much they tell.
        let mut words: Vec<(&str, [bool; 3], bool)> = held
            .take(RANKED)
            .map(|(word, bit, is_private)| {
                (word.as_str(), [is_private, words::is_first_name(word), is_foreign(bit)], !is_noun(bit))
            })
            .collect();
        words.sort_by_key(|(_, faults, is_no_noun)| (*faults, *is_no_noun));
        let better = words.iter().filter(|(_, faults, _)| *faults == [false; 3]).count();
        let nouns = words.iter().filter(|(_, faults, no_noun)| *faults == [false; 3] && !no_noun).count();
        let enough = [nouns, better].into_iter().find(|number| *number > 1);
        words.truncate(enough.unwrap_or(NAME_WORDS).min(NAME_WORDS));
        let words: Vec<&str> = words.into_iter().map(|(word, ..)| word).collect();
        if words.len() > 1 {
            return words.join(" · ");
        }
        let title = members.iter().map(|member| &member.title).find(|title| !title.is_empty()).cloned();
        let known = folder(members).or(title).or(words.first().map(|word| (*word).to_owned()));
        known.unwrap_or_else(|| NAMELESS.to_owned())
    }

    /// `has_folders`: what the library holds lies in several folders or projects, so that they tell something.
    fn told(&self, number: usize, is_private: impl Fn(&str) -> bool, has_folders: bool) -> Topic {
        const TYPICAL: usize = 3;
        let (private, open): (Vec<&Member>, Vec<&Member>) =
            self.members.iter().partition(|member| is_private(&member.conversation));
        let keys = |of: &[&Member]| of.iter().map(|member| member.conversation.clone()).collect();
        let times = || self.members.iter().filter_map(|member| member.time_s);
        let titles = open.iter().map(|member| &member.title).filter(|title| !title.is_empty());
        let words = self.name(&open, &private);
        let name = match folder(&open).filter(|folder| has_folders && *folder != words) {
            _ if open.is_empty() => HELD_PRIVATE.to_owned(),
            Some(folder) => format!("{folder}: {words}"),
            None => words,
        };
        Topic {
            number,
            name,
            conversations: keys(&open),
            held_private: keys(&private),
            typical: titles.take(TYPICAL).cloned().collect(),
            candidates: self.members.iter().map(|member| member.candidates).sum(),
            answers: self.members.iter().map(|member| member.answers).sum(),
            first_s: times().reduce(f64::min),
            last_s: times().reduce(f64::max),
            projects: projects(&open),
            set_aside: self.members.iter().filter(|member| member.is_set_aside).count(),
        }
    }
}

/// The folder or project that most of them lie in.
fn folder(members: &[&Member]) -> Option<String> {
    let most = projects(members).into_iter().max_by_key(|(_, number)| *number);
    most.filter(|(_, number)| 2 * number > members.len()).map(|(folder, _)| folder)
}

/// Conversations by project.
fn projects(members: &[&Member]) -> BTreeMap<String, usize> {
    let mut projects = BTreeMap::new();
    members
        .iter()
        .filter_map(|member| member.project.clone())
        .for_each(|project| *projects.entry(project).or_default() += 1);
    projects
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: usize, words: &str) -> Place {
        Place {
            conversation: format!("c{number}"),
            title: words.to_owned(),
            project: number.is_multiple_of(2).then(|| "notes".to_owned()),
            time_s: Some(number as f64),
            candidates: 2,
            answers: 3,
            written: BTreeMap::new(),
            set_aside: None,
            words: Words::of(
                topic_words(words).map(|word| (word, 1.0)).collect(),
                &words::nouns(words).collect(),
            ),
        }
    }

    #[test]
    fn a_text_is_cut_between_words() {
        assert_eq!(whole_words("bread and preparation", 18), "bread and");
        assert_eq!(whole_words("bread and preparation", 9), "bread and");
        assert_eq!(whole_words("bread and preparation", 21), "bread and preparation");
        assert_eq!(whole_words("Überlandleitung", 4), "Über");
    }

    #[test]
    fn words_that_stand_in_every_text_tell_no_topic() {
        let told: Vec<String> =
            topic_words("Perhaps nothing became of the whole mill; heute gegen Regen.").collect();
        assert_eq!(told, ["mill", "regen"]);
    }

    fn all_told(places: &[Place]) -> Vec<Topic> {
        Grouping::of(places).told(|_| false)
    }

    /// The name of a group of these places, from the weights of its words and those of other groups.
    fn named(places: &[Place], own: &[f32], others: &[f32], names: &[&str]) -> String {
        let words = (!own.is_empty()).then(|| telling(own, others, names));
        let group = Group::of(&places.iter().collect::<Vec<&Place>>(), words);
        group.name(&group.members.iter().collect::<Vec<&Member>>(), &[])
    }

    /// Thirty conversations on three topics.
    fn of_three_topics() -> Vec<Place> {
        let topics =
            ["garden soil roses pruning", "python sorting lists errors", "grief funeral letters memory"];
        (0..30).map(|i| place(i, &format!("{} number{i}", topics[i % 3]))).collect()
    }

    #[test]
    fn conversations_become_topics_with_dates_projects_and_counts() {
        let places = of_three_topics();
        let found = all_told(&places);
        let pure = |topic: &Topic| {
            let third = |key: &String| key[1..].parse::<usize>().map(|n| n % 3);
            topic.conversations.windows(2).all(|pair| third(&pair[0]) == third(&pair[1]))
        };
        assert!(found.len() >= 3 && found.len() <= MAX_TOPICS, "{found:#?}");
        assert!(found.iter().all(pure), "{found:#?}");
        assert_eq!(found.iter().map(|s| s.candidates).sum::<usize>(), 60);
        assert_eq!(found.iter().map(|s| s.answers).sum::<usize>(), 90);
        assert!(found.iter().all(|s| s.name.contains(" · ") && s.first_s < s.last_s), "{found:#?}");
        assert_eq!(found.iter().filter_map(|s| s.projects.get("notes")).sum::<usize>(), 15);
        let mut turned = places.clone();
        turned.rotate_left(7);
        assert_eq!(all_told(&places).len(), all_told(&turned).len());
    }

    #[test]
    fn a_topic_of_one_word_is_named_by_its_folder_or_a_title() {
        let places = [place(2, "garden"), place(4, "garden"), place(1, "The walled garden")];
        let name = |places: &[Place], own: &[f32], others: &[f32]| {
            named(places, own, others, &["garden", "walled", "soil"])
        };
        assert_eq!(name(&places, &[0.9, 0.0, 0.0], &[]), "notes", "most are of this folder");
        assert_eq!(name(&places[2..], &[0.9, 0.0, 0.0], &[]), "The walled garden");
        // What another topic has more of tells nothing, and what none of these holds neither.
        assert_eq!(name(&places, &[0.9, 0.5, 0.4], &[0.0, 0.6, 0.0]), "notes");
        assert_eq!(name(&places, &[0.9, 0.5, 0.4], &[]), "garden · walled");
        assert_eq!(name(&places, &[], &[]), "everything else");
    }

    #[test]
    fn what_is_decided_about_one_topic_changes_no_other_and_private_words_name_none() {
        let grouping = Grouping::of(&of_three_topics());
        let before = grouping.told(|_| false);
        let of = &before[1].conversations;
        let names = |told: &[Topic]| -> Vec<String> { told.iter().map(|topic| topic.name.clone()).collect() };
        let all = grouping.told(|key| of.iter().any(|own| own == key));
        assert_eq!(all[1].name, HELD_PRIVATE);
        assert_eq!((all[1].typical.len(), all[1].projects.len(), all[1].conversations.len()), (0, 0, 0));
        assert_eq!(
            (all[1].number, all[1].len(), all[1].candidates),
            (2, before[1].len(), before[1].candidates)
        );
        for at in (0..before.len()).filter(|at| *at != 1) {
            assert_eq!(all[at], before[at]);
        }
        let one = grouping.told(|key| key == of[0]);
        assert_eq!(
            (names(&one), one[1].held_private.len()),
            (names(&before), 1),
            "others hold its words too"
        );
        // A word that only private conversations hold names nothing.
        let mut places = of_three_topics();
        let words = |i: usize| ["garden soil roses", "garden soil zinnias"][usize::from(i >= 12)];
        places.iter_mut().enumerate().for_each(|(i, place)| {
            let text = if i % 3 == 0 { words(i) } else { &place.title };
            place.words = Words::of(topic_words(text).map(|word| (word, 1.0)).collect(), &HashSet::new());
        });
        let grouping = Grouping::of(&places);
        let is_early = |key: &str| key[1..].parse::<usize>().is_ok_and(|number| number < 12);
        let told = |private: bool| names(&grouping.told(|key| private && is_early(key))).join("; ");
        assert!(told(false).contains("roses"), "{}", told(false));
        assert!(!told(true).contains("roses") && told(true).contains("zinnias"), "{}", told(true));
    }

    #[test]
    fn a_topic_is_named_in_the_language_of_most_of_it_and_by_no_first_name() {
        let german = "anna mauer stein mörtel steinmetz fundament lehmputz kellerwand feuchtigkeit trockenlegung drainage \
            regenrinne dachstuhl ziegelstein kalkmörtel handwerker baustelle";
        let english = "wall stone mortar chisel foundation dampness drainage gutters rafters brickwork builder plaster \
            scaffolding weathering craftsman building";
        let places: Vec<Place> = (0..5).map(|i| place(i, if i < 3 { german } else { english })).collect();
        let names = ["anna", "builder", "lehmputz", "mauer", "mörtel", "wall"];
        let named = |own: &[f32]| named(&places, own, &[], &names);
        assert_eq!(named(&[0.9, 0.8, 0.3, 0.5, 0.4, 0.7]), "mauer · mörtel · lehmputz");
        assert_eq!(
            named(&[0.9, 0.0, 0.0, 0.5, 0.0, 0.7]),
            "mauer · wall · anna",
            "where nothing better is there"
        );
    }

    #[test]
    fn a_topic_is_named_by_nouns_and_by_no_word_of_a_private_text() {
        let names = ["came", "locked", "handwriting", "pity", "clinic", "stove"];
        let weights = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4];
        let letter = "She came late and I locked up. Her handwriting was a pity, and the stove, too.";
        let secret = "I came to the clinic, and of the handwriting there and the pity I say nothing.";
        let mut places: Vec<Place> = (0..4).map(|number| place(number, letter)).collect();
        places[3] = place(3, secret);
        let words = telling(&weights, &[], &names);
        let group = Group::of(&places.iter().collect::<Vec<&Place>>(), Some(words));
        let name = |private: &[&str]| group.told(1, |key| private.contains(&key), false).name;
        assert_eq!(name(&[]), "handwriting · pity · clinic");
        assert_eq!(name(&["c3"]), "stove · locked", "no word of the private text");
        // The folder of most of them comes first where there are several.
        let in_folder = |has_folders| group.told(1, |key| key == "c3", has_folders).name;
        assert_eq!([in_folder(true), in_folder(false)], ["notes: stove · locked", "stove · locked"]);
    }

    #[test]
    fn few_conversations_and_empty_ones_make_no_topics() {
        assert!(all_told(&[]).is_empty());
        let one = all_told(&[place(1, "garden"), place(2, "")]);
        assert_eq!((one.len(), one[0].name.as_str()), (1, "everything else"));
    }
}
