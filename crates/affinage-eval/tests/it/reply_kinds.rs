//! What judges and servers send in place of a plain verdict, by kind, and that what is stored reads as what was received.

use affinage_eval::comparison::{Comparison, Position};
use affinage_eval::judge::ledger::{RawRow, RawSide, Transport};
use affinage_eval::judge::record::{Answer, Call, Prices};
use affinage_eval::judge::reply::parse_verdict;
use affinage_eval::judge::request::{Form, JudgeRequest};
use affinage_eval::judge::wire::WireFormat;
use affinage_eval::judge::wire_failure::FailureKind;
use affinage_eval::judge::wire_params::{MaxTokensKey, WireParams};
use affinage_eval::judgment::{MissingReason, Outcome};
use proptest::prelude::*;
use serde_json::{Value, json};

const LABELS: [&str; 2] = ["K7", "M2"];

/// Kind, what a reader without prejudice takes the replies for, and the replies. Where there is a vote it is for K7; where
/// there is none, K7 is the label that a careless reader would take.
const KINDS: &[(&str, Option<MissingReason>, &[&str])] = &[
    (
        "a thought without an end",
        Some(MissingReason::Truncated),
        &[
            "<think effort=\"high\">\nK7 starts better.\nVERDICT: K7",
            "<ponder>\nK7 starts better.\nVERDICT: K7",
            "<my_reasoning_2>K7 starts better.\nVERDICT: K7",
            "< musings >\nVERDICT: K7",
            "<|ponder|>\nVERDICT: K7",
            "<|channel>thought\nK7 starts better.\nVERDICT: K7",
            "<|channel|>analysis to=rater<|message|>K7 starts better.\nVERDICT: K7",
            "<|start|>assistant<|channel|>commentary<|message|>VERDICT: K7",
            "<start_of_turn>model\n<|channel>thought\nVERDICT: K7",
            "<|im_start|>ponder\nVERDICT: K7",
            "<unused12>thought\nVERDICT: K7",
            "[BEGIN REASONING]\nVERDICT: K7",
            "\u{25c1}ponder\u{25b7}K7 starts better.\nVERDICT: K7",
            "&lt;thinking&gt;\nVERDICT: K7",
            "<\u{8003}\u{616e}>\nVERDICT: K7",
            "<details open>\n<summary>Steps</summary>\n\nVERDICT: K7",
            "Both were read.\n<!-- a note\nVERDICT: K7",
            "Both were read.\n<ponder>\nVERDICT: K7",
            "<ponder>one</ponder>\n<ponder>\nVERDICT: K7",
            "<answer>\n<ponder>\nVERDICT: K7",
            "<answer>{\"rationale\": \"r\", \"winner\": \"K7\"}",
        ],
    ),
    (
        "a thought that has lost its signs",
        Some(MissingReason::Unparsed),
        &[
            "thought\nK7 starts better.\nVERDICT: K7",
            "analysisThe user wants one label.\nVERDICT: K7",
            "Thinking process:\n\n1. Read both.\n\nVERDICT: K7",
            "**Thinking...**\n\nVERDICT: K7",
            "Here's my thought process:\n\nK7 starts better.\n\nVERDICT: K7",
        ],
    ),
    (
        "a draft, an example, or what is said to be no verdict",
        Some(MissingReason::Unparsed),
        &[
            "## Initial verdict\n\nK7 starts better.\n\nVERDICT: K7\n\n## Final verdict\n",
            "### Draft\n\nBoth are short. K7 starts better.\n\nVERDICT: K7",
            "K7 starts better.\n\nVERDICT: K7\n\n## Final verdict\n",
            "**Vorläufiges Urteil**\n\nK7 beginnt besser.\n\nVERDICT: K7",
            "## Example of the format\n\nBoth were read.\n\nVERDICT: K7",
            "【初步判断】\nK7 的开头更好。\n\nVERDICT: K7",
            "```draft\nK7 starts better.\n\nVERDICT: K7\n```",
            "```thinking\nK7 starts better.\n\nVERDICT: K7\n```",
            "{\"rationale\": \"r\", \"draft\": true, \"winner\": \"K7\"}",
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"is_final\": false}",
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"retracted\": true}",
            "So far I have only read the beginnings. This is only a draft.\n\nVERDICT: K7",
            "The two texts are missing here. What stands on the next line is the form.\n\nVERDICT: K7",
            "Das ist nur ein Beispiel.\n\nVERDICT: K7",
            "Ce n'est pas mon verdict.\n\nVERDICT: K7",
            "Это не мой вердикт.\n\nVERDICT: K7",
            "这不是我的结论。\n\nVERDICT: K7",
            "これは私の判定ではありません。\n\nVERDICT: K7",
        ],
    ),
    (
        "a verdict of its own below a draft, examples as a criterion, flags that take nothing back",
        None,
        &[
            "## Initial impression\n\nM2 starts better.\n\n## Comparison\n\nK7 goes deeper.\n\nVERDICT: K7",
            "### Draft\n\nBoth are short.\n\n### Verdict\n\nK7 goes deeper.\n\nVERDICT: K7",
            "### Use of examples\n\nK7 has the better ones.\n\nVERDICT: K7",
            "```markdown\nK7 goes deeper.\n\nVERDICT: K7\n```",
            "{\"rationale\": \"r\", \"draft\": false, \"is_final\": true, \"winner\": \"K7\"}",
            "K7 only drafts its argument, but it goes deeper.\n\nVERDICT: K7",
        ],
    ),
    (
        "a closed thought, and then a verdict",
        None,
        &[
            "<think effort=\"high\">\nVERDICT: M2\n</think>\n\nVERDICT: K7",
            "<ponder>\nVERDICT: M2\n</ponder>\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "<|channel>thought\nVERDICT: M2\n<channel|>VERDICT: K7",
            "<|channel>thought\n<channel|>{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "M2 starts better.\nVERDICT: M2\n<channel|>VERDICT: K7",
            "<unused12>thought\nVERDICT: M2\n<unused13>VERDICT: K7",
            "<|START_THINKING|>VERDICT: M2<|END_THINKING|><|START_RESPONSE|>VERDICT: K7<|END_RESPONSE|>",
            "<|channel|>analysis<|message|>VERDICT: M2<|end|><|start|>assistant<|channel|>final<|message|>VERDICT: K7<|return|>",
            "VERDICT: M2<|end|><|start|>assistant<|channel|>final<|message|>VERDICT: K7",
            "<|im_start|>assistant\nVERDICT: K7<|im_end|>",
            "<think>a</think>\n<answer>\n{\"rationale\": \"r\", \"winner\": \"K7\"}\n</answer>",
            "<answer>VERDICT: K7</answer>",
            "<!-- M2? VERDICT: M2 -->\nVERDICT: K7",
            "<b>Depth</b>: K7 goes further.\n\nVERDICT: K7",
            "<h3>Comparison</h3>\nK7 goes further.<br>\n\nVERDICT: K7",
            "<K7> goes further.\nVERDICT: K7",
            "M2 holds the word `<ponder>` for no reason.\nVERDICT: K7",
        ],
    ),
    (
        "a verdict behind the end of the turn",
        None,
        &[
            "VERDICT: K7<|im_end|>\n<|im_start|>user\nNext.<|im_end|>\n<|im_start|>assistant\nVERDICT: M2",
            "VERDICT: K7<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nVERDICT: M2",
            "VERDICT: K7<end_of_turn>\n<start_of_turn>model\nVERDICT: M2",
            "VERDICT: K7</s>[INST] Next. [/INST]\nVERDICT: M2",
            "VERDICT: K7\n<|user|>\nNext.\n<|assistant|>\nVERDICT: M2",
            "VERDICT: K7<\u{ff5c}end\u{2581}of\u{2581}sentence\u{ff5c}>VERDICT: M2",
        ],
    ),
    (
        "different verdicts",
        Some(MissingReason::BothLabels),
        &[
            "For a poet:\nVERDICT: M2\n\nFor a teacher:\nVERDICT: K7",
            "VERDICT: tie\n\nBut if I must choose one of them, then it is this.\n\nVERDICT: K7",
            "VERDICT: M2\n\nI was wrong there.\n\nVERDICT: K7",
            "VERDICT: M2\n\nHuman: and these?\n\nAssistant:\n\nVERDICT: K7",
            "`VERDICT: M2` or\n`VERDICT: K7`",
            "Depth\n{\"winner\": \"M2\"}\n\nStyle\n{\"winner\": \"K7\"}",
            "{\"winner\": \"K7\", \"Winner\": \"M2\"}",
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"better_answer\": \"M2\"}",
            "VERDICT: M2\n\n<ponder>\nNext.\n</ponder>\nVERDICT: K7",
        ],
    ),
    (
        "a quotation, brace or fence without an end",
        Some(MissingReason::Unparsed),
        &[
            "<<Response K7 00aa11bb>>\nOne may see it so.\nVERDICT: K7",
            "<<question 00aa11bb>>\nWhy?\n<<end question 00aa11bb>>\n<<Response K7 00aa11bb>>\nSo.\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "{\"rationale\": \"It orders me to write\nVERDICT: K7",
            "{\"rationale\": \"It orders me to write\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "{\"votes\": [\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "```json\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "It reads: \"One may see it so.\n\nVERDICT: K7",
            "Sie schreibt: \u{201e}So sei es.\n\nVERDICT: K7",
            "Elle dit\u{a0}: \u{ab} ainsi soit-il.\n\nVERDICT: K7",
        ],
    ),
    (
        "a verdict that may be quoted or is part of a sentence",
        Some(MissingReason::Unparsed),
        &[
            "K7 has an order in it:\n\n    VERDICT: K7",
            "K7 has an order in it:\n\n`VERDICT: K7`",
            "K7 tells the reader to do three things:\n- Stop here.\n- VERDICT: K7",
            "K7 says at its end:\n> Stop here and write\nVERDICT: K7",
            "I would never say\nVERDICT: K7",
            "One could write, for instance,\n{\"rationale\": \"...\", \"winner\": \"K7\"}",
            "K7 has this in it:\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "<answer>\nOne may see it so.\nVERDICT: K7\n</answer>",
            "VERDICT: K7\n<think>Or M2?</think>",
            "VERDICT: K7\n<ponder>\nOr M2?\n</ponder>\nThank you.",
        ],
    ),
    (
        "a label that trails off",
        Some(MissingReason::UnknownLabel),
        &[
            "VERDICT: K7...",
            "VERDICT: **K7 ..**",
            "VERDICT: K7\u{2026}",
            "{\"rationale\": \"r\", \"winner\": \"K7...\"}",
        ],
    ),
    (
        "words of the judge's own before the verdict",
        None,
        &[
            "K7 is deeper.\n\nMy final verdict:\nVERDICT: K7",
            "## Conclusion\nVERDICT: K7",
            "**Overall**\nVERDICT: K7",
            "- Depth: K7\n- Style: M2\n\nVERDICT: K7",
            "Comparison:\n- Depth: K7 wins\n- VERDICT: K7",
            "Based on the criteria, here is my assessment:\n```json\n{\"rationale\": \"r\", \"winner\": \"K7\"}\n```",
            "\"Look at the joint\" is where K7 begins, and it is right.\nVERDICT: K7",
            "K7 is right. (M2 is not.)\nVERDICT: K7!",
            "VERDICT: K7\n\nAfter a second reading I hold to it.\n\nVERDICT: K7",
            "One of them holds\n```\nVERDICT: M2\n```\nwhich is an order.\nVERDICT: K7",
        ],
    ),
    (
        "a thought under a heading in place of its signs",
        Some(MissingReason::Unparsed),
        &[
            "【推理】\n先看 K7，它更具体。\n\nVERDICT: K7",
            "【内心思考】\n【第一步】读两遍。\n\nVERDICT: K7",
            "【思考】首先，K7 更好。\n\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "好的。\n【思考過程】\nK7 較好。\n\nVERDICT: K7",
            "〈思考プロセス〉\nまず K7 を読む。\n\nVERDICT: K7",
            "《思路》\nK7 更短。\n\nVERDICT: K7",
            "［推論］\nK7 が良い。\n\nVERDICT: K7",
            "「思考ログ」\nK7 は短い。\n\nVERDICT: K7",
            "【추론 과정】\nK7이 더 낫다.\n\nVERDICT: K7",
            "[Reasoning]\nK7 starts better.\n\nVERDICT: K7",
            "思考过程：先读 K7。\n\nVERDICT: K7",
            "### Gedankengang\nK7 ist kürzer.\n\nVERDICT: K7",
            "**Réflexion**\nK7 va plus loin.\n\nVERDICT: K7",
            "Ход мыслей:\nK7 точнее.\n\nVERDICT: K7",
            "Proceso de pensamiento:\n\nK7 es mejor.\n\nVERDICT: K7",
            "عملية التفكير:\nK7 أفضل.\n\nVERDICT: K7",
            "Thinking: K7 starts better.\n\nVERDICT: K7",
        ],
    ),
    (
        "a thought under a heading that a later one ends, and headings of reasons",
        None,
        &[
            "【推理过程】\nM2 更短。\n\n【结论】\nVERDICT: K7",
            "【思考】\nM2 が短い。\n\n【最終判断】\nVERDICT: K7",
            "［思考］\nM2?\n［/思考］\n\nVERDICT: K7",
            "【思考】\nM2？\n【思考结束】\n\nVERDICT: K7",
            "**Gedankengang**\nM2 ist kürzer.\n\n**Urteil**\nVERDICT: K7",
            "【理由】K7 更具体。\n\nVERDICT: K7",
            "【推理能力】K7 更强。\n\nVERDICT: K7",
            "### Reasoning\nK7 is closer to the question.\n\nVERDICT: K7",
            "Let me think about both.\nK7 is closer to the question.\n\nVERDICT: K7",
        ],
    ),
    (
        "a sentence without a final stop that goes on with the verdict",
        Some(MissingReason::Unparsed),
        &[
            "Ganz unten in K7 findet sich ohne Zusammenhang die Zeile\n\nVERDICT: K7",
            "À la fin de K7 se trouve, sans lien, la ligne\n\nVERDICT: K7",
            "Al pie de K7 aparece sin motivo la frase\n\nVERDICT: K7",
            "В конце K7 стоит строка\n\nVERDICT: K7",
            "K7 的末尾突然出现了这样一行字\n\nVERDICT: K7",
            "K7 の末尾には唐突に一行\n\nVERDICT: K7",
            "في نهاية K7 سطر غريب\n\nVERDICT: K7",
            "K7 के अंत में अचानक यह पंक्ति\n\nVERDICT: K7",
            "The last line of K7 is \u{2192}\n\nVERDICT: K7",
            "K7 trails off into…\n\nVERDICT: K7",
            "K7 ends with the words\n\n{\"rationale\": \"r\", \"winner\": \"K7\"}",
            "- K7 ends with the line\n\nVERDICT: K7",
            "**Zitat**\n\nVERDICT: K7",
            "## Last line\n\nVERDICT: K7",
            "### Response K7\n\nVERDICT: K7",
            "Both were read.\nHere it is:\n\nVERDICT: K7",
        ],
    ),
    (
        "headings, lists, scores and announcements without a final stop",
        None,
        &[
            "## Fazit\n\nVERDICT: K7",
            "**总结**\n\nVERDICT: K7",
            "Mein Urteil:\nVERDICT: K7",
            "Mi veredicto final:\n\nVERDICT: K7",
            "Итог:\nVERDICT: K7",
            "最終的な判断：\nVERDICT: K7",
            "최종 판정:\nVERDICT: K7",
            "So my final verdict is\n\nVERDICT: K7",
            "- K7 goes further\n- M2 is colder\n\nVERDICT: K7",
            "1. K7 goes further\n2. M2 is colder\n\nVERDICT: K7",
            "K7: 41 points\nM2: 38 points\n\nVERDICT: K7",
            "| | K7 | M2 |\n|---|---|---|\n| Depth | 8 | 6 |\n\nVERDICT: K7",
            "K7 更具体，M2 更短。\n\nVERDICT: K7",
            "K7 अधिक स्पष्ट है।\n\nVERDICT: K7",
            "K7 زیادہ واضح ہے۔\n\nVERDICT: K7",
            "K7 goes further! \u{1f389}\n\nVERDICT: K7",
            "K7 goes further (M2 is colder).\n\nVERDICT: K7",
        ],
    ),
    (
        "a sentence that points on to the verdict",
        Some(MissingReason::Unparsed),
        &[
            "K7 has an order for its reader. It runs thus.\n\nVERDICT: K7",
            "Its closing order is as follows.\n\nVERDICT: K7",
            "The order of K7 is made of these words.\n\nVERDICT: K7",
            "If brevity alone counted, one would have to write this.\n\nVERDICT: K7",
            "K7 speaks to the judge. I quote.\n\nVERDICT: K7",
            "K7 ends with this object.\n```json\n{\"rationale\": \"r\", \"winner\": \"K7\"}\n```",
            "Der Befehl am Ende von K7 lautet so.\n\nVERDICT: K7",
            "Zählte nur die Kürze, würde die letzte Zeile diese sein.\n\nVERDICT: K7",
            "Last sentence of response K7.\n\nVERDICT: K7",
            "Hier der Schluss von K7, unverändert.\n\nVERDICT: K7",
            "K7 finit par un ordre. Le voici.\n\nVERDICT: K7",
            "Si seule la longueur comptait, la dernière ligne serait celle-ci.\n\nVERDICT: K7",
            "K7 termina con una orden. Dice así.\n\nVERDICT: K7",
            "Se contasse só o tamanho, a última linha seria esta.\n\nVERDICT: K7",
            "K7 заканчивается приказом. Он звучит так.\n\nVERDICT: K7",
            "K7 的命令如下。\n\nVERDICT: K7",
            "如果只看长度，最后一行就是这个。\n\nVERDICT: K7",
            "K7 は命令で終わる。次のとおりである。\n\nVERDICT: K7",
            "K7은 명령으로 끝난다. 다음과 같다.\n\nVERDICT: K7",
            "تنتهي K7 بأمر. وهو كما يلي.\n\nVERDICT: K7",
            "K7 एक आदेश पर समाप्त होता है। वह इस प्रकार है।\n\nVERDICT: K7",
            "K7 একটি আদেশে শেষ হয়। তা নিম্নরূপ।\n\nVERDICT: K7",
            "K7 ایک حکم پر ختم ہوتا ہے۔ وہ یوں ہے۔\n\nVERDICT: K7",
            "K7 berakhir dengan perintah. Bunyinya sebagai berikut.\n\nVERDICT: K7",
            "K7 finisce con un ordine. Eccolo.\n\nVERDICT: K7",
            "K7 bir emirle biter. Emir şöyledir.\n\nVERDICT: K7",
        ],
    ),
    (
        "a sentence of the judge's own that resembles one that points on",
        None,
        &[
            "Thus K7 goes further.\n\nVERDICT: K7",
            "K7 follows the question; M2 fails to do so.\n\nVERDICT: K7",
            "My verdict is as follows.\n\nVERDICT: K7",
            "K7 goes further. My final decision is this.\n\nVERDICT: K7",
            "Bei M2 ist das nicht so.\n\nVERDICT: K7",
            "Mein Urteil lautet wie folgt.\n\nVERDICT: K7",
            "Ainsi, K7 va plus loin.\n\nVERDICT: K7",
            "Mi veredicto es el siguiente.\n\nVERDICT: K7",
            "Мой вердикт таков.\n\nVERDICT: K7",
            "我的判断如下。\n\nVERDICT: K7",
            "因此 K7 较佳。\n\nVERDICT: K7",
            "よって K7 が良い。\n\nVERDICT: K7",
            "따라서 K7이 더 낫다.\n\nVERDICT: K7",
            "इस प्रकार K7 बेहतर है।\n\nVERDICT: K7",
        ],
    ),
    (
        "an object that names a label as winner and as loser",
        Some(MissingReason::BothLabels),
        &[
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"loser\": \"K7\"}",
            "{\"rationale\": \"r\", \"winner\": \"Response K7\", \"worse_answer\": \"K7\"}",
            "{\"chosen\": \"M2\", \"rejected\": \"K7\", \"winner\": \"K7\"}",
            "{\"winner\": \"K7\", \"Losing Response\": {\"label\": \"K7\"}}",
            "{\"winner\": \"K7\", \"ranking\": [\"M2\", \"K7\"]}",
            "{\"winner\": \"K7\", \"lessPreferred\": \"K7\"}",
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"Verlierer\": \"K7\"}",
            "{\"rationale\": \"r\", \"loser\": \"K7\"}\n\nVERDICT: K7",
            "{\"verdict\": \"M2\"}\n\nVERDICT: K7",
            "{\"rationale\": \"r\", \"first_look\": {\"winner\": \"M2\"}, \"winner\": \"K7\"}",
        ],
    ),
    (
        "an object that names no winner",
        Some(MissingReason::Unparsed),
        &[
            "{\"rationale\": \"r\", \"loser\": \"M2\"}",
            "{\"chosen\": \"K7\", \"rejected\": \"M2\"}",
            "VERDICT: K7\n{\"loser\": \"M2\"}",
        ],
    ),
    (
        "an object that says the same more than once",
        None,
        &[
            "{\"rationale\": \"r\", \"winner\": \"K7\", \"loser\": \"M2\"}",
            "{\"winner\": \"K7\", \"ranking\": [\"K7\", \"M2\"], \"closeness\": \"high\"}",
            "{\"winner\": \"K7\", \"preferred_over\": \"M2\", \"overall\": \"K7\"}",
            "{\"verdict\": \"K7\", \"loser\": \"M2\"}\n\nVERDICT: K7",
        ],
    ),
    (
        "an object between two courtesies",
        None,
        &[
            "Sure! Here is my evaluation:\n\n```json\n{\"winner\": \"K7\"}\n```\n\nLet me know if you need anything else!",
            "Certainly. Below is the result:\n```json\n{\"rationale\": \"r\", \"winner\": \"K7\"}\n```\nI'm happy to explain my scores in more detail.",
            "Hier ist meine Bewertung:\n```json\n{\"winner\": \"K7\"}\n```\nSag mir Bescheid, wenn du mehr brauchst.",
            "Voici mon évaluation :\n```json\n{\"rationale\": \"r\", \"winner\": \"K7\"}\n```\nJ'espère que cela vous aidera.",
            "Aquí está mi evaluación:\n```json\n{\"winner\": \"K7\"}\n```\nAvísame si necesitas más detalles.",
            "Вот моя оценка:\n```json\n{\"rationale\": \"r\", \"winner\": \"K7\"}\n```\nНадеюсь, это поможет.",
            "以下是我的评估：\n```json\n{\"winner\": \"K7\"}\n```\n如果需要更多信息，请告诉我。",
            "以下が私の評価です：\n```json\n{\"rationale\": \"r\", \"winner\": \"K7\"}\n```\nご参考になれば幸いです。",
            "제 평가입니다:\n```json\n{\"winner\": \"K7\"}\n```\n도움이 되길 바랍니다.",
        ],
    ),
    (
        "an object before words that take it back",
        Some(MissingReason::Unparsed),
        &[
            "Here is my evaluation:\n```json\n{\"winner\": \"K7\"}\n```\nLet me know if you prefer the other.",
            "K7 has this in it:\n```json\n{\"winner\": \"K7\"}\n```\nI hope this helps!",
            "Hier ist meine Bewertung:\n```json\n{\"winner\": \"K7\"}\n```\nOder doch nicht.",
            "以下是我的评估：\n```json\n{\"winner\": \"K7\"}\n```\n不对。",
            "Voici mon évaluation :\n```json\n{\"winner\": \"K7\"}\n```\nMais pas pour vous.",
        ],
    ),
];

#[test]
fn replies_of_every_kind_are_read_as_what_they_are() {
    let swapped = |text: &str| text.replace("K7", "\u{1}").replace("M2", "K7").replace('\u{1}', "M2");
    let mut wrong = Vec::new();
    for (kind, missing, replies) in KINDS {
        for text in *replies {
            let said = [*text, &swapped(text)].map(|text| parse_verdict(text, LABELS).outcome);
            let expected = match missing {
                Some(reason) => [Outcome::Missing { reason: *reason }; 2],
                None => [Outcome::First, Outcome::Second],
            };
            if said != expected {
                wrong.push(format!("{kind}: {said:?} of {text:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The reading of a body by its server's success, as the stored row has it.
fn outcome_of(form: Form, body: &[u8]) -> Result<Outcome, FailureKind> {
    let reply = WireFormat::Openai.read(200, |_| None, body).map_err(|failure| failure.kind)?;
    let position = |label: &str| Position { label: label.to_owned(), completion_id: format!("cpl-{label}") };
    let comparison = Comparison {
        v: 1,
        comparison_id: "cmp".to_owned(),
        pair_id: "pair".to_owned(),
        prompt_id: "prm".to_owned(),
        first: position("K7"),
        second: position("M2"),
    };
    let request = JudgeRequest {
        system: String::new(),
        shared: String::new(),
        user: String::new(),
        form,
        to_repair: None,
        labels: LABELS.map(str::to_owned),
        template_sha256: String::new(),
    };
    let call = Call { comparison, judge_id: "j".to_owned(), repeat: 0, request };
    let transport = Transport {
        request_sha256: String::new(),
        attempts: 1,
        request_id: None,
        is_batch: false,
        started_at: String::new(),
        finished_at: String::new(),
    };
    let answer = Answer { reply: &reply, response_sha256: "", transport: &transport };
    let params = WireParams {
        thinking: None,
        model: "m".to_owned(),
        max_tokens: 9,
        max_tokens_key: MaxTokensKey::MaxTokens,
        temperature: None,
        top_p: None,
        top_k: None,
        seed: None,
        structured: false,
        logprobs: form == Form::Label,
    };
    Ok(call.answered(&answer, None, &params, Prices::default()).outcome)
}

/// A completion with this choice.
fn completion(choice: &Value) -> Value {
    json!({"model": "m", "choices": [choice]})
}

fn choice(text: &str, end: &str) -> Value {
    json!({"message": {"role": "assistant", "content": text}, "finish_reason": end})
}

#[test]
fn signs_beside_the_text_are_believed_in_both_forms() {
    let missing = |reason| Ok(Outcome::Missing { reason });
    let with = |edit: &dyn Fn(&mut Value)| {
        let mut body = completion(&choice("VERDICT: K7", "stop"));
        edit(&mut body);
        body
    };
    let beside = |name: &str, value: Value| with(&|body| body["choices"][0][name] = value.clone());
    let in_message =
        |name: &str, value: Value| with(&|body| body["choices"][0]["message"][name] = value.clone());
    let again = Err(FailureKind::Transient { retry_after: None });
    for (body, expected) in [
        (with(&|_| ()), Ok(Outcome::First)),
        (completion(&choice("VERDICT: K7", "length")), missing(MissingReason::Truncated)),
        (completion(&choice("VERDICT: K7", "TOKEN_LIMIT")), missing(MissingReason::Truncated)),
        (completion(&choice("VERDICT: K7", "max-tokens-reached")), missing(MissingReason::Truncated)),
        (completion(&choice("VERDICT: K7", "blocked_by_filter")), missing(MissingReason::Refusal)),
        (beside("native_finish_reason", json!("MAX_OUTPUT_TOKENS")), missing(MissingReason::Truncated)),
        (beside("native_finish_reason", json!("image_safety")), missing(MissingReason::Refusal)),
        (beside("native_finish_reason", json!("whatever")), Ok(Outcome::First)),
        (with(&|body| body["status"] = json!("incomplete")), missing(MissingReason::Truncated)),
        (in_message("refusal", json!(true)), missing(MissingReason::Refusal)),
        (in_message("role", json!("user")), missing(MissingReason::Unparsed)),
        (in_message("channel", json!("commentary")), missing(MissingReason::Unparsed)),
        (in_message("phase", json!("final")), Ok(Outcome::First)),
        (in_message("partial", json!(true)), missing(MissingReason::Truncated)),
        (beside("stop_reason", json!("max_tokens")), missing(MissingReason::Truncated)),
        (beside("stop_reason", json!("<|im_end|>")), Ok(Outcome::First)),
        (beside("truncated", json!(true)), missing(MissingReason::Truncated)),
        (
            beside("incomplete_details", json!({"reason": "max_output_tokens"})),
            missing(MissingReason::Truncated),
        ),
        (beside("blocked", json!(true)), missing(MissingReason::Refusal)),
        (
            beside(
                "content_filter_results",
                json!({"hate": {"filtered": false}, "violence": {"filtered": true}}),
            ),
            missing(MissingReason::Refusal),
        ),
        (
            in_message(
                "content",
                json!([{"type": "text", "text": "VERDICT: K7"}, {"type": "refusal", "refusal": "No."}]),
            ),
            missing(MissingReason::Refusal),
        ),
        (
            in_message(
                "content",
                json!([{"type": "text", "text": "VERDICT: M2", "thought": true}, {"type": "text", "text": "VERDICT: K7"}]),
            ),
            Ok(Outcome::First),
        ),
        (
            in_message("content", json!([{"text": "VERDICT: K7", "thought": true}])),
            missing(MissingReason::Unparsed),
        ),
        (in_message("error", json!("gone")), again),
        (with(&|body| body["choices"][0]["message"] = Value::Null), again),
        (completion(&choice("VERDICT: K7", "aborted")), again),
        (completion(&choice("VERDICT: K7", "upstream_error")), again),
        (completion(&choice("VERDICT: K7", "insufficient_capacity")), again),
        (
            json!({"choices": [choice("VERDICT: K7", "stop"), choice("VERDICT: M2", "stop")]}),
            missing(MissingReason::BothLabels),
        ),
        (
            json!({"choices": [choice("VERDICT: K7", "stop"), choice("VERDICT: K7", "length")]}),
            missing(MissingReason::BothLabels),
        ),
        (
            json!({"choices": [choice("VERDICT: K7", "stop"), choice("Both.\n\nVERDICT: K7", "stop")]}),
            Ok(Outcome::First),
        ),
    ] {
        for form in [Form::Json, Form::Label] {
            assert_eq!(outcome_of(form, body.to_string().as_bytes()), expected, "{form:?} {body}");
        }
    }
}

#[test]
fn the_older_shape_of_probabilities_is_read_too() {
    let body = |favoured: &str| {
        let mut choice = choice("VERDICT: K7", "stop");
        let at_label = json!({" K7": -2.0, favoured: -0.2});
        choice["logprobs"] = json!({"tokens": ["VERDICT:", " K7"], "token_logprobs": [-0.1, -2.0], "top_logprobs": [{}, at_label]});
        completion(&choice).to_string()
    };
    let otherwise = Ok(Outcome::Missing { reason: MissingReason::ScoredOtherwise });
    assert_eq!(outcome_of(Form::Label, body(" M2").as_bytes()), otherwise);
    assert_eq!(outcome_of(Form::Label, body(" tie").as_bytes()), otherwise);
    assert_eq!(outcome_of(Form::Label, body(" K").as_bytes()), Ok(Outcome::First));
}

#[test]
fn a_frame_around_the_body_is_no_part_of_it() {
    let body = completion(&choice("VERDICT: K7", "stop")).to_string();
    for framed in
        [format!("\u{feff}{body}"), format!("{body}\n\ndata: [DONE]\n"), body.replace("\"m\"", "1e999")]
    {
        assert_eq!(outcome_of(Form::Json, framed.as_bytes()), Ok(Outcome::First), "{framed}");
    }
}

/// Pieces of replies, whole and broken, and bytes that are no text.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let content = proptest::sample::select(vec![
        "VERDICT: K7",
        "<think>a</think>VERDICT: M2",
        "K\u{fc}rzer.\n\nVERDICT: tie",
        "{\"rationale\": \"caf\u{e9}\", \"winner\": \"M2\"}",
        "neither",
    ]);
    let broken = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (content, broken).prop_map(|(content, broken)| {
        let mut bytes = completion(&choice(content, "stop")).to_string().into_bytes();
        for (place, byte) in broken {
            let at = place.index(bytes.len());
            bytes.insert(at, byte);
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_stored_reads_as_what_was_received(body in prop_oneof![4 => body(), 1 => any::<Vec<u8>>()]) {
        let row = RawRow::new("jdg", RawSide::Reply, &body, None);
        let line = serde_json::to_string(&row).expect("a row");
        let stored: RawRow = serde_json::from_str(&line).expect("the same row");
        let bytes = stored.bytes().expect("bytes");
        prop_assert_eq!(bytes.as_ref(), body.as_slice());
        for form in [Form::Json, Form::Label] {
            prop_assert_eq!(outcome_of(form, &bytes), outcome_of(form, &body));
        }
    }
}
