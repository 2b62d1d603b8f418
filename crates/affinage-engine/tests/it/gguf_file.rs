//! Writes small GGUF files, right ones and wrong ones.

#[derive(Clone)]
pub enum Value {
    U32(u32),
    F32(f32),
    Text(&'static str),
    /// Type number and bytes, as they are.
    Raw(u32, Vec<u8>),
}

#[derive(Clone)]
pub struct Tensor {
    pub name: String,
    /// Fastest dimension first, as in the file.
    pub ne: Vec<u64>,
    pub type_id: u32,
    pub bytes: Vec<u8>,
    /// In place of the next free one.
    pub offset: Option<u64>,
}

#[derive(Clone)]
pub struct GgufFile {
    pub version: u32,
    pub metadata: Vec<(String, Value)>,
    pub tensors: Vec<Tensor>,
    /// In place of the true counts of tensors and keys.
    pub counts: Option<(u64, u64)>,
}

pub const VOCAB: usize = 10;
pub const HIDDEN: usize = 8;
pub const HEAD_DIM: usize = 4;
pub const Q_ROWS: usize = 8;
pub const KV_ROWS: usize = 4;
pub const FFN: usize = 12;

/// A llama of one layer with tied head; the number at `[row, col]` of the stored q and k is `100 * row + col`.
pub fn tiny_llama() -> GgufFile {
    let number = |name: &str, value| (format!("llama.{name}"), Value::U32(value));
    let metadata = vec![
        ("general.architecture".to_owned(), Value::Text("llama")),
        number("block_count", 1),
        number("context_length", 64),
        number("embedding_length", HIDDEN as u32),
        number("feed_forward_length", FFN as u32),
        number("attention.head_count", 2),
        number("attention.head_count_kv", 1),
        ("llama.attention.layer_norm_rms_epsilon".to_owned(), Value::F32(1e-5)),
        ("llama.rope.freq_base".to_owned(), Value::F32(500_000.0)),
        ("tokenizer.ggml.eos_token_id".to_owned(), Value::U32(2)),
        ("tokenizer.ggml.eot_token_id".to_owned(), Value::U32(3)),
        ("tokenizer.ggml.bos_token_id".to_owned(), Value::U32(1)),
    ];
    let tensors = vec![
        f32_tensor("token_embd.weight", VOCAB, HIDDEN),
        f32_tensor("output_norm.weight", 1, HIDDEN),
        f32_tensor("blk.0.attn_norm.weight", 1, HIDDEN),
        f32_tensor("blk.0.attn_q.weight", Q_ROWS, HIDDEN),
        f32_tensor("blk.0.attn_k.weight", KV_ROWS, HIDDEN),
        f32_tensor("blk.0.attn_v.weight", KV_ROWS, HIDDEN),
        f32_tensor("blk.0.attn_output.weight", HIDDEN, Q_ROWS),
        f32_tensor("blk.0.ffn_norm.weight", 1, HIDDEN),
        f32_tensor("blk.0.ffn_gate.weight", FFN, HIDDEN),
        f32_tensor("blk.0.ffn_up.weight", FFN, HIDDEN),
        f32_tensor("blk.0.ffn_down.weight", HIDDEN, FFN),
    ];
    GgufFile { version: 3, metadata, tensors, counts: None }
}

/// A vector if `rows` is 1.
pub fn f32_tensor(name: &str, rows: usize, cols: usize) -> Tensor {
    let values = (0..rows).flat_map(|row| (0..cols).map(move |col| (100 * row + col) as f32));
    let ne = if rows == 1 { vec![cols as u64] } else { vec![cols as u64, rows as u64] };
    Tensor {
        name: name.to_owned(),
        ne,
        type_id: 0,
        bytes: values.flat_map(f32::to_le_bytes).collect(),
        offset: None,
    }
}

impl GgufFile {
    pub fn set(&mut self, key: &str, value: Value) -> &mut GgufFile {
        self.metadata.retain(|(known, _)| known != key);
        self.metadata.push((key.to_owned(), value));
        self
    }

    pub fn tensor(&mut self, name: &str) -> &mut Tensor {
        self.tensors.iter_mut().find(|tensor| tensor.name == name).expect("a tensor of that name")
    }

    pub fn bytes(&self) -> Vec<u8> {
        let (tensor_count, key_count) =
            self.counts.unwrap_or((self.tensors.len() as u64, self.metadata.len() as u64));
        let mut out = b"GGUF".to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend(tensor_count.to_le_bytes());
        out.extend(key_count.to_le_bytes());
        for (key, value) in &self.metadata {
            text(&mut out, key);
            let (type_id, bytes) = match value {
                Value::U32(n) => (4, n.to_le_bytes().to_vec()),
                Value::F32(x) => (6, x.to_le_bytes().to_vec()),
                Value::Text(value) => {
                    let mut bytes = Vec::new();
                    text(&mut bytes, value);
                    (8, bytes)
                }
                Value::Raw(type_id, bytes) => (*type_id, bytes.clone()),
            };
            out.extend(type_id.to_le_bytes());
            out.extend(bytes);
        }
        let mut data = Vec::new();
        for tensor in &self.tensors {
            data.resize(data.len().next_multiple_of(32), 0);
            text(&mut out, &tensor.name);
            out.extend((tensor.ne.len() as u32).to_le_bytes());
            tensor.ne.iter().for_each(|n| out.extend(n.to_le_bytes()));
            out.extend(tensor.type_id.to_le_bytes());
            out.extend(tensor.offset.unwrap_or(data.len() as u64).to_le_bytes());
            data.extend(&tensor.bytes);
        }
        out.resize(out.len().next_multiple_of(32), 0);
        out.extend(data);
        out
    }
}

pub fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}
