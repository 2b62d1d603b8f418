//! Candidates: every assistant turn on any branch, with its context, its prompt and all answers to it.
//!
//! A turn may be many nodes: consecutive visible nodes of one side are joined by a blank line; reasoning, tool and
//! hidden nodes between them are passed over. Answers that hang under the same user turn are variants of each
//! other (regenerations), however many hidden nodes stand between.

use serde::{Deserialize, Serialize};

use crate::authorship::{self, By, Written};
use crate::conversation::{Conversation, Feedback, Node, NodeRole, Provider};
use crate::hash::short_hash;
use crate::message::{Message, Role};

/// How much of the conversation before the prompt an example carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextPolicy {
    /// User-assistant exchanges, newest kept. At most 3, because a split drops three candidates at its borders.
    pub max_exchanges: usize,
    /// Characters of all context turns together; whole exchanges only.
    pub max_chars: usize,
}

impl Default for ContextPolicy {
    fn default() -> ContextPolicy {
        ContextPolicy { max_exchanges: 3, max_chars: 2000 }
    }
}

/// Whose words the model is to learn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Learn {
    /// Those of the assistant.
    #[default]
    Assistant,
    /// The user's own: what the assistant said becomes the prompt.
    Mine,
    /// Only answers that the user has edited.
    Edited,
}

impl Learn {
    pub fn as_str(self) -> &'static str {
        match self {
            Learn::Assistant => "assistant",
            Learn::Mine => "mine",
            Learn::Edited => "edited",
        }
    }

    pub fn parse(name: &str) -> Option<Learn> {
        [Learn::Assistant, Learn::Mine, Learn::Edited].into_iter().find(|learn| learn.as_str() == name)
    }
}

/// One answer to a candidate's prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Hash of the text: stays the same when the export is imported again.
    pub variant_id: String,
    pub text: String,
    pub node_ids: Vec<String>,
    pub model: Option<String>,
    /// Speaker of a transcript.
    pub author: Option<String>,
    /// The provider's word if the answer was cut off.
    pub truncated: Option<String>,
    /// What the reader saw as the answer and the export does not hold.
    pub missing: Option<String>,
    /// Media and parts of unknown types that the reader saw beside the words.
    pub beside: Vec<String>,
    pub feedback: Option<Feedback>,
    /// The user changed the answer where it was written.
    pub edited: bool,
    /// The branch the user ended on goes through this answer.
    pub active: bool,
    /// A person is known to have written it: the user's own words, or an answer typed at the desk.
    pub by_person: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Hash of conversation, prompt nodes and prompt text.
    pub candidate_id: String,
    /// `provider:id`.
    pub conversation: String,
    /// Number of the candidate in its conversation, from 0.
    pub position: usize,
    /// A system message that belongs to the data (rows of a dataset), not hidden instructions of a provider.
    pub system: Option<String>,
    /// What was said right before, within the [`ContextPolicy`]; [`Candidate::before`] leads further back.
    pub context: Vec<Message>,
    /// Nodes of the answer above the prompt; none above the first prompt.
    pub follows: Vec<String>,
    pub prompt: String,
    pub prompt_node_ids: Vec<String>,
    /// Images, files and parts of unknown types that belong to the prompt and are not in its text.
    pub prompt_media_count: usize,
    /// Attached files whose words stand in the prompt.
    pub prompt_attachment_count: usize,
    /// Nobody wrote the prompt: it was made of a note's heading.
    pub prompt_drafted: bool,
    /// Never empty; texts are distinct.
    pub variants: Vec<Variant>,
}

impl Candidate {
    /// The answer on the branch that the user ended on, else the first.
    pub fn proposed(&self) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.active).or(self.variants.first())
    }

    /// The exchanges above the prompt, newest first: candidates of the same conversation with the answer that the talk went on
    /// from. An exchange without words is passed over; the list ends where an answer is no variant of a candidate.
    pub fn before<'a>(&'a self, all: &'a [Candidate]) -> impl Iterator<Item = (&'a Candidate, &'a Variant)> {
        let above = |candidate: &'a Candidate| {
            let answer = |other: &'a Candidate| {
                let variant = other.variants.iter().find(|variant| variant.node_ids == candidate.follows);
                variant.map(|variant| (other, variant))
            };
            // Ids of a conversation that was united from two readings are no reason to go round in circles.
            let earlier = all.get(..candidate.position)?;
            earlier.iter().rev().filter(|_| !candidate.follows.is_empty()).find_map(answer)
        };
        std::iter::successors(above(self), move |(candidate, _)| above(candidate))
            .filter(|(candidate, variant)| !candidate.prompt.is_empty() && !variant.text.is_empty())
    }
}

impl Variant {
    /// Characters by writer.
    pub fn written(&self) -> Written {
        authorship::written(&self.text, None, self.by())
    }

    /// Who wrote it. A speaker's name does not say whether it is a person's.
    pub fn by(&self) -> By<'_> {
        match &self.model {
            Some(model) => By::Model(model),
            None if self.by_person => By::Person,
            None => By::Unknown,
        }
    }
}

/// True if the person wrote the answers as answers: at the desk, or as a note.
fn is_answer(conversation: &Conversation) -> bool {
    conversation.provider == Provider::Authored || conversation.nodes.iter().any(Node::is_drafted)
}

/// Candidates of what is to be learnt.
pub fn candidates_of(conversation: &Conversation, policy: &ContextPolicy, learn: Learn) -> Vec<Candidate> {
    match learn {
        Learn::Mine if !is_answer(conversation) => {
            let mut found = candidates(&sides_swapped(conversation), policy);
            found.iter_mut().flat_map(|candidate| &mut candidate.variants).for_each(|v| v.by_person = true);
            found
        }
        _ => candidates(conversation, policy),
    }
}

/// Number of the person's own words before which nobody says anything: learnt as answers, they have no prompt.
pub fn openings(conversation: &Conversation) -> usize {
    if is_answer(conversation) { 0 } else { unasked_answers(&sides_swapped(conversation)) }
}

/// The conversation as the assistant would tell it: user turns are answers, assistant turns are prompts.
fn sides_swapped(conversation: &Conversation) -> Conversation {
    let mut swapped = conversation.clone();
    for node in &mut swapped.nodes {
        match node.role {
            NodeRole::User => {
                node.role = NodeRole::Assistant;
                node.model = None;
                node.author.get_or_insert_with(|| "me".to_owned());
            }
            NodeRole::Assistant => node.role = NodeRole::User,
            // Between two nodes of one turn it must not look like an answer.
            NodeRole::Tool => {
                node.role = NodeRole::User;
                node.hidden = true;
            }
            NodeRole::System => node.hidden = true,
        }
        // Ratings and cuts are facts about the assistant's answers.
        node.feedback = None;
        node.truncated = None;
        node.excluded = None;
        node.missing = None;
    }
    swapped
}

/// All candidates of a conversation, in the order of their prompts.
pub fn candidates(conversation: &Conversation, policy: &ContextPolicy) -> Vec<Candidate> {
    let turns = Turns::of(conversation);
    let mut found: Vec<Candidate> = Vec::new();
    for (user, terminals) in turns.answers_by_prompt() {
        let prompt_nodes = turns.segment(user);
        let prompt = turns.text(&prompt_nodes);
        let variants = turns.variants(&terminals);
        if variants.is_empty() {
            continue;
        }
        let prompt_node_ids = turns.ids(&turns.said(&prompt_nodes));
        let key = conversation.key();
        let mut parts = vec![key.as_str(), prompt.as_str()];
        parts.extend(prompt_node_ids.iter().map(String::as_str));
        found.push(Candidate {
            candidate_id: short_hash(&parts),
            conversation: key.clone(),
            position: found.len(),
            system: turns.system[user].map(|i| conversation.nodes[i].visible_text()),
            context: turns.context(turns.above[prompt_nodes[0]], policy),
            follows: turns.above[prompt_nodes[0]]
                .map_or_else(Vec::new, |last| turns.ids(&turns.segment(last))),
            prompt_media_count: prompt_nodes.iter().map(|&i| conversation.nodes[i].media_count()).sum(),
            prompt_attachment_count: prompt_nodes
                .iter()
                .map(|&i| conversation.nodes[i].attachment_count())
                .sum(),
            prompt_drafted: prompt_nodes.iter().any(|&i| conversation.nodes[i].is_drafted()),
            prompt,
            prompt_node_ids,
            variants,
        });
    }
    found
}

/// Number of answers with words before which the user says nothing: no candidate can be made of them.
pub fn unasked_answers(conversation: &Conversation) -> usize {
    let nodes = &conversation.nodes;
    let mut is_asked = vec![false; nodes.len()];
    let mut all_asked = true;
    for (index, node) in nodes.iter().enumerate() {
        let is_question = node.is_user_turn() && !node.hidden;
        is_asked[index] = is_question || node.parent.is_some_and(|parent| is_asked[parent]);
        all_asked &= is_asked[index] || node.role != NodeRole::Assistant;
    }
    if all_asked {
        return 0;
    }
    let turns = Turns::of(conversation);
    let has_words = |answer: usize| !turns.text(&turns.segment(answer)).is_empty();
    turns.answers().into_iter().filter(|(prompt, answer)| prompt.is_none() && has_words(*answer)).count()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    User,
    Assistant,
}

/// The tree seen as turns: nodes that belong to neither side are passed over.
///
/// A message of the user's always ends the assistant's turn, also one without words: else the answers above and below
/// it would be one.
struct Turns<'a> {
    conversation: &'a Conversation,
    side: Vec<Option<Side>>,
    /// The turn has words up to and with this node.
    spoken: Vec<bool>,
    /// Nearest ancestor that belongs to a side.
    above: Vec<Option<usize>>,
    /// Topmost visible system message at or above each node.
    system: Vec<Option<usize>>,
    active: Vec<bool>,
}

impl<'a> Turns<'a> {
    fn of(conversation: &'a Conversation) -> Turns<'a> {
        let nodes = &conversation.nodes;
        let mut turns = Turns {
            conversation,
            side: Vec::with_capacity(nodes.len()),
            spoken: Vec::with_capacity(nodes.len()),
            above: vec![None; nodes.len()],
            system: vec![None; nodes.len()],
            active: vec![false; nodes.len()],
        };
        for (index, node) in nodes.iter().enumerate() {
            let has_words = !node.visible_text().is_empty();
            if let Some(parent) = node.parent {
                turns.above[index] =
                    if turns.side[parent].is_some() { Some(parent) } else { turns.above[parent] };
                turns.system[index] = turns.system[parent];
            }
            let above = turns.above[index];
            let after_words =
                above.is_some_and(|i| turns.side[i] == Some(Side::Assistant) && turns.spoken[i]);
            let side = match node.role {
                NodeRole::Assistant | NodeRole::Tool => Some(Side::Assistant),
                // What the product said in the user's name ends an answer, too.
                NodeRole::User if node.hidden => {
                    (after_words && node.has_words_of_its_own()).then_some(Side::User)
                }
                NodeRole::User => node.is_user_turn().then_some(Side::User),
                NodeRole::System => None,
            };
            let goes_on = above.is_some_and(|i| turns.side[i] == side && turns.spoken[i]);
            turns.side.push(side);
            turns.spoken.push(has_words || goes_on);
            if node.role == NodeRole::System && has_words && turns.system[index].is_none() {
                turns.system[index] = Some(index);
            }
        }
        for index in conversation.active_leaf.map(|leaf| conversation.path_to(leaf)).unwrap_or_default() {
            turns.active[index] = true;
        }
        turns
    }

    /// `(user node, last nodes of the answers to it)`.
    fn answers_by_prompt(&self) -> Vec<(usize, Vec<usize>)> {
        let mut terminals: Vec<Vec<usize>> = vec![Vec::new(); self.side.len()];
        for (prompt, answer) in self.answers() {
            prompt.into_iter().for_each(|user| terminals[user].push(answer));
        }
        terminals.into_iter().enumerate().filter(|(_, answers)| !answers.is_empty()).collect()
    }

    /// `(user node above, last node)` of every answer. It ends where no assistant node follows, or where the user spoke
    /// again.
    fn answers(&self) -> Vec<(Option<usize>, usize)> {
        let count = self.side.len();
        let (mut continued, mut replied_to) = (vec![false; count], vec![false; count]);
        for index in 0..count {
            match (self.side[index], self.above[index]) {
                (Some(Side::Assistant), Some(above)) => continued[above] = true,
                (Some(Side::User), Some(above)) => replied_to[above] = true,
                _ => {}
            }
        }
        let ends_here = |index: &usize| {
            self.side[*index] == Some(Side::Assistant) && (!continued[*index] || replied_to[*index])
        };
        let ends = (0..count).filter(ends_here);
        ends.map(|index| (self.above[self.segment(index)[0]], index)).collect()
    }

    /// The nodes of one side that end at `last`, oldest first; never empty.
    fn segment(&self, last: usize) -> Vec<usize> {
        let mut nodes: Vec<usize> = std::iter::successors(Some(last), |&i| self.above[i])
            .take_while(|&i| self.side[i] == self.side[last])
            .collect();
        nodes.reverse();
        nodes
    }

    /// Visible text of a turn. Speakers are named only where one turn has several.
    fn text(&self, nodes: &[usize]) -> String {
        let mut spoken: Vec<(Option<&str>, String)> = Vec::new();
        let mut before: Option<&Node> = None;
        for node in nodes.iter().map(|&i| &self.conversation.nodes[i]) {
            let text = node.visible_text();
            if text.is_empty() {
                continue;
            }
            match (before.and_then(|before| node.goes_on_from(before)), spoken.last_mut()) {
                (Some(border), Some((_, said))) => *said = format!("{said}{border}{text}"),
                _ => spoken.push((node.author.as_deref(), text)),
            }
            before = Some(node);
        }
        let several = spoken.windows(2).any(|pair| pair[0].0 != pair[1].0);
        let parts: Vec<String> = spoken
            .into_iter()
            .map(|(author, text)| match author {
                Some(author) if several => format!("{author}: {text}"),
                _ => text,
            })
            .collect();
        parts.join("\n\n")
    }

    /// The nodes of a turn that a reader saw; all if there is none.
    fn said(&self, nodes: &[usize]) -> Vec<usize> {
        let is_seen = |index: &usize| {
            let node = &self.conversation.nodes[*index];
            !node.hidden && (!node.visible_text().is_empty() || node.media_count() > 0)
        };
        let seen: Vec<usize> = nodes.iter().copied().filter(is_seen).collect();
        if seen.is_empty() { nodes.to_vec() } else { seen }
    }

    fn ids(&self, nodes: &[usize]) -> Vec<String> {
        nodes.iter().map(|&i| self.conversation.nodes[i].id.clone()).collect()
    }

    /// Distinct answers. An empty one is kept only if there is no other, and not if it is all tools and reasoning. One
    /// that the export excludes from training is context of what follows and no variant.
    fn variants(&self, terminals: &[usize]) -> Vec<Variant> {
        let mut variants: Vec<Variant> = Vec::new();
        for &terminal in terminals {
            let nodes = self.segment(terminal);
            let text = self.text(&nodes);
            if text.is_empty() && !nodes.iter().any(|&i| self.conversation.nodes[i].is_empty_reply()) {
                continue;
            }
            let is_excluded = |node: &Node| node.excluded.is_some() && !node.visible_text().is_empty();
            if nodes.iter().any(|&i| is_excluded(&self.conversation.nodes[i])) {
                continue;
            }
            if let Some(same) = variants.iter_mut().find(|v| v.text == text) {
                same.active |= self.active[terminal];
                continue;
            }
            let spoken = nodes.iter().rev().map(|&i| &self.conversation.nodes[i]);
            let last = spoken.clone().find(|node| !node.visible_text().is_empty());
            let author = last.and_then(|node| node.author.clone());
            // A speaker's name stands for no model, so the product's own is meant only where there is none.
            let of_product = self.conversation.provider.model().filter(|_| author.is_none());
            variants.push(Variant {
                variant_id: short_hash(&[&text]),
                text,
                node_ids: self.ids(&nodes),
                model: last.and_then(|node| node.model.clone()).or_else(|| of_product.map(str::to_owned)),
                author,
                truncated: last.and_then(|node| node.truncated.clone()),
                missing: spoken.clone().find_map(|node| node.missing.clone()),
                beside: spoken.clone().flat_map(Node::shown_beside).collect(),
                feedback: spoken.clone().find_map(|node| node.feedback),
                edited: spoken.clone().any(|node| node.edited),
                active: self.active[terminal],
                by_person: is_answer(self.conversation),
            });
        }
        if variants.iter().any(|variant| !variant.text.is_empty()) {
            variants.retain(|variant| !variant.text.is_empty());
        }
        variants
    }

    /// Whole exchanges above `last_answer`, oldest first, within the policy.
    fn context(&self, last_answer: Option<usize>, policy: &ContextPolicy) -> Vec<Message> {
        let mut newest_first = Vec::new();
        let mut chars = 0;
        let mut answer = last_answer;
        for _ in 0..policy.max_exchanges {
            let Some(answer_nodes) = answer.map(|last| self.segment(last)) else { break };
            let Some(prompt_nodes) = self.above[answer_nodes[0]].map(|last| self.segment(last)) else {
                break;
            };
            let (prompt, reply) = (self.text(&prompt_nodes), self.text(&answer_nodes));
            // An error of the product costs itself and its question, not what was said before.
            if reply.is_empty() && !prompt.is_empty() {
                answer = self.above[prompt_nodes[0]];
                continue;
            }
            chars += prompt.chars().count() + reply.chars().count();
            if chars > policy.max_chars || prompt.is_empty() || reply.is_empty() {
                break;
            }
            newest_first.push(Message::new(Role::Assistant, reply));
            newest_first.push(Message::new(Role::User, prompt));
            answer = self.above[prompt_nodes[0]];
        }
        newest_first.reverse();
        newest_first
    }
}
