//! A dot with its interval on a horizontal scale that a column of rows shares.

use affinage_eval::analysis::Estimate;

use super::{Look, Scale};
use crate::html::esc;
use crate::numbers::{Measure, Source, tip};
use crate::templates::Markup;

/// A horizontal scale shared by rows.
#[derive(Clone, Debug)]
pub struct Strip {
    scale: Scale,
    /// Where "no difference" lies: 50 % or 0.
    reference: Option<f64>,
    /// Values that count as equivalent.
    band: Option<(f64, f64)>,
}

/// One dot with its interval.
pub struct Mark<'a> {
    pub estimate: &'a Estimate,
    pub look: Look,
    /// The first line of the tip.
    pub what: String,
    pub source: Source,
}

impl Strip {
    /// Win rates around one half, with the margin of equivalence as a band.
    pub fn win_rates(margin: f64) -> Self {
        Self { scale: Scale::shares(), reference: Some(0.5), band: Some((0.5 - margin, 0.5 + margin)) }
    }

    /// Shares from 0 to 100 %, without a point of no difference.
    pub fn shares() -> Self {
        Self { scale: Scale::shares(), reference: None, band: None }
    }

    /// Differences: wide enough for 0 and every interval.
    pub fn differences<'e>(estimates: impl Iterator<Item = &'e Estimate>, measure: Measure) -> Self {
        let values = estimates
            .flat_map(|e| [Some(e.value), e.shown().map(|i| i.low), e.shown().map(|i| i.high)])
            .flatten();
        let scale = Scale::around(values.chain([0.0]), measure);
        Self { scale, reference: Some(0.0), band: None }
    }

    /// How the figures of its rows are written.
    pub fn measure(&self) -> Measure {
        self.scale.measure
    }

    /// Position in per cent of the width; marks at the ends keep their whole shape.
    fn x(&self, value: f64) -> f64 {
        3.0 + 94.0 * self.scale.place(value)
    }

    fn ground(&self) -> String {
        let mut svg = String::new();
        if let Some((low, high)) = self.band {
            let (x, width) = (self.x(low), self.x(high) - self.x(low));
            svg.push_str(&format!(
                "<rect class=\"band\" x=\"{x:.2}%\" y=\"0\" width=\"{width:.2}%\" height=\"100%\"/>"
            ));
        }
        for &tick in &self.scale.ticks {
            let class = Scale::class_of(tick, self.reference);
            let x = self.x(tick);
            svg.push_str(&format!(
                "<line class=\"{class}\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"0\" y2=\"100%\"/>"
            ));
        }
        svg
    }

    /// One row, as an SVG that fills its cell: the ground, and the mark if there is one.
    pub fn row(&self, mark: Option<&Mark>) -> Markup {
        Markup(format!(
            "<svg class=\"strip\" aria-hidden=\"true\">{}{}</svg>",
            self.ground(),
            mark.map_or_else(String::new, |mark| self.mark(mark))
        ))
    }

    /// One row at a place of its own, `(x, y, width, height)` in px: for files that hold no table.
    pub(super) fn row_at(&self, mark: &Mark, (x, y, width, height): (f64, f64, f64, f64)) -> String {
        format!(
            "<svg x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" overflow=\"visible\">{}{}</svg>",
            self.ground(),
            self.mark(mark)
        )
    }

    fn mark(&self, mark: &Mark) -> String {
        let mut svg = String::new();
        if let Some(interval) = mark.estimate.shown() {
            let (low, high) = (self.x(interval.low), self.x(interval.high));
            svg.push_str(&format!(
                "<line class=\"whisker\" x1=\"{low:.2}%\" x2=\"{high:.2}%\" y1=\"50%\" y2=\"50%\"/>"
            ));
        }
        let x = self.x(mark.estimate.value);
        svg.push_str(&format!(
            "<svg x=\"{x:.2}%\" y=\"50%\" overflow=\"visible\"><circle class=\"target\" r=\"14\"/>{}</svg>",
            mark.look.shape.svg()
        ));
        let tip = esc(&tip(&mark.what, mark.estimate, self.measure(), &mark.source));
        format!("<g class=\"mark {}\" data-tip=\"{tip}\">{svg}</g>", mark.look.class)
    }

    /// The scale below the rows.
    pub fn foot(&self) -> Markup {
        Markup(format!("<svg class=\"scale\" aria-hidden=\"true\">{}</svg>", self.labels()))
    }

    pub(super) fn labels(&self) -> String {
        self.scale
            .ticks
            .iter()
            .map(|&tick| {
                let text = self.measure().tick(tick);
                // At the edges a centred number would leave the plot.
                let (x, anchor) = match self.x(tick) {
                    x if x < 5.0 => (0.0, "start"),
                    x if x > 95.0 => (100.0, "end"),
                    x => (x, "middle"),
                };
                format!("<text x=\"{x:.2}%\" y=\"14\" text-anchor=\"{anchor}\">{text}</text>")
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strip_of_differences_holds_zero_and_every_interval() {
        let estimate = |value: f64, low: f64, high: f64| Estimate {
            value,
            interval: Some(affinage_eval::analysis::Interval { low, high, level: 0.95 }),
            n: 30,
            n_effective: 30.0,
            unit: "prompts".to_owned(),
            method: String::new(),
        };
        let estimates = [estimate(0.02, 0.013, 0.067), estimate(f64::NAN, 0.05, 0.11)];
        let strip = Strip::differences(estimates.iter(), Measure::Nats);
        assert!(strip.scale.low == 0.0 && strip.scale.high >= 0.11 && strip.scale.high < 0.151, "{strip:?}");
        assert_eq!((strip.x(0.0), strip.x(99.0)), (3.0, 97.0), "an outlier stays inside");
        assert_eq!(strip.scale.ticks.first(), Some(&0.0));
        let nothing = Strip::differences([].iter(), Measure::Nats);
        assert!(nothing.scale.high > nothing.scale.low);
    }
}
