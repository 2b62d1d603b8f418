//! Names that say a role by themselves, in many languages, and words before a colon that are no names.

use unicode_normalization::UnicodeNormalization as _;

use crate::conversation::NodeRole;

/// Who writes the prompts. Lower case, as [`plain`] gives it.
#[rustfmt::skip]
const USERS: &[&str] = &[
    "user", "human", "you", "me", "prompt", "question", "q", "my prompt", "my question", "you said", "you asked",
    "nutzer", "nutzerin", "benutzer", "anwender", "mensch", "ich", "du", "frage", "eingabe", "du hast gesagt", "sie haben gesagt", "sie sagten", "du sagtest",
    "utilisateur", "utilisatrice", "humain", "moi", "vous", "toi", "vous avez dit", "tu as dit",
    "usuario", "usuaria", "humano", "yo", "tú", "pregunta", "has dicho", "dijiste", "tú dijiste", "usted dijo",
    "utente", "umano", "io", "tu", "domanda", "hai detto", "tu hai detto",
    "usuário", "usuária", "utilizador", "eu", "você", "pergunta", "você disse", "disseste",
    "gebruiker", "mens", "ik", "jij", "vraag", "je zei", "jij zei", "u zei",
    "użytkownik", "człowiek", "pytanie", "powiedziałeś", "powiedziałaś", "powiedziałeś(-aś)",
    "пользователь", "человек", "я", "вы", "ты", "вопрос", "вы сказали", "ты сказал",
    "kullanıcı", "insan", "sen", "soru", "şunu dedin", "dedin ki",
    "ユーザー", "あなた", "私", "質問", "あなたの発言", "あなたのプロンプト",
    "用户", "用戶", "使用者", "我", "你", "问", "問", "问题", "問題", "提问", "你说", "你說", "您说", "您說",
    "사용자", "나", "질문", "나의 말", "내가 한 말", "당신의 말",
    "المستخدم", "مستخدم", "أنا", "أنت", "سؤال", "السؤال", "قلت", "لقد قلت", "أنت قلت",
    "उपयोगकर्ता", "मैं", "आप", "प्रश्न", "आपने कहा",
];

/// Who answers, beside the names of products.
#[rustfmt::skip]
const ASSISTANTS: &[&str] = &[
    "assistant", "ai", "bot", "chatbot", "model", "answer", "a", "response", "reply", "ai assistant", "the assistant",
    "assistant message", "assistant response", "ai response", "ai message", "model response", "bot response", "assistant reply",
    "assistent", "assistentin", "ki", "antwort", "modell",
    "assistante", "ia", "réponse", "modèle",
    "asistente", "respuesta", "modelo",
    "assistente", "risposta", "modello", "resposta",
    "antwoord",
    "asystent", "odpowiedź", "si",
    "ассистент", "помощник", "ответ", "ии", "бот",
    "asistan", "yanıt", "cevap", "yapay zeka",
    "アシスタント", "回答", "人工知能",
    "助手", "答", "回答者", "模型", "人工智能",
    "어시스턴트", "도우미", "답변", "답",
    "المساعد", "مساعد", "جواب", "الجواب", "الإجابة", "إجابة",
    "सहायक", "उत्तर", "एआई",
];

/// First words of the names of products and models (`GPT-4o`, `Claude 3.5 Sonnet`, `llama3:8b`).
#[rustfmt::skip]
const PRODUCTS: &[&str] = &[
    "chatgpt", "gpt", "claude", "gemini", "bard", "copilot", "bing", "deepseek", "grok", "perplexity", "llama", "mistral",
    "mixtral", "qwen", "kimi", "gemma", "command-r", "le chat", "huggingchat", "豆包", "文心一言", "通义千问", "元宝", "星火",
    "github copilot", "microsoft copilot", "meta ai", "doubao", "hunyuan", "chatglm", "notebooklm", "duck.ai", "roo code", "kilo code",
];

/// Words by which only programs name the person.
#[rustfmt::skip]
const PROGRAMS_USERS: &[&str] = &[
    "user", "human", "prompt", "user input", "user message", "user prompt", "user query", "you said", "you asked", "nutzer", "benutzer", "du hast gesagt", "sie haben gesagt", "utilisateur",
    "vous avez dit", "usuario", "has dicho", "utente", "hai detto", "usuário", "você disse", "gebruiker", "użytkownik", "пользователь",
    "вы сказали", "kullanıcı", "ユーザー", "用户", "用戶", "使用者", "사용자", "المستخدم", "उपयोगकर्ता",
];

/// What stands under a name that is neither the person's nor the model's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    System,
    Tool,
    Reasoning,
    /// Numbers that a program keeps of its work.
    Statistics,
}

/// Names of such parts: where they stand for certain, and those that are headings of texts, too.
#[rustfmt::skip]
const SIDES: &[(Side, &[&str], &[&str])] = &[
    (
        Side::System,
        &["system prompt", "system message", "system instruction", "system instructions", "systemprompt", "系统提示词", "系统提示"],
        &["system", "developer", "系统"],
    ),
    (
        Side::Tool,
        &[
            "tool call", "tool calls", "tool result", "tool results", "tool use", "tool output", "tool response", "function call",
            "function result", "function response", "tool_call", "tool_result", "tool_use", "工具调用",
        ],
        &["tool", "tools", "function", "function output", "observation"],
    ),
    (
        Side::Reasoning,
        &[
            "thinking process", "thought process", "chain of thought", "reasoning process", "thinking…", "reasoning content", "思考过程",
            "推理过程", "思考過程", "denkprozess", "gedankengang",
        ],
        &["thinking", "thoughts", "thought", "reasoning", "analysis", "think", "思考", "推理", "réflexion", "razonamiento", "reflexión"],
    ),
    (Side::Statistics, &["token usage", "token count", "tokens used", "usage statistics"], &[]),
];

/// What stands under the name, and whether the name is that of nothing else.
pub(super) fn side(name: &str) -> Option<(Side, bool)> {
    let name = plain(name);
    SIDES.iter().find_map(|(side, certain, others)| {
        let is_certain = certain.contains(&name.as_str());
        (is_certain || others.contains(&name.as_str())).then_some((*side, is_certain))
    })
}

/// True for a name that only a program gives to the person: `User`, `You said`, `Prompt 3`.
pub(super) fn is_programs_user(name: &str) -> bool {
    let name = plain(name);
    PROGRAMS_USERS.contains(&name.as_str())
        || without_number(&name).is_some_and(|word| PROGRAMS_USERS.contains(&word))
}

/// The word of a name with its number: `Prompt 3`, `Message 2 - User`, `3. Assistant`.
fn without_number(name: &str) -> Option<&str> {
    const COUNTED: [&str; 5] = ["message", "turn", "msg", "exchange", "entry"];
    let counted = COUNTED.iter().find_map(|word| name.strip_prefix(word)).unwrap_or(name);
    let behind = counted.trim_start_matches([' ', '#']).trim_start_matches(|c: char| c.is_ascii_digit());
    let behind = if behind.len() < counted.trim_start_matches([' ', '#']).len() { behind } else { name };
    let word = behind.trim_start_matches(|c: char| !c.is_alphanumeric());
    let bare =
        word.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches([' ', '#', '(', '.', '-']);
    let word = if bare.len() + 1 < word.len() { bare } else { word };
    // `Model 1` is a heading of texts, and a letter with a number is a quarter.
    (word != name && word.chars().count() >= 4 && !word.starts_with("model")).then_some(word)
}

/// What stands around a product's name where pages say who spoke.
#[rustfmt::skip]
const SAID: (&[&str], &[&str]) = (
    &["o ", "قال ", "قالت "],
    &[
        " said", " replied", " answered", " says", " hat gesagt", " sagte", " a dit", " dijo", " ha dicho", " ha detto", " disse", " zei",
        " powiedział", " сказал", " şunu dedi", " dedi ki", " の発言", "の発言", " 说", "说", " 說", "說", "의 말", " ने कहा",
    ],
);

/// Words before a colon that begin a remark, an example or a line of facts. They are nobody's name unless the user
/// says so.
#[rustfmt::skip]
const REMARKS: &[&str] = &[
    "note", "notes", "nb", "n.b", "hint", "tip", "tips", "warning", "caution", "attention", "important", "info", "todo", "fixme",
    "example", "examples", "e.g", "i.e", "ps", "p.s", "summary", "source", "sources", "link", "links", "url", "date", "time", "created",
    "updated", "exported", "title", "tags", "author", "subject", "step", "pros", "cons", "usage", "see", "abstract", "quote", "danger",
    "bug", "success", "failure", "conclusion", "edit", "update",
    "hinweis", "anmerkung", "achtung", "beispiel", "beispiele", "wichtig", "tipp", "warnung", "quelle", "quellen", "datum", "titel",
    "zusammenfassung", "fazit", "vorteile", "nachteile", "erstellt", "merke",
    "remarque", "exemple", "exemples", "astuce", "conseil", "avertissement", "titre", "résumé", "à noter",
    "nota", "ejemplo", "ejemplos", "atención", "importante", "advertencia", "consejo", "fuente", "fecha", "título", "resumen",
    "esempio", "esempi", "attenzione", "avviso", "suggerimento", "fonte", "data", "titolo", "riassunto",
    "exemplo", "exemplos", "atenção", "aviso", "dica", "resumo",
    "opmerking", "let op", "voorbeeld", "belangrijk", "waarschuwing", "bron", "samenvatting",
    "uwaga", "przykład", "ważne", "wskazówka", "źródło",
    "примечание", "внимание", "пример", "важно", "совет", "источник", "дата", "итог",
    "not", "örnek", "önemli", "dikkat", "uyarı", "ipucu", "kaynak",
    "注意", "注", "例", "例如", "示例", "提示", "警告", "备注", "重要", "总结", "来源", "備考", "ヒント", "補足",
    "참고", "주의", "예", "예시", "중요", "팁", "요약",
    "ملاحظة", "تنبيه", "مثال", "مهم", "नोट", "ध्यान दें", "उदाहरण",
];

/// A name as it is compared: composed, lower case, without invisible marks, signs at its ends and a closing colon.
pub(super) fn plain(name: &str) -> String {
    let visible = name.nfc().filter(|c| !is_invisible(*c)).map(|c| if c.is_whitespace() { ' ' } else { c });
    let lower = visible.collect::<String>().to_lowercase();
    let is_sign = |c: char| !c.is_alphanumeric() && !matches!(c, '(' | ')') && !is_joined(c);
    let bare = lower.trim_matches(is_sign);
    // A name of signs alone (an emoji) is itself.
    if bare.is_empty() { lower.trim().to_owned() } else { bare.to_owned() }
}

/// Marks that direct or bind text and show nothing. Joiners are part of words in some scripts.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Vowel signs and other marks that belong to the letter before them.
pub(super) fn is_joined(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c) || matches!(c, '\u{200c}' | '\u{200d}')
}

/// The role that a name says by itself (`User`, `You said`, `ChatGPT`), if any.
pub(super) fn obvious_role(name: &str) -> Option<NodeRole> {
    let name = plain(name);
    // `Assistant (gpt-4o)`, `User · Anna`: what follows is a model or a person.
    let first = [" (", " – ", " — ", " - ", " · ", " | "].iter().find_map(|sign| name.split_once(sign));
    let first = first.map(|(first, _)| first);
    [Some(name.as_str()), first, without_number(&name)].into_iter().flatten().find_map(role_of_word)
}

fn role_of_word(name: &str) -> Option<NodeRole> {
    match () {
        () if USERS.contains(&name) || PROGRAMS_USERS.contains(&name) => Some(NodeRole::User),
        () if ASSISTANTS.contains(&name) || is_product(name) => Some(NodeRole::Assistant),
        () => None,
    }
}

/// True for the words that pages put over a message: `You said`, `Gemini hat gesagt`.
pub(super) fn is_said_by(line: &str) -> bool {
    /// Parts of the words for saying.
    const SAYING: [&str; 16] = [
        "said",
        "gesagt",
        "sagte",
        "dit",
        "dicho",
        "dijiste",
        "detto",
        "disse",
        "zei",
        "powiedzia",
        "сказал",
        "dedi",
        "発言",
        "说",
        "말",
        "قلت",
    ];
    line.len() <= 60 && {
        let name = plain(line);
        SAYING.iter().any(|part| name.contains(part))
            && name.chars().count() > 3
            && obvious_role(line).is_some()
    }
}

/// An assistant by its name, and not by a letter such as those of `A: ...`, `B: ...`.
pub(super) fn is_certain_assistant(name: &str) -> bool {
    plain(name).chars().count() > 1 && obvious_role(name) == Some(NodeRole::Assistant)
}

/// `ChatGPT`, `gpt-4o`, `ChatGPT hat gesagt`, `assistant said`.
fn is_product(name: &str) -> bool {
    let (before, behind) = SAID;
    let name = before.iter().find_map(|word| name.strip_prefix(word)).unwrap_or(name);
    let said = behind.iter().find_map(|word| name.strip_suffix(word));
    let name = said.unwrap_or(name);
    let is_named = |product: &str| {
        name.strip_prefix(product)
            .is_some_and(|rest| !rest.starts_with(char::is_alphabetic) && is_version(rest))
    };
    PRODUCTS.iter().any(|product| is_named(product)) || (said.is_some() && ASSISTANTS.contains(&name))
}

/// Empty, or words of which the first has a digit or is the name of a size.
fn is_version(rest: &str) -> bool {
    const SIZES: [&str; 12] =
        ["sonnet", "opus", "haiku", "pro", "flash", "ultra", "mini", "large", "small", "turbo", "ai", "plus"];
    let mut words = rest.split([' ', '-', '.', ':', '(', ')']).filter(|word| !word.is_empty());
    words.next().is_none_or(|first| first.chars().any(char::is_numeric) || SIZES.contains(&first))
}

/// True for words that begin a remark: `Note`, `TODO`, `Hinweis`.
pub(crate) fn is_remark(name: &str) -> bool {
    REMARKS.contains(&plain(name).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_say_their_role() {
        use NodeRole::{Assistant, User};
        let cases = [
            ("User", Some(User)),
            ("👤 You", Some(User)),
            ("You said", Some(User)),
            ("Vous avez dit\u{a0}", Some(User)),
            ("Powiedziałeś(-aś)", Some(User)),
            ("\u{200f}المستخدم", Some(User)),
            ("आपने कहा", Some(User)),
            ("ChatGPT hat gesagt:", Some(Assistant)),
            ("ChatGPT ने कहा", Some(Assistant)),
            ("قال ChatGPT", Some(Assistant)),
            ("O ChatGPT disse", Some(Assistant)),
            ("Assistant said", Some(Assistant)),
            ("ChatGPT 说", Some(Assistant)),
            ("gpt-4o", Some(Assistant)),
            ("Claude 3.5 Sonnet", Some(Assistant)),
            ("Gemini Pro", Some(Assistant)),
            ("🤖 Assistant (gpt-4o)", Some(Assistant)),
            ("User · Anna", Some(User)),
            ("llama3:8b", Some(Assistant)),
            ("助手", Some(Assistant)),
            ("Prompt 3", Some(User)),
            ("Message 2 - User", Some(User)),
            ("3. Assistant", Some(Assistant)),
            ("Response #12", Some(Assistant)),
            ("User Input", Some(User)),
            ("Cursor", None),
            ("Model 2", None),
            ("Q3", None),
            ("Message 2", None),
            ("Claude Monet", None),
            ("Phil", None),
            ("Mara", None),
            ("🤖", None),
        ];
        for (name, role) in cases {
            assert_eq!(obvious_role(name), role, "{name}");
        }
        assert!(is_programs_user("USER") && is_programs_user("Prompt 2") && !is_programs_user("You"));
        assert_eq!(side("## Token usage"), Some((Side::Statistics, true)));
        assert_eq!((side("System"), side("Mara")), (Some((Side::System, false)), None));
        assert!(is_remark("NOTE") && is_remark("Hinweis") && is_remark("let op") && !is_remark("Mara"));
    }
}
