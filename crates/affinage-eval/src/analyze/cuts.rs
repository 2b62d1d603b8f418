//! Answers cut at the token limit: where that happens to one arm and not to the other, cut texts are compared.

use super::Rows;
use super::votes::Votes;
use crate::comparison::{Pair, pairs};
use crate::completion::{Completion, FinishReason};
use crate::plan::Plan;
use crate::suite::Prompt;
use crate::wording::cuts as wording;

/// What the first screen, and the command that generates, say of the headline's answers; `None` where the shares of cut
/// answers are within the margin of each other.
///
/// The margin is the plan's own: an answer that ends in mid-sentence may lose for that alone, so when the shares differ by
/// more than the difference of win rates that counts as one, the cuts alone can make such a difference.
pub fn unequal_cuts(plan: &Plan, prompts: &[Prompt], completions: &[Completion]) -> Option<String> {
    let pairs = pairs(plan, prompts, completions);
    unequal(plan, pairs.iter().filter(|pair| *pair.planned == plan.headline))
}

pub fn of_headline(rows: &Rows, votes: &Votes) -> Option<String> {
    unequal(rows.plan, votes.of(&rows.plan.headline).map(|votes| &votes.pair))
}

/// A thought that was cut has no answer, and a rule of its own.
fn is_cut(answer: &Completion) -> bool {
    answer.finish_reason == FinishReason::Length && !answer.is_lost_in_thought()
}

fn unequal<'p, 'r: 'p>(plan: &Plan, pairs: impl Iterator<Item = &'p Pair<'r>>) -> Option<String> {
    let (mut all, mut arm, mut against) = (0, 0, 0);
    for pair in pairs {
        all += 1;
        arm += usize::from(is_cut(pair.arm));
        against += usize::from(is_cut(pair.against));
    }
    let planned = &plan.headline;
    let ((more, often), (less, seldom)) = match arm > against {
        true => ((arm, &planned.arm), (against, &planned.against)),
        false => ((against, &planned.against), (arm, &planned.arm)),
    };
    let is_unequal = (more - less) as f64 > plan.margin * all as f64;
    is_unequal.then(|| wording::unequal((more, often), (less, seldom), all, plan.sampling.max_new_tokens))
}
