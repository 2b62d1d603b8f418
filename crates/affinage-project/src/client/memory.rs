//! What servers refuse, remembered from run to run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use affinage_eval::judge::wire_params::WireLimits;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use crate::folder::jsonl;
use crate::folder::project::cache_dir;

/// What servers refuse, by address and model, in the user's cache folder.
pub struct Memory {
    /// `None` where there is no cache folder: then nothing is remembered.
    path: Option<PathBuf>,
    servers: BTreeMap<String, Remembered>,
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    limits: WireLimits,
    /// RFC 3339, UTC.
    learnt_at: String,
}

/// Servers are updated: after so long they are asked in full again.
const FORGET_AFTER_DAYS: i64 = 30;

impl Memory {
    /// Reads the file; one that cannot be read teaches nothing.
    pub fn open() -> Memory {
        let path = cache_dir().ok().map(|dir| dir.join("judge-servers.json"));
        let text = path.as_ref().and_then(|path| fs_err::read(path).ok()).unwrap_or_default();
        let mut servers: BTreeMap<String, Remembered> = serde_json::from_slice(&text).unwrap_or_default();
        let oldest = Timestamp::now() - (24 * FORGET_AFTER_DAYS).hours();
        servers.retain(|_, known| known.learnt_at.parse::<Timestamp>().is_ok_and(|at| at >= oldest));
        Memory { path, servers }
    }

    pub fn limits(&self, base_url: &str, model: &str) -> WireLimits {
        self.servers.get(&key(base_url, model)).map(|known| known.limits.clone()).unwrap_or_default()
    }

    /// Keeps what was learnt. Errors: the file cannot be written.
    pub fn learn(&mut self, base_url: &str, model: &str, limits: WireLimits) -> anyhow::Result<()> {
        let learnt_at = Timestamp::now().to_string();
        self.servers.insert(key(base_url, model), Remembered { limits, learnt_at });
        let Some(path) = &self.path else { return Ok(()) };
        if let Some(dir) = path.parent() {
            fs_err::create_dir_all(dir)?;
        }
        jsonl::replace_file(path, &serde_json::to_vec_pretty(&self.servers)?)
    }
}

/// User information in an address may be a secret and is no part of the key.
fn key(base_url: &str, model: &str) -> String {
    let (scheme, rest) = base_url.split_once("://").unwrap_or(("http", base_url));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let authority = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{authority}/{} {model}", path.trim_end_matches('/'))
}
