//! Reading stored replies again. Every judgment keeps the number of the rules that read its reply; where these are not today's,
//! the reply is read again, so that an evaluation of an earlier version counts by the same rules as one of today.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::ledger::RawRow;
use super::record::Call;
use super::reply::{RULES, Verdict};
use super::request::{Form, JudgeRequest};
use super::wire::WireFormat;
use crate::comparison::Comparison;
use crate::judgment::{Judgment, Outcome};

/// What came of reading replies again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reread {
    /// The number of the rules that read them now.
    pub rules: u32,
    /// Judgments whose stored reply was read again.
    pub replies: usize,
    /// Votes that are missing now.
    pub lost: usize,
    /// Judgments that were missing and are votes now.
    pub gained: usize,
}

impl Reread {
    /// How many verdicts changed by it; `None` if none did.
    pub fn sentence(&self) -> Option<String> {
        let lost = match self.lost {
            0 => None,
            1 => Some("1 vote is missing".to_owned()),
            n => Some(format!("{n} votes are missing")),
        };
        let gained = match self.gained {
            0 => None,
            1 => Some("1 that was missing is a vote".to_owned()),
            n => Some(format!("{n} that were missing are votes")),
        };
        let changed: Vec<String> = lost.into_iter().chain(gained).collect();
        (!changed.is_empty()).then(|| {
            format!(
                "{} of {} verdicts changed: an earlier version had read the judges' replies, and by today's rules {}.",
                self.lost + self.gained,
                self.replies,
                changed.join(" and ")
            )
        })
    }
}

/// Whether other rules than today's read the reply of this judgment.
pub fn is_older(judgment: &Judgment) -> bool {
    judgment.response_sha256.is_some() && judgment.read_by != Some(RULES)
}

/// Puts today's reading of the stored replies in place of older ones; `None` where all judgments are of today's rules.
///
/// A reply that is not there leaves its judgment as it stands, and so does a vote for another position than the reply names: no rules
/// read a reply as its opposite, so that row was changed after it was written, and `audit` and `analyze` say so.
pub fn read_again(judgments: &mut [Judgment], comparisons: &[Comparison], raw: &[RawRow]) -> Option<Reread> {
    let comparisons: HashMap<&str, &Comparison> =
        comparisons.iter().map(|row| (row.comparison_id.as_str(), row)).collect();
    let raw: HashMap<&str, &RawRow> = raw.iter().map(|row| (row.sha256.as_str(), row)).collect();
    let text = |sha256: &str| raw.get(sha256).and_then(|row| row.bytes());
    let mut reread = Reread { rules: RULES, ..Reread::default() };
    let mut older = judgments.iter_mut().filter(|judgment| is_older(judgment)).peekable();
    older.peek()?;
    for judgment in older {
        let Some(comparison) = comparisons.get(judgment.comparison_id.as_str()) else { continue };
        let Some(reply) = last_response(judgment).and_then(text) else { continue };
        let request = text(&judgment.request_sha256).unwrap_or_default();
        let readings = readings(judgment, comparison, &String::from_utf8_lossy(&request), &reply);
        let is_vote = |outcome: Outcome| !matches!(outcome, Outcome::Missing { .. });
        if readings.iter().any(|(verdict, _)| verdict.outcome == judgment.outcome) {
            reread.replies += 1;
            judgment.read_by = Some(RULES);
            continue;
        }
        let Some((verdict, p_first)) = readings.into_iter().next() else { continue };
        let (was, is) = (is_vote(judgment.outcome), is_vote(verdict.outcome));
        if was && is {
            continue;
        }
        reread.replies += 1;
        reread.lost += usize::from(was);
        reread.gained += usize::from(is);
        judgment.outcome = verdict.outcome;
        judgment.label_said = verdict.label_said;
        judgment.scores = verdict.scores;
        judgment.parse_path = verdict.parse_path;
        judgment.p_first = p_first;
        judgment.read_by = Some(RULES);
    }
    Some(reread)
}

/// The hash of the reply that a judgment's verdict was read from.
pub(crate) fn last_response(judgment: &Judgment) -> Option<&str> {
    let repair = judgment.repair.as_ref().map(|repair| &repair.response_sha256);
    repair.or(judgment.response_sha256.as_ref()).map(String::as_str)
}

/// What a stored reply says by today's rules. A judge may have been moved to another wire format since the plan was made, but a
/// reply is of one only.
pub(crate) fn readings(
    judgment: &Judgment,
    comparison: &Comparison,
    request: &str,
    reply: &[u8],
) -> Vec<(Verdict, Option<f64>)> {
    let call = call(judgment, comparison, request);
    let read = WireFormat::ALL.iter().filter_map(|format| format.read(200, |_| None, reply).ok());
    read.map(|reply| call.verdict(&reply)).collect()
}

/// The call of a stored request, as far as reading its reply needs it.
fn call(judgment: &Judgment, comparison: &Comparison, request: &str) -> Call {
    let system = system_text(request);
    Call {
        comparison: comparison.clone(),
        judge_id: judgment.judge_id.clone(),
        repeat: judgment.repeat,
        request: JudgeRequest {
            form: if system.is_empty() { Form::Label } else { Form::Json },
            system,
            shared: String::new(),
            user: shown_text(request),
            to_repair: None,
            labels: [comparison.first.label.clone(), comparison.second.label.clone()],
            template_sha256: judgment.template_sha256.clone(),
        },
    }
}

/// The rubric in a request's body, of either wire format.
fn system_text(request: &str) -> String {
    let Ok(body) = serde_json::from_str::<serde_json::Value>(request) else { return String::new() };
    let blocks = body["system"].as_array().into_iter().flatten();
    let own: String = blocks.filter_map(|block| block["text"].as_str()).collect();
    let messages = body["messages"].as_array().into_iter().flatten();
    let message = messages.filter(|message| message["role"] == "system").find_map(|m| m["content"].as_str());
    if own.is_empty() { message.unwrap_or_default().to_owned() } else { own }
}

/// The user's part of a raw request: out of a JSON body, or from the first marker of a local judge's text.
pub fn shown_text(request: &str) -> String {
    let from_body = WireFormat::ALL.iter().find_map(|format| format.user_text(request.as_bytes()));
    from_body.unwrap_or_else(|| {
        let start = request.find("<<question ").unwrap_or(0);
        request[start..].to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_how_many_changed_and_how() {
        let reread = |lost, gained| Reread { rules: 2, replies: 40, lost, gained };
        assert_eq!(reread(0, 0).sentence(), None);
        assert_eq!(
            reread(2, 1).sentence().as_deref(),
            Some(
                "3 of 40 verdicts changed: an earlier version had read the judges' replies, and by today's rules 2 votes are \
                 missing and 1 that was missing is a vote."
            )
        );
        assert_eq!(
            reread(1, 0).sentence().as_deref(),
            Some(
                "1 of 40 verdicts changed: an earlier version had read the judges' replies, and by today's rules 1 vote is missing."
            )
        );
    }
}
