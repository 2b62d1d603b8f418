//! Conversations to training rows: token ids and which of them are predicted with loss.
//!
//! What the assistant wrote is found by *differential rendering*: the text up to turn `i` with the
//! generation prompt, against the text through turn `i`. The difference is what the model has to produce
//! at inference, whatever the template looks like. Templates that write a turn in another way when more
//! follow (some drop earlier reasoning) are handled with a marker in place of the answer.

mod quoted;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::message::{Message, Role};
use crate::template::{Border, ChatTemplate, GenerationPrompt, MARKER, TemplateError};
use crate::tokenizer::{Token, Tokenizer};

use quoted::{encode_quoted, quoted};

/// A conversation as the trainer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenizedExample {
    pub example_id: String,
    pub ids: Vec<u32>,
    /// `loss_mask[i]`: token `i` is predicted with loss. The first never is.
    pub loss_mask: Vec<bool>,
}

/// Which tokens are learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossMode {
    /// The last answer with the one token that ends it: earlier ones are context, and are last in rows of their own.
    LastAnswer,
    /// All answers, each with the token that ends it, and nothing after that. An earlier answer that the template ends
    /// otherwise than with an end token is learned without one.
    Assistant,
    /// Everything but the first token.
    Full,
}

/// Renders and tokenises a conversation. A special token in the words of a message is text there: only the template opens
/// and ends turns.
///
/// `end_tokens` are the ids at which generation stops. A row of more than `max_tokens` tokens is cut at
/// its end in full mode; in the other modes it is an error as soon as a learned token would be lost, since
/// an answer without its end teaches the model not to stop. That the last answer has an end token, and that no answer
/// holds one itself, is required in all modes.
///
/// Errors: see [`TemplateError`]; they do not name the example.
pub fn tokenize_example(
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
    example_id: &str,
    messages: &[Message],
    loss: LossMode,
    end_tokens: &[u32],
    max_tokens: usize,
) -> Result<TokenizedExample, TemplateError> {
    let quoted = quoted(tokenizer, template, messages, GenerationPrompt::Omit)?;
    let Written { text, moved } = written(template, &quoted)?;
    let row = Row { tokenizer, text: &text, tokens: encode_quoted(tokenizer, &text)? };
    row.refuse_doubled_start(template)?;
    let mut loss_mask = vec![loss == LossMode::Full; row.tokens.len()];
    let own = moved.as_ref().map_or(text.as_str(), |moved| moved.own.as_str());
    let mut answers = find_answers(template, &quoted, own)?;
    if let (Some(moved), Some(last)) = (&moved, answers.last_mut()) {
        last.text = moved.asked..last.text.end + text.len() - moved.own.len();
    }
    if loss == LossMode::LastAnswer {
        answers.drain(..answers.len() - 1);
    }
    let last = answers.last().map(|answer| answer.turn);
    for answer in answers {
        let content = &messages[answer.turn - 1].content;
        let ends = Ends { tokens: end_tokens, required: Some(answer.turn) == last };
        match (row.learned_tokens(&answer, content, ends), loss) {
            // Everything is learned: where the answer begins does not matter.
            (Ok(_) | Err(TemplateError::SplitToken { .. }), LossMode::Full) => {}
            (Ok(learned), _) if learned.end > max_tokens => {
                return Err(TemplateError::TooLong { tokens: row.tokens.len(), limit: max_tokens });
            }
            (Ok(learned), _) => loss_mask[learned].fill(true),
            (Err(error), _) => return Err(error),
        }
    }
    if let Some(first) = loss_mask.first_mut() {
        *first = false;
    }
    let mut ids: Vec<u32> = row.tokens.iter().map(|token| token.id).collect();
    ids.truncate(max_tokens);
    loss_mask.truncate(max_tokens);
    Ok(TokenizedExample { example_id: example_id.to_owned(), ids, loss_mask })
}

/// The text of a row, as [`tokenize_example`] takes it.
pub fn row_text(template: &ChatTemplate, messages: &[Message]) -> Result<String, TemplateError> {
    Ok(written(template, messages)?.text)
}

/// How many tokens [`tokenize_example`] makes of a row, before it cuts anything.
///
/// Errors: see [`TemplateError`]; whether anything can be learnt from the row is not looked at.
pub fn row_tokens(
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
    messages: &[Message],
) -> Result<usize, TemplateError> {
    let quoted = quoted(tokenizer, template, messages, GenerationPrompt::Omit)?;
    let Written { text, .. } = written(template, &quoted)?;
    Ok(encode_quoted(tokenizer, &text)?.len())
}

/// A conversation as it is learnt.
struct Written {
    text: String,
    /// If the template does not write the row so.
    moved: Option<Moved>,
}

/// What differs from the template's own text: the last answer stands behind what it will be asked with.
struct Moved {
    /// The template's own text, never longer.
    own: String,
    /// Where generation of the last answer would begin.
    asked: usize,
}

/// Some templates open a thought, or write an empty one, where they ask for an answer, and leave it out of an answer that is
/// there. The last answer is learnt behind what it will be asked with; a thought that is open there is closed first.
fn written(template: &ChatTemplate, messages: &[Message]) -> Result<Written, TemplateError> {
    let text = template.render(messages, GenerationPrompt::Omit)?;
    let plain = |text| Ok(Written { text, moved: None });
    let Some((answer, before)) = messages.split_last().filter(|(last, _)| last.role == Role::Assistant)
    else {
        return plain(text);
    };
    let Ok(asked) = template.render(before, GenerationPrompt::Add) else { return plain(text) };
    if text.starts_with(&asked) || answer.content.contains("</think>") {
        return plain(text);
    }
    let Some(found) = answer_by_marker(template, messages, before.len(), &text)? else { return plain(text) };
    let (head, said) = text.split_at(found.text.start);
    match asked.strip_prefix(head).and_then(closing) {
        Some(closing) => Ok(Written {
            text: format!("{asked}{closing}{said}"),
            moved: Some(Moved { asked: asked.len(), own: text }),
        }),
        None => plain(text),
    }
}

/// What ends the thought that a text is: nothing where it ends itself. `None` where it is no thought, or one that is not known.
fn closing(thought: &str) -> Option<String> {
    let is_thought = ["think", "thought"].iter().any(|word| thought.to_lowercase().contains(word));
    let open = thought.trim_end().strip_suffix('>').and_then(|head| head.rsplit_once('<'));
    match open.filter(|_| is_thought) {
        // Without a line end before it: that would be one token with the one that the prompt ends with.
        Some((_, name)) if name.chars().all(|c| c.is_alphanumeric() || c == '_') => {
            Some(format!("</{name}>\n\n"))
        }
        Some((before, name)) if name.starts_with('/') || before.contains('<') => Some(String::new()),
        _ => None,
    }
}

/// The ids of a conversation and the opening of the assistant's turn, for generation. As in [`tokenize_example`], a special
/// token in the words of a message is text.
pub fn tokenize_prompt(
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
    messages: &[Message],
) -> Result<Vec<u32>, TemplateError> {
    tokenize_begun(tokenizer, template, messages, "")
}

/// As [`tokenize_prompt`], with the beginning of the answer.
pub fn tokenize_begun(
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
    messages: &[Message],
    beginning: &str,
) -> Result<Vec<u32>, TemplateError> {
    let written = quoted(tokenizer, template, messages, GenerationPrompt::Add)?;
    let text = template.render(&written, GenerationPrompt::Add)? + beginning;
    let row = Row { tokenizer, text: &text, tokens: encode_quoted(tokenizer, &text)? };
    row.refuse_doubled_start(template)?;
    Ok(row.tokens.into_iter().map(|token| token.id).collect())
}

/// The special token that the template writes right after an answer, if there is one.
///
/// A base model may name another end token than its own template uses; generation has to stop at both.
pub fn end_of_turn(tokenizer: &Tokenizer, template: &ChatTemplate) -> Result<Option<u32>, TemplateError> {
    let messages = [Message::new(Role::User, "?"), Message::new(Role::Assistant, MARKER)];
    let text = template.render(&messages, GenerationPrompt::Omit)?;
    let Some((_, tail)) = text.split_once(MARKER) else { return Ok(None) };
    let first = tokenizer.encode(tail.trim_start())?.first().copied();
    Ok(first.filter(|&id| tokenizer.is_special(id)))
}

/// Where an answer lies in the text of its conversation.
#[derive(Debug, PartialEq)]
struct Answer {
    turn: usize,
    /// Bytes, beginning where generation would begin.
    text: Range<usize>,
    extent: Extent,
}

/// What else the bytes of an answer hold.
#[derive(Debug, PartialEq)]
enum Extent {
    /// All the template writes for the turn, the end token included.
    WholeTurn,
    /// The answer alone; the end token follows.
    ContentOnly,
}

fn find_answers(
    template: &ChatTemplate,
    messages: &[Message],
    text: &str,
) -> Result<Vec<Answer>, TemplateError> {
    let mut answers = Vec::new();
    for (turn, _) in messages.iter().enumerate().filter(|(_, message)| message.role == Role::Assistant) {
        let answer = match answer_by_difference(template, messages, turn, text) {
            Some(answer) => answer,
            None => answer_by_marker(template, messages, turn, text)?
                .ok_or(TemplateError::AnswerNotFound { turn: turn + 1 })?,
        };
        answers.push(answer);
    }
    if answers.is_empty() {
        return Err(TemplateError::NoAssistantTurn);
    }
    Ok(answers)
}

/// Works if the text up to the turn, and through it, are beginnings of the whole text. A template may
/// refuse to render a beginning of the conversation; then this finds nothing.
fn answer_by_difference(
    template: &ChatTemplate,
    messages: &[Message],
    turn: usize,
    text: &str,
) -> Option<Answer> {
    let before = template.render(&messages[..turn], GenerationPrompt::Add).ok()?;
    let through = template.render(&messages[..=turn], GenerationPrompt::Omit).ok()?;
    let stable = text.starts_with(&through) && through.starts_with(&before);
    let text = before.len()..through.len();
    stable.then_some(Answer { turn: turn + 1, text, extent: Extent::WholeTurn })
}

/// Works if the answer is written once and changes nothing else of the text.
fn answer_by_marker(
    template: &ChatTemplate,
    messages: &[Message],
    turn: usize,
    text: &str,
) -> Result<Option<Answer>, TemplateError> {
    let mut marked = messages.to_vec();
    marked[turn].content = MARKER.to_owned();
    let marked = template.render(&marked, GenerationPrompt::Omit)?;
    let Some((head, tail)) = marked.split_once(MARKER) else { return Ok(None) };
    let around = !tail.contains(MARKER) && text.starts_with(head) && text.ends_with(tail);
    if !around || head.len() + tail.len() > text.len() {
        return Ok(None);
    }
    let text = head.len()..text.len() - tail.len();
    Ok(Some(Answer { turn: turn + 1, text, extent: Extent::ContentOnly }))
}

/// Where an answer may end.
#[derive(Clone, Copy)]
struct Ends<'a> {
    tokens: &'a [u32],
    /// Without an end token the row is wrong.
    required: bool,
}

struct Row<'a> {
    tokenizer: &'a Tokenizer,
    text: &'a str,
    tokens: Vec<Token>,
}

impl Row<'_> {
    /// The tokens of an answer and of the end token that follows it.
    fn learned_tokens(
        &self,
        answer: &Answer,
        content: &str,
        ends: Ends,
    ) -> Result<Range<usize>, TemplateError> {
        let turn = answer.turn;
        let start = self.border(answer.text.start, turn, Border::Before)?;
        let end = self.border(answer.text.end, turn, Border::After)?;
        self.require_same_prompt(start, answer)?;
        let is_end = |token: &Token| ends.tokens.contains(&token.id);
        if let Some(token) = self.tokenizer.encode(content)?.into_iter().find(|id| ends.tokens.contains(id)) {
            return Err(TemplateError::EndWithin { turn, token: self.name(token) });
        }
        let wrong_end = |found: &'static str| {
            let expected = ends.tokens.iter().map(|&id| self.name(id)).collect::<Vec<_>>().join(", ");
            TemplateError::EndOfTurn { turn, found, expected }
        };
        // Behind the content alone the end has to come at once, or it is another turn's.
        let stretch = match answer.extent {
            Extent::WholeTurn => start..end,
            Extent::ContentOnly => {
                end..end + self.tokens[end..].iter().take_while(|t| self.ends_turn(t)).count()
            }
        };
        match self.tokens[stretch.clone()].iter().position(is_end).map(|at| stretch.start + at) {
            Some(at) if self.tokens.get(at + 1).is_some_and(|next| next.id == self.tokens[at].id) => {
                Err(wrong_end("the same end token twice"))
            }
            Some(at) => Ok(start..at + 1),
            None if ends.required => Err(wrong_end("none")),
            None => Ok(start..end),
        }
    }

    /// What a template may write between an answer and its end token: special tokens and white space.
    fn ends_turn(&self, token: &Token) -> bool {
        let text = self.text.get(token.bytes.clone()).unwrap_or_default();
        self.tokenizer.is_special(token.id) || text.trim().is_empty()
    }

    fn name(&self, id: u32) -> String {
        self.tokenizer.token(id).unwrap_or_else(|| id.to_string())
    }

    /// The token that begins at a byte of the text.
    fn border(&self, byte: usize, turn: usize, border: Border) -> Result<usize, TemplateError> {
        let at = self.tokens.partition_point(|token| token.bytes.start < byte);
        match self.tokens[..at].last() {
            Some(token) if token.bytes.end > byte => Err(self.split_token(token, turn, border)),
            _ => Ok(at),
        }
    }

    /// The tokens before an answer must be the very ones that generation would start from.
    fn require_same_prompt(&self, start: usize, answer: &Answer) -> Result<(), TemplateError> {
        let prompt = encode_quoted(self.tokenizer, &self.text[..answer.text.start])?;
        let id = |tokens: &[Token], at: usize| tokens.get(at).map(|token| token.id);
        let differs = |at: &usize| id(&self.tokens, *at) != id(&prompt, *at);
        match (0..start.max(prompt.len())).find(differs) {
            None => Ok(()),
            Some(at) => {
                let token = &self.tokens[at.min(self.tokens.len() - 1)];
                Err(self.split_token(token, answer.turn, Border::Before))
            }
        }
    }

    fn split_token(&self, token: &Token, turn: usize, border: Border) -> TemplateError {
        let token = self.text.get(token.bytes.clone()).unwrap_or_default().to_owned();
        TemplateError::SplitToken { turn, border, token }
    }

    /// Some templates write the begin token although the tokenizer or the text has it already.
    fn refuse_doubled_start(&self, template: &ChatTemplate) -> Result<(), TemplateError> {
        let Some(bos) = &template.special_tokens().bos else { return Ok(()) };
        let id = self.tokenizer.id(bos);
        match self.tokens.as_slice() {
            [first, second, ..] if Some(first.id) == id && Some(second.id) == id => {
                Err(TemplateError::DoubledStart { token: bos.clone() })
            }
            _ => Ok(()),
        }
    }
}
