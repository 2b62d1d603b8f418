//! Small readings of `serde_json::Value` that importers share: by shape, never by trust.

use serde_json::{Map, Value};

use super::chat::message::may_be_the_users;
use super::error::ElementError;
use super::{LeftOut, LeftOutKind};
use crate::conversation::Node;

/// The string field `key`; `None` if it is missing, empty or something else.
pub fn string<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

pub fn number(value: &Value, key: &str) -> Option<f64> {
    value.get(key).and_then(Value::as_f64).filter(|number| number.is_finite())
}

pub fn object<'a>(value: &'a Value, key: &str) -> Result<&'a Map<String, Value>, ElementError> {
    let found = value.get(key);
    found.and_then(Value::as_object).ok_or_else(|| mismatch(key, found, "an object"))
}

pub fn array<'a>(value: &'a Value, key: &str) -> Result<&'a [Value], ElementError> {
    let found = value.get(key);
    found.and_then(Value::as_array).map(Vec::as_slice).ok_or_else(|| mismatch(key, found, "an array"))
}

pub fn mismatch(field: &str, found: Option<&Value>, expected: &'static str) -> ElementError {
    ElementError::Field { field: field.to_owned(), found: shown(found), expected }
}

/// A text for an error or a count: the value itself if it is short.
pub fn shown(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) if text.chars().count() <= 40 => format!("`{text}`"),
        Some(Value::Number(number)) => format!("`{number}`"),
        Some(other) => kind_of(other).to_owned(),
        None => "missing".to_owned(),
    }
}

pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// All strings below a value except its `content_type`, one per line: for content that is kept but never shown as
/// text.
pub fn strings(value: &Value) -> String {
    let mut found = Vec::new();
    collect_strings(value, &mut found);
    found.join("\n")
}

fn collect_strings<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect_strings(item, found)),
        Value::Object(fields) => {
            for (key, field) in fields {
                if key != "content_type" {
                    collect_strings(field, found);
                }
            }
        }
        _ => {}
    }
}

/// Messages of one conversation that cannot be read: each costs only itself, unless nothing else is there.
#[derive(Debug, Default)]
pub struct Odd {
    pub left_out: LeftOut,
    /// Messages that were read.
    pub readable: usize,
    first: Option<ElementError>,
}

impl Odd {
    /// Counts a message by what is wrong with it.
    pub fn message(&mut self, error: ElementError) {
        let name = match &error {
            ElementError::Field { field, found, .. } => {
                format!("`{}` is {found}", field.rsplit('.').next().unwrap_or(field))
            }
            other => other.to_string(),
        };
        self.left_out.add(LeftOutKind::Message, name, error.to_string());
        self.first.get_or_insert(error);
    }

    /// The node that was read. One that could not be is counted; unless the assistant or a tool surely said it, a node
    /// without words stands in its place.
    pub fn node(&mut self, id: &str, message: &Value, read: Result<Node, ElementError>) -> Option<Node> {
        match read {
            Ok(node) => {
                self.readable += 1;
                Some(node)
            }
            Err(error) => {
                self.message(error);
                may_be_the_users(message).then(|| Node::unread(id))
            }
        }
    }

    /// The count; the first error if no message could be read.
    pub fn finish(self) -> Result<LeftOut, ElementError> {
        match self.first {
            Some(error) if self.readable == 0 => Err(error),
            _ => Ok(self.left_out),
        }
    }
}

/// Seconds since 1970 of an RFC 3339 time such as `2025-02-03T10:00:00.25Z`; `None` if it is not one.
pub fn rfc3339_s(text: &str) -> Option<f64> {
    let field = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (field(0..4)?, field(5..7)?, field(8..10)?);
    let (hour, minute) = (field(11..13)?, field(14..16)?);
    let rest = text.get(17..)?;
    let seconds_len = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let second: f64 = rest[..seconds_len].parse().ok()?;
    let offset_min = match &rest[seconds_len..] {
        "" | "Z" | "z" => 0,
        zone => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            // `+02:00`, `+0200` or `+02`.
            let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
            let two = |range: std::ops::Range<usize>| {
                digits.get(range).map_or(Some(0), |two| two.parse::<i64>().ok())
            };
            sign * (digits.get(0..2)?.parse::<i64>().ok()? * 60 + two(2..4)?)
        }
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days of the proleptic Gregorian calendar, years starting in March (Howard Hinnant, `days_from_civil`).
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days =
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some((days * 86_400 + hour * 3600 + (minute - offset_min) * 60) as f64 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_since_1970_in_utc() {
        assert_eq!(rfc3339_s("1970-01-01T00:00:00Z"), Some(0.0));
        assert_eq!(rfc3339_s("2025-02-03T10:00:00.250000Z"), Some(1_738_576_800.25));
        for zone in ["+02:00", "+0200", "+02"] {
            assert_eq!(rfc3339_s(&format!("2000-02-29T12:30:00{zone}")), Some(951_820_200.0), "{zone}");
        }
        assert_eq!(rfc3339_s("2025-13-03T10:00:00Z"), None);
        assert_eq!(rfc3339_s("yesterday"), None);
    }
}
