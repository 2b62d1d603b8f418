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

static SAID: LazyLock<[Regex; 2]> = LazyLock::new(|| {
    let sign = r#"[^\s"'`“”„«»‹›「」『』,;()\[\]{}<>|。、，]"#;
    let value = format!(r"(?P<value>{sign}{{0,40}}[0-9!@#$%^&*_+=?~]{sign}{{0,40}})");
    let digits = r"(?P<digits>\d{4,8})(?:[^\p{L}\d]|$)";
    let parted = format!(
        r"(?i)(?:^|[^\p{{L}}\p{{N}}_-])(?:(?:{PASSWORDS})(?:\b){LINKS}{value}|(?:{PINS})(?:\b){LINKS}{digits})"
    );
    let joined = format!(
        r"(?i)(?:{JOINED_PASSWORDS}){JOINED_LINKS}(?P<value>[!-~]{{4,64}})|(?:{JOINED_PINS}){JOINED_LINKS}(?P<digits>\d{{4,8}})(?:\D|$)"
    );
    [parted, joined].map(|pattern| Regex::new(&pattern).expect("the pattern is part of the program"))
});

/// Places of passwords and PINs in a text, each from its value's first letter to its last.
pub fn spans(text: &str) -> Vec<Range<usize>> {
    if !text.bytes().any(|byte| byte.is_ascii_digit() || b"!@#$%^&*_+=?".contains(&byte)) {
        return Vec::new();
    }
    SAID.iter().flat_map(|pattern| pattern.captures_iter(text)).filter_map(|found| span(&found)).collect()
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
        ] {
            let found: Vec<&str> = spans(text).into_iter().map(|span| &text[span]).collect();
            assert_eq!(found, [value], "{text}");
        }
    }

    #[test]
    fn prose_about_secrets_is_none() {
        for text in [
            "the password is the one thing he never wrote down in 1987",
            "PIN codes are short, 4 digits at most.",
            "A password of 12 characters, or an 8-character password, is weak.",
            "Your password is 8-character at least.",
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
