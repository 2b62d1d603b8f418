//! Every chart of the page and of `plots/`: data in, SVG out. Rows of dots with intervals ([`Strip`]), lines over steps
//! ([`Panel`]), files of their own ([`file`]), and the shades of a table of rates ([`shade`]). They share one scale, one
//! set of shapes and one way to escape; positions are per cent, so that type keeps its size at any width.

pub mod file;
mod lines;
mod strip;

pub use lines::{Extent, Line, Panel, Point, Stroke, thinned};
pub use strip::{Mark, Strip};

use super::numbers::Measure;
use super::templates::Markup;

/// Shapes tell arms apart without colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
    Pentagon,
}

impl Shape {
    /// For the pair browser, which draws the same shapes.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Circle => "circle",
            Shape::Square => "square",
            Shape::Triangle => "triangle",
            Shape::Diamond => "diamond",
            Shape::Pentagon => "pentagon",
        }
    }

    /// The shape around the origin, about 10 px wide.
    fn svg(self) -> &'static str {
        match self {
            Shape::Circle => "<circle r=\"4.6\"/>",
            Shape::Square => "<rect x=\"-4.2\" y=\"-4.2\" width=\"8.4\" height=\"8.4\"/>",
            Shape::Triangle => "<path d=\"M0-5.4 5 4H-5Z\"/>",
            Shape::Diamond => "<path d=\"M0-6.2 6.2 0 0 6.2-6.2 0Z\"/>",
            Shape::Pentagon => "<path d=\"M0-5.6 5.3-1.7 3.3 4.5H-3.3L-5.3-1.7Z\"/>",
        }
    }
}

/// The class that colours a mark, and its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub class: &'static str,
    pub shape: Shape,
}

impl Look {
    /// Of figures that belong to no arm.
    pub const PLAIN: Look = Look { class: "arm-head", shape: Shape::Circle };

    /// The shape in a line of text.
    pub fn glyph(self) -> Markup {
        Markup(format!(
            "<svg class=\"glyph {}\" width=\"14\" height=\"14\" viewBox=\"-7 -7 14 14\" aria-hidden=\"true\">{}</svg>",
            self.class,
            self.shape.svg()
        ))
    }
}

/// A linear scale with round ends.
#[derive(Clone, Debug)]
struct Scale {
    low: f64,
    high: f64,
    ticks: Vec<f64>,
    measure: Measure,
}

impl Scale {
    /// 0 to 100 % in quarters.
    fn shares() -> Self {
        Self { low: 0.0, high: 1.0, ticks: vec![0.0, 0.25, 0.5, 0.75, 1.0], measure: Measure::Share }
    }

    /// From the round number at or below every finite value to the one at or above it; shares stay in 0..=1.
    fn around(values: impl Iterator<Item = f64>, measure: Measure) -> Self {
        let (low, high) = values
            .filter(|v| v.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let (low, high) = if low.is_finite() { (low, high) } else { (0.0, 1.0) };
        let step = round_step((high - low).max(1e-3));
        let (first, last) = ((low / step).floor() as i64, (high / step).ceil() as i64);
        let is_inside = |tick: &f64| measure != Measure::Share || (-1e-9..=1.0 + 1e-9).contains(tick);
        let ticks: Vec<f64> =
            (first..=last.max(first + 1)).map(|i| i as f64 * step).filter(is_inside).collect();
        let (low, high) = (ticks[0], ticks[ticks.len() - 1]);
        Self { low, high, ticks, measure }
    }

    /// Where `value` lies from the low end (0) to the high end (1); what is outside stands at the end.
    fn place(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// The class of the line at a tick: `reference` is where there is no difference.
    fn class_of(tick: f64, reference: Option<f64>) -> &'static str {
        if reference.is_some_and(|reference| (reference - tick).abs() < 1e-9) { "reference" } else { "grid" }
    }
}

/// 1, 2 or 5 times a power of ten: about a quarter of `reach`.
fn round_step(reach: f64) -> f64 {
    let raw = reach / 3.0;
    let power = 10f64.powf(raw.log10().floor());
    let lead = raw / power;
    let round = [1.0, 2.0, 5.0].into_iter().find(|&r| lead <= r).unwrap_or(10.0);
    round * power
}

/// The class of a cell with a rate: nine steps from "always the second" to "always the first"; the middle is paper.
pub fn shade(rate: f64) -> &'static str {
    const SHADES: [&str; 9] = ["h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8"];
    SHADES[((rate.clamp(0.0, 1.0) * 8.0).round()) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_half_is_paper_and_the_ends_are_full() {
        assert_eq!([0.0, 0.48, 0.5, 0.9, 1.0].map(shade), ["h0", "h4", "h4", "h7", "h8"]);
    }

    #[test]
    fn a_scale_has_round_ends_around_every_value() {
        let scale = |values: &[f64], measure| Scale::around(values.iter().copied(), measure);
        let shares = scale(&[0.97, 1.04], Measure::Share);
        assert!((shares.low - 0.95).abs() < 1e-9 && (shares.high - 1.0).abs() < 1e-9, "{shares:?}");
        let points = scale(&[-0.03, 0.11, f64::NAN], Measure::Nats);
        assert!(points.low <= -0.03 && points.high >= 0.11 && points.ticks.len() <= 6, "{points:?}");
        let one = scale(&[0.5], Measure::Share);
        assert!(one.high > one.low, "{one:?}");
        let none = scale(&[], Measure::Nats);
        assert_eq!((none.low, none.high), (0.0, 1.0));
        assert_eq!((none.place(-3.0), none.place(0.5), none.place(9.0)), (0.0, 0.5, 1.0));
    }
}
