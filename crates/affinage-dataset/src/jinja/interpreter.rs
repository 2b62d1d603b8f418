//! Runs a parsed template.
//!
//! Scopes lie in one list and hold their parent's index; macros hold the index of the scope they were defined in, so a
//! scope that a macro may need stays. As in jinja2, `for`, `with`, macros and blocks of `call`, `filter` and `set` have
//! scopes of their own, `if` has none, and each round of a loop begins afresh.

mod access;

use std::rc::Rc;
use std::sync::Arc;

use jiff::civil::Date;

use super::arguments::{Called, int, required, text};
use super::syntax::{Arguments, Comparison, Expr, For, Kind, Macro, Statement, Target};
use super::value::{Function, Object, SeqKind, Value};
use super::{Error, ErrorKind, Limits, Result, filters, methods, operators, predicates};

/// What a loop's body knows as `loop`.
pub(super) struct Loop {
    items: Rc<Vec<Value>>,
    at: usize,
    depth: usize,
    changed: Option<Vec<Value>>,
    code: Arc<For>,
    /// The scope around the loop.
    scope: usize,
}

struct Scope {
    parent: Option<usize>,
    names: Vec<(Arc<str>, Value)>,
    /// A macro was defined here.
    kept: bool,
}

#[derive(PartialEq)]
enum Flow {
    Next,
    Break,
    Continue,
}

pub(super) struct Interpreter<'a> {
    pub limits: &'a Limits,
    date: Option<Date>,
    scopes: Vec<Scope>,
    objects: Vec<Object>,
    /// The text so far; blocks whose text is a value begin another.
    out: Vec<String>,
}

pub(super) fn render(
    body: &[Statement],
    globals: Vec<(Arc<str>, Value)>,
    date: Option<Date>,
    limits: &Limits,
) -> Result<String> {
    const FUNCTIONS: [(&str, Function); 7] = [
        ("range", Function::Range),
        ("dict", Function::Dict),
        ("namespace", Function::Namespace),
        ("joiner", Function::Joiner),
        ("cycler", Function::Cycler),
        ("raise_exception", Function::RaiseException),
        ("strftime_now", Function::StrftimeNow),
    ];
    let functions = FUNCTIONS.map(|(name, function)| (Arc::from(name), Value::Function(function)));
    let known = Scope { parent: None, names: functions.into_iter().chain(globals).collect(), kept: true };
    let top = Scope { parent: Some(0), names: Vec::new(), kept: true };
    let (scopes, out) = (vec![known, top], vec![String::new()]);
    let mut run = Interpreter { limits, date, scopes, objects: Vec::new(), out };
    run.block(body, 1)?;
    Ok(run.out.pop().unwrap_or_default())
}

impl Interpreter<'_> {
    fn scope(&mut self, parent: usize) -> usize {
        self.scopes.push(Scope { parent: Some(parent), names: Vec::new(), kept: false });
        self.scopes.len() - 1
    }

    /// The scope is no longer used by statements.
    fn leave(&mut self, scope: usize) {
        if scope + 1 == self.scopes.len() && !self.scopes[scope].kept {
            self.scopes.pop();
        }
    }

    fn lookup(&self, name: &str, scope: usize) -> Option<&Value> {
        let mut at = Some(scope);
        while let Some(scope) = at {
            let scope = &self.scopes[scope];
            if let Some((_, value)) = scope.names.iter().rev().find(|(known, _)| **known == *name) {
                return Some(value);
            }
            at = scope.parent;
        }
        None
    }

    fn define(&mut self, name: &Arc<str>, value: Value, scope: usize) {
        let names = &mut self.scopes[scope].names;
        match names.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => names.push((name.clone(), value)),
        }
    }

    fn new_object(&mut self, object: Object) -> Result<Value> {
        self.limits.list(1)?;
        self.objects.push(object);
        Ok(Value::Object(self.objects.len() - 1))
    }

    pub(super) fn object(&self, id: usize) -> &Object {
        &self.objects[id]
    }

    /// What Python gives as a generator: it is read once.
    pub(super) fn generator(&mut self, items: Vec<Value>) -> Result<Value> {
        self.limits.list(items.len())?;
        self.new_object(Object::Generator(items.into_iter()))
    }

    fn write(&mut self, text: &str) -> Result<()> {
        let Some(out) = self.out.last_mut() else { return Ok(()) };
        self.limits.growth(out.len(), text.len())?;
        out.push_str(text);
        Ok(())
    }

    /// The text that statements write.
    fn captured(&mut self, body: &[Statement], scope: usize) -> Result<Value> {
        self.out.push(String::new());
        let result = self.block(body, scope);
        let text = self.out.pop().unwrap_or_default();
        result?;
        Value::text(text, self.limits)
    }

    fn block(&mut self, body: &[Statement], scope: usize) -> Result<Flow> {
        self.limits.descend()?;
        let mut flow = Flow::Next;
        for statement in body {
            flow = self.statement(statement, scope)?;
            if flow != Flow::Next {
                break;
            }
        }
        self.limits.ascend();
        Ok(flow)
    }

    fn statement(&mut self, statement: &Statement, scope: usize) -> Result<Flow> {
        self.limits.step()?;
        match statement {
            Statement::Text(text) => self.write(text)?,
            Statement::Output(expr) => {
                let text =
                    self.eval(expr, scope)?.to_text(self.limits).map_err(|error| error.at(expr.line))?;
                self.write(&text)?;
            }
            Statement::If(branches, otherwise) => {
                for (test, body) in branches {
                    if self.eval(test, scope)?.is_true() {
                        return self.block(body, scope);
                    }
                }
                return self.block(otherwise, scope);
            }
            Statement::For(code) => {
                let items = self.eval(&code.items, scope)?;
                self.repeat(code, &items, scope, 0).map_err(|error| error.at(code.items.line))?;
            }
            Statement::Set(target, expr) => {
                let value = self.eval(expr, scope)?;
                self.assign(target, value, scope).map_err(|error| error.at(expr.line))?;
            }
            Statement::SetBlock(target, filter, body) => {
                let inner = self.scope(scope);
                let text = self.captured(body, inner)?;
                self.leave(inner);
                let value = match filter {
                    Some(filter) => self.filtered(filter, text, scope)?,
                    None => text,
                };
                self.assign(target, value, scope)?;
            }
            Statement::Macro(code) => {
                self.scopes[scope].kept = true;
                self.define(&code.name, Value::Macro(code.clone(), scope), scope);
            }
            Statement::Call(expr, code) => {
                self.scopes[scope].kept = true;
                let caller = Value::Macro(code.clone(), scope);
                let text = self.call_expr(expr, scope, Some(caller))?.to_text(self.limits)?;
                self.write(&text)?;
            }
            Statement::Filter(filter, body) => {
                let inner = self.scope(scope);
                let text = self.captured(body, inner)?;
                self.leave(inner);
                let text = self.filtered(filter, text, scope)?.to_text(self.limits)?;
                self.write(&text)?;
            }
            Statement::With(assignments, body) => {
                let mut values = Vec::with_capacity(assignments.len());
                for (_, expr) in assignments {
                    values.push(self.eval(expr, scope)?);
                }
                let inner = self.scope(scope);
                for ((target, _), value) in assignments.iter().zip(values) {
                    self.assign(target, value, inner)?;
                }
                let flow = self.block(body, inner)?;
                self.leave(inner);
                return Ok(flow);
            }
            Statement::Break => return Ok(Flow::Break),
            Statement::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn assign(&mut self, target: &Target, value: Value, scope: usize) -> Result<()> {
        match target {
            Target::Name(name) => self.define(name, value, scope),
            Target::Attribute(name, attribute) => {
                let object = match self.lookup(name, scope) {
                    Some(Value::Object(id)) => Some(*id),
                    _ => None,
                };
                let Some(Object::Namespace(names)) = object.map(|id| &mut self.objects[id]) else {
                    return Err(Error::failed("cannot assign an attribute of what is no namespace"));
                };
                match names.iter_mut().find(|(known, _)| known == attribute) {
                    Some((_, known)) => *known = value,
                    None => names.push((attribute.clone(), value)),
                }
            }
            Target::Tuple(targets) => {
                let values = self.iterate(&value)?;
                if values.len() != targets.len() {
                    let problem = format!("{} values for {} names", values.len(), targets.len());
                    return Err(Error::failed(problem));
                }
                for (target, value) in targets.iter().zip(values) {
                    self.assign(target, value, scope)?;
                }
            }
        }
        Ok(())
    }

    fn repeat(&mut self, code: &Arc<For>, items: &Value, scope: usize, depth: usize) -> Result<()> {
        let mut kept = Vec::new();
        for item in self.iterate(items)? {
            self.limits.step()?;
            let holds = match &code.test {
                None => true,
                Some(test) => {
                    let inner = self.scope(scope);
                    self.assign(&code.target, item.clone(), inner)?;
                    let holds = self.eval(test, inner)?.is_true();
                    self.leave(inner);
                    holds
                }
            };
            if holds {
                kept.push(item);
            }
        }
        let items = Rc::new(kept);
        let state = Loop { items: items.clone(), at: 0, depth, changed: None, code: code.clone(), scope };
        let objects = self.objects.len();
        let round = self.new_object(Object::Loop(state))?;
        let name: Arc<str> = "loop".into();
        let mut is_through = false;
        for (at, item) in items.iter().enumerate() {
            self.limits.step()?;
            if let Object::Loop(state) = &mut self.objects[objects] {
                state.at = at;
            }
            let inner = self.scope(scope);
            self.define(&name, round.clone(), inner);
            self.assign(&code.target, item.clone(), inner)?;
            let flow = self.block(&code.body, inner)?;
            self.leave(inner);
            is_through |= flow == Flow::Next;
            if flow == Flow::Break {
                break;
            }
        }
        // As jinja2 does: where every round was left by `continue` or `break`, there was none.
        if !is_through {
            let inner = self.scope(scope);
            self.block(&code.otherwise, inner)?;
            self.leave(inner);
        }
        Ok(())
    }

    /// The values that Python would go through. A generator is empty afterwards.
    pub(super) fn iterate(&mut self, value: &Value) -> Result<Vec<Value>> {
        let items = match value {
            Value::Undefined(_) => Vec::new(),
            Value::Str(text) => {
                self.limits.list(text.len())?;
                filters::characters(text)
            }
            Value::Seq(seq) => {
                self.limits.list(seq.items.len())?;
                seq.items.clone()
            }
            Value::Dict(dict) => {
                self.limits.list(dict.entries.len())?;
                dict.entries.iter().map(|(key, _)| key.clone()).collect()
            }
            Value::Object(id) => match &mut self.objects[*id] {
                Object::Generator(items) => std::mem::take(items).collect(),
                _ => return Err(Error::failed("this object has no items")),
            },
            other => return Err(Error::failed(format!("a {} has no items", other.type_name()))),
        };
        self.limits.steps(items.len() / 16)?;
        Ok(items)
    }

    /// The first value; of a generator, it is gone afterwards.
    pub(super) fn first(&mut self, value: &Value) -> Result<Option<Value>> {
        match value {
            Value::Seq(seq) => Ok(seq.items.first().cloned()),
            Value::Str(text) => Ok(text.chars().next().map(|c| Value::from(&*c.to_string()))),
            Value::Object(id) => match &mut self.objects[*id] {
                Object::Generator(items) => Ok(items.next()),
                _ => Err(Error::failed("this object has no items")),
            },
            other => Ok(self.iterate(other)?.into_iter().next()),
        }
    }

    /// `part in whole`
    pub(super) fn contains(&mut self, whole: &Value, part: &Value) -> Result<bool> {
        match (whole, part) {
            (Value::Str(whole), Value::Str(part)) => {
                self.limits.steps(whole.len() / 1024)?;
                return Ok(whole.contains(&**part));
            }
            (Value::Str(_), other) => {
                return Err(Error::failed(format!("a text cannot contain a {}", other.type_name())));
            }
            (Value::Dict(dict), key) => return Ok(dict.get(key, self.limits)?.is_some()),
            _ => {}
        }
        if let Value::Object(id) = whole
            && let Object::Generator(_) = self.objects[*id]
        {
            while let Some(item) = self.first(whole)? {
                if item.equals(part, self.limits)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        for item in self.iterate(whole)? {
            if item.equals(part, self.limits)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn eval(&mut self, expr: &Expr, scope: usize) -> Result<Value> {
        self.limits.step()?;
        self.limits.descend()?;
        let value = self.eval_kind(expr, scope).map_err(|error| error.at(expr.line));
        self.limits.ascend();
        value
    }

    fn all(&mut self, exprs: &[Expr], scope: usize) -> Result<Vec<Value>> {
        exprs.iter().map(|expr| self.eval(expr, scope)).collect()
    }

    fn eval_kind(&mut self, expr: &Expr, scope: usize) -> Result<Value> {
        match &expr.kind {
            Kind::Const(constant) => Ok(constant.into()),
            Kind::Name(name) => {
                let found = self.lookup(name, scope).cloned();
                Ok(found.unwrap_or_else(|| Value::undefined(format!("`{name}` is undefined"))))
            }
            Kind::List(items) => {
                let items = self.all(items, scope)?;
                Value::list(items, self.limits)
            }
            Kind::Tuple(items) => {
                let items = self.all(items, scope)?;
                Value::seq(SeqKind::Tuple, items, self.limits)
            }
            Kind::Dict(entries) => {
                let mut values = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    values.push((self.eval(key, scope)?, self.eval(value, scope)?));
                }
                Value::dict(values, self.limits)
            }
            Kind::Choice { test, then, otherwise } => match (self.eval(test, scope)?.is_true(), otherwise) {
                (true, _) => self.eval(then, scope),
                (false, Some(otherwise)) => self.eval(otherwise, scope),
                (false, None) => Ok(Value::undefined("an `if` without `else` was false")),
            },
            Kind::And(a, b) => {
                let value = self.eval(a, scope)?;
                if value.is_true() { self.eval(b, scope) } else { Ok(value) }
            }
            Kind::Or(a, b) => {
                let value = self.eval(a, scope)?;
                if value.is_true() { Ok(value) } else { self.eval(b, scope) }
            }
            Kind::Not(a) => Ok(Value::Bool(!self.eval(a, scope)?.is_true())),
            Kind::Compare(first, rest) => self.compare(first, rest, scope),
            Kind::Arithmetic(kind, a, b) => {
                let (a, b) = (self.eval(a, scope)?, self.eval(b, scope)?);
                operators::arithmetic(*kind, &a, &b, self.limits)
            }
            Kind::Negative(a) => operators::negative(&self.eval(a, scope)?),
            Kind::Positive(a) => operators::positive(&self.eval(a, scope)?),
            Kind::Concat(parts) => {
                let parts = self.all(parts, scope)?;
                operators::concat(&parts, self.limits)
            }
            Kind::Attribute(of, name) => {
                let of = self.eval(of, scope)?;
                self.attribute(&of, name)
            }
            Kind::Item(of, key) => {
                let (of, key) = (self.eval(of, scope)?, self.eval(key, scope)?);
                self.item(&of, &key)
            }
            Kind::Slice(of, bounds) => self.slice(of, bounds, scope),
            Kind::Call(..) => self.call_expr(expr, scope, None),
            Kind::Filter(operand, ..) => match operand {
                Some(operand) => {
                    let operand = self.eval(operand, scope)?;
                    self.filtered_once(expr, operand, scope)
                }
                None => Err(Error::failed("a filter of a block has no value of its own")),
            },
            Kind::Test(of, name, arguments) => {
                let of = self.eval(of, scope)?;
                let called = self.arguments(arguments, scope)?;
                predicates::test(self, &of, name, called).map(Value::Bool)
            }
        }
    }

    fn compare(&mut self, first: &Expr, rest: &[(Comparison, Expr)], scope: usize) -> Result<Value> {
        let mut left = self.eval(first, scope)?;
        for (comparison, expr) in rest {
            let right = self.eval(expr, scope)?;
            let limits = self.limits;
            let ordered = |holds: fn(std::cmp::Ordering) -> bool| {
                operators::order(&left, &right, limits)
                    .map(|found| holds(found) && !is_nan(&left) && !is_nan(&right))
            };
            let holds = match comparison {
                Comparison::Equal => left.equals(&right, limits)?,
                Comparison::NotEqual => !left.equals(&right, limits)?,
                Comparison::Less => ordered(std::cmp::Ordering::is_lt)?,
                Comparison::LessOrEqual => ordered(std::cmp::Ordering::is_le)?,
                Comparison::Greater => ordered(std::cmp::Ordering::is_gt)?,
                Comparison::GreaterOrEqual => ordered(std::cmp::Ordering::is_ge)?,
                Comparison::In => self.contains(&right, &left)?,
                Comparison::NotIn => !self.contains(&right, &left)?,
            };
            if !holds {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }
}

impl Loop {
    fn attribute(&self, name: &str) -> Option<Value> {
        let (at, len) = (self.at, self.items.len());
        let number = |value: usize| Value::Int(value as i64);
        let item = |at: Option<usize>| {
            let found = at.and_then(|at| self.items.get(at)).cloned();
            found.unwrap_or_else(|| Value::undefined("there is no such item of the loop"))
        };
        Some(match name {
            "index" => number(at + 1),
            "index0" => number(at),
            "revindex" => number(len - at),
            "revindex0" => number(len - at - 1),
            "first" => Value::Bool(at == 0),
            "last" => Value::Bool(at + 1 == len),
            "length" => number(len),
            "depth" => number(self.depth + 1),
            "depth0" => number(self.depth),
            "previtem" => item(at.checked_sub(1)),
            "nextitem" => item(Some(at + 1)),
            _ => return None,
        })
    }
}

fn missing(of: &Value, name: &str) -> Value {
    Value::undefined(format!("{} has no attribute `{name}`", of.type_name()))
}

fn is_nan(value: &Value) -> bool {
    matches!(value, Value::Float(float) if float.is_nan())
}

fn index(at: i64, len: usize) -> Option<usize> {
    let at = if at < 0 { at.checked_add(len as i64)? } else { at };
    usize::try_from(at).ok()
}

fn character(text: &str, at: i64) -> Option<Value> {
    let at = if at < 0 { index(at, text.chars().count())? } else { usize::try_from(at).ok()? };
    text.chars().nth(at).map(|c| Value::from(&*c.to_string()))
}

/// The indices of `[start:stop:step]`.
fn sliced(len: usize, [start, stop, step]: [Option<i64>; 3]) -> Result<Vec<usize>> {
    let (len, step) = (len as i64, step.unwrap_or(1));
    if step == 0 {
        return Err(Error::failed("a slice has steps of 0"));
    }
    let (lowest, highest) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let bound = |at: Option<i64>, otherwise: i64| {
        at.map_or(otherwise, |at| (if at < 0 { at.saturating_add(len) } else { at }).clamp(lowest, highest))
    };
    let (mut at, stop) = match step > 0 {
        true => (bound(start, 0), bound(stop, len)),
        false => (bound(start, len - 1), bound(stop, -1)),
    };
    let mut found = Vec::new();
    while if step > 0 { at < stop } else { at > stop } {
        found.push(usize::try_from(at).unwrap_or_default());
        at = at.saturating_add(step);
    }
    Ok(found)
}

/// The sandbox of transformers allows 100000 numbers.
fn range(called: Called, limits: &Limits) -> Result<Value> {
    const MOST: usize = 100_000;
    const OF: &str = "range";
    let [first, second, step] = called.bind(OF, ["start", "stop", "step"])?;
    let first = int(Some(required(first, OF, "stop")?), 0, OF)?;
    let (start, stop) = match second {
        None => (0, first),
        Some(second) => (first, int(Some(second), 0, OF)?),
    };
    let step = int(step, 1, OF)?;
    if step == 0 {
        return Err(Error::failed("`range` has steps of 0"));
    }
    let mut items = Vec::new();
    let mut at = start;
    while if step > 0 { at < stop } else { at > stop } {
        if items.len() == MOST {
            let message = format!("the chat template makes a `range` of more than {MOST} numbers");
            return Err(Error::new(ErrorKind::Limit, format!("{message}, which is more than is allowed")));
        }
        items.push(Value::Int(at));
        at = at.saturating_add(step);
    }
    Value::seq(SeqKind::Range(start, stop, step), items, limits)
}
