//! Preference leakage: do judges related to the writers of the training texts say something else than the others?

use std::collections::{BTreeMap, BTreeSet};

use super::Rows;
use super::comparisons::scores_by;
use super::estimate::{Observation, RATE, RATE_DIFFERENCE, clustered};
use super::votes::{PairVotes, Votes};
use crate::analysis::{JudgeOverlap, JudgeResult};
use crate::judge::family::{Relation, family, relation};
use crate::judgment::is_author;
use crate::plan::JudgeKind;
use crate::wording::judge_overlap as wording;

/// What a judge is to the writers and to the base model. People are related to nobody; the author wrote the texts.
pub fn of_judge(rows: &Rows, judge_id: &str) -> Relation {
    if crate::judgment::is_person(judge_id) {
        return if is_author(judge_id) { Relation::Related } else { Relation::Unrelated };
    }
    let planned = rows.plan.judges.iter().find(|judge| judge.judge_id == judge_id);
    let judge_family = planned.and_then(|judge| judge.family.as_deref().or_else(|| family(&judge.model)));
    let writers = rows.plan.dataset.iter().flat_map(|dataset| dataset.writers.keys().map(String::as_str));
    relation(judge_family, family(&rows.plan.base_model), writers)
}

pub fn result(rows: &Rows, votes: &Votes, judges: &[JudgeResult]) -> JudgeOverlap {
    let pairs: Vec<&PairVotes> = votes.of(&rows.plan.headline).collect();
    // Judges that failed or are the author stay out; people count however few pairs they saw.
    let counts = |judge: &&JudgeResult| {
        judge.in_panel
            || (judge.kind == JudgeKind::Human
                && !is_author(&judge.judge_id)
                && judge.cells_judged > 0
                && !rows.has_missed_planted(&judge.judge_id))
    };
    let of = |wanted: Relation| -> BTreeSet<&str> {
        let chosen = judges.iter().filter(counts).filter(|judge| judge.relation == wanted);
        chosen.map(|judge| judge.judge_id.as_str()).collect()
    };
    let (related_ids, unrelated_ids) = (of(Relation::Related), of(Relation::Unrelated));
    let scores = |ids: &BTreeSet<&str>| -> BTreeMap<String, (String, f64)> {
        if ids.is_empty() {
            return BTreeMap::new();
        }
        let scores = scores_by(&pairs, ids);
        scores.into_iter().map(|s| (s.prompt_id.to_owned(), (s.cluster.to_owned(), s.score))).collect()
    };
    let (related, unrelated) = (scores(&related_ids), scores(&unrelated_ids));
    let rate = |scores: &BTreeMap<String, (String, f64)>| {
        let observations: Vec<Observation> =
            scores.values().map(|(cluster, score)| Observation { value: *score, cluster }).collect();
        clustered(&observations, RATE, "prompts")
    };
    let both: Vec<Observation> = related
        .iter()
        .filter_map(|(prompt, (cluster, score))| {
            Some(Observation { value: score - unrelated.get(prompt)?.1, cluster })
        })
        .collect();
    let difference = clustered(&both, RATE_DIFFERENCE, "prompts");
    let (related, unrelated) = (rate(&related), rate(&unrelated));
    // A judge without an exam may be independent, but nobody knows whether it can judge.
    let qualified = |judge: &&JudgeResult| {
        judge.kind == JudgeKind::Human || judge.exam.as_ref().is_some_and(|exam| exam.is_qualified())
    };
    let is_independent =
        judges.iter().filter(counts).filter(qualified).any(|judge| judge.relation == Relation::Unrelated);
    let any_votes = judges.iter().any(|judge| judge.cells_judged > 0);
    let limit = (any_votes && !is_independent).then(|| wording::NOT_INDEPENDENT.to_owned());
    JudgeOverlap {
        writers: writers(rows),
        sentence: wording::sentence(related.as_ref(), unrelated.as_ref(), difference.as_ref()),
        related,
        unrelated,
        difference,
        is_independent,
        limit,
    }
}

fn writers(rows: &Rows) -> BTreeMap<String, f64> {
    let Some(dataset) = &rows.plan.dataset else { return BTreeMap::new() };
    let total: usize = dataset.writers.values().sum();
    let share = |(writer, count): (&String, &usize)| (writer.clone(), *count as f64 / total.max(1) as f64);
    dataset.writers.iter().map(share).collect()
}
