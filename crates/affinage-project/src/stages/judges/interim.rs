//! Judging in looks: some prompts, a look at the evidence, and a stop once it is enough. What a look may conclude is in
//! `affinage_eval::interim`.

use affinage_eval::interim::{InterimLook, look, looks, order};
use affinage_eval::judge::ledger::Phase;

use super::{Consent, Done, Evaluated, JudgeSummary, Request, Stages, ask};
use crate::folder::project::Project;

/// [`ask`], in looks where the plan stops early. A dry run, an exam alone and a plan without stopping go through all.
pub fn ask_in_looks(ctx: &Project, evaluated: &mut Evaluated, request: &Request) -> anyhow::Result<Done> {
    let is_whole = request.consent == Consent::DryRun || request.stages == Stages::Exam;
    if is_whole || !evaluated.plan.design.stops_early {
        return ask(ctx, evaluated, request);
    }
    let order: Vec<String> =
        order(evaluated.plan.seed, &evaluated.prompts).into_iter().map(str::to_owned).collect();
    let mut total = Done::default();
    let mut judges = request.judges.to_vec();
    let (mut stages, mut consent) = (request.stages, request.consent);
    for reached in looks(order.len()) {
        evaluated.due = Some(order[..reached].iter().cloned().collect());
        let done = ask(ctx, evaluated, &Request { judges: &judges, stages, consent, ..*request })?;
        // Nobody judged: the user said no, or nobody is fit to.
        let refused = done.summaries.iter().all(|summary| summary.phase == Phase::Exam.name());
        judges.retain(|judge| !done.unfit.contains(&judge.id));
        let halted = done.summaries.iter().any(|s| s.failed > 0 || s.in_batch > 0 || s.stopped.is_some());
        add(&mut total, done);
        if refused || halted {
            break;
        }
        // Whoever agreed once is not asked again at every look, and no judge sits its exam twice.
        (stages, consent) = (Stages::Judging, Consent::Given);
        let found = evidence(ctx, evaluated)?;
        let least = found.e_values.iter().copied().fold(f64::INFINITY, f64::min);
        ctx.ui.say(format!(
            "after {reached} of {} prompts the least evidence is E = {least:.1} where {:.0} is needed",
            order.len(),
            found.needed
        ));
        if found.is_enough() {
            ctx.ui.say("that is enough for every planned comparison: judging stops here");
            break;
        }
    }
    Ok(total)
}

/// Sums over looks; what is planned and there already is told as of the last one.
fn add(total: &mut Done, done: Done) {
    total.estimates = done.estimates;
    total.sources = done.sources;
    total.exams = done.exams;
    total.unfit.extend(done.unfit);
    for next in done.summaries {
        let same = |known: &&mut JudgeSummary| known.judge_id == next.judge_id && known.phase == next.phase;
        let Some(known) = total.summaries.iter_mut().find(same) else {
            total.summaries.push(next);
            continue;
        };
        *known = JudgeSummary {
            already_answered: next.already_answered.saturating_sub(known.made),
            made: known.made + next.made,
            failed: known.failed + next.failed,
            missing: known.missing + next.missing,
            cut_requests: known.cut_requests + next.cut_requests,
            only_thoughts: known.only_thoughts + next.only_thoughts,
            last_refusal: next.last_refusal.or(known.last_refusal.take()),
            input_tokens: known.input_tokens + next.input_tokens,
            output_tokens: known.output_tokens + next.output_tokens,
            cost_usd: known.cost_usd.zip(next.cost_usd).map(|(a, b)| a + b),
            ..next
        };
    }
}

fn evidence(ctx: &Project, evaluated: &Evaluated) -> anyhow::Result<InterimLook> {
    evaluated.judged(ctx, |inputs| Ok(look(inputs)?))
}
