//! A process that computes steps: we write one command a line, it writes one answer a line.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use affinage_engine::lora::Adapter;
use affinage_engine::model::{Document, Model};
use affinage_engine::optim::Moments;
use affinage_engine::train::{StepReport, TrainConfig, TrainError};
use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use super::environment::Python;
use super::failure::explained;
use super::job::{self, JobFolder};
use crate::errors::HintExt as _;
use crate::folder::config::{EngineName, EngineRecord};
use crate::folder::project::Project;
use crate::model::LoadedModel;
use crate::stages::training::Plan;

/// Where a run keeps what its workers wrote to standard error.
pub const LOG_FILE: &str = "engine.log";
/// How long a worker may take to end once nothing more is asked of it.
const PATIENCE: Duration = Duration::from_secs(3);
/// Characters of a line that is no answer, as shown.
const SHOWN_CHARS: usize = 120;

/// What a worker is started with.
pub struct Start<'a> {
    pub ctx: &'a Project,
    /// The model as the run's configuration names it.
    pub spec: &'a str,
    pub model: &'a LoadedModel,
    pub engine: &'a Model,
    pub plan: &'a Plan,
    /// Of the run that is resumed; else the device's usual one.
    pub precision: Option<&'a str>,
}

/// What it says of itself.
#[derive(Deserialize)]
struct Ready {
    versions: BTreeMap<String, String>,
    device: String,
    precision: String,
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Answer {
    Ready(Ready),
    Loaded,
    Gradient { loss: Option<f64>, seconds: f64, peak_bytes: Option<u64> },
    Step { loss: Option<f64>, grad_norm: Option<f64>, peak_bytes: Option<u64> },
    Scored { sum: Option<f64> },
    Saved,
}

/// A gradient of the mean loss of some rows.
pub(super) struct Gradient {
    pub(super) loss: f64,
    pub(super) values: Vec<f32>,
    pub(super) seconds: f64,
    pub(super) peak_bytes: Option<u64>,
}

/// See the module.
pub struct Worker {
    child: Child,
    /// Its end is the request to end.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    stderr: Arc<Mutex<Stderr>>,
    folder: JobFolder,
    /// For `run.toml`.
    pub record: EngineRecord,
    adapter: Adapter,
    moments: Moments,
    step: u64,
    /// The step of `adapter` and `moments`.
    brought_at: Option<u64>,
    peak_bytes: Option<u64>,
}

/// What came on standard error, and the file that keeps it once there is a run.
#[derive(Default)]
struct Stderr {
    text: String,
    file: Option<fs_err::File>,
    is_at_end: bool,
}

impl Worker {
    /// Starts `python` on the job of `start` and waits until the base is loaded.
    pub fn start(start: &Start, name: EngineName, python: &Python) -> anyhow::Result<Worker> {
        let Start { ctx, plan, .. } = start;
        if plan.config.dropout > 0.0 {
            return Err(anyhow!(
                "train.dropout is {}, and its masks are those of this engine alone",
                plan.config.dropout
            ))
            .hint("set train.dropout to 0, or train with `--engine cpu`");
        }
        let adapter = plan.new_adapter(start.engine);
        let base = job::base(ctx, start.spec, start.model)?;
        let folder = JobFolder::new(&ctx.project)?;
        job::write(name, (start.plan, &adapter), &base, &folder.path)?;
        let mut command = python.command();
        command.arg(folder.path.join(job::PROGRAM.0)).arg(name.word()).arg(&folder.path);
        command.args(["auto", start.precision.unwrap_or("auto")]);
        // The base is on this machine; nothing is looked up or told elsewhere.
        for variable in
            ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "PYTHONUNBUFFERED"]
        {
            command.env(variable, "1");
        }
        if let Some(threads) = ctx.config.threads {
            command.env("OMP_NUM_THREADS", threads.to_string());
        }
        let (child, input, output, stderr) = spawn(command, python)?;
        let record =
            EngineRecord { name, device: String::new(), precision: String::new(), versions: BTreeMap::new() };
        let moments = Moments::zeros(adapter.values.len());
        let (input, brought_at, peak_bytes) = (Some(input), None, None);
        let mut worker = Worker {
            child,
            input,
            output,
            stderr,
            folder,
            record,
            adapter,
            moments,
            step: 0,
            brought_at,
            peak_bytes,
        };
        match worker.answer().with_context(|| format!("engine {} does not start", name.word()))? {
            Answer::Ready(Ready { versions, device, precision }) => {
                worker.record = EngineRecord { name, device, precision, versions };
                Ok(worker)
            }
            _ => worker.unexpected("its start"),
        }
    }

    /// Steps taken.
    pub(in crate::stages) fn step(&self) -> u64 {
        self.step
    }

    /// See [`Self::bring`].
    pub(in crate::stages) fn state(&self) -> (&Adapter, &Moments) {
        (&self.adapter, &self.moments)
    }

    pub(in crate::stages) fn peak_bytes(&self) -> Option<u64> {
        self.peak_bytes
    }

    /// From now on standard error goes to `engine.log` of a run, with what came before.
    pub(in crate::stages) fn keep_log(&self, run: &Path) -> anyhow::Result<()> {
        let mut stderr = self.stderr.lock().expect("no code panics while it holds this lock");
        let mut file = fs_err::OpenOptions::new().create(true).append(true).open(run.join(LOG_FILE))?;
        file.write_all(stderr.text.as_bytes())?;
        stderr.file = Some(file);
        Ok(())
    }

    /// Goes on from here.
    pub(in crate::stages) fn take_over(
        &mut self,
        adapter: Adapter,
        moments: Moments,
        step: u64,
    ) -> anyhow::Result<()> {
        self.load(&adapter.values, &moments)?;
        (self.adapter, self.moments, self.step, self.brought_at) = (adapter, moments, step, Some(step));
        Ok(())
    }

    pub(super) fn load(&mut self, values: &[f32], moments: &Moments) -> anyhow::Result<()> {
        let path = self.file("state");
        let bytes: Vec<u8> = [values, &moments.first, &moments.second]
            .into_iter()
            .flatten()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        fs_err::write(&path, bytes)?;
        match self.ask(json!({"do": "load", "from": path}))? {
            Answer::Loaded => Ok(()),
            _ => self.unexpected("loading an adapter"),
        }
    }

    /// The gradient of the mean loss of rows at what was loaded.
    pub(super) fn gradient(&mut self, rows: &[usize]) -> anyhow::Result<Gradient> {
        let path = self.file("gradient");
        match self.ask(json!({"do": "gradient", "rows": rows, "to": path}))? {
            Answer::Gradient { loss, seconds, peak_bytes } => {
                let values = floats(&path, self.adapter.values.len())?;
                Ok(Gradient { loss: loss.unwrap_or(f64::NAN), values, seconds, peak_bytes })
            }
            _ => self.unexpected("a gradient"),
        }
    }

    /// One step over `rows`, which are `documents`.
    pub(in crate::stages) fn take_step(
        &mut self,
        config: &TrainConfig,
        rows: &[usize],
        documents: &[Document],
    ) -> anyhow::Result<StepReport> {
        let step = self.step + 1;
        let supervised_tokens: usize = documents.iter().map(Document::supervised).sum();
        if supervised_tokens == 0 {
            return Err(TrainError::NothingSupervised { step, rows: rows.len() }.into());
        }
        let rate = config.schedule.rate(config.learning_rate, step, config.total_steps, config.warmup_steps);
        let answer = self.ask(json!({"do": "step", "step": step, "rows": rows, "rate": rate}))?;
        let Answer::Step { loss, grad_norm, peak_bytes } = answer else { return self.unexpected("a step") };
        let finite =
            |what, value: Option<f64>| value.ok_or(TrainError::NotFinite { step, what, value: f64::NAN });
        let (loss, grad_norm) = (finite("loss", loss)?, finite("gradient norm", grad_norm)?);
        (self.step, self.peak_bytes) = (step, peak_bytes);
        let tokens = documents.iter().map(|document| document.ids.len()).sum();
        Ok(StepReport { step, loss, learning_rate: rate, grad_norm, tokens, supervised_tokens })
    }

    /// Summed loss of validation rows.
    pub(in crate::stages) fn score(&mut self, rows: std::ops::Range<usize>) -> anyhow::Result<f64> {
        match self.ask(json!({"do": "score", "rows": rows.collect::<Vec<_>>()}))? {
            Answer::Scored { sum } => Ok(sum.unwrap_or(f64::NAN)),
            _ => self.unexpected("a validation loss"),
        }
    }

    /// Makes [`Self::state`] that of the last step.
    pub(in crate::stages) fn bring(&mut self) -> anyhow::Result<()> {
        if self.brought_at == Some(self.step) {
            return Ok(());
        }
        let path = self.file("state");
        match self.ask(json!({"do": "save", "to": path}))? {
            Answer::Saved => {}
            _ => return self.unexpected("saving"),
        }
        let len = self.adapter.values.len();
        let state = floats(&path, 3 * len)?;
        self.adapter.values.copy_from_slice(&state[..len]);
        self.moments = Moments { first: state[len..2 * len].to_vec(), second: state[2 * len..].to_vec() };
        self.brought_at = Some(self.step);
        Ok(())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path.join(name)
    }

    fn ask(&mut self, command: Value) -> anyhow::Result<Answer> {
        let line = format!("{command}\n");
        let sent =
            self.input.as_mut().map(|input| input.write_all(line.as_bytes()).and_then(|()| input.flush()));
        match sent {
            Some(Ok(())) => self.answer(),
            _ => Err(self.ended()),
        }
    }

    fn answer(&mut self) -> anyhow::Result<Answer> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(0) => Err(self.ended()),
            Ok(_) => serde_json::from_str(&line).map_err(|_| self.garbage(&line)),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                Err(self.garbage("bytes that are not text"))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn garbage(&self, line: &str) -> anyhow::Error {
        let shown: String = line.trim_end().chars().take(SHOWN_CHARS).collect();
        let name = self.record.name.word();
        anyhow!("engine {name} wrote `{shown}` where an answer was expected")
    }

    fn unexpected<T>(&self, what: &str) -> anyhow::Result<T> {
        bail!("engine {} gave the answer to another question than {what}", self.record.name.word())
    }

    /// The error of a process that is not there any more.
    fn ended(&mut self) -> anyhow::Error {
        let status = self.wait_or_kill();
        let began = Instant::now();
        // Its last words may come after its end.
        while !self.with_stderr(|stderr| stderr.is_at_end) && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(10));
        }
        let (what, hint) = self.with_stderr(|stderr| explained(status, &stderr.text));
        let hinted: anyhow::Result<()> = Err(anyhow!(what)).hint(hint);
        hinted.err().unwrap_or_else(|| anyhow!("the engine's process ended"))
    }

    fn with_stderr<R>(&self, look: impl FnOnce(&Stderr) -> R) -> R {
        look(&self.stderr.lock().expect("no code panics while it holds this lock"))
    }

    /// Ends it: by the end of its input, or, after some time, by force.
    fn wait_or_kill(&mut self) -> Option<std::process::ExitStatus> {
        self.input = None;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) => std::thread::sleep(Duration::from_millis(10)),
                Err(_) => break,
            }
        }
        // It may have ended meanwhile.
        let _ended = self.child.kill();
        self.child.wait().ok()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.wait_or_kill();
    }
}

type Spawned = (Child, ChildStdin, BufReader<ChildStdout>, Arc<Mutex<Stderr>>);

fn spawn(mut command: Command, python: &Python) -> anyhow::Result<Spawned> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        command.spawn().with_context(|| format!("{} cannot be started", python.program.display()))?;
    let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(input), Some(output), Some(mut errors)) = (input, output, errors) else {
        bail!("{} has no pipes", python.program.display());
    };
    let stderr = Arc::new(Mutex::new(Stderr::default()));
    let kept = stderr.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            let read = errors.read(&mut buffer).unwrap_or(0);
            let Ok(mut stderr) = kept.lock() else { return };
            if read == 0 {
                stderr.is_at_end = true;
                return;
            }
            stderr.take(&buffer[..read]);
        }
    });
    Ok((child, input, BufReader::new(output), stderr))
}

impl Stderr {
    /// Characters that are kept in memory.
    const KEPT: usize = 1 << 16;

    fn take(&mut self, bytes: &[u8]) {
        self.text.push_str(&String::from_utf8_lossy(bytes));
        if self.text.len() > 2 * Self::KEPT {
            let mut cut = self.text.len() - Self::KEPT;
            while !self.text.is_char_boundary(cut) {
                cut += 1;
            }
            self.text.drain(..cut);
        }
        if let Some(file) = &mut self.file {
            // The log is for people; a full disk shows where checkpoints are written.
            let _unkept = file.write_all(bytes);
        }
    }
}

/// A file of exactly `len` numbers.
fn floats(path: &Path, len: usize) -> anyhow::Result<Vec<f32>> {
    let bytes = fs_err::read(path)?;
    if bytes.len() != 4 * len {
        bail!("{} has {} bytes, expected {}", path.display(), bytes.len(), 4 * len);
    }
    Ok(bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect())
}
