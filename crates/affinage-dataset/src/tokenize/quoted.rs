//! Special tokens in the words of messages (`<s>`, `<|im_end|>`), which must not open or end turns.
//!
//! Which of the special tokens of a rendered text are the template's can only be told before it is rendered: those of the
//! messages get a sign inside, and what has one is encoded as plain text.

use std::borrow::Cow;
use std::ops::Range;

use crate::message::Message;
use crate::template::{ChatTemplate, GenerationPrompt, TemplateError};
use crate::tokenizer::{Token, Tokenizer, TokenizerError};

/// Behind the first letter of a special token in a message: private-use characters, which no template touches.
const QUOTE: &str = "\u{f8f3}\u{f8f4}\u{f8f5}";

/// The messages with a sign in each special token of their words.
///
/// As they are, where there is none, or where the template itself reads one (reasoning between special tokens): then it
/// would write another text.
pub(super) fn quoted<'a>(
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
    messages: &'a [Message],
    prompt: GenerationPrompt,
) -> Result<Cow<'a, [Message]>, TemplateError> {
    let mut written = Cow::Borrowed(messages);
    for (at, message) in messages.iter().enumerate() {
        let mut content = String::new();
        let mut from = 0;
        for token in special_tokens(tokenizer, &message.content)? {
            let text = &message.content[token.clone()];
            let name = text.trim_start();
            let letter = name.chars().next().map_or(0, char::len_utf8);
            let behind = token.end - name.len() + letter;
            content.push_str(&message.content[from..behind]);
            content.push_str(QUOTE);
            from = behind;
        }
        if from > 0 {
            content.push_str(&message.content[from..]);
            written.to_mut()[at].content = content;
        }
    }
    if let Cow::Borrowed(_) = written {
        return Ok(written);
    }
    let reads_none =
        template.render(&written, prompt)?.replace(QUOTE, "") == template.render(messages, prompt)?;
    Ok(if reads_none { written } else { Cow::Borrowed(messages) })
}

/// Where special tokens are written out in `text`.
fn special_tokens(tokenizer: &Tokenizer, text: &str) -> Result<Vec<Range<usize>>, TokenizerError> {
    let tokens = tokenizer.encode_with_offsets(text)?;
    Ok(tokens
        .into_iter()
        .filter(|token| is_written(tokenizer, token, text))
        .map(|token| token.bytes)
        .collect())
}

/// Not so a character without a token, for which the unknown token stands.
fn is_written(tokenizer: &Tokenizer, token: &Token, text: &str) -> bool {
    tokenizer.is_special(token.id)
        && tokenizer.token(token.id).as_deref().map(str::trim) == text.get(token.bytes.clone()).map(str::trim)
}

/// The tokens of a text in which special tokens have the sign of [`quoted`], with their bytes in `text`.
pub(super) fn encode_quoted(tokenizer: &Tokenizer, text: &str) -> Result<Vec<Token>, TokenizerError> {
    let signs: Vec<usize> = text.match_indices(QUOTE).map(|(at, _)| at).collect();
    if signs.is_empty() {
        return tokenizer.encode_with_offsets(text);
    }
    let clean = text.replace(QUOTE, "");
    let signs: Vec<usize> = signs.iter().zip(0..).map(|(at, before)| at - before * QUOTE.len()).collect();
    let within = |bytes: &Range<usize>| signs.iter().any(|sign| bytes.start < *sign && *sign < bytes.end);
    let all = tokenizer.encode_with_offsets(&clean)?;
    let is_border = |token: &Token| is_written(tokenizer, token, &clean) && !within(&token.bytes);
    let mut tokens = Vec::with_capacity(all.len());
    let mut from = 0;
    for stretch in all.split_inclusive(is_border) {
        let (inner, border) = match stretch.split_last() {
            Some((last, inner)) if is_border(last) => (inner, Some(last)),
            _ => (stretch, None),
        };
        let bytes = from..border.map_or(clean.len(), |token| token.bytes.start);
        if within(&bytes) {
            let plain = tokenizer.encode_plain(&clean[bytes.clone()])?;
            let moved = |bytes: Range<usize>| bytes.start + from..bytes.end + from;
            tokens.extend(plain.into_iter().map(|token| Token { id: token.id, bytes: moved(token.bytes) }));
        } else {
            tokens.extend_from_slice(inner);
        }
        tokens.extend(border.cloned());
        from = border.map_or(clean.len(), |token| token.bytes.end);
    }
    // The signs are part of the text whose bytes are given: before what begins at them, behind what ends there.
    for token in &mut tokens {
        token.bytes.start += QUOTE.len() * signs.partition_point(|sign| *sign <= token.bytes.start);
        token.bytes.end += QUOTE.len() * signs.partition_point(|sign| *sign < token.bytes.end);
    }
    Ok(tokens)
}
