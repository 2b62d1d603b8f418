//! Which command was meant by a word that is none.

use affinage_project::nearest::{nearest, plain};

/// Words for what a command does, with the command lines that do it. [`plain`] words.
const ALIASES: [(&[&str], &[&str]); 26] = [
    (&["finetune", "fine-tune", "tune", "sft", "lora", "learn", "fit"], &["train"]),
    (&["resume", "continue"], &["train --resume"]),
    (&["ui", "web", "gui", "app", "browser", "dashboard"], &["studio"]),
    (&["desk", "edit", "label", "annotate", "curate", "cards"], &["review"]),
    (&["test", "evaluate", "evals", "evaluation", "score"], &["eval"]),
    (&["compare", "diff"], &["chat --compare base,last", "eval"]),
    (&["talk", "ask", "prompt", "repl", "try"], &["chat"]),
    (&["sample", "infer", "inference", "complete", "answer", "predict"], &["chat", "generate"]),
    (&["server", "api", "host", "endpoint"], &["serve"]),
    (&["new", "create", "start", "setup", "project"], &["init"]),
    (&["add", "load", "ingest", "data", "read"], &["import FILE"]),
    (&["search", "find", "grep"], &["import --find WORDS"]),
    (&["forget", "delete", "remove", "rm"], &["import --forget SOURCE"]),
    (&["freeze", "split", "versions", "datasets"], &["dataset"]),
    (&["check", "clean", "validate"], &["lint"]),
    (
        &["export-gguf", "gguf", "convert", "quantize", "quantise", "llama-cpp"],
        &["export --adapter last --format gguf --out DIR"],
    ),
    (&["ollama", "export-ollama", "modelfile"], &["export --adapter last --format ollama --out DIR"]),
    (&["reproduce", "prove", "proof", "receipt", "attest"], &["verify"]),
    (&["merge", "merged", "safetensors"], &["export --adapter last --format merged --out DIR"]),
    (&["publish", "push", "upload", "share"], &["export --adapter last --bundle --out DIR"]),
    (&["rate", "rank", "grade", "preference"], &["vote", "judge"]),
    (&["stats", "statistics", "results", "html"], &["report", "analyze"]),
    (&["status", "info", "config", "env"], &["doctor"]),
    (
        &["tokens", "tokenize", "logits", "show"],
        &["inspect tokens --text TEXT", "inspect logits --text TEXT"],
    ),
    (&["pipeline", "all", "auto"], &["run"]),
    (&["sweep", "grid", "scaling", "ablation"], &["dose"]),
];

/// What to try instead of the unknown command `typed`: command lines without `affinage`, the likeliest first.
///
/// `known` are the commands. Empty if nothing is close.
pub fn meant<'a>(typed: &str, known: &[&'a str]) -> Vec<&'a str> {
    let typed = plain(typed);
    let lines_of =
        |word: &str| ALIASES.iter().find(|(words, _)| words.contains(&word)).map(|(_, lines)| lines.to_vec());
    if let Some(lines) = lines_of(&typed) {
        return lines;
    }
    let words = ALIASES.iter().flat_map(|(words, _)| words.iter().copied());
    let words: Vec<&str> = known.iter().copied().chain(words).collect();
    nearest(&typed, &words).map(|near| lines_of(near).unwrap_or_else(|| vec![near])).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::super::Cli;
    use super::*;

    #[test]
    fn a_word_for_a_command_or_a_slip_of_the_hand_means_it() {
        let known =
            Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect::<Vec<_>>();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        for (typed, lines) in [
            ("finetune", &["train"][..]),
            ("fine_tune", &["train"]),
            ("fintune", &["train"]),
            ("trian", &["train"]),
            ("traIn", &["train"]),
            ("ui", &["studio"]),
            ("compare", &["chat --compare base,last", "eval"]),
            ("export-gguf", &["export --adapter last --format gguf --out DIR"]),
            ("analyse", &["analyze"]),
            ("frobnicate", &[]),
        ] {
            assert_eq!(meant(typed, &known), lines, "{typed}");
        }
    }

    #[test]
    fn every_word_is_plain_no_command_and_leads_to_lines_that_are_read() {
        let mut seen = std::collections::BTreeSet::new();
        for (words, lines) in ALIASES {
            for word in words {
                assert_eq!(plain(word), *word);
                assert!(seen.insert(*word), "`{word}` stands twice");
                assert!(Cli::command().find_subcommand(word).is_none(), "`{word}` is a command");
            }
            for line in lines {
                let arguments = std::iter::once("affinage").chain(line.split(' '));
                Cli::command()
                    .try_get_matches_from(arguments)
                    .unwrap_or_else(|error| panic!("{line}: {error}"));
            }
        }
    }
}
