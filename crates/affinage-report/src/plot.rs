//! Dot-and-interval rows. Positions are percentages, so that a row fits any width and its type keeps its size.

use affinage_eval::analysis::Estimate;

use super::arms::Look;
use super::html::esc;
use super::numbers::{Measure, Source, count, figure, tip};

/// A horizontal scale shared by rows.
#[derive(Clone, Debug)]
pub struct Axis {
    pub low: f64,
    pub high: f64,
    /// Where "no difference" lies: 50 % or 0.
    pub reference: Option<f64>,
    /// Values that count as equivalent.
    pub band: Option<(f64, f64)>,
    pub ticks: Vec<f64>,
    pub measure: Measure,
}

impl Axis {
    /// Win rates around one half, with the margin of equivalence as a band.
    pub fn win_rates(margin: f64) -> Self {
        Self {
            low: 0.0,
            high: 1.0,
            reference: Some(0.5),
            band: Some((0.5 - margin, 0.5 + margin)),
            ticks: vec![0.0, 0.25, 0.5, 0.75, 1.0],
            measure: Measure::Share,
        }
    }

    /// Shares from 0 to 100 %, without a point of no difference.
    pub fn shares() -> Self {
        Self { reference: None, band: None, ..Self::win_rates(0.0) }
    }

    /// Differences: wide enough for 0 and every interval, with round ends.
    pub fn differences<'e>(estimates: impl Iterator<Item = &'e Estimate>, measure: Measure) -> Self {
        let (low, high) = estimates
            .flat_map(|e| [Some(e.value), e.shown().map(|i| i.low), e.shown().map(|i| i.high)])
            .flatten()
            .filter(|v| v.is_finite())
            .fold((0.0_f64, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
        let step = round_step((high - low).max(1e-3));
        let (first, last) = ((low / step).floor() as i64, (high / step).ceil() as i64);
        let last = last.max(first + 1);
        let ticks: Vec<f64> = (first..=last).map(|i| i as f64 * step).collect();
        let (low, high) = (ticks[0], ticks[ticks.len() - 1]);
        Self { low, high, reference: Some(0.0), band: None, ticks, measure }
    }

    /// Position in per cent of the width; marks at the ends keep their whole shape.
    fn x(&self, value: f64) -> f64 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        3.0 + 94.0 * share
    }

    fn ground(&self) -> String {
        let mut svg = String::new();
        if let Some((low, high)) = self.band {
            let (x, width) = (self.x(low), self.x(high) - self.x(low));
            svg.push_str(&format!(
                "<rect class=\"band\" x=\"{x:.2}%\" y=\"0\" width=\"{width:.2}%\" height=\"100%\"/>"
            ));
        }
        for &tick in &self.ticks {
            let class = if Some(tick) == self.reference { "reference" } else { "grid" };
            let x = self.x(tick);
            svg.push_str(&format!(
                "<line class=\"{class}\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"0\" y2=\"100%\"/>"
            ));
        }
        svg
    }

    /// The marks of one row, as an SVG that fills its cell.
    pub fn strip(&self, marks: &[Mark]) -> String {
        let mut svg = self.ground();
        for mark in marks {
            svg.push_str(&self.mark(mark));
        }
        format!("<svg class=\"strip\" aria-hidden=\"true\">{svg}</svg>")
    }

    /// One row at a place of its own, `(x, y, width, height)` in px: for files that hold no table.
    pub fn strip_at(&self, mark: &Mark, (x, y, width, height): (f64, f64, f64, f64)) -> String {
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
        let tip = esc(&tip(&mark.what, mark.estimate, self.measure, &mark.source));
        format!("<g class=\"mark {}\" data-tip=\"{tip}\">{svg}</g>", mark.look.class)
    }

    /// The scale below the rows.
    pub fn scale(&self) -> String {
        format!("<svg class=\"scale\" aria-hidden=\"true\">{}</svg>", self.labels())
    }

    pub fn labels(&self) -> String {
        self.ticks
            .iter()
            .map(|&tick| {
                let text = self.measure.tick(tick);
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

/// 1, 2 or 5 times a power of ten: about a quarter of `reach`.
pub fn round_step(reach: f64) -> f64 {
    let raw = reach / 3.0;
    let power = 10f64.powf(raw.log10().floor());
    let lead = raw / power;
    let round = [1.0, 2.0, 5.0].into_iter().find(|&r| lead <= r).unwrap_or(10.0);
    round * power
}

/// One dot with its interval.
pub struct Mark<'a> {
    pub estimate: &'a Estimate,
    pub look: Look,
    /// The first line of the tip.
    pub what: String,
    pub source: Source,
}

/// A forest under construction: headings, rows, and the scale at its foot.
pub struct Forest {
    axis: Axis,
    caption_left: String,
    rows: String,
    /// The same rows in words, for a forest that has nothing to draw.
    lines: String,
    /// Rows that stand for more than one observation.
    drawn: usize,
}

impl Forest {
    /// `caption_left` says what the left cell of the scale row names, such as "win rate, 95 % interval".
    pub fn new(axis: Axis, caption_left: &str) -> Self {
        Self {
            axis,
            caption_left: caption_left.to_owned(),
            rows: String::new(),
            lines: String::new(),
            drawn: 0,
        }
    }

    /// A heading over the following rows, as HTML.
    pub fn heading(&mut self, html: &str) {
        self.lines.push_str(&format!("<li class=\"group\">{html}</li>\n"));
        self.rows.push_str(&format!(
            "<tr class=\"group\"><th scope=\"rowgroup\" colspan=\"5\">{html}</th></tr>\n"
        ));
    }

    /// A row for one estimate: `label` and `word` are HTML.
    pub fn estimate_row(&mut self, label: &str, mark: &Mark, word: &str) {
        let figure = figure(&mark.what, mark.estimate, self.axis.measure, &mark.source);
        let n = count(mark.estimate.n);
        self.drawn += usize::from(mark.estimate.n > 1);
        self.lines.push_str(&format!("<li>{label}: {figure}, n = {n} {word}</li>\n"));
        self.rows.push_str(&format!(
            "<tr><th scope=\"row\">{label}</th><td class=\"strip-cell\">{}</td><td class=\"num value\">{figure}</td>\
             <td class=\"num n\">{n}</td><td class=\"word\">{word}</td></tr>\n",
            self.axis.strip(std::slice::from_ref(mark)),
        ));
    }

    /// A row without a figure; `why` is plain text.
    pub fn empty_row(&mut self, label: &str, why: &str) {
        self.lines.push_str(&format!("<li>{label}: {}</li>\n", esc(why)));
        self.rows.push_str(&format!(
            "<tr class=\"empty\"><th scope=\"row\">{label}</th><td class=\"strip-cell\">{}</td>\
             <td class=\"why\" colspan=\"3\">{}</td></tr>\n",
            self.axis.strip(&[]),
            esc(why)
        ));
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A plot, or a list of lines where no row stands for more than one observation: there is nothing to compare by eye.
    pub fn finish(self) -> String {
        if self.drawn == 0 {
            return format!("<ul class=\"said-list\">{}</ul>\n", self.lines);
        }
        format!(
            "<table class=\"forest\"><thead><tr><th scope=\"col\"><span class=\"hidden\">what</span></th>\
             <td></td><th scope=\"col\" class=\"num\">figure</th><th scope=\"col\" class=\"num\">n</th>\
             <th scope=\"col\">word</th></tr></thead><tbody>{}</tbody>\
             <tfoot><tr><td class=\"axis-name\">{}</td><td class=\"scale-cell\">{}</td><td></td><td></td><td></td></tr>\
             </tfoot></table>\n",
            self.rows,
            esc(&self.caption_left),
            self.axis.scale()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forest_without_anything_to_compare_is_a_list() {
        let estimate = |n: usize| Estimate {
            value: 1.0,
            interval: None,
            n,
            n_effective: n as f64,
            unit: "prompts".to_owned(),
            method: String::new(),
        };
        let drawn = |n: usize| {
            let mut forest = Forest::new(Axis::shares(), "right answers");
            forest.heading("maths");
            let look = Look { class: "arm-base", shape: super::super::arms::Shape::Circle };
            let source = Source::new("completions.jsonl", ".objective[0]");
            let estimate = estimate(n);
            forest.estimate_row(
                "base",
                &Mark { estimate: &estimate, look, what: "base".to_owned(), source },
                "",
            );
            forest.empty_row("tuned", "no answer");
            forest.finish()
        };
        let (one, two) = (drawn(1), drawn(2));
        assert!(!one.contains("<svg") && !one.contains("<table"), "{one}");
        assert!(
            one.contains("<li class=\"group\">maths</li>") && one.contains("<li>tuned: no answer</li>"),
            "{one}"
        );
        assert!(one.contains("n = 1"), "{one}");
        assert!(two.contains("<table class=\"forest\">") && two.contains("class=\"mark arm-base\""), "{two}");
    }

    #[test]
    fn an_axis_of_differences_holds_zero_and_every_interval() {
        let estimate = |value: f64, low: f64, high: f64| Estimate {
            value,
            interval: Some(affinage_eval::analysis::Interval { low, high, level: 0.95 }),
            n: 30,
            n_effective: 30.0,
            unit: "prompts".to_owned(),
            method: String::new(),
        };
        let estimates = [estimate(0.02, 0.013, 0.067), estimate(f64::NAN, 0.05, 0.11)];
        let axis = Axis::differences(estimates.iter(), Measure::Nats);
        assert!(axis.low == 0.0 && axis.high >= 0.11 && axis.high < 0.151, "{axis:?}");
        assert_eq!((axis.x(0.0), axis.x(99.0)), (3.0, 97.0), "an outlier stays inside");
        assert_eq!(axis.ticks.first(), Some(&0.0));
        let nothing = Axis::differences([].iter(), Measure::Nats);
        assert!(nothing.high > nothing.low);
    }
}
