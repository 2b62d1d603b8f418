//! A Modelfile for Ollama. It writes chat templates in another language, so the model's own is taken apart: what it puts
//! before and after a message of each role. Whether the parts give back the same text is checked on conversations; a
//! template that is more than that is refused.
//!
//! Source: Ollama `docs/modelfile.md` (FROM, TEMPLATE, SYSTEM, PARAMETER; texts in three quotes).

use affinage_dataset::message::{Message, Role};
use affinage_dataset::template::{ChatTemplate, GenerationPrompt};
use anyhow::{Context as _, anyhow};

use super::GGUF_FILE;
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
    let mut text = format!("FROM ./{GGUF_FILE}\nTEMPLATE {}\n", quoted(&parts.go_template())?);
    if let Some(system) = &parts.default_system {
        text.push_str(&format!("SYSTEM {}\n", quoted(system)?));
    }
    for id in &model.end_tokens {
        let token = model.tokenizer.token(*id).with_context(|| format!("end token {id} has no text"))?;
        text.push_str(&format!("PARAMETER stop {}\n", quoted(&token)?));
    }
    Ok(text)
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
        let user = around(two.strip_prefix(&one)?, second)?;
        let assistant = around(three.strip_prefix(&two)?, third)?;
        let again = around(four.strip_prefix(&three)?, fourth)?;
        if (again.before, again.after) != (user.before.clone(), user.after.clone()) {
            return None;
        }
        let mut system = around(&one, first)?;
        // What is before a user's first message without any system: the begin, and perhaps a default system.
        let alone = render(&messages[1..2], GenerationPrompt::Omit)?;
        let lead = alone.strip_suffix(&format!("{}{second}{}", user.before, user.after))?.to_owned();
        let (begin, default_system) = match around_default(&lead, &system) {
            Some(default) => (String::new(), Some(default)),
            None => (lead, None),
        };
        system.before = system.before.strip_prefix(&begin)?.to_owned();
        Some(Parts { begin, system, user, assistant, answer, default_system })
    }

    /// The text of a conversation from the parts.
    fn render(&self, messages: &[Message]) -> String {
        let mut text = self.begin.clone();
        let has_system = messages.iter().any(|message| message.role == Role::System);
        let default = self.default_system.as_ref().filter(|_| !has_system);
        let default = default.map(|system| Message::new(Role::System, system.clone()));
        for message in default.iter().chain(messages) {
            let around = match message.role {
                Role::System => &self.system,
                Role::User => &self.user,
                Role::Assistant => &self.assistant,
            };
            text.push_str(&around.before);
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
        format!(
            "{}{{{{- range .Messages }}}}{{{{- if eq .Role \"system\" }}}}{}{{{{- else if eq .Role \"user\" }}}}{}\
             {{{{- else if eq .Role \"assistant\" }}}}{}{{{{- end }}}}{{{{- end }}}}{}",
            go_text(&self.begin),
            block(&self.system),
            block(&self.user),
            block(&self.assistant),
            go_text(&self.answer),
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
