//! Base and checkpoints behind an OpenAI-compatible endpoint: `/v1/models`, `/v1/chat/completions`, `/v1/completions`.

mod decoder;
mod stop;
mod wire;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use affinage_dataset::tokenize::tokenize_prompt;
use affinage_engine::generate::Finish;
use affinage_engine::lora::Adapter;
use affinage_engine::model::{Model, Pass};
use affinage_project::errors::usage;
use affinage_project::folder::config::Generate;
use affinage_project::model::LoadedModel;
use affinage_project::stages::generation::refuse_unencoded;
use jiff::Timestamp;
use serde_json::{Value, json};

pub use decoder::Decoder;
use decoder::{Job, Step, TokenStep, token_step};
use stop::StopFilter;
use wire::{ChatRequest, Common, Prompts, TextRequest};

use crate::web::{Method, Reply, Request};

/// Most sequences of one request.
const MAX_SEQUENCES: usize = 1024;

/// Someone who answers.
pub struct Arm {
    pub name: String,
    /// Index among the adapters; `None` for the base.
    pub adapter: Option<usize>,
    pub adapter_sha256: Option<String>,
    pub created: Timestamp,
}

/// Everything that connections share.
pub struct Served {
    pub model: LoadedModel,
    pub engine: Model,
    pub adapters: Vec<Adapter>,
    pub arms: Vec<Arm>,
    pub config: Generate,
    pub decoder: Decoder,
}

impl Served {
    /// The answer to a request.
    pub fn answer(self: &Arc<Self>, request: &Request) -> anyhow::Result<Reply> {
        match (request.method, request.path.as_str()) {
            (Method::Get, "v1/models") => Reply::json(
                &json!({"object": "list", "data": self.arms.iter().map(model_entry).collect::<Vec<_>>()}),
            ),
            (Method::Get, path) if path.starts_with("v1/models/") => {
                Reply::json(&model_entry(self.arm(&path["v1/models/".len()..])?))
            }
            (Method::Post, "v1/chat/completions") => self.chat(&request.json()?),
            (Method::Post, "v1/completions") => self.text(&request.json()?),
            _ => Ok(Reply::not_found()),
        }
    }

    fn arm(&self, name: &str) -> anyhow::Result<&Arm> {
        let names = || self.arms.iter().map(|arm| arm.name.as_str()).collect::<Vec<_>>().join(", ");
        let found = self.arms.iter().find(|arm| arm.name == name);
        found.ok_or_else(|| usage(format!("no model `{name}`; there are {}", names())))
    }

    fn chat(self: &Arc<Self>, request: &ChatRequest) -> anyhow::Result<Reply> {
        let messages = request.messages()?;
        self.refuse_unencoded(messages.iter().map(|message| message.content.len()).sum())?;
        let prompt = tokenize_prompt(&self.model.tokenizer, self.model.template()?, &messages)
            .map_err(|error| usage(error.to_string()))?;
        let prompts = vec![prompt];
        self.check_sequences(&request.common, &prompts)?;
        let asked = self.asked(&request.common, prompts, request.alternatives()?)?;
        if request.common.stream {
            let with_usage =
                request.common.stream_options.as_ref().is_some_and(|options| options.include_usage);
            return Ok(self.stream(asked, with_usage));
        }
        let (mut choices, mut tokens) = (Vec::new(), 0);
        for (index, choice) in asked.choices.into_iter().enumerate() {
            let said = self.collect(choice)?;
            let logprobs = asked.alternatives.map(|_| {
                json!({"content": said.steps.iter().map(|step| wire::chat_logprob(&self.model, step)).collect::<Vec<_>>()})
            });
            tokens += said.steps.len();
            choices.push(json!({
                "index": index, "message": {"role": "assistant", "content": said.text, "refusal": null},
                "logprobs": logprobs, "finish_reason": wire::finish_reason(said.finish),
            }));
        }
        let mut reply = asked.head.document("chat.completion");
        reply["choices"] = json!(choices);
        reply["usage"] = wire::usage_counts(asked.prompt_tokens, tokens);
        Reply::json(&reply)
    }

    fn text(self: &Arc<Self>, request: &TextRequest) -> anyhow::Result<Reply> {
        if request.common.stream {
            return Err(usage("`stream` is implemented for chat completions only"));
        }
        let encode = |text: &String| {
            self.refuse_unencoded(text.len())?;
            Ok(self.model.tokenizer.encode(text)?)
        };
        let prompts: Vec<Vec<u32>> = match &request.prompt {
            Prompts::Text(text) => vec![encode(text)?],
            Prompts::Texts(texts) => texts.iter().map(encode).collect::<anyhow::Result<_>>()?,
            Prompts::Ids(ids) => vec![ids.clone()],
            Prompts::Lists(lists) => lists.clone(),
        };
        let vocab = self.engine.config().vocab_size;
        if prompts.iter().any(|ids| ids.is_empty() || ids.iter().any(|id| *id as usize >= vocab)) {
            return Err(usage(format!("`prompt` must hold tokens below {vocab}, at least one")));
        }
        let alternatives = request.alternatives()?;
        let adapter = self.arm(&request.common.model)?.adapter;
        self.check_sequences(&request.common, &prompts)?;
        let mut echoes = Vec::new();
        if request.echo {
            for ids in &prompts {
                let steps = alternatives.map(|count| self.scored(adapter, ids, count)).unwrap_or_default();
                echoes.push((self.model.tokenizer.decode_with_special(ids)?, steps));
            }
        }
        let per_prompt = request.common.choices();
        let asked = self.asked(&request.common, prompts, alternatives)?;
        let (mut choices, mut tokens) = (Vec::new(), 0);
        for (index, choice) in asked.choices.into_iter().enumerate() {
            let said = self.collect(choice)?;
            tokens += said.steps.len();
            let (mut text, mut steps) = echoes.get(index / per_prompt).cloned().unwrap_or_default();
            text.push_str(&said.text);
            steps.extend(said.steps);
            let logprobs = alternatives.map(|_| wire::text_logprobs(&self.model, &steps));
            choices.push(json!({
                "index": index, "text": text, "logprobs": logprobs,
                "finish_reason": wire::finish_reason(said.finish),
            }));
        }
        let mut reply = asked.head.document("text_completion");
        reply["choices"] = json!(choices);
        reply["usage"] = wire::usage_counts(asked.prompt_tokens, tokens);
        Reply::json(&reply)
    }

    /// Log-probabilities of the tokens of a given text; the first has none.
    fn scored(&self, adapter: Option<usize>, ids: &[u32], count: usize) -> Vec<TokenStep> {
        let pass = Pass { adapter: adapter.map(|index| &self.adapters[index]), dropout: None };
        let logits = self.engine.logits(ids, pass);
        let first = TokenStep { id: ids[0], log_probability: f64::NAN, alternatives: Vec::new() };
        let rows = logits.chunks_exact(self.engine.config().vocab_size);
        let rest = ids[1..].iter().zip(rows).map(|(id, row)| token_step(*id, row, count));
        std::iter::once(first).chain(rest).collect()
    }

    /// Refuses a text that is too long by its bytes alone: encoding takes a hundred times their memory.
    fn refuse_unencoded(&self, bytes: usize) -> anyhow::Result<()> {
        refuse_unencoded(&self.model.tokenizer, bytes, self.engine.max_positions())
    }

    /// Refuses what the model has no positions for, and more sequences than one request may queue.
    fn check_sequences(&self, common: &Common, prompts: &[Vec<u32>]) -> anyhow::Result<()> {
        let sequences = prompts.len().saturating_mul(common.choices());
        if sequences > MAX_SEQUENCES {
            return Err(usage(format!(
                "the request asks for {sequences} answers, expected at most {MAX_SEQUENCES}: prompts times `n`"
            )));
        }
        let positions = self.engine.max_positions();
        match prompts.iter().map(Vec::len).find(|tokens| *tokens >= positions) {
            Some(tokens) => {
                Err(usage(format!("the prompt has {tokens} tokens, the model {positions} positions")))
            }
            None => Ok(()),
        }
    }

    /// Checks the settings that both kinds of request share, and starts the sequences; see [`Served::check_sequences`].
    fn asked(
        &self,
        common: &Common,
        prompts: Vec<Vec<u32>>,
        alternatives: Option<usize>,
    ) -> anyhow::Result<Asked> {
        common.check()?;
        let arm = self.arm(&common.model)?;
        let positions = self.engine.max_positions();
        let prompt_tokens = prompts.iter().map(Vec::len).sum();
        let seed = match common.seed {
            Some(seed) => seed,
            None => random_seed()?,
        };
        let sampling = common.sampling(&self.config);
        let request = self.decoder.new_request();
        let mut choices = Vec::new();
        for prompt in prompts {
            for choice in 0..common.choices() as u64 {
                let limit =
                    common.limit().unwrap_or(self.config.max_new_tokens).min(positions - prompt.len());
                let job = Job {
                    request,
                    adapter: arm.adapter,
                    prompt: prompt.clone(),
                    sampling,
                    // The first choice is what `generate` and `chat` give for the same seed.
                    seed: seed.wrapping_add(choice),
                    max_new_tokens: limit,
                    alternatives,
                };
                let steps = (limit > 0).then(|| self.decoder.start(job));
                choices.push(ReplyChoice { steps, stop: StopFilter::new(common.stops()) });
            }
        }
        let head = Head {
            id: format!("affinage-{seed:016x}"),
            created: Timestamp::now().as_second(),
            model: arm.name.clone(),
            fingerprint: arm.adapter_sha256.as_deref().unwrap_or(&self.model.sha256)[..16].to_owned(),
        };
        Ok(Asked { head, choices, prompt_tokens, alternatives })
    }

    fn collect(&self, choice: ReplyChoice) -> anyhow::Result<Said> {
        let mut said = Said { text: String::new(), steps: Vec::new(), finish: Finish::Length };
        said.finish = self.follow(choice, |text, step| {
            said.text.push_str(text);
            said.steps.extend(step.cloned());
            Ok(())
        })?;
        Ok(said)
    }

    /// Passes on text and tokens as they come, up to the end or a stop text.
    fn follow(
        &self,
        choice: ReplyChoice,
        mut pass_on: impl FnMut(&str, Option<&TokenStep>) -> io::Result<()>,
    ) -> io::Result<Finish> {
        let ReplyChoice { steps, mut stop } = choice;
        let Some(steps) = steps else { return Ok(Finish::Length) };
        let mut stream = self.model.tokenizer.stream();
        let decoded = |piece: Result<String, _>| piece.map_err(io::Error::other);
        // The sender is gone where the server closes: the text ends where it is.
        while let Ok(step) = steps.recv() {
            match step {
                Step::Token(token) => {
                    let passed = stop.push(&decoded(stream.push(token.id))?);
                    pass_on(&passed.text, Some(&token))?;
                    if passed.stopped {
                        return Ok(Finish::Stop);
                    }
                }
                Step::End(finish) => {
                    let passed = stop.push(&decoded(stream.finish())?);
                    let rest = if passed.stopped { String::new() } else { stop.finish() };
                    pass_on(&(passed.text + &rest), None)?;
                    return Ok(finish);
                }
            }
        }
        Ok(Finish::Length)
    }

    /// Server-sent events; several choices come one after the other.
    fn stream(self: &Arc<Self>, asked: Asked, with_usage: bool) -> Reply {
        let served = self.clone();
        Reply::events(move |send| {
            let chunk = |choices: Value| {
                let mut chunk = asked.head.document("chat.completion.chunk");
                chunk["choices"] = choices;
                chunk
            };
            let mut tokens = 0;
            for (index, choice) in asked.choices.into_iter().enumerate() {
                let event = |delta: Value, logprobs: Value, finish: Value| {
                    let choice = json!({"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish});
                    format!("data: {}\n\n", chunk(json!([choice])))
                };
                send(&event(json!({"role": "assistant", "content": ""}), Value::Null, Value::Null))?;
                let finish = served.follow(choice, |text, step| {
                    tokens += usize::from(step.is_some());
                    let logprobs = step
                        .filter(|_| asked.alternatives.is_some())
                        .map(|step| json!({"content": [wire::chat_logprob(&served.model, step)]}));
                    match text.is_empty() && logprobs.is_none() {
                        true => Ok(()),
                        false => send(&event(json!({"content": text}), json!(logprobs), Value::Null)),
                    }
                })?;
                send(&event(json!({}), Value::Null, json!(wire::finish_reason(finish))))?;
            }
            if with_usage {
                let mut last = chunk(json!([]));
                last["usage"] = wire::usage_counts(asked.prompt_tokens, tokens);
                send(&format!("data: {last}\n\n"))?;
            }
            send("data: [DONE]\n\n")
        })
    }
}

/// A request whose sequences run.
struct Asked {
    head: Head,
    choices: Vec<ReplyChoice>,
    prompt_tokens: usize,
    alternatives: Option<usize>,
}

struct ReplyChoice {
    /// `None` where no token was asked for.
    steps: Option<Receiver<Step>>,
    stop: StopFilter,
}

struct Said {
    text: String,
    steps: Vec<TokenStep>,
    finish: Finish,
}

/// What every document of an answer begins with.
struct Head {
    id: String,
    created: i64,
    model: String,
    /// Of the adapter, or of the base.
    fingerprint: String,
}

impl Head {
    fn document(&self, object: &str) -> Value {
        json!({
            "id": self.id, "object": object, "created": self.created, "model": self.model,
            "system_fingerprint": self.fingerprint,
        })
    }
}

fn model_entry(arm: &Arm) -> Value {
    json!({
        "id": arm.name, "object": "model", "created": arm.created.as_second(), "owned_by": "affinage",
        "adapter_sha256": arm.adapter_sha256,
    })
}

/// A seed that nobody can foresee.
pub fn random_seed() -> anyhow::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random bytes for a seed: {error}"))?;
    // Clients written in JavaScript hold numbers up to 2^53.
    Ok(u64::from_le_bytes(bytes) >> 11)
}
