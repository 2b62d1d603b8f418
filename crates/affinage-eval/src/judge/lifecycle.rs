//! When models stop answering. Source: the providers' deprecation pages, read in October 2026; a list of models asked from
//! the server (`GET /v1/models`) is newer and decides where there is one.

/// Models and the day from which they answer no more.
const RETIRED: &[(&str, &str)] = &[
    ("claude-3-5-sonnet-20240620", "2025-10-28"),
    ("claude-3-5-sonnet-20241022", "2025-10-28"),
    ("claude-3-7-sonnet-20250219", "2026-02-19"),
    ("claude-opus-4-20250514", "2026-06-15"),
    ("claude-sonnet-4-5", "2026-11-30"),
];

/// The day from which `model` answers no more, where it is known: an ISO date. A dated name is of its undated one.
pub fn retires(model: &str) -> Option<&'static str> {
    let is = |name: &str| {
        model.strip_prefix(name).is_some_and(|rest| {
            rest.is_empty()
                || (rest.len() == 9 && rest.starts_with('-') && rest[1..].bytes().all(|b| b.is_ascii_digit()))
        })
    };
    RETIRED.iter().find(|(name, _)| is(name)).map(|(_, day)| *day)
}

#[cfg(test)]
mod tests {
    use super::retires;

    #[test]
    fn a_dated_name_is_of_its_model() {
        assert_eq!(retires("claude-opus-4-20250514"), Some("2026-06-15"));
        assert_eq!(retires("claude-sonnet-4-5-20250929"), Some("2026-11-30"));
        assert_eq!(retires("claude-sonnet-4-5"), Some("2026-11-30"));
        assert_eq!(retires("claude-sonnet-4-5-turbo"), None);
        assert_eq!(retires("claude-opus-5-5"), None);
    }
}
