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

/// The formats with one scale a block are ggml's to the byte. Of those whose scales are searched for, the squared error is
/// compared block by block.
#[test]
fn packed_blocks_are_as_good_as_those_of_ggml() {
    let fixture: Value =
        serde_json::from_str(include_str!("../../../../testdata/golden/packed.json")).expect("valid JSON");
    let field = |key: &str| from_hex(fixture[key].as_str().expect("a field of the fixture"));
    let values: Vec<f32> =
        field("f32").as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let pack = |dtype: DType| {
        let mut bytes = Vec::new();
        dtype.pack(&values, &mut bytes);
        bytes
    };
    for dtype in [DType::Q5_0, DType::Q5_1] {
        assert_eq!(pack(dtype), field(&dtype.to_string()), "{dtype}");
    }
    for dtype in [DType::Q4_K, DType::Q5_K, DType::Q6_K] {
        let errors = |bytes: &[u8]| -> Vec<f64> {
            let mut found = vec![0.0; values.len()];
            dtype.unpack(bytes, &mut found);
            let squares = found.iter().zip(&values).map(|(found, value)| f64::from(found - value).powi(2));
            squares.collect::<Vec<_>>().chunks_exact(256).map(|block| block.iter().sum()).collect()
        };
        let (ours, theirs) = (errors(&pack(dtype)), errors(&field(&dtype.to_string())));
        for (block, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert!(*ours <= 1.1 * theirs + 1e-12, "{dtype} block {block}: {ours:e}, ggml {theirs:e}");
        }
        let (ours, theirs): (f64, f64) = (ours.iter().sum(), theirs.iter().sum());
        assert!(ours <= 1.02 * theirs, "{dtype}: {ours:e}, ggml {theirs:e}");
    }
}
