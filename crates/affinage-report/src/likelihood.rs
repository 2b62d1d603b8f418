//! Fit to the texts of the data set, with the controls that say what the gain is made of. Never called better.

use affinage_eval::analysis::{ArmLikelihood, LikelihoodGain, LikelihoodResult};
use affinage_eval::likelihood::LikelihoodControl;
use affinage_eval::plain::counted;
use serde::Serialize;

use super::arms::Arms;
use super::charts::{Mark, Strip};
use super::evidence::Evidence;
use super::html::Section;
use super::numbers::{Measure, Source};
use super::view::{Forest, Inline};

#[derive(Serialize)]
struct View {
    explanation: Vec<Inline>,
    /// The headline arm.
    shown: Group,
    others: Option<Group>,
    /// What is said of arms whose tokens are others, and of arms that nobody can score.
    elsewhere: Vec<Inline>,
}

#[derive(Serialize)]
struct Group {
    forest: Option<Forest>,
    sentences: Vec<Inline>,
}

fn control_words(control: LikelihoodControl) -> &'static str {
    match control {
        LikelihoodControl::Own => "the data set's texts",
        LikelihoodControl::OtherWriter => "other writers' answers",
        LikelihoodControl::Shuffled => "the data set's texts, wrong prompt",
    }
}

pub fn section(evidence: &Evidence, arms: &Arms) -> Section {
    let title = "Fit to the texts of the data set";
    match &evidence.analysis.fit {
        Some(fit) => {
            Section::drawn("likelihood.html", "fit", title, &view(fit, arms, &evidence.analysis.headline.arm))
        }
        None => Section::missing(
            "fit",
            title,
            "Not measured: no prompt has a reference text, or none was scored.",
        ),
    }
}

/// The headline arm stands open, the others are one click below.
fn view(fit: &LikelihoodResult, arms: &Arms, headline: &str) -> View {
    let (shown, others): (Vec<_>, Vec<_>) =
        fit.arms.iter().enumerate().partition(|(_, arm)| arm.arm == headline);
    let names: Vec<String> = fit.not_scored.iter().map(|name| format!("`{name}`")).collect();
    let not_scored = format!(
        "Not scored: {}. A server gives answers and no likelihoods of given texts.",
        names.join(", ")
    );
    let not_scored = (!names.is_empty()).then_some(not_scored.as_str());
    let per_character = fit.per_character.iter().map(|arm| arm.sentence.as_str());
    View {
        explanation: arms.paragraphs([fit.explanation.as_str()]),
        shown: group(fit, &shown, arms),
        others: (!others.is_empty()).then(|| group(fit, &others, arms)),
        elsewhere: arms.paragraphs(per_character.chain(not_scored)),
    }
}

fn group(fit: &LikelihoodResult, chosen: &[(usize, &ArmLikelihood)], arms: &Arms) -> Group {
    let gains = fit.arms.iter().flat_map(|arm| &arm.controls);
    let mut forest =
        Forest::new(Strip::differences(gains.map(|g| &g.gain), Measure::Nats), "nats per token gained");
    for (i, arm) in chosen {
        forest.heading(arms.name(&arm.arm));
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
            forest.estimate(control_words(gain.control), &mark, Inline::default());
        }
    }
    Group {
        forest: forest.filled(),
        sentences: arms.paragraphs(chosen.iter().map(|(_, arm)| arm.sentence.as_str())),
    }
}

fn control_key(control: LikelihoodControl) -> &'static str {
    match control {
        LikelihoodControl::Own => "own",
        LikelihoodControl::OtherWriter => "other-writer",
        LikelihoodControl::Shuffled => "shuffled",
    }
}

fn tip_lines(gain: &LikelihoodGain, base: Option<f64>) -> String {
    let base = base.map_or_else(String::new, |nll| format!(", base {nll:.3}"));
    format!(
        "{}: arm {:.3} nats per token{base}\nlower on {} of {}",
        control_words(gain.control),
        gain.arm_nll_per_token,
        gain.lower_on,
        counted(gain.gain.n, "text", "texts")
    )
}
