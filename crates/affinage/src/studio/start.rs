//! Start: this project, or the model for a new one; this machine; projects that were opened lately.

use affinage_project::errors::usage;
use affinage_project::folder::project::CONFIG_FILE;
use affinage_project::folder::recent;
use affinage_project::machine::{self, Machine};
use affinage_project::next::Next;
use affinage_project::stages::doctor::{keys, model_finding};
use affinage_project::stages::init::{change_model, init};
use affinage_project::stages::models::known_models;
use affinage_report::card::project_name;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Studio;
use super::jobs::program;
use crate::context::Context;
use crate::web::{Method, Reply, Request};

/// What the page asks for.
#[derive(Deserialize)]
struct Wanted {
    model: String,
}

pub fn answer(studio: &Studio, ctx: &Context, request: &Request, below: &str) -> anyhow::Result<Reply> {
    match (request.method, below) {
        (Method::Get, "") => Reply::json(&facts(ctx)),
        (Method::Get, "models") => {
            if studio.models.get().is_none() {
                // Of two pages that ask at once one measures for nothing.
                drop(studio.models.set(serde_json::to_value(known_models(ctx)?)?));
            }
            Reply::json(&studio.models.get())
        }
        (Method::Post, "project") => {
            let Wanted { model } = request.json()?;
            if ctx.project.join(CONFIG_FILE).is_file() {
                return Err(usage("this folder is a project already"));
            }
            let made = init(&ctx.ui, &ctx.project, Some(&model))?;
            ctx.ui.say(format!("new project: {}", made.config.display()));
            recent::remember(&ctx.project);
            Reply::json(&facts(&ctx.reopened()?))
        }
        (Method::Post, "model") => {
            let Wanted { model } = request.json()?;
            ctx.require_project()?;
            if studio.jobs.is_busy() {
                return Err(usage("work is going on with this model: wait for its end, or stop it"));
            }
            if ctx.sets.iter().any(|set| set.starts_with("model")) {
                return Err(usage(
                    "the studio was started with `--set model`, which holds as long as it is open",
                ));
            }
            studio.talk.forget()?;
            change_model(&ctx.project, &model)?;
            Reply::json(&facts(&ctx.reopened()?))
        }
        _ => Ok(Reply::not_found()),
    }
}

/// What the shell says of the project.
pub fn project(ctx: &Context) -> Value {
    json!({
        "name": project_name(&ctx.project),
        "folder": ctx.project.display().to_string(),
        "is_project": ctx.project.join(CONFIG_FILE).is_file(),
        "model": ctx.config.model.name,
        "program": program(ctx),
    })
}

fn facts(ctx: &Context) -> Value {
    let machine = Machine::here();
    let model = model_finding(ctx, &ctx.config.model.name);
    let recent: Vec<Value> = recent::list()
        .into_iter()
        .filter(|folder| *folder != ctx.project)
        .map(|folder| {
            let command = Next::new("studio").in_folder(&folder.display().to_string()).typed();
            json!({ "name": project_name(&folder), "folder": folder.display().to_string(), "command": command })
        })
        .collect();
    let keys = keys(ctx);
    json!({
        "project": project(ctx),
        "version": env!("CARGO_PKG_VERSION"),
        "machine": {
            "cpu": machine.cpu, "cores": machine.cores, "memory_bytes": machine.memory_bytes,
            "free_memory_bytes": machine::available_memory_bytes(),
            "free_disk_bytes": machine::free_disk_bytes(&ctx.project),
        },
        "model": { "is_here": model.path.is_some(), "problem": model.problem },
        "keys": keys.iter().filter(|key| key.set).map(|key| &key.variable).collect::<Vec<_>>(),
        "recent": recent,
    })
}
