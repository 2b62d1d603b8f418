//! Commands that a text names for what to do next.

/// `word` as a shell reads it: in quotes where it has more than letters, digits and signs that mean nothing there.
pub fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "._=/:,+-@%".contains(c);
    let is_plain = !word.is_empty() && word.chars().all(is_plain);
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_more() {
        assert_eq!(shell_word("it's"), "'it'\\''s'");
        assert_eq!(["a b", "", "Grüße.md"].map(shell_word), ["'a b'", "''", "Grüße.md"]);
    }
}
