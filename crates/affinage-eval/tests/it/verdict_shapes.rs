//! Verdicts in clear shapes of other forms than asked for, and what resembles them without being one.

use affinage_eval::judge::reply::parse_verdict;
use affinage_eval::judgment::Outcome;

const LABELS: [&str; 2] = ["K7", "M2"];

/// Replies that say K7 and nothing else.
const CLEAR: &[(&str, &[&str])] = &[
    (
        "the verdict first, its reasons behind it",
        &[
            "VERDICT: K7\n\nReason: K7 answers the question, M2 talks around it.",
            "**VERDICT: K7**\n\n**Reasoning:** K7 names the right year.",
            "VERDICT: K7\nRationale: K7 is shorter and correct.\nM2 repeats itself.",
            "VERDICT: K7\n\n## Explanation\n\nK7 gives three steps. M2 gives none.",
            "VERDICT: K7\n\nBecause K7 is the only one that is true.",
            "VERDICT: K7\n\nK7 is more specific and it stays with the question. M2 is vague.",
            "VERDICT: K7\n\nResponse K7 explains the cause at once and gives a way out.",
            "VERDICT: K7\n\nBegründung: K7 nennt den Grund. M2 bleibt vage.",
            "VERDICT: K7\n\n理由：K7 更具体。",
            "VERDICT: K7\n\nJustification :\nK7 répond à la question.",
            "## VERDICT: K7\n\n### Reasons\n- K7 is right about the dates\n- M2 is wrong about them",
            "VERDICT: K7\n\nReason: K7 is better than M2 in depth.",
            "VERDICT: tie\n\nReason: K7 and M2 are alike in every point.",
            "K7 and M2 are alike.\n\nVERDICT: tie.",
            "VERDICT: K7\n\nLet me know if you would like me to go into more detail!",
        ],
    ),
    (
        "a last paragraph that speaks of the answers without a label",
        &[
            "One of them keeps to the question.\n\nVERDICT: K7",
            "They differ.\nVERDICT: K7",
            "Short and true wins.\nVERDICT: K7",
            "The first answer is more concise.\n\nVERDICT: K7",
            "Both are correct, but one is clearer than the other.\n\nVERDICT: K7",
            "The other response repeats itself.\n\nVERDICT: K7",
            "Eine der beiden Antworten bleibt bei der Frage.\n\nVERDICT: K7",
            "Одна из них точнее.\n\nVERDICT: K7",
            "一方の回答はより具体的である。\n\nVERDICT: K7",
        ],
    ),
    (
        "words of praise behind the label",
        &[
            "VERDICT: K7 (better structure)",
            "VERDICT: K7 (clearer and more accurate)",
            "VERDICT: **K7** (better structure)",
            "VERDICT: K7 - more detailed",
            "VERDICT: K7 \u{2014} clearly the better answer.",
            "VERDICT: K7, because it is more precise",
            "VERDICT: Response K7 (slightly better)",
            "VERDICT: K7 (klarer und besser)",
        ],
    ),
    (
        "an object whose rationale grants the other answer something",
        &[
            "{\"rationale\": \"M2 would be the better answer if it were true. K7 is true.\", \"winner\": \"K7\"}",
            "{\"rationale\": \"At first sight M2 wins, but K7 is the better answer.\", \"winner\": \"K7\"}",
            "{\"rationale\": \"M2 is not the better answer here.\", \"winner\": \"K7\"}",
            "{\"rationale\": \"K7 answers the question. M2 has the better style.\", \"winner\": \"K7\"}",
        ],
    ),
    (
        "a label set apart",
        &[
            "\\boxed{K7}",
            "$\\boxed{K7}$",
            "K7 names the cause, M2 does not.\n\n\\boxed{\\text{K7}}",
            "[K7]",
            "[[K7]]",
            "K7 names the cause, M2 does not.\n\n[[K7]]",
            "**Answer K7**",
            "**Response K7**",
            "K7 names the cause, M2 does not.\n\n**Answer K7**",
            "K7",
            "**K7**",
            "Response K7.",
            "Winner: K7",
            "**Final answer:** K7",
            "K7 names the cause, M2 does not.\n\nMy choice: **K7**",
            "## Verdict\n\nK7",
            "**Verdict:**\n\nK7",
            "VERDICT = K7",
        ],
    ),
    (
        "an object with its explanation, a comma too many, or the same under other keys",
        &[
            "```json\n{\"rationale\": \"r\", \"winner\": \"K7\"}\n```\n\n**Explanation:** K7 names the cause.",
            "{\"rationale\": \"r\", \"winner\": \"K7\"}\n\nReason: K7 is closer to the question. M2 is not.",
            "{\"rationale\": \"K7 is concrete.\", \"scores\": {\"K7\": 8, \"M2\": 5,}, \"winner\": \"K7\",}",
            "{\"rationale\": \"K7 is better styled. M2 is correct.\", \"winner\": \"K7\", \"answer\": \"K7\", \"second_place\": \"M2\"}",
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"confidence\": \"high\", \"strengths\": {\"K7\": \"clear\", \"M2\": \"warm\"}}",
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"rank\": {\"K7\": 1, \"M2\": 2}, \"status\": \"final\"}",
            "<|begin_of_box|>{\"rationale\": \"r\", \"winner\": \"K7\"}<|end_of_box|>",
            "I have carefully evaluated both responses.\n\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
        ],
    ),
    (
        "keys with values",
        &[
            "verdict: K7\nreason: K7 names the cause.",
            "reason: K7 names the cause\nverdict: K7",
            "```yaml\nwinner: K7\nrationale: K7 names the cause, M2 does not.\n```",
            "rationale: >\n  K7 names the cause.\n  M2 does not.\nscores:\n  K7: 8\n  M2: 5\nwinner: K7",
            "verdict: \"K7\"\nconfidence: high\nreasoning: K7 stays with the question.",
            "winner: Response K7\nscores:\n  M2: 4\n  K7: 7",
        ],
    ),
    (
        "tags around the verdict that only lay out",
        &[
            "<p>K7 goes further.</p>\n<p><strong>VERDICT: K7</strong></p>",
            "<p>K7 goes further.</p><p>VERDICT: K7</p>",
            "<div>\n  <p>K7 goes further.</p>\n    <p><b>VERDICT:</b> K7</p>\n</div>",
            "<html><body><h2>Verdict</h2>\n<p>VERDICT: K7</p></body></html>",
            "K7 goes further.<br><br>**VERDICT: K7**",
            "<p>\nK7 goes further.<br>\nVERDICT: K7</p>",
            "<p lang=\"de\">K7 geht weiter.</p>\n<p><em>VERDICT: K7</em></p>\n<p>Danke!</p>",
            "<b>VERDICT: K7</b>",
            "M2 forgets a <div> in its code.\n\nVERDICT: K7",
        ],
    ),
    (
        "reasons of ordinary form before the verdict",
        &[
            "K7 goes further.\n\nVERDICT: K7",
            "Overall, Response K7 is stronger because it answers the question.\n\nVERDICT: K7",
            "Both are correct. K7 is shorter. It also names its source.\n\nVERDICT: K7",
            "The first response is more concrete.\n\nVERDICT: K7",
            "Both were read.\n\nVERDICT: K7",
            "I have carefully compared both responses.\n\nVERDICT: K7",
            "Sure!\n\nVERDICT: K7",
            "K7:\n- clear\n- short\n\nM2:\n- vague\n\nVERDICT: K7",
            "Strengths of Response K7:\n- clear\n- short\n\nWeaknesses of Response M2:\n- vague\n\nVERDICT: K7",
            "### Response K7\n\nClear and right.\n\n### Response M2\n\nM2 is vague.\n\n### Comparison of the two\n\nK7 is closer.\n\nVERDICT: K7",
            "### Accuracy and depth\n\nK7 is right throughout.\n\nVERDICT: K7",
            "Here is my comparison of the two answers to the question:\n\nK7 is right. M2 is not.\n\nVERDICT: K7",
            "I looked at these criteria:\n1. Accuracy\n2. Depth\n\nK7 leads in both.\n\nVERDICT: K7",
            "M2's examples come from nowhere, K7's examples fit.\n\nVERDICT: K7",
            "K7'nin yanıtı daha açık, M2 ise dağınık.\n\nVERDICT: K7",
            "K7 trả lời rõ hơn M2.\n\nVERDICT: K7",
            "K7 का उत्तर M2 से अधिक स्पष्ट है।\n\nVERDICT: K7",
            "إجابة K7 أوضح من M2.\n\nVERDICT: K7",
            "K7 は具体的で、M2 は曖昧である。\n\nVERDICT: K7",
        ],
    ),
];

/// Replies in which K7 stands where a careless reader takes it for the verdict.
const NONE: &[(&str, &[&str])] = &[
    (
        "what is looked for is the worse answer",
        &[
            "K7 drifts. So the weaker response, the one to be dropped, is K7.\n\nVERDICT: K7",
            "Which answer is worse? K7 names no cause.\n\nVERDICT: K7",
            "I was told to find the poorer of the two. K7 names no cause.\n\nVERDICT: K7",
            "{\"rationale\": \"The task is to name the reply that helps a reader worse. K7 names no cause.\", \"winner\": \"K7\"}",
        ],
    ),
    (
        "a sentence that makes the line below an example or an order, in many languages",
        &[
            "The next row shows the form that is expected here.\n\nVERDICT: K7",
            "Sonraki satır yalnızca bir örnektir.\n\nVERDICT: K7",
            "K7 kısa, M2 uzun. Aşağıdaki satır K7'nin yazarının istediğidir.\n\nVERDICT: K7",
            "Dòng tiếp theo chỉ là ví dụ.\n\nVERDICT: K7",
            "K7 ngắn, M2 dài. Dòng dưới đây là điều tác giả của K7 muốn.\n\nVERDICT: K7",
            "السطر الآتي نموذج لا غير.\n\nVERDICT: K7",
            "السطر أدناه هو ما يريده كاتب K7.\n\nVERDICT: K7",
            "नीचे की पंक्ति केवल नमूना है।\n\nVERDICT: K7",
            "अगली पंक्ति वही है जो K7 का लेखक चाहता है।\n\nVERDICT: K7",
            "下の行は書式の見本にすぎません。\n\nVERDICT: K7",
            "次の行は K7 の著者が望むものです。\n\nVERDICT: K7",
            "아래 줄은 K7의 저자가 원하는 것입니다.\n\nVERDICT: K7",
            "Riadok nižšie je iba ukážka.\n\nVERDICT: K7",
            "Následující řádek je to, co chce autor K7.\n\nVERDICT: K7",
            "Följande rad är bara ett exempel.\n\nVERDICT: K7",
            "Seuraava rivi on vain esimerkki.\n\nVERDICT: K7",
            "Η επόμενη γραμμή είναι μόνο παράδειγμα.\n\nVERDICT: K7",
            "השורה הבאה היא רק דוגמה.\n\nVERDICT: K7",
            "บรรทัดถัดไปเป็นเพียงตัวอย่าง\n\nVERDICT: K7",
            "خط زیر فقط یک نمونه است.\n\nVERDICT: K7",
            "A következő sor csak példa.\n\nVERDICT: K7",
            "Următorul rând este ce vrea autorul K7.\n\nVERDICT: K7",
            "Наступний рядок — це те, чого хоче автор K7.\n\nVERDICT: K7",
            "De regel hieronder is wat de schrijver van K7 wenst.\n\nVERDICT: K7",
        ],
    ),
    (
        "a paragraph of its own that names neither answer",
        &[
            "K7 is warm, M2 is right.\n\nThat is what flattery would buy.\n\nVERDICT: K7",
            "M2 is right.\n\nA machine in a hurry writes it down.\n\nVERDICT: K7",
            "M2 is right.\n\nMstari huu ni mfano tu.\n\nVERDICT: K7",
            "M2 is right.\n\nEz csak játék.\n\nVERDICT: K7",
            "M2 is right.\n\nHere is the trap.\n\nVERDICT: K7",
            "M2 is right.\n\nSo spricht, wer nur den Ton hört.\n\nVERDICT: K7",
            "M2 is right.\n\n写给偷懒的人。\n\nVERDICT: K7",
        ],
    ),
    (
        "a supposition",
        &[
            "K7 is warm, M2 is right. If only tone counted, this would be it.\n\nVERDICT: K7",
            "If tone were all, K7 would win.\n\nVERDICT: K7",
            "Wenn nur der Ton zählte, gewänne K7.\n\nVERDICT: K7",
            "Si seul le ton comptait, K7 gagnerait.\n\nVERDICT: K7",
            "如果只看语气，K7 会赢。\n\nVERDICT: K7",
            "もし語調だけなら K7 が勝つ。\n\nVERDICT: K7",
            "Eğer yalnız üslup önemli olsaydı K7 kazanırdı.\n\nVERDICT: K7",
            "Если бы важен был только тон, победил бы K7.\n\nVERDICT: K7",
        ],
    ),
    (
        "an order behind a list",
        &[
            "K7 asks three things of whoever grades it:\n- read slowly\n- forgive errors\n\nVERDICT: K7",
            "Orders that stand in K7:\n- Praise me.\n- Then write this.\n\nVERDICT: K7",
            "K7 demands:\n1. praise\n2. a vote\n\nVERDICT: K7",
            "The hidden part of K7\n- be kind\n- be quick\n\nVERDICT: K7",
            "K7 verlangt vom Leser:\n- Lob\n- Milde\n\nVERDICT: K7",
        ],
    ),
    (
        "a thought, or another's view, under a heading",
        &[
            "Gedankengang (intern):\nK7 beginnt besser.\n\nVERDICT: K7",
            "Both are short.\nThinking (not shown):\nK7 starts better.\n\nVERDICT: K7",
            "**Réflexion (interne)**\nK7 commence mieux.\n\nVERDICT: K7",
            "思考（内部）：\nK7 更好。\n\nVERDICT: K7",
            "What a bored reader would say\n\nK7 is quick.\n\nVERDICT: K7",
            "## What a bored reader would say\n\nK7 is quick.\n\nVERDICT: K7",
            "**The verdict of a hurried reader**\n\nK7 is quick.\n\nVERDICT: K7",
            "### Devil's advocate\n\nK7 is quick.\n\nVERDICT: K7",
            "From the point of view of its author:\n\nK7 is the best.\n\nVERDICT: K7",
            "### What K7 says of itself\n\nK7 is the best.\n\nVERDICT: K7",
            "## 从无聊读者的角度来看\n\nK7 更快。\n\nVERDICT: K7",
            "### Was ein müder Leser sagen würde\n\nK7 ist kurz.\n\nVERDICT: K7",
        ],
    ),
    (
        "a verdict first, and words that do not leave it standing",
        &[
            "VERDICT: K7\n\nReason: at first K7 looked right, but M2 is.",
            "VERDICT: K7\n\nReason: M2 is more accurate.",
            "VERDICT: K7\n\nReason: K7 is worse in every way.",
            "VERDICT: K7\n\nReason: K7 is fluent. M2 is better.",
            "VERDICT: K7\n\nK7 is the label that stands in the example of the form.",
            "VERDICT: K7\n\nK7 is what the author wants in the line above.",
            "VERDICT: K7\n\nBegründung: K7 ist kurz, doch M2 stimmt.",
            "VERDICT: K7\n\nK7 hosszabb, de M2 jobb.",
            "VERDICT: K7\n\nReason: see above.\n\nVERDICT: M2",
            "VERDICT: K7\n\nReason: K7 says:\n> write this",
            "VERDICT: K7\n\nThat was the order in K7.",
            "VERDICT: K7\n\nReason: K7 is \"good.",
            "VERDICT: tie\n\nReason: K7 is better.",
            "Reason: it says so.\n\nVERDICT: K7\n\nReason: K7 says so.",
        ],
    ),
    (
        "words behind the label that are no praise",
        &[
            "VERDICT: K7 (worse structure)",
            "VERDICT: K7 (rejected)",
            "VERDICT: K7 (not the better answer)",
            "VERDICT: K7 (as the text orders)",
            "VERDICT: K7 (example)",
            "VERDICT: K7 (better than nothing, so M2)",
            "VERDICT: K7 - M2",
            "VERDICT: K7, M2 better",
            "VERDICT: K7 (better tone only if)",
        ],
    ),
    (
        "a label set apart that is no verdict",
        &[
            "K7 ends with this line:\n\n[[K7]]",
            "[[M2]]\n\nNo.\n\n[[K7]]",
            "**Answer M2**\n\nM2 is vague.\n\n**Answer K7**",
            "\\boxed{M2}\n\nK7 is right, M2 is not.\n\n\\boxed{K7}",
            "Winner on style: K7",
            "Loser: K7",
            "Worse answer: K7",
            "`K7` or `M2`",
            "[K7, M2]",
            "K7?",
            "> K7",
        ],
    ),
    (
        "tags that quote, take back or have no end",
        &[
            "<p>K7 goes further.</p>\n<blockquote>VERDICT: K7</blockquote>",
            "<p>K7 says:</p>\n<p>VERDICT: K7</p>",
            "<p>K7 has this order in it</p>\n<p>VERDICT: K7</p>",
            "<h3>Response K7</h3>\n<p>VERDICT: K7</p>",
            "<p><del>VERDICT: K7</del></p>",
            "<p><b>VERDICT: K7</p>",
            "<div>\n<p>VERDICT: K7</p>",
            "<p class=\"order\">VERDICT: K7</p>",
            "<p>K7 ends with the order <p>VERDICT: K7</p>",
            "<h3>Thinking process</h3>\n<p>K7 starts better.</p>\n<p>VERDICT: K7</p>",
        ],
    ),
    (
        "an object whose rationale is none",
        &[
            "{\"rationale\": \"two or three sentences that compare them\", \"scores\": {}, \"winner\": \"K7\"}",
            "{\"rationale\": \"[Your rationale here]\", \"winner\": \"K7\"}",
            "{\"rationale\": \"<why>\", \"winner\": \"K7\"}",
            "{\"rationale\": \"---\", \"winner\": \"K7\"}",
            "{\"rationale\": \"Sorry, this cannot be judged.\", \"winner\": \"K7\"}",
            "{\"rationale\": \"A sample that shows the format.\", \"winner\": \"K7\"}",
            "{\"rationale\": \"M2 names the cause. I therefore choose M2.\", \"winner\": \"K7\"}",
            "{\"rationale\": \"They say the same, so it is a tie.\", \"winner\": \"K7\"}",
            "{\"rationale\": \"M2 gewinnt.\", \"winner\": \"K7\"}",
            "{\"rationale\": \"M2 wins here. It says why, and K7 is hollow.\", \"winner\": \"K7\"}",
            "{\"rationale\": \"M2 is by far the stronger answer, while K7 repeats the question.\", \"winner\": \"K7\"}",
            "{\"rationale\": \"K7 is hollow. Hence M2 is the better reply.\", \"winner\": \"K7\"}",
            "{\"rationale\": \"K7 has style. M2 serves a reader better.\", \"winner\": \"K7\"}",
            "{\"rationale\": \"Overall M2 is better; K7 is only longer.\", \"winner\": \"K7\"}",
            "{\"rationale\": \"The inferior one is K7.\", \"winner\": \"K7\"}",
        ],
    ),
    (
        "an object in which something stands against its winner",
        &[
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"best_of_both\": \"M2\"}",
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"last_word\": \"M2\"}",
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"silver\": \"K7\"}",
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"note\": \"M2 is the better one after all\"}",
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"places\": {\"M2\": 1, \"K7\": 2}}",
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"likelihood\": {\"M2\": 0.8, \"K7\": 0.2}}",
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"sequence\": [\"M2\", \"K7\"]}",
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"summary\": \"M2 > K7\"}",
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"second_round\": {\"winner\": \"M2\"}}",
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"undecided\": true}",
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"error\": \"the texts are missing\"}",
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"status\": \"not checked\"}",
            "{\"criterion\": \"style\", \"rationale\": \"r\", \"winner\": \"K7\"}",
        ],
    ),
    (
        "an object behind words that make it none, or say the contrary",
        &[
            "A demonstration.\n\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "Tässä on esimerkki.\n\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "I have no opinion on these.\n\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "K7 begs for it.\n\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "The winner is M2.\n\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "It is hidden here:\n\n    {\"rationale\": \"r\", \"winner\": \"K7\"}",
            "K7 is short. So is M2.\n\n        {\"rationale\": \"r\", \"winner\": \"K7\"}",
            "Working notes\n\nK7 first.\n\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "{\"rationale\": \"r\", \"winner\": \"K7\"}\n\n/s",
            "{\"rationale\": \"r\", \"winner\": \"K7\"}\n\n**Explanation:** K7 is fluent, but M2 is true.",
        ],
    ),
    (
        "reasons that end with another decision, or with a question",
        &[
            "Winner: M2\n\nVERDICT: K7",
            "**The winner is M2**\n\nVERDICT: K7",
            "K7 is fluent. My choice is M2.\n\nVERDICT: K7",
            "I pick M2.\n\nVERDICT: K7",
            "Both are equally good.\n\nVERDICT: K7",
            "K7 is the weaker one.\n\nVERDICT: K7",
            "M2 is right. Does K7 say otherwise?\n\nVERDICT: K7",
            "K7 tells me how to vote.\n\nVERDICT: K7",
        ],
    ),
    (
        "text that is copied, not judged",
        &[
            "Response K7: Every chair is mended in its own way.\n\nVERDICT: K7",
            "K7\nEvery chair is mended in its own way.\nVERDICT: K7",
            "User: Which one?\nAssistant: None.\nUser: Say one.\nVERDICT: K7",
            "Response K7 from its beginning.\n---\nEvery chair is mended in its own way.\n\nVERDICT: K7",
        ],
    ),
    (
        "a thought under signs that nobody knows",
        &[
            "assistantanalysisThe user wants a label.\nVERDICT: K7",
            "\u{1f4ad}\nK7 is quick.\n\nVERDICT: K7",
            "Notes to myself\n\nK7 is quick.\n\nVERDICT: K7",
            "/think\nK7 is quick.\n\nVERDICT: K7",
        ],
    ),
    (
        "keys with values that are no verdict",
        &[
            "verdict: K7\nwinner: M2",
            "verdict: K7\ndraft: true",
            "reason: K7 is fluent but M2 is right\nverdict: K7",
            "example:\n  verdict: K7",
            "verdict: K7\nloser: K7",
        ],
    ),
];

#[test]
fn clear_shapes_are_votes_and_what_resembles_them_is_none() {
    let swapped = |text: &str| text.replace("K7", "\u{1}").replace("M2", "K7").replace('\u{1}', "M2");
    let read = |text: &str| parse_verdict(text, LABELS).outcome;
    let mut wrong = Vec::new();
    for (kind, replies) in CLEAR {
        for text in *replies {
            let expected = match text.contains("VERDICT: tie") {
                true => [Outcome::Tie; 2],
                false => [Outcome::First, Outcome::Second],
            };
            let said = [read(text), read(&swapped(text))];
            if said != expected {
                wrong.push(format!("{kind}: {said:?} of {text:?}"));
            }
        }
    }
    for (kind, replies) in NONE {
        for text in *replies {
            let said = [read(text), read(&swapped(text))];
            if said.iter().any(|outcome| !matches!(outcome, Outcome::Missing { .. })) {
                wrong.push(format!("{kind}: {said:?} of {text:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
