//! One defect at a time, worded as pages, platforms and people word it, planted into clean conversations.
//!
//! Wordings come from how exports look, not from the patterns of the rules; several are not in any pattern.

use super::corpus::{Answer, Chat, Turn, Words, answer, prompt};
use super::secrets;
use crate::seeded::Seeded;

/// A conversation with the rule that must speak.
pub struct Planted {
    pub rule: &'static str,
    /// Rules that may speak too: the defect is one of theirs as well.
    pub also: Vec<&'static str>,
    pub chat: Chat,
}

/// Where a text goes.
#[derive(Debug, Clone, Copy)]
enum Place {
    Lead,
    /// A paragraph of its own between two others.
    Between,
    Tail,
    /// Behind the last sentence, without a line of its own.
    Glued,
    Whole,
    PromptLead,
    PromptTail,
    Prompt,
}
use Place::*;

impl Place {
    /// A wording that is planted several times is a line several conversations have, and need not end in a full stop;
    /// as a whole answer it is a duplicate.
    fn side_effects(self) -> &'static [&'static str] {
        match self {
            Lead | Prompt | PromptLead | PromptTail => &["L11"],
            Tail | Glued => &["L11", "L21"],
            Between => &[],
            Whole => &["L11", "L21", "L41"],
        }
    }
}

type Case = (&'static str, &'static [&'static str], Place, &'static [&'static str]);

const CASES: &[Case] = &[
    (
        "L01",
        &["L37"],
        Lead,
        &[
            "Assistant: ",
            "ASSISTANT: ",
            "**Assistant:** ",
            "Assistant:\n\n",
            "ChatGPT: ",
            "ChatGPT:\n",
            "Claude: ",
            "🤖\n",
            "AI: ",
            "Gemini: ",
            "Bot: ",
            "**AI:** ",
            "### Assistant\n",
            "assistant\n",
            "[Assistant]: ",
            "GPT-4: ",
        ],
    ),
    (
        "L01",
        &["L37"],
        PromptLead,
        &["User: ", "Human: ", "**Human:** ", "You:\n", "USER: ", "User\n", "### User\n", "[User]: "],
    ),
    (
        "L02",
        &["L07", "L06"],
        Tail,
        &[
            "User: And what about the other one?",
            "Human: thanks, go on",
            "**User:** Is that all?",
            "Assistant: It is not all.",
            "USER: why?",
            "### Human: Say it shorter.",
            "### Response: It depends on the weather.",
            "🤖\nassistant\nIt is well known.",
            "<|im_start|>user\nIs that all?<|im_end|>",
            "<start_of_turn>user\nIs that all?<end_of_turn>",
            "[INST] Is that all? [/INST]",
            "<|user|>\nIs that all?",
            "### Assistant:\nIt depends.",
            "### User:\nIs that all?",
            "<|start_header_id|>user<|end_header_id|>",
            "**Human**: Is that all?",
        ],
    ),
    (
        "L02",
        &[],
        Glued,
        &["<|im_end|>", "<|eot_id|>", "<|endoftext|>", " [/INST]", "<end_of_turn>", "</s>", "<|end|>"],
    ),
    ("L03", &["L18"], Whole, &["", "   ", "\n\n", "\u{200b}"]),
    (
        "L05",
        &[],
        Prompt,
        &[
            "Now make it shorter.",
            "This is great, but less formal please.",
            "the second one",
            "Can you rewrite that in a friendlier tone?",
            "Thanks! And in French?",
            "Continue",
            "go on please",
            "What about the other two?",
            "Why did you choose the third one?",
            "Try again, without the last paragraph.",
            "That's wrong.",
            "Perfect, thank you so much",
            "As you said in [3], is it so?",
            "Make it rhyme.",
            "Expand on this.",
            "Shorten this.",
            "And why is that?",
            "Same again but for a child of six",
            "more",
        ],
    ),
    (
        "L06",
        &["L02"],
        Tail,
        &[
            "### Instruction:\nWrite a poem about rain.",
            "##\n18. Instruction: Describe a sunset.",
            "### Input:\nA list of towns.",
            "## Instruction: name three rivers.",
            "###\n\n7. Instruction: Sum up the text.",
            "### 12. Instruction: Name a colour.",
            "# Instruction\nName a colour.\n\n# Response\nBlue.",
            "Below is an instruction that describes a task. Write a response.",
        ],
    ),
    (
        "L07",
        &["L02", "L21"],
        Between,
        &[
            "ANNA: I would not.\n\nBERT: Then who would?",
            "Anna: I would not.\nBert: Then who would?\nAnna: Nobody.\nBert: Quite.",
            "**Socrates:** And is it so?\n\n**Phaedrus:** It is.\n\n**Socrates:** Then we agree.\n\n**Phaedrus:** We do.",
            "Mum: come home\nMe: soon\nMum: now\nMe: yes",
        ],
    ),
    (
        "L08",
        &["L37"],
        Tail,
        &[
            "Thank you, Claude, that was helpful.",
            "Thanks ChatGPT! You saved my evening.",
            "Can you make it shorter?",
            "could you please rewrite this as a list?",
            "Would you translate that into Spanish?",
            "Can you give me an example of that, please?",
            "Thank you Gemini, one more question.",
            "Please rewrite it in simpler words.",
            "Thanks, Claude. Now do the same for my brother.",
        ],
    ),
    (
        "L10",
        &["L37"],
        Tail,
        &[
            "Copy code",
            "Regenerate",
            "Regenerate response",
            "Share",
            "You said:",
            "ChatGPT said:",
            "Thought for 12 seconds",
            "Thought for 1m 4s",
            "2 / 3",
            "Was this response better or worse?\nBetter\nWorse\nSame",
            "Rated the first one slightly better",
            "A is much more helpful",
            "●●●○○",
            "Retry",
            "Read aloud",
            "Copy\nEdit",
            "Is this conversation helpful so far?",
            "ChatGPT can make mistakes. Check important info.",
            "Claude can make mistakes. Please double-check responses.",
        ],
    ),
    (
        "L10",
        &["L37"],
        Lead,
        &[
            "Thought for a couple of seconds\n\n",
            "ChatGPT said:\n\n",
            "Thought for 8s\n\n",
            "1 / 2\n\n",
            "Claude responded:\n\n",
        ],
    ),
    (
        "L12",
        &["L02", "L16"],
        Tail,
        &[
            "</system>",
            "<end_instructions>",
            "<dev_note>keep it short</dev_note>",
            "<artifact identifier=\"a\">x</artifact>",
            "</details>",
            "<function_calls>\n</function_calls>",
            "<system-reminder>Be brief.</system-reminder>",
            "<userStyle>plain</userStyle>",
            "<antArtifact type=\"text/markdown\">",
            "<tool_result>",
            ":::artifact{identifier=\"a\" type=\"text/markdown\"}\nx\n:::",
            ":::thinking\nThey want it short.\n:::",
            "[TOOL_REQUEST]\n{\"name\": \"look\"}\n[END_TOOL_REQUEST]",
            "[TOOL_CALLS][{\"name\": \"look\"}]",
            "<|python_tag|>look()",
            "<function=look>{}</function>",
            "<minimax:tool_call>\n</minimax:tool_call>",
            "<xai:function_call name=\"look\">",
            "<attached_files>\n<file name=\"a.txt\"/>\n</attached_files>",
        ],
    ),
    (
        "L13",
        &[],
        Glued,
        &[
            "【4:0†source】",
            "【12†L3-L9】",
            "\u{E200}cite\u{E202}turn0search3\u{E201}",
            ":contentReference[oaicite:0]{index=0}",
            " entity[\"city\",\"Lisbon\",\"Portugal\"]",
            " turn0search3",
            "\u{E200}filecite\u{E202}turn1file0\u{E201}",
            " [oaicite:2]",
            " citeturn0search1turn0news4",
            "【oaicite:5】",
            "【7:2†walls.pdf】",
            " \\ue202turn0search0",
            " \\ue200\\ue202turn1search1\\ue202turn1news2\\ue201",
            " [cite: 1, 4]",
            " [^3^]",
            " \u{E200}entity\u{E202}[\"river\",\"Drava\"]\u{E201}",
        ],
    ),
    (
        "L14",
        &["L31", "L37"],
        Tail,
        &[
            "This block is not supported on your current device yet.",
            "Viewing artifacts created via the Analysis Tool web feature preview isn't yet supported on mobile.",
            "This content may violate our usage policies.",
            "There was an error generating a response",
            "Something went wrong while generating the response.",
            "Something went wrong. If this issue persists please contact us through our help center at help.openai.com.",
            "```\nThis block is not supported on your current device yet.\n```",
            "Network error",
        ],
    ),
    (
        "L15",
        &["L12"],
        Whole,
        &[
            "{\"search_query\": [{\"q\": \"old boats\"}], \"response_length\": \"short\"}",
            "{\"prompt\": \"A ruin at dusk, oil painting\", \"size\": \"1024x1024\"}",
            "{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}",
            "{\"cmd\": [\"bash\", \"-lc\", \"ls\"]}",
            "search(\"old boats price\")",
            "<tool_call>\n{\"name\": \"lookup\", \"arguments\": {}}\n</tool_call>",
            "{\"tool_calls\": [{\"id\": \"call_1\", \"type\": \"function\"}]}",
        ],
    ),
    (
        "L15",
        &[],
        Tail,
        &[
            "[Download the table](sandbox:/mnt/data/table.csv)",
            "Traceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'x'",
            "![picture](file-service://file-abc123)",
            "![picture](sediment://file_00000000)",
        ],
    ),
    (
        "L16",
        &["L02"],
        Lead,
        &[
            "<think>\nThe user wants a summary.\n\n",
            "<think></think>",
            "<think>\n\n</think>\n\n",
            "The user wants it short.</think>\n\n",
            "<thinking>I should be brief.\n\n",
            "<thinking>\n</thinking>\n",
            "<think>\nThe user wants it short.\n</think>\n\n",
            "<thinking>I should be brief.</thinking>\n\n",
            "<thought>Brief.</thought>\n",
            "<reasoning>Brief.</reasoning>\n",
            "[THINK]Brief.[/THINK]",
            "◁think▷Brief.◁/think▷",
            "<seed:think>Brief.</seed:think>",
            "<|channel|>analysis<|message|>Brief.<|end|>",
        ],
    ),
    (
        "L18",
        &[],
        Between,
        &[
            "It is\u{200b} so.",
            "\u{feff}It is so.",
            "It is \u{fffd} so.",
            "It is\u{7} so.",
            "It is \u{202e}so.",
            "It is\u{2028}so.",
            "It is inter\u{ad}esting.",
            "It is\u{2060} so.",
            "It is\u{c}so.",
            "It is \u{fffd}\u{fffd} so.",
        ],
    ),
    (
        "L22",
        &["L21", "L23"],
        Tail,
        &[
            "```python\nprint(1)",
            "$$x = \\frac{1}{2}",
            "| part | count |\n|---|---|\n| lid | 2 |\n| base",
            "1. the lid\n2. the base\n3.",
            "- the lid\n- the base\n-",
            "~~~\nls -l",
            "\\[ x = 1",
            "| a | b |\n|---|---|",
        ],
    ),
    (
        "L23",
        &["L21", "L10"],
        Tail,
        &[
            "python\nimport os\nprint(os.getcwd())",
            "json\n{\"a\": 1}",
            "bash\n$ pip install boats",
            "sql\nSELECT name FROM boats;",
            "yaml\nname: boat\nsize: 3",
            "javascript\nconst boat = sell();",
            "html\n<div>boat</div>",
            "rust\nfn main() {}",
            "sh\nls -l | sort",
            "c\nint main(void) { return 0; }",
            "typescript\nlet a = 1;",
        ],
    ),
    (
        "L24",
        &[],
        Tail,
        &[
            "1. Wash it.\n1. Sell it.",
            "1. Wash it\nwell.\n1. Dry it.\n1. Sell it.",
            "1. Wash it.\n\n1. Sell it.",
        ],
    ),
    (
        "L25",
        &[],
        Tail,
        &[
            "[continued]",
            "(to be continued)",
            "Would you like me to continue?",
            "Do you want me to keep going?",
            "Shall I go on?",
            "Should I continue?",
            "[Continued in the next message]",
            "Let me know if you would like me to continue.",
            "Type \"continue\" for the rest.",
            "Want me to continue?",
            "(continues in part 2)",
        ],
    ),
    (
        "L30",
        &[],
        Between,
        &[
            "As an AI language model, I have no kitchen.",
            "I'm just an AI, so take it with care.",
            "As an AI, I do not sleep.",
            "I am an AI developed to help.",
            "As a large language model I cannot taste it.",
            "As an artificial intelligence, I have no hands.",
            "I'm only a language model.",
            "Being an AI, I have no childhood.",
            "as an AI assistant I have not seen it.",
        ],
    ),
    (
        "L31",
        &["L30", "L32"],
        Whole,
        &[
            "I'm sorry, but I can't help with that.",
            "I cannot assist with this request.",
            "Sorry, I can't do that.",
            "I am unable to open links.",
            "Unfortunately, I'm not able to browse the internet, but the general idea is simple enough.",
            "I don't have access to your files. You could paste the text here.",
            "I apologize, but I cannot provide that.",
            "I won't help you with this one.",
            "I do not have the ability to see pictures.",
            "I can’t browse the web from here, sadly.",
            "As much as I would like to, I can't comply with this request.",
            "I must decline to write this.",
        ],
    ),
    (
        "L32",
        &[],
        Prompt,
        &[
            "Summarize https://boats.net/history-of-the-keel for me, please, in about ten sentences.",
            "What do you see in the attached image of my kitchen?",
            "Translate the attached document into English, keeping all of its headings.",
            "Here is my essay:\n\n[pasted: essay.txt, 9000 characters]\n\nIs it any good?",
            "Read this article and tell me what it says: https://boats.net/a",
            "What is wrong with the code in the screenshot I uploaded?",
            "In this picture there is a plant. What is it called?",
            "Please look at the file I attached and list all mistakes in it.",
        ],
    ),
    (
        "L33",
        &[],
        Lead,
        &[
            "Great question! ",
            "You're absolutely right. ",
            "What an excellent question! ",
            "That's a great point. ",
            "Excellent point! ",
            "You are absolutely right, and I apologise. ",
            "What a fascinating question! ",
            "That's such a good question. ",
            "Good question! ",
            "I love this question! ",
        ],
    ),
    (
        "L36",
        &[],
        Lead,
        &[
            "*smiles warmly* ",
            "*chuckles* ",
            "*leans back in his chair* ",
            "*nods slowly*\n\n",
            "*pauses for a moment* ",
            "chuckles\n\n",
            "*takes a deep breath* ",
            "(chuckles) ",
            "[sighs] ",
            "*adjusts glasses* ",
        ],
    ),
    (
        "L37",
        &["L08"],
        Between,
        &[
            "I was made by OpenAI.",
            "As Claude, I see it like this.",
            "My training data ends there.",
            "ChatGPT would say the same.",
            "Since my knowledge cutoff nothing has changed.",
            "I'm Gemini, after all.",
            "As of my last update it was so.",
            "Anthropic has trained me to say so.",
            "GPT-4 does it better.",
        ],
    ),
];

/// Rules whose defects are not a text at a place.
pub fn planted(seeded: &mut Seeded, per_rule: usize) -> Vec<Planted> {
    let mut planted: Vec<Planted> = Vec::new();
    let mut rules: Vec<&'static str> = CASES.iter().map(|case| case.0).collect();
    rules.dedup();
    for rule in rules {
        // Every wording at least once, over all cases of a rule.
        let cases: Vec<(&Case, &str)> = CASES
            .iter()
            .filter(|case| case.0 == rule)
            .flat_map(|case| case.3.iter().map(move |text| (case, *text)))
            .collect();
        for number in 0..per_rule.max(cases.len()) {
            let (case, text) = cases[number % cases.len()];
            let mut chat = fresh(seeded, format!("{rule}-{number}"));
            put(&mut chat.turns[0], case.2, text);
            planted.push(Planted { rule, also: [case.1, case.2.side_effects()].concat(), chat });
        }
    }
    for number in 0..per_rule {
        for (rule, also, change) in OTHERS {
            let mut chat = fresh(seeded, format!("{rule}-{number}"));
            change(seeded, &mut chat);
            // Some of them are put at an end.
            planted.push(Planted { rule, also: [also, Tail.side_effects()].concat(), chat });
        }
    }
    planted
}

fn fresh(seeded: &mut Seeded, id: String) -> Chat {
    let words = Words::draw(seeded);
    let answers = vec![Answer::new(answer(seeded, &words))];
    let turn = Turn { prompt: prompt(seeded, &words), answers, abandoned: None, has_image: false };
    Chat { title: id.clone(), id, turns: vec![turn] }
}

fn put(turn: &mut Turn, place: Place, text: &str) {
    let answer = &mut turn.answers[0].text;
    match place {
        Lead => answer.insert_str(0, text),
        Tail => *answer += &format!("\n\n{text}"),
        Glued => answer.push_str(text),
        Between => {
            let end = answer.find("\n\n").expect("an answer has two paragraphs");
            answer.insert_str(end, &format!("\n\n{text}"));
        }
        Whole => *answer = text.to_owned(),
        PromptLead => turn.prompt.insert_str(0, text),
        PromptTail => turn.prompt += &format!("\n\n{text}"),
        Prompt => turn.prompt = text.to_owned(),
    }
}

type Change = fn(&mut Seeded, &mut Chat);

const OTHERS: &[(&str, &[&str], Change)] = &[
    ("L11", &[], |seeded, chat| {
        let lines = [
            "Follow me for more of this!",
            "— sent from the balcony",
            "Ask me anything else, anytime.",
            "Bis bald!",
        ];
        let line = *seeded.one_of(&lines);
        put(&mut chat.turns[0], Tail, line);
    }),
    ("L17", &[], |seeded, chat| {
        let data = secrets::characters(seeded, 300, secrets::BASE64);
        let wrapped: Vec<String> =
            data.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        let text = match seeded.below(4) {
            0 => data,
            1 => format!("![a picture](data:image/png;base64,{data})"),
            2 => format!("data:application/pdf;base64,{data}"),
            _ => wrapped.join("\n"),
        };
        put(&mut chat.turns[0], Tail, &text);
    }),
    ("L19", &["L18"], |seeded, chat| {
        let broken = [
            "donâ€™t",
            "cafÃ©",
            "â€œyesâ€\u{9d}",
            "naÃ¯ve",
            "â€”",
            "â€¦",
            "FranÃ§ois",
            "ðŸ˜€",
            "GrÃ¼ÃŸe",
            "Â£5",
        ];
        put(&mut chat.turns[0], Between, &format!("He said {} and left.", seeded.one_of(&broken)));
    }),
    ("L20", &["L21"], |_, chat| chat.turns[0].answers[0].truncated = true),
    ("L21", &["L22"], |seeded, chat| {
        let text = &mut chat.turns[0].answers[0].text;
        let words: Vec<usize> = text.rmatch_indices(' ').map(|(at, _)| at).collect();
        // Within the last sentences, behind a word without punctuation.
        let cut = words[3..9].iter().copied().find(|&at| text[..at].ends_with(|c: char| c.is_alphabetic()));
        text.truncate(cut.expect("nine words hold one without punctuation"));
        if seeded.below(4) == 0 {
            text.push(',');
        }
    }),
    ("L34", &["L22", "L11"], |seeded, chat| {
        let text = &mut chat.turns[0].answers[0].text;
        let paragraph = text.split("\n\n").next().expect("a paragraph").to_owned();
        *text = match seeded.below(3) {
            0 => [paragraph.as_str(); 4].join("\n\n"),
            1 => format!("{paragraph} {}", "and then it goes on and on until ".repeat(30).trim()) + ".",
            _ => [paragraph.as_str(); 5].join("\n"),
        };
    }),
    ("L35", &["L41"], |seeded, chat| {
        let texts = [
            "Das Boot ist alt, und niemand im Dorf weiß noch, wer es gebaut hat oder warum es grün gestrichen wurde.",
            "Le bateau est vieux, et personne au village ne sait plus qui l'a construit ni pourquoi il fut peint en vert.",
            "El barco es viejo, y nadie en el pueblo recuerda quién lo construyó ni por qué lo pintaron de verde.",
            "La barca è vecchia, e nessuno nel paese ricorda chi l'abbia costruita o perché sia stata dipinta di verde.",
        ];
        chat.turns[0].answers[0].text = (*seeded.one_of(&texts)).to_owned();
    }),
    ("L39", &[], |_, chat| chat.turns[0].answers[0].liked = Some(false)),
    ("L41", &[], |_, _| {}),
    ("P01", &["P02"], |seeded, chat| {
        let secret = secrets::secret(seeded);
        put(
            &mut chat.turns[0],
            if secret.len().is_multiple_of(2) { Between } else { PromptTail },
            &format!("It is {secret} for now."),
        );
    }),
    ("P02", &[], |seeded, chat| {
        let datum = secrets::personal(seeded);
        put(
            &mut chat.turns[0],
            if datum.len().is_multiple_of(2) { Between } else { PromptTail },
            &format!("You reach them at {datum} as ever."),
        );
    }),
    ("P03", &[], |seeded, chat| {
        let texts = [
            "Marga Testrup told me so.",
            "As Marga says, it is so.",
            "Dear Mrs Testrup, it is so.",
            "It is (says Testrup) so.",
        ];
        let text = *seeded.one_of(&texts);
        put(&mut chat.turns[0], if text.len().is_multiple_of(2) { Between } else { PromptTail }, text);
    }),
    ("P04", &["P02", "L07", "L10", "L02"], |seeded, chat| {
        let texts = [
            "From: Anna Berg\nSent: Monday\nTo: Carl\nSubject: the boat\n\nDear Carl, the boat is gone.",
            "---------- Forwarded message ---------\nDear Carl, the boat is gone.",
            "On Mon, 3 Feb 2025 at 10:12, Anna Berg wrote:\n> the boat is gone",
            "[03.02.25, 10:12:03] Anna: the boat is gone\n[03.02.25, 10:12:44] Carl: no\n[03.02.25, 10:13:01] Anna: yes",
            "2/3/25, 10:12 AM - Anna: the boat is gone\n2/3/25, 10:13 AM - Carl: no\n2/3/25, 10:14 AM - Anna: yes",
            "-----Original Message-----\nDear Carl, the boat is gone.",
            "Am 03.02.2025 um 10:12 schrieb Anna Berg:\n> das Boot ist weg",
            "Von: Anna Berg\nGesendet: Montag\nAn: Carl\nBetreff: das Boot\n\nLieber Carl, das Boot ist weg.",
        ];
        let text = *seeded.one_of(&texts);
        put(&mut chat.turns[0], PromptTail, text);
    }),
];
