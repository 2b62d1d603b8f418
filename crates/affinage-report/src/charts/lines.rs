//! Small line charts over training steps, all with the same step axis.

use super::{Scale, Shape};
use crate::html::{esc, json_for_script};
use crate::numbers::Measure;
use crate::templates::Markup;

/// One value with an interval, over a step.
#[derive(Clone, Debug)]
pub struct Point {
    pub step: f64,
    pub value: f64,
    pub interval: Option<(f64, f64)>,
    /// What hovering tells; empty for points that are only part of a line.
    pub tip: String,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// A line with marked, hoverable points.
    Points,
    /// A thin line without marks: many raw values.
    Raw,
}

#[derive(Clone, Debug)]
pub struct Line {
    /// Written at the end of the line.
    pub name: String,
    pub class: &'static str,
    pub shape: Shape,
    pub stroke: Stroke,
    pub points: Vec<Point>,
    /// Small marks beside the points, without a line: what the points are means of.
    pub dots: Vec<Point>,
}

/// One chart: a title that says what is up, lines, and a horizontal line of no difference.
pub struct Panel {
    pub title: String,
    pub measure: Measure,
    pub reference: Option<f64>,
    pub lines: Vec<Line>,
}

/// Distance of two marked lines at one step, in per cent of the width.
const DODGE_PERCENT: f64 = 1.6;

/// The steps of all panels of one figure: the first and the last, and those that are written below, at most about six.
#[derive(Clone, Debug)]
pub struct Extent {
    pub steps: (f64, f64),
    pub ticks: Vec<f64>,
}

/// Where a panel's steps and values lie, in per cent of its width and height.
struct Frame {
    steps: (f64, f64),
    values: Scale,
}

impl Frame {
    fn new(panel: &Panel, steps: (f64, f64)) -> Self {
        let bounds = |point: &Point| {
            let (low, high) = point.interval.unwrap_or((point.value, point.value));
            [point.value, low, high]
        };
        let points = panel.lines.iter().flat_map(|line| line.points.iter().chain(&line.dots));
        let values = points.flat_map(bounds).chain(panel.reference);
        Self { steps, values: Scale::around(values, panel.measure) }
    }

    fn x(&self, step: f64) -> f64 {
        let (first, last) = self.steps;
        100.0 * (step - first) / (last - first).max(1.0)
    }

    fn y(&self, value: f64) -> f64 {
        100.0 * (1.0 - self.values.place(value))
    }
}

impl Panel {
    pub fn has_intervals(&self) -> bool {
        self.lines.iter().flat_map(|line| &line.points).any(|point| point.interval.is_some())
    }

    /// What is drawn in a frame of its own. Raw lines are told by position: see [`Panel::hover`].
    pub fn svg(&self, extent: &Extent) -> Markup {
        Markup(format!("<svg class=\"chart\"{}>{}</svg>", self.hover(extent), self.inner(extent)))
    }

    /// What is drawn, without its frame: positions are per cent of what holds it.
    pub(super) fn inner(&self, extent: &Extent) -> String {
        let frame = Frame::new(self, extent.steps);
        let mut svg = String::new();
        for &tick in &frame.values.ticks {
            let y = frame.y(tick);
            let class = Scale::class_of(tick, self.reference);
            svg.push_str(&format!(
                "<line class=\"{class}\" x1=\"0\" x2=\"100%\" y1=\"{y:.2}%\" y2=\"{y:.2}%\"/>\
                 <text class=\"tick\" x=\"0\" y=\"{y:.2}%\" dx=\"-8\" dy=\".32em\" text-anchor=\"end\">{}</text>",
                self.measure.tick(tick)
            ));
        }
        for &step in &extent.ticks {
            let x = frame.x(step);
            svg.push_str(&format!(
                "<text class=\"tick\" x=\"{x:.2}%\" y=\"100%\" dy=\"1.5em\" text-anchor=\"middle\">{step}</text>"
            ));
        }
        let marked = self.lines.iter().filter(|line| line.stroke == Stroke::Points).count();
        let mut dodge = -DODGE_PERCENT * (marked as f64 - 1.0) / 2.0;
        for line in &self.lines {
            svg.push_str(&line_svg(line, &frame, dodge));
            dodge += if line.stroke == Stroke::Points { DODGE_PERCENT } else { 0.0 };
        }
        if self.lines.len() > 1 {
            svg.push_str(&end_labels(&self.lines, &frame));
        }
        svg
    }

    /// Raw lines are hovered by position: the nearest step tells its values.
    fn hover(&self, extent: &Extent) -> String {
        let frame = Frame::new(self, extent.steps);
        let raw: Vec<(f64, String)> = self
            .lines
            .iter()
            .filter(|line| line.stroke == Stroke::Raw)
            .flat_map(|line| line.points.iter().map(|p| (rounded(frame.x(p.step)), p.tip.clone())))
            .collect();
        if raw.is_empty() {
            return String::new();
        }
        format!(" data-hover=\"{}\"", esc(&json_for_script(&raw)))
    }
}

fn rounded(value: f64) -> f64 {
    (100.0 * value).round() / 100.0
}

/// `dodge` moves marked lines aside, so that intervals at one step do not cover each other.
fn line_svg(line: &Line, frame: &Frame, dodge: f64) -> String {
    let points: Vec<&Point> = line.points.iter().filter(|p| p.value.is_finite()).collect();
    let dodge = if line.stroke == Stroke::Points { dodge } else { 0.0 };
    let x_of = |point: &Point| frame.x(point.step) + dodge;
    let path: String =
        points.iter().map(|p| format!("{:.2},{:.2} ", 10.0 * x_of(p), 10.0 * frame.y(p.value))).collect();
    let class = line.class;
    let kind = if line.stroke == Stroke::Raw { "raw" } else { "joined" };
    let mut svg = format!(
        "<svg class=\"{class}\" width=\"100%\" height=\"100%\" viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" \
         overflow=\"visible\"><polyline class=\"{kind}\" points=\"{}\"/></svg>",
        path.trim_end()
    );
    if line.stroke == Stroke::Raw {
        return svg;
    }
    for dot in line.dots.iter().filter(|dot| dot.value.is_finite()) {
        svg.push_str(&format!(
            "<g class=\"mark {class}\" data-tip=\"{}\"><svg x=\"{:.2}%\" y=\"{:.2}%\" overflow=\"visible\"><circle \
             class=\"dot\" cx=\"7\" r=\"2.6\"/></svg></g>",
            esc(&dot.tip),
            x_of(dot),
            frame.y(dot.value)
        ));
    }
    for point in points {
        let (x, y) = (x_of(point), frame.y(point.value));
        let whisker = point.interval.map_or_else(String::new, |(low, high)| {
            let (low, high) = (frame.y(low), frame.y(high));
            format!(
                "<line class=\"whisker\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"{low:.2}%\" y2=\"{high:.2}%\"/>"
            )
        });
        svg.push_str(&format!(
            "<g class=\"mark {class}\" data-tip=\"{}\">{whisker}<svg x=\"{x:.2}%\" y=\"{y:.2}%\" overflow=\"visible\">\
             <circle class=\"target\" r=\"12\"/>{}</svg></g>",
            esc(&point.tip),
            line.shape.svg()
        ));
    }
    svg
}

/// Names at the right ends of the lines, pushed apart where they would overlap.
fn end_labels(lines: &[Line], frame: &Frame) -> String {
    const APART_PERCENT: f64 = 9.5;
    let mut ends: Vec<(f64, &Line)> = lines
        .iter()
        .filter(|line| !line.name.is_empty())
        .filter_map(|line| Some((frame.y(line.points.last()?.value), line)))
        .collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    for i in 1..ends.len() {
        ends[i].0 = ends[i].0.max(ends[i - 1].0 + APART_PERCENT);
    }
    let overflow = ends.last().map_or(0.0, |(y, _)| (y - 100.0).max(0.0));
    ends.iter()
        .map(|(y, line)| {
            format!(
                "<text class=\"end {}\" x=\"100%\" y=\"{:.2}%\" dx=\"15\" dy=\".32em\">{}</text>",
                line.class,
                y - overflow,
                esc(&line.name)
            )
        })
        .collect()
}

/// At most `most` of the steps, the first and the last among them.
pub fn thinned(steps: &[f64], most: usize) -> Vec<f64> {
    if steps.len() <= most {
        return steps.to_vec();
    }
    let last = steps.len() - 1;
    (0..most).map(|i| steps[(i * last + (most - 1) / 2) / (most - 1)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_both_ends() {
        let steps: Vec<f64> = (0..30).map(f64::from).collect();
        let kept = thinned(&steps, 6);
        assert_eq!((kept.len(), kept[0], kept[5]), (6, 0.0, 29.0));
        assert_eq!(thinned(&steps[..3], 6), steps[..3]);
    }

    #[test]
    fn end_labels_never_overlap() {
        let line = |value: f64| Line {
            name: "x".to_owned(),
            class: "a",
            shape: Shape::Circle,
            stroke: Stroke::Points,
            points: vec![Point { step: 1.0, value, interval: None, tip: String::new() }],
            dots: Vec::new(),
        };
        let lines = vec![line(0.0), line(0.01), line(0.02)];
        let panel = Panel { title: String::new(), measure: Measure::Nats, reference: None, lines };
        let frame = Frame::new(&panel, (0.0, 1.0));
        let labels = end_labels(&panel.lines, &frame);
        let mut ys: Vec<f64> =
            labels.split("y=\"").skip(1).filter_map(|rest| rest.split('%').next()?.parse().ok()).collect();
        ys.sort_by(f64::total_cmp);
        assert_eq!(ys.len(), 3);
        assert!(ys.windows(2).all(|pair| pair[1] - pair[0] > 9.0), "{ys:?}");
    }
}
