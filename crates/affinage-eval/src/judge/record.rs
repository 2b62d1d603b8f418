//! From a reply to the row that is stored, with the check that the winner was not inverted on the way.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::batch::BATCH_PRICE;
use super::ledger::Transport;
use super::local::LocalVerdict;
use super::reply::{RULES, Verdict, ends_with_copy, parse_verdict, scored_verdict};
use super::request::JudgeRequest;
use super::wire::{WireReply, cost_usd};
use super::wire_params::WireParams;
use crate::ROW_VERSION;
use crate::comparison::Comparison;
use crate::human_votes::Said;
use crate::judgment::{
    Judgment, MissingReason, Outcome, ParsePath, Repair, VerdictMismatch, judgment_id, verify_verdict,
};

/// One question to one judge.
#[derive(Clone, Debug)]
pub struct Call {
    pub comparison: Comparison,
    pub judge_id: String,
    pub repeat: u32,
    pub request: JudgeRequest,
}

/// A reply and how it came.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    pub reply: &'a WireReply,
    pub response_sha256: &'a str,
    pub transport: &'a Transport,
}

/// US dollars per million tokens, as far as known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prices {
    pub input: Option<f64>,
    pub output: Option<f64>,
}

impl Answer<'_> {
    /// What it cost; `None` where a price or the usage is unknown.
    pub fn cost_usd(&self, prices: Prices) -> Option<f64> {
        let factor = if self.transport.is_batch { BATCH_PRICE } else { 1.0 };
        Some(factor * cost_usd(self.reply.usage.as_ref(), prices.input, prices.output)?)
    }
}

impl Call {
    pub fn judgment_id(&self) -> String {
        judgment_id(&self.comparison.comparison_id, &self.judge_id, self.repeat)
    }

    /// The row of a reply that came over the wire, and of the one more call where that was needed.
    pub fn answered(
        &self,
        first: &Answer,
        repair: Option<&Answer>,
        params: &WireParams,
        prices: Prices,
    ) -> Judgment {
        let verdict = self.verdict(first.reply);
        let Answer { reply, transport, response_sha256 } = *first;
        let mut judgment = Judgment {
            response_sha256: Some(response_sha256.to_owned()),
            request_sha256: transport.request_sha256.clone(),
            model_returned: reply.model.clone(),
            usage: reply.usage,
            attempts: transport.attempts,
            params_effective: params.effective(),
            request_id: transport.request_id.clone(),
            started_at: Some(transport.started_at.clone()),
            finished_at: Some(transport.finished_at.clone()),
            p_first: verdict.1,
            read_by: Some(RULES),
            ..self.row(verdict.0, params.model.clone())
        };
        if let Some(repair) = repair {
            self.put_right(&mut judgment, repair);
        }
        let repair_usd = repair.map_or(Some(0.0), |repair| repair.cost_usd(prices));
        judgment.cost_usd = first.cost_usd(prices).zip(repair_usd).map(|(first, second)| first + second);
        judgment
    }

    /// Takes the verdict of the second reply and counts its tokens.
    fn put_right(&self, judgment: &mut Judgment, repair: &Answer) {
        let Outcome::Missing { reason } = judgment.outcome else { return };
        let (verdict, p_first) = self.verdict(repair.reply);
        judgment.repair = Some(Repair {
            request_sha256: repair.transport.request_sha256.clone(),
            response_sha256: repair.response_sha256.to_owned(),
            reason,
        });
        judgment.usage = judgment.usage.zip(repair.reply.usage).map(|(first, second)| first.plus(second));
        judgment.attempts += repair.transport.attempts;
        judgment.outcome = verdict.outcome;
        judgment.label_said = verdict.label_said;
        judgment.scores = verdict.scores;
        judgment.rationale = verdict.rationale.or(judgment.rationale.take());
        judgment.parse_path = verdict.parse_path;
        judgment.p_first = p_first;
    }

    /// Whether `reply` is an answer in a form that cannot be read, so that one more call may help.
    pub fn needs_repair(&self, reply: &WireReply) -> bool {
        matches!(self.verdict(reply).0.outcome, Outcome::Missing { reason } if reason.is_repairable())
    }

    /// Whether the server counted fewer tokens than the request has words. Tokenisers split at white space, so a
    /// text has at least as many tokens as words; a tenth is granted to those that do not.
    pub fn was_cut(&self, reply: &WireReply) -> bool {
        let texts = [&self.request.system, &self.request.shared, &self.request.user];
        let words: usize = texts.iter().map(|text| text.split_whitespace().count()).sum();
        reply
            .usage
            .is_some_and(|usage| usage.total_input() > 0 && 10 * usage.total_input() < 9 * words as u64)
    }

    /// What a reply says, and the probability of the first label where it decides.
    pub(crate) fn verdict(&self, reply: &WireReply) -> (Verdict, Option<f64>) {
        let labels = [self.request.labels[0].as_str(), self.request.labels[1].as_str()];
        if self.was_cut(reply) {
            let reason = reply.missing.unwrap_or(MissingReason::RequestCut);
            return (Verdict::missing(reason), None);
        }
        if let Some(reason) = reply.missing {
            return (Verdict::missing(reason), None);
        }
        if ends_with_copy(&reply.text, &self.request.user_text()) {
            return (Verdict::missing(MissingReason::Unparsed), None);
        }
        let (verdict, p_first) = scored_verdict(&reply.text, &reply.tokens, labels);
        let said = |(text, missing): &(String, Option<MissingReason>)| match missing {
            Some(reason) => Outcome::Missing { reason: *reason },
            None => parse_verdict(text, labels).outcome,
        };
        let written = || parse_verdict(&reply.text, labels).outcome;
        match reply.other_choices.iter().all(|other| said(other) == written()) {
            true => (verdict, p_first),
            false => (Verdict::missing(MissingReason::BothLabels), None),
        }
    }

    /// The row of a person's vote; `times` are RFC 3339.
    pub fn voted(&self, said: &Said, ms_to_vote: u64, times: (String, String)) -> Judgment {
        let labels = &self.request.labels;
        let (outcome, label_said) = match said {
            Said::Tie => (Outcome::Tie, None),
            Said::Skip => (Outcome::Missing { reason: MissingReason::Skipped }, None),
            Said::Label(label) if *label == labels[0] => (Outcome::First, Some(label.clone())),
            Said::Label(label) if *label == labels[1] => (Outcome::Second, Some(label.clone())),
            Said::Label(_) => (Outcome::Missing { reason: MissingReason::UnknownLabel }, None),
        };
        let parse_path = ParsePath::Vote;
        let verdict = Verdict { outcome, label_said, scores: None, rationale: None, parse_path };
        Judgment {
            request_sha256: crate::id::sha256_hex(self.request.user_text().as_bytes()),
            ms_to_vote: Some(ms_to_vote),
            draw_probability: None,
            started_at: Some(times.0),
            finished_at: Some(times.1),
            ..self.row(verdict, "person".to_owned())
        }
    }

    /// The row of a local judge's probabilities; `shown` is the whole text that the model read.
    pub fn scored(&self, local: LocalVerdict, model: &str, shown: &str) -> Judgment {
        Judgment {
            request_sha256: crate::id::sha256_hex(shown.as_bytes()),
            p_first: Some(local.p_first),
            cost_usd: Some(0.0),
            ..self.missing_or_verdict(local.verdict, model)
        }
    }

    /// The row of a local judge that could not read the request.
    pub fn unread(&self, verdict: Verdict, model: &str, shown: &str) -> Judgment {
        let request_sha256 = crate::id::sha256_hex(shown.as_bytes());
        Judgment { request_sha256, cost_usd: Some(0.0), ..self.missing_or_verdict(verdict, model) }
    }

    fn missing_or_verdict(&self, verdict: Verdict, model: &str) -> Judgment {
        let params_effective = BTreeMap::from([("read".to_owned(), json!("label probability"))]);
        Judgment { params_effective, ..self.row(verdict, model.to_owned()) }
    }

    fn row(&self, verdict: Verdict, model_requested: String) -> Judgment {
        Judgment {
            v: ROW_VERSION,
            judgment_id: self.judgment_id(),
            comparison_id: self.comparison.comparison_id.clone(),
            judge_id: self.judge_id.clone(),
            repeat: self.repeat,
            outcome: verdict.outcome,
            label_said: verdict.label_said,
            p_first: None,
            scores: verdict.scores,
            rationale: verdict.rationale,
            parse_path: verdict.parse_path,
            read_by: None,
            repair: None,
            ms_to_vote: None,
            draw_probability: None,
            request_sha256: String::new(),
            response_sha256: None,
            template_sha256: self.request.template_sha256.clone(),
            model_requested,
            model_returned: None,
            usage: None,
            cost_usd: None,
            attempts: 1,
            params_effective: BTreeMap::<String, Value>::new(),
            request_id: None,
            started_at: None,
            finished_at: None,
        }
    }

    /// Checks `judgment` against the text that was shown, before it is written.
    pub fn verify<'t>(
        &self,
        judgment: &Judgment,
        text_of: impl Fn(&str) -> Option<&'t str>,
    ) -> Result<(), VerdictMismatch> {
        verify_verdict(judgment, &self.comparison, &self.request.user_text(), text_of)
    }
}
