//! Lists of questions with their answers: `{"query", "answer"}`, `{"message", "response"}` and the like.

use serde_json::Value;

use super::super::instructions;
use super::super::json::strings;
use super::layers::Layers;
use super::message::{Line, Parent, Speaker, line};
use super::names;
use super::parts::blocks;
use crate::conversation::{Block, BlockKind, Node, NodeRole};

/// True if an element is a question with an answer, and neither one message nor a step of a machine.
pub fn is_pair(value: &Value) -> bool {
    question_and_answer(value).is_some()
}

/// True for a row of a data set that is one question with its answer, both texts: `{"question", "response"}`.
pub fn is_row(value: &Value) -> bool {
    const ASKED: [&str; 5] = ["question", "query", "prompt", "user_input", "user_message"];
    const ANSWERED: [&str; 5] = ["answer", "response", "reply", "output", "completion"];
    let is_text = |name: &&str| value.get(*name).is_some_and(Value::is_string);
    is_pair(value) && ASKED.iter().any(is_text) && ANSWERED.iter().any(is_text)
}

/// Fields that say what an element with an input and an output is.
const KINDS: [&str; 8] =
    ["type", "kind", "run_type", "runType", "span_kind", "spanKind", "observation_type", "as_type"];
/// Parts of the words for what goes into a machine and comes out of it, and whole words.
const MACHINES: [&str; 9] =
    ["tool", "function", "retriev", "rerank", "embedding", "guardrail", "command", "shell", "middleware"];
const MACHINE_WORDS: [&str; 3] = ["tool", "span", "chain"];

/// True if the element says of itself, by its type or as a word of its name, that nobody asked and nobody answered.
fn is_of_machine(value: &Value) -> bool {
    let holds_word = |text: &str| {
        let text = text.to_lowercase();
        // `chain_of_thought` is no step of a chain.
        !text.contains("thought")
            && text.split(|c: char| !c.is_alphanumeric()).any(|word| MACHINE_WORDS.contains(&word))
    };
    let holds =
        |kind: &str| MACHINES.iter().any(|part| kind.to_lowercase().contains(part)) || holds_word(kind);
    KINDS.iter().filter_map(|key| value.get(*key)?.as_str()).any(holds)
        || value.get("name").and_then(Value::as_str).is_some_and(holds_word)
}

fn question_and_answer(value: &Value) -> Option<(&Value, &Value)> {
    let fields = Layers::of([value.as_object().map(|_| value).filter(|value| !is_of_machine(value))?]);
    let (_, question) = fields.all(names::QUESTIONS).find(|(_, question)| !blocks(question).is_empty())?;
    let mut answers = fields.all(names::ANSWERS).map(|(_, answer)| answer);
    let answer = answers.find(|answer| !answer.is_boolean() && !answer.is_number());
    // What came was an error of the product.
    let failed = || failure(value).filter(|_| names::ANSWERS.iter().any(|name| value.get(*name).is_some()));
    Some((question, answer.or_else(failed)?))
}

/// The product's account of why there is no answer.
fn failure(value: &Value) -> Option<&Value> {
    ["/result/errorDetails", "/error", "/errorDetails"]
        .iter()
        .find_map(|at| value.pointer(at))
        .filter(|at| !at.is_null())
}

/// The messages of a pair behind the instruction that its row gives the model.
pub fn led(mut lines: Vec<Line>, value: &Value) -> Vec<Line> {
    let Some(words) = instructions::beside_list(value) else { return lines };
    let mut system = Line::unread(lines.first(), String::new());
    system.speaker = Speaker::Role(NodeRole::System);
    system.node = Node {
        time_s: system.node.time_s,
        ..Node::new("", NodeRole::System, vec![Block::new(BlockKind::Text, words)])
    };
    lines.insert(0, system);
    lines
}

/// The two messages of a pair. Several plain texts as the answer are several answers.
pub fn lines(value: &Value) -> Option<[Line; 2]> {
    let (question, answer) = question_and_answer(value)?;
    let said = |role: NodeRole, side: &str, said: Vec<Block>| {
        let mut with_role = value.clone();
        if let Some(fields) = with_role.as_object_mut() {
            // The facts of the pair are those of both messages; its texts are not.
            names::QUESTIONS.iter().chain(names::ANSWERS).chain(names::TEXTS).for_each(|name| {
                fields.remove(*name);
            });
            fields.insert(
                "role".to_owned(),
                Value::from(if role == NodeRole::User { "user" } else { "assistant" }),
            );
            fields.insert("content".to_owned(), Value::from(""));
        }
        let mut line = line(&with_role);
        let text_before = std::mem::take(&mut line.node.blocks);
        line.node.blocks = said;
        let beside = text_before.into_iter().filter(|block| block.kind != BlockKind::Text);
        line.node.blocks.extend(beside.filter(|block| {
            let is_file = matches!(block.kind, BlockKind::Media | BlockKind::Attachment);
            is_file == (role == NodeRole::User)
        }));
        line.id = line.id.map(|id| format!("{id}-{side}"));
        line.parent = Parent::Unsaid;
        line.speaker = Speaker::Role(role);
        line
    };
    let mut asked = said(NodeRole::User, "question", blocks(question));
    let drafts: Vec<Vec<Block>> = match answer {
        Value::Array(items) if items.len() > 1 && items.iter().all(Value::is_string) => {
            items.iter().map(blocks).collect()
        }
        _ => Vec::new(),
    };
    let mut first = drafts.first().cloned().unwrap_or_else(|| blocks(answer));
    if failure(value).is_some_and(|failure| std::ptr::eq(failure, answer)) {
        first = vec![Block::new(BlockKind::Error, strings(answer))];
    }
    let mut answered = said(NodeRole::Assistant, "answer", first);
    answered.variants = drafts;
    let sources = names::SOURCES.iter().filter_map(|name| Some(value.get(*name)?.as_array()?.len())).max();
    for block in answered.node.blocks.iter_mut().filter(|block| block.kind == BlockKind::Text) {
        block.text = super::message::plain(&block.text, sources.unwrap_or(0));
    }
    asked.product = super::message::product(&[], value);
    asked.thread = Layers::of([value]).text(names::THREADS);
    answered.thread.clone_from(&asked.thread);
    Some([asked, answered])
}
