//! Which cards make rows that are longer than the training takes.

use affinage_dataset::candidate::Candidate;
use affinage_dataset::message::{Message, Role};
use affinage_project::folder::library::Mark;
use affinage_project::stages::lengths::Ruler;
use serde::Serialize;

use super::catalogue;

/// What is known of lengths in tokens.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "kebab-case", tag = "stage")]
pub enum Lengths {
    /// Not looked at yet.
    #[default]
    Waiting,
    /// They are all known.
    Known { limit: usize, model: String },
    /// They cannot be told, and why.
    Unknown { why: String },
}

impl Lengths {
    pub fn known(ruler: &Ruler) -> Lengths {
        Lengths::Known { limit: ruler.limit, model: ruler.model().to_owned() }
    }
}

/// Tokens of the row that a candidate makes as it is marked, where they are more than the training takes.
pub fn too_long(ruler: &Ruler, candidate: &Candidate, mark: Option<&Mark>) -> Option<usize> {
    ruler.too_long(&candidate.candidate_id, &row(candidate, mark))
}

/// The messages that the row cannot do without: of the turns before the prompt a freeze takes as many as fit, except those that
/// a person chose.
fn row(candidate: &Candidate, mark: Option<&Mark>) -> Vec<Message> {
    let text = |of: fn(&Mark) -> Option<&String>| mark.and_then(of).map(String::as_str);
    let chosen = mark.and_then(|mark| mark.variant.as_ref());
    let variant = candidate.variants.iter().find(|v| Some(&v.variant_id) == chosen);
    let variant = variant.unwrap_or(catalogue::proposed(candidate));
    let context = mark.and_then(|mark| mark.context.as_ref());
    let mut messages: Vec<Message> =
        candidate.system.iter().map(|system| Message::new(Role::System, system.as_str())).collect();
    messages.extend(context.into_iter().flatten().cloned());
    messages.push(Message::new(Role::User, text(|mark| mark.prompt.as_ref()).unwrap_or(&candidate.prompt)));
    messages.push(Message::new(Role::Assistant, text(|mark| mark.text.as_ref()).unwrap_or(&variant.text)));
    messages
}
