//! What an export says of the worth of an answer: one table of fields for every reader.

use serde_json::Value;

use super::error::ElementError;
use super::json::mismatch;
use crate::conversation::Feedback;

/// What the value of a field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sense {
    /// A word, a number or an object: see [`rating`].
    Rating,
    /// As a rating; 0 is the thumb that points down.
    Thumb,
    /// True (or 1) is good, false (or 0) is bad.
    IsGood,
    /// True is good; false says nothing.
    Praise,
    /// True is bad; false says nothing.
    Blame,
    /// A number of stars, out of five.
    Stars,
}

/// Names of fields in lower case, without separators and a leading `is`.
const FIELDS: [(Sense, &[&str]); 6] = [
    (
        Sense::Rating,
        &[
            "preference",
            "feedback",
            "rating",
            "reaction",
            "thumbs",
            "score",
            "chatfeedback",
            "userfeedback",
            "userrating",
            "annotation",
            "verdict",
            "evaluation",
        ],
    ),
    (Sense::Thumb, &["vote", "thumb"]),
    (
        Sense::IsGood,
        &[
            "label",
            "ktotag",
            "ktolabel",
            "desirable",
            "good",
            "preferred",
            "accepted",
            "approved",
            "correct",
            "positive",
            "wanted",
        ],
    ),
    (Sense::Praise, &["thumbsup", "liked", "like", "upvoted", "upvote"]),
    (
        Sense::Blame,
        &["thumbsdown", "disliked", "dislike", "downvoted", "downvote", "rejected", "bad", "undesirable"],
    ),
    (Sense::Stars, &["stars", "starrating"]),
];

/// The verdict that is next to an answer, in the message or the row that holds it.
pub fn of(holder: &Value) -> Option<Feedback> {
    holder.as_object()?.iter().find_map(|(key, value)| {
        let key = plain(key);
        let key = key.strip_prefix("is").unwrap_or(&key);
        let (sense, _) = FIELDS.iter().find(|(_, names)| names.contains(&key))?;
        by(*sense, value)
    })
}

fn by(sense: Sense, value: &Value) -> Option<Feedback> {
    let is = match value {
        Value::Bool(is) => Some(*is),
        Value::Number(number) if number.as_f64() == Some(1.0) => Some(true),
        Value::Number(number) if number.as_f64() == Some(0.0) => Some(false),
        Value::String(word) => match plain(word).as_str() {
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    };
    match (sense, is) {
        (Sense::IsGood, Some(true)) | (Sense::Praise, Some(true)) => Some(Feedback::Up),
        (Sense::IsGood, Some(false)) | (Sense::Blame, Some(true)) => Some(Feedback::Down),
        (Sense::Thumb, Some(false)) => Some(Feedback::Down),
        // A number that is neither 0 nor 1 is the number of a class.
        (Sense::IsGood, None) => value.is_string().then(|| rating(value))?,
        (Sense::Praise | Sense::Blame, _) => None,
        (Sense::Stars, _) => match value.as_f64()? {
            stars if stars >= 4.0 => Some(Feedback::Up),
            stars if stars > 0.0 && stars <= 2.0 => Some(Feedback::Down),
            _ => None,
        },
        _ => rating(value),
    }
}

/// A rating as a word, as a whole number of which 0 says nothing, or as an object around one.
pub fn rating(value: &Value) -> Option<Feedback> {
    match value {
        Value::Bool(true) => Some(Feedback::Up),
        Value::Number(number) => match number.as_f64()? {
            // A part of one is a measure, and nobody says from where on it is good.
            n if n > 0.0 && n < 1.0 => None,
            n if n > 0.0 => Some(Feedback::Up),
            n if n < 0.0 => Some(Feedback::Down),
            _ => None,
        },
        Value::String(word) => {
            let word: String =
                word.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
            match word.as_str() {
                "up" | "like" | "liked" | "good" | "positive" | "thumbsup" | "upvote" | "preferred"
                | "helpful" | "desirable" | "accepted" => Some(Feedback::Up),
                "down" | "dislike" | "disliked" | "bad" | "negative" | "thumbsdown" | "downvote"
                | "rejected" | "unhelpful" | "undesirable" => Some(Feedback::Down),
                _ => match word.as_str() {
                    "" if value.as_str().is_some_and(|text| text.contains(['👎'])) => Some(Feedback::Down),
                    "" if value.as_str().is_some_and(|text| text.contains(['👍'])) => Some(Feedback::Up),
                    _ => None,
                },
            }
        }
        Value::Object(fields) => {
            let words = ["rating", "type", "value"].iter().find_map(|key| rating(fields.get(*key)?));
            words.or_else(|| by(Sense::Thumb, fields.get("value")?))
        }
        _ => None,
    }
}

/// The names of two answers, or of two whole conversations, between which a row decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sides {
    pub first: String,
    pub second: String,
    /// How the names end.
    ends: (&'static str, &'static str),
}

/// Ends of two names that differ in nothing else.
const ENDS: [(&str, &str); 7] = [
    ("_a", "_b"),
    ("_1", "_2"),
    ("_0", "_1"),
    ("_left", "_right"),
    ("_first", "_second"),
    ("A", "B"),
    ("1", "2"),
];
/// Names of answers that are plain texts; anything can be called `..._a`.
const ANSWERS: [&str; 9] = [
    "response",
    "answer",
    "completion",
    "output",
    "reply",
    "generation",
    "assistant",
    "candidate",
    "continuation",
];

/// Two lists of messages, or two answers, whose names differ only in `_a` and `_b` and the like.
pub fn sides(row: &Value) -> Option<Sides> {
    let fields = row.as_object()?;
    let holds_messages = |value: &Value| {
        let first = value.as_array().and_then(|list| list.first());
        first.is_some_and(|message| message.get("role").or_else(|| message.get("from")).is_some())
    };
    fields.iter().find_map(|(name, first)| {
        ENDS.iter().find_map(|ends| {
            let stem = name.strip_suffix(ends.0)?;
            let other = format!("{stem}{}", ends.1);
            let second = fields.get(&other).filter(|_| !stem.is_empty())?;
            let are_texts =
                first.is_string() && second.is_string() && ANSWERS.contains(&plain(stem).as_str());
            let are_lists = holds_messages(first) && holds_messages(second);
            (are_texts || are_lists).then(|| Sides { first: name.clone(), second: other, ends: *ends })
        })
    })
}

/// What a row says of its two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Winner {
    First,
    Second,
    /// They are equally good.
    Both,
    Neither,
}

/// Fields that say which side is the better one.
const DECISIONS: [&str; 16] = [
    "winner",
    "preferred",
    "preference",
    "chosen",
    "choice",
    "better",
    "verdict",
    "label",
    "judgment",
    "judgement",
    "vote",
    "selected",
    "picked",
    "overallpreference",
    "preferredside",
    "humanpreference",
];

/// Which side won. Errors: no field says so in words that are understood.
pub fn winner(row: &Value, sides: &Sides) -> Result<Winner, ElementError> {
    let fields = row.as_object().into_iter().flatten();
    let decision = fields.clone().find(|(key, _)| DECISIONS.contains(&plain(key).as_str()));
    if let Some(winner) = decision.and_then(|(_, value)| won(row, sides, value)) {
        return Ok(winner);
    }
    // One field for each side: `winner_model_a: 1`.
    let marked = |end: &str| {
        let is_one = |value: &Value| value == &Value::Bool(true) || value.as_f64() == Some(1.0);
        fields.clone().any(|(key, value)| key.starts_with("winner") && key.ends_with(end) && is_one(value))
    };
    match (marked(sides.ends.0), marked(sides.ends.1), marked("tie")) {
        (true, false, false) => Ok(Winner::First),
        (false, true, false) => Ok(Winner::Second),
        (false, false, true) => Ok(Winner::Both),
        _ => {
            let (name, value) =
                decision.map_or(("winner", None), |(name, value)| (name.as_str(), Some(value)));
            Err(mismatch(name, value, "the name of the better one of the two answers"))
        }
    }
}

fn won(row: &Value, sides: &Sides, value: &Value) -> Option<Winner> {
    let word = match value {
        Value::String(word) => word.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    // The name of a model.
    let is_named =
        |end: &str| row.get(format!("model{end}")).and_then(Value::as_str).is_some_and(|model| model == word);
    match (is_named(sides.ends.0), is_named(sides.ends.1)) {
        (true, false) => return Some(Winner::First),
        (false, true) => return Some(Winner::Second),
        _ => {}
    }
    let word = plain(&word);
    if word.contains("bothbad") || ["neither", "none", "bad"].contains(&word.as_str()) {
        return Some(Winner::Neither);
    }
    if word.starts_with("tie") || ["equal", "same", "both", "draw", "bothgood"].contains(&word.as_str()) {
        return Some(Winner::Both);
    }
    const BEFORE: [&str; 8] =
        ["model", "response", "assistant", "answer", "conversation", "side", "option", "output"];
    let short = BEFORE.iter().find_map(|before| word.strip_prefix(before)).unwrap_or(&word);
    let (first, second) = (plain(sides.ends.0), plain(sides.ends.1));
    // A number says nothing where the sides are letters: nobody knows whether it counts from 0 or from 1.
    match short {
        _ if short == first => Some(Winner::First),
        _ if short == second => Some(Winner::Second),
        "a" | "left" | "first" => Some(Winner::First),
        "b" | "right" | "second" => Some(Winner::Second),
        _ => None,
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn verdicts_under_every_name() {
        for (holder, expected) in [
            (json!({ "label": false }), Some(Feedback::Down)),
            (json!({ "kto_tag": "false" }), Some(Feedback::Down)),
            (json!({ "is_correct": 0 }), Some(Feedback::Down)),
            (json!({ "desirable": true }), Some(Feedback::Up)),
            (json!({ "vote": 0 }), Some(Feedback::Down)),
            (json!({ "vote": 1 }), Some(Feedback::Up)),
            (json!({ "feedback": { "value": 0 } }), Some(Feedback::Down)),
            (json!({ "annotation": { "rating": -1 } }), Some(Feedback::Down)),
            (json!({ "thumbsDown": true }), Some(Feedback::Down)),
            (json!({ "reaction": "👎" }), Some(Feedback::Down)),
            (json!({ "stars": 1 }), Some(Feedback::Down)),
            (json!({ "liked": false }), None),
            (json!({ "thumbsDown": false }), None),
            (json!({ "rejected": "Another answer." }), None),
            (json!({ "label": "sports" }), None),
            (json!({ "label": 3 }), None),
            (json!({ "score": 0.4 }), None),
            (json!({ "rating": 0 }), None),
        ] {
            assert_eq!(of(&holder), expected, "{holder}");
        }
    }

    #[test]
    fn which_of_two_sides_won() {
        let talk = json!([{ "role": "user", "content": "Why?" }]);
        for (decision, expected) in [
            (json!({ "winner": "model_a" }), Some(Winner::First)),
            (json!({ "preference": "B" }), Some(Winner::Second)),
            (json!({ "winner": "loam-7", "model_a": "clay-1", "model_b": "loam-7" }), Some(Winner::Second)),
            (json!({ "winner_model_a": 0, "winner_model_b": 1, "winner_tie": 0 }), Some(Winner::Second)),
            (json!({ "winner": "tie" }), Some(Winner::Both)),
            (json!({ "winner": "tie (bothbad)" }), Some(Winner::Neither)),
            (json!({ "choice": 1 }), None),
            (json!({ "winner": "perhaps" }), None),
            (json!({}), None),
        ] {
            let mut row = json!({ "talk_a": talk, "talk_b": talk });
            row.as_object_mut().expect("an object").extend(decision.as_object().expect("an object").clone());
            let sides = sides(&row).expect("two sides");
            assert_eq!(winner(&row, &sides).ok(), expected, "{decision}");
        }
        assert_eq!(sides(&json!({ "model_a": "x", "model_b": "y" })), None);
        let numbered = json!({ "output_1": "Clay.", "output_2": "Loam.", "preference": 2 });
        let found = sides(&numbered).expect("two sides");
        assert_eq!(winner(&numbered, &found).ok(), Some(Winner::Second));
    }
}
