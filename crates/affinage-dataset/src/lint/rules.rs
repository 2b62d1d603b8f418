//! The table of rules.

use super::Severity::{Error, Information, Warning};
use super::{
    Hit, Known, Severity, Subject, asks, borrowed, completeness, content, corpus, decoding, html, language,
    markup, privacy, residue, structure,
};

#[derive(Debug)]
pub struct Rule {
    pub id: &'static str,
    pub severity: Severity,
    /// Says what is there, not what to do.
    pub title: &'static str,
    pub(super) check: Check,
}

#[derive(Debug)]
pub(super) enum Check {
    Patterns(&'static [Pattern]),
    Example(fn(&Subject) -> Vec<Hit>),
    /// Needs all examples at once; gives the index of each example with its hit.
    Corpus(fn(&[Subject]) -> Vec<(usize, Hit)>),
    /// Needs what the project knows besides the examples.
    Known(fn(&Subject, &Known) -> Vec<Hit>),
}

#[derive(Debug)]
pub(super) struct Pattern {
    pub regex: &'static str,
    pub place: Where,
    /// Matches inside fenced or inline code do not count.
    pub prose_only: bool,
}

/// Texts of an example that a check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    /// The answer.
    Response,
    /// The answer and the assistant's turns before it.
    Assistant,
    /// What was said before, prompt and answer.
    Turns,
    /// The turns and the system message: all that is learnt from.
    Row,
}

pub(super) const fn prose(regex: &'static str, place: Where) -> Pattern {
    Pattern { regex, place, prose_only: true }
}

pub(super) const fn anywhere(regex: &'static str, place: Where) -> Pattern {
    Pattern { regex, place, prose_only: false }
}

const fn rule(id: &'static str, severity: Severity, title: &'static str, check: Check) -> Rule {
    Rule { id, severity, title, check }
}

/// The title of a rule; empty for an id that no rule has.
pub fn title(id: &str) -> &'static str {
    RULES.iter().find(|rule| rule.id == id).map_or("", |rule| rule.title)
}

/// A rule with what it looks for: `L21 the answer ends without punctuation`.
pub fn titled(id: &str) -> String {
    format!("{id} {}", title(id))
}

/// All rules, by id.
pub const RULES: &[Rule] = &[
    rule(
        "L01",
        Error,
        "begins with the name of a role, such as `User:`",
        Check::Example(structure::leading_marker),
    ),
    rule(
        "L02",
        Error,
        "the name of a role, such as `Assistant:`, inside the text",
        Check::Example(structure::inner_role_markers),
    ),
    rule("L03", Error, "empty turn", Check::Example(structure::empty_turns)),
    rule("L04", Error, "questions and answers do not take turns", Check::Example(structure::roles)),
    rule(
        "L05",
        Warning,
        "the prompt means something said before that is not here",
        Check::Example(structure::orphan_follow_up),
    ),
    rule(
        "L06",
        Error,
        "an instruction of another example is merged in",
        Check::Patterns(&[prose(L06, Where::Turns)]),
    ),
    rule(
        "L07",
        Warning,
        "transcript of several speakers in one turn",
        Check::Example(structure::nested_transcript),
    ),
    rule(
        "L08",
        Warning,
        "the user's next message is part of the answer",
        Check::Example(structure::glued_turn),
    ),
    rule(
        "L09",
        Information,
        "a draft stands for the prompt: nobody wrote one",
        Check::Example(structure::drafted_prompt),
    ),
    rule(
        "L10",
        Error,
        "words of a chat page, such as its buttons, among the text",
        Check::Example(residue::page_lines),
    ),
    rule("L11", Warning, "the same first or last line in several texts", Check::Corpus(corpus::mined_lines)),
    rule("L12", Error, "markup of a chat system or of its tools", Check::Example(markup::tags)),
    rule(
        "L13",
        Error,
        "a mark in place of a source that the chat page showed",
        Check::Example(markup::citations),
    ),
    rule(
        "L14",
        Error,
        "a notice of the chat page in place of the text",
        Check::Patterns(&[anywhere(L14, Where::Row)]),
    ),
    rule(
        "L15",
        Error,
        "a call of a tool, or what it gave back, in the answer",
        Check::Patterns(&[prose(L15, Where::Assistant), anywhere(L15_FENCE, Where::Assistant)]),
    ),
    rule(
        "L16",
        Error,
        "the model's thinking before its answer is in the text",
        Check::Example(markup::thoughts),
    ),
    rule("L17", Error, "a picture or file written as letters", Check::Example(residue::binary_data)),
    rule(
        "L18",
        Warning,
        "characters that cannot be seen, or that stand for lost ones",
        Check::Example(decoding::invisible),
    ),
    rule("L19", Warning, "garbled characters, such as `Ã¤` for `ä`", Check::Example(decoding::mojibake)),
    rule("L20", Error, "the provider says the answer was cut off", Check::Example(completeness::cut_off)),
    rule("L21", Warning, "the answer ends without punctuation", Check::Example(completeness::open_end)),
    rule(
        "L22",
        Warning,
        "code, formula, table or list is not finished",
        Check::Example(completeness::open_block),
    ),
    rule("L23", Warning, "code that is not marked as code", Check::Example(completeness::lost_fence)),
    rule(
        "L24",
        Warning,
        "the numbers of a list start again",
        Check::Patterns(&[prose(L24, Where::Response)]),
    ),
    rule("L25", Warning, "the answer asks whether to go on", Check::Patterns(&[prose(L25, Where::Response)])),
    rule("L26", Error, "the answer is not whole in the export", Check::Example(completeness::missing_parts)),
    rule("L27", Warning, "HTML among the words", Check::Example(html::left)),
    rule("L30", Information, "speaks of itself as an AI", Check::Example(content::ai_disclaimer)),
    rule("L31", Warning, "refusal at the beginning", Check::Example(content::refusal)),
    rule(
        "L32",
        Warning,
        "the prompt needs something that is not in the text",
        Check::Example(content::missing_material),
    ),
    rule("L33", Information, "flattery at the beginning", Check::Patterns(&[prose(L33, Where::Response)])),
    rule("L34", Warning, "repeats itself", Check::Example(content::repetition)),
    rule(
        "L35",
        Warning,
        "not in the language of its prompt or of most answers here",
        Check::Corpus(language::other_languages),
    ),
    rule(
        "L36",
        Information,
        "a stage direction, such as `*smiles*`",
        Check::Patterns(&[prose(L36, Where::Response)]),
    ),
    rule(
        "L37",
        Information,
        "names a model, its maker or its date",
        Check::Patterns(&[prose(L37, Where::Response)]),
    ),
    rule(
        "L38",
        Information,
        "the answer does not seem to belong to the prompt",
        Check::Corpus(corpus::wrong_pairs),
    ),
    rule("L39", Warning, "the user rated the answer down", Check::Example(content::rated_down)),
    rule(
        "L40",
        Warning,
        "one outward feature tells liked from rejected answers",
        Check::Corpus(corpus::label_artefacts),
    ),
    rule("L41", Warning, "nearly the same answer as another example", Check::Corpus(corpus::near_duplicates)),
    rule("L42", Information, "the prompt asks nothing", Check::Example(asks::nothing_asked)),
    rule("L43", Warning, "most of it is a quotation", Check::Example(borrowed::quotation)),
    rule("L44", Warning, "a list and no prose", Check::Example(borrowed::listing)),
    rule("L45", Warning, "a list of other pages, as in a menu", Check::Example(borrowed::other_pages)),
    rule("P01", Error, "secret key", Check::Example(privacy::secrets)),
    rule("P02", Warning, "personal data", Check::Example(privacy::personal_data)),
    rule("P03", Warning, "a name you keep to yourself", Check::Known(privacy::names)),
    rule("P04", Warning, "mail or chat of other people", Check::Example(privacy::others_texts)),
];

const L06: &str = concat!(
    r"(?m)^#{1,3}\s*\d+\.\s*Instruction:|^#{2,3} (?:Instruction|Input):",
    r"|^#{1,3} (?:Instruction|Input)\s*\n[\s\S]*?^#{1,3} (?:Response|Output)\b",
    r"|Below is an instruction that describes a task\b",
);
const L14: &str = concat!(
    r"This block is not supported on your current device(?: yet)?\.?",
    r"|Viewing artifacts created via the Analysis Tool[^\n]*",
    r"|This content may violate our (?:usage|content) polic(?:y|ies)\b|There was an error generating a response\b",
    r"|Something went wrong(?: while generating the response|\. If this issue persists)[^\n]*|(?m:^Network error\.?$)",
    r"|\A\s*(?:(?:The )?[Ss]ervers? (?:is|are) (?:currently |very |too )?(?:busy|overloaded|at capacity)[.!,]?(?: [Pp]lease)?(?: try again(?: later| in [^.\n]{1,30})?)?[.!]?",
    r"|服务器繁忙[，,。]?\s*请稍后(?:再试|重试)[。！]?|(?:你好，)?这个问题我暂时无法回答，让我们换个话题再聊聊吧[。！]?",
    r"|Sorry, (?:that(?:'|’)s|I(?:'|’)m not sure how to approach this type of question yet|that is) ?(?:beyond my current scope)?\. Let(?:'|’)s (?:talk about|chat about)[^.\n]{1,60}(?:instead)?[.!]?)\s*\z",
);
const L15: &str = concat!(
    r#"\A\s*\{\s*"(?:search_query|arguments|cmd|tool_calls|function_call|open|click)"[\s\S]*\}\s*\z"#,
    r#"|\A\s*\{\s*"name"\s*:\s*"[\w.-]+"\s*,\s*"(?:arguments|parameters|input)"\s*:[\s\S]*\}\s*\z"#,
    r"|\A\s*(?:search|open_url|mclick|click|browse|quote_lines|msearch)\([^\n]{0,400}\)\s*\z|\A\s*<tool_call>",
    r#"|\A\s*\{\s*"(?:prompt|size)"\s*:\s*"[\s\S]*"(?:size|prompt|n)"[\s\S]*\}\s*\z"#,
    r"|Traceback \(most recent call last\):|sandbox:/mnt/data/\S*|(?:file-service|sediment)://\S+",
);
/// A block in which a model writes a call as code.
const L15_FENCE: &str = r"(?m)^[ \t]*(?:```|~~~)[ \t]*tool_(?:code|calls?|outputs?)\b";
const L24: &str = r"(?m)^1\. [^2]*\n1\. ";
const L25: &str = concat!(
    r"(?i)\[(?:to be )?continue[sd]?(?: in [^\]\n]{0,40})?\]|\((?:to be continued|continue[sd](?: in [^)\n]{0,40})?)\)",
    r"|(?:would you like|do you want|want) me to (?:continue|go on|keep going)\?\s*\z",
    r"|(?:shall|should) i (?:continue|go on|keep going)\?\s*\z",
    r"|let me know if you(?:(?:'|’)d| would)? (?:like|want) me to (?:continue|go on|keep going)[.!]?\s*\z",
    r#"|\b(?:type|say|reply) ["“']?continue["”']?[^\n]{0,40}\z"#,
);
const L33: &str = concat!(
    r"(?i)\A\s*(?:you(?:(?:'|’)re| are) (?:absolutely|completely|totally) right\b|I love (?:this|that) question\b",
    r"|(?:(?:what|that(?:(?:'|’)s| is)|this is) )?(?:such )?(?:an? )?(?:really |truly |very )?",
    r"(?:great|good|excellent|fantastic|wonderful|brilliant|fascinating|insightful) (?:question|point|observation)\b)",
);
const L36: &str = concat!(
    r"(?m)^\*(?:\p{Ll}+ ){0,4}(?:smiles?|chuckles?|laughs?|sighs?|nods?|grins?|shrugs?|winks?|pauses?|leans?|takes?|adjusts?)",
    r"[^*\n]{0,40}\*|^(?:chuckles|smiles|sighs|laughs)\b",
    r"|^[(\[](?:chuckles|smiles|sighs|laughs|nods|grins|shrugs|winks|pauses)[^)\]\n]{0,40}[)\]]",
);
const L37: &str = concat!(
    r"\b(?:ChatGPT|OpenAI|Anthropic|GPT-?[345]\w*)\b|\b(?:I am|I(?:'|’)m|[Aa]s) (?:Claude|Gemini|Grok)\b",
    r"|(?i)\b(?:knowledge cutoff|training data (?:ends|goes up to)|as of my last (?:update|training))\b",
);
