//! Prompts drafted by rule for texts that nobody asked for: from the heading, else from the first words.
//!
//! The words around them are in the text's own language where that is certain and a sentence is known in it. Else
//! nothing is put around them: the heading, or the first words in quotation marks, is the prompt.

use whatlang::Lang;

/// What is said around a heading, and around the first words: `{}` stands for them.
type Wording = (Lang, &'static str, &'static str);

/// Forms with a colon, so that what follows needs no ending of its own.
static WORDINGS: &[Wording] = &[
    (Lang::Eng, "Write about: {}", "Begin with the words: “{}”"),
    (Lang::Deu, "Schreibe über: {}", "Beginne mit den Worten: „{}“"),
    (Lang::Fra, "Écris sur : {}", "Commence par les mots : « {} »"),
    (Lang::Spa, "Escribe sobre: {}", "Empieza con las palabras: «{}»"),
    (Lang::Ita, "Scrivi su: {}", "Comincia con le parole: «{}»"),
    (Lang::Por, "Escreve sobre: {}", "Começa com as palavras: “{}”"),
    (Lang::Nld, "Schrijf over: {}", "Begin met de woorden: “{}”"),
    (Lang::Swe, "Skriv om: {}", "Börja med orden: ”{}”"),
    (Lang::Dan, "Skriv om: {}", "Begynd med ordene: ”{}”"),
    (Lang::Nob, "Skriv om: {}", "Begynn med ordene: «{}»"),
    (Lang::Fin, "Kirjoita aiheesta: {}", "Aloita sanoilla: ”{}”"),
    (Lang::Pol, "Napisz na temat: {}", "Zacznij od słów: „{}”"),
    (Lang::Ces, "Napiš na téma: {}", "Začni slovy: „{}“"),
    (Lang::Hun, "Írj erről: {}", "Kezdd ezekkel a szavakkal: „{}”"),
    (Lang::Ron, "Scrie despre: {}", "Începe cu cuvintele: „{}”"),
    (Lang::Ell, "Γράψε για: {}", "Ξεκίνα με τα λόγια: «{}»"),
    (Lang::Rus, "Напиши на тему: {}", "Начни со слов: «{}»"),
    (Lang::Ukr, "Напиши на тему: {}", "Почни зі слів: «{}»"),
    (Lang::Tur, "Şu konuda yaz: {}", "Şu sözlerle başla: “{}”"),
    (Lang::Cmn, "请写一写：{}", "请以这句话开头：“{}”"),
    (Lang::Jpn, "次のことについて書いてください：{}", "次の言葉で書き始めてください：「{}」"),
    (Lang::Kor, "다음에 대해 써 주세요: {}", "다음 말로 시작해 주세요: “{}”"),
];

/// What a drafted prompt asks about, without the words that were put around it: the heading. Any other prompt is given back, by
/// its first line.
pub fn heading_of(prompt: &str) -> &str {
    let line = prompt.trim().lines().next().unwrap_or_default();
    let abouts = WORDINGS.iter().filter_map(|(_, about, _)| about.strip_suffix("{}"));
    abouts.filter_map(|about| line.strip_prefix(about)).next().unwrap_or(line)
}

/// Fewer letters could be in many languages.
const MIN_LETTERS: usize = 80;
/// Characters of a text that tell its language.
const SAMPLE_CHARS: usize = 4000;
const MIN_CONFIDENCE: f64 = 0.9;
/// Words of a text's beginning that stand in its prompt; a question may be longer.
const FIRST_WORDS: usize = 12;
const QUESTION_WORDS: usize = 40;
/// As much of a text that is written without spaces.
const FIRST_CHARS: usize = 48;

/// The language of a text, where it is certain.
pub(in crate::import) fn language(text: &str) -> Option<Lang> {
    let sample: String = text.chars().take(SAMPLE_CHARS).collect();
    // Signs that stand for words need fewer.
    let letters = |c: char| if is_wide(c) { 4 } else { usize::from(c.is_alphabetic()) };
    let is_enough = sample.chars().map(letters).sum::<usize>() >= MIN_LETTERS;
    let found = is_enough.then(|| whatlang::detect(&sample)).flatten()?;
    (found.confidence() >= MIN_CONFIDENCE).then(|| found.lang())
}

/// The wording of a text's language; `None` if that is not certain, or no sentence is known in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wordings(Option<&'static Wording>);

impl Wordings {
    /// `beside` is the language of the texts beside this one: a list of few words is in theirs.
    pub(super) fn of(text: &str, beside: Option<Lang>) -> Wordings {
        let language = language(text).or(beside);
        Wordings(language.and_then(|found| WORDINGS.iter().find(|wording| wording.0 == found)))
    }

    /// A prompt for what stands under a heading; a heading that asks is its own prompt.
    pub(super) fn about(self, heading: &str) -> String {
        match self.0 {
            Some((_, about, _)) if !is_question(heading) => about.replace("{}", heading),
            _ => heading.to_owned(),
        }
    }

    /// A prompt from the first words of `text`; a question with which it begins is its own prompt.
    pub(super) fn beginning(self, text: &str) -> String {
        let sentence = first_sentence(text);
        let words: Vec<&str> = sentence.split_whitespace().collect();
        if is_question(&sentence) && words.len() <= QUESTION_WORDS {
            return words.join(" ");
        }
        let mut first = words.iter().take(FIRST_WORDS).copied().collect::<Vec<_>>().join(" ");
        let mut is_cut = words.len() > FIRST_WORDS;
        if first.chars().filter(|c| is_wide(*c)).count() > FIRST_CHARS / 2
            && let Some((end, _)) = first.char_indices().nth(FIRST_CHARS)
        {
            first.truncate(end);
            is_cut = true;
        }
        let first = match is_cut {
            true => format!("{} …", first.trim_end_matches([',', ';', ':', '-', '–', '—'])),
            false => first,
        };
        match self.0 {
            Some((_, _, begin)) => begin.replace("{}", &first),
            None => format!("“{first}”"),
        }
    }
}

/// Ends with a question mark of any script.
pub(super) fn is_question(text: &str) -> bool {
    let end = text.trim_end_matches(|c: char| {
        c.is_whitespace() || matches!(c, '"' | '”' | '“' | '»' | '’' | '*' | '_')
    });
    // In Greek the sign of a question is a semicolon.
    let is_greek = || end.chars().any(|c| ('\u{370}'..='\u{3ff}').contains(&c));
    end.ends_with(['?', '？', '؟']) || (end.ends_with([';', '\u{37e}']) && is_greek())
}

/// A sign of Chinese, Japanese or Korean: one is about as much text as a word's part in other scripts.
pub(super) fn is_wide(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// The first sentence of the first paragraph with words, on one line and without the marks of lists, quotes and headings.
fn first_sentence(text: &str) -> String {
    let has_words =
        |line: &&str| line.chars().any(char::is_alphanumeric) && !line.trim_start().starts_with("```");
    let lines = text.lines().skip_while(|line| !has_words(line)).take_while(|line| !line.trim().is_empty());
    let plain = |line: &str| {
        let line = line.trim().trim_start_matches(['#', '>', ' ']);
        let line = ["- [ ] ", "- [x] ", "- ", "* ", "+ ", "• "]
            .iter()
            .find_map(|mark| line.strip_prefix(mark))
            .unwrap_or(line);
        line.replace("**", "").replace("__", "").replace('`', "")
    };
    let paragraph = lines.map(plain).collect::<Vec<_>>().join(" ");
    let end = sentence_ends(&paragraph).next().unwrap_or(paragraph.len());
    paragraph[..end].trim().to_owned()
}

/// Where sentences end: byte positions behind the closing sign and what closes with it.
pub(super) fn sentence_ends(text: &str) -> impl Iterator<Item = usize> + '_ {
    let mut chars = text.char_indices().peekable();
    let mut word = String::new();
    std::iter::from_fn(move || {
        while let Some((at, c)) = chars.next() {
            let ends_alone = matches!(c, '。' | '！' | '？' | '।');
            let ends = ends_alone || matches!(c, '.' | '!' | '?' | '…' | '؟');
            if !ends {
                if c.is_alphanumeric() || matches!(c, '’' | '\'') {
                    word.push(c)
                } else {
                    word.clear()
                }
                continue;
            }
            // `Dr.`, `e.g.`, `1.` and a name's letter end no sentence.
            let is_short = c == '.' && word.chars().count() <= 2 && !ends_alone;
            word.clear();
            let mut end = at + c.len_utf8();
            while let Some((_, next)) = chars.next_if(|(_, c)| is_closing(*c)) {
                end += next.len_utf8();
            }
            let is_apart = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
            if ends_alone || (is_apart && !is_short) {
                return Some(end);
            }
        }
        None
    })
}

fn is_closing(c: char) -> bool {
    matches!(
        c,
        '.' | '!' | '?' | '…' | '"' | '\'' | '”' | '’' | '»' | '“' | ')' | ']' | '」' | '』' | '*' | '_'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: &str = "The wheel stands still when there is no water in the valley, and nobody in the village knows why it was built so high above the river.";
    const GERMAN: &str = "Das Rad steht still, wenn kein Wasser im Tal ist, und niemand im Dorf weiß, warum man es so hoch über dem Fluss gebaut hat.";

    #[test]
    fn headings_become_prompts_in_the_language_of_the_text() {
        let cases = [
            (ENGLISH, "Old weirs", "Write about: Old weirs"),
            (ENGLISH, "Why a weir?", "Why a weir?"),
            (GERMAN, "Alte Wehre", "Schreibe über: Alte Wehre"),
            (GERMAN, "Wozu ein Wehr?", "Wozu ein Wehr?"),
            ("They lean.", "Old weirs", "Old weirs"),
            // Certain, but no sentence is known in it.
            ("Ez a szöveg", "Gátak", "Gátak"),
        ];
        for (text, heading, expected) in cases {
            assert_eq!(Wordings::of(text, None).about(heading), expected, "{text}");
        }
        let list = Wordings::of("- nails\n- lamp oil", Some(Lang::Eng));
        assert_eq!(
            list.about("To buy"),
            "Write about: To buy",
            "a list is in the language of the texts beside it"
        );
        assert_eq!(Wordings::of(GERMAN, Some(Lang::Eng)).about("Alte Wehre"), "Schreibe über: Alte Wehre");
    }

    #[test]
    fn first_words_become_prompts() {
        let english = Wordings::of(ENGLISH, None);
        let cases = [
            ("Dr. Feld was late. Nobody minded.", "Begin with the words: “Dr. Feld was late.”"),
            ("What is a weir? A low wall.", "What is a weir?"),
            (
                "> - **Mills** are loud, and they are loud all day and all night long too.\n\nMore.",
                "Begin with the words: “Mills are loud, and they are loud all day and all night …”",
            ),
            ("***\n\nNo end", "Begin with the words: “No end”"),
        ];
        for (text, expected) in cases {
            assert_eq!(english.beginning(text), expected, "{text}");
        }
        assert_eq!(Wordings::of("Kurz.", None).beginning("Kurz. Gut."), "“Kurz.”");
        let japanese = "水車は谷に水がないときに止まります。村の人は、なぜそれが川の上のそんなに高いところに建てられたのかを誰も知りません。";
        assert_eq!(
            Wordings::of(japanese, None).beginning(japanese),
            "次の言葉で書き始めてください：「水車は谷に水がないときに止まります。」"
        );
    }

    #[test]
    fn sentences_end_at_signs_that_stand_apart() {
        let text = "It costs 3.5 marks, e.g. at Dr. Feld’s. “Really?” he said… Yes!";
        let ends: Vec<&str> = {
            let mut from = 0;
            sentence_ends(text)
                .map(|end| {
                    let part = text[from..end].trim();
                    from = end;
                    part
                })
                .collect()
        };
        assert_eq!(ends, ["It costs 3.5 marks, e.g. at Dr. Feld’s.", "“Really?”", "he said…", "Yes!"]);
    }
}
