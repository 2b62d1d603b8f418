//! A mapping file: how the fields of an unknown log are named, and what its values mean.
//!
//! ```toml
//! prompt = "question"
//! response-one = "answers.base"      # a dot goes into an object
//! response-two = "answers.tuned"
//! arm-one = "base"                   # a name, or `arm-one-field` for a column of names
//! arm-two = "tuned"
//! winner = "preferred"               # without it the higher of `score-one` ("scores.0") and `score-two` wins
//! one-wins = ["left", "0"]
//! two-wins = ["right", "1"]
//! ties = ["same"]
//! order = "shown"
//! one-first = ["LR"]
//! two-first = ["RL"]
//! judge = "grader"
//! judge-text = "explanation"
//! category = "suite"
//! time = "when"                     # 2026-01-31..., or seconds since 1970
//! labels = "position"                # what A and B mean: the position, or the arm
//! ```

use serde::Deserialize;
use serde_json::{Map, Value};

use super::row::{Arm, Labels, PairRow, RowRef, Stored};
use super::shapes::{ShapeError, as_text, bare};

/// See the module's text. Only `winner`, or both scores, and the names of both arms are needed.
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
    pub winner: Option<String>,
    pub one_wins: Vec<String>,
    pub two_wins: Vec<String>,
    pub ties: Vec<String>,
    pub order: Option<String>,
    pub one_first: Vec<String>,
    pub two_first: Vec<String>,
    pub labels: Option<Labels>,
    pub time: Option<String>,
}

impl Mapping {
    /// Errors: the winner's field is missing in the record, or an arm's.
    pub fn row(&self, record: &Map<String, Value>, source: RowRef) -> Result<PairRow, ShapeError> {
        let arms = [
            arm(record, &self.arm_one, &self.arm_one_field, "one")?,
            arm(record, &self.arm_two, &self.arm_two_field, "two")?,
        ];
        let text = |path: &Option<String>| find(record, path.as_deref()?).and_then(as_text);
        let number = |path: &Option<String>| text(path)?.parse::<f64>().ok();
        let scores = number(&self.score_one).zip(number(&self.score_two));
        let stored = match (&self.winner, scores) {
            (Some(field), _) => self.outcome(record, field, &arms)?,
            (None, Some((one, two))) if one > two => Stored::Winner(Arm::One),
            (None, Some((one, two))) if two > one => Stored::Winner(Arm::Two),
            (None, Some(_)) => Stored::Tie,
            (None, None) => {
                let field = self.score_one.as_ref().or(self.score_two.as_ref());
                return Err(ShapeError::Missing { field: field.map_or("winner", String::as_str).to_owned() });
            }
        };
        let order = text(&self.order);
        let first = order.and_then(|order| match () {
            () if is_one_of(&order, &self.one_first) => Some(Arm::One),
            () if is_one_of(&order, &self.two_first) => Some(Arm::Two),
            () => None,
        });
        let mut row = bare(arms, source);
        row.prompt = text(&self.prompt);
        row.category = text(&self.category);
        row.judge = text(&self.judge);
        row.judge_returned = text(&self.judge_returned);
        row.judge_text = text(&self.judge_text);
        row.rendered = text(&self.judge_request);
        row.texts = [text(&self.response_one), text(&self.response_two)];
        row.finish_reasons = [text(&self.finish_one), text(&self.finish_two)];
        row.arm_scores = scores.map(|(one, two)| [one, two]);
        row.stored = stored;
        row.first = first;
        row.labels = self.labels;
        row.stamp = text(&self.time);
        Ok(row)
    }

    /// The stored outcome in `field`.
    fn outcome(
        &self,
        record: &Map<String, Value>,
        field: &str,
        arms: &[String; 2],
    ) -> Result<Stored, ShapeError> {
        let winner = find(record, field)
            .ok_or_else(|| ShapeError::Missing { field: field.to_owned() })
            .map(|value| as_text(value).unwrap_or_default())?;
        Ok(if is_one_of(&winner, &self.one_wins) || winner == arms[0] {
            Stored::Winner(Arm::One)
        } else if is_one_of(&winner, &self.two_wins) || winner == arms[1] {
            Stored::Winner(Arm::Two)
        } else if is_one_of(&winner, &self.ties) {
            Stored::Tie
        } else {
            Stored::Missing(winner)
        })
    }
}

fn is_one_of(word: &str, words: &[String]) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
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
            winner: Some("best".to_owned()),
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

        let by_score = Mapping {
            score_one: Some("marks.0".to_owned()),
            score_two: Some("marks.1".to_owned()),
            ..Mapping::default()
        };
        let row = by_score.row(json!({"marks": [7, 7.5]}).as_object().expect("an object"), source);
        assert_eq!(row.map(|row| row.stored), Ok(Stored::Winner(Arm::Two)));
        let error = by_score.row(json!({"marks": []}).as_object().expect("an object"), source);
        assert_eq!(error, Err(ShapeError::Missing { field: "marks.0".to_owned() }));
    }
}
