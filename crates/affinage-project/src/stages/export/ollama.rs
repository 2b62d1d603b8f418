//! A Modelfile for Ollama. It writes chat templates in another language, so the model's own is taken apart: what it puts
//! before and after a message of each role. Whether the parts give back the same text is checked on conversations; a
//! template that is more than that is refused.
//!
//! Source: Ollama `docs/modelfile.md` (FROM, TEMPLATE, SYSTEM, PARAMETER; texts in three quotes).

use affinage_dataset::message::{Message, Role};
use affinage_dataset::template::{ChatTemplate, GenerationPrompt};
use affinage_engine::export::Field;
use anyhow::{Context as _, anyhow};

use super::{GGUF_FILE, gguf_fields, most_context};
use crate::errors::HintExt as _;
use crate::model::LoadedModel;

/// Words that no template contains.
const MARKS: [&str; 4] = ["qzfirst", "qzsecond", "qzthird", "qzfourth"];

/// What stands around a message.
struct Around {
    before: String,
    after: String,
}

struct Parts {
    /// Before the first message.
    begin: String,
    system: Around,
    /// The system text stands within the first user's message, before its words: Gemma.
    is_system_within: bool,
    user: Around,
    assistant: Around,
    /// What opens an answer.
    answer: String,
    /// What the template says as the system where nobody does.
    default_system: Option<String>,
}

/// The Modelfile for [`GGUF_FILE`] beside it.
pub fn modelfile(model: &LoadedModel) -> anyhow::Result<String> {
    let template = model.template()?;
    let parts = Parts::of(template)
        .filter(|parts| parts.agree(template))
        .ok_or_else(|| anyhow!("the chat template of {} is more than text around each message", model.name))
        .hint("use `--format gguf`: the file carries the exact template for programs that run it")?;
    let parts = match &template.special_tokens().bos {
        Some(begin) if begin_is_added(&gguf_fields(model)?) => parts.without(begin),
        _ => parts,
    };
    let mut text = format!("FROM ./{GGUF_FILE}\nTEMPLATE {}\n", quoted(&parts.go_template())?);
    if let Some(system) = &parts.default_system {
        text.push_str(&format!("SYSTEM {}\n", quoted(system)?));
    }
    if let Some(tokens) = most_context(model) {
        text.push_str(&format!("PARAMETER num_ctx {tokens}\n"));
    }
    for id in &model.end_tokens {
        let token = model.tokenizer.token(*id).with_context(|| format!("end token {id} has no text"))?;
        text.push_str(&format!("PARAMETER stop {}\n", quoted(&token)?));
    }
    Ok(text)
}

/// Whether Ollama puts the begin token before a prompt, by what the file says of its tokenizer: then the template must not write
/// it too.
///
/// Source: llama.cpp `llama-vocab.cpp`, what holds where a file does not say.
fn begin_is_added(fields: &[(String, Field)]) -> bool {
    let field = |key: &str| fields.iter().find(|(name, _)| name.strip_prefix("tokenizer.ggml.") == Some(key));
    let is = |key: &str, of_llama: fn(&str) -> bool| matches!(field(key), Some((_, Field::Text(text))) if of_llama(text));
    match field("add_bos_token") {
        Some((_, Field::Bool(added))) => *added,
        _ => is("model", |model| model == "llama") || is("pre", |pre| pre.starts_with("llama")),
    }
}

impl Parts {
    /// `None` where the rendered texts are not begin, blocks and opening.
    fn of(template: &ChatTemplate) -> Option<Parts> {
        let [first, second, third, fourth] = MARKS;
        let messages = [
            Message::new(Role::System, first),
            Message::new(Role::User, second),
            Message::new(Role::Assistant, third),
            Message::new(Role::User, fourth),
        ];
        let render = |messages: &[Message], prompt| template.render(messages, prompt).ok();
        let four = render(&messages, GenerationPrompt::Omit)?;
        let three = render(&messages[..3], GenerationPrompt::Omit)?;
        let two = render(&messages[..2], GenerationPrompt::Omit)?;
        let one = render(&messages[..1], GenerationPrompt::Omit)?;
        let answer = render(&messages, GenerationPrompt::Add)?.strip_prefix(&four)?.to_owned();
        let around = |text: &str, mark: &str| {
            let (before, after) = text.split_once(mark)?;
            Some(Around { before: before.to_owned(), after: after.to_owned() })
        };
        let assistant = around(three.strip_prefix(&two)?, third)?;
        let user = around(four.strip_prefix(&three)?, fourth)?;
        let alone = render(&messages[1..2], GenerationPrompt::Omit)?;
        let whole_user = format!("{}{second}{}", user.before, user.after);
        // What is before a user's first message without any system: the begin, and perhaps a default system.
        let lead = alone.strip_suffix(&whole_user)?.to_owned();
        let is_system_within = !one.contains(first);
        if is_system_within {
            let words = two.strip_prefix(&lead)?.strip_prefix(&user.before)?;
            let system = around(words.strip_suffix(&user.after)?.strip_suffix(second)?, first)?;
            return Some(Parts {
                begin: lead,
                system,
                is_system_within,
                user,
                assistant,
                answer,
                default_system: None,
            });
        }
        if two.strip_prefix(&one)? != whole_user {
            return None;
        }
        let mut system = around(&one, first)?;
        let (begin, default_system) = match around_default(&lead, &system) {
            Some(default) => (String::new(), Some(default)),
            None => (lead, None),
        };
        system.before = system.before.strip_prefix(&begin)?.to_owned();
        Some(Parts { begin, system, is_system_within, user, assistant, answer, default_system })
    }

    /// The same without a begin token at the beginning.
    fn without(self, begin: &str) -> Parts {
        let rest = self.begin.strip_prefix(begin).map(str::to_owned);
        Parts { begin: rest.unwrap_or(self.begin), ..self }
    }

    /// The text of a conversation from the parts.
    fn render(&self, messages: &[Message]) -> String {
        let mut text = self.begin.clone();
        let has_system = messages.iter().any(|message| message.role == Role::System);
        let default = self.default_system.as_ref().filter(|_| !has_system);
        let default = default.map(|system| Message::new(Role::System, system.clone()));
        let mut is_user_begun = false;
        for message in default.iter().chain(messages) {
            let around = match message.role {
                Role::System => &self.system,
                Role::User => &self.user,
                Role::Assistant => &self.assistant,
            };
            let is_system = message.role == Role::System;
            if self.is_system_within && is_system {
                text.push_str(&self.user.before);
            }
            if !is_user_begun {
                text.push_str(&around.before);
            }
            is_user_begun = self.is_system_within && is_system;
            text.push_str(&message.content);
            text.push_str(&around.after);
        }
        text + &self.answer
    }

    /// On conversations other than the one the parts were taken from.
    fn agree(&self, template: &ChatTemplate) -> bool {
        let say = Message::new;
        let conversations = [
            vec![say(Role::User, "What is rennet?")],
            vec![say(Role::System, "Be brief."), say(Role::User, "Why?")],
            vec![
                say(Role::User, "One."),
                say(Role::Assistant, "Two, and\n\nthree."),
                say(Role::User, "Four?"),
                say(Role::Assistant, "Five"),
                say(Role::User, "Six {{ x }} \"\"?"),
            ],
        ];
        conversations.iter().all(|messages| {
            template.render(messages, GenerationPrompt::Add).is_ok_and(|text| text == self.render(messages))
        })
    }

    fn go_template(&self) -> String {
        let block = |around: &Around| {
            format!("{}{{{{ .Content }}}}{}", go_text(&around.before), go_text(&around.after))
        };
        let (begin, answer) = (go_text(&self.begin), go_text(&self.answer));
        // A user's message that follows a system within it is begun already.
        let (declared, system, user) = match self.is_system_within {
            false => ("", block(&self.system), block(&self.user)),
            true => (
                "{{- $begun := false }}",
                format!("{}{}{{{{- $begun = true }}}}", go_text(&self.user.before), block(&self.system)),
                format!(
                    "{{{{- if not $begun }}}}{}{{{{- end }}}}{{{{- $begun = false }}}}{{{{ .Content }}}}{}",
                    go_text(&self.user.before),
                    go_text(&self.user.after)
                ),
            ),
        };
        format!(
            "{begin}{declared}{{{{- range .Messages }}}}{{{{- if eq .Role \"system\" }}}}{system}\
             {{{{- else if eq .Role \"user\" }}}}{user}{{{{- else if eq .Role \"assistant\" }}}}{}{{{{- end }}}}{{{{- end }}}}{answer}",
            block(&self.assistant),
        )
    }
}

/// The text between what surrounds a system message, if `lead` is such a message.
fn around_default(lead: &str, system: &Around) -> Option<String> {
    if system.before.is_empty() && system.after.is_empty() {
        return None;
    }
    let text = lead.strip_prefix(&system.before)?.strip_suffix(&system.after)?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// Text as an action, so that `{{-` beside it trims none of its white space.
fn go_text(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{{{{ {} }}}}", serde_json::Value::from(text)) }
}

/// In three quotes; what would end them is refused.
fn quoted(text: &str) -> anyhow::Result<String> {
    if text.contains("\"\"\"") || text.ends_with('"') {
        return Err(anyhow!("a Modelfile cannot hold the text {text:?}"));
    }
    Ok(format!("\"\"\"{text}\"\"\""))
}

#[cfg(test)]
mod tests {
    use affinage_dataset::template::SpecialTokens;

    use super::*;

    fn template(source: &str) -> ChatTemplate {
        ChatTemplate::new(source, SpecialTokens::default(), None).expect("a template")
    }

    const CHATML: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
        {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

    #[test]
    fn a_template_of_blocks_becomes_a_template_of_blocks() {
        let template = template(CHATML);
        let parts = Parts::of(&template).expect("parts");
        assert!(parts.agree(&template));
        assert_eq!(parts.default_system, None);
        insta::assert_snapshot!(parts.go_template(), @r#"{{- range .Messages }}{{- if eq .Role "system" }}{{ "<|im_start|>system\n" }}{{ .Content }}{{ "<|im_end|>\n" }}{{- else if eq .Role "user" }}{{ "<|im_start|>user\n" }}{{ .Content }}{{ "<|im_end|>\n" }}{{- else if eq .Role "assistant" }}{{ "<|im_start|>assistant\n" }}{{ .Content }}{{ "<|im_end|>\n" }}{{- end }}{{- end }}{{ "<|im_start|>assistant\n" }}"#);
    }

    #[test]
    fn a_default_system_is_told_apart_from_a_beginning() {
        let with_default = format!(
            "{{% if messages[0].role != 'system' %}}<|im_start|>system\nYou ripen.<|im_end|>\n{{% endif %}}{CHATML}"
        );
        let parts = Parts::of(&template(&with_default)).expect("parts");
        assert_eq!((parts.begin.as_str(), parts.default_system.as_deref()), ("", Some("You ripen.")));
        let with_begin = format!("<s>{CHATML}");
        let parts = Parts::of(&template(&with_begin)).expect("parts");
        assert_eq!((parts.begin.as_str(), parts.default_system), ("<s>", None));
    }

    /// As Gemma does it.
    #[test]
    fn a_system_within_the_first_message_of_a_user_is_put_there() {
        let source = "{{ '<bos>' }}{% if messages[0].role == 'system' %}{% set lead = messages[0].content + '\n\n' %}\
            {% set rest = messages[1:] %}{% else %}{% set lead = '' %}{% set rest = messages %}{% endif %}\
            {% for m in rest %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('turns') }}{% endif %}\
            <start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ lead if loop.first else '' }}\
            {{ m.content | trim }}<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}";
        let template = template(source);
        let parts = Parts::of(&template).expect("parts");
        assert!(parts.agree(&template) && parts.is_system_within);
        assert_eq!((parts.begin.as_str(), parts.system.after.as_str()), ("<bos>", "\n\n"));
        insta::assert_snapshot!(parts.without("<bos>").go_template(), @r#"{{- $begun := false }}{{- range .Messages }}{{- if eq .Role "system" }}{{ "<start_of_turn>user\n" }}{{ .Content }}{{ "\n\n" }}{{- $begun = true }}{{- else if eq .Role "user" }}{{- if not $begun }}{{ "<start_of_turn>user\n" }}{{- end }}{{- $begun = false }}{{ .Content }}{{ "<end_of_turn>\n" }}{{- else if eq .Role "assistant" }}{{ "<start_of_turn>model\n" }}{{ .Content }}{{ "<end_of_turn>\n" }}{{- end }}{{- end }}{{ "<start_of_turn>model\n" }}"#);
        let behind = source
            .replace("<end_of_turn>", "{{ lead if loop.first else '' }}<end_of_turn>")
            .replacen("{{ lead", "{{ ''", 1);
        assert!(Parts::of(&self::template(&behind)).is_none(), "behind the user's words");
    }

    #[test]
    fn a_begin_token_that_the_tokenizer_adds_is_not_written_twice() {
        let told = |fields: &[(&str, Field)]| {
            let named = |(key, field): &(&str, Field)| (format!("tokenizer.ggml.{key}"), field.clone());
            begin_is_added(&fields.iter().map(named).collect::<Vec<_>>())
        };
        let text = |text: &str| Field::Text(text.to_owned());
        assert!(told(&[("model", text("gpt2")), ("add_bos_token", Field::Bool(true))]));
        assert!(!told(&[("model", text("llama")), ("add_bos_token", Field::Bool(false))]));
        assert!(
            told(&[("model", text("llama"))]) && told(&[("model", text("gpt2")), ("pre", text("llama-bpe"))])
        );
        assert!(!told(&[("model", text("gpt2")), ("pre", text("qwen2"))]));
        let parts = Parts::of(&template(&format!("<s>{CHATML}"))).expect("parts");
        assert_eq!(parts.without("<s>").begin, "");
        let parts = Parts::of(&template(&format!("<s>{CHATML}"))).expect("parts");
        assert_eq!(parts.without("<other>").begin, "<s>");
    }

    #[test]
    fn a_template_that_looks_around_is_refused() {
        let counting = "{% for m in messages %}{{ loop.index }}{{ m.role }} {{ m.content }}\n{% endfor %}";
        let trimming = CHATML.replace("m.content", "m.content | upper");
        for source in [counting, &trimming] {
            let template = template(source);
            assert!(!Parts::of(&template).is_some_and(|parts| parts.agree(&template)), "{source}");
        }
    }
}
