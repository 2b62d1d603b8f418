//! What programs write into the turns of a person: reminders, environments, instructions, results of tools.
//!
//! An agent sends all of that to its model in the user's role. Some of it stands before or behind the person's words,
//! some around them (`<user_query>`), and some turns hold nothing else.

use std::sync::LazyLock;

use regex::Regex;

use crate::conversation::{Block, BlockKind, Node};

/// Elements of which names are a program's, where a turn holds nothing but elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Those that are known to be.
    Known,
    /// Every name of two words (`<open_files>`): the record of a program, in which people seldom write elements.
    Any,
}

/// Words in the names of elements that a program writes into a person's turns: `<system-reminder>`,
/// `<environment_context>`.
const MACHINE: [&str; 19] = [
    "reminder",
    "caveat",
    "command",
    "stdout",
    "stderr",
    "bash_",
    "context",
    "instructions",
    "environment",
    "ide_",
    "notification",
    "additional_data",
    "aborted",
    "tool_result",
    "tool_response",
    "tool_output",
    "function_result",
    "git_status",
    "workspace_rules",
];
/// Elements around the person's own words, without case and separators.
const AROUND_WORDS: [&str; 9] = [
    "task",
    "feedback",
    "userquery",
    "usermessage",
    "userrequest",
    "userinput",
    "userprompt",
    "userfeedback",
    "userinstruction",
];

/// A result of a tool as a text: `[read_file for 'a.css'] Result:`, `EXECUTION RESULT of [run]:`.
static RESULT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"^(?:\[[a-z]+(?:_[a-z]+)+\b[\s\S]{0,400}?\] Result:|\[new_task completed\]|\[ERROR\][^\n]*\btool\b|\[TASK RESUMPTION\]",
        r"|<returncode>-?\d+</returncode>|EXECUTION RESULT of \[|OBSERVATION:\n|\[(?:Tool|TOOL)[ _](?:[Rr]esult|RESULT|[Oo]utput|OUTPUT)\b",
        r"|The user denied this operation\b)",
    ))
    .expect("a valid pattern")
});
/// The heading of a file of instructions that is sent with every task: `# AGENTS.md instructions for /x`.
static INSTRUCTIONS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^#+ [^\n]*\w\.md\b[^\n]*\s+<([A-Za-z_]+)>").expect("a valid pattern"));

/// Takes what a program wrote out of a turn of the person's. A turn that is nothing else is hidden, or the result of a
/// tool.
pub fn unburden(node: &mut Node, names: Names) {
    let mut is_burdened = false;
    let mut beside = Vec::new();
    for block in node.blocks.iter_mut().filter(|block| block.kind == BlockKind::Text) {
        let text = block.text.trim();
        if RESULT.is_match(text) {
            let words = said_within(text);
            is_burdened = true;
            match words.is_empty() {
                true => *block = Block::new(BlockKind::ToolResult, text),
                false => block.text = words,
            }
        } else if let Some(command) = command_of(text) {
            *block = Block::named(BlockKind::Text, command, COMMAND);
        } else if let Some(words) = words_of_person(text, names) {
            // Nothing is left: the text is kept as what it is, and counted.
            let said = (!words.is_empty()).then(|| Block::new(BlockKind::Text, words));
            let taken = said.as_ref().map_or(text, |_| "");
            let taken = Block::named(BlockKind::Context, taken, OF_PROGRAM);
            *block = match said {
                None => taken,
                Some(said) => {
                    beside.push(taken);
                    said
                }
            };
            is_burdened = true;
        }
    }
    node.blocks.append(&mut beside);
    let is_result = |block: &Block| block.kind == BlockKind::ToolResult;
    node.hidden |= is_burdened
        && node.visible_text().is_empty()
        && node.media_count() == 0
        && !node.blocks.iter().any(is_result);
}

/// The person's words in the result of a tool: what was answered to a question, or said to a result.
fn said_within(text: &str) -> String {
    let is_asked = text.starts_with("[ask");
    let mut said = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        let found = element(rest)
            .filter(|element| is_around_words(element.name) || (is_asked && element.name == "answer"));
        match found {
            Some(element) => {
                said.push(element.inside.trim());
                rest = element.behind;
            }
            None => rest = &rest[1..],
        }
    }
    said.retain(|words| !words.is_empty());
    said.join("\n\n")
}

/// Name of a block that holds a command with the person's words.
const COMMAND: &str = "command";
/// Name of a block that a program wrote into somebody's turn.
const OF_PROGRAM: &str = "of a program";
/// How the output of a command begins that the client itself ran.
const OUTPUTS: [&str; 2] = ["<local-command-stdout>", "<local-command-stderr>"];

/// Hides the commands that the client answered itself, such as `/model opus`: its output is in the same turn or in the one
/// below. Commands that the model answers are prompts.
pub fn hide_answered_commands(nodes: &mut [Node]) {
    let is_command = |block: &Block| block.kind == BlockKind::Text && block.name.as_deref() == Some(COMMAND);
    let is_output = |block: &Block| OUTPUTS.iter().any(|tag| block.text.trim_start().starts_with(tag));
    for index in 0..nodes.len() {
        if !nodes[index].blocks.iter().any(is_output) {
            continue;
        }
        let mut line = std::iter::successors(Some(index), |at| nodes[*at].parent);
        let holds_command = |at: &usize| nodes[*at].blocks.iter().any(is_command);
        let nearest = line.find(|at| holds_command(at) || (*at != index && !nodes[*at].hidden));
        let Some(node) = nearest.filter(holds_command).map(|at| &mut nodes[at]) else { continue };
        let is_said = |block: &Block| {
            matches!(block.kind, BlockKind::Text | BlockKind::Attachment | BlockKind::Media)
                && !is_command(block)
        };
        node.hidden |= !node.blocks.iter().any(is_said);
        let is_hidden = node.hidden;
        for block in node.blocks.iter_mut().filter(|block| is_command(block)) {
            block.kind = if is_hidden { BlockKind::Text } else { BlockKind::Context };
            block.name = Some(OF_PROGRAM.to_owned());
        }
    }
}

/// A command of an agent as it was typed: `<command-name>/review</command-name><command-args>the roof</command-args>`. One
/// without words of the person's is no prompt, nor is one with its output behind it.
fn command_of(text: &str) -> Option<String> {
    let elements = elements(text).filter(|_| text.starts_with("<command-"))?;
    if OUTPUTS.iter().any(|tag| text.contains(tag)) {
        return None;
    }
    let of =
        |wanted: &str| elements.iter().find(|(name, _)| *name == wanted).map(|(_, inside)| inside.trim());
    let (name, args) = (of("command-name")?, of("command-args").filter(|args| !args.is_empty())?);
    Some(format!("{name} {args}"))
}

/// The text without what a program wrote; `None` if it is as it was.
fn words_of_person(text: &str, names: Names) -> Option<String> {
    if INSTRUCTIONS.captures(text).is_some_and(|found| text.ends_with(&format!("</{}>", &found[1]))) {
        return Some(String::new());
    }
    let mut words = text;
    loop {
        let first = element(words);
        let last =
            words.strip_suffix('>').and_then(|inside| inside.rsplit_once("</")).and_then(|(before, name)| {
                Some(&words[..before.rfind(&format!("<{name}"))?]).filter(|_| is_machine(name))
            });
        words = match (first, last) {
            (Some(element), _) if is_machine(element.name) => element.behind.trim(),
            (Some(element), _) if is_around_words(element.name) && element.behind.trim().is_empty() => {
                element.inside.trim()
            }
            (_, Some(before)) => before.trim(),
            _ => break,
        };
    }
    let words = match elements(words) {
        // `<user_query>` is nobody's but a program's: what is next to it is, too.
        Some(elements)
            if elements
                .iter()
                .any(|(name, _)| is_around_words(name) && parted(name).starts_with("user_"))
                || elements.iter().all(|(name, _)| is_around_words(name) || may_be_machine(name)) =>
        {
            let said: Vec<&str> = elements
                .iter()
                .filter(|(name, _)| is_around_words(name))
                .map(|(_, inside)| *inside)
                .collect();
            let is_upload = |name: &str| parted(name).ends_with("_files") || parted(name).ends_with("_file");
            match said.is_empty() {
                false => said.join("\n\n"),
                true if names == Names::Any && !elements.iter().any(|(name, _)| is_upload(name)) => {
                    String::new()
                }
                true => words.to_owned(),
            }
        }
        _ => words.to_owned(),
    };
    (words != text).then_some(words)
}

struct Element<'a> {
    name: &'a str,
    inside: &'a str,
    behind: &'a str,
}

/// The element that begins the text.
fn element(text: &str) -> Option<Element<'_>> {
    let inside = text.strip_prefix('<')?;
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name = &inside[..inside.find(|c| !is_of_name(c))?];
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let (attributes, inside) = inside[name.len()..].split_once('>')?;
    if attributes.contains('<') {
        return None;
    }
    if attributes.ends_with('/') {
        return Some(Element { name, inside: "", behind: inside });
    }
    let end = inside.find(&format!("</{name}"))?;
    let (_, behind) = inside[end..].split_once('>')?;
    Some(Element { name, inside: &inside[..end], behind })
}

/// Names and insides of the elements, if the text is nothing but elements.
fn elements(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let Element { name, inside, behind } = element(rest)?;
        found.push((name, inside.trim()));
        rest = behind.trim_start();
    }
    (!found.is_empty()).then_some(found)
}

/// A name in small letters, its words parted by `_`.
pub fn parted(name: &str) -> String {
    let mut parted = String::with_capacity(name.len() + 4);
    let mut before = '_';
    for c in name.chars() {
        if c.is_ascii_uppercase() && before.is_ascii_lowercase() {
            parted.push('_');
        }
        parted.push(if c == '-' { '_' } else { c.to_ascii_lowercase() });
        before = c;
    }
    parted
}

/// True for the name of an element that a program wrote into a turn of the person's.
fn is_machine(name: &str) -> bool {
    let name = parted(name);
    name.contains('_') && MACHINE.iter().any(|word| name.contains(word)) && !is_around_words(&name)
}

/// A name of words parted by `_`, as people seldom write them.
fn may_be_machine(name: &str) -> bool {
    name.contains('_')
}

fn is_around_words(name: &str) -> bool {
    AROUND_WORDS.contains(&parted(name).replace('_', "").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::NodeRole;

    /// Words, and whether the turn is hidden.
    fn left(text: &str, names: Names) -> (String, bool, bool) {
        let mut node = Node::new("n", NodeRole::User, vec![Block::new(BlockKind::Text, text)]);
        unburden(&mut node, names);
        let is_result = node.blocks.iter().any(|block| block.kind == BlockKind::ToolResult);
        (node.visible_text(), node.hidden, is_result)
    }

    #[test]
    fn the_words_of_the_person_are_left() {
        for text in [
            "<task>\nMend the sluice.\n</task>",
            "<task>Mend the sluice.</task>\n<environment_details>\n# Files\n</environment_details>",
            "<open_files>\na.rs\n</open_files>\n<user_query>\nMend the sluice.\n</user_query>",
            "<attachedFiles>a</attachedFiles><userRequest>Mend the sluice.</userRequest><reminderInstructions>no</reminderInstructions>",
            "<attachments>\n<attachment id=\"a\">b</attachment>\n</attachments>\n<userRequest>\nMend the sluice.\n</userRequest>",
            "[ask_followup_question for 'Which?'] Result:\n<answer>\nMend the sluice.\n</answer>",
            "[attempt_completion] Result:\nThe user says:\n<feedback>\nMend the sluice.\n</feedback>\n<environment_details>x</environment_details>",
            "[TASK RESUMPTION] Interrupted.\n<user_message>Mend the sluice.</user_message>",
            "<system-reminder>no</system-reminder>\nMend the sluice.",
        ] {
            assert_eq!(left(text, Names::Known), ("Mend the sluice.".to_owned(), false, false), "{text}");
        }
    }

    #[test]
    fn what_a_program_wrote_alone_is_no_turn() {
        for text in [
            "# AGENTS.md instructions for /mill\n\n<INSTRUCTIONS>\nBe brief.\n</INSTRUCTIONS>",
            "<environment_context>\n  <cwd>/mill</cwd>\n</environment_context>",
            "<turn_aborted>\nStopped.\n</turn_aborted>",
            "<user_shell_command>\nls\n</user_shell_command>",
        ] {
            assert_eq!(left(text, Names::Known), (String::new(), true, false), "{text}");
        }
        let open = "<recent_edits>\na.rs\n</recent_edits>\n<linter_errors/>";
        assert_eq!(left(open, Names::Any), (String::new(), true, false));
        assert_eq!(left(open, Names::Known).0, open);
        for text in [
            "[read_file for 'mill.css'] Result:\n\nbody {}",
            "[ERROR] You did not use a tool in your previous response!",
            "EXECUTION RESULT of [bash]:\nok",
        ] {
            let (words, hidden, is_result) = left(text, Names::Known);
            assert!(words.is_empty() && !hidden && is_result, "{text}");
        }
    }

    #[test]
    fn what_a_person_writes_stays() {
        for text in [
            "<div class=\"mill\">Why is it not centred?</div>",
            "<task>Sum up.</task>\n<text>The sluice leaks.</text>",
            "Why does <user_query> stand here?",
            "[ERROR] Failed to execute goal compile",
            "[Mara] Result: two to one.",
            "<my-sluice>Why does it leak?</my-sluice>",
            "# The mill.md of my site\n\nIt has <b>no</b> wheel.",
            "See `[read_file for 'a'] Result:` above.",
        ] {
            assert_eq!(left(text, Names::Any), (text.to_owned(), false, false), "{text}");
        }
    }
}
