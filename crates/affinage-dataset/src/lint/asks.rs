//! Prompts that ask nothing: assent, thanks or "go on", which a conversation among people is full of. What answers them
//! answers what was said before.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::{Field, Hit, Subject};
use crate::shingle::words;

/// A longer prompt says something. Where words are not told apart by spaces, signs are counted.
const MAX_WORDS: usize = 3;
const MAX_SIGNS: usize = 12;
/// A longer title says what to write about.
const MAX_TITLE_WORDS: usize = 2;

/// What says nothing of its own, by language: assent, denial, thanks, going on. No greeting, no topic, no question word.
const EMPTY: &[(&str, &str)] = &[
    (
        "English",
        "yes|no|yeah|yep|yup|nope|certainly|most certainly|true|very true|most true|quite true|that is true|thats true|right|quite right|\
         that is right|thats right|exactly|precisely|indeed|of course|naturally|clearly|evidently|obviously|assuredly|undoubtedly|\
         no doubt|without doubt|doubtless|granted|absolutely|definitely|surely|sure|agreed|i agree|i see|i understand|understood|\
         got it|i do|i think so|i suppose so|i believe so|i suppose|so it seems|just so|quite so|even so|so it is|it is|it is so|it does|they are|\
         by all means|very well|well|good|very good|great|perfect|nice|cool|fine|wow|okay|ok|k|all right|alright|correct|necessarily|\
         inevitably|apparently|perhaps|maybe|probably|possibly|go on|go ahead|carry on|keep going|continue|please continue|please go on|\
         please do|please|proceed|next|more|thanks|thank you|many thanks|thx|hm|hmm|mhm|ah|oh|uh huh|not at all",
    ),
    (
        "German",
        "ja|nein|jawohl|doch|gewiss|gewiß|sicher|sicherlich|natürlich|klar|genau|richtig|stimmt|das stimmt|wahr|sehr wahr|das ist wahr|\
         allerdings|freilich|selbstverständlich|offenbar|durchaus|so ist es|einverstanden|verstanden|ich verstehe|in ordnung|gut|\
         sehr gut|prima|perfekt|vielleicht|weiter|mach weiter|bitte weiter|fahre fort|danke|vielen dank|keineswegs",
    ),
    (
        "French",
        "oui|non|si|certainement|certes|vrai|cest vrai|très vrai|exactement|exact|précisément|en effet|bien sûr|évidemment|\
         naturellement|sans doute|assurément|absolument|tout à fait|daccord|je vois|je comprends|compris|bien|très bien|parfait|\
         peut être|continue|continuez|vas y|allez y|poursuis|merci|merci beaucoup",
    ),
    (
        "Spanish",
        "sí|no|claro|claro que sí|cierto|ciertamente|es cierto|verdad|es verdad|exacto|exactamente|por supuesto|desde luego|\
         sin duda|así es|de acuerdo|vale|entiendo|entendido|bien|muy bien|perfecto|quizás|sigue|sigue adelante|adelante|continúa|gracias|\
         muchas gracias",
    ),
    (
        "Italian",
        "sì|no|certo|certamente|vero|è vero|verissimo|esatto|esattamente|giusto|senza dubbio|naturalmente|ovviamente|daccordo|\
         va bene|capisco|capito|bene|benissimo|perfetto|forse|continua|vai avanti|avanti|prosegui|grazie|grazie mille",
    ),
    (
        "Portuguese",
        "sim|não|claro|certo|certamente|verdade|é verdade|exato|exatamente|com certeza|sem dúvida|isso|isso mesmo|de acordo|entendi|\
         entendo|bem|muito bem|perfeito|talvez|continua|continue|prossiga|obrigado|obrigada|muito obrigado",
    ),
    (
        "Dutch",
        "ja|nee|zeker|natuurlijk|uiteraard|precies|klopt|dat klopt|juist|inderdaad|zonder twijfel|akkoord|begrepen|ik begrijp het|oké|\
         goed|heel goed|prima|misschien|ga door|ga verder|verder|bedankt|dank je|dank u",
    ),
    (
        "Swedish, Danish, Norwegian",
        "ja|jo|nej|nei|visst|javisst|naturligtvis|självklart|selvfølgelig|naturligvis|precis|præcis|presis|netop|nettopp|stämmer|\
         det stämmer|sant|det är sant|sandt|det er sandt|det er sant|riktig|rigtigt|riktigt|exakt|säkert|sikkert|klart|enig|jag förstår|forstått|forstået|\
         okej|bra|godt|mycket bra|kanske|måske|kanskje|fortsätt|fortsæt|fortsett|tack|tak|takk|tusen takk",
    ),
    (
        "Finnish",
        "kyllä|ei|joo|niin|niin on|juuri niin|totta|se on totta|tietysti|tietenkin|varmasti|aivan|oikein|selvä|ymmärrän|hyvä|\
         oikein hyvä|ehkä|okei|jatka|kiitos",
    ),
    (
        "Polish",
        "tak|nie|oczywiście|pewnie|na pewno|dokładnie|prawda|to prawda|racja|słusznie|zgadza się|zgadzam się|zgoda|jasne|rozumiem|\
         dobrze|bardzo dobrze|może|kontynuuj|dalej|mów dalej|dziękuję|dzięki",
    ),
    (
        "Czech",
        "ano|ne|jistě|zajisté|samozřejmě|přesně|přesně tak|pravda|to je pravda|správně|jasně|určitě|souhlasím|rozumím|dobře|velmi dobře|možná|\
         pokračuj|pokračujte|dál|děkuji|díky",
    ),
    (
        "Hungarian",
        "igen|nem|persze|természetesen|pontosan|igaz|ez igaz|így van|úgy van|helyes|biztosan|valóban|egyetértek|értem|rendben|jó|nagyon jó|talán|\
         folytasd|tovább|köszönöm|köszi",
    ),
    (
        "Romanian",
        "da|nu|desigur|sigur|exact|adevărat|e adevărat|este adevărat|așa este|așa e|corect|fără îndoială|firește|de acord|înțeleg|am înțeles|bine|\
         foarte bine|poate|continuă|mai departe|mulțumesc",
    ),
    (
        "Greek",
        "ναι|όχι|βέβαια|βεβαίως|βεβαιότατα|φυσικά|ακριβώς|σωστά|σίγουρα|πράγματι|έτσι είναι|συμφωνώ|κατάλαβα|καταλαβαίνω|εντάξει|καλά|πολύ καλά|ίσως|\
         συνέχισε|συνεχίστε|ευχαριστώ",
    ),
    (
        "Russian",
        "да|нет|конечно|верно|совершенно верно|правда|это правда|точно|именно|именно так|правильно|разумеется|безусловно|несомненно|\
         действительно|так|так и есть|истинно так|согласен|согласна|понятно|понял|поняла|ясно|хорошо|очень хорошо|ладно|отлично|возможно|ок|окей|\
         продолжай|продолжайте|дальше|спасибо|большое спасибо",
    ),
    (
        "Ukrainian",
        "так|ні|звичайно|звісно|авжеж|вірно|правда|це правда|точно|саме так|безумовно|правильно|згоден|згодна|зрозуміло|зрозумів|зрозуміла|\
         добре|дуже добре|гаразд|можливо|продовжуй|продовжуйте|далі|дякую",
    ),
    (
        "Turkish",
        "evet|hayır|tabii|tabii ki|tabi|elbette|kesinlikle|doğru|çok doğru|aynen|aynen öyle|öyle|haklısın|katılıyorum|anladım|tamam|peki|iyi|çok iyi|\
         belki|devam|devam et|teşekkürler|teşekkür ederim|sağol",
    ),
    (
        "Arabic",
        "نعم|لا|أجل|بلى|بالتأكيد|بالطبع|طبعا|صحيح|هذا صحيح|حقا|تماما|موافق|فهمت|مفهوم|حسنا|تمام|جيد|جيد جدا|ربما|أكمل|استمر|تابع|شكرا|\
         شكرا لك|شكرا جزيلا",
    ),
    (
        "Hebrew",
        "כן|לא|בטח|בוודאי|ודאי|נכון|נכון מאוד|בדיוק|אמת|אכן|כמובן|מסכים|מסכימה|הבנתי|בסדר|אוקיי|טוב|טוב מאוד|אולי|המשך|תמשיך|תמשיכי|תודה|\
         תודה רבה",
    ),
    (
        "Persian",
        "بله|آره|نه|البته|حتما|درست است|درسته|دقیقا|موافقم|فهمیدم|باشه|خوب|خیلی خوب|شاید|ادامه|ادامه بده|ادامه بدهید|ممنون|مرسی|متشکرم",
    ),
    (
        "Hindi",
        "हाँ|हां|नहीं|जी|जी हाँ|जी नहीं|ज़रूर|बिल्कुल|बिलकुल|सही|सही है|सच|सच है|बेशक|ठीक|ठीक है|अच्छा|समझ गया|समझ गई|शायद|जारी रखो|जारी रखें|आगे|\
         आगे बढ़ो|धन्यवाद|शुक्रिया",
    ),
    (
        "Indonesian",
        "ya|iya|tidak|tentu|tentu saja|benar|betul|tepat|tepat sekali|pasti|setuju|mengerti|saya mengerti|baik|baiklah|oke|bagus|mungkin|lanjut|\
         lanjutkan|terima kasih|makasih",
    ),
    (
        "Vietnamese",
        "vâng|dạ|không|đúng|đúng vậy|đúng rồi|tất nhiên|dĩ nhiên|chắc chắn|đồng ý|hiểu rồi|tôi hiểu|được|được rồi|tốt|rất tốt|có lẽ|tiếp|tiếp đi|tiếp tục|\
         tiếp tục đi|cảm ơn",
    ),
    (
        "Thai",
        "ใช่|ใช่ครับ|ใช่ค่ะ|ใช่แล้ว|ครับ|ค่ะ|ไม่|ไม่ใช่|แน่นอน|แน่นอนครับ|แน่นอนค่ะ|ถูกต้อง|ถูก|จริง|จริงด้วย|เห็นด้วย|เข้าใจ|เข้าใจแล้ว|ตกลง|โอเค|ดี|ดีมาก|บางที|ต่อ|ต่อไป|ต่อเลย|ขอบคุณ|\
         ขอบคุณครับ|ขอบคุณค่ะ",
    ),
    (
        "Chinese",
        "是|是的|是啊|正是|对|对的|对啊|對|對的|對啊|没错|沒錯|当然|当然了|當然|當然了|确实|確實|的确|真的|好|好的|好啊|好吧|很好|不错|嗯|嗯嗯|哦|啊|不|不是|可以|行|同意|\
         有道理|明白|明白了|知道了|懂了|原来如此|原來如此|也许|也許|继续|继续吧|继续说|请继续|繼續|請繼續|接着|接着说|谢谢|謝謝|谢谢你|多谢",
    ),
    (
        "Japanese",
        "はい|うん|ええ|いいえ|いや|そう|そうです|そうですね|そうだ|そうだね|もちろん|もちろんです|確かに|その通り|その通りです|おっしゃる通りです|なるほど|本当|本当です|正しい|\
         同感|わかった|わかりました|分かった|分かりました|了解|了解です|いいね|いいですね|良い|たぶん|続けて|続けてください|どうぞ|ありがとう|ありがとうございます|オーケー|オッケー",
    ),
    (
        "Korean",
        "네|예|응|아니|아니요|맞아|맞아요|맞습니다|그래|그래요|그렇습니다|그렇죠|그렇지|그렇군요|물론|물론이죠|물론입니다|당연하지|당연하죠|정말|정확해|동의해|동의합니다|알겠어|\
         알겠습니다|알았어|좋아|좋아요|아마|오케이|계속|계속해|계속해요|계속해줘|계속해 줘|계속하세요|고마워|고마워요|감사합니다",
    ),
];

/// The phrases as [`words`] writes them, and how many words the longest has.
static PHRASES: LazyLock<(HashSet<Vec<String>>, usize)> = LazyLock::new(|| {
    let phrases: HashSet<Vec<String>> =
        EMPTY.iter().flat_map(|(_, phrases)| phrases.split('|')).map(words).collect();
    let longest = phrases.iter().map(Vec::len).max().unwrap_or(0);
    (phrases, longest)
});

/// L42
pub fn nothing_asked(subject: &Subject) -> Vec<Hit> {
    let prompt = &subject.prompt;
    let has_more = subject.prompt_media_count > 0 || subject.prompt_attachment_count > 0;
    if has_more || prompt.trim().is_empty() || !is_empty(prompt) {
        return Vec::new();
    }
    vec![Hit::new(Field::Prompt, 0..prompt.len())]
}

/// Whether a prompt that nothing stands before leaves a model without a task: assent and the like, or one or two words that
/// were drafted by rule from a title.
pub fn asks_nothing(prompt: &str, is_drafted: bool) -> bool {
    let is_title = || words(prompt).len() <= MAX_TITLE_WORDS && !has_question_mark(prompt);
    is_empty(prompt) || (is_drafted && is_title())
}

/// A short text without a sign of a question that is made of such phrases alone, or of no words at all.
fn is_empty(text: &str) -> bool {
    // More bytes than any such text has.
    const MAX_BYTES: usize = 200;
    if text.len() > MAX_BYTES || has_question_mark(text) {
        return false;
    }
    let words = words(text);
    let is_sign = |word: &String| word.chars().count() == 1 && !word.is_ascii();
    let limit = if words.iter().any(is_sign) { MAX_SIGNS } else { MAX_WORDS };
    words.len() <= limit && is_covered(&words)
}

fn is_covered(words: &[String]) -> bool {
    let (phrases, longest) = &*PHRASES;
    let covers = |len: &usize| phrases.contains(&words[..*len]) && is_covered(&words[*len..]);
    words.is_empty() || (1..=words.len().min(*longest)).any(|len| covers(&len))
}

/// Of any script; in Greek it is the semicolon.
fn has_question_mark(text: &str) -> bool {
    let is_greek = |c: char| ('\u{370}'..='\u{3ff}').contains(&c);
    text.contains(['?', '？', '؟', '՞', '፧', '⁇', '⁈', '\u{37e}'])
        || (text.contains(';') && text.chars().any(is_greek))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_title_asks_nothing_only_where_nobody_wrote_it() {
        let asked = [
            ("passwords", true, true),
            ("speech draft", true, true),
            ("passwords", false, false),
            ("Write about: weirs", true, false),
            ("Why weirs?", true, false),
            ("Très vrai.", false, true),
        ];
        for (prompt, is_drafted, is_nothing) in asked {
            assert_eq!(asks_nothing(prompt, is_drafted), is_nothing, "{prompt}, {is_drafted}");
        }
    }
}
