//! The first look at a library: about ten shelves of conversations on one topic, and what is set aside unasked.
//!
//! Topics are found by spherical k-means over rarity-weighted words of titles and prompts (of notes: their own words), seeded farthest-first, so
//! the same library gives the same shelves. A shelf is named by the words that set it apart; nothing is judged.

mod words;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use whatlang::Lang;

use self::words::topic_words;
use crate::candidate::Candidate;
use crate::conversation::{BlockKind, Conversation, Declared, NodeRole};
use crate::lint;

pub const MAX_SHELVES: usize = 10;
/// Fewer conversations than this for each shelf make no topic.
const MIN_PER_SHELF: usize = 4;
const ROUNDS: usize = 12;
/// Words of a prompt that say what it is about.
const PROMPT_CHARS: usize = 400;
const PROMPTS: usize = 6;
/// And of a note.
const NOTE_CHARS: usize = 1500;
const TITLE_WEIGHT: f32 = 3.0;

/// The name of the shelf of all that is held private, whatever it is about.
const HELD_PRIVATE: &str = "held private";

/// One conversation as the shelves see it.
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

/// Words with their counts, in order and packed: of a hundred thousand conversations they are most of what is kept.
#[derive(Debug, Clone, Default, PartialEq)]
struct Words {
    /// With a space between them.
    text: String,
    counts: Box<[f32]>,
}

impl Words {
    fn of(counted: HashMap<String, f32>) -> Words {
        let mut counted: Vec<(String, f32)> = counted.into_iter().collect();
        counted.sort_by(|a, b| a.0.cmp(&b.0));
        let (words, counts): (Vec<String>, Vec<f32>) = counted.into_iter().unzip();
        Words { text: words.join(" "), counts: counts.into() }
    }

    fn iter(&self) -> impl Iterator<Item = (&str, f32)> {
        self.text.split(' ').zip(self.counts.iter().copied())
    }
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

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shelf {
    /// The words that set it apart, e.g. `ruins · memory · house`.
    pub name: String,
    pub conversations: Vec<String>,
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

impl Place {
    pub fn of(conversation: &Conversation, candidates: &[Candidate]) -> Place {
        let mut words: HashMap<String, f32> = HashMap::new();
        let head = |text: &str, chars: usize| -> usize {
            text.char_indices().nth(chars).map_or(text.len(), |c| c.0)
        };
        let is_note = |candidate: &Candidate| candidate.prompt_drafted;
        if !candidates.iter().any(is_note) {
            topic_words(&conversation.title).for_each(|word| *words.entry(word).or_default() += TITLE_WEIGHT);
        }
        for candidate in candidates.iter().take(PROMPTS) {
            // The words of a drafted prompt are the program's, and a file's name says little.
            let text = match candidate.variants.first().filter(|_| is_note(candidate)) {
                Some(note) => &note.text[..head(&note.text, NOTE_CHARS)],
                None => &candidate.prompt[..head(&candidate.prompt, PROMPT_CHARS)],
            };
            topic_words(text).for_each(|word| *words.entry(word).or_default() += 1.0);
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
            words: Words::of(words),
        }
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

/// Groups places into shelves, the largest first. Conversations without a word of their own stand on the last one.
pub fn shelves(places: &[Place]) -> Vec<Shelf> {
    let with_answers: Vec<&Place> = places.iter().filter(|place| place.candidates > 0).collect();
    let (names, mut vectors) = numbered(&with_answers);
    weigh(&mut vectors, names.len());
    let (told, silent): (Vec<usize>, Vec<usize>) =
        (0..with_answers.len()).partition(|&i| !vectors[i].is_empty());
    let count = (told.len() / MIN_PER_SHELF).clamp(1, MAX_SHELVES);
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
    let shelf = |((members, centre), others): ((Vec<usize>, Centre), Centre)| {
        let mut ranked: Vec<(f32, usize)> =
            members.into_iter().map(|i| (nearness(&vectors[i], &centre), i)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let here: Vec<&Place> = ranked.iter().map(|&(_, i)| with_answers[i]).collect();
        shelf(&here, (&centre, &others), &names)
    };
    let mut shelves: Vec<Shelf> = groups.into_iter().zip(nearest_other).map(shelf).collect();
    shelves.sort_by(|a, b| b.candidates.cmp(&a.candidates).then_with(|| a.name.cmp(&b.name)));
    shelves
}

/// The largest weight that each word has in the other groups.
fn highest(groups: &[(Vec<usize>, Centre)], own: usize, words: usize) -> Centre {
    let mut highest = vec![0.0f32; words];
    for (_, centre) in groups.iter().enumerate().filter(|(at, _)| *at != own).map(|(_, group)| group) {
        highest.iter_mut().zip(centre).for_each(|(most, weight)| *most = most.max(*weight));
    }
    highest
}

/// The words by which a shelf differs from every other one; where they are fewer than two, the folder or the title that most of
/// it has. Words of the language that most of it is in come first, first names last.
fn shelf_name(places: &[&Place], (centre, others): (&[f32], &[f32]), names: &[&str]) -> String {
    const NAME_WORDS: usize = 3;
    /// So many words are looked at, in so many conversations.
    const RANKED: usize = 24;
    const SAMPLE: usize = 60;
    let ahead = |word: usize| centre[word] - others.get(word).unwrap_or(&0.0);
    let mut words: Vec<usize> = (0..centre.len()).filter(|&word| ahead(word) > 0.0).collect();
    words.sort_by(|&a, &b| ahead(b).total_cmp(&ahead(a)).then(a.cmp(&b)));
    let mut words: Vec<&str> = words.into_iter().take(RANKED).map(|word| names[word]).collect();
    let sample: Vec<(&Place, Option<Lang>)> = places
        .iter()
        .take(SAMPLE)
        .map(|place| (*place, words::language_of_words(&place.words.text)))
        .collect();
    let main = words::most_frequent(sample.iter().filter_map(|(_, language)| *language));
    let is_foreign = |word: &str| {
        let holders = sample.iter().filter(|(place, _)| place.words.text.split(' ').any(|own| own == word));
        let (mut own, mut foreign) = (0, 0);
        for (_, language) in holders {
            let is_own = language.is_none() || *language == main;
            *(if is_own { &mut own } else { &mut foreign }) += 1;
        }
        foreign > own
    };
    words.sort_by_cached_key(|word| (words::is_first_name(word), is_foreign(word)));
    let better = words.iter().filter(|word| !words::is_first_name(word) && !is_foreign(word)).count();
    words.truncate(if better > 1 { better.min(NAME_WORDS) } else { NAME_WORDS });
    if words.len() > 1 || centre.is_empty() {
        return if words.is_empty() { "everything else".to_owned() } else { words.join(" · ") };
    }
    let mut projects: BTreeMap<&str, usize> = BTreeMap::new();
    places
        .iter()
        .filter_map(|place| place.project.as_deref())
        .for_each(|p| *projects.entry(p).or_default() += 1);
    let folder = projects
        .into_iter()
        .max_by_key(|(_, number)| *number)
        .filter(|(_, number)| 2 * number > places.len());
    let title = places.iter().map(|place| place.title.trim()).find(|title| !title.is_empty());
    let known = folder.map(|(folder, _)| folder).or(title).or(words.first().copied());
    known.unwrap_or("everything else").to_owned()
}

fn shelf(places: &[&Place], (centre, others): (&[f32], &[f32]), names: &[&str]) -> Shelf {
    const TYPICAL: usize = 3;
    let mut projects = BTreeMap::new();
    places.iter().filter_map(|p| p.project.clone()).for_each(|p| *projects.entry(p).or_default() += 1);
    let titles = places.iter().map(|p| &p.title).filter(|title| !title.is_empty());
    let typical = titles.take(TYPICAL).cloned().collect();
    Shelf { typical, projects, ..Shelf::of_figures(shelf_name(places, (centre, others), names), places) }
}

impl Shelf {
    /// A shelf that tells nothing of what stands on it but numbers and times.
    fn of_figures(name: String, places: &[&Place]) -> Shelf {
        let times = || places.iter().filter_map(|place| place.time_s);
        Shelf {
            name,
            conversations: places.iter().map(|p| p.conversation.clone()).collect(),
            typical: Vec::new(),
            candidates: places.iter().map(|p| p.candidates).sum(),
            answers: places.iter().map(|p| p.answers).sum(),
            first_s: times().reduce(f64::min),
            last_s: times().reduce(f64::max),
            projects: BTreeMap::new(),
            set_aside: places.iter().filter(|p| p.set_aside.is_some()).count(),
        }
    }

    /// The shelf of what the user holds private, if there is any: none of its words, titles or folders is told.
    pub fn held_private(places: &[Place]) -> Option<Shelf> {
        let places: Vec<&Place> = places.iter().filter(|place| place.candidates > 0).collect();
        (!places.is_empty()).then(|| Shelf::of_figures(HELD_PRIVATE.to_owned(), &places))
    }
}

/// Words by number with weights, in the order of the numbers.
type Vector = Vec<(u32, f32)>;

/// The weight of every word, by number. A table of the words that are there would be smaller and many times slower: every word
/// of every conversation is looked up for every centre in every round.
type Centre = Vec<f32>;

/// All words of the places in order, and the words of each place: a word's number is its index.
fn numbered<'a>(places: &[&'a Place]) -> (Vec<&'a str>, Vec<Vector>) {
    let mut seen: HashMap<&str, u32> = HashMap::new();
    let mut number = |word: &'a str| {
        let next = seen.len() as u32;
        *seen.entry(word).or_insert(next)
    };
    let mut vectors: Vec<Vector> = places
        .iter()
        .map(|place| place.words.iter().map(|(word, count)| (number(word), count)).collect())
        .collect();
    let mut words: Vec<(&str, u32)> = seen.into_iter().collect();
    words.sort_unstable();
    let mut ranks = vec![0; words.len()];
    words.iter().zip(0..).for_each(|((_, seen), rank)| ranks[*seen as usize] = rank);
    vectors.iter_mut().flatten().for_each(|(word, _)| *word = ranks[*word as usize]);
    (words.into_iter().map(|(word, _)| word).collect(), vectors)
}

/// Weight = sqrt(count) x idf, unit length; words of one conversation alone or of most of them say no topic.
fn weigh(vectors: &mut [Vector], words: usize) {
    const COMMON_SHARE: f64 = 0.4;
    let mut holders = vec![0usize; words];
    vectors.iter().flatten().for_each(|(word, _)| holders[*word as usize] += 1);
    let all = vectors.len();
    let common = (COMMON_SHARE * all as f64).max(3.0) as usize;
    for vector in vectors {
        vector.retain(|(word, _)| (2..=common).contains(&holders[*word as usize]));
        for (word, weight) in vector.iter_mut() {
            *weight = weight.sqrt() * (all as f32 / holders[*word as usize] as f32).ln();
        }
        let norm = vector.iter().map(|(_, w)| w * w).sum::<f32>().sqrt();
        vector.retain(|_| norm > 0.0);
        vector.iter_mut().for_each(|(_, w)| *w /= norm);
        vector.shrink_to_fit();
    }
}

fn nearness(vector: &Vector, centre: &[f32]) -> f32 {
    vector.iter().map(|(word, weight)| weight * centre.get(*word as usize).unwrap_or(&0.0)).sum()
}

/// Members and centre of each group that has members; the first seed is the longest vector, each next the one farthest from all.
fn k_means(vectors: &[&Vector], words: usize, count: usize) -> Vec<(Vec<usize>, Centre)> {
    if vectors.is_empty() {
        return Vec::new();
    }
    let longest = (0..vectors.len()).max_by_key(|&i| (vectors[i].len(), vectors.len() - i)).unwrap_or(0);
    let mut centres: Vec<Centre> = vec![dense(vectors[longest], words)];
    let mut nearest: Vec<f32> = vec![f32::NEG_INFINITY; vectors.len()];
    while centres.len() < count {
        let newest = &centres[centres.len() - 1];
        for (best, vector) in nearest.iter_mut().zip(vectors) {
            *best = best.max(nearness(vector, newest));
        }
        // Among the far ones, a place with many words is a better seed than an odd one with a single word.
        let score = |i: usize| (1.0 - nearest[i]) * (vectors[i].len() as f32).sqrt();
        let next = (0..vectors.len()).max_by(|&a, &b| score(a).total_cmp(&score(b)).then(b.cmp(&a)));
        centres.extend(next.map(|i| dense(vectors[i], words)));
    }
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for _ in 0..ROUNDS {
        let before = std::mem::replace(&mut groups, vec![Vec::new(); centres.len()]);
        // Side by side, so that a word is looked up once for all centres.
        let abreast: Vec<[f32; MAX_SHELVES]> = (0..words)
            .map(|word| std::array::from_fn(|c| centres.get(c).map_or(0.0, |centre| centre[word])))
            .collect();
        for (index, vector) in vectors.iter().enumerate() {
            let mut near = [0.0f32; MAX_SHELVES];
            for (word, weight) in vector.iter() {
                near.iter_mut().zip(&abreast[*word as usize]).for_each(|(sum, here)| *sum += weight * here);
            }
            let best = (0..centres.len()).max_by(|&a, &b| near[a].total_cmp(&near[b]).then(b.cmp(&a)));
            groups[best.unwrap_or(0)].push(index);
        }
        if groups == before {
            break;
        }
        for (centre, members) in centres.iter_mut().zip(&groups) {
            *centre = mean(members.iter().map(|&i| vectors[i]), words);
        }
    }
    groups.into_iter().zip(centres).filter(|(members, _)| !members.is_empty()).collect()
}

fn dense(vector: &Vector, words: usize) -> Centre {
    let mut centre = vec![0.0; words];
    vector.iter().for_each(|(word, weight)| centre[*word as usize] = *weight);
    centre
}

fn mean<'a>(vectors: impl Iterator<Item = &'a Vector>, words: usize) -> Centre {
    let mut sum = vec![0.0; words];
    vectors.flatten().for_each(|(word, weight)| sum[*word as usize] += *weight);
    let norm = sum.iter().map(|w: &f32| w * w).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    sum.iter_mut().for_each(|w| *w /= norm);
    sum
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
            words: Words::of(topic_words(words).map(|word| (word, 1.0)).collect()),
        }
    }

    #[test]
    fn topics_become_shelves_with_dates_projects_and_counts() {
        let topics =
            ["garden soil roses pruning", "python sorting lists errors", "grief funeral letters memory"];
        let places: Vec<Place> = (0..30).map(|i| place(i, &format!("{} number{i}", topics[i % 3]))).collect();
        let found = shelves(&places);
        let pure = |shelf: &Shelf| {
            let topic = |name: &String| name[1..].parse::<usize>().map(|n| n % 3);
            shelf.conversations.windows(2).all(|pair| topic(&pair[0]) == topic(&pair[1]))
        };
        assert!(found.len() >= 3 && found.len() <= MAX_SHELVES, "{found:#?}");
        assert!(found.iter().all(pure), "{found:#?}");
        assert_eq!(found.iter().map(|s| s.candidates).sum::<usize>(), 60);
        assert_eq!(found.iter().map(|s| s.answers).sum::<usize>(), 90);
        assert!(found.iter().all(|s| s.name.contains(" · ") && s.first_s < s.last_s), "{found:#?}");
        assert_eq!(found.iter().filter_map(|s| s.projects.get("notes")).sum::<usize>(), 15);
        let mut turned = places.clone();
        turned.rotate_left(7);
        assert_eq!(shelves(&places).len(), shelves(&turned).len());
    }

    #[test]
    fn a_shelf_of_one_word_is_named_by_its_folder_or_a_title() {
        let places = [place(2, "garden"), place(4, "garden"), place(1, "The long garden")];
        let here: Vec<&Place> = places.iter().collect();
        let name = |places: &[&Place], own: &[f32], others: &[f32]| {
            shelf_name(places, (own, others), &["garden", "roses", "soil"])
        };
        assert_eq!(name(&here, &[0.9, 0.0, 0.0], &[]), "notes", "most are of this folder");
        assert_eq!(name(&here[2..], &[0.9, 0.0, 0.0], &[]), "The long garden");
        // What another shelf has more of tells nothing.
        assert_eq!(name(&here, &[0.9, 0.5, 0.4], &[0.95, 0.0, 0.0]), "roses · soil");
        assert_eq!(name(&here, &[], &[]), "everything else");
    }

    #[test]
    fn a_shelf_is_named_in_the_language_of_most_of_it_and_by_no_first_name() {
        let german = "mauer stein mörtel steinmetz fundament lehmputz kellerwand feuchtigkeit trockenlegung drainage \
            regenrinne dachstuhl ziegelstein kalkmörtel handwerker baustelle";
        let english = "wall stone mortar chisel foundation dampness drainage gutters rafters brickwork builder plaster \
            scaffolding weathering craftsman building";
        let places: Vec<Place> = (0..5).map(|i| place(i, if i < 3 { german } else { english })).collect();
        let here: Vec<&Place> = places.iter().collect();
        let names = ["anna", "builder", "lehmputz", "mauer", "mörtel", "wall"];
        let named = |own: &[f32]| shelf_name(&here, (own, &[]), &names);
        assert_eq!(named(&[0.9, 0.8, 0.3, 0.5, 0.4, 0.7]), "mauer · mörtel · lehmputz");
        assert_eq!(
            named(&[0.9, 0.0, 0.0, 0.5, 0.0, 0.7]),
            "mauer · wall · anna",
            "where nothing better is there"
        );
    }

    #[test]
    fn few_conversations_and_empty_ones_make_no_topics() {
        assert!(shelves(&[]).is_empty());
        let one = shelves(&[place(1, "garden"), place(2, "")]);
        assert_eq!((one.len(), one[0].name.as_str()), (1, "everything else"));
    }
}
