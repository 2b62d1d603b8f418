//! Tokens to statements and expressions.
//!
//! Source: jinja2 3.1 `parser.py`, whose order of operators differs from Python's: `~` binds tighter than `+`, filters and
//! tests tighter than arithmetic.

mod expressions;

use std::sync::Arc;

use super::lexer::{Token, tokens};
use super::syntax::{Arguments, Arithmetic, Comparison, Const, Expr, For, Kind, Macro, Statement, Target};
use super::{Error, ErrorKind, Result};

/// Of expressions within each other, and of blocks within each other.
const DEPTH: u32 = 150;

pub(super) fn parse(source: &str) -> Result<Vec<Statement>> {
    let mut parser = Parser { tokens: tokens(source)?, at: 0, depth: 0, loops: 0 };
    let body = parser.statements(&[]).map_err(|error| error.at(parser.line()))?;
    match parser.peek() {
        Token::End => Ok(body),
        _ => Err(parser.wrong("a block ends that did not begin")),
    }
}

struct Parser {
    tokens: Vec<(Token, u32)>,
    at: usize,
    depth: u32,
    /// Loops around this place, within the innermost macro.
    loops: u32,
}

fn depth_of<'e>(parts: impl IntoIterator<Item = &'e Expr>) -> u32 {
    parts.into_iter().map(|expr| expr.depth).max().unwrap_or(0)
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(token, _)| token)
    }

    fn line(&self) -> u32 {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |(_, line)| *line)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn wrong(&self, message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Syntax, message).at(self.line())
    }

    fn unexpected(&self, expected: &str) -> Error {
        let found = match self.peek() {
            Token::Text(_) => "text".to_owned(),
            Token::BlockBegin => "`{%`".to_owned(),
            Token::BlockEnd => "the end of the block".to_owned(),
            Token::OutputBegin => "`{{`".to_owned(),
            Token::OutputEnd => "`}}`".to_owned(),
            Token::Name(name) => format!("`{name}`"),
            Token::Str(_) => "a text".to_owned(),
            Token::Int(_) | Token::Float(_) => "a number".to_owned(),
            Token::Sign(sign) => format!("`{sign}`"),
            Token::End => "the end of the template".to_owned(),
        };
        self.wrong(format!("found {found}, expected {expected}"))
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(found) if *found == sign)
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(self.peek(), Token::Name(found) if found == name)
    }

    fn skip_sign(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.at += usize::from(found);
        found
    }

    fn skip_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        self.at += usize::from(found);
        found
    }

    fn sign(&mut self, sign: &str) -> Result<()> {
        if self.skip_sign(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn keyword(&mut self, name: &str) -> Result<()> {
        if self.skip_name(name) { Ok(()) } else { Err(self.unexpected(&format!("`{name}`"))) }
    }

    fn name(&mut self) -> Result<Arc<str>> {
        match self.peek() {
            Token::Name(name) => {
                let name = name.as_str().into();
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.unexpected("a name")),
        }
    }

    fn block_end(&mut self) -> Result<()> {
        match self.peek() {
            Token::BlockEnd => {
                self.at += 1;
                Ok(())
            }
            _ => Err(self.unexpected("the end of the block")),
        }
    }

    /// The way into an expression or a block, and out again.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Parser) -> Result<T>) -> Result<T> {
        self.depth += 1;
        let result = match self.depth > DEPTH {
            true => Err(self.too_deep()),
            false => inner(self),
        };
        self.depth -= 1;
        result
    }

    fn too_deep(&self) -> Error {
        let message =
            format!("the chat template nests more than {DEPTH} deep, which is more than is allowed");
        Error::new(ErrorKind::Limit, message).at(self.line())
    }

    fn expr(&self, line: u32, inner: u32, kind: Kind) -> Result<Expr> {
        match inner >= DEPTH {
            true => Err(self.too_deep()),
            false => Ok(Expr { line, depth: inner + 1, kind }),
        }
    }

    /// Statements up to a tag of one of `ends`, which is left to be read, or to the end of the template.
    fn statements(&mut self, ends: &[&str]) -> Result<Vec<Statement>> {
        self.deeper(|parser| {
            let mut body = Vec::new();
            loop {
                match parser.peek() {
                    Token::End if ends.is_empty() => return Ok(body),
                    Token::End => return Err(parser.unexpected(&format!("`{}`", ends.join("` or `")))),
                    Token::Text(text) => {
                        body.push(Statement::Text(text.as_str().into()));
                        parser.at += 1;
                    }
                    Token::OutputBegin => {
                        parser.at += 1;
                        body.push(Statement::Output(parser.tuple(&[])?));
                        match parser.next() {
                            Token::OutputEnd => {}
                            _ => {
                                parser.at -= 1;
                                return Err(parser.unexpected("`}}`"));
                            }
                        }
                    }
                    _ => {
                        let begin = parser.at;
                        parser.at += 1;
                        if ends.iter().any(|end| parser.is_name(end)) {
                            return Ok(body);
                        }
                        if ends.is_empty()
                            && matches!(parser.peek(), Token::Name(name) if name.starts_with("end"))
                        {
                            parser.at = begin;
                            return Ok(body);
                        }
                        parser.statement(&mut body)?;
                    }
                }
            }
        })
    }

    /// Statements, and the tag that ends them.
    fn body(&mut self, end: &str) -> Result<Vec<Statement>> {
        self.block_end()?;
        let body = self.statements(&[end])?;
        self.at += 1;
        self.block_end()?;
        Ok(body)
    }

    /// After `{%`.
    fn statement(&mut self, body: &mut Vec<Statement>) -> Result<()> {
        let tag = self.name()?;
        let statement = match &*tag {
            "for" => self.for_loop()?,
            "if" => self.choice()?,
            "set" => self.set()?,
            "macro" => {
                let name = self.name()?;
                Statement::Macro(Arc::new(self.macro_named(name, "endmacro")?))
            }
            "call" => self.call_block()?,
            "filter" => {
                let filter = self.filter_chain(true)?;
                Statement::Filter(filter, self.body("endfilter")?)
            }
            "with" => self.with()?,
            // Marks what the assistant writes; it has a scope of its own.
            "generation" => Statement::With(Vec::new(), self.body("endgeneration")?),
            "autoescape" => {
                self.expression()?;
                Statement::With(Vec::new(), self.body("endautoescape")?)
            }
            "print" => {
                let printed = self.tuple(&[])?;
                self.block_end()?;
                Statement::Output(printed)
            }
            "break" | "continue" if self.loops == 0 => {
                return Err(self.wrong(format!("`{tag}` outside of a loop")));
            }
            "break" | "continue" => {
                self.block_end()?;
                if &*tag == "break" { Statement::Break } else { Statement::Continue }
            }
            other => return Err(self.wrong(format!("there is no tag `{other}`"))),
        };
        body.push(statement);
        Ok(())
    }

    fn for_loop(&mut self) -> Result<Statement> {
        let target = self.target(false)?;
        self.keyword("in")?;
        let items = self.tuple_of(&["recursive", "if"], |parser| parser.or())?;
        let test = if self.skip_name("if") { Some(self.expression()?) } else { None };
        let recursive = self.skip_name("recursive");
        self.block_end()?;
        self.loops += 1;
        let body = self.statements(&["endfor", "else"]);
        self.loops -= 1;
        let body = body?;
        let otherwise = match self.skip_name("else") {
            true => self.body("endfor")?,
            false => {
                self.at += 1;
                self.block_end()?;
                Vec::new()
            }
        };
        Ok(Statement::For(Arc::new(For { target, items, test, recursive, body, otherwise })))
    }

    fn choice(&mut self) -> Result<Statement> {
        let mut branches = Vec::new();
        loop {
            let test = self.tuple_of(&[], |parser| parser.or())?;
            self.block_end()?;
            branches.push((test, self.statements(&["elif", "else", "endif"])?));
            if self.skip_name("elif") {
                continue;
            }
            let otherwise = match self.skip_name("else") {
                true => self.body("endif")?,
                false => {
                    self.at += 1;
                    self.block_end()?;
                    Vec::new()
                }
            };
            return Ok(Statement::If(branches, otherwise));
        }
    }

    fn set(&mut self) -> Result<Statement> {
        let target = self.target(true)?;
        if self.skip_sign("=") {
            let value = self.tuple(&[])?;
            self.block_end()?;
            return Ok(Statement::Set(target, value));
        }
        let filter = if self.is_sign("|") { Some(self.filter_chain(false)?) } else { None };
        Ok(Statement::SetBlock(target, filter, self.body("endset")?))
    }

    /// `(a, b=1)` and the body.
    fn macro_named(&mut self, name: Arc<str>, end: &str) -> Result<Macro> {
        let parameters = self.parameters()?;
        let from = self.at;
        let loops = std::mem::take(&mut self.loops);
        let body = self.body(end);
        self.loops = loops;
        let body = body?;
        let mentions = |name: &str| {
            self.tokens[from..self.at]
                .iter()
                .any(|(token, _)| matches!(token, Token::Name(found) if found == name))
        };
        let (takes_more, takes_more_named) = (mentions("varargs"), mentions("kwargs"));
        Ok(Macro { name, parameters, body, takes_more, takes_more_named })
    }

    fn parameters(&mut self) -> Result<Vec<(Arc<str>, Option<Expr>)>> {
        let mut parameters = Vec::new();
        self.sign("(")?;
        while !self.is_sign(")") {
            if !parameters.is_empty() {
                self.sign(",")?;
                if self.is_sign(")") {
                    break;
                }
            }
            let name = self.name()?;
            let default = if self.skip_sign("=") { Some(self.expression()?) } else { None };
            parameters.push((name, default));
        }
        self.sign(")")?;
        Ok(parameters)
    }

    fn call_block(&mut self) -> Result<Statement> {
        let parameters = if self.is_sign("(") { self.parameters()? } else { Vec::new() };
        let call = self.unary(true)?;
        if !matches!(call.kind, Kind::Call(..)) {
            return Err(self.wrong("a block `call` needs a call"));
        }
        let loops = std::mem::take(&mut self.loops);
        let body = self.body("endcall");
        self.loops = loops;
        let code = Macro {
            name: "caller".into(),
            parameters,
            body: body?,
            takes_more: false,
            takes_more_named: false,
        };
        Ok(Statement::Call(call, Arc::new(code)))
    }

    fn with(&mut self) -> Result<Statement> {
        let mut assignments = Vec::new();
        while !matches!(self.peek(), Token::BlockEnd) {
            if !assignments.is_empty() {
                self.sign(",")?;
            }
            let target = self.target(false)?;
            self.sign("=")?;
            assignments.push((target, self.expression()?));
        }
        Ok(Statement::With(assignments, self.body("endwith")?))
    }

    /// `a`, `a, b`, `(a, b), c`, and with `attributes`: `namespace.a`.
    fn target(&mut self, attributes: bool) -> Result<Target> {
        let first = self.single_target(attributes)?;
        if !self.is_sign(",") {
            return Ok(first);
        }
        let mut targets = vec![first];
        while self.skip_sign(",") {
            if self.is_name("in") || self.is_sign("=") || self.is_sign(")") {
                break;
            }
            targets.push(self.single_target(attributes)?);
        }
        Ok(Target::Tuple(targets))
    }

    fn single_target(&mut self, attributes: bool) -> Result<Target> {
        if self.skip_sign("(") {
            let inner = self.deeper(|parser| parser.target(attributes))?;
            self.sign(")")?;
            return Ok(inner);
        }
        let name = self.name()?;
        if matches!(&*name, "true" | "false" | "none" | "True" | "False" | "None") {
            return Err(self.wrong(format!("cannot assign to `{name}`")));
        }
        match attributes && self.skip_sign(".") {
            true => Ok(Target::Attribute(name, self.name()?)),
            false => Ok(Target::Name(name)),
        }
    }
}
