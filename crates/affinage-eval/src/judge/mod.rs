//! Asking a judge: requests are built here and replies are read here; sending is the caller's job.

pub mod exam;
pub mod family;
pub mod ledger;
pub mod local;
pub mod record;
pub mod reply;
pub mod request;
pub mod rubric;
pub mod wire;
pub mod wire_anthropic;
pub mod wire_openai;
