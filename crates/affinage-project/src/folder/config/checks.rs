//! Value checks that run while the file is read, so that an error carries its line.

use std::fmt;
use std::num::NonZeroUsize;

use affinage_engine::checkpoint::MAX_RANK;
use affinage_engine::lora::Target;
use serde::de::{Deserialize, Deserializer, Error as _, Unexpected, Visitor};

pub fn at_least_1<'de, D: Deserializer<'de>, N: TryFrom<u64>>(d: D) -> Result<N, D::Error> {
    let n = d.deserialize_any(Number {
        expected: "a whole number of at least 1",
        accepts: |v| v >= 1.0 && whole(v),
    })?;
    N::try_from(n as u64).map_err(|_| D::Error::invalid_value(Unexpected::Float(n), &"a smaller number"))
}

/// A LoRA rank that the adapter's readers accept too.
pub fn rank<'de, D: Deserializer<'de>>(d: D) -> Result<usize, D::Error> {
    let n = d.deserialize_any(Number {
        expected: "a whole number from 1 to 4096",
        accepts: |v| (1.0..=MAX_RANK as f64).contains(&v) && whole(v),
    })?;
    Ok(n as usize)
}

pub fn some_at_least_1<'de, D: Deserializer<'de>, N: TryFrom<u64>>(d: D) -> Result<Option<N>, D::Error> {
    at_least_1(d).map(Some)
}

pub fn threads<'de, D: Deserializer<'de>>(d: D) -> Result<Option<NonZeroUsize>, D::Error> {
    at_least_1(d).map(NonZeroUsize::new)
}

pub fn positive<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    d.deserialize_any(Number { expected: "a number above 0", accepts: |v| v > 0.0 })
}

pub fn not_negative<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    d.deserialize_any(Number { expected: "a number of at least 0", accepts: |v| v >= 0.0 })
}

pub fn some_positive<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    positive(d).map(Some)
}

pub fn some_not_negative<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    not_negative(d).map(Some)
}

pub fn share<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    d.deserialize_any(Number {
        expected: "a share of at least 0 and below 1",
        accepts: |v| (0.0..1.0).contains(&v),
    })
}

pub fn top_p<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    d.deserialize_any(Number { expected: "a number above 0 and at most 1", accepts: |v| v > 0.0 && v <= 1.0 })
}

/// A name that is a folder name on every system and a word in reports.
pub fn folder_name<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    let name = String::deserialize(d)?;
    match is_folder_name(&name) {
        true => Ok(name),
        false => Err(D::Error::invalid_value(Unexpected::Str(&name), &FOLDER_NAME)),
    }
}

/// What [`is_folder_name`] expects.
pub const FOLDER_NAME: &str = "letters, digits, `-`, `_`, `+` and `.`";

pub fn is_folder_name(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || "-_.+".contains(c);
    !name.is_empty() && !name.starts_with('.') && name.chars().all(fits)
}

/// A folder name that neither the base nor a checkpoint can have.
pub fn arm_name<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    let name = folder_name(d)?;
    if affinage_eval::plan::is_reserved(&name) {
        return Err(D::Error::invalid_value(
            Unexpected::Str(&name),
            &"a name of your own: this one belongs to the base model or to the checkpoints of the run",
        ));
    }
    Ok(name)
}

/// At least one whole number of at least 1; sorted, repeats dropped.
pub fn rising<'de, D: Deserializer<'de>, N: Deserialize<'de> + Ord + TryInto<u64> + Copy>(
    d: D,
) -> Result<Vec<N>, D::Error> {
    let mut numbers = Vec::<N>::deserialize(d)?;
    numbers.sort_unstable();
    numbers.dedup();
    let is_zero = |n: &N| (*n).try_into().is_ok_and(|n: u64| n == 0);
    if numbers.is_empty() || numbers.iter().any(is_zero) {
        return Err(D::Error::custom("expected at least one whole number, each of at least 1"));
    }
    Ok(numbers)
}

/// At least one target; sorted in the order of the model, repeats dropped.
pub fn targets<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Target>, D::Error> {
    let mut targets = Vec::<Target>::deserialize(d)?;
    targets.sort();
    targets.dedup();
    if targets.is_empty() {
        return Err(D::Error::invalid_length(0, &"at least one projection"));
    }
    Ok(targets)
}

fn whole(v: f64) -> bool {
    v.fract() == 0.0
}

/// A finite number in a range, told to the user in words.
struct Number {
    expected: &'static str,
    accepts: fn(f64) -> bool,
}

impl Visitor<'_> for Number {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_i64<E: serde::de::Error>(self, v: i64) -> Result<f64, E> {
        // Counts stay far below 2^53, where f64 is exact.
        if (self.accepts)(v as f64) {
            Ok(v as f64)
        } else {
            Err(E::invalid_value(Unexpected::Signed(v), &self))
        }
    }

    fn visit_u64<E: serde::de::Error>(self, v: u64) -> Result<f64, E> {
        if (self.accepts)(v as f64) {
            Ok(v as f64)
        } else {
            Err(E::invalid_value(Unexpected::Unsigned(v), &self))
        }
    }

    fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<f64, E> {
        if v.is_finite() && (self.accepts)(v) {
            Ok(v)
        } else {
            Err(E::invalid_value(Unexpected::Float(v), &self))
        }
    }
}
