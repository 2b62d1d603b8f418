//! A template as tokens, with the white space that jinja2 takes away with `trim_blocks` and `lstrip_blocks`.
//!
//! Source: jinja2 3.1 `lexer.py` (`Lexer.tokeniter`, `Lexer.wrap`).

use super::python::is_space;
use super::{Error, ErrorKind, Result};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Text(String),
    BlockBegin,
    BlockEnd,
    OutputBegin,
    OutputEnd,
    Name(String),
    Str(String),
    Int(i64),
    Float(f64),
    Sign(&'static str),
    End,
}

/// The longer first.
const SIGNS: [&str; 26] = [
    "//", "**", "==", "!=", "<=", ">=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", "<", ">",
    "=", ".", ":", "|", ",", ";",
];

/// Tokens and their lines.
pub(super) fn tokens(source: &str) -> Result<Vec<(Token, u32)>> {
    let even = source.replace("\r\n", "\n").replace('\r', "\n");
    let source = even.strip_suffix('\n').unwrap_or(&even);
    let mut lexer = Lexer { source, at: 0, line: 1, open: Vec::new(), tokens: Vec::new() };
    lexer.run().map_err(|error| error.at(lexer.line))?;
    lexer.push(Token::End);
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: u32,
    /// The closing brackets that are due.
    open: Vec<&'static str>,
    tokens: Vec<(Token, u32)>,
}

fn wrong<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::new(ErrorKind::Syntax, message))
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn push(&mut self, token: Token) {
        self.tokens.push((token, self.line));
    }

    fn skip(&mut self, bytes: usize) {
        let passed = &self.source[self.at..self.at + bytes];
        self.line += passed.matches('\n').count() as u32;
        self.at += bytes;
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.skip(rest.len() - rest.trim_start_matches(is_space).len());
    }

    fn skip_if(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.skip(text.len());
        }
        found
    }

    fn run(&mut self) -> Result<()> {
        while self.at < self.source.len() {
            let rest = self.rest();
            let Some(begin) = first_tag(rest) else {
                self.push(Token::Text(rest.to_owned()));
                self.skip(rest.len());
                return Ok(());
            };
            let kind = &rest[begin..begin + 2];
            self.text(begin, rest[begin + 2..].chars().next(), kind != "{{");
            self.skip(2);
            if self.rest().starts_with(['-', '+']) {
                self.skip(1);
            }
            match kind {
                "{#" => self.comment()?,
                "{{" => {
                    self.push(Token::OutputBegin);
                    self.inside(Token::OutputEnd)?;
                }
                _ => match self.raw_begin() {
                    Some(len) => {
                        self.skip(len);
                        self.raw()?;
                    }
                    None => {
                        self.push(Token::BlockBegin);
                        self.inside(Token::BlockEnd)?;
                    }
                },
            }
        }
        Ok(())
    }

    /// The next `len` bytes are text before a tag with the sign `sign`.
    fn text(&mut self, len: usize, sign: Option<char>, strips: bool) {
        let text = &self.rest()[..len];
        let starts_line = self.at == 0 || self.source[..self.at].ends_with('\n');
        let kept = match sign {
            Some('-') => text.trim_end_matches(is_space),
            Some('+') => text,
            _ if strips => {
                let line = text.rfind('\n').map_or(0, |end| end + 1);
                let blank = text[line..].chars().all(is_space);
                if blank && (line > 0 || starts_line) { &text[..line] } else { text }
            }
            _ => text,
        };
        if !kept.is_empty() {
            self.push(Token::Text(kept.to_owned()));
        }
        self.skip(len);
    }

    /// The end of a tag, with what is trimmed after it.
    fn tag_end(&mut self, end: &str, trims: bool) -> bool {
        let rest = self.rest();
        if let Some(stripped) = rest.strip_prefix('-') {
            if stripped.starts_with(end) {
                self.skip(1 + end.len());
                self.skip_space();
                return true;
            }
            return false;
        }
        if trims && rest.strip_prefix('+').is_some_and(|rest| rest.starts_with(end)) {
            self.skip(1 + end.len());
            return true;
        }
        if !self.skip_if(end) {
            return false;
        }
        if trims {
            self.skip_if("\n");
        }
        true
    }

    fn comment(&mut self) -> Result<()> {
        let Some(end) = self.rest().find("#}") else { return wrong("a comment has no end") };
        let signed = self.rest()[..end].ends_with(['-', '+']);
        self.skip(end - usize::from(signed));
        self.tag_end("#}", true);
        Ok(())
    }

    /// Bytes up to the end of `raw %}`, of which the tag's begin was read.
    fn raw_begin(&self) -> Option<usize> {
        let rest = self.rest();
        let after = rest.trim_start_matches(is_space).strip_prefix("raw")?.trim_start_matches(is_space);
        let after = match after.strip_prefix("-%}") {
            Some(after) => after.trim_start_matches(is_space),
            None => after.strip_prefix("%}")?,
        };
        Some(rest.len() - after.len())
    }

    fn raw(&mut self) -> Result<()> {
        let rest = self.rest();
        let mut from = 0;
        while let Some(begin) = rest[from..].find("{%").map(|at| from + at) {
            let tag = rest[begin + 2..].trim_start_matches(['-', '+']).trim_start_matches(is_space);
            if let Some(after) = tag.strip_prefix("endraw") {
                self.text(begin, rest[begin + 2..].chars().next(), true);
                let inner = after.trim_start_matches(is_space);
                self.skip(rest.len() - inner.len() - begin);
                return if self.tag_end("%}", true) { Ok(()) } else { wrong("`endraw` has no end") };
            }
            from = begin + 2;
        }
        wrong("`raw` has no end")
    }

    /// Tokens of an expression up to the end of the tag.
    fn inside(&mut self, end: Token) -> Result<()> {
        let (close, trims) = if end == Token::BlockEnd { ("%}", true) } else { ("}}", false) };
        loop {
            self.skip_space();
            let (line, at) = (self.line, self.at);
            if self.open.is_empty() && self.tag_end(close, trims) {
                self.tokens.push((end, line));
                return Ok(());
            }
            let Some(first) = self.rest().chars().next() else { return wrong("a tag has no end") };
            let token = match first {
                '\'' | '"' => self.string(first)?,
                '0'..='9' => self.number()?,
                _ if first == '_' || first.is_alphanumeric() => {
                    let rest = self.rest();
                    let len = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
                    self.skip(len);
                    Token::Name(rest[..len].to_owned())
                }
                _ => self.sign()?,
            };
            debug_assert!(self.at > at, "a token has bytes");
            self.tokens.push((token, line));
        }
    }

    fn sign(&mut self) -> Result<Token> {
        let Some(sign) = SIGNS.into_iter().find(|sign| self.rest().starts_with(sign)) else {
            let unknown = self.rest().chars().next().unwrap_or_default();
            return wrong(format!("unexpected character {unknown:?}"));
        };
        match sign {
            "(" => self.open.push(")"),
            "[" => self.open.push("]"),
            "{" => self.open.push("}"),
            ")" | "]" | "}" if self.open.pop() != Some(sign) => return wrong(format!("unexpected `{sign}`")),
            _ => {}
        }
        self.skip(sign.len());
        Ok(Token::Sign(sign))
    }

    /// `12`, `1_000`, `0x1F`, `1.5`, `2e10`; a number after a dot is an index.
    fn number(&mut self) -> Result<Token> {
        let rest = self.rest();
        for (prefix, radix) in [("0x", 16), ("0b", 2), ("0o", 8)] {
            let prefixed = rest.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
            if prefixed {
                let len =
                    rest[2..].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len() - 2);
                let digits = rest[2..2 + len].replace('_', "");
                self.skip(2 + len);
                let value = i64::from_str_radix(&digits, radix);
                return value.map(Token::Int).or_else(|_| wrong("a number is out of range"));
            }
        }
        let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
        let whole = digits(rest);
        let mut len = whole;
        if !self.source[..self.at].ends_with('.') {
            let starts_digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
            if let Some(after) = rest[len..].strip_prefix('.').filter(|after| starts_digit(after)) {
                len += 1 + digits(after);
            }
            if let Some(after) = rest[len..].strip_prefix(['e', 'E']) {
                let unsigned = after.strip_prefix(['+', '-']).unwrap_or(after);
                if starts_digit(unsigned) {
                    len += 1 + (after.len() - unsigned.len()) + digits(unsigned);
                }
            }
        }
        let text = rest[..len].replace('_', "");
        self.skip(len);
        let token = match len == whole {
            true => text.parse().map(Token::Int).ok(),
            false => text.parse().map(Token::Float).ok(),
        };
        token.map_or_else(|| wrong("a number is out of range"), Ok)
    }

    fn string(&mut self, quote: char) -> Result<Token> {
        let mut escaped = false;
        let inner = &self.rest()[1..];
        for (at, c) in inner.char_indices() {
            if !escaped && c == quote {
                let text = unescaped(&inner[..at])?;
                self.skip(at + 2);
                return Ok(Token::Str(text));
            }
            escaped = !escaped && c == '\\';
        }
        wrong("a text has no end")
    }
}

/// The first `{{`, `{%` or `{#`.
fn first_tag(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    bytes.windows(2).position(|pair| pair[0] == b'{' && matches!(pair[1], b'{' | b'%' | b'#'))
}

/// Python's escapes.
fn unescaped(text: &str) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(c) = rest.chars().next() else { return wrong("a text ends with a backslash") };
        rest = &rest[c.len_utf8()..];
        let plain = match c {
            '\n' => continue,
            '\\' | '\'' | '"' => c,
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => take_code(&mut rest, 2)?,
            'u' => take_code(&mut rest, 4)?,
            'U' => take_code(&mut rest, 8)?,
            '0'..='7' => {
                let more = rest.bytes().take(2).take_while(|b| (b'0'..=b'7').contains(b)).count();
                let octal = format!("{c}{}", &rest[..more]);
                rest = &rest[more..];
                let code = u32::from_str_radix(&octal, 8).unwrap_or_default();
                char::from_u32(code).unwrap_or_default()
            }
            other => {
                out.push('\\');
                other
            }
        };
        out.push(plain);
    }
    out.push_str(rest);
    Ok(out)
}

fn take_code(rest: &mut &str, len: usize) -> Result<char> {
    let digits = rest.get(..len).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let code = digits.and_then(|digits| char::from_u32(u32::from_str_radix(digits, 16).ok()?));
    let Some(code) = code else { return wrong("an escape in a text is no character") };
    *rest = &rest[len..];
    Ok(code)
}
