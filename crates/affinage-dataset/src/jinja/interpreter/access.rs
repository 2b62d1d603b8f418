//! What expressions reach: attributes, items, slices, filters, and calls of functions, macros and methods.

use super::*;

impl Interpreter<'_> {
    /// `a.b`: the attribute, or else the item.
    pub(super) fn attribute(&mut self, of: &Value, name: &Arc<str>) -> Result<Value> {
        if let Value::Undefined(what) = of {
            return Err(Error::failed(what.to_string()));
        }
        match self.own_attribute(of, name)? {
            Some(value) => Ok(value),
            None => {
                let item = match of {
                    Value::Dict(dict) => dict.get_str(name).cloned(),
                    _ => None,
                };
                Ok(item.unwrap_or_else(|| missing(of, name)))
            }
        }
    }

    pub(super) fn own_attribute(&mut self, of: &Value, name: &Arc<str>) -> Result<Option<Value>> {
        if methods::exists(of, name) {
            return Ok(Some(Value::Method(Rc::new((of.clone(), name.clone())))));
        }
        match of {
            Value::Seq(seq) if seq.kind == SeqKind::Group => Ok(filters::of_group(&seq.items, name)),
            Value::Object(id) => self.object_attribute(*id, name),
            Value::Macro(code, _) if &**name == "name" => Ok(Some(Value::Str(code.name.clone()))),
            Value::Macro(code, _) if &**name == "arguments" => {
                let names = code.parameters.iter().map(|(name, _)| Value::Str(name.clone())).collect();
                Ok(Some(Value::seq(SeqKind::Tuple, names, self.limits)?))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn object_attribute(&mut self, id: usize, name: &Arc<str>) -> Result<Option<Value>> {
        let method = || Some(Value::Method(Rc::new((Value::Object(id), name.clone()))));
        Ok(match &self.objects[id] {
            Object::Namespace(names) => names.iter().find(|(known, _)| known == name).map(|(_, v)| v.clone()),
            Object::Loop(state) => match &**name {
                "cycle" | "changed" => method(),
                _ => state.attribute(name),
            },
            Object::Cycler { items, at } => match &**name {
                "next" | "reset" => method(),
                "current" => items.get(*at).cloned(),
                _ => None,
            },
            Object::Generator(_) | Object::Joiner { .. } => None,
        })
    }

    /// `a[b]`: the item, or else the attribute.
    pub(in crate::jinja) fn item(&mut self, of: &Value, key: &Value) -> Result<Value> {
        let found = match (of, key) {
            (Value::Undefined(what), _) => return Err(Error::failed(what.to_string())),
            (Value::Dict(dict), key) => dict.get(key, self.limits)?.cloned(),
            (Value::Seq(seq), key) if seq.has_indices() => {
                key.as_int().and_then(|at| seq.items.get(index(at, seq.items.len())?).cloned())
            }
            (Value::Str(text), key) => key.as_int().and_then(|at| character(text, at)),
            _ => None,
        };
        if let Some(found) = found {
            return Ok(found);
        }
        if let Value::Str(name) = key
            && let Some(found) = self.own_attribute(of, name)?
        {
            return Ok(found);
        }
        let key = key.as_str().map_or_else(|| "that index".to_owned(), str::to_owned);
        Ok(missing(of, &key))
    }

    pub(super) fn slice(
        &mut self,
        of: &Expr,
        bounds: &[Option<Box<Expr>>; 3],
        scope: usize,
    ) -> Result<Value> {
        let of = self.eval(of, scope)?;
        let mut numbers = [None; 3];
        for (number, bound) in numbers.iter_mut().zip(bounds) {
            let Some(bound) = bound else { continue };
            *number = match self.eval(bound, scope)? {
                Value::None => None,
                value => Some(int(Some(value), 0, "a slice")?),
            };
        }
        let limits = self.limits;
        match &of {
            Value::Str(text) => {
                let chars: Vec<char> = text.chars().collect();
                let picked: String = sliced(chars.len(), numbers)?.into_iter().map(|at| chars[at]).collect();
                Value::text(picked, limits)
            }
            Value::Seq(seq) if seq.has_indices() => {
                let picked =
                    sliced(seq.items.len(), numbers)?.into_iter().map(|at| seq.items[at].clone()).collect();
                let kind = match seq.kind {
                    SeqKind::Tuple | SeqKind::Group => SeqKind::Tuple,
                    _ => SeqKind::List,
                };
                Value::seq(kind, picked, limits)
            }
            Value::Undefined(what) => Err(Error::failed(what.to_string())),
            other => Err(Error::failed(format!("a {} has no slices", other.type_name()))),
        }
    }

    pub(super) fn arguments(&mut self, arguments: &Arguments, scope: usize) -> Result<Called> {
        let mut positional = self.all(&arguments.positional, scope)?;
        let mut named = Vec::with_capacity(arguments.named.len());
        for (name, expr) in &arguments.named {
            named.push((name.clone(), self.eval(expr, scope)?));
        }
        if let Some(rest) = &arguments.rest {
            let rest = self.eval(rest, scope)?;
            positional.extend(self.iterate(&rest)?);
        }
        if let Some(rest) = &arguments.rest_named {
            let Value::Dict(dict) = self.eval(rest, scope)? else {
                return Err(Error::failed("`**` takes a dictionary"));
            };
            for (key, value) in &dict.entries {
                named.push((text(Some(key.clone()), "", "**")?, value.clone()));
            }
        }
        Ok(Called { positional, named })
    }

    /// The filters of a block, the innermost first.
    pub(super) fn filtered(&mut self, filter: &Expr, text: Value, scope: usize) -> Result<Value> {
        let Kind::Filter(inner, ..) = &filter.kind else { return Err(Error::failed("a block is filtered")) };
        let text = match inner {
            Some(inner) => self.filtered(inner, text, scope)?,
            None => text,
        };
        self.filtered_once(filter, text, scope).map_err(|error| error.at(filter.line))
    }

    pub(super) fn filtered_once(&mut self, filter: &Expr, value: Value, scope: usize) -> Result<Value> {
        let Kind::Filter(_, name, arguments) = &filter.kind else { return Ok(value) };
        let called = self.arguments(arguments, scope)?;
        self.filter(value, name, called)
    }

    pub(in crate::jinja) fn filter(&mut self, value: Value, name: &str, called: Called) -> Result<Value> {
        self.limits.step()?;
        filters::filter(self, value, name, called)
    }

    pub(super) fn call_expr(&mut self, expr: &Expr, scope: usize, caller: Option<Value>) -> Result<Value> {
        let Kind::Call(callee, arguments) = &expr.kind else {
            return Err(Error::failed("a call is expected"));
        };
        let callee = self.eval(callee, scope)?;
        let mut called = self.arguments(arguments, scope)?;
        if let Some(caller) = caller {
            called.named.push(("caller".into(), caller));
        }
        self.call(&callee, called).map_err(|error| error.at(expr.line))
    }

    pub(super) fn call(&mut self, callee: &Value, called: Called) -> Result<Value> {
        match callee {
            Value::Undefined(what) => Err(Error::failed(what.to_string())),
            Value::Function(function) => self.function(*function, called),
            Value::Macro(code, scope) => self.call_macro(code, *scope, called),
            Value::Method(method) => match &method.0 {
                Value::Object(id) => self.object_method(*id, &method.1, called),
                of => {
                    let this = std::cell::RefCell::new(&mut *self);
                    let limits = this.borrow().limits;
                    let item = |of: &Value, key: &Value| this.borrow_mut().item(of, key);
                    methods::call(of, &method.1, called, limits, &item)
                }
            },
            Value::Object(id) => self.call_object(*id, called),
            other => Err(Error::failed(format!("a {} cannot be called", other.type_name()))),
        }
    }

    pub(super) fn call_macro(
        &mut self,
        code: &Arc<Macro>,
        defined_in: usize,
        called: Called,
    ) -> Result<Value> {
        let scope = self.scope(defined_in);
        let Called { positional, mut named } = called;
        let mut positional = positional.into_iter();
        for (name, default) in &code.parameters {
            let by_name = named.iter().position(|(known, _)| known == name);
            let value = match (positional.next(), by_name) {
                (Some(_), Some(_)) => {
                    return Err(Error::failed(format!("macro `{}` is given `{name}` twice", code.name)));
                }
                (Some(value), None) => value,
                (None, Some(at)) => named.remove(at).1,
                (None, None) => match default {
                    Some(default) => self.eval(default, scope)?,
                    None => Value::undefined(format!("parameter `{name}` was not provided")),
                },
            };
            self.define(name, value, scope);
        }
        if let Some(at) = named.iter().position(|(name, _)| &**name == "caller") {
            let (name, caller) = named.remove(at);
            self.define(&name, caller, scope);
        }
        let (more, named) = (positional.collect::<Vec<_>>(), named);
        if (!more.is_empty() && !code.takes_more) || (!named.is_empty() && !code.takes_more_named) {
            let problem = format!("macro `{}` has {} parameters", code.name, code.parameters.len());
            return Err(Error::failed(format!("{problem}, and is given more or others")));
        }
        if code.takes_more {
            let more = Value::seq(SeqKind::Tuple, more, self.limits)?;
            self.define(&"varargs".into(), more, scope);
        }
        if code.takes_more_named {
            let named = named.into_iter().map(|(name, value)| (Value::Str(name), value)).collect();
            let named = Value::dict(named, self.limits)?;
            self.define(&"kwargs".into(), named, scope);
        }
        let text = self.captured(&code.body, scope)?;
        self.leave(scope);
        Ok(text)
    }

    pub(super) fn function(&mut self, function: Function, mut called: Called) -> Result<Value> {
        match function {
            Function::Range => range(called, self.limits),
            Function::Dict | Function::Namespace => {
                let mut entries = match called.positional.pop() {
                    Some(first) if called.positional.is_empty() => self.pairs(&first)?,
                    None => Vec::new(),
                    Some(_) => return Err(Error::failed("one dictionary or list of pairs is expected")),
                };
                entries.extend(called.named.into_iter().map(|(name, value)| (Value::Str(name), value)));
                let made = Value::dict(entries, self.limits)?;
                let Value::Dict(dict) = &made else { return Ok(made) };
                if function == Function::Dict {
                    return Ok(made);
                }
                let name = |(name, value): &(Value, Value)| Some((Arc::from(name.as_str()?), value.clone()));
                let names = dict.entries.iter().filter_map(name).collect();
                self.new_object(Object::Namespace(names))
            }
            Function::Joiner => {
                let [separator] = called.bind("joiner", ["sep"])?;
                let separator = separator.unwrap_or_else(|| Value::from(", "));
                self.new_object(Object::Joiner { separator, used: false })
            }
            Function::Cycler if called.positional.is_empty() => Err(Error::failed("`cycler` needs items")),
            Function::Cycler => self.new_object(Object::Cycler { items: Rc::new(called.positional), at: 0 }),
            Function::RaiseException => {
                let [message] = called.bind("raise_exception", ["message"])?;
                let message = required(message, "raise_exception", "message")?.to_text(self.limits)?;
                Err(Error::failed(&*message))
            }
            Function::StrftimeNow => {
                let [format] = called.bind("strftime_now", ["format"])?;
                let format = text(Some(required(format, "strftime_now", "format")?), "", "strftime_now")?;
                let Some(date) = self.date else {
                    return Err(Error::new(ErrorKind::DateNotPinned, "no date is pinned"));
                };
                let written = jiff::fmt::strtime::format(without_zone(&format), date.at(0, 0, 0, 0));
                let written = written.map_err(|error| Error::failed(error.to_string()))?;
                Value::text(written, self.limits)
            }
        }
    }

    /// A dictionary, or pairs.
    pub(super) fn pairs(&mut self, of: &Value) -> Result<Vec<(Value, Value)>> {
        if let Value::Dict(dict) = of {
            return Ok(dict.entries.clone());
        }
        let mut pairs = Vec::new();
        for pair in self.iterate(of)? {
            match <[Value; 2]>::try_from(self.iterate(&pair)?) {
                Ok([key, value]) => pairs.push((key, value)),
                Err(_) => return Err(Error::failed("a pair has two values")),
            }
        }
        Ok(pairs)
    }

    pub(super) fn call_object(&mut self, id: usize, called: Called) -> Result<Value> {
        match &mut self.objects[id] {
            Object::Joiner { separator, used } => {
                called.none("joiner")?;
                Ok(if std::mem::replace(used, true) { separator.clone() } else { Value::from("") })
            }
            Object::Loop(state) if state.code.recursive => {
                let (code, scope, depth) = (state.code.clone(), state.scope, state.depth + 1);
                let [items] = called.bind("loop", ["iterable"])?;
                let items = required(items, "loop", "iterable")?;
                self.out.push(String::new());
                let result = self.repeat(&code, &items, scope, depth);
                let text = self.out.pop().unwrap_or_default();
                result?;
                Value::text(text, self.limits)
            }
            Object::Loop(_) => Err(Error::failed("a loop is called that is not `recursive`")),
            _ => Err(Error::failed("this object cannot be called")),
        }
    }

    pub(super) fn object_method(&mut self, id: usize, name: &str, called: Called) -> Result<Value> {
        let limits = self.limits;
        match (&mut self.objects[id], name) {
            (Object::Loop(state), "cycle") => {
                let at = state.at.checked_rem(called.positional.len());
                let value = at.and_then(|at| called.positional.get(at).cloned());
                value.ok_or_else(|| Error::failed("`cycle` needs items"))
            }
            (Object::Loop(state), _) => {
                let same = match &state.changed {
                    Some(known) if known.len() == called.positional.len() => {
                        let mut same = true;
                        for (a, b) in known.iter().zip(&called.positional) {
                            same = same && a.equals(b, limits)?;
                        }
                        same
                    }
                    _ => false,
                };
                state.changed = Some(called.positional);
                Ok(Value::Bool(!same))
            }
            (Object::Cycler { items, at }, "next") => {
                let value = items[*at].clone();
                *at = (*at + 1) % items.len();
                Ok(value)
            }
            (Object::Cycler { at, .. }, _) => {
                *at = 0;
                Ok(Value::None)
            }
            _ => Err(Error::failed(format!("there is no method `{name}`"))),
        }
    }
}

/// The format without what Python's clock has no value for: a zone is written as nothing, and a microsecond has six digits.
fn without_zone(format: &str) -> String {
    let mut out = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        let conversion = if letter == '%' { letters.next() } else { None };
        match conversion {
            Some('z' | 'Z') => {}
            Some('f') => out.push_str("000000"),
            other => out.extend([Some(letter), other].into_iter().flatten()),
        }
    }
    out
}
