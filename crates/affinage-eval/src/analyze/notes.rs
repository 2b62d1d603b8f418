//! What to do next.

use super::checks::CUT;
use super::no_rate::votes_needed;
use crate::analysis::{CheckState, ComparisonResult, Composite, Headline, JudgeResult, MethodCheck};
use crate::comparison::Pair;
use crate::human_votes::invitation;
use crate::judgment::is_author;
use crate::plan::{JudgeKind, Plan};
use crate::wording::notes::{self as wording, PromptCounts, Step};

/// A person, not the author, whose votes would count if there were more of them.
fn may_go_on(judge: &JudgeResult) -> bool {
    let has_missed = judge.planted.as_ref().is_some_and(|planted| planted.is_missed());
    judge.kind == JudgeKind::Human && !is_author(&judge.judge_id) && !judge.in_panel && !has_missed
}

/// What would help most, in order.
pub fn next_steps(
    plan: &Plan,
    headline: &Headline,
    comparisons: &[ComparisonResult],
    judges: &[JudgeResult],
    checks: &[MethodCheck],
    to_vote_on: &[&Pair],
    prompts: PromptCounts,
) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    let said = |step: Step| wording::step(plan, &step);
    // Before anybody judges texts that break off.
    let is_of_cuts = |check: &&MethodCheck| headline.cut_texts.is_some() && check.code == CUT;
    if headline.cut_texts.is_some() {
        let advice = checks.iter().find(is_of_cuts).and_then(|check| check.advice.as_deref());
        steps.push(said(Step::MoreRoom(advice)));
    }
    let nobody = judges.iter().all(|judge| judge.cells_judged == 0);
    let only_failed = !nobody && judges.iter().all(|judge| !judge.in_panel && judge.kind != JudgeKind::Human);
    if nobody || only_failed {
        // What costs no key and no money comes first.
        steps.extend(invitation(plan, to_vote_on));
        let fit = judges.iter().any(|judge| judge.exam.as_ref().is_none_or(|exam| !exam.is_unfit()));
        steps.push(said(match (judges.is_empty(), nobody && fit) {
            (true, _) => Step::FirstJudge,
            (false, true) => Step::AskJudges,
            (false, false) => Step::StrongerJudge,
        }));
    }
    let voted = || judges.iter().filter(|judge| judge.cells_judged > 0);
    if !nobody && voted().all(|judge| is_author(&judge.judge_id)) {
        steps.push(said(Step::NotOnlyAuthor));
    }
    let has_rate = comparisons.iter().any(|result| result.is_headline && result.overall.is_some());
    if let Some(voter) = judges.iter().find(|judge| !has_rate && may_go_on(judge)) {
        let pairs = to_vote_on.len();
        let voted = voter.cells_judged - voter.missing.values().sum::<usize>().min(voter.cells_judged);
        let needed = votes_needed(pairs);
        steps.push(said(Step::MissingVotes { voter: &voter.judge_id, voted, needed, pairs }));
    }
    let left_out = judges.iter().find_map(|judge| {
        let planted = judge.planted.as_ref().filter(|planted| planted.is_missed())?;
        Some(Step::OtherVoter { voter: &judge.judge_id, planted: planted.found })
    });
    steps.extend(left_out.filter(|_| !has_rate).map(said));
    for check in checks.iter().filter(|check| check.state == CheckState::Issue && !is_of_cuts(check)) {
        let advised = check.advice.as_deref();
        steps.extend(advised.map(|advice| said(Step::Check { title: &check.title, advice })));
    }
    let headline_result = comparisons.iter().find(|result| result.is_headline);
    let rate = headline_result.and_then(|result| result.overall.as_ref());
    if let Some((rate, needed)) = rate.and_then(|rate| Some((&rate.estimate, rate.needs_about_n?)))
        && needed > rate.n
    {
        steps.push(said(Step::MorePrompts { rate, needed, margin: plan.margin, prompts }));
    }
    let is_worse_somewhere = matches!(
        headline.composite,
        Composite::WorseInDomain
            | Composite::BroadlyWorse
            | Composite::TradedOff
            | Composite::BetterElsewhere
            | Composite::WorseOutside
            | Composite::WorseOverall
    );
    if is_worse_somewhere {
        steps.push(said(Step::ReadLost));
    }
    let panel: Vec<&JudgeResult> = judges.iter().filter(|judge| judge.in_panel).collect();
    if let [only] = panel[..] {
        steps.push(said(match only.kind {
            JudgeKind::Human => Step::SecondVoter,
            _ => Step::SecondJudge,
        }));
    }
    steps
}
