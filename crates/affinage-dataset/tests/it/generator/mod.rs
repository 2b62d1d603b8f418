//! Seeded conversations, their defects, and the formats they are exported in.

pub mod activity;
pub mod corpus;
pub mod defects;
pub mod formats;
pub mod secrets;
