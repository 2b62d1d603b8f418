//! The instruction sets that the kernels use, and the only kernels with `unsafe`.
//!
//! Every path computes the same sequence of rounded operations (fused multiply-adds in index order, reductions over 16
//! fixed lanes), so results are bit-identical on scalar, AVX2 and AVX-512 machines; tests compare the paths bit by bit.

pub mod crew;
pub mod gemm;
mod lines;
mod micro;
pub mod narrow;
mod pack;
pub mod peak;
mod transpose;

use std::sync::OnceLock;

/// An instruction set that the kernels can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    Scalar,
    Avx2,
    Avx512,
}

impl Isa {
    /// Name as recorded in `run.toml` and shown by `doctor`.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Scalar => "scalar",
            Isa::Avx2 => "avx2+fma",
            Isa::Avx512 => "avx512",
        }
    }
}

/// Limits the instruction set to one of [`Isa::name`], to measure the paths of other machines on this one.
pub const ISA_VARIABLE: &str = "AFFINAGE_ISA";

/// The best instruction set of this machine, detected once; at most the one that [`ISA_VARIABLE`] names, if it names one.
pub fn isa() -> Isa {
    static ISA: OnceLock<Isa> = OnceLock::new();
    *ISA.get_or_init(|| {
        let wanted = std::env::var(ISA_VARIABLE).unwrap_or_default();
        let available = available();
        let named = available.iter().find(|isa| isa.name() == wanted);
        named.or(available.last()).copied().unwrap_or(Isa::Scalar)
    })
}

/// All instruction sets that this machine can execute, slowest first.
pub fn available() -> Vec<Isa> {
    let mut all = vec![Isa::Scalar];
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            all.push(Isa::Avx2);
            if ["avx512f", "avx512bw", "avx512dq", "avx512vl"].iter().all(|feature| has(feature)) {
                all.push(Isa::Avx512);
            }
        }
    }
    all
}

#[cfg(target_arch = "x86_64")]
fn has(feature: &str) -> bool {
    match feature {
        "avx512f" => is_x86_feature_detected!("avx512f"),
        "avx512bw" => is_x86_feature_detected!("avx512bw"),
        "avx512dq" => is_x86_feature_detected!("avx512dq"),
        "avx512vl" => is_x86_feature_detected!("avx512vl"),
        _ => false,
    }
}

/// Compiles one plain function for each instruction set and calls the best one.
///
/// The body is ordinary safe code over slices; the compiler vectorises it. `mul_add` is one rounding on every path.
macro_rules! simd {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident : $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                fn avx512($($arg: $ty),*) $(-> $ret)? {
                    body($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $ty),*) $(-> $ret)? {
                    body($($arg),*)
                }
                match $crate::kernels::arch::isa() {
                    // SAFETY: `isa` reports only instruction sets that were detected on this machine.
                    $crate::kernels::arch::Isa::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::kernels::arch::Isa::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::kernels::arch::Isa::Scalar => {}
                }
            }
            body($($arg),*)
        }
    };
}
pub(crate) use simd;
