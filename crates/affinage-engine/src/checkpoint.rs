//! Adapters and optimiser states on disk. Adapters have peft's layout, so that peft reads ours and we read peft's.
//!
//! `adapter_model.safetensors` holds `base_model.model.model.layers.N.PATH.lora_A.weight` `[rank, in]` and `lora_B`
//! `[out, rank]` in f32.

mod peft;

pub use peft::MAX_RANK;

use crate::lora::{Adapter, Pair, Target};
use crate::optim::Moments;
use crate::weights::ModelConfig;
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The weights of an adapter within its folder.
pub const ADAPTER_FILE: &str = "adapter_model.safetensors";
/// The configuration of an adapter within its folder.
pub const ADAPTER_CONFIG: &str = "adapter_config.json";
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
    #[error("`{}`: tensor `{tensor}` {problem}", path.display())]
    Tensor { path: PathBuf, tensor: String, problem: String },
}

/// Writes `adapter` to the existing folder `dir` in peft's layout. `base_model` is the name or path of the base.
pub fn save_adapter(adapter: &Adapter, base_model: &str, dir: &Path) -> Result<(), CheckpointError> {
    write(&dir.join(ADAPTER_FILE), &adapter_bytes(adapter))?;
    let mut text = serde_json::to_string_pretty(&peft::write(adapter, base_model)).expect("plain JSON");
    text.push('\n');
    write(&dir.join(ADAPTER_CONFIG), text.as_bytes())
}

/// Lower-case SHA-256 of the adapter's safetensors bytes: the name under which completions know it.
pub fn adapter_sha256(adapter: &Adapter) -> String {
    Sha256::digest(adapter_bytes(adapter)).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads an adapter folder for a base of the given shape. Features that are not computed here are refused by name.
pub fn load_adapter(dir: &Path, model: &ModelConfig) -> Result<Adapter, CheckpointError> {
    let path = dir.join(ADAPTER_CONFIG);
    let config = serde_json::from_slice(&read(&path)?)
        .map_err(|source| CheckpointError::Json { path: path.clone(), source })?;
    let (config, modules) = peft::parse(&config, &path, model)?;
    let path = dir.join(ADAPTER_FILE);
    let bytes = read(&path)?;
    let broken = |source| CheckpointError::Safetensors { path: path.clone(), source };
    let tensors = SafeTensors::deserialize(&bytes).map_err(broken)?;
    // Shapes first: nothing larger than the file is allocated.
    let mut known = HashSet::new();
    for module in &modules {
        let [output, input] = module.target.shape(model);
        for (matrix, shape) in [("lora_A", [module.rank, input]), ("lora_B", [output, module.rank])] {
            let name = matrix_name(module.layer, module.target, matrix);
            find(&tensors, &name, shape, &path)?;
            known.insert(name);
        }
    }
    if let Some(extra) = tensors.names().into_iter().filter(|name| !known.contains(*name)).min() {
        let problem = "is not a LoRA matrix of the modules in adapter_config.json".to_owned();
        return Err(CheckpointError::Tensor { path, tensor: extra.to_owned(), problem });
    }
    let mut adapter = Adapter::zeros_on(config, &modules, model);
    let layout = adapter.layout.clone();
    for pair in &layout.pairs {
        let (a, b) = ([pair.rank, pair.input], [pair.output, pair.rank]);
        fill(&mut adapter.values[pair.a.clone()], &tensors, &tensor_name(pair, "lora_A"), a, &path)?;
        fill(&mut adapter.values[pair.b.clone()], &tensors, &tensor_name(pair, "lora_B"), b, &path)?;
    }
    Ok(adapter)
}

/// Writes the moments of the optimiser to `dir`.
pub fn save_moments(moments: &Moments, dir: &Path) -> Result<(), CheckpointError> {
    let (first, second) = (bytes_of(&moments.first), bytes_of(&moments.second));
    let tensors = [("first", &first), ("second", &second)].map(|(name, bytes)| {
        (name, TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes).expect("whole f32"))
    });
    let bytes = safetensors::serialize(tensors, None).expect("names are distinct");
    write(&dir.join(OPTIMIZER_FILE), &bytes)
}

/// Reads the moments for `len` trainable values.
pub fn load_moments(dir: &Path, len: usize) -> Result<Moments, CheckpointError> {
    let path = dir.join(OPTIMIZER_FILE);
    let bytes = read(&path)?;
    let broken = |source| CheckpointError::Safetensors { path: path.clone(), source };
    let tensors = SafeTensors::deserialize(&bytes).map_err(broken)?;
    let mut moments = Moments::zeros(len);
    fill(&mut moments.first, &tensors, "first", [len], &path)?;
    fill(&mut moments.second, &tensors, "second", [len], &path)?;
    Ok(moments)
}

/// Name of `lora_A` or `lora_B` of a pair in a peft file.
pub fn tensor_name(pair: &Pair, matrix: &str) -> String {
    matrix_name(pair.layer, pair.target, matrix)
}

fn matrix_name(layer: usize, target: Target, matrix: &str) -> String {
    format!("base_model.model.model.layers.{layer}.{}.{matrix}.weight", target.path())
}

fn adapter_bytes(adapter: &Adapter) -> Vec<u8> {
    let parts: Vec<(String, [usize; 2], Vec<u8>)> = adapter
        .layout
        .pairs
        .iter()
        .flat_map(|pair| {
            let part = |matrix, shape, range: &std::ops::Range<usize>| {
                (tensor_name(pair, matrix), shape, bytes_of(&adapter.values[range.clone()]))
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

/// A tensor of some name and shape.
fn find<'a, const N: usize>(
    tensors: &SafeTensors<'a>,
    name: &str,
    shape: [usize; N],
    path: &Path,
) -> Result<TensorView<'a>, CheckpointError> {
    let fail =
        |problem: String| CheckpointError::Tensor { path: path.to_owned(), tensor: name.to_owned(), problem };
    let tensor = tensors.tensor(name).map_err(|_| fail("is missing".to_owned()))?;
    match tensor.shape() == shape {
        true => Ok(tensor),
        false => Err(fail(format!("has shape {:?}, expected {shape:?}", tensor.shape()))),
    }
}

fn fill<const N: usize>(
    out: &mut [f32],
    tensors: &SafeTensors,
    name: &str,
    shape: [usize; N],
    path: &Path,
) -> Result<(), CheckpointError> {
    let fail =
        |problem: String| CheckpointError::Tensor { path: path.to_owned(), tensor: name.to_owned(), problem };
    let tensor = find(tensors, name, shape, path)?;
    let data = tensor.data();
    match tensor.dtype() {
        Dtype::F32 => {
            let values = data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
            out.iter_mut().zip(values).for_each(|(out, value)| *out = value);
        }
        Dtype::BF16 => {
            let values = data.as_chunks::<2>().0.iter().map(|b| half::bf16::from_le_bytes(*b).to_f32());
            out.iter_mut().zip(values).for_each(|(out, value)| *out = value);
        }
        Dtype::F16 => {
            let values = data.as_chunks::<2>().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32());
            out.iter_mut().zip(values).for_each(|(out, value)| *out = value);
        }
        other => return Err(fail(format!("is stored as {other:?}, expected F32, F16 or BF16"))),
    }
    match out.iter().all(|value| value.is_finite()) {
        true => Ok(()),
        false => Err(fail("holds values that are not finite".to_owned())),
    }
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, CheckpointError> {
    fs::read(path).map_err(|source| CheckpointError::Io { path: path.to_owned(), source })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    let io = |source| CheckpointError::Io { path: path.to_owned(), source };
    fs::write(path, bytes).map_err(io)?;
    fs::File::open(path).and_then(|file| file.sync_all()).map_err(io)
}
