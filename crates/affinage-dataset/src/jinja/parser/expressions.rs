//! Expressions: operators by their order, calls, filters and tests.

use super::*;

impl Parser {
    pub(super) fn expression(&mut self) -> Result<Expr> {
        self.deeper(|parser| {
            let line = parser.line();
            let mut then = parser.or()?;
            while parser.skip_name("if") {
                let test = parser.or()?;
                let otherwise =
                    if parser.skip_name("else") { Some(Box::new(parser.expression()?)) } else { None };
                let depth = depth_of([&then, &test].into_iter().chain(otherwise.as_deref()));
                let kind = Kind::Choice { test: Box::new(test), then: Box::new(then), otherwise };
                then = parser.expr(line, depth, kind)?;
            }
            Ok(then)
        })
    }

    /// One expression, or several with commas as a tuple.
    pub(super) fn tuple(&mut self, ends: &[&str]) -> Result<Expr> {
        self.tuple_of(ends, Parser::expression)
    }

    pub(super) fn tuple_of(
        &mut self,
        ends: &[&str],
        part: impl Fn(&mut Parser) -> Result<Expr>,
    ) -> Result<Expr> {
        let line = self.line();
        let first = part(self)?;
        if !self.is_sign(",") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.skip_sign(",") {
            let ended =
                matches!(self.peek(), Token::BlockEnd | Token::OutputEnd | Token::Sign(")" | "]" | "}"))
                    || ends.iter().any(|end| self.is_name(end));
            if ended {
                break;
            }
            items.push(part(self)?);
        }
        self.expr(line, depth_of(&items), Kind::Tuple(items))
    }

    /// Operators of one rank, from left to right.
    pub(super) fn left_to_right(
        &mut self,
        operand: fn(&mut Parser) -> Result<Expr>,
        operator: fn(&Parser) -> Option<Arithmetic>,
    ) -> Result<Expr> {
        let line = self.line();
        let mut left = operand(self)?;
        while let Some(kind) = operator(self) {
            self.at += 1;
            let right = operand(self)?;
            let depth = depth_of([&left, &right]);
            left = self.expr(line, depth, Kind::Arithmetic(kind, Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    pub(super) fn or(&mut self) -> Result<Expr> {
        let line = self.line();
        let mut left = self.and()?;
        while self.skip_name("or") {
            let right = self.and()?;
            let depth = depth_of([&left, &right]);
            left = self.expr(line, depth, Kind::Or(Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    pub(super) fn and(&mut self) -> Result<Expr> {
        let line = self.line();
        let mut left = self.not()?;
        while self.skip_name("and") {
            let right = self.not()?;
            let depth = depth_of([&left, &right]);
            left = self.expr(line, depth, Kind::And(Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    pub(super) fn not(&mut self) -> Result<Expr> {
        let line = self.line();
        if !self.skip_name("not") {
            return self.comparison();
        }
        let inner = self.deeper(Parser::not)?;
        self.expr(line, inner.depth, Kind::Not(Box::new(inner)))
    }

    pub(super) fn comparison(&mut self) -> Result<Expr> {
        let line = self.line();
        let first = self.sum()?;
        let mut rest = Vec::new();
        while let Some((comparison, tokens)) = self.comparison_sign() {
            self.at += tokens;
            rest.push((comparison, self.sum()?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        let depth = depth_of(rest.iter().map(|(_, expr)| expr)).max(first.depth);
        self.expr(line, depth, Kind::Compare(Box::new(first), rest))
    }

    pub(super) fn comparison_sign(&self) -> Option<(Comparison, usize)> {
        let follows_in = matches!(self.tokens.get(self.at + 1), Some((Token::Name(name), _)) if name == "in");
        Some(match self.peek() {
            Token::Sign("==") => (Comparison::Equal, 1),
            Token::Sign("!=") => (Comparison::NotEqual, 1),
            Token::Sign("<") => (Comparison::Less, 1),
            Token::Sign("<=") => (Comparison::LessOrEqual, 1),
            Token::Sign(">") => (Comparison::Greater, 1),
            Token::Sign(">=") => (Comparison::GreaterOrEqual, 1),
            Token::Name(name) if name == "in" => (Comparison::In, 1),
            Token::Name(name) if name == "not" && follows_in => (Comparison::NotIn, 2),
            _ => return None,
        })
    }

    pub(super) fn sum(&mut self) -> Result<Expr> {
        self.left_to_right(Parser::concat, |parser| match parser.peek() {
            Token::Sign("+") => Some(Arithmetic::Add),
            Token::Sign("-") => Some(Arithmetic::Subtract),
            _ => None,
        })
    }

    pub(super) fn concat(&mut self) -> Result<Expr> {
        let line = self.line();
        let first = self.product()?;
        if !self.is_sign("~") {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.skip_sign("~") {
            parts.push(self.product()?);
        }
        self.expr(line, depth_of(&parts), Kind::Concat(parts))
    }

    pub(super) fn product(&mut self) -> Result<Expr> {
        self.left_to_right(Parser::power, |parser| match parser.peek() {
            Token::Sign("*") => Some(Arithmetic::Multiply),
            Token::Sign("/") => Some(Arithmetic::Divide),
            Token::Sign("//") => Some(Arithmetic::FloorDivide),
            Token::Sign("%") => Some(Arithmetic::Modulo),
            _ => None,
        })
    }

    pub(super) fn power(&mut self) -> Result<Expr> {
        let operand: fn(&mut Parser) -> Result<Expr> = |parser| parser.unary(true);
        self.left_to_right(operand, |parser| parser.is_sign("**").then_some(Arithmetic::Power))
    }

    pub(super) fn unary(&mut self, with_filter: bool) -> Result<Expr> {
        let line = self.line();
        let negative = self.is_sign("-");
        let node = if negative || self.is_sign("+") {
            self.at += 1;
            let inner = self.deeper(|parser| parser.unary(false))?;
            let depth = inner.depth;
            let kind =
                if negative { Kind::Negative(Box::new(inner)) } else { Kind::Positive(Box::new(inner)) };
            self.expr(line, depth, kind)?
        } else {
            self.primary()?
        };
        let node = self.postfix(node)?;
        if with_filter { self.filters_and_tests(node) } else { Ok(node) }
    }

    pub(super) fn primary(&mut self) -> Result<Expr> {
        let line = self.line();
        let constant = |parser: &mut Parser, constant: Const| {
            parser.at += 1;
            parser.expr(line, 0, Kind::Const(constant))
        };
        match self.peek().clone() {
            Token::Name(name) => match name.as_str() {
                "true" | "True" => constant(self, Const::Bool(true)),
                "false" | "False" => constant(self, Const::Bool(false)),
                "none" | "None" => constant(self, Const::None),
                _ => {
                    self.at += 1;
                    self.expr(line, 0, Kind::Name(name.into()))
                }
            },
            Token::Int(value) => constant(self, Const::Int(value)),
            Token::Float(value) => constant(self, Const::Float(value)),
            // Texts that stand side by side are one.
            Token::Str(_) => {
                let mut text = String::new();
                while let Token::Str(part) = self.peek() {
                    text.push_str(part);
                    self.at += 1;
                }
                self.expr(line, 0, Kind::Const(Const::Str(text.into())))
            }
            Token::Sign("(") => {
                self.at += 1;
                let inner = match self.is_sign(")") {
                    true => self.expr(line, 0, Kind::Tuple(Vec::new()))?,
                    false => self.tuple(&[])?,
                };
                self.sign(")")?;
                Ok(inner)
            }
            Token::Sign("[") => {
                self.at += 1;
                let mut items = Vec::new();
                while !self.is_sign("]") {
                    items.push(self.expression()?);
                    if !self.skip_sign(",") {
                        break;
                    }
                }
                self.sign("]")?;
                self.expr(line, depth_of(&items), Kind::List(items))
            }
            Token::Sign("{") => {
                self.at += 1;
                let mut entries = Vec::new();
                while !self.is_sign("}") {
                    let key = self.expression()?;
                    self.sign(":")?;
                    entries.push((key, self.expression()?));
                    if !self.skip_sign(",") {
                        break;
                    }
                }
                self.sign("}")?;
                let depth = depth_of(entries.iter().flat_map(|(key, value)| [key, value]));
                self.expr(line, depth, Kind::Dict(entries))
            }
            _ => Err(self.unexpected("an expression")),
        }
    }

    pub(super) fn postfix(&mut self, mut node: Expr) -> Result<Expr> {
        loop {
            let line = self.line();
            node = if self.skip_sign(".") {
                match self.next() {
                    Token::Name(name) => {
                        let depth = node.depth;
                        self.expr(line, depth, Kind::Attribute(Box::new(node), name.into()))?
                    }
                    Token::Int(index) => {
                        let key = self.expr(line, 0, Kind::Const(Const::Int(index)))?;
                        let depth = node.depth;
                        self.expr(line, depth, Kind::Item(Box::new(node), Box::new(key)))?
                    }
                    _ => {
                        self.at -= 1;
                        return Err(self.unexpected("a name or a number"));
                    }
                }
            } else if self.skip_sign("[") {
                self.subscript(node, line)?
            } else if self.is_sign("(") {
                self.called(node, line)?
            } else {
                return Ok(node);
            };
        }
    }

    pub(super) fn called(&mut self, node: Expr, line: u32) -> Result<Expr> {
        let arguments = self.arguments()?;
        let depth = node.depth.max(arguments.depth());
        self.expr(line, depth, Kind::Call(Box::new(node), arguments))
    }

    /// After `[`.
    pub(super) fn subscript(&mut self, node: Expr, line: u32) -> Result<Expr> {
        let mut bounds: Vec<Option<Box<Expr>>> = Vec::new();
        loop {
            let bound = match self.is_sign(":") || self.is_sign("]") {
                true => None,
                false => Some(Box::new(self.tuple(&[])?)),
            };
            bounds.push(bound);
            if bounds.len() == 3 || !self.skip_sign(":") {
                break;
            }
        }
        self.sign("]")?;
        let depth = depth_of(bounds.iter().flatten().map(AsRef::as_ref)).max(node.depth);
        let node = Box::new(node);
        if bounds.len() == 1 {
            let Some(key) = bounds.remove(0) else { return Err(self.unexpected("an expression")) };
            return self.expr(line, depth, Kind::Item(node, key));
        }
        bounds.resize_with(3, || None);
        let bounds = <[_; 3]>::try_from(bounds).map_err(|_| self.unexpected("`]`"))?;
        self.expr(line, depth, Kind::Slice(node, bounds))
    }

    pub(super) fn arguments(&mut self) -> Result<Arguments> {
        let mut arguments = Arguments::default();
        let mut first = true;
        self.sign("(")?;
        while !self.is_sign(")") {
            if !std::mem::take(&mut first) {
                self.sign(",")?;
                if self.is_sign(")") {
                    break;
                }
            }
            let is_named = matches!(self.tokens.get(self.at + 1), Some((Token::Sign("="), _)));
            if self.skip_sign("*") {
                arguments.rest = Some(Box::new(self.expression()?));
            } else if self.skip_sign("**") {
                arguments.rest_named = Some(Box::new(self.expression()?));
            } else if is_named {
                let name = self.name()?;
                self.at += 1;
                arguments.named.push((name, self.expression()?));
            } else if arguments.named.is_empty() && arguments.rest.is_none() && arguments.rest_named.is_none()
            {
                arguments.positional.push(self.expression()?);
            } else {
                return Err(self.wrong("a value without a name follows one with a name"));
            }
        }
        self.sign(")")?;
        Ok(arguments)
    }

    pub(super) fn filters_and_tests(&mut self, mut node: Expr) -> Result<Expr> {
        loop {
            let line = self.line();
            node = if self.skip_sign("|") {
                self.one_filter(Some(node), line)?
            } else if self.skip_name("is") {
                self.one_test(node, line)?
            } else if self.is_sign("(") {
                self.called(node, line)?
            } else {
                return Ok(node);
            };
        }
    }

    pub(super) fn one_filter(&mut self, operand: Option<Expr>, line: u32) -> Result<Expr> {
        let name = self.name()?;
        let arguments = if self.is_sign("(") { self.arguments()? } else { Arguments::default() };
        let depth = arguments.depth().max(operand.as_ref().map_or(0, |operand| operand.depth));
        self.expr(line, depth, Kind::Filter(operand.map(Box::new), name, arguments))
    }

    /// The filters of a block; `begun`: the first has no `|` before it.
    pub(super) fn filter_chain(&mut self, begun: bool) -> Result<Expr> {
        let line = self.line();
        if !begun {
            self.sign("|")?;
        }
        let mut filter = self.one_filter(None, line)?;
        while self.skip_sign("|") {
            filter = self.one_filter(Some(filter), line)?;
        }
        Ok(filter)
    }

    pub(super) fn one_test(&mut self, node: Expr, line: u32) -> Result<Expr> {
        let negated = self.skip_name("not");
        let name = self.name()?;
        let mut arguments = Arguments::default();
        let begins = match self.peek() {
            Token::Name(name) => {
                !matches!(name.as_str(), "else" | "or" | "and" | "is" | "if" | "in" | "not" | "recursive")
            }
            Token::Str(_) | Token::Int(_) | Token::Float(_) | Token::Sign("[" | "{") => true,
            _ => false,
        };
        if self.is_sign("(") {
            arguments = self.arguments()?;
        } else if begins {
            let operand = self.primary()?;
            arguments.positional.push(self.postfix(operand)?);
        }
        let depth = arguments.depth().max(node.depth);
        let test = self.expr(line, depth, Kind::Test(Box::new(node), name, arguments))?;
        if !negated {
            return Ok(test);
        }
        let depth = test.depth;
        self.expr(line, depth, Kind::Not(Box::new(test)))
    }
}
