//! Reading GGUF files: what is in a right one, and that no wrong one does harm.

use std::path::Path;

use affinage_engine::weights::{DType, Family, LoadError, LongRopeScaling, QkNorm, RopeScaling, Weights};
use proptest::prelude::*;

use crate::gguf_file::{
    FFN, GgufFile, HEAD_DIM, HIDDEN, KV_ROWS, Q_ROWS, Tensor, VOCAB, Value, f32_tensor, text, tiny_llama,
};

fn open(bytes: &[u8]) -> Result<Weights, LoadError> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("model.gguf");
    std::fs::write(&path, bytes).expect("written");
    Weights::open(&path)
}

/// The message without the folder, which has another name each time.
fn message(file: &GgufFile) -> String {
    let error = open(&file.bytes()).err().expect("the file is wrong").to_string();
    let start = error.find("model.gguf").expect("the message names the file");
    error[start..].replacen("model.gguf`", "model", 1)
}

fn changed(change: impl FnOnce(&mut GgufFile)) -> String {
    let mut file = tiny_llama();
    change(&mut file);
    message(&file)
}

#[test]
fn configuration_names_and_vectors() {
    let weights = open(&tiny_llama().bytes()).expect("a right file");
    let config = weights.config();
    assert_eq!((config.family, config.layers, config.heads, config.kv_heads), (Family::Llama, 1, 2, 1));
    assert_eq!((config.vocab_size, config.hidden_size, config.intermediate_size), (VOCAB, HIDDEN, FFN));
    assert_eq!((config.head_dim, config.max_position_embeddings), (HEAD_DIM, 64));
    assert_eq!((config.rope.theta, config.rope.scaling.is_none()), (500_000.0, true));
    assert_eq!((config.eos_token_ids.as_slice(), config.bos_token_id), ([2, 3].as_slice(), Some(1)));
    assert!(config.tie_word_embeddings && !config.qkv_bias && !weights.has("lm_head.weight"));
    let norm = weights.vector("model.layers.0.post_attention_layernorm.weight").expect("there");
    assert_eq!(norm, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    let down = weights.matrix("model.layers.0.mlp.down_proj.weight").expect("there");
    assert_eq!((down.rows(), down.cols(), down.dtype()), (HIDDEN, FFN, DType::F32));
    assert_eq!(weights.tensors().count(), 11);
    let (embedding, attention, feed_forward) =
        (VOCAB * HIDDEN, 2 * (Q_ROWS + KV_ROWS) * HIDDEN, 3 * FFN * HIDDEN);
    assert_eq!(weights.parameter_count(), embedding + attention + feed_forward + 3 * HIDDEN);
    assert_eq!(weights.stored_bytes(), 4 * weights.parameter_count());
    assert_eq!(weights.sha256().len(), 64);
}

/// A number that is none would make every result one: the tensor and the place are named before anything is computed.
#[test]
fn weights_that_are_not_finite_are_refused_by_name() {
    let loaded = |change: &dyn Fn(&mut GgufFile)| {
        let mut file = tiny_llama();
        change(&mut file);
        let weights = open(&file.bytes()).expect("shapes and offsets are right");
        let error = affinage_engine::model::Model::load(&weights).err().expect("a weight is not finite");
        let error = error.to_string();
        error[error.find("model.gguf").expect("the file")..].replacen("model.gguf`", "model", 1)
    };
    let set = |file: &mut GgufFile, name: &str, at: usize, value: f32| {
        let tensor = file.tensors.iter_mut().find(|tensor| tensor.name == name).expect("there");
        tensor.bytes[4 * at..][..4].copy_from_slice(&value.to_le_bytes());
    };
    assert_eq!(
        loaded(&|file| set(file, "blk.0.ffn_down.weight", 5, f32::NAN)),
        "model: tensor `blk.0.ffn_down.weight` holds NaN at position 5, expected finite numbers"
    );
    assert_eq!(
        loaded(&|file| set(file, "output_norm.weight", 7, f32::NEG_INFINITY)),
        "model: tensor `output_norm.weight` holds -inf at position 7, expected finite numbers"
    );
}

/// The converter stores row `2 j + half` of a head where the original has row `half * d/2 + j`.
#[test]
fn rows_of_q_and_k_come_back_in_their_original_order() {
    let weights = open(&tiny_llama().bytes()).expect("a right file");
    let first_column = |name: &str| -> Vec<f32> {
        let matrix = weights.matrix(&format!("model.layers.0.self_attn.{name}.weight")).expect("there");
        let read = |row| {
            let mut out = [0.0; 1];
            matrix.read_row(row, 0..1, &mut out);
            assert_eq!(&matrix.row_bytes(row).expect("mapped")[..4], out[0].to_le_bytes());
            out[0] / 100.0
        };
        (0..matrix.rows()).map(read).collect()
    };
    assert_eq!(first_column("q_proj"), [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
    assert_eq!(first_column("k_proj"), [0.0, 2.0, 1.0, 3.0]);
    assert_eq!(first_column("v_proj"), [0.0, 1.0, 2.0, 3.0]);
}

#[test]
fn qwen2_rows_stay_and_its_biases_are_required() {
    let mut file = tiny_llama();
    for (key, value) in &mut file.metadata {
        *key = key.replace("llama.", "qwen2.");
        if key == "general.architecture" {
            *value = Value::Text("qwen2");
        }
    }
    assert_eq!(message(&file), "model: tensor `blk.0.attn_q.bias` is missing");
    for (name, rows) in [("q", Q_ROWS), ("k", KV_ROWS), ("v", KV_ROWS)] {
        file.tensors.push(f32_tensor(&format!("blk.0.attn_{name}.bias"), 1, rows));
    }
    let weights = open(&file.bytes()).expect("a right file");
    assert!(weights.config().qkv_bias);
    let mut out = [0.0; 1];
    weights.matrix("model.layers.0.self_attn.q_proj.weight").expect("there").read_row(1, 0..1, &mut out);
    assert_eq!(out, [100.0]);
}

#[test]
fn qwen3_needs_its_head_norms_and_a_window_is_read() {
    let mut file = tiny_llama();
    for (key, value) in &mut file.metadata {
        *key = key.replace("llama.", "qwen3.");
        if key == "general.architecture" {
            *value = Value::Text("qwen3");
        }
    }
    assert_eq!(message(&file), "model: tensor `blk.0.attn_q_norm.weight` is missing");
    for name in ["q", "k"] {
        file.tensors.push(f32_tensor(&format!("blk.0.attn_{name}_norm.weight"), 1, HEAD_DIM));
    }
    file.set("qwen3.attention.key_length", Value::U32(HEAD_DIM as u32));
    let weights = open(&file.bytes()).expect("a right file");
    assert_eq!((weights.config().family, weights.config().qk_norm), (Family::Qwen3, Some(QkNorm::Head)));
    assert_eq!(
        weights.vector("model.layers.0.self_attn.k_norm.weight").expect("there"),
        [0.0, 1.0, 2.0, 3.0]
    );
    let mut out = [0.0; 1];
    weights.matrix("model.layers.0.self_attn.q_proj.weight").expect("there").read_row(1, 0..1, &mut out);
    assert_eq!(out, [100.0], "rows stay");
    assert_eq!((weights.config().sliding_window, weights.config().max_positions()), (None, 64));
    file.set("qwen3.attention.sliding_window", Value::U32(10));
    let sliding = open(&file.bytes()).expect("right");
    assert_eq!((sliding.config().window(0), sliding.config().max_positions()), (Some(10), 64));
}

/// A file as llama.cpp's converter wrote Gemma 3 before it stored the pattern of the layers and the rotation of those that
/// slide: norms are what is multiplied by.
#[test]
fn gemma3_files_say_little_of_their_layers() {
    let mut file = tiny_llama();
    for (key, value) in &mut file.metadata {
        *key = key.replace("llama.", "gemma3.");
        if key == "general.architecture" {
            *value = Value::Text("gemma3");
        }
    }
    assert_eq!(message(&file), "model: tensor `blk.0.post_attention_norm.weight` is missing");
    for (name, cols) in
        [("post_attention", HIDDEN), ("post_ffw", HIDDEN), ("attn_q", HEAD_DIM), ("attn_k", HEAD_DIM)]
    {
        file.tensors.push(f32_tensor(&format!("blk.0.{name}_norm.weight"), 1, cols));
    }
    file.set("gemma3.attention.sliding_window", Value::U32(10));
    let layers = file.tensors.clone();
    for layer in 1..7 {
        let copies = layers.iter().filter(|tensor| tensor.name.starts_with("blk.0."));
        file.tensors.extend(copies.map(|tensor| Tensor {
            name: tensor.name.replace("blk.0.", &format!("blk.{layer}.")),
            ..tensor.clone()
        }));
    }
    file.set("gemma3.block_count", Value::U32(7));
    let weights = open(&file.bytes()).expect("a right file");
    let config = weights.config();
    assert_eq!((config.family, config.sliding_window), (Family::Gemma3, Some(10)));
    assert_eq!(config.sliding_layers, [0, 1, 2, 3, 4, 6]);
    assert_eq!(config.sliding_rope.as_ref().map(|rope| rope.theta), Some(1e4));
    assert_eq!((config.rope.theta, config.attention_scale), (500_000.0, 0.5));
    assert_eq!(config.embedding_scale, 8f32.sqrt());
    let norm = weights.vector("model.layers.0.pre_feedforward_layernorm.weight").expect("there");
    assert_eq!(norm, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], "as stored");
    file.set("gemma3.attention.sliding_window_pattern", Value::U32(0));
    assert_eq!(
        message(&file),
        "model: gemma3.attention.sliding_window_pattern: expected at least 1, found 0"
    );
    file.set("gemma3.attention.sliding_window_pattern", Value::U32(2));
    file.set("gemma3.rope.freq_base_swa", Value::F32(20_000.0));
    file.set("gemma3.rope.scaling.type", Value::Text("linear"));
    file.set("gemma3.rope.scaling.factor", Value::F32(8.0));
    let weights = open(&file.bytes()).expect("a right file");
    let config = weights.config();
    assert_eq!(config.sliding_layers, [0, 2, 4, 6]);
    assert_eq!(config.sliding_rope.as_ref().map(|rope| rope.theta), Some(20_000.0));
    assert_eq!(config.rope.scaling, Some(RopeScaling::Linear { factor: 8.0 }));
}

/// A file as llama.cpp's converter writes Phi-3.
fn tiny_phi3() -> GgufFile {
    let mut file = tiny_llama();
    for (key, value) in &mut file.metadata {
        *key = key.replace("llama.", "phi3.");
        if key == "general.architecture" {
            *value = Value::Text("phi3");
        }
    }
    let parts =
        ["blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight", "blk.0.ffn_gate.weight"];
    file.tensors.retain(|tensor| !parts.contains(&&*tensor.name));
    file.tensors.push(f32_tensor("blk.0.attn_qkv.weight", Q_ROWS + 2 * KV_ROWS, HIDDEN));
    *file.tensor("blk.0.ffn_up.weight") = f32_tensor("blk.0.ffn_up.weight", 2 * FFN, HIDDEN);
    file.set("phi3.rope.dimension_count", Value::U32(2));
    file.set("phi3.rope.scaling.original_context_length", Value::U32(16));
    file.set("phi3.attention.sliding_window", Value::U32(0));
    file
}

#[test]
fn phi3_files_have_fused_projections_and_factors_of_their_own() {
    let mut file = tiny_phi3();
    let weights = open(&file.bytes()).expect("a right file");
    let config = weights.config();
    assert_eq!((config.family, config.fused_projections, config.rotary_dim), (Family::Phi3, true, 2));
    assert_eq!((config.sliding_window, config.max_positions()), (None, 64), "nothing is scaled");
    let shape = |name: &str| {
        let matrix = weights.matrix(&format!("model.layers.0.{name}.weight")).expect("there");
        (matrix.rows(), matrix.cols())
    };
    assert_eq!(shape("self_attn.qkv_proj"), (Q_ROWS + 2 * KV_ROWS, HIDDEN));
    assert_eq!(shape("mlp.gate_up_proj"), (2 * FFN, HIDDEN));

    let factor = |name: &str, factor: f32| {
        let mut tensor = f32_tensor(&format!("rope_factors_{name}.weight"), 1, 1);
        tensor.bytes = factor.to_le_bytes().to_vec();
        tensor
    };
    file.set("phi3.rope.scaling.attn_factor", Value::F32(1.25));
    insta::assert_snapshot!(message(&file), @"model: phi3.rope.scaling.attn_factor is 1.25, supported: 1, or the tensors rope_factors_short and rope_factors_long");
    file.tensors.push(factor("short", 2.0));
    insta::assert_snapshot!(message(&file), @"model: tensor `rope_factors_short.weight` is present, supported: both of them, in phi3 only");
    file.tensors.push(factor("long", 30.0));
    file.set("phi3.attention.sliding_window", Value::U32(7));
    let weights = open(&file.bytes()).expect("a right file");
    let config = weights.config();
    assert_eq!((config.sliding_window, &config.sliding_layers[..]), (Some(7), &[0][..]));
    let scaling = LongRopeScaling {
        short_factor: vec![2.0],
        long_factor: vec![30.0],
        attention_factor: 1.25,
        original_max_position_embeddings: 16,
    };
    assert_eq!(config.rope.scaling, Some(RopeScaling::LongRope(scaling)));
    assert_eq!((config.max_positions(), config.max_position_embeddings), (16, 64));
    assert_eq!(config.rope.inverse_frequencies(2), [0.5]);

    file.tensor("rope_factors_short.weight").bytes = 0f32.to_le_bytes().to_vec();
    insta::assert_snapshot!(message(&file), @"model: rope short_factor: expected 1 positive numbers, found 0");
    let mut file = tiny_phi3();
    file.set("phi3.rope.dimension_count", Value::U32(6));
    insta::assert_snapshot!(message(&file), @"model: rotated part of a head: expected an even number from 2 to the 4 of a head, found 6");
    let mut file = tiny_phi3();
    file.tensors.push(f32_tensor("blk.0.attn_q.weight", Q_ROWS, HIDDEN));
    insta::assert_snapshot!(message(&file), @"model: tensor `blk.0.attn_q.weight` is not part of the phi3 decoder as implemented here");
    let mut file = tiny_phi3();
    file.tensors.retain(|tensor| tensor.name != "blk.0.ffn_up.weight");
    insta::assert_snapshot!(message(&file), @"model: tensor `blk.0.ffn_up.weight` is missing");
    let llama = changed(|file| file.tensors.extend([factor("short", 1.0), factor("long", 1.0)]));
    insta::assert_snapshot!(llama, @"model: tensor `rope_factors_short.weight` is present, supported: both of them, in phi3 only");
}

#[test]
fn the_scaling_of_llama_3_is_recovered_from_its_factors() {
    // transformers: low-frequency waves are divided by 32, high ones kept, between them blended.
    let with_factors = |factors: [f32; 2]| {
        let mut file = tiny_llama();
        let bytes = factors.iter().flat_map(|x| x.to_le_bytes()).collect();
        let name = "rope_freqs.weight".to_owned();
        file.tensors.push(Tensor { name, ne: vec![2], type_id: 0, bytes, offset: None });
        file
    };
    // Head size 4: wave lengths 2 pi and 2 pi sqrt(500000) = 4443; 8192 / 4443 is between 1 and 4 turns.
    let turns = 8192.0 / (2.0 * std::f64::consts::PI * 500_000f64.sqrt());
    let kept = (turns - 1.0) / 3.0;
    let blended = 1.0 / (kept + (1.0 - kept) / 32.0);
    // The largest factor is taken for the scale; here no wave is slow enough to show it.
    let refused = message(&with_factors([1.0, blended as f32]));
    insta::assert_snapshot!(refused, @"model: tensor `rope_freqs.weight` is not the Llama 3 scaling, supported: the factors of Llama 3.1, 3.2 and 3.3");
    let mut file = with_factors([1.0, 32.0]);
    file.set("llama.rope.freq_base", Value::F32(5e8));
    let weights = open(&file.bytes()).expect("a right file");
    let Some(RopeScaling::Llama3(scaling)) = weights.config().rope.scaling.clone() else {
        panic!("not scaled")
    };
    assert_eq!((scaling.factor, scaling.original_max_position_embeddings), (32.0, 8192));
    let frequencies = weights.config().rope.inverse_frequencies(HEAD_DIM);
    assert_eq!(frequencies[0], 1.0);
    assert!((frequencies[1] * 32.0 * 5e8f64.sqrt() - 1.0).abs() < 1e-6); // rounded to f32 as the reference does
}

/// A factor without a type is linear in llama.cpp, and so is one under its older name; 0 is none.
#[test]
fn a_linear_factor_needs_no_type() {
    let scaling = |key: &'static str, factor: f32, kind: Option<&'static str>| {
        let mut file = tiny_llama();
        file.set(key, Value::F32(factor));
        if let Some(kind) = kind {
            file.set("llama.rope.scaling.type", Value::Text(kind));
        }
        open(&file.bytes()).expect("a right file").config().rope.scaling.clone()
    };
    for key in ["llama.rope.scaling.factor", "llama.rope.scale_linear"] {
        for kind in [None, Some("linear")] {
            assert_eq!(scaling(key, 4.0, kind), Some(RopeScaling::Linear { factor: 4.0 }), "{key} {kind:?}");
        }
        assert_eq!(scaling(key, 4.0, Some("none")), None, "{key}");
        assert_eq!((scaling(key, 1.0, None), scaling(key, 0.0, None)), (None, None), "{key}");
    }
}

#[test]
fn what_is_not_implemented_is_refused_by_name() {
    insta::assert_snapshot!(changed(|f| { f.set("general.architecture", Value::Text("mamba")); }),
        @"model: the architecture is mamba, supported: llama, mistral, qwen2, qwen3, gemma3, smollm3, granite, olmo2, phi3");
    insta::assert_snapshot!(changed(|f| { f.set("general.architecture", Value::Text("gemma3n")); }),
        @"model: the architecture is gemma3n, supported: llama, mistral, qwen2, qwen3, gemma3, smollm3, granite, olmo2, phi3; the nearest that works is Gemma 3, such as google/gemma-3-1b-it");
    for (architecture, nearest) in
        [("qwen35", "Qwen/Qwen3-0.6B"), ("gemma4", "google/gemma-3-1b-it"), ("lfm2", "Qwen/Qwen3-0.6B")]
    {
        let refused = changed(|f| {
            f.set("general.architecture", Value::Text(architecture));
        });
        assert!(
            refused.starts_with(&format!("model: the architecture is {architecture}, supported")),
            "{refused}"
        );
        assert!(refused.contains(nearest), "{refused}");
    }
    insta::assert_snapshot!(changed(|f| { f.set("llama.residual_scale", Value::F32(0.5)); }),
        @"model: llama.residual_scale is 0.5, supported: none, as only granite has it");
    insta::assert_snapshot!(changed(|f| { f.set("llama.final_logit_softcapping", Value::F32(30.0)); }),
        @"model: llama.final_logit_softcapping is 30, supported: none");
    insta::assert_snapshot!(changed(|f| { f.set("llama.rope.scaling.type", Value::Text("yarn")); }),
        @"model: llama.rope.scaling.type is yarn, supported: none, linear, rope_freqs");
    insta::assert_snapshot!(changed(|f| { f.set("llama.attention.causal", Value::Raw(7, vec![0])); }),
        @"model: llama.attention.causal is false, supported: true");
    insta::assert_snapshot!(changed(|f| { f.set("llama.nextn_predict_layers", Value::U32(1)); }),
        @"model: llama.nextn_predict_layers is 1, supported: 0");
    insta::assert_snapshot!(changed(|f| { f.set("llama.expert_count", Value::U32(8)); }),
        @"model: llama.expert_count is 8, supported: 0");
    insta::assert_snapshot!(changed(|f| { f.set("llama.rope.dimension_count", Value::U32(2)); }),
        @"model: llama.rope.dimension_count is 2, supported: 4");
    insta::assert_snapshot!(changed(|f| { f.set("general.type", Value::Text("adapter")); }),
        @"model: general.type is adapter, supported: model");
    insta::assert_snapshot!(changed(|f| f.version = 1), @"model: GGUF version is 1, supported: 2 and 3, little-endian");
    insta::assert_snapshot!(changed(|f| f.tensor("token_embd.weight").type_id = 10),
        @"model: tensor `token_embd.weight` is stored as Q2_K, supported: F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K, IQ4_NL");
    insta::assert_snapshot!(changed(|f| f.tensors.push(f32_tensor("blk.0.attn_q_norm.weight", 1, HEAD_DIM))),
        @"model: tensor `blk.0.attn_q_norm.weight` is not part of the llama decoder as implemented here");
    insta::assert_snapshot!(changed(|f| f.tensors.push(f32_tensor("blk.0.attn_q.bias", 1, Q_ROWS))),
        @"model: tensor `blk.0.attn_q.bias` is not part of the llama decoder as implemented here");
}

#[test]
fn what_is_wrong_is_said_with_tensor_and_expectation() {
    insta::assert_snapshot!(changed(|f| f.tensors.retain(|t| t.name != "blk.0.ffn_up.weight")),
        @"model: tensor `blk.0.ffn_up.weight` is missing");
    insta::assert_snapshot!(changed(|f| { f.set("llama.feed_forward_length", Value::U32(16)); }),
        @"model: tensor `blk.0.ffn_gate.weight` has shape [12, 8], the configuration implies [16, 8]");
    insta::assert_snapshot!(changed(|f| { f.set("llama.attention.head_count_kv", Value::U32(3)); }),
        @"model: number of key-value heads: expected a divisor of the 2 heads, found 3");
    insta::assert_snapshot!(changed(|f| { f.set("llama.attention.head_count", Value::U32(0)); }),
        @"model: number of heads: expected 1 to 1073741824, found 0");
    insta::assert_snapshot!(changed(|f| { f.set("llama.block_count", Value::Text("many")); }),
        @r#"model: metadata `llama.block_count`: expected a whole number, not negative, found "many""#);
    insta::assert_snapshot!(changed(|f| f.metadata.retain(|(key, _)| key != "llama.context_length")),
        @"model: metadata `llama.context_length`: expected a value, found nothing");
    insta::assert_snapshot!(changed(|f| { f.set("tokenizer.ggml.eos_token_id", Value::U32(10)); }),
        @"model: an end or begin token: expected below the vocabulary size 10, found 10");
    insta::assert_snapshot!(changed(|f| f.tensor("blk.0.attn_k.weight").offset = Some(1 << 40)),
        @"model: tensor `blk.0.attn_k.weight` ends at byte 1099511629088, the file has 3520 bytes");
    insta::assert_snapshot!(changed(|f| f.tensor("blk.0.attn_k.weight").offset = Some(33)),
        @"model: offset of tensor `blk.0.attn_k.weight`: expected a multiple of 32, found 33");
    insta::assert_snapshot!(changed(|f| f.tensor("blk.0.attn_v.weight").offset = Some(0)),
        @"model: tensors `blk.0.attn_v.weight` and `token_embd.weight`: expected data that do not overlap, found byte 1312 after byte 1184");
    insta::assert_snapshot!(changed(|f| { f.set("general.alignment", Value::U32(24)); }),
        @"model: metadata `general.alignment`: expected a power of two from 8 to 1048576, found 24");
    insta::assert_snapshot!(changed(|f| f.metadata.push(("llama.block_count".to_owned(), Value::U32(1)))),
        @"model: metadata `llama.block_count`: expected one value, found two");
    insta::assert_snapshot!(changed(|f| f.tensors.push(f32_tensor("output_norm.weight", 1, HIDDEN))),
        @"model: tensor `output_norm.weight`: expected one, found two");
    insta::assert_snapshot!(changed(|f| f.tensor("output_norm.weight").type_id = 8),
        @"model: row length of tensor `output_norm.weight`: expected a multiple of 32 for Q8_0, found 8");
    insta::assert_snapshot!(changed(|f| f.tensor("output_norm.weight").ne = vec![0, 8]),
        @"model: shape of tensor `output_norm.weight`: expected no zero, found [8, 0]");
    insta::assert_snapshot!(changed(|f| f.tensor("output_norm.weight").ne = vec![1; 5]),
        @"model: number of dimensions of tensor `output_norm.weight`: expected 1 to 4, found 5");
    insta::assert_snapshot!(changed(|f| f.tensor("output_norm.weight").ne = vec![u64::MAX; 4]),
        @"model: tensor `output_norm.weight` ends at byte 340282366920938463463374607431768211455, the file has 3520 bytes");
}

/// Counts and lengths far beyond the file: refused before anything of that size is allocated.
#[test]
fn huge_counts_are_refused() {
    insta::assert_snapshot!(changed(|f| f.counts = Some((u64::MAX, 12))),
        @"model: number of tensors: expected at most 146, as many as the rest of the file can hold, found 18446744073709551615");
    insta::assert_snapshot!(changed(|f| f.counts = Some((11, 1 << 60))),
        @"model: number of metadata keys: expected at most 268, as many as the rest of the file can hold, found 1152921504606846976");
    let array = |element: u32, len: u64| {
        let mut bytes = element.to_le_bytes().to_vec();
        bytes.extend(len.to_le_bytes());
        Value::Raw(9, bytes)
    };
    insta::assert_snapshot!(changed(|f| { f.set("x", array(8, 1 << 50)); }),
        @"model: x: expected at most 371, as many as the rest of the file can hold, found 1125899906842624");
    insta::assert_snapshot!(changed(|f| { f.set("x", Value::Raw(8, u64::MAX.to_le_bytes().to_vec())); }),
        @"model: x: expected at most 2976, as many as the rest of the file can hold, found 18446744073709551615");
    insta::assert_snapshot!(changed(|f| { f.set("x", Value::Raw(13, vec![])); }),
        @"model: type of metadata `x`: expected a number from 0 to 12, found 13");
    // An array of an array of an array ...
    let nested = (0..1000).flat_map(|_| [9u32.to_le_bytes().to_vec(), 1u64.to_le_bytes().to_vec()].concat());
    let nested: Vec<u8> = nested.collect();
    insta::assert_snapshot!(changed(|f| { f.set("x", Value::Raw(9, nested)); }),
        @"model: metadata `x`: expected arrays nested at most 4 deep, found deeper ones");
}

#[test]
fn arrays_and_texts_of_the_metadata() {
    let mut file = tiny_llama();
    let mut tokens = 8u32.to_le_bytes().to_vec();
    tokens.extend(2u64.to_le_bytes());
    text(&mut tokens, "Ġthe");
    text(&mut tokens, "");
    let mut types = 5u32.to_le_bytes().to_vec();
    types.extend(2u64.to_le_bytes());
    types.extend([1i32, -3].iter().flat_map(|n| n.to_le_bytes()));
    file.set("tokens", Value::Raw(9, tokens)).set("types", Value::Raw(9, types));
    let weights = open(&file.bytes()).expect("a right file");
    let metadata = weights.gguf().expect("a GGUF file");
    assert_eq!(metadata.strings("tokens").expect("texts"), Some(vec!["Ġthe", ""]));
    assert_eq!(metadata.integers("types").expect("numbers"), Some(vec![1, -3]));
    assert!(metadata.strings("types").is_err() && metadata.integers("tokens").is_err());
    assert_eq!(metadata.strings("absent").expect("no error"), None);
    assert!(metadata.keys().contains(&"llama.block_count"));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = tiny_llama().bytes();
    for len in 0..whole.len() {
        assert!(open(&whole[..len]).is_err(), "cut to {len} of {} bytes", whole.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever the bytes: an error, or a model whose every row can be read.
    #[test]
    fn damaged_files_do_no_harm(changes in prop::collection::vec((0usize..2400, any::<u8>()), 1..6)) {
        let mut bytes = tiny_llama().bytes();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        if let Ok(weights) = open(&bytes) {
            let tensors: Vec<_> = weights.tensors().map(|t| (t.name.to_owned(), t.shape.len())).collect();
            for (name, dimensions) in tensors {
                if dimensions == 1 {
                    weights.vector(&name).expect("checked at open");
                } else {
                    let matrix = weights.matrix(&name).expect("checked at open");
                    let mut out = vec![0.0; matrix.cols()];
                    (0..matrix.rows()).for_each(|row| matrix.read_row(row, 0..matrix.cols(), &mut out));
                }
            }
        }
    }
}

/// `testdata/golden/make_tiny_chat.py` writes one model in both forms, the GGUF with gguf-py.
#[test]
fn a_gguf_file_and_a_folder_hold_the_same_model() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden");
    let file = Weights::open(&golden.join("tiny-chat.gguf")).expect("a right file");
    assert_eq!(file.matrix("model.embed_tokens.weight").expect("there").dtype(), DType::Q8_0);
    require_same(&file, &Weights::open(&golden.join("tiny-chat")).expect("a right folder"));
}

/// `AFFINAGE_ORACLE` holds `smol.gguf` (SmolLM2-135M-Instruct, Q4_1) and `smol-hf`, what transformers unpacks it to.
#[test]
#[ignore = "needs AFFINAGE_ORACLE"]
fn smollm2_unpacks_as_in_transformers() {
    let oracle = std::env::var("AFFINAGE_ORACLE").expect("AFFINAGE_ORACLE is set");
    let open = |name: &str| Weights::open(&Path::new(&oracle).join(name)).expect("a right model");
    require_same(&open("smol.gguf"), &open("smol-hf"));
}

fn require_same(file: &Weights, folder: &Weights) {
    assert_eq!(file.config(), folder.config());
    let names: Vec<_> = folder.tensors().map(|tensor| (tensor.name.to_owned(), tensor.shape.len())).collect();
    assert_eq!(names.len(), file.tensors().count());
    for (name, dimensions) in names {
        if dimensions == 1 {
            assert_eq!(file.vector(&name).expect("there"), folder.vector(&name).expect("there"), "{name}");
            continue;
        }
        let (a, b) = (file.matrix(&name).expect("there"), folder.matrix(&name).expect("there"));
        let (mut part, mut row_b) = (vec![0.0; 32], vec![0.0; a.cols()]);
        for row in 0..a.rows() {
            b.read_row(row, 0..b.cols(), &mut row_b);
            for start in (0..a.cols()).step_by(32) {
                a.read_row(row, start..start + 32, &mut part);
                assert_eq!(part, row_b[start..start + 32], "{name} row {row}");
            }
        }
    }
}
