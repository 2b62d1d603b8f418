//! The chat history of Aider: prompts are headings of level four, lines of the program are quoted, the rest is the answer.

/// How each session begins.
const STARTED: &str = "# aider chat started at ";
/// Commands behind which a prompt stands.
const ASKING: [&str; 3] = ["/ask ", "/code ", "/architect "];

#[derive(PartialEq, Clone, Copy)]
enum Side {
    Nobody,
    User,
    Assistant,
}

/// The history as a transcript with headings for speakers, a heading of its own for each session; `None` if `text` is
/// something else.
pub(super) fn transcript(text: &str) -> Option<String> {
    parted(text).map(|(transcript, _)| transcript)
}

/// Number of the program's own lines in the history: commands without a prompt, and what it says of itself.
pub(super) fn program_lines(text: &str) -> usize {
    parted(text).map_or(0, |(_, dropped)| dropped)
}

fn parted(text: &str) -> Option<(String, usize)> {
    if !text.trim_start().starts_with(STARTED) {
        return None;
    }
    let mut out = String::new();
    let mut side = Side::Nobody;
    let mut in_code = false;
    let mut dropped = 0;
    for line in text.lines() {
        if let Some(time) = line.strip_prefix(STARTED) {
            out += &format!("\n# {}\n", time.trim());
            (side, in_code) = (Side::Nobody, false);
            continue;
        }
        // The program ends its lines with a hard break; a quotation in an answer has none.
        let is_of_program = line.starts_with('>') && (line.ends_with("  ") || line.trim() == ">");
        let prompt = line.strip_prefix("#### ").filter(|_| !in_code || line.ends_with("  ")).map(str::trim);
        let (speaks, words) = match prompt {
            Some(command) if command.starts_with('/') => {
                match ASKING.iter().find_map(|asking| command.strip_prefix(asking)) {
                    Some(words) => (Side::User, words),
                    None => {
                        side = Side::Nobody;
                        dropped += 1;
                        continue;
                    }
                }
            }
            Some(words) => (Side::User, words),
            None if is_of_program && !in_code => {
                dropped += usize::from(line.trim() != ">");
                continue;
            }
            None if line.trim().is_empty() => (side, line),
            // What stands before the first prompt of a session is no answer.
            None if side == Side::Nobody => {
                dropped += 1;
                continue;
            }
            None => (Side::Assistant, line),
        };
        if speaks != side {
            in_code = false;
            out += if speaks == Side::User { "\n## User\n\n" } else { "\n## Assistant\n\n" };
            side = speaks;
        }
        in_code ^= speaks == Side::Assistant && words.trim_start().starts_with("```");
        out += words;
        out.push('\n');
    }
    Some((out, dropped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_and_answers_lose_the_lines_of_the_program() {
        let history = "\n# aider chat started at 2026-02-03 11:20:00\n\n> Aider v1  \n> Model: x  \n\n#### /add reeds.py  \n> Added  \n\n\
            #### Who cuts the reeds,  \n#### and when?  \n\nThe widow:\n\n> in March\n\n```py\n#### no prompt\n```\n\n> Tokens: 3  \n\n\
            #### /ask Why then?  \n\nFrost.\n\n# aider chat started at 2026-02-04 11:20:00\n\n#### Again?  \n\nYes.\n";
        let expected = "\n# 2026-02-03 11:20:00\n\n## User\n\nWho cuts the reeds,\nand when?\n\n\n## Assistant\n\nThe widow:\n\n\
            > in March\n\n```py\n#### no prompt\n```\n\n\n\n## User\n\nWhy then?\n\n\n## Assistant\n\nFrost.\n\n\n# 2026-02-04 11:20:00\n\n## User\n\nAgain?\n\n\n## Assistant\n\nYes.\n";
        let squeezed =
            |text: &str| text.split("\n").filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
        assert_eq!(transcript(history).map(|text| squeezed(&text)), Some(squeezed(expected)));
        assert_eq!(program_lines(history), 5, "two lines of its start, a command with its answer, a count");
        assert_eq!(transcript("#### Title\n\n> quoted\n"), None);
    }
}
