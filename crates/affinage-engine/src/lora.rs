//! LoRA adapters (arXiv:2106.09685): `y = W x + scale * B (A dropout(x))` beside frozen weights.
//!
//! All trainable values of an adapter lie in one flat vector, so that gradients, moments and the optimiser are plain
//! loops; [`Layout`] says where each `lora_A` `[rank, in]` and `lora_B` `[out, rank]` lies. Parity with peft `lora.Linear`.

use crate::kernels::arch::gemm::{Left, Output, Packed, Right, View};
use crate::kernels::random::{Random, combine, dropout_row};
use crate::weights::ModelConfig;
use std::ops::Range;
use std::sync::Arc;

/// A linear layer of the decoder that can carry an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    QProj,
    KProj,
    VProj,
    OProj,
    GateProj,
    UpProj,
    DownProj,
    /// `q_proj`, `k_proj` and `v_proj` where a model has them as one matrix.
    QkvProj,
    /// `gate_proj` and `up_proj` where a model has them as one matrix.
    GateUpProj,
}

/// Some of the layers that were named are parts of one matrix of the model, which carries one adapter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} cannot have an adapter of their own: in {family} they are rows of `{}`", names(named), whole.name())]
pub struct PartOfTarget {
    pub family: &'static str,
    pub named: Vec<Target>,
    pub whole: Target,
}

fn names(targets: &[Target]) -> String {
    targets.iter().map(|target| format!("`{}`", target.name())).collect::<Vec<_>>().join(", ")
}

impl Target {
    /// All targets, in the order of the forward pass.
    pub const ALL: [Target; 9] = [
        Target::QProj,
        Target::KProj,
        Target::VProj,
        Target::QkvProj,
        Target::OProj,
        Target::GateProj,
        Target::UpProj,
        Target::GateUpProj,
        Target::DownProj,
    ];
    /// Those of a model in which every projection is a matrix of its own.
    pub const SEPARATE: [Target; 7] = [
        Target::QProj,
        Target::KProj,
        Target::VProj,
        Target::OProj,
        Target::GateProj,
        Target::UpProj,
        Target::DownProj,
    ];
    /// Those of a model with fused projections.
    pub const FUSED: [Target; 4] = [Target::QkvProj, Target::OProj, Target::GateUpProj, Target::DownProj];

    /// The linear layers of a model, in the order of the forward pass.
    pub fn of(model: &ModelConfig) -> &'static [Target] {
        if model.fused_projections { &Target::FUSED } else { &Target::SEPARATE }
    }

    /// Whose rows are those of this target one below the other; empty for a projection.
    fn parts(self) -> &'static [Target] {
        match self {
            Target::QkvProj => &[Target::QProj, Target::KProj, Target::VProj],
            Target::GateUpProj => &[Target::GateProj, Target::UpProj],
            _ => &[],
        }
    }

    /// The linear layers of `model` that `named` means: a fused one is its parts together, and the other way round.
    ///
    /// Errors: only some of the parts of a fused one are named.
    pub fn meant(named: &[Target], model: &ModelConfig) -> Result<Vec<Target>, PartOfTarget> {
        let mut meant = Vec::new();
        for &target in Target::of(model) {
            let is_within = named.iter().any(|whole| *whole == target || whole.parts().contains(&target));
            let (parts, missing): (Vec<Target>, Vec<Target>) =
                target.parts().iter().partition(|part| named.contains(part));
            if is_within || (missing.is_empty() && !parts.is_empty()) {
                meant.push(target);
            } else if !parts.is_empty() {
                let family = model.family.name();
                return Err(PartOfTarget { family, named: parts, whole: target });
            }
        }
        Ok(meant)
    }

    /// Name in configurations: `q_proj`.
    pub fn name(self) -> &'static str {
        self.path().rsplit('.').next().expect("a path has a last part")
    }

    /// Path within a layer, as in checkpoints: `self_attn.q_proj`.
    pub fn path(self) -> &'static str {
        match self {
            Target::QProj => "self_attn.q_proj",
            Target::KProj => "self_attn.k_proj",
            Target::VProj => "self_attn.v_proj",
            Target::OProj => "self_attn.o_proj",
            Target::GateProj => "mlp.gate_proj",
            Target::UpProj => "mlp.up_proj",
            Target::DownProj => "mlp.down_proj",
            Target::QkvProj => "self_attn.qkv_proj",
            Target::GateUpProj => "mlp.gate_up_proj",
        }
    }

    /// The target called `name`, if there is one.
    pub fn from_name(name: &str) -> Option<Target> {
        Target::ALL.into_iter().find(|target| target.name() == name)
    }

    /// `[out, in]` of the frozen weight.
    pub fn shape(self, model: &ModelConfig) -> [usize; 2] {
        let (q, kv) = (model.heads * model.head_dim, model.kv_heads * model.head_dim);
        let (hidden, inner) = (model.hidden_size, model.intermediate_size);
        match self {
            Target::QProj => [q, hidden],
            Target::KProj | Target::VProj => [kv, hidden],
            Target::OProj => [hidden, q],
            Target::GateProj | Target::UpProj => [inner, hidden],
            Target::DownProj => [hidden, inner],
            Target::QkvProj => [q + 2 * kv, hidden],
            Target::GateUpProj => [2 * inner, hidden],
        }
    }
}

/// What an adapter adds and how strongly. A module of a foreign adapter may differ in rank and alpha: its [`Pair`] says.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraConfig {
    pub rank: usize,
    pub alpha: f32,
    /// rsLoRA (arXiv:2312.03732): scale `alpha / sqrt(rank)` instead of `alpha / rank`.
    pub use_rslora: bool,
    /// Probability of dropping an input of the adapter branch while training.
    pub dropout: f32,
    pub targets: Vec<Target>,
}

impl LoraConfig {
    /// The factor in front of `B A x` for a module of some rank and alpha.
    fn scale(&self, rank: usize, alpha: f32) -> f32 {
        alpha / if self.use_rslora { (rank as f32).sqrt() } else { rank as f32 }
    }

    /// Every target that the model has, in every layer, all alike.
    pub fn modules(&self, model: &ModelConfig) -> Vec<Module> {
        let in_layer = |layer| {
            let targets = Target::of(model).iter().filter(|target| self.targets.contains(target));
            targets.map(move |&target| Module { layer, target, rank: self.rank, alpha: self.alpha })
        };
        (0..model.layers).flat_map(in_layer).collect()
    }
}

/// One linear layer that carries an adapter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Module {
    pub layer: usize,
    pub target: Target,
    pub rank: usize,
    pub alpha: f32,
}

/// The place of one pair of matrices in the flat vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    pub layer: usize,
    pub target: Target,
    pub rank: usize,
    pub alpha: f32,
    /// The factor in front of `B A x`.
    pub scale: f32,
    /// Input width of the frozen weight.
    pub input: usize,
    /// Output width of the frozen weight.
    pub output: usize,
    /// `lora_A`, row-major `[rank, input]`.
    pub a: Range<usize>,
    /// `lora_B`, row-major `[output, rank]`.
    pub b: Range<usize>,
}

/// Where everything lies in the flat vector of an adapter.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    pub pairs: Vec<Pair>,
    slots: Vec<Option<usize>>,
    len: usize,
}

/// Places for pairs in a layer.
const SLOTS: usize = Target::ALL.len();

fn slot(layer: usize, target: Target) -> usize {
    layer * SLOTS + target as usize
}

impl Layout {
    fn new(config: &LoraConfig, modules: &[Module], model: &ModelConfig) -> Layout {
        let mut layout = Layout { pairs: Vec::new(), slots: vec![None; model.layers * SLOTS], len: 0 };
        for &Module { layer, target, rank, alpha } in modules {
            let [output, input] = target.shape(model);
            let a = layout.len..layout.len + rank * input;
            let b = a.end..a.end + output * rank;
            layout.len = b.end;
            let earlier = layout.slots[slot(layer, target)].replace(layout.pairs.len());
            assert!(earlier.is_none(), "a module is adapted once");
            let scale = config.scale(rank, alpha);
            layout.pairs.push(Pair { layer, target, rank, alpha, scale, input, output, a, b });
        }
        layout
    }

    /// Layers of the decoder, with or without an adapter.
    pub fn layers(&self) -> usize {
        self.slots.len() / SLOTS
    }

    /// Number of trainable values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is trainable.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The pair on `target` of `layer`, if that target is adapted.
    pub fn pair(&self, layer: usize, target: Target) -> Option<&Pair> {
        self.slots[slot(layer, target)].map(|slot| &self.pairs[slot])
    }
}

/// An adapter: its configuration and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapter {
    pub config: LoraConfig,
    pub layout: Arc<Layout>,
    pub values: Vec<f32>,
}

impl Adapter {
    /// A fresh adapter as peft initialises it: `A` uniform in `+-1/sqrt(input)`, `B` zero, so that it changes nothing.
    pub fn new(config: LoraConfig, model: &ModelConfig, seed: u64) -> Adapter {
        let mut adapter = Adapter::zeros(config, model);
        let layout = adapter.layout.clone();
        for (stream, pair) in layout.pairs.iter().enumerate() {
            let mut random = Random::new(seed, stream as u64);
            let bound = (pair.input as f64).sqrt().recip();
            let draw = || ((2.0 * random.uniform() - 1.0) * bound) as f32;
            adapter.values[pair.a.clone()].fill_with(draw);
        }
        adapter
    }

    /// An adapter of zeros on all modules of `config`.
    pub fn zeros(config: LoraConfig, model: &ModelConfig) -> Adapter {
        let modules = config.modules(model);
        Adapter::zeros_on(config, &modules, model)
    }

    /// An adapter of zeros on some modules, to be filled from a file. Panics if one comes twice or is not in the model.
    pub fn zeros_on(config: LoraConfig, modules: &[Module], model: &ModelConfig) -> Adapter {
        let layout = Arc::new(Layout::new(&config, modules, model));
        let values = vec![0.0; layout.len()];
        Adapter { config, layout, values }
    }

    fn matrices(&self, pair: &Pair) -> (View<'_>, View<'_>) {
        let a = View::rows(&self.values[pair.a.clone()], pair.rank, pair.input, pair.input);
        let b = View::rows(&self.values[pair.b.clone()], pair.output, pair.rank, pair.rank);
        (a, b)
    }
}

/// An adapter whose matrices are packed once, for the few rows of decoding. The same bits as [`lora`].
pub struct PackedAdapter {
    layout: Arc<Layout>,
    /// `A^T` `[input, rank]` and `B^T` `[rank, output]` of each pair.
    pairs: Vec<[Packed; 2]>,
}

impl PackedAdapter {
    /// Packs all matrices of `adapter`.
    pub fn new(adapter: &Adapter) -> PackedAdapter {
        let pack = |pair: &Pair| {
            let (a, b) = adapter.matrices(pair);
            [a, b].map(|matrix| Packed::new(Right::Dense(matrix.transposed())))
        };
        PackedAdapter {
            layout: adapter.layout.clone(),
            pairs: adapter.layout.pairs.iter().map(pack).collect(),
        }
    }

    /// Adds `scale * B (A x)` to `out`, shapes as in [`lora`]. Does nothing where the adapter has no such target.
    pub fn add(&self, layer: usize, target: Target, x: &[f32], out: &mut [f32], out_stride: usize) {
        let Some(slot) = self.layout.slots[slot(layer, target)] else { return };
        let (pair, [a, b]) = (&self.layout.pairs[slot], &self.pairs[slot]);
        let tokens = x.len() / pair.input;
        let mut hidden = vec![0.0; tokens * pair.rank];
        let x = View::rows(x, tokens, pair.input, pair.input);
        Left::pack(x, 1.0).multiply(a.whole(), &mut hidden, pair.rank, Output::Overwrite);
        let hidden = View::rows(&hidden, tokens, pair.rank, pair.rank);
        Left::pack(hidden, pair.scale).multiply(b.whole(), out, out_stride, Output::Accumulate);
    }
}

/// Dropout of one training step; absent in evaluation and generation.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    pub seed: u64,
    pub step: u64,
    pub rate: f32,
}

/// Where a token stands: its row of the data set and its position there. The dropout mask depends on nothing else of
/// the batch, so packing cannot change it.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub row_id: u64,
    pub position: u32,
}

impl Dropout {
    /// A copy of `x` `[tokens, width]` with the mask of one module applied.
    fn apply(&self, pair: &Pair, places: &[Place], x: &[f32], width: usize) -> Vec<f32> {
        let mut dropped = x.to_vec();
        self.mask(pair, places, &mut dropped, width);
        dropped
    }

    fn mask(&self, pair: &Pair, places: &[Place], x: &mut [f32], width: usize) {
        // Seven a layer, also where fewer and other ones have an adapter: no two modules of a model come to one number.
        let module = combine(combine(self.seed, self.step), (pair.layer * 7 + pair.target as usize) as u64);
        for (row, place) in x.chunks_exact_mut(width).zip(places) {
            dropout_row(row, combine(combine(module, place.row_id), place.position as u64), self.rate);
        }
    }
}

/// Adds `scale * B (A x)` to `out` and keeps `A x` for [`lora_backward`].
///
/// Shapes: `x` `[tokens, input]`; `out` `[tokens, output]` with rows `out_stride` apart; `hidden` becomes
/// `[tokens, rank]`. Does nothing where the adapter has no such target.
#[expect(clippy::too_many_arguments, reason = "one argument for each operand of the formula")]
pub fn lora(
    adapter: &Adapter,
    layer: usize,
    target: Target,
    x: &[f32],
    places: &[Place],
    dropout: Option<Dropout>,
    out: &mut [f32],
    out_stride: usize,
    hidden: &mut Vec<f32>,
) {
    let Some(pair) = adapter.layout.pair(layer, target) else { return };
    let (a, b) = adapter.matrices(pair);
    let tokens = x.len() / pair.input;
    hidden.resize(tokens * pair.rank, 0.0);
    let dropped = dropout.map(|dropout| dropout.apply(pair, places, x, pair.input));
    let x = View::rows(dropped.as_deref().unwrap_or(x), tokens, pair.input, pair.input);
    Left::pack(x, 1.0).multiply(Right::Dense(a.transposed()), hidden, pair.rank, Output::Overwrite);
    let hidden = View::rows(hidden, tokens, pair.rank, pair.rank);
    Left::pack(hidden, pair.scale).multiply(
        Right::Dense(b.transposed()),
        out,
        out_stride,
        Output::Accumulate,
    );
}

/// The gradient of [`lora`]: adds to `grad` (flat, as `adapter.values`) and to `dx` `[tokens, input]`.
///
/// With `dh = scale * dout B`: `dB += scale * dout^T h`, `dA += dh^T x`, `dx += dh A`, where `x` is what the branch saw.
/// `dout` has rows `dout_stride` apart. `dx` is `None` where nothing below is trained.
#[expect(clippy::too_many_arguments, reason = "one argument for each operand of the formula")]
pub fn lora_backward(
    adapter: &Adapter,
    grad: &mut [f32],
    layer: usize,
    target: Target,
    x: &[f32],
    places: &[Place],
    dropout: Option<Dropout>,
    hidden: &[f32],
    dout: &[f32],
    dout_stride: usize,
    dx: Option<&mut [f32]>,
) {
    let Some(pair) = adapter.layout.pair(layer, target) else { return };
    let (a, b) = adapter.matrices(pair);
    let (rank, scale, tokens) = (pair.rank, pair.scale, x.len() / pair.input);
    let dout = View::rows(dout, tokens, pair.output, dout_stride);
    let mut dhidden = vec![0.0; tokens * rank];
    Left::pack(dout, scale).multiply(Right::Dense(b), &mut dhidden, rank, Output::Overwrite);
    let hidden = View::rows(hidden, tokens, rank, rank);
    Left::pack(dout.transposed(), scale).multiply(
        Right::Dense(hidden),
        &mut grad[pair.b.clone()],
        rank,
        Output::Accumulate,
    );
    let dropped = dropout.map(|dropout| dropout.apply(pair, places, x, pair.input));
    let x = View::rows(dropped.as_deref().unwrap_or(x), tokens, pair.input, pair.input);
    let dhidden = View::rows(&dhidden, tokens, rank, rank);
    let da = &mut grad[pair.a.clone()];
    Left::pack(dhidden.transposed(), 1.0).multiply(Right::Dense(x), da, pair.input, Output::Accumulate);
    let Some(dx) = dx else { return };
    let dhidden = Left::pack(dhidden, 1.0);
    match dropout {
        None => dhidden.multiply(Right::Dense(a), dx, pair.input, Output::Accumulate),
        Some(dropout) => {
            let mut branch = vec![0.0; dx.len()];
            dhidden.multiply(Right::Dense(a), &mut branch, pair.input, Output::Overwrite);
            dropout.mask(pair, places, &mut branch, pair.input);
            dx.iter_mut().zip(&branch).for_each(|(dx, branch)| *dx += branch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn model(name: &str) -> ModelConfig {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden");
        ModelConfig::read(&golden.join(name)).expect("a model")
    }

    #[test]
    fn a_fused_projection_is_its_parts_together() {
        let (fused, separate) = (model("tiny-phi3"), model("tiny-llama"));
        assert_eq!(Target::meant(&Target::SEPARATE, &fused), Ok(Target::FUSED.to_vec()));
        assert_eq!(Target::meant(&Target::FUSED, &separate), Ok(Target::SEPARATE.to_vec()));
        for model in [&fused, &separate] {
            assert_eq!(Target::meant(&Target::ALL, model).as_deref(), Ok(Target::of(model)));
        }
        let some = [Target::VProj, Target::KProj, Target::QProj, Target::DownProj];
        assert_eq!(Target::meant(&some, &fused), Ok(vec![Target::QkvProj, Target::DownProj]));
        assert_eq!(
            Target::meant(&some, &separate),
            Ok(vec![Target::QProj, Target::KProj, Target::VProj, Target::DownProj])
        );
        assert_eq!(Target::meant(&[Target::QkvProj, Target::QProj], &fused), Ok(vec![Target::QkvProj]));
        let part = Target::meant(&[Target::VProj, Target::QProj, Target::OProj], &fused).unwrap_err();
        assert_eq!(
            part.to_string(),
            "`q_proj`, `v_proj` cannot have an adapter of their own: in phi3 they are rows of `qkv_proj`"
        );
        let config = LoraConfig {
            rank: 2,
            alpha: 4.0,
            use_rslora: false,
            dropout: 0.0,
            targets: Target::ALL.to_vec(),
        };
        let found: Vec<Target> = config.modules(&fused).into_iter().map(|module| module.target).collect();
        assert_eq!(found, [Target::FUSED, Target::FUSED].concat(), "only what the model has");
    }
}
