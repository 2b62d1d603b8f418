//! Links and names as messengers write them in their exports, as a reader saw them.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

/// True for a time as Slack writes it: seconds with a fraction, as a text.
pub fn is_slack_time(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(seconds, fraction)| digits(seconds) && digits(fraction))
}

static SLACK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"<(@|#|!|https?://|ftp://|mailto:|tel:)([^<>|\n]*)(?:\|([^<>\n]*))?>")
        .expect("a valid pattern")
});

/// `<https://a.test|a page>` as a link of Markdown, `<@U1|mara>`, `<#C1|mill>` and `<!here>` as names. A sign that somebody
/// typed is written as an entity.
pub fn slack_links(text: &str) -> String {
    let shown = |found: &Captures<'_>| {
        let (kind, target) = (&found[1], &found[2]);
        let label = found.get(3).map(|label| label.as_str()).filter(|label| !label.is_empty());
        match (kind, label) {
            ("@" | "#", label) => format!("{kind}{}", label.unwrap_or(target)),
            ("!", Some(label)) => label.to_owned(),
            ("!", None) => format!("@{target}"),
            ("mailto:" | "tel:", label) => label.unwrap_or(target).to_owned(),
            (_, Some(label)) if label != format!("{kind}{target}") => format!("[{label}]({kind}{target})"),
            _ => format!("{kind}{target}"),
        }
    };
    SLACK.replace_all(text, shown).into_owned()
}

static DISCORD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"<@[!&]?(\d+)>|<a?(:\w+:)\d+>").expect("a valid pattern"));

/// `<@99>` as the name that the message lists for it, `<:boat:7>` as `:boat:`.
pub fn discord_names(text: &str, mentions: &[Value]) -> String {
    let shown = |found: &Captures<'_>| match (found.get(1), found.get(2)) {
        (Some(id), _) => {
            name_of(id.as_str(), mentions).map_or_else(|| found[0].to_owned(), |name| format!("@{name}"))
        }
        (None, Some(sign)) => sign.as_str().to_owned(),
        (None, None) => found[0].to_owned(),
    };
    DISCORD.replace_all(text, shown).into_owned()
}

fn name_of<'a>(id: &str, mentions: &'a [Value]) -> Option<&'a str> {
    let mention = mentions.iter().find(|mention| mention.get("id").and_then(Value::as_str) == Some(id))?;
    ["nickname", "global_name", "name", "username"].iter().find_map(|key| mention.get(*key)?.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn links_and_names_of_slack() {
        for (text, expected) in [
            ("See <https://mill.test/a|the mill>.", "See [the mill](https://mill.test/a)."),
            ("See <https://mill.test>.", "See https://mill.test."),
            ("<https://mill.test|https://mill.test>", "https://mill.test"),
            ("<@U1|mara> and <@U2> in <#C1|wheels>, <!here>", "@mara and @U2 in #wheels, @here"),
            (
                "<!subteam^S1|@millers> <!date^17^{date}|3 May> <mailto:a@mill.test|a@mill.test>",
                "@millers 3 May a@mill.test",
            ),
            ("a &lt;b|c&gt; <b>", "a &lt;b|c&gt; <b>"),
        ] {
            assert_eq!(slack_links(text), expected);
        }
        assert!(
            is_slack_time("1767607200.000100") && !is_slack_time("1767607200") && !is_slack_time("3.5.2026")
        );
    }

    #[test]
    fn names_of_discord() {
        let mentions = [json!({ "id": "7", "name": "miller" })];
        assert_eq!(discord_names("<@!7>, <@8>: <:wheel:55> a<b>", &mentions), "@miller, <@8>: :wheel: a<b>");
    }
}
