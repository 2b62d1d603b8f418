//! Gemma 3 270M against transformers: logits within a window and beyond it, greedy text, and the gradients of one step.
//!
//! `AFFINAGE_GEMMA3` names the folder that `testdata/golden/make_gemma3.py` wrote from the GGUF file.

use affinage_engine::checkpoint::{load_adapter, tensor_name};
use affinage_engine::generate::{Generator, Request, Sampling};
use affinage_engine::model::{Document, Model, Pass};
use affinage_engine::optim::{AdamW, Schedule};
use affinage_engine::train::{TrainConfig, Trainer};
use affinage_engine::weights::Weights;
use safetensors::SafeTensors;
use std::path::PathBuf;

fn numbers(tensors: &SafeTensors, name: &str) -> Vec<f64> {
    let tensor = tensors.tensor(name).unwrap_or_else(|_| panic!("{name} is missing"));
    let data = tensor.data();
    match tensor.dtype() {
        safetensors::Dtype::F32 => {
            data.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect()
        }
        safetensors::Dtype::F64 => data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        safetensors::Dtype::I32 => {
            data.as_chunks().0.iter().map(|b| f64::from(i32::from_le_bytes(*b))).collect()
        }
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
#[ignore = "needs AFFINAGE_GEMMA3"]
fn logits_text_and_gradients_match_transformers() {
    let folder = PathBuf::from(std::env::var("AFFINAGE_GEMMA3").expect("AFFINAGE_GEMMA3 names the folder"));
    let bytes = std::fs::read(folder.join("gemma3.safetensors")).unwrap();
    let golden = SafeTensors::deserialize(&bytes).unwrap();
    let ids = |name: &str| -> Vec<u32> { numbers(&golden, name).iter().map(|id| *id as u32).collect() };
    let weights = Weights::open(&folder.join("model.gguf")).unwrap();
    let mut model = Model::load(&weights).unwrap();
    let config = model.config().clone();
    assert_eq!((config.layers, config.sliding_window, config.sliding_layers.len()), (18, Some(512), 15));

    for name in ["short", "long"] {
        let (ids, want) = (ids(name), numbers(&golden, &format!("{name}.logits")));
        let logits = model.logits(&ids, Pass::default());
        let last = &logits[logits.len() - config.vocab_size..];
        let worst = last.iter().zip(&want).map(|(g, w)| (f64::from(*g) - w).abs()).fold(0.0, f64::max);
        let size = want.iter().fold(0.0, |size: f64, w| size.max(w.abs()));
        eprintln!("{name}, {} tokens: worst logit off by {worst:e} of {size}", ids.len());
        assert!(worst < 2e-4, "{name}: {worst:e}");
    }

    let document = Document {
        row_id: 0,
        ids: &ids("long"),
        loss_mask: &{
            let mut mask = vec![false; ids("long").len()];
            let first = mask.len() - 64;
            mask[first..].fill(true);
            mask
        },
    };
    let train = TrainConfig {
        optimizer: AdamW::default(),
        schedule: Schedule::Constant,
        learning_rate: 2e-4,
        lora_plus_ratio: 1.0,
        warmup_steps: 0,
        total_steps: 1,
        clip_norm: 1.0,
        micro_batch_tokens: 1024,
        recompute_layers: 0,
        seed: 0,
    };
    let adapter = load_adapter(&folder.join("adapter"), &config).unwrap();
    let layout = adapter.layout.clone();
    let mut trainer = Trainer::new(&model, adapter, train);
    let loss = trainer.gradient(&[document]).unwrap().mean();
    let (want, in_f64) = (numbers(&golden, "loss")[0], numbers(&golden, "loss_f64")[0]);
    eprintln!("loss {loss}, transformers {want}, in f64 {in_f64}");
    assert!((loss - in_f64).abs() < 2e-5 * in_f64);
    let (mut ours, mut theirs) = (0.0f64, 0.0f64);
    for pair in &layout.pairs {
        for (matrix, range) in [("lora_A", &pair.a), ("lora_B", &pair.b)] {
            let key = tensor_name(pair, matrix);
            let exact = numbers(&golden, &format!("grad64.{key}"));
            let error = |got: &[f64]| {
                let difference: f64 = got.iter().zip(&exact).map(|(g, w)| (g - w).powi(2)).sum();
                (difference / exact.iter().map(|w| w * w).sum::<f64>()).sqrt()
            };
            let got: Vec<f64> =
                trainer.last_gradient()[range.clone()].iter().map(|g| f64::from(*g)).collect();
            ours = ours.max(error(&got));
            theirs = theirs.max(error(&numbers(&golden, &format!("grad.{key}"))));
        }
    }
    eprintln!("worst gradient tensor beside f64: {ours:e}; PyTorch in f32 {theirs:e}");
    assert!(ours < 5e-4 && ours < 2.0 * theirs.max(1e-5), "{ours:e} {theirs:e}");
    drop(trainer);

    model.pack();
    let greedy = numbers(&golden, "greedy");
    let mut generator = Generator::new(&model, None, &[]);
    let sampling = Sampling { temperature: 0.0, top_p: 1.0, top_k: 0 };
    generator.start(Request { prompt: ids("short"), sampling, seed: 0, max_new_tokens: greedy.len() });
    let mut text = Vec::new();
    while generator.active() > 0 {
        text.extend(generator.step().iter().filter_map(|emitted| emitted.token));
    }
    assert_eq!(text, ids("greedy"), "gaps {:?}", numbers(&golden, "gaps"));

    // Beyond the window, decoding over the cache and a whole pass agree to the bit.
    let long = ids("long");
    let whole = model.logits(&long, Pass::default());
    let mut cache = model.new_cache(long.len());
    let mut space = affinage_engine::model::Workspace::default();
    for (start, end) in [(0, 650), (650, 651), (651, long.len())] {
        let rows =
            affinage_engine::model::Continued { ids: &long[start..end], cache: &mut cache, adapter: None };
        let logits = model.forward_cached(&mut [rows], &mut space);
        assert_eq!(logits, whole[(end - 1) * config.vocab_size..end * config.vocab_size]);
    }
}
