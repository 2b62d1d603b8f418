//! Everything that is sent out: one way to ask a server, for judges, for arms behind servers and for downloads of models.
//!
//! A server gets at most so many calls at once ([`Client`]), in turns with others of its provider, again where that helps, and
//! without what it refuses. A key comes from the environment; what it costs is set aside before it is spent ([`Budget`]).

mod budget;
mod calls;
mod consent;
mod endpoint;
pub mod http;
mod memory;
#[cfg(test)]
mod tests;

pub use budget::{Budget, worst_usd};
pub use calls::{Answered, Called, Client, Exchange, lock};
pub use consent::{Leave, consented};
pub use endpoint::{Endpoint, borrowed, key_in, server_key};
pub use memory::Memory;
