//! From a reply to the row that is stored, with the check that the winner was not inverted on the way.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::ledger::Transport;
use super::local::LocalVerdict;
use super::reply::{Verdict, parse_verdict};
use super::request::JudgeRequest;
use super::wire::{WireParams, WireReply, cost_usd};
use crate::ROW_VERSION;
use crate::comparison::Comparison;
use crate::judgment::{Judgment, VerdictMismatch, judgment_id, verify_verdict};

/// One question to one judge.
#[derive(Clone, Debug)]
pub struct Call {
    pub comparison: Comparison,
    pub judge_id: String,
    pub repeat: u32,
    pub request: JudgeRequest,
}

/// US dollars per million tokens, as far as known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prices {
    pub input: Option<f64>,
    pub output: Option<f64>,
}

impl Call {
    pub fn judgment_id(&self) -> String {
        judgment_id(&self.comparison.comparison_id, &self.judge_id, self.repeat)
    }

    /// The row of a reply that came over the wire.
    pub fn answered(
        &self,
        reply: &WireReply,
        response_sha256: String,
        params: &WireParams,
        transport: &Transport,
        prices: Prices,
    ) -> Judgment {
        let labels = [self.request.labels[0].as_str(), self.request.labels[1].as_str()];
        let verdict = match reply.missing {
            Some(reason) => Verdict::missing(reason),
            None => parse_verdict(&reply.text, labels),
        };
        Judgment {
            response_sha256: Some(response_sha256),
            request_sha256: transport.request_sha256.clone(),
            model_returned: reply.model.clone(),
            usage: reply.usage,
            cost_usd: cost_usd(reply.usage.as_ref(), prices.input, prices.output),
            attempts: transport.attempts,
            params_effective: params.effective(),
            request_id: transport.request_id.clone(),
            started_at: Some(transport.started_at.clone()),
            finished_at: Some(transport.finished_at.clone()),
            ..self.row(verdict, params.model.clone())
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
        verify_verdict(judgment, &self.comparison, &self.request.user, text_of)
    }
}
