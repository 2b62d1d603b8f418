//! Where a server is, and with which key it is asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use affinage_eval::judge::rate_limit::RateLimit;
use affinage_eval::judge::wire::WireFormat;
use affinage_eval::judge::wire_params::WireLimits;
use anyhow::anyhow;

/// Where and how a server is reached.
pub struct Endpoint {
    pub wire: WireFormat,
    pub base_url: String,
    /// From the environment; never written anywhere.
    pub key: Option<String>,
    /// Calls in flight at once.
    pub concurrency: usize,
    /// From the name look-up to the last byte of a reply.
    pub timeout: Duration,
    /// What the server is known to refuse.
    pub limits: WireLimits,
    /// The provider's turns, shared by all who ask it.
    pub rate_limit: Option<Arc<Mutex<RateLimit>>>,
}

impl Endpoint {
    /// The headers of every request, the key included.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers: Vec<(&str, String)> =
            self.wire.headers().iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        headers.extend(self.key.as_deref().map(|key| self.wire.key_header(key)));
        headers
    }
}

/// Headers as they are sent.
pub fn borrowed<'h>(headers: &'h [(&'static str, String)]) -> Vec<(&'h str, &'h str)> {
    headers.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// The key in an environment variable; `None` where it is not set or blank.
pub fn key_in(variable: &str) -> Option<String> {
    let key = std::env::var(variable).ok()?.trim().to_owned();
    (!key.is_empty()).then_some(key)
}

/// The key in an environment variable; none where no variable is named. Errors if it is not set.
pub fn server_key(variable: Option<&str>) -> anyhow::Result<Option<String>> {
    let read = |name: &str| key_in(name).ok_or_else(|| anyhow!("the environment variable {name} is not set"));
    variable.map(read).transpose()
}
