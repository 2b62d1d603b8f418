//! The instruction sets that the kernels use, and the only kernels with `unsafe`.
//!
//! Every path computes the same sequence of rounded operations (fused multiply-adds in index order, reductions over 16
//! fixed lanes), so results are bit-identical on scalar, AVX2, AVX-512 and NEON machines; tests compare the paths bit by bit.

mod aligned;
mod fused;
pub mod gemm;
mod micro;
pub mod narrow;
mod pack;
pub mod peak;
pub mod thread_team;
mod transpose;
mod vector;

use std::sync::OnceLock;

/// An instruction set that the kernels can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    Scalar,
    Avx2,
    Avx512,
    Neon,
}

impl Isa {
    /// Name as recorded in `run.toml` and shown by `doctor`.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Scalar => "scalar",
            Isa::Avx2 => "avx2+fma",
            Isa::Avx512 => "avx512",
            Isa::Neon => "neon",
        }
    }
}

/// Names the instruction set to use, one of [`Isa::name`] (`avx2` is enough for `avx2+fma`), to measure the paths of other
/// machines on this one. See [`check_variable`].
pub const ISA_VARIABLE: &str = "AFFINAGE_ISA";

/// The best instruction set of this machine, detected once, or the one that [`ISA_VARIABLE`] names.
pub fn isa() -> Isa {
    #[cfg(test)]
    if let Some(isa) = forced::isa() {
        return isa;
    }
    static ISA: OnceLock<Isa> = OnceLock::new();
    *ISA.get_or_init(|| {
        let wanted = std::env::var(ISA_VARIABLE).unwrap_or_default();
        let available = available();
        named(&wanted, &available).or(available.last().copied()).unwrap_or(Isa::Scalar)
    })
}

fn named(wanted: &str, available: &[Isa]) -> Option<Isa> {
    let is_meant = |isa: &&Isa| isa.name() == wanted || isa.name().split('+').next() == Some(wanted);
    available.iter().find(is_meant).copied()
}

/// Whether [`ISA_VARIABLE`] is unset, empty, or names an instruction set that this machine has; [`isa`] takes the best one else.
///
/// Errors: the sentence to say, with the names that are known here.
pub fn check_variable() -> Result<(), String> {
    check_name(&std::env::var(ISA_VARIABLE).unwrap_or_default(), &available())
}

fn check_name(wanted: &str, available: &[Isa]) -> Result<(), String> {
    if wanted.is_empty() || named(wanted, available).is_some() {
        return Ok(());
    }
    let known: Vec<&str> = available.iter().map(|isa| isa.name()).collect();
    Err(format!("{ISA_VARIABLE} is `{wanted}`, expected one that this machine has: {}", known.join(", ")))
}

/// All instruction sets that this machine can execute, slowest first.
pub fn available() -> Vec<Isa> {
    #[allow(unused_mut, reason = "other machines have the portable path alone")]
    let mut all = vec![Isa::Scalar];
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
    {
        all.push(Isa::Avx2);
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
        {
            all.push(Isa::Avx512);
        }
    }
    // Part of every aarch64 machine.
    #[cfg(target_arch = "aarch64")]
    all.push(Isa::Neon);
    all
}

/// Tests of this crate that run the whole engine on one instruction set after the other. Tests beside them run on the
/// same one meanwhile, which changes none of their results.
#[cfg(test)]
mod forced {
    use super::{Isa, available};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Mutex, PoisonError};

    /// A place in [`available`], counted from 1; 0 forces nothing.
    static FORCED: AtomicUsize = AtomicUsize::new(0);

    pub fn isa() -> Option<Isa> {
        let forced = FORCED.load(Ordering::SeqCst).checked_sub(1)?;
        Some(available()[forced])
    }

    /// Runs `body` once for each instruction set of this machine.
    pub fn on_every_isa(mut body: impl FnMut(Isa)) {
        struct Free;
        impl Drop for Free {
            fn drop(&mut self) {
                FORCED.store(0, Ordering::SeqCst);
            }
        }
        static ONE: Mutex<()> = Mutex::new(());
        let _one_after_the_other = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let _free = Free;
        for (place, isa) in available().into_iter().enumerate() {
            FORCED.store(place + 1, Ordering::SeqCst);
            body(isa);
        }
    }
}
#[cfg(test)]
pub(crate) use forced::on_every_isa;

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
                    _ => {}
                }
            }
            body($($arg),*)
        }
    };
}
pub(crate) use simd;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_of_this_machine_is_taken() {
        let here = [Isa::Scalar, Isa::Avx2];
        for (wanted, taken) in
            [("avx2", Some(Isa::Avx2)), ("avx2+fma", Some(Isa::Avx2)), ("scalar", Some(Isa::Scalar))]
        {
            assert_eq!(named(wanted, &here), taken);
            assert_eq!(check_name(wanted, &here), Ok(()));
        }
        assert_eq!(check_name("", &here), Ok(()));
        for unknown in ["sse9", "neon", "avx512", "avx2+", "+fma"] {
            let error = check_name(unknown, &here).expect_err("no such one here");
            assert!(error.ends_with("scalar, avx2+fma") && error.contains(unknown), "{error}");
        }
    }
}
