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

/// Whether a server that was asked for `asked` and says that `answered` replied means the same model: the same name, or one
/// that the asked name begins (a date, a version, `:latest`). Paths in front of a name do not count. A further word for
/// another size is another model.
pub fn is_same_model(asked: &str, answered: &str) -> bool {
    const SIZES: [&str; 12] = [
        "mini", "nano", "micro", "tiny", "small", "lite", "light", "air", "flash", "turbo", "distill",
        "draft",
    ];
    let name = |model: &str| {
        let name = model.trim_end_matches('/').rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase();
        name.trim_end_matches(".gguf").trim_end_matches(":latest").to_owned()
    };
    let (asked, answered) = (name(asked), name(answered));
    let further = answered.strip_prefix(&asked).filter(|rest| !rest.starts_with(char::is_alphanumeric));
    // A shorter name of a dated one that was asked for.
    let dropped =
        asked.strip_prefix(&answered).filter(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'-'));
    let is_size = |rest: &str| rest.split(|c: char| !c.is_alphanumeric()).any(|word| SIZES.contains(&word));
    !answered.is_empty() && (further.is_some_and(|rest| !is_size(rest)) || dropped.is_some())
}

#[cfg(test)]
mod tests {
    use super::{is_same_model, retires};

    #[test]
    fn an_alias_is_the_same_model_and_another_size_is_not() {
        for (asked, answered, same) in [
            ("corvid-2", "corvid-2", true),
            ("corvid-2", "corvid-2-2026-08-06", true),
            ("corvid-2", "maker/Corvid-2:latest", true),
            ("maker/corvid-2", "corvid-2-preview", true),
            ("corvid-2-2026-08-06", "corvid-2", true),
            ("models/corvid-2.gguf", "/srv/models/corvid-2.gguf", true),
            ("corvid-2", "corvid-2-mini", false),
            ("corvid-2", "corvid-20", false),
            ("corvid-2", "jackdaw-8b", false),
            ("corvid-2-mini", "corvid-2", false),
            ("corvid", "corvidae", false),
            ("corvid-2", "", false),
        ] {
            assert_eq!(is_same_model(asked, answered), same, "{asked} {answered}");
        }
    }

    #[test]
    fn a_dated_name_is_of_its_model() {
        assert_eq!(retires("claude-opus-4-20250514"), Some("2026-06-15"));
        assert_eq!(retires("claude-sonnet-4-5-20250929"), Some("2026-11-30"));
        assert_eq!(retires("claude-sonnet-4-5"), Some("2026-11-30"));
        assert_eq!(retires("claude-sonnet-4-5-turbo"), None);
        assert_eq!(retires("claude-opus-5-5"), None);
    }
}
