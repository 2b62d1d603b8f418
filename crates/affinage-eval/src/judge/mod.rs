//! Asking a judge: requests are built here and replies are read here; sending is the caller's job.

mod about;
pub mod batch;
pub mod deprecation;
pub mod family;
mod heading;
mod layout;
mod lead_in;
pub mod ledger;
mod lines;
pub mod local;
mod loose_json;
mod object;
mod outline;
pub mod qualification;
pub mod rate_limit;
pub mod record;
pub mod reply;
pub mod request;
pub mod reread;
pub mod rubric;
mod shapes;
pub mod wire;
pub mod wire_anthropic;
pub mod wire_failure;
pub mod wire_openai;
pub mod wire_params;
mod words;
