//! Names that anyone can recompute: every row id is a hash of what the row is about.
//!
//! A resumed command finds its own rows because the ids do not depend on time, order or a counter.

use sha2::{Digest, Sha256};

/// SHA-256 of `bytes` as 64 lower-case hex digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// `kind-` and 24 hex digits (96 bits) of the hash of `parts`; each part is preceded by its length, so that
/// `["ab", "c"]` and `["a", "bc"]` differ.
pub fn row_id(kind: &str, parts: &[&str]) -> String {
    format!("{kind}-{}", hex(&digest(kind, parts)[..12]))
}

/// True for the form of [`row_id`]; programs that write rows of their own may number them.
pub fn is_row_id(id: &str) -> bool {
    let digest = id.split_once('-').map_or("", |(_, digest)| digest);
    digest.len() == 24 && digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// A 64-bit seed from a seed and parts: the same for the same input on every machine.
pub fn derive_seed(seed: u64, parts: &[&str]) -> u64 {
    let digest = digest(&seed.to_string(), parts);
    u64::from_le_bytes(digest[..8].try_into().expect("a SHA-256 digest has 32 bytes"))
}

/// `bytes` as lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes that [`hex`] wrote; `None` for any other text.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| (byte as char).to_digit(16);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| u8::try_from(16 * digit(*high)? + digit(*low)?).ok();
    pairs.iter().map(byte).collect::<Option<_>>().filter(|_| rest.is_empty())
}

fn digest(first: &str, parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in std::iter::once(first).chain(parts.iter().copied()) {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_depends_on_where_one_part_ends() {
        assert_ne!(row_id("x", &["ab", "c"]), row_id("x", &["a", "bc"]));
        assert_ne!(row_id("x", &["ab"]), row_id("y", &["ab"]));
        assert_eq!(row_id("x", &["ab"]), row_id("x", &["ab"]));
        assert_eq!(row_id("cmp", &[]).len(), 4 + 24);
    }

    #[test]
    fn the_hash_is_sha256() {
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
