//! Reading a foreign judge's text: the verdict it states, its scores, and whether it is a judgment at all.

use std::sync::LazyLock;

use regex::Regex;

use super::row::Label;

/// What the judge's text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

static VERDICT: LazyLock<Regex> = LazyLock::new(|| {
    let named = r#"(?:winner|verdict|preferred|better|final decision)["'*_\s]*(?:is)?\s*[:=]"#;
    let value = r#"["'*_\[(\s]*(?:(?:response|assistant|answer|model|option|output)\s*)?(a|b|1|2|tie|draw|equal|both|neither)\b"#;
    Regex::new(&format!(r"(?i){named}{value}|\[\[(a|b|c|1|2|tie)\]\]")).expect("a valid pattern")
});

/// The verdict that the text states last; `None` when it states none. Never a substring of a sentence.
pub fn said(text: &str) -> Option<Said> {
    let found = VERDICT.captures_iter(text).last()?;
    let word = found.get(1).or(found.get(2))?.as_str().to_ascii_lowercase();
    Some(match word.as_str() {
        "a" | "1" => Said::Label(Label::A),
        "b" | "2" => Said::Label(Label::B),
        _ => Said::Tie,
    })
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
