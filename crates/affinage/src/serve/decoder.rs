//! One thread decodes for all connections: sequences of all arms go through the model together. A sequence
//! is bit for bit the same alone and in a batch, so a seed repeats its answer whoever else is asking.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use affinage_engine::generate::{Finish, Sampling, sample};
use affinage_engine::kernels::loss::log_sum_exp;
use affinage_engine::lora::{Adapter, PackedAdapter};
use affinage_engine::model::{Continued, KvCache, Model, Workspace};
use affinage_project::interrupt;

/// A sequence to decode.
pub struct Job {
    /// From [`Decoder::new_request`]: requests take turns.
    pub request: u64,
    /// Index of the adapter, `None` for the base.
    pub adapter: Option<usize>,
    pub prompt: Vec<u32>,
    pub sampling: Sampling,
    pub seed: u64,
    pub max_new_tokens: usize,
    /// How many alternatives are wanted beside each token's own log-probability; `None`: no log-probabilities.
    pub alternatives: Option<usize>,
}

/// What a sequence gained.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Token(TokenStep),
    End(Finish),
}

#[derive(Debug, Clone, PartialEq)]
pub struct TokenStep {
    pub id: u32,
    /// Natural logarithm of the model's own probability, whatever the sampling; NaN where it was not asked for.
    pub log_probability: f64,
    /// The most likely tokens, best first.
    pub alternatives: Vec<(u32, f64)>,
}

/// The door to the decoding thread.
pub struct Decoder {
    jobs: Mutex<Sender<(Job, Sender<Step>)>>,
    requests: AtomicU64,
}

struct Active {
    job: Job,
    steps: Sender<Step>,
    cache: KvCache,
    pending: Vec<u32>,
    new_tokens: usize,
    is_over: bool,
}

impl Decoder {
    /// The door, and the loop to run in a thread of its own.
    pub fn new() -> (Decoder, Queue) {
        let (jobs, queue) = channel();
        (Decoder { jobs: Mutex::new(jobs), requests: AtomicU64::new(0) }, Queue(queue))
    }

    /// A number that tells the sequences of one request from those of others.
    pub fn new_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// Starts a sequence. Dropping the receiver ends it.
    pub fn start(&self, job: Job) -> Receiver<Step> {
        let (steps, received) = channel();
        let jobs = self.jobs.lock().expect("no thread panics with the door in its hand");
        // Where the loop has ended, the receiver sees it.
        drop(jobs.send((job, steps)));
        received
    }
}

/// Jobs on their way to the loop.
pub struct Queue(Receiver<(Job, Sender<Step>)>);

impl Queue {
    /// Decodes until Ctrl-C, at most `batch` sequences of an arm at once; the others wait without a cache.
    pub fn run(self, model: &Model, adapters: &[Adapter], end_tokens: &[u32], batch: usize) {
        let mut waiting: VecDeque<(Job, Sender<Step>)> = VecDeque::new();
        let mut active: Vec<Active> = Vec::new();
        let mut space = Workspace::default();
        let packed: Vec<PackedAdapter> = adapters.iter().map(PackedAdapter::new).collect();
        while !interrupt::requested() {
            if active.is_empty() && waiting.is_empty() {
                match self.0.recv_timeout(Duration::from_millis(100)) {
                    Ok(job) => waiting.push_back(job),
                    Err(std::sync::mpsc::RecvTimeoutError::Timeout) => continue,
                    Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return,
                }
            }
            waiting.extend(self.0.try_iter());
            while let Some(next) = next_job(&waiting, &active, batch) {
                active.extend(waiting.remove(next).map(|job| Active::begun(model, job)));
            }
            // Rows of one arm stand together, so that its branch is one product.
            active.sort_by_key(|sequence| sequence.job.adapter);
            let rows = active.iter_mut().map(|active| {
                let adapter = active.job.adapter.map(|index| &packed[index]);
                Continued { ids: &active.pending, cache: &mut active.cache, adapter }
            });
            let logits = model.forward_cached(&mut rows.collect::<Vec<_>>(), &mut space);
            let logits = logits.chunks_exact(model.config().vocab_size);
            active.iter_mut().zip(logits).for_each(|(sequence, logits)| sequence.take(logits, end_tokens));
            active.retain(|sequence| !sequence.is_over);
        }
    }
}

/// Which waiting sequence begins next: of an arm with a free place, the first of the request that has the fewest running.
fn next_job(waiting: &VecDeque<(Job, Sender<Step>)>, active: &[Active], batch: usize) -> Option<usize> {
    let running = |is_it: &dyn Fn(&Job) -> bool| active.iter().filter(|a| is_it(&a.job)).count();
    let mut seen = Vec::new();
    let mut best: Option<(usize, usize)> = None;
    for (index, (job, _)) in waiting.iter().enumerate() {
        // All sequences of one request and arm have the same chance: the first stands for them.
        if seen.contains(&(job.request, job.adapter)) {
            continue;
        }
        seen.push((job.request, job.adapter));
        if running(&|other| other.adapter == job.adapter) >= batch.max(1) {
            continue;
        }
        let of_request = running(&|other| other.request == job.request);
        if best.is_none_or(|(fewest, _)| of_request < fewest) {
            best = Some((of_request, index));
        }
    }
    best.map(|(_, index)| index)
}

impl Active {
    fn begun(model: &Model, (job, steps): (Job, Sender<Step>)) -> Active {
        let cache = model.new_cache(job.prompt.len() + job.max_new_tokens);
        Active { pending: job.prompt.clone(), job, steps, cache, new_tokens: 0, is_over: false }
    }

    /// The next token from the logits after the last one.
    fn take(&mut self, logits: &[f32], end_tokens: &[u32]) {
        let id = sample(logits, self.job.sampling, self.job.seed, self.new_tokens as u64);
        self.new_tokens += 1;
        self.pending = vec![id];
        if end_tokens.contains(&id) {
            return self.end(Finish::Stop);
        }
        let nobody_listens = self.steps.send(Step::Token(self.token_step(id, logits))).is_err();
        if nobody_listens {
            self.is_over = true;
        } else if self.new_tokens == self.job.max_new_tokens {
            self.end(Finish::Length);
        }
    }

    fn end(&mut self, finish: Finish) {
        self.is_over = true;
        // Nobody may listen any more, which is as good an end.
        drop(self.steps.send(Step::End(finish)));
    }

    fn token_step(&self, id: u32, logits: &[f32]) -> TokenStep {
        match self.job.alternatives {
            None => TokenStep { id, log_probability: f64::NAN, alternatives: Vec::new() },
            Some(count) => token_step(id, logits, count),
        }
    }
}

/// The log-probability of `id` and of the `count` likeliest tokens.
pub fn token_step(id: u32, logits: &[f32], count: usize) -> TokenStep {
    let norm = log_sum_exp(logits);
    let log_probability = |id: u32| f64::from(logits[id as usize]) - norm;
    let mut ids: Vec<u32> = (0..logits.len() as u32).collect();
    let likelier = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
    if (1..ids.len()).contains(&count) {
        ids.select_nth_unstable_by(count - 1, likelier);
    }
    ids.truncate(count);
    ids.sort_unstable_by(likelier);
    let alternatives = ids.into_iter().map(|id| (id, log_probability(id))).collect();
    TokenStep { id, log_probability: log_probability(id), alternatives }
}
