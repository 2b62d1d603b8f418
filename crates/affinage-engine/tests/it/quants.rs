//! Number formats against gguf-py (`testdata/golden/make_quants.py`).

use affinage_engine::weights::DType;
use serde_json::Value;

fn from_hex(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex digits");
    (0..text.len()).step_by(2).map(digits).collect()
}

#[test]
fn every_format_unpacks_to_the_reference() {
    let fixture: Value =
        serde_json::from_str(include_str!("../../../../testdata/golden/quants.json")).expect("valid JSON");
    for dtype in DType::ALL.into_iter().filter(|&dtype| dtype != DType::F32) {
        let field =
            |key: &str| from_hex(fixture[dtype.to_string()][key].as_str().expect("a format of the fixture"));
        let bytes = field("bytes");
        let expected: Vec<f32> =
            field("f32").as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let mut found = vec![0.0; bytes.len() / dtype.block_bytes() * dtype.block_len()];
        dtype.unpack(&bytes, &mut found);
        assert_eq!(found.len(), expected.len(), "{dtype}");
        for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
            // The reference may multiply in another order: one rounding.
            let bound = 2.0 * f32::EPSILON * expected.abs().max(f32::MIN_POSITIVE);
            assert!((found - expected).abs() <= bound, "{dtype} value {i}: {found}, expected {expected}");
        }
    }
}
