//! What a template is, parsed.

use std::sync::Arc;

/// An expression and how many expressions it has within each other at most.
pub(super) struct Expr {
    pub line: u32,
    pub depth: u32,
    pub kind: Kind,
}

#[derive(Clone)]
pub(super) enum Const {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Arc<str>),
}

pub(super) enum Kind {
    Const(Const),
    Name(Arc<str>),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    /// `then if test else otherwise`
    Choice {
        test: Box<Expr>,
        then: Box<Expr>,
        otherwise: Option<Box<Expr>>,
    },
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Compare(Box<Expr>, Vec<(Comparison, Expr)>),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Negative(Box<Expr>),
    Positive(Box<Expr>),
    /// `a ~ b ~ c`
    Concat(Vec<Expr>),
    Attribute(Box<Expr>, Arc<str>),
    Item(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, [Option<Box<Expr>>; 3]),
    Call(Box<Expr>, Arguments),
    /// Without an operand: the filter of a block.
    Filter(Option<Box<Expr>>, Arc<str>, Arguments),
    Test(Box<Expr>, Arc<str>, Arguments),
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

#[derive(Clone, Copy)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Modulo,
    Power,
}

/// `(a, b, c=d, *rest, **named)`
#[derive(Default)]
pub(super) struct Arguments {
    pub positional: Vec<Expr>,
    pub named: Vec<(Arc<str>, Expr)>,
    pub rest: Option<Box<Expr>>,
    pub rest_named: Option<Box<Expr>>,
}

impl Arguments {
    pub(super) fn depth(&self) -> u32 {
        let named = self.named.iter().map(|(_, value)| value);
        let rest = [&self.rest, &self.rest_named].into_iter().flatten().map(AsRef::as_ref);
        self.positional.iter().chain(named).chain(rest).map(|expr| expr.depth).max().unwrap_or(0)
    }
}

/// The left side of `set`, and what `for` and `with` name.
pub(super) enum Target {
    Name(Arc<str>),
    /// `namespace.attribute`
    Attribute(Arc<str>, Arc<str>),
    Tuple(Vec<Target>),
}

pub(super) struct For {
    pub target: Target,
    pub items: Expr,
    pub test: Option<Expr>,
    pub recursive: bool,
    pub body: Vec<Statement>,
    pub otherwise: Vec<Statement>,
}

/// A macro, or the body of a `call` block.
pub(crate) struct Macro {
    pub(super) name: Arc<str>,
    pub(super) parameters: Vec<(Arc<str>, Option<Expr>)>,
    pub(super) body: Vec<Statement>,
    pub(super) takes_more: bool,
    pub(super) takes_more_named: bool,
}

pub(super) enum Statement {
    Text(Arc<str>),
    Output(Expr),
    For(Arc<For>),
    If(Vec<(Expr, Vec<Statement>)>, Vec<Statement>),
    Set(Target, Expr),
    /// `{% set x | filter %}...{% endset %}`
    SetBlock(Target, Option<Expr>, Vec<Statement>),
    Macro(Arc<Macro>),
    /// `{% call(x) f() %}...{% endcall %}`
    Call(Expr, Arc<Macro>),
    Filter(Expr, Vec<Statement>),
    With(Vec<(Target, Expr)>, Vec<Statement>),
    Break,
    Continue,
}
