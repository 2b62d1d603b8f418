//! Claims out of a write-up: sentences or a table become [`Claim`]s.
//!
//! ```text
//! On 57 prompts tuned wins 77 % against base: 40 wins, 5 ties, 12 losses. Judged by judge-north.
//!
//! | judge       | win rate | wins | ties | losses |
//! |-------------|----------|------|------|--------|
//! | judge-north | 78.9     | 41   | 8    | 8      |
//! ```
//!
//! In a sentence a number is read beside the word that names it: `77 % ... wins`, `40 wins`, `28 of 30 prompts`,
//! `57 prompts`, `kappa .61`, `80 % agreement`, `loss 2.31`. Arms, judges and categories are found by the names that the
//! files have. In a table a column is read whose name is a statistic; the other cells name the judge, category or arm.
//! A table with the columns `statistic` and `value` is read row by row.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::ResultsAudit;
use super::claims::{Claim, Value};
use super::mentions::{self, Table};

/// Names that the files have, by which a write-up speaks of them.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub arms: Vec<String>,
    pub judges: Vec<String>,
    pub categories: Vec<String>,
}

impl Names {
    pub fn of(results: Option<&ResultsAudit>) -> Names {
        let Some(results) = results else { return Names::default() };
        let category = |row: &super::TableRow| Some(row.group.strip_prefix("category: ")?.to_owned());
        Names {
            arms: results.arms.clone(),
            judges: results.judges.clone(),
            categories: results.table.iter().filter_map(category).collect(),
        }
    }
}

/// What was read from a write-up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WriteUp {
    pub claims: Vec<Claim>,
    /// Numbers that are next to no word that names a statistic.
    pub unread: usize,
}

/// Reads sentences and Markdown tables.
pub fn read(text: &str, names: &Names) -> WriteUp {
    let mut found = WriteUp::default();
    let tables = mentions::tables(text);
    tables.iter().for_each(|table| found.claims.extend(of_table(table, names)));
    let prose: String = mentions::without(text, &tables).map(|line| format!("{line}\n")).collect();
    let sentences = SENTENCE_END.split(&prose).filter(|sentence| !sentence.trim().is_empty());
    for sentence in sentences {
        let (claims, unread) = of_sentence(&sentence.replace(['*', '`'], ""), names);
        found.claims.extend(claims);
        found.unread += unread;
    }
    found
}

/// Claims of a table, as of a Markdown or CSV file.
pub fn of_table(table: &Table, names: &Names) -> Vec<Claim> {
    let header: Vec<String> = table.header.iter().map(|name| name.trim().to_lowercase()).collect();
    let at = |name: &str| header.iter().position(|known| known == name);
    let mut claims = Vec::new();
    for row in &table.rows {
        let cell = |column: usize| row.get(column).map_or("", |cell| cell.trim());
        let mut blank = Claim { text: row.join(" | "), ..Claim::default() };
        if let (Some(statistic), Some(value)) = (at("statistic"), at("value")) {
            blank.statistic =
                statistic_of(cell(statistic)).map_or_else(|| cell(statistic).to_owned(), str::to_owned);
            let field =
                |name: &str| at(name).map(|column| cell(column).to_owned()).filter(|cell| !cell.is_empty());
            (blank.arm, blank.judge) = (field("arm"), field("judge"));
            (blank.other_judge, blank.category) = (field("other-judge"), field("category"));
            claims.extend(valued(&blank, cell(value)));
            continue;
        }
        let statistics: Vec<(usize, &str)> =
            header.iter().enumerate().filter_map(|(i, name)| Some((i, statistic_of(name)?))).collect();
        let is_statistic = |column: &usize| statistics.iter().any(|(i, _)| i == column);
        for column in (0..header.len()).filter(|column| !is_statistic(column)) {
            place(&mut blank, &header[column], cell(column), names);
        }
        for (column, statistic) in statistics {
            claims.extend(valued(&Claim { statistic: statistic.to_owned(), ..blank.clone() }, cell(column)));
        }
    }
    claims
}

/// Puts a cell that names something to its field; names that the files do not have count as a category, which then
/// cannot be checked.
fn place(claim: &mut Claim, header: &str, cell: &str, names: &Names) {
    let is_named = |known: &[String]| known.iter().any(|name| name.eq_ignore_ascii_case(cell));
    let own = |known: &[String]| known.iter().find(|name| name.eq_ignore_ascii_case(cell)).cloned();
    match cell.to_lowercase().as_str() {
        "" | "all" | "overall" | "total" | "mean" | "average" => {}
        _ if is_named(&names.arms) => claim.arm = own(&names.arms),
        _ if header == "judge" || is_named(&names.judges) => {
            claim.judge = own(&names.judges).or(Some(cell.to_owned()));
        }
        _ if is_named(&names.categories) => claim.category = own(&names.categories),
        _ => claim.category = Some(cell.to_owned()),
    }
}

/// The claim with the number of a cell; `None` where the cell holds none. What stands behind it (an interval) is left.
fn valued(claim: &Claim, cell: &str) -> Option<Claim> {
    static FIRST: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^[^\d\w]*(\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?|\.\d+)(.*)$").expect("a valid pattern")
    });
    let Some(number) = FIRST.captures(cell).filter(|_| !is_day(cell)) else {
        let is_name =
            matches!(claim.statistic.as_str(), "judge" | "first-day" | "last-day") && !cell.is_empty();
        return is_name.then(|| Claim { value: Value::Text(cell.to_owned()), ..claim.clone() });
    };
    Some(with_number(claim.clone(), &number[1], number[2].trim_start().starts_with('%')))
}

fn is_day(cell: &str) -> bool {
    super::row::day(cell).is_some() && cell.contains('-')
}

/// Statistics in percent.
const RATES: [&str; 4] = ["win-rate", "decisive-win-rate", "tie-rate", "agreement"];

/// A rate may be written as percent or as a share; a share below 1 is taken for one.
fn with_number(mut claim: Claim, written: &str, is_percent: bool) -> Claim {
    let written = if written.starts_with('.') { format!("0{written}") } else { written.to_owned() };
    let (value, half_unit) = mentions::read(&written).unwrap_or((0.0, 0.5));
    let is_share =
        RATES.contains(&claim.statistic.as_str()) && !is_percent && written.contains('.') && value <= 1.0;
    let factor = if is_share { 100.0 } else { 1.0 };
    claim.value = Value::Number(factor * value);
    claim.tolerance = Some(factor * half_unit);
    claim
}

/// Names of statistics as people write them.
fn statistic_of(name: &str) -> Option<&'static str> {
    const NAMES: [(&str, &[&str]); 20] = [
        ("decisive-win-rate", &["decisive win rate", "win rate without ties", "decisive-win-rate"]),
        ("win-rate", &["win rate", "winrate", "win-rate", "win %", "win", "score"]),
        ("wins", &["wins", "won", "w"]),
        ("losses", &["losses", "lost", "l"]),
        ("tie-rate", &["tie rate", "tie-rate", "tie %"]),
        ("ties", &["ties", "draws", "t", "tied"]),
        ("missing", &["missing", "unparsed", "errors"]),
        ("rows", &["rows", "n", "comparisons", "judgments", "judgements", "votes", "battles"]),
        ("prompts", &["prompts", "questions", "instructions", "distinct prompts"]),
        ("judges", &["judges"]),
        ("agreement", &["agreement", "raw agreement"]),
        ("kappa", &["kappa", "cohen's kappa"]),
        ("first-day", &["first-day", "first day", "from"]),
        ("last-day", &["last-day", "last day", "until"]),
        ("rank", &["rank", "lora rank", "r"]),
        ("alpha", &["alpha", "lora alpha", "lora_alpha"]),
        ("epochs", &["epochs"]),
        ("steps", &["steps", "training steps"]),
        ("learning-rate", &["learning rate", "learning-rate", "learning_rate", "lr"]),
        ("eval-loss", &["eval loss", "validation loss", "eval-loss", "eval_loss"]),
    ];
    let name = name.replace(['(', ')'], "").replace("%", " %").to_lowercase();
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let is = |known: &&str| name == **known || name.strip_suffix(" %").is_some_and(|bare| *bare == **known);
    NAMES.iter().find(|(_, written)| written.iter().any(is)).map(|(statistic, _)| *statistic)
}

static SENTENCE_END: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[.!?;]\s+|\n\s*\n|\n\s*[-*#>]\s*|\n").expect("a valid pattern"));

/// One way in which a sentence names a statistic; the first group is the number.
struct Phrase {
    statistic: &'static str,
    pattern: Regex,
}

const NUMBER: &str = r"(\d[\d,]*(?:\.\d+)?|\.\d+)";

static PHRASES: LazyLock<Vec<Phrase>> = LazyLock::new(|| {
    [
        ("kappa", r"\bkappa\s*(?:of|is|was|=|:)?\s*N"),
        ("agreement", r"N\s*%\s*(?:raw )?agreement|\bagree(?:s|d|ment)?\b[^\d%]{0,40}N\s*%"),
        ("tie-rate", r"N\s*%\s*(?:are |were )?(?:ties|tied|draws)"),
        ("judges", r"N\s*judges\b"),
        ("wins", r"N\s*(?:out )?of\s*(?:the |all )?\d|\bN\s*(?:wins|won)\b|\bwins?:?\s*N\b"),
        ("losses", r"N\s*(?:losses|lost)\b"),
        ("ties", r"N\s*(?:ties|draws)\b"),
        ("missing", r"N\s*(?:missing|unparsed|invalid|unusable)\b"),
        ("prompts", r"N\s*(?:distinct |different |unique |held-out )?(?:prompts|questions|instructions)\b"),
        ("rows", r"N\s*(?:comparisons|judge?ments|votes|battles|rows|decisions)\b|\bn\s*=\s*N"),
    ]
    .into_iter()
    .map(|(statistic, pattern)| Phrase {
        statistic,
        pattern: Regex::new(&format!("(?i){}", pattern.replace('N', NUMBER))).expect("a valid pattern"),
    })
    .collect()
});
static PERCENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!(
        r"(?i){NUMBER}\s*(?:%|percent\b)(\s*(?:CI|confidence|interval|credible|level|power))?"
    ))
    .expect("a valid pattern")
});
static WIN_WORD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:win rate|winrate|wins?|won|winning|prefer\w*|beats?|better)\b")
        .expect("a valid pattern")
});
static DECISIVE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)decisive|(?:without|excluding|ignoring|dropping) ties|ties (?:are )?(?:left out|dropped|excluded)").expect("a valid pattern")
});
static JUDGED_BY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\bjudged? (?:by|was|is|model)\s*:?\s*([\w][\w./:@-]*[\w])").expect("a valid pattern")
});
static ANY_NUMBER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\d[\d,]*(?:\.\d+)?|\.\d+").expect("a valid pattern"));

/// The claims of a sentence, and how many of its numbers were not read.
fn of_sentence(sentence: &str, names: &Names) -> (Vec<Claim>, usize) {
    let about = subject(sentence, names);
    let mut taken: Vec<usize> = Vec::new();
    let mut claims = Vec::new();
    for phrase in PHRASES.iter() {
        for found in phrase.pattern.captures_iter(sentence) {
            let Some(number) = first_group(&found) else { continue };
            let is_percent = sentence[number.end()..].trim_start().starts_with('%');
            let is_other = is_percent && !RATES.contains(&phrase.statistic);
            if is_other || taken.contains(&number.start()) || is_in_name(sentence, &number, names) {
                continue;
            }
            taken.push(number.start());
            let claim = Claim { statistic: phrase.statistic.to_owned(), ..about.clone() };
            claims.push(with_number(claim, number.as_str(), is_percent));
        }
    }
    let statistic = if DECISIVE.is_match(sentence) { "decisive-win-rate" } else { "win-rate" };
    for found in PERCENT.captures_iter(sentence) {
        let Some(number) = found.get(1) else { continue };
        let is_read = taken.contains(&number.start());
        taken.push(number.start());
        if !is_read && found.get(2).is_none() && WIN_WORD.is_match(sentence) {
            let claim = Claim { statistic: statistic.to_owned(), ..about.clone() };
            claims.push(with_number(claim, number.as_str(), true));
        } else if !is_read && found.get(2).is_none() {
            taken.pop();
        }
    }
    if let Some(found) = JUDGED_BY.captures(sentence) {
        let claim = Claim { text: about.text.clone(), statistic: "judge".to_owned(), ..Claim::default() };
        claims.push(Claim { value: Value::Text(found[1].to_owned()), ..claim });
    }
    for mention in mentions::mentions(sentence).0 {
        let statistic = match mention.kind {
            "train-loss" | "loss" => "final-loss",
            kind => kind,
        };
        let claim = Claim { text: about.text.clone(), statistic: statistic.to_owned(), ..Claim::default() };
        claims.push(Claim {
            tolerance: Some(mention.half_unit),
            value: Value::Number(mention.value),
            ..claim
        });
        taken.extend(sentence.find(&mention.said).into_iter().flat_map(|at| at..at + mention.said.len()));
    }
    let is_unread =
        |number: &regex::Match| !taken.contains(&number.start()) && !is_in_name(sentence, number, names);
    (claims, ANY_NUMBER.find_iter(sentence).filter(is_unread).count())
}

fn first_group<'s>(found: &Captures<'s>) -> Option<regex::Match<'s>> {
    found.iter().skip(1).flatten().next()
}

/// Whether the number is a part of a word or of a name (`gpt-4`, `step-100`).
fn is_in_name(sentence: &str, number: &regex::Match, names: &Names) -> bool {
    let before = sentence[..number.start()].chars().next_back();
    let inside = |name: &String| {
        let spans = sentence.match_indices(name.as_str());
        spans.into_iter().any(|(at, name)| at <= number.start() && number.end() <= at + name.len())
    };
    before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
        || names.arms.iter().chain(&names.judges).chain(&names.categories).any(inside)
}

/// The arm, judge and category that a sentence names: the arm that stands first, the only judge and the only category.
fn subject(sentence: &str, names: &Names) -> Claim {
    let mut arms: Vec<(usize, &String)> =
        names.arms.iter().filter_map(|name| Some((word_at(sentence, name)?, name))).collect();
    arms.sort();
    let only = |known: &[String]| {
        let named: Vec<&String> = known.iter().filter(|name| word_at(sentence, name).is_some()).collect();
        if let [one] = named.as_slice() { Some((*one).clone()) } else { None }
    };
    let judged_by = JUDGED_BY.captures(sentence).map(|found| found[1].to_owned());
    Claim {
        text: sentence.trim().to_owned(),
        arm: arms.first().map(|(_, name)| (*name).clone()),
        judge: only(&names.judges)
            .filter(|judge| names.judges.len() > 1 && judged_by.as_ref() != Some(judge)),
        category: only(&names.categories),
        ..Claim::default()
    }
}

/// Where `name` stands as a word of its own.
fn word_at(sentence: &str, name: &str) -> Option<usize> {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    let (lower, name) = (sentence.to_lowercase(), name.to_lowercase());
    lower.match_indices(&name).map(|(at, _)| at).find(|at| {
        !is_word(lower[..*at].chars().next_back()) && !is_word(lower[at + name.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            arms: vec!["base".to_owned(), "tuned".to_owned()],
            judges: vec!["judge-4".to_owned(), "judge-south".to_owned()],
            categories: vec!["letters".to_owned(), "essays".to_owned()],
        }
    }

    /// `statistic value +- tolerance (arm judge category)`
    fn shown(claim: &Claim) -> String {
        let fields: Vec<&str> =
            [&claim.arm, &claim.judge, &claim.category].into_iter().flatten().map(String::as_str).collect();
        format!("{} {} {} {}", claim.statistic, claim.value, claim.tolerance.unwrap_or(0.0), fields.join(" "))
            .trim()
            .to_owned()
    }

    #[test]
    fn sentences_are_read_number_by_number() {
        let rows: [(&str, &[&str], usize); 9] = [
            ("Tuned wins 77 % of 57 comparisons.", &["rows 57 0.5 tuned", "win-rate 77 0.5 tuned"], 0),
            (
                "The **tuned** model: 40 wins, 5 ties and 12 losses.",
                &["wins 40 0.5 tuned", "losses 12 0.5 tuned", "ties 5 0.5 tuned"],
                0,
            ),
            ("It won 28 of 30 prompts", &["wins 28 0.5", "prompts 30 0.5"], 0),
            ("Its win rate is 60.0 % (95 % CI) on letters.", &["win-rate 60 0.05 letters"], 0),
            ("Without ties it wins 81.5%.", &["decisive-win-rate 81.5 0.05"], 0),
            ("The judges agree in 83 % of cases, kappa = .61", &["kappa 0.61 0.005", "agreement 83 0.5"], 0),
            (
                "judge-4 prefers base in 12 % of 1,200 votes",
                &["rows 1200 0.5 base judge-4", "win-rate 12 0.5 base judge-4"],
                0,
            ),
            ("Judged by judge-4 in 2026.", &["judge judge-4 0"], 1),
            ("rank 16, learning rate 2e-4", &["rank 16 0.5", "learning-rate 0.0002 0.00005"], 0),
        ];
        for (text, expected, unread) in rows {
            let found = read(text, &names());
            let claims: Vec<String> = found.claims.iter().map(shown).collect();
            assert_eq!(claims, expected, "{text}");
            assert_eq!(found.unread, unread, "{text}");
        }
    }

    #[test]
    fn a_table_gives_a_claim_a_cell() {
        let text =
            "| Judge | Win rate | Wins |\n|---|---|---|\n| judge-4 | 62.5 % | 25 |\n| all | .60 | 48 |\n";
        let claims: Vec<String> = read(text, &names()).claims.iter().map(shown).collect();
        assert_eq!(
            claims,
            ["win-rate 62.5 0.05 judge-4", "wins 25 0.5 judge-4", "win-rate 60 0.5", "wins 48 0.5"]
        );
        let rows = "| statistic | value | category |\n|--|--|--|\n| win rate | 55 | essays |\n| judge | judge-south | |\n";
        let claims: Vec<String> = read(rows, &names()).claims.iter().map(shown).collect();
        assert_eq!(claims, ["win-rate 55 0.5 essays", "judge judge-south 0"]);
    }
}
