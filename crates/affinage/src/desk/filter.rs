//! Cards that are alike in several ways at once, each told in words: the person's own selection.

use std::collections::{HashMap, HashSet};

use affinage_dataset::lint::rules::RULES;
use affinage_project::folder::library::{Access, Action, Mark};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::State;
use super::catalogue::{Catalogue, Entry};
use super::lengths::Lengths;
use crate::ui::counted;
use crate::web::Reply;

/// Which cards are meant; what is not set does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    pub state: Decided,
    /// Words of the prompt, at least and at most.
    pub prompt_from: Option<usize>,
    pub prompt_to: Option<usize>,
    /// Words of the answer, at least and at most.
    pub answer_from: Option<usize>,
    pub answer_to: Option<usize>,
    /// The row has more tokens than the training takes.
    pub too_long: bool,
    /// A rule of lint that found something in the prompt or the proposed answer.
    pub rule: Option<String>,
    /// Name of an imported file.
    pub file: Option<String>,
    /// Number of a topic.
    pub topic: Option<usize>,
    /// Words that stand in the prompt or an answer, see [`affinage_project::folder::library::Library::search`].
    pub words: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decided {
    #[default]
    Undecided,
    Accepted,
    Rejected,
    Any,
}

impl Decided {
    fn holds(self, action: Option<Action>) -> bool {
        match self {
            Decided::Undecided => action.is_none(),
            Decided::Accepted => matches!(action, Some(Action::Accept | Action::Edit)),
            Decided::Rejected => action == Some(Action::Reject),
            Decided::Any => true,
        }
    }
}

impl Filter {
    /// Indices of the candidates meant. `found` are those that hold the words, where words are asked for. What is set
    /// aside is never meant: it is decided on where it can be seen.
    pub fn members(
        &self,
        catalogue: &Catalogue,
        marks: &HashMap<String, Mark>,
        found: Option<&HashSet<usize>>,
    ) -> Vec<usize> {
        self.where_access(catalogue, marks, found, |access| access == Access::Open)
    }

    /// All that may be shown, decided on, skipped and set aside or not: what can be held private.
    pub fn shown(
        &self,
        catalogue: &Catalogue,
        marks: &HashMap<String, Mark>,
        found: Option<&HashSet<usize>>,
    ) -> Vec<usize> {
        let any = Filter { state: Decided::Any, ..self.clone() };
        any.where_access(catalogue, marks, found, |access| access != Access::Never)
    }

    fn where_access(
        &self,
        catalogue: &Catalogue,
        marks: &HashMap<String, Mark>,
        found: Option<&HashSet<usize>>,
        is_meant: impl Fn(Access) -> bool,
    ) -> Vec<usize> {
        let file = self.file.as_ref().map(|name| catalogue.files.iter().position(|file| file == name));
        let holds = |&index: &usize| {
            let entry = &catalogue.entries[index];
            let conversation = catalogue.conversation(index);
            is_meant(conversation.access())
                && self.state.holds(marks.get(&entry.id).and_then(|mark| mark.action))
                && self.measures(entry)
                && file.is_none_or(|file| file == Some(conversation.file))
                && self.topic.is_none_or(|topic| conversation.topic == Some(topic))
                && found.is_none_or(|found| found.contains(&index))
        };
        (0..catalogue.entries.len()).filter(holds).collect()
    }

    /// What is known of a candidate alone.
    fn measures(&self, entry: &Entry) -> bool {
        let within = |words: usize, from: Option<usize>, to: Option<usize>| {
            from.is_none_or(|from| words >= from) && to.is_none_or(|to| words <= to)
        };
        within(entry.measure.prompt_words, self.prompt_from, self.prompt_to)
            && within(entry.measure.answer_words, self.answer_from, self.answer_to)
            && (!self.too_long || entry.too_long.is_some())
            && self.rule.as_ref().is_none_or(|rule| entry.findings().any(|found| found == rule))
    }

    /// The selection in words: `undecided cards with a prompt of at most 3 words, from gorgias.txt`.
    pub fn in_words(&self, catalogue: &Catalogue) -> String {
        let state = match self.state {
            Decided::Undecided => "undecided cards",
            Decided::Accepted => "accepted cards",
            Decided::Rejected => "rejected cards",
            Decided::Any => "cards",
        };
        let words = |of: &str, from: Option<usize>, to: Option<usize>| {
            let count = |words: usize| counted(words, "word", "words");
            Some(match (from, to) {
                (None, None) => return None,
                (Some(from), None) => format!("{of} of {} or more", count(from)),
                (None, Some(to)) => format!("{of} of at most {}", count(to)),
                (Some(from), Some(to)) if from == to => format!("{of} of {}", count(to)),
                (Some(from), Some(to)) => format!("{of} of {from} to {}", count(to)),
            })
        };
        let parts = [
            self.words.as_ref().map(|words| format!("that hold {words}")),
            words("with a prompt", self.prompt_from, self.prompt_to),
            words("with an answer", self.answer_from, self.answer_to),
            self.too_long.then(|| "too long for the training".to_owned()),
            self.rule.as_ref().map(|rule| format!("that rule {rule} flags")),
            self.file.as_ref().map(|file| format!("from {file}")),
            self.topic
                .and_then(|topic| catalogue.topics.get(topic))
                .map(|topic| format!("on {}", topic.name)),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { state.to_owned() } else { format!("{state} {}", parts.join(", ")) }
    }
}

impl State {
    /// What can be chosen of: files, topics and rules, with their undecided cards.
    pub(super) fn filters(&self) -> anyhow::Result<Reply> {
        let catalogue = &self.catalogue;
        let mut rules: HashMap<&str, usize> = HashMap::new();
        let mut files = vec![0; catalogue.files.len()];
        let mut too_long = 0;
        for index in (Filter::default()).members(catalogue, &self.marks, None) {
            let entry = &catalogue.entries[index];
            entry.findings().for_each(|rule| *rules.entry(rule).or_default() += 1);
            files[catalogue.conversation(index).file] += 1;
            too_long += usize::from(entry.too_long.is_some());
        }
        let rules = RULES.iter().filter_map(|rule| {
            let count = rules.get(rule.id)?;
            Some(json!({ "id": rule.id, "title": rule.title, "count": count }))
        });
        let mut is_named = vec![false; catalogue.files.len()];
        for conversation in &catalogue.conversations {
            // A file may be of private texts alone: then its name is theirs.
            is_named[conversation.file] |= !conversation.standing.is_private();
        }
        let files = catalogue.files.iter().zip(files).zip(is_named).filter(|(_, is_named)| *is_named);
        let files = files.map(|((name, count), _)| json!({ "name": name, "count": count }));
        let topics: Vec<&str> = catalogue.topics.iter().map(|topic| topic.name.as_str()).collect();
        let lengths = match &self.lengths {
            Lengths::Known { .. } => json!({ "known": self.lengths, "count": too_long }),
            lengths => json!({ "known": lengths }),
        };
        Reply::json(&json!({
            "rules": rules.collect::<Vec<Value>>(), "files": files.collect::<Vec<Value>>(),
            "topics": topics, "lengths": lengths,
        }))
    }
}
