//! The two ways in which texts are compared.

/// Runs of white space become one space, ends are trimmed; case and punctuation stay.
///
/// Two answers that are equal after this are the same answer: a pair of them is a tie without a judge.
pub fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Lower-case words of letters and digits, joined by one space: "The  Nile!" becomes "the nile".
///
/// Used for short answers and for telling prompts apart, where case and punctuation do not matter.
pub fn words_only(text: &str) -> String {
    words(text).join(" ")
}

/// The lower-case words of `text`: runs of letters and digits; an apostrophe inside a word is dropped.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for character in text.chars() {
        if character.is_alphanumeric() {
            word.extend(character.to_lowercase());
        } else if !matches!(character, '\'' | '\u{2019}') && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// A p-value as it is written everywhere: "p = .031", "p < .001", "p = 1".
pub fn p_value(p: f64) -> String {
    match p {
        p if p < 0.001 => "p < .001".to_owned(),
        p if p > 0.999 => "p = 1".to_owned(),
        p => format!("p = {}", format!("{p:.3}").trim_start_matches('0')),
    }
}

/// The sentence as the middle of another: its first letter small.
pub fn uncapitalised(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters.next().map_or(String::new(), |first| first.to_lowercase().chain(characters).collect())
}

/// "a", "a and b", "a, b and c"
pub fn enumerated(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The sentence with its first letter large.
pub fn capitalised(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters.next().map_or(String::new(), |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_never_pretend_to_be_zero() {
        let written = [0.0, 0.0004, 0.031, 0.5, 0.9996].map(p_value);
        assert_eq!(written, ["p < .001", "p < .001", "p = .031", "p = .500", "p = 1"]);
    }

    #[test]
    fn squeeze_keeps_case_and_words_only_does_not() {
        assert_eq!(squeeze("  A \n b\t c "), "A b c");
        assert_eq!(words_only("The  Nile's source, isn't\nit?"), "the niles source isnt it");
        assert_eq!(words_only("¿¡!?"), "");
    }
}
