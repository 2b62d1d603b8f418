//! Sentences about the A/A test.

use crate::analysis::WinRate;

/// What an A/A test found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    pub rate: &'a WinRate,
    pub e_value: f64,
    /// The e-value from which chance is no explanation.
    pub alarm_from: f64,
    /// The half-width that the interval of the win rate leaves possible, a share.
    pub margin: f64,
    /// Sentences of effects of position and label that are shown.
    pub effects: &'a [&'a str],
}

/// How a test ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    Alarm,
    /// Effects are shown, or a bias beyond the margin is excluded: the figures say all.
    Figures,
    /// The decisive prompts are too few for a pass.
    Few {
        decisive: usize,
        needed: usize,
    },
    /// A bias beyond this margin, the plan's, is not excluded.
    Wide(f64),
}

/// Where no pair was judged in both orders.
pub const NOT_JUDGED: &str = "No pair was judged in both orders.";

/// What to do about an alarm.
pub const ALARM_ADVICE: &str =
    "the pipeline prefers one of two equal models: believe no win rate until the cause is found";
/// Why effects of position and label do no harm.
pub const EFFECTS_ADVICE: &str = "both orders are judged, so position and label cancel in the win rate";

/// The figures of the test and how it ends.
pub fn sentence(found: &Found, end: End) -> String {
    let figures = format!(
        "One model under two seeds: {}, e-value {:.2} (alarm from {:.0}); a bias of more \
         than {:.0} points is excluded.",
        found.rate.outcomes(),
        found.e_value,
        found.alarm_from,
        100.0 * found.margin
    );
    let with_effects = || [&[figures.as_str()], found.effects].concat().join(" ");
    match end {
        End::Alarm => format!("Alarm: {}", with_effects()),
        End::Figures => with_effects(),
        End::Few { decisive, needed } => format!(
            "{figures} No alarm; from {needed} decisive prompts on a pass could be said, here are {decisive}."
        ),
        End::Wide(margin) => {
            format!("{figures} That is more than the margin of {:.0} points.", 100.0 * margin)
        }
    }
}
