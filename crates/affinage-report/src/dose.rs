//! The dose-response curve: seeds as points, their mean as a line, its interval as bars. Fit and win rate are two plots.

use affinage_eval::analysis::Estimate;
use affinage_eval::dose::{DoseMeasure, DosePoint, DoseResult};
use affinage_eval::plain::count;
use serde::Serialize;

use super::arms::Arms;
use super::charts::{Extent, Line, Panel, Point, Shape, Stroke, thinned};
use super::checkpoints::Panelled;
use super::evidence::Evidence;
use super::html::Section;
use super::numbers::{Measure, Source, tip};
use super::view::{Inline, Piece, Table};

#[derive(Serialize)]
struct View {
    limits: Vec<Inline>,
    panels: Vec<Panelled>,
    explanation: String,
    axis: &'static str,
    judged: Vec<Inline>,
    in_fit: Vec<Inline>,
    has_steps: bool,
    table: Table,
}

/// `None` where the evaluation is no dose study.
pub fn section(evidence: &Evidence, arms: &Arms) -> Option<Section> {
    let dose = evidence.analysis.dose.as_ref()?;
    let axis = Axis::of(dose);
    let steps = |measure| {
        let steps = dose.steps.iter().filter(|step| step.measure == measure);
        steps.map(|step| arms.prose(&step.sentence)).collect()
    };
    let view = View {
        limits: arms.paragraphs(dose.limits.iter().map(String::as_str)),
        panels: Panelled::all(&panels(evidence), &axis.extent(dose)),
        explanation: dose.explanation.clone(),
        axis: axis.words(),
        judged: steps(DoseMeasure::WinRate),
        in_fit: steps(DoseMeasure::Fit),
        has_steps: !dose.steps.is_empty(),
        table: point_table(dose),
    };
    Some(Section::drawn("dose.html", "dose", "More rows, more epochs?", &view))
}

/// What varies along the page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Axis {
    Rows,
    Epochs,
}

impl Axis {
    /// Rows, unless all doses have the same.
    fn of(dose: &DoseResult) -> Axis {
        let differ = dose.doses.windows(2).any(|pair| pair[0].dose.rows != pair[1].dose.rows);
        if differ { Axis::Rows } else { Axis::Epochs }
    }

    fn words(self) -> &'static str {
        match self {
            Axis::Rows => "training rows",
            Axis::Epochs => "epochs",
        }
    }

    fn place(self, point: &DosePoint) -> f64 {
        match self {
            Axis::Rows => point.dose.rows as f64,
            Axis::Epochs => point.dose.epochs as f64,
        }
    }

    /// From nothing to the largest dose, and the doses that are written.
    fn extent(self, dose: &DoseResult) -> Extent {
        let mut places: Vec<f64> = dose.doses.iter().map(|point| self.place(point)).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        Extent { steps: (0.0, places.last().copied().unwrap_or(1.0)), ticks: thinned(&places, 6) }
    }

    /// What else tells a line from the others, and its name.
    fn line_of(self, point: &DosePoint, dose: &DoseResult) -> String {
        let several = dose.doses.iter().any(|other| other.dose.dataset != point.dose.dataset);
        let dataset = if several { point.dose.dataset.clone() } else { String::new() };
        let epochs = match (self, point.dose.epochs) {
            (Axis::Epochs, _) => String::new(),
            (Axis::Rows, 1) => "1 epoch".to_owned(),
            (Axis::Rows, epochs) => format!("{epochs} epochs"),
        };
        [dataset, epochs].iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(", ")
    }
}

/// The charts that have values, each with a short name.
pub fn panels(evidence: &Evidence) -> Vec<(&'static str, Panel)> {
    let Some(dose) = &evidence.analysis.dose else { return Vec::new() };
    let axis = Axis::of(dose);
    let by = axis.words();
    [
        (
            "win-rate",
            Panel {
                title: format!("Win rate against the base by {by}"),
                measure: Measure::Share,
                reference: Some(0.5),
                lines: lines(dose, axis, DoseMeasure::WinRate),
            },
        ),
        (
            "fit",
            Panel {
                title: format!("Fit gained over the base by {by}, nats per token"),
                measure: Measure::Nats,
                reference: Some(0.0),
                lines: lines(dose, axis, DoseMeasure::Fit),
            },
        ),
    ]
    .into_iter()
    .filter(|(_, panel)| !panel.lines.is_empty())
    .collect()
}

/// The axis of all charts: its extent and what is written below.
pub fn extent(evidence: &Evidence) -> Extent {
    let none = Extent { steps: (0.0, 1.0), ticks: Vec::new() };
    evidence.analysis.dose.as_ref().map_or(none, |dose| Axis::of(dose).extent(dose))
}

const LOOKS: [(&str, Shape); 4] = [
    ("series-main", Shape::Circle),
    ("series-other", Shape::Square),
    ("arm-other", Shape::Diamond),
    ("series-muted", Shape::Triangle),
];

fn lines(dose: &DoseResult, axis: Axis, measure: DoseMeasure) -> Vec<Line> {
    let mut names: Vec<String> = Vec::new();
    for point in &dose.doses {
        let name = axis.line_of(point, dose);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let line = |(i, name): (usize, &String)| {
        let of_line =
            || dose.doses.iter().enumerate().filter(|(_, point)| axis.line_of(point, dose) == *name);
        let mut points: Vec<Point> =
            of_line().filter_map(|(i, point)| mean_point(i, point, axis, measure)).collect();
        points.sort_by(|a, b| a.step.total_cmp(&b.step));
        let dots = of_line().flat_map(|(_, point)| seed_dots(point, axis, measure)).collect();
        let (class, shape) = LOOKS[i % LOOKS.len()];
        Line { name: name.clone(), class, shape, stroke: Stroke::Points, points, dots }
    };
    let lines = names.iter().enumerate().map(line);
    lines.filter(|line| !line.points.is_empty()).collect()
}

fn estimate_of(point: &DosePoint, measure: DoseMeasure) -> (&'static str, Option<&Estimate>) {
    match measure {
        DoseMeasure::WinRate => ("win_rate", point.win_rate.as_ref()),
        DoseMeasure::Fit => ("fit_gain", point.fit_gain.as_ref()),
    }
}

fn written(measure: DoseMeasure) -> Measure {
    match measure {
        DoseMeasure::WinRate => Measure::Share,
        DoseMeasure::Fit => Measure::Nats,
    }
}

fn mean_point(i: usize, point: &DosePoint, axis: Axis, measure: DoseMeasure) -> Option<Point> {
    let (field, estimate) = estimate_of(point, measure);
    let estimate = estimate?;
    let source = Source::new(rows_of(point), format!(".dose.doses[{i}].{field}"));
    Some(Point {
        step: axis.place(point),
        value: estimate.value,
        interval: estimate.shown().map(|interval| (interval.low, interval.high)),
        tip: tip(&point.dose.words(true), estimate, written(measure), &source),
    })
}

fn seed_dots(point: &DosePoint, axis: Axis, measure: DoseMeasure) -> Vec<Point> {
    let dot = |seed: &affinage_eval::dose::DoseSeed| {
        let value = match measure {
            DoseMeasure::WinRate => seed.win_rate,
            DoseMeasure::Fit => seed.fit_gain,
        }?;
        let tip =
            format!("{}\nseed {}: {}", point.dose.words(true), seed.seed, written(measure).value(value));
        Some(Point { step: axis.place(point), value, interval: None, tip })
    };
    point.seeds.iter().filter_map(dot).collect()
}

fn rows_of(point: &DosePoint) -> String {
    let arms: Vec<&str> = point.seeds.iter().map(|seed| seed.arm.as_str()).collect();
    format!("arm = {}", arms.join(" or "))
}

fn point_table(dose: &DoseResult) -> Table {
    let row = |(i, point): (usize, &DosePoint)| {
        let cell = |measure| -> Inline {
            let (field, estimate) = estimate_of(point, measure);
            let source = Source::new(rows_of(point), format!(".dose.doses[{i}].{field}"));
            Piece::figure_or_dash(&point.dose.words(true), estimate, written(measure), &source).into()
        };
        vec![
            point.dose.dataset.as_str().into(),
            count(point.dose.rows as u64).into(),
            count(point.dose.epochs as u64).into(),
            count(point.supervised_tokens.round() as u64).into(),
            count(point.seeds.len() as u64).into(),
            cell(DoseMeasure::WinRate),
            cell(DoseMeasure::Fit),
        ]
    };
    let head = ["data", "rows", "epochs", "answer tokens", "seeds", "win rate", "fit gained"];
    Table::new(&head, &[1, 2, 3, 4, 5, 6], dose.doses.iter().enumerate().map(row).collect())
}

/// The table of a study in Markdown, with its steps.
pub fn markdown(dose: &DoseResult) -> String {
    let mut out = "\n## More rows, more epochs?\n\n".to_owned();
    out.extend(dose.limits.iter().map(|limit| format!("{limit}\n\n")));
    out.push_str(
        "| data | rows | epochs | answer tokens | seeds | win rate | fit gained, nats per token |\n",
    );
    out.push_str("|---|---|---|---|---|---|---|\n");
    for point in &dose.doses {
        let cell = |measure| {
            let (_, estimate) = estimate_of(point, measure);
            let written: Measure = written(measure);
            estimate.map_or_else(
                || "\u{2013}".to_owned(),
                |estimate| {
                    let interval =
                        estimate.shown().map(|interval| format!(" {}", written.interval(&interval)));
                    format!("{}{}", written.value(estimate.value), interval.unwrap_or_default())
                },
            )
        };
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            point.dose.dataset,
            point.dose.rows,
            point.dose.epochs,
            count(point.supervised_tokens.round() as u64),
            point.seeds.len(),
            cell(DoseMeasure::WinRate),
            cell(DoseMeasure::Fit)
        ));
    }
    out.push('\n');
    out.extend(dose.steps.iter().map(|step| format!("- {}\n", step.sentence)));
    out
}
