//! The checkpoint curve: what each saved step is worth, beside the loss that training watched.

use affinage_eval::analysis::{CheckpointPoint, Estimate};
use serde::Serialize;

use super::arms::Arms;
use super::charts::{Extent, Line, Panel, Point, Shape, Stroke, thinned};
use super::evidence::{Evidence, RunFacts};
use super::html::Section;
use super::numbers::{Measure, Source, tip};
use super::templates::Markup;
use super::view::{Inline, Piece, Table};

/// Raw loss points that the page carries; longer runs are thinned.
const MOST_LOSS_POINTS: usize = 400;

#[derive(Serialize)]
struct View {
    /// What the curve says and what it cannot.
    sentence: Vec<Inline>,
    panels: Vec<Panelled>,
    /// "Step 290 = 2.00 passes over the examples."
    passes: Option<String>,
    has_bars: bool,
    table: Option<Table>,
}

/// A chart with its title.
#[derive(Serialize)]
pub struct Panelled {
    title: String,
    chart: Markup,
}

impl Panelled {
    pub fn all(panels: &[(&'static str, Panel)], extent: &Extent) -> Vec<Self> {
        panels
            .iter()
            .map(|(_, panel)| Self { title: panel.title.clone(), chart: panel.svg(extent) })
            .collect()
    }
}

pub fn section(evidence: &Evidence, arms: &Arms) -> Section {
    let curve = &evidence.analysis.checkpoints;
    let panels = panels(evidence);
    if panels.is_empty() {
        let why = "Nothing was measured along the training, and the run's folder is not there.";
        return Section::missing("checkpoints", "Along the training", why);
    }
    let last = evidence.evaluated_run().and_then(|run| run.train.last());
    let passes = last.map(|(step, epoch, _)| {
        let passes = if (epoch - 1.0).abs() < 0.005 { "pass" } else { "passes" };
        format!("Step {step} = {epoch:.2} {passes} over the examples.")
    });
    let view = View {
        sentence: arms.paragraphs([curve.sentence.as_str()]),
        has_bars: panels.iter().any(|(_, panel)| panel.has_intervals()),
        panels: Panelled::all(&panels, &extent(evidence)),
        passes,
        table: (curve.points.len() > 1).then(|| point_table(&curve.points, arms)),
    };
    Section::drawn("checkpoints.html", "checkpoints", "Along the training", &view)
}

/// The charts of the curve, each with a short name.
pub fn panels(evidence: &Evidence) -> Vec<(&'static str, Panel)> {
    let points = &evidence.analysis.checkpoints.points;
    let named = [
        ("loss", loss_panel(evidence.evaluated_run())),
        ("fit", likelihood_panel(points)),
        ("voice", style_marker_panel(points)),
        ("win-rate", win_panel(points)),
    ];
    named.into_iter().filter_map(|(name, panel)| Some((name, panel?))).collect()
}

/// The steps that all charts share.
pub fn extent(evidence: &Evidence) -> Extent {
    let (points, run) = (&evidence.analysis.checkpoints.points, evidence.evaluated_run());
    let last = points.iter().map(|p| p.step as f64).fold(0.0, f64::max);
    let last = run.map_or(last, |run| last.max(run.last_step as f64)).max(1.0);
    Extent { steps: (0.0, last), ticks: step_ticks(points, run) }
}

/// The evaluated checkpoints, else the steps at which the validation loss was measured.
fn step_ticks(points: &[CheckpointPoint], run: Option<&RunFacts>) -> Vec<f64> {
    let mut steps: Vec<f64> = points.iter().map(|point| point.step as f64).collect();
    if steps.len() < 2 {
        steps =
            run.map(|run| run.validation.iter().map(|(step, _)| *step as f64).collect()).unwrap_or_default();
    }
    if steps.first() != Some(&0.0) {
        steps.insert(0, 0.0);
    }
    thinned(&steps, 6)
}

fn loss_panel(run: Option<&RunFacts>) -> Option<Panel> {
    let run = run.filter(|run| !run.train.is_empty() || !run.validation.is_empty())?;
    let stride = run.train.len().div_ceil(MOST_LOSS_POINTS).max(1);
    let train = run
        .train
        .iter()
        .step_by(stride)
        .map(|&(step, epoch, loss)| Point {
            step: step as f64,
            value: loss,
            interval: None,
            tip: format!(
                "step {step} = epoch {epoch:.2}\ntraining loss {loss:.3} nats per token\nevents.jsonl"
            ),
        })
        .collect();
    let validation = run
        .validation
        .iter()
        .map(|&(step, loss)| Point {
            step: step as f64,
            value: loss,
            interval: None,
            tip: format!("step {step}\nvalidation loss {loss:.3} nats per token\nevents.jsonl"),
        })
        .collect();
    let line = |name: &str, class, stroke, points| Line {
        name: name.to_owned(),
        class,
        shape: Shape::Circle,
        stroke,
        points,
        dots: Vec::new(),
    };
    Some(Panel {
        title: "Loss, nats per token (lower: less surprised)".to_owned(),
        measure: Measure::Loss,
        reference: None,
        lines: vec![
            line("training", "series-muted", Stroke::Raw, train),
            line("validation", "series-main", Stroke::Points, validation),
        ],
    })
}

/// A line of one estimate over the checkpoints; `None` where no checkpoint has it.
fn series(
    points: &[CheckpointPoint],
    name: &str,
    look: (&'static str, Shape),
    measure: Measure,
    pick: (&str, fn(&CheckpointPoint) -> Option<&Estimate>),
) -> Option<Line> {
    let (field, estimate_of) = pick;
    let points: Vec<Point> = points
        .iter()
        .enumerate()
        .filter_map(|(i, point)| {
            let estimate = estimate_of(point)?;
            let source =
                Source::new(format!("arm = {}", point.arm), format!(".checkpoints.points[{i}].{field}"));
            Some(Point {
                step: point.step as f64,
                value: estimate.value,
                interval: estimate.shown().map(|i| (i.low, i.high)),
                tip: tip(&format!("step {}, {name}", point.step), estimate, measure, &source),
            })
        })
        .collect();
    let (class, shape) = look;
    (!points.is_empty()).then(|| Line {
        name: name.to_owned(),
        class,
        shape,
        stroke: Stroke::Points,
        points,
        dots: Vec::new(),
    })
}

fn panel(title: &str, measure: Measure, reference: Option<f64>, lines: Vec<Option<Line>>) -> Option<Panel> {
    // One point is no line: its figure stands in the part that measured it.
    let lines: Vec<Line> = lines.into_iter().flatten().filter(|line| line.points.len() > 1).collect();
    (!lines.is_empty()).then(|| Panel { title: title.to_owned(), measure, reference, lines })
}

fn likelihood_panel(points: &[CheckpointPoint]) -> Option<Panel> {
    let line = |name, look, pick| series(points, name, look, Measure::Nats, pick);
    panel(
        "Fit gained over the base, nats per token",
        Measure::Nats,
        Some(0.0),
        vec![
            line(
                "the data set's texts",
                ("series-main", Shape::Circle),
                ("fit_gain", |p| p.fit_gain.as_ref()),
            ),
            line(
                "other writers",
                ("series-other", Shape::Square),
                ("fit_gain_other_writer", |p| p.fit_gain_other_writer.as_ref()),
            ),
            line(
                "shuffled",
                ("series-muted", Shape::Triangle),
                ("fit_gain_shuffled", |p| p.fit_gain_shuffled.as_ref()),
            ),
        ],
    )
}

fn style_marker_panel(points: &[CheckpointPoint]) -> Option<Panel> {
    let pick: (&str, fn(&CheckpointPoint) -> Option<&Estimate>) = ("voice", |p| p.voice.as_ref());
    let line = series(points, "all three marks", ("series-main", Shape::Circle), Measure::Share, pick);
    panel("Voice: in-domain answers with all three marks", Measure::Share, None, vec![line])
}

fn win_panel(points: &[CheckpointPoint]) -> Option<Panel> {
    let line = |name, look, pick| series(points, name, look, Measure::Share, pick);
    panel(
        "Win rate against the base, where judged",
        Measure::Share,
        Some(0.5),
        vec![
            line("all prompts", ("series-main", Shape::Circle), ("win_rate", |p| p.win_rate.as_ref())),
            line(
                "in-domain",
                ("series-other", Shape::Square),
                ("win_rate_in_domain", |p| p.win_rate_in_domain.as_ref()),
            ),
        ],
    )
}

fn point_table(points: &[CheckpointPoint], arms: &Arms) -> Table {
    let row = |(i, point): (usize, &CheckpointPoint)| {
        let cell = |what: &str, field: &str, estimate: Option<&Estimate>, measure| -> Inline {
            let source =
                Source::new(format!("arm = {}", point.arm), format!(".checkpoints.points[{i}].{field}"));
            Piece::figure_or_dash(what, estimate, measure, &source).into()
        };
        vec![
            arms.name(&point.arm).into(),
            cell("fit gained, the data set's texts", "fit_gain", point.fit_gain.as_ref(), Measure::Nats),
            cell("voice", "voice", point.voice.as_ref(), Measure::Share),
            cell("win rate against the base", "win_rate", point.win_rate.as_ref(), Measure::Share),
            cell("right answers", "objective", point.objective.as_ref(), Measure::Share),
        ]
    };
    let head = ["checkpoint", "fit gained", "voice", "win rate", "right answers"];
    Table::new(&head, &[1, 2, 3, 4], points.iter().enumerate().map(row).collect())
}
