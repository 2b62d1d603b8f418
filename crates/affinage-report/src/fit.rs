//! Fit to your texts, with the controls that say what the gain is made of. Never called better.

use affinage_eval::analysis::{ArmFit, FitGain, FitResult};
use affinage_eval::fit::FitControl;

use super::arms::Arms;
use super::charts::{Mark, Strip};
use super::evidence::Evidence;
use super::forest::Forest;
use super::html::{Section, details};
use super::numbers::{Measure, Source, counted};

fn control_words(control: FitControl) -> &'static str {
    match control {
        FitControl::Own => "your texts",
        FitControl::OtherWriter => "other writers' answers",
        FitControl::Shuffled => "your texts, wrong prompt",
    }
}

pub fn section(evidence: &Evidence, arms: &Arms) -> Section {
    let title = "Fit to your texts";
    match &evidence.analysis.fit {
        Some(fit) => Section::new("fit", title, fit_html(fit, arms, &evidence.analysis.headline.arm)),
        None => Section::missing(
            "fit",
            title,
            "Not measured: no prompt has a reference text, or none was scored.",
        ),
    }
}

/// The headline arm stands open, the others are one click below.
fn fit_html(fit: &FitResult, arms: &Arms, headline: &str) -> String {
    let (shown, others): (Vec<_>, Vec<_>) =
        fit.arms.iter().enumerate().partition(|(_, arm)| arm.arm == headline);
    let mut html = arms.p(&fit.explanation);
    html.push_str(&arms_html(fit, &shown, arms));
    if !others.is_empty() {
        html.push_str(&details("The other arms", &arms_html(fit, &others, arms)));
    }
    html.extend(fit.per_character.iter().map(|arm| arms.p(&arm.sentence)));
    if !fit.not_scored.is_empty() {
        let names: Vec<String> = fit.not_scored.iter().map(|name| format!("`{name}`")).collect();
        html.push_str(&arms.p(&format!(
            "Not scored: {}. A server gives answers and no likelihoods of given texts.",
            names.join(", ")
        )));
    }
    html
}

fn arms_html(fit: &FitResult, chosen: &[(usize, &ArmFit)], arms: &Arms) -> String {
    let gains = fit.arms.iter().flat_map(|arm| &arm.controls);
    let mut forest =
        Forest::new(Strip::differences(gains.map(|g| &g.gain), Measure::Nats), "nats per token gained");
    for (i, arm) in chosen {
        forest.heading(&arms.label(&arm.arm));
        for (j, gain) in arm.controls.iter().enumerate() {
            let base = fit.base_nll_per_token.get(&gain.control).copied();
            let mark = Mark {
                estimate: &gain.gain,
                look: arms.look(&arm.arm),
                what: tip_lines(gain, base),
                source: Source::new(
                    format!("fit.jsonl arm = {} and base, control = {}", arm.arm, control_key(gain.control)),
                    format!(".fit.arms[{i}].controls[{j}].gain"),
                ),
            };
            forest.estimate_row(control_words(gain.control), &mark, "");
        }
    }
    if forest.is_empty() {
        return String::new();
    }
    let sentences: String = chosen.iter().map(|(_, arm)| arms.p(&arm.sentence)).collect();
    format!("<figure class=\"wide no-words\">{}</figure>\n{sentences}", forest.finish())
}

fn control_key(control: FitControl) -> &'static str {
    match control {
        FitControl::Own => "own",
        FitControl::OtherWriter => "other-writer",
        FitControl::Shuffled => "shuffled",
    }
}

fn tip_lines(gain: &FitGain, base: Option<f64>) -> String {
    let base = base.map_or_else(String::new, |nll| format!(", base {nll:.3}"));
    format!(
        "{}: arm {:.3} nats per token{base}\nlower on {} of {}",
        control_words(gain.control),
        gain.arm_nll_per_token,
        gain.lower_on,
        counted(gain.gain.n, "text")
    )
}
