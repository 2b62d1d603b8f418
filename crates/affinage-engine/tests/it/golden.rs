//! The engine against PyTorch, transformers and peft on tiny random models (`testdata/golden/make_golden.py`).

use affinage_engine::checkpoint::{load_adapter, tensor_name};
use affinage_engine::generate::{Generator, Request, Sampling, score_continuations};
use affinage_engine::lora::{Adapter, LoraConfig, Target};
use affinage_engine::model::{Batch, Document, Model, Pass, Workspace};
use affinage_engine::optim::{AdamW, Schedule, norm};
use affinage_engine::train::{TrainConfig, Trainer, document_nll};
use affinage_engine::weights::Weights;
use safetensors::SafeTensors;
use std::path::PathBuf;

const MODELS: [&str; 10] = [
    "tiny-llama",
    "tiny-llama3",
    "tiny-qwen2",
    "tiny-qwen3",
    "tiny-mistral",
    "tiny-gemma3",
    "tiny-smollm3",
    "tiny-granite",
    "tiny-olmo2",
    "tiny-phi3",
];

fn folder(model: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden").join(model)
}

struct Golden {
    bytes: Vec<u8>,
}

impl Golden {
    fn open(model: &str) -> Golden {
        Golden { bytes: std::fs::read(folder(model).join("golden.safetensors")).unwrap() }
    }

    fn numbers(&self, name: &str) -> Vec<f64> {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        let tensor = tensors.tensor(name).unwrap_or_else(|_| panic!("golden tensor {name}"));
        let data = tensor.data();
        match tensor.dtype() {
            safetensors::Dtype::F32 => {
                data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b) as f64).collect()
            }
            safetensors::Dtype::F64 => data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
            safetensors::Dtype::I32 => {
                data.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b) as f64).collect()
            }
            other => panic!("{name} is {other:?}"),
        }
    }

    fn rows(&self) -> Vec<(Vec<u32>, Vec<bool>)> {
        let ids = |i| self.numbers(&format!("doc{i}.ids")).into_iter().map(|id| id as u32).collect();
        let mask = |i| self.numbers(&format!("doc{i}.mask")).into_iter().map(|m| m == 1.0).collect();
        (0..3).map(|i| (ids(i), mask(i))).collect()
    }
}

fn documents(rows: &[(Vec<u32>, Vec<bool>)]) -> Vec<Document<'_>> {
    rows.iter()
        .enumerate()
        .map(|(i, (ids, mask))| Document { row_id: i as u64, ids, loss_mask: mask })
        .collect()
}

fn open(model: &str) -> (Model, Adapter, Golden) {
    let weights = Weights::open(&folder(model)).unwrap();
    let adapter = load_adapter(&folder(model).join("adapter"), weights.config()).unwrap();
    (Model::load(&weights).unwrap(), adapter, Golden::open(model))
}

fn config(seed: u64) -> TrainConfig {
    TrainConfig {
        optimizer: AdamW { weight_decay: 0.01, ..AdamW::default() },
        schedule: Schedule::Linear,
        learning_rate: 0.01,
        lora_plus_ratio: 1.0,
        warmup_steps: 2,
        total_steps: 10,
        clip_norm: 1.0,
        micro_batch_tokens: 1024,
        recompute_layers: 0,
        seed,
    }
}

/// `||got - want|| / ||want||`.
fn relative(got: &[f32], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let difference: f64 = got.iter().zip(want).map(|(g, w)| (*g as f64 - w).powi(2)).sum();
    (difference / want.iter().map(|w| w * w).sum::<f64>()).sqrt()
}

#[test]
fn logits_match() {
    for name in MODELS {
        let (model, adapter, golden) = open(name);
        for (i, (ids, _)) in golden.rows().iter().enumerate() {
            for (adapter, suffix) in [(None, ""), (Some(&adapter), "_adapter")] {
                let logits = model.logits(ids, Pass { adapter, dropout: None });
                let want = golden.numbers(&format!("doc{i}.logits{suffix}"));
                let worst = logits.iter().zip(&want).map(|(g, w)| (*g as f64 - w).abs()).fold(0.0, f64::max);
                assert!(worst < 2e-5, "{name} doc{i}{suffix}: {worst:e}"); // f32 rounding; logits are of order 1
            }
        }
    }
}

#[test]
fn rank_stabilised_scale_matches() {
    let (model, _, golden) = open("tiny-qwen2");
    let adapter = load_adapter(&folder("tiny-qwen2").join("adapter-rslora"), model.config()).unwrap();
    assert_eq!(adapter.config.targets, [Target::QProj, Target::VProj]);
    for (i, (ids, _)) in golden.rows().iter().enumerate() {
        let logits = model.logits(ids, Pass { adapter: Some(&adapter), dropout: None });
        let want = golden.numbers(&format!("doc{i}.logits_rslora"));
        let worst = logits.iter().zip(&want).map(|(g, w)| (*g as f64 - w).abs()).fold(0.0, f64::max);
        assert!(worst < 2e-5, "doc{i}: {worst:e}");
    }
}

/// What a family with fused projections adds is where the weights lie: a Llama whose matrices are put together computes the
/// same bits.
#[test]
fn a_llama_with_fused_projections_is_the_same_model() {
    let dir = tempfile::tempdir().unwrap();
    let config = std::fs::read_to_string(folder("tiny-llama").join("config.json")).unwrap();
    let config = config.replace("\"llama\"", "\"phi3\"").replace("LlamaForCausalLM", "Phi3ForCausalLM");
    std::fs::write(dir.path().join("config.json"), config).unwrap();
    let bytes = std::fs::read(folder("tiny-llama").join("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut whole: std::collections::BTreeMap<String, (usize, Vec<u8>)> = Default::default();
    let parts = [
        (".q_proj", ".qkv_proj"),
        (".k_proj", ".qkv_proj"),
        (".v_proj", ".qkv_proj"),
        (".gate_proj", ".gate_up_proj"),
        (".up_proj", ".gate_up_proj"),
    ];
    for (part, fused) in parts {
        for (name, tensor) in tensors.tensors().into_iter().filter(|(name, _)| name.contains(part)) {
            let (rows, data) = whole.entry(name.replace(part, fused)).or_default();
            *rows += tensor.shape()[0];
            data.extend(tensor.data());
        }
    }
    let views = whole.iter().map(|(name, (rows, data))| {
        let shape = vec![*rows, data.len() / 4 / rows];
        (name.clone(), safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape, data).unwrap())
    });
    let is_part = |name: &str| parts.iter().any(|(part, _)| name.contains(part));
    let others = tensors.tensors().into_iter().filter(|(name, _)| !is_part(name));
    let file = safetensors::serialize(others.chain(views), None).unwrap();
    std::fs::write(dir.path().join("model.safetensors"), file).unwrap();
    let fused = Weights::open(dir.path()).unwrap();
    assert!(fused.config().fused_projections);
    let (mut fused, (mut separate, _, golden)) = (Model::load(&fused).unwrap(), open("tiny-llama"));
    for packed in [false, true] {
        if packed {
            fused.pack();
            separate.pack();
        }
        for (ids, _) in golden.rows() {
            let logits = |model: &Model| model.logits(&ids, Pass::default());
            assert_eq!(logits(&fused), logits(&separate), "packed: {packed}");
        }
    }
}

#[test]
fn loss_and_every_gradient_match() {
    for name in MODELS {
        let (model, adapter, golden) = open(name);
        let rows = golden.rows();
        let mut trainer = Trainer::new(&model, adapter, config(0));
        let nll = trainer.gradient(&documents(&rows)).unwrap();
        let loss = golden.numbers("loss")[0];
        assert!((nll.mean() - loss).abs() < 1e-6 * loss, "{name}: {} {loss}", nll.mean());
        let grad_norm = golden.numbers("grad_norm")[0];
        assert!((norm(trainer.last_gradient()) - grad_norm).abs() < 1e-5 * grad_norm);
        let layout = trainer.adapter.layout.clone();
        for pair in &layout.pairs {
            for (matrix, range) in [("lora_A", &pair.a), ("lora_B", &pair.b)] {
                let key = tensor_name(pair, matrix);
                let want = golden.numbers(&format!("grad.{key}"));
                let error = relative(&trainer.last_gradient()[range.clone()], &want);
                assert!(error < 1e-5, "{name} {key}: {error:e}"); // f32 itself is 1.5e-6 from f64 here
            }
        }
    }
}

#[test]
fn ten_steps_match() {
    for name in MODELS {
        let (model, adapter, golden) = open(name);
        let (rows, start) = (golden.rows(), adapter.clone());
        let mut trainer = Trainer::new(&model, adapter, config(0));
        let want = ["step_losses", "step_grad_norms", "step_lrs"].map(|name| golden.numbers(name));
        for step in 0..10 {
            let report = trainer.step(&documents(&rows)).unwrap();
            let got = [report.loss, report.grad_norm, report.learning_rate];
            for (got, want) in got.iter().zip(&want) {
                assert!(
                    (got - want[step]).abs() <= 2e-5 * want[step].abs(),
                    "{name} step {step}: {got} {}",
                    want[step]
                );
            }
        }
        for pair in &start.layout.pairs {
            for (matrix, range) in [("lora_A", &pair.a), ("lora_B", &pair.b)] {
                let key = tensor_name(pair, matrix);
                let difference = |end: f64, i: usize| end - start.values[range.start + i] as f64;
                let want = golden.numbers(&format!("final.{key}"));
                let want: Vec<f64> =
                    want.into_iter().enumerate().map(|(i, end)| difference(end, i)).collect();
                let got = trainer.adapter.values[range.clone()].iter().enumerate();
                let got: Vec<f32> = got.map(|(i, end)| difference(*end as f64, i) as f32).collect();
                let error = relative(&got, &want);
                assert!(error < 1e-4, "{name} {key}: {error:e}"); // f32 is 6e-6 from f64; no weight decay gives 6e-4
            }
        }
    }
}

#[test]
fn packing_and_micro_batches_change_nothing_beyond_rounding() {
    for name in MODELS {
        let (model, adapter, golden) = open(name);
        let rows = golden.rows();
        let together = document_nll(&model, Some(&adapter), &documents(&rows), 1024, |_| {});
        let apart = document_nll(&model, Some(&adapter), &documents(&rows), 1, |_| {});
        assert_eq!(together, apart, "{name}: a document's loss depends on its neighbours");
        let gradient = |micro_batch_tokens| {
            let mut trainer =
                Trainer::new(&model, adapter.clone(), TrainConfig { micro_batch_tokens, ..config(0) });
            trainer.gradient(&documents(&rows)).unwrap();
            trainer.last_gradient().iter().map(|g| *g as f64).collect::<Vec<f64>>()
        };
        let (whole, parts) = (gradient(1024), gradient(1));
        let parts: Vec<f32> = parts.into_iter().map(|g| g as f32).collect();
        assert!(relative(&parts, &whole) < 1e-6, "{name}: 1 x 3 rows and 3 x 1 row differ");
    }
}

#[test]
fn layers_that_are_run_again_give_the_same_bits() {
    for name in MODELS {
        let (model, adapter, golden) = open(name);
        let rows = golden.rows();
        let gradient = |recompute_layers| {
            let mut trainer =
                Trainer::new(&model, adapter.clone(), TrainConfig { recompute_layers, ..config(0) });
            trainer.gradient(&documents(&rows)).unwrap();
            trainer.last_gradient().to_vec()
        };
        let kept = gradient(0);
        assert!(kept.iter().any(|value| *value != 0.0));
        for again in 1..=model.config().layers {
            assert_eq!(gradient(again), kept, "{name}: {again} layers run again");
        }
    }
}

#[test]
fn one_two_and_three_threads_give_the_same_bits() {
    for name in MODELS {
        let (model, adapter, golden) = open(name);
        let rows = golden.rows();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut trainer = Trainer::new(&model, adapter.clone(), config(0));
                for _ in 0..3 {
                    trainer.step(&documents(&rows)).unwrap();
                }
                trainer.adapter.values
            })
        };
        let one = run(1);
        assert_eq!(one, run(2));
        assert_eq!(one, run(3));
    }
}

#[test]
fn every_trainable_tensor_moves_and_an_untrained_adapter_changes_nothing() {
    for name in MODELS {
        let (model, _, golden) = open(name);
        let rows = golden.rows();
        for dropout in [0.0, 0.3] {
            let lora =
                LoraConfig { rank: 3, alpha: 6.0, use_rslora: false, dropout, targets: Target::ALL.to_vec() };
            let fresh = Adapter::new(lora, model.config(), 5);
            let base = document_nll(&model, None, &documents(&rows), 1024, |_| {});
            assert_eq!(base, document_nll(&model, Some(&fresh), &documents(&rows), 1024, |_| {}));
            let mut trainer =
                Trainer::new(&model, fresh.clone(), TrainConfig { warmup_steps: 0, ..config(1) });
            for _ in 0..3 {
                trainer.step(&documents(&rows)).unwrap();
            }
            assert_eq!(
                fresh.layout.pairs.len(),
                model.config().layers * Target::of(model.config()).len(),
                "{name}: an adapter on every linear layer"
            );
            for pair in &fresh.layout.pairs {
                for range in [&pair.a, &pair.b] {
                    let (before, after) =
                        (&fresh.values[range.clone()], &trainer.adapter.values[range.clone()]);
                    assert_ne!(before, after, "{name} {:?} of layer {}", pair.target, pair.layer);
                }
            }
        }
    }
}

#[test]
fn dropout_masks_do_not_depend_on_packing() {
    let (model, mut adapter, golden) = open("tiny-llama");
    adapter.config.dropout = 0.25;
    let rows = golden.rows();
    let gradient = |micro_batch_tokens| {
        let mut trainer =
            Trainer::new(&model, adapter.clone(), TrainConfig { micro_batch_tokens, ..config(3) });
        let nll = trainer.gradient(&documents(&rows)).unwrap();
        (nll.sum, trainer.last_gradient().to_vec())
    };
    let (together, apart) = (gradient(1024), gradient(1));
    assert!((together.0 - apart.0).abs() < 1e-9);
    let wide: Vec<f64> = together.1.iter().map(|g| *g as f64).collect();
    assert!(relative(&apart.1, &wide) < 1e-6);
    adapter.config.dropout = 0.0;
    let mut plain = Trainer::new(&model, adapter, config(3));
    assert_ne!(plain.gradient(&documents(&rows)).unwrap().sum, together.0);
}

/// Dropout's backward against a central difference of its own loss, with the masks held fixed by the counter.
#[test]
fn gradient_under_dropout_matches_a_finite_difference() {
    ["tiny-qwen2", "tiny-qwen3", "tiny-gemma3", "tiny-olmo2", "tiny-phi3"]
        .into_iter()
        .for_each(require_finite_difference);
}

fn require_finite_difference(name: &str) {
    let (model, mut adapter, golden) = open(name);
    adapter.config.dropout = 0.25;
    let rows = golden.rows();
    let mut trainer = Trainer::new(&model, adapter.clone(), config(3));
    trainer.gradient(&documents(&rows)).unwrap();
    let grad = trainer.last_gradient().to_vec();
    // Along the gradient, bent a little so that parts of it do not only confirm each other.
    let length = norm(&grad) as f32;
    let direction: Vec<f32> =
        grad.iter().enumerate().map(|(i, g)| g / length * (1.0 + 0.5 * (i as f32).sin())).collect();
    let analytic: f64 = grad.iter().zip(&direction).map(|(g, d)| *g as f64 * *d as f64).sum();
    let at = |t: f32| {
        let mut moved = adapter.clone();
        moved.values.iter_mut().zip(&direction).for_each(|(v, d)| *v += t * d);
        Trainer::new(&model, moved, config(3)).gradient(&documents(&rows)).unwrap().mean()
    };
    let h = 5e-3;
    let numeric = (at(h) - at(-h)) / (2.0 * h as f64);
    assert!((numeric - analytic).abs() < 2e-3 * analytic.abs(), "{name}: {numeric} {analytic}"); // f32 loss, step 5e-3
}

#[test]
fn resumed_training_repeats_uninterrupted_training_bit_for_bit() {
    use affinage_engine::checkpoint::{load_moments, save_adapter, save_moments};
    let (model, mut adapter, golden) = open("tiny-llama3");
    adapter.config.dropout = 0.1;
    let rows = golden.rows();
    let mut whole = Trainer::new(&model, adapter.clone(), config(2));
    let whole_losses: Vec<f64> = (0..6).map(|_| whole.step(&documents(&rows)).unwrap().loss).collect();
    let mut first = Trainer::new(&model, adapter, config(2));
    for _ in 0..3 {
        first.step(&documents(&rows)).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    save_adapter(&first.adapter, "tiny", dir.path()).unwrap();
    save_moments(&first.moments, dir.path()).unwrap();
    let adapter = load_adapter(dir.path(), model.config()).unwrap();
    let moments = load_moments(dir.path(), adapter.values.len()).unwrap();
    let mut second = Trainer::resume(&model, adapter, moments, 3, config(2));
    let losses: Vec<f64> = (0..3).map(|_| second.step(&documents(&rows)).unwrap().loss).collect();
    assert_eq!(losses, whole_losses[3..]);
    assert_eq!(second.adapter.values, whole.adapter.values);
    assert_eq!(second.moments, whole.moments);
}

#[test]
fn decoding_with_a_cache_equals_whole_forwards_alone_and_in_a_batch() {
    for name in MODELS {
        let (mut model, adapter, golden) = open(name);
        model.pack();
        let rows = golden.rows();
        let greedy = Sampling { temperature: 0.0, top_p: 1.0, top_k: 0 };
        let request = |row: usize, sampling| Request {
            prompt: rows[row].0.clone(),
            sampling,
            seed: row as u64,
            max_new_tokens: 6 + row,
        };
        let generate = |requests: Vec<Request>| {
            let mut generator = Generator::new(&model, Some(&adapter), &[]);
            let mut texts = vec![Vec::new(); requests.len()];
            for request in requests {
                generator.start(request);
            }
            while generator.active() > 0 {
                for emitted in generator.step() {
                    texts[emitted.sequence].extend(emitted.token);
                }
            }
            texts
        };
        for sampling in [greedy, Sampling { temperature: 0.9, top_p: 0.9, top_k: 20 }] {
            let together = generate((0..3).map(|row| request(row, sampling)).collect());
            for (row, text) in together.iter().enumerate() {
                assert_eq!(generate(vec![request(row, sampling)])[0], *text, "{name}");
                assert_eq!(text.len(), 6 + row);
            }
        }
        let text = &generate(vec![request(0, greedy)])[0];
        let mut ids = rows[0].0.clone();
        for token in text {
            let logits = model.logits(&ids, Pass { adapter: Some(&adapter), dropout: None });
            let last = &logits[logits.len() - model.config().vocab_size..];
            let best = (0..last.len()).max_by(|a, b| last[*a].total_cmp(&last[*b])).unwrap();
            assert_eq!(best as u32, *token);
            ids.push(*token);
        }
    }
}

/// Base and two adapters in one batch, prompts' beginnings computed once: every sequence is what it is alone.
#[test]
fn arms_in_one_batch_and_shared_beginnings_change_nothing() {
    for name in MODELS {
        let (mut model, adapter, golden) = open(name);
        model.pack();
        let mut other = adapter.clone();
        other.values.iter_mut().for_each(|value| *value *= -1.5);
        let arms = [None, Some(&adapter), Some(&other)];
        let rows = golden.rows();
        let request = |row: usize, seed: u64| Request {
            prompt: rows[row].0.clone(),
            sampling: Sampling { temperature: 0.8, top_p: 1.0, top_k: 0 },
            seed,
            max_new_tokens: 5 + row,
        };
        let finish = |mut generator: Generator, sequences: usize| {
            let mut texts = vec![Vec::new(); sequences];
            while generator.active() > 0 {
                for emitted in generator.step() {
                    texts[emitted.sequence].extend(emitted.token);
                }
            }
            texts
        };
        let alone = |arm: usize, row: usize, seed: u64| {
            let mut generator = Generator::new(&model, arms[arm], &[]);
            generator.start(request(row, seed));
            finish(generator, 1).remove(0)
        };
        for threads in [1, 2, 3] {
            let mut generator = Generator::with_arms(&model, &arms, &[]);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut started = Vec::new();
            let texts = pool.install(|| {
                for (row, (prompt, _)) in rows.iter().enumerate().take(3) {
                    generator.cache_prefix(1, &prompt[..1]);
                    generator.cache_prefix(1, &prompt[..prompt.len() - 1]);
                    generator.cache_prefix(2, &prompt[..2]);
                    for seed in 0..2 {
                        for arm in 0..3 {
                            let sequence = generator.start_in(arm, request(row, seed));
                            assert_eq!(sequence, started.len());
                            started.push((arm, row, seed));
                        }
                    }
                    generator.evict_prefix(1, &prompt[..prompt.len() - 1]);
                }
                finish(generator, started.len())
            });
            for ((arm, row, seed), text) in started.iter().zip(&texts) {
                assert_eq!(
                    *text,
                    alone(*arm, *row, *seed),
                    "{name}, arm {arm}, row {row}, {threads} threads"
                );
            }
            let of = |arm| -> Vec<_> {
                started.iter().zip(&texts).filter(|(key, _)| key.0 == arm).map(|(_, text)| text).collect()
            };
            assert!(of(0) != of(1) && of(1) != of(2), "{name}: the arms differ");
        }
    }
}

#[test]
fn an_end_token_stops_and_is_not_part_of_the_text() {
    let (model, adapter, golden) = open("tiny-llama");
    let prompt = golden.rows()[0].0.clone();
    let sampling = Sampling { temperature: 0.0, top_p: 1.0, top_k: 0 };
    let run = |end_tokens: &[u32]| {
        let mut generator = Generator::new(&model, Some(&adapter), end_tokens);
        generator.start(Request { prompt: prompt.clone(), sampling, seed: 0, max_new_tokens: 5 });
        let mut all = Vec::new();
        while generator.active() > 0 {
            all.extend(generator.step());
        }
        all
    };
    let free: Vec<u32> = run(&[]).iter().filter_map(|emitted| emitted.token).collect();
    assert_eq!(free.len(), 5);
    let first = free.iter().position(|token| *token == free[2]).unwrap();
    let stopped = run(&[free[2]]);
    assert_eq!(stopped.len(), first + 1);
    assert_eq!(stopped[first].token, None);
    assert_eq!(stopped[first].finish, Some(affinage_engine::generate::Finish::Stop));
}

#[test]
fn continuation_scores_equal_document_likelihoods() {
    let (model, adapter, golden) = open("tiny-qwen2");
    let (ids, _) = &golden.rows()[2];
    let (prefix, continuation) = ids.split_at(ids.len() - 3);
    let scores = score_continuations(&model, Some(&adapter), prefix, &[continuation, &continuation[..1]]);
    let mut mask = vec![false; ids.len()];
    mask[prefix.len()..].fill(true);
    let document = Document { row_id: 0, ids, loss_mask: &mask };
    let batch = Batch::pack(&[document]);
    let pass = Pass { adapter: Some(&adapter), dropout: None };
    let nll = model.document_nll(&batch, pass, &mut Workspace::default())[0];
    assert!((scores[0] + nll.sum).abs() < 1e-9, "{} {}", scores[0], nll.sum);
    assert!(scores[1] > scores[0]);
}

#[test]
fn lora_plus_speeds_up_b_alone() {
    let (model, adapter, golden) = open("tiny-llama");
    let rows = golden.rows();
    let start = adapter.values.clone();
    let moved = |lora_plus_ratio| {
        let config = TrainConfig { lora_plus_ratio, warmup_steps: 0, ..config(0) };
        let mut trainer = Trainer::new(&model, adapter.clone(), config);
        trainer.step(&documents(&rows)).unwrap();
        trainer.adapter.values
    };
    let (plain, plus) = (moved(1.0), moved(4.0));
    for pair in &adapter.layout.pairs {
        assert_eq!(plain[pair.a.clone()], plus[pair.a.clone()]);
        for i in pair.b.clone() {
            let (slow, fast) = (plain[i] - start[i], plus[i] - start[i]);
            assert!((fast - 4.0 * slow).abs() < 1e-4 * fast.abs() + 1e-6, "{slow} {fast}");
        }
    }
}
