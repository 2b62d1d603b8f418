//! Passwords and PINs in plain prose: a word for a secret in one of many languages with a value behind it that no word
//! of a language is.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Words for a password, in languages that part words by spaces ...
const PASSWORDS: &str = concat!(
    r"password|passcode|passphrase|passwd|pwd|log-?in code|passwort|kennwort|losungswort|mot de passe|mdp|contraseña|senha|palavra-passe",
    r"|parola d'ordine|parola|wachtwoord|hasło|пароль|şifre|lösenord|adgangskode|passord|salasana|jelszó|heslo|kata sandi|mật khẩu|كلمة السر|كلمة المرور|पासवर्ड",
);
/// ... and in those that do not.
const JOINED_PASSWORDS: &str = "密码|密碼|口令|パスワード|비밀번호|암호";
/// Words for a number that is a secret.
const PINS: &str = concat!(
    r"pin(?:[ -]?(?:code|number|nummer|kod))?|geheimzahl|code pin|código pin|codice pin|pincode|пин(?:-?код)?|kod pin|kode pin",
    r"|(?:door|gate|alarm|safe|entry|access|unlock|lock|security|entrance|voicemail)[ -](?:code|number)|(?:tür|zugangs|sicherheits|alarm|tresor)code",
    r"|code (?:d'accès|secret|de la porte|du portail|de l'alarme)|código (?:de acceso|de la puerta|de acesso|secreto)|codice (?:di accesso|segreto)|toegangscode",
    r"|код (?:доступа|от двери|домофона)",
);
const JOINED_PINS: &str = "暗証番号|PINコード|PIN码|핀번호";
/// What may stand between the word and its value.
const LINKS: &str = r#"(?:\s+(?:for|of|to|zum|zur|für|du|de la|del|do|da|di|к|от|для)(?:\s+[\p{L}-]+){1,3}?)?(?:\s+(?:is|was|are|ist|war|lautet|est|es|é|è|jest|to|это|là|adalah|है))?[ \t]*[*_]{0,2}[ \t]*[:=：–—-]?[ \t]*[*_]{0,2}[ \t]*["'“„«‹「『]?"#;
const JOINED_LINKS: &str = r#"[ \t]*(?:是|为|為|は|が|는|은)?[ \t]*[:=：]?[ \t]*["'“「『]?"#;

/// Words between the verb and the value of somebody who does not remember well, or says more.
const FILLERS: &str = concat!(
    r"(?:(?:something|sth\.?|anything) (?:like|along the lines of|similar to)|like|still|always|now|just|simply|probably|maybe|i think|i believe|actually|the word",
    r"|(?:so |irgend)?etwas wie|sowas wie|so was wie|immer noch|noch|jetzt|einfach|wohl|vermutlich|glaube ich|ungefähr|immer",
    r"|quelque chose comme|toujours|encore|maintenant|genre|je crois|peut-être|simplement|du style",
    r"|algo (?:así )?como|todavía|siempre|ahora|creo(?: que)?|simplemente|qualcosa (?:come|del tipo)|ancora|sempre|adesso|credo|semplicemente|tipo",
    r"|algo como|ainda|agora|acho(?: que)?|iets als|zoiets als|nog(?: steeds)?|altijd|gewoon|coś jak|coś w stylu|nadal|zawsze|что-то вроде|всё ещё|до сих пор|всегда)",
);
/// Such words that say more clearly than others that a value follows, also further on in the sentence.
const SUCH_AS: &str = concat!(
    r"something (?:like|along the lines of)|(?:so |irgend)?etwas wie|sowas wie|so was wie|quelque chose comme|algo (?:así )?como",
    r"|qualcosa come|(?:zo)?iets als|coś jak|что-то вроде",
);

static SAID: LazyLock<[Regex; 4]> = LazyLock::new(|| {
    let sign = r#"[^\s"'`“”„«»‹›「」『』,;()\[\]{}<>|。、，]"#;
    let value = format!(r"(?P<value>{sign}{{0,40}}[0-9!@#$%^&*_+=?~]{sign}{{0,40}})");
    let digits = r"(?P<digits>\d{4,8})(?:[^\p{L}\d]|$)";
    let parted = format!(
        r"(?i)(?:^|[^\p{{L}}\p{{N}}_-])(?:(?:{PASSWORDS})(?:\b){LINKS}{value}|(?:{PINS})(?:\b){LINKS}{digits})"
    );
    // The verb, words between, and what could be no word; or the word for a password anywhere before "something like".
    let filled = format!(
        r#"(?i)(?:^|[^\p{{L}}\p{{N}}_-])(?:(?:{PASSWORDS})\b(?:[^.!?\n]{{0,80}}?[\s,](?:{SUCH_AS})|{LINKS}(?:,?\s*{FILLERS}\b,?){{1,3}}):?\s+["'“„«`]?{value}|(?:{PINS})\b{LINKS}(?:,?\s*{FILLERS}\b,?){{1,3}}:?\s+{digits})"#
    );
    // The value first: "Flunder1911 is our password".
    let owned = format!(
        r#"(?i)(?:^|[\s"'“„«(])(?P<value>{sign}{{3,40}})["'”“»]?\s+(?:is|was|ist|war|est|était|es|era|è|é|jest|to)\s+(?:still |immer noch |toujours )?(?:{OWNERS})\s+(?:[\p{{L}}-]+?[\s-]+)?(?:{PASSWORDS})(?:[.,;!?\n]|$|\s+(?:for|and|für|und|pour|et|para|y|per|e|voor|en)\s)"#
    );
    let joined = format!(
        r"(?i)(?:{JOINED_PASSWORDS}){JOINED_LINKS}(?P<value>[!-~]{{4,64}})|(?:{JOINED_PINS}){JOINED_LINKS}(?P<digits>\d{{4,8}})(?:\D|$)"
    );
    [parted, joined, filled, owned]
        .map(|pattern| Regex::new(&pattern).expect("the pattern is part of the program"))
});

/// Whose a password is ...
const OWNERS: &str = concat!(
    r"my|our|his|her|their|your|mein|meine|unser|unsere|sein|ihr|mon|notre|ma|mi|nuestra|minha|nossa|la mia|la nostra|mijn|ons|mitt",
    r"|vårt|moje|nasze|мой|наш",
);
/// ... and what it opens. Of such a password a plain word behind it may be the value.
const OPENED: &str = concat!(
    r"wi-?fi|wlan|router|laptop|computer|pc|tablet|e-?mail|mail|netflix|login|account|konto|compte|cuenta|conta|guest|gäste|network",
    r"|netzwerk|bank|phone|handy|admin",
);
/// A word without a digit or sign behind the word for a password, at the end of a sentence or in quotation marks.
static PLAIN: LazyLock<Regex> = LazyLock::new(|| {
    let verbs = r"is|was|ist|war|lautet|heißt|est|es|é|è|jest|to jest|är|это";
    let of = r"(?:\s+(?:for|of|to|zum|zur|für|fürs|vom|du|de la|de|del|do|da|di|för)(?:\s+[\p{L}-]+){1,3}?)?";
    let pattern = format!(
        r#"(?i)(?:^|[^\p{{L}}\p{{N}}_-])(?P<owner>(?:(?:{OWNERS})\s+)?)(?P<what>(?:(?:{OPENED})[\s-]*)?)(?:{PASSWORDS})(?P<of>{of})\s*(?:\s(?:{verbs})|(?P<label>[:=]))\s*:?\s*(?P<quote>["'“„«`]?)(?P<value>\p{{L}}[\p{{L}}-]{{3,40}})(?:["'”“»`]|[.!,;]?\s*(?:$|\n|[.!,;]\s))"#
    );
    Regex::new(&pattern).expect("the pattern is part of the program")
});
static OPENS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!(r"(?i)\b(?:{OPENED})\b")).expect("the pattern is part of the program")
});
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!("(?i)(?:{PASSWORDS})")).expect("the pattern is part of the program")
});

/// What a sentence says of a password instead of telling it.
const SAID_OF: &str = concat!(
    "wrong weak strong safe secure secret long short expired gone lost simple easy hard required missing",
    " invalid incorrect correct different same changed hidden stored saved here there below above empty",
    " unknown optional private written forgotten important public old new known enough useless fine good",
    " needed everything nothing something mine yours ours encrypted hashed protected unique random back stolen",
    " leaked compromised reset none never always again this that what which love true false null falsch sicher",
    " schwach stark geheim lang kurz abgelaufen verloren einfach leicht schwer nötig erforderlich ungültig",
    " richtig anders geändert gespeichert hier dort unten oben leer bekannt unbekannt vergessen neu wichtig",
    " gleich weg siehe verschlüsselt geschützt gestohlen faux fausse sûr court expiré perdu oublié facile",
    " requis nouveau ici ailleurs différent inconnu vide faible fort nécessaire incorrecta segura débil fuerte",
    " secreta larga corta perdida olvidada fácil nueva aquí importante diferente desconocida vacía correcta",
    " errada fraca forte esquecida nova aqui sbagliata sicura debole segreta lunga scaduta persa dimenticata",
    " string text type field user username name number value manager policy page word phrase nuova qui verkeerd veilig zwak sterk kwijt vergeten nieuw fel säkert glömt",
);

/// Places of passwords and PINs in a text, each from its value's first letter to its last.
pub fn spans(text: &str) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    // Most texts name no password, and end here.
    if NAMED.is_match(text) {
        spans.extend(PLAIN.captures_iter(text).filter_map(|found| plain_span(text, &found)));
    }
    if text.bytes().any(|byte| byte.is_ascii_digit() || b"!@#$%^&*_+=?".contains(&byte)) {
        let said = SAID.iter().flat_map(|pattern| pattern.captures_iter(text));
        for found in said.filter_map(|found| span(&found)) {
            if !spans.iter().any(|known| known.start < found.end && found.start < known.end) {
                spans.push(found);
            }
        }
    }
    spans
}

/// A plain word is a password where it is quoted, stands behind a label at the head of a line, or belongs to somebody or to what
/// it opens; never where the sentence says something of the password.
fn plain_span(text: &str, found: &Captures<'_>) -> Option<Range<usize>> {
    const PLACE_HOLDERS: [&str; 6] = ["your", "example", "placeholder", "changeme", "password", "passwort"];
    let value = found.name("value")?;
    let word = value.as_str().to_lowercase();
    let has = |name: &str| found.name(name).is_some_and(|group| !group.as_str().trim().is_empty());
    let head = found.get(0).map_or("", |whole| text[..whole.start()].rsplit('\n').next().unwrap_or_default());
    let is_label = has("label") && !head.contains(char::is_alphanumeric);
    let is_owned =
        has("owner") || has("what") || found.name("of").is_some_and(|of| OPENS.is_match(of.as_str()));
    // English participles cannot all be listed.
    let is_participle = ["ed", "ing", "able", "ible", "less"].iter().any(|end| word.ends_with(end));
    let is_said = is_participle || SAID_OF.split(' ').any(|said| said == word);
    let is_place_holder = PLACE_HOLDERS.iter().any(|holder| word.contains(holder));
    ((has("quote") || ((is_owned || is_label) && !is_said)) && !is_place_holder).then(|| value.range())
}

fn span(found: &Captures<'_>) -> Option<Range<usize>> {
    if let Some(digits) = found.name("digits") {
        return (!is_trivial(digits.as_str())).then(|| digits.range());
    }
    let value = found.name("value")?;
    let trimmed = value.as_str().trim_end_matches(['.', ',', ':', '!', '?', '*', '_', ')', '…']);
    is_secret(trimmed).then(|| value.start()..value.start() + trimmed.len())
}

/// Made as no word is: letters with digits or with a sign inside; or a long number.
fn is_secret(value: &str) -> bool {
    const MIN_CHARS: usize = 4;
    const MIN_DIGITS: usize = 6;
    const SIGNS: &str = "!@#$%^&*_+=?~";
    const PLACE_HOLDERS: [&str; 5] = ["your", "example", "placeholder", "changeme", "xxxx"];
    let lower = value.to_lowercase();
    let has = |is: fn(char) -> bool| value.chars().any(is);
    let inner = value.chars().skip(1).collect::<String>();
    // `8-character`, `12-Zeichen-Passwort`: how long it is.
    let is_length = value.split_once('-').is_some_and(|(number, rest)| {
        number.chars().all(|c| c.is_ascii_digit()) && rest.chars().all(|c| c.is_alphabetic() || c == '-')
    });
    let is_number = value.chars().all(|c| c.is_ascii_digit());
    value.chars().count() >= MIN_CHARS
        && !is_length
        && !lower.contains("://")
        && !PLACE_HOLDERS.iter().any(|word| lower.contains(word))
        && match is_number {
            true => value.len() >= MIN_DIGITS && !is_trivial(value),
            false => {
                has(char::is_alphabetic)
                    && (has(|c| c.is_ascii_digit()) || inner.chars().any(|c| SIGNS.contains(c)))
            }
        }
}

/// `0000`, `1234`: an example of a number.
fn is_trivial(digits: &str) -> bool {
    let steps: Vec<i16> =
        digits.as_bytes().windows(2).map(|pair| i16::from(pair[1]) - i16::from(pair[0])).collect();
    steps.windows(2).all(|pair| pair[0] == pair[1]) && steps.first().is_some_and(|step| step.abs() <= 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_behind_a_word_for_a_secret_is_one() {
        for (text, value) in [
            ("my pin 7306 is new", "7306"),
            ("The PIN for the card is 90417.", "90417"),
            ("password juniper82", "juniper82"),
            ("The password for the shed was: \"Ju#niper\".", "Ju#niper"),
            ("Passwort: birke77, bitte merken", "birke77"),
            ("Das Kennwort lautet Bi!rke", "Bi!rke"),
            ("le mot de passe : genet9!", "genet9"),
            ("mot de passe est genet9", "genet9"),
            ("La contraseña es olivo_31", "olivo_31"),
            ("A senha é figo2024", "figo2024"),
            ("hasło: brzoza5", "brzoza5"),
            ("Пароль: ivolga44", "ivolga44"),
            ("şifre: kavak81", "kavak81"),
            ("密码是yulan88。", "yulan88"),
            ("パスワード：sakura55", "sakura55"),
            ("暗証番号は5937です", "5937"),
            ("비밀번호는 namu4821", "namu4821"),
            ("The alarm code is 8264", "8264"),
            ("**Password:** elder61x", "elder61x"),
            ("password: 48213377", "48213377"),
            ("My password is something like Flunder1911!, I think.", "Flunder1911"),
            ("my password is still Flunder1911", "Flunder1911"),
            ("I have one password for everything, something like Flunder1911!", "Flunder1911"),
            ("Mein Passwort ist so etwas wie Flunder1911!", "Flunder1911"),
            ("Das Kennwort lautet immer noch Flunder1911.", "Flunder1911"),
            ("Mein Passwort für alles war sowas wie \"Flunder1911\"", "Flunder1911"),
            ("Mon mot de passe est toujours limande77", "limande77"),
            ("mon mot de passe, c'est quelque chose comme limande77!", "limande77"),
            ("mi contraseña es algo como lenguado88", "lenguado88"),
            ("la mia password è qualcosa come sogliola55", "sogliola55"),
            ("mijn wachtwoord is iets als schol1911", "schol1911"),
            ("The PIN is still 7306", "7306"),
            ("Die Geheimzahl ist immer noch 7306.", "7306"),
            ("Flunder1911 is my password.", "Flunder1911"),
            ("\"Flunder1911\" war unser WLAN-Passwort", "Flunder1911"),
        ] {
            let found: Vec<&str> = spans(text).into_iter().map(|span| &text[span]).collect();
            assert_eq!(found, [value], "{text}");
        }
    }

    #[test]
    fn a_plain_word_is_a_password_where_the_sentence_tells_it() {
        for (text, value) in [
            ("My wifi password is sunflower.", "sunflower"),
            ("The wifi password is \"Lanternfish\", she said.", "Lanternfish"),
            ("the password for our router is juniper", "juniper"),
            ("Password: juniper\nand so on", "juniper"),
            ("Mein Passwort ist Birkenhain.", "Birkenhain"),
            ("Das WLAN-Passwort lautet Kirschbaum", "Kirschbaum"),
            ("mon mot de passe est tournesol.", "tournesol"),
            ("mi contraseña es girasol", "girasol"),
            ("La password del wifi: girasole", "girasole"),
            ("A minha senha é girassol.", "girassol"),
            ("mijn wachtwoord is zonnebloem.", "zonnebloem"),
        ] {
            let found: Vec<&str> = spans(text).into_iter().map(|span| &text[span]).collect();
            assert_eq!(found, [value], "{text}");
        }
    }

    #[test]
    fn prose_about_secrets_is_none() {
        for text in [
            "I forgot my password again.",
            "My password is wrong, and my wifi password is expired.",
            "He said that my password is too long to remember.",
            "The password is friendship, as the old tale says.",
            "Her password was compromised. Our password is protected.",
            "Mein Passwort ist abgelaufen. Ich habe mein Passwort vergessen.",
            "J'ai oublié mon mot de passe. Mon mot de passe est faux.",
            "He olvidado mi contraseña; mi contraseña es segura.",
            "Ho dimenticato la mia password. La mia password è sbagliata.",
            "Password: required",
            "The API takes a user and a password: string.",
            "The password for success is patience.",
            "The password to the heart is kindness, he wrote.",
            "Your password is what keeps the shed shut.",
            "my password is the name of the first dog",
            "the password is the one thing he never wrote down in 1987",
            "PIN codes are short, 4 digits at most.",
            "A password of 12 characters, or an 8-character password, is weak.",
            "Your password is 8-character at least.",
            "A password is something like a key, and 12 of them are too many.",
            "A password is something like a house key in the year 1911.",
            "The password is still the weakest part in 2024.",
            "The password was probably stolen in 2019.",
            "Ein Passwort ist so etwas wie ein Schlüssel zu 3 Türen.",
            "Le mot de passe est quelque chose comme une clef, depuis 1998.",
            "The PIN is still 4 digits, and was so in 1967.",
            "Kindness is my password. Windows10 is the password manager's home.",
            "He is my password manager of 2012.",
            "Bitwarden2 is my password manager.",
            "Choose a password with 3 words and a sign like #.",
            "He took the safety pin, and 1200 more.",
            "The PIN 1234 and the PIN 0000 are the worst.",
            "Ein Passwort braucht 10 Zeichen.",
            "The passwords are hashed with SHA-256.",
            "The access code was changed in 12 houses.",
            "La clave de sol y 4 notas.",
            "密码很重要，至少8位。",
        ] {
            assert!(spans(text).is_empty(), "{text}");
        }
    }
}
