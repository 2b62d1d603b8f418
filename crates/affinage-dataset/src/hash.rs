//! Content hashes: the ids of everything that has no id of its own.

use sha2::{Digest, Sha256};

/// First 16 hex digits of the SHA-256 of the parts, each preceded by its length so that no two lists look alike.
pub fn short_hash(parts: &[&str]) -> String {
    let mut full = full_hash(parts);
    full.truncate(16);
    full
}

/// SHA-256 of the parts, each preceded by its length, in hex.
pub fn full_hash(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    format!("{:x}", hasher.finalize())
}
