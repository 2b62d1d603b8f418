//! Each rule on a text that has the fault and on a near miss that has not.

use affinage_dataset::conversation::Feedback;
use affinage_dataset::lint::rules::RULES;
use affinage_dataset::lint::{Field, Finding, Known, Severity, Subject, lint, lint_across, lint_known};
use affinage_dataset::message::{Message, Role};
use proptest::prelude::*;

fn subject(prompt: &str, response: &str) -> Subject {
    Subject {
        id: "x".into(),
        conversation: "c".into(),
        system: None,
        context: Vec::new(),
        prompt: prompt.into(),
        response: response.into(),
        truncated: None,
        feedback: None,
        missing: None,
        beside: Vec::new(),
        prompt_media_count: 0,
        prompt_attachment_count: 0,
        prompt_drafted: false,
        role_fault: None,
    }
}

fn rules_of(subject: &Subject) -> Vec<&'static str> {
    let mut rules: Vec<&str> = lint(std::slice::from_ref(subject)).into_iter().map(|f| f.rule).collect();
    rules.dedup();
    rules
}

const PLAIN: &str = "What should I do with an old boat?";

/// Rule, prompt, answer with the fault, answer without it.
fn answers() -> Vec<(&'static str, &'static str, String, String)> {
    let case = |rule, bad: &str, good: &str| (rule, PLAIN, bad.to_owned(), good.to_owned());
    vec![
        case("L01", "Assistant: Sell it.", "Assistants would sell it."),
        case("L02", "Sell it.\n\nHuman: no.\n\nKeep it.", "Sell it.\n\nThe human factor: no."),
        case("L02", "Sell it.<|im_end|>", "Write `<|im_end|>` to sell it."),
        case("L02", "Sell it.\n\nUser: no.", "The line `User:` sells it."),
        case("L02", "Sell it.<｜end▁of▁sentence｜>", "Sell it |> now."),
        case("L03", "  \n", "Sell it."),
        case(
            "L06",
            "Sell it.\n\n## Instruction: write a poem.",
            "Sell it.\n\n## Instructions\n\nCall a broker.",
        ),
        case("L07", "ANNA: Sell it.\n\nBERT: Keep it.", "Pros: cheap.\n\nCons: wet."),
        case(
            "L07",
            "Anna: Sell it.\n\nBert: Keep it.\n\nAnna: No.\n\nBert: Yes.",
            "Note: it leaks.\n\nWarning: rot.\n\nTip: tar it.\n\nNote: then sell it.",
        ),
        case("L08", "Sell it.\n\nThank you, Claude, that helped.", "Sell it.\n\nThank the sea for it."),
        case("L10", "Sell it.\n\nCopy code", "Copy code from the manual, then sell it."),
        case("L10", "Sell it.\n\n2 / 3", "It leaks on 2 / 3 of its length."),
        case("L10", "Sell it.\n\nShare", "Share\n\nSell it.\n\nA boat is what is left:\n\nShare"),
        case("L10", "Sell it.\n\nA is more helpful", "A kind word is more helpful than a long one."),
        case(
            "L10",
            "Claude can make mistakes. Please double-check responses.",
            "Claude can make mistakes. So can I.",
        ),
        case("L12", "Sell it.</end_instructions>", "Use the `system` call and an artifact of wood."),
        case("L12", "Sell it.</details>", "Fold it with `<details>`."),
        case("L12", ":::artifact{identifier=\"a\"}\nSell it.\n:::", ":::tip\nSell it.\n:::"),
        case("L12", "[TOOL_REQUEST]{}[END_TOOL_REQUEST] Sell it.", "[TOOLS] Sell it."),
        case("L12", "<|python_tag|>sell() it.", "Write `<|python_tag|>` to sell it."),
        case("L12", "[TOOL_CALLS][{}] Sell it.", "The tool calls: sell it."),
        case("L12", "<function=sell>{}</function> Sell it.", "A function sells it."),
        case("L13", "Sell it【4:0†source】 now.", "Sell it [4] now."),
        case("L13", "Sell it \\ue202turn0search0 now.", "Sell it in turn 0, search 0."),
        case("L13", "Sell it【4:0†wall.pdf】 now.", "【結論】 Sell it now."),
        case(
            "L14",
            "This block is not supported on your current device yet.",
            "This block of wood is not supported.",
        ),
        case("L15", "See sandbox:/mnt/data/boat.csv for it.", "A sandbox holds toys."),
        case("L15", "```tool_code\nprint(1)\n```", "```python\nprint(1)\n```"),
        case("L15", "{\"search_query\":[{\"q\":\"boats\"}]}", "{\"name\": \"Anna\", \"boat\": true}"),
        case("L16", "<think>hm\n\nSell it.", "Put `<think>hm</think>` first.\n\nSell it."),
        case("L16", "<think>hm</think>\n\nSell it.", "He thinks <hm>."),
        case("L16", "<think>\n</think>Sell it.", "I think you should sell it."),
        case("L17", "![x](data:image/png;base64,iVBORw0KGgo=)", "Data: image of a boat."),
        case("L18", "Sell\u{200b} it.", "Sell it 👩‍👧 now."),
        case("L19", "Donâ€™t sell it.", "Don’t sell it, André."),
        case(
            "L21",
            "I would sell it, because in the end nobody will",
            "I would sell it, because in the end nobody will.",
        ),
        case(
            "L21",
            "The boat is old, and here is what I would do about it:\nI would sell it to",
            "The tide is out, the boat is old,\nand what was bought will now be sold",
        ),
        case("L22", "Run:\n```\nsell()", "Run:\n```\nsell()\n```"),
        case("L22", "It is $$x = 1 you know.", "It is $$x = 1$$ you know."),
        case("L22", "Begin with \\[ and go on.", "Begin with `\\[` or `$$` and go on."),
        case("L23", "Do this:\n\npython\nimport boat\n", "Do this:\n\n```python\nimport boat\n```"),
        case("L24", "1. Wash it.\n1. Sell it.", "1. Wash it.\n2. Sell it."),
        case("L25", "Sell it. Would you like me to continue?", "Sell it. To be continued by the sea."),
        case("L30", "As an AI language model, I have no boat.", "As an aisle is long, so is a boat."),
        case(
            "L31",
            "I'm sorry, but I can't help with boats.",
            "It is a pity that I cannot help praising boats.",
        ),
        case("L33", "Great question! Sell it.", "The great question is who buys it."),
        case("L36", "*smiles warmly* Sell it.", "*Sell* it, he smiles."),
        case("L37", "As ChatGPT I say: sell it.", "Claude Monet would paint it."),
        case(
            "P01",
            "The key is sk-EXAMPLEa8Kq2Zt9Lw4Xc8Vb1Np6Rk3.",
            "The key is sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxx.",
        ),
        case("P02", "Write to anna@boats.net soon.", "Write to anna@example.org soon."),
        case("P02", "Pay to DE89370400440532013000 soon.", "Pay to DE89370400440532013001 soon."),
        case("P02", "Card 4111 1111 1111 1111 it is.", "Card 4111 1111 1111 1112 it is."),
        case("P02", "The server is 93.184.216.34 there.", "The server is 192.168.1.10 there."),
    ]
}

#[test]
fn every_rule_finds_its_fault_and_not_the_near_miss() {
    for (rule, prompt, bad, good) in answers() {
        let found = rules_of(&subject(prompt, &bad));
        assert!(found.contains(&rule), "{rule} must be found in {bad:?}, found {found:?}");
        let found = rules_of(&subject(prompt, &good));
        assert!(!found.contains(&rule), "{rule} must not be found in {good:?}");
    }
}

#[test]
fn clean_answers_have_no_findings_at_all() {
    let clean = [
        "Sell it, or keep it and be poor: both are answers.",
        "Yes.",
        "There are three ways:\n\n1. Sell it.\n2. Burn it.\n3. Sit in it",
        "The ethics of boats is a question of morals; racism, said the ethical captain, has no place at sea.",
        "```rust\nlet boat = sell();\n```",
        "Roses are red,\nboats are blue,\nsell it to me",
        "\"And are we late?\" he asked--",
    ];
    for text in clean {
        assert_eq!(rules_of(&subject(PLAIN, text)), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn facts_of_the_provider_are_findings() {
    let mut cut = subject(PLAIN, "Sell it.");
    cut.truncated = Some("max_tokens".into());
    assert_eq!(rules_of(&cut), ["L20"]);
    let mut down = subject(PLAIN, "Sell it.");
    down.feedback = Some(Feedback::Down);
    assert_eq!(rules_of(&down), ["L39"]);
    let mut media = subject("What is this?", "A boat.");
    media.prompt_media_count = 1;
    assert_eq!(rules_of(&media), ["L32"]);
    let mut file = subject("What does the attached file say?\n\nBoats leak.", "That boats leak.");
    assert_eq!(rules_of(&file), ["L32"]);
    file.prompt_attachment_count = 1;
    assert_eq!(rules_of(&file), Vec::<&str>::new(), "its words are in the prompt");
    let listed = "<uploaded_files>\n<file name=\"boats.txt\"/>\n</uploaded_files>\n\nWhat does it say?";
    assert_eq!(rules_of(&subject(listed, "That boats leak.")), ["L12", "L32"]);
    assert_eq!(rules_of(&subject("Summarise https://boats.net/old for me.", "It is long.")), ["L32"]);
}

#[test]
fn follow_ups_need_their_context() {
    let mut follow_up = subject("Now make it shorter.", "Sell it.");
    assert_eq!(rules_of(&follow_up), ["L05"]);
    follow_up.context =
        vec![Message::new(Role::User, PLAIN), Message::new(Role::Assistant, "Sell the boat.")];
    assert_eq!(rules_of(&follow_up), Vec::<&str>::new());
}

#[test]
fn prompts_that_ask_nothing_are_told_from_short_questions_and_tasks() {
    let asks_nothing = |prompt: &str| rules_of(&subject(prompt, "Sell it.")).contains(&"L42");
    let empty = [
        "Certainly.",
        "True.",
        "Go on.",
        "Yes",
        "yes, yes",
        "OK, thanks!",
        "I agree.",
        "By all means.",
        "👍",
        "…",
        "That's right.",
        "Sehr wahr.",
        "Ja, natürlich.",
        "C’est vrai.",
        "Bien sûr",
        "¡Claro que sí!",
        "È vero.",
        "É verdade",
        "Dat klopt.",
        "Självklart.",
        "Selvfølgelig",
        "Juuri niin.",
        "To prawda.",
        "Přesně tak!",
        "Így van.",
        "Așa este.",
        "Βεβαίως.",
        "Конечно.",
        "Саме так",
        "Aynen öyle",
        "بالتأكيد",
        "נכון מאוד",
        "درست است",
        "ठीक है",
        "Tentu saja.",
        "Đúng vậy.",
        "ใช่ครับ",
        "是的。",
        "好的，谢谢",
        "明白了，请继续。",
        "はい、そうです。",
        "なるほど。",
        "ありがとうございます",
        "네, 맞아요.",
        "계속해 줘",
    ];
    for prompt in empty {
        assert!(asks_nothing(prompt), "{prompt}");
    }
    let asking = [
        "Why?",
        "Yes?",
        "How so",
        "What is moss?",
        "Translate this",
        "Summarise.",
        "Define virtue.",
        "Love",
        "2 + 2",
        "b)",
        "x",
        "Rome, please.",
        "Not that one.",
        "True or false",
        "Say yes.",
        "Thank you notes",
        "Write more poems",
        "Hello",
        "Stop.",
        "Again.",
        "Shorter.",
        "No, Berlin.",
        "Warum?",
        "Und dann",
        "Gedichte, bitte.",
        "Wie weiter",
        "Pourquoi",
        "Résume.",
        "¿Y ahora?",
        "Otra vez",
        "Perché",
        "Traduci questo",
        "Por quê",
        "Waar",
        "Vertaal dit",
        "Varför då",
        "Oversett dette",
        "Miksi",
        "Käännä tämä",
        "Dlaczego",
        "Przetłumacz to",
        "Proč",
        "Přelož to",
        "Miért",
        "Fordítsd le",
        "De ce",
        "Tradu asta",
        "Γιατί",
        "ναι;",
        "Μετάφρασε αυτό",
        "Почему",
        "Переведи это",
        "Чому",
        "Neden",
        "Bunu çevir",
        "لماذا",
        "ترجم هذا",
        "למה",
        "תרגם את זה",
        "چرا",
        "क्यों",
        "Mengapa",
        "Terjemahkan ini",
        "Tại sao",
        "Dịch câu này",
        "ทำไม",
        "แปลหน่อย",
        "为什么",
        "翻译一下",
        "是吗？",
        "写一首诗",
        "请解释道德",
        "なぜ",
        "翻訳して",
        "詩を書いて",
        "왜",
        "번역해 줘",
        "시를 써 줘",
    ];
    for prompt in asking {
        assert!(!asks_nothing(prompt), "{prompt}");
    }
    let with_picture = Subject { prompt_media_count: 1, ..subject("Yes.", "Sell it.") };
    assert!(!rules_of(&with_picture).contains(&"L42"));
}

#[test]
fn errors_in_the_context_count_because_it_is_training_text() {
    let mut with_context = subject("Why?", "Because.");
    with_context.context =
        vec![Message::new(Role::User, PLAIN), Message::new(Role::Assistant, "Sell it.<|im_end|>")];
    let findings = lint(&[with_context]);
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].rule, findings[0].field), ("L02", Field::Context(1)));
}

#[test]
fn what_no_row_may_hold_is_found_in_each_of_its_texts() {
    let faults = [
        ("P01", "The key is sk-EXAMPLEa8Kq2Zt9Lw4Xc8Vb1Np6Rk3."),
        ("P02", "Write to anna@boats.net soon."),
        ("P03", "Marga Testrup told me so."),
        ("L02", "Sell it.<|im_end|>"),
        ("L12", "<tool_call>{}</tool_call> Sell it."),
        ("L13", "Sell it【4:0†source】 now."),
        ("L16", "<think>hm</think> Sell it."),
        ("L18", "Sell\u{200b} it."),
        ("L19", "Donâ€™t sell it."),
    ];
    let known = Known { names: vec!["Marga Testrup".into()] };
    let roles = [Role::System, Role::User, Role::Assistant, Role::User, Role::Assistant];
    let fields = [Field::System, Field::Context(0), Field::Context(1), Field::Prompt, Field::Response];
    for (rule, text) in faults {
        for (place, field) in fields.into_iter().enumerate() {
            let mut messages: Vec<Message> =
                roles.iter().map(|role| Message::new(*role, "Sell it.")).collect();
            text.clone_into(&mut messages[place].content);
            let found = lint_known(&[Subject::of_messages("x", "c", &messages)], &known);
            let places: Vec<(&str, Field)> = found.iter().map(|f| (f.rule, f.field)).collect();
            assert!(places.contains(&(rule, field)), "{rule} in {field:?}: {places:?}");
            assert!(places.iter().all(|(_, found)| *found == field), "{rule} in {field:?}: {places:?}");
        }
    }
    let shown = [
        Message::new(Role::System, "Turns look so:\nUser: why?\nAssistant: so."),
        Message::new(Role::User, PLAIN),
        Message::new(Role::Assistant, "Sell it."),
    ];
    assert_eq!(
        rules_of(&Subject::of_messages("x", "c", &shown)),
        Vec::<&str>::new(),
        "an example in an instruction"
    );
}

#[test]
fn rows_with_roles_out_of_order_are_found() {
    let row = |roles: &[Role]| -> Vec<Message> {
        roles.iter().map(|role| Message::new(*role, "Some words.")).collect()
    };
    let rules = |roles: &[Role]| rules_of(&Subject::of_messages("x", "c", &row(roles)));
    use Role::{Assistant, System, User};
    assert_eq!(rules(&[System, User, Assistant]), Vec::<&str>::new());
    assert_eq!(rules(&[User, Assistant, User, Assistant]), Vec::<&str>::new());
    assert_eq!(rules(&[Assistant, User, Assistant]), ["L04"]);
    assert_eq!(rules(&[User, User, Assistant]), ["L04"]);
    assert_eq!(rules(&[User]), ["L04"]);
    assert_eq!(rules(&[]), ["L04"]);
}

#[test]
fn repetition_is_measured() {
    let varied: String = (0..80).map(|i| format!("word{i} ")).collect::<String>() + "end.";
    assert_eq!(rules_of(&subject(PLAIN, &varied)), Vec::<&str>::new());
    let looped = "the boat is old and it is ".repeat(12) + "wet.";
    assert_eq!(rules_of(&subject(PLAIN, &looped)), ["L34"]);
    let doubled = ["A first paragraph with enough words in it to count as one of the text.", "Another."]
        .join("\n\n")
        .repeat(5);
    assert!(rules_of(&subject(PLAIN, &doubled.replace("Another.", "Another.\n\n"))).contains(&"L34"));
}

fn numbered(index: usize, prompt: &str, response: &str) -> Subject {
    Subject { id: index.to_string(), conversation: format!("c{}", index % 2), ..subject(prompt, response) }
}

#[test]
fn the_same_edge_line_in_several_conversations_is_residue() {
    let answer = |i: usize| format!("Answer number {i}.\n\nSee you soon on my channel!");
    let subjects: Vec<Subject> = (0..3).map(|i| numbered(i, &format!("Question {i}?"), &answer(i))).collect();
    let findings = lint(&subjects);
    assert_eq!(findings.iter().filter(|f| f.rule == "L11").count(), 3);
    assert_eq!(&subjects[0].response[findings[0].span.clone()], "See you soon on my channel!");
    assert!(lint(&subjects[..2]).is_empty(), "two are not enough");
    let asked = |i: usize| format!("Hello there,\nwhat is {i} times three?");
    let answers = ["It is nothing.", "It is three.", "It is six."];
    let greeted: Vec<Subject> = (0..3).map(|i| numbered(i, &asked(i), answers[i])).collect();
    let findings = lint(&greeted);
    assert!(
        findings.iter().all(|f| f.severity == Severity::Information),
        "no example is lost for its prompt"
    );
    let short: Vec<Subject> = (0..3).map(|i| numbered(i, &format!("Question {i}?"), "Certainly.")).collect();
    assert!(lint(&short).is_empty(), "a whole answer is no edge line");
}

#[test]
fn what_tells_liked_from_rejected_answers_by_itself_is_found() {
    let rated = |i: usize, answer: &str| Subject {
        feedback: Some(if i.is_multiple_of(2) { Feedback::Up } else { Feedback::Down }),
        ..numbered(i, &format!("Question {i}?"), answer)
    };
    let find = |answer: &dyn Fn(usize) -> String| -> Vec<String> {
        let subjects: Vec<Subject> = (0..60).map(|i| rated(i, &answer(i))).collect();
        lint(&subjects).into_iter().filter(|f| f.rule == "L40").map(|f| f.message).collect()
    };
    let word = |i: usize| char::from(b'a' + (i % 26) as u8).to_string().repeat(4 + i % 5);
    assert_eq!(find(&|i| format!("{} is right.", word(i))), Vec::<String>::new());
    let marked = find(&|i| format!("{}{} is right.", if i % 2 == 0 { "Certainly! " } else { "" }, word(i)));
    assert!(matches!(marked.as_slice(), [one] if one.contains("30 liked from 30 rejected")), "{marked:?}");
    let long = find(&|i| format!("{} is right.", word(i).repeat(1 + 20 * (1 - i % 2))));
    assert_eq!(long.len(), 1, "length alone");
}

#[test]
fn names_and_languages_that_are_not_the_projects() {
    let known = Known { names: vec!["Anna Berg".into(), "Jo".into()] };
    let found: Vec<String> =
        lint_known(&[subject("Ask Anna, Annabel or Jo.", "Anna Berg and Bergen; Johan.")], &known)
            .into_iter()
            .map(|f| format!("{} {:?} {:?}", f.rule, f.field, f.span))
            .collect();
    assert_eq!(found, ["P03 Prompt 4..8", "P03 Prompt 21..23", "P03 Response 0..9"]);
    let english =
        "The boat is old, and nobody in the village remembers who built it or why it was painted green";
    let german = "Das Boot ist alt, und niemand im Dorf weiß noch, wer es gebaut hat oder warum es grün gestrichen wurde.";
    let mut subjects: Vec<Subject> =
        (0..12).map(|i| numbered(i, &format!("Question {i}?"), &format!("{english} {i}."))).collect();
    subjects[5].response = german.to_owned();
    let others = |subjects: &[Subject]| -> Vec<String> {
        lint(subjects).into_iter().filter(|f| f.rule == "L35").map(|f| f.id).collect()
    };
    assert_eq!(others(&subjects), ["5"]);
    subjects.iter_mut().take(8).for_each(|subject| subject.response = german.to_owned());
    assert_eq!(others(&subjects), Vec::<String>::new(), "a project of two languages has no foreign one");
}

#[test]
fn an_answer_to_another_prompt_is_suspect() {
    // A ring of words: each prompt takes 13 of them, its answer the first 4, so neighbours share a few.
    let letter = |n: usize| char::from(b'a' + (n % 26) as u8);
    let word = |n: usize| -> String {
        [n % 60, 7 * n % 60, 11 * n % 60, n % 60 / 26, 17].map(letter).iter().collect()
    };
    let some = |from: usize, count: usize| (from..from + count).map(word).collect::<Vec<_>>().join(" ");
    let mut subjects: Vec<Subject> =
        (0..60).map(|i| numbered(i, &some(i, 13), &format!("{}.", some(i, 4)))).collect();
    let wrong = |subjects: &[Subject]| {
        lint(subjects).iter().filter(|f| f.rule == "L38").map(|f| f.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(wrong(&subjects), Vec::<String>::new());
    subjects[0].response = "Quite so, and nothing more was ever said about that matter.".into();
    assert_eq!(wrong(&subjects), ["0"]);
    let pair = lint(&subjects).into_iter().find(|f| f.rule == "L38").expect("a finding");
    assert_eq!(pair.severity, Severity::Information, "shared words alone must not keep an answer out");
}

fn fixed(text: &str, findings: &[Finding]) -> String {
    let mut text = text.to_owned();
    let mut findings: Vec<&Finding> = findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.span.start));
    for finding in findings {
        if let Some(fix) = &finding.fix {
            text.replace_range(finding.span.clone(), fix);
        }
    }
    text
}

#[test]
fn safe_fixes_remove_the_fault_and_nothing_else() {
    let cases = [
        ("Assistant: Sell it.", "Sell it."),
        ("Sell it【4:0†source】 now.", "Sell it now."),
        ("Donâ€™t sell\u{200b} it.", "Don’t sell it."),
        ("Sell it.\n\nCopy code", "Sell it.\n\n"),
    ];
    for (bad, good) in cases {
        assert_eq!(fixed(bad, &lint(&[subject(PLAIN, bad)])), good);
    }
}

#[test]
fn the_table_is_ordered_and_its_titles_are_facts() {
    let ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    assert!(RULES.iter().all(|rule| rule.title.len() < 60 && !rule.title.ends_with('.')));
    assert!(RULES.iter().any(|rule| rule.severity == Severity::Error));
}

proptest! {
    /// Spans are character boundaries of their field, whatever the text.
    #[test]
    fn spans_point_into_the_text(prompt in "\\PC{0,80}", response in "(\\PC|\n|`|<think>|â€™|\u{200b}|User:|【1†s】){0,60}") {
        let subject = subject(&prompt, &response);
        for finding in lint(std::slice::from_ref(&subject)) {
            let text = subject.text(finding.field);
            prop_assert!(text.get(finding.span.clone()).is_some(), "{} {:?}", finding.rule, finding.span);
        }
    }
}

#[test]
fn of_near_duplicates_a_note_of_its_own_is_kept_and_a_piece_of_a_collection_is_not() {
    let weir = "The water falls over the old wall all day, and at night one hears it from the house on the hill where nobody has lived since the war.";
    let mill = "The mill is loud in spring and silent in summer, and those who live beside it wake when it stops, and cannot say what it was that woke them.";
    let note = |id: &str, key: &str, prompt: &str, text: String| Subject {
        id: id.to_owned(),
        conversation: key.to_owned(),
        prompt_drafted: true,
        ..subject(prompt, &text)
    };
    let subjects = [
        note("piece", "note:offprint.pdf-01234567", "Write about: Water", format!("{weir} Lower Review.")),
        note("other", "note:offprint.pdf-12345678", "Write about: Noise", format!("{mill} Lower Review.")),
        note("weir", "note:weir.md-23456789", "Write about: The weir", weir.to_owned()),
        note("mill", "note:mill.md-34567890", "Write about: The mill", mill.to_owned()),
        note("untitled", "note:2020.md-45678901", "“The water falls over …”", format!("{weir} It is so.")),
    ];
    let flagged: Vec<(String, String)> =
        lint(&subjects).into_iter().filter(|f| f.rule == "L41").map(|f| (f.id, f.message)).collect();
    let kept =
        |first: &str, id: &str| format!("nearly the same answer as another example: “{first}…” (`{id}`)");
    let weir_kept = kept("The water falls over the old wall all da", "weir");
    assert_eq!(
        flagged,
        [
            ("piece".to_owned(), weir_kept.clone()),
            ("other".to_owned(), kept("The mill is loud in spring and silent in", "mill")),
            ("untitled".to_owned(), weir_kept),
        ]
    );
    let copies = [
        note(
            "copy",
            "note:old/weir (copy).md-01234567",
            "Write about: The weir",
            format!("{weir} It is so."),
        ),
        note("original", "note:weir.md-23456789", "Write about: The weir", weir.to_owned()),
    ];
    let flagged: Vec<String> = lint(&copies).into_iter().filter(|f| f.rule == "L41").map(|f| f.id).collect();
    assert_eq!(flagged, ["copy"], "an original is never left out in favour of a copy, however long that is");
}

#[test]
fn what_needs_more_than_one_example_is_what_one_example_never_shows() {
    let known = Known { names: vec!["Ida Feld".to_owned()] };
    let text = |n: usize| format!("Lower Review\n\nIda Feld came {n} times.");
    let subjects: Vec<Subject> = (0..3)
        .map(|n| Subject { id: n.to_string(), conversation: format!("c{n}"), ..subject(PLAIN, &text(n)) })
        .collect();
    let mut alone: Vec<Finding> = subjects.iter().flat_map(|one| lint(std::slice::from_ref(one))).collect();
    let across = lint_across(&subjects, &known);
    let rules: std::collections::BTreeSet<&str> = across.iter().map(|finding| finding.rule).collect();
    assert!(rules.contains("L11") && rules.contains("P03"), "{rules:?}");
    alone.extend(across);
    let key = |f: &Finding| (f.id.clone(), f.rule, f.field, f.span.start);
    alone.sort_by_key(key);
    let mut all = lint_known(&subjects, &known);
    all.sort_by_key(key);
    assert_eq!(alone, all);
}
