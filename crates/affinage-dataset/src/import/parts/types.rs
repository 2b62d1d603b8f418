//! Types of parts, by the names that products give them.

/// What a part of a given type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Text,
    Reasoning,
    ToolCall,
    ToolResult,
    /// A file or picture; if its words are there, they are an attachment.
    Media,
    /// A recording; if its words are there, they are the text.
    Audio,
    Error,
    /// The words of the message again in another language, as the reader had them made.
    Translation,
    /// A place that the model names inside its text: `{"inlineReference": {"name"}}`.
    Place,
    /// Says where the model began another step; what follows is a text of its own.
    Break,
    /// Says nothing that a reader saw.
    Nothing,
}

/// Types by exact name, in lower case, without `-` and `_`.
const TYPES: &[(Part, &[&str])] = &[
    (
        Part::Text,
        &[
            "text",
            "outputtext",
            "inputtext",
            "markdown",
            "refusal",
            "message",
            "voicenote",
            "audiotranscription",
            "transcript",
            "markdowncontent",
            "paragraph",
            // DeepSeek's fragments.
            "request",
            "response",
            "answer",
            "finalanswer",
            // Forms of letters and links in messengers.
            "plain",
            "bold",
            "italic",
            "underline",
            "strikethrough",
            "spoiler",
            "blockquote",
            "code",
            "pre",
            "link",
            "textlink",
            "mention",
            "mentionname",
            "hashtag",
            "cashtag",
            "email",
            "phone",
            "botcommand",
            "customemoji",
            "mtext",
            "mnotice",
            "memote",
            "maintext",
            "plaintext",
            "richtext",
        ],
    ),
    (
        Part::Reasoning,
        &[
            "thinking",
            "redactedthinking",
            "reasoning",
            "redactedreasoning",
            "reasoningcontent",
            "think",
            "thought",
            "thoughts",
            "summarytext",
            "reasoningtext",
            "reasoningrecap",
            // big-AGI: what a model adds beside its answer.
            "ma",
        ],
    ),
    (
        Part::ToolCall,
        &[
            "tooluse",
            "servertooluse",
            "mcptooluse",
            "toolcall",
            "toolcalls",
            "functioncall",
            "toolcallrequest",
            "toolinvocation",
            "dynamictool",
            "customtoolcall",
            "websearchcall",
            "filesearchcall",
            "computercall",
            "codeinterpretercall",
            "localshellcall",
            "mcpcall",
            "executablecode",
            "imagegenerationcall",
            "agentupdate",
            "search",
            "websearch",
            "readlink",
            "texteditgroup",
            "textedit",
            "notebookeditgroup",
            "workspaceedit",
            "progressmessage",
            "progresstask",
            "preparetoolinvocation",
        ],
    ),
    (
        Part::ToolResult,
        &[
            "toolresult",
            "toolresponse",
            "functioncalloutput",
            "functionresponse",
            "toolcallresult",
            "toolcalloutput",
            "customtoolcalloutput",
            "executionoutput",
            "codeexecutionresult",
            "searchresult",
            "searchresults",
        ],
    ),
    (
        Part::Media,
        &[
            "image",
            "imageurl",
            "inputimage",
            "imagefile",
            "file",
            "inputfile",
            "fileurl",
            "document",
            "video",
            "videourl",
            "inlinedata",
            "filedata",
            "media",
            "imageassetpointer",
            "attachment",
            "containerupload",
            "photo",
            "sticker",
            "mimage",
            "mfile",
            "mvideo",
            "maudio",
        ],
    ),
    (Part::Place, &["inlinereference"]),
    (Part::Audio, &["audio", "audiourl", "inputaudio", "outputaudio", "audioassetpointer"]),
    (Part::Translation, &["translation"]),
    (
        Part::Error,
        &[
            "error",
            "systemerror",
            // DeepSeek's own words in the place of an answer.
            "templateresponse",
        ],
    ),
    (Part::Break, &["stepstart", "stepfinish", "startstep", "finishstep"]),
    (
        Part::Nothing,
        &[
            "source",
            "sourceurl",
            "sourcedocument",
            "tokenbudget",
            "flag",
            "citation",
            "reference",
            "annotation",
            "snapshot",
            "patch",
            "codeblockuri",
            "undostop",
            "finish",
        ],
    ),
];

pub fn part_of(kind: &str) -> Option<Part> {
    let word: String = kind.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let named = TYPES.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(part, _)| *part);
    named.or_else(|| match word.as_str() {
        // `tool-getWeather` of the AI SDK, `web_search_tool_result` of Anthropic.
        word if word.ends_with("toolresult") => Some(Part::ToolResult),
        word if word.starts_with("tool") => Some(Part::ToolCall),
        _ => None,
    })
}

/// The part of a type: by name, or by how the names of phases on the way to an answer begin (`thinking_summary`,
/// `search_plan`).
pub fn part_of_kind(kind: &str) -> Option<Part> {
    let named = part_of(kind);
    named.or_else(|| {
        let word = kind.trim_start_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        let begins = |stems: &[&str]| stems.iter().any(|stem| word.starts_with(stem));
        match () {
            () if begins(&["think", "reason", "thought", "plan"]) || word.contains("thinking") => {
                Some(Part::Reasoning)
            }
            () if begins(&["search", "web_search", "websearch"]) => Some(Part::ToolCall),
            () => None,
        }
    })
}

/// True for the type of a part of a content.
pub fn is_part(kind: &str) -> bool {
    part_of(kind).is_some()
}
