//! Proof, on the user's own data, that a killed run that is resumed ends in the same bits.
//!
//! Three processes of this program train four steps on the beginnings of the rows, in a folder of their own. The first
//! goes through. The second stops moving in step 3, before its checkpoint, and is killed; the third resumes its run.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use affinage_engine::checkpoint::{ADAPTER_FILE, OPTIMIZER_FILE};
use affinage_eval::id::sha256_hex;
use anyhow::{Context as _, bail, ensure};
use serde::Serialize;

use super::{HALTED, PART_ROW_TOKENS, PART_STEPS, command};
use crate::errors::interrupted;
use crate::folder::events::Event;
use crate::folder::lock::FolderLock;
use crate::folder::project::Project;
use crate::folder::run::{self, Run};
use crate::interrupt;

const KILLED_IN: usize = 3;

/// A figure of the run that went through and of the one that was killed and resumed.
#[derive(Serialize)]
pub struct Compared<T> {
    pub whole: T,
    pub resumed: T,
}

/// Whether both ended in the same bits, and every figure of both.
#[derive(Serialize)]
pub struct Proof {
    pub v: u32,
    pub steps: usize,
    pub row_tokens: usize,
    pub killed_in_step: usize,
    pub resumed_after_step: usize,
    pub identical: bool,
    /// SHA-256 of the adapter's file after the last step.
    pub adapter: Compared<String>,
    /// SHA-256 of the file of both moments.
    pub moments: Compared<String>,
    pub losses: Compared<Vec<f64>>,
    pub grad_norms: Compared<Vec<f64>>,
    /// Where both runs are kept, if they differ.
    #[serde(skip)]
    pub kept_in: Option<PathBuf>,
}

/// Trains the parts and compares them. Errors: a process failed; a stop was requested.
pub fn verify_resume(ctx: &Project, version: &str) -> anyhow::Result<Proof> {
    let folder = run::all(&ctx.project).join(".verify-resume");
    fs_err::create_dir_all(&folder)?;
    let lock = FolderLock::acquire(&folder)?;
    let [whole, killed] = ["whole", "killed"].map(|name| folder.join(name));
    for part in [&whole, &killed] {
        if part.exists() {
            fs_err::remove_dir_all(part)?;
        }
        fs_err::create_dir(part)?;
    }
    ctx.ui
        .say(format!("training {PART_STEPS} steps on rows cut to {PART_ROW_TOKENS} tokens, in one process"));
    ctx.ui.during("training", || finish(ctx, start(ctx, version, &whole, &[])?))?;
    ctx.ui.say(format!("the same again, killed in step {KILLED_IN}"));
    let halt = KILLED_IN.to_string();
    ctx.ui.during("training", || kill(ctx, start(ctx, version, &killed, &["--halt-in", &halt])?, &killed))?;
    ctx.ui.say("resuming it in a new process");
    ctx.ui.during("training", || finish(ctx, start(ctx, version, &killed, &["--resume"])?))?;
    let mut proof = compare(ctx, &whole, &killed)?;
    drop(lock);
    match proof.identical {
        true => fs_err::remove_dir_all(&folder)?,
        false => proof.kept_in = Some(folder),
    }
    Ok(proof)
}

/// A process of this program that trains a part in `folder`, with the configuration of this one.
fn start(ctx: &Project, version: &str, folder: &Path, extra: &[&str]) -> anyhow::Result<Child> {
    let mut command = command(ctx)?;
    command.args(["--json", "--quiet", "train", "--data", version]).args(extra).arg("--part-in").arg(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().context("cannot start a second process of affinage")
}

fn finish(ctx: &Project, child: Child) -> anyhow::Result<()> {
    let output = child.wait_with_output()?;
    if interrupt::requested() {
        return Err(interrupted("stopped; nothing of your runs was touched"));
    }
    ensure!(
        output.status.success(),
        "a part of {} failed:\n{}",
        ctx.project.display(),
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Ok(())
}

/// Kills the process (SIGKILL on Unix) once it says that it stands in the middle of a step.
fn kill(ctx: &Project, mut child: Child, folder: &Path) -> anyhow::Result<()> {
    while !folder.join(HALTED).exists() {
        if child.try_wait()?.is_some() {
            finish(ctx, child)?;
            bail!("the process that was to be killed ended by itself");
        }
        if interrupt::requested() {
            child.kill()?;
            child.wait()?;
            return Err(interrupted("stopped; nothing of your runs was touched"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill()?;
    child.wait()?;
    Ok(())
}

struct Ended {
    adapter: String,
    moments: String,
    losses: Vec<f64>,
    grad_norms: Vec<f64>,
    /// The step after which the run was taken up again.
    resumed_after: Option<usize>,
}

fn compare(ctx: &Project, whole: &Path, killed: &Path) -> anyhow::Result<Proof> {
    let (whole, resumed) = (ended(ctx, whole)?, ended(ctx, killed)?);
    let resumed_after_step = resumed.resumed_after.context("the killed run was not resumed")?;
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let identical = whole.adapter == resumed.adapter
        && whole.moments == resumed.moments
        && bits(&whole.losses) == bits(&resumed.losses)
        && bits(&whole.grad_norms) == bits(&resumed.grad_norms);
    Ok(Proof {
        v: 1,
        steps: PART_STEPS,
        row_tokens: PART_ROW_TOKENS,
        killed_in_step: KILLED_IN,
        resumed_after_step,
        identical,
        adapter: Compared { whole: whole.adapter, resumed: resumed.adapter },
        moments: Compared { whole: whole.moments, resumed: resumed.moments },
        losses: Compared { whole: whole.losses, resumed: resumed.losses },
        grad_norms: Compared { whole: whole.grad_norms, resumed: resumed.grad_norms },
        kept_in: None,
    })
}

fn ended(ctx: &Project, folder: &Path) -> anyhow::Result<Ended> {
    let run = Run::newest(folder, &ctx.ui)?;
    let checkpoint = run.checkpoint_path(PART_STEPS);
    let hash = |file: &str| -> anyhow::Result<String> {
        let path: PathBuf = checkpoint.join(file);
        Ok(sha256_hex(&fs_err::read(path)?))
    };
    let (mut losses, mut grad_norms, mut resumed_after) = (Vec::new(), Vec::new(), None);
    for record in run.events(&ctx.ui)? {
        match record.event {
            Event::TrainStep(step) => {
                losses.push(step.loss);
                grad_norms.extend(step.grad_norm);
            }
            Event::Resumed { step } => resumed_after = Some(step),
            _ => {}
        }
    }
    ensure!(
        losses.len() == PART_STEPS,
        "run `{}` has {} steps, expected {PART_STEPS}",
        run.name,
        losses.len()
    );
    let (adapter, moments) = (hash(ADAPTER_FILE)?, hash(OPTIMIZER_FILE)?);
    Ok(Ended { adapter, moments, losses, grad_norms, resumed_after })
}
