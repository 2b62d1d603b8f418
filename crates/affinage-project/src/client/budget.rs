//! The money that the calls of an evaluation may cost: set aside before a call, settled after it.

use std::sync::Mutex;

use affinage_eval::judge::record::Prices;
use anyhow::anyhow;

use super::calls::lock;
use crate::errors::HintExt as _;

pub struct Budget {
    /// `None`: no bound.
    limit_usd: Option<f64>,
    /// Spent, or set aside for calls under way.
    reserved_usd: Mutex<f64>,
}

impl Budget {
    pub fn new(limit_usd: Option<f64>, spent_usd: f64) -> Budget {
        Budget { limit_usd, reserved_usd: Mutex::new(spent_usd) }
    }

    /// Sets the worst case of a call aside, or refuses: a budget is never exceeded, not even by calls under way.
    pub fn reserve(&self, worst_usd: Option<f64>) -> anyhow::Result<()> {
        let Some(budget) = self.limit_usd else { return Ok(()) };
        let Some(worst) = worst_usd else {
            return Err(anyhow!("judging.budget-usd is set, but a price of this judge is not known"))
                .hint("set price-in and price-out of the judge, or take the budget out");
        };
        let mut reserved = lock(&self.reserved_usd);
        if *reserved + worst > budget {
            return Err(anyhow!(
                "the next call could exceed the budget of ${budget:.2}: ${:.4} are spent or under way, it costs up \
                 to ${worst:.4}",
                *reserved
            ))
            .hint("raise judging.budget-usd; answers so far are saved");
        }
        *reserved += worst;
        Ok(())
    }

    /// Puts back what a call did not cost.
    pub fn settle(&self, worst_usd: Option<f64>, cost_usd: Option<f64>) {
        if let (Some(_), Some(worst)) = (self.limit_usd, worst_usd) {
            *lock(&self.reserved_usd) -= worst - cost_usd.unwrap_or(worst).min(worst);
        }
    }
}

/// What a call costs at most: a token for every two bytes of the request, all written to a cache, and a reply as long
/// as it may be. `None` where a price is unknown.
pub fn worst_usd(request_bytes: usize, max_tokens: u32, prices: Prices) -> Option<f64> {
    let tokens = request_bytes as f64 / 2.0;
    Some((1.25 * tokens * prices.input? + f64::from(max_tokens) * prices.output?) / 1e6)
}
