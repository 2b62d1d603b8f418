//! Numbers of a card or write-up beside the words that name them.
//!
//! Markdown is taken off first; a table gives each cell with its column's and its row's name. A number counts where it
//! stands right beside a word of [`KINDS`]; numbers elsewhere are only counted, so that it can be said how many were
//! not looked at.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// A number as written, and what it is said to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Mention {
    /// `rank`, `learning-rate`, ...: see [`KINDS`].
    pub kind: &'static str,
    pub written: String,
    pub value: f64,
    /// Half a unit of the last digit written.
    pub half_unit: f64,
    /// The words around it.
    pub said: String,
}

impl Mention {
    /// Whether a number between `low` and `high` can be written so. Whole numbers and powers of ten stand for
    /// themselves; only decimals are taken for rounded.
    pub fn fits(&self, low: f64, high: f64) -> bool {
        let is_whole = self.value.fract() == 0.0 && !self.written.contains(['.', 'e']);
        let half = match () {
            () if is_whole => 0.05,
            () if self.written.contains('e') => self.half_unit.min(0.02 * self.value.abs()),
            () => self.half_unit,
        };
        let slack = half + 1e-9 * self.value.abs().max(1e-6);
        low - slack <= self.value && self.value <= high + slack
    }
}

/// A number: `1,500`, `0.0002`, `2e-4`, `2 x 10^-4`.
const NUMBER: &str = r"(\d[\d,]*(?:\.\d+)?(?:\s*e[-+]?\d+|\s*[x×]\s*10\s*\^?\s*[-+]?\d+)?)";
/// Between a name and its number.
const BETWEEN: &str =
    r"(?:[ \t]*\([^()\n]{1,16}\))?[ \t]*(?:[=:|~]|≈|of\b|is\b|was\b|to\b|at\b)?[ \t]*[=:|~≈]?[ \t]*";

/// Names before which a count of steps is not the length of the training.
const OTHER_STEPS: &str =
    r"every|each|per|after|first|last|at|for the|warm-?up|accumulat\w*|sav\w*|logg?\w*|eval\w*|interval";

/// What is looked for: the name, and expressions in which `N` is the number and `~` what may stand before it.
const KINDS: [(&str, &[&str]); 13] = [
    ("rank", &[r"\b(?:lora[ _-]?)?rank~N", r"\brank-N", r"\b(?:lora[ _-]?)?r\s*[=:|]\s*N"]),
    ("alpha", &[r"(?:\b|_)(?:lora[ _-]?)?alpha~N", r"α~N"]),
    ("dropout", &[r"(?:\b|_)dropout~N"]),
    ("epochs", &[r"N\s*(?:full\s+|training\s+)?epochs?\b", r"(?:\b|_)epochs\s*[=:|]\s*N"]),
    (
        "steps",
        &[
            r"N\s*(?:optimi[sz]er |training |gradient |update |total )?steps\b",
            r"\b(?:max|total|global|training)[ _-]steps~N",
        ],
    ),
    ("warm-up", &[r"N\s*warm-?up steps\b", r"\bwarm-?up[ _-]steps~N"]),
    ("accumulation", &[r"accumulation(?:[ _-]steps)?~N"]),
    ("learning-rate", &[r"\blearning[ _-]?rate~N", r"\blr~N"]),
    ("batch-size", &[r"\bbatch[ _-]?size~N"]),
    ("seed", &[r"\bseed~N"]),
    ("eval-loss", &[r"\b(?:validation|valid|val|eval|evaluation|dev|held-out)[ _-]loss~N"]),
    ("train-loss", &[r"\btrain(?:ing)?[ _-]loss~N"]),
    ("loss", &[r"\bloss~N"]),
];

static EXPRESSIONS: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
    let expression = |pattern: &&str| {
        // Names and numbers stand in one line.
        let pattern = pattern.replace(r"\s", r"[ \t]").replace('~', BETWEEN).replace('N', NUMBER);
        Regex::new(&format!("(?i){pattern}")).expect("a valid pattern")
    };
    KINDS.iter().flat_map(|(kind, patterns)| patterns.iter().map(move |p| (*kind, expression(p)))).collect()
});
static NUMBERS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!("(?i){NUMBER}")).expect("a valid pattern"));
static BEFORE_STEPS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!(r"(?i)\b(?:{OTHER_STEPS})\W*$")).expect("a valid pattern"));

static BEHIND_STEPS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^[ \t]*(?:/|per|between|apart|of (?:warm|gradient|accum))").expect("a valid pattern")
});

/// The mentions of `text`, in the order of [`KINDS`], and how many numbers are next to no such word.
pub fn mentions(text: &str) -> (Vec<Mention>, usize) {
    let plain = plain(text);
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut found: Vec<Mention> = Vec::new();
    for (kind, expression) in EXPRESSIONS.iter() {
        for captures in expression.captures_iter(&plain) {
            let (Some(whole), Some(number)) = (captures.get(0), captures.get(1)) else { continue };
            let before: String = plain[..number.start()].lines().last().unwrap_or_default().to_owned();
            let is_other = *kind == "steps"
                && (BEFORE_STEPS.is_match(&before) || BEHIND_STEPS.is_match(&plain[whole.end()..]));
            let behind = plain[number.end()..].trim_start().chars().next();
            let Some((value, half_unit)) = read(number.as_str()) else { continue };
            // `alpha/rank = 2` is neither.
            let is_ratio = plain[..whole.start()].trim_end().ends_with('/');
            if is_other || is_ratio || behind == Some('%') || !taken.insert(number.start()) {
                continue;
            }
            let written = normal(number.as_str());
            found.push(Mention { kind, written, value, half_unit, said: whole.as_str().trim().to_owned() });
        }
    }
    found.dedup();
    let others = NUMBERS.find_iter(&plain).filter(|number| !taken.contains(&number.start())).count();
    (found, others)
}

/// `2 x 10^-4` as `2e-4`, `1,500` as `1500`.
fn normal(written: &str) -> String {
    static POWER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?i)\s*[x×]\s*10\s*\^?\s*").expect("a valid pattern"));
    let written = written.trim_end_matches(',').replace(',', "");
    POWER.replace(&written, "e").replace(' ', "").to_lowercase()
}

/// The value of a number as written, and half a unit of its last digit.
pub fn read(written: &str) -> Option<(f64, f64)> {
    let normal = normal(written);
    let value: f64 = normal.parse().ok()?;
    let (mantissa, exponent) = normal.split_once('e').unwrap_or((&normal, "0"));
    let decimals = mantissa.split_once('.').map_or(0, |(_, digits)| digits.len() as i32);
    Some((value, 0.5 * 10f64.powi(exponent.parse::<i32>().ok()? - decimals)))
}

/// The text without Markdown; of tables, each cell behind the name of its column and, in the second column, its row.
pub fn plain(text: &str) -> String {
    let mut out = String::new();
    let tables = tables(text);
    for line in without(text, &tables) {
        let bare: String = line.replace(['*', '`'], "").replace("__", "").replace('\u{2212}', "-");
        out.push_str(bare.trim_start_matches(['#', '>', ' ', '-']));
        out.push('\n');
    }
    for table in tables {
        for row in &table.rows {
            for (column, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
                let name = table.header.get(column).map_or("", String::as_str);
                out.push_str(&format!("{name}: {cell}\n"));
            }
            if let [name, value] = row.as_slice() {
                out.push_str(&format!("{name}: {value}\n"));
            }
        }
    }
    out
}

/// The lines of `text` that belong to none of its tables.
pub fn without<'t>(text: &'t str, tables: &[Table]) -> impl Iterator<Item = &'t str> {
    let lines = text.lines().enumerate();
    lines.filter(|(at, _)| !tables.iter().any(|table| table.lines.contains(at))).map(|(_, line)| line)
}

/// A Markdown table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Its lines in the text.
    pub lines: Range<usize>,
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// The tables of a Markdown text.
pub fn tables(text: &str) -> Vec<Table> {
    let cells = |line: &str| -> Vec<String> {
        let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
        inner.split('|').map(|cell| cell.replace(['*', '`'], "").trim().to_owned()).collect()
    };
    let is_rule = |line: &str| line.contains('-') && line.chars().all(|c| matches!(c, '|' | '-' | ':' | ' '));
    let lines: Vec<&str> = text.lines().collect();
    let mut tables: Vec<Table> = Vec::new();
    for at in 1..lines.len() {
        if !(is_rule(lines[at].trim()) && lines[at].contains('|') && lines[at - 1].contains('|')) {
            continue;
        }
        let rows: Vec<Vec<String>> =
            lines[at + 1..].iter().take_while(|line| line.contains('|')).map(|line| cells(line)).collect();
        tables.push(Table { lines: at - 1..at + 1 + rows.len(), header: cells(lines[at - 1]), rows });
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_beside_their_names_in_any_dress() {
        let rows: [(&str, &[(&str, &str)]); 14] = [
            ("**Rank (r):** 8, `lora_alpha=16`", &[("rank", "8"), ("alpha", "16")]),
            (
                "LoRA with rank of 64 and alpha 128; lora_dropout: 0.05",
                &[("rank", "64"), ("alpha", "128"), ("dropout", "0.05")],
            ),
            (
                "- Learning rate: 2 x 10^-4 (lr = 2e-4)",
                &[("learning-rate", "2e-4"), ("learning-rate", "2e-4")],
            ),
            (
                "| Setting | Value |\n|---|---|\n| Rank | 32 |\n| Epochs | 3 |",
                &[("rank", "32"), ("epochs", "3")],
            ),
            ("| rank | alpha |\n| --- | --- |\n| 4 | 9 |", &[("rank", "4"), ("alpha", "9")]),
            ("evaluated every 25 steps, saved each 75 steps, after 10 steps, 90 steps per epoch", &[]),
            ("a rank-12 adapter, lr 1e-5", &[("rank", "12"), ("learning-rate", "1e-5")]),
            ("gradient accumulation: 4 steps, 12 warm-up steps", &[("warm-up", "12"), ("accumulation", "4")]),
            ("It ran for 1,500 steps.", &[("steps", "1500")]),
            ("max_steps = 700", &[("steps", "700")]),
            (
                "The validation loss was 2.31, training loss of 2.05",
                &[("eval-loss", "2.31"), ("train-loss", "2.05")],
            ),
            ("The loss was 1.9 at the end", &[("loss", "1.9")]),
            ("a loss of 12 % of the rows; alpha/rank = 2", &[]),
            ("| Epoch | Validation Loss |\n|--|--|\n| 0.5 | 2.9 |", &[("eval-loss", "2.9")]),
        ];
        for (text, expected) in rows {
            let found: Vec<(&str, String)> =
                mentions(text).0.into_iter().map(|m| (m.kind, m.written)).collect();
            let expected: Vec<(&str, String)> = expected.iter().map(|(k, w)| (*k, (*w).to_owned())).collect();
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(mentions("In 2024 we had 3 cats.").1, 2, "numbers that are not looked at are counted");
    }

    #[test]
    fn a_number_fits_at_the_digit_that_it_is_written_with() {
        for (written, fact, fits) in [
            ("2.2", 2.1833, true),
            ("2.2", 2.1433, false),
            ("2.20", 2.1833, false),
            ("16", 16.4, false),
            ("2e-4", 2e-4, true),
            ("2e-4", 0.00024, false),
            ("3", 2.98, true),
            ("1500", 1500.0, true),
        ] {
            let (value, half_unit) = read(written).expect("a number");
            let mention =
                Mention { kind: "loss", written: written.to_owned(), value, half_unit, said: String::new() };
            assert_eq!(mention.fits(fact, fact), fits, "{written} of {fact}");
        }
    }
}
