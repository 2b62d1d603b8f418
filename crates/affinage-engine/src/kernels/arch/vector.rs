//! Vector registers: what the kernels need of an instruction set, so that each is written once for all of them.

#![expect(clippy::needless_range_loop, reason = "registers in several arrays go by one index")]

/// A register of f32 values, of which `PARTS` hold sixteen columns.
///
/// A method becomes instructions only where it is inlined into a function that enables the instruction set, so the
/// functions between are `#[inline(always)]` too.
///
/// # Safety of every method
/// The instruction set is available on this machine. Pointers are valid for one register of f32, else for the sixteen
/// columns that the method names.
pub(super) trait Vector<const PARTS: usize>: Copy {
    /// Values of one register.
    const LANES: usize = 16 / PARTS;
    /// What [`Vector::step`] gives for a step of one.
    const STEP: f32;
    /// Sixteen steps, looked up by codes of four bits.
    type Steps: Copy;
    /// Four rows of codes of sixteen columns, as far as they can be looked up at once.
    type Four: Copy;

    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn mul(self, factor: Self) -> Self;
    /// `self * factor + term`, rounded once.
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self;
    /// Asks for a cache line that is needed soon; nothing where the language has no word for it.
    fn prefetch(at: *const f32);

    /// Sixteen half floats.
    unsafe fn f16(from: *const u16) -> [Self; PARTS];
    /// Sixteen upper halves of f32.
    unsafe fn bf16(from: *const u16) -> [Self; PARTS];
    /// Sixteen signed bytes.
    unsafe fn i8(from: *const i8) -> [Self; PARTS];

    unsafe fn steps(steps: &[i8; 16]) -> Self::Steps;
    /// The lower (`high`: upper) codes of the four bytes of sixteen words.
    unsafe fn four(words: *const u32, high: bool, steps: Self::Steps) -> Self::Four;
    /// The steps of the codes in byte `BYTE` of each word, times [`Vector::STEP`].
    unsafe fn step<const BYTE: usize>(four: Self::Four) -> [Self; PARTS];
}

/// Methods that are one instruction each.
macro_rules! plain {
    ($splat:ident, $load:ident, $store:ident, $add:ident, $mul:ident) => {
        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: passed on to the caller, as in the other methods.
            unsafe { $splat(value) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as above.
            unsafe { $load(from) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above.
            unsafe { $store(to, self) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { $add(self, other) }
        }
        #[inline(always)]
        unsafe fn mul(self, factor: Self) -> Self {
            // SAFETY: as above.
            unsafe { $mul(self, factor) }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Vector;
    use std::arch::x86_64::*;

    #[inline(always)]
    fn prefetch(at: *const f32) {
        // SAFETY: a prefetch reads nothing, wherever it points; SSE is part of x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    impl Vector<1> for __m512 {
        const STEP: f32 = 1.0;
        type Steps = __m512;
        type Four = (__m512i, __m512);

        plain!(_mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_add_ps, _mm512_mul_ps);

        #[inline(always)]
        unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_fmadd_ps(self, factor, term) }
        }

        #[inline(always)]
        fn prefetch(at: *const f32) {
            prefetch(at);
        }

        #[inline(always)]
        unsafe fn f16(from: *const u16) -> [Self; 1] {
            // SAFETY: as above.
            unsafe { [_mm512_cvtph_ps(_mm256_loadu_si256(from.cast()))] }
        }

        #[inline(always)]
        unsafe fn bf16(from: *const u16) -> [Self; 1] {
            // SAFETY: as above.
            unsafe {
                let bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
                [_mm512_castsi512_ps(_mm512_slli_epi32::<16>(bits))]
            }
        }

        #[inline(always)]
        unsafe fn i8(from: *const i8) -> [Self; 1] {
            // SAFETY: as above.
            unsafe { [_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(from.cast())))] }
        }

        #[inline(always)]
        unsafe fn steps(steps: &[i8; 16]) -> __m512 {
            // SAFETY: as above.
            unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(steps.as_ptr().cast()))) }
        }

        #[inline(always)]
        unsafe fn four(words: *const u32, high: bool, steps: __m512) -> Self::Four {
            // SAFETY: as above.
            unsafe {
                let words = _mm512_loadu_si512(words.cast());
                (if high { _mm512_srli_epi32::<4>(words) } else { words }, steps)
            }
        }

        #[inline(always)]
        unsafe fn step<const BYTE: usize>((words, steps): Self::Four) -> [Self; 1] {
            // SAFETY: as above.
            unsafe {
                let codes = match BYTE {
                    0 => words,
                    1 => _mm512_srli_epi32::<8>(words),
                    2 => _mm512_srli_epi32::<16>(words),
                    _ => _mm512_srli_epi32::<24>(words),
                };
                // The permutation looks at the low four bits only.
                [_mm512_permutexvar_ps(codes, steps)]
            }
        }
    }

    /// Shuffles that move a byte of every word to its top and clear the rest.
    const TOP: [[i8; 16]; 2] = [
        [-1, -1, -1, 1, -1, -1, -1, 5, -1, -1, -1, 9, -1, -1, -1, 13],
        [-1, -1, -1, 2, -1, -1, -1, 6, -1, -1, -1, 10, -1, -1, -1, 14],
    ];

    impl Vector<2> for __m256 {
        /// A step is a byte alone at the top of its lane.
        const STEP: f32 = (1 << 24) as f32;
        type Steps = __m256i;
        type Four = [__m256i; 2];

        plain!(_mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_add_ps, _mm256_mul_ps);

        #[inline(always)]
        unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm256_fmadd_ps(self, factor, term) }
        }

        #[inline(always)]
        fn prefetch(at: *const f32) {
            prefetch(at);
        }

        #[inline(always)]
        unsafe fn f16(from: *const u16) -> [Self; 2] {
            // SAFETY: as above.
            unsafe {
                [
                    _mm256_cvtph_ps(_mm_loadu_si128(from.cast())),
                    _mm256_cvtph_ps(_mm_loadu_si128(from.add(8).cast())),
                ]
            }
        }

        #[inline(always)]
        unsafe fn bf16(from: *const u16) -> [Self; 2] {
            // SAFETY: as above.
            unsafe {
                let low = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
                let high = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.add(8).cast()));
                let (low, high) = (_mm256_slli_epi32::<16>(low), _mm256_slli_epi32::<16>(high));
                [_mm256_castsi256_ps(low), _mm256_castsi256_ps(high)]
            }
        }

        #[inline(always)]
        unsafe fn i8(from: *const i8) -> [Self; 2] {
            // SAFETY: as above.
            unsafe {
                let low = _mm256_cvtepi8_epi32(_mm_loadl_epi64(from.cast()));
                let high = _mm256_cvtepi8_epi32(_mm_loadl_epi64(from.add(8).cast()));
                [_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high)]
            }
        }

        #[inline(always)]
        unsafe fn steps(steps: &[i8; 16]) -> __m256i {
            // SAFETY: as above.
            unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(steps.as_ptr().cast())) }
        }

        #[inline(always)]
        unsafe fn four(words: *const u32, high: bool, steps: __m256i) -> Self::Four {
            // SAFETY: as above.
            unsafe {
                let mut four = [_mm256_setzero_si256(); 2];
                for part in 0..2 {
                    let words = _mm256_loadu_si256(words.add(8 * part).cast());
                    let words = if high { _mm256_srli_epi32::<4>(words) } else { words };
                    four[part] = _mm256_shuffle_epi8(steps, _mm256_and_si256(words, _mm256_set1_epi8(15)));
                }
                four
            }
        }

        #[inline(always)]
        unsafe fn step<const BYTE: usize>(four: Self::Four) -> [Self; 2] {
            // SAFETY: as above.
            unsafe {
                let mut steps = [_mm256_setzero_ps(); 2];
                for part in 0..2 {
                    let top = match BYTE {
                        0 => _mm256_slli_epi32::<24>(four[part]),
                        3 => _mm256_and_si256(four[part], _mm256_set1_epi32(0xff << 24)),
                        _ => {
                            let order = _mm_loadu_si128(TOP[BYTE - 1].as_ptr().cast());
                            _mm256_shuffle_epi8(four[part], _mm256_broadcastsi128_si256(order))
                        }
                    };
                    steps[part] = _mm256_cvtepi32_ps(top);
                }
                steps
            }
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use super::Vector;
    use std::arch::aarch64::*;
    use std::arch::asm;

    /// Table look-ups that move a byte of every word to its top and clear the rest.
    const TOP: [[u8; 16]; 2] = [
        [255, 255, 255, 1, 255, 255, 255, 5, 255, 255, 255, 9, 255, 255, 255, 13],
        [255, 255, 255, 2, 255, 255, 255, 6, 255, 255, 255, 10, 255, 255, 255, 14],
    ];

    /// Table look-ups that move four of sixteen bytes to the tops of four lanes.
    const COLUMNS: [[u8; 16]; 4] = {
        let mut out = [[255u8; 16]; 4];
        let mut column = 0;
        while column < 16 {
            out[column / 4][column % 4 * 4 + 3] = column as u8;
            column += 1;
        }
        out
    };

    impl Vector<4> for float32x4_t {
        const STEP: f32 = 1.0;
        type Steps = uint8x16_t;
        type Four = [uint8x16_t; 4];

        plain!(vdupq_n_f32, vld1q_f32, vst1q_f32, vaddq_f32, vmulq_f32);

        #[inline(always)]
        unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
            // SAFETY: as above.
            unsafe { vfmaq_f32(term, self, factor) }
        }

        #[inline(always)]
        fn prefetch(_: *const f32) {}

        #[inline(always)]
        unsafe fn f16(from: *const u16) -> [Self; 4] {
            // SAFETY: as above. The language has no half floats yet; both instructions are part of aarch64 and touch
            // registers only.
            unsafe {
                let mut out = [vdupq_n_f32(0.0); 4];
                for half in 0..2 {
                    let bits = vld1q_u16(from.add(8 * half));
                    let (low, high): (float32x4_t, float32x4_t);
                    asm!("fcvtl {0:v}.4s, {1:v}.4h", out(vreg) low, in(vreg) bits,
                         options(pure, nomem, nostack, preserves_flags));
                    asm!("fcvtl2 {0:v}.4s, {1:v}.8h", out(vreg) high, in(vreg) bits,
                         options(pure, nomem, nostack, preserves_flags));
                    (out[2 * half], out[2 * half + 1]) = (low, high);
                }
                out
            }
        }

        #[inline(always)]
        unsafe fn bf16(from: *const u16) -> [Self; 4] {
            // SAFETY: as above.
            unsafe {
                let (first, second, zero) = (vld1q_u16(from), vld1q_u16(from.add(8)), vdupq_n_u16(0));
                [
                    vreinterpretq_f32_u16(vzip1q_u16(zero, first)),
                    vreinterpretq_f32_u16(vzip2q_u16(zero, first)),
                    vreinterpretq_f32_u16(vzip1q_u16(zero, second)),
                    vreinterpretq_f32_u16(vzip2q_u16(zero, second)),
                ]
            }
        }

        #[inline(always)]
        unsafe fn i8(from: *const i8) -> [Self; 4] {
            // SAFETY: as above.
            unsafe {
                let bytes = vld1q_u8(from.cast());
                let mut out = [vdupq_n_f32(0.0); 4];
                for part in 0..4 {
                    let top = vqtbl1q_u8(bytes, vld1q_u8(COLUMNS[part].as_ptr()));
                    out[part] = vcvtq_n_f32_s32::<24>(vreinterpretq_s32_u8(top));
                }
                out
            }
        }

        #[inline(always)]
        unsafe fn steps(steps: &[i8; 16]) -> uint8x16_t {
            // SAFETY: as above.
            unsafe { vld1q_u8(steps.as_ptr().cast()) }
        }

        #[inline(always)]
        unsafe fn four(words: *const u32, high: bool, steps: uint8x16_t) -> Self::Four {
            // SAFETY: as above.
            unsafe {
                let mut four = [steps; 4];
                for part in 0..4 {
                    let words = vld1q_u8(words.add(4 * part).cast());
                    let codes = if high { vshrq_n_u8::<4>(words) } else { vandq_u8(words, vdupq_n_u8(15)) };
                    four[part] = vqtbl1q_u8(steps, codes);
                }
                four
            }
        }

        #[inline(always)]
        unsafe fn step<const BYTE: usize>(four: Self::Four) -> [Self; 4] {
            // SAFETY: as above.
            unsafe {
                let mut steps = [vdupq_n_f32(0.0); 4];
                for part in 0..4 {
                    let words = vreinterpretq_u32_u8(four[part]);
                    let top = match BYTE {
                        0 => vshlq_n_u32::<24>(words),
                        3 => vandq_u32(words, vdupq_n_u32(0xff << 24)),
                        _ => {
                            let order = vld1q_u8(TOP[BYTE - 1].as_ptr());
                            vreinterpretq_u32_u8(vqtbl1q_u8(four[part], order))
                        }
                    };
                    steps[part] = vcvtq_n_f32_s32::<24>(vreinterpretq_s32_u32(top));
                }
                steps
            }
        }
    }
}
