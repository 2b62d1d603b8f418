//! Adapters and optimiser states on disk. Adapters are written in peft's layout, so that peft reads ours, and are read in
//! peft's, in MLX's and as a GGUF file.
//!
//! `adapter_model.safetensors` holds `base_model.model.model.layers.N.PATH.lora_A.weight` `[rank, in]` and `lora_B`
//! `[out, rank]` in f32.

mod find;
mod gguf;
mod mlx;
mod peft;

pub use peft::MAX_RANK;

use crate::lora::{Adapter, LoraConfig, Module, Pair, Target};
use crate::optim::Moments;
use crate::weights::{LoadError, ModelConfig};
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

pub use find::AdapterFiles;

/// The weights of an adapter within its folder.
pub const ADAPTER_FILE: &str = "adapter_model.safetensors";
/// The configuration of an adapter within its folder.
pub const ADAPTER_CONFIG: &str = "adapter_config.json";
/// The weights of an adapter of mlx-lm within its folder.
pub const MLX_ADAPTER_FILE: &str = "adapters.safetensors";
/// The moments of the optimiser within a checkpoint folder.
pub const OPTIMIZER_FILE: &str = "optimizer.safetensors";

/// Why an adapter or an optimiser state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("cannot read or write `{}`", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("`{}` is not valid JSON", path.display())]
    Json {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("`{}` is not a complete safetensors file", path.display())]
    Safetensors {
        path: PathBuf,
        #[source]
        source: SafeTensorError,
    },
    #[error("`{}`: {key} is {found}, expected {expected}", path.display())]
    Config { path: PathBuf, key: String, found: String, expected: String },
    /// The adapter is more than low-rank matrices beside the projections of the decoder.
    #[error("`{}`: {key} is {found}, expected {expected}", path.display())]
    NotComputed { path: PathBuf, key: String, found: String, expected: String },
    #[error("`{}`: tensor `{tensor}` {problem}", path.display())]
    Tensor { path: PathBuf, tensor: String, problem: String },
    /// Weights in a file that can run code when it is opened.
    #[error("`{}` is a Python pickle, which can run code when it is opened; expected {ADAPTER_FILE}", path.display())]
    Pickle { path: PathBuf },
    #[error("`{}`: {found}; expected {}", path.display(), find::EXPECTED)]
    NotFound { path: PathBuf, found: String },
    #[error(transparent)]
    Gguf(#[from] LoadError),
}

impl CheckpointError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> CheckpointError {
        let path = path.to_owned();
        move |source| CheckpointError::Io { path, source }
    }
}

/// Writes `adapter` to the existing folder `dir` in peft's layout. `base_model` is the name or path of the base.
pub fn save_adapter(adapter: &Adapter, base_model: &str, dir: &Path) -> Result<(), CheckpointError> {
    save_in(DECODERS[0], adapter, base_model, dir)
}

/// As [`save_adapter`], for a base of which only the text part is computed: under the names that its modules have in the
/// whole model, where peft looks for them.
pub fn save_adapter_of_part(adapter: &Adapter, base_model: &str, dir: &Path) -> Result<(), CheckpointError> {
    save_in(DECODERS[1], adapter, base_model, dir)
}

fn save_in(decoder: &str, adapter: &Adapter, base_model: &str, dir: &Path) -> Result<(), CheckpointError> {
    write(&dir.join(ADAPTER_FILE), &adapter_bytes(decoder, adapter))?;
    let config = peft::write(decoder, adapter, base_model);
    let mut text = serde_json::to_string_pretty(&config).expect("plain JSON");
    text.push('\n');
    write(&dir.join(ADAPTER_CONFIG), text.as_bytes())
}

/// Lower-case SHA-256 of the adapter's safetensors bytes: the name under which completions know it.
pub fn adapter_sha256(adapter: &Adapter) -> String {
    hex_sha256(&adapter_bytes(DECODERS[0], adapter))
}

/// Reads the adapter at `path` for a base of the given shape: a folder of peft or MLX, a GGUF file, or a folder with one.
///
/// Errors: there is none, or several; a feature that is not computed here, by name; a matrix is missing, too many, of
/// another shape, or not finite.
pub fn load_adapter(path: &Path, model: &ModelConfig) -> Result<Adapter, CheckpointError> {
    match AdapterFiles::find(path)? {
        AdapterFiles::Peft(dir) => peft::load(&dir, model),
        AdapterFiles::Mlx(dir) => mlx::load(&dir, model),
        AdapterFiles::Gguf(file) => gguf::load(&file, model),
    }
}

/// Writes the moments of the optimiser to `dir`.
pub fn save_moments(moments: &Moments, dir: &Path) -> Result<(), CheckpointError> {
    write(&dir.join(OPTIMIZER_FILE), &moments_bytes(moments))
}

/// Lower-case SHA-256 of the bytes that [`save_moments`] writes.
pub fn moments_sha256(moments: &Moments) -> String {
    hex_sha256(&moments_bytes(moments))
}

fn hex_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn moments_bytes(moments: &Moments) -> Vec<u8> {
    let (first, second) = (bytes_of(&moments.first), bytes_of(&moments.second));
    let tensors = [("first", &first), ("second", &second)].map(|(name, bytes)| {
        (name, TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes).expect("whole f32"))
    });
    safetensors::serialize(tensors, None).expect("names are distinct")
}

/// Reads the moments for `len` trainable values.
pub fn load_moments(dir: &Path, len: usize) -> Result<Moments, CheckpointError> {
    let path = dir.join(OPTIMIZER_FILE);
    let bytes = read(&path)?;
    let file = TensorFile::open(&path, &bytes)?;
    Ok(Moments { first: file.values("first", [len])?, second: file.values("second", [len])? })
}

/// Name of `lora_A` or `lora_B` of a pair in a peft file.
pub fn tensor_name(pair: &Pair, matrix: &str) -> String {
    peft::matrix_name(DECODERS[0], pair.layer, pair.target, matrix)
}

/// Name of `lora_a` or `lora_b` of a module in a file of mlx-lm.
pub(crate) fn mlx_tensor_name(layer: usize, target: Target, matrix: &str) -> String {
    format!("model.layers.{layer}.{}.{matrix}", target.path())
}

fn adapter_bytes(decoder: &str, adapter: &Adapter) -> Vec<u8> {
    let parts: Vec<(String, [usize; 2], Vec<u8>)> = adapter
        .layout
        .pairs
        .iter()
        .flat_map(|pair| {
            let part = |matrix, shape, range: &std::ops::Range<usize>| {
                (
                    peft::matrix_name(decoder, pair.layer, pair.target, matrix),
                    shape,
                    bytes_of(&adapter.values[range.clone()]),
                )
            };
            [
                part("lora_A", [pair.rank, pair.input], &pair.a),
                part("lora_B", [pair.output, pair.rank], &pair.b),
            ]
        })
        .collect();
    let views = parts.iter().map(|(name, shape, bytes)| {
        (name, TensorView::new(Dtype::F32, shape.to_vec(), bytes).expect("the shape of the pair"))
    });
    let note = std::collections::HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize(views, Some(note)).expect("names are distinct")
}

/// One of the two matrices of a module.
#[derive(Clone, Copy)]
enum Matrix {
    /// `[rank, in]`
    A,
    /// `[out, rank]`
    B,
}

impl Matrix {
    const BOTH: [Matrix; 2] = [Matrix::A, Matrix::B];

    fn shape(self, module: &Module, model: &ModelConfig) -> [usize; 2] {
        let [output, input] = module.target.shape(model);
        match self {
            Matrix::A => [module.rank, input],
            Matrix::B => [output, module.rank],
        }
    }

    /// Where the matrix of a pair lies in the values of its adapter.
    fn range(self, pair: &Pair) -> std::ops::Range<usize> {
        match self {
            Matrix::A => pair.a.clone(),
            Matrix::B => pair.b.clone(),
        }
    }
}

/// How a kind of file has the matrices of an adapter.
struct Form<'a> {
    name: &'a dyn Fn(usize, Target, Matrix) -> String,
    /// `[in, rank]` and `[rank, out]`.
    transposed: bool,
}

/// Where a model has its decoder: the whole model is one, or a part of what also sees pictures (Gemma 3 from 4B on, Qwen-VL).
const DECODERS: [&str; 4] =
    ["model", "model.language_model", "language_model.model", "model.language_model.model"];

/// A safetensors file in memory.
struct TensorFile<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
}

impl<'a> TensorFile<'a> {
    fn open(path: &'a Path, bytes: &'a [u8]) -> Result<TensorFile<'a>, CheckpointError> {
        let broken = |source| CheckpointError::Safetensors { path: path.to_owned(), source };
        Ok(TensorFile { path, tensors: SafeTensors::deserialize(bytes).map_err(broken)? })
    }

    /// The adapter on `modules`, of which the file must hold all matrices and nothing else.
    fn adapter(
        &self,
        config: LoraConfig,
        modules: &[Module],
        model: &ModelConfig,
        form: &Form,
    ) -> Result<Adapter, CheckpointError> {
        let stored = |module: &Module, matrix: Matrix| {
            let [rows, cols] = matrix.shape(module, model);
            let shape = if form.transposed { [cols, rows] } else { [rows, cols] };
            ((form.name)(module.layer, module.target, matrix), shape)
        };
        // Shapes first: nothing larger than the file is allocated.
        let mut known = HashSet::new();
        for module in modules {
            for (name, shape) in Matrix::BOTH.map(|matrix| stored(module, matrix)) {
                self.find(&name, shape)?;
                known.insert(name);
            }
        }
        if let Some(extra) = self.tensors.names().into_iter().filter(|name| !known.contains(*name)).min() {
            let problem = "is not a LoRA matrix of the modules in adapter_config.json".to_owned();
            return Err(self.error(extra, problem));
        }
        let mut adapter = Adapter::zeros_on(config, modules, model);
        let layout = adapter.layout.clone();
        for (module, pair) in modules.iter().zip(&layout.pairs) {
            for matrix in Matrix::BOTH {
                let (name, [rows, cols]) = stored(module, matrix);
                let values = self.values(&name, [rows, cols])?;
                let values = if form.transposed { transposed(&values, rows, cols) } else { values };
                adapter.values[matrix.range(pair)].copy_from_slice(&values);
            }
        }
        Ok(adapter)
    }

    /// Where the file says that the decoder is, `before` what stands before the names of modules. Matrices of other parts are
    /// then no matrices of the decoder, and are refused by name.
    fn decoder(&self, before: &str) -> &'static str {
        let names = self.tensors.names();
        let holds =
            |decoder: &&str| names.iter().any(|name| name.starts_with(&format!("{before}{decoder}.layers.")));
        DECODERS.into_iter().find(holds).unwrap_or(DECODERS[0])
    }

    fn error(&self, tensor: &str, problem: String) -> CheckpointError {
        CheckpointError::Tensor { path: self.path.to_owned(), tensor: tensor.to_owned(), problem }
    }

    /// A tensor of some name and shape.
    fn find<const N: usize>(&self, name: &str, shape: [usize; N]) -> Result<TensorView<'a>, CheckpointError> {
        let tensor = self.tensors.tensor(name).map_err(|_| self.error(name, "is missing".to_owned()))?;
        match tensor.shape() == shape {
            true => Ok(tensor),
            false => Err(self.error(name, format!("has shape {:?}, expected {shape:?}", tensor.shape()))),
        }
    }

    fn values<const N: usize>(&self, name: &str, shape: [usize; N]) -> Result<Vec<f32>, CheckpointError> {
        let tensor = self.find(name, shape)?;
        let data = tensor.data();
        let values: Vec<f32> = match tensor.dtype() {
            Dtype::F64 => numbers(data, |b| f64::from_le_bytes(b) as f32),
            Dtype::F32 => numbers(data, f32::from_le_bytes),
            Dtype::BF16 => numbers(data, |b| half::bf16::from_le_bytes(b).to_f32()),
            Dtype::F16 => numbers(data, |b| half::f16::from_le_bytes(b).to_f32()),
            other => {
                let problem = format!("is stored as {other:?}, expected F64, F32, F16 or BF16");
                return Err(self.error(name, problem));
            }
        };
        match values.iter().all(|value| value.is_finite()) {
            true => Ok(values),
            false => Err(self.error(name, "holds values that are not finite".to_owned())),
        }
    }
}

fn numbers<const N: usize>(data: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    data.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)).collect()
}

/// `[rows, cols]` to `[cols, rows]`.
pub(crate) fn transposed(values: &[f32], rows: usize, cols: usize) -> Vec<f32> {
    (0..cols).flat_map(|col| (0..rows).map(move |row| values[row * cols + col])).collect()
}

fn targets_of(modules: &[Module]) -> Vec<Target> {
    let on = |target: &Target| modules.iter().any(|module| module.target == *target);
    Target::ALL.into_iter().filter(on).collect()
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, CheckpointError> {
    fs::read(path).map_err(CheckpointError::io(path))
}

fn read_json(path: &Path) -> Result<Value, CheckpointError> {
    let json = |source| CheckpointError::Json { path: path.to_owned(), source };
    serde_json::from_slice(&read(path)?).map_err(json)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    fs::write(path, bytes).map_err(CheckpointError::io(path))?;
    fs::File::open(path).and_then(|file| file.sync_all()).map_err(CheckpointError::io(path))
}
