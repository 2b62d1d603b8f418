//! What a text shows and does not say itself: quotations, letters, and dialogues that were asked for.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::line_spans;

/// Signs that open a quotation, with those that close it.
const QUOTES: [(char, &[char]); 9] = [
    ('“', &['”', '“']),
    ('„', &['“', '”']),
    ('«', &['»']),
    ('»', &['«']),
    ('‹', &['›']),
    ('「', &['」']),
    ('『', &['』']),
    ('‘', &['’']),
    ('"', &['"']),
];

/// True if the byte at `at` stands in quotation marks, within its paragraph, or on a quoted line.
pub fn is_quoted(text: &str, at: usize) -> bool {
    let line_start = text[..at].rfind('\n').map_or(0, |line| line + 1);
    if text[line_start..].trim_start().starts_with('>') {
        return true;
    }
    let start = text[..at].rfind("\n\n").map_or(0, |paragraph| paragraph + 2);
    let end = text[at..].find("\n\n").map_or(text.len(), |paragraph| at + paragraph);
    let mut open: Option<&[char]> = None;
    let mut before = ' ';
    for c in text[start..at].chars() {
        match open {
            // An apostrophe within a word closes nothing; it cannot be told here, so the next letter decides below.
            Some(close) if close.contains(&c) => open = None,
            Some(_) => {}
            None => {
                let opens = QUOTES.iter().find(|(sign, _)| *sign == c && !before.is_alphanumeric());
                open = opens.map(|(_, close)| *close);
            }
        }
        before = c;
    }
    open.is_some_and(|close| text[at..end].contains(close))
}

/// The quotation with which a paragraph begins, and what stands behind it.
pub fn leading_quotation(paragraph: &str) -> Option<(&str, &str)> {
    let inner = paragraph.trim_start_matches(['*', '_']);
    let first = inner.chars().next()?;
    let (_, close) = QUOTES.iter().find(|(sign, _)| *sign == first)?;
    let inner = &inner[first.len_utf8()..];
    let ends = |(at, c): &(usize, char)| {
        // An apostrophe stands before a letter.
        let goes_on = inner[at + c.len_utf8()..].chars().next().is_some_and(char::is_alphanumeric);
        close.contains(c) && !goes_on
    };
    let (end, sign) = inner.char_indices().find(ends)?;
    Some((&inner[..end], inner[end + sign.len_utf8()..].trim_start_matches(['*', '_'])))
}

/// First words of a letter, in many languages.
static SALUTATION: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?im)^[ \t>*_]{0,6}(?:(?:dear|hi|hello|hey|greetings|good (?:morning|afternoon|evening)|to whom it may concern",
        r"|sehr geehrte[rs]?|liebe[rs]?|hallo|guten (?:tag|morgen|abend)|moin|servus|grüezi",
        r"|chère?s?|cher|bonjour|bonsoir|madame|monsieur|mesdames|salut",
        r"|querid[oa]s?|estimad[oa]s?|apreciad[oa]s?|hola|buen[oa]s (?:d[íi]as|tardes|noches)",
        r"|car[oaie]|gentil[ei]|egregi[oa]|spett\w*|ciao|salve|buongiorno|prezad[oa]s?|car[oa]s|olá|ol[áa]|bom dia|boa (?:tarde|noite)",
        r"|beste|geachte|lieve|kära|käre|hej|kjære|kære|hei|hyvä|szanown[yai]\w*|drog[iae]|cześć|vážen[ýáí]|mil[ýáé]|ahoj|tisztelt|kedves|szia|stimat[eă]|dragă?",
        r"|уважаем\w+|дорог\w+|здравствуйте|привет|шановн\w+|sayın|sevgili|merhaba|αγαπητ\w+|السلام|عزيزي|שלום)\b|尊敬的|亲爱的|拝啓|前略|안녕하세요)",
        r"[^\n.?:;,]{0,60}[,!，：:、！][ \t*_]*$",
    );
    Regex::new(pattern).expect("a valid pattern")
});
/// Last words of a letter before the name.
pub(super) static CLOSING: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?i)^(?:(?:with )?(?:best|kind|kindest|warm|warmest|many)(?: (?:regards|wishes))?|regards|yours(?: (?:sincerely|faithfully|truly|ever))?|sincerely(?: yours)?",
        r"|all (?:the|my) best|cheers|love|respectfully|cordially|take care|thanks(?: (?:again|so much|in advance))?|thank you|many thanks",
        r"|mit (?:freundlichen|besten|herzlichen|lieben) grüßen|(?:viele|beste|liebe|herzliche|freundliche) grüße|hochachtungsvoll|ihre?|euer|deine?|lg|vg|mfg",
        r"|cordialement|bien à (?:vous|toi)|amicalement|sincères salutations|bises|atentamente|un (?:cordial )?saludo|saludos(?: cordiales)?|un abrazo",
        r"|cordiali saluti|distinti saluti|un caro saluto|saluti|atenciosamente|cumprimentos|abraços?|met vriendelijke groet(?:en)?|groet(?:en|jes)?|vänliga hälsningar|hälsningar",
        // What is said at parting.
        r"|see you(?: \w+){0,3}|until (?:soon|then|tomorrow|next \w+)|(?:talk|speak|write) soon|looking forward(?: \w+){0,4}|(?:good ?night|goodbye|farewell|so long)",
        r"|(?:happy|merry) (?:\w+ ?){1,3}|(?:lots of |much |with )?love(?: and \w+)?|hugs(?: and kisses)?|x{1,4}|your (?:\w+ ?){1,3}|bis (?:bald|dann|später|morgen|demnächst)",
        r"|alles (?:gute|liebe)|(?:ganz )?herzlich(?:st)?|(?:schöne|herzlichste|beste|ganz liebe) grüße|gute nacht|(?:frohe|schöne) \w+|auf wiedersehen|tschüss?|gruß",
        r"|à (?:bientôt|demain|plus|très bientôt)|bonne \w+|joyeux \w+|bisous|affectueusement|hasta (?:pronto|luego|mañana)|besos|feliz \w+|con cariño|a presto|a domani|buon[ae]? \w+",
        r"|baci|con affetto|até (?:logo|breve|amanhã)|beijos|tot (?:ziens|snel|gauw|morgen)|liefs|до (?:встречи|свидания|скорого|завтра)|пока|обнимаю|görüşmek üzere|do zobaczenia|vi ses",
        r"|med vennlig hilsen|med venlig hilsen|hilsen|z poważaniem|pozdrawiam|s pozdravem|üdvözlettel|с уважением|saygılarımla|敬具|此致|敬礼)",
        r"(?:\s*[,!–—-].{0,40}|(?:\s+(?-i:\p{Lu})[\w.'’-]*){0,3}\s*)$",
    );
    Regex::new(pattern).expect("a valid pattern")
});

/// Where a letter stands in a text: from its salutation to the end of the text.
pub fn letter(text: &str) -> Option<Range<usize>> {
    let start = SALUTATION.find(text)?;
    // A salutation has a line of its own, and words below it.
    (!text[start.end()..].trim().is_empty()).then(|| start.start()..text.len())
}

/// True if a text ends with the signature of a letter: a closing, or the names behind it.
pub fn ends_with_signature(text: &str) -> bool {
    const MOST_LINES: usize = 5;
    const LONGEST: usize = 60;
    let lines: Vec<&str> =
        line_spans(text).map(|span| text[span].trim()).filter(|line| !line.is_empty()).collect();
    let is_short = |line: &&&str| line.chars().count() <= LONGEST && !line.ends_with(['.', '!', '?', '。']);
    let count = lines.iter().rev().take(MOST_LINES).take_while(is_short).count();
    let last = &lines[lines.len() - count..];
    let begins_name = |line: &&str| {
        line.starts_with(|c: char| {
            c.is_uppercase() || matches!(c, '[' | '(' | '*' | '–' | '—' | '-' | '~') || !c.is_ascii()
        })
    };
    // `– Mara`, below the words of a whole paragraph.
    let is_signed = |line: &str| {
        let name = line.strip_prefix(['–', '—', '-', '~']).map(str::trim).unwrap_or_default();
        (1..=4).contains(&name.split_whitespace().count())
            && name.split_whitespace().all(|word| word.starts_with(char::is_uppercase))
    };
    if count == 1 && lines.len() > 1 && is_signed(last[0]) {
        return true;
    }
    let closes = last.iter().position(|line| CLOSING.is_match(line.trim_start_matches(['*', '_'])));
    match closes {
        Some(at) => last[at + 1..].iter().all(begins_name),
        // A name alone, below a letter.
        None => {
            count > 0
                && count < lines.len()
                && letter(text).is_some()
                && last.iter().all(|line| begins_name(line) && line.split_whitespace().count() <= 5)
        }
    }
}

/// Words for a talk of several people, in many languages ...
static TALK: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?i)dialog|diálogo|dialoog|διάλογ|диалог|діалог|对话|對話|対話|会話|대화|حوار|संवाद|\b(?:screenplays?|interviews?|conversations?)\b|gespräch|entretien",
        r"|conversación|entrevista|intervista|conversazione|conversa\b|gesprek|samtal|rozmow|rozhovor|beszélget|разговор|интервью",
    );
    Regex::new(pattern).expect("a valid pattern")
});
/// ... and for a text in which some speak, that mean other things too.
static STAGED: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"(?i)\b(?:scripts?|scenes?|sketch(?:es)?|skits?|plays?|transcripts?|chats?|debates?|q ?& ?a)\b|drehbuch|szene|theaterstück|scénario|scène|guion|guión",
        r"|escena|sceneggiatura|scena|roteiro|\bcena\b|scenariusz|scéna|jelenet|сценар|сцен|senaryo|sahne|剧本|劇本|脚本|台本|각본",
    );
    Regex::new(pattern).expect("a valid pattern")
});

/// True if the prompt asks for a text in which several people speak, or names all who do. Labels of a chat are residue
/// unless it asks for a talk.
pub fn asks_for_dialogue(prompt: &str, speakers: &[&str]) -> bool {
    const SIDES: [&str; 9] =
        ["human", "user", "assistant", "ai", "bot", "you", "chatgpt", "claude", "gemini"];
    let lower = prompt.to_lowercase();
    let is_named = |name: &&str| lower.contains(&name.to_lowercase());
    let is_side = |name: &&str| SIDES.contains(&name.to_lowercase().as_str());
    TALK.is_match(prompt)
        || (STAGED.is_match(prompt) && !speakers.iter().all(is_side))
        || (speakers.len() >= 2 && speakers.iter().all(is_named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotations_are_told_from_what_is_said() {
        for (text, expected) in [
            ("He said “I cannot help” and left.", true),
            ("„I cannot help“, sagte er.", true),
            ("\"I cannot help,\" he said.", true),
            ("> I cannot help\n\nSo he wrote.", true),
            ("‘I cannot help,’ he said.", true),
            ("I cannot help “you” there.", false),
            ("“Yes.” I cannot help.", false),
            ("He is 6\" tall. I cannot help.", false),
        ] {
            let at = text.find("I cannot").expect("the words");
            assert_eq!(is_quoted(text, at), expected, "{text}");
        }
    }

    #[test]
    fn letters_end_with_their_signatures() {
        for text in [
            "Dear Tove,\n\nthe boat is dry and will be in the water by noon.\n\nBest, Mara",
            "The boat is dry.\n\nMit freundlichen Grüßen\n\nMara Feld\nBootshaus West",
            "Chère Tove,\n\nle bateau est sec.\n\nMara",
            "The boat is dry.\n\nYours sincerely,\n[Your name]",
            "The boat is dry.\n\nSee you on Friday\nMara",
            "The boat is dry.\n\nBis bald, Mara",
            "The boat is dry.\n\n– Mara Feld",
            "Le bateau est sec.\n\nÀ bientôt\nInès",
        ] {
            assert!(ends_with_signature(text), "{text}");
        }
        for text in [
            "The boat is dry and",
            "It holds for years.\n\nLove is what it needs and",
            "Height of the mast\n\nThe mast is tall and",
            "Here are three boats:\n\nMara",
            "The boat is dry.\n\n- and the oars",
            "The boat is dry.\n\nSee your oars and",
            "Dear Tove,\n\nthe boat is dry, and the oars are",
        ] {
            assert!(!ends_with_signature(text), "{text}");
        }
        assert_eq!(letter("Answer this:\n\nDear Tove,\n\nIs it dry?"), Some(14..36));
        assert_eq!(letter("Height, in short\n\nTall."), None);
        assert_eq!(letter("Dear readers know that boats leak. They do."), None);
    }

    #[test]
    fn dialogues_are_asked_for_by_word_or_by_names() {
        assert!(
            asks_for_dialogue("Write a dialogue.", &[]) && asks_for_dialogue("Schreib ein Gespräch.", &[])
        );
        assert!(asks_for_dialogue("Let Mara and Tove quarrel.", &["MARA", "TOVE"]));
        assert!(!asks_for_dialogue("How do boats float?", &["Mara", "Tove"]));
        assert!(!asks_for_dialogue("Write a script for boats.", &["Human", "Assistant"]));
        assert!(asks_for_dialogue("Write a script for boats.", &["Mara", "Tove"]));
    }
}
