//! What templates draw: words, figures, tables and forests as data, without markup.

use affinage_eval::analysis::{Estimate, TOO_FEW};
use affinage_eval::judgment::{is_person, spoken};
use affinage_eval::plain::count;
use serde::Serialize;

use super::charts::{Mark, Strip};
use super::numbers::{Measure, Source, tip};
use super::templates::Markup;

/// A part of a line.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Piece {
    Text {
        text: String,
    },
    Small {
        text: String,
    },
    Code {
        text: String,
    },
    /// A remark on a name: "this page".
    Tag {
        text: String,
    },
    /// An arm by its sign and its name; what it is on hover.
    Arm {
        tip: String,
        glyph: Markup,
        text: String,
    },
    /// Between two arms.
    Against,
    /// A value with its interval that tells its origin when hovered or tapped.
    Figure {
        tip: String,
        value: String,
        interval: Option<String>,
    },
    /// The first 12 digits of a hash, the whole of it on hover.
    Hash {
        short: String,
        whole: String,
    },
    /// One of the words of a comparison, with a sign that needs no colour.
    Word {
        class: &'static str,
        sign: &'static str,
        text: &'static str,
    },
    Break,
    /// Nothing was measured.
    Dash,
}

impl Piece {
    pub fn text(text: impl Into<String>) -> Self {
        Piece::Text { text: text.into() }
    }

    pub fn code(text: &str) -> Self {
        Piece::Code { text: text.to_owned() }
    }

    pub fn small(text: impl Into<String>) -> Self {
        Piece::Small { text: text.into() }
    }

    pub fn hash(sha256: &str) -> Self {
        Piece::Hash { short: sha256.chars().take(12).collect(), whole: sha256.to_owned() }
    }

    /// "63 % [51, 76]"
    pub fn figure(what: &str, estimate: &Estimate, measure: Measure, source: &Source) -> Self {
        let interval = match estimate.shown() {
            Some(interval) => Some(measure.interval(&interval)),
            None if estimate.is_of_few() => Some(format!("n {}: {TOO_FEW}", estimate.n)),
            None => None,
        };
        let tip = tip(what, estimate, measure, source);
        Piece::Figure { tip, value: measure.value(estimate.value), interval }
    }

    /// As [`Piece::figure`], a dash where nothing was measured.
    pub fn figure_or_dash(
        what: &str,
        estimate: Option<&Estimate>,
        measure: Measure,
        source: &Source,
    ) -> Self {
        estimate.map_or(Piece::Dash, |estimate| Piece::figure(what, estimate, measure, source))
    }

    /// A word in backticks: code, or a person by the name that people use.
    pub fn quoted(word: &str) -> Self {
        if is_person(word) { Piece::text(spoken(word)) } else { Piece::code(word) }
    }
}

/// A line: the content of a paragraph, an item or a cell.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Inline(Vec<Piece>);

impl Inline {
    pub fn then(mut self, piece: Piece) -> Self {
        self.0.push(piece);
        self
    }

    /// `text` behind what is there.
    pub fn and(self, text: impl Into<String>) -> Self {
        self.then(Piece::text(text))
    }

    pub fn join(mut self, other: Inline) -> Self {
        self.0.extend(other.0);
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|piece| matches!(piece, Piece::Text { text } if text.trim().is_empty()))
    }
}

impl From<Piece> for Inline {
    fn from(piece: Piece) -> Self {
        Inline(vec![piece])
    }
}

impl From<String> for Inline {
    fn from(text: String) -> Self {
        Piece::text(text).into()
    }
}

impl From<&str> for Inline {
    fn from(text: &str) -> Self {
        Piece::text(text).into()
    }
}

/// A sentence: `text` with every word in backticks as `word` shows it.
pub fn prose(text: &str, word: &dyn Fn(&str) -> Piece) -> Inline {
    let text = typeset(text);
    let pieces: Vec<&str> = text.split('`').collect();
    let paired = pieces.len() % 2 == 1;
    let piece = |(i, piece): (usize, &&str)| match i % 2 {
        1 if paired => word(piece),
        1 => Piece::text(format!("`{piece}")),
        _ => Piece::text(*piece),
    };
    Inline(pieces.iter().enumerate().map(piece).collect())
}

/// A sentence in which backticks mark code or people.
pub fn sentence(text: &str) -> Inline {
    prose(text, &Piece::quoted)
}

/// A narrow no-break space before "%" and a real minus before a negative number; no word changes.
fn typeset(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        let next = characters.peek().copied().unwrap_or(' ');
        out.push(match character {
            ' ' if next == '%' => '\u{202f}',
            '-' if matches!(before, ' ' | '[' | '(') && next.is_ascii_digit() => '\u{2212}',
            c => c,
        });
        before = character;
    }
    out
}

/// A table; the first cell of a row is its heading. On a narrow screen a row becomes a block, and each cell is named by its
/// column.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    head: Vec<Column>,
    rows: Vec<Vec<Inline>>,
}

#[derive(Clone, Debug, Serialize)]
struct Column {
    name: String,
    is_number: bool,
}

impl Table {
    /// `numeric` columns are set right.
    pub fn new(head: &[&str], numeric: &[usize], rows: Vec<Vec<Inline>>) -> Self {
        let column =
            |(i, name): (usize, &&str)| Column { name: (*name).to_owned(), is_number: numeric.contains(&i) };
        Self { head: head.iter().enumerate().map(column).collect(), rows }
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// `None` without rows.
    pub fn filled(self) -> Option<Self> {
        (!self.is_empty()).then_some(self)
    }
}

/// A name and what it is.
#[derive(Clone, Debug, Serialize)]
pub struct Fact {
    pub name: Inline,
    pub value: Inline,
}

impl Fact {
    pub fn new(name: impl Into<Inline>, value: impl Into<Inline>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// Rows of estimates, each with its strip, its figure, its n and its word, over one scale.
#[derive(Clone, Debug, Serialize)]
pub struct Forest {
    #[serde(skip)]
    strip: Strip,
    axis_name: String,
    foot: Markup,
    rows: Vec<ForestRow>,
    /// Some row stands for more than one observation. Where none does there is nothing to compare by eye: the rows are said.
    is_drawn: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum ForestRow {
    Heading {
        label: Inline,
    },
    Estimate {
        label: Inline,
        strip: Markup,
        figure: Piece,
        n: String,
        word: Inline,
    },
    /// Without a figure.
    Empty {
        label: Inline,
        strip: Markup,
        why: String,
    },
}

impl Forest {
    /// `axis_name` says what the figures are, such as "win rate, 95 % interval".
    pub fn new(strip: Strip, axis_name: &str) -> Self {
        let foot = strip.foot();
        Self { strip, axis_name: axis_name.to_owned(), foot, rows: Vec::new(), is_drawn: false }
    }

    /// A heading over the following rows.
    pub fn heading(&mut self, label: impl Into<Inline>) {
        self.rows.push(ForestRow::Heading { label: label.into() });
    }

    pub fn estimate(&mut self, label: impl Into<Inline>, mark: &Mark, word: impl Into<Inline>) {
        self.is_drawn |= mark.estimate.n > 1;
        self.rows.push(ForestRow::Estimate {
            label: label.into(),
            strip: self.strip.row(Some(mark)),
            figure: Piece::figure(&mark.what, mark.estimate, self.strip.measure(), &mark.source),
            n: count(mark.estimate.n as u64),
            word: word.into(),
        });
    }

    /// A row without a figure.
    pub fn empty(&mut self, label: impl Into<Inline>, why: &str) {
        let strip = self.strip.row(None);
        self.rows.push(ForestRow::Empty { label: label.into(), strip, why: why.to_owned() });
    }

    /// `None` without rows.
    pub fn filled(self) -> Option<Self> {
        (!self.rows.is_empty()).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charts::Look;
    use crate::templates::draw;

    #[derive(Serialize)]
    struct Why {
        why: Inline,
    }

    fn drawn(why: Inline) -> String {
        draw("missing.html", &Why { why }).0.trim().to_owned()
    }

    #[test]
    fn sentences_keep_their_words_and_mark_code() {
        assert_eq!(drawn(sentence("`a<b` is <")), "<p><code>a&lt;b</code> is &lt;</p>");
        assert_eq!(
            drawn(sentence("-3 points [-24, +19], 95 % of it-2")),
            "<p>\u{2212}3 points [\u{2212}24, +19], 95\u{202f}% of it-2</p>"
        );
        assert_eq!(drawn(sentence("one ` alone")), "<p>one ` alone</p>");
        assert_eq!(drawn(sentence("`human:ben` voted")), "<p>ben voted</p>");
    }

    /// What a text is can only be read from its kind, never from its words.
    #[test]
    fn no_piece_makes_markup_of_a_text() {
        let hostile = || "\"><b>&'".to_owned();
        let pieces = [
            Piece::text(hostile()),
            Piece::small(hostile()),
            Piece::code(&hostile()),
            Piece::Tag { text: hostile() },
            Piece::Arm { tip: hostile(), glyph: Markup(String::new()), text: hostile() },
            Piece::Figure { tip: hostile(), value: hostile(), interval: Some(hostile()) },
            Piece::Hash { short: hostile(), whole: hostile() },
        ];
        for piece in pieces {
            let html = drawn(piece.clone().into());
            assert!(html.contains("&quot;&gt;&lt;b&gt;&amp;&#39;"), "{piece:?}: {html}");
            assert!(!html.contains("<b>&"), "{piece:?}: {html}");
        }
    }

    #[derive(Serialize)]
    struct Drawn {
        rules: Vec<Inline>,
        forest: Forest,
        others: Vec<Inline>,
        differences: Table,
        changed: Vec<Inline>,
    }

    #[test]
    fn a_forest_without_anything_to_compare_is_a_list() {
        let estimate = |n: usize| Estimate {
            value: 1.0,
            interval: None,
            n,
            n_effective: n as f64,
            unit: "prompts".to_owned(),
            method: String::new(),
        };
        let drawn = |n: usize| {
            let mut forest = Forest::new(Strip::shares(), "right answers");
            forest.heading("maths");
            let source = Source::new("completions.jsonl", ".objective[0]");
            let estimate = estimate(n);
            let mark = Mark { estimate: &estimate, look: Look::PLAIN, what: "base".to_owned(), source };
            forest.estimate("base", &mark, Inline::default());
            forest.empty("tuned", "no answer");
            let differences = Table::new(&["arm"], &[], Vec::new());
            let (rules, others, changed) = (Vec::new(), Vec::new(), Vec::new());
            draw("objective.html", &Drawn { rules, forest, others, differences, changed }).0
        };
        let (one, two) = (drawn(1), drawn(2));
        assert!(!one.contains("<svg") && !one.contains("<table class=\"forest\""), "{one}");
        assert!(
            one.contains("<li class=\"group\">maths</li>") && one.contains("<li>tuned: no answer</li>"),
            "{one}"
        );
        assert!(one.contains("n = 1"), "{one}");
        assert!(two.contains("<table class=\"forest\">") && two.contains("class=\"mark arm-head\""), "{two}");
    }
}
