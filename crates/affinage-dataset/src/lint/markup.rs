//! Markup: what chat systems, their tools and their citations write between the words.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::rules::Where;
use super::{Code, Hit, Subject};

static TAGS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let all = [ELEMENT, CALL, BLOCK, UPLOAD, DETAILS, AGENT, EXPORTED];
    all.iter().map(|pattern| Regex::new(pattern).expect("a valid pattern")).collect()
});
const DETAILS_END: &str = "</details>";

/// L12
pub fn tags(subject: &Subject) -> Vec<Hit> {
    let mut hits = Vec::new();
    for field in subject.fields(Where::Row) {
        let text = subject.text(field);
        let code = Code::of(text);
        let found = TAGS.iter().flat_map(|regex| regex.find_iter(text)).map(|found| found.range());
        // What an answer folds away it opens itself.
        let is_left = subject.is_assistant(field) && !text.contains("<details");
        let left = text.match_indices(DETAILS_END).filter(|_| is_left);
        let left = left.map(|(at, end)| at..at + end.len());
        hits.extend(
            found.chain(left).filter(|span| !code.holds(span.start)).map(|span| Hit::new(field, span)),
        );
    }
    hits
}

const ELEMENT: &str = concat!(
    r"(?i)</?(?:system|end_instructions|dev_\w+|antml[:\w]*|(?:grok|xai):\w+|ant[AT]\w+|artifact",
    r"|(?:\w{1,12}:)?(?:function_(?:calls?|results?)|tool_(?:calls?|results?|responses?|outputs?|uses?|requests?|code))",
    r"|attempt_completion|ask_followup_question|plan_mode_respond|execute_command|environment_details|use_mcp_tool",
    r"|(?:write_to|replace_in|read|search|list)_files?",
    r"|invoke|system-reminder|\w+_reminders?|userStyle|search_quality_\w+)(?:\s[^>]*)?>",
    r"|<(?:parameter\s+name|cite\s+index)=[^>]*>|<function=[^>\n]{1,60}>",
);
/// A part that a chat page folds away; any other `<details>` is the HTML of an answer or a question.
const DETAILS: &str = concat!(
    r"(?i)<details\s[^>]*\b(?:type|done|duration)\s*=[^>]*>",
    r"|<details[^>]*>\s*<summary>[^<\n]{0,40}(?:think|thought|reason|tool|analy[sz]|search|denk|思考|推理)[^<\n]{0,80}</summary>",
);
/// What agents write to act: `<execute_bash>`, `<function=run>`, `<boltAction>`, and the inputs of their shells.
const AGENT: &str = concat!(
    r"</?(?:access|apply|ask|attempt|browser|condense|create|delete|edit|execute|fetch|insert|list|new|read|replace|run|search|switch|update|use|view|write)",
    r"_(?:\w+_)?(?:actions?|bash|browse|browser|cells?|cmd|code|commands?|completion|content|definition_names|diff|dir|directory|files?|ipython|instructions",
    r"|lists?|mcp|memory|mode|patch|python|question|resources?|rule|shell|task|terminal|text|tools?|urls?|web)(?:\s[^>]*)?>",
    r"|</?(?:function|parameter)=[^>\n]{1,60}>|</(?:function|parameter)>|</?(?:bolt[AT]\w+|lov-[\w-]+|file_edit|str_replace_\w+|think_tool|CodeProject|MinimalEdit)(?:\s[^>]*)?>",
    r"|</?(?:bash|local-command|command)-(?:input|stdout|stderr|name|message|args|caveat)>",
);
/// What exporters of agents and pages write between the words: calls in brackets or emphasis, wrappers of HTML.
const EXPORTED: &str = concat!(
    r"<@[!&]?\d+>|<a?:\w+:\d+>",
    r"|(?m)^\*\*Tool (?:Use|Result|Call|Output)\*\*:",
    r"|^\[(?:Tool Use|Tool Result|Tool Call|Tool|Reasoning|Thinking|Image|Executed|Function Call)(?:: ?[\w.-]{1,60})?\][ \t]*$",
    r"|^\*(?:Viewed|Edited|Created|Listed|Read|Deleted|Ran|Searched|Grep searched|Checked|Analy[sz]ed|User (?:accepted|rejected))\b[^*\n]{0,200}\*[ \t]*$",
    r#"|<time\s+datetime=[^>]*>|<span\s+style="display: ?none"[^>]*>|<div\s+class="(?:markdown|result-streaming)[^>]*>"#,
);
/// Marks of calls in the text protocols of models.
const CALL: &str = concat!(
    r"\[/?(?:END_)?(?:AVAILABLE_TOOLS|TOOL_(?:CALLS?|REQUESTS?|RESULTS?|CONTENT))\]",
    r"|<[|｜]/?(?:python_tag|tool[^|｜>\n]{0,30})[|｜]>|<\|tool\w*>|<tool\w*\|>",
);
/// Blocks of `:::` that name a part of a chat page, or carry its attributes; `:::note` is Markdown.
const BLOCK: &str = concat!(
    r"(?im)^[ \t]*:{3,}[ \t]*(?:artifact|think(?:ing)?|thoughts?|reasoning|writing|canvas|(?:tool|context|search|memory)[\w-]*)\b[^\n]*",
    r"|^[ \t]*:{3,}[ \t]*[\w-]+\{[\w-]+=[^\n]*",
);
/// A list of uploaded files without their words.
pub const UPLOAD: &str = concat!(
    r"(?i)</?(?:uploaded|attached)_(?:files?|documents?|images?)(?:\s[^>]*)?>|<(?:document|file|attachment)\s[^>]*/>",
    r"|<document(?:\s[^>]*)?>\s*(?:<source>[^<]*</source>\s*)?(?:<document_contents?>\s*</document_contents?>\s*)?</document>",
);

static THOUGHT: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?i)</?(?:\w{1,12}[:_-])?(?:think|thinking|thoughts?|reasoning|reflection|scratchpad|antThinking|inner_?monologue)",
        r"(?:\s[^<>\n]{0,200})?/?>|◁/?think▷|(?-i:\[/?THINK\])|<\|?channel\|?>\s*(?:analysis|commentary|thought)\b",
        r"|<\|/?(?:think|thinking|(?:begin|start|end)_?(?:of_)?(?:think|thinking|thought))\|>|<unused9[45]>|(?m:^\.\.\.done thinking\.)",
        r"|(?-i:\A\s*THOUGHT:\s)",
        r"|\A\s*(?:\*\*?|__?)(?:Thinking|Reasoning)[.…]{0,3}(?:\*\*?|__?)[ \t]*(?:\n|\z)",
    );
    Regex::new(pattern).expect("a valid pattern")
});
static THOUGHT_END: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)^.{0,2}/|/>$|^<\|end|95>$|done thinking").expect("a valid pattern"));

/// L16. Reasoning is lifted when it is imported; what is still in a text would be learnt as an answer.
pub fn thoughts(subject: &Subject) -> Vec<Hit> {
    let mut hits = Vec::new();
    for field in subject.fields(Where::Row) {
        let blocks = thought_blocks(subject.text(field)).into_iter();
        hits.extend(blocks.map(|(span, what)| Hit::new(field, span).detail(what)));
    }
    hits
}

/// Blocks of thought from tag to tag, and tags without their other half.
fn thought_blocks(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let code = Code::of(text);
    let mut blocks = Vec::new();
    let mut open: Option<Range<usize>> = None;
    for tag in THOUGHT.find_iter(text).filter(|tag| !code.holds(tag.start())) {
        match (THOUGHT_END.is_match(tag.as_str()), open.take()) {
            (true, Some(first)) => {
                let is_empty = text[first.end..tag.start()].trim().is_empty();
                blocks.push((first.start..tag.end(), if is_empty { "empty" } else { "a whole block" }));
            }
            (true, None) => blocks.push((tag.range(), "not opened")),
            (false, before) => {
                blocks.extend(before.map(|first| (first, "not closed")));
                open = Some(tag.range());
            }
        }
    }
    blocks.extend(open.map(|first| (first, "not closed")));
    blocks
}

/// What a citation points to.
const REFERENCE: &str = concat!(
    r"turn\d{1,4}(?:search|news|view|file|image|fetch|product|video|ref|academia|reddit|forecast|finance|sports|maps?",
    r"|business|place|event|click|open|find)\d{1,4}(?:L\d+(?:-L?\d+)?)?",
);
/// Citations between their private characters, which may be written out (`\ue200`); named things; and marks that hold
/// nothing but a reference.
static CITATION: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = [
        r"(?:\x{E200}|\\ue200)(?P<body>[^\n\x{E200}\x{E201}]*?)(?:\x{E201}|\\ue201)",
        r#"\b(?:product_)?entity(?P<list>\["[^"\n]*",\s*"[^"\n]+"(?:,[^\]\n]*)?\])"#,
        r"【(?:\d+(?::\d+)*)?†[^】\n]{0,120}】|【oaicite:\d+】|【(?:cite)?REFERENCE[^】\n]{0,20}】",
        r"(?::contentReference)?\[oaicite:\d+\](?:\{index=\d+\})?",
        r"\[(?:\d+:)?\d+†[^\]\n]{0,120}\]|\[(?:citation|reference):\d+\]|\[cite_start\]|\[cite:\s?\d[\d,\s-]*\]|\[\^\d+\^\]",
        r"(?P<number>\[\[\d{1,3}\]\](?:\([^()\s]*\))?)",
        r"(?:\b(?:file|nav|mem))?cite(?:REFERENCE)+\b|\b(?:REFERENCE)+\b",
        r"(?:(?:[\x{E200}-\x{E206}]|\\ue20[0-6])(?:(?:file|nav|mem)?cite)?(?:REFERENCE)?)+",
    ];
    Regex::new(&pattern.join("|").replace("REFERENCE", REFERENCE)).expect("a valid pattern")
});
static SEPARATOR: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\x{E202}|\\ue202").expect("a valid pattern"));
static REFERENCES: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(?:turn\d+[a-z]+\d+|L?\d+(?:-L?\d+)?|,)*$").expect("a valid pattern"));

/// L13. The fix puts the words that a mark carries in its place; a mark without words goes with the space before it.
pub fn citations(subject: &Subject) -> Vec<Hit> {
    let mut hits = Vec::new();
    for field in subject.fields(Where::Row) {
        let text = subject.text(field);
        for (mark, words) in marks(text) {
            let span = if words.as_deref() == Some("") { with_space(text, mark) } else { mark };
            hits.push(Hit::new(field, span).fix(words));
        }
    }
    hits
}

/// Citation marks with the words each carries, `None` where they cannot be told. Marks without words that stand side by
/// side are one.
fn marks(text: &str) -> Vec<(Range<usize>, Option<String>)> {
    let code = Code::of(text);
    let mut marks: Vec<(Range<usize>, Option<String>)> = Vec::new();
    for found in CITATION.captures_iter(text) {
        let Some(whole) = found.get(0) else { continue };
        // Nobody types the private characters: they are residue in code too.
        let is_private = whole.as_str().starts_with(|c| ('\u{e200}'..='\u{e206}').contains(&c));
        if !is_private && code.holds(whole.start()) {
            continue;
        }
        let numbered = found.name("number").map(|number| number.as_str());
        if numbered.is_some_and(|number| !number.ends_with(')')) && begins_line(text, whole.start()) {
            continue;
        }
        // `x[[1]]` is an element of a list in some languages: it is shown and stays.
        let may_be_code = numbered.is_some()
            && text[..whole.start()].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let words = match (found.name("body"), found.name("list")) {
            _ if may_be_code => None,
            (Some(body), _) => carried(body.as_str()),
            (None, Some(list)) => second_of(list.as_str()),
            (None, None) => Some(String::new()),
        };
        let is_empty = |words: &Option<String>| words.as_deref() == Some("");
        match marks.last_mut() {
            Some((before, said))
                if is_empty(said)
                    && is_empty(&words)
                    && text[before.end..whole.start()].chars().all(is_blank_char) =>
            {
                before.end = whole.end();
            }
            _ => marks.push((whole.range(), words)),
        }
    }
    marks
}

/// True where a line begins: some programs write `[[1]]` above an element of a list.
fn begins_line(text: &str, at: usize) -> bool {
    text[..at].trim_end_matches([' ', '\t']).chars().next_back().is_none_or(|c| c == '\n')
}

/// The words that a citation span shows: the name of a thing, a link, or nothing if it only points somewhere.
fn carried(body: &str) -> Option<String> {
    let mut parts: Vec<&str> = SEPARATOR.split(body).collect();
    let head = parts.remove(0);
    let kind_end = head.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(head.len());
    let (kind, rest) = head.split_at(kind_end);
    if !rest.is_empty() {
        parts.insert(0, rest);
    }
    let points = |part: &str| REFERENCES.is_match(part);
    match (kind, parts.as_slice()) {
        ("entity" | "product_entity", [list, ..]) => second_of(list),
        ("url" | "link", [words, target, ..]) if !words.is_empty() && target.starts_with("http") => {
            Some(format!("[{words}]({target})"))
        }
        ("url" | "link", [words, target, ..]) if !words.is_empty() && points(target) => {
            Some((*words).to_owned())
        }
        ("", []) => Some(String::new()),
        (_, [_, ..]) if parts.iter().all(|part| points(part)) => Some(String::new()),
        // A reference that lost its separators, such as `citeturn0search1`.
        _ if CITATION.find(body).is_some_and(|found| found.range() == (0..body.len())) => Some(String::new()),
        _ => None,
    }
}

/// The second text of a JSON list: the name in `["city","Lisbon"]`.
fn second_of(list: &str) -> Option<String> {
    let list: Vec<serde_json::Value> = serde_json::from_str(list).ok()?;
    Some(list.get(1)?.as_str()?.to_owned()).filter(|name| !name.is_empty())
}

fn is_blank_char(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// The span of a mark with the blanks that would be left over without it: those before it where a space, an end or a
/// closing sign follows, and those behind it where it begins a line.
fn with_space(text: &str, mark: Range<usize>) -> Range<usize> {
    const CLOSING: &str = ".,;:!?)]}%*_»”’…。，、；：！？）」』】";
    let before = text[..mark.start].trim_end_matches(is_blank_char);
    if before.is_empty() || before.ends_with('\n') {
        let behind = text[mark.end..].trim_start_matches(is_blank_char);
        return mark.start..text.len() - behind.len();
    }
    let next = text[mark.end..].chars().next();
    let closes = next.is_none_or(|c| c.is_whitespace() || CLOSING.contains(c));
    if closes { before.len()..mark.end } else { mark }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_of_all_kinds_are_found_outside_code() {
        let found = [
            ("<think>so</think>Yes.", "a whole block"),
            ("<thinking>\n</thinking>\nYes.", "empty"),
            ("<think>so\n\nYes.", "not closed"),
            ("so</think>\n\nYes.", "not opened"),
            ("Thinking...\nso\n...done thinking.\n\nYes.", "not opened"),
            ("◁think▷so◁/think▷Yes.", "a whole block"),
            ("[THINK]so[/THINK]Yes.", "a whole block"),
            ("<seed:think>so</seed:think>Yes.", "a whole block"),
            ("<antThinking>so</antThinking>Yes.", "a whole block"),
            ("<Thought>so</Thought>Yes.", "a whole block"),
            ("<reasoning effort=\"low\">so</reasoning>Yes.", "a whole block"),
            ("<|channel|>analysis<|message|>so", "not closed"),
            ("<|begin_of_thought|>so<|end_of_thought|>Yes.", "a whole block"),
            ("<unused94>thought\nso<unused95>Yes.", "a whole block"),
        ];
        for (text, what) in found {
            let blocks: Vec<&str> = thought_blocks(text).into_iter().map(|(_, what)| what).collect();
            assert_eq!(blocks, [what], "{text}");
        }
        for text in
            ["I think so.", "Write `<think>`.", "```\n<think>so</think>\n```", "a < think > b", "[think]"]
        {
            assert_eq!(thought_blocks(text), [], "{text}");
        }
    }

    #[test]
    fn what_a_span_carries_is_what_its_reader_saw() {
        let span = |body: &str| carried(&body.replace('|', "\u{e202}"));
        assert_eq!(span("cite|turn0search1|turn2news4").as_deref(), Some(""));
        assert_eq!(span("filecite|turn0file0|L3-L9").as_deref(), Some(""));
        assert_eq!(span("|turn0search1|turn0news2").as_deref(), Some(""));
        assert_eq!(span("citeturn0search1").as_deref(), Some(""));
        assert_eq!(span("entity|[\"river\",\"Drava\",\"in Carinthia\"]").as_deref(), Some("Drava"));
        assert_eq!(span("entity[\"river\",\"Drava\"]").as_deref(), Some("Drava"));
        assert_eq!(
            span("url|the ferry|https://ferry.example/").as_deref(),
            Some("[the ferry](https://ferry.example/)")
        );
        assert_eq!(span("url|the ferry|turn0search1").as_deref(), Some("the ferry"));
        assert_eq!(span("navlist|Ferries today|turn0news1"), None, "words of an unknown kind");
        assert_eq!(span("entity|[\"river\"]"), None);
    }
}
