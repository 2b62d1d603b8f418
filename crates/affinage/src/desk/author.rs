//! New examples: written by the person, or made from drafts of a local model. They enter the library as conversations of
//! their own with all drafts as answers, so cards, undo, lint and data set treat them like any other, and who wrote what
//! is told by comparing the answer with the draft it was made from.

use affinage_dataset::authorship::{self, By};
use affinage_dataset::candidate::Candidate;
use affinage_dataset::conversation::{
    Block, BlockKind, Conversation, Link, Node, NodeRole, Origin, Provider,
};
use affinage_dataset::message::Message;
use affinage_project::errors::usage;
use affinage_project::folder::library::{Action, Change, Mark, Standing, Step};
use serde::Deserialize;
use serde_json::json;

use super::catalogue::Read;
use super::{State, now};
use crate::web::Reply;

/// A new example as the page sends it.
#[derive(Deserialize)]
pub struct Authored {
    prompt: String,
    /// What stands before the prompt.
    #[serde(default)]
    context: Vec<Message>,
    #[serde(default)]
    drafts: Vec<Draft>,
    /// Index of the draft the answer was made from.
    from: Option<usize>,
    text: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    domain: Option<String>,
}

/// An answer that a model wrote.
#[derive(Deserialize)]
struct Draft {
    text: String,
    model: String,
}

/// An answer and the draft it is made from.
#[derive(Deserialize)]
pub struct Made {
    text: String,
    original: Option<String>,
    model: Option<String>,
}

/// Characters of an answer by writer, while it is being written.
pub fn written(made: &Made) -> anyhow::Result<Reply> {
    let by = made.model.as_deref().map_or(By::Person, By::Model);
    let written = authorship::written(made.text.trim(), made.original.as_deref(), by);
    Reply::json(&json!({ "written": written }))
}

/// Who wrote an answer without a draft.
const AUTHOR: &str = "author";
const TITLE_CHARS: usize = 60;
/// The step of a new example.
pub(super) const WROTE: &str = "wrote an example";

impl State {
    /// Puts a new example into the library and accepts it; gives its card's id.
    pub(super) fn author(&mut self, authored: Authored) -> anyhow::Result<Reply> {
        let text = authored.text.trim().to_owned();
        if text.is_empty() || authored.prompt.trim().is_empty() {
            return Err(usage("an example needs a prompt and an answer"));
        }
        let at = now();
        let (conversation, answer) = conversation(&authored, &text, &at)?;
        self.library.add_authored(&conversation, &at)?;
        let key = conversation.key();
        let (_, conversation) = self.library.conversation(&key)?.ok_or_else(|| usage("it was not stored"))?;
        let found = self.derivation.candidates(&conversation);
        let holds = |candidate: &&Candidate| candidate.variants.iter().any(|v| v.node_ids.contains(&answer));
        let candidate = found.iter().find(holds).ok_or_else(|| usage("it holds no answer"))?;
        let variant = candidate.variants.iter().find(|v| v.node_ids.contains(&answer));
        let variant = variant.ok_or_else(|| usage("it holds no answer"))?;
        let after = Mark {
            action: Some(Action::Accept),
            variant: Some(variant.variant_id.clone()),
            text: Some(text).filter(|text| *text != variant.text || variant.author.is_some()),
            context: Some(authored.context).filter(|context| !context.is_empty()),
            tags: authored.tags,
            domain: authored.domain.map(|d| d.trim().to_owned()).filter(|domain| !domain.is_empty()),
            ..Mark::default()
        };
        let id = candidate.candidate_id.clone();
        let changes =
            vec![Change { candidate: id.clone(), conversation: key, before: Mark::default(), after }];
        if self.catalogue.is_whole {
            self.catalogue.add([Read::of(
                &self.derivation,
                "",
                &conversation,
                Standing::default(),
                &self.marks,
            )]);
        } else {
            // The pass over the library may have gone by it already.
            self.start_over()?;
        }
        self.take(WROTE, Step { changes, ..Step::default() })?;
        Reply::json(&json!({ "id": id, "summary": self.summary()?, "label": WROTE }))
    }

    /// The step that wrote an example was taken back: the example is no card any more.
    pub(super) fn unwrite(&mut self, candidate: Option<&str>) -> anyhow::Result<()> {
        let Some(index) = candidate.and_then(|id| self.catalogue.index(id)) else { return Ok(()) };
        let key = self.catalogue.conversation(index).key.clone();
        self.library.forget_authored(&key)?;
        self.marks.remove(&self.catalogue.entries[index].id);
        self.start_over()
    }
}

/// The example as a conversation, and the id of the node that holds the answer.
fn conversation(authored: &Authored, text: &str, at: &str) -> anyhow::Result<(Conversation, String)> {
    let digest = affinage_dataset::hash::short_hash(&[at, &authored.prompt, text]);
    let mut conversation = Conversation::new(Provider::Authored, digest, Origin::default());
    conversation.title = authored.prompt.trim().chars().take(TITLE_CHARS).collect();
    conversation.time_s = Some(jiff::Timestamp::now().as_second() as f64);
    let mut links: Vec<Link> = Vec::new();
    let mut add = |role: NodeRole, text: &str, parent: Option<String>, model: Option<&str>| -> String {
        let id = format!("n{}", links.len());
        let mut node = Node::new(id.clone(), role, vec![Block::new(BlockKind::Text, text.trim())]);
        node.model = model.map(str::to_owned);
        // A draft is the model's; what has no model here was typed.
        node.author = (role == NodeRole::Assistant && model.is_none()).then(|| AUTHOR.to_owned());
        node.time_s = conversation.time_s;
        links.push(Link::to(node, parent));
        id
    };
    // What stands before the prompt is no example of its own: the decision holds it.
    let prompt = add(NodeRole::User, &authored.prompt, None, None);
    let mut answer = None;
    for (index, draft) in authored.drafts.iter().enumerate() {
        let id = add(NodeRole::Assistant, &draft.text, Some(prompt.clone()), Some(&draft.model));
        if authored.from == Some(index) {
            answer = Some(id);
        }
    }
    let answer = answer.unwrap_or_else(|| add(NodeRole::Assistant, text, Some(prompt), None));
    conversation.arrange(links, Some(&answer))?;
    Ok((conversation, answer))
}
