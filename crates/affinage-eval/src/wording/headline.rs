//! Sentences of the headline: the verdict, its limits and its answers.

use super::estimate::{percent, points};
use crate::analysis::{
    CategoryWinRate, ComparisonResult, Estimate, JudgeResult, MissingCounts, VerdictWord, WinRate,
};
use crate::analyze::win_rate::ENOUGH;
use crate::judge::qualification::result::QualificationResult;
use crate::judgment::spoken;
use crate::plain::counted;
use crate::plan::PlannedComparison;
use crate::planted::{LEFT_OUT, PlantedResult};
use crate::text::uncapitalised;

/// The words of a comparison: in the domain and outside it, `None` where nothing was judged, and over all prompts.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    pub inside: Option<VerdictWord>,
    pub outside: Option<VerdictWord>,
    pub overall: Option<VerdictWord>,
    /// A loss beyond the margin is excluded outside.
    pub not_worse_outside: bool,
}

impl Words {
    pub fn of(result: Option<&ComparisonResult>) -> Words {
        let word = |rate: Option<&WinRate>| rate.map(|rate| rate.word);
        Words {
            inside: word(result.and_then(|r| r.in_domain.as_ref())),
            outside: word(result.and_then(|r| r.out_of_domain.as_ref())),
            overall: word(result.and_then(|r| r.overall.as_ref())),
            not_worse_outside: result.and_then(|r| r.outside_not_worse_than_margin) == Some(true),
        }
    }
}

/// The words as the middle of a sentence. Each word that is shown is said, and none that is not.
fn said(words: Words, margin: f64) -> String {
    let is_shown = |word: &VerdictWord| *word != VerdictWord::NotShown;
    let shown = |word: Option<VerdictWord>| word.filter(is_shown).map(|word| word.words_within(margin));
    let unknown =
        |word: Option<VerdictWord>| if word.is_none() { "nothing was judged" } else { "nothing is shown" };
    let (inside, outside, overall) = (shown(words.inside), shown(words.outside), shown(words.overall));
    let start = match (&inside, &outside) {
        (Some(a), Some(b)) if a == b => format!("is {a} in its domain and outside it"),
        (Some(a), Some(b)) => format!("is {a} in its domain and {b} outside it"),
        (Some(a), None) if words.not_worse_outside => {
            format!("is {a} in its domain and not worse than the margin outside it")
        }
        (Some(a), None) => format!("is {a} in its domain; outside it {}", unknown(words.outside)),
        (None, Some(b)) => format!("is {b} outside its domain; in it {}", unknown(words.inside)),
        (None, None) => match &overall {
            Some(c) => {
                return format!(
                    "is {c} over all prompts; in its domain and outside it alone nothing is shown"
                );
            }
            None => "cannot be told from it yet".to_owned(),
        },
    };
    match overall.filter(|overall| inside.as_ref() != Some(overall) && outside.as_ref() != Some(overall)) {
        Some(overall) => format!("{start}; over all prompts it is {overall}"),
        None => start,
    }
}

/// What the headline comparison says, with the figures of both domains, or why it says nothing.
pub fn sentence(planned: &PlannedComparison, result: Option<&ComparisonResult>, margin: f64) -> String {
    if let Some(reason) = result.and_then(|result| result.not_comparable.as_ref().or(result.no_rate.as_ref()))
    {
        return reason.clone();
    }
    let figures = |rate: Option<&WinRate>| match rate {
        Some(rate) if rate.estimate.n < ENOUGH => {
            format!("{} of {}", rate.outcomes(), counted(rate.estimate.n, "prompt", "prompts"))
        }
        Some(rate) => {
            format!("{} of {}", percent(&rate.estimate), counted(rate.estimate.n, "prompt", "prompts"))
        }
        None => "not judged".to_owned(),
    };
    format!(
        "Compared with `{}`, `{}` {} (win rate in-domain {}, out-of-domain {}).",
        planned.against,
        planned.arm,
        said(Words::of(result), margin),
        figures(result.and_then(|result| result.in_domain.as_ref())),
        figures(result.and_then(|result| result.out_of_domain.as_ref()))
    )
}

/// Whether the win rates in the domain and outside it differ.
pub fn contrast(contrast: &Estimate) -> String {
    let shown = match contrast.shown() {
        Some(interval) if interval.low > 0.0 => "the win rate is higher in the domain",
        Some(interval) if interval.high < 0.0 => "the win rate is lower in the domain",
        _ => "a difference between the domains is not shown",
    };
    format!("In-domain minus out-of-domain: {}: {shown}.", points(contrast))
}

/// What must be known before the headline is believed.
#[derive(Clone, Debug)]
pub enum Limit<'a> {
    FewPrompts {
        n: usize,
        n_effective: f64,
    },
    /// Enough prompts, which count as too few.
    FewIndependent {
        n: usize,
        n_effective: f64,
    },
    /// A judge whose votes count changes its winner like a coin, or cannot be tested for it.
    Consistency(&'a JudgeResult),
    /// A judge like a coin that took no exam: left out.
    Coin(&'a JudgeResult),
    /// Left out.
    Inverted(&'a JudgeResult),
    /// Left out, or not asked.
    FailedExam(&'a JudgeResult, &'a QualificationResult),
    /// Valid on too few of the pairs that it began: left out.
    FewValid(&'a JudgeResult),
    /// The votes of one person count, and no others.
    OnePerson(&'a JudgeResult),
    OneJudge(&'a JudgeResult),
    /// All pairs have one text on both sides.
    NothingToJudge,
    /// A voter of the panel who did not pass, and did not miss them either.
    Planted(&'a PlantedResult),
    /// A voter who did not see the damage: left out.
    MissedPlanted(&'a PlantedResult),
    /// What is said of a voter who was too fast to have read.
    Hasty(String),
    /// Judges that took none.
    NoExam(Vec<&'a str>),
    Missing(&'a MissingCounts),
    OneTraining,
}

/// The sentence of a limit.
pub fn limit(limit: &Limit) -> String {
    match limit {
        Limit::FewPrompts { n, n_effective } => format!(
            "Only {} ({n_effective:.0} independent): with fewer than {ENOUGH} prompts we do not say better or worse.",
            counted(*n, "prompt", "prompts")
        ),
        Limit::FewIndependent { n, n_effective } => format!(
            "All {n} prompts together count as {n_effective:.0} independent ones: with fewer than {ENOUGH} we do not say better \
             or worse of them."
        ),
        Limit::Consistency(judge) => judge.consistency_sentence.clone(),
        Limit::Coin(judge) => format!(
            "{} It took no exam either, so its votes are left out of the mean.",
            judge.consistency_sentence
        ),
        Limit::Inverted(judge) => format!(
            "`{}` names the answer that its own scores put lower: its log is inverted, and it is left out of every mean.",
            judge.judge_id
        ),
        Limit::FailedExam(judge, exam) => match judge.cells_judged {
            0 => format!("{} So it was not asked to compare.", exam.sentence),
            _ => format!("{} Its votes are left out of the mean.", exam.sentence),
        },
        Limit::FewValid(judge) => format!(
            "`{}` is valid on {:.0} % of the pairs that it began and is left out of the mean.",
            judge.judge_id,
            100.0 * judge.valid_share
        ),
        Limit::OnePerson(person) => {
            format!("The votes of one person count, those of {}: one opinion.", spoken(&person.judge_id))
        }
        Limit::OneJudge(judge) => format!("One judge, `{}`: one opinion.", judge.judge_id),
        Limit::NothingToJudge => {
            "Both gave the same text to every prompt, so nothing needed a judge.".to_owned()
        }
        Limit::Planted(planted) => planted.sentence.clone(),
        Limit::Hasty(sentence) => sentence.clone(),
        Limit::MissedPlanted(planted) => format!("{} {LEFT_OUT}", planted.sentence),
        Limit::NoExam(judges) => {
            let names: Vec<String> = judges.iter().map(|judge| format!("`{judge}`")).collect();
            let they = if judges.len() == 1 { "it" } else { "they" };
            format!("{} took no exam: whether {they} can judge is not known.", names.join(", "))
        }
        Limit::Missing(counts) => counts.sentence.clone(),
        Limit::OneTraining => {
            "One training run: another run with the same settings may turn out differently.".to_owned()
        }
    }
}

/// The headline's sentence where every judge of the panel is like a coin; `first` is one of them.
pub fn by_coins(first: &JudgeResult, sentence: &str) -> String {
    format!(
        "This cannot be told from these votes: {}; for what they are worth, {}",
        first.consistency_sentence.trim_end_matches('.'),
        uncapitalised(sentence)
    )
}

/// The sentence of one category, with its name.
pub fn of_category(cut: &CategoryWinRate, rate: &WinRate) -> String {
    format!("{}, {}", cut.category, rate.sentence)
}
