//! Chats in, token ids out: importers, lint, near-duplicates, splits, templates and tokenizers.
//!
//! Nothing here touches a file, a socket, the clock, the environment or the terminal: readers, times and seeds come
//! in as arguments.

pub mod authorship;
pub mod candidate;
pub mod conversation;
pub mod counts;
pub mod dedup;
pub mod diff;
pub mod edit;
pub mod example;
pub mod export;
pub mod hash;
pub mod identity;
pub mod import;
mod jinja;
pub mod label_leakage;
pub mod lint;
pub mod message;
pub mod minhash;
pub mod preference;
pub mod pseudonym;
pub mod shingle;
pub mod split;
pub mod template;
pub mod tokenize;
pub mod tokenizer;
pub mod topics;
pub mod version;
