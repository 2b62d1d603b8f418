//! `affinage serve`: base and checkpoints for programs that speak the OpenAI format.

use std::io::ErrorKind;
use std::sync::Arc;

use affinage_engine::checkpoint::{adapter_sha256, load_adapter};
use affinage_project::client::server_key;
use affinage_project::errors::is_io;
use affinage_project::folder::provenance::Provenance;
use affinage_project::folder::run::Run;
use affinage_project::model::{open_model, packed_engine};
use anyhow::bail;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::context::Context;
use crate::serve::{Arm, Decoder, Served};
use crate::web::{Reply, Room};

/// Base and checkpoints behind an OpenAI-compatible endpoint on this machine
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  affinage serve\n  affinage serve --port 8100 --run 2026-11-22\n\n\
    Clients use http://127.0.0.1:PORT/v1 with any key, unless --api-key-env names one; models are base, step-N, last and best. The same seed and\n\
    settings give the same text, alone or among other requests.")]
pub struct ServeArgs {
    /// Port on 127.0.0.1 (default: 8100, or a free one where that is taken)
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Training run [default: the one that finished last; without any, the base alone]
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// The environment variable with a key that clients must send (default: none is asked for)
    #[arg(long, value_name = "NAME")]
    api_key_env: Option<String>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Address<'a> {
    v: u32,
    url: &'a str,
}

pub fn run(ctx: &Context, args: ServeArgs) -> anyhow::Result<()> {
    let key = server_key(args.api_key_env.as_deref())?;
    let model = open_model(ctx, &ctx.config.model.name)?;
    let engine = packed_engine(&ctx.ui, &model)?;
    let (mut adapters, mut meant) = (Vec::new(), Vec::new());
    let now = Timestamp::now();
    let mut arms = vec![Arm { name: "base".to_owned(), adapter: None, adapter_sha256: None, created: now }];
    let runs = Run::list(&ctx.project)?;
    if args.run.is_some() || !runs.is_empty() {
        let run = Run::meant(ctx, args.run.as_deref())?;
        let provenance = Provenance::read(&run.path)?;
        if provenance.sha256.get("base").is_some_and(|sha256| *sha256 != model.sha256) {
            bail!("run `{}` was trained on another base than {} (SHA-256 differs)", run.name, model.name);
        }
        let created = provenance.started_at;
        for checkpoint in run.checkpoints(&ctx.ui)? {
            let adapter = load_adapter(&checkpoint.path, engine.config())?;
            let sha256 = adapter_sha256(&adapter);
            if sha256 != checkpoint.adapter_sha256 {
                bail!("{}: the adapter is not the one that was saved there", ctx.shown(&checkpoint.path));
            }
            let adapter_sha256 = Some(sha256);
            arms.push(Arm {
                name: checkpoint.name(),
                adapter: Some(adapters.len()),
                adapter_sha256,
                created,
            });
            adapters.push(adapter);
        }
        // A run that saved nothing has no `last`, one that was never evaluated no `best`; one that has lost the folder of
        // either is an error.
        for name in run.names(&ctx.ui)? {
            let checkpoint = run.resolve(name, &ctx.ui)?;
            let of_step = arms.iter().find(|arm| arm.name == checkpoint.name());
            let Some(adapter) = of_step.map(|arm| arm.adapter) else { continue };
            meant.push(format!("{name} = {}", checkpoint.name()));
            let adapter_sha256 = Some(checkpoint.adapter_sha256);
            arms.push(Arm { name: name.to_owned(), adapter, adapter_sha256, created });
        }
    }
    let room = room(ctx, args.port, &key)?;
    let url = format!("http://{}/v1", room.address());
    let names = arms.iter().map(|arm| arm.name.as_str()).collect::<Vec<_>>().join(", ");
    let (decoder, queue) = Decoder::new();
    let config = ctx.config.generate.clone();
    let served = Arc::new(Served { model, engine, adapters, arms, config, decoder });
    if ctx.json {
        ctx.ui.json(&Address { v: 1, url: &url })?;
    } else {
        ctx.ui.data(&url)?;
    }
    let meant = if meant.is_empty() { String::new() } else { format!(" ({})", meant.join(", ")) };
    ctx.ui.say(format!("{}: {names}{meant}; for this machine only, Ctrl-C closes it", served.model.name));
    std::thread::scope(|scope| {
        let decoding = served.clone();
        let batch = ctx.config.generate.batch;
        scope.spawn(move || {
            queue.run(&decoding.engine, &decoding.adapters, &decoding.model.end_tokens, batch)
        });
        room.serve(&|request| Ok(served.answer(request).unwrap_or_else(|error| Reply::api_error(&error))))
    })
}

/// The port that programs look for, unless it was named.
const PORT: u16 = 8100;

/// The room at the port that was asked for; without one at [`PORT`], or at a free one where another program has it.
fn room(ctx: &Context, port: Option<u16>, key: &Option<String>) -> anyhow::Result<Room> {
    if let Some(port) = port {
        return Room::for_programs(port, key.clone());
    }
    match Room::for_programs(PORT, key.clone()) {
        Err(error) if is_io(&error, ErrorKind::AddrInUse) => {
            ctx.ui.say(format!("port {PORT} is taken by another program: a free one is used"));
            Room::for_programs(0, key.clone())
        }
        usual => usual,
    }
}
