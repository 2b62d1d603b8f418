//! Lines that an exporter writes into the turns of a transcript: when something was said, and who made the file.

use std::sync::LazyLock;

use regex::Regex;

use super::{dress, stamp};

/// Empties the lines of the exporter at the end of turns; how many there were. The lines of each turn stand without
/// its label, the last turn is the last of the file.
pub(super) fn take_out(turns: &mut [&mut Vec<&str>]) -> usize {
    let ends: Vec<Option<(usize, bool)>> = turns.iter().map(|lines| stamp_at_end(lines)).collect();
    // A bare date at the end may be a word of its turn; where every second turn ends in one it is not.
    let bare = ends.iter().flatten().filter(|(_, is_marked)| !is_marked).count();
    let recurs = bare > 1 && 2 * bare >= turns.len();
    let mut count = 0;
    for (lines, end) in turns.iter_mut().zip(&ends) {
        count += statistics(lines) + reactions(lines);
        if let Some((line, _)) = end.filter(|(_, is_marked)| *is_marked || recurs) {
            lines[line] = "";
            count += 1;
        }
    }
    let Some(last) = turns.last_mut() else { return count };
    while let Some(line) = footer(last) {
        last[line] = "";
        count += 1;
    }
    count
}

/// A number of tokens, as programs write them below an answer: `12 input, 9 output tokens`, `*Tokens: 120 · 3.2 s*`.
static TOKENS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^[^\p{L}\d]*(?:(?:token usage|tokens?|usage|input|output|prompt|completion|total|cost|time|speed|duration|latency)\b[\w /]{0,20}[:=]|[\d.,]+\s*(?:input|output|prompt|completion|total)?\s*(?:tokens?|tok/s|t/s)\b|[\d.,]+ input, [\d.,]+ output)")
        .expect("the pattern is part of the program")
});

/// Empties the last paragraph of a turn, if it is one line of numbers of tokens; how many lines went.
fn statistics(lines: &mut [&str]) -> usize {
    /// Longer lines are text.
    const MAX_CHARS: usize = 120;
    let mut filled = (0..lines.len()).rev().filter(|&line| has_words(lines[line]));
    let (Some(last), Some(before)) = (filled.next(), filled.next()) else { return 0 };
    let line = dress::untagged(lines[last].trim());
    let is_set_apart = lines[before + 1..last].iter().any(|line| line.trim().is_empty() || is_rule(line))
        || lines[before].starts_with('#');
    let lower = line.to_lowercase();
    let counts =
        lower.contains("tok") || TOKENS.find(line).is_some_and(|found| found.as_str().contains(" input, "));
    let ends_sentence = line.ends_with(['.', '!', '?']);
    if !is_set_apart
        || !counts
        || ends_sentence
        || line.chars().count() > MAX_CHARS
        || !line.contains(|c: char| c.is_ascii_digit())
        || !TOKENS.is_match(line)
    {
        return 0;
    }
    lines[last] = "";
    1
}

/// Empties the line of reactions that ends a turn: `(- Mara: 👍, Tove: ❤️ -)`; how many lines went.
fn reactions(lines: &mut [&str]) -> usize {
    let is_reactions = |line: &str| {
        let inside = line.trim().strip_prefix("(- ").and_then(|rest| rest.strip_suffix(" -)"));
        inside.is_some_and(|inside| inside.contains(": "))
    };
    match (0..lines.len()).rev().find(|&line| !lines[line].trim().is_empty()) {
        Some(last) if is_reactions(lines[last]) => {
            lines[last] = "";
            1
        }
        _ => 0,
    }
}

/// What a program says at the end of a turn of what it sent to the model along with it: `[Context: Notes: Walls/Cob.md]`.
static GIVEN: LazyLock<Regex> = LazyLock::new(|| {
    let name = r"(?:context|attach(?:ed|ments?)(?: (?:files?|notes?))?|included (?:files?|notes?)|referenced (?:files?|notes?))";
    Regex::new(&format!(
        r"(?i)^[*_>\s]*(?:\[\W*{name}:\s*([^\[\]]*(?:\[\[[^\]]*\]\][^\[\]]*)*)\]|<{name}: ([^<>]*)>)[*_\s]*$"
    ))
    .expect("the pattern is part of the program")
});

/// Empties such lines at the end of a turn, before its time; what they name.
pub(super) fn take_given<'a>(lines: &mut [&'a str]) -> Vec<&'a str> {
    let mut given = Vec::new();
    for line in lines.iter_mut().rev() {
        let text: &'a str = line;
        if text.trim().is_empty() || stamp::is_marked(text.trim_start_matches('>')) {
            continue;
        }
        let Some(found) = GIVEN.captures(text) else { break };
        let names = found.get(1).or(found.get(2)).map_or("", |names| names.as_str().trim());
        given.push(if names.is_empty() { "context" } else { names });
        *line = "";
    }
    given.reverse();
    given
}

/// A fact that a program writes below the title of a conversation: `Model: **x**`, `*Created: 3.2.2026*`.
pub(super) fn is_fact(line: &str) -> bool {
    static FACT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)^\W*(?:model|date|datetime|created|updated|conversation(?: id)?|chat id|tokens|temperature)\b[^\w:]{0,6}:")
            .expect("the pattern is part of the program")
    });
    line.chars().count() <= 200 && FACT.is_match(line)
}

/// Index of the last line with words, if there are others before it and it is a stamp; and if the exporter set it apart.
fn stamp_at_end(lines: &[&str]) -> Option<(usize, bool)> {
    let mut filled = (0..lines.len()).rev().filter(|&line| has_words(lines[line]));
    let (last, _) = (filled.next()?, filled.next()?);
    let line = lines[last].trim_start_matches('>');
    match stamp::is_marked(line) {
        true => Some((last, true)),
        false => stamp::is_only(line).then_some((last, false)),
    }
}

fn has_words(line: &str) -> bool {
    line.chars().any(char::is_alphanumeric)
}

/// How the line of an exporter begins, in many languages.
static BEGINS: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?i)^(?:(?:this|the) )?(?:(?:chat|conversation|dialog(?:ue)?|transcript|file|document|page|note)s? )?(?:was |were )?",
        r"(?:export|powered|generated|created|transcribed|saved|made|converted|downloaded|captured|printed|archived)\w* ",
        r"(?:by|with|from|via|using|on|at|in)\b",
        r"|^(?i:exportiert|erstellt|generiert|gespeichert|exporté|généré|créé|enregistré|exportado|generado|creado|gerado|criado",
        r"|esportato|generato|creato|geëxporteerd|gemaakt|wyeksportowan\w+|wygenerowan\w+|экспортирован\w+|создано|dışa aktarıl\w+)\b",
        r"|^(?:本文|本对话|此对话|对话)?由.{1,40}(?:导出|生成|创建)|^(?:导出|生成|匯出|エクスポート|내보)",
    );
    Regex::new(pattern).expect("the pattern is part of the program")
});
/// How many messages were written: `Exported 10 message(s)`.
static COUNTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:exported|total)\W{1,3}\d+ message(?:s|\(s\))?\.?$")
        .expect("the pattern is part of the program")
});
static LINK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"https?://|\bwww\.|\]\(").expect("the pattern is part of the program"));
static ONLY_LINK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:<?(?:https?://|www\.)\S+>?|\[[^\]]*\]\(\S+\))$")
        .expect("the pattern is part of the program")
});

/// Index of the last line of the last turn, if it is a paragraph in which an exporter names itself: behind a rule, or with
/// a link or a time. Behind a rule a link alone is one, too.
fn footer(lines: &[&str]) -> Option<usize> {
    /// Longer lines are text.
    const MAX_CHARS: usize = 200;
    let last = (0..lines.len()).rev().find(|&line| has_words(lines[line]))?;
    let before = &lines[..last];
    let words_before = before.iter().rposition(|line| has_words(line))?;
    let between = &before[words_before + 1..];
    let after_rule = between.iter().any(|line| is_rule(line));
    let line = lines[last].trim().trim_matches(['*', '_', '>', ' ', '~']).trim();
    if between.is_empty() || line.chars().count() > MAX_CHARS {
        return None;
    }
    let names_exporter = BEGINS.is_match(line) || after_rule && COUNTS.is_match(line);
    let has_proof = after_rule || LINK.is_match(line);
    ((names_exporter && has_proof) || (after_rule && ONLY_LINK.is_match(line))).then_some(last)
}

fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 3 && ["-", "*", "_", "="].iter().any(|sign| line.replace(sign, "").trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_tokens_are_no_words_of_a_turn() {
        for numbers in [
            "12 input, 9 output",
            "*Tokens: 120 · 3.2 s*",
            "> 340 tokens (41 tok/s)",
            "Usage: 12 in / 40 out tokens",
            "<sub>Tokens: 210 | 3.2s</sub>",
        ] {
            let turn = format!("Oil.\n\n{numbers}");
            assert_eq!(
                left(&["What burns?", &turn]),
                (vec!["What burns?".to_owned(), "Oil.".to_owned()], 1),
                "{numbers}"
            );
        }
        for words in [
            "Oil.\n\nTime: 3 days",
            "Oil.\n\n120 tokens are enough for it.",
            "12 tokens",
            "Oil.\n\nCost: 12 marks",
        ] {
            assert_eq!(left(&["What burns?", words]).1, 0, "{words}");
        }
        assert!(
            is_fact("Model: **m** (resolved: **m-2**)")
                && is_fact("*Created:* 3.2.2026")
                && !is_fact("Models burn: oil")
        );
    }

    fn left(turns: &[&str]) -> (Vec<String>, usize) {
        let mut lines: Vec<Vec<&str>> = turns.iter().map(|turn| turn.lines().collect()).collect();
        let count = take_out(&mut lines.iter_mut().collect::<Vec<_>>());
        (lines.iter().map(|lines| lines.join("\n").trim().to_owned()).collect(), count)
    }

    #[test]
    fn times_behind_a_turn_are_no_words_of_it() {
        for stamp in [
            "[Sent: 2026/02/03 11:20:00]",
            "🕓 2026-02-03 11:20",
            "(11:20:31)",
            "<sub>03.02.2026, 11:20</sub>",
            "_Time: 11:20_",
        ] {
            let turn = format!("Lead keeps the lantern dry.\n\n{stamp}");
            assert_eq!(left(&[&turn]), (vec!["Lead keeps the lantern dry.".to_owned()], 1), "{stamp}");
        }
        let recurring = ["What burns?\n2026-02-03 11:20", "Oil.\n2026-02-03 11:21"];
        assert_eq!(left(&recurring), (vec!["What burns?".to_owned(), "Oil.".to_owned()], 2));
        for words in ["Yours, the keeper\n\n3 February 2026", "[11:20]", "Lit at:\n\nDate: 3 February 2026"] {
            assert_eq!(left(&["When?", words]), (vec!["When?".to_owned(), words.to_owned()], 0), "{words}");
        }
    }

    #[test]
    fn the_last_lines_of_an_exporter_are_no_words_of_the_last_turn() {
        for footer in [
            "---\n\n*Made with [Lamp Saver](https://lamp.test)*",
            "---\nExportiert mit Lampenheft am 3.2.2026",
            "This conversation was exported from Lamp on 3 February, see https://lamp.test",
            "***\n\n<https://lamp.test/c/1>",
            "======\nExported 12 message(s)\n======",
        ] {
            let (turns, count) = left(&["What burns?", &format!("Oil.\n\n{footer}")]);
            let words: String = turns[1].lines().filter(|line| !is_rule(line)).collect();
            assert_eq!((words.as_str(), count > 0), ("Oil.", true), "{footer}");
        }
        for words in [
            "Oil.\n\nCreated by hand, it burns for a week.",
            "Oil.\n\n---\n\nSource: [a book](https://lamp.test)",
            "Generated by wind, the power lights the lamp.",
            "Read more:\n\nhttps://lamp.test",
        ] {
            assert_eq!(left(&["What burns?", words]).1, 0, "{words}");
        }
        assert_eq!(
            left(&["Oil.\n\n---\n\nMade with Lamp", "Thanks."]).1,
            0,
            "only the last turn ends the file"
        );
    }
}
