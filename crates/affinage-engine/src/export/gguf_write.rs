//! The GGUF container (version 3, little-endian) as it is written: fields, table, aligned data.

use std::io::{self, Write};

use crate::weights::DType;

const ALIGNMENT: u64 = 32;

/// A value of the metadata.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    Text(String),
    Texts(Vec<String>),
    I32s(Vec<i32>),
    F32s(Vec<f32>),
}

/// A tensor of the table; its data follow in the same order.
pub(super) struct Entry {
    pub name: String,
    /// Row-major.
    pub shape: Vec<usize>,
    pub dtype: DType,
}

impl Entry {
    fn size_bytes(&self) -> u64 {
        self.dtype.bytes_for(self.shape.iter().product()) as u64
    }
}

/// Writes everything before the data.
pub(super) fn write_head(
    out: &mut impl Write,
    fields: &[(String, Field)],
    tensors: &[Entry],
) -> io::Result<()> {
    let mut head = b"GGUF".to_vec();
    head.extend(3u32.to_le_bytes());
    head.extend((tensors.len() as u64).to_le_bytes());
    head.extend((fields.len() as u64).to_le_bytes());
    for (key, value) in fields {
        text(&mut head, key);
        field(&mut head, value);
    }
    let mut offset = 0u64;
    for tensor in tensors {
        text(&mut head, &tensor.name);
        head.extend((tensor.shape.len() as u32).to_le_bytes());
        tensor.shape.iter().rev().for_each(|n| head.extend((*n as u64).to_le_bytes()));
        head.extend(tensor.dtype.gguf_id().to_le_bytes());
        head.extend(offset.to_le_bytes());
        offset += tensor.size_bytes().next_multiple_of(ALIGNMENT);
    }
    head.resize(head.len().next_multiple_of(ALIGNMENT as usize), 0);
    out.write_all(&head)
}

/// Fills up to the alignment after the data of `tensor`.
pub(super) fn write_padding(out: &mut impl Write, tensor: &Entry) -> io::Result<()> {
    let size = tensor.size_bytes();
    out.write_all(&[0; ALIGNMENT as usize][..(size.next_multiple_of(ALIGNMENT) - size) as usize])
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// The type number, then the value.
fn field(out: &mut Vec<u8>, value: &Field) {
    let kind = |out: &mut Vec<u8>, id: u32| out.extend(id.to_le_bytes());
    let array = |out: &mut Vec<u8>, id: u32, len: usize| {
        kind(out, 9);
        kind(out, id);
        out.extend((len as u64).to_le_bytes());
    };
    match value {
        Field::U32(x) => {
            kind(out, 4);
            out.extend(x.to_le_bytes());
        }
        Field::I32(x) => {
            kind(out, 5);
            out.extend(x.to_le_bytes());
        }
        Field::F32(x) => {
            kind(out, 6);
            out.extend(x.to_le_bytes());
        }
        Field::Bool(x) => {
            kind(out, 7);
            out.push(u8::from(*x));
        }
        Field::Text(x) => {
            kind(out, 8);
            text(out, x);
        }
        Field::Texts(all) => {
            array(out, 8, all.len());
            all.iter().for_each(|x| text(out, x));
        }
        Field::I32s(all) => {
            array(out, 5, all.len());
            all.iter().for_each(|x| out.extend(x.to_le_bytes()));
        }
        Field::F32s(all) => {
            array(out, 6, all.len());
            all.iter().for_each(|x| out.extend(x.to_le_bytes()));
        }
    }
}
