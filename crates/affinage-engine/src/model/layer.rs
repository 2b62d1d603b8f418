//! One decoder layer, forward and backward, and the passes through all of them.

use super::residual::SavedEnds;
use super::{Batch, KvCache, Layer, Model};
use crate::kernels::arch::gemm::{Left, Output, View};
use crate::kernels::attention::{attention, attention_backward, attention_cached};
use crate::kernels::glu::{glu, glu_backward};
use crate::kernels::norm::{group_norm, group_norm_backward};
use crate::kernels::rope::Turn;
use crate::lora::{Adapter, Dropout, PackedAdapter, Place, Target, lora, lora_backward};
use crate::profile::Profile;
use std::ops::Range;

/// What a pass applies besides the frozen weights.
#[derive(Clone, Copy, Default)]
pub struct Pass<'a> {
    pub adapter: Option<&'a Adapter>,
    /// Only while training.
    pub dropout: Option<Dropout>,
}

/// What the rows of a pass attend to.
pub enum Sequences<'a, 'c> {
    /// Whole documents, each to itself.
    Documents(&'a [Range<usize>]),
    /// New rows of sequences whose earlier tokens are cached, and the adapters of ranges of rows.
    Cached(&'a mut [(Range<usize>, &'c mut KvCache)], &'a [(Range<usize>, &'c PackedAdapter)]),
}

/// What one layer keeps for its backward. Shapes are `[tokens, ...]`.
#[derive(Default)]
struct Saved {
    x: Vec<f32>,                // (hidden) input of the layer
    attention_ends: SavedEnds,  // norms at the ends of attention
    qkv: Vec<f32>,              // (qkv_width) rotated queries and keys, values
    qk_raw: Vec<f32>,           // (q_width + kv_width) before the norms of q and k, if there are any
    inv_rms_qk: Vec<f32>,       // (groups) of those norms
    attention: Vec<f32>,        // (q_width) output of attention, input of o_proj
    lse: Vec<f32>,              // (heads)
    x_mid: Vec<f32>,            // (hidden) after attention
    mlp_ends: SavedEnds,        // norms at the ends of the MLP
    gate_up: Vec<f32>,          // (2 * intermediate)
    lora_hidden: [Vec<f32>; 9], // (rank) of each target
}

/// Buffers of passes, kept so that steps do not allocate.
#[derive(Default)]
pub struct Workspace {
    /// The lowest layers keep only their input for the backward and are run again there. No result changes.
    pub recompute_layers: usize,
    saved: Vec<Saved>,
    /// What the layer keeps that is run again at the moment.
    again: Saved,
    /// Where the time of the passes goes.
    pub profile: Profile,
    /// (hidden) output of the last layer.
    pub(super) x: Vec<f32>,
    /// Logits of the rows that are computed at once, `[rows, vocab]`.
    pub(super) logits: Vec<f32>,
    normed: Vec<f32>, // (hidden) input of attention or MLP
    inner: Vec<f32>,  // (intermediate)
    dnormed: Vec<f32>,
    dinner: Vec<f32>,
    dqkv: Vec<f32>,
    dattention: Vec<f32>,
    dblock: Vec<f32>,
}

impl Model {
    /// Runs all layers over `batch` and keeps every layer's activations in `space` for [`Model::backward`].
    pub(super) fn forward_saving(&self, batch: &Batch, pass: Pass, space: &mut Workspace) {
        space.saved.resize_with(self.layers.len(), Saved::default);
        let mut saved = std::mem::take(&mut space.saved);
        self.embed(&batch.ids, &mut saved[0].x);
        for index in 0..self.layers.len() {
            let mut out = saved
                .get_mut(index + 1)
                .map_or_else(|| std::mem::take(&mut space.x), |s| std::mem::take(&mut s.x));
            let sequences = &mut Sequences::Documents(&batch.documents);
            if index < space.recompute_layers {
                self.run_again(index, pass, batch, &mut saved[index], space, &mut out);
            } else {
                let saved = &mut saved[index];
                self.layer_forward(index, pass, &batch.places, sequences, saved, space, &mut out);
            }
            match saved.get_mut(index + 1) {
                Some(next) => next.x = out,
                None => space.x = out,
            }
        }
        space.saved = saved;
    }

    /// Runs one layer on the input in `saved.x` and keeps what its backward needs in `space.again`.
    fn run_again(
        &self,
        index: usize,
        pass: Pass,
        batch: &Batch,
        saved: &mut Saved,
        space: &mut Workspace,
        out: &mut Vec<f32>,
    ) {
        let mut again = std::mem::take(&mut space.again);
        std::mem::swap(&mut again.x, &mut saved.x);
        let sequences = &mut Sequences::Documents(&batch.documents);
        self.layer_forward(index, pass, &batch.places, sequences, &mut again, space, out);
        std::mem::swap(&mut again.x, &mut saved.x);
        space.again = again;
    }

    /// Runs all layers without keeping anything; the result is in `space.x` `[ids, hidden]`.
    pub(super) fn forward_only(
        &self,
        ids: &[u32],
        places: &[Place],
        pass: Pass,
        mut sequences: Sequences,
        space: &mut Workspace,
    ) {
        let mut saved = space.saved.pop().unwrap_or_default();
        let mut x = std::mem::take(&mut space.x);
        self.embed(ids, &mut x);
        for index in 0..self.layers.len() {
            std::mem::swap(&mut saved.x, &mut x);
            self.layer_forward(index, pass, places, &mut sequences, &mut saved, space, &mut x);
        }
        space.x = x;
        space.saved.push(saved);
        if let Sequences::Cached(sequences, _) = sequences {
            sequences.iter_mut().for_each(|(rows, cache)| cache.len += rows.len());
        }
    }

    /// Adds the adapter's gradients to `grad`, given `dx` `[tokens, hidden]` at the output of the last layer.
    pub(super) fn backward(
        &self,
        batch: &Batch,
        adapter: &Adapter,
        dropout: Option<Dropout>,
        space: &mut Workspace,
        dx: &mut [f32],
        grad: &mut [f32],
    ) {
        let mut saved = std::mem::take(&mut space.saved);
        for index in (0..self.layers.len()).rev() {
            let step = Backward { adapter, dropout, batch, index };
            if index >= space.recompute_layers {
                self.mlp_backward(&step, &mut saved[index], space, dx, grad);
                self.attention_block_backward(&step, &mut saved[index], space, dx, grad);
                continue;
            }
            let (pass, mut out) = (Pass { adapter: Some(adapter), dropout }, std::mem::take(&mut space.x));
            self.run_again(index, pass, batch, &mut saved[index], space, &mut out);
            space.x = out;
            let mut again = std::mem::take(&mut space.again);
            std::mem::swap(&mut again.x, &mut saved[index].x);
            self.mlp_backward(&step, &mut again, space, dx, grad);
            self.attention_block_backward(&step, &mut again, space, dx, grad);
            std::mem::swap(&mut again.x, &mut saved[index].x);
            space.again = again;
        }
        space.saved = saved;
    }

    /// `out = x_mid + mlp(x_mid)`, `x_mid = x + attention(x)`, with `x` in `saved.x`; [`super::residual`] has the norms.
    #[expect(clippy::too_many_arguments, reason = "input, output and what is kept between them")]
    fn layer_forward(
        &self,
        index: usize,
        pass: Pass,
        places: &[Place],
        sequences: &mut Sequences,
        saved: &mut Saved,
        space: &mut Workspace,
        out: &mut Vec<f32>,
    ) {
        let (tokens, hidden, inner) = (places.len(), self.config.hidden_size, self.config.intermediate_size);
        let (width, q_width) = (self.heads.qkv_width(), self.heads.q_width());
        let layer = &self.layers[index];
        let by_rows = match sequences {
            Sequences::Documents(_) => &[],
            Sequences::Cached(_, adapters) => *adapters,
        };
        let mut branch = |target: Target, x: &[f32], out: &mut [f32], stride: usize| {
            let width = x.len() / tokens;
            for (rows, adapter) in by_rows {
                let x = &x[rows.start * width..rows.end * width];
                adapter.add(index, target, x, &mut out[rows.start * stride..], stride);
            }
            if let Some(adapter) = pass.adapter {
                let kept = &mut saved.lora_hidden[target as usize];
                lora(adapter, index, target, x, places, pass.dropout, out, stride, kept);
            }
        };

        layer.attention_ends.input(&saved.x, hidden, &mut saved.attention_ends, &mut space.normed);
        space.profile.lap("norm");
        saved.qkv.resize(tokens * width, 0.0);
        let left = Left::pack(View::rows(&space.normed, tokens, hidden, hidden), 1.0);
        for (linear, target, column) in self.qkv(layer) {
            let out = &mut saved.qkv[column..];
            linear.forward(&left, out, width, Output::Overwrite);
            space.profile.lap("q,k,v forward");
            branch(target, &space.normed, out, width);
            space.profile.lap("adapter forward");
        }
        branch(Target::QkvProj, &space.normed, &mut saved.qkv, width);
        space.profile.lap("adapter forward");
        drop(left);
        let rotated = self.heads.heads + self.heads.kv_heads;
        if let Some([(q_groups, q), (k_groups, k)]) = &layer.qk_norms {
            saved.qk_raw.resize(tokens * rotated * self.heads.head_dim, 0.0);
            saved.inv_rms_qk.resize(tokens * (q_groups + k_groups), 0.0);
            let (raw, inv_rms) = (&mut saved.qk_raw, &mut saved.inv_rms_qk);
            let parts = [(*q_groups, &q[..]), (*k_groups, &k[..])];
            group_norm(&mut saved.qkv, width, parts, self.config.rms_norm_eps, raw, inv_rms);
            space.profile.lap("norm");
        }
        if let Some(rope) = &layer.rope {
            let positions: Vec<u32> = places.iter().map(|place| place.position).collect();
            rope.rotate(&mut saved.qkv, width, rotated, &positions, Turn::Forward);
            space.profile.lap("rope");
        }

        saved.attention.resize(tokens * q_width, 0.0);
        saved.lse.resize(tokens * self.heads.heads, 0.0);
        match sequences {
            Sequences::Documents(documents) => {
                attention(layer.attention, &saved.qkv, documents, &mut saved.attention, &mut saved.lse);
            }
            Sequences::Cached(sequences, _) => {
                self.attend_cached(index, &saved.qkv, sequences, &mut saved.attention)
            }
        }
        space.profile.lap("attention forward");

        layer.attention_ends.begin(&saved.x, &mut saved.x_mid);
        let left = Left::pack(View::rows(&saved.attention, tokens, q_width, q_width), 1.0);
        layer.o_proj.forward(&left, &mut saved.x_mid, hidden, Output::Accumulate);
        drop(left);
        space.profile.lap("o forward");
        branch(Target::OProj, &saved.attention, &mut saved.x_mid, hidden);
        space.profile.lap("adapter forward");
        layer.attention_ends.finish(&saved.x, hidden, &mut saved.attention_ends, &mut saved.x_mid);

        layer.mlp_ends.input(&saved.x_mid, hidden, &mut saved.mlp_ends, &mut space.normed);
        space.profile.lap("norm");
        saved.gate_up.resize(tokens * 2 * inner, 0.0);
        let left = Left::pack(View::rows(&space.normed, tokens, hidden, hidden), 1.0);
        for (linear, target, column) in
            [(&layer.gate_proj, Target::GateProj, 0), (&layer.up_proj, Target::UpProj, inner)]
        {
            let out = &mut saved.gate_up[column..];
            linear.forward(&left, out, 2 * inner, Output::Overwrite);
            space.profile.lap("gate,up forward");
            branch(target, &space.normed, out, 2 * inner);
            space.profile.lap("adapter forward");
        }
        branch(Target::GateUpProj, &space.normed, &mut saved.gate_up, 2 * inner);
        space.profile.lap("adapter forward");
        drop(left);
        space.inner.resize(tokens * inner, 0.0);
        glu(self.config.activation, &mut space.inner, &saved.gate_up, inner);
        space.profile.lap("gate");

        layer.mlp_ends.begin(&saved.x_mid, out);
        let left = Left::pack(View::rows(&space.inner, tokens, inner, inner), 1.0);
        layer.down_proj.forward(&left, out, hidden, Output::Accumulate);
        drop(left);
        space.profile.lap("down forward");
        branch(Target::DownProj, &space.inner, out, hidden);
        space.profile.lap("adapter forward");
        layer.mlp_ends.finish(&saved.x_mid, hidden, &mut saved.mlp_ends, out);
        space.profile.lap("norm");
    }

    /// The three projections that share one input, with the first column of each in a `qkv` row.
    fn qkv<'a>(&self, layer: &'a Layer) -> [(&'a super::Linear, Target, usize); 3] {
        let (q, kv) = (self.heads.q_width(), self.heads.kv_width());
        [
            (&layer.q_proj, Target::QProj, 0),
            (&layer.k_proj, Target::KProj, q),
            (&layer.v_proj, Target::VProj, q + kv),
        ]
    }

    fn attend_cached(
        &self,
        index: usize,
        qkv: &[f32],
        sequences: &mut [(Range<usize>, &mut KvCache)],
        out: &mut [f32],
    ) {
        let width = self.heads.qkv_width();
        for (rows, cache) in sequences.iter_mut() {
            assert!(cache.len + rows.len() <= cache.capacity, "a sequence outgrew its cache");
            let start = cache.len;
            cache.layers[index].append(self.heads, &qkv[rows.start * width..rows.end * width], start);
        }
        let views: Vec<_> =
            sequences.iter().map(|(rows, cache)| (rows.clone(), &cache.layers[index], cache.len)).collect();
        attention_cached(self.layers[index].attention, qkv, &views, out);
    }

    /// Backward of `out = x_mid + mlp(x_mid)`: `dx` goes from the layer's output to `x_mid`.
    fn mlp_backward(
        &self,
        step: &Backward,
        saved: &mut Saved,
        space: &mut Workspace,
        dx: &mut [f32],
        grad: &mut [f32],
    ) {
        let (tokens, hidden, inner) =
            (step.batch.tokens(), self.config.hidden_size, self.config.intermediate_size);
        let layer = &self.layers[step.index];
        space.dinner.resize(tokens * inner, 0.0);
        let dout = layer.mlp_ends.output_backward(dx, &saved.mlp_ends, &mut space.dblock);
        let left = Left::pack(View::rows(dout, tokens, hidden, hidden), 1.0);
        layer.down_proj.backward(&left, &mut space.dinner, Output::Overwrite);
        drop(left);
        space.profile.lap("down backward");
        if step.adapts(Target::DownProj) {
            space.inner.resize(tokens * inner, 0.0);
            glu(self.config.activation, &mut space.inner, &saved.gate_up, inner);
            step.branch(Target::DownProj, saved, &space.inner, dout, hidden, Some(&mut space.dinner), grad);
            space.profile.lap("adapter backward");
        }
        glu_backward(self.config.activation, &mut saved.gate_up, &space.dinner, inner);
        space.profile.lap("gate");
        if [Target::GateProj, Target::UpProj, Target::GateUpProj]
            .into_iter()
            .any(|target| step.adapts(target))
        {
            layer.mlp_ends.input(&saved.x_mid, hidden, &mut saved.mlp_ends, &mut space.normed);
        }
        space.dnormed.resize(tokens * hidden, 0.0);
        for (linear, target, column, output) in [
            (&layer.gate_proj, Target::GateProj, 0, Output::Overwrite),
            (&layer.up_proj, Target::UpProj, inner, Output::Accumulate),
        ] {
            let dout = &saved.gate_up[column..];
            let left = Left::pack(View::rows(dout, tokens, inner, 2 * inner), 1.0);
            linear.backward(&left, &mut space.dnormed, output);
            drop(left);
            space.profile.lap("gate,up backward");
            step.branch(target, saved, &space.normed, dout, 2 * inner, Some(&mut space.dnormed), grad);
            space.profile.lap("adapter backward");
        }
        let (dout, dnormed) = (&saved.gate_up, Some(&mut space.dnormed[..]));
        step.branch(Target::GateUpProj, saved, &space.normed, dout, 2 * inner, dnormed, grad);
        space.profile.lap("adapter backward");
        layer.mlp_ends.input_backward(dx, &space.dnormed, &saved.x_mid, &saved.mlp_ends);
        space.profile.lap("norm");
    }

    /// Backward of `x_mid = x + attention(x)`: `dx` goes from `x_mid` to the layer's input.
    fn attention_block_backward(
        &self,
        step: &Backward,
        saved: &mut Saved,
        space: &mut Workspace,
        dx: &mut [f32],
        grad: &mut [f32],
    ) {
        let (tokens, hidden) = (step.batch.tokens(), self.config.hidden_size);
        let (width, q_width) = (self.heads.qkv_width(), self.heads.q_width());
        let layer = &self.layers[step.index];
        space.dattention.resize(tokens * q_width, 0.0);
        let dout = layer.attention_ends.output_backward(dx, &saved.attention_ends, &mut space.dblock);
        let left = Left::pack(View::rows(dout, tokens, hidden, hidden), 1.0);
        layer.o_proj.backward(&left, &mut space.dattention, Output::Overwrite);
        drop(left);
        space.profile.lap("o backward");
        step.branch(Target::OProj, saved, &saved.attention, dout, hidden, Some(&mut space.dattention), grad);
        space.profile.lap("adapter backward");

        space.dqkv.resize(tokens * width, 0.0);
        let (dout, documents) = (&space.dattention, &step.batch.documents);
        attention_backward(
            layer.attention,
            &mut space.dqkv,
            dout,
            &saved.qkv,
            &saved.attention,
            &saved.lse,
            documents,
        );
        space.profile.lap("attention backward");
        if let Some(rope) = &layer.rope {
            let positions: Vec<u32> = step.batch.places.iter().map(|place| place.position).collect();
            let rotated = self.heads.heads + self.heads.kv_heads;
            rope.rotate(&mut space.dqkv, width, rotated, &positions, Turn::Back);
        }
        if let Some([(q_groups, q), (k_groups, k)]) = &layer.qk_norms {
            let parts = [(*q_groups, &q[..]), (*k_groups, &k[..])];
            group_norm_backward(&mut space.dqkv, width, parts, &saved.qk_raw, &saved.inv_rms_qk);
        }
        space.profile.lap("rope");

        layer.attention_ends.input(&saved.x, hidden, &mut saved.attention_ends, &mut space.normed);
        space.profile.lap("norm");
        space.dnormed.fill(0.0);
        // Below the first layer lies the frozen embedding: nothing there needs a gradient.
        let mut dnormed = (step.index > 0).then_some(&mut space.dnormed[..]);
        for (linear, target, column) in self.qkv(layer) {
            let dout = &space.dqkv[column..];
            if let Some(dnormed) = dnormed.as_deref_mut() {
                let left = Left::pack(View::rows(dout, tokens, linear.matrix.rows(), width), 1.0);
                linear.backward(&left, dnormed, Output::Accumulate);
                space.profile.lap("q,k,v backward");
            }
            step.branch(target, saved, &space.normed, dout, width, dnormed.as_deref_mut(), grad);
            space.profile.lap("adapter backward");
        }
        let dout = &space.dqkv;
        step.branch(Target::QkvProj, saved, &space.normed, dout, width, dnormed.as_deref_mut(), grad);
        space.profile.lap("adapter backward");
        if let Some(dnormed) = dnormed {
            layer.attention_ends.input_backward(dx, dnormed, &saved.x, &saved.attention_ends);
            space.profile.lap("norm");
        }
    }
}

/// What every part of one layer's backward needs.
struct Backward<'a> {
    adapter: &'a Adapter,
    dropout: Option<Dropout>,
    batch: &'a Batch,
    index: usize,
}

impl Backward<'_> {
    fn adapts(&self, target: Target) -> bool {
        self.adapter.layout.pair(self.index, target).is_some()
    }

    #[expect(clippy::too_many_arguments, reason = "the operands of the adapter branch")]
    fn branch(
        &self,
        target: Target,
        saved: &Saved,
        x: &[f32],
        dout: &[f32],
        dout_stride: usize,
        dx: Option<&mut [f32]>,
        grad: &mut [f32],
    ) {
        let (places, hidden) = (&self.batch.places, &saved.lora_hidden[target as usize]);
        let dropout = self.dropout;
        lora_backward(
            self.adapter,
            grad,
            self.index,
            target,
            x,
            places,
            dropout,
            hidden,
            dout,
            dout_stride,
            dx,
        );
    }
}
