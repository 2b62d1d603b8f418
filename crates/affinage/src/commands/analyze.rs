//! `affinage analyze`: statistics from the files of an evaluation alone, without a network.

use std::path::Path;

use affinage_eval::analysis::Analysis;
use affinage_eval::plan::Plan;
use affinage_project::folder::evaluation::Evaluation;
use affinage_project::stages::evaluation::analysis::analyze_folder;
use affinage_project::stages::evaluation::series;
use affinage_project::stages::judges::verify::verify;
use affinage_report::card;
use clap::Args;

use crate::context::Context;
use crate::ui::{Paint, Ui, counted, labelled};

/// Statistics of an evaluation, offline, from its files alone
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  affinage analyze\n  affinage analyze --full\n  affinage analyze --verify --json"
)]
pub struct AnalyzeArgs {
    /// The evaluation below evals/; default: the newest finished one whose name is, or begins with, eval.name
    #[arg(long, value_name = "NAME")]
    pub eval: Option<String>,
    /// Also check every verdict against the raw bytes of its request
    #[arg(long)]
    pub verify: bool,
    /// Print every claim, limit and figure behind the answers, as `-v` does
    #[arg(long)]
    pub full: bool,
}

pub fn run(ctx: &Context, args: AnalyzeArgs) -> anyhow::Result<()> {
    ctx.require_project()?;
    let name = &series::meant(ctx, args.eval.as_deref())?;
    if args.verify {
        let (verified, without) = verify(ctx, &Evaluation::named(&ctx.project, name))?;
        ctx.ui.say(format!(
            "verified {} against their raw requests; {without} have none",
            counted(verified, "verdict", "verdicts")
        ));
    }
    show_with_hint(ctx, name, args.full)
}

/// [`show`], and where to read on.
pub(super) fn show_with_hint(ctx: &Context, name: &str, full: bool) -> anyhow::Result<()> {
    show(ctx, name, &computed(ctx, name)?, full)?;
    if !ctx.json {
        let report = ctx.command_on(name, "report", "--open");
        ctx.ui.hint(match full {
            true => format!("full report: {report}"),
            false => {
                format!(
                    "full report: {report}; every figure here: {}",
                    ctx.command_on(name, "analyze", "--full")
                )
            }
        });
    }
    Ok(())
}

/// Analyses an evaluation.
pub fn computed(ctx: &Context, name: &str) -> anyhow::Result<Analysis> {
    let evaluation = Evaluation::named(&ctx.project, name);
    ctx.ui.during("computing the figures", || analyze_folder(ctx, &evaluation))
}

/// Prints the answer card of an analysis, or all findings; with `--json` the whole analysis.
pub fn show(ctx: &Context, name: &str, analysis: &Analysis, full: bool) -> anyhow::Result<()> {
    if ctx.json {
        return ctx.ui.json(analysis);
    }
    let plan = Evaluation::named(&ctx.project, name).plan()?;
    let is_full = full || ctx.ui.is_verbose();
    let mut text = card_text(&ctx.project, &plan, analysis, is_full, &ctx.ui);
    if is_full {
        text.push_str(&format!("\n\n{}", summary(analysis)));
    }
    ctx.ui.data(&text)
}

/// The answer card, a line for each of its rows.
fn card_text(project: &Path, plan: &Plan, analysis: &Analysis, is_full: bool, ui: &Ui) -> String {
    let card = card::plain(&card::project_name(project), plan, analysis, is_full);
    let heading = format!("{} ({})", ui.paint_data(Paint::Bold, &card.title), card.compared);
    let rows = card.rows.iter().map(|(label, text)| labelled(label, text));
    std::iter::once(heading).chain(rows).collect::<Vec<_>>().join("\n")
}

/// Everything behind the card: the headline, its limits, the claims, and what to do next.
fn summary(analysis: &Analysis) -> String {
    let headline = &analysis.headline;
    let mut lines: Vec<String> =
        headline.answers.iter().filter(|answer| !answer.is_empty()).cloned().collect();
    let mut section = |title: &str, items: Vec<String>| {
        if !items.is_empty() {
            lines.push(format!("\n{title}"));
            lines.extend(items.iter().map(|item| format!("  {item}")));
        }
    };
    section("Before you believe it", headline.limits.clone());
    section("Claims", analysis.claims.iter().map(|claim| claim.sentence.clone()).collect());
    let fit = analysis.fit.iter().flat_map(|fit| fit.arms.iter().map(|arm| arm.sentence.clone()));
    section("Fit to the texts of the data set", fit.collect());
    let dose = analysis.dose.iter().flat_map(|dose| {
        dose.limits.iter().cloned().chain(dose.steps.iter().map(|step| step.sentence.clone()))
    });
    section("More rows, more epochs?", dose.collect());
    // Marks that do not tell these texts apart say nothing here.
    let voice = analysis.voice.iter().filter(|voice| voice.fitness.fit_to_show).flat_map(|voice| {
        std::iter::once(voice.fitness.sentence.clone())
            .chain(voice.arms.iter().map(|arm| arm.sentence.clone()))
    });
    section("Voice", voice.collect());
    section("Answers", analysis.rates.iter().map(|rates| rates.sentence.clone()).collect());
    section("Do next", analysis.next_steps.clone());
    lines.join("\n")
}
