//! One number for a training run and one for generations: every instruction set of every machine must come to it.

use crate::checkpoint::load_adapter;
use crate::export::{Merged, save_gguf};
use crate::generate::{Generator, Request, Sampling};
use crate::kernels::arch::on_every_isa;
use crate::kernels::random::Random;
use crate::lora::Adapter;
use crate::model::{Document, Model, Pass};
use crate::optim::{AdamW, Schedule};
use crate::train::{TrainConfig, Trainer};
use crate::weights::{Precision, Weights};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// A model of the two kinds of layers that differ most, with the hash of a training run and that of generations. A change
/// of these is a change of the arithmetic: runs and answers of earlier versions come out otherwise.
const MODELS: [(&str, &str, &str); 2] = [
    (
        "tiny-qwen2",
        "db6d88b8388c8da99c550a27ea1c0c2d4c6577625e2c16981484063a7ca86d09",
        "3b22593173ec87a04bee2baf85bbb750827b6b29c3ed3227699117a50a6bb603",
    ),
    (
        "tiny-gemma3",
        "42a73a38eeed575abd78b1960ea1e6415d97b414a1cf3f0526a535ce24f0cc13",
        "0028a3de98d61194c833dd8ee22d6b4c57182028da746a73824dab130af00c10",
    ),
];

fn open(model: &str) -> (Weights, Adapter) {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden").join(model);
    let config = std::fs::read_to_string(golden.join("config.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(golden.join("model.safetensors"), folder.path().join("model.safetensors")).unwrap();
    // A scale of attention that GGUF files can hold.
    let config = config.replace("\"query_pre_attn_scalar\": 24", "\"query_pre_attn_scalar\": 16");
    std::fs::write(folder.path().join("config.json"), config).unwrap();
    let weights = Weights::open(folder.path()).unwrap();
    let adapter = load_adapter(&golden.join("adapter"), weights.config()).unwrap();
    (weights, adapter)
}

/// SHA-256 of the bits of all numbers.
fn hash(numbers: impl IntoIterator<Item = f32>) -> String {
    let mut sha = Sha256::new();
    numbers.into_iter().for_each(|number| sha.update(number.to_bits().to_le_bytes()));
    sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_training_run_is_the_same_on_every_instruction_set() {
    MODELS.into_iter().for_each(|(model, training, _)| require_training(model, training));
}

fn require_training(name: &str, expected: &str) {
    let (weights, start) = open(name);
    let model = Model::load(&weights).unwrap();
    // More tokens than a block of attention, and lengths that fill no tile.
    let lengths = [101usize, 7, 66, 1, 33];
    let rows: Vec<(Vec<u32>, Vec<bool>)> = lengths
        .iter()
        .map(|length| {
            let mut random = Random::new(5, *length as u64);
            let ids = (0..*length).map(|_| random.below(model.config().vocab_size) as u32).collect();
            (ids, (0..*length).map(|at| at % 3 != 0).collect())
        })
        .collect();
    let documents: Vec<Document> = rows
        .iter()
        .enumerate()
        .map(|(row, (ids, loss_mask))| Document { row_id: row as u64, ids, loss_mask })
        .collect();
    on_every_isa(|isa| {
        let mut adapter = start.clone();
        adapter.config.dropout = 0.1;
        let config = TrainConfig {
            optimizer: AdamW { weight_decay: 0.01, ..AdamW::default() },
            schedule: Schedule::Linear,
            learning_rate: 0.01,
            lora_plus_ratio: 2.0,
            warmup_steps: 1,
            total_steps: 5,
            clip_norm: 1.0,
            micro_batch_tokens: 120,
            recompute_layers: 1,
            seed: 3,
        };
        let mut trainer = Trainer::new(&model, adapter, config);
        let mut numbers = Vec::new();
        for _ in 0..5 {
            numbers.push(trainer.step(&documents).unwrap().loss as f32);
            numbers.extend(trainer.last_gradient());
        }
        numbers.extend(&trainer.adapter.values);
        assert_eq!(hash(numbers), expected, "{name} {isa:?}");
    });
}

/// One stream, streams that are multiplied out in registers and more than those, from weights in every stored width.
#[test]
fn generations_are_the_same_on_every_instruction_set() {
    MODELS.into_iter().for_each(|(model, _, generation)| require_generations(model, generation));
}

fn require_generations(name: &str, expected: &str) {
    let (weights, adapter) = open(name);
    let folder = tempfile::tempdir().unwrap();
    let mut models = vec![Model::load(&weights).unwrap()];
    for precision in [Precision::F16, Precision::BF16, Precision::Q8_0, Precision::Q4_0] {
        let path = folder.path().join(format!("{precision:?}.gguf"));
        save_gguf(Merged { weights: &weights, adapter: None }, precision, Vec::new(), &path).unwrap();
        models.push(Model::load(&Weights::open(&path).unwrap()).unwrap());
    }
    models.iter_mut().for_each(Model::pack);
    on_every_isa(|isa| {
        let mut numbers = Vec::new();
        for (model, streams) in models.iter().flat_map(|model| [1, 2, 4, 7].map(|streams| (model, streams))) {
            let mut generator = Generator::new(model, Some(&adapter), &[]);
            for stream in 0..streams {
                generator.start(Request {
                    prompt: (0..=stream as u32).map(|id| 3 + 7 * id).collect(),
                    sampling: Sampling { temperature: 0.8, top_p: 0.95, top_k: 0 },
                    seed: stream,
                    max_new_tokens: 12,
                });
            }
            let mut texts = vec![vec![3]; streams as usize];
            while generator.active() > 0 {
                for emitted in generator.step() {
                    texts[emitted.sequence].extend(emitted.token);
                }
            }
            for text in texts {
                numbers.extend(text.iter().map(|token| *token as f32));
                numbers.extend(model.logits(&text, Pass { adapter: Some(&adapter), dropout: None }));
            }
        }
        assert_eq!(hash(numbers), expected, "{name} {isa:?}");
    });
}
