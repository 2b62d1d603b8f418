//! What this machine can do at most, measured: the yardstick of `affinage bench`.
//!
//! The share of peak that a job reaches is only as honest as the peak. So it is the faster of our own multiply and of
//! an independent one (the `gemm` project's), and a loop that touches no memory shows what neither reaches.

use super::gemm::{Left, Output, Right, View};
use super::vector::Vector;
use super::{Isa, isa};
use gemm_common::Parallelism;
use rayon::prelude::*;
use std::hint::black_box;

/// A square f32 product `c = a b` with operands of its own.
pub struct Square {
    side: usize,
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
}

impl Square {
    /// Two dense matrices of `side` x `side`.
    pub fn new(side: usize) -> Square {
        let values = |step: f32| (0..side * side).map(|i| (i as f32 * step).fract() - 0.5).collect();
        Square { side, a: values(0.618_034), b: values(0.414_214), c: vec![0.0; side * side] }
    }

    /// Floating-point operations of one product.
    pub fn flop(&self) -> f64 {
        2.0 * (self.side as f64).powi(3)
    }

    /// Our own multiply, packing of both sides included.
    pub fn multiply(&mut self) {
        let n = self.side;
        let (a, b) = (View::rows(&self.a, n, n, n), View::rows(&self.b, n, n, n));
        Left::pack(a, 1.0).multiply(Right::Dense(b), &mut self.c, n, Output::Overwrite);
    }

    /// The `gemm` project's multiply on as many threads.
    pub fn multiply_independently(&mut self) {
        let (n, stride) = (self.side, self.side as isize);
        let threads = match rayon::current_num_threads() {
            1 => Parallelism::None,
            threads => Parallelism::Rayon(threads),
        };
        let multiply = gemm_f32::gemm::f32::get_gemm_fn();
        let (a, b, c) = (self.a.as_ptr(), self.b.as_ptr(), self.c.as_mut_ptr());
        // SAFETY: the three matrices are row-major `n x n` (column stride 1, row stride n), and `c` is ours alone.
        unsafe {
            multiply(
                n, n, n, c, 1, stride, false, a, 1, stride, b, 1, stride, 0.0, 1.0, false, false, false,
                threads,
            );
        }
    }

    /// The product of the last call.
    pub fn product(&self) -> &[f32] {
        &self.c
    }
}

/// Fused multiply-adds on registers alone, on every thread; returns the floating-point operations done.
pub fn multiply_add_loop(rounds: usize) -> f64 {
    let threads = rayon::current_num_threads();
    let multiply_adds: usize = (0..threads)
        .into_par_iter()
        .with_max_len(1)
        .map(|_| match isa() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `isa` reports only instruction sets that were detected on this machine.
            Isa::Avx512 => unsafe { chains_avx512(rounds) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Isa::Avx2 => unsafe { chains_avx2(rounds) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Isa::Neon => unsafe { chains_neon(rounds) },
            _ => chains_scalar(rounds),
        })
        .sum();
    (2 * multiply_adds) as f64
}

/// Each returns the multiply-adds done.
fn chains_scalar(rounds: usize) -> usize {
    const CHAINS: usize = 12;
    let (factor, mut sums) = (black_box(0.999_999f32), [1.0f32; CHAINS]);
    for _ in 0..rounds {
        sums = sums.map(|sum| sum * factor + 1e-6);
    }
    black_box(sums);
    CHAINS * rounds
}

/// `CHAINS` vectors of sums are in flight at once: more than hide the latency of a fused multiply-add.
///
/// # Safety
/// The vector's instruction set is available.
#[inline(always)]
unsafe fn chains<V: Vector<PARTS>, const PARTS: usize, const CHAINS: usize>(rounds: usize) -> usize {
    // SAFETY: passed on to the caller.
    unsafe {
        let (factor, term) = (V::splat(black_box(0.999_999)), V::splat(1e-6));
        let mut sums = [term; CHAINS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = sum.mul_add(factor, term);
            }
        }
        black_box(sums);
    }
    CHAINS * V::LANES * rounds
}

/// [`chains`] on one instruction set: 12 for two ports, 24 for the four of large ARM cores.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! chains_of {
    ($name:ident, $feature:literal, $vector:ty, $parts:literal, $chains:literal) => {
        #[target_feature(enable = $feature)]
        fn $name(rounds: usize) -> usize {
            // SAFETY: the instruction set is enabled here.
            unsafe { chains::<$vector, $parts, $chains>(rounds) }
        }
    };
}

#[cfg(target_arch = "x86_64")]
chains_of!(chains_avx512, "avx512f", std::arch::x86_64::__m512, 1, 12);
#[cfg(target_arch = "x86_64")]
chains_of!(chains_avx2, "avx2,fma", std::arch::x86_64::__m256, 2, 12);
#[cfg(target_arch = "aarch64")]
chains_of!(chains_neon, "neon", std::arch::aarch64::float32x4_t, 4, 24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_multiplies_give_the_same_product() {
        let mut square = Square::new(65);
        square.multiply();
        let ours = square.product().to_vec();
        square.c.fill(f32::NAN);
        square.multiply_independently();
        let (a, b) = (&square.a, &square.b);
        let reference = |i: usize| -> f64 {
            (0..65).map(|k| a[i / 65 * 65 + k] as f64 * b[k * 65 + i % 65] as f64).sum()
        };
        for (i, (ours, theirs)) in ours.iter().zip(square.product()).enumerate() {
            assert!((*ours as f64 - reference(i)).abs() < 1e-5 && (ours - theirs).abs() < 1e-5, "{i}");
        }
    }
}
