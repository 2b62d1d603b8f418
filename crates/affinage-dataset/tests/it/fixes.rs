//! Safe fixes: clean text in any language stays as it is, and what goes takes no word of anybody with it.

use affinage_dataset::edit;
use affinage_dataset::lint::{Field, Finding, Subject, lint};
use affinage_dataset::message::{Message, Role};
use proptest::prelude::*;

use crate::languages::CLEAN;
use crate::seeded::Seeded;

const RESIDUE: [&str; 6] = ["L10", "L12", "L13", "L16", "L18", "L19"];

/// The text in every place of a row, as words of the user and of the assistant.
fn rows_of(text: &str) -> [Subject; 2] {
    let turn = |role| Message::new(role, text);
    let spoken = [turn(Role::User), turn(Role::Assistant), turn(Role::User), turn(Role::Assistant)];
    let with_system = [&[turn(Role::System)][..], &spoken].concat();
    [Subject::of_messages("a", "a", &spoken), Subject::of_messages("b", "b", &with_system)]
}

fn findings_of(text: &str) -> Vec<Finding> {
    rows_of(text).iter().flat_map(|row| lint(std::slice::from_ref(row))).collect()
}

/// The answer after all its safe fixes.
fn fixed(text: &str) -> String {
    let messages = [Message::new(Role::User, "Why does it creak?"), Message::new(Role::Assistant, text)];
    let findings = lint(&[Subject::of_messages("a", "a", &messages)]);
    let edits = edit::safe_fixes(text, findings.iter().filter(|finding| finding.field == Field::Response));
    edit::apply(text, &edits).expect("made for this text")
}

#[test]
fn clean_text_in_every_language_has_no_fix_and_no_residue() {
    assert!(CLEAN.len() > 30);
    for (language, text) in CLEAN {
        let unwanted: Vec<_> = findings_of(text)
            .into_iter()
            .filter(|finding| finding.fix.is_some() || RESIDUE.contains(&finding.rule))
            .map(|finding| (finding.rule, finding.fix, &text[finding.span]))
            .collect();
        assert_eq!(unwanted, [], "{language}");
    }
}

#[test]
fn clean_texts_of_several_languages_in_one_have_no_fix() {
    let mut seeded = Seeded::new(11);
    for _ in 0..200 {
        let parts: Vec<&str> = (0..2 + seeded.below(3)).map(|_| seeded.one_of(CLEAN).1).collect();
        let text = parts.join(["\n\n", "\n", " "][seeded.below(3)]);
        let fixes: Vec<_> = findings_of(&text).into_iter().filter(|finding| finding.fix.is_some()).collect();
        assert_eq!(fixes, [], "{text}");
    }
}

/// Letters of the Latin alphabets that Windows-1252 holds, and what stands behind a letter.
#[test]
fn no_letter_with_its_quotes_ellipses_and_dashes_is_read_as_a_wrong_one() {
    let lower = "ßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿšžœ";
    let signs = [
        "”", "“", "’", "‘", "»", "«", "›", "‹", "…", "–", "—", "\u{a0}", "…”", "…“", "”…", "…»", "»…",
        "\u{a0}»", "…’", "!”", ".“", "”–", "”—", "…—", "’…", "…¿", "—¡", "”)", "(”",
    ];
    for letter in lower.chars() {
        let capital: String = letter.to_uppercase().collect();
        for sign in signs {
            // `Ã` before a space that does not break is what is left of `à`.
            let words = [
                format!("ta{letter}{sign} sol"),
                format!("“{letter}{sign} sol"),
                format!("TA{capital}{sign} SOL"),
                format!("«{capital}{sign} sol"),
            ];
            for text in words {
                let found: Vec<_> =
                    findings_of(&text).into_iter().filter(|f| f.rule == "L19").map(|f| f.fix).collect();
                assert_eq!(found, [], "{text:?}");
            }
        }
    }
}

#[test]
fn marks_go_with_their_space_and_leave_the_words_they_carry() {
    let cases = [
        ("The weir is old 【3†source】. It holds.", "The weir is old. It holds."),
        ("The weir is old【7:1†weir.pdf】【7:2†weir.pdf】, and it holds.", "The weir is old, and it holds."),
        ("The weir 【2†L1-L4】 holds.", "The weir holds."),
        ("The weir 【2†a】 【3†b】.", "The weir."),
        ("Old 【2†a】and firm.", "Old and firm."),
        ("堰は古い【2†source】。【注】まだ持つ。", "堰は古い。【注】まだ持つ。"),
        ("It holds :contentReference[oaicite:1]{index=1}!", "It holds!"),
        ("- :contentReference[oaicite:1]{index=1} It holds.", "- It holds."),
        ("It holds citeturn3search0turn3news2, I think.", "It holds, I think."),
        ("It holdsciteturn3search0.", "It holds."),
        ("It holds \u{e200}cite\u{e202}turn3search0\u{e202}turn3view1\u{e201}.", "It holds."),
        ("It holds \\ue202turn3search0 \\ue200\\ue202turn3search1\\ue202turn3news2\\ue201.", "It holds."),
        (
            "By the \u{e200}entity\u{e202}[\"river\",\"Drava\",\"in Maribor\"]\u{e201} weir.",
            "By the Drava weir.",
        ),
        ("By the entity[\"river\",\"Drava\"] weir.", "By the Drava weir."),
        (
            "See \u{e200}url\u{e202}the plan\u{e202}https://weir.example/plan\u{e201}.",
            "See [the plan](https://weir.example/plan).",
        ),
        ("It holds [3†source] [citation:2][reference:0].", "It holds."),
        ("[cite_start]It holds [cite: 2, 5].", "It holds."),
        ("It holds [^3^].", "It holds."),
        ("Thought for 12 seconds\n\nIt holds.", "It holds."),
        ("ChatGPT said:\n\nIt holds.", "It holds."),
        ("Assistant: It holds.", "It holds."),
        ("It holds.\n\nCopy code", "It holds."),
        ("It holds.\n\nChatGPT can make mistakes. Check important info.\n\n2 / 2", "It holds."),
        ("So:\n\nrust\nCopy code\nfn main() {}", "So:\n\nrust\n\nfn main() {}"),
        ("It\u{200b} holds\u{2028}well.", "It holds\nwell."),
        ("It holds the cafÃ© â€” andÂ\u{a0}more.", "It holds the café — and\u{a0}more."),
    ];
    for (bad, good) in cases {
        assert_eq!(fixed(bad), good);
        assert_eq!(fixed(good), good, "a second time changes nothing");
    }
}

#[test]
fn what_may_be_words_is_shown_and_left() {
    let cases = [
        ("L01", "AI: it holds what it learnt."),
        ("L01", "Assistant: hello.\nCaller: good day."),
        ("L10", "Press the key that fits.\n\nCopy"),
        ("L10", "It holds.\n\nYou said:\n\nDoes it?"),
        ("L10", "It holds.\n\nA is more helpful"),
        ("L13", "See \u{e200}navlist\u{e202}Weirs of the valley\u{e202}turn0news1\u{e201} today."),
        ("L18", "It is lost: \u{fffd}."),
        ("L19", "It reads:\n\n```\ncafÃ©\n```"),
    ];
    for (rule, text) in cases {
        let found: Vec<Finding> = findings_of(text);
        let of_answer = found.iter().filter(|f| f.field == Field::Response && f.rule == rule);
        assert!(of_answer.clone().count() > 0, "{rule} {text}");
        assert!(of_answer.clone().all(|f| f.fix.is_none()), "{rule} {text}");
        assert_eq!(fixed(text), text);
    }
}

const MARKS: [&str; 12] = [
    "【4:0†source】",
    "【12†L3-L9】",
    ":contentReference[oaicite:0]{index=0}",
    "citeturn0search1turn0news4",
    " turn2view0",
    "\u{e200}cite\u{e202}turn0search3\u{e201}",
    "\\ue202turn0search0",
    "[cite: 4]",
    "[^2^]",
    "\u{200b}",
    "\u{feff}",
    "\u{7}",
];

/// Words of all clean texts with marks between them: when the marks are gone the words are all there, in order.
#[test]
fn no_word_between_marks_is_lost() {
    let words: Vec<&str> = CLEAN
        .iter()
        // Where they have a meaning, invisible characters stay.
        .filter(|(language, _)| {
            !["Thai", "Khmer", "Lao", "Burmese", "Hebrew", "Arabic", "Persian", "Code"].contains(language)
        })
        .flat_map(|(_, text)| text.split_whitespace())
        .filter(|word| word.chars().all(|c| c.is_alphanumeric() || "“”«»„‘’…–—,.;:!?()".contains(c)))
        .collect();
    assert!(words.len() > 200);
    let mut seeded = Seeded::new(7);
    for _ in 0..400 {
        let chosen: Vec<&str> = (0..30).map(|_| *seeded.one_of(&words)).collect();
        let mut text = String::from("So");
        let mut plain = text.clone();
        for word in &chosen {
            if seeded.below(3) == 0 {
                text.push_str([" ", ""][seeded.below(2)]);
                let mark: &str = seeded.one_of::<&str>(&MARKS);
                text.push_str(mark);
            }
            text.push_str(&format!(" {word}"));
            plain.push_str(&format!(" {word}"));
        }
        let found = fixed(&text);
        let words_of = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words_of(&found), words_of(&plain), "{text:?}");
    }
}

proptest! {
    /// Whatever stands in a text, a fix takes letters only out of what its rule calls residue.
    #[test]
    fn a_fix_takes_letters_only_from_residue(text in "(\\PC|\n|\n\n|[a-zà-ÿÀ-ß]|[“”’«»…–]|â€™|Ã¼|\u{200b}|User: |Copy\n|【1†s】|【語】|turn0search1|\u{e200}|\u{e201}|\u{e202}|`|You said:\n){0,60}") {
        for finding in findings_of(&text) {
            let Some(fix) = &finding.fix else { continue };
            let row = &rows_of(&text)[usize::from(finding.id == "b")];
            let span = &row.text(finding.field)[finding.span.clone()];
            let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).count();
            match finding.rule {
                // Their spans are marks alone.
                "L01" | "L10" | "L13" => {}
                "L18" => prop_assert_eq!(letters(span), 0),
                "L19" => prop_assert!(!fix.is_empty() && fix.chars().count() < span.chars().count()),
                other => prop_assert!(false, "{other} has a fix that nobody has thought about"),
            }
        }
    }
}
