//! An evaluation of ours, its files held against each other: rows, the requests and replies that they came from, the
//! ledger, the analysis and the page.
//!
//! A stored verdict must be what its stored reply reads as; a request must show the prompt and the two answers that
//! the rows hold; ids must be those of what the rows are about. What lacks its counterpart is unchecked and said.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayon::prelude::*;
use serde::Serialize;

use super::{Finding, Severity, Unchecked};
use crate::comparison::{BlindKey, Comparison, pair_id};
use crate::completion::{Completion, CompletionKey};
use crate::id::{is_row_id, sha256_hex};
use crate::judge::ledger::{LedgerEvent, LedgerRow, Phase, RawRow};
use crate::judge::local::outcome_of_p;
use crate::judge::request::{Form, render};
use crate::judge::reread::{Reread, last_response, readings, shown_text};
use crate::judge::rubric::Rubrics;
use crate::judgment::{Judgment, MissingReason, Outcome, is_person, judgment_id, verify_verdict};
use crate::plain::counted;
use crate::plan::Plan;
use crate::suite::Prompt;

/// The rows of an evaluation's folder.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    pub plan: &'a Plan,
    pub prompts: &'a [Prompt],
    pub completions: &'a [Completion],
    pub comparisons: &'a [Comparison],
    pub blind_keys: &'a [BlindKey],
    /// Those of judges and those of people.
    pub judgments: &'a [Judgment],
    /// What came of reading replies of an earlier version again, if any are.
    pub reread: Option<&'a Reread>,
    pub ledger: &'a [LedgerRow],
    /// Requests and replies; `None` where the folder does not hold them.
    pub raw: Option<&'a [RawRow]>,
}

/// What the audit of a folder says.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EvaluationAudit {
    pub folder: String,
    /// What was held against what, and how often.
    pub checked: Vec<String>,
    pub findings: Vec<Finding>,
    pub unchecked: Vec<Unchecked>,
}

impl EvaluationAudit {
    pub fn fault(&mut self, code: &'static str, sentence: String, evidence: Vec<String>) {
        self.findings.push(Finding { code, severity: Severity::Fault, sentence, evidence, rows: Vec::new() });
    }

    pub fn cannot(&mut self, check: &'static str, because: &str) {
        self.unchecked.push(Unchecked { check, because: because.to_owned() });
    }

    /// One fault for all rows with the same kind of contradiction, with the first of them as evidence.
    fn faults(&mut self, code: &'static str, found: &[String], sentence: impl Fn(&str) -> String) {
        if !found.is_empty() {
            let evidence = found.iter().take(5).cloned().collect();
            self.fault(code, sentence(&counted(found.len(), "row", "rows")), evidence);
        }
    }
}

/// Everything that rows, requests and replies say of each other.
pub fn check(rows: &Rows) -> EvaluationAudit {
    let mut audit = EvaluationAudit::default();
    ids(rows, &mut audit);
    planned(rows, &mut audit);
    replies(rows, &mut audit);
    ledger(rows, &mut audit);
    audit
}

/// Ids are hashes of what a row is about: a row whose id is another hash was changed in what it is about. Ids of another
/// form were given by another program and say nothing.
fn ids(rows: &Rows, audit: &mut EvaluationAudit) {
    let completion = |row: &Completion| {
        let key = CompletionKey {
            prompt_id: &row.prompt_id,
            arm: &row.arm,
            adapter_sha256: row.adapter_sha256.as_deref(),
            base_sha256: row.base_sha256.as_deref(),
            sample: row.sample,
            seed: row.seed,
            sampling: &row.sampling,
        };
        (key.completion_id() != row.completion_id && row.served.is_none()).then(|| row.completion_id.clone())
    };
    let judged = |row: &Judgment| {
        let id = judgment_id(&row.comparison_id, &row.judge_id, row.repeat);
        (id != row.judgment_id).then(|| row.judgment_id.clone())
    };
    let paired = |row: &Comparison| {
        let id = pair_id(&row.first.completion_id, &row.second.completion_id);
        (id != row.pair_id).then(|| row.comparison_id.clone())
    };
    let mut found: Vec<String> = rows.completions.iter().filter_map(completion).collect();
    found.extend(rows.judgments.iter().filter_map(judged));
    found.extend(rows.comparisons.iter().filter_map(paired));
    found.retain(|id| is_row_id(id));
    audit.checked.push(format!(
        "{}, {} and {} by their ids",
        counted(rows.completions.len(), "answer", "answers"),
        counted(rows.comparisons.len(), "comparison", "comparisons"),
        counted(rows.judgments.len(), "judgment", "judgments")
    ));
    audit.faults("E02", &found, |n| {
        format!("{n} whose id is not that of what the row is about: it was changed after it was written.")
    });
}

/// Judges that voted and were not in the plan when it was fixed.
fn planned(rows: &Rows, audit: &mut EvaluationAudit) {
    let known: BTreeSet<&str> = rows.plan.judges.iter().map(|judge| judge.judge_id.as_str()).collect();
    let voted = rows.judgments.iter().map(|row| row.judge_id.as_str()).filter(|id| !is_person(id));
    let others: BTreeSet<&str> = voted.filter(|id| !known.contains(id)).collect();
    if !known.is_empty() && !others.is_empty() {
        audit.findings.push(Finding {
            code: "E11",
            severity: Severity::Limit,
            sentence: format!(
                "{} voted without being in the plan.",
                counted(others.len(), "judge", "judges")
            ),
            evidence: others.into_iter().map(str::to_owned).collect(),
            rows: Vec::new(),
        });
    }
}

/// What one judgment's request and reply say against its row.
#[derive(Default)]
struct Held {
    request: bool,
    reply: bool,
    probability: bool,
    contradicts: Vec<(Contradiction, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Contradiction {
    Bytes,
    Shown,
    Verdict,
    Lost,
}

fn replies(rows: &Rows, audit: &mut EvaluationAudit) {
    let by_judges: Vec<&Judgment> = rows.judgments.iter().filter(|row| !is_person(&row.judge_id)).collect();
    let Some(raw) = rows.raw else {
        if !by_judges.is_empty() {
            audit.cannot("stored verdicts against the judges' replies", "the folder has no raw.jsonl.zst");
        }
        return;
    };
    if let Some(reread) = rows.reread {
        audit.checked.push(format!(
            "{} of an earlier version, read again by today's rules: {} missing now, {} a vote now",
            counted(reread.replies, "reply", "replies"),
            reread.lost,
            reread.gained
        ));
    }
    let index = Index::of(rows, raw);
    let held: Vec<Held> = by_judges.par_iter().map(|judgment| index.hold(judgment)).collect();
    let count = |of: fn(&Held) -> bool| held.iter().filter(|held| of(held)).count();
    let (requests, read, by_probability) =
        (count(|held| held.request), count(|held| held.reply), count(|held| held.probability));
    audit.checked.push(format!(
        "{}: the request of {requests} shows the prompt and both answers of the rows, the reply of {read} reads as the \
         stored verdict, the label's probability of {by_probability} gives it",
        counted(by_judges.len(), "judge's verdict", "judge's verdicts")
    ));
    if by_probability > read {
        audit.cannot(
            "verdicts of judges that keep no reply",
            "they are held against their own probability only, which stands in the same row",
        );
    }
    let of = |kind: Contradiction| -> Vec<String> {
        held.iter()
            .flat_map(|held| &held.contradicts)
            .filter(|found| found.0 == kind)
            .map(|f| f.1.clone())
            .collect()
    };
    audit.faults("E03", &of(Contradiction::Bytes), |n| {
        format!(
            "In {n} of raw.jsonl.zst the bytes do not match their hash: the request or reply was changed."
        )
    });
    audit.faults("E04", &of(Contradiction::Shown), |n| {
        format!("{n} whose request shows another text than the rows hold: an answer or prompt was changed after judging.")
    });
    audit.faults("E05", &of(Contradiction::Verdict), |n| {
        format!(
            "{n} whose stored verdict does not match the judge's stored reply: it was changed after judging."
        )
    });
    audit.faults("E06", &of(Contradiction::Lost), |n| {
        format!("{n} that name a request or reply which raw.jsonl.zst does not hold.")
    });
    let people = rows.judgments.len() - by_judges.len();
    if people > 0 {
        audit.cannot("votes of people", "a vote has no reply to hold it against");
    }
}

struct Index<'a> {
    rubrics: Rubrics,
    prompts: HashMap<&'a str, &'a Prompt>,
    texts: HashMap<&'a str, &'a str>,
    comparisons: HashMap<&'a str, &'a Comparison>,
    raw: HashMap<&'a str, &'a RawRow>,
}

impl<'a> Index<'a> {
    fn of(rows: &Rows<'a>, raw: &'a [RawRow]) -> Index<'a> {
        Index {
            rubrics: Rubrics::built_in(),
            prompts: rows.prompts.iter().map(|row| (row.prompt_id.as_str(), row)).collect(),
            texts: rows
                .completions
                .iter()
                .map(|row| (row.completion_id.as_str(), row.text.as_str()))
                .collect(),
            comparisons: rows.comparisons.iter().map(|row| (row.comparison_id.as_str(), row)).collect(),
            raw: raw.iter().map(|row| (row.sha256.as_str(), row)).collect(),
        }
    }

    fn hold(&self, judgment: &Judgment) -> Held {
        let mut held = Held::default();
        let id = &judgment.judgment_id;
        let mut found =
            |kind: Contradiction, what: String| held.contradicts.push((kind, format!("{id}: {what}")));
        // Rows without their comparison are a contradiction of rows, told elsewhere.
        let Some(comparison) = self.comparisons.get(judgment.comparison_id.as_str()) else { return held };
        let request = self.bytes(&judgment.request_sha256, &mut found);
        let request = request.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        if request.is_none() {
            found(Contradiction::Lost, "its request (request_sha256) is not kept".to_owned());
        }
        let shown = request.as_deref().map(shown_text);
        if let Some(shown) = &shown {
            match self.shows(judgment, comparison, shown) {
                Ok(()) => held.request = true,
                Err(what) => held.contradicts.push((Contradiction::Shown, format!("{id}: {what}"))),
            }
        }
        let mut found =
            |kind: Contradiction, what: String| held.contradicts.push((kind, format!("{id}: {what}")));
        let last = last_response(judgment);
        let Some(last) = last else {
            let given = judgment.p_first.map(outcome_of_p);
            held.probability = given == Some(judgment.outcome);
            if given.is_some_and(|given| given != judgment.outcome) {
                found(Contradiction::Verdict, "the label's probability gives another verdict".to_owned());
            }
            return held;
        };
        let Some(reply) = self.bytes(last, &mut found) else {
            found(Contradiction::Lost, "its reply (response_sha256) is not kept".to_owned());
            return held;
        };
        let read: Vec<(Outcome, Option<String>)> =
            readings(judgment, comparison, &request.unwrap_or_default(), &reply)
                .into_iter()
                .map(|(verdict, _)| (verdict.outcome, verdict.label_said))
                .collect();
        let is_same = |(outcome, label): &(Outcome, Option<String>)| {
            *outcome == judgment.outcome && (judgment.label_said.is_none() || *label == judgment.label_said)
        };
        if read.iter().any(is_same) {
            held.reply = true;
        } else {
            let said = read
                .first()
                .map_or("cannot be read".to_owned(), |(outcome, _)| format!("says {}", name(*outcome)));
            held.contradicts.push((
                Contradiction::Verdict,
                format!("{id}: the row says {}, the reply {said}", name(judgment.outcome)),
            ));
        }
        held
    }

    /// The bytes under a hash; says so where they are not those of the hash.
    fn bytes(&self, sha256: &str, found: &mut impl FnMut(Contradiction, String)) -> Option<Cow<'a, [u8]>> {
        let row = self.raw.get(sha256)?;
        let bytes = row.bytes();
        if bytes.as_ref().is_none_or(|bytes| sha256_hex(bytes) != row.sha256) {
            found(Contradiction::Bytes, format!("the bytes under {}", &sha256[..sha256.len().min(12)]));
        }
        Some(bytes.unwrap_or_default())
    }

    /// Whether the request shows the prompt and both answers of the rows.
    fn shows(&self, judgment: &Judgment, comparison: &Comparison, shown: &str) -> Result<(), String> {
        verify_verdict(judgment, comparison, shown, |id| self.texts.get(id).copied())
            .map_err(|mismatch| mismatch.to_string())?;
        let text = |id: &str| self.texts.get(id).copied().unwrap_or_default();
        let Some(prompt) = self.prompts.get(comparison.prompt_id.as_str()) else { return Ok(()) };
        let (first, second) = (text(&comparison.first.completion_id), text(&comparison.second.completion_id));
        let rebuilt = render(Form::Label, &self.rubrics, prompt, comparison, first, second);
        match shown.starts_with(&rebuilt.shared) {
            true => Ok(()),
            false => Err(format!("the question in the request is not that of prompt {}", prompt.prompt_id)),
        }
    }
}

fn name(outcome: Outcome) -> String {
    match outcome {
        Outcome::First => "first".to_owned(),
        Outcome::Second => "second".to_owned(),
        Outcome::Tie => "a tie".to_owned(),
        Outcome::Missing { reason: MissingReason::Unparsed } => "no verdict".to_owned(),
        Outcome::Missing { reason } => format!("missing ({})", reason.name()),
    }
}

/// Every reply that a judgment names must be one that the ledger saw arrive for it.
fn ledger(rows: &Rows, audit: &mut EvaluationAudit) {
    let named = || rows.judgments.iter().filter(|row| row.response_sha256.is_some());
    if named().next().is_none() {
        return;
    }
    if rows.ledger.is_empty() {
        return audit.cannot("replies against the ledger", "the folder has no ledger.jsonl");
    }
    let mut arrived: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in rows.ledger {
        if let LedgerEvent::Answered { response_sha256, .. } = &row.event {
            arrived.entry(&row.judgment_id).or_default().insert(response_sha256);
        }
    }
    let is_strange = |row: &&Judgment| {
        let arrived = arrived.get(row.judgment_id.as_str());
        let named = row.response_sha256.as_deref().unwrap_or_default();
        !arrived.is_some_and(|arrived| arrived.contains(named))
    };
    let found: Vec<String> = named().filter(is_strange).map(|row| row.judgment_id.clone()).collect();
    audit.checked.push(format!(
        "{} in the ledger",
        counted(named().count(), "stored reply", "stored replies").replace("replys", "replies")
    ));
    audit.faults("E07", &found, |n| format!("{n} with a reply that the ledger did not see arrive for it."));
    let judged: BTreeSet<&str> = rows.judgments.iter().map(|row| row.judgment_id.as_str()).collect();
    let is_verdict = |row: &&LedgerRow| {
        matches!(row.event, LedgerEvent::Answered { .. }) && matches!(row.phase, Phase::Judge | Phase::Repeat)
    };
    let unused: BTreeSet<&str> = rows
        .ledger
        .iter()
        .filter(is_verdict)
        .map(|row| row.judgment_id.as_str())
        .filter(|id| !judged.contains(id))
        .collect();
    if !unused.is_empty() {
        audit.findings.push(Finding {
            code: "E10",
            severity: Severity::Suspicion,
            sentence: format!(
                "{} arrived and no judgment holds it: judging was stopped there, or rows were taken away.",
                counted(unused.len(), "reply", "replies")
            ),
            evidence: unused.iter().take(5).map(|id| (*id).to_owned()).collect(),
            rows: Vec::new(),
        });
    }
}
