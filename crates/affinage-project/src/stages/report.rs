//! The page of an evaluation: `report.html` and its plots, drawn from the files of the evaluation.

use std::path::{Path, PathBuf};

use affinage_eval::plain::counted;
use affinage_eval::suite::Domain;
use affinage_report::evidence::Evidence;
use affinage_report::plots;
use serde::Serialize;

use crate::folder::evaluation::Evaluation;
use crate::folder::jsonl::replace_file;
use crate::folder::project::Project;
use crate::stages::evidence;

/// What was written.
#[derive(Serialize)]
pub struct Written {
    pub report: PathBuf,
    pub size_bytes: usize,
    pub pairs_embedded: usize,
    pub pairs_total: usize,
    /// The folder of the plots, and how many there are.
    #[serde(skip)]
    pub plots: (PathBuf, usize),
}

/// What whoever gets the page can read of the data set; `None` where none of its prompts was asked.
pub fn texts_held(evidence: &Evidence) -> Option<String> {
    let prompts = &evidence.analysis.evaluation.prompts_by_category;
    let own: usize =
        prompts.iter().filter(|count| count.domain == Domain::In).map(|count| count.prompts).sum();
    (own > 0).then(|| {
        format!(
            "the page holds texts of the data set: {} with what stands before {}, in full, and what the models answered; the data \
             set's own answers to {} are not in it, but a trained model may repeat parts of them: read it through before others \
             get it",
            counted(own, "prompt", "prompts"),
            if own == 1 { "it" } else { "them" },
            if own == 1 { "it" } else { "them" }
        )
    })
}

/// Draws the page of an evaluation and writes it into its folder; from here on the evaluation is whole. The evidence is returned for other forms of it.
pub fn write(ctx: &Project, eval: &str) -> anyhow::Result<(Written, Evidence)> {
    let evidence = evidence::read(ctx, eval)?;
    let page = ctx.ui.during("drawing the report", || affinage_report::render(&evidence));
    let evaluation = Evaluation::named(&ctx.project, eval);
    let (report, folder) = (evaluation.report(), evaluation.plots());
    replace_file(&report, page.html.as_bytes())?;
    let number = write_plots(&folder, &evidence)?;
    evaluation.end()?;
    let written = Written {
        report,
        size_bytes: page.html.len(),
        pairs_embedded: page.pairs_embedded,
        pairs_total: page.pairs_total,
        plots: (folder, number),
    };
    Ok((written, evidence))
}

/// Writes every plot as a file of its own and removes those of an earlier report. Returns how many there are.
fn write_plots(dir: &Path, evidence: &Evidence) -> anyhow::Result<usize> {
    fs_err::create_dir_all(dir)?;
    for entry in fs_err::read_dir(dir)? {
        let old = entry?.path();
        if old.extension().is_some_and(|extension| extension == "svg") {
            fs_err::remove_file(old)?;
        }
    }
    let plots = plots::plots(evidence);
    for plot in &plots {
        replace_file(&dir.join(&plot.name), plot.svg.as_bytes())?;
    }
    Ok(plots.len())
}
