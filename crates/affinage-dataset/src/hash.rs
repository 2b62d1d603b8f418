//! Content hashes: the ids of everything that has no id of its own.

use sha2::{Digest, Sha256};

/// First 16 hex digits of the SHA-256 of the parts, each preceded by its length so that no two lists look alike.
pub fn short_hash(parts: &[&str]) -> String {
    let mut full = full_hash(parts);
    full.truncate(16);
    full
}

/// First 64 bits of the SHA-256 of the parts, as the integer a database stores.
pub fn hash_number(parts: &[&str]) -> i64 {
    let digest = digest(parts);
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(first)
}

/// SHA-256 of the parts, each preceded by its length, in hex.
pub fn full_hash(parts: &[&str]) -> String {
    format!("{:x}", digest(parts))
}

fn digest(parts: &[&str]) -> sha2::digest::Output<Sha256> {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize()
}
