//! The table of rules.

use super::Severity::{Error, Information, Warning};
use super::{
    Hit, Known, Severity, Subject, completeness, content, corpus, language, privacy, residue, structure,
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
    Pattern(Pattern),
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
    /// Matches inside fenced code do not count.
    pub prose_only: bool,
    pub fix: Fix,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    Response,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fix {
    No,
    Remove,
}

const fn prose(regex: &'static str, place: Where, fix: Fix) -> Check {
    Check::Pattern(Pattern { regex, place, prose_only: true, fix })
}

const fn anywhere(regex: &'static str, place: Where, fix: Fix) -> Check {
    Check::Pattern(Pattern { regex, place, prose_only: false, fix })
}

const fn rule(id: &'static str, severity: Severity, title: &'static str, check: Check) -> Rule {
    Rule { id, severity, title, check }
}

/// All rules, by id.
pub const RULES: &[Rule] = &[
    rule("L01", Error, "begins with a role marker", prose(L01, Where::Both, Fix::Remove)),
    rule("L02", Error, "role marker inside the text", Check::Example(structure::inner_role_markers)),
    rule("L03", Error, "empty turn", Check::Example(structure::empty_turns)),
    rule("L04", Error, "roles do not alternate from user to assistant", Check::Example(structure::roles)),
    rule("L05", Warning, "follow-up without its context", Check::Example(structure::orphan_follow_up)),
    rule("L06", Error, "an instruction of another example is merged in", prose(L06, Where::Both, Fix::No)),
    rule(
        "L07",
        Warning,
        "transcript of several speakers in one turn",
        Check::Example(structure::nested_transcript),
    ),
    rule(
        "L08",
        Warning,
        "the user's next turn is glued to the answer",
        Check::Example(structure::glued_turn),
    ),
    rule("L10", Error, "residue of a chat page", Check::Example(residue::page_lines)),
    rule(
        "L11",
        Warning,
        "the same first or last line in several conversations",
        Check::Corpus(corpus::mined_lines),
    ),
    rule("L12", Error, "tag of a chat system", prose(L12, Where::Both, Fix::No)),
    rule("L13", Error, "citation mark", anywhere(L13, Where::Both, Fix::Remove)),
    rule("L14", Error, "placeholder of the platform", anywhere(L14, Where::Both, Fix::No)),
    rule("L15", Error, "tool traffic as the answer", prose(L15, Where::Response, Fix::No)),
    rule("L16", Error, "unbalanced or empty think block", Check::Example(residue::think_blocks)),
    rule("L17", Error, "encoded binary data", Check::Example(residue::binary_data)),
    rule("L18", Warning, "invisible or replacement characters", Check::Example(residue::invisible)),
    rule("L19", Warning, "wrongly decoded characters", Check::Example(residue::mojibake)),
    rule("L20", Error, "the provider says the answer was cut off", Check::Example(completeness::cut_off)),
    rule("L21", Warning, "the answer ends without punctuation", Check::Example(completeness::open_end)),
    rule(
        "L22",
        Warning,
        "code, formula, table or list is not finished",
        Check::Example(completeness::open_block),
    ),
    rule("L23", Warning, "code that lost its fence", Check::Example(completeness::lost_fence)),
    rule("L24", Warning, "broken numbering", prose(L24, Where::Response, Fix::No)),
    rule("L25", Warning, "the answer asks whether to go on", prose(L25, Where::Response, Fix::No)),
    rule("L30", Information, "speaks of itself as an AI", Check::Example(content::ai_disclaimer)),
    rule("L31", Warning, "refusal at the beginning", Check::Example(content::refusal)),
    rule(
        "L32",
        Warning,
        "the prompt needs something that is not in the text",
        Check::Example(content::missing_material),
    ),
    rule("L33", Information, "flattery at the beginning", prose(L33, Where::Response, Fix::No)),
    rule("L34", Warning, "repeats itself", Check::Example(content::repetition)),
    rule(
        "L35",
        Warning,
        "not in the language of the prompt or the project",
        Check::Corpus(language::other_languages),
    ),
    rule("L36", Information, "stage direction", prose(L36, Where::Response, Fix::No)),
    rule("L37", Information, "names a model, its maker or its date", prose(L37, Where::Response, Fix::No)),
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
    rule(
        "L41",
        Warning,
        "nearly the same answer as a longer example",
        Check::Corpus(corpus::near_duplicates),
    ),
    rule("P01", Error, "secret key", Check::Example(privacy::secrets)),
    rule("P02", Warning, "personal data", Check::Example(privacy::personal_data)),
    rule("P03", Warning, "a name you keep to yourself", Check::Known(privacy::names)),
    rule("P04", Warning, "mail or chat of other people", Check::Example(privacy::others_texts)),
];

const L01: &str = concat!(
    r"(?i)\A\s*(?:#{1,4} |\*\*|\[)?(?:Human|User|Assistant|You|ChatGPT|GPT-\d\S*|Claude|Gemini|AI|Bot|🤖)",
    r"(?:\*\*|\])?\s*(?::(?:\*\*)?\s|\n)\s*",
);
const L06: &str = concat!(
    r"(?m)^#{1,3}\s*\d+\.\s*Instruction:|^#{2,3} (?:Instruction|Input):",
    r"|^#{1,3} (?:Instruction|Input)\s*\n[\s\S]*?^#{1,3} (?:Response|Output)\b",
    r"|Below is an instruction that describes a task\b",
);
const L12: &str = concat!(
    r"(?i)</?(?:system|end_instructions|dev_\w+|antml[:\w]*|ant[AT]\w+|artifact|details|function_(?:calls|results)",
    r"|tool_(?:call|result|use)s?|system-reminder|userStyle|search_quality_\w+)(?:\s[^>]*)?>",
);
const L13: &str = concat!(
    r"【[^】\n]{0,80}】|\x{E200}[^\x{E201}]{0,400}\x{E201}|[\x{E200}-\x{E202}]",
    r#"|(?::contentReference)?\[oaicite:\d+\](?:\{index=\d+\})?|\bentity\["[^\]\n]{0,200}"\]"#,
    r"|\b(?:file|nav)?(?:cite)?(?:turn\d+(?:search|news|view|file|image|fetch|product)\d+)+\b",
);
const L14: &str = concat!(
    r"This block is not supported on your current device(?: yet)?\.?",
    r"|Viewing artifacts created via the Analysis Tool[^\n]*",
    r"|This content may violate our (?:usage|content) polic(?:y|ies)\b|There was an error generating a response\b",
    r"|Something went wrong(?: while generating the response|\. If this issue persists)[^\n]*|(?m:^Network error\.?$)",
);
const L15: &str = concat!(
    r#"\A\s*\{\s*"(?:search_query|arguments|cmd|tool_calls|function_call|open|click)"[\s\S]*\}\s*\z"#,
    r#"|\A\s*\{\s*"name"\s*:\s*"[\w.-]+"\s*,\s*"(?:arguments|parameters|input)"\s*:[\s\S]*\}\s*\z"#,
    r"|\A\s*(?:search|open_url|mclick|click|browse|quote_lines|msearch)\([^\n]{0,400}\)\s*\z|\A\s*<tool_call>",
    r#"|\A\s*\{\s*"(?:prompt|size)"\s*:\s*"[\s\S]*"(?:size|prompt|n)"[\s\S]*\}\s*\z"#,
    r"|Traceback \(most recent call last\):|sandbox:/mnt/data/\S*|(?:file-service|sediment)://\S+",
);
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
