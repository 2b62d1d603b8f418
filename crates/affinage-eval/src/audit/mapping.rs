//! A mapping file: how the fields of an unknown log are named, and what its values mean.
//!
//! ```toml
//! prompt = "question"
//! response-one = "answers.base"      # a dot goes into an object
//! response-two = "answers.tuned"
//! arm-one = "base"                   # a name, or `arm-one-field` for a column of names
//! arm-two = "tuned"
//! winner = "preferred"
//! one-wins = ["left", "0"]
//! two-wins = ["right", "1"]
//! ties = ["same"]
//! order = "shown"
//! one-first = ["LR"]
//! two-first = ["RL"]
//! judge = "grader"
//! judge-text = "explanation"
//! category = "suite"
//! labels = "position"                # what A and B mean: the position, or the arm
//! ```

use serde::Deserialize;
use serde_json::{Map, Value};

use super::row::{Arm, Labels, PairRow, RowRef, Stored};
use super::shapes::{ShapeError, as_text, bare};

/// See the module's text. Only `winner` and the names of both arms are needed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Mapping {
    pub prompt: Option<String>,
    pub category: Option<String>,
    pub judge: Option<String>,
    pub judge_returned: Option<String>,
    pub judge_text: Option<String>,
    pub judge_request: Option<String>,
    pub arm_one: Option<String>,
    pub arm_two: Option<String>,
    pub arm_one_field: Option<String>,
    pub arm_two_field: Option<String>,
    pub response_one: Option<String>,
    pub response_two: Option<String>,
    pub finish_one: Option<String>,
    pub finish_two: Option<String>,
    pub score_one: Option<String>,
    pub score_two: Option<String>,
    pub winner: String,
    pub one_wins: Vec<String>,
    pub two_wins: Vec<String>,
    pub ties: Vec<String>,
    pub order: Option<String>,
    pub one_first: Vec<String>,
    pub two_first: Vec<String>,
    pub labels: Option<Labels>,
}

impl Mapping {
    /// Errors: the winner's field is missing in the record, or an arm's.
    pub fn row(&self, record: &Map<String, Value>, source: RowRef) -> Result<PairRow, ShapeError> {
        let arms = [
            arm(record, &self.arm_one, &self.arm_one_field, "one")?,
            arm(record, &self.arm_two, &self.arm_two_field, "two")?,
        ];
        let text = |path: &Option<String>| find(record, path.as_deref()?).and_then(as_text);
        let winner = find(record, &self.winner)
            .ok_or_else(|| ShapeError::Missing { field: self.winner.clone() })
            .map(|value| as_text(value).unwrap_or_default())?;
        let is = |word: &str, words: &[String]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
        let stored = if is(&winner, &self.one_wins) || winner == arms[0] {
            Stored::Winner(Arm::One)
        } else if is(&winner, &self.two_wins) || winner == arms[1] {
            Stored::Winner(Arm::Two)
        } else if is(&winner, &self.ties) {
            Stored::Tie
        } else {
            Stored::Missing(winner)
        };
        let order = text(&self.order);
        let first = order.and_then(|order| match () {
            () if is(&order, &self.one_first) => Some(Arm::One),
            () if is(&order, &self.two_first) => Some(Arm::Two),
            () => None,
        });
        let number = |path: &Option<String>| text(path)?.parse::<f64>().ok();
        let mut row = bare(arms, source);
        row.prompt = text(&self.prompt);
        row.category = text(&self.category);
        row.judge = text(&self.judge);
        row.judge_returned = text(&self.judge_returned);
        row.judge_text = text(&self.judge_text);
        row.rendered = text(&self.judge_request);
        row.texts = [text(&self.response_one), text(&self.response_two)];
        row.finish_reasons = [text(&self.finish_one), text(&self.finish_two)];
        row.arm_scores = number(&self.score_one).zip(number(&self.score_two)).map(|(one, two)| [one, two]);
        row.stored = stored;
        row.first = first;
        row.labels = self.labels;
        Ok(row)
    }
}

fn arm(
    record: &Map<String, Value>,
    name: &Option<String>,
    field: &Option<String>,
    fallback: &str,
) -> Result<String, ShapeError> {
    if let Some(name) = name {
        return Ok(name.clone());
    }
    let Some(field) = field else { return Ok(fallback.to_owned()) };
    find(record, field).and_then(as_text).ok_or_else(|| ShapeError::Missing { field: field.clone() })
}

/// `a.b.c`, objects and array positions.
fn find<'v>(record: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    if let Some(value) = record.get(path) {
        return Some(value);
    }
    let mut parts = path.split('.');
    let mut value = record.get(parts.next()?)?;
    for part in parts {
        value = match value {
            Value::Object(map) => map.get(part)?,
            Value::Array(list) => list.get(part.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_mapped_and_a_missing_field_is_named() {
        let mapping = Mapping {
            response_one: Some("answers.0".to_owned()),
            arm_one: Some("base".to_owned()),
            arm_two_field: Some("model".to_owned()),
            winner: "best".to_owned(),
            two_wins: vec!["r".to_owned()],
            order: Some("shown".to_owned()),
            two_first: vec!["RL".to_owned()],
            ..Mapping::default()
        };
        let record = json!({"answers": ["x", "y"], "model": "tuned", "best": "R", "shown": "rl"});
        let source = RowRef { file: 0, line: 3 };
        let row = mapping.row(record.as_object().expect("an object"), source).expect("all fields are there");
        assert_eq!(row.arms, ["base", "tuned"]);
        assert_eq!((row.stored, row.first), (Stored::Winner(Arm::Two), Some(Arm::Two)));
        assert_eq!(row.texts[0].as_deref(), Some("x"));
        let error = mapping.row(json!({"model": "m"}).as_object().expect("an object"), source);
        assert_eq!(error, Err(ShapeError::Missing { field: "best".to_owned() }));
    }
}
