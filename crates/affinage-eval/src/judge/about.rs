//! Whether a text speaks of the two answers or of the reply itself: words of many languages as data. A sentence right before a
//! verdict that speaks of lines, forms and wishes makes the verdict an example or an order.

use super::words::{Announces, announces, is_unspaced_word, names_judging, words};

/// Beginnings of words, and parts of them in scripts that set no spaces or glue particles in front; several words are a phrase.
const LINE: &str = "line|sentence|zeile|satz|ligne|phrase|línea|linea|frase|linha|riga|строк|рядок|рядк|regel|wiersz|linijk|\
    satır|cümle|baris|kalimat|dòng|câu |سطر|جملة|خط |لائن|पंक्ति|लाइन|वाक्य|লাইন|বাক্য|வரி|వాక్య|\
    一行|这行|這行|此行|该行|下行|那行|这句|那句|句话|の行|この一文|次の文|行は|다음 줄|아래 줄|이 줄|한 줄|문장|บรรทัด|γραμμ|שורה|rad |raden|\
    linje|rivi|řád|sor |sora|rând|mstari|linya";

const NEXT: &str = "last|closing|following|next|below|beneath|folgend|nächst|unten|suivant|dessous|siguient|abajo|a continuación|seguint|\
    abaixo|seguent|sotto|следующ|ниже|наступн|нижче|następn|poniż|volgend|hieronder|sonraki|aşağı|berikut|bawah|tiếp theo|dưới|\
    التالي|الآتي|أدناه|اگل|ذیل|بعدی|زیر |अगल|निम्न|नीचे|আগামী|পরবর্তী|পরের|নিচে|நடுத்த|அடுத்த|下一|接下|下面|以下|下方|次の|下の|다음|아래|ต่อไป|ด้านล่าง|\
    επόμεν|ακόλουθ|παρακάτω|הבא|הבאה|nästa|följand|neste|følgend|næste|seuraav|alla |další|následuj|következ|alább|următo|sunod|kasunod";

const EXAMPLE: &str = "example|demonstrat|ukážk|sample|draft|format|template|placeholder|illustration|beispiel|entwurf|muster|platzhalter|exemple|\
    brouillon|modèle|ejemplo|borrador|plantilla|exemplo|rascunho|esempio|bozza|пример|образец|чернов|шаблон|приклад|зразок|przykład|szkic|\
    voorbeeld|örne|taslak|contoh|draf|ví dụ|nháp|مثال|مسود|نموذج|نمون|उदाहरण|मसौद|नमून|উদাহরণ|খসড়া|例子|示例|样例|例句|草稿|格式|范例|範例|\
    一例|例です|例に|例を|例示|見本|下書き|書式|예시|예일|초안|형식|ตัวอย่าง|παράδειγμα|דוגמ|exempel|eksempel|esimerk|příklad|példa|exemplu|halimbawa|mfano";

const WISH: &str = "author|writer|wants|wishes|demands|dictates|instructs|would like|verfasser|autor|wünscht|verlangt|auteur|veut|souhait|\
    exige|quiere|desea|deseja|pretende|autore|vuole|автор|хочет|требует|хоче|chce|schrijver|wenst|yazar|istedi|isti|penulis|ingin|mau |\
    tác giả|muốn|كاتب|مؤلف|يريد|تريد|مصنف|چاہت|نویسنده|लेखक|चाहत|লেখক|চান|চায়|作者|想要|希望|要求|著者|筆者|書き手|望む|望ん|求め|저자|작가|원하는|바라는|\
    ผู้เขียน|ต้องการ|συγγραφ|θέλει|מחבר|רוצה|författar|forfatter|kirjoittaj|haluaa|szerző|autoru";

const ORDER: &str = "orders|an order|instructs|instruction in|tells me|asks me|tells its|commands me|hidden|begs|what to write|befehl|un ordre|\
    una orden|uma ordem|un ordine|приказ|emir|perintah|lệnh|命令|명령";

/// With these a sentence begins that supposes something.
const SUPPOSES: &str = "if|were|suppose|supposing|imagine|assuming|wenn|falls|angenommen|si|se|supposons|если|якщо|gdyby|jeśli|als|eğer|\
    jika|kalau|nếu|giả sử|إذا|لو|إن|अगर|यदि|যদি|اگر|如果|若|假如|假设|要是|もし|仮に|만약|만일|ถ้า|หาก|αν|אם|om|hvis|jos|kdyby|pokud|dacă";

/// What points to one of the answers, or to both, without a label.
const PAIR: &str = "both|neither|either|first|second|former|latter|beide|keine|erste|zweite|les deux|aucun|ambos|ambas|ningun|entrambi|\
    entrambe|nessun|оба|обе|両|どちら|两者|兩者|两个|둘 다|كلا|दोनों|দুটি|দুই|دونوں|her ikisi|keduanya|cả hai";

/// What a judge may look at, as headings name it.
const CRITERIA: &str = "accura|correct|fact|truth|relevan|complete|clarity|clear|concis|brevity|length|detail|depth|style|tone|structure|organi|\
    coheren|creativ|original|engag|writing|language|readab|useful|helpful|practical|safety|quality|logic|argument|evidence|source|example|content|\
    format|grammar|overall|summary|response|answer|question|prompt|task|genauigkeit|richtigkeit|klarheit|stil|tiefe|inhalt|aufbau|précision|clarté|\
    profondeur|contenu|precisión|claridad|profundidad|estilo|contenido|точност|ясност|глубин|стил|准确|清晰|深度|内容|风格|正確|明確|文体|정확|깊이|문체";

/// Words with which answers are weighed.
const MERIT: &str = "better|best|worse|stronger|weaker|wins|win|compar|evaluat|assess|consider|reason|strength|weakness|pros|cons|advantage|disadvantage|\
    difference|criteri|point|aspect|noticed|observ|finding|besser|stärke|schwäche|vorteil|nachteil|unterschied|meilleur|forces|faiblesse|\
    avantage|différence|mejor|fortaleza|debilidad|ventaja|diferencia|melhor|vantage|diferença|migliore|punti|vantaggi|лучше|преимуществ|\
    недостат|различи|beter|sterke|verschil|lepsz|zalet|wady|daha iyi|güçlü|lebih baik|kelebihan|kekurangan|tốt hơn|أفضل|मजबूत|बेहतर|ভালো|\
    更好|更佳|优点|缺点|優點|缺點|优势|差异|良い|優れ|長所|短所|違い|장점|단점|더 낫";

/// Whose view a heading gives, where it is not the judge's.
const VIEW: &str = "reader|view|perspective|opinion|advocate|devil|critic|imagin|pretend|would|leser|sicht|advocatus|lecteur|lector|leitor|\
    lettore|читател|адвокат|读者|讀者|角度|视角|読者|視点|독자|관점|قارئ|पाठक|okur";

/// Words that turn a text round.
const TURNS: &str = "but|however|although|though|yet|actually|wait|hmm|instead|rather|on reflection|reconsider|second thought|changed|change my|\
    correction|sorry|mistake|nevertheless|nonetheless|unless|otherwise|except|if|would|perhaps|maybe|aber|doch|jedoch|nein|sondern|korrektur|\
    irrtum|obwohl|wenn|mais|cependant|pourtant|toutefois|en fait|non |pero|sin embargo|aunque|mas |porém|embora|contudo|ma |però|tuttavia|anzi|\
    но |однако|хотя|впрочем|нет|maar|echter|toch|hoewel|ale |jednak|ama |fakat|ancak|tetapi|tapi|namun|nhưng|tuy nhiên|لكن|लेकिन|मगर|परंतु|किन्तु|কিন্তু|\
    مگر|لیکن|但|不过|不過|然而|其实|其實|不对|不對|しかし|だが|ただ|でも|いや|하지만|그러나|아니";

const BETTER: &str =
    "better|best|stronger|superior|clearer|besser|meilleur|mejor|melhor|miglior|лучше|更好|更佳|优于";
/// With these a judge says what it decides.
const CHOICE: &str = "win |wins|winner|winning|won |choose|pick |picks|prefer|verdict|final answer|decide|choice|favour|favor|go with|vote for|gewinn|siegt|urteil|gagn|gana|vence|побед|вердикт|获胜|胜出|获选";
/// With these, that nobody won.
const TIE: &str = "tie |a draw|equally good|equal |on par|neither is better|unentschieden|gleich gut|ex æquo|empate|ничья|平局|不分上下|引き分け|무승부";
/// What the better answer as a whole does.
const SERVES: &str = "serves|overall|of the two|in all|im ganzen|insgesamt|dans l ensemble|en conjunto|no geral|nel complesso|в целом|总体|總體|整体|全体|전반";
/// With these a clause denies or supposes.
const DENIES: &str = "not|isn|doesn|never|no |nor|neither|hardly|would|could|might|may |if|almost|nearly|if only|unless|nicht|kein|wäre|könnte|pas |jamais|serait|\
    no es|nunca|sería|não|seria|non è|sarebbe|не |бы |不|没|沒|并非|ない|않|아니|لا |ليس|नहीं|না ";
const WORSE: &str = "worse|worst|weaker|weakest|inferior|poorer|to reject|be rejected|be dropped|loses|loser";
/// The answers, as nouns.
const SOUGHT: &str = "response|answer|reply|candidate|of the two|which one";

/// With these a judge says that it has not judged.
const REFUSES: &str = "cannot|can t|could not|couldn t|unable|have not|haven t|has not|sorry|refus|abstain|were provided|no comparison|kann nicht|konnte nicht|nicht gelesen|\
    ne peux pas|n ai pas|no puedo|no he |não posso|não li|non posso|не могу|не читал|无法|無法|没有读|できません|できない|読んでいません|할 수 없|읽지 않";

/// Words of voting, of which a judge speaks in the first person.
const VOTING: &str = "vot|verdict|judge|grader";
const FIRST_PERSON: [&str; 6] = ["i", "my", "mine", "me", "we", "our"];

/// How a verdict's reasons are named, beside the nouns of judging.
const EXPLAINS: &str = "explanation|justification|why|because|erklärung|weil|explication|parce que|explicación|justificación|porque|\
    spiegazione|perché|пояснение|обоснование|потому что|解释|解釋|因为|因為|説明|なぜなら|설명|이유|理由";

/// What a judge may set behind its label: nothing but these words.
const PRAISE: &str = "a accuracy accurate all and answer answers answered approach arguments as at because better beyond both by clarity clear clearer \
    clearly closer coherence coherent complete completeness concise concrete consistent content correct correctness creative creativity deeper depth detail \
    detailed details direct easier engagement engaging example examples explanation explanations factual far fits flow focused follow for further gives \
    goes good greater has helpful higher in insight insightful is it its level logic margin more most much narrowly nuanced of organisation organization \
    original originality overall point practical precise precision quality question readability readable reasoning relevance relevant response richer \
    slightly sound specific stronger structure structured style superior the thorough thoroughness to tone truer useful vivid well winner wins with \
    writing besser bessere klarer genauer struktur aufbau und ist tiefer";
const WINS: &str = "better clearer closer deeper easier further greater higher more most richer slightly stronger superior truer winner wins besser bessere \
    klarer genauer tiefer";

/// Of how many of these a sentence speaks: lines, what comes next, examples, wishes of an author, orders.
fn kinds_of_itself(text: &str) -> usize {
    [LINE, NEXT, EXAMPLE, WISH, ORDER].iter().filter(|list| has_stem(text, list)).count()
}

/// Whether the sentence right before a verdict makes it an example, an order, a supposition or the contrary of what it says. One
/// that compares both labels is a reason; one that names a label may speak of lines or of authors, but not of one that follows.
/// `is_lone`: it is all of its paragraph.
pub(super) fn disowns_by_form(
    sentence: &str,
    winner: Option<&str>,
    labels: [&str; 2],
    is_lone: bool,
) -> bool {
    let named = names(sentence, labels);
    let text = spaced(sentence);
    let supposes = SUPPOSES.split('|').any(|word| {
        text[1..].strip_prefix(word).is_some_and(|rest| rest.starts_with(' ') || is_unspaced_word(word))
    });
    let kinds = kinds_of_itself(sentence);
    let is_own = || words(sentence).iter().any(|word| FIRST_PERSON.contains(&word.as_str()));
    let asks = sentence.trim_end_matches(|c: char| !(c.is_alphanumeric() || "?\u{ff1f}\u{61f}".contains(c)));
    supposes
        || asks.ends_with(['?', '\u{ff1f}', '\u{61f}'])
        || last_clause_is(sentence, winner, labels, turns_against)
        || match named {
            2 => false,
            1 => {
                let of_winner = winner.is_some_and(|winner| names_label(sentence, [winner; 2]));
                kinds > 1
                    || has_stem(&unquoted(sentence), VOTING) && !is_own()
                    || of_winner && (has_stem(sentence, WISH) || has_stem(sentence, ORDER))
                    || of_winner && is_lone && kinds > 0 && words(sentence).len() < 7
                    || winner.is_some() && !of_winner && has_stem(sentence, TIE)
            }
            _ => {
                kinds > usize::from(!is_lone)
                    || has_stem(sentence, LINE)
                    || has_stem(sentence, NEXT)
                    || has_stem(sentence, REFUSES)
            }
        }
}

/// What names the answers without saying which.
const ANSWERS: &str = "they|them |one is|the other|than the|answer|response|reply|replies|antwort|eine von|die andere|réponse|l une|l autre|respuesta|una de|\
    la otra|resposta|risposta|ответ|одна из|відповід|odpowied|yanıt|jawaban|câu trả lời|إجابة|الإجاب|उत्तर|जवाब|উত্তর|پاسخ|جواب|回答|答案|一方|もう|답변|한쪽";

/// Whether a paragraph of its own says nothing of either answer, so that nobody knows what it makes of the verdict below it.
pub(super) fn is_aside(paragraph: &str, labels: [&str; 2]) -> bool {
    const READ: [&str; 7] = ["read", "reading", "compared", "judged", "evaluated", "considered", "assessed"];
    let has_read = || words(paragraph).iter().any(|word| READ.contains(&word.as_str()));
    names(paragraph, labels) == 0
        && !has_stem(paragraph, ANSWERS)
        && paragraph.chars().count() <= 200
        && !matches!(announces(paragraph), Some(Announces::Decision | Announces::Judging))
        && !(has_read() && kinds_of_itself(paragraph) == 0 && !has_stem(paragraph, REFUSES))
        && !is_all_praise(paragraph)
}

/// Whether a list may be one of the judge's reasons: by what introduces it.
pub(super) fn introduces_reasons(line: &str, labels: [&str; 2]) -> bool {
    let is_label = || names_label(line, labels) && beside_labels(line, labels) == 0;
    kinds_of_itself(line) == 0
        && !has_stem(line, VIEW)
        && (announces(line).is_some() || is_label() || names_judging(line) || has_stem(line, MERIT))
}

/// Whether text under one label is copied rather than judged: a line is the label, or begins with it and a colon, and nothing
/// names the other one.
pub(super) fn is_one_sided<'t>(
    lines: impl Iterator<Item = std::borrow::Cow<'t, str>>,
    winner: Option<&str>,
    labels: [&str; 2],
) -> bool {
    let (mut named, mut is_set_under) = ([false; 2], false);
    for line in lines {
        let head = line.split([':', '\u{ff1a}']).next().unwrap_or_default();
        is_set_under |= names_label(head, labels) && beside_labels(head, labels) == 0;
        for (label, named) in labels.iter().zip(&mut named) {
            *named |= names_label(&line, [label, label]);
        }
    }
    is_set_under && winner.is_some() && named == labels.map(|label| Some(label) == winner)
}

/// Whether a line is what a speaker says.
pub(super) fn is_spoken(line: &str) -> bool {
    const SPEAKERS: [&str; 7] = ["user", "human", "assistant", "system", "judge", "person", "model"];
    let head = line.split(':').next().unwrap_or_default().trim_matches(|c: char| !c.is_alphanumeric());
    head.len() < line.len() && SPEAKERS.iter().any(|speaker| head.eq_ignore_ascii_case(speaker))
}

/// Whether a heading may stand above a judge's own reasons: it names what is judged, in few words.
pub(super) fn heads_reasons(line: &str, labels: [&str; 2]) -> bool {
    let few = if names_label(line, labels) { 1 } else { 6 };
    introduces_reasons(line, labels)
        || beside_labels(line, labels) <= few
            && has_stem(line, CRITERIA)
            && !has_stem(line, VIEW)
            && kinds_of_itself(line) < 2
}

/// Whether `line` begins the reasons of a verdict that stands before it: it says so, or begins with the winner's label and is
/// English, of which the words that turn a text round are known.
pub(super) fn begins_reasons(line: &str, winner: Option<&str>) -> bool {
    let bare = line.trim_start_matches(|c: char| c.is_whitespace() || "#*_-".contains(c));
    let head = bare.split([':', '\u{ff1a}']).next().unwrap_or_default();
    let is_head = head.len() < bare.trim_end_matches(['*', '_']).len() || line.starts_with(['#', '*']);
    let names_reasons = || {
        matches!(announces(head), Some(Announces::Judging))
            || has_stem(head, EXPLAINS) && words(head).len() <= 3
    };
    let text = spaced(bare);
    let because = || EXPLAINS.split('|').skip(3).any(|word| text[1..].starts_with(word));
    let english = ["the", "is", "and", "of", "a", "more", "to", "it", "with", "in"];
    let is_english = || text.split(' ').filter(|word| english.contains(word)).count() >= 2;
    let starts_with = |label: &str| {
        let rest = bare.strip_prefix("Response ").unwrap_or(bare);
        rest.strip_prefix(label).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    is_head && names_reasons() || because() || winner.is_some_and(starts_with) && is_english()
}

/// Whether a rationale is none: the words of the form that was asked for, or a refusal, or that its verdict is an example or names
/// the worse answer.
pub(super) fn is_no_rationale(text: &str, winner: Option<&str>, labels: [&str; 2]) -> bool {
    const FORM: [&str; 6] = [
        "two or three sentences that compare them",
        "your rationale",
        "your rationale here",
        "rationale",
        "string",
        "\u{4e24}\u{5230}\u{4e09}\u{53e5}\u{8bdd}\u{6bd4}\u{8f83}\u{5b83}\u{4eec}",
    ];
    let bare = text.trim();
    let is_form =
        FORM.iter().any(|form| words(bare) == words(form)) || bare.starts_with('<') && bare.ends_with('>');
    let is_unread = names(text, labels) == 0
        && (kinds_of_itself(text) > 1 || has_stem(text, EXAMPLE) || has_stem(text, REFUSES));
    // A rationale may end with what is better of the other answer.
    let names_worse =
        |clause: &str, own: &str, winner: Option<&str>| Some(own) == winner && says_worse(clause);
    let is_tie = || {
        let last = clauses(text).into_iter().rfind(|clause| clause.chars().any(char::is_alphanumeric));
        winner.is_some() && last.is_some_and(|last| !names_label(last, labels) && has_stem(last, TIE))
    };
    is_form
        || !bare.contains(char::is_alphanumeric)
        || is_unread
        || seeks_worse(text, labels)
        || is_tie()
        || last_clause_is(text, winner, labels, names_worse)
        || decides_otherwise(text, winner, labels)
}

/// Whether the last clause that decides between the two answers decides for another than `winner`: "M2 serves the asker better",
/// "therefore M2 is the stronger response". What is denied or supposed decides nothing.
fn decides_otherwise(text: &str, winner: Option<&str>, labels: [&str; 2]) -> bool {
    let own_words = unquoted(text);
    if winner.is_none() {
        let chooses =
            |clause: &str, _: &str, _: Option<&str>| has_stem(clause, CHOICE) && !has_stem(clause, WORSE);
        return last_clause_is(text, winner, labels, chooses);
    }
    let decides = |clause: &str| {
        let is_best = || has_stem(clause, BETTER) && (has_stem(clause, SOUGHT) || has_stem(clause, SERVES));
        (has_stem(clause, CHOICE) || is_best()) && !has_stem(clause, WORSE) && !has_stem(clause, DENIES)
    };
    let decided = clauses(&own_words).into_iter().rev().filter_map(|clause| about_one(clause, labels));
    let last = decided.filter(|(clause, _)| decides(clause)).map(|(_, own)| own).next();
    last.is_some_and(|own| Some(own) != winner)
}

/// Whether a text looks for the worse answer: `The task is to find the weaker response.`, `Which response is weaker?`, where
/// no better one is spoken of. What it names then is no vote for it.
pub(super) fn seeks_worse(text: &str, labels: [&str; 2]) -> bool {
    text.split(['.', '!', '\n', '\u{3002}']).any(|sentence| {
        let before_label =
            labels.iter().filter_map(|label| sentence.find(label)).min().unwrap_or(sentence.len());
        let sought = &sentence[..before_label];
        says_worse(sought) && has_stem(sought, SOUGHT)
    })
}

fn says_worse(text: &str) -> bool {
    has_stem(text, WORSE) && !has_stem(text, BETTER)
}

/// What is said, without what is quoted.
fn unquoted(text: &str) -> String {
    let marks = ['"', '\u{201c}', '\u{201d}', '\u{201e}', '\u{ab}', '\u{bb}', '`'];
    text.split(marks).step_by(2).collect::<Vec<_>>().join(" ")
}

fn clauses(text: &str) -> Vec<&str> {
    text.split([
        '.', ',', ';', '!', '?', '\n', '\u{3002}', '\u{ff0c}', '\u{ff1b}', '\u{ff01}', '\u{964}', '\u{60c}',
    ])
    .collect()
}

/// Whether the last clause that names a label `is` so: its text up to a second label, its first label and the winner are given.
fn last_clause_is(
    text: &str,
    winner: Option<&str>,
    labels: [&str; 2],
    is: impl Fn(&str, &str, Option<&str>) -> bool,
) -> bool {
    let own_words = unquoted(text);
    let clauses = clauses(&own_words).into_iter().rev();
    let last = clauses.filter_map(|clause| about_one(clause, labels)).next();
    last.is_some_and(|(clause, own)| is(&clause, own, winner))
}

/// The first label that a clause names, with the clause up to a second one.
fn about_one<'l>(clause: &str, labels: [&'l str; 2]) -> Option<(String, &'l str)> {
    let mut own = None;
    let mut words = Vec::new();
    for word in clause.split(|c: char| !c.is_alphanumeric()) {
        match labels.into_iter().find(|label| *label == word) {
            Some(_) if own.is_some() => break,
            Some(label) => own = Some(label),
            None => words.push(word),
        }
    }
    Some((words.join(" "), own?))
}

/// Whether a clause about `own` says worse of the winner, or better of the other answer or of either where none won.
fn turns_against(clause: &str, own: &str, winner: Option<&str>) -> bool {
    match winner {
        Some(winner) if winner == own => says_worse(clause),
        _ => (has_stem(clause, BETTER) || has_stem(clause, CHOICE)) && !has_stem(clause, WORSE),
    }
}

/// Whether a value beside a verdict says better of the other answer.
pub(super) fn speaks_against(text: &str, winner: Option<&str>, labels: [&str; 2]) -> bool {
    clauses(text).into_iter().any(|clause| last_clause_is(clause, winner, labels, turns_against))
}

/// Whether the reasons behind a verdict leave it standing: they do not turn round, speak of no line or wish, and say no better of
/// the other answer. `winner` is `None` for a tie.
pub(super) fn leave_standing(reasons: &str, winner: Option<&str>, labels: [&str; 2]) -> bool {
    !has_stem(reasons, TURNS) && kinds_of_itself(reasons) == 0 && !speaks_against(reasons, winner, labels)
}

/// Whether the words behind a label praise it, and do nothing else.
pub(super) fn is_praise(text: &str) -> bool {
    let words = words(text);
    let has = |list: &str, word: &String| list.split_whitespace().any(|known| known == word);
    words.iter().all(|word| has(PRAISE, word)) && words.iter().any(|word| has(WINS, word))
}

/// Whether a text is made of words of praise alone, which need no name.
fn is_all_praise(text: &str) -> bool {
    words(text).iter().all(|word| PRAISE.split_whitespace().any(|known| known == word))
}

/// Whether a text names one of the labels. Endings of other scripts may be glued to it.
pub(super) fn names_label(text: &str, labels: [&str; 2]) -> bool {
    labels.iter().any(|label| {
        text.match_indices(label).any(|(at, _)| {
            let is_word = |c: char| c.is_ascii_alphanumeric();
            !text[..at].ends_with(is_word) && !text[at + label.len()..].starts_with(is_word)
        })
    })
}

/// How many answers a text names, by label, or as one of the two.
fn names(text: &str, labels: [&str; 2]) -> usize {
    let count = labels.iter().filter(|label| names_label(text, [label; 2])).count();
    if count == 0 && has_stem(text, PAIR) { 1 } else { count }
}

/// How many words stand in a text beside labels, articles and the word for an answer; two signs without spaces are one word.
fn beside_labels(text: &str, labels: [&str; 2]) -> usize {
    const NEUTRAL: [&str; 9] =
        ["response", "answer", "reply", "text", "option", "candidate", "the", "a", "antwort"];
    let is_neutral = |word: &str| {
        NEUTRAL.contains(&word)
            || word.chars().all(char::is_numeric)
            || labels.iter().any(|label| label.eq_ignore_ascii_case(word))
    };
    let length = |word: String| if is_unspaced_word(&word) { word.chars().count().div_ceil(2) } else { 1 };
    words(text).into_iter().filter(|word| !is_neutral(word)).map(length).sum()
}

fn spaced(text: &str) -> String {
    format!(" {} ", words(text).join(" "))
}

/// Whether a word of `text` begins with one of `list`, or holds it where words are not set apart.
fn has_stem(text: &str, list: &str) -> bool {
    let text = spaced(text);
    let is_glued = |stem: &str| {
        is_unspaced_word(stem)
            || stem.chars().any(|c| matches!(c, '\u{590}'..='\u{6ff}' | '\u{900}'..='\u{9ff}'))
    };
    list.split('|')
        .any(|stem| text.match_indices(stem).any(|(at, _)| text[..at].ends_with(' ') || is_glued(stem)))
}
