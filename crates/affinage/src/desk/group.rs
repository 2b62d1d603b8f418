//! Many cards at once: what a group is, what a step would do to it, and the figures of the dashboard.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::catalogue::Catalogue;
use crate::library::{Action, Mark, SecondLook};

/// Which undecided candidates a bulk step means. Serialised as the rule the person reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "by", content = "value")]
pub enum Group {
    /// All of one conversation, by its key.
    Conversation(String),
    /// All whose proposed answer or prompt this rule of lint flags.
    Flag(String),
    /// All answers of one model.
    Model(String),
}

impl Group {
    /// Indices of the undecided candidates in the group.
    pub fn undecided(&self, catalogue: &Catalogue, marks: &HashMap<String, Mark>) -> Vec<usize> {
        let holds = |index: &usize| {
            let entry = &catalogue.entries[*index];
            let is_open = marks.get(&entry.id).is_none_or(|mark| mark.action.is_none());
            is_open
                && match self {
                    Group::Conversation(key) => catalogue.conversation(*index).key == *key,
                    Group::Flag(rule) => entry.rules.iter().any(|flag| flag == rule),
                    Group::Model(model) => entry.model.as_deref() == Some(model.as_str()),
                }
        };
        (0..catalogue.entries.len()).filter(holds).collect()
    }

    /// The rule in words.
    pub fn words(&self) -> String {
        match self {
            Group::Conversation(key) => format!("undecided cards of conversation {key}"),
            Group::Flag(rule) => format!("undecided cards that rule {rule} flags"),
            Group::Model(model) => format!("undecided cards answered by {model}"),
        }
    }
}

/// The dashboard.
pub fn dashboard(catalogue: &Catalogue, marks: &HashMap<String, Mark>, looks: &[SecondLook]) -> Value {
    let action = |id: &str| marks.get(id).and_then(|mark| mark.action);
    let mut models: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    let mut flags: BTreeMap<&str, usize> = BTreeMap::new();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut tags: BTreeMap<&str, usize> = BTreeMap::new();
    let mut lengths = [0usize; LENGTHS.len()];
    let mut answers: BTreeMap<usize, usize> = BTreeMap::new();
    let mut per_conversation: HashMap<usize, usize> = HashMap::new();
    let mut edited = 0;
    for entry in &catalogue.entries {
        let action = action(&entry.id);
        let accepted = matches!(action, Some(Action::Accept | Action::Edit));
        let model = models.entry(entry.model.clone().unwrap_or_else(|| "not named".to_owned())).or_default();
        model[0] += 1;
        model[1] += usize::from(accepted);
        model[2] += usize::from(action == Some(Action::Reject));
        let mark = marks.get(&entry.id);
        if action.is_none() {
            entry.rules.iter().for_each(|rule| *flags.entry(rule).or_default() += 1);
        }
        if action == Some(Action::Reject) {
            let reason = mark.and_then(|mark| mark.reason.as_deref()).unwrap_or("no reason given");
            *reasons.entry(reason).or_default() += 1;
        }
        if accepted {
            edited += usize::from(mark.is_some_and(|mark| mark.text.is_some()));
            mark.iter().flat_map(|mark| &mark.tags).for_each(|tag| *tags.entry(tag).or_default() += 1);
            lengths[LENGTHS.iter().rposition(|(from, _)| entry.answer_chars >= *from).unwrap_or(0)] += 1;
            *answers.entry(entry.answers).or_default() += 1;
            *per_conversation.entry(entry.conversation).or_default() += 1;
        }
    }
    let lengths: Vec<Value> = LENGTHS
        .iter()
        .zip(lengths)
        .map(|((_, name), count)| json!({ "name": name, "count": count }))
        .collect();
    json!({
        "models": models, "flags": flags, "reasons": reasons, "tags": tags, "lengths": lengths,
        "answers": answers, "edited": edited, "conversations": per_conversation.len(),
        "effective_n": effective_n(per_conversation.values().copied()),
        "second_looks": self_agreement(looks),
    })
}

const LENGTHS: [(usize, &str); 5] = [
    (0, "under 200 characters"),
    (200, "200 to 600"),
    (600, "600 to 1,200"),
    (1200, "1,200 to 4,000"),
    (4000, "4,000 and more"),
];

/// `(sum w)^2 / sum w^2` over accepted examples, each of weight 1 / (accepted of its conversation): a hundred cards of one
/// conversation are not a hundred independent ones.
fn effective_n(accepted: impl Iterator<Item = usize>) -> f64 {
    // The weights of one conversation sum to 1, their squares to 1 / count.
    let (sum, squares) =
        accepted.fold((0.0, 0.0), |(sum, squares), count| (sum + 1.0, squares + 1.0 / count as f64));
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

fn self_agreement(looks: &[SecondLook]) -> Value {
    let same = looks.iter().filter(|look| look.first_accepts == look.second_accepts).count();
    json!({ "count": looks.len(), "same": same, "kappa": kappa(looks) })
}

/// Cohen's kappa of first and second look: `(p_o - p_e) / (1 - p_e)`. `None` where one of the two never differed.
fn kappa(looks: &[SecondLook]) -> Option<f64> {
    let count = looks.len() as f64;
    let share = |f: &dyn Fn(&SecondLook) -> bool| looks.iter().filter(|look| f(look)).count() as f64 / count;
    let observed = share(&|look| look.first_accepts == look.second_accepts);
    let (first, second) = (share(&|look| look.first_accepts), share(&|look| look.second_accepts));
    let by_chance = first * second + (1.0 - first) * (1.0 - second);
    (by_chance < 1.0 && count > 0.0).then(|| (observed - by_chance) / (1.0 - by_chance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn self_agreement_is_corrected_for_chance() {
        let look = |first_accepts, second_accepts| SecondLook {
            candidate: String::new(),
            first_accepts,
            second_accepts,
        };
        // 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: Cohen's textbook table, kappa 0.4.
        let mut looks = vec![look(true, true); 20];
        looks.extend(vec![look(true, false); 5]);
        looks.extend(vec![look(false, true); 10]);
        looks.extend(vec![look(false, false); 15]);
        assert!((kappa(&looks).expect("both kinds") - 0.4).abs() < 1e-12);
        assert_eq!(kappa(&[]), None);
        assert_eq!(kappa(&looks[..20]), None);
    }

    #[test]
    fn one_long_conversation_counts_little() {
        assert_eq!(effective_n([1, 1, 1].into_iter()), 3.0);
        assert!((effective_n([100, 1].into_iter()) - 4.0 / 1.01).abs() < 1e-12);
        assert_eq!(effective_n([].into_iter()), 0.0);
    }
}
