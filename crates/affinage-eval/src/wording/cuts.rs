//! Sentences about answers cut at the token limit.

/// That answers of one arm were cut more often than those of the other, of so many of each.
pub fn unequal(
    (more, often): (usize, &str),
    (less, seldom): (usize, &str),
    of: usize,
    max_new_tokens: u32,
) -> String {
    format!(
        "This compares cut texts: {more} of {of} answers of `{often}` and {less} of `{seldom}` were cut at the limit of \
         {max_new_tokens} tokens, and an answer may lose only because it does not end."
    )
}
