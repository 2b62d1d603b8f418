//! The ways to a verdict for somebody without a judge: one's own votes, a judge to paste into affinage.toml, and the
//! model servers of this machine. Those are asked only when the user asks for it, and only on the loopback address.

use std::collections::BTreeSet;
use std::time::Duration;

use affinage_eval::comparison::{Pair, pairs};
use affinage_eval::human_votes::{PAIRS, invitation};
use affinage_eval::judge::wire::WireFormat;
use affinage_eval::judgment::is_me;
use affinage_eval::plain::counted;
use serde::Serialize;

use super::Evaluated;
use crate::client::http;
use crate::next::next;
use crate::observer::Silent;

/// Where servers listen that people run at home.
const USUAL: [(u16, &str); 3] = [(11434, "Ollama"), (1234, "LM Studio"), (8080, "llama.cpp")];

/// A server on this machine that answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The program that usually listens there.
    pub usual_program: Option<&'static str>,
    pub base_url: String,
    /// As the server names them.
    pub models: Vec<String>,
}

/// The servers of this machine; the document of `--json`.
#[derive(Serialize)]
pub struct Servers {
    v: u32,
    pub servers: Vec<Found>,
}

/// From the look for the server to the last byte of its list.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The servers on these ports of 127.0.0.1 that list their models; without ports, on the usual ones.
pub fn local_servers(ports: &[u16]) -> Servers {
    let usual = USUAL.map(|(port, _)| port);
    let ports = if ports.is_empty() { &usual } else { ports };
    let servers = std::thread::scope(|scope| {
        let asked: Vec<_> = ports.iter().map(|port| scope.spawn(|| listed(*port))).collect();
        asked.into_iter().filter_map(|asked| asked.join().ok().flatten()).collect()
    });
    Servers { v: 1, servers }
}

fn listed(port: u16) -> Option<Found> {
    let base_url = format!("http://127.0.0.1:{port}/v1");
    let reply = http::get(&WireFormat::Openai.models_url(&base_url), &[], TIMEOUT).ok()?;
    let models = WireFormat::Openai.model_names(&reply.body).filter(|_| reply.status == 200)?;
    let usual_program = USUAL.iter().find(|(usual, _)| *usual == port).map(|(_, name)| *name);
    Some(Found { usual_program, base_url, models })
}

/// A judge to append to affinage.toml, and what to know about it.
pub fn block(found: &Found) -> String {
    // Models that only make vectors answer nothing.
    let is_writer = |name: &&String| !name.to_lowercase().contains("embed");
    let model = found.models.iter().find(is_writer).map_or("MODEL", String::as_str);
    format!(
        "[[judge]]\nid = \"local-server\"\nkind = \"openai\"\nbase-url = {}\nmodel = {}\n",
        toml::Value::String(found.base_url.clone()),
        toml::Value::String(model.to_owned())
    )
}

/// A judge of a provider, to append to affinage.toml.
pub const PROVIDER_BLOCK: &str =
    "[[judge]]\nid = \"claude\"\nkind = \"anthropic\"\nmodel = \"claude-sonnet-5-5\"\n";

/// What else can be done: "Vote yourself ...", then a judge to paste, then how to find one here.
pub fn ways(evaluated: Option<&Evaluated>) -> String {
    let vote = match evaluated {
        Some(evaluated) => vote_first(evaluated)
            .unwrap_or_else(|| "There is nothing to vote on: the answers are equal.".to_owned()),
        None => format!(
            "There are no answers yet: {} makes them, then vote yourself, blind: {}.",
            next("eval"),
            next("vote").words("--as me")
        ),
    };
    format!(
        "{vote}\n\nOr append a judge to affinage.toml; this one needs its key in ANTHROPIC_API_KEY:\n\n{PROVIDER_BLOCK}\n\
         Or a model on this machine: {} asks whether Ollama, LM Studio or llama.cpp answers here.",
        next("judge").words("--find-local")
    )
}

/// The invitation to vote on the headline's pairs; where you have voted on all of them, what to do with the votes.
pub fn vote_first(evaluated: &Evaluated) -> Option<String> {
    let Evaluated { plan, prompts, completions, .. } = evaluated;
    let pairs = pairs(plan, prompts, completions);
    let headline: Vec<&Pair> =
        pairs.iter().filter(|pair| *pair.planned == plan.headline && pair.needs_judge()).collect();
    let votes = evaluated.folder.votes().read(&Silent).unwrap_or_default();
    let own = votes.iter().filter(|vote| is_me(&vote.judge_id));
    let own: BTreeSet<&str> = own.map(|vote| vote.comparison_id.as_str()).collect();
    let voted = own.len();
    if voted > 0 && voted >= headline.len().min(PAIRS) {
        return Some(format!(
            "You have voted on {}: {}, then {} show what follows.",
            counted(voted, "pair", "pairs"),
            plan.command("analyze", ""),
            plan.command("report", "--open")
        ));
    }
    invitation(plan, &headline)
}
