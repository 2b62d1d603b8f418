//! Reading a foreign judge's text: the verdict it states, its scores, and whether it is a judgment at all.
//!
//! A verdict is a *value* in one of three places, looked for in this order: between marks (`[[B>A]]`, `\boxed{A}`,
//! `<winner>A</winner>`), behind a word that announces it (`Winner: a tie`), or as the whole text (`B`). Of several in
//! one kind of place the last counts. A value that can be read in two ways is none.

use std::sync::LazyLock;

use regex::Regex;

use super::row::Label;

/// What the judge's text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Said {
    Label(Label),
    Tie,
}

/// Why a text is no judgment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoJudgment {
    Error,
    Refusal,
}

static MARK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\[\[([^\[\]\n]{1,60})\]\]|\\boxed\{(?:\\text\{)?([^{}\n]{1,60})\}|<(?:winner|verdict|preference|choice)>([^<>]{1,60})</",
    )
    .expect("a valid pattern")
});
static ANNOUNCED: LazyLock<Regex> = LazyLock::new(|| {
    let named = "winner|verdict|preferred|preference|better|final (?:decision|choice|judge?ment|answer)";
    let noun = "(?: (?:response|answer|assistant|model|option|output))?";
    Regex::new(&format!(r#"(?i)\b(?:{named}){noun}["'*_\s]*(?:is)?\s*[:=]\s*"#)).expect("a valid pattern")
});
static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[\p{L}\p{N}]+|[<>=~\u{2248}\u{2264}\u{2265}\u{226A}\u{226B}]+|[&/|+]")
        .expect("a valid pattern")
});

/// The verdict that the text states; `None` when it states none. Never a substring of a sentence.
pub fn said(text: &str) -> Option<Said> {
    marked(text).or_else(|| announced(text)).or_else(|| alone(text))
}

fn marked(text: &str) -> Option<Said> {
    let inside = MARK.captures_iter(text).filter_map(|found| found.iter().skip(1).flatten().next());
    let read = |inside: regex::Match| match inside.as_str().trim() {
        // The third choice of MT-bench.
        "C" | "c" => Some(Said::Tie),
        inside => value(inside),
    };
    inside.filter_map(read).last()
}

fn announced(text: &str) -> Option<Said> {
    let clause = |found: regex::Match| text[found.end()..].lines().next().and_then(value);
    ANNOUNCED.find_iter(text).filter_map(clause).last()
}

/// A text that is nothing but a value.
fn alone(text: &str) -> Option<Said> {
    (TOKEN.find_iter(text).take(4).count() <= 3 && text.trim().chars().count() <= 40)
        .then(|| value(text))
        .flatten()
}

const TIES: [&str; 8] = ["tie", "tied", "draw", "equal", "equally", "both", "neither", "same"];
const NOUNS: [&str; 9] =
    ["response", "assistant", "answer", "model", "option", "output", "completion", "candidate", "system"];
const LEADING: [&str; 7] = ["the", "is", "it", "s", "this", "goes", "to"];
/// Words between two labels that make one of them the winner, or neither.
const EQUALS: [&str; 5] = ["ties", "tied", "equals", "equal", "matches"];
const LOSES: [&str; 3] = ["loses", "lost", "trails"];
const OPPOSED: [&str; 4] = ["but", "however", "although", "though"];
/// What may follow a bare `A`, which is an article before most other words.
const AFTER_LABEL: [&str; 27] = [
    "beats",
    "outperforms",
    "edges",
    "is",
    "was",
    "wins",
    "won",
    "has",
    "had",
    "over",
    "than",
    "because",
    "for",
    "by",
    "due",
    "since",
    "as",
    "with",
    "slightly",
    "clearly",
    "marginally",
    "narrowly",
    "strongly",
    "gives",
    "offers",
    "provides",
    "does",
];

/// One word or sign of a value, with what stands between it and the one before.
struct Token<'t> {
    text: &'t str,
    lower: String,
    gap: &'t str,
}

/// Reads the first sentence of `clause`: a label, a relation of both labels, or a tie.
fn value(clause: &str) -> Option<Said> {
    let sentence = clause.find(". ").map_or(clause, |end| &clause[..end]);
    let mut end = 0;
    let mut tokens: Vec<Token> = Vec::new();
    for found in TOKEN.find_iter(sentence).take(16) {
        let gap = &sentence[end..found.start()];
        end = found.end();
        tokens.push(Token { text: found.as_str(), lower: found.as_str().to_lowercase(), gap });
    }
    let start = tokens.iter().position(|token| !LEADING.contains(&token.lower.as_str()))?;
    let tokens = &tokens[start..];
    let is_tie = |token: &Token| TIES.contains(&token.lower.as_str());
    let is_opposed = || tokens.iter().any(|token| OPPOSED.contains(&token.lower.as_str()));
    let article =
        matches!(tokens[0].lower.as_str(), "a" | "an") && tokens.get(1).is_some_and(|t| t.gap == " ");
    if is_tie(&tokens[0]) || article && tokens[1..].iter().take(3).any(is_tie) {
        return (!is_opposed()).then_some(Said::Tie);
    }
    let (label, is_named, rest) = label(tokens)?;
    let Some(next) = rest.first() else { return Some(Said::Label(label)) };
    // The other label, right behind the next word or one word further (`A ties with B`).
    let other = (1..=2).find_map(|at| self::label(rest.get(at..)?)).map(|(label, ..)| label);
    match (next.lower.as_str(), other) {
        ("or" | "/" | "|" | "vs" | "versus", _) | ("a" | "b", _) => None,
        ("and" | "&" | "+", Some(other)) => (other != label && !is_opposed()).then_some(Said::Tie),
        (_, Some(other)) if other == label => None,
        (word, Some(_)) if EQUALS.contains(&word) => Some(Said::Tie),
        (word, Some(other)) if LOSES.contains(&word) => Some(Said::Label(other)),
        (sign, Some(other)) if !sign.chars().any(char::is_alphanumeric) => match () {
            () if sign.contains(['>', '\u{226B}']) && !sign.contains('<') => Some(Said::Label(label)),
            () if sign.contains(['<', '\u{226A}']) && !sign.contains('>') => Some(Said::Label(other)),
            () => sign.chars().all(|c| matches!(c, '=' | '~' | '\u{2248}')).then_some(Said::Tie),
        },
        (word, _) => {
            let is_plain = is_named
                || tokens[0].text.eq_ignore_ascii_case("b")
                || next.gap.contains(|c: char| !c.is_whitespace())
                || AFTER_LABEL.contains(&word)
                || tokens[0].text != "a" && next.text.starts_with(char::is_uppercase);
            is_plain.then_some(Said::Label(label))
        }
    }
}

/// The label at the head of `tokens`, whether a noun stands before it, and what follows.
fn label<'s, 't>(tokens: &'s [Token<'t>]) -> Option<(Label, bool, &'s [Token<'t>])> {
    let is_noun = |token: &Token| NOUNS.contains(&token.lower.as_str());
    let nouns = tokens.iter().take_while(|token| is_noun(token) || token.lower == "the").count();
    let label = match tokens.get(nouns)?.lower.as_str() {
        "a" | "1" => Label::A,
        "b" | "2" => Label::B,
        _ => return None,
    };
    Some((label, tokens[..nouns].iter().any(is_noun), &tokens[nouns + 1..]))
}

static TWO_NUMBERS: LazyLock<Regex> = LazyLock::new(|| {
    let number = r"(\d+(?:\.\d+)?)";
    Regex::new(&format!(
        r"(?i)\A\s*{number}[ ,]+{number}[ \t]*(?:\r?\n|\z)|(?m:^)\W*(?:output|scores?)\W{{1,4}}{number}\s*,\s*{number}\W*(?m:$)"
    ))
    .expect("a valid pattern")
});
static SCORE_LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?im)^\W*(?:score for )?(?:response|assistant|answer|model|output)\W*([ab12])\b(.*)$")
        .expect("a valid pattern")
});
static ONE_SCORE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\W{0,4}(\d+(?:\.\d+)?)(?:\s*/\s*\d+|\s+out of|\s*\(|\W*$)").expect("a valid pattern")
});
static SCORE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[A-Za-z][A-Za-z &]*:\W{0,3}(\d+(?:\.\d+)?)").expect("a valid pattern"));

/// What the text gives to A and to B: two numbers on its first line or after "Output:", or in a line for each label one
/// number, or the sum of its named scores. `None` unless both have as many.
pub fn label_scores(text: &str) -> Option<[f64; 2]> {
    let number = |found: Option<regex::Match>| found.and_then(|found| found.as_str().parse::<f64>().ok());
    if let Some(found) = TWO_NUMBERS.captures_iter(text).last() {
        return Some([number(found.get(1).or(found.get(3)))?, number(found.get(2).or(found.get(4)))?]);
    }
    let (mut sums, mut counts) = ([0.0; 2], [0usize; 2]);
    for line in SCORE_LINE.captures_iter(text) {
        let label = usize::from(matches!(&line[1], "b" | "B" | "2"));
        let mut add = |score: Option<f64>| {
            sums[label] += score.unwrap_or(0.0);
            counts[label] += 1;
        };
        match ONE_SCORE.captures(&line[2]) {
            Some(score) => add(number(score.get(1))),
            None => SCORE.captures_iter(&line[2]).for_each(|score| add(number(score.get(1)))),
        }
    }
    (counts[0] > 0 && counts[0] == counts[1]).then_some(sums)
}

static ERROR: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)^\W*(error\b|traceback|exception)|error code:|rate.?limit|resource_exhausted|quota exceeded|exceeded your current quota|\b(429|500|502|503|504|529)\b.{0,40}(error|too many|unavailable|overloaded)|overloaded_error|connection (error|reset|refused)|timed? ?out|invalid api key|internal server error",
    )
    .expect("a valid pattern")
});
static REFUSAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)^\W*(i('m| am) (sorry|unable|not able)|i (can't|cannot|can not|won't|will not)|sorry, (but )?i|my apologies, but|as an ai\b)",
    )
    .expect("a valid pattern")
});

/// Longer texts are taken for what they are: an essay may speak of errors.
const LONGEST_ERROR_CHARS: usize = 1500;

/// Whether the judge's text is an error or a refusal. A text with a verdict is a judgment.
pub fn no_judgment(text: &str) -> Option<NoJudgment> {
    if said(text).is_some() {
        return None;
    }
    no_answer(text)
}

/// Whether an answer is an error message or a refusal.
pub fn no_answer(text: &str) -> Option<NoJudgment> {
    let text = text.trim();
    if text.chars().count() > LONGEST_ERROR_CHARS {
        return None;
    }
    if ERROR.is_match(text) {
        Some(NoJudgment::Error)
    } else if REFUSAL.is_match(text) {
        Some(NoJudgment::Refusal)
    } else {
        None
    }
}

/// Whether an answer looks cut: at least forty words, and no end of a sentence, list item or code at its end.
pub fn looks_cut(text: &str) -> bool {
    let text = text.trim_end();
    let last_line = text.lines().last().unwrap_or_default().trim_start();
    let is_item = last_line.starts_with(['-', '*', '#', '|', '•'])
        || last_line.split_once(['.', ')']).is_some_and(|(number, _)| number.parse::<u32>().is_ok());
    let open = text.chars().last().is_some_and(|c| c.is_alphanumeric() || matches!(c, ',' | '-' | '–' | '—'));
    open && !is_item && !text.contains("```") && text.split_whitespace().count() >= 40
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_read_where_it_is_stated_and_nowhere_else() {
        let a = Some(Said::Label(Label::A));
        let b = Some(Said::Label(Label::B));
        for (text, expected) in [
            ("Winner: A\nReasoning: B has more potential.", a),
            ("**Winner:** Response B", b),
            ("**Winner**: B", b),
            ("{\"winner\": \"B\"}", b),
            ("After some thought my final verdict is: [[A]]", a),
            ("[[C]]", Some(Said::Tie)),
            ("Winner: Tie", Some(Said::Tie)),
            ("Winner: A. On reflection, Winner: B", b),
            ("Both answers show potential and creativity.", None),
            ("Winner: both are good", Some(Said::Tie)),
            ("Winner: Baseline", None),
            ("", None),
            ("[[A>>B]]", a),
            ("My pick: [[B>A]]", b),
            ("[[A<<B]]", b),
            ("[[A=B]]", Some(Said::Tie)),
            ("[[tie]]", Some(Said::Tie)),
            ("Verdict: both miss the point in places. I settle on [[B>A]]", b),
            ("[[B]]\nWinner: A would be fine as well", b),
            ("Winner: a tie", Some(Said::Tie)),
            ("Verdict: A draw", Some(Said::Tie)),
            ("Verdict: a very close tie.", Some(Said::Tie)),
            ("Verdict: A and B are equal", Some(Said::Tie)),
            ("Winner: Response A and Response B", Some(Said::Tie)),
            ("Winner: A = B", Some(Said::Tie)),
            ("Winner: A > B", a),
            ("Winner: A is better than B", a),
            ("Winner: A, because B rambles", a),
            ("Winner: **A**", a),
            ("Winner: model_b", b),
            ("Winner: A Reasoning: B has more potential.", a),
            ("Winner:\nAssistant 2", b),
            ("Winner: It's a tie", Some(Said::Tie)),
            ("Verdict: A ties with B", Some(Said::Tie)),
            ("Verdict: A equals B", Some(Said::Tie)),
            ("Verdict: A beats B", a),
            ("Verdict: B loses to A", a),
            ("[[A\u{2265}B]]", None),
            ("Winner: B vs A", None),
            ("Winner: A, B", None),
            ("Winner: not A", None),
            ("Winner: A or B", None),
            ("Winner: A/B/tie", None),
            ("Verdict: A close call", None),
            ("Verdict: a better one would be longer", None),
            ("Verdict: both are fine, but B is kinder", None),
            ("{\"reason\": \"A is fine\", \"winner\": \"tie\"}", Some(Said::Tie)),
            ("{\"winner\": 2, \"why\": \"clear\"}", b),
            ("so the answer is \\boxed{B}", b),
            ("<verdict>A</verdict>", a),
            ("B", b),
            ("Response A.", a),
            ("tie", Some(Said::Tie)),
            ("A man walks", None),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }

    #[test]
    fn scores_are_summed_by_label() {
        let text = "Response A - Creativity: 4, Coherence: 3\n**Response B** - Creativity: 2, Coherence: 5.5\nWinner: B";
        assert_eq!(label_scores(text), Some([7.0, 7.5]));
        assert_eq!(label_scores("Response A - Creativity: 4\nWinner: A"), None);
        for (text, scores) in [
            ("8 6.5\nAssistant 1 was fuller.", Some([8.0, 6.5])),
            ("First, I solve it.\nAssistant 1:\nx = 6.\n\nOutput: (1, 10)", Some([1.0, 10.0])),
            ("As follows:\n\nAssistant 1: 7/10\nAssistant 2: 6/10\n\nBoth are clear.", Some([7.0, 6.0])),
            ("Scores:\nAssistant 1: 2 (no steps)\nAssistant 2: 4 (steps)", Some([2.0, 4.0])),
            ("Assistant 1: 3 ideas were good.\nAssistant 2: 5 ideas were good.", None),
            ("12 34 were the first lines of the code", None),
        ] {
            assert_eq!(label_scores(text), scores, "{text}");
        }
    }

    #[test]
    fn an_error_is_no_judgment_and_an_essay_on_errors_is_none() {
        assert_eq!(no_judgment("ERROR: 429 RESOURCE_EXHAUSTED"), Some(NoJudgment::Error));
        assert_eq!(no_judgment("Error code: 529 - overloaded_error"), Some(NoJudgment::Error));
        assert_eq!(no_judgment("I'm sorry, but I can't compare these."), Some(NoJudgment::Refusal));
        assert_eq!(no_judgment("Answer A handles the rate limit well.\nWinner: A"), None);
        assert_eq!(no_judgment("A is warmer and B is drier."), None);
    }

    #[test]
    fn a_text_without_an_end_looks_cut_and_a_list_does_not() {
        let words = "the quiet sea is wide ".repeat(10);
        assert!(looks_cut(&format!("{words}and then the")));
        assert!(!looks_cut(&format!("{words}and then it ends.")));
        assert!(!looks_cut(&format!("{words}\n- salt\n- bread")));
        assert!(!looks_cut("Too short to say"));
    }
}
