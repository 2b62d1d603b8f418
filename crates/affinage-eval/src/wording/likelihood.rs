//! Sentences about the likelihood of the held-out texts ("fit to your texts" on the page).

use super::estimate::{decimals, nats, uncertainty};
use crate::analysis::{Estimate, LikelihoodGain};
use crate::likelihood::LikelihoodControl;
use crate::plain::counted;

/// What fit is, and what the rows beside your texts are: of those that were scored.
pub fn explanation(is_scored: impl Fn(LikelihoodControl) -> bool) -> String {
    let mut text = "Fit is how much less the held-out answers of the examples surprise an arm than the base model, in nats \
                    per token. It is no judgement of quality."
        .to_owned();
    if is_scored(LikelihoodControl::OtherWriter) {
        text.push_str(" \"Other writers\" are answers of others to the same prompts.");
    }
    if is_scored(LikelihoodControl::Shuffled) {
        text.push_str(
            " \"Wrong prompt\" are the same answers under each other's prompts: what is gained there too is manner, not \
             answering.",
        );
    }
    text
}

/// Figures and what the controls say of them; never "better".
pub fn sentence(arm: &str, controls: &[LikelihoodGain]) -> String {
    let find = |control: LikelihoodControl| controls.iter().find(|gain| gain.control == control);
    let Some(own) = find(LikelihoodControl::Own) else {
        return format!(
            "`{arm}`: the held-out answers of the examples were not scored, so the controls stand alone."
        );
    };
    let documents = counted(own.gain.n, "held-out answer", "held-out answers");
    if own.gain.is_of_few() {
        return format!(
            "`{arm}`: {} of {documents} surprise it less than the base; that is too few to say more. This is fit, not \
             quality.",
            own.lower_on
        );
    }
    let mut text = format!(
        "`{arm}`: {documents} of the examples are {} by {} (lower on {})",
        surprise(&own.gain),
        nats(&own.gain),
        own.lower_on
    );
    let beside = [
        (LikelihoodControl::OtherWriter, "answers of other writers"),
        (LikelihoodControl::Shuffled, "shuffled answers"),
    ]
    .into_iter()
    .filter_map(|(control, name)| Some(format!("{} on {name}", decimals(&find(control)?.gain))));
    let beside: Vec<String> = beside.collect();
    if !beside.is_empty() {
        text.push_str(&format!("; beside it {}", beside.join(" and ")));
    }
    format!("{text}. This is fit, not quality.")
}

/// Fit of an arm whose tokens are not those of the base.
pub fn per_character(arm: &str, gain: &Estimate) -> String {
    let number = |x: f64| format!("{x:.3}");
    format!(
        "`{arm}` cuts texts into other tokens than the base, so nats per token do not compare: {} {} {} by {}{} \
         nats per character. This is fit, not quality.",
        counted(gain.n, "held-out answer", "held-out answers"),
        if gain.n == 1 { "is" } else { "are" },
        surprise(gain),
        number(gain.value),
        uncertainty(gain, number)
    )
}

/// In words what the interval of a gain shows.
fn surprise(gain: &Estimate) -> &'static str {
    match gain.shown() {
        Some(interval) if interval.low > 0.0 => "less surprising to it than to the base,",
        Some(interval) if interval.high < 0.0 => "more surprising to it than to the base,",
        _ => "not shown to be more or less surprising to it than to the base,",
    }
}
