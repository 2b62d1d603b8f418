//! Blocks of 256 numbers whose parts have scales that are quantised themselves (Q4_K, Q5_K, Q6_K).
//!
//! Layouts: ggml `ggml-common.h`. The scales are our own search for the least squared error, in which a number counts by
//! its size: large weights carry more of a product. Each candidate step fixes the codes; given the codes the best scale
//! (and minimum) are a linear least-squares problem. `quants.json` holds llama.cpp's error on the same numbers.

use half::f16;

use super::pack::{inverse, peak};

/// Candidates for a step are tenths of a code around the one that spans the numbers.
const TENTH: f32 = 0.1;

/// Eight parts of 32 numbers, each `scale * code - min` with four bits a code.
pub(super) fn q4_k(values: &[f32; 256], out: &mut Vec<u8>) {
    let codes = scaled_parts(values, 15, out);
    low_halves(&codes, out);
}

/// As Q4_K with five bits a code: bit `part` of byte `i` is the fifth of number `i` of that part.
pub(super) fn q5_k(values: &[f32; 256], out: &mut Vec<u8>) {
    let codes = scaled_parts(values, 31, out);
    out.extend((0..32).map(|i| (0..8).fold(0u8, |bits, part| bits | codes[part * 32 + i] >> 4 << part)));
    low_halves(&codes, out);
}

/// Two parts of 32 codes a run of 32 bytes, the first in the low halves.
fn low_halves(codes: &[u8; 256], out: &mut Vec<u8>) {
    for pair in codes.as_chunks::<64>().0 {
        out.extend((0..32).map(|i| pair[i] & 15 | pair[32 + i] << 4));
    }
}

/// Appends f16 scale of scales, f16 scale of minima and the eight pairs in six bits each; returns the codes up to `most`.
fn scaled_parts(values: &[f32; 256], most: u8, out: &mut Vec<u8>) -> [u8; 256] {
    let parts = values.as_chunks::<32>().0;
    let fits: Vec<(f32, f32)> = parts.iter().map(|part| scale_and_min(part, most)).collect();
    let six_bits = |of: fn(&(f32, f32)) -> f32| -> (f16, Vec<u8>) {
        let unit = fits.iter().map(of).fold(0.0f32, f32::max) / 63.0;
        let codes = fits.iter().map(|fit| (of(fit) * inverse(unit)).round().min(63.0) as u8);
        (f16::from_f32(unit), codes.collect())
    };
    let (scale_unit, scales) = six_bits(|fit| fit.0);
    let (min_unit, mins) = six_bits(|fit| fit.1);
    out.extend(scale_unit.to_le_bytes());
    out.extend(min_unit.to_le_bytes());
    out.extend((0..4).map(|i| scales[i] | scales[i + 4] >> 4 << 6));
    out.extend((0..4).map(|i| mins[i] | mins[i + 4] >> 4 << 6));
    out.extend((4..8).map(|i| scales[i] & 15 | mins[i] << 4));

    let mut codes = [0; 256];
    for (part, (values, codes)) in parts.iter().zip(codes.as_chunks_mut::<32>().0).enumerate() {
        let inverse = inverse(scale_unit.to_f32() * f32::from(scales[part]));
        let min = min_unit.to_f32() * f32::from(mins[part]);
        for (code, x) in codes.iter_mut().zip(values) {
            *code = nearest((x + min) * inverse, most);
        }
    }
    codes
}

fn nearest(steps: f32, most: u8) -> u8 {
    // A negative number becomes 0.
    (steps.round() as u8).min(most)
}

/// The scale and the minimum (both at least 0) for which `scale * code - min` is nearest to `x`.
fn scale_and_min(x: &[f32; 32], most: u8) -> (f32, f32) {
    let size = (x.iter().map(|x| x * x).sum::<f32>() / 32.0).sqrt();
    let weights = x.map(|x| size + x.abs());
    let low = x.iter().copied().fold(0.0f32, f32::min);
    let high = x.iter().copied().fold(0.0f32, f32::max);
    if high <= low {
        return (0.0, 0.0);
    }
    let error = |scale: f32, min: f32| -> f32 {
        let inverse = inverse(scale);
        let off = |x: f32| scale * f32::from(nearest((x + min) * inverse, most)) - min - x;
        x.iter().zip(&weights).map(|(&x, w)| w * off(x) * off(x)).sum()
    };
    let mut best = ((high - low) / f32::from(most), -low);
    let mut least = error(best.0, best.1);
    for tenths in -10..=10 {
        let inverse = (f32::from(most) + TENTH * tenths as f32) / (high - low);
        let codes = x.map(|x| f32::from(nearest((x - low) * inverse, most)));
        let (scale, min) = least_squares(x, &weights, &codes);
        let found = error(scale, min);
        if scale > 0.0 && found < least {
            (best, least) = ((scale, min), found);
        }
    }
    best
}

/// The scale and the minimum, not below 0, with the least weighted squared error of `scale * code - min`.
fn least_squares(x: &[f32; 32], weights: &[f32; 32], codes: &[f32; 32]) -> (f32, f32) {
    let (mut w, mut c, mut cc, mut xw, mut xc) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for ((&x, &weight), &code) in x.iter().zip(weights).zip(codes) {
        w += weight;
        c += weight * code;
        cc += weight * code * code;
        xw += weight * x;
        xc += weight * x * code;
    }
    let determinant = w * cc - c * c;
    let scale = (w * xc - c * xw) * inverse(determinant);
    let min = (c * xc - cc * xw) * inverse(determinant);
    if determinant > 0.0 && min >= 0.0 { (scale, min) } else { (xc * inverse(cc), 0.0) }
}

/// Sixteen parts of 16 numbers, each `scale * (code - 32)` with six bits a code and signed scales in eight.
pub(super) fn q6_k(values: &[f32; 256], out: &mut Vec<u8>) {
    let parts = values.as_chunks::<16>().0;
    let fits: Vec<f32> = parts.iter().map(signed_scale).collect();
    let unit = f16::from_f32(peak(&fits) / -128.0);
    let scales: Vec<i8> = fits.iter().map(|fit| (fit * inverse(unit.to_f32())).round() as i8).collect();
    let mut codes = [0u8; 256];
    for ((values, codes), &scale) in parts.iter().zip(codes.as_chunks_mut::<16>().0).zip(&scales) {
        let inverse = inverse(unit.to_f32() * f32::from(scale));
        for (code, x) in codes.iter_mut().zip(values) {
            *code = ((x * inverse).round().clamp(-32.0, 31.0) + 32.0) as u8;
        }
    }
    let halves = codes.as_chunks::<128>().0;
    for half in halves {
        out.extend((0..64).map(|i| half[i] & 15 | half[64 + i] << 4));
    }
    for half in halves {
        out.extend(
            (0..32).map(|i| (0..4).fold(0u8, |bits, run| bits | half[run * 32 + i] >> 4 << (2 * run))),
        );
    }
    out.extend(scales.iter().map(|scale| *scale as u8));
    out.extend(unit.to_le_bytes());
}

/// The scale, of either sign, for which codes of -32 to 31 are nearest to `x`.
fn signed_scale(x: &[f32; 16]) -> f32 {
    let peak = peak(x);
    let (mut best, mut gain) = (peak / -32.0, 0.0);
    for tenths in -9..=9 {
        let inverse = inverse(peak) * -(32.0 + TENTH * tenths as f32);
        let (mut xc, mut cc) = (0.0, 0.0);
        for &x in x {
            let code = (x * inverse).round().clamp(-32.0, 31.0);
            xc += x * x * x * code;
            cc += x * x * code * code;
        }
        // The least-squares scale for these codes takes xc^2 / cc off the error.
        if cc > 0.0 && xc * xc > gain * cc {
            (best, gain) = (xc / cc, xc * xc / cc);
        }
    }
    best
}
