//! Short clean texts in many languages and forms: what no fix may change.

/// Language or form, and a text with its own quotes, ellipses, dashes, brackets, joiners and direction marks.
pub const CLEAN: &[(&str, &str)] = &[
    (
        "English",
        "She said, “It’s late”—and left… The gate (the old one) stood open.\n\n1. Shut it.\n2. Oil it!\n\n- ‘Why?’\n- “Because it creaks.”",
    ),
    (
        "German",
        "Er rief: „Das macht Spaß“ – und „Grüß Gott, Frau Groß…“ Strauß’ Walzer, ein ‚halber Spaß‘, das »große Maß«, der Buchstabe „Ä“.\n\n- Äpfel\n- Öl (kalt)\n- Übermaß!",
    ),
    (
        "French",
        "«\u{a0}Où est passé l’été\u{a0}?\u{a0}» demanda-t-il… «\u{a0}Il est là, déjà passé\u{a0}»\u{a0}: voilà tout — ou presque. L’« apogée\u{a0}» du café…\n\n– À bientôt\u{a0}!\n– Ç’a été…",
    ),
    (
        "Spanish",
        "«¿Qué pasó, José…?», dijo él—¡nada!—y añadió: “No sé…” El niño (el menor) gritó: «¡Olé!»; ella calló… ¿y él?",
    ),
    (
        "Portuguese",
        "“Não, irmã”, disse ele… «Amanhã», «é já», “à mão”… Só então — às três — veio a manhã (a 2.ª). IRMÃ… “MANHÔ!",
    ),
    (
        "Italian",
        "«Perché?», chiese… “Così è la verità”, disse lui – «più o meno là». L’“età” è ciò che è: già, però… «È».",
    ),
    (
        "Dutch",
        "‘Één ding,’ zei hij… “Dat is België”, ‘café’, ‘reünie’. Zó’n dag – «heel mooi» – komt niet vaak (’s avonds).",
    ),
    (
        "Swedish",
        "”Är du på ö?” frågade han… »På Å«, sa hon – ”gå då”. Öar, åar… (Ä, Å och Ö.) ”Ö” är ett ord.",
    ),
    ("Danish", "»Hvad så?« spurgte hun… »På ø«, »en å« – ”ærø”. Æ, Ø og Å… 2,1 Å±0,3 og Ø½."),
    ("Norwegian", "«Hva nå?» spurte han… «Få se», «blå», «en ø» – ja, «Å»… (på Å.)"),
    ("Finnish", "”Hyvää yötä”, hän sanoi… ”Älä jää” – ”yö”… (Ää, öö, åå.) ”Ä…”, hän aloitti."),
    ("Icelandic", "„Það er satt“, sagði hún… „Ég á það“, „já“ – „við“… Þú, „æ“, „ö“, „það…“ (í dag)."),
    (
        "Polish",
        "„Żółć”, powiedział… „to jest łódź” – «być», „może…”. Ó, „dość”: „pięść”, ‘źdźbło’ (część pierwsza).",
    ),
    ("Czech", "„Co víš…“ zeptala se. „Už nevíš“, „éž“, ‚tvář‘ – »tíž«, „běž…“. „Žádný oříšek“ (řeší to)."),
    ("Hungarian", "„Jó éjt”, mondta… »Hová?« – „Őrült idő”, „tűnő…”. Á, „só”, „fű”, „nő” (és ő)."),
    ("Romanian", "„Încă o zi”, zise… «Așa e» – „și tu”, „ţară”, „țară”. „Â” și „Î” (litere): ‘Â’… «Â»."),
    ("Turkish", "“Güle güle”, dedi… ‘Öğretmenim’ – “kâ”, “rüyâ…” “dünyâ’ya”. «İyi», “ağ”, “şu” (ılık)."),
    ("Vietnamese", "“Đã muộn”, cô nói… “Cà phê” – ‘không đá’… «Ở đâu?», “à…”, “ừ”, “lê” (một quả)."),
    ("Greek", "«Γιατί;» ρώτησε… «Έτσι είναι» – “ναι”, ‘όχι’… Τα «ά», «ή», «ώ» (και το ΐ)."),
    (
        "Russian",
        "«Ещё чего?» — спросил он… „Да“, «нет», “ёж”… «Ы…» (буква), „Ъ“ — знак.\n\n— Куда?\n— Домой.",
    ),
    ("Ukrainian", "«Їжак», — сказала вона… „Ґанок“ – «об’єкт», “під’їзд”… (є, і, ї.)"),
    (
        "Hebrew",
        "הוא אמר: ”שלום“ – ואז… \u{2067}ספר של \u{2066}John Smith\u{2069} כאן\u{2069}. ״צה״ל״, ׳גר׳ (טוב).",
    ),
    (
        "Arabic",
        "قال: «مرحبًا»… ثم مشى – (نعم) \u{2067}كتاب \u{2066}Python 3\u{2069} هنا\u{2069} \u{202b}نص\u{202c}؛ “حسنًا”؟",
    ),
    (
        "Persian",
        "او گفت: «می\u{200c}خواهم»… نمی\u{200c}دانم – «کتاب\u{200c}ها» (خانه\u{200c}ای) \u{200e}۱۲۳.",
    ),
    ("Hindi", "उसने कहा: “क्\u{200d}या हुआ?” – ‘कुछ नहीं…’ (ठीक है)। हिन्दी, क्\u{200c}ष, “अच्छा”।"),
    ("Tamil", "அவள் சொன்னாள்: “சரி…” – ‘இல்லை’ (நன்றி)."),
    ("Bengali", "সে বলল: “ঠিক আছে…” – ‘না’ (ধন্যবাদ)। র\u{200d}্যাব।"),
    ("Thai", "เขา\u{200b}พูด\u{200b}ว่า “ไป\u{200b}กัน\u{200b}เถอะ…” – ‘ไม่’ (ขอบคุณ) 3\u{200b} ครั้ง"),
    ("Khmer", "គាត់\u{200b}និយាយ\u{200b}ថា «បាទ»… – “ទេ” (អរគុណ)។ ទ្វារ\u{200b}មួយ\u{200b}បើក។"),
    ("Lao", "ລາວ\u{200b}ເວົ້າ\u{200b}ວ່າ “ໄປ…” – (ຂອບໃຈ)"),
    ("Burmese", "သူ\u{200b}က “လာပါ…” – (ကျေးဇူး) ပြော\u{200b}သည်။"),
    (
        "Chinese",
        "他说：“走吧……”——【结论】先清沟；【注】再砌墙。《石墙》（第1章）：‘好’。【1】第一；【2】第二。",
    ),
    (
        "Japanese",
        "「行こう…」と彼は言った――『石垣』。【要点】水はけ。【理由】凍結。（注１）〜終わり〜\n\n・一\n・二",
    ),
    ("Korean", "그는 “가자…”라고 말했다 – ‘아니요’ (감사). 《돌담》, 【결론】 물빠짐. 「문」"),
    ("Georgian", "მან თქვა: „წავიდეთ…“ – (გმადლობთ) «დიახ»."),
    ("Armenian", "Նա ասաց՝ «գնանք…» – (շնորհակալություն) “այո”։"),
    ("Amharic", "እሱም “እንሂድ…” አለ – (አመሰግናለሁ) «አዎ»።"),
    (
        "Emoji",
        "A family 👩\u{200d}👩\u{200d}👧, a heart ❤\u{fe0f}, a flag 🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}; it costs 5 € – 20 %™, 3½ cups, 20 °C, N° 5, 10 µm ±2, §4, ¶2.",
    ),
    ("Verse", "Copy\nthe river,\nEdit\nnothing.\n\nShare\n\nRegenerate\n\n2 / 3\nof the sea"),
    (
        "Code",
        "Use `<details>` and `Ã¼` or `turn0search1`:\n\n```html\n<details>\n  <think>x</think>\n</details>\n【4†source】\n```\n\nThen write `<|im_end|>`, `[TOOL_CALLS]`, `:::artifact{a=1}` and ``【1†a】``.",
    ),
    (
        "Markdown",
        ":::note\nThe gate creaks.[^1] See [1] and [2][3], {#id}, |a|b|, <b>bold</b>, $x_1$, ~~no~~.\n:::\n\n[^1]: It did.\n\n| a | b |\n|---|---|\n| 1 | 2 |",
    ),
];
