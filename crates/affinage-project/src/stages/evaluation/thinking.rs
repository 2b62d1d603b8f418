//! What is said of thinking before any answer is made and any judge is paid.

use affinage_dataset::message::{Message, Role};
use affinage_dataset::template::{ChatTemplate, GenerationPrompt, Thinking};
use affinage_dataset::tokenize::row_text;
use affinage_eval::plain::count;
use affinage_eval::thought::{begun_by_prompt, split_thought};

/// What becomes of answers with a thought before them, where the base model thinks under this template; `room` is how many
/// new tokens an answer may have.
pub fn in_words(template: &ChatTemplate, room: usize) -> Option<String> {
    let question = Message::new(Role::User, "?");
    let opened = template.render(std::slice::from_ref(&question), GenerationPrompt::Add).ok()?;
    let always = begun_by_prompt(&opened).is_some() && template.thinking() != Some(Thinking::On);
    if !always && template.thinking() != Some(Thinking::On) {
        return None;
    }
    let who = match always {
        true => {
            "this model thinks before every answer, and its template has no way to turn that off".to_owned()
        }
        false => "the model may think before it answers (`model.thinking` is on)".to_owned(),
    };
    let mut said = format!(
        "{who}: a thought counts towards the {} tokens that an answer may have, is kept and never judged, and an answer that \
         ends within it is missing, not lost; `eval.max-new-tokens` gives more room",
        count(room as u64)
    );
    if learns_not_to_think(template, question, &opened) {
        said.push_str(
            ". The training rows have no thoughts, so the tuned model learns to answer at once: where the base thinks and it \
             does not, there is no headline",
        );
        if !always {
            said.push_str("; `model.thinking` off compares like with like");
        }
    }
    Some(said)
}

/// Whether a row without a thought has an empty one among what is learnt.
fn learns_not_to_think(template: &ChatTemplate, question: Message, opened: &str) -> bool {
    let Ok(row) = row_text(template, &[question, Message::new(Role::Assistant, "!")]) else { return false };
    let begun = begun_by_prompt(opened).unwrap_or_default();
    row.strip_prefix(opened).is_some_and(|said| split_thought(&format!("{begun}{said}")).thought == Some(""))
}

#[cfg(test)]
mod tests {
    use affinage_dataset::template::SpecialTokens;

    use super::*;

    fn said(source: &str, thinking: Thinking) -> Option<String> {
        let template = ChatTemplate::new(source, SpecialTokens::default(), None).expect("compiles");
        in_words(&template.with_thinking(thinking), 1024)
    }

    #[test]
    fn a_model_that_thinks_is_named_before_it_answers() {
        let switched = "{% for m in messages %}[{{ m.role }}]{% if m.role == 'assistant' %}<think></think>{% endif %}\
            {{ m.content }}{% endfor %}{% if add_generation_prompt %}[assistant]\
            {% if not enable_thinking %}<think></think>{% endif %}{% endif %}";
        assert_eq!(said(switched, Thinking::Off), None);
        let on = said(switched, Thinking::On).expect("it thinks");
        assert!(on.contains("`model.thinking` is on") && on.contains("1,024 tokens"), "{on}");
        assert!(on.contains("missing, not lost") && on.contains("there is no headline"), "{on}");
        let always = "{% for m in messages %}[{{ m.role }}]{{ m.content }}[end]{% endfor %}\
            {% if add_generation_prompt %}[assistant]<think>{% endif %}";
        for thinking in [Thinking::Off, Thinking::On] {
            let said = said(always, thinking).expect("it always thinks");
            assert!(
                said.contains("no way to turn that off") && said.ends_with("there is no headline"),
                "{said}"
            );
        }
        let never = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]";
        assert_eq!((said(never, Thinking::Off), said(never, Thinking::On)), (None, None));
    }
}
