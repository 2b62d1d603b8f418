//! Decoders that no file holds: a family's usual kind in a given shape, its weights drawn. What a step of such a decoder
//! costs is what one of a trained model of this shape costs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use memmap2::MmapMut;

use super::Weights;
use super::config::{Family, ModelConfig, Rope, gemma_embedding_scale, inverse_root};
use super::error::LoadError;
use super::matrix::RowOrder;
use super::quant::DType;
use super::stored::StoredTensor;
use crate::kernels::random::Random;

/// The numbers by which decoders of one family differ in size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub layers: usize,
    /// Widths of the residual stream and of the MLP.
    pub hidden: usize,
    pub inner: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub vocab: usize,
    pub positions: usize,
}

/// The window of the smaller Gemma 3.
const GEMMA_WINDOW: usize = 512;
/// The share of a head that Phi-4-mini rotates.
const PHI_ROTATED: f64 = 0.75;
/// Weights lie within this: small enough that logits of deep decoders stay finite.
const SPREAD: f64 = 0.03;

impl ModelConfig {
    /// A decoder of this family with all that the family computes beside its matrices, in a shape. Factors are 1 or follow
    /// from the shape, no token ends an answer, and the head is tied but for OLMo 2, as in the smallest model of each family.
    pub fn of_family(family: Family, shape: Shape) -> ModelConfig {
        let Shape { layers, hidden, inner, heads, kv_heads, head_dim, vocab, positions } = shape;
        let sliding_layers = family.sliding_layers(layers, None);
        let is_gemma = family == Family::Gemma3;
        ModelConfig {
            family,
            vocab_size: vocab,
            hidden_size: hidden,
            intermediate_size: inner,
            layers,
            heads,
            kv_heads,
            head_dim,
            rms_norm_eps: 1e-6,
            norms: family.norms(),
            activation: family.activation(),
            fused_projections: family.has_fused_projections(),
            rope: Rope { theta: if is_gemma { 1e6 } else { 1e4 }, scaling: None },
            rotary_dim: match family {
                Family::Phi3 => (head_dim as f64 * PHI_ROTATED) as usize,
                _ => head_dim,
            },
            sliding_rope: is_gemma.then_some(Rope { theta: 1e4, scaling: None }),
            layers_without_rope: family.layers_without_rope(layers, 4),
            tie_word_embeddings: family != Family::Olmo2,
            qkv_bias: family == Family::Qwen2,
            qk_norm: family.qk_norm(),
            attention_scale: inverse_root(head_dim as f32),
            embedding_scale: if is_gemma { gemma_embedding_scale(hidden) } else { 1.0 },
            residual_scale: 1.0,
            logits_divisor: 1.0,
            max_position_embeddings: positions,
            sliding_window: (!sliding_layers.is_empty()).then_some(GEMMA_WINDOW),
            sliding_layers,
            eos_token_ids: Vec::new(),
            bos_token_id: None,
        }
    }
}

impl Weights {
    /// A decoder in memory whose matrices are drawn with `seed`, in bf16, and whose norms change nothing.
    ///
    /// Errors: the numbers of `config` make no sense together; there is no memory for it.
    pub fn drawn(config: ModelConfig, seed: u64) -> Result<Weights, LoadError> {
        let path = PathBuf::from("drawn weights");
        config.check(Path::new(&path))?;
        let dtype = DType::BF16;
        let len = |shape: &[usize]| dtype.bytes_for(shape.iter().product());
        let bytes = config.expected_tensors().map(|(_, shape)| len(&shape)).sum();
        let io = |source| LoadError::Io { path: path.clone(), source };
        let mut memory = MmapMut::map_anon(bytes).map_err(io)?;
        let (mut placed, mut rest, mut start) = (Vec::new(), &mut memory[..], 0);
        for (stream, (name, shape)) in (0..).zip(config.expected_tensors()) {
            let size = len(&shape);
            let (of_tensor, after) = std::mem::take(&mut rest).split_at_mut(size);
            fill(of_tensor, dtype, name.ends_with("norm.weight"), Random::new(seed, stream));
            placed.push((name, shape, start));
            (rest, start) = (after, start + size);
        }
        let map = Arc::new(memory.make_read_only().map_err(io)?);
        let stored = |shape, start| StoredTensor {
            shape,
            dtype,
            start,
            map: map.clone(),
            order: RowOrder::AsStored,
            shift: 0.0,
        };
        let tensors = placed.into_iter().map(|(name, shape, start)| (name, stored(shape, start))).collect();
        Ok(Weights {
            path,
            config,
            tensors,
            gguf: None,
            left_out: None,
            files: Vec::new(),
            sha256: OnceLock::new(),
        })
    }
}

/// Ones for a norm, else drawn numbers.
fn fill(bytes: &mut [u8], dtype: DType, is_norm: bool, mut random: Random) {
    const VALUES: usize = 4096;
    let (mut values, mut packed) = ([1.0f32; VALUES], Vec::new());
    for chunk in bytes.chunks_mut(dtype.bytes_for(VALUES)) {
        if !is_norm {
            values.fill_with(|| ((2.0 * random.uniform() - 1.0) * SPREAD) as f32);
        }
        packed.clear();
        dtype.pack(&values[..chunk.len() / dtype.bytes_for(1)], &mut packed);
        chunk.copy_from_slice(&packed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Model, Pass};

    const SHAPE: Shape = Shape {
        layers: 6,
        hidden: 16,
        inner: 32,
        heads: 4,
        kv_heads: 2,
        head_dim: 8,
        vocab: 50,
        positions: 64,
    };

    #[test]
    fn a_decoder_of_every_family_is_drawn_and_computes() {
        for family in Family::ALL {
            let weights = Weights::drawn(ModelConfig::of_family(family, SHAPE), 1).expect("weights");
            let model = Model::load(&weights).expect("a model");
            let ids: Vec<u32> = (0..20).collect();
            let logits = model.logits(&ids, Pass { adapter: None, dropout: None });
            assert!(logits.iter().all(|logit| logit.is_finite()), "{family:?}");
            let spread =
                |row: &[f32]| row.iter().fold(0.0f32, |most, logit| most.max((logit - row[0]).abs()));
            assert!(logits.chunks(SHAPE.vocab).all(|row| spread(row) > 0.0), "{family:?}");
            let again = Weights::drawn(weights.config().clone(), 1).expect("weights");
            let first = |weights: &Weights| {
                let matrix = weights.matrix("model.embed_tokens.weight").expect("a matrix");
                matrix.row_bytes(0).expect("plain rows").to_vec()
            };
            assert_eq!(first(&weights), first(&again));
            assert_ne!(
                first(&weights),
                first(&Weights::drawn(weights.config().clone(), 2).expect("weights"))
            );
        }
    }

    /// What a family computes beside its matrices is what its files say.
    #[test]
    fn a_drawn_decoder_is_of_the_kind_that_files_of_its_family_are() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden");
        for family in Family::ALL {
            let read = ModelConfig::read(&golden.join(format!("tiny-{}", family.name()))).expect("a model");
            let of_family = ModelConfig::of_family(family, SHAPE);
            let kind = |config: &ModelConfig| {
                let rotates_less = config.rotary_dim < config.head_dim;
                let without_rope = !config.layers_without_rope.is_empty();
                let flags = [config.qkv_bias, config.fused_projections, rotates_less, without_rope];
                (config.norms, config.qk_norm, config.activation, flags, config.sliding_rope.is_some())
            };
            assert_eq!(kind(&of_family), kind(&read), "{family:?}");
        }
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        let odd = Shape { kv_heads: 3, ..SHAPE };
        assert!(Weights::drawn(ModelConfig::of_family(Family::Llama, odd), 1).is_err());
    }
}
