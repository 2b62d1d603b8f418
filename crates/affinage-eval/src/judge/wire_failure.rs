//! Replies that are no success, sorted into "again", "not this one" and "stop asking", by their status and their words.

use std::time::Duration;

use serde_json::Value;

use super::wire::broke_off;
use super::wire_params::limit_is_too_large;

/// A reply that is no success.
#[derive(Clone, Debug, PartialEq)]
pub struct WireFailure {
    pub kind: FailureKind,
    /// Of an error inside a success the status that it stands for.
    pub status: u16,
    /// The server's code or type, such as `rate_limit_error`.
    pub code: String,
    /// The parameter that the server names as the cause.
    pub param: Option<String>,
    /// The server's words.
    pub message: String,
}

impl WireFailure {
    /// The server objects to what was asked, not to when: a 400 or 422, and the 500 by which llama-cpp-python says
    /// that a parameter is not valid.
    pub fn is_refusal(&self) -> bool {
        matches!(self.status, 400 | 422)
            || self.status == 500 && is_validation_error(&self.message.to_lowercase())
    }

    /// The server worked on the request and may take money for it.
    pub fn may_be_paid(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

fn is_validation_error(said: &str) -> bool {
    said.contains("validation error")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Ask again, after this long if the server said so.
    Transient { retry_after: Option<Duration> },
    /// This request will never succeed; others may.
    ThisRequest,
    /// No request of this judge will succeed: key, money, permission, quota, unknown model.
    Judge,
}

/// The longest wait that a server may ask for. Whoever asks for more is left to a later run.
pub const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// The wait before attempt `attempt + 1`: what the server asked for (up to [`LONGEST_WAIT`]), else .5 s doubled per
/// attempt up to 8 s; `jitter` in 0..1 takes up to a quarter off, so that parallel calls spread.
pub fn retry_delay(attempt: u32, retry_after: Option<Duration>, jitter: f64) -> Duration {
    match retry_after {
        Some(asked) if asked > Duration::ZERO && asked <= LONGEST_WAIT => asked,
        _ => {
            let doubled = 0.5 * f64::from(1u32 << attempt.saturating_sub(1).min(4));
            Duration::from_secs_f64(doubled.min(8.0) * (1.0 - 0.25 * jitter))
        }
    }
}

/// The error in a body that the server calls a success, beside or in place of an answer.
pub(super) fn error_inside(body: &Value) -> Option<&Value> {
    let body = unwrapped(body);
    let of_choice = &body["choices"][0];
    let is_one = |error: &&Value| match error {
        Value::Object(fields) => fields.values().any(|value| !is_nothing(value)),
        Value::String(text) => !text.is_empty(),
        _ => false,
    };
    let named =
        [&body["error"], &of_choice["error"], &of_choice["message"]["error"]].into_iter().find(is_one);
    let is_error = |word: &Value| word == "error";
    let whole = is_error(&body["object"]) || is_error(&body["type"]);
    named.or_else(|| whole.then_some(body)).or_else(|| {
        let ends = [&of_choice["finish_reason"], &of_choice["native_finish_reason"], &body["stop_reason"]];
        ends.into_iter().find(|word| broke_off(word))
    })
}

/// A field that says that nothing is wrong.
fn is_nothing(value: &Value) -> bool {
    matches!(value, Value::Null) || value == "" || value == 0
}

/// The status that an error inside a success stands for: its own number, else that of its words, else 500.
pub(super) fn status_of(error: &Value) -> u16 {
    const BY_WORDS: &[(&str, u16)] = &[
        ("rate_limit", 429),
        ("rate limit", 429),
        ("too_many_requests", 429),
        ("resource_exhausted", 429),
        ("overloaded", 529),
        ("unavailable", 503),
        ("authentication", 401),
        ("unauthenticated", 401),
        ("invalid_api_key", 401),
        ("permission", 403),
        ("not_found", 404),
        ("invalid_request", 400),
        ("invalid_argument", 400),
    ];
    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
    let stated = ["code", "status", "status_code"].iter().filter_map(|name| number(&error[*name]));
    let stated = stated.filter_map(|n| u16::try_from(n).ok()).find(|n| (400..600).contains(n));
    let said = error.to_string().to_lowercase();
    let by_words = || BY_WORDS.iter().find(|(words, _)| said.contains(words)).map(|(_, status)| *status);
    stated.or_else(by_words).unwrap_or(500)
}

/// A success that is no answer of the format. What will be so again is not asked for again.
pub(super) fn not_a_reply(status: u16, header: impl Fn(&str) -> Option<String>, body: &[u8]) -> WireFailure {
    let start = String::from_utf8_lossy(&body[..body.len().min(2000)]).trim_start().to_lowercase();
    let content_type = header("content-type").unwrap_or_default().to_lowercase();
    let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| start.starts_with(beginning));
    let (kind, code, message) = match () {
        () if content_type.contains("event-stream") || begins(&["data:", "event:", ": "]) => (
            FailureKind::Judge,
            "stream",
            "the server sent an event stream, which was not asked for: turn streaming off in it, or in the proxy before it"
                .to_owned(),
        ),
        () if content_type.contains("text/html") || begins(&["<!doctype", "<html"]) => (
            FailureKind::Judge,
            "html",
            "the server sent a page for people in place of an answer: is `base-url` the address of the API?".to_owned(),
        ),
        () => {
            let kind = FailureKind::Transient { retry_after: None };
            (kind, "not_a_reply", excerpt(&String::from_utf8_lossy(body)))
        }
    };
    WireFailure { kind, status, code: code.to_owned(), param: None, message }
}

/// A failure with `status`; `parsed` is the body, or the error in it.
pub(super) fn failure(
    status: u16,
    header: impl Fn(&str) -> Option<String>,
    parsed: Option<&Value>,
    body: &[u8],
) -> WireFailure {
    let parsed = parsed.map(unwrapped);
    let error = parsed.and_then(|value| value.get("error").or(Some(value)));
    let field = |name: &str| error.and_then(|error| error.get(name)).and_then(Value::as_str);
    let code = field("code").or_else(|| field("status")).or_else(|| field("type")).unwrap_or("").to_owned();
    let text = || error.and_then(Value::as_str).map(str::to_owned);
    let mut message = field("message")
        .map(str::to_owned)
        .or_else(text)
        .unwrap_or_else(|| excerpt(&String::from_utf8_lossy(body)));
    let said = plain(&format!("{code} {} {}", field("type").unwrap_or(""), excerpt(&message)));
    // Which limit it is may stand in the details alone.
    let details = plain(&error.map(Value::to_string).unwrap_or_default());
    let wait = wait_of(header_seconds(&header), &message, &details);
    let kind = match wait.filter(|wait| *wait > LONGEST_WAIT) {
        Some(wait) if is_limit(status) => {
            message = format!(
                "{} (the server asks to come back in {} minutes)",
                excerpt(&message),
                wait.as_secs() / 60
            );
            FailureKind::Judge
        }
        _ => kind(status, [&said, &details], wait, header("x-should-retry").as_deref()),
    };
    if is_too_large(status, &said) {
        message = format!("{}; lower `max-tokens` of the judge", excerpt(&message).trim_end_matches('.'));
    }
    WireFailure { kind, status, code, param: field("param").map(str::to_owned), message: excerpt(&message) }
}

/// Some servers wrap the object in an array of one.
fn unwrapped(value: &Value) -> &Value {
    value.get(0).unwrap_or(value)
}

/// Lower case, and words that are joined by `_` or `-` apart, so that one spelling finds all.
fn plain(text: &str) -> String {
    text.to_lowercase().replace(['_', '-'], " ")
}

/// Quotas that do not come back while a run waits.
const DAY: &[&str] = &[
    "per day",
    "perday",
    "by day",
    "byday",
    "daily",
    "/day",
    "(rpd)",
    "(tpd)",
    "86400s",
    "24 hours",
    "24h",
    "until tomorrow",
    "midnight",
    "per month",
    "permonth",
    "monthly",
    "/month",
    "per week",
    "weekly",
];

/// Limits that do, also where the server talks of plans and bills beside them.
const MINUTE: &[&str] = &[
    "per minute",
    "perminute",
    "per min",
    "permin",
    "/min",
    "(rpm)",
    "(tpm)",
    "per second",
    "persecond",
    "per hour",
];

/// No money, or no key that counts.
const FINAL: &[&str] = &[
    "insufficient quota",
    "insufficient balance",
    "insufficient credit",
    "insufficient funds",
    "credit balance",
    "out of credits",
    "spend limit",
    "usage limit",
    "billing not active",
    "billing hard limit",
    "api key not valid",
    "invalid api key",
    "incorrect api key",
    "\u{4f59}\u{989d}\u{4e0d}\u{8db3}",
    "\u{6b20}\u{8d39}",
];

/// The same in words that servers use for limits of a minute too.
const BILL: &[&str] = &["billing", "current quota", "payment"];

fn kind(
    status: u16,
    [said, details]: [&str; 2],
    wait: Option<Duration>,
    should_retry: Option<&str>,
) -> FailureKind {
    let holds = |text: &str, words: &[&str]| words.iter().any(|word| text.contains(word));
    let is_of = |words: &[&str]| is_limit(status) && (holds(said, words) || holds(details, words));
    let again = FailureKind::Transient { retry_after: wait };
    match status {
        _ if holds(said, FINAL) || is_of(DAY) => FailureKind::Judge,
        429 | 503 | 529 if should_retry != Some("false") && (is_of(MINUTE) || wait.is_some()) => again,
        403 if is_of(MINUTE) => again,
        _ if holds(said, BILL) => FailureKind::Judge,
        401..=404 => FailureKind::Judge,
        _ if is_too_large(status, said) => FailureKind::Judge,
        _ if should_retry == Some("false") => FailureKind::ThisRequest,
        500 if is_validation_error(said) => FailureKind::ThisRequest,
        408 | 409 | 429 | 500.. => again,
        _ if should_retry == Some("true") => again,
        _ => FailureKind::ThisRequest,
    }
}

/// Statuses by which servers say that a limit is reached.
fn is_limit(status: u16) -> bool {
    matches!(status, 402 | 403 | 429 | 503 | 529)
}

/// More tokens are asked for than the server may give: every request asks for as many.
fn is_too_large(status: u16, said: &str) -> bool {
    matches!(status, 400 | 422) && limit_is_too_large(said)
}

fn header_seconds(header: &impl Fn(&str) -> Option<String>) -> Option<f64> {
    let number = |name: &str| header(name)?.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    number("retry-after-ms").map(|ms| ms / 1e3).or_else(|| number("retry-after"))
}

/// How long the server asks to wait: by its headers, else by its words ("retry in 7m12.5s"), else by a `retryDelay` of its
/// details.
fn wait_of(header: Option<f64>, message: &str, details: &str) -> Option<Duration> {
    const BEFORE: &[&str] = &["retry in ", "try again in ", "retry after ", "wait for ", "please wait "];
    let message = message.to_lowercase();
    let behind = |text: &str, words: &str| Some(text[text.find(words)? + words.len()..].to_owned());
    let by_words = || BEFORE.iter().find_map(|words| seconds_of(&behind(&message, words)?));
    let by_details = || seconds_of(behind(details, "\"retrydelay\":")?.trim_start_matches('"'));
    Duration::try_from_secs_f64(header.or_else(by_words).or_else(by_details)?).ok()
}

/// The time that `text` begins with: "0.6s", "7m12.5s", "20 seconds", "500ms". `None` where it begins with none.
fn seconds_of(text: &str) -> Option<f64> {
    let mut rest = text.trim_start();
    let mut total = None;
    loop {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let Ok(number) = rest[..digits].trim_end_matches('.').parse::<f64>() else { return total };
        let behind = rest[digits..].trim_start();
        let letters = behind.len() - behind.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let unit = match &behind[..letters] {
            "ms" | "milliseconds" => 1e-3,
            "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hour" | "hours" => 3600.0,
            "d" | "day" | "days" => 86400.0,
            _ => return total,
        };
        total = Some(total.unwrap_or(0.0) + number * unit);
        rest = behind[letters..].trim_start();
    }
}

fn excerpt(text: &str) -> String {
    let line = crate::text::squeeze(text);
    match line.char_indices().nth(400) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_servers_write_them() {
        for (text, seconds) in [
            ("0.6s.", Some(0.6)),
            ("7m12.5s", Some(432.5)),
            ("20 seconds before", Some(20.0)),
            ("500ms", Some(0.5)),
            ("1h 5m", Some(3900.0)),
            ("2 minutes", Some(120.0)),
            ("12 apples", None),
            ("a while", None),
        ] {
            assert_eq!(seconds_of(text), seconds, "{text}");
        }
    }
}
