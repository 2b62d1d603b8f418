//! The answer card: did it learn the voice, is it better, did it forget anything, and what to know before believing it.
//!
//! Every word repeats a decision that was made elsewhere: of the voice by the interval of the paired difference, of better
//! by the composite, of forgetting by the paired difference of right answers. Below [`ENOUGH`] prompts no word is used.

use super::comparisons::is_judged_by_coins;
use super::headline::limits;
use super::objective::{needed, why_unshown};
use super::win_rate::{ENOUGH, is_enough};
use super::{Rows, SuiteSizes};
use crate::analysis::{
    AnswerCard, BestValidation, CardQuestion, CardRow, CardWord, ComparisonResult, Composite, Headline,
    JudgeResult, LikelihoodResult, ObjectiveResult, StyleMarkersResult, VerdictWord,
};
use crate::likelihood::LikelihoodControl;
use crate::plan::ArmKind;
use crate::suite::{Domain, Prompt};
use crate::wording::card::{
    self as wording, BetterEvidence, MoreChecked, NotScored, Surprise, TooFew, Unshown,
};
use crate::wording::comparisons::NotComparable;
use crate::wording::headline::{Limit, limit as limit_in_words};

/// What the card is made of.
pub struct Measured<'a> {
    pub rows: &'a Rows<'a>,
    pub headline: &'a Headline,
    pub comparisons: &'a [ComparisonResult],
    pub judges: &'a [JudgeResult],
    /// How the answers of the headline's arms are too far apart for a comparison.
    pub not_comparable: Option<NotComparable<'a>>,
    pub fit: Option<&'a LikelihoodResult>,
    pub voice: Option<&'a StyleMarkersResult>,
    /// What the authors' own votes say about the voice.
    pub of_authors: &'a [String],
    pub objective: &'a [ObjectiveResult],
    pub not_independent: Option<&'a str>,
    pub best_validation: Option<BestValidation>,
    pub suites: Option<SuiteSizes>,
}

pub fn card(measured: &Measured) -> AnswerCard {
    let plan = measured.rows.plan;
    let result = measured.comparisons.iter().find(|result| result.is_headline);
    // The base against itself learned and forgot nothing.
    let is_changed = plan.arm(&plan.headline.arm).is_some_and(|arm| arm.kind != ArmKind::Base);
    let mut rows = Vec::new();
    rows.extend(is_changed.then(|| CardRow { votes: measured.of_authors.to_vec(), ..voice(measured) }));
    rows.push(better(measured, result));
    rows.extend(is_changed.then(|| forgotten(measured)));
    AnswerCard { rows, watch_out: watch_out(measured, result) }
}

/// Why no word is used of so few prompts; `None` where there are enough.
fn too_few(n: usize, n_effective: f64) -> Option<TooFew> {
    if n < ENOUGH {
        return Some(TooFew::Prompts);
    }
    (!is_enough(n, n_effective)).then_some(TooFew::Independent(n_effective))
}

/// By the voice's marks where they tell the texts apart, else by fit to the user's held-out texts.
fn voice(measured: &Measured) -> CardRow {
    by_marks(measured).or_else(|| by_likelihood(measured)).unwrap_or_else(|| {
        let word = CardWord::CannotTell;
        let why = wording::not_scored(why_not_scored(measured));
        row(CardQuestion::Voice, word, wording::yes_or_no(word), why.to_owned())
    })
}

fn row(question: CardQuestion, word: CardWord, answer: &str, evidence: String) -> CardRow {
    CardRow { question, word, answer: answer.to_owned(), evidence, votes: Vec::new() }
}

fn why_not_scored(measured: &Measured) -> NotScored {
    let is_asked = |prompt: &&Prompt| prompt.domain == Domain::In && prompt.reference.is_some();
    let is_one_asked = measured.rows.prompts.values().any(is_asked);
    match measured.suites.and_then(|suites| suites.held_out) {
        _ if is_one_asked => NotScored::ByBothModels,
        Some(0) => NotScored::NoneThere,
        _ => NotScored::NoneAsked,
    }
}

fn by_marks(measured: &Measured) -> Option<CardRow> {
    let voice = measured.voice.filter(|voice| voice.fitness.fit_to_show)?;
    let arm = voice.arms.iter().find(|arm| arm.arm == measured.headline.arm)?;
    let difference = arm.difference_to_base.as_ref()?;
    let few = too_few(difference.n, difference.n_effective);
    let margin = measured.rows.plan.margin;
    let word = match difference.interval {
        Some(interval) if few.is_none() && interval.low > 0.0 => CardWord::Yes,
        Some(interval) if few.is_none() && interval.high < margin => CardWord::No,
        _ => CardWord::CannotTell,
    };
    let evidence = wording::marks(&arm.all_marks, voice.fitness.base_share, difference, few);
    Some(row(CardQuestion::Voice, word, wording::yes_or_no(word), evidence))
}

fn by_likelihood(measured: &Measured) -> Option<CardRow> {
    let fit = measured.fit?;
    let arm = fit.arms.iter().find(|arm| arm.arm == measured.headline.arm)?;
    let surprise = |control: LikelihoodControl| {
        let gain = &arm.controls.iter().find(|gain| gain.control == control)?.gain;
        Some(Surprise { gain, base: *fit.base_nll_per_token.get(&control)? })
    };
    let own = surprise(LikelihoodControl::Own)?;
    let few = too_few(own.gain.n, own.gain.n_effective);
    let word = match own.gain.interval {
        Some(interval) if few.is_none() && interval.low > 0.0 => CardWord::Yes,
        Some(interval) if few.is_none() && interval.high < 0.0 => CardWord::No,
        _ => CardWord::CannotTell,
    };
    let evidence = wording::fit(own, surprise(LikelihoodControl::OtherWriter), few);
    Some(row(CardQuestion::Voice, word, wording::closer(word), evidence))
}

fn better(measured: &Measured, result: Option<&ComparisonResult>) -> CardRow {
    let composite = measured.headline.composite;
    let word = match composite {
        Composite::BroadlyBetter
        | Composite::Specialised
        | Composite::BetterInDomain
        | Composite::BetterOutside
        | Composite::BetterOverall => CardWord::Better,
        Composite::BroadlyWorse
        | Composite::WorseInDomain
        | Composite::WorseOutside
        | Composite::WorseOverall => CardWord::Worse,
        Composite::TradedOff | Composite::BetterElsewhere => CardWord::Mixed,
        Composite::Equivalent
        | Composite::EquivalentInDomain
        | Composite::EquivalentOutside
        | Composite::EquivalentOverall => CardWord::NoDifference,
        Composite::NothingShown | Composite::NotComparable => CardWord::CannotTell,
    };
    let answer = wording::composite(composite, measured.rows.plan.margin);
    row(CardQuestion::Better, word, &answer, wording::better(better_evidence(measured, result, word)))
}

fn better_evidence<'a>(
    measured: &Measured<'a>,
    result: Option<&'a ComparisonResult>,
    word: CardWord,
) -> BetterEvidence<'a> {
    let Some(result) = result else { return BetterEvidence::NotPlanned };
    if let Some(found) = measured.not_comparable {
        return BetterEvidence::NotComparable(found);
    }
    let Some(overall) = &result.overall else { return BetterEvidence::NoRate(result.no_rate.as_deref()) };
    if word != CardWord::CannotTell {
        return match (&result.in_domain, &result.out_of_domain) {
            (Some(inside), Some(outside)) => BetterEvidence::Domains { inside, outside },
            _ => BetterEvidence::Whole(overall),
        };
    }
    if overall.identical == overall.estimate.n {
        return BetterEvidence::SameTexts;
    }
    if is_judged_by_coins(result, measured.judges) {
        return BetterEvidence::Coins(overall);
    }
    if let Some(few) = too_few(overall.estimate.n, overall.estimate.n_effective) {
        return BetterEvidence::Few(overall, few);
    }
    let needed = overall.needs_about_n.filter(|needed| *needed > overall.estimate.n);
    BetterEvidence::Unshown { rate: overall, needed, margin: measured.rows.plan.margin }
}

fn forgotten(measured: &Measured) -> CardRow {
    let planned = &measured.rows.plan.headline;
    let of_arm = || measured.objective.iter().filter(|result| result.arm == planned.arm);
    let row =
        |word: CardWord, answer: &str, evidence: String| row(CardQuestion::Forgotten, word, answer, evidence);
    let plainly = |word: CardWord, evidence: String| row(word, wording::yes_or_no(word), evidence);
    let Some(total) = of_arm().find(|result| result.category.is_none()) else {
        return plainly(CardWord::CannotTell, wording::NO_CHECKED_QUESTION.to_owned());
    };
    let figures = || wording::right_answers(&[total]);
    if total.word == VerdictWord::Worse {
        return plainly(CardWord::Yes, figures());
    }
    let worse: Vec<&ObjectiveResult> =
        of_arm().filter(|result| result.category.is_some() && result.word == VerdictWord::Worse).collect();
    if !worse.is_empty() {
        let named: Vec<&str> = worse.iter().filter_map(|result| result.category.as_deref()).collect();
        return row(CardWord::Yes, &wording::forgotten_in(&named), wording::right_answers(&worse));
    }
    match total.word {
        VerdictWord::Better => plainly(CardWord::No, figures()),
        VerdictWord::EquivalentWithinMargin => {
            let answer = wording::no_loss_within(measured.rows.plan.margin);
            row(CardWord::NoDifference, &answer, figures())
        }
        VerdictWord::NotShown | VerdictWord::Worse => {
            let why = unshown(total, measured.suites);
            plainly(CardWord::CannotTell, wording::right_answers_unshown(total, why))
        }
    }
}

/// Why the right answers show nothing yet.
fn unshown(total: &ObjectiveResult, suites: Option<SuiteSizes>) -> Unshown {
    let n = total.correct.n;
    if n < ENOUGH {
        let enough = needed(total).unwrap_or(ENOUGH);
        let more = match suites {
            Some(suites) if suites.checked <= n => MoreChecked::Suites,
            Some(suites) if suites.checked < enough => MoreChecked::Both,
            _ => MoreChecked::Prompts,
        };
        return Unshown::Few { enough, more };
    }
    if let Some(why) = why_unshown(total) {
        return Unshown::Scale(why);
    }
    needed(total).filter(|needed| *needed > n).map_or(Unshown::Wide, Unshown::Needed)
}

fn watch_out(measured: &Measured, result: Option<&ComparisonResult>) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(measured.headline.cut_texts.clone());
    found.extend(measured.best_validation.map(wording::best_validation));
    let outside = result.into_iter().flat_map(|result| &result.by_category);
    for cut in outside.filter(|cut| cut.domain == Domain::Out) {
        if let Some(rate) = cut.win_rate.as_ref().filter(|rate| rate.word == VerdictWord::Worse) {
            found.push(wording::worse_in(cut, rate));
        }
    }
    let has_rate = result.is_some_and(|result| result.overall.is_some());
    let (last, serious): (Vec<_>, Vec<_>) = limits(measured.rows, result, measured.judges)
        .into_iter()
        .filter(|limit| match limit {
            // The row says it.
            Limit::FewPrompts { .. } | Limit::FewIndependent { .. } => false,
            Limit::Coin(_)
            | Limit::Inverted(_)
            | Limit::FailedExam(..)
            | Limit::FewValid(_)
            | Limit::Missing(_) => has_rate,
            Limit::Consistency(_)
            | Limit::OnePerson(_)
            | Limit::OneJudge(_)
            | Limit::NothingToJudge
            | Limit::Planted(_)
            | Limit::Hasty(_)
            | Limit::MissedPlanted(_)
            | Limit::NoExam(_)
            | Limit::OneTraining => true,
        })
        .partition(|limit| matches!(limit, Limit::OneTraining));
    found.extend(serious.iter().map(limit_in_words));
    found.extend(measured.not_independent.map(str::to_owned).filter(|_| has_rate));
    found.extend(last.iter().map(limit_in_words));
    found
}
