//! The GGUF container (versions 2 and 3): metadata and the table of tensors, over a memory map.
//!
//! Source: ggml `docs/gguf.md`. Nothing in the file is trusted: every count and length is compared with
//! the bytes that are left before anything is read or allocated, and arrays stay in the map until they
//! are asked for.

pub(super) mod lora;
pub(super) mod model;

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;

use crate::weights::error::LoadError;
use crate::weights::quant::DType;

/// Nested arrays are legal; no known file has any, and a deep nest is an attack on the stack.
const MAX_ARRAY_DEPTH: usize = 4;
const MAX_DIMENSIONS: usize = 4;
const DEFAULT_ALIGNMENT: u64 = 32;

/// The key-value part of a GGUF file: model constants, tokenizer and chat template.
pub struct GgufMetadata {
    path: PathBuf,
    map: Arc<Mmap>,
    values: HashMap<String, GgufValue>,
}

/// One value of the metadata. Integers of all widths are widened.
#[derive(Debug, Clone, PartialEq)]
pub enum GgufValue {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    String(String),
    Array(GgufArray),
}

/// An array that was checked but not read; see [`GgufMetadata::strings`] and [`GgufMetadata::integers`].
#[derive(Debug, Clone, PartialEq)]
pub struct GgufArray {
    element: ValueType,
    len: usize,
    bytes: Range<usize>,
}

/// A tensor of the table, its bytes checked to lie inside the file and apart from all others.
#[derive(Debug, Clone, PartialEq)]
struct GgufTensor {
    pub name: String,
    /// Row-major order, so `[rows, cols]`: the reverse of the file.
    pub shape: Vec<usize>,
    pub dtype: DType,
    pub start: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueType {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    String,
    Array,
    U64,
    I64,
    F64,
}

/// Reads metadata and tensor table. `path` is for messages.
fn read(path: &Path, map: Arc<Mmap>) -> Result<(GgufMetadata, Vec<GgufTensor>), LoadError> {
    let mut cursor = Cursor { path, bytes: &map, at: 0 };
    let magic = cursor.take(4, "magic number")?;
    if magic != b"GGUF" {
        return Err(LoadError::malformed(path, "magic number", "GGUF", format!("{magic:?}")));
    }
    let version = cursor.u32("version")?;
    if !(2..=3).contains(&version) {
        return Err(LoadError::unsupported(path, "GGUF version", version, "2 and 3, little-endian"));
    }
    // A tensor needs at least name length, dimension count, type and offset; a key its length and a type.
    let tensor_count = cursor.count(24, "number of tensors")?;
    let key_count = cursor.count(13, "number of metadata keys")?;
    let mut values = HashMap::new();
    for _ in 0..key_count {
        let key = cursor.string("metadata key")?.to_owned();
        let value_type = cursor.value_type(&key)?;
        let value = cursor.value(value_type, &key)?;
        if values.insert(key.clone(), value).is_some() {
            return Err(LoadError::malformed(path, format!("metadata `{key}`"), "one value", "two"));
        }
    }
    let alignment = alignment(path, values.get("general.alignment"))?;
    let mut tensors = Vec::new();
    for _ in 0..tensor_count {
        tensors.push(cursor.tensor()?);
    }
    let data_start = (cursor.at as u64).next_multiple_of(alignment);
    let tensors = place(path, tensors, data_start, alignment, map.len() as u64)?;
    Ok((GgufMetadata { path: path.to_owned(), map, values }, tensors))
}

fn alignment(path: &Path, value: Option<&GgufValue>) -> Result<u64, LoadError> {
    match value {
        None => Ok(DEFAULT_ALIGNMENT),
        Some(GgufValue::Unsigned(n)) if n.is_power_of_two() && (8..=1 << 20).contains(n) => Ok(*n),
        Some(other) => Err(LoadError::malformed(
            path,
            "metadata `general.alignment`",
            "a power of two from 8 to 1048576",
            other,
        )),
    }
}

impl GgufMetadata {
    pub fn get(&self, key: &str) -> Option<&GgufValue> {
        self.values.get(key)
    }

    /// All keys, sorted.
    pub fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = self.values.keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys
    }

    /// A text, `None` if there is no such key.
    pub fn string(&self, key: &str) -> Result<Option<&str>, LoadError> {
        match self.get(key) {
            None => Ok(None),
            Some(GgufValue::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(key, "a text", other)),
        }
    }

    /// A number that is not negative.
    pub fn unsigned(&self, key: &str) -> Result<Option<u64>, LoadError> {
        match self.get(key) {
            None => Ok(None),
            Some(GgufValue::Unsigned(n)) => Ok(Some(*n)),
            Some(GgufValue::Signed(n)) if *n >= 0 => Ok(Some(n.unsigned_abs())),
            Some(other) => Err(self.wrong(key, "a whole number, not negative", other)),
        }
    }

    pub fn float(&self, key: &str) -> Result<Option<f64>, LoadError> {
        match self.get(key) {
            None => Ok(None),
            Some(GgufValue::Float(x)) => Ok(Some(*x)),
            Some(other) => Err(self.wrong(key, "a floating point number", other)),
        }
    }

    pub fn bool(&self, key: &str) -> Result<Option<bool>, LoadError> {
        match self.get(key) {
            None => Ok(None),
            Some(GgufValue::Bool(x)) => Ok(Some(*x)),
            Some(other) => Err(self.wrong(key, "true or false", other)),
        }
    }

    /// An array of texts, borrowed from the file.
    pub fn strings(&self, key: &str) -> Result<Option<Vec<&str>>, LoadError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let GgufValue::Array(array) = value else { return Err(self.wrong(key, "an array of texts", value)) };
        if array.element != ValueType::String {
            return Err(self.wrong(key, "an array of texts", value));
        }
        let mut cursor = Cursor { path: &self.path, bytes: &self.map, at: array.bytes.start };
        (0..array.len).map(|_| cursor.string(key)).collect::<Result<Vec<_>, _>>().map(Some)
    }

    /// An array of whole numbers of any width.
    pub fn integers(&self, key: &str) -> Result<Option<Vec<i64>>, LoadError> {
        self.array(key, "an array of whole numbers", |value| match value {
            GgufValue::Unsigned(n) => i64::try_from(n).ok(),
            GgufValue::Signed(n) => Some(n),
            _ => None,
        })
    }

    /// An array of floating-point numbers of any width.
    pub fn floats(&self, key: &str) -> Result<Option<Vec<f32>>, LoadError> {
        self.array(key, "an array of floating-point numbers", |value| match value {
            GgufValue::Float(x) => Some(x as f32),
            _ => None,
        })
    }

    fn array<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl Fn(GgufValue) -> Option<T>,
    ) -> Result<Option<Vec<T>>, LoadError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let wrong = || self.wrong(key, expected, value);
        let GgufValue::Array(array) = value else { return Err(wrong()) };
        let mut cursor = Cursor { path: &self.path, bytes: &self.map, at: array.bytes.start };
        let values = (0..array.len).map(|_| read(cursor.value(array.element, key)?).ok_or_else(wrong));
        values.collect::<Result<_, _>>().map(Some)
    }

    pub(super) fn wrong(&self, key: &str, expected: &str, found: &GgufValue) -> LoadError {
        LoadError::malformed(&self.path, format!("metadata `{key}`"), expected, found)
    }
}

impl std::fmt::Display for GgufValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            GgufValue::Unsigned(n) => write!(f, "{n}"),
            GgufValue::Signed(n) => write!(f, "{n}"),
            GgufValue::Float(x) => write!(f, "{x}"),
            GgufValue::Bool(x) => write!(f, "{x}"),
            GgufValue::String(text) => write!(f, "{text:?}"),
            GgufValue::Array(array) => {
                write!(f, "an array of {} values of type {:?}", array.len, array.element)
            }
        }
    }
}

/// Where each tensor lies, in bytes from the start of the file. Refuses tensors outside the file, off the
/// alignment or on top of each other.
fn place(
    path: &Path,
    tensors: Vec<RawTensor>,
    data_start: u64,
    alignment: u64,
    file_bytes: u64,
) -> Result<Vec<GgufTensor>, LoadError> {
    let mut placed = Vec::new();
    for raw in tensors {
        if !raw.offset.is_multiple_of(alignment) {
            let what = format!("offset of tensor `{}`", raw.name);
            return Err(LoadError::malformed(path, what, format!("a multiple of {alignment}"), raw.offset));
        }
        let cols = raw.shape.last().copied().unwrap_or(1);
        if !cols.is_multiple_of(raw.dtype.block_len() as u64) {
            let what = format!("row length of tensor `{}`", raw.name);
            let expected = format!("a multiple of {} for {}", raw.dtype.block_len(), raw.dtype);
            return Err(LoadError::malformed(path, what, expected, cols));
        }
        // Up to four 64-bit dimensions can overflow even u128, then the product saturates and fails below.
        let len = raw.shape.iter().fold(1u128, |product, &n| product.saturating_mul(n.into()));
        let size = (len / raw.dtype.block_len() as u128).saturating_mul(raw.dtype.block_bytes() as u128);
        let end = (u128::from(data_start) + u128::from(raw.offset)).saturating_add(size);
        if end > u128::from(file_bytes) {
            return Err(LoadError::OutOfFile { path: path.to_owned(), tensor: raw.name, end, file_bytes });
        }
        // Sizes and offsets are at most the file length from here on, which fits usize as it is mapped.
        let shape = raw.shape.iter().map(|&n| n as usize).collect();
        let start = (data_start + raw.offset) as usize;
        placed.push((end as usize, GgufTensor { name: raw.name, shape, dtype: raw.dtype, start }));
    }
    placed.sort_by_key(|(end, tensor)| (tensor.start, *end));
    for pair in placed.windows(2) {
        let ((end, before), (_, after)) = (&pair[0], &pair[1]);
        if *end > after.start {
            let what = format!("tensors `{}` and `{}`", before.name, after.name);
            let found = format!("byte {end} after byte {}", after.start);
            return Err(LoadError::malformed(path, what, "data that do not overlap", found));
        }
    }
    Ok(placed.into_iter().map(|(_, tensor)| tensor).collect())
}

/// A row of the tensor table as written.
struct RawTensor {
    name: String,
    shape: Vec<u64>,
    dtype: DType,
    offset: u64,
}

/// Bounds-checked reading; `what` names the thing for the error.
struct Cursor<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize, what: &str) -> Result<&'a [u8], LoadError> {
        let left = self.bytes.len() - self.at;
        if len > left {
            let expected = format!("{len} bytes at byte {}", self.at);
            return Err(LoadError::malformed(
                self.path,
                what,
                expected,
                format!("{left} before the end of the file"),
            ));
        }
        let taken = &self.bytes[self.at..self.at + len];
        self.at += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], LoadError> {
        let bytes = self.take(N, what)?;
        Ok(bytes.try_into().expect("take returned N bytes"))
    }

    fn u32(&mut self, what: &str) -> Result<u32, LoadError> {
        self.array(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &str) -> Result<u64, LoadError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A number of items that take at least `min_bytes` each.
    fn count(&mut self, min_bytes: usize, what: &str) -> Result<usize, LoadError> {
        let count = self.u64(what)?;
        let most = (self.bytes.len() - self.at) / min_bytes;
        match usize::try_from(count) {
            Ok(count) if count <= most => Ok(count),
            _ => {
                let expected = format!("at most {most}, as many as the rest of the file can hold");
                Err(LoadError::malformed(self.path, what, expected, count))
            }
        }
    }

    fn string(&mut self, what: &str) -> Result<&'a str, LoadError> {
        let len = self.count(1, what)?;
        let bytes = self.take(len, what)?;
        std::str::from_utf8(bytes).map_err(|error| LoadError::malformed(self.path, what, "UTF-8", error))
    }

    fn value_type(&mut self, key: &str) -> Result<ValueType, LoadError> {
        use ValueType::*;
        const TYPES: [ValueType; 13] = [U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64];
        let id = self.u32(key)?;
        TYPES.get(id as usize).copied().ok_or_else(|| {
            LoadError::malformed(self.path, format!("type of metadata `{key}`"), "a number from 0 to 12", id)
        })
    }

    fn value(&mut self, value_type: ValueType, key: &str) -> Result<GgufValue, LoadError> {
        Ok(match value_type {
            ValueType::U8 => GgufValue::Unsigned(u8::from_le_bytes(self.array(key)?).into()),
            ValueType::I8 => GgufValue::Signed(i8::from_le_bytes(self.array(key)?).into()),
            ValueType::U16 => GgufValue::Unsigned(u16::from_le_bytes(self.array(key)?).into()),
            ValueType::I16 => GgufValue::Signed(i16::from_le_bytes(self.array(key)?).into()),
            ValueType::U32 => GgufValue::Unsigned(self.u32(key)?.into()),
            ValueType::I32 => GgufValue::Signed(i32::from_le_bytes(self.array(key)?).into()),
            ValueType::F32 => GgufValue::Float(f32::from_le_bytes(self.array(key)?).into()),
            ValueType::Bool => GgufValue::Bool(self.array::<1>(key)? != [0]),
            ValueType::String => GgufValue::String(self.string(key)?.to_owned()),
            ValueType::Array => GgufValue::Array(self.skip_array(key, 1)?),
            ValueType::U64 => GgufValue::Unsigned(self.u64(key)?),
            ValueType::I64 => GgufValue::Signed(i64::from_le_bytes(self.array(key)?)),
            ValueType::F64 => GgufValue::Float(f64::from_le_bytes(self.array(key)?)),
        })
    }

    /// Checks an array to its end without keeping anything of it.
    fn skip_array(&mut self, key: &str, depth: usize) -> Result<GgufArray, LoadError> {
        if depth > MAX_ARRAY_DEPTH {
            let expected = format!("arrays nested at most {MAX_ARRAY_DEPTH} deep");
            return Err(LoadError::malformed(
                self.path,
                format!("metadata `{key}`"),
                expected,
                "deeper ones",
            ));
        }
        let element = self.value_type(key)?;
        let len = self.count(element.min_bytes(), key)?;
        let start = self.at;
        match element {
            ValueType::String => {
                for _ in 0..len {
                    self.string(key)?;
                }
            }
            ValueType::Array => {
                for _ in 0..len {
                    self.skip_array(key, depth + 1)?;
                }
            }
            scalar => self.at += len * scalar.min_bytes(),
        }
        Ok(GgufArray { element, len, bytes: start..self.at })
    }

    fn tensor(&mut self) -> Result<RawTensor, LoadError> {
        let name = self.string("tensor name")?.to_owned();
        let dimensions = self.u32(&name)? as usize;
        if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
            let what = format!("number of dimensions of tensor `{name}`");
            return Err(LoadError::malformed(self.path, what, format!("1 to {MAX_DIMENSIONS}"), dimensions));
        }
        let mut shape = Vec::with_capacity(dimensions);
        for _ in 0..dimensions {
            shape.push(self.u64(&name)?);
        }
        shape.reverse();
        if shape.contains(&0) {
            let what = format!("shape of tensor `{name}`");
            return Err(LoadError::malformed(self.path, what, "no zero", format!("{shape:?}")));
        }
        let type_id = self.u32(&name)?;
        let dtype = DType::from_gguf_id(type_id).ok_or_else(|| LoadError::UnsupportedType {
            path: self.path.to_owned(),
            tensor: name.clone(),
            found: gguf_type_name(type_id),
            supported: DType::supported(),
        })?;
        let offset = self.u64(&name)?;
        Ok(RawTensor { name, shape, dtype, offset })
    }
}

impl ValueType {
    /// The size of a number; the least size of a text (its length) or an array (type and length).
    fn min_bytes(self) -> usize {
        match self {
            ValueType::U8 | ValueType::I8 | ValueType::Bool => 1,
            ValueType::U16 | ValueType::I16 => 2,
            ValueType::U32 | ValueType::I32 | ValueType::F32 => 4,
            ValueType::U64 | ValueType::I64 | ValueType::F64 | ValueType::String => 8,
            ValueType::Array => 12,
        }
    }
}

/// Names of the types a user may meet but this crate does not read.
fn gguf_type_name(id: u32) -> String {
    let name = match id {
        9 => "Q8_1",
        10 => "Q2_K",
        11 => "Q3_K",
        15 => "Q8_K",
        16 => "IQ2_XXS",
        17 => "IQ2_XS",
        18 => "IQ3_XXS",
        19 => "IQ1_S",
        21 => "IQ3_S",
        22 => "IQ2_S",
        23 => "IQ4_XS",
        24..=28 => "an integer or f64 type",
        29 => "IQ1_M",
        34 => "TQ1_0",
        35 => "TQ2_0",
        39 => "MXFP4",
        _ => return format!("unknown type {id}"),
    };
    name.to_owned()
}
