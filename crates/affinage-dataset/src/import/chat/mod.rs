//! Lists of messages of any product: a table of names instead of a reader for each.
//!
//! Chat clients, agents and messengers write the same thing under different names: a list whose elements say who spoke
//! and what. [`names`] holds the names that are looked for, [`message`] reads one element, [`parts`] its content, [`chosen`]
//! which of its answers was taken, [`thread`] makes conversations of a list, [`holder`] finds the lists in a document,
//! [`pairs`] reads lists of questions with their answers, [`log`] rows of agents' logs, [`gather`] collects messages that
//! stand one a line.

mod chosen;
pub(super) mod gather;
pub(super) mod holder;
pub(super) mod layers;
pub(super) mod log;
pub(super) mod message;
pub(super) mod names;
pub(super) mod pairs;
mod parts;
mod people;
mod role;
pub(super) mod thread;

pub(super) use gather::Gathered;
