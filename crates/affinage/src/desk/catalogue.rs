//! What the desk knows of every candidate without holding its text: the text is read when its card is.

use std::collections::HashMap;
use std::path::Path;

use affinage_dataset::authorship::{self, Written};
use affinage_dataset::candidate::{Candidate, Variant};
use affinage_dataset::conversation::{Conversation, Feedback, Provider};
use affinage_dataset::counts::Omission;
use affinage_dataset::dedup::{self, Clustered, Nearness};
use affinage_dataset::import::is_dated;
use affinage_dataset::lint::{Finding, Severity, Subject, lint, lint_across};
use affinage_dataset::shingle;
use affinage_dataset::topics::{Grouping, Place, SetAside, Topic};
use affinage_eval::plain::first_words;
use affinage_project::folder::library::{
    Access, Action, Derivation, Library, Mark, Standing, Standings, file_name,
};
use affinage_project::stages::freeze::{Unread, is_off_branch};

use super::reading::aside;

/// Characters of a prompt that stand for a missing title.
const TITLE_CHARS: usize = 60;

#[derive(Default)]
pub struct Catalogue {
    pub entries: Vec<Entry>,
    pub conversations: Vec<ConversationEntry>,
    /// What is told of each topic; known when everything was read.
    pub topics: Vec<Topic>,
    grouping: Grouping,
    /// Names of the imported files, as people know them.
    pub files: Vec<String>,
    /// Characters of all answers by writer.
    pub written: Written,
    /// Everything was read.
    pub is_whole: bool,
    /// What only a comparison of all examples shows, by candidate. Known some time after everything was read.
    across: HashMap<String, Vec<Finding>>,
    by_id: HashMap<String, usize>,
    by_key: HashMap<String, usize>,
    file_by_name: HashMap<String, usize>,
}

pub struct Entry {
    pub id: String,
    /// Index in [`Catalogue::conversations`].
    pub conversation: usize,
    /// The answer the user ended on, else the first.
    pub proposed: String,
    pub model: Option<String>,
    pub answers: usize,
    /// The user changed the proposed answer where it was written.
    pub is_edited: bool,
    /// No answer lies on a branch that its conversation shows.
    pub is_off_branch: bool,
    /// A section of a daily note or a journal.
    pub is_dated: bool,
    /// Of the answer that was accepted, else of the proposed one, and its prompt.
    pub measure: Measure,
    /// Rules that found an error or a warning in the proposed answer or the prompt.
    pub rules: Vec<&'static str>,
    /// Rules that found something worth knowing there.
    pub notes: Vec<&'static str>,
    /// Tokens of the row, where they are more than the training takes.
    pub too_long: Option<usize>,
    pub features: Vec<f64>,
    /// What tells which prompts are near-duplicates of this one; `None` where there is none, or none is known yet.
    pub asked: Option<Clustered>,
}

impl Entry {
    /// Whether the prompt of `other` asks nearly what this one asks; so does its own.
    pub fn asks_nearly(&self, other: &Entry) -> bool {
        self.asked.as_ref().zip(other.asked.as_ref()).is_some_and(|(own, other)| own.is_near(other))
    }
}

/// How long prompt and answer are, and who wrote the answer.
#[derive(Default)]
pub struct Measure {
    /// Characters of the answer by writer.
    pub written: Written,
    /// Characters of the answer that were typed at the desk.
    pub typed: usize,
    pub prompt_words: usize,
    pub answer_words: usize,
}

pub struct ConversationEntry {
    pub key: String,
    /// See [`Conversation::document`].
    pub document: Option<String>,
    /// Where it has none, the beginning of its first prompt.
    pub title: String,
    /// Index in [`Catalogue::files`].
    pub file: usize,
    /// Where the file stood in the folder or archive: `vault/visits`; empty for one alone.
    pub folder: String,
    pub candidates: usize,
    pub year: Option<i16>,
    pub set_aside: Option<SetAside>,
    pub standing: Standing,
    /// Index in [`Catalogue::topics`].
    pub topic: Option<usize>,
}

impl ConversationEntry {
    pub fn access(&self) -> Access {
        self.standing.access(|| self.set_aside.is_some())
    }

    /// What its cards share their matter with: the document, else the conversation.
    pub fn whole_text(&self) -> &str {
        self.document.as_deref().unwrap_or(&self.key)
    }
}

/// What each feature means when it is high and when it is low.
pub const FEATURES: [(&str, &str); 9] = [
    ("a long answer", "a short answer"),
    ("a long question", "a short question"),
    ("there are several answers", "there is one answer only"),
    ("lint found errors", "lint found no error"),
    ("lint found warnings", "lint found no warning"),
    ("you rated it up", "you did not rate it up"),
    ("you rated it down", "you did not rate it down"),
    ("varied words", "few different words"),
    ("you continued this chat", "you stopped after it"),
];

/// The indices of "lint found errors" and "lint found warnings" among them.
const ERRORS: usize = 3;
const WARNINGS: usize = 4;

/// Log-odds before the person's own decisions speak: their signals in the chat first, then faults and length.
const PRIOR: [f64; FEATURES.len()] = [0.2, 0.1, 0.6, -2.0, -0.5, 2.0, -2.0, 0.5, 0.4];

impl Entry {
    pub fn prior(&self) -> f64 {
        self.features.iter().zip(PRIOR).map(|(feature, weight)| feature * weight).sum()
    }

    pub fn answer_chars(&self) -> usize {
        self.measure.written.values().sum()
    }

    /// Why `--accept-clean` would not take it; `None` where it is clean.
    pub fn omission(&self) -> Option<Omission> {
        let is_flagged = !self.rules.is_empty();
        Unread { is_dated: self.is_dated, is_off_branch: self.is_off_branch, is_flagged }.omission(false)
    }

    pub fn is_clean(&self) -> bool {
        self.omission().is_none()
    }

    /// Lint has an error, for which a freeze leaves it out until it is edited.
    pub fn has_error(&self) -> bool {
        self.features[ERRORS] > 0.0
    }

    /// All rules that found something.
    pub fn findings(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.rules.iter().chain(&self.notes).copied()
    }
}

/// One conversation with everything the catalogue keeps of it.
pub struct Read {
    pub conversation: ConversationEntry,
    /// Name of the file it came from.
    pub file: String,
    pub entries: Vec<Entry>,
    /// For topics, clusters and comparisons, which are made when everything was read.
    place: Place,
    prompts: Vec<String>,
    subjects: Vec<Subject>,
}

/// A candidate with its proposed answer, for [`lint_across`].
fn subject(candidate: &Candidate) -> Subject {
    let mut subject = Subject::of_variant(candidate, proposed(candidate));
    subject.id.clone_from(&candidate.candidate_id);
    subject.context.truncate(1);
    subject
}

impl Read {
    pub fn of(
        derivation: &Derivation,
        source: &str,
        conversation: &Conversation,
        standing: Standing,
        marks: &HashMap<String, Mark>,
    ) -> Read {
        let found = derivation.candidates(conversation);
        let count = found.len();
        let place = Place::of(conversation, &found);
        let entries = found
            .iter()
            .map(|candidate| entry(conversation, candidate, count, marks.get(&candidate.candidate_id)));
        let year = place.time_s.and_then(|time| jiff::Timestamp::from_second(time as i64).ok());
        Read {
            entries: entries.collect(),
            file: file_name(source, conversation),
            conversation: ConversationEntry {
                key: conversation.key(),
                document: None,
                title: if conversation.title.trim().is_empty() {
                    found
                        .first()
                        .map(|candidate| first_words(&candidate.prompt, TITLE_CHARS))
                        .unwrap_or_default()
                } else {
                    conversation.title.clone()
                },
                file: 0,
                folder: folder(&conversation.origin.member).to_owned(),
                candidates: count,
                year: year.map(|time| time.to_zoned(jiff::tz::TimeZone::UTC).year()),
                set_aside: place.set_aside.clone(),
                standing,
                topic: None,
            },
            place,
            subjects: found.iter().map(subject).collect(),
            prompts: found.into_iter().map(|candidate| candidate.prompt).collect(),
        }
    }
}

/// The folder of a path, empty if it has none.
fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl Catalogue {
    pub fn index(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    pub fn conversation(&self, index: usize) -> &ConversationEntry {
        &self.conversations[self.entries[index].conversation]
    }

    pub fn conversation_called(&mut self, key: &str) -> Option<&mut ConversationEntry> {
        self.by_key.get(key).map(|&index| &mut self.conversations[index])
    }

    /// Candidates that may be shown: those of private conversations are not.
    pub fn shown(&self) -> usize {
        let shown = self.conversations.iter().filter(|c| c.access() != Access::Never);
        shown.map(|conversation| conversation.candidates).sum()
    }

    /// Candidates that are left to decide ([`Access::is_left_to_decide`]).
    pub fn open<'a>(&'a self, marks: &'a HashMap<String, Mark>) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(|entry| {
            let action = marks.get(&entry.id).and_then(|mark| mark.action);
            self.conversations[entry.conversation].access().is_left_to_decide(action)
        })
    }

    /// Whether who goes through the cards meets this one: a decided one unless it is private, another while it is open.
    pub fn is_met(&self, index: usize, marks: &HashMap<String, Mark>) -> bool {
        match self.conversation(index).access() {
            Access::Never => false,
            Access::Open => true,
            Access::ByHand => marks.get(&self.entries[index].id).is_some_and(|mark| mark.action.is_some()),
        }
    }

    /// Adds conversations with their candidates.
    pub fn add(&mut self, read: impl IntoIterator<Item = Read>) {
        for Read { mut conversation, file, entries, .. } in read {
            let number = self.conversations.len();
            let files = &mut self.files;
            conversation.file = *self.file_by_name.entry(file).or_insert_with_key(|name| {
                files.push(name.clone());
                files.len() - 1
            });
            self.by_key.insert(conversation.key.clone(), number);
            for entry in entries {
                self.by_id.insert(entry.id.clone(), self.entries.len());
                self.entries.push(Entry { conversation: number, ..entry });
            }
            self.conversations.push(conversation);
        }
    }

    /// Adds what is known only when everything was read.
    pub fn complete(&mut self, whole: Whole) {
        for (entry, asked) in self.entries.iter_mut().zip(whole.asked) {
            entry.asked = asked;
        }
        self.grouping = whole.grouping;
        self.tell_topics();
        for (number, topic) in self.topics.iter().enumerate() {
            for key in topic.all() {
                if let Some(conversation) = self.by_key.get(key) {
                    self.conversations[*conversation].topic = Some(number);
                }
            }
        }
        self.written = whole.written;
        self.is_whole = true;
    }

    /// Takes over what decides which conversations may be shown, and tells the topics again.
    pub fn stand(&mut self, standings: &Standings) {
        self.conversations.iter_mut().for_each(|found| {
            found.standing = standings.of_key(&found.key, found.standing.is_marked_private)
        });
        self.tell_topics();
    }

    /// What is told of topics follows what is held private.
    fn tell_topics(&mut self) {
        let (by_key, conversations) = (&self.by_key, &self.conversations);
        let is_private =
            |key: &str| by_key.get(key).is_none_or(|index| conversations[*index].standing.is_private());
        self.topics = self.grouping.told(is_private);
    }

    /// Adds what comparing all examples has shown.
    pub fn compared(&mut self, findings: Vec<Finding>) {
        self.across.clear();
        for finding in findings {
            self.across.entry(finding.id.clone()).or_default().push(finding);
        }
        let found: Vec<usize> = self.across.keys().filter_map(|id| self.index(id)).collect();
        found.into_iter().for_each(|index| self.note_comparison(index));
    }

    /// Adds it to one entry.
    pub fn note_comparison(&mut self, index: usize) {
        let entry = &mut self.entries[index];
        for finding in self.across.get(&entry.id).into_iter().flatten() {
            let rules = match finding.severity {
                Severity::Information => &mut entry.notes,
                Severity::Error | Severity::Warning => &mut entry.rules,
            };
            if !rules.contains(&finding.rule) {
                rules.push(finding.rule);
            }
            match finding.severity {
                Severity::Error => entry.features[ERRORS] = 1.0,
                Severity::Warning => entry.features[WARNINGS] = 1.0,
                Severity::Information => {}
            }
        }
    }

    /// What comparing all examples has shown of one candidate.
    pub fn comparison(&self, id: &str) -> &[Finding] {
        self.across.get(id).map(Vec::as_slice).unwrap_or_default()
    }
}

/// What takes the whole library to know.
pub struct Whole {
    grouping: Grouping,
    written: Written,
    /// By candidate.
    asked: Vec<Option<Clustered>>,
    /// Those that may come into a data set.
    subjects: Vec<Subject>,
}

impl Whole {
    /// What is to be compared with [`compare`] while the desk answers.
    pub fn take_subjects(&mut self) -> Vec<Subject> {
        std::mem::take(&mut self.subjects)
    }
}

/// Compares all examples, as a freeze does; takes a while.
pub fn compare(project: &Path, subjects: &[Subject]) -> anyhow::Result<Vec<Finding>> {
    Ok(lint_across(subjects, &Library::open(project)?.known()?))
}

/// Conversations handed over at once: the desk answers in between.
const BATCH: usize = 100;

/// Goes through the library with a connection of its own. `add` says whether to go on; `None` if it said no.
pub fn read(
    project: &Path,
    marks: &HashMap<String, Mark>,
    mut add: impl FnMut(Vec<Read>) -> bool,
) -> anyhow::Result<Option<Whole>> {
    let mut batch = Vec::new();
    let library = Library::open(project)?;
    let derivation = library.derivation()?;
    let standings = library.standings()?;
    let paths: HashMap<String, String> =
        library.sources()?.into_iter().map(|source| (source.sha256, source.path)).collect();
    let (mut places, mut prompts, mut subjects, mut goes_on) = (Vec::new(), Vec::new(), Vec::new(), true);
    library.for_each_conversation_private_too(|source, conversation| {
        if !goes_on || affinage_project::interrupt::requested() {
            return Ok(());
        }
        let standing = standings.of(&conversation);
        let document = conversation.document(source);
        let source = paths.get(source).map_or("", String::as_str);
        let mut read = Read::of(&derivation, source, &conversation, standing, marks);
        read.conversation.document = document;
        places.push(read.place.clone());
        prompts.append(&mut read.prompts);
        let is_open = read.conversation.access() == Access::Open;
        let is_rejected = |id: &String| marks.get(id).is_some_and(|mark| mark.action == Some(Action::Reject));
        subjects.extend(read.subjects.drain(..).filter(|subject| is_open && !is_rejected(&subject.id)));
        batch.push(read);
        if batch.len() == BATCH {
            goes_on = add(std::mem::take(&mut batch));
        }
        Ok(())
    })?;
    if !goes_on || affinage_project::interrupt::requested() || !add(batch) {
        return Ok(None);
    }
    let mut written = Written::new();
    for (who, chars) in places.iter().flat_map(|place| &place.written) {
        *written.entry(who.clone()).or_default() += chars;
    }
    let neighbours = move || {
        let prompts: Vec<&str> = prompts.iter().map(String::as_str).collect();
        dedup::neighbours(&prompts, Nearness::Related)
    };
    let Some(asked) = aside(neighbours, &affinage_project::interrupt::requested) else { return Ok(None) };
    Ok(Some(Whole { grouping: Grouping::of(&places), written, asked, subjects }))
}

/// The answer on the branch the user ended on, else the first.
pub fn proposed(candidate: &Candidate) -> &Variant {
    candidate.proposed().expect("a candidate has an answer")
}

/// Measures the answer a mark makes, else the proposed one, and its prompt.
pub fn measure(candidate: &Candidate, mark: Option<&Mark>) -> Measure {
    let chosen = mark.and_then(|mark| mark.variant.as_ref());
    let chosen = candidate.variants.iter().find(|v| Some(&v.variant_id) == chosen);
    let variant = chosen.unwrap_or(proposed(candidate));
    let edited = mark.and_then(|mark| mark.text.as_deref());
    let text = edited.unwrap_or(&variant.text);
    let original = mark.and_then(|mark| mark.original.as_deref()).unwrap_or(&variant.text);
    let prompt = mark.and_then(|mark| mark.prompt.as_deref()).unwrap_or(&candidate.prompt);
    // An example of the desk that no draft began is typed there, whole.
    let is_typed = variant.model.is_none()
        && candidate.conversation.split(':').next() == Some(Provider::Authored.as_str());
    Measure {
        written: match edited {
            Some(text) => authorship::written(text, Some(original), variant.by()),
            None => variant.written(),
        },
        typed: match edited {
            _ if is_typed => text.chars().count(),
            Some(text) => authorship::new_chars(text, original),
            None => 0,
        },
        prompt_words: shingle::words(prompt).len(),
        answer_words: shingle::words(text).len(),
    }
}

/// The entry of a candidate in a conversation of `of` candidates.
pub fn entry(conversation: &Conversation, candidate: &Candidate, of: usize, mark: Option<&Mark>) -> Entry {
    let proposed = proposed(candidate);
    let found = lint(&[Subject::of_variant(candidate, proposed)]);
    let is = |condition: bool| f64::from(u8::from(condition));
    let has = |severity: Severity| is(found.iter().any(|finding| finding.severity == severity));
    let features = vec![
        (1.0 + proposed.text.chars().count() as f64).ln(),
        (1.0 + candidate.prompt.chars().count() as f64).ln(),
        is(candidate.variants.len() > 1),
        has(Severity::Error),
        has(Severity::Warning),
        is(proposed.feedback == Some(Feedback::Up)),
        is(proposed.feedback == Some(Feedback::Down)),
        variety(&proposed.text),
        is(candidate.position + 1 < of),
    ];
    let rules = |is_note: bool| {
        let meant = found.iter().filter(|finding| (finding.severity == Severity::Information) == is_note);
        let mut rules: Vec<&'static str> = meant.map(|finding| finding.rule).collect();
        rules.dedup();
        rules
    };
    Entry {
        id: candidate.candidate_id.clone(),
        conversation: 0,
        proposed: proposed.variant_id.clone(),
        model: proposed.model.clone(),
        answers: candidate.variants.len(),
        is_edited: proposed.edited,
        is_off_branch: is_off_branch(candidate),
        is_dated: is_dated(conversation),
        measure: measure(candidate, mark),
        rules: rules(false),
        notes: rules(true),
        too_long: None,
        features,
        asked: None,
    }
}

/// Share of different words among the first 200, so that long texts do not lose by their length.
fn variety(text: &str) -> f64 {
    let words: Vec<&str> = text.split_whitespace().take(200).collect();
    let different: std::collections::HashSet<&str> = words.iter().copied().collect();
    different.len() as f64 / words.len().max(1) as f64
}
