//! The README of a hand-over folder: one command for each place, and what cannot be the same there.

use affinage_eval::plain::{count, counted};

use super::{Engine, Job, Source};

pub(super) fn readme(source: &Source, job: &Job) -> String {
    let way_back = "## Back\n\nCopy the folder back and run, in the project it came from:\n\n```\naffinage train --import DIR\n```\n\n\
        It is then a run like any other: `affinage chat`, `affinage eval`, `affinage report`.\n";
    let facts = facts(source, job);
    match job.engine {
        Engine::Trl => format!("{facts}\n{}\n{}\n{way_back}", commands(job), trl_differences(job)),
        Engine::Mlx => format!("{facts}\n{}\n{way_back}", MLX),
    }
}

fn facts(source: &Source, job: &Job) -> String {
    let base = match (source.needs_base(), &job.base.hub_id, &job.base.revision) {
        (true, _, _) => "`base/`, the numbers our engine reads".to_owned(),
        (false, hub_id, revision) => {
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            format!("`{}` at commit `{}` of the Hub", part(hub_id), part(revision))
        }
    };
    format!(
        "# A training job\n\n| | |\n|---|---|\n| base | {base}; SHA-256 of our file {} |\n| data | `{}`, SHA-256 {} |\n\
         | job | {} rows, {} steps of {} rows, {} tokens, {} trained parameters |\n",
        job.base.sha256,
        job.dataset,
        job.dataset_sha256,
        job.examples,
        job.steps,
        job.rows_per_step,
        count(source.plan.tokens()),
        count(job.trainable_parameters),
    ) + &left_out(job)
}

/// A line of the table for the rows that did not go along.
fn left_out(job: &Job) -> String {
    if job.left_out.is_empty() {
        return String::new();
    }
    let rows = counted(job.left_out.len(), "row", "rows");
    format!("| left out | {rows} of the data set, longer than train.max-seq-tokens; job.json names them |\n")
}

fn commands(job: &Job) -> String {
    let rows = job.rows_per_step;
    let divisors: Vec<String> =
        (1..=rows).filter(|n| rows.is_multiple_of(*n)).map(|n| n.to_string()).collect();
    format!(
        "## Run it\n\n`pip install -r requirements.txt`, then one of\n\n| where | command |\n|---|---|\n\
         | one GPU | `python train.py` |\n\
         | many GPUs | `accelerate launch --config_file accelerate/multi_gpu.yaml --num_processes N train.py` |\n\
         | a model that does not fit one GPU | `accelerate launch --config_file accelerate/fsdp2.yaml --num_processes N train.py` |\n\
         | Slurm | `sbatch job.sbatch` |\n| SkyPilot | `sky launch -c affinage sky.yaml` |\n\
         | no GPU, two processes | `torchrun --standalone --nproc_per_node 2 train.py --cpu` |\n\n\
         A step has {rows} rows, so the number of processes is one of {}. `--per-device-rows` raises what is in memory at\n\
         once, `--gradient-checkpointing` lowers it; neither changes the job.\n",
        divisors.join(", ")
    )
}

fn trl_differences(job: &Job) -> String {
    let mut text = "## What is the same\n\nTokens, loss masks, the rows of every step, the starting adapter, schedule, optimiser, clipping and the\n\
        average over supervised tokens. What is left is the rounding of f32 on another machine.\n"
        .to_owned();
    if job.dropout > 0.0 {
        text.push_str(
            "\n**Not the same here:** the job has dropout, whose masks come from another random generator on each engine.\n",
        );
    }
    text.push_str("\n`--dtype bfloat16` trains against rounded weights: faster on GPUs, and another job.\n");
    text
}

const MLX: &str = "## Run it\n\n`pip install -r requirements.txt`, then `python train_mlx.py`. Ctrl-C saves and ends; the same command, run again,\n\
goes on.\n\n## What is the same\n\nTokens, loss masks, the rows of every step, the starting adapter, schedule, optimiser, clipping and the average over\n\
supervised tokens: the loop is ours, on the models of mlx-lm. What is left is the rounding of f32 on another machine.\n\n\
`python train_mlx.py bf16` trains against rounded weights: faster on a Mac's GPU, and another job.\n";
