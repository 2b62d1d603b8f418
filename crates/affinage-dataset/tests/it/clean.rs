//! Clean text is not flagged: letters and dialogues that were asked for, quotations, questions about HTML.

use affinage_dataset::lint::{Severity, Subject, lint};
use affinage_dataset::message::{Message, Role};

fn rules(prompt: &str, response: &str) -> Vec<&'static str> {
    let messages = [Message::new(Role::User, prompt), Message::new(Role::Assistant, response)];
    let findings = lint(&[Subject::of_messages("x", "c", &messages)]);
    findings.iter().filter(|f| f.severity != Severity::Information).map(|f| f.rule).collect()
}

#[test]
fn letters_dialogues_and_quotations_are_clean() {
    for (prompt, response) in [
        (
            "Answer this for me:\n\nDear Tove,\n\nThank you for the pots. The second one has a crack.\n\nBest wishes,\nRunar",
            "Dear Runar,\n\nI am sorry, but I cannot replace it before Friday; the kiln is cold, and the next firing is planned for then.\n\nBest, Tove",
        ),
        (
            "Shorten this to one sentence.\n\nThe kiln is cold, and it will be so until Friday.",
            "The kiln is cold until Friday.",
        ),
        (
            "What may a clerk say when nothing is left?",
            "“I’m sorry, but I can’t help you today,” and then where to ask instead.",
        ),
        ("What is <details> for?", "The <details> element folds a part of the page away."),
        (
            "Why is it open?\n\n<details>\n<summary>More</summary>\nText\n</details>",
            "It is closed until a reader opens it.",
        ),
        (
            "Write a dialogue between a human and an AI.",
            "Human: Why is the kiln cold?\n\nAI: Nobody has lit it.\n\nHuman: Then light it.\n\nAI: I have no hands.",
        ),
        (
            "Write a screenplay about two potters.",
            "ASSISTANT: The kiln!\n\nPOTTER: I see it.\n\nASSISTANT: It is cold.\n\nPOTTER: Light it.",
        ),
        (
            "Tove and Runar quarrel over a pot.",
            "Tove: It is mine.\n\nRunar: It was mine first.\n\nTove: You broke it.\n\nRunar: I did not.",
        ),
    ] {
        assert_eq!(rules(prompt, response), [""; 0], "{prompt}");
    }
}

#[test]
fn what_looks_like_them_is_flagged_all_the_same() {
    for (prompt, response, rule) in [
        ("Thanks! Now shorter, please.", "The kiln is cold.", "L05"),
        ("Shorten this.", "The kiln is cold.", "L05"),
        ("Sell my pot.", "I'm sorry, but I can't help with that.", "L31"),
        ("Is the kiln cold?", "Human: Is it?\n\nAssistant: It is.\n\nHuman: Sure?", "L02"),
        ("Is the kiln cold?", "It is.\n</details>", "L12"),
        ("Light it.", "I will.\n\n<execute_bash>\nlight\n</execute_bash>", "L12"),
        ("Light it.", "I will.\n\n<parameter=command>light</parameter>", "L12"),
        ("Light it.", "Lit.\n\n*Viewed [kiln.md](file:///kiln.md) *", "L12"),
    ] {
        assert!(rules(prompt, response).contains(&rule), "{prompt}: {:?}", rules(prompt, response));
    }
}
