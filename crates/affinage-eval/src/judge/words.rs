//! The few words of other languages that reading a verdict needs, as data, and how a line is held against them. English stands
//! first in every list; after it come the languages with most speakers and writers.

/// Nouns that name the judge's decision.
const DECISION: &str = "verdict verdicts conclusion decision judgement judgment result winner vote summary answer overall final finally conclude \
    urteil fazit ergebnis entscheidung gesamturteil sieger gewinner endurteil \
    verdict conclusion décision jugement résultat gagnant bilan \
    veredicto conclusión decisión juicio resultado ganador resumen \
    conclusão decisão julgamento vencedor resumo \
    verdetto conclusione decisione giudizio risultato vincitore \
    вердикт вывод решение итог итоги заключение победитель \
    oordeel conclusie beslissing uitspraak werdykt wniosek decyzja wynik karar sonuç hüküm kesimpulan keputusan putusan \
    الحكم حكم حكمي القرار قراري النتيجة الخلاصة निर्णय निष्कर्ष फैसला फ़ैसला رائے فیصلہ نتیجہ রায় সিদ্ধান্ত উপসংহার \
    结论 結論 裁决 裁決 判断 判斷 判决 判決 决定 決定 总结 總結 结果 結果 判定 裁定 まとめ 総評 \
    결론 판정 판결 결정 결과 평결 승자 ";

/// Nouns of what leads a judge to it.
const JUDGING: &str = "analysis assessment compared comparing comparison considered considering evaluating evaluation rationale reading reason reasoning \
    reasons scores weighing \
    bewertung begründung einschätzung auswertung vergleich beurteilung gesamtbewertung analyse \
    évaluation analyse comparaison avis appréciation evaluación análisis comparación valoración razonamiento \
    avaliação comparação valutazione analisi confronto оценка анализ сравнение beoordeling vergelijking ocena porównanie \
    değerlendirme değerlendirmem karşılaştırma penilaian perbandingan analisis đánh giá التقييم تقييمي تقييم المقارنة मूल्यांकन तुलना تجزیہ মূল্যায়ন \
    评估 評估 评价 評價 分析 评判 比较 比較 点评 評価 判定 평가 분석 비교 ";

/// Words that join those, and say nothing of their own.
const JOINING: &str = "a above absolutely after all and answers are as based below both by carefully certainly coherence coming course creativity criteria \
    criterion depth engagement everything follows for gladly here heres hence i in is it its json me my object of ok okay on quality response responses rubric m ll d \
    requested result s so sure the then therefore these this thus to together two well writing yes \
    mein meine meiner hier ist sind das die der dies so lautet lauten wie folgt also endgültiges endgültige abschließende abschließendes insgesamt beiden \
    nach abwägung gerne gern natürlich und zusammenfassend damit somit unten \
    mon ma voici est le la les suivant suivante en bref bien sûr final finale \
    mi es el lo la siguiente final aquí está sigue por tanto en meu minha é o a seguinte aqui está final il mio la mia ecco è il seguente finale \
    мой моя вот итоговый итоговая итого таков такова следующий окончательный окончательное mijn is het hier dit moja mój oto benim son nihai işte şu şudur \
    saya akhir berikut ini adalah إليك هو هي كما يلي التالي النهائي هذا هذه यह है मेरा मेरी अंतिम यहाँ میرا یہ ہے حتمی আমার হলো এই চূড়ান্ত \
    我 我的 的 最终 最終 最后 最後 如下 以下 以下是 是 这是 這是 综上 综上所述 综合 所述 下面 是我 为 為 总体 \
    私 私の の 最終 最終的 な は が 以下 の通り のとおり です である 以上 より 総合 的 に 次 \
    저의 제 의 최종 은 는 다음과 다음 과 같습니다 같다 입니다 이다 종합 적인 나의 내 ";

/// Words of courtesy, which may stand around a verdict.
const COURTESY: &str = "a above all always and any anything anytime are as ask asked assist assistance been both breakdown can carefully certainly clarification clarify \
    compare compared comparing could course criteria deeper detail detailed details done elaborate else end evaluate evaluated evaluation explain \
    explained explanation explanations feedback feel final for free further given glad go gladly happy have help helpful helps here hope i if in information \
    into is it json judged judgement judgment know let like me more my need needed needs object of ok okay on opportunity output please pleasure \
    provide provided question questions rationale reach read reading reasoning requested required rubric scores should sure thank thanks that the \
    there this to twice unclear understand verdict very want was welcome were with would yes you your s m ll d \
    ich hoffe das hilft dir ihnen gern gerne geschehen natürlich sag sagen sagt sie mir bitte bescheid wenn falls du noch mehr brauchst brauchen brauchst details \
    fragen hast haben stehe für rückfragen zur verfügung danke vielen dank weitere melde melden dich lass lassen es mich wissen weiter einzelheiten \
    bien sûr volontiers merci j espère que cela ça vous t aide aidera si vous avez besoin de plus d informations détails précisions autres questions dites moi \
    le la faites savoir je reste à votre disposition \
    claro gracias espero que esto sirva ayude te le sea útil útiles avísame avíseme si necesitas necesita más algo detalles información quedo a tu su disposición por supuesto \
    obrigado obrigada espero que isso ajude ajudar me avise se precisar de mais algo informações certo com prazer à disposição fico \
    certo grazie spero che sia utile ti vi questo aiuti fammi sapere se hai bisogno di altro dettagli volentieri \
    конечно спасибо надеюсь это поможет вам помогло полезно дайте знать если нужно нужны что то ещё еще подробности пожалуйста обращайтесь вопросы есть будут \
    graag gedaan bedankt dank je u hoop dat dit helpt laat het me weten als meer nodig hebt teşekkürler teşekkür ederim umarım yardımcı olur daha fazla bilgi gerekirse \
    lütfen bana bildirin terima kasih semoga membantu beri tahu jika perlu lebih lanjut silakan \
    شكرا شكراً آمل أن يكون هذا مفيدا مفيداً يساعد أخبرني إذا احتجت إلى المزيد من التفاصيل بالطبع धन्यवाद आशा है यह मदद करेगा उपयोगी होगा और जानकारी चाहिए तो बताएं अगर बताइए कृपया \
    شکریہ امید ہے یہ مددگار ہو اگر مزید ধন্যবাদ আশা করি এটি সাহায্য করবে আরও জানান প্রয়োজন হলে \
    希望 这 這 对 對 您 你 有 所 有所 帮助 幫助 能 会 如果 如 若 需要 还 還 更多 更多的 信息 资料 说明 說明 细节 請 请 告诉 告訴 我 随时 隨時 联系 欢迎 提问 谢谢 謝謝 感谢 感謝 问题 任何 好的 当然 當然 有用 \
    詳細 が 必要 な 場合 は お 知らせ ください ありがとう ござい ます ございます ました 参考 に なれば 幸い 幸いです です ご 不明 点 あれば どうぞ 質問 はい 承知 しました いたし \
    감사합니다 고맙습니다 도움이 도움 이 되길 되기를 되었기를 바랍니다 더 필요 하시면 필요하시면 필요하면 말씀 말씀해 해 주세요 알려 추가 정보 정보가 설명 설명이 질문 있으시면 물론입니다 네 물론 ";

/// Nouns that name a thought.
const THOUGHT: &str = "think thinks thinking thought thoughts scratchpad \
    denken denkprozess gedanke gedanken gedankengang gedankengänge nachdenken pensée pensées réflexion réflexions \
    pensamiento pensamientos pensando reflexión pensamento pensamentos reflexão pensiero pensieri riflessione riflessioni мысль мысли мышление размышление размышления мыслей \
    gedachte gedachten denkproces myśl myśli myślenie myślenia düşünce düşünme düşünceler pemikiran berpikir berpikirnya nghĩ تفكير التفكير أفكار सोच सोचने विचार चिंतन سوچ চিন্তা ভাবনা \
    思考 思索 思维 思維 思路 思绪 想法 考え 思案 생각 사고 ";

/// Nouns that name a thought where they stand between brackets, and a part of the answer elsewhere.
const REASONING: &str = "reasoning monologue reflection deliberation analysing überlegung überlegungen raisonnement razonamiento raciocínio ragionamento рассуждение рассуждения \
    redenering rozumowanie muhakeme penalaran luận استدلال التعليل तर्क استدلال যুক্তি 推理 推论 推論 推导 推導 推敲 内省 独白 獨白 自问自答 モノローグ 독백 추론 추리 ";

/// Words that join those.
const AROUND_THOUGHT: &str = "process begin begins begun start starts here s heres is my the in of chain step steps deep internal inner aloud out loud mode \
    mein meine der die das prozess ein kette laut tiefe schritt für mon ma mes la le les de du chaîne processus mi mis el los en voz alta à voix haute proceso cadena meu minha o processo cadeia \
    il mio i miei catena flusso ход мой мои процесс внутренний внутренние цепочка mijn tok moje süreci zinciri proses rantai suy quá trình \
    عملية سلسلة خطوات प्रक्रिया की मेरी मेरा عمل প্রক্রিয়া \
    过程 過程 的 我 我的 链 鏈 步骤 步驟 内容 內容 中 深度 内心 內心 开始 開始 始 開始する プロセス ログ 日志 日誌 の 流れ 内的 メモ 私 私の 過程 \
    과정 내 나의 의 깊은 중 로그 단계 흐름 ";

/// What says beside a name of a thought that it is over.
const ENDED: &str = "end ends ended done over finished ende beendet fin fim fine конец sonu selesai انتهى समाप्त ختم শেষ \
    结束 結束 完毕 完畢 完 终了 終了 終わり ここまで 끝 종료 ";

/// What names a draft in a heading.
const DRAFT: &str = "draft drafts initial preliminary provisional tentative hypothetical placeholder entwurf vorläufig vorläufige \
    vorläufiges vorläufiger brouillon ébauche provisoire préliminaire borrador provisional preliminar rascunho provisório provisória \
    bozza provvisorio preliminare черновик набросок предварительный предварительная предварительное \
    草稿 初步 初始 第一印象 下書き 暫定 초안 임시 첫인상 مسودة أولي मसौदा प्रारंभिक ";

/// What the heading of an example begins with.
const EXAMPLE: &str =
    "example sample beispiel exemple ejemplo exemplo esempio пример 示例 例子 예시 مثال उदाहरण ";

/// With these a sentence says that what follows is no verdict of the judge's.
const DISOWNS: &str = "not my verdict|not my decision|not my own|is not mine|only a draft|just a draft|only an example|just an example|\
    the next line|line below|following line|line that follows|only shows the format|only the format|i abstain|take no side|take neither side|\
    do not endorse|not compared|not yet compared|below is wrong|\
    nicht mein urteil|nicht meine entscheidung|nicht von mir|nur ein entwurf|nur ein beispiel|nächste zeile|folgende zeile|enthalte mich|\
    noch nicht verglichen|pas mon verdict|pas de moi|qu un brouillon|qu un exemple|ligne suivante|m abstiens|pas encore comparé|\
    no es mi veredicto|solo un borrador|solo un ejemplo|línea siguiente|me abstengo|no he comparado|\
    não é o meu|não é a minha|só um rascunho|apenas um rascunho|apenas um exemplo|linha seguinte|me abstenho|\
    non è il mio|solo una bozza|solo un esempio|riga seguente|mi astengo|\
    не мой вердикт|не мое решение|не моё решение|только черновик|лишь черновик|только пример|следующая строка|воздерживаюсь|не сравнивал|\
    不是我的|只是草稿|只是初步|只是例子|只是示例|不是最终|下一行|还没有比较|弃权|私の判定ではありません|下書きです|例です|次の行|まだ比較|棄権|\
    판정이 아닙니다|초안일 뿐|예시일 뿐|다음 줄|아직 비교|비교하지 않았습니다|기권|ليس حكمي|مجرد مسودة|مجرد مثال|السطر التالي|\
    मेरा निर्णय नहीं|केवल मसौदा|सिर्फ़ मसौदा|केवल उदाहरण|अगली पंक्ति";

/// Words with which a sentence points on to what comes next, where it ends with them.
const POINTS_ON: [&str; 19] = [
    "thus|thusly|as follows|like this|like so|this way|this|these|this one|these words|this line|this sentence|this phrase|this text|this object|this json|reads so|says so|runs so|goes so|ends so|closes so|the following|following line|following words|following sentence|below|here it is|here it comes|here goes|stands here|quoted here|written here|quote|i quote|unquote|verbatim|word for word|unchanged|as is|namely|viz|to wit",
    "如下|如此|这样|这样的|这样写|这样写道|这样写的|这样说|这样说的|这样结尾|这样结束|这一句|这句|这句话|这一行|这行|这行字|这个|这些|这些字|这几个字|这段话|这条|此句|以下|下面|写道|说道|原文|引用|引述|為證|为证|这样的话|原样|一字不差|如下所示|如下文|下文|以下内容|下面这句|下面这行|下列|即此|這樣|這樣寫|這樣說|這樣的|這一句|這句|這句話|這一行|這行|這個|這些|寫道|說道|以下內容|如下所述",
    "इस प्रकार है|इस प्रकार हैं|इस तरह है|इस तरह लिखा है|इस प्रकार|इस तरह|ऐसा है|ऐसी है|ऐसे है|यह है|ये हैं|यही है|यही हैं|यही होती|यही होता|यह होती|यह होता|यही होगी|यह होगी|यही होगा|यह होगा|निम्नलिखित है|निम्नलिखित हैं|निम्न है|नीचे है|नीचे दी है|यह पंक्ति होती|यह पंक्ति है|यह वाक्य है|यूँ है|यों है|इन शब्दों में|इन शब्दों से|इन शब्दों के साथ|उद्धरण",
    "así|como sigue|lo siguiente|la siguiente|el siguiente|las siguientes|los siguientes|esto|este|esta|estos|estas|éste|ésta|éstas|éstos|estas palabras|esta frase|esta línea|esta oración|este texto|este modo|esta manera|esta forma|a continuación|está aquí|cito|cita|textualmente|literalmente|tal cual|palabra por palabra|hela aquí|helo aquí|he aquí",
    "كما يلي|ما يلي|يلي|كالتالي|التالي|التالية|الآتي|الآتية|كالآتي|هكذا|هذا|هذه|هذه الكلمات|بهذه الكلمات|هذه الجملة|بهذه الجملة|هذا السطر|هذا النص|بهذا السطر|أدناه|أقتبس|اقتباس|حرفيا|حرفياً|بهذا الشكل|على هذا النحو",
    "ainsi|comme suit|comme ceci|comme cela|ce qui suit|ceci|voici|que voici|celle ci|celui ci|ceux ci|celles ci|ces mots|ces termes|cette phrase|cette ligne|ce texte|ci dessous|ci après|la suivante|le suivant|les suivants|les suivantes|suivante|suivants|cette façon|cette manière|je cite|citation|mot pour mot|telle quelle|tel quel|tels quels|textuellement|littéralement|la voici|le voici|les voici",
    "এই|এটি|এটা|এটাই|এটিই|এইটি|এরকম|এমন|এইরকম|এই রকম|নিম্নরূপ|এভাবে|এইভাবে|নিচে|নীচে|এই কথা|এই কথাগুলো|এই লাইন|এই লাইনটি|এই বাক্য|এই বাক্যটি|এটি হতো|এটাই হতো|এটিই হতো|এই হতো|এইটাই হতো|এভাবে লেখা|এভাবে শেষ হয়|এই কথায় শেষ হয়|নিম্নলিখিত|উদ্ধৃতি",
    "assim|como segue|o seguinte|a seguinte|os seguintes|as seguintes|a seguir|seguir|abaixo|isto|isso|este|esta|estes|estas|essa|esse|estas palavras|esta frase|esta linha|este texto|desta forma|deste modo|desta maneira|está aqui|cito|citação|textualmente|literalmente|palavra por palavra|ei la|ei lo",
    "так|вот так|вот что|вот она|вот он|вот оно|вот они|вот|вот эта|вот это|это|эта|этот|эти|этой|этим|этими|таков|такова|таково|таковы|такая|такой|такое|такие|такими|следующее|следующая|следующий|следующие|следующей|следующим|следующими|следующим образом|таким образом|этими словами|такими словами|следующими словами|этой строкой|этой фразой|эта строка|эта фраза|ниже|цитирую|цитата|дословно|буквально",
    "یہ ہے|یہ ہیں|یوں ہے|یہی ہے|اس طرح ہے|اس طرح|یوں|درج ذیل ہے|درج ذیل ہیں|مندرجہ ذیل ہے|حسب ذیل ہے|ذیل میں ہے|نیچے ہے|ایسا ہے|ایسی ہے|یہ ہوتی|یہی ہوتی|یہ ہوتا|یہی ہوتا|یہ ہوگی|یہی ہوگی|ان الفاظ میں|ان الفاظ کے ساتھ|یہ سطر ہوتی|یہ سطر ہے|یہ جملہ ہے",
    "begini|demikian|seperti ini|sebagai berikut|berikut|berikut ini|ini|kata kata ini|kalimat ini|baris ini|di bawah ini|di bawah|saya kutip|kutipan|beginilah",
    "wie folgt|folgendermaßen|folgendes|folgende|folgender|folgenden|dies|dieses|diese|dieser|diesen|diesem|diesen worten|diese worte|dieser satz|diesem satz|diese zeile|dieser zeile|lautet so|heißt so|endet so|schließt so|steht so|klingt so|liest sich so|so lautet|so lauten|so endet|so enden|so heißt|so heißen|so aussehen|so schreiben|so klingen|dies sein|dies lauten|dies schreiben|dies stehen|dies heißen|diese sein|diese lauten|dieser sein|dieser lauten|diese hier|diese da|hier steht|hier stehen|steht hier|stünde hier|folgt|zitat|ich zitiere|wörtlich|wortwörtlich|unverändert|nämlich",
    "これだ|これです|これである|これになる|これだろう|これでしょう|これであろう|こうだ|こうです|こうである|こうなる|こうなっている|こうだろう|こうなるだろう|このとおり|このとおりだ|このとおりです|この通り|この通りだ|この通りです|次のとおり|次の通り|次のようだ|次のようになる|以下だ|以下です|以下である|以下のようになる|この一文だ|この一文です|この一文である|この一行だ|この一行です|この行だ|この行です|この文だ|この言葉だ|そのまま|原文のまま|引用する|引用します|こう",
    "이렇다|이렇습니다|이것이다|이것입니다|이거다|이것일 것이다|이것이었을 것이다|이것이 될 것이다|이렇게 될 것이다|이렇게 끝난다|이렇게 끝납니다|이렇게 말한다|이렇게 말합니다|이렇게 쓰여 있다|이렇게 쓰여 있습니다|이렇게 적혀 있다|이렇게 적혀 있습니다|이렇게 되어 있다|이 줄이다|이 줄입니다|이 문장이다|이 문장입니다|이 말이다|이 줄일 것이다|이 문장일 것이다|이 말로 끝난다|이 문장으로 끝난다|그대로|아래다|아래입니다|인용한다|인용합니다",
    "così|come segue|quanto segue|il seguente|la seguente|i seguenti|le seguenti|questo|questa|questi|queste|queste parole|questa frase|questa riga|questo testo|qui sotto|cito|testualmente|parola per parola|letteralmente|ecco|eccola|eccolo|eccoli|questo modo",
    "şöyle|şöyledir|şöyle olurdu|şu|şudur|şu olurdu|şunlardır|böyle|böyledir|böyle olurdu|bu|budur|bu olurdu|bunlardır|bu olacaktı|bu satırdır|bu satır olurdu|bu cümledir|aşağıdaki gibidir|aşağıdadır|aşağıda|şu sözlerle biter|böyle biter|şöyle biter|şöyle der|şöyle diyor|alıntı|alıntılıyorum|kelimesi kelimesine",
    "als volgt|luidt zo|aldus|dit|deze|deze woorden|deze zin|deze regel|het volgende|de volgende|hieronder|ik citeer|citaat|letterlijk|woordelijk|dit zijn|deze zijn|zo luiden|dit luiden",
    "brzmi tak|tak oto|oto|oto ona|następująco|następujący|następująca|następujące|tymi słowami|te słowa|to zdanie|ta linia|ten wiersz|poniżej|cytuję|cytat|dosłownie|taka|taki|takie",
    "چنین است|این است|این‌گونه است|به این شرح است|به شرح زیر است|به این صورت است|این می‌بود|همین است|همین می‌بود|به این کلمات|با این کلمات|زیر است|نقل قول",
];

/// Words that point on wherever they stand in a sentence.
const POINTS_ON_ANYWHERE: &str = "as follows|the following line|the following words|the following sentence|in these words|with these words|with this line|with this sentence|\
    如下|下面这|下面這|以下这|以下這|这样写|這樣寫|以这句|以这行|以這句|इन शब्दों|निम्नलिखित पंक्ति|निम्नलिखित वाक्य|en estos términos|con estas palabras|con esta frase|con esta línea|\
    بهذه الكلمات|بالكلمات التالية|بالسطر التالي|بهذه الجملة|en ces termes|par ces mots|par cette phrase|par cette ligne|নিম্নলিখিত বাক্য|নিম্নলিখিত লাইন|এই কথায়|com estas palavras|com esta frase|com esta linha|\
    этими словами|такими словами|следующими словами|следующей строкой|следующей фразой|درج ذیل|مندرجہ ذیل|ان الفاظ|dengan kata kata ini|dengan kalimat ini|sebagai berikut|\
    wie folgt|mit diesen worten|mit diesem satz|mit dieser zeile|mit folgenden worten|mit folgendem satz|次のとおり|次の通り|以下のとおり|以下の通り|次のよう|以下のよう|次の一文|次の一行|次の文で|次の行で|次の言葉|この言葉で|この一文で|この一行で|こう書|こう言|こう結|こう締|こう終|こう述|\
    다음과 같|아래와 같|다음 문장|다음 줄|다음 말|이 말로|이 문장으로|이런 말로|con queste parole|con questa frase|con questa riga|şu sözlerle|şu cümleyle|şu satırla|met deze woorden|met deze zin|met deze regel|tymi słowami";

/// What a title of a quotation begins with, where the language would set an article in a sentence.
const TITLES: &str = "last line|final line|closing line|last sentence|final sentence|closing sentence|last words|final words|closing words|end of|\
    letzte zeile|letzter satz|letzte worte|ende der|schluss der|dernière ligne|dernière phrase|derniers mots|fin de|\
    última línea|última frase|últimas palabras|última linha|últimas palavras|ultima riga|ultima frase|ultime parole";

/// What a line says of the words that follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announces {
    /// A decision of the judge.
    Decision,
    /// Its reasons, its reading or its scores.
    Judging,
    /// Something: all words are those of judging, and none names it.
    Something,
}

/// What `line` announces where all of its words are those of judging.
pub(super) fn announces(line: &str) -> Option<Announces> {
    let words = words(line);
    let known = |word: &String| [DECISION, JUDGING, JOINING].iter().any(|list| is_made_of(word, &[list]));
    if words.is_empty()
        || !words.iter().all(|word| known(word) || is_made_of(word, &[DECISION, JUDGING, JOINING]))
    {
        return None;
    }
    let names = |list: &str| words.iter().any(|word| has_part(word, list));
    Some(match () {
        () if names(DECISION) => Announces::Decision,
        () if names(JUDGING) => Announces::Judging,
        () => Announces::Something,
    })
}

/// Whether a word of `line` names a decision or what leads to it.
pub(super) fn names_judging(line: &str) -> bool {
    words(line).iter().any(|word| has_part(word, DECISION) || has_part(word, JUDGING))
}

/// Whether `line` is made of words of courtesy alone, so that behind a verdict it takes nothing of it back.
pub(super) fn is_courtesy(line: &str) -> bool {
    let words = words(line);
    !words.is_empty() && words.iter().all(|word| is_made_of(word, &[COURTESY]))
}

/// Whether `name` names a thought and nothing else; between brackets reasoning is a thought too.
pub(super) fn names_thought(name: &str, is_bracketed: bool) -> bool {
    let nouns: &[&str] = if is_bracketed { &[THOUGHT, REASONING] } else { &[THOUGHT] };
    let words = words(name);
    let lists = [THOUGHT, REASONING, AROUND_THOUGHT];
    words.iter().any(|word| nouns.iter().any(|list| has_part(word, list)))
        && words.iter().all(|word| is_made_of(word, &lists))
}

/// Whether `name` says that a thought is over.
pub(super) fn ends_thought(name: &str) -> bool {
    let words = words(name);
    let lists = [THOUGHT, REASONING, AROUND_THOUGHT, ENDED];
    words.iter().any(|word| has_part(word, ENDED)) && words.iter().all(|word| is_made_of(word, &lists))
}

/// Whether the heading `name` names a draft or an example.
pub(super) fn names_draft(name: &str) -> bool {
    let words = words(name);
    words.iter().any(|word| has_part(word, DRAFT))
        || words.first().is_some_and(|word| has_part(word, EXAMPLE))
}

/// Whether `sentence` says that what follows it is no verdict of the judge's.
pub(super) fn disowns(sentence: &str) -> bool {
    let text = format!(" {} ", words(sentence).join(" "));
    DISOWNS.split('|').map(str::trim).any(|phrase| {
        text.match_indices(phrase).any(|(at, _)| text[..at].ends_with(' ') || is_unspaced_word(phrase))
    })
}

/// Whether `sentence` points on to what comes next, or is the title of a quotation.
pub(super) fn points_on(sentence: &str) -> bool {
    let text = format!(" {}", words(sentence).join(" "));
    let begins = |title: &str| {
        text[1..].strip_prefix(title).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let ends = |phrase: &str| {
        text.strip_suffix(phrase).is_some_and(|before| before.ends_with(' ') || is_unspaced_word(phrase))
    };
    let holds = |phrase: &str| {
        text.match_indices(phrase).any(|(at, _)| text[..at].ends_with(' ') || is_unspaced_word(phrase))
    };
    POINTS_ON.iter().flat_map(|list| list.split('|')).any(ends)
        || POINTS_ON_ANYWHERE.split('|').any(holds)
        || TITLES.split('|').any(begins)
}

/// The lower-case words of `line`. Signs above and below letters are letters, as most languages of India need it.
pub(super) fn words(line: &str) -> Vec<String> {
    const SIGNS: &str = "\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2018}\u{2019}\u{201a}\u{201c}\u{201d}\u{201e}\u{2026}\u{ab}\u{bb}\u{bf}\u{a1}\u{b7}\u{964}\u{965}\u{6d4}\u{61f}\u{60c}\u{61b}\u{200b}\u{200e}\u{200f}\u{feff}";
    let is_between = |c: char| {
        c.is_whitespace()
            || c.is_ascii_punctuation()
            || SIGNS.contains(c)
            || matches!(c, '\u{3000}'..='\u{3004}' | '\u{3008}'..='\u{3020}' | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}' | '\u{ff3b}'..='\u{ff3d}' | '\u{ff5b}'..='\u{ff65}' | '\u{2190}'..='\u{2bff}' | '\u{1f000}'..)
    };
    // The small form of a Turkish capital I with a dot keeps the dot as a sign of its own.
    line.to_lowercase()
        .replace('\u{307}', "")
        .split(is_between)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether `word` stands in one of the lists or, of scripts that put no space between words, is put together of such words.
fn is_made_of(word: &str, lists: &[&str]) -> bool {
    let entries = || lists.iter().flat_map(|list| list.split_whitespace());
    if entries().any(|entry| entry == word) {
        return true;
    }
    // Words of a text that nobody set spaces in are few; a long one is no heading.
    if !is_unspaced_word(word) || word.chars().count() > 40 {
        return false;
    }
    let mut reached = vec![false; word.len() + 1];
    reached[0] = true;
    for at in 0..word.len() {
        if !reached[at] {
            continue;
        }
        let rest = &word[at..];
        for entry in entries().filter(|entry| is_unspaced_word(entry) && rest.starts_with(entry)) {
            reached[at + entry.len()] = true;
        }
    }
    reached[word.len()]
}

/// Whether `word` stands in `list`, or holds a word of it where no space is put between words.
fn has_part(word: &str, list: &str) -> bool {
    list.split_whitespace().any(|entry| entry == word || is_unspaced_word(entry) && word.contains(entry))
}

/// Whether a word is of a script that puts no space between words, or glues endings to them as Korean does.
pub(super) fn is_unspaced_word(word: &str) -> bool {
    word.chars().next_back().is_some_and(|c| matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}'))
}
